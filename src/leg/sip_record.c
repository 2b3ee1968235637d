/* What a SIP leg leaves for the record of its call: taken when the session ends, since the session is not there later.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/base/wire.h>

#include "sip_leg_internal.h"

static void fill(const struct sip_leg *sl, struct leg_record *rec)
{
	OSMO_STRLCPY_ARRAY(rec->wire_id, sip_session_call_id(sl->session));
	OSMO_STRLCPY_ARRAY(rec->target, sip_session_peer_name(sl->session));
	sip_session_remote_buf(rec->remote, sizeof(rec->remote), sl->session);
}

/*! The session has begun: messages with its Call-ID are this call's. */
void sip_leg_record_bind(const struct sip_leg *sl)
{
	if (sl->session && wire_bind_hook)
		wire_bind(WIRE_SIP, token_hash_str(sip_session_call_id(sl->session)), sl->leg.call_id,
			  sl->leg.side == LEG_B);
}

/*! The session is about to end, with this final status of its INVITE if it had one. Counts the first time. */
void sip_leg_record_end(struct sip_leg *sl, uint16_t status)
{
	if (sl->record || !sl->session)
		return;
	sl->record = talloc_zero(sl, struct leg_record);
	if (!sl->record)
		return;
	fill(sl, sl->record);
	sl->record->sip_status = status;
}

/*! For struct leg_kind. */
void sip_leg_record(const struct leg *leg, struct leg_record *rec)
{
	const struct sip_leg *sl = sip_leg_from((struct leg *)leg);

	if (sl->record)
		*rec = *sl->record;
	else if (sl->session)
		fill(sl, rec);
}
