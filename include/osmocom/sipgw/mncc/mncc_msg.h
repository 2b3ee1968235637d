/*! \file mncc_msg.h
 * MNCC messages: bytes of a given layout to struct and back. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/core/socket.h>

#include <osmocom/sipgw/mncc/mncc_proto.h>

#define MNCC_MAX_DIGITS	  32
#define MNCC_MAX_FACILITY 127

/*! A number as MNCC has it. */
struct mncc_number {
	uint8_t type, plan, present, screen;
	char digits[MNCC_MAX_DIGITS + 1];
};

struct mncc_bearer_cap {
	uint8_t transfer, mode, coding, radio, speech_ctm;
	/*! 3GPP TS 24.008 10.5.4.5: 0 FR1, 1 HR1, 2 FR2 (EFR), 4 FR3 (AMR), 5 HR3 (AMR), 6 FR4, 8 FR5 (AMR-WB), 11 HR6;
	 * ends with -1 */
	int8_t speech_ver[8];
};

/*! One message, both kinds (signalling and RTP). Only what fields says is valid; RTP members only in MNCC_RTP_*. */
struct mncc_msg {
	uint32_t type; /*!< enum mncc_msg_type */
	uint32_t callref;
	uint32_t fields; /*!< enum mncc_field */
	struct mncc_bearer_cap bearer_cap;
	struct mncc_number called, calling, redirecting, connected;
	struct {
		uint8_t location, coding, value;
	} cause;
	struct {
		uint8_t coding, location, descr;
	} progress;
	struct {
		bool dtmf, pcp;
	} cccap;
	struct {
		bool sup, inv;
	} clir;
	char keypad;
	uint8_t notify;
	bool emergency;
	char imsi[16];
	uint8_t gcr[16];
	bool has_gcr;
	const uint8_t *facility; /*!< to send, with MNCC_FIELD_FACILITY: the components; not decoded */
	uint8_t facility_len;	 /*!< at most MNCC_MAX_FACILITY */
	/* RTP messages */
	struct osmo_sockaddr addr; /*!< family AF_UNSPEC: none */
	uint32_t payload_type, payload_msg_type;
	/*! Decoded: points into the buffer, "" if empty. To encode: NUL-terminated, shorter than MNCC_SDP_LEN, NULL for
	 * none. */
	const char *sdp;
};

int mncc_hello_decode(struct mncc_hello *hello, const uint8_t *buf, size_t len);
int mncc_msg_decode(struct mncc_msg *msg, const struct mncc_layout *layout, const uint8_t *buf, size_t len);
int mncc_msg_encode(uint8_t *buf, size_t len, const struct mncc_layout *layout, const struct mncc_msg *msg);
int mncc_msg_to_str_buf(char *buf, size_t len, const struct mncc_msg *msg);
bool mncc_type_is_rtp(uint32_t type);
