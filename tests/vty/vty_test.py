#!/usr/bin/env python3
"""The real daemon as its operator meets it: arguments, signals, VTY transcripts, the configuration written and read again.

usage: vty_test.py TEST [ARGUMENT]      (SIPGW=path of osmo-sipgw)

Each test has a loopback address of its own, so that tests may run at the same time. The peers are small stand-ins: a listener that says HELLO
for the MSC, a socket that says 200 to every command for the media gateway.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import difflib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET

SRC = os.path.dirname(os.path.abspath(__file__))
SIPGW = os.environ.get("SIPGW", "osmo-sipgw")
PROMPT = re.compile(r"(?:^|\r?\n)(OsmoSIPgw(?:\([\w-]+\))?[>#] )$")
TESTS = {}


class Failed(Exception):
	"""What a test expected did not happen."""


def test(fn):
	TESTS[fn.__name__] = fn
	return fn


def expect(cond, what):
	if not cond:
		raise Failed(what)


def wait_for(cond, what, timeout=20.0):
	end = time.monotonic() + timeout
	while time.monotonic() < end:
		if cond():
			return
		time.sleep(0.02)
	raise Failed("waited in vain for " + what)


class Setup:
	"""A directory and an address of one test, and everything that was started for it."""

	def __init__(self, name):
		self.dir = tempfile.mkdtemp(prefix="vty-")
		self.ip = "127.0.91.%d" % (sorted(TESTS).index(name) + 1)
		self.mncc = os.path.join(self.dir, "mncc")
		self.daemons = []

	def path(self, name):
		return os.path.join(self.dir, name)

	def write(self, name, text):
		with open(self.path(name), "w", encoding="utf-8") as f:
			f.write(text)
		return self.path(name)

	def minimal(self, more=""):
		"""A configuration with our addresses and nothing else to speak of."""
		return (f"line vty\n bind {self.ip} 4256\n"
			f"mncc\n socket-path {self.mncc}\n"
			f"mgw default\n remote-ip {self.ip}\n"
			f"ctrl\n bind {self.ip}\n"
			f"sip\n bind {self.ip} 5060\n" + more)

	def run(self, *args, timeout=20):
		"""Run to the end: (exit code, stdout, stderr)"""
		p = subprocess.run([SIPGW, *args], cwd=self.dir, capture_output=True, text=True, timeout=timeout, check=False)
		return p.returncode, p.stdout, p.stderr

	def start(self, config, *args):
		"""Start the daemon with this configuration; it is ready when its VTY is."""
		d = Daemon(self, self.write("osmo-sipgw.cfg", config), args)
		self.daemons.append(d)
		d.wait_ready()
		return d

	def close(self):
		for d in self.daemons:
			d.kill()
		shutil.rmtree(self.dir)


class Daemon:
	def __init__(self, setup, cfg, args):
		self.setup = setup
		self.err = setup.path("stderr")
		with open(self.err, "w", encoding="utf-8") as err:
			self.proc = subprocess.Popen([SIPGW, "-c", cfg, "-s", *args], cwd=setup.dir, stdout=err, stderr=err)

	def stderr(self):
		with open(self.err, encoding="utf-8", errors="replace") as f:
			return f.read()

	def wait_ready(self):
		def ready():
			expect(self.proc.poll() is None, "the daemon ended:\n" + self.stderr())
			try:
				socket.create_connection((self.setup.ip, 4256)).close()
			except ConnectionRefusedError:
				return False
			return True
		wait_for(ready, "the VTY port")

	def vty(self):
		return Vty(self.setup.ip)

	def send(self, signum):
		self.proc.send_signal(signum)

	def end(self, signum=signal.SIGTERM, timeout=10):
		"""Tell it to end; it has to do so well, with nothing left in memory."""
		self.send(signum)
		self.ended(timeout)

	def ended(self, timeout=10):
		code = self.proc.wait(timeout)
		err = self.stderr()
		expect(code == 0, "exit code %d:\n%s" % (code, err))
		expect(re.search(r"full talloc report on 'null_context' \(total +0 bytes in +1 blocks\)\s*$", err),
		       "memory was left:\n" + err)

	def kill(self):
		if self.proc.poll() is None:
			self.proc.kill()
			self.proc.wait()


class Vty:
	"""A telnet session."""

	def __init__(self, ip):
		self.sock = socket.create_connection((ip, 4256), timeout=10)
		self.prompt = None
		self.read()
		self.cmd("terminal length 0")

	def read(self):
		data = b""
		while True:
			got = self.sock.recv(65536)
			if not got:
				return data.decode(errors="replace")
			data += got
			text = re.sub(rb"\xff[\xfb-\xfe].", b"", data).decode(errors="replace")
			m = PROMPT.search(text)
			if m:
				self.prompt = m.group(1)
				return text[:m.start()]

	def cmd(self, line):
		"""Say a line, hear the answer."""
		self.sock.sendall(line.encode() + b"\n")
		text = self.read().replace("\r", "")
		return text.split("\n", 1)[1] if "\n" in text else ""

	def cmds(self, text):
		return "".join(self.cmd(line) for line in text.strip().splitlines())


# MNCC as osmo-msc 1.9 has it: version 8, 1876 octets
SETUP_IND, DISC_REQ, REL_REQ, REL_IND, REL_CNF, RTP_CREATE = 0x102, 0x10e, 0x110, 0x111, 0x112, 0x204
MNCC_SIZE = 1876


class FakeMsc(threading.Thread):
	"""osmo-msc's end of the MNCC socket: says HELLO, has the media of each call ready at once, confirms the end of calls if it is polite."""

	def __init__(self, path, polite=True, version=8):
		super().__init__(daemon=True)
		self.version = version
		self.server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		self.server.bind(path)
		self.server.listen(1)
		self.conn = None
		self.path = path
		self.polite = polite
		self.causes = []	# of the calls that we were told to end
		self.start()

	def run(self):
		self.conn = self.server.accept()[0]
		self.conn.send(struct.pack("=8I", 0x400, self.version, MNCC_SIZE, 8, 104, 796, 812, 832))
		while True:
			try:
				msg = self.conn.recv(4096)
			except OSError:
				return
			if not msg:
				return
			self.rx(*struct.unpack_from("=II", msg), msg)

	def rx(self, msg_type, callref, msg):
		if msg_type == RTP_CREATE:
			addr = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s", 4004, socket.inet_aton("127.0.0.1"))
			self.tx(msg_type, callref, {8: addr, 136: struct.pack("=II", 3, 0x300)})
		if msg_type in (DISC_REQ, REL_REQ):
			self.causes.append(struct.unpack_from("=I", msg, 328)[0])
			if self.polite:
				self.tx(REL_IND if msg_type == DISC_REQ else REL_CNF, callref, {})

	def tx(self, msg_type, callref, members):
		msg = bytearray(MNCC_SIZE)
		struct.pack_into("=II", msg, 0, msg_type, callref)
		for offset, value in members.items():
			msg[offset:offset + len(value)] = value
		self.conn.send(msg)

	def setup(self, callref, calling, called):
		"""A phone calls."""
		def number(digits):
			return struct.pack("=4I33s", 0, 1, 0, 0, digits.encode())
		bearer_cap = struct.pack("=5I2i", 0, 0, 0, 1, 0, 0, -1)
		self.tx(SETUP_IND, callref, {8: struct.pack("=I", 0x807), 12: bearer_cap, 104: number(called), 156: number(calling),
					     816: b"001010000000001"})

	def close(self):
		if self.conn:
			try:
				self.conn.shutdown(socket.SHUT_RDWR) # also wakes up the thread
			except OSError:
				pass
			self.conn.close()
		self.server.close()
		os.unlink(self.path)


class FakeMgw(threading.Thread):
	"""A media gateway that finds everything fine."""

	def __init__(self, ip):
		super().__init__(daemon=True)
		self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.sock.bind((ip, 2427))
		self.start()

	def run(self):
		while self.sock.fileno() >= 0:
			msg, who = self.sock.recvfrom(4096)
			self.sock.sendto(b"200 " + msg.split()[1] + b" OK\r\n", who)


def split_transcript(path):
	"""[(command with its prompt, expected answer lines)]"""
	steps = []
	with open(path, encoding="utf-8") as f:
		for line in f.read().splitlines():
			m = re.match(r"(OsmoSIPgw(?:\([\w-]+\))?[>#] )(.*)$", line)
			if m:
				steps.append((m.group(1), m.group(2), []))
			elif steps:
				steps[-1][2].append(line)
	return steps


def matches(expected, got):
	"""Line by line; '...' stands for any number of lines, and within a line for any text."""
	if not expected:
		return not got
	if expected[0] == "...":
		return any(matches(expected[1:], got[i:]) for i in range(len(got) + 1))
	pattern = ".*".join(re.escape(part) for part in expected[0].split("..."))
	return bool(got) and re.fullmatch(pattern, got[0]) is not None and matches(expected[1:], got[1:])


def run_transcript(setup, vty, name):
	subst = {"@IP@": setup.ip, "@MNCC@": setup.mncc, "@DIR@": setup.dir}
	for prompt, cmd, expected in split_transcript(os.path.join(SRC, name)):
		for word, value in subst.items():
			cmd = cmd.replace(word, value)
			expected = [line.replace(word, value) for line in expected]
		expect(vty.prompt == prompt, "before '%s': prompt is '%s', expected '%s'" % (cmd, vty.prompt, prompt))
		got = [line.rstrip() for line in vty.cmd(cmd).splitlines()]
		while expected and not expected[-1]:
			expected.pop()
		while got and not got[-1]:
			got.pop()
		diff = "\n".join(difflib.unified_diff(expected, got, "expected", "got", lineterm=""))
		expect(matches(expected, got), "%s%s\n%s" % (prompt, cmd, diff))
		wide = [line for line in got if len(line) > 80 and not line.startswith("  Last error")]
		expect(not wide or "running" in cmd or "timer" in cmd or "counters" in cmd, "wider than 80 columns:\n" + "\n".join(wide))


@test
def show(setup):
	"""What an idle daemon shows whose MSC, media gateway and peers are not there."""
	d = setup.start(setup.minimal(f"sip-peer pbx\n remote {setup.ip} 5070\nsip-peer nowhere\ncall\n default-peer pbx\n"))
	run_transcript(setup, d.vty(), "show.vty")
	d.end()


@test
def config(setup):
	"""Every command of the configuration, set and shown, at run time."""
	for name in sorted(os.listdir(SRC)):
		if name.startswith("config") and name.endswith(".vty"):
			d = setup.start(setup.minimal())
			run_transcript(setup, d.vty(), name)
			d.end()


@test
def wrong(setup):
	"""A wrong value says what was expected, and changes nothing."""
	d = setup.start(setup.minimal("sip-peer pbx\n"))
	vty = d.vty()
	before = vty.cmds("enable\nshow running-config")
	vty.cmd("disable")
	run_transcript(setup, vty, "wrong.vty")
	expect(vty.cmd("show running-config") in before, "the configuration changed")
	d.end()


@test
def links(setup):
	"""The MSC and the media gateway come, go, and come again; the daemon follows."""
	d = setup.start(setup.minimal("timer mncc X1 50\ntimer mncc X2 100\ntimer mgcp X7 100\n"))
	vty = d.vty()

	def shows(command, what):
		wait_for(lambda: what in vty.cmd(command), "'%s' in '%s'" % (what, command))
	shows("show mncc", "down for")
	msc = FakeMsc(setup.mncc)
	shows("show mncc", "up for")
	shows("show mncc", "MNCC version 8, messages of 1876 bytes")
	shows("show mncc", "  Before that: there is no such socket")
	expect("To do" not in vty.cmd("show mncc"), "there is nothing to do")
	msc.close()
	shows("show mncc", "To do: osmo-msc has to run")
	msc = FakeMsc(setup.mncc, version=9)
	shows("show mncc", "To do: osmo-msc runs, but its version and ours do not fit together")
	msc.close()
	msc = FakeMsc(setup.mncc)
	shows("show mncc", "up for")
	expect("Before that: the MSC" in vty.cmd("show mncc"), "the error is past")
	shows("show mgw", "down for")
	mgw = FakeMgw(setup.ip)
	shows("show mgw", "up for")
	d.end()
	mgw.sock.close()
	msc.close()


class CallUp:
	"""A daemon with a call on its way to a peer that says nothing."""

	def __init__(self, setup, polite=True, calling="1001", called="5552222"):
		self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.peer.bind((setup.ip, 5070))
		self.peer.settimeout(10)
		self.msc = FakeMsc(setup.mncc, polite)
		self.gw = setup.start(setup.minimal(f"sip-peer pbx\n remote {setup.ip} 5070\n media direct\ncall\n default-peer pbx\n"))
		self.vty = self.gw.vty()
		wait_for(lambda: "up for" in self.vty.cmd("show mncc"), "the link")
		self.msc.setup(0x80000001, calling, called)
		expect(self.peer.recv(4096).startswith(b"INVITE sip:%s@" % called.encode()), "no INVITE")

	def close(self):
		self.peer.close()
		self.msc.close()


@test
def health(setup):
	"""What is wrong with an idle daemon that has nobody around it; each finding that there is stands in the manual, each gauge too."""
	d = setup.start(setup.minimal(f"sip-peer pbx\n remote {setup.ip} 5070\nsip-peer nowhere\n"))
	run_transcript(setup, d.vty(), "health.vty")
	shown = d.vty().cmd("show stats")
	d.end()
	with open(os.path.join(SRC, "../../doc/manual.adoc"), encoding="utf-8") as f:
		text = f.read()
	source = ""
	for name in ("health_parts.c", "health_sip.c"):
		with open(os.path.join(SRC, "../../src/health", name), encoding="utf-8") as f:
			source += f.read()
	names = set(re.findall(r'HEALTH_(?:WARNING|FAILED), "([a-z-]+)"', source)) | set(re.findall(r'"(mncc-[a-z-]+)"', source))
	documented = set(re.findall(r"^\|`([a-z-]+)` \|(?:warning|failed) \|", text, re.M))
	expect(len(names) > 25 and names - documented <= {"draining", "stopping"} and documented - names <= {"draining", "stopping"},
	       "findings: %s" % (names ^ documented))
	gauges = [line.split(": ")[0].strip() for line in shown.splitlines() if re.match(r" .*: +\d+ (\w+)?$", line)]
	expect(len(gauges) >= 15, "gauges: %s" % gauges)
	for gauge in gauges:
		expect(gauge in text, "the manual does not name the gauge '%s'" % gauge)


CHECKED = """sip
 bind 127.0.0.300
frob
 nested
log file /nonexistent/x.log
 logging level set-all notice
sip-peer pbx
 remote 192.0.2.1
 transport tls
route out
 target peer nobody
call
 default-peer pxb
cdr
 file /nonexistent/x.json
 sideways
stats reporter statsd
 remote-ip 192.0.2.1
 enable
"""


@test
def check(setup):
	"""--check-config: every finding with its line; nothing is opened; the example is good."""
	path = setup.write("bad.cfg", CHECKED)
	code, out, err = setup.run("--check-config", path)
	expect(code == 1 and err == "", "exit code %d:\n%s" % (code, err))
	expected = (":2: 'bind 127.0.0.300': Not an IP address", ":3: 'frob': there is no such command", ":16: 'sideways': there is no such command",
		    ":13: the default peer 'pxb'", ":10: the peer 'nobody' of 'route out'", ":7: warning: 'sip-peer pbx' cannot be reached")
	for line in expected:
		expect(path + line in out, "no '%s' in:\n%s" % (line, out))
	expect(len(out.splitlines()) == len(expected), out)
	example = os.path.abspath(os.path.join(SRC, "../../osmo-sipgw.cfg"))
	code, out, err = setup.run("--check-config", example)
	expect(code == 0 and out == example + ": ok\n", out + err)
	code, out, _ = setup.run("--check-config", "/nonexistent/x.cfg")
	expect(code == 1 and "cannot read" in out, out)


@test
def calls(setup):
	"""A call is shown, and ended by the operator."""
	c = CallUp(setup)
	expect("\n1 call" in c.vty.cmd("show calls"), "one call")
	number = re.search(r"^ *(\d+) CALLING    1001             5552222          \d s         pbx$", c.vty.cmd("show calls"), re.M)
	expect(number, c.vty.cmd("show calls"))
	shown = c.vty.cmd("show call " + number.group(1))
	for part in (": CALLING", "  From 1001 to 5552222\n  Target pbx, media direct", "  Began ", "  Leg A: gsm ", "  Leg B: sip "):
		expect(part in shown, "'%s' is not in:\n%s" % (part, shown))
	c.vty.cmds("enable\ncall %s release 17" % number.group(1))
	wait_for(lambda: "0 calls" in c.vty.cmd("show calls"), "the end of the call")
	wait_for(lambda: c.msc.causes, "the MSC to be told")
	expect(c.msc.causes[0] == 17, "causes told to the MSC: %s" % c.msc.causes)
	c.gw.end()
	c.close()


@test
def columns(setup):
	"""What is shown fits into 80 columns, however long numbers, names and addresses are."""
	c = CallUp(setup, calling="49987654321098765432109876543210", called="12345678901234567890123456789012")
	c.vty.cmds("enable\nconfigure terminal\nsip-peer a-peer-with-a-very-long-name-indeed\nremote 2001:db8:1234:5678:9abc:def0:1234:5678 5099\nend")
	for command in ("show calls", "show call 1", "show mncc", "show mgw", "show mgw default", "show sip", "show sip peer"):
		for line in c.vty.cmd(command).splitlines():
			expect(len(line) <= 80, "%s: %d columns:\n%s" % (command, len(line), line))
	shown = c.vty.cmd("show calls")
	expect(" 49987654321098.. 12345678901234.. " in shown, "numbers that were cut:\n" + shown)
	shown = c.vty.cmd("show call 1")
	expect("From 49987654321098765432109876543210 to 12345678901234567890123456789012\n" in shown, "numbers in full:\n" + shown)
	c.gw.kill()
	c.close()


@test
def stop(setup):
	"""An MSC that confirms nothing: the end is put off for five seconds, or until the second signal."""
	for signals_sent, at_least, at_most in ((1, 4, 9), (2, 0, 3)):
		c = CallUp(setup, polite=False)
		before = time.monotonic()
		c.gw.send(signal.SIGTERM)
		if signals_sent == 2:
			wait_for(lambda c=c: c.msc.causes, "the MSC to be told")
			c.gw.send(signal.SIGTERM)
		c.gw.ended()
		took = time.monotonic() - before
		expect(at_least < took < at_most, "it took %.1f s" % took)
		expect(c.msc.causes[0] == 41, "causes told to the MSC: %s" % c.msc.causes)
		c.close()


FULL = """sip-peer pbx
 remote {ip} 5070
 media direct
 dtmf info-dtmf
 domain pbx.example.org
sip-peer other-one
 remote ::1 5071
 dtmf none
sip-peer unfinished
mgw second
 remote-ip ::1
 remote-port 2428
 local-ip ::1
 local-port 20727
 endpoint-domain gw2
 endpoint bridge
 reset-endpoints
call
 default-peer pbx
 mt-identity imsi
timer call X3 60
timer sip X1 250
timer mgcp X7 3000
"""


@test
def roundtrip(setup):
	"""The configuration written to a file and read again is the same; so is the minimal one."""
	full = FULL
	for name in sorted(os.listdir(SRC)):
		if name.startswith("full") and name.endswith(".cfg"):
			with open(os.path.join(SRC, name), encoding="utf-8") as f:
				full += f.read()
	for more in (full.format(ip=setup.ip, dir=setup.dir), ""):
		written = []
		config_text = setup.minimal(more)
		for i in range(2):
			d = setup.start(config_text)
			vty = d.vty()
			running = vty.cmds("enable\nshow running-config")
			path = setup.path("written%d.cfg" % i)
			expect("saved" in vty.cmd("write file " + path), "write file")
			with open(path, encoding="utf-8") as f:
				config_text = f.read()
			written.append(config_text)
			for line in more.splitlines():
				expect(line in config_text.splitlines(), "'%s' is not in:\n%s" % (line, config_text))
				expect(line in running.splitlines(), "'%s' is not in:\n%s" % (line, running))
			d.end()
		expect(written[0] == written[1], "\n".join(difflib.unified_diff(written[0].splitlines(), written[1].splitlines())))


@test
def example(setup, cfg="../../osmo-sipgw.cfg"):
	"""The example configuration works (on addresses of the test), and the four lines alone do."""
	with open(os.path.join(SRC, cfg), encoding="utf-8") as f:
		text = f.read()
	for old, new in ((" bind 127.0.0.1 4256", f" bind {setup.ip} 4256"), (" bind 0.0.0.0 5060", f" bind {setup.ip} 5060"),
			 ("/tmp/msc_mncc\nmgw", setup.mncc + "\nmgw"), (" bind 127.0.0.1 4297", f" bind {setup.ip}"), (" remote-port 2427", " remote-port 32427")):
		text = text.replace(old, new)
	d = setup.start(text)
	expect("the default peer" in d.vty().cmd("show sip peer pbx"), "default peer of the example")
	d.end()
	d = setup.start(f"line vty\n bind {setup.ip} 4256\nsip\n bind {setup.ip}\n"
			"sip-peer pbx\n remote 192.0.2.10\ncall\n default-peer pbx\n")
	vty = d.vty()
	expect("/tmp/msc_mncc" in vty.cmd("show mncc"), "default path of the socket")
	expect("Media gateway default at 127.0.0.1:2427" in vty.cmd("show mgw"), "default media gateway")
	d.end()


OLD_CONFIG = """! osmo-sip-connector
log stderr
 logging level sip error
 logging level app notice
line vty
 no login
 bind {ip} 4256
app
 use-imsi
mncc
 socket-path {dir}/mncc
sip
 local {ip} 5062
 remote 192.0.2.10 5064
 sofia-sip log-level 0
"""


@test
def convert(setup):
	"""A configuration of osmo-sip-connector, converted, is one of ours and means the same."""
	old = setup.write("osmo-sip-connector.cfg", OLD_CONFIG.format(ip=setup.ip, dir=setup.dir))
	script = os.path.join(SRC, "../../contrib/osmo-sip-connector-convert.py")
	new = subprocess.run([sys.executable, script, old], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
	expect("! sip / sofia-sip log-level 0" in new, "what is lost is not said:\n" + new)
	d = setup.start(new)
	running = d.vty().cmds("enable\nshow running-config")
	for line in (f" socket-path {setup.dir}/mncc", f" bind {setup.ip} 5062", " remote 192.0.2.10 5064", " media direct", " default-peer pbx",
		     " mt-identity imsi", " logging level main notice", " logging level sip error"):
		expect(line in running.splitlines(), "'%s' is not in:\n%s" % (line, running))
	d.end()


# How people write them: indented as a whole, by two, by tabs, with CR, comments, old names, a name instead of an address, in any order, almost empty.
OLD_SHAPES = (
	" app\n mncc\n  socket-path /tmp/bsc_mncc\n sip\n  local 127.0.0.1 5069\n  remote 127.0.0.1 5060\n",
	"app\nmncc\n\tsocket-path /tmp/bsc_mncc\nsip\n!\tlocal 0.0.0.0 5060\n\tlocal 127.0.0.1 5069\n\tremote 127.0.0.1 5060\n\nlog stderr\n\tlogging level all debug\n",
	"!\n! fixed\n!\nlog stderr\n logging filter all 1\n logging print category 1\n logging timestamp 1\n logging level all notice\n!\nmncc\n ! the MSC\n"
	" socket-path /tmp/bsc_mncc\n!\nsip\n ! us\n local 127.0.0.1 5069\n !\n ! them\n remote 127.0.0.1 5060\n",
	"app\r\nstats interval 5\r\nstats reporter statsd exporter\r\n  remote-ip 127.0.0.1\r\n  remote-port 9125\r\n  level global\r\n  prefix osmo-sip\r\n  enable\r\n"
	"sip\r\n  remote 127.0.0.1 5060\r\n  local 127.0.0.1 5069\r\nmncc\r\n  socket-path /tmp/bsc_mncc\r\n",
)


@test
def convert_shapes(setup):
	"""The converter reads what people have."""
	script = os.path.join(SRC, "../../contrib/osmo-sip-connector-convert.py")
	for text in OLD_SHAPES + ("app\nsip\n remote pbx 5060\n", ""):
		old = setup.write("osmo-sip-connector.cfg", text)
		new = subprocess.run([sys.executable, script, old], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
		code, out, err = setup.run("--check-config", setup.write("osmo-sipgw.cfg", new))
		expect(code == 0 and "ok" in out, "%s%s\n%s" % (out, err, new))
		if "127.0.0.1" in text:
			for line in (" socket-path /tmp/bsc_mncc", " bind 127.0.0.1 5069", " remote 127.0.0.1 5060"):
				expect(line in new.splitlines(), "'%s' is not in:\n%s" % (line, new))
		expect("without a counterpart" not in new, new)


# a configuration, and what the one line has to say about it
BAD = (
	("nonsense\n", "osmo-sipgw.cfg:1: 'nonsense': there is no such command here"),
	("sip\n bind 127.0.0.300\n", "osmo-sipgw.cfg:2: 'bind 127.0.0.300': Not an IP address: '127.0.0.300'; expected e.g. 192.0.2.1 or 2001:db8::1"),
	("!\n!\nsip\n bind 127.0.0.1 70000\n", "osmo-sipgw.cfg:4: 'bind 127.0.0.1 70000': Wrong value '70000': expected a port, 1 to 65535"),
	("sip-peer pbx\n media sideways\n", "osmo-sipgw.cfg:2: 'media sideways': Wrong value 'sideways': expected anchored or direct"),
	("sip-peer pbx\n remote\n", "osmo-sipgw.cfg:2: 'remote': something is missing at the end"),
	("sip-peer pbx\n  remote 192.0.2.1\n media direct\n", "osmo-sipgw.cfg:3: 'media direct': indentation does not match the lines around it"),
	(" mncc\n  socket-path /tmp/x\nsip\n bind 127.0.0.1\n", "osmo-sipgw.cfg:3: 'sip': indentation does not match the lines around it"),
	("timer call X99 5\n", "osmo-sipgw.cfg:1: 'timer call X99 5': No such timer: X99"),
	("call\n default-peer pbx\n", "osmo-sipgw.cfg: the default peer 'pbx' of node 'call' does not exist: there is no 'sip-peer pbx'"),
	("mncc\n socket-path relative/path\n", "osmo-sipgw.cfg:2: 'socket-path relative/path': Not a path: 'relative/path'; "
	 "expected an absolute one, at most 107 characters"),
)


def one_line(setup, config_text, expected):
	code, out, err = setup.run("-c", setup.write("osmo-sipgw.cfg", config_text))
	expect(code == 1, "exit code %d:\n%s" % (code, err))
	expect(out == "" and len(err.splitlines()) == 1 and expected in err, "expected one line with:\n%s\ngot:\n%s" % (expected, err))


@test
def refuse(setup):
	"""A bad configuration and a taken port: one line, exit code 1."""
	for text, expected in BAD:
		one_line(setup, text, expected)
	code, _, err = setup.run("-c", "/nonexistent/x.cfg")
	expect(code == 1 and "cannot read the configuration file /nonexistent/x.cfg: No such file or directory" in err, err)
	vty_port = socket.socket()
	vty_port.bind((setup.ip, 4256))
	vty_port.listen()
	one_line(setup, setup.minimal(), "cannot open the VTY (telnet) port %s:4256: Address already in use" % setup.ip)
	vty_port.close()
	sip_port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	sip_port.bind((setup.ip, 5060))
	one_line(setup, setup.minimal(), "osmo-sipgw: SIP cannot listen on UDP %s port 5060: the address is in use" % setup.ip)
	sip_port.close()


@test
def options(setup):
	"""The options that every Osmocom daemon has."""
	code, out, _ = setup.run("-h")
	expect(code == 0 and all(o in out for o in ("-c", "-d", "-D", "-e", "-s", "-T", "-V", "--vty-ref-xml")), out)
	code, out, _ = setup.run("--version")
	expect(code == 0 and out.startswith("OsmoSIPgw version ") and "AGPL" in out, out)
	for args in (["-x"], ["surplus"], ["-e", "loud"], ["--vty-ref-mode", "wild"]):
		code, _, err = setup.run(*args)
		expect(code == 2 and err, "%s: exit code %d" % (args, code))
	d = setup.start(setup.minimal(), "-T", "-e", "1", "-d", "DMAIN,1:DLGLOBAL,1")
	d.end()
	expect(re.search(r"^\w.* 20\d\d DMAIN ", d.stderr(), re.M), "no time in:\n" + d.stderr())


@test
def daemonize(setup):
	"""-D: the parent ends at once, the child serves and ends when told."""
	cfg = setup.write("osmo-sipgw.cfg", setup.minimal())
	code = subprocess.run([SIPGW, "-c", cfg, "-D"], cwd=setup.dir, timeout=20, check=False, stdin=subprocess.DEVNULL,
			      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
	expect(code == 0, "exit code %d" % code)
	vty = Vty(setup.ip)
	pid = peer_pid(setup.ip)
	os.kill(pid, signal.SIGTERM)
	expect("\n" not in vty.read().strip(), "the VTY was not closed")
	wait_for(lambda: not alive(pid), "the end of the daemon")


def alive(pid):
	try:
		with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
			return f.read().rsplit(")", 1)[1].split()[0] != "Z"
	except FileNotFoundError:
		return False


def peer_pid(ip):
	"""The process that has our configuration on its command line."""
	for pid in os.listdir("/proc"):
		if not pid.isdigit():
			continue
		try:
			with open("/proc/%s/cmdline" % pid, "rb") as f:
				words = f.read().split(b"\0")
		except OSError:
			continue
		if b"-D" in words and words[0] == SIPGW.encode() and os.path.dirname(words[2].decode()) == os.path.dirname(CURRENT.path("x")):
			return int(pid)
	raise Failed("no daemon at " + ip)


@test
def signals(setup):
	"""USR1 and USR2 report memory, HUP opens log files anew, TERM and INT end the daemon with nothing left in memory."""
	log = setup.path("gw.log")
	d = setup.start(setup.minimal(f"log file {log}\n logging level set-all info\n logging filter all 1\n"))
	d.send(signal.SIGUSR1)
	wait_for(lambda: "full talloc report on 'osmo-sipgw'" in d.stderr(), "talloc report")
	d.send(signal.SIGUSR2)
	wait_for(lambda: "full talloc report on 'libosmocore'" in d.stderr(), "talloc report of the libraries")
	os.rename(log, log + ".1")
	d.send(signal.SIGHUP)
	wait_for(lambda: os.path.exists(log) and os.path.getsize(log), "the new log file")
	before = time.monotonic()
	d.end()
	expect(time.monotonic() - before < 3, "it took its time")
	d = setup.start(setup.minimal())
	d.vty()
	d.end(signal.SIGINT)


@test
def reference(setup, path="../../doc/manual.adoc"):
	"""The XML reference is well-formed and has a word about each argument; the manual names each of our commands."""
	ns = "{urn:osmocom:xml:libosmocore:vty:doc:1.0}"
	with open(os.path.join(SRC, path), encoding="utf-8") as f:
		text = f.read()
	for mode in ("default", "expert", "hidden"):
		code, out, _ = setup.run("--vty-ref-mode", mode, "--vty-ref-xml")
		expect(code == 0, "exit code %d" % code)
		for node in ET.fromstring(out).iter(ns + "node"):
			for command in node.iter(ns + "command"):
				check_reference(node.get("id"), command, text if mode == "default" else None, ns)


OURS = ("config-mncc", "config-mgw", "config-sip", "config-sip-peer", "config-call", "config-route", "config-number-rules", "config-cdr", "config-trace", "config-ctrl")


# commands outside of the configuration that are ours and not libosmocore's
OURS_SHOWN = re.compile(r"(show (mncc|mgw|sip|calls?|limits|number-rules|routes?|cdr|health|timer)|call|self-test|(no )?drain|sip)\b")


def check_reference(node, command, manual, ns):
	name = command.get("id")
	for param in command.iter(ns + "param"):
		expect(param.get("doc") not in (None, "", "(null)"), "no word about '%s' of '%s'" % (param.get("name"), name))
	if manual and (node in OURS or node in ("view", "enable") and OURS_SHOWN.match(name)):
		words = re.split(r" (?=[A-Z<(\[.])", name)[0]
		expect("`" + words in manual, "the manual does not name '%s' of node '%s'" % (words, node))


def timer_table(vty):
	rows = ['[%autowidth,cols=",,",options="header"]', "|===", "|timer |default |what it waits for, or does"]
	for group, number, what, default in re.findall(r"^(\w+): (\S+) = [^\t]*\t(.*) \(default: ([^,]*?)(?:, range.*)?\)$", vty.cmd("show timer"), re.M):
		rows.append("|`%s %s` |%s |%s" % (group, number, default, what))
	return rows + ["|==="]


def counter_tables(vty):
	rows = []
	for line in vty.cmd("show rate-counters").splitlines():
		group = re.match(r"(\w.*?) \d+(?: \(.*\))?:$", line)
		counter = re.match(r" +(\S+): +\d+ \(.*?\) (.*)$", line)
		if group:
			rows += ["|===", "", "=== %s" % group.group(1), "", '[%autowidth,cols=",",options="header"]', "|===", "|counter |"]
		elif counter:
			rows.append("|`%s` |%s" % counter.groups())
	return rows[2:] + ["|==="]


def replaced(text, name, rows):
	"""The text with these rows between the marks of this name."""
	begin, end = "// %s: begin\n" % name, "// %s: end\n" % name
	expect(begin in text and end in text, "the manual has no place for the table of " + name)
	return text[:text.index(begin) + len(begin)] + "\n" + "\n".join(rows) + "\n\n" + text[text.index(end):]


@test
def manual(setup, update=None, path="../../doc/manual.adoc"):
	"""The manual has every timer and every counter, with their sentences; "manual --update" writes them there."""
	d = setup.start(setup.minimal("sip-peer pbx\n"))
	vty = d.vty()
	timers, counters = timer_table(vty), counter_tables(vty)
	d.end()
	path = os.path.join(SRC, path)
	with open(path, encoding="utf-8") as f:
		text = f.read()
	right = replaced(replaced(text, "timers", timers), "counters", counters)
	if update == "--update":
		with open(path, "w", encoding="utf-8") as f:
			f.write(right)
		return
	diff = "\n".join(difflib.unified_diff(text.splitlines(), right.splitlines(), "doc/manual.adoc", "the daemon", lineterm="", n=0))
	expect(text == right, "doc/manual.adoc is not up to date (vty_test.py manual --update):\n" + diff)


def asciidoctor(setup, path):
	"""The document as HTML; anything that asciidoctor has to say about it is an error."""
	html = setup.path(os.path.basename(path) + ".html")
	p = subprocess.run(["asciidoctor", "-v", "--failure-level", "INFO", "-o", html, path], capture_output=True, text=True, check=False)
	expect(p.returncode == 0 and not p.stderr, "%s:\n%s" % (path, p.stderr))
	with open(html, encoding="utf-8") as f:
		return f.read()


def check_links(name, html):
	ids = set(re.findall(r'\bid="([^"]+)"', html))
	broken = [link for link in re.findall(r'href="#([^"]*)"', html) if link not in ids]
	expect(not broken, "%s: links to what is not there: %s" % (name, broken))


def check_recipes(setup, text):
	"""Configurations of ours in the recipes are right, but for certificates that are not there."""
	blocks = re.findall(r"^\[source,sipgw\]\n----\n(.*?)^----$", text, re.S | re.M)
	expect(blocks, "no recipes")
	for block in blocks:
		code, _, err = setup.run("--check-config", setup.write("recipe.cfg", block))
		expect(code == 0, "a recipe is refused:\n%s\n%s" % (err, block))


@test
def doc(setup, path="../../doc"):
	"""Manual and reference become HTML without a warning, links lead somewhere, recipes are right."""
	path = os.path.join(SRC, path)
	with open(os.path.join(path, "recipes.adoc"), encoding="utf-8") as f:
		check_recipes(setup, f.read())
	_, xml, _ = setup.run("--vty-ref-xml")
	adoc = subprocess.run([sys.executable, os.path.join(path, "vty-reference.py")], input=xml, capture_output=True, text=True, check=True).stdout
	expect("`pass:c,a[show health]`::" in adoc, "no 'show health' in the reference")
	if not shutil.which("asciidoctor"):
		return
	check_links("manual", asciidoctor(setup, os.path.join(path, "manual.adoc")))
	check_links("reference", asciidoctor(setup, setup.write("vty-reference.adoc", adoc)))


if __name__ == "__main__":
	if len(sys.argv) < 2 or sys.argv[1] not in TESTS:
		sys.exit("usage: vty_test.py %s" % "|".join(sorted(TESTS)))
	CURRENT = Setup(sys.argv[1])
	try:
		TESTS[sys.argv[1]](CURRENT, *sys.argv[2:])
	except Failed as e:
		sys.exit("%s: %s\n%s" % (sys.argv[1], e, "\n".join(x.stderr() for x in CURRENT.daemons[-1:])))
	finally:
		CURRENT.close()
