/* SIP peers: who calls go to, and the only ones whom calls are taken from.
 *
 * The configuration is what the VTY sets; sip_peer_apply() turns it into addresses (sip_target.c). A name is looked up
 * again before its TTL is over; what was known stays in use when that fails. Sessions hold on to their own addresses,
 * so that changing or removing a peer does not touch them. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include <osmocom/sipgw/ua/sip_credentials.h>
#include <osmocom/sipgw/ua/sip_reg.h>

#include "sip_name.h"
#include "ua_internal.h"
#include "sip_request.h"
#include "sip_target.h"

const struct value_string sip_dtmf_mode_names[] = {
	{ SIP_DTMF_INFO_RELAY, "info" }, { SIP_DTMF_INFO, "info-dtmf" }, { SIP_DTMF_NONE, "none" }, {}
};

const struct value_string sip_use_names[] = {
	{ SIP_USE_OFF, "off" }, { SIP_USE_SUPPORTED, "supported" }, { SIP_USE_REQUIRED, "required" }, {}
};

static const struct rate_ctr_desc peer_ctr_desc[] = {
	[SIP_PEER_CTR_OUT] = { "out", "Calls to the peer" },
	[SIP_PEER_CTR_OUT_ANSWERED] = { "out:answered", "Calls to the peer that were answered" },
	[SIP_PEER_CTR_OUT_FAILED] = { "out:failed", "Calls to the peer that it refused or did not react to" },
	[SIP_PEER_CTR_OUT_TIMEOUT] = { "out:timeout", "Calls to the peer that got no response in time" },
	[SIP_PEER_CTR_OUT_BUSY] = { "out:busy", "Calls to the peer that met a busy party (486, 600)" },
	[SIP_PEER_CTR_OUT_REDIRECTED] = { "out:3xx", "Calls to the peer that it sent elsewhere (3xx)" },
	[SIP_PEER_CTR_OUT_4XX] = { "out:4xx", "Calls to the peer that it refused with another 4xx" },
	[SIP_PEER_CTR_OUT_5XX] = { "out:5xx", "Calls to the peer that failed there (5xx)" },
	[SIP_PEER_CTR_OUT_6XX] = { "out:6xx", "Calls to the peer that were declined (another 6xx)" },
	[SIP_PEER_CTR_REFUSED_BLOCKED] = { "refused:blocked",
					   "Calls from the peer refused because it is out of service" },
	[SIP_PEER_CTR_IN] = { "in", "Calls from the peer" },
	[SIP_PEER_CTR_IN_ANSWERED] = { "in:answered", "Calls from the peer that were answered" },
	[SIP_PEER_CTR_IN_FAILED] = { "in:failed", "Calls from the peer that were refused" },
	[SIP_PEER_CTR_AUTH_REFUSED] = { "auth:refused", "Requests of ours whose user and password the peer refused" },
	[SIP_PEER_CTR_AUTH_FAILED] = { "auth:failed", "Requests of the peer with a wrong user or password" },
	[SIP_PEER_CTR_AUTH_STALE] = { "auth:stale",
				      "Requests of the peer with a nonce that is too old or was used before" },
	[SIP_PEER_CTR_REG_OK] = { "register:ok", "REGISTERs that the peer accepted" },
	[SIP_PEER_CTR_REG_FAILED] = { "register:failed", "REGISTERs that the peer refused or did not react to" },
	[SIP_PEER_CTR_REFUSED_CALLS] = { "refused:calls",
					 "Calls from and to the peer refused because max-calls were up" },
	[SIP_PEER_CTR_REFUSED_RATE] = { "refused:rate", "Calls from and to the peer refused by max-calls-per-second" },
	[SIP_PEER_CTR_DTMF] = { "dtmf", "Keys sent to the peer" },
	[SIP_PEER_CTR_DTMF_LOST] = { "dtmf:lost", "Keys that the peer did not take, or is not to get" },
	[SIP_PEER_CTR_DOWN] = { "down", "Times that none of its addresses answered any more" },
	[SIP_PEER_CTR_TARGET_DOWN] = { "down:address", "Times that one of its addresses did not answer any more" },
	[SIP_PEER_CTR_OUT_NEXT] = { "out:next_address", "INVITEs tried again at a further address of the peer" },
	[SIP_PEER_CTR_DNS_FAILED] = { "dns:failed", "DNS look-ups of the peer's name that failed" },
};

static const struct rate_ctr_group_desc peer_ctrg_desc = {
	.group_name_prefix = "sip:peer",
	.group_description = "SIP peer",
	.class_id = OSMO_STATS_CLASS_PEER,
	.num_ctr = ARRAY_SIZE(peer_ctr_desc),
	.ctr_desc = peer_ctr_desc,
};

static const struct osmo_stat_item_desc peer_stat_desc[] = {
	[SIP_PEER_STAT_CALLS] = { "calls", "Calls with the peer at present", "calls", 16, 0 },
};

static const struct osmo_stat_item_group_desc peer_statg_desc = {
	.group_name_prefix = "sip:peer",
	.group_description = "SIP peer",
	.class_id = OSMO_STATS_CLASS_PEER,
	.num_items = ARRAY_SIZE(peer_stat_desc),
	.item_desc = peer_stat_desc,
};

void sip_peer_gauge_calls(struct sip_peer *peer)
{
	osmo_stat_item_set(osmo_stat_item_group_get_item(peer->stats, SIP_PEER_STAT_CALLS), peer->n_calls);
}

/* ---- the look-up of a name ---- */

/*! Can it be the name of a host? Four numbers with dots that are no address cannot. */
bool sip_peer_is_host_name(const char *name)
{
	const char *last = strrchr(name, '.') ? strrchr(name, '.') + 1 : name;

	if (strlen(name) > 253 || strspn(last, "0123456789") == strlen(last))
		return false;
	for (; isalnum((unsigned char)*name) || (*name && strchr("-_.", *name)); name++)
		;
	return !*name;
}

static bool is_name(const struct sip_peer *peer)
{
	struct sip_addr addr;

	return peer->cfg.remote_host && !inet_pton(AF_INET, peer->cfg.remote_host, &addr.addr.u.sin.sin_addr) &&
	       !inet_pton(AF_INET6, peer->cfg.remote_host, &addr.addr.u.sin6.sin6_addr) &&
	       sip_peer_is_host_name(peer->cfg.remote_host);
}

/* Up to a tenth less, so that many peers do not ask at the same moment. */
static unsigned long jitter(unsigned long ms)
{
	return ms - token_u32() % (ms / 10 + 1);
}

static void log_addrs(const struct sip_peer *peer)
{
	char buf[400], addr[SIP_HOSTPORT_LEN];
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < peer->n_targets && len < sizeof(buf); i++) {
		sip_target_str_buf(addr, sizeof(addr), peer->targets[i]);
		len += snprintf(buf + len, sizeof(buf) - len, "%s%s", i ? ", " : "", addr);
	}
	LOGP(DSIP, LOGL_NOTICE, "SIP peer %s: %s is at %s\n", peer->name, peer->cfg.remote_host, buf);
}

static void resolved(struct sip_peer *peer, const struct sip_resolution *res)
{
	unsigned long min = timer_ms(sip_tdefs, T_SIP_DNS_MIN), max = timer_ms(sip_tdefs, T_SIP_DNS_MAX);
	unsigned long ms = res->ttl_s > max / 1000 ? max : OSMO_MAX(res->ttl_s * 1000UL, min);
	bool again = peer->resolve_why;

	peer->resolve_why = NULL;
	peer->resolve_wait_ms = 0;
	if (sip_targets_set(peer, res->addrs, res->n) || again) {
		log_addrs(peer);
		sip_reg_kick(peer);
	}
	timer_start_ms(&peer->resolve_timer, jitter(ms));
}

static void not_resolved(struct sip_peer *peer, const char *why)
{
	unsigned long max = timer_ms(sip_tdefs, T_SIP_DNS_RETRY_MAX);

	rate_ctr_inc2(peer->ctrs, SIP_PEER_CTR_DNS_FAILED);
	if (peer->resolve_why != why)
		LOGP(DSIP, LOGL_ERROR, "SIP peer %s: the address of %s cannot be found: %s; %s\n", peer->name,
		     peer->cfg.remote_host, why,
		     peer->n_targets ? "what was known stays in use" : "calls to it are refused until it can");
	peer->resolve_why = why;
	peer->resolve_wait_ms =
		peer->resolve_wait_ms ? peer->resolve_wait_ms * 2 : timer_ms(sip_tdefs, T_SIP_DNS_RETRY);
	peer->resolve_wait_ms = OSMO_MIN(peer->resolve_wait_ms, max);
	timer_start_ms(&peer->resolve_timer, jitter(peer->resolve_wait_ms));
}

static void on_resolution(void *data, const struct sip_resolution *res)
{
	struct sip_peer *peer = data;

	peer->lookup = NULL;
	if (res->n)
		resolved(peer, res);
	else
		not_resolved(peer, res->why);
}

struct sip_resolver *sip_ua_resolver(struct sip_ua *ua)
{
	if (!ua->resolver)
		ua->resolver = sip_resolver_alloc(ua, ua->nameserver, ua->nameserver_port);
	return ua->resolver;
}

/*! Look-ups of peers have been stopped; those of other names are. */
void sip_ua_drop_resolver(struct sip_ua *ua)
{
	sip_names_drop(ua);
	sip_resolver_free(ua->resolver);
	ua->resolver = NULL;
}

static void lookup_start(struct sip_peer *peer)
{
	if (peer->lookup || !peer->ua->started)
		return;
	if (sip_ua_resolver(peer->ua))
		peer->lookup = sip_resolve(peer->ua->resolver, peer->cfg.remote_host, peer->cfg.remote_port,
					   peer->cfg.transport, on_resolution, peer);
	if (!peer->lookup)
		not_resolved(peer, "out of memory");
}

static void lookup_stop(struct sip_peer *peer)
{
	osmo_timer_del(&peer->resolve_timer);
	if (peer->lookup)
		sip_resolve_cancel(peer->lookup);
	peer->lookup = NULL;
}

static void resolve_timer_cb(void *data)
{
	lookup_start(data);
}

/* ---- the peer ---- */

/*! A peer without address. NULL when out of memory. */
struct sip_peer *sip_peer_alloc(struct sip_ua *ua, const char *name)
{
	static unsigned int n_made;
	struct sip_peer *peer = talloc_zero(ua, struct sip_peer);

	if (!peer)
		return NULL;
	n_made++;
	*peer = (struct sip_peer){
		.ua = ua,
		.serial = n_made,
		.name = talloc_strdup(peer, name),
		.cfg = {
			.transport = SIP_TP_UDP,
			.dtmf = SIP_DTMF_INFO_RELAY,
			.rel100 = SIP_USE_SUPPORTED,
			.session_timer = SIP_USE_SUPPORTED,
			.ring_within_s = SIP_PEER_RING_WITHIN_S,
			.session_expires_s = 1800,
			.min_se_s = 90,
		},
		.ctrs = rate_ctr_group_alloc(peer, &peer_ctrg_desc, n_made),
		.stats = osmo_stat_item_group_alloc(peer, &peer_statg_desc, n_made),
	};
	INIT_LLIST_HEAD(&peer->credentials);
	INIT_LLIST_HEAD(&peer->regs);
	if (!peer->name || !peer->ctrs || !peer->stats) {
		if (peer->ctrs)
			rate_ctr_group_free(peer->ctrs);
		if (peer->stats)
			osmo_stat_item_group_free(peer->stats);
		talloc_free(peer);
		return NULL;
	}
	rate_ctr_group_set_name(peer->ctrs, name);
	osmo_stat_item_group_set_name(peer->stats, name);
	osmo_timer_setup(&peer->resolve_timer, resolve_timer_cb, peer);
	llist_add_tail(&peer->entry, &ua->peers);
	return peer;
}

void sip_peer_free(struct sip_peer *peer)
{
	struct sip_session *s;

	llist_for_each_entry (s, &peer->ua->sessions, entry) {
		if (s->peer != peer)
			continue;
		s->peer = NULL;
		osmo_talloc_replace_string(s, &s->peer_was, peer->name); /* for what is said of the call */
	}
	sip_reg_free_all(peer);
	sip_credentials_free_all(peer);
	sip_request_forget_peer(peer->ua, peer);
	lookup_stop(peer);
	sip_targets_clear(peer);
	llist_del(&peer->entry);
	rate_ctr_group_free(peer->ctrs);
	osmo_stat_item_group_free(peer->stats);
	talloc_free(peer);
}

/* IP addresses need no look-up. */
static bool parse_ip(struct sip_addr *to, const struct sip_peer_cfg *cfg)
{
	struct osmo_sockaddr *addr = &to->addr;

	*to = (struct sip_addr){};
	if (inet_pton(AF_INET, cfg->remote_host, &addr->u.sin.sin_addr) == 1)
		addr->u.sin.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, cfg->remote_host, &addr->u.sin6.sin6_addr) == 1)
		addr->u.sin6.sin6_family = AF_INET6;
	else
		return false;
	osmo_sockaddr_set_port(&addr->u.sa, cfg->remote_port ?: sip_default_port(cfg->transport));
	return true;
}

/* Is it what the addresses are of already? Takes note of it. */
static bool is_as_before(struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;
	char *now = cfg->remote_host
			    ? talloc_asprintf(peer, "%s %u %d", cfg->remote_host, cfg->remote_port, cfg->transport)
			    : NULL;
	bool same = now && peer->looked_up && strcmp(now, peer->looked_up) == 0;

	talloc_free(peer->looked_up);
	peer->looked_up = now;
	return same;
}

static void begin_health(struct sip_peer *peer)
{
	unsigned int i;

	for (i = 0; i < peer->n_targets; i++)
		sip_health_begin(peer->targets[i]);
}

int sip_peer_apply(struct sip_peer *peer)
{
	struct sip_addr addr;

	if (is_as_before(peer)) {
		begin_health(peer);
		return 0;
	}
	lookup_stop(peer);
	peer->resolve_why = NULL;
	peer->resolve_wait_ms = 0;
	sip_targets_clear(peer);
	if (!peer->cfg.remote_host)
		return 0;
	if (parse_ip(&addr, &peer->cfg)) {
		sip_targets_set(peer, &addr, 1);
		sip_reg_kick(peer);
		return 0;
	}
	if (!sip_peer_is_host_name(peer->cfg.remote_host))
		return -EINVAL;
	lookup_start(peer);
	return 0;
}

/*! The UA has started: names are looked up, addresses watched. */
void sip_peers_start(struct sip_ua *ua)
{
	struct sip_peer *peer;

	llist_for_each_entry (peer, &ua->peers, entry) {
		begin_health(peer);
		if (is_name(peer))
			lookup_start(peer);
	}
}

/*! The UA stops: transactions are going away. */
void sip_peers_stop(struct sip_ua *ua)
{
	struct sip_peer *peer;
	unsigned int i;

	llist_for_each_entry (peer, &ua->peers, entry) {
		lookup_stop(peer);
		for (i = 0; i < peer->n_targets; i++)
			sip_health_end(peer->targets[i]);
	}
}

/*! Where names are looked up from now on. \a addr NULL: as the system says; else an IP address. */
void sip_ua_set_nameserver(struct sip_ua *ua, const char *addr, uint16_t port)
{
	struct sip_peer *peer;

	llist_for_each_entry (peer, &ua->peers, entry)
		lookup_stop(peer);
	sip_ua_drop_resolver(ua);
	talloc_free(ua->nameserver);
	ua->nameserver = addr ? talloc_strdup(ua, addr) : NULL;
	ua->nameserver_port = port;
	llist_for_each_entry (peer, &ua->peers, entry) {
		if (is_name(peer))
			lookup_start(peer);
	}
}

/*! NULL: as the system says. \a port 0: 53. */
const char *sip_ua_nameserver(const struct sip_ua *ua, uint16_t *port)
{
	*port = ua->nameserver_port;
	return ua->nameserver;
}

/*! NULL if there is none of that name. */
struct sip_peer *sip_peer_find(const struct sip_ua *ua, const char *name)
{
	struct sip_peer *peer;

	llist_for_each_entry (peer, &ua->peers, entry) {
		if (strcmp(peer->name, name) == 0)
			return peer;
	}
	return NULL;
}

void sip_peer_get_target(const struct sip_peer *peer, unsigned int idx, struct sip_target_info *info)
{
	const struct sip_target *t = peer->targets[idx];
	uint64_t now = sip_now_ms();

	*info = (struct sip_target_info){
		.addr = &t->where.addr,
		.priority = t->where.priority,
		.weight = t->where.weight,
		.state = t->state,
		.busy_s = t->busy_until_ms > now ? (t->busy_until_ms - now + 999) / 1000 : 0,
		.why = t->why,
	};
}
