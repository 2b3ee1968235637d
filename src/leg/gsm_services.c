/* What a phone does in a call: hold and retrieval; what the other side does that a phone is told of; and what it asks
 * for in vain.
 *
 * Each request is answered, since osmo-msc and the phone wait for it. Hold and retrieval are offers to the SIP side
 * whose outcome is the answer to the phone (3GPP TS 24.083); after a glare they are made once more, unless our answer
 * to the other side's offer says it already. When the other side holds, the phone is told by NOTIFY, user suspended
 * (3GPP TS 24.008 10.5.4.20), or by the FACILITY that TS 24.083 2.3 has for it. Keys are gsm_dtmf.c's.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>

#include "gsm_leg_internal.h"

#define AGAIN_MS 2000

/*! Hold or retrieval that could not be said to the SIP side just now; the phone waits for its answer. */
struct gsm_wish {
	struct gsm_leg *gl;
	enum gsm_offer what;
	struct osmo_timer_list timer;
};

/*! Send something that osmo-msc 1.9 starts its guard timer for, also in an active call */
void gsm_services_tx(struct gsm_leg *gl, struct mncc_msg *msg)
{
	gsm_tx_msg(gl, msg);
	gsm_leg_pacify(gl);
}

void gsm_services_reject(struct gsm_leg *gl, enum mncc_msg_type type, uint8_t cause)
{
	struct mncc_msg msg = {
		.type = type,
		.fields = MNCC_FIELD_CAUSE,
		.cause = { .location = CAUSE_LOC_PRN_LOCAL, .coding = 3, .value = cause },
	};
	gsm_services_tx(gl, &msg);
}

/* ---- the phone holds ---- */

static void grant(struct gsm_leg *gl, enum gsm_offer what)
{
	struct mncc_msg cnf = { .type = what == GSM_OFFER_HOLD ? MNCC_MT_HOLD_CNF : MNCC_MT_RETRIEVE_CNF };

	TALLOC_FREE(gl->media.wish);
	gsm_media_apply_hold(gl);
	gsm_services_tx(gl, &cnf);
}

static void refuse(struct gsm_leg *gl, enum gsm_offer what, uint8_t cause)
{
	TALLOC_FREE(gl->media.wish);
	gl->media.phone_holds = what != GSM_OFFER_HOLD;
	GSM_CTR(gl, GSM_CTR_HOLD_REJECTED);
	gsm_services_reject(gl, what == GSM_OFFER_HOLD ? MNCC_MT_HOLD_REJ : MNCC_MT_RETRIEVE_REJ, cause);
}

static bool offer(struct gsm_leg *gl, enum gsm_offer what)
{
	return gsm_media_post_offer(gl, what == GSM_OFFER_HOLD ? LEG_EV_HELD : LEG_EV_RESUMED, what);
}

static int wish_destructor(struct gsm_wish *wish)
{
	osmo_timer_del(&wish->timer);
	return 0;
}

static void wish_cb(void *data)
{
	struct gsm_wish *wish = data;

	if (wish->gl->fi->state == GSM_ST_TALKING && !offer(wish->gl, wish->what))
		refuse(wish->gl, wish->what, CAUSE_TEMP_FAILURE);
}

/* Once: a phone does not wait for ever. */
static bool keep_wish(struct gsm_leg *gl, enum gsm_offer what)
{
	struct gsm_wish *wish;

	if (gl->media.wish)
		return false;
	wish = gl->media.wish = talloc_zero(gl, struct gsm_wish);
	wish->gl = gl;
	wish->what = what;
	osmo_timer_setup(&wish->timer, wish_cb, wish);
	talloc_set_destructor(wish, wish_destructor);
	timer_start_ms(&wish->timer, AGAIN_MS);
	return true;
}

/*! Our answer has told the SIP side whether the phone holds. */
void gsm_services_answered(struct gsm_leg *gl)
{
	if (gl->media.wish)
		grant(gl, gl->media.wish->what);
}

/* hold: true to hold, false to take back */
static void rx_hold(struct gsm_leg *gl, bool hold)
{
	enum mncc_msg_type reject = hold ? MNCC_MT_HOLD_REJ : MNCC_MT_RETRIEVE_REJ;
	struct mncc_msg cnf = { .type = hold ? MNCC_MT_HOLD_CNF : MNCC_MT_RETRIEVE_CNF };

	if (gl->fi->state != GSM_ST_TALKING) {
		gsm_services_reject(gl, reject, CAUSE_STATE);
		return;
	}
	if (gl->media.offered || gl->media.offer || gl->media.wish) { /* an offer of either side is under way */
		GSM_CTR(gl, GSM_CTR_HOLD_REJECTED);
		gsm_services_reject(gl, reject, CAUSE_TEMP_FAILURE);
		return;
	}
	if (gl->media.phone_holds == hold) {
		gsm_services_tx(gl, &cnf);
		return;
	}
	GSM_CTR(gl, GSM_CTR_HOLD);
	gl->media.phone_holds = hold;
	if (!offer(gl, hold ? GSM_OFFER_HOLD : GSM_OFFER_RETRIEVE))
		gsm_services_offer_done(gl, hold ? GSM_OFFER_HOLD : GSM_OFFER_RETRIEVE, LEG_MEDIA_RETRY);
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
void gsm_services_offer_done(struct gsm_leg *gl, enum gsm_offer what, enum leg_media_kind outcome)
{
	bool is_hold = what == GSM_OFFER_HOLD || what == GSM_OFFER_RETRIEVE;

	if (is_hold && outcome == LEG_MEDIA_ANSWER)
		grant(gl, what);
	else if (is_hold && outcome != LEG_MEDIA_RETRY)
		refuse(gl, what, CAUSE_FACILITY_REJECTED);
	else if (is_hold && !keep_wish(gl, what))
		refuse(gl, what, CAUSE_TEMP_FAILURE);
	gsm_services_tell_hold(gl);
}

/* ---- the other side holds ---- */

/* 3GPP TS 24.080 4.2.2.2: Invoke NotifySS { ss-Code hold, callOnHold-Indicator }; the last octet says which */
static void tx_facility(struct gsm_leg *gl, bool held)
{
	uint8_t notify_ss[] = { 0xa1, 14, 0x02, 1, 1, 0x02, 1, 0x10, 0x30, 6, 0x81, 1, 0x42, 0x8f, 1, held };
	struct mncc_msg msg = {
		.type = MNCC_MT_FACILITY_REQ,
		.fields = MNCC_FIELD_FACILITY,
		.facility = notify_ss,
		.facility_len = sizeof(notify_ss),
	};
	gsm_services_tx(gl, &msg);
}

/* 3GPP TS 24.008 10.5.4.20 */
static void tx_notify(struct gsm_leg *gl, bool held)
{
	struct mncc_msg msg = { .type = MNCC_MT_NOTIFY_REQ, .notify = held ? 0 /* suspended */ : 1 /* resumed */ };
	gsm_services_tx(gl, &msg);
}

/*! Tell the phone whether the other side holds, if that is another word than the last one. While the phone itself holds
 * nobody can tell from the other side's description. */
void gsm_services_tell_hold(struct gsm_leg *gl)
{
	const struct gsm_media *m = &gl->media;
	bool held = m->remote_hash && !m->peer_receives;

	if (gl->leg.released || gl->fi->state != GSM_ST_TALKING || m->phone_holds || m->offer || m->offered ||
	    held == gl->told_held)
		return;
	gl->told_held = held;
	LOG_GSM(gl, LOGL_INFO, "the other side %s\n", held ? "holds" : "goes on");
	switch (gsm_kind_of(gl)->cfg.hold_notify) {
	case GSM_HOLD_NOTIFY:
		tx_notify(gl, held);
		return;
	case GSM_HOLD_FACILITY:
		tx_facility(gl, held);
		return;
	case GSM_HOLD_NOTHING:
		return;
	}
}

/* ---- and what it asks for in vain ---- */

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
		{ MNCC_MT_START_DTMF_IND, gsm_dtmf_rx_start },
		{ MNCC_MT_STOP_DTMF_IND, gsm_dtmf_rx_stop },
		{ MNCC_MT_HOLD_IND, rx_hold_ind },
		{ MNCC_MT_RETRIEVE_IND, rx_retrieve_ind },
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
