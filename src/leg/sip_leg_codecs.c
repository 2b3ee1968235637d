/* The operator's list of codecs for a peer, where offers pass between the peer and the call.
 *
 * An offer loses what is not on the list and gets the list's order, whoever makes it; then the usual rules give an
 * answer from the list. Answers pass as they are: they can only have what was offered. Without a list nothing is looked
 * at, and every text passes as it is. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/sipgw/sdp/sdp_agree.h>

#include "sip_leg_internal.h"

static struct cause nothing_left(struct sdp_msg *sdp, const struct sdp_policy *policy, const char *peer, bool to_peer)
{
	const struct sdp_media *audio = sdp_msg_audio(sdp);
	char names[SDP_WHY_LEN], list[64];
	struct sdp_caps caps = {};

	if (audio)
		sdp_caps_from_media(&caps, audio);
	sdp_agree_policy_buf(list, sizeof(list), policy);
	if (to_peer) {
		sdp_agree_only_buf(names, sizeof(names), &caps);
		return cause_make(CAUSE_INCOMPATIBLE_DEST, "phone: %s; allowed with peer %s: %s", names, peer, list);
	}
	sdp_caps_to_str_buf(names, sizeof(names), &caps);
	return cause_make(CAUSE_INCOMPATIBLE_DEST, "peer %s offers %s; allowed: %s", peer, names, list);
}

/*! The offer \a text as \a peer (NULL: it is gone) is to see it, or with \a to_peer false the call. Returns \a text, or
 * \a buf with another one; NULL with \a why if nothing is left that a call could be carried over. */
const char *sip_leg_codecs_limit(const struct sip_peer *peer, const char *text, bool to_peer, char *buf, size_t len,
				 struct cause *why)
{
	struct sdp_policy policy = { .codecs = peer ? peer->cfg.codecs : NULL };
	struct sdp_msg sdp;
	int rc;

	if (!text || !peer || !peer->cfg.codecs[0])
		return text;
	if (sdp_msg_parse(&sdp, text, strlen(text), NULL))
		return text; /* what is wrong with it will be said by who has to answer it */
	rc = sdp_agree_limit(&sdp, &policy);
	if (rc < 0) {
		*why = nothing_left(&sdp, &policy, peer->name, to_peer);
		why->warning = CAUSE_WARN_FORMAT;
	}
	if (rc <= 0)
		return rc ? NULL : text;
	rc = sdp_msg_encode(buf, len, &sdp);
	if (rc >= 0 && (size_t)rc < len)
		return buf;
	*why = cause_make(CAUSE_INTERWORKING, "the session description is too long");
	return NULL;
}

/*! A peer that refuses \a offer seldom says why: whoever reads \a why is told what was offered. */
void sip_leg_codecs_refused(struct cause *why, const char *offer)
{
	const struct sdp_media *audio;
	struct sdp_caps caps = {};
	char names[SDP_WHY_LEN];
	struct sdp_msg sdp;
	size_t len = strlen(why->text);

	if (sdp_msg_parse(&sdp, offer, strlen(offer), NULL) || !(audio = sdp_msg_audio(&sdp)))
		return;
	sdp_caps_from_media(&caps, audio);
	sdp_caps_to_str_buf(names, sizeof(names), &caps);
	snprintf(why->text + len, sizeof(why->text) - len, "; offered: %s", names);
}
