/*! \file mgcp_msg.h
 * MGCP messages (RFC 3435 3): bytes to struct and back, commands and responses alike.
 *
 * A parsed message points into the bytes it was parsed from. Everything that is in it was checked: no text contains a NUL or a
 * line end (but for the body). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <osmocom/core/utils.h>

#define MGCP_MAX_DATAGRAM 4096		/*!< RFC 3435 3.5.3: at least 4000 */
#define MGCP_MAX_MESSAGES 16		/*!< piggybacked ones in a datagram; the rest is not looked at */
#define MGCP_MAX_ENDPOINT 511		/*!< local name 255, "@", domain 255 (RFC 3435 2.1.2) */
#define MGCP_MAX_TRANS_ID 999999999U

/*! Text somewhere in a message. s is NULL: not there. len 0: there, but empty. */
struct mgcp_text {
	const char *s;
	size_t len;
};

/*! What is to be done (RFC 3435 2.3). */
enum mgcp_verb {
	MGCP_VERB_UNKNOWN,	/*!< looks like a verb, is none that we know */
	MGCP_VERB_EPCF,
	MGCP_VERB_CRCX,
	MGCP_VERB_MDCX,
	MGCP_VERB_DLCX,
	MGCP_VERB_RQNT,
	MGCP_VERB_NTFY,
	MGCP_VERB_AUEP,
	MGCP_VERB_AUCX,
	MGCP_VERB_RSIP,
};

/*! Parameter lines (RFC 3435 3.2.2), in the order in which we write them. */
enum mgcp_param {
	MGCP_PARAM_K,	/*!< ResponseAck */
	MGCP_PARAM_C,	/*!< CallId */
	MGCP_PARAM_I,	/*!< ConnectionId */
	MGCP_PARAM_I2,	/*!< SecondConnectionId */
	MGCP_PARAM_Z,	/*!< SpecificEndpointId */
	MGCP_PARAM_Z2,	/*!< SecondEndpointId */
	MGCP_PARAM_X,	/*!< RequestIdentifier */
	MGCP_PARAM_L,	/*!< LocalConnectionOptions */
	MGCP_PARAM_M,	/*!< ConnectionMode */
	MGCP_PARAM_B,	/*!< BearerInformation */
	MGCP_PARAM_N,	/*!< NotifiedEntity */
	MGCP_PARAM_R,	/*!< RequestedEvents */
	MGCP_PARAM_S,	/*!< SignalRequests */
	MGCP_PARAM_D,	/*!< DigitMap */
	MGCP_PARAM_T,	/*!< DetectEvents */
	MGCP_PARAM_Q,	/*!< QuarantineHandling */
	MGCP_PARAM_O,	/*!< ObservedEvents */
	MGCP_PARAM_E,	/*!< ReasonCode */
	MGCP_PARAM_P,	/*!< ConnectionParameters */
	MGCP_PARAM_RM,	/*!< RestartMethod */
	MGCP_PARAM_RD,	/*!< RestartDelay */
	MGCP_PARAM_F,	/*!< RequestedInfo */
	MGCP_PARAM_A,	/*!< Capabilities */
	MGCP_PARAM_ES,	/*!< EventStates */
	_NUM_MGCP_PARAMS
};

/*! A command or a response. */
struct mgcp_msg {
	bool is_command;
	enum mgcp_verb verb;		/*!< of a command */
	uint16_t code;			/*!< of a response, 0..999 */
	uint32_t trans_id;		/*!< 1..999999999; in a response also 0: osmo-mgw, when it could not read ours */
	struct mgcp_text endpoint;	/*!< of a command */
	struct mgcp_text comment;	/*!< of a response, may be absent */
	struct mgcp_text params[_NUM_MGCP_PARAMS];	/*!< the first one of each name */
	struct mgcp_text must_know;	/*!< first unknown extension that may not be ignored ("X+...", RFC 3435 3.2.2) */
	uint8_t n_unknown;		/*!< unknown parameter lines */
	uint8_t n_bad;			/*!< lines that are no parameter lines */
	struct mgcp_text body;		/*!< session description(s), absent if there is none */
};

/*! Connection parameters (RFC 3435 3.2.2.7). What was not said is 0. */
struct mgcp_stats {
	uint32_t tx_packets, tx_octets;	/*!< PS, OS */
	uint32_t rx_packets, rx_octets;	/*!< PR, OR */
	uint32_t lost;			/*!< PL */
	uint32_t jitter, latency_ms;	/*!< JI, LA; the former in ms (RFC 3435), by osmo-mgw in units of the RTP clock */
};

extern const struct value_string mgcp_verb_names[];

int mgcp_msg_parse(struct mgcp_msg *msg, const char *data, size_t len, size_t *used);
int mgcp_msg_encode(char *buf, size_t len, const struct mgcp_msg *msg);
int mgcp_stats_parse(struct mgcp_stats *stats, struct mgcp_text text);

/*! Text of a string. */
static inline struct mgcp_text mgcp_text(const char *str)
{
	return (struct mgcp_text){ .s = str, .len = strlen(str) };
}

bool mgcp_text_is(struct mgcp_text text, const char *str);
bool mgcp_text_copy(char *buf, size_t size, struct mgcp_text text);
