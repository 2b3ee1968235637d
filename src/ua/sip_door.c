/* The door: who is this from, before any work is done for it.
 *
 * A stranger (no peer's address, nothing that knows a call or a request of ours) is told by the source address and a
 * look at the bytes; his messages are neither parsed nor answered, so that whatever he asks for looks the same to him,
 * and costs us the same: next to nothing. What may come from elsewhere than a peer: requests with the Call-ID of one of
 * our calls (a phone behind a proxy that does not record the route), requests to a Contact that we have registered, and
 * responses whose branch we have made. All are looked at again after the parse. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* memmem() is a GNU extension: first */

#include <string.h>
#include <strings.h>

#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_name.h"
#include "ua_internal.h"
#include "sip_reg_internal.h"

#define MAX_LINES 16 /* about strangers in one interval, whoever they are: sources can be forged */

/* ---- peers ---- */

static const char *name_of(const struct sip_peer *peer)
{
	return peer->cfg.tls_name ?: peer->cfg.remote_host;
}

/* Whose name the certificate at the other end proves, wherever it connects from (RFC 5922 7). */
static struct sip_peer *peer_by_certificate(const struct sip_ua *ua, const struct sip_flow *from)
{
	struct sip_peer *peer;

	if (from->tp->ops->id != SIP_TP_TLS)
		return NULL;
	llist_for_each_entry (peer, &ua->peers, entry) {
		if (peer->cfg.transport == SIP_TP_TLS && name_of(peer) &&
		    sip_transport_flow_has_name(from, name_of(peer))) {
			peer->proven_at = from->remote;
			return peer;
		}
	}
	return NULL;
}

/* Who has shown his certificate from that IP address: whoever came in by his name is met by it, too, when a request in
 * a call needs a connection of ours to his Contact or Record-Route. */
static const struct sip_peer *peer_proven_at(const struct sip_ua *ua, const struct osmo_sockaddr *remote)
{
	const struct sip_peer *peer;

	llist_for_each_entry (peer, &ua->peers, entry) {
		if (peer->cfg.transport == SIP_TP_TLS && sip_addr_equal(&peer->proven_at, remote, false))
			return peer;
	}
	return NULL;
}

/*! The name that a certificate has to have at that address (RFC 5922 4), and whether it is looked at; NULL: nobody is
 * known there. */
const char *sip_door_tls_name(const struct sip_ua *ua, const struct osmo_sockaddr *remote, bool *verify)
{
	const struct sip_peer *peer = sip_peer_by_addr(ua, remote) ?: peer_proven_at(ua, remote);

	if (!peer)
		return sip_name_at(ua, remote);
	*verify = !peer->cfg.tls_no_verify;
	return name_of(peer);
}

/*! The peer that sends along this flow, NULL: nobody's. */
struct sip_peer *sip_door_peer(const struct sip_ua *ua, const struct sip_flow *from)
{
	return peer_by_certificate(ua, from) ?: sip_peer_by_flow(ua, from);
}

/*! Who it is decides by which name we go there and where requests go. */
void sip_door_stamp(struct sip_flow *flow, const struct sip_peer *peer)
{
	flow->alias = sip_alias_get(peer->cfg.advertise_addr, peer->cfg.advertise_port);
	flow->symmetric = peer->cfg.nat;
}

/* ---- a look at the bytes ---- */

static bool is_response(const char *buf, size_t len)
{
	return len > 8 && strncasecmp(buf, "SIP/2.0 ", 8) == 0;
}

/* The top Via is the first one, and that of a response is ours. */
static bool has_our_branch(const char *buf, size_t len)
{
	static const char param[] = "branch=";
	const char *branch = memmem(buf, len, param, strlen(param)), *end;

	if (!branch)
		return false;
	branch += strlen(param);
	for (end = branch; end < buf + len && !strchr(";, \t\r\n", *end); end++)
		;
	return sip_branch_is_ours(branch, end - branch);
}

/* Behind the name and the colon of a Call-ID line; NULL if it is another line. */
static const char *call_id_value(const char *line, const char *end)
{
	static const char name[] = "call-id";
	size_t len = (line[0] | 0x20) == 'c' ? strlen(name) : 1;

	if ((line[0] | 0x20) != 'c' && (line[0] | 0x20) != 'i')
		return NULL;
	if (end - line <= (ptrdiff_t)len || (len > 1 && strncasecmp(line, name, len) != 0))
		return NULL;
	for (line += len; line < end && (*line == ' ' || *line == '\t'); line++)
		;
	return line < end && *line == ':' ? line + 1 : NULL;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool has_call(const struct sip_ua *ua, const char *id, size_t len)
{
	const struct sip_session *s;

	hash_for_each_possible (ua->by_call_id, s, by_call_id, token_hash(id, len)) {
		const char *known = sip_dialog_str(&s->dlg, DLG_CALL_ID);
		if (strncmp(known, id, len) == 0 && !known[len])
			return true;
	}
	return false;
}

static bool has_our_call_id(const struct sip_ua *ua, const char *buf, size_t len)
{
	const char *p = buf, *end = buf + len, *nl, *id;

	if (!ua->n_sessions)
		return false;
	for (; (nl = memchr(p, '\n', end - p)); p = nl + 1) {
		id = p < nl ? call_id_value(p, nl) : NULL;
		if (!id)
			continue;
		for (; id < nl && is_space(*id); id++)
			;
		for (; nl > id && is_space(nl[-1]); nl--)
			;
		return has_call(ua, id, nl - id);
	}
	return false;
}

static bool is_line_of(const struct sip_peer *peer, const char *line)
{
	const struct sip_reg *reg = NULL;

	while ((reg = sip_reg_next(peer, reg))) {
		if (reg->line[0] && strncmp(reg->line, line, sizeof(reg->line) - 1) == 0)
			return true;
	}
	return false;
}

/* Is the Request-URI a Contact that we have registered? Its parameter cannot be guessed. */
static bool has_our_contact(const struct sip_ua *ua, const char *buf, size_t len)
{
	static const char param[] = ";line=";
	const struct sip_peer *peer;
	const char *end = memchr(buf, '\n', len), *line;

	line = end ? memmem(buf, end - buf, param, strlen(param)) : NULL;
	if (!line || end - line < (ptrdiff_t)sizeof(((struct sip_reg *)0)->line) + (ptrdiff_t)strlen(param))
		return false;
	llist_for_each_entry (peer, &ua->peers, entry) {
		if (is_line_of(peer, line + strlen(param)))
			return true;
	}
	return false;
}

/*! Is this to be parsed? Then \a from is stamped with what its peer's settings say. */
bool sip_door_opens(const struct sip_ua *ua, struct sip_flow *from, const uint8_t *bytes, size_t len)
{
	const struct sip_peer *peer = sip_door_peer(ua, from);
	const char *buf = (const char *)bytes;

	if (peer) {
		sip_door_stamp(from, peer);
		return true;
	}
	while (len && (*buf == '\r' || *buf == '\n')) {
		buf++;
		len--;
	}
	if (is_response(buf, len))
		return has_our_branch(buf, len);
	return has_our_call_id(ua, buf, len) || has_our_contact(ua, buf, len);
}

/*! May this request, parsed now, be dealt with? From elsewhere than a peer it has to belong to a dialog of ours,
 * or be for a registration of ours. */
bool sip_door_welcomes(const struct sip_ua *ua, const struct sip_msg *msg, const struct sip_flow *from)
{
	return !msg->is_request || sip_door_peer(ua, from) || sip_ua_session_by_request(ua, msg, &from->remote) ||
	       sip_reg_peer_of(ua, &msg->ruri, &from->remote);
}

/*! A request of \a dlg came along \a from: its peer may be behind a NAT that has changed its mind, then that is where
 * our requests go from now on. Others cannot move a dialog by knowing its tags. */
void sip_door_follow(const struct sip_session *s, struct sip_dialog *dlg, const struct sip_flow *from)
{
	if (!from->symmetric || !s->peer || sip_door_peer(s->ua, from) != s->peer)
		return;
	sip_hop_set(&dlg->origin, from);
	dlg->next = dlg->origin;
}

/* ---- the log ---- */

static uint64_t hash_of(const struct osmo_sockaddr *addr)
{
	if (addr->u.sa.sa_family == AF_INET6)
		return token_hash(&addr->u.sin6.sin6_addr, sizeof(addr->u.sin6.sin6_addr));
	return token_hash(&addr->u.sin.sin_addr, sizeof(addr->u.sin.sin_addr));
}

/* One line per source and interval, as far as there is room; not more than MAX_LINES about all of them. */
static bool line_is_due(struct sip_door *door, const struct osmo_sockaddr *source, unsigned int *left_out)
{
	uint64_t hash = hash_of(source), now_ms;
	struct sip_stranger *who = &door->strangers[hash % ARRAY_SIZE(door->strangers)];
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = 1 + now.tv_sec * 1000ull + now.tv_nsec / 1000000;
	if (now_ms - door->begun_ms >= LOG_LIMIT_INTERVAL_MS || !door->begun_ms) {
		door->begun_ms = now_ms;
		door->n_lines = 0;
	}
	if (who->hash == hash && now_ms - who->last_ms < LOG_LIMIT_INTERVAL_MS) {
		who->left_out++;
		return false;
	}
	if (door->n_lines >= MAX_LINES)
		return false;
	door->n_lines++;
	*left_out = who->hash == hash ? who->left_out : 0;
	*who = (struct sip_stranger){ .hash = hash, .last_ms = now_ms };
	return true;
}

/* What he wants, in our own words. */
static const char *wish_of(const char *buf, size_t len)
{
	const char *space;
	enum sip_method method;

	while (len && (*buf == '\r' || *buf == '\n')) {
		buf++;
		len--;
	}
	if (is_response(buf, len))
		return "a response";
	space = memchr(buf, ' ', OSMO_MIN(len, 16));
	method = space ? sip_method_by_name(buf, space - buf) : SIP_METHOD_UNKNOWN;
	return method != SIP_METHOD_UNKNOWN ? get_value_string(sip_method_names, method) : "something";
}

/*! He was not let in: count it, and say so once in a while, in words that contrib/fail2ban knows. Empty datagrams and
 * keep-alives say nothing. */
void sip_door_turned_away(struct sip_ua *ua, const struct sip_flow *from, const uint8_t *buf, size_t len)
{
	char source[SIP_HOSTPORT_LEN], more[48] = "";
	const struct sip_peer *peer;
	unsigned int left_out;

	rate_ctr_inc2(ua->ctrs, SIP_CTR_RX_UNKNOWN_SOURCE);
	if (!line_is_due(&ua->door, &from->remote, &left_out))
		return;
	if (left_out)
		snprintf(more, sizeof(more), " (%u more since the last such line)", left_out);
	sip_hostport_buf(source, sizeof(source), &from->remote);
	/* no words that fail2ban knows: the peer would be banned for what others forge */
	peer = sip_peer_by_addr(ua, &from->remote);
	if (peer) {
		LOGP(DSIP, LOGL_NOTICE,
		     "%s without TLS from %s (%s), which is the address of peer %s with 'transport tls': ignored%s\n",
		     wish_of((const char *)buf, len), source, from->tp->ops->name, peer->name, more);
		return;
	}
	LOGP(DSIP, LOGL_NOTICE, "stranger %s (%s) turned away: no peer has this address; it sent %s%s\n", source,
	     from->tp->ops->name, wish_of((const char *)buf, len), more);
}
