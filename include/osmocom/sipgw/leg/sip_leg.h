/*! \file sip_leg.h
 * The SIP leg: translates between the call's events and commands and a SIP session. The SIP edge of causes and numbers is here. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/call/leg.h>

struct calls;
struct sip_ua;
struct sip_session;
struct sip_peer;
struct sip_invite;

/*! What SIP legs need to work; leg_kind.priv of the kind "sip". */
struct sip_leg_env {
	struct calls *calls;
	struct sip_ua *ua;
};

const struct leg_kind *sip_leg_kind_alloc(void *ctx, const struct sip_leg_env *env);
/*! For sip_ua_ops.incoming: a call from a SIP peer. */
void sip_leg_incoming(const struct leg_kind *kind, struct sip_session *s, struct sip_peer *peer, const struct sip_invite *inv);
