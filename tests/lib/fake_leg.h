/*! \file fake_leg.h
 * A leg kind without a protocol: what the call orders is printed, what happens is posted by the test. Stands for "gsm" as well as for "sip". */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/call/leg.h>

struct fake_leg {
	struct leg leg;
	char target[32];		/*!< side B: whom it was made for; else set by the test */
};

struct fake_kind {
	struct leg_kind kind;
	bool quiet;			/*!< print nothing */
	bool stubborn;			/*!< legs do not answer RELEASE with RELEASED */
	uint8_t refuse;			/*!< alloc of a leg B fails with this cause; 0: it does not */
	const char *dead;		/*!< alloc for this target fails; NULL: for none */
	int mode;			/*!< what media_mode() says: an enum media_mode, or -ENOENT */
	unsigned int n_legs;		/*!< that exist */
	unsigned int n_made;		/*!< that were made so far */
	unsigned int n_cmds[_NUM_LEG_CMDS]; /*!< commands of each type so far */
};

void fake_kind_init(struct fake_kind *kind, const char *name);
/*! What stories about calls begin with: virtual time, and a core for which \a gsm and \a sip, set up here, stand in for phones and peers. Calls of
 * phones go to \a peer; NULL: nowhere, unless there are routes. Freed by talloc_free(). */
struct calls *fake_core(void *ctx, struct fake_kind *gsm, struct fake_kind *sip, const char *peer);
/*! A leg that begins a call, on side A as soon as call_begin() has it. */
struct leg *fake_leg_alloc(struct fake_kind *kind, void *ctx);
/*! Post a SETUP: \a calling and \a called are dial strings, NULL: not given; \a sdp the offer, NULL: none. */
void fake_leg_setup(struct leg *leg, const char *calling, const char *called, const char *sdp);
void fake_leg_released(struct leg *leg, uint8_t cause);
/*! It ends because the way to the party failed. */
void fake_leg_way_failed(struct leg *leg, uint8_t cause);
/*! It wants the other side to talk to \a number, at \a target ("": by the routes). */
void fake_leg_transfers(struct leg *leg, const char *number, const char *target);
/*! It ends because the party is to be called elsewhere. */
void fake_leg_redirects(struct leg *leg, const char *number, const char *target);
