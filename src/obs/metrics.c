/* Times of calls as statistics, from what a call keeps of itself anyway. libosmocore's reporters make the last and the
 * greatest value of each interval of them. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/obs/metrics.h>

#include <limits.h>

#include <osmocom/core/stat_item.h>
#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/call/call_observer.h>

enum metrics_stat {
	STAT_RING,
	STAT_SETUP,
	STAT_TALK,
};

static const struct osmo_stat_item_desc stat_desc[] = {
	[STAT_RING] = { "ring", "From the beginning of a call until the called side rang", "ms", 16, 0 },
	[STAT_SETUP] = { "setup", "From the beginning of a call until it was answered", "ms", 16, 0 },
	[STAT_TALK] = { "talk", "From the answer until the end", "s", 16, 0 },
};

static const struct osmo_stat_item_group_desc statg_desc = {
	.group_name_prefix = "calls:time",
	.group_description = "Times of calls that have ended",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_items = ARRAY_SIZE(stat_desc),
	.item_desc = stat_desc,
};

struct metrics {
	const struct calls *all;
	struct call_observer calls;
	struct dispatch_observer items;
	struct osmo_stat_item_group *stats;
};

static int64_t ms_between(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1000LL + (to->tv_nsec - from->tv_nsec) / 1000000;
}

static void set(const struct metrics *m, enum metrics_stat stat, int64_t value)
{
	osmo_stat_item_set(osmo_stat_item_group_get_item(m->stats, stat), value < INT32_MAX ? value : INT32_MAX);
}

static void set_ring(const struct metrics *m, const struct call *call)
{
	if (call->t_alerting.tv_sec || call->t_alerting.tv_nsec)
		set(m, STAT_RING, ms_between(&call->t_start, &call->t_alerting));
}

/* The answer, after the call has dealt with it. */
static void item_seen(void *data, const struct dispatch_item *item, bool delivered)
{
	const struct metrics *m = data;
	const struct call *call;

	if (item->dir != DISPATCH_EVENT || item->ev.type != LEG_EV_ANSWERED || !delivered)
		return;
	call = call_find(m->all, item->call_id);
	if (!call || !call->answered)
		return;
	set_ring(m, call);
	set(m, STAT_SETUP, ms_between(&call->t_start, &call->t_answered));
}

static void call_ended(void *data, const struct call *call)
{
	const struct metrics *m = data;
	struct timespec now;

	if (!call->answered) {
		set_ring(m, call);
		return;
	}
	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	set(m, STAT_TALK, ms_between(&call->t_answered, &now) / 1000);
}

static int destructor(struct metrics *m)
{
	osmo_stat_item_group_free(m->stats);
	return 0;
}

struct metrics *metrics_alloc(void *ctx, struct calls *calls)
{
	struct metrics *m = talloc_zero(ctx, struct metrics);

	OSMO_ASSERT(m);
	m->stats = osmo_stat_item_group_alloc(m, &statg_desc, 0);
	OSMO_ASSERT(m->stats);
	m->calls = (struct call_observer){ .ended = call_ended, .data = m };
	calls_observe(calls, &m->calls);
	m->all = calls;
	m->items = (struct dispatch_observer){ .seen = item_seen, .data = m };
	dispatch_observe(calls->dispatch, &m->items);
	talloc_set_destructor(m, destructor);
	return m;
}
