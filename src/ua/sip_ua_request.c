/* Behind the door: every message comes in here; requests that belong to no dialog are decided about in the order of RFC
 * 3261 8.2.
 *
 * What strangers send ends in sip_door.c, without a parse; told to refuse it, we parse it and answer one datagram, and
 * nothing is kept. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sip/sip_str.h>
#include <osmocom/sipgw/ua/sip_reg.h>

#include "sip_auth.h"
#include "sip_identity.h"

static const enum sip_method allowed[] = { SIP_INVITE,	SIP_ACK,  SIP_CANCEL, SIP_BYE,
					   SIP_OPTIONS, SIP_INFO, SIP_PRACK,  SIP_UPDATE };

static void count(const struct sip_ua *ua, enum sip_ctr ctr)
{
	rate_ctr_inc2(ua->ctrs, ctr);
}

/* A To tag that is the same for each repetition of the request (8.2.6.2, 8.2.7), without keeping it. */
static const char *tag_for(char buf[SIP_TAG_LEN], const struct sip_msg *req)
{
	uint64_t hash = token_hash_add(token_hash_str(req->call_id), req->via.branch, strlen(req->via.branch));

	snprintf(buf, SIP_TAG_LEN, "%016llx", (unsigned long long)hash);
	return buf;
}

static void refuse(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req, uint16_t status, const char *more)
{
	char tag[SIP_TAG_LEN];

	count(ua, SIP_CTR_RX_REJECTED);
	sip_tx_respond(trx, req, status, tag_for(tag, req), more);
}

/*! The session that has a dialog for this request, NULL if none. */
struct sip_session *sip_ua_session_by_request(const struct sip_ua *ua, const struct sip_msg *req,
					      const struct osmo_sockaddr *from)
{
	struct sip_session *s;
	struct sip_fork *fork;

	/* An INVITE without To tag is a new call, but for peers that have no tags at all. */
	bool may_be_new = req->method == SIP_INVITE && !req->to.tag[0] && req->from.tag[0];

	if (may_be_new)
		return NULL;
	hash_for_each_possible (ua->by_call_id, s, by_call_id, token_hash_str(req->call_id)) {
		if (sip_dialog_matches(&s->dlg, req, from))
			return s;
		llist_for_each_entry (fork, &s->forks, entry) {
			if (sip_dialog_matches(&fork->dlg, req, from))
				return s;
		}
	}
	return NULL;
}

/* ---- checks ---- */

static bool knows_extension(const struct sip_peer *peer, struct sip_str tag)
{
	if (peer && peer->cfg.rel100 != SIP_USE_OFF && sip_str_is(tag, "100rel"))
		return true;
	return peer && peer->cfg.session_timer != SIP_USE_OFF && sip_str_is(tag, "timer");
}

bool sip_ua_refuse_extension(struct sip_trx *trx, const struct sip_msg *req, const char *to_tag,
			     const struct sip_peer *peer)
{
	struct sip_str list, tag;
	const char *require;
	char more[512] = "";
	size_t len = 0;
	unsigned int i;

	for (i = 0; (require = sip_msg_header(req, "Require", i)); i++) {
		list = (struct sip_str){ require, strlen(require) };
		while (sip_list_next(&list, &tag)) {
			tag = sip_str_trim(tag);
			if (!tag.len || knows_extension(peer, tag) || len >= sizeof(more))
				continue;
			len += snprintf(more + len, sizeof(more) - len, "%s%.*s",
					len ? ", " : "Unsupported: ", (int)tag.len, tag.s);
		}
	}
	if (!len)
		return false;
	more[OSMO_MIN(len, sizeof(more) - 3)] = '\0';
	strcat(more, "\r\n");
	sip_tx_respond(trx, req, 420, to_tag, more);
	return true;
}

static bool body_is_optional(const struct sip_msg *req)
{
	const char *disposition = sip_msg_header(req, "Content-Disposition", 0);

	return disposition && strstr(disposition, "handling=optional");
}

bool sip_ua_refuse_content(struct sip_trx *trx, const struct sip_msg *req, const char *to_tag)
{
	const char *encoding = sip_msg_header(req, "Content-Encoding", 0);

	if (!req->body || !req->body_len || body_is_optional(req))
		return false;
	if (encoding && strcasecmp(encoding, "identity") != 0)
		sip_tx_respond(trx, req, 415, to_tag, "Accept-Encoding: identity\r\n");
	else if (strcmp(req->content_type, SIP_TYPE_SDP) != 0)
		sip_tx_respond(trx, req, 415, to_tag, "Accept: " SIP_TYPE_SDP "\r\n");
	else
		return false;
	return true;
}

static bool check_method(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (allowed[i] == req->method)
			return false;
	}
	refuse(ua, trx, req, 405, "Allow: " SIP_ALLOW "\r\n");
	return true;
}

/* In a dialog by its looks, but there is none (12.2.2); nothing else than INVITE and OPTIONS makes sense outside of
 * one. */
static bool check_dialog(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req)
{
	if (!req->to.tag[0] && (req->method == SIP_INVITE || req->method == SIP_OPTIONS))
		return false;
	refuse(ua, trx, req, 481, NULL);
	return true;
}

/* We are no proxy, but a loop of proxies may end at us (16.3). OPTIONS with 0 is how one asks who is here (11). */
static bool check_max_forwards(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req)
{
	if (req->max_forwards != 0 || req->method == SIP_OPTIONS)
		return false;
	refuse(ua, trx, req, 483, NULL);
	return true;
}

static bool check_scheme(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req)
{
	if (strcmp(req->ruri.scheme, "sip") == 0 || strcmp(req->ruri.scheme, "tel") == 0)
		return false;
	if (strncasecmp(req->ruri.text, "urn:service:sos", 15) == 0) { /* RFC 5031 4.2: no phone is a rescue service */
		refuse(ua, trx, req, 404,
		       "Warning: 399 gsm \"emergency calls end in the network, not at a phone\"\r\n");
		return true;
	}
	refuse(ua, trx, req, 416, NULL);
	return true;
}

static bool check_merged(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req)
{
	if (!sip_trxs_is_merged(ua->trxs, trx))
		return false;
	refuse(ua, trx, req, 482, NULL);
	return true;
}

static bool check_extension(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req)
{
	char tag[SIP_TAG_LEN];

	if (!sip_ua_refuse_extension(trx, req, tag_for(tag, req), sip_peer_by_addr(ua, &req->source)))
		return false;
	count(ua, SIP_CTR_RX_REJECTED);
	return true;
}

static bool check_content(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req)
{
	char tag[SIP_TAG_LEN];

	if (req->method != SIP_INVITE || !sip_ua_refuse_content(trx, req, tag_for(tag, req)))
		return false;
	count(ua, SIP_CTR_RX_REJECTED);
	return true;
}

/* True: refused. */
static bool (*const checks[])(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req) = {
	check_method, check_dialog, check_max_forwards, check_scheme, check_merged, check_extension, check_content,
};

/* ---- a new call ---- */

static void tell_incoming(struct sip_session *s, const struct sip_msg *req)
{
	static const struct sip_end nobody = { .status = 480 };
	struct sip_identity_buf buf;
	struct sip_invite inv;
	struct sip_ua *ua = s->ua;

	sip_identity_read_invite(&inv, &buf, s->peer, req);
	LOG_SESSION(s, LOGL_INFO, "INVITE for '%s' from '%s'\n", inv.called_user,
		    inv.asserted_user ?: inv.calling_user);
	if (ua->ops.incoming)
		ua->ops.incoming(s, s->peer, &inv, ua->ops.data);
	else
		sip_session_end(s, &nobody);
}

/* RFC 3261 21.4.16: a peer that is to know an extension by configuration, and does not. */
static bool refuse_lacking(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req,
			   const struct sip_peer *peer)
{
	static const struct {
		const char *tag, *more;
	} extensions[] = { { "100rel", "Require: 100rel\r\n" }, { "timer", "Require: timer\r\n" } };
	const enum sip_use use[] = { peer->cfg.rel100, peer->cfg.session_timer };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(extensions); i++) {
		if (use[i] != SIP_USE_REQUIRED || sip_msg_header_has_token(req, "Supported", extensions[i].tag) ||
		    sip_msg_header_has_token(req, "Require", extensions[i].tag))
			continue;
		refuse(ua, trx, req, 421, extensions[i].more);
		return true;
	}
	return false;
}

static bool refuse_timer(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req, const struct sip_peer *peer)
{
	char more[32];

	if (!sip_timer_too_small(&peer->cfg, req, more, sizeof(more)))
		return false;
	refuse(ua, trx, req, 422, more);
	return true;
}

static void rx_invite(struct sip_ua *ua, struct sip_trx *trx, const struct sip_msg *req, const struct sip_flow *from,
		      struct sip_peer *peer)
{
	struct sip_session *s;
	enum sip_limit limit;
	char tag[SIP_TAG_LEN];

	limit = sip_limit_take(peer, false);
	if (limit != SIP_LIMIT_OK) {
		refuse(ua, trx, req, 503, limit == SIP_LIMIT_RATE ? "Retry-After: 1\r\n" : "Retry-After: 5\r\n");
		return;
	}
	if (refuse_lacking(ua, trx, req, peer) || refuse_timer(ua, trx, req, peer))
		return;
	s = sip_session_alloc(ua, peer, SIP_SESSION_INCOMING);
	if (!s) {
		refuse(ua, trx, req, 500, NULL);
		return;
	}
	if (sip_dialog_from_request(&s->dlg, req, from, sip_uas_tag(tag, req->call_id)) < 0 ||
	    sip_uas_start(s, trx, req) < 0) {
		osmo_fsm_inst_term(s->fi, OSMO_FSM_TERM_ERROR, NULL);
		refuse(ua, trx, req, 400, NULL);
		return;
	}
	sip_session_note_allow(s, req);
	sip_session_link(s);
	rate_ctr_inc2(peer->ctrs, SIP_PEER_CTR_IN);
	tell_incoming(s, req);
}

static void rx_options(struct sip_trx *trx, const struct sip_msg *req)
{
	char tag[SIP_TAG_LEN];

	sip_tx_respond(trx, req, 200, tag_for(tag, req),
		       "Allow: " SIP_ALLOW "\r\nAccept: " SIP_TYPE_SDP "\r\nSupported: 100rel, timer\r\n");
}

/*! For struct sip_trxs_ops: a new request, or, without transaction, an ACK to a 2xx. */
void sip_ua_rx_request(void *data, struct sip_trx *trx, const struct sip_msg *req, const struct sip_flow *from)
{
	struct sip_ua *ua = data;
	struct sip_session *s = sip_ua_session_by_request(ua, req, &from->remote);
	char tag[SIP_TAG_LEN];
	struct sip_peer *peer;
	unsigned int i;

	if (s) {
		sip_session_rx_request(s, trx, req, from);
		return;
	}
	if (!trx) {
		count(ua, SIP_CTR_RX_STRAY);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		if (checks[i](ua, trx, req))
			return;
	}
	peer = sip_reg_peer_of(ua, &req->ruri, &from->remote) ?: sip_door_peer(ua, from);
	if (!peer)
		refuse(ua, trx, req, 403, NULL);
	else if (sip_auth_refuse(peer, trx, req, from, tag_for(tag, req)))
		count(ua, SIP_CTR_RX_REJECTED);
	else if (req->method == SIP_INVITE)
		rx_invite(ua, trx, req, from, peer);
	else
		rx_options(trx, req);
}

/*! For struct sip_trxs_ops. Only a 2xx to an INVITE still wants something from us. */
void sip_ua_rx_stray(void *data, const struct sip_msg *resp, const struct sip_flow *from)
{
	if (resp->method == SIP_INVITE && resp->status >= 200 && resp->status < 300)
		sip_uac_rx_late_2xx(data, resp, from);
}

/* ---- bytes from the transports ---- */

/* 403 without a transaction (8.2.7), if that is wanted. */
static void refuse_stranger(struct sip_ua *ua, struct sip_msg *req, const struct sip_flow *from)
{
	char tag[SIP_TAG_LEN];
	struct sip_flow to;
	struct sip_tx tx;
	int len;

	if (!ua->refuse_unknown || !req->is_request || req->method == SIP_ACK)
		return;
	sip_msg_set_source(req, &from->remote);
	sip_response_flow(&to, from, &req->via);
	sip_tx_begin(&tx, &to);
	tx.agent = "Server";
	sip_write_response_head(&tx.w, req, 403, NULL, tag_for(tag, req), false);
	len = sip_tx_end(&tx, NULL, NULL);
	if (len > 0)
		sip_transport_send(&to, tx.w.buf, len);
}

static void rx_malformed(struct sip_ua *ua, const struct sip_flow *from, const struct sip_reject *reject)
{
	char hostport[SIP_HOSTPORT_LEN], buf[4096];
	struct sip_flow to;
	const char *more;
	int len;

	count(ua, SIP_CTR_RX_MALFORMED);
	more = log_limit_pass(&ua->malformed_limit);
	if (more) {
		sip_hostport_buf(hostport, sizeof(hostport), &from->remote);
		LOGP(DSIP, LOGL_NOTICE, "malformed message from %s%s%s%s\n", hostport, reject ? ": " : "",
		     reject ? reject->why : "", more);
	}
	if (!reject || !sip_door_peer(ua, from))
		return;
	sip_response_flow(&to, from, reject->has_via ? &reject->via : NULL);
	len = sip_reject_write(buf, sizeof(buf), reject);
	if (len > 0)
		sip_transport_send(&to, buf, len);
}

/*! For the transports: one datagram, or one message of a stream. */
void sip_ua_rx(void *data, const struct sip_flow *source, const uint8_t *buf, size_t len)
{
	struct sip_ua *ua = data;
	struct sip_flow from = *source;
	bool opens = sip_door_opens(ua, &from, buf, len);
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;

	if (!opens) {
		sip_door_turned_away(ua, &from, buf, len);
		if (!ua->refuse_unknown)
			return;
	}
	switch (sip_msg_parse(ua, &msg, &reject, buf, len, from.tp->ops->reliable)) {
	case SIP_PARSE_KEEPALIVE:
		break;
	case SIP_PARSE_DROP:
		rx_malformed(ua, &from, NULL);
		break;
	case SIP_PARSE_REJECT:
		rx_malformed(ua, &from, &reject);
		talloc_free(reject.response_head);
		break;
	case SIP_PARSE_OK:
		if (opens && sip_door_welcomes(ua, msg, &from)) {
			sip_trxs_rx(ua->trxs, msg, &from);
		} else {
			if (opens) /* it knew a Call-ID of ours, and nothing else */
				sip_door_turned_away(ua, &from, buf, len);
			refuse_stranger(ua, msg, &from);
		}
		sip_msg_free(msg);
		break;
	}
}
