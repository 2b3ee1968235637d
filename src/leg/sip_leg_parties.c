/* Who calls whom, on the edge between the call's numbers and SIP's URIs and identities. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include "sip_leg_internal.h"

/* An emergency call that comes without a number, in a network that gives it none */
#define EMERGENCY_NUMBER "112"

static void dial_string(char *buf, size_t len, const struct number *n)
{
	if (number_to_dial_string(buf, len, n) < 0)
		buf[0] = '\0';
}

/*! What the INVITE says about the parties. \a li owns the strings. */
void sip_leg_invite_from_setup(struct sip_leg_invite *li, const struct leg_setup *setup)
{
	const struct call_parties *p = setup->parties;

	li->inv = (struct sip_invite){
		.called_user = li->called,
		.calling_user = li->calling,
		.calling_name = p->calling_name,
		.calling_anonymous = p->calling.presentation == NUMBER_RESTRICTED,
		.sdp = setup->media.kind == LEG_MEDIA_OFFER ? setup->media.sdp : NULL,
	};
	dial_string(li->called, sizeof(li->called), &p->called);
	dial_string(li->calling, sizeof(li->calling), &p->calling);
	if (!li->called[0] && p->emergency)
		OSMO_STRLCPY_ARRAY(li->called, EMERGENCY_NUMBER);
}

/*! Who is called and who calls. Returns 0, or negative with \a why. */
int sip_leg_parties_from_invite(struct call_parties *p, const struct sip_invite *inv, struct cause *why)
{
	int rc = number_from_dial_string(&p->called, inv->called_user);

	if (rc == -EMSGSIZE)
		*why = cause_make(CAUSE_INVALID_NUMBER, "the called number is longer than %d digits",
				  NUMBER_MAX_DIGITS);
	else if (rc < 0)
		*why = cause_make(CAUSE_UNASSIGNED, "'%s' is no number", inv->called_user);
	if (rc < 0)
		return rc;
	if (inv->calling_anonymous || !inv->calling_user[0]) {
		p->calling.presentation = NUMBER_RESTRICTED;
	} else if (number_from_dial_string(&p->calling, inv->calling_user) < 0) {
		/* a name, or more digits than a number has: half of it would be somebody else's */
		LOGP(DSIP, LOGL_INFO, "caller '%s' has no number that a phone could show\n", inv->calling_user);
		p->calling = (struct number){ .presentation = NUMBER_NOT_AVAILABLE };
	}
	OSMO_STRLCPY_ARRAY(p->calling_name, inv->calling_name);
	return 0;
}
