/* The ladder of a call: what is drawn, what is kept, whose message is whose. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/obs/trace.h>

#include "fake_leg.h"
#include "fake_time.h"
#include "story.h"

static void *ctx;
static struct fake_kind gsm, sip;
static struct calls *calls;
static struct trace *trace;

static void text_msg(enum wire_proto proto, enum wire_dir dir, const char *text)
{
	wire_trace(&(struct wire_msg){ .proto = proto, .dir = dir, .data = text, .len = strlen(text) });
}

static void mncc(enum wire_dir dir, uint32_t callref, const char *name)
{
	uint32_t msg[2] = { 0x101, callref };

	wire_trace(&(struct wire_msg){ .proto = WIRE_MNCC, .dir = dir, .name = name, .data = msg, .len = sizeof(msg) });
}

#define INVITE(ID)                                                                                                     \
	"INVITE sip:1@h SIP/2.0\r\nVia: x\r\nCall-ID: " ID                                                             \
	"\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
#define RESPONSE(STATUS, ID) "SIP/2.0 " STATUS "\r\nVia: x\r\ni: " ID "\r\nCSeq: 1 INVITE\r\n\r\n"

static void print_line(void *data, const char *line)
{
	EXPECT(strlen(line) < 80);
	printf("%s\n", line);
}

static void count_line(void *data, const char *line)
{
	EXPECT(strlen(line) < 80);
	++*(unsigned int *)data;
}

static struct call *mo_call(void)
{
	struct call_parties parties = { .called.digits = "1", .calling.digits = "2" };
	struct call *call;

	mncc(WIRE_RX, 0x80000001, "MNCC_SETUP_IND");
	call = call_begin(calls, fake_leg_alloc(&gsm, ctx), &parties);
	EXPECT(call);
	wire_bind(WIRE_MNCC, 0x80000001, call->id);
	wire_bind(WIRE_MGCP, 0xabcd, call->id);
	text_msg(WIRE_MGCP, WIRE_TX, "CRCX 17 rtpbridge/*@mgw MGCP 1.0\r\nC: 000000000000ABCD\r\n\r\n");
	pass_ms(3);
	text_msg(WIRE_MGCP, WIRE_RX, "200 17 OK\r\n\r\n");
	fake_leg_setup(call->legs[LEG_A], "1001", "5552222", "offer");
	pump();
	mncc(WIRE_TX, 0x80000001, "MNCC_CALL_PROC_REQ");
	text_msg(WIRE_SIP, WIRE_TX, INVITE("a@b"));
	wire_bind(WIRE_SIP, token_hash_str("a@b"), call->id);
	return call;
}

static void busy_call(void)
{
	struct call *call;
	uint32_t id;

	btw("a call that is busy, with an INVITE sent again");
	call = mo_call();
	id = call->id;
	pass_ms(500);
	text_msg(WIRE_SIP, WIRE_TX, INVITE("a@b"));
	pass_ms(20);
	text_msg(WIRE_SIP, WIRE_RX, RESPONSE("486 Busy Here", "a@b"));
	fake_leg_released(call->legs[LEG_B], 17);
	pump();
	text_msg(WIRE_MGCP, WIRE_TX, "DLCX 18 rtpbridge/1@mgw MGCP 1.0\r\nC: 000000000000ABCD\r\n\r\n");
	text_msg(WIRE_MGCP, WIRE_RX, "250 18 OK\r\n\r\n");
	mncc(WIRE_TX, 0x80000001, "MNCC_REJ_REQ");
	EXPECT(trace_draw(trace, id, print_line, NULL) == 0);

	btw("it is kept, with the reason");
	struct trace_failed failed;
	pass_ms(60000);
	EXPECT(trace_failed_get(trace, 0, &failed) && failed.call_id == id);
	printf("%s\n", failed.sentence);
	EXPECT(!trace_failed_get(trace, 1, &failed));
	EXPECT(trace_draw(trace, id, print_line, NULL) == 0);
}

static void mt_call(void)
{
	struct call_parties parties = { .called.digits = "1", .calling.digits = "2" };
	struct trace_failed failed;
	struct call *call;
	uint32_t id;

	btw("a call from SIP that is answered and ends well: drawn with the GSM side on the left, kept for some seconds");
	text_msg(WIRE_SIP, WIRE_RX, INVITE("c@d"));
	call = call_begin(calls, fake_leg_alloc(&sip, ctx), &parties);
	id = call->id;
	wire_bind(WIRE_SIP, token_hash_str("c@d"), id);
	fake_leg_setup(call->legs[LEG_A], "5551000", "1001", "offer");
	pump();
	wire_bind(WIRE_MNCC, 7, id);
	mncc(WIRE_TX, 7, "MNCC_SETUP_REQ");
	mncc(WIRE_RX, 7, "MNCC_SETUP_CNF");
	leg_post_media(call->legs[LEG_B], LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer");
	pump();
	text_msg(WIRE_SIP, WIRE_TX, RESPONSE("200 OK", "c@d"));
	leg_post_type(call->legs[LEG_A], LEG_EV_CONNECTED);
	pump();
	fake_leg_released(call->legs[LEG_A], 16);
	pump();
	EXPECT(trace_draw(trace, id, print_line, NULL) == 0);
	pass_ms(9000);
	EXPECT(trace_draw(trace, id, print_line, NULL) == -ENOENT);
	EXPECT(trace_failed_get(trace, 0, &failed) && failed.call_id != id);
}

static void bounds(void)
{
	unsigned int i, n = 0;
	struct trace_failed failed;
	struct call *call;
	char text[200];

	/* messages without much in them */
	text_msg(WIRE_SIP, WIRE_RX, "SIP/2.0 200 OK\r\n\r\n");
	text_msg(WIRE_SIP, WIRE_RX, "SIP/2.0 \r\nCSeq:\r\n\r\n");
	text_msg(WIRE_SIP, WIRE_RX, " \r\n");

	btw("a call with a thousand messages: its beginning and its end are kept");
	call = mo_call();
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "INFO sip:%u@h SIP/2.0\r\nCall-ID: a@b\r\n\r\n", i);
		text_msg(WIRE_SIP, WIRE_TX, text);
	}
	EXPECT(trace_draw(trace, call->id, count_line, &n) == 0);
	EXPECT(n == TRACE_MAX_ENTRIES + 2);
	fake_leg_released(call->legs[LEG_A], 16);
	pump();
	pass_ms(9000);

	btw("thirty calls fail: twenty are kept");
	for (i = 0; i < 30; i++) {
		fake_leg_released(mo_call()->legs[LEG_B], 38);
		pump();
	}
	pass_ms(9000);
	for (n = 0; trace_failed_get(trace, n, &failed); n++)
		;
	EXPECT(n == 20);

	btw("methods that a peer makes up do not grow the memory without bound");
	for (i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "M%u sip:h SIP/2.0\r\nCall-ID: x\r\n\r\n", i);
		text_msg(WIRE_SIP, WIRE_RX, text);
	}

	btw("and do not cost a call the words for what is new in it; no character of theirs is more than one");
	call = mo_call();
	text_msg(WIRE_SIP, WIRE_RX, RESPONSE("499 A New One", "a@b"));
	text_msg(WIRE_SIP, WIRE_RX, "IN\033[2J\177\233TE sip:h SIP/2.0\r\nCall-ID: a@b\r\n\r\n");
	EXPECT(trace_draw(trace, call->id, print_line, NULL) == 0);
	fake_leg_released(call->legs[LEG_B], 38);
	pump();
	pass_ms(9000);

	btw("a response of a gateway without a number, and digits up to the last byte");
	char *exact = malloc(8);
	memcpy(exact, "200 \n\n 1", 8);
	wire_trace(&(struct wire_msg){ .proto = WIRE_MGCP, .dir = WIRE_RX, .data = exact, .len = 8 });
	free(exact);

	btw("junk is nobody's");
	for (i = 0; i < 200; i++) {
		memset(text, i, sizeof(text) - 1);
		wire_trace(&(struct wire_msg){ .proto = i % 3, .dir = WIRE_RX, .data = text, .len = i });
	}
}

static void off(void)
{
	struct call *call;

	btw("switched off: nothing is recorded, the wires are not looked at");
	trace_cfg(trace)->ladder = false;
	trace_apply(trace);
	EXPECT(!wire_trace_hook && !wire_bind_hook);
	call = mo_call();
	EXPECT(trace_draw(trace, call->id, print_line, NULL) == -ENOENT);
	fake_leg_released(call->legs[LEG_B], 17);
	pump();
}

int main(void)
{
	size_t at_rest;

	ctx = talloc_named_const(NULL, 0, "trace_test");
	story_init(ctx);
	at_rest = talloc_total_blocks(ctx);
	calls = fake_core(ctx, &gsm, &sip, "pbx");
	gsm.quiet = sip.quiet = true;
	trace = trace_alloc(ctx, calls);

	busy_call();
	mt_call();
	bounds();
	off();

	talloc_free(calls);
	talloc_free(trace);
	pump();
	EXPECT(talloc_total_blocks(ctx) == at_rest);
	talloc_free(ctx);
	return 0;
}
