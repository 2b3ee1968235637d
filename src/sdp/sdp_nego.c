/* Offer/answer (RFC 3264) as pure functions.
 *
 * An answer settles on one voice codec: the media gateways we work with do not transcode and take the first payload
 * type they can, so a choice left open is one that two sides may take differently (RFC 3264 10.2 gives the same
 * advice). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <arpa/inet.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sdp/sdp_nego.h>

#include "sdp_internal.h"

static bool pt_is_used(const struct sdp_caps *caps, uint8_t pt)
{
	int i;

	for (i = 0; i < caps->n; i++) {
		if (caps->f[i].pt == pt)
			return true;
	}
	return false;
}

/*! \a pt, or if it is taken the first free one of the dynamic range. */
static uint8_t free_pt(const struct sdp_caps *caps, uint8_t pt)
{
	uint8_t dyn;

	if (!pt_is_used(caps, pt))
		return pt;
	for (dyn = 96; dyn < 127 && pt_is_used(caps, dyn); dyn++)
		;
	return dyn;
}

void sdp_caps_add(struct sdp_caps *caps, enum sdp_codec_id id, const char *fmtp)
{
	struct sdp_format *f = &caps->f[caps->n];
	int i;

	if (id == SDP_CODEC_UNKNOWN || caps->n == ARRAY_SIZE(caps->f))
		return;
	sdp_codec_to_format(f, id, fmtp);
	for (i = 0; i < caps->n; i++) {
		if (sdp_codec_of(&caps->f[i]) == id && !strcasecmp(caps->f[i].fmtp, f->fmtp))
			return;
	}
	f->pt = free_pt(caps, f->pt);
	caps->n++;
}

void sdp_caps_from_media(struct sdp_caps *caps, const struct sdp_media *media)
{
	caps->n = media->n_formats;
	memcpy(caps->f, media->formats, media->n_formats * sizeof(caps->f[0]));
}

bool sdp_caps_has(const struct sdp_caps *caps, enum sdp_codec_id id)
{
	int i;

	for (i = 0; i < caps->n; i++) {
		if (sdp_codec_of(&caps->f[i]) == id)
			return true;
	}
	return false;
}

/*! Unknown codecs under the name they were given: "opus" says more than "unknown". */
static const char *format_name(const struct sdp_format *f)
{
	enum sdp_codec_id id = sdp_codec_of(f);

	return id == SDP_CODEC_UNKNOWN ? f->enc : sdp_codec_get(id)->name;
}

static bool was_named(const struct sdp_caps *caps, int n, const char *name)
{
	int i;

	for (i = 0; i < n; i++) {
		if (sdp_codec_carries_call(&caps->f[i]) && !strcasecmp(format_name(&caps->f[i]), name))
			return true;
	}
	return false;
}

int sdp_caps_to_str_buf(char *buf, size_t len, const struct sdp_caps *caps)
{
	struct osmo_strbuf sb = { .buf = buf, .len = len };
	int i;

	for (i = 0; i < caps->n; i++) {
		const char *name = format_name(&caps->f[i]);

		if (!sdp_codec_carries_call(&caps->f[i]) || was_named(caps, i, name))
			continue;
		OSMO_STRBUF_PRINTF(sb, "%s%s", sb.chars_needed ? ", " : "", name);
	}
	if (!sb.chars_needed)
		OSMO_STRBUF_PRINTF(sb, "no voice codec");
	return sb.chars_needed;
}

/*! Formats found to be compatible: is there nothing to convert either? Only AMR can be packed in two ways. */
static bool same_packing(const struct sdp_format *a, const struct sdp_format *b)
{
	struct sdp_amr amr_a, amr_b;
	enum sdp_codec_id id = sdp_codec_of(a);

	if (id != SDP_CODEC_AMR && id != SDP_CODEC_AMR_WB)
		return true;
	return sdp_amr_parse(&amr_a, a->fmtp) == 0 && sdp_amr_parse(&amr_b, b->fmtp) == 0 &&
	       amr_a.octet_align == amr_b.octet_align;
}

/*! Of \a ours the format that fits \a f best: AMR with the same octet-align before one that has to be converted. */
static const struct sdp_format *best_match(const struct sdp_caps *ours, const struct sdp_format *f)
{
	const struct sdp_format *found = NULL;
	int i;

	for (i = 0; i < ours->n; i++) {
		if (!sdp_format_compatible(&ours->f[i], f))
			continue;
		if (same_packing(&ours->f[i], f))
			return &ours->f[i];
		if (!found)
			found = &ours->f[i];
	}
	return found;
}

/*! \a mine was found to be AMR compatible with \a f: restrict its modes to those of both. */
static void common_modes(struct sdp_format *f, const struct sdp_format *mine)
{
	char fmtp[SDP_MAX_FMTP];
	struct sdp_amr theirs, ours;
	uint16_t modes;

	if (sdp_amr_parse(&theirs, f->fmtp) < 0 || sdp_amr_parse(&ours, mine->fmtp) < 0 || !ours.mode_set)
		return;
	modes = theirs.mode_set ? theirs.mode_set & ours.mode_set : ours.mode_set;
	/* unchanged: leave the very text, as RFC 4867 8.3.1 wants a mode-set of the offer returned unmodified */
	if (modes != theirs.mode_set && sdp_amr_set_modes(fmtp, sizeof(fmtp), f->fmtp, modes) >= 0)
		OSMO_STRLCPY_ARRAY(f->fmtp, fmtp);
}

static void take(struct sdp_caps *out, const struct sdp_format *offered, const struct sdp_format *mine)
{
	enum sdp_codec_id id = sdp_codec_of(offered);
	struct sdp_format *f;

	if (out->n == ARRAY_SIZE(out->f) || pt_is_used(out, offered->pt))
		return;
	f = &out->f[out->n++];
	*f = *offered;
	if (id == SDP_CODEC_AMR || id == SDP_CODEC_AMR_WB)
		common_modes(f, mine);
	else if (id == SDP_CODEC_TELEPHONE_EVENT && mine->fmtp[0])
		OSMO_STRLCPY_ARRAY(f->fmtp, mine->fmtp);
}

static void common_in_our_order(struct sdp_caps *out, const struct sdp_caps *ours, const struct sdp_media *offered)
{
	int i, k;

	for (i = 0; i < ours->n; i++) {
		for (k = 0; k < offered->n_formats; k++) {
			if (best_match(ours, &offered->formats[k]) == &ours->f[i])
				take(out, &offered->formats[k], &ours->f[i]);
		}
	}
}

static void common_in_their_order(struct sdp_caps *out, const struct sdp_caps *ours, const struct sdp_media *offered)
{
	int k;

	for (k = 0; k < offered->n_formats; k++) {
		const struct sdp_format *mine = best_match(ours, &offered->formats[k]);

		if (mine)
			take(out, &offered->formats[k], mine);
	}
}

int sdp_nego_common(struct sdp_caps *out, const struct sdp_caps *ours, const struct sdp_media *offered, bool ours_first)
{
	int i, n_voice = 0;

	out->n = 0;
	if (ours_first)
		common_in_our_order(out, ours, offered);
	else
		common_in_their_order(out, ours, offered);
	for (i = 0; i < out->n; i++)
		n_voice += sdp_codec_carries_call(&out->f[i]);
	return n_voice;
}

static bool is_audio(const struct sdp_media *m)
{
	return m->addr.port && !strcasecmp(m->media, "audio");
}

/*! Plain RTP: what there is without keys. */
static bool is_plain_rtp(const struct sdp_media *m)
{
	return !strcasecmp(m->proto, "RTP/AVP") || !strcasecmp(m->proto, "RTP/AVPF");
}

/*! Somebody's own address, or 0.0.0.0 for hold: nobody may point us at a group or at all of a network. */
static bool addr_is_usable(const struct osmo_sockaddr_str *addr)
{
	struct in6_addr in6;
	struct in_addr in;

	if (addr->af == AF_INET && inet_pton(AF_INET, addr->ip, &in) == 1)
		return ntohl(in.s_addr) < 0xe0000000;
	if (addr->af == AF_INET6 && inet_pton(AF_INET6, addr->ip, &in6) == 1)
		return !IN6_IS_ADDR_MULTICAST(&in6);
	return false;
}

bool sdp_same_family(const struct osmo_sockaddr_str *a, const struct osmo_sockaddr_str *b)
{
	return a->af == AF_UNSPEC || b->af == AF_UNSPEC || a->af == b->af;
}

const char *sdp_family_name(const struct osmo_sockaddr_str *addr)
{
	return addr->af == AF_INET6 ? "IPv6" : addr->af == AF_INET ? "IPv4" : "no address";
}

/*! RFC 3264 6.1: a format in the answer is one of the offer. Payload types may differ, but where the answer gives no
 * name, the number is all there is. */
static bool was_offered(const struct sdp_media *offered, const struct sdp_format *f)
{
	int i;

	for (i = 0; i < offered->n_formats; i++) {
		const struct sdp_format *o = &offered->formats[i];

		if (f->enc[0] ? sdp_format_compatible(o, f) : o->pt == f->pt && sdp_codec_carries_call(o))
			return true;
	}
	return false;
}

const struct sdp_format *sdp_nego_chosen(const struct sdp_media *offered, const struct sdp_media *answered)
{
	int i;

	for (i = 0; i < answered->n_formats; i++) {
		const struct sdp_format *f = &answered->formats[i];

		if ((!f->enc[0] || sdp_codec_carries_call(f)) && was_offered(offered, f))
			return f;
	}
	return NULL;
}

static int fail(int rc, const char **why, const char *sentence)
{
	if (why)
		*why = sentence;
	return rc;
}

static int check_audio(const struct sdp_media *o, const struct sdp_media *a, const char **why)
{
	if (!a->addr.port)
		return fail(-ECONNREFUSED, why, "the answer rejects the audio stream");
	if (strcasecmp(o->proto, a->proto))
		return fail(-EPROTO, why, "the answer changes the transport of the audio stream");
	if (!sdp_nego_chosen(o, a))
		return fail(-ENOTSUP, why, "the answer has none of the voice codecs that were offered");
	if (a->named)
		return fail(-EADDRNOTAVAIL, why, "the answer has a host name in c=, not an IP address");
	if (!addr_is_usable(&a->addr))
		return fail(-EADDRNOTAVAIL, why, "the answer has no usable IP address for the audio");
	if (!sdp_same_family(&o->addr, &a->addr) && osmo_sockaddr_str_is_nonzero(&a->addr))
		return fail(-EAFNOSUPPORT, why, "the answer's audio address is of another IP version than the offer's");
	return 0;
}

int sdp_nego_check_answer(const struct sdp_msg *offer, const struct sdp_msg *answer, const char **why)
{
	bool offered_audio = false, has_audio = false;
	int i, rc;

	if (offer->n_media + offer->n_media_dropped != answer->n_media + answer->n_media_dropped)
		return fail(-EPROTO, why, "the answer has not as many m= lines as the offer");
	for (i = 0; i < offer->n_media; i++) {
		const struct sdp_media *o = &offer->media[i], *a = &answer->media[i];

		if (strcasecmp(o->media, a->media))
			return fail(-EPROTO, why, "an m= line of the answer is of another kind than that of the offer");
		if (!o->addr.port && a->addr.port)
			return fail(-EPROTO, why, "the answer accepts a stream that was not offered");
		if (!is_audio(o))
			continue;
		rc = check_audio(o, a, why);
		if (rc == -ECONNREFUSED) {
			offered_audio = true;
			continue; /* another one may have been taken */
		}
		if (rc < 0)
			return rc;
		has_audio = true;
	}
	if (!has_audio)
		return fail(-ECONNREFUSED, why,
			    offered_audio ? "the answer rejects the audio stream" : "no audio was offered");
	return 0;
}

enum {
	SENDS = 1,
	RECEIVES = 2,
};

static const uint8_t dir_bits[] = {
	[SDP_SENDRECV] = SENDS | RECEIVES,
	[SDP_SENDONLY] = SENDS,
	[SDP_RECVONLY] = RECEIVES,
	[SDP_INACTIVE] = 0,
};

enum sdp_dir sdp_nego_answer_dir(const struct sdp_media *offered, enum sdp_dir wanted)
{
	uint8_t theirs = dir_bits[offered->dir];
	uint8_t bits;
	int dir;

	if (sdp_media_on_hold(offered))
		theirs &= ~RECEIVES; /* also with 0.0.0.0, whatever direction it says */
	bits = dir_bits[wanted] & ((theirs & SENDS ? RECEIVES : 0) | (theirs & RECEIVES ? SENDS : 0));
	for (dir = SDP_SENDRECV; dir_bits[dir] != bits; dir++)
		;
	return dir;
}

/*! The first voice format. If we would have to repack it (AMR) and the same codec is there in our packing too, that
 * one. */
static const struct sdp_format *settle_voice(const struct sdp_caps *common, const struct sdp_caps *ours)
{
	const struct sdp_format *voice = NULL;
	int i;

	for (i = 0; i < common->n; i++) {
		const struct sdp_format *f = &common->f[i];

		if (!sdp_codec_carries_call(f) || (voice && sdp_codec_of(f) != sdp_codec_of(voice)))
			continue;
		if (same_packing(f, best_match(ours, f)))
			return f;
		if (!voice)
			voice = f;
	}
	return voice;
}

/*! What of the common formats goes into an answer: one voice codec, and the telephone-event of the same clock. */
static void settle(struct sdp_media *m, const struct sdp_caps *common, const struct sdp_caps *ours)
{
	const struct sdp_format *voice = settle_voice(common, ours);
	int i;

	m->formats[m->n_formats++] = *voice;
	for (i = 0; i < common->n; i++) {
		const struct sdp_format *f = &common->f[i];

		if (sdp_codec_of(f) != SDP_CODEC_TELEPHONE_EVENT || f->rate != voice->rate)
			continue;
		m->formats[m->n_formats++] = *f;
		return;
	}
}

/*! The stream of an offer to accept, sent to from \a addr. Returns its index and the formats in common, or the error
 * that came nearest to success. */
static int pick_stream(const struct sdp_msg *offer, const struct sdp_caps *caps, const struct osmo_sockaddr_str *addr,
		       struct sdp_caps *common)
{
	int i, rc = -ENOENT;

	for (i = 0; i < offer->n_media; i++) {
		const struct sdp_media *o = &offer->media[i];

		if (!is_audio(o) || !is_plain_rtp(o))
			continue;
		if (!addr_is_usable(&o->addr)) {
			if (rc == -ENOENT)
				rc = -EADDRNOTAVAIL;
			continue;
		}
		if (!sdp_same_family(&o->addr, addr)) {
			rc = -EAFNOSUPPORT;
			continue;
		}
		if (sdp_nego_common(common, caps, o, false) > 0)
			return i;
		rc = -ENOTSUP;
	}
	return rc;
}

/*! The m= line that rejects \a o. */
static void reject_stream(struct sdp_media *m, const struct sdp_media *o)
{
	sdp_media_clear(m);
	OSMO_STRLCPY_ARRAY(m->media, o->media);
	OSMO_STRLCPY_ARRAY(m->proto, o->proto);
	OSMO_STRLCPY_ARRAY(m->fmt, o->fmt);
}

static void accept_stream(struct sdp_media *m, const struct sdp_media *o, const struct osmo_sockaddr_str *addr,
			  enum sdp_dir dir, const struct sdp_caps *common, const struct sdp_caps *ours)
{
	reject_stream(m, o);
	m->addr = *addr;
	m->dir = sdp_nego_answer_dir(o, dir);
	settle(m, common, ours);
}

int sdp_nego_make_answer(struct sdp_msg *answer, const struct sdp_msg *offer, const struct sdp_caps *caps,
			 const struct osmo_sockaddr_str *addr, enum sdp_dir dir)
{
	struct sdp_caps common;
	int i, picked = pick_stream(offer, caps, addr, &common);

	if (picked < 0)
		return picked;
	sdp_msg_init_audio(answer, addr);
	answer->n_media = offer->n_media;
	answer->n_media_dropped = offer->n_media_dropped;
	memcpy(answer->dropped, offer->dropped, sizeof(offer->dropped[0]) * offer->n_media_dropped);
	for (i = 0; i < offer->n_media; i++) {
		if (i == picked)
			accept_stream(&answer->media[i], &offer->media[i], addr, dir, &common, caps);
		else
			reject_stream(&answer->media[i], &offer->media[i]);
	}
	return 0;
}
