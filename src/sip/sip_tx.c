/* One SIP message being written: what all messages of the upper half have in common.
 *
 * There is one buffer for all of them, since a message is begun, written and sent without anything in between. It is
 * larger than any message that comes in, so that what was taken over from a peer always fits. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/sip/sip_tx.h>

#define USER_AGENT  PACKAGE_NAME "/" PACKAGE_VERSION
#define MAX_ALIASES 200

static char tx_buf[65536];
static char agent[128] = USER_AGENT;

/*! A name that we go by where our own address means nothing: behind a NAT. */
static struct sip_alias {
	char host[SIP_HOSTPORT_LEN - 8]; /* IPv6 with brackets */
	uint16_t port;			 /* 0: as bound */
} aliases[MAX_ALIASES];
static unsigned int n_aliases;

/*! The number of that name, for struct sip_flow. 0: none, or there are too many. \a host is an IP address or a domain
 * name; \a port 0 is the one bound. Names are never forgotten: what still is on its way may have one. */
uint8_t sip_alias_get(const char *host, uint16_t port)
{
	struct sip_alias a = { .port = port };
	unsigned int i;

	if (!host)
		return 0;
	if (snprintf(a.host, sizeof(a.host), strchr(host, ':') ? "[%s]" : "%s", host) >= (int)sizeof(a.host))
		return 0;
	for (i = 0; i < n_aliases; i++) {
		if (aliases[i].port == a.port && strcmp(aliases[i].host, a.host) == 0)
			return i + 1;
	}
	if (n_aliases >= MAX_ALIASES)
		return 0;
	aliases[n_aliases] = a;
	return ++n_aliases;
}

/*! What User-Agent and Server say; NULL: our name and version. Text that is too long is cut. */
void sip_tx_set_agent(const char *text)
{
	OSMO_STRLCPY_ARRAY(agent, text ?: USER_AGENT);
}

static void write_alias(char *buf, size_t len, const struct sip_alias *a, const struct osmo_sockaddr *bound)
{
	snprintf(buf, len, "%s:%u", a->host, a->port ?: osmo_sockaddr_port(&bound->u.sa));
}

/*! Begin a message to \a to, finding out how the other side sees us. */
void sip_tx_begin(struct sip_tx *tx, const struct sip_flow *to)
{
	struct osmo_sockaddr local;

	sip_writer_init(&tx->w, tx_buf, sizeof(tx_buf));
	tx->to = *to;
	tx->name = NULL;
	tx->agent = "User-Agent";
	if (to->alias && to->alias <= n_aliases) {
		write_alias(tx->local, sizeof(tx->local), &aliases[to->alias - 1], &to->tp->bound);
		return;
	}
	if (sip_transport_local(to, &local) < 0)
		local = to->tp->bound;
	sip_hostport_buf(tx->local, sizeof(tx->local), &local);
}

/*! Via of a request, with tx->branch. */
void sip_tx_via(struct sip_tx *tx)
{
	sip_write_header(&tx->w, "Via", "SIP/2.0/%s %s;rport;branch=%s", tx->to.tp->ops->name, tx->local, tx->branch);
}

void sip_tx_contact(struct sip_tx *tx)
{
	const struct sip_transport_ops *kind = tx->to.tp->ops;

	/* without transport= it would be UDP (RFC 3263 4.1) */
	if (kind->id == SIP_TP_UDP)
		sip_write_header(&tx->w, "Contact", "<sip:%s>", tx->local);
	else
		sip_write_header(&tx->w, "Contact", "<sip:%s;transport=%s>", tx->local, kind->param);
}

/*! Value of a Reason header (RFC 3326) in \a buf, NULL if there is no cause. */
const char *sip_reason_buf(char *buf, size_t len, uint8_t q850)
{
	if (!q850)
		return NULL;
	snprintf(buf, len, "Q.850;cause=%u", q850);
	return buf;
}

void sip_tx_reason(struct sip_tx *tx, uint8_t q850)
{
	char reason[SIP_REASON_LEN];

	if (sip_reason_buf(reason, sizeof(reason), q850))
		sip_write_header_str(&tx->w, "Reason", reason);
}

/*! The last header, and the body. Length of the message or negative errno. */
int sip_tx_end(struct sip_tx *tx, const char *content_type, const char *body)
{
	int len;

	sip_write_header_str(&tx->w, tx->agent, agent);
	len = sip_write_end(&tx->w, body ? content_type : NULL, body, body ? strlen(body) : 0);
	if (len < 0)
		LOGP(DSIP, LOGL_ERROR, "message of more than %zu bytes not sent\n", sizeof(tx_buf));
	return len;
}

/*! The usual answer to a request at hand. \a more: further header lines, or NULL. */
int sip_tx_respond(struct sip_trx *trx, const struct sip_msg *req, uint16_t status, const char *to_tag,
		   const char *more)
{
	struct sip_writer w;
	int len;

	sip_writer_init(&w, tx_buf, sizeof(tx_buf));
	sip_write_response_head(&w, req, status, NULL, to_tag, false);
	if (more)
		sip_write_bytes(&w, more, strlen(more));
	sip_write_header_str(&w, "Server", agent);
	len = sip_write_end(&w, NULL, NULL, 0);
	if (len < 0)
		return len;
	return sip_trx_respond(trx, status, tx_buf, len);
}
