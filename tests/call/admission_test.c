/* Limits of calls: who is refused with which cause, and that every place is given back. */
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

/* Returns the call, or NULL with a line why it was refused. */
static struct call *place(struct fake_kind *from, const char *calling, const char *called, const char *imsi,
			  bool emergency)
{
	struct call_parties parties = { .emergency = emergency };
	struct leg_event ev = {
		.type = LEG_EV_SETUP,
		.setup = { .parties = &parties, .media = { LEG_MEDIA_OFFER, "offer-1" } },
	};
	uint32_t id;

	EXPECT(number_from_dial_string(&parties.calling, calling) == 0);
	EXPECT(number_from_dial_string(&parties.called, called) == 0);
	OSMO_STRLCPY_ARRAY(parties.imsi, imsi);
	from->stubborn = true; /* stays to tell why */
	call = call_begin(calls, fake_leg_alloc(from, ctx), &parties);
	id = call->id;
	leg_post(call->legs[LEG_A], &ev);
	pump();
	from->stubborn = false;
	printf("  %s %s -> %s %s: ", from->kind.name, calling, called, imsi);
	if (!call->cause) {
		printf("passes\n");
		return call;
	}
	printf("cause %u, %s\n", call->cause->value, call->cause->text);
	fake_leg_released(call->legs[LEG_A], 16);
	pump();
	EXPECT(!call_find(calls, id));
	return NULL;
}

static void end(struct call *one)
{
	call_release(one, &CAUSE(16));
	pump();
}

static void set(enum admission_limit limit, uint32_t n)
{
	memset(calls->admission.limits, 0, sizeof(calls->admission.limits));
	btw("limit %s %u", get_value_string(admission_limit_names, limit), n);
	calls->admission.limits[limit] = n;
}

static void none_left(void)
{
	while (calls->n)
		end(llist_first_entry(&calls->list, struct call, entry));
	EXPECT(!calls->admission.n[0] && !calls->admission.n[1] && hash_empty(calls->admission.subscribers));
	EXPECT(talloc_total_blocks(calls) == blocks_at_rest);
}

static void test_totals(void)
{
	struct call *one;

	set(ADMIT_TOTAL, 2);
	one = place(&gsm, "1001", "2001", "", false);
	place(&sip, "2001", "1002", "", false);
	EXPECT(!place(&gsm, "1003", "2001", "", false));
	EXPECT(!place(&sip, "2003", "1004", "", false));
	EXPECT(place(&gsm, "1003", "112", "", true));
	end(one);
	btw("one has ended, but the emergency call counts");
	EXPECT(!place(&sip, "2003", "1004", "", false));
	none_left();

	set(ADMIT_MO, 1);
	one = place(&gsm, "1001", "2001", "", false);
	EXPECT(!place(&gsm, "1002", "2001", "", false));
	EXPECT(place(&sip, "2003", "1004", "", false));
	end(one);
	EXPECT(place(&gsm, "1002", "2001", "", false));
	none_left();

	set(ADMIT_MT, 1);
	place(&sip, "2001", "1001", "", false);
	EXPECT(!place(&sip, "2001", "1002", "", false));
	EXPECT(place(&gsm, "1002", "2001", "", false));
	none_left();
}

static void test_subscribers(void)
{
	struct call *one;

	set(ADMIT_SUBSCRIBER_MO, 1);
	one = place(&gsm, "1001", "2001", "", false);
	EXPECT(!place(&gsm, "1001", "2002", "", false));
	EXPECT(place(&gsm, "1002", "2002", "", false));
	EXPECT(place(&sip, "2001", "1001", "", false));
	EXPECT(place(&gsm, "1001", "112", "", true));
	end(one);
	btw("the IMSI counts, not the number");
	EXPECT(place(&gsm, "1003", "2001", "001010000000001", false));
	EXPECT(!place(&gsm, "1004", "2001", "001010000000001", false));
	EXPECT(place(&gsm, "1003", "2001", "001010000000002", false));
	btw("a limit that is raised, and one that is taken away");
	calls->admission.limits[ADMIT_SUBSCRIBER_MO] = 2;
	EXPECT(place(&gsm, "1004", "2001", "001010000000001", false));
	EXPECT(!place(&gsm, "1004", "2001", "001010000000001", false));
	calls->admission.limits[ADMIT_SUBSCRIBER_MO] = 0;
	EXPECT(place(&gsm, "1004", "2001", "001010000000001", false));
	none_left();

	set(ADMIT_SUBSCRIBER_MT, 2);
	place(&sip, "2001", "1001", "", false);
	place(&sip, "2002", "1001", "", false);
	EXPECT(!place(&sip, "2003", "1001", "", false));
	EXPECT(place(&sip, "2003", "1002", "", false));
	none_left();
}

static void test_many(void)
{
	unsigned int i;
	char number[16];

	set(ADMIT_SUBSCRIBER_MO, 1);
	btw("a thousand subscribers, and none is mistaken for another");
	gsm.quiet = sip.quiet = true;
	for (i = 0; i < 1000; i++) {
		struct call_parties parties = {};
		struct leg_event ev = { .type = LEG_EV_SETUP, .setup = { .parties = &parties } };

		snprintf(number, sizeof(number), "%u", 10000 + i / 2);
		EXPECT(number_from_dial_string(&parties.calling, number) == 0);
		EXPECT(number_from_dial_string(&parties.called, "1") == 0);
		leg_post(call_begin(calls, fake_leg_alloc(&gsm, ctx), &parties)->legs[LEG_A], &ev);
	}
	pump();
	printf("  %u of 1000 calls pass, one of the two of each\n", calls->n);
	EXPECT(log_lines() < 50);
	none_left();
}

int main(void)
{
	ctx = talloc_named_const(NULL, 0, "admission_test");
	story_init(ctx);
	calls = fake_core(ctx, &gsm, &sip, "pbx");
	gsm.quiet = sip.quiet = true;
	blocks_at_rest = talloc_total_blocks(calls);
	test_totals();
	test_subscribers();
	test_many();
	printf("  refused by a limit: %llu\n",
	       (unsigned long long)rate_ctr_group_get_ctr(calls->ctrs, CALLS_CTR_REFUSED_LIMIT)->current);
	talloc_free(calls);
	btw("done");
	return 0;
}
