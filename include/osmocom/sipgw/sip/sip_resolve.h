/*! \file sip_resolve.h
 * Names to addresses, as RFC 3263 4 finds the servers of a SIP domain: NAPTR, SRV, A, AAAA. Nothing waits: c-ares runs in our main loop.
 *
 * One look-up walks all the steps and tells its outcome once, never from inside of sip_resolve(). It can be given up at any time. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdint.h>
#include <stddef.h>

#include <osmocom/core/socket.h>

#include <osmocom/sipgw/sip/sip_transport.h>

#define SIP_MAX_TARGETS 16 /* addresses of one name */

struct sip_resolver;
struct sip_lookup;

/*! An address of a name. */
struct sip_addr {
	struct osmo_sockaddr addr;
	uint16_t priority, weight; /*!< of its SRV record; 0 without one */
	uint8_t record;		   /*!< which SRV record it is of: a choice by weight is between records */
};

/*! What became of a look-up. */
struct sip_resolution {
	unsigned int n; /*!< 0: it failed */
	struct sip_addr addrs[SIP_MAX_TARGETS]; /*!< by priority, then as the server gave them */
	uint32_t ttl_s;	 /*!< the least of all records */
	const char *why; /*!< n == 0: a static half-sentence */
};

uint16_t sip_default_port(enum sip_transport_id transport);

typedef void (*sip_resolve_cb)(void *data, const struct sip_resolution *res);

/*! \a nameserver NULL: those of the system; port 0: 53. Freed by sip_resolver_free(), look-ups that are left are told nothing. */
struct sip_resolver *sip_resolver_alloc(void *ctx, const char *nameserver, uint16_t port);
void sip_resolver_free(struct sip_resolver *r);

/*! Find where \a name takes SIP over that transport. With a \a port only its addresses are asked for (RFC 3263 4.2). NULL when out of memory. */
struct sip_lookup *sip_resolve(struct sip_resolver *r, const char *name, uint16_t port, enum sip_transport_id transport, sip_resolve_cb cb,
			       void *data);
void sip_resolve_cancel(struct sip_lookup *l); /*!< the callback will not be called */
/*! Those under way, and those cancelled that c-ares still has. */
unsigned int sip_resolver_n_lookups(const struct sip_resolver *r);
