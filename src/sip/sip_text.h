/*! \file sip_text.h
 * What reads and writes messages shares: the guard, the memory of a message, URIs. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/sipgw/sip/sip_head.h>
#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_str.h>

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

int sip_uri_take_apart(struct sip_arena *arena, struct sip_uri *uri, struct sip_str text);
int sip_name_addr_parse(struct sip_arena *arena, struct sip_name_addr *na, struct sip_str value);
void sip_write_str(struct sip_writer *w, struct sip_str str);

/*! A message and the memory of its strings. */
struct sip_msg_block {
	struct sip_msg m;
	struct sip_arena arena;
};

unsigned int sip_msg_count_values(const struct sip_msg *m, enum sip_hdr hdr);
