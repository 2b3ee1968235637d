#!/usr/bin/env python3
"""A GSM phone and a SIP phone call each other; told as a story. Called by demo.sh, which builds what is needed.

On the GSM side a player stands for osmo-msc and a phone: it speaks the exact wire format of osmo-msc 1.9's MNCC socket and sends real full rate
frames. osmo-mgw is the real one, the SIP phone is baresip.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import os
import re
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "system"))
from harness import GW_IP, MGW_IP, MSC_IP, Baresip, Bench, Failed, expect, wait_for  # noqa: E402

MO_STORY = [
	(r"-> gw MNCC_SETUP_IND", "GSM phone 1001 dials 5552222; osmo-msc hands the call to osmo-sipgw (MNCC)"),
	(r"-> gw MNCC_RTP_CREATE", "the phone got its radio channel; osmo-sipgw asks osmo-mgw for an endpoint (MGCP)"),
	(r"<- gw MNCC_CALL_PROC_REQ", "osmo-sipgw knows where the call goes and sends the INVITE (SIP)"),
	(r"<- gw MNCC_ALERT_REQ", "the SIP phone rings, and the GSM phone is told so"),
	(r"<- gw MNCC_SETUP_RSP", "the SIP phone answered"),
	(r"-> gw MNCC_SETUP_COMPL_IND", "both are connected and talk"),
	(r"-> gw MNCC_DISC_IND", "the GSM phone hangs up; osmo-sipgw sends BYE and deletes the endpoint"),
	(r"-> gw MNCC_REL_CNF", "the call is over on both sides"),
]

MT_STORY = [
	(r"<- gw MNCC_SETUP_REQ", "the SIP phone dials 1001; osmo-sipgw asks osmo-msc for that phone"),
	(r"-> gw MNCC_CALL_CONF_IND", "the phone was paged and has answered the page"),
	(r"-> gw MNCC_ALERT_IND", "the GSM phone rings, and the SIP phone is told so"),
	(r"-> gw MNCC_RTP_CREATE", "the phone got its radio channel; osmo-sipgw asks osmo-mgw for an endpoint"),
	(r"-> gw MNCC_SETUP_CNF", "the GSM phone answered; osmo-sipgw sends the 200 OK"),
	(r"<- gw MNCC_SETUP_COMPL_REQ", "both are connected and talk"),
	(r"<- gw MNCC_(DISC|REL)_REQ", "the SIP phone hangs up; osmo-sipgw releases the GSM phone and deletes the endpoint"),
	(r"-> gw MNCC_REL_(IND|CNF)", "the call is over on both sides"),
]


class Story:
	"""Follows the player's message log and says in words what happens."""

	def __init__(self, player, lines):
		self.player, self.lines, self.at = player, lines, 0

	def until(self, n, timeout=30):
		"""Tell the first n sentences, waiting for each."""
		while self.at < n:
			pattern, words = self.lines[self.at]
			row = wait_for(lambda: re.search(r"^ *([\d.]+) .*" + pattern, self.player.output(), re.M), words, timeout)
			print("  %7.3f s  %s" % (float(row.group(1)), words))
			self.at += 1

	def rest(self):
		self.until(len(self.lines))


def talk(bench, phone):
	"""Two seconds in the middle of a call: what the operator sees; returns the frames (sent, received) at the SIP phone."""
	time.sleep(0.5)
	counts = phone.frames(2)
	print("\n             what the operator sees meanwhile (telnet, `show calls'):\n")
	for line in bench.vty("show calls").splitlines():
		print("             | " + line)
	print()
	return counts


def counted(t, counts):
	print("             audio, in frames of 20 ms, each way through osmo-mgw:")
	print("               at the GSM phone:  %3d sent, %3d received, in the whole call" % (t["rtp_tx"], t["rtp_rx"]))
	print("               at the SIP phone:  %3d sent, %3d received, in two seconds of it\n" % counts)
	expect(min(counts) > 50 and t["rtp_rx"] > 100, "too little audio")
	expect(t["answered"] == 1, "the call was not answered")


def mobile_originated(bench, phone):
	print("1. A GSM phone calls the SIP phone (mobile originated)\n")
	player = bench.msc("--mo", 1, "--realistic", "--hold", 5, "--rtp", "--story", name="mo")
	story = Story(player, MO_STORY)
	story.until(6)
	counts = talk(bench, phone)
	story.rest()
	player.wait(20)
	counted(bench.msc_report("mo"), counts)


def mobile_terminated(bench, phone):
	print("2. The SIP phone calls a GSM phone (mobile terminated)\n")
	player = bench.msc("--mt", 1, "--mt-behaviour", "answer", "--realistic", "--rtp", "--story", name="mt")
	bench.wait_mncc_up()
	phone.cmd("dial", "sip:1001@" + GW_IP)
	story = Story(player, MT_STORY)
	story.until(6)
	counts = talk(bench, phone)
	time.sleep(2)
	phone.cmd("hangup")
	story.rest()
	player.wait(20)
	counted(bench.msc_report("mt"), counts)


def main():
	root = tempfile.mkdtemp(prefix="sipgw-demo-")
	bench = Bench("demo", root)
	print("""
      GSM phone                                                      SIP phone
          :                                                              |
    osmo-msc (player) --MNCC--> osmo-sipgw ------------SIP------------ baresip
       %-15s     %-15s                     %-15s
          |                         | MGCP                               |
          +----------RTP---------- osmo-mgw -------------RTP-------------+
                                   %-15s
""" % (MSC_IP, GW_IP, Baresip.ADDR[0], MGW_IP))
	try:
		bench.mgw()
		phone = bench.baresip()
		bench.gateway(peer=phone.ADDR)
		mobile_originated(bench, phone)
		mobile_terminated(bench, phone)
		wait_for(lambda: bench.mgw_endpoints_in_use() == 0, "osmo-mgw has no endpoint in use")
		bench.stop_gateway()
	except Failed as e:
		print("\nThat did not work: %s\nAll logs are in %s" % (e, bench.dir))
		return 1
	finally:
		bench.close()
	print("""Both calls worked, all endpoints of osmo-mgw are free again, nothing is left running. The logs of everybody are in
%s

How to go on with a real network:
  1. osmo-msc.cfg:    msc
                       mncc external /tmp/msc_mncc
  2. osmo-sipgw.cfg:  mncc
                       socket-path /tmp/msc_mncc
                      sip-peer pbx
                       remote 192.0.2.10 5060        (your PBX)
                      call
                       default-peer pbx
  3. src/osmo-sipgw -c osmo-sipgw.cfg    and then    telnet localhost 4256
README.md has the five-minute set-up, osmo-sipgw.cfg is a commented example.""" % bench.dir)
	return 0


if __name__ == "__main__":
	sys.exit(main())
