/* Addresses of our own that messages came to.
 *
 * A host with several addresses has to answer from the one that it was asked at, or the answer is nobody's business to
 * NATs, firewalls and connected sockets (RFC 3581 4, RFC 1122 4.1.3.5). A flow remembers it as a number of one byte. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <netinet/in.h>
#include <string.h>

#include <osmocom/sipgw/sip/sip_transport.h>

#define MAX_HOMES 250

static struct home {
	sa_family_t family;
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} addr;
} homes[MAX_HOMES];
static unsigned int n_homes;

static bool home_of(struct home *home, const struct osmo_sockaddr *addr)
{
	*home = (struct home){ .family = addr->u.sa.sa_family };
	if (home->family == AF_INET)
		home->addr.v4 = addr->u.sin.sin_addr;
	else if (home->family == AF_INET6)
		home->addr.v6 = addr->u.sin6.sin6_addr;
	return home->family == AF_INET || home->family == AF_INET6;
}

static bool home_equal(const struct home *a, const struct home *b)
{
	if (a->family != b->family)
		return false;
	return memcmp(&a->addr, &b->addr, a->family == AF_INET ? sizeof(a->addr.v4) : sizeof(a->addr.v6)) == 0;
}

uint8_t sip_home_get(const struct osmo_sockaddr *addr)
{
	static unsigned int last; /* mostly it is the same one again */
	struct home home;
	unsigned int i;

	if (!home_of(&home, addr))
		return 0;
	if (last < n_homes && home_equal(&homes[last], &home))
		return last + 1;
	for (i = 0; i < n_homes && !home_equal(&homes[i], &home); i++)
		;
	if (i == MAX_HOMES)
		return 0;
	if (i == n_homes)
		homes[n_homes++] = home;
	last = i;
	return i + 1;
}

bool sip_home_addr(uint8_t number, sa_family_t family, struct osmo_sockaddr *addr)
{
	const struct home *home;

	if (!number || number > n_homes)
		return false;
	home = &homes[number - 1];
	if (home->family != family)
		return false;
	*addr = (struct osmo_sockaddr){};
	addr->u.sa.sa_family = family;
	if (family == AF_INET)
		addr->u.sin.sin_addr = home->addr.v4;
	else
		addr->u.sin6.sin6_addr = home->addr.v6;
	return true;
}
