/* Registrations: kept up, asked to be longer, refused, unanswered, ended; calls to the registered contact. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdarg.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/sipgw/ua/sip_credentials.h>
#include <osmocom/sipgw/ua/sip_reg.h>

#include "session_story.h"

static void show(void)
{
	const struct sip_reg *reg = NULL;
	struct sip_reg_info i;

	while ((reg = sip_reg_next(stage.peer, reg))) {
		sip_reg_get_info(reg, &i);
		printf("    %s: %s, %svalid, last %u%s%s%s%s\n", i.identity,
		       get_value_string(sip_reg_state_names, i.state), i.valid ? "" : "not ", i.last_status,
		       i.why ? " " : "", i.why ?: "", i.service_route[0] ? " route " : "", i.service_route);
	}
}

static unsigned int next_s(void)
{
	struct sip_reg_info i;

	sip_reg_get_info(sip_reg_next(stage.peer, NULL), &i);
	return i.next_s;
}

/* The contact of the REGISTER at hand, with how long it is kept. */
static void grant(unsigned int expires_s, const char *more)
{
	char lines[1000];

	snprintf(
		lines, sizeof(lines),
		"Contact: <sip:elsewhere@192.0.2.1>;expires=9, %s;q=1;expires=%u, <sip:5551000@192.0.2.7;line=0>;expires=7\r\n%s",
		fake_sip_header(stage.pbx, "Contact"), expires_s, more ?: "");
	fake_sip_reply(stage.pbx, NULL, 200, "reg", lines, NULL);
	pump();
}

static void tell_register(void)
{
	fake_sip_expect(stage.pbx, "REGISTER");
	printf("    %.*s CSeq %s Expires %s%s\n", (int)strcspn(stage.pbx->msg, "\r"), stage.pbx->msg,
	       fake_sip_header(stage.pbx, "CSeq"), fake_sip_header(stage.pbx, "Expires"),
	       fake_sip_header(stage.pbx, "Authorization") ? " with credentials" : "");
}

/* Let time pass until the next one. */
static void tell_next_register(unsigned int s)
{
	unsigned int i;

	for (i = 0; i < 10 * s && !fake_sip_receive(stage.pbx); i++)
		pass_ms(100);
	EXPECT(strncmp(stage.pbx->msg, "REGISTER ", 9) == 0);
	printf("    CSeq %s\n", fake_sip_header(stage.pbx, "CSeq"));
}

static void challenge(const char *nonce)
{
	char line[200];

	snprintf(line, sizeof(line), "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"%s\", qop=\"auth\"\r\n", nonce);
	fake_sip_reply(stage.pbx, NULL, 401, "reg", line, NULL);
}

static void ends(void)
{
	EXPECT(sip_reg_del(stage.peer, "5551000") == 0);
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 200, "reg", NULL, NULL);
	pump();
	EXPECT(!sip_reg_next(stage.peer, NULL));
	fake_sip_expect_nothing(stage.pbx);
}

static void test_kept_up(void)
{
	char call_id[100], contact[200];

	btw("registered after a challenge, at once");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 600) == 0);
	EXPECT(sip_reg_add(stage.peer, "a b", NULL, 600) < 0);
	EXPECT(sip_reg_add(stage.peer, "x", NULL, 1) < 0);
	tell_register();
	snprintf(call_id, sizeof(call_id), "%s", fake_sip_header(stage.pbx, "Call-ID"));
	snprintf(contact, sizeof(contact), "%s", fake_sip_header(stage.pbx, "Contact"));
	printf("    From: %.*s To: %s Supported: %s\n", 29, fake_sip_header(stage.pbx, "From"),
	       fake_sip_header(stage.pbx, "To"), fake_sip_header(stage.pbx, "Supported"));
	EXPECT(strncmp(contact, "<sip:5551000@127.0.53.1:5060;line=", 34) == 0);
	EXPECT(!strstr(contact, "s3cret"));
	challenge("n1");
	tell_register();
	EXPECT(log_lines() == 0);
	grant(300, "Path: <sip:p;lr>\r\nP-Associated-URI: <sip:x@y>\r\n");
	EXPECT(log_lines() == 1);
	show();
	EXPECT(next_s() > 200 && next_s() < 270);

	btw("refreshed before it is over, with credentials from the beginning, the same Call-ID and Contact");
	tell_next_register(270);
	EXPECT(strcmp(call_id, fake_sip_header(stage.pbx, "Call-ID")) == 0);
	EXPECT(strcmp(contact, fake_sip_header(stage.pbx, "Contact")) == 0);
	show();
	grant(300, NULL);
	show();
	EXPECT(log_lines() == 0);
	btw("ended");
	ends();
}

static void test_min_expires(void)
{
	btw("423: longer, please");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 60) == 0);
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 423, "reg", "Min-Expires: 1800\r\n", NULL);
	tell_register();
	grant(1800, NULL);
	show();
	ends();
	btw("423 without end");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 60) == 0);
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 423, "reg", "Min-Expires: 1800\r\n", NULL);
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 423, "reg", "Min-Expires: 1800\r\n", NULL);
	fake_sip_expect_nothing(stage.pbx);
	show();
	EXPECT(sip_reg_del(stage.peer, "5551000") == 0);
	EXPECT(!sip_reg_next(stage.peer, NULL));
	btw("423 with nonsense");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 60) == 0);
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 423, "reg", "Min-Expires: 99999999999999\r\n", NULL);
	fake_sip_expect_nothing(stage.pbx);
	EXPECT(sip_reg_del(stage.peer, "5551000") == 0);
	log_lines();
}

static void test_failures(void)
{
	unsigned int i, wait;

	btw("refused by 503: the waits grow, one line tells of it");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 600) == 0);
	tell_register();
	for (i = 0; i < 9; i++) {
		fake_sip_reply(stage.pbx, NULL, 503, "reg", NULL, NULL);
		pump();
		wait = next_s();
		printf("    waits %s\n",
		       wait >= 2 && wait <= (5u << i) && wait <= 300 && wait >= OSMO_MIN(5u << i, 300u) / 2
			       ? "as it should"
			       : "too long or too short");
		tell_next_register(wait + 1);
	}
	EXPECT(log_lines() == 1);
	fake_sip_reply(stage.pbx, NULL, 503, "reg", "Retry-After: 900\r\n", NULL);
	pump();
	EXPECT(next_s() == 300);
	btw("back again");
	tell_next_register(301);
	grant(600, NULL);
	show();
	EXPECT(log_lines() == 1);

	btw("the registrar is gone: it stays valid until its time is over, then that is said");
	tell_next_register(600);
	pass_ms(33000);
	fake_sip_drain(stage.pbx);
	show();
	EXPECT(log_lines() == 1);
	pass_ms(3600000);
	while (next_s() == 0) /* when it tries again is a matter of chance: not in the middle of a try */
		pass_ms(1000);
	fake_sip_drain(stage.pbx);
	EXPECT(log_lines() == 1);
	show();
	EXPECT(sip_reg_del(stage.peer, "5551000") == 0);
	fake_sip_drain(stage.pbx);
	pass_ms(40000);
	fake_sip_drain(stage.pbx);
	log_lines();

	btw("the password is wrong: one line of the peer and realm, one of the registration; the longest wait");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 600) == 0);
	tell_register();
	challenge("w1");
	if (!strstr(stage.pbx->msg, "Authorization"))
		tell_register();
	challenge("w2");
	pump();
	if (fake_sip_receive(stage.pbx))
		challenge("w3");
	pump();
	fake_sip_expect_nothing(stage.pbx);
	show();
	EXPECT(next_s() >= 150);
	EXPECT(log_lines() == 2);
	EXPECT(sip_reg_del(stage.peer, "5551000") == 0);

	btw("200 without our contact");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 600) == 0);
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 200, "reg", "Contact: <sip:other@192.0.2.1>;expires=60\r\n", NULL);
	pump();
	show();
	EXPECT(sip_reg_del(stage.peer, "5551000") == 0);
	btw("200 without any: what was asked for counts");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 600) == 0);
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 200, "reg", NULL, NULL);
	pump();
	show();
	ends();
	btw("200 that keeps it for one second, or for ever");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 600) == 0);
	tell_register();
	grant(1, NULL);
	EXPECT(next_s() >= 5);
	ends();
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 600) == 0);
	tell_register();
	grant(4294967295u, NULL);
	show();
	EXPECT(next_s() > 500000 && next_s() < 7 * 86400);
	ends();
	log_lines();
}

static void call_to(const char *uri, const char *id)
{
	char text[2000];

	snprintf(text, sizeof(text),
		 "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.53.2:5060;branch=z9hG4bK%s\r\n"
		 "From: <sip:2@127.0.53.2>;tag=f\r\nTo: <sip:5551000@pbx>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n"
		 "Contact: <sip:127.0.53.2>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
		 uri, id, id);
	fake_sip_send(stage.pbx, text);
}

static void test_calls(void)
{
	struct sip_peer *first = stage.peer;
	char uri[200];

	btw("two peers at one address; the call to the registered contact is from the one that it was registered with");
	stage.peer = sip_peer_alloc(stage.ua, "second");
	stage.peer->cfg.remote_host = talloc_strdup(stage.peer, "127.0.53.2");
	EXPECT(sip_peer_apply(stage.peer) == 0);
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 600) == 0);
	tell_register();
	snprintf(uri, sizeof(uri), "%s", fake_sip_header(stage.pbx, "Contact") + 1);
	uri[strcspn(uri, ">")] = '\0';
	grant(600,
	      "Service-Route: <sip:sr1.example;lr>, <sip:sr2.example;lr>\r\nService-Route: <sip:sr3.example;lr>\r\n");
	show();
	stage.refuse_incoming = true;
	call_to(uri, "c1");
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_sip_expect(stage.pbx, "404 INVITE");
	btw("the registrar has lost the parameter: then the user name says it");
	call_to("sip:5551000@127.0.53.1", "c2");
	fake_sip_drain(stage.pbx);
	btw("any other number is a call from the first peer");
	stage.peer = first;
	call_to("sip:4711@127.0.53.1", "c3");
	fake_sip_drain(stage.pbx);
	call_to("sip:4711@127.0.53.1;line=0123456789abcdef", "c4");
	fake_sip_drain(stage.pbx);

	btw("a call of ours takes the Service-Route");
	stage.peer = sip_peer_find(stage.ua, "second");
	user_calls("4711");
	fake_sip_drain(stage.pbx);
	pass_ms(600);
	fake_sip_expect(stage.pbx, "INVITE");
	printf("    Route: %s\n", fake_sip_header(stage.pbx, "Route"));
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_drain(stage.pbx);

	btw("the peer is removed: one REGISTER to end it, nobody waits for the answer");
	sip_peer_free(stage.peer);
	stage.peer = first;
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 200, "reg", NULL, NULL);
	pass_ms(40000);
	fake_sip_drain(stage.pbx);
}

static void test_changes(void)
{
	btw("removed and set again while the end is under way");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 600) == 0);
	tell_register();
	grant(600, NULL);
	EXPECT(sip_reg_del(stage.peer, "5551000") == 0);
	tell_register();
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 700) == 0);
	fake_sip_reply(stage.pbx, NULL, 200, "reg", NULL, NULL);
	pump();
	tell_register();
	grant(700, NULL);
	show();
	btw("removed while the first REGISTER is under way: it is ended all the same");
	EXPECT(sip_reg_add(stage.peer, "5551001", NULL, 600) == 0);
	tell_register();
	EXPECT(sip_reg_del(stage.peer, "5551001") == 0);
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 200, "reg", NULL, NULL);
	pump();
	pass_ms(40000);
	fake_sip_drain(stage.pbx);
	btw("the peer is back after it was down: it may have forgotten us");
	sip_reg_kick(stage.peer);
	tell_next_register(2);
	grant(700, NULL);
	show();
	btw("we stop: deregistered first");
	sip_regs_stop(stage.ua);
	EXPECT(!sip_ua_idle(stage.ua));
	tell_register();
	fake_sip_reply(stage.pbx, NULL, 200, "reg", NULL, NULL);
	pump();
	EXPECT(sip_ua_idle(stage.ua));
	show();
	btw("begun again by the next start; stopped without warning there is one REGISTER that nobody waits for");
	sip_regs_start(stage.ua);
	tell_register();
	grant(700, NULL);
	sip_ua_stop(stage.ua);
	tell_register();
}

int main(void)
{
	stage_set("sip_reg_test", "127.0.53");
	stage.peer->cfg.domain = talloc_strdup(stage.peer, "pbx.example");
	EXPECT(sip_credentials_set(stage.peer, "5551000", "s3cret") == 0);
	log_lines();
	test_kept_up();
	test_min_expires();
	test_failures();
	test_calls();
	test_changes();
	stage_clear();
	return 0;
}
