/* Writing SIP messages, as text into a buffer, front to back.
 *
 * Nothing is built first and printed then: that costs three times as much. Whatever a value holds, it cannot end its
 * line: control characters become spaces. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/socket.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_msg.h>

#include "sip_text.h"

static const struct value_string phrases[] = { { 100, "Trying" },
					       { 180, "Ringing" },
					       { 181, "Call Is Being Forwarded" },
					       { 182, "Queued" },
					       { 183, "Session Progress" },
					       { 199, "Early Dialog Terminated" },
					       { 200, "OK" },
					       { 202, "Accepted" },
					       { 204, "No Notification" },
					       { 300, "Multiple Choices" },
					       { 301, "Moved Permanently" },
					       { 302, "Moved Temporarily" },
					       { 305, "Use Proxy" },
					       { 380, "Alternative Service" },
					       { 400, "Bad Request" },
					       { 401, "Unauthorized" },
					       { 402, "Payment Required" },
					       { 403, "Forbidden" },
					       { 404, "Not Found" },
					       { 405, "Method Not Allowed" },
					       { 406, "Not Acceptable" },
					       { 407, "Proxy Authentication Required" },
					       { 408, "Request Timeout" },
					       { 410, "Gone" },
					       { 412, "Conditional Request Failed" },
					       { 413, "Request Entity Too Large" },
					       { 414, "Request-URI Too Long" },
					       { 415, "Unsupported Media Type" },
					       { 416, "Unsupported URI Scheme" },
					       { 417, "Unknown Resource-Priority" },
					       { 420, "Bad Extension" },
					       { 421, "Extension Required" },
					       { 422, "Session Interval Too Small" },
					       { 423, "Interval Too Brief" },
					       { 433, "Anonymity Disallowed" },
					       { 436, "Bad Identity-Info" },
					       { 437, "Unsupported Certificate" },
					       { 438, "Invalid Identity Header" },
					       { 439, "First Hop Lacks Outbound Support" },
					       { 440, "Max-Breadth Exceeded" },
					       { 469, "Bad Info Package" },
					       { 470, "Consent Needed" },
					       { 480, "Temporarily Unavailable" },
					       { 481, "Call/Transaction Does Not Exist" },
					       { 482, "Loop Detected" },
					       { 483, "Too Many Hops" },
					       { 484, "Address Incomplete" },
					       { 485, "Ambiguous" },
					       { 486, "Busy Here" },
					       { 487, "Request Terminated" },
					       { 488, "Not Acceptable Here" },
					       { 489, "Bad Event" },
					       { 491, "Request Pending" },
					       { 493, "Undecipherable" },
					       { 494, "Security Agreement Required" },
					       { 500, "Server Internal Error" },
					       { 501, "Not Implemented" },
					       { 502, "Bad Gateway" },
					       { 503, "Service Unavailable" },
					       { 504, "Server Time-out" },
					       { 505, "Version Not Supported" },
					       { 513, "Message Too Large" },
					       { 555, "Push Notification Service Not Supported" },
					       { 580, "Precondition Failure" },
					       { 600, "Busy Everywhere" },
					       { 603, "Decline" },
					       { 604, "Does Not Exist Anywhere" },
					       { 606, "Not Acceptable" },
					       { 607, "Unwanted" },
					       { 608, "Rejected" },
					       {} };

/*! The usual phrase of a status, by its class if it has none of its own. */
const char *sip_status_phrase(uint16_t status)
{
	static const char *const by_class[] = { "Unknown",	 "Trying",	    "OK",
						"Redirection",	 "Request Failure", "Server Failure",
						"Global Failure" };
	const struct value_string *vs;

	for (vs = phrases; vs->str; vs++) {
		if (vs->value == status)
			return vs->str;
	}
	return by_class[status / 100 < ARRAY_SIZE(by_class) ? status / 100 : 0];
}

/*! Write into \a buf of \a size bytes, borrowed until sip_write_end(). */
void sip_writer_init(struct sip_writer *w, char *buf, size_t size)
{
	*w = (struct sip_writer){ .buf = buf, .size = size };
}

void sip_write_bytes(struct sip_writer *w, const void *data, size_t len)
{
	if (len > w->size - w->len) {
		w->overflow = true;
		return;
	}
	memcpy(w->buf + w->len, data, len);
	w->len += len;
}

void sip_write_str(struct sip_writer *w, struct sip_str str)
{
	sip_write_bytes(w, str.s, str.len);
}

static void write_text(struct sip_writer *w, const char *text)
{
	sip_write_bytes(w, text, strlen(text));
}

/* Whatever came into the text from outside: it stays on its line. */
static void tame(char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = ' ';
	}
}

static void write_tame(struct sip_writer *w, const char *text)
{
	size_t from = w->len;

	write_text(w, text);
	tame(w->buf + from, w->len - from);
}

void sip_write_request_line(struct sip_writer *w, const char *method, const char *uri)
{
	write_tame(w, method);
	write_text(w, " ");
	write_tame(w, uri);
	write_text(w, " SIP/2.0\r\n");
}

void sip_write_status_line(struct sip_writer *w, uint16_t status, const char *phrase)
{
	char num[] = "SIP/2.0 000 ";

	num[8] += status / 100 % 10;
	num[9] += status / 10 % 10;
	num[10] += status % 10;
	write_text(w, num);
	write_tame(w, phrase ? phrase : sip_status_phrase(status));
	write_text(w, "\r\n");
}

void sip_write_header_str(struct sip_writer *w, const char *name, const char *value)
{
	write_text(w, name);
	write_text(w, ": ");
	write_tame(w, value);
	write_text(w, "\r\n");
}

void sip_write_header(struct sip_writer *w, const char *name, const char *fmt, ...)
{
	size_t room;
	va_list ap;
	int len;

	write_text(w, name);
	write_text(w, ": ");
	room = w->size - w->len;
	va_start(ap, fmt);
	len = vsnprintf(w->buf + w->len, room, fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= room) {
		w->overflow = true;
		return;
	}
	tame(w->buf + w->len, len);
	w->len += len;
	write_text(w, "\r\n");
}

int sip_write_end(struct sip_writer *w, const char *content_type, const void *body, size_t body_len)
{
	if (!body)
		body_len = 0;
	if (body_len && content_type)
		sip_write_header_str(w, "Content-Type", content_type);
	if (body_len)
		sip_write_header(w, "Content-Length", "%zu", body_len);
	else
		write_text(w, "Content-Length: 0\r\n");
	write_text(w, "\r\n");
	if (body_len)
		sip_write_bytes(w, body, body_len);
	return w->overflow ? -EMSGSIZE : (int)w->len;
}

static void write_line(struct sip_writer *w, const char *name, const struct sip_line *line)
{
	write_text(w, name);
	write_text(w, ": ");
	sip_write_bytes(w, line->value, line->value_len);
	write_text(w, "\r\n");
}

/* Does the sent-by of the top Via name another host than the one it came from (RFC 3261 18.2.1)? */
static bool sent_by_differs(const struct sip_msg *req, const char *source_ip)
{
	struct in6_addr a, b;

	if (!strcmp(req->via.host, source_ip))
		return false;
	return inet_pton(AF_INET6, req->via.host, &a) != 1 || inet_pton(AF_INET6, source_ip, &b) != 1 ||
	       memcmp(&a, &b, sizeof(a));
}

/* The top Via as it came, but received and rport are ours to say, whatever the client put there (RFC 3261 18.2.1, RFC
 * 3581 4). */
static void write_top_via(struct sip_writer *w, const struct sip_msg *req, const struct sip_line *line)
{
	struct sip_str list = { line->value, line->value_len }, first, name, value;
	char ip[INET6_ADDRSTRLEN] = "";
	const char *semi;

	sip_list_next(&list, &first);
	semi = memchr(first.s, ';', first.len);
	write_text(w, "Via: ");
	sip_write_bytes(w, first.s, semi ? (size_t)(semi - first.s) : first.len);
	if (semi) {
		struct sip_str params = { semi, first.s + first.len - semi };
		while (sip_param_next(&params, &name, &value) > 0) {
			if (!name.len || sip_str_is(name, "received") || sip_str_is(name, "rport"))
				continue;
			write_text(w, ";");
			sip_write_str(w, name);
			if (value.s) {
				write_text(w, "=");
				sip_write_str(w, value);
			}
		}
	}
	osmo_sockaddr_ntop(&req->source.u.sa, ip);
	if (req->via.rport || sent_by_differs(req, ip)) {
		write_text(w, ";received=");
		write_text(w, ip);
	}
	if (req->via.rport) {
		char port[16];
		snprintf(port, sizeof(port), ";rport=%u", osmo_sockaddr_port(&req->source.u.sa));
		write_text(w, port);
	}
	if (list.len) {
		write_text(w, ", ");
		sip_write_str(w, sip_str_trim(list));
	}
	write_text(w, "\r\n");
}

static void write_to(struct sip_writer *w, const struct sip_msg *req, const struct sip_line *line, const char *to_tag)
{
	size_t len = line->value_len;

	/* some end with an empty parameter; another one behind it would not be parsed by all */
	while (len && (line->value[len - 1] == ';' || line->value[len - 1] == ' '))
		len--;
	write_text(w, "To: ");
	sip_write_bytes(w, line->value, len);
	if (to_tag && !req->to.tag[0]) {
		write_text(w, ";tag=");
		write_text(w, to_tag);
	}
	write_text(w, "\r\n");
}

void sip_write_response_head(struct sip_writer *w, const struct sip_msg *req, uint16_t status, const char *phrase,
			     const char *to_tag, bool with_rr)
{
	bool top = true;
	unsigned int i;

	sip_write_status_line(w, status, phrase);
	for (i = 0; i < req->scan->n_lines; i++) {
		const struct sip_line *line = &req->scan->line[i];
		switch (line->hdr) {
		case SIP_HDR_VIA:
			if (top && req->has_source)
				write_top_via(w, req, line);
			else
				write_line(w, "Via", line);
			top = false;
			break;
		case SIP_HDR_FROM:
			write_line(w, "From", line);
			break;
		case SIP_HDR_TO:
			write_to(w, req, line, to_tag);
			break;
		case SIP_HDR_CALL_ID:
			write_line(w, "Call-ID", line);
			break;
		case SIP_HDR_CSEQ:
			write_line(w, "CSeq", line);
			break;
		case SIP_HDR_RECORD_ROUTE:
			if (with_rr)
				write_line(w, "Record-Route", line);
			break;
		}
	}
}

int sip_reject_write(char *buf, size_t len, const struct sip_reject *reject)
{
	struct sip_writer w;

	sip_writer_init(&w, buf, len);
	sip_write_status_line(&w, reject->status, reject->why);
	write_text(&w, reject->response_head);
	return sip_write_end(&w, NULL, NULL, 0);
}

char *sip_quote_display(char *buf, size_t len, const char *name)
{
	char *p = buf, *end = buf + len;

	if (len)
		*p = '\0';
	if (!name[0] || len < 4)
		return buf;
	*p++ = '"';
	/* room for an escaped character, the closing quote and the NUL */
	for (; *name && p + 4 <= end; name++) {
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			continue;
		if (*name == '"' || *name == '\\')
			*p++ = '\\';
		*p++ = *name;
	}
	*p++ = '"';
	*p = '\0';
	return buf;
}

int sip_escape_user(char *buf, size_t len, const char *user)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *user; user++) {
		unsigned char c = *user;
		/* RFC 3261 25.1: unreserved and user-unreserved */
		bool plain = isalnum(c) || strchr("-_.!~*'()&=+$,;?/", c);
		if (n + (plain ? 1 : 3) >= len)
			return -EMSGSIZE;
		if (plain) {
			buf[n++] = c;
		} else {
			buf[n++] = '%';
			buf[n++] = hex[c >> 4];
			buf[n++] = hex[c & 15];
		}
	}
	if (n >= len)
		return -EMSGSIZE;
	buf[n] = '\0';
	return n;
}
