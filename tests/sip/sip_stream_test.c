/* SIP messages out of a stream: however the bytes are cut into reads, the same messages come out; and every way in
 * which the end of a message cannot be known. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/sip/sip_msg.h>
#include <sip/sip_stream.h>

#include "story.h"

static void *ctx;

static const char *const item_names[] = {
	[SIP_STREAM_MORE] = "MORE",
	[SIP_STREAM_CRLF] = "CRLF",
	[SIP_STREAM_MSG] = "MSG",
	[SIP_STREAM_BAD] = "BAD",
};

/* What comes out, as text: the items, of messages their lengths. Fed in pieces of \a step bytes. */
static const char *run(const char *in, size_t in_len, size_t step)
{
	static char out[4096];
	struct sip_stream s = {};
	enum sip_stream_item item;
	const uint8_t *msg;
	size_t at, n, len, pos = 0;

	out[0] = '\0';
	for (at = 0; at < in_len && !s.bad; at += n) {
		n = OSMO_MIN(step, in_len - at);
		EXPECT(sip_stream_put(ctx, &s, (const uint8_t *)in + at, n) == 0);
		while ((item = sip_stream_get(ctx, &s, &msg, &len)) != SIP_STREAM_MORE) {
			pos += snprintf(out + pos, sizeof(out) - pos, item == SIP_STREAM_CRLF ? " %s" : " %s(%zu)",
					item_names[item], len);
			EXPECT(pos < sizeof(out));
			if (item == SIP_STREAM_BAD)
				break;
		}
	}
	if (!s.bad && sip_stream_is_half(&s))
		snprintf(out + pos, sizeof(out) - pos, " half(%zu)", s.kept_len);
	sip_stream_clear(&s);
	EXPECT(talloc_total_blocks(ctx) == 1);
	return out;
}

static void show(const char *what, const char *in)
{
	size_t len = strlen(in), step;
	char whole[4096];

	snprintf(whole, sizeof(whole), "%s", run(in, len, len));
	printf("  %s:%s\n", what, whole);
	for (step = 1; step < len; step++)
		EXPECT(strcmp(run(in, len, step), whole) == 0);
}

#define HEAD "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP b\r\n"

static void test_long(void)
{
	size_t max = sip_limits.max_datagram;
	char *big = talloc_size(NULL, 2 * max + 1);

	btw("longer than allowed: enough of it comes out to be refused by 513");
	memset(big, 'x', 2 * max);
	printf("  no end of the head: %s\n",
	       strcmp(run(big, 2 * max, 100), run(big, 2 * max, 2 * max)) == 0 ? run(big, 2 * max, 100) : "differs");
	memcpy(big, HEAD "Content-Length: 9000\r\n\r\n", strlen(HEAD) + 24);
	printf("  a body of 9000:%s\n", run(big, 2 * max, 999));
	printf("  ... of which 10 come:%s\n", run(big, strlen(HEAD) + 24 + 10, 7));
	EXPECT(strncmp(run(big, 2 * max, 1), " BAD(8193)", 10) == 0);
	talloc_free(big);
}

int main(void)
{
	void *root = talloc_named_const(NULL, 0, "sip_stream_test");

	story_init(root);
	sip_msg_init();
	ctx = talloc_named_const(root, 0, "test");

	btw("cut anywhere, the same comes out");
	show("one", HEAD "Content-Length: 0\r\n\r\n");
	show("with a body", HEAD "l: 4\r\n\r\nabcd");
	show("two", HEAD "Content-Length: 2\r\n\r\nab" HEAD "Content-Length:\r\n 3\r\n\r\nabc");
	show("a blank line in the body", HEAD "Content-Length: 8\r\n\r\n\r\n\r\nabcd");
	show("line ends are LF", "OPTIONS sip:a SIP/2.0\nContent-Length: 1\n\nx");
	show("CRLFs between", "\r\n\r\n" HEAD "l:0\r\n\r\n\r\n" HEAD "l:0\r\n\r\n\r\n\r\n");
	show("stray line ends", "\n\n\r\r\n\n" HEAD "l:0\r\n\r\n");
	show("half a head", HEAD);
	show("half a body", HEAD "l:5\r\n\r\nab");
	show("a response", "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n");

	btw("where it ends cannot be known");
	show("no Content-Length", HEAD "\r\n");
	show("two", HEAD "l: 1\r\nContent-Length: 2\r\n\r\nab");
	show("negative", HEAD "l: -1\r\n\r\n");
	show("not a number", HEAD "l: 0x1\r\n\r\n");
	show("more than 31 bits", HEAD "l: 4294967296\r\n\r\n");
	EXPECT(strncmp(run("\x16\x03\x01\x02\x00", 5, 5), " BAD(5)", 7) == 0);
	printf("  TLS to a TCP port:%s\n", run("\x16\x03\x01\x02\x00", 5, 5));
	test_long();
	btw("done");
	return 0;
}
