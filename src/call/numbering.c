/* Numbers at the edge: made E.164 where they come in, rewritten as either side wants them.
 *
 * Everything between is the same for all sides: the route is looked up with numbers as they are after this. Type of
 * number and prefixes: 3GPP TS 24.008 10.5.4.7, ITU-T E.164; what people dial before a number differs by country. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/numbering.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/call/call.h>

const struct value_string number_dir_names[] = { { NUMBER_IN, "in" }, { NUMBER_OUT, "out" }, {} };

const struct value_string number_party_names[] = { { NUMBER_CALLED, "called" },
						   { NUMBER_CALLING, "calling" },
						   { NUMBER_REDIRECTING, "redirecting" },
						   { NUMBER_CONNECTED, "connected" },
						   {} };

const struct value_string number_type_names[] = {
	{ NUMBER_UNKNOWN, "unknown" },	 { NUMBER_INTERNATIONAL, "international" },
	{ NUMBER_NATIONAL, "national" }, { NUMBER_NETWORK, "network" },
	{ NUMBER_SHORT, "short" },	 {}
};

void numbering_init(struct numbering *num)
{
	INIT_LLIST_HEAD(&num->plans);
	INIT_LLIST_HEAD(&num->uses);
	OSMO_STRLCPY_ARRAY(num->international_prefix, "00");
	OSMO_STRLCPY_ARRAY(num->national_prefix, "0");
	num->short_digits = NUMBERING_SHORT_DEFAULT;
}

/* ---- normalisation ---- */

static int set_international(struct number *n, const char *country_code, const char *digits)
{
	char buf[NUMBER_MAX_DIGITS + sizeof(((struct numbering *)0)->country_code)];

	snprintf(buf, sizeof(buf), "%s%s", country_code, digits);
	if (strlen(buf) > NUMBER_MAX_DIGITS)
		return -EMSGSIZE;
	OSMO_STRLCPY_ARRAY(n->digits, buf);
	n->type = NUMBER_INTERNATIONAL;
	n->plan = NUMBER_PLAN_ISDN;
	return 0;
}

/* What follows \a prefix, or NULL if that is not what the number begins with, or is all of it. */
static const char *after(const char *digits, const char *prefix)
{
	size_t len = strlen(prefix);

	return len && !strncmp(digits, prefix, len) && digits[len] ? digits + len : NULL;
}

static int normalise_unknown(const struct numbering *num, struct number *n)
{
	const char *rest = after(n->digits, num->international_prefix);

	if (!strcmp(n->digits, num->international_prefix))
		return 0;
	if (rest)
		return set_international(n, "", rest);
	rest = after(n->digits, num->national_prefix);
	if (rest)
		return set_international(n, num->country_code, rest);
	if (num->unknown_is_national && strlen(n->digits) > num->short_digits)
		return set_international(n, num->country_code, n->digits);
	return 0;
}

int numbering_normalise(const struct numbering *num, struct number *n)
{
	if (!num->country_code[0] || !number_given(n) || n->digits[strspn(n->digits, "0123456789")])
		return 0;
	switch (n->type) {
	case NUMBER_UNKNOWN:
		return normalise_unknown(num, n);
	case NUMBER_NATIONAL: /* some phones send the prefix along */
		return set_international(n, num->country_code, after(n->digits, num->national_prefix) ?: n->digits);
	default: /* of the network, or a short code: only they know */
		return 0;
	}
}

/* ---- the edge ---- */

static const struct number_rules *plan_of(const struct calls *calls, const struct leg_kind *kind, const char *target)
{
	const struct numbering *num = &calls->numbering;

	if (llist_empty(&num->plans))
		return NULL;
	return kind == calls->gsm ? num->gsm : numbering_of_peer(num, target);
}

int numbering_one(const struct calls *calls, const struct leg_kind *kind, const char *target, enum number_dir dir,
		  enum number_party party, struct number *n)
{
	const struct number_rules *plan = plan_of(calls, kind, target);
	int rc = dir == NUMBER_IN ? numbering_normalise(&calls->numbering, n) : 0;

	return rc < 0 || !plan ? rc : number_rules_apply(plan, dir, party, n);
}

static int all(const struct calls *calls, const struct leg_kind *kind, const char *target, enum number_dir dir,
	       struct call_parties *parties, struct cause *why)
{
	struct number *const numbers[] = {
		[NUMBER_CALLED] = &parties->called,
		[NUMBER_CALLING] = &parties->calling,
		[NUMBER_REDIRECTING] = &parties->redirecting,
	};
	unsigned int party;
	int rc;

	for (party = 0; party < ARRAY_SIZE(numbers); party++) {
		rc = numbering_one(calls, kind, target, dir, party, numbers[party]);
		if (rc >= 0)
			continue;
		LOGP(DCALL, LOGL_INFO, "%s number %s cannot be rewritten: %s\n",
		     get_value_string(number_party_names, party), numbers[party]->digits,
		     rc == -EMSGSIZE ? "too long" : "nothing that can be dialled is left");
		if (party == NUMBER_CALLED) {
			*why = cause_make(CAUSE_INVALID_NUMBER, "the called number %s %s", parties->called.digits,
					  rc == -EMSGSIZE ? "gets longer than 32 digits" : "has nothing left to dial");
			return rc;
		}
		*numbers[party] = (struct number){ .presentation = NUMBER_NOT_AVAILABLE };
	}
	return 0;
}

/* An IMSI is no number: with mt-identity imsi it comes, and goes, in the place of one. */
int numbering_in(const struct calls *calls, const struct leg_kind *kind, const char *target,
		 struct call_parties *parties, struct cause *why)
{
	bool from_sip = kind == calls->sip;
	int rc;

	if (from_sip)
		route_rewrite(calls, kind, parties);
	rc = all(calls, kind, target, NUMBER_IN, parties, why);
	if (!from_sip)
		route_rewrite(calls, kind, parties);
	return rc;
}

int numbering_out(const struct calls *calls, const struct leg_kind *kind, const char *target,
		  struct call_parties *parties, struct cause *why)
{
	return plan_of(calls, kind, target) ? all(calls, kind, target, NUMBER_OUT, parties, why) : 0;
}
