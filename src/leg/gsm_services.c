/* What a phone does in a call: keys, hold and retrieval; and what it asks for in vain.
 *
 * Each request is answered, since osmo-msc and the phone wait for it. Hold and retrieval are offers to the SIP side
 * whose outcome is the answer to the phone (3GPP TS 24.083). The MSC says that a key was released but not which one, so
 * we remember it. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <string.h>
#include <time.h>

#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include "gsm_leg_internal.h"

static uint32_t now_ms(void)
{
	struct timespec now = {};

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Send something that osmo-msc 1.9 starts its guard timer for, also in an active call */
static void tx_service(struct gsm_leg *gl, struct mncc_msg *msg)
{
	gsm_tx_msg(gl, msg);
	gsm_leg_pacify(gl);
}

static void tx_reject(struct gsm_leg *gl, enum mncc_msg_type type, uint8_t cause)
{
	struct mncc_msg msg = {
		.type = type,
		.fields = MNCC_FIELD_CAUSE,
		.cause = { .location = CAUSE_LOC_PRN_LOCAL, .coding = 3, .value = cause },
	};
	tx_service(gl, &msg);
}

/*! If a key is pressed, tell the call that it is released now, and how long it was. */
void gsm_services_key_up(struct gsm_leg *gl)
{
	struct leg_event ev = { .type = LEG_EV_DTMF };

	if (!gl->dtmf_key)
		return;
	ev.dtmf = (struct leg_dtmf){ .key = gl->dtmf_key,
				     .duration_ms = OSMO_MIN(now_ms() - gl->dtmf_since, UINT16_MAX) };
	gl->dtmf_key = '\0';
	leg_post(&gl->leg, &ev);
}

static void rx_start_dtmf(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	struct mncc_msg rsp = { .type = MNCC_MT_START_DTMF_RSP, .fields = MNCC_FIELD_KEYPAD, .keypad = msg->keypad };
	struct leg_event ev = { .type = LEG_EV_DTMF };
	char key = toupper((unsigned char)msg->keypad);

	gsm_services_key_up(gl);
	if (!(msg->fields & MNCC_FIELD_KEYPAD) || !key || !strchr("0123456789*#ABCD", key)) {
		tx_reject(gl, MNCC_MT_START_DTMF_REJ, CAUSE_INVALID_MSG);
		return;
	}
	GSM_CTR(gl, GSM_CTR_DTMF_FROM_PHONE);
	gl->dtmf_key = key;
	gl->dtmf_since = now_ms();
	ev.dtmf = (struct leg_dtmf){ .key = key, .start = true };
	leg_post(&gl->leg, &ev);
	tx_service(gl, &rsp);
}

static void rx_stop_dtmf(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	struct mncc_msg rsp = { .type = MNCC_MT_STOP_DTMF_RSP };

	gsm_services_key_up(gl);
	tx_service(gl, &rsp);
}

/* hold: true to hold, false to take back */
static void rx_hold(struct gsm_leg *gl, bool hold)
{
	enum mncc_msg_type reject = hold ? MNCC_MT_HOLD_REJ : MNCC_MT_RETRIEVE_REJ;
	struct mncc_msg cnf = { .type = hold ? MNCC_MT_HOLD_CNF : MNCC_MT_RETRIEVE_CNF };

	if (gl->fi->state != GSM_ST_TALKING) {
		tx_reject(gl, reject, 101 /* message not compatible with protocol state */);
		return;
	}
	if (gl->media.offered || gl->media.offer) { /* an offer of either side is under way */
		GSM_CTR(gl, GSM_CTR_HOLD_REJECTED);
		tx_reject(gl, reject, CAUSE_TEMP_FAILURE);
		return;
	}
	if (gl->media.phone_holds == hold) {
		tx_service(gl, &cnf);
		return;
	}
	GSM_CTR(gl, GSM_CTR_HOLD);
	gl->media.phone_holds = hold;
	if (!gsm_media_post_offer(gl, hold ? LEG_EV_HELD : LEG_EV_RESUMED, hold ? GSM_OFFER_HOLD : GSM_OFFER_RETRIEVE))
		gsm_services_offer_done(gl, hold ? GSM_OFFER_HOLD : GSM_OFFER_RETRIEVE, false);
}

static void rx_hold_ind(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	rx_hold(gl, true);
}

static void rx_retrieve_ind(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	rx_hold(gl, false);
}

/*! The SIP side has answered our offer. */
void gsm_services_offer_done(struct gsm_leg *gl, enum gsm_offer what, bool accepted)
{
	bool hold = what == GSM_OFFER_HOLD;
	struct mncc_msg cnf = { .type = hold ? MNCC_MT_HOLD_CNF : MNCC_MT_RETRIEVE_CNF };

	if (what != GSM_OFFER_HOLD && what != GSM_OFFER_RETRIEVE)
		return;
	if (!accepted) {
		gl->media.phone_holds = !hold;
		GSM_CTR(gl, GSM_CTR_HOLD_REJECTED);
		tx_reject(gl, hold ? MNCC_MT_HOLD_REJ : MNCC_MT_RETRIEVE_REJ, CAUSE_TEMP_FAILURE);
		return;
	}
	gsm_media_apply_hold(gl);
	tx_service(gl, &cnf);
}

/* 3GPP TS 24.008 5.3.4.3.2: MODIFY REJECT carries the bearer capability that stays in use */
static void rx_modify_ind(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	struct mncc_msg rej = {
		.type = MNCC_MT_MODIFY_REJ,
		.fields = MNCC_FIELD_BEARER_CAP | MNCC_FIELD_CAUSE,
		.bearer_cap = { .radio = 1, .speech_ver = { 0, -1 } },
		.cause = { .location = CAUSE_LOC_PRN_LOCAL, .coding = 3, .value = CAUSE_BEARER_NOT_AVAIL },
	};
	gsm_tx_msg(gl, &rej);
}

/*! A message of the MSC that belongs here? Then it is dealt with. */
bool gsm_services_rx(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	static const struct {
		enum mncc_msg_type type;
		void (*rx)(struct gsm_leg *gl, const struct mncc_msg *msg);
	} services[] = {
		{ MNCC_MT_START_DTMF_IND, rx_start_dtmf }, { MNCC_MT_STOP_DTMF_IND, rx_stop_dtmf },
		{ MNCC_MT_HOLD_IND, rx_hold_ind },	   { MNCC_MT_RETRIEVE_IND, rx_retrieve_ind },
		{ MNCC_MT_MODIFY_IND, rx_modify_ind },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(services); i++) {
		if (services[i].type != msg->type)
			continue;
		services[i].rx(gl, msg);
		return true;
	}
	return false;
}
