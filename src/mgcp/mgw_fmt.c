/* Payload formats of connections.
 *
 * A format is 200 bytes, two are needed for each connection, and thousands of connections have the same handful. So
 * each is kept once per gateway, with a count of its users. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/token.h>

#include "mgcp_internal.h"

static uint32_t hash_of(const struct sdp_format *fmt)
{
	uint64_t hash = token_hash_str(fmt->enc);

	hash = token_hash_add(hash, fmt->fmtp, strlen(fmt->fmtp));
	return token_hash_add(hash, &fmt->pt, sizeof(fmt->pt));
}

static bool equal(const struct sdp_format *a, const struct sdp_format *b)
{
	return a->pt == b->pt && a->rate == b->rate && a->channels == b->channels && !strcmp(a->enc, b->enc) &&
	       !strcmp(a->fmtp, b->fmtp);
}

/*! Use a format: NULL if it is none (no encoding name). Equal ones are the same pointer. */
struct mgw_fmt *mgw_fmt_get(struct mgw *mgw, const struct sdp_format *fmt)
{
	uint32_t hash;
	struct mgw_fmt *f;

	if (!fmt->enc[0])
		return NULL;
	hash = hash_of(fmt);
	hash_for_each_possible (mgw->fmts, f, node, hash) {
		if (equal(&f->fmt, fmt)) {
			f->refs++;
			return f;
		}
	}
	f = talloc_zero(mgw, struct mgw_fmt);
	f->refs = 1;
	f->fmt = *fmt;
	hash_add(mgw->fmts, &f->node, hash);
	return f;
}

/*! Do not use a format any more. NULL is allowed. */
void mgw_fmt_put(struct mgw_fmt *fmt)
{
	if (!fmt || --fmt->refs)
		return;
	hash_del(&fmt->node);
	talloc_free(fmt);
}
