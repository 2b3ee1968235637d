/* The MSC's word about its media, the first one and later ones, and how the SIP side hears of changes.
 *
 * A handover brings another address, an assignment another codec. What the SIP side sees of it (with media direct all
 * of it; anchored a new codec, or another port of the gateway) has to be agreed on by an offer and its answer, and
 * there is one exchange at a time (RFC 3264 4, RFC 3261 14.1). While one is under way the MSC's newest word waits as a
 * whole, so that an answer is always read against the offer it belongs to. An offer that is refused just now is made
 * again a little later, but not for ever. A codec that the SIP side refuses ends the call, since nobody here
 * transcodes. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "gsm_leg_internal.h"

/* Above the 32 s that an exchange of the other side takes at most: timer H, the ACK that does not come */
#define AGAIN_MS  2000
#define MAX_TRIES 20

/*! What the MSC said last, waiting until the SIP side can be told. */
struct gsm_later {
	struct gsm_msc_media mm;
	char sdp[];
};

/*! An offer was refused just now; here while it is to be made again. */
struct gsm_again {
	struct gsm_leg *gl;
	struct osmo_timer_list timer;
	unsigned int tries;
};

/*! Forget what waits. */
void gsm_change_forget(struct gsm_leg *gl)
{
	TALLOC_FREE(gl->media.later);
	TALLOC_FREE(gl->media.again);
	gl->media.moved = gl->media.recoded = gl->media.telling = false;
}

/* ---- again ---- */

static int again_destructor(struct gsm_again *again)
{
	osmo_timer_del(&again->timer);
	return 0;
}

static void again_cb(void *data)
{
	struct gsm_leg *gl = ((struct gsm_again *)data)->gl;

	if (!gl->media.moved)
		TALLOC_FREE(gl->media.again); /* told by our answer to the other side's offer */
	gsm_change_tell(gl);
}

static void not_told(struct gsm_leg *gl, const char *what)
{
	const char *codec = sdp_codec_get(gl->media.codec)->name;
	bool no_codec = gl->media.recoded;
	struct cause cause;

	gsm_change_forget(gl);
	LOG_GSM_MEDIA(gl, "the SIP side %s the MSC's new media, codec %s", what, codec);
	if (!no_codec)
		return;
	GSM_CTR(gl, GSM_CTR_NO_CODEC);
	cause = cause_make(CAUSE_INCOMPATIBLE_DEST, "phone changed to %s; the SIP side %s it", codec, what);
	gsm_leg_release(gl, &cause);
}

static void try_again(struct gsm_leg *gl)
{
	struct gsm_again *again = gl->media.again;

	gl->media.moved = true;
	if (!again) {
		again = gl->media.again = talloc_zero(gl, struct gsm_again);
		again->gl = gl;
		osmo_timer_setup(&again->timer, again_cb, again);
		talloc_set_destructor(again, again_destructor);
	}
	if (++again->tries >= MAX_TRIES)
		not_told(gl, "could not be asked about");
	else
		timer_start_ms(&again->timer, AGAIN_MS);
}

/*! An offer of ours was answered or refused; if it told of a change, that is now agreed on, or has to be told again. */
void gsm_change_offer_done(struct gsm_leg *gl, enum gsm_offer what, enum leg_media_kind outcome)
{
	struct gsm_media *m = &gl->media;
	bool told = m->telling;

	m->telling = false;
	if (outcome == LEG_MEDIA_ANSWER) {
		m->recoded = false;
		TALLOC_FREE(m->again);
	} else if (!told) {
		return;
	} else if (outcome == LEG_MEDIA_RETRY) {
		try_again(gl);
	} else if (what != GSM_OFFER_CHANGE) { /* hold was refused, not the change that went with it */
		m->moved = true;
	} else {
		not_told(gl, "refused");
	}
}

/* ---- the MSC's word ---- */

static void remember(struct gsm_leg *gl, const struct gsm_msc_media *mm, const char *sdp)
{
	struct gsm_media *m = &gl->media;

	m->msc = mm->addr;
	if (m->codec != mm->codec) {
		m->peer_pt = m->mode == MEDIA_ANCHORED ? sdp_codec_get(mm->codec)->pt : mm->pt;
		TALLOC_FREE(m->fmtp);
		TALLOC_FREE(m->before);
	}
	gsm_codecs_take(gl, mm);
	if (m->mode != MEDIA_DIRECT)
		return;
	m->local = mm->addr;
	TALLOC_FREE(m->msc_sdp);
	if (mm->sdp)
		m->msc_sdp = talloc_strdup(gl, sdp);
}

static void take(struct gsm_leg *gl, const struct gsm_msc_media *mm, const char *sdp)
{
	struct gsm_media *m = &gl->media;
	bool first = m->msc.af == AF_UNSPEC, codec_changed = m->codec != mm->codec;
	/* the MSC had offered several, and follows the answer */
	bool agreed = m->mode == MEDIA_DIRECT && m->peer_pt == mm->pt;

	remember(gl, mm, sdp);
	if (first) {
		gsm_media_start(gl);
		return;
	}
	LOG_GSM(gl, LOGL_INFO, "the MSC's media changed, codec %s\n", sdp_codec_get(m->codec)->name);
	gsm_media_msc_changed(gl, codec_changed);
	if (!m->local_hash || (m->mode == MEDIA_ANCHORED && !codec_changed))
		return; /* the SIP side was not told of the old one, or sees the gateway as before */
	m->moved = true;
	m->recoded |= codec_changed && !agreed;
}

static bool may_offer(const struct gsm_leg *gl)
{
	const struct gsm_media *m = &gl->media;

	return gl->fi->state == GSM_ST_TALKING && !m->offered && !m->offer &&
	       !(m->again && osmo_timer_pending(&m->again->timer));
}

/* Is this to be agreed on with the SIP side, and cannot be now? */
static bool has_to_wait(const struct gsm_leg *gl, const struct gsm_msc_media *mm)
{
	const struct gsm_media *m = &gl->media;

	return m->local_hash && (m->mode == MEDIA_DIRECT || m->codec != mm->codec) && !may_offer(gl);
}

static void keep(struct gsm_leg *gl, const struct gsm_msc_media *mm, const char *sdp)
{
	size_t len = mm->sdp ? strlen(sdp) + 1 : 1;
	struct gsm_later *later = talloc_size(gl, sizeof(*later) + len);

	talloc_set_name_const(later, "struct gsm_later");
	later->mm = *mm;
	memcpy(later->sdp, mm->sdp ? sdp : "", len);
	gl->media.later = later;
	LOG_GSM(gl, LOGL_INFO, "the MSC's new media has to wait until the SIP side can be told\n");
}

/*! Tell the SIP side what it has yet to be told, if that is possible now. */
void gsm_change_tell(struct gsm_leg *gl)
{
	struct gsm_later *later = gl->media.later;

	if (!may_offer(gl))
		return;
	gl->media.later = NULL;
	if (later)
		take(gl, &later->mm, later->sdp);
	talloc_free(later);
	if (gl->media.moved && !gl->leg.released)
		gsm_media_post_offer(gl, LEG_EV_MEDIA, GSM_OFFER_CHANGE);
}

/*! The first word is the one that the MSC said for \a other. */
void gsm_change_same_media(struct gsm_leg *gl, const struct gsm_leg *other)
{
	const struct gsm_media *m = &other->media;
	struct gsm_msc_media mm = {
		.addr = m->msc,
		.codec = m->codec,
		.pt = m->core_pt,
		.event_pt = m->core_event_pt,
		.modes = m->modes,
		.be = m->core_be,
	};

	take(gl, &mm, "");
}

/*! MNCC_RTP_CREATE: where the MSC receives, and the codec that was assigned on the radio. */
void gsm_change_rx_rtp_create(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	struct gsm_media *m = &gl->media;
	struct gsm_msc_media mm;
	struct cause cause;

	switch (gsm_msc_media_decode(&mm, msg)) {
	case 0:
		break;
	case -ENOTSUP:
		cause = cause_make(CAUSE_BEARER_NOT_IMPL, "the MSC assigned a codec that we do not know");
		gsm_leg_release(gl, &cause);
		return;
	default: /* osmo-msc's way to say that it refuses ours */
		cause = cause_make(CAUSE_RESOURCES, "the MSC gave no address for the media");
		if (m->msc.af == AF_UNSPEC)
			gsm_leg_release(gl, &cause);
		return;
	}
	TALLOC_FREE(m->later);
	if (rtp_addr_equal(&m->msc, &mm.addr) && m->codec == mm.codec && m->core_pt == mm.pt)
		return;
	if (has_to_wait(gl, &mm)) {
		keep(gl, &mm, msg->sdp);
		return;
	}
	take(gl, &mm, msg->sdp);
	if (!gl->leg.released)
		gsm_change_tell(gl);
}
