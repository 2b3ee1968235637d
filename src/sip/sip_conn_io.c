/* What happens on a connection: connected, bytes come, bytes go.
 *
 * What the socket does not take at once waits in a queue of its own for each connection, bounded in bytes and messages:
 * whoever does not read costs that much memory and then his connection, and delays nobody else. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "sip_conn.h"

#define READ_SIZE 16384
#define MAX_READS 4 /* per wake-up: others want to live, too */
#define PONG	  "\r\n"

void sip_conn_update_events(struct sip_conn *conn)
{
	unsigned int events = OSMO_FD_READ;

	if (conn->state == SIP_CONN_CONNECTING)
		events = OSMO_FD_WRITE;
	else if (conn->state == SIP_CONN_HANDSHAKE)
		events |= conn->wants_write ? OSMO_FD_WRITE : 0;
	else if (conn->n_out && !conn->write_wants_read)
		events |= OSMO_FD_WRITE;
	osmo_fd_update_when(&conn->ofd, 0, events);
}

/* ---- out ---- */

/* -EAGAIN: it has to wait. Otherwise how many bytes went, or the connection has to be given up. */
static ssize_t write_some(struct sip_conn *conn, const uint8_t *data, size_t len)
{
	ssize_t n = conn->io->write(conn, data, len);

	if (n > 0 && conn->stuck)
		conn->stuck = conn->n_out ? sip_conn_now() : 0;
	return n;
}

/* All that the socket takes. 0 (also when something is left), or negative errno. */
static int flush(struct sip_conn *conn)
{
	struct sip_conn_out *out;
	ssize_t n;

	while (conn->n_out) {
		out = llist_first_entry(&conn->out, struct sip_conn_out, entry);
		n = write_some(conn, out->data + out->done, out->len - out->done);
		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return n;
		out->done += n;
		conn->out_bytes -= n;
		conn->tp->all->out_bytes -= n;
		if (out->done < out->len)
			continue;
		llist_del(&out->entry);
		talloc_free(out);
		conn->n_out--;
	}
	return 0;
}

static int enqueue(struct sip_conn *conn, const uint8_t *data, size_t len)
{
	struct sip_transports *all = conn->tp->all;
	struct sip_conn_out *out;

	if (conn->n_out >= SIP_CONN_MAX_MSGS || conn->out_bytes + len > SIP_CONN_MAX_QUEUE ||
	    all->out_bytes + len > SIP_CONN_MAX_ALL_QUEUES)
		return -ENOBUFS;
	out = talloc_size(conn, sizeof(*out) + len);
	if (!out)
		return -ENOMEM;
	out->len = len;
	out->done = 0;
	memcpy(out->data, data, len);
	llist_add_tail(&out->entry, &conn->out);
	conn->n_out++;
	conn->out_bytes += len;
	all->out_bytes += len;
	if (!conn->stuck)
		conn->stuck = sip_conn_now();
	return 0;
}

/*! Write, or queue what cannot be written now. 0 or negative errno: then the connection is of no use any more, and the
 * caller closes it. */
int sip_conn_write(struct sip_conn *conn, const void *data, size_t len)
{
	const uint8_t *p = data;
	ssize_t n = -EAGAIN;
	int rc;

	if (conn->state >= SIP_CONN_OPEN && !conn->n_out)
		n = write_some(conn, p, len);
	if (n < 0 && n != -EAGAIN)
		return n;
	if (n == (ssize_t)len)
		return 0;
	if (n > 0) {
		p += n;
		len -= n;
	}
	rc = enqueue(conn, p, len);
	if (rc < 0)
		return rc;
	sip_conn_update_events(conn);
	sip_conn_timer_update(conn);
	return 0;
}

static const char *write_trouble(int rc)
{
	return rc == -ENOBUFS ? "the other side does not read what we send" : strerror(-rc);
}

/*! One message. 0 or negative errno; the connection may be closed by it. */
int sip_conn_queue(struct sip_conn *conn, const void *data, size_t len)
{
	int rc = sip_conn_write(conn, data, len);

	if (rc == 0) {
		conn->tx++;
		conn->used = sip_conn_now();
		return 0;
	}
	if (rc == -ENOBUFS)
		sip_transports_count(conn->tp->all, SIP_CTR_CONN_SLOW);
	sip_conn_close(conn, write_trouble(rc));
	return rc;
}

/* ---- in ---- */

/* RFC 5626 4.4.1, 3.5.1: two line ends are a ping and get one; one line end is the answer to ours. */
static void rx_crlf(struct sip_conn *conn)
{
	conn->half = 0;
	if (conn->pinged) {
		conn->pinged = 0;
		conn->has_ponged = true;
		return;
	}
	if (++conn->crlfs < 2)
		return;
	conn->crlfs = 0;
	conn->used = sip_conn_now();
	if (sip_conn_write(conn, PONG, strlen(PONG)) < 0)
		sip_conn_close(conn, "the answer to a ping cannot be sent");
}

static void hand_up(struct sip_conn *conn, const uint8_t *msg, size_t len)
{
	struct sip_flow from = { .tp = conn->tp, .remote = conn->remote, .home = conn->home };

	sip_transport_rx(&from, msg, len);
}

static void rx_message(struct sip_conn *conn, const uint8_t *msg, size_t len)
{
	conn->rx++;
	conn->crlfs = 0;
	conn->half = 0;
	conn->used = sip_conn_now();
	hand_up(conn, msg, len);
}

/* What cannot be a message is answered if it can be, and then the connection is closed; not before the answer has got
 * there, which a reset would overtake. */
static void rx_bad(struct sip_conn *conn, const uint8_t *msg, size_t len)
{
	const char *more = log_limit_pass(&conn->tp->all->bad_limit);

	sip_transports_count(conn->tp->all, SIP_CTR_STREAM_BAD);
	if (more)
		LOG_CONN(conn, LOGL_NOTICE, "no SIP, or a message too long or of unknown length; closing%s\n", more);
	if (msg)
		hand_up(conn, msg, len);
	if (conn->state == SIP_CONN_DEAD)
		return;
	sip_conn_set_state(conn, SIP_CONN_CLOSING);
	sip_stream_clear(&conn->in);
	if (!conn->n_out)
		shutdown(conn->ofd.fd, SHUT_WR);
	sip_conn_timer_update(conn);
}

/* False: nothing more is to be read. */
static bool rx_item(struct sip_conn *conn)
{
	const uint8_t *msg;
	size_t len;

	switch (sip_stream_get(conn, &conn->in, &msg, &len)) {
	case SIP_STREAM_MORE:
		return false;
	case SIP_STREAM_CRLF:
		rx_crlf(conn);
		break;
	case SIP_STREAM_MSG:
		rx_message(conn, msg, len);
		break;
	case SIP_STREAM_BAD:
		rx_bad(conn, msg, len);
		break;
	}
	return conn->state == SIP_CONN_OPEN;
}

static void rx_bytes(struct sip_conn *conn, const uint8_t *buf, size_t len)
{
	if (conn->state != SIP_CONN_OPEN)
		return;
	if (sip_stream_put(conn, &conn->in, buf, len) < 0) {
		sip_conn_close(conn, "out of memory");
		return;
	}
	while (rx_item(conn))
		;
	if (conn->state != SIP_CONN_OPEN)
		return;
	if (!sip_stream_is_half(&conn->in))
		return;
	if (!conn->half) {
		conn->half = sip_conn_now();
		sip_conn_timer_update(conn);
	}
}

static void read_some(struct sip_conn *conn)
{
	static uint8_t buf[READ_SIZE];
	unsigned int i;
	ssize_t n;

	for (i = 0; conn->state != SIP_CONN_DEAD && (i < MAX_READS || conn->io->pending(conn)); i++) {
		n = conn->io->read(conn, buf, sizeof(buf));
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			sip_conn_close(conn, n ? strerror(-n) : "the other side has closed it");
			return;
		}
		rx_bytes(conn, buf, n);
		if (n < (ssize_t)sizeof(buf) && !conn->io->pending(conn))
			return;
	}
}

/* ---- opening, and all events ---- */

static void opened(struct sip_conn *conn)
{
	sip_conn_set_state(conn, SIP_CONN_OPEN);
	conn->used = conn->since;
	/* who connects has something to say */
	if (conn->source)
		conn->half = conn->since;
	conn->stuck = conn->n_out ? conn->since : 0;
	sip_transports_count(conn->tp->all, conn->source ? SIP_CTR_CONN_ACCEPTED : SIP_CTR_CONN_OPENED);
	LOG_CONN(conn, LOGL_INFO, "open\n");
	sip_conn_timer_update(conn);
}

static void shake_hands(struct sip_conn *conn)
{
	int rc = conn->io->handshake(conn);

	if (rc == -EAGAIN)
		return;
	/* the log has heard why */
	if (rc < 0)
		sip_conn_close(conn, NULL);
	else
		opened(conn);
}

/*! The socket is connected. */
void sip_conn_connected(struct sip_conn *conn)
{
	int rc = conn->io->start(conn);

	if (rc < 0) {
		sip_conn_close(conn, strerror(-rc));
		return;
	}
	sip_conn_set_state(conn, SIP_CONN_HANDSHAKE);
	sip_conn_timer_update(conn);
	shake_hands(conn);
}

static void check_connect(struct sip_conn *conn)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(conn->ofd.fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err)
		sip_conn_close(conn, strerror(err));
	else
		sip_conn_connected(conn);
}

static void exchange(struct sip_conn *conn, unsigned int what)
{
	int rc;

	if (what & OSMO_FD_READ)
		conn->write_wants_read = false;
	rc = flush(conn);
	if (rc < 0) {
		sip_conn_close(conn, write_trouble(rc));
		return;
	}
	if (conn->state == SIP_CONN_CLOSING && !conn->n_out)
		shutdown(conn->ofd.fd, SHUT_WR);
	if (what & OSMO_FD_READ)
		read_some(conn);
}

int sip_conn_event_cb(struct osmo_fd *ofd, unsigned int what)
{
	struct sip_conn *conn = ofd->data;

	sip_conn_get(conn);
	if (conn->state == SIP_CONN_CONNECTING)
		check_connect(conn);
	else if (conn->state == SIP_CONN_HANDSHAKE)
		shake_hands(conn);
	else
		exchange(conn, what);
	/* what waited for the connection to open; or TLS has decrypted more than one read gave */
	if (conn->state == SIP_CONN_OPEN && conn->n_out && flush(conn) < 0)
		sip_conn_close(conn, "cannot be written to");
	if (conn->state == SIP_CONN_OPEN && conn->io->pending(conn))
		read_some(conn);
	if (conn->state != SIP_CONN_DEAD)
		sip_conn_update_events(conn);
	sip_conn_put(conn);
	return 0;
}
