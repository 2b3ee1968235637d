/* Digest authentication, our side as a client (RFC 3261 22.2, 22.3; RFC 7616).
 *
 * A challenge is answered with the strongest algorithm that it offers and we have a secret for. The same realm asking
 * again, after it got an answer to its own nonce and without saying stale, means that the password is wrong: that ends
 * it at once. Whatever else comes, MAX_ANSWERS end it. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_auth_internal.h"

#define MAX_ANSWERS    3
#define MAX_CHALLENGES 16 /* looked at, in one response */

struct sip_auth *sip_auth_of_peer(struct sip_peer *peer)
{
	return sip_credentials_find(peer, NULL);
}

bool sip_auth_is_known(const struct sip_auth *auth)
{
	return auth->n_known != 0;
}

static bool str_equal(struct sip_str a, struct sip_str b)
{
	return a.len == b.len && (!a.len || memcmp(a.s, b.s, a.len) == 0);
}

/* ---- what realms demand ---- */

static struct sip_realm *find(struct sip_auth *auth, struct sip_str realm, bool proxy, bool registrar)
{
	struct sip_realm *r;

	for (r = auth->realm; r < auth->realm + SIP_AUTH_MAX_REALMS; r++) {
		if (r->text && r->proxy == proxy && r->registrar == registrar && str_equal(r->realm, realm))
			return r;
	}
	return NULL;
}

static struct sip_realm *get(struct sip_auth *auth, struct sip_str realm, bool proxy, bool registrar)
{
	struct sip_realm *r = find(auth, realm, proxy, registrar);

	if (r)
		return r;
	/* whoever has so many realms may have the oldest one forgotten */
	r = &auth->realm[auth->next_slot++ % SIP_AUTH_MAX_REALMS];
	if (!r->text)
		auth->n_known++;
	TALLOC_FREE(r->text);
	*r = (struct sip_realm){ .proxy = proxy, .registrar = registrar };
	return r;
}

static struct sip_str copy_to(char **at, struct sip_str from)
{
	struct sip_str to = { from.s ? *at : NULL, from.len };

	if (from.len)
		memcpy(*at, from.s, from.len);
	*at += from.len;
	return to;
}

/* The strings of \a c may lie in what \a r has now. */
static int remember(struct sip_auth *auth, struct sip_realm *r, const struct sip_digest *c)
{
	char *text = talloc_size(auth, c->realm.len + c->nonce.len + c->opaque.len + c->algorithm.len + 1), *at = text;

	if (!text)
		return -ENOMEM;
	r->realm = copy_to(&at, c->realm);
	r->nonce = copy_to(&at, c->nonce);
	r->opaque = copy_to(&at, c->opaque);
	r->algorithm = copy_to(&at, c->algorithm);
	r->alg = c->alg;
	r->sess = c->sess;
	r->qop_auth = c->qop_auth;
	r->nc = 0;
	talloc_free(r->text);
	r->text = text;
	return 0;
}

static uint8_t bit_of(const struct sip_auth *auth, const struct sip_realm *r)
{
	return 1 << (r - auth->realm);
}

/* ---- challenges ---- */

/*! A realm asks, with one or several algorithms. */
struct asked {
	struct sip_digest best; /*!< the one to answer */
	bool proxy, stale;
};

struct asked_list {
	struct asked asked[SIP_AUTH_MAX_REALMS];
	unsigned int n, n_seen;
	struct sip_str seen; /*!< realm of any Digest, to be named when none can be answered */
};

static void consider(const struct sip_auth *auth, struct asked_list *list, const struct sip_digest *c, bool proxy)
{
	char ha1[SIP_DIGEST_HEX_LEN];
	struct asked *a;

	list->seen = c->realm;
	if (list->n_seen++ >= MAX_CHALLENGES || !sip_digest_usable(c) ||
	    !sip_credentials_ha1(auth, c->alg, c->realm, ha1))
		return;
	for (a = list->asked; a < list->asked + list->n; a++) {
		if (a->proxy == proxy && str_equal(a->best.realm, c->realm))
			break;
	}
	if (a == list->asked + SIP_AUTH_MAX_REALMS)
		return;
	if (a == list->asked + list->n)
		list->n++;
	else if (sip_digest_strength(c->alg) <= sip_digest_strength(a->best.alg))
		return;
	*a = (struct asked){ .best = *c, .proxy = proxy, .stale = sip_str_is(c->stale, "true") };
}

static void collect(const struct sip_auth *auth, struct asked_list *list, const struct sip_msg *resp,
		    const char *header, bool proxy)
{
	const char *value;
	unsigned int i;

	for (i = 0; (value = sip_msg_header(resp, header, i)) && list->n_seen < MAX_CHALLENGES; i++) {
		struct sip_str rest = sip_str_of(value);
		struct sip_digest c;
		while (list->n_seen < MAX_CHALLENGES && sip_digest_next(&rest, &c))
			consider(auth, list, &c, proxy);
	}
}

/* 0, or -EACCES: it had an answer to this already. */
static int take_up(struct sip_auth *auth, struct sip_auth_try *t, const struct asked *a, bool registrar)
{
	struct sip_realm *r = find(auth, a->best.realm, a->proxy, registrar && !a->proxy);
	int rc;

	if (r && !a->stale &&
	    ((t->answered & bit_of(auth, r)) || ((t->given & bit_of(auth, r)) && str_equal(r->nonce, a->best.nonce))))
		return -EACCES;
	r = get(auth, a->best.realm, a->proxy, registrar && !a->proxy);
	rc = remember(auth, r, &a->best);
	if (rc < 0)
		return rc;
	t->given |= bit_of(auth, r);
	t->answered |= bit_of(auth, r);
	return 0;
}

static int fail(struct sip_auth *auth, const struct sip_msg *resp, struct sip_str realm, const char *why, int rc)
{
	const char *more = log_limit_pass(&auth->refused_limit);
	char text[64];

	auth->refused = true;
	auth->accepted = false;
	rate_ctr_inc2(auth->peer->ctrs, SIP_PEER_CTR_AUTH_REFUSED);
	snprintf(text, sizeof(text), "%.*s", (int)realm.len, realm.s ?: "");
	if (more)
		LOGP(DSIP, LOGL_ERROR, "peer %s, realm '%s', user '%s': %s: %u to %s%s\n", auth->peer->name,
		     osmo_escape_str(text, -1), auth->user, why, resp->status, resp->method_name, more);
	return rc;
}

int sip_auth_challenged(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_msg *resp)
{
	struct asked_list list = {};
	unsigned int i;

	collect(auth, &list, resp, "WWW-Authenticate", false);
	collect(auth, &list, resp, "Proxy-Authenticate", true);
	if (!list.n)
		return fail(auth, resp, list.seen,
			    "no challenge that can be answered (algorithm, or HA1 of another realm)", -ENOTSUP);
	if (t->n >= MAX_ANSWERS)
		return fail(auth, resp, list.seen, "challenged again and again", -ELOOP);
	t->n++;
	for (i = 0; i < list.n; i++) {
		if (take_up(auth, t, &list.asked[i], resp->method == SIP_REGISTER) < 0)
			return fail(auth, resp, list.asked[i].best.realm, "wrong user or password", -EACCES);
	}
	return 0;
}

/* ---- answers ---- */

static int write_line(struct sip_auth *auth, struct sip_realm *r, const struct sip_auth_for *what, char *buf,
		      size_t len)
{
	char ha1[SIP_DIGEST_HEX_LEN], response[SIP_DIGEST_HEX_LEN], cnonce[17], nc[9], value[4096];
	struct sip_digest d = {
		.realm = r->realm,
		.nonce = r->nonce,
		.opaque = r->opaque,
		.algorithm = r->algorithm,
		.alg = r->alg,
		.sess = r->sess,
		.qop_auth = r->qop_auth,
		.username = sip_str_of(auth->user),
		.uri = sip_str_of(what->uri),
	};

	if (!sip_credentials_ha1(auth, r->alg, r->realm, ha1))
		return 0;
	snprintf(nc, sizeof(nc), "%08x", ++r->nc);
	d.nc = sip_str_of(nc);
	d.cnonce = sip_str_of(token_hex(cnonce, 16));
	if (sip_digest_response(response, &d, ha1, what->method) < 0)
		return 0;
	d.response = sip_str_of(response);
	if (sip_digest_write(value, sizeof(value), &d) < 0)
		return 0;
	return snprintf(buf, len, "%s: %s\r\n", r->proxy ? "Proxy-Authorization" : "Authorization", value);
}

/* Without having been asked: proxies want it of all, others of what they wanted it of before. */
static bool is_wanted(const struct sip_realm *r, const struct sip_auth_for *what)
{
	return r->text && (r->proxy || r->registrar == (strcmp(what->method, "REGISTER") == 0));
}

void sip_auth_lines(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_auth_for *what, char *buf,
		    size_t len)
{
	size_t at = 0;
	unsigned int i;
	int n;

	buf[0] = '\0';
	for (i = 0; i < SIP_AUTH_MAX_REALMS; i++) {
		struct sip_realm *r = &auth->realm[i];
		if (!r->text || !(t->n ? t->given & (1 << i) : is_wanted(r, what)))
			continue;
		n = write_line(auth, r, what, buf + at, len - at);
		if (n >= (int)(len - at)) {
			buf[at] = '\0';
			return;
		}
		at += n;
		t->given |= 1 << i;
	}
}

static void next_nonce(struct sip_auth *auth, const struct sip_auth_try *t, const struct sip_msg *resp,
		       const char *header, bool proxy)
{
	const char *value = sip_msg_header(resp, header, 0);
	struct sip_digest info, next;
	struct sip_realm *r;
	unsigned int i;

	if (!value || !sip_digest_params(sip_str_of(value), &info) || !info.nextnonce.len)
		return;
	for (i = 0; i < SIP_AUTH_MAX_REALMS; i++) {
		r = &auth->realm[i];
		if (!r->text || r->proxy != proxy || !(t->given & (1 << i)))
			continue;
		next = (struct sip_digest){
			.realm = r->realm,
			.nonce = info.nextnonce,
			.opaque = r->opaque,
			.algorithm = r->algorithm,
			.alg = r->alg,
			.sess = r->sess,
			.qop_auth = r->qop_auth,
		};
		remember(auth, r, &next);
		return;
	}
}

void sip_auth_accepted(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_msg *resp)
{
	if (!t->given)
		return;
	if (resp->status == 403) /* some say it so when the password is wrong; it may mean something else */
		return;
	auth->accepted = true;
	auth->refused = false;
	next_nonce(auth, t, resp, "Authentication-Info", false);
	next_nonce(auth, t, resp, "Proxy-Authentication-Info", true);
}

void sip_auth_token(const struct sip_auth *auth, const char *of, char *buf)
{
	const struct sip_ha1 *ha1 = NULL;
	char hex[SIP_DIGEST_HEX_LEN];
	const char *secret;

	if (auth && !llist_empty(&auth->ha1s))
		ha1 = llist_first_entry(&auth->ha1s, struct sip_ha1, entry);
	secret = auth && auth->password ? auth->password : ha1 ? ha1->hex : NULL;
	if (secret) {
		const struct sip_str parts[] = { sip_str_of("osmo-sipgw line"), sip_str_of(auth->peer->name),
						 sip_str_of(of), sip_str_of(secret) };
		if (sip_digest_hash(hex, SIP_DIGEST_SHA256, parts, ARRAY_SIZE(parts)) == 0) {
			snprintf(buf, 17, "%.16s", hex);
			return;
		}
	}
	token_hex(buf, 16);
}
