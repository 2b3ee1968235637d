"""IPv4 and IPv6 with the real osmo-mgw, which says nothing when it is told of an address that it cannot send to.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import socket

import sipp
from cases_codec import RTP_PORT, bit_exact, refused
from cases_health import wait_finding
from common import expect_audio, expect_totals, finish, test, totals
from harness import PEER_IP, expect
from rtp_peer import RtpPeer

IPV6 = "::1"
BOTH = " rtp bind-ip-v6 %s\n" % IPV6


def has_ipv6():
	try:
		with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
			s.bind((IPV6, 0))
	except OSError:
		return False
	return True


def sdp(address, port=RTP_PORT, in_media=False):
	"""FR at this address; in_media: the session part has one of the other version."""
	c = "c=IN IP%d %s\n" % (6 if ":" in address else 4, address)
	other = "c=IN IP4 192.0.2.1\n" if ":" in address else "c=IN IP6 2001:db8::1\n"
	return ("v=0\no=pbx 1 1 IN IP4 192.0.2.1\ns=-\n%st=0 0\nm=audio %d RTP/AVP 97\n%sa=rtpmap:97 GSM/8000\na=sendrecv\n"
		% (other if in_media else c, port, c if in_media else ""))


@test
def ip_offer_refused(b):
	"""The PBX offers IPv6 as linphone on a host with both does, the gateway has IPv4 only: 488 and words, no silent call."""
	refused(b, "fr", sdp(IPV6), "peer offers audio at IPv6 ::1; media gateway has IPv4")


@test
def ip_offer_in_media_refused(b):
	"""The same said at the stream, against what the session part says."""
	refused(b, "fr", sdp(IPV6, in_media=True), "peer offers audio at IPv6 ::1; media gateway has IPv4")


@test
def ip_name_refused(b):
	"""A host name in c=: 488, before a phone is paged."""
	refused(b, "fr", sdp("media.example.net"), "the offer has a host name in c=, not an IP address")


@test
def ip_offer_of_both(b):
	"""A gateway with both versions stands between a PBX with IPv6 and an MSC with IPv4: every octet arrives."""
	if not has_ipv6():
		return "skipped: this host has no IPv6"
	return bit_exact(b, "fr", 97, "GSM/8000", 33, mgw=BOTH, body=sdp(IPV6), ear_ip=IPV6)


def phone_calls(b, mgw, steps):
	b.mgw(more=mgw)
	b.gateway(log_level="notice")
	b.sipp("answer", steps, "-m", 1, echo=False)
	return totals(b, b.msc("--mo", 1, "--hold", 3, "--rtp", "--timeout", 15))


@test
def ip_begins_with_the_peers(b):
	"""A phone calls over a gateway with both, which would rather begin with IPv6: the PBX has IPv4 and is offered that."""
	if not has_ipv6():
		return "skipped: this host has no IPv6"
	ear = RtpPeer(b, PEER_IP, RTP_PORT)
	t = phone_calls(b, BOTH, [sipp.recv("INVITE", check="c=IN IP4 "), sipp.reply(180), sipp.reply(200, body=sdp(PEER_IP)), sipp.recv("ACK"),
				  sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger()])
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 2)
	expect(ear.packets, "the PBX heard nothing")
	finish(b)
	return "%d frames there, %d back" % (len(ear.packets), t["rtp_echo"])


@test
def ip_answer_refused(b):
	"""We offer IPv4, the PBX answers IPv6: ACK, BYE, and words for the operator."""
	t = phone_calls(b, "", [sipp.recv("INVITE", check="c=IN IP4 "), sipp.reply(200, body=sdp(IPV6)), sipp.recv("ACK"), sipp.recv("BYE"),
				sipp.reply_in_dialog(), sipp.linger()])
	expect_totals(t, answered=0, failed=1, cause_88=1)
	said = b.vty("show calls failed")
	expect("peer answers audio at IPv6 ::1; it was offered IPv4" in " ".join(said.split()), "show calls failed says:\n" + said)
	said = wait_finding(b, "address-mismatch", "warning", "addresses")
	expect("it was offered IPv4" in " ".join(said.split()) and "codec-mismatch" not in b.vty("show health"), said)
	finish(b)


@test
def ip_msc_refused(b):
	"""The MSC's side has IPv6, the gateway IPv4 only: the phone's call ends with a cause and words, nobody is called."""
	if not has_ipv6():
		return "skipped: this host has no IPv6"
	b.mgw()
	b.gateway(log_level="notice")
	player = b.msc("--mo", 1, "--hold", 3, "--rtp", "--rtp-ip", IPV6, "--new-msc", "--timeout", 15)
	t = totals(b, player)
	expect_totals(t, answered=0, failed=1, cause_65=1)
	expect("MSC has audio at IPv6 ::1; media gateway has IPv4" in b.gw.output(), "the log does not say why:\n" + b.gw.output()[-800:])
	finish(b)
