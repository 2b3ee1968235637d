"""Peers of several addresses, and several peers: one of them dead, dying, busy, or sending calls elsewhere.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import os
import re
import shutil
import signal
import socket
import time

import sipp
from common import expect_totals, finish, open_error, test, totals
from harness import PEER_IP, Process, expect, udp_in_use, wait_for

FIRST_IP, DNS_IP, DNS_PORT = "127.0.0.121", "127.0.0.180", 5353

ONE_THEN_TWO = ["--srv-host=_sip._udp.trunk.test,one.test,5060,10,0", "--srv-host=_sip._udp.trunk.test,two.test,5060,20,0",
		"--host-record=one.test," + FIRST_IP, "--host-record=two.test," + PEER_IP]
BOTH_ALIKE = [r.replace(",5060,20,0", ",5060,10,0") for r in ONE_THEN_TWO]
TRUNK = "sip\n nameserver %s %d\nsip-peer pbx\n remote trunk.test\n" % (DNS_IP, DNS_PORT)


def dns(b, records, name="dnsmasq"):
	"""A name server with these records, and no others."""
	argv = [shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin"), "--keep-in-foreground", "--conf-file=/dev/null",
		"--port=%d" % DNS_PORT, "--listen-address=" + DNS_IP, "--bind-interfaces", "--no-resolv", "--no-hosts", "--local=/test/",
		"--user=root", "--pid-file=" + b.path(name + ".pid"), "--log-facility=-", "--local-ttl=60"] + records
	p = Process(b, name, argv)
	wait_for(lambda: udp_in_use(DNS_IP, DNS_PORT) or not p.alive(), "dnsmasq")
	expect(p.alive(), "dnsmasq does not start:\n" + p.output())
	return p


class BlackHole:
	"""An address that takes everything and says nothing."""

	def __init__(self, ip, port=5060):
		self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.s.bind((ip, port))
		self.s.settimeout(0.1)

	def texts(self):
		"""What came so far."""
		out = []
		while True:
			try:
				out.append(self.s.recv(65536).decode(errors="replace"))
			except socket.timeout:
				return out

	def close(self):
		self.s.close()


def wait_resolved(b):
	wait_for(lambda: FIRST_IP in b.vty("show sip peer pbx"), "the name of the peer is resolved")


def dead_first(b):
	b.mgw()
	dns(b, ONE_THEN_TWO)
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra=TRUNK)
	wait_resolved(b)
	begin = time.monotonic()
	t = totals(b, b.msc("--mo", 1, "--hold", 1))
	took = time.monotonic() - begin
	expect_totals(t, answered=1, failed=0)
	expect(took < 12, "it took %.0f s" % took)
	expect(b.gw.output().count("that address failed, trying " + PEER_IP) == 1, "not by the second address")
	return took


@test
def address_silent(b):
	"""The first address of the SRV records takes everything and says nothing: after 4 s the call is at the second one. Two of
	these, and the next call does not even try the first."""
	hole = BlackHole(FIRST_IP)
	took = dead_first(b)
	expect(any(m.startswith("INVITE ") for m in hole.texts()), "the first address got no INVITE")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="second")), answered=1)
	wait_for(lambda: re.search(r"%s:5060 .*down" % FIRST_IP, b.vty("show sip peer pbx")), "the address is down")
	hole.texts()
	begin = time.monotonic()
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="third")), answered=1)
	expect(time.monotonic() - begin < 4, "the third call was not quick")
	expect(not any(m.startswith("INVITE ") and "CSeq: 1 " in m for m in hole.texts()), "the dead address was tried again")
	finish(b)
	hole.close()
	return "first call in all %.1f s" % took


@test
def address_port_unreachable(b):
	"""Nobody has the port: ICMP comes back, and the call is at the second address before 4 s are over."""
	took = dead_first(b)
	expect(took < 4, "it took %.1f s" % took)
	finish(b)
	return "%.1f s" % took


@test
def address_dies_under_load(b):
	"""One of two PBXs is killed under load: OPTIONS find out, all calls go to the other, and it is back after its restart."""
	b.mgw()
	dns(b, BOTH_ALIKE)
	two = b.sipp("pbx-two", sipp.ANSWERS, "-aa")
	one = b.sipp("pbx-one", sipp.ANSWERS, "-aa", ip=FIRST_IP)
	b.gateway(media="direct", extra=TRUNK + " options-interval 2\n")
	wait_resolved(b)
	wait_for(lambda: b.vty("show sip peer pbx").count(":5060 up") + len(re.findall(r"weight \d+: up", b.vty("show sip peer pbx"))) >= 2,
		 "both are up")
	player = b.msc("--mo", 200, "--rate", 10, "--hold", 1)
	time.sleep(4)
	one.end(signal.SIGKILL)
	wait_for(lambda: FIRST_IP + ":5060 is down" in b.gw.output(), "the gateway notes that it is dead", 15)
	t = totals(b, player)
	expect_totals(t, answered=(199, 200))
	expect("peer pbx is down" not in b.gw.output(), "the peer as a whole was taken for dead")
	b.sipp("pbx-one-again", sipp.ANSWERS, "-aa", ip=FIRST_IP)
	wait_for(lambda: FIRST_IP + ":5060 is up" in b.gw.output().split(":5060 is down", 1)[1], "it is up again", 15)
	expect_totals(totals(b, b.msc("--mo", 20, "--rate", 20, "--hold", 1, name="after")), answered=20)
	expect(two.alive(), "the second PBX died")
	finish(b, mgw=False)
	return "%d of 200 answered" % t["answered"]


@test
def address_wants_a_pause(b):
	"""503 with Retry-After: the call goes to the second address at once, and so do the next ones until that time is over."""
	b.mgw()
	dns(b, ONE_THEN_TWO)
	one = b.sipp("pbx-one", [sipp.recv("INVITE"), sipp.reply(503, "Overload", extra="Retry-After: 30\n"), sipp.recv("ACK")],
		     "-m", 1, ip=FIRST_IP)
	b.sipp("pbx-two", sipp.ANSWERS)
	b.gateway(extra=TRUNK)
	wait_resolved(b)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	expect(one.wait(10) == 0, "the first one was not asked:\n" + one.output()[-600:])
	expect("wants no calls" in b.vty("show sip peer pbx"), "the pause is not shown:\n" + b.vty("show sip peer pbx"))
	begin = time.monotonic()
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="second")), answered=1)
	expect(time.monotonic() - begin < 4, "the second call was not quick")
	finish(b)


@test
def address_busy(b):
	"""486 from the first address is the answer: nobody else is called."""
	hole = BlackHole(PEER_IP)
	b.mgw()
	dns(b, ONE_THEN_TWO)
	b.sipp("pbx-one", sipp.BUSY, ip=FIRST_IP)
	b.gateway(extra=TRUNK)
	wait_resolved(b)
	expect_totals(totals(b, b.msc("--mo", 1)), answered=0, failed=1, cause_17=1)
	expect(not hole.texts(), "the second address was called")
	finish(b)
	hole.close()


@test
def peer_silent(b):
	"""Two peers in a route, the first one dead: after 4 s the call is at the second."""
	hole = BlackHole(FIRST_IP)
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="sip-peer dead\n remote %s\nroute both\n target peer dead\n target peer pbx\n" % FIRST_IP)
	begin = time.monotonic()
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	took = time.monotonic() - begin
	expect(3 < took < 12, "it took %.0f s" % took)
	expect(any(m.startswith("INVITE ") for m in hole.texts()), "the first peer got no INVITE")
	finish(b)
	hole.close()


# 100, and nothing else until somebody gives up
ONLY_TRYING = [sipp.recv("INVITE"), sipp.reply(100, tag=None), sipp.recv("CANCEL"), sipp.reply(200, tag=None),
	       sipp.reply(487, "Request Terminated").replace("[last_CSeq:]", "CSeq: [cseq] INVITE"), sipp.recv("ACK"), sipp.linger(500)]


@test
def peer_only_trying(b):
	"""Two peers in a route, the first one says 100 and nothing else: it is cancelled after its ring-within, and the call is at the second."""
	b.mgw()
	one = b.sipp("pbx-one", ONLY_TRYING, "-m", 1, ip=FIRST_IP)
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="sip-peer slow\n remote %s\n ring-within 2\nroute both\n target peer slow\n target peer pbx\n" % FIRST_IP)
	begin = time.monotonic()
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	took = time.monotonic() - begin
	expect(2 < took < 12, "it took %.0f s" % took)
	expect(one.wait(10) == 0, "the first peer was not cancelled:\n" + open_error(b, "pbx-one"))
	expect(re.search(r"^peer slow +ok +answered before", b.vty("show health"), re.M), "who says 100 is not dead:\n" + b.vty("show health"))
	finish(b)


@test
def peer_only_trying_last(b):
	"""The same without another target: the caller waits, for longer than that."""
	b.mgw()
	one = b.sipp("pbx-one", ONLY_TRYING, "-m", 1, ip=FIRST_IP)
	b.gateway(peer=(FIRST_IP, 5060), extra="sip-peer pbx\n ring-within 1\n")
	begin = time.monotonic()
	expect_totals(totals(b, b.msc("--mo", 1, "--abandon-after", 4)), answered=0, cancelled=1)
	expect(time.monotonic() - begin > 3.5, "given up too early")
	expect(one.wait(10) == 0, "not cancelled:\n" + open_error(b, "pbx-one"))
	finish(b)


@test
def address_only_trying(b):
	"""The first address of a peer says 100 and nothing else: cancelled, and the call is at the second one."""
	b.mgw()
	dns(b, ONE_THEN_TWO)
	one = b.sipp("pbx-one", ONLY_TRYING, "-m", 1, ip=FIRST_IP)
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra=TRUNK + " ring-within 2\n")
	wait_resolved(b)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	expect(one.wait(10) == 0, "the first address was not cancelled:\n" + open_error(b, "pbx-one"))
	finish(b)


@test
def peer_redirects_to_peer(b):
	"""302 to another configured peer: the call goes there."""
	b.mgw()
	one = b.sipp("pbx-one", [sipp.recv("INVITE"), sipp.reply(302, "Moved").replace("<sip:pbx@[contact]>", "<sip:4711@%s:5060>" % PEER_IP),
				 sipp.recv("ACK")], "-m", 1, ip=FIRST_IP)
	two = b.sipp("pbx-two", sipp.ANSWERS, "-m", 1)
	b.gateway(peer=(FIRST_IP, 5060), extra="sip-peer other\n remote %s\n" % PEER_IP)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	expect(one.wait(10) == 0 and two.wait(20) == 0, "not both of them were called:\n" + b.gw.output()[-1500:])
	finish(b)


@test
def peer_redirects_to_nobody(b):
	"""302 to an address that is no peer's is a failure, and is said."""
	hole = BlackHole(PEER_IP)
	b.mgw()
	b.sipp("pbx-one", [sipp.recv("INVITE"), sipp.reply(302, "Moved").replace("<sip:pbx@[contact]>", "<sip:4711@%s:5060>" % PEER_IP),
			   sipp.recv("ACK")], "-m", 1, ip=FIRST_IP)
	b.gateway(peer=(FIRST_IP, 5060))
	expect_totals(totals(b, b.msc("--mo", 1)), answered=0, failed=1)
	expect("which is at no peer of ours" in b.gw.output(), "nothing in the log")
	expect(not hole.texts(), "it was called all the same")
	finish(b)
	hole.close()
