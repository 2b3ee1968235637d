/* Two calls of one phone: call waiting, or a second call while the first one is held (3GPP TS 24.083).
 *
 * The phone has one radio channel, and osmo-msc one port for it towards us: it assigns the channel for the first call
 * and says nothing of media for the second (msc_a_try_call_assignment(): "another call is already ongoing"; in SDP it
 * says port 0), but an MNCC_RTP_CONNECT of either call points the one port to where it says (tch_rtp_connect()). So the
 * second call uses what the MSC said for the first one, as soon as that is held, and whichever call the phone takes up
 * points the port to itself. The held call's connection does not send to the MSC meanwhile. Phones are told apart by
 * their IMSI. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/hashtable.h>

#include <osmocom/sipgw/base/token.h>

#include "gsm_leg_internal.h"

/*! Whose call it is. */
void gsm_phone_is(struct gsm_leg *gl, const char *imsi)
{
	struct gsm_kind *kind = (struct gsm_kind *)gsm_kind_of(gl);

	if (gl->phone || !imsi[0])
		return;
	gl->phone = token_hash_str(imsi);
	hash_add(kind->by_phone, &gl->by_phone, gl->phone);
}

/*! The call has ended for us. */
void gsm_phone_forget(struct gsm_leg *gl)
{
	if (gl->phone)
		hash_del(&gl->by_phone);
	gl->phone = 0;
}

/*! Another call of the same phone that the MSC has said its media for; NULL: none. */
struct gsm_leg *gsm_phone_other(const struct gsm_leg *gl)
{
	struct gsm_kind *kind = (struct gsm_kind *)gsm_kind_of(gl);
	struct gsm_leg *other;

	if (!gl->phone)
		return NULL;
	hash_for_each_possible (kind->by_phone, other, by_phone, gl->phone) {
		if (other != gl && other->phone == gl->phone && other->media.msc.af != AF_UNSPEC)
			return other;
	}
	return NULL;
}

/*! If the phone's other call is held, use what the MSC said for that one. */
void gsm_phone_share(struct gsm_leg *gl)
{
	struct gsm_leg *other = gsm_phone_other(gl);

	if (!other || !other->media.phone_holds || gl->media.msc.af != AF_UNSPEC)
		return;
	LOG_GSM(gl, LOGL_INFO, "the phone's second call, uses the media of 0x%x\n", other->mc.callref);
	other->media.shared = gl->media.shared = true;
	gsm_change_same_media(gl, other);
}
