/*! \file sip_credentials.h
 * User names and passwords that a SIP peer and we have in common: for its challenges and, with `challenge', for ours. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/utils.h>

struct sip_auth;
struct sip_peer;

/*! Instead of the password: hash of user, realm and password, good for one realm and algorithm. */
struct sip_ha1 {
	struct llist_head entry;
	int alg; /*!< enum sip_digest_alg */
	char *realm;
	char *hex;
};

extern const struct value_string sip_ha1_alg_names[]; /*!< "md5", "sha256" */

/*! Set the password (NULL: leave it) of this user; the first user is that for calls. 0, -EINVAL: a character that cannot be sent, or too long. */
int sip_credentials_set(struct sip_peer *peer, const char *user, const char *password);
/*! Set the hash for a realm. 0, -EINVAL. */
int sip_credentials_set_ha1(struct sip_peer *peer, const char *user, int alg, const char *realm, const char *hex);
int sip_credentials_del(struct sip_peer *peer, const char *user); /*!< 0 or -ENOENT */
void sip_credentials_free_all(struct sip_peer *peer);

struct sip_auth *sip_credentials_find(const struct sip_peer *peer, const char *user); /*!< NULL: the first; NULL if there is none */
struct sip_auth *sip_credentials_next(const struct sip_peer *peer, const struct sip_auth *prev); /*!< for writing the configuration; NULL: the first */
const char *sip_credentials_user(const struct sip_auth *auth);
const char *sip_credentials_password(const struct sip_auth *auth); /*!< NULL if only hashes are known. Configuration file only! */
const struct llist_head *sip_credentials_ha1s(const struct sip_auth *auth); /*!< list of struct sip_ha1 */
/*! What the peer said to them, in words: "accepted", "refused", "not used yet". */
const char *sip_credentials_state(const struct sip_auth *auth);
