/*! \file mgcp_trx.h
 * MGCP transactions with one gateway (RFC 3435 3.5, 4.3): ours are repeated until they are answered, the gateway's are carried out once.
 *
 * Nothing here knows of sockets: datagrams come in by mgcp_trxs_rx() and leave by ops->tx. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/core/rate_ctr.h>

#include <osmocom/sipgw/mgcp/mgcp_msg.h>

struct mgcp_trx;
struct mgcp_trxs;

/*! The command got its final response; \a rsp is NULL if it was given up. Called from mgcp_trxs_rx() or a timer. The transaction is
 * over: its handle is invalid. \a rsp is borrowed. */
typedef void (*mgcp_trx_cb)(void *data, const struct mgcp_msg *rsp);

/*! What the layer above does for the transactions. */
struct mgcp_trx_ops {
	/*! Send a datagram. Whether it arrives is not known, so there is nothing to return. */
	void (*tx)(void *priv, const char *data, size_t len);
	/*! Something well-formed came. */
	void (*alive)(void *priv);
	/*! A command was given up that was first sent so long ago. Before its callback. */
	void (*given_up)(void *priv, uint64_t first_sent_ms);
	/*! A command of the gateway, the first time it comes; returns the response code (200, 504...). */
	uint16_t (*command)(void *priv, const struct mgcp_msg *cmd);
	/*! A wildcard CRCX created something that nobody owns: a repetition of it was carried out as well, or the answer came after the
	 * command was given up or cancelled. Delete it. \a call_id is that of the command; \a rsp has Z and I. */
	void (*orphan)(void *priv, const char *call_id, const struct mgcp_msg *rsp);
	/*! A wildcard CRCX was sent more than once and is over: if the gateway carried out each of them and answers were lost, it has
	 * created things whose names nobody will ever tell. \a rsp is the answer that came, or NULL. */
	void (*unheard)(void *priv, uint64_t call_id, const struct mgcp_msg *rsp);
};

struct mgcp_trxs *mgcp_trxs_alloc(void *ctx, const struct mgcp_trx_ops *ops, void *priv, struct rate_ctr_group *ctrs);
void mgcp_trxs_close(struct mgcp_trxs *trxs);
void mgcp_trxs_rx(struct mgcp_trxs *trxs, const char *data, size_t len);
struct mgcp_trx *mgcp_trx_send(struct mgcp_trxs *trxs, struct mgcp_msg *cmd, mgcp_trx_cb cb, void *data);
void mgcp_trx_send_once(struct mgcp_trxs *trxs, struct mgcp_msg *cmd);
void mgcp_trx_cancel(struct mgcp_trx *trx);

/*! How it goes. */
struct mgcp_trxs_info {
	unsigned int n_open;		/*!< commands under way */
	unsigned int srtt_ms, rto_ms;	/*!< smoothed round trip, 0 before anything was measured; first retransmission time-out */
};
void mgcp_trxs_get_info(const struct mgcp_trxs *trxs, struct mgcp_trxs_info *info);
