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
#include <osmocom/sipgw/call/route.h>
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
	wire_bind(WIRE_MNCC, 0x80000001, call->id, false);
	wire_bind(WIRE_MGCP, 0xabcd, call->id, false);
	text_msg(WIRE_MGCP, WIRE_TX, "CRCX 17 rtpbridge/*@mgw MGCP 1.0\r\nC: 000000000000ABCD\r\n\r\n");
	pass_ms(3);
	text_msg(WIRE_MGCP, WIRE_RX, "200 17 OK\r\n\r\n");
	fake_leg_setup(call->legs[LEG_A], "1001", "5552222", "offer");
	pump();
	mncc(WIRE_TX, 0x80000001, "MNCC_CALL_PROC_REQ");
	text_msg(WIRE_SIP, WIRE_TX, INVITE("a@b"));
	wire_bind(WIRE_SIP, token_hash_str("a@b"), call->id, true);
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
	wire_bind(WIRE_SIP, token_hash_str("c@d"), id, false);
	fake_leg_setup(call->legs[LEG_A], "5551000", "1001", "offer");
	pump();
	wire_bind(WIRE_MNCC, 7, id, true);
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

static void phone_to_phone(void)
{
	struct call_parties parties = { .called.digits = "1", .calling.digits = "2" };
	struct route_rule *phones = route_rule_add(calls, "phones");
	struct call *call;
	uint32_t id;

	btw("a phone calls a phone: each has its own columns, while the call is up, too; a response is of the leg that asked");
	phones->action = ROUTE_TO_GSM;
	mncc(WIRE_RX, 0x80000002, "MNCC_SETUP_IND");
	call = call_begin(calls, fake_leg_alloc(&gsm, ctx), &parties);
	id = call->id;
	wire_bind(WIRE_MNCC, 0x80000002, id, false);
	wire_bind(WIRE_MGCP, 0xa, id, false);
	text_msg(WIRE_MGCP, WIRE_TX, "CRCX 31 rtpbridge/*@mgw MGCP 1.0\r\nC: A\r\n\r\n");
	fake_leg_setup(call->legs[LEG_A], "1001", "1002", "offer");
	pump();
	wire_bind(WIRE_MNCC, 8, id, true);
	mncc(WIRE_TX, 8, "MNCC_SETUP_REQ");
	wire_bind(WIRE_MGCP, 0xb, id, true);
	text_msg(WIRE_MGCP, WIRE_TX, "CRCX 32 rtpbridge/*@mgw MGCP 1.0\r\nC: B\r\n\r\n");
	text_msg(WIRE_MGCP, WIRE_RX, "403 32 Endpoint not available\r\n\r\n");
	text_msg(WIRE_MGCP, WIRE_RX, "200 31 OK\r\n\r\n");
	text_msg(WIRE_MGCP, WIRE_TX, "CRCX 32 rtpbridge/*@mgw MGCP 1.0\r\nC: B\r\n\r\n");
	text_msg(WIRE_MGCP, WIRE_RX, "403 32 Endpoint not available\r\n\r\n");
	mncc(WIRE_RX, 8, "MNCC_ALERT_IND");
	EXPECT(trace_draw(trace, id, print_line, NULL) == 0);
	mncc(WIRE_TX, 8, "MNCC_REL_REQ");
	fake_leg_released(call->legs[LEG_B], 17);
	pump();
	EXPECT(trace_draw(trace, id, print_line, NULL) == 0);
	route_rule_free(phones);
	pass_ms(9000);
}

static void callref_again(void)
{
	struct call *first, *second;
	uint32_t id;

	btw("the MSC uses a callref again two seconds after its call: not in the old call's ladder");
	first = mo_call();
	id = first->id;
	fake_leg_released(first->legs[LEG_B], 17);
	pump();
	mncc(WIRE_TX, 0x80000001, "MNCC_REJ_REQ");
	pass_ms(2000);
	second = mo_call();
	text_msg(WIRE_SIP, WIRE_RX, RESPONSE("180 Ringing", "a@b"));
	EXPECT(trace_draw(trace, id, print_line, NULL) == 0);
	EXPECT(trace_draw(trace, second->id, print_line, NULL) == 0);
	fake_leg_released(second->legs[LEG_B], 17);
	pump();
	pass_ms(9000);
}

static void call_id_again(void)
{
	struct call_parties parties = { .called.digits = "1", .calling.digits = "2" };
	struct call *call;
	uint32_t id;

	btw("a PBX uses a Call-ID again: the same, but not the INVITE once more nor one that is of the old dialog");
	text_msg(WIRE_SIP, WIRE_RX, INVITE("e@f"));
	call = call_begin(calls, fake_leg_alloc(&sip, ctx), &parties);
	id = call->id;
	wire_bind(WIRE_SIP, token_hash_str("e@f"), id, false);
	fake_leg_released(call->legs[LEG_A], 16);
	pump();
	pass_ms(1000);
	text_msg(WIRE_SIP, WIRE_RX, INVITE("e@f"));
	text_msg(WIRE_SIP, WIRE_RX, "INVITE sip:1@h SIP/2.0\r\nVia: y\r\nCall-ID: e@f\r\nTo: <sip:1@h>\r\n\r\n");
	text_msg(WIRE_SIP, WIRE_RX, "INVITE sip:1@h SIP/2.0\r\nVia: y\r\nCall-ID: e@f\r\nt: <sip:1@h>;tag=1\r\n\r\n");
	EXPECT(trace_draw(trace, id, print_line, NULL) == 0);
	pass_ms(9000);
}

static void rude_words(void)
{
	uint32_t id;
	struct call *call;

	btw("what a peer writes cannot move the cursor of a terminal");
	call = mo_call();
	id = call->id;
	text_msg(WIRE_SIP, WIRE_RX, "\x1b[2J\x07M\xc3\xa4\x7f sip:1@h SIP/2.0\r\nCall-ID: a@b\r\n\r\n");
	text_msg(WIRE_SIP, WIRE_RX, "SIP/2.0 4\x1b[ x\r\nCall-ID: a@b\r\nCSeq: 1 IN\tV\x08TE\r\n\r\n");
	EXPECT(trace_draw(trace, id, print_line, NULL) == 0);
	fake_leg_released(call->legs[LEG_A], 16);
	pump();
	pass_ms(9000);
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
	phone_to_phone();
	callref_again();
	call_id_again();
	rude_words();
	bounds();
	off();

	talloc_free(calls);
	talloc_free(trace);
	pump();
	EXPECT(talloc_total_blocks(ctx) == at_rest);
	talloc_free(ctx);
	return 0;
}
