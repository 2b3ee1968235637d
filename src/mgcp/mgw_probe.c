/* Does the gateway give us endpoints? Tried with a real one when it comes up, so that a wrong domain is found before
 * the first call is lost by it: osmo-mgw answers AUEP whatever is asked for, so keep-alives tell nothing.
 *
 * An endpoint with one connection that receives from nowhere, deleted as soon as it is there. It is an endpoint like
 * any other (mgw_endp.c), so lost answers, repetitions and orphans are taken care of, and nothing is left. Tried again
 * with each keep-alive while it is refused. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "mgcp_internal.h"

const struct value_string mgw_probe_names[] = {
	{ MGW_PROBE_NONE, "not tried" },  { MGW_PROBE_TRYING, "being tried" }, { MGW_PROBE_ACCEPTED, "accepted" },
	{ MGW_PROBE_REFUSED, "refused" }, { MGW_PROBE_FAILED, "failed" },      {},
};

static void accepted(struct mgw *mgw)
{
	if (mgw->probe == MGW_PROBE_REFUSED || mgw->probe == MGW_PROBE_FAILED)
		LOG_MGW(mgw, LOGL_NOTICE, "gives out endpoints now\n");
	mgw->probe = MGW_PROBE_ACCEPTED;
	mgw->probe_code = 0;
	mgw->probe_why[0] = '\0';
}

/* An answer that says no, else something else went wrong, as \a why says. */
static void not_accepted(struct mgw *mgw, const char *why)
{
	bool refused = !mgw->error_is_past && mgw->last_error_code && mgw->error_ms >= mgw->probe_ms;
	enum mgw_probe now = refused ? MGW_PROBE_REFUSED : MGW_PROBE_FAILED;

	if (mgw->probe != now)
		LOG_MGW(mgw, LOGL_ERROR, "gives us no endpoint %s/*@%s: %s\n", mgw->cfg.endpoint, mgw->cfg.domain,
			why ?: "no reason");
	mgw->probe = now;
	mgw->probe_code = refused ? mgw->last_error_code : 0;
	OSMO_STRLCPY_ARRAY(mgw->probe_why, why ?: "");
}

static void probe_cb(struct mgw_endp *endp, const struct mgw_endp_report *report, void *data)
{
	struct mgw *mgw = data;

	mgw->probe_endp = NULL;
	if (report->event == MGW_ENDP_READY) {
		accepted(mgw);
		mgw_endp_release(endp);
	} else if (mgw->state == MGW_ST_UP) {
		not_accepted(mgw, report->why);
	}
}

/*! Try now, if that is wanted at all and not under way. */
void mgw_probe(struct mgw *mgw)
{
	struct mgw_want want = { .mode = MGW_MODE_RECVONLY, .ptime = 20 };

	if (!mgw->probing || mgw->cfg.no_probe || mgw->probe_endp || mgw->state != MGW_ST_UP)
		return;
	mgw->probe_endp = mgw_endp_alloc(mgw, probe_cb, mgw);
	if (!mgw->probe_endp)
		return;
	if (mgw->probe == MGW_PROBE_NONE)
		mgw->probe = MGW_PROBE_TRYING;
	mgw->probe_ms = mgcp_now_ms();
	sdp_codec_to_format(&want.codec, SDP_CODEC_GSM_FR, NULL);
	mgw_endp_want(mgw->probe_endp, MGW_CONN_CORE, &want);
}

/*! Still refused: try again. */
void mgw_probe_again(struct mgw *mgw)
{
	if (mgw->probe != MGW_PROBE_ACCEPTED)
		mgw_probe(mgw);
}

/*! What was found out is not true any more. */
void mgw_probe_reset(struct mgw *mgw)
{
	mgw_endp_release(mgw->probe_endp);
	mgw->probe_endp = NULL;
	mgw->probe = MGW_PROBE_NONE;
	mgw->probe_code = 0;
	mgw->probe_why[0] = '\0';
}
