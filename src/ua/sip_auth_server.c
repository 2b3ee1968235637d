/* Digest authentication that we demand of a peer (RFC 3261 22.2 as a UAS, RFC 7616, RFC 8760).
 *
 * A nonce proves itself: time and chance, and a hash over both with a secret of this process; nothing is stored for a
 * challenge, so that asking for many costs nothing. What is stored is which nonces were used with the right password,
 * each with a window of the counts it has seen. When that table overflows, what is as old as the entry that has to go
 * is stale for everybody: no nonce gets a second life. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <osmocom/core/hashtable.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_auth_internal.h"

#define MAX_USED     4096 /* nonces remembered */
#define NC_WINDOW    64	  /* counts that may overtake each other */
#define NONCE_HEAD   28	  /* hex digits: 12 of time in ms, 16 of chance */
#define NONCE_DIGITS (NONCE_HEAD + 32)

/*! A nonce that was used with the right password. */
struct used {
	struct hlist_node node;
	uint64_t id;   /*!< its chance */
	uint64_t ms;   /*!< its time; 0: entry is free */
	uint32_t nc;   /*!< highest count seen */
	uint64_t seen; /*!< bit n: nc - n was seen */
};

struct sip_auth_nonces {
	struct used used[MAX_USED];
	unsigned int next;
	uint64_t too_old_ms; /*!< nonces that are not newer have been forgotten */
	char secret[33];
	DECLARE_HASHTABLE(by_id, 10);
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	osmo_clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static struct sip_auth_nonces *nonces_get(struct sip_ua *ua)
{
	if (ua->nonces)
		return ua->nonces;
	ua->nonces = talloc_zero(ua, struct sip_auth_nonces);
	if (!ua->nonces)
		return NULL;
	token_hex(ua->nonces->secret, 32);
	hash_init(ua->nonces->by_id);
	return ua->nonces;
}

/* ---- nonces ---- */

/* Hash of secret, head and the secret again: what is between cannot be made longer by others. */
static int sign(char hex[SIP_DIGEST_HEX_LEN], const struct sip_auth_nonces *n, const struct sip_peer *peer,
		struct sip_str head)
{
	const struct sip_str parts[] = { sip_str_of(n->secret), sip_str_of(peer->name), head, sip_str_of(n->secret) };

	return sip_digest_hash(hex, SIP_DIGEST_SHA256, parts, ARRAY_SIZE(parts));
}

static int nonce_make(char nonce[NONCE_DIGITS + 1], const struct sip_auth_nonces *n, const struct sip_peer *peer)
{
	char hex[SIP_DIGEST_HEX_LEN];

	snprintf(nonce, NONCE_HEAD + 1, "%012" PRIx64 "%016" PRIx64, now_ms() & 0xffffffffffff, token_u64());
	if (sign(hex, n, peer, (struct sip_str){ nonce, NONCE_HEAD }) < 0)
		return -ENOTSUP;
	snprintf(nonce + NONCE_HEAD, NONCE_DIGITS - NONCE_HEAD + 1, "%.32s", hex);
	return 0;
}

/* Ours, for this peer, and not too old? */
static bool nonce_read(const struct sip_auth_nonces *n, const struct sip_peer *peer, struct sip_str nonce, uint64_t *ms,
		       uint64_t *id)
{
	char hex[SIP_DIGEST_HEX_LEN], text[NONCE_DIGITS + 1];
	uint64_t now = now_ms();

	if (nonce.len != NONCE_DIGITS)
		return false;
	if (sign(hex, n, peer, (struct sip_str){ nonce.s, NONCE_HEAD }) < 0 ||
	    !sip_digest_equal(hex, nonce.s + NONCE_HEAD, NONCE_DIGITS - NONCE_HEAD))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)nonce.len, nonce.s);
	text[NONCE_HEAD] = '\0';
	*id = strtoull(text + 12, NULL, 16);
	text[12] = '\0';
	*ms = strtoull(text, NULL, 16);
	return *ms <= now && now - *ms <= timer_ms(sip_tdefs, T_SIP_NONCE);
}

static struct used *used_find(const struct sip_auth_nonces *n, uint64_t id)
{
	struct used *u;

	hash_for_each_possible (n->by_id, u, node, id) {
		if (u->id == id)
			return u;
	}
	return NULL;
}

static struct used *used_add(struct sip_auth_nonces *n, uint64_t id, uint64_t ms)
{
	struct used *u = &n->used[n->next++ % MAX_USED];

	if (u->ms) {
		hash_del(&u->node);
		n->too_old_ms = OSMO_MAX(n->too_old_ms, u->ms);
	}
	*u = (struct used){ .id = id, .ms = ms };
	hash_add(n->by_id, &u->node, id);
	return u;
}

/* Mark this count as seen. False: it was before, or it is too far behind to tell. */
static bool count_ok(struct used *u, uint32_t nc)
{
	uint32_t ahead = nc - u->nc, behind = u->nc - nc;

	if (!nc)
		return false;
	if (nc > u->nc) {
		u->seen = ahead < NC_WINDOW ? u->seen << ahead | 1 : 1;
		u->nc = nc;
		return true;
	}
	if (behind >= NC_WINDOW || (u->seen & (1ULL << behind)))
		return false;
	u->seen |= 1ULL << behind;
	return true;
}

/* The password was right; is this the first time that we see nonce and count? */
static bool nonce_use(struct sip_auth_nonces *n, const struct sip_peer *peer, const struct sip_digest *d)
{
	char nc[9] = "1"; /* without qop there is no count: the nonce is good for one request */
	struct used *u;
	uint64_t ms, id;

	if (!nonce_read(n, peer, d->nonce, &ms, &id))
		return false;
	if (d->qop_auth)
		snprintf(nc, sizeof(nc), "%.*s", (int)d->nc.len, d->nc.s);
	u = used_find(n, id);
	if (!u) {
		if (ms <= n->too_old_ms)
			return false;
		u = used_add(n, id, ms);
	}
	return count_ok(u, strtoul(nc, NULL, 16));
}

/* ---- credentials ---- */

static const char *realm_of(const struct sip_peer *peer)
{
	return peer->cfg.domain ?: "osmo-sipgw";
}

static bool str_is(struct sip_str str, const char *text)
{
	return str.s && str.len == strlen(text) && memcmp(str.s, text, str.len) == 0;
}

static bool is_complete(const struct sip_digest *d)
{
	return d->username.s && d->nonce.s && d->uri.s && d->response.s && d->alg != SIP_DIGEST_UNKNOWN &&
	       (!d->qop.s || (d->qop_auth && d->nc.len == 8 && d->cnonce.s)) && (!d->sess || d->cnonce.s);
}

/* The credentials for our realm. */
static bool find_credentials(const struct sip_peer *peer, const struct sip_msg *req, struct sip_digest *d)
{
	const char *value;
	unsigned int i;

	for (i = 0; i < 8 && (value = sip_msg_header(req, "Authorization", i)); i++) {
		struct sip_str rest = sip_str_of(value);
		while (sip_digest_next(&rest, d)) {
			if (str_is(d->realm, realm_of(peer)) && is_complete(d))
				return true;
		}
	}
	return false;
}

static bool password_ok(const struct sip_peer *peer, const struct sip_msg *req, const struct sip_digest *d)
{
	char user[256], ha1[SIP_DIGEST_HEX_LEN], response[SIP_DIGEST_HEX_LEN], theirs[SIP_DIGEST_HEX_LEN];
	const struct sip_auth *auth;
	unsigned int i, n = sip_digest_hex_digits(d->alg);

	if (d->username.len >= sizeof(user) || d->response.len != n)
		return false;
	snprintf(user, sizeof(user), "%.*s", (int)d->username.len, d->username.s);
	auth = sip_credentials_find(peer, user);
	if (!auth || !sip_credentials_ha1(auth, d->alg, d->realm, ha1) ||
	    sip_digest_response(response, d, ha1, req->method_name) < 0)
		return false;
	for (i = 0; i < n; i++)
		theirs[i] =
			d->response.s[i] >= 'A' && d->response.s[i] <= 'F' ? d->response.s[i] | 0x20 : d->response.s[i];
	return sip_digest_equal(response, theirs, n);
}

/* ---- answers ---- */

static bool can_challenge(const struct sip_peer *peer, enum sip_digest_alg alg)
{
	const struct sip_auth *auth = NULL;
	char ha1[SIP_DIGEST_HEX_LEN];

	while ((auth = sip_credentials_next(peer, auth))) {
		if (sip_credentials_ha1(auth, alg, sip_str_of(realm_of(peer)), ha1))
			return true;
	}
	return false;
}

/* The strongest first (RFC 8760 2.3). */
static void challenge(struct sip_auth_nonces *n, struct sip_peer *peer, struct sip_trx *trx, const struct sip_msg *req,
		      const char *to_tag, bool stale)
{
	static const enum sip_digest_alg offered[] = { SIP_DIGEST_SHA256, SIP_DIGEST_MD5 };
	char lines[1024] = "", nonce[NONCE_DIGITS + 1];
	unsigned int i;
	size_t len = 0;

	for (i = 0; i < ARRAY_SIZE(offered); i++) {
		if (!can_challenge(peer, offered[i]) || nonce_make(nonce, n, peer) < 0)
			continue;
		len += snprintf(lines + len, sizeof(lines) - len,
				"WWW-Authenticate: Digest realm=\"%s\", nonce=\"%s\", algorithm=%s, qop=\"auth\"%s\r\n",
				realm_of(peer), nonce, get_value_string(sip_digest_alg_names, offered[i]),
				stale ? ", stale=true" : "");
		if (len >= sizeof(lines))
			len = lines[0] = 0;
	}
	sip_tx_respond(trx, req, len ? 401 : 403, to_tag, len ? lines : NULL);
}

static void log_failure(struct sip_peer *peer, const struct sip_msg *req, const struct sip_flow *from)
{
	const char *more = log_limit_pass(&peer->auth_limit);
	char addr[SIP_HOSTPORT_LEN];

	rate_ctr_inc2(peer->ctrs, SIP_PEER_CTR_AUTH_FAILED);
	if (!more)
		return;
	sip_hostport_buf(addr, sizeof(addr), &from->remote);
	LOGP(DSIP, LOGL_NOTICE, "authentication failed for peer %s from %s (%s)%s\n", peer->name, addr,
	     req->method_name, more);
}

bool sip_auth_refuse(struct sip_peer *peer, struct sip_trx *trx, const struct sip_msg *req, const struct sip_flow *from,
		     const char *to_tag)
{
	struct sip_auth_nonces *n;
	struct sip_digest d;

	if (!peer->cfg.challenge || req->method == SIP_ACK || req->method == SIP_CANCEL || req->method == SIP_OPTIONS)
		return false;
	n = nonces_get(peer->ua);
	if (!n) {
		sip_tx_respond(trx, req, 500, to_tag, NULL);
	} else if (!find_credentials(peer, req, &d)) {
		challenge(n, peer, trx, req, to_tag, false);
	} else if (!password_ok(peer, req, &d)) {
		log_failure(peer, req, from);
		sip_tx_respond(trx, req, 403, to_tag, NULL);
	} else if (!nonce_use(n, peer, &d)) {
		rate_ctr_inc2(peer->ctrs, SIP_PEER_CTR_AUTH_STALE);
		challenge(n, peer, trx, req, to_tag, true);
	} else {
		return false;
	}
	return true;
}
