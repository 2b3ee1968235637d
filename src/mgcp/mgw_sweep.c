/* Endpoints that were created, but whose name got lost.
 *
 * osmo-mgw carries out each repetition of a wildcard CRCX and tells the new endpoint's name in the answer only. When
 * that is lost the endpoint is taken until the gateway is restarted; with a hundredth of the datagrams lost it runs dry
 * within a day. It cannot be asked for the connections of a call, and a DLCX to a wildcard would delete everybody's.
 * But a DLCX with our call id can harm nobody else, and osmo-mgw gives out the lowest number that is free: so the
 * lowest ones that we do not hold, and the neighbours of the last one that it gave us, are tried. A gateway that keeps
 * to RFC 3435 3.5.1 has nothing of ours there and says so. */
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
#define N_LOWEST   12 /* how many of the lowest free ones are tried */
#define N_AROUND   4  /* and how far around the last one */
#define MAX_NR	   65535
#define MAX_SWEEPS 256 /* waiting at a time */

/*! A call that may have more endpoints than we know. */
struct sweep {
	struct llist_head entry;
	struct mgw_path *path;
	struct osmo_timer_list timer;
	uint64_t call_id;
	unsigned int waits;
};

static void sweep_free(struct sweep *sweep)
{
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

static void deleted_cb(void *data, const struct mgcp_msg *rsp)
{
	struct mgw *mgw = data;

	if (rsp && rsp->code / 100 == 2)
		MGW_COUNT(mgw, MGW_CTR_SWEPT);
}

/* Try one, unless it is known to be ours; returns whether it was tried. */
static bool try_nr(struct sweep *sweep, uint32_t nr)
{
	struct mgcp_msg cmd = { .verb = MGCP_VERB_DLCX };
	char name[MGCP_MAX_ENDPOINT + 1], call_id[17];

	name_of(name, sizeof(name), sweep->path->mgw, nr);
	cmd.endpoint = mgcp_text(name);
	if (mgw_endp_find(sweep->path, cmd.endpoint))
		return false;
	snprintf(call_id, sizeof(call_id), "%016" PRIX64, sweep->call_id);
	cmd.params[MGCP_PARAM_C] = mgcp_text(call_id);
	mgcp_trx_send(sweep->path->trxs, &cmd, deleted_cb, sweep->path->mgw);
	return true;
}

static void search(struct sweep *sweep)
{
	uint32_t last = sweep->path->last_nr, nr, n = 0;

	MGW_COUNT(sweep->path->mgw, MGW_CTR_SWEEP);
	for (nr = 1; nr <= MAX_NR && n < N_LOWEST; nr++)
		n += try_nr(sweep, nr);
	/* of those around the last one, the ones that were not among the lowest */
	for (nr = OSMO_MAX(nr, last - OSMO_MIN(last, N_AROUND)); nr <= OSMO_MIN(last + N_AROUND, MAX_NR); nr++)
		try_nr(sweep, nr);
}

static void sweep_cb(void *data)
{
	struct sweep *sweep = data;

	if (sweep->path->mgw->state != MGW_ST_UP && ++sweep->waits < MAX_WAITS) {
		timer_start_ms(&sweep->timer, AGAIN_MS);
		return;
	}
	if (sweep->path->last_nr) /* else it names its endpoints in another way */
		search(sweep);
	sweep_free(sweep);
}

/*! Search for what else this call may have created, in a moment. */
void mgw_sweep_add(struct mgw_path *path, uint64_t call_id)
{
	struct sweep *sweep;

	if (path->closed || path->n_sweeps >= MAX_SWEEPS)
		return;
	sweep = talloc_zero(path, struct sweep);
	sweep->path = path;
	sweep->call_id = call_id;
	osmo_timer_setup(&sweep->timer, sweep_cb, sweep);
	timer_start_ms(&sweep->timer, DELAY_MS);
	llist_add_tail(&sweep->entry, &path->sweeps);
	path->n_sweeps++;
}

/*! Search no more. */
void mgw_sweep_stop(struct mgw_path *path)
{
	while (!llist_empty(&path->sweeps))
		sweep_free(llist_entry(path->sweeps.next, struct sweep, entry));
}
