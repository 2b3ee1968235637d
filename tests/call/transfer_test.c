/* Transfers with legs that do what the story says: a phone talks to a PBX, which sends it to somebody else. */
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
static size_t blocks_at_rest;

static struct call *call;
static uint32_t call_id;
static enum leg_side pbx_side; /* where the PBX is, that asks for the transfer */

#define PBX   (call->legs[pbx_side])
#define PHONE (call->legs[leg_other_side(pbx_side)])

/* The newest leg of the PBX's side, wherever it stands; the test knows no more of a call than a leg does. */
static struct leg *new_leg;

static void settle(void)
{
	pump();
	call = call_find(calls, call_id);
}

static struct leg *(*real_alloc)(const struct leg_kind *kind, struct call *call, const char *target, struct cause *why);

static struct leg *noting_alloc(const struct leg_kind *kind, struct call *c, const char *target, struct cause *why)
{
	struct leg *leg = real_alloc(kind, c, target, why);

	new_leg = leg ?: new_leg;
	return leg;
}

static void post(struct leg *leg, enum leg_event_type type, enum leg_media_kind kind, const char *sdp)
{
	leg_post_media(leg, type, kind, sdp);
	settle();
}

/* A call that is up, MO: the PBX is on side B; MT: on side A. */
static void talking(const char *title, bool mt)
{
	printf("\n=== %s ===\n", title);
	gsm.quiet = sip.quiet = true;
	pbx_side = mt ? LEG_A : LEG_B;
	call = call_begin(calls, fake_leg_alloc(mt ? &sip : &gsm, ctx), &(struct call_parties){});
	call_id = call->id;
	if (mt)
		OSMO_STRLCPY_ARRAY(((struct fake_leg *)call->legs[LEG_A])->target, "pbx");
	fake_leg_setup(call->legs[LEG_A], mt ? "5552222" : "1001", mt ? "1001" : "5552222", "offer-0");
	settle();
	post(call->legs[LEG_B], LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-0");
	post(call->legs[LEG_A], LEG_EV_CONNECTED, LEG_MEDIA_NONE, NULL);
	EXPECT(call->fi->state == CALL_ST_TALKING && !call->attempt);
	gsm.quiet = sip.quiet = false;
}

static void refers(const char *number, const char *target)
{
	btw("the PBX transfers to %s%s%s", number, *target ? " at " : "", target);
	fake_leg_transfers(PBX, number, target);
	settle();
}

static void shown(void)
{
	char buf[120];

	call_transfer_to_str_buf(buf, sizeof(buf), call);
	printf("  shown: %s\n", buf);
}

static void phone_offers(void)
{
	btw("the phone's side offers");
	post(PHONE, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-1");
}

static void rings(void)
{
	btw("the new party rings");
	post(new_leg, LEG_EV_ALERTING, LEG_MEDIA_NONE, NULL);
}

static void answers(void)
{
	btw("the new party answers");
	post(new_leg, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-1");
}

static void leaves(struct leg *leg, const char *who, uint8_t cause)
{
	btw("%s hangs up, cause %u", who, cause);
	fake_leg_released(leg, cause);
	settle();
}

/* Media pass between the two as in any call. */
static void talks_on(void)
{
	struct leg *pbx = PBX;

	btw("the two talk: an offer passes and is answered");
	EXPECT(!call->transfer && !call->attempt);
	post(pbx, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-9");
	post(PHONE, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "answer-9");
	EXPECT(!call->offer_pending[LEG_A] && !call->offer_pending[LEG_B]);
}

static void ends(void)
{
	unsigned int i;

	if (call)
		leaves(PHONE, "the phone", 16);
	EXPECT(!call && calls->n == 0 && gsm.n_legs == 0 && sip.n_legs == 0);
	EXPECT(talloc_total_blocks(calls) == blocks_at_rest);
	for (i = CALLS_CTR_ANSWERED; i < calls->ctrs->desc->num_ctr; i++) {
		if (calls->ctrs->ctr[i].current)
			printf("  counted %s %llu\n", calls->ctrs->desc->ctr_desc[i].name,
			       (unsigned long long)calls->ctrs->ctr[i].current);
	}
	rate_ctr_group_reset(calls->ctrs);
}

static void test_done(void)
{
	talking("MO, to another peer: it rings and answers", false);
	refers("5553333", "pbx2");
	shown();
	phone_offers();
	rings();
	shown();
	answers();
	EXPECT(!strcmp(call->target, "pbx2") && call->legs[LEG_B] == new_leg);
	EXPECT(call->next_serial[LEG_B] - call->n_transfer_legs[LEG_B] == 1);
	talks_on();
	leaves(PBX, "the new party", 16);
	ends();

	talking("MT, by the routes", true);
	refers("5553333", "");
	phone_offers();
	answers();
	EXPECT(call->legs[LEG_A] == new_leg && !strcmp(call->target, "gsm"));
	talks_on();
	ends();

	talking("To another phone, by a route", false);
	refers("77", "");
	EXPECT(new_leg->kind == &gsm.kind);
	phone_offers();
	post(new_leg, LEG_EV_ALERTING, LEG_MEDIA_ANSWER, "early");
	btw("the answer was said before the call was answered");
	post(new_leg, LEG_EV_ANSWERED, LEG_MEDIA_NONE, NULL);
	talks_on();
	ends();

	talking("Twice in one call", false);
	refers("5553333", "pbx2");
	phone_offers();
	answers();
	refers("5554444", "pbx");
	phone_offers();
	answers();
	talks_on();
	ends();
}

static void test_referrer_goes(void)
{
	talking("The PBX hangs up at once, the new party answers", false);
	refers("5553333", "pbx2");
	phone_offers();
	leaves(PBX, "the PBX", 16);
	EXPECT(call && !PBX);
	shown();
	rings();
	btw("the phone presses a key: nobody is there");
	leg_post(PHONE, &(struct leg_event){ .type = LEG_EV_DTMF, .dtmf = { .key = '1', .start = true } });
	settle();
	answers();
	talks_on();
	ends();

	talking("The PBX hangs up at once, the new party has an announcement before it answers", false);
	refers("5553333", "pbx2");
	phone_offers();
	leaves(PBX, "the PBX", 16);
	btw("the new party has something to say");
	post(new_leg, LEG_EV_PROGRESS, LEG_MEDIA_ANSWER, "answer-0.5");
	answers();
	talks_on();
	ends();

	talking("The new party has an announcement, then the PBX hangs up", false);
	refers("5553333", "pbx2");
	phone_offers();
	btw("the new party has something to say");
	post(new_leg, LEG_EV_PROGRESS, LEG_MEDIA_ANSWER, "answer-0.5");
	leaves(PBX, "the PBX", 16);
	answers();
	ends();

	talking("The PBX hangs up before there is an offer", true);
	refers("5553333", "pbx2");
	leaves(PBX, "the PBX", 16);
	phone_offers();
	answers();
	talks_on();
	ends();

	talking("The PBX hangs up, the new party is busy: the end", false);
	refers("5553333", "pbx2");
	phone_offers();
	leaves(PBX, "the PBX", 16);
	leaves(new_leg, "the new party", 17);
	ends();

	talking("The PBX hangs up, and the phone", false);
	refers("5553333", "pbx2");
	phone_offers();
	leaves(PBX, "the PBX", 16);
	ends();

	talking("The PBX's BYE crosses our release", false);
	refers("5553333", "pbx2");
	phone_offers();
	fake_leg_released(PBX, 16);
	leg_post_media(new_leg, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-1");
	settle();
	talks_on();
	ends();

	talking("The same the other way round", false);
	refers("5553333", "pbx2");
	phone_offers();
	leg_post_media(new_leg, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-1");
	fake_leg_released(PBX, 16);
	settle();
	talks_on();
	ends();
}

static void test_fails(void)
{
	talking("The new party is busy: all stays", false);
	refers("5553333", "pbx2");
	phone_offers();
	rings();
	leaves(new_leg, "the new party", 17);
	talks_on();
	ends();

	talking("The phone's side cannot offer now", false);
	refers("5553333", "pbx2");
	post(PHONE, LEG_EV_MEDIA, LEG_MEDIA_RETRY, NULL);
	talks_on();
	ends();

	talking("It answers without media", false);
	refers("5553333", "pbx2");
	phone_offers();
	post(new_leg, LEG_EV_ANSWERED, LEG_MEDIA_NONE, NULL);
	talks_on();
	ends();

	talking("No sign of it", false);
	refers("5553333", "pbx2");
	phone_offers();
	pass_ms(91000);
	settle();
	talks_on();
	ends();

	talking("It rings for ever, and does not end", false);
	refers("5553333", "pbx2");
	phone_offers();
	rings();
	sip.stubborn = true;
	pass_ms(171000);
	settle();
	shown();
	pass_ms(91000);
	settle();
	sip.stubborn = false;
	talks_on();
	ends();

	talking("The first way is dead, the next one answers", false);
	refers("88", "");
	phone_offers();
	fake_leg_way_failed(new_leg, 38);
	settle();
	answers();
	talks_on();
	ends();

	talking("The new party sends it elsewhere", false);
	refers("5553333", "pbx2");
	phone_offers();
	fake_leg_redirects(new_leg, "5554444", "pbx3");
	settle();
	answers();
	talks_on();
	ends();

	talking("The phone hangs up while it rings", false);
	refers("5553333", "pbx2");
	phone_offers();
	rings();
	ends();

	talking("The operator ends it while it rings", false);
	refers("5553333", "pbx2");
	phone_offers();
	call_release(call, &CAUSE(16));
	settle();
	ends();

	talking("The operator ends it now", false);
	refers("5553333", "pbx2");
	phone_offers();
	call_terminate(call, &CAUSE(16));
	settle();
	ends();
}

static void test_refused(void)
{
	talking("That peer is dead", false);
	sip.dead = "pbx2";
	refers("5553333", "pbx2");
	sip.dead = NULL;
	talks_on();
	ends();

	talking("No route", false);
	refers("99", "");
	ends();

	talking("An offer is under way", false);
	post(PBX, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-5");
	refers("5553333", "pbx2");
	post(PHONE, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "answer-5");
	talks_on();
	ends();

	talking("Two at once; an offer meanwhile; and what the new one says too early", false);
	refers("5553333", "pbx2");
	refers("5554444", "pbx2");
	btw("the PBX offers");
	post(PBX, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-5");
	btw("the phone wants to hold");
	post(PHONE, LEG_EV_HELD, LEG_MEDIA_OFFER, "offer-6");
	phone_offers();
	btw("the PBX offers");
	post(PBX, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-7");
	btw("the new one offers");
	post(new_leg, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-8");
	answers();
	talks_on();
	ends();
}

static void set_routes(void)
{
	const char *why;
	struct route_rule *phones = route_rule_add(calls, "phones"), *two = route_rule_add(calls, "two");
	struct route_rule *no = route_rule_add(calls, "no");

	EXPECT(!number_match_set(phones, &phones->called, NUMBER_MATCH_PREFIX, "77", &why));
	phones->action = ROUTE_TO_GSM;
	EXPECT(!number_match_set(two, &two->called, NUMBER_MATCH_PREFIX, "88", &why));
	two->action = ROUTE_TO_PEERS;
	two->peers[two->n_peers++] = (struct route_peer){ talloc_strdup(two, "one"), 1 };
	two->peers[two->n_peers++] = (struct route_peer){ talloc_strdup(two, "two"), 1 };
	EXPECT(!number_match_set(no, &no->called, NUMBER_MATCH_PREFIX, "99", &why));
	no->action = ROUTE_REJECT;
	no->reject = 3;
}

int main(void)
{
	ctx = talloc_named_const(NULL, 0, "transfer_test");
	story_init(ctx);
	calls = fake_core(ctx, &gsm, &sip, "pbx");
	real_alloc = sip.kind.alloc;
	sip.kind.alloc = gsm.kind.alloc = noting_alloc;
	set_routes();
	blocks_at_rest = talloc_total_blocks(calls);

	test_done();
	test_referrer_goes();
	test_fails();
	test_refused();
	talloc_free(calls);
	btw("done");
	return 0;
}
