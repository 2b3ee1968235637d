/* Reliable provisional responses and PRACK in both roles (RFC 3262).
 *
 * As a server one of them is under way at a time: it is repeated until its PRACK comes, later ones wait, and so does
 * the 2xx if the one under way carries the answer (section 3). As a client each early dialog counts for itself, and
 * what comes out of order is left unacknowledged, so that the peer says it again. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "ua_internal.h"
#include "sip_request.h"

#define MAX_RSEQ 0x7fffffff

/* ---- as a server ---- */

/*! Is \a tag in Supported or Require of a request? */
static bool says(const struct sip_msg *msg, const char *name)
{
	return sip_msg_header_has_token(msg, name, "100rel");
}

/*! Their INVITE begins: will its provisional responses be reliable? \a use: what is configured. */
enum sip_rel100_when sip_rel100_wanted(const struct sip_msg *invite, enum sip_use use)
{
	if (use == SIP_USE_OFF)
		return SIP_REL100_NEVER;
	if (says(invite, "Require"))
		return SIP_REL100_ALWAYS;
	if (!says(invite, "Supported"))
		return SIP_REL100_NEVER;
	return use == SIP_USE_REQUIRED ? SIP_REL100_ALWAYS : SIP_REL100_WITH_SDP;
}

static struct sip_rel100 *rel_get(struct sip_uas_invite *in)
{
	if (in->rel)
		return in->rel;
	in->rel = talloc_zero(in, struct sip_rel100);
	if (in->rel)
		in->rel->rseq = 1 + token_u32() % 0xffff; /* far enough from 2^31 - 1 */
	return in->rel;
}

static int send_now(struct sip_session *s, uint16_t status, const char *sdp)
{
	struct sip_rel100 *rel = s->in->rel;
	int rc;

	rel->rseq++;
	rel->pending = true;
	rel->status = status;
	rel->pending_sdp = sdp != NULL;
	rel->interval_ms = timer_ms(sip_tdefs, T_SIP_T1);
	rel->left_ms = 64 * rel->interval_ms;
	rc = sip_uas_respond(s, status, sdp, NULL);
	timer_start_ms(&s->in->timer, rel->interval_ms);
	return rc;
}

/* The latest one counts; a description is not lost by a later one without. */
static int send_later(struct sip_rel100 *rel, uint16_t status, const char *sdp)
{
	rel->next_status = status;
	if (sdp) {
		talloc_free(rel->next_sdp);
		rel->next_sdp = talloc_strdup(rel, sdp);
		if (!rel->next_sdp)
			return -ENOMEM;
	}
	return 0;
}

/*! A provisional response, reliably if that was agreed. The answer is said once (RFC 6337 3.1). 0 or negative errno. */
int sip_rel100_provisional(struct sip_session *s, uint16_t status, const char *sdp)
{
	enum sip_rel100_when when = s->in->rel_when;
	struct sip_rel100 *rel = s->in->rel;

	if (rel && (rel->agreed || rel->pending_sdp))
		sdp = NULL;
	if (when == SIP_REL100_NEVER || (when == SIP_REL100_WITH_SDP && !sdp && !rel))
		return sip_uas_respond(s, status, sdp, NULL);
	rel = rel_get(s->in);
	if (!rel)
		return -ENOMEM;
	return rel->pending ? send_later(rel, status, sdp) : send_now(s, status, sdp);
}

/*! The headers that make the response at hand a reliable one. */
void sip_rel100_write(struct sip_tx *tx, const struct sip_uas_invite *in, uint16_t status)
{
	if (status >= 200 || !in->rel || !in->rel->pending)
		return;
	sip_write_header_str(&tx->w, "Require", "100rel");
	sip_write_header(&tx->w, "RSeq", "%u", in->rel->rseq);
}

/*! The timer of an INVITE that is not answered yet. True if that was for a reliable response; the session may be gone
 * then. */
bool sip_rel100_timer(struct sip_session *s)
{
	static const struct sip_session_info no_prack = { .status = 408, .text = "no PRACK" };
	struct sip_rel100 *rel = s->in->rel;

	if (!rel)
		return false;
	if (!rel->pending) { /* a sign of life for proxies is a new response (RFC 3262 3) */
		send_now(s, rel->status, NULL);
		return true;
	}
	rel->left_ms -= rel->interval_ms;
	if (rel->left_ms) {
		sip_trx_repeat(s->in->trx);
		rel->interval_ms = OSMO_MIN(2 * rel->interval_ms, rel->left_ms);
		timer_start_ms(&s->in->timer, rel->interval_ms);
		return true;
	}
	LOG_SESSION(s, LOGL_NOTICE, "the peer does not PRACK: 504\n");
	sip_uas_respond(s, 504, NULL, NULL);
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_CANCEL, (void *)&no_prack);
	return true;
}

/*! The user answers. True: the 200 has to wait for a PRACK, and comes by itself then. */
bool sip_rel100_hold_answer(struct sip_session *s, const char *sdp)
{
	struct sip_rel100 *rel = s->in->rel;

	if (!rel || !rel->pending || !rel->pending_sdp)
		return false;
	talloc_free(rel->answer);
	rel->answer = talloc_strdup(rel, sdp ?: "");
	return rel->answer != NULL;
}

/*! Has the answer to their offer arrived for sure? Then it is not said again in the 200, and offers may come anew. */
bool sip_rel100_agreed(const struct sip_uas_invite *in)
{
	return in->rel && in->rel->agreed;
}

/* RAck: RSeq CSeq method (RFC 3262 7.2) */
static bool rack_matches(const struct sip_uas_invite *in, const char *rack)
{
	unsigned int rseq, cseq;
	char method[8];

	return in && in->rel && in->rel->pending && sscanf(rack, "%u %u %7s", &rseq, &cseq, method) == 3 &&
	       rseq == in->rel->rseq && cseq == in->cseq && strcmp(method, "INVITE") == 0;
}

static void acknowledged(struct sip_session *s)
{
	struct sip_rel100 *rel = s->in->rel;
	char *sdp;

	rel->pending = false;
	rel->agreed |= rel->pending_sdp;
	rel->pending_sdp = false;
	if (s->in->answered)
		return;
	sip_uas_provisional_again(s);
	if (rel->answer) {
		sdp = talloc_steal(OTC_SELECT, rel->answer);
		rel->answer = NULL;
		osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_ANSWER, sdp[0] ? sdp : NULL);
	} else if (rel->next_status) {
		sdp = rel->next_sdp;
		send_now(s, rel->next_status, rel->agreed ? NULL : sdp);
		rel->next_status = 0;
		TALLOC_FREE(rel->next_sdp);
	}
}

/*! Their PRACK. One with an offer is answered when the user has decided (section 5). */
void sip_rel100_rx_prack(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req)
{
	const char *rack = sip_msg_header(req, "RAck", 0);
	bool may_offer;

	if (!rack) {
		sip_tx_respond(trx, req, 400, NULL, NULL);
		return;
	}
	if (!rack_matches(s->in, rack)) {
		sip_tx_respond(trx, req, 481, NULL, NULL);
		return;
	}
	if (sip_ua_refuse_content(trx, req, NULL))
		return;
	may_offer = s->in->rel->agreed || s->in->rel->pending_sdp;
	if (!req->body)
		sip_tx_respond(trx, req, 200, NULL, NULL);
	else if (!may_offer)
		sip_tx_respond(trx, req, 488, NULL, NULL);
	else if (!sip_update_refuse_second(s, dlg, trx, req))
		sip_update_rx_offer(s, trx, req);
	/* the user was told of the offer and may have ended it all */
	if (s->in && s->in->rel)
		acknowledged(s);
}

/* ---- as a client ---- */

static bool parse_rseq(const struct sip_msg *resp, uint32_t *rseq)
{
	const char *value = sip_msg_header(resp, "RSeq", 0);
	char *end;
	unsigned long n;

	if (!value || value[0] < '0' || value[0] > '9')
		return false;
	n = strtoul(value, &end, 10);
	if (*end || n < 1 || n > MAX_RSEQ)
		return false;
	*rseq = n;
	return true;
}

static void tx_prack(struct sip_session *s, struct sip_fork *fork, const char *sdp)
{
	const struct sip_request_user nobody = { .peer = s->peer };
	struct sip_tx tx;

	sip_dialog_tx_begin(&tx, &fork->dlg, SIP_PRACK, ++fork->dlg.local_cseq);
	sip_write_header(&tx.w, "RAck", "%u %u INVITE", fork->rseq, fork->invite_cseq);
	sip_request_send(s->ua, &tx, sip_tx_end(&tx, SIP_TYPE_SDP, sdp), &nobody);
}

/*! A provisional response to our INVITE, in the early dialog \a fork (NULL: there is no room for it). False: it is a
 * repetition, or out of order, and not to be looked at any further (section 4). */
bool sip_rel100_rx_response(struct sip_session *s, struct sip_fork *fork, const struct sip_msg *resp)
{
	uint32_t rseq;

	if (!s->peer || s->peer->cfg.rel100 == SIP_USE_OFF || !says(resp, "Require") || !fork ||
	    !parse_rseq(resp, &rseq))
		return true;
	if (fork->rseq && rseq != fork->rseq + 1) {
		LOG_SESSION(s, LOGL_DEBUG, "%u with RSeq %u after %u ignored\n", resp->status, rseq, fork->rseq);
		return false;
	}
	fork->rseq = rseq;
	fork->invite_cseq = resp->cseq;
	if (sip_msg_sdp(resp) && !fork->agreed) {
		fork->agreed = s->offered;
		if (!s->offered && !s->out->early_offer) { /* an offer: the PRACK waits for the answer of the user */
			s->out->early_offer = fork;
			return true;
		}
	}
	tx_prack(s, fork, NULL);
	return true;
}

/*! The user's answer to an offer that came in a reliable provisional response; NULL: it has none. */
void sip_rel100_answer(struct sip_session *s, const char *sdp)
{
	struct sip_fork *fork = s->out->early_offer;

	s->out->early_offer = NULL;
	fork->agreed = sdp != NULL;
	tx_prack(s, fork, sdp);
}
