/* Endpoints that were created, but whose name got lost.
 *
 * osmo-mgw carries out each repetition of a wildcard CRCX and tells the new endpoint's name in the answer only. When
 * that is lost the endpoint is taken until the gateway is restarted; with a hundredth of the datagrams lost it runs dry
 * within a day. It cannot be asked for the connections of a call, and a DLCX to a wildcard would delete everybody's.
 * But a DLCX with our call id can harm nobody else, and osmo-mgw gives out the lowest number that is free: what it gave
 * out a moment before or after is near. So the numbers around the one that we heard of are tried, nearest first,
 * without those that we hold. A gateway that keeps to RFC 3435 3.5.1 has nothing of ours there and says so. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "mgcp_internal.h"

#define DELAY_MS   2000	 /* until then a late answer may have told the name */
#define AGAIN_MS   30000 /* while the gateway is down */
#define MAX_WAITS  20
#define MAX_TRIES  48 /* numbers in one search */
#define ABOVE	   4  /* as many above the highest that we ever got are tried */
#define MAX_NR	   65535
#define MAX_SWEEPS 256 /* at a time */

/*! One number that is being tried. */
struct
try {
	struct sweep *sweep;
	struct mgcp_trx *trx; /*!< NULL: over */
	uint32_t nr;
};

/*! A call that may have more endpoints than we know. */
struct sweep {
	struct llist_head entry;
	struct mgw_path *path;
	struct osmo_timer_list timer;
	uint64_t call_id;
	uint32_t near_nr;
	unsigned int waits;
	unsigned int n_tries, n_open;
	struct try *tries; /*!< MAX_TRIES of them, once it begins */
};

static void sweep_free(struct sweep *sweep)
{
	unsigned int i;

	for (i = 0; i < sweep->n_tries; i++)
		mgcp_trx_cancel(sweep->tries[i].trx);
	osmo_timer_del(&sweep->timer);
	llist_del(&sweep->entry);
	sweep->path->n_sweeps--;
	talloc_free(sweep);
}

static void name_of(char *buf, size_t len, const struct mgw *mgw, uint32_t nr)
{
	snprintf(buf, len, "%s/%" PRIx32 "@%s", mgw->cfg.endpoint, nr, mgw->cfg.domain);
}

/*! The number in a name of the form that osmo-mgw gives: "rtpbridge/1f@mgw"; 0 if it is of another form. */
uint32_t mgw_sweep_nr(const struct mgw *mgw, const char *name)
{
	size_t len = strlen(mgw->cfg.endpoint);
	char again[MGCP_MAX_ENDPOINT + 1];
	unsigned long nr;

	if (strncmp(name, mgw->cfg.endpoint, len) || name[len] != '/')
		return 0;
	nr = strtoul(name + len + 1, NULL, 16);
	if (nr > MAX_NR)
		return 0;
	name_of(again, sizeof(again), mgw, nr);
	return strcmp(again, name) ? 0 : nr;
}

static void try_cb(void *data, const struct mgcp_msg *rsp)
{
	struct try *try = data;
	struct sweep *sweep = try->sweep;

	try->trx = NULL;
	if (rsp && rsp->code / 100 == 2)
		MGW_COUNT(sweep->path->mgw, MGW_CTR_SWEPT);
	if (!--sweep->n_open)
		sweep_free(sweep);
}

/* Try one, unless it is known to be ours. */
static void try_nr(struct sweep *sweep, uint32_t nr)
{
	struct mgcp_msg cmd = { .verb = MGCP_VERB_DLCX };
	char name[MGCP_MAX_ENDPOINT + 1], call_id[17];
	struct try *try = &sweep->tries[sweep->n_tries];

	name_of(name, sizeof(name), sweep->path->mgw, nr);
	cmd.endpoint = mgcp_text(name);
	if (mgw_endp_find(sweep->path, cmd.endpoint))
		return;
	snprintf(call_id, sizeof(call_id), "%016" PRIX64, sweep->call_id);
	cmd.params[MGCP_PARAM_C] = mgcp_text(call_id);
	*try = (struct try){ .sweep = sweep, .nr = nr };
	try->trx = mgcp_trx_send(sweep->path->trxs, &cmd, try_cb, try);
	if (!try->trx)
		return;
	sweep->n_tries++;
	sweep->n_open++;
}

static void search(struct sweep *sweep)
{
	uint32_t highest = OSMO_MIN(sweep->path->highest_nr + ABOVE, MAX_NR), d;

	MGW_COUNT(sweep->path->mgw, MGW_CTR_SWEEP);
	sweep->tries = talloc_array(sweep, struct try, MAX_TRIES);
	for (d = 0; d <= highest && sweep->n_tries < MAX_TRIES; d++) {
		if (d < sweep->near_nr)
			try_nr(sweep, sweep->near_nr - d);
		if (d && sweep->near_nr + d <= highest && sweep->n_tries < MAX_TRIES)
			try_nr(sweep, sweep->near_nr + d);
	}
}

static void sweep_cb(void *data)
{
	struct sweep *sweep = data;

	if (sweep->path->mgw->state != MGW_ST_UP && ++sweep->waits < MAX_WAITS) {
		timer_start_ms(&sweep->timer, AGAIN_MS);
		return;
	}
	search(sweep);
	if (!sweep->n_open)
		sweep_free(sweep);
}

/* Where to begin: at what it answered, else at what it gave out last. 0: it names its endpoints in another way. */
static uint32_t near_nr(struct mgw_path *path, const struct mgcp_msg *rsp)
{
	char name[MGCP_MAX_ENDPOINT + 1];

	if (rsp && mgcp_text_copy(name, sizeof(name), rsp->params[MGCP_PARAM_Z]))
		return mgw_sweep_nr(path->mgw, name);
	return path->last_nr;
}

/*! Search for what else this call may have created, in a moment. \param[in] rsp  the answer that came, or NULL. */
void mgw_sweep_add(struct mgw_path *path, uint64_t call_id, const struct mgcp_msg *rsp)
{
	uint32_t nr = near_nr(path, rsp);
	struct sweep *sweep;

	if (path->closed || path->n_sweeps >= MAX_SWEEPS || !nr)
		return;
	sweep = talloc_zero(path, struct sweep);
	sweep->path = path;
	sweep->call_id = call_id;
	sweep->near_nr = nr;
	osmo_timer_setup(&sweep->timer, sweep_cb, sweep);
	timer_start_ms(&sweep->timer, DELAY_MS);
	llist_add_tail(&sweep->entry, &path->sweeps);
	path->n_sweeps++;
}

/*! This one is ours now: try it no more. osmo-mgw remembers only the last command to an endpoint, and if that is one of
 * these, it carries out the repetition of our own again. */
void mgw_sweep_spare(struct mgw_path *path, uint32_t nr)
{
	struct sweep *sweep, *tmp;
	unsigned int i;

	llist_for_each_entry_safe (sweep, tmp, &path->sweeps, entry) {
		for (i = 0; i < sweep->n_tries; i++) {
			if (sweep->tries[i].nr != nr || !sweep->tries[i].trx)
				continue;
			mgcp_trx_cancel(sweep->tries[i].trx);
			sweep->tries[i].trx = NULL;
			if (!--sweep->n_open)
				sweep_free(sweep);
			break;
		}
	}
}

/*! Search no more. */
void mgw_sweep_stop(struct mgw_path *path)
{
	while (!llist_empty(&path->sweeps))
		sweep_free(llist_entry(path->sweeps.next, struct sweep, entry));
}
