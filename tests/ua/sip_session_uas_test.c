/* They call: answer, refusal, CANCEL and BYE in each phase, lost ACK, lost 200, hanging up before the ACK, peers of RFC
 * 2543. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/timers.h>

#include "session_story.h"

static void pbx_calls(const char *extra, const char *sdp)
{
	fake_call_init(&call, stage.pbx, "+49301234");
	fake_call_invite(&call, extra, sdp);
	fake_sip_expect(stage.pbx, "100 INVITE");
}

static void answered(void)
{
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_take(&call);
}

static void talking(void)
{
	pbx_calls(NULL, PBX_SDP);
	answered();
	fake_call_ack(&call, NULL);
}

static void test_answer(void)
{
	btw("a call as it should be");
	pbx_calls(NULL, PBX_SDP);
	EXPECT(!strstr(fake_sip_header(stage.pbx, "To"), "tag="));
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	printf("  Contact: %s\n", fake_sip_header(stage.pbx, "Contact"));
	EXPECT(strstr(fake_sip_header(stage.pbx, "To"), ";tag="));
	EXPECT(strncmp(fake_sip_header(stage.pbx, "Server"), "osmo-sipgw/", 11) == 0);
	EXPECT(strcmp(fake_sip_body(stage.pbx), "") == 0);
	EXPECT(sip_session_provisional(stage.s, 183, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "183 INVITE");
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	btw("the phone rings long: the last response is said again each minute, so that proxies do not lose patience");
	pass_ms(60000);
	fake_sip_expect(stage.pbx, "183 INVITE");
	pass_ms(60000);
	fake_sip_expect(stage.pbx, "183 INVITE");
	btw("the phone answers");
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	printf("  Allow: %s\n", fake_sip_header(stage.pbx, "Allow"));
	EXPECT(fake_sip_header(stage.pbx, "Contact"));
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_call_take(&call);
	fake_call_ack(&call, NULL);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) < 0);
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) < 0);
	EXPECT(sip_session_reply(stage.s, 200, PHONE_SDP) < 0);
	fake_sip_expect_nothing(stage.pbx);
	btw("the user hangs up");
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), "Q.850;cause=16") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	stage_idle();
}

static void test_refused(void)
{
	btw("refused at once");
	stage.refuse_incoming = true;
	fake_call_init(&call, stage.pbx, "");
	snprintf(call.target, sizeof(call.target), "sip:127.0.52.1");
	snprintf(call.remote, sizeof(call.remote), "<sip:127.0.52.1>");
	fake_call_invite(&call, "Record-Route: <sip:127.0.52.2;lr>\r\n", PBX_SDP);
	stage.refuse_incoming = false;
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_sip_expect(stage.pbx, "404 INVITE");
	printf("  Reason: %s\n", fake_sip_header(stage.pbx, "Reason"));
	printf("  Warning: %s\n", fake_sip_header(stage.pbx, "Warning"));
	EXPECT(!fake_sip_header(stage.pbx, "Record-Route"));
	fake_call_ack_failure(&call);
	stage_idle();

	btw("busy; the ACK is lost, the 486 is repeated");
	pbx_calls(NULL, PBX_SDP);
	user_ends(486, 17, NULL);
	fake_sip_expect(stage.pbx, "486 INVITE");
	pass_ms(500);
	fake_sip_expect(stage.pbx, "486 INVITE");
	fake_call_ack_failure(&call);
	pass_ms(10000);
	fake_sip_expect_nothing(stage.pbx);
	stage_idle();

	btw("no status given: 480");
	pbx_calls(NULL, PBX_SDP);
	user_ends(0, 0, NULL);
	fake_sip_expect(stage.pbx, "480 INVITE");
	fake_call_ack_failure(&call);
	stage_idle();
}

static void test_given_up(void)
{
	btw("CANCEL while it rings");
	pbx_calls(NULL, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	fake_call_cancel(&call, "Reason: Q.850;cause=31\r\n");
	fake_sip_expect(stage.pbx, "200 CANCEL");
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_call_ack_failure(&call);
	stage_idle();

	btw("CANCEL after our 200: ignored, the call is up");
	pbx_calls(NULL, PBX_SDP);
	answered();
	fake_call_cancel(&call, NULL);
	fake_sip_expect(stage.pbx, "200 CANCEL");
	fake_call_ack(&call, NULL);
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	stage_idle();

	btw("CANCEL after our 486: ignored");
	pbx_calls(NULL, PBX_SDP);
	user_ends(486, 17, NULL);
	fake_sip_expect(stage.pbx, "486 INVITE");
	fake_call_cancel(&call, NULL);
	fake_sip_expect(stage.pbx, "200 CANCEL");
	fake_call_ack_failure(&call);
	stage_idle();

	btw("BYE in the early dialog");
	pbx_calls(NULL, PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	fake_call_take(&call);
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_call_ack_failure(&call);
	stage_idle();

	btw("BYE before the ACK");
	pbx_calls(NULL, PBX_SDP);
	answered();
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	pass_ms(10000);
	fake_sip_expect_nothing(stage.pbx);
	stage_idle();
}

static void test_lost(void)
{
	unsigned int i, n = 0;

	btw("the 200 or its ACK is lost: repeated with growing intervals until the ACK comes");
	pbx_calls(NULL, PBX_SDP);
	answered();
	pass_ms(499);
	fake_sip_expect_nothing(stage.pbx);
	pass_ms(1);
	fake_sip_expect(stage.pbx, "200 INVITE");
	pass_ms(1000);
	fake_sip_expect(stage.pbx, "200 INVITE");
	pass_ms(2000);
	fake_sip_expect(stage.pbx, "200 INVITE");
	pass_ms(4000);
	fake_sip_expect(stage.pbx, "200 INVITE");
	pass_ms(4000);
	fake_sip_expect(stage.pbx, "200 INVITE");
	btw("the ACK comes at last, and once more");
	fake_call_ack(&call, NULL);
	fake_call_ack(&call, NULL);
	pass_ms(20000);
	fake_sip_expect_nothing(stage.pbx);
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	stage_idle();

	btw("no ACK ever: BYE, and the user is told");
	pbx_calls(NULL, PBX_SDP);
	answered();
	stage.pbx->quiet = true;
	for (i = 0; i < 63; i++) {
		pass_ms(500);
		fake_sip_drain(stage.pbx);
	}
	EXPECT(stage.s);
	stage.pbx->quiet = false;
	pass_ms(500);
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), "Q.850;cause=102") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	EXPECT(sip_ua_idle(stage.ua));
	stage_idle();

	btw("the same with T1 and T2 of 0: no storm of 200s");
	osmo_tdef_get_entry(sip_tdefs, T_SIP_T1)->val = 0;
	osmo_tdef_get_entry(sip_tdefs, T_SIP_T2)->val = 0;
	pbx_calls(NULL, PBX_SDP);
	answered();
	stage.pbx->quiet = true;
	while (stage.s) {
		pass_ms(100);
		while (fake_sip_receive(stage.pbx))
			n++;
	}
	EXPECT(n > 300 && n < 350);
	stage.pbx->quiet = false;
	timers_init();
	stage_idle();

	btw("we hang up before the ACK: the BYE waits for it");
	pbx_calls(NULL, PBX_SDP);
	answered();
	user_ends(0, 16, NULL);
	fake_sip_expect_nothing(stage.pbx);
	fake_call_ack(&call, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), "Q.850;cause=16") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	stage_idle();

	btw("we hang up before the ACK, they at once after their 200 came");
	pbx_calls(NULL, PBX_SDP);
	answered();
	user_ends(0, 16, NULL);
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	fake_call_ack(&call, NULL);
	fake_sip_expect_nothing(stage.pbx);
	stage_idle();

	btw("we hang up before the ACK, which never comes");
	pbx_calls(NULL, PBX_SDP);
	answered();
	user_ends(0, 16, NULL);
	stage.pbx->quiet = true;
	for (i = 0; i < 63; i++) {
		pass_ms(500);
		fake_sip_drain(stage.pbx);
	}
	stage.pbx->quiet = false;
	pass_ms(500);
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	stage_idle();
}

static void test_late_offer(void)
{
	btw("an INVITE without SDP: our offer is in the 200, the answer in the ACK");
	pbx_calls(NULL, NULL);
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_take(&call);
	fake_call_ack(&call, PBX_SDP);
	stage.hang_up_inside = true;
	btw("the user hangs up from within info()");
	fake_call_request(&call, "INFO", NULL, "application/dtmf", "#");
	fake_sip_expect(stage.pbx, "200 INFO");
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	stage_idle();
}

static void test_who_calls(void)
{
	static const char *const froms[] = {
		"\"Bob \\\"B\\\" Builder\" <sip:+4930%2099;phone-context=x@127.0.52.2>;tag=a",
		"<sip:127.0.52.2>;tag=b",
		"tel:+4930555;tag=c",
		"<tel:911;phone-context=+1>;tag=d",
		"Anonymous <sip:anonymous@anonymous.invalid>;tag=e",
	};
	static const char *const targets[] = { "sip:911@127.0.52.1", "sip:%2B49@127.0.52.1;user=phone",
					       "tel:+4930-1234;isub=1", "sip:127.0.52.1" };
	unsigned int i;

	btw("who calls");
	for (i = 0; i < ARRAY_SIZE(froms); i++) {
		fake_call_init(&call, stage.pbx, "1");
		OSMO_STRLCPY_ARRAY(call.local, froms[i]);
		fake_call_invite(&call, NULL, PBX_SDP);
		stage.pbx->quiet = true;
		fake_sip_drain(stage.pbx);
		user_ends(486, 17, NULL);
		fake_sip_expect(stage.pbx, "486 INVITE");
		fake_call_ack_failure(&call);
		stage.pbx->quiet = false;
	}
	btw("a caller who wants privacy");
	fake_call_init(&call, stage.pbx, "1");
	fake_call_invite(&call, "Privacy: header;id\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	user_ends(486, 17, NULL);
	fake_sip_expect(stage.pbx, "486 INVITE");
	fake_call_ack_failure(&call);
	btw("who is called");
	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		fake_call_init(&call, stage.pbx, "1");
		OSMO_STRLCPY_ARRAY(call.target, targets[i]);
		fake_call_invite(&call, NULL, PBX_SDP);
		stage.pbx->quiet = true;
		fake_sip_drain(stage.pbx);
		user_ends(486, 17, NULL);
		fake_sip_expect(stage.pbx, "486 INVITE");
		fake_call_ack_failure(&call);
		stage.pbx->quiet = false;
	}
	stage_idle();
}

static void test_routes(void)
{
	btw("a proxy stays in the way: Record-Route comes back in 180 and 200, our BYE has the Route, in order");
	pbx_calls("Record-Route: <sip:127.0.52.2;lr>, <sip:10.9.9.9;lr>\r\n", PBX_SDP);
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	EXPECT(fake_sip_has(stage.pbx, "<sip:127.0.52.2;lr>") && fake_sip_has(stage.pbx, "<sip:10.9.9.9;lr>"));
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	EXPECT(fake_sip_has(stage.pbx, "<sip:127.0.52.2;lr>") && fake_sip_has(stage.pbx, "<sip:10.9.9.9;lr>"));
	fake_call_take(&call);
	call.routes[0] = '\0';
	fake_call_ack(&call, NULL);
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	printf("  Route: %s\n", fake_sip_header(stage.pbx, "Route"));
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	stage_idle();
}

static void test_rfc2543(void)
{
	btw("a PBX of RFC 2543: no branch, no tags, no Contact");
	fake_call_init(&call, stage.pbx, "4711");
	call.rfc2543 = true;
	snprintf(call.local, sizeof(call.local), "<sip:4711@127.0.52.2>");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_provisional(stage.s, 180, NULL) == 0);
	fake_sip_expect(stage.pbx, "180 INVITE");
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	btw("it asks for a change and hangs up");
	stage.accept_reoffer = true;
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	stage.accept_reoffer = false;
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	stage_idle();

	btw("the same, and we hang up");
	fake_call_init(&call, stage.pbx, "4711");
	call.rfc2543 = true;
	snprintf(call.local, sizeof(call.local), "<sip:4711@127.0.52.2>");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_ack(&call, NULL);
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strncmp(stage.pbx->msg, "BYE sip:4711@127.0.52.2 ", 24) == 0);
	EXPECT(strcmp(fake_sip_header(stage.pbx, "To"), "<sip:4711@127.0.52.2>") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	stage_idle();
}

static void test_both_hang_up(void)
{
	btw("both hang up at once, nobody answers our BYE");
	talking();
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	pass_ms(33000);
	fake_sip_drain(stage.pbx);
	EXPECT(sip_ua_idle(stage.ua));
	stage_idle();
}

static void stopped(void)
{
	const char *why = NULL;

	sip_ua_stop(stage.ua);
	EXPECT(sip_ua_start(stage.ua, &why) == 0);
	pump();
}

static void expect_bye(const char *reason)
{
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), reason) == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
}

static void test_stop(void)
{
	btw("SIP is stopped while a 200 waits for its ACK: the peer may take the call for up, so it gets a BYE");
	pbx_calls(NULL, PBX_SDP);
	answered();
	stopped();
	expect_bye("Q.850;cause=41");
	stage_idle();

	btw("the same when we had hung up before");
	pbx_calls(NULL, PBX_SDP);
	answered();
	user_ends(0, 16, NULL);
	fake_sip_expect_nothing(stage.pbx);
	stopped();
	expect_bye("Q.850;cause=16");
	stage_idle();

	btw("the same in a call that is up");
	talking();
	stopped();
	expect_bye("Q.850;cause=41");
	stage_idle();

	btw("no BYE for one that was ended by BYE already");
	talking();
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	stopped();
	fake_sip_expect_nothing(stage.pbx);
	stage_idle();
}

int main(void)
{
	stage_set("sip_session_uas_test", "127.0.52");
	test_answer();
	test_refused();
	test_given_up();
	test_lost();
	test_late_offer();
	test_who_calls();
	test_routes();
	test_rfc2543();
	test_both_hang_up();
	test_stop();
	stage_clear();
	return 0;
}
