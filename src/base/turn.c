/* The end of each turn of the main loop.
 *
 * A timer of 0 ms would do the same, at the cost of a poll() and a search through the timers for each round. The loop
 * is: osmo_select_main_ctx(turn_end()). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/base/turn.h>

static struct llist_head waiting[_TURN_PHASE_COUNT] = {
	[TURN_DELIVER] = LLIST_HEAD_INIT(waiting[TURN_DELIVER]),
	[TURN_SEND] = LLIST_HEAD_INIT(waiting[TURN_SEND]),
};

/*! Run \a task once at the end of this turn. It is borrowed until then. Nothing happens if it waits already. */
void turn_later(struct turn_task *task)
{
	if (task->waiting)
		return;
	task->waiting = true;
	llist_add_tail(&task->entry, &waiting[task->phase]);
}

/*! Forget it. Nothing happens if it does not wait. */
void turn_cancel(struct turn_task *task)
{
	if (!task->waiting)
		return;
	task->waiting = false;
	llist_del(&task->entry);
}

/* Those that ask again while this runs are for the next turn. */
static void run_phase(enum turn_phase phase)
{
	struct turn_task *task;
	LLIST_HEAD(now);

	llist_splice_init(&waiting[phase], &now);
	while ((task = llist_first_entry_or_null(&now, struct turn_task, entry))) {
		turn_cancel(task);
		task->run(task->data);
	}
}

/*! Do what waits. \returns true if there is more to do already: then the loop must not sleep. */
bool turn_end(void)
{
	unsigned int i;

	for (i = 0; i < _TURN_PHASE_COUNT; i++)
		run_phase(i);
	for (i = 0; i < _TURN_PHASE_COUNT; i++) {
		if (!llist_empty(&waiting[i]))
			return true;
	}
	return false;
}
