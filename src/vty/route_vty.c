/* VTY of the routing table: nodes "route NAME". What is shown of it: route_show_vty.c. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/ua/sip_peer.h>

#include "vty_internal.h"

#define RT_STR		"Route: where certain calls go; the first that matches counts\n"
#define RT_MATCH_STR	"Which calls it is for; all that is set has to match\n"
#define CALLED_STR	"The called number\n"
#define CALLING_STR	"The calling number\n"
#define HOW_STR		"What it begins with\nThe whole number\nA POSIX extended regular expression that is found in it\n"
#define TARGET_STR	"Where these calls go\n"
#define TARGET_PEER_STR TARGET_STR "A SIP peer, besides those given before\nName of it\n"
#define TARGET_GSM_STR	TARGET_STR "The phone with the called number\n"
#define FROM_STR	RT_MATCH_STR "Where the call comes from\n"

static struct cmd_node route_node = { ROUTE_NODE, "%s(config-route)# ", 1 };

static struct route_table *table(void)
{
	return &vty_gw->calls->routes;
}

DEFUN(cfg_route, cfg_route_cmd, "route NAME", RT_STR "Name of it; a new one is the last\n")
{
	struct route_rule *rule = route_rule_find(table(), argv[0]);

	if (!rule && !vty_arg_is_name(vty, argv[0]))
		return CMD_WARNING;
	vty->node = ROUTE_NODE;
	vty->index = rule ?: route_rule_add(vty_gw->calls, argv[0]);
	return CMD_SUCCESS;
}

static struct route_rule *rule_arg(struct vty *vty, const char *name)
{
	struct route_rule *rule = route_rule_find(table(), name);

	if (!rule)
		vty_out(vty, "%% There is no route '%s'%s", name, VTY_NEWLINE);
	return rule;
}

DEFUN(cfg_no_route, cfg_no_route_cmd, "no route NAME", NO_STR RT_STR "Name of it; calls under way go on\n")
{
	struct route_rule *rule = rule_arg(vty, argv[0]);

	if (!rule)
		return CMD_WARNING;
	route_rule_free(rule);
	return CMD_SUCCESS;
}

DEFUN(cfg_route_before, cfg_route_before_cmd, "before NAME",
      "Put this route before another one in the table\nName of that one\n")
{
	struct route_rule *rule = vty->index, *other = rule_arg(vty, argv[0]);

	if (!other)
		return CMD_WARNING;
	if (other != rule) {
		llist_del(&rule->entry);
		llist_add_tail(&rule->entry, &other->entry);
	}
	return CMD_SUCCESS;
}

DEFUN(cfg_route_last, cfg_route_last_cmd, "last", "Put this route at the end of the table\n")
{
	struct route_rule *rule = vty->index;

	llist_del(&rule->entry);
	llist_add_tail(&rule->entry, &table()->rules);
	return CMD_SUCCESS;
}

/* ---- which calls ---- */

static int set_match(struct vty *vty, struct number_match *match, const char *how, const char *pattern)
{
	const char *why;

	if (number_match_set(vty->index, match, get_string_value(number_match_names, how), pattern, &why) == 0)
		return CMD_SUCCESS;
	vty_out(vty, "%% Not a pattern: '%s': %s%s", pattern, why, VTY_NEWLINE);
	return CMD_WARNING;
}

DEFUN(cfg_route_called, cfg_route_called_cmd, "match called (prefix|number|regexp) PATTERN",
      RT_MATCH_STR CALLED_STR HOW_STR "e.g. +4930, 0800, ^[1-4]...$\n")
{
	return set_match(vty, &((struct route_rule *)vty->index)->called, argv[0], argv[1]);
}

DEFUN(cfg_route_calling, cfg_route_calling_cmd, "match calling (prefix|number|regexp) PATTERN",
      RT_MATCH_STR CALLING_STR HOW_STR "e.g. +4930, 0800, ^[1-4]...$\n")
{
	return set_match(vty, &((struct route_rule *)vty->index)->calling, argv[0], argv[1]);
}

DEFUN(cfg_route_imsi, cfg_route_imsi_cmd, "match imsi PREFIX",
      RT_MATCH_STR "The IMSI of the phone\nWhat it begins with\n")
{
	struct route_rule *rule = vty->index;

	if (!*argv[0] || strlen(argv[0]) > 15 || strspn(argv[0], "0123456789") != strlen(argv[0])) {
		vty_out(vty, "%% Not the beginning of an IMSI: '%s'; expected up to 15 digits%s", argv[0], VTY_NEWLINE);
		return CMD_WARNING;
	}
	osmo_talloc_replace_string(rule, &rule->imsi, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_route_emergency, cfg_route_emergency_cmd, "match emergency",
      RT_MATCH_STR "Emergency calls; they look at such routes before all others\n")
{
	((struct route_rule *)vty->index)->emergency = true;
	return CMD_SUCCESS;
}

/* From SIP to SIP is refused where it can be seen; a route for all calls is looked at when one comes. */
static bool would_relay(struct vty *vty, const struct route_rule *rule, enum route_from from, enum route_action action)
{
	const struct route_rule wanted = { .from = from, .action = action };

	if (!route_rule_is_relay(&wanted))
		return false;
	vty_out(vty, "%% Route '%s' would lead from SIP to SIP, which is never done%s", rule->name, VTY_NEWLINE);
	return true;
}

static int set_from(struct vty *vty, enum route_from from, const char *peer)
{
	struct route_rule *rule = vty->index;

	if (would_relay(vty, rule, from, rule->action))
		return CMD_WARNING;
	rule->from = from;
	osmo_talloc_replace_string(rule, &rule->from_peer, peer);
	return CMD_SUCCESS;
}

DEFUN(cfg_route_from_gsm, cfg_route_from_gsm_cmd, "match from gsm", FROM_STR "A phone\n")
{
	return set_from(vty, ROUTE_FROM_GSM, NULL);
}

DEFUN(cfg_route_from_sip, cfg_route_from_sip_cmd, "match from sip", FROM_STR "Any SIP peer\n")
{
	return set_from(vty, ROUTE_FROM_SIP, NULL);
}

static bool peer_exists(struct vty *vty, const char *name)
{
	/* in a file the peer may stand further down: sipgw_config_check() looks when all is read */
	if (vty->type == VTY_FILE || sip_peer_find(vty_gw->ua, name))
		return true;
	vty_out(vty, "%% There is no SIP peer '%s'%s", name, VTY_NEWLINE);
	return false;
}

DEFUN(cfg_route_from_peer, cfg_route_from_peer_cmd, "match from peer NAME", FROM_STR "One SIP peer\nName of it\n")
{
	return peer_exists(vty, argv[0]) ? set_from(vty, ROUTE_FROM_PEER, argv[0]) : CMD_WARNING;
}

DEFUN(cfg_route_no_match, cfg_route_no_match_cmd, "no match (called|calling|imsi|from|emergency)",
      NO_STR RT_MATCH_STR CALLED_STR CALLING_STR "The IMSI of the phone\nWhere the call comes from\nEmergency calls\n")
{
	struct route_rule *rule = vty->index;

	if (!strcmp(argv[0], "called"))
		number_match_clear(&rule->called);
	else if (!strcmp(argv[0], "calling"))
		number_match_clear(&rule->calling);
	else if (!strcmp(argv[0], "imsi"))
		TALLOC_FREE(rule->imsi);
	else if (!strcmp(argv[0], "from"))
		return set_from(vty, ROUTE_FROM_ANY, NULL);
	else
		rule->emergency = false;
	return CMD_SUCCESS;
}

/* ---- where to ---- */

static void forget_peers(struct route_rule *rule)
{
	while (rule->n_peers)
		TALLOC_FREE(rule->peers[--rule->n_peers].name);
}

static int set_action(struct vty *vty, enum route_action action)
{
	struct route_rule *rule = vty->index;

	if (would_relay(vty, rule, rule->from, action))
		return CMD_WARNING;
	if (action != ROUTE_TO_PEERS)
		forget_peers(rule);
	rule->action = action;
	return CMD_SUCCESS;
}

static int add_peer(struct vty *vty, const char *name, uint16_t weight)
{
	struct route_rule *rule = vty->index;
	unsigned int i;

	if (!peer_exists(vty, name))
		return CMD_WARNING;
	for (i = 0; i < rule->n_peers && strcmp(rule->peers[i].name, name); i++)
		;
	if (i == ROUTE_MAX_TARGETS) {
		vty_out(vty, "%% A route has at most %d targets%s", ROUTE_MAX_TARGETS, VTY_NEWLINE);
		return CMD_WARNING;
	}
	if (set_action(vty, ROUTE_TO_PEERS) != CMD_SUCCESS)
		return CMD_WARNING;
	rule->peers[i].weight = weight;
	if (i < rule->n_peers)
		return CMD_SUCCESS;
	rule->peers[i].name = talloc_strdup(rule, name);
	rule->n_peers++;
	return CMD_SUCCESS;
}

DEFUN(cfg_route_target_peer, cfg_route_target_peer_cmd, "target peer NAME", TARGET_PEER_STR)
{
	return add_peer(vty, argv[0], 1);
}

DEFUN(cfg_route_target_weight, cfg_route_target_weight_cmd, "target peer NAME weight <0-65535>",
      TARGET_PEER_STR "Its share of the calls with 'targets by-weight'\n"
		      "Share, as a number to be compared with the others' (default: 1); 0: only when the others fail\n")
{
	return add_peer(vty, argv[0], atoi(argv[1]));
}

DEFUN(cfg_route_target_gsm, cfg_route_target_gsm_cmd, "target gsm", TARGET_GSM_STR)
{
	((struct route_rule *)vty->index)->gsm_media = MEDIA_DIRECT;
	return set_action(vty, ROUTE_TO_GSM);
}

DEFUN(cfg_route_target_gsm_media, cfg_route_target_gsm_media_cmd, "target gsm (anchored|direct)",
      TARGET_GSM_STR "A call from phone to phone goes through our media gateway\n"
		     "A call from phone to phone goes straight between the addresses of the MSC (default)\n")
{
	((struct route_rule *)vty->index)->gsm_media = get_string_value(media_mode_names, argv[0]);
	return set_action(vty, ROUTE_TO_GSM);
}

DEFUN(cfg_route_target_reject, cfg_route_target_reject_cmd, "target reject <1-127>",
      TARGET_STR "Nowhere: they are refused\nCause (Q.850)\n")
{
	((struct route_rule *)vty->index)->reject = atoi(argv[0]);
	return set_action(vty, ROUTE_REJECT);
}

DEFUN(cfg_route_no_target, cfg_route_no_target_cmd, "no target", NO_STR "Nothing yet: the route is passed over\n")
{
	return set_action(vty, ROUTE_TO_NOTHING);
}

DEFUN(cfg_route_targets, cfg_route_targets_cmd, "targets (in-order|by-weight)",
      "How the calls go to several SIP peers\n"
      "To the first; to the others one after the other if those before fail (default)\n"
      "Shared by weight; to the others if that one fails\n")
{
	((struct route_rule *)vty->index)->shared = !strcmp(argv[0], "by-weight");
	return CMD_SUCCESS;
}

VTY_EXPECT(reject_expect, "target reject VALUE", TARGET_STR "Nowhere: they are refused\nCause\n",
	   "a Q.850 cause, 1 to 127");
VTY_EXPECT(weight_expect, "target peer NAME weight VALUE", TARGET_PEER_STR "Its share of the calls\nShare\n",
	   "0 to 65535");
VTY_EXPECT(targets_expect, "targets VALUE", "How the calls go to several SIP peers\nHow\n", "in-order or by-weight");

/* ---- written ---- */

static void write_match(struct vty *vty, const char *what, const struct number_match *match)
{
	if (match->how != NUMBER_MATCH_ANY)
		vty_out(vty, " match %s %s %s%s", what, get_value_string(number_match_names, match->how),
			match->pattern, VTY_NEWLINE);
}

static void write_from(struct vty *vty, const struct route_rule *rule)
{
	if (rule->from == ROUTE_FROM_PEER)
		vty_out(vty, " match from peer %s%s", rule->from_peer, VTY_NEWLINE);
	else if (rule->from != ROUTE_FROM_ANY)
		vty_out(vty, " match from %s%s", rule->from == ROUTE_FROM_GSM ? "gsm" : "sip", VTY_NEWLINE);
}

static void write_target(struct vty *vty, const struct route_rule *rule)
{
	unsigned int i;

	for (i = 0; i < rule->n_peers; i++) {
		vty_out(vty, " target peer %s", rule->peers[i].name);
		if (rule->peers[i].weight != 1)
			vty_out(vty, " weight %u", rule->peers[i].weight);
		vty_out(vty, "%s", VTY_NEWLINE);
	}
	if (rule->shared)
		vty_out(vty, " targets by-weight%s", VTY_NEWLINE);
	if (rule->action == ROUTE_TO_GSM)
		vty_out(vty, " target gsm%s%s", rule->gsm_media == MEDIA_ANCHORED ? " anchored" : "", VTY_NEWLINE);
	if (rule->action == ROUTE_REJECT)
		vty_out(vty, " target reject %u%s", rule->reject, VTY_NEWLINE);
}

static int write_routes(struct vty *vty)
{
	const struct route_rule *rule;

	llist_for_each_entry (rule, &table()->rules, entry) {
		vty_out(vty, "route %s%s", rule->name, VTY_NEWLINE);
		if (rule->emergency)
			vty_out(vty, " match emergency%s", VTY_NEWLINE);
		write_from(vty, rule);
		if (rule->imsi)
			vty_out(vty, " match imsi %s%s", rule->imsi, VTY_NEWLINE);
		write_match(vty, "called", &rule->called);
		write_match(vty, "calling", &rule->calling);
		write_target(vty, rule);
	}
	return !llist_empty(&table()->rules);
}

void route_vty_init(void)
{
	install_element(CONFIG_NODE, &cfg_route_cmd);
	install_element(CONFIG_NODE, &cfg_no_route_cmd);
	install_node(&route_node, write_routes);
	install_element(ROUTE_NODE, &cfg_route_before_cmd);
	install_element(ROUTE_NODE, &cfg_route_last_cmd);
	install_element(ROUTE_NODE, &cfg_route_called_cmd);
	install_element(ROUTE_NODE, &cfg_route_calling_cmd);
	install_element(ROUTE_NODE, &cfg_route_imsi_cmd);
	install_element(ROUTE_NODE, &cfg_route_emergency_cmd);
	install_element(ROUTE_NODE, &cfg_route_from_gsm_cmd);
	install_element(ROUTE_NODE, &cfg_route_from_sip_cmd);
	install_element(ROUTE_NODE, &cfg_route_from_peer_cmd);
	install_element(ROUTE_NODE, &cfg_route_no_match_cmd);
	install_element(ROUTE_NODE, &cfg_route_target_peer_cmd);
	install_element(ROUTE_NODE, &cfg_route_target_weight_cmd);
	install_element(ROUTE_NODE, &weight_expect.cmd);
	install_element(ROUTE_NODE, &cfg_route_target_gsm_cmd);
	install_element(ROUTE_NODE, &cfg_route_target_gsm_media_cmd);
	install_element(ROUTE_NODE, &cfg_route_target_reject_cmd);
	install_element(ROUTE_NODE, &reject_expect.cmd);
	install_element(ROUTE_NODE, &cfg_route_no_target_cmd);
	install_element(ROUTE_NODE, &cfg_route_targets_cmd);
	install_element(ROUTE_NODE, &targets_expect.cmd);
}
