/* What a GSM leg says of its media to the SIP side: offers and answers (RFC 3264), made of what gsm_media.c has. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/talloc.h>

#include "gsm_leg_internal.h"

#define SDP_TEXT_LEN 4096 /*!< of what we write ourselves */

static void no_description(struct gsm_leg *gl)
{
	struct cause cause = cause_make(CAUSE_INTERWORKING, "no session description could be made");

	gsm_leg_release(gl, &cause);
}

/*! SETUP with our offer. */
void gsm_media_post_setup(struct gsm_leg *gl, const struct call_parties *parties)
{
	struct leg_event ev = { .type = LEG_EV_SETUP };
	char buf[SDP_TEXT_LEN];

	ev.setup.parties = parties;
	ev.setup.media_mode = gl->media.mode;
	ev.setup.media = (struct leg_media){ .kind = LEG_MEDIA_OFFER, .sdp = gsm_sdp_offer(gl, buf, sizeof(buf)) };
	if (!ev.setup.media.sdp) {
		no_description(gl);
		return;
	}
	gl->media.offered = GSM_OFFER_SETUP;
	leg_post(&gl->leg, &ev);
}

/*! ALERTING or PROGRESS, with our answer if there is something to hear already. */
void gsm_media_post_early(struct gsm_leg *gl, enum leg_event_type type)
{
	char buf[SDP_TEXT_LEN];
	const char *sdp = NULL;

	if (gl->media.early && gl->media.offer && gsm_media_ready(gl)) {
		gsm_media_connect(gl);
		if (gl->leg.released)
			return;
		sdp = gsm_sdp_answer(gl, gl->media.offer, buf, sizeof(buf));
	}
	leg_post_media(&gl->leg, type, sdp ? LEG_MEDIA_ANSWER : LEG_MEDIA_NONE, sdp);
}

/*! ANSWERED with our answer, or with our offer if the call came without one. */
void gsm_media_post_answered(struct gsm_leg *gl, const struct number *connected)
{
	struct leg_event ev = { .type = LEG_EV_ANSWERED };
	struct leg_media *media = &ev.answered.media;
	char buf[SDP_TEXT_LEN];

	if (gl->media.offer)
		*media = (struct leg_media){ LEG_MEDIA_ANSWER, gsm_sdp_answer(gl, gl->media.offer, buf, sizeof(buf)) };
	else
		*media = (struct leg_media){ LEG_MEDIA_OFFER, gsm_sdp_offer(gl, buf, sizeof(buf)) };
	if (!media->sdp) {
		no_description(gl);
		return;
	}
	if (media->kind == LEG_MEDIA_OFFER)
		gl->media.offered = GSM_OFFER_SETUP;
	ev.answered.connected = *connected;
	TALLOC_FREE(gl->media.offer);
	leg_post(&gl->leg, &ev);
}

/*! MEDIA with our answer to the offer that is pending, if one is. */
void gsm_media_post_answer(struct gsm_leg *gl)
{
	char buf[SDP_TEXT_LEN];
	const char *sdp;

	if (!gl->media.offer)
		return;
	sdp = gsm_sdp_answer(gl, gl->media.offer, buf, sizeof(buf));
	if (sdp)
		gl->media.moved = gl->media.recoded = false;
	TALLOC_FREE(gl->media.offer);
	leg_post_media(&gl->leg, LEG_EV_MEDIA, sdp ? LEG_MEDIA_ANSWER : LEG_MEDIA_REFUSED, sdp);
	if (sdp)
		gsm_services_answered(gl);
	gsm_services_tell_hold(gl);
}

/*! Offer anew. Returns false if that cannot be done now, since an offer of either side is pending. */
bool gsm_media_post_offer(struct gsm_leg *gl, enum leg_event_type type, enum gsm_offer what)
{
	char buf[SDP_TEXT_LEN];
	const char *sdp;

	if (gl->media.offered || gl->media.offer)
		return false;
	sdp = gsm_sdp_offer(gl, buf, sizeof(buf));
	if (!sdp)
		return false;
	gl->media.offered = what;
	gl->media.telling = gl->media.moved;
	gl->media.moved = false;
	leg_post_media(&gl->leg, type, LEG_MEDIA_OFFER, sdp);
	return true;
}
