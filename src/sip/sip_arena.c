/* Memory that goes as a whole: what a message's strings, and the parser's structures, are laid into.
 *
 * libosip2 makes more than a hundred small allocations for a message; here each is the moving of a pointer, and freeing
 * the message frees them all, also those that the parser forgets. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "config.h"
#include "sip_text.h"

#ifdef SIPGW_SANITIZE
#include <sanitizer/asan_interface.h>
#define REDZONE 16 /* between allocations, so that the sanitizer sees the parser read beyond one */
#else
#define ASAN_POISON_MEMORY_REGION(addr, size)
#define ASAN_UNPOISON_MEMORY_REGION(addr, size)
#define REDZONE 0
#endif

const size_t sip_arena_redzone = REDZONE;

/*! Begin with a block of memory that \a ctx owns; further blocks become children of \a ctx. */
void sip_arena_init(struct sip_arena *arena, void *ctx, void *mem, size_t size)
{
	*arena = (struct sip_arena){ .ctx = ctx, .pos = mem, .end = (char *)mem + size };
	ASAN_POISON_MEMORY_REGION(mem, size);
}

static bool arena_grow(struct sip_arena *arena, size_t size)
{
	size_t block = OSMO_MAX(size + REDZONE, 4096);

	arena->pos = talloc_size(arena->ctx, block);
	if (!arena->pos)
		return false;
	arena->end = arena->pos + block;
	ASAN_POISON_MEMORY_REGION(arena->pos, block);
	return true;
}

/*! Memory that lives as long as the owner of the arena. Not aligned. NULL when out of memory. */
void *sip_arena_alloc(struct sip_arena *arena, size_t size)
{
	char *p;

	if (size + REDZONE > (size_t)(arena->end - arena->pos) && !arena_grow(arena, size))
		return NULL;
	p = arena->pos;
	arena->pos += size + REDZONE;
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	return p;
}

/*! A copy of a piece of text. Out of memory ends the process, as a few bytes beside a block at hand are never missing.
 */
char *sip_arena_strndup(struct sip_arena *arena, const char *s, size_t len)
{
	char *p = sip_arena_alloc(arena, len + 1);

	OSMO_ASSERT(p);
	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

/* libosip2 takes its memory from the arena of the message being parsed; it has no context argument. Its free() does
 * nothing, the message goes as a whole. */
static struct sip_arena *osip_arena;

static void *osip_alloc_cb(size_t size)
{
	size_t *p;

	OSMO_ASSERT(osip_arena);
	osip_arena->pos += -(uintptr_t)osip_arena->pos & 15;
	if (osip_arena->pos > osip_arena->end)
		osip_arena->pos = osip_arena->end;
	/* the size in front, for realloc(); 16 bytes keep the alignment */
	p = sip_arena_alloc(osip_arena, size + 16);
	if (!p)
		return NULL;
	p[0] = size;
	return p + 16 / sizeof(*p);
}

static void osip_free_cb(void *ptr)
{
}

static void *osip_realloc_cb(void *ptr, size_t size)
{
	void *p = osip_alloc_cb(size);

	if (p && ptr)
		memcpy(p, ptr, OSMO_MIN(size, ((size_t *)ptr)[-(16 / (int)sizeof(size_t))]));
	return p;
}

/*! From now on the parser takes its memory from here; NULL: it must not be called. */
void sip_arena_lend(struct sip_arena *arena)
{
	osip_arena = arena;
}

/*! Make the parser do so. Before anything else of it is called. */
void sip_arena_install(void)
{
	osip_set_allocators(osip_alloc_cb, osip_realloc_cb, osip_free_cb);
}
