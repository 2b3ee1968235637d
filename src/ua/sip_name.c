/* Names that requests in a dialog go to, and what the DNS says of them.
 *
 * The peer chooses them, so their number is bounded: the oldest one makes room. A look-up that takes longer than
 * T_SIP_NAME, or fails, counts as not found for a while; the request then goes to where the dialog came from, which is
 * where most peers want it anyway. Of several addresses the first is taken that there is a transport of ours for. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "sip_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/sip/sip_resolve.h>

#include "ua_internal.h"

#define MAX_NAMES   64
#define MAX_ADDRS   4	/* of one name */
#define MAX_LOOKUPS 128 /* at a time, those that c-ares has not let go of included: a peer can ask for thousands */

struct sip_name {
	struct llist_head entry; /*!< ua->names, the latest first */
	struct sip_ua *ua;
	char *key, *host;
	enum sip_transport_id transport;
	enum sip_name_state state;
	uint64_t until_ms; /*!< known, or not found, until then */
	struct sip_lookup *lookup;
	struct osmo_timer_list patience;
	struct llist_head waiters;
	unsigned int n_addrs;
	struct osmo_sockaddr addrs[MAX_ADDRS];
};

int sip_name_key(char *buf, const char *host, uint16_t port, enum sip_transport_id transport)
{
	int len = snprintf(buf, SIP_NEXT_NAME_LEN, "%s %u %d", host, port, transport);

	return len < SIP_NEXT_NAME_LEN ? 0 : -EMSGSIZE;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static struct sip_name *find(const struct sip_ua *ua, const char *key)
{
	struct sip_name *n;

	llist_for_each_entry (n, &ua->names, entry) {
		if (strcmp(n->key, key) == 0)
			return n;
	}
	return NULL;
}

/* ---- the look-up ---- */

/* The name may be gone when somebody was told. */
static void tell_all(struct sip_name *n)
{
	struct sip_name_wait *wait;
	LLIST_HEAD(waiters);

	llist_splice_init(&n->waiters, &waiters);
	while (!llist_empty(&waiters)) {
		wait = llist_first_entry(&waiters, struct sip_name_wait, entry);
		llist_del_init(&wait->entry);
		wait->cb(wait);
	}
}

static void not_found(struct sip_name *n, const char *why)
{
	const char *more = log_limit_pass(&n->ua->name_limit);

	n->state = SIP_NAME_UNKNOWN;
	n->until_ms = now_ms() + timer_ms(sip_tdefs, T_SIP_DNS_MIN);
	if (more)
		LOGP(DSIP, LOGL_NOTICE,
		     "Contact or Record-Route with '%s': %s; requests go to where the call came from%s\n", n->host, why,
		     more);
	tell_all(n);
}

static void is_found(struct sip_name *n, const struct sip_resolution *res)
{
	unsigned long ms = OSMO_MIN(res->ttl_s, 1000000U) * 1000UL;

	ms = OSMO_MAX(ms, timer_ms(sip_tdefs, T_SIP_DNS_MIN));
	n->until_ms = now_ms() + OSMO_MIN(ms, timer_ms(sip_tdefs, T_SIP_DNS_MAX));
	n->state = SIP_NAME_KNOWN;
	for (n->n_addrs = 0; n->n_addrs < OSMO_MIN(res->n, MAX_ADDRS); n->n_addrs++)
		n->addrs[n->n_addrs] = res->addrs[n->n_addrs].addr;
	tell_all(n);
}

static void on_resolution(void *data, const struct sip_resolution *res)
{
	struct sip_name *n = data;

	n->lookup = NULL;
	osmo_timer_del(&n->patience);
	if (res->n)
		is_found(n, res);
	else
		not_found(n, res->why);
}

static void patience_cb(void *data)
{
	not_found(data, "the look-up takes too long");
}

static void look_up(struct sip_name *n)
{
	struct sip_resolver *r = sip_ua_resolver(n->ua);
	uint16_t port = atoi(strchr(n->key, ' ') + 1);

	n->state = SIP_NAME_LOOKING;
	if (!n->lookup && r && sip_resolver_n_lookups(r) < MAX_LOOKUPS)
		n->lookup = sip_resolve(r, n->host, port, n->transport, on_resolution, n);
	/* later also if nothing can be looked up, so that nobody is told inside of his question */
	timer_start_ms(&n->patience, n->lookup ? timer_ms(sip_tdefs, T_SIP_NAME) : 0);
}

/* ---- the table ---- */

static void name_free(struct sip_name *n)
{
	llist_del(&n->entry);
	osmo_timer_del(&n->patience);
	if (n->lookup)
		sip_resolve_cancel(n->lookup);
	n->state = SIP_NAME_UNKNOWN;
	tell_all(n);
	talloc_free(n);
}

/* Room for one more: the oldest goes that nobody waits for. */
static bool make_room(struct sip_ua *ua)
{
	struct sip_name *n, *oldest = NULL;

	if (llist_count(&ua->names) < MAX_NAMES)
		return true;
	llist_for_each_entry (n, &ua->names, entry) {
		if (llist_empty(&n->waiters))
			oldest = n;
	}
	if (oldest)
		name_free(oldest);
	return oldest;
}

static struct sip_name *name_add(struct sip_ua *ua, const char *key)
{
	const char *space = strchr(key, ' ');
	struct sip_name *n = space && make_room(ua) ? talloc_zero(ua, struct sip_name) : NULL;

	if (!n)
		return NULL;
	n->ua = ua;
	n->key = talloc_strdup(n, key);
	n->host = talloc_strndup(n, key, space - key);
	n->transport = atoi(strrchr(key, ' ') + 1);
	INIT_LLIST_HEAD(&n->waiters);
	osmo_timer_setup(&n->patience, patience_cb, n);
	llist_add(&n->entry, &ua->names);
	look_up(n);
	return n;
}

static bool is_stale(const struct sip_name *n)
{
	return n->state != SIP_NAME_LOOKING && now_ms() >= n->until_ms;
}

/* ---- for dialogs and requests ---- */

static bool reach(struct sip_flow *flow, const struct sip_name *n)
{
	struct sip_transport *tp;
	unsigned int i;

	for (i = 0; i < n->n_addrs; i++) {
		tp = sip_transport_sibling(flow->tp, n->transport, &n->addrs[i]);
		if (!tp)
			continue;
		flow->tp = tp;
		flow->remote = n->addrs[i];
		return true;
	}
	return false;
}

enum sip_name_state sip_name_find(struct sip_ua *ua, const char *key, struct sip_flow *flow)
{
	struct sip_name *n = find(ua, key);

	if (!n && ua->started && !ua->stopping)
		n = name_add(ua, key);
	if (!n)
		return SIP_NAME_UNKNOWN;
	if (is_stale(n) && !ua->stopping)
		look_up(n);
	if (n->state == SIP_NAME_KNOWN && !reach(flow, n))
		return SIP_NAME_UNKNOWN;
	return n->state;
}

bool sip_name_wait(struct sip_ua *ua, const char *key, struct sip_name_wait *wait)
{
	struct sip_name *n = find(ua, key);

	if (!n || n->state != SIP_NAME_LOOKING || ua->stopping)
		return false;
	llist_add_tail(&wait->entry, &n->waiters);
	return true;
}

bool sip_names_waited_for(const struct sip_ua *ua)
{
	const struct sip_name *n;

	llist_for_each_entry (n, &ua->names, entry) {
		if (!llist_empty(&n->waiters))
			return true;
	}
	return false;
}

const char *sip_name_at(const struct sip_ua *ua, const struct osmo_sockaddr *addr)
{
	const struct sip_name *n;
	unsigned int i;

	llist_for_each_entry (n, &ua->names, entry) {
		for (i = 0; i < n->n_addrs; i++) {
			if (sip_addr_equal(&n->addrs[i], addr, false))
				return n->host;
		}
	}
	return NULL;
}

void sip_names_drop(struct sip_ua *ua)
{
	while (!llist_empty(&ua->names))
		name_free(llist_first_entry(&ua->names, struct sip_name, entry));
}
