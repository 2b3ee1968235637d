/* Requests inside a session other than what its FSM decides about: INFO both ways, OPTIONS, what we do not know; and
 * the order in which a request is looked at (RFC 3261 12.2.2). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>

#include "ua_internal.h"
#include "sip_request.h"

/* ---- INFO of ours ---- */

static void info_free(struct sip_info_req *req)
{
	llist_del(&req->entry);
	if (req->req)
		sip_request_detach(req->req);
	talloc_free(req);
}

static void rx_info_response(struct sip_request *r, const struct sip_msg *resp, const struct sip_flow *from, void *data)
{
	struct sip_info_req *req = data;
	struct sip_session *s = req->s;
	struct sip_session_info info;

	if (resp->status < 200)
		return;
	info_free(req);
	sip_session_info_from(&info, resp);
	sip_session_tell(s, info_done, &info);
}

static void info_failed(struct sip_request *r, enum sip_trx_end why, void *data)
{
	struct sip_info_req *req = data;
	struct sip_session *s = req->s;
	struct sip_session_info info = { .status = why == SIP_TRX_TIMEOUT ? 408 : 503, .text = "INFO not answered" };

	req->req = NULL;
	info_free(req);
	sip_session_tell(s, info_done, &info);
}

static const struct sip_request_ops info_ops = {
	.response = rx_info_response,
	.failed = info_failed,
};

/*! 0; -EINVAL: not confirmed; -EBUSY: too many wait for a response. */
int sip_session_info_send(struct sip_session *s, const char *content_type, const char *body)
{
	struct sip_request_user user = { .peer = s->peer, .cseq = &s->dlg.local_cseq, .ops = &info_ops };
	struct sip_info_req *req;
	struct sip_tx tx;
	int len;

	if (s->fi->state != SIP_SESSION_CONFIRMED)
		return -EINVAL;
	if (llist_count(&s->infos) >= SIP_MAX_INFOS)
		return -EBUSY;
	sip_dialog_tx_begin(&tx, &s->dlg, SIP_INFO, ++s->dlg.local_cseq);
	len = sip_tx_end(&tx, content_type, body);
	if (len < 0)
		return len;
	req = talloc_zero(s, struct sip_info_req);
	if (!req)
		return -ENOMEM;
	req->s = s;
	llist_add_tail(&req->entry, &s->infos);
	user.data = req;
	req->req = sip_request_send(s->ua, &tx, len, &user);
	if (!req->req) {
		info_free(req);
		return -ENOMEM;
	}
	return 0;
}

/*! Nobody waits for the responses any more. */
void sip_session_drop_infos(struct sip_session *s)
{
	struct sip_info_req *req, *next;

	llist_for_each_entry_safe (req, next, &s->infos, entry)
		info_free(req);
}

/* ---- requests of theirs ---- */

static bool known_info_type(const char *type)
{
	return strcmp(type, "application/dtmf-relay") == 0 || strcmp(type, "application/dtmf") == 0;
}

static void rx_info(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req)
{
	struct sip_session_info info;

	if (s->released) {
		sip_tx_respond(trx, req, 481, NULL, NULL);
		return;
	}
	if (!req->body || !req->body_len) {
		sip_tx_respond(trx, req, 200, NULL, NULL); /* a keep-alive of old gateways */
		return;
	}
	if (!known_info_type(req->content_type)) {
		sip_tx_respond(trx, req, 415, NULL, "Accept: " SIP_ACCEPT_INFO "\r\n");
		return;
	}
	sip_tx_respond(trx, req, 200, NULL, NULL);
	sip_session_info_from(&info, req);
	info.content_type = req->content_type;
	info.body = req->body;
	sip_session_tell(s, info, &info);
}

static void rx_options(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req)
{
	sip_tx_respond(trx, req, 200, NULL,
		       "Allow: " SIP_ALLOW "\r\nAccept: " SIP_TYPE_SDP "\r\nSupported: 100rel, timer\r\n");
}

/* Requests that wait for an answer of ours get 487 (15.1.2); then the session ends. */
static void rx_bye(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req)
{
	struct sip_session_info info = { .q850 = sip_msg_reason_q850(req), .text = "BYE" };

	sip_tx_respond(trx, req, 200, NULL, NULL);
	if (s->in && !s->in->answered)
		sip_uas_respond(s, 487, NULL, NULL);
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_BYE, &info);
}

static const struct {
	enum sip_method method;
	void (*rx)(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req);
} methods[] = {
	{ SIP_INVITE, sip_uas_rx_reinvite },
	{ SIP_BYE, rx_bye },
	{ SIP_INFO, rx_info },
	{ SIP_OPTIONS, rx_options },
	{ SIP_PRACK, sip_rel100_rx_prack },
	{ SIP_UPDATE, sip_update_rx },
	{ SIP_REFER, sip_refer_rx },
};

/* The dialog of the session that the request belongs to: one of the early ones as long as nobody answered. */
static struct sip_dialog *dialog_of(struct sip_session *s, const struct sip_msg *req, bool *dismissed)
{
	struct sip_fork *fork;

	llist_for_each_entry (fork, &s->forks, entry) {
		if (strcmp(sip_dialog_str(&fork->dlg, DLG_REMOTE_TAG), req->from.tag) != 0)
			continue;
		*dismissed = fork->dismissed;
		return &fork->dlg;
	}
	*dismissed = false;
	return &s->dlg;
}

/*! A request that matches one of the session's dialogs; \a trx is NULL for an ACK. */
void sip_session_rx_request(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req,
			    const struct sip_flow *from)
{
	bool dismissed;
	struct sip_dialog *dlg = dialog_of(s, req, &dismissed);
	const char *more;
	unsigned int i;

	if (!dismissed)
		sip_door_follow(s, dlg, from);
	if (!trx) {
		sip_uas_rx_ack(s, req);
	} else if (dismissed) {
		sip_tx_respond(trx, req, req->method == SIP_BYE ? 200 : 481, NULL, NULL);
	} else if (!sip_dialog_cseq_ok(dlg, req)) {
		more = log_limit_pass(&s->ua->cseq_limit);
		if (more)
			LOG_SESSION(s, LOGL_NOTICE, "%s with CSeq %u out of order: 500%s\n", req->method_name,
				    req->cseq, more);
		sip_tx_respond(trx, req, 500, NULL, NULL);
	} else if (!sip_ua_refuse_extension(trx, req, NULL, s->peer)) {
		sip_session_note_allow(s, req);
		for (i = 0; i < ARRAY_SIZE(methods); i++) {
			if (methods[i].method == req->method) {
				methods[i].rx(s, dlg, trx, req);
				return;
			}
		}
		sip_tx_respond(trx, req, 405, NULL, "Allow: " SIP_ALLOW "\r\n");
	}
}
