/* URIs, name-addr headers, parameters and lists (RFC 3261 19.1, 20.10, 25.1).
 *
 * Takes text apart that the guard has bounded; results are copied into an arena. A user part is unescaped, but for
 * control characters: %00 must not make two users equal (RFC 4475 3.1.1.4). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_msg.h>

#include "sip_text.h"

#define IS_LWS(c) ((c) == ' ' || (c) == '\t' || (c) == '\r' || (c) == '\n')

bool sip_str_is(struct sip_str str, const char *lower)
{
	return strlen(lower) == str.len && !strncasecmp(str.s, lower, str.len);
}

struct sip_str sip_str_trim(struct sip_str str)
{
	while (str.len && IS_LWS(str.s[0])) {
		str.s++;
		str.len--;
	}
	while (str.len && IS_LWS(str.s[str.len - 1]))
		str.len--;
	return str;
}

/* Digits only, and no more than max: no sign, no overflow. */
bool sip_parse_u32(struct sip_str str, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < str.len; i++) {
		if (!isdigit((unsigned char)str.s[i]))
			return false;
		v = v * 10 + str.s[i] - '0';
		if (v > max)
			return false;
	}
	if (!str.len)
		return false;
	*out = v;
	return true;
}

/* Length of the quoted string at the start of str, quotes included; 0 if it does not end. */
static size_t quoted_len(struct sip_str str)
{
	size_t i;

	for (i = 1; i < str.len; i++) {
		if (str.s[i] == '\\')
			i++;
		else if (str.s[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Where that character is first, its length if it is not there; -1 if a quoted string does not end. */
static ssize_t find_outside_quotes(struct sip_str str, char what)
{
	size_t i, quoted;

	for (i = 0; i < str.len; i++) {
		if (str.s[i] == '"') {
			quoted = quoted_len((struct sip_str){ str.s + i, str.len - i });
			if (!quoted)
				return -1;
			i += quoted - 1;
		} else if (str.s[i] == what) {
			break;
		}
	}
	return i;
}

static void advance(struct sip_str *str, size_t n)
{
	if (n)
		str->s += n;
	str->len -= n;
}

int sip_param_next(struct sip_str *rest, struct sip_str *name, struct sip_str *value)
{
	struct sip_str param;
	ssize_t n;

	*rest = sip_str_trim(*rest);
	if (!rest->len)
		return 0;
	if (rest->s[0] != ';')
		return -EINVAL;
	advance(rest, 1);
	n = find_outside_quotes(*rest, ';');
	if (n < 0)
		return -EINVAL;
	param = (struct sip_str){ rest->s, n };
	advance(rest, n);

	n = find_outside_quotes(param, '=');
	*name = sip_str_trim((struct sip_str){ param.s, n });
	*value = (struct sip_str){};
	if (n < (ssize_t)param.len)
		*value = sip_str_trim((struct sip_str){ param.s + n + 1, param.len - n - 1 });
	return 1;
}

bool sip_list_next(struct sip_str *rest, struct sip_str *value)
{
	bool in_uri = false;
	size_t i;

	*rest = sip_str_trim(*rest);
	if (!rest->len)
		return false;
	for (i = 0; i < rest->len; i++) {
		if (rest->s[i] == '"' && !in_uri) {
			size_t n = quoted_len((struct sip_str){ rest->s + i, rest->len - i });
			if (!n) {
				i = rest->len;
				break;
			}
			i += n - 1;
		} else if (rest->s[i] == '<') {
			in_uri = true;
		} else if (rest->s[i] == '>') {
			in_uri = false;
		} else if (rest->s[i] == ',' && !in_uri) {
			break;
		}
	}
	*value = sip_str_trim((struct sip_str){ rest->s, OSMO_MIN(i, rest->len) });
	advance(rest, OSMO_MIN(i + 1, rest->len));
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Escaped control characters stay escaped: nothing behind us expects a NUL, CR or LF in a name. */
static const char *unescape(struct sip_arena *arena, struct sip_str str)
{
	char *out = sip_arena_strndup(arena, str.s, str.len), *p = out;
	size_t i;

	for (i = 0; i < str.len; i++) {
		int hi = -1, lo = -1;
		if (str.s[i] == '%' && i + 2 < str.len) {
			hi = hex_digit(str.s[i + 1]);
			lo = hex_digit(str.s[i + 2]);
		}
		if (hi < 0 || lo < 0 || hi * 16 + lo < ' ' || hi * 16 + lo == 0x7f) {
			*p++ = str.s[i];
		} else {
			*p++ = hi * 16 + lo;
			i += 2;
		}
	}
	*p = '\0';
	return out;
}

static const char *keep(struct sip_arena *arena, struct sip_str str)
{
	return str.len ? sip_arena_strndup(arena, str.s, str.len) : "";
}

static bool is_host(struct sip_str host)
{
	size_t i;

	for (i = 0; i < host.len; i++) {
		if (!isalnum((unsigned char)host.s[i]) && !(host.s[i] && strchr("-._:", host.s[i])))
			return false;
	}
	return host.len > 0;
}

/* host [":" port], the host perhaps in brackets; in a Via there may be spaces around the colon. */
int sip_hostport_parse(struct sip_str str, struct sip_str *host, uint16_t *port)
{
	const char *end = str.len && str.s[0] == '[' ? memchr(str.s, ']', str.len) : NULL;
	uint32_t num = 0;

	if (end) {
		*host = (struct sip_str){ str.s + 1, end - str.s - 1 };
		advance(&str, end + 1 - str.s);
	} else {
		end = memchr(str.s, ':', str.len);
		*host = (struct sip_str){ str.s, end ? (size_t)(end - str.s) : str.len };
		advance(&str, host->len);
		*host = sip_str_trim(*host);
	}
	str = sip_str_trim(str);
	if (str.len && str.s[0] != ':')
		return -EINVAL;
	if (str.len && !sip_parse_u32(sip_str_trim((struct sip_str){ str.s + 1, str.len - 1 }), 65535, &num))
		return -EINVAL;
	*port = num;
	return is_host(*host) ? 0 : -EINVAL;
}

static int uri_params(struct sip_arena *arena, struct sip_uri *uri, struct sip_str params)
{
	struct sip_str name, value;
	int rc;

	while ((rc = sip_param_next(&params, &name, &value)) > 0) {
		if (sip_str_is(name, "transport") && !uri->transport[0])
			uri->transport = keep(arena, value);
		else if (sip_str_is(name, "maddr") && !uri->maddr[0])
			uri->maddr = keep(arena, value);
		else if (sip_str_is(name, "lr"))
			uri->lr = true;
	}
	return rc;
}

/* [user [":" password] "@"] hostport *(";" param) ["?" headers]. A "?" or ";" in front of the "@" belongs to the user.
 */
static int take_apart_sip(struct sip_arena *arena, struct sip_uri *uri, struct sip_str rest)
{
	const char *at = memchr(rest.s, '@', rest.len), *end = rest.s + rest.len, *p;
	struct sip_str user = {}, host;

	if (at) {
		user = (struct sip_str){ rest.s, at - rest.s };
		rest = (struct sip_str){ at + 1, end - at - 1 };
		p = memchr(user.s, ':', user.len);
		if (p)
			user.len = p - user.s;
		if (!user.len)
			return -EINVAL;
	}
	p = memchr(rest.s, '?', rest.len);
	if (p)
		rest.len = p - rest.s;
	p = memchr(rest.s, ';', rest.len);
	if (sip_hostport_parse((struct sip_str){ rest.s, p ? (size_t)(p - rest.s) : rest.len }, &host, &uri->port))
		return -EINVAL;
	uri->user = user.len ? unescape(arena, user) : "";
	uri->host = keep(arena, host);
	if (!p)
		return 0;
	advance(&rest, p - rest.s);
	return uri_params(arena, uri, rest);
}

/* Each character of each URI passes here. */
static bool is_no_uri_char(char c)
{
	return (unsigned char)c <= ' ' || c == '<' || c == '>' || c == '"' || c == 0x7f;
}

/*! Take a URI apart into an arena. 0 or -EINVAL. */
int sip_uri_take_apart(struct sip_arena *arena, struct sip_uri *uri, struct sip_str text)
{
	const char *colon = memchr(text.s, ':', text.len);
	struct sip_uri u = { .user = "", .host = "", .transport = "", .maddr = "" };
	struct sip_str rest;
	size_t i;
	char *scheme;
	int rc = 0;

	for (i = 0; i < text.len; i++) {
		if (is_no_uri_char(text.s[i]))
			return -EINVAL;
	}
	if (!colon || colon == text.s || !isalpha((unsigned char)text.s[0]))
		return -EINVAL;
	scheme = sip_arena_strndup(arena, text.s, colon - text.s);
	for (i = 0; scheme[i]; i++) {
		if (!isalnum((unsigned char)scheme[i]) && !strchr("+-.", scheme[i]))
			return -EINVAL;
		scheme[i] = tolower((unsigned char)scheme[i]);
	}
	u.scheme = scheme;
	u.text = sip_arena_strndup(arena, text.s, text.len);
	rest = (struct sip_str){ colon + 1, text.s + text.len - colon - 1 };
	if (!strcmp(scheme, "sip") || !strcmp(scheme, "sips")) {
		rc = take_apart_sip(arena, &u, rest);
	} else if (!strcmp(scheme, "tel")) {
		const char *p = memchr(rest.s, ';', rest.len);
		u.user = unescape(arena, (struct sip_str){ rest.s, p ? (size_t)(p - rest.s) : rest.len });
	}
	if (rc)
		return rc;
	*uri = u;
	return 0;
}

/*! Take a URI apart; its strings are one chunk, child of \a ctx. 0 or -EINVAL. */
int sip_uri_parse(void *ctx, struct sip_uri *uri, const char *text)
{
	size_t len = strlen(text);
	/* the text, and scheme, user, host, transport, maddr, which do not overlap in it */
	size_t size = 2 * len + 6 * (1 + sip_arena_redzone);
	struct sip_arena arena = { .ctx = ctx };
	int rc;

	arena.pos = talloc_size(ctx, size);
	if (!arena.pos)
		return -ENOMEM;
	arena.end = arena.pos + size;
	char *chunk = arena.pos;
	rc = sip_uri_take_apart(&arena, uri, (struct sip_str){ text, len });
	if (rc)
		talloc_free(chunk);
	return rc;
}

static const char *unquote(struct sip_arena *arena, struct sip_str str)
{
	char *out = sip_arena_strndup(arena, str.s, str.len), *p = out;
	size_t i;

	for (i = 0; i < str.len; i++) {
		if (str.s[i] == '\\' && i + 1 < str.len)
			i++;
		*p++ = str.s[i];
	}
	*p = '\0';
	return out;
}

/* The display name in front of "<", quoted or some tokens. */
static int display_name(struct sip_arena *arena, struct sip_name_addr *na, struct sip_str str)
{
	size_t i;

	str = sip_str_trim(str);
	na->display = "";
	if (!str.len)
		return 0;
	if (str.s[0] == '"') {
		if (quoted_len(str) != str.len)
			return -EINVAL;
		na->display = unquote(arena, (struct sip_str){ str.s + 1, str.len - 2 });
		return 0;
	}
	/* more than tokens are taken, as many send bare UTF-8; what would break a list is not */
	for (i = 0; i < str.len; i++) {
		if (strchr(",;\"<>", str.s[i]))
			return -EINVAL;
	}
	na->display = sip_arena_strndup(arena, str.s, str.len);
	return 0;
}

static size_t find_any(struct sip_str str, const char *set)
{
	size_t i;

	for (i = 0; i < str.len; i++) {
		if (strchr(set, str.s[i]))
			break;
	}
	return i;
}

static int name_addr_params(struct sip_arena *arena, struct sip_name_addr *na, struct sip_str params)
{
	struct sip_str name, value;
	int rc;

	na->tag = "";
	if (find_outside_quotes(params, ',') != (ssize_t)params.len)
		return -EINVAL; /* a list, where one value is allowed */
	while ((rc = sip_param_next(&params, &name, &value)) > 0) {
		if (value.s && !value.len)
			return -EINVAL; /* "name=": whoever copies it into a response with a tag behind makes it worse */
		if (!sip_str_is(name, "tag"))
			continue;
		/* a tag without value crashes others; two of them let two parties see two dialogs */
		if (!value.len || na->tag[0] || find_any(value, " \t\"<>@") < value.len)
			return -EINVAL;
		na->tag = sip_arena_strndup(arena, value.s, value.len);
	}
	return rc;
}

/*! From, To, Contact, Record-Route: (name-addr / addr-spec) *(";" param). 0 or -EINVAL. */
int sip_name_addr_parse(struct sip_arena *arena, struct sip_name_addr *na, struct sip_str value)
{
	ssize_t lt = find_outside_quotes(value, '<');
	struct sip_str uri, params;
	const char *gt;

	if (lt < 0)
		return -EINVAL;
	if (lt < (ssize_t)value.len) {
		if (display_name(arena, na, (struct sip_str){ value.s, lt }))
			return -EINVAL;
		advance(&value, lt + 1);
		gt = memchr(value.s, '>', value.len);
		if (!gt)
			return -EINVAL;
		uri = (struct sip_str){ value.s, gt - value.s };
		params = (struct sip_str){ gt + 1, value.s + value.len - gt - 1 };
	} else {
		/* without brackets all parameters belong to the header, and "?" and "," must not occur (RFC 3261 20) */
		const char *semi = memchr(value.s, ';', value.len);
		na->display = "";
		uri = sip_str_trim((struct sip_str){ value.s, semi ? (size_t)(semi - value.s) : value.len });
		params = (struct sip_str){ uri.s + uri.len, value.s + value.len - uri.s - uri.len };
		if (memchr(uri.s, '?', uri.len) || memchr(uri.s, ',', uri.len))
			return -EINVAL;
	}
	if (sip_uri_take_apart(arena, &na->uri, uri))
		return -EINVAL;
	return name_addr_params(arena, na, params);
}
