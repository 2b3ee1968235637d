/* What is looked at: each part in a function of its own that says the worst that it finds.
 *
 * A finding has a name that stays, for scripts and for the manual's table; the sentences may be reworded. Everything is
 * asked for anew each time, so nothing here can be out of date. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/health/config_check.h>
#include <osmocom/sipgw/health/health.h>

#include <dirent.h>
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
#include <osmocom/sipgw/ua/sip_reg.h>
#include <osmocom/sipgw/ua/sip_ua.h>
#include <osmocom/sipgw/sipgw.h>

#include "health_internal.h"

#define LONG_QUEUE     1000 /* messages */
#define NEAR(N, LIMIT) ((N)*10ULL >= (LIMIT)*9ULL)
#define TLS_SOON_S     (14 * 86400L)
#define MANY_RECORDS   1000

struct screen {
	const struct health_facts *facts;
	const struct sipgw *gw;
	health_cb cb;
	void *data;
};

#define SAY(fmt, args...) talloc_asprintf(OTC_SELECT, fmt, ##args)

/* The worst that is found counts, of equals the first. */
static void found(struct health_finding *f, enum health_word word, const char *name, const char *text,
		  const char *to_do)
{
	if (word <= f->word)
		return;
	f->word = word;
	f->name = name;
	f->text = text;
	f->to_do = to_do;
}

static void tell(const struct screen *s, const struct health_finding *f)
{
	s->cb(s->data, f);
}

static const char *ago(uint64_t ms)
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
	found(f, HEALTH_FAILED, names[error], text, to_do);
}

static void look_mncc(const struct screen *s)
{
	struct health_finding f = { .part = "mncc" };
	struct mncc_link_info info;

	mncc_link_get_info(s->gw->mncc, &info);
	f.state = info.state == MNCC_LINK_ST_UP ? "up" : "down";
	if (info.state != MNCC_LINK_ST_UP) {
		mncc_error(&f, &info);
	} else if (!mncc_link_accepts_calls(s->gw->mncc) && !s->gw->stopping) {
		found(&f, HEALTH_FAILED, "mncc-slow",
		      SAY("the MSC does not read: %u messages wait, new calls are refused", info.queue_len),
		      "see whether osmo-msc still works, and how busy its machine is");
	} else {
		f.text = SAY("connected for %s, version %u", ago(info.since_ms), info.layout->version);
	}
	tell(s, &f);
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
		found(f, HEALTH_FAILED, "mgw-domain", SAY("refuses endpoints at '@%s': %s", cfg->domain, said),
		      SAY("compare our 'mgw %s' / 'endpoint-domain %s' with 'mgcp' / 'domain' of the gateway",
			  mgw_name(mgw), cfg->domain));
	else if (info->probe_code == 403)
		found(f, HEALTH_FAILED, "mgw-full", SAY("has no endpoint left: %s", said),
		      "raise 'number endpoints' in node 'mgcp' of the gateway");
	else
		found(f, HEALTH_FAILED, "mgw-refuses", SAY("gives us no endpoint: %s", said),
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

static void look_mgw(const struct screen *s, struct mgw *mgw, bool needed)
{
	const struct mgw_cfg *cfg = mgw_cfg(mgw);
	struct health_finding f = { .part = SAY("mgw %s", mgw_name(mgw)) };
	struct mgw_info info;

	mgw_get_info(mgw, &info);
	f.state = info.state == MGW_ST_UP ? "up" : "down";
	if (info.state != MGW_ST_UP && !needed)
		f.text = "not there, and not needed: each peer has 'media direct'";
	else if (info.state != MGW_ST_UP)
		found(&f, HEALTH_FAILED, "mgw-silent",
		      SAY("no answer from %s port %u", cfg->remote_addr, cfg->remote_port),
		      "run osmo-mgw there: in its node 'mgcp' are 'bind ip' and 'bind port'");
	else if (info.probe == MGW_PROBE_REFUSED || info.probe == MGW_PROBE_FAILED)
		mgw_probed(&f, mgw, &info);
	else
		f.text = mgw_ok_text(cfg, &info);
	tell(s, &f);
}

static void look_mgws(const struct screen *s)
{
	bool needed = anybody_anchored(s->gw);
	struct mgw *mgw = NULL;

	while ((mgw = mgw_pool_next(s->gw->mgws, mgw)))
		look_mgw(s, mgw, needed);
}

/* ---- sip: our own side ---- */

static void look_sip(const struct screen *s)
{
	struct health_finding f = { .part = "sip" };
	unsigned int n_sessions, n_transactions, n = 0;
	const struct sip_ua_bind *bind;

	sip_ua_get_counts(s->gw->ua, &n_sessions, &n_transactions);
	llist_for_each_entry (bind, sip_ua_binds(s->gw->ua), entry) {
		n++;
		if (!bind->open)
			found(&f, HEALTH_WARNING, "sip-not-open",
			      SAY("'bind %s %u' is not open yet", bind->addr, bind->port),
			      "restart osmo-sipgw: addresses are taken at its start");
	}
	if (!f.word)
		f.text = SAY("listening on %u address%s, %u calls, %u transactions", n ?: 1, n > 1 ? "es" : "",
			     n_sessions, n_transactions);
	tell(s, &f);
}

static void look_tls(const struct screen *s)
{
	struct health_finding f = { .part = "tls" };
	long left;

	if (!sip_ua_tls_left_s(s->gw->ua, &left))
		return;
	if (left < 0)
		found(&f, HEALTH_FAILED, "tls-expired", SAY("our certificate expired %s ago", ago(-left * 1000ULL)),
		      "get a new one; then 'sip tls reload'");
	else if (left < TLS_SOON_S)
		found(&f, HEALTH_WARNING, "tls-expires", SAY("our certificate expires in %s", ago(left * 1000ULL)),
		      "get a new one; then 'sip tls reload'");
	else
		f.text = SAY("our certificate is good for %s", ago(left * 1000ULL));
	tell(s, &f);
}

/* ---- peers ---- */

/* Is there one of our addresses by which it can be reached? */
static bool has_bind(const struct sipgw *gw, const struct sip_peer *peer)
{
	bool v6 = peer->remote.u.sa.sa_family == AF_INET6;
	const struct sip_ua_bind *bind;

	if (llist_empty(sip_ua_binds(gw->ua)))
		return peer->cfg.transport == SIP_TP_UDP && !v6;
	llist_for_each_entry (bind, sip_ua_binds(gw->ua), entry) {
		if (bind->transport == peer->cfg.transport && (!peer->usable || !strchr(bind->addr, ':') == !v6))
			return true;
	}
	return false;
}

/* The address of a peer is one that we have ourselves. */
static bool is_ourselves(const struct sipgw *gw, const struct sip_peer *peer)
{
	const struct sip_ua_bind *bind;

	llist_for_each_entry (bind, sip_ua_binds(gw->ua), entry) {
		if (peer->usable && bind->transport == peer->cfg.transport && bind->open &&
		    osmo_sockaddr_port(&peer->remote.u.sa) == bind->port && peer->cfg.remote_host &&
		    !strcmp(bind->addr, peer->cfg.remote_host))
			return true;
	}
	return false;
}

static void peer_config(struct health_finding *f, const struct sipgw *gw, const struct sip_peer *peer)
{
	const char *kind = sip_transport_kind(peer->cfg.transport)->param;

	if (!peer->cfg.remote_host) {
		found(f, HEALTH_WARNING, "peer-no-address", "has no address yet",
		      SAY("'sip-peer %s' / 'remote HOST'", peer->name));
		return;
	}
	if (!peer->usable)
		found(f, HEALTH_FAILED, "peer-dns",
		      SAY("the address of %s is not known: %s", peer->cfg.remote_host,
			  peer->resolve_why ?: "it is being looked up"),
		      "is the name right, and does the name server ('sip' / 'nameserver') know it?");
	if (!has_bind(gw, peer))
		found(f, HEALTH_FAILED, "peer-no-bind", SAY("cannot be reached: no address of ours for it (%s)", kind),
		      SAY("'sip' / 'bind ADDR %s', of the same IP version, and a restart", kind));
	if (is_ourselves(gw, peer))
		found(f, HEALTH_FAILED, "peer-is-us", "its address is our own",
		      SAY("set 'remote' of 'sip-peer %s' to where the PBX listens", peer->name));
	if (peer->blocked)
		found(f, HEALTH_WARNING, "peer-out-of-service", "is out of service by an operator's command",
		      SAY("'sip peer %s in-service' when it may take calls again", peer->name));
}

static void peer_targets(struct health_finding *f, const struct sip_peer *peer)
{
	struct sip_target_info info, down = {};
	unsigned int i, n_down = 0, n_up = 0;

	for (i = 0; i < peer->n_targets; i++) {
		sip_peer_get_target(peer, i, &info);
		n_up += info.state == SIP_TARGET_UP;
		if (info.state != SIP_TARGET_DOWN)
			continue;
		down = info;
		n_down++;
	}
	f->state = peer->down || !peer->usable ? "down" : n_up ? "up" : "unknown";
	if (peer->down)
		found(f, HEALTH_FAILED, "peer-silent", SAY("is down: it %s", down.why ?: "does not answer"),
		      "does it run there, is 'remote' right (address, port), does its firewall let us in?");
	else if (n_down)
		found(f, HEALTH_WARNING, "peer-address-down",
		      SAY("%u of its %u addresses do not answer", n_down, peer->n_targets),
		      SAY("'show sip peer %s' says which", peer->name));
}

static void peer_answers(struct health_finding *f, const struct sip_peer *peer)
{
	bool never = !rate_ctr_group_get_ctr(peer->ctrs, SIP_PEER_CTR_OUT_ANSWERED)->current;

	if (peer->last_status == 408)
		found(f, HEALTH_WARNING, "peer-silent", "did not answer our last call at all",
		      "does it run there, is 'remote' right (address, port), does its firewall let us in?");
	if (peer->last_status == 401 || peer->last_status == 407 || (peer->last_status == 403 && never))
		found(f, HEALTH_WARNING, "peer-refuses-us", SAY("refused our last call with %u", peer->last_status),
		      "check 'auth user', or let it trust our address");
}

static void peer_registration(struct health_finding *f, const struct sip_peer *peer)
{
	struct sip_reg_info info;
	struct sip_reg *reg = NULL;

	while ((reg = sip_reg_next(peer, reg))) {
		sip_reg_get_info(reg, &info);
		if (info.valid || info.state == SIP_REG_OFF || !info.why)
			continue;
		found(f, HEALTH_FAILED, "peer-register", SAY("does not register '%s': %s", info.identity, info.why),
		      "check 'register' and 'auth user' against the account at the peer");
	}
}

static const char *peer_ok_text(const struct health_finding *f, const struct sip_peer *peer)
{
	const char *asked = peer->cfg.options_interval_s ? SAY("asked every %u s", peer->cfg.options_interval_s)
							 : "not asked (no 'options-interval')";
	const char *registered = sip_reg_next(peer, NULL) ? ", registered" : "";

	return SAY("%s, %s%s, %u calls", strcmp(f->state, "unknown") ? f->state : "not heard of yet", asked, registered,
		   peer->n_calls);
}

static void look_peer(const struct screen *s, const struct sip_peer *peer)
{
	struct health_finding f = { .part = SAY("peer %s", peer->name) };

	peer_config(&f, s->gw, peer);
	peer_targets(&f, peer);
	peer_registration(&f, peer);
	peer_answers(&f, peer);
	if (!f.word)
		f.text = peer_ok_text(&f, peer);
	tell(s, &f);
}

static void look_peers(const struct screen *s)
{
	const struct sip_peer *peer;

	llist_for_each_entry (peer, sip_ua_peers(s->gw->ua), entry)
		look_peer(s, peer);
}

/* ---- calls ---- */

static void look_routes(const struct screen *s)
{
	const struct route_table *routes = &s->gw->calls->routes;
	struct health_finding f = { .part = "routes" };
	bool none = llist_empty(&routes->rules);
	char why[256];

	if (sipgw_config_check(s->gw, why, sizeof(why)) < 0)
		found(&f, HEALTH_FAILED, "route-missing-peer", SAY("%s", why), "add it, or change what refers to it");
	if (!routes->default_peer && none)
		found(&f, HEALTH_WARNING, "route-no-default",
		      "calls from phones are refused: no default peer, no route",
		      "'call' / 'default-peer NAME', or 'route NAME'");
	if (!f.word)
		f.text = SAY("%u rule%s, default peer %s", llist_count(&routes->rules),
			     llist_count(&routes->rules) == 1 ? "" : "s", routes->default_peer ?: "none");
	tell(s, &f);
}

static void look_codecs(const struct screen *s)
{
	const struct health_codec_trouble *t = s->facts->codecs;
	struct health_finding f = { .part = "codecs", .text = "no call failed for want of one lately" };
	uint64_t since = s->facts->now_ms - t->last_ms;

	if (t->n && since <= HEALTH_CODEC_MEMORY_MS)
		found(&f, HEALTH_WARNING, "codec-mismatch",
		      SAY("%u call%s found no common codec%s%s, the last %s ago: cause %u%s%s", t->n,
			  t->n == 1 ? "" : "s", *t->peer ? " with " : "", t->peer, ago(since), t->cause,
			  *t->text ? ", " : "", t->text),
		      SAY("compare the codecs of MSC, BSC and peer; 'show call %u ladder' has both offers",
			  t->call_id));
	tell(s, &f);
}

static void look_queue(const struct screen *s)
{
	unsigned int depth = dispatch_depth(s->gw->calls->dispatch);
	struct health_finding f = { .part = "queue" };
	struct mncc_link_info mncc;

	mncc_link_get_info(s->gw->mncc, &mncc);
	f.text = SAY("%u calls; %u messages wait in the queue, %u for the MSC", s->gw->calls->n, depth, mncc.queue_len);
	if (depth > LONG_QUEUE || mncc.queue_len > LONG_QUEUE)
		found(&f, HEALTH_WARNING, "queue-long", f.text,
		      "this machine, or the MSC's, has more to do than it can");
	tell(s, &f);
}

static void near_limit(struct health_finding *f, const char *what, uint64_t n, uint64_t limit)
{
	if (limit && n >= limit)
		found(f, HEALTH_FAILED, "limit-reached", SAY("%s: %" PRIu64 " of %" PRIu64, what, n, limit),
		      "new calls are refused: end some, or raise the limit");
	else if (limit && NEAR(n, limit))
		found(f, HEALTH_WARNING, "limit-near", SAY("%s: %" PRIu64 " of %" PRIu64, what, n, limit),
		      "raise the limit, or find out who calls so much");
}

static void look_limits(const struct screen *s)
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
	tell(s, &f);
}

/* ---- the machine ---- */

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	if (!dir)
		return 0;
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

static void look_resources(const struct screen *s)
{
	struct health_finding f = { .part = "resources" };
	unsigned int n = count_fds();
	struct rlimit limit = {};

	getrlimit(RLIMIT_NOFILE, &limit);
	f.text = SAY("%u of %lu file descriptors, %lu kB of memory", n, (unsigned long)limit.rlim_cur, resident_kb());
	if (limit.rlim_cur && NEAR(n, limit.rlim_cur))
		found(&f, HEALTH_WARNING, "fds-near",
		      SAY("%u of %lu file descriptors are in use", n, (unsigned long)limit.rlim_cur),
		      "raise LimitNOFILE of the service, or lower 'sip' / 'connection-limit'");
	tell(s, &f);
}

static void look_cdr(const struct screen *s)
{
	const struct cdr_cfg *cfg = cdr_cfg(s->gw->cdr);
	struct health_finding f = { .part = "cdr", .text = "no call records are configured" };
	struct cdr_status status;

	cdr_get_status(s->gw->cdr, &status);
	if (cfg->sink != CDR_OFF)
		f.text = SAY("%" PRIu64 " records written", status.written);
	if (cfg->sink != CDR_OFF && !status.ok)
		found(&f, HEALTH_FAILED, "cdr-not-written",
		      SAY("records are not written: %s; %u wait, %" PRIu64 " are lost",
			  *status.why ? status.why : "unknown", status.waiting, status.lost),
		      cfg->sink == CDR_FILE
			      ? SAY("see to it that %s can be written (space, permission)", cfg->path)
			      : SAY("see to it that a syslogd runs and reads %s ('cdr' / 'syslog SOCKET')",
				    cdr_sink_name(cfg)));
	else if (status.lost)
		found(&f, HEALTH_WARNING, "cdr-lost", SAY("%" PRIu64 " records are lost", status.lost), NULL);
	else if (status.waiting > MANY_RECORDS)
		found(&f, HEALTH_WARNING, "cdr-slow", SAY("%u records wait to be written", status.waiting), NULL);
	tell(s, &f);
}

static void look_ctrl(const struct screen *s)
{
	struct health_finding f = { .part = "ctrl" };

	if (!s->facts->ctrl_why)
		return;
	found(&f, HEALTH_WARNING, "ctrl-not-open", s->facts->ctrl_why,
	      "free that port, or set 'ctrl' / 'bind ADDR PORT'; tried again every few seconds");
	tell(s, &f);
}

static void look_drain(const struct screen *s)
{
	struct health_finding f = { .part = "drain" };

	if (!s->gw->calls->draining && !s->gw->stopping)
		return;
	found(&f, HEALTH_WARNING, s->gw->stopping ? "stopping" : "draining",
	      SAY("no new calls but emergency calls; %u are left%s", s->gw->calls->n,
		  s->gw->drain_exit || s->gw->stopping ? ", then the program ends" : ""),
	      s->gw->stopping ? NULL : "'no drain' takes new calls again");
	tell(s, &f);
}

void health_parts(const struct health_facts *facts, health_cb cb, void *data)
{
	static void (*const parts[])(const struct screen *s) = {
		look_mncc,  look_mgws,	 look_sip,	 look_tls, look_peers, look_routes, look_codecs,
		look_queue, look_limits, look_resources, look_cdr, look_ctrl,  look_drain,
	};
	const struct screen s = { .facts = facts, .gw = facts->gw, .cb = cb, .data = data };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i](&s);
}
