/* A ladder as text: who said what to whom, in columns, with times.
 *
 *      ms  MSC           GSM leg         call          SIP leg           PBX
 *       0  |--SETUP_IND---->|              |              |               |
 *
 * The GSM side stands on the left, whichever side of the call it is; of two, the calling one. A media gateway is on the
 * far side of its GSM leg, too: its messages begin with "MGW". */
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
	enum ladder_lane lane = e->what & LADDER_LANE;

	switch (lane) {
	case LANE_MNCC_A:
	case LANE_MGCP_A:
		return call->gsm_right ? 3 : 0;
	case LANE_MNCC_B:
	case LANE_MGCP_B:
		return call->gsm_right ? 0 : 3;
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
	bool queue = (e->what & LADDER_LANE) >= LANE_QUEUE_A;

	if (e->what & LADDER_AGAIN)
		return e->what & LADDER_BAD ? "sent again, refused" : "sent again";
	if (e->what & LADDER_BAD)
		return queue ? "too late, dropped" : "refused";
	return NULL;
}

/* Under its arrow, over whatever column is in the way. */
static void put_note(char *line, size_t at, const char *note)
{
	size_t len = strlen(note);

	memcpy(line + at, note, len);
	if (at + len >= LINE_LEN)
		line[at + len] = '\0';
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
	put_note(line, TIME_WIDTH + left * WIDTH + 2, note);
	cb(data, line);
}

static void draw_head(const struct traced *call, trace_line_cb cb, void *data)
{
	const char *const names[N_COLUMNS] = {
		call->by_hand ? "us" : "MSC",
		call->by_hand	? "test leg"
		: call->gsm_gsm ? "GSM leg A"
				: "GSM leg",
		"call",
		call->gsm_gsm ? "GSM leg B" : "SIP leg",
		call->gsm_gsm ? "MSC" : "PBX",
	};
	char line[LINE_LEN + 16];
	unsigned int i;

	memset(line, ' ', sizeof(line));
	memcpy(line, "    ms", 6);
	for (i = 0; i < N_COLUMNS; i++) {
		const char *name = names[i];
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
