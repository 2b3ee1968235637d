/* A callref that is being released on the radio, after its leg has gone.
 *
 * Clearing takes the phone up to a minute when it is out of reach. Nobody has to wait for that: the leg tells the call
 * at once that it has ended, and this small object sees that the MSC ends too (3GPP TS 24.008 5.4): DISC_REQ is
 * answered by REL_IND, REL_REQ by REL_CNF, and when both sides hang up at once the MSC's DISC_IND by REL_REQ. Meanwhile
 * the callref cannot be taken by a new call. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/timers.h>

#include "gsm_leg_internal.h"

struct gsm_release {
	struct mncc_call mc;
	struct osmo_timer_list timer; /*!< T_GSM_RELEASE */
	const struct gsm_kind *kind;
	uint8_t cause;
	bool rel_sent;
};

#define LOG_REL(GR, LEVEL, FMT, ARGS...) LOGP(DGSM, LEVEL, "release of 0x%x: " FMT, (GR)->mc.callref, ##ARGS)

static int release_destructor(struct gsm_release *gr)
{
	osmo_timer_del(&gr->timer);
	if (gr->mc.link)
		mncc_call_detach(&gr->mc);
	return 0;
}

static void tx(struct gsm_release *gr, enum mncc_msg_type type)
{
	struct mncc_msg msg = {
		.type = type,
		.callref = gr->mc.callref,
		.fields = MNCC_FIELD_CAUSE,
		.cause = { .location = CAUSE_LOC_PRN_LOCAL, .coding = 3, .value = gr->cause },
	};

	if (type == MNCC_MT_REL_REQ)
		gr->rel_sent = true;
	timer_start(&gr->timer, gsm_tdefs, T_GSM_RELEASE);
	mncc_link_tx(gr->kind->env.mncc, &msg);
}

static void timeout(void *data)
{
	struct gsm_release *gr = data;

	rate_ctr_inc(rate_ctr_group_get_ctr(gr->kind->ctrs, GSM_CTR_RELEASE_TIMEOUT));
	if (!gr->rel_sent) {
		tx(gr, MNCC_MT_REL_REQ);
		return;
	}
	LOG_REL(gr, LOGL_NOTICE, "the MSC does not confirm it, given up\n");
	talloc_free(gr);
}

static void rx(struct mncc_call *mc, const struct mncc_msg *msg)
{
	struct gsm_release *gr = container_of(mc, struct gsm_release, mc);

	switch (msg->type) {
	case MNCC_MT_REL_IND:
	case MNCC_MT_REL_CNF:
	case MNCC_MT_REJ_IND:
		LOG_REL(gr, LOGL_DEBUG, "done\n");
		talloc_free(gr);
		return;
	case MNCC_MT_DISC_IND:
		if (!gr->rel_sent)
			tx(gr, MNCC_MT_REL_REQ);
		return;
	default:
		rate_ctr_inc(rate_ctr_group_get_ctr(gr->kind->ctrs, GSM_CTR_RX_LATE));
		LOG_REL(gr, LOGL_DEBUG, "%s is too late\n", get_value_string(mncc_msg_type_names, msg->type));
	}
}

static void link_down(struct mncc_call *mc)
{
	talloc_free(container_of(mc, struct gsm_release, mc));
}

static const struct mncc_call_ops release_ops = { .rx = rx, .link_down = link_down };

/*! Send \a how (DISC_REQ or REL_REQ) for \a callref, that no leg listens to any more, and see to its end. */
void gsm_release_start(const struct gsm_kind *kind, uint32_t callref, enum mncc_msg_type how, const struct cause *cause)
{
	struct gsm_release *gr = talloc_zero(kind, struct gsm_release);

	*gr = (struct gsm_release){ .kind = kind, .cause = cause_valid(cause->value) };
	osmo_timer_setup(&gr->timer, timeout, gr);
	talloc_set_destructor(gr, release_destructor);
	if (mncc_call_attach(&gr->mc, kind->env.mncc, callref, &release_ops)) {
		LOGP(DGSM, LOGL_ERROR, "callref 0x%x is in use twice\n", callref);
		talloc_free(gr);
		return;
	}
	tx(gr, how);
}
