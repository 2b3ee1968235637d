/* Names to addresses: the steps of RFC 3263, with a name server of the test's own; and DNS answers that lie. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_resolve.h>

#include "fake_dns.h"
#include "fake_time.h"
#include "sip/sip_dns.h"
#include "story.h"

#define DNS_ADDR "127.0.61.53"
#define DNS_PORT 15353

static void *ctx;
static struct sip_resolver *resolver;
static unsigned int n_told;

/* c-ares asks libc what time it is: virtual time for it, too. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	*ts = *osmo_clock_override_gettimespec(CLOCK_MONOTONIC);
	return 0;
}

static void tell(void *data, const struct sip_resolution *res)
{
	char buf[64];
	unsigned int i;

	n_told++;
	if (!res->n)
		printf("  failed: %s\n", res->why);
	for (i = 0; i < res->n; i++) {
		const struct sip_addr *a = &res->addrs[i];
		sip_hostport_buf(buf, sizeof(buf), &a->addr);
		printf("  %s priority %u weight %u, record %u\n", buf, a->priority, a->weight, a->record);
	}
	if (res->n)
		printf("  good for %u s\n", res->ttl_s);
}

static void look_up(const char *name, uint16_t port, enum sip_transport_id transport)
{
	unsigned int before = n_told, queries = fake_dns_n_queries;
	struct sip_lookup *l = sip_resolve(resolver, name, port, transport, tell, NULL);

	EXPECT(l && n_told == before);
	pass_ms(100);
	if (n_told == before)
		pass_ms(60000);
	EXPECT(n_told == before + 1);
	printf("  (%u queries)\n", fake_dns_n_queries - queries);
}

static void add_records(void)
{
	fake_dns_ttl = 300;
	fake_dns_a("a.example", "192.0.2.1");
	fake_dns_a("a.example", "2001:db8::1");
	fake_dns_srv("_sip._udp.srv.example", 20, 0, 5070, "b.example");
	fake_dns_srv("_sip._udp.srv.example", 10, 60, 5060, "a.example");
	fake_dns_srv("_sip._udp.srv.example", 10, 20, 5062, "c.example");
	fake_dns_ttl = 60;
	fake_dns_a("b.example", "192.0.2.2");
	fake_dns_a("c.example", "192.0.2.3");
	fake_dns_srv("_sip._tcp.srv.example", 10, 0, 5080, "b.example");
	fake_dns_srv("_sips._tcp.srv.example", 10, 0, 5081, "b.example");
	fake_dns_srv("_sip._udp.none.example", 0, 0, 0, "");
	fake_dns_a("none.example", "192.0.2.9");
	fake_dns_srv("_sip._udp.half.example", 1, 0, 5060, "gone.example");
	fake_dns_srv("_sip._udp.half.example", 2, 0, 5060, "b.example");
	fake_dns_srv("_sip._udp.dead.example", 1, 0, 5060, "gone.example");
	fake_dns_naptr("naptr.example", 20, "s", "SIP+D2U", "wrong.example");
	fake_dns_naptr("naptr.example", 10, "S", "sip+d2u", "_sip._udp.srv.example");
	fake_dns_naptr("naptr.example", 1, "u", "SIP+D2U", "wrong.example");
	fake_dns_naptr("naptr.example", 1, "s", "SIP+D2T", "_sip._tcp.srv.example");
}

static void test_steps(void)
{
	btw("a name with a port: its addresses");
	look_up("a.example", 5099, SIP_TP_UDP);
	btw("SRV: by priority");
	look_up("srv.example", 0, SIP_TP_UDP);
	btw("each transport has its own");
	look_up("srv.example", 0, SIP_TP_TCP);
	look_up("srv.example", 0, SIP_TP_TLS);
	btw("NAPTR says where the SRV records are");
	look_up("naptr.example", 0, SIP_TP_UDP);
	look_up("naptr.example", 0, SIP_TP_TCP);
	btw("no SRV: addresses with the usual port");
	look_up("a.example", 0, SIP_TP_UDP);
	look_up("a.example", 0, SIP_TP_TLS);
	btw("one of two hosts does not exist");
	look_up("half.example", 0, SIP_TP_UDP);
}

static void test_failures(void)
{
	char longest[400];

	btw("failures, in words");
	look_up("nothing.example", 0, SIP_TP_UDP);
	look_up("_sip._udp.srv.example", 5060, SIP_TP_UDP);
	look_up("none.example", 0, SIP_TP_UDP);
	look_up("dead.example", 0, SIP_TP_UDP);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	look_up(longest, 0, SIP_TP_UDP);
	fake_dns_mood = FAKE_DNS_FAILS;
	look_up("a.example", 5060, SIP_TP_UDP);
	btw("a name server that says nothing");
	fake_dns_mood = FAKE_DNS_SILENT;
	look_up("a.example", 5060, SIP_TP_UDP);
	look_up("srv.example", 0, SIP_TP_UDP);
	fake_dns_mood = FAKE_DNS_ANSWERS;
	btw("it speaks again");
	look_up("b.example", 5060, SIP_TP_UDP);
}

static void test_giving_up(void)
{
	unsigned int before = n_told;
	struct sip_lookup *l, *other;
	size_t blocks = talloc_total_blocks(resolver);

	btw("one of two look-ups is given up: the other goes on");
	l = sip_resolve(resolver, "srv.example", 0, SIP_TP_UDP, tell, NULL);
	other = sip_resolve(resolver, "b.example", 5060, SIP_TP_UDP, tell, NULL);
	EXPECT(l && other);
	sip_resolve_cancel(l);
	pass_ms(100);
	EXPECT(n_told == before + 1);
	btw("given up when it is known already, but not told");
	l = sip_resolve(resolver, "", 5060, SIP_TP_UDP, tell, NULL);
	sip_resolve_cancel(l);
	pass_ms(100);
	EXPECT(n_told == before + 1);
	btw("a silent server, given up meanwhile");
	fake_dns_mood = FAKE_DNS_SILENT;
	l = sip_resolve(resolver, "srv.example", 0, SIP_TP_UDP, tell, NULL);
	pass_ms(3000);
	sip_resolve_cancel(l);
	pass_ms(60000);
	EXPECT(n_told == before + 1);
	EXPECT(talloc_total_blocks(resolver) == blocks);
	btw("the resolver goes in the middle of it");
	sip_resolve(resolver, "srv.example", 0, SIP_TP_UDP, tell, NULL);
	sip_resolve(resolver, "b.example", 5060, SIP_TP_UDP, tell, NULL);
	pump();
	sip_resolver_free(resolver);
	pass_ms(60000);
	EXPECT(n_told == before + 1);
	fake_dns_mood = FAKE_DNS_ANSWERS;
	btw("nobody is where the name server should be");
	resolver = sip_resolver_alloc(ctx, "127.0.61.54", DNS_PORT);
	look_up("a.example", 5060, SIP_TP_UDP);
	sip_resolver_free(resolver);
}

/* _sip._udp.x: two SRV records, the second with a pointer into the first one's host */
static const uint8_t answer[] = {
	0x12, 0x34, 0x81, 0x80, 0,   1, 0,  2,	  0,	0, 0,	 0,    4,    '_', 's',	'i',  'p', 4,  '_',
	'u',  'd',  'p',  1,	'x', 0, 0,  33,	  0,	1, 0xc0, 12,   0,    33,  0,	1,    0,   0,  0,
	100,  0,    11,	  0,	20,  0, 5,  0x13, 0xc4, 1, 'a',	 1,    'x',  0,	  0xc0, 12,   0,   33, 0,
	1,    0,    0,	  0,	50,  0, 10, 0,	  10,	0, 0,	 0x13, 0xc5, 1,	  'b',	0xc0, 49,
};

static int parse(const uint8_t *data, size_t len, struct sip_srv *srv, uint32_t *ttl)
{
	/* a block of exactly that size, so that a read behind its end is seen */
	uint8_t *copy = talloc_memdup(ctx, data, len ?: 1);
	char name[SIP_NAME_LEN];
	uint32_t t = 1000;
	int n = sip_dns_srv(srv, SIP_MAX_SRV, ttl, copy, len);

	sip_dns_naptr(name, sizeof(name), &t, SIP_TP_UDP, copy, len);
	talloc_free(copy);
	return n;
}

static void test_parser(void)
{
	static struct sip_srv srv[SIP_MAX_SRV];
	uint8_t bad[sizeof(answer)];
	uint32_t ttl = 1000, seed = 1;
	unsigned int i, j;
	int n;

	btw("an SRV answer");
	n = parse(answer, sizeof(answer), srv, &ttl);
	EXPECT(n == 2 && ttl == 50);
	for (i = 0; i < 2; i++)
		printf("  %u %u %u '%s'\n", srv[i].priority, srv[i].weight, srv[i].port, srv[i].host);
	btw("cut anywhere");
	for (i = 0; i < sizeof(answer); i++) {
		n = parse(answer, i, srv, &ttl);
		EXPECT(n == -EINVAL || (n >= 0 && n < 2));
	}
	btw("with anything in it");
	for (i = 0; i < 20000; i++) {
		memcpy(bad, answer, sizeof(bad));
		for (j = 0; j < 3; j++) {
			seed = seed * 1103515245 + 12345;
			bad[(seed >> 8) % sizeof(bad)] = seed >> 24;
		}
		bad[3] = 0x80;
		EXPECT(parse(bad, sizeof(bad), srv, &ttl) <= SIP_MAX_SRV);
	}
}

int main(void)
{
	ctx = talloc_named_const(NULL, 0, "sip_resolve_test");
	story_init(ctx);
	fake_time_start();
	fake_dns_open(DNS_ADDR, DNS_PORT);
	add_records();
	resolver = sip_resolver_alloc(ctx, DNS_ADDR, DNS_PORT);
	test_steps();
	test_failures();
	test_giving_up();
	test_parser();
	fake_dns_close();
	return 0;
}
