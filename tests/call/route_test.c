/* Where calls go, and that SIP never leads to SIP. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/call/route.h>

#include "fake_leg.h"
#include "story.h"

static struct fake_kind gsm, sip;
static struct calls *calls;

static struct call_parties parties(const char *calling, const char *called, const char *imsi)
{
	struct call_parties p = {};

	if (*calling)
		EXPECT(number_from_dial_string(&p.calling, calling) == 0);
	if (*called)
		EXPECT(number_from_dial_string(&p.called, called) == 0);
	OSMO_STRLCPY_ARRAY(p.imsi, imsi);
	return p;
}

static void show(const struct fake_kind *from, const char *from_target, struct call_parties p)
{
	struct route r = route_find(calls, &from->kind, from_target, &p);

	if (r.kind)
		printf("from %s: to %s '%s', media %s\n", from->kind.name, r.kind->name, r.target,
		       get_value_string(media_mode_names, r.media_mode));
	else
		printf("from %s: refused, cause %u: %s\n", from->kind.name, r.cause.value, r.cause.text);
	EXPECT(from != &sip || r.kind != &sip.kind);
}

static void test_routes(void)
{
	struct call_parties sos = { .emergency = true };
	int mode;

	btw("no peer is configured");
	show(&gsm, NULL, parties("1001", "5552222", ""));
	show(&sip, "pbx", parties("5552222", "1001", ""));

	btw("a peer is configured");
	calls->routes.default_peer = talloc_strdup(calls, "pbx");
	show(&gsm, NULL, parties("1001", "5552222", ""));
	show(&sip, "pbx", parties("5552222", "1001", ""));

	btw("the peer decides how media goes, in both directions");
	for (mode = MEDIA_ANCHORED; mode <= MEDIA_DIRECT; mode++) {
		sip.mode = mode;
		show(&gsm, NULL, parties("1001", "5552222", ""));
		show(&sip, "pbx", parties("5552222", "1001", ""));
		show(&sip, NULL, parties("5552222", "1001", ""));
	}

	btw("the peer that is configured does not exist");
	sip.mode = -ENOENT;
	show(&gsm, NULL, parties("1001", "5552222", ""));
	show(&sip, "gone", parties("5552222", "1001", ""));
	sip.mode = MEDIA_ANCHORED;

	btw("nobody is called: only an emergency call may do that");
	show(&gsm, NULL, parties("1001", "", "001010000000001"));
	show(&gsm, NULL, parties("1001", "", ""));
	show(&sip, "pbx", parties("5552222", "", ""));
	show(&gsm, NULL, sos);

	btw("a side is missing");
	calls->gsm = NULL;
	show(&sip, "pbx", parties("5552222", "1001", ""));
	calls->gsm = &gsm.kind;
	calls->sip = NULL;
	show(&gsm, NULL, parties("1001", "5552222", ""));
	calls->sip = &sip.kind;
}

static void rewrite(const struct fake_kind *from, struct call_parties p)
{
	route_rewrite(calls, &from->kind, &p);
	printf("from %s: '%s' -> '%s' imsi '%s'\n", from->kind.name, p.calling.digits, p.called.digits, p.imsi);
}

static void test_identity(void)
{
	btw("identity is the MSISDN: nothing changes");
	rewrite(&sip, parties("5552222", "001010000000001", ""));
	rewrite(&gsm, parties("1001", "5552222", "001010000000001"));

	btw("identity is the IMSI");
	calls->routes.mt_identity = MT_IDENTITY_IMSI;
	rewrite(&sip, parties("5552222", "001010000000001", ""));
	rewrite(&sip, parties("5552222", "1001", ""));
	rewrite(&sip, parties("5552222", "+491010000000001", ""));
	rewrite(&sip, parties("001010000000001", "1001", ""));
	rewrite(&gsm, parties("1001", "5552222", "001010000000001"));
	rewrite(&gsm, parties("1001", "001010000000001", ""));

	btw("then nobody from SIP is called who has a number only");
	show(&sip, "pbx", parties("5552222", "", "001010000000001"));
	show(&sip, "pbx", parties("5552222", "1001", ""));
	show(&sip, "pbx", parties("5552222", "00101000000000112345", ""));
	show(&sip, "pbx", parties("5552222", "+001010000000001", ""));
	show(&gsm, NULL, parties("1001", "5552222", "001010000000001"));
	calls->routes.mt_identity = MT_IDENTITY_MSISDN;
}

static struct route_rule *add(const char *name, enum route_from from, enum route_action action)
{
	struct route_rule *rule = route_rule_add(calls, name);

	EXPECT(rule && !route_rule_add(calls, name));
	rule->from = from;
	rule->action = action;
	return rule;
}

static void match(struct route_rule *rule, struct number_match *m, enum number_match_how how, const char *pattern)
{
	const char *why;

	EXPECT(number_match_set(rule, m, how, pattern, &why) == 0);
}

static void peer(struct route_rule *rule, const char *name, uint16_t weight)
{
	rule->peers[rule->n_peers++] = (struct route_peer){ talloc_strdup(rule, name), weight };
}

static void show_rule(const struct fake_kind *from, const char *from_target, struct call_parties p)
{
	struct route r = route_find(calls, &from->kind, from_target, &p);

	printf("%-11s", r.rule ? r.rule->name : "(default)");
	show(from, from_target, p);
}

static void test_rules(void)
{
	struct call_parties sos = { .emergency = true }, sos112 = parties("1001", "112", "");
	struct route_rule *rule;

	btw("a table: the first that matches counts");
	sos112.emergency = true;
	rule = add("unfinished", ROUTE_FROM_ANY, ROUTE_TO_NOTHING);
	rule = add("never", ROUTE_FROM_GSM, ROUTE_REJECT);
	match(rule, &rule->called, NUMBER_MATCH_PREFIX, "0900");
	rule->reject = 21;
	rule = add("roamers", ROUTE_FROM_GSM, ROUTE_TO_PEERS);
	rule->imsi = talloc_strdup(rule, "26202");
	peer(rule, "roaming", 1);
	rule = add("boss", ROUTE_FROM_GSM, ROUTE_TO_PEERS);
	match(rule, &rule->calling, NUMBER_MATCH_WHOLE, "1001");
	match(rule, &rule->called, NUMBER_MATCH_REGEXP, "^\\+1[0-9]{10}$");
	peer(rule, "gold", 1);
	rule = add("phones", ROUTE_FROM_GSM, ROUTE_TO_GSM);
	match(rule, &rule->called, NUMBER_MATCH_REGEXP, "^1[0-9]{3}$");
	rule = add("locked", ROUTE_FROM_PEER, ROUTE_REJECT);
	rule->from_peer = talloc_strdup(rule, "bad");
	rule->reject = 50;
	rule = add("no-mt", ROUTE_FROM_SIP, ROUTE_REJECT);
	match(rule, &rule->called, NUMBER_MATCH_PREFIX, "19");
	rule->reject = 1;
	rule = add("sos", ROUTE_FROM_ANY, ROUTE_TO_PEERS);
	rule->emergency = true;
	peer(rule, "psap", 1);
	rule = add("closed", ROUTE_FROM_GSM, ROUTE_REJECT);
	match(rule, &rule->called, NUMBER_MATCH_PREFIX, "112");
	rule->reject = 21;
	rule = add("both", ROUTE_FROM_ANY, ROUTE_TO_PEERS);
	match(rule, &rule->called, NUMBER_MATCH_PREFIX, "77");
	peer(rule, "gold", 1);

	show_rule(&gsm, "", parties("1001", "0900123", ""));
	show_rule(&gsm, "", parties("1001", "+12125551234", "262020000000001"));
	show_rule(&gsm, "", parties("1001", "+12125551234", "262010000000001"));
	show_rule(&gsm, "", parties("1002", "+12125551234", ""));
	show_rule(&gsm, "", parties("1001", "+121255512345", ""));
	show_rule(&gsm, "", parties("1001", "1002", ""));
	show_rule(&gsm, "", parties("1001", "112", ""));
	show_rule(&gsm, "", sos112);
	show_rule(&gsm, "", sos);
	show_rule(&sip, "pbx", parties("5552222", "1001", ""));
	show_rule(&sip, "bad", parties("5552222", "1001", ""));
	show_rule(&sip, "pbx", parties("5552222", "1901", ""));
	btw("from SIP to SIP never, whatever the table says: a route to peers is none for a call from SIP");
	show_rule(&gsm, "", parties("1001", "7712", ""));
	show_rule(&sip, "pbx", parties("5552222", "7712", ""));

	btw("without the route for emergencies they take the others, but are not rejected");
	route_rule_free(route_rule_find(&calls->routes, "sos"));
	show_rule(&gsm, "", sos112);
	show_rule(&gsm, "", sos);
}

static unsigned int first[3];

static void count_first(const struct route *route, unsigned int n)
{
	const char *names[ROUTE_MAX_TARGETS];
	unsigned int i, k;

	memset(first, 0, sizeof(first));
	for (i = 0; i < n; i++) {
		EXPECT(route_order(route, names) == 3);
		for (k = 0; k < 3; k++)
			first[k] += !strcmp(names[0], route->rule->peers[k].name);
		EXPECT(strcmp(names[0], names[1]) && strcmp(names[1], names[2]) && strcmp(names[0], names[2]));
	}
}

static void test_shares(void)
{
	struct call_parties p = parties("1001", "88", "");
	struct route_rule *rule = add("shared", ROUTE_FROM_GSM, ROUTE_TO_PEERS);
	struct route route;

	btw("shared by weight 3 to 1, the third only as fallback; every call has all three");
	match(rule, &rule->called, NUMBER_MATCH_PREFIX, "88");
	peer(rule, "a", 3);
	peer(rule, "b", 1);
	peer(rule, "c", 0);
	route = route_find(calls, &gsm.kind, "", &p);
	EXPECT(route.rule == rule);
	count_first(&route, 10);
	EXPECT(first[0] == 10);
	rule->shared = true;
	count_first(&route, 4000);
	EXPECT(first[0] > 2800 && first[0] < 3200 && first[2] == 0);
	btw("all of weight 0: in order");
	rule->peers[0].weight = rule->peers[1].weight = 0;
	count_first(&route, 10);
	EXPECT(first[0] == 10);
}

static void test_look_ahead(void)
{
	struct call_parties p = parties("1001", "1002", ""), sip_call = parties("1001", "5", ""),
			    bad = parties("1", "0900", "");

	btw("what a leg has to know beforehand is what it gets then");
	EXPECT(route_look_ahead(calls, &gsm.kind, "", &p, NULL) == MEDIA_DIRECT);
	EXPECT(route_look_ahead(calls, &gsm.kind, "", &sip_call, NULL) == MEDIA_ANCHORED);
	EXPECT(route_look_ahead(calls, &gsm.kind, "", &bad, NULL) < 0);
	route_rule_find(&calls->routes, "phones")->gsm_media = MEDIA_ANCHORED;
	EXPECT(route_look_ahead(calls, &gsm.kind, "", &p, NULL) == MEDIA_ANCHORED);
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "route_test");

	story_init(ctx);
	calls = fake_core(ctx, &gsm, &sip, NULL);
	test_routes();
	test_identity();
	test_rules();
	test_shares();
	test_look_ahead();
	talloc_free(calls);
	btw("done");
	return 0;
}
