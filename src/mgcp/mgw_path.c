/* The socket to a gateway.
 *
 * It is connected: the kernel drops what others send to it, and tells us when nobody listens on the other side. Loss is
 * the business of the transactions, so nothing here waits or repeats. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#define _GNU_SOURCE /* recvmmsg() */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/sockaddr_str.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/wire.h>

#include "mgcp_internal.h"

#define RX_BATCH   8
#define RX_BUDGET  64 /* datagrams in one turn of the main loop: who floods us does not stop the others */
#define RX_BUF_LEN (MGCP_MAX_DATAGRAM + 1)

static void trace(const struct mgw_path *path, enum wire_dir dir, const char *data, size_t len)
{
	wire_trace(&(struct wire_msg){
		.proto = WIRE_MGCP,
		.dir = dir,
		.local = &path->local,
		.remote = &path->remote,
		.data = data,
		.len = len,
	});
}

/* An ICMP error of an earlier datagram is reported instead of sending this one, so it is sent again. */
static void path_tx(void *priv, const char *data, size_t len)
{
	struct mgw_path *path = priv;
	int tries;

	trace(path, WIRE_TX, data, len);
	for (tries = 0; tries < 2; tries++) {
		if (send(path->ofd.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return;
		if (errno != ECONNREFUSED)
			break;
		mgw_refused(path);
	}
	LOG_MGW(path->mgw, LOGL_DEBUG, "datagram not sent: %s\n", strerror(errno));
}

static void path_alive(void *priv)
{
	mgw_alive(priv);
}

static void path_given_up(void *priv, uint64_t first_sent_ms)
{
	mgw_given_up(priv, first_sent_ms);
}

static uint16_t path_command(void *priv, const struct mgcp_msg *cmd)
{
	return mgw_rx_command(priv, cmd);
}

/*! Delete what the answer to a CRCX names. */
void mgw_path_delete(struct mgw_path *path, const char *call_id, const struct mgcp_msg *rsp)
{
	struct mgcp_msg cmd = { .verb = MGCP_VERB_DLCX, .endpoint = rsp->params[MGCP_PARAM_Z] };

	cmd.params[MGCP_PARAM_C] = mgcp_text(call_id);
	cmd.params[MGCP_PARAM_I] = rsp->params[MGCP_PARAM_I];
	if (!cmd.endpoint.len || memchr(cmd.endpoint.s, '*', cmd.endpoint.len) || !cmd.params[MGCP_PARAM_I].len)
		return; /* it did not say what it created; never delete more than that */
	MGW_COUNT(path->mgw, MGW_CTR_DLCX);
	mgcp_trx_send(path->trxs, &cmd, NULL, NULL);
}

static void path_orphan(void *priv, const char *call_id, const struct mgcp_msg *rsp)
{
	struct mgw_path *path = priv;

	LOG_MGW(path->mgw, LOGL_INFO, "deleting an endpoint that a repeated or late CRCX created\n");
	mgw_path_delete(path, call_id, rsp);
}

static void path_unheard(void *priv, uint64_t call_id, const struct mgcp_msg *rsp)
{
	mgw_sweep_add(priv, call_id, rsp);
}

static const struct mgcp_trx_ops path_trx_ops = {
	.tx = path_tx,
	.alive = path_alive,
	.given_up = path_given_up,
	.command = path_command,
	.orphan = path_orphan,
	.unheard = path_unheard,
};

static void rx_datagram(struct mgw_path *path, const char *data, size_t len)
{
	trace(path, WIRE_RX, data, len);
	if (len > MGCP_MAX_DATAGRAM) { /* cut off: half a message is worse than none */
		MGW_COUNT(path->mgw, MGW_CTR_RX_MALFORMED);
		return;
	}
	mgcp_trxs_rx(path->trxs, data, len);
}

/* Read what is there, at most RX_BATCH datagrams; returns their number. */
static int rx_batch(struct mgw_path *path)
{
	static char bufs[RX_BATCH][RX_BUF_LEN];
	struct iovec iov[RX_BATCH];
	struct mmsghdr hdr[RX_BATCH] = {};
	int i, n;

	for (i = 0; i < RX_BATCH; i++) {
		iov[i] = (struct iovec){ .iov_base = bufs[i], .iov_len = RX_BUF_LEN };
		hdr[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(path->ofd.fd, hdr, RX_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0 && errno == ECONNREFUSED)
		mgw_refused(path);
	for (i = 0; i < n && !path->closed; i++)
		rx_datagram(path, bufs[i], hdr[i].msg_len);
	return n;
}

static int path_fd_cb(struct osmo_fd *ofd, unsigned int what)
{
	struct mgw_path *path = ofd->data;
	int budget;

	for (budget = RX_BUDGET; budget > 0 && !path->closed; budget -= RX_BATCH)
		if (rx_batch(path) < RX_BATCH)
			break;
	return 0;
}

static void get_addrs(struct mgw_path *path)
{
	socklen_t len = sizeof(path->local);

	getsockname(path->ofd.fd, &path->local.u.sa, &len);
	len = sizeof(path->remote);
	getpeername(path->ofd.fd, &path->remote.u.sa, &len);
}

static int open_socket(const struct mgw_cfg *cfg)
{
	int family = osmo_ip_str_type(cfg->remote_addr);
	unsigned int flags = OSMO_SOCK_F_CONNECT | OSMO_SOCK_F_NONBLOCK;
	const char *local = cfg->local_addr;
	int fd;

	if (family == AF_UNSPEC || (local && osmo_ip_str_type(local) != family))
		return -EINVAL;
	if (local || cfg->local_port)
		flags |= OSMO_SOCK_F_BIND;
	if (!local)
		local = family == AF_INET6 ? "::" : "0.0.0.0";
	fd = osmo_sock_init2(family, SOCK_DGRAM, IPPROTO_UDP, local, cfg->local_port, cfg->remote_addr,
			     cfg->remote_port, flags);
	return fd < 0 && errno ? -errno : fd;
}

/*! Open a socket as mgw->cfg says. \returns 0 and the new path, or negative errno. */
int mgw_path_open(struct mgw *mgw, struct mgw_path **out)
{
	struct mgw_path *path;
	int fd;

	errno = 0;
	fd = open_socket(&mgw->cfg);
	if (fd < 0)
		return fd;
	path = talloc_zero(mgw, struct mgw_path);
	path->mgw = mgw;
	INIT_LLIST_HEAD(&path->sweeps);
	path->trxs = mgcp_trxs_alloc(path, &path_trx_ops, path, mgw->ctrs);
	osmo_fd_setup(&path->ofd, fd, OSMO_FD_READ, path_fd_cb, path, 0);
	if (osmo_fd_register(&path->ofd) < 0) {
		close(fd);
		talloc_free(path);
		return -EIO;
	}
	get_addrs(path);
	llist_add_tail(&path->entry, &mgw->paths);
	*out = path;
	return 0;
}

/*! Close it. Endpoints must have left before. We may be inside its own read callback, so the memory goes at the end of
 * the loop's turn. */
void mgw_path_close(struct mgw_path *path)
{
	path->closed = true;
	mgw_sweep_stop(path);
	mgcp_trxs_close(path->trxs);
	osmo_fd_close(&path->ofd);
	llist_del(&path->entry);
	talloc_steal(OTC_SELECT, path);
}

/*! Could the socket that mgw->cfg wants not be opened beside this one? With a fixed port of ours, two may not have the
 * same address, nor one of them "any". */
bool mgw_path_in_the_way(const struct mgw_path *path)
{
	const struct mgw_cfg *cfg = &path->mgw->cfg;
	struct osmo_sockaddr_str str;
	struct osmo_sockaddr wanted;

	if (!cfg->local_port || osmo_sockaddr_port(&path->local.u.sa) != cfg->local_port)
		return false;
	if (!cfg->local_addr || !cfg->local_addr[strspn(cfg->local_addr, "0.:")])
		return true;
	return osmo_sockaddr_str_from_str(&str, cfg->local_addr, cfg->local_port) == 0 &&
	       osmo_sockaddr_str_to_sockaddr(&str, &wanted.u.sas) == 0 && !osmo_sockaddr_cmp(&wanted, &path->local);
}

/*! One more endpoint. */
void mgw_path_get(struct mgw_path *path)
{
	path->n_endpoints++;
}

/*! One endpoint less. A path that is not the present one ends with its last; the present one may be in the way of the
 * next. */
void mgw_path_put(struct mgw_path *path)
{
	if (path->n_endpoints == 1 && path->mgw->path == path && path->mgw->apply_later)
		timer_start_ms(&path->mgw->keepalive, 0);
	if (!--path->n_endpoints && path->mgw->path != path && !path->closed)
		mgw_path_close(path);
}
