/* Media of a GSM leg: the MSC on one side, the SIP side on the other, the gateway's endpoint or nothing between them.
 *
 * The MSC names its address and codec in MNCC_RTP_CREATE when the radio channel is there; from osmo-msc 1.11 on in SDP,
 * which then counts, before in the old members. With an anchored call the endpoint gets two connections: CORE, told to
 * the MSC by MNCC_RTP_CONNECT, and PEER, whose address is what the SIP side sees. With media direct the two sides' own
 * addresses are passed on. The gateway does not transcode: the codec that was assigned on the radio is the one of the
 * call. What the SIP side is told of all this: gsm_media_post.c. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/mgcp/mgw_endp.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>
#include <osmocom/sipgw/sdp/sdp_agree.h>
#include <osmocom/sipgw/sdp/sdp_msg.h>
#include <osmocom/sipgw/sdp/sdp_nego.h>

#include "gsm_leg_internal.h"

void gsm_media_init(struct gsm_leg *gl, enum media_mode mode)
{
	gl->media.mode = mode;
	gl->media.sess_id = token_u32() >> 1;
}

/*! Let go of everything. */
void gsm_media_stop(struct gsm_leg *gl)
{
	mgw_endp_release(gl->media.endp);
	gl->media.endp = NULL;
	gl->media.core_busy = gl->media.peer_busy = false;
	gsm_change_forget(gl);
	TALLOC_FREE(gl->media.offer);
	TALLOC_FREE(gl->media.before);
}

/*! Is there an address that the SIP side can send to, and every connection as wanted? */
bool gsm_media_ready(const struct gsm_leg *gl)
{
	const struct gsm_media *m = &gl->media;
	return m->local.af != AF_UNSPEC && !m->core_busy && !m->peer_busy;
}

static void fail(struct gsm_leg *gl, uint8_t value, const char *text)
{
	struct cause cause = cause_make(value, "%s", text);
	gsm_leg_release(gl, &cause);
}

/* ---- towards the MSC ---- */

/* Tell the MSC where to send. remote: the SIP side's description with media direct, NULL: made of what we know */
static void tx_rtp_connect(struct gsm_leg *gl, const char *remote)
{
	struct gsm_media *m = &gl->media;
	struct mncc_msg msg = { .type = MNCC_MT_RTP_CONNECT };
	struct osmo_sockaddr_str addr;
	char sdp[MNCC_SDP_LEN];

	rtp_addr_to_str(&addr, m->mode == MEDIA_ANCHORED ? &m->core : &m->peer);
	if (osmo_sockaddr_str_to_sockaddr(&addr, &msg.addr.u.sas)) {
		fail(gl, CAUSE_BEARER_NOT_IMPL, "no address for the MSC to send to");
		return;
	}
	msg.payload_type = m->mode == MEDIA_ANCHORED ? m->core_pt : m->peer_pt;
	if (!gsm_sdp_for_msc(gl, sdp, sizeof(sdp), remote))
		msg.sdp = sdp;
	if (gsm_tx_msg(gl, &msg) == -EAFNOSUPPORT)
		fail(gl, CAUSE_BEARER_NOT_IMPL, "the MSC's MNCC version knows no such address");
	else
		m->connected = true;
}

/*! With media direct, tell the MSC where the SIP side receives, as its pending offer said. */
void gsm_media_connect(struct gsm_leg *gl)
{
	if (gl->media.mode == MEDIA_DIRECT && !gl->media.connected && gl->media.offer && gl->media.peer.af != AF_UNSPEC)
		tx_rtp_connect(gl, gl->media.offer);
}

/* ---- the gateway ---- */

/* osmo-mgw repacks AMR only if both sides say in so many words how it is packed. */
static void say_packing(struct sdp_format *f)
{
	enum sdp_codec_id id = sdp_codec_of(f);
	char fmtp[SDP_MAX_FMTP + 16];
	struct sdp_amr amr;

	if (id != SDP_CODEC_AMR && id != SDP_CODEC_AMR_WB)
		return;
	if (sdp_amr_parse(&amr, f->fmtp) < 0 || amr.octet_align)
		return;
	snprintf(fmtp, sizeof(fmtp), "octet-align=0%s%s", f->fmtp[0] ? ";" : "", f->fmtp);
	if (strlen(fmtp) < sizeof(f->fmtp))
		OSMO_STRLCPY_ARRAY(f->fmtp, fmtp);
}

static void want_core(struct gsm_leg *gl)
{
	struct gsm_media *m = &gl->media;
	struct mgw_want want = { .mode = MGW_MODE_SENDRECV, .ptime = 20 };

	/* another call of the phone may have the MSC's port now */
	if (m->phone_holds)
		want.mode = MGW_MODE_RECVONLY;
	gsm_codecs_core(&want.codec, &want.event, gl);
	say_packing(&want.codec);
	rtp_addr_to_str(&want.remote, &m->msc);
	m->core_busy = true;
	mgw_endp_want(m->endp, MGW_CONN_CORE, &want);
}

static void want_peer(struct gsm_leg *gl)
{
	struct gsm_media *m = &gl->media;
	struct mgw_want want = { .mode = MGW_MODE_RECVONLY, .ptime = 20 };

	gsm_codecs_peer(&want.codec, &want.event, gl);
	say_packing(&want.codec);
	rtp_addr_to_str(&want.remote, &m->peer);
	if (m->peer.af == AF_UNSPEC)
		gsm_remote_guess(gl, &want.near);
	/* hold is recvonly: osmo-mgw knows no "inactive" */
	if (m->peer.af != AF_UNSPEC && m->peer_receives && !m->phone_holds)
		want.mode = MGW_MODE_SENDRECV;
	m->peer_busy = true;
	mgw_endp_want(m->endp, MGW_CONN_PEER, &want);
}

static void refuse_offer(struct gsm_leg *gl, const struct cause *why)
{
	struct leg_event ev = { .type = LEG_EV_MEDIA, .media = { .kind = LEG_MEDIA_REFUSED, .why = why } };

	LOG_GSM_MEDIA(gl, "new offer refused: %s", why->text);
	leg_post(&gl->leg, &ev);
}

/* The gateway has no address for what the SIP side said. What was there before goes on if that was a new offer. */
static void address_refused(struct gsm_leg *gl, const struct cause *why)
{
	struct gsm_media *m = &gl->media;

	if (!m->offer || !gsm_remote_restore(gl)) {
		gsm_leg_release(gl, why);
		return;
	}
	TALLOC_FREE(m->offer);
	want_peer(gl);
	refuse_offer(gl, why);
}

static void core_ready(struct gsm_leg *gl, const struct osmo_sockaddr_str *local)
{
	struct gsm_media *m = &gl->media;
	struct rtp_addr was = m->core;
	struct cause why;

	m->core_busy = false;
	rtp_addr_from_str(&m->core, local);
	if (!gsm_remote_msc_fits_gateway(gl, &why))
		gsm_leg_release(gl, &why);
	else if (!m->connected || !rtp_addr_equal(&was, &m->core))
		tx_rtp_connect(gl, NULL);
}

/* With "rtp ip-probing" osmo-mgw may take another port once it knows whom it talks to */
static void peer_ready(struct gsm_leg *gl, const struct osmo_sockaddr_str *local)
{
	struct gsm_media *m = &gl->media;
	struct rtp_addr was = m->local;
	struct cause why;

	m->peer_busy = false;
	rtp_addr_from_str(&m->local, local);
	if (!gsm_remote_fits_gateway(gl, &why))
		address_refused(gl, &why);
	else if (m->local_hash && !rtp_addr_equal(&was, &m->local))
		m->moved = true;
}

static void endp_cb(struct mgw_endp *endp, const struct mgw_endp_report *report, void *data)
{
	struct gsm_leg *gl = data;
	struct gsm_media *m = &gl->media;

	if (report->event == MGW_ENDP_FAILED) {
		m->endp = NULL; /* it deletes itself */
		fail(gl, report->cause ? report->cause : CAUSE_RESOURCES, report->why);
		return;
	}
	if (report->conn == MGW_CONN_CORE)
		core_ready(gl, &report->local);
	else
		peer_ready(gl, &report->local);
	if (gsm_media_ready(gl) && !gl->leg.released)
		gsm_leg_dispatch(gl, GSM_EV_MEDIA_READY, NULL);
}

static bool take_endpoint(struct gsm_leg *gl)
{
	struct mgw *mgw = mgw_pool_pick(gsm_kind_of(gl)->env.mgws);

	gl->media.endp = mgw ? mgw_endp_alloc(mgw, endp_cb, gl) : NULL;
	if (!gl->media.endp)
		fail(gl, CAUSE_RESOURCES, "no media gateway is up");
	gsm_record_bind_media(gl);
	return gl->media.endp != NULL;
}

/* ---- what the SIP side says ---- */

/*! The offer that a call to a phone begins with (NONE: we are to offer later). Writes to \a buf what MNCC_SETUP_REQ
 * says about it. Returns 0, or -EINVAL with \a why. */
int gsm_media_take_setup_offer(struct gsm_leg *gl, const struct leg_media *media, char *buf, size_t len,
			       struct cause *why)
{
	struct gsm_remote u;
	struct sdp_caps ours, caps;
	int rc;

	buf[0] = '\0';
	gsm_codecs_ours(&ours, gl);
	caps = ours;
	if (media->kind == LEG_MEDIA_OFFER) {
		if (!gsm_remote_offer(gl, &u, media->sdp, why))
			return -EINVAL;
		gl->media.offer = talloc_strdup(gl, media->sdp);
		gsm_remote_remember(gl, &u, media->sdp);
		sdp_nego_common(&caps, &ours, u.audio, false);
	}
	if (media->kind == LEG_MEDIA_OFFER && gl->media.mode == MEDIA_DIRECT)
		rc = gsm_sdp_for_msc(gl, buf, len, media->sdp);
	else
		rc = gsm_sdp_for_setup(buf, len, &caps);
	if (rc)
		buf[0] = '\0'; /* MSCs before 1.11 do without, too */
	return 0;
}

/* Let the gateway or the MSC know what the SIP side said; codec: what it was before. */
static void apply_remote(struct gsm_leg *gl, bool changed, enum sdp_codec_id codec, const char *text)
{
	struct gsm_media *m = &gl->media;

	if (m->mode == MEDIA_DIRECT && m->peer.af != AF_UNSPEC && (changed || !m->connected))
		tx_rtp_connect(gl, text);
	else if (m->mode == MEDIA_ANCHORED && m->endp && changed)
		want_peer(gl);
	/* the codec is another one that the MSC said was possible: it is told, and assigns that one */
	if (m->mode == MEDIA_ANCHORED && m->endp && m->codec != codec) {
		m->connected = false;
		want_core(gl);
	}
}

static void offer_done(struct gsm_leg *gl, enum leg_media_kind outcome)
{
	enum gsm_offer what = gl->media.offered;

	gl->media.offered = GSM_OFFER_NONE;
	if (what == GSM_OFFER_NONE)
		return;
	gsm_change_offer_done(gl, what, outcome);
	if (!gl->leg.released)
		gsm_services_offer_done(gl, what, outcome);
}

/* The same description again says nothing new, unless the codec is another one now. */
static bool is_news(const struct gsm_leg *gl, const char *sdp)
{
	return gl->media.recoded || gl->media.remote_hash != token_hash_str(sdp);
}

/* An answer that cannot be used: without it there is no call, but one that is there goes on as it was. */
static bool bad_answer(struct gsm_leg *gl, const struct cause *why)
{
	if (gl->media.offered == GSM_OFFER_SETUP || gl->fi->state != GSM_ST_TALKING || gl->media.recoded) {
		gsm_leg_release(gl, why);
		return false;
	}
	LOG_GSM_MEDIA(gl, "new answer of no use: %s", why->text);
	offer_done(gl, LEG_MEDIA_REFUSED);
	return true;
}

/*! The SIP side answers (or refuses) what we offered; several times before the call is answered. Returns false if the
 * leg was released because the answer is of no use. */
bool gsm_media_take_answer(struct gsm_leg *gl, const struct leg_media *media)
{
	bool answered = media->kind == LEG_MEDIA_ANSWER, changed = gl->media.recoded;
	enum sdp_codec_id codec = gl->media.codec;
	struct gsm_remote u;
	struct cause why;

	if (answered && is_news(gl, media->sdp)) {
		if (!gsm_remote_answer(gl, &u, media->sdp, &why))
			return bad_answer(gl, &why);
		changed |= gsm_remote_remember(gl, &u, media->sdp);
	}
	if (answered)
		apply_remote(gl, changed, codec, media->sdp);
	else if (media->kind == LEG_MEDIA_RETRY && gl->media.offered)
		gl->media.unsaid = gl->media.counted;
	if (!gl->leg.released)
		offer_done(gl, media->kind);
	return !gl->leg.released;
}

/*! An early answer; there may be several, of forks or of one target after the other, each in place of the one before.
 * One that cannot be used is passed over: another one, or the last one, may be. Returns false if it was. */
bool gsm_media_take_early(struct gsm_leg *gl, const struct leg_media *media)
{
	struct gsm_remote u;
	struct cause why;

	if (is_news(gl, media->sdp) && !gsm_remote_answer(gl, &u, media->sdp, &why)) {
		LOG_GSM_MEDIA(gl, "early answer of no use: %s", why.text);
		return false;
	}
	return gsm_media_take_answer(gl, media);
}

/* An offer in a call. The same one again is a refresh, and changes nothing. */
static bool take_new_offer(struct gsm_leg *gl, const char *sdp, struct cause *why)
{
	struct gsm_remote u;
	bool changed = gl->media.recoded;
	enum sdp_codec_id codec = gl->media.codec;

	TALLOC_FREE(gl->media.before);
	if (is_news(gl, sdp) || gl->media.moved)
		gsm_remote_keep(gl);
	if (is_news(gl, sdp)) {
		if (!gsm_remote_offer(gl, &u, sdp, why))
			return false;
		changed |= gsm_remote_remember(gl, &u, sdp);
	}
	gl->media.offer = talloc_strdup(gl, sdp);
	apply_remote(gl, changed, codec, sdp);
	return true;
}

/*! The SIP side offers anew in a call: hold, retrieval, a new address, or a mere refresh; ASK: it wants an offer of
 * ours. */
void gsm_media_take_offer(struct gsm_leg *gl, const struct leg_media *media)
{
	bool glare = gl->media.offered || gl->media.offer;
	bool ask = media->kind == LEG_MEDIA_ASK;
	struct cause why;

	if (glare || (ask && !gsm_media_post_offer(gl, LEG_EV_MEDIA, GSM_OFFER_CHANGE)))
		leg_post_media(&gl->leg, LEG_EV_MEDIA, LEG_MEDIA_RETRY, NULL);
	else if (ask)
		return;
	else if (!take_new_offer(gl, media->sdp, &why))
		refuse_offer(gl, &why);
	else if (!gl->leg.released && gsm_media_ready(gl))
		gsm_media_post_answer(gl);
}

/* ---- what becomes of what we said (gsm_media_post.c) ---- */

/*! Our answer did not reach the SIP side, which had taken its offer back: go on as before it. */
void gsm_media_answer_void(struct gsm_leg *gl)
{
	struct gsm_media *m = &gl->media;

	if (!gsm_remote_restore(gl))
		return;
	LOG_GSM(gl, LOGL_INFO, "the SIP side took its offer back\n");
	if (m->endp)
		want_peer(gl);
	else if (m->mode == MEDIA_DIRECT)
		tx_rtp_connect(gl, NULL);
	if (!gl->leg.released)
		gsm_services_tell_hold(gl);
}

/*! Hold or retrieval by the phone was agreed on: the gateway follows. */
void gsm_media_apply_hold(struct gsm_leg *gl)
{
	struct gsm_media *m = &gl->media;

	if (m->shared && !m->phone_holds)
		m->connected = false; /* the MSC sends to the other call */
	if (m->endp)
		want_core(gl);
	else if (m->mode == MEDIA_DIRECT && !m->connected)
		tx_rtp_connect(gl, NULL);
	if (m->endp && !m->peer_busy)
		want_peer(gl);
}

/* ---- what the MSC says ---- */

/* A call to a phone: the codec assigned has to be one that the SIP side offered. */
static bool match_offer(struct gsm_leg *gl)
{
	struct gsm_remote u;
	struct cause why;

	if (!gl->media.offer)
		return true;
	if (!gsm_remote_offer(gl, &u, gl->media.offer, &why)) {
		gsm_leg_release(gl, &why);
		return false;
	}
	gsm_remote_remember(gl, &u, gl->media.offer);
	return true;
}

/*! A call to a phone: what it can is known before the MSC has assigned anything (osmo-msc up to 1.10; later ones have
 * looked at our offer themselves). What it cannot is not worth a radio channel. */
void gsm_media_phone_can(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	struct sdp_gsm_side gsm = { .speech_ver = msg->bearer_cap.speech_ver,
				    .more = gsm_kind_of(gl)->cfg.more_codecs };
	struct osmo_sockaddr_str local = { .af = AF_UNSPEC, .port = 9 };
	struct sdp_msg offer, answer;
	char why[SDP_WHY_LEN];
	struct cause cause;

	if (!(msg->fields & MNCC_FIELD_BEARER_CAP) || (msg->sdp && *msg->sdp) || !gl->media.offer || gl->media.codec)
		return;
	if (sdp_msg_parse(&offer, gl->media.offer, strlen(gl->media.offer), NULL))
		return;
	if (sdp_agree_answer(&answer, &offer, &gsm, NULL, NULL, &local, SDP_SENDRECV, why) != -ENOTSUP)
		return;
	GSM_CTR(gl, GSM_CTR_NO_CODEC);
	cause = cause_make(CAUSE_INCOMPATIBLE_DEST, "%s", why);
	cause.warning = CAUSE_WARN_FORMAT;
	gsm_leg_release(gl, &cause);
}

/*! The MSC's first word: now there is something to offer or to answer with. */
void gsm_media_start(struct gsm_leg *gl)
{
	if (!match_offer(gl))
		return;
	if (gl->media.mode == MEDIA_DIRECT) {
		gsm_leg_dispatch(gl, GSM_EV_MEDIA_READY, NULL);
		return;
	}
	if (!take_endpoint(gl))
		return;
	want_core(gl);
	want_peer(gl);
}

/*! A later word: a handover brought another address or codec. A codec that the SIP side has not agreed to is one
 * between the gateway and the MSC only; the other connection follows its answer. */
void gsm_media_msc_changed(struct gsm_leg *gl, bool codec_changed)
{
	struct gsm_media *m = &gl->media;

	if (codec_changed && !match_offer(gl))
		return;
	if (m->endp)
		want_core(gl);
	if (m->endp && codec_changed && !m->local_hash)
		want_peer(gl);
}

/*! "FR anchored rtpbridge/1@mgw": for the operator. */
int gsm_media_to_str_buf(char *buf, size_t len, const struct gsm_leg *gl)
{
	const struct gsm_media *m = &gl->media;

	return snprintf(buf, len, "%s %s%s%s%s", m->codec ? sdp_codec_get(m->codec)->name : "no-codec",
			get_value_string(media_mode_names, m->mode), m->endp ? " " : "",
			m->endp ? mgw_endp_name(m->endp) : "",
			m->phone_holds			      ? " phone-holds"
			: m->remote_hash && !m->peer_receives ? " peer-holds"
							      : "");
}
