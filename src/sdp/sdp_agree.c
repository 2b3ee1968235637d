/* Which codec a call has, as pure functions over three lists: what the GSM side can, what the SIP side says, and what
 * the operator wants of that peer.
 *
 * The GSM side's list is the MSC's own where it speaks SDP (osmo-msc from 1.11 on), else the speech versions of the
 * phone's bearer capability, else all that GSM has. Once a codec is assigned on the radio it is the only one, unless
 * the MSC has said that others are possible. The operator's list decides what is let through between the SIP side and
 * the call, in either direction, and in which order. Nobody transcodes: one codec has to be on all three lists. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sdp/sdp_agree.h>

#include "sdp_internal.h"

/* ---- the GSM side ---- */

enum sdp_codec_id sdp_agree_speech_version(int speech_ver)
{
	/* 3GPP TS 24.008 table 10.5.103: full rate is even, half rate odd */
	static const uint8_t codecs[] = {
		[0] = SDP_CODEC_GSM_FR, [1] = SDP_CODEC_GSM_HR, [2] = SDP_CODEC_GSM_EFR,
		[4] = SDP_CODEC_AMR,	[5] = SDP_CODEC_AMR,	[6] = SDP_CODEC_AMR_WB,
		[7] = SDP_CODEC_AMR_WB, [8] = SDP_CODEC_AMR_WB, [11] = SDP_CODEC_AMR,
	};

	return speech_ver >= 0 && speech_ver < (int)ARRAY_SIZE(codecs) ? codecs[speech_ver] : SDP_CODEC_UNKNOWN;
}

/* AMR is octet-aligned on the GSM side (3GPP TS 48.103 5.4.2, osmo-msc, osmo-bsc). */
const char *sdp_agree_gsm_fmtp(enum sdp_codec_id id)
{
	return id == SDP_CODEC_AMR || id == SDP_CODEC_AMR_WB ? "octet-align=1" : NULL;
}

static void add_gsm(struct sdp_caps *caps, enum sdp_codec_id id)
{
	if (!sdp_caps_has(caps, id))
		sdp_caps_add(caps, id, sdp_agree_gsm_fmtp(id));
}

static void from_speech_versions(struct sdp_caps *caps, const int8_t *speech_ver)
{
	/* of an MSC whose bearer capability has no end: as many as there can be */
	for (int i = 0; i < 8 && speech_ver[i] >= 0; i++)
		add_gsm(caps, sdp_agree_speech_version(speech_ver[i]));
}

static void all_of_gsm(struct sdp_caps *caps)
{
	static const enum sdp_codec_id all[] = { SDP_CODEC_AMR, SDP_CODEC_GSM_EFR, SDP_CODEC_GSM_FR, SDP_CODEC_GSM_HR };

	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		add_gsm(caps, all[i]);
}

/* What neither GSM nor a bearer capability has a name for. */
static void add_more(struct sdp_caps *caps, const uint8_t *more)
{
	for (; more && *more; more++)
		add_gsm(caps, *more);
}

static void push(struct sdp_caps *caps, const struct sdp_format *f)
{
	if (caps->n < ARRAY_SIZE(caps->f))
		caps->f[caps->n++] = *f;
}

/* The codec assigned goes first; if it is settled, without other ones to talk over. */
static void assigned_first(struct sdp_caps *caps, enum sdp_codec_id id, bool open)
{
	struct sdp_caps all = *caps;

	caps->n = 0;
	for (int i = 0; i < all.n; i++) {
		if (sdp_codec_of(&all.f[i]) == id)
			push(caps, &all.f[i]);
	}
	add_gsm(caps, id);
	for (int i = 0; i < all.n; i++) {
		enum sdp_codec_id other = sdp_codec_of(&all.f[i]);

		if (other != id && (open || !sdp_codec_carries_call(&all.f[i])))
			push(caps, &all.f[i]);
	}
}

void sdp_agree_gsm_caps(struct sdp_caps *caps, const struct sdp_gsm_side *gsm)
{
	struct sdp_caps out = {};

	if (gsm->sdp)
		out = *gsm->sdp;
	else if (gsm->speech_ver)
		from_speech_versions(&out, gsm->speech_ver);
	if (!out.n && !gsm->assigned)
		all_of_gsm(&out);
	if (!gsm->sdp && !gsm->assigned)
		add_more(&out, gsm->more);
	if (gsm->assigned)
		assigned_first(&out, gsm->assigned, gsm->open);
	*caps = out;
}

/* ---- the operator ---- */

static bool is_set(const struct sdp_policy *policy)
{
	return policy && policy->codecs && policy->codecs[0];
}

/* Where a format stands in the list; negative: it is not wanted. What does not carry the call by itself stays behind.
 */
static int rank(const struct sdp_policy *policy, const struct sdp_format *f)
{
	enum sdp_codec_id id = sdp_codec_of(f);
	int n;

	for (n = 0; policy->codecs[n]; n++) {
		if (policy->codecs[n] == id)
			return n;
	}
	return sdp_codec_carries_call(f) ? -1 : n;
}

/* Returns the number of formats left that one can talk over. */
static int limit_formats(struct sdp_media *out, const struct sdp_media *in, const struct sdp_policy *policy)
{
	int last = 0, carry = 0;

	while (policy->codecs[last])
		last++;
	out->n_formats = 0;
	for (int r = 0; r <= last; r++) {
		for (int i = 0; i < in->n_formats; i++) {
			if (rank(policy, &in->formats[i]) != r)
				continue;
			out->formats[out->n_formats++] = in->formats[i];
			carry += sdp_codec_carries_call(&in->formats[i]);
		}
	}
	return carry;
}

static bool same_formats(const struct sdp_media *a, const struct sdp_media *b)
{
	if (a->n_formats != b->n_formats)
		return false;
	for (int i = 0; i < a->n_formats; i++) {
		if (a->formats[i].pt != b->formats[i].pt)
			return false;
	}
	return true;
}

static bool is_live_audio(const struct sdp_media *m)
{
	return m->addr.port && !strcasecmp(m->media, "audio") && sdp_media_is_rtp(m);
}

/* An m= line that is rejected needs some format (RFC 3264 6): its first one. */
static void reject(struct sdp_media *m)
{
	m->addr.port = 0;
	m->n_formats = OSMO_MIN(m->n_formats, 1);
}

int sdp_agree_limit(struct sdp_msg *sdp, const struct sdp_policy *policy)
{
	struct sdp_media limited[SDP_MAX_MEDIA];
	int carry[SDP_MAX_MEDIA] = {}, total = 0;
	bool changed = false;

	if (!is_set(policy))
		return 0;
	for (int i = 0; i < sdp->n_media; i++) {
		limited[i] = sdp->media[i];
		if (!is_live_audio(&sdp->media[i]))
			continue;
		total += carry[i] = limit_formats(&limited[i], &sdp->media[i], policy);
		changed |= !same_formats(&limited[i], &sdp->media[i]);
	}
	if (!total)
		return -ENOTSUP;
	if (!changed)
		return 0;
	for (int i = 0; i < sdp->n_media; i++) {
		if (!is_live_audio(&sdp->media[i]))
			continue;
		if (carry[i])
			sdp->media[i] = limited[i];
		else
			reject(&sdp->media[i]);
	}
	return 1;
}

/* ---- words ---- */

int sdp_agree_only_buf(char *buf, size_t len, const struct sdp_caps *caps)
{
	struct osmo_strbuf sb = { .buf = buf, .len = len };
	int n = 0;

	for (int i = 0; i < caps->n; i++)
		n += sdp_codec_carries_call(&caps->f[i]);
	OSMO_STRBUF_APPEND(sb, sdp_caps_to_str_buf, caps);
	if (n == 1)
		OSMO_STRBUF_PRINTF(sb, " only");
	return sb.chars_needed;
}

/* AMR with a CRC, or of other modes: the names alone would not tell */
static bool differ_in_parameters(const struct sdp_caps *a, const struct sdp_caps *b)
{
	for (int i = 0; i < a->n; i++) {
		if (sdp_codec_is_voice(sdp_codec_of(&a->f[i])) && sdp_caps_has(b, sdp_codec_of(&a->f[i])))
			return true;
	}
	return false;
}

int sdp_agree_why_buf(char *buf, size_t len, const struct sdp_caps *phone, const char *peer, const char *verb,
		      const struct sdp_caps *theirs)
{
	struct osmo_strbuf sb = { .buf = buf, .len = len };

	OSMO_STRBUF_PRINTF(sb, "phone: ");
	OSMO_STRBUF_APPEND(sb, sdp_agree_only_buf, phone);
	OSMO_STRBUF_PRINTF(sb, "; peer%s%s %s ", peer ? " " : "", peer ?: "", verb);
	OSMO_STRBUF_APPEND(sb, sdp_caps_to_str_buf, theirs);
	if (sdp_caps_has(phone, SDP_CODEC_AMR_WB) && sdp_caps_has(theirs, SDP_CODEC_AMR_WB))
		OSMO_STRBUF_PRINTF(sb, ", packed otherwise (octet-align) or of other modes");
	else if (differ_in_parameters(phone, theirs))
		OSMO_STRBUF_PRINTF(sb, ", with other parameters");
	return sb.chars_needed;
}

int sdp_agree_policy_buf(char *buf, size_t len, const struct sdp_policy *policy)
{
	struct osmo_strbuf sb = { .buf = buf, .len = len };

	for (int i = 0; policy->codecs[i]; i++)
		OSMO_STRBUF_PRINTF(sb, "%s%s", i ? ", " : "", sdp_codec_get(policy->codecs[i])->name);
	return sb.chars_needed;
}

/* With a list of the operator's, that too: it may be what stands in the way. */
static void no_codec(char *why, const struct sdp_caps *phone, const struct sdp_caps *theirs,
		     const struct sdp_policy *policy, const char *peer)
{
	struct osmo_strbuf sb = { .buf = why, .len = SDP_WHY_LEN };

	if (!is_set(policy)) {
		sdp_agree_why_buf(why, SDP_WHY_LEN, phone, peer, "offers", theirs);
		return;
	}
	OSMO_STRBUF_PRINTF(sb, "phone: ");
	OSMO_STRBUF_APPEND(sb, sdp_agree_only_buf, phone);
	OSMO_STRBUF_PRINTF(sb, "; peer%s%s offers ", peer ? " " : "", peer ?: "");
	OSMO_STRBUF_APPEND(sb, sdp_caps_to_str_buf, theirs);
	OSMO_STRBUF_PRINTF(sb, "; allowed: ");
	OSMO_STRBUF_APPEND(sb, sdp_agree_policy_buf, policy);
}

/* SRTP, by keys in the description or by DTLS (RFC 4568, 5764) */
static bool only_encrypted(const struct sdp_msg *sdp)
{
	bool encrypted = false;

	for (int i = 0; i < sdp->n_media; i++) {
		const struct sdp_media *m = &sdp->media[i];

		if (strcasecmp(m->media, "audio") || !m->addr.port)
			continue;
		if (!strstr(m->proto, "RTP/SAVP"))
			return false;
		encrypted = true;
	}
	return encrypted;
}

static void why_of(char *why, int rc, const struct sdp_msg *offer, const struct sdp_caps *phone,
		   const struct sdp_policy *policy, const char *peer)
{
	struct sdp_msg copy = *offer;
	const struct sdp_media *audio = sdp_msg_audio(&copy);
	struct sdp_caps theirs = {};

	if (rc == -EADDRNOTAVAIL && audio && audio->named) {
		osmo_strlcpy(why, "the offer has a host name in c=, not an IP address", SDP_WHY_LEN);
	} else if (rc == -EADDRNOTAVAIL) {
		osmo_strlcpy(why, "the offer has no usable IP address for the audio", SDP_WHY_LEN);
	} else if (rc == -EAFNOSUPPORT) {
		osmo_strlcpy(why, "the offer's audio address is of another IP version than ours", SDP_WHY_LEN);
	} else if (rc != -ENOTSUP && only_encrypted(offer)) {
		osmo_strlcpy(why, "the offer's audio is encrypted (SRTP); the phones' side has plain RTP only",
			     SDP_WHY_LEN);
	} else if (rc != -ENOTSUP || !audio || !audio->addr.port) {
		osmo_strlcpy(why, "the offer has no plain RTP audio stream", SDP_WHY_LEN);
	} else {
		sdp_caps_from_media(&theirs, audio);
		no_codec(why, phone, &theirs, policy, peer);
	}
}

/* ---- all three ---- */

/* The codec assigned as long as the offer has it, then whatever else is possible. */
static int answer_from(struct sdp_msg *answer, const struct sdp_msg *offer, const struct sdp_caps *caps,
		       const struct sdp_gsm_side *gsm, const struct osmo_sockaddr_str *addr, enum sdp_dir dir)
{
	struct sdp_caps settled = *caps;
	int rc;

	if (!gsm->assigned || !gsm->open)
		return sdp_nego_make_answer(answer, offer, caps, addr, dir);
	assigned_first(&settled, gsm->assigned, false);
	rc = sdp_nego_make_answer(answer, offer, &settled, addr, dir);
	return rc == -ENOTSUP ? sdp_nego_make_answer(answer, offer, caps, addr, dir) : rc;
}

int sdp_agree_answer(struct sdp_msg *answer, const struct sdp_msg *offer, const struct sdp_gsm_side *gsm,
		     const struct sdp_policy *policy, const char *peer, const struct osmo_sockaddr_str *addr,
		     enum sdp_dir dir, char *why)
{
	struct sdp_msg wanted = *offer;
	struct sdp_caps caps;
	int rc = sdp_agree_limit(&wanted, policy);

	sdp_agree_gsm_caps(&caps, gsm);
	if (rc >= 0)
		rc = answer_from(answer, &wanted, &caps, gsm, addr, dir);
	if (rc < 0)
		why_of(why, rc, offer, &caps, policy, peer);
	return rc;
}
