/* SIP over TCP: connections as they are (sip_conn.c), with nothing in between. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <sys/socket.h>

#include "sip_conn.h"

static int start(struct sip_conn *conn)
{
	return 0;
}

static int handshake(struct sip_conn *conn)
{
	return 0;
}

static ssize_t result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t tcp_read(struct sip_conn *conn, void *buf, size_t len)
{
	return result(recv(conn->ofd.fd, buf, len, MSG_DONTWAIT));
}

static ssize_t tcp_write(struct sip_conn *conn, const void *buf, size_t len)
{
	return result(send(conn->ofd.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static bool pending(struct sip_conn *conn)
{
	return false;
}

static void end(struct sip_conn *conn)
{
}

static const struct sip_conn_io io = {
	.start = start,
	.handshake = handshake,
	.read = tcp_read,
	.write = tcp_write,
	.pending = pending,
	.end = end,
};

static int tcp_open(struct sip_transport *tp)
{
	return sip_listen_open(tp, &io, true);
}

static int tcp_send(const struct sip_flow *to, const void *data, size_t len)
{
	return sip_conn_send(to->tp, &to->remote, data, len, &io);
}

static int tcp_connect(struct sip_transport *tp, const struct osmo_sockaddr *remote)
{
	struct sip_conn *conn;

	return sip_conn_find(tp, remote) ? 0 : sip_conn_connect(tp, remote, &io, &conn);
}

const struct sip_transport_ops sip_tcp_ops = {
	.id = SIP_TP_TCP,
	.name = "TCP",
	.param = "tcp",
	.reliable = true,
	.default_port = 5060,
	.open = tcp_open,
	.close = sip_listen_close,
	.send = tcp_send,
	.connect = tcp_connect,
};
