/* SIP transactions: what they do. Four machines in one table (RFC 3261 17, RFC 6026 for 2xx, RFC 4320 for non-INVITE).
 *
 *   client INVITE   TRYING --1xx--> PROCEEDING --3xx-6xx / ACK--> COMPLETED --D--> .
 *                      \------------------+------2xx------------> ACCEPTED  --M--> .
 *   client others   TRYING --1xx--> PROCEEDING --final--> COMPLETED --K--> .
 *   server INVITE   PROCEEDING --3xx-6xx--> COMPLETED --ACK--> CONFIRMED --I--> .     H without ACK: failed
 *                       \---------2xx-----> ACCEPTED --L--> .
 *   server others   TRYING --1xx--> PROCEEDING --final--> COMPLETED --J--> .
 *
 * A table and no osmo_fsm: an instance of that would cost more memory than the transaction, and there are several for
 * each call. A state is set before its action runs; an action that calls the user does so as its last step. Whoever is
 * inside holds in_use, so that nothing goes away under anybody's feet. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "sip_trx_internal.h"

#define LOG_TRX(trx, level, fmt, args...)                                                                              \
	LOGP(DSIPTRX, level, "%s %s %s: " fmt, kind_names[(trx)->kind],                                                \
	     get_value_string(sip_method_names, (trx)->method), trx_state_names[(trx)->state], ##args)

static const char *const kind_names[_TRX_KIND_COUNT] = { "client", "client", "server", "server" };

static const char *const trx_state_names[_TRX_STATE_COUNT] = {
	[TRX_ST_IGNORE] = "?",
	[TRX_ST_TRYING] = "TRYING",
	[TRX_ST_PROCEEDING] = "PROCEEDING",
	[TRX_ST_COMPLETED] = "COMPLETED",
	[TRX_ST_CONFIRMED] = "CONFIRMED",
	[TRX_ST_ACCEPTED] = "ACCEPTED",
	[TRX_ST_TERMINATED] = "TERMINATED",
};

/* ---- timers ---- */

static void rx_lost(struct sip_trx *trx);

static void retrans_cb(void *data)
{
	struct sip_trx *trx = data;

	if (trx->lost)
		rx_lost(trx);
	else
		trx_event(trx, TRX_EV_RETRANS, NULL);
}

/*! Repeat in so many ms. */
void trx_retrans_start(struct sip_trx *trx, uint32_t ms)
{
	if (!trx->retrans) {
		trx->retrans = talloc_zero(trx, struct osmo_timer_list);
		osmo_timer_setup(trx->retrans, retrans_cb, trx);
	}
	timer_start_ms(trx->retrans, ms);
}

void trx_retrans_stop(struct sip_trx *trx)
{
	if (trx->retrans)
		osmo_timer_del(trx->retrans);
	TALLOC_FREE(trx->retrans);
}

static void start_timeout(struct sip_trx *trx, int T)
{
	timer_start(&trx->timeout, sip_tdefs, T);
}

/* How long to stay when all is done. Every transaction does, for a long time: none needs a moment of its own to go. */
static void stay(struct sip_trx *trx, int T)
{
	timer_start_lazy_ms(&trx->timeout, timer_ms(sip_tdefs, T));
}

/* How long to absorb repetitions: no time where nothing gets lost. */
static void linger(struct sip_trx *trx, int T)
{
	if (trx->reliable)
		timer_start_ms(&trx->timeout, 0);
	else
		stay(trx, T);
}

static void start_retrans(struct sip_trx *trx)
{
	if (trx->reliable)
		return;
	trx->interval = timer_ms(sip_tdefs, T_SIP_T1);
	trx_retrans_start(trx, trx->interval);
}

/* Twice as long as before, but no longer than T2; only timer A has no bound but timer B, which ends it (RFC 3261
 * 17.1.1.2). T1 and T2 have minimums, so that there are never more than ten a second for long. */
static void back_off(struct sip_trx *trx)
{
	uint32_t t2 = timer_ms(sip_tdefs, T_SIP_T2);

	trx->interval *= 2;
	if (trx->kind != TRX_ICT && trx->interval > t2)
		trx->interval = t2;
	if (trx->kind == TRX_NICT && trx->state == TRX_ST_PROCEEDING)
		trx->interval = t2;
	trx_retrans_start(trx, trx->interval);
}

void trx_timer_cb_timeout(void *data)
{
	trx_event(data, TRX_EV_TIMEOUT, NULL);
}

/* ---- the user ---- */

static void tell_response(struct sip_trx *trx, const struct trx_input *in)
{
	const struct sip_trxs_ops *owner = &trx->all->ops;

	if (trx->ops && trx->ops->response)
		trx->ops->response(trx, in->msg, in->from, trx->user);
	else if (trx->kind == TRX_ICT && in->status / 100 == 2 && owner->stray_response)
		owner->stray_response(owner->data, in->msg, in->from);
}

/* A final response: the user may want to send the request again, or to see it, so it stays until he has heard of it.
 * What is kept from now on is \a next (the ACK), NULL: nothing. */
static void tell_final(struct sip_trx *trx, const struct trx_input *in, const char *next, size_t len)
{
	struct sip_trxs *all = trx->all;
	char *request = trx->data;

	all->told_trx = trx;
	all->told_request = request;
	all->told_len = trx->data_len;
	trx->data = NULL;
	trx_keep(trx, next, len);
	trx_send(trx);
	tell_response(trx, in);
	all->told_trx = NULL;
	talloc_free(request);
}

/* Nothing more will come for it. */
static void let_go(struct sip_trx *trx)
{
	const struct sip_trx_ops *ops = trx->ops;

	trx->ops = NULL;
	if (ops && ops->gone)
		ops->gone(trx, trx->user);
}

static void fail(struct sip_trx *trx)
{
	const struct sip_trx_ops *ops = trx->ops;
	enum sip_trx_end why = trx->send_failed ? SIP_TRX_TRANSPORT : SIP_TRX_TIMEOUT;

	if (why == SIP_TRX_TIMEOUT && trx->ops)
		trx_count(trx, SIP_CTR_TRX_TIMEOUT);
	LOG_TRX(trx, LOGL_INFO, "%s\n", why == SIP_TRX_TIMEOUT ? "timed out" : "could not be sent");
	trx->ops = NULL;
	if (ops && ops->failed)
		ops->failed(trx, why, trx->user);
}

/* ---- actions ---- */

typedef void action_t(struct sip_trx *trx, struct trx_input *in);

static void fail_later(struct sip_trx *trx)
{
	trx->send_failed = true;
	trx_retrans_stop(trx);
	timer_start_ms(&trx->timeout, 0);
}

/* TCP instead of UDP was not wanted by the user, so that its failure is none of his business. */
static bool fall_back(struct sip_trx *trx)
{
	if (!trx_flow_fall_back(trx))
		return false;
	LOG_TRX(trx, LOGL_INFO, "too long for UDP, but no TCP to be had: UDP all the same\n");
	start_retrans(trx);
	return trx_send(trx) >= 0;
}

/* A failure to send is told later, by the timer: the caller may not expect it now. */
static void client_send(struct sip_trx *trx)
{
	if (trx_send(trx) < 0 && !fall_back(trx))
		fail_later(trx);
}

/* The connection is gone, which sip_trxs_flow_lost() has noted a moment ago. */
static void rx_lost(struct sip_trx *trx)
{
	enum trx_lost lost = trx->lost;

	trx->lost = TRX_NOT_LOST;
	if (trx->state != TRX_ST_TRYING && trx->state != TRX_ST_PROCEEDING)
		return;
	if (!trx_flow_again(trx, lost) && !fall_back(trx))
		fail_later(trx);
}

static void client_repeat(struct sip_trx *trx, struct trx_input *in)
{
	trx_count(trx, SIP_CTR_RETRANS_TX);
	back_off(trx);
	client_send(trx);
}

/* Its user is told of a time-out and tries another way. It stays, silent, until timer B: if somebody answers after all,
 * he gets a CANCEL, and a BYE if it is a 2xx. */
static void stay_behind(struct sip_trx *trx)
{
	trx->impatient = false;
	trx->cancel_wanted = true;
	trx_set_background(trx);
	trx_set_state(trx, TRX_ST_TRYING);
	trx_retrans_stop(trx);
	start_timeout(trx, T_SIP_B);
}

static void client_failed(struct sip_trx *trx, struct trx_input *in)
{
	if (trx->impatient && !trx->send_failed)
		stay_behind(trx);
	fail(trx);
}

/* The user's 64*T1 for a cancelled INVITE whose peer never says so (RFC 3261 9.1). */
static void start_cancel_timeout(struct sip_trx *trx)
{
	timer_start_ms(&trx->timeout, 64 * timer_ms(sip_tdefs, T_SIP_T1));
}

/*! Send the CANCEL for an INVITE in PROCEEDING, as a transaction of its own without a user. */
void trx_cancel(struct sip_trx *trx)
{
	struct sip_flow flow = *sip_trx_flow(trx);
	char branch[256];
	const char *out;
	int len;

	trx->cancel_sent = true;
	start_cancel_timeout(trx);
	len = trx_msg_cancel(&out, trx);
	if (len > 0 && trx_msg_branch(branch, sizeof(branch), trx))
		sip_trx_request(trx->all, &flow, SIP_CANCEL, branch, out, len, NULL, NULL);
	TALLOC_FREE(trx->cancel_reason);
}

/* A further 100 is no sign of life of the called side: it leaves timer C alone (RFC 3261 16.7). */
static void ict_provisional(struct sip_trx *trx, struct trx_input *in)
{
	bool news = in->status > 100 || !trx->status;

	trx_retrans_stop(trx);
	trx->status = in->status;
	if (trx->cancel_wanted && !trx->cancel_sent)
		trx_cancel(trx);
	else if (!trx->cancel_sent && news)
		start_timeout(trx, T_SIP_C);
	tell_response(trx, in);
}

static void ict_refused(struct sip_trx *trx, struct trx_input *in)
{
	const char *out;
	int len;

	trx_retrans_stop(trx);
	trx->status = in->status;
	len = trx_msg_ack(&out, trx, in->msg);
	linger(trx, T_SIP_D);
	tell_final(trx, in, len > 0 ? out : NULL, len);
	let_go(trx);
}

static void ict_repeat_ack(struct sip_trx *trx, struct trx_input *in)
{
	trx_count(trx, SIP_CTR_RETRANS_RX);
	trx_send(trx);
}

/* RFC 6026 8.4: the ACK is the user's; stay for the 2xx of other forks and for repeated ones. */
static void ict_accepted(struct sip_trx *trx, struct trx_input *in)
{
	trx_retrans_stop(trx);
	trx->status = in->status;
	stay(trx, T_SIP_M);
	tell_final(trx, in, NULL, 0);
}

static void ict_further_2xx(struct sip_trx *trx, struct trx_input *in)
{
	tell_response(trx, in);
}

/* Timer C, or no end after a CANCEL. What was not cancelled is cancelled now; its end is awaited without the user. */
static void ict_no_final(struct sip_trx *trx, struct trx_input *in)
{
	if (trx->cancel_sent)
		trx_set_state(trx, TRX_ST_TERMINATED);
	else
		trx_cancel(trx);
	fail(trx);
}

static void nict_provisional(struct sip_trx *trx, struct trx_input *in)
{
	trx->status = in->status;
	tell_response(trx, in);
}

static void nict_final(struct sip_trx *trx, struct trx_input *in)
{
	trx_retrans_stop(trx);
	trx->status = in->status;
	linger(trx, T_SIP_T4);
	tell_final(trx, in, NULL, 0);
	let_go(trx);
}

static void ended(struct sip_trx *trx, struct trx_input *in)
{
	let_go(trx);
}

static void server_provisional(struct sip_trx *trx, struct trx_input *in)
{
	trx->status = in->status;
	trx_keep(trx, in->data, in->len);
	in->rc = trx_send(trx);
}

static void server_repeat(struct sip_trx *trx, struct trx_input *in)
{
	sip_trx_repeat(trx);
}

/* Nobody became the user and nobody answered. */
static void server_unanswered(struct sip_trx *trx, struct trx_input *in)
{
	sip_trx_detach(trx);
}

static void ist_refused(struct sip_trx *trx, struct trx_input *in)
{
	server_provisional(trx, in);
	start_retrans(trx);
	start_timeout(trx, T_SIP_H);
}

static void ist_accepted(struct sip_trx *trx, struct trx_input *in)
{
	server_provisional(trx, in);
	stay(trx, T_SIP_L);
}

static void ist_retransmit(struct sip_trx *trx, struct trx_input *in)
{
	back_off(trx);
	sip_trx_repeat(trx);
}

static void ist_confirmed(struct sip_trx *trx, struct trx_input *in)
{
	trx_retrans_stop(trx);
	trx_keep(trx, NULL, 0);
	linger(trx, T_SIP_T4);
	let_go(trx);
}

/* An ACK to a 2xx that looks like part of the INVITE: from a client of RFC 2543, or one that reuses the branch. */
static void ist_ack_to_2xx(struct sip_trx *trx, struct trx_input *in)
{
	trx->all->ops.request(trx->all->ops.data, NULL, in->msg, in->from);
}

static void ist_cancelled(struct sip_trx *trx, struct trx_input *in)
{
	if (trx->ops && trx->ops->cancelled)
		trx->ops->cancelled(trx, in->msg, trx->user);
}

static void nist_final(struct sip_trx *trx, struct trx_input *in)
{
	trx->ops = NULL;
	server_provisional(trx, in);
	linger(trx, T_SIP_J);
}

/* ---- the table ---- */

struct rule {
	uint8_t next; /*!< TRX_ST_IGNORE: the event means nothing here */
	action_t *action;
};

#define ON(event, next_state, func) [TRX_EV_##event] = { TRX_ST_##next_state, func }

/* clang-format off */
static const struct rule rules[_TRX_KIND_COUNT][_TRX_STATE_COUNT][_TRX_EVENT_COUNT] = {
	[TRX_ICT] = {
		[TRX_ST_TRYING] = {
			ON(1XX,     PROCEEDING, ict_provisional),
			ON(2XX,     ACCEPTED,   ict_accepted),
			ON(FINAL,   COMPLETED,  ict_refused),
			ON(RETRANS, TRYING,     client_repeat),		/* A */
			ON(TIMEOUT, TERMINATED, client_failed),		/* B */
		},
		[TRX_ST_PROCEEDING] = {
			ON(1XX,     PROCEEDING, ict_provisional),
			ON(2XX,     ACCEPTED,   ict_accepted),
			ON(FINAL,   COMPLETED,  ict_refused),
			ON(TIMEOUT, PROCEEDING, ict_no_final),		/* C */
		},
		[TRX_ST_COMPLETED] = {
			ON(FINAL,   COMPLETED,  ict_repeat_ack),
			ON(TIMEOUT, TERMINATED, ended),			/* D */
		},
		[TRX_ST_ACCEPTED] = {
			ON(2XX,     ACCEPTED,   ict_further_2xx),
			ON(TIMEOUT, TERMINATED, ended),			/* M */
		},
	},
	[TRX_NICT] = {
		[TRX_ST_TRYING] = {
			ON(1XX,     PROCEEDING, nict_provisional),
			ON(2XX,     COMPLETED,  nict_final),
			ON(FINAL,   COMPLETED,  nict_final),
			ON(RETRANS, TRYING,     client_repeat),		/* E */
			ON(TIMEOUT, TERMINATED, client_failed),		/* F */
		},
		[TRX_ST_PROCEEDING] = {
			ON(1XX,     PROCEEDING, nict_provisional),
			ON(2XX,     COMPLETED,  nict_final),
			ON(FINAL,   COMPLETED,  nict_final),
			ON(RETRANS, PROCEEDING, client_repeat),		/* E */
			ON(TIMEOUT, TERMINATED, client_failed),		/* F */
		},
		[TRX_ST_COMPLETED] = {
			ON(TIMEOUT, TERMINATED, ended),			/* K */
		},
	},
	[TRX_IST] = {
		[TRX_ST_PROCEEDING] = {
			ON(1XX,     PROCEEDING, server_provisional),
			ON(2XX,     ACCEPTED,   ist_accepted),
			ON(FINAL,   COMPLETED,  ist_refused),
			ON(REPEAT,  PROCEEDING, server_repeat),
			ON(CANCEL,  PROCEEDING, ist_cancelled),
			ON(TIMEOUT, PROCEEDING, server_unanswered),
		},
		[TRX_ST_COMPLETED] = {
			ON(REPEAT,  COMPLETED,  server_repeat),
			ON(ACK,     CONFIRMED,  ist_confirmed),
			ON(RETRANS, COMPLETED,  ist_retransmit),	/* G */
			ON(TIMEOUT, TERMINATED, client_failed),		/* H */
		},
		[TRX_ST_CONFIRMED] = {
			ON(TIMEOUT, TERMINATED, ended),			/* I */
		},
		[TRX_ST_ACCEPTED] = {
			ON(ACK,     ACCEPTED,   ist_ack_to_2xx),
			ON(TIMEOUT, TERMINATED, ended),			/* L */
		},
	},
	[TRX_NIST] = {
		[TRX_ST_TRYING] = {
			ON(1XX,     PROCEEDING, server_provisional),
			ON(2XX,     COMPLETED,  nist_final),
			ON(FINAL,   COMPLETED,  nist_final),
			ON(TIMEOUT, TRYING,     server_unanswered),
		},
		[TRX_ST_PROCEEDING] = {
			ON(1XX,     PROCEEDING, server_provisional),
			ON(2XX,     COMPLETED,  nist_final),
			ON(FINAL,   COMPLETED,  nist_final),
			ON(REPEAT,  PROCEEDING, server_repeat),
			ON(TIMEOUT, PROCEEDING, server_unanswered),
		},
		[TRX_ST_COMPLETED] = {
			ON(REPEAT,  COMPLETED,  server_repeat),
			ON(TIMEOUT, TERMINATED, ended),			/* J */
		},
	},
};
/* clang-format on */

/*! Something happened to a transaction. False if it means nothing in this state. The transaction may be gone
 * afterwards. */
bool trx_event(struct sip_trx *trx, enum trx_event event, struct trx_input *in)
{
	const struct rule *rule = &rules[trx->kind][trx->state][event];
	struct sip_trxs *all = trx->all;

	if (rule->next == TRX_ST_IGNORE)
		return false;
	all->depth++;
	trx->in_use++;
	if (rule->next != trx->state)
		trx_set_state(trx, rule->next);
	rule->action(trx, in);
	trx->in_use--;
	if (trx->state == TRX_ST_TERMINATED && !trx->in_use)
		trx_free(trx);
	all->depth--;
	if (all->free_me && !all->depth)
		sip_trxs_free_all(all);
	return true;
}

/*! A new transaction begins: a client one sends its request, a server one waits for its user. */
void trx_start(struct sip_trx *trx)
{
	switch (trx->kind) {
	case TRX_ICT:
	case TRX_NICT:
		trx_set_state(trx, TRX_ST_TRYING);
		start_timeout(trx, trx->kind == TRX_ICT ? T_SIP_B : T_SIP_F);
		start_retrans(trx);
		client_send(trx);
		break;
	case TRX_IST:
		trx_set_state(trx, TRX_ST_PROCEEDING);
		start_timeout(trx, T_SIP_C);
		break;
	case TRX_NIST:
		trx_set_state(trx, TRX_ST_TRYING);
		start_timeout(trx, T_SIP_F);
		break;
	}
}
