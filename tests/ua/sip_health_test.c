/* Peers of several addresses: who is there, who gets the call, what happens when he is not there after all. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include "fake_dns.h"
#include "session_story.h"
#include "ua/ua_internal.h"
#include "ua/sip_target.h"

#define DNS_PORT 15353

static struct fake_sip *pbx2;
static struct fake_call call2;

static uint64_t counter(enum sip_peer_ctr ctr)
{
	return rate_ctr_group_get_ctr(stage.peer->ctrs, ctr)->current;
}

static void show_targets(void)
{
	struct sip_target_info info;
	char buf[64];
	unsigned int i;

	for (i = 0; i < stage.peer->n_targets; i++) {
		sip_peer_get_target(stage.peer, i, &info);
		sip_hostport_buf(buf, sizeof(buf), info.addr);
		printf("  %s %s%s%s%s\n", buf, get_value_string(sip_target_state_names, info.state),
		       info.busy_s ? ", busy" : "", info.why ? ", it " : "", info.why ?: "");
	}
	if (!i)
		printf("  no address\n");
	printf("  a call to it %s\n", sip_peer_is_up(stage.peer) ? "is taken" : "is refused");
}

/* Everybody forgets what was. */
static void anew(const char *host, uint16_t port)
{
	struct sip_peer_cfg *cfg = &stage.peer->cfg;

	stage_idle();
	fake_sip_drain(pbx2);
	talloc_free(cfg->remote_host);
	cfg->remote_host = NULL;
	sip_peer_apply(stage.peer);
	cfg->remote_host = talloc_strdup(stage.peer, host);
	cfg->remote_port = port;
	EXPECT(sip_peer_apply(stage.peer) == 0);
	pass_ms(10);
}

static void set_interval(unsigned int s)
{
	stage.peer->cfg.options_interval_s = s;
	EXPECT(sip_peer_apply(stage.peer) == 0);
}

/* The first one comes somewhere within a second. */
static void first_options(struct fake_sip *p)
{
	unsigned int i;

	for (i = 0; i < 1000 && !fake_sip_receive(p); i++)
		pass_ms(1);
	EXPECT(i < 1000 && fake_sip_has(p, "OPTIONS sip:"));
}

static void answer_options(unsigned int status, const char *extra)
{
	fake_sip_expect(stage.pbx, "OPTIONS");
	fake_sip_reply(stage.pbx, NULL, status, "t", extra, NULL);
	pump();
	fake_sip_expect_nothing(stage.pbx);
}

static void test_options(void)
{
	unsigned int i;

	btw("nobody is asked unless that is wanted");
	pass_ms(3600000);
	fake_sip_expect_nothing(stage.pbx);
	show_targets();
	btw("OPTIONS every 30 s: any answer will do");
	set_interval(30);
	first_options(stage.pbx);
	printf("  %.*s\n", (int)strcspn(stage.pbx->msg, "\r"), stage.pbx->msg);
	EXPECT(fake_sip_header(stage.pbx, "Max-Forwards") && fake_sip_header(stage.pbx, "Contact"));
	fake_sip_reply(stage.pbx, NULL, 404, "t", NULL, NULL);
	pump();
	show_targets();
	pass_ms(29000);
	fake_sip_expect_nothing(stage.pbx);
	pass_ms(1000);
	answer_options(200, NULL);

	btw("no answer, once: asked again soon, and still in use");
	stage.pbx->quiet = true;
	pass_ms(30000 + 4000);
	fake_sip_drain(stage.pbx);
	EXPECT(sip_peer_is_up(stage.peer));
	pass_ms(5100);
	fake_sip_expect(stage.pbx, "OPTIONS");
	stage.pbx->quiet = false;
	fake_sip_reply(stage.pbx, NULL, 200, "t", NULL, NULL);
	pump();
	show_targets();
	pass_ms(29000);
	fake_sip_expect_nothing(stage.pbx);

	btw("twice: down");
	stage.pbx->quiet = true;
	log_lines();
	pass_ms(1000 + 4000 + 5000 + 4100);
	show_targets();
	EXPECT(log_lines() == 2 && counter(SIP_PEER_CTR_DOWN) == 1 && counter(SIP_PEER_CTR_TARGET_DOWN) == 1);
	btw("it is asked every 5 s, and that is not worth any further line");
	pass_ms(120000);
	EXPECT(log_lines() == 0);
	fake_sip_drain(stage.pbx);
	btw("it answers: twice, and it is up");
	for (i = 0; i < 10 && !sip_peer_is_up(stage.peer); i++) {
		pass_ms(600);
		while (fake_sip_receive(stage.pbx)) {
			fake_sip_reply(stage.pbx, NULL, 200, "t", NULL, NULL);
			pump();
		}
	}
	show_targets();
	EXPECT(log_lines() == 2);
	stage.pbx->quiet = false;

	btw("503 is as good as nothing");
	pass_ms(30100);
	answer_options(503, NULL);
	pass_ms(5100);
	answer_options(503, NULL);
	show_targets();
	pass_ms(5100);
	answer_options(200, NULL);
	pass_ms(600);
	answer_options(200, NULL);
	show_targets();
	btw("503 with Retry-After: a pause, of 300 s at most");
	pass_ms(30100);
	answer_options(503, "Retry-After: 100000 (tomorrow)\r\n");
	show_targets();
	for (i = 0; i < 10; i++) {
		pass_ms(30000);
		fake_sip_drain(stage.pbx);
	}
	EXPECT(sip_peer_is_up(stage.peer) || stage.peer->down);
	set_interval(0);
}

static void gets_invite(struct fake_call *c, struct fake_sip *p)
{
	fake_sip_expect(p, "INVITE");
	printf("  %.*s\n", (int)strcspn(p->msg, "\r"), p->msg);
	fake_call_in(c, p, p->name);
}

static void end_of_both(void)
{
	stage_idle();
	fake_call_free(&call);
	fake_call_free(&call2);
}

static void hang_up(struct fake_sip *p)
{
	user_ends(0, 16, NULL);
	fake_sip_expect(p, "BYE");
	fake_sip_reply(p, NULL, 200, NULL, NULL, NULL);
	pump();
	end_of_both();
}

static void two_addresses(unsigned int prio2)
{
	anew("127.0.0.1", 9);
	fake_dns_clear();
	fake_dns_srv("_sip._udp.pbx.example", 10, 0, 5060, "one.example");
	fake_dns_srv("_sip._udp.pbx.example", prio2, 0, 5060, "two.example");
	fake_dns_a("one.example", "127.0.60.2");
	fake_dns_a("two.example", "127.0.60.3");
	anew("pbx.example", 0);
}

static void test_calls_tell(void)
{
	anew("127.0.60.2", 0);
	btw("without OPTIONS, calls tell: two that get no response");
	stage.pbx->quiet = true;
	user_calls("1");
	pass_ms(32100);
	EXPECT(sip_peer_is_up(stage.peer));
	user_calls("1");
	pass_ms(32100);
	show_targets();
	fake_sip_drain(stage.pbx);
	btw("it is asked while it is down");
	pass_ms(5100);
	fake_sip_expect(stage.pbx, "OPTIONS");
	btw("it ignores that: after a while a call may try again");
	pass_ms(30000);
	show_targets();
	fake_sip_drain(stage.pbx);
	pass_ms(60000);
	fake_sip_expect_nothing(stage.pbx);
	stage.pbx->quiet = false;
	user_calls("1");
	gets_invite(&call, stage.pbx);
	fake_call_reply(&call, 486, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	show_targets();
	end_of_both();
}

static void test_no_response(void)
{
	two_addresses(20);
	show_targets();
	btw("no response at the first address: the second one after 4 s");
	user_calls("1");
	gets_invite(&call, stage.pbx);
	stage.pbx->quiet = true;
	pass_ms(3900);
	fake_sip_drain(stage.pbx);
	fake_sip_expect_nothing(pbx2);
	pass_ms(200);
	gets_invite(&call2, pbx2);
	EXPECT(strcmp(fake_sip_header(pbx2, "CSeq"), "2 INVITE") == 0);
	EXPECT(counter(SIP_PEER_CTR_OUT_NEXT) == 1);
	fake_call_reply(&call2, 180, NULL, NULL);
	pump();
	btw("the first one wakes up and rings: CANCEL");
	fake_sip_drain(stage.pbx);
	stage.pbx->quiet = false;
	fake_call_reply(&call, 180, NULL, NULL);
	fake_sip_expect(stage.pbx, "CANCEL");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 487, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	btw("the second one answers");
	fake_call_reply(&call2, 200, NULL, PBX_SDP);
	fake_sip_expect(pbx2, "ACK");
	hang_up(pbx2);

	btw("the first one answers with 200 when it is too late: ACK and BYE");
	two_addresses(20);
	user_calls("1");
	gets_invite(&call, stage.pbx);
	stage.pbx->quiet = true;
	pass_ms(4100);
	fake_sip_drain(stage.pbx);
	stage.pbx->quiet = false;
	gets_invite(&call2, pbx2);
	fake_call_reply(&call2, 200, NULL, PBX_SDP);
	fake_sip_expect(pbx2, "ACK");
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	hang_up(pbx2);

	btw("the next call to a first one that is down goes to the second at once");
	two_addresses(20);
	sip_health_bad(stage.peer->targets[0], "is dead");
	sip_health_bad(stage.peer->targets[0], "is dead");
	user_calls("1");
	gets_invite(&call2, pbx2);
	btw("the user hangs up there, before there was a response: nobody else is called");
	user_ends(0, 16, NULL);
	stage.pbx->quiet = pbx2->quiet = true;
	pass_ms(40000);
	end_of_both();
	stage.pbx->quiet = pbx2->quiet = false;

	btw("nobody responds, and no other way is known: the last one gets its 32 s");
	two_addresses(20);
	user_calls("1");
	stage.pbx->quiet = pbx2->quiet = true;
	pass_ms(4100);
	EXPECT(stage.s);
	pass_ms(31000);
	EXPECT(stage.s);
	pass_ms(1500);
	EXPECT(!stage.s);
	end_of_both();
	fake_sip_drain(pbx2);
	stage.pbx->quiet = pbx2->quiet = false;
}

static void test_undelivered(void)
{
	btw("nobody has the port of the first address: ICMP says so, and the call is at the second one at once");
	two_addresses(20);
	fake_sip_close(stage.pbx);
	user_calls("1");
	pass_ms(5);
	gets_invite(&call, pbx2);
	show_targets();
	stage.pbx = fake_sip_open(stage.ctx, "pbx", "127.0.60.2", 5060, "127.0.60.1", 5060);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(pbx2, "ACK");
	hang_up(pbx2);
	btw("a peer of one address may just be starting again: it is given time, and gets the call");
	anew("127.0.60.2", 5060);
	fake_sip_close(stage.pbx);
	user_calls("1");
	pass_ms(800);
	EXPECT(stage.s);
	stage.pbx = fake_sip_open(stage.ctx, "pbx", "127.0.60.2", 5060, "127.0.60.1", 5060);
	pass_ms(800);
	gets_invite(&call, stage.pbx);
	fake_call_reply(&call, 486, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_of_both();
}

static void refused_first(unsigned int status, const char *extra)
{
	user_calls("1");
	gets_invite(&call, stage.pbx);
	fake_call_reply(&call, status, extra, NULL);
	fake_sip_expect(stage.pbx, "ACK");
}

static void test_refused(void)
{
	static const unsigned int finals[] = { 404, 408, 480, 486, 500, 502, 504, 600, 603 };
	unsigned int i;

	two_addresses(20);
	btw("503: the next one at once");
	refused_first(503, NULL);
	gets_invite(&call2, pbx2);
	btw("and busy there: that is what is told");
	fake_call_reply(&call2, 486, NULL, NULL);
	fake_sip_expect(pbx2, "ACK");
	end_of_both();
	show_targets();
	btw("503 with Retry-After: it is passed over for that long");
	refused_first(503, "Retry-After: 20\r\n");
	gets_invite(&call2, pbx2);
	fake_call_reply(&call2, 486, NULL, NULL);
	fake_sip_expect(pbx2, "ACK");
	show_targets();
	pass_ms(10000);
	fake_call_free(&call);
	fake_call_free(&call2);
	user_calls("1");
	gets_invite(&call2, pbx2);
	fake_call_reply(&call2, 486, NULL, NULL);
	fake_sip_expect(pbx2, "ACK");
	pass_ms(10100);
	show_targets();
	btw("all of them 503");
	refused_first(503, NULL);
	fake_call_free(&call2);
	gets_invite(&call2, pbx2);
	fake_call_reply(&call2, 503, NULL, NULL);
	fake_sip_expect(pbx2, "ACK");
	end_of_both();
	btw("503 when the phone rings already: too late");
	user_calls("1");
	gets_invite(&call, stage.pbx);
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&call, 503, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect_nothing(pbx2);
	end_of_both();
	for (i = 0; i < ARRAY_SIZE(finals); i++) {
		btw("%u is an answer: nobody else is called", finals[i]);
		refused_first(finals[i], NULL);
		fake_sip_expect_nothing(pbx2);
		end_of_both();
	}
}

static void redirected(const char *contact)
{
	char extra[400];

	btw("302 with %s", contact);
	snprintf(extra, sizeof(extra), "Contact: %s\r\n", contact);
	refused_first(302, extra);
	end_of_both();
}

static void test_redirected(void)
{
	struct sip_peer *other = sip_peer_alloc(stage.ua, "other");

	anew("127.0.60.2", 0);
	other->cfg.remote_host = talloc_strdup(other, "127.0.60.3");
	other->cfg.domain = talloc_strdup(other, "other.example");
	EXPECT(sip_peer_apply(other) == 0);
	redirected("<sip:2222@127.0.60.3:5060>");
	redirected("<sip:2222@OTHER.example>;q=0.5, \"a <b>, c\" <sip:3333@nowhere.example>;q=0.9");
	redirected("sip:2222@other.example;q=0.1, <sip:3333;phone-context=x@127.0.60.2>;Q=0.3");
	redirected("<sip:4444@127.0.60.1:5060>");
	redirected("<tel:+4955>");
	redirected("<sip:2222@192.0.2.66>");
	redirected("<sip:2222@127.0.60.3:5099>");
	redirected("<sip:127.0.60.3>");
	redirected("<mailto:a@b>");
	sip_peer_free(other);
}

static void test_dns(void)
{
	struct osmo_sockaddr addr = {};

	btw("a name: its addresses are asked for again before they are old");
	fake_dns_ttl = 60;
	two_addresses(20);
	addr = stage.peer->targets[1]->where.addr;
	EXPECT(sip_peer_by_addr(stage.ua, &addr) == stage.peer);
	sip_health_bad(stage.peer->targets[0], "is dead");
	sip_health_bad(stage.peer->targets[0], "is dead");
	fake_dns_clear();
	fake_dns_srv("_sip._udp.pbx.example", 10, 0, 5060, "one.example");
	fake_dns_a("one.example", "127.0.60.2");
	fake_dns_a("one.example", "127.0.60.4");
	stage.pbx->quiet = true;
	pass_ms(20000);
	show_targets();
	pass_ms(40000);
	btw("one is gone, another has come, what is known of the third is kept");
	show_targets();
	EXPECT(!sip_peer_by_addr(stage.ua, &addr));
	stage.pbx->quiet = false;

	btw("the name server fails: what is known stays, one line in the log");
	fake_dns_mood = FAKE_DNS_FAILS;
	log_lines();
	pass_ms(600000);
	EXPECT(log_lines() == 1 && counter(SIP_PEER_CTR_DNS_FAILED) >= 10 && counter(SIP_PEER_CTR_DNS_FAILED) < 30);
	EXPECT(stage.peer->n_targets == 2);
	fake_dns_mood = FAKE_DNS_ANSWERS;
	pass_ms(61000);
	EXPECT(log_lines() >= 1 && !stage.peer->resolve_why);

	btw("a name that does not exist");
	anew("nobody.example", 0);
	show_targets();
	printf("  %s\n", stage.peer->resolve_why);
	btw("removed and given again while it is being looked up");
	talloc_free(stage.peer->cfg.remote_host);
	stage.peer->cfg.remote_host = talloc_strdup(stage.peer, "pbx.example");
	EXPECT(sip_peer_apply(stage.peer) == 0);
	talloc_free(stage.peer->cfg.remote_host);
	stage.peer->cfg.remote_host = talloc_strdup(stage.peer, "one.example");
	EXPECT(sip_peer_apply(stage.peer) == 0);
	pass_ms(100);
	show_targets();
	btw("another name server, where nobody is: what is known stays");
	sip_ua_set_nameserver(stage.ua, "127.0.60.99", DNS_PORT);
	pass_ms(20000);
	EXPECT(stage.peer->n_targets == 2 && stage.peer->resolve_why);
	sip_ua_set_nameserver(stage.ua, "127.0.60.53", DNS_PORT);
	pass_ms(100);
	EXPECT(!stage.peer->resolve_why);
}

static void test_weights(void)
{
	unsigned int i, n[3] = {};
	struct sip_flow to;

	btw("1000 calls by weight 70, 30 and 0");
	anew("127.0.0.1", 9);
	fake_dns_clear();
	fake_dns_srv("_sip._udp.pbx.example", 10, 70, 1, "one.example");
	fake_dns_srv("_sip._udp.pbx.example", 10, 30, 2, "one.example");
	fake_dns_srv("_sip._udp.pbx.example", 20, 90, 3, "one.example");
	fake_dns_a("one.example", "127.0.60.2");
	anew("pbx.example", 0);
	for (i = 0; i < 1000; i++) {
		EXPECT(sip_target_pick(stage.peer, 0, &to));
		n[osmo_sockaddr_port(&to.remote.u.sa) - 1]++;
	}
	EXPECT(n[0] > 620 && n[0] < 780 && n[1] == 1000 - n[0] && n[2] == 0);
}

static void test_removal(void)
{
	struct sip_peer *peer = sip_peer_alloc(stage.ua, "short-lived");

	btw("a peer is removed while it is looked up and asked");
	peer->cfg.options_interval_s = 10;
	peer->cfg.remote_host = talloc_strdup(peer, "127.0.60.3");
	EXPECT(sip_peer_apply(peer) == 0);
	first_options(pbx2);
	talloc_free(peer->cfg.remote_host);
	peer->cfg.remote_host = talloc_strdup(peer, "pbx.example");
	EXPECT(sip_peer_apply(peer) == 0);
	sip_peer_free(peer);
	fake_sip_reply(pbx2, NULL, 200, "t", NULL, NULL);
	pass_ms(60000);
	fake_sip_drain(pbx2);
	btw("a peer is removed while its call is tried elsewhere");
	two_addresses(20);
	user_calls("1");
	gets_invite(&call, stage.pbx);
	sip_peer_free(stage.peer);
	stage.peer = NULL;
	stage.pbx->quiet = true;
	pass_ms(33000);
	EXPECT(!stage.s);
	end_of_both();
}

int main(void)
{
	stage_set("sip_health_test", "127.0.60");
	fake_dns_open("127.0.60.53", DNS_PORT);
	sip_ua_set_nameserver(stage.ua, "127.0.60.53", DNS_PORT);
	pbx2 = fake_sip_open(stage.ctx, "pbx2", "127.0.60.3", 5060, "127.0.60.1", 5060);
	test_options();
	test_calls_tell();
	test_no_response();
	test_undelivered();
	test_refused();
	test_redirected();
	test_dns();
	test_weights();
	test_removal();
	fake_dns_close();
	fake_sip_close(pbx2);
	stage_clear();
	return 0;
}
