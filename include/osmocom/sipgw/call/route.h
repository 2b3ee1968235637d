/*! \file route.h
 * Where a call goes: a pure look-up over its parties and where it comes from. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>

#include <osmocom/sipgw/call/leg.h>

/*! What the user part of a Request-URI means on the GSM side. */
enum mt_identity {
	MT_IDENTITY_MSISDN,
	MT_IDENTITY_IMSI,
};

extern const struct value_string mt_identity_names[];

/*! The configuration of routing. Owned by struct calls; may change while calls run, which keep the route they took. */
struct route_table {
	char *default_peer;	/*!< SIP peer that calls from the GSM side go to; NULL: refused with cause 3 */
	enum mt_identity mt_identity;
};

/*! Where to. */
struct route {
	const struct leg_kind *kind;	/*!< NULL: refused, see cause */
	const char *target;		/*!< name for the kind's alloc(); borrowed from the table */
	enum media_mode media_mode;	/*!< of the SIP peer on either side */
	struct cause cause;		/*!< why not, if refused */
};

struct calls;

/*! Where a call from a leg of kind \a from goes. \a from_target is the peer it came from, if the kind has such (it decides the media mode), or NULL. */
struct route route_find(const struct calls *calls, const struct leg_kind *from, const char *from_target,
			const struct call_parties *parties);
/*! Rewrite who calls whom by configuration, before the route is looked up: so far the meaning of an IMSI in a SIP URI. */
void route_rewrite(const struct calls *calls, const struct leg_kind *from, struct call_parties *parties);
