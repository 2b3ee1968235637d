/* Calls told as stories, with fake legs on both sides. The table of all states and events is in states_test. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/call/call.h>

#include "fake_leg.h"
#include "fake_time.h"
#include "story.h"

static void *ctx;
static struct fake_kind gsm, sip;
static struct calls *calls;
static size_t blocks_at_rest;

static struct call *call;
#define A (call->legs[LEG_A])
#define B (call->legs[LEG_B])

static void begin_with(struct fake_kind *kind)
{
	struct call_parties parties = { .called.digits = "1", .calling.digits = "2" };
	char buf[200];

	call = call_begin(calls, fake_leg_alloc(kind, ctx), &parties);
	EXPECT(call);
	call_to_str_buf(buf, sizeof(buf), call); /* the operator sees from the beginning who calls whom */
	EXPECT(strstr(buf, " 2 -> 1, "));
}

static void mo_setup(void)
{
	btw("phone 1001 dials 5552222");
	begin_with(&gsm);
	fake_leg_setup(A, "1001", "5552222", "offer-1");
	pump();
}

static void mt_setup(void)
{
	btw("the PBX calls 1001");
	begin_with(&sip);
	fake_leg_setup(A, "5551000", "1001", "offer-1");
	pump();
}

static void post_media(struct leg *leg, enum leg_event_type type, enum leg_media_kind kind, const char *sdp)
{
	leg_post_media(leg, type, kind, sdp);
	pump();
}

static void post_type(struct leg *leg, enum leg_event_type type)
{
	leg_post_type(leg, type);
	pump();
}

static void talk(void)
{
	btw("the called side answers, the calling side confirms");
	post_media(B, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-1");
	post_type(A, LEG_EV_CONNECTED);
	EXPECT(call->fi->state == CALL_ST_TALKING);
}

static void hang_up(struct leg *leg, uint8_t cause)
{
	btw("%s %c ends, cause %u", leg->kind->name, leg->side == LEG_A ? 'A' : 'B', cause);
	fake_leg_released(leg, cause);
	pump();
}

/* Everything is gone; print the counters that moved. */
static void nothing_left(void)
{
	unsigned int i;

	EXPECT(calls->n == 0 && llist_empty(&calls->list));
	EXPECT(gsm.n_legs == 0 && sip.n_legs == 0);
	EXPECT(talloc_total_blocks(calls) == blocks_at_rest);
	for (i = 0; i < calls->ctrs->desc->num_ctr; i++) {
		struct rate_ctr *ctr = rate_ctr_group_get_ctr(calls->ctrs, i);
		if (ctr->current)
			printf("  counted %s %llu\n", calls->ctrs->desc->ctr_desc[i].name,
			       (unsigned long long)ctr->current);
	}
	rate_ctr_group_reset(calls->ctrs);
}

static void test_mo(void)
{
	char buf[200];

	printf("\n=== MO call ===\n");
	mo_setup();
	btw("the far side works on it, rings, is heard");
	post_type(B, LEG_EV_PROCEEDING);
	pass_ms(500);
	post_type(B, LEG_EV_ALERTING);
	EXPECT(call->t_alerting.tv_sec && !call->answered);
	post_media(B, LEG_EV_PROGRESS, LEG_MEDIA_ANSWER, "answer-early");
	pass_ms(4000);
	talk();
	EXPECT(call->answered && call->t_answered.tv_sec - call->t_start.tv_sec == 4);
	call_to_str_buf(buf, sizeof(buf), call);
	printf("  %s\n", strchr(buf + 5, ' ') + 1);
	hang_up(A, 16);
	nothing_left();
}

static void test_mt(void)
{
	struct leg_event answered = {
		.type = LEG_EV_ANSWERED,
		.answered = { .media = { LEG_MEDIA_ANSWER, "answer-1" }, .connected = { .digits = "1001" } },
	};
	char buf[200];

	printf("\n=== MT call ===\n");
	sip.mode = MEDIA_DIRECT;
	mt_setup();
	post_type(B, LEG_EV_PROCEEDING);
	post_type(B, LEG_EV_ALERTING);
	btw("the phone answers");
	leg_post(B, &answered);
	pump();
	post_type(A, LEG_EV_CONNECTED);
	post_type(B, LEG_EV_CONNECTED);
	call_to_str_buf(buf, sizeof(buf), call);
	printf("  %s; target %s\n", strchr(buf + 5, ' ') + 1, call->target);
	hang_up(B, 16);
	nothing_left();
	sip.mode = MEDIA_ANCHORED;
}

static void test_failures(void)
{
	struct cause cause = cause_make(CAUSE_INCOMPATIBLE_DEST, "phone: FR only; peer offers PCMA");

	printf("\n=== Calls that fail ===\n");
	mo_setup();
	hang_up(B, CAUSE_USER_BUSY);
	nothing_left();

	mo_setup();
	btw("no codec in common: the sentence goes along");
	leg_post_released(B, &cause);
	pump();
	nothing_left();

	btw("a cause that is none is made one");
	mt_setup();
	hang_up(B, 0);
	nothing_left();

	sip.refuse = CAUSE_NET_OUT_OF_ORDER;
	mo_setup();
	sip.refuse = 0;
	nothing_left();

	TALLOC_FREE(calls->routes.default_peer);
	blocks_at_rest--;
	mo_setup();
	calls->routes.default_peer = talloc_strdup(calls, "pbx");
	blocks_at_rest++;
	nothing_left();

	btw("the calling side dies before it has said what it wants");
	begin_with(&gsm);
	fake_leg_released(A, CAUSE_RESOURCES);
	pump();
	nothing_left();

	mo_setup();
	post_type(B, LEG_EV_ALERTING);
	hang_up(A, CAUSE_NORMAL);
	nothing_left();

	mo_setup();
	talk();
	btw("the link to the MSC is lost");
	hang_up(A, CAUSE_TEMP_FAILURE);
	nothing_left();
}

static void test_both_at_once(void)
{
	printf("\n=== Both hang up at once ===\n");
	mo_setup();
	talk();
	fake_leg_released(A, 16);
	fake_leg_released(B, 31);
	pump();
	nothing_left();

	mo_setup();
	btw("the answer crosses the caller's hanging up");
	leg_post_media(B, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-1");
	fake_leg_released(A, 16);
	pump();
	nothing_left();

	mo_setup();
	fake_leg_released(A, 16);
	leg_post_media(B, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-1");
	pump();
	nothing_left();
}

static void test_twice(void)
{
	struct cause cause = cause_make(CAUSE_NORMAL_UNSPEC, "by the operator");

	printf("\n=== Released twice ===\n");
	mo_setup();
	talk();
	btw("the operator ends the call, twice");
	call_release(call, &cause);
	call_release(call, &cause);
	pump();
	nothing_left();

	mo_setup();
	talk();
	btw("a leg says RELEASED twice, and something after it");
	fake_leg_released(B, 16);
	fake_leg_released(B, 17);
	leg_post_type(B, LEG_EV_ALERTING);
	pump();
	nothing_left();
}

static void test_hold(void)
{
	printf("\n=== Hold, retrieve, DTMF ===\n");
	mo_setup();
	talk();
	btw("the phone holds, the PBX agrees");
	post_media(A, LEG_EV_HELD, LEG_MEDIA_OFFER, "offer-hold");
	post_media(B, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "answer-hold");
	btw("the phone retrieves, the PBX refuses");
	post_media(A, LEG_EV_RESUMED, LEG_MEDIA_OFFER, "offer-resume");
	post_media(B, LEG_EV_MEDIA, LEG_MEDIA_REFUSED, NULL);
	btw("the PBX holds and resumes without a word about media");
	post_type(B, LEG_EV_HELD);
	post_type(B, LEG_EV_RESUMED);
	btw("keys, both ways");
	leg_post(A, &(struct leg_event){ .type = LEG_EV_DTMF, .dtmf = { .key = '5', .start = true } });
	leg_post(A, &(struct leg_event){ .type = LEG_EV_DTMF, .dtmf = { .key = '5', .duration_ms = 160 } });
	leg_post(B,
		 &(struct leg_event){ .type = LEG_EV_DTMF, .dtmf = { .key = '#', .start = true, .duration_ms = 100 } });
	pump();
	hang_up(A, 16);
	nothing_left();
}

static void test_offers(void)
{
	printf("\n=== Offers and answers ===\n");
	mo_setup();
	talk();
	btw("the PBX changes its address, the GSM side answers");
	post_media(B, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-2");
	post_media(A, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "answer-2");
	btw("glare: both offer at once, the second one is refused");
	leg_post_media(A, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-a");
	leg_post_media(B, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-b");
	pump();
	post_media(B, LEG_EV_MEDIA, LEG_MEDIA_REFUSED, NULL);
	btw("a second offer before the first one is answered is refused at once");
	post_media(A, LEG_EV_HELD, LEG_MEDIA_OFFER, "offer-3");
	post_media(A, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-4");
	post_media(B, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "answer-3");
	btw("an answer nobody waits for, and media without a word, go nowhere");
	post_media(B, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "answer-3");
	post_media(B, LEG_EV_MEDIA, LEG_MEDIA_NONE, NULL);
	btw("an offer on its way when the other side ends: the end answers it");
	leg_post_media(A, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-5");
	hang_up(B, 16);
	nothing_left();

	mo_setup();
	btw("the handset moves while the first offer is open: refused");
	post_media(A, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-6");
	btw("and passed on once early media answered it");
	post_media(B, LEG_EV_PROGRESS, LEG_MEDIA_ANSWER, "answer-early");
	post_media(A, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-7");
	post_media(B, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "answer-7");
	btw("a hold before there is anything to hold: refused");
	post_media(A, LEG_EV_HELD, LEG_MEDIA_OFFER, "offer-8");
	btw("the answer came early, so the 200 need not repeat it");
	post_type(B, LEG_EV_ANSWERED);
	btw("the PBX re-invites before the phone has confirmed");
	post_media(B, LEG_EV_MEDIA, LEG_MEDIA_OFFER, "offer-9");
	post_type(A, LEG_EV_CONNECTED);
	post_media(A, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "answer-9");
	hang_up(A, 16);
	nothing_left();

	btw("an INVITE without an offer: the called side makes one");
	begin_with(&sip);
	fake_leg_setup(A, "5551000", "1001", NULL);
	pump();
	post_media(B, LEG_EV_ALERTING, LEG_MEDIA_OFFER, "offer-b");
	post_media(B, LEG_EV_ANSWERED, LEG_MEDIA_OFFER, "offer-b");
	post_media(A, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "answer-a");
	post_type(A, LEG_EV_CONNECTED);
	hang_up(A, 16);
	nothing_left();

	mo_setup();
	btw("the called side offers where it should answer");
	post_media(B, LEG_EV_ALERTING, LEG_MEDIA_OFFER, "offer-b");
	btw("and answers the call without having said where its media goes");
	post_type(B, LEG_EV_ANSWERED);
	nothing_left();
}

static void test_identity(void)
{
	struct call_parties p = { .imsi = "001010000000001", .emergency = true };
	struct leg_event ev = { .type = LEG_EV_SETUP, .setup = { .parties = &p } };

	printf("\n=== IMSI as identity, emergency ===\n");
	calls->routes.mt_identity = MT_IDENTITY_IMSI;
	begin_with(&sip);
	fake_leg_setup(A, "5551000", "001010000000001", "offer-1");
	pump();
	hang_up(A, 16);
	nothing_left();
	calls->routes.mt_identity = MT_IDENTITY_MSISDN;

	btw("an emergency call with no number at all");
	begin_with(&gsm);
	leg_post(A, &ev);
	pump();
	hang_up(A, 16);
	nothing_left();
}

static unsigned int n_empty;

static void empty_cb(void *data)
{
	n_empty++;
	printf("  the last call is gone\n");
}

static void test_stop(void)
{
	struct cause cause = cause_make(CAUSE_TEMP_FAILURE, "shutting down");
	struct call_parties parties = {};
	struct leg *leg;

	printf("\n=== Shutting down ===\n");
	calls->empty_cb = empty_cb;
	mo_setup();
	talk();
	mt_setup();
	btw("stop: every call is released, new ones are refused");
	calls_stop(calls, &cause);
	leg = fake_leg_alloc(&gsm, ctx);
	EXPECT(!call_begin(calls, leg, &parties));
	EXPECT(talloc_parent(leg) == ctx);
	talloc_free(leg);
	EXPECT(n_empty == 0);
	pump();
	EXPECT(n_empty == 1);
	nothing_left();

	btw("stop without calls is done at once");
	calls_stop(calls, &cause);
	EXPECT(n_empty == 2);
	calls->stopping = false;
	calls->empty_cb = NULL;
}

static void test_ids(void)
{
	struct call *first, *last;

	printf("\n=== Ids ===\n");
	gsm.quiet = sip.quiet = true;
	btw("ids are never 0, and one that lives is not given again when they wrap");
	calls->last_id = UINT32_MAX - 1;
	begin_with(&gsm);
	last = call;
	begin_with(&gsm);
	first = call;
	printf("  %u, then %u\n", last->id, first->id);
	calls->last_id = UINT32_MAX - 1;
	begin_with(&gsm);
	printf("  with both alive: %u\n", call->id);
	EXPECT(call_find(calls, UINT32_MAX) == last && call_find(calls, 1) == first && call_find(calls, 2) == call);
	EXPECT(!call_find(calls, 0) && !call_find(calls, 3));

	btw("messages for calls and legs that do not exist are counted and dropped");
	dispatch_post_event(calls->dispatch, 3, LEG_A, 0, &(struct leg_event){ .type = LEG_EV_ALERTING });
	dispatch_post_cmd(calls->dispatch, 3, LEG_A, 0, &(struct leg_cmd){ .type = LEG_CMD_PROCEED });
	dispatch_post_event(calls->dispatch, 1, LEG_B, 0, &(struct leg_event){ .type = LEG_EV_ALERTING });
	pump();
	fake_leg_released(first->legs[LEG_A], 16);
	fake_leg_released(last->legs[LEG_A], 16);
	fake_leg_released(A, 16);
	pump();
	nothing_left();
	gsm.quiet = sip.quiet = false;
}

static void test_memory(void)
{
	size_t before = talloc_total_size(calls), legs, per_call;

	printf("\n=== Memory ===\n");
	gsm.quiet = sip.quiet = true;
	begin_with(&gsm);
	fake_leg_setup(A, "1001", "5552222", "offer-1");
	pump();
	post_media(B, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer-1");
	legs = talloc_total_size(A) + talloc_total_size(B);
	per_call = talloc_total_size(calls) - before - legs + 96 * (talloc_total_blocks(calls) - blocks_at_rest - 2);
	fprintf(stderr, "a call takes %zu bytes besides its legs, talloc's own included\n", per_call);
	btw("an answered call takes at most 1100 bytes besides its legs");
	EXPECT(per_call <= 1100);
	fake_leg_released(A, 16);
	pump();
	nothing_left();
	EXPECT(talloc_total_size(calls) == before);

	btw("freeing everything in the middle of calls and messages ends the legs, too");
	begin_with(&gsm);
	fake_leg_setup(A, "1001", "5552222", "offer-1");
	pump();
	begin_with(&sip);
	fake_leg_setup(A, "1001", "5552222", "offer-1");
	talloc_free(calls);
	EXPECT(gsm.n_legs == 0 && sip.n_legs == 0);
	pump();
}

int main(void)
{
	ctx = talloc_named_const(NULL, 0, "call_test");
	story_init(ctx);
	calls = fake_core(ctx, &gsm, &sip, "pbx");
	blocks_at_rest = talloc_total_blocks(calls);

	test_mo();
	test_mt();
	test_failures();
	test_both_at_once();
	test_twice();
	test_hold();
	test_offers();
	test_identity();
	test_stop();
	test_ids();
	test_memory();
	btw("done");
	return 0;
}
