/* Digest authentication. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>

#include "sip_auth.h"

struct sip_auth *sip_auth_of_peer(struct sip_peer *peer)
{
	return NULL;
}

bool sip_auth_is_known(const struct sip_auth *auth)
{
	return false;
}

void sip_auth_lines(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_auth_for *what, char *buf, size_t len)
{
	buf[0] = '\0';
}

int sip_auth_challenged(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_msg *resp)
{
	return -ENOTSUP;
}

void sip_auth_accepted(struct sip_auth *auth, struct sip_auth_try *t, const struct sip_msg *resp)
{
}
