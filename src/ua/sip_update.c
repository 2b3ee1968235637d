/* UPDATE (RFC 3311): an offer, or only a refresh, in an early dialog or in a call, from either side.
 *
 * Nothing of an UPDATE is acknowledged, so it is over with its response. An offer of theirs waits for the user like
 * that of a re-INVITE, and so does one that comes in a PRACK (RFC 3262 5). One offer is under way at a time: whoever
 * comes too early is told 491 or 500 (RFC 3311 5.2). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "ua_internal.h"
#include "sip_request.h"

#define MAX_TRIES	 6
#define DECISION_TIME_MS 10000 /* the peer gives up after 32 s at most; its sooner than that is better for both */

/* ---- of theirs ---- */

static void in_free(struct sip_session *s)
{
	osmo_timer_del(&s->update_in->timer);
	if (s->update_in->trx)
		sip_trx_detach(s->update_in->trx);
	TALLOC_FREE(s->update_in);
}

static void tell_gone(struct sip_session *s, uint16_t status, const char *text)
{
	struct sip_session_info info = { .status = status, .text = text };

	sip_session_tell(s, reoffer_gone, &info);
}

static void in_failed(struct sip_trx *trx, enum sip_trx_end why, void *data)
{
	struct sip_uas_invite *in = data;
	struct sip_session *s = in->s;

	in->trx = NULL;
	in_free(s);
	tell_gone(s, 503, "response cannot be sent");
}

static const struct sip_trx_ops in_ops = {
	.failed = in_failed,
};

static void no_decision(void *data)
{
	struct sip_uas_invite *in = data;
	struct sip_session *s = in->s;

	LOG_SESSION(s, LOGL_NOTICE, "nobody decided about an offer: 500\n");
	sip_update_reply(s, 500, NULL, NULL);
	tell_gone(s, 500, "no decision");
}

/*! The answer to an offer of theirs that came in an UPDATE or PRACK. 0 or negative errno. */
int sip_update_reply(struct sip_session *s, uint16_t status, const char *sdp, const struct sip_end *end)
{
	struct sip_uas_invite *in = s->update_in;
	struct sip_tx tx;
	int len, rc;

	sip_uas_tx_begin(s, in, &tx, status);
	if (status < 300)
		sip_timer_accepted(s, in, sdp);
	sip_uas_write_end(&tx, end);
	len = sip_tx_end(&tx, SIP_TYPE_SDP, status < 300 ? sdp : NULL);
	if (len < 0)
		return len;
	rc = sip_trx_respond(in->trx, status, tx.w.buf, len);
	in->trx = NULL; /* a final response is a detach */
	in_free(s);
	return rc;
}

/*! The call ends while an offer of theirs waits. */
void sip_update_drop(struct sip_session *s)
{
	if (s->update_in)
		sip_update_reply(s, 487, NULL, NULL);
	if (!s->update)
		return;
	osmo_timer_del(&s->update->timer);
	if (s->update->req)
		sip_request_detach(s->update->req);
	TALLOC_FREE(s->update);
}

/*! An offer in a request that nothing speaks against: ask the user. */
void sip_update_rx_offer(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req)
{
	struct sip_session_info info;

	s->update_in = sip_uas_alloc(s, trx, req);
	if (!s->update_in) {
		sip_tx_respond(trx, req, 500, NULL, NULL);
		return;
	}
	sip_timer_rx_request(s, s->update_in, req);
	sip_trx_attach(trx, &in_ops, s->update_in);
	osmo_timer_setup(&s->update_in->timer, no_decision, s->update_in);
	timer_start_ms(&s->update_in->timer, DECISION_TIME_MS);
	sip_session_info_from(&info, req);
	if (s->ops->reoffer)
		s->ops->reoffer(s, &info, s->data);
	else
		sip_update_reply(s, 488, NULL, NULL);
}

/* Is an offer of ours not answered yet? */
static bool ours_pending(const struct sip_session *s, const struct sip_dialog *dlg)
{
	if (s->update && s->update->req && s->update->sdp[0])
		return true;
	if (!s->out)
		return s->late_cseq != 0;
	if (s->fi->state == SIP_SESSION_CONFIRMED)
		return s->out->req != NULL;
	return !sip_uac_early_agreed(s, dlg);
}

/* Is one of theirs? */
static bool theirs_pending(const struct sip_session *s)
{
	if (s->update_in)
		return true;
	return s->in && !s->in->answered && !sip_rel100_agreed(s->in);
}

static void refuse_for_now(struct sip_trx *trx, const struct sip_msg *req)
{
	char retry[32];

	snprintf(retry, sizeof(retry), "Retry-After: %u\r\n", token_u32() % 11);
	sip_tx_respond(trx, req, 500, NULL, retry);
}

/*! Their offer in a PRACK, while another one is under way. True: it is refused; the answer to the first one is still
 * due. */
bool sip_update_refuse_second(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx,
			      const struct sip_msg *req)
{
	if (ours_pending(s, dlg))
		sip_tx_respond(trx, req, 491, NULL, NULL);
	else if (s->update_in)
		refuse_for_now(trx, req);
	else
		return false;
	return true;
}

/* Without an offer: a sign of life, and perhaps another Contact. */
static void rx_refresh(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req)
{
	struct sip_uas_invite *in = sip_uas_alloc(s, trx, req);
	struct sip_tx tx;
	int len;

	if (!in) {
		sip_tx_respond(trx, req, 500, NULL, NULL);
		return;
	}
	sip_timer_rx_request(s, in, req);
	sip_uas_tx_begin(s, in, &tx, 200);
	sip_timer_accepted(s, in, NULL);
	len = sip_tx_end(&tx, NULL, NULL);
	if (len > 0)
		sip_trx_respond(trx, 200, tx.w.buf, len);
	talloc_free(in);
}

/*! Their UPDATE in \a dlg; its CSeq and extensions are fine. */
void sip_update_rx(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req)
{
	enum sip_session_state state = s->fi->state;

	if (s->released || state == SIP_SESSION_CANCELLING || state == SIP_SESSION_CLOSING)
		sip_tx_respond(trx, req, 481, NULL, NULL);
	else if (sip_ua_refuse_content(trx, req, NULL) || sip_timer_refuse(s, trx, req))
		return;
	else if (!sip_msg_sdp(req)) {
		sip_dialog_refresh(dlg, req);
		rx_refresh(s, trx, req);
	} else if (ours_pending(s, dlg))
		sip_tx_respond(trx, req, 491, NULL, NULL);
	else if (theirs_pending(s))
		refuse_for_now(trx, req);
	else {
		sip_dialog_refresh(dlg, req);
		sip_update_rx_offer(s, trx, req);
	}
}

/* ---- of ours ---- */

static void out_free(struct sip_session *s)
{
	osmo_timer_del(&s->update->timer);
	if (s->update->req)
		sip_request_detach(s->update->req);
	TALLOC_FREE(s->update);
}

static void done(struct sip_session *s, const struct sip_session_info *info)
{
	bool is_refresh = !s->update->sdp[0];

	out_free(s);
	if (is_refresh)
		sip_timer_refreshed(s, info->status);
	else
		sip_session_tell(s, reanswered, info);
}

/* The dialog is dead (RFC 3261 12.2.1.2): in a call that is its end, before the answer the INVITE decides. */
static void lost(struct sip_session *s, const struct sip_session_info *info)
{
	if (s->fi->state != SIP_SESSION_CONFIRMED) {
		done(s, info);
		return;
	}
	out_free(s);
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_LOST, (void *)info);
}

static int send_update(struct sip_session *s);

static void retry(void *data)
{
	static const struct sip_session_info pending = { .status = 491 };
	struct sip_update *up = data;
	struct sip_session *s = up->s;

	if (s->update_in || (s->in && s->fi->state == SIP_SESSION_CONFIRMED))
		timer_start_ms(&up->timer, 500);
	else if (send_update(s) < 0)
		done(s, &pending);
}

static void glare(struct sip_session *s, const struct sip_session_info *info)
{
	struct sip_update *up = s->update;

	if (++up->tries >= MAX_TRIES) {
		done(s, info);
		return;
	}
	up->req = NULL; /* its last word */
	timer_start_ms(&up->timer, sip_session_glare_ms(s));
}

static void rx_response(struct sip_request *req, const struct sip_msg *resp, const struct sip_flow *from, void *data)
{
	struct sip_update *up = data;
	struct sip_session *s = up->s;
	struct sip_dialog *dlg = sip_session_early_dialog(s);
	struct sip_session_info info;

	if (resp->status < 200)
		return;
	sip_session_info_from(&info, resp);
	if (resp->status == 491) {
		glare(s, &info);
	} else if (resp->status == 408 || resp->status == 481) {
		lost(s, &info);
	} else {
		if (resp->status < 300 && dlg) {
			sip_dialog_refresh(dlg, resp);
			sip_timer_rx_2xx(s, resp, up->sdp[0] ? up->sdp : NULL);
		} else if (resp->status == 422) {
			sip_timer_rx_422(s, resp);
		}
		done(s, &info);
	}
}

static void failed(struct sip_request *req, enum sip_trx_end why, void *data)
{
	struct sip_update *up = data;
	struct sip_session_info info = { .status = why == SIP_TRX_TIMEOUT ? 408 : 503, .text = "UPDATE not answered" };

	up->req = NULL;
	lost(up->s, &info);
}

static const struct sip_request_ops out_ops = {
	.response = rx_response,
	.failed = failed,
};

static int send_update(struct sip_session *s)
{
	struct sip_dialog *dlg = sip_session_early_dialog(s);
	struct sip_update *up = s->update;
	/* the counter of an early dialog does not live as long as the request may */
	const struct sip_request_user user = {
		.peer = s->peer, .cseq = dlg == &s->dlg ? &s->dlg.local_cseq : NULL, .ops = &out_ops, .data = up
	};
	struct sip_tx tx;
	int len;

	if (!dlg)
		return -EINVAL;
	sip_dialog_tx_begin(&tx, dlg, SIP_UPDATE, ++dlg->local_cseq);
	sip_tx_contact(&tx);
	sip_session_write_extensions(s, &tx);
	sip_timer_write_request(s, &tx);
	len = sip_tx_end(&tx, SIP_TYPE_SDP, up->sdp[0] ? up->sdp : NULL);
	if (len < 0)
		return len;
	up->req = sip_request_send(s->ua, &tx, len, &user);
	return up->req ? 0 : -ENOMEM;
}

/*! Send one; \a sdp is our offer, NULL: a refresh of which the user hears nothing. 0 or negative errno. */
int sip_update_send(struct sip_session *s, const char *sdp)
{
	size_t len = sdp ? strlen(sdp) + 1 : 1;
	int rc;

	if (s->update)
		return -EAGAIN;
	s->update = talloc_size(s, sizeof(*s->update) + len);
	if (!s->update)
		return -ENOMEM;
	talloc_set_name_const(s->update, "sip_update");
	*s->update = (struct sip_update){ .s = s };
	memcpy(s->update->sdp, sdp ?: "", len);
	osmo_timer_setup(&s->update->timer, retry, s->update);
	rc = send_update(s);
	if (rc < 0)
		out_free(s);
	return rc;
}

/*! Our offer before the call is answered: possible when the first offer and its answer are exchanged reliably and the
 * peer knows UPDATE. 0; -EAGAIN: not now; -EINVAL: never. */
int sip_update_early_offer(struct sip_session *s, const char *sdp)
{
	struct sip_dialog *dlg = sip_session_early_dialog(s);

	if (!s->allows_update || !dlg)
		return -EINVAL;
	if (ours_pending(s, dlg) || theirs_pending(s))
		return -EAGAIN;
	return sip_update_send(s, sdp);
}
