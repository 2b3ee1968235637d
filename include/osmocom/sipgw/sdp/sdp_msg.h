/*! \file sdp_msg.h
 * SDP (RFC 8866): text to struct and back. One codec for the bodies of SIP, MGCP and MNCC.
 *
 * The struct is large and lives on the stack while somebody looks at a description. What is kept or handed around is
 * the text. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/core/sockaddr_str.h>
#include <osmocom/core/utils.h>

#define SDP_MAX_MEDIA	4
#define SDP_MAX_FORMATS 16
#define SDP_MAX_FMTP	160
#define SDP_MAX_DROPPED 12
#define SDP_MAX_LEN	65535 /*!< longer texts are not looked at */

/*! Direction of a stream as its sender sees it (RFC 3264 5.1). */
enum sdp_dir {
	SDP_SENDRECV,
	SDP_SENDONLY,
	SDP_RECVONLY,
	SDP_INACTIVE,
};

extern const struct value_string sdp_dir_names[];

/*! One RTP payload format of an m= line. Static payload types are filled in (RFC 3551), also without an a=rtpmap. */
struct sdp_format {
	uint8_t pt;		 /*!< 0..127 */
	char enc[24];		 /*!< encoding name as written; "" if a dynamic type has no a=rtpmap */
	uint32_t rate;		 /*!< clock rate in Hz */
	uint8_t channels;	 /*!< 1 unless given */
	char fmtp[SDP_MAX_FMTP]; /*!< parameters behind "a=fmtp:PT ", "" if none */
};

/*! One m= section. */
struct sdp_media {
	char media[16]; /*!< "audio", "video", ... */
	char proto[24]; /*!< "RTP/AVP", ... */
	char fmt[24];	/*!< first format of the m= line as written, also of profiles other than RTP; "" if none */
	/*! Its own c= line or the session's, and its port; port 0: rejected. AF_UNSPEC (with the port) if that c= has no
	 * IP address: host names are legal there, but we do not resolve them. */
	struct osmo_sockaddr_str addr;
	bool named;	    /*!< that c= has a host name */
	uint16_t rtcp_port; /*!< a=rtcp, 0 if not given */
	bool rtcp_mux;
	bool crypto;	   /*!< has a=crypto or a=fingerprint */
	uint16_t ptime;	   /*!< ms, 0 if not given */
	uint16_t maxptime; /*!< ms, 0 if not given */
	/*! The session's direction unless it has its own; c= 0.0.0.0 is left to sdp_media_on_hold(). */
	enum sdp_dir dir;
	uint8_t n_formats;
	struct sdp_format formats[SDP_MAX_FORMATS]; /*!< of RTP profiles only */
};

/*! What has to be repeated of an m= line to reject it. */
struct sdp_m_line {
	char media[16];
	char proto[24];
	char fmt[24];
};

/*! A session description. */
struct sdp_msg {
	char user[64];			 /*!< o= user name */
	uint64_t sess_id;		 /*!< o= session id; ids that are not numbers are hashed into one */
	uint64_t sess_version;		 /*!< o= version */
	struct osmo_sockaddr_str origin; /*!< o= address; only set if it is an IP address. port unused */
	uint8_t n_media;
	struct sdp_media media[SDP_MAX_MEDIA];
	uint8_t n_media_dropped; /*!< m= lines beyond SDP_MAX_MEDIA; they are encoded as rejected */
	struct sdp_m_line dropped[SDP_MAX_DROPPED];
};

/*! Parse \a len bytes of \a text (no NUL needed at the end).
 * Returns 0, -EINVAL (not SDP) or -E2BIG (more than we keep: m= lines, length); then *why (may be NULL) is a static
 * sentence and \a sdp has no media. Formats whose name or parameters do not fit, and those beyond SDP_MAX_FORMATS, are
 * left out. */
int sdp_msg_parse(struct sdp_msg *sdp, const char *text, size_t len, const char **why);

/*! Write the text, lines ended by CRLF. Returns its length without the NUL, or -EMSGSIZE. */
int sdp_msg_encode(char *buf, size_t len, const struct sdp_msg *sdp);

/*! The same as a new talloc string. */
char *sdp_msg_encode_c(void *ctx, const struct sdp_msg *sdp);

/*! Copy \a text to \a buf of \a len bytes (NUL included). What fits is copied byte by byte; a longer text is parsed and
 * reduced to what matters, by whole lines: streams other than the audio become bare rejected m= lines, then go
 * attributes unknown to us, then formats, those we know last. Returns the length without the NUL, -EMSGSIZE, or the
 * error of sdp_msg_parse(). */
int sdp_msg_reduce(char *buf, size_t len, const char *text);

/*! The audio stream over RTP: the first one that is not rejected, else the first; NULL if there is none. */
struct sdp_media *sdp_msg_audio(struct sdp_msg *sdp);

/*! The format with payload type \a pt, or NULL. */
struct sdp_format *sdp_media_format(struct sdp_media *media, uint8_t pt);

/*! Is this a stream over RTP/AVP, /AVPF, /SAVP or /SAVPF, whatever below? */
bool sdp_media_is_rtp(const struct sdp_media *media);

/*! Does the sender of this not want our audio: sendonly, inactive or the address 0.0.0.0 or :: (RFC 3264 8.4)? */
bool sdp_media_on_hold(const struct sdp_media *media);

/*! The direction as the other end sees it. */
enum sdp_dir sdp_dir_mirror(enum sdp_dir dir);

/*! A new description: our o= with a random session id and version 1, one RTP/AVP audio stream at \a addr, sendrecv, no
 * formats yet. */
void sdp_msg_init_audio(struct sdp_msg *sdp, const struct osmo_sockaddr_str *addr);

/*! One stream in words for the operator. Returns like snprintf. */
int sdp_media_to_str_buf(char *buf, size_t len, const struct sdp_media *media);
