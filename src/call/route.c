/* Where a call goes: a pure look-up, without side effects.
 *
 * One rule holds whatever is configured: a call that came from SIP goes to the GSM side and nowhere else, so nobody can
 * use us as a relay between SIP peers (toll fraud). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/route.h>

#include <string.h>

#include <osmocom/core/utils.h>

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

struct route route_find(const struct calls *calls, const struct leg_kind *from, const char *from_target,
			const struct call_parties *parties)
{
	bool from_sip = from == calls->sip;

	if (!somebody_is_called(parties, from_sip))
		return refuse(cause_make(CAUSE_INVALID_NUMBER, "no number was dialled"));
	if (number_instead_of_imsi(calls, parties, from_sip))
		return refuse(cause_make(
			CAUSE_INVALID_NUMBER, "'%s%s' is no IMSI, which 'mt-identity imsi' wants: 14 or 15 digits",
			parties->called.type == NUMBER_INTERNATIONAL ? "+" : "", parties->called.digits));
	return from_sip ? to_gsm(calls, from_target) : to_default_peer(calls);
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
