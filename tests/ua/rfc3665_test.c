/* The call flows of RFC 3665 as a user agent sees them, each by the number of its section and in both roles where there
 * are two. Flows of registration (2) and with digest (3.3) are in sip_reg_test and sip_auth_test. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "session_story.h"

#define RR1 "Record-Route: <sip:ss2.example.net@127.0.65.2;lr>\r\nRecord-Route: <sip:ss1.example.com@127.0.65.2;lr>\r\n"

static void they_ring_and_are_answered(void)
{
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	they_are_answered();
}

static void test_3_1(void)
{
	btw("3.1 Successful Session Establishment: we are Alice");
	we_call();
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	they_hang_up();

	btw("3.1: we are Bob");
	they_call(NULL, PBX_SDP);
	they_ring_and_are_answered();
	we_hang_up();
}

static void test_3_2(void)
{
	btw("3.2 Session Establishment Through Two Proxies: we are Alice, what we send in the dialog takes the same way");
	we_call();
	fake_call_reply(&call, 100, NULL, NULL);
	fake_call_reply(&call, 180, RR1, NULL);
	fake_call_reply(&call, 200, RR1, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	printf("  Route: %s\n", fake_sip_header(stage.pbx, "Route"));
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	printf("  Route: %s\n", fake_sip_header(stage.pbx, "Route"));
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();

	btw("3.2: we are Bob");
	they_call(RR1, PBX_SDP);
	they_ring_and_are_answered();
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	printf("  Route: %s\n", fake_sip_header(stage.pbx, "Route"));
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();
}

static void test_3_4(void)
{
	btw("3.4 Session Establishment Through a Proxy That Fails: no response, the user may try another way");
	user_calls("bob");
	stage.pbx->quiet = true;
	fake_sip_expect(stage.pbx, "INVITE");
	pass_ms(33000);
	fake_sip_drain(stage.pbx);
	stage.pbx->quiet = false;
	EXPECT(!stage.s);
	stage_idle();
}

static void test_3_6(void)
{
	struct sip_invite inv = { .called_user = "bob", .calling_user = "alice" };

	btw("3.6 Session via Redirect and Proxy Servers With SDP in ACK: we are Bob, our offer is in the 200");
	they_call(NULL, NULL);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_call_take(&call);
	fake_call_ack(&call, PBX_SDP);
	they_hang_up();

	btw("3.6: we are Alice, our answer is in the ACK");
	stage.s = sip_session_invite(stage.ua, stage.peer, &inv, &story_ops, &stage);
	fake_sip_expect(stage.pbx, "INVITE");
	EXPECT(!fake_sip_body(stage.pbx)[0]);
	fake_call_in(&call, stage.pbx, "bob");
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	they_hang_up();
}

static void test_3_7(void)
{
	btw("3.7 Session With re-INVITE (IP Address Change): theirs, refused once, then accepted; then ours");
	they_call(NULL, PBX_SDP);
	they_ring_and_are_answered();
	OSMO_STRLCPY_ARRAY(call.extra_contact, "sip:bob@127.0.65.2:5060");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_reply(stage.s, 488, NULL) == 0);
	fake_sip_expect(stage.pbx, "488 INVITE");
	fake_call_ack_failure(&call);
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, "Contact: <sip:bob@127.0.65.2:5060>\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	we_hang_up();
}

static void test_3_8(void)
{
	btw("3.8 Unsuccessful No Answer: we are Alice and cancel");
	we_call();
	fake_call_reply(&call, 180, NULL, NULL);
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "CANCEL");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 487, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();

	btw("3.8: we are Bob");
	they_call(NULL, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	fake_call_cancel(&call, NULL);
	fake_sip_expect(stage.pbx, "200 CANCEL");
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_call_ack_failure(&call);
	end_of_story();
}

/* A refusal in both roles. */
static void refused(unsigned int status, uint8_t q850)
{
	char label[32];

	we_call();
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&call, status, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();
	they_call(NULL, PBX_SDP);
	user_ends(status, q850, NULL);
	snprintf(label, sizeof(label), "%u INVITE", status);
	fake_sip_expect(stage.pbx, label);
	printf("  Reason: %s\n", fake_sip_header(stage.pbx, "Reason"));
	fake_call_ack_failure(&call);
	end_of_story();
}

int main(void)
{
	stage_set("rfc3665_test", "127.0.65");
	test_3_1();
	test_3_2();
	test_3_4();
	test_3_6();
	test_3_7();
	test_3_8();
	btw("3.9 Unsuccessful Busy");
	refused(486, 17);
	btw("3.10 Unsuccessful No Response From User Agent: a proxy says 408");
	refused(408, 102);
	btw("3.11 Unsuccessful Temporarily Unavailable");
	refused(480, 18);
	stage_clear();
	return 0;
}
