#!/usr/bin/env python3
"""What a call costs: CPU per answered call, memory per open call, set-up time; with `media direct' and anchored on osmo-mgw.

The player of osmo-msc's socket places the calls, sipp answers them, the phone's side hangs up. It reports; it judges nothing: figures of a
shared machine are compared with each other, in one run. Build with -O2 and without sanitizers first. The addresses are fixed: to run beside
other tests, use a network namespace of its own (unshare -n).

What the columns say:
  open     calls that are there all the time and do nothing
  calls/s  wanted, and reached by the player; with few of them each message wakes the daemon up, with many one wake-up takes several: the
           CPU per call falls with the rate
  CPU      of the daemon, user and kernel, from the first call of the load to the end of the last one, per answered call
  kB       growth of the daemon's memory by the open calls after a warm-up of 50 calls, with all that lingers of their set-up
Each call of the load lasts a second. osmo-mgw takes four sockets per call and is at its limit above some 100 calls/s: anchored calls come
slower, and what the limit of open files does not allow is skipped.

usage: SIPGW_BUILD=build tests/bench/bench.py [--seconds 6] [--no-ladder] [--case MEDIA:CALLS_PER_S:OPEN ...]

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import argparse
import os
import resource
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import sipp  # noqa: E402
from harness import Bench  # noqa: E402

CASES = ["direct:200:100", "direct:1000:100", "direct:2000:100", "direct:4000:100", "direct:1000:1000", "direct:1000:10000",
	 "anchored:50:100", "anchored:50:1000", "anchored:50:10000"]
SOCKETS_PER_CALL = 4	# of osmo-mgw: RTP and RTCP on both sides
HOLD_S = 1
WARM_UP = 50


def rss_kb(pid):
	with open("/proc/%d/status" % pid) as f:
		for line in f:
			if line.startswith("VmRSS:"):
				return int(line.split()[1])
	return 0


def endpoints_for(rate, n_open):
	return n_open + (HOLD_S + 3) * rate


def why_not(media, rate, n_open):
	"""A reason to skip a case, or None. Raises our own limit of open files, which the programs inherit, as far as we may."""
	hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
	resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
	need = SOCKETS_PER_CALL * endpoints_for(rate, n_open) + 200
	if media == "anchored" and hard != resource.RLIM_INFINITY and need > hard:
		return "osmo-mgw would need %d open files, the limit is %d" % (need, hard)
	if media == "anchored" and need > 60000:
		return "osmo-mgw would need %d UDP ports of one address" % need
	return None


def run(root, media, rate, n_open, seconds, ladder):
	"""Open so many calls, which stay; then load for so many seconds, and what it cost."""
	bench = Bench("%s-%d-%d" % (media, rate, n_open), root)
	try:
		if media == "anchored":
			bench.mgw(endpoints=endpoints_for(rate, n_open))
		gw = bench.gateway(media=media, log_level="notice", extra="" if ladder else "trace\n no ladder\n")
		bench.sipp("answer", sipp.ANSWERS[:-1], "-l", "60000", echo=False)
		bench.msc("--mo", WARM_UP, "--rate", 50, "--hold", 0.2, "--quiet", name="warm-up").wait(60)
		time.sleep(1)
		base = rss_kb(gw.p.pid)
		player = bench.msc("--open", n_open, "--open-rate", min(rate, 400), "--settle", 1, "--mo", rate * seconds, "--rate", rate,
				   "--hold", HOLD_S, "--watch-pid", gw.p.pid, "--quiet")
		player.wait(600)
		rows = bench.msc_rows()
		bench.stop_gateway()
	finally:
		bench.close()
	marks = {r["mark"]: r for r in rows if "mark" in r}
	begin, placed, end = marks["load_begin"], marks["load_placed"], marks["load_end"]
	answered = end["answered"] - begin["answered"]
	return {
		"reached": rate * seconds * 1e6 / max(1, placed["t_us"] - begin["t_us"]),
		"answered": answered,
		"failed": rows[-1]["failed"],
		"us": (end["cpu_us"] - begin["cpu_us"]) / max(1, answered),
		"kb": (marks["open"]["rss_kb"] - base) / n_open if n_open else 0,
		"setup": " ".join("%.2f" % rows[-1]["setup_ms"][k] for k in ("median", "p99", "max")),
	}


def main():
	p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	p.add_argument("--seconds", type=int, default=6, help="of load")
	p.add_argument("--ladder", action=argparse.BooleanOptionalAction, default=True, help="calls keep their ladders")
	p.add_argument("--case", nargs="*", default=CASES, metavar="MEDIA:CALLS_PER_S:OPEN")
	args = p.parse_args()
	root = tempfile.mkdtemp(prefix="sipgw-bench-")
	print("%-9s %6s %8s %8s %9s %7s %12s %13s  %s" % ("media", "open", "calls/s", "reached", "answered", "failed", "CPU us/call",
							  "kB/open call", "set-up ms: median, p99, max"))
	for case in args.case:
		media, rate, n_open = case.split(":")
		rate, n_open = int(rate), int(n_open)
		reason = why_not(media, rate, n_open)
		print("%-9s %6d %8d" % (media, n_open, rate), end=" ", flush=True)
		if reason:
			print("skipped: " + reason)
			continue
		r = run(root, media, rate, n_open, args.seconds, args.ladder)
		print("%8.0f %9d %7d %12.1f %13.2f  %s" % (r["reached"], r["answered"], r["failed"], r["us"], r["kb"], r["setup"]), flush=True)
	shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
	main()
