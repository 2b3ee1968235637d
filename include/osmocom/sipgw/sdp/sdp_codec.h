/*! \file sdp_codec.h
 * The codecs we know: names, clock rates, usual payload types, and the parameters that make two of them different. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/sipgw/sdp/sdp_msg.h>

enum sdp_codec_id {
	SDP_CODEC_UNKNOWN,
	SDP_CODEC_GSM_FR,	   /*!< GSM/8000, static type 3 */
	SDP_CODEC_GSM_EFR,	   /*!< GSM-EFR/8000, 110 in 3GPP TS 48.103 */
	SDP_CODEC_GSM_HR,	   /*!< GSM-HR-08/8000 (RFC 5993), 111 */
	SDP_CODEC_AMR,		   /*!< AMR/8000 (RFC 4867), 112 */
	SDP_CODEC_AMR_WB,	   /*!< AMR-WB/16000 (RFC 4867), 113 */
	SDP_CODEC_PCMU,		   /*!< static type 0 */
	SDP_CODEC_PCMA,		   /*!< static type 8 */
	SDP_CODEC_G722,		   /*!< static type 9 */
	SDP_CODEC_CLEARMODE,	   /*!< RFC 4040, 120 */
	SDP_CODEC_CN,		   /*!< comfort noise (RFC 3389), static type 13 */
	SDP_CODEC_TELEPHONE_EVENT, /*!< RFC 4733, 101 by habit */
	_NUM_SDP_CODECS
};

/*! What is fixed about a codec. */
struct sdp_codec {
	enum sdp_codec_id id;
	const char *name; /*!< short name for operators: "FR", "AMR", ... */
	const char *enc;  /*!< encoding name in a=rtpmap */
	uint32_t rate;
	uint8_t pt; /*!< the payload type that we use when we may choose (3GPP TS 48.103 5.4.2.2) */
};

/*! Parameters of AMR and AMR-WB (RFC 4867 8.1, 8.2). */
struct sdp_amr {
	bool octet_align;
	uint16_t mode_set;			/*!< bit per mode; 0: all of them */
	uint8_t mode_change_period;		/*!< 1 or 2 */
	bool crc, robust_sorting, interleaving; /*!< we do none of these */
};

/*! The entry of \a id; never NULL: ids out of range give that of SDP_CODEC_UNKNOWN. */
const struct sdp_codec *sdp_codec_get(enum sdp_codec_id id);

/*! Find by our short name or by encoding name, any case; NULL if there is none. */
const struct sdp_codec *sdp_codec_by_name(const char *name);

/*! Which codec is that? By encoding name (any case), clock rate and channels. */
enum sdp_codec_id sdp_codec_of(const struct sdp_format *fmt);

/*! Can one talk over it? False for telephone-event, CN, CLEARMODE and what we do not know. */
bool sdp_codec_is_voice(enum sdp_codec_id id);

/*! Can a call be carried over it: speech, data (CLEARMODE), or something unknown by name? Not so the formats that only go
 * with others, telephone-event and CN. */
bool sdp_codec_carries_call(const struct sdp_format *fmt);

/*! Make a format of a codec, with its usual payload type; \a fmtp may be NULL. */
void sdp_codec_to_format(struct sdp_format *fmt, enum sdp_codec_id id, const char *fmtp);

/*! Read AMR or AMR-WB parameters; "" gives the defaults of RFC 4867: bandwidth-efficient, all modes. Returns 0 or
 * -EINVAL. */
int sdp_amr_parse(struct sdp_amr *amr, const char *fmtp);

/*! Write them; defaults are left out. Returns the length without the NUL, or -EMSGSIZE. */
int sdp_amr_encode(char *buf, size_t len, const struct sdp_amr *amr);

/*! Copy the parameters \a fmtp with another mode-set, leaving all else as it is. Returns the length without the NUL, or
 * -EMSGSIZE. */
int sdp_amr_set_modes(char *buf, size_t len, const char *fmtp, uint16_t mode_set);

/*! Can a sender of \a a be understood by a receiver of \a b, and the other way round, without transcoding? Payload
 * types do not count, neither does AMR's octet-align: the media gateway translates both. That of AMR-WB does count, osmo-mgw
 * leaves it as it is. */
bool sdp_format_compatible(const struct sdp_format *a, const struct sdp_format *b);
