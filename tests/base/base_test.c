/* Tokens are random, hashes keep still within a process, timers fire to the millisecond. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdbool.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

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

	btw("each timer has a sentence");
	for (g = sipgw_tdef_groups; g->tdefs; g++) {
		struct osmo_tdef *def;
		osmo_tdef_for_each(def, g->tdefs)
			EXPECT(def->desc && strlen(def->desc) > 10);
	}
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "base_test");

	story_init(ctx);
	fake_time_start();
	test_tokens();
	test_timers();
	btw("done");
	return 0;
}
