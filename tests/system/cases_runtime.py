"""What the operator changes while calls are up: peers, routes, gateways, limits, sockets. Calls go on or end as the manual says; nothing is left.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import re
import signal
import socket

import sipp
from common import GW, expect_totals, finish, open_error, test, totals
from harness import MGW_IP, Vty, expect, wait_for

SECOND_IP = "127.0.0.121"
HANGS_UP_LATER = [sipp.recv_invite(), sipp.reply(180), sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK"), sipp.pause(4000), sipp.bye_as_callee(),
		  sipp.recv(200), sipp.linger()]


def configure(b, *lines):
	"""Each has to be taken without a word."""
	v = Vty()
	try:
		v.cmd("configure terminal")
		for line in lines:
			out = v.cmd(line)
			expect(not out.strip(), "'%s': %s" % (line, out))
	finally:
		v.close()


def calls_talking(b, n):
	wait_for(lambda: len(re.findall("TALKING", b.vty("show calls"))) == n, "%d calls talk" % n)


@test
def runtime_no_peer(b):
	"""A peer is removed while one of its calls talks and one rings: they go on, either side hangs up, the peer is a stranger then."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS)
	late = b.sipp("late", HANGS_UP_LATER, ip=SECOND_IP)
	b.gateway(extra="cdr\n file %s\nsip-peer second\n remote %s\nroute two\n match called prefix 9\n target peer second\n" % (b.path("cdr.json"), SECOND_IP))
	player = b.msc("--mo", 1, "--hold", 6, "--rtp", name="one")
	calls_talking(b, 1)
	out = b.vty("configure terminal", "no sip-peer pbx")
	expect("default peer" in out and "no default-peer" in out, out)
	configure(b, "call", "no default-peer", "exit", "no sip-peer pbx")
	expect("pbx" not in b.vty("show sip peer"), b.vty("show sip peer"))
	calls_talking(b, 1)
	expect("pbx (removed)" in b.vty("show call 1"), b.vty("show call 1"))
	expect_totals(totals(b, player), answered=1)
	b.wait_no_calls()
	pbx.end()
	with open(b.path("cdr.json"), encoding="utf-8") as f:
		expect('"b_peer":"pbx"' in f.read(), "the record has lost the peer's name")
	expect("no route" in b.vty("show route test 5552222 1001").lower() or "cause 3" in b.vty("show route test 5552222 1001"), b.vty("show route test 5552222 1001"))
	t = totals(b, b.msc("--mo", 1, name="refused"))
	expect_totals(t, answered=0, cause_3=1)
	# the other one hangs up by itself, and is gone by then
	player = b.msc("--mo", 1, "--called", "91", "--rtp", name="two")
	calls_talking(b, 1)
	configure(b, "no route two", "no sip-peer second")
	expect_totals(totals(b, player), answered=1, cause_16=1)
	expect(late.p.poll() is None or late.p.poll() == 0, open_error(b, "late"))
	finish(b)


@test
def runtime_no_peer_rings(b):
	"""A peer and its route are removed while its phone rings: the call is answered and goes on; another one is cancelled."""
	b.sipp("pbx", [sipp.recv_invite(), sipp.reply(180), sipp.pause(2500), sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK"), sipp.recv("BYE"),
		       sipp.reply_in_dialog(), sipp.linger()])
	b.sipp("rings", sipp.RINGS_UNTIL_CANCEL, ip=SECOND_IP)
	b.gateway(media="direct", extra="sip-peer second\n remote %s\n media direct\nroute two\n match called prefix 9\n target peer second\n" % SECOND_IP)
	one = b.msc("--mo", 1, "--hold", 2, name="one")
	wait_for(lambda: "ALERTING" in b.vty("show calls"), "it rings")
	configure(b, "call", "no default-peer", "exit", "no sip-peer pbx")
	expect_totals(totals(b, one), answered=1)
	two = b.msc("--mo", 1, "--called", "91", "--abandon-after", 3, name="two")
	wait_for(lambda: "ALERTING" in b.vty("show calls"), "it rings")
	configure(b, "no route two", "no sip-peer second")
	expect_totals(totals(b, two), answered=0)
	finish(b, mgw=False)


@test
def runtime_peer_moves(b):
	"""A peer gets another address while a call is up: that one ends where it began, the next goes to the new address."""
	old = b.sipp("old", sipp.ANSWERS)
	new = b.sipp("new", sipp.ANSWERS, ip=SECOND_IP)
	b.gateway(media="direct")
	one = b.msc("--mo", 1, "--hold", 4, name="one")
	calls_talking(b, 1)
	configure(b, "sip-peer pbx", "remote " + SECOND_IP)
	expect_totals(totals(b, one), answered=1)
	b.wait_no_calls()
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="two")), answered=1)
	finish(b, mgw=False)
	for p, name in ((old, "old"), (new, "new")):
		p.end()
		expect("Unexpected" not in open_error(b, name), open_error(b, name))


@test
def runtime_no_mgw(b):
	"""The media gateway of a call is removed: its calls end on both sides with a cause, osmo-mgw is told; new ones say why not; with it back they work."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway()
	b.wait_mgw("up")
	player = b.msc("--mo", 2, "--rate", 10, "--rtp", name="one")
	calls_talking(b, 2)
	configure(b, "no mgw default")
	t = totals(b, player)
	expect_totals(t, answered=2)
	b.wait_no_calls()
	wait_for(lambda: b.mgw_endpoints_in_use() == 0, "osmo-mgw is told")
	expect("media gateway default was taken out of use" in " ".join(b.vty("show calls failed").split()), b.vty("show calls failed"))
	text = b.vty("show health")
	expect(re.search(r"^mgw +failed +\[mgw-none\]", text, re.M), text)
	t = totals(b, b.msc("--mo", 1, name="none"))
	expect_totals(t, answered=0, cause_47=1)
	configure(b, "mgw default", "remote-ip " + MGW_IP)
	b.wait_mgw("up")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, "--rtp", name="again")), answered=1)
	finish(b)


@test
def runtime_mgw_moves(b):
	"""The gateway's address is changed while a call is up: its endpoint is deleted where it is."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway()
	b.wait_mgw("up")
	player = b.msc("--mo", 1, "--hold", 4, "--rtp", name="one")
	calls_talking(b, 1)
	configure(b, "mgw default", "remote-port 2428")
	b.wait_mgw("down")
	t = totals(b, player)
	expect_totals(t, answered=1)
	wait_for(lambda: b.mgw_endpoints_in_use() == 0, "the endpoint is deleted")
	configure(b, "mgw default", "remote-port 2427")
	b.wait_mgw("up")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, "--rtp", name="two")), answered=1)
	finish(b)


@test
def runtime_limits(b):
	"""Limits are set below what is up: calls go on, new ones are refused with a cause that says so."""
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(media="direct")
	player = b.msc("--mo", 3, "--rate", 10, "--hold", 6, name="one")
	calls_talking(b, 3)
	configure(b, "call", "limit total 1", "exit", "sip-peer pbx", "max-calls 1")
	calls_talking(b, 3)
	expect("limit" in b.vty("show health"), b.vty("show health"))
	expect_totals(totals(b, player), answered=3)
	configure(b, "call", "no limit total", "exit", "sip-peer pbx", "no max-calls")
	expect_totals(totals(b, b.msc("--mo", 3, "--rate", 10, "--hold", 1, name="two")), answered=3)
	finish(b, mgw=False)


@test
def runtime_mncc_moves(b):
	"""The path of the MSC's socket is changed while a call is up: it ends on both sides, the link is connected anew."""
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(media="direct")
	player = b.msc("--mo", 1, "--timeout", 20, name="one")
	calls_talking(b, 1)
	configure(b, "mncc", "socket-path " + b.path("other"))
	b.wait_no_calls()
	expect(re.search("Not connected|DOWN|no such socket", b.vty("show mncc"), re.I), b.vty("show mncc"))
	player.end()
	again = b.msc("--mo", 1, "--hold", 1, "--start-after", 1, name="two")
	configure(b, "mncc", "socket-path " + b.path("mncc"))
	expect_totals(totals(b, again), answered=1)
	finish(b, mgw=False)


@test
def runtime_observers(b):
	"""Records, ladders and export are switched over and off while calls come and go."""
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(media="direct", extra="cdr\n file %s\n" % b.path("first.json"))
	player = b.msc("--mo", 60, "--rate", 12, "--hold", 1, name="one")
	steps = (("trace", "no ladder"), ("cdr", "format csv"), ("trace", "hep 127.0.0.190"), ("cdr", "syslog " + b.path("log")), ("trace", "ladder"),
		 ("cdr", "file " + b.path("second.csv")), ("trace", "no hep"), ("trace", "keep-failed 0"), ("trace", "hep 127.0.0.190"), ("cdr", "format json"),
		 ("trace", "no ladder", "ladder", "keep-failed 20", "no hep"))
	for i, step in enumerate(steps):
		b.vty("configure terminal", *step)
		done = 4 * (i + 1)
		wait_for(lambda n=done: int(re.search(r"calls:answered: +(\d+)", b.vty("show rate-counters")).group(1)) >= n
			 if re.search(r"calls:answered: +(\d+)", b.vty("show rate-counters")) else not player.alive(), "%d calls" % done)
	expect_totals(totals(b, player), answered=60)
	b.wait_no_calls()
	wait_for(lambda: " 0 waiting, 0 lost" in b.vty("show cdr"), "all records are written")
	finish(b, mgw=False)
	lines = 0
	for name in ("first.json", "second.csv"):
		with open(b.path(name), encoding="utf-8") as f:
			lines += len([line for line in f if not line.startswith("version,")])
	expect(lines == 60, "%d records of 60 calls" % lines)


@test
def runtime_two_operators(b):
	"""Only one can configure at a time, so nobody loses the node that he is in; the other one is told so and can look at everything."""
	b.gateway(media="direct", extra="sip-peer second\n")
	first, other = Vty(), Vty()
	try:
		first.cmd("configure terminal")
		first.cmd("sip-peer second")
		out = other.cmd("configure terminal")
		expect("locked" in out, out)
		expect("second" in other.cmd("show sip peer"), "he cannot look")
		first.cmd("exit")
		expect(not first.cmd("no sip-peer second").strip(), "it is not removed")
		first.cmd("end")
		expect("locked" not in other.cmd("configure terminal", ")# "), "still locked")
	finally:
		first.close()
		other.close()
	b.stop_gateway()


@test
def runtime_stop_in_each_state(b):
	"""SIGTERM while a call talks, one rings at the PBX, one at a phone, and one has no answer at all: each side is told, nothing is left."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.sipp("rings", sipp.RINGS_UNTIL_CANCEL, ip=SECOND_IP)
	b.gateway(extra="sip-peer second\n remote %s\nsip-peer silent\n remote 127.0.0.122\nroute nine\n match called prefix 9\n target peer second\n"
			"route eight\n match called prefix 8\n target peer silent\n" % SECOND_IP)
	silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	silent.bind(("127.0.0.122", 5060))
	player = b.msc("--mo", 1, "--mt", 1, "--mt-behaviour", "ring-forever", "--rtp", "--timeout", 40)
	b.wait_mncc_up()
	calls_talking(b, 1)
	caller = b.sipp("caller", [sipp.invite(body=sipp.sdp()), sipp.recv(100, optional=True), sipp.recv(180), sipp.recv(503)], "-m", 1, "-s", "1001",
			ip=SECOND_IP, port=5070, remote=GW, media_ip="127.0.0.123")
	b.vty("enable", "call originate from 1001 to sip:91@second", "call originate from 1001 to sip:81@silent")
	wait_for(lambda: b.calls_up() == 4 and len(re.findall("ALERTING", b.vty("show calls"))) == 2, "all are under way:\n" + b.vty("show calls"))
	b.gw.p.send_signal(signal.SIGTERM)
	expect(b.gw.wait(20) == 0, "osmo-sipgw:\n" + b.gw.output()[-2000:])
	expect(caller.wait(20) == 0, "the caller was not told 503:\n" + open_error(b, "caller"))
	player.end()
	silent.close()
	wait_for(lambda: b.mgw_endpoints_in_use() == 0, "all endpoints are deleted")
