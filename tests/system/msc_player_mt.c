/* Call control of the MSC player: a phone is called, and does what its number's rule says. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include "msc_player.h"
#include "msc_wire.h"

#define SWAP_MS 2000

struct call *first_call, *second_call;

/* ---- two calls of one phone ---- */

static void hold_first(void *arg)
{
	if (first_call)
		call_tx_plain(first_call, MSC_HOLD_IND);
}

static void hold_second(void *arg)
{
	if (second_call)
		call_tx_plain(second_call, MSC_HOLD_IND);
}

static void hang_up_both(void *arg)
{
	if (second_call)
		call_phone_hangs_up(second_call);
	if (first_call)
		call_phone_hangs_up(first_call);
}

bool two_calls_hold_cnf(struct call *call)
{
	if (!first_call || !second_call)
		return false;
	if (call == second_call) {
		call_tx_plain(first_call, MSC_RETRIEVE_IND);
		return true;
	}
	mt_phone_answers(second_call);
	ptimer_start(&first_call->t_script, SWAP_MS, hold_second, NULL);
	return true;
}

bool two_calls_retrieve_cnf(struct call *call)
{
	ptimer_start(&call->t_script, SWAP_MS, hang_up_both, NULL);
	return true;
}

/* ---- a phone is called ---- */

void mt_phone_answers(void *arg)
{
	struct call *call = arg;

	/* a phone sends no CC message while its assignment runs */
	if (call != second_call && call->rule.behaviour != MT_ANSWER_FIRST && !call->assigned) {
		call->phone_first = true;
		return;
	}
	call_answered(call);
	call_set_state(call, ST_CONNECT_REQUEST);
	msc_begin(call_tx_buf, MSC_SETUP_CNF, call->callref);
	msc_put_number(call_tx_buf, MSC_O_CONNECTED, MSC_F_CONNECTED,
		       opts.connected ? opts.connected : call->rule.number, 0, 0);
	msc_put(call_tx_buf, MSC_O_CONNECTED + MSC_O_NUM_PRESENT, opts.colr);
	memcpy(call_tx_buf + MSC_O_IMSI, opts.imsi, strnlen(opts.imsi, 15));
	call_put_sdp(call, MSC_O_SDP, !call->assigned);
	call_tx(call);
	if (call->rule.behaviour == MT_ANSWER_FIRST)
		call_assign(call);
}

/* T301 in osmo-msc */
static void mt_gives_up(void *arg)
{
	struct call *call = arg;

	call_disconnect(call, LOC_NETWORK, call->rule.cause ? call->rule.cause : 18, "msc");
}

static void mt_rings(struct call *call)
{
	call_set_state(call, ST_CALL_RECEIVED);
	msc_begin(call_tx_buf, MSC_ALERT_IND, call->callref);
	if (opts.in_band) {
		msc_put(call_tx_buf, MSC_O_FIELDS, msc_get(call_tx_buf, MSC_O_FIELDS) | MSC_F_PROGRESS);
		msc_put(call_tx_buf, MSC_O_PROGRESS + 8, 8);
	}
	call_put_sdp(call, MSC_O_SDP, true);
	call_tx(call);
	if (call->rule.behaviour != MT_ANSWER_FIRST)
		call_assign(call);
	if (call->state != ST_CALL_RECEIVED)
		return;
	if (opts.one_phone && first_call) {
		second_call = call;
		ptimer_start(&call->t_step, opts.ring_ms, hold_first, NULL);
		return;
	}
	switch (call->rule.behaviour) {
	case MT_ANSWER:
	case MT_ANSWER_FIRST:
		ptimer_start(&call->t_step, opts.ring_ms, mt_phone_answers, call);
		break;
	case MT_DECLINE:
		ptimer_start(&call->t_step, opts.ring_ms, call_phone_hangs_up, call);
		break;
	case MT_NOANSWER:
		ptimer_start(&call->t_step, opts.ring_ms, mt_gives_up, call);
		break;
	default:
		break;
	}
}

static void mt_paged(void *arg)
{
	struct call *call = arg;
	uint32_t cause = call->rule.cause;

	switch (call->rule.behaviour) {
	case MT_BUSY:
		call_msc_releases(call, LOC_USER, cause ? cause : 17);
		return;
	case MT_REJECT: /* RELEASE COMPLETE instead of CALL CONFIRMED */
		call_note_cause(call, LOC_USER, cause ? cause : 21, "phone");
		call_tx_cause(call, MSC_REJ_IND, LOC_USER, call->cause);
		call_end(call, "phone");
		return;
	case MT_ABSENT:
		call_msc_releases(call, LOC_NETWORK, cause ? cause : 27);
		return;
	default:
		break;
	}
	call_set_state(call, ST_MT_CONFIRMED);
	msc_begin(call_tx_buf, MSC_CALL_CONF_IND, call->callref);
	msc_put_bearer(call_tx_buf);
	msc_put(call_tx_buf, MSC_O_SPEECH_VER, opts.codec->speech_ver);
	msc_put(call_tx_buf, MSC_O_FIELDS, msc_get(call_tx_buf, MSC_O_FIELDS) | MSC_F_CCCAP);
	msc_put(call_tx_buf, MSC_O_CCCAP, 1);
	memcpy(call_tx_buf + MSC_O_IMSI, opts.imsi, strnlen(opts.imsi, 15));
	call_tx(call);
	if (call->rule.behaviour != MT_CONFIRM_ONLY)
		mt_rings(call);
}

static struct mt_rule rule_for(const char *number)
{
	struct mt_rule rule = {};

	for (unsigned int i = 0; i < opts.n_rules; i++) {
		if (!opts.rules[i].number[0] || strcmp(opts.rules[i].number, number) == 0) {
			rule = opts.rules[i];
			break;
		}
	}
	memcpy(rule.number, number, strnlen(number, sizeof(rule.number) - 1) + 1);
	return rule;
}

void mt_rx_setup_req(const uint8_t *msg)
{
	uint32_t callref = msc_get(msg, MSC_O_CALLREF);
	const char *number = (const char *)msg + MSC_O_CALLED + MSC_O_NUM_DIGITS;
	struct call *call;

	/* by IMSI: the number is empty and the rule is looked up by the IMSI */
	if (!(msc_get(msg, MSC_O_FIELDS) & MSC_F_CALLED) || !*number)
		number = (const char *)msg + MSC_O_IMSI;
	if (!*number) {
		call_refuse(callref, 28);
		return;
	}
	call = call_new(callref, ST_CALL_PRESENT);
	call->mt = true;
	call->has_bearer = true;
	call->rule = rule_for(number);
	totals.mt_calls++;
	call_guard_start(call);
	if (call->rule.behaviour == MT_UNKNOWN)
		call_msc_releases(call, LOC_NETWORK, call->rule.cause ? call->rule.cause : 18);
	else if (call->rule.behaviour == MT_SILENT)
		return;
	else if (opts.page_ms <= 0)
		mt_paged(call);
	else
		ptimer_start(&call->t_step, opts.page_ms, mt_paged, call);
}
