/* A name server with a table of records. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <osmocom/core/bit16gen.h>
#include <osmocom/core/bit32gen.h>
#include <osmocom/core/select.h>
#include <osmocom/core/socket.h>
#include <osmocom/core/utils.h>

#include "fake_dns.h"
#include "story.h"

#define MAX_RECORDS 32

struct record {
	char name[128];
	uint16_t type;
	unsigned int ttl;
	uint8_t data[300];
	unsigned int len;
};

enum fake_dns_mood fake_dns_mood;
unsigned int fake_dns_n_queries, fake_dns_ttl = 300;
static struct record records[MAX_RECORDS];
static unsigned int n_records;
static struct osmo_fd dns;

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	osmo_store16be(v, p);
	return p + 2;
}

static uint8_t *put_string(uint8_t *p, const char *s, size_t len)
{
	*p++ = len;
	memcpy(p, s, len);
	return p + len;
}

static uint8_t *put_name(uint8_t *p, const char *name)
{
	size_t len;

	for (; *name; name += len + (name[len] == '.')) {
		len = strcspn(name, ".");
		p = put_string(p, name, len);
	}
	*p++ = 0;
	return p;
}

static struct record *add(const char *name, uint16_t type)
{
	struct record *r = &records[n_records++];

	EXPECT(n_records <= MAX_RECORDS);
	OSMO_STRLCPY_ARRAY(r->name, name);
	r->type = type;
	r->ttl = fake_dns_ttl;
	return r;
}

void fake_dns_clear(void)
{
	n_records = 0;
}

void fake_dns_a(const char *name, const char *addr)
{
	struct record *r = add(name, strchr(addr, ':') ? ns_t_aaaa : ns_t_a);

	EXPECT(inet_pton(r->type == ns_t_a ? AF_INET : AF_INET6, addr, r->data) == 1);
	r->len = r->type == ns_t_a ? 4 : 16;
}

void fake_dns_srv(const char *name, uint16_t priority, uint16_t weight, uint16_t port, const char *host)
{
	struct record *r = add(name, ns_t_srv);
	uint8_t *p = put16(put16(put16(r->data, priority), weight), port);

	r->len = put_name(p, host) - r->data;
}

void fake_dns_naptr(const char *name, uint16_t order, const char *flags, const char *service, const char *srv_name)
{
	struct record *r = add(name, ns_t_naptr);
	uint8_t *p = put16(put16(r->data, order), 50);

	p = put_string(p, flags, strlen(flags));
	p = put_string(p, service, strlen(service));
	p = put_string(p, "", 0);
	r->len = put_name(p, srv_name) - r->data;
}

/* The name of the question. Its length there. */
static size_t get_name(char *name, const uint8_t *p)
{
	const uint8_t *begin = p;
	size_t len = 0;

	for (; *p; p += 1 + *p)
		len += sprintf(name + len, "%s%.*s", len ? "." : "", *p, (const char *)p + 1);
	name[len] = '\0';
	return p + 1 - begin;
}

static int rx(struct osmo_fd *ofd, unsigned int what)
{
	struct osmo_sockaddr from;
	socklen_t from_len = sizeof(from.u);
	uint8_t buf[4096] = {}, *p;
	char name[300];
	unsigned int i, n = 0, n_name = 0;
	uint16_t type;

	if (recvfrom(ofd->fd, buf, 512, 0, &from.u.sa, &from_len) < 12)
		return 0;
	fake_dns_n_queries++;
	if (fake_dns_mood == FAKE_DNS_SILENT)
		return 0;
	p = buf + 12 + get_name(name, buf + 12);
	type = osmo_load16be(p);
	p += 4;
	for (i = 0; i < n_records && fake_dns_mood == FAKE_DNS_ANSWERS; i++) {
		const struct record *r = &records[i];
		if (strcasecmp(r->name, name) != 0)
			continue;
		n_name++;
		if (r->type != type)
			continue;
		p = put16(put16(put16(p, 0xc00c), type), ns_c_in);
		osmo_store32be(r->ttl, p);
		p = put16(p + 4, r->len);
		memcpy(p, r->data, r->len);
		p += r->len;
		n++;
	}
	buf[2] |= 0x80;
	buf[3] = 0x80 | (fake_dns_mood == FAKE_DNS_FAILS ? ns_r_servfail : n_name ? 0 : ns_r_nxdomain);
	put16(buf + 6, n);
	put16(put16(buf + 8, 0), 0);
	sendto(ofd->fd, buf, p - buf, 0, &from.u.sa, from_len);
	return 0;
}

void fake_dns_open(const char *addr, uint16_t port)
{
	int fd = osmo_sock_init2(AF_INET, SOCK_DGRAM, IPPROTO_UDP, addr, port, NULL, 0, OSMO_SOCK_F_BIND);

	EXPECT(fd >= 0);
	osmo_fd_setup(&dns, fd, OSMO_FD_READ, rx, NULL, 0);
	EXPECT(osmo_fd_register(&dns) == 0);
}

void fake_dns_close(void)
{
	osmo_fd_unregister(&dns);
	close(dns.fd);
}
