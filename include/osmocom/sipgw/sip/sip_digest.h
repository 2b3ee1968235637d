/*! \file sip_digest.h
 * Digest access authentication as text and arithmetic (RFC 7616, RFC 2617, RFC 8760): no state, no sending.
 *
 * All strings are pieces of the header they were read from, without their quotes and with their escapes: that is how they are hashed and sent back. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_str.h>

enum sip_digest_alg {
	SIP_DIGEST_UNKNOWN,
	SIP_DIGEST_MD5,
	SIP_DIGEST_SHA256,
	SIP_DIGEST_SHA512_256,
	_NUM_SIP_DIGEST_ALGS
};

extern const struct value_string sip_digest_alg_names[]; /*!< as in headers: "SHA-256" */

#define SIP_DIGEST_HEX_LEN 65 /*!< buffer for the hash of any of them, with NUL */

/*! A challenge, credentials, or the parameters of Authentication-Info. s is NULL in what was not there. */
struct sip_digest {
	struct sip_str realm, nonce, opaque, algorithm, qop, username, uri, response, cnonce, nc, stale, nextnonce;
	enum sip_digest_alg alg; /*!< MD5 when nothing is said */
	bool sess;		 /*!< algorithm ends in -sess */
	bool qop_auth;		 /*!< "auth" is qop, or among them */
};

/*! Read the next Digest of a header value that may have several, of several schemes. False: there is no further one. A parameter that comes twice counts
 * the first time. \a rest starts as the whole value and is moved on. */
bool sip_digest_next(struct sip_str *rest, struct sip_digest *d);
/*! The same for a header that has only parameters, no scheme: Authentication-Info. False if it is not well-formed. */
bool sip_digest_params(struct sip_str text, struct sip_digest *d);
/*! Can we answer this challenge? An algorithm we know, no qop or "auth" among them, realm and nonce. */
bool sip_digest_usable(const struct sip_digest *challenge);
unsigned int sip_digest_strength(enum sip_digest_alg alg); /*!< the higher the better, 0: unknown */

enum sip_digest_alg sip_digest_alg_by_name(const char *name);
unsigned int sip_digest_hex_digits(enum sip_digest_alg alg); /*!< length of its hashes */

/*! HA1 without -sess. 0, or -ENOTSUP when the library does not have the algorithm. */
int sip_digest_ha1(char hex[SIP_DIGEST_HEX_LEN], enum sip_digest_alg alg, const char *user, struct sip_str realm, const char *password);
/*! The response (RFC 7616 3.4.1). \a d has algorithm, nonce, uri, and with qop_auth nc and cnonce. 0 or -ENOTSUP. */
int sip_digest_response(char hex[SIP_DIGEST_HEX_LEN], const struct sip_digest *d, const char *ha1, const char *method);
/*! Hex digits of a hash over parts with ':' between them. 0 or -ENOTSUP. */
int sip_digest_hash(char hex[SIP_DIGEST_HEX_LEN], enum sip_digest_alg alg, const struct sip_str *parts, unsigned int n);
/*! Write the value of (Proxy-)Authorization. Length, or -EMSGSIZE. */
int sip_digest_write(char *buf, size_t len, const struct sip_digest *d);
/*! Are \a len bytes the same? Takes the same time wherever they differ: for what nobody may guess piece by piece. */
bool sip_digest_equal(const char *a, const char *b, size_t len);
