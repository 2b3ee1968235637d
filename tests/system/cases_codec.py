"""Codecs through the real osmo-mgw: payloads octet by octet, other payload types on either side, AMR packed in two ways, keys, and refusals
in words.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import re
import subprocess

import sipp
from common import GW, expect_audio, expect_totals, finish, mt_call, open_error, test, totals
from harness import MGW_IP, PEER_IP, Vty, expect
from rtp_peer import RtpPeer, amr_be_frame

RTP_PORT = 7000


def sdp(formats, attributes, port=RTP_PORT):
	return ("v=0\no=pbx 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\nm=audio %d RTP/AVP %s\n%sa=sendrecv\n"
		% (port, formats, "".join("a=%s\n" % a for a in attributes)))


def calls(body, ms=3000):
	return [sipp.invite(body=body), sipp.recv(100, optional=True), sipp.recv(180, optional=True), sipp.recv(183, optional=True),
		sipp.recv(200), sipp.request("ACK", 1, retrans=False), sipp.pause(ms), sipp.request("BYE", 2), sipp.recv(200)]


def call_phone(b, codec, body, *player_args, extra="", ear_ip=PEER_IP):
	"""The PBX calls a phone with this codec; returns the player's totals and the PBX's ear."""
	ear = RtpPeer(b, ear_ip, RTP_PORT)
	b.gateway(extra=extra)
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--codec", codec, "--rtp", *player_args)
	b.wait_mncc_up()
	pbx = b.sipp("pbx", calls(body), "-m", 1, "-s", "1001", remote=GW, echo=False)
	expect(pbx.wait(60) == 0, "the PBX's call went wrong:\n" + open_error(b, "pbx"))
	return totals(b, player), ear


def bit_exact(b, codec, pt, rtpmap, length, fmtp=None, msc=(), extra="", mgw="", body=None, ear_ip=PEER_IP):
	b.mgw(more=mgw)
	attributes = ["rtpmap:%d %s" % (pt, rtpmap)] + (["fmtp:%d %s" % (pt, fmtp)] if fmtp else [])
	t, ear = call_phone(b, codec, body or sdp(pt, attributes), *msc, extra=extra, ear_ip=ear_ip)
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 3)
	heard = ear.payloads(pt)
	expect(len(heard) >= 0.9 * t["rtp_tx"], "the PBX heard %d of %d frames" % (len(heard), t["rtp_tx"]))
	expect(len(heard) == len(ear.packets), "frames of other payload types came: %s" % set(p for _, p, _ in ear.packets))
	expect(set(map(len, heard)) == {length}, "lengths of payload: %s" % set(map(len, heard)))
	expect(all(b"MSCP" in p for p in heard), "a payload is not what was spoken")
	finish(b)
	return "%d frames there, %d back" % (len(heard), t["rtp_echo"])


@test
def codec_fr(b):
	"""FR, 3 on the GSM side and 97 at the PBX: every octet arrives, both ways."""
	return bit_exact(b, "fr", 97, "GSM/8000", 33)


@test
def codec_efr(b):
	"""EFR, 110 and 100."""
	return bit_exact(b, "efr", 100, "GSM-EFR/8000", 31)


@test
def codec_hr(b):
	"""HR as in 3GPP TS 101 318, 111 and 99: passes as it is."""
	return bit_exact(b, "hr", 99, "GSM-HR-08/8000", 14)


@test
def codec_hr_rfc5993(b):
	"""HR as in RFC 5993, 111 and 99: passes as it is."""
	return bit_exact(b, "hr5993", 99, "GSM-HR-08/8000", 15)


@test
def codec_amr(b):
	"""AMR, octet-aligned on both sides, 112 and 98."""
	return bit_exact(b, "amr", 98, "AMR/8000", 33, "octet-align=1;mode-set=7")


@test
def codec_amr_wb(b):
	"""AMR-WB of a 3G phone, 113 and 98, at 23.85 kbit/s."""
	return bit_exact(b, "amr-wb", 98, "AMR-WB/16000", 62, "octet-align=1;mode-set=8", msc=("--new-msc",), extra="mncc\n more-codecs AMR-WB\n")


@test
def codec_g722(b):
	"""G.722, if the MSC has it: 9 on both sides, whose clock is said to be 8 kHz (RFC 3551 4.5.2)."""
	return bit_exact(b, "g722", 9, "G722/8000", 160, msc=("--new-msc",), extra="mncc\n more-codecs G722\n")


@test
def codec_clearmode(b):
	"""CLEARMODE (RFC 4040) in a data call, 120 and 97: the MSC has it in its SDP, so it is wanted."""
	return bit_exact(b, "clearmode", 97, "CLEARMODE/8000", 160, msc=("--new-msc",), extra="mncc\n more-codecs CLEARMODE\n")


def phone_calls(b, codec, pt, attributes, length):
	"""A phone with this codec calls the PBX, which has it with another payload type."""
	b.mgw()
	ear = RtpPeer(b, PEER_IP, RTP_PORT)
	b.gateway()
	b.sipp("answer", [sipp.recv("INVITE"), sipp.reply(180), sipp.reply(200, body=sdp(pt, attributes)), sipp.recv("ACK"), sipp.recv("BYE"),
			  sipp.reply_in_dialog(), sipp.linger()], "-m", 1, echo=False)
	t = totals(b, b.msc("--mo", 1, "--hold", 3, "--rtp", "--codec", codec, "--new-msc"))
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 2)
	heard = ear.payloads(pt)
	expect(len(heard) >= 0.9 * t["rtp_tx"] and set(map(len, heard)) == {length}, "%d of %d frames, of %s octets"
	       % (len(heard), t["rtp_tx"], set(map(len, heard))))
	finish(b)
	return "%d frames there, %d back" % (len(heard), t["rtp_echo"])


@test
def codec_amr_wb_mo(b):
	"""A 3G phone with AMR-WB calls: the gateway makes a connection for it before it knows the PBX."""
	return phone_calls(b, "amr-wb", 98, ["rtpmap:98 AMR-WB/16000", "fmtp:98 octet-align=1"], 62)


@test
def codec_g722_mo(b):
	"""A call with G.722."""
	return phone_calls(b, "g722", 9, [], 160)


@test
def codec_clearmode_mo(b):
	"""A data call."""
	return phone_calls(b, "clearmode", 97, ["rtpmap:97 CLEARMODE/8000"], 160)


@test
def codec_amr_wb_is_not_repacked(b):
	"""AMR-WB octet-aligned on the GSM side, bandwidth-efficient at the PBX: osmo-mgw repacks AMR only, so it is refused in words."""
	refused(b, "amr-wb", sdp(98, ["rtpmap:98 AMR-WB/16000"]), "peer offers AMR-WB, packed otherwise", msc=("--new-msc",), extra="mncc\n more-codecs AMR-WB\n")


@test
def codec_amr_repacked(b):
	"""AMR octet-aligned on the GSM side, bandwidth-efficient at the PBX: osmo-mgw repacks it both ways, no bit of speech is lost."""
	b.mgw()
	t, ear = call_phone(b, "amr", sdp(97, ["rtpmap:97 AMR/8000", "fmtp:97 mode-set=7"]))
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 3)
	heard = ear.payloads(97)
	expect(len(heard) >= 0.9 * t["rtp_tx"], "the PBX heard %d of %d frames" % (len(heard), t["rtp_tx"]))
	for p in heard:
		cmr, more, ft, quality, bits, n = amr_be_frame(p)
		expect((cmr, more, ft, quality) == (15, 0, 7, 1), "head of a frame: CMR %d F %d FT %d Q %d: %s" % (cmr, more, ft, quality, p.hex()))
		expect(len(p) == 32 and n == 246 and bits & 3 == 0, "a frame of %d octets" % len(p))
		expect((bits >> 2) >> (244 - 32) == int.from_bytes(b"MSCP", "big"), "the frame's first bits are not what was spoken")
	finish(b)
	return "%d frames there, %d back" % (len(heard), t["rtp_echo"])


@test
def codec_hr_repacked(b):
	"""HR as in TS 101 318 on the GSM side; osmo-mgw with `rtp-patch rfc5993hr' makes it RFC 5993 at the PBX, and back."""
	b.mgw()
	v = Vty(MGW_IP, 4243)
	v.cmd("configure terminal")
	v.cmd("mgcp")
	said = v.cmd("rtp-patch rfc5993hr")
	v.close()
	expect("%" not in said, "osmo-mgw says " + said)
	t, ear = call_phone(b, "hr", sdp(99, ["rtpmap:99 GSM-HR-08/8000"]))
	heard = ear.payloads(99)
	expect_audio(t, 3)
	expect(set(map(len, heard)) == {15} and all(p[0] == 0 and p[1:5] == b"MSCP" for p in heard), "not RFC 5993: %s" % heard[:1])
	finish(b)


def mgw_version():
	out = subprocess.run(["osmo-mgw", "--version"], stdout=subprocess.PIPE, text=True).stdout
	return tuple(map(int, re.search(r"version (\d+)\.(\d+)", out).groups()))


@test
def codec_keys_in_rtp(b):
	"""telephone-event (RFC 4733), 101 on the GSM side and 96 at the PBX: keys pass both ways, beside the voice."""
	b.mgw()
	body = sdp("97 96", ["rtpmap:97 GSM/8000", "rtpmap:96 telephone-event/8000", "fmtp:96 0-15"])
	t, ear = call_phone(b, "fr", body, "--new-msc", "--events")
	keys = ear.payloads(96)
	if mgw_version() >= (1, 12):  # whatever passes it gets the payload type of the voice
		expect(not keys and not t["rtp_events"] and t["rtp_intact"] >= 130, "keys pass, voice does not: %s" % t)
		finish(b)
		return "this osmo-mgw makes voice of keys"
	expect_audio(t, 3)
	expect(len(keys) >= 10 and set(keys) == {b"\x05\x0a\x00\xa0"}, "keys at the PBX: %s" % keys[:3])
	expect(t["rtp_events"] >= 0.9 * len(keys), "%d of %d keys came back" % (t["rtp_events"], len(keys)))
	finish(b)
	return "%d keys there, %d back" % (len(keys), t["rtp_events"])


def refused(b, codec, body, words, extra="", n_calls=1, msc=()):
	"""The PBX's call is refused with 488 and these words, in the Warning and in one line of the log."""
	b.mgw()
	b.gateway(extra=extra, log_level="notice")
	player = b.msc("--mt", n_calls, "--mt-behaviour", "answer", "--codec", codec, "--timeout", 8, *msc)
	b.wait_mncc_up()
	check = ('<recv response="488"><action><ereg regexp="%s" search_in="hdr" header="Warning:" check_it="true" assign_to="9"/></action></recv>'
		 % words)
	pbx = b.sipp("pbx", [sipp.invite(body=body), sipp.recv(100, optional=True), sipp.recv(180, optional=True), check,
			     sipp.request("ACK", 1, invite_at=4, retrans=False), sipp.linger(500)],
		     "-m", 1, "-s", "1001", remote=GW, echo=False)
	expect(pbx.wait(60) == 0, "the PBX's call went wrong:\n" + open_error(b, "pbx"))
	lines = [line for line in b.gw.output().splitlines() if words in line]
	expect(len(lines) == 1, "lines in the log that say why: %s" % lines)
	player.end()
	finish(b)


@test
def codec_none_of_gsm(b):
	"""A PBX with G.711 alone: 488 and words, before a phone is paged."""
	refused(b, "fr", sdp("0 8", []), "phone: AMR, EFR, FR, HR; peer offers PCMU, PCMA")


@test
def codec_none_in_common(b):
	"""A PBX with AMR alone calls a phone with FR: 488 and words, before a radio channel is taken."""
	refused(b, "fr", sdp(98, ["rtpmap:98 AMR/8000"]), "phone: FR only; peer offers AMR")


@test
def codec_efr_is_not_amr(b):
	"""EFR and AMR of 12.2 kbit/s are the same speech in other payloads, and osmo-mgw does not repack them: refused, not connected in silence."""
	refused(b, "efr", sdp(98, ["rtpmap:98 AMR/8000", "fmtp:98 octet-align=1;mode-set=7"]), "phone: EFR only; peer offers AMR")


@test
def codec_data_refused(b):
	"""CLEARMODE, that a phone does not talk over."""
	refused(b, "fr", sdp(97, ["rtpmap:97 CLEARMODE/8000"]), "phone: AMR, EFR, FR, HR; peer offers CLEARMODE")


@test
def codec_list(b):
	"""The list of a peer: of its offer what is on the list, in the list's order."""
	b.mgw()
	body = sdp("97 98 3", ["rtpmap:97 GSM-EFR/8000", "rtpmap:98 AMR/8000", "fmtp:98 octet-align=1"])
	t, ear = call_phone(b, "fr", body, extra="sip-peer pbx\n codecs PCMA FR AMR\n")
	expect_totals(t, answered=1)
	expect(len(ear.payloads(3)) >= 0.9 * t["rtp_tx"], "the PBX heard %d of %d frames" % (len(ear.payloads(3)), t["rtp_tx"]))
	finish(b)


@test
def codec_list_refuses(b):
	"""What is not on the list is refused, also if both could: no phone is paged."""
	b.mgw()
	b.gateway(extra="sip-peer pbx\n codecs AMR\n")
	player = b.msc("--mo", 1, "--timeout", 20)
	t = totals(b, player)
	expect_totals(t, answered=0, failed=1, cause_88=1)
	expect("phone: FR only; allowed with peer pbx: AMR" in b.gw.output(), "the log does not say why:\n" + b.gw.output()[-800:])
	finish(b)


@test
def codec_baresip(b):
	"""baresip, which has FR, is called by a phone with FR: it answers, and speaks."""
	phone = b.baresip()
	b.mgw()
	b.gateway(peer=phone.ADDR)
	t = totals(b, b.msc("--mo", 1, "--hold", 3, "--rtp"))
	expect_totals(t, answered=1, unexpected=0)
	expect(t["rtp_rx"] >= 100 and t["rtp_bad"] <= 2, "frames from baresip: %s" % t)
	finish(b)


@test
def codec_pbx_refuses(b):
	"""The PBX allows G.711 only and says no more than 488, as Asterisk does: the operator is told what we had offered."""
	b.mgw()
	pbx = b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(488, "Not Acceptable Here"), sipp.recv("ACK"), sipp.linger(500)], "-m", 1)
	b.gateway()
	expect_totals(totals(b, b.msc("--mo", 1, "--codec", "fr")), answered=0, failed=1, cause_88=1)
	expect(pbx.wait(30) == 0, "sipp: " + open_error(b, "pbx"))
	shown = " ".join(b.vty("show calls failed").split())
	expect("SIP 488 Not Acceptable Here; offered: FR" in shown, shown)
	health = " ".join(b.vty("show health").split())
	expect("codec-mismatch" in health and "offered: FR" in health, health)
	finish(b)
