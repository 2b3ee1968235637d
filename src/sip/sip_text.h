/*! \file sip_text.h
 * What the lower half of the SIP user agent shares: the scanner, pieces of text, URIs, the memory of a message. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/sipgw/sip/sip_msg.h>

/*! A piece of somebody else's text, not NUL-terminated. */
struct sip_str {
	const char *s;
	size_t len;
};

enum sip_hdr {
	SIP_HDR_OTHER,
	SIP_HDR_VIA,
	SIP_HDR_FROM,
	SIP_HDR_TO,
	SIP_HDR_CALL_ID,
	SIP_HDR_CSEQ,
	SIP_HDR_CONTACT,
	SIP_HDR_RECORD_ROUTE,
	SIP_HDR_ROUTE,
	SIP_HDR_MAX_FORWARDS,
	SIP_HDR_CONTENT_LENGTH,
	SIP_HDR_CONTENT_TYPE,
	_SIP_HDR_COUNT
};

/*! One logical header line, folds included. */
struct sip_line {
	const char *name, *value;
	uint16_t name_len, value_len;
	uint8_t hdr; /*!< enum sip_hdr */
};

#define SIP_MAX_LINES 128

/*! The head of a message, cut into lines. Everything points into the bytes it was made from. */
struct sip_scan {
	struct sip_str first;			/*!< the first line */
	bool is_request;
	struct sip_str method, uri, version;	/*!< requests; version also of responses */
	uint16_t status;			/*!< responses */
	struct sip_str phrase;
	size_t head_len;			/*!< with the blank line; 0 if there is none */
	uint16_t reject_status;			/*!< 0: nothing wrong so far */
	const char *why;
	unsigned int n_lines;
	uint8_t count[_SIP_HDR_COUNT];		/*!< lines of each header */
	struct sip_line line[SIP_MAX_LINES];
};

void sip_scan_head(struct sip_scan *scan, const char *buf, size_t len);
const struct sip_line *sip_scan_find(const struct sip_scan *scan, enum sip_hdr hdr);
enum sip_parse_result sip_guard(struct sip_scan *scan, const char **buf, size_t *len);
char *sip_guard_response_head(void *ctx, const struct sip_scan *scan);
const char *sip_hdr_long_name(char compact);

/*! Where strings of a message live: allocated by moving a pointer, freed all at once with the message. */
struct sip_arena {
	void *ctx; /*!< talloc owner of further blocks */
	char *pos, *end;
};

void sip_arena_init(struct sip_arena *arena, void *ctx, void *mem, size_t size);
void sip_arena_lend(struct sip_arena *arena);
void sip_arena_install(void);
extern const size_t sip_arena_redzone; /*!< between allocations, 0 in a build without sanitizers */
void *sip_arena_alloc(struct sip_arena *arena, size_t size);
char *sip_arena_strndup(struct sip_arena *arena, const char *s, size_t len);

bool sip_str_is(struct sip_str str, const char *lower); /*!< compared without case */
struct sip_str sip_str_trim(struct sip_str str);
int sip_hostport_parse(struct sip_str str, struct sip_str *host, uint16_t *port); /*!< port 0: none given */
bool sip_parse_u32(struct sip_str str, uint32_t max, uint32_t *out);
/*! Next ";name[=value]" of \a rest. 1: there was one; 0: end; -EINVAL: not a list of parameters. value.s is NULL without "=". */
int sip_param_next(struct sip_str *rest, struct sip_str *name, struct sip_str *value);
/*! Cut the first value off a comma-separated list. False at the end. */
bool sip_list_next(struct sip_str *rest, struct sip_str *value);
int sip_uri_take_apart(struct sip_arena *arena, struct sip_uri *uri, struct sip_str text);
int sip_name_addr_parse(struct sip_arena *arena, struct sip_name_addr *na, struct sip_str value);
void sip_write_str(struct sip_writer *w, struct sip_str str);

/*! A message and the memory of its strings. */
struct sip_msg_block {
	struct sip_msg m;
	struct sip_arena arena;
};

static inline struct sip_str sip_line_str(const struct sip_line *line)
{
	return line ? (struct sip_str){ line->value, line->value_len } : (struct sip_str){};
}

unsigned int sip_msg_count_values(const struct sip_msg *m, enum sip_hdr hdr);
