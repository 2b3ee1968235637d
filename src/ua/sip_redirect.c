/* 3xx: whom to call instead (RFC 3261 8.1.3.4, 21.3).
 *
 * Contacts are taken by their q value, the first usable one counts. It has to be at a configured peer, so that nobody
 * can make us call wherever he likes, or at our own address: then the number in it is to be routed anew. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>

#include "ua_internal.h"
#include "sip_redirect.h"
#include "sip_target.h"

#define MAX_CONTACTS 16 /* that are looked at */
#define MAX_USER     128

struct contact {
	const char *uri;
	size_t len;
	unsigned int q; /* in thousandths */
};

/* ";q=0.7" among the parameters of \a p, up to \a end. Without: 1. */
static unsigned int get_q(const char *p, const char *end)
{
	char digits[8] = "";

	for (; p + 3 < end; p++) {
		if (p[0] == ';' && (p[1] == 'q' || p[1] == 'Q') && p[2] == '=') {
			snprintf(digits, sizeof(digits), "%.*s", (int)OSMO_MIN(end - p - 3, 6), p + 3);
			return OSMO_MIN(1000, (unsigned int)(OSMO_MAX(atof(digits), 0.0) * 1000 + 0.5));
		}
	}
	return 1000;
}

/* The end of the list element at \a p: a comma outside of quotes and brackets. */
static const char *element_end(const char *p)
{
	bool quoted = false, bracketed = false;

	for (; *p && (*p != ',' || quoted || bracketed); p++) {
		if (quoted && *p == '\\' && p[1])
			p++;
		else if (*p == '"' && !bracketed)
			quoted = !quoted;
		else if (!quoted && (*p == '<' || *p == '>'))
			bracketed = *p == '<';
	}
	return p;
}

/* The URI of one element: between the brackets, which a display name in quotes may not open; or up to the parameters.
 */
static bool get_uri(struct contact *c, const char *p, const char *end)
{
	bool quoted = false;
	const char *gt, *semi;

	p += strspn(p, " \t");
	for (semi = p; semi < end && (quoted || *semi != '<'); semi++) {
		if (quoted && *semi == '\\')
			semi++;
		else if (*semi == '"')
			quoted = !quoted;
	}
	if (semi < end) {
		gt = memchr(semi, '>', end - semi);
		if (!gt)
			return false;
		*c = (struct contact){ .uri = semi + 1, .len = gt - semi - 1, .q = get_q(gt, end) };
		return true;
	}
	semi = memchr(p, ';', end - p);
	*c = (struct contact){ .uri = p, .len = (semi ?: end) - p, .q = get_q(semi ?: end, end) };
	while (c->len && strchr(" \t", c->uri[c->len - 1]))
		c->len--;
	return c->len > 0;
}

/* All Contacts, those of the greatest q first. */
static unsigned int get_contacts(struct contact *list, const struct sip_msg *resp)
{
	unsigned int line, n = 0, i;
	const char *p, *end;
	struct contact c;

	for (line = 0; (p = sip_msg_header(resp, "Contact", line)); line++) {
		for (; *p && n < MAX_CONTACTS; p = *end ? end + 1 : end) {
			end = element_end(p);
			if (!get_uri(&c, p, end))
				continue;
			for (i = n++; i > 0 && list[i - 1].q < c.q; i--)
				list[i] = list[i - 1];
			list[i] = c;
		}
	}
	return n;
}

static bool parse_host(struct osmo_sockaddr *addr, const struct sip_uri *uri)
{
	*addr = (struct osmo_sockaddr){};
	if (inet_pton(AF_INET, uri->host, &addr->u.sin.sin_addr) == 1)
		addr->u.sin.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, uri->host, &addr->u.sin6.sin6_addr) == 1)
		addr->u.sin6.sin6_family = AF_INET6;
	else
		return false;
	osmo_sockaddr_set_port(&addr->u.sa, uri->port ?: 5060);
	return true;
}

static struct sip_peer *peer_of(const struct sip_ua *ua, const struct sip_uri *uri)
{
	struct osmo_sockaddr addr;
	struct sip_peer *peer;

	if (parse_host(&addr, uri)) {
		peer = sip_peer_by_addr(ua, &addr);
		return peer && sip_target_by_addr(peer, &addr) ? peer : NULL;
	}
	llist_for_each_entry (peer, &ua->peers, entry) {
		if ((peer->cfg.domain && strcasecmp(peer->cfg.domain, uri->host) == 0) ||
		    (peer->cfg.remote_host && strcasecmp(peer->cfg.remote_host, uri->host) == 0))
			return peer;
	}
	return NULL;
}

/* Is it us, as he who answered knows us? */
static bool is_us(const struct sip_session *s, const struct sip_uri *uri, const struct sip_flow *from)
{
	const char *name = s->peer ? s->peer->cfg.advertise_addr : NULL;
	struct osmo_sockaddr addr, local;

	if (name && strcasecmp(name, uri->host) == 0)
		return true;
	return parse_host(&addr, uri) && sip_transport_local(from, &local) == 0 && sip_addr_equal(&addr, &local, true);
}

/* Is that a place that we call? Fills \a info then. */
static bool use(struct sip_session_info *info, const struct sip_session *s, const struct sip_uri *uri,
		const struct sip_flow *from)
{
	static char user[MAX_USER];

	if (strcmp(uri->scheme, "sip") != 0 && strcmp(uri->scheme, "sips") != 0 && strcmp(uri->scheme, "tel") != 0)
		return false;
	/* half a number would be somebody else's */
	if (!uri->user[0] || strlen(uri->user) >= sizeof(user))
		return false;
	info->redirect_peer = NULL;
	if (strcmp(uri->scheme, "tel") != 0 && !is_us(s, uri, from)) {
		info->redirect_peer = peer_of(s->ua, uri);
		if (!info->redirect_peer)
			return false;
	}
	snprintf(user, sizeof(user), "%.*s", (int)strcspn(uri->user, ";"), uri->user);
	info->redirect_user = user;
	return true;
}

/* The same of the URI of one Contact. */
static int use_contact(struct sip_session_info *info, const struct sip_session *s, const struct contact *c,
		       const struct sip_flow *from)
{
	char *copy = talloc_strndup(s, c->uri, c->len);
	struct sip_uri uri;
	int rc = -EINVAL;

	if (copy && sip_uri_parse(copy, &uri, copy) == 0)
		rc = use(info, s, &uri, from) ? 0 : -EACCES;
	talloc_free(copy);
	return rc;
}

/*! Where the value of a Refer-To leads: the same places as a 3xx. 0; -EINVAL: it cannot be read; -EACCES: we do not
 * call there. Strings are good until the next call. */
int sip_redirect_to(struct sip_session_info *info, const struct sip_session *s, const char *value,
		    const struct sip_flow *from)
{
	struct contact c;

	if (!get_uri(&c, value, element_end(value)))
		return -EINVAL;
	return use_contact(info, s, &c, from);
}

static bool is_redirection(uint16_t status)
{
	return status == 300 || status == 301 || status == 302 || status == 305 || status == 380;
}

/*! Where a 3xx sends the call: redirect_user and redirect_peer of \a info; or its text says why nowhere. Strings are
 * good until the next call. */
void sip_redirect_from(struct sip_session_info *info, const struct sip_session *s, const struct sip_msg *resp,
		       const struct sip_flow *from)
{
	static char text[128];
	struct contact list[MAX_CONTACTS];
	unsigned int i, n;

	if (!is_redirection(resp->status))
		return;
	n = get_contacts(list, resp);
	for (i = 0; i < n; i++) {
		if (use_contact(info, s, &list[i], from) == 0)
			return;
	}
	if (n)
		snprintf(text, sizeof(text), "redirected to %.*s, which is at no peer of ours",
			 (int)OSMO_MIN(list[0].len, 70), list[0].uri);
	info->text = n ? text : "redirected to nowhere: no Contact";
}
