"""The recipes for Asterisk in doc/recipes.adoc, word for word, with a real one: left out where no `asterisk' is in the PATH (Debian 12 has none).
Run with 20.20.1.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import os
import re
import shutil
import subprocess

from common import expect_audio, expect_totals, finish, test, totals
from harness import GW_IP, PEER_IP, SRC, Process, expect, wait_for

asterisk_test = test if shutil.which("asterisk") else lambda fn: fn

# Numbers that do something, beside those of the recipe
NUMBERS = """
[from-gsm]
exten => 600,1,Answer()
 same => n,Echo()
exten => 603,1,Progress()
 same => n,Playtones(440)
 same => n,Wait(2)
 same => n,Hangup(17)
exten => 604,1,Answer()
 same => n,Read(keys,,6,,1,8)
 same => n,Log(NOTICE,keys <${keys}>)
exten => _7XXX,1,Hangup(${EXTEN:1})
[echo]
exten => s,1,Answer()
 same => n,Echo()
"""


def recipe(kind, n):
	"""Block `n' of its kind in the recipe, for the addresses of the tests."""
	with open(os.path.join(SRC, "doc", "recipes.adoc")) as f:
		text = f.read().split("[[recipe-asterisk]]")[1].split("\n[[")[0]
	blocks = re.findall(r"^\[source,%s\]\n----\n(.*?)^----$" % kind, text, re.M | re.S)
	return blocks[n].replace("0.0.0.0", PEER_IP).replace("192.0.2.10", PEER_IP).replace("192.0.2.1", GW_IP)


def into_endpoint(pjsip, block):
	"""The first section of a block, `... as above, and:', goes into the endpoint of the first recipe."""
	first, rest = block.split("; ... as above, and:\n")[1].split("\n\n", 1)
	return pjsip.replace("type=endpoint\n", "type=endpoint\n" + first + "\n", 1), rest


class Asterisk:
	"""One with a directory of its own; its modules and documentation are those that are installed."""

	def __init__(self, b, pjsip, extensions):
		self.conf = b.path("asterisk", "asterisk.conf")
		dirs = ("etc", "db", "key", "spool", "run", "log")
		for d in dirs:
			os.makedirs(b.path("asterisk", d))
		files = {"pjsip": pjsip, "extensions": extensions + NUMBERS, "modules": "[modules]\nautoload=yes\n", "logger": "[logfiles]\nfull => notice\n",
			 "rtp": "[general]\nrtpstart=10000\nrtpend=10100\n"}
		for name, text in files.items():
			with open(b.path("asterisk", "etc", name + ".conf"), "w") as f:
				f.write(text)
		with open(self.conf, "w") as f:
			f.write("[directories]\n" + "".join("ast%sdir => %s\n" % (d, b.path("asterisk", d)) for d in dirs))
		self.log = b.path("asterisk", "log", "full")
		self.process = Process(b, "asterisk-log", ["asterisk", "-f", "-C", self.conf])
		wait_for(lambda: "fully booted" in self.cmd("core waitfullybooted") or not self.process.alive(), "asterisk")
		expect(self.process.alive(), "asterisk does not start:\n" + self.process.output()[-2000:])

	def cmd(self, line):
		p = subprocess.run(["asterisk", "-C", self.conf, "-rx", line], stdin=subprocess.DEVNULL, capture_output=True, text=True)
		return p.stdout

	def wait_log(self, text):
		def found():
			with open(self.log, errors="replace") as f:
				return text in f.read()
		wait_for(found, "asterisk's log has '%s'" % text)


def set_up(b, pjsip, sipgw):
	b.mgw()
	asterisk = Asterisk(b, pjsip, recipe("ini", 1))
	# the harness has a SIP peer already, which would be at the same address
	b.gateway(extra=re.sub(r"^sip\n bind.*\n", "", sipgw) + "no sip-peer pbx\n")
	return asterisk


def both_ways(b, asterisk):
	"""A phone calls Echo(), then Asterisk calls a phone and lets it hear itself: each frame comes back."""
	t = totals(b, b.msc("--mo", 1, "--called", "600", "--hold", 3, "--rtp", name="mo"))
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 3)
	player = b.msc("--mt", 1, "--mt-behaviour", "answer", "--hangup-after", 3, "--rtp", name="mt")
	b.wait_mncc_up()
	asterisk.cmd("channel originate PJSIP/1001@gsm extension s@echo")
	t = totals(b, player)
	expect_totals(t, answered=1, unexpected=0)
	expect_audio(t, 3)
	finish(b)


@asterisk_test
def asterisk_plain(b):
	"""The first recipe: calls both ways, each frame compared."""
	both_ways(b, set_up(b, recipe("ini", 0), recipe("sipgw", 0)))


@asterisk_test
def asterisk_passwords(b):
	"""With passwords: Asterisk challenges us, and we challenge Asterisk."""
	pjsip, rest = into_endpoint(recipe("ini", 0), recipe("ini", 2))
	both_ways(b, set_up(b, pjsip + rest, recipe("sipgw", 1)))


@asterisk_test
def asterisk_registered(b):
	"""We register, and Asterisk calls whoever has registered."""
	pjsip = recipe("ini", 0).split("[gsm]\ntype=aor")[0]
	pjsip, aor = into_endpoint(pjsip, recipe("ini", 3))
	auth = re.search(r"\[gsm-auth\]\n(?:.+\n)+", recipe("ini", 2)).group(0)
	asterisk = set_up(b, pjsip + aor + "\n" + auth, recipe("sipgw", 2))
	wait_for(lambda: "sip:gsm@" in asterisk.cmd("pjsip show aor gsm"), "the registration")
	both_ways(b, asterisk)


@asterisk_test
def asterisk_in_a_call(b):
	"""What else a phone hears: early media, causes, and that its keys arrive once each."""
	asterisk = set_up(b, recipe("ini", 0), recipe("sipgw", 0))
	t = totals(b, b.msc("--mo", 1, "--called", "603", "--rtp", name="early"))
	expect_totals(t, answered=0, progress=1, cause_17=1)
	expect(t["rtp_rx_early"] >= 80, "%d frames before the answer" % t["rtp_rx_early"])
	for cause in (1, 21, 27, 34, 44, 127):
		t = totals(b, b.msc("--mo", 1, "--called", "7%03d" % cause, name="cause-%d" % cause))
		expect_totals(t, answered=0, **{"cause_%d" % cause: 1})
	t = totals(b, b.msc("--mo", 1, "--called", "604", "--dtmf", "1*7A52", "--rtp", name="keys"))
	expect_totals(t, dtmf_ok=6, dtmf_rej=0)
	asterisk.wait_log("keys <1*7A52>")
	finish(b)
