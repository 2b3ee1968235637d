/* VTY of the routing table: "show routes", and "show route test", which goes through the table as a call does. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/ua/sip_peer.h>

#include "vty_internal.h"

static struct route_table *table(void)
{
	return &vty_gw->calls->routes;
}

static const char *add_word(const char *str, const char *fmt, const char *a, const char *b)
{
	return talloc_asprintf(OTC_SELECT, "%s%s%s", str, *str ? ", " : "", talloc_asprintf(OTC_SELECT, fmt, a, b));
}

static const char *add_match(const char *str, const char *what, const struct number_match *match)
{
	static const char *const fmts[] = {
		[NUMBER_MATCH_PREFIX] = "%s %s...",
		[NUMBER_MATCH_WHOLE] = "%s %s",
		[NUMBER_MATCH_REGEXP] = "%s ~ %s",
	};

	return match->how == NUMBER_MATCH_ANY ? str : add_word(str, fmts[match->how], what, match->pattern);
}

static const char *match_str(const struct route_rule *rule)
{
	const char *str = "";

	if (rule->emergency)
		str = add_word(str, "emergency%s%s", "", "");
	if (rule->from == ROUTE_FROM_PEER)
		str = add_word(str, "from %s%s", rule->from_peer, "");
	else if (rule->from != ROUTE_FROM_ANY)
		str = add_word(str, "from %s%s", rule->from == ROUTE_FROM_GSM ? "gsm" : "sip", "");
	if (rule->imsi)
		str = add_word(str, "imsi %s...%s", rule->imsi, "");
	str = add_match(str, "called", &rule->called);
	str = add_match(str, "calling", &rule->calling);
	return *str ? str : "all calls";
}

static const char *target_str(const struct route_rule *rule)
{
	const char *str = "";
	unsigned int i;

	if (rule->action == ROUTE_TO_NOTHING)
		return "no target yet";
	if (rule->action == ROUTE_TO_GSM)
		return rule->gsm_media == MEDIA_ANCHORED ? "gsm anchored" : "gsm";
	if (rule->action == ROUTE_REJECT)
		return talloc_asprintf(OTC_SELECT, "reject %u", rule->reject);
	for (i = 0; i < rule->n_peers; i++)
		str = rule->shared ? add_word(str, "%s:%s", rule->peers[i].name,
					      talloc_asprintf(OTC_SELECT, "%u", rule->peers[i].weight))
				   : add_word(str, "%s%s", rule->peers[i].name, "");
	return str;
}

#define ROUTE_ROW "%3s %-16s %-34s %s%s"

static void show_rule(struct vty *vty, unsigned int no, const struct route_rule *rule)
{
	vty_out(vty, ROUTE_ROW, talloc_asprintf(OTC_SELECT, "%u", no), vty_fit(rule->name, 16),
		vty_fit(match_str(rule), 34), vty_fit(target_str(rule), 24), VTY_NEWLINE);
}

DEFUN(show_routes, show_routes_cmd, "show routes", SHOW_STR "The routing table: the first route that matches counts\n")
{
	const struct route_rule *rule;
	unsigned int no = 1;

	vty_out(vty, ROUTE_ROW, "", "Route", "Calls", "Where to", VTY_NEWLINE);
	llist_for_each_entry (rule, &table()->rules, entry)
		show_rule(vty, no++, rule);
	vty_out(vty, ROUTE_ROW, "", "(default)", "from gsm, no other route matches",
		vty_fit(table()->default_peer ?: "reject 3", 24), VTY_NEWLINE);
	vty_out(vty, ROUTE_ROW, "", "(default)", "from sip, no other route matches", "gsm", VTY_NEWLINE);
	return CMD_SUCCESS;
}

/* What a call in "show route test" is like */
struct test_call {
	const struct leg_kind *from;
	const char *peer;
	struct call_parties parties;
};

static bool test_number(struct vty *vty, struct number *n, const char *arg)
{
	if (!strcmp(arg, "-") || number_from_dial_string(n, arg) == 0)
		return true;
	vty_out(vty, "%% Not a number: '%s'; expected e.g. +4930123456, 112, or - for none%s", arg, VTY_NEWLINE);
	return false;
}

static bool test_option(struct vty *vty, struct test_call *t, int argc, const char *argv[], int *i)
{
	const char *word = argv[*i], *value = *i + 1 < argc ? argv[*i + 1] : NULL;

	if (!strcmp(word, "emergency")) {
		t->parties.emergency = true;
		return true;
	}
	(*i)++;
	if (!strcmp(word, "imsi") && value) {
		OSMO_STRLCPY_ARRAY(t->parties.imsi, value);
		return true;
	}
	if (!strcmp(word, "from") && value && (!strcmp(value, "gsm") || sip_peer_find(vty_gw->ua, value))) {
		t->from = strcmp(value, "gsm") ? vty_gw->calls->sip : vty_gw->calls->gsm;
		t->peer = strcmp(value, "gsm") ? value : "";
		return true;
	}
	vty_out(vty, "%% Not understood: '%s'%s", word, VTY_NEWLINE);
	vty_out(vty, "%%   Expected 'from PEER', 'from gsm', 'imsi DIGITS' or 'emergency'%s", VTY_NEWLINE);
	return false;
}

static const char *dial_str(const struct number *n)
{
	char *buf = talloc_zero_size(OTC_SELECT, NUMBER_MAX_DIGITS + 2);

	return number_to_dial_string(buf, NUMBER_MAX_DIGITS + 2, n) < 0 ? "-" : buf;
}

static void show_test_numbers(struct vty *vty, const char *when, const struct call_parties *p)
{
	vty_out(vty, "%s: %s -> %s%s", when, dial_str(&p->calling), dial_str(&p->called), VTY_NEWLINE);
}

/* The table as the look-up goes through it: each route until the one that matches, with the reason. */
static void show_test_rules(struct vty *vty, const struct test_call *t)
{
	const struct route_rule *rule;
	enum route_miss miss;
	struct route_query q;
	int pass;

	route_query_init(&q, vty_gw->calls, t->from, t->peer, &t->parties);
	for (pass = !t->parties.emergency; pass < 2; pass++) {
		llist_for_each_entry (rule, &table()->rules, entry) {
			if (t->parties.emergency && rule->emergency != !pass)
				continue;
			miss = route_rule_try(rule, &q);
			vty_out(vty, "  %-16s %s%s%s%s", vty_fit(rule->name, 16),
				get_value_string(route_miss_names, miss), miss == ROUTE_MATCHES ? "" : ": ",
				miss == ROUTE_MATCHES ? "" : vty_fit(match_str(rule), 30), VTY_NEWLINE);
			if (miss == ROUTE_MATCHES)
				return;
		}
	}
	vty_out(vty, "  %-16s no route matches%s", "(default)", VTY_NEWLINE);
}

static void show_test_result(struct vty *vty, const struct test_call *t)
{
	struct route route = route_find(vty_gw->calls, t->from, t->peer, &t->parties);
	const char *names[ROUTE_MAX_TARGETS];
	unsigned int i, n = route_order(&route, names);
	struct call_parties out;
	struct cause why;

	if (!route.kind) {
		vty_out(vty, "Refused, cause %u (%s)%s", route.cause.value, cause_name(route.cause.value), VTY_NEWLINE);
		vty_out_wrapped(vty, "  Why: ", route.cause.text);
		return;
	}
	for (i = 0; i < n; i++) {
		out = t->parties;
		vty_out(vty, "%s %s, media %s%s", i ? "Then to" : "To", *names[i] ? names[i] : route.kind->name,
			get_value_string(media_mode_names, route.media_mode), VTY_NEWLINE);
		if (numbering_out(vty_gw->calls, route.kind, names[i], &out, &why) < 0)
			vty_out(vty, "  not possible, cause %u: %s%s", why.value, why.text, VTY_NEWLINE);
		else
			show_test_numbers(vty, "  Numbers there", &out);
	}
	if (route.rule && route.rule->shared)
		vty_out(vty, "The order is another one for each call, by weight.%s", VTY_NEWLINE);
}

static int route_test(struct vty *vty, int argc, const char *argv[])
{
	struct test_call t = { .from = vty_gw->calls->gsm, .peer = "" };
	struct cause why;
	int i;

	if (!test_number(vty, &t.parties.called, argv[0]) || !test_number(vty, &t.parties.calling, argv[1]))
		return CMD_WARNING;
	for (i = 2; i < argc; i++) {
		if (!test_option(vty, &t, argc, argv, &i))
			return CMD_WARNING;
	}
	show_test_numbers(vty, "Call", &t.parties);
	if (numbering_in(vty_gw->calls, t.from, t.peer, &t.parties, &why) < 0) {
		vty_out(vty, "Refused, cause %u: %s%s", why.value, why.text, VTY_NEWLINE);
		return CMD_SUCCESS;
	}
	show_test_numbers(vty, "As it is looked up", &t.parties);
	show_test_rules(vty, &t);
	show_test_result(vty, &t);
	return CMD_SUCCESS;
}

#define TEST_STR                                                                                                       \
	SHOW_STR "Routing\nSay which route a call would take, and why not one before\n"                                \
		 "Called number as it is dialled, - for none\nCalling number, - for none\n"

DEFUN(show_route_test, show_route_test_cmd, "show route test CALLED CALLING", TEST_STR)
{
	return route_test(vty, argc, argv);
}

DEFUN(show_route_test_opt, show_route_test_opt_cmd, "show route test CALLED CALLING .OPTIONS",
      TEST_STR "'from PEER' or 'from gsm' (default), 'imsi DIGITS', 'emergency'\n")
{
	return route_test(vty, argc, argv);
}

void route_show_vty_init(void)
{
	install_element_ve(&show_routes_cmd);
	install_element_ve(&show_route_test_cmd);
	install_element_ve(&show_route_test_opt_cmd);
}
