/* SIP messages that come, and the transactions that they belong to: found, or made (RFC 3261 17.1.3, 17.2.3, 9.2). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/socket.h>

#include <osmocom/sipgw/base/log.h>

#include "sip_trx_internal.h"

static void count(struct sip_trxs *all, enum sip_ctr ctr)
{
	if (all->ctrs)
		rate_ctr_inc2(all->ctrs, ctr);
}

static void rx_response(struct sip_trxs *all, const struct sip_msg *msg, const struct sip_flow *from)
{
	struct trx_key key = trx_client_key(msg->method_name, msg->via.branch);
	struct trx_input in = { .msg = msg, .from = from, .status = msg->status };
	struct sip_trx *trx = trx_find(all, &key);
	enum trx_event event = TRX_EV_FINAL;

	if (!trx) {
		count(all, SIP_CTR_RX_STRAY);
		LOGP(DSIPTRX, LOGL_INFO, "response %u to %s belongs to no transaction [%s]\n", msg->status,
		     msg->method_name, msg->call_id);
		if (all->ops.stray_response)
			all->ops.stray_response(all->ops.data, msg, from);
		return;
	}
	if (msg->status < 300)
		event = msg->status < 200 ? TRX_EV_1XX : TRX_EV_2XX;
	trx_event(trx, event, &in);
}

/*! Where the responses to a request go (RFC 3261 18.2.2, RFC 3581 4). maddr is not obeyed: it would make us shoot at
 * others. \a via is the top one, NULL if it cannot be read. */
void sip_response_flow(struct sip_flow *to, const struct sip_flow *from, const struct sip_via *via)
{
	*to = *from;
	if (from->tp->ops->reliable || !via || via->rport)
		return;
	osmo_sockaddr_set_port(&to->remote.u.sa, via->port ? via->port : from->tp->ops->default_port);
}

static void answer(struct sip_trx *trx, const struct sip_msg *req, uint16_t status, const char *to_tag)
{
	const char *out;
	int len = trx_msg_response(&out, req, status, to_tag, NULL);

	if (len > 0)
		sip_trx_respond(trx, status, out, len);
}

static void refuse_statelessly(struct sip_trxs *all, const struct sip_msg *req, const struct sip_flow *to)
{
	const char *out;
	int len;

	count(all, SIP_CTR_REFUSED_LIMIT);
	len = trx_msg_response(&out, req, 503, NULL, "Retry-After: 5\r\n");
	if (len > 0)
		sip_transport_send(to, out, len);
}

/* What belongs to a dialog, or ends a call that is being set up, may take a quarter more: no established call is lost
 * by a flood. */
static bool has_room(const struct sip_trxs *all, const struct sip_msg *req)
{
	bool privileged = req->to.tag[0] || req->method == SIP_CANCEL;

	return all->count < all->max + (privileged ? all->max / 4 : 0);
}

static struct sip_trx *new_server_trx(struct sip_trxs *all, const struct sip_msg *req, const struct sip_flow *from,
				      const struct trx_key *key)
{
	enum trx_kind kind = req->method == SIP_INVITE ? TRX_IST : TRX_NIST;
	struct sip_trx *trx = NULL;
	struct sip_flow to;

	sip_response_flow(&to, from, &req->via);
	if (has_room(all, req))
		trx = trx_alloc(all, kind, req->method, key, &to);
	if (!trx) {
		refuse_statelessly(all, req, &to);
		return NULL;
	}
	trx->merge_key = trx_merge_key(req);
	if (trx->merge_key)
		hash_add(all->by_merge_key, &trx->merge_node, trx->merge_key);
	trx_start(trx);
	return trx;
}

/* RFC 3261 9.2: a CANCEL is answered here, and the INVITE it is for hears of it. */
static void rx_cancel(struct sip_trxs *all, struct sip_trx *cancel, const struct sip_msg *msg,
		      const struct sip_flow *from)
{
	struct trx_key key = trx_server_key(msg, "INVITE");
	struct trx_input in = { .msg = msg, .from = from };
	struct sip_trx *invite = trx_find(all, &key);
	char tag[128];

	if (!invite) {
		answer(cancel, msg, 481, NULL);
		return;
	}
	trx_msg_to_tag(tag, sizeof(tag), invite);
	answer(cancel, msg, 200, tag[0] ? tag : NULL);
	trx_event(invite, TRX_EV_CANCEL, &in);
}

/* The owner has heard of the request and gave no answer yet: prepare the one for the case that it never does. */
static void prepare_500(struct sip_trx *trx, const struct sip_msg *req)
{
	const char *out;
	int len;

	if (trx->status || trx->data)
		return;
	len = trx_msg_response(&out, req, 500, NULL, NULL);
	if (len > 0)
		trx_keep(trx, out, len);
}

static void rx_new_request(struct sip_trxs *all, const struct sip_msg *req, const struct sip_flow *from,
			   const struct trx_key *key)
{
	struct sip_trx *trx = new_server_trx(all, req, from, key);

	if (!trx)
		return;
	trx->in_use++;
	if (req->method == SIP_CANCEL) {
		rx_cancel(all, trx, req, from);
	} else {
		all->rx_trx = trx;
		all->rx_msg = req;
		all->ops.request(all->ops.data, trx, req, from);
		all->rx_trx = NULL;
		all->rx_msg = NULL;
		if (trx->state == TRX_ST_TRYING || trx->state == TRX_ST_PROCEEDING)
			prepare_500(trx, req);
	}
	trx->in_use--;
	if (trx->state == TRX_ST_TERMINATED && !trx->in_use)
		trx_free(trx);
}

static void rx_request(struct sip_trxs *all, const struct sip_msg *req, const struct sip_flow *from)
{
	bool is_ack = req->method == SIP_ACK;
	struct trx_key key = trx_server_key(req, is_ack ? "INVITE" : req->method_name);
	struct trx_input in = { .msg = req, .from = from };
	struct sip_trx *trx = trx_find(all, &key);

	if (trx && !is_ack) {
		trx_count(trx, SIP_CTR_RETRANS_RX);
		trx_event(trx, TRX_EV_REPEAT, &in);
	} else if (trx) {
		trx_event(trx, TRX_EV_ACK, &in);
	} else if (is_ack) {
		all->ops.request(all->ops.data, NULL, req, from);
	} else {
		rx_new_request(all, req, from, &key);
	}
}

void sip_trxs_rx(struct sip_trxs *all, const struct sip_msg *msg, const struct sip_flow *from)
{
	all->depth++;
	if (msg->is_request) {
		sip_msg_set_source((struct sip_msg *)msg, &from->remote);
		rx_request(all, msg, from);
	} else {
		rx_response(all, msg, from);
	}
	all->depth--;
	if (all->free_me && !all->depth)
		sip_trxs_free_all(all);
}
