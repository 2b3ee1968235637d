/*! \file sip_stream.h
 * SIP messages out of a stream of bytes (RFC 3261 18.3), and the CRLFs between them (RFC 5626 3.5.1). No sockets. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sip_stream_item {
	SIP_STREAM_MORE, /*!< nothing whole is left: read on */
	SIP_STREAM_CRLF, /*!< a line end between messages: half a ping, or a pong */
	SIP_STREAM_MSG,	 /*!< one message, exactly */
	SIP_STREAM_BAD,	 /*!< where it ends cannot be known, or it is too long: what is there of it, enough to refuse it. The stream is over. */
};

/*! One direction of a connection; all zero to begin with. */
struct sip_stream {
	uint8_t *kept;	    /*!< the beginning of a message, NULL if there is none */
	size_t kept_len;
	const uint8_t *pos; /*!< what has not been looked at: in kept, or the caller's */
	size_t left;
	size_t scanned;	    /*!< so much of it has no end of the head */
	size_t need;	    /*!< length of the message, 0: not known yet */
	bool bad;
};

/*! Bytes came. They are borrowed until sip_stream_get() has returned SIP_STREAM_MORE or _BAD, which has to happen before the next ones are put.
 * \param ctx owns what is kept. 0 or -ENOMEM. */
int sip_stream_put(void *ctx, struct sip_stream *s, const uint8_t *data, size_t len);
/*! The next of what came; \a msg and \a len of SIP_STREAM_MSG and _BAD are borrowed, until the next call. */
enum sip_stream_item sip_stream_get(void *ctx, struct sip_stream *s, const uint8_t **msg, size_t *len);
/*! Has a message begun whose end did not come yet? */
static inline bool sip_stream_is_half(const struct sip_stream *s)
{
	return s->kept != NULL;
}
void sip_stream_clear(struct sip_stream *s);
