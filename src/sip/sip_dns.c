/* DNS answers: SRV (RFC 2782) and NAPTR (RFC 3403, RFC 3263 4.1) records with their TTL, which c-ares' parsers do not
 * tell.
 *
 * Every step forward is checked against the end of the message; names, with their pointers, are c-ares' to expand. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <osmocom/core/bit16gen.h>
#include <osmocom/core/bit32gen.h>
#include <osmocom/core/utils.h>

#include "sip_dns.h"

#define HEADER_LEN  12 /* RFC 1035 4.1.1 */
#define RR_HEAD_LEN 10 /* type, class, TTL, RDLENGTH */

/*! An answer being read. */
struct dns {
	const uint8_t *buf;
	size_t len, at;
	unsigned int left; /*!< answer records */
};

struct dns_rr {
	uint16_t type, class;
	uint32_t ttl;
	const uint8_t *data;
	uint16_t len;
};

/* The name at \a p, "" for the root; \a buf NULL: skip it. Its length in the message, or -1. */
static int get_name(char *buf, size_t size, const struct dns *dns, const uint8_t *p)
{
	char *name;
	long len;

	if (p >= dns->buf + dns->len || ares_expand_name(p, dns->buf, dns->len, &name, &len) != ARES_SUCCESS)
		return -1;
	if (buf && osmo_strlcpy(buf, name, size) >= size)
		len = -1;
	ares_free_string(name);
	return len;
}

static bool skip_name(struct dns *dns)
{
	int len = get_name(NULL, 0, dns, dns->buf + dns->at);

	dns->at += OSMO_MAX(len, 0);
	return len > 0;
}

/* To the first answer record. */
static bool begin(struct dns *dns, const uint8_t *buf, size_t len)
{
	unsigned int questions;

	*dns = (struct dns){ .buf = buf, .len = len, .at = HEADER_LEN };
	if (len < HEADER_LEN)
		return false;
	questions = osmo_load16be(buf + 4);
	dns->left = osmo_load16be(buf + 6);
	while (questions--) {
		if (!skip_name(dns) || dns->len - dns->at < 4)
			return false;
		dns->at += 4;
	}
	return true;
}

static bool get_rr(struct dns *dns, struct dns_rr *rr)
{
	const uint8_t *p;

	if (!skip_name(dns) || dns->len - dns->at < RR_HEAD_LEN)
		return false;
	p = dns->buf + dns->at;
	*rr = (struct dns_rr){
		.type = osmo_load16be(p),
		.class = osmo_load16be(p + 2),
		.ttl = osmo_load32be(p + 4),
		.len = osmo_load16be(p + 8),
		.data = p + RR_HEAD_LEN,
	};
	dns->at += RR_HEAD_LEN;
	if (dns->len - dns->at < rr->len)
		return false;
	dns->at += rr->len;
	return true;
}

/* The next answer of that type. */
static bool next_rr(struct dns *dns, uint16_t type, struct dns_rr *rr)
{
	while (dns->left) {
		dns->left--;
		if (!get_rr(dns, rr))
			return false;
		if (rr->type == type && rr->class == ns_c_in)
			return true;
	}
	return false;
}

static bool parse_srv(struct sip_srv *srv, const struct dns *dns, const struct dns_rr *rr)
{
	if (rr->len < 7)
		return false;
	srv->priority = osmo_load16be(rr->data);
	srv->weight = osmo_load16be(rr->data + 2);
	srv->port = osmo_load16be(rr->data + 4);
	return get_name(srv->host, sizeof(srv->host), dns, rr->data + 6) > 0;
}

static int by_priority(const void *a, const void *b)
{
	return (int)((const struct sip_srv *)a)->priority - (int)((const struct sip_srv *)b)->priority;
}

static void least(uint32_t *ttl, uint32_t other)
{
	if (other < *ttl)
		*ttl = other;
}

/*! The SRV records of an answer, by priority. \a ttl is lowered to the least of theirs. How many, or -EINVAL when it is
 * no DNS message. */
int sip_dns_srv(struct sip_srv *srv, unsigned int max, uint32_t *ttl, const uint8_t *buf, size_t len)
{
	unsigned int n = 0;
	struct dns dns;
	struct dns_rr rr;

	if (!begin(&dns, buf, len))
		return -EINVAL;
	while (n < max && next_rr(&dns, ns_t_srv, &rr)) {
		if (!parse_srv(&srv[n], &dns, &rr))
			continue;
		least(ttl, rr.ttl);
		n++;
	}
	qsort(srv, n, sizeof(*srv), by_priority);
	return n;
}

/* A character-string (RFC 1035 3.3) at *p. */
static bool get_string(const uint8_t **p, const uint8_t *end, const char **str, size_t *len)
{
	if (*p >= end || end - *p < 1 + **p)
		return false;
	*len = **p;
	*str = (const char *)*p + 1;
	*p += 1 + *len;
	return true;
}

static bool string_is(const char *str, size_t len, const char *want)
{
	return len == strlen(want) && strncasecmp(str, want, len) == 0;
}

/* Does the record lead to SRV records of the service? Then its rank and the name. */
static bool parse_naptr(uint32_t *rank, char *name, const char *service, const struct dns *dns, const struct dns_rr *rr)
{
	const uint8_t *p = rr->data, *end = p + rr->len;
	const char *flags, *services, *regexp;
	size_t flags_len, services_len, regexp_len;

	if (rr->len < 4)
		return false;
	*rank = osmo_load32be(p);
	p += 4;
	if (!get_string(&p, end, &flags, &flags_len) || !get_string(&p, end, &services, &services_len) ||
	    !get_string(&p, end, &regexp, &regexp_len) || p >= end)
		return false;
	return string_is(flags, flags_len, "s") && string_is(services, services_len, service) && !regexp_len &&
	       get_name(name, SIP_NAME_LEN, dns, p) > 0 && name[0];
}

/*! The best NAPTR record for the transport: where its SRV records are. 0; -ENOENT; -EINVAL when it is no DNS message.
 */
int sip_dns_naptr(char *srv_name, size_t name_len, uint32_t *ttl, enum sip_transport_id transport, const uint8_t *buf,
		  size_t len)
{
	static const char *const services[] = {
		[SIP_TP_UDP] = "SIP+D2U",
		[SIP_TP_TCP] = "SIP+D2T",
		[SIP_TP_TLS] = "SIPS+D2T",
	};
	uint32_t best = 0, rank;
	char name[SIP_NAME_LEN];
	bool found = false;
	struct dns dns;
	struct dns_rr rr;

	if (!begin(&dns, buf, len))
		return -EINVAL;
	while (next_rr(&dns, ns_t_naptr, &rr)) {
		if (!parse_naptr(&rank, name, services[transport], &dns, &rr) || (found && rank >= best))
			continue;
		found = true;
		best = rank;
		osmo_strlcpy(srv_name, name, name_len);
		least(ttl, rr.ttl);
	}
	return found ? 0 : -ENOENT;
}
