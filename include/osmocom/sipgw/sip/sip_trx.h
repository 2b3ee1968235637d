/*! \file sip_trx.h
 * SIP transactions (RFC 3261 17, RFC 6026): found by hash, serialised bytes kept for retransmission, timers from the tdef table.
 *
 * The layer answers by itself what belongs to it: repetitions, CANCEL for a live INVITE (200, and the user hears cancelled), ACK to
 * 3xx-6xx in both roles. ACK to 2xx and its repetition belong to the session. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_transport.h>

struct rate_ctr_group;
struct sip_trx;
struct sip_trxs;

enum sip_trx_end {
	SIP_TRX_TIMEOUT,	/*!< timer B, C, F; server: H (no ACK to a 3xx-6xx) */
	SIP_TRX_TRANSPORT,	/*!< could not be sent */
	SIP_TRX_CANCELLED,	/*!< sip_request.h: cancelled while no transaction was there */
};

/*! What the user of a transaction hears. Any member may be NULL. Detaching or starting other transactions inside is allowed.
 *
 * How long a pointer to a transaction is good: until sip_trx_detach(), or until failed() or gone() returns. A user hears exactly one of these two as its last
 * callback, unless it detaches before. gone() follows a final response (but a 2xx to INVITE) at once; after a 2xx to INVITE it comes with timer M; at a server
 * INVITE transaction it comes with the ACK to a 3xx-6xx, and with timer L after a 2xx. Answering a non-INVITE finally is a detach: forget it then. */
struct sip_trx_ops {
	/*! Client: a response. Provisional ones, then one final one; of an INVITE every 2xx (also repeated ones and those of other forks). */
	void (*response)(struct sip_trx *trx, const struct sip_msg *resp, const struct sip_flow *from, void *data);
	/*! Client and server: it ended without a final response, or without the ACK. */
	void (*failed)(struct sip_trx *trx, enum sip_trx_end why, void *data);
	/*! Server, INVITE: a CANCEL came, has been answered with 200; no final response was sent so far: send 487. \a cancel has the Reason. */
	void (*cancelled)(struct sip_trx *trx, const struct sip_msg *cancel, void *data);
	/*! It did all it had to do for this user and lets it go. */
	void (*gone)(struct sip_trx *trx, void *data);
};

/*! What the layer tells its owner (sip_ua.c). */
struct sip_trxs_ops {
	/*! A new request: \a trx is its server transaction. For an ACK to a 2xx, \a trx is NULL. Respond now by sip_trx_respond(), or sip_trx_attach() now
	 * and respond later: one that is neither answered nor attached is answered 500 some time later. */
	void (*request)(void *data, struct sip_trx *trx, const struct sip_msg *req, const struct sip_flow *from);
	/*! A response that belongs to no transaction (a late 2xx after timer M), or a 2xx to an INVITE whose user has gone. May be NULL. */
	void (*stray_response)(void *data, const struct sip_msg *resp, const struct sip_flow *from);
	void *data;
};

struct sip_trxs *sip_trxs_alloc(void *ctx, const struct sip_trxs_ops *ops);
void sip_trxs_free_all(struct sip_trxs *all);
/*! A message that passed sip_msg_parse(). */
void sip_trxs_rx(struct sip_trxs *all, const struct sip_msg *msg, const struct sip_flow *from);
/*! A connection is gone or could not be opened: for struct sip_transports (sip_transports_set_lost()). Client transactions that wait on it try once more by
 * a new one, or fail. */
void sip_trxs_flow_lost(struct sip_trxs *all, const struct sip_flow *flow, enum sip_flow_loss why);
/*! A datagram came back, of which \a msg is the beginning: who waits for its response but not for long (sip_trx_set_patience()) is told at once. */
void sip_trxs_undelivered(struct sip_trxs *all, const char *msg, size_t len);
unsigned int sip_trxs_count(const struct sip_trxs *all);
unsigned int sip_trxs_n_pending(const struct sip_trxs *all); /*!< client transactions that still wait for a final response */
void sip_trxs_set_max(struct sip_trxs *all, unsigned int max); /*!< so many at a time (default 200000); beyond, requests are answered 503 without a transaction */
/*! Where to count, by enum sip_ctr: SIP_CTR_RETRANS_TX, _RETRANS_RX, _RX_STRAY, _TRX_TIMEOUT, _REFUSED_LIMIT. Borrowed, may be NULL. */
void sip_trxs_set_ctrs(struct sip_trxs *all, struct rate_ctr_group *ctrs);
/*! The same request came already by another way (RFC 3261 8.2.2.2: 482): another server transaction has its Call-ID, CSeq and From tag, and none of them a
 * To tag. Ask in request(), \a trx being the one it was called with. */
bool sip_trxs_is_merged(const struct sip_trxs *all, const struct sip_trx *trx);

/* client */
#define SIP_BRANCH_LEN 32 /*!< buffer size for a branch with cookie and NUL */
void sip_branch_make(char *buf); /*!< a fresh, unguessable branch of SIP_BRANCH_LEN bytes including NUL */
bool sip_branch_is_ours(const char *branch, size_t len); /*!< did this process make it? Needs no memory of it */
/*! Send a request and follow it. \a data of \a len is the message, copied; \a branch is that of its top Via. NULL when out of memory; a failure to send is
 * reported by failed(), later. */
struct sip_trx *sip_trx_request(struct sip_trxs *all, const struct sip_flow *to, enum sip_method method, const char *branch, const void *data,
				size_t len, const struct sip_trx_ops *ops, void *user);
/*! The request as it was sent; NULL if it is not kept any more. Good inside response() with a 3xx-6xx, or any final status if it is no INVITE, inside failed(),
 * and before. */
const char *sip_trx_request_bytes(const struct sip_trx *trx, size_t *len);
/*! Do not wait for timer B or F: with no response at all it is a time-out after \a ms. Such an INVITE stays behind without a user and is cancelled if it is
 * answered after all. Inside response() with a 100 to an INVITE: the same for timer C, until there is another response; then it is cancelled at once. Other
 * requests then are in the background: no reason not to stop (sip_trxs_n_pending()). */
void sip_trx_set_patience(struct sip_trx *trx, unsigned long ms);
/*! Cancel an INVITE: CANCEL goes out at once or after the first provisional response (RFC 3261 9.1). The final response is still reported.
 * \a reason: value of a Reason header, or NULL. */
void sip_trx_cancel(struct sip_trx *invite, const char *reason);

/* server */
/*! Where the responses to a request go that came from \a from (RFC 3261 18.2.2, RFC 3581 4); \a via: its top one, NULL if it cannot be read. */
void sip_response_flow(struct sip_flow *to, const struct sip_flow *from, const struct sip_via *via);
/*! Send a response: provisional ones any number of times, then a final one; a 2xx to INVITE may be sent again by sip_trx_repeat(). */
/*! Returns 0, -EALREADY after a final response, -ENOMEM, or what the transport said (the transaction goes on and repeats it). */
int sip_trx_respond(struct sip_trx *trx, uint16_t status, const void *data, size_t len);
void sip_trx_repeat(struct sip_trx *trx); /*!< the last response once more */
void sip_trx_acked(struct sip_trx *trx);  /*!< the ACK to our 2xx came: the kept response can go */

/*! The user goes; the transaction ends by itself (a server transaction without final response answers 500). */
void sip_trx_detach(struct sip_trx *trx);
void sip_trx_attach(struct sip_trx *trx, const struct sip_trx_ops *ops, void *user); /*!< become its user, or hand it to another one */
/*! Where responses go (RFC 3261 18.2.2, RFC 3581), or requests went. In static memory, until the next call. */
const struct sip_flow *sip_trx_flow(const struct sip_trx *trx);
