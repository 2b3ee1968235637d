/* Names in Contact and Record-Route: looked up, waited for, remembered, and not too many. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <osmocom/core/timer_compat.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/sip/sip_resolve.h>

#include "fake_dns.h"
#include "session_story.h"
#include "ua/sip_name.h"
#include "ua/ua_internal.h"

#define NET	 "127.0.119"
#define DNS_ADDR NET ".53"
#define DNS_PORT 15353

static struct fake_sip *phone; /* where the names lead to */

/* c-ares asks libc what time it is: virtual time for it, too. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	*ts = *osmo_clock_override_gettimespec(CLOCK_MONOTONIC);
	return 0;
}

/* They call, with this in their Contact, and we answer. */
static void they_call_from(const char *contact)
{
	fake_call_init(&call, stage.pbx, "1");
	OSMO_STRLCPY_ARRAY(call.extra_contact, contact);
	fake_call_invite(&call, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	they_are_answered();
}

static void we_end(void)
{
	user_ends(0, 16, NULL);
}

static void bye_comes_to(struct fake_sip *p)
{
	fake_sip_expect(p, "BYE");
	fake_sip_reply(p, NULL, 200, NULL, NULL, NULL);
	end_of_story();
}

static void test_found(void)
{
	btw("our BYE goes where the name leads");
	they_call_from("sip:a@phone.example:5060");
	we_end();
	bye_comes_to(phone);

	btw("another call, another name with SRV; then the first one: it is known");
	they_call_from("sip:b@srv.example");
	we_end();
	bye_comes_to(phone);
	they_call_from("sip:a@phone.example:5060");
	we_end();
	bye_comes_to(phone);
	printf("  (%u queries)\n", fake_dns_n_queries);

	btw("when its time is over it is asked for anew");
	pass_ms(2800000);
	they_call_from("sip:a@phone.example:5060");
	we_end();
	bye_comes_to(phone);
	printf("  (%u queries)\n", fake_dns_n_queries);
}

static void test_not_found(void)
{
	btw("there is no such name: where the call came from; and the next time without asking");
	they_call_from("sip:c@nowhere.example:5060");
	we_end();
	bye_comes_to(stage.pbx);
	btw("no transport of ours leads there: the same");
	they_call_from("sip:c@phone.example:5060;transport=tcp");
	we_end();
	bye_comes_to(stage.pbx);

	btw("the name server does not answer: 4 s");
	fake_dns_mood = FAKE_DNS_SILENT;
	they_call_from("sip:c@silent.example:5060");
	we_end();
	pass_ms(3900);
	fake_sip_expect_nothing(stage.pbx);
	pass_ms(200);
	bye_comes_to(stage.pbx);
}

static void test_order(void)
{
	btw("several requests wait, in their order");
	they_call_from("sip:c@slow.example:5060");
	EXPECT(sip_session_info_send(stage.s, "application/dtmf-relay", "Signal=1\r\n") == 0);
	EXPECT(sip_session_info_send(stage.s, "application/dtmf-relay", "Signal=2\r\n") == 0);
	fake_sip_expect_nothing(stage.pbx);
	pass_ms(4100);
	fake_sip_expect(stage.pbx, "INFO");
	EXPECT(fake_sip_has(stage.pbx, "Signal=1"));
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "INFO");
	EXPECT(fake_sip_has(stage.pbx, "Signal=2"));
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	we_hang_up();

	btw("the session ends before: its BYE comes, the INFO that waits with it does not matter");
	they_call_from("sip:c@slower.example:5060");
	EXPECT(sip_session_info_send(stage.s, "application/dtmf-relay", "Signal=3\r\n") == 0);
	we_end();
	pass_ms(4100);
	bye_comes_to(stage.pbx);
}

static void test_transfer(void)
{
	btw("a transfer is over before the look-up is: its last NOTIFY comes all the same");
	stage.peer->cfg.refer = true;
	they_call_from("sip:c@referrer.example:5060");
	fake_call_request(&call, "REFER", "Refer-To: <sip:5553333@" NET ".2>\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "202 REFER");
	sip_session_refer_result(stage.s, 486);
	pass_ms(4100);
	fake_sip_expect(stage.pbx, "NOTIFY");
	EXPECT(strcmp(fake_sip_body(stage.pbx), "SIP/2.0 486 Busy Here\r\n") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_sip_expect_nothing(stage.pbx);
	we_end();
	bye_comes_to(stage.pbx);

	btw("nor does who stops the daemon cut it off when nothing else is left of the call");
	they_call_from("sip:c@referrer2.example:5060");
	fake_call_request(&call, "REFER", "Refer-To: <sip:5553333@" NET ".2>\r\n", NULL, NULL);
	fake_sip_expect(stage.pbx, "202 REFER");
	sip_session_refer_result(stage.s, 486);
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	EXPECT(stage.ua->n_sessions == 0 && !sip_ua_idle(stage.ua));
	pass_ms(4100);
	fake_sip_expect(stage.pbx, "NOTIFY");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	pass_ms(100);
	EXPECT(sip_ua_idle(stage.ua));
	stage.peer->cfg.refer = false;
}

static void test_many(void)
{
	char contact[64];
	unsigned int i;

	btw("a hundred names: as many as there may be are remembered");
	fake_dns_mood = FAKE_DNS_FAILS;
	stage.silent = stage.pbx->quiet = true;
	for (i = 0; i < 100; i++) {
		snprintf(contact, sizeof(contact), "sip:x@x%u.example:5060", i);
		they_call_from(contact);
		user_ends(0, 16, NULL);
		pass_ms(10000);
		fake_sip_drain(stage.pbx);
		end_of_story();
	}
	stage.silent = stage.pbx->quiet = false;
	printf("  %u names\n", llist_count(&stage.ua->names));
}

static void test_flood(void)
{
	char host[64], key[SIP_NEXT_NAME_LEN];
	struct sip_flow flow = {};
	unsigned int i;

	btw("thousands of names that no name server knows, at once: a bounded number is looked up");
	fake_dns_mood = FAKE_DNS_SILENT;
	for (i = 0; i < 3000; i++) {
		snprintf(host, sizeof(host), "y%u.example", i);
		EXPECT(sip_name_key(key, host, 5060, SIP_TP_UDP) == 0);
		EXPECT(sip_name_find(stage.ua, key, &flow) == SIP_NAME_LOOKING);
	}
	EXPECT(sip_resolver_n_lookups(stage.ua->resolver) <= 128);
	btw("they all end, and then it goes on as before");
	pass_ms(100000);
	EXPECT(sip_resolver_n_lookups(stage.ua->resolver) == 0);
	fake_dns_mood = FAKE_DNS_ANSWERS;
	they_call_from("sip:a@phone.example:5060");
	we_end();
	bye_comes_to(phone);
}

static void test_stop(void)
{
	btw("another name server while somebody waits: it does not wait any more");
	fake_dns_mood = FAKE_DNS_SILENT;
	they_call_from("sip:c@late.example:5060");
	we_end();
	sip_ua_set_nameserver(stage.ua, DNS_ADDR, DNS_PORT);
	bye_comes_to(stage.pbx);

	btw("the end while somebody waits, and while a call is up whose Contact nobody knows yet");
	they_call_from("sip:c@later.example:5060");
	we_end();
	fake_call_free(&call);
	they_call_from("sip:c@latest.example:5060");
	fake_call_free(&call);
	sip_ua_stop(stage.ua);
	fake_sip_drain(stage.pbx);
}

int main(void)
{
	stage_set("sip_name_test", NET);
	fake_dns_open(DNS_ADDR, DNS_PORT);
	fake_dns_ttl = 3000;
	fake_dns_a("phone.example", NET ".3");
	fake_dns_srv("_sip._udp.srv.example", 10, 0, 5060, "phone.example");
	sip_ua_set_nameserver(stage.ua, DNS_ADDR, DNS_PORT);
	phone = fake_sip_open(stage.ctx, "phone", NET ".3", 5060, NET ".1", 5060);
	test_found();
	test_not_found();
	test_order();
	test_transfer();
	test_many();
	test_flood();
	test_stop();
	fake_sip_close(phone);
	fake_dns_close();
	stage_clear();
	return 0;
}
