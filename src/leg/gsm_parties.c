/* Who calls whom, on the edge between the call's numbers and MNCC's members.
 *
 * A number that is not to be shown is never given to the MSC, which would send its digits to the phone with a mark on
 * them (3GPP TS 24.008 10.5.4.9). One that does not fit is left out or, if it is the one that is called, refused: half
 * a number would be somebody else's. MNCC has neither the IMEI nor the cell of a phone; the cell may be configured. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include "gsm_leg_internal.h"

void gsm_number_from_mncc(struct number *n, const struct mncc_number *m)
{
	const char *digits = m->digits[0] == '+' ? m->digits + 1 : m->digits;

	*n = (struct number){
		.type = m->digits[0] == '+' ? NUMBER_INTERNATIONAL : m->type,
		.plan = m->plan,
		.presentation = m->present,
		.screening = m->screen,
	};
	OSMO_STRLCPY_ARRAY(n->digits, digits);
}

static bool number_to_mncc(struct mncc_number *m, const struct number *n)
{
	if (strlen(n->digits) > MNCC_MAX_DIGITS)
		return false;
	*m = (struct mncc_number){
		.type = n->type,
		.plan = n->plan ? n->plan : NUMBER_PLAN_ISDN,
		.present = n->presentation,
		.screen = n->screening,
	};
	if (n->presentation == NUMBER_ALLOWED)
		OSMO_STRLCPY_ARRAY(m->digits, n->digits);
	else
		m->type = NUMBER_UNKNOWN;
	return true;
}

/* How long the reference in there is: three parts, each with its length in front (3GPP TS 29.205 B.2.1.9.1); 0 if it is
 * none */
static size_t gcr_len(const uint8_t gcr[16])
{
	size_t net = gcr[0], node = net + 1, ref = node + 1 + 2;

	if (net < 3 || net > 5 || gcr[node] != 2 || gcr[ref] != 5)
		return 0;
	return ref + 1 + 5;
}

static void gcr_from_mncc(char *hex, size_t len, const struct mncc_msg *msg)
{
	if (msg->has_gcr && gcr_len(msg->gcr))
		osmo_strlcpy(hex, osmo_hexdump_nospc(msg->gcr, gcr_len(msg->gcr)), len);
}

static void gcr_to_mncc(struct gsm_leg *gl, struct mncc_msg *msg, const char *hex)
{
	int len = hex[0] ? osmo_hexparse(hex, msg->gcr, sizeof(msg->gcr)) : 0;

	msg->has_gcr = len > 0 && (size_t)len == gcr_len(msg->gcr);
	if (msg->has_gcr)
		msg->fields |= MNCC_FIELD_GCR;
	else if (len)
		LOG_GSM(gl, LOGL_INFO, "'%s' is no Global Call Reference, left out\n", hex);
}

/*! Who calls whom, from MNCC_SETUP_IND. */
void gsm_setup_parties(const struct gsm_kind *kind, struct call_parties *parties, const struct mncc_msg *setup)
{
	*parties = (struct call_parties){ .emergency = setup->emergency };
	if (setup->fields & MNCC_FIELD_CALLED)
		gsm_number_from_mncc(&parties->called, &setup->called);
	if (setup->fields & MNCC_FIELD_CALLING)
		gsm_number_from_mncc(&parties->calling, &setup->calling);
	if (setup->fields & MNCC_FIELD_REDIRECTING)
		gsm_number_from_mncc(&parties->redirecting, &setup->redirecting);
	/* suppression is of the invocation (3GPP TS 24.081 2): whoever asks for both wants to be shown */
	if (setup->clir.inv && !setup->clir.sup)
		parties->calling.presentation = NUMBER_RESTRICTED;
	/* who calls for help is shown whatever the phone is set to (3GPP TS 22.081, override) */
	if (setup->emergency)
		parties->calling.presentation = NUMBER_ALLOWED;
	OSMO_STRLCPY_ARRAY(parties->imsi, setup->imsi);
	OSMO_STRLCPY_ARRAY(parties->cell, kind->cfg.cell);
	gcr_from_mncc(parties->gcr, sizeof(parties->gcr), setup);
}

/* One that there is something to say about. */
static void add_number(struct gsm_leg *gl, struct mncc_msg *msg, enum mncc_field field, struct mncc_number *m,
		       const struct number *n, const char *what)
{
	if (!number_given(n) && n->presentation == NUMBER_ALLOWED)
		return;
	if (number_to_mncc(m, n))
		msg->fields |= field;
	else
		LOG_GSM(gl, LOGL_NOTICE, "%s number %s is longer than the %d digits that MNCC has, not shown\n", what,
			n->digits, MNCC_MAX_DIGITS);
}

/*! MNCC_SETUP_REQ. Returns 0, or negative errno with \a why. */
int gsm_tx_setup_req(struct gsm_leg *gl, const struct call_parties *parties, const char *sdp, struct cause *why)
{
	struct mncc_msg msg = { .type = MNCC_MT_SETUP_REQ, .sdp = *sdp ? sdp : NULL };
	struct number called = parties->called;

	called.presentation = NUMBER_ALLOWED;
	if (!number_given(&called)) {
		OSMO_STRLCPY_ARRAY(msg.imsi, parties->imsi);
	} else if (number_to_mncc(&msg.called, &called)) {
		msg.fields |= MNCC_FIELD_CALLED;
	} else {
		*why = cause_make(CAUSE_INVALID_NUMBER, "the called number has %zu digits, MNCC has room for %d",
				  strlen(called.digits), MNCC_MAX_DIGITS);
		return -EINVAL;
	}
	add_number(gl, &msg, MNCC_FIELD_CALLING, &msg.calling, &parties->calling, "calling");
	add_number(gl, &msg, MNCC_FIELD_REDIRECTING, &msg.redirecting, &parties->redirecting, "redirecting");
	gcr_to_mncc(gl, &msg, parties->gcr);
	if (!gsm_tx_msg(gl, &msg))
		return 0;
	*why = cause_make(CAUSE_CONGESTION, "the MSC cannot take the call now");
	return -EAGAIN;
}

/*! MNCC_SETUP_RSP, to a phone that called: \a connected answered (COLP, 3GPP TS 24.081 3), NULL if nobody knows who. */
void gsm_tx_setup_rsp(struct gsm_leg *gl, const struct number *connected)
{
	struct mncc_msg msg = { .type = MNCC_MT_SETUP_RSP };

	if (connected)
		add_number(gl, &msg, MNCC_FIELD_CONNECTED, &msg.connected, connected, "connected");
	gsm_tx_msg(gl, &msg);
}
