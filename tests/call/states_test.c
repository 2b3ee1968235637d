/* Every event in every state, from both sides: something defined happens, and the call always ends with both legs
 * released and no memory left.
 *
 * The table is written for MO calls; MT calls have to behave alike. Commands are read off the dispatch queue. */
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

/* In place of a media kind, where there is none */
enum released_how {
	HOW_WAY_FAILED = 100,
	HOW_REDIRECTED,
};

static const char *const state_names[] = { "IDLE",	 "ROUTING", "CALLING",	"ALERTING",
					   "CONNECTING", "TALKING", "RELEASING" };
#define N_STATES ARRAY_SIZE(state_names)

/* What the queue carried since the last look */
static char seen_str[400];

static void seen(void *data, const struct dispatch_item *item, bool delivered)
{
	size_t len = strlen(seen_str);

	if (item->dir != DISPATCH_CMD || len > sizeof(seen_str) - 60)
		return;
	seen_str[len++] = ' ';
	len += dispatch_item_to_str_buf(seen_str + len, sizeof(seen_str) - len, item);
	if (!delivered)
		strcpy(seen_str + len, "(stale)");
}

static uint64_t ctr(enum calls_ctr c)
{
	return rate_ctr_group_get_ctr(calls->ctrs, c)->current;
}

static void post(enum leg_side side, enum leg_event_type type, enum leg_media_kind kind)
{
	static const struct call_parties parties = { .called = { .digits = "5552222" } };
	struct leg_media media = { .kind = kind, .sdp = "v=0" };
	struct leg_event ev = { .type = type };

	switch (type) {
	case LEG_EV_SETUP:
		ev.setup = (struct leg_setup){ .parties = &parties, .media = { LEG_MEDIA_OFFER, "v=0" } };
		break;
	case LEG_EV_ANSWERED:
		ev.answered.media = media;
		break;
	case LEG_EV_DTMF:
		ev.dtmf = (struct leg_dtmf){ .key = '1', .start = true };
		break;
	case LEG_EV_DTMF_RESULT:
		ev.dtmf = (struct leg_dtmf){ .key = '1', .accepted = true };
		break;
	case LEG_EV_TRANSFER:
		OSMO_STRLCPY_ARRAY(ev.transfer.number.digits, "5554444");
		break;
	case LEG_EV_RELEASED:
		ev.released = (struct leg_released){ .cause = CAUSE(16), .way_failed = (int)kind == HOW_WAY_FAILED };
		if ((int)kind == HOW_REDIRECTED)
			OSMO_STRLCPY_ARRAY(ev.released.redirect.digits, "5553333");
		break;
	default:
		ev.media = media;
	}
	/* by id, so that it also works for legs that are not there; like a leg, nothing is said after RELEASED */
	call = call_find(calls, call_id);
	if (call && call->legs[side])
		leg_post(call->legs[side], &ev);
	else
		dispatch_post_event(calls->dispatch, call_id, side, 0, &ev);
}

static void settle(void)
{
	pump();
	call = call_find(calls, call_id);
}

/* Bring a call to \a state. */
static void reach(struct fake_kind *from, enum call_state state)
{
	call = call_begin(calls, fake_leg_alloc(from, ctx), &(struct call_parties){});
	EXPECT(call);
	call_id = call->id;
	if (state == CALL_ST_ROUTING) /* left at once by itself, as long as routing waits for nobody */
		osmo_fsm_inst_state_chg(call->fi, CALL_ST_ROUTING, timer_ms(call_tdefs, T_CALL_ROUTING) / 1000,
					T_CALL_ROUTING);
	if (state >= CALL_ST_CALLING)
		post(LEG_A, LEG_EV_SETUP, LEG_MEDIA_OFFER);
	if (state >= CALL_ST_ALERTING)
		post(LEG_B, LEG_EV_ALERTING, LEG_MEDIA_NONE);
	settle();
	if (state >= CALL_ST_CONNECTING)
		post(LEG_B, LEG_EV_ANSWERED, LEG_MEDIA_ANSWER);
	if (state >= CALL_ST_TALKING)
		post(LEG_A, LEG_EV_CONNECTED, LEG_MEDIA_NONE);
	settle();
	if (state >= CALL_ST_RELEASING) {
		gsm.stubborn = sip.stubborn = true;
		call_release(call, &CAUSE(16));
		settle();
		gsm.stubborn = sip.stubborn = false;
	}
	EXPECT(call && call->fi->state == state);
	seen_str[0] = '\0';
}

static void expect_gone(void)
{
	settle();
	EXPECT(!call);
	EXPECT(calls->n == 0);
	EXPECT(gsm.n_legs == 0 && sip.n_legs == 0);
	EXPECT(dispatch_depth(calls->dispatch) == 0);
	EXPECT(talloc_total_blocks(calls) == blocks_at_rest);
}

enum ending {
	END_BY_A,
	END_BY_B,
	END_BOTH,
	END_BY_OPERATOR,
	END_BY_TIMEOUT,
	N_ENDINGS,
};

/* End whatever is left, in one of many ways. Legs that were told to end already, but did not, are let go. */
static void end_somehow(enum ending how)
{
	if (call && call->fi->state == CALL_ST_RELEASING)
		how = how == END_BY_TIMEOUT ? how : END_BOTH;
	if (how == END_BY_B && call && !call->legs[LEG_B])
		how = END_BY_A;
	if (how == END_BY_A || how == END_BOTH)
		post(LEG_A, LEG_EV_RELEASED, LEG_MEDIA_NONE);
	if (how == END_BY_B || how == END_BOTH)
		post(LEG_B, LEG_EV_RELEASED, LEG_MEDIA_NONE);
	if (how == END_BY_OPERATOR && call)
		call_release(call, &CAUSE(16));
	if (how == END_BY_TIMEOUT) {
		pass_ms(500 * 1000);
		settle();
		if (call)
			call_release(call, &CAUSE(16)); /* TALKING may last */
	}
	settle();
	if (call && call->transfer) { /* one waits for the new party */
		post(LEG_A, LEG_EV_RELEASED, LEG_MEDIA_NONE);
		post(LEG_B, LEG_EV_RELEASED, LEG_MEDIA_NONE);
	}
	expect_gone();
}

struct stimulus {
	enum leg_event_type type;
	enum leg_media_kind kind;
	const char *name;
};

static const struct stimulus stimuli[] = {
	{ LEG_EV_SETUP, LEG_MEDIA_OFFER, "SETUP{offer}" },
	{ LEG_EV_PROCEEDING, LEG_MEDIA_NONE, "PROCEEDING" },
	{ LEG_EV_ALERTING, LEG_MEDIA_NONE, "ALERTING" },
	{ LEG_EV_ALERTING, LEG_MEDIA_ANSWER, "ALERTING{answer}" },
	{ LEG_EV_PROGRESS, LEG_MEDIA_NONE, "PROGRESS" },
	{ LEG_EV_PROGRESS, LEG_MEDIA_ANSWER, "PROGRESS{answer}" },
	{ LEG_EV_ANSWERED, LEG_MEDIA_NONE, "ANSWERED" },
	{ LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "ANSWERED{answer}" },
	{ LEG_EV_ANSWERED, LEG_MEDIA_REFUSED, "ANSWERED{refused}" },
	{ LEG_EV_CONNECTED, LEG_MEDIA_NONE, "CONNECTED" },
	{ LEG_EV_MEDIA, LEG_MEDIA_NONE, "MEDIA" },
	{ LEG_EV_MEDIA, LEG_MEDIA_OFFER, "MEDIA{offer}" },
	{ LEG_EV_MEDIA, LEG_MEDIA_ANSWER, "MEDIA{answer}" },
	{ LEG_EV_MEDIA, LEG_MEDIA_ASK, "MEDIA{ask}" },
	{ LEG_EV_MEDIA, LEG_MEDIA_REFUSED, "MEDIA{refused}" },
	{ LEG_EV_MEDIA, LEG_MEDIA_RETRY, "MEDIA{retry}" },
	{ LEG_EV_MEDIA, LEG_MEDIA_VOID, "MEDIA{void}" },
	{ LEG_EV_HELD, LEG_MEDIA_NONE, "HELD" },
	{ LEG_EV_HELD, LEG_MEDIA_OFFER, "HELD{offer}" },
	{ LEG_EV_RESUMED, LEG_MEDIA_NONE, "RESUMED" },
	{ LEG_EV_RESUMED, LEG_MEDIA_OFFER, "RESUMED{offer}" },
	{ LEG_EV_DTMF, LEG_MEDIA_NONE, "DTMF" },
	{ LEG_EV_DTMF_RESULT, LEG_MEDIA_NONE, "DTMF_RESULT" },
	{ LEG_EV_TRANSFER, LEG_MEDIA_NONE, "TRANSFER" },
	{ LEG_EV_RELEASED, LEG_MEDIA_NONE, "RELEASED" },
	{ LEG_EV_RELEASED, (enum leg_media_kind)HOW_WAY_FAILED, "RELEASED{way}" },
	{ LEG_EV_RELEASED, (enum leg_media_kind)HOW_REDIRECTED, "RELEASED{redirect}" },
};

/* Post one event in one state and say what it led to. */
static void try_one(char *buf, size_t len, struct fake_kind *from, enum call_state state, enum leg_side side,
		    const struct stimulus *st)
{
	uint64_t unexpected, stale;

	reach(from, state);
	unexpected = ctr(CALLS_CTR_DISPATCH_UNEXPECTED);
	stale = ctr(CALLS_CTR_DISPATCH_STALE);
	post(side, st->type, st->kind);
	settle();
	snprintf(buf, len, "%-10s %c %-18s -> %-10s%s%s%s", state_names[state], side == LEG_A ? 'A' : 'B', st->name,
		 call ? call_state_name(call) : "ended",
		 ctr(CALLS_CTR_DISPATCH_UNEXPECTED) > unexpected ? " unexpected" : "",
		 ctr(CALLS_CTR_DISPATCH_STALE) > stale && !strstr(seen_str, "stale") ? " stale" : "", seen_str);
	end_somehow(END_BY_A);
}

static void test_table(void)
{
	char mo[600], mt[600];
	int state, side, i;

	btw("each event in each state, from each side");
	for (state = 0; state < N_STATES; state++) {
		printf("\n");
		for (side = LEG_A; side <= LEG_B; side++) {
			for (i = 0; i < ARRAY_SIZE(stimuli); i++) {
				try_one(mo, sizeof(mo), &gsm, state, side, &stimuli[i]);
				try_one(mt, sizeof(mt), &sip, state, side, &stimuli[i]);
				printf("%s\n", mo);
				EXPECT(!strcmp(mo, mt));
			}
		}
	}
}

static void test_pairs(void)
{
	unsigned int n = 0;
	int state, first, second;

	btw("each two events after each other and at once, in each state; the call is ended in all ways in turn");
	for (state = 0; state < N_STATES; state++) {
		for (first = 0; first < 2 * ARRAY_SIZE(stimuli); first++) {
			for (second = 0; second < 2 * ARRAY_SIZE(stimuli); second++, n++) {
				const struct stimulus *one = &stimuli[first / 2], *two = &stimuli[second / 2];
				reach(n & 1 ? &gsm : &sip, state);
				post(first & 1, one->type, one->kind);
				if (n & 2)
					settle();
				post(second & 1, two->type, two->kind);
				settle();
				end_somehow(n / 4 % N_ENDINGS);
			}
		}
	}
	printf("  %u calls, none left\n", n);
}

static void test_endings(void)
{
	static const char *const names[] = { "A hangs up", "B hangs up", "both hang up", "the operator ends it",
					     "time passes" };
	int state, how;

	btw("each way to end in each state");
	for (state = 0; state < N_STATES; state++) {
		for (how = 0; how < N_ENDINGS; how++) {
			if (state == CALL_ST_RELEASING && how != END_BOTH && how != END_BY_TIMEOUT)
				continue;
			if (state < CALL_ST_CALLING && (how == END_BY_B || how == END_BOTH))
				continue;
			reach(how & 1 ? &gsm : &sip, state);
			end_somehow(how);
			printf("%-10s %-20s:%s\n", state_names[state], names[how], seen_str);
		}
	}
}

static void test_stop(void)
{
	int state;

	btw("the daemon stops, in each state, and is told so twice");
	for (state = 0; state < N_STATES; state++) {
		reach(&gsm, state);
		calls_stop(calls, &CAUSE(CAUSE_TEMP_FAILURE));
		calls_stop(calls, &CAUSE(CAUSE_TEMP_FAILURE));
		if (state == CALL_ST_RELEASING) {
			post(LEG_A, LEG_EV_RELEASED, LEG_MEDIA_NONE);
			post(LEG_B, LEG_EV_RELEASED, LEG_MEDIA_NONE);
		}
		expect_gone();
		printf("%-10s:%s\n", state_names[state], seen_str);
		calls->stopping = false;
	}
}

/* How long a call stays in \a state if nothing happens. */
static void test_timeout(enum call_state state)
{
	unsigned long s;

	reach(&gsm, state);
	for (s = 0; s < 600 && call && call->fi->state == state; s++) {
		pass_ms(1000);
		call = call_find(calls, call_id);
	}
	if (call && call->fi->state == state)
		printf("%-10s lasts\n", state_names[state]);
	else
		printf("%-10s %lu s:%s\n", state_names[state], s, seen_str);
	end_somehow(END_BY_A);
}

static void test_timeouts(void)
{
	uint64_t forced;
	int state;

	btw("time-outs");
	for (state = 0; state < N_STATES; state++)
		test_timeout(state);

	btw("legs that never end are removed by force, and counted");
	for (state = 0; state < CALL_ST_RELEASING; state++) {
		reach(&gsm, state);
		forced = ctr(CALLS_CTR_FORCED);
		gsm.stubborn = sip.stubborn = true;
		call_release(call, &CAUSE(16));
		pass_ms(89 * 1000);
		EXPECT(call_find(calls, call_id));
		pass_ms(1000);
		gsm.stubborn = sip.stubborn = false;
		expect_gone();
		printf("%-10s %u legs\n", state_names[state], (unsigned int)(ctr(CALLS_CTR_FORCED) - forced));
	}

	btw("ringing that repeats for ever does not hold the call for ever");
	reach(&gsm, CALL_ST_CALLING);
	for (state = 0; state < 100 && call; state++) {
		post(LEG_B, LEG_EV_ALERTING, LEG_MEDIA_NONE);
		pass_ms(5000);
		settle();
	}
	printf("  ended after %d times 5 s\n", state);
	expect_gone();
}

int main(void)
{
	struct dispatch_observer obs = { .seen = seen };

	ctx = talloc_named_const(NULL, 0, "states_test");
	story_init(ctx);
	calls = fake_core(ctx, &gsm, &sip, "pbx");
	gsm.quiet = sip.quiet = true;
	dispatch_observe(calls->dispatch, &obs);
	blocks_at_rest = talloc_total_blocks(calls);

	test_table();
	test_pairs();
	test_endings();
	test_stop();
	test_timeouts();
	talloc_free(calls);
	btw("done");
	return 0;
}
