/* SIP transactions: the objects, and what their users call. How a message finds its own: sip_trx_rx.c.
 *
 * A transaction is found by a hash over what RFC 3261 17.1.3 and 17.2.3 say makes it, 128 bits of it from a seed that
 * nobody outside knows: equal bits are equal keys, and no string is kept for it. What was sent last is kept as bytes as
 * long as it may have to be sent again, and not longer. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_text.h"
#include "sip_trx_internal.h"

#define SIP_COOKIE "z9hG4bK" /* RFC 3261 8.1.1.7 */

#define MAX_TRXS_DEFAULT 200000

static bool key_equal(const struct trx_key *a, const struct trx_key *b)
{
	return a->h[0] == b->h[0] && a->h[1] == b->h[1];
}

struct sip_trx *trx_find(const struct sip_trxs *all, const struct trx_key *key)
{
	struct sip_trx *trx;

	hash_for_each_possible (all->by_key, trx, node, key->h[0]) {
		if (key_equal(&trx->key, key))
			return trx;
	}
	return NULL;
}

/* ---- the object ---- */

void trx_count(const struct sip_trx *trx, enum sip_ctr ctr)
{
	if (trx->all->ctrs)
		rate_ctr_inc2(trx->all->ctrs, ctr);
}

static bool is_client(const struct sip_trx *trx)
{
	return trx->kind == TRX_ICT || trx->kind == TRX_NICT;
}

static bool is_pending(const struct sip_trx *trx)
{
	return is_client(trx) && (trx->state == TRX_ST_TRYING || trx->state == TRX_ST_PROCEEDING);
}

/* ... and does somebody care? */
static bool is_awaited(const struct sip_trx *trx)
{
	return is_pending(trx) && !trx->background;
}

void trx_set_state(struct sip_trx *trx, enum trx_state state)
{
	trx->all->pending -= is_awaited(trx);
	trx->state = state;
	trx->all->pending += is_awaited(trx);
}

void trx_set_background(struct sip_trx *trx)
{
	trx->all->pending -= is_awaited(trx);
	trx->background = true;
}

struct sip_trx *trx_alloc(struct sip_trxs *all, enum trx_kind kind, enum sip_method method, const struct trx_key *key,
			  const struct sip_flow *flow)
{
	struct sip_trx *trx = talloc_zero(all, struct sip_trx);

	if (!trx)
		return NULL;
	trx->all = all;
	trx->kind = kind;
	trx->method = method;
	trx->key = *key;
	trx->tp = flow->tp;
	trx->alias = flow->alias;
	trx->home = flow->home;
	trx->symmetric = flow->symmetric;
	memcpy(&trx->remote, &flow->remote.u, sizeof(trx->remote));
	trx->reliable = flow->tp->ops->reliable;
	osmo_timer_setup(&trx->timeout, trx_timer_cb_timeout, trx);
	hash_add(all->by_key, &trx->node, trx->key.h[0]);
	all->count++;
	return trx;
}

void trx_free(struct sip_trx *trx)
{
	trx_retrans_stop(trx);
	osmo_timer_del(&trx->timeout);
	hash_del(&trx->node);
	if (trx->merge_key)
		hash_del(&trx->merge_node);
	trx_flow_end(trx);
	trx->all->pending -= is_awaited(trx);
	trx->all->count--;
	talloc_free(trx);
}

/*! Remember what was sent last instead of what was before; NULL: nothing. */
void trx_keep(struct sip_trx *trx, const void *data, size_t len)
{
	char *copy = data ? talloc_memdup(trx, data, len) : NULL;

	talloc_free(trx->data);
	trx->data = copy;
	trx->data_len = copy ? len : 0;
}

/*! Send what is kept. 0, or what the transport said. */
int trx_send(struct sip_trx *trx)
{
	return trx->data ? sip_transport_send(sip_trx_flow(trx), trx->data, trx->data_len) : 0;
}

struct sip_trxs *sip_trxs_alloc(void *ctx, const struct sip_trxs_ops *ops)
{
	struct sip_trxs *all = talloc_zero(ctx, struct sip_trxs);

	if (!all)
		return NULL;
	all->ops = *ops;
	all->max = MAX_TRXS_DEFAULT;
	hash_init(all->by_key);
	hash_init(all->by_merge_key);
	hash_init(all->by_flow);
	return all;
}

/*! End all transactions without a word to anybody, and free the layer. */
void sip_trxs_free_all(struct sip_trxs *all)
{
	struct hlist_node *next;
	struct sip_trx *trx;
	int i;

	if (!all)
		return;
	if (all->depth) {
		all->free_me = true;
		return;
	}
	hash_for_each_safe (all->by_key, i, next, trx, node)
		trx_free(trx);
	talloc_free(all);
}

unsigned int sip_trxs_count(const struct sip_trxs *all)
{
	return all->count;
}

unsigned int sip_trxs_n_pending(const struct sip_trxs *all)
{
	return all->pending;
}

void sip_trxs_set_max(struct sip_trxs *all, unsigned int max)
{
	all->max = max;
}

void sip_trxs_set_ctrs(struct sip_trxs *all, struct rate_ctr_group *ctrs)
{
	all->ctrs = ctrs;
}

bool sip_trxs_is_merged(const struct sip_trxs *all, const struct sip_trx *trx)
{
	struct sip_trx *other;

	if (!trx->merge_key)
		return false;
	hash_for_each_possible (all->by_merge_key, other, merge_node, trx->merge_key) {
		if (other != trx && other->merge_key == trx->merge_key)
			return true;
	}
	return false;
}

/* ---- users ---- */

#define BRANCH_RANDOM 16 /* hex digits */
#define BRANCH_MAC    8

/* Only we can make these digits of the others. */
static uint32_t branch_mac(const char *branch)
{
	return token_hash_add(token_hash_str("branch"), branch, strlen(SIP_COOKIE) + BRANCH_RANDOM);
}

/*! Magic cookie, 64 random bits and 32 that prove them ours. \a buf has SIP_BRANCH_LEN bytes. */
void sip_branch_make(char *buf)
{
	memcpy(buf, SIP_COOKIE, strlen(SIP_COOKIE));
	token_hex(buf + strlen(SIP_COOKIE), BRANCH_RANDOM);
	snprintf(buf + strlen(SIP_COOKIE) + BRANCH_RANDOM, BRANCH_MAC + 1, "%08x", branch_mac(buf));
}

bool sip_branch_is_ours(const char *branch, size_t len)
{
	char mac[BRANCH_MAC + 1];

	if (len != strlen(SIP_COOKIE) + BRANCH_RANDOM + BRANCH_MAC)
		return false;
	snprintf(mac, sizeof(mac), "%08x", branch_mac(branch));
	return memcmp(branch + len - BRANCH_MAC, mac, BRANCH_MAC) == 0;
}

struct sip_trx *sip_trx_request(struct sip_trxs *all, const struct sip_flow *to, enum sip_method method,
				const char *branch, const void *data, size_t len, const struct sip_trx_ops *ops,
				void *user)
{
	/* the method as written, so that one unknown to us works as well */
	const char *sp = memchr(data, ' ', len);
	char name[32] = "";
	struct trx_key key;
	struct sip_trx *trx;

	if (!sp || sp - (const char *)data >= (ptrdiff_t)sizeof(name) || all->count >= all->max + all->max / 4)
		return NULL;
	memcpy(name, data, sp - (const char *)data);
	key = trx_client_key(name, branch);
	trx = trx_alloc(all, method == SIP_INVITE ? TRX_ICT : TRX_NICT, method, &key, to);
	if (!trx)
		return NULL;
	trx_keep(trx, data, len);
	if (!trx->data) {
		trx_free(trx);
		return NULL;
	}
	trx->ops = ops;
	trx->user = user;
	trx_flow_begin(trx);
	trx_start(trx);
	return trx;
}

const char *sip_trx_request_bytes(const struct sip_trx *trx, size_t *len)
{
	if (trx->all->told_trx == trx) {
		*len = trx->all->told_len;
		return trx->all->told_request;
	}
	if (!is_pending(trx) && trx->state != TRX_ST_TERMINATED)
		return NULL;
	*len = trx->data_len;
	return trx->data;
}

void sip_trx_set_patience(struct sip_trx *trx, unsigned long ms)
{
	bool trying = trx->kind == TRX_ICT && trx->state == TRX_ST_PROCEEDING && trx->status == 100;

	if (!is_client(trx) || trx->send_failed || trx->cancel_sent || (trx->state != TRX_ST_TRYING && !trying))
		return;
	if (trx->kind != TRX_ICT)
		trx_set_background(trx);
	else
		trx->impatient = !trying;
	timer_start_ms(&trx->timeout, ms);
}

void sip_trx_cancel(struct sip_trx *invite, const char *reason)
{
	if (invite->kind != TRX_ICT || !is_pending(invite) || invite->cancel_wanted)
		return;
	invite->cancel_wanted = true;
	invite->cancel_reason = reason ? talloc_strdup(invite, reason) : NULL;
	if (invite->state == TRX_ST_PROCEEDING)
		trx_cancel(invite);
}

int sip_trx_respond(struct sip_trx *trx, uint16_t status, const void *data, size_t len)
{
	struct trx_input in = { .status = status, .data = data, .len = len };
	enum trx_event event = TRX_EV_FINAL;

	if (status < 300)
		event = status < 200 ? TRX_EV_1XX : TRX_EV_2XX;
	if (is_client(trx) || (trx->state != TRX_ST_TRYING && trx->state != TRX_ST_PROCEEDING))
		return -EALREADY;
	trx_event(trx, event, &in);
	return in.rc;
}

void sip_trx_repeat(struct sip_trx *trx)
{
	if (!trx->data || !trx->status)
		return;
	trx_count(trx, SIP_CTR_RETRANS_TX);
	trx_send(trx);
}

void sip_trx_acked(struct sip_trx *trx)
{
	if (trx->state == TRX_ST_ACCEPTED)
		trx_keep(trx, NULL, 0);
}

void sip_trx_detach(struct sip_trx *trx)
{
	const char *out;
	int len;

	trx->ops = NULL;
	trx->user = NULL;
	if (is_client(trx) || (trx->state != TRX_ST_TRYING && trx->state != TRX_ST_PROCEEDING))
		return;
	len = trx_msg_500(&out, trx);
	LOGP(DSIPTRX, LOGL_INFO, "%s is left without an answer, answering 500\n",
	     get_value_string(sip_method_names, trx->method));
	if (len > 0) {
		sip_trx_respond(trx, 500, out, len);
		return;
	}
	trx_set_state(trx, TRX_ST_TERMINATED);
	if (!trx->in_use)
		trx_free(trx);
}

void sip_trx_attach(struct sip_trx *trx, const struct sip_trx_ops *ops, void *user)
{
	trx->ops = ops;
	trx->user = user;
	/* from now on it is the user's business how long it takes to answer */
	if (!is_client(trx) && (trx->state == TRX_ST_TRYING || trx->state == TRX_ST_PROCEEDING))
		osmo_timer_del(&trx->timeout);
}

const struct sip_flow *sip_trx_flow(const struct sip_trx *trx)
{
	static struct sip_flow flow;

	flow.tp = trx->tp;
	flow.alias = trx->alias;
	flow.home = trx->home;
	flow.symmetric = trx->symmetric;
	memcpy(&flow.remote.u, &trx->remote, sizeof(trx->remote));
	return &flow;
}
