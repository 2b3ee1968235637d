/* What a registration does (RFC 3261 10.2).
 *
 *   OFF --go--> TRYING --200--> REGISTERED --time--> REFRESHING --200--> REGISTERED
 *                 |   ^                                  | failed
 *                 |   `---time--- WAITING <--------------'
 *                 `----failed--------^
 *   any --end--> ENDING (if the registrar may have us) --200, failed--> OFF
 *
 * After failures the waits double, and are between a half and the whole of that by chance, so that a registrar that
 * comes back is not met by everybody at once (RFC 5626 4.5). What is refused for good is tried at the longest wait. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_reg_internal.h"

#define S(x) (1 << (x))
#define LOG_REG(reg, level, fmt, args...)                                                                              \
	LOGP(DSIP, level, "peer %s, registration of %s: " fmt, (reg)->peer->name, (reg)->identity, ##args)

#define MAX_GRANTED_S	  (7 * 86400) /* looked after at least so often */
#define MIN_REFRESH_MS	  5000	      /* whatever the registrar grants */
#define MAX_RETRY_AFTER_S 3600

static void state_chg(struct sip_reg *reg, enum sip_reg_state state)
{
	osmo_fsm_inst_state_chg(reg->fi, state, 0, 0);
}

static void timer_set(struct sip_reg *reg, unsigned long ms)
{
	reg->timer_ms = sip_reg_now_ms() + ms;
	timer_start_ms(&reg->timer, ms);
}

static void timer_stop(struct sip_reg *reg)
{
	reg->timer_ms = 0;
	osmo_timer_del(&reg->timer);
}

/* ---- success ---- */

/* Early enough to try a few times more: a tenth before the end, and a time-out of a request. */
static unsigned long refresh_ms(uint32_t granted_s)
{
	unsigned long all = OSMO_MIN(granted_s, MAX_GRANTED_S) * 1000UL,
		      margin = all / 10 + timer_ms(sip_tdefs, T_SIP_F);
	unsigned long ms = margin < all / 2 ? all - margin : all / 2;

	return OSMO_MAX(ms - token_u32() % (ms / 20 + 1), MIN_REFRESH_MS);
}

static void registered(struct sip_reg *reg, const struct sip_msg *resp)
{
	struct sip_reg_failure not_kept = { .status = resp->status,
					    .text = "our contact is not among those registered" };
	uint32_t granted = sip_reg_granted_s(reg, resp);
	bool is_news = !sip_reg_is_valid(reg) || reg->n_failed;

	if (!granted) {
		osmo_fsm_inst_dispatch(reg->fi, SIP_REG_EV_FAILED, &not_kept);
		return;
	}
	rate_ctr_inc2(reg->peer->ctrs, SIP_PEER_CTR_REG_OK);
	sip_reg_take_route(reg, resp);
	reg->n_failed = 0;
	reg->tried = 0;
	reg->why[0] = '\0';
	reg->valid_until_ms = sip_reg_now_ms() + granted * 1000ULL;
	LOG_REG(reg, is_news ? LOGL_NOTICE : LOGL_INFO, "registered for %u s\n", granted);
	state_chg(reg, SIP_REG_REGISTERED);
	timer_set(reg, refresh_ms(granted));
}

/* ---- failure ---- */

static bool is_for_good(uint16_t status)
{
	switch (status) {
	case 401: /* the password is wrong */
	case 403:
	case 404:
	case 407:
	case 416:
	case 423:
		return true;
	default:
		return status >= 600;
	}
}

static unsigned long retry_ms(const struct sip_reg *reg, const struct sip_reg_failure *f)
{
	unsigned long first = timer_ms(sip_tdefs, T_SIP_REG_RETRY), max = timer_ms(sip_tdefs, T_SIP_REG_RETRY_MAX);
	unsigned long ms = reg->n_failed <= 16 ? first << (reg->n_failed - 1) : max;

	if (ms > max || is_for_good(f->status))
		ms = max;
	ms = ms / 2 + token_u32() % (ms / 2 + 1);
	return OSMO_MAX(ms, OSMO_MIN(f->retry_after_s, MAX_RETRY_AFTER_S) * 1000UL);
}

static void failed(struct sip_reg *reg, const struct sip_reg_failure *f)
{
	bool is_news = !reg->n_failed++ || strncmp(reg->why, f->text, sizeof(reg->why) - 1) != 0;
	bool was_valid = reg->valid_until_ms, lost = was_valid && !sip_reg_is_valid(reg);
	unsigned long ms = retry_ms(reg, f);

	rate_ctr_inc2(reg->peer->ctrs, SIP_PEER_CTR_REG_FAILED);
	snprintf(reg->why, sizeof(reg->why), "%s", f->text);
	if (lost)
		reg->valid_until_ms = 0;
	LOG_REG(reg, is_news || lost ? LOGL_ERROR : LOGL_INFO, "%u %s; %s; trying again in %lu s\n", f->status, f->text,
		sip_reg_is_valid(reg) ? "still registered" : "calls to it do not reach us", (ms + 500) / 1000);
	state_chg(reg, SIP_REG_WAITING);
	timer_set(reg, ms);
}

/* ---- sending ---- */

static void try_now(struct sip_reg *reg)
{
	static const struct sip_reg_failure no_way = { .status = 503,
						       .text = "the peer has no address that can be reached" };

	timer_stop(reg);
	state_chg(reg, sip_reg_is_valid(reg) ? SIP_REG_REFRESHING : SIP_REG_TRYING);
	if (sip_reg_tx(reg, reg->expires_s, true) < 0)
		osmo_fsm_inst_dispatch(reg->fi, SIP_REG_EV_FAILED, (void *)&no_way);
}

static void off(struct sip_reg *reg)
{
	timer_stop(reg);
	reg->valid_until_ms = 0;
	reg->n_failed = 0;
	if (reg->fi->state != SIP_REG_OFF)
		state_chg(reg, SIP_REG_OFF);
	if (reg->removing) {
		sip_reg_free(reg);
	} else if (reg->restart) {
		reg->restart = false;
		timer_set(reg, 0);
	}
}

/* What is under way may be accepted yet: its answer is not waited for, the registrar goes by the CSeq. */
static void end(struct sip_reg *reg)
{
	bool may_have_us = sip_reg_is_valid(reg) || reg->req;

	timer_stop(reg);
	if (reg->req)
		sip_request_detach(reg->req);
	reg->req = NULL;
	if (!may_have_us || sip_reg_tx(reg, 0, true) < 0) {
		off(reg);
		return;
	}
	reg->valid_until_ms = 0;
	state_chg(reg, SIP_REG_ENDING);
}

static void drop(struct sip_reg *reg)
{
	if (sip_reg_is_valid(reg) && reg->fi->state != SIP_REG_ENDING)
		sip_reg_tx(reg, 0, false);
	if (reg->req)
		sip_request_detach(reg->req);
	reg->req = NULL;
	off(reg);
}

/* ---- states ---- */

static void st_any(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct sip_reg *reg = fi->priv;

	switch (event) {
	case SIP_REG_EV_GO:
		try_now(reg);
		break;
	case SIP_REG_EV_OK:
		registered(reg, data);
		break;
	case SIP_REG_EV_FAILED:
		failed(reg, data);
		break;
	case SIP_REG_EV_END:
		end(reg);
		break;
	case SIP_REG_EV_DROP:
		drop(reg);
		break;
	}
}

static void st_ending(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct sip_reg *reg = fi->priv;

	switch (event) {
	case SIP_REG_EV_GO:
		reg->restart = true;
		break;
	case SIP_REG_EV_OK:
		LOG_REG(reg, LOGL_NOTICE, "ended\n");
		off(reg);
		break;
	case SIP_REG_EV_FAILED:
		LOG_REG(reg, LOGL_NOTICE, "ended without the registrar agreeing: %u %s\n",
			((const struct sip_reg_failure *)data)->status, ((const struct sip_reg_failure *)data)->text);
		off(reg);
		break;
	case SIP_REG_EV_DROP:
		drop(reg);
		break;
	}
}

static const struct value_string event_names[] = { { SIP_REG_EV_GO, "go" },	    { SIP_REG_EV_OK, "200" },
						   { SIP_REG_EV_FAILED, "failed" }, { SIP_REG_EV_END, "end" },
						   { SIP_REG_EV_DROP, "drop" },	    {} };

#define TO_END (S(SIP_REG_ENDING) | S(SIP_REG_OFF))

static const struct osmo_fsm_state states[] = {
	[SIP_REG_OFF] = {
		.name = "OFF",
		.in_event_mask = S(SIP_REG_EV_GO) | S(SIP_REG_EV_END) | S(SIP_REG_EV_DROP),
		.out_state_mask = S(SIP_REG_TRYING) | TO_END,
		.action = st_any,
	},
	[SIP_REG_TRYING] = {
		.name = "TRYING",
		.in_event_mask = S(SIP_REG_EV_OK) | S(SIP_REG_EV_FAILED) | S(SIP_REG_EV_END) | S(SIP_REG_EV_DROP),
		.out_state_mask = S(SIP_REG_REGISTERED) | S(SIP_REG_WAITING) | TO_END,
		.action = st_any,
	},
	[SIP_REG_REGISTERED] = {
		.name = "REGISTERED",
		.in_event_mask = S(SIP_REG_EV_GO) | S(SIP_REG_EV_END) | S(SIP_REG_EV_DROP),
		.out_state_mask = S(SIP_REG_REFRESHING) | S(SIP_REG_TRYING) | TO_END,
		.action = st_any,
	},
	[SIP_REG_REFRESHING] = {
		.name = "REFRESHING",
		.in_event_mask = S(SIP_REG_EV_OK) | S(SIP_REG_EV_FAILED) | S(SIP_REG_EV_END) | S(SIP_REG_EV_DROP),
		.out_state_mask = S(SIP_REG_REGISTERED) | S(SIP_REG_WAITING) | TO_END,
		.action = st_any,
	},
	[SIP_REG_WAITING] = {
		.name = "WAITING",
		.in_event_mask = S(SIP_REG_EV_GO) | S(SIP_REG_EV_END) | S(SIP_REG_EV_DROP),
		.out_state_mask = S(SIP_REG_TRYING) | S(SIP_REG_REFRESHING) | TO_END,
		.action = st_any,
	},
	[SIP_REG_ENDING] = {
		.name = "ENDING",
		.in_event_mask = S(SIP_REG_EV_GO) | S(SIP_REG_EV_OK) | S(SIP_REG_EV_FAILED) | S(SIP_REG_EV_DROP) |
				 S(SIP_REG_EV_END),
		.out_state_mask = S(SIP_REG_OFF),
		.action = st_ending,
	},
};

struct osmo_fsm sip_reg_fsm = {
	.name = "sip_reg",
	.states = states,
	.num_states = ARRAY_SIZE(states),
	.event_names = event_names,
	.log_subsys = DSIP,
};

static __attribute__((constructor)) void register_fsm(void)
{
	OSMO_ASSERT(osmo_fsm_register(&sip_reg_fsm) == 0);
}
