"""Passwords and registrations: kamailio as registrar and as a proxy that challenges, sipp challenging and challenged, trouble.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import hashlib
import os
import re
import select
import socket
import time

import sipp
from common import GW, expect_audio, expect_totals, finish, open_error, test, totals
from harness import GW_IP, PEER_IP, PROXY_IP, expect, wait_for

PASSWORD = "s3cret"
REALM = "pbx.example"

MODULES = """loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("auth", "algorithm", "%s")
modparam("registrar", "max_expires", %d)
"""

FIRST = """	if (is_method("REGISTER")) {{
		if (!pv_www_authenticate("{realm}", "{password}", "0")) {{ www_challenge("{realm}", "1"); exit; }}
		save("location"); exit;
	}}
	if ($si == "{gw}" && is_method("INVITE|BYE")) {{
		if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {{ proxy_challenge("{realm}", "1"); exit; }}
		consume_credentials();
	}}
	if (is_method("INVITE") && !has_totag() && $si != "{gw}") {{
		if (!lookup("location")) {{ sl_send_reply("404", "Not registered"); exit; }}
		record_route(); t_relay(); exit;
	}}
""".format(realm=REALM, password=PASSWORD, gw=GW_IP)

CREDENTIALS = "sip-peer pbx\n domain %s\n auth user trunk password %s\n" % (REALM, PASSWORD)


def proxy(b, algorithm="MD5", max_expires=3600):
	return b.kamailio(modules=MODULES % (algorithm, max_expires), first=FIRST)


def registrations(b):
	return b.vty("show sip registrations")


def wait_registered(b, timeout=20):
	wait_for(lambda: re.search(r"1001 +registered, \d+ s left", registrations(b)), "registered", timeout)


@test
def auth_proxy_md5(b):
	"""A call over a proxy that challenges INVITE and BYE with MD5: answered, spoken, ended, nobody notices."""
	proxy_call(b, "MD5")


@test
def auth_proxy_sha256(b):
	"""The same with SHA-256."""
	proxy_call(b, "SHA-256")


def proxy_call(b, algorithm):
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	proxy(b, algorithm)
	b.gateway(peer=(PROXY_IP, 5060), extra=CREDENTIALS)
	t = totals(b, b.msc("--mo", 2, "--hold", 2, "--rtp"))
	expect_totals(t, answered=2, unexpected=0)
	expect_audio(t, 4)
	expect("User trunk: accepted" in b.vty("show sip peer pbx"), "not accepted:\n" + b.vty("show sip peer pbx"))
	everything = b.vty("show sip peer pbx") + b.vty("show sip") + b.gw.output()
	expect(PASSWORD not in everything, "the password was shown")
	finish(b)


@test
def auth_proxy_wrong(b):
	"""A wrong password: the phone hears of it at once, one line says whose and where."""
	b.mgw()
	proxy(b)
	b.gateway(peer=(PROXY_IP, 5060), extra=CREDENTIALS.replace(PASSWORD, "wrong"))
	started = time.monotonic()
	expect_totals(totals(b, b.msc("--mo", 2)), answered=0, failed=2)
	expect(time.monotonic() - started < 10, "the phone waited long")
	lines = [line for line in b.gw.output().split("\n") if "wrong user or password" in line]
	expect(len(lines) == 1 and "peer pbx" in lines[0] and REALM in lines[0], "not one line with peer and realm: %s" % lines)
	expect("User trunk: refused" in b.vty("show sip peer pbx"), b.vty("show sip peer pbx"))
	finish(b)


@test
def register_call(b):
	"""Registered with kamailio; the PBX calls the registered address and reaches the phone; at the end it is deregistered."""
	b.mgw()
	k = proxy(b)
	b.gateway(peer=(PROXY_IP, 5060), extra=CREDENTIALS + " register 1001\n")
	wait_registered(b)
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--rtp")
	b.wait_mncc_up()
	pbx = b.sipp("pbx", sipp.CALLS, "-m", 1, "-s", "1001", remote=(PROXY_IP, 5060))
	expect(pbx.wait(60) == 0, "the PBX's call went wrong:\n" + open_error(b, "pbx"))
	t = totals(b, player)
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 2)
	finish(b)
	expect("registration of 1001: ended" in b.gw.output(), "not deregistered:\n" + b.gw.output()[-1500:])
	k.end()


@test
def register_restart(b):
	"""The registrar forgets everything in a restart: registered again before long, and a call gets through."""
	b.mgw()
	k = proxy(b, max_expires=20)
	b.gateway(peer=(PROXY_IP, 5060), extra=CREDENTIALS + " register 1001 expires 20\n")
	wait_registered(b)
	k.end()
	time.sleep(1)
	proxy(b, max_expires=20)
	time.sleep(11)
	wait_registered(b)
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--rtp")
	b.wait_mncc_up()
	pbx = b.sipp("pbx", sipp.CALLS, "-m", 1, "-s", "1001", remote=(PROXY_IP, 5060))
	expect(pbx.wait(60) == 0, "the PBX's call went wrong:\n" + open_error(b, "pbx"))
	expect_totals(totals(b, player), answered=1, unexpected=0)
	finish(b)


@test
def register_wrong(b):
	"""A wrong password: the state says it, and it is not tried again and again."""
	proxy(b)
	b.gateway(peer=(PROXY_IP, 5060), extra=CREDENTIALS.replace(PASSWORD, "wrong") + " register 1001\n")
	wait_for(lambda: "failed, waiting: 401" in registrations(b), "the failure is shown")
	time.sleep(3)
	out = b.gw.output()
	expect(out.count("wrong user or password") == 1 and out.count("registration of 1001: 401") == 1, "not one line each:\n" + out[-1500:])
	finish(b, mgw=False)


@test
def register_nobody(b):
	"""No registrar there: the end of the daemon does not wait for it."""
	b.gateway(peer=(PROXY_IP, 5060), extra=CREDENTIALS + " register 1001\n")
	time.sleep(1)
	started = time.monotonic()
	b.stop_gateway()
	expect(time.monotonic() - started < 7, "the end took %.1f s" % (time.monotonic() - started))


# ---- sipp


def challenge(algorithm):
	return 'WWW-Authenticate: Digest realm="r", nonce="n[call_number]", algorithm=%s, qop="auth"\n' % algorithm


def challenged_call(b, algorithm, digits):
	"""What sipp gets the second time has an answer of the right form."""
	b.mgw()
	check = ('<recv request="INVITE" rrs="true"><action><ereg regexp="algorithm=%s.*response|response=.[0-9a-f]{%d}[^0-9a-f]" search_in="hdr"'
		 ' header="Authorization:" check_it="true" assign_to="9"/></action></recv>' % (algorithm, digits))
	b.sipp("pbx", [recv_any(), sipp.reply(401, "Unauthorized", extra=challenge(algorithm)), sipp.recv("ACK"), check,
		       sipp.reply(180), sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK", rtd="true"), sipp.recv("BYE"),
		       sipp.reply_in_dialog(), sipp.linger()])
	b.gateway(extra="sip-peer pbx\n auth user trunk password %s\n" % PASSWORD)
	t = totals(b, b.msc("--mo", 1, "--hold", 1, "--rtp"))
	expect_totals(t, answered=1, unexpected=0)
	finish(b)


def recv_any():
	return sipp.recv("INVITE")


@test
def auth_sipp_md5(b):
	"""sipp challenges a call with MD5."""
	challenged_call(b, "MD5", 32)


@test
def auth_sipp_sha256(b):
	"""sipp challenges a call with SHA-256."""
	challenged_call(b, "SHA-256", 64)


@test
def auth_we_challenge(b):
	"""The PBX has to say who it is: sipp with the password gets through. It knows MD5 only: a hash for that makes MD5 the only challenge."""
	b.mgw()
	b.gateway(extra="sip-peer pbx\n challenge\n auth user trunk ha1 md5 %s osmo-sipgw\n" % md5("trunk:osmo-sipgw:" + PASSWORD))
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--rtp")
	b.wait_mncc_up()
	again = sipp.invite(body=sipp.sdp(), extra="[authentication username=trunk password=%s]\n" % PASSWORD).replace(
		"CSeq: 1 INVITE", "CSeq: 2 INVITE")
	steps = [sipp.invite(body=sipp.sdp()), '<recv response="401" auth="true"/>', sipp.request("ACK", 1, invite_at=2, retrans=False), again,
		 sipp.recv(100, optional=True), sipp.recv(180, optional=True), sipp.recv(183, optional=True), sipp.recv(200),
		 sipp.request("ACK", 2, retrans=False), sipp.pause(2000), sipp.request("BYE", 3), sipp.recv(200)]
	pbx = b.sipp("pbx", steps, "-m", 1, "-s", "1001", "-au", "trunk", "-ap", PASSWORD, remote=GW)
	expect(pbx.wait(60) == 0, "the PBX's call went wrong:\n" + open_error(b, "pbx"))
	expect_totals(totals(b, player), answered=1, unexpected=0)
	finish(b)


# ---- by hand


def md5(text):
	return hashlib.md5(text.encode()).hexdigest()


class Peer:
	"""The PBX's port, message by message."""

	def __init__(self):
		self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.s.bind((PEER_IP, 5060))

	def invite(self, n, extra=""):
		self.s.sendto(("INVITE sip:1001@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"
			       "From: <sip:2@%s>;tag=f%s\r\nTo: <sip:1001@%s>\r\nCall-ID: c%s\r\nCSeq: 1 INVITE\r\nContact: <sip:2@%s>\r\n"
			       "%sContent-Length: 0\r\n\r\n" % (GW_IP, PEER_IP, n, PEER_IP, n, GW_IP, n, PEER_IP, extra)).encode(), GW)
		return self.final(n)

	def final(self, n):
		end = time.monotonic() + 10
		while time.monotonic() < end:
			if not select.select([self.s], [], [], 1)[0]:
				continue
			text = self.s.recv(65536).decode()
			status = re.match(r"SIP/2.0 ([2-6]\d\d)", text)
			if status and "Call-ID: c%s\r\n" % n in text:
				to = re.search(r"\r\nTo: ([^\r]*)", text).group(1)
				self.s.sendto(("ACK sip:1001@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"
					       "From: <sip:2@%s>;tag=f%s\r\nTo: %s\r\nCall-ID: c%s\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n" % (
						       GW_IP, PEER_IP, n, PEER_IP, n, to, n)).encode(), GW)
				return int(status.group(1)), text
		expect(False, "no final response")

	def answer(self, text, password, nc=1):
		"""Authorization for the MD5 challenge of a 401."""
		line = [c for c in re.findall(r"WWW-Authenticate: ([^\r]*)", text) if "algorithm=MD5" in c][0]
		realm, nonce = (re.search('%s="([^"]*)"' % what, line).group(1) for what in ("realm", "nonce"))
		response = md5("%s:%s:%08x:cc:auth:%s" % (md5("trunk:%s:%s" % (realm, password)), nonce, nc, md5("INVITE:sip:1001@" + GW_IP)))
		return ('Authorization: Digest username="trunk", realm="%s", nonce="%s", uri="sip:1001@%s", response="%s", cnonce="cc", qop=auth, '
			'nc=%08x, algorithm=MD5\r\n' % (realm, nonce, GW_IP, response, nc))


@test
def auth_replay(b):
	"""What was overheard is good for nothing: the same credentials again are stale; a wrong password is 403, with a line that fail2ban finds."""
	b.gateway(extra="sip-peer pbx\n challenge\n auth user trunk password %s\n" % PASSWORD)
	peer = Peer()
	status, text = peer.invite("a")
	expect(status == 401 and text.count("WWW-Authenticate") == 2, "not challenged: " + text)
	good = peer.answer(text, PASSWORD)
	status, _ = peer.invite("b", good)
	expect(status not in (401, 403), "the right password gave %d" % status)
	status, text = peer.invite("c", good)
	expect(status == 401 and "stale=true" in text, "replayed: " + text)
	status, _ = peer.invite("d", peer.answer(text, PASSWORD))
	expect(status not in (401, 403), "the fresh nonce gave %d" % status)
	status, _ = peer.invite("e", peer.answer(text, "wrong", 2))
	expect(status == 403, "the wrong password gave %d" % status)
	peer.s.close()
	expect("authentication failed for peer pbx from %s:5060" % PEER_IP in b.gw.output(), "no line:\n" + b.gw.output()[-1500:])
	finish(b, mgw=False)


@test
def auth_challenges_without_end(b):
	"""INVITE and REGISTER are answered by 10,000 challenges in a row: each ends, after few tries, and the daemon goes on."""
	b.mgw()
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.bind((PEER_IP, 5060))
	b.gateway(extra="sip-peer pbx\n auth user trunk password %s\n register 1001\n" % PASSWORD)
	player = b.msc("--mo", 1)
	sent, seen, end = 0, {"INVITE": set(), "REGISTER": set()}, time.monotonic() + 60
	while (sent < 10000 or player.alive()) and time.monotonic() < end:
		if not select.select([s], [], [], 0.5)[0]:
			if player.alive():
				continue
			break
		data, addr = s.recvfrom(65536)
		text = data.decode()
		method = text.split(" ", 1)[0]
		if method not in seen:
			continue
		seen[method].add(re.search(r"branch=([^;\r]*)", text).group(1))
		head = "".join("%s: %s\r\n" % (h, re.search(r"\r\n%s: ([^\r]*)" % h, text).group(1)) for h in ("Via", "From", "Call-ID", "CSeq"))
		to = re.search(r"\r\nTo: ([^\r]*)", text).group(1)
		for _ in range(2000):
			s.sendto(('SIP/2.0 401 Unauthorized\r\n%sTo: %s;tag=x\r\nWWW-Authenticate: Digest realm="r", nonce="%d", stale=true\r\n'
				  "Content-Length: 0\r\n\r\n" % (head, to, sent)).encode(), addr)
			sent += 1
			if sent % 100 == 0:
				time.sleep(0.005)
	s.close()
	expect(sent >= 10000, "only %d challenges were asked for" % sent)
	expect_totals(totals(b, player), answered=0, failed=1)
	expect(len(seen["INVITE"]) == 4 and len(seen["REGISTER"]) <= 8, "tries: %s" % {m: len(v) for m, v in seen.items()})
	expect("failed, waiting: 401" in registrations(b), registrations(b))
	finish(b)


@test
def auth_config_mode(b):
	"""`write file` does not let others read the passwords who could not before."""
	b.gateway(extra=CREDENTIALS)
	cfg = b.path("osmo-sipgw.cfg")
	for mode in (0o600, 0o660, 0o644):
		os.chmod(cfg, mode)
		expect("saved" in b.vty("write file"), "the configuration is not written")
		wait_for(lambda: os.stat(cfg).st_mode & 0o777 & ~mode == 0, "the file has mode %o, not %o" % (os.stat(cfg).st_mode, mode))
	# two in one packet: the second one finds the file that the first one has made
	os.chmod(cfg, 0o600)
	b.vty("write file\nwrite file")
	wait_for(lambda: os.stat(cfg).st_mode & 0o777 == 0o600, "the file has mode %o, not 600" % os.stat(cfg).st_mode)
	with open(cfg) as f:
		expect("password " + PASSWORD in f.read(), "the password was not written")
	b.stop_gateway()
