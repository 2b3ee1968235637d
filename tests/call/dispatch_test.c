/* The queue: order, ownership, budget, staleness, observers. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/turn.h>
#include <osmocom/sipgw/call/dispatch.h>

#include "fake_time.h"
#include "story.h"

static unsigned int n_delivered;
static unsigned int chain; /* deliver() posts so many more, one after the other */
static struct dispatch *d;
static bool print = true;

static bool deliver(void *data, const struct dispatch_item *item)
{
	const struct leg_media *media;
	char buf[100];

	n_delivered++;
	if (print) {
		dispatch_item_to_str_buf(buf, sizeof(buf), item);
		printf("  %u: %s", item->call_id, buf);
		media = item->dir == DISPATCH_EVENT ? leg_event_media(&item->ev) : leg_cmd_media(&item->cmd);
		if (media && media->sdp)
			printf(" \"%s\"", media->sdp);
		printf("\n");
	}
	if (chain) {
		chain--;
		dispatch_post_cmd(d, item->call_id, LEG_B, 0, &(struct leg_cmd){ .type = LEG_CMD_PROCEED });
	}
	return item->call_id != 404;
}

static void post_type(uint32_t call_id, enum leg_event_type type)
{
	dispatch_post_event(d, call_id, LEG_A, 0, &(struct leg_event){ .type = type });
}

static void test_order(void)
{
	btw("posting delivers nothing; the main loop does, in the order of posting");
	post_type(1, LEG_EV_PROCEEDING);
	post_type(2, LEG_EV_ALERTING);
	dispatch_post_cmd(d, 1, LEG_B, 0, &(struct leg_cmd){ .type = LEG_CMD_RELEASE, .cause = CAUSE(16) });
	post_type(1, LEG_EV_CONNECTED);
	EXPECT(n_delivered == 0);
	EXPECT(dispatch_depth(d) == 4);
	pump();
	EXPECT(n_delivered == 4);
	EXPECT(dispatch_depth(d) == 0);

	btw("what a delivery posts comes after it, never inside of it");
	chain = 2;
	post_type(3, LEG_EV_CONNECTED);
	post_type(4, LEG_EV_CONNECTED);
	pump();
}

static void test_ownership(void)
{
	char sdp[] = "v=0 of the offer";
	struct call_parties parties = { .called = { .digits = "1001" }, .imsi = "001010000000001" };
	struct leg_event setup = {
		.type = LEG_EV_SETUP,
		.setup = { .parties = &parties, .media = { LEG_MEDIA_OFFER, sdp } },
	};
	struct leg_cmd cmd = { .type = LEG_CMD_SETUP, .setup = setup.setup };
	struct leg_cmd answer = { .type = LEG_CMD_ANSWER, .answered = { .media = { LEG_MEDIA_ANSWER, sdp } } };

	btw("an item owns what it carries: the poster's memory may go");
	dispatch_post_event(d, 5, LEG_A, 0, &setup);
	dispatch_post_cmd(d, 5, LEG_B, 0, &cmd);
	dispatch_post_cmd(d, 5, LEG_A, 0, &answer);
	memset(sdp, 'X', sizeof(sdp) - 1);
	memset(&parties, 'X', sizeof(parties));
	pump();
}

static void test_media(void)
{
	static const enum leg_media_kind kinds[] = { LEG_MEDIA_NONE, LEG_MEDIA_OFFER, LEG_MEDIA_ANSWER,
						     LEG_MEDIA_REFUSED };
	int i;

	btw("SDP goes with an offer and an answer only, and these do not go without");
	for (i = 0; i < 4; i++) {
		dispatch_post_event(d, 6, LEG_B, 0,
				    &(struct leg_event){ .type = LEG_EV_MEDIA, .media = { kinds[i], "v=0" } });
		dispatch_post_event(d, 6, LEG_B, 0,
				    &(struct leg_event){ .type = LEG_EV_MEDIA, .media = { kinds[i], NULL } });
	}
	pump();

	btw("words for the rest");
	dispatch_post_event(d, 6, LEG_A, 0,
			    &(struct leg_event){ .type = LEG_EV_DTMF, .dtmf = { .key = '#', .start = true } });
	dispatch_post_event(d, 6, LEG_A, 0, &(struct leg_event){ .type = LEG_EV_RELEASED, .released = { .cause = CAUSE(17) } });
	pump();
}

static void count_turn(void)
{
	turn_end();
	osmo_select_main_ctx(1);
}

static void test_budget(void)
{
	int i;

	btw("a flood is delivered in portions; sockets have their turn in between");
	print = false;
	n_delivered = 0;
	for (i = 0; i < 1000; i++)
		post_type(7, LEG_EV_PROCEEDING);
	while (dispatch_depth(d)) {
		count_turn();
		printf("  a turn: %u delivered, %u wait\n", n_delivered, dispatch_depth(d));
	}

	btw("also when deliveries post more and more");
	n_delivered = 0;
	chain = 600;
	post_type(7, LEG_EV_PROCEEDING);
	while (dispatch_depth(d)) {
		count_turn();
		printf("  a turn: %u delivered, %u wait\n", n_delivered, dispatch_depth(d));
	}

	btw("draining by hand keeps to the budget too");
	for (i = 0; i < 10; i++)
		post_type(7, LEG_EV_PROCEEDING);
	EXPECT(dispatch_drain(d, 3) == 3);
	EXPECT(dispatch_drain(d, 0) == 0);
	EXPECT(dispatch_drain(d, 100) == 7);
	EXPECT(dispatch_drain(d, 100) == 0);
	pump();
	print = true;
}

static unsigned int n_seen[2];

static void seen(void *data, const struct dispatch_item *item, bool delivered)
{
	n_seen[delivered]++;
}

static void test_observers(void)
{
	struct dispatch_observer obs = { .seen = seen };

	btw("an observer sees everything, and whether it got through");
	dispatch_observe(d, &obs);
	post_type(8, LEG_EV_CONNECTED);
	post_type(404, LEG_EV_CONNECTED);
	pump();
	printf("  delivered %u, stale %u\n", n_seen[true], n_seen[false]);
	llist_del(&obs.entry);
	post_type(8, LEG_EV_CONNECTED);
	pump();
	EXPECT(n_seen[true] == 1);
}

static void test_clock_step(void)
{
	btw("the queue does not care about somebody setting the clock back");
	n_delivered = 0;
	post_type(9, LEG_EV_CONNECTED);
	osmo_gettimeofday_override_time.tv_sec -= 86400;
	pump();
	EXPECT(n_delivered == 1);
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "dispatch_test");
	struct dispatch_sink sink = { .deliver = deliver };

	story_init(ctx);
	fake_time_start();
	d = dispatch_alloc(ctx, &sink);
	test_order();
	test_ownership();
	test_media();
	test_budget();
	test_observers();
	test_clock_step();

	btw("nothing is left behind, also when it goes with items in it");
	EXPECT(talloc_total_blocks(d) == 1);
	post_type(10, LEG_EV_CONNECTED);
	talloc_free(d);
	pump();
	btw("done");
	return 0;
}
