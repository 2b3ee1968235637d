/*! \file sip_tx.h
 * One message of ours being written (sip_tx.c): begin, headers, end; then send it by a transaction or sip_transport_send().
 *
 * All of them share one buffer: nothing may come in between. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdint.h>

#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/sip/sip_trx.h>

#define SIP_HOSTPORT_LEN 64
#define SIP_REASON_LEN	 24

struct sip_tx {
	struct sip_writer w;
	struct sip_flow to;
	const char *agent;	      /*!< name of the header that says who we are */
	char local[SIP_HOSTPORT_LEN]; /*!< how the other side sees us: host and port for Via and Contact */
	char branch[SIP_BRANCH_LEN];  /*!< requests */
	const char *name;	      /*!< requests: it goes where this name leads, if that can be found, and not to \a to (ua/sip_name.c); "" or NULL: none */
};

/*! The number of a name that we go by where our own address means nothing, for struct sip_flow. 0: \a host is NULL, or there are too many. \a host is an
 * IP address or a domain name; \a port 0 is the one bound. Names are never forgotten. */
uint8_t sip_alias_get(const char *host, uint16_t port);
void sip_tx_set_agent(const char *text); /*!< what User-Agent and Server say; NULL: our name and version. Cut if too long */
/*! Begin a message to \a to, finding out how the other side sees us: tx->w, tx->to, tx->local are set. A response sets tx->agent to "Server". */
void sip_tx_begin(struct sip_tx *tx, const struct sip_flow *to);
void sip_tx_via(struct sip_tx *tx); /*!< of a request, with tx->branch: sip_branch_make() */
void sip_tx_contact(struct sip_tx *tx);
void sip_tx_reason(struct sip_tx *tx, uint8_t q850); /*!< RFC 3326; nothing with cause 0 */
/*! The value of that header in \a buf of SIP_REASON_LEN, NULL if there is no cause. */
const char *sip_reason_buf(char *buf, size_t len, uint8_t q850);
/*! The last header, and the body (NULL: none). Length of the message, which starts at tx->w.buf, or -EMSGSIZE. */
int sip_tx_end(struct sip_tx *tx, const char *content_type, const char *body);
/*! The usual answer to a request at hand: \a more is written after the copied headers, whole lines, or NULL. Returns what sip_trx_respond() does, or
 * -EMSGSIZE. */
int sip_tx_respond(struct sip_trx *trx, const struct sip_msg *req, uint16_t status, const char *to_tag, const char *more);
