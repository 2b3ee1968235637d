/* What connections, and datagrams that come back, mean for client transactions: the switch to TCP for what is too long
 * for UDP (RFC 3261 18.1.1), and what becomes of a request whose connection is gone.
 *
 * Transactions over streams are found by their flow. A request without a final response is sent once more when its
 * connection is closed, which a server takes for a repetition; an INVITE that has had a provisional response is not,
 * but somebody has to be there, since its response will come by a new connection. What cannot be connected to has
 * failed at once. All of that happens from the main loop: a connection may end while one of its transactions is
 * sending. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* memmem() is a GNU extension: first */

#include <string.h>
#include <strings.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_text.h"
#include "sip_trx_internal.h"

static uint64_t flow_key(const struct sip_transport *tp, const struct sockaddr *sa)
{
	uint64_t hash = token_hash(&tp, sizeof(tp));

	if (sa->sa_family == AF_INET6)
		return token_hash_add(hash, sa, offsetof(struct sockaddr_in6, sin6_scope_id));
	return token_hash_add(hash, sa, offsetof(struct sockaddr_in, sin_zero));
}

static void link_flow(struct sip_trx *trx)
{
	if (!trx->reliable)
		return;
	hash_add(trx->all->by_flow, &trx->flow_node, flow_key(trx->tp, &trx->remote.sa));
	trx->by_flow = true;
}

/*! The transaction goes, or leaves its connection. */
void trx_flow_end(struct sip_trx *trx)
{
	if (trx->by_flow)
		hash_del(&trx->flow_node);
	trx->by_flow = false;
}

/* The Via of the kept request says by which transport: all names have three letters. */
static bool rewrite_via(struct sip_trx *trx, const char *from, const char *to)
{
	const struct sip_line *via;
	struct sip_scan scan;

	sip_scan_head(&scan, trx->data, trx->data_len);
	via = sip_scan_find(&scan, SIP_HDR_VIA);
	if (!via || via->value_len < 12 || strncasecmp(via->value, "SIP/2.0/", 8) != 0 ||
	    strncasecmp(via->value + 8, from, 3) != 0)
		return false;
	memcpy(trx->data + (via->value + 8 - trx->data), to, 3);
	return true;
}

static bool move(struct sip_trx *trx, struct sip_transport *tp)
{
	if (!tp || !rewrite_via(trx, trx->tp->ops->name, tp->ops->name))
		return false;
	trx_flow_end(trx);
	trx->tp = tp;
	trx->reliable = tp->ops->reliable;
	link_flow(trx);
	return true;
}

/*! A client transaction has its request and is about to send it. */
void trx_flow_begin(struct sip_trx *trx)
{
	struct sip_flow flow = *sip_trx_flow(trx);
	unsigned int limit;

	if (flow.tp->ops->id != SIP_TP_UDP || !flow.tp->all) {
		link_flow(trx);
		return;
	}
	limit = sip_transport_udp_limit(flow.tp->all);
	if (limit && trx->data_len > limit)
		trx->was_udp = move(trx, sip_transport_sibling(flow.tp, SIP_TP_TCP, &flow.remote));
}

/*! TCP was our idea, and it does not work: back to UDP. */
bool trx_flow_fall_back(struct sip_trx *trx)
{
	struct sip_flow flow = *sip_trx_flow(trx);

	if (!trx->was_udp || trx->status)
		return false;
	trx->was_udp = false;
	return move(trx, sip_transport_sibling(flow.tp, SIP_TP_UDP, &flow.remote));
}

/*! Nothing is connected to \a flow any more. */
void sip_trxs_flow_lost(struct sip_trxs *all, const struct sip_flow *flow, enum sip_flow_loss why)
{
	struct sip_trx *trx;

	hash_for_each_possible (all->by_flow, trx, flow_node, flow_key(flow->tp, &flow->remote.u.sa)) {
		if (trx->tp != flow->tp || !sip_addr_equal(&sip_trx_flow(trx)->remote, &flow->remote, true))
			continue;
		if (trx->state != TRX_ST_TRYING && trx->state != TRX_ST_PROCEEDING)
			continue;
		trx->lost = why == SIP_FLOW_FAILED ? TRX_LOST_FAILED : TRX_LOST_CLOSED;
		trx_retrans_start(trx, 0);
	}
}

/* The branch of the top Via, that only we can have made: who forges an ICMP message has to have seen the request. */
static bool our_branch(char *buf, size_t buf_len, const char *msg, size_t len)
{
	static const char param[] = "branch=";
	const char *at = memmem(msg, len, param, strlen(param)), *end;

	if (!at)
		return false;
	at += strlen(param);
	for (end = at; end < msg + len && *end != '\r' && *end != ';'; end++)
		;
	if (!sip_branch_is_ours(at, end - at) || (size_t)(end - at) >= buf_len)
		return false;
	memcpy(buf, at, end - at);
	buf[end - at] = '\0';
	return true;
}

/* Others are patient, as somebody may be starting again there and soon hear a repetition. */
void sip_trxs_undelivered(struct sip_trxs *all, const char *msg, size_t len)
{
	const char *space = memchr(msg, ' ', OSMO_MIN(len, 16));
	char branch[SIP_BRANCH_LEN], method[16];
	struct sip_trx *trx;
	struct trx_key key;

	if (!space || !our_branch(branch, sizeof(branch), msg, len))
		return;
	memcpy(method, msg, space - msg);
	method[space - msg] = '\0';
	key = trx_client_key(method, branch);
	trx = trx_find(all, &key);
	if (!trx || trx->state != TRX_ST_TRYING || (!trx->impatient && !trx->background))
		return;
	trx->lost = TRX_LOST_FAILED;
	trx_retrans_start(trx, 0);
}

/*! Try once more by a new connection. False: there is none to be had. */
bool trx_flow_again(struct sip_trx *trx, enum trx_lost lost)
{
	if (lost == TRX_LOST_FAILED || trx->sent_again)
		return false;
	trx->sent_again = true;
	if (trx->kind == TRX_ICT && trx->state == TRX_ST_PROCEEDING)
		return sip_transport_open(sip_trx_flow(trx)) >= 0;
	trx_count(trx, SIP_CTR_RETRANS_TX);
	return trx_send(trx) >= 0;
}
