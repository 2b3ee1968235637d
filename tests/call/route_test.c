/* Where calls go, and that SIP never leads to SIP. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/call/route.h>

#include "fake_leg.h"
#include "story.h"

static struct fake_kind gsm, sip;
static struct calls *calls;

static struct call_parties parties(const char *calling, const char *called, const char *imsi)
{
	struct call_parties p = {};

	if (*calling)
		EXPECT(number_from_dial_string(&p.calling, calling) == 0);
	if (*called)
		EXPECT(number_from_dial_string(&p.called, called) == 0);
	OSMO_STRLCPY_ARRAY(p.imsi, imsi);
	return p;
}

static void show(const struct fake_kind *from, const char *from_target, struct call_parties p)
{
	struct route r = route_find(calls, &from->kind, from_target, &p);

	if (r.kind)
		printf("from %s: to %s '%s', media %s\n", from->kind.name, r.kind->name, r.target,
		       get_value_string(media_mode_names, r.media_mode));
	else
		printf("from %s: refused, cause %u: %s\n", from->kind.name, r.cause.value, r.cause.text);
	EXPECT(from != &sip || r.kind != &sip.kind);
}

static void test_routes(void)
{
	struct call_parties sos = { .emergency = true };
	int mode;

	btw("no peer is configured");
	show(&gsm, NULL, parties("1001", "5552222", ""));
	show(&sip, "pbx", parties("5552222", "1001", ""));

	btw("a peer is configured");
	calls->routes.default_peer = talloc_strdup(calls, "pbx");
	show(&gsm, NULL, parties("1001", "5552222", ""));
	show(&sip, "pbx", parties("5552222", "1001", ""));

	btw("the peer decides how media goes, in both directions");
	for (mode = MEDIA_ANCHORED; mode <= MEDIA_DIRECT; mode++) {
		sip.mode = mode;
		show(&gsm, NULL, parties("1001", "5552222", ""));
		show(&sip, "pbx", parties("5552222", "1001", ""));
		show(&sip, NULL, parties("5552222", "1001", ""));
	}

	btw("the peer that is configured does not exist");
	sip.mode = -ENOENT;
	show(&gsm, NULL, parties("1001", "5552222", ""));
	show(&sip, "gone", parties("5552222", "1001", ""));
	sip.mode = MEDIA_ANCHORED;

	btw("nobody is called: only an emergency call may do that");
	show(&gsm, NULL, parties("1001", "", "001010000000001"));
	show(&gsm, NULL, parties("1001", "", ""));
	show(&sip, "pbx", parties("5552222", "", ""));
	show(&gsm, NULL, sos);

	btw("a side is missing");
	calls->gsm = NULL;
	show(&sip, "pbx", parties("5552222", "1001", ""));
	calls->gsm = &gsm.kind;
	calls->sip = NULL;
	show(&gsm, NULL, parties("1001", "5552222", ""));
	calls->sip = &sip.kind;
}

static void rewrite(const struct fake_kind *from, struct call_parties p)
{
	route_rewrite(calls, &from->kind, &p);
	printf("from %s: '%s' -> '%s' imsi '%s'\n", from->kind.name, p.calling.digits, p.called.digits, p.imsi);
}

static void test_identity(void)
{
	btw("identity is the MSISDN: nothing changes");
	rewrite(&sip, parties("5552222", "001010000000001", ""));
	rewrite(&gsm, parties("1001", "5552222", "001010000000001"));

	btw("identity is the IMSI");
	calls->routes.mt_identity = MT_IDENTITY_IMSI;
	rewrite(&sip, parties("5552222", "001010000000001", ""));
	rewrite(&sip, parties("5552222", "1001", ""));
	rewrite(&sip, parties("5552222", "+491010000000001", ""));
	rewrite(&sip, parties("001010000000001", "1001", ""));
	rewrite(&gsm, parties("1001", "5552222", "001010000000001"));
	rewrite(&gsm, parties("1001", "001010000000001", ""));

	btw("then nobody from SIP is called who has a number only");
	show(&sip, "pbx", parties("5552222", "", "001010000000001"));
	show(&sip, "pbx", parties("5552222", "1001", ""));
	show(&sip, "pbx", parties("5552222", "00101000000000112345", ""));
	show(&sip, "pbx", parties("5552222", "+001010000000001", ""));
	show(&gsm, NULL, parties("1001", "5552222", "001010000000001"));
	calls->routes.mt_identity = MT_IDENTITY_MSISDN;
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "route_test");

	story_init(ctx);
	fake_kind_init(&gsm, "gsm");
	fake_kind_init(&sip, "sip");
	calls = calls_alloc(ctx);
	calls->gsm = &gsm.kind;
	calls->sip = &sip.kind;
	test_routes();
	test_identity();
	talloc_free(calls);
	btw("done");
	return 0;
}
