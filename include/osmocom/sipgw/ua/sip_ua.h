/*! \file sip_ua.h
 * The door of the SIP side: binds transports, transactions, dialogs, sessions and peers together, and decides about every request that
 * belongs to no dialog (RFC 3261 8.2). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/rate_ctr.h>

#include <osmocom/sipgw/sip/sip_ctr.h>
#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_session.h>

struct sip_ua_ops {
	/*! A new call from \a peer. 100 was sent. Take it by sip_session_set_user(), or refuse it by sip_session_end(). */
	void (*incoming)(struct sip_session *s, struct sip_peer *peer, const struct sip_invite *inv, void *data);
	void *data;
};

#define SIP_UA_MAX_SESSIONS 20000 /*!< default */

struct sip_ua *sip_ua_alloc(void *ctx, const struct sip_ua_ops *ops);
/*! Add an address to listen on at start (a running UA: at its next start); \a addr "0.0.0.0", "::", ... Returns 0 or -EINVAL. */
int sip_ua_bind_add(struct sip_ua *ua, const char *addr, uint16_t port);
int sip_ua_bind_del(struct sip_ua *ua, const char *addr, uint16_t port);
/*! The same for any kind of transport (the two above: UDP). */
int sip_ua_bind_add_kind(struct sip_ua *ua, const char *addr, uint16_t port, enum sip_transport_id transport);
int sip_ua_bind_del_kind(struct sip_ua *ua, const char *addr, uint16_t port, enum sip_transport_id transport);
struct sip_transport_cfg *sip_ua_transport_cfg(struct sip_ua *ua); /*!< limits and certificates, to be set; strings become talloc children of the UA */
/*! Read certificates and key again; connections go on with the old ones. 0, or -EINVAL with a sentence in \a why (static) and nothing changed. */
int sip_ua_tls_reload(struct sip_ua *ua, const char **why);
bool sip_ua_tls_left_s(const struct sip_ua *ua, long *left_s); /*!< sip_transports_tls_left_s() */
void sip_ua_each_conn(const struct sip_ua *ua, void (*cb)(const struct sip_conn_info *info, void *data), void *data);
/*! Open the sockets; with none configured 0.0.0.0:5060. 0, or negative errno with a sentence in \a why (talloc child of ua). */
int sip_ua_start(struct sip_ua *ua, const char **why);
void sip_ua_stop(struct sip_ua *ua);			/*!< one BYE for each call that may be up, close sockets, forget everything; sessions that still have a user tell it by ended(503) */
bool sip_ua_idle(const struct sip_ua *ua);		/*!< no session, no client transaction that still waits for a final response, no request that waits for a name */

void sip_ua_set_max_sessions(struct sip_ua *ua, unsigned int max); /*!< further calls are refused with 503; default 20000 */
void sip_ua_set_refuse_unknown(struct sip_ua *ua, bool refuse);	/*!< requests from unknown sources: 403, or no answer at all (default) */
bool sip_ua_refuses_unknown(const struct sip_ua *ua);
unsigned int sip_ua_max_sessions(const struct sip_ua *ua);
void sip_ua_set_user_agent(struct sip_ua *ua, const char *text); /*!< of User-Agent and Server, up to 127 bytes; NULL: our name and version */
const char *sip_ua_user_agent(const struct sip_ua *ua);	/*!< NULL: not set */

/*! Where the names of peers are looked up; NULL: at the name servers of the system. \a port 0: 53. */
void sip_ua_set_nameserver(struct sip_ua *ua, const char *addr, uint16_t port);
const char *sip_ua_nameserver(const struct sip_ua *ua, uint16_t *port);

struct llist_head *sip_ua_peers(struct sip_ua *ua);	/*!< list of struct sip_peer */
struct rate_ctr_group *sip_ua_ctrs(const struct sip_ua *ua);

/*! For the operator and for writing the configuration. */
struct sip_ua_bind {
	struct llist_head entry;
	char *addr;
	uint16_t port;
	int transport;	/*!< enum sip_transport_id */
	bool open;
};
struct llist_head *sip_ua_binds(struct sip_ua *ua);	/*!< list of struct sip_ua_bind */
void sip_ua_get_counts(const struct sip_ua *ua, unsigned int *n_sessions, unsigned int *n_transactions);
