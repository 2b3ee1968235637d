/*! \file sdp_agree.h
 * Which codec a call has: what the phone and its network can, what the SIP side says, and what the operator wants, as
 * pure functions.
 *
 * Nothing is transcoded, so there is an agreement if one codec is on all three lists, else words that say why not. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/sipgw/sdp/sdp_codec.h>
#include <osmocom/sipgw/sdp/sdp_msg.h>
#include <osmocom/sipgw/sdp/sdp_nego.h>

/*! What is known of the GSM side. */
struct sdp_gsm_side {
	/*! What the MSC says in SDP, NULL if it speaks none. It counts more than speech_ver: the MSC has looked at it. */
	const struct sdp_caps *sdp;
	/*! Speech versions of the bearer capability (3GPP TS 24.008 10.5.4.5) in the phone's order, ended by -1; NULL if
	 * there is none. */
	const int8_t *speech_ver;
	const uint8_t *more; /*!< as long as the MSC has said nothing: what there is besides, ended by 0; NULL: nothing */
	enum sdp_codec_id assigned; /*!< on the radio, SDP_CODEC_UNKNOWN: none yet */
	bool open;		    /*!< another one may still be assigned */
};

/*! What the operator wants of a peer. */
struct sdp_policy {
	const uint8_t *codecs; /*!< enum sdp_codec_id in order of preference, ended by SDP_CODEC_UNKNOWN; NULL: any */
};

#define SDP_WHY_LEN 116 /*!< as long as the text of a cause */

/*! The parameters that a codec has on the GSM side, NULL: none. */
const char *sdp_agree_gsm_fmtp(enum sdp_codec_id id);

/*! What the GSM side can do, best first. */
void sdp_agree_gsm_caps(struct sdp_caps *caps, const struct sdp_gsm_side *gsm);

/*! Which speech codec a speech version stands for; SDP_CODEC_UNKNOWN if none that we know. */
enum sdp_codec_id sdp_agree_speech_version(int speech_ver);

/*! Leave of the audio in an offer, whoever makes it, what \a policy wants, in its order; telephone-event and comfort
 * noise stay, other streams too. Returns 1, 0 if it was as wanted already, or -ENOTSUP: nothing to talk over
 * would be left. In the latter two \a sdp is untouched. */
int sdp_agree_limit(struct sdp_msg *sdp, const struct sdp_policy *policy);

/*! Make the answer to \a offer, see sdp_nego_make_answer(). The codec assigned goes before others that are possible.
 * Returns 0, or with \a answer untouched the errors of sdp_nego_make_answer() and a sentence in \a why, which has room for
 * SDP_WHY_LEN bytes. \a peer (may be NULL) is the peer's name in it, \a policy may be NULL. */
int sdp_agree_answer(struct sdp_msg *answer, const struct sdp_msg *offer, const struct sdp_gsm_side *gsm,
		     const struct sdp_policy *policy, const char *peer, const struct osmo_sockaddr_str *addr,
		     enum sdp_dir dir, char *why);

/*! "phone: FR only; peer pbx1 offers PCMA, PCMU". \a verb: "offers", "answers". Returns like snprintf. */
int sdp_agree_why_buf(char *buf, size_t len, const struct sdp_caps *phone, const char *peer, const char *verb,
		      const struct sdp_caps *theirs);

/*! "FR only" or "AMR, EFR": a list of what one is confined to. Returns like snprintf. */
int sdp_agree_only_buf(char *buf, size_t len, const struct sdp_caps *caps);

/*! "PCMA, FR": the operator's list, which is not empty. Returns like snprintf. */
int sdp_agree_policy_buf(char *buf, size_t len, const struct sdp_policy *policy);
