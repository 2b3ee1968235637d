/* Fuzz target: SIP over a TCP stream. The first byte says how the rest is cut into reads; whatever the cut, the same
 * messages have to come out as from one read, each passes the parser, and nothing is left over but one half message. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <osmocom/core/application.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sip/sip_msg.h>
#include <sip/sip_stream.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *ctx;

static void init(void)
{
	ctx = talloc_named_const(NULL, 0, "fuzz_stream");
	osmo_init_logging2(ctx, &sipgw_log_info);
	log_set_all_filter(osmo_stderr_target, 0);
	log_set_log_level(osmo_stderr_target, LOGL_FATAL);
	timers_init();
	sip_msg_init();
	sip_limits.max_datagram = 1024; /* so that too long is not rare */
}

static void parse(const uint8_t *buf, size_t len)
{
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;

	switch (sip_msg_parse(ctx, &msg, &reject, buf, len, true)) {
	case SIP_PARSE_OK:
		/* what the framer and the parser take for the body is the same */
		if (msg->body_len && msg->body_len >= len)
			abort();
		sip_msg_free(msg);
		break;
	case SIP_PARSE_REJECT:
		talloc_free(reject.response_head);
		break;
	default:
		break;
	}
}

static size_t piece(uint8_t how, uint32_t *state, size_t left)
{
	size_t n = left;

	*state = *state * 1103515245 + 12345;
	if (how & 1)
		n = 1 + (*state >> 16) % (1 + how / 2);
	return OSMO_MIN(n, left);
}

/* A hash over all that comes out. */
static uint64_t run(const uint8_t *data, size_t size, uint8_t how, bool parse_too)
{
	struct sip_stream s = {};
	enum sip_stream_item item;
	uint32_t state = how;
	uint64_t hash = 0;
	const uint8_t *msg;
	size_t n, len;

	while (size && !s.bad) {
		n = piece(how, &state, size);
		if (sip_stream_put(ctx, &s, data, n) < 0)
			abort();
		data += n;
		size -= n;
		while ((item = sip_stream_get(ctx, &s, &msg, &len)) != SIP_STREAM_MORE) {
			hash = token_hash_add(hash, &item, sizeof(item));
			/* of binary junk as much as there is comes out */
			if (item == SIP_STREAM_MSG)
				hash = token_hash_add(hash, msg, len);
			if (msg && parse_too)
				parse(msg, len);
			if (item == SIP_STREAM_BAD)
				break;
		}
		if (s.kept_len > sip_limits.max_datagram + n)
			abort();
	}
	sip_stream_clear(&s);
	if (talloc_total_blocks(ctx) > 64)
		abort();
	return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how;

	if (!ctx)
		init();
	if (!size)
		return 0;
	how = data[0] | 1;
	if (run(data + 1, size - 1, how, true) != run(data + 1, size - 1, 0, false))
		abort();
	return 0;
}
