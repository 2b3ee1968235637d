/* REFER (RFC 3515): the peer wants the other party of its call to talk to somebody else.
 *
 * Only in a call, which is what is transferred; out of one it would ask for a call that nobody has. A peer that has not
 * "refer" is declined with 603: the request is understood, there is just nobody who would do it (2.4.2). The same is
 * said of a place that is at no peer of ours, so that nobody can make us call wherever he likes. Replaces (RFC 3891)
 * and other methods than INVITE: 501. What is accepted gets 202, and NOTIFYs say how it goes on: the subscription is
 * there from the 202 to the final NOTIFY, or to a NOTIFY that is not taken; none if the peer does not want one (RFC
 * 4488). A peer that hangs up meanwhile ends the call, not the subscription (RFC 5057 4.2): we do, with what is known
 * so far, since nobody is left to whom the result would matter. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#define _GNU_SOURCE /* strcasestr */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>

#include "ua_internal.h"
#include "sip_redirect.h"
#include "sip_request.h"

#define TYPE_SIPFRAG "message/sipfrag;version=2.0"

/* From the 202 to the result. */
struct sip_refer {
	struct sip_session *s;
	struct sip_request *notify; /* under way, NULL: none */
	uint32_t cseq;		    /* of the REFER */
	uint16_t status;	    /* what was told last */
	bool subscribed, with_id;
};

static void notify_response(struct sip_request *req, const struct sip_msg *resp, const struct sip_flow *from,
			    void *data)
{
	struct sip_refer *refer = data;

	if (resp->status < 200)
		return;
	refer->notify = NULL;
	refer->subscribed &= resp->status < 300;
}

static void notify_failed(struct sip_request *req, enum sip_trx_end why, void *data)
{
	struct sip_refer *refer = data;

	refer->notify = NULL;
	refer->subscribed = false;
}

static const struct sip_request_ops notify_ops = {
	.response = notify_response,
	.failed = notify_failed,
};

static void forget_notify(struct sip_refer *refer)
{
	if (refer->notify)
		sip_request_detach(refer->notify);
	refer->notify = NULL;
}

/* One at a time, but for the \a last one, which says it all, and which nobody waits for: should it have to wait for a
 * look-up of its next hop, it does so without us. */
static void notify(struct sip_refer *refer, uint16_t status, bool last)
{
	struct sip_session *s = refer->s;
	const struct sip_request_user user = {
		.peer = s->peer, .cseq = &s->dlg.local_cseq, .ops = &notify_ops, .data = refer
	};
	const struct sip_request_user nobody = { .peer = s->peer };
	struct sip_request *req;
	char frag[80], id[20] = "";
	struct sip_tx tx;

	if (!refer->subscribed || (!last && refer->notify) || s->fi->state != SIP_SESSION_CONFIRMED)
		return;
	refer->status = status;
	forget_notify(refer);
	if (refer->with_id)
		snprintf(id, sizeof(id), ";id=%u", refer->cseq);
	snprintf(frag, sizeof(frag), "SIP/2.0 %u %s\r\n", status, sip_status_phrase(status));
	sip_dialog_tx_begin(&tx, &s->dlg, SIP_NOTIFY, ++s->dlg.local_cseq);
	sip_tx_contact(&tx);
	sip_write_header(&tx.w, "Event", "refer%s", id);
	sip_write_header_str(&tx.w, "Subscription-State", last ? "terminated;reason=noresource" : "active;expires=60");
	req = sip_request_send(s->ua, &tx, sip_tx_end(&tx, TYPE_SIPFRAG, frag), last ? &nobody : &user);
	refer->notify = last ? NULL : req;
	refer->subscribed = !last;
}

/*! The peer has hung up. */
void sip_refer_bye(struct sip_session *s)
{
	if (s->refer)
		notify(s->refer, s->refer->status, true);
}

/*! The session ends, or the transfer has. */
void sip_refer_drop(struct sip_session *s)
{
	if (!s->refer)
		return;
	forget_notify(s->refer);
	TALLOC_FREE(s->refer);
}

void sip_session_refer_result(struct sip_session *s, uint16_t status)
{
	if (!s->refer)
		return;
	LOG_SESSION(s, LOGL_INFO, "transfer: %u %s\n", status, sip_status_phrase(status));
	notify(s->refer, status, status >= 200);
	if (status >= 200)
		sip_refer_drop(s);
}

static void take_on(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req)
{
	const char *sub = sip_msg_header(req, "Refer-Sub", 0);
	bool none = sub && strncasecmp(sub, "false", 5) == 0;

	s->refer = talloc_zero(s, struct sip_refer);
	*s->refer = (struct sip_refer){ .s = s, .cseq = req->cseq, .subscribed = !none, .with_id = s->referred };
	s->referred = true;
	sip_tx_respond(trx, req, 202, NULL, none ? "Refer-Sub: false\r\n" : NULL);
	notify(s->refer, 100, false);
}

/* 0, or the status that it is refused with. */
static uint16_t look_at(struct sip_session *s, const struct sip_dialog *dlg, const char *target,
			struct sip_session_info *info)
{
	const char *method = strcasestr(target, ";method=");
	struct sip_flow from;
	int rc;

	if (!s->peer || !s->peer->cfg.refer || !s->ops->refer)
		return 603;
	if (s->refer)
		return 491;
	if (strcasestr(target, "Replaces=") || (method && strncasecmp(method + 8, "INVITE", 6) != 0))
		return 501;
	sip_hop_flow(&dlg->next, &from);
	rc = sip_redirect_to(info, s, target, &from);
	return rc == 0 ? 0 : rc == -EINVAL ? 400 : 603;
}

/*! Their REFER; its CSeq and extensions are fine. */
void sip_refer_rx(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req)
{
	const char *target = sip_msg_header(req, "Refer-To", 0) ?: sip_msg_header(req, "r", 0);
	struct sip_session_info info = {};
	const char *warning = NULL;
	uint16_t status;

	if (s->released || s->fi->state != SIP_SESSION_CONFIRMED) {
		sip_tx_respond(trx, req, 481, NULL, NULL);
		return;
	}
	if (!target || sip_msg_header(req, "Refer-To", 1)) { /* exactly one (2.4.1) */
		sip_tx_respond(trx, req, 400, NULL, NULL);
		return;
	}
	status = look_at(s, dlg, target, &info);
	if (!status) {
		LOG_SESSION(s, LOGL_INFO, "a transfer to %s\n", target);
		take_on(s, trx, req);
		sip_session_tell(s, refer, &info);
		return;
	}
	LOG_SESSION(s, LOGL_INFO, "a transfer to %s is refused: %u\n", target, status);
	if (status == 603 && s->peer && s->peer->cfg.refer)
		warning = "Warning: 399 osmo-sipgw \"transferred to a place that is at no peer of ours\"\r\n";
	sip_tx_respond(trx, req, status, NULL, warning);
}
