"""SIP over TCP and TLS: real peers, and everything that goes wrong on connections.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import time

import sipp
from cases_basic import baresip_talks
from common import GW, expect_audio, expect_totals, finish, mt_call, open_error, test, totals
from harness import GW_IP, PEER_IP, PROXY_IP, expect, wait_for

TCP = "sip\n bind %s 5060 tcp\nsip-peer pbx\n transport tcp\n" % GW_IP


class Ca:
	"""Certificates for one test, made by openssl."""

	def __init__(self, b, name="ca"):
		self.b, self.name = b, name
		self.file = b.path(name + ".pem")
		self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
			      "/CN=Test " + name, "-keyout", b.path(name + ".key"), "-out", self.file)

	def _openssl(self, *args):
		p = subprocess.run(("openssl",) + args, stdin=subprocess.DEVNULL, capture_output=True, text=True)
		expect(p.returncode == 0, "openssl: " + p.stderr[-500:])

	def cert(self, name, san, days=2):
		"""(certificate, key) for subjectAltName `san'."""
		cert, key, req, ext = (self.b.path(name + s) for s in (".pem", ".key", ".req", ".ext"))
		with open(ext, "w") as f:
			f.write("subjectAltName=" + san + "\n")
		self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name, "-keyout", key,
			      "-out", req)
		self._openssl("x509", "-req", "-in", req, "-CA", self.file, "-CAkey", self.b.path(self.name + ".key"), "-CAcreateserial", "-days", str(days),
			      "-extfile", ext, "-out", cert)
		return cert, key


def tls_config(ca, cert, more="", name="proxy.example"):
	return "sip\n bind %s 5061 tls\n tls certificate %s\n tls key %s\n tls ca %s\n%ssip-peer pbx\n transport tls\n tls-name %s\n" % (
		GW_IP, cert[0], cert[1], ca.file, more, name)


def counter(b, name):
	m = re.search(r"%s: +(\d+)" % re.escape(name), b.vty("show rate-counters"))
	return int(m.group(1)) if m else 0


def calls_both_ways(b, port=5060):
	"""A call each way through the proxy, with audio; the phone ends the first, the PBX the second."""
	pbx = b.sipp("pbx-mo", sipp.ANSWERS)
	t = totals(b, b.msc("--mo", 1, "--hold", 2, "--rtp"))
	expect_totals(t, answered=1)
	expect_audio(t, 2)
	pbx.end()
	t = mt_call(b, sipp.CALLS, "answer", to=(PROXY_IP, 5060))
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 2)


@test
def tcp_kamailio(b):
	"""Through a proxy over TCP, both ways, with audio; one connection for all."""
	b.mgw()
	b.kamailio(transport="tcp")
	b.gateway(peer=(PROXY_IP, 5060), extra=TCP)
	calls_both_ways(b)
	n = counter(b, "conn:opened") + counter(b, "conn:accepted")
	expect(1 <= n <= 2, "%d connections" % n)
	expect("TCP" in b.vty("show sip connections"), b.vty("show sip connections"))
	finish(b)


@test
def tls_kamailio(b):
	"""Through a proxy over TLS, both ways, with audio; its name is checked, ours is asked for."""
	ca = Ca(b)
	proxy, gw = ca.cert("proxy", "DNS:proxy.example,URI:sip:example.net"), ca.cert("gw", "DNS:gw.example")
	b.mgw()
	b.kamailio(transport="tls", tls=proxy + (ca.file,))
	b.gateway(peer=(PROXY_IP, 5061), extra=tls_config(ca, gw, " tls verify-client\n"))
	calls_both_ways(b)
	expect(counter(b, "tls:failed") == 0, "handshakes failed")
	expect("certificate of proxy.example" in b.vty("show sip connections"), b.vty("show sip connections"))
	finish(b)


@test
def tls_wrong_name(b):
	"""The proxy has a certificate for another name, or of another authority: no call, one line that says why; the reload mends it."""
	ca, other = Ca(b), Ca(b, "other")
	proxy, gw = ca.cert("proxy", "DNS:proxy.example"), ca.cert("gw", "DNS:gw.example")
	b.mgw()
	b.kamailio(transport="tls", tls=proxy + (ca.file,))
	b.gateway(peer=(PROXY_IP, 5061), extra=tls_config(ca, gw, name="pbx.example") + "timer sip X28 200\ntimer sip X27 300\n")
	b.sipp("pbx", sipp.ANSWERS)
	start = time.monotonic()
	expect_totals(totals(b, b.msc("--mo", 1)), answered=0, failed=1)
	expect(time.monotonic() - start < 10, "it took %.0f s" % (time.monotonic() - start))
	expect("certificate is for proxy.example, not for pbx.example" in b.gw.output(), "no reason in the log")
	b.vty("configure terminal", "sip", "tls ca " + other.file, "end", "sip tls reload")
	b.vty("configure terminal", "sip-peer pbx", "tls-name proxy.example")
	expect_totals(totals(b, b.msc("--mo", 1, name="second")), answered=0, failed=1)
	expect(counter(b, "tls:failed") >= 2, "not counted")
	os.replace(ca.file, other.file)
	b.gw.p.send_signal(signal.SIGHUP)
	time.sleep(1)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="third")), answered=1)
	finish(b)


@test
def tcp_kamailio_restarts(b):
	"""The proxy is restarted in a call over TCP: the call goes on, and its BYE arrives by a new connection."""
	b.mgw()
	proxy = b.kamailio(transport="tcp")
	b.gateway(peer=(PROXY_IP, 5060), extra=TCP)
	pbx = b.sipp("pbx", sipp.ANSWERS, "-m", 1)
	player = b.msc("--mo", 1, "--hold", 6, "--story")
	player.wait_output("SETUP_COMPL_IND")
	proxy.end()
	wait_for(lambda: "No connections" in b.vty("show sip connections"), "the connection is gone", 5)
	b.kamailio(transport="tcp")
	expect_totals(totals(b, player), answered=1, cause_16=1)
	expect(pbx.wait(20) == 0, "no BYE at the PBX:\n" + open_error(b, "pbx"))
	finish(b)


@test
def tcp_nobody(b):
	"""Nobody listens there: the phone has its cause at once, not when timer B has run out."""
	b.mgw()
	b.gateway(extra=TCP)
	start = time.monotonic()
	expect_totals(totals(b, b.msc("--mo", 1)), answered=0, failed=1)
	took = time.monotonic() - start
	expect(took < 10, "it took %.0f s" % took)
	finish(b)


@test
def tcp_sipp(b):
	"""sipp as the PBX over one TCP connection: 20 calls out, then 5 in; the PBX hangs up these."""
	b.mgw()
	b.gateway(extra=TCP)
	pbx = b.sipp("pbx-mo", sipp.ANSWERS, "-t", "t1")
	wait_for(lambda: socket.socket().connect_ex((PEER_IP, 5060)) == 0, "sipp")
	expect_totals(totals(b, b.msc("--mo", 20, "--rate", 10, "--hold", 2)), answered=20, failed=0)
	pbx.end()
	wait_for(lambda: "No connections" in b.vty("show sip connections"), "the connection is gone")
	player = b.msc("--mt", 5, "--mt-behaviour", "answer", "--rtp", name="mt")
	b.wait_mncc_up()
	pbx = b.sipp("pbx", sipp.CALLS, "-m", 5, "-s", "1001", "-t", "t1", remote=GW)
	expect(pbx.wait(60) == 0, "the PBX's calls went wrong:\n" + open_error(b, "pbx") + pbx.output()[-600:])
	expect_totals(totals(b, player), answered=5, unexpected=0)
	finish(b)


@test
def tcp_baresip(b):
	"""baresip over TCP: called, and calling."""
	b.mgw()
	phone = b.baresip(transport="tcp")
	b.gateway(peer=phone.ADDR, extra=TCP)
	player = b.msc("--mo", 1, "--hold", 4, "--rtp")
	note = baresip_talks(b, phone)
	expect_totals(totals(b, player), answered=1)
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--rtp", name="mt")
	b.wait_mncc_up()
	phone.cmd("dial", "sip:1001@%s;transport=tcp" % GW_IP)
	baresip_talks(b, phone)
	phone.cmd("hangup")
	expect_totals(totals(b, player), answered=1)
	finish(b)
	return note


# ---- who does not behave

OPTIONS = ("OPTIONS sip:a@%s SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK%s\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: %s\r\n"
	   "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: %s\r\n\r\n")


def options(i, length="0"):
	return (OPTIONS % (GW_IP, PEER_IP, i, i, length)).encode()


def connect(source=PEER_IP, port=5060, rcvbuf=None):
	s = socket.socket()
	if rcvbuf:
		s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
	s.bind((source, 0))
	s.settimeout(10)
	s.connect((GW_IP, port))
	return s


def is_closed(s, timeout):
	"""Does the other side close it within that time? What it says before is read."""
	s.settimeout(timeout)
	try:
		while s.recv(65536):
			pass
	except ConnectionError:
		pass
	except socket.timeout:
		return False
	return True


@test
def tcp_bad_peers(b):
	"""Half a message and then silence, a length that lies, a slow reader, TLS to the TCP port, junk to the TLS port: each has its end, and calls go on."""
	ca = Ca(b)
	b.mgw()
	b.gateway(extra=tls_config(ca, ca.cert("gw", "DNS:gw.example")) + TCP + "timer sip X32 2000\ntimer sip X36 2000\n")
	pbx = b.sipp("pbx", sipp.ANSWERS, "-t", "t1")
	before = len(b.gw.output().splitlines())
	half, nothing, slow = connect(), connect(), connect(rcvbuf=4096)
	half.sendall(options("half")[:80])
	lies = connect()
	lies.sendall(options("lies", "-5"))
	expect(b" 400 " in lies.recv(4096), "a Content-Length below zero is not refused")
	expect(is_closed(lies, 5), "and not closed")
	short = connect()
	short.sendall(options("short", "500") + b"abc")
	large = connect()
	large.sendall(options("large", "50000") + b"x" * 50000)
	expect(b" 513 " in large.recv(4096), "what is too large is not refused")
	good = connect()
	for i in range(4000):
		try:
			slow.sendall(options("slow%d" % i) * 5)
		except OSError:
			break
		if i % 100 == 0:
			good.sendall(options("good%d" % i))
			expect(b"SIP/2.0 200" in good.recv(4096), "one that does not read blocks others")
	tls = connect(port=5061)
	tls.sendall(os.urandom(2000))
	expect(is_closed(tls, 5), "junk to the TLS port is not closed")
	tcp = connect()
	tcp.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500))
	expect(is_closed(tcp, 5), "TLS to the TCP port is not closed")
	expect(is_closed(half, 8), "half a message is not closed")
	expect(is_closed(short, 8), "a short body is not closed")
	expect(is_closed(nothing, 8), "silence is not closed")
	wait_for(lambda: counter(b, "conn:slow") == 1, "who does not read is closed")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	lines = len(b.gw.output().splitlines()) - before
	expect(lines < 200, "%d log lines" % lines)
	pbx.end()
	finish(b)


@test
def tcp_many_connections(b):
	"""10,000 connections from a hundred addresses: as many as are allowed to strangers stay open, the others are closed; the PBX still gets
	in, calls go on, the log stays short."""
	resource.setrlimit(resource.RLIMIT_NOFILE, (min(16384, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
	b.mgw()
	b.gateway(extra=TCP, log_level="notice")
	before = len(b.gw.output().splitlines())
	pbx = b.sipp("pbx", sipp.ANSWERS, "-t", "t1")
	# those that are refused need not be kept: they are closed at the other end
	socks = []
	for i in range(10000):
		socks.append(connect("127.0.2.%d" % (1 + i % 100)))
		if len(socks) > 6000:
			socks.pop().close()
	wait_for(lambda: counter(b, "conn:accepted") + counter(b, "conn:refused") >= 10000, "all are dealt with", 20)
	accepted = counter(b, "conn:accepted")
	expect(accepted == 750, "%d connections accepted" % accepted)
	good = connect()
	good.sendall(options("good"))
	expect(b"SIP/2.0 200" in good.recv(4096), "strangers keep the PBX out")
	good.close()
	expect_totals(totals(b, b.msc("--mo", 5, "--hold", 1)), answered=5)
	lines = len(b.gw.output().splitlines()) - before
	expect(lines < 50, "%d log lines" % lines)
	for s in socks:
		s.close()
	pbx.end()
	wait_for(lambda: "No connections" in b.vty("show sip connections"), "all are gone")
	finish(b)
	return "%d accepted, %d log lines" % (accepted, lines)


# ---- in by name

def asked_by_tls(ip, ca, cert, wait=10):
	"""OPTIONS over TLS from an address that is no peer's, with that certificate: what comes back; b"" if we are refused, None if nothing comes."""
	ctx = ssl.create_default_context(cafile=ca.file)
	ctx.check_hostname = False
	if cert:
		ctx.load_cert_chain(*cert)
	try:
		with ctx.wrap_socket(connect(ip, 5061)) as s:
			s.sendall(options("from" + ip))
			s.settimeout(wait)
			return s.recv(4096)
	except TimeoutError:
		return None
	except OSError:
		return b""


@test
def tls_door(b):
	"""A peer is who its certificate says, wherever it connects from; with another name it is a stranger, without a good one nobody at all."""
	ca, other = Ca(b), Ca(b, "other")
	b.gateway(peer=("127.0.0.199", 5061), extra=tls_config(ca, ca.cert("gw", "DNS:gw.example"), " tls verify-client\n"))
	answer = asked_by_tls("127.0.0.66", ca, ca.cert("good", "DNS:proxy.example"))
	expect((answer or b"").startswith(b"SIP/2.0 200"), "the peer is not let in by its name")
	expect(asked_by_tls("127.0.0.67", ca, ca.cert("bad", "DNS:proxy.example.org"), 2) is None, "a stranger got an answer")
	expect("stranger 127.0.0.67:" in b.gw.output(), "the stranger is not in the log")
	for ip, cert in (("127.0.0.68", None), ("127.0.0.69", other.cert("forged", "DNS:proxy.example"))):
		failed = counter(b, "tls:failed")
		expect(asked_by_tls(ip, ca, cert) == b"", "%s got in" % ip)
		wait_for(lambda: counter(b, "tls:failed") == failed + 1, "the refusal is counted")
	finish(b, mgw=False)


@test
def tls_door_kamailio(b):
	"""A proxy at an address that is not configured brings calls by its certificate's name, and is reached there when the phone hangs up; with
	another name it brings none."""
	ca = Ca(b)
	gw = tls_config(ca, ca.cert("gw", "DNS:gw.example"), " tls verify-client\n")
	b.mgw()
	proxy = b.kamailio(transport="tls", tls=ca.cert("proxy", "DNS:proxy.example") + (ca.file,))
	b.gateway(peer=("127.0.0.199", 5061), extra=gw)
	t = mt_call(b, sipp.CALLS, "answer", to=(PROXY_IP, 5060))
	expect_totals(t, answered=1, unexpected=0)
	t = mt_call(b, sipp.CALLS_UNTIL_BYE, "answer", hangup=1, to=(PROXY_IP, 5060))
	expect_totals(t, answered=1, unexpected=0)
	proxy.end()
	b.kamailio(transport="tls", tls=ca.cert("proxy", "DNS:somebody.example") + (ca.file,))
	player = b.msc("--mt", 1, "--timeout", 60)
	b.wait_mncc_up()
	b.sipp("stranger", sipp.CALLS, "-m", 1, "-s", "1001", remote=(PROXY_IP, 5060))
	wait_for(lambda: "stranger %s:" % PROXY_IP in b.gw.output(), "it is turned away")
	expect(b.calls_up() == 0, "a stranger made a call")
	player.end()
	finish(b)
