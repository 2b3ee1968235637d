/* Tokens are random, hashes keep still within a process, timers fire to the millisecond. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/base/turn.h>

#include "fake_time.h"
#include "story.h"

static void test_tokens(void)
{
	char a[33], b[33];

	btw("two tokens differ, have the length asked for and only hex digits");
	EXPECT(strlen(token_hex(a, 32)) == 32);
	EXPECT(strlen(token_hex(b, 32)) == 32);
	EXPECT(strcmp(a, b) != 0);
	EXPECT(strspn(a, "0123456789abcdef") == 32);
	EXPECT(strlen(token_hex(a, 5)) == 5);
	EXPECT(strlen(token_hex(a, 0)) == 0);

	btw("a hash is the same for the same bytes, and can be continued");
	EXPECT(token_hash_str("abc") == token_hash("abc", 3));
	EXPECT(token_hash_str("abc") != token_hash_str("abd"));
	EXPECT(token_hash_add(token_hash_str("a"), "b", 1) != token_hash_add(token_hash_str("b"), "a", 1));
}

static bool fired;

static void timer_cb(void *data)
{
	fired = true;
}

static void test_timers(void)
{
	struct osmo_timer_list t = {};
	struct osmo_tdef_group *g;

	btw("a timer of 1500 ms fires after 1500 ms");
	osmo_timer_setup(&t, timer_cb, NULL);
	timer_start_ms(&t, 1500);
	pass_ms(1499);
	EXPECT(!fired);
	pass_ms(1);
	EXPECT(fired);

	btw("timers have their defaults, in ms whatever their unit");
	EXPECT(timer_ms(sip_tdefs, T_SIP_T1) == 500);
	EXPECT(timer_ms(call_tdefs, T_CALL_ALERTING) == 170000);

	btw("no interval can be made so short that what it repeats becomes a flood, nor so long that doubling it overflows");
	EXPECT(osmo_tdef_set(sip_tdefs, T_SIP_T1, 9, OSMO_TDEF_MS) < 0);
	EXPECT(osmo_tdef_set(sip_tdefs, T_SIP_T1, 10, OSMO_TDEF_MS) == 0);
	EXPECT(osmo_tdef_set(sip_tdefs, T_SIP_T2, 99, OSMO_TDEF_MS) < 0);
	EXPECT(osmo_tdef_set(mncc_tdefs, T_MNCC_RECONNECT, 49, OSMO_TDEF_MS) < 0);
	EXPECT(osmo_tdef_set(mgcp_tdefs, T_MGCP_PROBE, 99, OSMO_TDEF_MS) < 0);
	EXPECT(osmo_tdef_set(mgcp_tdefs, T_MGCP_AUDIT, 0, OSMO_TDEF_MS) == 0);
	EXPECT(osmo_tdef_set(sip_tdefs, T_SIP_T1, 86400001, OSMO_TDEF_MS) < 0);
	osmo_tdef_get_entry(sip_tdefs, T_SIP_T1)->val = 0;
	EXPECT(timer_ms(sip_tdefs, T_SIP_T1) == 10);
	timers_init();

	btw("each timer has a sentence");
	for (g = sipgw_tdef_groups; g->tdefs; g++) {
		struct osmo_tdef *def;
		osmo_tdef_for_each(def, g->tdefs)
			EXPECT(def->desc && strlen(def->desc) > 10);
	}
}

static void test_log_limit(void)
{
	struct log_limit limit = {};
	unsigned int i;

	btw("what happens often is told at once, and then every ten seconds with the number of what was left out");
	EXPECT(strcmp(log_limit_pass(&limit), "") == 0);
	for (i = 0; i < 1000; i++)
		EXPECT(!log_limit_pass(&limit));
	pass_ms(9999);
	EXPECT(!log_limit_pass(&limit));
	pass_ms(1);
	printf("  line%s\n", log_limit_pass(&limit));
	EXPECT(!log_limit_pass(&limit));
	pass_ms(10000);
	printf("  line%s\n", log_limit_pass(&limit));
	pass_ms(10000);
	EXPECT(strcmp(log_limit_pass(&limit), "") == 0);
}

static struct turn_task deliver, send_;
static unsigned int rounds;

static void run_deliver(void *data)
{
	printf("  deliver\n");
	turn_later(&send_);
	turn_later(&send_);
	if (--rounds)
		turn_later(&deliver);
}

static void run_send(void *data)
{
	printf("  send\n");
}

static void test_turn(void)
{
	deliver = (struct turn_task){ .phase = TURN_DELIVER, .run = run_deliver };
	send_ = (struct turn_task){ .phase = TURN_SEND, .run = run_send };

	btw("at the end of a turn what waits is delivered, then sent, once; the rest is for the next turn");
	rounds = 2;
	turn_later(&send_);
	turn_later(&deliver);
	EXPECT(turn_end());
	EXPECT(!turn_end());
	EXPECT(!turn_end());

	btw("what was cancelled is not done");
	turn_later(&send_);
	turn_cancel(&send_);
	turn_cancel(&send_);
	EXPECT(!turn_end());

	btw("the main loop of the tests does it too");
	turn_later(&send_);
	pump();
}

static void test_lazy(void)
{
	struct osmo_timer_list t = {};

	btw("a lazy timer fires at the next half second, a short one in time");
	osmo_timer_setup(&t, timer_cb, NULL);
	pass_ms(501); /* the time is 1 ms past a second */
	fired = false;
	timer_start_lazy_ms(&t, 2000);
	pass_ms(2498);
	EXPECT(!fired);
	pass_ms(1);
	EXPECT(fired);
	fired = false;
	timer_start_lazy_ms(&t, 700);
	pass_ms(700);
	EXPECT(fired);
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "base_test");

	story_init(ctx);
	fake_time_start();
	test_tokens();
	test_timers();
	test_log_limit();
	test_lazy();
	test_turn();
	btw("done");
	return 0;
}
