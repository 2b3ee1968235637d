/* What is looked at: each part in a function of its own that says the worst that it finds. Those of SIP are in
 * health_sip.c.
 *
 * A finding has a name that stays, for scripts and for the manual's table; the sentences may be reworded. Everything is
 * asked for anew each time, so nothing here can be out of date. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/health/config_check.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/mgcp/mgcp_code.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>
#include <osmocom/sipgw/mncc/mncc_link.h>
#include <osmocom/sipgw/mncc/mncc_proto.h>
#include <osmocom/sipgw/obs/cdr.h>
#include <osmocom/sipgw/sipgw.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "health_internal.h"

#define LONG_QUEUE     1000 /* messages */
#define NEAR(N, LIMIT) ((N)*10ULL >= (LIMIT)*9ULL)
#define MANY_RECORDS   1000

void health_found(struct health_finding *f, enum health_word word, const char *name, const char *text,
		  const char *to_do)
{
	if (word <= f->word)
		return;
	f->word = word;
	f->name = name;
	f->text = text;
	f->to_do = to_do;
}

void health_tell(const struct health_screen *s, const struct health_finding *f)
{
	s->cb(s->data, f);
}

const char *health_ago(uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 120)
		return SAY("%" PRIu64 " s", s);
	if (s < 7200)
		return SAY("%" PRIu64 " min", s / 60);
	if (s < 172800)
		return SAY("%" PRIu64 " h", s / 3600);
	return SAY("%" PRIu64 " days", s / 86400);
}

/* ---- mncc ---- */

static void mncc_error(struct health_finding *f, const struct mncc_link_info *info)
{
	static const char *const names[] = {
		[MNCC_LINK_ERR_NONE] = "mncc-connecting",
		[MNCC_LINK_ERR_NO_SOCKET] = "mncc-no-socket",
		[MNCC_LINK_ERR_PERMISSION] = "mncc-permission",
		[MNCC_LINK_ERR_NOT_MNCC] = "mncc-not-mncc",
		[MNCC_LINK_ERR_BUSY] = "mncc-busy",
		[MNCC_LINK_ERR_VERSION] = "mncc-version",
		[MNCC_LINK_ERR_LOST] = "mncc-lost",
	};
	enum mncc_link_error error = info->error_is_past ? MNCC_LINK_ERR_NONE : info->error;
	const char *to_do = NULL, *text = *info->last_error && error ? info->last_error : "connecting";

	switch (error) {
	case MNCC_LINK_ERR_NO_SOCKET:
		to_do = SAY("run osmo-msc with 'msc' / 'mncc external %s', or set our 'mncc' / 'socket-path'",
			    info->path);
		break;
	case MNCC_LINK_ERR_PERMISSION:
		to_do = SAY("let our user write to %s and search its directory", info->path);
		break;
	case MNCC_LINK_ERR_NOT_MNCC:
		to_do = "compare our 'socket-path' with 'mncc external' of osmo-msc";
		break;
	case MNCC_LINK_ERR_BUSY:
		to_do = "osmo-msc serves one client: stop the other one (osmo-sip-connector?)";
		break;
	case MNCC_LINK_ERR_VERSION:
		to_do = "osmo-msc and osmo-sipgw do not fit together: update the older one";
		break;
	case MNCC_LINK_ERR_LOST:
		to_do = "see whether osmo-msc runs, and what it logs";
		break;
	case MNCC_LINK_ERR_NONE:
		break;
	}
	health_found(f, HEALTH_FAILED, names[error], text, to_do);
}

static void look_mncc(const struct health_screen *s)
{
	struct health_finding f = { .part = "mncc" };
	struct mncc_link_info info;

	mncc_link_get_info(s->gw->mncc, &info);
	f.state = info.state == MNCC_LINK_ST_UP ? "up" : "down";
	if (info.state != MNCC_LINK_ST_UP) {
		mncc_error(&f, &info);
	} else if (!mncc_link_accepts_calls(s->gw->mncc) && !s->gw->stopping) {
		health_found(&f, HEALTH_FAILED, "mncc-slow",
			     SAY("the MSC does not read: %u messages wait, new calls are refused", info.queue_len),
			     "see whether osmo-msc still works, and how busy its machine is");
	} else {
		f.text = SAY("connected for %s, version %u", health_ago(info.since_ms), info.layout->version);
	}
	health_tell(s, &f);
}

/* ---- mgw ---- */

static bool anybody_anchored(const struct sipgw *gw)
{
	const struct sip_peer *peer;

	llist_for_each_entry (peer, sip_ua_peers(gw->ua), entry) {
		if (peer->cfg.media_mode == MEDIA_ANCHORED)
			return true;
	}
	return false;
}

static void mgw_probed(struct health_finding *f, struct mgw *mgw, const struct mgw_info *info)
{
	const struct mgw_cfg *cfg = mgw_cfg(mgw);
	const char *said = info->probe_code ? SAY("%d %s", info->probe_code, mgcp_code_get(info->probe_code)->text)
					    : info->probe_why;

	if (info->probe_code == 500)
		health_found(f, HEALTH_FAILED, "mgw-domain", SAY("refuses endpoints at '@%s': %s", cfg->domain, said),
			     SAY("compare our 'mgw %s' / 'endpoint-domain %s' with 'mgcp' / 'domain' of the gateway",
				 mgw_name(mgw), cfg->domain));
	else if (info->probe_code == 403)
		health_found(f, HEALTH_FAILED, "mgw-full", SAY("has no endpoint left: %s", said),
			     "raise 'number endpoints' in node 'mgcp' of the gateway");
	else
		health_found(f, HEALTH_FAILED, "mgw-refuses", SAY("gives us no endpoint: %s", said),
			     SAY("see the log of the gateway; our 'endpoint' is '%s'", cfg->endpoint));
}

static const char *mgw_ok_text(const struct mgw_cfg *cfg, const struct mgw_info *info)
{
	static const char *const accepted[] = {
		[MGW_PROBE_NONE] = "endpoints not tried",
		[MGW_PROBE_TRYING] = "an endpoint is being tried",
		[MGW_PROBE_ACCEPTED] = "endpoints accepted",
	};

	return SAY("up, round trip %u ms, %s (@%s), %u in use", info->srtt_ms, accepted[info->probe], cfg->domain,
		   info->n_endpoints);
}

static void look_mgw(const struct health_screen *s, struct mgw *mgw, bool needed)
{
	const struct mgw_cfg *cfg = mgw_cfg(mgw);
	struct health_finding f = { .part = SAY("mgw %s", mgw_name(mgw)) };
	struct mgw_info info;

	mgw_get_info(mgw, &info);
	f.state = info.state == MGW_ST_UP ? "up" : "down";
	if (info.state != MGW_ST_UP && !needed)
		f.text = "not there, and not needed: each peer has 'media direct'";
	else if (info.state != MGW_ST_UP)
		health_found(&f, HEALTH_FAILED, "mgw-silent",
			     SAY("no answer from %s port %u", cfg->remote_addr, cfg->remote_port),
			     "run osmo-mgw there: in its node 'mgcp' are 'bind ip' and 'bind port'");
	else if (info.probe == MGW_PROBE_REFUSED || info.probe == MGW_PROBE_FAILED)
		mgw_probed(&f, mgw, &info);
	else
		f.text = mgw_ok_text(cfg, &info);
	health_tell(s, &f);
}

static void look_no_mgw(const struct health_screen *s)
{
	struct health_finding f = { .part = "mgw" };

	health_found(&f, HEALTH_FAILED, "mgw-none", "anchored calls are refused: there is no media gateway",
		     "configure 'mgw NAME', or 'media direct' for each peer");
	health_tell(s, &f);
}

static void look_mgws(const struct health_screen *s)
{
	bool needed = anybody_anchored(s->gw);
	struct mgw *mgw = NULL;

	if (needed && !mgw_pool_next(s->gw->mgws, NULL))
		look_no_mgw(s);
	while ((mgw = mgw_pool_next(s->gw->mgws, mgw)))
		look_mgw(s, mgw, needed);
}

/* ---- calls ---- */

static void look_routes(const struct health_screen *s)
{
	const struct route_table *routes = &s->gw->calls->routes;
	struct health_finding f = { .part = "routes" };
	bool none = llist_empty(&routes->rules);
	char why[256];

	if (sipgw_config_check(s->gw, why, sizeof(why)) < 0)
		health_found(&f, HEALTH_FAILED, "route-missing-peer", SAY("%s", why),
			     "add it, or change what refers to it");
	if (!routes->default_peer && none)
		health_found(&f, HEALTH_WARNING, "route-no-default",
			     "calls from phones are refused: no default peer, no route",
			     "'call' / 'default-peer NAME', or 'route NAME'");
	if (!f.word)
		f.text = SAY("%u rule%s, default peer %s", llist_count(&routes->rules),
			     llist_count(&routes->rules) == 1 ? "" : "s", routes->default_peer ?: "none");
	health_tell(s, &f);
}

static void look_codecs(const struct health_screen *s)
{
	const struct health_media_trouble *t = s->facts->codecs;
	struct health_finding f = { .part = "codecs", .text = "no call failed for want of one lately" };
	uint64_t since = s->facts->now_ms - t->last_ms;

	if (t->n && since <= HEALTH_MEDIA_MEMORY_MS)
		health_found(&f, HEALTH_WARNING, "codec-mismatch",
			     SAY("%u call%s found no common codec%s%s, the last %s ago: cause %u%s%s", t->n,
				 t->n == 1 ? "" : "s", *t->peer ? " with " : "", t->peer, health_ago(since), t->cause,
				 *t->text ? ", " : "", t->text),
			     SAY("compare the codecs of MSC, BSC and peer; 'show call %u ladder' has both offers",
				 t->call_id));
	health_tell(s, &f);
}

/* The part is there only as long as there is something to say. */
static void look_addresses(const struct health_screen *s)
{
	const struct health_media_trouble *t = s->facts->addresses;
	struct health_finding f = { .part = "addresses" };
	uint64_t since = s->facts->now_ms - t->last_ms;

	if (!t->n || since > HEALTH_MEDIA_MEMORY_MS)
		return;
	health_found(
		&f, HEALTH_WARNING, "address-mismatch",
		SAY("%u call%s could not be sent audio%s%s, the last %s ago: %s", t->n, t->n == 1 ? "" : "s",
		    *t->peer ? " with " : "", t->peer, health_ago(since), t->text),
		"let the gateway have both: osmo-mgw, 'mgcp' / 'rtp bind-ip' and 'rtp bind-ip-v6'; or the other side the same one");
	health_tell(s, &f);
}

static void look_queue(const struct health_screen *s)
{
	unsigned int depth = dispatch_depth(s->gw->calls->dispatch);
	struct health_finding f = { .part = "queue" };
	struct mncc_link_info mncc;

	mncc_link_get_info(s->gw->mncc, &mncc);
	f.text = SAY("%u calls; %u messages wait in the queue, %u for the MSC", s->gw->calls->n, depth, mncc.queue_len);
	if (depth > LONG_QUEUE || mncc.queue_len > LONG_QUEUE)
		health_found(&f, HEALTH_WARNING, "queue-long", f.text,
			     "this machine, or the MSC's, has more to do than it can");
	health_tell(s, &f);
}

static void near_limit(struct health_finding *f, const char *what, uint64_t n, uint64_t limit)
{
	if (limit && n >= limit)
		health_found(f, HEALTH_FAILED, "limit-reached", SAY("%s: %" PRIu64 " of %" PRIu64, what, n, limit),
			     "new calls are refused: end some, or raise the limit");
	else if (limit && NEAR(n, limit))
		health_found(f, HEALTH_WARNING, "limit-near", SAY("%s: %" PRIu64 " of %" PRIu64, what, n, limit),
			     "raise the limit, or find out who calls so much");
}

static void look_limits(const struct health_screen *s)
{
	const struct admission *adm = &s->gw->calls->admission;
	unsigned int n_sessions, n_transactions;
	struct health_finding f = { .part = "limits" };
	const struct sip_peer *peer;

	sip_ua_get_counts(s->gw->ua, &n_sessions, &n_transactions);
	near_limit(&f, "all calls", adm->n[0] + adm->n[1], adm->limits[ADMIT_TOTAL]);
	near_limit(&f, "calls from phones", adm->n[0], adm->limits[ADMIT_MO]);
	near_limit(&f, "calls from SIP peers", adm->n[1], adm->limits[ADMIT_MT]);
	near_limit(&f, "SIP calls", n_sessions, sip_ua_max_sessions(s->gw->ua));
	llist_for_each_entry (peer, sip_ua_peers(s->gw->ua), entry)
		near_limit(&f, SAY("calls with %s", peer->name), peer->n_calls, peer->cfg.max_calls);
	if (!f.word)
		f.text = "none is near";
	health_tell(s, &f);
}

/* ---- the machine ---- */

/* To count them takes one of them. */
static unsigned int count_fds(const struct rlimit *limit)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	if (!dir)
		return errno == EMFILE ? limit->rlim_cur : 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n > 3 ? n - 3 : 0; /* ".", "..", and the directory itself */
}

static unsigned long resident_kb(void)
{
	unsigned long total, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file)
		return 0;
	if (fscanf(file, "%lu %lu", &total, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void look_resources(const struct health_screen *s)
{
	struct health_finding f = { .part = "resources" };
	struct rlimit limit = {};
	unsigned int n;

	getrlimit(RLIMIT_NOFILE, &limit);
	n = count_fds(&limit);
	f.text = SAY("%u of %lu file descriptors, %lu kB of memory", n, (unsigned long)limit.rlim_cur, resident_kb());
	if (limit.rlim_cur && NEAR(n, limit.rlim_cur))
		health_found(&f, HEALTH_WARNING, "fds-near",
			     SAY("%u of %lu file descriptors are in use", n, (unsigned long)limit.rlim_cur),
			     "raise LimitNOFILE of the service, or lower 'sip' / 'connection-limit'");
	health_tell(s, &f);
}

static void look_cdr(const struct health_screen *s)
{
	const struct cdr_cfg *cfg = cdr_cfg(s->gw->cdr);
	struct health_finding f = { .part = "cdr", .text = "no call records are configured" };
	struct cdr_status status;

	cdr_get_status(s->gw->cdr, &status);
	if (cfg->sink != CDR_OFF)
		f.text = SAY("%" PRIu64 " records written", status.written);
	if (cfg->sink != CDR_OFF && !status.ok)
		health_found(&f, HEALTH_FAILED, "cdr-not-written",
			     SAY("records are not written: %s; %u wait, %" PRIu64 " are lost",
				 *status.why ? status.why : "unknown", status.waiting, status.lost),
			     cfg->sink == CDR_FILE
				     ? SAY("see to it that %s can be written (space, permission)", cfg->path)
				     : SAY("see to it that a syslogd runs and reads %s ('cdr' / 'syslog SOCKET')",
					   cdr_sink_name(cfg)));
	else if (status.lost)
		health_found(&f, HEALTH_WARNING, "cdr-lost", SAY("%" PRIu64 " records are lost", status.lost), NULL);
	else if (status.waiting > MANY_RECORDS)
		health_found(&f, HEALTH_WARNING, "cdr-slow", SAY("%u records wait to be written", status.waiting),
			     NULL);
	health_tell(s, &f);
}

static void look_ctrl(const struct health_screen *s)
{
	struct health_finding f = { .part = "ctrl" };

	if (!s->facts->ctrl_why)
		return;
	health_found(&f, HEALTH_WARNING, "ctrl-not-open", s->facts->ctrl_why,
		     "free that port, or set 'ctrl' / 'bind ADDR PORT'; tried again every few seconds");
	health_tell(s, &f);
}

static void look_drain(const struct health_screen *s)
{
	struct health_finding f = { .part = "drain" };

	if (!s->gw->calls->draining && !s->gw->stopping)
		return;
	health_found(&f, HEALTH_WARNING, s->gw->stopping ? "stopping" : "draining",
		     SAY("no new calls but emergency calls; %u are left%s", s->gw->calls->n,
			 s->gw->drain_exit || s->gw->stopping ? ", then the program ends" : ""),
		     s->gw->stopping ? NULL : "'no drain' takes new calls again");
	health_tell(s, &f);
}

void health_parts(const struct health_facts *facts, health_cb cb, void *data)
{
	static void (*const parts[])(const struct health_screen *s) = {
		look_mncc,	look_mgws,   health_look_sip, health_look_tls, health_look_peers,
		look_routes,	look_codecs, look_addresses,  look_queue,      look_limits,
		look_resources, look_cdr,    look_ctrl,	      look_drain,
	};
	const struct health_screen s = { .facts = facts, .gw = facts->gw, .cb = cb, .data = data };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i](&s);
}
