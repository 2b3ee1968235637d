#!/usr/bin/env python3
"""What a call costs: CPU per answered call, memory per open call, set-up time; with `media direct' and anchored on osmo-mgw.

The player of osmo-msc's socket places the calls, sipp answers them, the phone's side hangs up. It reports; it judges nothing: figures of a
shared machine are compared with each other, in one run. Build with -O2 and without sanitizers first.

usage: SIPGW_BUILD=build tests/bench/bench.py [--rate 500] [--quick] [direct|anchored ...]

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import argparse
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import sipp  # noqa: E402
from harness import Bench, Failed  # noqa: E402


def cpu_us(pid):
	"""User and system time of a process, in microseconds."""
	with open("/proc/%d/schedstat" % pid) as f:
		return int(f.read().split()[0]) / 1000


def rss_kb(pid):
	with open("/proc/%d/status" % pid) as f:
		for line in f:
			if line.startswith("VmRSS:"):
				return int(line.split()[1])
	return 0


def run(root, media, rate, open_calls, n, warm_up):
	"""n calls at `rate' per second, each held so long that `open_calls' are open at a time."""
	bench = Bench("%s-%d" % (media, open_calls), root)
	hold = open_calls / rate
	try:
		if media == "anchored":
			bench.mgw(endpoints=max(512, int(open_calls * 1.2) + 64))
		gw = bench.gateway(media=media, log_level="notice")
		peer = bench.sipp("answer", sipp.ANSWERS[:-1], "-l", "50000", echo=False)
		total = n + warm_up
		player = bench.msc("--mo", total, "--rate", rate, "--hold", hold, "--assign-ms", 0)
		pid = gw.p.pid
		base_rss, peak_rss, start_cpu = rss_kb(pid), 0, cpu_us(pid)
		while player.alive():
			time.sleep(0.1)
			if gw.alive():
				now = rss_kb(pid)
				if now > peak_rss:
					peak_rss = now
		player.wait(60)
		used = cpu_us(pid) - start_cpu
		report = bench.msc_report()
		answered = report["answered"]
		peer.end()
		bench.stop_gateway()
		return {
			"answered": answered, "placed": total, "cpu_us": used / max(1, answered), "base_kb": base_rss, "peak_kb": peak_rss,
			"kb_per_call": (peak_rss - base_rss) / max(1, min(open_calls, total)), "setup": report.get("setup_ms", {}),
			"open": open_calls,
		}
	finally:
		bench.close()


def main():
	p = argparse.ArgumentParser()
	p.add_argument("--rate", type=int, default=500)
	p.add_argument("--quick", action="store_true")
	p.add_argument("media", nargs="*", default=["direct", "anchored"])
	args = p.parse_args()
	root = tempfile.mkdtemp(prefix="sipgw-bench-")
	opens = [100, 1000] if args.quick else [100, 1000, 10000]
	print("%-9s %6s %9s %9s %12s %11s %s" % ("media", "open", "placed", "answered", "CPU us/call", "kB/open call",
						  "set-up ms (median, p99, max)"))
	for media in args.media:
		for open_calls in opens:
			n = max(5 * args.rate, 2 * open_calls)
			try:
				r = run(root, media, args.rate, open_calls, n, 0)
			except Failed as e:
				print("%-9s %6d %s" % (media, open_calls, e))
				continue
			s = r["setup"]
			print("%-9s %6d %9d %9d %12.1f %11.2f  %s" % (media, open_calls, r["placed"], r["answered"], r["cpu_us"],
								     r["kb_per_call"], " ".join(str(s.get(k)) for k in ("p50", "p99", "max"))))
			sys.stdout.flush()


if __name__ == "__main__":
	main()
