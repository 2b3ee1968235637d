#!/bin/sh
# What the project needs from Debian 12 (and later, and Ubuntu): packages.sh build|demo|test installs it by apt-get, as root or with sudo.
#
# SPDX-License-Identifier: AGPL-3.0-or-later
# Copyright (C) 2026 the osmo-sipgw authors
set -eu

build="build-essential autoconf automake pkg-config libtalloc-dev libosmocore-dev libosmo-netif-dev libosip2-dev libc-ares-dev libssl-dev"
demo="$build osmo-mgw baresip-core python3"
# libclang-rt: sanitizers and fuzzer of clang
test="$demo asciidoctor sip-tester kamailio kamailio-tls-modules clang libclang-rt-dev osmo-msc osmo-hlr osmo-stp xz-utils procps linphone-cli sipsak openssl dnsmasq-base iproute2 rsyslog tshark debhelper lintian debootstrap"

case "${1:-}" in
build) want=$build ;;
demo) want=$demo ;;
test) want=$test ;;
*)
	echo "usage: $0 build|demo|test" >&2
	exit 2
	;;
esac

missing=
for p in $want; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# The daemons of these packages would start by themselves and take the ports of a running network: they are only wanted as programs.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod +x $policy
	trap '$sudo rm -f $policy' EXIT
fi
$sudo apt-get update -q >/dev/null
# shellcheck disable=SC2086
$sudo apt-get install -q -y --no-install-recommends $missing >/dev/null
