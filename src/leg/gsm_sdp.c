/* The descriptions that a GSM leg shows to the SIP side and to the MSC, made from the few facts that it keeps.
 *
 * Nothing is kept as SDP but, with media direct, what a newer MSC said: that passes as it is, line by line (osmo-msc
 * speaks SDP in MNCC from 1.11 on). All others are written anew when they are needed. The version in o= counts up if,
 * and only if, the description differs from the one before (RFC 3264 8). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sdp/sdp_msg.h>

#include "gsm_leg_internal.h"

void rtp_addr_from_str(struct rtp_addr *addr, const struct osmo_sockaddr_str *str)
{
	struct in_addr in4;
	struct in6_addr in6;

	*addr = (struct rtp_addr){ .af = str->af, .port = str->port };
	if (str->af == AF_INET && !osmo_sockaddr_str_to_in_addr(str, &in4))
		memcpy(addr->ip, &in4, sizeof(in4));
	else if (str->af == AF_INET6 && !osmo_sockaddr_str_to_in6_addr(str, &in6))
		memcpy(addr->ip, &in6, sizeof(in6));
	else
		*addr = (struct rtp_addr){};
}

void rtp_addr_to_str(struct osmo_sockaddr_str *str, const struct rtp_addr *addr)
{
	struct in_addr in4;
	struct in6_addr in6;

	*str = (struct osmo_sockaddr_str){};
	if (addr->af == AF_INET) {
		memcpy(&in4, addr->ip, sizeof(in4));
		osmo_sockaddr_str_from_in_addr(str, &in4, addr->port);
	} else if (addr->af == AF_INET6) {
		memcpy(&in6, addr->ip, sizeof(in6));
		osmo_sockaddr_str_from_in6_addr(str, &in6, addr->port);
	}
}

bool rtp_addr_equal(const struct rtp_addr *a, const struct rtp_addr *b)
{
	return a->af == b->af && a->port == b->port && !memcmp(a->ip, b->ip, sizeof(a->ip));
}

static enum sdp_dir our_dir(const struct gsm_leg *gl)
{
	return gl->media.phone_holds ? SDP_SENDONLY : SDP_SENDRECV;
}

/* Encode with the version due: that of the description before if it is the same or was not sent, else one more. */
static const char *encode_versioned(struct gsm_leg *gl, char *buf, size_t len, struct sdp_msg *sdp)
{
	struct gsm_media *m = &gl->media;
	uint64_t base = sdp->sess_version;
	bool unsaid = m->unsaid;
	int rc;

	m->unsaid = false;
	m->counted = unsaid;
	sdp->sess_version = base + m->version;
	rc = sdp_msg_encode(buf, len, sdp);
	if (rc >= 0 && (size_t)rc < len && m->local_hash && m->local_hash != token_hash_str(buf) && !unsaid) {
		m->counted = true;
		sdp->sess_version = base + ++m->version;
		rc = sdp_msg_encode(buf, len, sdp);
	}
	if (rc < 0 || (size_t)rc >= len) {
		LOG_GSM(gl, LOGL_ERROR, "cannot write the session description\n");
		return NULL;
	}
	m->local_hash = token_hash_str(buf);
	return buf;
}

static const char *as_msc_said(struct gsm_leg *gl)
{
	struct gsm_media *m = &gl->media;

	m->local_hash = token_hash_str(m->msc_sdp);
	return m->msc_sdp;
}

static void init_own(const struct gsm_leg *gl, struct sdp_msg *sdp)
{
	const struct gsm_media *m = &gl->media;
	struct osmo_sockaddr_str addr;
	struct sdp_media *audio;
	struct sdp_caps caps;

	rtp_addr_to_str(&addr, &m->local);
	sdp_msg_init_audio(sdp, &addr);
	sdp->sess_id = m->sess_id;
	audio = &sdp->media[0];
	gsm_codecs_ours(&caps, gl);
	audio->n_formats = caps.n;
	memcpy(audio->formats, caps.f, caps.n * sizeof(caps.f[0]));
	audio->ptime = 20;
}

/*! What we have to offer, as a struct: for the check of the answer. */
void gsm_sdp_offered(const struct gsm_leg *gl, struct sdp_msg *sdp)
{
	const char *msc = gl->media.msc_sdp;

	if (!msc || sdp_msg_parse(sdp, msc, strlen(msc), NULL) || !sdp_msg_audio(sdp))
		init_own(gl, sdp);
}

/*! Our offer to the SIP side: what we have now. Points to \a buf or to what the MSC said; NULL on failure. */
const char *gsm_sdp_offer(struct gsm_leg *gl, char *buf, size_t len)
{
	struct gsm_media *m = &gl->media;
	struct sdp_msg sdp;

	if (m->msc_sdp && !m->local_hash && our_dir(gl) == SDP_SENDRECV)
		return as_msc_said(gl);
	gsm_sdp_offered(gl, &sdp);
	sdp_msg_audio(&sdp)->dir = our_dir(gl);
	return encode_versioned(gl, buf, len, &sdp);
}

/*! Our answer to the SIP side's \a offer. Points to \a buf or to what the MSC said; NULL on failure. */
const char *gsm_sdp_answer(struct gsm_leg *gl, const char *offer_text, char *buf, size_t len)
{
	struct gsm_media *m = &gl->media;
	struct sdp_msg offer, answer, msc;
	struct osmo_sockaddr_str addr;
	char why[SDP_WHY_LEN];
	bool said;

	if (sdp_msg_parse(&offer, offer_text, strlen(offer_text), NULL))
		return NULL;
	/* its numbers follow the offer's, that the MSC has seen in SETUP_REQ */
	said = m->local_hash && !(m->msc_sdp && m->local_hash == token_hash_str(m->msc_sdp));
	if (m->msc_sdp && !said && offer.n_media == 1 && !offer.n_media_dropped && our_dir(gl) == SDP_SENDRECV)
		return as_msc_said(gl);

	rtp_addr_to_str(&addr, &m->local);
	if (gsm_codecs_answer(&answer, &offer, gl, &addr, our_dir(gl), why) < 0)
		return NULL;
	answer.sess_id = m->sess_id;
	if (m->msc_sdp && !sdp_msg_parse(&msc, m->msc_sdp, strlen(m->msc_sdp), NULL)) {
		OSMO_STRLCPY_ARRAY(answer.user, msc.user);
		answer.sess_id = msc.sess_id;
		answer.sess_version = msc.sess_version;
		answer.origin = msc.origin;
	}
	return encode_versioned(gl, buf, len, &answer);
}

/*! For MNCC_SETUP_REQ of an anchored call: the codecs that may be assigned, without an address; that comes in
 * MNCC_RTP_CONNECT. osmo-msc takes the codecs from it and leaves an address of zero alone. Returns 0 or negative errno.
 */
int gsm_sdp_for_setup(char *buf, size_t len, const struct sdp_caps *caps)
{
	struct osmo_sockaddr_str none = { .af = AF_INET, .ip = "0.0.0.0" };
	struct sdp_msg sdp;
	struct sdp_media *audio;
	unsigned int i;
	int rc;

	sdp_msg_init_audio(&sdp, &none);
	audio = &sdp.media[0];
	for (i = 0; i < caps->n; i++) {
		enum sdp_codec_id id = sdp_codec_of(&caps->f[i]);
		unsigned int j;

		for (j = 0; j < audio->n_formats && sdp_codec_of(&audio->formats[j]) != id; j++)
			;
		if (j < audio->n_formats)
			continue;
		sdp_codec_to_format(&audio->formats[audio->n_formats++], id, sdp_agree_gsm_fmtp(id));
	}
	rc = sdp_msg_encode(buf, len, &sdp);
	return rc < 0 || (size_t)rc >= len ? -EMSGSIZE : 0;
}

/*! For MNCC_RTP_CONNECT: the SIP side's description \a remote, whole if it fits into MNCC, else what matters of it;
 * remote NULL: made of what we know, with an anchored call the gateway's. Returns 0 or negative errno. */
int gsm_sdp_for_msc(struct gsm_leg *gl, char *buf, size_t len, const char *remote)
{
	const struct gsm_media *m = &gl->media;
	bool direct = m->mode == MEDIA_DIRECT;
	struct osmo_sockaddr_str addr;
	struct sdp_msg sdp;
	int rc;

	if (remote && strlen(remote) < len) {
		osmo_strlcpy(buf, remote, len);
		return 0;
	}
	if (remote) {
		rc = sdp_msg_reduce(buf, len, remote);
		return rc < 0 || (size_t)rc >= len ? -EMSGSIZE : 0;
	}
	rtp_addr_to_str(&addr, direct ? &m->peer : &m->core);
	sdp_msg_init_audio(&sdp, &addr);
	sdp.sess_id = m->sess_id;
	sdp.media[0].dir = direct && !m->peer_receives ? SDP_SENDONLY : SDP_SENDRECV;
	gsm_codecs_core(&sdp.media[0].formats[0], &sdp.media[0].formats[1], gl);
	if (direct)
		sdp.media[0].formats[0].pt = m->peer_pt;
	sdp.media[0].n_formats = sdp.media[0].formats[1].enc[0] ? 2 : 1;
	sdp.media[0].ptime = 20;
	rc = sdp_msg_encode(buf, len, &sdp);
	return rc < 0 || (size_t)rc >= len ? -EMSGSIZE : 0;
}
