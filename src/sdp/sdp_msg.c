/* A session description: making one, looking at one, writing its text (RFC 8866).
 *
 * What is written is short, in the order of RFC 8866 5, and understood by the plainest of parsers: one c= line for the
 * session, an a=rtpmap for static types too, a direction always. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <arpa/inet.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sdp/sdp_msg.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "sdp_internal.h"

const struct value_string sdp_dir_names[] = { { SDP_SENDRECV, "sendrecv" },
					      { SDP_SENDONLY, "sendonly" },
					      { SDP_RECVONLY, "recvonly" },
					      { SDP_INACTIVE, "inactive" },
					      {} };

/*! Formats are not touched: with 12 kB of them, n_formats has to say what is valid. */
void sdp_media_clear(struct sdp_media *media)
{
	memset(media, 0, offsetof(struct sdp_media, formats));
}

void sdp_msg_clear(struct sdp_msg *sdp)
{
	memset(sdp, 0, offsetof(struct sdp_msg, media));
	sdp->n_media_dropped = 0;
}

void sdp_msg_init_audio(struct sdp_msg *sdp, const struct osmo_sockaddr_str *addr)
{
	struct sdp_media *m = &sdp->media[0];

	sdp_msg_clear(sdp);
	OSMO_STRLCPY_ARRAY(sdp->user, "-");
	sdp->sess_id = token_u32();
	sdp->sess_version = 1;
	sdp->origin = *addr;
	sdp->origin.port = 0;
	sdp->n_media = 1;

	sdp_media_clear(m);
	OSMO_STRLCPY_ARRAY(m->media, "audio");
	OSMO_STRLCPY_ARRAY(m->proto, "RTP/AVP");
	m->addr = *addr;
}

struct sdp_media *sdp_msg_audio(struct sdp_msg *sdp)
{
	struct sdp_media *rejected = NULL;
	int i;

	for (i = 0; i < sdp->n_media; i++) {
		struct sdp_media *m = &sdp->media[i];

		if (strcasecmp(m->media, "audio") || !sdp_media_is_rtp(m))
			continue;
		if (m->addr.port)
			return m;
		if (!rejected)
			rejected = m;
	}
	return rejected;
}

bool sdp_media_is_rtp(const struct sdp_media *media)
{
	static const char *const profiles[] = { "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF" };
	size_t n = strlen(media->proto);
	int i;

	for (i = 0; i < ARRAY_SIZE(profiles); i++) {
		size_t tail = strlen(profiles[i]);

		/* also "UDP/TLS/RTP/SAVPF" and the like */
		if (n >= tail && !strcasecmp(media->proto + n - tail, profiles[i]) &&
		    (n == tail || media->proto[n - tail - 1] == '/'))
			return true;
	}
	return false;
}

struct sdp_format *sdp_media_format(struct sdp_media *media, uint8_t pt)
{
	int i;

	for (i = 0; i < media->n_formats; i++) {
		if (media->formats[i].pt == pt)
			return &media->formats[i];
	}
	return NULL;
}

static bool addr_is_any(const struct osmo_sockaddr_str *addr)
{
	static const struct in6_addr any = IN6ADDR_ANY_INIT;
	uint8_t bin[sizeof(any)];

	/* both families' address for nobody is all zeros */
	if (addr->af == AF_UNSPEC || inet_pton(addr->af, addr->ip, bin) != 1)
		return false;
	return !memcmp(bin, &any, addr->af == AF_INET ? sizeof(struct in_addr) : sizeof(any));
}

bool sdp_media_on_hold(const struct sdp_media *media)
{
	return media->dir == SDP_SENDONLY || media->dir == SDP_INACTIVE || addr_is_any(&media->addr);
}

enum sdp_dir sdp_dir_mirror(enum sdp_dir dir)
{
	switch (dir) {
	case SDP_SENDONLY:
		return SDP_RECVONLY;
	case SDP_RECVONLY:
		return SDP_SENDONLY;
	default:
		return dir;
	}
}

static const char *addr_text(const struct osmo_sockaddr_str *addr)
{
	return addr->af == AF_UNSPEC ? "0.0.0.0" : addr->ip;
}

static void out_addr(struct sdp_out *o, const struct osmo_sockaddr_str *addr)
{
	sdp_out_str(o, addr->af == AF_INET6 ? "IN IP6 " : "IN IP4 ");
	sdp_out_str(o, addr_text(addr));
	sdp_out_str(o, "\r\n");
}

static void out_origin(struct sdp_out *o, const struct sdp_msg *sdp, const struct osmo_sockaddr_str *session_addr)
{
	sdp_out_str(o, "o=");
	sdp_out_str(o, sdp->user[0] ? sdp->user : "-");
	sdp_out_str(o, " ");
	sdp_out_num(o, sdp->sess_id);
	sdp_out_str(o, " ");
	sdp_out_num(o, sdp->sess_version);
	sdp_out_str(o, " ");
	out_addr(o, sdp->origin.af == AF_UNSPEC ? session_addr : &sdp->origin);
}

/*! a=NAME:NUM[ ] */
static void out_attr_num(struct sdp_out *o, const char *name, unsigned int num)
{
	sdp_out_str(o, "a=");
	sdp_out_str(o, name);
	sdp_out_str(o, ":");
	sdp_out_num(o, num);
}

static void out_rtpmap(struct sdp_out *o, const struct sdp_format *f)
{
	enum sdp_codec_id id = sdp_codec_of(f);

	out_attr_num(o, "rtpmap", f->pt);
	sdp_out_str(o, " ");
	sdp_out_str(o, f->enc);
	sdp_out_str(o, "/");
	sdp_out_num(o, f->rate);
	/* there are peers that insist on it for AMR, as it stands in RFC 4867 8.3.1 */
	if (f->channels > 1 || id == SDP_CODEC_AMR || id == SDP_CODEC_AMR_WB) {
		sdp_out_str(o, "/");
		sdp_out_num(o, f->channels);
	}
	sdp_out_str(o, "\r\n");
}

static void out_formats(struct sdp_out *o, const struct sdp_media *m)
{
	int i;

	for (i = 0; i < m->n_formats; i++) {
		const struct sdp_format *f = &m->formats[i];

		if (f->enc[0])
			out_rtpmap(o, f);
		if (f->fmtp[0]) {
			out_attr_num(o, "fmtp", f->pt);
			sdp_out_str(o, " ");
			sdp_out_str(o, f->fmtp);
			sdp_out_str(o, "\r\n");
		}
	}
}

static void out_m_line(struct sdp_out *o, const char *media, unsigned int port, const char *proto)
{
	sdp_out_str(o, "m=");
	sdp_out_str(o, media);
	sdp_out_str(o, " ");
	sdp_out_num(o, port);
	sdp_out_str(o, " ");
	sdp_out_str(o, proto);
}

static void out_m_line_end(struct sdp_out *o, const char *fmt)
{
	sdp_out_str(o, " ");
	sdp_out_str(o, fmt[0] ? fmt : "19"); /* RFC 8866 wants one; RFC 3551 keeps this one for nothing */
	sdp_out_str(o, "\r\n");
}

/*! Times and RTCP, of a stream that is not rejected. */
static void out_attributes(struct sdp_out *o, const struct sdp_media *m)
{
	static const char *const ends = "\r\n";

	if (m->ptime) {
		out_attr_num(o, "ptime", m->ptime);
		sdp_out_str(o, ends);
	}
	if (m->maxptime) {
		out_attr_num(o, "maxptime", m->maxptime);
		sdp_out_str(o, ends);
	}
	if (m->rtcp_port) {
		out_attr_num(o, "rtcp", m->rtcp_port);
		sdp_out_str(o, ends);
	}
	if (m->rtcp_mux)
		sdp_out_str(o, "a=rtcp-mux\r\n");
	sdp_out_str(o, "a=");
	sdp_out_str(o, get_value_string(sdp_dir_names, m->dir));
	sdp_out_str(o, ends);
}

static void out_media(struct sdp_out *o, const struct sdp_media *m, const struct osmo_sockaddr_str *session_addr)
{
	int i;

	out_m_line(o, m->media, m->addr.port, m->proto);
	for (i = 0; i < m->n_formats; i++) {
		sdp_out_str(o, " ");
		sdp_out_num(o, m->formats[i].pt);
	}
	if (m->n_formats)
		sdp_out_str(o, "\r\n");
	else /* the first format was one that we left out: do not bring it back without its parameters */
		out_m_line_end(o, m->addr.port && sdp_media_is_rtp(m) ? "" : m->fmt);
	if (m->addr.port && strcasecmp(addr_text(&m->addr), addr_text(session_addr))) {
		sdp_out_str(o, "c=");
		out_addr(o, &m->addr);
	}
	out_formats(o, m);
	if (m->addr.port && sdp_media_is_rtp(m))
		out_attributes(o, m);
}

/*! The address that plain parsers look for in the session part only: that of the first stream that is not rejected. */
static const struct osmo_sockaddr_str *session_addr_of(const struct sdp_msg *sdp)
{
	int i;

	for (i = 0; i < sdp->n_media; i++) {
		if (sdp->media[i].addr.port)
			return &sdp->media[i].addr;
	}
	return &sdp->origin;
}

int sdp_msg_encode(char *buf, size_t len, const struct sdp_msg *sdp)
{
	const struct osmo_sockaddr_str *session_addr = session_addr_of(sdp);
	struct sdp_out o = { buf, len };
	int i;

	sdp_out_str(&o, "v=0\r\n");
	out_origin(&o, sdp, session_addr);
	sdp_out_str(&o, "s=-\r\nc=");
	out_addr(&o, session_addr);
	sdp_out_str(&o, "t=0 0\r\n");
	for (i = 0; i < sdp->n_media; i++)
		out_media(&o, &sdp->media[i], session_addr);
	for (i = 0; i < sdp->n_media_dropped; i++) {
		out_m_line(&o, sdp->dropped[i].media, 0, sdp->dropped[i].proto);
		out_m_line_end(&o, sdp->dropped[i].fmt);
	}
	return sdp_out_end(&o);
}

char *sdp_msg_encode_c(void *ctx, const struct sdp_msg *sdp)
{
	char usual[2048], most[32768]; /* more than all arrays of the struct can hold */
	int rc = sdp_msg_encode(usual, sizeof(usual), sdp);

	if (rc >= 0)
		return talloc_strndup(ctx, usual, rc);
	rc = sdp_msg_encode(most, sizeof(most), sdp);
	OSMO_ASSERT(rc >= 0);
	return talloc_strndup(ctx, most, rc);
}

int sdp_media_to_str_buf(char *buf, size_t len, const struct sdp_media *media)
{
	struct osmo_strbuf sb = { .buf = buf, .len = len };
	int i;

	OSMO_STRBUF_PRINTF(sb, "%s ", media->media);
	if (!media->addr.port)
		OSMO_STRBUF_PRINTF(sb, "rejected");
	else if (media->addr.af == AF_UNSPEC)
		OSMO_STRBUF_PRINTF(sb, "port %u %s", media->addr.port, get_value_string(sdp_dir_names, media->dir));
	else
		OSMO_STRBUF_PRINTF(sb, OSMO_SOCKADDR_STR_FMT " %s", OSMO_SOCKADDR_STR_FMT_ARGS(&media->addr),
				   get_value_string(sdp_dir_names, media->dir));
	for (i = 0; i < media->n_formats; i++) {
		const struct sdp_format *f = &media->formats[i];

		OSMO_STRBUF_PRINTF(sb, " %s:%u", f->enc[0] ? f->enc : "?", f->pt);
	}
	return sb.chars_needed;
}
