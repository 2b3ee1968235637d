/* We call: answer, refusal, forks, CANCEL in each phase and its crossing, lost messages, hanging up from both sides. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include "session_story.h"

static void pbx_gets_invite(void)
{
	fake_sip_expect(stage.pbx, "INVITE");
	fake_call_in(&call, stage.pbx, "pbxtag");
}

/* A call that is up. */
static void talking(void)
{
	user_calls("4711");
	pbx_gets_invite();
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
}

static void test_answer(void)
{
	char ack[2000];

	btw("a call as it should be");
	user_calls("47 11#");
	pbx_gets_invite();
	EXPECT(strncmp(stage.pbx->msg, "INVITE sip:47%2011%23@127.0.51.2:5060 SIP/2.0\r\n", 46) == 0);
	printf("  From: %.48s\n", fake_sip_header(stage.pbx, "From"));
	printf("  To: %s\n", fake_sip_header(stage.pbx, "To"));
	printf("  Contact: %s\n", fake_sip_header(stage.pbx, "Contact"));
	printf("  CSeq: %s\n", fake_sip_header(stage.pbx, "CSeq"));
	printf("  Allow: %s\n", fake_sip_header(stage.pbx, "Allow"));
	printf("  Max-Forwards: %s\n", fake_sip_header(stage.pbx, "Max-Forwards"));
	EXPECT(strncmp(fake_sip_header(stage.pbx, "User-Agent"), "osmo-sipgw/", 11) == 0);
	EXPECT(strcmp(fake_sip_body(stage.pbx), PHONE_SDP) == 0);
	fake_call_reply(&call, 100, NULL, NULL);
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&call, 183, NULL, PBX_SDP);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "1 ACK") == 0);
	OSMO_STRLCPY_ARRAY(ack, stage.pbx->msg);
	btw("the 200 is repeated, also much later: the same ACK again, and the user hears nothing");
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(ack, stage.pbx->msg) == 0);
	pass_ms(60000);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(ack, stage.pbx->msg) == 0);
	btw("the user hangs up");
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), "Q.850;cause=16") == 0);
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "2 BYE") == 0);
	EXPECT(strstr(fake_sip_header(stage.pbx, "To"), ";tag=pbxtag"));
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_sip_expect_nothing(stage.pbx);
	end_of_story();
}

static void test_anonymous(void)
{
	struct sip_invite inv = {
		.called_user = "1", .calling_user = "+49", .calling_anonymous = true, .sdp = PHONE_SDP
	};

	btw("a caller who does not want to be known; the peer has a domain");
	stage.peer->cfg.domain = talloc_strdup(stage.peer, "pbx.example");
	stage.s = sip_session_invite(stage.ua, stage.peer, &inv, &story_ops, &stage);
	pbx_gets_invite();
	EXPECT(strncmp(fake_sip_header(stage.pbx, "From"),
		       "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=", 49) == 0);
	EXPECT(strcmp(fake_sip_header(stage.pbx, "To"), "<sip:1@pbx.example;user=phone>") == 0);
	fake_call_reply(&call, 603, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	TALLOC_FREE(stage.peer->cfg.domain);
	end_of_story();
}

static void test_refused(void)
{
	btw("busy, with Reason and Warning");
	user_calls("4711");
	pbx_gets_invite();
	fake_call_reply(&call, 100, NULL, NULL);
	fake_call_reply(&call, 486, "Reason: Q.850;cause=17\r\nWarning: 399 pbx \"on the phone\"\r\n", NULL);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(stage.peer->last_status == 486);
	end_of_story();

	btw("nobody there");
	user_calls("4711");
	pbx_gets_invite();
	fake_call_reply(&call, 404, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();

	btw("moved: a failure for now");
	user_calls("4711");
	pbx_gets_invite();
	fake_call_reply(&call, 302, "Contact: <sip:elsewhere@example>\r\n", NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();

	btw("no response at all");
	user_calls("4711");
	stage.pbx->quiet = true;
	pass_ms(33000);
	stage.pbx->quiet = false;
	EXPECT(stage.peer->last_status == 408);
	end_of_story();

	btw("rings for ever");
	user_calls("4711");
	pbx_gets_invite();
	fake_call_reply(&call, 180, NULL, NULL);
	pass_ms(181200);
	fake_sip_expect(stage.pbx, "CANCEL");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 487, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();
}

static void test_cancel(void)
{
	btw("given up before the first response: the CANCEL waits for one");
	user_calls("4711");
	pbx_gets_invite();
	user_ends(0, 16, NULL);
	fake_sip_expect_nothing(stage.pbx);
	fake_call_reply(&call, 100, NULL, NULL);
	fake_sip_expect(stage.pbx, "CANCEL");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), "Q.850;cause=16") == 0);
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "1 CANCEL") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 487, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();

	btw("given up while it rings");
	user_calls("4711");
	pbx_gets_invite();
	fake_call_reply(&call, 180, NULL, NULL);
	user_ends(0, 0, NULL);
	fake_sip_expect(stage.pbx, "CANCEL");
	EXPECT(!fake_sip_header(stage.pbx, "Reason"));
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 487, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();

	btw("given up from within the callback of 180");
	user_calls("4711");
	pbx_gets_invite();
	stage.hang_up_inside = true;
	fake_call_reply(&call, 180, NULL, NULL);
	fake_sip_expect(stage.pbx, "CANCEL");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 487, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();

	btw("the 200 crosses the CANCEL: ACK and BYE");
	user_calls("4711");
	pbx_gets_invite();
	fake_call_reply(&call, 180, NULL, NULL);
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "CANCEL");
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), "Q.850;cause=16") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();

	btw("given up before the first response, which is a 200");
	user_calls("4711");
	pbx_gets_invite();
	user_ends(0, 0, NULL);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();

	btw("the peer answers the CANCEL and then dies; when it wakes up again it says 200");
	user_calls("4711");
	pbx_gets_invite();
	fake_call_reply(&call, 180, NULL, NULL);
	user_ends(0, 0, NULL);
	fake_sip_expect(stage.pbx, "CANCEL");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	pass_ms(40000);
	EXPECT(sip_ua_idle(stage.ua));
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();

	btw("given up, no response ever");
	user_calls("4711");
	user_ends(0, 0, NULL);
	stage.pbx->quiet = true;
	pass_ms(40000);
	fake_sip_drain(stage.pbx);
	stage.pbx->quiet = false;
	EXPECT(sip_ua_idle(stage.ua));
	end_of_story();
}

static void test_forks(void)
{
	struct fake_call other;

	btw("two phones ring, both answer: the first one wins, the other one is thanked and ended");
	user_calls("4711");
	pbx_gets_invite();
	fake_call_in(&other, stage.pbx, "othertag");
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&other, 183, NULL, PBX_SDP);
	fake_call_reply(&other, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strstr(fake_sip_header(stage.pbx, "To"), "othertag"));
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strstr(fake_sip_header(stage.pbx, "To"), "pbxtag"));
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strstr(fake_sip_header(stage.pbx, "To"), "pbxtag"));
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	btw("its 200 comes again: ACK, but no second BYE");
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect_nothing(stage.pbx);
	btw("its own BYE crossed ours");
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	btw("the winner hangs up");
	fake_call_request(&other, "BYE", "Reason: Q.850;cause=16\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	btw("a third phone answers after the call: ACK and BYE all the same");
	OSMO_STRLCPY_ARRAY(call.tag, "thirdtag");
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_free(&other);
	end_of_story();
}

static void test_many_forks(void)
{
	unsigned int i, n_ack = 0, n_bye = 0;

	btw("twenty phones answer: none of them keeps its call but the first, although not all are remembered");
	user_calls("4711");
	pbx_gets_invite();
	stage.pbx->quiet = true;
	for (i = 0; i < 20; i++) {
		snprintf(call.tag, sizeof(call.tag), "tag%u", i);
		fake_call_reply(&call, 200, NULL, PBX_SDP);
	}
	while (fake_sip_receive(stage.pbx)) {
		n_ack += strncmp(stage.pbx->msg, "ACK ", 4) == 0;
		n_bye += strncmp(stage.pbx->msg, "BYE ", 4) == 0;
	}
	stage.pbx->quiet = false;
	EXPECT(n_ack == 20 && n_bye == 19);
	user_ends(0, 16, NULL);
	end_of_story();
}

static void test_early_requests(void)
{
	btw("INFO and a BYE in the early dialog, which should not be: 200 and the call is given up");
	user_calls("4711");
	pbx_gets_invite();
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_request(&call, "INFO", NULL, "application/dtmf", "5");
	fake_sip_expect(stage.pbx, "200 INFO");
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	fake_sip_expect(stage.pbx, "CANCEL");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Reason"), "Q.850;cause=16") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 487, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_story();
}

static void test_bye(void)
{
	btw("they hang up");
	talking();
	fake_call_request(&call, "BYE", "Reason: SIP;cause=200, Q.850;cause=31\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	end_of_story();

	btw("both hang up at once");
	talking();
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	fake_call_request(&call, "INFO", NULL, "application/dtmf", "5");
	fake_sip_expect(stage.pbx, "481 INFO");
	end_of_story();

	btw("the user hangs up from within answered(); nobody answers the BYE");
	user_calls("4711");
	pbx_gets_invite();
	stage.hang_up_inside = true;
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(!sip_ua_idle(stage.ua));
	pass_ms(33000);
	fake_sip_drain(stage.pbx);
	EXPECT(sip_ua_idle(stage.ua));
	end_of_story();

	btw("the BYE is answered 481");
	talking();
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 481, NULL, NULL, NULL);
	EXPECT(sip_ua_idle(stage.ua));
	end_of_story();
}

static void test_info(void)
{
	unsigned int i;

	btw("INFO both ways");
	talking();
	EXPECT(sip_session_info_send(stage.s, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n") == 0);
	fake_sip_expect(stage.pbx, "INFO");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Content-Type"), "application/dtmf-relay") == 0);
	EXPECT(strcmp(fake_sip_body(stage.pbx), "Signal=5\r\nDuration=160\r\n") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_request(&call, "INFO", NULL, "application/dtmf-relay", "Signal=1\r\nDuration=100\r\n");
	fake_sip_expect(stage.pbx, "200 INFO");
	fake_call_request(&call, "INFO", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 INFO");
	fake_call_request(&call, "INFO", NULL, "application/broadsoft", "event flashhook");
	fake_sip_expect(stage.pbx, "415 INFO");
	printf("  Accept: %s\n", fake_sip_header(stage.pbx, "Accept"));
	btw("other requests in the dialog: OPTIONS, what we do not know, what is required, what comes too late");
	fake_call_request(&call, "OPTIONS", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 OPTIONS");
	fake_call_request(&call, "REFER", "Refer-To: <sip:2@127.0.51.1>\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "603 REFER");
	fake_call_request(&call, "SUBSCRIBE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "405 SUBSCRIBE");
	fake_call_request(&call, "INFO", "Require: precondition\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "420 INFO");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Unsupported"), "precondition") == 0);
	call.cseq -= 4;
	fake_call_request(&call, "INFO", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "500 INFO");
	call.cseq += 50;
	fake_call_request(&call, "INFO", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 INFO");
	btw("sixteen INFOs may wait for their responses, not more; then nobody responds");
	for (i = 0; i < 16; i++)
		EXPECT(sip_session_info_send(stage.s, "application/dtmf", "5") == 0);
	EXPECT(sip_session_info_send(stage.s, "application/dtmf", "5") < 0);
	user_ends(0, 16, NULL);
	stage.pbx->quiet = true;
	pass_ms(40000);
	fake_sip_drain(stage.pbx);
	stage.pbx->quiet = false;
	end_of_story();
}

static void test_rfc2543(void)
{
	btw("a PBX of RFC 2543: no To tag, no Contact; its BYE has no tags");
	user_calls("4711");
	pbx_gets_invite();
	call.rfc2543 = true;
	OSMO_STRLCPY_ARRAY(call.extra_contact, "-");
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(!strstr(fake_sip_header(stage.pbx, "To"), "tag="));
	snprintf(call.local, sizeof(call.local), "<sip:4711@127.0.51.2>");
	snprintf(call.remote, sizeof(call.remote), "<sip:+4930123@127.0.51.1>");
	they_hang_up();
}

static void test_routes(void)
{
	btw("a proxy stays in the way: what we send in the dialog has its route");
	user_calls("4711");
	pbx_gets_invite();
	OSMO_STRLCPY_ARRAY(call.extra_contact, "sip:phone@10.1.2.3:5099");
	fake_call_reply(&call, 200, "Record-Route: <sip:10.9.9.9;lr>\r\nRecord-Route: <sip:127.0.51.2;lr>\r\n",
			PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strncmp(stage.pbx->msg, "ACK sip:phone@10.1.2.3:5099 ", 28) == 0);
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Route"), "<sip:127.0.51.2;lr>, <sip:10.9.9.9;lr>") == 0);
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "Route"), "<sip:127.0.51.2;lr>, <sip:10.9.9.9;lr>") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();
}

static void test_peer_goes(void)
{
	struct sip_invite inv = { .called_user = "1", .calling_user = "2", .sdp = PHONE_SDP };

	btw("the peer is removed from the configuration in a call: the call goes on");
	talking();
	sip_peer_free(stage.peer);
	stage.peer = NULL;
	EXPECT(!sip_session_peer(stage.s));
	fake_call_request(&call, "INFO", NULL, "application/dtmf", "5");
	fake_sip_expect(stage.pbx, "200 INFO");
	we_hang_up();

	btw("a peer without address cannot be called, nor one whose address no socket reaches");
	stage.peer = sip_peer_alloc(stage.ua, "pbx");
	EXPECT(!sip_session_invite(stage.ua, stage.peer, &inv, &story_ops, &stage));
	stage.peer->cfg.remote_host = talloc_strdup(stage.peer, "::1");
	EXPECT(sip_peer_apply(stage.peer) == 0);
	EXPECT(!sip_session_invite(stage.ua, stage.peer, &inv, &story_ops, &stage));
}

static void test_stop_in_call(void)
{
	talloc_free(stage.peer->cfg.remote_host);
	stage.peer->cfg.remote_host = talloc_strdup(stage.peer, "127.0.51.2");
	EXPECT(sip_peer_apply(stage.peer) == 0);
	btw("SIP is stopped in a call: the user is told, and the peer");
	talking();
	sip_ua_stop(stage.ua);
	EXPECT(!stage.s);
	fake_sip_expect(stage.pbx, "BYE");
	fake_call_free(&call);
}

int main(void)
{
	stage_set("sip_session_uac_test", "127.0.51");
	test_answer();
	test_anonymous();
	test_refused();
	test_cancel();
	test_forks();
	test_many_forks();
	test_early_requests();
	test_bye();
	test_info();
	test_rfc2543();
	test_routes();
	test_peer_goes();
	test_stop_in_call();
	stage_clear();
	return 0;
}
