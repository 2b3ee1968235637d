/* The door: strangers get nothing and cost nothing; who we are to whom; where the requests of a peer behind a NAT go.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/ua/sip_reg.h>

#include "ua/ua_internal.h"
#include "session_story.h"

static uint64_t counter(enum sip_ctr ctr)
{
	return rate_ctr_group_get_ctr(sip_ua_ctrs(stage.ua), ctr)->current;
}

static struct fake_sip *stranger_at(const char *addr)
{
	return fake_sip_open(stage.ctx, "stranger", addr, 5060, "127.0.57.1", 5060);
}

/* A call from the PBX, up. */
static void call_is_up(void)
{
	they_call(NULL, PBX_SDP);
	they_are_answered();
}

static void hang_up(void)
{
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_free(&call);
}

static void test_silence(void)
{
	static const char *const methods[] = {
		"INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "ACK", "SUBSCRIBE", "X"
	};
	static const char *const users[] = { "1", "nobody", "100", "" };
	struct fake_sip *stranger = stranger_at("127.0.57.66");
	unsigned int i, n_sessions, n_trx;
	struct fake_call c;

	btw("a stranger asks for whatever and whomever: no answer, nothing kept, one line");
	stranger->quiet = true;
	log_lines();
	for (i = 0; i < ARRAY_SIZE(methods) * ARRAY_SIZE(users); i++) {
		fake_call_init(&c, stranger, users[i / ARRAY_SIZE(methods)]);
		fake_call_request(&c, methods[i % ARRAY_SIZE(methods)], NULL, NULL, NULL);
		fake_sip_expect_nothing(stranger);
		fake_call_free(&c);
	}
	fake_sip_send(stranger, "This is no SIP at all\r\n\r\n");
	fake_sip_send(stranger, "OPTIONS sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n");
	fake_sip_send(stranger, "\r\n\r\n");
	fake_sip_send(stranger, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK0123456789abcdef01234567\r\n\r\n");
	fake_sip_send(stranger, "Call-ID: ");
	fake_sip_send(stranger, "i");
	fake_sip_expect_nothing(stranger);
	EXPECT(log_lines() == 1);
	EXPECT(counter(SIP_CTR_RX_MALFORMED) == 0);
	EXPECT(counter(SIP_CTR_RX_UNKNOWN_SOURCE) == 38);
	sip_ua_get_counts(stage.ua, &n_sessions, &n_trx);
	EXPECT(n_sessions == 0 && n_trx == 0);
	btw("another line ten seconds later");
	pass_ms(10000);
	fake_sip_send(stranger, "OPTIONS");
	EXPECT(log_lines() == 1);
	fake_sip_close(stranger);
}

/* Who is there? And what answers, NULL: nothing. */
static void asks(struct fake_sip *from, const char *expect)
{
	struct fake_call c;

	fake_call_init(&c, from, "1");
	fake_call_request(&c, "OPTIONS", NULL, NULL, NULL);
	if (expect)
		fake_sip_expect(from, expect);
	else
		fake_sip_expect_nothing(from);
	fake_call_free(&c);
}

static void test_forged(void)
{
	struct fake_sip *forger = stranger_at("127.0.57.77");
	struct sip_peer *secure = sip_peer_alloc(stage.ua, "secure"), *open;

	btw("a peer with 'transport tls': who has its address, over UDP, is nobody");
	secure->cfg.remote_host = talloc_strdup(secure, "127.0.57.77");
	secure->cfg.transport = SIP_TP_TLS;
	EXPECT(sip_peer_apply(secure) == 0);
	pass_ms(10000);
	log_lines();
	asks(forger, NULL);
	EXPECT(log_lines() == 1);
	btw("but for another peer at that address");
	open = sip_peer_alloc(stage.ua, "open");
	open->cfg.remote_host = talloc_strdup(open, "127.0.57.77");
	EXPECT(sip_peer_apply(open) == 0);
	asks(forger, "200 OPTIONS");
	sip_peer_free(open);
	sip_peer_free(secure);
	pass_ms(40000);
	fake_sip_close(forger);
}

static void test_many(void)
{
	unsigned int i;

	btw("a hundred strangers: no more than 16 lines");
	pass_ms(10000);
	log_lines();
	for (i = 0; i < 100; i++) {
		char addr[32];
		struct fake_sip *stranger;
		snprintf(addr, sizeof(addr), "127.0.57.%u", 100 + i);
		stranger = stranger_at(addr);
		stranger->quiet = true;
		fake_sip_send(stranger, "OPTIONS sip:1@127.0.57.1 SIP/2.0\r\n\r\n");
		fake_sip_close(stranger);
	}
	i = log_lines();
	EXPECT(i > 5 && i <= 16);
	pass_ms(10000);
}

static void test_call_id(void)
{
	static const char *const forms[] = { "Call-ID: %s\r\n", "i:%s\r\n", "CALL-ID : \t%s  \r\n", "I : %s\n" };
	struct fake_sip *stranger = stranger_at("127.0.57.66");
	unsigned int i;
	char *msg;

	btw("who knows the Call-ID of a call is looked at; without the tags it does not help him");
	call_is_up();
	stranger->quiet = true;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		char line[200];
		snprintf(line, sizeof(line), forms[i], call.call_id);
		msg = talloc_asprintf(stage.ctx,
				      "BYE sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.57.66:5060;branch=z9hG4bK%u\r\n"
				      "From: <sip:1@x>;tag=1\r\nTo: <sip:2@x>;tag=2\r\n%sCSeq: 9 BYE\r\n"
				      "Content-Length: 0\r\n\r\n",
				      i, line);
		fake_sip_send(stranger, msg);
		fake_sip_expect_nothing(stranger);
		talloc_free(msg);
	}
	btw("cut anywhere");
	for (i = 0; i < 8; i++) {
		char line[200];
		snprintf(line, sizeof(line), "BYE x\r\nCall-ID: %s", call.call_id);
		line[strlen(line) - i] = '\0';
		fake_sip_send(stranger, line);
	}
	fake_sip_expect_nothing(stranger);
	stranger->quiet = false;
	btw("with them it does: a phone behind a proxy that has left the way");
	{
		struct fake_call c = call;
		c.p = stranger;
		fake_call_request(&c, "OPTIONS", NULL, NULL, NULL);
		fake_sip_expect(stranger, "200 OPTIONS");
	}
	hang_up();
	fake_sip_close(stranger);
	stage_idle();
}

static void test_responses(void)
{
	struct fake_sip *other = stranger_at("127.0.57.67");
	char *invite;

	btw("a peer with two addresses answers from the other one: what we sent proves it");
	user_calls("2");
	fake_sip_expect(stage.pbx, "INVITE");
	invite = talloc_strdup(stage.ctx, stage.pbx->msg);
	fake_sip_reply(other, invite, 180, "t", NULL, NULL);
	fake_sip_reply(other, invite, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(!stage.s);
	talloc_free(invite);
	fake_sip_close(other);
	stage_idle();
}

static void show(const char *name)
{
	const char *value = fake_sip_header(stage.pbx, name);

	printf("    %s: %.*s\n", name, (int)strcspn(value, "\r\n;"), value);
}

static void test_advertise(void)
{
	stage.peer->cfg.advertise_addr = talloc_strdup(stage.peer, "gw.example.org");
	stage.peer->cfg.advertise_port = 5080;
	btw("the peer knows us by another name: in Via and Contact, in our requests and responses");
	user_calls("2");
	fake_sip_expect(stage.pbx, "INVITE");
	show("Via");
	show("Contact");
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	they_call(NULL, PBX_SDP);
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	show("Contact");
	fake_call_take(&call);
	fake_call_ack(&call, NULL);
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	show("Via");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_free(&call);
	btw("IPv6, no port");
	osmo_talloc_replace_string(stage.peer, &stage.peer->cfg.advertise_addr, "2001:db8::1");
	stage.peer->cfg.advertise_port = 0;
	user_calls("2");
	fake_sip_expect(stage.pbx, "INVITE");
	show("Via");
	show("Contact");
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	TALLOC_FREE(stage.peer->cfg.advertise_addr);
	stage_idle();
}

static void test_nat(void)
{
	struct fake_sip *nat = fake_sip_open(stage.ctx, "pbx-behind-nat", "127.0.57.2", 30000, "127.0.57.1", 5060);
	struct fake_sip *nat2 = fake_sip_open(stage.ctx, "pbx-new-port", "127.0.57.2", 30001, "127.0.57.1", 5060);
	struct fake_sip *stranger = stranger_at("127.0.57.66");
	struct fake_call c;
	int nat_on;

	for (nat_on = 0; nat_on <= 1; nat_on++) {
		btw("a Contact that leads elsewhere, %s", nat_on ? "with 'nat'" : "believed");
		stage.peer->cfg.nat = nat_on;
		fake_call_init(&call, nat, "1");
		OSMO_STRLCPY_ARRAY(call.extra_contact, "sip:1@127.0.57.2:5060");
		fake_call_invite(&call, NULL, PBX_SDP);
		fake_sip_expect(nat, "100 INVITE");
		EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
		fake_sip_expect(nat, "200 INVITE");
		fake_call_take(&call);
		fake_call_ack(&call, NULL);
		if (nat_on) {
			btw("the NAT forgets and takes another port: we follow, but nobody else's word");
			c = call;
			c.p = nat2;
			fake_call_request(&c, "OPTIONS", NULL, NULL, NULL);
			fake_sip_expect(nat2, "200 OPTIONS");
			c.p = stranger;
			fake_call_request(&c, "OPTIONS", NULL, NULL, NULL);
			fake_sip_expect(stranger, "200 OPTIONS");
		}
		user_ends(0, 16, NULL);
		fake_sip_expect(nat_on ? nat2 : stage.pbx, "BYE");
		fake_sip_reply(nat_on ? nat2 : stage.pbx, NULL, 200, NULL, NULL, NULL);
		fake_call_free(&call);
	}
	stage.peer->cfg.nat = false;
	fake_sip_close(nat);
	fake_sip_close(nat2);
	fake_sip_close(stranger);
	stage_idle();
}

static void test_local(void)
{
	btw("an address of ours that the peer is to be called from; one that we do not have");
	osmo_talloc_replace_string(stage.peer, &stage.peer->cfg.local_addr, "127.0.57.1");
	user_calls("2");
	fake_sip_expect(stage.pbx, "INVITE");
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	osmo_talloc_replace_string(stage.peer, &stage.peer->cfg.local_addr, "127.0.57.99");
	EXPECT(!sip_session_invite(stage.ua, stage.peer, &(struct sip_invite){ .called_user = "1" }, &story_ops,
				   &stage));
	TALLOC_FREE(stage.peer->cfg.local_addr);
	stage_idle();
}

static void test_registered(void)
{
	struct fake_sip *proxy = stranger_at("127.0.57.68");
	struct fake_call c;
	char contact[200], line[260], *last;

	btw("we register; a call to that Contact comes from an address that nobody knows");
	EXPECT(sip_reg_add(stage.peer, "5551000", NULL, 3600) == 0);
	fake_sip_expect(stage.pbx, "REGISTER");
	OSMO_STRLCPY_ARRAY(contact, fake_sip_header(stage.pbx, "Contact"));
	contact[strcspn(contact, "\r\n")] = '\0';
	snprintf(line, sizeof(line), "Contact: %s;expires=3600\r\n", contact);
	fake_sip_reply(stage.pbx, NULL, 200, "r", line, NULL);
	contact[strcspn(contact, ">")] = '\0';
	fake_call_init(&c, proxy, "5551000");
	OSMO_STRLCPY_ARRAY(c.target, contact + 1);
	fake_call_invite(&c, NULL, PBX_SDP);
	fake_sip_expect(proxy, "100 INVITE");
	user_ends(486, 17, NULL);
	fake_sip_expect(proxy, "486 INVITE");
	fake_call_ack_failure(&c);
	fake_call_free(&c);
	btw("one digit is wrong, one is missing");
	fake_call_init(&c, proxy, "5551000");
	OSMO_STRLCPY_ARRAY(c.target, contact + 1);
	last = &c.target[strlen(c.target) - 1];
	*last = *last == '0' ? '1' : '0';
	fake_call_invite(&c, NULL, PBX_SDP);
	*last = '\0';
	fake_call_invite(&c, NULL, PBX_SDP);
	fake_sip_expect_nothing(proxy);
	fake_call_free(&c);
	EXPECT(sip_reg_del(stage.peer, "5551000") == 0);
	fake_sip_expect(stage.pbx, "REGISTER");
	fake_sip_reply(stage.pbx, NULL, 200, "r", NULL, NULL);
	fake_sip_close(proxy);
	stage_idle();
}

int main(int argc, char **argv)
{
	stage_set("sip_door_test", "127.0.57");
	test_silence();
	test_forged();
	test_many();
	test_call_id();
	test_responses();
	test_advertise();
	test_nat();
	test_local();
	test_registered();
	stage_clear();
	return 0;
}
