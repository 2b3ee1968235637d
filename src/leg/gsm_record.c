/* What a GSM leg leaves for the record of its call: taken when it ends, since its endpoint goes then. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/mgcp/mgw_endp.h>

#include "gsm_leg_internal.h"

static void fill(const struct gsm_leg *gl, struct leg_record *rec)
{
	const char *codec = gl->media.codec ? sdp_codec_get(gl->media.codec)->name : "";

	snprintf(rec->wire_id, sizeof(rec->wire_id), "0x%x", gl->mc.callref);
	OSMO_STRLCPY_ARRAY(rec->codec, codec);
	OSMO_STRLCPY_ARRAY(rec->far_codec, codec); /* the gateway repacks, it does not transcode */
	if (gl->media.endp) {
		OSMO_STRLCPY_ARRAY(rec->endpoint, mgw_endp_name(gl->media.endp));
		rec->media_key = rec->endpoint[0] ? mgw_endp_call_id(gl->media.endp) : 0;
	}
}

/*! Callref and side of the call are known: messages with it are this call's. */
void gsm_record_bind(const struct gsm_leg *gl)
{
	wire_bind(WIRE_MNCC, gl->mc.callref, gl->leg.call_id, gl->leg.side == LEG_B);
}

/*! The endpoint is there, nothing was sent for it yet. */
void gsm_record_bind_media(const struct gsm_leg *gl)
{
	if (gl->media.endp)
		wire_bind(WIRE_MGCP, mgw_endp_call_id(gl->media.endp), gl->leg.call_id, gl->leg.side == LEG_B);
}

/*! The leg is about to let go of what it has. */
void gsm_record_end(struct gsm_leg *gl)
{
	if (gl->record)
		return;
	gl->record = talloc_zero(gl, struct leg_record);
	if (gl->record)
		fill(gl, gl->record);
}

/*! For struct leg_kind. */
void gsm_record(const struct leg *leg, struct leg_record *rec)
{
	const struct gsm_leg *gl = gsm_leg_from((struct leg *)leg);

	if (gl->record)
		*rec = *gl->record;
	else
		fill(gl, rec);
}
