/* Fuzz target: DNS answers, as SRV and as NAPTR records. Whatever comes out is within its bounds, terminated, and in
 * the order that it should have. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sip/sip_dns.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_srv(const uint8_t *data, size_t size, unsigned int max)
{
	struct sip_srv *srv = malloc(max * sizeof(*srv)); /* of its own, so that writing beyond it is seen */
	uint32_t ttl = 100;
	int i, n = sip_dns_srv(srv, max, &ttl, data, size);

	if (n < -EINVAL || n > (int)max || ttl > 100)
		abort();
	for (i = 0; i < n; i++) {
		if (strnlen(srv[i].host, sizeof(srv[i].host)) == sizeof(srv[i].host) ||
		    (i && srv[i].priority < srv[i - 1].priority))
			abort();
	}
	free(srv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[SIP_NAME_LEN];
	uint32_t ttl = 100;
	enum sip_transport_id id;

	check_srv(data, size, 1);
	check_srv(data, size, SIP_MAX_SRV);
	for (id = SIP_TP_UDP; id <= SIP_TP_TLS; id++) {
		if (sip_dns_naptr(name, sizeof(name), &ttl, id, data, size) == 0 &&
		    (!name[0] || strnlen(name, sizeof(name)) == sizeof(name) || ttl > 100))
			abort();
	}
	return 0;
}
