/*! \file fake_msc.h
 * osmo-msc as a scenario sees it: the end of the MNCC socket that listens, in words.
 *
 * What comes is kept until the story asks for it, and printed then, so that a story does not depend on which socket was read first. The bytes are those
 * of msc_wire.c, written down from captures. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "msc_wire.h"

/*! What a message says. Whatever is not named is not in it. */
struct msc_words {
	uint32_t callref;	/*!< 0: that of the message before */
	const char *called, *calling; /*!< "+49..": international */
	const char *connected, *redirecting;
	const char *imsi;	/*!< NULL: the usual one in SETUP_IND, none elsewhere */
	const char *gcr;	/*!< in hex */
	bool emergency, no_bearer, clir;
	int cause, location;	/*!< cause 0: none */
	const char *rtp;	/*!< "127.0.0.4:4004" */
	int pt, frame;		/*!< payload type, MSC_FRAME_*; 0: 3 and FR */
	const char *sdp;
	const int8_t *speech;	/*!< speech versions of a bearer capability, ended by -1 */
	int progress;		/*!< progress indicator, 0: none */
	char key;
};

void fake_msc_start(const char *path, uint32_t mncc_size);
void fake_msc_stop(void);
void fake_msc_lose_link(void);	/*!< it crashes: the client's socket is closed */
void fake_msc_is_hasty(bool hasty);	/*!< what it says goes out, nobody has looked at it yet */
void fake_msc_send(uint32_t type, const struct msc_words *words);

/*! msc_sends(MSC_SETUP_IND, .called = "5552222", .calling = "1001") */
#define msc_sends(TYPE, ...) fake_msc_send(TYPE, &(struct msc_words){ __VA_ARGS__ })
void msc_expects(uint32_t type);
void msc_expects_nothing(void);
void msc_hears(void);	/*!< print whatever came */
const char *msc_heard_sdp(void);	/*!< of the message expected last, "" if none */
uint32_t msc_callref(void);	/*!< of the message before */
unsigned int msc_n_waiting(void);
void msc_turns_to(uint32_t callref);	/*!< with two calls: the other one is meant from here on */
