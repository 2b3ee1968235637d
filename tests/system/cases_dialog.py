"""What happens inside of calls: PRACK, UPDATE, session timers, forks, a CANCEL that comes too late, transfers.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import sipp
from common import GW, expect_totals, finish, mt_call, open_error, test, totals
from harness import PROXY_IP, expect
from sipp import invite, linger, pause, recv, reply, reply_in_dialog, request, sdp

KEPT = {"Via": 2, "From": 3, "To": 4, "CSeq": 5}


def recv_kept(method, via_proxy=False):
	"""A request whose headers are kept for a response that is not the next one."""
	kept = dict(KEPT, **({"Record-Route": 7} if via_proxy else {}))
	actions = "".join('<ereg regexp=".*" search_in="hdr" header="%s:" assign_to="%d"/>' % header for header in kept.items())
	if via_proxy:
		actions += '<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="2" assign_to="8"/>'
	return '<recv request="%s" rrs="true"><action>%s</action></recv>' % (method, actions)


def reply_kept(status, body=None, extra="", tag="a", via_proxy=False):
	"""A response to that request."""
	lines = ["SIP/2.0 %d Whatever" % status, "Via:[$2]"] + ["Via:[$8]"] * via_proxy
	lines += ["From:[$3]", "To:[$4];tag=[pid]%s[call_number]" % tag,
		 "Call-ID: [call_id]", "CSeq:[$5]", "Contact: <sip:pbx@[contact]>"]
	lines += ["Record-Route:[$7]"] * via_proxy
	return sipp._send(sipp._message(lines, body, extra), status >= 200)


def reply_extra(extra):
	"""200 to a request in the dialog, with more headers."""
	return reply(200, extra=extra, tag=None)


def mo_call(b, steps, *msc, config="", to=None):
	"""A phone calls the PBX, which does these steps; the player's totals."""
	b.mgw()
	pbx = b.sipp("pbx", steps, "-m", 1)
	b.gateway(extra=config, **({"peer": to} if to else {}))
	t = totals(b, b.msc("--mo", 1, *msc))
	expect(pbx.wait(30) == 0, "the call went wrong at the PBX:\n" + open_error(b, "pbx") + pbx.output()[-600:])
	return t


def rings_reliably(**kw):
	return [recv_kept("INVITE", **kw), reply_kept(183, body=sdp(), extra="Require: 100rel\nRSeq: 4711\n", **kw),
		recv("PRACK"), reply_in_dialog(), reply_kept(200, **kw), recv("ACK"), recv("BYE"), reply_in_dialog(), linger()]


@test
def mo_prack(b):
	"""The PBX rings reliably, with its answer in the 183: PRACK; its 200 has no description any more."""
	expect_totals(mo_call(b, rings_reliably(), "--hold", 1, "--rtp"), answered=1, unexpected=0)
	finish(b)


@test
def kamailio_prack(b):
	"""The same through a proxy that stays in the dialog: the PRACK takes its way."""
	b.kamailio()
	expect_totals(mo_call(b, rings_reliably(via_proxy=True), "--hold", 1, "--rtp", to=(PROXY_IP, 5060)), answered=1, unexpected=0)
	finish(b)


@test
def mt_prack(b):
	"""The PBX demands 100rel: our 180 has an RSeq and gets its PRACK."""
	b.mgw()
	b.gateway()
	steps = [invite(body=sdp(), extra="Require: 100rel\n"), recv(100),
		 '<recv response="180" rrs="true"><action><ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" assign_to="6"/>'
		 "</action></recv>",
		 request("PRACK", 2, extra="RAck: [$6] 1 INVITE\n"), recv(200), recv(200), request("ACK", 1, retrans=False),
		 request("BYE", 3), recv(200)]
	expect_totals(mt_call(b, steps, "answer"), answered=1)
	finish(b)


UPDATE_ALLOWED = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\n"
SHORT = "sip-peer pbx\n session-timer supported expires 4 min-se 2\n"


@test
def mt_update(b):
	"""The PBX changes its mind by UPDATE: hold, and back."""
	b.mgw()
	b.gateway()
	steps = [invite(body=sdp()), recv(100, optional=True), recv(180, optional=True), recv(200), request("ACK", 1, retrans=False),
		 request("UPDATE", 2, body=sdp(direction="sendonly", version=2)), recv(200, check="a=recvonly"),
		 request("UPDATE", 3, body=sdp(version=3)), recv(200, check="a=sendrecv"),
		 request("UPDATE", 4), recv(200), request("BYE", 5), recv(200)]
	expect_totals(mt_call(b, steps, "answer"), answered=1)
	finish(b)


@test
def mo_timer_we_refresh(b):
	"""A session timer of four seconds: we refresh by UPDATE, and the call goes on."""
	timer = "Supported: timer\nSession-Expires: 4;refresher=uac\n"
	steps = [recv("INVITE"), reply(180), reply(200, body=sdp(), extra=UPDATE_ALLOWED + "Require: timer\n" + timer), recv("ACK"),
		 recv("UPDATE"), reply_extra(timer), recv("UPDATE"), reply_extra(timer), recv("BYE"), reply_in_dialog(), linger()]
	expect_totals(mo_call(b, steps, "--hold", 5, config=SHORT), answered=1, unexpected=0)
	finish(b)


@test
def mo_timer_reinvite(b):
	"""The same with a PBX that has no UPDATE: a re-INVITE, of which the phone hears nothing."""
	timer = "Supported: timer\nSession-Expires: 4;refresher=uac\n"
	steps = [recv("INVITE"), reply(180), reply(200, body=sdp(), extra="Require: timer\n" + timer), recv("ACK"),
		 recv("INVITE"), reply(200, body=sdp(), extra=timer, tag=None), recv("ACK"), recv("BYE"), reply_in_dialog(), linger()]
	expect_totals(mo_call(b, steps, "--hold", 3, config=SHORT), answered=1, unexpected=0)
	finish(b)


@test
def mt_timer_expires(b):
	"""The PBX is to refresh and does not: BYE with cause 102 before the four seconds are over."""
	b.mgw()
	b.gateway(extra=SHORT)
	steps = [invite(body=sdp(), extra="Supported: timer\nSession-Expires: 4;refresher=uac\n"), recv(100, optional=True),
		 recv(180, optional=True), recv(200), request("ACK", 1, retrans=False),
		 '<recv request="BYE"><action><ereg regexp="cause=102" search_in="hdr" header="Reason:" check_it="true" '
		 'assign_to="9"/></action></recv>', reply_in_dialog(), linger()]
	expect_totals(mt_call(b, steps, "answer"), answered=1)
	finish(b)


@test
def timer_too_small(b):
	"""422 both ways: the PBX wants more than we offer and gets it; it asks for less than we allow and is told."""
	steps = [recv("INVITE"), reply(422, extra="Min-SE: 3600\n"), recv("ACK"),
		 '<recv request="INVITE" rrs="true"><action><ereg regexp="3600" search_in="hdr" header="Min-SE:" check_it="true" '
		 'assign_to="9"/></action></recv>', reply(200, body=sdp()), recv("ACK"), recv("BYE"), reply_in_dialog(), linger()]
	expect_totals(mo_call(b, steps, "--hold", 1), answered=1)
	caller = b.sipp("caller", [invite(body=sdp(), extra="Supported: timer\nSession-Expires: 10\n"), recv(100, optional=True), recv(422),
				   request("ACK", 1, invite_at=3, retrans=False), linger(500)], "-m", 1, remote=GW)
	expect(caller.wait(20) == 0, "no 422:\n" + open_error(b, "caller"))
	finish(b)


@test
def mo_two_phones_answer(b):
	"""Two phones behind the PBX answer: the first one has the call, the other one gets ACK and a BYE that says why."""
	steps = [recv_kept("INVITE"), reply_kept(180), reply_kept(180, tag="b"), reply_kept(200, body=sdp()), recv("ACK"),
		 reply_kept(200, body=sdp(), tag="b"), recv("ACK"),
		 '<recv request="BYE"><action><ereg regexp="elsewhere" search_in="hdr" header="Reason:" check_it="true" '
		 'assign_to="9"/></action></recv>', reply_in_dialog(), recv("BYE"), reply_in_dialog(), linger()]
	expect_totals(mo_call(b, steps, "--hold", 2), answered=1, unexpected=0)
	finish(b)


@test
def mo_cancel_meets_200(b):
	"""The phone hangs up at the moment in which the PBX answers: ACK and BYE."""
	steps = [recv_kept("INVITE"), reply_kept(180), recv("CANCEL"), reply(200, tag=None), reply_kept(200, body=sdp()),
		 recv("ACK"), recv("BYE"), reply_in_dialog(), linger()]
	expect_totals(mo_call(b, steps, "--abandon-after", 1), answered=0, cancelled=1)
	finish(b)


@test
def mt_refer_refused(b):
	"""A transfer is declined, and the call goes on."""
	b.mgw()
	b.gateway()
	steps = [invite(body=sdp()), recv(100, optional=True), recv(180, optional=True), recv(200), request("ACK", 1, retrans=False),
		 request("REFER", 2, extra="Refer-To: <sip:2@127.0.0.1>\n"), recv(603), pause(500), request("BYE", 3), recv(200)]
	expect_totals(mt_call(b, steps, "answer"), answered=1)
	finish(b)


NEW_PEER_IP = "127.0.0.122"
REFER_ALLOWED = "sip-peer pbx\n refer\nsip-peer new\n remote %s 5060\n" % NEW_PEER_IP


def refer_as_callee(to):
	"""REFER from the side that was called: From and To change places."""
	lines = ["REFER [next_url] SIP/2.0", "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
		 "From:[$4];tag=[pid]a[call_number]", "To:[$3]", "Call-ID: [call_id]", "CSeq: 1 REFER", "Contact: <sip:pbx@[contact]>",
		 "Max-Forwards: 70"]
	return sipp._send(sipp._message(lines, None, "Refer-To: <sip:5559999@%s>\n" % to), True)


def notified(check):
	return recv("NOTIFY", check=check), reply_in_dialog()


@test
def mo_transfer(b):
	"""The PBX transfers a phone to another PBX: 202, NOTIFY 100 and 200, BYE; the phone talks to the other one."""
	new = b.sipp("new", [recv_kept("INVITE"), reply_kept(200, body=sdp()), recv("ACK"), recv("BYE"), reply_in_dialog(), linger()],
		     "-m", 1, ip=NEW_PEER_IP, contact=NEW_PEER_IP + ":5060")
	steps = [recv_kept("INVITE"), reply_kept(180), reply_kept(200, body=sdp()), recv("ACK"), pause(500), refer_as_callee(NEW_PEER_IP), recv(202),
		 *notified("SIP/2.0 100"), *notified("SIP/2.0 200"), recv("BYE"), reply_in_dialog(), linger()]
	t = mo_call(b, steps, "--hold", 4, "--rtp", config=REFER_ALLOWED)
	expect_totals(t, answered=1, unexpected=0)
	expect(t["rtp_echo"] > 25 * 3, "the phone was alone after the transfer: %s" % t)
	expect(new.wait(30) == 0, "the call went wrong at the new PBX:\n" + open_error(b, "new"))
	finish(b)


@test
def mo_transfer_bye_first(b):
	"""The PBX hangs up right after the 202, as many do: the subscription ends by a last NOTIFY, and the phone hears the announcement of the new
	party before that answers."""
	new = b.sipp("new", [recv_kept("INVITE"), reply(100, tag=None), pause(1500), reply_kept(183, body=sdp()), pause(2000), reply_kept(200, body=sdp()), recv("ACK"), recv("BYE"),
			     reply_in_dialog(), linger()], "-m", 1, ip=NEW_PEER_IP, contact=NEW_PEER_IP + ":5060")
	notified_last = ('<recv request="NOTIFY"><action><ereg regexp="terminated" search_in="hdr" header="Subscription-State:" check_it="true" '
			 'assign_to="9"/></action></recv>')
	steps = [recv_kept("INVITE"), reply_kept(180), reply_kept(200, body=sdp()), recv("ACK"), pause(500), refer_as_callee(NEW_PEER_IP), recv(202),
		 *notified("SIP/2.0 100"), refer_as_callee(NEW_PEER_IP).replace("REFER", "BYE").replace("CSeq: 1", "CSeq: 2"), recv(200),
		 notified_last, reply_in_dialog(), linger()]
	t = mo_call(b, steps, "--hold", 5, "--rtp", config=REFER_ALLOWED)
	expect_totals(t, answered=1, unexpected=0)
	expect(t["rtp_echo"] > 25 * 4, "the phone heard %d frames only" % t["rtp_echo"])
	expect(new.wait(30) == 0, "the call went wrong at the new PBX:\n" + open_error(b, "new"))
	finish(b)


@test
def transfer_elsewhere(b):
	"""A transfer to a place that is no peer of ours is declined, and the call goes on."""
	steps = [recv_kept("INVITE"), reply_kept(180), reply_kept(200, body=sdp()), recv("ACK"), refer_as_callee("192.0.2.99"), recv(603),
		 recv("BYE"), reply_in_dialog(), linger()]
	expect_totals(mo_call(b, steps, "--hold", 1, config=REFER_ALLOWED), answered=1, unexpected=0)
	finish(b)


# ---- glare: both sides change the call at the same time (RFC 3261 14.1)

def as_callee(method, cseq, body=None, invite_at=None, retrans=True):
	"""A request in the dialog of the side that was called; the ACK to a failure says how many steps ago its INVITE was."""
	lines = ["%s [next_url] SIP/2.0" % method,
		 "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch%s];rport" % ("-%d" % invite_at if invite_at else ""),
		 "From:[$4];tag=[pid]a[call_number]", "To:[$3]", "Call-ID: [call_id]", "CSeq: %d %s" % (cseq, method),
		 "Contact: <sip:pbx@[contact]>", "Max-Forwards: 70"]
	return sipp._send(sipp._message(lines, body), retrans)


def reply_glare(status):
	"""To the re-INVITE of the other side, kept before ours was sent."""
	return reply_kept(status).replace("To:[$4];tag=[pid]a[call_number]", "To:[$6]")


def recv_glare():
	"""The re-INVITE of the other side: its Via and CSeq are kept, and its To, which has a tag."""
	return recv_kept("INVITE").replace('header="To:" assign_to="4"', 'header="To:" assign_to="6"')


def mo_glares(b, *steps):
	"""The phone holds while the PBX changes the call: 491 both ways, then these steps; the phone hears that it holds, and later talks again."""
	steps = [recv_kept("INVITE"), reply_kept(180), reply_kept(200, body=sdp()), recv("ACK"),
		 recv_glare(), as_callee("INVITE", 1, sdp(version=2)), recv(491), as_callee("ACK", 1, invite_at=2, retrans=False),
		 reply_glare(491), recv("ACK"), *steps,
		 recv("INVITE", check="a=sendrecv"), reply(200, body=sdp(version=4), tag=None), recv("ACK"), recv("BYE"), reply_in_dialog(), linger(500)]
	t = mo_call(b, steps, "--hold", 9, "--hold-retrieve", "--rtp")
	expect_totals(t, answered=1, hold_ok=1, hold_rej=0, retrieve_ok=1, retrieve_rej=0, unexpected=0)
	expect(t["rtp_echo"] > 150, "nothing is heard after it: %s" % t)
	finish(b)


@test
def mo_glare(b):
	"""The PBX waits for us: we try again after 2.1 to 4 s, as the side that has made the Call-ID."""
	mo_glares(b, recv("INVITE", check="a=sendonly"), reply(200, body=sdp(direction="recvonly", version=3), tag=None), recv("ACK"))


@test
def mo_glare_theirs_first(b):
	"""The PBX tries again first, as it may: our answer says that the phone holds, and nobody has to ask again."""
	mo_glares(b, as_callee("INVITE", 2, sdp(version=2)), recv(100, optional=True), recv(200, check="a=sendonly"),
		  as_callee("ACK", 2, retrans=False))


@test
def mo_glare_they_hold(b):
	"""The same when the PBX holds, too: nobody sends any more."""
	mo_glares(b, as_callee("INVITE", 2, sdp(direction="sendonly", version=2)), recv(100, optional=True), recv(200, check="a=inactive"),
		  as_callee("ACK", 2, retrans=False))


@test
def mt_glare(b):
	"""The PBX has called and holds while the phone does: we try again within 2 s."""
	b.mgw()
	b.gateway()
	def holds(cseq, version):
		return request("INVITE", cseq, body=sdp(direction="sendonly", version=version))
	kept = '<recv request="INVITE"><action>%s</action></recv>' % "".join(
		'<ereg regexp=".*" search_in="hdr" header="%s:" assign_to="%d"/>' % h for h in (("Via", 2), ("From", 3), ("To", 4), ("CSeq", 5)))
	refused = sipp._send(sipp._message(["SIP/2.0 491 Request Pending", "Via:[$2]", "From:[$3]", "To:[$4]", "Call-ID: [call_id]", "CSeq:[$5]"], None), True)
	steps = [invite(body=sdp()), recv(100, optional=True), recv(180, optional=True), recv(200), request("ACK", 1, retrans=False),
		 kept, holds(2, 2), recv(491), request("ACK", 2, invite_at=2, retrans=False), refused, recv("ACK", timeout="5000"),
		 recv("INVITE", timeout="3000", check="a=sendonly"), reply(200, body=sdp(direction="recvonly", version=3), tag=None), recv("ACK"),
		 recv("INVITE", check="a=sendrecv"), reply(200, body=sdp(version=4), tag=None), recv("ACK"), pause(1000), request("BYE", 9), recv(200)]
	t = mt_call(b, steps, "answer", msc=["--hold-retrieve"])
	expect_totals(t, answered=1, hold_ok=1, hold_rej=0, retrieve_ok=1, unexpected=0)
	finish(b)
