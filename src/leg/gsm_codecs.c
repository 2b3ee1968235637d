/* The codecs of a GSM leg on either side of it, out of the few bytes that it keeps of them.
 *
 * The MSC assigns one. With an MSC that speaks SDP (osmo-msc from 1.11 on) others are possible until the call is
 * answered: they are offered, too, and if the SIP side takes one of them the MSC is told and assigns it anew. Payload
 * types, the packing of AMR and keys as telephone-event (RFC 4733) are each side's own; the gateway translates them. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "gsm_leg_internal.h"

#define EVENTS "0-15" /* RFC 4733 3.2: the keys */

static bool is_amr(enum sdp_codec_id codec)
{
	return codec == SDP_CODEC_AMR || codec == SDP_CODEC_AMR_WB;
}

/* The parameters of the codec assigned as the MSC has them. */
static void core_fmtp(char *buf, size_t len, const struct gsm_leg *gl)
{
	const struct gsm_media *m = &gl->media;
	struct sdp_amr amr = { .octet_align = !m->core_be, .mode_set = m->modes, .mode_change_period = 1 };

	buf[0] = '\0';
	if (is_amr(m->codec))
		sdp_amr_encode(buf, len, &amr);
}

static void event_format(struct sdp_format *f, uint8_t pt, enum sdp_codec_id codec)
{
	*f = (struct sdp_format){};
	if (!pt)
		return;
	sdp_codec_to_format(f, SDP_CODEC_TELEPHONE_EVENT, EVENTS);
	f->rate = sdp_codec_get(codec)->rate;
	f->pt = pt;
}

/*! Codec and telephone-event (enc "" if there is none) towards the MSC. */
void gsm_codecs_core(struct sdp_format *f, struct sdp_format *event, const struct gsm_leg *gl)
{
	const struct gsm_media *m = &gl->media;
	char fmtp[SDP_MAX_FMTP];

	core_fmtp(fmtp, sizeof(fmtp), gl);
	sdp_codec_to_format(f, m->codec, fmtp);
	f->pt = m->core_pt;
	event_format(event, m->core_event_pt, m->codec);
}

/*! The same towards the SIP side. */
void gsm_codecs_peer(struct sdp_format *f, struct sdp_format *event, const struct gsm_leg *gl)
{
	const struct gsm_media *m = &gl->media;
	char fmtp[SDP_MAX_FMTP];

	core_fmtp(fmtp, sizeof(fmtp), gl);
	sdp_codec_to_format(f, m->codec, m->fmtp ?: fmtp);
	f->pt = m->peer_pt;
	event_format(event, m->core_event_pt ? m->peer_event_pt : 0, m->codec);
}

/* May the MSC be led to another codec? Once the call is answered that would be heard. */
static bool is_open(const struct gsm_leg *gl)
{
	return gl->media.mode == MEDIA_DIRECT || gl->fi->state != GSM_ST_TALKING;
}

static bool pt_is_taken(const struct sdp_caps *caps, uint8_t pt)
{
	for (int i = 0; i < caps->n; i++) {
		if (caps->f[i].pt == pt)
			return true;
	}
	return false;
}

/* The codec assigned, what else is possible, and keys, each with a number of its own. */
static void from_assigned(struct sdp_caps *caps, const struct gsm_leg *gl)
{
	const struct gsm_media *m = &gl->media;
	struct sdp_format event;

	gsm_codecs_peer(&caps->f[caps->n++], &event, gl);
	for (int i = 0; is_open(gl) && i < GSM_MAX_OTHERS && m->others[i].codec; i++)
		sdp_caps_add(caps, m->others[i].codec, sdp_agree_gsm_fmtp(m->others[i].codec));
	if (!event.enc[0])
		return;
	while (pt_is_taken(caps, event.pt))
		event.pt = event.pt < 127 ? event.pt + 1 : 96;
	caps->f[caps->n++] = event;
}

static bool from_msc_sdp(struct sdp_caps *caps, const struct gsm_leg *gl)
{
	const char *text = gl->media.msc_sdp;
	const struct sdp_media *audio;
	struct sdp_msg sdp;

	if (!text || sdp_msg_parse(&sdp, text, strlen(text), NULL) || !(audio = sdp_msg_audio(&sdp)))
		return false;
	sdp_caps_from_media(caps, audio);
	return true;
}

/*! What this leg can do, as far as is known: what the MSC says, else all that GSM has. */
void gsm_codecs_ours(struct sdp_caps *caps, const struct gsm_leg *gl)
{
	const struct sdp_gsm_side nothing_known = { .more = gsm_kind_of(gl)->cfg.more_codecs };

	*caps = (struct sdp_caps){};
	if (from_msc_sdp(caps, gl))
		return;
	if (gl->media.codec)
		from_assigned(caps, gl);
	else
		sdp_agree_gsm_caps(caps, &nothing_known);
}

/*! Our answer to \a offer, or the words why there is none; see sdp_agree_answer(). */
int gsm_codecs_answer(struct sdp_msg *answer, const struct sdp_msg *offer, const struct gsm_leg *gl,
		      const struct osmo_sockaddr_str *addr, enum sdp_dir dir, char *why)
{
	struct sdp_gsm_side gsm = { .assigned = gl->media.codec, .open = is_open(gl) };
	struct sdp_caps caps;

	gsm_codecs_ours(&caps, gl);
	gsm.sdp = &caps;
	return sdp_agree_answer(answer, offer, &gsm, NULL, NULL, addr, dir, why);
}

/*! The MSC says which codec it is now. */
void gsm_codecs_take(struct gsm_leg *gl, const struct gsm_msc_media *mm)
{
	struct gsm_media *m = &gl->media;

	m->codec = mm->codec;
	m->core_pt = mm->pt;
	m->modes = mm->modes;
	m->core_be = mm->be;
	if (mm->event_pt && !m->core_event_pt)
		m->peer_event_pt = sdp_codec_get(SDP_CODEC_TELEPHONE_EVENT)->pt;
	m->core_event_pt = mm->event_pt;
	memcpy(m->others, mm->others, sizeof(m->others));
}

/*! The SIP side has settled on \a codec. Returns true if that is another one than was assigned. */
bool gsm_codecs_settle(struct gsm_leg *gl, enum sdp_codec_id codec)
{
	struct gsm_media *m = &gl->media;
	struct gsm_other_codec was = { .codec = m->codec, .pt = m->core_pt };

	for (int i = 0; i < GSM_MAX_OTHERS && m->mode == MEDIA_ANCHORED; i++) {
		if (codec == m->codec || m->others[i].codec != codec)
			continue;
		m->codec = codec;
		m->core_pt = m->others[i].pt;
		m->others[i] = was;
		m->modes = 0;
		m->core_be = false;
		TALLOC_FREE(m->fmtp);
		LOG_GSM(gl, LOGL_INFO, "%s instead of %s: the SIP side wants it, and the MSC can\n",
			sdp_codec_get(codec)->name, sdp_codec_get(was.codec)->name);
		return true;
	}
	return false;
}

/*! The SIP side's parameters of the codec. Returns true if they are other ones now. */
bool gsm_codecs_set_fmtp(struct gsm_leg *gl, const char *fmtp)
{
	struct gsm_media *m = &gl->media;
	char usual[SDP_MAX_FMTP];
	const char *was;

	core_fmtp(usual, sizeof(usual), gl);
	was = m->fmtp ?: usual;
	if (!strcmp(was, fmtp))
		return false;
	TALLOC_FREE(m->fmtp);
	if (strcmp(usual, fmtp))
		m->fmtp = talloc_strdup(gl, fmtp);
	return true;
}

/*! Does the SIP side take keys as telephone-event, and under which number? Returns true if that is new. */
bool gsm_codecs_set_peer_event(struct gsm_leg *gl, const struct sdp_media *audio)
{
	struct gsm_media *m = &gl->media;
	uint8_t pt = 0, was = m->peer_event_pt;

	if (!m->core_event_pt)
		return false;
	for (int i = 0; i < audio->n_formats && !pt; i++) {
		const struct sdp_format *f = &audio->formats[i];

		if (sdp_codec_of(f) == SDP_CODEC_TELEPHONE_EVENT && f->rate == sdp_codec_get(m->codec)->rate)
			pt = f->pt;
	}
	m->peer_event_pt = pt;
	return pt != was;
}
