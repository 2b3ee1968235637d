/*! \file test_leg.h
 * A leg without a phone: the operator calls a phone or a peer by hand, hears whether it works, and how much audio goes each way. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/sockaddr_str.h>

#include <osmocom/sipgw/call/leg.h>

struct calls;

#define TEST_CALLS_KEPT 10

/*! A call to be made. Strings are borrowed. */
struct test_call {
	const char *from;		/*!< calling number, as dialled */
	const char *to;			/*!< called number, as dialled */
	const struct leg_kind *kind;	/*!< whom to call: the kind of leg ... */
	const char *target;		/*!< ... and its target; "" for kinds that have only one */
	enum media_mode media_mode;
	const char *sdp;		/*!< the offer, passed as it is, and nothing is sent; NULL: silence from a socket of ours */
	const char *local_ip;		/*!< where that socket is bound */
	uint16_t talk_s;		/*!< hang up so long after the answer; 0: do not */
};

/*! What became of it. */
struct test_result {
	uint32_t call_id;
	char from[NUMBER_MAX_DIGITS + 2], to[NUMBER_MAX_DIGITS + 2], target[32];
	bool running, rang, answered;
	uint32_t alerting_ms, answered_ms;	/*!< since it began, if it did */
	uint32_t talked_ms;
	uint32_t packets_tx, packets_rx, packets_early; /*!< RTP; early: received before the answer */
	char codec[16];
	struct cause cause;
};

const struct leg_kind *test_leg_kind_alloc(void *ctx, struct calls *calls);
/*! Make a call. Its id, or 0 with \a why. */
uint32_t test_leg_originate(const struct leg_kind *kind, const struct test_call *tc, struct cause *why);
/*! The latest first; NULL when there are no more. */
const struct test_result *test_leg_result(const struct leg_kind *kind, unsigned int idx);
