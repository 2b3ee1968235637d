/* SIP over UDP: one socket per bound address.
 *
 * A wake-up takes what is there, up to a budget, a batch per system call, so that a flood neither costs a poll() per
 * datagram nor keeps the timers waiting. What the socket cannot take is dropped and counted: SIP repeats over UDP. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* recvmmsg() is a GNU extension: first */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_transport.h>

#define BATCH	     16 /* datagrams per recvmmsg() */
#define MAX_BATCHES  2	/* per wake-up */
#define RCVBUF_BYTES (4 << 20)
#define SNDBUF_BYTES (1 << 20)
#define DROP_LOG_S   10 /* at most one line about dropped datagrams in so many seconds */

struct sip_udp {
	struct osmo_fd ofd;
	struct sip_transport *tp;
	unsigned int n_dropped;
	time_t logged;
	size_t buf_size;
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct osmo_sockaddr from[BATCH];
	uint8_t buf[]; /* BATCH * buf_size */
};

static socklen_t sockaddr_len(const struct osmo_sockaddr *addr)
{
	return addr->u.sa.sa_family == AF_INET6 ? sizeof(addr->u.sin6) : sizeof(addr->u.sin);
}

static int read_batch(struct sip_udp *udp)
{
	int i, n;

	for (i = 0; i < BATCH; i++) {
		udp->iov[i] = (struct iovec){ .iov_base = udp->buf + i * udp->buf_size, .iov_len = udp->buf_size };
		udp->msg[i].msg_hdr = (struct msghdr){
			.msg_name = &udp->from[i].u,
			.msg_namelen = sizeof(udp->from[i].u),
			.msg_iov = &udp->iov[i],
			.msg_iovlen = 1,
		};
	}
	n = recvmmsg(udp->ofd.fd, udp->msg, BATCH, MSG_DONTWAIT, NULL);
	/* one that was cut fills the buffer, which is longer than what is allowed: the guard refuses it */
	for (i = 0; i < n; i++)
		sip_transport_rx(udp->tp, &udp->from[i], udp->buf + i * udp->buf_size, udp->msg[i].msg_len);
	return n;
}

static int read_cb(struct osmo_fd *ofd, unsigned int what)
{
	struct sip_udp *udp = ofd->data;
	unsigned int i;

	for (i = 0; i < MAX_BATCHES; i++) {
		if (read_batch(udp) < BATCH)
			break;
	}
	return 0;
}

static int bound_socket(struct osmo_sockaddr *addr)
{
	int fd, on = 1, rcvbuf = RCVBUF_BYTES, sndbuf = SNDBUF_BYTES, rc;
	socklen_t len = sizeof(addr->u);

	fd = socket(addr->u.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	/* "::" and "0.0.0.0" are two sockets, so that an address has one form only */
	if (addr->u.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	/* as much as the system allows; less is no error */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	/* no SO_REUSEADDR: a second daemon on our port has to fail */
	if (bind(fd, &addr->u.sa, sockaddr_len(addr)) || getsockname(fd, &addr->u.sa, &len)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int udp_open(struct sip_transport *tp)
{
	size_t buf_size = sip_limits.max_datagram + 1;
	struct sip_udp *udp;
	int fd;

	if (tp->bound.u.sa.sa_family != AF_INET && tp->bound.u.sa.sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	fd = bound_socket(&tp->bound);
	if (fd < 0)
		return fd;
	udp = talloc_zero_size(tp, sizeof(*udp) + BATCH * buf_size);
	if (!udp) {
		close(fd);
		return -ENOMEM;
	}
	talloc_set_name_const(udp, "struct sip_udp");
	udp->tp = tp;
	udp->buf_size = buf_size;
	osmo_fd_setup(&udp->ofd, fd, OSMO_FD_READ, read_cb, udp, 0);
	if (osmo_fd_register(&udp->ofd) < 0) {
		close(fd);
		talloc_free(udp);
		return -EIO;
	}
	tp->priv = udp;
	return 0;
}

static void udp_close(struct sip_transport *tp)
{
	struct sip_udp *udp = tp->priv;

	osmo_fd_unregister(&udp->ofd);
	close(udp->ofd.fd);
	TALLOC_FREE(udp);
	tp->priv = NULL;
}

static void dropped(struct sip_udp *udp)
{
	struct timespec now;

	udp->n_dropped++;
	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < udp->logged + DROP_LOG_S)
		return;
	udp->logged = now.tv_sec;
	LOGP(DSIPTRX, LOGL_NOTICE, "UDP socket is full, %u datagrams dropped so far\n", udp->n_dropped);
}

static int udp_send(struct sip_transport *tp, const struct osmo_sockaddr *remote, const void *data, size_t len)
{
	struct sip_udp *udp = tp->priv;

	if (sendto(udp->ofd.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, &remote->u.sa, sockaddr_len(remote)) >= 0)
		return 0;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR) {
		dropped(udp);
		return 0;
	}
	return -errno;
}

const struct sip_transport_ops sip_udp_ops = {
	.id = SIP_TP_UDP,
	.name = "UDP",
	.param = "udp",
	.reliable = false,
	.default_port = 5060,
	.open = udp_open,
	.close = udp_close,
	.send = udp_send,
};
