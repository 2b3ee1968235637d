/* UPDATE (RFC 3311) from either side, before and after the answer. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include "session_story.h"

#define ALLOW "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE\r\n"
#define REL   "Supported: 100rel\r\n" ALLOW

static void update(const char *extra, const char *sdp)
{
	fake_call_request(&call, "UPDATE", extra, "application/sdp", sdp);
}

static void prack(void)
{
	char rack[80];

	snprintf(rack, sizeof(rack), "RAck: %s %u INVITE\r\n", fake_sip_header(stage.pbx, "RSeq"), call.invite_cseq);
	fake_call_request(&call, "PRACK", rack, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 PRACK");
}

static void test_theirs_early(void)
{
	btw("before our answer is there for sure: 500, later");
	they_call(REL, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 183, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "183 INVITE");
	fake_call_take(&call);
	{
		char rseq_line[20];
		OSMO_STRLCPY_ARRAY(rseq_line, fake_sip_header(stage.pbx, "RSeq"));
		update(NULL, PBX_SDP);
		fake_sip_expect(stage.pbx, "500 UPDATE");
		EXPECT(fake_sip_header(stage.pbx, "Retry-After"));
		btw("a refresh may come at any time");
		update(NULL, NULL);
		fake_sip_expect(stage.pbx, "200 UPDATE");
		EXPECT(strstr(fake_sip_header(stage.pbx, "Allow"), "UPDATE") && fake_sip_header(stage.pbx, "Contact"));
		pass_ms(500);
		fake_sip_expect(stage.pbx, "183 INVITE");
		EXPECT(strcmp(rseq_line, fake_sip_header(stage.pbx, "RSeq")) == 0);
	}
	prack();
	btw("then it is an offer like any other");
	update(NULL, PBX_SDP);
	fake_sip_expect_nothing(stage.pbx);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 UPDATE");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == -ENOENT);
	btw("one that we do not like");
	update(NULL, PBX_SDP);
	EXPECT(sip_session_reply(stage.s, 488, NULL) == 0);
	fake_sip_expect(stage.pbx, "488 UPDATE");
	they_are_answered();
	they_hang_up();
}

/* A second reliable response, whose PRACK brings an offer while another one is not decided about. */
static void test_theirs_meet_in_a_prack(void)
{
	char rack[80], *ours;

	btw("an offer in a PRACK meets theirs in an UPDATE: 500, and the one that was first is answered");
	they_call(REL, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 183, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "183 INVITE");
	fake_call_take(&call);
	prack();
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	snprintf(rack, sizeof(rack), "RAck: %s %u INVITE\r\n", fake_sip_header(stage.pbx, "RSeq"), call.invite_cseq);
	update(NULL, PBX_SDP);
	fake_call_request(&call, "PRACK", rack, "application/sdp", PBX_SDP);
	fake_sip_expect(stage.pbx, "500 PRACK");
	EXPECT(fake_sip_header(stage.pbx, "Retry-After"));
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 UPDATE");
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == -ENOENT);

	btw("one that meets ours: 491");
	EXPECT(sip_session_provisional(stage.s, 181, NULL) == 0);
	fake_sip_expect(stage.pbx, "181 INVITE");
	snprintf(rack, sizeof(rack), "RAck: %s %u INVITE\r\n", fake_sip_header(stage.pbx, "RSeq"), call.invite_cseq);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "UPDATE");
	ours = talloc_strdup(stage.pbx, stage.pbx->msg);
	fake_call_request(&call, "PRACK", rack, "application/sdp", PBX_SDP);
	fake_sip_expect(stage.pbx, "491 PRACK");
	fake_sip_reply(stage.pbx, ours, 200, NULL, NULL, PBX_SDP);
	talloc_free(ours);
	they_are_answered();
	they_hang_up();
}

static void test_theirs(void)
{
	btw("in a call: an offer; another one before it is answered gets 500, a re-INVITE, too");
	they_call(REL, PBX_SDP);
	they_are_answered();
	fake_call_take(&call);
	update(NULL, PBX_SDP);
	update(NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "500 UPDATE");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "500 INVITE");
	fake_call_ack_failure(&call);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == -EAGAIN);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 UPDATE");
	btw("one without an offer, from another address: our requests go there");
	update("Contact: <sip:moved@127.0.62.2:5060>\r\n", NULL);
	fake_sip_expect(stage.pbx, "200 UPDATE");
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	EXPECT(strncmp(stage.pbx->msg, "INVITE sip:moved@127.0.62.2:5060 ", 33) == 0);
	btw("one that meets our re-INVITE: 491");
	{
		char *invite = talloc_strdup(stage.pbx, stage.pbx->msg);
		update(NULL, PBX_SDP);
		fake_sip_expect(stage.pbx, "491 UPDATE");
		fake_sip_reply(stage.pbx, invite, 488, NULL, NULL, NULL);
		fake_sip_expect(stage.pbx, "ACK");
		talloc_free(invite);
	}
	btw("a body that is no SDP");
	fake_call_request(&call, "UPDATE", NULL, "text/plain", "hello");
	fake_sip_expect(stage.pbx, "415 UPDATE");
	btw("nobody decides: 500 before the peer gives up");
	update(NULL, PBX_SDP);
	pass_ms(10000);
	fake_sip_expect(stage.pbx, "500 UPDATE");
	btw("the user hangs up while one waits");
	update(NULL, PBX_SDP);
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "487 UPDATE");
	fake_sip_expect(stage.pbx, "BYE");
	update(NULL, NULL);
	fake_sip_expect(stage.pbx, "481 UPDATE");
	end_of_story();

	btw("they hang up while one waits");
	they_call(REL, PBX_SDP);
	they_are_answered();
	fake_call_take(&call);
	update(NULL, PBX_SDP);
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	fake_sip_expect(stage.pbx, "487 UPDATE");
	end_of_story();
}

static void test_ours_early(void)
{
	unsigned long ms;
	char *req;

	btw("we call, and have something to change before the answer: not without a reliable one");
	we_call();
	fake_call_reply(&call, 183, ALLOW, PBX_SDP);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == -EINVAL);
	fake_call_reply(&call, 183, ALLOW "Require: 100rel\r\nRSeq: 1\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "PRACK");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == -EAGAIN);
	fake_sip_expect(stage.pbx, "UPDATE");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0 && fake_sip_header(stage.pbx, "Contact"));
	req = talloc_strdup(stage.pbx, stage.pbx->msg);
	btw("theirs meets it: 491 both ways, and ours comes again");
	fake_call_request(&call, "UPDATE", NULL, "application/sdp", PBX_SDP);
	fake_sip_expect(stage.pbx, "491 UPDATE");
	fake_sip_reply(stage.pbx, req, 491, NULL, NULL, NULL);
	talloc_free(req);
	pass_ms(2099);
	fake_sip_expect_nothing(stage.pbx);
	for (ms = 2099; ms <= 4000 && !fake_sip_receive(stage.pbx); ms++)
		pass_ms(1);
	EXPECT(strncmp(stage.pbx->msg, "UPDATE ", 7) == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, PBX_SDP);
	btw("one of theirs, in the early dialog");
	fake_call_request(&call, "UPDATE", NULL, "application/sdp", PBX_SDP);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 UPDATE");
	btw("ours is under way when they answer: its response comes to the call");
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "UPDATE");
	req = talloc_strdup(stage.pbx, stage.pbx->msg);
	fake_call_reply(&call, 200, ALLOW, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_reply(stage.pbx, req, 200, NULL, NULL, PBX_SDP);
	talloc_free(req);
	they_hang_up();

	btw("one that nobody answers, and the call is refused");
	we_call();
	fake_call_reply(&call, 183, ALLOW "Require: 100rel\r\nRSeq: 1\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "PRACK");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "UPDATE");
	fake_call_reply(&call, 486, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	stage.pbx->quiet = true;
	end_of_story();
	stage.pbx->quiet = false;
}

int main(void)
{
	stage_set("sip_update_test", "127.0.62");
	test_theirs_early();
	test_theirs_meet_in_a_prack();
	test_theirs();
	test_ours_early();
	stage_clear();
	return 0;
}
