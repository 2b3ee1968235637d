/*! \file sip_transport.h
 * SIP transports: a table of kinds (UDP now; TCP and TLS are further rows), the sockets bound, and flows to send along.
 *
 * Nothing above knows which kind it uses, but for whether it is reliable. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/socket.h>

struct rate_ctr_group;
struct sip_transports;
struct sip_transport;

enum sip_transport_id {
	SIP_TP_UDP,
	SIP_TP_TCP,
	SIP_TP_TLS,
};

/*! Where a message came from, or where to send one: our transport and the other side's address. */
struct sip_flow {
	struct sip_transport *tp;
	struct osmo_sockaddr remote;
	uint8_t alias;		/*!< the name that we go by there, of sip_alias_get(); 0: our own address */
	uint8_t home;		/*!< the address of ours that the other side talks to, of sip_home_get(); 0: not known, the system chooses */
	bool symmetric;		/*!< requests in a dialog go where its messages come from, whatever the Contact says */
};

/*! A flow to be kept: without the 128 bytes of a struct osmo_sockaddr. */
struct sip_hop {
	struct sip_transport *tp;
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	} u;
	uint8_t alias, home;
	bool symmetric;
};

static inline void sip_hop_set(struct sip_hop *hop, const struct sip_flow *flow)
{
	hop->tp = flow->tp;
	hop->alias = flow->alias;
	hop->home = flow->home;
	hop->symmetric = flow->symmetric;
	memcpy(&hop->u, &flow->remote.u, sizeof(hop->u));
}

static inline void sip_hop_flow(const struct sip_hop *hop, struct sip_flow *flow)
{
	*flow = (struct sip_flow){
		.tp = hop->tp, .alias = hop->alias, .home = hop->home, .symmetric = hop->symmetric
	};
	memcpy(&flow->remote.u, &hop->u, sizeof(hop->u));
}

/*! What is the same for all transports. Strings are talloc children of whoever owns this; NULL: not set. */
struct sip_transport_cfg {
	unsigned int max_conns;		/*!< accepted connections at a time, in total */
	unsigned int max_conns_per_source; /*!< ... from one address */
	unsigned int udp_limit;		/*!< requests that are longer go over TCP if there is (RFC 3261 18.1.1); 0: never */
	char *tls_cert, *tls_key;	/*!< files (PEM): our certificate with its chain, and its key; without: TLS is for connections of ours only */
	char *tls_ca;			/*!< file of the authorities we trust; NULL: those of the system */
	bool tls_verify_client;		/*!< who connects to us has to have a certificate, too */
};

/*! How a connection ended. */
enum sip_flow_loss {
	SIP_FLOW_CLOSED,	/*!< it was open */
	SIP_FLOW_FAILED,	/*!< it could not be opened */
};

/*! Nothing is connected to that address any more: what was sent may not have arrived. Must not close transports. */
typedef void (*sip_transport_lost_cb)(void *data, const struct sip_flow *flow, enum sip_flow_loss why);
/*! A datagram of ours came back: nobody is there (ICMP). \a data: its beginning, as much of it as came back. */
typedef void (*sip_transport_undelivered_cb)(void *data, const char *msg, size_t len);
/*! Is that the address of somebody who may connect? */
typedef bool (*sip_transport_known_cb)(void *data, const struct osmo_sockaddr *remote);
/*! Which name the certificate of \a remote has to have; NULL: the address itself. \a verify: false turns checks off. */
typedef const char *(*sip_transport_tls_name_cb)(void *data, const struct osmo_sockaddr *remote, bool *verify);

/*! One kind of transport. */
struct sip_transport_ops {
	enum sip_transport_id id;
	const char *name;	/*!< in Via: "UDP" */
	const char *param;	/*!< transport= value in URIs: "udp" */
	bool reliable;
	uint16_t default_port;
	/*! Open the socket of tp at tp->bound. 0 or negative errno. */
	int (*open)(struct sip_transport *tp);
	void (*close)(struct sip_transport *tp);
	/*! Send or queue. 0, or negative errno when it cannot be sent now or ever. */
	int (*send)(const struct sip_flow *to, const void *data, size_t len);
	/*! Streams: see that there is a connection. 0 (or it is being opened), or negative errno. NULL: there are no connections. */
	int (*connect)(struct sip_transport *tp, const struct osmo_sockaddr *remote);
};

/*! One bound socket (and, for streams, its connections). */
struct sip_transport {
	struct llist_head entry;
	struct sip_transports *all;
	const struct sip_transport_ops *ops;
	struct osmo_sockaddr bound;
	void *priv;
};

extern const struct sip_transport_ops sip_udp_ops, sip_tcp_ops, sip_tls_ops;
int sip_transport_id_by_name(const char *param); /*!< enum sip_transport_id of "udp", "tcp", "tls"; -1: none of them */
const struct sip_transport_ops *sip_transport_kind(enum sip_transport_id id); /*!< row of the table, NULL if not built in */

/*! \a from and \a buf are borrowed for the duration of the call. Must not close transports. */
typedef void (*sip_transport_rx_cb)(void *data, const struct sip_flow *from, const uint8_t *buf, size_t len);

struct sip_transports *sip_transports_alloc(void *ctx, sip_transport_rx_cb rx, void *data);
/*! Whom to tell that a connection is gone or could not be opened. */
void sip_transports_set_lost(struct sip_transports *all, sip_transport_lost_cb lost, void *data);
void sip_transports_set_undelivered(struct sip_transports *all, sip_transport_undelivered_cb undelivered, void *data);
/*! Settings, borrowed; read whenever they are needed. Without, the defaults of sip_transport_cfg_default(). */
void sip_transports_set_cfg(struct sip_transports *all, const struct sip_transport_cfg *cfg, sip_transport_tls_name_cb tls_name, void *data);
/*! Who is known has a quarter of the accepted connections for himself; without this, everybody is. */
void sip_transports_set_known(struct sip_transports *all, sip_transport_known_cb known, void *data);
void sip_transport_cfg_default(struct sip_transport_cfg *cfg);
/*! Read the certificates again; connections keep theirs. 0, or -EINVAL with a sentence in \a why (static): then all stays as it was. */
int sip_transports_tls_reload(struct sip_transports *all, const char **why);
/*! How many seconds our certificate is good for; negative: it has expired. False if there is none. */
bool sip_transports_tls_left_s(const struct sip_transports *all, long *left_s);
/*! Bind. 0, -EADDRINUSE, -EADDRNOTAVAIL, -EPROTONOSUPPORT, ... */
int sip_transport_listen(struct sip_transports *all, enum sip_transport_id id, const struct osmo_sockaddr *addr);
void sip_transport_close_all(struct sip_transports *all);
void sip_transports_free(struct sip_transports *all);	/*!< closes all, too */
/*! Where to count, by enum sip_ctr: SIP_CTR_RX, _TX, _TX_FAILED. Borrowed, may be NULL. */
void sip_transports_set_ctrs(struct sip_transports *all, struct rate_ctr_group *ctrs);
/*! For the kinds: a message came. */
void sip_transport_rx(const struct sip_flow *from, const uint8_t *buf, size_t len);
/*! The bound transport to reach \a remote by: kind and address family match. NULL if none. */
struct sip_transport *sip_transport_for(const struct sip_transports *all, enum sip_transport_id id, const struct osmo_sockaddr *remote);
/*! The same, bound to that address of ours (as text, without port); NULL: to any. */
struct sip_transport *sip_transport_at(const struct sip_transports *all, enum sip_transport_id id, const struct osmo_sockaddr *remote,
				       const char *local_addr);
/*! Another kind at the same address of ours as \a tp, else any of that kind, to reach \a remote by; NULL if none. */
struct sip_transport *sip_transport_sibling(struct sip_transport *tp, enum sip_transport_id id, const struct osmo_sockaddr *remote);
/*! See that there is a connection; 0 if so, if it is being opened (a failure is told later), and for datagrams. */
int sip_transport_open(const struct sip_flow *to);
unsigned int sip_transport_udp_limit(const struct sip_transports *all);
/*! Was \a name proved by the certificate of who is at the other end? No for anything but TLS. */
bool sip_transport_flow_has_name(const struct sip_flow *flow, const char *name);

/*! One connection, for the operator. */
struct sip_conn_info {
	const struct sip_transport_ops *ops;
	const struct osmo_sockaddr *remote;
	bool accepted;		/*!< else opened by us */
	const char *state;	/*!< "connecting", "handshake", "open", "closing" */
	unsigned long age_ms, idle_ms;
	unsigned long rx, tx;	/*!< messages */
	size_t queued;		/*!< bytes that the other side does not take */
	const char *name;	/*!< a name of its verified certificate, "" if none */
};
void sip_transports_each_conn(const struct sip_transports *all, void (*cb)(const struct sip_conn_info *info, void *data), void *data);

/*! 0 also when a datagram had to be dropped because the socket is full (it will be repeated); negative errno when it cannot go there. */
int sip_transport_send(const struct sip_flow *to, const void *data, size_t len);
/*! The number of an address of ours, for struct sip_flow. 0: there are too many. (sip_home.c) */
uint8_t sip_home_get(const struct osmo_sockaddr *addr);
/*! The address of that number, without a port. False if there is none, or of another family. */
bool sip_home_addr(uint8_t number, sa_family_t family, struct osmo_sockaddr *addr);
/*! Bound to all addresses? */
bool sip_addr_is_wildcard(const struct osmo_sockaddr *addr);
/*! The address that \a to sees us at: what we bound, or with a wildcard bind the one it talks to, else the one the kernel would send from (cached).
 * Port as bound. */
int sip_transport_local(const struct sip_flow *to, struct osmo_sockaddr *local);
/*! "192.0.2.1:5060", "[2001:db8::1]:5060": as in Via and URIs */
int sip_hostport_buf(char *buf, size_t len, const struct osmo_sockaddr *addr);
bool sip_addr_equal(const struct osmo_sockaddr *a, const struct osmo_sockaddr *b, bool with_port);
