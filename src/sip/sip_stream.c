/* Cuts a stream of bytes into SIP messages: the blank line ends the head, Content-Length says how long the body is.
 *
 * What begins and ends in one read is never copied; only a message that is cut is kept until its rest comes. The end of
 * the head is where the guard sees it, too (sip_guard.c): if both did not agree, one message could hide in another.
 * Once it cannot be known where a message ends, nothing behind it can be trusted and the stream is over. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "sip_stream.h"

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "sip_text.h"

int sip_stream_put(void *ctx, struct sip_stream *s, const uint8_t *data, size_t len)
{
	uint8_t *grown;

	if (!s->kept) {
		s->pos = data;
		s->left = len;
		return 0;
	}
	grown = talloc_realloc_size(ctx, s->kept, s->kept_len + len);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + s->kept_len, data, len);
	s->kept = grown;
	s->kept_len += len;
	s->pos = grown;
	s->left = s->kept_len;
	return 0;
}

void sip_stream_clear(struct sip_stream *s)
{
	talloc_free(s->kept);
	*s = (struct sip_stream){};
}

/* What is left waits for its rest. */
static enum sip_stream_item keep(void *ctx, struct sip_stream *s)
{
	uint8_t *kept = NULL;

	if (s->left && s->pos == s->kept) {
		s->kept_len = s->left;
		return SIP_STREAM_MORE;
	}
	if (s->left) {
		kept = talloc_memdup(ctx, s->pos, s->left);
		s->bad = !kept;
	}
	talloc_free(s->kept);
	s->kept = kept;
	s->kept_len = kept ? s->left : 0;
	s->pos = kept;
	return s->bad ? SIP_STREAM_BAD : SIP_STREAM_MORE;
}

static void advance(struct sip_stream *s, size_t n)
{
	s->pos += n;
	s->left -= n;
}

/* Line ends in front of a message (RFC 3261 7.5). True: there was a whole one. */
static bool skip_crlf(struct sip_stream *s)
{
	while (s->left) {
		if (s->pos[0] == '\r' && s->left >= 2 && s->pos[1] == '\n') {
			advance(s, 2);
			return true;
		}
		if (s->pos[0] != '\n' && (s->pos[0] != '\r' || s->left < 2))
			return false;
		advance(s, 1);
	}
	return false;
}

/* Length of the head with its blank line; 0: not here yet. */
static size_t head_len(struct sip_stream *s)
{
	const uint8_t *end = s->pos + s->left, *lf = s->pos + s->scanned;

	for (; (lf = memchr(lf, '\n', end - lf)); lf++) {
		s->scanned = lf - s->pos;
		if (lf + 1 < end && lf[1] == '\n')
			return s->scanned + 2;
		if (lf + 2 < end && lf[1] == '\r' && lf[2] == '\n')
			return s->scanned + 3;
		if (lf + 1 == end || (lf + 2 == end && lf[1] == '\r'))
			return 0;
	}
	s->scanned = s->left;
	return 0;
}

/* Length of the message with this head, 0 if the head does not say (RFC 3261 20.14: over streams it must). */
static size_t message_len(const struct sip_stream *s, size_t len)
{
	const struct sip_line *line;
	struct sip_scan scan;
	uint32_t body = 0;

	sip_scan_head(&scan, (const char *)s->pos, len);
	line = sip_scan_find(&scan, SIP_HDR_CONTENT_LENGTH);
	if (scan.head_len != len || scan.count[SIP_HDR_CONTENT_LENGTH] != 1 ||
	    !sip_parse_u32(sip_line_str(line), INT32_MAX, &body))
		return 0;
	return len + body;
}

static enum sip_stream_item give(struct sip_stream *s, enum sip_stream_item item, size_t n, const uint8_t **msg,
				 size_t *len)
{
	*msg = s->pos;
	*len = n;
	advance(s, n);
	s->need = s->scanned = 0;
	s->bad = item == SIP_STREAM_BAD;
	return item;
}

/* The guard refuses what is longer than allowed by 513, but has to see that it is. */
static enum sip_stream_item too_long(void *ctx, struct sip_stream *s, const uint8_t **msg, size_t *len)
{
	if (s->left <= sip_limits.max_datagram)
		return keep(ctx, s);
	return give(s, SIP_STREAM_BAD, sip_limits.max_datagram + 1, msg, len);
}

enum sip_stream_item sip_stream_get(void *ctx, struct sip_stream *s, const uint8_t **msg, size_t *len)
{
	size_t head;

	*msg = NULL;
	*len = 0;
	if (s->bad)
		return SIP_STREAM_BAD;
	if (!s->need && !s->scanned && skip_crlf(s))
		return SIP_STREAM_CRLF;
	/* a CR alone may be half a line end */
	if (!s->left || (!s->need && !s->scanned && s->pos[0] == '\r'))
		return keep(ctx, s);
	/* binary: no need to wait for more of that */
	if (s->pos[0] <= ' ' || s->pos[0] >= 0x7f)
		return give(s, SIP_STREAM_BAD, s->left, msg, len);
	if (!s->need) {
		head = head_len(s);
		if (!head)
			return too_long(ctx, s, msg, len);
		s->need = message_len(s, head);
		if (!s->need)
			return give(s, SIP_STREAM_BAD, head, msg, len);
	}
	if (s->need > sip_limits.max_datagram)
		return too_long(ctx, s, msg, len);
	if (s->left < s->need)
		return keep(ctx, s);
	return give(s, SIP_STREAM_MSG, s->need, msg, len);
}
