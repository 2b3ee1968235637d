/* The addresses of a peer.
 *
 * A new resolution keeps what it finds again, with its health, and lets the rest go. The choice for a call goes by
 * priority, then among the SRV records of one priority by weight (RFC 2782), then in the order of the answer. An
 * address has a slot for life, so that a call remembers in 16 bits which ones it has tried.
 *
 * All addresses of all peers are in one hash, since whose an address is has to be known for each packet of strangers.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/token.h>

#include "ua_internal.h"
#include "sip_target.h"

static uint64_t addr_hash(const struct osmo_sockaddr *addr)
{
	if (addr->u.sa.sa_family == AF_INET)
		return token_hash(&addr->u.sin.sin_addr, sizeof(addr->u.sin.sin_addr));
	return token_hash(&addr->u.sin6.sin6_addr, sizeof(addr->u.sin6.sin6_addr));
}

/*! "192.0.2.1:5060" */
int sip_target_str_buf(char *buf, size_t len, const struct sip_target *t)
{
	return sip_hostport_buf(buf, len, &t->where.addr);
}

struct sip_target *sip_target_by_addr(const struct sip_peer *peer, const struct osmo_sockaddr *addr)
{
	unsigned int i;

	for (i = 0; i < peer->n_targets; i++) {
		if (sip_addr_equal(&peer->targets[i]->where.addr, addr, true))
			return peer->targets[i];
	}
	return NULL;
}

/* ---- the set ---- */

static void target_free(struct sip_target *t)
{
	sip_health_end(t);
	hash_del(&t->node);
	talloc_free(t);
}

static int free_slot(const struct sip_peer *peer)
{
	uint16_t used = 0;
	unsigned int i;

	for (i = 0; i < peer->n_targets; i++)
		used |= 1 << peer->targets[i]->slot;
	for (i = 0; i < SIP_MAX_TARGETS && used & (1 << i); i++)
		;
	return i;
}

static struct sip_target *target_add(struct sip_peer *peer, const struct sip_addr *where)
{
	struct sip_target *t = talloc_zero(peer, struct sip_target);

	if (!t)
		return NULL;
	t->peer = peer;
	t->where = *where;
	t->slot = free_slot(peer);
	hash_add(peer->ua->by_addr, &t->node, addr_hash(&where->addr));
	peer->targets[peer->n_targets++] = t;
	sip_health_begin(t);
	return t;
}

static bool is_in(const struct sip_target *t, const struct sip_addr *addrs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (sip_addr_equal(&t->where.addr, &addrs[i].addr, true))
			return true;
	}
	return false;
}

static bool drop_others(struct sip_peer *peer, const struct sip_addr *addrs, unsigned int n)
{
	unsigned int i, kept = 0;
	bool changed;

	for (i = 0; i < peer->n_targets; i++) {
		if (is_in(peer->targets[i], addrs, n))
			peer->targets[kept++] = peer->targets[i];
		else
			target_free(peer->targets[i]);
	}
	changed = kept != peer->n_targets;
	peer->n_targets = kept;
	return changed;
}

static bool goes_before(const struct sip_target *a, const struct sip_target *b)
{
	if (a->where.priority != b->where.priority)
		return a->where.priority < b->where.priority;
	return a->where.record < b->where.record;
}

static void sort(struct sip_peer *peer)
{
	unsigned int i, j;

	for (i = 1; i < peer->n_targets; i++) {
		struct sip_target *t = peer->targets[i];
		for (j = i; j > 0 && goes_before(t, peer->targets[j - 1]); j--)
			peer->targets[j] = peer->targets[j - 1];
		peer->targets[j] = t;
	}
}

/*! These are its addresses from now on. True if they are not the same as before. */
bool sip_targets_set(struct sip_peer *peer, const struct sip_addr *addrs, unsigned int n)
{
	struct sip_target *t;
	unsigned int i;
	bool changed = drop_others(peer, addrs, n);

	for (i = 0; i < n; i++) {
		t = sip_target_by_addr(peer, &addrs[i].addr);
		if (t)
			t->where = addrs[i];
		else if (peer->n_targets < SIP_MAX_TARGETS)
			changed |= !!target_add(peer, &addrs[i]);
	}
	sort(peer);
	peer->usable = peer->n_targets > 0;
	peer->remote = peer->usable ? peer->targets[0]->where.addr : (struct osmo_sockaddr){};
	sip_health_update_peer(peer);
	return changed;
}

void sip_targets_clear(struct sip_peer *peer)
{
	sip_targets_set(peer, NULL, 0);
}

/* ---- whose is it ---- */

/* The port only decides between peers of one address; else the one that was configured first. */
static struct sip_peer *peer_at(const struct sip_ua *ua, const struct osmo_sockaddr *from, bool not_tls)
{
	struct sip_peer *by_ip = NULL, *by_port = NULL, **best;
	struct sip_target *t;

	hash_for_each_possible (ua->by_addr, t, node, addr_hash(from)) {
		if (!sip_addr_equal(&t->where.addr, from, false) || (not_tls && t->peer->cfg.transport == SIP_TP_TLS))
			continue;
		best = sip_addr_equal(&t->where.addr, from, true) ? &by_port : &by_ip;
		if (!*best || t->peer->serial < (*best)->serial)
			*best = t->peer;
	}
	return by_port ?: by_ip;
}

/*! Whose address it is. A PBX may send from another port than it listens on. NULL if it is nobody's. */
struct sip_peer *sip_peer_by_addr(const struct sip_ua *ua, const struct osmo_sockaddr *from)
{
	return peer_at(ua, from, false);
}

/*! Who sends along this flow, by his address. Addresses can be forged over UDP: a peer that is to use TLS is believed
 * by his address over TLS only. NULL: nobody. */
struct sip_peer *sip_peer_by_flow(const struct sip_ua *ua, const struct sip_flow *from)
{
	return peer_at(ua, &from->remote, from->tp->ops->id != SIP_TP_TLS);
}

/* ---- the choice ---- */

bool sip_target_is_well(const struct sip_target *t)
{
	return t->state != SIP_TARGET_DOWN && (!t->busy_until_ms || t->busy_until_ms <= sip_now_ms());
}

/*! How to send there. False if none of our sockets can. */
bool sip_target_flow(const struct sip_target *t, struct sip_flow *to)
{
	const struct sip_ua *ua = t->peer->ua;

	if (!ua->started)
		return false;
	*to = (struct sip_flow){ .remote = t->where.addr };
	to->tp = sip_transport_at(ua->tps, t->peer->cfg.transport, &to->remote, t->peer->cfg.local_addr);
	if (!to->tp)
		return false;
	sip_door_stamp(to, t->peer);
	return true;
}

/* One of those at \a idx[], all of one priority: a record by weight, of this the first. A weight of 0 has a small
 * chance. */
static struct sip_target *by_weight(const struct sip_peer *peer, const uint8_t *idx, unsigned int n)
{
	unsigned int i, total = 0, sum = 0, records = 0, pick;
	int last = -1;

	for (i = 0; i < n; i++) {
		const struct sip_addr *where = &peer->targets[idx[i]]->where;
		if (where->record == last)
			continue;
		last = where->record;
		total += where->weight;
		records++;
	}
	/* without any weights, all are alike */
	pick = total ? token_u32() % (total + 1) : token_u32() % records;
	for (i = 0, last = -1; i < n; i++) {
		const struct sip_addr *where = &peer->targets[idx[i]]->where;
		if (where->record == last)
			continue;
		last = where->record;
		sum += total ? where->weight : 1;
		if (total ? sum >= pick : sum > pick)
			return peer->targets[idx[i]];
	}
	return peer->targets[idx[0]];
}

/* The best priority of those that may be tried. */
static struct sip_target *pick_among(const struct sip_peer *peer, uint16_t tried, bool also_ill)
{
	uint8_t idx[SIP_MAX_TARGETS];
	unsigned int i, n = 0;
	struct sip_flow flow;

	for (i = 0; i < peer->n_targets; i++) {
		const struct sip_target *t = peer->targets[i];
		if (tried & (1 << t->slot) || !sip_target_flow(t, &flow) || (!also_ill && !sip_target_is_well(t)))
			continue;
		if (n && t->where.priority != peer->targets[idx[0]]->where.priority)
			break;
		idx[n++] = i;
	}
	if (!n)
		return NULL;
	return n == 1 ? peer->targets[idx[0]] : by_weight(peer, idx, n);
}

/* Those that are down get a call only if it has nowhere else to go, and then one of them. */
struct sip_target *sip_target_pick(const struct sip_peer *peer, uint16_t tried, struct sip_flow *to)
{
	struct sip_target *t = pick_among(peer, tried, false);

	if (!t && !tried)
		t = pick_among(peer, tried, true);
	if (t && to)
		sip_target_flow(t, to);
	return t;
}
