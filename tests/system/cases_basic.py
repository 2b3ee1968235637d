"""Calls as such, trouble, and real peers: what has to work with the plainest configuration.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import os
import re
import signal
import socket
import time

import sipp
from common import GW, expect_audio, expect_totals, finish, mo_call, mt_call, saw_it_through, test, totals
from harness import GW_IP, MGW_IP, PEER_IP, PROXY_IP, RELAY_IP, expect, wait_for

# ---- calls from phones (MO)

def mo_audio(b, media):
	t = mo_call(b, sipp.ANSWERS, "--hold", 3, "--rtp", media=media)
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 3)
	finish(b)


@test
def mo_anchored(b):
	"""A phone calls the PBX, which answers: three seconds of audio each way through osmo-mgw, every frame intact."""
	mo_audio(b, "anchored")


@test
def mo_direct(b):
	"""The same with media direct: no endpoint is used, audio goes from end to end."""
	mo_audio(b, "direct")


@test
def mo_early_media(b):
	"""183 with SDP: the phone hears audio before the answer."""
	t = mo_call(b, [sipp.recv("INVITE"), sipp.reply(183, "Session Progress", body=sipp.sdp()), sipp.pause(1500),
			sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK", rtd="true"), sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger()],
		    "--hold", 1, "--rtp")
	expect_totals(t, answered=1, unexpected=0, progress=(1, 2))
	expect_audio(t, 2)
	expect(t["rtp_rx_early"] >= 40, "only %d frames came back before the answer" % t["rtp_rx_early"])
	finish(b)


@test
def mo_ipv6(b):
	"""The SIP side over IPv6, from the INVITE to the BYE."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS, "-m", 1, ip="::1", port=5062, media_ip=PEER_IP)
	b.gateway(peer=("::1", 5062), extra="sip\n bind ::1 5060\n")
	t = totals(b, b.msc("--mo", 1, "--hold", 2, "--rtp"))
	expect_totals(t, answered=1)
	expect_audio(t, 2)
	saw_it_through(b, pbx, "the call went wrong at the PBX")
	finish(b)


@test
def mo_busy(b):
	"""486 from the PBX is user busy (17) on the phone."""
	expect_totals(mo_call(b, sipp.BUSY), answered=0, failed=1, cause_17=1)
	finish(b)


@test
def mo_unknown_number(b):
	"""404 from the PBX is unassigned number (1) on the phone."""
	expect_totals(mo_call(b, sipp.NOT_FOUND), answered=0, failed=1, cause_1=1)
	finish(b)


@test
def mo_abandoned(b):
	"""The phone hangs up while it rings at the PBX: CANCEL."""
	t = mo_call(b, sipp.RINGS_UNTIL_CANCEL, "--abandon-after", 1, wrong="the PBX saw no CANCEL")
	expect_totals(t, answered=0, cancelled=1)
	finish(b)


@test
def mo_no_answer(b):
	"""Nobody answers: the gateway gives up, cancels at the PBX and tells the phone no answer (19)."""
	t = mo_call(b, sipp.RINGS_UNTIL_CANCEL, wrong="the PBX saw no CANCEL", extra="timer call X3 2\n")
	expect_totals(t, answered=0, failed=1, cause_19=1)
	finish(b)


@test
def mo_peer_hangs_up(b):
	"""The PBX ends the call."""
	t = mo_call(b, sipp.ANSWERS_HANGS_UP, "--hold", 30, wrong="the PBX's BYE was not answered")
	expect_totals(t, answered=1, cause_16=1)
	finish(b)


@test
def mo_no_pbx(b):
	"""There is no PBX: the phone gets a cause when the INVITE times out, nothing is left behind."""
	b.mgw()
	b.gateway(extra="timer sip X11 2000\n")
	t = totals(b, b.msc("--mo", 1))
	expect_totals(t, answered=0, failed=1)
	expect("0" not in t["causes"], "cause 0")
	finish(b)


@test
def mo_no_mgw(b):
	"""There is no media gateway: the phone gets a cause; the call after it has come up works."""
	b.gateway(extra="timer mgcp X7 500\n")
	b.sipp("pbx", sipp.ANSWERS)
	expect_totals(totals(b, b.msc("--mo", 1, name="without")), answered=0, failed=1)
	b.mgw()
	b.wait_mgw("up")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	finish(b)


@test
def mo_dtmf(b):
	"""Digits of the phone become INFO at the PBX; the call outlives the guard timer of osmo-msc 1.9 that they start."""
	t = mo_call(b, [sipp.recv("INVITE"), sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK", rtd="true"),
			sipp.recv("INFO"), sipp.reply_in_dialog(), sipp.recv("INFO"), sipp.reply_in_dialog(),
			sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger()],
		    "--hold", 12, "--dtmf", "42", "--guard-timeout", 5, extra="timer gsm X5 2\n")
	expect_totals(t, answered=1, dtmf_ok=2, dtmf_rej=0, guard_killed=0, cause_16=1)
	finish(b)


@test
def mo_hold(b):
	"""The phone holds and retrieves the call: a re-INVITE each, whose outcome it is told."""
	t = mo_call(b, sipp.REINVITED, "--hold", 4, "--hold-retrieve", wrong="the call went wrong at the PBX")
	expect_totals(t, answered=1, hold_ok=1, hold_rej=0, retrieve_ok=1, retrieve_rej=0, cause_16=1)
	finish(b)


# ---- calls to phones (MT)

def mt_audio(b, media):
	b.mgw()
	b.gateway(media=media)
	t = mt_call(b, sipp.CALLS, "answer")
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 3)
	finish(b)


@test
def mt_anchored(b):
	"""The PBX calls a phone, which answers: three seconds of audio each way through osmo-mgw, every frame intact."""
	mt_audio(b, "anchored")


@test
def mt_direct(b):
	"""The same with media direct."""
	mt_audio(b, "direct")


@test
def mt_phone_answers_first(b):
	"""The phone answers before the MSC has an RTP address: the 200 waits for it, audio flows."""
	b.mgw()
	b.gateway()
	t = mt_call(b, sipp.CALLS, "answer-first")
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 3)
	finish(b)


@test
def mt_phone_hangs_up(b):
	"""The phone ends the call: BYE."""
	b.mgw()
	b.gateway()
	expect_totals(mt_call(b, sipp.CALLS_UNTIL_BYE, "answer", hangup=1), answered=1)
	finish(b)


@test
def mt_held(b):
	"""The PBX holds the call and takes it back: its offers are answered by recvonly and sendrecv, audio flows again."""
	b.mgw()
	b.gateway()
	t = mt_call(b, sipp.CALLS_HOLDS, "answer")
	expect_totals(t, answered=1, unexpected=0)
	expect(t["rtp_lost"] >= 25, "%d frames were not heard: hold stops nothing" % t["rtp_lost"])
	expect(t["rtp_echo"] >= 0.9 * (t["rtp_tx"] - t["rtp_lost"]) and t["rtp_echo"] >= 50, "audio does not flow again: %s" % t)
	finish(b)


@test
def mt_cancelled(b):
	"""The PBX gives up while the phone rings."""
	b.mgw()
	b.gateway()
	expect_totals(mt_call(b, sipp.CALLS_CANCELS, "ring-forever"), answered=0, cancelled=1)
	finish(b)


@test
def mt_refused(b):
	"""What a phone that does not take the call does is seen at the PBX: busy 486, declined 603, unknown 404, not reachable 480."""
	b.mgw()
	b.gateway()
	for behaviour, status in (("busy", 486), ("decline", 603), ("reject", 603), ("unknown:1", 404), ("unknown", 480), ("absent", 480)):
		t = mt_call(b, sipp.refused(status), behaviour)
		expect_totals(t, answered=0)
	finish(b)


@test
def mt_no_codec(b):
	"""The PBX offers G.711 only: 488, before any phone is paged."""
	b.mgw()
	b.gateway()
	player = b.msc("--mt", 1)
	b.wait_mncc_up()
	pbx = b.sipp("pbx", sipp.refused(488, formats=(8, 0)), "-m", 1, "-s", "1001", "-trace_msg", "-message_file", b.path("msg"), remote=GW)
	saw_it_through(b, pbx, "not refused with 488")
	with open(b.path("msg")) as f:
		expect(re.search(r"^Warning: 3\d\d .*PCMA", f.read(), re.M), "the 488 has no Warning that names the codecs")
	player.end()
	finish(b)


# ---- trouble

def lossy(b, loss):
	b.mgw()
	b.relay((RELAY_IP, 2427), (MGW_IP, 2427), loss)
	b.relay((RELAY_IP, 5060), (PEER_IP, 5060), loss)
	b.sipp("pbx", sipp.ANSWERS_LOSSY, contact=RELAY_IP + ":5060")
	# T-MAX of RFC 3435: with 12 s one command in 20,000 would be given up at 10 %
	b.gateway(mgw=(RELAY_IP, 2427), peer=(RELAY_IP, 5060), extra="timer mgcp X3 20000\n")
	player = b.msc("--mo", 60, "--rate", 10, "--hold", 2)
	t = totals(b, player, 120)
	expect_totals(t, mo_placed=60, answered=60, unexpected=0)
	lost = sum(r.lost for r in b.relays)
	expect(lost > 0, "the relays lost nothing")
	b.wait_no_calls(60)
	wait_for(lambda: b.mgw_endpoints_in_use() == 0, "all endpoints of osmo-mgw are deleted", 60)
	b.stop_gateway()
	return "%d datagrams lost" % lost


@test
def loss_1_percent(b):
	"""1 % of all SIP and MGCP datagrams are lost: 60 calls of 60, nothing leaks."""
	return lossy(b, 0.01)


@test
def loss_10_percent(b):
	"""10 % are lost: 60 calls of 60, nothing leaks."""
	return lossy(b, 0.10)


@test
def mgw_restarts(b):
	"""osmo-mgw is restarted in a call: the call ends with a cause on both sides, the next one works."""
	mgw = b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="timer mgcp X6 1000\ntimer mgcp X7 500\ntimer mgcp X3 2000\n")
	player = b.msc("--mo", 1, "--hold", 60, "--story")
	player.wait_output("SETUP_COMPL_IND")
	mgw.end(signal.SIGKILL)
	b.wait_mgw("down")
	b.mgw()
	t = totals(b, player)
	expect_totals(t, answered=1)
	expect("0" not in t["causes"], "cause 0")
	b.wait_mgw("up")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="second")), answered=1)
	finish(b)


@test
def mgw_restarts_fast(b):
	"""osmo-mgw is restarted within a keep-alive interval, so that it never looked dead: the lost endpoint is found all the same."""
	mgw = b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="timer mgcp X6 2000\n")
	player = b.msc("--mo", 1, "--hold", 60, "--story")
	player.wait_output("SETUP_COMPL_IND")
	mgw.end(signal.SIGKILL)
	b.mgw()
	t = totals(b, player)
	expect_totals(t, answered=1, cause_41=1)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="second")), answered=1)
	finish(b)


@test
def msc_restarts(b):
	"""The MSC goes away in a call: BYE to the PBX; the gateway connects again and the next call works."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS, "-m", 1)
	b.gateway()
	player = b.msc("--mo", 1, "--hold", 60, "--story")
	player.wait_output("SETUP_COMPL_IND")
	player.end(signal.SIGKILL)
	saw_it_through(b, pbx, "no BYE at the PBX")
	b.wait_no_calls()
	b.sipp("pbx2", sipp.ANSWERS)
	t = totals(b, b.msc("--mo", 1, "--hold", 1))
	expect_totals(t, answered=1)
	finish(b)


@test
def msc_is_slow(b):
	"""The MSC does not read for two seconds while calls come: its socket is full, which delays them and costs none."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(media="direct")
	player = b.msc("--mo", 600, "--rate", 150, "--hold", 2, "--slow-reader-at", 1.5, "--slow-reader-for", 2)
	t = totals(b, player)
	expect_totals(t, mo_placed=600, answered=600, failed=0, lost=0, connects=1)
	delayed = re.search(r"tx:delayed: +(\d+)", b.vty("show rate-counters"))
	expect(delayed and int(delayed.group(1)) > 0, "the socket was never full")
	finish(b)
	return delayed.group(1) + " messages delayed"


@test
def pbx_dies_in_call(b):
	"""The PBX dies in a call: the phone hangs up, BYE gets no answer, everything ends all the same."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="timer sip X14 2000\n")
	player = b.msc("--mo", 1, "--hold", 2, "--story")
	player.wait_output("SETUP_COMPL_IND")
	pbx.end(signal.SIGKILL)
	expect_totals(totals(b, player), answered=1, cause_16=1)
	finish(b)


@test
def stop_in_call(b):
	"""SIGTERM with calls up: each side is told, the daemon ends by itself, nothing is left."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS, "-m", 10)
	b.gateway()
	player = b.msc("--mo", 10, "--rate", 20, "--hold", 60)
	wait_for(lambda: b.vty("show calls").count("TALKING") == 10, "ten calls are up")
	b.stop_gateway()
	saw_it_through(b, pbx, "not all calls got their BYE")
	wait_for(lambda: b.mgw_endpoints_in_use() == 0, "all endpoints of osmo-mgw are deleted")
	player.end()


@test
def load_500_calls(b):
	"""500 calls at 50 per second, 2 seconds each: none fails, nothing leaks."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(log_level="notice")
	t = totals(b, b.msc("--mo", 500, "--rate", 50, "--hold", 2), 120)
	expect_totals(t, mo_placed=500, answered=500, failed=0, unexpected=0, disliked=0)
	finish(b)


@test
def junk_flood(b):
	"""20,000 datagrams of junk: calls go on, the log gets a few lines, not thousands."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway()
	before = len(b.gw.output().splitlines())
	junk = [b"\0" * 100, b"INVITE sip:x SIP/2.0\r\n\r\n", b"INVITE sip:1001@127.0.0.110 SIP/2.0\r\nVia: x\r\n\r\n", os.urandom(700),
		b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx\r\n\r\n", b"\r\n\r\n", b"OPTIONS " + b"a" * 7000]
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		s.bind(("127.0.0.199", 0))
		for i in range(20000):
			s.sendto(junk[i % len(junk)], GW)
			if i % 100 == 0:
				time.sleep(0.005)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	lines = len(b.gw.output().splitlines()) - before
	expect(lines < 200, "%d log lines" % lines)
	finish(b)
	return "%d log lines" % lines


# ---- real peers

@test
def kamailio_mo(b):
	"""Through a proxy that stays in the dialog (Record-Route), the phone hangs up; then the PBX does."""
	b.mgw()
	b.kamailio()
	pbx = b.sipp("pbx", sipp.ANSWERS)
	b.gateway(peer=(PROXY_IP, 5060))
	t = totals(b, b.msc("--mo", 1, "--hold", 2, "--rtp"))
	expect_totals(t, answered=1)
	expect_audio(t, 2)
	pbx.end()
	pbx = b.sipp("pbx2", sipp.ANSWERS_HANGS_UP, "-m", 1)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 30)), answered=1)
	saw_it_through(b, pbx, "the PBX's BYE was not answered")
	finish(b)


def baresip_talks(b, phone):
	"""Two seconds of talk: frames are counted at baresip while the player counts its own."""
	phone.wait_event("CALL_ESTABLISHED")
	time.sleep(0.5)
	sent, received = phone.frames(2)
	expect(received > 60, "baresip received %d frames in 2 s" % received)
	expect(sent > 60, "baresip sent %d frames in 2 s" % sent)
	return "baresip: %d frames sent, %d received in 2 s" % (sent, received)


@test
def kamailio_mt(b):
	"""A call to a phone through the proxy; the PBX hangs up; then the phone does."""
	b.mgw()
	b.kamailio()
	b.gateway(peer=(PROXY_IP, 5060))
	for steps, hangup in ((sipp.CALLS, None), (sipp.CALLS_UNTIL_BYE, 1)):
		expect_totals(mt_call(b, steps, "answer", hangup=hangup, to=(PROXY_IP, 5060)), answered=1, unexpected=0)
	finish(b)


@test
def baresip_answers(b):
	"""baresip is the PBX: a phone calls it, speech frames are counted at both ends."""
	b.mgw()
	phone = b.baresip()
	b.gateway(peer=phone.ADDR)
	player = b.msc("--mo", 1, "--hold", 4, "--rtp")
	note = baresip_talks(b, phone)
	t = totals(b, player)
	expect_totals(t, answered=1)
	expect(t["rtp_rx"] >= 0.9 * t["rtp_tx"], "%d frames to the phone, %d from it" % (t["rtp_rx"], t["rtp_tx"]))
	finish(b)
	return note


@test
def baresip_calls(b):
	"""baresip calls a phone and hangs up."""
	b.mgw()
	phone = b.baresip()
	b.gateway(peer=phone.ADDR)
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--rtp")
	b.wait_mncc_up()
	phone.cmd("dial", "sip:1001@" + GW_IP)
	note = baresip_talks(b, phone)
	phone.cmd("hangup")
	t = totals(b, player)
	expect_totals(t, answered=1)
	expect(t["rtp_rx"] >= 0.9 * t["rtp_tx"], "%d frames to the phone, %d from it" % (t["rtp_rx"], t["rtp_tx"]))
	finish(b)
	return note


@test
def osmo_msc(b):
	"""The real osmo-msc: its link comes up, a phone that it does not know is not reachable (480); restarted, all works again."""
	b.mgw()
	b.gateway()
	for _ in range(2):
		msc = b.osmo_msc()
		b.wait_mncc_up()
		pbx = b.sipp("pbx", sipp.refused(480), "-m", 1, "-s", "1001", remote=GW)
		saw_it_through(b, pbx, "not refused with 480")
		msc.end()
	finish(b)
