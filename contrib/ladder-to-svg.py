#!/usr/bin/env python3
"""Turn the ladder of a call ("show call ID ladder") into an SVG picture, for a bug report.

usage: ladder-to-svg.py [FILE] > call.svg      reads standard input without FILE

What is not part of a ladder (prompts, other output of a telnet session) is left out.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import re
import sys
from html import escape

FIRST, WIDTH = 8, 16  # columns of the text: the first lane, and from one lane to the next
LANES = 5
DX, DY, LEFT, TOP = 190, 24, 90, 60  # the picture, in pixels


def parse(text):
	"""Names of the lanes, and the rows: (ms, lane, to the right, label) or a remark (None, lane, None, text)."""
	names, rows = None, []
	for line in text.splitlines():
		line = line.rstrip()
		if re.match(r"\s+ms \S", line):
			names = [x.strip() for x in re.split(r"\s{2,}", line.strip()[2:].strip())]
		elif line.strip().startswith("***"):
			note = re.search(r"[^|* ].*", line[FIRST:])
			if note:
				rows.append((None, note.start() // WIDTH, False, note.group().rstrip("| ")))
		elif re.match(r"\s*\d+  [| ]", line):
			for lane in range(LANES - 1):
				part = line[FIRST + lane * WIDTH + 1:FIRST + (lane + 1) * WIDTH]
				label = part.strip("-<>| ")
				if label:
					rows.append((int(line[:FIRST - 1]), lane, part.rstrip("| ").endswith(">"), label))
		elif "messages are not kept" in line:
			rows.append((None, 0, False, line.strip()))
	if not names or not rows:
		sys.exit("no ladder in the input")
	return names, rows


def svg(names, rows):
	height = TOP + DY * (len(rows) + 1)
	out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="monospace" font-size="13">'
	       % (LEFT + DX * (LANES - 1) + LEFT, height),
	       '<defs><marker id="a" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto"><path d="M0,0 L9,4 L0,8 z"/></marker></defs>',
	       '<rect width="100%" height="100%" fill="white"/>']
	for i, name in enumerate(names):
		x = LEFT + i * DX
		out.append('<text x="%d" y="30" text-anchor="middle" font-weight="bold">%s</text>' % (x, escape(name)))
		out.append('<line x1="%d" y1="40" x2="%d" y2="%d" stroke="#999"/>' % (x, x, height - 10))
	for i, (ms, lane, right, label) in enumerate(rows):
		y, x1, x2 = TOP + i * DY, LEFT + lane * DX, LEFT + (lane + 1) * DX
		if ms is None:
			out.append('<text x="%d" y="%d" fill="#c00">%s</text>' % (x1 + 12, y, escape(label)))
			continue
		if not right:
			x1, x2 = x2, x1
		out.append('<text x="8" y="%d" fill="#555">%d ms</text>' % (y + 4, ms))
		out.append('<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="black" marker-end="url(#a)"/>' % (x1, y, x2, y))
		out.append('<text x="%d" y="%d" text-anchor="middle">%s</text>' % ((x1 + x2) // 2, y - 4, escape(label)))
	out.append("</svg>")
	return "\n".join(out)


def main():
	if len(sys.argv) > 2 or (len(sys.argv) == 2 and sys.argv[1].startswith("-")):
		sys.exit(__doc__.split("\n\n")[1])
	if len(sys.argv) == 2:
		with open(sys.argv[1], encoding="utf-8") as f:
			text = f.read()
	else:
		text = sys.stdin.read()
	print(svg(*parse(text)))


if __name__ == "__main__":
	main()
