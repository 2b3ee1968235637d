/*! \file sdp_nego.h
 * Offer/answer (RFC 3264) as pure functions: which codec two sides can use, and in which words to say so.
 *
 * Nothing here knows where a description came from. "ours" is what our side can send and receive, in order of preference. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <osmocom/sipgw/sdp/sdp_msg.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

/*! A list of codecs in order of preference, by payload format. */
struct sdp_caps {
	uint8_t n;
	struct sdp_format f[SDP_MAX_FORMATS];
};

void sdp_caps_add(struct sdp_caps *caps, enum sdp_codec_id id, const char *fmtp);
void sdp_caps_from_media(struct sdp_caps *caps, const struct sdp_media *media);
bool sdp_caps_has(const struct sdp_caps *caps, enum sdp_codec_id id);
int sdp_caps_to_str_buf(char *buf, size_t len, const struct sdp_caps *caps);

/*! Keep of \a offered (their formats, their payload types, their order unless \a ours_first) what \a ours can do too. */
int sdp_nego_common(struct sdp_caps *out, const struct sdp_caps *ours, const struct sdp_media *offered, bool ours_first);

/*! Check an answer against the offer it belongs to: same m= lines, at least one offered voice codec, a usable address. */
int sdp_nego_check_answer(const struct sdp_msg *offer, const struct sdp_msg *answer, const char **why);

/*! Make the answer to \a offer: its m= lines, the first usable audio stream with \a caps at \a addr, all others rejected. */
int sdp_nego_make_answer(struct sdp_msg *answer, const struct sdp_msg *offer, const struct sdp_caps *caps,
			 const struct osmo_sockaddr_str *addr, enum sdp_dir dir);
