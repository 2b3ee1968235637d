/* Changes in a call: re-INVITEs of either side, with and without SDP, refused, unanswered, cancelled, at once. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include "session_story.h"

#define HELD_SDP PBX_SDP "a=sendonly\r\n"

static void they_talk(void)
{
	bool quiet = stage.pbx->quiet;

	stage.pbx->quiet = true;
	they_call(NULL, PBX_SDP);
	they_are_answered();
	stage.pbx->quiet = quiet;
}

static void we_talk(void)
{
	stage.pbx->quiet = true;
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	fake_call_in(&call, stage.pbx, "pbxtag");
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	stage.pbx->quiet = false;
}

/* Our INVITE has come: replies go to it from now on. */
static void take_reinvite(void)
{
	fake_call_free(&call);
	call.invite = talloc_strdup(stage.pbx, stage.pbx->msg);
}

/* Ours comes again after a random time. */
static void wait_for_reinvite(unsigned long min_ms, unsigned long max_ms)
{
	unsigned long ms;

	for (ms = 0; ms <= max_ms && !fake_sip_receive(stage.pbx); ms++)
		pass_ms(1);
	EXPECT(strncmp(stage.pbx->msg, "INVITE ", 7) == 0);
	EXPECT(ms >= min_ms && ms <= max_ms);
	take_reinvite();
}

static void test_theirs(void)
{
	unsigned int i;

	btw("they ask for a change, move to another address, and we accept");
	they_talk();
	OSMO_STRLCPY_ARRAY(call.extra_contact, "sip:new@127.0.53.2:5060");
	fake_call_invite(&call, "Session-Expires: 1800;refresher=uac\r\nSupported: timer\r\n", HELD_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == -EAGAIN);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == -ENOENT);
	fake_sip_expect(stage.pbx, "200 INVITE");
	EXPECT(fake_sip_header(stage.pbx, "Contact"));
	btw("the 200 is repeated until the ACK");
	pass_ms(500);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	btw("another one before the first is answered: too early");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	{
		struct fake_call early = call;
		fake_call_invite(&early, NULL, PBX_SDP);
		fake_sip_expect(stage.pbx, "500 INVITE");
		EXPECT(fake_sip_header(stage.pbx, "Retry-After"));
		fake_call_ack_failure(&early);
		EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
		fake_sip_expect(stage.pbx, "200 INVITE");
		fake_call_ack(&call, NULL);
		call.cseq = early.cseq;
	}
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	EXPECT(strncmp(stage.pbx->msg, "INVITE sip:new@127.0.53.2:5060 ", 31) == 0);
	take_reinvite();
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");

	btw("a change that we do not want");
	fake_call_invite(&call, NULL, HELD_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_reply(stage.s, 488, NULL) == 0);
	fake_sip_expect(stage.pbx, "488 INVITE");
	fake_call_ack_failure(&call);

	btw("one without SDP: our offer in the 200, their answer in the ACK");
	fake_call_invite(&call, NULL, NULL);
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_call_ack(&call, PBX_SDP);

	btw("one that is taken back, and the answer that comes too late");
	fake_call_invite(&call, NULL, HELD_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_call_cancel(&call, NULL);
	fake_sip_expect(stage.pbx, "200 CANCEL");
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_call_ack_failure(&call);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) == -ENOENT);

	btw("one with a body that is no SDP, one with an extension");
	fake_call_request(&call, "INVITE", NULL, "text/plain", "hello");
	fake_sip_expect(stage.pbx, "415 INVITE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Accept"), "application/sdp") == 0);
	OSMO_STRLCPY_ARRAY(call.invite_branch, call.branch);
	call.invite_cseq = call.cseq;
	fake_call_ack_failure(&call);
	fake_call_invite(&call, "Require: 100rel, 199\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "420 INVITE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Unsupported"), "199") == 0);
	fake_call_ack_failure(&call);

	btw("old ones again and again: 500, and one line in the log");
	stage.pbx->quiet = true;
	log_lines();
	for (i = 0; i < 50; i++) {
		struct fake_call old = call;
		old.cseq -= 2;
		fake_call_invite(&old, NULL, PBX_SDP);
		fake_sip_expect(stage.pbx, "500 INVITE");
		fake_call_ack_failure(&old);
	}
	EXPECT(log_lines() == 1);
	stage.pbx->quiet = false;

	btw("nobody decides about one: 500");
	fake_call_invite(&call, NULL, HELD_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	pass_ms(32000);
	fake_sip_expect(stage.pbx, "500 INVITE");
	fake_call_ack_failure(&call);
	they_hang_up();
}

static void test_theirs_ends(void)
{
	btw("they hang up while we think about their re-INVITE");
	they_talk();
	fake_call_invite(&call, NULL, HELD_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_call_ack_failure(&call);
	stage_idle();

	btw("we hang up while we think about their re-INVITE");
	they_talk();
	fake_call_invite(&call, NULL, HELD_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_ack_failure(&call);
	stage_idle();

	btw("we hang up from within reoffer()");
	they_talk();
	stage.hang_up_inside = true;
	fake_call_invite(&call, NULL, HELD_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	stage_idle();

	btw("no ACK to our 200: the call ends");
	they_talk();
	stage.accept_reoffer = true;
	fake_call_invite(&call, NULL, HELD_SDP);
	stage.accept_reoffer = false;
	stage.pbx->quiet = true;
	pass_ms(31900);
	fake_sip_drain(stage.pbx);
	stage.pbx->quiet = false;
	pass_ms(100);
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), "Q.850;cause=102") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	stage_idle();
}

static void test_ours(void)
{
	char ack[2000];

	btw("we ask for a change; the peer moves; its 200 is repeated");
	we_talk();
	EXPECT(sip_session_reinvite(stage.s, NULL) == -EINVAL);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == -EAGAIN);
	fake_sip_expect(stage.pbx, "INVITE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "2 INVITE") == 0);
	take_reinvite();
	fake_call_reply(&call, 100, NULL, NULL);
	OSMO_STRLCPY_ARRAY(call.extra_contact, "sip:moved@127.0.53.2:5060");
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strncmp(stage.pbx->msg, "ACK sip:moved@127.0.53.2:5060 ", 30) == 0);
	OSMO_STRLCPY_ARRAY(ack, stage.pbx->msg);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(ack, stage.pbx->msg) == 0);

	btw("it is refused: everything stays as it was");
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	take_reinvite();
	fake_call_reply(&call, 488, "Warning: 305 pbx \"no such codec\"\r\n", NULL);
	fake_sip_expect(stage.pbx, "ACK");
	they_hang_up();

	btw("the peer does not know the call any more: it ends");
	we_talk();
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	take_reinvite();
	fake_call_reply(&call, 481, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), "Q.850;cause=41") == 0);
	fake_sip_reply(stage.pbx, NULL, 481, NULL, NULL, NULL);
	end_of_story();

	btw("the peer does not react: the call ends");
	we_talk();
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	stage.pbx->quiet = true;
	pass_ms(31900);
	fake_sip_drain(stage.pbx);
	stage.pbx->quiet = false;
	pass_ms(100);
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();

	btw("the user hangs up while ours is pending; the 200 comes later: ACK and nothing else");
	we_talk();
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	take_reinvite();
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect_nothing(stage.pbx);
	fake_call_free(&call);
	pass_ms(40000);
	stage_idle();

	btw("the same in a call of theirs, and the 200 comes when the call is gone: ACK, and BYE as for any call we do not have");
	they_talk();
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	take_reinvite();
	fake_call_reply(&call, 100, NULL, NULL);
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	fake_sip_expect(stage.pbx, "CANCEL");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 481, NULL, NULL, NULL);
	end_of_story();
}

static void test_glare(void)
{
	unsigned int i;

	btw("both ask at once: they get 491, and so do we; they try again first, then we do");
	we_talk();
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	take_reinvite();
	fake_call_invite(&call, NULL, HELD_SDP);
	fake_sip_expect(stage.pbx, "491 INVITE");
	fake_call_ack_failure(&call);
	fake_call_reply(&call, 491, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	stage.accept_reoffer = true;
	fake_call_invite(&call, NULL, HELD_SDP);
	stage.accept_reoffer = false;
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	wait_for_reinvite(2100, 4000);
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");

	btw("ours is due again while theirs is being answered: a little later");
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	take_reinvite();
	fake_call_reply(&call, 491, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	fake_call_invite(&call, NULL, HELD_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	pass_ms(10000);
	fake_sip_expect_nothing(stage.pbx);
	EXPECT(sip_session_reply(stage.s, 488, NULL) == 0);
	fake_sip_expect(stage.pbx, "488 INVITE");
	fake_call_ack_failure(&call);
	wait_for_reinvite(0, 500);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	they_hang_up();

	btw("a call that they made: we wait less; a peer that always says 491 is told after six times");
	they_talk();
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	for (i = 0; i < 6; i++) {
		wait_for_reinvite(0, 2000);
		fake_call_reply(&call, 491, NULL, NULL);
		fake_sip_expect(stage.pbx, "ACK");
	}
	pass_ms(5000);
	fake_sip_expect_nothing(stage.pbx);

	btw("the user hangs up while ours waits");
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	take_reinvite();
	fake_call_reply(&call, 491, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	we_hang_up();
}

int main(void)
{
	stage_set("sip_session_reinvite_test", "127.0.53");
	test_theirs();
	test_theirs_ends();
	test_ours();
	test_glare();
	stage_clear();
	return 0;
}
