/*! \file sdp_nego.h
 * Offer/answer (RFC 3264) as pure functions: which codec two sides can use, and in which words to say so.
 *
 * Nothing here knows where a description came from. "ours" is what our side can send and receive, in order of
 * preference. */
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

/*! Append a codec unless it is there already (a same one is a compatible format with the same \a fmtp; NULL is ""). Its
 * usual payload type is taken, or a free dynamic one. */
void sdp_caps_add(struct sdp_caps *caps, enum sdp_codec_id id, const char *fmtp);

/*! All formats of \a media, in its order. */
void sdp_caps_from_media(struct sdp_caps *caps, const struct sdp_media *media);

bool sdp_caps_has(const struct sdp_caps *caps, enum sdp_codec_id id);

/*! Names of the voice codecs, "PCMA, PCMU", as an operator wants to read them; "no voice codec" if so. Returns like
 * snprintf. */
int sdp_caps_to_str_buf(char *buf, size_t len, const struct sdp_caps *caps);

/*! Keep of \a offered (their formats, their payload types, their order unless \a ours_first) what \a ours can do too.
 * Of a telephone-event, the events are ours; of AMR, the mode-set is what both can. Returns the number of voice codecs
 * kept, 0 or more. */
int sdp_nego_common(struct sdp_caps *out, const struct sdp_caps *ours, const struct sdp_media *offered,
		    bool ours_first);

/*! Check an answer against the offer it belongs to: same m= lines, at least one offered voice codec, a usable address.
 * Returns 0; -EPROTO: breaks RFC 3264; -ECONNREFUSED: the audio is rejected; -ENOTSUP: no codec; -EADDRNOTAVAIL: no
 * usable address; -EAFNOSUPPORT: one of another IP version than the offer's. *why (may be NULL) is a static sentence then.
 * An answer on hold, also with 0.0.0.0, is a good answer. */
int sdp_nego_check_answer(const struct sdp_msg *offer, const struct sdp_msg *answer, const char **why);

/*! Are these two IPv4, or two IPv6? Nobody sends from one to the other. True if one of them is not known. */
bool sdp_same_family(const struct osmo_sockaddr_str *a, const struct osmo_sockaddr_str *b);

/*! "IPv4", "IPv6", "no address": for the operator. */
const char *sdp_family_name(const struct osmo_sockaddr_str *addr);

/*! The voice format that a checked answer has settled on: the first one in it that was offered. NULL if there is none.
 * Its enc is "" if the answer did not name it; then it is the one that was offered with its payload type. */
const struct sdp_format *sdp_nego_chosen(const struct sdp_media *offered, const struct sdp_media *answered);

/*! Make the answer to \a offer: its m= lines, the first usable audio stream with \a caps at \a addr, all others
 * rejected. \a dir is what our side wants; the answer has what of it the offer allows (RFC 3264 6.1).
 *
 * It settles on one voice codec, the first of the offer that \a caps has (for another choice, pass fewer caps; AMR packed
 * as in \a caps goes before AMR that has to be repacked), and telephone-event if both have it.
 *
 * o= is new; in an answer to a later offer set sess_id and sess_version to those that continue the session.
 *
 * Returns 0, or with \a answer untouched: -ENOENT: no audio stream over plain RTP; -ENOTSUP: no codec in common;
 * -EADDRNOTAVAIL: no usable address in the offer; -EAFNOSUPPORT: it is of another IP version than \a addr. */
int sdp_nego_make_answer(struct sdp_msg *answer, const struct sdp_msg *offer, const struct sdp_caps *caps,
			 const struct osmo_sockaddr_str *addr, enum sdp_dir dir);

/*! The direction of an answer to \a offered, if we want \a wanted. */
enum sdp_dir sdp_nego_answer_dir(const struct sdp_media *offered, enum sdp_dir wanted);
