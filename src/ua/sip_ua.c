/* The SIP user agent as an object: what it listens on, starting and stopping it, its counters.
 *
 * It owns transports, transactions, sessions and peers. Stopping ends whatever is left, with one BYE, not waited for,
 * where the peer has a call; whoever wants calls ended politely ends the sessions first and waits until
 * sip_ua_idle(). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>

#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>

#include <osmocom/sipgw/ua/sip_reg.h>

#include "ua_internal.h"
#include "sip_name.h"
#include "sip_request.h"

#define DEFAULT_ADDR "0.0.0.0"
#define DEFAULT_PORT 5060

static const struct rate_ctr_desc ua_ctr_desc[] = {
	[SIP_CTR_RX] = { "rx", "Messages received" },
	[SIP_CTR_TX] = { "tx", "Messages sent" },
	[SIP_CTR_TX_FAILED] = { "tx:failed", "Messages that could not be sent" },
	[SIP_CTR_RETRANS_TX] = { "retrans:tx", "Messages sent again because no response or ACK came" },
	[SIP_CTR_RETRANS_RX] = { "retrans:rx", "Messages received again" },
	[SIP_CTR_RX_MALFORMED] = { "rx:malformed", "Messages that are no SIP or break its rules" },
	[SIP_CTR_RX_REJECTED] = { "rx:rejected", "Requests outside of calls that were refused" },
	[SIP_CTR_RX_STRAY] = { "rx:stray", "Responses and ACKs that belong to nothing" },
	[SIP_CTR_RX_UNKNOWN_SOURCE] = { "rx:unknown_source", "Requests from addresses that are no peer's" },
	[SIP_CTR_TRX_TIMEOUT] = { "trx:timeout", "Transactions that got no response or ACK in time" },
	[SIP_CTR_REFUSED_LIMIT] = { "refused:limit", "Calls refused because there are too many" },
	[SIP_CTR_CONN_OPENED] = { "conn:opened", "Connections opened by us (TCP, TLS)" },
	[SIP_CTR_CONN_ACCEPTED] = { "conn:accepted", "Connections accepted" },
	[SIP_CTR_CONN_FAILED] = { "conn:failed", "Connections that did not come to be open" },
	[SIP_CTR_CONN_REFUSED] = { "conn:refused", "Connections refused because there are too many" },
	[SIP_CTR_CONN_SLOW] = { "conn:slow", "Connections closed because nobody reads what we send" },
	[SIP_CTR_CONN_SILENT] = { "conn:silent", "Connections closed after half a message, or none" },
	[SIP_CTR_TLS_FAILED] = { "tls:failed", "TLS handshakes that failed" },
	[SIP_CTR_STREAM_BAD] = { "stream:bad", "Connections closed: message too long or of unknown length" },
};

static const struct rate_ctr_group_desc ua_ctrg_desc = {
	.group_name_prefix = "sip",
	.group_description = "SIP user agent",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_ctr = ARRAY_SIZE(ua_ctr_desc),
	.ctr_desc = ua_ctr_desc,
};

static int ua_destructor(struct sip_ua *ua)
{
	sip_ua_stop(ua);
	while (!llist_empty(&ua->peers))
		sip_peer_free(llist_first_entry(&ua->peers, struct sip_peer, entry));
	rate_ctr_group_free(ua->ctrs);
	return 0;
}

/*! A user agent without peers, not listening yet. NULL when out of memory. Freed by talloc_free(). */
struct sip_ua *sip_ua_alloc(void *ctx, const struct sip_ua_ops *ops)
{
	static unsigned int next_idx;
	struct sip_ua *ua = talloc_zero(ctx, struct sip_ua);

	if (!ua)
		return NULL;
	ua->ops = *ops;
	ua->max_sessions = SIP_UA_MAX_SESSIONS;
	sip_transport_cfg_default(&ua->tp_cfg);
	INIT_LLIST_HEAD(&ua->binds);
	INIT_LLIST_HEAD(&ua->peers);
	INIT_LLIST_HEAD(&ua->sessions);
	INIT_LLIST_HEAD(&ua->requests);
	INIT_LLIST_HEAD(&ua->names);
	hash_init(ua->by_call_id);
	hash_init(ua->by_addr);
	ua->ctrs = rate_ctr_group_alloc(ua, &ua_ctrg_desc, next_idx++);
	if (!ua->ctrs) {
		talloc_free(ua);
		return NULL;
	}
	sip_msg_init();
	talloc_set_destructor(ua, ua_destructor);
	return ua;
}

/* ---- what it listens on ---- */

static int parse_addr(struct osmo_sockaddr *addr, const char *str, uint16_t port)
{
	*addr = (struct osmo_sockaddr){};
	if (inet_pton(AF_INET, str, &addr->u.sin.sin_addr) == 1)
		addr->u.sin.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, str, &addr->u.sin6.sin6_addr) == 1)
		addr->u.sin6.sin6_family = AF_INET6;
	else
		return -EINVAL;
	osmo_sockaddr_set_port(&addr->u.sa, port);
	return 0;
}

static struct sip_ua_bind *bind_find(const struct sip_ua *ua, const char *addr, uint16_t port,
				     enum sip_transport_id transport)
{
	struct sip_ua_bind *bind;

	llist_for_each_entry (bind, &ua->binds, entry) {
		if (bind->port == port && bind->transport == (int)transport && strcmp(bind->addr, addr) == 0)
			return bind;
	}
	return NULL;
}

/* The same address twice is one. A running UA takes it up at its next start. */
int sip_ua_bind_add_kind(struct sip_ua *ua, const char *addr, uint16_t port, enum sip_transport_id transport)
{
	struct sip_ua_bind *bind;
	struct osmo_sockaddr parsed;

	if (parse_addr(&parsed, addr, port) < 0 || !port)
		return -EINVAL;
	if (bind_find(ua, addr, port, transport))
		return 0;
	bind = talloc_zero(ua, struct sip_ua_bind);
	if (!bind)
		return -ENOMEM;
	bind->addr = talloc_strdup(bind, addr);
	bind->port = port;
	bind->transport = transport;
	llist_add_tail(&bind->entry, &ua->binds);
	return 0;
}

int sip_ua_bind_add(struct sip_ua *ua, const char *addr, uint16_t port)
{
	return sip_ua_bind_add_kind(ua, addr, port, SIP_TP_UDP);
}

/*! 0, or -ENOENT. */
int sip_ua_bind_del_kind(struct sip_ua *ua, const char *addr, uint16_t port, enum sip_transport_id transport)
{
	struct sip_ua_bind *bind = bind_find(ua, addr, port, transport);

	if (!bind)
		return -ENOENT;
	llist_del(&bind->entry);
	talloc_free(bind);
	return 0;
}

int sip_ua_bind_del(struct sip_ua *ua, const char *addr, uint16_t port)
{
	return sip_ua_bind_del_kind(ua, addr, port, SIP_TP_UDP);
}

struct sip_transport_cfg *sip_ua_transport_cfg(struct sip_ua *ua)
{
	return &ua->tp_cfg;
}

/* ---- start, stop ---- */

static const char *bind_trouble(int rc)
{
	switch (rc) {
	case -EADDRINUSE:
		return "the address is in use: another SIP program, or another osmo-sipgw, listens there";
	case -EADDRNOTAVAIL:
		return "this machine does not have the address";
	case -EACCES:
		return "not permitted";
	case -ENOKEY:
		return "certificate, key or authorities cannot be used, as the log says";
	default:
		return strerror(-rc);
	}
}

static int listen_on(struct sip_ua *ua, const char *addr, uint16_t port, enum sip_transport_id transport,
		     const char **why)
{
	struct osmo_sockaddr local;
	int rc = parse_addr(&local, addr, port);

	if (rc == 0)
		rc = sip_transport_listen(ua->tps, transport, &local);
	if (rc < 0)
		*why = talloc_asprintf(ua, "SIP cannot listen on %s %s port %u: %s",
				       sip_transport_kind(transport)->name, addr, port, bind_trouble(rc));
	return rc;
}

static int listen_on_all(struct sip_ua *ua, const char **why)
{
	struct sip_ua_bind *bind;
	int rc;

	if (llist_empty(&ua->binds))
		return listen_on(ua, DEFAULT_ADDR, DEFAULT_PORT, SIP_TP_UDP, why);
	llist_for_each_entry (bind, &ua->binds, entry) {
		rc = listen_on(ua, bind->addr, bind->port, bind->transport, why);
		if (rc < 0)
			return rc;
		bind->open = true;
	}
	return 0;
}

static void on_lost(void *data, const struct sip_flow *flow, enum sip_flow_loss why)
{
	struct sip_ua *ua = data;

	sip_trxs_flow_lost(ua->trxs, flow, why);
}

static void on_undelivered(void *data, const char *msg, size_t len)
{
	struct sip_ua *ua = data;

	sip_trxs_undelivered(ua->trxs, msg, len);
}

static bool is_peer(void *data, const struct osmo_sockaddr *remote)
{
	return sip_peer_by_addr(data, remote);
}

static const char *tls_name(void *data, const struct osmo_sockaddr *remote, bool *verify)
{
	return sip_door_tls_name(data, remote, verify);
}

int sip_ua_tls_reload(struct sip_ua *ua, const char **why)
{
	return ua->tps ? sip_transports_tls_reload(ua->tps, why) : 0;
}

bool sip_ua_tls_left_s(const struct sip_ua *ua, long *left_s)
{
	return ua->tps && sip_transports_tls_left_s(ua->tps, left_s);
}

void sip_ua_each_conn(const struct sip_ua *ua, void (*cb)(const struct sip_conn_info *info, void *data), void *data)
{
	if (ua->tps)
		sip_transports_each_conn(ua->tps, cb, data);
}

static void begin_with_peers(struct sip_ua *ua)
{
	sip_peers_start(ua);
	sip_regs_start(ua);
}

int sip_ua_start(struct sip_ua *ua, const char **why)
{
	struct sip_trxs_ops trx_ops = {
		.request = sip_ua_rx_request,
		.stray_response = sip_ua_rx_stray,
		.data = ua,
	};
	int rc;

	if (ua->started)
		return 0;
	ua->trxs = sip_trxs_alloc(ua, &trx_ops);
	ua->tps = sip_transports_alloc(ua, sip_ua_rx, ua);
	sip_trxs_set_ctrs(ua->trxs, ua->ctrs);
	sip_transports_set_ctrs(ua->tps, ua->ctrs);
	sip_transports_set_cfg(ua->tps, &ua->tp_cfg, tls_name, ua);
	sip_transports_set_known(ua->tps, is_peer, ua);
	sip_transports_set_lost(ua->tps, on_lost, ua);
	sip_transports_set_undelivered(ua->tps, on_undelivered, ua);
	ua->started = true;
	rc = listen_on_all(ua, why);
	if (rc < 0)
		sip_ua_stop(ua);
	else
		begin_with_peers(ua);
	return rc;
}

/* Does the peer take the call for one that is up? Without the ACK it may, and no time is left to wait for that. */
static bool may_be_up(const struct sip_session *s)
{
	return s->fi->state == SIP_SESSION_ANSWERED || s->fi->state == SIP_SESSION_HANGING_UP ||
	       s->fi->state == SIP_SESSION_CONFIRMED;
}

/* Users of sessions are told, so that nobody is left with a pointer to one. */
static void drop_sessions(struct sip_ua *ua)
{
	static const struct sip_session_info info = { .status = 503, .text = "SIP is being stopped" };

	while (!llist_empty(&ua->sessions)) {
		struct sip_session *s = llist_first_entry(&ua->sessions, struct sip_session, entry);
		uint8_t q850 = s->end_q850 ? s->end_q850 : sip_session_info_q850(&info);

		sip_session_tell_ended(s, &info);
		if (may_be_up(s))
			sip_session_tx_bye(s, q850);
		osmo_fsm_inst_term(s->fi, OSMO_FSM_TERM_REQUEST, NULL);
	}
}

void sip_ua_stop(struct sip_ua *ua)
{
	struct sip_ua_bind *bind;

	if (!ua->started)
		return;
	ua->stopping = true;
	sip_peers_stop(ua);
	drop_sessions(ua);
	sip_regs_drop(ua);
	sip_request_drop_all(ua);
	sip_ua_drop_resolver(ua);
	sip_trxs_free_all(ua->trxs);
	sip_transports_free(ua->tps);
	ua->trxs = NULL;
	ua->tps = NULL;
	ua->started = ua->stopping = false;
	llist_for_each_entry (bind, &ua->binds, entry)
		bind->open = false;
}

bool sip_ua_idle(const struct sip_ua *ua)
{
	if (!ua->started)
		return true;
	return ua->n_sessions == 0 && sip_trxs_n_pending(ua->trxs) == 0 && !sip_names_waited_for(ua);
}

void sip_ua_set_max_sessions(struct sip_ua *ua, unsigned int max)
{
	ua->max_sessions = max;
}

void sip_ua_set_refuse_unknown(struct sip_ua *ua, bool refuse)
{
	ua->refuse_unknown = refuse;
}

bool sip_ua_refuses_unknown(const struct sip_ua *ua)
{
	return ua->refuse_unknown;
}

unsigned int sip_ua_max_sessions(const struct sip_ua *ua)
{
	return ua->max_sessions;
}

void sip_ua_set_user_agent(struct sip_ua *ua, const char *text)
{
	osmo_talloc_replace_string(ua, &ua->user_agent, text);
	sip_tx_set_agent(text);
}

const char *sip_ua_user_agent(const struct sip_ua *ua)
{
	return ua->user_agent;
}

struct llist_head *sip_ua_peers(struct sip_ua *ua)
{
	return &ua->peers;
}

struct rate_ctr_group *sip_ua_ctrs(const struct sip_ua *ua)
{
	return ua->ctrs;
}

struct llist_head *sip_ua_binds(struct sip_ua *ua)
{
	return &ua->binds;
}

void sip_ua_get_counts(const struct sip_ua *ua, unsigned int *n_sessions, unsigned int *n_transactions)
{
	*n_sessions = ua->n_sessions;
	*n_transactions = ua->trxs ? sip_trxs_count(ua->trxs) : 0;
}
