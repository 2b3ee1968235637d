/* Limits: how many calls there may be in all, how many with a peer, how many new ones per second; both directions
 * together.
 *
 * The rate is a token bucket: as many calls as its burst may come at once, then one per token. Emergency calls pass and
 * take no token. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/log.h>

#include "ua_internal.h"

#define TOKEN 1000 /* a call; the bucket gets one thousandth of the rate per ms */

static uint64_t now_ms(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

/* Fill up for the time since last time; then one token, if there is one. */
static bool take_token(struct sip_peer *peer)
{
	uint64_t rate = peer->cfg.max_calls_per_s, now = now_ms(), room;
	uint64_t burst = TOKEN * (uint64_t)(peer->cfg.max_calls_burst ?: rate);

	room = peer->limit_ms ? (now - peer->limit_ms) * rate : burst;
	peer->limit_tokens = OSMO_MIN(burst, peer->limit_tokens + OSMO_MIN(room, burst));
	peer->limit_ms = now;
	if (peer->limit_tokens < TOKEN)
		return false;
	peer->limit_tokens -= TOKEN;
	return true;
}

static void refused(struct sip_peer *peer, enum sip_peer_ctr ctr, const char *what)
{
	const char *more;

	rate_ctr_inc2(peer->ctrs, ctr);
	rate_ctr_inc2(peer->ua->ctrs, SIP_CTR_REFUSED_LIMIT);
	more = log_limit_pass(&peer->limit_log);
	if (more)
		LOGP(DSIP, LOGL_NOTICE, "peer %s: call refused: %s%s\n", peer->name, what, more);
}

/*! May there be one more call with this peer? Then its token is taken. */
enum sip_limit sip_limit_take(struct sip_peer *peer, bool emergency)
{
	struct sip_ua *ua = peer->ua;

	if (emergency)
		return SIP_LIMIT_OK;
	if (peer->blocked) {
		refused(peer, SIP_PEER_CTR_REFUSED_BLOCKED, "the peer is out of service");
		return SIP_LIMIT_BLOCKED;
	}
	if (ua->n_sessions >= ua->max_sessions) {
		rate_ctr_inc2(ua->ctrs, SIP_CTR_REFUSED_LIMIT);
		return SIP_LIMIT_TOTAL;
	}
	if (peer->cfg.max_calls && peer->n_calls >= peer->cfg.max_calls) {
		refused(peer, SIP_PEER_CTR_REFUSED_CALLS, "as many as its max-calls are up");
		return SIP_LIMIT_CALLS;
	}
	if (peer->cfg.max_calls_per_s && !take_token(peer)) {
		refused(peer, SIP_PEER_CTR_REFUSED_RATE, "more than its max-calls-per-second");
		return SIP_LIMIT_RATE;
	}
	return SIP_LIMIT_OK;
}
