"""What people do in calls: keys, hold, two calls at once, a phone that moves, calls for help.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import re
import socket
import struct
import threading
import time

import sipp
from common import GW, expect_audio, expect_totals, finish, mt_call, open_error, test, totals
from harness import expect, wait_for

PEER2_IP, MUSIC_IP = "127.0.0.121", "127.0.0.122"


def heard(what, regexp, then=""):
	"""A request that has to contain this somewhere."""
	return ('<recv request="%s" rrs="true"><action><ereg regexp="%s" search_in="msg" check_it="true" assign_to="9"/>%s</action></recv>'
		% (what, regexp, then))


def ended_well(b, pbx, name="pbx"):
	expect(pbx.wait(30) == 0, "the call went wrong at the PBX:\n" + open_error(b, name) + pbx.output()[-600:])


@test
def mo_dtmf_refused(b):
	"""The PBX answers INFO with 405: the first key was acknowledged, the others are rejected to the phone; the call goes on."""
	b.mgw()
	pbx = b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK"), sipp.recv("INFO"),
			     sipp.reply_in_dialog(405), sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger(500)], "-m", 1)
	b.gateway()
	t = totals(b, b.msc("--mo", 1, "--hold", 3, "--dtmf", "123", "--rtp"))
	expect_totals(t, answered=1, dtmf_ok=1, dtmf_rej=2, cause_16=1)
	expect_audio(t, 2)
	ended_well(b, pbx)
	finish(b)


@test
def mo_dtmf_none(b):
	"""A peer that is to get no keys: all are rejected to the phone, no INFO is sent."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS, "-m", 1)
	b.gateway()
	b.vty("configure terminal", "sip-peer pbx", "dtmf none")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 2, "--dtmf", "12")), answered=1, dtmf_ok=0, dtmf_rej=2)
	ended_well(b, pbx)
	finish(b)


@test
def mo_dtmf_duration(b):
	"""A key is told with the time for which it was pressed."""
	b.mgw()
	pbx = b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK"),
			     heard("INFO", "Duration=([6-9][0-9]|1[0-4][0-9])[^0-9]"), sipp.reply_in_dialog(), sipp.recv("BYE"),
			     sipp.reply_in_dialog(), sipp.linger(500)], "-m", 1)
	b.gateway()
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 2, "--dtmf", "#")), answered=1, dtmf_ok=1)
	ended_well(b, pbx)
	finish(b)


@test
def mt_dtmf(b):
	"""Keys from the PBX: answered with 200, whatever becomes of them; the call goes on."""
	key = sipp.request("INFO", 2, body="Signal=5\nDuration=120\n").replace("application/sdp", "application/dtmf-relay")
	b.mgw()
	b.gateway()
	steps = [sipp.invite(body=sipp.sdp()), sipp.recv(100, optional=True), sipp.recv(180, optional=True), sipp.recv(200),
		 sipp.request("ACK", 1, retrans=False), sipp.pause(500), key, sipp.recv(200), sipp.pause(1500), sipp.request("BYE", 3),
		 sipp.recv(200)]
	t = mt_call(b, steps, "answer")
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 2)
	expect(re.search(r"dtmf:to_phone|Keys from the SIP side", b.vty("show rate-counters")), "not counted")
	finish(b)


class Music(threading.Thread):
	"""A PBX's announcement: frames of full rate speech, from when it first hears somebody, whether he is on hold or not."""

	def __init__(self, ip, port):
		super().__init__(daemon=True)
		self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.sock.bind((ip, port))
		self.sock.settimeout(0.02)
		self.sent = self.heard = 0
		self.quit = False
		self.start()

	def run(self):
		to = None
		while not self.quit:
			due = time.monotonic() + 0.02
			try:
				while True:
					to = self.sock.recvfrom(2048)[1]
					self.heard += 1
			except (TimeoutError, BlockingIOError):
				pass
			if to:
				self.sock.sendto(struct.pack("!BBHII", 0x80, 3, self.sent & 0xffff, self.sent * 160, 7) + b"\xd0" + bytes(32), to)
				self.sent += 1
			self.sock.settimeout(max(0.001, due - time.monotonic()))

	def close(self):
		self.quit = True
		self.join()
		self.sock.close()


@test
def mt_music_on_hold(b):
	"""The PBX holds with sendonly: the phone is told, and hears the music; a refresh on hold changes nothing of that."""
	def sdp(**kw):
		return sipp.sdp(**kw).replace("[media_ip]", MUSIC_IP).replace("[media_port]", "6100")
	hold = sdp(direction="sendonly", version=2)
	music = Music(MUSIC_IP, 6100)
	b.mgw()
	b.gateway()
	steps = [sipp.invite(body=sdp()), sipp.recv(100, optional=True), sipp.recv(180, optional=True), sipp.recv(200),
		 sipp.request("ACK", 1, retrans=False), sipp.pause(500),
		 sipp.request("INVITE", 2, body=hold), sipp.recv(100, optional=True), sipp.recv(200, check="a=recvonly"),
		 sipp.request("ACK", 2, retrans=False), sipp.pause(2000),
		 sipp.request("INVITE", 3, body=hold), sipp.recv(100, optional=True), sipp.recv(200, check="a=recvonly"),
		 sipp.request("ACK", 3, retrans=False), sipp.pause(2000),
		 sipp.request("INVITE", 4, body=sdp(version=3)), sipp.recv(100, optional=True), sipp.recv(200, check="a=sendrecv"),
		 sipp.request("ACK", 4, retrans=False), sipp.pause(500), sipp.request("BYE", 5), sipp.recv(200)]
	try:
		t = mt_call(b, steps, "answer")
	finally:
		music.close()
	expect_totals(t, answered=1, unexpected=0, notify=2)
	expect(t["rtp_rx"] >= 200 and t["rtp_rx"] >= 0.9 * music.sent, "the phone heard %d of %d frames" % (t["rtp_rx"], music.sent))
	expect(music.heard <= t["rtp_tx"] - 150, "the PBX heard %d of %d frames: hold stops nothing" % (music.heard, t["rtp_tx"]))
	finish(b)
	return "%d of %d frames of music heard" % (t["rtp_rx"], music.sent)


def waiting_call(b, *msc):
	b.mgw()
	pbx = b.sipp("pbx", sipp.REINVITED, "-m", 1)
	b.gateway(extra="sip-peer pbx2\n remote %s 5060\n" % PEER2_IP)
	player = b.msc("--mo", 1, "--mt", 1, "--mt-behaviour", "answer", "--one-phone", "--hold", 60, "--rtp", "--ring-ms", 1000, *msc)
	wait_for(lambda: "TALKING" in b.vty("show calls"), "the first call is up")
	second = b.sipp("pbx2", [sipp.invite(body=sipp.sdp()), sipp.recv(100, optional=True), sipp.recv(180), sipp.recv(200),
				 sipp.request("ACK", 1, retrans=False), sipp.recv("INVITE"),
				 sipp.reply(200, body=sipp.sdp(direction="recvonly", version=2), tag=None), sipp.recv("ACK"),
				 sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger(500)],
			"-m", 1, "-s", "1001", ip=PEER2_IP, remote=GW)
	t = totals(b, player)
	expect_totals(t, answered=2, hold_ok=2, hold_rej=0, retrieve_ok=1, unexpected=0)
	expect(t["rtp_tx"] >= 200 and t["rtp_echo"] >= 0.95 * t["rtp_tx"], "%d of %d frames came back" % (t["rtp_echo"], t["rtp_tx"]))
	expect(t["rtp_bad"] <= 10, "%d frames are not what was sent, more than osmo-mgw's own" % t["rtp_bad"])
	ended_well(b, pbx)
	ended_well(b, second, "pbx2")
	finish(b)


@test
def two_calls(b):
	"""Call waiting: the phone holds its call, takes a second one, and goes back; it is heard by, and hears, the one it talks to."""
	waiting_call(b)


@test
def two_calls_sdp(b):
	"""The same with an MSC that speaks SDP: of the second call it says port 0."""
	waiting_call(b, "--new-msc")


def handover(b, media, steps):
	b.mgw()
	pbx = b.sipp("pbx", steps, "-m", 1)
	b.gateway(media=media)
	t = totals(b, b.msc("--mo", 1, "--hold", 4, "--handover-after", 2, "--rtp"))
	expect_totals(t, answered=1, unexpected=0)
	expect(t["rtp_echo"] >= 0.85 * t["rtp_tx"], "%d of %d frames came back" % (t["rtp_echo"], t["rtp_tx"]))
	ended_well(b, pbx)
	finish(b)


@test
def handover_anchored(b):
	"""The MSC's media moves in the call: the gateway follows, the PBX does not notice."""
	handover(b, "anchored", sipp.ANSWERS[:-1] + [sipp.linger(500)])


@test
def handover_direct(b):
	"""The same with media direct: the PBX is told by a re-INVITE."""
	handover(b, "direct", [sipp.recv("INVITE"), sipp.reply(180), sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK"), sipp.recv("INVITE"),
			       sipp.reply(200, body=sipp.sdp(version=2), tag=None), sipp.recv("ACK"), sipp.recv("BYE"),
			       sipp.reply_in_dialog(), sipp.linger(500)])


@test
def mo_emergency(b):
	"""A call for help without called and calling number and without bearer capability: it comes up, from the IMSI, with the cell."""
	b.mgw()
	pbx = b.sipp("pbx", [heard("INVITE", "sip:112@.*sip:001010000000001@.*cgi-3gpp=0010100010a2b"), sipp.reply(180),
			     sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK"), sipp.recv("BYE"), sipp.reply_in_dialog(),
			     sipp.linger(500)], "-m", 1)
	b.gateway()
	b.vty("configure terminal", "mncc", "cell-id 0010100010a2b")
	b.vty("configure terminal", "sip-peer pbx", "trusted")
	t = totals(b, b.msc("--mo", 1, "--emergency", "--called", "", "--calling", "", "--hold", 2, "--rtp"))
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 2)
	ended_well(b, pbx)
	expect("EMERGENCY call" in b.gw.output(), "not marked in the log")
	finish(b)
