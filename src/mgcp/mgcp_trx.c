/* MGCP transactions with one gateway.
 *
 * Ours: sent, repeated with exponential back-off from a measured round trip (RFC 3435 4.3; the estimator is that of RFC
 * 6298, samples only from commands that were sent once), given up after T-MAX. A provisional response slows the
 * repetition down to LONGTRAN (3.5.6). The gateway's: carried out once, the answer is remembered for T-HIST and
 * repeated (3.5.1, 4.3). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "mgcp_internal.h"

/*! How many answers to the gateway's commands are remembered. */
#define N_ANSWERS 256

/*! A command that takes that many times T-MAX is given up, whatever the gateway says meanwhile. */
#define MAX_PATIENCE 10

/*! A command of ours under way. */
struct mgcp_trx {
	struct hlist_node node;
	struct mgcp_trxs *trxs;
	struct osmo_timer_list timer;
	mgcp_trx_cb cb;
	void *data;
	uint64_t call_id; /*!< of a wildcard CRCX, else 0 */
	uint64_t first_sent_us;
	uint64_t give_up_ms;
	uint32_t id;
	uint32_t rto_ms;  /*!< until the next repetition */
	bool is_repeated; /*!< or got a provisional response: the round trip cannot be measured */
	bool is_wildcard_crcx;
	uint8_t n_sent;
	uint16_t len;
	char bytes[];
};

/*! What we answered to a command of the gateway. */
struct answer {
	uint32_t trans_id; /*!< 0: free */
	uint16_t code;
	uint64_t until_ms;
};

struct mgcp_trxs {
	const struct mgcp_trx_ops *ops;
	void *priv;
	struct rate_ctr_group *ctrs;
	bool closed;
	uint32_t next_id;
	unsigned int n_open;
	uint32_t srtt_us, rttvar_us; /*!< srtt_us 0: nothing measured */
	DECLARE_HASHTABLE(open, 9);
	struct mgcp_zombies zombies;
	struct answer *answers; /*!< N_ANSWERS of them, made when the gateway first says something by itself */
};

static uint64_t now_us(void)
{
	struct timespec ts;

	osmo_clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

static void count(struct mgcp_trxs *trxs, enum mgw_ctr ctr)
{
	rate_ctr_inc2(trxs->ctrs, ctr);
}

/*! Make the transactions of one gateway. \a priv is handed to \a ops; counters are those of enum mgw_ctr. */
struct mgcp_trxs *mgcp_trxs_alloc(void *ctx, const struct mgcp_trx_ops *ops, void *priv, struct rate_ctr_group *ctrs)
{
	struct mgcp_trxs *trxs = talloc_zero(ctx, struct mgcp_trxs);

	trxs->ops = ops;
	trxs->priv = priv;
	trxs->ctrs = ctrs;
	trxs->next_id =
		token_u32() % MGCP_MAX_TRANS_ID + 1; /* RFC 3435 3.2.1.2; random, so that it differs after a restart */
	trxs->zombies.ctx = trxs;
	hash_init(trxs->open);
	return trxs;
}

static struct mgcp_trx *find_open(struct mgcp_trxs *trxs, uint32_t id)
{
	struct mgcp_trx *trx;

	hash_for_each_possible (trxs->open, trx, node, id)
		if (trx->id == id)
			return trx;
	return NULL;
}

static uint32_t new_id(struct mgcp_trxs *trxs)
{
	uint32_t id;

	do {
		id = trxs->next_id;
		trxs->next_id = id < MGCP_MAX_TRANS_ID ? id + 1 : 1;
	} while (find_open(trxs, id));
	return id;
}

/* First retransmission time-out: from measurements, but never below T_MGCP_RTO, since osmo-mgw takes each repeated
 * wildcard CRCX for a new one. */
static uint32_t first_rto_ms(const struct mgcp_trxs *trxs)
{
	uint32_t least = timer_ms(mgcp_tdefs, T_MGCP_RTO), most = timer_ms(mgcp_tdefs, T_MGCP_RTO_MAX);
	uint32_t measured = trxs->srtt_us ? (trxs->srtt_us + 4 * trxs->rttvar_us) / 1000 : 0;

	return OSMO_MAX(OSMO_MIN(OSMO_MAX(measured, least), most), 1);
}

/* RFC 6298 2.2, 2.3 */
static void measure(struct mgcp_trxs *trxs, uint64_t rtt)
{
	uint32_t r = OSMO_MAX(OSMO_MIN(rtt, 60000000), 1), diff;

	if (!trxs->srtt_us) {
		trxs->srtt_us = r;
		trxs->rttvar_us = r / 2;
		return;
	}
	diff = trxs->srtt_us > r ? trxs->srtt_us - r : r - trxs->srtt_us;
	trxs->rttvar_us = (3ULL * trxs->rttvar_us + diff) / 4;
	trxs->srtt_us = OSMO_MAX((7ULL * trxs->srtt_us + r) / 8, 1);
}

/* ---- our commands */

static void unlink_trx(struct mgcp_trx *trx)
{
	osmo_timer_del(&trx->timer);
	hash_del(&trx->node);
	trx->trxs->n_open--;
}

/* What else it may have created on the gateway shows in answers that come from now on. */
static void remember(const struct mgcp_trx *trx, const struct mgcp_msg *rsp)
{
	bool accepted = rsp && rsp->code / 100 == 2;

	if (!trx->is_wildcard_crcx)
		return;
	if (trx->n_sent > 1)
		trx->trxs->ops->unheard(trx->trxs->priv, trx->call_id, rsp);
	mgcp_zombie_add(&trx->trxs->zombies, &(struct mgcp_zombie){
						     .call_id = trx->call_id,
						     .until_ms = mgcp_now_ms() + timer_ms(mgcp_tdefs, T_MGCP_HIST),
						     .trans_id = trx->id,
						     .accepted = accepted ? mgcp_zombie_answer(rsp) : 0,
					     });
}

static void finish(struct mgcp_trx *trx, const struct mgcp_msg *rsp)
{
	mgcp_trx_cb cb = trx->cb;
	void *data = trx->data;

	unlink_trx(trx);
	remember(trx, rsp);
	talloc_free(trx);
	if (cb)
		cb(data, rsp);
}

static void give_up(struct mgcp_trx *trx)
{
	struct mgcp_trxs *trxs = trx->trxs;

	LOGP(DMGCP, LOGL_INFO, "MGCP transaction %u: no answer, given up\n", trx->id);
	count(trxs, MGW_CTR_TIMEOUT);
	trxs->ops->given_up(trxs->priv, trx->first_sent_us / 1000);
	finish(trx, NULL);
}

/* Wait for the next repetition, or for the end if that comes first. */
static void arm(struct mgcp_trx *trx, uint64_t now_ms)
{
	timer_start_ms(&trx->timer, OSMO_MIN(trx->rto_ms, trx->give_up_ms - OSMO_MIN(now_ms, trx->give_up_ms)));
}

static void timer_cb(void *data)
{
	struct mgcp_trx *trx = data;
	struct mgcp_trxs *trxs = trx->trxs;
	uint64_t now = mgcp_now_ms();

	if (now >= trx->give_up_ms) {
		give_up(trx);
		return;
	}
	count(trxs, MGW_CTR_RETRANS);
	trx->is_repeated = true;
	trx->n_sent = OSMO_MIN(trx->n_sent + 1, UINT8_MAX);
	trx->rto_ms = OSMO_MAX(OSMO_MIN(trx->rto_ms * 2, timer_ms(mgcp_tdefs, T_MGCP_RTO_MAX)), 1);
	arm(trx, now);
	trxs->ops->tx(trxs->priv, trx->bytes, trx->len);
}

/* For the zombies: what a wildcard CRCX creates is named only in its answer. */
static void note_crcx(struct mgcp_trx *trx, const struct mgcp_msg *cmd)
{
	const struct mgcp_text *name = &cmd->endpoint;
	char call_id[17];

	trx->is_wildcard_crcx =
		cmd->verb == MGCP_VERB_CRCX && (memchr(name->s, '*', name->len) || memchr(name->s, '$', name->len));
	if (trx->is_wildcard_crcx && mgcp_text_copy(call_id, sizeof(call_id), cmd->params[MGCP_PARAM_C]))
		trx->call_id = strtoull(call_id, NULL, 16);
}

static struct mgcp_trx *trx_alloc(struct mgcp_trxs *trxs, const struct mgcp_msg *cmd, const char *bytes, int len)
{
	struct mgcp_trx *trx = talloc_size(trxs, sizeof(*trx) + len);

	talloc_set_name_const(trx, "struct mgcp_trx");
	*trx = (struct mgcp_trx){
		.trxs = trxs, .id = cmd->trans_id, .first_sent_us = now_us(), .n_sent = 1, .len = len
	};
	memcpy(trx->bytes, bytes, len);
	trx->give_up_ms = trx->first_sent_us / 1000 + timer_ms(mgcp_tdefs, T_MGCP_MAX);
	trx->rto_ms = first_rto_ms(trxs);
	note_crcx(trx, cmd);
	osmo_timer_setup(&trx->timer, timer_cb, trx);
	return trx;
}

static int encode(struct mgcp_trxs *trxs, char *buf, size_t size, struct mgcp_msg *cmd)
{
	int len;

	cmd->is_command = true;
	cmd->trans_id = new_id(trxs);
	len = mgcp_msg_encode(buf, size, cmd);
	if (len < 0)
		LOGP(DMGCP, LOGL_ERROR, "cannot write %s: %s\n", get_value_string(mgcp_verb_names, cmd->verb),
		     strerror(-len));
	return len;
}

/*! Send a command and see to it that it arrives.
 * \param[in,out] cmd  verb, endpoint, parameters, body; the transaction id is set here.
 * \param[in] cb  called once with the final response, or NULL when it is given up; may be NULL.
 * \returns a handle for mgcp_trx_cancel() until \a cb is called; NULL if the command cannot be written. */
struct mgcp_trx *mgcp_trx_send(struct mgcp_trxs *trxs, struct mgcp_msg *cmd, mgcp_trx_cb cb, void *data)
{
	char buf[MGCP_MAX_DATAGRAM];
	struct mgcp_trx *trx;
	int len;

	if (trxs->closed || (len = encode(trxs, buf, sizeof(buf), cmd)) < 0)
		return NULL;
	trx = trx_alloc(trxs, cmd, buf, len);
	trx->cb = cb;
	trx->data = data;
	hash_add(trxs->open, &trx->node, trx->id);
	trxs->n_open++;
	timer_start_ms(&trx->timer, trx->rto_ms);
	trxs->ops->tx(trxs->priv, trx->bytes, trx->len);
	return trx;
}

/*! Send a command and forget it: for good-byes when there is no time to wait. */
void mgcp_trx_send_once(struct mgcp_trxs *trxs, struct mgcp_msg *cmd)
{
	char buf[MGCP_MAX_DATAGRAM];
	int len;

	if (!trxs->closed && (len = encode(trxs, buf, sizeof(buf), cmd)) >= 0)
		trxs->ops->tx(trxs->priv, buf, len);
}

/*! Do not repeat a command any more and do not call back. What a cancelled CRCX creates is an orphan. NULL is allowed.
 */
void mgcp_trx_cancel(struct mgcp_trx *trx)
{
	if (!trx)
		return;
	trx->cb = NULL;
	finish(trx, NULL);
}

/*! Cancel everything; nothing is sent or called from now on. The memory belongs to the caller of mgcp_trxs_alloc(), who
 * must not free it from inside a callback. */
void mgcp_trxs_close(struct mgcp_trxs *trxs)
{
	struct hlist_node *tmp;
	struct mgcp_trx *trx;
	unsigned int i;

	trxs->closed = true;
	hash_for_each_safe (trxs->open, i, tmp, trx, node) {
		unlink_trx(trx);
		talloc_free(trx);
	}
}

/* ---- responses */

static void tx_response(struct mgcp_trxs *trxs, uint16_t code, uint32_t trans_id)
{
	struct mgcp_msg rsp = { .code = code, .trans_id = trans_id };
	char buf[128];
	int len;

	if (code)
		rsp.comment = mgcp_text(mgcp_code_get(code)->text);
	len = mgcp_msg_encode(buf, sizeof(buf), &rsp);
	if (len > 0)
		trxs->ops->tx(trxs->priv, buf, len);
}

/* RFC 3435 3.5.6: from now on the final response is what we wait for, and the command is repeated now and then only. */
static void rx_provisional(struct mgcp_trx *trx)
{
	uint64_t now = mgcp_now_ms(), t_max = timer_ms(mgcp_tdefs, T_MGCP_MAX);

	trx->is_repeated = true;
	trx->rto_ms = OSMO_MAX(timer_ms(mgcp_tdefs, T_MGCP_LONGTRAN), 1);
	trx->give_up_ms = OSMO_MIN(now + t_max, trx->first_sent_us / 1000 + MAX_PATIENCE * t_max);
	arm(trx, now);
}

/* An answer to nothing under way: an echo of one that we know, or a sign that something exists that nobody owns. */
static void rx_late(struct mgcp_trxs *trxs, const struct mgcp_msg *rsp)
{
	const struct mgcp_zombie *zombie = mgcp_zombie_find(&trxs->zombies, rsp->trans_id);
	char call_id[17];

	if (!zombie || rsp->code / 100 != 2 || mgcp_zombie_answer(rsp) == zombie->accepted) {
		count(trxs, MGW_CTR_RX_STRAY);
		LOGP(DMGCP, LOGL_INFO, "late or repeated answer %u %u\n", rsp->code, rsp->trans_id);
		return;
	}
	count(trxs, MGW_CTR_ZOMBIE_DLCX);
	snprintf(call_id, sizeof(call_id), "%016" PRIX64, zombie->call_id);
	trxs->ops->orphan(trxs->priv, call_id, rsp);
}

static void rx_response(struct mgcp_trxs *trxs, const struct mgcp_msg *rsp)
{
	struct mgcp_trx *trx = find_open(trxs, rsp->trans_id);
	bool wants_ack = rsp->params[MGCP_PARAM_K].s && !rsp->params[MGCP_PARAM_K].len;

	if (rsp->code < 100) /* 000: the gateway got our answer; we do not need to know */
		return;
	if (rsp->code < 200) {
		if (trx)
			rx_provisional(trx);
		return;
	}
	if (wants_ack) /* also when it is repeated, else it would be for ever */
		tx_response(trxs, 0, rsp->trans_id);
	if (!trx) {
		rx_late(trxs, rsp);
		return;
	}
	if (!trx->is_repeated)
		measure(trxs, now_us() - trx->first_sent_us);
	finish(trx, rsp);
}

/* ---- the gateway's commands */

static struct answer *answer_slot(struct mgcp_trxs *trxs, uint32_t trans_id)
{
	if (!trxs->answers)
		trxs->answers = talloc_zero_array(trxs, struct answer, N_ANSWERS);
	return &trxs->answers[trans_id % N_ANSWERS];
}

static void rx_command(struct mgcp_trxs *trxs, const struct mgcp_msg *cmd)
{
	struct answer *a = answer_slot(trxs, cmd->trans_id);
	uint64_t now = mgcp_now_ms();

	if (a->trans_id != cmd->trans_id || a->until_ms <= now) {
		count(trxs, MGW_CTR_RX_COMMAND);
		*a = (struct answer){
			.trans_id = cmd->trans_id,
			.code = cmd->must_know.s ? 511 : trxs->ops->command(trxs->priv, cmd),
			.until_ms = now + timer_ms(mgcp_tdefs, T_MGCP_HIST),
		};
	}
	if (!trxs->closed)
		tx_response(trxs, a->code, a->trans_id);
}

static void rx_malformed(struct mgcp_trxs *trxs, const struct mgcp_msg *msg, int rc)
{
	count(trxs, MGW_CTR_RX_MALFORMED);
	LOGP(DMGCP, LOGL_INFO, "malformed MGCP message\n");
	if (msg->is_command && msg->trans_id)
		tx_response(trxs, rc == -EPROTONOSUPPORT ? 528 : 510, msg->trans_id);
}

/*! A datagram came, with one or several messages. */
void mgcp_trxs_rx(struct mgcp_trxs *trxs, const char *data, size_t len)
{
	unsigned int n;

	for (n = 0; n < MGCP_MAX_MESSAGES && len && !trxs->closed; n++) {
		struct mgcp_msg msg;
		size_t used;
		int rc = mgcp_msg_parse(&msg, data, len, &used);

		data += used;
		len -= used;
		if (rc < 0) {
			rx_malformed(trxs, &msg, rc);
			continue;
		}
		trxs->ops->alive(trxs->priv);
		if (msg.is_command)
			rx_command(trxs, &msg);
		else
			rx_response(trxs, &msg);
	}
}

/*! For the operator. */
void mgcp_trxs_get_info(const struct mgcp_trxs *trxs, struct mgcp_trxs_info *info)
{
	*info = (struct mgcp_trxs_info){
		.n_open = trxs->n_open,
		.srtt_ms = (trxs->srtt_us + 500) / 1000,
		.rto_ms = first_rto_ms(trxs),
	};
}
