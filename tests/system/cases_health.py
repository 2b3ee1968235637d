"""What is wrong is said, by name, before and after the first call: one test for each misconfiguration that cost somebody a day.
And what programs are told: CTRL, traps, statistics.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import json
import os
import re
import signal
import socket
import subprocess
import time

import sipp
from common import expect_totals, finish, test, totals
from ctrl_client import Ctrl, CtrlError
from harness import BUILD, GW_IP, PEER_IP, SRC, VTY_IP, expect, wait_for

CTRL = "ctrl\n bind %s\n" % VTY_IP


def health(b):
	"""The screen."""
	return b.vty("show health")


def words(text):
	"""Without its line ends."""
	return " ".join(text.split())


def wait_finding(b, name, word, part, timeout=30):
	"""The part is shown with this word and this finding; returns the screen, which fits into 80 columns."""
	def there():
		text = health(b)
		return text if re.search(r"^%s +%s +\[%s\]" % (re.escape(part), word, name), text, re.M) else None
	try:
		text = wait_for(there, "finding " + name, timeout)
	except Exception as e:
		raise type(e)("%s, but:\n%s" % (e, health(b))) from None
	expect(max(len(line) for line in text.splitlines()) <= 80, "more than 80 columns:\n" + text)
	expect(text.rstrip().splitlines()[-1] == "Overall: failed" or word == "warning", "overall:\n" + text)
	return text


def wait_ok(b, timeout=30):
	text = [""]

	def ok():
		text[0] = health(b)
		return text[0].rstrip().endswith("Overall: ok")
	try:
		wait_for(ok, "overall: ok", timeout)
	except Exception as e:
		raise type(e)("%s, but:\n%s" % (e, text[0])) from None
	return text[0]


@test
def health_ok(b):
	"""Everything is there: each part is ok, one screen of 80 columns; the probe leaves no endpoint at osmo-mgw."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra=CTRL)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	msc = b.osmo_msc()
	text = wait_ok(b)
	lines = text.splitlines()
	expect(len(lines) <= 24 and max(map(len, lines)) <= 80, "one screen:\n" + text)
	expect(re.search(r"^mncc +ok +connected for .*, version \d", text, re.M), text)
	expect(re.search(r"^mgw default +ok +up, round trip \d+ ms, endpoints accepted", text, re.M), text)
	msc.end()
	finish(b)


@test
def health_mgw_domain(b):
	"""Another domain than osmo-mgw's is found when the gateway comes up, before any call; corrected, it is fine without a restart."""
	b.mgw()
	b.gateway(extra="mgw default\n endpoint-domain elsewhere\n")
	text = wait_finding(b, "mgw-domain", "failed", "mgw default")
	expect("endpoint-domain elsewhere" in words(text), text)
	wait_for(lambda: re.search(r"Health of mgw default: failed \[mgw-domain\]", b.gw.output()), "the line in the log")
	b.vty("enable", "configure terminal", "mgw default", "endpoint-domain mgw", "end")
	wait_for(lambda: re.search(r"^mgw default +ok +up, .*accepted", health(b), re.M), "the gateway is fine")
	finish(b)


@test
def health_mgw_silent(b):
	"""No media gateway where it should be."""
	b.gateway()
	wait_finding(b, "mgw-silent", "failed", "mgw default")
	b.stop_gateway()


@test
def health_mncc_dead(b):
	"""No socket, and a socket that nobody listens on any more: 'mncc external' points elsewhere, or osmo-msc died."""
	b.gateway(media="direct")
	text = wait_finding(b, "mncc-no-socket", "failed", "mncc")
	expect("mncc external" in words(text), text)
	s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	s.bind(b.path("mncc"))	# and never listens
	time.sleep(2)
	wait_finding(b, "mncc-no-socket", "failed", "mncc")
	s.close()
	b.stop_gateway()


@test
def health_mncc_busy(b):
	"""Another client has the MSC's socket: it accepts us and never says HELLO."""
	s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	s.bind(b.path("mncc"))
	s.listen(5)
	b.gateway(media="direct")
	text = wait_finding(b, "mncc-busy", "failed", "mncc", 40)
	expect("osmo-sip-connector" in words(text), text)
	b.stop_gateway()
	s.close()


@test
def health_mncc_second(b):
	"""The real osmo-msc with another client, which we hear of; when that is gone we are connected, and the log says so."""
	msc = b.osmo_msc()
	with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
		other.connect(b.path("mncc"))
		expect(other.recv(4096), "HELLO")
		b.gateway(media="direct")
		wait_finding(b, "mncc-busy", "failed", "mncc")
		wait_for(lambda: "Health of mncc: failed [mncc-busy]: " in b.gw.output(), "the line in the log")
	wait_for(lambda: re.search(r"^mncc +ok +connected", health(b), re.M), "connected")
	wait_for(lambda: "Health of mncc: ok: connected" in b.gw.output(), "the line in the log that it is well")
	msc.end()
	b.stop_gateway()


@test
def health_mncc_other(b):
	"""Something else than an MSC is at the path."""
	with open(b.path("mncc"), "w", encoding="utf-8"):
		pass
	b.gateway(media="direct")
	wait_for(lambda: re.search(r"^mncc +failed +\[mncc-(not-mncc|no-socket)\]", health(b), re.M), "the finding")
	b.stop_gateway()


@test
def health_codecs(b):
	"""Phone and peer have no codec in common: named after the first call that failed by it, with the words of that call."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="sip-peer pbx\n codecs g722\n")
	player = b.msc("--mo", 1)
	totals(b, player)
	text = wait_finding(b, "codec-mismatch", "warning", "codecs")
	expect(re.search(r"cause (65|88|58|79)", text), text)
	finish(b)


@test
def health_codecs_refused(b):
	"""The PBX refuses our codecs by a 488: its own words are in the finding."""
	b.mgw()
	b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(488, "Not Acceptable Here", extra='Warning: 305 pbx "only iLBC here"\n'), sipp.recv("ACK"), sipp.linger()])
	b.gateway()
	totals(b, b.msc("--mo", 1))
	text = wait_finding(b, "codec-mismatch", "warning", "codecs")
	expect("with pbx" in words(text) and "only iLBC here" in words(text) and "show call 1 ladder" in words(text), text)
	finish(b)


@test
def health_peer_silent(b):
	"""Nobody at the peer's address and port: with OPTIONS known without a call."""
	b.gateway(peer=(PEER_IP, 5099), media="direct", extra="sip-peer pbx\n options-interval 1\ntimer sip X26 300\ntimer sip X27 300\n")
	text = wait_finding(b, "peer-silent", "failed", "peer pbx")
	expect("port" in text, text)
	b.stop_gateway()


@test
def health_peer_config(b):
	"""A peer without address, without a 'bind' for its transport, at our own address, with a name that no DNS has; no default peer."""
	b.gateway(media="direct", extra="sip\n nameserver 127.0.0.199\nsip-peer empty\nsip-peer tcp\n remote 127.0.0.121\n transport tcp\n"
		  "sip-peer self\n remote %s 5060\nsip-peer named\n remote nowhere.example.org\ncall\n no default-peer\n" % GW_IP)
	wait_finding(b, "peer-no-address", "warning", "peer empty")
	wait_finding(b, "peer-no-bind", "failed", "peer tcp")
	wait_finding(b, "peer-is-us", "failed", "peer self")
	wait_finding(b, "peer-dns", "failed", "peer named")
	wait_finding(b, "route-no-default", "warning", "routes")
	b.stop_gateway()


@test
def health_sip_port(b):
	"""Our SIP port is taken (by an Asterisk on the same machine): it does not start and says so in one line."""
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		s.bind((GW_IP, 5060))
		b.gateway(wait=False)
		expect(b.gw.wait(20) == 1, "exit code")
	expect("%s port 5060: the address is in use: another SIP program" % GW_IP in b.gw.output(), b.gw.output())


@test
def health_cdr_disk(b):
	"""A full disk is not silent: call records that cannot be written."""
	b.gateway(media="direct", extra="cdr\n file /dev/full\n")
	b.sipp("pbx", sipp.BUSY)
	totals(b, b.msc("--mo", 1))
	wait_finding(b, "cdr-not-written", "failed", "cdr")
	b.gw.end(signal.SIGTERM, 20)


@test
def health_cdr_directory(b):
	"""No directory for call records: found before the first call; made, the record that waited is written, and all is well again."""
	b.gateway(media="direct", extra="cdr\n file %s\n" % b.path("absent", "cdr.json"))
	wait_finding(b, "cdr-not-written", "failed", "cdr")
	wait_for(lambda: "Health of cdr: failed [cdr-not-written]: " in b.gw.output(), "the line in the log")
	b.sipp("pbx", sipp.BUSY)
	totals(b, b.msc("--mo", 1))
	os.mkdir(b.path("absent"))
	wait_for(lambda: re.search(r"^cdr +ok +1 records? written", health(b), re.M), "the record is written", 40)
	wait_for(lambda: "Health of cdr: ok" in b.gw.output(), "the line in the log")
	with open(b.path("absent", "cdr.json"), encoding="utf-8") as f:
		expect(len(f.readlines()) == 1, "one record")
	finish(b, mgw=False)


@test
def check_config(b):
	"""--check-config while another instance runs on the same addresses: nothing is touched."""
	b.gateway(media="direct", extra="cdr\n file %s\nlog file %s\n" % (b.path("cdr.json"), b.path("gw.log")))
	program = os.path.join(BUILD, "src", "osmo-sipgw")
	p = subprocess.run([program, "--check-config", b.path("osmo-sipgw.cfg")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
	expect(p.returncode == 0 and p.stdout.decode() == b.path("osmo-sipgw.cfg") + ": ok\n", p.stdout)
	b.stop_gateway()


# ---- CTRL

@test
def ctrl_link_traps(b):
	"""Traps when the MSC, the media gateway and a peer come and go."""
	b.gateway(extra=CTRL + "sip-peer pbx\n options-interval 1\ntimer sip X26 300\ntimer sip X27 300\ntimer mgcp X3 1000\n")
	c = Ctrl(VTY_IP)
	expect(c.get("mncc.state") == "down" and c.get("health") == "failed", "state at the start")
	mgw = b.mgw()
	c.wait_trap("mgw.default.state", "up")
	pbx = b.sipp("pbx", [sipp.recv("OPTIONS"), sipp.reply(200)])
	c.wait_trap("peer.pbx.state", "up")
	msc = b.osmo_msc()
	c.wait_trap("mncc.state", "up")
	expect(c.get("mncc.state") == "up" and c.get("peer.pbx.state") == "up" and c.get("mgw.default.state") == "up", "states")
	c.wait_trap("health.mncc", "ok: connected")
	msc.end()
	c.wait_trap("mncc.state", "down")
	c.wait_trap("health.mncc", "failed [mncc-")
	pbx.end()
	c.wait_trap("peer.pbx.state", "down")
	mgw.end()
	c.wait_trap("mgw.default.state", "down", 40)
	c.close()
	b.stop_gateway()


@test
def ctrl_calls(b):
	"""Calls by CTRL: counted, listed, released with a cause that the phone hears; a trap when one fails, with its sentence."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra=CTRL)
	c = Ctrl(VTY_IP)
	player = b.msc("--mo", 1, "--hold", 60, "--story")
	player.wait_output("SETUP_COMPL_IND")
	expect(c.get("calls") == "1" and c.get("peer.pbx.calls") == "1" and c.get("mgw.default.endpoints") == "1", "one call")
	call = json.loads(c.get("calls.json"))[0]
	expect(call["direction"] == "mo" and call["target"] == "pbx" and call["state"] in ("CONNECTING", "TALKING"), call)
	expect(" TALKING " in c.get("call.%d.info" % call["id"]) or " CONNECTING " in c.get("call.%d.info" % call["id"]), "info")
	expect(c.set("call.%d.release" % call["id"], "42") == "OK", "release")
	expect_totals(totals(b, player), answered=1)
	wait_for(lambda: c.get("calls") == "0", "the end")
	pbx.end()
	b.sipp("busy", sipp.BUSY)
	expect_totals(totals(b, b.msc("--mo", 1, name="busy-player")), cause_17=1)
	_, value = c.wait_trap(".failed")
	expect(value.startswith("cause 17 (user busy): ") and "->" in value, value)
	expect(int(c.get("rate_ctr.abs.calls.0.failed:busy")) == 1, "counter")
	c.close()
	finish(b)


@test
def drain(b):
	"""Drained: the call that is up goes on, new ones are refused in both directions; with drain-and-exit the end of the last is the end of all."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra=CTRL)
	c = Ctrl(VTY_IP)
	player = b.msc("--mo", 1, "--hold", 6, "--story")
	player.wait_output("SETUP_COMPL_IND")
	expect(c.set("drain-and-exit", "1") == "1" and c.get("drain") == "1", "drain")
	expect("[draining]" in health(b), health(b))
	caller = b.sipp("caller", sipp.refused(503), "-m", 1, "-s", "1001", port=5066, media_ip="127.0.0.123", remote=(GW_IP, 5060))
	expect(caller.wait(20) == 0 and c.get("calls") == "1", "a call of the PBX is refused, the present one goes on")
	expect_totals(totals(b, player), answered=1, failed=0)
	expect(b.gw.wait(20) == 0, "it ends with the last call")


@test
def peer_out_of_service(b):
	"""A peer out of service gets no call (cause 27) until it is back."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra=CTRL)
	c = Ctrl(VTY_IP)
	c.set("peer.pbx.admin", "out-of-service")
	expect("[peer-out-of-service]" in health(b), health(b))
	expect_totals(totals(b, b.msc("--mo", 1)), answered=0, cause_27=1)
	c.set("peer.pbx.admin", "in-service")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="again")), answered=1)
	counters = dict(line.rsplit(" ", 1) for line in c.get("peer.pbx.counters").splitlines())
	expect(counters["out"] == "1" and counters["out:answered"] == "1", counters)
	counters = dict(line.rsplit(" ", 1) for line in c.get("mgw.default.counters").splitlines())
	expect(int(counters["tx:crcx"]) >= 2, counters)
	c.close()
	finish(b)


@test
def drain_emergency(b):
	"""Calls for help pass while we are drained and while the peer is out of service; others do not."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway()
	b.vty("enable", "drain", "sip peer pbx out-of-service")
	expect_totals(totals(b, b.msc("--mo", 1)), answered=0, cause_41=1)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, "--emergency", name="help")), answered=1)
	b.vty("enable", "no drain", "sip peer pbx in-service")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="after")), answered=1)
	finish(b)


@test
def ctrl_variables(b):
	"""Each variable of the manual's table exists; what does not exist is refused; junk does no harm."""
	b.gateway(media="direct", extra=CTRL)
	c = Ctrl(VTY_IP)
	with open(os.path.join(SRC, "doc", "manual.adoc"), encoding="utf-8") as f:
		table = f.read().split("// ctrl: begin")[1].split("// ctrl: end")[0]
	variables = re.findall(r"^\|`([^`]+)` \|(get|set|get, set) \|", table, re.M)
	expect(len(variables) >= 15, "variables of the manual: %s" % variables)
	for name, how in variables:
		name = name.replace("peer.NAME", "peer.pbx").replace("mgw.NAME", "mgw.default").replace("PART", "mncc").replace("ID", "1")
		if name == "originate": # makes a call: ctrl_originate
			continue
		for verb in how.split(", "):
			try:
				if verb == "get":
					c.get(name)
				else:
					c.set(name, {"drain": "0", "drain-and-exit": "0"}.get(name, "in-service" if "admin" in name else "16"))
			except CtrlError as e:
				expect("no such call" in str(e) and name.startswith("call."), "%s %s: %s" % (verb, name, e))
	for bad in ("GET nonsense", "GET peer", "GET peer.", "GET peer..", "GET peer.nobody.state", "GET call", "GET call.x.info", "GET call.99.info",
		    "GET calls.nothing", "GET mgw.default", "GET mgw.default.x", "GET health.nothing", "SET health 1", "SET drain 2", "SET peer.pbx.admin x",
		    "SET call.1.release 500", "GET peers.x", "GET mncc"):
		try:
			answer = c.ask(bad)
		except CtrlError:
			continue
		raise AssertionError("'%s' is answered by '%s'" % (bad, answer))
	for junk in (b"\0\0\0\0", b"\xff\xff\xee\0GET", b"\0\x04\xee\0\xff\xfe\xfd", b"\0\x09\xee\0GET 1 \0\0", b"GET 1 health\n" * 10):
		with socket.create_connection((VTY_IP, 4297), timeout=5) as s:
			s.sendall(junk)
	expect(c.get("calls") == "0", "it is still there")
	c.close()
	b.stop_gateway()


@test
def ctrl_port_taken(b):
	"""The CTRL port is taken: calls work, health says so, and when it is free it is taken."""
	with socket.socket() as s:
		s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		s.bind((VTY_IP, 4297))
		s.listen(1)
		b.gateway(media="direct", extra=CTRL)
		wait_finding(b, "ctrl-not-open", "warning", "ctrl")

	def there():
		try:
			Ctrl(VTY_IP).close()
			return True
		except OSError:
			return False
	wait_for(there, "CTRL")
	b.stop_gateway()


# ---- statistics

def stats_names(b):
	"""The names that the statsd reporter sends, after a call."""
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		s.bind(("127.0.0.191", 8125))
		s.settimeout(1)
		b.mgw()
		b.sipp("pbx", sipp.ANSWERS)
		b.gateway(extra="stats interval 1\nstats reporter statsd\n prefix osmo-sipgw\n level peer\n remote-ip 127.0.0.191\n remote-port 8125\n flush-period 1\n enable\n")
		expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
		names, end = {}, time.monotonic() + 6
		while time.monotonic() < end:
			try:
				data = s.recv(65536).decode()
			except socket.timeout:
				continue
			for line in data.splitlines():
				name, _, value = line.rpartition(":")
				names[name] = value
	return names


@test
def statsd(b):
	"""The statsd reporter sends our counters and gauges, and each name in the Grafana dashboard is among them."""
	names = stats_names(b)
	for name in ("calls.0.answered", "calls.0.up", "calls.time.0.setup", "sip.peer.pbx.calls", "sip.peer.pbx.out", "mgw.default.endp.used", "health.0.word"):
		expect(any(n.endswith(name) for n in names), "no %s in %s" % (name, sorted(names)))
	path = os.path.join(SRC, "contrib", "grafana", "osmo-sipgw.json")
	with open(path, encoding="utf-8") as f:
		dashboard = json.load(f)
	used = set(re.findall(r"osmo-sipgw\.[\w.*-]+", json.dumps(dashboard["panels"])))
	expect(len(used) >= 20, "only %d names in the dashboard" % len(used))
	for name in used:
		pattern = re.escape(name).replace(r"\*", r"[^.]+")
		expect(any(re.fullmatch(pattern, n) for n in names), "the dashboard uses %s, which nobody sends" % name)
	expect(dashboard["title"] and dashboard["schemaVersion"] and all(p["targets"] for p in dashboard["panels"] if p["type"] != "row"), "dashboard")
	finish(b)
	return "%d names" % len(names)
