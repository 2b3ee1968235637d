/* The media gateways we may use. A handful at most, so a list does. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/mgcp/mgw_pool.h>

struct entry {
	struct llist_head list;
	struct mgw *mgw;
};

struct mgw_pool {
	struct llist_head entries;
	bool started, probing;
};

struct mgw_pool *mgw_pool_alloc(void *ctx)
{
	struct mgw_pool *pool = talloc_zero(ctx, struct mgw_pool);

	INIT_LLIST_HEAD(&pool->entries);
	return pool;
}

static struct entry *find(const struct mgw_pool *pool, const char *name)
{
	struct entry *e;

	llist_for_each_entry (e, &pool->entries, list)
		if (!strcmp(mgw_name(e->mgw), name))
			return e;
	return NULL;
}

/* A gateway of a pool that runs runs too: the VTY adds them and then says where they are. */
struct mgw *mgw_pool_add(struct mgw_pool *pool, const char *name)
{
	struct entry *e = find(pool, name);

	if (e)
		return e->mgw;
	e = talloc_zero(pool, struct entry);
	e->mgw = mgw_alloc(e, name);
	if (!e->mgw) {
		talloc_free(e);
		return NULL;
	}
	llist_add_tail(&e->list, &pool->entries);
	mgw_set_probing(e->mgw, pool->probing);
	if (pool->started)
		mgw_start(e->mgw);
	return e->mgw;
}

void mgw_pool_remove(struct mgw_pool *pool, const char *name)
{
	struct entry *e = find(pool, name);

	if (!e)
		return;
	llist_del(&e->list);
	mgw_stop(e->mgw);
	talloc_free(e);
}

struct mgw *mgw_pool_find(const struct mgw_pool *pool, const char *name)
{
	struct entry *e = find(pool, name);

	return e ? e->mgw : NULL;
}

struct mgw *mgw_pool_pick(const struct mgw_pool *pool)
{
	unsigned int least = 0;
	struct mgw *best = NULL;
	struct mgw_info info;
	struct entry *e;

	llist_for_each_entry (e, &pool->entries, list) {
		if (mgw_get_state(e->mgw) != MGW_ST_UP)
			continue;
		mgw_get_info(e->mgw, &info);
		if (best && info.n_endpoints >= least)
			continue;
		best = e->mgw;
		least = info.n_endpoints;
	}
	return best;
}

struct mgw *mgw_pool_next(const struct mgw_pool *pool, const struct mgw *prev)
{
	bool here = !prev;
	struct entry *e;

	llist_for_each_entry (e, &pool->entries, list) {
		if (here)
			return e->mgw;
		here = e->mgw == prev;
	}
	return NULL;
}

void mgw_pool_start(struct mgw_pool *pool)
{
	struct entry *e;

	pool->started = true;
	llist_for_each_entry (e, &pool->entries, list)
		mgw_start(e->mgw);
}

/*! Find out whether the gateways give us endpoints, those that are added later, too. */
void mgw_pool_set_probing(struct mgw_pool *pool, bool on)
{
	struct entry *e;

	pool->probing = on;
	llist_for_each_entry (e, &pool->entries, list)
		mgw_set_probing(e->mgw, on);
}

void mgw_pool_stop(struct mgw_pool *pool)
{
	struct entry *e;

	pool->started = false;
	llist_for_each_entry (e, &pool->entries, list)
		mgw_stop(e->mgw);
}
