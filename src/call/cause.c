/* Why a call ended: Q.850 values, their names, and the SIP status on the other side of the edge.
 *
 * Two tables, one per direction, since the spaces have different sizes: RFC 3398 7.2.4.1 (cause to status) and 8.2.6.1
 * (status to cause). A value that no table names takes what its class says, so that every cause 1..127 and every status
 * 300..699 has an answer. Where we leave RFC 3398 the row says why.
 *
 * What has to survive the way there and back, since users see it (cause_test checks it): 1, 17, 21, 28, 41, 88, 102 as
 * causes and 404, 480, 484, 486, 488, 503, 504, 603 as statuses. A Reason header (RFC 3326) carries the exact cause
 * besides the status. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/cause.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct q850_row {
	const char *name; /* Q.850, or TS 24.008 10.5.4.11 where that differs: our causes come from a GSM network */
	uint16_t sip;
};

/* clang-format off */
static const struct q850_row q850[128] = {
	[1]   = { "unassigned number", 404 },
	[2]   = { "no route to specified transit network", 404 },
	[3]   = { "no route to destination", 404 },
	[4]   = { "send special information tone", 480 },
	[5]   = { "misdialled trunk prefix", 404 },
	[6]   = { "channel unacceptable", 503 },
	[7]   = { "call awarded and being delivered", 480 },
	[8]   = { "operator determined barring", 403 },
	[9]   = { "preemption, circuit reserved for reuse", 503 },
	[14]  = { "query on release: ported number", 404 },
	[16]  = { "normal call clearing", 480 },	/* RFC 3398: never a response; but a far side that just goes away while ringing is one */
	[17]  = { "user busy", 486 },
	[18]  = { "no user responding", 480 },		/* RFC 3398: 408. The MSC means "not reachable", and a proxy would retry after 408 */
	[19]  = { "no answer from the user", 480 },
	[20]  = { "subscriber absent", 480 },
	[21]  = { "call rejected", 603 },		/* RFC 3398: 403, 603 when the user does it; ours come from the user */
	[22]  = { "number changed", 410 },
	[23]  = { "redirection to new destination", 410 },
	[24]  = { "rejected due to feature at destination", 603 },
	[25]  = { "exchange routing error", 483 },	/* the hop counter ran out: what 483 says; RFC 3398 has only the way back */
	[26]  = { "non-selected user clearing", 404 },
	[27]  = { "destination out of order", 480 },	/* RFC 3398: 502. The MSC means "did not answer the paging" */
	[28]  = { "invalid number format", 484 },
	[29]  = { "facility rejected", 501 },
	[30]  = { "response to STATUS ENQUIRY", 480 },
	[31]  = { "normal, unspecified", 480 },
	[34]  = { "no circuit available", 503 },
	[38]  = { "network out of order", 503 },
	[39]  = { "permanent connection out of service", 503 },
	[40]  = { "permanent connection operational", 503 },
	[41]  = { "temporary failure", 503 },
	[42]  = { "switching equipment congestion", 503 },
	[43]  = { "access information discarded", 503 },
	[44]  = { "requested channel not available", 503 },
	[46]  = { "precedence call blocked", 503 },
	[47]  = { "resource unavailable", 503 },
	[49]  = { "quality of service unavailable", 503 },
	[50]  = { "requested facility not subscribed", 403 },
	[53]  = { "outgoing calls barred within the CUG", 403 },
	[55]  = { "incoming calls barred within the CUG", 403 },
	[57]  = { "bearer capability not authorized", 403 },
	[58]  = { "bearer capability not available", 488 },	/* RFC 3398: 503; but to us it is a matter of codecs, see 88 */
	[62]  = { "inconsistent access information", 503 },
	[63]  = { "service or option not available", 503 },
	[65]  = { "bearer service not implemented", 488 },
	[66]  = { "channel type not implemented", 488 },
	[68]  = { "accumulated call meter reached its limit", 403 },
	[69]  = { "requested facility not implemented", 501 },
	[70]  = { "only restricted digital information", 488 },
	[79]  = { "service or option not implemented", 488 },	/* RFC 3398: 501; to us it is a matter of codecs */
	[81]  = { "invalid call reference", 500 },
	[82]  = { "channel does not exist", 500 },
	[83]  = { "suspended call exists, not this identity", 500 },
	[84]  = { "call identity in use", 500 },
	[85]  = { "no call suspended", 500 },
	[86]  = { "call of this identity has been cleared", 500 },
	[87]  = { "user not member of the CUG", 403 },
	[88]  = { "incompatible destination", 488 },	/* RFC 3398: 503. No codec in common has to be recognisable */
	[90]  = { "non-existent CUG", 403 },
	[91]  = { "invalid transit network selection", 404 },
	[95]  = { "semantically incorrect message", 500 },
	[96]  = { "mandatory information element missing", 500 },
	[97]  = { "message type unknown", 500 },
	[98]  = { "message not compatible with the call state", 500 },
	[99]  = { "information element unknown", 500 },
	[100] = { "information element contents invalid", 500 },
	[101] = { "message not compatible with the protocol state", 500 },
	[102] = { "recovery on timer expiry", 504 },
	[103] = { "parameter unknown, passed on", 500 },
	[110] = { "message with unknown parameter discarded", 500 },
	[111] = { "protocol error, unspecified", 500 },
	[127] = { "interworking, unspecified", 500 },
};

/* What a value without a row means: Q.850 2.2.5, by its upper three bits. */
static const struct q850_row q850_class[8] = {
	[0] = { "(unassigned, normal event)", 480 },
	[1] = { "(unassigned, normal event)", 480 },
	[2] = { "(unassigned, resource unavailable)", 503 },
	[3] = { "(unassigned, service not available)", 503 },
	[4] = { "(unassigned, service not implemented)", 501 },
	[5] = { "(unassigned, invalid message)", 500 },
	[6] = { "(unassigned, protocol error)", 500 },
	[7] = { "(unassigned, interworking)", 500 },
};

#define SIP_MIN 300
#define SIP_MAX 699

static const uint8_t sip_causes[SIP_MAX - SIP_MIN + 1] = {
#define ROW(STATUS) [STATUS - SIP_MIN]
	ROW(301) = 22,	/* moved permanently: number changed */
	ROW(400) = 41,
	ROW(401) = 21,
	ROW(402) = 21,
	ROW(403) = 21,
	ROW(404) = 1,
	ROW(405) = 63,
	ROW(406) = 79,
	ROW(407) = 21,
	ROW(408) = 102,
	ROW(409) = 41,
	ROW(410) = 22,
	ROW(411) = 127,
	ROW(413) = 127,
	ROW(414) = 127,
	ROW(415) = 79,
	ROW(416) = 127,
	ROW(417) = 127,
	ROW(420) = 127,
	ROW(421) = 127,
	ROW(422) = 127,
	ROW(423) = 127,
	ROW(424) = 127,
	ROW(428) = 21,	/* identity wanted (RFC 8224) */
	ROW(429) = 127,
	ROW(433) = 24,	/* anonymity disallowed: TS 29.163 */
	ROW(436) = 127,
	ROW(437) = 127,
	ROW(438) = 127,
	ROW(440) = 25,
	ROW(470) = 21,
	ROW(480) = 18,
	ROW(481) = 41,
	ROW(482) = 25,
	ROW(483) = 25,
	ROW(484) = 28,
	ROW(485) = 1,
	ROW(486) = 17,
	ROW(487) = 16,	/* RFC 3398 has none: it answers our own CANCEL */
	ROW(488) = 88,	/* RFC 3398: by Warning, else 31. It is about media, whatever the Warning says */
	ROW(489) = 127,
	ROW(491) = 41,
	ROW(493) = 127,
	ROW(494) = 127,
	ROW(500) = 41,
	ROW(501) = 79,
	ROW(502) = 38,
	ROW(503) = 41,
	ROW(504) = 102,
	ROW(505) = 127,
	ROW(513) = 127,
	ROW(580) = 47,	/* precondition failure: TS 29.163 */
	ROW(600) = 17,
	ROW(603) = 21,
	ROW(604) = 1,
	ROW(606) = 88,	/* as 488 */
	ROW(607) = 21,	/* unwanted (RFC 8197) */
	ROW(608) = 21,	/* rejected by an intermediary (RFC 8688) */
#undef ROW
};

/* A status without a row is taken as the x00 of its class (RFC 3261 8.1.3.2), 6xx as a decline and not as busy. */
static const uint8_t sip_class[7] = {
	[3] = 23,
	[4] = 41,
	[5] = 41,
	[6] = 21,
};
/* clang-format on */

uint8_t cause_valid(int value)
{
	return value >= 1 && value <= 127 ? value : CAUSE_NORMAL_UNSPEC;
}

static const struct q850_row *row_of(uint8_t value)
{
	value = cause_valid(value);
	return q850[value].name ? &q850[value] : &q850_class[value >> 4];
}

const char *cause_name(uint8_t value)
{
	return row_of(value)->name;
}

uint16_t cause_to_sip(uint8_t value)
{
	return row_of(value)->sip;
}

uint8_t cause_from_sip(uint16_t status)
{
	if (status == 0)
		return CAUSE_NORMAL;
	if (status < SIP_MIN || status > SIP_MAX)
		return CAUSE_NORMAL_UNSPEC;
	return sip_causes[status - SIP_MIN] ?: sip_class[status / 100];
}

/* Drop a UTF-8 character at the end of \a str that was cut in two. */
static void trim_cut_utf8(char *str)
{
	size_t len = strlen(str), tail = 0;
	unsigned char lead;

	while (tail < len && tail < 3 && ((unsigned char)str[len - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail == len)
		return;
	lead = str[len - 1 - tail];
	if ((lead >= 0xf0 && tail < 3) || (lead >= 0xe0 && tail < 2) || (lead >= 0xc0 && tail < 1))
		str[len - 1 - tail] = '\0';
}

struct cause cause_make(uint8_t value, const char *fmt, ...)
{
	struct cause cause = CAUSE(cause_valid(value));
	char *p;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(cause.text, sizeof(cause.text), fmt, ap);
	va_end(ap);

	if (len >= (int)sizeof(cause.text))
		trim_cut_utf8(cause.text);
	for (p = cause.text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	}
	return cause;
}
