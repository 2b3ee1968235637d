#!/bin/bash
# The main job of osmo-sipgw on a machine that has nothing installed: builds it, then lets a GSM phone and a SIP phone call each other, with real audio
# through the real osmo-mgw. Nothing is left running. About a minute after the build.
#
# SPDX-License-Identifier: AGPL-3.0-or-later
# Copyright (C) 2026 the osmo-sipgw authors
set -eu
src=$(cd "$(dirname "$0")/.." && pwd)
build=$src/build-demo

"$src/contrib/packages.sh" demo
echo "building in $build"
mkdir -p "$build"
log=$build/build.log
if ! { cd "$src" && { [ -x configure ] || autoreconf -fi; } && cd "$build" && "$src/configure" -q && make -s -j"$(nproc)" &&
	make -s -C tests/lib check && make -s -C tests/system msc_player; } >"$log" 2>&1; then
	tail -n 30 "$log"
	echo "the build failed; all of it is in $log"
	exit 1
fi
SIPGW_BUILD=$build exec python3 "$src/contrib/demo.py"
