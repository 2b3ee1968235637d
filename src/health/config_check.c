/* Does a configuration make sense as a whole? Each of its lines was fine by itself; this looks at what they say
 * together. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/health/config_check.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/sipgw.h>
#include <osmocom/sipgw/ua/sip_ua.h>

struct check {
	const struct sipgw *gw;
	sipgw_config_cb cb;
	void *data;
};

#define SAY(fmt, args...) talloc_asprintf(OTC_SELECT, fmt, ##args)

static void tell(const struct check *c, bool fatal, const char *line, const char *text)
{
	c->cb(c->data, fatal, line, text);
}

static bool is_peer(const struct check *c, const char *name)
{
	return sip_peer_find(c->gw->ua, name);
}

static void check_default_peer(const struct check *c)
{
	const char *name = c->gw->calls->routes.default_peer;

	if (name && !is_peer(c, name))
		tell(c, true, SAY("default-peer %s", name),
		     SAY("the default peer '%s' of node 'call' does not exist: there is no 'sip-peer %s'", name, name));
	if (!name && llist_empty(&c->gw->calls->routes.rules))
		tell(c, false, "call", "calls from phones will be refused: there is no 'default-peer' and no route");
}

static void missing(const struct check *c, const struct route_rule *rule, const char *name)
{
	tell(c, true, SAY("route %s", rule->name),
	     SAY("the peer '%s' of 'route %s' does not exist: there is no 'sip-peer %s'", name, rule->name, name));
}

static void check_rule(const struct check *c, const struct route_rule *rule)
{
	unsigned int i;

	if (rule->from == ROUTE_FROM_PEER && !is_peer(c, rule->from_peer))
		missing(c, rule, rule->from_peer);
	for (i = 0; i < rule->n_peers; i++) {
		if (!is_peer(c, rule->peers[i].name))
			missing(c, rule, rule->peers[i].name);
	}
	if (rule->action == ROUTE_TO_NOTHING)
		tell(c, false, SAY("route %s", rule->name),
		     SAY("'route %s' leads nowhere yet and is passed over", rule->name));
}

static void check_routes(const struct check *c)
{
	const struct route_rule *rule;

	llist_for_each_entry (rule, &c->gw->calls->routes.rules, entry)
		check_rule(c, rule);
}

static void check_numbers(const struct check *c)
{
	const struct number_rules *rules;

	llist_for_each_entry (rules, &c->gw->calls->numbering.plans, entry) {
		if (!rules->defined)
			tell(c, true, SAY("number-rules %s", rules->name),
			     SAY("'number-rules %s' is referred to, but not configured", rules->name));
	}
}

static bool is_bound(const struct check *c, int transport)
{
	const struct sip_ua_bind *bind;

	if (llist_empty(sip_ua_binds(c->gw->ua)))
		return transport == SIP_TP_UDP;
	llist_for_each_entry (bind, sip_ua_binds(c->gw->ua), entry) {
		if (bind->transport == transport)
			return true;
	}
	return false;
}

static void check_peers(const struct check *c)
{
	const struct sip_peer *peer;
	const char *kind;

	llist_for_each_entry (peer, sip_ua_peers(c->gw->ua), entry) {
		kind = sip_transport_kind(peer->cfg.transport)->param;
		if (!peer->cfg.remote_host)
			tell(c, false, SAY("sip-peer %s", peer->name),
			     SAY("'sip-peer %s' has no 'remote' and cannot be called", peer->name));
		if (!is_bound(c, peer->cfg.transport))
			tell(c, false, SAY("sip-peer %s", peer->name),
			     SAY("'sip-peer %s' cannot be reached: node 'sip' has no 'bind ADDR %s'", peer->name,
				 kind));
	}
}

static void check_file(const struct check *c, const char *command, const char *path)
{
	if (path && access(path, R_OK))
		tell(c, false, SAY("%s %s", command, path), SAY("cannot read %s: %s", path, strerror(errno)));
}

static void check_tls(const struct check *c)
{
	const struct sip_transport_cfg *cfg = sip_ua_transport_cfg(c->gw->ua);

	check_file(c, "tls certificate", cfg->tls_cert);
	check_file(c, "tls key", cfg->tls_key);
	check_file(c, "tls ca", cfg->tls_ca);
}

void sipgw_config_findings(const struct sipgw *gw, sipgw_config_cb cb, void *data)
{
	static void (*const checks[])(const struct check *c) = {
		check_default_peer, check_routes, check_numbers, check_peers, check_tls,
	};
	const struct check c = { .gw = gw, .cb = cb, .data = data };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(checks); i++)
		checks[i](&c);
}

struct first {
	char *why;
	size_t len;
	bool found;
};

static void keep_first(void *data, bool fatal, const char *line, const char *text)
{
	struct first *first = data;

	if (!fatal || first->found)
		return;
	first->found = true;
	snprintf(first->why, first->len, "%s", text);
}

int sipgw_config_check(const struct sipgw *gw, char *why, size_t len)
{
	struct first first = { .why = why, .len = len };

	sipgw_config_findings(gw, keep_first, &first);
	return first.found ? -EINVAL : 0;
}
