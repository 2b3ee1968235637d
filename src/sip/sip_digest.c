/* Digest access authentication: read challenges and credentials, compute, write (RFC 7616, RFC 2617, RFC 8760).
 *
 * A header value may have several challenges with commas between them and between their parameters (RFC 7235 2.1): a
 * word that no "=" follows begins a new one. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <osmocom/sipgw/sip/sip_digest.h>

#include "sip_text.h"

const struct value_string sip_digest_alg_names[] = {
	{ SIP_DIGEST_MD5, "MD5" }, { SIP_DIGEST_SHA256, "SHA-256" }, { SIP_DIGEST_SHA512_256, "SHA-512-256" }, {}
};

static const struct {
	const EVP_MD *(*md)(void);
	unsigned int n_digits, strength;
} algs[_NUM_SIP_DIGEST_ALGS] = {
	[SIP_DIGEST_MD5] = { EVP_md5, 32, 1 },
	[SIP_DIGEST_SHA256] = { EVP_sha256, 64, 2 },
	[SIP_DIGEST_SHA512_256] = { EVP_sha512_256, 64, 2 },
};

/* ---- reading ---- */

static const struct {
	const char *name;
	size_t offset;
} params[] = {
#define PARAM(x)                                                                                                       \
	{                                                                                                              \
#x, offsetof(struct sip_digest, x)                                                                     \
	}
	PARAM(realm), PARAM(nonce),    PARAM(opaque), PARAM(algorithm), PARAM(qop),   PARAM(username),
	PARAM(uri),   PARAM(response), PARAM(cnonce), PARAM(nc),	PARAM(stale), PARAM(nextnonce),
};

static bool is_token_char(char c)
{
	return c > ' ' && c != 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static void skip(struct sip_str *rest, const char *what)
{
	while (rest->len && *rest->s && strchr(what, *rest->s)) {
		rest->s++;
		rest->len--;
	}
}

static struct sip_str take(struct sip_str *rest, size_t n)
{
	struct sip_str taken = { rest->s, n };

	rest->s += n;
	rest->len -= n;
	return taken;
}

static struct sip_str take_token(struct sip_str *rest)
{
	size_t n = 0;

	while (n < rest->len && is_token_char(rest->s[n]))
		n++;
	return take(rest, n);
}

static bool is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

/* Up to the closing quote, which is not part of it. s is NULL if there is none, or something in it that must not get
 * into a message of ours. */
static struct sip_str take_quoted(struct sip_str *rest)
{
	struct sip_str inside;
	size_t n;

	for (n = 1; n < rest->len && rest->s[n] != '"'; n++) {
		if (rest->s[n] == '\\')
			n++;
		if (n < rest->len && is_control(rest->s[n]))
			return (struct sip_str){};
	}
	if (n >= rest->len)
		return (struct sip_str){};
	inside = take(rest, n + 1);
	return (struct sip_str){ inside.s + 1, inside.len - 2 };
}

/* Some write values without the quotes that they should have: then all up to the next comma. They go back in quotes, so
 * that there must not be a backslash in them. */
static struct sip_str take_value(struct sip_str *rest)
{
	size_t n = 0;

	if (rest->len && *rest->s == '"')
		return take_quoted(rest);
	while (n < rest->len && !strchr(", \"\\", rest->s[n]) && !is_control(rest->s[n]) && rest->s[n] != '\t')
		n++;
	return take(rest, n);
}

static void set_param(struct sip_digest *d, struct sip_str name, struct sip_str value)
{
	struct sip_str *to;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(params); i++) {
		if (!sip_str_is(name, params[i].name))
			continue;
		to = (struct sip_str *)((char *)d + params[i].offset);
		if (!to->s)
			*to = value;
	}
}

static bool list_has(struct sip_str list, const char *word)
{
	size_t n;

	while (list.len) {
		skip(&list, ", \t");
		for (n = 0; n < list.len && !strchr(", \t", list.s[n]); n++)
			;
		if (!n && list.len)
			return false; /* a NUL */
		if (sip_str_is(take(&list, n), word))
			return true;
	}
	return false;
}

static enum sip_digest_alg alg_by_str(struct sip_str name)
{
	const struct value_string *vs;

	for (vs = sip_digest_alg_names; vs->str; vs++) {
		if (strlen(vs->str) == name.len && strncasecmp(vs->str, name.s, name.len) == 0)
			return vs->value;
	}
	return SIP_DIGEST_UNKNOWN;
}

enum sip_digest_alg sip_digest_alg_by_name(const char *name)
{
	return alg_by_str(sip_str_of(name));
}

static void conclude(struct sip_digest *d)
{
	static const char sess[] = "-sess";
	const size_t n = strlen(sess);
	struct sip_str name = d->algorithm;

	d->sess = name.len > n && strncasecmp(name.s + name.len - n, sess, n) == 0;
	if (d->sess)
		name.len -= n;
	d->alg = name.s ? alg_by_str(name) : SIP_DIGEST_MD5;
	d->qop_auth = d->qop.s && list_has(d->qop, "auth");
}

/* Parameters until the end or until the next scheme, whose name is left in \a rest. False: not well-formed. */
static bool read_params(struct sip_str *rest, struct sip_digest *d)
{
	struct sip_str before, name, value;

	for (;;) {
		skip(rest, ", \t\r\n");
		if (!rest->len)
			return true;
		before = *rest;
		name = take_token(rest);
		skip(rest, " \t\r\n");
		if (!name.len)
			return false;
		if (!rest->len || *rest->s != '=') {
			*rest = before;
			return true;
		}
		take(rest, 1);
		skip(rest, " \t\r\n");
		value = take_value(rest);
		if (!value.s)
			return false;
		set_param(d, name, value);
	}
}

/* One word alone, like the base64 of "Negotiate": no "=" in it but at its end. */
static void skip_token68(struct sip_str *rest)
{
	size_t n = 0;

	while (n < rest->len && (is_token_char(rest->s[n]) || rest->s[n] == '/'))
		n++;
	while (n < rest->len && rest->s[n] == '=')
		n++;
	if (n == rest->len || rest->s[n] == ',')
		take(rest, n);
}

bool sip_digest_next(struct sip_str *rest, struct sip_digest *d)
{
	struct sip_str scheme;

	for (;;) {
		*d = (struct sip_digest){};
		skip(rest, ", \t\r\n");
		scheme = take_token(rest);
		if (!scheme.len)
			return false;
		skip(rest, " \t\r\n");
		if (!sip_str_is(scheme, "digest"))
			skip_token68(rest);
		if (!read_params(rest, d))
			return false;
		if (!sip_str_is(scheme, "digest"))
			continue;
		conclude(d);
		return true;
	}
}

bool sip_digest_params(struct sip_str text, struct sip_digest *d)
{
	*d = (struct sip_digest){};
	if (!read_params(&text, d) || text.len)
		return false;
	conclude(d);
	return true;
}

bool sip_digest_usable(const struct sip_digest *challenge)
{
	return challenge->alg != SIP_DIGEST_UNKNOWN && challenge->realm.s && challenge->nonce.len &&
	       (!challenge->qop.len || challenge->qop_auth);
}

unsigned int sip_digest_strength(enum sip_digest_alg alg)
{
	return algs[alg].strength;
}

unsigned int sip_digest_hex_digits(enum sip_digest_alg alg)
{
	return algs[alg].n_digits;
}

/* ---- arithmetic ---- */

static bool update(EVP_MD_CTX *md, const struct sip_str *parts, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (i && !EVP_DigestUpdate(md, ":", 1))
			return false;
		if (parts[i].len && !EVP_DigestUpdate(md, parts[i].s, parts[i].len))
			return false;
	}
	return true;
}

int sip_digest_hash(char hex[SIP_DIGEST_HEX_LEN], enum sip_digest_alg alg, const struct sip_str *parts, unsigned int n)
{
	unsigned char bin[EVP_MAX_MD_SIZE];
	unsigned int len = 0, i;
	EVP_MD_CTX *md;
	bool ok;

	hex[0] = '\0';
	if (!algs[alg].md)
		return -ENOTSUP;
	md = EVP_MD_CTX_new();
	ok = md && EVP_DigestInit_ex(md, algs[alg].md(), NULL) && update(md, parts, n) &&
	     EVP_DigestFinal_ex(md, bin, &len) && 2 * len == algs[alg].n_digits;
	EVP_MD_CTX_free(md);
	if (!ok)
		return -ENOTSUP;
	for (i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bin[i]);
	return 0;
}

int sip_digest_ha1(char hex[SIP_DIGEST_HEX_LEN], enum sip_digest_alg alg, const char *user, struct sip_str realm,
		   const char *password)
{
	const struct sip_str parts[] = { sip_str_of(user), realm, sip_str_of(password) };

	return sip_digest_hash(hex, alg, parts, ARRAY_SIZE(parts));
}

int sip_digest_response(char hex[SIP_DIGEST_HEX_LEN], const struct sip_digest *d, const char *ha1, const char *method)
{
	const struct sip_str a2[] = { sip_str_of(method), d->uri };
	const struct sip_str session[] = { sip_str_of(ha1), d->nonce, d->cnonce };
	char ha1_sess[SIP_DIGEST_HEX_LEN], ha2[SIP_DIGEST_HEX_LEN];

	if (sip_digest_hash(ha2, d->alg, a2, ARRAY_SIZE(a2)) < 0)
		return -ENOTSUP;
	if (d->sess) {
		sip_digest_hash(ha1_sess, d->alg, session, ARRAY_SIZE(session));
		ha1 = ha1_sess;
	}
	if (d->qop_auth) {
		const struct sip_str parts[] = { sip_str_of(ha1), d->nonce,	      d->nc,
						 d->cnonce,	  sip_str_of("auth"), sip_str_of(ha2) };
		return sip_digest_hash(hex, d->alg, parts, ARRAY_SIZE(parts));
	} else {
		const struct sip_str parts[] = { sip_str_of(ha1), d->nonce, sip_str_of(ha2) };
		return sip_digest_hash(hex, d->alg, parts, ARRAY_SIZE(parts));
	}
}

/* ---- writing ---- */

static void write_param(struct sip_writer *w, const char *name, struct sip_str value, bool quoted)
{
	const char *quote = quoted ? "\"" : "";

	if (!value.s)
		return;
	sip_write_bytes(w, ", ", 2);
	sip_write_bytes(w, name, strlen(name));
	sip_write_bytes(w, "=", 1);
	sip_write_bytes(w, quote, strlen(quote));
	sip_write_str(w, value);
	sip_write_bytes(w, quote, strlen(quote));
}

int sip_digest_write(char *buf, size_t len, const struct sip_digest *d)
{
	static const char first[] = "Digest username=\"";
	struct sip_writer w;

	sip_writer_init(&w, buf, len);
	sip_write_bytes(&w, first, strlen(first));
	sip_write_str(&w, d->username);
	sip_write_bytes(&w, "\"", 1);
	write_param(&w, "realm", d->realm, true);
	write_param(&w, "nonce", d->nonce, true);
	write_param(&w, "uri", d->uri, true);
	write_param(&w, "response", d->response, true);
	write_param(&w, "algorithm", d->algorithm, false);
	if (d->qop_auth || d->sess)
		write_param(&w, "cnonce", d->cnonce, true);
	write_param(&w, "opaque", d->opaque, true);
	if (d->qop_auth) {
		write_param(&w, "qop", sip_str_of("auth"), false);
		write_param(&w, "nc", d->nc, false);
	}
	if (w.overflow || w.len >= len)
		return -EMSGSIZE;
	buf[w.len] = '\0';
	return w.len;
}

bool sip_digest_equal(const char *a, const char *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
