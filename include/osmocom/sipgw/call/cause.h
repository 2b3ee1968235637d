/*! \file cause.h
 * Why a call ended: Q.850 between the legs, SIP status at the SIP edge, one table between the two (RFC 3398). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdint.h>

/*! Cause values that the code itself names (ITU-T Q.850, 3GPP TS 24.008 10.5.4.11). Every other value passes as it is. */
enum cause_value {
	CAUSE_UNASSIGNED = 1,
	CAUSE_NO_ROUTE = 3,
	CAUSE_NORMAL = 16,
	CAUSE_USER_BUSY = 17,
	CAUSE_NO_USER_RESPONDING = 18,
	CAUSE_NO_ANSWER = 19,
	CAUSE_SUBSCRIBER_ABSENT = 20,
	CAUSE_REJECTED = 21,
	CAUSE_EXCHANGE_ROUTING_ERROR = 25,
	CAUSE_DEST_OUT_OF_ORDER = 27,
	CAUSE_INVALID_NUMBER = 28,
	CAUSE_FACILITY_REJECTED = 29,
	CAUSE_NORMAL_UNSPEC = 31,
	CAUSE_NO_CIRCUIT = 34,
	CAUSE_NET_OUT_OF_ORDER = 38,
	CAUSE_TEMP_FAILURE = 41,
	CAUSE_CONGESTION = 42,
	CAUSE_RESOURCES = 47,
	CAUSE_BEARER_NOT_AVAIL = 58,
	CAUSE_SERVICE_NOT_AVAIL = 63,
	CAUSE_BEARER_NOT_IMPL = 65,
	CAUSE_INCOMPATIBLE_DEST = 88,
	CAUSE_INVALID_MSG = 95,
	CAUSE_STATE = 101,
	CAUSE_TIMER_EXPIRED = 102,
	CAUSE_PROTOCOL_ERROR = 111,
	CAUSE_INTERWORKING = 127,
};

/*! Location as in Q.850; also the MNCC location. */
enum cause_location {
	CAUSE_LOC_USER = 0,
	CAUSE_LOC_PRN_LOCAL = 1,	/*!< private network serving the local user: what we are to the MSC */
	CAUSE_LOC_PUB_LOCAL = 2,
};

/*! What is wrong with a session description (RFC 3261 20.43). */
enum cause_warning {
	CAUSE_WARN_ADDRESS = 301,	/*!< network address formats */
	CAUSE_WARN_FORMAT = 305,	/*!< media formats */
};

/*! Why something ended. Never with value 0. */
struct cause {
	uint8_t value;		/*!< 1..127 */
	uint8_t location;	/*!< enum cause_location */
	char text[116];		/*!< a sentence for the operator and the SIP Warning, "" if there is nothing to add */
	uint16_t warning;	/*!< the code of RFC 3261 20.43 that says it best, 0: none does (then it is 399) */
};

#define CAUSE(VALUE) ((struct cause){ .value = (VALUE), .location = CAUSE_LOC_PRN_LOCAL })

/*! A cause of ours with a sentence; what does not fit is cut between characters, control characters become spaces. */
struct cause cause_make(uint8_t value, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*! \a value if it is 1..127, else 31: what comes from a wire may be 0 or anything. */
uint8_t cause_valid(int value);
/*! Its name in Q.850 or TS 24.008; never NULL. */
const char *cause_name(uint8_t value);
/*! The SIP status of a failure response (400..699) that says \a value. */
uint16_t cause_to_sip(uint8_t value);
/*! The cause that a failure response means. 0 (no response: BYE or CANCEL) gives 16, anything outside 300..699 gives 31. */
uint8_t cause_from_sip(uint16_t status);
