/* A ladder as text: who said what to whom, in columns, with times.
 *
 *      ms  MSC           GSM leg         call          SIP leg           PBX
 *       0  |--SETUP_IND---->|              |              |               |
 *
 * The GSM side stands on the left, whichever side of the call it is. A media gateway is on the far side of the GSM leg,
 * too: its messages begin with "MGW". */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include "trace_internal.h"

#define N_COLUMNS  5
#define TIME_WIDTH 8
#define WIDTH	   16 /* from one column to the next */
#define LINE_LEN   (TIME_WIDTH + WIDTH * (N_COLUMNS - 1) + 1 + 1)

/* Where an arrow begins and ends, as numbers of columns, when it goes to the right. */
static unsigned int left_column(const struct traced *call, const struct ladder_entry *e)
{
	enum ladder_lane lane = e->what & 0x07;

	switch (lane) {
	case LANE_MNCC:
	case LANE_MGCP:
		return 0;
	case LANE_SIP:
		return 3;
	case LANE_QUEUE_A:
		return call->gsm_right ? 2 : 1;
	case LANE_QUEUE_B:
		return call->gsm_right ? 1 : 2;
	}
	return 0;
}

/* Does it go from left to right? What we receive from the left does, what the call says to the right does. */
static bool goes_right(const struct traced *call, const struct ladder_entry *e, unsigned int left)
{
	bool to_us = e->what & LADDER_TO_US;

	return left < 2 ? to_us : !to_us;
}

static void put_arrow(char *line, unsigned int left, bool right, const char *text)
{
	char *from = line + TIME_WIDTH + left * WIDTH + 1;
	size_t len = OSMO_MIN(strlen(text), (size_t)WIDTH - 2);
	size_t before = (WIDTH - 2 - len) / 2;

	memset(from, '-', WIDTH - 1);
	memcpy(from + before + !right, text, len);
	from[right ? WIDTH - 2 : 0] = right ? '>' : '<';
}

static void empty_line(char *line)
{
	unsigned int i;

	memset(line, ' ', LINE_LEN - 1);
	line[LINE_LEN - 1] = '\0';
	for (i = 0; i < N_COLUMNS; i++)
		line[TIME_WIDTH + i * WIDTH] = '|';
}

/* "(again)", "(!)": what was unusual, at the end of the line if there is room, else in a line of its own */
static const char *remark(const struct ladder_entry *e)
{
	bool queue = (e->what & 0x07) >= LANE_QUEUE_A;

	if (e->what & LADDER_AGAIN)
		return e->what & LADDER_BAD ? "sent again, refused" : "sent again";
	if (e->what & LADDER_BAD)
		return queue ? "too late, dropped" : "refused";
	return NULL;
}

static void draw_entry(const struct traced *call, const struct ladder_entry *e, trace_line_cb cb, void *data)
{
	unsigned int left = left_column(call, e);
	char line[LINE_LEN + 32], ms[TIME_WIDTH + 4];
	const char *note = remark(e);

	empty_line(line);
	snprintf(ms, sizeof(ms), "%6u", e->ms);
	memcpy(line, ms, OSMO_MIN(strlen(ms), TIME_WIDTH - 1));
	put_arrow(line, left, goes_right(call, e, left), trace_word_text(e->word));
	cb(data, line);
	if (!note)
		return;
	empty_line(line);
	memcpy(line + 3, "***", 3);
	/* under its arrow; the right margin is never reached */
	memcpy(line + TIME_WIDTH + left * WIDTH + 2, note,
	       OSMO_MIN(strlen(note), LINE_LEN - 1 - TIME_WIDTH - left * WIDTH - 2));
	cb(data, line);
}

static void draw_head(const struct traced *call, trace_line_cb cb, void *data)
{
	/* clang-format off */
	static const char *const names[2][N_COLUMNS] = {
		{ "MSC", "GSM leg", "call", "SIP leg", "PBX" },
		{ "MSC", "GSM leg A", "call", "GSM leg B", "MSC" },
	};
	/* clang-format on */
	char line[LINE_LEN + 16];
	unsigned int i;

	memset(line, ' ', sizeof(line));
	memcpy(line, "    ms", 6);
	for (i = 0; i < N_COLUMNS; i++) {
		const char *name = names[call->gsm_gsm][i];
		size_t at = TIME_WIDTH + i * WIDTH, half = strlen(name) / 2;
		memcpy(line + at - half, name, strlen(name));
	}
	line[TIME_WIDTH + (N_COLUMNS - 1) * WIDTH + 2] = '\0';
	cb(data, line);
}

static void draw_gap(const struct traced *call, trace_line_cb cb, void *data)
{
	char line[80];

	snprintf(line, sizeof(line), "   ...  %u messages are not kept", call->n_skipped);
	cb(data, line);
}

int trace_draw(const struct trace *trace, uint32_t call_id, trace_line_cb cb, void *data)
{
	const struct traced *call = trace_find(trace, call_id);
	unsigned int i;

	if (!call)
		return -ENOENT;
	if (!call->n_entries)
		return -ENODATA;
	draw_head(call, cb, data);
	for (i = 0; i < call->n_entries; i++) {
		if (call->n_skipped && i == TRACE_MAX_ENTRIES * 2 / 3)
			draw_gap(call, cb, data);
		draw_entry(call, &traced_entries(call)[i], cb, data);
	}
	return 0;
}
