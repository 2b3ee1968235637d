#!/bin/bash
# The Debian package as its user meets it: built, checked by lintian, installed into a fresh Debian, started, removed.
#
# usage: debian-test.sh TARBALL [DIRECTORY]    TARBALL is what "make dist" made; works in DIRECTORY (default: a temporary one); needs root for the
# fresh Debian
#
# SPDX-License-Identifier: AGPL-3.0-or-later
# Copyright (C) 2026 the osmo-sipgw authors
set -euo pipefail
tarball=$1
work=${2:-$(mktemp -d /tmp/osmo-sipgw-debian-XXXXXX)}
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
root=$work/root
keep=${2:-}

cleanup() {
	$sudo umount "$root/proc" 2>/dev/null || true
	[ -n "$keep" ] || $sudo rm -rf "$work"
}
trap cleanup EXIT

say() {
	printf '== %s\n' "$*"
}

say "build"
version=$(basename "$tarball" .tar.xz | sed 's/.*-//')
rm -rf "$work/tree"
mkdir -p "$work/tree"
tar -xf "$tarball" -C "$work/tree" --strip-components=1
cp "$tarball" "$work/osmo-sipgw_$version.orig.tar.xz"
cp -r "$work/tree/contrib/debian" "$work/tree/debian"
(cd "$work/tree" && dpkg-buildpackage -us -uc -j"$(nproc)") >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; exit 1; }
deb=$(echo "$work"/osmo-sipgw_*.deb)

say "lintian"
lintian --fail-on error --tag-display-limit 0 "$work"/osmo-sipgw_*.changes

if ! $sudo unshare -n chroot / true 2>/dev/null; then
	echo "no chroot and no network namespace here: the package was built and checked, not installed"
	exit 0
fi

say "a fresh Debian"
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(sed -nE 's/^(deb|URIs:) *(\[[^]]*\] *)?(https?:[^ ]+).*/\3/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
	grep -v security | head -n 1 || true)
$sudo debootstrap --variant=minbase "$release" "$root" "${mirror:-http://deb.debian.org/debian}" >"$work/debootstrap.log" 2>&1 ||
	{ tail -n 20 "$work/debootstrap.log"; exit 1; }
$sudo cp "$deb" "$root/tmp/"
$sudo cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
for f in /etc/apt/apt.conf.d/*[Pp]roxy* /etc/apt/apt.conf; do
	[ ! -e "$f" ] || $sudo cp "$f" "$root/etc/apt/apt.conf.d/"
done
printf '#!/bin/sh\nexit 101\n' | $sudo tee "$root/usr/sbin/policy-rc.d" >/dev/null
$sudo chmod +x "$root/usr/sbin/policy-rc.d"
$sudo mount -t proc proc "$root/proc" 2>/dev/null || true

in_root() {
	$sudo chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

say "install"
in_root apt-get install -q -y --no-install-recommends "/tmp/$(basename "$deb")" >"$work/install.log" 2>&1 || { tail -n 30 "$work/install.log"; exit 1; }
in_root id osmocom
for f in /usr/bin/osmo-sipgw /lib/systemd/system/osmo-sipgw.service /etc/osmocom/osmo-sipgw.cfg /usr/share/man/man8/osmo-sipgw.8.gz; do
	[ -e "$root$f" ] || { echo "$f is missing"; exit 1; }
done

say "start, as the unit does"
# as the user of the unit, with its command line, in a network of its own; it works when its VTY greets
start='
ip link set lo up
chroot "$1" setpriv --reuid osmocom --regid osmocom --clear-groups /usr/bin/osmo-sipgw -c /etc/osmocom/osmo-sipgw.cfg &
pid=$!
for _ in $(seq 100); do
	read -r -t 1 greeting < <(exec 3<>/dev/tcp/127.0.0.1/4256 && head -c 40 <&3 | tr -d "\\0\\r") 2>/dev/null && break
	kill -0 $pid || exit 1
	sleep 0.1
done
kill -TERM $pid && wait $pid && [ -n "${greeting:-}" ]
'
$sudo unshare -n bash -c "$start" start "$root" >"$work/run.log" 2>&1 || { cat "$work/run.log"; exit 1; }

say "remove"
in_root apt-get purge -q -y osmo-sipgw >"$work/purge.log" 2>&1 || { tail -n 30 "$work/purge.log"; exit 1; }
left=$(cd "$root" && find usr/bin lib/systemd usr/lib/systemd etc usr/share/man usr/share/doc var/lib/dpkg/info -name '*osmo-sipgw*' 2>/dev/null || true)
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
echo "the package builds, installs, starts and goes without a trace"
