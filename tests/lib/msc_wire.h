/*! \file msc_wire.h
 * The bytes of osmo-msc's end of the MNCC socket, for those who play it: offsets written down by hand from captures of
 * osmo-msc 1.9.
 *
 * On purpose nothing here comes from src/mncc: a mistake made there must not hide behind the same mistake made here. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*! Every message of osmo-msc 1.9 but HELLO has this size, RTP messages too. */
#define MSC_SIZE 1876
/*! Since osmo-msc 1.12. */
#define MSC_SIZE_NEW   1896
#define MSC_HELLO_SIZE 32

enum msc_offset {
	MSC_O_TYPE = 0,
	MSC_O_CALLREF = 4,
	MSC_O_FIELDS = 8,
	MSC_O_BEARER = 12,
	MSC_O_SPEECH_VER = 32,
	MSC_O_CALLED = 104,
	MSC_O_CALLING = 156,
	MSC_O_REDIRECTING = 208,
	MSC_O_CONNECTED = 260,
	MSC_O_CAUSE = 312,
	MSC_O_PROGRESS = 368,
	MSC_O_FACILITY = 516,
	MSC_O_CCCAP = 648,
	MSC_O_CLIR_SUP = 788,
	MSC_O_CLIR_INV = 792,
	MSC_O_SIGNAL = 796,
	MSC_O_KEYPAD = 800,
	MSC_O_NOTIFY = 808,
	MSC_O_EMERGENCY = 812,
	MSC_O_IMSI = 816,
	MSC_O_GCR = 834,
	MSC_O_SDP = 850,
	MSC_O_RTP_ADDR = 8,
	MSC_O_RTP_PT = 136,
	MSC_O_RTP_PMT = 140,
	MSC_O_RTP_SDP = 144,
	/* within a number; within a cause */
	MSC_O_NUM_TYPE = 0,
	MSC_O_NUM_PLAN = 4,
	MSC_O_NUM_PRESENT = 8,
	MSC_O_NUM_DIGITS = 16,
	MSC_O_CAUSE_CODING = 4,
	MSC_O_CAUSE_VALUE = 16,
};

enum msc_field {
	MSC_F_BEARER = 1,
	MSC_F_CALLED = 2,
	MSC_F_CALLING = 4,
	MSC_F_REDIRECTING = 8,
	MSC_F_CONNECTED = 0x10,
	MSC_F_CAUSE = 0x20,
	MSC_F_PROGRESS = 0x80,
	MSC_F_EMERGENCY = 0x100,
	MSC_F_FACILITY = 0x200,
	MSC_F_CCCAP = 0x800,
	MSC_F_KEYPAD = 0x1000,
	MSC_F_GCR = 0x4000,
};

enum msc_type {
	MSC_SETUP_REQ = 0x101,
	MSC_SETUP_IND = 0x102,
	MSC_SETUP_RSP = 0x103,
	MSC_SETUP_CNF = 0x104,
	MSC_SETUP_COMPL_REQ = 0x105,
	MSC_SETUP_COMPL_IND = 0x106,
	MSC_CALL_CONF_IND = 0x107,
	MSC_CALL_PROC_REQ = 0x108,
	MSC_PROGRESS_REQ = 0x109,
	MSC_ALERT_REQ = 0x10a,
	MSC_ALERT_IND = 0x10b,
	MSC_NOTIFY_REQ = 0x10c,
	MSC_NOTIFY_IND = 0x10d,
	MSC_DISC_REQ = 0x10e,
	MSC_DISC_IND = 0x10f,
	MSC_REL_REQ = 0x110,
	MSC_REL_IND = 0x111,
	MSC_REL_CNF = 0x112,
	MSC_FACILITY_REQ = 0x113,
	MSC_START_DTMF_IND = 0x115,
	MSC_START_DTMF_RSP = 0x116,
	MSC_START_DTMF_REJ = 0x117,
	MSC_STOP_DTMF_IND = 0x118,
	MSC_STOP_DTMF_RSP = 0x119,
	MSC_MODIFY_REQ = 0x11a,
	MSC_HOLD_IND = 0x11f,
	MSC_HOLD_CNF = 0x120,
	MSC_HOLD_REJ = 0x121,
	MSC_RETRIEVE_IND = 0x122,
	MSC_RETRIEVE_CNF = 0x123,
	MSC_RETRIEVE_REJ = 0x124,
	MSC_USERINFO_REQ = 0x125,
	MSC_REJ_REQ = 0x127,
	MSC_REJ_IND = 0x128,
	MSC_RTP_CREATE = 0x204,
	MSC_RTP_CONNECT = 0x205,
	MSC_RTP_FREE = 0x206,
	MSC_FRAME_FR = 0x300,
	MSC_FRAME_EFR = 0x301,
	MSC_FRAME_HR = 0x302,
	MSC_FRAME_AMR = 0x303,
	MSC_HELLO = 0x400,
};

const char *msc_type_name(uint32_t type);

uint32_t msc_get(const uint8_t *buf, size_t off);
void msc_put(uint8_t *buf, size_t off, uint32_t val);

size_t msc_hello(uint8_t buf[MSC_HELLO_SIZE], uint32_t mncc_size);
/*! Begin a message: \a buf (MSC_SIZE_NEW octets) is all zero but for type and callref. */
void msc_begin(uint8_t *buf, uint32_t type, uint32_t callref);
void msc_put_number(uint8_t *buf, enum msc_offset off, uint32_t field, const char *digits, uint32_t type,
		    uint32_t plan);
void msc_put_cause(uint8_t *buf, uint32_t location, uint32_t value);
/*! Bearer capability as a phone has it that can do full rate only. */
void msc_put_bearer(uint8_t *buf);
void msc_put_rtp(uint8_t *buf, const struct sockaddr *addr, socklen_t len, uint32_t pt, uint32_t pmt);
/*! The address in a MNCC_RTP_CONNECT; false if there is none. */
bool msc_get_rtp(const uint8_t *buf, struct sockaddr_storage *addr);

/*! Would osmo-msc of this size drop the packet without a word? NULL: no, else why. */
const char *msc_dislikes(const uint8_t *buf, size_t len, uint32_t mncc_size);
