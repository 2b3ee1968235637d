/* Keys of the phone (3GPP TS 24.008 5.5.7).
 *
 * A key is acknowledged to the phone when the other side has said that it can be delivered, and rejected when it cannot
 * or nobody says so in time. The phone sends START, waits, sends STOP, waits; so there is one key at a time, and the
 * memory for it exists as long as it is pressed. The MSC says that a key was released but not which one. To the phone
 * there is nothing: keys towards a phone are tones (3GPP TS 23.014 4), which MNCC and the gateway cannot make. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <string.h>
#include <time.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>

#include "gsm_leg_internal.h"

/*! A key that is pressed. */
struct gsm_key {
	struct gsm_leg *gl;
	struct osmo_timer_list timer; /*!< T_GSM_DTMF, while asked */
	uint32_t since;		      /*!< ms */
	uint32_t length;	      /*!< ms, when stopped */
	char key;		      /*!< as everybody writes it */
	char keypad;		      /*!< as the phone wrote it */
	bool asked;		      /*!< whether it can be delivered is not known yet */
	bool stopped;		      /*!< the phone did not wait for that */
};

static uint32_t now_ms(void)
{
	struct timespec now = {};

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int key_destructor(struct gsm_key *k)
{
	osmo_timer_del(&k->timer);
	k->gl->key = NULL;
	return 0;
}

static void reject(struct gsm_leg *gl, uint8_t cause)
{
	GSM_CTR(gl, GSM_CTR_DTMF_REJECTED);
	gsm_services_reject(gl, MNCC_MT_START_DTMF_REJ, cause);
}

static void tx_stop_rsp(struct gsm_leg *gl)
{
	gsm_services_tx(gl, &(struct mncc_msg){ .type = MNCC_MT_STOP_DTMF_RSP });
}

static void post_release(struct gsm_leg *gl, char key, uint32_t length)
{
	struct leg_event ev = { .type = LEG_EV_DTMF };

	ev.dtmf = (struct leg_dtmf){ .key = key, .duration_ms = OSMO_MIN(OSMO_MAX(length, 1), UINT16_MAX) };
	leg_post(&gl->leg, &ev);
}

/*! If a key is pressed that was acknowledged, tell the call that it is released now, and how long it was. */
void gsm_dtmf_key_up(struct gsm_leg *gl)
{
	struct gsm_key *k = gl->key;

	if (k && !k->asked)
		post_release(gl, k->key, now_ms() - k->since);
	talloc_free(k);
}

static void settle(struct gsm_key *k, uint8_t why_not)
{
	struct mncc_msg rsp = { .type = MNCC_MT_START_DTMF_RSP, .fields = MNCC_FIELD_KEYPAD, .keypad = k->keypad };
	struct gsm_leg *gl = k->gl;
	bool stopped = k->stopped;

	osmo_timer_del(&k->timer);
	k->asked = false;
	if (why_not)
		reject(gl, why_not);
	else
		gsm_services_tx(gl, &rsp);
	if (stopped && !why_not)
		post_release(gl, k->key, k->length);
	if (stopped || why_not)
		talloc_free(k);
	if (stopped)
		tx_stop_rsp(gl);
}

static void timeout(void *data)
{
	struct gsm_key *k = data;

	LOG_GSM(k->gl, LOGL_INFO, "nobody says whether key %c can be delivered\n", k->key);
	settle(k, CAUSE_TIMER_EXPIRED);
}

/*! The other side can deliver the key, or cannot. */
void gsm_dtmf_result(struct gsm_leg *gl, const struct leg_dtmf *dtmf)
{
	if (gl->key && gl->key->asked && gl->key->key == dtmf->key)
		settle(gl->key, dtmf->accepted ? 0 : CAUSE_SERVICE_NOT_AVAIL);
}

static void press(struct gsm_leg *gl, char key, char keypad)
{
	struct leg_event ev = { .type = LEG_EV_DTMF, .dtmf = { .key = key, .start = true } };
	struct gsm_key *k = talloc_zero(gl, struct gsm_key);

	*k = (struct gsm_key){ .gl = gl, .key = key, .keypad = keypad, .since = now_ms(), .asked = true };
	osmo_timer_setup(&k->timer, timeout, k);
	talloc_set_destructor(k, key_destructor);
	gl->key = k;
	timer_start(&k->timer, gsm_tdefs, T_GSM_DTMF);
	leg_post(&gl->leg, &ev);
}

void gsm_dtmf_rx_start(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	char key = toupper((unsigned char)msg->keypad);

	if (gl->key && gl->key->asked) { /* the phone has to wait for our word */
		reject(gl, CAUSE_STATE);
		return;
	}
	gsm_dtmf_key_up(gl);
	if (!(msg->fields & MNCC_FIELD_KEYPAD) || !key || !strchr("0123456789*#ABCD", key)) {
		reject(gl, CAUSE_INVALID_MSG);
		return;
	}
	GSM_CTR(gl, GSM_CTR_DTMF_FROM_PHONE);
	if (gl->fi->state == GSM_ST_TALKING || gl->fi->state == GSM_ST_MO_CONNECTING)
		press(gl, key, msg->keypad);
	else
		reject(gl, CAUSE_STATE);
}

void gsm_dtmf_rx_stop(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	struct gsm_key *k = gl->key;

	if (k && k->asked) { /* answered when START is */
		k->length = now_ms() - k->since;
		k->stopped = true;
		return;
	}
	gsm_dtmf_key_up(gl);
	tx_stop_rsp(gl);
}

/*! Keys towards the phone: there is no way. */
void gsm_dtmf_cmd(struct gsm_leg *gl, const struct leg_dtmf *dtmf)
{
	struct leg_event result = { .type = LEG_EV_DTMF_RESULT, .dtmf = { .key = dtmf->key } };

	if (!dtmf->start)
		return;
	GSM_CTR(gl, GSM_CTR_DTMF_TO_PHONE);
	LOG_GSM(gl, LOGL_DEBUG, "key %c cannot be sent to the phone\n", dtmf->key);
	leg_post(&gl->leg, &result);
}
