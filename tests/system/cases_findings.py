"""The rest of what `show health' finds: those findings of the manual's table that cases_health.py does not have.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import ctypes
import os
import re
import resource
import socket
import struct

import sipp
from cases_failover import FIRST_IP, ONE_THEN_TWO, TRUNK, BlackHole, dns, wait_resolved
from cases_health import health, wait_finding, words
from cases_transport import Ca, tls_config
from common import expect_totals, finish, test, totals
from harness import GW_IP, PROXY_IP, Vty, expect, wait_for

FAST_OPTIONS = "sip-peer pbx\n options-interval 1\ntimer sip X26 300\ntimer sip X27 300\n"


def wait_fine(b, part, timeout=20):
	wait_for(lambda: re.search(r"^%s +ok " % re.escape(part), health(b), re.M), part + " is fine again", timeout)


# ---- TLS

@test
def health_tls_certificate(b):
	"""Our certificate expires soon, has expired, is good again: each time by `sip tls reload', without a restart."""
	ca = Ca(b)
	b.gateway(media="direct", extra=tls_config(ca, ca.cert("gw", "DNS:gw.example", days=40)))
	wait_fine(b, "tls")
	for days, word, name in ((13, "warning", "tls-expires"), (-1, "failed", "tls-expired")):
		ca.cert("gw", "DNS:gw.example", days=days)
		b.vty("enable", "sip tls reload")
		text = words(wait_finding(b, name, word, "tls"))
		expect("sip tls reload" in text, text)
	wait_for(lambda: "Health of tls: failed [tls-expired]: " in b.gw.output(), "the line in the log")
	ca.cert("gw", "DNS:gw.example", days=40)
	b.vty("enable", "sip tls reload")
	wait_fine(b, "tls")
	b.stop_gateway()


@test
def health_tls_key(b):
	"""A key that cannot be read: the reload says so and leaves all as it was; at the start it is one line, and no start."""
	ca = Ca(b)
	cert, key = ca.cert("gw", "DNS:gw.example", days=40)
	b.gateway(media="direct", extra=tls_config(ca, (cert, key)))
	with open(key, "w", encoding="utf-8") as f:
		f.write("no key\n")
	said = b.vty("enable", "sip tls reload")
	expect(said.startswith("%") and key in said, "reload: " + said)
	wait_fine(b, "tls")
	b.stop_gateway()
	b.gateway(media="direct", wait=False, extra=tls_config(ca, (cert, key)))
	expect(b.gw.wait(20) == 1, "exit code")
	expect(re.search(r"TLS: cannot use the .*" + re.escape(key), b.gw.output()), b.gw.output()[-800:])


@test
def health_tls_wrong_name(b):
	"""The peer has a certificate for another name: known without a call, with both names."""
	ca = Ca(b)
	b.kamailio(transport="tls", tls=ca.cert("proxy", "DNS:proxy.example") + (ca.file,))
	b.gateway(peer=(PROXY_IP, 5061), media="direct", extra=tls_config(ca, ca.cert("gw", "DNS:gw.example", days=40), name="pbx.example")
		  + FAST_OPTIONS)
	wait_finding(b, "peer-silent", "failed", "peer pbx")
	expect("certificate is for proxy.example, not for pbx.example" in b.gw.output(), b.gw.output()[-800:])
	b.stop_gateway()


# ---- limits

@test
def health_limits(b):
	"""Nine of ten calls, of a peer and of all: near; ten: reached, and refused; none: fine."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="sip-peer pbx\n max-calls 10\n")
	player = b.msc("--mo", 1, "--open", 9, "--open-rate", 50, "--start-after", 0, "--settle", 600, "--story", name="nine")
	text = words(wait_finding(b, "limit-near", "warning", "limits"))
	expect("calls with pbx: 9 of 10" in text, text)
	b.vty("enable", "configure terminal", "call", "limit total 9")
	text = words(wait_finding(b, "limit-reached", "failed", "limits"))
	expect("all calls: 9 of 9" in text, text)
	player.end()
	wait_fine(b, "limits")
	finish(b)


@test
def health_fds(b):
	"""Nearly no file descriptors left; none left."""
	def limit(n):
		resource.prlimit(b.gw.p.pid, resource.RLIMIT_NOFILE, (n, was[1]))
	b.gateway(media="direct")
	wait_fine(b, "resources")
	was = resource.prlimit(b.gw.p.pid, resource.RLIMIT_NOFILE)
	screens = [Vty() for _ in range(10)]
	n = len(os.listdir("/proc/%d/fd" % b.gw.p.pid))
	for spare in (2, 1):  # one of them is for the screen that says so
		limit(n + spare)
		text = words(wait_finding(b, "fds-near", "warning", "resources"))
		expect("%d of %d file descriptors" % (n + 1, n + spare) in text, text)
	limit(was[0])
	wait_fine(b, "resources")
	for screen in screens:
		screen.close()
	b.stop_gateway()


# ---- the MSC

def hello(version):
	"""MNCC_HELLO of an MSC that speaks this version."""
	return struct.pack("=8I", 0x400, version, 1876, 0, 0, 0, 0, 0)


class Msc:
	"""A socket that says HELLO and nothing else, once."""

	def __init__(self, b, version=8):
		self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		self.listener.bind(b.path("mncc"))
		self.listener.listen(1)
		self.listener.settimeout(20)
		self.version = version

	def accept(self):
		s, _ = self.listener.accept()
		s.sendall(hello(self.version))
		return s


@test
def health_mncc_version(b):
	"""An MSC of a version that nobody here speaks."""
	msc = Msc(b, 99)
	b.gateway(media="direct")
	with msc.accept():
		text = words(wait_finding(b, "mncc-version", "failed", "mncc"))
	expect("version 99" in text and "update the older" in text, text)
	b.stop_gateway()


@test
def health_mncc_lost(b):
	"""The MSC closes the connection: lost, until the next try."""
	msc = Msc(b)
	b.gateway(media="direct", extra="timer mncc X1 6000\n")
	with msc.accept():
		wait_fine(b, "mncc")
		os.unlink(b.path("mncc"))
	wait_finding(b, "mncc-lost", "failed", "mncc")
	wait_finding(b, "mncc-no-socket", "failed", "mncc")
	b.stop_gateway()


def without_override():
	"""root, too, needs permissions from now on: CAP_DAC_OVERRIDE is not there any more after the exec."""
	ctypes.CDLL(None).prctl(24, 1)  # PR_CAPBSET_DROP


@test
def health_mncc_permission(b):
	"""Our user may not write to the socket; allowed to, it connects by itself."""
	msc = Msc(b)
	os.chmod(b.path("mncc"), 0)
	b.gateway(media="direct", before=without_override)
	wait_finding(b, "mncc-permission", "failed", "mncc")
	os.chmod(b.path("mncc"), 0o600)
	with msc.accept():
		wait_fine(b, "mncc")
	b.stop_gateway()


@test
def health_mncc_slow(b):
	"""The MSC does not read any more: said before all memory is full of messages."""
	b.gateway(media="direct", extra="call\n no default-peer\n")
	player = b.msc("--mo", 100000, "--rate", 4000, "--slow-reader-at", 1, "--slow-reader-for", 600, "--timeout", 600)
	wait_finding(b, "mncc-slow", "failed", "mncc", 60)
	wait_for(lambda: re.search(r"^queue +warning +\[queue-long\]", health(b), re.M), "finding queue-long", 60)
	player.end()
	b.wait_no_calls()
	b.stop_gateway()


# ---- the media gateway

@test
def health_mgw_full(b):
	"""The gateway has one endpoint, and that is in use by somebody else when we come."""
	b.mgw(endpoints=1)
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		s.settimeout(5)
		s.sendto(b"CRCX 1 rtpbridge/*@mgw MGCP 1.0\r\nC: 1\r\nM: recvonly\r\nL: p:20, a:GSM\r\n\r\n", ("127.0.0.130", 2427))
		expect(s.recv(4096).startswith(b"200 "), "osmo-mgw gives no endpoint")
		b.gateway()
		text = words(wait_finding(b, "mgw-full", "failed", "mgw default"))
		expect("number endpoints" in text, text)
	b.stop_gateway()


@test
def health_mgw_refuses(b):
	"""The gateway has no such endpoints."""
	b.mgw()
	b.gateway(extra="mgw default\n endpoint nonsense/*\n")
	wait_for(lambda: re.search(r"^mgw default +failed +\[mgw-(refuses|domain)\]", health(b), re.M), "the finding")
	b.stop_gateway()


# ---- peers and routes

@test
def health_peer_address(b):
	"""One of two addresses of a peer is silent; it speaks again."""
	hole = BlackHole(FIRST_IP)
	dns(b, ONE_THEN_TWO)
	b.sipp("pbx", [sipp.recv("OPTIONS"), sipp.reply(200)])
	b.gateway(media="direct", extra=TRUNK + FAST_OPTIONS)
	wait_resolved(b)
	text = words(wait_finding(b, "peer-address-down", "warning", "peer pbx"))
	expect("1 of its 2 addresses" in text, text)
	hole.close()
	b.sipp("first", [sipp.recv("OPTIONS"), sipp.reply(200)], ip=FIRST_IP)
	wait_fine(b, "peer pbx")
	b.stop_gateway()


@test
def health_peer_register(b):
	"""The registrar does not want us."""
	b.sipp("pbx", [sipp.recv("REGISTER"), sipp.reply(403, "Forbidden")])
	b.gateway(media="direct", extra="sip-peer pbx\n register 1001\n")
	text = words(wait_finding(b, "peer-register", "failed", "peer pbx"))
	expect("'1001': Forbidden" in text, text)
	b.stop_gateway()


@test
def health_peer_refuses(b):
	"""The PBX wants a password that we do not have; once it takes a call, all is well."""
	b.mgw()
	pbx = b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(407, extra='Proxy-Authenticate: Digest realm="pbx", nonce="1"\n'), sipp.recv("ACK"), sipp.linger(500)])
	b.gateway()
	expect_totals(totals(b, b.msc("--mo", 1)), answered=0)
	text = words(wait_finding(b, "peer-refuses-us", "warning", "peer pbx"))
	expect("407" in text and "auth user" in text, text)
	pbx.end()
	b.sipp("kind", sipp.ANSWERS)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="again")), answered=1)
	wait_fine(b, "peer pbx")
	finish(b)


@test
def health_sip_not_open(b):
	"""An address that was added while it runs is not listened on before the next start."""
	b.gateway(media="direct")
	b.vty("enable", "configure terminal", "sip", "bind %s 5062" % GW_IP)
	text = words(wait_finding(b, "sip-not-open", "warning", "sip"))
	expect("%s 5062" % GW_IP in text and "restart" in text, text)
	b.stop_gateway()


# ---- the end

@test
def health_stopping(b):
	"""Told to stop while a call is up: that shows, until the call has ended."""
	b.mgw()
	b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK"), sipp.recv("BYE"), sipp.linger(20000)], "-m", 1)
	b.gateway()
	player = b.msc("--mo", 1, "--hold", 600, "--rel-ms", 5000, "--story")
	player.wait_output("SETUP_COMPL_IND")
	b.gw.p.terminate()
	wait_finding(b, "stopping", "warning", "drain", 5)
	expect(b.gw.wait(60) == 0, "exit code")
