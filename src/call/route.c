/* Where a call goes: a pure look-up, without side effects. The rules themselves are route_rule.c's.
 *
 * An emergency call looks at the rules made for emergency calls first; only when none of them matches it goes on as any
 * other call.
 *
 * One rule holds whatever is configured: a call that came from SIP goes to the GSM side and nowhere else, so nobody can
 * use us as a relay between SIP peers (toll fraud). Rules that lead to peers do not exist for it: "all calls to the
 * PBX" is then a table with which phones can be called, too. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/route.h>

#include <string.h>

#include <osmocom/core/sockaddr_str.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/call/call.h>

const struct value_string mt_identity_names[] = { { MT_IDENTITY_MSISDN, "msisdn" }, { MT_IDENTITY_IMSI, "imsi" }, {} };

static struct route refuse(struct cause cause)
{
	return (struct route){ .cause = cause };
}

static struct route to_gsm(const struct calls *calls, const char *from_peer)
{
	int mode = from_peer ? calls->sip->media_mode(calls->sip, from_peer) : MEDIA_ANCHORED;

	if (!calls->gsm)
		return refuse(cause_make(CAUSE_NO_ROUTE, "there is no GSM side"));
	return (struct route){ .kind = calls->gsm, .target = "", .media_mode = mode < 0 ? MEDIA_ANCHORED : mode };
}

static struct route to_default_peer(const struct calls *calls)
{
	const char *peer = calls->routes.default_peer;
	int mode;

	if (!peer || !calls->sip)
		return refuse(cause_make(CAUSE_NO_ROUTE,
					 "no SIP peer is configured as the route for calls from the GSM side"));
	mode = calls->sip->media_mode(calls->sip, peer);
	if (mode < 0)
		return refuse(cause_make(CAUSE_NO_ROUTE, "there is no SIP peer '%s'", peer));
	return (struct route){ .kind = calls->sip, .target = peer, .media_mode = mode };
}

/* Peers that do not exist are passed over when the call is made; here they have no say. */
static struct route to_peers(const struct calls *calls, const struct route_rule *rule)
{
	struct route route = { .media_mode = MEDIA_DIRECT };
	unsigned int i;
	int mode;

	for (i = 0; i < rule->n_peers && calls->sip; i++) {
		mode = calls->sip->media_mode(calls->sip, rule->peers[i].name);
		if (mode < 0)
			continue;
		if (mode == MEDIA_ANCHORED)
			route.media_mode = MEDIA_ANCHORED;
		route.target = route.target ?: rule->peers[i].name;
		route.kind = calls->sip;
	}
	if (!route.kind)
		return refuse(cause_make(CAUSE_NO_ROUTE, "route '%s' leads to no SIP peer that exists", rule->name));
	return route;
}

static struct route by_rule(const struct calls *calls, const struct route_rule *rule, bool from_sip,
			    const char *from_target)
{
	struct route route;

	if (rule->action == ROUTE_REJECT)
		route = refuse(cause_make(rule->reject, "route '%s' rejects it", rule->name));
	else if (rule->action == ROUTE_TO_PEERS)
		route = to_peers(calls, rule);
	else
		route = to_gsm(calls, from_sip ? from_target : NULL);
	if (rule->action == ROUTE_TO_GSM && !from_sip)
		route.media_mode = rule->gsm_media;
	route.rule = rule;
	return route;
}

/* Is there somebody to call? The IMSI is that of the GSM subscriber: the called one if the call comes from SIP. */
static bool somebody_is_called(const struct call_parties *parties, bool from_sip)
{
	if (number_given(&parties->called) || (from_sip && parties->imsi[0]))
		return true;
	/* an emergency call may come without a number (3GPP TS 24.008 9.3.8) */
	return parties->emergency && !from_sip;
}

/* With IMSIs as identities the MSC gets no numbers from SIP: route_rewrite() has moved an IMSI away, this is none. */
static bool number_instead_of_imsi(const struct calls *calls, const struct call_parties *parties, bool from_sip)
{
	return from_sip && calls->routes.mt_identity == MT_IDENTITY_IMSI && number_given(&parties->called);
}

/* The rules for emergency calls stand before all others for such a call. */
static const struct route_rule *first_match(const struct calls *calls, const struct route_query *q)
{
	const struct route_rule *rule;
	int pass;

	for (pass = !q->parties->emergency; pass < 2; pass++) {
		llist_for_each_entry (rule, &calls->routes.rules, entry) {
			if (rule->emergency == !pass && route_rule_try(rule, q) == ROUTE_MATCHES)
				return rule;
		}
	}
	return NULL;
}

struct route route_find(const struct calls *calls, const struct leg_kind *from, const char *from_target,
			const struct call_parties *parties)
{
	bool from_sip = from == calls->sip;
	const struct route_rule *rule;
	struct route_query q;

	if (!somebody_is_called(parties, from_sip))
		return refuse(cause_make(CAUSE_INVALID_NUMBER, "no number was dialled"));
	if (number_instead_of_imsi(calls, parties, from_sip))
		return refuse(cause_make(
			CAUSE_INVALID_NUMBER, "'%s%s' is no IMSI, which 'mt-identity imsi' wants: 14 or 15 digits",
			parties->called.type == NUMBER_INTERNATIONAL ? "+" : "", parties->called.digits));
	route_query_init(&q, calls, from, from_target, parties);
	rule = first_match(calls, &q);
	if (rule)
		return by_rule(calls, rule, from_sip, from_target);
	return from_sip ? to_gsm(calls, from_target) : to_default_peer(calls);
}

/* One of the first \a n of those left, each as often as its weight says (RFC 2782); a weight of 0 is only taken if all
 * are 0. */
static unsigned int draw(const struct route_peer *const left[], unsigned int n)
{
	uint32_t sum = 0, at;
	unsigned int i;

	for (i = 0; i < n; i++)
		sum += left[i]->weight;
	if (!sum)
		return 0;
	at = token_u32() % sum;
	for (i = 0; at >= left[i]->weight; i++)
		at -= left[i]->weight;
	return i;
}

unsigned int route_order(const struct route *route, const char *names[ROUTE_MAX_TARGETS])
{
	const struct route_peer *left[ROUTE_MAX_TARGETS];
	const struct route_rule *rule = route->rule;
	unsigned int i, n, at;

	if (!rule || rule->action != ROUTE_TO_PEERS) {
		names[0] = route->target;
		return !!route->kind;
	}
	for (i = 0; i < rule->n_peers; i++)
		left[i] = &rule->peers[i];
	for (i = 0, n = rule->n_peers; n; i++, n--) {
		at = rule->shared ? draw(left, n) : 0;
		names[i] = left[at]->name;
		memmove(&left[at], &left[at + 1], (n - at - 1) * sizeof(*left));
	}
	return i;
}

/* The IMSI takes the number's place: the MSC looks at the number first if it gets both. */
static void called_is_imsi(struct call_parties *parties)
{
	if (parties->called.type == NUMBER_INTERNATIONAL || !number_is_imsi(parties->called.digits))
		return;
	OSMO_STRLCPY_ARRAY(parties->imsi, parties->called.digits);
	parties->called.digits[0] = '\0';
}

static void calling_is_imsi(struct call_parties *parties)
{
	if (!number_is_imsi(parties->imsi))
		return;
	parties->calling = (struct number){ .presentation = parties->calling.presentation,
					    .screening = parties->calling.screening };
	OSMO_STRLCPY_ARRAY(parties->calling.digits, parties->imsi);
}

void route_rewrite(const struct calls *calls, const struct leg_kind *from, struct call_parties *parties)
{
	if (calls->routes.mt_identity != MT_IDENTITY_IMSI)
		return;
	if (from == calls->sip)
		called_is_imsi(parties);
	else
		calling_is_imsi(parties);
}

int route_look_ahead(const struct calls *calls, const struct leg_kind *from, const char *from_target,
		     const struct call_parties *parties, struct osmo_sockaddr_str *near)
{
	struct call_parties rewritten = *parties;
	struct route route;
	struct cause why;

	if (near)
		*near = (struct osmo_sockaddr_str){};
	if (numbering_in(calls, from, from_target, &rewritten, &why) < 0 ||
	    !admission_look_ahead(calls, from == calls->sip, &rewritten))
		return -1;
	route = route_find(calls, from, from_target, &rewritten);
	if (near && route.kind && route.kind->near)
		route.kind->near(route.kind, route.target, near);
	return route.kind ? (int)route.media_mode : -1;
}
