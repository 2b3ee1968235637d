/*! \file mncc_proto.h
 * The layouts of the MNCC socket's messages, version by version, as tables of offsets and sizes.
 *
 * Host byte order and C struct layout of osmo-msc; never cast a struct onto a buffer, since the layouts differ
 * (versions 5 to 8, and 8 in two sizes). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/core/utils.h>

/*! Message types. "REQ/RSP" go to the MSC, "IND/CNF" come from it (seen from the MSC as the lower layer). */
enum mncc_msg_type {
	MNCC_MT_SETUP_REQ = 0x101,
	MNCC_MT_SETUP_IND,
	MNCC_MT_SETUP_RSP,
	MNCC_MT_SETUP_CNF,
	MNCC_MT_SETUP_COMPL_REQ,
	MNCC_MT_SETUP_COMPL_IND,
	MNCC_MT_CALL_CONF_IND,
	MNCC_MT_CALL_PROC_REQ,
	MNCC_MT_PROGRESS_REQ,
	MNCC_MT_ALERT_REQ,
	MNCC_MT_ALERT_IND,
	MNCC_MT_NOTIFY_REQ,
	MNCC_MT_NOTIFY_IND,
	MNCC_MT_DISC_REQ,
	MNCC_MT_DISC_IND,
	MNCC_MT_REL_REQ,
	MNCC_MT_REL_IND,
	MNCC_MT_REL_CNF,
	MNCC_MT_FACILITY_REQ,
	MNCC_MT_FACILITY_IND,
	MNCC_MT_START_DTMF_IND,
	MNCC_MT_START_DTMF_RSP,
	MNCC_MT_START_DTMF_REJ,
	MNCC_MT_STOP_DTMF_IND,
	MNCC_MT_STOP_DTMF_RSP,
	MNCC_MT_MODIFY_REQ,
	MNCC_MT_MODIFY_IND,
	MNCC_MT_MODIFY_RSP,
	MNCC_MT_MODIFY_CNF,
	MNCC_MT_MODIFY_REJ,
	MNCC_MT_HOLD_IND,
	MNCC_MT_HOLD_CNF,
	MNCC_MT_HOLD_REJ,
	MNCC_MT_RETRIEVE_IND,
	MNCC_MT_RETRIEVE_CNF,
	MNCC_MT_RETRIEVE_REJ,
	MNCC_MT_USERINFO_REQ,
	MNCC_MT_USERINFO_IND,
	MNCC_MT_REJ_REQ,
	MNCC_MT_REJ_IND,
	MNCC_MT_RTP_CREATE = 0x204,
	MNCC_MT_RTP_CONNECT,
	MNCC_MT_RTP_FREE,
	MNCC_MT_FRAME_FR = 0x300,
	MNCC_MT_FRAME_EFR,
	MNCC_MT_FRAME_HR,
	MNCC_MT_FRAME_AMR, /*!< as payload_msg_type */
	MNCC_MT_HELLO = 0x400,
};

extern const struct value_string mncc_msg_type_names[];

/*! Bits of the fields word: which members count. */
enum mncc_field {
	MNCC_FIELD_BEARER_CAP = 0x0001,
	MNCC_FIELD_CALLED = 0x0002,
	MNCC_FIELD_CALLING = 0x0004,
	MNCC_FIELD_REDIRECTING = 0x0008,
	MNCC_FIELD_CONNECTED = 0x0010,
	MNCC_FIELD_CAUSE = 0x0020,
	MNCC_FIELD_USERUSER = 0x0040,
	MNCC_FIELD_PROGRESS = 0x0080,
	MNCC_FIELD_EMERGENCY = 0x0100,
	MNCC_FIELD_FACILITY = 0x0200,
	MNCC_FIELD_SSVERSION = 0x0400,
	MNCC_FIELD_CCCAP = 0x0800,
	MNCC_FIELD_KEYPAD = 0x1000,
	MNCC_FIELD_SIGNAL = 0x2000,
	MNCC_FIELD_GCR = 0x4000,
};

/*! HELLO, the MSC's first message. */
struct mncc_hello {
	uint32_t version, mncc_size, data_frame_size, called_offset, signal_offset, emergency_offset, lchan_type_offset;
};

/*! How struct gsm_mncc and struct gsm_mncc_rtp lie in memory in one version of the protocol. */
struct mncc_layout {
	uint32_t version;
	uint16_t mncc_size; /*!< what we send */
	uint16_t rtp_size;
	uint16_t sdp_off;     /*!< in signalling messages; 0: none in this version */
	uint16_t gcr_off;     /*!< 0: none */
	uint16_t rtp_sdp_off; /*!< in RTP messages; 0: none */
	bool rtp_sockaddr;    /*!< address as struct sockaddr_storage (7, 8), else IPv4 and port as integers */
	uint16_t rtp_addr_off, rtp_port_off, rtp_pt_off, rtp_pmt_off; /*!< rtp_port_off only without rtp_sockaddr */
	uint32_t fields_mask; /*!< bits that may be set towards the MSC: a message with another one is dropped there */
};

#define MNCC_SDP_LEN 1024

const struct mncc_layout *mncc_layout_for(const struct mncc_hello *hello, const char **note);
