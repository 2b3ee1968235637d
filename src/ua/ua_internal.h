/*! \file ua_internal.h
 * The user agent from inside: what all of its files know of each other. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/hashtable.h>
#include <osmocom/core/linuxlist.h>

#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/sip/sip_trx.h>
#include <osmocom/sipgw/sip/sip_tx.h>
#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "sip_dialog.h"
#include "sip_session_internal.h"

#define SIP_ALLOW	 "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE"
#define SIP_ACCEPT_INFO	 "application/dtmf-relay, application/dtmf"

/*! A source that a line was written about. */
struct sip_stranger {
	uint64_t hash, last_ms;
	unsigned int left_out;
};

/*! What there is to remember at the door (sip_door.c). */
struct sip_door {
	struct sip_stranger strangers[64];
	uint64_t begun_ms;    /*!< of the interval that n_lines is about */
	unsigned int n_lines;
};

struct sip_ua {
	struct sip_ua_ops ops;
	struct llist_head binds;
	struct llist_head peers;
	struct llist_head sessions;
	struct llist_head requests; /*!< sip_request.c */
	struct sip_auth_nonces *nonces; /*!< sip_auth_server.c; NULL: none used so far */
	DECLARE_HASHTABLE(by_addr, 8); /*!< struct sip_target */
	struct sip_resolver *resolver; /*!< NULL: not needed so far */
	char *nameserver; /*!< NULL: the system's */
	uint16_t nameserver_port;
	struct llist_head names; /*!< sip_name.c */
	unsigned int n_sessions;
	unsigned int max_sessions;
	bool refuse_unknown; /*!< 403 to requests from unknown sources; else no answer at all */
	bool started, stopping;
	struct sip_transports *tps;
	struct sip_transport_cfg tp_cfg; /*!< strings are children of the UA */
	struct sip_trxs *trxs;
	struct rate_ctr_group *ctrs;
	struct sip_door door;
	char *user_agent; /*!< NULL: our own */
	struct log_limit malformed_limit, cseq_limit, name_limit;
	DECLARE_HASHTABLE(by_call_id, 13);
};

/* sip_peer.c */
struct sip_resolver *sip_ua_resolver(struct sip_ua *ua); /*!< NULL when out of memory */
void sip_ua_drop_resolver(struct sip_ua *ua);

/* sip_door.c */
struct sip_peer *sip_door_peer(const struct sip_ua *ua, const struct sip_flow *from);
const char *sip_door_tls_name(const struct sip_ua *ua, const struct osmo_sockaddr *remote, bool *verify);
void sip_door_stamp(struct sip_flow *flow, const struct sip_peer *peer);
bool sip_door_opens(const struct sip_ua *ua, struct sip_flow *from, const uint8_t *bytes, size_t len);
bool sip_door_welcomes(const struct sip_ua *ua, const struct sip_msg *msg, const struct sip_flow *from);
void sip_door_follow(const struct sip_session *s, struct sip_dialog *dlg, const struct sip_flow *from);
void sip_door_turned_away(struct sip_ua *ua, const struct sip_flow *from, const uint8_t *buf, size_t len);

/* sip_peer.c */
struct sip_peer *sip_peer_by_flow(const struct sip_ua *ua, const struct sip_flow *from); /* sip_target.c */
void sip_peers_start(struct sip_ua *ua);
void sip_peers_stop(struct sip_ua *ua);

/* sip_ua_request.c */
void sip_ua_rx(void *data, const struct sip_flow *from, const uint8_t *buf, size_t len);
void sip_ua_rx_request(void *data, struct sip_trx *trx, const struct sip_msg *req, const struct sip_flow *from);
void sip_ua_rx_stray(void *data, const struct sip_msg *resp, const struct sip_flow *from);
struct sip_session *sip_ua_session_by_request(const struct sip_ua *ua, const struct sip_msg *req, const struct osmo_sockaddr *from);
/*! The checks that hold inside and outside of dialogs (RFC 3261 8.2.2.3, 8.2.3). True if the request was answered. */
/*! \a peer: whose settings say which extensions we know, NULL: none. */
bool sip_ua_refuse_extension(struct sip_trx *trx, const struct sip_msg *req, const char *to_tag, const struct sip_peer *peer);
bool sip_ua_refuse_content(struct sip_trx *trx, const struct sip_msg *req, const char *to_tag);
