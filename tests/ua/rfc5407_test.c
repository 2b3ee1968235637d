/* The race conditions of RFC 5407 that concern a user agent, each by the number of its section. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "session_story.h"

static void they_ring(const char *sdp)
{
	they_call(NULL, sdp);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
}

/* Moratorium: our 200 is out, the ACK has not come. */
static void we_answer(void)
{
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_take(&call);
}

static void talking(void)
{
	they_ring(PBX_SDP);
	we_answer();
	fake_call_ack(&call, NULL);
}

static void we_talk(void)
{
	we_call();
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
}

/* ---- 3.1: receiving a message in the moratorium state ---- */

static void test_3_1_1(void)
{
	char *invite;

	btw("3.1.1: the INVITE is repeated after our 200: the 200 again");
	they_call(NULL, PBX_SDP);
	we_answer();
	invite = talloc_asprintf(stage.pbx,
				 "INVITE sip:1@%s:5060 SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=%s\r\nFrom: %s\r\n"
				 "To: <sip:1@%s>\r\nCall-ID: %s\r\nCSeq: %u INVITE\r\nMax-Forwards: 70\r\n"
				 "Contact: <sip:pbx@%s:5060>\r\nContent-Length: 0\r\n\r\n",
				 stage.pbx->gw_addr, stage.pbx->addr, call.invite_branch, call.local,
				 stage.pbx->gw_addr, call.call_id, call.invite_cseq, stage.pbx->addr);
	fake_sip_send(stage.pbx, invite);
	talloc_free(invite);
	/* RFC 6026 7.1: a server transaction in state Accepted absorbs it, the session repeats its 200 by itself */
	fake_sip_expect_nothing(stage.pbx);
	pass_ms(500);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	they_hang_up();
}

static void test_3_1_2(void)
{
	btw("3.1.2: CANCEL crosses our 200: 200 to the CANCEL, no other effect; the caller says ACK and BYE");
	they_ring(PBX_SDP);
	we_answer();
	fake_call_cancel(&call, NULL);
	fake_sip_expect(stage.pbx, "200 CANCEL");
	fake_call_ack(&call, NULL);
	they_hang_up();
}

static void test_3_1_3(void)
{
	btw("3.1.3: BYE of the early dialog crosses our 200: 200 to the BYE, the 200 is not repeated for ever");
	they_ring(PBX_SDP);
	we_answer();
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	fake_call_ack(&call, NULL);
	pass_ms(32000);
	fake_sip_expect_nothing(stage.pbx);
	end_of_story();
}

static void test_3_1_4(void)
{
	struct fake_call late;

	btw("3.1.4: a re-INVITE comes before the ACK, offer and answer are done: it says what the ACK would have");
	they_ring(PBX_SDP);
	we_answer();
	late = call;
	fake_call_invite(&call, NULL, PBX_SDP "a=sendonly\r\n");
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_call_ack(&late, NULL);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	EXPECT(strstr(fake_sip_header(stage.pbx, "CSeq"), "2 INVITE"));
	fake_call_ack(&call, NULL);
	pass_ms(32000);
	fake_sip_expect_nothing(stage.pbx);
	they_hang_up();
}

static void test_3_1_5(void)
{
	struct fake_call early;

	btw("3.1.5: the same, but our offer in the 200 still waits for its answer in the ACK: 491");
	they_ring(NULL);
	we_answer();
	early = call;
	fake_call_invite(&early, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "491 INVITE");
	fake_call_ack_failure(&early);
	fake_call_ack(&call, PBX_SDP);
	call.cseq = early.cseq;
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	they_hang_up();
}

static void test_3_1_6(void)
{
	btw("3.1.6: the ACK is lost, BYE comes: 200, and the 200 to the INVITE is not repeated any more");
	they_ring(PBX_SDP);
	we_answer();
	pass_ms(500);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	pass_ms(32000);
	fake_sip_expect_nothing(stage.pbx);
	end_of_story();
}

/* ---- 3.2: receiving a message in the mortal state ---- */

/* Mortal: our BYE is out, its response has not come. */
static char *we_say_bye(void)
{
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	return talloc_strdup(stage.pbx, stage.pbx->msg);
}

static void bye_is_answered(char *bye)
{
	fake_sip_reply(stage.pbx, bye, 200, NULL, NULL, NULL);
	talloc_free(bye);
	end_of_story();
}

static void test_3_2_1(void)
{
	char *bye;

	btw("3.2.1: both hang up at once: both get 200");
	talking();
	bye = we_say_bye();
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	bye_is_answered(bye);
}

static void test_3_2_2(void)
{
	char *bye;

	btw("3.2.2: a re-INVITE crosses our BYE: 481");
	talking();
	bye = we_say_bye();
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "481 INVITE");
	fake_call_ack_failure(&call);
	bye_is_answered(bye);
}

static void test_3_2_3(void)
{
	char *bye, *invite;

	btw("3.2.3: the 200 to our re-INVITE crosses our BYE: ACK all the same");
	we_talk();
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	invite = talloc_strdup(stage.pbx, stage.pbx->msg);
	bye = we_say_bye();
	fake_sip_reply(stage.pbx, invite, 200, NULL, "Contact: <sip:pbx@127.0.64.2:5060>\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	talloc_free(invite);
	bye_is_answered(bye);
}

static void test_3_2_4(void)
{
	char *bye;

	btw("3.2.4: we hang up before the ACK: the BYE waits for it, as RFC 3261 15 wants; it then finds a mortal state");
	they_ring(PBX_SDP);
	we_answer();
	user_ends(0, 16, NULL);
	fake_sip_expect_nothing(stage.pbx);
	fake_call_ack(&call, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	bye = talloc_strdup(stage.pbx, stage.pbx->msg);
	fake_call_ack(&call, NULL);
	fake_sip_expect_nothing(stage.pbx);
	bye_is_answered(bye);
}

/* ---- 3.3: other races ---- */

/* Ours again, at a random moment of an interval that depends on who made the Call-ID (RFC 3261 14.1). */
static void comes_again(const char *label, unsigned long min_ms, unsigned long max_ms)
{
	unsigned long ms;

	for (ms = 0; ms <= max_ms && !fake_sip_receive(stage.pbx); ms++)
		pass_ms(1);
	EXPECT(strncmp(stage.pbx->msg, label, strlen(label)) == 0 && ms >= min_ms && ms <= max_ms);
}

static void test_3_3_1(void)
{
	char *ours;

	btw("3.3.1: two re-INVITEs cross: 491 to both; who made the Call-ID waits 2.1 to 4 s, the other one up to 2 s");
	talking();
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	ours = talloc_strdup(stage.pbx, stage.pbx->msg);
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "491 INVITE");
	fake_call_ack_failure(&call);
	fake_sip_reply(stage.pbx, ours, 491, NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	talloc_free(ours);
	comes_again("INVITE", 10, 2000);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, "Contact: <sip:pbx@127.0.64.2:5060>\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	they_hang_up();
}

static void test_3_3_2(void)
{
	char *ours;

	btw("3.3.2: UPDATE and re-INVITE cross: 491 to both");
	we_talk();
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	ours = talloc_strdup(stage.pbx, stage.pbx->msg);
	fake_call_request(&call, "UPDATE", NULL, "application/sdp", PBX_SDP);
	fake_sip_expect(stage.pbx, "491 UPDATE");
	fake_sip_reply(stage.pbx, ours, 491, NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	talloc_free(ours);
	btw("theirs comes first the next time");
	fake_call_request(&call, "UPDATE", NULL, "application/sdp", PBX_SDP);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 UPDATE");
	comes_again("INVITE", 2000, 4000);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, "Contact: <sip:pbx@127.0.64.2:5060>\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	they_hang_up();
}

static void test_3_3_3(void)
{
	char *bye;

	btw("3.3.3: REFER crosses our BYE: it does not transfer anything any more");
	talking();
	bye = we_say_bye();
	fake_call_request(&call, "REFER", "Refer-To: <sip:2@127.0.64.1>\r\nContact: <sip:pbx@127.0.64.2>\r\n", NULL,
			  NULL);
	EXPECT(fake_sip_receive(stage.pbx));
	EXPECT(strncmp(stage.pbx->msg, "SIP/2.0 4", 9) == 0 || strncmp(stage.pbx->msg, "SIP/2.0 603", 11) == 0);
	bye_is_answered(bye);
}

int main(void)
{
	stage_set("rfc5407_test", "127.0.64");
	test_3_1_1();
	test_3_1_2();
	test_3_1_3();
	test_3_1_4();
	test_3_1_5();
	test_3_1_6();
	test_3_2_1();
	test_3_2_2();
	test_3_2_3();
	test_3_2_4();
	test_3_3_1();
	test_3_3_2();
	test_3_3_3();
	stage_clear();
	return 0;
}
