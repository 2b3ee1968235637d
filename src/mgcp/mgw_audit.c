/* Are the endpoints in use still there?
 *
 * osmo-mgw says nothing when it was restarted, and its calls are mute from then on. So endpoints are checked: each once
 * per audit interval; the one that was not checked for the longest with each keep-alive; and all of them, at a pace
 * that fits into half a keep-alive interval, when there is a reason to think that the gateway was restarted. mgw.live
 * is in order of the last check, so the next one is always first. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "mgcp_internal.h"

#define TICK_MS	   50	/* between batches */
#define BATCH	   10	/* least size of one */
#define LEAST_WAIT 1000 /* ms: periodic checks that fall due together go together */

static struct mgw_endp *first_live(const struct mgw *mgw)
{
	return llist_empty(&mgw->live) ? NULL : llist_entry(mgw->live.next, struct mgw_endp, live);
}

static bool is_urgent(const struct mgw *mgw, const struct mgw_endp *endp)
{
	return endp->checked_ms <= mgw->audit_since_ms;
}

static bool is_due(const struct mgw *mgw, const struct mgw_endp *endp, uint64_t now)
{
	unsigned long interval = timer_ms(mgcp_tdefs, T_MGCP_AUDIT);

	return is_urgent(mgw, endp) || (interval && endp->checked_ms + interval <= now);
}

static void check(struct mgw *mgw, struct mgw_endp *endp)
{
	MGW_COUNT(mgw, MGW_CTR_AUDIT);
	mgw_endp_check(endp);
}

static void audit_cb(void *data)
{
	struct mgw *mgw = data;
	uint64_t now = mgcp_now_ms();
	struct mgw_endp *endp;
	unsigned int n;

	if (mgw->state != MGW_ST_UP)
		return; /* begins anew when it comes up */
	for (n = 0; n < OSMO_MAX(mgw->audit_batch, BATCH); n++) {
		endp = first_live(mgw);
		if (!endp || !is_due(mgw, endp, now))
			break;
		check(mgw, endp);
	}
	mgw_audit_schedule(mgw);
}

void mgw_audit_init(struct mgw *mgw)
{
	osmo_timer_setup(&mgw->audit, audit_cb, mgw);
}

/*! An endpoint became live, or time has passed: see to it that the next check comes. */
void mgw_audit_schedule(struct mgw *mgw)
{
	unsigned long interval = timer_ms(mgcp_tdefs, T_MGCP_AUDIT);
	struct mgw_endp *endp = first_live(mgw);
	uint64_t now;

	if (!endp || osmo_timer_pending(&mgw->audit) || mgw->state != MGW_ST_UP)
		return;
	now = mgcp_now_ms();
	if (is_due(mgw, endp, now))
		timer_start_ms(&mgw->audit, TICK_MS);
	else if (interval)
		timer_start_ms(&mgw->audit, OSMO_MAX(endp->checked_ms + interval - now, LEAST_WAIT));
}

/*! The gateway may have been restarted: check everything soon. */
void mgw_audit_all(struct mgw *mgw, const char *why)
{
	unsigned long time = OSMO_MAX(timer_ms(mgcp_tdefs, T_MGCP_KEEPALIVE) / 2, TICK_MS);
	struct mgw_endp *endp = first_live(mgw);
	uint64_t now = mgcp_now_ms();

	if (mgw->state != MGW_ST_UP)
		return;
	if (mgw->audit_since_ms &&
	    now - mgw->audit_since_ms < time) /* each endpoint that a round finds missing is a reason for one */
		return;
	mgw->audit_batch = mgw->n_endpoints * TICK_MS / time + 1;
	mgw->audit_since_ms = now;
	if (!endp)
		return;
	LOG_MGW(mgw, LOGL_NOTICE, "%s: checking all %u endpoints\n", why, mgw->n_endpoints);
	osmo_timer_del(&mgw->audit);
	mgw_audit_schedule(mgw);
}

/*! Check the one that was not heard of for the longest. */
void mgw_audit_one(struct mgw *mgw)
{
	struct mgw_endp *endp = first_live(mgw);

	if (endp)
		check(mgw, endp);
}
