#!/usr/bin/env python3
"""What a call costs: CPU per answered call, memory per open call, set-up time; with `media direct' and anchored on osmo-mgw.

The player of osmo-msc's socket places the calls, sipp answers them, the phone's side hangs up. It reports; it judges nothing: figures of a
shared machine are compared with each other, in one run. Build with -O2 and without sanitizers first.

usage: SIPGW_BUILD=build tests/bench/bench.py [--rate 500] [--calls 5000] [--open 100 1000 10000] [direct|anchored ...]

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import argparse
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import sipp  # noqa: E402
from harness import Bench  # noqa: E402


def rss_kb(pid):
	with open("/proc/%d/status" % pid) as f:
		for line in f:
			if line.startswith("VmRSS:"):
				return int(line.split()[1])
	return 0


def run(root, media, rate, open_calls, n):
	"""Open so many calls, which stay; then n calls of a second each at `rate' per second, and what they cost."""
	bench = Bench("%s-%d" % (media, open_calls), root)
	try:
		if media == "anchored":
			bench.mgw(endpoints=open_calls + 4 * rate)
		gw = bench.gateway(media=media, log_level="notice")
		bench.sipp("answer", sipp.ANSWERS[:-1], "-l", "60000", echo=False)
		base = rss_kb(gw.p.pid)
		player = bench.msc("--open", open_calls, "--open-rate", min(rate, 400), "--settle", 1, "--mo", n, "--rate", rate, "--hold", 1,
				   "--watch-pid", gw.p.pid, "--quiet")
		player.wait(300)
		rows = bench.msc_rows()
		marks = {r["mark"]: r for r in rows if "mark" in r}
		load = marks["load_end"]["cpu_us"] - marks["load_begin"]["cpu_us"]
		answered = marks["load_end"]["answered"] - marks["load_begin"]["answered"]
		bench.stop_gateway()
		return {"answered": answered, "placed": n, "us": load / max(1, answered), "setup": rows[-1]["setup_ms"],
			"kb": (marks["open"]["rss_kb"] - base) / open_calls if open_calls else 0, "failed": rows[-1]["failed"]}
	finally:
		bench.close()


def main():
	p = argparse.ArgumentParser()
	p.add_argument("--rate", type=int, default=500, help="calls per second")
	p.add_argument("--calls", type=int, default=5000)
	p.add_argument("--open", type=int, nargs="*", default=[100, 1000, 10000])
	p.add_argument("media", nargs="*", default=["direct", "anchored"])
	args = p.parse_args()
	root = tempfile.mkdtemp(prefix="sipgw-bench-")
	print("%-9s %6s %7s %8s %7s %12s %13s  %s" % ("media", "open", "calls/s", "answered", "failed", "CPU us/call", "kB/open call",
						     "set-up ms: median, p99, max"))
	for media in args.media:
		for open_calls in args.open:
			r = run(root, media, args.rate, open_calls, args.calls)
			print("%-9s %6d %7d %8d %7d %12.1f %13.2f  %s" % (
				media, open_calls, args.rate, r["answered"], r["failed"], r["us"], r["kb"],
				" ".join("%.2f" % r["setup"][k] for k in ("median", "p99", "max"))))
			sys.stdout.flush()
	shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
	main()
