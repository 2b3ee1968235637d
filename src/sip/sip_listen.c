/* Accepting connections, as many as are allowed.
 *
 * A connection too many is accepted and closed: left in the backlog it would be reported again and again. There is a
 * limit in total, one for each address, so that nobody can take all, and one by file descriptors, of which some are
 * left for the rest of the daemon. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* accept4() is a GNU extension: first */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_conn.h"

#define BACKLOG	      256
#define MAX_ACCEPTS   32  /* per wake-up */
#define NO_FD_WAIT_MS 200 /* the system has no descriptor for us */

struct sip_listen {
	struct sip_transport *tp;
	const struct sip_conn_io *io;
	struct osmo_fd ofd;
	struct osmo_timer_list wait;
	bool accepting;
};

/* ---- how many from where ---- */

static uint64_t source_key(const struct osmo_sockaddr *addr)
{
	if (addr->u.sa.sa_family == AF_INET)
		return token_hash(&addr->u.sin.sin_addr, sizeof(addr->u.sin.sin_addr));
	/* who has one IPv6 address has the whole network */
	return token_hash(&addr->u.sin6.sin6_addr, 8);
}

static bool same_source(const struct osmo_sockaddr *a, const struct osmo_sockaddr *b)
{
	if (a->u.sa.sa_family == AF_INET6 && b->u.sa.sa_family == AF_INET6)
		return memcmp(&a->u.sin6.sin6_addr, &b->u.sin6.sin6_addr, 8) == 0;
	return sip_addr_equal(a, b, false);
}

static struct sip_source *source_get(struct sip_transports *all, const struct osmo_sockaddr *addr)
{
	struct sip_source *source;
	uint64_t key = source_key(addr);

	hash_for_each_possible (all->by_source, source, node, key) {
		if (same_source(&source->addr, addr))
			return source;
	}
	source = talloc_zero(all, struct sip_source);
	if (!source)
		return NULL;
	source->addr = *addr;
	hash_add(all->by_source, &source->node, key);
	return source;
}

/*! One connection of that address is gone. */
void sip_source_put(struct sip_transports *all, struct sip_source *source)
{
	if (source->n && --source->n)
		return;
	hash_del(&source->node);
	talloc_free(source);
}

/* ---- accepting ---- */

/* Why this one is not taken, NULL: it is. */
/* A quarter is for peers: otherwise a handful of strangers that connect and say nothing would keep all of them out. */
static bool no_room_for_strangers(const struct sip_transports *all)
{
	return all->n_strangers >= all->cfg->max_conns - all->cfg->max_conns / 4;
}

static const char *why_not(const struct sip_transports *all, const struct sip_source *source, int fd, bool is_stranger)
{
	if (!source)
		return "out of memory";
	if (!sip_conn_fd_ok(fd))
		return "no file descriptors are left (LimitNOFILE of the unit, ulimit -n)";
	if (all->n_accepted >= all->cfg->max_conns)
		return "there are as many connections as are allowed ('connection-limit')";
	if (is_stranger && no_room_for_strangers(all))
		return "there are as many from no peer's address as are allowed ('connection-limit')";
	if (source->n >= all->cfg->max_conns_per_source)
		return "this address has as many as are allowed ('connection-limit')";
	return NULL;
}

static void refuse(struct sip_transport *tp, const struct osmo_sockaddr *remote, const char *why)
{
	const char *more;

	sip_transports_count(tp->all, SIP_CTR_CONN_REFUSED);
	more = log_limit_pass(&tp->all->refused_limit);
	if (more)
		LOGP(DSIPTRX, LOGL_NOTICE, "%s connection from %s refused: %s%s\n", tp->ops->name,
		     osmo_sockaddr_to_str(remote), why, more);
}

/* The address of ours that it came to, if that is not clear from what we have bound. */
static uint8_t home_of(const struct sip_transport *tp, int fd)
{
	struct osmo_sockaddr local = {};
	socklen_t len = sizeof(local.u);

	if (!sip_addr_is_wildcard(&tp->bound) || getsockname(fd, &local.u.sa, &len))
		return 0;
	return sip_home_get(&local);
}

static void accepted(struct sip_listen *l, int fd, const struct osmo_sockaddr *remote)
{
	struct sip_transports *all = l->tp->all;
	struct sip_source *source = source_get(all, remote);
	bool is_stranger = all->known && !all->known(all->known_data, remote);
	const char *why = why_not(all, source, fd, is_stranger);
	struct sip_conn *conn = NULL;

	if (!why) {
		conn = sip_conn_alloc(l->tp, remote, fd, l->io);
		why = conn ? NULL : "out of memory";
	}
	if (!conn) {
		refuse(l->tp, remote, why);
		close(fd);
		if (source && !source->n)
			sip_source_put(all, source);
		return;
	}
	conn->source = source;
	conn->home = home_of(l->tp, fd);
	source->n++;
	conn->is_stranger = is_stranger;
	all->n_accepted++;
	all->n_strangers += is_stranger;
	sip_conn_get(conn);
	sip_conn_connected(conn);
	if (conn->state != SIP_CONN_DEAD)
		sip_conn_update_events(conn);
	sip_conn_put(conn);
}

static void go_on(void *data)
{
	struct sip_listen *l = data;

	osmo_fd_read_enable(&l->ofd);
}

static int accept_cb(struct osmo_fd *ofd, unsigned int what)
{
	struct sip_listen *l = ofd->data;
	struct osmo_sockaddr remote;
	socklen_t len;
	unsigned int i;
	int fd;

	for (i = 0; i < MAX_ACCEPTS; i++) {
		remote = (struct osmo_sockaddr){};
		len = sizeof(remote.u);
		fd = accept4(ofd->fd, &remote.u.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			accepted(l, fd, &remote);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* the connection waits, and so do we, or poll() would report it without end */
			refuse(l->tp, &l->tp->bound, strerror(errno));
			osmo_fd_read_disable(ofd);
			timer_start_ms(&l->wait, NO_FD_WAIT_MS);
			break;
		} else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
			break;
		}
	}
	return 0;
}

static int bound_socket(struct osmo_sockaddr *addr)
{
	socklen_t len = sizeof(addr->u);
	int fd, rc, on = 1;

	if (addr->u.sa.sa_family != AF_INET && addr->u.sa.sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	fd = socket(addr->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	if (addr->u.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	/* or connections of the daemon before us would keep us from the port for a minute; two that listen are still
	 * refused */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &addr->u.sa, sip_sockaddr_len(addr)) || getsockname(fd, &addr->u.sa, &len)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/*! Take connections from now on. 0 or negative errno. */
int sip_listen_accepting(struct sip_transport *tp)
{
	struct sip_listen *l = tp->priv;

	if (l->accepting)
		return 0;
	if (listen(l->ofd.fd, BACKLOG) < 0)
		return -errno;
	/* not before: a socket that does not listen is reported as hung up */
	if (osmo_fd_register(&l->ofd) < 0)
		return -EIO;
	l->accepting = true;
	return 0;
}

/*! Bind tp->bound, which gets the port if it was 0. \a accepting: or only hold the address, for connections of ours.
 * 0 or negative errno. */
int sip_listen_open(struct sip_transport *tp, const struct sip_conn_io *io, bool accepting)
{
	struct sip_listen *l;
	int fd = bound_socket(&tp->bound), rc = 0;

	if (fd < 0)
		return fd;
	l = talloc_zero(tp, struct sip_listen);
	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	l->tp = tp;
	l->io = io;
	tp->priv = l;
	osmo_timer_setup(&l->wait, go_on, l);
	osmo_fd_setup(&l->ofd, fd, OSMO_FD_READ, accept_cb, l, 0);
	if (accepting)
		rc = sip_listen_accepting(tp);
	if (rc < 0) {
		close(fd);
		talloc_free(l);
		tp->priv = NULL;
	}
	return rc;
}

/*! And all connections of the transport. */
void sip_listen_close(struct sip_transport *tp)
{
	struct sip_listen *l = tp->priv;

	sip_conn_close_of(tp);
	osmo_timer_del(&l->wait);
	if (l->accepting)
		osmo_fd_unregister(&l->ofd);
	close(l->ofd.fd);
	TALLOC_FREE(l);
	tp->priv = NULL;
}
