"""The parts that system tests are built of: the daemon and the real peers around it.

Everything runs on loopback addresses of its own (127.0.0.x), in a fresh working directory per test. Processes are ended by the pid that was
recorded when they were started; whatever a test leaves behind is ended by Bench.close().

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import json
import math
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import wave

import sipp

SRC = os.environ.get("SIPGW_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SIPGW_BUILD") or os.getcwd()

GW_IP, PEER_IP, MGW_IP, MSC_IP, VTY_IP, RELAY_IP, PROXY_IP = (
	"127.0.0.110", "127.0.0.120", "127.0.0.130", "127.0.0.140", "127.0.0.150", "127.0.0.160", "127.0.0.170")


class Failed(Exception):
	"""What a test expected did not happen."""


def expect(cond, what):
	if not cond:
		raise Failed(what)


def wait_for(cond, what, timeout=20.0):
	"""Poll a condition that no event can tell us; returns its first true value."""
	end = time.monotonic() + timeout
	while True:
		value = cond()
		if value:
			return value
		if time.monotonic() > end:
			raise Failed("waited %g s in vain: %s" % (timeout, what))
		time.sleep(0.05)


def udp_in_use(ip, port):
	"""Has somebody bound this port?"""
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		try:
			s.bind((ip, port))
		except OSError:
			return True
	return False


class Process:
	"""A program with its output in a file of the working directory."""

	def __init__(self, bench, name, argv, **kw):
		self.name = name
		self.log_path = os.path.join(bench.dir, name + ".log")
		self.log = open(self.log_path, "ab")
		self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
					  cwd=bench.dir, **kw)
		bench.processes.append(self)

	def alive(self):
		return self.p.poll() is None

	def output(self):
		with open(self.log_path, errors="replace") as f:
			return f.read()

	def wait(self, timeout):
		try:
			return self.p.wait(timeout)
		except subprocess.TimeoutExpired:
			raise Failed("%s (pid %d) does not end" % (self.name, self.p.pid))

	def wait_output(self, text, timeout=20.0):
		wait_for(lambda: text in self.output() or not self.alive(), "%s says '%s'" % (self.name, text), timeout)
		expect(text in self.output(), "%s ended without saying '%s':\n%s" % (self.name, text, self.output()[-800:]))

	def end(self, sig=signal.SIGTERM, timeout=15):
		if self.alive():
			self.p.send_signal(sig)
			try:
				self.p.wait(timeout)
			except subprocess.TimeoutExpired:
				self.p.kill()
				self.p.wait()
		self.log.close()
		return self.p.returncode


class Vty:
	"""The daemon's VTY, as an operator uses it."""

	def __init__(self, ip=VTY_IP, port=4256):
		self.s = socket.create_connection((ip, port), timeout=10)
		self._until("> ")
		self.cmd("enable", "# ")

	def _until(self, prompt):
		buf = ""
		while not re.search(r"\n[\w().-]*" + re.escape(prompt) + "$", "\n" + buf):
			data = self.s.recv(65536)
			if not data:
				raise Failed("VTY closed")
			buf += data.decode(errors="replace").replace("\r", "").replace("\0", "")
			buf = re.sub("[\xff\ufffd].?.?", "", buf)
		return buf

	def cmd(self, line, prompt="# "):
		self.s.sendall(line.encode() + b"\r\n")
		out = self._until(prompt)
		return "\n".join(line for line in out.split("\n")[1:] if not line.endswith(prompt)).rstrip()

	def close(self):
		self.s.close()


class Relay(threading.Thread):
	"""A UDP relay that loses some of the datagrams: address `front' stands for `server'. Each client gets a socket of its own."""

	def __init__(self, front, server, loss, seed=1):
		super().__init__(daemon=True)
		self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.front.bind(front)
		self.server, self.loss, self.random = server, loss, random.Random(seed)
		self.clients, self.by_sock = {}, {}
		self.passed = self.lost = 0
		self.quit = False
		self.start()

	def _client(self, addr):
		if addr not in self.clients:
			s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
			s.bind((self.front.getsockname()[0], 0))
			self.clients[addr], self.by_sock[s] = s, addr
		return self.clients[addr]

	def _forward(self, sock, data, to):
		if self.random.random() < self.loss:
			self.lost += 1
			return
		self.passed += 1
		try:
			sock.sendto(data, to)
		except OSError:
			pass

	def run(self):
		while not self.quit:
			ready, _, _ = select.select([self.front] + list(self.by_sock), [], [], 0.2)
			for s in ready:
				try:
					data, addr = s.recvfrom(65536)
				except OSError:
					continue
				if s is self.front:
					self._forward(self._client(addr), data, self.server)
				else:
					self._forward(self.front, data, self.by_sock[s])

	def close(self):
		self.quit = True
		self.join()
		for s in [self.front] + list(self.by_sock):
			s.close()


def write_tone(path, seconds=60, hz=440):
	"""A WAV file with a tone, 8 kHz."""
	with wave.open(path, "wb") as w:
		w.setnchannels(1)
		w.setsampwidth(2)
		w.setframerate(8000)
		second = b"".join(struct.pack("<h", int(8000 * math.sin(2 * math.pi * hz * i / 8000))) for i in range(8000))
		w.writeframes(second * seconds)


class Bench:
	"""One set-up: a working directory and the processes in it."""

	def __init__(self, name, root):
		self.dir = os.path.join(root, name)
		shutil.rmtree(self.dir, ignore_errors=True)
		os.makedirs(self.dir)
		self.processes, self.relays = [], []

	def close(self):
		for p in reversed(self.processes):
			p.end(timeout=10)
		for r in self.relays:
			r.close()

	def path(self, *names):
		return os.path.join(self.dir, *names)

	def relay(self, front, server, loss):
		r = Relay(front, server, loss)
		self.relays.append(r)
		return r

	# -- the daemon

	def gateway(self, extra="", mgw=(MGW_IP, 2427), peer=(PEER_IP, 5060), media="anchored", log_level="info", wait=True,
		    binary=None, before=None):
		"""Start osmo-sipgw, in a process that does `before' first; `extra' is appended to its configuration."""
		cfg = self.path("osmo-sipgw.cfg")
		with open(cfg, "w") as f:
			f.write("""log stderr
 logging filter all 1
 logging color 0
 logging print category-hex 0
 logging print category 1
 logging print level 1
 logging timestamp 1
 logging level set-all {level}
line vty
 no login
 bind {vty}
mncc
 socket-path {dir}/mncc
mgw default
 remote-ip {mgw[0]}
 remote-port {mgw[1]}
sip
 bind {gw} 5060
sip-peer pbx
 remote {peer[0]} {peer[1]}
 media {media}
call
 default-peer pbx
{extra}
""".format(level=log_level, vty=VTY_IP, dir=self.dir, mgw=mgw, gw=GW_IP, peer=peer, media=media, extra=extra))
		argv = [binary or os.path.join(BUILD, "src", "osmo-sipgw"), "-c", cfg]
		env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1", LSAN_OPTIONS="exitcode=23")
		self.gw = Process(self, "osmo-sipgw", argv, env=env, preexec_fn=before)
		if wait:
			wait_for(lambda: self.vty_open() or not self.gw.alive(), "the daemon's VTY")
			expect(self.gw.alive(), "osmo-sipgw does not start:\n" + self.gw.output()[-2000:])
		return self.gw

	def vty_open(self):
		with socket.socket() as s:
			return s.connect_ex((VTY_IP, 4256)) == 0

	def vty(self, *lines):
		"""Run commands on a VTY session of its own; the output of the last one."""
		v = Vty()
		try:
			for line in lines:
				out = v.cmd(line)
			return out
		finally:
			v.close()

	def calls_up(self):
		"""How many calls the daemon has."""
		m = re.search(r"(\d+) calls?\b", self.vty("show calls"))
		if not m:
			return 0
		return int(m.group(1))

	def wait_no_calls(self, timeout=30.0):
		wait_for(lambda: self.calls_up() == 0, "all calls end", timeout)

	def wait_mncc_up(self):
		wait_for(lambda: re.search(r"^MNCC link.*: UP\b", self.vty("show mncc"), re.M | re.I), "the MNCC link is up")

	def wait_mgw(self, state):
		wait_for(lambda: re.search(r"^[^:]*default.*\b%s\b" % state, self.vty("show mgw"), re.M | re.I), "the media gateway is " + state)

	def mgw_endpoints_in_use(self):
		"""Endpoints of osmo-mgw that hold a connection, as osmo-mgw itself counts them."""
		v = Vty(MGW_IP, 4243)
		try:
			out = v.cmd("show mgcp active")
		finally:
			v.close()
		return len(re.findall(r"^\s*(?:Endpoint|virtual endpoint).*rtpbridge/", out, re.M | re.I))

	def stop_gateway(self):
		"""SIGTERM; the daemon has to end by itself, cleanly, with nothing left (a leak makes the exit code 23)."""
		expect(self.gw.alive(), "osmo-sipgw died:\n" + self.gw.output()[-3000:])
		rc = self.gw.end(signal.SIGTERM, 20)
		expect(rc == 0, "osmo-sipgw ended with %s:\n%s" % (rc, self.gw.output()[-3000:]))

	# -- the peers

	def mgw(self, endpoints=512, more=""):
		"""osmo-mgw; `more' are lines of its node mgcp."""
		cfg = self.path("osmo-mgw.cfg")
		with open(cfg, "w") as f:
			f.write("""log stderr
 logging filter all 1
 logging color 0
 logging level set-all notice
line vty
 no login
 bind {ip}
mgcp
 bind ip {ip}
 bind port 2427
 rtp port-range 4002 {last}
 rtp bind-ip {ip}
 rtp ip-dscp 46
 number endpoints {n}
 loop 0
 force-realloc 1
 rtcp-omit
 rtp-patch ssrc
 rtp-patch timestamp
{more}""".format(ip=MGW_IP, n=endpoints, more=more, last=4002 + 4 * endpoints + 200))
		p = Process(self, "osmo-mgw", ["osmo-mgw", "-c", cfg])
		wait_for(lambda: socket.socket().connect_ex((MGW_IP, 4243)) == 0, "osmo-mgw")
		return p

	def osmo_msc(self):
		"""The real osmo-msc, with nobody in its network: it goes on trying to reach SS7 and HLR where nobody is."""
		cfg = self.path("osmo-msc.cfg")
		with open(cfg, "w") as f:
			f.write("""log stderr
 logging filter all 1
 logging color 0
 logging level set-all notice
line vty
 no login
 bind {ip}
ctrl
 bind {ip}
network
 network country code 001
 mobile network code 01
cs7 instance 0
 point-code 0.23.1
 asp asp-clnt-msc 2905 0 m3ua
  remote-ip 127.0.0.81
  local-ip {ip}
  role asp
  sctp-role client
msc
 mncc external {dir}/mncc
 mgw remote-ip 127.0.0.84
 mgw local-port 2728
hlr
 remote-ip 127.0.0.82
sgs
 local-ip {ip}
""".format(ip=MSC_IP, dir=self.dir))
			libraries = subprocess.run(["ldd", shutil.which("osmo-msc")], stdout=subprocess.PIPE, text=True).stdout
			if "libsmpp" in libraries:  # else it does not know these
				f.write("smpp\n local-tcp-ip %s 2775\n" % MSC_IP)
		env = dict(os.environ)
		with open("/proc/net/protocols") as f:
			if "SCTP" not in f.read():  # osmo-msc does not start on a kernel without it
				env["LD_PRELOAD"] = os.path.join(BUILD, "tests", "mncc", "no_sctp.so")
		p = Process(self, "osmo-msc", ["osmo-msc", "-c", cfg], env=env)
		p.wait_output("MNCC socket at")
		return p

	def msc(self, *args, name="msc-player"):
		argv = [os.path.join(BUILD, "tests", "system", "msc_player"), "--socket", self.path("mncc"), "--rtp-ip", MSC_IP,
			"--report", self.path(name + ".json")] + [str(a) for a in args]
		return Process(self, name, argv)

	def msc_rows(self, name="msc-player"):
		"""All that the player reported, one dict a row."""
		with open(self.path(name + ".json")) as f:
			return [json.loads(line) for line in f if line.strip()]

	def msc_report(self, name="msc-player"):
		"""The player's last row: its totals."""
		return self.msc_rows(name)[-1]

	def sipp(self, name, steps, *args, **kw):
		"""sipp with the steps of a scenario (see sipp.py)."""
		path = self.path(name + ".xml")
		with open(path, "w") as f:
			f.write(sipp.xml(steps))
		return self.sipp_file(path, *args, name=name, **kw)

	def sipp_file(self, path, *args, name="sipp", ip=PEER_IP, port=5060, remote=None, contact=None, media_ip=None, echo=True):
		"""`remote' makes it call there; `contact' is the address it gives as its own, if it is not the one it has."""
		contact = contact or ("[%s]:%d" if ":" in ip else "%s:%d") % (ip, port)
		argv = ["sipp", "-sf", path, "-i", ip, "-p", str(port), "-mi", media_ip or ip, "-mp", "6000", "-nostdin", "-trace_err",
			"-error_file", self.path(name + ".err"), "-key", "contact", contact]
		argv += (["-rtp_echo"] if echo else []) + [str(a) for a in args]
		if remote:
			argv.append("%s:%d" % remote)
		return Process(self, name, argv)

	def kamailio(self, ip=PROXY_IP, pbx=(PEER_IP, 5060), transport="udp", tls=None, modules="", first=""):
		"""A proxy between the gateway and the PBX, which stays in the dialogs (Record-Route). It talks to the gateway over `transport'; `tls' is
		(certificate, key, authorities). `modules' is more of its configuration, `first' what it does with a request before all else."""
		more = "disable_tcp=yes\n" if transport == "udp" else "tcp_children=1\ntcp_source_ipv4=%s\n" % ip
		gw_port = 5061 if transport == "tls" else 5060
		if transport != "udp":
			more += "listen=%s:%s:%d\n" % (transport, ip, gw_port)
		if transport == "tls":
			more += 'enable_tls=yes\nloadmodule "tls.so"\nmodparam("tls", "tls_method", "TLSv1.2+")\n'
			more += "".join('modparam("tls", "%s", "%s")\n' % m for m in zip(("certificate", "private_key", "ca_list"), tls))
		cfg = self.path("kamailio.cfg")
		with open(cfg, "w") as f:
			f.write("""#!KAMAILIO
debug=2
log_stderror=yes
children=1
{more}listen=udp:{ip}:5060
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
{modules}request_route {{
{first}	if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
	if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
	if (has_totag()) {{
		if (loose_route()) {{ t_relay(); exit; }}
		if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
		sl_send_reply("404", "Not here"); exit;
	}}
	t_check_trans();
	if (is_method("INVITE")) record_route();
	if ($si == "{gw}") $du = "sip:{pbx[0]}:{pbx[1]}"; else $du = "sip:{gw}:{gw_port};transport={transport}";
	t_relay();
}}
""".format(ip=ip, gw=GW_IP, pbx=pbx, more=more, gw_port=gw_port, transport=transport,
			   modules=modules, first=first))
		p = Process(self, "kamailio", ["kamailio", "-DD", "-f", cfg, "-P", self.path("kamailio.pid"), "-m", "32", "-M", "4",
					       "-w", self.dir, "-Y", self.dir])
		wait_for(lambda: udp_in_use(ip, 5060) or not p.alive(), "kamailio")
		expect(p.alive(), "kamailio does not start:\n" + p.output()[-1000:])
		return p

	def baresip(self, user="5552222", answer="auto", transport="udp"):
		return Baresip(self, user, answer, transport)


class Baresip:
	"""A SIP phone. It is told what to do, and tells what happens, over its TCP control socket (netstrings of JSON)."""

	# It binds its RTP sockets to no address, so what it sends comes from the address that the kernel takes: 127.0.0.1.
	ADDR = ("127.0.0.1", 15060)

	def __init__(self, bench, user, answer, transport="udp"):
		ip, port = self.ADDR
		self.tone = bench.path("tone.wav")
		write_tone(self.tone)
		home = bench.path("baresip")
		os.makedirs(home, exist_ok=True)
		with open(os.path.join(home, "config"), "w") as f:
			f.write("""sip_listen {ip}:{port}
net_interface {ip}
rtp_ports 30000-30100
audio_source aufile,{tone}
module_path {mods}
module gsm.so
module aufile.so
module_tmp account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen {ip}:4444
""".format(ip=ip, port=port, tone=self.tone, mods=self.module_path()))
		with open(os.path.join(home, "accounts"), "w") as f:
			f.write("<sip:%s@%s:%d;transport=%s>;regint=0;answermode=%s;audio_codecs=gsm\n" % (user, ip, port, transport, answer))
		open(os.path.join(home, "contacts"), "w").close()
		self.process = Process(bench, "baresip", ["baresip", "-f", home])
		self.process.wait_output("baresip is ready")
		self.s = socket.create_connection((ip, 4444), timeout=10)
		self.buf, self.events = b"", []

	@staticmethod
	def module_path():
		for d in ("/usr/lib/baresip/modules", "/usr/lib/%s-linux-gnu/baresip/modules" % os.uname().machine):
			if os.path.isdir(d):
				return d
		raise Failed("no baresip modules found")

	def _read(self, timeout):
		"""The next netstring, or None."""
		end = time.monotonic() + timeout
		while True:
			m = re.match(rb"(\d+):", self.buf)
			if m and len(self.buf) > m.end() + int(m.group(1)):
				n = int(m.group(1))
				msg, self.buf = self.buf[m.end():m.end() + n], self.buf[m.end() + n + 1:]
				return json.loads(msg)
			if not select.select([self.s], [], [], max(0, end - time.monotonic()))[0]:
				return None
			data = self.s.recv(65536)
			if not data:
				raise Failed("baresip closed its control socket")
			self.buf += data

	def cmd(self, command, params=""):
		msg = json.dumps({"command": command, "params": params, "token": "t"}).encode()
		self.s.sendall(b"%d:%s," % (len(msg), msg))
		while True:
			m = self._read(10)
			expect(m is not None, "baresip does not answer '%s'" % command)
			if m.get("response"):
				return m.get("data", "")
			self.events.append(m)

	def wait_event(self, kind, timeout=20):
		end = time.monotonic() + timeout
		while True:
			for i, e in enumerate(self.events):
				if e.get("type") == kind:
					return self.events.pop(i)
			m = self._read(end - time.monotonic())
			expect(m is not None, "baresip: no %s, only %s" % (kind, [e.get("type") for e in self.events]))
			self.events.append(m)

	def frames(self, seconds):
		"""How many RTP packets the present call (sends, receives) within some seconds, by what baresip itself counts."""
		sent, seq = self._rtp()
		time.sleep(seconds)
		sent2, seq2 = self._rtp()
		return sent2 - sent, (seq2 - seq) % 65536

	def _rtp(self):
		text = self.cmd("audio_debug")
		return [int(m.group(1)) if m else 0 for m in (re.search(r"TX: packets=(\d+)", text), re.search(r"seq_put=(\d+)", text))]
