"""Calls made and ended by hand.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import re

import sipp
from common import expect_totals, finish, test, totals
from ctrl_client import Ctrl, CtrlError
from harness import PEER_IP, VTY_IP, expect, wait_for


def by_hand(b):
	return b.vty("show calls test")


@test
def self_test(b):
	"""A call to the PBX's echo number, by one command: set-up time and the packets each way are told; then to a busy one."""
	pbx = b.sipp("pbx", sipp.ANSWERS)
	b.gateway()
	out = b.vty("enable", "self-test sip:600@pbx 2")
	expect("call 1;" in out, out)
	wait_for(lambda: "ok" in by_hand(b).splitlines()[0], "the call is over and ok")
	out = by_hand(b)
	m = re.search(r"answered after \d+ ms, codec (\w+); (\d+) packets sent, (\d+) received", out)
	expect(m and int(m.group(2)) >= 60 and int(m.group(3)) >= 0.8 * int(m.group(2)), out)
	pbx.end()
	b.sipp("busy", sipp.BUSY)
	b.vty("enable", "self-test sip:601@pbx")
	wait_for(lambda: "failed" in by_hand(b).splitlines()[0], "the call failed")
	expect("cause 17 (user busy)" in by_hand(b), by_hand(b))
	expect("There is no SIP peer 'nobody'" in b.vty("enable", "self-test sip:1@nobody"), "no such peer")
	finish(b, mgw=False)
	return "%s: %s sent, %s received" % m.groups()


@test
def originate_to_phone(b):
	"""A call to a phone, by one command: it rings, answers, gets audio through osmo-mgw and sends its own; hung up by hand."""
	b.mgw()
	b.gateway()
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--rtp")
	b.wait_mncc_up()
	out = b.vty("enable", "call originate from 4711 to 1001")
	expect("call 1;" in out, out)
	wait_for(lambda: "talking" in by_hand(b), "the phone has answered")
	expect("% Call 1 is answered" in b.vty("enable", "call 1 cancel"), "cancel of an answered call")
	wait_for(lambda: re.search(r"test (\d\d+) packets sent", b.vty("show call 1")), "packets are sent")
	b.vty("enable", "call 1 hangup")
	t = totals(b, player)
	expect_totals(t, answered=1, cause_16=1)
	expect(t["rtp_rx"] > 0, "nothing was heard at the phone: %s" % t)
	expect("ended by the operator" in by_hand(b), by_hand(b))
	finish(b)


@test
def cancel_and_terminate(b):
	"""A call that rings is cancelled by hand: CANCEL; another is terminated: gone at once."""
	pbx = b.sipp("pbx", sipp.RINGS_UNTIL_CANCEL, "-m", 1)
	b.gateway()
	b.vty("enable", "call originate from 1 to sip:2@pbx")
	wait_for(lambda: "ringing" in by_hand(b), "it rings")
	expect("% Call 1 is not answered" in b.vty("enable", "call 1 hangup"), "hangup of a call that rings")
	b.vty("enable", "call 1 cancel")
	expect(pbx.wait(20) == 0, "no CANCEL at the PBX")
	b.wait_no_calls()
	b.sipp("pbx2", sipp.RINGS_UNTIL_CANCEL)
	b.vty("enable", "call originate from 1 to sip:2@pbx")
	wait_for(lambda: "ringing" in by_hand(b), "it rings")
	b.vty("enable", "call 2 terminate")
	expect(b.calls_up() == 0, "the call is still there")
	finish(b, mgw=False)


@test
def originate_sdp(b):
	"""The operator's own session description is offered as it is."""
	with open(b.path("offer.sdp"), "w", encoding="ascii") as f:
		f.write("v=0\r\no=- 1 1 IN IP4 %s\r\ns=by hand\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8\r\n" % (PEER_IP, PEER_IP))
	b.sipp("pbx", sipp.ANSWERS, "-trace_msg", "-message_file", b.path("msg"))
	b.gateway()
	b.vty("enable", "call originate from 1 to sip:2@pbx sdp " + b.path("offer.sdp"))
	wait_for(lambda: "talking" in by_hand(b), "answered")
	b.vty("enable", "call 1 hangup")
	b.wait_no_calls()
	with open(b.path("msg"), encoding="ascii") as f:
		expect("s=by hand" in f.read(), "another session description was offered")
	expect("No such file" in b.vty("enable", "call originate from 1 to sip:2@pbx sdp /nonexistent"), "no such file")
	finish(b, mgw=False)


@test
def ctrl_originate(b):
	"""The same by CTRL: a call is made, cancelled, made, hung up, made, terminated; what cannot be is refused."""
	pbx = b.sipp("pbx", sipp.RINGS_UNTIL_CANCEL, "-m", 1)
	b.gateway(extra="ctrl\n bind %s\n" % VTY_IP)
	c = Ctrl(VTY_IP)
	expect(c.set("originate", "1,sip:2@pbx") == "1", "number of the call")
	wait_for(lambda: "ringing" in by_hand(b), "it rings")
	for name, value in (("call.1.hangup", "1"), ("originate", "1"), ("originate", "1,sip:2@nobody"), ("call.9.cancel", "1")):
		try:
			answer = c.set(name, value)
		except CtrlError:
			continue
		raise AssertionError("%s is answered by %s" % (name, answer))
	c.set("call.1.cancel", "1")
	expect(pbx.wait(20) == 0, "no CANCEL at the PBX")
	b.wait_no_calls()
	b.sipp("pbx2", sipp.ANSWERS)
	c.set("originate", "1,sip:2@pbx")
	wait_for(lambda: "talking" in by_hand(b), "answered")
	c.set("call.2.hangup", "1")
	b.wait_no_calls()
	c.set("originate", "1,sip:2@pbx,1")
	wait_for(lambda: "ok" in by_hand(b).splitlines()[0], "it ends by itself")
	c.set("originate", "1,sip:2@pbx")
	wait_for(lambda: "talking" in by_hand(b), "answered")
	c.set("call.4.terminate", "1")
	expect(c.get("calls") == "0", "the call is still there")
	c.close()
	finish(b, mgw=False)
