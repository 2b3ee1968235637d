/* The media of a SIP leg: whose offer is where in which SIP message.
 *
 * Descriptions are the other leg's and pass as they are. Here is decided whether they travel in a provisional response,
 * a 200, a re-INVITE or an ACK, and what becomes of offers that the peer takes back (RFC 3261 13, 14; RFC 3264). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sdp/sdp_msg.h>

#include "sip_leg_internal.h"

/* ---- before the answer ---- */

/* A description that comes before the answer is passed on once; several early dialogs may each have their own */
static struct leg_media early_media(struct sip_leg *sl, const char *sdp)
{
	uint64_t hash = sdp ? token_hash_str(sdp) : 0;

	if (!sdp || hash == sl->early_hash)
		return (struct leg_media){ .kind = LEG_MEDIA_NONE };
	sl->early_hash = hash;
	return (struct leg_media){ .kind = LEG_MEDIA_ANSWER, .sdp = sdp };
}

/*! To a peer: what it lets hear before it answers, told once. */
void sip_leg_media_early(struct sip_leg *sl, enum leg_event_type type, bool *told, const char *sdp)
{
	struct leg_media media = early_media(sl, sdp);

	if (*told && media.kind == LEG_MEDIA_NONE)
		return;
	*told = true;
	leg_post_media(&sl->leg, type, media.kind, media.sdp);
}

static void keep_early_answer(struct sip_leg *sl, const struct leg_media *media)
{
	if (media->kind != LEG_MEDIA_ANSWER)
		return;
	talloc_free(sl->early_answer);
	sl->early_answer = talloc_strdup(sl, media->sdp);
}

/*! To a peer that calls: it rings (180), or there is something to hear (183). What can be heard while it rings goes
 * into a 183 too: a 180 makes the peer play its own tone (RFC 3960 3.2). */
void sip_leg_media_ring(struct sip_leg *sl, uint16_t status, const struct leg_media *media)
{
	const struct sip_peer *peer = sip_session_peer(sl->session);
	bool hears = media->kind == LEG_MEDIA_ANSWER && !(peer && peer->cfg.no_early_media);

	keep_early_answer(sl, media);
	if (status == 183 && !hears && media->kind == LEG_MEDIA_ANSWER)
		return; /* that there is something to hear is all it would say */
	sip_session_provisional(sl->session, hears ? 183 : status, hears ? media->sdp : NULL);
}

void sip_leg_media_answer(struct sip_leg *sl, const struct leg_media *media)
{
	const char *sdp = media->sdp ? media->sdp : sl->early_answer;
	struct cause why = cause_make(CAUSE_INTERWORKING, "the answer has no session description");
	char buf[SIP_LEG_SDP_LEN];

	if (sdp && media->kind == LEG_MEDIA_OFFER)
		sdp = sip_leg_codecs_limit(sip_session_peer(sl->session), sdp, true, buf, sizeof(buf), &why);
	if (sdp && sip_session_answer(sl->session, sdp) < 0) {
		why = cause_make(CAUSE_INTERWORKING, "the answer could not be sent");
		sdp = NULL;
	}
	if (!sdp)
		sip_leg_release(sl, &why);
	TALLOC_FREE(sl->early_answer);
}

/* ---- in a call, from the peer ---- */

void sip_leg_media_acked(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;
	bool first = sl->incoming && !sl->connected;
	struct cause no_answer;

	if (sl->late_offer && !info->sdp && first) {
		no_answer = cause_make(CAUSE_INCOMPATIBLE_DEST, "the ACK has no answer to our offer");
		sip_leg_release(sl, &no_answer);
		return;
	}
	if (sl->late_offer)
		leg_post_media(&sl->leg, LEG_EV_MEDIA, info->sdp ? LEG_MEDIA_ANSWER : LEG_MEDIA_REFUSED, info->sdp);
	sl->late_offer = false;
	sl->connected = true;
	if (first)
		leg_post_type(&sl->leg, LEG_EV_CONNECTED);
}

static void refuse(struct sip_leg *sl, const struct cause *why)
{
	struct sip_end end = { .status = 488, .text = why ? why->text : NULL, .warning = why ? why->warning : 0 };

	sip_session_refuse(sl->session, &end);
}

/* Does this description put us on hold? Negative if it is none. */
static int holds(const char *text)
{
	const struct sdp_media *audio;
	struct sdp_msg sdp;

	if (sdp_msg_parse(&sdp, text, strlen(text), NULL))
		return -EINVAL;
	audio = sdp_msg_audio(&sdp);
	return audio ? sdp_media_on_hold(audio) : -ENOENT;
}

void sip_leg_media_reoffer(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;
	int hold = info->sdp ? holds(info->sdp) : -ENOENT;
	enum leg_event_type type = LEG_EV_MEDIA;
	char buf[SIP_LEG_SDP_LEN];
	struct cause why;
	const char *sdp;

	if (sl->reoffer_gone) { /* the answer to the one before is still due: not to be taken for this one's */
		sip_session_reply(s, 491, NULL);
		return;
	}
	/* after a glare theirs comes first: the other leg can say in its answer what it wanted to offer */
	if (sip_session_withdraw(s))
		leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_RETRY, NULL);
	sl->reoffer_asks = !info->sdp;
	if (sl->reoffer_asks) {
		sl->reoffer_open = true;
		leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_ASK, NULL);
		return;
	}
	sdp = sip_leg_codecs_limit(sip_session_peer(s), info->sdp, false, buf, sizeof(buf), &why);
	if (hold < 0 || !sdp) {
		refuse(sl, hold < 0 ? NULL : &why);
		return;
	}
	if (hold != sl->peer_holds)
		type = hold ? LEG_EV_HELD : LEG_EV_RESUMED;
	sl->reoffer_holds = hold;
	sl->reoffer_open = true;
	leg_post_media(&sl->leg, type, LEG_MEDIA_OFFER, sdp);
}

void sip_leg_media_reoffer_gone(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;

	LOG_SIPLEG(sl, LOGL_INFO, "the peer's re-INVITE is void: %u %s\n", info->status, info->text);
	sl->reoffer_gone = sl->reoffer_open;
}

void sip_leg_media_reanswered(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;
	bool accepted = info->status >= 200 && info->status < 300 && info->sdp;
	enum leg_media_kind refused = info->status == 491 ? LEG_MEDIA_RETRY : LEG_MEDIA_REFUSED;

	leg_post_media(&sl->leg, LEG_EV_MEDIA, accepted ? LEG_MEDIA_ANSWER : refused, accepted ? info->sdp : NULL);
}

/*! From a peer: its INVITE has this offer, or none. */
void sip_leg_media_incoming(struct sip_leg *sl, const char *sdp)
{
	sl->late_offer = !sdp;
	sl->peer_holds = sdp && holds(sdp) > 0;
}

/* ---- in a call, from the call ---- */

/* What the call has to say to the peer's re-INVITE. Returns false if the peer does not want to hear it any more. */
static bool reoffer_is_met(struct sip_leg *sl)
{
	bool wanted = !sl->reoffer_gone;

	sl->reoffer_open = sl->reoffer_gone = sl->reoffer_asks = false;
	return wanted;
}

/* The peer asked for an offer by a re-INVITE without one, and here it is; the ACK brings the answer (RFC 3261 14.2) */
static void offer_in_200(struct sip_leg *sl, const char *sdp)
{
	reoffer_is_met(sl);
	sl->late_offer = sip_session_reply(sl->session, 200, sdp) == 0;
	if (!sl->late_offer)
		leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_RETRY, NULL);
}

static void answer_reoffer(struct sip_leg *sl, const char *sdp)
{
	if (reoffer_is_met(sl)) {
		sl->peer_holds = sl->reoffer_holds;
		sip_session_reply(sl->session, 200, sdp);
	} else { /* RFC 3261 14.1: a re-INVITE without 2xx has not happened */
		leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_VOID, NULL);
	}
}

static void offer(struct sip_leg *sl, const char *text)
{
	char buf[SIP_LEG_SDP_LEN];
	struct cause why;
	const char *sdp = sip_leg_codecs_limit(sip_session_peer(sl->session), text, true, buf, sizeof(buf), &why);

	if (sl->reoffer_asks && sdp)
		offer_in_200(sl, sdp);
	else if (!sdp || sip_session_reinvite(sl->session, sdp) < 0)
		leg_post_media(&sl->leg, LEG_EV_MEDIA, sdp ? LEG_MEDIA_RETRY : LEG_MEDIA_REFUSED, NULL);
}

/* An offer of the other side becomes a re-INVITE, its answer or refusal the response to the peer's */
void sip_leg_media_cmd(struct sip_leg *sl, const struct leg_media *media)
{
	switch (media->kind) {
	case LEG_MEDIA_OFFER:
		offer(sl, media->sdp);
		return;
	case LEG_MEDIA_ANSWER:
		answer_reoffer(sl, media->sdp);
		return;
	case LEG_MEDIA_REFUSED:
		if (reoffer_is_met(sl))
			refuse(sl, media->why);
		return;
	case LEG_MEDIA_RETRY:
		if (reoffer_is_met(sl))
			sip_session_reply(sl->session, 491, NULL);
		return;
	case LEG_MEDIA_ASK: /* a leg of another kind wants an offer: not before it is needed (RFC 3261 14.1) */
		leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_REFUSED, NULL);
		return;
	case LEG_MEDIA_VOID: /* would be a CANCEL too late: a leg of another kind takes its answer as it comes */
	case LEG_MEDIA_NONE:
		return;
	}
}
