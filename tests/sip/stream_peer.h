/*! \file stream_peer.h
 * The other end of connections: a client and a server on loopback, for the tests of TCP and TLS. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/socket.h>

#include "fake_time.h"
#include "story.h"

static inline struct osmo_sockaddr addr4(const char *ip, uint16_t port)
{
	struct osmo_sockaddr a = {};

	a.u.sin.sin_family = AF_INET;
	a.u.sin.sin_port = htons(port);
	EXPECT(inet_pton(AF_INET, ip, &a.u.sin.sin_addr) == 1);
	return a;
}

static inline uint16_t port_of(const struct osmo_sockaddr *a)
{
	return ntohs(a->u.sin.sin_port);
}

/* or small pieces would wait for real time to pass */
static inline void no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static inline int peer_connect(const char *from, const struct osmo_sockaddr *to)
{
	struct osmo_sockaddr local = addr4(from, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT(fd >= 0 && bind(fd, &local.u.sa, sizeof(local.u.sin)) == 0);
	EXPECT(connect(fd, &to->u.sa, sizeof(to->u.sin)) == 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	no_delay(fd);
	pump();
	return fd;
}

static inline int peer_listen(const char *ip, struct osmo_sockaddr *addr)
{
	socklen_t len = sizeof(addr->u.sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	*addr = addr4(ip, addr->u.sin.sin_port ? port_of(addr) : 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	EXPECT(fd >= 0 && bind(fd, &addr->u.sa, sizeof(addr->u.sin)) == 0 && listen(fd, 16) == 0);
	EXPECT(getsockname(fd, &addr->u.sa, &len) == 0);
	return fd;
}

static inline int peer_accept(int fd)
{
	int conn;

	pump();
	conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	if (conn >= 0)
		no_delay(conn);
	pump();
	return conn;
}

static inline void peer_send(int fd, const void *data, size_t len)
{
	EXPECT(send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
	pump();
}

static inline void peer_says(int fd, const char *text)
{
	peer_send(fd, text, strlen(text));
}

/* What came, "" if nothing, "closed" or "reset". */
static inline const char *peer_hears(int fd)
{
	static char buf[65536];
	ssize_t n;

	pump();
	n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? "" : "reset";
	if (n == 0)
		return "closed";
	buf[n] = '\0';
	return buf;
}
