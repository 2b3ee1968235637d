"""What the cases share: the list of tests, what a call has to have come to, and the usual calls.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import os

from harness import GW_IP, expect, wait_for

TESTS = []
GW = (GW_IP, 5060)


def test(fn):
	"""Mark a test; its docstring is what it shows."""
	TESTS.append(fn)
	return fn


def totals(b, player, timeout=60):
	"""Wait for the player's end; its totals."""
	player.wait(timeout)
	return b.msc_report(player.name)


def expect_audio(t, seconds):
	"""So much was spoken, nearly all of it came back from the other end, and all that came is what was said."""
	expect(t["rtp_tx"] >= 25 * seconds, "the phone sent %d frames only: %s" % (t["rtp_tx"], t))
	expect(t["rtp_echo"] >= 0.9 * t["rtp_tx"], "%d of %d frames came back: %s" % (t["rtp_echo"], t["rtp_tx"], t))
	# osmo-mgw sends a dummy packet of its own whenever it learns an address
	expect(t["rtp_bad"] <= 2, "%d frames are not what was sent: %s" % (t["rtp_bad"], t))


def expect_totals(t, **want):
	for name, value in want.items():
		have = t["causes"].get(name[6:], 0) if name.startswith("cause_") else t[name]
		if isinstance(value, tuple):
			expect(value[0] <= have <= value[1], "%s is %s, not in %s: %s" % (name, have, value, t))
		else:
			expect(have == value, "%s is %s, not %s: %s" % (name, have, value, t))


def finish(b, mgw=True):
	"""After each test: no call is left, no endpoint is in use, the daemon ends by itself without a leak."""
	b.wait_no_calls()
	if mgw:
		wait_for(lambda: b.mgw_endpoints_in_use() == 0, "all endpoints of osmo-mgw are deleted")
	b.stop_gateway()


def open_error(b, name):
	path = b.path(name + ".err")
	if not os.path.exists(path):
		return ""
	with open(path, errors="replace") as f:
		return f.read()[-1500:]


def mo_call(b, steps, *msc, wrong=None, **gateway):
	"""All that a phone needs to call a PBX that takes these steps; the player has these options, the gateway that configuration.
	wrong: what is to be said if the PBX does not get through its steps, None: it may. Returns the player's totals."""
	b.mgw()
	pbx = b.sipp("pbx", steps, *(("-m", 1) if wrong else ()))
	b.gateway(**gateway)
	t = totals(b, b.msc("--mo", 1, *msc))
	if wrong:
		saw_it_through(b, pbx, wrong)
	return t


def saw_it_through(b, player, wrong):
	"""A player of SIPp has got through its steps; else this is what was wrong."""
	expect(player.wait(20) == 0, wrong + ":\n" + (open_error(b, player.name) or player.output()[-1000:]))


def mt_call(b, steps, behaviour, n=1, hangup=None, called="1001", to=GW, msc=(), **kw):
	"""The PBX calls a phone that behaves so, the player having these options, too; returns the player's totals."""
	args = ["--mt", n, "--mt-behaviour", behaviour] + (["--hangup-after", hangup] if hangup is not None else [])
	player = b.msc(*args, "--rtp", *msc)
	b.wait_mncc_up()
	pbx = b.sipp("pbx", steps, "-m", n, "-s", called, remote=to, **kw)
	rc = pbx.wait(60)
	expect(rc == 0, "the PBX's call went wrong:\n" + open_error(b, "pbx") + pbx.output()[-600:])
	return totals(b, player)
