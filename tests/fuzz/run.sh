#!/bin/sh
# Run fuzz targets one after the other: run.sh CORPUS SECONDS TARGET...
#
# Runs in the build directory. The corpus is copied, so that what libFuzzer learns is not written to the source tree.
# Ends with an error if any target found something; the input is then in found-TARGET-*, the report in fuzz_TARGET.log.
#
# SPDX-License-Identifier: AGPL-3.0-or-later
# Copyright (C) 2026 the osmo-sipgw authors
set -eu

corpus=$1
seconds=$2
shift 2
failed=

for target; do
	work=work/$target
	rm -rf "$work" "fuzz_$target.log"
	mkdir -p "$work"
	if test -d "$corpus/$target"; then
		cp -R "$corpus/$target/." "$work"
		chmod -R u+w "$work"
	fi
	echo "fuzz $target: $seconds s, $(ls "$work" | wc -l) seeds"
	rc=0
	"./fuzz_$target" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=5 -print_final_stats=1 \
		-artifact_prefix="found-$target-" "$work" >"fuzz_$target.log" 2>&1 || rc=$?
	if test "$rc" -ne 0; then
		tail -n 60 "fuzz_$target.log"
		echo "fuzz $target: FOUND SOMETHING (exit $rc)"
		failed="$failed $target"
		continue
	fi
	# libFuzzer ends well even if it saw no code at all
	if ! grep -q '^stat::number_of_executed_units: *[1-9]' "fuzz_$target.log"; then
		tail -n 20 "fuzz_$target.log"
		echo "fuzz $target: NOTHING WAS RUN"
		failed="$failed $target"
		continue
	fi
	grep '^stat::' "fuzz_$target.log"
	echo "fuzz $target: clean"
done

test -z "$failed" || { echo "findings:$failed"; exit 1; }
echo "all clean"
