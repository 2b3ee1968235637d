/* The credentials of an INVITE, for the ACKs to its 2xx (RFC 3261 22.1): a server cannot challenge an ACK, and one that
 * wants to see credentials in it has to find those that it has accepted.
 *
 * They are kept as long as a 2xx may be repeated, and only if there were any. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/timers.h>

#include "ua_internal.h"
#include "sip_request.h"

struct sip_ack {
	struct osmo_timer_list timer;
	struct sip_session *s;
	char lines[];
};

void sip_ack_drop(struct sip_session *s)
{
	if (!s->ack)
		return;
	osmo_timer_del(&s->ack->timer);
	TALLOC_FREE(s->ack);
}

static void over(void *data)
{
	sip_ack_drop(((struct sip_ack *)data)->s);
}

/*! A 2xx to \a invite is being told. */
void sip_ack_keep(struct sip_session *s, const struct sip_request *invite)
{
	static char lines[4096];
	int len = sip_request_credentials(invite, lines, sizeof(lines));

	sip_ack_drop(s);
	if (len <= 0)
		return;
	s->ack = talloc_size(s, sizeof(*s->ack) + len + 1);
	if (!s->ack)
		return;
	talloc_set_name_const(s->ack, "struct sip_ack");
	*s->ack = (struct sip_ack){ .s = s };
	memcpy(s->ack->lines, lines, len + 1);
	osmo_timer_setup(&s->ack->timer, over, s->ack);
	timer_start_lazy_ms(&s->ack->timer, timer_ms(sip_tdefs, T_SIP_M));
}

/*! Whole lines for the ACK, NULL if there are none. */
const char *sip_ack_lines(const struct sip_session *s)
{
	return s->ack ? s->ack->lines : NULL;
}
