/* Timers of the MSC player: a wheel of 1 ms slots, so that 50,000 of them cost nothing to start and stop. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <time.h>

#include "msc_player.h"

#define N_SLOTS 8192 /* 8 s; what is due later stays in its slot for more turns of the wheel */

static struct ptimer *slots[N_SLOTS];
static uint64_t now, done_ms; /* slots up to done_ms have been run */

uint64_t now_update(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
	if (!done_ms)
		done_ms = now / 1000;
	return now;
}

uint64_t now_us(void)
{
	return now;
}

void ptimer_stop(struct ptimer *t)
{
	if (!t->pprev)
		return;
	*t->pprev = t->next;
	if (t->next)
		t->next->pprev = t->pprev;
	t->pprev = NULL;
}

void ptimer_start(struct ptimer *t, uint64_t in_ms, void (*cb)(void *arg), void *arg)
{
	struct ptimer **slot;

	ptimer_stop(t);
	t->due_ms = now / 1000 + in_ms;
	if (t->due_ms <= done_ms)
		t->due_ms = done_ms + 1;
	t->cb = cb;
	t->arg = arg;
	slot = &slots[t->due_ms % N_SLOTS];
	t->next = *slot;
	if (t->next)
		t->next->pprev = &t->next;
	t->pprev = slot;
	*slot = t;
}

static void run_slot(struct ptimer **slot, uint64_t ms)
{
	struct ptimer *due = NULL, **tail = &due, *t;

	for (struct ptimer *next, *i = *slot; i; i = next) {
		next = i->next;
		if (i->due_ms > ms)
			continue;
		ptimer_stop(i);
		i->next = NULL;
		i->pprev = tail;
		*tail = i;
		tail = &i->next;
	}
	/* a callback may stop any timer, also one in this list: take the first each time */
	while ((t = due)) {
		ptimer_stop(t);
		t->cb(t->arg);
	}
}

void ptimers_run(void)
{
	uint64_t ms = now / 1000;

	while (done_ms < ms) {
		done_ms++;
		if (slots[done_ms % N_SLOTS])
			run_slot(&slots[done_ms % N_SLOTS], done_ms);
	}
}

int ptimers_next_ms(void)
{
	for (int i = 1; i < 100; i++) {
		if (slots[(done_ms + i) % N_SLOTS])
			return i;
	}
	return 100;
}
