/* The client's side of an INVITE: the first one, and re-INVITEs of ours (RFC 3261 13.2, 14.1).
 *
 * The first 2xx wins; the session then forgets the transaction. Its other dialogs: sip_fork.c. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/ua/sip_reg.h>

#include "sip_identity.h"
#include "sip_redirect.h"
#include "sip_request.h"
#include "ua_internal.h"

#define MAX_422_TRIES	   4 /* also those for challenges and other addresses count */
#define MAX_REINVITE_TRIES 6 /* a glare that does not end after so many is told to the user */

/*! The tag of our side of a call that we make: only we can make it of the Call-ID. */
void sip_uac_tag(char *buf, const char *call_id)
{
	uint64_t hash = token_hash_add(token_hash_str("tag of a UAC"), call_id, strlen(call_id));

	snprintf(buf, SIP_TAG_LEN, "%016llx", (unsigned long long)hash);
}

static struct sip_uac_invite *uac_alloc(struct sip_session *s, const char *sdp)
{
	size_t len = sdp ? strlen(sdp) + 1 : 1;
	struct sip_uac_invite *out = talloc_size(s, sizeof(*out) + len);

	if (!out)
		return NULL;
	talloc_set_name_const(out, "sip_uac_invite");
	*out = (struct sip_uac_invite){ .s = s };
	memcpy(out->sdp, sdp ?: "", len);
	s->out = out;
	return out;
}

/*! Forget our INVITE; what becomes of its transaction is the transaction's business. */
void sip_uac_free(struct sip_session *s)
{
	if (!s->out)
		return;
	osmo_timer_del(&s->out->timer);
	if (s->out->req)
		sip_request_detach(s->out->req);
	TALLOC_FREE(s->out);
}

/*! Forget a re-INVITE that may still be pending when its call ends. It is cancelled, lest its transaction wait for
 * timer C. */
void sip_uac_give_up(struct sip_session *s)
{
	if (s->out && s->out->req)
		sip_request_cancel(s->out->req, NULL);
	sip_uac_free(s);
}

/* ---- the first INVITE ---- */

/* Sent again: early dialogs of the try before are over, and those to come are where it went now. */
static void invite_again(struct sip_request *req, void *data)
{
	struct sip_uac_invite *out = data;

	out->early_offer = NULL;
	out->heard = false;
	sip_uac_drop_forks(out->s);
	sip_hop_set(&out->s->dlg.origin, sip_request_flow(req));
	out->s->dlg.next = out->s->dlg.origin;
}

/* Once: a second 422 would not know what it wants (RFC 4028 7.3). */
static bool ask_for_longer_timer(struct sip_request *req, const struct sip_msg *resp)
{
	char lines[80];

	return sip_request_tries(req) < MAX_422_TRIES && sip_timer_lines_after_422(lines, sizeof(lines), resp) &&
	       sip_request_again(req, &(struct sip_retry){ .lines = lines }) == 0;
}

static void rx_invite_response(struct sip_request *req, const struct sip_msg *resp, const struct sip_flow *from,
			       void *data)
{
	struct sip_uac_invite *out = data;
	struct sip_session *s = out->s;
	struct sip_session_rx rx = { .msg = resp, .from = from };
	struct sip_session_info info;
	const char *refused = NULL;

	sip_failover_rx(out, req, resp);
	if (resp->status < 200) {
		osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_PROVISIONAL, &rx);
		return;
	}
	if (resp->status == 422 && ask_for_longer_timer(req, resp))
		return;
	if (resp->status == 503 && sip_failover_next(out, req))
		return;
	if (resp->status < 300) {
		sip_timer_rx_2xx(s, resp, s->offered ? out->sdp : NULL);
		sip_ack_keep(s, req);
	} else if ((resp->status == 488 || resp->status == 606) && out->sdp[0]) {
		refused = talloc_strdup(OTC_SELECT, out->sdp);
	}
	sip_uac_free(s);
	if (s->peer)
		s->peer->last_status = resp->status;
	if (resp->status < 300) {
		osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_2XX, &rx);
		return;
	}
	sip_session_info_from(&info, resp);
	info.refused_offer = refused;
	info.way_failed = sip_failover_status(resp->status);
	sip_redirect_from(&info, s, resp, from);
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_FAILURE, &info);
}

static uint16_t fail_status(enum sip_trx_end why)
{
	return why == SIP_TRX_TIMEOUT ? 408 : why == SIP_TRX_CANCELLED ? 487 : 503;
}

static const char *fail_text(enum sip_trx_end why)
{
	return why == SIP_TRX_TIMEOUT ? "no response" : why == SIP_TRX_CANCELLED ? "cancelled" : "cannot be sent";
}

static void invite_failed(struct sip_request *req, enum sip_trx_end why, void *data)
{
	struct sip_uac_invite *out = data;
	struct sip_session *s = out->s;
	bool heard = out->heard;
	struct sip_session_info info = {
		.status = fail_status(why),
		.text = heard ? "no final response" : fail_text(why),
		.way_failed = why != SIP_TRX_CANCELLED,
	};

	sip_failover_failed(out, req, why);
	if (why != SIP_TRX_CANCELLED && sip_failover_next(out, req))
		return;
	out->req = NULL;
	sip_uac_free(s);
	if (s->peer) {
		s->peer->last_status = heard ? 100 : info.status;
		if (why == SIP_TRX_TIMEOUT)
			rate_ctr_inc2(s->peer->ctrs, SIP_PEER_CTR_OUT_TIMEOUT);
	}
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_FAILURE, &info);
}

static const struct sip_request_ops invite_ops = {
	.response = rx_invite_response,
	.failed = invite_failed,
	.again = invite_again,
};

static void write_from(struct sip_tx *tx, const struct sip_session *s, const struct sip_invite *inv)
{
	char display[128];
	const char *name = inv->calling_anonymous ? "Anonymous" : inv->calling_name ?: "";

	sip_quote_display(display, sizeof(display), name);
	sip_write_header(&tx->w, "From", "%s%s<%s>;tag=%s", display, display[0] ? " " : "",
			 sip_dialog_str(&s->dlg, DLG_LOCAL), sip_dialog_str(&s->dlg, DLG_LOCAL_TAG));
}

static int send_invite(struct sip_session *s, struct sip_tx *tx, const char *sdp, const struct sip_request_ops *ops)
{
	const struct sip_request_user user = {
		.peer = s->peer, .cseq = &s->dlg.local_cseq, .ops = ops, .data = s->out
	};
	int len;

	sip_tx_contact(tx);
	sip_session_write_extensions(s, tx);
	sip_timer_write_request(s, tx);
	len = sip_tx_end(tx, SIP_TYPE_SDP, sdp);
	if (len < 0)
		return len;
	s->out->req = sip_request_send(s->ua, tx, len, &user);
	return s->out->req ? 0 : -ENOMEM;
}

/* What the peer has to know by configuration. A call to a peer that does not ends with 420. */
static void write_require(const struct sip_session *s, struct sip_tx *tx)
{
	if (s->peer->cfg.rel100 == SIP_USE_REQUIRED)
		sip_write_header_str(&tx->w, "Require", "100rel");
	if (s->peer->cfg.session_timer == SIP_USE_REQUIRED)
		sip_write_header_str(&tx->w, "Require", "timer");
}

/*! Send the INVITE that makes the session; \a tx is begun, the dialog prepared. 0 or negative errno. */
int sip_uac_start(struct sip_session *s, const struct sip_invite *inv, struct sip_tx *tx)
{
	const char *route;

	int rc;

	s->offered = inv->sdp != NULL;
	if (!uac_alloc(s, inv->sdp))
		return -ENOMEM;
	sip_branch_make(tx->branch);
	sip_write_request_line(&tx->w, "INVITE", sip_dialog_str(&s->dlg, DLG_TARGET));
	sip_tx_via(tx);
	route = sip_reg_route(s->peer, inv->calling_user ?: "");
	if (route[0])
		sip_write_header_str(&tx->w, "Route", route);
	sip_write_header_str(&tx->w, "Max-Forwards", "70");
	write_from(tx, s, inv);
	sip_write_header(&tx->w, "To", "<%s>", sip_dialog_str(&s->dlg, DLG_REMOTE));
	sip_write_header_str(&tx->w, "Call-ID", sip_dialog_str(&s->dlg, DLG_CALL_ID));
	sip_write_header_str(&tx->w, "CSeq", "1 INVITE");
	sip_identity_write_invite(tx, s->peer, inv);
	write_require(s, tx);
	rc = send_invite(s, tx, inv->sdp, &invite_ops);
	if (rc == 0)
		sip_failover_begin(s->out, inv->others);
	return rc;
}

static void cancel_timeout(void *data)
{
	struct sip_uac_invite *out = data;
	static const struct sip_session_info info = { .status = 408, .text = "no final response after CANCEL" };

	osmo_fsm_inst_dispatch(out->s->fi, SIP_SESSION_EV_FAILURE, (void *)&info);
}

/*! Give up our first INVITE (9.1). The final response comes as if nothing had happened, or SIP_SESSION_EV_FAILURE after
 * 64 * T1. */
void sip_uac_cancel(struct sip_session *s, uint8_t q850)
{
	char reason[SIP_REASON_LEN];

	sip_request_cancel(s->out->req, sip_reason_buf(reason, sizeof(reason), q850));
	osmo_timer_setup(&s->out->timer, cancel_timeout, s->out);
	timer_start(&s->out->timer, sip_tdefs, T_SIP_B);
}

/*! The first 2xx: makes the session's dialog and ACKs. The early dialogs of other phones are over. 0, or negative errno
 * if the 2xx is no good. */
int sip_uac_accept(struct sip_session *s, const struct sip_session_rx *rx)
{
	struct sip_fork *early = sip_fork_find(s, rx->msg->to.tag);
	bool agreed = s->offered || (early && early->agreed);
	struct sip_flow origin;
	int rc;

	if (early) {
		s->dlg.remote_cseq = early->dlg.remote_cseq;
		s->dlg.has_remote_cseq = early->dlg.has_remote_cseq;
		s->dlg.local_cseq = OSMO_MAX(s->dlg.local_cseq, early->dlg.local_cseq);
	}
	sip_uac_drop_forks(s);
	sip_hop_flow(&s->dlg.origin, &origin);
	rc = sip_dialog_from_response(&s->dlg, rx->msg, &origin);
	if (rc < 0)
		return rc;
	sip_session_note_allow(s, rx->msg);
	if (!agreed && sip_msg_sdp(rx->msg) && !s->released)
		s->late_cseq = rx->msg->cseq; /* the ACK waits for the user's answer to their offer */
	else
		sip_session_tx_ack(s, rx->msg->cseq);
	return 0;
}

/* ---- re-INVITE ---- */

static void reinvite_retry(void *data);

static void reinvite_done(struct sip_session *s, const struct sip_session_info *info)
{
	bool refresh = s->out->refresh;

	sip_uac_free(s);
	if (refresh)
		sip_timer_refreshed(s, info->status);
	else
		sip_session_tell(s, reanswered, info);
}

static void reinvite_glare(struct sip_session *s, const struct sip_session_info *info)
{
	if (++s->out->tries >= MAX_REINVITE_TRIES) {
		reinvite_done(s, info);
		return;
	}
	s->out->req = NULL; /* its last word */
	osmo_timer_setup(&s->out->timer, reinvite_retry, s->out);
	timer_start_ms(&s->out->timer, sip_session_glare_ms(s));
}

static void rx_reinvite_response(struct sip_request *req, const struct sip_msg *resp, const struct sip_flow *from,
				 void *data)
{
	struct sip_uac_invite *out = data;
	struct sip_session *s = out->s;
	struct sip_session_info info;

	if (resp->status < 200)
		return;
	sip_session_info_from(&info, resp);
	if (resp->status == 491) {
		reinvite_glare(s, &info);
	} else if (resp->status == 408 || resp->status == 481) { /* 12.2.1.2: the dialog is dead */
		sip_uac_free(s);
		osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_LOST, &info);
	} else {
		if (resp->status < 300) {
			sip_dialog_refresh(&s->dlg, resp);
			TALLOC_FREE(s->late_answer);
			sip_ack_keep(s, req);
			sip_session_tx_ack(s, resp->cseq);
			sip_timer_rx_2xx(s, resp, out->sdp);
		} else if (resp->status == 422) {
			sip_timer_rx_422(s, resp);
		}
		reinvite_done(s, &info);
	}
}

static void reinvite_failed(struct sip_request *req, enum sip_trx_end why, void *data)
{
	struct sip_uac_invite *out = data;
	struct sip_session *s = out->s;
	struct sip_session_info info = { .status = why == SIP_TRX_TIMEOUT ? 408 : 503,
					 .text = "re-INVITE not answered" };

	out->req = NULL;
	sip_uac_free(s);
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_LOST, &info);
}

static const struct sip_request_ops reinvite_ops = {
	.response = rx_reinvite_response,
	.failed = reinvite_failed,
};

static int send_reinvite(struct sip_session *s)
{
	struct sip_tx tx;

	sip_dialog_tx_begin(&tx, &s->dlg, SIP_INVITE, ++s->dlg.local_cseq);
	return send_invite(s, &tx, s->out->sdp, &reinvite_ops);
}

/* The glare is over, unless a re-INVITE of theirs is being answered now: then a little later. */
static void reinvite_retry(void *data)
{
	struct sip_uac_invite *out = data;
	struct sip_session *s = out->s;
	static const struct sip_session_info pending = { .status = 491 };

	if (s->in || s->update_in)
		timer_start_ms(&out->timer, 500);
	else if (send_reinvite(s) < 0)
		reinvite_done(s, &pending);
}

bool sip_session_withdraw(struct sip_session *s)
{
	if (s->fi->state != SIP_SESSION_CONFIRMED || !s->out || s->out->req || s->out->refresh)
		return false;
	sip_uac_free(s);
	return true;
}

int sip_session_reinvite(struct sip_session *s, const char *sdp)
{
	int rc;

	if (!sdp)
		return -EINVAL;
	if (s->fi->state != SIP_SESSION_CONFIRMED)
		return sip_update_early_offer(s, sdp);
	if (s->out || s->in || s->update || s->update_in || s->late_cseq)
		return -EAGAIN;
	if (!uac_alloc(s, sdp))
		return -ENOMEM;
	rc = send_reinvite(s);
	if (rc < 0)
		sip_uac_free(s);
	return rc;
}

/*! The session timer's re-INVITE with what we \a said last. 0 or negative errno. */
int sip_session_refresh_by_invite(struct sip_session *s, const char *said)
{
	int rc = sip_session_reinvite(s, said);

	if (rc == 0)
		s->out->refresh = true;
	return rc;
}
