/*! \file session_story.h
 * The stage for stories about SIP sessions: a user agent on one loopback address, a PBX under the test's command on another, and a user of
 * sessions that tells what it hears. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_session.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "fake_sip.h"
#include "fake_time.h"
#include "story.h"

#define PBX_SDP	  "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 3\r\n"
#define PHONE_SDP "v=0\r\no=- 2 2 IN IP4 127.0.0.8\r\ns=-\r\nc=IN IP4 127.0.0.8\r\nt=0 0\r\nm=audio 6000 RTP/AVP 3\r\n"

struct stage {
	void *ctx;
	struct sip_ua *ua;
	struct sip_peer *peer;
	struct fake_sip *pbx;
	struct sip_session *s;	/*!< the session that the user has, NULL when it ended */
	bool hang_up_inside;	/*!< the user ends the session in its next callback */
	bool refuse_incoming;
	bool silent;		/*!< the user does not tell of incoming calls */
	bool accept_reoffer;	/*!< the user answers a re-INVITE at once */
};

extern struct stage stage;
extern const struct sip_session_ops story_ops;

void stage_set(const char *name, const char *net); /*!< net: "127.0.51": UA at .1, PBX at .2 */
void stage_clear(void);		/*!< stop, free; ends the test if anything is left */
void stage_idle(void);		/*!< let all transactions and sessions come to their end */

void user_calls(const char *called);
void user_ends(uint16_t status, uint8_t q850, const char *text);

/* One call with the PBX, by the steps that most stories begin and end with. */
extern struct fake_call call;	/*!< its end of it */

void we_call(void);		/*!< our INVITE is there, without an answer */
void they_call(const char *extra, const char *sdp); /*!< theirs, with 100 */
void they_are_answered(void);	/*!< 200 and ACK to theirs */
void we_hang_up(void);		/*!< and these two end the story */
void they_hang_up(void);
void end_of_story(void);	/*!< stage_idle(), and forget \a call */
