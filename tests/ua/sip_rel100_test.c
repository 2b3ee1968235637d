/* Reliable provisional responses and PRACK in both roles (RFC 3262). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include "session_story.h"

#define REL  "Supported: 100rel\r\n"
#define MUST "Require: 100rel\r\n"

static unsigned int rseq(void)
{
	const char *value = fake_sip_header(stage.pbx, "RSeq");

	EXPECT(value && strcmp(fake_sip_header(stage.pbx, "Require"), "100rel") == 0);
	return atoi(value);
}

static void prack(unsigned int n, const char *sdp)
{
	char rack[80];

	snprintf(rack, sizeof(rack), "RAck: %u %u INVITE\r\n", n, call.invite_cseq);
	fake_call_request(&call, "PRACK", rack, "application/sdp", sdp);
}

static void test_server(void)
{
	unsigned int n;

	btw("the peer can: a bare 180 needs no PRACK, a 183 with the answer is repeated until it comes");
	they_call(REL, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	EXPECT(!fake_sip_header(stage.pbx, "RSeq"));
	EXPECT(sip_session_provisional(stage.s, 183, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "183 INVITE");
	fake_call_take(&call);
	n = rseq();
	pass_ms(500);
	fake_sip_expect(stage.pbx, "183 INVITE");
	pass_ms(999);
	fake_sip_expect_nothing(stage.pbx);
	pass_ms(1);
	fake_sip_expect(stage.pbx, "183 INVITE");
	EXPECT(rseq() == n);
	btw("the phone answers: the 200 waits for the PRACK, and does not say the answer again");
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect_nothing(stage.pbx);
	btw("a PRACK for something else, one without RAck");
	prack(n + 1, NULL);
	fake_sip_expect(stage.pbx, "481 PRACK");
	fake_call_request(&call, "PRACK", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "400 PRACK");
	fake_call_request(&call, "PRACK", "RAck: x\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "481 PRACK");
	prack(n, NULL);
	fake_sip_expect(stage.pbx, "200 PRACK");
	fake_sip_expect(stage.pbx, "200 INVITE");
	EXPECT(!fake_sip_body(stage.pbx)[0]);
	fake_call_ack(&call, NULL);
	btw("the same PRACK again in another transaction: there is nothing to acknowledge");
	prack(n, NULL);
	fake_sip_expect(stage.pbx, "481 PRACK");
	they_hang_up();
}

static void test_server_required(void)
{
	unsigned int n;

	btw("the peer demands it: the 180, too; a 183 waits for its turn");
	they_call(MUST, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	fake_call_take(&call);
	n = rseq();
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	EXPECT(sip_session_provisional(stage.s, 183, PHONE_SDP) == 0);
	fake_sip_expect_nothing(stage.pbx);
	prack(n, NULL);
	fake_sip_expect(stage.pbx, "200 PRACK");
	fake_sip_expect(stage.pbx, "183 INVITE");
	EXPECT(rseq() == n + 1 && fake_sip_body(stage.pbx)[0]);
	prack(n + 1, NULL);
	fake_sip_expect(stage.pbx, "200 PRACK");
	btw("the phone rings long: a sign of life each minute, with a number of its own and without the answer");
	pass_ms(60000);
	fake_sip_expect(stage.pbx, "183 INVITE");
	EXPECT(rseq() == n + 2 && !fake_sip_body(stage.pbx)[0]);
	btw("a 200 need not wait for the PRACK of a response without the answer");
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	prack(n + 2, NULL);
	fake_sip_expect(stage.pbx, "200 PRACK");
	fake_call_ack(&call, NULL);
	they_hang_up();

	btw("no PRACK ever: 504, and the user is told");
	they_call(MUST, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	stage.pbx->quiet = true;
	pass_ms(31900);
	fake_sip_drain(stage.pbx);
	stage.pbx->quiet = false;
	EXPECT(stage.s);
	pass_ms(100);
	fake_sip_expect(stage.pbx, "504 INVITE");
	fake_call_ack_failure(&call);
	end_of_story();

	btw("CANCEL while an answer waits for the PRACK; a PRACK then is too late");
	they_call(MUST, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 183, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "183 INVITE");
	n = rseq();
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_call_cancel(&call, NULL);
	fake_sip_expect(stage.pbx, "200 CANCEL");
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_call_ack_failure(&call);
	prack(n, NULL);
	fake_sip_expect(stage.pbx, "481 PRACK");
	end_of_story();

	btw("the user hangs up while an answer waits for the PRACK");
	they_call(MUST, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 183, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "183 INVITE");
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "480 INVITE");
	fake_call_ack_failure(&call);
	end_of_story();
}

static void test_server_offer_in_prack(void)
{
	unsigned int n;

	btw("an offer in the PRACK is answered in its 200, when the user has decided");
	they_call(REL, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 183, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "183 INVITE");
	fake_call_take(&call);
	n = rseq();
	prack(n, PBX_SDP);
	fake_sip_expect_nothing(stage.pbx);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 PRACK");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	they_hang_up();

	btw("the user hangs up from within");
	they_call(REL, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 183, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "183 INVITE");
	fake_call_take(&call);
	stage.hang_up_inside = true;
	prack(rseq(), PBX_SDP);
	fake_sip_drain(stage.pbx);
	end_of_story();

	btw("a PRACK with a description where no offer was answered");
	they_call(MUST, NULL);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	fake_call_take(&call);
	n = rseq();
	prack(n, PBX_SDP);
	fake_sip_expect(stage.pbx, "488 PRACK");
	user_ends(486, 17, NULL);
	fake_sip_expect(stage.pbx, "486 INVITE");
	fake_call_ack_failure(&call);
	end_of_story();
}

static void test_settings(void)
{
	btw("off: 420, and nothing said of it");
	stage.peer->cfg.rel100 = SIP_USE_OFF;
	fake_call_init(&call, stage.pbx, "1");
	fake_call_invite(&call, MUST, PBX_SDP);
	fake_sip_expect(stage.pbx, "420 INVITE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Unsupported"), "100rel") == 0);
	fake_call_ack_failure(&call);
	user_calls("1");
	fake_sip_expect(stage.pbx, "INVITE");
	EXPECT(!strstr(fake_sip_header(stage.pbx, "Supported"), "100rel"));
	fake_call_in(&call, stage.pbx, "pbx");
	fake_call_reply(&call, 180, MUST "RSeq: 1\r\n", NULL);
	fake_sip_expect_nothing(stage.pbx);
	fake_call_reply(&call, 486, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();

	btw("required: we demand it, and say 421 to who does not know it");
	stage.peer->cfg.rel100 = SIP_USE_REQUIRED;
	fake_call_init(&call, stage.pbx, "1");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "421 INVITE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Require"), "100rel") == 0);
	fake_call_ack_failure(&call);
	they_call(REL, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	rseq();
	user_ends(486, 17, NULL);
	fake_sip_expect(stage.pbx, "486 INVITE");
	fake_call_ack_failure(&call);
	user_calls("1");
	fake_sip_expect(stage.pbx, "INVITE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Require"), "100rel") == 0);
	fake_call_free(&call);
	fake_call_in(&call, stage.pbx, "pbx");
	fake_call_reply(&call, 420, "Unsupported: 100rel\r\n", NULL);
	fake_sip_expect(stage.pbx, "ACK");
	stage.peer->cfg.rel100 = SIP_USE_SUPPORTED;
	end_of_story();
}

static void test_client(void)
{
	btw("we call; each reliable response is PRACKed once; what comes too early is left for later");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Supported"), "100rel, timer") == 0);
	fake_call_in(&call, stage.pbx, "pbx");
	fake_call_reply(&call, 180, MUST "RSeq: 7\r\n", NULL);
	fake_sip_expect(stage.pbx, "PRACK");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "RAck"), "7 1 INVITE") == 0);
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "2 PRACK") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 180, MUST "RSeq: 7\r\n", NULL);
	fake_call_reply(&call, 183, MUST "RSeq: 9\r\n", PBX_SDP);
	fake_sip_expect_nothing(stage.pbx);
	fake_call_reply(&call, 183, MUST "RSeq: 8\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "PRACK");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "RAck"), "8 1 INVITE") == 0);
	EXPECT(!fake_sip_body(stage.pbx)[0]);
	btw("the PRACK is lost: it comes again; another phone counts for itself");
	pass_ms(500);
	fake_sip_expect(stage.pbx, "PRACK");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	OSMO_STRLCPY_ARRAY(call.tag, "other");
	fake_call_reply(&call, 180, MUST "RSeq: 1\r\n", NULL);
	fake_sip_expect(stage.pbx, "PRACK");
	EXPECT(strstr(fake_sip_header(stage.pbx, "To"), ";tag=other"));
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "2 PRACK") == 0);
	fake_sip_reply(stage.pbx, NULL, 481, NULL, NULL, NULL);
	btw("nonsense in RSeq is no reliable response");
	fake_call_reply(&call, 183, MUST "RSeq: 4294967297\r\n", NULL);
	fake_call_reply(&call, 183, MUST "RSeq: -1\r\n", NULL);
	fake_call_reply(&call, 183, MUST, NULL);
	fake_sip_expect_nothing(stage.pbx);
	btw("the first phone answers, without repeating its description; our requests count on");
	OSMO_STRLCPY_ARRAY(call.tag, "pbx");
	fake_call_reply(&call, 200, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "4 BYE") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();
}

static void user_calls_without_offer(void)
{
	struct sip_invite inv = { .called_user = "1", .calling_user = "2" };

	stage.s = sip_session_invite(stage.ua, stage.peer, &inv, &story_ops, &stage);
	fake_sip_expect(stage.pbx, "INVITE");
	EXPECT(!fake_sip_body(stage.pbx)[0]);
	fake_call_in(&call, stage.pbx, "pbx");
}

static void test_late_offer(void)
{
	btw("we call without an offer: theirs comes in a reliable response, our answer goes into the PRACK");
	user_calls_without_offer();
	fake_call_reply(&call, 183, MUST "RSeq: 1\r\n", PBX_SDP);
	fake_sip_expect_nothing(stage.pbx);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "PRACK");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 200, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(!fake_sip_body(stage.pbx)[0]);
	they_hang_up();

	btw("it comes in the 200: the ACK waits for our answer, and has it each time");
	user_calls_without_offer();
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect_nothing(stage.pbx);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == -EAGAIN);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	they_hang_up();

	btw("we have no answer to it: ACK all the same, then BYE");
	user_calls_without_offer();
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	user_ends(0, 88, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();
}

int main(void)
{
	stage_set("sip_rel100_test", "127.0.61");
	test_server();
	test_server_required();
	test_server_offer_in_prack();
	test_settings();
	test_client();
	test_late_offer();
	stage_clear();
	return 0;
}
