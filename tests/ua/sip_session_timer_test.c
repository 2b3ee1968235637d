/* Session timers (RFC 4028): who refreshes, by what, and what becomes of a call whose other side is gone. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include "session_story.h"

#define ALLOW "Allow: INVITE, ACK, CANCEL, BYE, UPDATE\r\n"
#define TIMER "Supported: timer\r\n"

static void show(const char *name)
{
	printf("  %s: %s\n", name, fake_sip_header(stage.pbx, name) ?: "-");
}

static void we_talk(const char *extra_in_200)
{
	we_call();
	fake_call_reply(&call, 200, extra_in_200, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
}

static void they_talk(const char *extra)
{
	they_call(extra, PBX_SDP);
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	show("Session-Expires");
	show("Require");
	fake_call_take(&call);
	fake_call_ack(&call, NULL);
}

/* The next message, some time in this interval. */
static void comes_after(unsigned long min_s, unsigned long max_s, const char *label)
{
	unsigned long ms;

	pass_ms(min_s * 1000 - 1);
	fake_sip_expect_nothing(stage.pbx);
	for (ms = 0; ms <= (max_s - min_s) * 1000 && !fake_sip_receive(stage.pbx); ms += 100)
		pass_ms(100);
	EXPECT(strncmp(stage.pbx->msg, label, strlen(label)) == 0);
}

static void test_we_refresh(void)
{
	unsigned int i;

	btw("we refresh at half of the time, by UPDATE without a description; the user hears nothing");
	we_talk(ALLOW TIMER "Require: timer\r\nSession-Expires: 100;refresher=uac\r\n");
	for (i = 0; i < 3; i++) {
		comes_after(50, 51, "UPDATE");
		EXPECT(!fake_sip_body(stage.pbx)[0]);
		show("Session-Expires");
		fake_sip_reply(stage.pbx, NULL, 200, NULL, TIMER "Session-Expires: 100;refresher=uac\r\n", NULL);
	}
	btw("refused for now: tried again before the end; another interval is taken over");
	comes_after(50, 51, "UPDATE");
	fake_sip_reply(stage.pbx, NULL, 500, NULL, NULL, NULL);
	comes_after(8, 9, "UPDATE");
	fake_sip_reply(stage.pbx, NULL, 422, NULL, "Min-SE: 200\r\n", NULL);
	comes_after(8, 9, "UPDATE");
	show("Session-Expires");
	show("Min-SE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, TIMER "Session-Expires: 200;refresher=uac\r\n", NULL);
	comes_after(100, 101, "UPDATE");
	btw("the peer does not know the call any more");
	fake_sip_reply(stage.pbx, NULL, 481, NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	show("Reason");
	end_of_story();

	btw("a peer without UPDATE: a re-INVITE with the very description, and nobody hears of it");
	we_talk(TIMER "Require: timer\r\nSession-Expires: 100;refresher=uac\r\n");
	comes_after(50, 51, "INVITE");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, TIMER "Session-Expires: 100;refresher=uac\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	btw("after a change it is the new one; a re-INVITE of the user is a refresh, too");
	pass_ms(40000);
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP "a=sendonly\r\n") == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	show("Session-Expires");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, TIMER "Session-Expires: 100;refresher=uac\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	comes_after(50, 51, "INVITE");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP "a=sendonly\r\n") == 0);
	btw("nobody answers: the call ends before its time is over");
	stage.pbx->quiet = true;
	pass_ms(19000);
	fake_sip_drain(stage.pbx);
	EXPECT(!stage.s);
	end_of_story();
	stage.pbx->quiet = false;

	btw("they call, know no timer, but a proxy wants one: we refresh");
	they_talk("Session-Expires: 100\r\n");
	comes_after(50, 51, "INVITE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	btw("the 200 has no Session-Expires: no timer from now on");
	pass_ms(600000);
	fake_sip_expect_nothing(stage.pbx);
	they_hang_up();
}

static void test_they_refresh(void)
{
	btw("they refresh, by UPDATE and by a re-INVITE with the same description: the user hears nothing");
	they_talk(ALLOW TIMER "Session-Expires: 100\r\n");
	pass_ms(50000);
	fake_call_request(&call, "UPDATE", TIMER "Session-Expires: 100;refresher=uac\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "200 UPDATE");
	show("Session-Expires");
	pass_ms(50000);
	fake_call_invite(&call, TIMER "Session-Expires: 100;refresher=uac\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_sip_expect(stage.pbx, "200 INVITE");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_call_ack(&call, NULL);
	btw("on hold: the refresh keeps it, and what is not the same is told");
	fake_call_invite(&call, TIMER "Session-Expires: 100;refresher=uac\r\n", PBX_SDP "a=sendonly\r\n");
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP "a=recvonly\r\n") == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	fake_call_invite(&call, TIMER "Session-Expires: 100;refresher=uac\r\n", PBX_SDP "a=sendonly\r\n");
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_sip_expect(stage.pbx, "200 INVITE");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP "a=recvonly\r\n") == 0);
	fake_call_ack(&call, NULL);
	btw("they want us to refresh from now on");
	fake_call_request(&call, "UPDATE", TIMER "Session-Expires: 120;refresher=uas\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "200 UPDATE");
	show("Session-Expires");
	comes_after(60, 61, "UPDATE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, TIMER "Session-Expires: 90;refresher=uas\r\n", NULL);
	btw("and then not: no refresh comes, the call ends some time before its end");
	comes_after(60, 61, "BYE");
	show("Reason");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();

	btw("we call, they refresh; the ACK of ours is not needed for that");
	we_talk(TIMER "Session-Expires: 100;refresher=uas\r\n");
	comes_after(68, 69, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();
}

static void test_too_small(void)
{
	btw("too small for us: 422 for a new call, a re-INVITE, an UPDATE");
	fake_call_init(&call, stage.pbx, "1");
	fake_call_invite(&call, TIMER "Session-Expires: 60\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "422 INVITE");
	show("Min-SE");
	fake_call_ack_failure(&call);
	they_talk(TIMER "x: 100;refresher=uac\r\nMin-SE: 95\r\n");
	fake_call_request(&call, "UPDATE", TIMER "Session-Expires: 89;refresher=uac\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "422 UPDATE");
	fake_call_invite(&call, TIMER "Session-Expires: 1\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "422 INVITE");
	fake_call_ack_failure(&call);
	they_hang_up();

	btw("larger than ours: made smaller, but not below what they ask for; nonsense is no timer");
	stage.peer->cfg.session_expires_s = 200;
	they_talk(TIMER "Session-Expires: 7200\r\n");
	they_hang_up();
	they_talk(TIMER "Session-Expires: 7200\r\nMin-SE: 300\r\n");
	they_hang_up();
	they_talk(TIMER "Session-Expires: 99999999999999999999\r\nMin-SE: 99999999999999\r\n");
	they_hang_up();
	they_talk(TIMER "Session-Expires: -1\r\n");
	they_hang_up();
	they_talk(TIMER);
	they_hang_up();
	stage.peer->cfg.session_expires_s = 1800;

	btw("too small for them: the INVITE again with more");
	user_calls("1");
	fake_sip_expect(stage.pbx, "INVITE");
	show("Session-Expires");
	fake_sip_reply(stage.pbx, NULL, 422, "t", "Min-SE: 3600\r\n", NULL);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	show("Session-Expires");
	show("Min-SE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "2 INVITE") == 0);
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_call_in(&call, stage.pbx, "pbx");
	fake_call_reply(&call, 200, ALLOW TIMER "Session-Expires: 3600;refresher=uac\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	comes_after(1800, 1801, "UPDATE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, "Session-Expires: 3600;refresher=uac\r\n", NULL);
	they_hang_up();

	btw("a peer that always says so is refused at last; one without a number at once");
	user_calls("1");
	stage.pbx->quiet = true;
	while (stage.s) {
		fake_sip_expect(stage.pbx, "INVITE");
		fake_sip_reply(stage.pbx, NULL, 422, "t", "Min-SE: 3600\r\n", NULL);
		fake_sip_expect(stage.pbx, "ACK");
	}
	stage.pbx->quiet = false;
	user_calls("1");
	fake_sip_expect(stage.pbx, "INVITE");
	fake_sip_reply(stage.pbx, NULL, 422, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	stage_idle();
}

static void test_settings(void)
{
	btw("off: nothing is said, nothing is heard");
	stage.peer->cfg.session_timer = SIP_USE_OFF;
	they_talk("Supported: timer\r\nSession-Expires: 10\r\n");
	they_hang_up();
	fake_call_init(&call, stage.pbx, "1");
	fake_call_invite(&call, "Require: timer\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "420 INVITE");
	fake_call_ack_failure(&call);
	user_calls("1");
	fake_sip_expect(stage.pbx, "INVITE");
	show("Session-Expires");
	show("Supported");
	fake_call_in(&call, stage.pbx, "pbx");
	fake_call_reply(&call, 486, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();

	btw("required: we want one in each call");
	stage.peer->cfg.session_timer = SIP_USE_REQUIRED;
	fake_call_init(&call, stage.pbx, "1");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "421 INVITE");
	fake_call_ack_failure(&call);
	they_talk(TIMER);
	they_hang_up();
	user_calls("1");
	fake_sip_expect(stage.pbx, "INVITE");
	show("Session-Expires");
	show("Require");
	fake_call_in(&call, stage.pbx, "pbx");
	fake_call_reply(&call, 486, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	stage.peer->cfg.session_timer = SIP_USE_SUPPORTED;
	end_of_story();

	btw("the peer is removed from the configuration in a call with a timer");
	they_talk(TIMER "Session-Expires: 100\r\n");
	sip_peer_free(stage.peer);
	stage.peer = NULL;
	comes_after(68, 69, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();
}

int main(void)
{
	stage_set("sip_session_timer_test", "127.0.63");
	test_we_refresh();
	test_they_refresh();
	test_too_small();
	test_settings();
	stage_clear();
	return 0;
}
