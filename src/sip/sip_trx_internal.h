/*! \file sip_trx_internal.h
 * A SIP transaction from inside: shared by sip_trx.c (object), sip_trx_fsm.c (behaviour) and sip_trx_msg.c (messages of its own). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <netinet/in.h>

#include <osmocom/core/hashtable.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/sip/sip_ctr.h>
#include <osmocom/sipgw/sip/sip_trx.h>

#define SIP_TRX_HASH_BITS 15

enum trx_kind {
	TRX_ICT,  /*!< client, INVITE */
	TRX_NICT, /*!< client, others */
	TRX_IST,  /*!< server, INVITE */
	TRX_NIST, /*!< server, others */
	_TRX_KIND_COUNT
};

/*! Names of RFC 3261 17 and RFC 6026; CALLING is TRYING here. */
enum trx_state {
	TRX_ST_IGNORE, /*!< in the table: stay, do nothing */
	TRX_ST_TRYING,
	TRX_ST_PROCEEDING,
	TRX_ST_COMPLETED,
	TRX_ST_CONFIRMED,
	TRX_ST_ACCEPTED,
	TRX_ST_TERMINATED, /*!< freed as soon as nobody is inside any more */
	_TRX_STATE_COUNT
};

/*! Its connection is gone (sip_trx_flow.c). */
enum trx_lost {
	TRX_NOT_LOST,
	TRX_LOST_CLOSED,
	TRX_LOST_FAILED, /*!< it could not be opened */
};

enum trx_event {
	TRX_EV_1XX, /*!< client: received; server: the user sends it. So the next two. */
	TRX_EV_2XX,
	TRX_EV_FINAL,  /*!< 3xx-6xx */
	TRX_EV_REPEAT, /*!< server: the request came again */
	TRX_EV_ACK,    /*!< server, INVITE */
	TRX_EV_CANCEL, /*!< server, INVITE: a CANCEL for it came and was answered */
	TRX_EV_RETRANS, /*!< timers A, E, G */
	TRX_EV_TIMEOUT, /*!< timers B, C, D, F, H, I, J, K, L, M */
	_TRX_EVENT_COUNT
};

/*! What an event is about. */
struct trx_input {
	const struct sip_msg *msg;
	const struct sip_flow *from;
	uint16_t status;
	const void *data;
	size_t len;
	int rc; /*!< out: what the transport said */
};

struct sip_trxs {
	struct sip_trxs_ops ops;
	struct rate_ctr_group *ctrs;
	unsigned int count, pending, max;
	unsigned int depth; /*!< somebody is inside: do not free */
	bool free_me;
	/*! The request that the final response being told is to. */
	const struct sip_trx *told_trx;
	const char *told_request;
	uint32_t told_len;
	/*! The request being told to the owner: a response to it can still be made from it. */
	struct sip_trx *rx_trx;
	const struct sip_msg *rx_msg;
	DECLARE_HASHTABLE(by_key, SIP_TRX_HASH_BITS);
	DECLARE_HASHTABLE(by_merge_key, SIP_TRX_HASH_BITS);
	DECLARE_HASHTABLE(by_flow, 10); /*!< client transactions over streams */
};

/*! 128 bits of what makes a transaction: no strings to keep and compare. */
struct trx_key {
	uint64_t h[2];
};

struct sip_trx {
	struct hlist_node node, merge_node, flow_node;
	struct trx_key key;
	uint64_t merge_key; /*!< 0: not in that table */
	struct sip_trxs *all;
	const struct sip_trx_ops *ops;
	void *user;
	struct osmo_timer_list timeout;
	struct osmo_timer_list *retrans; /*!< NULL most of its life: nothing to be repeated */
	/*! Last message sent: the request, its ACK, or the last response. With status 0 in a server transaction: the 500 that goes out
	 * if the user never answers. NULL: not needed any more. */
	char *data;
	uint32_t data_len;
	uint32_t interval; /*!< ms, of the retransmission timer */
	struct sip_transport *tp;
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	} remote;
	uint16_t status; /*!< last response received or sent, 0: none */
	uint8_t kind, state, method;
	uint8_t in_use; /*!< calls inside: do not free */
	uint8_t alias, home; /*!< of the flow */
	bool symmetric : 1; /*!< of the flow */
	bool reliable : 1;
	bool send_failed : 1;
	bool cancel_wanted : 1, cancel_sent : 1;
	bool by_flow : 1, was_udp : 1, sent_again : 1; /*!< sip_trx_flow.c */
	uint8_t lost;				       /*!< enum trx_lost */
	bool impatient : 1;  /*!< the time-out is shorter than B */
	bool background : 1; /*!< nobody waits for it */
	char *cancel_reason;
};

/* sip_trx_key.c */
struct trx_key trx_client_key(const char *method, const char *branch);
struct trx_key trx_server_key(const struct sip_msg *req, const char *method);
uint64_t trx_merge_key(const struct sip_msg *req); /*!< 0: cannot be merged */

/* sip_trx.c */
struct sip_trx *trx_find(const struct sip_trxs *all, const struct trx_key *key);
/*! NULL when out of memory. */
struct sip_trx *trx_alloc(struct sip_trxs *all, enum trx_kind kind, enum sip_method method, const struct trx_key *key,
			  const struct sip_flow *flow);
void trx_set_state(struct sip_trx *trx, enum trx_state state);
void trx_set_background(struct sip_trx *trx); /*!< nobody waits for it: no reason not to stop */
void trx_keep(struct sip_trx *trx, const void *data, size_t len); /*!< NULL: drop */
int trx_send(struct sip_trx *trx);
void trx_count(const struct sip_trx *trx, enum sip_ctr ctr);
void trx_free(struct sip_trx *trx);

/* sip_trx_flow.c */
void trx_flow_begin(struct sip_trx *trx);
void trx_flow_end(struct sip_trx *trx);
bool trx_flow_fall_back(struct sip_trx *trx);
bool trx_flow_again(struct sip_trx *trx, enum trx_lost lost);

/* sip_trx_fsm.c */
void trx_start(struct sip_trx *trx);
bool trx_event(struct sip_trx *trx, enum trx_event event, struct trx_input *in);
void trx_cancel(struct sip_trx *trx);
void trx_retrans_start(struct sip_trx *trx, uint32_t ms);
void trx_retrans_stop(struct sip_trx *trx);
void trx_timer_cb_timeout(void *data);

/* sip_trx_msg.c: all return static memory, good until the next of them is called; -EMSGSIZE if it does not fit */
int trx_msg_ack(const char **out, const struct sip_trx *invite, const struct sip_msg *resp);
int trx_msg_cancel(const char **out, const struct sip_trx *invite);
int trx_msg_500(const char **out, const struct sip_trx *trx);
int trx_msg_response(const char **out, const struct sip_msg *req, uint16_t status, const char *to_tag, const char *extra);
void trx_msg_to_tag(char *buf, size_t len, const struct sip_trx *trx);
bool trx_msg_branch(char *buf, size_t len, const struct sip_trx *trx);
