#!/usr/bin/env python3
"""System tests: the real daemon between a player of osmo-msc's MNCC socket, the real osmo-mgw and real SIP peers.

usage: SIPGW_BUILD=build tests/system/run.py [--dir DIR] [--list] [NAME ...]

Each cases_*.py beside this file is a chapter of them.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import argparse
import glob
import importlib
import os
import shutil
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from common import TESTS  # noqa: E402
from harness import Bench, Failed  # noqa: E402


def main():
	p = argparse.ArgumentParser()
	p.add_argument("--dir", help="where each test has its working directory")
	p.add_argument("--list", action="store_true")
	p.add_argument("names", nargs="*")
	args = p.parse_args()
	for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py"))):
		importlib.import_module(os.path.basename(path)[:-3])
	if args.list:
		for t in TESTS:
			print("%-24s %s" % (t.__name__, t.__doc__))
		return 0
	root = args.dir or tempfile.mkdtemp(prefix="sipgw-system-")
	failed = 0
	for t in TESTS:
		if args.names and t.__name__ not in args.names:
			continue
		bench, start = Bench(t.__name__, root), time.monotonic()
		try:
			note = t(bench)
			print("ok: %s (%.0f s%s)" % (t.__name__, time.monotonic() - start, ", " + note if note else ""))
		except Exception as e:
			failed += 1
			print("FAILED: %s: %s" % (t.__name__, e))
			if not isinstance(e, Failed):
				traceback.print_exc(file=sys.stdout)
			print("    its logs are in " + bench.dir)
		finally:
			bench.close()
		sys.stdout.flush()
	if not failed and not args.dir:
		shutil.rmtree(root, ignore_errors=True)
	return 1 if failed else 0


if __name__ == "__main__":
	sys.exit(main())
