#!/usr/bin/env python3
"""Turn the configuration of osmo-sip-connector into one of osmo-sipgw.

usage: osmo-sip-connector-convert.py osmo-sip-connector.cfg > osmo-sipgw.cfg

What has no counterpart is kept as a comment, so that nothing is lost unseen. osmo-sip-connector passes the MSC's RTP
address to the PBX: "media direct" does the same here and needs no media gateway; without that line, calls go through
osmo-mgw, so that PBX and GSM core need no route to each other.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import re
import sys

PEER = "pbx"
CATEGORIES = {"sip": "sip", "mncc": "mncc", "app": "main", "call": "call"}
NODES = ("sip", "mncc", "app")


class Convert:
	def __init__(self):
		self.rest = []  # logging, line vty ...: the same in both
		self.lost = []
		self.local = ("127.0.0.1", "5060")  # osmo-sip-connector's defaults
		self.remote = ("pbx", "5060")
		self.socket = "/tmp/msc_mncc"
		self.use_imsi = False

	def setting(self, node, words):
		"""One line inside a node of osmo-sip-connector; False if it means nothing to us."""
		if node == "sip" and words[0] == "local" and len(words) == 3:
			self.local = tuple(words[1:])
		elif node == "sip" and words[0] == "remote" and len(words) == 3:
			self.remote = tuple(words[1:])
		elif node == "mncc" and words[0] == "socket-path" and len(words) == 2:
			self.socket = words[1]
		elif node == "app" and words == ["use-imsi"]:
			self.use_imsi = True
		elif node == "app" and words == ["no", "use-imsi"]:
			self.use_imsi = False
		else:
			return False
		return True

	def log_level(self, line, words):
		"""Categories that both have keep their level."""
		if words[2] in CATEGORIES:
			self.rest.append(line.replace(" %s " % words[2], " %s " % CATEGORIES[words[2]], 1))
		elif words[2] == "all":  # the old name
			self.rest.append(line.replace(" all ", " set-all ", 1))
		elif words[2] == "set-all" or words[2].startswith("l"):
			self.rest.append(line)
		else:
			self.lost.append(line.strip())

	def line(self, node, line):
		words = line.split()
		if node in NODES:
			if not self.setting(node, words):
				self.lost.append("%s / %s" % (node, line.strip()))
		elif len(words) == 4 and words[:2] == ["logging", "level"]:
			self.log_level(line, words)
		else:
			self.rest.append(line)

	def read(self, text):
		node, left = "", None
		for line in text.splitlines():
			line = line.rstrip().expandtabs(1)
			if not line or re.match(r"\s*[!#]", line):
				continue
			if left is None:  # a file may be indented as a whole
				left = len(line) - len(line.lstrip())
			line = line[left:] if not line[:left].strip() else line.strip()
			if not line[0].isspace():
				node = line.split()[0]
				if node in NODES and len(line.split()) == 1:
					continue
			self.line(node, line)

	def write(self):
		out = ["!", "! osmo-sipgw, from a configuration of osmo-sip-connector", "!"]
		out += self.rest
		if self.socket.endswith("/bsc_mncc"):
			out += ["! the MSC's: osmo-msc calls it /tmp/msc_mncc in its examples, where osmo-nitb had /tmp/bsc_mncc"]
		out += ["mncc", " socket-path " + self.socket]
		out += ["sip", " bind %s %s" % self.local]
		if not re.match(r"[0-9.]+$|.*:", self.remote[0]):
			out += ["! a name: looked up by DNS, no longer when the program starts but as long as it runs"]
		out += ["sip-peer " + PEER, " remote %s %s" % self.remote]
		out += ["! as before: the voice goes straight between the GSM core and the PBX", " media direct"]
		out += ["call", " default-peer " + PEER]
		if self.use_imsi:
			out.append(" mt-identity imsi")
		if self.lost:
			out += ["!", "! without a counterpart:"] + ["! " + line for line in self.lost]
		return "\n".join(out) + "\n"


def main():
	if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
		sys.exit(__doc__.split("\n\n")[1])
	conv = Convert()
	with open(sys.argv[1], encoding="utf-8") as f:
		conv.read(f.read())
	sys.stdout.write(conv.write())


if __name__ == "__main__":
	main()
