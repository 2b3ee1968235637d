/* VTY of the calls: node "call" with the route, "show calls", "show call ID", "call ID release". */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>
#include <osmocom/vty/misc.h>
#include <osmocom/vty/tdef_vty.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/ua/sip_peer.h>

#include "vty_internal.h"

static struct cmd_node call_node = { CALL_NODE, "%s(config-call)# ", 1 };

DEFUN(cfg_call, cfg_call_cmd, "call", "Calls: where they go\n")
{
	vty->node = CALL_NODE;
	vty->index = vty_gw->calls;
	return CMD_SUCCESS;
}

DEFUN(cfg_call_default_peer, cfg_call_default_peer_cmd, "default-peer NAME",
      "Where calls from phones go; counts from the next call on\nName of a SIP peer\n")
{
	/* in a file the peer may stand further down: sipgw_config_check() looks when all is read */
	if (vty->type != VTY_FILE && !sip_peer_find(vty_gw->ua, argv[0])) {
		vty_out(vty, "%% There is no SIP peer '%s': first 'sip-peer %s' / 'remote ADDR'%s", argv[0], argv[0],
			VTY_NEWLINE);
		return CMD_WARNING;
	}
	osmo_talloc_replace_string(vty_gw->calls, &vty_gw->calls->routes.default_peer, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_call_no_default_peer, cfg_call_no_default_peer_cmd, "no default-peer",
      NO_STR "Refuse calls from phones with cause 3, no route to destination\n")
{
	TALLOC_FREE(vty_gw->calls->routes.default_peer);
	return CMD_SUCCESS;
}

DEFUN(cfg_call_mt_identity, cfg_call_mt_identity_cmd, "mt-identity (msisdn|imsi)",
      "What the user part of the Request-URI means in calls from SIP\n"
      "The number of the called phone; with a leading '+' it is international (default)\n"
      "The IMSI of the called phone\n")
{
	vty_gw->calls->routes.mt_identity = get_string_value(mt_identity_names, argv[0]);
	return CMD_SUCCESS;
}

VTY_EXPECT(mt_identity_expect, "mt-identity VALUE",
	   "What the user part of the Request-URI means in calls from SIP\nMeaning\n", "msisdn or imsi");

#define LIMIT_STR                                                                                                      \
	"Calls at the same time; emergency calls always pass\n"                                                        \
	"All calls\nCalls from phones\nCalls from SIP peers\nCalls of one calling phone\nCalls to one called phone\n"
#define LIMIT_CMD "limit (total|mo|mt|subscriber-mo|subscriber-mt)"

static uint32_t *limit_arg(const char *arg)
{
	return &vty_gw->calls->admission.limits[get_string_value(admission_limit_names, arg)];
}

DEFUN(cfg_call_limit, cfg_call_limit_cmd, LIMIT_CMD " <1-1000000>", LIMIT_STR "At most so many\n")
{
	*limit_arg(argv[0]) = atoi(argv[1]);
	return CMD_SUCCESS;
}

DEFUN(cfg_call_no_limit, cfg_call_no_limit_cmd, "no " LIMIT_CMD, NO_STR LIMIT_STR)
{
	*limit_arg(argv[0]) = 0;
	return CMD_SUCCESS;
}

DEFUN(cfg_call_redirects, cfg_call_redirects_cmd, "redirects <0-20>",
      "Follow those who are called and ask to call another number (3xx)\n"
      "So often in one call (default: 5); 0: never\n")
{
	vty_gw->calls->routes.max_redirects = atoi(argv[0]);
	return CMD_SUCCESS;
}

VTY_EXPECT(limit_expect, LIMIT_CMD " VALUE", LIMIT_STR "At most so many\n", "1 to 1000000");
VTY_EXPECT(redirects_expect, "redirects VALUE", "Follow those who ask to call another number\nHow often\n", "0 to 20");

static void write_limits(struct vty *vty)
{
	unsigned int i;

	for (i = 0; i < _NUM_ADMISSION_LIMITS; i++) {
		if (vty_gw->calls->admission.limits[i])
			vty_out(vty, " limit %s %u%s", get_value_string(admission_limit_names, i),
				vty_gw->calls->admission.limits[i], VTY_NEWLINE);
	}
}

static int write_call(struct vty *vty)
{
	const struct route_table *routes = &vty_gw->calls->routes;

	vty_out(vty, "call%s", VTY_NEWLINE);
	if (routes->default_peer)
		vty_out(vty, " default-peer %s%s", routes->default_peer, VTY_NEWLINE);
	if (routes->mt_identity != MT_IDENTITY_MSISDN)
		vty_out(vty, " mt-identity %s%s", get_value_string(mt_identity_names, routes->mt_identity),
			VTY_NEWLINE);
	if (routes->max_redirects != ROUTE_MAX_REDIRECTS_DEFAULT)
		vty_out(vty, " redirects %u%s", routes->max_redirects, VTY_NEWLINE);
	number_vty_write_call(vty);
	write_limits(vty);
	/* timers stand in no node */
	osmo_tdef_vty_groups_write(vty, "");
	return 1;
}

static const char *number_str(const struct number *n)
{
	char *buf = talloc_zero_size(OTC_SELECT, NUMBER_MAX_DIGITS + 2);

	if (!number_given(n))
		return "-";
	number_to_dial_string(buf, NUMBER_MAX_DIGITS + 2, n);
	return buf;
}

/* The IMSI is the GSM subscriber's, whichever side that is. */
static const char *party_str(const struct call *call, const struct number *n, bool subscriber)
{
	return !number_given(n) && subscriber && *call->parties->imsi ? call->parties->imsi : number_str(n);
}

static const char *calling_str(const struct call *call)
{
	return party_str(call, &call->parties->calling, !call->mt);
}

static const char *called_str(const struct call *call)
{
	if (!number_given(&call->parties->called) && call->parties->emergency)
		return "emergency";
	return party_str(call, &call->parties->called, call->mt);
}

static const char *age_str(const struct call *call)
{
	return vty_ago_ms(vty_ms_since(call->answered ? &call->t_answered : &call->t_start));
}

/* 80 columns: a number as long as they get (E.164: 15 digits, with "+" 16), and 22 for id and target together */
#define CALL_ROW	"%*s %-10s %-16s %-16s %-11s %s%s"
#define WIDTH_NUMBER	16
#define WIDTH_ID_TARGET 22

static void show_row(struct vty *vty, int width_id, const struct call *call)
{
	vty_out(vty, CALL_ROW, width_id, talloc_asprintf(OTC_SELECT, "%u", call->id), call_state_name(call),
		vty_fit(calling_str(call), WIDTH_NUMBER), vty_fit(called_str(call), WIDTH_NUMBER), age_str(call),
		vty_fit(call->target ?: "", WIDTH_ID_TARGET - width_id), VTY_NEWLINE);
}

DEFUN(show_calls, show_calls_cmd, "show calls", SHOW_STR "Calls that exist now, one line each, oldest first\n")
{
	int width_id = OSMO_MAX(4, snprintf(NULL, 0, "%u", vty_gw->calls->last_id));
	const struct call *call;

	vty_out(vty, CALL_ROW, width_id, "Call", "State", "From", "To", "Since", "Target", VTY_NEWLINE);
	llist_for_each_entry (call, &vty_gw->calls->list, entry)
		show_row(vty, width_id, call);
	vty_out(vty, "%u call%s%s%s", vty_gw->calls->n, vty_gw->calls->n == 1 ? "" : "s",
		vty_gw->calls->stopping ? "; no new ones: shutting down" : "", VTY_NEWLINE);
	return CMD_SUCCESS;
}

static void show_leg(struct vty *vty, const struct call *call, enum leg_side side)
{
	const struct leg *leg = call->legs[side];
	char buf[512];

	if (!leg) {
		vty_out(vty, "  Leg %c: none%s", side == LEG_A ? 'A' : 'B', VTY_NEWLINE);
		return;
	}
	leg->kind->to_str_buf(buf, sizeof(buf), leg);
	vty_out(vty, "  Leg %c: %s%s", side == LEG_A ? 'A' : 'B', buf, VTY_NEWLINE);
}

static struct call *call_arg(struct vty *vty, const char *arg)
{
	struct call *call = call_find(vty_gw->calls, strtoul(arg, NULL, 10));

	if (!call)
		vty_out(vty, "%% There is no call %s (any more)%s", arg, VTY_NEWLINE);
	return call;
}

#define CALL_ID_STR "Number of the call, as in 'show calls'\n"

static const char *rule_name(const struct call *call)
{
	const struct route_rule *rule = route_rule_by_id(&vty_gw->calls->routes, call->rule_id);

	if (!call->rule_id)
		return "default";
	return rule ? rule->name : "one that was removed";
}

static void show_transfer(struct vty *vty, const struct call *call)
{
	char buf[160];

	if (!call->transfer)
		return;
	call_transfer_to_str_buf(buf, sizeof(buf), call);
	vty_out_wrapped(vty, "  Under way: ", buf);
}

static void show_route_of(struct vty *vty, const struct call *call)
{
	const struct leg *b = call->legs[LEG_B];
	struct call_parties out = *call->parties;
	struct cause why;

	if (call->target) { /* it has a route */
		vty_out(vty, "  Target %s, media %s%s", call->target,
			get_value_string(media_mode_names, call->media_mode), VTY_NEWLINE);
		vty_out(vty, "  Route %s%s", rule_name(call), VTY_NEWLINE);
	}
	if (call->came_as)
		vty_out_wrapped(vty, "  Numbers as they came: ", call->came_as);
	if (number_given(&call->parties->redirecting))
		vty_out(vty, "  Passed on by %s%s", number_str(&call->parties->redirecting), VTY_NEWLINE);
	if (b && numbering_out(call->calls, b->kind, b->kind->target(b), &out, &why) == 0 &&
	    memcmp(&out, call->parties, sizeof(out)))
		vty_out_wrapped(
			vty, "  Numbers there: ",
			talloc_asprintf(OTC_SELECT, "%s to %s", number_str(&out.calling), number_str(&out.called)));
}

DEFUN(show_call, show_call_cmd, "show call <1-4294967295>", SHOW_STR "One call with both its legs\n" CALL_ID_STR)
{
	const struct call *call = call_arg(vty, argv[0]);

	if (!call)
		return CMD_WARNING;
	vty_out(vty, "Call %u: %s%s%s", call->id, call_state_name(call), call->parties->emergency ? ", emergency" : "",
		VTY_NEWLINE);
	vty_out(vty, "  From %s to %s%s", calling_str(call), called_str(call), VTY_NEWLINE);
	show_route_of(vty, call);
	vty_out(vty, "  Began %s ago", vty_ago_ms(vty_ms_since(&call->t_start)));
	if (call->t_alerting.tv_sec || call->t_alerting.tv_nsec)
		vty_out(vty, ", rang %s ago", vty_ago_ms(vty_ms_since(&call->t_alerting)));
	if (call->answered)
		vty_out(vty, ", answered %s ago", vty_ago_ms(vty_ms_since(&call->t_answered)));
	vty_out(vty, "%s", VTY_NEWLINE);
	if (call->cause)
		vty_out(vty, "  Ended by %s: cause %u (%s)%s%s%s",
			call->by_us		     ? "us"
			: call->released_by == LEG_A ? "side A"
						     : "side B",
			call->cause->value, cause_name(call->cause->value), *call->cause->text ? ", " : "",
			call->cause->text, VTY_NEWLINE);
	show_leg(vty, call, LEG_A);
	show_leg(vty, call, LEG_B);
	show_transfer(vty, call);
	return CMD_SUCCESS;
}

DEFUN(show_limits, show_limits_cmd, "show limits", SHOW_STR "How many calls there may be, and how many there are\n")
{
	const struct admission *adm = &vty_gw->calls->admission;
	const char *limit;
	unsigned int i;

	vty_out(vty, "%-14s %8s %8s%s", "Calls", "Limit", "Now", VTY_NEWLINE);
	for (i = 0; i < _NUM_ADMISSION_LIMITS; i++) {
		limit = adm->limits[i] ? talloc_asprintf(OTC_SELECT, "%u", adm->limits[i]) : "none";
		vty_out(vty, "%-14s %8s", get_value_string(admission_limit_names, i), limit);
		if (i <= ADMIT_MT)
			vty_out(vty, " %8u", i == ADMIT_TOTAL ? adm->n[0] + adm->n[1] : adm->n[i == ADMIT_MT]);
		vty_out(vty, "%s", VTY_NEWLINE);
	}
	return CMD_SUCCESS;
}

DEFUN(call_release_id, call_release_id_cmd, "call <1-4294967295> release [<1-127>]",
      "Do something to a call\n" CALL_ID_STR "End it\nCause for both sides (Q.850; default: 16, normal)\n")
{
	struct call *call = call_arg(vty, argv[0]);
	struct cause cause = cause_make(argc > 1 ? atoi(argv[1]) : CAUSE_NORMAL, "released by the operator");

	if (!call)
		return CMD_WARNING;
	call_release(call, &cause);
	return CMD_SUCCESS;
}

VTY_EXPECT(call_release_expect, "call <1-4294967295> release CAUSE",
	   "Do something to a call\n" CALL_ID_STR "End it\nCause\n", "a Q.850 cause, 1 to 127");
VTY_EXPECT(show_call_expect, "show call ID", SHOW_STR "One call with both its legs\n" CALL_ID_STR,
	   "the number of a call, as in 'show calls'");

void call_vty_init(void)
{
	install_element_ve(&show_calls_cmd);
	install_element_ve(&show_call_cmd);
	install_element_ve(&show_limits_cmd);
	install_element_ve(&show_call_expect.cmd);
	install_element(ENABLE_NODE, &call_release_id_cmd);
	install_element(ENABLE_NODE, &call_release_expect.cmd);

	install_element(CONFIG_NODE, &cfg_call_cmd);
	install_node(&call_node, write_call);
	install_element(CALL_NODE, &cfg_call_default_peer_cmd);
	install_element(CALL_NODE, &cfg_call_no_default_peer_cmd);
	install_element(CALL_NODE, &cfg_call_mt_identity_cmd);
	install_element(CALL_NODE, &mt_identity_expect.cmd);
	install_element(CALL_NODE, &cfg_call_limit_cmd);
	install_element(CALL_NODE, &cfg_call_no_limit_cmd);
	install_element(CALL_NODE, &limit_expect.cmd);
	install_element(CALL_NODE, &cfg_call_redirects_cmd);
	install_element(CALL_NODE, &redirects_expect.cmd);
}
