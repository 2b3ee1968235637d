#!/usr/bin/env python3
"""Turn the daemon's own description of its VTY into a chapter that people read.

usage: osmo-sipgw --vty-ref-xml | vty-reference.py > vty-reference.adoc

One section per node, one entry per command with a line for each of its words that says something of its own. Nodes that libosmocore brings along
(logging, statistics, scheduling) come last.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import re
import sys
import xml.etree.ElementTree as ET

NS = "{urn:osmocom:xml:libosmocore:vty:doc:1.0}"
# how to get there, and what it is; all other nodes are libosmocore's
NODES = {
	"_common_cmds_": ("everywhere", "in all nodes"),
	"view": ("view", "what everybody may see, right after telnet"),
	"enable": ("enable", "what changes the state: after `enable`"),
	"config": ("config", "the configuration: after `configure terminal`, and the first column of the file"),
	"config-mncc": ("mncc", "the link to the MSC"),
	"config-mgw": ("mgw NAME", "a media gateway"),
	"config-sip": ("sip", "the SIP side as a whole"),
	"config-sip-peer": ("sip-peer NAME", "a SIP peer"),
	"config-call": ("call", "where calls go"),
	"config-route": ("route NAME", "a rule where calls go"),
	"config-number-rules": ("number-rules NAME", "rules for numbers"),
	"config-cdr": ("cdr", "call detail records"),
	"config-trace": ("trace", "ladders and export"),
	"config-ctrl": ("ctrl", "the CTRL interface"),
}


def plain(text):
	"""As text of which nothing is markup, neither in the line nor as the mark of a list."""
	return "pass:c,a[%s]" % text.replace("]", "\\]").replace("::", "{two-colons}")


def literal(text):
	return "`%s`" % plain(text)


def words(command):
	"""(word, what it is) of a command; words of which there is nothing to say but themselves are left out."""
	for param in command.iter(NS + "param"):
		doc = re.sub(r"\s+", " ", param.get("doc") or "").strip()
		if doc and doc.lower() != param.get("name").lower():
			yield param.get("name"), doc


def section(node, seen):
	ident = node.get("id")
	title, what = NODES.get(ident, (node.findtext(NS + "name"), "of libosmocore"))
	lines = ["", "[[ref-%s]]" % re.sub(r"\W", "-", ident), "== %s: %s" % (title, what), ""]
	for command in node.iter(NS + "command"):
		name = command.get("id")
		if ident == "enable" and name in seen:
			continue
		seen.add(name)
		lines += [literal(name) + "::"]
		lines += ["* %s: %s" % (literal(word), plain(doc)) for word, doc in words(command)] or ["{empty}"]
		lines.append("")
	return lines


def main():
	nodes = {n.get("id"): n for n in ET.fromstring(sys.stdin.read()).iter(NS + "node")}
	order = [n for n in NODES if n in nodes] + [n for n in nodes if n not in NODES]
	print("= osmo-sipgw: reference of all VTY commands\n:toc: left\n:toclevels: 1\n")
	print("Made from what the daemon says of itself (`osmo-sipgw --vty-ref-xml`). What the settings are good for is in the manual. "
	      "Commands of node _view_ exist in node _enable_ as well and are not repeated there.")
	seen = set()
	for ident in order:
		print("\n".join(section(nodes[ident], seen if ident in ("view", "enable") else set())))


if __name__ == "__main__":
	main()
