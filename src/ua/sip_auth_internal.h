/*! \file sip_auth_internal.h
 * Credentials from inside. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/ua/sip_credentials.h>

#include "sip_auth.h"
#include <osmocom/sipgw/sip/sip_digest.h>

#define SIP_AUTH_MAX_REALMS 8 /* as many as a struct sip_auth_try has bits */

/*! What one realm demanded last. */
struct sip_realm {
	char *text; /*!< all strings in one chunk; NULL: nothing here */
	struct sip_str realm, nonce, opaque, algorithm;
	uint8_t alg; /*!< enum sip_digest_alg */
	bool sess : 1;
	bool qop_auth : 1;
	bool proxy : 1;	   /*!< asked by 407 */
	bool registrar : 1; /*!< asked by 401 to a REGISTER */
	uint32_t nc;	   /*!< requests sent with this nonce */
};

struct sip_auth {
	struct llist_head entry; /*!< peer->credentials */
	struct sip_peer *peer;
	char *user;
	char *password; /*!< NULL: none */
	struct llist_head ha1s;
	struct sip_realm realm[SIP_AUTH_MAX_REALMS];
	uint8_t n_known, next_slot;
	bool accepted, refused; /*!< the last time */
	struct log_limit refused_limit;
};

/*! HA1 for this realm. False if we have none. */
bool sip_credentials_ha1(const struct sip_auth *auth, int alg, struct sip_str realm, char hex[SIP_DIGEST_HEX_LEN]);
