/* The guard in front of the parser: cuts a message head into lines and refuses what the parser must never see.
 *
 * libosip2 has no limits, takes quadratic time for long lists, and leaves nothing usable behind when it fails. So this
 * scan bounds everything first, decides about the first line by itself (RFC 3261 7.1, 7.2), and keeps the lines, so
 * that a request that cannot be parsed can still be answered (RFC 4475). One pass over the bytes, no allocation. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sip/sip_msg.h>

#include "sip_text.h"

#define MAX_SEMICOLONS 64 /* per logical line */
#define MAX_COMMAS     32
#define MAX_CONTROLS   4 /* per logical line: each is looked at from its beginning */

struct sip_limits sip_limits = { .max_datagram = 8192 };

static const struct {
	const char *name;
	char compact; /* RFC 3261 7.3.3 and the extensions' own */
	enum sip_hdr hdr;
} headers[] = {
	{ "via", 'v', SIP_HDR_VIA },
	{ "from", 'f', SIP_HDR_FROM },
	{ "to", 't', SIP_HDR_TO },
	{ "call-id", 'i', SIP_HDR_CALL_ID },
	{ "cseq", 0, SIP_HDR_CSEQ },
	{ "contact", 'm', SIP_HDR_CONTACT },
	{ "record-route", 0, SIP_HDR_RECORD_ROUTE },
	{ "route", 0, SIP_HDR_ROUTE },
	{ "max-forwards", 0, SIP_HDR_MAX_FORWARDS },
	{ "content-length", 'l', SIP_HDR_CONTENT_LENGTH },
	{ "content-type", 'c', SIP_HDR_CONTENT_TYPE },
	{ "supported", 'k', SIP_HDR_OTHER },
	{ "subject", 's', SIP_HDR_OTHER },
	{ "content-encoding", 'e', SIP_HDR_OTHER },
	{ "event", 'o', SIP_HDR_OTHER },
	{ "allow-events", 'u', SIP_HDR_OTHER },
	{ "refer-to", 'r', SIP_HDR_OTHER },
	{ "referred-by", 'b', SIP_HDR_OTHER },
	{ "session-expires", 'x', SIP_HDR_OTHER },
	{ "accept-contact", 'a', SIP_HDR_OTHER },
	{ "request-disposition", 'd', SIP_HDR_OTHER },
	{ "reject-contact", 'j', SIP_HDR_OTHER },
	{ "identity", 'y', SIP_HDR_OTHER },
};

/* The full name, in lower case, of a compact header name; NULL if there is no such. */
const char *sip_hdr_long_name(char compact)
{
	unsigned int i;

	compact = tolower((unsigned char)compact);
	for (i = 0; i < ARRAY_SIZE(headers); i++) {
		if (headers[i].compact == compact && compact)
			return headers[i].name;
	}
	return NULL;
}

static enum sip_hdr hdr_by_name(const char *name, size_t len)
{
	char first = tolower((unsigned char)name[0]);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(headers); i++) {
		if (len == 1 && headers[i].compact == first)
			return headers[i].hdr;
		if (headers[i].name[0] == first && !strncasecmp(headers[i].name, name, len) && !headers[i].name[len])
			return headers[i].hdr;
	}
	return SIP_HDR_OTHER;
}

static void complain(struct sip_scan *scan, uint16_t status, const char *why)
{
	if (scan->reject_status)
		return;
	scan->reject_status = status;
	scan->why = why;
}

/* RFC 3261 25.1 */
static const bool token_char[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true, ['.'] = true,
	['!'] = true,	      ['%'] = true,	    ['*'] = true,	  ['_'] = true, ['+'] = true,
	['`'] = true,	      ['\''] = true,	    ['~'] = true,
};

static bool is_token(struct sip_str str)
{
	size_t i;

	for (i = 0; i < str.len; i++) {
		if (!token_char[(uint8_t)str.s[i]])
			return false;
	}
	return str.len > 0;
}

/* Control characters but tabs are legal in one place only: behind a backslash within a quoted string (RFC 3261 25.1
 * quoted-pair). Elsewhere they are somebody's try to write on the operator's terminal. */
static bool is_quoted_pair(const char *line, const char *control)
{
	bool quoted = false, escaped = false;
	const char *p;

	for (p = line; p < control; p++) {
		if (escaped)
			escaped = false;
		else if (*p == '\\' && quoted)
			escaped = true;
		else if (*p == '"')
			quoted = !quoted;
	}
	return quoted && escaped;
}

/* Bytes that are worth a second look; all others are skipped. */
static const bool special[256] = {
	[0 ... '\t' - 1] = true, ['\n' ... ' ' - 1] = true, [0x7f] = true, [';'] = true, [','] = true
};

/* The end of the logical line that begins at p: behind its last LF, continuation lines included. *text_end is where its
 * text ends. NULL if there is no line end any more. */
static const char *line_end(struct sip_scan *scan, const char *p, const char *end, const char **text_end)
{
	unsigned int semicolons = 0, commas = 0, controls = 0;
	const char *line = p;

	for (; p < end; p++) {
		if (!special[(uint8_t)*p])
			continue;
		switch (*p) {
		case ';':
			if (++semicolons > MAX_SEMICOLONS)
				complain(scan, 400, "Too many parameters in one header");
			break;
		case ',':
			if (++commas > MAX_COMMAS)
				complain(scan, 400, "Too many values in one header");
			break;
		default:
			if (++controls > MAX_CONTROLS || !is_quoted_pair(line, p))
				complain(scan, 400, "Control character in a header");
			break;
		case '\r':
			if (p + 1 >= end || p[1] != '\n')
				complain(scan, 400, "Stray CR in a header");
			break;
		case '\n':
			/* the first line and the blank line are never continued */
			*text_end = p > line && p[-1] == '\r' ? p - 1 : p;
			if (line == scan->first.s || *text_end == line || p + 1 >= end || (p[1] != ' ' && p[1] != '\t'))
				return p + 1;
			break;
		}
	}
	return NULL;
}

static void scan_line(struct sip_scan *scan, const char *p, const char *end)
{
	const char *colon = memchr(p, ':', end - p);
	struct sip_line *line;
	struct sip_str name, value;

	if (scan->n_lines >= SIP_MAX_LINES) {
		complain(scan, 400, "Too many headers");
		return;
	}
	if (!colon) {
		complain(scan, 400, "Header without a colon");
		return;
	}
	name = sip_str_trim((struct sip_str){ p, colon - p });
	value = sip_str_trim((struct sip_str){ colon + 1, end - colon - 1 });
	if (name.s != p || !is_token(name) || name.len > UINT16_MAX || value.len > UINT16_MAX) {
		complain(scan, 400, "Malformed header name");
		return;
	}
	line = &scan->line[scan->n_lines++];
	*line = (struct sip_line){
		.name = name.s,
		.name_len = name.len,
		.value = value.s,
		.value_len = value.len,
		.hdr = hdr_by_name(name.s, name.len),
	};
	scan->count[line->hdr]++;
}

/*! Cut a message head into its lines; what is wrong with them is remembered as scan->reject_status and scan->why. The
 * lines point into \a buf. Does not look into the first line. */
void sip_scan_head(struct sip_scan *scan, const char *buf, size_t len)
{
	const char *p = buf, *end = buf + len, *next, *text_end;

	/* the table of lines is filled as far as n_lines says */
	memset(scan, 0, offsetof(struct sip_scan, line));
	scan->first.s = buf;
	for (; (next = line_end(scan, p, end, &text_end)); p = next) {
		if (p == buf) {
			scan->first.len = text_end - p;
		} else if (text_end == p) {
			scan->head_len = next - buf;
			return;
		} else {
			scan_line(scan, p, text_end);
		}
		if (scan->n_lines >= SIP_MAX_LINES && scan->reject_status)
			return;
	}
	complain(scan, 400, "No blank line behind the headers");
}

/*! The first line of that header, or NULL. */
const struct sip_line *sip_scan_find(const struct sip_scan *scan, enum sip_hdr hdr)
{
	unsigned int i;

	for (i = 0; scan->count[hdr] && i < scan->n_lines; i++) {
		if (scan->line[i].hdr == hdr)
			return &scan->line[i];
	}
	return NULL;
}

/* "SIP/2.0" is compared without case (RFC 3261 7.1). */
static bool is_version(struct sip_str v)
{
	size_t i;

	if (v.len < 7 || strncasecmp(v.s, "SIP/", 4))
		return false;
	for (i = 4; i < v.len; i++) {
		if (!isdigit((unsigned char)v.s[i]) && v.s[i] != '.')
			return false;
	}
	return isdigit((unsigned char)v.s[4]);
}

static bool is_version_2_0(struct sip_str v)
{
	return v.len == 7 && !strncasecmp(v.s, "SIP/2.0", 7);
}

/* Status-Line = SIP-Version SP Status-Code SP Reason-Phrase. Responses are never answered: all or nothing. */
static bool scan_status_line(struct sip_scan *scan)
{
	const char *p = scan->first.s;
	unsigned int i, status = 0;

	if (scan->first.len < 12 || p[7] != ' ' || p[11] != ' ' || !is_version_2_0((struct sip_str){ p, 7 }))
		return false;
	for (i = 8; i < 11; i++) {
		if (!isdigit((unsigned char)p[i]))
			return false;
		status = status * 10 + p[i] - '0';
	}
	if (status < 100 || status > 699)
		return false;
	scan->version = (struct sip_str){ p, 7 };
	scan->status = status;
	scan->phrase = (struct sip_str){ p + 12, scan->first.len - 12 };
	return true;
}

/* Request-Line = Method SP Request-URI SP SIP-Version. False: this is no SIP at all. */
static bool scan_request_line(struct sip_scan *scan)
{
	struct sip_str line = sip_str_trim(scan->first), uri;
	const char *method_end = memchr(line.s, ' ', line.len);
	const char *version = line.s + line.len - 1;

	if (!method_end)
		return false;
	while (*version != ' ')
		version--;
	scan->method = (struct sip_str){ line.s, method_end - line.s };
	scan->version = (struct sip_str){ version + 1, line.s + line.len - version - 1 };
	if (!is_token(scan->method) || !is_version(scan->version) || version == method_end)
		return false;
	scan->is_request = true;
	uri = (struct sip_str){ method_end + 1, version - method_end - 1 };
	scan->uri = uri;
	if (!is_version_2_0(scan->version))
		complain(scan, 505, "Version Not Supported");
	if (line.len != scan->first.len)
		complain(scan, 400, "White space around the request line");
	if (!uri.len || memchr(uri.s, ' ', uri.len) || memchr(uri.s, '\t', uri.len))
		complain(scan, 400, "White space in the request line");
	if (uri.len && uri.s[0] == '<')
		complain(scan, 400, "Request-URI in angle brackets");
	return true;
}

/* Whether the Request-URI has a scheme we could deal with: told before the parser dislikes an unknown one. */
static void check_scheme(struct sip_scan *scan)
{
	const char *colon = memchr(scan->uri.s, ':', scan->uri.len);
	struct sip_str scheme;

	if (!colon) {
		complain(scan, 400, "Malformed Request-URI");
		return;
	}
	scheme = (struct sip_str){ scan->uri.s, colon - scan->uri.s };
	if (!sip_str_is(scheme, "sip") && !sip_str_is(scheme, "sips") && !sip_str_is(scheme, "tel") &&
	    !sip_str_is(scheme, "urn"))
		complain(scan, 416, "Unsupported URI Scheme");
}

static const enum sip_hdr exactly_one[] = { SIP_HDR_FROM, SIP_HDR_TO, SIP_HDR_CALL_ID, SIP_HDR_CSEQ };
static const enum sip_hdr at_most_one[] = { SIP_HDR_MAX_FORWARDS, SIP_HDR_CONTENT_LENGTH, SIP_HDR_CONTENT_TYPE };

static void check_counts(struct sip_scan *scan)
{
	unsigned int i;

	if (!scan->count[SIP_HDR_VIA])
		complain(scan, 400, "Missing Via");
	for (i = 0; i < ARRAY_SIZE(exactly_one); i++) {
		if (scan->count[exactly_one[i]] != 1)
			complain(scan, 400, "From, To, Call-ID or CSeq missing or given twice");
	}
	for (i = 0; i < ARRAY_SIZE(at_most_one); i++) {
		if (scan->count[at_most_one[i]] > 1)
			complain(scan, 400, "A header that may be there once is there twice");
	}
}

/*! Look at a message before any parser does. On SIP_PARSE_OK its lines are in \a scan, and empty lines in front (RFC
 * 3261 7.5) are cut off \a buf. On SIP_PARSE_REJECT scan->reject_status and scan->why say what to answer. */
enum sip_parse_result sip_guard(struct sip_scan *scan, const char **buf, size_t *len)
{
	while (*len && (**buf == '\r' || **buf == '\n')) {
		(*buf)++;
		(*len)--;
	}
	if (!*len)
		return SIP_PARSE_KEEPALIVE;
	/* the rest of a giant is not read */
	sip_scan_head(scan, *buf, OSMO_MIN(*len, sip_limits.max_datagram));
	if (!strncasecmp(scan->first.s, "SIP/", OSMO_MIN(scan->first.len, 4)) && scan->first.len) {
		if (!scan_status_line(scan) || *len > sip_limits.max_datagram)
			return SIP_PARSE_DROP;
	} else if (!scan_request_line(scan)) {
		return SIP_PARSE_DROP;
	}
	if (*len > sip_limits.max_datagram) {
		scan->reject_status = 513;
		scan->why = "Message Too Large";
	}
	if (scan->is_request)
		check_scheme(scan);
	check_counts(scan);
	if (!scan->reject_status)
		return SIP_PARSE_OK;
	return scan->is_request ? SIP_PARSE_REJECT : SIP_PARSE_DROP;
}

static bool has_tag(struct sip_str to)
{
	size_t i;

	for (i = 0; i + 4 < to.len; i++) {
		if (to.s[i] == ';' && sip_str_is(sip_str_trim((struct sip_str){ to.s + i + 1, 3 }), "tag"))
			return true;
	}
	return false;
}

static size_t copy_line(char *out, const char *name, const struct sip_line *line)
{
	char *p = out, tag[9];
	unsigned int i;

	p = stpcpy(p, name);
	p = stpcpy(p, ": ");
	for (i = 0; i < line->value_len; i++)
		*p++ = (unsigned char)line->value[i] < ' ' || line->value[i] == 0x7f ? ' ' : line->value[i];
	if (line->hdr == SIP_HDR_TO && !has_tag((struct sip_str){ line->value, line->value_len })) {
		p = stpcpy(p, ";tag=");
		p = stpcpy(p, token_hex(tag, 8));
	}
	p = stpcpy(p, "\r\n");
	return p - out;
}

static const char *const echoed[_SIP_HDR_COUNT] = {
	[SIP_HDR_VIA] = "Via",	       [SIP_HDR_FROM] = "From", [SIP_HDR_TO] = "To",
	[SIP_HDR_CALL_ID] = "Call-ID", [SIP_HDR_CSEQ] = "CSeq",
};

/*! What a response to a request repeats of it, of one that no parser accepts. NULL if it cannot be answered: an ACK, or
 * no Via or CSeq. talloc child of \a ctx. */
char *sip_guard_response_head(void *ctx, const struct sip_scan *scan)
{
	size_t size = 1, len = 0;
	unsigned int i;
	char *head;

	if (!scan->is_request || sip_str_is(scan->method, "ack") || !scan->count[SIP_HDR_VIA] ||
	    !scan->count[SIP_HDR_CSEQ])
		return NULL;
	for (i = 0; i < scan->n_lines; i++)
		size += scan->line[i].value_len + strlen("Call-ID: \r\n;tag=12345678");
	head = talloc_size(ctx, size);
	if (!head)
		return NULL;
	for (i = 0; i < scan->n_lines; i++) {
		const struct sip_line *line = &scan->line[i];
		/* of headers that must be there once, only the first: two From would make the response as bad as the
		 * request */
		if (echoed[line->hdr] && (line->hdr == SIP_HDR_VIA || line == sip_scan_find(scan, line->hdr)))
			len += copy_line(head + len, echoed[line->hdr], line);
	}
	head[len] = '\0';
	return head;
}
