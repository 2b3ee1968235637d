/*! \file trace.h
 * Which call a message on a wire belongs to, and what was said in each call: the ladder.
 *
 * Every call keeps a bounded record of what went over its wires (MNCC, MGCP, SIP) and through the dispatch queue, a few bytes per message. The last calls
 * that ended badly are kept with theirs. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/sipgw/base/wire.h>

struct calls;
struct trace;

#define TRACE_MAX_ENTRIES	   96 /*!< messages kept of one call: the first two thirds and the last third */
#define TRACE_FAILED_DEFAULT	   20

struct trace_cfg {
	bool ladder;			/*!< record; default on */
	uint16_t failed;		/*!< how many calls that ended badly are kept */
};

/*! Watches \a calls and all wires; \a calls has to outlive it. Freed by talloc_free(). One per process: it takes the wires' hooks. */
struct trace *trace_alloc(void *ctx, struct calls *calls);
struct trace_cfg *trace_cfg(struct trace *trace);
void trace_apply(struct trace *trace);

/*! Somebody who gets every message on every wire. \a call_id is 0 if it belongs to no call, or is not known to yet: the first message of a call is seen
 * before its call claims \a key (0: it has none), in the same turn of the loop. */
struct trace_tap {
	struct llist_head entry;
	void (*seen)(void *data, const struct wire_msg *msg, uint64_t key, uint32_t call_id);
	void (*claimed)(void *data, enum wire_proto proto, uint64_t key, uint32_t call_id);
	void *data;
};

void trace_tap_add(struct trace *trace, struct trace_tap *tap);
void trace_tap_del(struct trace *trace, struct trace_tap *tap);

/*! One line of a ladder after the other, without line ends; at most 79 columns. */
typedef void (*trace_line_cb)(void *data, const char *line);
/*! Draw the ladder of a call that is up, has just ended, or has failed. 0, -ENOENT: no such call, -ENODATA: nothing was recorded. */
int trace_draw(const struct trace *trace, uint32_t call_id, trace_line_cb line, void *data);

/*! A call that ended badly. */
struct trace_failed {
	uint32_t call_id;
	char when[24];			/*!< "2026-11-22 19:05:00", local time */
	const char *sentence;		/*!< who called whom, and why it failed */
};

/*! The calls that ended badly, the latest first. False when there is none of that number. */
bool trace_failed_get(const struct trace *trace, unsigned int idx, struct trace_failed *failed);
