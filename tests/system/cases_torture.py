"""The messages of RFC 4475 at the real daemon, over UDP and TCP: what it answers to each, and that calls go on afterwards.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import glob
import os
import re
import select
import socket
import time

import sipp
from common import GW, expect_totals, finish, test, totals
from harness import GW_IP, PEER_IP, SRC, Failed, expect

DIR = os.path.join(SRC, "tests", "sip", "torture")

# The final response to each; those that are not here have to get none.
WANT = {
	"wsinv": 481, "intmeth": 405, "esc01": 404, "escnull": 405, "esc02": 405, "lwsdisp": 200, "longreq": 404, "dblreq": 405,
	"semiuri": 200, "transports": 200, "mpart01": 405, "badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "quotbal": 400,
	"ltgtruri": 400, "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "baddate": 404, "regbadct": 400,
	"badaspec": 400, "baddn": 400, "badvers": 505, "mismatch01": 400, "mismatch02": 400, "badbranch": 200, "insuf": 400,
	"unkscm": 416, "novelsc": 416, "unksm2": 405, "bext01": 420, "invut": 415, "regaut01": 405, "multi01": 400, "mcl01": 400,
	"zeromf": 200, "cparam01": 405, "cparam02": 405, "regescrt": 405, "sdp01": 404, "inv2543": 404,
}
SAME_BRANCH = ("cparam02", "regescrt")	# as cparam01: one transaction for who still remembers that
TCP_WANT = {"inv2543": 400,		# has no Content-Length, which a stream cannot do without
	    "clerr": 513}		# more of it is to come, more than is allowed

PING = ("OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bKping%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
	"Call-ID: ping-%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


def messages():
	for path in sorted(glob.glob(os.path.join(DIR, "*.dat"))):
		with open(path, "rb") as f:
			yield os.path.basename(path)[:-4], f.read()


def final_of(got, call_id):
	"""The final response with this Call-ID (None: it had none) in all that came."""
	for m in re.split(rb"(?m)^(?=SIP/2\.0 )", got):
		status = re.match(rb"SIP/2\.0 ([2-6]\d\d) ", m)
		if status and (call_id in m if call_id else b"\r\nCall-ID" not in m):
			return int(status.group(1))
	return None


def call_id_of(data):
	m = re.search(rb"(?im)^(?:call-id|i)[ \t]*:\s*(\S+)", data)
	return m.group(1) if m else None


def collect(socks, done, what, seconds=15):
	"""All that comes until `done'; False as its second value if a connection was closed."""
	got, end = b"", time.monotonic() + seconds
	while not done(got):
		ready = select.select(socks, [], [], max(0, end - time.monotonic()))[0]
		if not ready:
			raise Failed("%s: waited in vain, after %r" % (what, got[-300:]))
		for s in ready:
			data = s.recv(65536)
			if not data:
				return got, False
			got += data
	return got, True


def answered(data, ping, want):
	"""Whatever came, the request behind it was answered, too."""
	cid = call_id_of(data)

	def done(got):
		return b"ping-%d\r" % ping in got and (want is None or final_of(got, cid) is not None)
	return done


def check(name, data, got, want):
	have = final_of(got, call_id_of(data))
	expect(have == want, "%s: %s instead of %s" % (name, have, want))


def start(b):
	b.gateway(media="direct", extra="sip\n bind %s 5060 tcp\nroute phones\n match from sip\n target gsm\n" % GW_IP)


def call_afterwards(b):
	b.sipp("pbx", sipp.ANSWERS)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	finish(b, mgw=False)


@test
def torture_udp(b):
	"""Each message of RFC 4475 as a datagram gets the response that it should, or none, and a call goes through afterwards."""
	start(b)
	player = b.msc("--mt", 1000, "--quiet", name="phones")
	b.wait_mncc_up()
	for n, (name, data) in enumerate(messages()):
		ports = {5060} | {int(p) for p in re.findall(rb"(?im)^(?:v|via)\s*:[^\n]*?/[^\n/]*?:(\d+)", data)}
		socks = []
		for port in ports:  # where the Via wants its response
			s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
			s.bind((PEER_IP, port))
			socks.append(s)
		want = None if name in SAME_BRANCH else WANT.get(name)
		socks[0].sendto(data, GW)
		socks[0].sendto((PING % (GW_IP, PEER_IP, 5060, n, n)).encode(), GW)
		got, _ = collect(socks, answered(data, n, want), name)
		check(name, data, got, want)
		for s in socks:
			s.close()
	player.end()
	call_afterwards(b)
	return "%d messages" % (n + 1)


@test
def torture_tcp(b):
	"""The same over TCP; where one ends that says nothing of its length, the connection is closed behind the response."""
	start(b)
	player = b.msc("--mt", 1000, "--quiet", name="phones")
	b.wait_mncc_up()
	for n, (name, data) in enumerate(messages()):
		want = TCP_WANT.get(name, WANT.get(name))
		with socket.create_connection(GW, source_address=(PEER_IP, 0)) as s:
			s.sendall(data if name != "clerr" else data + b" " * 9000)
			s.sendall((PING % (GW_IP, PEER_IP, 5060, n, n)).encode().replace(b"UDP", b"TCP"))
			got, _ = collect([s], answered(data, n, want), name)
			check(name, data, got, want)
	player.end()
	call_afterwards(b)
	return "%d messages" % (n + 1)
