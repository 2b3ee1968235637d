/* What becomes of numbers at the edge: tables of what comes in, what it is looked up as, and what goes out. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/call/call.h>

#include "fake_leg.h"
#include "story.h"

static struct fake_kind gsm, sip;
static struct calls *calls;

static const char *str_of(const struct number *n)
{
	static char buf[NUMBER_MAX_DIGITS + 2];

	return number_to_dial_string(buf, sizeof(buf), n) < 0 ? "-" : buf;
}

static void show(uint8_t type, const char *digits)
{
	struct number n = { .type = type, .plan = 1, .presentation = NUMBER_RESTRICTED };
	int rc;

	OSMO_STRLCPY_ARRAY(n.digits, digits);
	rc = numbering_normalise(&calls->numbering, &n);
	EXPECT(n.presentation == NUMBER_RESTRICTED);
	printf("  %-13s %-34s -> %-13s %s%s\n", get_value_string(number_type_names, type), digits,
	       get_value_string(number_type_names, n.type), str_of(&n), rc == -EMSGSIZE ? " too long" : "");
}

static void show_all(void)
{
	static const struct {
		uint8_t type;
		const char *digits;
	} rows[] = {
		{ NUMBER_INTERNATIONAL, "4930123456" },
		{ NUMBER_NATIONAL, "30123456" },
		{ NUMBER_NATIONAL, "030123456" },
		{ NUMBER_UNKNOWN, "030123456" },
		{ NUMBER_UNKNOWN, "004930123456" },
		{ NUMBER_UNKNOWN, "0011" },
		{ NUMBER_UNKNOWN, "00" },
		{ NUMBER_UNKNOWN, "0" },
		{ NUMBER_UNKNOWN, "112" },
		{ NUMBER_UNKNOWN, "118833" },
		{ NUMBER_UNKNOWN, "1188331" },
		{ NUMBER_UNKNOWN, "*100#" },
		{ NUMBER_UNKNOWN, "0*8" },
		{ NUMBER_UNKNOWN, "0a1" },
		{ NUMBER_SHORT, "0123456789" },
		{ NUMBER_NETWORK, "0123456789" },
		{ NUMBER_NATIONAL, "1234567890123456789012345678901" },
		{ NUMBER_UNKNOWN, "" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		show(rows[i].type, rows[i].digits);
}

static void test_normalise(void)
{
	struct numbering *num = &calls->numbering;

	btw("no country code: numbers stay as they come");
	show_all();
	btw("Germany");
	OSMO_STRLCPY_ARRAY(num->country_code, "49");
	show_all();
	btw("numbers without a prefix are national");
	num->unknown_is_national = true;
	show_all();
	btw("a country without a national prefix (area codes begin with 0), 011 before country codes");
	OSMO_STRLCPY_ARRAY(num->country_code, "39");
	OSMO_STRLCPY_ARRAY(num->international_prefix, "011");
	num->national_prefix[0] = '\0';
	show_all();
	num->country_code[0] = '\0';
	num->unknown_is_national = false;
	numbering_init(num);
}

static struct number_rules *rules;

static void rule(enum number_dir dir, enum number_party party, enum number_match_how how, const char *pattern,
		 uint8_t strip, const char *prepend, int type)
{
	struct number_rule *r = number_rule_add(rules, dir, party);
	const char *why;

	EXPECT(number_match_set(r, &r->match, how, pattern, &why) == 0);
	r->strip = strip;
	r->prepend = talloc_strdup(r, prepend);
	r->type = type;
}

static void apply(enum number_dir dir, enum number_party party, uint8_t type, const char *digits)
{
	struct number n = { .type = type, .presentation = NUMBER_RESTRICTED, .screening = 3 };
	int rc;

	OSMO_STRLCPY_ARRAY(n.digits, digits);
	printf("  %-3s %-11s %-20s", get_value_string(number_dir_names, dir),
	       get_value_string(number_party_names, party), str_of(&n));
	rc = number_rules_apply(rules, dir, party, &n);
	EXPECT(n.presentation == NUMBER_RESTRICTED && n.screening == 3);
	printf(" -> %-20s %s%s\n", str_of(&n), get_value_string(number_type_names, n.type),
	       rc == -EMSGSIZE ? ", too long"
	       : rc < 0	       ? ", nothing left"
			       : "");
}

static void test_rules(void)
{
	btw("rewrite rules: the first that matches counts");
	rules = number_rules_get(calls, "trunk");
	rule(NUMBER_OUT, NUMBER_CALLED, NUMBER_MATCH_WHOLE, "112", 0, NULL, -1);
	rule(NUMBER_OUT, NUMBER_CALLED, NUMBER_MATCH_PREFIX, "+49", 3, "0", -1);
	rule(NUMBER_OUT, NUMBER_CALLED, NUMBER_MATCH_PREFIX, "+", 1, "00", -1);
	rule(NUMBER_OUT, NUMBER_CALLED, NUMBER_MATCH_REGEXP, "^[1-4][0-9]{2}$", 0, "+4930555", -1);
	rule(NUMBER_OUT, NUMBER_CALLING, NUMBER_MATCH_REGEXP, "^[0-9]{4}$", 0, "+4930555", -1);
	rule(NUMBER_IN, NUMBER_CALLED, NUMBER_MATCH_PREFIX, "+4930555", 8, NULL, -1);
	rule(NUMBER_IN, NUMBER_CALLING, NUMBER_MATCH_ANY, NULL, 1, "", NUMBER_NATIONAL);
	rule(NUMBER_IN, NUMBER_REDIRECTING, NUMBER_MATCH_ANY, NULL, 99, NULL, -1);
	rule(NUMBER_IN, NUMBER_CONNECTED, NUMBER_MATCH_ANY, NULL, 0, "+12345678901234567890", -1);

	apply(NUMBER_OUT, NUMBER_CALLED, NUMBER_UNKNOWN, "112");
	apply(NUMBER_OUT, NUMBER_CALLED, NUMBER_INTERNATIONAL, "4930123");
	apply(NUMBER_OUT, NUMBER_CALLED, NUMBER_INTERNATIONAL, "33123");
	apply(NUMBER_OUT, NUMBER_CALLED, NUMBER_UNKNOWN, "123");
	apply(NUMBER_OUT, NUMBER_CALLED, NUMBER_NATIONAL, "523");
	apply(NUMBER_OUT, NUMBER_CALLING, NUMBER_UNKNOWN, "1001");
	apply(NUMBER_OUT, NUMBER_CALLING, NUMBER_UNKNOWN, "10010");
	apply(NUMBER_IN, NUMBER_CALLED, NUMBER_INTERNATIONAL, "49305551001");
	apply(NUMBER_IN, NUMBER_CALLED, NUMBER_INTERNATIONAL, "4930555");
	apply(NUMBER_IN, NUMBER_CALLED, NUMBER_INTERNATIONAL, "4930666");
	apply(NUMBER_IN, NUMBER_CALLING, NUMBER_UNKNOWN, "030123");
	apply(NUMBER_IN, NUMBER_CALLING, NUMBER_UNKNOWN, "");
	apply(NUMBER_IN, NUMBER_REDIRECTING, NUMBER_UNKNOWN, "123");
	apply(NUMBER_IN, NUMBER_CONNECTED, NUMBER_UNKNOWN, "123456789012");
	apply(NUMBER_IN, NUMBER_CONNECTED, NUMBER_UNKNOWN, "1234567890123");
	apply(NUMBER_OUT, NUMBER_CONNECTED, NUMBER_UNKNOWN, "123");
}

static void test_patterns(void)
{
	static const char *const bad[] = { "", "abd", "4 9", "++4", "+49-30", "12;3" };
	static const char *const costly[] = {
		"(.*)(.*)(.*)\\3\\2\\1x",
		"^[0-9]{1,255}{1,100}$",
		"(((1{99}){99}){99}){99}",
		"1{99999999999999999999}",
		"1{9999",
		"[]2]{3000}",
	};
	static const char *const fine[] = {
		"^[+]49[0-9]{3,20}$", "^\\+(1|49)([0-9]{3}){2}", "[]{99999}\\1]{0,1}", "^[^{9999]", "[[:digit:]]{7}",
	};
	struct number_match match = {};
	const char *why;
	unsigned int i;

	btw("patterns that are none");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT(number_match_set(calls, &match, NUMBER_MATCH_PREFIX, bad[i], &why) == -EINVAL);
	EXPECT(number_match_set(calls, &match, NUMBER_MATCH_REGEXP, "(", &why) == -EINVAL && *why);
	EXPECT(match.how == NUMBER_MATCH_ANY && number_match_hits(&match, ""));
	EXPECT(number_match_set(calls, &match, NUMBER_MATCH_REGEXP, "^$", &why) == 0);
	EXPECT(number_match_hits(&match, "") && !number_match_hits(&match, "1"));
	number_match_clear(&match);

	btw("patterns that would take too long for a number that a caller chooses");
	for (i = 0; i < ARRAY_SIZE(costly); i++) {
		EXPECT(number_match_set(calls, &match, NUMBER_MATCH_REGEXP, costly[i], &why) == -EINVAL);
		printf("  %s: %s\n", costly[i], why);
	}
	for (i = 0; i < ARRAY_SIZE(fine); i++) {
		EXPECT(number_match_set(calls, &match, NUMBER_MATCH_REGEXP, fine[i], &why) == 0);
		EXPECT(number_match_hits(&match, "+49301234"));
	}
	number_match_clear(&match);
}

static void show_edge(const char *what, const struct call_parties *p, int rc, const struct cause *why)
{
	printf("  %s: %s", what, str_of(&p->calling));
	printf(" -> %s", str_of(&p->called));
	if (number_given(&p->redirecting) || p->redirecting.presentation)
		printf(" by %s", str_of(&p->redirecting));
	if (p->imsi[0])
		printf(" imsi %s", p->imsi);
	if (rc < 0)
		printf(": cause %u, %s", why->value, why->text);
	printf("\n");
}

static struct call_parties parties(const char *calling, const char *called)
{
	struct call_parties p = {};

	EXPECT(number_from_dial_string(&p.calling, calling) == 0);
	EXPECT(number_from_dial_string(&p.called, called) == 0);
	return p;
}

static void edge(const struct fake_kind *kind, const char *target, enum number_dir dir, struct call_parties p)
{
	struct cause why = {};
	int rc;

	show_edge(dir == NUMBER_IN ? "comes" : "goes ", &p, 0, NULL);
	rc = dir == NUMBER_IN ? numbering_in(calls, &kind->kind, target, &p, &why)
			      : numbering_out(calls, &kind->kind, target, &p, &why);
	show_edge("   as", &p, rc, &why);
}

static void test_edge(void)
{
	struct call_parties p;

	OSMO_STRLCPY_ARRAY(calls->numbering.country_code, "49");
	numbering_set_peer(calls, "pbx", rules);

	btw("a peer with rules, one without, and the phones");
	edge(&sip, "pbx", NUMBER_IN, parties("030123", "+49305551001"));
	edge(&sip, "other", NUMBER_IN, parties("030123", "+49305551001"));
	edge(&sip, "pbx", NUMBER_OUT, parties("1001", "+4930123"));
	edge(&sip, "other", NUMBER_OUT, parties("1001", "+4930123"));
	edge(&gsm, "", NUMBER_IN, parties("1001", "030123"));
	edge(&gsm, "", NUMBER_OUT, parties("+4930123", "1001"));

	btw("rules of the phones");
	calls->numbering.gsm = rules;
	edge(&gsm, "", NUMBER_OUT, parties("+4930123", "+491001"));
	calls->numbering.gsm = NULL;

	btw("a called number that does not fit is refused, another one is left out");
	edge(&gsm, "", NUMBER_IN, parties("1001", "01234567890123456789012345678901"));
	edge(&gsm, "", NUMBER_IN, parties("01234567890123456789012345678901", "112"));
	edge(&sip, "pbx", NUMBER_IN, parties("1", "+4930555"));
	p = parties("12", "112");
	p.redirecting = p.called;
	edge(&sip, "pbx", NUMBER_IN, p);

	btw("identity by IMSI: it is no number, and not taken for one");
	calls->routes.mt_identity = MT_IDENTITY_IMSI;
	edge(&sip, "other", NUMBER_IN, parties("030123", "001010000000001"));
	p = parties("1001", "030123");
	OSMO_STRLCPY_ARRAY(p.imsi, "001010000000001");
	edge(&gsm, "", NUMBER_IN, p);
	calls->routes.mt_identity = MT_IDENTITY_MSISDN;

	btw("a peer that is forgotten has no rules any more");
	numbering_set_peer(calls, "pbx", NULL);
	EXPECT(!numbering_of_peer(&calls->numbering, "pbx"));
	EXPECT(!number_rules_in_use(&calls->numbering, rules));
	number_rules_free(rules);
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "numbering_test");

	story_init(ctx);
	calls = fake_core(ctx, &gsm, &sip, NULL);
	test_normalise();
	test_rules();
	test_patterns();
	test_edge();
	talloc_free(calls);
	btw("done");
	return 0;
}
