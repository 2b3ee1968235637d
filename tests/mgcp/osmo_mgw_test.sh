#!/bin/sh
# Run osmo_mgw_test (first argument) with a configuration for an osmo-mgw of its own. Exit status 77: osmo-mgw is not installed.
# SPDX-License-Identifier: AGPL-3.0-or-later
set -e
command -v osmo-mgw >/dev/null 2>&1 || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/osmo-mgw.cfg" <<CFG
log stderr
 logging level set-all notice
line vty
 bind 127.0.0.77
ctrl
 bind 127.0.0.77
mgcp
 domain mgw
 bind ip 127.0.0.1
 bind port 24270
 rtp port-range 40000 40400
 rtp bind-ip 127.0.0.1
 no rtp ip-probing
 number endpoints 31
 loop 0
 force-realloc 0
CFG
"$1" "$dir/osmo-mgw.cfg" 24270
