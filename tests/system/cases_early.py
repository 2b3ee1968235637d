"""What is heard before the answer, in both directions, frames counted.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import sipp
from cases_codec import RTP_PORT, sdp
from cases_dialog import recv_kept, reply_kept
from common import GW, expect_totals, finish, open_error, test, totals
from harness import PEER_IP, expect
from rtp_peer import RtpPeer


def between(ear, start, end):
	return len([1 for t, _, _ in ear.packets if start <= t < end])


@test
def early_forks(b):
	"""Two forks of the PBX let hear something, one after the other: the phone hears the last one, and the one that answers."""
	b.mgw()
	a, c = RtpPeer(b, PEER_IP, RTP_PORT), RtpPeer(b, PEER_IP, RTP_PORT + 2)
	b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(183, "Session Progress", body=sdp(3, []), tag="forkA[call_number]"), sipp.pause(1500),
		       sipp.reply(183, "Session Progress", body=sdp(3, [], RTP_PORT + 2), tag="forkB[call_number]"), sipp.pause(1500),
		       sipp.reply(200, body=sdp(3, []), tag="forkA[call_number]"), sipp.recv("ACK", rtd="true"), sipp.recv("BYE"),
		       sipp.reply_in_dialog(), sipp.linger()], echo=False)
	b.gateway()
	t = totals(b, b.msc("--mo", 1, "--hold", 2, "--rtp"))
	expect_totals(t, answered=1, progress=1, unexpected=0)
	expect(t["rtp_rx_early"] >= 100, "%d frames came back before the answer" % t["rtp_rx_early"])
	first, last = c.packets[0][0], c.packets[-1][0]
	expect(len(c.packets) >= 50, "the second fork heard %d frames" % len(c.packets))
	expect(between(a, 0, first) >= 50, "the first fork heard %d frames before" % between(a, 0, first))
	expect(between(a, first + 0.1, last - 0.1) == 0, "the first fork heard %d frames meanwhile" % between(a, first + 0.1, last - 0.1))
	expect(between(a, last, last + 10) >= 80, "and %d after its answer" % between(a, last, last + 10))
	finish(b)
	return "%d early frames" % t["rtp_rx_early"]


@test
def early_180_with_sdp(b):
	"""180 with SDP: the phone hears the PBX's ringing tone, and the PBX hears the phone."""
	b.mgw()
	ear = RtpPeer(b, PEER_IP, RTP_PORT)
	b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(180, "Ringing", body=sdp(3, [])), sipp.pause(1500), sipp.reply(200, body=sdp(3, [])),
		       sipp.recv("ACK", rtd="true"), sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger()], echo=False)
	b.gateway()
	t = totals(b, b.msc("--mo", 1, "--hold", 1, "--rtp"))
	expect_totals(t, answered=1, progress=0, unexpected=0)
	expect(t["rtp_rx_early"] >= 40, "%d frames came back before the answer" % t["rtp_rx_early"])
	expect(len(ear.packets) >= 90, "the PBX heard %d frames" % len(ear.packets))
	finish(b)


def called_phone(b, ringing, extra, *player_args):
	"""The PBX calls a phone that rings for two seconds. Returns the player's totals, and how many frames the PBX heard before the answer."""
	b.mgw()
	ear = RtpPeer(b, PEER_IP, RTP_PORT)
	b.gateway(extra=extra)
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--ring-ms", 2000, "--rtp", *player_args)
	b.wait_mncc_up()
	pbx = b.sipp("pbx", [sipp.invite(body=sdp(3, [])), sipp.recv(100, optional=True)] + ringing +
		     [sipp.recv(200, check="m=audio"), sipp.request("ACK", 1, retrans=False), sipp.pause(1000), sipp.request("BYE", 2), sipp.recv(200)],
		     "-m", 1, "-s", "1001", remote=GW, echo=False)
	expect(pbx.wait(60) == 0, "the PBX's call went wrong:\n" + open_error(b, "pbx"))
	t = totals(b, player)
	expect_totals(t, answered=1, unexpected=0)
	finish(b)
	return t, ear


@test
def early_from_phone(b):
	"""The MSC says that there is something to hear while its phone rings: 183 with SDP when it has a port, and the PBX hears it."""
	t, ear = called_phone(b, [sipp.recv(180), sipp.recv(183, check="m=audio")], "", "--in-band", "--assign-ms", 300)
	expect(t["rtp_rx_early"] >= 50, "%d frames came back before the answer" % t["rtp_rx_early"])
	return "%d early frames" % t["rtp_rx_early"]


@test
def early_from_phone_off(b):
	"""The same to a peer with early-media off: a bare 180."""
	called_phone(b, [sipp.recv(180)], "sip-peer pbx\n early-media off\n", "--in-band")


@test
def early_none_from_phone(b):
	"""The MSC says nothing of the kind: a bare 180."""
	called_phone(b, [sipp.recv(180)], "")


@test
def early_prack(b):
	"""The answer is in a reliable 183, PRACKed; the 200 has no description: heard before it and after it, both ways."""
	b.mgw()
	ear = RtpPeer(b, PEER_IP, RTP_PORT)
	pbx = b.sipp("pbx", [recv_kept("INVITE"), reply_kept(183, body=sdp(3, []), extra="Require: 100rel\nRSeq: 4711\n"), sipp.recv("PRACK"),
			     sipp.reply_in_dialog(), sipp.pause(1500), reply_kept(200), sipp.recv("ACK"), sipp.recv("BYE"), sipp.reply_in_dialog(),
			     sipp.linger()], "-m", 1, echo=False)
	b.gateway()
	t = totals(b, b.msc("--mo", 1, "--hold", 2, "--rtp"))
	expect(pbx.wait(30) == 0, "the call went wrong at the PBX:\n" + open_error(b, "pbx"))
	expect_totals(t, answered=1, progress=1, unexpected=0)
	expect(t["rtp_rx_early"] >= 50, "%d frames came back before the answer" % t["rtp_rx_early"])
	expect(t["rtp_echo"] >= t["rtp_tx"] - 15 and t["rtp_rx"] - t["rtp_rx_early"] >= 80, "frames: %s" % t)
	expect(len(ear.packets) >= 150, "the PBX heard %d frames" % len(ear.packets))
	finish(b)
	return "%d early frames" % t["rtp_rx_early"]


@test
def early_183_without_sdp(b):
	"""183 without a description lets nothing be heard: the phone is told of no tone, and makes its own when it rings."""
	b.mgw()
	b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(183, "Session Progress"), sipp.pause(1000), sipp.reply(180, "Ringing"), sipp.pause(500),
		       sipp.reply(200, body=sdp(3, [])), sipp.recv("ACK"), sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger()], echo=False)
	b.gateway()
	t = totals(b, b.msc("--mo", 1, "--hold", 1, "--rtp"))
	expect_totals(t, answered=1, progress=0, unexpected=0)
	expect(t["rtp_rx_early"] - t["rtp_bad"] <= 0, "%d frames came before the answer" % t["rtp_rx_early"])
	finish(b)


def early_between_phones(b, media, mgw):
	if mgw:
		b.mgw()
	b.gateway(extra="route phones\n match from gsm\n target gsm %s\n" % media)
	t = totals(b, b.msc("--mo", 1, "--mt", 1, "--mt-behaviour", "answer", "--called", "1002", "--in-band", "--ring-ms", 2000, "--assign-ms", 300,
			    "--hold", 1, "--rtp"))
	expect_totals(t, mo_answered=1, mt_answered=1)
	expect(t["rtp_rx_early"] >= 60, "%d frames were heard before the answer: %s" % (t["rtp_rx_early"], t))
	expect(t["rtp_echo"] == 0, "somebody heard himself: %s" % t)
	finish(b, mgw=mgw)
	return "%d early frames" % t["rtp_rx_early"]


@test
def early_phone_to_phone(b):
	"""A phone hears what the network of the called phone lets it hear, through osmo-mgw."""
	return early_between_phones(b, "anchored", True)


@test
def early_phone_to_phone_direct(b):
	"""The same without a gateway."""
	return early_between_phones(b, "direct", False)
