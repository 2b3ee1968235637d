"""Media that change in a call, through the real osmo-mgw, with each frame counted: payload types, packing, hold, another codec.

The player numbers its frames, the PBX sends each one back. What is lost on the way at a change is what was under way.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import sipp
from cases_codec import RTP_PORT, sdp
from common import GW, expect_totals, finish, open_error, test, totals
from harness import PEER_IP, expect
from rtp_peer import RtpPeer

UNDER_WAY = 4  # frames: 20 ms each, on a loaded machine


def offers(formats, attributes, version, direction="sendrecv"):
	return sdp(formats, attributes).replace("o=pbx 1 1", "o=pbx 1 %d" % version).replace("a=sendrecv", "a=" + direction)


def reinvites(bodies, ms=1500):
	"""The PBX calls with the first offer, and offers each further one after a while; (body, what the answer has to contain)."""
	steps = [sipp.invite(body=bodies[0][0]), sipp.recv(100, optional=True), sipp.recv(180, optional=True), sipp.recv(183, optional=True),
		 sipp.recv(200, check=bodies[0][1]), sipp.request("ACK", 1, retrans=False), sipp.pause(ms)]
	for n, (body, check) in enumerate(bodies[1:], 2):
		steps += [sipp.request("INVITE", n, body=body), sipp.recv(100, optional=True), sipp.recv(200, check=check),
			  sipp.request("ACK", n, retrans=False), sipp.pause(ms)]
	return steps + [sipp.request("BYE", len(bodies) + 1), sipp.recv(200)]


def changes(b, codec, bodies, ear_pts, head_len, *player_args):
	"""A call with these offers, one after the other. Returns the player's totals and the PBX's ear, having seen that it heard all frames."""
	b.mgw()
	ear = RtpPeer(b, PEER_IP, RTP_PORT)
	b.gateway()
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--codec", codec, "--rtp", *player_args)
	b.wait_mncc_up()
	pbx = b.sipp("pbx", reinvites(bodies), "-m", 1, "-s", "1001", remote=GW, echo=False)
	expect(pbx.wait(60) == 0, "the PBX's call went wrong:\n" + open_error(b, "pbx"))
	t = totals(b, player)
	expect_totals(t, answered=1, unexpected=0)
	pts = [p for _, p, _ in ear.packets]
	expect(set(pts) == set(ear_pts), "payload types heard: %s" % sorted(set(pts)))
	for pt in ear_pts:
		expect(pts.count(pt) >= 25, "%d frames with payload type %d" % (pts.count(pt), pt))
	return t, ear, head_len


def all_heard(heard):
	"""Nothing but what was under way at the changes got lost."""
	t, ear, head_len = heard
	got = ear.frames(head_len)
	lost = max(got) - min(got) + 1 - len(set(got))
	expect(lost <= UNDER_WAY, "%d of %d frames did not reach the PBX" % (lost, t["rtp_tx"]))
	expect(t["rtp_tx"] - len(got) <= 10 + UNDER_WAY, "%d of %d frames reached the PBX" % (len(got), t["rtp_tx"]))
	expect(t["rtp_echo"] >= len(got) - 10 - UNDER_WAY, "%d of %d frames came back" % (t["rtp_echo"], len(got)))
	expect(t["rtp_bad"] <= 3 + UNDER_WAY, "%d frames are not what was sent" % t["rtp_bad"])
	return "%d frames, %d lost to the PBX, %d on the way back" % (t["rtp_tx"], lost, len(got) - t["rtp_echo"])


def new_number(b, codec, encoding, head_len, fmtp=None):
	def body(pt, version):
		return offers(pt, ["rtpmap:%d %s" % (pt, encoding)] + (["fmtp:%d %s" % (pt, fmtp)] if fmtp else []), version)
	said = all_heard(changes(b, codec, [(body(97, 1), "RTP/AVP 97"), (body(99, 2), "RTP/AVP 99"), (body(97, 3), "RTP/AVP 97")], [97, 99], head_len))
	finish(b)
	return said


@test
def change_number_fr(b):
	"""FR, which the PBX calls 97, then 99, then 97 again."""
	return new_number(b, "fr", "GSM/8000", 1)


@test
def change_number_hr(b):
	"""The same with HR of TS 101 318."""
	return new_number(b, "hr", "GSM-HR-08/8000", 0)


@test
def change_number_hr_rfc5993(b):
	"""The same with HR of RFC 5993."""
	return new_number(b, "hr5993", "GSM-HR-08/8000", 1)


@test
def change_number_amr(b):
	"""The same with AMR, octet-aligned on both sides."""
	return new_number(b, "amr", "AMR/8000", 2, "octet-align=1;mode-set=7")


@test
def change_packing(b):
	"""AMR octet-aligned, then bandwidth-efficient, then octet-aligned: osmo-mgw repacks while that is needed."""
	oa, be = "octet-align=1;mode-set=7", "mode-set=7"
	bodies = [(offers(98, ["rtpmap:98 AMR/8000", "fmtp:98 " + fmtp], n), "octet-align=1" if fmtp == oa else "mode-set=7")
		  for n, fmtp in enumerate((oa, be, oa), 1)]
	t, ear, _ = changes(b, "amr", bodies, [98], 2)
	packed = [len(p) for _, _, p in ear.packets]
	expect(set(packed) == {32, 33} and packed.count(32) >= 50 and packed.count(33) >= 100, "lengths of frames: %s" % set(packed))
	expect(packed[0] == 33 and packed[-1] == 33, "it began with %d octets and ended with %d" % (packed[0], packed[-1]))
	expect(t["rtp_tx"] - len(packed) <= 10 + UNDER_WAY, "%d of %d frames reached the PBX" % (len(packed), t["rtp_tx"]))
	expect(t["rtp_echo"] >= len(packed) - 10 - 2 * UNDER_WAY, "%d of %d frames came back" % (t["rtp_echo"], len(packed)))
	finish(b)
	return "%d frames there, %d of them repacked, %d back" % (len(packed), packed.count(32), t["rtp_echo"])


def on_hold(b, codec, encoding, head_len, fmtp=None):
	def body(version, direction):
		return offers(97, ["rtpmap:97 " + encoding] + (["fmtp:97 " + fmtp] if fmtp else []), version, direction)
	t, ear, _ = changes(b, codec, [(body(1, "sendrecv"), "a=sendrecv"), (body(2, "inactive"), "a=inactive"), (body(3, "sendrecv"), "a=sendrecv")],
			    [97], head_len)
	got = ear.frames(head_len)
	gaps = [(y - x - 1) for x, y in zip(got, got[1:]) if y != x + 1]
	expect(len(gaps) == 1 and 60 <= gaps[0] <= 100, "frames missing at the PBX, one after the other: %s, not those of 1.5 s of hold" % gaps)
	expect(t["rtp_bad"] <= 3, "%d frames are not what was sent" % t["rtp_bad"])
	expect(t["rtp_echo"] >= len(got) - 10 - UNDER_WAY, "%d of %d frames came back" % (t["rtp_echo"], len(got)))
	finish(b)
	return "%d frames heard, %d kept back on hold, none lost at its ends" % (len(got), gaps[0])


@test
def change_hold_hr(b):
	"""Hold and retrieval by the PBX with HR: what is missing is what was said on hold."""
	return on_hold(b, "hr", "GSM-HR-08/8000", 0)


@test
def change_hold_amr(b):
	"""The same with AMR."""
	return on_hold(b, "amr", "AMR/8000", 2, "octet-align=1")


def phone_moves(b, codec, to, first, second, head_len, to_head_len):
	"""A phone calls, and gets another port and codec by a handover. The PBX is asked, and agrees."""
	b.mgw()
	ear = RtpPeer(b, PEER_IP, RTP_PORT)
	b.gateway()
	pbx = b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(200, body=first), sipp.recv("ACK"), sipp.recv("INVITE"),
			     sipp.reply(200, body=second, tag=None), sipp.recv("ACK"), sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger(500)],
		     "-m", 1, echo=False)
	t = totals(b, b.msc("--mo", 1, "--hold", 4, "--rtp", "--codec", codec, "--handover-after", 2, "--handover-codec", to))
	expect_totals(t, answered=1, unexpected=0)
	expect(pbx.wait(30) == 0, "the call went wrong at the PBX:\n" + open_error(b, "pbx"))
	before, after = ear.payloads(97), ear.payloads(98)
	expect(len(before) >= 80 and len(after) >= 80, "the PBX heard %d frames before and %d after the change" % (len(before), len(after)))
	expect(len(before) + len(after) >= t["rtp_tx"] - 10 - UNDER_WAY, "of %d frames the PBX heard %d and %d" % (t["rtp_tx"], len(before), len(after)))
	expect(t["rtp_echo"] >= t["rtp_tx"] - 10 - 3 * UNDER_WAY, "%d of %d frames came back" % (t["rtp_echo"], t["rtp_tx"]))
	finish(b)
	return "%d frames: %d before, %d after, %d back" % (t["rtp_tx"], len(before), len(after), t["rtp_echo"])


@test
def change_codec_fr_amr(b):
	"""FR becomes AMR in the call, bandwidth-efficient at the PBX."""
	return phone_moves(b, "fr", "amr", offers(97, ["rtpmap:97 GSM/8000"], 1), offers(98, ["rtpmap:98 AMR/8000"], 2), 1, 2)


@test
def change_codec_hr_fr(b):
	"""HR becomes FR, as when a cell empties."""
	return phone_moves(b, "hr", "fr", offers(97, ["rtpmap:97 GSM-HR-08/8000"], 1), offers(98, ["rtpmap:98 GSM/8000"], 2), 0, 1)
