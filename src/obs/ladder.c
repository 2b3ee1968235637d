/* The ladder of one call: a few bytes for each message.
 *
 * The beginning and the end of a call are what is asked about: of a call with more messages than TRACE_MAX_ENTRIES the
 * first two thirds are kept and the last third is overwritten in turn. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer_compat.h>

#include "trace_internal.h"

#define FIRST_ENTRIES 16
#define KEPT_AT_HEAD  (TRACE_MAX_ENTRIES * 2 / 3)

uint32_t ladder_ms_since(const struct timespec *start, const struct timespec *now)
{
	struct timespec d;

	timespecsub(now, start, &d);
	return d.tv_sec < 0 ? 0 : (uint32_t)d.tv_sec * 1000 + d.tv_nsec / 1000000;
}

/* Was the same message there before, in the same direction? */
static bool is_again(const struct traced *call, const struct ladder_entry *entry)
{
	const uint8_t way = 0x0f; /* lane and direction */
	unsigned int i;

	for (i = 0; entry->digest && i < call->n_entries; i++) {
		const struct ladder_entry *e = &call->entries[i];
		if (e->digest == entry->digest && e->word == entry->word && (e->what & way) == (entry->what & way))
			return true;
	}
	return false;
}

static bool make_room(struct traced *call)
{
	unsigned int max = call->max_entries ? 2 * call->max_entries : FIRST_ENTRIES;

	if (call->n_entries < call->max_entries)
		return true;
	if (call->max_entries < TRACE_MAX_ENTRIES) {
		max = OSMO_MIN(max, TRACE_MAX_ENTRIES);
		call->entries = talloc_realloc(call, call->entries, struct ladder_entry, max);
		call->max_entries = max;
		return call->entries != NULL;
	}
	/* full: the oldest of the last third goes */
	memmove(&call->entries[KEPT_AT_HEAD], &call->entries[KEPT_AT_HEAD + 1],
		(TRACE_MAX_ENTRIES - KEPT_AT_HEAD - 1) * sizeof(*call->entries));
	call->n_entries--;
	call->n_skipped++;
	return true;
}

void ladder_add(struct traced *call, const struct ladder_entry *entry)
{
	bool again = is_again(call, entry);
	struct ladder_entry *e;

	if (!make_room(call))
		return;
	e = &call->entries[call->n_entries++];
	*e = *entry;
	if (again)
		e->what |= LADDER_AGAIN;
}

/* An arrow has room for 14 letters. */
static void shorten(char *text)
{
	static const char *const media[] = { "{offer}", "{answer}" };
	unsigned int i;
	char *at;

	for (i = 0; i < ARRAY_SIZE(media); i++) {
		at = strstr(text, media[i]);
		if (at)
			strcpy(at, "+SDP");
	}
}

/* What a leg and the call say to each other. */
void ladder_add_item(struct traced *call, const struct dispatch_item *item)
{
	struct ladder_entry entry = {
		.what = item->side == LEG_A ? LANE_QUEUE_A : LANE_QUEUE_B,
	};
	struct timespec now;
	char text[64];

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	dispatch_item_to_str_buf(text, sizeof(text), item);
	shorten(text);
	entry.ms = ladder_ms_since(&call->start, &now);
	entry.word = trace_word(text + 3); /* without "A> " */
	entry.what |= item->dir == DISPATCH_EVENT ? LADDER_TO_US : 0;
	ladder_add(call, &entry);
}

/* What was added last came too late. */
void ladder_item_dropped(struct traced *call)
{
	if (call->n_entries)
		call->entries[call->n_entries - 1].what |= LADDER_BAD;
}
