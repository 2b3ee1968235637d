"""Where calls go: routes, failover, shares, redirections, numbers, emergency calls, phone to phone, limits.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import os
import re
import subprocess
import xml.etree.ElementTree

import sipp
from common import GW, expect_audio, expect_totals, finish, mt_call, open_error, test, totals
from harness import PEER_IP, SRC, expect, wait_for

SECOND_IP, THIRD_IP = "127.0.0.121", "127.0.0.122"
PEERS = """sip-peer second
 remote %s 5060
 media direct
""" % SECOND_IP

BOTH = PEERS + """route both
 match from gsm
 target peer pbx
 target peer second
"""


def failing(status, phrase="Sorry"):
	return [sipp.recv("INVITE"), sipp.reply(status, phrase), sipp.recv("ACK"), sipp.linger(500)]


def moved(contact):
	return [sipp.recv("INVITE"), sipp.reply(302, "Moved").replace("Contact: <sip:pbx@[contact]>", "Contact: <%s>" % contact),
		sipp.recv("ACK"), sipp.linger(500)]


def second(b, steps, *args):
	return b.sipp("second", steps, *args, ip=SECOND_IP, contact=SECOND_IP + ":5060")


def trace(b, name):
	"""Arguments that make sipp write all messages down, and a way to read them."""
	path = b.path(name + ".msg")

	def read():
		with open(path, errors="replace") as f:
			return f.read()
	return ("-trace_msg", "-message_file", path), read


def invites(text):
	return re.findall(r"^INVITE sip:([^@\s]*)@", text, re.M)


@test
def route_prefix(b):
	"""Two PBXs, each with its prefix; what no route is for is rejected."""
	args1, msg1 = trace(b, "pbx")
	args2, msg2 = trace(b, "second")
	b.sipp("pbx", sipp.ANSWERS, *args1)
	second(b, sipp.ANSWERS, *args2)
	b.gateway(media="direct", extra=PEERS + """route one
 match called prefix 555
 target peer pbx
route two
 match called regexp ^0?6[0-9]+$
 target peer second
route nothing
 target reject 1
""")
	for name, called, want in (("a", "5552222", {"answered": 1}), ("b", "0666", {"answered": 1}), ("c", "777", {"failed": 1, "cause_1": 1})):
		expect_totals(totals(b, b.msc("--mo", 1, "--hold", 0.5, "--called", called, name=name)), **want)
	expect(set(invites(msg1())) == {"5552222"} and set(invites(msg2())) == {"0666"}, "%s %s" % (invites(msg1()), invites(msg2())))
	finish(b, mgw=False)


@test
def failover_dead(b):
	"""The first PBX is dead: the second has the call within a few seconds."""
	second(b, sipp.ANSWERS, "-m", 1)
	b.gateway(media="direct", extra=BOTH)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1), timeout=30), answered=1)
	expect("next is second" in b.gw.output(), "no word of the failover in the log")
	finish(b, mgw=False)


@test
def failover_503(b):
	"""The first PBX is overloaded (503): the second has the call."""
	pbx = b.sipp("pbx", failing(503), "-m", 1)
	second(b, sipp.ANSWERS, "-m", 1)
	b.gateway(media="direct", extra=BOTH)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	expect(pbx.wait(20) == 0, "the first PBX: " + open_error(b, "pbx"))
	finish(b, mgw=False)


def refusal_is_final(b, status, cause):
	args, msg = trace(b, "second")
	b.sipp("pbx", failing(status), "-m", 1)
	second(b, sipp.ANSWERS, *args)
	b.gateway(media="direct", extra=BOTH)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), failed=1, **{"cause_%d" % cause: 1})
	try:
		heard = invites(msg())
	except FileNotFoundError:
		heard = []
	expect(not heard, "the second PBX was asked, too")
	finish(b, mgw=False)


@test
def failover_not_after_486(b):
	"""Busy is what the user says: nobody else is asked."""
	refusal_is_final(b, 486, 17)


@test
def failover_not_after_603(b):
	"""Declined is what the user says: nobody else is asked."""
	refusal_is_final(b, 603, 21)


@test
def route_weights(b):
	"""40 calls, shared 3 to 1."""
	args1, msg1 = trace(b, "pbx")
	args2, msg2 = trace(b, "second")
	b.sipp("pbx", sipp.ANSWERS, *args1)
	second(b, sipp.ANSWERS, *args2)
	b.gateway(media="direct", extra=PEERS + """route both
 target peer pbx weight 3
 target peer second
 targets by-weight
 match from gsm
""")
	expect_totals(totals(b, b.msc("--mo", 40, "--rate", 40, "--hold", 0.5)), answered=40)
	n1, n2 = len(invites(msg1())), len(invites(msg2()))
	expect(n1 + n2 == 40 and 18 <= n1 <= 39, "%d and %d calls" % (n1, n2))
	finish(b, mgw=False)
	return "%d and %d" % (n1, n2)


@test
def redirect_302(b):
	"""302 to another number at the other PBX is followed; it hears who passed the call on. With 'redirects 0' it is not."""
	args, msg = trace(b, "second")
	b.sipp("pbx", moved("sip:5553333@%s:5060" % SECOND_IP))
	second(b, sipp.ANSWERS, *args)
	b.gateway(media="direct", extra=PEERS)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	expect(invites(msg()) == ["5553333"], "the second PBX got %s" % invites(msg()))
	expect(re.search(r"^Diversion:.*5552222", msg(), re.M | re.I), "no Diversion:\n" + msg()[:800])
	b.vty("configure terminal", "call", "redirects 0")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="never")), failed=1)
	expect(len(invites(msg())) == 1, "followed")
	finish(b, mgw=False)


@test
def redirect_loop(b):
	"""A PBX that redirects to itself for ever: the call ends with a cause."""
	b.sipp("pbx", moved("sip:5552222@%s:5060" % PEER_IP))
	b.gateway(media="direct")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), failed=1, cause_25=1)
	finish(b, mgw=False)


@test
def numbers_rewritten(b):
	"""What is dialled nationally goes out as the trunk wants it, and comes back the same way."""
	args, msg = trace(b, "pbx")
	b.sipp("pbx", sipp.ANSWERS, "-m", 1, *args)
	b.gateway(media="direct", extra="""sip-peer pbx
 number-rules trunk
number-rules trunk
 rule out called prefix +49 strip 3 prepend 0049
 rule out calling regexp ^[0-9]{4}$ prepend +4930555
 rule in called prefix +4930555 strip 8
call
 country-code 49
""")
	player = b.msc("--mo", 1, "--hold", 2, "--called", "030123456")
	b.wait_mncc_up()
	shown = b.vty("show route test 030123456 1001")
	expect("Numbers there: +49305551001 -> 004930123456" in shown, shown)
	expect_totals(totals(b, player), answered=1)
	expect(invites(msg()) == ["004930123456"], "called %s" % invites(msg()))
	expect("+49305551001" in msg(), "the caller is not +49305551001")
	finish(b, mgw=False)


@test
def numbers_rewritten_mt(b):
	"""A call from the PBX to a full number rings at the phone with the short one."""
	b.gateway(media="direct", extra="""sip-peer pbx
 number-rules trunk
number-rules trunk
 rule in called prefix +4930555 strip 8
""")
	expect_totals(mt_call(b, sipp.CALLS, "1001=answer", called="+49305551001"), mt_answered=1)
	finish(b, mgw=False)


@test
def emergency_tries_all(b):
	"""An emergency call without numbers has a route of its own; whatever the first answers, the second is asked; no limit counts."""
	args, msg = trace(b, "second")
	b.sipp("pbx", sipp.BUSY)
	second(b, sipp.ANSWERS, *args)
	b.gateway(media="direct", extra=PEERS + """route everything
 target reject 21
route sos
 match emergency
 target peer pbx
 target peer second
call
 limit total 1
""")
	stays = b.msc("--mo", 2, "--rate", 10, "--emergency", "--called", "", "--hold", 4)
	wait_for(lambda: len(re.findall(r"^ +\d+ TALKING +\+?\d+ +emergency ", b.vty("show calls"), re.M)) == 2, "show calls says what they are")
	expect_totals(totals(b, stays), answered=2)
	expect(len(re.findall(r"^INVITE ", msg(), re.M)) == 2, "the second was not asked")
	finish(b, mgw=False)


@test
def emergency_sdp(b):
	"""An MSC that speaks SDP makes a channel for a phone that names no codec in its emergency call; both hear each other."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway()
	t = totals(b, b.msc("--mo", 1, "--emergency", "--called", "", "--hold", 2, "--rtp", "--new-msc"))
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 2)
	finish(b)


@test
def emergency_nobody_there(b):
	"""An emergency call whose targets are all dead: it ends in seconds with a cause, both were tried, nothing is left."""
	b.gateway(media="direct", extra=PEERS + """route sos
 match emergency
 target peer pbx
 target peer second
timer sip X11 3000
timer sip X25 1000
""")
	t = totals(b, b.msc("--mo", 1, "--emergency", "--called", ""))
	expect_totals(t, answered=0, failed=1)
	expect("0" not in t["causes"], "cause 0: %s" % t)
	expect("call" in b.vty("show calls failed") and "emergency" in b.vty("show calls failed"), "it is not kept as failed")
	finish(b, mgw=False)


def check_two_gsm_legs(b, ladder):
	"""Each leg has columns of its own, its media gateway's messages too; the picture made of it is one."""
	with open(b.path("ladder.txt"), "w") as f:
		f.write(ladder + "\n")
	left, right = [], []
	for line in ladder.splitlines()[1:]:
		left.append(line[9:24])
		right.append(line[57:72])
	for side, words in ((left, ("SETUP_IND--->", "<--ALERT_REQ", "<--SETUP_RSP")), (right, ("SETUP_REQ--->", "<--ALERT_IND", "<--SETUP_CNF"))):
		for word in words:
			expect(any(word in x for x in side), "no '%s' in its column:\n%s" % (word, ladder))
	expect([("MGW" in "".join(left)), "MGW" in "".join(right)] in ([True, True], [False, False]), ladder)
	expect(ladder.splitlines()[0].split() == "ms MSC GSM leg A call GSM leg B MSC".split(), ladder)
	svg = subprocess.run([os.path.join(SRC, "contrib", "ladder-to-svg.py"), b.path("ladder.txt")], capture_output=True, text=True, check=True).stdout
	words = [e.text for e in xml.etree.ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
	expect("GSM leg B" in words and words.count("MSC") == 2 and "SETUP_REQ" in words and "ALERT_IND" in words, words)


def phone_to_phone(b, media, mgw):
	if mgw:
		b.mgw()
	b.gateway(extra="route phones\n match from gsm\n match called prefix 10\n target gsm %s\n" % media)
	player = b.msc("--mo", 2, "--rate", 5, "--mt", 2, "--mt-behaviour", "answer", "--called", "1002", "--hold", 3, "--rtp")
	wait_for(lambda: "-CONNECTED-" in b.vty("show call 1 ladder"), "call 1 is connected")
	ladder = b.vty("show call 1 ladder")
	t = totals(b, player)
	check_two_gsm_legs(b, ladder)
	expect_totals(t, mo_answered=2, mt_answered=2)
	expect(t["rtp_tx"] >= 4 * 100 and t["rtp_rx"] >= 0.9 * t["rtp_tx"], "frames: %s" % t)
	expect(t["rtp_bad"] <= 2 * 4, "bad frames: %s" % t)
	expect(t["rtp_echo"] == 0, "somebody heard himself: %s" % t)
	finish(b, mgw=mgw)
	return "%d frames, %d heard" % (t["rtp_tx"], t["rtp_rx"])


@test
def phone_to_phone_direct(b):
	"""A phone calls a phone without any PBX and without any media gateway: they hear each other."""
	return phone_to_phone(b, "direct", False)


@test
def phone_to_phone_anchored(b):
	"""A phone calls a phone without any PBX, media through osmo-mgw: they hear each other."""
	return phone_to_phone(b, "anchored", True)


def phone_services(b, media, mgw):
	if mgw:
		b.mgw()
	b.gateway(extra="route phones\n match from gsm\n match called prefix 10\n target gsm %s\n" % media)
	player = b.msc("--mo", 1, "--mt", 1, "--mt-behaviour", "answer", "--called", "1002", "--dtmf", "12", "--hold-retrieve",
		       "--hangup-after", 3, "--rtp")
	t = totals(b, player)
	expect_totals(t, mo_answered=1, mt_answered=1, hold_ok=1, hold_rej=0, retrieve_ok=1, dtmf_ok=0, dtmf_rej=2, notify=2, unexpected=0)
	finish(b, mgw=mgw)


@test
def phone_services_direct(b):
	"""Phone to phone: keys are rejected, as MNCC has none for a phone; hold is shown to the other one; the called one hangs up."""
	phone_services(b, "direct", False)


@test
def phone_services_anchored(b):
	"""The same with the voice through osmo-mgw."""
	phone_services(b, "anchored", True)


@test
def phone_emergency(b):
	"""A network without any PBX: a call for help goes to the phone of the watch, with a number of its own or with none at all."""
	b.gateway(extra="""route sos
 match emergency
 target gsm direct
number-rules phones
 rule in called number 112 strip 3 prepend 1002
call
 number-rules phones
 limit total 1
""")
	for name, called, want in (("number", "112", {"mo_answered": 1, "mt_answered": 1}), ("none", "", {"mo_answered": 0, "failed": 1, "cause_28": 1})):
		player = b.msc("--mo", 1, "--mt", 1, "--mt-behaviour", "1002=answer", "--emergency", "--called", called, "--hold", 1, "--rtp",
			       "--timeout", 8, name=name)
		expect_totals(totals(b, player), **want)
	finish(b, mgw=False)


@test
def limits_mo(b):
	"""A phone may have two calls: the third is refused with cause 34; in total four, the fifth with 42."""
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(media="direct", extra="call\n limit subscriber-mo 2\n")
	expect_totals(totals(b, b.msc("--mo", 3, "--rate", 10, "--hold", 2)), answered=2, failed=1, cause_34=1)
	b.vty("configure terminal", "call", "no limit subscriber-mo", "limit total 4")
	expect_totals(totals(b, b.msc("--mo", 5, "--rate", 10, "--hold", 2, name="total")), answered=4, failed=1, cause_42=1)
	expect("total                 4" in b.vty("show limits"), b.vty("show limits"))
	finish(b, mgw=False)


@test
def limits_mt(b):
	"""A second call to the same phone gets 503."""
	b.gateway(media="direct", extra="call\n limit subscriber-mt 1\n")
	b.msc("--mt", 1, "--mt-behaviour", "answer", "--rtp")
	b.wait_mncc_up()
	first = b.sipp("pbx", sipp.CALLS, "-m", 1, "-s", "1001", remote=GW)
	wait_for(lambda: b.calls_up() == 1, "the first call")
	other = b.sipp("other", sipp.refused(503), "-m", 1, "-s", "1001", remote=GW, port=5062,
		       media_ip=SECOND_IP)
	expect(other.wait(20) == 0, "the second call: " + open_error(b, "other"))
	expect(first.wait(20) == 0, "the first call: " + open_error(b, "pbx"))
	finish(b, mgw=False)


def refusing(status):
	return [sipp.recv("INVITE"), sipp.reply(status, "Whatever"), sipp.recv("ACK"), sipp.linger(200)]


@test
def limits_no_drift(b):
	"""800 calls that end in many ways, some of them redirected or at their second target: each gives its places back, to the last one."""
	b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(180), sipp.pause(200), sipp.reply(200, body=sipp.sdp()), sipp.recv("ACK"), sipp.recv("BYE"),
		       sipp.reply_in_dialog(), sipp.linger(200)])
	second(b, refusing(503))
	b.sipp("third", moved("sip:5@%s:5060" % PEER_IP), ip=THIRD_IP, contact=THIRD_IP + ":5060")
	b.gateway(media="direct", extra=PEERS + """sip-peer third
 remote %s 5060
 media direct
""" % THIRD_IP + """route busy-way
 match called prefix 6
 target peer second
 target peer third
 target peer pbx
route phones
 match from gsm
 match called prefix 10
 target gsm direct
route nothing
 match called prefix 0
 target reject 21
call
 limit total 60
 limit mo 50
 limit subscriber-mo 40
 limit subscriber-mt 40
""")
	runs = [("answered", ["--called", "5552222", "--hold", 0.5]), ("abandoned", ["--called", "5552222", "--abandon-after", 0.1]),
		("elsewhere", ["--called", "66", "--hold", 0.3]), ("elsewhere_abandoned", ["--called", "66", "--abandon-after", 0.01]),
		("rejected", ["--called", "01", "--hold", 1]), ("phones", ["--called", "1002", "--hold", 0.3, "--mt-behaviour", "answer"]),
		("phones_busy", ["--called", "1002", "--mt-behaviour", "busy", "--hold", 1])]
	for name, how in runs:
		totals(b, b.msc("--mo", 100, "--rate", 200, *how, name=name))
	shown = b.vty("show limits")
	b.wait_no_calls()
	b.msc("--mo", 100, "--rate", 200, "--called", "5552222", "--close-after", 1, name="msc-dies")
	wait_for(lambda: b.calls_up() > 20, "calls are up")
	b.wait_no_calls(60)
	shown = b.vty("show limits")
	for row in ("total", "mo", "mt"):
		expect(re.search(r"^%s +\S+ +0$" % row, shown, re.M), "a place is lost:\n" + shown)
	expect(not re.search(r"admission_subscriber", b.vty("show talloc-context application full")), "a subscriber is left")
	finish(b, mgw=False)
