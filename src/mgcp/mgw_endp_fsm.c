/* What an endpoint does: one command at a time, from what exists to what is wanted, and in the end to nothing.
 *
 *	          want()                 200, all as wanted
 *	  IDLE ------------> BUSY ------------------------------> LIVE <----> CHECK (audit: is it still there?)
 *	                     |  ^ <------------------------------- |
 *	           4xx again |  | a moment later      want()       |
 *	                     v  |                                  |
 *	                    PAUSE                                  |
 *	     release(), or anything failed                         |
 *	  -------------------------------> DELETE <----------------+
 *	                                   |  ^
 *	                         no answer v  | gateway is up again
 *	                                  PARKED
 *
 * No osmo_fsm: an instance of it with its names costs more memory than the whole endpoint, its timers know no
 *milliseconds, and thousands of these live as long as their calls. (design: 4 kB for everything in an open call)
 *
 * Rule: whatever may exist on the gateway is deleted there before the object goes; and the object is never freed while
 *its user's or another endpoint's callback runs. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/wire.h>

#include "mgcp_internal.h"

#define MAX_TRIES    3	       /* of one command that the gateway refuses for the moment */
#define PAUSE_MS     500       /* before the second try; doubles */
#define PARK_MS	     30000     /* between tries to delete on a gateway that does not answer */
#define MAX_PARKS    120       /* an hour of them */
#define MAX_PARKED   4096      /* endpoints per gateway */
#define CANNOT_WRITE UINT8_MAX /* in tries: the command cannot be put into words */

#define CAUSE_TEMP_FAILURE 41
#define CAUSE_NO_BEARER	   65
#define CAUSE_INCOMPATIBLE 88
#define CAUSE_PROTOCOL	   111

const struct value_string mgw_endp_state_names[] = {
	{ ENDP_ST_IDLE, "IDLE" },     { ENDP_ST_BUSY, "BUSY" },	    { ENDP_ST_PAUSE, "PAUSE" },
	{ ENDP_ST_LIVE, "LIVE" },     { ENDP_ST_CHECK, "CHECK" },   { ENDP_ST_REPORTING, "REPORTING" },
	{ ENDP_ST_DELETE, "DELETE" }, { ENDP_ST_PARKED, "PARKED" }, {},
};

static void next_step(struct mgw_endp *endp);

static void state_chg(struct mgw_endp *endp, enum mgw_endp_state state)
{
	LOG_ENDP(endp, LOGL_DEBUG, "%s -> %s\n", get_value_string(mgw_endp_state_names, endp->state),
		 get_value_string(mgw_endp_state_names, state));
	if (endp->state == ENDP_ST_LIVE) {
		llist_del(&endp->live);
		INIT_LLIST_HEAD(&endp->live);
	}
	endp->state = state;
}

/* ---- deleting */

static void conn_is_gone(struct mgw_endp *endp, enum mgw_conn conn)
{
	mgw_endp_set_text(endp, ENDP_CONN_ID + conn, mgcp_text(""));
}

static void free_later(struct mgw_endp *endp)
{
	endp->unsure = false;
	conn_is_gone(endp, MGW_CONN_CORE);
	conn_is_gone(endp, MGW_CONN_PEER);
	mgw_endp_wait(endp, 0);
}

/* _NUM_MGW_CONNS: there is none. */
static enum mgw_conn any_conn(const struct mgw_endp *endp)
{
	int i;

	for (i = 0; i < _NUM_MGW_CONNS && !mgw_conn_id(endp, i)[0]; i++)
		;
	return i;
}

static void park(struct mgw_endp *endp)
{
	struct mgw *mgw = endp->mgw;

	if (endp->n_parked++ >= MAX_PARKS || mgw->n_parked >= MAX_PARKED) {
		LOG_ENDP(endp, LOGL_ERROR, "cannot be deleted, the gateway does not answer\n");
		mgw_endp_free(endp);
		return;
	}
	state_chg(endp, ENDP_ST_PARKED);
	mgw->n_parked++;
	mgw_endp_wait(endp, PARK_MS);
}

static void note_stats(struct mgw_endp *endp, const struct mgcp_msg *rsp)
{
	struct rate_ctr_group *ctrs = endp->mgw->ctrs;
	const struct mgw_fmt *codec = endp->conns[endp->conn].codec;
	struct mgcp_stats s;
	uint32_t jitter_ms;

	if (mgcp_stats_parse(&s, rsp->params[MGCP_PARAM_P]) < 0)
		return;
	/* osmo-mgw (1.10 as well as 1.15) gives it as it stands in RFC 3550 A.8: in units of the RTP clock */
	jitter_ms = codec && codec->fmt.rate ? s.jitter * 1000ULL / codec->fmt.rate : 0;
	rate_ctr_add(rate_ctr_group_get_ctr(ctrs, MGW_CTR_RTP_TX), s.tx_packets);
	rate_ctr_add(rate_ctr_group_get_ctr(ctrs, MGW_CTR_RTP_RX), s.rx_packets);
	rate_ctr_add(rate_ctr_group_get_ctr(ctrs, MGW_CTR_RTP_LOST), s.lost);
	if (wire_media_stats_hook)
		wire_media_stats_hook(&(struct wire_media_stats){
			.key = endp->call_id,
			.core = endp->conn == MGW_CONN_CORE,
			.packets_tx = s.tx_packets,
			.octets_tx = s.tx_octets,
			.packets_rx = s.rx_packets,
			.octets_rx = s.rx_octets,
			.packets_lost = s.lost,
			.jitter_ms = jitter_ms,
			.latency_ms = s.latency_ms,
		});
	LOG_ENDP(endp, LOGL_INFO, "%s side: sent %u packets, received %u, lost %u, jitter %u ms\n",
		 endp->conn == MGW_CONN_CORE ? "core" : "peer", s.tx_packets, s.rx_packets, s.lost, jitter_ms);
}

static void delete_cb(void *data, const struct mgcp_msg *rsp);

/* Delete the next thing that exists, or go if there is none. */
static void delete_next(struct mgw_endp *endp)
{
	enum mgw_conn conn = endp->unsure ? _NUM_MGW_CONNS : any_conn(endp);

	state_chg(endp, ENDP_ST_DELETE);
	if (!mgw_endp_name(endp)[0] || (conn == _NUM_MGW_CONNS && !endp->unsure)) {
		free_later(endp);
		return;
	}
	if (conn < _NUM_MGW_CONNS)
		endp->conn = conn;
	endp->trx = mgw_endp_tx_delete(endp, conn, delete_cb);
	if (!endp->trx)
		free_later(endp);
}

/* A DLCX was refused. What did not exist need not be deleted; when in doubt, ask for all at once. */
static void delete_refused(struct mgw_endp *endp, const struct mgcp_msg *rsp)
{
	const struct mgcp_code *code = mgcp_code_get(rsp->code);

	if (code->on_live == MGCP_ADVICE_AGAIN && ++endp->tries < MAX_TRIES) {
		mgw_endp_wait(endp, PAUSE_MS << endp->tries);
	} else if (!endp->unsure) {
		endp->unsure = true;
		delete_next(endp);
	} else {
		mgw_endp_free(endp);
	}
}

static void delete_cb(void *data, const struct mgcp_msg *rsp)
{
	struct mgw_endp *endp = data;

	endp->trx = NULL;
	if (!rsp) {
		park(endp);
	} else if (rsp->code / 100 != 2) {
		delete_refused(endp, rsp);
	} else if (endp->unsure) {
		mgw_endp_free(endp);
	} else {
		note_stats(endp, rsp);
		conn_is_gone(endp, endp->conn);
		if (any_conn(endp) < _NUM_MGW_CONNS)
			delete_next(endp);
		else
			mgw_endp_free(endp);
	}
}

/* ---- telling the user */

static void report(struct mgw_endp *endp, const struct mgw_endp_report *r)
{
	state_chg(endp, ENDP_ST_REPORTING);
	endp->cb(endp, r, endp->data);
}

static void fail(struct mgw_endp *endp, uint8_t cause, bool other_gateway, const char *why)
{
	struct mgw_endp_report r = {
		.event = MGW_ENDP_FAILED,
		.conn = endp->conn,
		.cause = cause,
		.why = why,
		.other_gateway = other_gateway,
	};

	mgw_endp_wait_no_more(endp);
	endp->tries = 0;
	if (endp->cb) {
		LOG_ENDP(endp, LOGL_INFO, "failed: %s\n", why);
		endp->ending = true;
		report(endp, &r);
		endp->cb = NULL;
	}
	endp->ending = true;
	next_step(endp);
}

static void ready(struct mgw_endp *endp)
{
	struct mgw_conn_state *c = &endp->conns[endp->conn];
	struct mgw_endp_report r = { .event = MGW_ENDP_READY, .conn = endp->conn, .pt = c->pt };

	mgw_addr_to_str(&r.local, &c->local);
	report(endp, &r);
}

/* ---- creating and modifying */

static void go_live(struct mgw_endp *endp)
{
	state_chg(endp, ENDP_ST_LIVE);
	llist_add_tail(&endp->live, &endp->mgw->live);
	mgw_audit_schedule(endp->mgw);
}

/* Is what the gateway answered with the codec that we asked for? osmo-mgw silently takes PCMU when it does not know
 * one. */
static bool codec_fits(const struct mgw_conn_state *c, const struct sdp_format *got)
{
	const struct sdp_format *want = &c->codec->fmt;

	if (got->enc[0] && (strcasecmp(got->enc, want->enc) || (got->rate && want->rate && got->rate != want->rate)))
		return false;
	/* without a remote address there was no session description from us, so it chose a payload type by itself */
	if (!got->enc[0] || mgw_conn_tells_remote(c))
		return got->pt == want->pt;
	return true;
}

/* Read where the gateway receives. Returns a sentence if that is of no use. */
static const char *read_local(struct mgw_conn_state *c, struct mgcp_text body, bool *fits, bool *moved)
{
	struct sdp_msg sdp;
	struct sdp_media *audio;
	struct mgw_addr local;
	const char *why;

	if (!body.len)
		return c->local.af ? NULL : "the gateway gave no session description";
	if (sdp_msg_parse(&sdp, body.s, body.len, &why) < 0)
		return "the gateway's session description is malformed";
	audio = sdp_msg_audio(&sdp);
	if (!audio || !audio->n_formats)
		return "the gateway's session description has no audio";
	mgw_addr_from_str(&local, &audio->addr);
	if (!local.af || !memcmp(local.ip, &in6addr_any, local.af == 4 ? 4 : 16))
		return "the gateway does not say at which address it receives (osmo-mgw: rtp bind-ip)";
	*moved = memcmp(&local, &c->local, sizeof(local));
	c->local = local;
	c->pt = audio->formats[0].pt;
	*fits = codec_fits(c, &audio->formats[0]);
	return NULL;
}

/* The gateway gave the name of one that we are deleting to the next call, so that one is gone. Its DLCX must not be
 * repeated: osmo-mgw remembers only the last command to an endpoint, and would carry out a repetition of the new call's
 * once more. */
static void forget(struct mgw_endp *endp)
{
	if (endp->state == ENDP_ST_REPORTING)
		return;
	if (endp->state == ENDP_ST_PARKED)
		endp->mgw->n_parked--;
	mgcp_trx_cancel(endp->trx);
	endp->trx = NULL;
	state_chg(endp, ENDP_ST_DELETE);
	free_later(endp);
}

/* A new endpoint has the name of one that we know. If that is in use, the gateway was restarted in between. */
static void name_taken(struct mgw_endp *endp, struct mgcp_text name)
{
	struct mgw_endp *other = mgw_endp_find(endp->path, name);

	if (!other)
		return;
	if (!other->ending) {
		MGW_COUNT(endp->mgw, MGW_CTR_RESTART);
		mgw_endp_lost(other, CAUSE_TEMP_FAILURE,
			      "the gateway gave the endpoint to another call: was it restarted?");
		mgw_audit_all(endp->mgw, "it gave an endpoint away that was in use");
	}
	forget(other);
}

/* The answer to CRCX says what it created (RFC 3435 2.3.5). */
static bool adopt(struct mgw_endp *endp, const struct mgcp_msg *rsp)
{
	struct mgcp_text name = rsp->params[MGCP_PARAM_Z], id = rsp->params[MGCP_PARAM_I];

	if (!mgw_endp_name(endp)[0]) {
		name_taken(endp, name);
		if (!mgw_endp_set_name(endp, name)) {
			mgw_endp_tx_delete_other(endp, rsp);
			return false;
		}
	}
	endp->mgw->error_is_past = true;
	return id.len && id.len <= ENDP_MAX_CONN_ID && mgw_endp_set_text(endp, ENDP_CONN_ID + endp->conn, id);
}

static bool is_loopback(const struct mgw_addr *addr)
{
	return addr->af == 4 ? addr->ip[0] == 127 : IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)addr->ip);
}

/* A gateway that is not told of a remote side gives IPv6 if it has both, and osmo-mgw with "rtp ip-probing" the address
 * that its MGCP port has. If that will not do for where the remote side is likely to be, it has to know. */
static bool ask_again(struct mgw_conn_state *c)
{
	if (!c->guess || !c->remote.af || c->guess_told)
		return false;
	c->guess_told = c->local.af != c->remote.af || (is_loopback(&c->local) && !is_loopback(&c->remote));
	return c->guess_told;
}

static void accepted(struct mgw_endp *endp, const struct mgcp_msg *rsp)
{
	struct mgw_conn_state *c = &endp->conns[endp->conn];
	bool check = endp->state == ENDP_ST_CHECK, fits = true, moved = false;
	const char *why;

	endp->checked_ms = mgcp_now_ms();
	endp->tries = 0;
	if (!mgw_conn_id(endp, endp->conn)[0] && !adopt(endp, rsp)) {
		endp->unsure = true;
		fail(endp, CAUSE_PROTOCOL, true, "the gateway did not say what it created");
		return;
	}
	why = endp->ending ? NULL : read_local(c, rsp->body, &fits, &moved);
	if (why) {
		fail(endp, CAUSE_PROTOCOL, true, why);
		return;
	}
	if (ask_again(c))
		c->changed = true;
	if (endp->ending || c->changed) { /* that was not the last word: no verdict on it */
		next_step(endp);
		return;
	}
	if (!fits) {
		fail(endp, mgw_conn_tells_remote(c) ? CAUSE_INCOMPATIBLE : CAUSE_NO_BEARER, true,
		     "the gateway answered with another codec");
		return;
	}
	if (!check || moved)
		ready(endp);
	next_step(endp);
}

static void refused(struct mgw_endp *endp, const struct mgcp_msg *rsp)
{
	const struct mgcp_code *code = mgcp_code_get(rsp->code);
	enum mgcp_advice advice = mgw_endp_name(endp)[0] ? code->on_live : code->on_new;
	bool check = endp->state == ENDP_ST_CHECK;
	char why[128];

	/* a CRCX may have been carried out, and its repetition refused since there is no room for two */
	endp->unsure |= !mgw_conn_id(endp, endp->conn)[0];
	mgw_note_error(endp->mgw, rsp->code, rsp->comment);
	LOG_ENDP(endp, LOGL_INFO, "refused: %u %s\n", rsp->code, code->text);
	if (endp->ending) {
		endp->unsure |= advice == MGCP_ADVICE_LOST;
		next_step(endp);
	} else if (advice == MGCP_ADVICE_LOST) {
		endp->unsure = true;
		MGW_COUNT(endp->mgw, MGW_CTR_RESTART);
		mgw_audit_all(endp->mgw, "an endpoint is gone");
		fail(endp, code->cause, true, "the gateway does not know the endpoint any more: was it restarted?");
	} else if (check) { /* whatever it dislikes, the endpoint is there */
		endp->checked_ms = mgcp_now_ms();
		next_step(endp);
	} else if (advice == MGCP_ADVICE_AGAIN && endp->tries < MAX_TRIES - 1) {
		endp->conns[endp->conn].changed = true;
		state_chg(endp, ENDP_ST_PAUSE);
		mgw_endp_wait(endp, PAUSE_MS << endp->tries++);
	} else {
		snprintf(why, sizeof(why), "the gateway refused: %u %s", rsp->code, code->text);
		fail(endp, code->cause, advice != MGCP_ADVICE_FAIL, why);
	}
}

static void unanswered(struct mgw_endp *endp)
{
	if (endp->state == ENDP_ST_CHECK && !endp->ending) {
		/* a silent gateway may still carry the call: only a clear answer ends it */
		endp->checked_ms = mgcp_now_ms();
		next_step(endp);
		return;
	}
	/* a CRCX may have been carried out: then only DLCX of the whole call gets at it */
	endp->unsure |= !mgw_conn_id(endp, endp->conn)[0];
	fail(endp, CAUSE_TEMP_FAILURE, true, "the gateway does not answer");
}

static void conn_cb(void *data, const struct mgcp_msg *rsp)
{
	struct mgw_endp *endp = data;

	endp->trx = NULL;
	if (!rsp)
		unanswered(endp);
	else if (rsp->code / 100 == 2)
		accepted(endp, rsp);
	else
		refused(endp, rsp);
}

static void tx_conn(struct mgw_endp *endp, enum mgw_conn conn, enum mgw_endp_state state)
{
	endp->conn = conn;
	endp->conns[conn].changed = false;
	state_chg(endp, state);
	endp->trx = mgw_endp_tx_conn(endp, conn, conn_cb);
	if (!endp->trx) { /* we may be inside mgw_endp_want(): tell it later */
		state_chg(endp, ENDP_ST_PAUSE);
		endp->tries = CANNOT_WRITE;
		mgw_endp_wait(endp, 0);
	}
}

/* Nothing is under way: do what is to be done next. */
static void next_step(struct mgw_endp *endp)
{
	int i;

	if (endp->ending) {
		delete_next(endp);
		return;
	}
	for (i = 0; i < _NUM_MGW_CONNS; i++) {
		if (endp->conns[i].changed) {
			tx_conn(endp, i, ENDP_ST_BUSY);
			return;
		}
	}
	go_live(endp);
}

/* ---- what comes from outside */

/*! The user wants something new. What is under way is finished first. */
void mgw_endp_wanted(struct mgw_endp *endp)
{
	if (endp->ending || (endp->state != ENDP_ST_IDLE && endp->state != ENDP_ST_LIVE))
		return;
	endp->tries = 0;
	next_step(endp);
}

/*! The user is gone. */
void mgw_endp_released(struct mgw_endp *endp)
{
	endp->cb = NULL;
	if (endp->ending)
		return;
	endp->ending = true;
	switch (endp->state) {
	case ENDP_ST_PAUSE:
		mgw_endp_wait_no_more(endp);
		/* fall through */
	case ENDP_ST_IDLE:
	case ENDP_ST_LIVE:
		endp->tries = 0;
		delete_next(endp);
		break;
	default: /* after the answer */
		break;
	}
}

void mgw_endp_timer_cb(struct mgw_endp *endp)
{
	switch (endp->state) {
	case ENDP_ST_PAUSE:
		if (endp->tries == CANNOT_WRITE)
			fail(endp, CAUSE_PROTOCOL, false, "the wish cannot be put into MGCP");
		else
			next_step(endp);
		break;
	case ENDP_ST_DELETE:
		if (!endp->unsure && any_conn(endp) == _NUM_MGW_CONNS)
			mgw_endp_free(endp);
		else
			delete_next(endp);
		break;
	case ENDP_ST_PARKED:
		endp->mgw->n_parked--;
		state_chg(endp, ENDP_ST_DELETE);
		if (endp->mgw->state == MGW_ST_UP || endp->path != endp->mgw->path)
			delete_next(endp);
		else
			park(endp);
		break;
	default:
		break;
	}
}

/*! The gateway is there again: delete now what could not be deleted. */
void mgw_endp_unpark(struct mgw_endp *endp, unsigned int delay_ms)
{
	endp->tries = 0;
	mgw_endp_wait(endp, delay_ms);
}

/*! Find out whether a live endpoint is still there, by saying again what it should be. (AUEP would do by the book;
 * osmo-mgw answers it with 200 whatever there is.) The whole MDCX, since osmo-mgw takes a shorter one for a change of
 * codec. */
void mgw_endp_check(struct mgw_endp *endp)
{
	enum mgw_conn conn = any_conn(endp);

	OSMO_ASSERT(endp->state == ENDP_ST_LIVE && conn < _NUM_MGW_CONNS);
	tx_conn(endp, conn, ENDP_ST_CHECK);
}

/*! The connections of this endpoint are gone: tell the user. Not from inside its own callback. */
void mgw_endp_lost(struct mgw_endp *endp, uint8_t cause, const char *why)
{
	if (endp->ending || endp->state == ENDP_ST_REPORTING)
		return;
	mgcp_trx_cancel(endp->trx);
	endp->trx = NULL;
	endp->unsure = true;
	fail(endp, cause, true, why);
}

/*! We stop using the gateway: tell the user, say good-bye to the gateway, free. */
void mgw_endp_abandon(struct mgw_endp *endp, const char *why)
{
	struct mgw_endp_report r = {
		.event = MGW_ENDP_FAILED,
		.cause = CAUSE_TEMP_FAILURE,
		.why = why,
		.other_gateway = true,
	};

	mgcp_trx_cancel(endp->trx);
	endp->trx = NULL;
	if (endp->state == ENDP_ST_PARKED)
		endp->mgw->n_parked--;
	endp->ending = true;
	if (endp->cb)
		report(endp, &r);
	else
		state_chg(endp, ENDP_ST_REPORTING);
	mgw_endp_tx_goodbye(endp);
	mgw_endp_free(endp);
}
