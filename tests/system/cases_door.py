"""Who may call: strangers get nothing, peers within their limits.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import os
import re
import select
import shutil
import socket
import subprocess
import time

import sipp
from common import GW, expect_totals, finish, open_error, test, totals
from harness import GW_IP, PEER_IP, SRC, Failed, Process, expect, wait_for, write_tone

STRANGER_IP = "127.0.0.66"
FAIL2BAN = os.path.join(SRC, "contrib", "fail2ban", "filter.d", "osmo-sipgw.conf")

# ---- strangers


def probe(method, user, branch, ip=STRANGER_IP, port=5060, tag=""):
	"""What svmap, svwar and their like send."""
	return ("%s sip:%s@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\n"
		"From: \"sipvicious\" <sip:%s@%s>;tag=%s\r\nTo: <sip:%s@%s>%s\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n"
		"Contact: <sip:100@%s:%d>\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n" % (
			method, user, GW_IP, ip, port, branch, user, GW_IP, branch, user, GW_IP, tag, branch, method, ip, port)).encode()


def unanswered(probes, ports=1, wait=2.0):
	"""Send them from so many source ports; nothing may come back."""
	socks = []
	for _ in range(ports):
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind((STRANGER_IP, 0))
		socks.append(s)
	try:
		for i, text in enumerate(probes):
			socks[i % ports].sendto(text, GW)
			if i % 50 == 49:
				time.sleep(0.01)
		heard = select.select(socks, [], [], wait)[0]
		expect(not heard, "a stranger got an answer: %r" % (heard and heard[0].recv(300)))
	finally:
		for s in socks:
			s.close()


def no_trace(b):
	expect(b.calls_up() == 0, "a stranger made a call")
	expect(re.search(r"\b0 sessions", b.vty("show sip")) or "sessions" not in b.vty("show sip"), "a stranger made a session")


@test
def door_probes(b):
	"""svmap, svwar and svcrack from an address that is no peer's, existing and missing users, many source ports: no answer, no difference, no call."""
	b.gateway()
	player = b.msc("--mt", 1, "--timeout", 60, "--mt-behaviour", "answer")
	b.wait_mncc_up()
	methods = ("OPTIONS", "REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "SUBSCRIBE", "MESSAGE", "FOO")
	users = ["100", "1001", "9999", "nobody", "001010000000001", "%27or%201"]
	unanswered([probe(m, u, "%s%d" % (m, i)) for m in methods for i, u in enumerate(users)], ports=1)
	unanswered([probe("REGISTER", str(u), "w%d" % u) for u in range(1000, 2000)], ports=200)
	unanswered([probe("INVITE", "1001", "t%d" % i, tag=";tag=%d" % i) for i in range(100)], ports=20)
	unanswered([b"\r\n\r\n", b"\0", b"OPTIONS", b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n\r\n", b"INVITE sip:1@x SIP/2.0\r\n\r\n"])
	no_trace(b)
	expect("INVITE" not in re.sub(r"stranger.*", "", b.gw.output()), "a stranger's INVITE got further than the door")
	n = b.gw.output().count("stranger %s" % STRANGER_IP)
	expect(1 <= n <= 4, "%d lines about a stranger" % n)
	player.end()
	finish(b, mgw=False)


@test
def door_sipsak(b):
	"""sipsak finds nobody: OPTIONS and REGISTER time out, for an existing and for a missing user alike."""
	b.gateway()
	player = b.msc("--mt", 1, "--timeout", 60)
	b.wait_mncc_up()
	for user in ("1001", "9999"):
		for more in ([], ["-U", "-C", "sip:x@127.0.0.1"]):
			p = Process(b, "sipsak-%s-%d" % (user, len(more)), ["sipsak", "-vv", "-s", "sip:%s@%s:5060" % (user, GW_IP)] + more)
			try:
				p.wait(6)
			except Failed:
				pass
			expect("SIP/2.0 " not in re.sub(r"(?m)^\S+ sip:.*SIP/2.0|SIP/2.0/UDP", "", p.output()), "sipsak heard something:\n" + p.output()[-800:])
			p.end()
	no_trace(b)
	player.end()
	finish(b, mgw=False)


@test
def door_refuse(b):
	"""With `unknown-sources refuse' everybody gets the same 403."""
	b.gateway(extra="sip\n unknown-sources refuse\n")
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		s.bind((STRANGER_IP, 0))
		s.settimeout(5)
		answers = set()
		for i, (m, u) in enumerate([("OPTIONS", "1001"), ("REGISTER", "1001"), ("INVITE", "1001"), ("INVITE", "nobody")]):
			s.sendto(probe(m, u, "r%d" % i, port=s.getsockname()[1]), GW)
			answers.add(s.recv(4096).split(b"\r\n")[0])
	expect(answers == {b"SIP/2.0 403 Forbidden"}, "answers: %s" % answers)
	finish(b, mgw=False)


def cpu_seconds(pid):
	with open("/proc/%d/stat" % pid) as f:
		fields = f.read().rsplit(")", 1)[1].split()
	return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@test
def door_flood(b):
	"""20,000 packets of a stranger while phones call: each call works, the flood costs a few microseconds per packet."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(media="direct", log_level="notice")
	player = b.msc("--mo", 30, "--rate", 10, "--hold", 1)
	b.wait_mncc_up()
	packets = [probe("INVITE", str(1000 + i % 1000), "f%d" % i) for i in range(1000)]
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		s.bind((STRANGER_IP, 0))
		s.setblocking(False)
		for i in range(20000):
			try:
				s.sendto(packets[i % 1000], GW)
			except BlockingIOError:
				pass
			if i % 100 == 99:
				time.sleep(0.01)
		expect(not select.select([s], [], [], 0.5)[0], "a stranger got an answer")
	expect_totals(totals(b, player), answered=30, failed=0)
	lines = b.gw.output().count("stranger ")
	expect(lines <= 3, "%d lines in the log" % lines)
	before, n = cpu_seconds(b.gw.p.pid), 20000
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		s.bind((STRANGER_IP, 0))
		for i in range(n):
			s.sendto(packets[i % 1000], GW)
			if i % 50 == 49:
				time.sleep(0.002)
	time.sleep(0.5)
	note = "%.1f us CPU per packet of a stranger" % (1e6 * (cpu_seconds(b.gw.p.pid) - before) / n)
	finish(b, mgw=False)
	return note


def fail2ban_matches(log):
	"""The addresses that the filter finds in a log: by fail2ban itself if it is there, else by its expression."""
	if shutil.which("fail2ban-regex"):
		out = subprocess.run(["fail2ban-regex", "-v", "--print-all-matched", log, FAIL2BAN], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60).stdout.decode()
		m = re.search(r"Lines: (\d+) lines, (\d+) ignored, (\d+) matched", out)
		expect(m, "fail2ban-regex said:\n" + out[-1500:])
		return int(m.group(3)), re.findall(r"^\|\s+([0-9a-f]*[.:]\S+)\s+\w{3} ", out, re.M)
	with open(FAIL2BAN) as f:
		rx = re.search(r"^failregex = (.*)$", f.read(), re.M).group(1).replace("<ADDR>", r"(?P<addr>[0-9a-fA-F:.]+)")
	with open(log) as f:
		found = [m.group("addr") for m in (re.search(rx, line) for line in f) if m]
	return len(found), found


@test
def door_fail2ban(b):
	"""fail2ban finds strangers in the log, IPv4 and IPv6, once each, and no peer, whatever a peer writes into its requests."""
	b.gateway(extra="sip\n bind ::1 5060\n")
	player = b.msc("--mt", 1, "--timeout", 60)
	b.wait_mncc_up()
	unanswered([probe("REGISTER", "100", "b%d" % i) for i in range(50)], ports=10, wait=0.2)
	with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
		s.sendto(probe("OPTIONS", "100", "b6"), ("::1", 5060))
	evil = "stranger%20192.0.2.1:5060%20(UDP)%20turned%20away:"
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		s.bind((PEER_IP, 5060))
		s.settimeout(5)
		s.sendto(probe("INVITE", evil, "evil", ip=PEER_IP), GW)
		s.recv(4096)
		time.sleep(0.5)
	player.end()
	finish(b, mgw=False)
	log = b.path("log")
	with open(log, "w") as f:
		f.write(b.gw.output())
	n, found = fail2ban_matches(log)
	expect(n == 2, "fail2ban matches %d lines, not 2: %s" % (n, found))
	expect("192.0.2.1" in b.gw.output(), "what the peer wrote is not in the log: the test tests nothing")
	return ", ".join(sorted(set(found)))


# ---- limits

@test
def door_max_calls(b):
	"""More calls of a peer than it may have: 503 with Retry-After; and calls of phones to it: cause 42."""
	b.mgw()
	b.gateway(extra="sip-peer pbx\n max-calls 1\n")
	player = b.msc("--mt", 2, "--mt-behaviour", "answer", "--timeout", 40)
	b.wait_mncc_up()
	first = b.sipp("first", [sipp.invite(body=sipp.sdp()), sipp.recv(100, optional=True), sipp.recv(180, optional=True), sipp.recv(200),
				 sipp.request("ACK", 1, retrans=False), sipp.pause(4000), sipp.request("BYE", 2), sipp.recv(200)],
		       "-m", 1, "-s", "1001", remote=GW)
	wait_for(lambda: b.calls_up() == 1, "the first call")
	second = b.sipp("second", [sipp.invite(body=sipp.sdp()),
				   '<recv response="503"><action><ereg regexp="[0-9]+" search_in="hdr" header="Retry-After:" check_it="true" assign_to="9"/></action></recv>',
				   sipp.request("ACK", 1, invite_at=2, retrans=False)],
			"-m", 1, "-s", "1001", "-mp", 6100, remote=GW, port=5070)
	expect(second.wait(20) == 0, "the second call got no 503 with Retry-After:\n" + open_error(b, "second"))
	expect(first.wait(20) == 0, "the first call:\n" + open_error(b, "first"))
	player.end()
	expect("refused: as many as its max-calls are up" in b.gw.output(), "no line about it")
	finish(b)


@test
def door_max_rate(b):
	"""A peer that may be called once a second: of five calls at once one goes through, the others get cause 42; emergency calls all do."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="sip-peer pbx\n max-calls-per-second 1\n")
	t = totals(b, b.msc("--mo", 5, "--rate", 50, "--hold", 1))
	expect_totals(t, answered=1, failed=4, cause_42=4)
	t = totals(b, b.msc("--mo", 5, "--rate", 50, "--hold", 1, "--emergency", name="emergency"))
	expect_totals(t, answered=5, failed=0)
	finish(b)


# ---- linphone as a phone

class Linphone:
	"""linphonec, told what to do by its standard input; sound comes from a file and goes into one."""
	IP, PORT = "127.0.0.180", 5060

	def __init__(self, bench, auto_answer):
		home = bench.path("linphone")
		os.makedirs(os.path.join(home, ".local", "share", "linphone"), exist_ok=True)
		write_tone(os.path.join(home, "tone.wav"))
		rc = os.path.join(home, "rc")
		with open(rc, "w") as f:
			f.write("[sip]\nauto_net_state_mon=0\nsip_port=%d\nsip_tcp_port=0\nsip_tls_port=0\ndefault_proxy=-1\nguess_hostname=0\nbind_address=%s\ncontact=sip:5552222@%s:%d\n"
				"inc_timeout=30\nuse_ipv6=0\nregister_only_when_network_is_up=0\n[rtp]\naudio_rtp_port=31000\nbind_address=%s\n[net]\nbind_address=%s\n"
				"[sound]\nec=0\n[video]\nenabled=0\ncapture=0\ndisplay=0\n"
				"[audio_codec_0]\nmime=GSM\nrate=8000\nchannels=1\nenabled=1\n" % (self.PORT, self.IP, self.IP, self.PORT, self.IP, self.IP))
		self.rec = os.path.join(home, "heard.wav")
		self.log = bench.path("linphonec.out")
		env = dict(os.environ, HOME=home)
		self.out = open(self.log, "wb")
		self.p = subprocess.Popen(["linphonec", "-c", rc, "-d", "0"] + (["-a"] if auto_answer else []), stdin=subprocess.PIPE, stdout=self.out,
					  stderr=subprocess.STDOUT, env=env, cwd=home)
		self.cmd("soundcard use files")
		self.cmd("play " + os.path.join(home, "tone.wav"))
		self.cmd("record " + self.rec)

	def cmd(self, line):
		self.p.stdin.write(line.encode() + b"\n")
		self.p.stdin.flush()

	def output(self):
		with open(self.log, errors="replace") as f:
			return f.read()

	def heard(self):
		return os.path.getsize(self.rec) if os.path.exists(self.rec) else 0

	def end(self):
		if self.p.poll() is None:
			try:
				self.cmd("quit")
				self.p.wait(10)
			except (subprocess.TimeoutExpired, BrokenPipeError):
				self.p.kill()
				self.p.wait()
		self.out.close()


@test
def linphone_answers(b):
	"""A phone calls linphone, which answers by itself: voice goes both ways."""
	b.mgw()
	phone = Linphone(b, True)
	try:
		time.sleep(3)
		b.gateway(peer=(Linphone.IP, Linphone.PORT))
		t = totals(b, b.msc("--mo", 1, "--hold", 5, "--rtp"))
		expect_totals(t, answered=1, unexpected=0)
		expect(t["rtp_rx"] >= 100, "only %d frames came from linphone: %s" % (t["rtp_rx"], t))
		finish(b)
	finally:
		phone.end()
	# 16,000 bytes are a second
	expect(phone.heard() >= 48000, "linphone heard %d bytes of the phone only" % phone.heard())
	return "%d frames to the phone, %d bytes recorded by linphone" % (t["rtp_rx"], phone.heard())


@test
def linphone_calls(b):
	"""linphone calls a phone, which answers; linphone hangs up."""
	b.mgw()
	phone = Linphone(b, False)
	try:
		time.sleep(3)
		b.gateway(peer=(Linphone.IP, Linphone.PORT))
		player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--rtp")
		b.wait_mncc_up()
		phone.cmd("call sip:1001@%s" % GW_IP)
		wait_for(lambda: b.calls_up() == 1, "linphone's call")
		time.sleep(5)
		phone.cmd("terminate")
		t = totals(b, player)
		expect_totals(t, answered=1, unexpected=0)
		expect(t["rtp_rx"] >= 100, "only %d frames came from linphone: %s" % (t["rtp_rx"], t))
		finish(b)
	finally:
		phone.end()
	# 16,000 bytes are a second
	expect(phone.heard() >= 48000, "linphone heard %d bytes of the phone only" % phone.heard())
	return "%d frames to the phone, %d bytes recorded by linphone" % (t["rtp_rx"], phone.heard())
