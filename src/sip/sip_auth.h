/*! \file sip_auth.h
 * Digest authentication (RFC 3261 22, RFC 7616, RFC 8760): our credentials for others, and what we demand of others.
 *
 * What a peer demanded last is remembered per realm, so that requests carry their credentials before they are asked for them. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include "sip_internal.h"

struct sip_auth;

/*! What one request has been through: all zero to begin with. */
struct sip_auth_try {
	uint8_t given;	  /*!< bit per remembered realm: credentials for it are in the message */
	uint8_t answered; /*!< bit per realm: with a nonce that came in a response to this very request */
	uint8_t n;	  /*!< challenges answered */
};

/*! The request that the credentials are for. */
struct sip_auth_for {
	const char *method, *uri;
};

/* ---- client ---- */

struct sip_auth *sip_auth_of_peer(struct sip_peer *peer); /*!< NULL if it has no credentials */
bool sip_auth_is_known(const struct sip_auth *auth);	  /*!< something was demanded before */
/*! Header lines with credentials for all realms that are known to want them, "" if there are none. */
void sip_auth_lines(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_auth_for *what, char *buf, size_t len);
/*! A 401 or 407 came. 0: try again with sip_auth_lines(); -EACCES: what we know was refused; -ENOTSUP: nothing in it that we can answer; -ELOOP: there is
 * no end to it. */
int sip_auth_challenged(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_msg *resp);
/*! Another final response came: takes up the next nonce, if there is one (RFC 7616 3.5). */
void sip_auth_accepted(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_msg *resp);
