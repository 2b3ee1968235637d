"""What the operator has of calls: records, ladders, exported messages.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import csv
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import sipp
from cases_codec import RTP_PORT, sdp
from common import expect_totals, finish, mt_call, test, totals
from harness import GW_IP, PEER_IP, Process, expect, wait_for

# name of each field: what its values look like (None: may be null)
TEXT, NUMBER, TIME = r'".*"', r"\d+", r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"'
SCHEMA = {
	"version": "1", "instance": r'"[0-9a-f]{16}"', "call_id": NUMBER, "direction": '"m[ot]"', "start": TIME, "alerting": (TIME, None),
	"answered": (TIME, None), "end": TIME, "setup_ms": NUMBER, "duration_ms": (NUMBER, None), "calling": (TEXT, None), "called": (TEXT, None),
	"calling_in": (TEXT, None), "called_in": (TEXT, None), "redirecting": (TEXT, None), "imsi": (r'"\d+"', None), "imei": (r'"\d+"', None),
	"gcr": (r'"[0-9a-f]+"', None), "emergency": "true|false", "route": (TEXT, None), "attempts": NUMBER, "media": '"(anchored|direct)"',
	"released_by": '"(a|b|us)"', "cause": r"\d{1,3}", "cause_name": TEXT, "reason": (TEXT, None), "sip_status": (r"\d{3}", None),
}
for leg in "ab":
	SCHEMA.update({leg + "_kind": ('"(gsm|sip)"', None), leg + "_peer": (TEXT, None), leg + "_wire_id": (TEXT, None), leg + "_codec": (TEXT, None),
		       leg + "_endpoint": (TEXT, None), leg + "_remote": (TEXT, None)})
for conn in ("peer", "core"):
	SCHEMA.update({"rtp_%s_%s" % (conn, what): (NUMBER, None) for what in ("tx", "rx", "lost", "jitter_ms")})


def check_record(rec):
	"""A record has the fields of the schema, in its order, each of its kind."""
	expect(list(rec) == list(SCHEMA), "fields: %s" % list(rec))
	for name, want in SCHEMA.items():
		pattern, null = want if isinstance(want, tuple) else (want, "")
		value = rec[name]
		if value is None:
			expect(null is None, "%s is null" % name)
		else:
			expect(re.fullmatch(pattern, json.dumps(value)), "%s is %s" % (name, json.dumps(value)))


def records(b, n):
	"""The records when there are so many, each checked."""
	path = b.path("cdr.json")

	def read():
		with open(path, encoding="utf-8") as f:
			return [json.loads(line) for line in f]
	wait_for(lambda: len(read()) >= n, "%d records" % n)
	recs = read()
	expect(len(recs) == n, "%d records, not %d" % (len(recs), n))
	for rec in recs:
		check_record(rec)
	return recs


class Speaker(threading.Thread):
	"""A PBX that speaks 150 frames of FR to whoever speaks to it, each tenth of them lost, 10 and 30 ms after one another: 10 ms of jitter."""

	def __init__(self, b, ip, port, marker=None):
		super().__init__(daemon=True)
		self.marker = marker  # frame that begins a talk spurt
		self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.s.bind((ip, port))
		self.s.settimeout(0.2)
		self.heard, self.sent, self.quit = 0, 0, False
		b.relays.append(self)
		self.start()

	def speak(self, to):
		due = time.monotonic()
		for n in range(150):
			if n % 10 != 5:
				self.s.sendto(struct.pack("!BBHII", 0x80, 0x83 if n == self.marker else 3, n, 160 * n, 77) + b"\xd0" + bytes(32), to)
				self.sent += 1
			due += 0.01 if n % 2 else 0.03
			time.sleep(max(0, due - time.monotonic()))

	def run(self):
		speaker = None
		while not self.quit:
			try:
				data, addr = self.s.recvfrom(2048)
			except OSError:
				continue
			if len(data) < 13 or data[0] != 0x80:
				continue
			self.heard += 1
			if not speaker:
				speaker = threading.Thread(target=self.speak, args=(addr,), daemon=True)
				speaker.start()
		if speaker:
			speaker.join()

	def close(self):
		self.quit = True
		self.join()
		self.s.close()


def media_record(b, marker=None):
	"""A call with such a PBX: the player's totals, the PBX, the record."""
	b.mgw()
	pbx = Speaker(b, PEER_IP, RTP_PORT, marker)
	b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(180), sipp.reply(200, body=sdp(3, [])), sipp.recv("ACK"), sipp.recv("BYE"),
		       sipp.reply_in_dialog(), sipp.linger()], echo=False)
	b.gateway(extra="cdr\n file %s\n" % b.path("cdr.json"))
	t = totals(b, b.msc("--mo", 1, "--hold", 4, "--rtp"))
	expect_totals(t, answered=1)
	pbx.close()
	b.relays.remove(pbx)
	return t, pbx, records(b, 1)[0]


@test
def cdr_media_spurts(b):
	"""A PBX that begins anew in the middle (marker bit): osmo-mgw's loss is negative then. All other numbers are right."""
	t, pbx, rec = media_record(b, 60)
	expect(abs(rec["rtp_core_rx"] - t["rtp_tx"]) <= 2 and (rec["rtp_peer_rx"], rec["rtp_peer_lost"]) == (pbx.sent, 0), rec)
	finish(b)


@test
def cdr_media(b):
	"""What osmo-mgw counted is what phone and PBX counted, in both directions: packets, loss, and jitter in milliseconds."""
	t, pbx, rec = media_record(b)
	expect(abs(rec["rtp_core_rx"] - t["rtp_tx"]) <= 2, "the phone sent %d packets: %s" % (t["rtp_tx"], rec))
	expect(abs(rec["rtp_peer_tx"] - pbx.heard) <= 2, "the PBX heard %d packets: %s" % (pbx.heard, rec))
	expect(rec["rtp_peer_rx"] == pbx.sent, "the PBX sent %d packets: %s" % (pbx.sent, rec))
	# what osmo-mgw sends of its own is not in its numbers
	expect(abs(rec["rtp_core_tx"] - t["rtp_rx"]) <= 3, "the phone heard %d packets: %s" % (t["rtp_rx"], rec))
	expect(rec["rtp_core_lost"] == 0 and rec["rtp_peer_lost"] == 15, "15 frames of the PBX were lost: %s" % rec)
	expect(6 <= rec["rtp_peer_jitter_ms"] <= 20, "10 ms of jitter were made: %s" % rec)
	finish(b)
	return "%d and %d packets, %d lost, %d ms of jitter" % (rec["rtp_core_rx"], rec["rtp_peer_rx"], rec["rtp_peer_lost"], rec["rtp_peer_jitter_ms"])


@test
def cdr_json(b):
	"""A record of each call, by the schema: answered, busy, from SIP; with numbers, ids, times, cause and what osmo-mgw counted."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="cdr\n file %s\n" % b.path("cdr.json"))
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 2, "--rtp")), answered=1)
	pbx.end()
	rec = records(b, 1)[0]
	expect(rec["direction"] == "mo" and rec["cause"] == 16 and rec["sip_status"] == 200 and rec["a_kind"] == "gsm", rec)
	expect(rec["b_kind"] == "sip" and rec["b_peer"] == "pbx" and rec["b_wire_id"] and rec["b_remote"], rec)
	expect(rec["released_by"] == "a" and 1500 <= rec["duration_ms"] <= 20000 and rec["a_codec"] and rec["a_codec"] == rec["b_codec"], rec)
	expect(rec["rtp_core_rx"] >= 50 and rec["rtp_peer_tx"] >= 50 and rec["a_endpoint"].startswith("rtpbridge/"), rec)
	busy = b.sipp("busy", sipp.BUSY)
	expect_totals(totals(b, b.msc("--mo", 1, name="busy-player")), cause_17=1)
	busy.end()
	rec = records(b, 2)[1]
	expect(rec["cause"] == 17 and rec["sip_status"] == 486 and rec["released_by"] == "b" and rec["answered"] is None, rec)
	expect_totals(mt_call(b, sipp.CALLS, "answer"), answered=1)
	rec = records(b, 3)[2]
	expect(rec["direction"] == "mt" and rec["a_kind"] == "sip" and rec["a_peer"] == "pbx" and rec["b_kind"] == "gsm" and rec["called"] == "1001", rec)
	finish(b)


@test
def cdr_csv(b):
	"""The same as CSV: names in the first line, as many values in each; the record of a call that is up at SIGTERM is there."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra="cdr\n format csv\n file %s\n" % b.path("cdr.csv"))
	player = b.msc("--mo", 1, "--hold", 60, "--story")
	player.wait_output("SETUP_COMPL_IND")
	b.stop_gateway()
	player.end()
	with open(b.path("cdr.csv"), encoding="utf-8", newline="") as f:
		rows = list(csv.DictReader(f))
	expect(len(rows) == 1 and list(rows[0]) == list(SCHEMA), rows)
	expect(rows[0]["cause"] == "41" and rows[0]["released_by"] == "us" and rows[0]["answered"], rows)


@test
def cdr_rotated(b):
	"""Somebody moves the file away while calls come, as logrotate does, and sends HUP: every record is in one of the files, once."""
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(media="direct", extra="cdr\n file %s\nlog file %s\n" % (b.path("cdr.json"), b.path("gw.log")))
	player = b.msc("--mo", 40, "--rate", 20, "--hold", 1)
	files = []
	for i in range(4):
		wait_for(lambda n=8 * (i + 1): int(re.search(r"(\d+) written", b.vty("show cdr")).group(1)) >= n, "some records")
		for name in ("cdr.json", "gw.log"):
			os.rename(b.path(name), b.path("%s.%d" % (name, i)))
		files.append("cdr.json.%d" % i)
		b.gw.p.send_signal(signal.SIGHUP)
		wait_for(lambda: os.path.exists(b.path("cdr.json")) and os.path.exists(b.path("gw.log")), "new files")
	expect_totals(totals(b, player), answered=40)
	finish(b, mgw=False)
	ids = []
	for name in files + ["cdr.json"]:
		with open(b.path(name), encoding="utf-8") as f:
			ids += [json.loads(line)["call_id"] for line in f]
	expect(sorted(ids) == list(range(1, 41)), "calls %s" % ids)


def rsyslogd(b):
	"""The real one, with a socket and a file in the test's directory."""
	with open(b.path("rsyslog.conf"), "w") as f:
		f.write('''global(workDirectory="{dir}" maxMessageSize="8k")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{dir}/log" CreatePath="off")
template(name="line" type="string" string="%syslogfacility-text%.%syslogseverity-text% %programname%%msg%\\n")
local0.* action(type="omfile" file="{dir}/syslog" template="line")
'''.format(dir=b.dir))
	p = Process(b, "rsyslogd", ["rsyslogd", "-n", "-f", b.path("rsyslog.conf"), "-i", b.path("rsyslogd.pid")])
	wait_for(lambda: os.path.exists(b.path("log")) or not p.alive(), "rsyslogd's socket")
	expect(p.alive(), "rsyslogd does not start:\n" + p.output())
	return p


def syslog_records(b, n):
	"""The records that syslogd has written down, when there are so many."""
	def read():
		if not os.path.exists(b.path("syslog")):
			return []
		with open(b.path("syslog"), encoding="utf-8") as f:
			return f.read().splitlines()
	wait_for(lambda: len(read()) >= n, "%d records in syslog" % n, 30)
	lines = read()
	expect(len(lines) == n, "%d records, not %d" % (len(lines), n))
	expect(all(line.startswith("local0.info osmo-sipgw ") for line in lines), lines)
	recs = [json.loads(line[line.index("{"):]) for line in lines]
	for rec in recs:
		check_record(rec)
	return recs


@test
def cdr_syslog(b):
	"""Records through a real syslogd: whole; while it is away health says so and they wait; none is lost or doubled by its restart."""
	b.gateway(media="direct", extra="cdr\n syslog %s\n" % b.path("log"))
	b.sipp("busy", sipp.BUSY)
	health = lambda: b.vty("show health")  # noqa: E731
	wait_for(lambda: re.search(r"^cdr +failed", health(), re.M), "health says that nobody is there")
	expect_totals(totals(b, b.msc("--mo", 1, name="one")), cause_17=1)
	wait_for(lambda: "1 waiting" in b.vty("show cdr"), "the record waits", 10)
	text = health()
	expect("cdr-not-written" in text and "syslogd" in text, text)
	syslogd = rsyslogd(b)
	syslog_records(b, 1)
	wait_for(lambda: re.search(r"^cdr +ok", health(), re.M), "health is well again")
	expect_totals(totals(b, b.msc("--mo", 1, name="two")), cause_17=1)
	rec = syslog_records(b, 2)[1]
	expect(rec["cause"] == 17 and rec["sip_status"] == 486, rec)
	syslogd.end()
	expect_totals(totals(b, b.msc("--mo", 3, name="away")), cause_17=3)
	wait_for(lambda: re.search(r"^cdr +failed", health(), re.M), "health says that it has gone")
	rsyslogd(b)
	ids = [r["call_id"] for r in syslog_records(b, 5)]
	expect(ids == [1, 2, 3, 4, 5], "calls %s" % ids)
	expect(" 0 waiting, 0 lost" in b.vty("show cdr"), b.vty("show cdr"))
	finish(b, mgw=False)


@test
def ladder(b):
	"""A call that is up has its ladder, from SETUP to the ACK; one that failed is kept with its reason."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS)
	b.gateway()
	player = b.msc("--mo", 1, "--hold", 30, "--story")
	player.wait_output("SETUP_COMPL_IND")
	text = b.vty("show call 1 ladder")
	for arrow in ("-SETUP_IND-", "-MGW CRCX-", "-MGW 200-", "-SETUP[+]SDP-", "CALL_PROC_REQ-", "-INVITE[+]SDP-*>", "<-*200 INVITE[+]SDP", "-SETUP_RSP-",
		      "-ACK-"):
		expect(re.search(arrow, text), "no %s in:\n%s" % (arrow, text))
	lines = text.splitlines()
	expect(max(len(line) for line in lines) < 80, "lines of more than 79 columns:\n" + text)
	expect(lines.index(next(x for x in lines if "INVITE+SDP" in x)) < lines.index(next(x for x in lines if "ANSWERED" in x)), text)
	expect("No call has ended badly" in b.vty("show calls failed"), "calls failed")
	b.vty("enable", "call 1 release")
	totals(b, player)
	pbx.end()
	b.sipp("busy", sipp.BUSY)
	expect_totals(totals(b, b.msc("--mo", 1, name="busy-player")), cause_17=1)
	text = b.vty("show calls failed")
	expect("call 2" in text and "cause 17 (user busy)" in text and "SIP 486" in text, text)
	text = b.vty("show call 2 ladder")
	expect("486 INVITE" in text and "refused" in text and "-RELEASED{17}" in text, text)
	finish(b)


def hep_chunks(packet):
	"""The chunks of a HEPv3 packet by type."""
	magic, length = struct.unpack("!4sH", packet[:6])
	expect(magic == b"HEP3" and length == len(packet), "no HEP3 packet")
	chunks, at = {}, 6
	while at < length:
		vendor, kind, size = struct.unpack("!HHH", packet[at:at + 6])
		expect(vendor == 0 and size >= 6, "bad chunk")
		chunks[kind] = packet[at + 6:at + size]
		at += size
	return chunks


def ip_packet(c):
	"""The message as it was on the wire, by what its chunks say: an IP packet with UDP or a piece of TCP."""
	src, dst, payload = c[3], c[4], c[15]
	ports = c[7] + c[8]
	udp = ports + struct.pack("!HH", 8 + len(payload), 0) + payload
	return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + src + dst + udp


def dissected(b, packets):
	"""What tshark says of each: (method or status, Call-ID, MGCP verb or code, is it malformed)."""
	with open(b.path("hep.pcap"), "wb") as f:
		f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
		for c in packets:
			data = ip_packet(c)
			f.write(c[9][::-1] + c[10][::-1] if sys.byteorder == "little" else c[9] + c[10])
			f.write(struct.pack("=II", len(data), len(data)) + data)
	fields = ("sip.Method", "sip.Status-Code", "sip.Call-ID", "mgcp.req.verb", "mgcp.rsp.rspcode", "_ws.malformed")
	out = subprocess.run(["tshark", "-n", "-r", b.path("hep.pcap"), "-T", "fields", "-E", "separator=;"] + [x for f in fields for x in ("-e", f)],
			     capture_output=True, text=True, env=dict(os.environ, HOME=b.dir), check=True).stdout
	return [line.split(";") for line in out.splitlines()]


def hep_received(collector):
	packets = []
	while True:
		try:
			packets.append(hep_chunks(collector.recv(65536)))
		except BlockingIOError:
			return packets


@test
def hep(b):
	"""A collector gets each SIP and MGCP message, as tshark reads them, with addresses and time; all of one call, either way, have one correlation id."""
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
		collector.bind(("127.0.0.190", 9060))
		collector.setblocking(False)
		b.mgw()
		pbx = b.sipp("pbx", sipp.ANSWERS)
		b.gateway(extra="trace\n hep 127.0.0.190\n hep-agent-id 77\n hep-auth-key sesame\n")
		expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
		b.wait_no_calls()
		pbx.end()
		wait_for(lambda: b.mgw_endpoints_in_use() == 0, "the endpoint is deleted")
		mo = hep_received(collector)
		expect_totals(mt_call(b, sipp.CALLS, "answer"), answered=1)
		finish(b)
		mt = hep_received(collector)
	ours = socket.inet_aton(GW_IP)
	for packets in (mo, mt):
		expect(all(c[12] == struct.pack("!I", 77) and c[14] == b"sesame" for c in packets), "agent id, key")
		expect(all(c[1] == b"\2" and c[2] == b"\x11" and ours in (c[3], c[4]) or c[11] == b"\6" for c in packets), "family, protocol, addresses")
		rows = dissected(b, packets)
		expect(len(rows) == len(packets) and not any(row[5] for row in rows), "malformed: %s" % rows)
		sip = [(row[0] or row[1], c) for row, c in zip(rows, packets) if row[2]]
		mgcp = [(row[3] or row[4], c) for row, c in zip(rows, packets) if row[3] or row[4]]
		expect(len(sip) + len(mgcp) == len(packets), rows)
		expect({"INVITE", "200", "ACK", "BYE"} <= {x for x, _ in sip} and {"CRCX", "DLCX", "200", "250"} <= {x for x, _ in mgcp}, rows)
		invite = next(c for x, c in sip if x == "INVITE")
		expect(invite[3 if packets is mo else 4] == ours and invite[7 if packets is mo else 8] == b"\x13\xc4", "addresses of the INVITE")
		expect(all(17 in c for _, c in sip), "without a correlation id: %s" % [x for x, c in sip if 17 not in c])
		ids = {c[17] for x, c in sip + mgcp if 17 in c}
		expect(len(ids) == 1, "correlation ids: %s" % ids)
		own = [x for x, c in mgcp if 17 in c]  # the gateway's probe and its keep-alives are nobody's
		asked = [x for x in own if x.isalpha()]
		expect(asked.count("CRCX") == 2 and "DLCX" in asked and len(own) == 2 * len(asked), "MGCP of the call: %s" % own)
	expect({c[17] for c in mo if 17 in c} != {c[17] for c in mt if 17 in c}, "both calls have the same correlation id")
	return "%d messages" % len(mo + mt)
