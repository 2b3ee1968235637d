/*! \file sdp_internal.h
 * Pieces of text without NUL, and a bounded place to write text to. All reading and writing of SDP goes through these.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct sdp_msg;
struct sdp_media;

/*! A piece of a text: \a n bytes from \a p. */
struct sdp_str {
	const char *p;
	size_t n;
};

bool sdp_str_line(struct sdp_str *text, struct sdp_str *line);
struct sdp_str sdp_str_token(struct sdp_str *rest);
struct sdp_str sdp_str_cut(struct sdp_str *rest, char sep);
struct sdp_str sdp_str_trim(struct sdp_str s);
bool sdp_str_is(struct sdp_str s, const char *word);
bool sdp_str_num(struct sdp_str s, uint64_t max, uint64_t *val);
bool sdp_str_copy(char *buf, size_t len, struct sdp_str s);

/*! Where text is written to. \a n counts on when it is full; sdp_out_end() tells. */
struct sdp_out {
	char *buf;
	size_t len;
	size_t n;
};

void sdp_out_add(struct sdp_out *o, const char *p, size_t n);
void sdp_out_num(struct sdp_out *o, uint64_t num);
int sdp_out_end(struct sdp_out *o);

static inline void sdp_out_str(struct sdp_out *o, const char *str)
{
	sdp_out_add(o, str, strlen(str));
}

void sdp_msg_clear(struct sdp_msg *sdp);
void sdp_media_clear(struct sdp_media *media);
