/*! \file sip_conn.h
 * Connections of stream transports from inside: shared by sip_conn.c (object), sip_conn_io.c (what happens on it), sip_conn_timer.c,
 * sip_listen.c (accepting), and the kinds sip_tcp.c and sip_tls.c. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <sys/types.h>

#include <osmocom/core/hashtable.h>
#include <osmocom/core/linuxlist.h>
#include <osmocom/core/select.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/sip/sip_ctr.h>
#include <osmocom/sipgw/sip/sip_transport.h>

#include "sip_stream.h"

#define SIP_CONN_MAX_QUEUE	(512 * 1024)	    /* bytes that one connection may owe */
#define SIP_CONN_MAX_MSGS	2000		    /* messages ... */
#define SIP_CONN_MAX_ALL_QUEUES (64 * 1024 * 1024)  /* bytes that all of them may */
#define SIP_CONN_FD_RESERVE	64		    /* file descriptors that are left for everything else */

enum sip_conn_state {
	SIP_CONN_CONNECTING, /*!< ours */
	SIP_CONN_HANDSHAKE,  /*!< TLS */
	SIP_CONN_OPEN,
	SIP_CONN_CLOSING,    /*!< refused: what we have said is sent, what comes is not read any more */
	SIP_CONN_DEAD,	     /*!< closed; somebody is still inside */
};

struct sip_conn;

/*! What the kinds do differently. -EAGAIN: not now. */
struct sip_conn_io {
	int (*start)(struct sip_conn *conn);	 /*!< it is connected. 0 or negative errno */
	int (*handshake)(struct sip_conn *conn); /*!< 0: done. Has logged why if it fails */
	ssize_t (*read)(struct sip_conn *conn, void *buf, size_t len); /*!< 0: the other side has closed */
	ssize_t (*write)(struct sip_conn *conn, const void *buf, size_t len);
	bool (*pending)(struct sip_conn *conn); /*!< has bytes that no poll() will tell of */
	void (*end)(struct sip_conn *conn);
};

/*! Connections accepted from one address. */
struct sip_source {
	struct hlist_node node;
	struct osmo_sockaddr addr;
	unsigned int n;
};

/*! A message that waits to be written. */
struct sip_conn_out {
	struct llist_head entry;
	size_t len, done;
	uint8_t data[];
};

struct sip_conn {
	struct hlist_node node;	  /*!< by transport and remote address */
	struct llist_head entry;
	struct sip_transport *tp;
	const struct sip_conn_io *io;
	struct osmo_sockaddr remote;
	struct sip_source *source; /*!< accepted ones */
	struct osmo_fd ofd;
	struct osmo_timer_list timer;
	struct sip_stream in;
	struct llist_head out;
	unsigned int n_out;
	size_t out_bytes;
	enum sip_conn_state state;
	unsigned int in_use;
	/* ms, CLOCK_MONOTONIC; 0: not so */
	uint64_t since;	     /*!< in this state */
	uint64_t begun;
	uint64_t used;	     /*!< a message went either way, or a ping came */
	uint64_t half;	     /*!< a message has begun and not ended, or none came at all on an accepted one */
	uint64_t stuck;	     /*!< nothing could be written */
	uint64_t pinged;     /*!< our ping waits for its pong */
	uint64_t last_ping;
	unsigned long rx, tx;
	uint8_t crlfs;
	uint8_t home;	     /*!< accepted ones: the address of ours that it came to */
	bool has_ponged;     /*!< it answers pings: then one without is a failure */
	bool was_open;
	bool is_stranger;    /*!< accepted from an address that nobody knew then */
	bool write_wants_read; /*!< TLS: no use in waiting for writability */
	bool wants_write;      /*!< TLS handshake */
	void *ssl;	     /*!< TLS: SSL */
	char **names;	     /*!< TLS: of the verified certificate, NULL ends them; NULL: none */
};

/*! All transports, and what connections share. */
struct sip_transports {
	struct llist_head list;
	sip_transport_rx_cb rx;
	void *data;
	sip_transport_lost_cb lost;
	void *lost_data;
	sip_transport_undelivered_cb undelivered;
	void *undelivered_data;
	struct rate_ctr_group *ctrs;
	struct sip_transport_cfg default_cfg;
	const struct sip_transport_cfg *cfg; /*!< never NULL */
	sip_transport_tls_name_cb tls_name;
	void *cfg_data;
	sip_transport_known_cb known;
	void *known_data;
	struct llist_head conns;
	unsigned int n_accepted, n_strangers; /*!< all of them, and those nobody knows */
	size_t out_bytes;
	struct log_limit refused_limit, failed_limit, bad_limit;
	void *tls_client, *tls_server; /*!< SSL_CTX */
	struct sip_local_cache *local;
	DECLARE_HASHTABLE(by_remote, 10);
	DECLARE_HASHTABLE(by_source, 8);
};

void sip_transports_count(const struct sip_transports *all, enum sip_ctr ctr);

#define LOG_CONN(conn, level, fmt, args...) \
	LOGP(DSIPTRX, level, "%s connection %s %s: " fmt, (conn)->tp->ops->name, (conn)->source ? "from" : "to", \
	     osmo_sockaddr_to_str(&(conn)->remote), ##args)

/* sip_conn.c */
uint64_t sip_conn_now(void);
struct sip_conn *sip_conn_alloc(struct sip_transport *tp, const struct osmo_sockaddr *remote, int fd, const struct sip_conn_io *io);
struct sip_conn *sip_conn_find(const struct sip_transport *tp, const struct osmo_sockaddr *remote);
void sip_conn_set_state(struct sip_conn *conn, enum sip_conn_state state);
/*! The end of a connection. \a why: words for the log, or NULL. It may be freed: nothing of it must be touched but under in_use. */
void sip_conn_close(struct sip_conn *conn, const char *why);
void sip_conn_get(struct sip_conn *conn);
void sip_conn_put(struct sip_conn *conn);
void sip_conn_close_of(struct sip_transport *tp);
int sip_conn_send(struct sip_transport *tp, const struct osmo_sockaddr *remote, const void *data, size_t len, const struct sip_conn_io *io);
int sip_conn_connect(struct sip_transport *tp, const struct osmo_sockaddr *remote, const struct sip_conn_io *io, struct sip_conn **out);
bool sip_conn_fd_ok(int fd);
socklen_t sip_sockaddr_len(const struct osmo_sockaddr *addr);

/* sip_conn_io.c */
int sip_conn_event_cb(struct osmo_fd *ofd, unsigned int what);
void sip_conn_connected(struct sip_conn *conn);
int sip_conn_queue(struct sip_conn *conn, const void *data, size_t len);
int sip_conn_write(struct sip_conn *conn, const void *data, size_t len);
void sip_conn_update_events(struct sip_conn *conn);

/* sip_conn_timer.c */
void sip_conn_timer_cb(void *data);
void sip_conn_timer_update(struct sip_conn *conn);

/* sip_listen.c */
int sip_listen_open(struct sip_transport *tp, const struct sip_conn_io *io, bool accepting);
int sip_listen_accepting(struct sip_transport *tp);
void sip_listen_close(struct sip_transport *tp);
void sip_source_put(struct sip_transports *all, struct sip_source *source);

/* sip_tls.c */
void sip_tls_free(struct sip_transports *all);
