/*! \file dispatch.h
 * The one queue through which everything between calls and legs goes.
 *
 * Items are addressed by call id, side and the serial number of the leg there, never by pointer, and are delivered in the order they were posted, from the bottom of the
 * stack: at the end of a turn of the main loop (turn.h), at most so many per turn. Delivery to a call that is gone is counted and dropped. Observers
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
	uint8_t serial;		/*!< which one of the legs that stood there */
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
	void (*coming)(void *data, const struct dispatch_item *item); /*!< is about to be delivered; may be NULL */
	void (*seen)(void *data, const struct dispatch_item *item, bool delivered); /*!< was; may be NULL */
	void *data;
};

/*! An empty queue that delivers to \a sink (copied). */
struct dispatch *dispatch_alloc(void *ctx, const struct dispatch_sink *sink);
/*! \a obs sees everything from now on. The caller keeps and frees it, after llist_del() of its entry. */
void dispatch_observe(struct dispatch *d, struct dispatch_observer *obs);
/*! Put into the queue; everything that \a ev points to is copied. Never delivers by itself. */
void dispatch_post_event(struct dispatch *d, uint32_t call_id, enum leg_side side, uint8_t serial, const struct leg_event *ev);
void dispatch_post_cmd(struct dispatch *d, uint32_t call_id, enum leg_side side, uint8_t serial, const struct leg_cmd *cmd);
/*! How many items wait. */
unsigned int dispatch_depth(const struct dispatch *d);
/*! Deliver up to \a budget items, those posted meanwhile included. Returns how many. The main loop does this by itself. */
unsigned int dispatch_drain(struct dispatch *d, unsigned int budget);
/*! One line: "A> ALERTING{answer}" from leg A, "B< RELEASE{17}" to leg B. Returns like snprintf. */
int dispatch_item_to_str_buf(char *buf, size_t len, const struct dispatch_item *item);
