/* Limits of calls with a peer: at a time, per second, in all; emergency calls pass. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include "ua/ua_internal.h"
#include "session_story.h"

/* Nobody answers, nobody refuses. */
static void incoming(struct sip_session *s, struct sip_peer *peer, const struct sip_invite *inv, void *data)
{
	static const struct sip_session_ops no_ops;

	sip_session_set_user(s, &no_ops, NULL);
}

static uint64_t peer_counter(enum sip_peer_ctr ctr)
{
	return rate_ctr_group_get_ctr(stage.peer->ctrs, ctr)->current;
}

/* A call comes, and stays for as long as nobody ends it. The status that it got. */
static unsigned int call_comes(struct fake_call *one)
{
	stage.pbx->quiet = true;
	fake_call_init(one, stage.pbx, "1");
	fake_call_invite(one, NULL, PBX_SDP);
	EXPECT(fake_sip_receive(stage.pbx));
	stage.pbx->quiet = false;
	return atoi(stage.pbx->msg + strlen("SIP/2.0 "));
}

static void refused(struct fake_call *one)
{
	printf("  503, Retry-After: %s\n", fake_sip_header(stage.pbx, "Retry-After"));
	fake_call_ack_failure(one);
}

static void test_calls(void)
{
	struct fake_call calls[3];

	btw("two calls at a time: the third is refused");
	stage.peer->cfg.max_calls = 2;
	EXPECT(call_comes(&calls[0]) == 100);
	EXPECT(call_comes(&calls[1]) == 100);
	log_lines();
	EXPECT(call_comes(&calls[2]) == 503);
	refused(&calls[2]);
	EXPECT(log_lines() == 1);
	EXPECT(peer_counter(SIP_PEER_CTR_REFUSED_CALLS) == 1);
	btw("one of ours, too; but not in an emergency");
	EXPECT(sip_limit_take(stage.peer, false) == SIP_LIMIT_CALLS);
	EXPECT(sip_limit_take(stage.peer, true) == SIP_LIMIT_OK);
	btw("one goes, another may come");
	fake_call_cancel(&calls[0], NULL);
	fake_sip_expect(stage.pbx, "200 CANCEL");
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_call_ack_failure(&calls[0]);
	EXPECT(call_comes(&calls[2]) == 100);
	stage.peer->cfg.max_calls = 0;
	fake_call_cancel(&calls[1], NULL);
	fake_call_cancel(&calls[2], NULL);
	fake_sip_drain(stage.pbx);
	stage_idle();
}

static unsigned int take(unsigned int n)
{
	unsigned int got = 0;

	while (n--)
		got += sip_limit_take(stage.peer, false) == SIP_LIMIT_OK;
	return got;
}

static void test_rate(void)
{
	struct fake_call one;
	unsigned int i, got = 0;

	btw("ten calls per second: so many at once, then one each 100 ms");
	stage.peer->cfg.max_calls_per_s = 10;
	EXPECT(take(25) == 10);
	pass_ms(99);
	EXPECT(take(1) == 0);
	pass_ms(1);
	EXPECT(take(2) == 1);
	btw("in ten seconds a hundred of a thousand");
	pass_ms(1000);
	EXPECT(take(100) == 10);
	for (i = 0; i < 1000; i++) {
		pass_ms(10);
		got += take(1);
	}
	EXPECT(got == 100);
	btw("however long the pause, no more than the burst at once");
	stage.peer->cfg.max_calls_burst = 3;
	pass_ms(3600000);
	EXPECT(take(100) == 3);
	EXPECT(sip_limit_take(stage.peer, true) == SIP_LIMIT_OK);
	btw("a call that comes too soon");
	EXPECT(call_comes(&one) == 503);
	refused(&one);
	EXPECT(peer_counter(SIP_PEER_CTR_REFUSED_RATE) > 0);
	stage.peer->cfg.max_calls_per_s = stage.peer->cfg.max_calls_burst = 0;
	stage_idle();
}

static void test_total(void)
{
	btw("the gateway is full: not for emergencies");
	sip_ua_set_max_sessions(stage.ua, 0);
	EXPECT(sip_limit_take(stage.peer, false) == SIP_LIMIT_TOTAL);
	EXPECT(sip_limit_take(stage.peer, true) == SIP_LIMIT_OK);
	sip_ua_set_max_sessions(stage.ua, SIP_UA_MAX_SESSIONS);
}

int main(int argc, char **argv)
{
	stage_set("sip_limit_test", "127.0.59");
	stage.ua->ops.incoming = incoming;
	test_calls();
	test_rate();
	test_total();
	stage_clear();
	return 0;
}
