/* The door: what becomes of requests outside of calls, of requests from strangers, of junk; starting and stopping. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include "session_story.h"

static uint64_t counter(enum sip_ctr ctr)
{
	return rate_ctr_group_get_ctr(sip_ua_ctrs(stage.ua), ctr)->current;
}

static void ask(const char *method, const char *user, const char *extra, const char *type, const char *body)
{
	fake_call_init(&call, stage.pbx, user);
	fake_call_request(&call, method, extra, type, body);
	OSMO_STRLCPY_ARRAY(call.invite_branch, call.branch);
	call.invite_cseq = call.cseq;
}

static void show(const char *header)
{
	printf("  %s: %s\n", header, fake_sip_header(stage.pbx, header));
}

static void test_methods(void)
{
	static const char *const methods[] = { "REGISTER", "SUBSCRIBE", "MESSAGE",   "NOTIFY",
					       "REFER",	   "PUBLISH",	"FROBNICATE" };
	static const char *const in_dialog[] = { "BYE", "INFO", "UPDATE", "PRACK" };
	unsigned int i;

	btw("who are you?");
	ask("OPTIONS", "1", "Accept: application/sdp\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "200 OPTIONS");
	show("Allow");
	show("Accept");
	EXPECT(fake_sip_header(stage.pbx, "Supported"));
	EXPECT(strstr(fake_sip_header(stage.pbx, "To"), ";tag="));
	ask("OPTIONS", "1", "Max-Forwards: 0\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "200 OPTIONS");

	btw("methods that we do not have");
	for (i = 0; i < ARRAY_SIZE(methods); i++) {
		char label[32];
		snprintf(label, sizeof(label), "405 %s", methods[i]);
		ask(methods[i], "1", NULL, NULL, NULL);
		fake_sip_expect(stage.pbx, label);
		EXPECT(strcmp(fake_sip_header(stage.pbx, "Allow"),
			      "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE") == 0);
	}

	btw("requests of calls that we do not have");
	for (i = 0; i < ARRAY_SIZE(in_dialog); i++) {
		char label[32];
		snprintf(label, sizeof(label), "481 %s", in_dialog[i]);
		ask(in_dialog[i], "1", NULL, NULL, NULL);
		fake_sip_expect(stage.pbx, label);
	}
	fake_call_init(&call, stage.pbx, "1");
	strcat(call.remote, ";tag=nobody");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "481 INVITE");
	fake_call_ack_failure(&call);
	fake_call_init(&call, stage.pbx, "1");
	strcat(call.remote, ";tag=nobody");
	fake_call_request(&call, "OPTIONS", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "481 OPTIONS");
	ask("ACK", "1", NULL, NULL, NULL);
	fake_sip_expect_nothing(stage.pbx);
	ask("CANCEL", "1", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "481 CANCEL");
	stage_idle();
}

static void refused(const char *label, const char *user, const char *extra, const char *type, const char *body)
{
	ask("INVITE", user, extra, type, body);
	fake_sip_expect(stage.pbx, label);
	fake_call_ack_failure(&call);
}

static void test_invites(void)
{
	char copy[2000], *branch;

	btw("too many hops");
	refused("483 INVITE", "1", "Max-Forwards: 0\r\n", "application/sdp", PBX_SDP);

	btw("a URI scheme that we do not have");
	fake_call_init(&call, stage.pbx, "1");
	OSMO_STRLCPY_ARRAY(call.target, "sips:1@127.0.54.1");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "416 INVITE");
	fake_call_ack_failure(&call);
	fake_call_init(&call, stage.pbx, "1");
	OSMO_STRLCPY_ARRAY(call.target, "urn:service:sos");
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "404 INVITE");
	show("Warning");
	fake_call_ack_failure(&call);

	btw("extensions that we do not have");
	refused("420 INVITE", "1", "Require: 100rel, precondition\r\nRequire: gruu\r\n", "application/sdp", PBX_SDP);
	show("Unsupported");

	btw("bodies that we do not understand; one that need not be understood");
	refused("415 INVITE", "1", NULL, "text/plain", "hello");
	show("Accept");
	refused("415 INVITE", "1", "Content-Encoding: gzip\r\n", "application/sdp", "xyz");
	show("Accept-Encoding");
	ask("INVITE", "1", "Content-Disposition: x;handling=optional\r\n", "text/plain", "hello");
	fake_sip_expect(stage.pbx, "100 INVITE");
	user_ends(486, 17, NULL);
	fake_sip_expect(stage.pbx, "486 INVITE");
	fake_call_ack_failure(&call);

	btw("the same INVITE by two ways: one call");
	they_call(NULL, PBX_SDP);
	OSMO_STRLCPY_ARRAY(copy, call.invite_branch);
	branch = call.invite_branch;
	call.cseq--;
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "482 INVITE");
	fake_call_ack_failure(&call);
	strcpy(branch, copy);
	fake_call_cancel(&call, NULL);
	fake_sip_expect(stage.pbx, "200 CANCEL");
	fake_sip_expect(stage.pbx, "487 INVITE");
	fake_call_ack_failure(&call);

	btw("as many calls as we take");
	sip_ua_set_max_sessions(stage.ua, 1);
	they_call(NULL, PBX_SDP);
	{
		struct fake_call first = call;
		refused("503 INVITE", "1", NULL, "application/sdp", PBX_SDP);
		show("Retry-After");
		fake_call_cancel(&first, NULL);
		fake_sip_expect(stage.pbx, "200 CANCEL");
		fake_sip_expect(stage.pbx, "487 INVITE");
		fake_call_ack_failure(&first);
	}
	EXPECT(counter(SIP_CTR_REFUSED_LIMIT) == 1);
	sip_ua_set_max_sessions(stage.ua, 20000);
	stage_idle();
}

static void test_strangers(void)
{
	struct fake_sip *stranger = fake_sip_open(stage.ctx, "stranger", "127.0.54.66", 5060, "127.0.54.1", 5060);
	struct fake_sip *other_port =
		fake_sip_open(stage.ctx, "pbx-other-port", "127.0.54.2", 30000, "127.0.54.1", 5060);
	struct fake_call c;
	char tag[100];
	unsigned int n_sessions, n_trx, i;

	sip_ua_set_refuse_unknown(stage.ua, true);
	btw("a stranger calls, and the operator wants him to know: 403, the same for the repetition, and nothing is kept");
	fake_call_init(&c, stranger, "1");
	fake_call_invite(&c, NULL, PBX_SDP);
	fake_sip_expect(stranger, "403 INVITE");
	OSMO_STRLCPY_ARRAY(tag, fake_sip_header(stranger, "To"));
	snprintf(c.branch, sizeof(c.branch), "%s", c.invite_branch);
	fake_call_ack_failure(&c);
	fake_sip_expect_nothing(stranger);
	sip_ua_get_counts(stage.ua, &n_sessions, &n_trx);
	EXPECT(n_sessions == 0 && n_trx == 0);
	fake_call_request(&c, "OPTIONS", NULL, NULL, NULL);
	fake_sip_expect(stranger, "403 OPTIONS");
	fake_call_request(&c, "REGISTER", NULL, NULL, NULL);
	fake_sip_expect(stranger, "403 REGISTER");
	EXPECT(counter(SIP_CTR_RX_UNKNOWN_SOURCE) == 4);

	btw("a flood of it: each one answered, one line in the log, nothing kept");
	stranger->quiet = true;
	pass_ms(10000);
	log_lines();
	for (i = 0; i < 500; i++) {
		fake_call_init(&c, stranger, "1");
		fake_call_invite(&c, NULL, PBX_SDP);
		fake_sip_expect(stranger, "403 INVITE");
	}
	sip_ua_get_counts(stage.ua, &n_sessions, &n_trx);
	EXPECT(n_sessions == 0 && n_trx == 0);
	EXPECT(log_lines() == 1);
	pass_ms(10000);
	fake_call_invite(&c, NULL, PBX_SDP);
	fake_sip_expect(stranger, "403 INVITE");
	EXPECT(log_lines() == 1);
	stranger->quiet = false;

	btw("or no answer at all");
	sip_ua_set_refuse_unknown(stage.ua, false);
	fake_call_init(&c, stranger, "1");
	fake_call_invite(&c, NULL, PBX_SDP);
	fake_sip_expect_nothing(stranger);

	btw("the PBX from another port is no stranger");
	fake_call_init(&c, other_port, "1");
	fake_call_invite(&c, NULL, PBX_SDP);
	fake_sip_expect(other_port, "100 INVITE");
	user_ends(486, 17, NULL);
	fake_sip_expect(other_port, "486 INVITE");
	fake_call_ack_failure(&c);

	btw("a phone behind the PBX that sends its BYE straight to us knows the tags: fine; without them it is a stranger");
	they_call(NULL, PBX_SDP);
	they_are_answered();
	c = call;
	c.p = stranger;
	OSMO_STRLCPY_ARRAY(c.remote, "<sip:1@127.0.54.1>");
	fake_call_request(&c, "BYE", NULL, NULL, NULL);
	fake_sip_expect_nothing(stranger);
	OSMO_STRLCPY_ARRAY(c.remote, "<sip:1@127.0.54.1>;tag=guessed");
	fake_call_request(&c, "BYE", NULL, NULL, NULL);
	fake_sip_expect_nothing(stranger);
	OSMO_STRLCPY_ARRAY(c.remote, call.remote);
	fake_call_request(&c, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stranger, "200 BYE");

	btw("a stranger says that he answered a call that we never made");
	fake_sip_send(
		stranger,
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.54.1:5060;branch=z9hG4bKguess\r\nFrom: <sip:1@x>;tag=1\r\n"
		"To: <sip:2@x>;tag=2\r\nCall-ID: made-up\r\nCSeq: 1 INVITE\r\nContact: <sip:127.0.54.66>\r\n"
		"Content-Length: 0\r\n\r\n");
	fake_sip_expect_nothing(stranger);
	fake_sip_close(stranger);
	fake_sip_close(other_port);
	stage_idle();
}

#define VIA_OF(ADDR, PARAMS)                                                                                           \
	"Via: SIP/2.0/UDP " ADDR ":5060;branch=z9hG4bKvia" PARAMS "\r\nFrom: <sip:1@x>;tag=1\r\nTo: <sip:2@x>\r\n"     \
	"Call-ID: via\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n"

/* RFC 3261 18.2.2, RFC 3581 4 */
static void test_where_to(void)
{
	struct fake_sip *stranger = fake_sip_open(stage.ctx, "stranger", "127.0.54.66", 5060, "127.0.54.1", 5060);
	struct fake_sip *stranger2 =
		fake_sip_open(stage.ctx, "stranger-other-port", "127.0.54.66", 30000, "127.0.54.1", 5060);
	struct fake_sip *pbx2 = fake_sip_open(stage.ctx, "pbx-other-port", "127.0.54.2", 30000, "127.0.54.1", 5060);

	sip_ua_set_refuse_unknown(stage.ua, true);
	btw("a refusal without a transaction goes to the port in Via, with rport to the one it came from");
	fake_sip_send(stranger2, "OPTIONS sip:1@x SIP/2.0\r\n" VIA_OF("127.0.54.66", "") "CSeq: 1 OPTIONS\r\n\r\n");
	fake_sip_expect(stranger, "403 OPTIONS");
	fake_sip_send(stranger2,
		      "OPTIONS sip:1@x SIP/2.0\r\n" VIA_OF("127.0.54.66", ";rport") "CSeq: 1 OPTIONS\r\n\r\n");
	fake_sip_expect(stranger2, "403 OPTIONS");

	btw("so does the answer to a request with a mistake; if Via is the mistake, there is only the port it came from");
	fake_sip_send(pbx2, "OPTIONS sip:1@x SIP/2.0\r\n" VIA_OF("127.0.54.2", "") "CSeq: 1 INVITE\r\n\r\n");
	fake_sip_expect(stage.pbx, "400 INVITE");
	fake_sip_send(pbx2, "OPTIONS sip:1@x SIP/2.0\r\n" VIA_OF("127.0.54.2", ";rport") "CSeq: 1 INVITE\r\n\r\n");
	fake_sip_expect(pbx2, "400 INVITE");
	fake_sip_send(pbx2, "OPTIONS sip:1@x SIP/2.0\r\n" VIA_OF("127.0.54.2:x", "") "CSeq: 1 OPTIONS\r\n\r\n");
	fake_sip_expect(pbx2, "400 OPTIONS");
	fake_sip_close(stranger);
	fake_sip_close(stranger2);
	fake_sip_close(pbx2);
	stage_idle();
}

static void test_junk(void)
{
	unsigned int i;
	uint64_t before;

	btw("junk: counted, not answered, one line in the log");
	before = counter(SIP_CTR_RX_MALFORMED);
	stage.pbx->quiet = true;
	log_lines();
	for (i = 0; i < 1000; i++)
		fake_sip_send(stage.pbx, "This is no SIP at all, sorry\r\n\r\n");
	fake_sip_send(stage.pbx, "\r\n\r\n");
	stage.pbx->quiet = false;
	fake_sip_expect_nothing(stage.pbx);
	EXPECT(counter(SIP_CTR_RX_MALFORMED) == before + 1000);
	EXPECT(log_lines() == 1);

	btw("a request with a mistake: 400");
	fake_sip_send(stage.pbx,
		      "OPTIONS sip:1@127.0.54.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.54.2:5060;branch=z9hG4bKmistake\r\n"
		      "From: <sip:1@x>;tag=1\r\nTo: <sip:2@x>\r\nCall-ID: mistake\r\nCSeq: 1 INVITE\r\n"
		      "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n");
	fake_sip_expect(stage.pbx, "400 INVITE"); /* as its CSeq says */
	stage_idle();
}

static void test_start(void)
{
	static const struct sip_ua_ops no_ops;
	const char *why = NULL;
	struct sip_ua *second = sip_ua_alloc(stage.ctx, &no_ops);
	struct sip_ua_bind *bind;
	struct sip_peer *peer;

	btw("another one on the same address");
	EXPECT(sip_ua_bind_add(second, "127.0.54.1", 5060) == 0);
	EXPECT(sip_ua_bind_add(second, "127.0.54.1", 5060) == 0);
	EXPECT(sip_ua_bind_add(second, "not-an-address", 5060) == -EINVAL);
	EXPECT(sip_ua_bind_add(second, "127.0.54.1", 0) == -EINVAL);
	EXPECT(llist_count(sip_ua_binds(second)) == 1);
	EXPECT(sip_ua_start(second, &why) == -EADDRINUSE);
	printf("  %s\n", why);
	EXPECT(sip_ua_bind_del(second, "127.0.54.1", 5061) == -ENOENT);
	EXPECT(sip_ua_bind_del(second, "127.0.54.1", 5060) == 0);
	btw("an address of somebody else");
	EXPECT(sip_ua_bind_add(second, "192.0.2.77", 5060) == 0);
	EXPECT(sip_ua_start(second, &why) == -EADDRNOTAVAIL);
	printf("  %s\n", why);
	EXPECT(sip_ua_bind_del(second, "192.0.2.77", 5060) == 0);
	btw("an address of its own, IPv4 and IPv6");
	EXPECT(sip_ua_bind_add(second, "127.0.54.9", 5060) == 0);
	EXPECT(sip_ua_bind_add(second, "::1", 25054) == 0);
	EXPECT(sip_ua_start(second, &why) == 0);
	llist_for_each_entry (bind, sip_ua_binds(second), entry)
		EXPECT(bind->open);
	EXPECT(sip_ua_idle(second));
	btw("peers by name and by address");
	peer = sip_peer_alloc(second, "a");
	EXPECT(sip_peer_find(second, "a") == peer && !sip_peer_find(second, "b"));
	EXPECT(!peer->usable);
	peer->cfg.remote_host = talloc_strdup(peer, "non sense");
	EXPECT(sip_peer_apply(peer) == -EINVAL);
	peer->cfg.remote_host = talloc_strdup(peer, "127.0.54.1");
	EXPECT(sip_peer_apply(peer) == 0);
	{
		struct sip_peer *same_ip = sip_peer_alloc(second, "b");
		struct osmo_sockaddr addr = peer->remote;
		same_ip->cfg.remote_host = talloc_strdup(same_ip, "127.0.54.1");
		same_ip->cfg.remote_port = 5070;
		EXPECT(sip_peer_apply(same_ip) == 0);
		EXPECT(sip_peer_by_addr(second, &addr) == peer);
		osmo_sockaddr_set_port(&addr.u.sa, 5070);
		EXPECT(sip_peer_by_addr(second, &addr) == same_ip);
		osmo_sockaddr_set_port(&addr.u.sa, 5080);
		EXPECT(sip_peer_by_addr(second, &addr) == peer);
		EXPECT(!sip_peer_by_addr(second, &stage.peer->remote));
	}
	sip_ua_stop(second);
	talloc_free(second);
}

static void test_ipv6(void)
{
	static const struct sip_ua_ops no_ops;
	struct sip_ua *six = sip_ua_alloc(stage.ctx, &no_ops);
	struct fake_sip *phone;
	struct sip_peer *peer;
	struct fake_call c;
	const char *why;

	btw("IPv6");
	EXPECT(sip_ua_bind_add(six, "::1", 25055) == 0);
	EXPECT(sip_ua_start(six, &why) == 0);
	peer = sip_peer_alloc(six, "six");
	peer->cfg.remote_host = talloc_strdup(peer, "::1");
	peer->cfg.remote_port = 25056;
	EXPECT(sip_peer_apply(peer) == 0);
	phone = fake_sip_open(stage.ctx, "six", "::1", 25056, "::1", 25055);
	{
		struct sip_invite inv = { .called_user = "4711", .calling_user = "1", .sdp = PHONE_SDP };
		stage.s = sip_session_invite(six, peer, &inv, &story_ops, &stage);
		fake_sip_expect(phone, "INVITE");
		printf("  %.*s\n", (int)strcspn(phone->msg, "\r"), phone->msg);
		printf("  Contact: %s\n", fake_sip_header(phone, "Contact"));
		fake_call_in(&c, phone, "sixtag");
		OSMO_STRLCPY_ARRAY(c.extra_contact, "sip:[::1]:25056");
		fake_call_reply(&c, 200, NULL, PBX_SDP);
		fake_sip_expect(phone, "ACK");
		user_ends(0, 16, NULL);
		fake_sip_expect(phone, "BYE");
		fake_sip_reply(phone, NULL, 200, NULL, NULL, NULL);
		fake_call_free(&c);
	}
	EXPECT(sip_ua_idle(six));
	fake_sip_close(phone);
	sip_ua_stop(six);
	talloc_free(six);
}

int main(void)
{
	stage_set("sip_ua_test", "127.0.54");
	test_methods();
	test_invites();
	test_strangers();
	test_where_to();
	test_junk();
	test_start();
	test_ipv6();
	stage_clear();
	return 0;
}
