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

#define MORE_ENTRIES 16
#define CAUSE_MAX    127 /* Q.850 */
#define KEPT_AT_HEAD (TRACE_MAX_ENTRIES * 2 / 3)

uint64_t ladder_now_ns(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

uint32_t ladder_ms_since(uint64_t start_ns, uint64_t now_ns)
{
	return now_ns < start_ns ? 0 : (now_ns - start_ns) / 1000000;
}

/*! Was the same message there before, in the same direction? */
bool ladder_has(const struct traced *call, const struct ladder_entry *entry)
{
	const uint8_t way = LADDER_LANE | LADDER_TO_US;
	const struct ladder_entry *entries = traced_entries(call);
	unsigned int i;

	for (i = 0; entry->digest && i < call->n_entries; i++) {
		const struct ladder_entry *e = &entries[i];
		if (e->digest == entry->digest && e->word == entry->word && (e->what & way) == (entry->what & way))
			return true;
	}
	return false;
}

static struct traced *make_room(struct traced *call)
{
	struct ladder_entry *entries = traced_entries(call);

	if (call->n_entries < call->max_entries)
		return call;
	if (call->max_entries < TRACE_MAX_ENTRIES)
		return traced_resize(call, call->max_keys,
				     OSMO_MIN(call->max_entries + MORE_ENTRIES, TRACE_MAX_ENTRIES));
	/* full: the oldest of the last third goes */
	memmove(&entries[KEPT_AT_HEAD], &entries[KEPT_AT_HEAD + 1],
		(TRACE_MAX_ENTRIES - KEPT_AT_HEAD - 1) * sizeof(*entries));
	call->n_entries--;
	call->n_skipped++;
	return call;
}

/* The call may be somewhere else afterwards. */
void ladder_add(struct traced *call, const struct ladder_entry *entry)
{
	bool again = ladder_has(call, entry);
	struct ladder_entry *e;

	call = make_room(call);
	if (!call)
		return;
	e = &traced_entries(call)[call->n_entries++];
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

static uint16_t item_word(const struct dispatch_item *item)
{
	char text[64];

	dispatch_item_to_str_buf(text, sizeof(text), item);
	shorten(text);
	return trace_word(text + 3); /* without "A> " */
}

/* Where the word of an item like this is known from the last time, + 1. NULL: of this one there are too many. */
static uint16_t *known_word(const struct dispatch_item *item)
{
	static uint16_t with_media[2][OSMO_MAX((int)_NUM_LEG_EVENTS, (int)_NUM_LEG_CMDS)][LEG_MEDIA_VOID + 1];
	static uint16_t with_cause[2][CAUSE_MAX + 1];
	bool event = item->dir == DISPATCH_EVENT;
	const struct leg_media *media = event ? leg_event_media(&item->ev) : leg_cmd_media(&item->cmd);
	unsigned int type = event ? item->ev.type : item->cmd.type;

	if (media)
		return &with_media[event][type][media->kind];
	if (event ? type == LEG_EV_PROCEEDING || type == LEG_EV_CONNECTED : type == LEG_CMD_PROCEED)
		return &with_media[event][type][LEG_MEDIA_NONE];
	if (event && type == LEG_EV_RELEASED)
		return &with_cause[event][item->ev.released.cause.value & CAUSE_MAX];
	if (!event && type == LEG_CMD_RELEASE)
		return &with_cause[event][item->cmd.cause.value & CAUSE_MAX];
	return NULL;
}

static uint16_t word_of_item(const struct dispatch_item *item)
{
	uint16_t *known = known_word(item);

	if (!known)
		return item_word(item);
	if (!*known)
		*known = item_word(item) + 1;
	return *known - 1;
}

/* What a leg and the call say to each other. */
void ladder_add_item(struct traced *call, const struct dispatch_item *item)
{
	struct ladder_entry entry = {
		.ms = ladder_ms_since(call->start_ns, ladder_now_ns()),
		.word = word_of_item(item),
		.what = (item->side == LEG_A ? LANE_QUEUE_A : LANE_QUEUE_B) |
			(item->dir == DISPATCH_EVENT ? LADDER_TO_US : 0),
	};

	ladder_add(call, &entry);
}

/* What was added last came too late. */
void ladder_item_dropped(struct traced *call)
{
	if (call->n_entries)
		traced_entries(call)[call->n_entries - 1].what |= LADDER_BAD;
}
