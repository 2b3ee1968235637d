/* The resolver: c-ares in the main loop, and the steps of RFC 3263 4.2.
 *
 * A look-up goes NAPTR -> SRV -> addresses of each SRV host, falling through a step that gives nothing; a name with a
 * port begins at its addresses. c-ares cannot give up one query of several, so a look-up that is cancelled lives on,
 * deaf, until c-ares has let go of it. Its outcome is told from a timer: never from inside of c-ares, nor of
 * sip_resolve(). The channel is made anew when it is needed after an idle time, so that a change of /etc/resolv.conf
 * counts. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/sip/sip_resolve.h>

#include "sip_dns.h"

#define QUERY_TIMEOUT_MS  2000 /* of the first try; c-ares doubles it */
#define QUERY_TRIES	  3
#define MAX_HOSTS	  8 /* SRV hosts whose addresses are asked for */
#define TTL_OF_HOSTS_FILE 60

struct resolver_fd {
	struct llist_head entry;
	struct osmo_fd ofd;
	struct sip_resolver *r;
};

struct sip_resolver {
	ares_channel channel;
	bool has_channel;
	char *server; /*!< "192.0.2.1:53", "[2001:db8::1]:53"; NULL: the system's */
	struct llist_head fds;
	struct llist_head lookups;
	struct osmo_timer_list timer; /*!< c-ares' time-outs */
};

/*! One address query of a look-up. */
struct host_query {
	struct sip_lookup *l;
	uint8_t record;
};

struct sip_lookup {
	struct llist_head entry;
	struct sip_resolver *r;
	char *name;
	uint16_t port;
	enum sip_transport_id transport;
	sip_resolve_cb cb; /*!< NULL: given up */
	void *data;
	unsigned int waiting; /*!< queries that c-ares has */
	struct osmo_timer_list done;
	unsigned int n_srv;
	struct sip_srv srv[MAX_HOSTS];
	struct host_query hosts[MAX_HOSTS];
	struct sip_resolution res;
};

/*! Where SIP is when nobody says otherwise (RFC 3261 19.1.2), also for kinds that are not built in. */
uint16_t sip_default_port(enum sip_transport_id transport)
{
	return transport == SIP_TP_TLS ? 5061 : 5060;
}

/* ---- c-ares in the main loop ---- */

static void rearm(struct sip_resolver *r)
{
	struct timeval tv;

	if (r->has_channel && ares_timeout(r->channel, NULL, &tv))
		osmo_timer_schedule(&r->timer, tv.tv_sec, tv.tv_usec);
	else
		osmo_timer_del(&r->timer);
}

static void timer_cb(void *data)
{
	struct sip_resolver *r = data;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(r);
}

/* c-ares may close the socket inside: rfd is gone then. */
static int fd_cb(struct osmo_fd *ofd, unsigned int what)
{
	struct sip_resolver *r = ((struct resolver_fd *)ofd->data)->r;
	int fd = ofd->fd;

	ares_process_fd(r->channel, what & OSMO_FD_READ ? fd : ARES_SOCKET_BAD,
			what & OSMO_FD_WRITE ? fd : ARES_SOCKET_BAD);
	rearm(r);
	return 0;
}

static struct resolver_fd *fd_find(const struct sip_resolver *r, int fd)
{
	struct resolver_fd *rfd;

	llist_for_each_entry (rfd, &r->fds, entry) {
		if (rfd->ofd.fd == fd)
			return rfd;
	}
	return NULL;
}

static void fd_free(struct resolver_fd *rfd)
{
	osmo_fd_unregister(&rfd->ofd);
	llist_del(&rfd->entry);
	talloc_free(rfd);
}

static struct resolver_fd *fd_alloc(struct sip_resolver *r, int fd)
{
	struct resolver_fd *rfd = talloc_zero(r, struct resolver_fd);

	if (!rfd)
		return NULL;
	rfd->r = r;
	osmo_fd_setup(&rfd->ofd, fd, 0, fd_cb, rfd, 0);
	if (osmo_fd_register(&rfd->ofd) < 0) {
		talloc_free(rfd);
		return NULL;
	}
	llist_add_tail(&rfd->entry, &r->fds);
	return rfd;
}

/* What c-ares wants to hear of a socket of its own; nothing: it is about to close it. */
static void sock_state_cb(void *data, ares_socket_t fd, int readable, int writable)
{
	struct sip_resolver *r = data;
	struct resolver_fd *rfd = fd_find(r, fd);

	if (!readable && !writable) {
		if (rfd)
			fd_free(rfd);
		return;
	}
	rfd = rfd ?: fd_alloc(r, fd);
	if (!rfd)
		return; /* c-ares' time-out ends the query */
	rfd->ofd.when = (readable ? OSMO_FD_READ : 0) | (writable ? OSMO_FD_WRITE : 0);
}

static void channel_close(struct sip_resolver *r)
{
	if (!r->has_channel)
		return;
	ares_destroy(r->channel);
	r->has_channel = false;
	osmo_timer_del(&r->timer);
}

static int channel_open(struct sip_resolver *r)
{
	struct ares_options options = {
		.timeout = QUERY_TIMEOUT_MS,
		.tries = QUERY_TRIES,
		.sock_state_cb = sock_state_cb,
		.sock_state_cb_data = r,
	};
	int rc;

	rc = ares_init_options(&r->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
	if (rc != ARES_SUCCESS)
		return rc;
	r->has_channel = true;
	if (r->server)
		rc = ares_set_servers_ports_csv(r->channel, r->server);
	if (rc != ARES_SUCCESS)
		channel_close(r);
	return rc;
}

/* ---- the end of a look-up ---- */

static void lookup_free(struct sip_lookup *l)
{
	osmo_timer_del(&l->done);
	llist_del(&l->entry);
	talloc_free(l);
}

static void tell(void *data)
{
	struct sip_lookup *l = data;
	sip_resolve_cb cb = l->cb;

	l->cb = NULL;
	cb(l->data, &l->res);
	lookup_free(l);
}

static void finish(struct sip_lookup *l, const char *why)
{
	if (!l->res.n)
		l->res.why = why;
	osmo_timer_schedule(&l->done, 0, 0);
}

/* A query has come back. True if nobody waits for what it says. */
static bool is_deaf(struct sip_lookup *l)
{
	l->waiting--;
	if (l->cb)
		return false;
	if (!l->waiting)
		lookup_free(l);
	return true;
}

static const char *why_of(int status)
{
	switch (status) {
	case ARES_ENOTFOUND:
		return "there is no such name";
	case ARES_ENODATA:
		return "the name has no address";
	case ARES_ETIMEOUT:
		return "the name server does not answer";
	case ARES_ECONNREFUSED:
		return "no name server gives an answer";
	case ARES_ESERVFAIL:
		return "the name server says that it has failed";
	case ARES_EREFUSED:
		return "the name server refuses to say";
	case ARES_EBADNAME:
		return "that cannot be a name";
	default:
		return ares_strerror(status);
	}
}

/* ---- addresses ---- */

static void note_ttl(struct sip_resolution *res, uint32_t ttl)
{
	if (ttl < res->ttl_s)
		res->ttl_s = ttl;
}

static void add_addr(struct sip_lookup *l, unsigned int record, const struct ares_addrinfo_node *node)
{
	const struct sip_srv *srv = &l->srv[record];
	struct sip_addr *to = &l->res.addrs[l->res.n];

	if (l->res.n == SIP_MAX_TARGETS || node->ai_addrlen > sizeof(to->addr.u))
		return;
	*to = (struct sip_addr){ .priority = srv->priority, .weight = srv->weight, .record = record };
	memcpy(&to->addr.u, node->ai_addr, node->ai_addrlen);
	osmo_sockaddr_set_port(&to->addr.u.sa, srv->port);
	l->res.n++;
	note_ttl(&l->res, node->ai_ttl > 0 ? node->ai_ttl : TTL_OF_HOSTS_FILE);
}

static void add_addrs(struct sip_lookup *l, unsigned int record, const struct ares_addrinfo *ai, int family)
{
	const struct ares_addrinfo_node *node;

	for (node = ai->nodes; node; node = node->ai_next) {
		if (node->ai_family == family)
			add_addr(l, record, node);
	}
}

/* Answers come in any order; what they are used in is said by the records. */
static void sort_addrs(struct sip_resolution *res)
{
	unsigned int i, j;

	for (i = 1; i < res->n; i++) {
		struct sip_addr addr = res->addrs[i];
		for (j = i; j > 0 && res->addrs[j - 1].record > addr.record; j--)
			res->addrs[j] = res->addrs[j - 1];
		res->addrs[j] = addr;
	}
}

static void rx_addrs(void *data, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct host_query *q = data;
	struct sip_lookup *l = q->l;

	if (!is_deaf(l)) {
		if (ai) {
			add_addrs(l, q->record, ai, AF_INET);
			add_addrs(l, q->record, ai, AF_INET6);
		}
		if (!l->waiting) {
			sort_addrs(&l->res);
			finish(l, why_of(status == ARES_SUCCESS ? ARES_ENODATA : status));
		}
	}
	if (ai)
		ares_freeaddrinfo(ai);
}

/* The addresses of all hosts in l->srv. */
static void ask_addrs(struct sip_lookup *l)
{
	static const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = ARES_AI_NOSORT,
	};
	unsigned int i;

	l->waiting = l->n_srv;
	for (i = 0; i < l->n_srv; i++) {
		l->hosts[i] = (struct host_query){ .l = l, .record = i };
		ares_getaddrinfo(l->r->channel, l->srv[i].host, NULL, &hints, rx_addrs, &l->hosts[i]);
	}
}

static void ask_addrs_of_name(struct sip_lookup *l)
{
	l->n_srv = 1;
	l->srv[0] = (struct sip_srv){ .port = l->port ?: sip_default_port(l->transport) };
	OSMO_STRLCPY_ARRAY(l->srv[0].host, l->name);
	ask_addrs(l);
}

/* ---- SRV, NAPTR ---- */

static void rx_srv(void *data, int status, int timeouts, unsigned char *buf, int len)
{
	struct sip_srv srv[SIP_MAX_SRV];
	struct sip_lookup *l = data;
	int n = 0;

	if (is_deaf(l))
		return;
	if (status == ARES_SUCCESS)
		n = sip_dns_srv(srv, ARRAY_SIZE(srv), &l->res.ttl_s, buf, len);
	if (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED || status == ARES_EDESTRUCTION) {
		finish(l, why_of(status));
	} else if (n == 1 && !srv[0].host[0]) {
		finish(l, "its SRV record says that there is no SIP here");
	} else if (n > 0) {
		l->n_srv = OSMO_MIN((unsigned int)n, MAX_HOSTS);
		memcpy(l->srv, srv, l->n_srv * sizeof(srv[0]));
		ask_addrs(l);
	} else {
		ask_addrs_of_name(l);
	}
}

static void ask_srv(struct sip_lookup *l, const char *name)
{
	l->waiting = 1;
	ares_query(l->r->channel, name, ns_c_in, ns_t_srv, rx_srv, l);
}

static void ask_usual_srv(struct sip_lookup *l)
{
	static const char *const prefixes[] = {
		[SIP_TP_UDP] = "_sip._udp",
		[SIP_TP_TCP] = "_sip._tcp",
		[SIP_TP_TLS] = "_sips._tcp",
	};
	char name[SIP_NAME_LEN + 16];

	snprintf(name, sizeof(name), "%s.%s", prefixes[l->transport], l->name);
	ask_srv(l, name);
}

static void rx_naptr(void *data, int status, int timeouts, unsigned char *buf, int len)
{
	struct sip_lookup *l = data;
	char name[SIP_NAME_LEN];

	if (is_deaf(l))
		return;
	if (status == ARES_EDESTRUCTION)
		finish(l, why_of(status));
	else if (status == ARES_SUCCESS &&
		 sip_dns_naptr(name, sizeof(name), &l->res.ttl_s, l->transport, buf, len) == 0)
		ask_srv(l, name);
	else
		ask_usual_srv(l);
}

static void ask_naptr(struct sip_lookup *l)
{
	l->waiting = 1;
	ares_query(l->r->channel, l->name, ns_c_in, ns_t_naptr, rx_naptr, l);
}

/* ---- for the user ---- */

struct sip_resolver *sip_resolver_alloc(void *ctx, const char *nameserver, uint16_t port)
{
	static bool library_ready;
	struct sip_resolver *r = talloc_zero(ctx, struct sip_resolver);

	if (!r)
		return NULL;
	if (!library_ready && ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		talloc_free(r);
		return NULL;
	}
	library_ready = true;
	INIT_LLIST_HEAD(&r->fds);
	INIT_LLIST_HEAD(&r->lookups);
	osmo_timer_setup(&r->timer, timer_cb, r);
	if (nameserver)
		r->server = talloc_asprintf(r, strchr(nameserver, ':') ? "[%s]:%u" : "%s:%u", nameserver, port ?: 53);
	return r;
}

void sip_resolver_free(struct sip_resolver *r)
{
	struct sip_lookup *l, *next;

	if (!r)
		return;
	llist_for_each_entry_safe (l, next, &r->lookups, entry)
		sip_resolve_cancel(l);
	channel_close(r);
	talloc_free(r);
}

static bool is_busy(const struct sip_resolver *r)
{
	const struct sip_lookup *l;

	llist_for_each_entry (l, &r->lookups, entry) {
		if (l->waiting)
			return true;
	}
	return false;
}

static struct sip_lookup *lookup_alloc(struct sip_resolver *r, const char *name)
{
	struct sip_lookup *l = talloc_zero(r, struct sip_lookup);

	if (!l)
		return NULL;
	l->r = r;
	l->name = talloc_strdup(l, name);
	l->res.ttl_s = UINT32_MAX;
	osmo_timer_setup(&l->done, tell, l);
	return l;
}

struct sip_lookup *sip_resolve(struct sip_resolver *r, const char *name, uint16_t port, enum sip_transport_id transport,
			       sip_resolve_cb cb, void *data)
{
	struct sip_lookup *l;
	int rc = ARES_SUCCESS;

	if (!is_busy(r)) {
		channel_close(r);
		rc = channel_open(r);
	}
	l = lookup_alloc(r, name);
	if (!l)
		return NULL;
	l->port = port;
	l->transport = transport;
	l->cb = cb;
	l->data = data;
	llist_add_tail(&l->entry, &r->lookups);
	if (rc != ARES_SUCCESS)
		finish(l, why_of(rc));
	else if (strlen(name) >= SIP_NAME_LEN)
		finish(l, why_of(ARES_EBADNAME));
	else if (port)
		ask_addrs_of_name(l);
	else
		ask_naptr(l);
	rearm(r);
	return l;
}

void sip_resolve_cancel(struct sip_lookup *l)
{
	l->cb = NULL;
	osmo_timer_del(&l->done);
	if (!l->waiting)
		lookup_free(l);
}

unsigned int sip_resolver_n_lookups(const struct sip_resolver *r)
{
	return llist_count((struct llist_head *)&r->lookups);
}
