#!/bin/sh
# Are the layers kept? Who may include and link whom is the table of design chapter 3, here as code.
#
#   check.sh TREE              look through TREE: each violation is a line "file:line: who includes what", exit code 1
#   check.sh --self-test TREE  plant violations in a copy of TREE, one at a time, and see that each is found
#
# An include of a directory that the table does not name is a violation too: a new directory needs a row first.
#
# SPDX-License-Identifier: AGPL-3.0-or-later
# Copyright (C) 2026 the osmo-sipgw authors

LC_ALL=C
export LC_ALL

check() (
	cd "$1" || exit 2
	{
		find src include -name '*.[ch]'
		find tests -name Makefile.am
	} | sort | awk '
	# who may include what of ours; "gsm" and "sip" are the files of leg/ that begin so
	BEGIN {
		may["base"] = "base"
		may["sdp"] = "base sdp"
		may["mgcp"] = "base sdp mgcp"
		may["mncc"] = "base mncc"
		may["sip"] = "base sip"
		may["ua"] = "base sip ua"
		may["call"] = "base sdp call"
		may["leg"] = "base sdp call leg"
		may["leg/gsm"] = may["leg"] " mgcp mncc"
		may["leg/sip"] = may["leg"] " sip ua"
		may["obs"] = "base call obs"
		# sipgw.c ties the protocols together; who looks at all of it and changes it stands above
		parts = "base sdp mgcp mncc sip ua call leg obs top"
		may["top"] = parts
		may["health"] = parts " health"
		may["vty"] = parts " health vty"
		may["main"] = may["vty"]

		# a test of one directory links what the directory may include; that of leg/ both kinds of legs
		link_of["leg"] = may["leg"] " mgcp mncc sip ua"

		# foreign headers that have a place: paths that begin so.
		# Those of the SIP layer not in headers that others read; the user agent sees messages through sip_msg.h.
		place["osip2"] = place["osipparser2"] = place["osmocom/netif"] = "src/sip/"
		place["openssl"] = place["gnutls"] = place["ares.h"] = "src/sip/"
		place["osmocom/vty"] = place["osmocom/ctrl"] = "src/vty/ include/osmocom/sipgw/vty/ src/main.c"
		place["osmocom/gsm"] = "src/mncc/ include/osmocom/sipgw/mncc/ src/leg/gsm_"
		place["osmocom/core"] = "src/ include/"
	}

	{ files[NR] = $0; known[$0] = 1 }

	function has(list, word) {
		return index(" " list " ", " " word " ") > 0
	}

	# the layer that a file belongs to
	function layer_of(file,   path, n, part) {
		path = file
		sub(/^include\/osmocom\/sipgw\//, "", path)
		sub(/^src\//, "", path)
		n = split(path, part, "/")
		if (n == 1)
			return path == "main.c" ? "main" : "top"
		if (part[1] == "leg" && part[2] ~ /^gsm_/)
			return "leg/gsm"
		if (part[1] == "leg" && part[2] ~ /^sip_/)
			return "leg/sip"
		return part[1]
	}

	function violation(file, line, text) {
		printf "%s:%d: %s\n", file, line, text
		violations++
	}

	function dirname(file) {
		sub(/[^\/]*$/, "", file)
		return file
	}

	function check_ours(file, line, layer, target,   to) {
		to = layer_of("src/" target)
		sub(/\/.*/, "", to)
		if (!has(may[layer], to))
			violation(file, line, layer " includes " target ", which is " to ": not below " layer)
	}

	# angle brackets: <osmocom/sipgw/...>, or somebody else
	function check_foreign(file, line, name,   key, n, i, part, ok) {
		n = split(name, part, "/")
		key = part[1]
		if (key == "osmocom")
			key = key "/" part[2]
		if (key == "eXosip2" || key == "sofia-sip" || (part[1] == "osmocom" && !(key in place))) {
			violation(file, line, name " has no place in this daemon")
			return
		}
		if (!(key in place))
			return
		n = split(place[key], part, " ")
		for (i = 1; i <= n; i++)
			ok = ok || index(file, part[i]) == 1
		if (!ok)
			violation(file, line, file " includes " name ": its place is " place[key])
	}

	# quotes: headers of the own directory only
	function check_quoted(file, line, layer, name) {
		if (name == "config.h" || known[dirname(file) name])
			return
		if (known["src/" name])
			violation(file, line, layer " includes " name ", internal to its directory")
		else
			violation(file, line, layer " includes \"" name "\", not in " dirname(file))
	}

	function check_include(file, line, layer, text,   name, quoted) {
		includes++
		name = text
		sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
		quoted = substr(name, 1, 1) == "\""
		name = substr(name, 2)
		sub(/[">].*/, "", name)
		if (name ~ /\.\./)
			violation(file, line, layer " includes " name ": not by a detour")
		else if (name ~ /^osmocom\/sipgw\//)
			check_ours(file, line, layer, substr(name, length("osmocom/sipgw/") + 1))
		else if (quoted || known["src/" name])
			check_quoted(file, line, layer, name)
		else
			check_foreign(file, line, name)
	}

	function check_source(file,   layer, line, text) {
		layer = layer_of(file)
		if (!(layer in may)) {
			violation(file, 1, layer " is no layer that tests/layering knows")
			return
		}
		sources++
		while ((getline text < file) > 0) {
			line++
			if (text ~ /^[ \t]*#[ \t]*include[ \t]*[<"]/)
				check_include(file, line, layer, text)
		}
		close(file)
	}

	# tests/DIR/Makefile.am of a directory in the table
	function check_links(file,   part, layer, allowed, line, text, lib) {
		split(file, part, "/")
		layer = part[2]
		if (layer == "vty" || !(layer in may))
			return
		allowed = layer in link_of ? link_of[layer] : may[layer]
		while ((getline text < file) > 0) {
			line++
			sub(/#.*/, "", text)
			while (match(text, /lib[a-z]+\.a/)) {
				lib = substr(text, RSTART + 3, RLENGTH - 5)
				text = substr(text, RSTART + RLENGTH)
				if (lib in may && !has(allowed, lib))
					violation(file, line, "a test of " layer " links lib" lib ".a: not below " layer)
			}
		}
		close(file)
	}

	END {
		for (i = 1; i <= NR; i++) {
			if (files[i] ~ /^tests\//)
				check_links(files[i])
			else
				check_source(files[i])
		}
		if (!sources || !includes) {
			print "no sources found"
			exit 2
		}
		if (violations) {
			print violations " violation(s)"
			exit 1
		}
		print "layers kept: " sources " files, " includes " includes"
	}'
)

# plant FILE TEXT: add TEXT as the last line of FILE and check. Sets $found to what is said about that line, if any.
plant() {
	file=$copy/$1
	mkdir -p "$(dirname "$file")"
	test ! -e "$file" || cp "$file" "$copy/saved"
	printf '%s\n' "$2" >>"$file"
	at=$1:$(grep -c '' "$file"):
	out=$(check "$copy")
	rc=$?
	found=$(printf '%s\n' "$out" | grep -F "$at")
	if test -e "$copy/saved"; then
		mv "$copy/saved" "$file"
	else
		rm "$file"
	fi
}

expect_red() {
	plant "$1" "$2"
	if test "$rc" -eq 1 && test -n "$found"; then
		echo "red as it should be: $found"
	else
		echo "NOT FOUND: $1: $2"
		missed=1
	fi
}

expect_green() {
	plant "$1" "$2"
	test -n "$found" || return 0
	echo "red, but is allowed: $found"
	missed=1
}

self_test() {
	copy=$(mktemp -d "${TMPDIR:-/tmp}/layering.XXXXXX") || exit 2
	trap 'rm -rf "$copy"' EXIT
	trap 'exit 2' HUP INT TERM
	missed=0
	(cd "$1" && find src include -name '*.[ch]' && find tests -name Makefile.am) | while read -r f; do
		mkdir -p "$copy/$(dirname "$f")" && cp "$1/$f" "$copy/$f" && chmod u+w "$copy/$f"
	done

	expect_red src/base/log.c '#include <osmocom/sipgw/sdp/sdp_msg.h>'
	expect_red src/sdp/sdp_msg.c '#include <osmocom/sipgw/mgcp/mgw.h>'
	expect_red src/mgcp/mgw.c '#include <osmocom/sipgw/call/call.h>'
	expect_red src/mncc/mncc_link.c '  #  include <osmocom/sipgw/sdp/sdp_msg.h>'
	expect_red src/sip/sip_trx.c '#include <osmocom/sipgw/ua/sip_peer.h>'
	expect_red src/sip/sip_tx.c '#include "ua_internal.h"'
	expect_red src/ua/sip_ua.c '#include <osmocom/sipgw/sdp/sdp_msg.h>'
	expect_red src/ua/sip_ua.c '#include <osmocom/sipgw/call/cause.h>'
	expect_red src/ua/sip_request.c '#include "sip_trx_internal.h"'
	expect_red src/ua/sip_request.c '#include "sip/sip_text.h"'
	expect_red src/ua/sip_identity.c '#include <osipparser2/osip_message.h>'
	expect_red src/ua/sip_auth.c '#include <openssl/evp.h>'
	expect_red src/call/call_fsm.c '#include <osmocom/sipgw/ua/sip_session.h>'
	expect_red src/call/call_fsm.c '#include <osmocom/sipgw/leg/gsm_leg.h>'
	expect_red src/call/call_fsm.c '#include <osmocom/sipgw/call/../ua/sip_session.h>'
	expect_red src/call/call_fsm.c '#include "../ua/ua_internal.h"'
	expect_red src/call/call_fsm.c '#include "ua/ua_internal.h"'
	expect_red src/call/call_fsm.c '#include <ua/ua_internal.h>'
	expect_red src/call/call_fsm.c '#include "ua_internal.h"'
	expect_red src/call/call_fsm.c '#include <osmocom/sipgw/sipgw.h>'
	expect_red src/call/cause.c '#include <osmocom/gsm/protocol/gsm_04_08.h>'
	expect_red include/osmocom/sipgw/call/leg.h '#include <osmocom/sipgw/mncc/mncc_msg.h>'
	expect_red src/leg/gsm_leg.c '#include <osmocom/sipgw/ua/sip_session.h>'
	expect_red src/leg/sip_leg.c '#include <osmocom/sipgw/mncc/mncc_link.h>'
	expect_red src/leg/leg_internal.h '#include <osmocom/sipgw/mgcp/mgw.h>'
	expect_red src/leg/sip_leg.c '#include <osip2/osip.h>'
	expect_red include/osmocom/sipgw/sip/sip_msg.h '#include <osipparser2/osip_message.h>'
	expect_red src/mncc/mncc_link.c '#include <osmocom/netif/stream.h>'
	expect_red src/call/route.c '#include <osmocom/vty/command.h>'
	expect_red src/sipgw.c '#include <osmocom/ctrl/control_if.h>'
	expect_red src/mgcp/mgw.c '#include <osmocom/mgcp_client/mgcp_client.h>'
	expect_red src/obs/cdr.c '#include <osmocom/sipgw/ua/sip_ua.h>'
	expect_red src/sipgw.c '#include <osmocom/sipgw/vty/sipgw_vty.h>'
	expect_red include/osmocom/sipgw/sipgw.h '#include <osmocom/sipgw/health/health.h>'
	expect_red src/health/health.c '#include <osmocom/sipgw/vty/sipgw_vty.h>'
	expect_red src/leg/gsm_leg.c '#include <osmocom/sipgw/health/health.h>'
	expect_red src/util/util.c '#include <stdio.h>'
	expect_red tests/sdp/Makefile.am 'LDADD += ../../src/libcall.a'
	expect_red tests/sip/Makefile.am 'LDADD += ../../src/libua.a'
	expect_red tests/call/Makefile.am 'LDADD += $(top_builddir)/src/libbase.a $(top_builddir)/src/libsip.a'

	expect_green src/leg/gsm_leg.c '#include <osmocom/sipgw/mgcp/mgw_endp.h>'
	expect_green src/leg/sip_leg.c '#include <osmocom/sipgw/ua/sip_session.h>'
	expect_green src/sip/sip_msg.c '#include <osipparser2/osip_message.h>'
	expect_green src/call/call.c '#include <osmocom/sipgw/sdp/sdp_nego.h>'
	expect_green src/obs/cdr.c '#include <osmocom/sipgw/call/dispatch.h>'
	expect_green src/health/health_parts.c '#include <osmocom/sipgw/ua/sip_reg.h>'
	expect_green src/vty/sip_vty.c '#include <osmocom/vty/command.h>'
	expect_green src/main.c '#include <osmocom/vty/telnet_interface.h>'
	expect_green src/main.c '#include <osmocom/sipgw/health/health.h>'
	expect_green src/sipgw.c '#include <osmocom/sipgw/leg/gsm_leg.h>'
	expect_green src/sdp/sdp_msg.c '#include "sdp_internal.h"'
	expect_green tests/mgcp/Makefile.am 'LDADD += ../../src/libsdp.a # not ../../src/libsip.a'

	exit "$missed"
}

case $1 in
--self-test)
	self_test "${2:?}"
	;;
*)
	check "${1:-.}"
	;;
esac
