/* REGISTER, and what the answers to it say (RFC 3261 10, RFC 3327, RFC 3608). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* memmem() is a GNU extension: first */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/sip/sip_str.h>
#include <osmocom/sipgw/ua/sip_credentials.h>

#include "sip_reg_internal.h"
#include "sip_target.h"

#define MAX_ROUTE 2000

/* ---- answers ---- */

static void tell_failed(struct sip_reg *reg, uint16_t status, const char *text, unsigned int retry_after_s)
{
	struct sip_reg_failure f = { .status = status, .text = text, .retry_after_s = retry_after_s };

	osmo_fsm_inst_dispatch(reg->fi, SIP_REG_EV_FAILED, &f);
}

/* 423: longer, please. Once, and not for years. */
static bool ask_for_longer(struct sip_reg *reg, struct sip_request *req, const struct sip_msg *resp)
{
	const char *min = sip_msg_header(resp, "Min-Expires", 0);
	struct sip_retry how = {};
	char lines[40];
	uint32_t s;

	if (!min || !sip_parse_u32(sip_str_trim((struct sip_str){ min, strlen(min) }), 7 * 86400, &s) ||
	    s <= reg->expires_s)
		return false;
	reg->expires_s = s;
	snprintf(lines, sizeof(lines), "Expires: %u\r\n", s);
	how.lines = lines;
	return sip_request_again(req, &how) == 0;
}

static void rx_response(struct sip_request *req, const struct sip_msg *resp, const struct sip_flow *from, void *data)
{
	struct sip_reg *reg = data;

	if (resp->status < 200)
		return;
	if (resp->status == 423 && reg->fi->state != SIP_REG_ENDING && ask_for_longer(reg, req, resp))
		return;
	reg->req = NULL;
	reg->last_status = resp->status;
	if (resp->status < 300)
		osmo_fsm_inst_dispatch(reg->fi, SIP_REG_EV_OK, (void *)resp);
	else
		tell_failed(reg, resp->status, resp->reason_phrase, sip_retry_after(resp));
}

static void rx_failed(struct sip_request *req, enum sip_trx_end why, void *data)
{
	struct sip_reg *reg = data;

	reg->req = NULL;
	reg->last_status = why == SIP_TRX_TIMEOUT ? 408 : 503;
	tell_failed(reg, reg->last_status, why == SIP_TRX_TIMEOUT ? "no response" : "cannot be sent", 0);
}

static const struct sip_request_ops ops = {
	.response = rx_response,
	.failed = rx_failed,
};

/*! Splits a header line into values, takes the one with our parameter. */
static bool find_contact(const struct sip_reg *reg, const struct sip_msg *resp, struct sip_str *contact, bool *any)
{
	char ours[32];
	const char *value;
	unsigned int i;

	snprintf(ours, sizeof(ours), "line=%s", reg->line);
	*any = false;
	for (i = 0; i < 64 && (value = sip_msg_header(resp, "Contact", i)); i++) {
		struct sip_str list = { value, strlen(value) };
		while (sip_list_next(&list, contact)) {
			*any = true;
			if (memmem(contact->s, contact->len, ours, strlen(ours)))
				return true;
		}
	}
	return false;
}

static bool expires_of(struct sip_str contact, uint32_t *s)
{
	const char *gt = memchr(contact.s, '>', contact.len);
	struct sip_str rest, name, value;

	if (!gt)
		return false;
	rest = (struct sip_str){ gt + 1, contact.s + contact.len - gt - 1 };
	while (sip_param_next(&rest, &name, &value) > 0) {
		if (sip_str_is(name, "expires") && value.s && sip_parse_u32(value, UINT32_MAX, s))
			return true;
	}
	return false;
}

uint32_t sip_reg_granted_s(const struct sip_reg *reg, const struct sip_msg *resp)
{
	const char *expires = sip_msg_header(resp, "Expires", 0);
	struct sip_str contact;
	uint32_t s;
	bool any;

	if (find_contact(reg, resp, &contact, &any)) {
		if (expires_of(contact, &s))
			return s;
	} else if (any) {
		return 0; /* those of others, and not ours */
	}
	if (expires && sip_parse_u32(sip_str_trim((struct sip_str){ expires, strlen(expires) }), UINT32_MAX, &s))
		return s;
	return reg->expires_s;
}

/*! RFC 3608: it replaces what was there before. */
void sip_reg_take_route(struct sip_reg *reg, const struct sip_msg *resp)
{
	char *all = NULL;
	const char *value;
	unsigned int i;

	TALLOC_FREE(reg->service_route);
	for (i = 0; i < 16 && (value = sip_msg_header(resp, "Service-Route", i)); i++) {
		if (value[0] != '<' && value[0] != '"')
			continue;
		all = all ? talloc_asprintf_append(all, ", %s", value) : talloc_strdup(reg, value);
		if (!all || strlen(all) > MAX_ROUTE) {
			talloc_free(all);
			return;
		}
	}
	reg->service_route = all;
}

/* ---- the request ---- */

static int way_to(struct sip_reg *reg, struct sip_flow *to)
{
	struct sip_peer *peer = reg->peer;
	struct sip_target *t;

	if (!reg->ua->started || !peer->usable)
		return -EHOSTUNREACH;
	t = sip_target_pick(peer, reg->tried, to);
	if (!t && reg->tried) {
		reg->tried = 0;
		t = sip_target_pick(peer, 0, to);
	}
	if (t) {
		reg->tried |= 1 << t->slot;
	} else { /* what is down is asked all the same: that is how we hear that it is back */
		to->tp = sip_transport_for(reg->ua->tps, peer->cfg.transport, &peer->remote);
		to->remote = peer->remote;
	}
	if (!to->tp)
		return -EHOSTUNREACH;
	sip_door_stamp(to, peer);
	return 0;
}

/* Which domain it is a user of. */
static const char *domain_of(const struct sip_reg *reg, const struct sip_flow *to, char *buf, size_t len)
{
	const struct sip_peer_cfg *cfg = &reg->peer->cfg;

	if (cfg->domain)
		return cfg->domain;
	if (cfg->remote_host && sip_peer_is_host_name(cfg->remote_host))
		return cfg->remote_host;
	sip_hostport_buf(buf, len, &to->remote);
	return buf;
}

static void write_contact(struct sip_tx *tx, const struct sip_reg *reg, const char *user)
{
	const struct sip_transport_ops *kind = tx->to.tp->ops;
	bool udp = kind->id == SIP_TP_UDP;

	sip_write_header(&tx->w, "Contact", "<sip:%s@%s%s%s;line=%s>", user, tx->local,
			 udp ? "" : ";transport=", udp ? "" : kind->param, reg->line);
}

static int write_register(struct sip_tx *tx, struct sip_reg *reg, uint32_t expires_s)
{
	char uri[512], domain_buf[SIP_HOSTPORT_LEN], user[256];
	const char *domain = domain_of(reg, &tx->to, domain_buf, sizeof(domain_buf));

	if (sip_escape_user(user, sizeof(user), reg->identity) < 0)
		return -EMSGSIZE;
	snprintf(uri, sizeof(uri), "sip:%s", domain);
	sip_branch_make(tx->branch);
	sip_write_request_line(&tx->w, "REGISTER", uri);
	sip_tx_via(tx);
	sip_write_header_str(&tx->w, "Max-Forwards", "70");
	sip_write_header(&tx->w, "From", "<sip:%s@%s>;tag=%s", user, domain, reg->tag);
	sip_write_header(&tx->w, "To", "<sip:%s@%s>", user, domain);
	sip_write_header_str(&tx->w, "Call-ID", reg->call_id);
	sip_write_header(&tx->w, "CSeq", "%u REGISTER", ++reg->cseq);
	write_contact(tx, reg, user);
	sip_write_header(&tx->w, "Expires", "%u", expires_s);
	sip_write_header_str(&tx->w, "Supported", "path");
	return sip_tx_end(tx, NULL, NULL);
}

/* Those that are named, else those of the same name, else the peer's first. */
static struct sip_auth *auth_of(const struct sip_reg *reg)
{
	struct sip_auth *auth = NULL;

	if (reg->auth_user)
		auth = sip_credentials_find(reg->peer, reg->auth_user);
	if (!auth)
		auth = sip_credentials_find(reg->peer, reg->identity);
	return auth ?: sip_credentials_find(reg->peer, NULL);
}

int sip_reg_tx(struct sip_reg *reg, uint32_t expires_s, bool wait)
{
	struct sip_request_user user = { .peer = reg->peer };
	struct sip_request *req;
	struct sip_flow to;
	struct sip_tx tx;
	int rc;

	rc = way_to(reg, &to);
	if (rc < 0)
		return rc;
	user.auth = auth_of(reg);
	if (!reg->line[0])
		sip_auth_token(user.auth, reg->identity, reg->line);
	if (wait) {
		user.ops = &ops;
		user.data = reg;
		user.cseq = &reg->cseq;
	}
	sip_tx_begin(&tx, &to);
	req = sip_request_send(reg->ua, &tx, write_register(&tx, reg, expires_s), &user);
	if (!req)
		return -ENOMEM;
	if (wait)
		reg->req = req;
	return 0;
}
