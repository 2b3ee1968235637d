/*! \file sip_head.h
 * The head of a message cut into lines, before anything is understood of it (sip_guard.c): of what came, and of bytes of ours that are to be
 * sent in another form. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/sipgw/sip/sip_str.h>

enum sip_hdr {
	SIP_HDR_OTHER,
	SIP_HDR_VIA,
	SIP_HDR_FROM,
	SIP_HDR_TO,
	SIP_HDR_CALL_ID,
	SIP_HDR_CSEQ,
	SIP_HDR_CONTACT,
	SIP_HDR_RECORD_ROUTE,
	SIP_HDR_ROUTE,
	SIP_HDR_MAX_FORWARDS,
	SIP_HDR_CONTENT_LENGTH,
	SIP_HDR_CONTENT_TYPE,
	_SIP_HDR_COUNT
};

/*! One logical header line, folds included. */
struct sip_line {
	const char *name, *value;
	uint16_t name_len, value_len;
	uint8_t hdr; /*!< enum sip_hdr */
};

#define SIP_MAX_LINES 128

/*! The head of a message, cut into lines. Everything points into the bytes it was made from. */
struct sip_scan {
	struct sip_str first;			/*!< the first line */
	bool is_request;
	struct sip_str method, uri, version;	/*!< requests; version also of responses */
	uint16_t status;			/*!< responses */
	struct sip_str phrase;
	size_t head_len;			/*!< with the blank line; 0 if there is none */
	uint16_t reject_status;			/*!< 0: nothing wrong so far */
	const char *why;
	unsigned int n_lines;
	uint8_t count[_SIP_HDR_COUNT];		/*!< lines of each header */
	struct sip_line line[SIP_MAX_LINES];
};

/*! Cut the head at the beginning of \a buf into lines; \a scan needs no preparation. What is wrong is said in reject_status and why. */
void sip_scan_head(struct sip_scan *scan, const char *buf, size_t len);
/*! The first line of that header, NULL if there is none. */
const struct sip_line *sip_scan_find(const struct sip_scan *scan, enum sip_hdr hdr);

/*! The value of a line; s is NULL without a line. */
static inline struct sip_str sip_line_str(const struct sip_line *line)
{
	return line ? (struct sip_str){ line->value, line->value_len } : (struct sip_str){};
}
