/*! \file fake_dns.h
 * A name server as a test wants it, on loopback, in the main loop. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdint.h>

enum fake_dns_mood {
	FAKE_DNS_ANSWERS,
	FAKE_DNS_SILENT,
	FAKE_DNS_FAILS, /*!< SERVFAIL */
};

extern enum fake_dns_mood fake_dns_mood;
extern unsigned int fake_dns_n_queries; /*!< so far */
extern unsigned int fake_dns_ttl;	/*!< of records added from now on */

void fake_dns_open(const char *addr, uint16_t port);
void fake_dns_close(void);
void fake_dns_clear(void); /*!< no records */
void fake_dns_a(const char *name, const char *addr); /*!< also AAAA */
void fake_dns_srv(const char *name, uint16_t priority, uint16_t weight, uint16_t port, const char *host);
void fake_dns_naptr(const char *name, uint16_t order, const char *flags, const char *service, const char *srv_name);
