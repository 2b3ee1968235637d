/* One target after the other, redirections, and what the calling side hears of it: nothing. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/call/call.h>

#include "fake_leg.h"
#include "fake_time.h"
#include "story.h"

static void *ctx;
static struct fake_kind gsm, sip;
static struct calls *calls;
static struct route_rule *three;
static size_t blocks_at_rest;

static struct call *call;
static uint32_t call_id;
#define A (call->legs[LEG_A])
#define B (call->legs[LEG_B])

static void add_peer(struct route_rule *rule, const char *name, uint16_t weight)
{
	rule->action = ROUTE_TO_PEERS;
	rule->peers[rule->n_peers++] = (struct route_peer){ talloc_strdup(rule, name), weight };
}

static void settle(void)
{
	pump();
	call = call_find(calls, call_id);
}

static void begin(const char *title, struct fake_kind *from, const char *called, bool emergency)
{
	struct call_parties parties = { .emergency = emergency };
	struct leg_event ev = {
		.type = LEG_EV_SETUP,
		.setup = { .parties = &parties, .media = { LEG_MEDIA_OFFER, "offer-1" } },
	};

	printf("\n=== %s ===\n", title);
	if (called)
		EXPECT(number_from_dial_string(&parties.called, called) == 0);
	EXPECT(number_from_dial_string(&parties.calling, "1001") == 0);
	call = call_begin(calls, fake_leg_alloc(from, ctx), &parties);
	call_id = call->id;
	leg_post(A, &ev);
	settle();
}

static void post(struct leg *leg, enum leg_event_type type, enum leg_media_kind kind, const char *sdp)
{
	leg_post_media(leg, type, kind, sdp);
	settle();
}

static void way_fails(uint8_t cause)
{
	btw("the way to %s fails, cause %u", B->kind->target(B), cause);
	fake_leg_way_failed(B, cause);
	settle();
}

static void refuses(uint8_t cause)
{
	btw("%s refuses, cause %u", B->kind->target(B), cause);
	fake_leg_released(B, cause);
	settle();
}

static void redirects(const char *number, const char *target)
{
	btw("%s redirects to %s%s%s", B->kind->target(B), number, *target ? " at " : "", target);
	fake_leg_redirects(B, number, target);
	settle();
}

static void ends(void)
{
	unsigned int i;

	if (call) {
		btw("the calling side hangs up");
		fake_leg_released(A, 16);
		settle();
	}
	EXPECT(!call && calls->n == 0 && gsm.n_legs == 0 && sip.n_legs == 0);
	EXPECT(talloc_total_blocks(calls) == blocks_at_rest);
	for (i = 0; i < calls->ctrs->desc->num_ctr; i++) {
		if (calls->ctrs->ctr[i].current)
			printf("  counted %s %llu\n", calls->ctrs->desc->ctr_desc[i].name,
			       (unsigned long long)calls->ctrs->ctr[i].current);
	}
	rate_ctr_group_reset(calls->ctrs);
}

static void test_next(void)
{
	begin("The first is dead, the second answers", &gsm, "5552222", false);
	way_fails(CAUSE_NET_OUT_OF_ORDER);
	EXPECT(call->fi->state == CALL_ST_CALLING);
	post(B, LEG_EV_ALERTING, LEG_MEDIA_NONE, NULL);
	post(B, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-2");
	post(A, LEG_EV_CONNECTED, LEG_MEDIA_NONE, NULL);
	EXPECT(!call->attempt && !strcmp(call->target, "two"));
	btw("an answered call is not tried again");
	way_fails(41);
	ends();

	begin("All fail: the last cause counts", &gsm, "5552222", false);
	way_fails(38);
	way_fails(41);
	way_fails(34);
	ends();

	begin("The second cannot even be asked", &gsm, "5552222", false);
	sip.dead = "two";
	way_fails(38);
	EXPECT(!strcmp(call->target, "three"));
	sip.dead = NULL;
	ends();

	begin("What a user says is final", &gsm, "5552222", false);
	refuses(CAUSE_USER_BUSY);
	ends();

	begin("Only one target", &gsm, "7", false);
	way_fails(38);
	ends();
}

static void test_media(void)
{
	begin("Heard already, then dead: the next one's answer counts", &gsm, "5552222", false);
	post(B, LEG_EV_PROGRESS, LEG_MEDIA_ANSWER, "answer-1");
	EXPECT(call->fi->state == CALL_ST_ALERTING);
	way_fails(41);
	post(B, LEG_EV_ALERTING, LEG_MEDIA_NONE, NULL);
	post(B, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-2");
	ends();

	begin("An answer without media does not borrow that of the dead one", &gsm, "5552222", false);
	post(B, LEG_EV_PROGRESS, LEG_MEDIA_ANSWER, "answer-1");
	way_fails(41);
	post(B, LEG_EV_ANSWERED, LEG_MEDIA_NONE, NULL);
	ends();

	begin("The caller's new offer to the dead one is not forgotten", &gsm, "5552222", false);
	post(B, LEG_EV_PROGRESS, LEG_MEDIA_ANSWER, "answer-1");
	post(A, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-2");
	way_fails(41);
	ends();

	begin("Commands to the dead one come too late and are dropped", &gsm, "5552222", false);
	post(B, LEG_EV_PROGRESS, LEG_MEDIA_ANSWER, "answer-1");
	fake_leg_way_failed(B, 41);
	leg_post_media(A, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-2");
	settle();
	ends();
}

static void test_time(void)
{
	begin("The time limit is for all targets together", &gsm, "5552222", false);
	pass_ms(80000);
	way_fails(102);
	pass_ms(9000);
	settle();
	EXPECT(call);
	pass_ms(2000);
	settle();
	ends();

	begin("Ringing, too", &gsm, "5552222", false);
	post(B, LEG_EV_ALERTING, LEG_MEDIA_NONE, NULL);
	pass_ms(160000);
	way_fails(102);
	post(B, LEG_EV_ALERTING, LEG_MEDIA_NONE, NULL);
	pass_ms(11000);
	settle();
	ends();
}

static void test_redirect(void)
{
	begin("Redirected to another number", &gsm, "5552222", false);
	redirects("5553333", "");
	ends();

	begin("Redirected within a peer", &gsm, "5552222", false);
	redirects("5553333", "four");
	way_fails(38);
	ends();

	begin("Redirected twice: the one who was called first passed it on", &gsm, "5552222", false);
	redirects("5553333", "");
	redirects("5554444", "");
	ends();

	begin("Redirected in a circle", &gsm, "5552222", false);
	redirects("5553333", "");
	redirects("5554444", "");
	redirects("5552222", "");
	ends();

	begin("Redirected to itself", &gsm, "5552222", false);
	redirects("5552222", "");
	ends();

	calls->routes.max_redirects = 2;
	begin("Redirected more often than is followed", &gsm, "5552222", false);
	redirects("1", "one");
	redirects("2", "one");
	redirects("3", "one");
	ends();

	calls->routes.max_redirects = 0;
	begin("Redirections are not followed at all", &gsm, "5552222", false);
	redirects("5553333", "");
	ends();
	calls->routes.max_redirects = ROUTE_MAX_REDIRECTS_DEFAULT;

	begin("A phone's redirection does not lead from SIP to SIP", &sip, "1001", false);
	redirects("5553333", "");
	EXPECT(B->kind == &gsm.kind);
	ends();
}

static void test_emergency(void)
{
	struct route_rule *sos = route_rule_add(calls, "sos"), *no = route_rule_add(calls, "no");

	sos->emergency = true;
	add_peer(sos, "psap-1", 1);
	add_peer(sos, "psap-2", 1);
	no->action = ROUTE_REJECT;
	no->reject = 21;
	blocks_at_rest = talloc_total_blocks(calls);
	calls->admission.limits[ADMIT_TOTAL] = 1;
	calls->admission.n[0] = 1; /* full */

	begin("An ordinary call finds the gateway full", &gsm, "5552222", false);
	ends();

	begin("Emergency: whatever the first one says, the next is tried", &gsm, NULL, true);
	refuses(CAUSE_USER_BUSY);
	refuses(CAUSE_REJECTED);
	ends();

	begin("Emergency: a redirection counts only if nobody else is left", &gsm, "112", true);
	redirects("110", "");
	ends();

	begin("Emergency: the caller hangs up", &gsm, "112", true);
	refuses(CAUSE_USER_BUSY);
	ends();

	calls->admission.limits[ADMIT_TOTAL] = 0;
	calls->admission.n[0] = 0;
	route_rule_free(no);
	route_rule_free(sos);
	blocks_at_rest = talloc_total_blocks(calls);
}

static void test_relay(void)
{
	struct route_rule *bad = route_rule_add(calls, "bad");
	const char *why;

	EXPECT(number_match_set(bad, &bad->called, NUMBER_MATCH_PREFIX, "1001", &why) == 0);
	add_peer(bad, "one", 1);
	llist_del(&bad->entry);
	llist_add(&bad->entry, &calls->routes.rules);
	blocks_at_rest = talloc_total_blocks(calls);
	begin("From SIP to SIP is never done: the route is passed over", &sip, "1001", false);
	refuses(17);
	ends();
	route_rule_free(bad);
	blocks_at_rest = talloc_total_blocks(calls);
}

static void test_late_place(void)
{
	struct call_parties parties = {};
	struct leg_event ev = { .type = LEG_EV_SETUP, .setup = { .parties = &parties, .refused = true } };

	printf("\n=== A limit was reached when it came, and is not any more: its leg has prepared nothing ===\n");
	EXPECT(number_from_dial_string(&parties.called, "5552222") == 0);
	call = call_begin(calls, fake_leg_alloc(&gsm, ctx), &parties);
	call_id = call->id;
	leg_post(A, &ev);
	settle();
	EXPECT(!calls->admission.n[0]);
	ends();
}

static void set_up(void)
{
	struct route_rule *phones = route_rule_add(calls, "phones");
	const char *why;

	three = route_rule_add(calls, "three");
	EXPECT(number_match_set(three, &three->called, NUMBER_MATCH_PREFIX, "5", &why) == 0);
	three->from = ROUTE_FROM_GSM;
	add_peer(three, "one", 1);
	add_peer(three, "two", 1);
	add_peer(three, "three", 1);
	phones->from = ROUTE_FROM_SIP;
	phones->action = ROUTE_TO_GSM;
}

int main(void)
{
	ctx = talloc_named_const(NULL, 0, "failover_test");
	story_init(ctx);
	calls = fake_core(ctx, &gsm, &sip, "pbx");
	set_up();
	blocks_at_rest = talloc_total_blocks(calls);

	test_next();
	test_media();
	test_time();
	test_redirect();
	test_emergency();
	test_relay();
	test_late_place();
	talloc_free(calls);
	btw("done");
	return 0;
}
