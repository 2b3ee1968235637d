/* The server's side of an INVITE: the one that makes a session and re-INVITEs of the peer (RFC 3261 13.3, 14.2).
 *
 * The headers that each response copies are kept as text until the INVITE is done. A 2xx is repeated, T1 doubling to
 * T2, until its ACK comes; that it never came is the session's business. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_identity.h"
#include "ua_internal.h"

#define PROVISIONAL_AGAIN_MS 60000 /* so that proxies do not lose patience (13.3.1.1) */

/* Half of it is random, since the same Call-ID may come to us in several calls; the other half proves to ourselves,
 * when the call is gone, that there was one (a late 2xx to a re-INVITE, see sip_uac_rx_late_2xx()). */
static const char *uas_tag(char *buf, uint32_t random, const char *call_id)
{
	uint64_t hash = token_hash_add(token_hash_str("tag of a UAS"), call_id, strlen(call_id));

	hash = token_hash_add(hash, &random, sizeof(random));
	snprintf(buf, SIP_TAG_LEN, "%08x%08x", random, (uint32_t)hash);
	return buf;
}

/*! A new tag of our side of a call that comes with this Call-ID, in \a buf of SIP_TAG_LEN. */
const char *sip_uas_tag(char *buf, const char *call_id)
{
	return uas_tag(buf, token_u32(), call_id);
}

/*! Did we make this tag in a call with this Call-ID? */
bool sip_uas_tag_is_ours(const char *tag, const char *call_id)
{
	char made[SIP_TAG_LEN];
	uint32_t random;

	return sscanf(tag, "%8" SCNx32, &random) == 1 && strcmp(uas_tag(made, random, call_id), tag) == 0;
}

static bool is_first(const struct sip_session *s)
{
	return s->fi->state != SIP_SESSION_CONFIRMED;
}

/*! Forget their INVITE. A transaction without final response answers 500. */
void sip_uas_free(struct sip_session *s)
{
	if (!s->in)
		return;
	osmo_timer_del(&s->in->timer);
	if (s->in->trx)
		sip_trx_detach(s->in->trx);
	TALLOC_FREE(s->in);
}

static void reoffer_gone(struct sip_session *s, uint16_t status, const char *text)
{
	struct sip_session_info info = { .status = status, .text = text };

	sip_session_tell(s, reoffer_gone, &info);
}

static void cancelled(struct sip_trx *trx, const struct sip_msg *cancel, void *data)
{
	struct sip_uas_invite *in = data;
	struct sip_session *s = in->s;
	struct sip_session_info info = { .q850 = sip_msg_reason_q850(cancel), .text = "CANCEL" };

	sip_uas_respond(s, 487, NULL, NULL);
	if (is_first(s))
		osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_CANCEL, &info);
	else
		reoffer_gone(s, 487, info.text);
}

static void failed(struct sip_trx *trx, enum sip_trx_end why, void *data)
{
	struct sip_uas_invite *in = data;
	struct sip_session *s = in->s;
	struct sip_session_info info = { .status = 503, .text = "response cannot be sent" };
	bool answered = in->answered;

	in->trx = NULL;
	if (answered)
		return; /* the missing ACK tells */
	sip_uas_free(s);
	if (is_first(s))
		osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_CANCEL, &info);
	else
		reoffer_gone(s, info.status, info.text);
}

static void gone(struct sip_trx *trx, void *data)
{
	struct sip_uas_invite *in = data;

	in->trx = NULL;
}

static const struct sip_trx_ops uas_ops = {
	.cancelled = cancelled,
	.failed = failed,
	.gone = gone,
};

/* The next repetition of the 2xx is due, or the end of it. */
static void repeat_2xx(struct sip_uas_invite *in)
{
	struct sip_session *s = in->s;

	in->left_ms -= in->interval_ms;
	if (!in->left_ms || !in->trx) {
		sip_uas_free(s);
		osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_NO_ACK, NULL);
		return;
	}
	sip_trx_repeat(in->trx);
	in->interval_ms = OSMO_MIN(2 * in->interval_ms, timer_ms(sip_tdefs, T_SIP_T2));
	in->interval_ms = OSMO_MIN(in->interval_ms, in->left_ms);
	timer_start_ms(&in->timer, in->interval_ms);
}

static void timer_cb(void *data)
{
	struct sip_uas_invite *in = data;
	struct sip_session *s = in->s;

	if (in->answered) {
		repeat_2xx(in);
	} else if (is_first(s)) {
		if (sip_rel100_timer(s))
			return;
		sip_trx_repeat(in->trx);
		timer_start_ms(&in->timer, PROVISIONAL_AGAIN_MS);
	} else {
		LOG_SESSION(s, LOGL_NOTICE, "nobody decided about a re-INVITE: 500\n");
		sip_uas_respond(s, 500, NULL, NULL);
		reoffer_gone(s, 500, "no decision");
	}
}

static void start_2xx_timer(struct sip_uas_invite *in)
{
	in->answered = true;
	in->left_ms = OSMO_MIN(timer_ms(sip_tdefs, T_SIP_H), timer_ms(sip_tdefs, T_SIP_L));
	in->interval_ms = OSMO_MIN(timer_ms(sip_tdefs, T_SIP_T1), in->left_ms);
	timer_start_ms(&in->timer, in->interval_ms);
}

/*! Keep what the responses to a request need. Freed by talloc_free(). NULL when out of memory. */
struct sip_uas_invite *sip_uas_alloc(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req)
{
	struct sip_uas_invite *in;
	struct sip_tx tx;
	const char *head;
	size_t len;

	sip_tx_begin(&tx, sip_trx_flow(trx));
	sip_write_response_head(&tx.w, req, 100, NULL, sip_dialog_str(&s->dlg, DLG_LOCAL_TAG), true);
	head = memchr(tx.w.buf, '\n', tx.w.len);
	if (!head || tx.w.overflow)
		return NULL;
	head++;
	len = tx.w.buf + tx.w.len - head;
	in = talloc_size(s, sizeof(*in) + len + 1);
	if (!in)
		return NULL;
	talloc_set_name_const(in, "sip_uas_invite");
	*in = (struct sip_uas_invite){ .s = s,
				       .trx = trx,
				       .cseq = req->cseq,
				       .wants_offer = !req->body,
				       .is_dialog_refresh = req->method != SIP_PRACK };
	memcpy(in->head, head, len);
	in->head[len] = '\0';
	return in;
}

/*! A server INVITE transaction begins: keep what its responses need, and say 100. The dialog exists. 0 or -ENOMEM. */
int sip_uas_start(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req)
{
	struct sip_uas_invite *in = sip_uas_alloc(s, trx, req);

	if (!in)
		return -ENOMEM;
	in->rel_when = sip_rel100_wanted(req, s->peer ? s->peer->cfg.rel100 : SIP_USE_OFF);
	sip_timer_rx_request(s, in, req);
	osmo_timer_setup(&in->timer, timer_cb, in);
	s->in = in;
	sip_trx_attach(trx, &uas_ops, in);
	sip_tx_respond(trx, req, 100, NULL, NULL);
	return 0;
}

/* The copied headers; Record-Route belongs into responses that make a dialog (12.1.1). */
static void write_head(struct sip_writer *w, const char *head, bool with_rr)
{
	static const char rr[] = "Record-Route:";

	while (*head) {
		const char *next = strchr(head, '\n');
		size_t len = next ? next + 1 - head : strlen(head);
		if (with_rr || strncasecmp(head, rr, strlen(rr)) != 0)
			sip_write_bytes(w, head, len);
		head += len;
	}
}

static void write_warning(struct sip_tx *tx, uint16_t code, const char *text)
{
	char clean[128], *c;

	snprintf(clean, sizeof(clean), "%s", text);
	for (c = clean; *c; c++) {
		if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
			*c = '\'';
	}
	sip_write_header(&tx->w, "Warning", "%u %s \"%s\"", code ?: 399, tx->local, clean);
}

/*! Why it is refused; NULL: nothing to say. */
void sip_uas_write_end(struct sip_tx *tx, const struct sip_end *end)
{
	if (end)
		sip_tx_reason(tx, end->q850);
	if (end && end->text)
		write_warning(tx, end->warning, end->text);
}

/*! Begin a response to a request of theirs that makes or changes the session. */
void sip_uas_tx_begin(const struct sip_session *s, const struct sip_uas_invite *in, struct sip_tx *tx, uint16_t status)
{
	bool forms_dialog = status > 100 && status < 300;

	sip_tx_begin(tx, sip_trx_flow(in->trx));
	tx->agent = "Server";
	sip_write_status_line(&tx->w, status, NULL);
	write_head(&tx->w, in->head, forms_dialog);
	if (!forms_dialog)
		return;
	sip_tx_contact(tx);
	sip_identity_write_connected(tx, s);
	sip_session_write_extensions(s, tx);
	sip_rel100_write(tx, in, status);
	if (status >= 200)
		sip_timer_write_2xx(in, tx);
}

/*! Say the provisional response again in a while. */
void sip_uas_provisional_again(struct sip_session *s)
{
	timer_start_ms(&s->in->timer, PROVISIONAL_AGAIN_MS);
}

/*! Respond to their INVITE. After a final response other than 2xx s->in is gone. \a end: what more to say, may be NULL.
 * 0 or negative errno. */
int sip_uas_respond(struct sip_session *s, uint16_t status, const char *sdp, const struct sip_end *end)
{
	struct sip_uas_invite *in = s->in;
	struct sip_tx tx;
	int len, rc;

	sip_uas_tx_begin(s, in, &tx, status);
	sip_uas_write_end(&tx, end);
	len = sip_tx_end(&tx, SIP_TYPE_SDP, sip_rel100_agreed(in) ? NULL : sdp);
	if (len < 0)
		return len;

	if (status < 200)
		sip_uas_provisional_again(s);
	else if (status < 300) {
		start_2xx_timer(in);
		sip_timer_accepted(s, in, sdp);
	}
	rc = sip_trx_respond(in->trx, status, tx.w.buf, len);
	if (status >= 300)
		sip_uas_free(s);
	return rc;
}

/*! An ACK to a 2xx. */
void sip_uas_rx_ack(struct sip_session *s, const struct sip_msg *ack)
{
	bool wants_offer;
	struct sip_session_info info;

	if (!s->in || !s->in->answered || ack->cseq != s->in->cseq)
		return;
	wants_offer = s->in->wants_offer;
	if (s->in->trx)
		sip_trx_acked(s->in->trx);
	sip_uas_free(s);
	sip_session_info_from(&info, ack);
	if (info.sdp)
		sip_timer_heard(s, info.sdp);
	if (is_first(s))
		osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_ACK, &info);
	else if (wants_offer)
		sip_session_tell(s, acked, &info);
}

/* A re-INVITE tells that our 2xx arrived and only the ACK is late or lost (RFC 5407 3.1.4). */
static void acked_by_reinvite(struct sip_session *s)
{
	static const struct sip_session_info nothing;

	if (s->in->trx)
		sip_trx_acked(s->in->trx);
	sip_uas_free(s);
	if (is_first(s))
		osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_ACK, (void *)&nothing);
}

/*! Their re-INVITE; its CSeq and extensions are fine. */
void sip_uas_rx_reinvite(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req)
{
	struct sip_session_info info;
	const char *same;
	char retry[32];

	if (s->in && s->in->answered && !s->in->wants_offer)
		acked_by_reinvite(s);
	if (s->in && s->in->answered) { /* our offer waits for its answer in the ACK (RFC 5407 3.1.5) */
		sip_tx_respond(trx, req, 491, NULL, NULL);
	} else if ((s->out && s->out->req) || (s->update && s->update->req && s->update->sdp[0]) || s->late_cseq) {
		sip_tx_respond(trx, req, 491, NULL, NULL);
	} else if (s->in || s->update_in) {
		snprintf(retry, sizeof(retry), "Retry-After: %u\r\n", token_u32() % 11);
		sip_tx_respond(trx, req, 500, NULL, retry);
	} else if (s->fi->state != SIP_SESSION_CONFIRMED) {
		sip_tx_respond(trx, req, 481, NULL, NULL);
	} else if (!sip_ua_refuse_content(trx, req, NULL) && !sip_timer_refuse(s, trx, req)) {
		if (sip_dialog_refresh(&s->dlg, req) < 0 || sip_uas_start(s, trx, req) < 0) {
			sip_tx_respond(trx, req, 500, NULL, NULL);
			return;
		}
		same = sip_timer_refresh_answer(s, s->in);
		if (same) { /* only a sign of life: the user has nothing to decide */
			sip_uas_respond(s, 200, same, NULL);
			return;
		}
		timer_start(&s->in->timer, sip_tdefs, T_SIP_H);
		sip_session_info_from(&info, req);
		if (s->ops->reoffer)
			s->ops->reoffer(s, &info, s->data);
		else
			sip_uas_respond(s, 488, NULL, NULL);
	}
}
