/*! \file dispatch.h
 * The one queue through which everything between calls and legs goes.
 *
 * Items are addressed by call id and side, never by pointer, and are delivered in the order they were posted, from the bottom of the
 * stack: by a timer of the main loop, at most so many per turn. Delivery to a call that is gone is counted and dropped. Observers
 * see every item at the moment of its delivery. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/linuxlist.h>

#include <osmocom/sipgw/call/leg.h>

struct dispatch;

enum dispatch_dir {
	DISPATCH_EVENT,	/*!< leg -> call */
	DISPATCH_CMD,	/*!< call -> leg */
};

/*! One message under way. The item owns all that its event or command points to. */
struct dispatch_item {
	struct llist_head entry;
	uint32_t call_id;
	enum leg_side side;	/*!< the leg it comes from or goes to */
	enum dispatch_dir dir;
	union {
		struct leg_event ev;
		struct leg_cmd cmd;
	};
};

/*! Who delivers: the calls. Returns false when there is no such call or leg any more. */
struct dispatch_sink {
	bool (*deliver)(void *data, const struct dispatch_item *item);
	void *data;
};

/*! Somebody who watches (CDR, metrics, ladder). Must not change anything or send. */
struct dispatch_observer {
	struct llist_head entry;
	void (*seen)(void *data, const struct dispatch_item *item, bool delivered);
	void *data;
};

struct dispatch *dispatch_alloc(void *ctx, const struct dispatch_sink *sink);
void dispatch_observe(struct dispatch *d, struct dispatch_observer *obs);
void dispatch_post_event(struct dispatch *d, uint32_t call_id, enum leg_side side, const struct leg_event *ev);
void dispatch_post_cmd(struct dispatch *d, uint32_t call_id, enum leg_side side, const struct leg_cmd *cmd);
unsigned int dispatch_depth(const struct dispatch *d);
unsigned int dispatch_drain(struct dispatch *d, unsigned int budget);
int dispatch_item_to_str_buf(char *buf, size_t len, const struct dispatch_item *item);
