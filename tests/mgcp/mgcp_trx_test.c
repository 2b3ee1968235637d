/* MGCP transactions: loss, back-off, round trips, provisional answers, at-most-once, orphans. Time is virtual, the wire
 * is a function. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/mgcp/mgcp_trx.h>
#include <osmocom/sipgw/mgcp/mgw.h>

#include "fake_time.h"
#include "story.h"

static void *ctx;
static struct mgcp_trxs *trxs;
static struct mgw *mgw; /* for its counters only */
static uint32_t last_id;
static uint64_t began;
static bool quiet;

static uint64_t now_ms(void)
{
	struct timespec ts;

	osmo_clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* Ids are random: say only what is special about them. */
static void print_line(const char *data, size_t len)
{
	struct mgcp_msg msg;
	size_t used;
	int i;

	EXPECT(mgcp_msg_parse(&msg, data, len, &used) == 0);
	if (quiet) {
		last_id = msg.trans_id;
		return;
	}
	printf("  %5llu ms > ", (unsigned long long)(now_ms() - began));
	if (msg.is_command) {
		printf("%s%s %.*s", get_value_string(mgcp_verb_names, msg.verb),
		       msg.trans_id == last_id ? " again" : "", (int)msg.endpoint.len, msg.endpoint.s);
		last_id = msg.trans_id;
	} else {
		printf("%03u", msg.code);
		if (msg.trans_id != last_id)
			printf(" %u", msg.trans_id);
	}
	for (i = 0; i < _NUM_MGCP_PARAMS; i++)
		if (msg.params[i].s)
			printf(" | %.*s", (int)msg.params[i].len, msg.params[i].s);
	printf("\n");
}

static void tx(void *priv, const char *data, size_t len)
{
	print_line(data, len);
}

static void alive(void *priv)
{
}

static void given_up(void *priv, uint64_t first_sent_ms)
{
	printf("  %5llu ms given up, first sent at %llu ms\n", (unsigned long long)(now_ms() - began),
	       (unsigned long long)(first_sent_ms - began));
}

static uint16_t command(void *priv, const struct mgcp_msg *cmd)
{
	if (!quiet)
		printf("  carried out: %s\n", get_value_string(mgcp_verb_names, cmd->verb));
	return cmd->verb == MGCP_VERB_NTFY ? 200 : 504;
}

static unsigned int n_orphans;

static void orphan(void *priv, const char *call_id, const struct mgcp_msg *rsp)
{
	n_orphans++;
	if (quiet)
		return;
	printf("  orphan: call %s endpoint %.*s connection %.*s\n", call_id, (int)rsp->params[MGCP_PARAM_Z].len,
	       rsp->params[MGCP_PARAM_Z].s, (int)rsp->params[MGCP_PARAM_I].len, rsp->params[MGCP_PARAM_I].s);
}

static void unheard(void *priv, uint64_t call_id, const struct mgcp_msg *rsp)
{
	printf("  call %llX may have more endpoints\n", (unsigned long long)call_id);
}

static const struct mgcp_trx_ops ops = {
	.tx = tx,
	.alive = alive,
	.given_up = given_up,
	.command = command,
	.orphan = orphan,
	.unheard = unheard,
};

static void answered(void *data, const struct mgcp_msg *rsp)
{
	if (rsp)
		printf("  %5llu ms answer: %u\n", (unsigned long long)(now_ms() - began), rsp->code);
	else
		printf("  %5llu ms no answer\n", (unsigned long long)(now_ms() - began));
}

static void begin(void)
{
	began = now_ms();
	trxs = mgcp_trxs_alloc(ctx, &ops, NULL, mgw_ctrs(mgw));
}

static void end(void)
{
	struct mgcp_trxs_info info;

	mgcp_trxs_get_info(trxs, &info);
	printf("  left open: %u\n", info.n_open);
	mgcp_trxs_close(trxs);
	TALLOC_FREE(trxs);
	pass_ms(60000);
}

static struct mgcp_trx *send_cmd(enum mgcp_verb verb, const char *endpoint)
{
	struct mgcp_msg cmd = { .verb = verb, .endpoint = mgcp_text(endpoint) };

	if (verb != MGCP_VERB_AUEP)
		cmd.params[MGCP_PARAM_C] = mgcp_text("80000000000000AB");
	return mgcp_trx_send(trxs, &cmd, answered, NULL);
}

static void rx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void rx(const char *fmt, ...)
{
	char buf[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	mgcp_trxs_rx(trxs, buf, strlen(buf));
}

static void print_rto(void)
{
	struct mgcp_trxs_info info;

	mgcp_trxs_get_info(trxs, &info);
	printf("  round trip %u ms, time-out %u ms\n", info.srtt_ms, info.rto_ms);
}

static void test_loss(void)
{
	btw("the answer comes at once");
	begin();
	send_cmd(MGCP_VERB_MDCX, "ep@gw");
	rx("200 %u OK\r\n", last_id);
	end();

	btw("the first two are lost");
	begin();
	send_cmd(MGCP_VERB_MDCX, "ep@gw");
	pass_ms(1600);
	rx("200 %u OK\r\n", last_id);
	end();

	btw("all are lost");
	begin();
	send_cmd(MGCP_VERB_MDCX, "ep@gw");
	pass_ms(20000);
	end();

	btw("somebody else's answer is not taken");
	begin();
	send_cmd(MGCP_VERB_MDCX, "ep@gw");
	rx("200 %u OK\r\n", last_id == 1 ? 2 : last_id - 1);
	rx("528 000000 FAIL\r\n");
	rx("nonsense");
	rx("200 %u OK\r\n", last_id);
	btw("the same answer once more is of no interest");
	rx("200 %u OK\r\n", last_id);
	end();

	btw("cancelled: not repeated, nobody is told");
	begin();
	mgcp_trx_cancel(send_cmd(MGCP_VERB_MDCX, "ep@gw"));
	pass_ms(20000);
	rx("200 %u OK\r\n", last_id);
	end();
}

static void test_rtt(void)
{
	int i;

	btw("a far gateway: the time-out follows the measured round trip");
	begin();
	print_rto();
	for (i = 0; i < 4; i++) {
		send_cmd(MGCP_VERB_AUEP, "ep@gw");
		pass_ms(400);
		rx("200 %u OK\r\n", last_id);
		print_rto();
	}
	btw("an answer to a repeated command is no measurement (whose answer is it?)");
	send_cmd(MGCP_VERB_AUEP, "ep@gw");
	pass_ms(1500);
	rx("200 %u OK\r\n", last_id);
	print_rto();
	btw("a near one: never below the least time-out");
	quiet = true;
	for (i = 0; i < 40; i++) {
		struct mgcp_msg cmd = { .verb = MGCP_VERB_AUEP, .endpoint = mgcp_text("near@gw") };
		mgcp_trx_send(trxs, &cmd, NULL, NULL);
		pass_ms(2);
		rx("200 %u OK\r\n", last_id);
	}
	quiet = false;
	print_rto();
	end();
}

static void test_provisional(void)
{
	btw("a provisional answer slows the repetition down; the final one wants to be acknowledged, each time");
	begin();
	send_cmd(MGCP_VERB_CRCX, "ep@gw");
	rx("100 %u PENDING\r\n", last_id);
	pass_ms(4000);
	rx("200 %u OK\r\nK:\r\nI: 1\r\n", last_id);
	rx("200 %u OK\r\nK:\r\nI: 1\r\n", last_id);
	end();

	btw("the final one is lost: asked for again");
	begin();
	send_cmd(MGCP_VERB_CRCX, "ep@gw");
	pass_ms(100);
	rx("100 %u PENDING\r\n", last_id);
	pass_ms(6000);
	rx("200 %u OK\r\nI: 1\r\n", last_id);
	end();

	btw("nothing but provisional ones for ever");
	begin();
	send_cmd(MGCP_VERB_CRCX, "ep@gw");
	for (int i = 0; i < 100; i++) {
		rx("101 %u PENDING\r\n", last_id);
		pass_ms(2000);
	}
	end();
}

static void test_orphans(void)
{
	btw("a repeated wildcard CRCX is carried out three times");
	begin();
	send_cmd(MGCP_VERB_CRCX, "rtpbridge/*@mgw");
	pass_ms(1500);
	rx("200 %u OK\r\nZ: rtpbridge/1@mgw\r\nI: A\r\n", last_id);
	rx("200 %u OK\r\nZ: rtpbridge/2@mgw\r\nI: B\r\n", last_id);
	rx("200 %u OK\r\nZ: rtpbridge/3@mgw\r\nI: C\r\n", last_id);
	btw("a mere copy of the accepted answer is none");
	rx("200 %u OK\r\nZ: rtpbridge/1@mgw\r\nI: A\r\n", last_id);
	btw("a refusal is none");
	rx("403 %u FAIL\r\n", last_id);
	btw("after T-HIST it is not known any more");
	pass_ms(30000);
	rx("200 %u OK\r\nZ: rtpbridge/4@mgw\r\nI: D\r\n", last_id);
	end();

	btw("the answer comes after the command was given up");
	begin();
	send_cmd(MGCP_VERB_CRCX, "rtpbridge/*@mgw");
	pass_ms(15000);
	rx("200 %u OK\r\nZ: rtpbridge/1@mgw\r\nI: A\r\n", last_id);
	end();

	btw("the answer comes after the command was cancelled");
	begin();
	mgcp_trx_cancel(send_cmd(MGCP_VERB_CRCX, "rtpbridge/$@mgw"));
	rx("200 %u OK\r\nZ: rtpbridge/1@mgw\r\nI: A\r\n", last_id);
	end();

	btw("a CRCX to a named endpoint is none: deleting the endpoint gets at it");
	begin();
	send_cmd(MGCP_VERB_CRCX, "rtpbridge/1@mgw");
	pass_ms(15000);
	rx("200 %u OK\r\nI: A\r\n", last_id);
	end();
}

static void test_many(void)
{
	static uint32_t ids[3000];
	int i;

	n_orphans = 0;
	btw("three thousand of them within T-HIST are all remembered, then all forgotten");
	begin();
	quiet = true;
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		struct mgcp_msg cmd = { .verb = MGCP_VERB_CRCX, .endpoint = mgcp_text("rtpbridge/*@mgw") };
		mgcp_trx_send(trxs, &cmd, NULL, NULL);
		ids[i] = last_id;
		if (i % 3 == 0)
			pass_ms(1);
		rx("200 %u OK\r\nZ: e@mgw\r\nI: 1\r\n", last_id);
	}
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		rx("200 %u OK\r\nZ: e@mgw\r\nI: 2\r\n", ids[i]);
	printf("  orphans: %u\n", n_orphans);
	pass_ms(31000);
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		rx("200 %u OK\r\nZ: e@mgw\r\nI: 2\r\n", ids[i]);
	printf("  orphans: %u\n", n_orphans);
	EXPECT(talloc_total_size(trxs) < 300000);

	btw("ten thousand commands of the gateway in no time do not make memory grow");
	for (i = 0; i < 10000; i++)
		rx("NTFY %d ep@gw MGCP 1.0\r\n", i + 1);
	EXPECT(talloc_total_size(trxs) < 300000);
	quiet = false;
	end();
}

static void test_commands(void)
{
	btw("a command of the gateway is carried out once and answered each time");
	begin();
	rx("NTFY 4711 ep@gw MGCP 1.0\r\nO: L/hd\r\n");
	rx("NTFY 4711 ep@gw MGCP 1.0\r\nO: L/hd\r\n");
	pass_ms(29000);
	rx("NTFY 4711 ep@gw MGCP 1.0\r\nO: L/hd\r\n");
	btw("after T-HIST it is a new one");
	pass_ms(1000);
	rx("NTFY 4711 ep@gw MGCP 1.0\r\nO: L/hd\r\n");
	btw("what we do not do");
	rx("CRCX 4712 ep@gw MGCP 1.0\r\n");
	rx("XYZZ 4713 ep@gw MGCP 1.0\r\n");
	rx("NTFY 4714 ep@gw MGCP 1.0\r\nX+Must: know\r\n");
	rx("NTFY 4715 ep@gw MGCP 9.9\r\n");
	rx("NTFY 4716 ep@gw\r\n");
	btw("two commands and an answer in a datagram");
	send_cmd(MGCP_VERB_AUEP, "ep@gw");
	rx("NTFY 5001 ep@gw MGCP 1.0\r\n.\r\n200 %u OK\r\n.\r\nNTFY 5002 ep@gw MGCP 1.0\r\n", last_id);
	btw("an ack of our answer needs no answer");
	rx("000 5001\r\n");
	end();
}

int main(void)
{
	ctx = talloc_named_const(NULL, 0, "mgcp_trx_test");
	story_init(ctx);
	fake_time_start();
	mgw = mgw_alloc(ctx, "fake");

	test_loss();
	test_rtt();
	test_provisional();
	test_orphans();
	test_many();
	test_commands();

	talloc_free(mgw);
	btw("done");
	return 0;
}
