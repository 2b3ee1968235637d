"""What programs do by CTRL: watch several at once, follow troubles to their end, drain and take calls again, read counters.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import socket

import sipp
from common import expect_totals, finish, test, totals
from ctrl_client import Ctrl, CtrlError
from harness import GW_IP, VTY_IP, expect, wait_for

CTRL = "ctrl\n bind %s\n" % VTY_IP


def number(c, counter):
	return int(c.get("rate_ctr.abs." + counter))


@test
def ctrl_default(b):
	"""Without any configuration it is at 127.0.0.1 port 4297; each connection gets the traps; one that went away harms nobody."""
	b.gateway(media="direct")
	b.sipp("busy", sipp.BUSY)
	c, d, gone = Ctrl("127.0.0.1"), Ctrl("127.0.0.1"), Ctrl("127.0.0.1")
	gone.close()
	expect(c.get("health") == "failed" and c.get("health.mncc").startswith("failed [mncc-no-socket]: "), "health")
	parts = [line.split(" ")[0] for line in c.get("health.all").splitlines()]
	expect({"mncc", "mgw.default", "sip", "peer.pbx", "routes", "codecs", "queue", "limits", "resources", "cdr"} <= set(parts), parts)
	expect_totals(totals(b, b.msc("--mo", 1)), cause_17=1)
	for each in (c, d):
		name, value = each.wait_trap("call.1.failed")
		expect(value.startswith("cause 17 (user busy)"), "%s %s" % (name, value))
		each.close()
	finish(b, mgw=False)


@test
def ctrl_off(b):
	"""'no bind': nobody listens."""
	b.gateway(media="direct", extra="ctrl\n no bind\n")
	with socket.socket() as s:
		expect(s.connect_ex(("127.0.0.1", 4297)) != 0, "somebody listens")
	b.stop_gateway()


@test
def ctrl_drain(b):
	"""Drained, phones hear cause 41, emergency calls pass; not drained any more, calls pass again. Begin and end of it are trapped."""
	b.mgw()
	b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra=CTRL)
	c = Ctrl(VTY_IP)
	expect(c.get("drain") == "0" and c.set("drain", "1") == "1" and c.get("drain-and-exit") == "0", "drain")
	c.wait_trap("health.drain", "warning [draining]")
	expect_totals(totals(b, b.msc("--mo", 2, "--rate", 10, name="refused")), answered=0, cause_41=2)
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, "--emergency", name="emergency")), answered=1)
	expect(c.set("drain", "0") == "0" and c.get("drain") == "0", "no drain")
	c.wait_trap("health.drain", "ok: ")
	expect_totals(totals(b, b.msc("--mo", 1, "--hold", 1, name="again")), answered=1)
	c.close()
	finish(b)


@test
def ctrl_counters(b):
	"""Counters of the whole and of a peer (they are numbered from 1), one by one and by group; a call from the PBX by its JSON."""
	b.mgw()
	pbx = b.sipp("pbx", sipp.ANSWERS)
	b.gateway(extra=CTRL)
	c = Ctrl(VTY_IP)
	expect_totals(totals(b, b.msc("--mo", 2, "--rate", 10, "--hold", 1)), answered=2)
	wait_for(lambda: c.get("calls") == "0", "the end of the calls")
	pbx.end()
	expect(number(c, "calls.0.answered") == 2 and number(c, "sip:peer.1.out:answered") == 2, "counters")
	group = c.get("rate_ctr.abs.sip:peer.1")
	expect("out:answered 2" in group.replace(";", "\n"), group)
	for bad in ("rate_ctr.abs.nothing.0", "rate_ctr.abs.calls.7.answered", "rate_ctr.abs.calls.0.nothing", "rate_ctr.never.calls.0"):
		try:
			raise AssertionError("%s is %s" % (bad, c.get(bad)))
		except CtrlError:
			pass
	player = b.msc("--mt", 1, "--mt-behaviour", "ring-forever")
	b.wait_mncc_up()
	caller = b.sipp("caller", sipp.CALLS_CANCELS, "-m", 1, "-s", "1001", remote=(GW_IP, 5060))
	expect(caller.wait(20) == 0, "the caller")
	totals(b, player)
	expect(c.get("peer.pbx.calls") == "0" and not [t for t in c.traps if t[0].endswith(".failed")],
	       "given up by the caller is no failure: %s" % c.traps)
	c.close()
	finish(b)
