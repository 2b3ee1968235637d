/* The next address of a peer, for a call that nobody has answered (RFC 3263 4.3).
 *
 * An INVITE that could not be sent, got no response or a 503 goes to a further address of the same peer, before its
 * user hears anything. As long as there is another way, here or at another peer, no response at all is a failure after
 * T_SIP_NEXT instead of timer B, and a 100 that nothing follows after the peer's ring-within instead of timer C. A
 * phone that rang, and every other final response, ends the search.
 *
 * What calls find out about an address is told to sip_health.c. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "ua_internal.h"
#include "sip_request.h"
#include "sip_target.h"

static struct sip_target *target_of(const struct sip_uac_invite *out, const struct sip_request *req)
{
	const struct sip_peer *peer = out->s->peer;

	return peer ? sip_target_by_addr(peer, &sip_request_flow(req)->remote) : NULL;
}

static bool has_other_way(const struct sip_uac_invite *out)
{
	return out->others || (out->s->peer && sip_target_pick(out->s->peer, out->tried, NULL));
}

/* Be quick about it, if there is something else to try. */
static void set_patience(const struct sip_uac_invite *out, struct sip_request *req)
{
	if (has_other_way(out))
		sip_request_set_patience(req, timer_ms(sip_tdefs, T_SIP_NEXT));
}

/* The first response is a 100: that a proxy works on it is not yet that somebody is reached. */
static void set_ring_patience(const struct sip_uac_invite *out, struct sip_request *req)
{
	const struct sip_peer *peer = out->s->peer;

	if (peer && peer->cfg.ring_within_s && has_other_way(out))
		sip_request_set_patience(req, peer->cfg.ring_within_s * 1000UL);
}

/*! The INVITE was sent. \a others: the user has other ways. */
void sip_failover_begin(struct sip_uac_invite *out, bool others)
{
	struct sip_target *t = target_of(out, out->req);

	out->others = others;
	if (t)
		out->tried = 1 << t->slot;
	if (others || out->s->peer->n_targets > 1)
		set_patience(out, out->req);
}

/*! A response came. */
void sip_failover_rx(struct sip_uac_invite *out, struct sip_request *req, const struct sip_msg *resp)
{
	struct sip_target *t = target_of(out, req);
	unsigned int retry_after = resp->status == 503 ? sip_retry_after(resp) : 0;

	if (resp->status > 100 && resp->status < 200)
		out->rang = true;
	else if (resp->status == 100 && !out->heard)
		set_ring_patience(out, req);
	out->heard = true;
	if (t && retry_after)
		sip_health_busy(t, retry_after);
	else if (t)
		sip_health_good(t);
}

/*! No final response came. */
void sip_failover_failed(struct sip_uac_invite *out, const struct sip_request *req, enum sip_trx_end why)
{
	struct sip_target *t = target_of(out, req);

	if (out->heard && why == SIP_TRX_TIMEOUT)
		LOG_SESSION(out->s, LOGL_NOTICE, "%s\n", out->rang ? "no answer in time" : "no ringing in time");
	else if (t && why != SIP_TRX_CANCELLED)
		sip_health_bad(t, why == SIP_TRX_TIMEOUT ? "does not answer a call" : "cannot be reached");
}

/*! Does that status say that the way failed, and not the called party? A 500 does not: another way leads to the same.
 */
bool sip_failover_status(uint16_t status)
{
	return status == 502 || status == 503 || status == 504;
}

/* The Request-URI names the address that the INVITE goes to, unless the peer has a domain. NULL: it stays. */
static const char *uri_at(char *buf, size_t len, const struct sip_session *s, const struct sip_target *t)
{
	const char *old = sip_dialog_str(&s->dlg, DLG_TARGET), *at = strrchr(old, '@'), *rest;
	char host[SIP_HOSTPORT_LEN];

	if (s->peer->cfg.domain || !at)
		return NULL;
	rest = strchr(at, ';') ?: "";
	sip_target_str_buf(host, sizeof(host), t);
	if (snprintf(buf, len, "%.*s%s%s", (int)(at + 1 - old), old, host, rest) >= (int)len)
		return NULL;
	return buf;
}

/*! Inside response() with a 503, or failed(): try the next address. False: there is none, or it is too late. */
bool sip_failover_next(struct sip_uac_invite *out, struct sip_request *req)
{
	struct sip_session *s = out->s;
	char uri[512], host[SIP_HOSTPORT_LEN];
	struct sip_retry how = {};
	struct sip_target *t;
	struct sip_flow to;

	if (!s->peer || out->rang || s->released)
		return false;
	t = sip_target_pick(s->peer, out->tried, &to);
	if (!t)
		return false;
	how.to = &to;
	how.uri = uri_at(uri, sizeof(uri), s, t);
	if (sip_request_again(req, &how) < 0)
		return false;
	out->tried |= 1 << t->slot;
	set_patience(out, req);
	rate_ctr_inc2(s->peer->ctrs, SIP_PEER_CTR_OUT_NEXT);
	sip_target_str_buf(host, sizeof(host), t);
	LOG_SESSION(s, LOGL_NOTICE, "that address failed, trying %s\n", host);
	return true;
}
