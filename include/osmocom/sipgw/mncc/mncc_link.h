/*! \file mncc_link.h
 * The link to the MSC: client of its SEQPACKET socket, for ever connecting again; calls on it are found by callref. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/hashtable.h>
#include <osmocom/core/linuxlist.h>

#include <osmocom/sipgw/mncc/mncc_msg.h>

struct mncc_link;
struct mncc_call;
struct vty;

/*! What the user of one callref wants to hear. Called straight from the socket; free or detach inside is allowed. */
struct mncc_call_ops {
	void (*rx)(struct mncc_call *mc, const struct mncc_msg *msg);
	void (*link_down)(struct mncc_call *mc); /*!< the MSC has forgotten the call; mc is detached already */
};

/*! One callref in use, embedded in the GSM leg. */
struct mncc_call {
	struct hlist_node node;
	struct llist_head entry;
	struct mncc_link *link; /*!< NULL: not attached */
	uint32_t callref;
	const struct mncc_call_ops *ops;
};

/*! What the user of the link wants to hear. */
struct mncc_link_ops {
	/*! MNCC_SETUP_IND: a call from a phone. Returns false if it was not taken (the link then refuses it: cause 47).
	 * Not asked while mncc_link_accepts_calls() says no: the link refuses by itself, cause 41
	 * (mncc_link_refuse_calls()) or 42 (transmit queue). */
	bool (*setup_ind)(struct mncc_link *link, const struct mncc_msg *msg, void *data);
	/*! The link came up (HELLO accepted) or went down. May be NULL. */
	void (*state)(struct mncc_link *link, bool up, void *data);
	void *data;
};

enum mncc_link_state {
	MNCC_LINK_ST_DOWN,	 /*!< waiting before the next try */
	MNCC_LINK_ST_CONNECTING, /*!< the MSC does not accept (its listen queue is full): waiting as well */
	MNCC_LINK_ST_HELLO,	 /*!< connected, the MSC has not said HELLO yet */
	MNCC_LINK_ST_UP,
};

enum mncc_link_ctr {
	MNCC_CTR_RX,
	MNCC_CTR_TX,
	MNCC_CTR_RX_MALFORMED,
	MNCC_CTR_RX_UNKNOWN_CALLREF,
	MNCC_CTR_TX_DELAYED,
	MNCC_CTR_TX_REFUSED,
	MNCC_CTR_CONNECTS,
	MNCC_CTR_DISCONNECTS,
	MNCC_CTR_RX_DUPLICATE,
	MNCC_CTR_CALLS_REFUSED,
};

/*! What kind of failure it was last time: what the operator can do differs. */
enum mncc_link_error {
	MNCC_LINK_ERR_NONE,
	MNCC_LINK_ERR_NO_SOCKET,  /*!< the socket is not there, or nobody listens on it */
	MNCC_LINK_ERR_PERMISSION, /*!< we may not write to it */
	MNCC_LINK_ERR_NOT_MNCC,	  /*!< something else is there */
	MNCC_LINK_ERR_BUSY,	  /*!< it accepts nobody, or says no HELLO: it serves another client */
	MNCC_LINK_ERR_VERSION,	  /*!< of the protocol: not ours */
	MNCC_LINK_ERR_LOST,	  /*!< it was up, and was closed or broke; also any other failure */
};

struct mncc_link *mncc_link_alloc(void *ctx, const struct mncc_link_ops *ops);
void mncc_link_start(struct mncc_link *link); /*!< begin to connect */
/*! Flush what is queued as far as the socket takes it, close, stay closed. */
void mncc_link_stop(struct mncc_link *link);
/*! From now on answer each MNCC_SETUP_IND with cause 41, since we are stopping. Calls that are there go on. */
void mncc_link_refuse_calls(struct mncc_link *link, bool refuse);
/*! A path that differs from the present one connects anew, at once. */
void mncc_link_set_path(struct mncc_link *link, const char *path);
const char *mncc_link_path(const struct mncc_link *link);
bool mncc_link_is_up(const struct mncc_link *link);
/*! Can a new call be carried? False while down and while the transmit queue is long. */
bool mncc_link_accepts_calls(const struct mncc_link *link);
const struct mncc_layout *mncc_link_layout(const struct mncc_link *link); /*!< NULL while down */

/*! Send. Queued when the socket is full, in order. Returns 0, -ENOTCONN, -EMSGSIZE (sdp too long), -ENOBUFS (queue
 * long: SETUP_REQ only; and anything once the MSC has not read for so long that 16 messages per call and 8192 more are
 * waiting). */
int mncc_link_tx(struct mncc_link *link, const struct mncc_msg *msg);

/*! Hear about \a callref from now on; 0 picks a free one for an MT call (1..0x1fffffff). Returns 0 or -EEXIST. */
int mncc_call_attach(struct mncc_call *mc, struct mncc_link *link, uint32_t callref, const struct mncc_call_ops *ops);
void mncc_call_detach(struct mncc_call *mc);

/*! For the operator. */
struct mncc_link_info {
	enum mncc_link_state state;
	const char *path;
	const struct mncc_layout *layout; /*!< NULL unless up */
	unsigned int n_calls, queue_len, queue_max_seen;
	uint64_t since_ms;	/*!< how long in this state */
	const char *last_error; /*!< why it was lost or could not connect last time, "" if never */
	enum mncc_link_error error; /*!< the same by kind */
	bool error_is_past;	/*!< it has come further since */
};
void mncc_link_get_info(const struct mncc_link *link, struct mncc_link_info *info);
struct rate_ctr_group *mncc_link_ctrs(const struct mncc_link *link);
extern const struct value_string mncc_link_state_names[];
