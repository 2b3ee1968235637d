"""Names in Contact and Record-Route: where requests in a call go (RFC 3261 12.2.1.1, RFC 3263).

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import time

import sipp
from cases_failover import DNS_IP, DNS_PORT, FIRST_IP, BlackHole, dns
from common import expect_totals, finish, mt_call, open_error, test, totals
from harness import expect

NAMESERVER = "sip\n nameserver %s %d\n" % (DNS_IP, DNS_PORT)
ELSEWHERE = ["--host-record=elsewhere.test," + FIRST_IP]
RINGS = [sipp.recv("INVITE"), sipp.reply(180), sipp.pause(500), sipp.reply(200, body=sipp.sdp())]
ENDS_HERE = [sipp.recv("ACK"), sipp.recv("BYE"), sipp.reply_in_dialog(), sipp.linger(500)]


def elsewhere(b, *steps):
	"""Another SIP server, at the address of elsewhere.test."""
	return b.sipp("elsewhere", list(steps), "-m", 1, ip=FIRST_IP)


@test
def name_contact(b):
	"""A phone behind the PBX gives a name as its Contact: looked up while it rings, and ACK and BYE go there."""
	b.mgw()
	dns(b, ELSEWHERE)
	phone = elsewhere(b, sipp.recv("ACK"), sipp.recv("BYE"), sipp.reply_in_dialog())
	b.sipp("pbx", RINGS + [sipp.linger(3000)], "-m", 1, contact="elsewhere.test:5060")
	b.gateway(extra=NAMESERVER)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	expect(phone.wait(20) == 0, "ACK and BYE do not come to the Contact:\n" + open_error(b, "elsewhere"))
	finish(b)


@test
def name_route(b):
	"""A proxy records its route by a name, which SRV leads to: ACK and BYE go there, with the name in their Route."""
	b.mgw()
	dns(b, ["--srv-host=_sip._udp.proxy.test,elsewhere.test,5060"] + ELSEWHERE)
	def heard(what):
		return ('<recv request="%s" rrs="true"><action><ereg regexp="sip:proxy.test;lr" search_in="hdr" header="Route:" check_it="true" '
			'assign_to="9"/></action></recv>' % what)
	proxy = elsewhere(b, heard("ACK"), heard("BYE"), sipp.reply_in_dialog())
	recorded = "Record-Route: <sip:proxy.test;lr>\n"
	b.sipp("pbx", [sipp.recv("INVITE"), sipp.reply(180, extra=recorded), sipp.pause(500), sipp.reply(200, body=sipp.sdp(), extra=recorded),
		       sipp.linger(3000)], "-m", 1)
	b.gateway(extra=NAMESERVER)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	expect(proxy.wait(20) == 0, "ACK and BYE do not come to the proxy:\n" + open_error(b, "elsewhere"))
	finish(b)


@test
def name_incoming(b):
	"""The PBX calls with a name as its Contact: the BYE of the phone waits until that is looked up, and goes there."""
	b.mgw()
	dns(b, ELSEWHERE)
	other = elsewhere(b, sipp.recv("BYE"), sipp.reply_in_dialog())
	b.gateway(extra=NAMESERVER)
	expect_totals(mt_call(b, sipp.CALLS_UNTIL_BYE[:-3], "answer", hangup=1, contact="elsewhere.test:5060"), answered=1)
	expect(other.wait(20) == 0, "the BYE does not come to the Contact:\n" + open_error(b, "elsewhere"))
	finish(b)


@test
def name_missing(b):
	"""A name that no DNS has: said in the log, and requests go to where the call came from."""
	b.mgw()
	dns(b, ELSEWHERE)
	pbx = b.sipp("pbx", RINGS + ENDS_HERE, "-m", 1, contact="nowhere.test:5060")
	b.gateway(extra=NAMESERVER)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1)), answered=1)
	expect(pbx.wait(20) == 0, "the call went wrong at the PBX:\n" + open_error(b, "pbx"))
	expect("'nowhere.test': there is no such name; requests go to where the call came from" in b.gw.output(), b.gw.output()[-800:])
	finish(b)


@test
def name_dns_silent(b):
	"""The name server does not answer: the BYE waits for it, but not for ever."""
	b.mgw()
	hole = BlackHole(DNS_IP, DNS_PORT)
	b.gateway(extra=NAMESERVER + "timer sip X29 2000\n")
	begin = time.monotonic()
	expect_totals(mt_call(b, sipp.CALLS_UNTIL_BYE, "answer", hangup=0, contact="elsewhere.test:5060"), answered=1)
	took = time.monotonic() - begin
	expect(took > 2, "the BYE did not wait: %.1f s" % took)
	expect("'elsewhere.test': the look-up takes too long" in b.gw.output(), b.gw.output()[-800:])
	finish(b)
	hole.close()
