/* Connections of stream transports: the object, how it is found, opened and closed.
 *
 * A flow names a connection by our transport and the other side's address and port, so that a response finds the
 * connection that its request came by (RFC 3261 18.2.2), and requests to one address share a connection. A connection
 * that is gone is opened again by the next message; only a response needs another port then, that of its Via.
 *
 * Everything is plain osmo_fd, also accepting: a connection lives in the same way whoever opened it, TLS needs the
 * socket itself, and the streams of libosmo-netif 1.2.0 lose what a socket does not take at once.
 *
 *   connect() --> CONNECTING --> (TLS: HANDSHAKE) --> OPEN --> (refused: CLOSING) --> DEAD
 *   accept() --------------------^                ^
 *
 * Whoever may run into the end of a connection while he uses it holds in_use; it is freed when the last one lets go. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_conn.h"
#include "sip_text.h"

uint64_t sip_conn_now(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	/* 0 means "not so" */
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000 + 1;
}

socklen_t sip_sockaddr_len(const struct osmo_sockaddr *addr)
{
	return addr->u.sa.sa_family == AF_INET6 ? sizeof(addr->u.sin6) : sizeof(addr->u.sin);
}

/*! Some descriptors have to be left for the MSC, the gateways, the VTY, files. */
bool sip_conn_fd_ok(int fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
	       (rlim_t)fd + SIP_CONN_FD_RESERVE < limit.rlim_cur;
}

static uint64_t key(const struct sip_transport *tp, const struct osmo_sockaddr *remote)
{
	uint64_t hash = token_hash(&tp, sizeof(tp));

	if (remote->u.sa.sa_family == AF_INET) {
		hash = token_hash_add(hash, &remote->u.sin.sin_addr, sizeof(remote->u.sin.sin_addr));
		return token_hash_add(hash, &remote->u.sin.sin_port, sizeof(remote->u.sin.sin_port));
	}
	hash = token_hash_add(hash, &remote->u.sin6.sin6_addr, sizeof(remote->u.sin6.sin6_addr));
	return token_hash_add(hash, &remote->u.sin6.sin6_port, sizeof(remote->u.sin6.sin6_port));
}

/*! NULL if there is none, or it is about to end. */
struct sip_conn *sip_conn_find(const struct sip_transport *tp, const struct osmo_sockaddr *remote)
{
	struct sip_conn *conn;

	hash_for_each_possible (tp->all->by_remote, conn, node, key(tp, remote)) {
		if (conn->tp == tp && sip_addr_equal(&conn->remote, remote, true))
			return conn;
	}
	return NULL;
}

void sip_conn_set_state(struct sip_conn *conn, enum sip_conn_state state)
{
	conn->state = state;
	conn->since = sip_conn_now();
	if (state == SIP_CONN_OPEN)
		conn->was_open = true;
	/* whoever sends there from now on needs a new one */
	if (state == SIP_CONN_CLOSING)
		hash_del(&conn->node);
}

/*! A connection with an open, non-blocking socket, which it owns from now on. NULL when out of memory: then the socket
 * is still the caller's. */
struct sip_conn *sip_conn_alloc(struct sip_transport *tp, const struct osmo_sockaddr *remote, int fd,
				const struct sip_conn_io *io)
{
	struct sip_conn *conn = talloc_zero(tp->all, struct sip_conn);
	int on = 1;

	if (!conn)
		return NULL;
	conn->tp = tp;
	conn->io = io;
	conn->remote = *remote;
	INIT_LLIST_HEAD(&conn->out);
	conn->begun = conn->since = conn->used = sip_conn_now();
	osmo_timer_setup(&conn->timer, sip_conn_timer_cb, conn);
	osmo_fd_setup(&conn->ofd, fd, 0, sip_conn_event_cb, conn, 0);
	if (osmo_fd_register(&conn->ofd) < 0) {
		talloc_free(conn);
		return NULL;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	hash_add(tp->all->by_remote, &conn->node, key(tp, remote));
	llist_add_tail(&conn->entry, &tp->all->conns);
	return conn;
}

static void drop_output(struct sip_conn *conn)
{
	struct sip_conn_out *out, *next;

	llist_for_each_entry_safe (out, next, &conn->out, entry) {
		llist_del(&out->entry);
		talloc_free(out);
	}
	conn->tp->all->out_bytes -= conn->out_bytes;
	conn->out_bytes = 0;
	conn->n_out = 0;
}

static void unlink_conn(struct sip_conn *conn)
{
	struct sip_transports *all = conn->tp->all;

	if (conn->state != SIP_CONN_CLOSING)
		hash_del(&conn->node);
	llist_del(&conn->entry);
	if (conn->source) {
		sip_source_put(all, conn->source);
		all->n_accepted--;
		all->n_strangers -= conn->is_stranger;
	}
	osmo_timer_del(&conn->timer);
	osmo_fd_unregister(&conn->ofd);
	conn->io->end(conn);
	close(conn->ofd.fd);
	/* what came stays as long as the connection: somebody may be looking at it */
	drop_output(conn);
}

void sip_conn_get(struct sip_conn *conn)
{
	conn->in_use++;
}

void sip_conn_put(struct sip_conn *conn)
{
	if (--conn->in_use == 0 && conn->state == SIP_CONN_DEAD)
		talloc_free(conn);
}

/* The log's line: what we could not open is worth a notice, everything else is the course of things. */
static void log_end(struct sip_conn *conn, const char *why)
{
	const char *more;

	if (conn->was_open || conn->source) {
		LOG_CONN(conn, LOGL_INFO, "closed: %s\n", why);
		return;
	}
	more = log_limit_pass(&conn->tp->all->failed_limit);
	if (more)
		LOG_CONN(conn, LOGL_NOTICE, "cannot be opened: %s%s\n", why, more);
}

void sip_conn_close(struct sip_conn *conn, const char *why)
{
	struct sip_flow flow = { .tp = conn->tp, .remote = conn->remote };
	struct sip_transports *all = conn->tp->all;
	enum sip_flow_loss loss = conn->was_open ? SIP_FLOW_CLOSED : SIP_FLOW_FAILED;

	if (conn->state == SIP_CONN_DEAD)
		return;
	if (why)
		log_end(conn, why);
	if (!conn->was_open)
		sip_transports_count(all, SIP_CTR_CONN_FAILED);
	unlink_conn(conn);
	conn->state = SIP_CONN_DEAD;
	if (!conn->in_use)
		talloc_free(conn);
	if (all->lost)
		all->lost(all->lost_data, &flow, loss);
}

/*! Close all connections of a transport, without telling anybody. */
void sip_conn_close_of(struct sip_transport *tp)
{
	struct sip_conn *conn, *next;

	llist_for_each_entry_safe (conn, next, &tp->all->conns, entry) {
		if (conn->tp != tp)
			continue;
		unlink_conn(conn);
		conn->state = SIP_CONN_DEAD;
		if (!conn->in_use)
			talloc_free(conn);
	}
}

/* ---- opening ---- */

/* From the address that we are known by, with a port of the kernel's choice. */
static int outgoing_socket(const struct sip_transport *tp)
{
	struct osmo_sockaddr local = tp->bound;
	int fd = socket(local.u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	int rc = 0, on = 1;

	if (fd < 0)
		return -errno;
	osmo_sockaddr_set_port(&local.u.sa, 0);
	/* the port is chosen by connect(), so that one port serves for several destinations */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (!sip_conn_fd_ok(fd))
		rc = -EMFILE;
	else if (bind(fd, &local.u.sa, sip_sockaddr_len(&local)) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int failed_to_open(struct sip_transport *tp, const struct osmo_sockaddr *remote, int rc)
{
	const char *more = log_limit_pass(&tp->all->failed_limit);

	sip_transports_count(tp->all, SIP_CTR_CONN_FAILED);
	if (more)
		LOGP(DSIPTRX, LOGL_NOTICE, "%s connection to %s cannot be opened: %s%s\n", tp->ops->name,
		     osmo_sockaddr_to_str(remote), strerror(-rc), more);
	return rc;
}

/*! Begin to open a connection. 0, and in \a out the connection (good until the main loop goes on), or negative errno.
 */
int sip_conn_connect(struct sip_transport *tp, const struct osmo_sockaddr *remote, const struct sip_conn_io *io,
		     struct sip_conn **out)
{
	struct sip_conn *conn;
	int fd, rc;

	fd = outgoing_socket(tp);
	if (fd < 0)
		return failed_to_open(tp, remote, fd);
	rc = connect(fd, &remote->u.sa, sip_sockaddr_len(remote));
	if (rc < 0 && errno != EINPROGRESS) {
		rc = -errno;
		close(fd);
		return failed_to_open(tp, remote, rc);
	}
	conn = sip_conn_alloc(tp, remote, fd, io);
	if (!conn) {
		close(fd);
		return failed_to_open(tp, remote, -ENOMEM);
	}
	/* also when it is connected already: it is told as writable then, and nobody is called from in here */
	sip_conn_set_state(conn, SIP_CONN_CONNECTING);
	sip_conn_update_events(conn);
	sip_conn_timer_update(conn);
	LOG_CONN(conn, LOGL_INFO, "opening\n");
	*out = conn;
	return 0;
}

/* RFC 3261 18.2.2: the connection that the request came by is gone, so the response goes to the port of its Via. */
static bool response_addr(const struct sip_transport *tp, struct osmo_sockaddr *to, const void *data, size_t len)
{
	struct sip_str via, host;
	const char *semi, *sp, *text = data;
	uint16_t port;
	struct sip_scan scan;

	if (len < 8 || strncasecmp(text, "SIP/2.0 ", 8) != 0)
		return false;
	sip_scan_head(&scan, text, len);
	via = sip_line_str(sip_scan_find(&scan, SIP_HDR_VIA));
	semi = memchr(via.s ?: "", ';', via.len);
	if (!semi)
		return false;
	via.len = semi - via.s;
	via = sip_str_trim(via);
	for (sp = via.s + via.len; sp > via.s && sp[-1] != ' ' && sp[-1] != '\t'; sp--)
		;
	via = (struct sip_str){ sp, via.s + via.len - sp };
	if (sip_hostport_parse(via, &host, &port) < 0)
		return false;
	osmo_sockaddr_set_port(&to->u.sa, port ?: tp->ops->default_port);
	return true;
}

/*! Write to the connection to \a remote, or queue: one that is not there is opened. 0 or negative errno. */
int sip_conn_send(struct sip_transport *tp, const struct osmo_sockaddr *remote, const void *data, size_t len,
		  const struct sip_conn_io *io)
{
	struct osmo_sockaddr to = *remote;
	struct sip_conn *conn = sip_conn_find(tp, &to);
	int rc;

	if (!conn && response_addr(tp, &to, data, len))
		conn = sip_conn_find(tp, &to);
	if (!conn) {
		rc = sip_conn_connect(tp, &to, io, &conn);
		if (rc < 0)
			return rc;
	}
	return sip_conn_queue(conn, data, len);
}

/* ---- for the operator ---- */

static const char *const state_names[] = {
	[SIP_CONN_CONNECTING] = "connecting", [SIP_CONN_HANDSHAKE] = "handshake", [SIP_CONN_OPEN] = "open",
	[SIP_CONN_CLOSING] = "closing",	      [SIP_CONN_DEAD] = "closed",
};

void sip_transports_each_conn(const struct sip_transports *all,
			      void (*cb)(const struct sip_conn_info *info, void *data), void *data)
{
	uint64_t now = sip_conn_now();
	struct sip_conn *conn;

	llist_for_each_entry (conn, &all->conns, entry) {
		struct sip_conn_info info = {
			.ops = conn->tp->ops,
			.remote = &conn->remote,
			.accepted = !!conn->source,
			.state = state_names[conn->state],
			.age_ms = now - conn->begun,
			.idle_ms = now - conn->used,
			.rx = conn->rx,
			.tx = conn->tx,
			.queued = conn->out_bytes,
			.name = conn->names && conn->names[0] ? conn->names[0] : "",
		};

		cb(&info, data);
	}
}

bool sip_transport_flow_has_name(const struct sip_flow *flow, const char *name)
{
	struct sip_conn *conn = flow->tp->ops->reliable ? sip_conn_find(flow->tp, &flow->remote) : NULL;
	char **have;

	for (have = conn ? conn->names : NULL; have && *have; have++) {
		if (strcasecmp(*have, name) == 0)
			return true;
	}
	return false;
}
