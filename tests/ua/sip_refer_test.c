/* REFER (RFC 3515): what is accepted, what is refused and how, and the NOTIFYs. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include "session_story.h"

#define NEW_PARTY "Refer-To: <sip:5553333@127.0.118.2>\r\n"

static void they_talk(void)
{
	they_call(NULL, PBX_SDP);
	they_are_answered();
}

static void refer(const char *headers)
{
	fake_call_request(&call, "REFER", headers, NULL, NULL);
}

static void refused(const char *headers, const char *label)
{
	btw("%.*s: %s", (int)strcspn(headers, "\r"), headers, label);
	refer(headers);
	fake_sip_expect(stage.pbx, label);
	fake_sip_expect_nothing(stage.pbx);
}

static void notified(const char *frag, const char *state)
{
	fake_sip_expect(stage.pbx, "NOTIFY");
	EXPECT(strncmp(fake_sip_header(stage.pbx, "Event"), "refer", 5) == 0);
	EXPECT(strncmp(fake_sip_header(stage.pbx, "Subscription-State"), state, strlen(state)) == 0);
	EXPECT(strncmp(fake_sip_header(stage.pbx, "Content-Type"), "message/sipfrag", 15) == 0);
	EXPECT(strcmp(fake_sip_body(stage.pbx), frag) == 0);
}

static void accepted(void)
{
	refer(NEW_PARTY);
	fake_sip_expect(stage.pbx, "202 REFER");
	notified("SIP/2.0 100 Trying\r\n", "active");
}

static void test_refused(void)
{
	btw("a peer without 'refer'");
	they_talk();
	refused(NEW_PARTY, "603 REFER");
	stage.peer->cfg.refer = true;
	refused("Refer-To: <sip:5553333@192.0.2.99>\r\n", "603 REFER");
	refused("Refer-To: sip:5553333@example.net\r\n", "603 REFER");
	refused("Refer-To: <mailto:me@127.0.118.2>\r\n", "603 REFER");
	refused("Refer-To: <sip:127.0.118.2>\r\n", "603 REFER");
	refused("Refer-To: <sip:5553333@127.0.118.2;method=BYE>\r\n", "501 REFER");
	refused("Refer-To: <sip:5553333@127.0.118.2?Replaces=1%3Bto-tag%3D2>\r\n", "501 REFER");
	refused("Refer-To: <sip:5553333@127.0.118.2\r\n", "400 REFER");
	refused("Subject: nothing\r\n", "400 REFER");
	refused(NEW_PARTY NEW_PARTY, "400 REFER");
	they_hang_up();
}

static void test_done(void)
{
	btw("done: 202, 100, 180, 200");
	they_talk();
	accepted();
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	btw("one at a time");
	refused(NEW_PARTY, "491 REFER");
	sip_session_refer_result(stage.s, 180);
	notified("SIP/2.0 180 Ringing\r\n", "active");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	sip_session_refer_result(stage.s, 200);
	notified("SIP/2.0 200 OK\r\n", "terminated;reason=noresource");
	EXPECT(!strstr(fake_sip_header(stage.pbx, "Event"), "id="));
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	sip_session_refer_result(stage.s, 200);
	fake_sip_expect_nothing(stage.pbx);

	btw("another one in the same call has an id; our own number; it fails");
	refer("r: <sip:5554444@127.0.118.1>\r\n");
	fake_sip_expect(stage.pbx, "202 REFER");
	notified("SIP/2.0 100 Trying\r\n", "active");
	EXPECT(strstr(fake_sip_header(stage.pbx, "Event"), "id="));
	sip_session_refer_result(stage.s, 486);
	btw("the last word does not wait for the one before");
	notified("SIP/2.0 486 Busy Here\r\n", "terminated");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_sip_drain(stage.pbx);
	they_hang_up();
}

static void test_no_subscription(void)
{
	btw("they do not want to hear of it");
	they_talk();
	refer("Refer-To: <tel:+4930123>\r\nRefer-Sub: false\r\n");
	fake_sip_expect(stage.pbx, "202 REFER");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Refer-Sub"), "false") == 0);
	sip_session_refer_result(stage.s, 200);
	fake_sip_expect_nothing(stage.pbx);

	btw("a NOTIFY that is not taken ends the subscription, not the call");
	accepted();
	fake_sip_reply(stage.pbx, NULL, 481, NULL, NULL, NULL);
	sip_session_refer_result(stage.s, 180);
	sip_session_refer_result(stage.s, 200);
	fake_sip_expect_nothing(stage.pbx);

	btw("nor one that nobody answers");
	accepted();
	pass_ms(40000);
	fake_sip_drain(stage.pbx);
	sip_session_refer_result(stage.s, 200);
	fake_sip_expect_nothing(stage.pbx);
	they_hang_up();
}

static void test_bye(void)
{
	btw("BYE right after the 202: the subscription has its last NOTIFY, with what is known");
	they_talk();
	accepted();
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	notified("SIP/2.0 100 Trying\r\n", "terminated;reason=noresource");
	fake_sip_reply(stage.pbx, NULL, 481, NULL, NULL, NULL);
	fake_sip_drain(stage.pbx);
	fake_call_free(&call);
	EXPECT(!stage.s);
	stage_idle();

	btw("BYE while it rings");
	they_talk();
	accepted();
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	sip_session_refer_result(stage.s, 180);
	notified("SIP/2.0 180 Ringing\r\n", "active");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	notified("SIP/2.0 180 Ringing\r\n", "terminated;reason=noresource");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_free(&call);
	EXPECT(!stage.s);
	stage_idle();

	btw("done, and we hang up: NOTIFY, then BYE");
	they_talk();
	accepted();
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	sip_session_refer_result(stage.s, 200);
	user_ends(0, 16, NULL);
	notified("SIP/2.0 200 OK\r\n", "terminated");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();
}

int main(void)
{
	stage_set("sip_refer_test", "127.0.118");
	test_refused();
	test_done();
	test_no_subscription();
	test_bye();
	stage_clear();
	return 0;
}
