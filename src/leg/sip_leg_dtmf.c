/* Keys of a SIP leg: INFO to the peer and from it.
 *
 * A key is sent when it is released, since only then it is known how long it was pressed, and one at a time: of two
 * INFOs under way the second may arrive first, which the peer has to refuse (RFC 3261 12.2.2). Those that wait are in a
 * small queue that exists as long as it is needed. A peer that does not know INFO gets no more in this call, and from
 * then on the other side hears at once that keys are not delivered. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "sip_dtmf.h"
#include "sip_leg_internal.h"

/* Of somebody who presses keys faster than the peer answers */
#define MAX_WAITING 16

struct sip_leg_keys {
	unsigned int n; /*!< that wait, the first of them is under way */
	struct leg_dtmf key[MAX_WAITING];
};

static enum sip_dtmf_mode mode_of(const struct sip_leg *sl)
{
	const struct sip_peer *peer = sip_session_peer(sl->session);

	return peer ? peer->cfg.dtmf : SIP_DTMF_INFO_RELAY;
}

static void count(struct sip_leg *sl, enum sip_peer_ctr ctr)
{
	const struct sip_peer *peer = sip_session_peer(sl->session);

	if (peer)
		rate_ctr_inc(rate_ctr_group_get_ctr(peer->ctrs, ctr));
}

/* The peer or the network can cause it by each key */
static void lost(struct sip_leg *sl, char key, unsigned int status, const char *why)
{
	struct sip_kind *kind = (struct sip_kind *)sl->leg.kind;
	const char *more = log_limit_pass(&kind->dtmf_limit);

	count(sl, SIP_PEER_CTR_DTMF_LOST);
	if (more && status)
		LOG_SIPLEG(sl, LOGL_NOTICE, "the peer did not take key %c: %u %s%s\n", key, status, why, more);
	else if (more)
		LOG_SIPLEG(sl, LOGL_NOTICE, "key %c was not sent: %s%s\n", key, why, more);
}

static int send_key(struct sip_leg *sl, const struct leg_dtmf *dtmf)
{
	const char *type = mode_of(sl) == SIP_DTMF_INFO ? "application/dtmf" : "application/dtmf-relay";
	char body[SIP_DTMF_BODY_LEN];

	sip_dtmf_write(body, type, dtmf);
	return sip_session_info_send(sl->session, type, body);
}

static void shift(struct sip_leg_keys *keys)
{
	memmove(keys->key, keys->key + 1, --keys->n * sizeof(keys->key[0]));
}

/* Send the first one that can be sent. */
static void send_next(struct sip_leg *sl)
{
	struct sip_leg_keys *keys = sl->keys;

	while (keys->n && send_key(sl, keys->key) < 0) {
		lost(sl, keys->key[0].key, 0, "no INFO can be sent now");
		shift(keys);
	}
	if (!keys->n)
		TALLOC_FREE(sl->keys);
}

/* Will the peer never take one in this call? (RFC 3261 21.4.6, 21.4.13, 21.4.15, 21.5.2; RFC 6086 4.2.2) */
static bool means_never(uint16_t status)
{
	return status == 405 || status == 415 || status == 420 || status == 469 || status == 501;
}

static void no_more_keys(struct sip_leg *sl)
{
	for (; sl->keys->n; shift(sl->keys))
		count(sl, SIP_PEER_CTR_DTMF_LOST);
	TALLOC_FREE(sl->keys);
	sl->no_keys = true;
}

/*! The outcome of an INFO of ours. */
void sip_leg_dtmf_done(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;
	char key = sl->keys ? sl->keys->key[0].key : '?';

	if (info->status >= 300)
		lost(sl, key, info->status, info->text ?: "");
	if (!sl->keys)
		return;
	shift(sl->keys);
	if (means_never(info->status))
		no_more_keys(sl);
	else
		send_next(sl);
}

static void tell_result(struct sip_leg *sl, char key, bool accepted)
{
	struct leg_event result = { .type = LEG_EV_DTMF_RESULT, .dtmf = { .key = key, .accepted = accepted } };

	if (!accepted)
		count(sl, SIP_PEER_CTR_DTMF_LOST);
	leg_post(&sl->leg, &result);
}

/*! The other side pressed or released a key. */
void sip_leg_dtmf_cmd(struct sip_leg *sl, const struct leg_dtmf *dtmf)
{
	bool possible = mode_of(sl) != SIP_DTMF_NONE && !sl->no_keys && !(sl->keys && sl->keys->n == MAX_WAITING);

	if (dtmf->start) {
		tell_result(sl, dtmf->key, possible);
		return;
	}
	if (!possible)
		return;
	if (!sl->keys)
		sl->keys = talloc_zero(sl, struct sip_leg_keys);
	sl->keys->key[sl->keys->n++] = *dtmf;
	count(sl, SIP_PEER_CTR_DTMF);
	if (sl->keys->n == 1)
		send_next(sl);
}

/*! The leg ends: what waits is sent while it still can be. */
void sip_leg_dtmf_flush(struct sip_leg *sl)
{
	if (!sl->keys)
		return;
	for (shift(sl->keys); sl->keys->n; shift(sl->keys)) {
		if (send_key(sl, sl->keys->key) < 0)
			lost(sl, sl->keys->key[0].key, 0, "the call has ended");
	}
	TALLOC_FREE(sl->keys);
}

/*! An INFO of the peer, answered already. */
void sip_leg_dtmf_info(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct leg_event ev = { .type = LEG_EV_DTMF };
	struct sip_leg *sl = data;

	if (!info->content_type || !info->body || !sip_dtmf_parse(&ev.dtmf, info->content_type, info->body))
		return;
	ev.dtmf.start = true;
	leg_post(&sl->leg, &ev);
	ev.dtmf.start = false;
	leg_post(&sl->leg, &ev);
}
