/* What is looked at of SIP: our own side (its sockets, its certificate), and each peer. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/sipgw.h>
#include <osmocom/sipgw/ua/sip_reg.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "health_internal.h"

#define TLS_SOON_S (14 * 86400L)

/* ---- sip: our own side ---- */

void health_look_sip(const struct health_screen *s)
{
	struct health_finding f = { .part = "sip" };
	unsigned int n_sessions, n_transactions, n = 0;
	const struct sip_ua_bind *bind;

	sip_ua_get_counts(s->gw->ua, &n_sessions, &n_transactions);
	llist_for_each_entry (bind, sip_ua_binds(s->gw->ua), entry) {
		n++;
		if (!bind->open)
			health_found(&f, HEALTH_WARNING, "sip-not-open",
				     SAY("'bind %s %u' is not open yet", bind->addr, bind->port),
				     "restart osmo-sipgw: addresses are taken at its start");
	}
	if (!f.word)
		f.text = SAY("listening on %u address%s, %u calls, %u transactions", n ?: 1, n > 1 ? "es" : "",
			     n_sessions, n_transactions);
	health_tell(s, &f);
}

void health_look_tls(const struct health_screen *s)
{
	struct health_finding f = { .part = "tls" };
	long left;

	if (!sip_ua_tls_left_s(s->gw->ua, &left))
		return;
	if (left < 0)
		health_found(&f, HEALTH_FAILED, "tls-expired",
			     SAY("our certificate expired %s ago", health_ago(-left * 1000ULL)),
			     "get a new one; then 'sip tls reload'");
	else if (left < TLS_SOON_S)
		health_found(&f, HEALTH_WARNING, "tls-expires",
			     SAY("our certificate expires in %s", health_ago(left * 1000ULL)),
			     "get a new one; then 'sip tls reload'");
	else
		f.text = SAY("our certificate is good for %s", health_ago(left * 1000ULL));
	health_tell(s, &f);
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
		health_found(f, HEALTH_WARNING, "peer-no-address", "has no address yet",
			     SAY("'sip-peer %s' / 'remote HOST'", peer->name));
		return;
	}
	if (!peer->usable)
		health_found(f, HEALTH_FAILED, "peer-dns",
			     SAY("the address of %s is not known: %s", peer->cfg.remote_host,
				 peer->resolve_why ?: "it is being looked up"),
			     "is the name right, and does the name server ('sip' / 'nameserver') know it?");
	if (!has_bind(gw, peer))
		health_found(f, HEALTH_FAILED, "peer-no-bind",
			     SAY("cannot be reached: no address of ours for it (%s)", kind),
			     SAY("'sip' / 'bind ADDR %s', of the same IP version, and a restart", kind));
	if (is_ourselves(gw, peer))
		health_found(f, HEALTH_FAILED, "peer-is-us", "its address is our own",
			     SAY("set 'remote' of 'sip-peer %s' to where the PBX listens", peer->name));
	if (peer->blocked)
		health_found(f, HEALTH_WARNING, "peer-out-of-service", "is out of service by an operator's command",
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
		health_found(f, HEALTH_FAILED, "peer-silent", SAY("is down: it %s", down.why ?: "does not answer"),
			     "does it run there, is 'remote' right (address, port), does its firewall let us in?");
	else if (n_down)
		health_found(f, HEALTH_WARNING, "peer-address-down",
			     SAY("%u of its %u addresses do not answer", n_down, peer->n_targets),
			     SAY("'show sip peer %s' says which", peer->name));
}

static void peer_answers(struct health_finding *f, const struct sip_peer *peer)
{
	bool never = !rate_ctr_group_get_ctr(peer->ctrs, SIP_PEER_CTR_OUT_ANSWERED)->current;

	if (peer->last_status == 408)
		health_found(f, HEALTH_WARNING, "peer-silent", "did not answer our last call at all",
			     "does it run there, is 'remote' right (address, port), does its firewall let us in?");
	if (peer->last_status == 401 || peer->last_status == 407 || (peer->last_status == 403 && never))
		health_found(f, HEALTH_WARNING, "peer-refuses-us",
			     SAY("refused our last call with %u", peer->last_status),
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
		health_found(f, HEALTH_FAILED, "peer-register",
			     SAY("does not register '%s': %s", info.identity, info.why),
			     "check 'register' and 'auth user' against the account at the peer");
	}
}

static const char *peer_ok_text(const struct health_finding *f, const struct sip_peer *peer)
{
	const char *asked = peer->cfg.options_interval_s ? SAY("asked every %u s", peer->cfg.options_interval_s)
							 : "not asked (no 'options-interval')";
	const char *registered = sip_reg_next(peer, NULL) ? ", registered" : "";
	const char *state = f->state;

	if (!strcmp(state, "unknown"))
		state = "not heard of yet";
	else if (!peer->cfg.options_interval_s && !strcmp(state, "up"))
		state = "answered before"; /* whether it would now nobody knows */
	return SAY("%s, %s%s, %u calls", state, asked, registered, peer->n_calls);
}

static void look_peer(const struct health_screen *s, const struct sip_peer *peer)
{
	struct health_finding f = { .part = SAY("peer %s", peer->name) };

	peer_config(&f, s->gw, peer);
	peer_targets(&f, peer);
	peer_registration(&f, peer);
	peer_answers(&f, peer);
	if (!f.word)
		f.text = peer_ok_text(&f, peer);
	health_tell(s, &f);
}

void health_look_peers(const struct health_screen *s)
{
	const struct sip_peer *peer;

	llist_for_each_entry (peer, sip_ua_peers(s->gw->ua), entry)
		look_peer(s, peer);
}
