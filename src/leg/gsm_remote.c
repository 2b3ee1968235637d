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
#include <osmocom/sipgw/call/call.h>
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

/* "peer offers audio at IPv6 fd00::2; media gateway has IPv4": it would be a silent call. RFC 3264 and RFC 6157 4.2
 * leave it to the two sides to have an IP version in common; nobody here translates. */
static struct cause no_address(struct gsm_leg *gl, const char *who, const struct osmo_sockaddr_str *theirs,
			       const char *we, const struct osmo_sockaddr_str *ours)
{
	struct cause why = cause_make(CAUSE_INCOMPATIBLE_DEST, "%s audio at %s %s; %s %s", who, sdp_family_name(theirs),
				      theirs->ip, we, sdp_family_name(ours));

	why.warning = CAUSE_WARN_ADDRESS;
	GSM_CTR(gl, GSM_CTR_NO_ADDRESS);
	return why;
}

/* An address for documents (RFC 5737, RFC 3849): all that counts is its version. */
static void any_of_family(struct osmo_sockaddr_str *addr, int af)
{
	*addr = (struct osmo_sockaddr_str){ .af = af };
	OSMO_STRLCPY_ARRAY(addr->ip, af == AF_INET6 ? "2001:db8::1" : "192.0.2.1");
}

/*! Where the SIP side's address is likely to be as long as it is not known: near to the peer that will be called; an
 * offer on hold (c=0.0.0.0) says at least which version it will have. */
void gsm_remote_guess(const struct gsm_leg *gl, struct osmo_sockaddr_str *near)
{
	const struct sdp_media *audio;
	struct sdp_msg sdp;

	*near = (struct osmo_sockaddr_str){};
	if (gl->parties)
		route_look_ahead(gsm_kind_of(gl)->env.calls, gl->leg.kind, "", gl->parties, near);
	else if (gl->media.offer && !sdp_msg_parse(&sdp, gl->media.offer, strlen(gl->media.offer), NULL) &&
		 (audio = sdp_msg_audio(&sdp)) && audio->addr.af)
		any_of_family(near, audio->addr.af);
}

/*! Can the gateway's port towards the SIP side, now that it is there, send to the SIP side's address? osmo-mgw says
 * nothing if it has no address of that IP version. */
bool gsm_remote_fits_gateway(struct gsm_leg *gl, struct cause *why)
{
	struct osmo_sockaddr_str theirs, ours;

	rtp_addr_to_str(&theirs, &gl->media.peer);
	rtp_addr_to_str(&ours, &gl->media.local);
	if (gl->media.peer.af == AF_UNSPEC && gl->media.offer)
		gsm_remote_guess(gl, &theirs);
	if (sdp_same_family(&theirs, &ours))
		return true;
	*why = no_address(gl, gl->media.offer ? "peer offers" : "peer answers", &theirs, "media gateway has", &ours);
	return false;
}

/*! The same towards the MSC. */
bool gsm_remote_msc_fits_gateway(struct gsm_leg *gl, struct cause *why)
{
	struct osmo_sockaddr_str theirs, ours;

	rtp_addr_to_str(&theirs, &gl->media.msc);
	rtp_addr_to_str(&ours, &gl->media.core);
	if (sdp_same_family(&theirs, &ours))
		return true;
	*why = no_address(gl, "MSC has", &theirs, "media gateway has", &ours);
	why->value = CAUSE_BEARER_NOT_IMPL;
	return false;
}

/* The words, the warning and the counter for an offer that cannot be answered. */
static struct cause why_no_answer(struct gsm_leg *gl, struct sdp_msg *offer, const struct osmo_sockaddr_str *local,
				  int rc, const char *text)
{
	struct cause why;

	if (rc == -EAFNOSUPPORT)
		return no_address(gl, "peer offers", &sdp_msg_audio(offer)->addr, "MSC has", local);
	why = cause_make(CAUSE_INCOMPATIBLE_DEST, "%s", text);
	why.warning = rc == -ENOTSUP ? CAUSE_WARN_FORMAT : rc == -EADDRNOTAVAIL ? CAUSE_WARN_ADDRESS : 0;
	if (rc == -ENOTSUP)
		GSM_CTR(gl, GSM_CTR_NO_CODEC);
	if (rc == -EADDRNOTAVAIL)
		GSM_CTR(gl, GSM_CTR_NO_ADDRESS);
	return why;
}

/*! An offer: which of its streams and codecs our answer would take. Returns false with \a why if there is none. */
bool gsm_remote_offer(struct gsm_leg *gl, struct gsm_remote *u, const char *text, struct cause *why)
{
	struct osmo_sockaddr_str local = { .af = AF_UNSPEC, .port = 9 };
	char text_why[SDP_WHY_LEN];
	struct sdp_msg answer;
	int i = 0, rc;

	/* a gateway with both IP versions moves to the one that is wanted, the MSC does not */
	if (gl->media.mode == MEDIA_DIRECT && gl->media.local.af != AF_UNSPEC)
		rtp_addr_to_str(&local, &gl->media.local);
	if (!parse(u, text, why))
		return false;
	rc = gsm_codecs_answer(&answer, &u->sdp, gl, &local, SDP_SENDRECV, text_why);
	if (rc < 0) {
		*why = why_no_answer(gl, &u->sdp, &local, rc, text_why);
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
	if (rc == -EAFNOSUPPORT && u->audio) {
		*why = no_address(gl, "peer answers", &u->audio->addr, "it was offered", &sdp_msg_audio(&offer)->addr);
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
