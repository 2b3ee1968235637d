/*! \file sip_dns.h
 * The DNS records that SIP asks for, read from the bytes of an answer. Everything in them is hostile. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <osmocom/sipgw/sip/sip_transport.h>

#define SIP_MAX_SRV	16 /* records that are looked at */
#define SIP_NAME_LEN	256

/*! One record of an SRV answer (RFC 2782). */
struct sip_srv {
	uint16_t priority, weight, port;
	char host[SIP_NAME_LEN]; /*!< "": there is decidedly no such service */
};

int sip_dns_srv(struct sip_srv *srv, unsigned int max, uint32_t *ttl, const uint8_t *buf, size_t len);
int sip_dns_naptr(char *srv_name, size_t name_len, uint32_t *ttl, enum sip_transport_id transport, const uint8_t *buf, size_t len);
