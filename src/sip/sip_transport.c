/* SIP transports: the table of kinds, the sockets bound, our address as others see it.
 *
 * A kind is one row in the table and one file; nothing else knows it. A flow (transport and remote address) is all that
 * the layers above need to send something (RFC 3261 18). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/sip/sip_transport.h>

#include "sip_conn.h"

/* Asking the kernel for the source address of a route takes four system calls; the answer is good for a while. */
#define LOCAL_CACHE_SIZE 64
#define LOCAL_CACHE_S	 30

struct sip_local_cache {
	time_t until;
	struct osmo_sockaddr remote, local;
};

static const struct sip_transport_ops *const kinds[] = {
	&sip_udp_ops,
	&sip_tcp_ops,
	&sip_tls_ops,
};

/*! The row of that kind in the table, or NULL. */
const struct sip_transport_ops *sip_transport_kind(enum sip_transport_id id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i]->id == id)
			return kinds[i];
	}
	return NULL;
}

int sip_transport_id_by_name(const char *param)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcasecmp(kinds[i]->param, param) == 0)
			return kinds[i]->id;
	}
	return -1;
}

void sip_transports_count(const struct sip_transports *all, enum sip_ctr ctr)
{
	if (all && all->ctrs)
		rate_ctr_inc2(all->ctrs, ctr);
}

/*! \param rx gets every message of every transport, with \a data in front. */
struct sip_transports *sip_transports_alloc(void *ctx, sip_transport_rx_cb rx, void *data)
{
	struct sip_transports *all = talloc_zero(ctx, struct sip_transports);

	if (!all)
		return NULL;
	all->local = talloc_zero_array(all, struct sip_local_cache, LOCAL_CACHE_SIZE);
	if (!all->local) {
		talloc_free(all);
		return NULL;
	}
	INIT_LLIST_HEAD(&all->list);
	INIT_LLIST_HEAD(&all->conns);
	hash_init(all->by_remote);
	hash_init(all->by_source);
	sip_transport_cfg_default(&all->default_cfg);
	all->cfg = &all->default_cfg;
	all->rx = rx;
	all->data = data;
	return all;
}

/* More connections are no use with libosmocore 1.7.0, whose loop looks at each of them for each event. */
void sip_transport_cfg_default(struct sip_transport_cfg *cfg)
{
	*cfg = (struct sip_transport_cfg){ .max_conns = 1000, .max_conns_per_source = 200, .udp_limit = 1300 };
}

void sip_transports_set_cfg(struct sip_transports *all, const struct sip_transport_cfg *cfg,
			    sip_transport_tls_name_cb tls_name, void *data)
{
	all->cfg = cfg;
	all->tls_name = tls_name;
	all->cfg_data = data;
}

void sip_transports_set_known(struct sip_transports *all, sip_transport_known_cb known, void *data)
{
	all->known = known;
	all->known_data = data;
}

void sip_transports_set_lost(struct sip_transports *all, sip_transport_lost_cb lost, void *data)
{
	all->lost = lost;
	all->lost_data = data;
}

void sip_transports_set_undelivered(struct sip_transports *all, sip_transport_undelivered_cb undelivered, void *data)
{
	all->undelivered = undelivered;
	all->undelivered_data = data;
}

void sip_transports_set_ctrs(struct sip_transports *all, struct rate_ctr_group *ctrs)
{
	all->ctrs = ctrs;
}

int sip_transport_listen(struct sip_transports *all, enum sip_transport_id id, const struct osmo_sockaddr *addr)
{
	const struct sip_transport_ops *ops = sip_transport_kind(id);
	struct sip_transport *tp;
	int rc;

	if (!ops)
		return -EPROTONOSUPPORT;
	tp = talloc_zero(all, struct sip_transport);
	if (!tp)
		return -ENOMEM;
	tp->all = all;
	tp->ops = ops;
	tp->bound = *addr;
	rc = ops->open(tp);
	if (rc < 0) {
		talloc_free(tp);
		return rc;
	}
	llist_add_tail(&tp->entry, &all->list);
	return 0;
}

void sip_transport_close_all(struct sip_transports *all)
{
	struct sip_transport *tp, *next;

	llist_for_each_entry_safe (tp, next, &all->list, entry) {
		llist_del(&tp->entry);
		tp->ops->close(tp);
		talloc_free(tp);
	}
	memset(all->local, 0, LOCAL_CACHE_SIZE * sizeof(*all->local));
	sip_tls_free(all);
}

void sip_transports_free(struct sip_transports *all)
{
	sip_transport_close_all(all);
	talloc_free(all);
}

struct sip_transport *sip_transport_for(const struct sip_transports *all, enum sip_transport_id id,
					const struct osmo_sockaddr *remote)
{
	struct sip_transport *tp;

	llist_for_each_entry (tp, &all->list, entry) {
		if (tp->ops->id == id && tp->bound.u.sa.sa_family == remote->u.sa.sa_family)
			return tp;
	}
	return NULL;
}

/* The same address of ours. */
static bool same_home(const struct osmo_sockaddr *a, const struct osmo_sockaddr *b)
{
	return sip_addr_equal(a, b, false);
}

struct sip_transport *sip_transport_sibling(struct sip_transport *tp, enum sip_transport_id id,
					    const struct osmo_sockaddr *remote)
{
	struct sip_transport *other;

	if (tp->ops->id == id && tp->bound.u.sa.sa_family == remote->u.sa.sa_family)
		return tp;
	llist_for_each_entry (other, &tp->all->list, entry) {
		if (other->ops->id == id && same_home(&other->bound, &tp->bound) &&
		    other->bound.u.sa.sa_family == remote->u.sa.sa_family)
			return other;
	}
	return sip_transport_for(tp->all, id, remote);
}

int sip_transport_open(const struct sip_flow *to)
{
	return to->tp->ops->connect ? to->tp->ops->connect(to->tp, &to->remote) : 0;
}

unsigned int sip_transport_udp_limit(const struct sip_transports *all)
{
	return all->cfg->udp_limit;
}

struct sip_transport *sip_transport_at(const struct sip_transports *all, enum sip_transport_id id,
				       const struct osmo_sockaddr *remote, const char *local_addr)
{
	struct sip_transport *tp;
	char ip[INET6_ADDRSTRLEN];

	if (!local_addr)
		return sip_transport_for(all, id, remote);
	llist_for_each_entry (tp, &all->list, entry) {
		if (tp->ops->id != id || tp->bound.u.sa.sa_family != remote->u.sa.sa_family)
			continue;
		osmo_sockaddr_ntop(&tp->bound.u.sa, ip);
		if (strcmp(ip, local_addr) == 0)
			return tp;
	}
	return NULL;
}

void sip_transport_rx(const struct sip_flow *from, const uint8_t *buf, size_t len)
{
	struct sip_transport *tp = from->tp;
	struct wire_msg wire = {
		.proto = WIRE_SIP,
		.stream = tp->ops->reliable,
		.dir = WIRE_RX,
		.local = &tp->bound,
		.remote = &from->remote,
		.data = buf,
		.len = len,
	};

	sip_transports_count(tp->all, SIP_CTR_RX);
	wire_trace(&wire);
	tp->all->rx(tp->all->data, from, buf, len);
}

int sip_transport_send(const struct sip_flow *to, const void *data, size_t len)
{
	struct wire_msg wire = {
		.proto = WIRE_SIP,
		.stream = to->tp->ops->reliable,
		.dir = WIRE_TX,
		.local = &to->tp->bound,
		.remote = &to->remote,
		.data = data,
		.len = len,
	};
	int rc;

	rc = to->tp->ops->send(to, data, len);
	if (rc < 0) {
		sip_transports_count(to->tp->all, SIP_CTR_TX_FAILED);
		LOGP(DSIPTRX, LOGL_INFO, "cannot send to %s: %s\n", osmo_sockaddr_to_str(&to->remote), strerror(-rc));
		return rc;
	}
	sip_transports_count(to->tp->all, SIP_CTR_TX);
	wire_trace(&wire);
	return 0;
}

bool sip_addr_is_wildcard(const struct osmo_sockaddr *addr)
{
	if (addr->u.sa.sa_family == AF_INET)
		return addr->u.sin.sin_addr.s_addr == htonl(INADDR_ANY);
	return addr->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&addr->u.sin6.sin6_addr);
}

static struct sip_local_cache *cache_slot(struct sip_transports *all, const struct osmo_sockaddr *remote)
{
	uint64_t hash;

	if (remote->u.sa.sa_family == AF_INET)
		hash = token_hash(&remote->u.sin.sin_addr, sizeof(remote->u.sin.sin_addr));
	else
		hash = token_hash(&remote->u.sin6.sin6_addr, sizeof(remote->u.sin6.sin6_addr));
	return &all->local[hash % LOCAL_CACHE_SIZE];
}

int sip_transport_local(const struct sip_flow *to, struct osmo_sockaddr *local)
{
	struct osmo_sockaddr found;
	struct sip_local_cache *slot;
	struct timespec now;
	int rc;

	if (!sip_addr_is_wildcard(&to->tp->bound)) {
		*local = to->tp->bound;
		return 0;
	}
	if (sip_home_addr(to->home, to->remote.u.sa.sa_family, local)) {
		osmo_sockaddr_set_port(&local->u.sa, osmo_sockaddr_port(&to->tp->bound.u.sa));
		return 0;
	}
	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	slot = cache_slot(to->tp->all, &to->remote);
	if (slot->until <= now.tv_sec || !sip_addr_equal(&slot->remote, &to->remote, false)) {
		rc = osmo_sockaddr_local_ip(&found, &to->remote);
		if (rc < 0)
			return rc;
		*slot = (struct sip_local_cache){
			.until = now.tv_sec + LOCAL_CACHE_S,
			.remote = to->remote,
			.local = found,
		};
	}
	*local = slot->local;
	osmo_sockaddr_set_port(&local->u.sa, osmo_sockaddr_port(&to->tp->bound.u.sa));
	return 0;
}

/* Without printf(): that took a thirtieth of all time per call. */
static char *put_dec(char *pos, unsigned int n)
{
	char digits[10];
	unsigned int len = 0;

	do
		digits[len++] = '0' + n % 10;
	while (n /= 10);
	while (len)
		*pos++ = digits[--len];
	return pos;
}

static size_t ipv4_port(char *buf, const struct sockaddr_in *sin)
{
	const uint8_t *ip = (const uint8_t *)&sin->sin_addr;
	char *pos = buf;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		pos = put_dec(pos, ip[i]);
		*pos++ = i < 3 ? '.' : ':';
	}
	pos = put_dec(pos, ntohs(sin->sin_port));
	*pos = '\0';
	return pos - buf;
}

/*! Returns what snprintf() does. */
int sip_hostport_buf(char *buf, size_t len, const struct osmo_sockaddr *addr)
{
	char ip[INET6_ADDRSTRLEN] = "";

	if (addr->u.sa.sa_family == AF_INET && len >= sizeof("255.255.255.255:65535"))
		return ipv4_port(buf, &addr->u.sin);
	osmo_sockaddr_ntop(&addr->u.sa, ip);
	return snprintf(buf, len, addr->u.sa.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip,
			osmo_sockaddr_port(&addr->u.sa));
}

bool sip_addr_equal(const struct osmo_sockaddr *a, const struct osmo_sockaddr *b, bool with_port)
{
	if (a->u.sa.sa_family != b->u.sa.sa_family)
		return false;
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return a->u.sin.sin_addr.s_addr == b->u.sin.sin_addr.s_addr &&
		       (!with_port || a->u.sin.sin_port == b->u.sin.sin_port);
	case AF_INET6:
		return IN6_ARE_ADDR_EQUAL(&a->u.sin6.sin6_addr, &b->u.sin6.sin6_addr) &&
		       (!with_port || a->u.sin6.sin6_port == b->u.sin6.sin6_port);
	default:
		return false;
	}
}
