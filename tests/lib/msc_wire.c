/* The bytes of osmo-msc's end of the MNCC socket. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <netinet/in.h>
#include <string.h>

#include "msc_wire.h"

static const struct {
	uint32_t type;
	const char *name;
} names[] = {
	{ MSC_SETUP_REQ, "SETUP_REQ" },
	{ MSC_SETUP_IND, "SETUP_IND" },
	{ MSC_SETUP_RSP, "SETUP_RSP" },
	{ MSC_SETUP_CNF, "SETUP_CNF" },
	{ MSC_SETUP_COMPL_REQ, "SETUP_COMPL_REQ" },
	{ MSC_SETUP_COMPL_IND, "SETUP_COMPL_IND" },
	{ MSC_CALL_CONF_IND, "CALL_CONF_IND" },
	{ MSC_CALL_PROC_REQ, "CALL_PROC_REQ" },
	{ MSC_PROGRESS_REQ, "PROGRESS_REQ" },
	{ MSC_ALERT_REQ, "ALERT_REQ" },
	{ MSC_ALERT_IND, "ALERT_IND" },
	{ MSC_NOTIFY_REQ, "NOTIFY_REQ" },
	{ MSC_NOTIFY_IND, "NOTIFY_IND" },
	{ MSC_DISC_REQ, "DISC_REQ" },
	{ MSC_DISC_IND, "DISC_IND" },
	{ MSC_REL_REQ, "REL_REQ" },
	{ MSC_REL_IND, "REL_IND" },
	{ MSC_REL_CNF, "REL_CNF" },
	{ MSC_FACILITY_REQ, "FACILITY_REQ" },
	{ MSC_START_DTMF_IND, "START_DTMF_IND" },
	{ MSC_START_DTMF_RSP, "START_DTMF_RSP" },
	{ MSC_START_DTMF_REJ, "START_DTMF_REJ" },
	{ MSC_STOP_DTMF_IND, "STOP_DTMF_IND" },
	{ MSC_STOP_DTMF_RSP, "STOP_DTMF_RSP" },
	{ MSC_MODIFY_REQ, "MODIFY_REQ" },
	{ MSC_HOLD_IND, "HOLD_IND" },
	{ MSC_HOLD_CNF, "HOLD_CNF" },
	{ MSC_HOLD_REJ, "HOLD_REJ" },
	{ MSC_RETRIEVE_IND, "RETRIEVE_IND" },
	{ MSC_RETRIEVE_CNF, "RETRIEVE_CNF" },
	{ MSC_RETRIEVE_REJ, "RETRIEVE_REJ" },
	{ MSC_USERINFO_REQ, "USERINFO_REQ" },
	{ MSC_REJ_REQ, "REJ_REQ" },
	{ MSC_REJ_IND, "REJ_IND" },
	{ MSC_RTP_CREATE, "RTP_CREATE" },
	{ MSC_RTP_CONNECT, "RTP_CONNECT" },
	{ MSC_RTP_FREE, "RTP_FREE" },
	{ MSC_HELLO, "HELLO" },
};

const char *msc_type_name(uint32_t type)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].type == type)
			return names[i].name;
	}
	return "(unknown)";
}

uint32_t msc_get(const uint8_t *buf, size_t off)
{
	uint32_t val;
	memcpy(&val, buf + off, sizeof(val));
	return val;
}

void msc_put(uint8_t *buf, size_t off, uint32_t val)
{
	memcpy(buf + off, &val, sizeof(val));
}

size_t msc_hello(uint8_t buf[MSC_HELLO_SIZE], uint32_t mncc_size)
{
	const uint32_t hello[8] = { MSC_HELLO, 8, mncc_size, 8, MSC_O_CALLED, MSC_O_SIGNAL, MSC_O_EMERGENCY, 832 };

	memcpy(buf, hello, sizeof(hello));
	return sizeof(hello);
}

void msc_begin(uint8_t *buf, uint32_t type, uint32_t callref)
{
	memset(buf, 0, MSC_SIZE_NEW);
	msc_put(buf, MSC_O_TYPE, type);
	msc_put(buf, MSC_O_CALLREF, callref);
}

static void set_field(uint8_t *buf, uint32_t field)
{
	msc_put(buf, MSC_O_FIELDS, msc_get(buf, MSC_O_FIELDS) | field);
}

void msc_put_number(uint8_t *buf, enum msc_offset off, uint32_t field, const char *digits, uint32_t type, uint32_t plan)
{
	size_t len = strlen(digits);

	if (len > 32)
		len = 32;
	set_field(buf, field);
	msc_put(buf, off + MSC_O_NUM_TYPE, type);
	msc_put(buf, off + MSC_O_NUM_PLAN, plan);
	memcpy(buf + off + MSC_O_NUM_DIGITS, digits, len);
}

void msc_put_cause(uint8_t *buf, uint32_t location, uint32_t value)
{
	set_field(buf, MSC_F_CAUSE);
	msc_put(buf, MSC_O_CAUSE, location);
	msc_put(buf, MSC_O_CAUSE + MSC_O_CAUSE_CODING, 3);
	msc_put(buf, MSC_O_CAUSE + MSC_O_CAUSE_VALUE, value);
}

void msc_put_bearer(uint8_t *buf)
{
	set_field(buf, MSC_F_BEARER);
	msc_put(buf, MSC_O_BEARER + 12, 1); /* radio: full rate only */
	msc_put(buf, MSC_O_SPEECH_VER, 0);
	msc_put(buf, MSC_O_SPEECH_VER + 4, (uint32_t)-1);
}

void msc_put_rtp(uint8_t *buf, const struct sockaddr *addr, socklen_t len, uint32_t pt, uint32_t pmt)
{
	memcpy(buf + MSC_O_RTP_ADDR, addr, len);
	msc_put(buf, MSC_O_RTP_PT, pt);
	msc_put(buf, MSC_O_RTP_PMT, pmt);
}

bool msc_get_rtp(const uint8_t *buf, struct sockaddr_storage *addr)
{
	memcpy(addr, buf + MSC_O_RTP_ADDR, sizeof(*addr));
	if (addr->ss_family == AF_INET)
		return ((struct sockaddr_in *)addr)->sin_port != 0;
	return addr->ss_family == AF_INET6 && ((struct sockaddr_in6 *)addr)->sin6_port != 0;
}

static bool has_nul(const uint8_t *buf, size_t len, size_t off, size_t max)
{
	if (len <= off)
		return false;
	return memchr(buf + off, 0, len - off < max ? len - off : max) != NULL;
}

static const char *dislikes_signal(const uint8_t *buf, size_t len, uint32_t mncc_size)
{
	static const struct {
		uint32_t field;
		enum msc_offset off;
	} numbers[] = {
		{ MSC_F_CALLED, MSC_O_CALLED },
		{ MSC_F_CALLING, MSC_O_CALLING },
		{ MSC_F_REDIRECTING, MSC_O_REDIRECTING },
		{ MSC_F_CONNECTED, MSC_O_CONNECTED },
	};
	uint32_t fields;

	if (!has_nul(buf, len, MSC_O_SDP, 1024))
		return "no NUL in sdp";
	fields = msc_get(buf, MSC_O_FIELDS);
	if (fields & ~(mncc_size >= MSC_SIZE_NEW ? 0x1ffffu : 0x3fffu))
		return "unknown fields";
	if (!has_nul(buf, len, MSC_O_IMSI, 16))
		return "no NUL in imsi";
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (fields & numbers[i].field && !has_nul(buf, len, numbers[i].off + MSC_O_NUM_DIGITS, 33))
			return "no NUL in a number";
	}
	if (fields & MSC_F_BEARER) {
		for (size_t i = 0; i < 8; i++) {
			if (msc_get(buf, MSC_O_SPEECH_VER + 4 * i) == (uint32_t)-1)
				return NULL;
		}
		return "speech_ver without -1";
	}
	return NULL;
}

const char *msc_dislikes(const uint8_t *buf, size_t len, uint32_t mncc_size)
{
	if (len < 8)
		return "no header";
	switch (msc_get(buf, MSC_O_TYPE)) {
	case MSC_RTP_CREATE:
	case MSC_RTP_CONNECT:
	case MSC_RTP_FREE:
		return has_nul(buf, len, MSC_O_RTP_SDP, 1024) ? NULL : "no NUL in sdp of an RTP message";
	case MSC_HELLO:
		return "HELLO from the gateway";
	default:
		return dislikes_signal(buf, len, mncc_size);
	}
}
