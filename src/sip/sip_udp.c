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

#include <linux/errqueue.h> /* wants <time.h> */

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_transport.h>

#include "sip_conn.h"

#define BATCH	     16 /* datagrams per recvmmsg() */
#define MAX_BATCHES  2	/* per wake-up */
#define MAX_UNDELIVERED 64 /* at a time */
#define RCVBUF_BYTES (4 << 20)
#define SNDBUF_BYTES (1 << 20)
#define DROP_LOG_S   10 /* at most one line about dropped datagrams in so many seconds */

/* Of one datagram: which address of ours it came to. */
union control {
	struct cmsghdr align;
	uint8_t v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	uint8_t v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct sip_udp {
	struct osmo_fd ofd;
	struct sip_transport *tp;
	unsigned int n_dropped;
	time_t logged;
	size_t buf_size;
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sip_flow from[BATCH];
	union control control[BATCH];
	bool wildcard;
	uint8_t buf[]; /* BATCH * buf_size */
};

static socklen_t sockaddr_len(const struct osmo_sockaddr *addr)
{
	return addr->u.sa.sa_family == AF_INET6 ? sizeof(addr->u.sin6) : sizeof(addr->u.sin);
}

/* Which address of ours did it come to? That matters where all are bound. */
static uint8_t home_of(struct msghdr *msg)
{
	struct osmo_sockaddr addr = {};
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			addr.u.sin.sin_family = AF_INET;
			/* not what it was sent to, which may be a broadcast */
			addr.u.sin.sin_addr = ((const struct in_pktinfo *)CMSG_DATA(c))->ipi_spec_dst;
			return sip_home_get(&addr);
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			addr.u.sin6.sin6_family = AF_INET6;
			addr.u.sin6.sin6_addr = ((const struct in6_pktinfo *)CMSG_DATA(c))->ipi6_addr;
			return IN6_IS_ADDR_MULTICAST(&addr.u.sin6.sin6_addr) ? 0 : sip_home_get(&addr);
		}
	}
	return 0;
}

/* ICMP says that this one did not arrive. Too long for the way is not what is meant: the system cuts it up now. */
static bool is_undelivered(struct msghdr *msg)
{
	const struct sock_extended_err *err;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		err = (const struct sock_extended_err *)CMSG_DATA(c);
		return err->ee_origin != SO_EE_ORIGIN_LOCAL && err->ee_errno != EMSGSIZE;
	}
	return false;
}

static void read_undelivered(struct sip_udp *udp)
{
	struct sip_transports *all = udp->tp->all;
	unsigned int i;
	char text[600], control[512];
	ssize_t len;

	for (i = 0; i < MAX_UNDELIVERED; i++) {
		struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
		};
		len = recvmsg(udp->ofd.fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (len < 0)
			return;
		if (len && all->undelivered && is_undelivered(&msg))
			all->undelivered(all->undelivered_data, text, len);
	}
}

static int read_batch(struct sip_udp *udp)
{
	int i, n;

	for (i = 0; i < BATCH; i++) {
		udp->iov[i] = (struct iovec){ .iov_base = udp->buf + i * udp->buf_size, .iov_len = udp->buf_size };
		udp->msg[i].msg_hdr = (struct msghdr){
			.msg_name = &udp->from[i].remote.u,
			.msg_namelen = sizeof(udp->from[i].remote.u),
			.msg_iov = &udp->iov[i],
			.msg_iovlen = 1,
			.msg_control = udp->wildcard ? &udp->control[i] : NULL,
			.msg_controllen = udp->wildcard ? sizeof(udp->control[i]) : 0,
		};
	}
	n = recvmmsg(udp->ofd.fd, udp->msg, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0 && errno != EAGAIN)
		read_undelivered(udp);
	/* one that was cut fills the buffer, which is longer than what is allowed: the guard refuses it */
	for (i = 0; i < n; i++) {
		udp->from[i].tp = udp->tp;
		udp->from[i].home = udp->wildcard ? home_of(&udp->msg[i].msg_hdr) : 0;
		udp->from[i].alias = 0;
		udp->from[i].symmetric = false;
		sip_transport_rx(&udp->from[i], udp->buf + i * udp->buf_size, udp->msg[i].msg_len);
	}
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
	/* what nobody takes at the other end comes back */
	if (addr->u.sa.sa_family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	/* with all addresses bound, which one did it come to? */
	if (sip_addr_is_wildcard(addr) && addr->u.sa.sa_family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	else if (sip_addr_is_wildcard(addr))
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
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
	udp->wildcard = sip_addr_is_wildcard(&tp->bound);
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

/* From the address that the other side talks to; without a number, from where the system thinks best. */
static void set_home(struct msghdr *msg, union control *control, const struct osmo_sockaddr *home)
{
	struct in6_pktinfo v6 = {};
	struct in_pktinfo v4 = {};
	struct cmsghdr *c = &control->align;

	msg->msg_control = control;
	if (home->u.sa.sa_family == AF_INET) {
		v4.ipi_spec_dst = home->u.sin.sin_addr;
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(v4)), IPPROTO_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(c), &v4, sizeof(v4));
		msg->msg_controllen = CMSG_SPACE(sizeof(v4));
	} else {
		v6.ipi6_addr = home->u.sin6.sin6_addr;
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(v6)), IPPROTO_IPV6, IPV6_PKTINFO };
		memcpy(CMSG_DATA(c), &v6, sizeof(v6));
		msg->msg_controllen = CMSG_SPACE(sizeof(v6));
	}
}

static ssize_t send_from(const struct sip_udp *udp, const struct sip_flow *to, const void *data, size_t len)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = {
		.msg_name = (void *)&to->remote.u.sa,
		.msg_namelen = sockaddr_len(&to->remote),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	union control control = {};
	struct osmo_sockaddr home;
	ssize_t rc;

	if (!udp->wildcard || !sip_home_addr(to->home, to->remote.u.sa.sa_family, &home))
		return sendmsg(udp->ofd.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	set_home(&msg, &control, &home);
	rc = sendmsg(udp->ofd.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (rc >= 0 || (errno != EINVAL && errno != EADDRNOTAVAIL && errno != ENETUNREACH))
		return rc;
	/* that address is ours no more */
	msg.msg_control = NULL;
	msg.msg_controllen = 0;
	return sendmsg(udp->ofd.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int udp_send(const struct sip_flow *to, const void *data, size_t len)
{
	struct sip_udp *udp = to->tp->priv;
	unsigned int tries;
	int err = 0;

	/* one that came back, maybe from somebody else, is told by the next call, whatever that is for */
	for (tries = 0; tries < 3; tries++) {
		if (send_from(udp, to, data, len) >= 0)
			return 0;
		err = errno;
		if (err != ECONNREFUSED && err != EHOSTUNREACH && err != ENOPROTOOPT && err != ENETUNREACH)
			break;
		read_undelivered(udp);
	}
	if (err == EAGAIN || err == EWOULDBLOCK || err == ENOBUFS || err == EINTR) {
		dropped(udp);
		return 0;
	}
	return -err;
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
