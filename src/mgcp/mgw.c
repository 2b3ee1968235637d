/* A media gateway: is it there.
 *
 * Any well-formed datagram means that it is up. It is down when a command was given up and nothing came since that was
 * first sent, or when its port has been closed (ICMP) for a while. Neither ends a call: media may flow all the same.
 * Calls end when the gateway says that their endpoint does not exist, and whoever was silent or restarted is asked for
 * that (mgw_audit.c). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/stat_item.h>
#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "mgcp_internal.h"

#define REFUSED_DOWN_MS	 1500 /* a restart that is faster than this is not an outage */
#define LEAST_INTERVAL	 100  /* ms between keep-alives, whatever is configured */
#define UNPARK_SPREAD_MS 5

const struct value_string mgw_state_names[] = {
	{ MGW_ST_OFF, "off" },
	{ MGW_ST_DOWN, "down" },
	{ MGW_ST_UP, "up" },
	{},
};

static const struct rate_ctr_desc mgw_ctr_desc[] = {
	[MGW_CTR_CRCX] = { "tx:crcx", "CRCX: connections asked for" },
	[MGW_CTR_MDCX] = { "tx:mdcx", "MDCX: connections changed or checked" },
	[MGW_CTR_DLCX] = { "tx:dlcx", "DLCX: connections or endpoints deleted" },
	[MGW_CTR_AUEP] = { "tx:auep", "AUEP: keep-alives" },
	[MGW_CTR_RETRANS] = { "tx:retransmitted", "Commands sent again since no answer came in time" },
	[MGW_CTR_TIMEOUT] = { "tx:timeout", "Commands given up without an answer" },
	[MGW_CTR_REFUSED] = { "rx:refused", "Commands that the gateway refused" },
	[MGW_CTR_RX_MALFORMED] = { "rx:malformed", "Messages that are no MGCP" },
	[MGW_CTR_RX_COMMAND] = { "rx:command", "Commands from the gateway, repetitions not counted" },
	[MGW_CTR_RX_STRAY] = { "rx:stray", "Answers to nothing under way: late or repeated ones" },
	[MGW_CTR_ZOMBIE_DLCX] = { "endp:orphan", "Endpoints deleted that a repeated or late CRCX had created" },
	[MGW_CTR_DOWN] = { "state:down", "Times that the gateway stopped answering" },
	[MGW_CTR_RESTART] = { "endp:lost", "Endpoints in use that the gateway did not know any more" },
	[MGW_CTR_AUDIT] = { "endp:audited", "Checks whether an endpoint in use is still there" },
	[MGW_CTR_SWEEP] = { "endp:sweep",
			    "Searches for endpoints that a repeated CRCX may have created without our hearing of it" },
	[MGW_CTR_SWEPT] = { "endp:swept", "Endpoints found and deleted by such searches" },
	[MGW_CTR_RTP_TX] = { "rtp:tx", "RTP packets sent by the gateway in connections that ended" },
	[MGW_CTR_RTP_RX] = { "rtp:rx", "RTP packets received by the gateway in connections that ended" },
	[MGW_CTR_RTP_LOST] = { "rtp:lost", "RTP packets that the gateway missed in connections that ended" },
};

static const struct rate_ctr_group_desc mgw_ctrg_desc = {
	.group_name_prefix = "mgw",
	.group_description = "Media gateway",
	.num_ctr = ARRAY_SIZE(mgw_ctr_desc),
	.ctr_desc = mgw_ctr_desc,
	.class_id = OSMO_STATS_CLASS_GLOBAL,
};

static const struct osmo_stat_item_desc mgw_stat_desc[] = {
	[MGW_STAT_ENDPOINTS] = { "endp:used", "Endpoints in use or being deleted", "endpoints", 16, 0 },
	[MGW_STAT_RTT] = { "rtt", "Round trip of MGCP commands, smoothed", "ms", 16, 0 },
};

static const struct osmo_stat_item_group_desc mgw_statg_desc = {
	.group_name_prefix = "mgw",
	.group_description = "Media gateway",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_items = ARRAY_SIZE(mgw_stat_desc),
	.item_desc = mgw_stat_desc,
};

/*! Tell whoever reads statistics. */
void mgw_gauge_endpoints(const struct mgw *mgw)
{
	osmo_stat_item_set(osmo_stat_item_group_get_item(mgw->stats, MGW_STAT_ENDPOINTS), mgw->n_endpoints);
}

static void gauge_rtt(const struct mgw *mgw)
{
	struct mgcp_trxs_info trx = {};

	if (mgw->path)
		mgcp_trxs_get_info(mgw->path->trxs, &trx);
	osmo_stat_item_set(osmo_stat_item_group_get_item(mgw->stats, MGW_STAT_RTT), trx.srtt_ms);
}

static void schedule_keepalive(struct mgw *mgw)
{
	/* opening a socket again and again is a noisy business in the library's log, so that is done at the slower pace
	 */
	bool slow = mgw->state == MGW_ST_UP || !mgw->path;
	unsigned long ms = timer_ms(mgcp_tdefs, slow ? T_MGCP_KEEPALIVE : T_MGCP_PROBE);

	timer_start_ms(&mgw->keepalive, OSMO_MAX(ms, LEAST_INTERVAL));
}

static void state_chg(struct mgw *mgw, enum mgw_state state)
{
	mgw->state = state;
	mgw->since_ms = mgcp_now_ms();
	if (state != MGW_ST_OFF)
		schedule_keepalive(mgw);
}

/* ---- up and down */

/* For a gateway that is ours alone: what an earlier life of us left there goes away. */
static void reset_endpoints(struct mgw *mgw)
{
	struct mgcp_msg cmd = { .verb = MGCP_VERB_DLCX };
	char name[MGCP_MAX_ENDPOINT + 1];

	if (!mgw->cfg.reset_endpoints || mgw->n_endpoints)
		return;
	snprintf(name, sizeof(name), "%s/*@%s", mgw->cfg.endpoint, mgw->cfg.domain);
	cmd.endpoint = mgcp_text(name);
	LOG_MGW(mgw, LOGL_NOTICE, "deleting all connections of %s\n", name);
	MGW_COUNT(mgw, MGW_CTR_DLCX);
	mgcp_trx_send(mgw->path->trxs, &cmd, NULL, NULL);
}

static void unpark_all(struct mgw *mgw)
{
	struct mgw_endp *endp;
	unsigned int delay = 0;

	if (!mgw->n_parked)
		return;
	llist_for_each_entry (endp, &mgw->endpoints, entry)
		if (endp->state == ENDP_ST_PARKED && endp->path == mgw->path)
			mgw_endp_unpark(endp, delay += UNPARK_SPREAD_MS);
}

static void go_up(struct mgw *mgw)
{
	LOG_MGW(mgw, LOGL_NOTICE, "is up\n");
	mgw->told_silent = false;
	state_chg(mgw, MGW_ST_UP);
	reset_endpoints(mgw);
	unpark_all(mgw);
	mgw_audit_all(mgw, "it was silent");
	mgw_probe_reset(mgw);
	mgw_probe(mgw);
}

static void go_down(struct mgw *mgw, const char *why)
{
	LOG_MGW(mgw, LOGL_ERROR, "is down: %s\n", why);
	mgw->told_silent = true;
	MGW_COUNT(mgw, MGW_CTR_DOWN);
	state_chg(mgw, MGW_ST_DOWN);
}

/*! Something well-formed came. */
void mgw_alive(struct mgw_path *path)
{
	struct mgw *mgw = path->mgw;

	if (path != mgw->path)
		return;
	mgw->last_rx_ms = mgcp_now_ms();
	if (mgw->state == MGW_ST_DOWN)
		go_up(mgw);
	else if (mgw->refused_since_ms)
		mgw_audit_all(mgw, "its port was closed for a moment");
	mgw->refused_since_ms = 0;
}

/*! A command was given up. */
void mgw_given_up(struct mgw_path *path, uint64_t first_sent_ms)
{
	struct mgw *mgw = path->mgw;

	if (path == mgw->path && mgw->state == MGW_ST_UP && mgw->last_rx_ms <= first_sent_ms)
		go_down(mgw, "it does not answer");
}

static void keepalive_cb(void *data);

/*! Nobody listens at its port, says the network. One such sign may be a leftover of a restart; ask. */
void mgw_refused(struct mgw_path *path)
{
	struct mgw *mgw = path->mgw;
	uint64_t now = mgcp_now_ms();

	if (path != mgw->path || mgw->state == MGW_ST_OFF)
		return;
	if (!mgw->refused_since_ms) {
		mgw->refused_since_ms = now;
		if (mgw->state == MGW_ST_UP)
			timer_start_ms(&mgw->keepalive, 0);
	} else if (mgw->state == MGW_ST_UP && now - mgw->refused_since_ms >= REFUSED_DOWN_MS) {
		go_down(mgw, "nobody listens at its address");
	}
}

static void auep_cb(void *data, const struct mgcp_msg *rsp)
{
	struct mgw *mgw = data;

	mgw->auep = NULL;
	if (rsp && rsp->code / 100 == 5)
		mgw_note_error(mgw, rsp->code, rsp->comment);
}

/* AUEP of all endpoints: no osmo-mgw dislikes it, and nothing changes by it. */
static void tx_auep(struct mgw *mgw)
{
	struct mgcp_msg cmd = { .verb = MGCP_VERB_AUEP };
	char name[MGCP_MAX_ENDPOINT + 1];

	snprintf(name, sizeof(name), "%s/*@%s", mgw->cfg.endpoint, mgw->cfg.domain);
	cmd.endpoint = mgcp_text(name);
	MGW_COUNT(mgw, MGW_CTR_AUEP);
	mgw->auep = mgcp_trx_send(mgw->path->trxs, &cmd, auep_cb, mgw);
}

static void cancel_auep(struct mgw *mgw)
{
	mgcp_trx_cancel(mgw->auep);
	mgw->auep = NULL;
}

static void tell_silent(struct mgw *mgw)
{
	if (mgw->told_silent)
		return;
	mgw->told_silent = true;
	LOG_MGW(mgw, LOGL_NOTICE, "no answer yet from %s port %u, trying on\n", mgw->cfg.remote_addr,
		mgw->cfg.remote_port);
}

static int open_path(struct mgw *mgw);

static void keepalive_cb(void *data)
{
	struct mgw *mgw = data;

	schedule_keepalive(mgw);
	gauge_rtt(mgw);
	if (mgw->apply_later && mgw->path && !mgw->path->n_endpoints) {
		mgw_apply(mgw);
		return;
	}
	if (!mgw->path && open_path(mgw) < 0)
		return;
	if (mgw->state == MGW_ST_DOWN && mgw->auep) {
		tell_silent(mgw);
		cancel_auep(mgw); /* probing has an interval of its own, without back-off */
	}
	if (!mgw->auep)
		tx_auep(mgw);
	if (mgw->state == MGW_ST_UP)
		mgw_audit_one(mgw); /* a restart that nobody noticed shows here */
	mgw_probe_again(mgw);
}

/*! Keep the last error for the operator. */
void mgw_note_error(struct mgw *mgw, uint16_t code, struct mgcp_text comment)
{
	MGW_COUNT(mgw, MGW_CTR_REFUSED);
	mgw->last_error_code = code;
	mgw->error_ms = mgcp_now_ms();
	mgw->error_is_past = false;
	comment.len = OSMO_MIN(comment.len, sizeof(mgw->last_error) - 1);
	if (!mgcp_text_copy(mgw->last_error, sizeof(mgw->last_error), comment))
		mgw->last_error[0] = '\0';
}

/* ---- for those above */

/* The counters are in a list of the library. */
static int mgw_destructor(struct mgw *mgw)
{
	rate_ctr_group_free(mgw->ctrs);
	osmo_stat_item_group_free(mgw->stats);
	return 0;
}

struct mgw *mgw_alloc(void *ctx, const char *name)
{
	static unsigned int next_idx;
	struct mgw *mgw = talloc_zero(ctx, struct mgw);

	mgw->name = talloc_strdup(mgw, name);
	mgw->stats = osmo_stat_item_group_alloc(mgw, &mgw_statg_desc, next_idx);
	mgw->ctrs = rate_ctr_group_alloc(mgw, &mgw_ctrg_desc, next_idx++);
	if (!mgw->ctrs || !mgw->stats) {
		talloc_free(mgw);
		return NULL;
	}
	rate_ctr_group_set_name(mgw->ctrs, name);
	osmo_stat_item_group_set_name(mgw->stats, name);
	talloc_set_destructor(mgw, mgw_destructor);
	mgw->cfg = (struct mgw_cfg){
		.remote_addr = talloc_strdup(mgw, "127.0.0.1"),
		.remote_port = 2427,
		.domain = talloc_strdup(mgw, "mgw"),
		.endpoint = talloc_strdup(mgw, "rtpbridge"),
	};
	INIT_LLIST_HEAD(&mgw->paths);
	INIT_LLIST_HEAD(&mgw->endpoints);
	INIT_LLIST_HEAD(&mgw->live);
	hash_init(mgw->by_name);
	hash_init(mgw->fmts);
	osmo_timer_setup(&mgw->keepalive, keepalive_cb, mgw);
	mgw_audit_init(mgw);
	return mgw;
}

struct mgw_cfg *mgw_cfg(struct mgw *mgw)
{
	return &mgw->cfg;
}

static char *addrs_str(struct mgw *mgw)
{
	const struct mgw_cfg *cfg = &mgw->cfg;

	return talloc_asprintf(mgw, "%s %u %s %u", cfg->local_addr ? cfg->local_addr : "any", cfg->local_port,
			       cfg->remote_addr, cfg->remote_port);
}

static int open_path(struct mgw *mgw)
{
	struct mgw_path *path;
	int rc = mgw_path_open(mgw, &path);

	if (rc < 0) {
		if (!mgw->told_silent)
			LOG_MGW(mgw, LOGL_ERROR, "cannot open a socket to %s port %u: %s\n", mgw->cfg.remote_addr,
				mgw->cfg.remote_port, strerror(-rc));
		mgw->told_silent = true;
		return rc;
	}
	mgw->path = path;
	talloc_free(mgw->opened_as);
	mgw->opened_as = addrs_str(mgw);
	mgw->refused_since_ms = 0;
	schedule_keepalive(mgw);
	return 0;
}

int mgw_start(struct mgw *mgw)
{
	int rc;

	if (mgw->state != MGW_ST_OFF)
		return 0;
	mgw->told_silent = false;
	state_chg(mgw, MGW_ST_DOWN);
	rc = open_path(mgw);
	if (rc == 0)
		timer_start_ms(&mgw->keepalive, 0);
	return rc;
}

/* The gateway is somewhere else now. Endpoints on the old path go on there. */
static void use_new_path(struct mgw *mgw, struct mgw_path *old)
{
	LOG_MGW(mgw, LOGL_NOTICE, "is at %s port %u from now on\n", mgw->cfg.remote_addr, mgw->cfg.remote_port);
	mgw->told_silent = false;
	state_chg(mgw, MGW_ST_DOWN);
	timer_start_ms(&mgw->keepalive, 0);
	if (old && !old->n_endpoints)
		mgw_path_close(old);
}

/* The old socket has to be closed first. */
static int open_after(struct mgw *mgw, struct mgw_path *old)
{
	if (old->n_endpoints) {
		mgw->apply_later = true;
		return -EBUSY;
	}
	mgw->path = NULL;
	mgw_path_close(old);
	state_chg(mgw, MGW_ST_DOWN);
	return open_path(mgw);
}

int mgw_apply(struct mgw *mgw)
{
	struct mgw_path *old = mgw->path;
	char *wanted;
	bool same;
	int rc;

	mgw->error_is_past = true;
	mgw->apply_later = false;
	if (mgw->state == MGW_ST_OFF)
		return 0;
	wanted = addrs_str(mgw);
	same = old && !strcmp(wanted, mgw->opened_as);
	talloc_free(wanted);
	mgw_probe_reset(mgw);
	if (same) {
		mgw_probe(mgw); /* it may have other names now */
		return 0;
	}
	mgw->told_silent = false;
	cancel_auep(mgw);
	if (old && mgw_path_in_the_way(old)) {
		rc = open_after(mgw, old);
		old = NULL;
	} else {
		rc = open_path(mgw);
	}
	if (rc == 0)
		use_new_path(mgw, old);
	return rc;
}

/* Whoever is told may let go of other endpoints, or ask for new ones and get none. */
static void abandon_all(struct mgw *mgw)
{
	const char *why = talloc_asprintf(OTC_SELECT, "media gateway %s was taken out of use", mgw->name);

	while (!llist_empty(&mgw->endpoints))
		mgw_endp_abandon(llist_entry(mgw->endpoints.next, struct mgw_endp, entry), why);
}

void mgw_stop(struct mgw *mgw)
{
	struct mgw_path *path = mgw->path;

	osmo_timer_del(&mgw->keepalive);
	if (mgw->state == MGW_ST_OFF)
		return;
	state_chg(mgw, MGW_ST_OFF);
	mgw_probe_reset(mgw);
	mgw->path = NULL;
	cancel_auep(mgw);
	if (path) /* it closes with its last user, and there may be no endpoint */
		mgw_path_get(path);
	abandon_all(mgw);
	if (path)
		mgw_path_put(path);
	osmo_timer_del(&mgw->audit);
}

const char *mgw_name(const struct mgw *mgw)
{
	return mgw->name;
}

enum mgw_state mgw_get_state(const struct mgw *mgw)
{
	return mgw->state;
}

void mgw_get_info(const struct mgw *mgw, struct mgw_info *info)
{
	struct mgcp_trxs_info trx = {};

	if (mgw->path)
		mgcp_trxs_get_info(mgw->path->trxs, &trx);
	*info = (struct mgw_info){
		.state = mgw->state,
		.since_ms = mgw->since_ms,
		.n_endpoints = mgw->n_endpoints - mgw->n_parked,
		.n_parked = mgw->n_parked,
		.n_transactions = trx.n_open,
		.srtt_ms = trx.srtt_ms,
		.rto_ms = trx.rto_ms,
		.last_error_code = mgw->last_error_code,
		.error_ms = mgw->error_ms,
		.error_is_past = mgw->error_is_past,
		.probe = mgw->probe,
		.probe_code = mgw->probe_code,
	};
	OSMO_STRLCPY_ARRAY(info->probe_why, mgw->probe_why);
	OSMO_STRLCPY_ARRAY(info->last_error, mgw->last_error);
}

void mgw_set_probing(struct mgw *mgw, bool on)
{
	mgw->probing = on;
	mgw_probe(mgw);
}

struct rate_ctr_group *mgw_ctrs(const struct mgw *mgw)
{
	return mgw->ctrs;
}
