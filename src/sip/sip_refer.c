/* REFER (RFC 3515): the peer wants its call to go on with somebody else.
 *
 * Refused with 603: the request is understood and well-formed, there is just nobody who would do it (RFC 3515 2.4.2
 * lets an agent decline; 405 would say that the method is not known here, 403 that others may). Only in a dialog: out
 * of one it would ask for a call that nobody has. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/base/log.h>

#include "sip_internal.h"

/*! Their REFER; its CSeq and extensions are fine. */
void sip_refer_rx(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req)
{
	const char *target = sip_msg_header(req, "Refer-To", 0) ?: sip_msg_header(req, "r", 0);

	if (s->released || s->fi->state != SIP_SESSION_CONFIRMED) {
		sip_tx_respond(trx, req, 481, NULL, NULL);
	} else if (!target || sip_msg_header(req, "Refer-To", 1)) { /* exactly one (2.4.1) */
		sip_tx_respond(trx, req, 400, NULL, NULL);
	} else {
		LOG_SESSION(s, LOGL_INFO, "a transfer to %s is refused\n", target);
		sip_tx_respond(trx, req, 603, NULL, NULL);
	}
}
