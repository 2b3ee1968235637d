/* User names and passwords of a peer: the objects behind `auth user'. Secrets never leave this file but as hashes, and
 * into the configuration file. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <osmocom/core/talloc.h>

#include "sip_auth_internal.h"
#include "sip_request.h"

#define MAX_TEXT 128 /* of user, password, realm */

const struct value_string sip_ha1_alg_names[] = { { SIP_DIGEST_MD5, "md5" }, { SIP_DIGEST_SHA256, "sha256" }, {} };

/* What can stand between quotes without escapes. */
static bool is_quotable(const char *text)
{
	const char *p;

	for (p = text; *p; p++) {
		if (iscntrl((unsigned char)*p) || *p == '"' || *p == '\\')
			return false;
	}
	return p != text && p - text <= MAX_TEXT;
}

struct sip_auth *sip_credentials_find(const struct sip_peer *peer, const char *user)
{
	struct sip_auth *auth;

	llist_for_each_entry (auth, &peer->credentials, entry) {
		if (!user || strcmp(auth->user, user) == 0)
			return auth;
	}
	return NULL;
}

struct sip_auth *sip_credentials_next(const struct sip_peer *peer, const struct sip_auth *prev)
{
	const struct llist_head *at = prev ? prev->entry.next : peer->credentials.next;

	return at == &peer->credentials ? NULL : llist_entry(at, struct sip_auth, entry);
}

static struct sip_auth *get(struct sip_peer *peer, const char *user)
{
	struct sip_auth *auth = sip_credentials_find(peer, user);

	if (auth)
		return auth;
	auth = talloc_zero(peer, struct sip_auth);
	if (!auth)
		return NULL;
	auth->peer = peer;
	auth->user = talloc_strdup(auth, user);
	INIT_LLIST_HEAD(&auth->ha1s);
	llist_add_tail(&auth->entry, &peer->credentials);
	return auth;
}

/* A new secret: what was refused before may be accepted now. */
static void forget_realms(struct sip_auth *auth)
{
	unsigned int i;

	for (i = 0; i < SIP_AUTH_MAX_REALMS; i++) {
		talloc_free(auth->realm[i].text);
		auth->realm[i] = (struct sip_realm){};
	}
	auth->n_known = 0;
	auth->accepted = auth->refused = false;
}

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	TALLOC_FREE(*text);
}

int sip_credentials_set(struct sip_peer *peer, const char *user, const char *password)
{
	struct sip_auth *auth;
	const char *p;

	if (!is_quotable(user) || (password && (!password[0] || strlen(password) > MAX_TEXT)))
		return -EINVAL;
	for (p = password; p && *p; p++) {
		if (iscntrl((unsigned char)*p))
			return -EINVAL;
	}
	auth = get(peer, user);
	if (!auth)
		return -ENOMEM;
	forget_realms(auth);
	if (password) {
		wipe(&auth->password);
		auth->password = talloc_strdup(auth, password);
	}
	return 0;
}

static struct sip_ha1 *ha1_find(const struct sip_auth *auth, int alg, struct sip_str realm)
{
	struct sip_ha1 *ha1;

	llist_for_each_entry (ha1, &auth->ha1s, entry) {
		if (ha1->alg == alg && strlen(ha1->realm) == realm.len && memcmp(ha1->realm, realm.s, realm.len) == 0)
			return ha1;
	}
	return NULL;
}

static bool is_hash(const char *hex, int alg)
{
	return strlen(hex) == sip_digest_hex_digits(alg) && strspn(hex, "0123456789abcdefABCDEF") == strlen(hex);
}

int sip_credentials_set_ha1(struct sip_peer *peer, const char *user, int alg, const char *realm, const char *hex)
{
	struct sip_auth *auth;
	struct sip_ha1 *ha1;
	char *p;

	if (!is_quotable(user) || !is_quotable(realm) || !is_hash(hex, alg))
		return -EINVAL;
	auth = get(peer, user);
	if (!auth)
		return -ENOMEM;
	forget_realms(auth);
	ha1 = ha1_find(auth, alg, sip_str_of(realm));
	if (!ha1) {
		ha1 = talloc_zero(auth, struct sip_ha1);
		*ha1 = (struct sip_ha1){ .alg = alg, .realm = talloc_strdup(ha1, realm) };
		llist_add_tail(&ha1->entry, &auth->ha1s);
	}
	wipe(&ha1->hex);
	ha1->hex = talloc_strdup(ha1, hex);
	for (p = ha1->hex; *p; p++)
		*p = tolower((unsigned char)*p);
	return 0;
}

static void auth_free(struct sip_auth *auth)
{
	struct sip_ha1 *ha1;

	sip_request_forget_auth(auth->peer->ua, auth);
	llist_for_each_entry (ha1, &auth->ha1s, entry)
		wipe(&ha1->hex);
	wipe(&auth->password);
	llist_del(&auth->entry);
	talloc_free(auth);
}

int sip_credentials_del(struct sip_peer *peer, const char *user)
{
	struct sip_auth *auth = sip_credentials_find(peer, user);

	if (!auth)
		return -ENOENT;
	auth_free(auth);
	return 0;
}

void sip_credentials_free_all(struct sip_peer *peer)
{
	struct sip_auth *auth, *next;

	llist_for_each_entry_safe (auth, next, &peer->credentials, entry)
		auth_free(auth);
}

bool sip_credentials_ha1(const struct sip_auth *auth, int alg, struct sip_str realm, char hex[SIP_DIGEST_HEX_LEN])
{
	const struct sip_ha1 *ha1 = ha1_find(auth, alg, realm);

	if (ha1) {
		OSMO_STRLCPY_ARRAY(*(char(*)[SIP_DIGEST_HEX_LEN])hex, ha1->hex);
		return true;
	}
	return auth->password && sip_digest_ha1(hex, alg, auth->user, realm, auth->password) == 0;
}

const char *sip_credentials_user(const struct sip_auth *auth)
{
	return auth->user;
}

const char *sip_credentials_password(const struct sip_auth *auth)
{
	return auth->password;
}

const struct llist_head *sip_credentials_ha1s(const struct sip_auth *auth)
{
	return &auth->ha1s;
}

const char *sip_credentials_state(const struct sip_auth *auth)
{
	if (auth->refused)
		return "refused";
	return auth->accepted ? "accepted" : "not asked for yet";
}
