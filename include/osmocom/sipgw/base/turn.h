/*! \file turn.h
 * The end of each turn of the main loop: what has to be done after everybody had his say and before the loop sleeps.
 *
 * First what was posted is delivered, then what was written is sent: so a message that makes three others costs one
 * system call, and nothing waits for another turn. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>

#include <osmocom/core/linuxlist.h>

enum turn_phase {
	TURN_DELIVER,	/*!< the dispatch queue */
	TURN_SEND,	/*!< output of the sockets */
	_TURN_PHASE_COUNT
};

struct turn_task {
	struct llist_head entry;
	enum turn_phase phase;
	bool waiting;
	void (*run)(void *data); /*!< may ask for itself again: then the loop goes round without sleeping */
	void *data;
};

void turn_later(struct turn_task *task);
void turn_cancel(struct turn_task *task);
bool turn_end(void);
