/* What a description of the SIP side comes to: the stream and the codec that both sides can use, and why there is none.
 *
 * An offer is looked at by making an answer to it, so that nothing is accepted here that could not be answered later;
 * an answer is checked against what we offered (RFC 3264 6). What counts of it is then kept in a few bytes, with a hash
 * of the whole, since most descriptions in a call are repetitions. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sdp/sdp_nego.h>

#include "gsm_leg_internal.h"

/* "phone: AMR only; peer answers PCMA": for the log line, the Warning, and show calls */
static struct cause no_codec(struct gsm_leg *gl, const struct sdp_media *audio)
{
	struct sdp_caps ours, theirs;
	char why[SDP_WHY_LEN];

	gsm_codecs_ours(&ours, gl);
	sdp_caps_from_media(&theirs, audio);
	sdp_agree_why_buf(why, sizeof(why), &ours, NULL, "answers", &theirs);
	GSM_CTR(gl, GSM_CTR_NO_CODEC);
	return cause_make(CAUSE_INCOMPATIBLE_DEST, "%s", why);
}

static bool parse(struct gsm_remote *u, const char *text, struct cause *why)
{
	const char *what = "malformed";

	if (!sdp_msg_parse(&u->sdp, text, strlen(text), &what))
		return true;
	*why = cause_make(CAUSE_INCOMPATIBLE_DEST, "session description: %s", what);
	return false;
}

/*! An offer: which of its streams and codecs our answer would take. Returns false with \a why if there is none. */
bool gsm_remote_offer(struct gsm_leg *gl, struct gsm_remote *u, const char *text, struct cause *why)
{
	struct osmo_sockaddr_str local = { .af = AF_INET, .ip = "192.0.2.1", .port = 9 };
	char text_why[SDP_WHY_LEN];
	struct sdp_msg answer;
	int i = 0, rc;

	if (!parse(u, text, why))
		return false;
	rc = gsm_codecs_answer(&answer, &u->sdp, gl, &local, SDP_SENDRECV, text_why);
	if (rc < 0) {
		*why = cause_make(CAUSE_INCOMPATIBLE_DEST, "%s", text_why);
		if (rc == -ENOTSUP)
			GSM_CTR(gl, GSM_CTR_NO_CODEC);
	} else {
		while (!answer.media[i].addr.port)
			i++;
		u->audio = &u->sdp.media[i];
		u->fmt = answer.media[i].formats[0];
	}
	return rc >= 0;
}

/*! An answer: does it belong to what we offered, and what did it settle on? Returns false with \a why if it does not.
 */
bool gsm_remote_answer(struct gsm_leg *gl, struct gsm_remote *u, const char *text, struct cause *why)
{
	const struct sdp_format *chosen;
	struct sdp_msg offer;
	const char *what;
	int rc;

	if (!parse(u, text, why))
		return false;
	gsm_sdp_offered(gl, &offer);
	rc = sdp_nego_check_answer(&offer, &u->sdp, &what);
	u->audio = sdp_msg_audio(&u->sdp);
	if (rc == -ENOTSUP && u->audio) {
		*why = no_codec(gl, u->audio);
		return false;
	}
	chosen = rc || !u->audio ? NULL : sdp_nego_chosen(sdp_msg_audio(&offer), u->audio);
	if (!chosen) {
		*why = cause_make(CAUSE_INCOMPATIBLE_DEST, "%s",
				  rc ? what : "the answer has no codec that was offered");
		return false;
	}
	u->fmt = *chosen;
	/* it may leave out the name of a dynamic type: then it is the one that was offered */
	if (!chosen->enc[0])
		u->fmt = *sdp_media_format(sdp_msg_audio(&offer), chosen->pt);
	return true;
}

/*! Remember what of the SIP side's description counts. Returns true if the gateway or the MSC has to know. */
bool gsm_remote_remember(struct gsm_leg *gl, const struct gsm_remote *u, const char *text)
{
	struct gsm_media *m = &gl->media;
	bool receives = !sdp_media_on_hold(u->audio), changed;
	struct rtp_addr peer = m->peer;

	/* c=0.0.0.0 is hold in the old way: the address before will be wanted again */
	if (osmo_sockaddr_str_is_nonzero(&u->audio->addr))
		rtp_addr_from_str(&peer, &u->audio->addr);
	changed = !rtp_addr_equal(&peer, &m->peer) || receives != m->peer_receives;
	m->peer = peer;
	m->peer_receives = receives;
	m->peer_sends = u->audio->dir == SDP_SENDRECV || u->audio->dir == SDP_SENDONLY;
	m->remote_hash = token_hash_str(text);
	if (!m->codec)
		return changed; /* which format counts is known when the MSC has assigned one */
	changed |= gsm_codecs_settle(gl, sdp_codec_of(&u->fmt));
	changed |= gsm_codecs_set_fmtp(gl, u->fmt.fmtp);
	changed |= gsm_codecs_set_peer_event(gl, u->audio);
	changed |= u->fmt.pt != m->peer_pt;
	m->peer_pt = u->fmt.pt;
	return changed;
}

/*! What an offer of the SIP side replaces, until it is sure that it has our answer. */
struct gsm_remote_state {
	struct rtp_addr peer;
	uint64_t hash;
	char *fmtp;
	uint8_t pt;
	bool receives, moved, recoded;
};

/*! Keep what we know of the SIP side, and what it has yet to be told, for gsm_remote_restore(). */
void gsm_remote_keep(struct gsm_leg *gl)
{
	struct gsm_media *m = &gl->media;
	struct gsm_remote_state *state = talloc(gl, struct gsm_remote_state);

	*state = (struct gsm_remote_state){
		.peer = m->peer,
		.hash = m->remote_hash,
		.fmtp = talloc_strdup(state, m->fmtp),
		.pt = m->peer_pt,
		.receives = m->peer_receives,
		.moved = m->moved,
		.recoded = m->recoded,
	};
	m->before = state;
}

/*! Go back to what was kept. Returns false if there is nothing to go back to. */
bool gsm_remote_restore(struct gsm_leg *gl)
{
	struct gsm_media *m = &gl->media;
	struct gsm_remote_state *state = m->before;

	if (!state)
		return false;
	m->before = NULL;
	m->peer = state->peer;
	m->remote_hash = state->hash;
	talloc_free(m->fmtp);
	m->fmtp = talloc_steal(gl, state->fmtp);
	m->peer_pt = state->pt;
	m->peer_receives = state->receives;
	m->moved |= state->moved;
	m->recoded |= state->recoded;
	talloc_free(state);
	return true;
}
