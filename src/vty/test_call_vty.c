/* VTY of calls made and ended by hand: "call originate", "self-test", "show calls test", "call ID
 * cancel|hangup|terminate". */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/socket.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/leg/test_leg.h>
#include <osmocom/sipgw/mgcp/mgw.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>
#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "vty_internal.h"

#define MAX_SDP 2000
#define TALK_S	5

/* ---- making one ---- */

/* The address from which we reach another one: where audio of ours can be sent to. */
static const char *local_ip_for(const struct osmo_sockaddr *remote)
{
	char ip[INET6_ADDRSTRLEN] = "";
	struct osmo_sockaddr local;

	if (osmo_sockaddr_local_ip(&local, remote) < 0 || !osmo_sockaddr_ntop(&local.u.sa, ip))
		return NULL;
	return talloc_strdup(OTC_SELECT, ip);
}

static bool to_gsm(struct test_call *tc)
{
	struct mgw *mgw = mgw_pool_next(vty_gw->mgws, NULL);
	struct osmo_sockaddr remote = {};

	tc->kind = vty_gw->gsm_kind;
	tc->target = "";
	tc->media_mode = MEDIA_ANCHORED;
	if (!mgw)
		return true;
	if (inet_pton(AF_INET, mgw_cfg(mgw)->remote_addr, &remote.u.sin.sin_addr) == 1)
		remote.u.sin.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, mgw_cfg(mgw)->remote_addr, &remote.u.sin6.sin6_addr) == 1)
		remote.u.sin6.sin6_family = AF_INET6;
	osmo_sockaddr_set_port(&remote.u.sa, mgw_cfg(mgw)->remote_port);
	tc->local_ip = local_ip_for(&remote);
	return true;
}

static bool to_peer(struct test_call *tc, const char *name, const char **why)
{
	const struct sip_peer *peer = sip_peer_find(vty_gw->ua, name);

	if (!peer) {
		*why = talloc_asprintf(OTC_SELECT, "There is no SIP peer '%s'", name);
		return false;
	}
	tc->kind = vty_gw->sip_kind;
	tc->target = peer->name;
	tc->media_mode = MEDIA_DIRECT;
	tc->local_ip = local_ip_for(&peer->remote);
	return true;
}

/* "sip:600@pbx": the user at a configured peer; digits alone: a phone */
static bool read_destination(struct test_call *tc, const char *to, const char **why)
{
	const char *at = strchr(to, '@');
	char *user;

	if (strncmp(to, "sip:", 4) != 0) {
		tc->to = to;
		return to_gsm(tc);
	}
	if (!at || at == to + 4) {
		*why = talloc_asprintf(OTC_SELECT,
				       "Not a destination: '%s'; expected sip:USER@PEER or a phone's number", to);
		return false;
	}
	user = talloc_strndup(OTC_SELECT, to + 4, at - to - 4);
	tc->to = user;
	return to_peer(tc, at + 1, why);
}

static char *read_file(const char *path, const char **why)
{
	char *text = talloc_zero_size(OTC_SELECT, MAX_SDP + 1);
	FILE *f = fopen(path, "re");
	size_t len;

	if (!f) {
		*why = talloc_asprintf(OTC_SELECT, "Cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	len = fread(text, 1, MAX_SDP + 1, f);
	fclose(f);
	if (len > MAX_SDP || !len) {
		*why = talloc_asprintf(OTC_SELECT, "%s is %s", path, len ? "too long" : "empty");
		return NULL;
	}
	return text;
}

/*! Make a call, see the manual for what \a to may be; \a sdp_path NULL: audio of ours. Its id, or 0 with \a why, which
 * lives as long as OTC_SELECT. */
uint32_t test_call_make(const char *from, const char *to, const char *sdp_path, unsigned int talk_s, const char **why)
{
	struct test_call tc = { .from = from, .talk_s = talk_s };
	struct cause cause = {};
	uint32_t id;

	if (!read_destination(&tc, to, why))
		return 0;
	if (sdp_path) {
		tc.sdp = read_file(sdp_path, why);
		if (!tc.sdp)
			return 0;
	}
	id = test_leg_originate(vty_gw->test_kind, &tc, &cause);
	if (!id)
		*why = talloc_strdup(OTC_SELECT, cause.text);
	return id;
}

static int originate(struct vty *vty, const char *from, const char *to, const char *sdp_path, unsigned int talk_s)
{
	const char *why = "";
	uint32_t id = test_call_make(from, to, sdp_path, talk_s, &why);

	if (!id) {
		vty_out(vty, "%% %s%s", why, VTY_NEWLINE);
		return CMD_WARNING;
	}
	vty_out(vty, "call %" PRIu32 "; 'show calls test' says what becomes of it%s", id, VTY_NEWLINE);
	return CMD_SUCCESS;
}

#define CALL_STR "Calls\n"
#define FROM_TO_STR                                                                                                    \
	"Who calls\nCalling number\n"                                                                                  \
	"Who is called\nsip:USER@PEER, or the number of a phone\n"

DEFUN(call_originate, call_originate_cmd, "call originate from USER to DESTINATION",
      CALL_STR "Call a phone or a SIP peer by hand; silence is sent, what comes is counted\n" FROM_TO_STR)
{
	return originate(vty, argv[0], argv[1], NULL, 0);
}

DEFUN(call_originate_sdp, call_originate_sdp_cmd, "call originate from USER to DESTINATION sdp FILE",
      CALL_STR "Call a phone or a SIP peer by hand\n" FROM_TO_STR
	       "Offer this session description; no audio is sent\nFile that has it\n")
{
	return originate(vty, argv[0], argv[1], argv[2], 0);
}

DEFUN(self_test, self_test_cmd, "self-test DESTINATION [<1-60>]",
      "Call an echo number, talk for some seconds, and report set-up time and packets each way\n"
      "sip:USER@PEER, or the number of a phone\nSeconds (default: 5)\n")
{
	return originate(vty, "0", argv[0], NULL, argc > 1 ? atoi(argv[1]) : TALK_S);
}

/* ---- what became of them ---- */

static const char *verdict(const struct test_result *r)
{
	if (r->running)
		return r->answered ? "talking" : r->rang ? "ringing" : "calling";
	if (!r->answered)
		return "failed";
	if (r->packets_tx && !r->packets_rx)
		return "no audio came back";
	return "ok";
}

static void show_result(struct vty *vty, const struct test_result *r)
{
	vty_out(vty, "call %" PRIu32 " from %s to %s at %s: %s%s", r->call_id, r->from, r->to, r->target, verdict(r),
		VTY_NEWLINE);
	if (r->answered)
		vty_out(vty, "  answered after %u ms%s%s; %u packets sent, %u received (%u before the answer)%s",
			r->answered_ms, r->codec[0] ? ", codec " : "", r->codec, r->packets_tx, r->packets_rx,
			r->packets_early, VTY_NEWLINE);
	if (!r->running)
		vty_out_wrapped(vty, "  ",
				talloc_asprintf(OTC_SELECT, "ended with cause %u (%s)%s%s", r->cause.value,
						cause_name(r->cause.value), r->cause.text[0] ? ": " : "",
						r->cause.text));
}

DEFUN(show_test_calls, show_test_calls_cmd, "show calls test", SHOW_STR "Calls\nThose made by hand, the latest first\n")
{
	const struct test_result *r;
	unsigned int i;

	for (i = 0; (r = test_leg_result(vty_gw->test_kind, i)); i++)
		show_result(vty, r);
	if (!i)
		vty_out(vty, "No call was made by hand ('call originate', 'self-test')%s", VTY_NEWLINE);
	return CMD_SUCCESS;
}

/* ---- ending one ---- */

static const struct cause by_operator = { .value = CAUSE_NORMAL,
					  .location = CAUSE_LOC_PRN_LOCAL,
					  .text = "ended by the operator" };

/*! End a call as \a how says: "cancel", "hangup" or "terminate". NULL, or why not. */
const char *test_call_end(struct call *call, const char *how)
{
	if (!strcmp(how, "cancel") && call->answered)
		return talloc_asprintf(OTC_SELECT, "Call %" PRIu32 " is answered: 'hangup' ends it", call->id);
	if (!strcmp(how, "hangup") && !call->answered)
		return talloc_asprintf(OTC_SELECT, "Call %" PRIu32 " is not answered: 'cancel' ends it", call->id);
	if (!strcmp(how, "terminate"))
		call_terminate(call, &by_operator);
	else
		call_release(call, &by_operator);
	return NULL;
}

static int end_call(struct vty *vty, const char *id, const char *how)
{
	struct call *call = call_find(vty_gw->calls, strtoul(id, NULL, 10));
	const char *why = call ? test_call_end(call, how) : talloc_asprintf(OTC_SELECT, "There is no call %s", id);

	if (why)
		vty_out(vty, "%% %s%s", why, VTY_NEWLINE);
	return why ? CMD_WARNING : CMD_SUCCESS;
}

#define ONE_CALL_STR CALL_STR "Number of the call\n"

DEFUN(call_cancel, call_cancel_cmd, "call <1-4294967295> cancel",
      ONE_CALL_STR "Give it up before it is answered (CANCEL to a peer)\n")
{
	return end_call(vty, argv[0], "cancel");
}

DEFUN(call_hangup, call_hangup_cmd, "call <1-4294967295> hangup",
      ONE_CALL_STR "Hang up a call that is answered (BYE to a peer)\n")
{
	return end_call(vty, argv[0], "hangup");
}

DEFUN(call_term, call_term_cmd, "call <1-4294967295> terminate",
      ONE_CALL_STR "End it at once, in whatever state it is, without waiting for what its peers say\n")
{
	return end_call(vty, argv[0], "terminate");
}

void test_call_vty_init(void)
{
	install_element_ve(&show_test_calls_cmd);
	install_element(ENABLE_NODE, &call_originate_cmd);
	install_element(ENABLE_NODE, &call_originate_sdp_cmd);
	install_element(ENABLE_NODE, &self_test_cmd);
	install_element(ENABLE_NODE, &call_cancel_cmd);
	install_element(ENABLE_NODE, &call_hangup_cmd);
	install_element(ENABLE_NODE, &call_term_cmd);
}
