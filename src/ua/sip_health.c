/* Is a peer there? What is known of each of its addresses, from OPTIONS and from the calls themselves.
 *
 *   UNKNOWN --good--> UP --2 x bad in a row--> DOWN --2 x good in a row--> UP
 *      `-----------------2 x bad------------>   `---(no options-interval: T_SIP_DOWN)---> UNKNOWN
 *
 * Good is any sign of life: each final response but those that say that nobody is behind (408, 500, 502, 503, 504), and
 * each response to an INVITE. Bad is no response, nothing that could be sent, and these statuses to an OPTIONS.
 * An address in doubt is asked at the faster pace of T_SIP_PROBE. Without options-interval only one that is down is
 * asked, and not for longer than T_SIP_DOWN: a PBX that ignores OPTIONS then gets a call to prove itself.
 *
 * A 503 with Retry-After (RFC 3261 21.5.4) is no failure: the address is passed over for that long. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <stdlib.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include <osmocom/sipgw/ua/sip_reg.h>

#include "ua_internal.h"
#include "sip_target.h"

#define DOWN_AFTER	  2    /* failures in a row */
#define UP_AFTER	  2    /* signs of life in a row, of one that was down */
#define SECOND_LOOK_MS	  500  /* after the first sign of life */
#define FIRST_LOOK_MS	  1000 /* spread over this, so that many peers are not asked at once */
#define MAX_RETRY_AFTER_S 300

const struct value_string sip_target_state_names[] = {
	{ SIP_TARGET_UNKNOWN, "unknown" }, { SIP_TARGET_UP, "up" }, { SIP_TARGET_DOWN, "down" }, {}
};

#define LOG_TARGET(t, level, fmt, args...)                                                                             \
	do {                                                                                                           \
		char _addr[SIP_HOSTPORT_LEN];                                                                          \
		sip_target_str_buf(_addr, sizeof(_addr), t);                                                           \
		LOGP(DSIP, level, "SIP peer %s: %s " fmt, (t)->peer->name, _addr, ##args);                             \
	} while (0)

uint64_t sip_now_ms(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool sip_health_status_is_good(uint16_t status)
{
	return status != 408 && status != 500 && status != 502 && status != 503 && status != 504;
}

/*! Retry-After of a response: "18000;duration=3600", "120 (in a meeting)". */
unsigned int sip_retry_after(const struct sip_msg *resp)
{
	const char *value = sip_msg_header(resp, "Retry-After", 0);
	unsigned long s = value ? strtoul(value, NULL, 10) : 0;

	return OSMO_MIN(s, MAX_RETRY_AFTER_S);
}

/* ---- the peer as a whole ---- */

bool sip_peer_is_up(const struct sip_peer *peer)
{
	unsigned int i;

	for (i = 0; i < peer->n_targets; i++) {
		if (sip_target_is_well(peer->targets[i]))
			return true;
	}
	return false;
}

static bool any_not_down(const struct sip_peer *peer)
{
	unsigned int i;

	for (i = 0; i < peer->n_targets; i++) {
		if (peer->targets[i]->state != SIP_TARGET_DOWN)
			return true;
	}
	return false;
}

/*! An address has changed its state, or come, or gone. */
void sip_health_update_peer(struct sip_peer *peer)
{
	bool down = peer->n_targets && !any_not_down(peer);

	if (down == peer->down)
		return;
	peer->down = down;
	if (down) {
		rate_ctr_inc2(peer->ctrs, SIP_PEER_CTR_DOWN);
		LOGP(DSIP, LOGL_NOTICE, "SIP peer %s is down: none of its %u addresses answers\n", peer->name,
		     peer->n_targets);
	} else if (peer->n_targets) {
		LOGP(DSIP, LOGL_NOTICE, "SIP peer %s is up again\n", peer->name);
		sip_reg_kick(peer); /* it may have forgotten us */
	}
}

static void set_state(struct sip_target *t, enum sip_target_state state)
{
	t->state = state;
	sip_health_update_peer(t->peer);
}

/* ---- OPTIONS ---- */

static unsigned long interval_ms(const struct sip_target *t)
{
	unsigned long interval = t->peer->cfg.options_interval_s * 1000UL, probe = timer_ms(sip_tdefs, T_SIP_PROBE);
	bool in_doubt = t->state == SIP_TARGET_DOWN || t->n_bad;

	if (t->state == SIP_TARGET_DOWN && t->n_good)
		return SECOND_LOOK_MS;
	if (!interval)
		return t->state == SIP_TARGET_DOWN ? probe : 0;
	return in_doubt ? OSMO_MIN(interval, probe) : interval;
}

static void schedule(struct sip_target *t)
{
	unsigned long ms = t->peer->ua->started ? interval_ms(t) : 0;

	if (ms)
		timer_start_ms(&t->timer, ms);
	else
		osmo_timer_del(&t->timer);
}

static void rx_options_response(struct sip_trx *trx, const struct sip_msg *resp, const struct sip_flow *from,
				void *data)
{
	struct sip_target *t = data;
	unsigned int retry_after = sip_retry_after(resp);

	if (resp->status < 200)
		return;
	sip_trx_detach(trx);
	t->options = NULL;
	if (sip_health_status_is_good(resp->status))
		sip_health_good(t);
	else if (resp->status == 503 && retry_after)
		sip_health_busy(t, retry_after);
	else
		sip_health_bad(t, "answers OPTIONS with a failure (408 or 5xx)");
	schedule(t);
}

static void options_failed(struct sip_trx *trx, enum sip_trx_end why, void *data)
{
	struct sip_target *t = data;

	t->options = NULL;
	sip_health_bad(t, why == SIP_TRX_TIMEOUT ? "does not answer OPTIONS" : "cannot be reached");
	schedule(t);
}

static const struct sip_trx_ops options_ops = {
	.response = rx_options_response,
	.failed = options_failed,
};

static void write_options(struct sip_tx *tx, const char *host)
{
	char call_id[SIP_CALL_ID_LEN], tag[SIP_TAG_LEN];

	sip_write_header_str(&tx->w, "Max-Forwards", "70");
	sip_write_header(&tx->w, "From", "<sip:%s>;tag=%s", tx->local, token_hex(tag, SIP_TAG_LEN - 1));
	sip_write_header(&tx->w, "To", "<sip:%s>", host);
	sip_write_header_str(&tx->w, "Call-ID", token_hex(call_id, SIP_CALL_ID_LEN - 1));
	sip_write_header_str(&tx->w, "CSeq", "1 OPTIONS");
	sip_tx_contact(tx);
	sip_write_header_str(&tx->w, "Accept", SIP_TYPE_SDP);
}

static struct sip_trx *send_options(struct sip_target *t, const struct sip_flow *to)
{
	char remote[SIP_HOSTPORT_LEN], uri[SIP_HOSTPORT_LEN + 256];
	const char *host = t->peer->cfg.domain ?: remote;
	struct sip_tx tx;
	int len;

	sip_target_str_buf(remote, sizeof(remote), t);
	snprintf(uri, sizeof(uri), "sip:%s", host);
	sip_tx_begin(&tx, to);
	sip_write_request_line(&tx.w, "OPTIONS", uri);
	sip_branch_make(tx.branch);
	sip_tx_via(&tx);
	write_options(&tx, host);
	len = sip_tx_end(&tx, NULL, NULL);
	if (len < 0)
		return NULL;
	return sip_trx_request(t->peer->ua->trxs, to, SIP_OPTIONS, tx.branch, tx.w.buf, len, &options_ops, t);
}

/* An address that was down for long enough may be tried by a call. */
static bool another_chance(struct sip_target *t)
{
	if (t->peer->cfg.options_interval_s || t->state != SIP_TARGET_DOWN ||
	    sip_now_ms() - t->down_ms < timer_ms(sip_tdefs, T_SIP_DOWN))
		return false;
	t->n_bad = DOWN_AFTER - 1;
	t->n_good = 0;
	LOG_TARGET(t, LOGL_INFO, "may be tried by a call again\n");
	set_state(t, SIP_TARGET_UNKNOWN);
	return true;
}

static void timer_cb(void *data)
{
	struct sip_target *t = data;
	struct sip_flow to;

	if (another_chance(t) || t->options)
		return;
	if (sip_target_flow(t, &to))
		t->options = send_options(t, &to);
	if (t->options)
		sip_trx_set_patience(t->options, timer_ms(sip_tdefs, T_SIP_OPTIONS));
	else
		sip_health_bad(t, "no socket of ours for it");
	if (!t->options)
		schedule(t);
}

/* ---- what is heard of an address ---- */

void sip_health_good(struct sip_target *t)
{
	t->n_bad = 0;
	if (t->state == SIP_TARGET_UP) {
		t->why = NULL;
		return;
	}
	if (t->state == SIP_TARGET_DOWN && ++t->n_good < UP_AFTER) {
		schedule(t);
		return;
	}
	LOG_TARGET(t, t->state == SIP_TARGET_DOWN ? LOGL_NOTICE : LOGL_INFO, "is up\n");
	t->n_good = 0;
	t->why = NULL;
	set_state(t, SIP_TARGET_UP);
	schedule(t);
}

void sip_health_bad(struct sip_target *t, const char *why)
{
	t->n_good = 0;
	t->why = why;
	if (t->state == SIP_TARGET_DOWN)
		return;
	if (++t->n_bad >= DOWN_AFTER) {
		t->down_ms = sip_now_ms();
		rate_ctr_inc2(t->peer->ctrs, SIP_PEER_CTR_TARGET_DOWN);
		LOG_TARGET(t, LOGL_NOTICE, "is down: it %s\n", why);
		set_state(t, SIP_TARGET_DOWN);
	}
	if (!t->options)
		schedule(t);
}

void sip_health_busy(struct sip_target *t, unsigned int retry_after_s)
{
	sip_health_good(t);
	t->busy_until_ms = sip_now_ms() + retry_after_s * 1000;
	LOG_TARGET(t, LOGL_NOTICE, "wants no calls for %u s (503 with Retry-After)\n", retry_after_s);
}

void sip_health_begin(struct sip_target *t)
{
	if (!t->timer.cb)
		osmo_timer_setup(&t->timer, timer_cb, t);
	schedule(t);
	if (t->peer->cfg.options_interval_s && t->peer->ua->started && t->state == SIP_TARGET_UNKNOWN && !t->options)
		timer_start_ms(&t->timer, 1 + token_u32() % FIRST_LOOK_MS);
}

void sip_health_end(struct sip_target *t)
{
	osmo_timer_del(&t->timer);
	if (t->options)
		sip_trx_detach(t->options);
	t->options = NULL;
}
