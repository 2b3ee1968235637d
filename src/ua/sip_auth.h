/*! \file sip_auth.h
 * Digest authentication (RFC 3261 22, RFC 7616, RFC 8760): our credentials for others (sip_auth.c), and what we demand of others (sip_auth_server.c).
 *
 * Credentials belong to a peer; the first ones are for calls, a registration may name others. What was demanded last is remembered with them per realm, so
 * that requests carry credentials before they are asked for. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include "ua_internal.h"

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

struct sip_auth *sip_auth_of_peer(struct sip_peer *peer); /*!< those for calls; NULL if it has none */
bool sip_auth_is_known(const struct sip_auth *auth);	  /*!< something was demanded before */
/*! Header lines with credentials: at first for all realms that are known to want them, then for those that asked for them. "" if there are none. */
void sip_auth_lines(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_auth_for *what, char *buf, size_t len);
/*! A 401 or 407 came. 0: try again with sip_auth_lines(); -EACCES: what we know was refused; -ENOTSUP: nothing in it that we can answer; -ELOOP: there is
 * no end to it. Failures are logged and counted. */
int sip_auth_challenged(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_msg *resp);
/*! Another final response came: takes up the next nonce, if there is one (RFC 7616 3.5). */
void sip_auth_accepted(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_msg *resp);

/*! A text for a registration that others cannot guess, and that is the same after a restart if there is a secret. \a buf has 17 bytes. */
void sip_auth_token(const struct sip_auth *auth, const char *of, char *buf);

/* ---- server ---- */

/*! Has the request from a peer with `challenge' to be refused? True: it was answered (401, 403). ACK, CANCEL and OPTIONS are let through, and what belongs to
 * a dialog is not to be asked about: whoever knows its tags was asked before. \a from: for the log line. */
bool sip_auth_refuse(struct sip_peer *peer, struct sip_trx *trx, const struct sip_msg *req, const struct sip_flow *from, const char *to_tag);
