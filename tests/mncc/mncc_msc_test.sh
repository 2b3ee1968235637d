#!/bin/sh
# Runs mncc_msc_client against a real osmo-msc: mncc_msc_test.sh DIR-OF-THE-BUILT-TESTS
#
# Nobody is in its network, so that it needs neither SS7 nor HLR nor media gateway: it goes on trying to reach them at
# loopback addresses where nobody is. Exit code 77: osmo-msc is not installed.
#
# SPDX-License-Identifier: AGPL-3.0-or-later
# Copyright (C) 2026 the osmo-sipgw authors
set -eu

built=$1
command -v osmo-msc >/dev/null || { echo "osmo-msc is not installed"; exit 77; }

dir=$(mktemp -d /tmp/mncc_msc_test.XXXXXX)
pid=
cleanup()
{
	if [ -n "$pid" ]; then
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	fi
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

cat >"$dir/osmo-msc.cfg" <<CFG
log stderr
 logging filter all 1
 logging color 0
 logging level set-all notice
 logging level mncc debug
line vty
 no login
 bind 127.0.0.83
ctrl
 bind 127.0.0.83
network
 network country code 001
 mobile network code 01
 short name test
 long name test
cs7 instance 0
 point-code 0.23.1
 asp asp-clnt-msc 2905 0 m3ua
  remote-ip 127.0.0.81
  local-ip 127.0.0.83
  role asp
  sctp-role client
msc
 mncc external $dir/mncc
 mgw remote-ip 127.0.0.84
 mgw local-port 2728
hlr
 remote-ip 127.0.0.82
sgs
 local-ip 127.0.0.83
CFG
if ldd "$(command -v osmo-msc)" | grep -q libsmpp; then # else it does not know these
	printf 'smpp\n local-tcp-ip 127.0.0.83 2775\n' >>"$dir/osmo-msc.cfg"
fi

preload=
grep -q '^SCTP' /proc/net/protocols || preload=$built/no_sctp.so
cd "$dir" # osmo-msc makes a database where it stands
LD_PRELOAD=$preload osmo-msc -c "$dir/osmo-msc.cfg" >"$dir/log" 2>&1 &
pid=$!

n=0
until grep -q 'MNCC socket at' "$dir/log" && [ -S "$dir/mncc" ]; do
	n=$((n + 1))
	if [ $n -gt 100 ] || ! kill -0 "$pid" 2>/dev/null; then
		echo "osmo-msc did not start:"
		cat "$dir/log"
		exit 1
	fi
	sleep 0.1
done
sleep 0.3 # its main loop begins

"$built/mncc_msc_client" "$dir/mncc" || { cat "$dir/log"; exit 1; }
