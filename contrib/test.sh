#!/bin/bash
# Everything that is tested, on a machine that has nothing installed: builds with gcc and clang, unit and scenario tests under sanitizers, system
# tests with real peers, a release tarball, and a while of each fuzz target. Ends in "N passed, N failed".
#
# usage: test.sh [BUILD-DIRECTORY]    FUZZ_SECONDS=60 and SYSTEM="names of system tests" may be set
#
# SPDX-License-Identifier: AGPL-3.0-or-later
# Copyright (C) 2026 the osmo-sipgw authors
set -u
src=$(cd "$(dirname "$0")/.." && pwd)
work=${1:-$src/build-test}
jobs=$(nproc)
passed=0
failed=0

say() {
	printf '\n== %s\n' "$*"
}

# step NAME COMMAND...: one test by its exit code; the end of its output is shown only if it fails
step() {
	local name=$1 log
	shift
	log=$work/$(echo "$name" | tr -c 'a-z0-9\n' _).log
	if "$@" >"$log" 2>&1; then
		passed=$((passed + 1))
		echo "ok: $name"
	else
		failed=$((failed + 1))
		echo "FAILED: $name (see $log)"
		tail -n 40 "$log" | sed 's/^/    /'
		return 1
	fi
}

# configured DIRECTORY OPTIONS...: configure and build
configured() {
	local dir=$1
	shift
	mkdir -p "$work/$dir" && cd "$work/$dir" && "$src/configure" -q "$@" && make -s -j"$jobs"
}

# autotest DIRECTORY: each test of the suite counts
autotest() {
	local log=$work/check-$1.log ok bad
	make -s -C "$work/$1" check -j"$jobs" >"$log" 2>&1
	ok=$(grep -cE '^ *[0-9]+: .* ok *(\([^)]*\))?$' "$log")
	bad=$(grep -cE '^ *[0-9]+: .*FAILED' "$log")
	if [ "$ok" = 0 ]; then # did not even run
		bad=$((bad + 1))
		tail -n 40 "$log"
	fi
	grep -E '^ *[0-9]+: ' "$log"
	[ "$bad" = 0 ] || tail -n 200 "$work/$1/tests/testsuite.log" 2>/dev/null
	passed=$((passed + ok))
	failed=$((failed + bad))
}

system_tests() {
	local log=$work/system.log
	# shellcheck disable=SC2086
	SIPGW_BUILD=$work/sanitize python3 "$src/tests/system/run.py" --dir "$work/system" ${SYSTEM:-} 2>&1 | tee "$log"
	passed=$((passed + $(grep -c '^ok: ' "$log")))
	failed=$((failed + $(grep -c '^FAILED: ' "$log")))
	if ! grep -q '^ok: \|^FAILED: ' "$log"; then
		failed=$((failed + 1))
	fi
}

finish() {
	say "$((SECONDS / 60)) min $((SECONDS % 60)) s"
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
	exit $?
}

say "packages"
"$src/contrib/packages.sh" test || exit 1
mkdir -p "$work"
say "build"
step "autoreconf" sh -c "cd '$src' && autoreconf -fi" || finish
step "gcc, sanitizers, no warning" configured sanitize --enable-werror --enable-sanitize || finish
step "clang, no warning" configured clang --enable-werror CC=clang
step "gcc, optimised, no warning" configured release --enable-werror CFLAGS="-O2 -g"

say "unit, scenario and VTY tests (make check)"
autotest sanitize

say "system tests: the daemon and real peers"
system_tests

say "release"
step "make distcheck" make -s -C "$work/release" distcheck DISTCHECK_CONFIGURE_FLAGS="--enable-werror"
step "Debian package" "$src/contrib/debian-test.sh" "$(echo "$work"/release/osmo-sipgw-*.tar.xz)" "$work/debian"

say "fuzz targets, ${FUZZ_SECONDS:-60} s each"
if step "clang, libFuzzer" configured fuzz --enable-fuzz --enable-sanitize --enable-werror CC=clang; then
	for target in $(make -s --no-print-directory -C "$work/fuzz/tests/fuzz" fuzz-targets); do
		step "fuzz $target" make -s -C "$work/fuzz/tests/fuzz" fuzz FUZZ_TARGETS="$target" FUZZ_SECONDS="${FUZZ_SECONDS:-60}"
	done
fi
finish
