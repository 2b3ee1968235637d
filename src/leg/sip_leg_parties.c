/* Who calls whom, on the edge between the call's numbers and SIP's URIs and identities. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include "sip_leg_internal.h"

/* An emergency call that comes without a number, in a network that gives it none */
#define EMERGENCY_NUMBER "112"

#define EMERGENCY_URN "urn:service:sos" /* RFC 5031 4.2 */

enum { USER_PROVIDED = 0, NETWORK_PROVIDED = 3 }; /* screening, TS 24.008 table 10.5.120 */

static void dial_string(char *buf, size_t len, const struct number *n)
{
	if (number_to_dial_string(buf, len, n) < 0)
		buf[0] = '\0';
}

/* The called party of an emergency call: what the peer wants to see, else what was dialled, if anything was. */
static void emergency_called(struct sip_leg_invite *li, const struct sip_peer_cfg *cfg)
{
	li->inv.emergency = true;
	if (cfg->emergency_urn)
		li->inv.urn = EMERGENCY_URN;
	else if (cfg->emergency_number)
		OSMO_STRLCPY_ARRAY(li->called, cfg->emergency_number);
	else if (!li->called[0])
		OSMO_STRLCPY_ARRAY(li->called, EMERGENCY_NUMBER);
}

/* Who has no number is told by what is known of him, so that he can be called back or found (3GPP TS 22.101 10.1). */
static void emergency_calling(struct sip_leg_invite *li, const struct call_parties *p)
{
	if (!li->calling[0])
		OSMO_STRLCPY_ARRAY(li->calling, p->imsi[0] ? p->imsi : p->imei);
	li->inv.asserted_user = li->calling[0] ? li->calling : NULL;
}

/* P-Access-Network-Info of a GSM phone (RFC 7315 5.4) */
static const char *access_info(char *buf, size_t len, const char *cell)
{
	if (!cell[0])
		return NULL;
	snprintf(buf, len, "3GPP-GERAN; cgi-3gpp=%s", cell);
	return buf;
}

/*! What the INVITE to \a peer says about the parties. \a li owns the strings. */
void sip_leg_invite_from_setup(struct sip_leg_invite *li, const struct leg_setup *setup, const struct sip_peer *peer)
{
	const struct call_parties *p = setup->parties;

	li->inv = (struct sip_invite){
		.called_user = li->called,
		.calling_user = li->calling,
		.calling_name = p->calling_name,
		.calling_anonymous = p->calling.presentation == NUMBER_RESTRICTED,
		.sdp = setup->media.kind == LEG_MEDIA_OFFER ? setup->media.sdp : NULL,
		.asserted_user = number_given(&p->calling) ? li->calling : NULL,
		.asserted_name = p->calling_name,
		.diverting_user = number_given(&p->redirecting) ? li->diverting : NULL,
		.diverting_private = p->redirecting.presentation == NUMBER_RESTRICTED,
		.divert_reason = p->divert_reason,
		.gcr = p->gcr[0] ? p->gcr : NULL,
		.access_info = access_info(li->access, sizeof(li->access), p->cell),
		.others = setup->others,
	};
	dial_string(li->called, sizeof(li->called), &p->called);
	dial_string(li->calling, sizeof(li->calling), &p->calling);
	dial_string(li->diverting, sizeof(li->diverting), &p->redirecting);
	if (p->emergency) {
		emergency_called(li, &peer->cfg);
		emergency_calling(li, p);
	}
}

/* A name, or more digits than a number has, is no number that a phone could show: half of it would be somebody else's
 */
static void read_number(struct number *n, const char *user, const char *what)
{
	if (number_from_dial_string(n, user) == 0)
		return;
	LOGP(DSIP, LOGL_INFO, "%s '%s' has no number that a phone could show\n", what, user);
	*n = (struct number){ .presentation = NUMBER_NOT_AVAILABLE };
}

/* Who calls: what a trusted peer asserts comes before what the caller says about himself. */
static void read_calling(struct call_parties *p, const struct sip_invite *inv)
{
	const char *user = inv->asserted_user ?: inv->calling_user;
	const char *name = inv->asserted_user && inv->asserted_name[0] ? inv->asserted_name : inv->calling_name;

	if (inv->calling_anonymous || !user[0]) {
		p->calling.presentation = NUMBER_RESTRICTED;
	} else {
		read_number(&p->calling, user, "caller");
		p->calling.screening = inv->asserted_user ? NETWORK_PROVIDED : USER_PROVIDED;
	}
	if (!inv->calling_anonymous)
		OSMO_STRLCPY_ARRAY(p->calling_name, name);
}

static void read_redirecting(struct call_parties *p, const struct sip_invite *inv)
{
	if (!inv->diverting_user)
		return;
	read_number(&p->redirecting, inv->diverting_user, "who passed the call on,");
	if (inv->diverting_private)
		p->redirecting = (struct number){ .presentation = NUMBER_RESTRICTED };
	p->divert_reason = inv->divert_reason;
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
	read_calling(p, inv);
	read_redirecting(p, inv);
	if (inv->gcr && strlen(inv->gcr) < sizeof(p->gcr))
		OSMO_STRLCPY_ARRAY(p->gcr, inv->gcr);
	return 0;
}

/*! Who answered, as the peer says; not given if it says nothing or nothing that a phone could show. */
void sip_leg_connected_from_info(struct number *connected, const struct sip_session_info *info)
{
	if (info->connected_private)
		connected->presentation = NUMBER_RESTRICTED;
	if (!info->connected_user || !info->connected_user[0])
		return;
	read_number(connected, info->connected_user, "who answered,");
	connected->screening = NETWORK_PROVIDED;
}

/*! Who answered, for the peer; one who does not want to be shown (COLR) for those who keep it to themselves. */
void sip_leg_tell_connected(struct sip_session *s, const struct number *connected)
{
	char user[NUMBER_MAX_DIGITS + 2];

	if (number_to_dial_string(user, sizeof(user), connected) >= 0)
		sip_session_set_connected(s, user, NULL, connected->presentation == NUMBER_RESTRICTED);
}
