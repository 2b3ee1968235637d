/* Call control of the MSC player: what the phones and osmo-msc do, message by message.
 *
 * A request is taken in the states in which osmo-msc 1.9 takes it (3GPP TS 24.008 5) and dropped without a word in all
 * others; dropped ones are counted as unexpected. Every message that is not an RTP one starts the guard timer anew
 * before that, as osmo-msc 1.9 does also in an active call. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "msc_player.h"
#include "msc_wire.h"

#define N_BUCKETS 65536

static struct call *buckets[N_BUCKETS], *dead;
static unsigned int n_alive;
static uint32_t last_mo_callref = 0x80000000;
uint8_t call_tx_buf[MSC_SIZE_NEW];

static struct call **bucket(uint32_t callref)
{
	return &buckets[callref * 2654435761u >> 16];
}

static struct call *find(uint32_t callref)
{
	for (struct call *c = *bucket(callref); c; c = c->next) {
		if (c->callref == callref)
			return c;
	}
	return NULL;
}

struct call *call_new(uint32_t callref, enum call_state state)
{
	struct call *call = calloc(1, sizeof(*call)), **head = bucket(callref);

	if (!call)
		abort();
	call->callref = callref;
	call->state = state;
	call->w.fd = -1;
	call->start_us = now_us();
	call->next = *head;
	*head = call;
	n_alive++;
	return call;
}

static void stop_timers(struct call *call)
{
	ptimer_stop(&call->t_step);
	ptimer_stop(&call->t_assign);
	ptimer_stop(&call->t_hangup);
	ptimer_stop(&call->t_guard);
	ptimer_stop(&call->t_script);
}

void call_end(struct call *call, const char *by)
{
	struct call **pos = bucket(call->callref);

	if (!call->ended_by)
		call->ended_by = by;
	stop_timers(call);
	media_close(call);
	if (call == first_call)
		first_call = NULL;
	if (call == second_call)
		second_call = NULL;
	if (call->state == ST_ACTIVE)
		totals.active--;
	call->state = ST_NULL;
	report_call(call);
	while (*pos != call)
		pos = &(*pos)->next;
	*pos = call->next;
	call->next = dead;
	dead = call;
	n_alive--;
}

void calls_reap(void)
{
	struct call *call;

	while ((call = dead)) {
		dead = call->next;
		free(call);
	}
}

unsigned int calls_alive(void)
{
	return n_alive;
}

void call_set_state(struct call *call, enum call_state state)
{
	if (call->state == ST_ACTIVE)
		totals.active--;
	if (state == ST_ACTIVE) {
		totals.active++;
		ptimer_stop(&call->t_guard);
	}
	call->state = state;
}

void call_tx(struct call *call)
{
	story(call, "->", call_tx_buf, NULL);
	msc_tx(call_tx_buf);
}

void call_tx_plain(struct call *call, uint32_t type)
{
	msc_begin(call_tx_buf, type, call->callref);
	call_tx(call);
}

void call_tx_cause(struct call *call, uint32_t type, uint32_t location, uint32_t cause)
{
	msc_begin(call_tx_buf, type, call->callref);
	msc_put_cause(call_tx_buf, location, cause);
	call_tx(call);
}

void call_note_cause(struct call *call, uint32_t location, uint32_t cause, const char *by)
{
	if (call->ended_by)
		return;
	call->location = location;
	call->cause = cause;
	call->ended_by = by;
}

/* The MSC gives the call up by itself. */
void call_msc_releases(struct call *call, uint32_t location, uint32_t cause)
{
	call_note_cause(call, location, cause, "msc");
	call_tx_cause(call, MSC_REL_IND, location, cause);
	call_end(call, "msc");
}

void call_disconnect(struct call *call, uint32_t location, uint32_t cause, const char *by)
{
	if (call->state >= ST_DISC_BY_PHONE)
		return;
	stop_timers(call);
	call_note_cause(call, location, cause, by);
	call_set_state(call, ST_DISC_BY_PHONE);
	call_tx_cause(call, MSC_DISC_IND, location, cause);
}

void call_phone_hangs_up(void *arg)
{
	struct call *call = arg;

	call_disconnect(call, LOC_USER, call->mt && call->rule.cause ? call->rule.cause : CAUSE_NORMAL, "phone");
}

static void guard_expired(void *arg)
{
	totals.guard_killed++;
	call_msc_releases(arg, LOC_NETWORK, 47);
}

void call_guard_start(struct call *call)
{
	if (opts.guard_ms > 0)
		ptimer_start(&call->t_guard, opts.guard_ms, guard_expired, call);
}

/* ---- what a phone does in an active call: digits, hold ---- */

static void script_step(void *arg)
{
	struct call *call = arg;

	if (call->state != ST_ACTIVE)
		return;
	if (call->digit && *call->digit) {
		call->script = 1;
		msc_begin(call_tx_buf, MSC_START_DTMF_IND, call->callref);
		msc_put(call_tx_buf, MSC_O_FIELDS, MSC_F_KEYPAD);
		msc_put(call_tx_buf, MSC_O_KEYPAD, (uint8_t)*call->digit++);
		totals.dtmf_sent++;
		call_tx(call);
		return;
	}
	if (opts.hold_retrieve && call->script < 2) {
		call->script = 2;
		call_tx_plain(call, MSC_HOLD_IND);
		return;
	}
	call->script = 3;
}

static void script_stop_dtmf(void *arg)
{
	call_tx_plain(arg, MSC_STOP_DTMF_IND);
}

static void script_retrieve(void *arg)
{
	call_tx_plain(arg, MSC_RETRIEVE_IND);
}

static void tx_rtp_create(struct call *call);

static void handover(void *arg)
{
	if (opts.handover_codec)
		opts.codec = opts.handover_codec;
	if (media_move(arg) == 0)
		tx_rtp_create(arg);
}

void call_active(struct call *call)
{
	int64_t hangup = call->mt ? opts.hangup_ms : call->stays_open ? -1 : opts.hold_ms;

	call_set_state(call, ST_ACTIVE);
	if (hangup >= 0)
		ptimer_start(&call->t_hangup, hangup, call_phone_hangs_up, call);
	if (opts.handover_ms >= 0)
		ptimer_start(&call->t_assign, opts.handover_ms, handover, call);
	if (!call->mt && !first_call)
		first_call = call;
	if (call->mt && opts.mo) /* who calls does it */
		return;
	call->digit = opts.dtmf;
	if (opts.dtmf || opts.hold_retrieve)
		ptimer_start(&call->t_script, 100, script_step, call);
}

void call_answered(struct call *call)
{
	call->answered = true;
	call->answer_us = now_us();
}

/* ---- the radio assignment ---- */

/* "another call is already ongoing, not assigning yet" */
static bool is_second_of_phone(const struct call *call)
{
	return opts.one_phone && first_call && call != first_call;
}

/* osmo-msc from 1.11 on: the message in call_tx_buf carries SDP, with the port that was reserved before. */
void call_put_sdp(struct call *call, size_t off, bool all)
{
	if (opts.new_msc && (is_second_of_phone(call) || media_open(call) == 0))
		media_sdp(call, (char *)call_tx_buf + off, 1024, all);
}

static void tx_rtp_create(struct call *call)
{
	msc_begin(call_tx_buf, MSC_RTP_CREATE, call->callref);
	msc_put_rtp(call_tx_buf, (struct sockaddr *)&call->local, call->local_len, opts.codec->pt, opts.codec->pmt);
	call_put_sdp(call, MSC_O_RTP_SDP, !call->mt && !call->remote_set);
	call_tx(call);
}

static void assigned(void *arg)
{
	struct call *call = arg;

	call->assigned = true;
	if (media_open(call) < 0) {
		tell("no RTP port for 0x%x", call->callref);
		call_msc_releases(call, LOC_NETWORK, 47);
		return;
	}
	tx_rtp_create(call);
	/* a phone that wanted to answer meanwhile */
	if (call->phone_first && call->state == ST_CALL_RECEIVED)
		mt_phone_answers(call);
}

void call_assign(struct call *call)
{
	if (call->assigning)
		return;
	if (is_second_of_phone(call))
		return;
	if (!call->has_bearer && !opts.new_msc) { /* an emergency call: no channel type can be made of nothing */
		call_msc_releases(call, LOC_NETWORK, 47);
		return;
	}
	call->assigning = true;
	if (opts.assign_ms <= 0)
		assigned(call);
	else
		ptimer_start(&call->t_assign, opts.assign_ms, assigned, call);
}

/* ---- MO: a phone calls ---- */

void call_place(bool stays_open)
{
	struct call *call = call_new(++last_mo_callref, ST_INITIATED);

	call->stays_open = stays_open;
	call->has_bearer = !opts.emergency;
	totals.mo_placed++;
	msc_begin(call_tx_buf, MSC_SETUP_IND, call->callref);
	if (opts.emergency) {
		msc_put(call_tx_buf, MSC_O_FIELDS, MSC_F_EMERGENCY);
		msc_put(call_tx_buf, MSC_O_EMERGENCY, 1);
	} else {
		msc_put_bearer(call_tx_buf);
		msc_put(call_tx_buf, MSC_O_SPEECH_VER, opts.codec->speech_ver);
		msc_put(call_tx_buf, MSC_O_FIELDS, msc_get(call_tx_buf, MSC_O_FIELDS) | MSC_F_CCCAP);
		msc_put(call_tx_buf, MSC_O_CCCAP, 1);
	}
	if (*opts.called)
		msc_put_number(call_tx_buf, MSC_O_CALLED, MSC_F_CALLED, opts.called, opts.called_type, 1);
	if (*opts.calling)
		msc_put_number(call_tx_buf, MSC_O_CALLING, MSC_F_CALLING, opts.calling, 0, 0);
	if (opts.redirecting)
		msc_put_number(call_tx_buf, MSC_O_REDIRECTING, MSC_F_REDIRECTING, opts.redirecting, 0, 0);
	msc_put(call_tx_buf, opts.clir ? MSC_O_CLIR_INV : MSC_O_CLIR_SUP, 1);
	memcpy(call_tx_buf + MSC_O_IMSI, opts.imsi, strnlen(opts.imsi, 15));
	call_put_sdp(call, MSC_O_SDP, true);
	call_guard_start(call);
	if (opts.abandon_ms >= 0)
		ptimer_start(&call->t_hangup, opts.abandon_ms, call_phone_hangs_up, call);
	call_tx(call);
}

static void rx_call_proc(struct call *call, const uint8_t *msg)
{
	if (msc_get(msg, MSC_O_FIELDS) & MSC_F_BEARER)
		call->has_bearer = true;
	call_set_state(call, ST_MO_PROC);
	call_assign(call);
}

static void rx_alert(struct call *call, const uint8_t *msg)
{
	call_set_state(call, ST_DELIVERED);
}

static void rx_progress(struct call *call, const uint8_t *msg)
{
	totals.progress++;
}

static void connect_ack(void *arg)
{
	struct call *call = arg;

	call_active(call);
	call_tx_plain(call, MSC_SETUP_COMPL_IND);
}

static void rx_setup_rsp(struct call *call, const uint8_t *msg)
{
	ptimer_stop(&call->t_hangup); /* the caller that would have given up */
	call_answered(call);
	call_set_state(call, ST_CONNECT_IND);
	if (opts.ack_ms <= 0)
		connect_ack(call);
	else
		ptimer_start(&call->t_step, opts.ack_ms, connect_ack, call);
}

void call_refuse(uint32_t callref, uint32_t cause)
{
	msc_begin(call_tx_buf, MSC_REL_IND, callref);
	msc_put_cause(call_tx_buf, LOC_NETWORK, cause);
	story(NULL, "->", call_tx_buf, NULL);
	msc_tx(call_tx_buf);
}

/* ---- MT: the rest of it is in msc_player_mt.c ---- */

static void rx_setup_compl(struct call *call, const uint8_t *msg)
{
	call_active(call);
}

/* ---- both ---- */

static void rx_disc_done(void *arg)
{
	struct call *call = arg;

	call_tx_cause(call, MSC_REL_IND, LOC_USER, CAUSE_NORMAL);
	call_end(call, "gw");
}

static void gw_cause(struct call *call, const uint8_t *msg)
{
	uint32_t cause = 0;

	if (msc_get(msg, MSC_O_FIELDS) & MSC_F_CAUSE)
		cause = msc_get(msg, MSC_O_CAUSE + MSC_O_CAUSE_VALUE);
	call_note_cause(call, msc_get(msg, MSC_O_CAUSE), cause & 0x7f, "gw");
}

static void rx_disc(struct call *call, const uint8_t *msg)
{
	gw_cause(call, msg);
	stop_timers(call);
	call_set_state(call, ST_DISC_BY_GW);
	if (opts.rel_ms <= 0)
		rx_disc_done(call);
	else
		ptimer_start(&call->t_step, opts.rel_ms, rx_disc_done, call);
}

static void rx_rel_done(void *arg)
{
	struct call *call = arg;

	call_tx_cause(call, MSC_REL_CNF, 2, call->cause);
	call_end(call, "gw");
}

static void rx_rel(struct call *call, const uint8_t *msg)
{
	gw_cause(call, msg);
	stop_timers(call);
	call_set_state(call, ST_REL_BY_GW);
	if (opts.rel_ms <= 0)
		rx_rel_done(call);
	else
		ptimer_start(&call->t_step, opts.rel_ms, rx_rel_done, call);
}

/* Release complete to the phone; nothing comes back to the gateway. */
static void rx_rej(struct call *call, const uint8_t *msg)
{
	gw_cause(call, msg);
	call_end(call, "gw");
}

static void rx_start_dtmf_rsp(struct call *call, const uint8_t *msg)
{
	totals.dtmf_ok++;
	ptimer_start(&call->t_script, 60, script_stop_dtmf, call);
}

static void rx_start_dtmf_rej(struct call *call, const uint8_t *msg)
{
	totals.dtmf_rej++;
	ptimer_start(&call->t_script, 60, script_step, call);
}

static void rx_stop_dtmf_rsp(struct call *call, const uint8_t *msg)
{
	ptimer_start(&call->t_script, 60, script_step, call);
}

static void rx_hold_cnf(struct call *call, const uint8_t *msg)
{
	totals.hold_ok++;
	if (opts.one_phone && two_calls_hold_cnf(call))
		return;
	ptimer_start(&call->t_script, 500, script_retrieve, call);
}

static void rx_hold_rej(struct call *call, const uint8_t *msg)
{
	totals.hold_rej++;
	call->script = 3;
}

static void rx_retrieve_cnf(struct call *call, const uint8_t *msg)
{
	totals.retrieve_ok++;
	call->script = 3;
	if (opts.one_phone)
		two_calls_retrieve_cnf(call);
}

static void rx_retrieve_rej(struct call *call, const uint8_t *msg)
{
	totals.retrieve_rej++;
	call->script = 3;
}

static void rx_notify(struct call *call, const uint8_t *msg)
{
	totals.notify++;
}

#define S(x) (1u << ST_##x)
#define ALL  0xffffffffu
#define ALIVE                                                                                                          \
	(S(INITIATED) | S(MO_PROC) | S(DELIVERED) | S(CONNECT_IND) | S(CALL_PRESENT) | S(MT_CONFIRMED) |               \
	 S(CALL_RECEIVED) | S(CONNECT_REQUEST) | S(ACTIVE))

static const struct {
	uint32_t type, states;
	void (*handle)(struct call *call, const uint8_t *msg);
} requests[] = {
	{ MSC_CALL_PROC_REQ, S(INITIATED), rx_call_proc },
	{ MSC_ALERT_REQ, S(INITIATED) | S(MO_PROC), rx_alert },
	{ MSC_SETUP_RSP, S(INITIATED) | S(MO_PROC) | S(DELIVERED), rx_setup_rsp },
	{ MSC_PROGRESS_REQ, S(MO_PROC), rx_progress },
	{ MSC_SETUP_COMPL_REQ, S(CONNECT_REQUEST), rx_setup_compl },
	{ MSC_NOTIFY_REQ, S(ACTIVE), rx_notify },
	{ MSC_START_DTMF_RSP, ALL, rx_start_dtmf_rsp },
	{ MSC_START_DTMF_REJ, ALL, rx_start_dtmf_rej },
	{ MSC_STOP_DTMF_RSP, ALL, rx_stop_dtmf_rsp },
	{ MSC_HOLD_CNF, S(ACTIVE), rx_hold_cnf },
	{ MSC_HOLD_REJ, S(ACTIVE), rx_hold_rej },
	{ MSC_RETRIEVE_CNF, S(ACTIVE), rx_retrieve_cnf },
	{ MSC_RETRIEVE_REJ, S(ACTIVE), rx_retrieve_rej },
	{ MSC_REJ_REQ, S(INITIATED), rx_rej },
	{ MSC_DISC_REQ, ALIVE, rx_disc },
	{ MSC_REL_REQ, ALIVE | S(DISC_BY_PHONE) | S(DISC_BY_GW), rx_rel },
};

static void rx_rtp(struct call *call, uint32_t type, const uint8_t *msg)
{
	uint32_t callref = msc_get(msg, MSC_O_CALLREF);

	if (call && type == MSC_RTP_CREATE) {
		call_assign(call);
		return;
	}
	if (call && type == MSC_RTP_CONNECT && call->assigned) {
		media_connect(call, msg);
		return;
	}
	if (call && type == MSC_RTP_CONNECT &&
	    call == second_call) { /* the phone has one port, whichever call says it */
		media_connect(first_call, msg);
		return;
	}
	/* the error answer: the same message with no address */
	totals.unexpected++;
	msc_begin(call_tx_buf, type, callref);
	story(call, "->", call_tx_buf, NULL);
	msc_tx(call_tx_buf);
}

static void rx_signal(struct call *call, uint32_t type, const uint8_t *msg)
{
	call_guard_start(call);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i].type != type || !(requests[i].states & (1u << call->state)))
			continue;
		requests[i].handle(call, msg);
		return;
	}
	/* how a gateway keeps osmo-msc 1.9's guard timer from killing an active call */
	if (type == MSC_SETUP_COMPL_REQ && call->state == ST_ACTIVE)
		totals.keepalives++;
	else
		totals.unexpected++;
	story(call, "!!", msg, "dropped: does not fit the state");
}

void call_rx(const uint8_t *buf, size_t len)
{
	const char *why = msc_dislikes(buf, len, opts.new_msc ? MSC_SIZE_NEW : MSC_SIZE);
	uint32_t type;
	struct call *call;

	totals.rx_msgs++;
	if (why) {
		totals.disliked++;
		tell("a message of %zu octets dropped: %s", len, why);
		return;
	}
	type = msc_get(buf, MSC_O_TYPE);
	if (buf[type == MSC_RTP_CREATE || type == MSC_RTP_CONNECT ? MSC_O_RTP_SDP : MSC_O_SDP])
		totals.rx_sdp++;
	call = find(msc_get(buf, MSC_O_CALLREF));
	story(call, "<-", buf, NULL);
	if (type == MSC_RTP_CREATE || type == MSC_RTP_CONNECT) {
		rx_rtp(call, type, buf);
	} else if (call) {
		rx_signal(call, type, buf);
	} else if (type == MSC_SETUP_REQ) {
		mt_rx_setup_req(buf);
	} else {
		totals.unknown_callref++;
		call_refuse(msc_get(buf, MSC_O_CALLREF), 81);
	}
}

static void for_each_call(void (*cb)(struct call *call))
{
	for (unsigned int i = 0; i < N_BUCKETS; i++) {
		for (struct call *next, *c = buckets[i]; c; c = next) {
			next = c->next;
			cb(c);
		}
	}
}

static void lose(struct call *call)
{
	call->ended_by = "lost";
	call_end(call, "lost");
}

void calls_lost(void)
{
	for_each_call(lose);
}

static void hangup_open(struct call *call)
{
	if (call->stays_open && call->state == ST_ACTIVE)
		call_phone_hangs_up(call);
}

void calls_hangup_open(void)
{
	for_each_call(hangup_open);
}
