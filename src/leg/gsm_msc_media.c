/* Where the MSC receives, and the codec that was assigned on the radio: what MNCC_RTP_CREATE says.
 *
 * From osmo-msc 1.11 on that is in SDP, which counts when it is there: the first codec is the one assigned. Before,
 * address, payload type and the kind of frame stand in members of their own. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include "gsm_leg_internal.h"

static bool is_assignable(const struct sdp_format *f)
{
	return sdp_codec_of(f) != SDP_CODEC_UNKNOWN && sdp_codec_carries_call(f);
}

/* The formats behind the one assigned: what else it could be, and keys. */
static void take_others(struct gsm_msc_media *mm, const struct sdp_media *audio)
{
	unsigned int i, n = 0;

	for (i = 0; i < audio->n_formats; i++) {
		const struct sdp_format *f = &audio->formats[i];
		enum sdp_codec_id id = sdp_codec_of(f);

		if (id == SDP_CODEC_TELEPHONE_EVENT && f->rate == sdp_codec_get(mm->codec)->rate)
			mm->event_pt = f->pt;
		else if (is_assignable(f) && id != mm->codec && n < ARRAY_SIZE(mm->others))
			mm->others[n++] = (struct gsm_other_codec){ .codec = id, .pt = f->pt };
	}
}

static void take_amr(struct gsm_msc_media *mm, const struct sdp_format *f)
{
	struct sdp_amr amr;

	if ((mm->codec != SDP_CODEC_AMR && mm->codec != SDP_CODEC_AMR_WB) || sdp_amr_parse(&amr, f->fmtp) < 0)
		return;
	mm->modes = amr.mode_set;
	mm->be = !amr.octet_align;
}

/* from its SDP: the first codec is the one assigned */
static bool from_sdp(struct gsm_msc_media *mm, const char *text)
{
	struct sdp_media *audio;
	struct sdp_msg sdp;
	unsigned int i;

	if (!text || !*text || sdp_msg_parse(&sdp, text, strlen(text), NULL))
		return false;
	audio = sdp_msg_audio(&sdp);
	if (!audio || !osmo_sockaddr_str_is_nonzero(&audio->addr))
		return false;
	for (i = 0; i < audio->n_formats && !is_assignable(&audio->formats[i]); i++)
		;
	if (i == audio->n_formats)
		return false;
	*mm = (struct gsm_msc_media){ .codec = sdp_codec_of(&audio->formats[i]),
				      .pt = audio->formats[i].pt,
				      .sdp = true };
	take_amr(mm, &audio->formats[i]);
	take_others(mm, audio);
	rtp_addr_from_str(&mm->addr, &audio->addr);
	return mm->addr.af != AF_UNSPEC;
}

/* from the old members */
static int from_legacy(struct gsm_msc_media *mm, const struct mncc_msg *msg)
{
	static const struct {
		uint32_t frame;
		enum sdp_codec_id codec;
	} codecs[] = {
		{ MNCC_MT_FRAME_FR, SDP_CODEC_GSM_FR },
		{ MNCC_MT_FRAME_EFR, SDP_CODEC_GSM_EFR },
		{ MNCC_MT_FRAME_HR, SDP_CODEC_GSM_HR },
		{ MNCC_MT_FRAME_AMR, SDP_CODEC_AMR },
	};
	struct osmo_sockaddr_str addr;
	unsigned int i;

	if (osmo_sockaddr_str_from_sockaddr(&addr, &msg->addr.u.sas) || !osmo_sockaddr_str_is_nonzero(&addr))
		return -EADDRNOTAVAIL;
	for (i = 0; i < ARRAY_SIZE(codecs) && codecs[i].frame != msg->payload_msg_type; i++)
		;
	if (i == ARRAY_SIZE(codecs) || msg->payload_type > 127)
		return -ENOTSUP;
	*mm = (struct gsm_msc_media){ .codec = codecs[i].codec, .pt = msg->payload_type };
	rtp_addr_from_str(&mm->addr, &addr);
	return 0;
}

/*! Returns 0; -EADDRNOTAVAIL: there is no address, -ENOTSUP: no codec that we know. */
int gsm_msc_media_decode(struct gsm_msc_media *mm, const struct mncc_msg *msg)
{
	return from_sdp(mm, msg->sdp) ? 0 : from_legacy(mm, msg);
}
