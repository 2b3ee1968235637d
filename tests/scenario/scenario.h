/*! \file scenario.h
 * The stage of the scenarios: real legs, call, MNCC link, call agent and SIP user agent in this process, between a fake MSC, a fake media gateway and a
 * fake PBX, over real sockets and in virtual time. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/call/leg.h>
#include <osmocom/sipgw/leg/gsm_leg.h>
#include <osmocom/sipgw/ua/sip_peer.h>

#include "fake_mgw.h"
#include "fake_msc.h"
#include "fake_time.h"
#include "sip_peer.h"
#include "story.h"

void stage_open(const char *net);	/*!< once per program; net "127.0.71" is nobody else's */
void stage_close(void);

/*! Begin a story: everything is up, no call is there. */
void scene(const char *title, enum media_mode mode);
/*! End it: everybody has heard all, both legs have ended, the gateway has no connection left, no memory is left. */
void scene_ends(void);

unsigned int n_calls(void);
void identity_is_imsi(bool imsi);
void peer_dtmf(enum sip_dtmf_mode mode);
struct sip_peer_cfg *peer_cfg(void);	/*!< of the PBX, to be left as it was */
struct gsm_leg_cfg *gsm_cfg(void);	/*!< likewise */
void sip_side_is_fake(bool fake);	/*!< legs that do only what the story says */
struct leg *side_b(void);		/*!< of the one call */
void gateway_stops(void);		/*!< ends its calls, takes no new ones */
void gateway_goes_on(void);
struct calls *the_calls(void);		/*!< for routes and the like; then stage_is_set() */
void stage_is_set(void);			/*!< what is there now belongs to the configuration */
const char *shown_call(void);		/*!< what the operator sees of the one call and its legs */

/*! How far a call has come. */
enum point {
	MO_SETUP, MO_CALLING, MO_RINGING, MO_CONNECTING, MO_TALKING,
	MT_PAGING, MT_CONFIRMED, MT_RINGING, MT_RINGING_MEDIA, MT_CONNECTING, MT_TALKING,
	_NUM_POINTS
};

static inline bool is_mt(enum point point)
{
	return point >= MT_PAGING;
}

/*! Play a call up to there, told in one line: the messages are another scene's story. */
void call_up_to(enum point point);
/*! Begin a story with a call that is up to there. */
void in_call(const char *title, enum point point, enum media_mode mode);
/*! The phone hangs up in a call, which ends the story. */
void phone_ends_call(void);
/*! What SIP has to say to the end of a call that the other side ended, at that point. */
void sip_goes_along(enum point point);
