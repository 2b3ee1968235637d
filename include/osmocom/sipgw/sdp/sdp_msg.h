/*! \file sdp_msg.h
 * SDP (RFC 8866): text to struct and back. One codec for the bodies of SIP, MGCP and MNCC.
 *
 * The struct is large and lives on the stack while somebody looks at a description. What is kept or handed around is the text. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/core/sockaddr_str.h>
#include <osmocom/core/utils.h>

#define SDP_MAX_MEDIA 4
#define SDP_MAX_FORMATS 16
#define SDP_MAX_FMTP 160

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
	uint8_t pt;		/*!< 0..127 */
	char enc[24];		/*!< encoding name as written; "" if a dynamic type has no a=rtpmap */
	uint32_t rate;		/*!< clock rate in Hz */
	uint8_t channels;	/*!< 1 unless given */
	char fmtp[SDP_MAX_FMTP]; /*!< parameters behind "a=fmtp:PT ", "" if none */
};

/*! One m= section. */
struct sdp_media {
	char media[16];		/*!< "audio", "video", ... */
	char proto[24];		/*!< "RTP/AVP", ... */
	struct osmo_sockaddr_str addr; /*!< its own c= line or the session's, and its port; port 0: rejected */
	uint16_t rtcp_port;	/*!< a=rtcp, 0 if not given */
	bool rtcp_mux;
	bool crypto;		/*!< has a=crypto or a=fingerprint */
	uint16_t ptime;		/*!< ms, 0 if not given */
	uint16_t maxptime;	/*!< ms, 0 if not given */
	enum sdp_dir dir;	/*!< the session's direction unless it has its own; c= 0.0.0.0 is left to sdp_media_on_hold() */
	uint8_t n_formats;
	struct sdp_format formats[SDP_MAX_FORMATS]; /*!< of RTP profiles only */
};

/*! A session description. */
struct sdp_msg {
	char user[64];		/*!< o= user name */
	uint64_t sess_id;	/*!< o= session id; ids that are not numbers are hashed into one */
	uint64_t sess_version;	/*!< o= version */
	struct osmo_sockaddr_str origin; /*!< o= address; only set if it is an IP address. port unused */
	uint8_t n_media;
	struct sdp_media media[SDP_MAX_MEDIA];
	uint8_t n_media_dropped; /*!< m= lines beyond SDP_MAX_MEDIA */
};

int sdp_msg_parse(struct sdp_msg *sdp, const char *text, size_t len, const char **why);
int sdp_msg_encode(char *buf, size_t len, const struct sdp_msg *sdp);
char *sdp_msg_encode_c(void *ctx, const struct sdp_msg *sdp);
int sdp_msg_reduce(char *buf, size_t len, const char *text);

struct sdp_media *sdp_msg_audio(struct sdp_msg *sdp);
struct sdp_format *sdp_media_format(struct sdp_media *media, uint8_t pt);
bool sdp_media_on_hold(const struct sdp_media *media);
enum sdp_dir sdp_dir_mirror(enum sdp_dir dir);
void sdp_msg_init_audio(struct sdp_msg *sdp, const struct osmo_sockaddr_str *addr);
int sdp_media_to_str_buf(char *buf, size_t len, const struct sdp_media *media);
