"""Who calls, who is called, who passed a call on, who answered: whom we believe, and whom we tell.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import re

import sipp
from common import expect_totals, finish, mt_call, open_error, test, totals
from harness import expect


def hears(b, checks, *args, extra="", answer=""):
	"""A phone calls; the INVITE at the PBX has, or has not, these headers: {name: regexp or None}."""
	b.mgw()
	path = b.path("pbx.log")
	pbx = b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(180, extra=answer), sipp.reply(200, body=sipp.sdp(), extra=answer), sipp.recv("ACK", rtd="true"),
			     sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger()],
		     "-trace_msg", "-message_file", path)
	b.gateway(extra="sip-peer pbx\n" + extra)
	t = totals(b, b.msc("--mo", 1, "--hold", 1, *args))
	expect_totals(t, answered=1)
	with open(path, errors="replace") as f:
		invite = re.search(r"^INVITE .*?\n\s*\n", f.read().replace("\r", ""), re.M | re.S).group(0)
	for name, rx in checks.items():
		m = re.search(r"^%s:\s*(.*)$" % re.escape(name), invite, re.M)
		if rx is None:
			expect(not m, "%s in the INVITE:\n%s" % (name, invite))
		else:
			expect(m and re.search(rx, m.group(1)), "%s is not %s:\n%s" % (name, rx, invite))
	finish(b)


ANONYMOUS = r'^"Anonymous" <sip:anonymous@anonymous\.invalid>'


@test
def identity_clir(b):
	"""A phone that withholds its number: an untrusted PBX hears nothing of it."""
	hears(b, {"From": ANONYMOUS, "Privacy": "^id$", "P-Asserted-Identity": None, "Contact": r"^<sip:[^@]*>", "P-Access-Network-Info": None}, "--clir")


@test
def identity_clir_trusted(b):
	"""The same to a trusted PBX: From is anonymous, P-Asserted-Identity has the number, Privacy says what to do with it."""
	hears(b, {"From": ANONYMOUS, "Privacy": "^id$", "P-Asserted-Identity": r"<sip:1001@.*;user=phone>"}, "--clir", extra=" trusted\n")


@test
def identity_shown(b):
	"""A phone that shows its number: in From for everybody, in Remote-Party-ID for a trusted PBX that wants it so."""
	hears(b, {"From": r"<sip:1001@", "Privacy": None, "P-Asserted-Identity": None, "Remote-Party-ID": r"<sip:1001@.*party=calling;screen=yes;privacy=off"},
	      extra=" trusted\n identity rpid\n")


@test
def identity_tel(b):
	"""A PBX that wants a tel: URI as well: there is one of an international number."""
	hears(b, {"P-Asserted-Identity": r"^<sip:\+49301234@.*;user=phone>, <tel:\+49301234>$"}, "--calling", "+49301234", extra=" trusted\n identity pai-tel\n")


@test
def identity_emergency(b):
	"""An emergency call to a PBX that wants a URN: urn:service:sos with Priority."""
	hears(b, {"To": r"^<urn:service:sos>", "Priority": "^emergency$"}, "--emergency", extra=" emergency urn\n")


@test
def identity_connected(b):
	"""Who answered, as a trusted PBX says, reaches the MSC; an untrusted one says nothing."""
	for trusted in (True, False):
		b.mgw() if trusted else None
		pbx = b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(200, body=sipp.sdp(), extra="P-Asserted-Identity: <sip:+4930777@pbx>\n"),
				     sipp.recv("ACK", rtd="true"), sipp.recv("BYE"), sipp.reply_in_dialog()], "-m", 1)
		b.gateway(extra="sip-peer pbx\n trusted\n" if trusted else "")
		player = b.msc("--mo", 1, "--hold", 1, "--story", name="msc-%s" % trusted)
		expect_totals(totals(b, player), answered=1)
		expect(pbx.wait(20) == 0, "the call went wrong at the PBX:\n" + open_error(b, "pbx"))
		expect(("4930777" in player.output()) == trusted, "the connected number: " + player.output()[-1500:])
		finish(b)


@test
def identity_connected_private(b):
	"""A trusted PBX says who answered, and that he wants to stay unknown: the MSC hears that there is somebody, and no number."""
	b.mgw()
	pbx = b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(200, body=sipp.sdp(), extra="P-Asserted-Identity: <sip:+4930777@pbx>\nPrivacy: id\n"),
			     sipp.recv("ACK", rtd="true"), sipp.recv("BYE"), sipp.reply_in_dialog()], "-m", 1)
	b.gateway(extra="sip-peer pbx\n trusted\n")
	player = b.msc("--mo", 1, "--hold", 1, "--story")
	expect_totals(totals(b, player), answered=1)
	expect(pbx.wait(20) == 0, "the call went wrong at the PBX:\n" + open_error(b, "pbx"))
	expect("connected=''(withheld)" in player.output() and "4930777" not in player.output(), player.output()[-1500:])
	finish(b)


@test
def identity_agent(b):
	"""What we say we are, and where, is the operator's choice."""
	hears(b, {"User-Agent": "^Town GSM$", "Contact": r"<sip:gw\.example\.org:5099>"}, extra=" advertise gw.example.org 5099\nsip\n user-agent Town GSM\n")


@test
def identity_incoming(b):
	"""What a trusted PBX asserts comes before From, an anonymous caller stays so, an untrusted one asserts nothing."""
	pai = "P-Asserted-Identity: <sip:+49301234@pbx>\n"
	b.mgw()
	b.gateway(extra="sip-peer pbx\n trusted\n", log_level="debug")
	call = [sipp.invite(body=sipp.sdp(), extra=pai), sipp.recv(100, optional=True), sipp.recv(180, optional=True), sipp.recv(200),
		sipp.request("ACK", 1, retrans=False), sipp.pause(500), sipp.request("BYE", 2), sipp.recv(200)]
	mt_call(b, call, "answer")
	expect("from '+49301234'" in b.gw.output(), "the asserted identity is not the caller")
	finish(b)


# ---- who passed the call on

@test
def identity_diverting(b):
	"""The MSC forwards a call of its phone to the PBX: Diversion says whose phone passed it on."""
	hears(b, {"From": "<sip:1001@", "Diversion": r"^<sip:1002@[^>]*>;reason=\w+;privacy=off"}, "--redirecting", "1002")


def diverted_to_phone(b, header, trusted):
	"""The PBX says by whom the call was passed on; the story of the MSC."""
	b.mgw()
	b.gateway(extra="sip-peer pbx\n trusted\n" if trusted else "")
	call = [sipp.invite(body=sipp.sdp(), extra=header), sipp.recv(100, optional=True), sipp.recv(180, optional=True), sipp.recv(200),
		sipp.request("ACK", 1, retrans=False), sipp.pause(200), sipp.request("BYE", 2), sipp.recv(200)]
	expect_totals(mt_call(b, call, "answer", msc=["--story"]), answered=1, unexpected=0)
	finish(b)
	with open(b.path("msc-player.log"), errors="replace") as f:
		return re.search(r"MNCC_SETUP_REQ.*", f.read()).group(0)


@test
def identity_diverted(b):
	"""A trusted PBX forwards a call to a phone: who passed it on, the last of several, reaches the MSC as redirecting number."""
	story = diverted_to_phone(b, "Diversion: \"Desk\" <sip:5557777@pbx>;reason=no-answer;counter=1\n"
				  "Diversion: <sip:5558888@pbx>;reason=user-busy\n", True)
	expect("redirecting='5557777'" in story, story)


@test
def identity_diverted_private(b):
	"""Whoever passed it on and wants to stay unknown: the MSC hears that there is somebody, and no number."""
	story = diverted_to_phone(b, "Diversion: <sip:5557777@pbx>;reason=user-busy;privacy=full\n", True)
	expect("redirecting=''(withheld)" in story and "5557777" not in story, story)


@test
def identity_diverted_untrusted(b):
	"""A PBX that is not trusted says so, too: nobody believes it."""
	story = diverted_to_phone(b, "Diversion: <sip:5557777@pbx>;reason=user-busy\n", False)
	expect("redirecting" not in story, story)


# ---- who answered

def answered_by(b, config, checks, *msc):
	"""The PBX calls a phone, which is answered by 1003: our 200 has, or has not, these headers."""
	actions = "".join('<ereg regexp="%s" search_in="hdr" header="%s:" %s="true" assign_to="9"/>' %
			  (rx or ".+", name, "check_it" if rx else "check_it_inverse") for name, rx in checks.items())
	call = [sipp.invite(body=sipp.sdp()), sipp.recv(100, optional=True), sipp.recv(180, optional=True),
		'<recv response="200" rrs="true"><action>%s</action></recv>' % actions,
		sipp.request("ACK", 1, retrans=False), sipp.pause(200), sipp.request("BYE", 2), sipp.recv(200)]
	b.mgw()
	b.gateway(extra="sip-peer pbx\n" + config)
	expect_totals(mt_call(b, call, "answer", msc=("--connected", "1003", *msc)), answered=1)
	finish(b)


@test
def identity_answered(b):
	"""Who answered in place of the phone that was called (COLP): P-Asserted-Identity in our 200 to a trusted PBX."""
	answered_by(b, " trusted\n", {"P-Asserted-Identity": "&lt;sip:1003@.*;user=phone&gt;", "Privacy": None})


@test
def identity_answered_untrusted(b):
	"""The same to a PBX that is not trusted: it does not hear of it."""
	answered_by(b, "", {"P-Asserted-Identity": None, "Remote-Party-ID": None, "Privacy": None})


@test
def identity_answered_rpid(b):
	"""As Remote-Party-ID to a trusted PBX that wants it so."""
	answered_by(b, " trusted\n identity rpid\n", {"Remote-Party-ID": "&lt;sip:1003@.*party=called;screen=yes;privacy=off", "P-Asserted-Identity": None})


@test
def identity_colr(b):
	"""Who answers and does not want to be shown: a trusted PBX hears the number, and Privacy says what to do with it."""
	answered_by(b, " trusted\n", {"P-Asserted-Identity": "&lt;sip:1003@", "Privacy": "id"}, "--colr")


@test
def identity_colr_rpid(b):
	"""The same as Remote-Party-ID."""
	answered_by(b, " trusted\n identity rpid\n", {"Remote-Party-ID": "&lt;sip:1003@.*party=called;screen=yes;privacy=full"}, "--colr")


@test
def identity_colr_untrusted(b):
	"""And a PBX that is not trusted hears nothing."""
	answered_by(b, "", {"P-Asserted-Identity": None, "Remote-Party-ID": None, "Contact": "&lt;sip:127"}, "--colr")
