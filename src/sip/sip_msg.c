/* SIP messages: bytes to a checked struct, and access to it.
 *
 * The guard cuts the head into lines, libosip2 parses the headers whose structure counts (first line, Via, From, To,
 * Call-ID, CSeq, Contact), and the checks refuse what RFC 3261 does not allow but the parser does (RFC 4475). All other
 * headers are text for whoever asks for them, and bodies are bytes: the parser never sees either, so their cost and its
 * bugs do not concern us. Each message is one memory block that its strings and the parser's structures are laid into.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>

#include <osmocom/core/logging.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/sip/sip_msg.h>

#include "sip_text.h"

const struct value_string sip_method_names[] = {
	{ SIP_METHOD_UNKNOWN, "?" },
	{ SIP_INVITE, "INVITE" },
	{ SIP_ACK, "ACK" },
	{ SIP_CANCEL, "CANCEL" },
	{ SIP_BYE, "BYE" },
	{ SIP_OPTIONS, "OPTIONS" },
	{ SIP_INFO, "INFO" },
	{ SIP_PRACK, "PRACK" },
	{ SIP_UPDATE, "UPDATE" },
	{ SIP_REGISTER, "REGISTER" },
	{ SIP_REFER, "REFER" },
	{ SIP_NOTIFY, "NOTIFY" },
	{ SIP_SUBSCRIBE, "SUBSCRIBE" },
	{ SIP_MESSAGE, "MESSAGE" },
	{ SIP_PUBLISH, "PUBLISH" },
	{},
};

/*! The method of that name; names are compared with case (RFC 3261 7.1). */
enum sip_method sip_method_by_name(const char *name, size_t len)
{
	const struct value_string *vs;

	for (vs = sip_method_names; vs->str; vs++) {
		if (strlen(vs->str) == len && !memcmp(vs->str, name, len))
			return vs->value;
	}
	return SIP_METHOD_UNKNOWN;
}

static void osip_trace_cb(const char *file, int line, osip_trace_level_t level, const char *fmt, va_list ap)
{
	char text[256];

	if (!log_check_level(DSIPTRX, LOGL_DEBUG))
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\r\n")] = '\0';
	LOGP(DSIPTRX, LOGL_DEBUG, "libosip2: %s\n", text);
}

/*! Prepare the parser. Once per process, before any message. */
void sip_msg_init(void)
{
	static bool done;
	static struct sip_arena forever;

	if (done)
		return;
	done = true;
	sip_arena_install();
	/* without this it prints to standard output */
	osip_trace_initialize_func(OSIP_ERROR, osip_trace_cb);
	sip_arena_lend(&forever);
	parser_init();
	sip_arena_lend(NULL);
}

/* ---- parsing ---- */

/* The readers below fill the struct; they return what is wrong with a message (400), or NULL. */

static void move(struct sip_str *str, ptrdiff_t offset)
{
	if (str->s)
		str->s += offset;
}

/* The scan of the received bytes, moved to a copy of ours whose values are unfolded C strings. */
static struct sip_scan *keep_scan(struct sip_arena *arena, const struct sip_scan *scan)
{
	size_t size = offsetof(struct sip_scan, line) + scan->n_lines * sizeof(scan->line[0]);
	struct sip_scan *kept;
	ptrdiff_t offset;
	unsigned int i, j;
	char *head;

	arena->pos += -(uintptr_t)arena->pos & 15;
	kept = sip_arena_alloc(arena, size);
	head = sip_arena_strndup(arena, scan->first.s, scan->head_len);
	memcpy(kept, scan, size);
	offset = head - scan->first.s;
	kept->first.s = head;
	move(&kept->method, offset);
	move(&kept->uri, offset);
	move(&kept->phrase, offset);
	for (i = 0; i < kept->n_lines; i++) {
		struct sip_line *line = &kept->line[i];
		char *value = (char *)line->value + offset;

		line->name += offset;
		line->value = value;
		for (j = 0; j < line->value_len; j++) {
			if (value[j] == '\r' || value[j] == '\n' || value[j] == '\t')
				value[j] = ' ';
			else if ((unsigned char)value[j] < ' ' || value[j] == 0x7f)
				value[j] = '?'; /* the guard left it in a quoted string only */
		}
		value[line->value_len] = '\0';
	}
	return kept;
}

/* Headers that the parser sees, the first line of each. Lists are what it is slow at, and there are enough of them in
 * what we do not need; further Vias go back as they came, Record-Route is taken apart when asked for. */
static const char *const parsed[_SIP_HDR_COUNT] = {
	[SIP_HDR_VIA] = "Via",	       [SIP_HDR_FROM] = "From", [SIP_HDR_TO] = "To",
	[SIP_HDR_CALL_ID] = "Call-ID", [SIP_HDR_CSEQ] = "CSeq", [SIP_HDR_CONTACT] = "Contact",
};

static osip_message_t *parse_by_osip(struct sip_arena *arena, const struct sip_scan *scan)
{
	osip_message_t *osip = NULL;
	struct sip_writer w;
	const struct sip_line *line;
	unsigned int i;
	char *head;
	size_t size = scan->head_len + _SIP_HDR_COUNT * strlen("Call-ID: \r\n");

	head = sip_arena_alloc(arena, size);
	if (!head)
		return NULL;
	sip_writer_init(&w, head, size);
	if (scan->is_request) {
		sip_write_str(&w, scan->method);
		sip_write_bytes(&w, " ", 1);
		sip_write_str(&w, scan->uri);
		sip_write_bytes(&w, " SIP/2.0\r\n", strlen(" SIP/2.0\r\n"));
	} else {
		sip_write_status_line(&w, scan->status, "-");
	}
	for (i = 0; i < _SIP_HDR_COUNT; i++) {
		line = parsed[i] ? sip_scan_find(scan, i) : NULL;
		if (line)
			sip_write_header_str(&w, parsed[i], line->value);
	}
	sip_write_bytes(&w, "\r\n", 2);

	sip_arena_lend(arena);
	if (w.overflow || osip_message_init(&osip) || osip_message_parse(osip, head, w.len))
		osip = NULL;
	sip_arena_lend(NULL);
	return osip;
}

static const char *read_cseq(struct sip_msg *m, struct sip_arena *arena)
{
	struct sip_str v = sip_line_str(sip_scan_find(m->scan, SIP_HDR_CSEQ)), num = v, method;

	for (num.len = 0; num.len < v.len && isdigit((unsigned char)v.s[num.len]); num.len++)
		;
	method = sip_str_trim((struct sip_str){ v.s + num.len, v.len - num.len });
	/* below 2^31, so that it can be counted up (RFC 3261 8.1.1.5) */
	if (!sip_parse_u32(num, INT32_MAX, &m->cseq) || !method.len || method.s == num.s + num.len)
		return "Malformed CSeq";
	if (!m->is_request) {
		m->method = sip_method_by_name(method.s, method.len);
		m->method_name = sip_arena_strndup(arena, method.s, method.len);
		return NULL;
	}
	if (method.len != m->scan->method.len || memcmp(method.s, m->scan->method.s, method.len))
		return "CSeq does not match the method";
	return NULL;
}

static const char *read_max_forwards(struct sip_msg *m, struct sip_arena *arena)
{
	const struct sip_line *line = sip_scan_find(m->scan, SIP_HDR_MAX_FORWARDS);
	uint32_t v;

	m->max_forwards = -1; /* peers of RFC 2543 do not send it */
	if (!line)
		return NULL;
	if (!sip_parse_u32(sip_line_str(line), 255, &v))
		return "Malformed Max-Forwards";
	m->max_forwards = v;
	return NULL;
}

static const char *read_call_id(struct sip_msg *m, struct sip_arena *arena)
{
	m->call_id = sip_scan_find(m->scan, SIP_HDR_CALL_ID)->value;
	if (!m->call_id[0] || strchr(m->call_id, ' '))
		return "Malformed Call-ID";
	return NULL;
}

static const char *read_from_to(struct sip_msg *m, struct sip_arena *arena)
{
	if (sip_name_addr_parse(arena, &m->from, sip_line_str(sip_scan_find(m->scan, SIP_HDR_FROM))))
		return "Malformed From";
	if (sip_name_addr_parse(arena, &m->to, sip_line_str(sip_scan_find(m->scan, SIP_HDR_TO))))
		return "Malformed To";
	return NULL;
}

static const char *read_contact(struct sip_msg *m, struct sip_arena *arena)
{
	struct sip_str list = sip_line_str(sip_scan_find(m->scan, SIP_HDR_CONTACT)), first;

	if (!sip_list_next(&list, &first) || sip_str_is(first, "*"))
		return NULL;
	if (sip_name_addr_parse(arena, &m->contact, first))
		return "Malformed Contact";
	m->has_contact = true;
	return NULL;
}

static const char *read_ruri(struct sip_msg *m, struct sip_arena *arena)
{
	const char *at, *p;

	if (!m->is_request)
		return NULL;
	if (sip_uri_take_apart(arena, &m->ruri, m->scan->uri))
		return "Malformed Request-URI";
	/* headers are for links in web pages; in a request they would smuggle some in (RFC 4475 3.1.2.11) */
	at = strchr(m->ruri.text, '@');
	p = strchr(at ? at : m->ruri.text, '?');
	return p ? "Headers in the Request-URI" : NULL;
}

static const char *read_via_params(struct sip_msg *m, struct sip_arena *arena, struct sip_str params)
{
	struct sip_via *via = &m->via;
	struct sip_str name, value;
	int rc;

	via->branch = via->received = "";
	while ((rc = sip_param_next(&params, &name, &value)) > 0) {
		if (sip_str_is(name, "branch"))
			via->branch = sip_arena_strndup(arena, value.s ? value.s : "", value.len);
		else if (sip_str_is(name, "received"))
			via->received = sip_arena_strndup(arena, value.s ? value.s : "", value.len);
		else if (sip_str_is(name, "rport"))
			via->rport = true;
	}
	/* the cookie tells a branch that is unique by itself (RFC 3261 17.2.3), so something has to follow it */
	via->has_cookie = !strncmp(via->branch, "z9hG4bK", 7) && via->branch[7];
	return rc || strpbrk(via->branch, "\" ") ? "Malformed Via" : NULL;
}

/* "SIP / 2.0 / UDP host:port" */
static const char *read_sent_by(struct sip_msg *m, struct sip_arena *arena, struct sip_str str)
{
	static const char *const protocol[] = { "sip", "2.0" };
	struct sip_str host;
	const char *end;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(protocol); i++) {
		end = memchr(str.s, '/', str.len);
		if (!end || !sip_str_is(sip_str_trim((struct sip_str){ str.s, end - str.s }), protocol[i]))
			return "Malformed Via";
		str = sip_str_trim((struct sip_str){ end + 1, str.s + str.len - end - 1 });
	}
	end = memchr(str.s, ' ', str.len);
	if (!end)
		return "Malformed Via";
	m->via.transport = sip_arena_strndup(arena, str.s, end - str.s);
	if (sip_hostport_parse(sip_str_trim((struct sip_str){ end, str.s + str.len - end }), &host, &m->via.port))
		return "Malformed Via";
	m->via.host = sip_arena_strndup(arena, host.s, host.len);
	return NULL;
}

/* The first one is read by ourselves, as it is what responses are written with; it must not be another one than the
 * parser's. */
static const char *read_via(struct sip_msg *m, struct sip_arena *arena)
{
	struct sip_str list = sip_line_str(sip_scan_find(m->scan, SIP_HDR_VIA)), first, params = {};
	const char *semi, *bad;

	if (!sip_list_next(&list, &first) || !first.len)
		return "Malformed Via";
	m->n_via = sip_msg_count_values(m, SIP_HDR_VIA);
	semi = memchr(first.s, ';', first.len);
	if (semi) {
		params = (struct sip_str){ semi, first.s + first.len - semi };
		first.len = semi - first.s;
	}
	bad = read_sent_by(m, arena, first);
	return bad ? bad : read_via_params(m, arena, params);
}

/* RFC 3261 8.1.3.3: in a response to us there is our own Via and nothing else. */
static const char *check_response(struct sip_msg *m, struct sip_arena *arena)
{
	return !m->is_request && m->n_via != 1 ? "Not exactly one Via" : NULL;
}

static const char *read_content_type(struct sip_msg *m, struct sip_arena *arena)
{
	struct sip_str v = sip_line_str(sip_scan_find(m->scan, SIP_HDR_CONTENT_TYPE));
	size_t i, n = 0;
	char *type;

	m->content_type = "";
	if (!v.len)
		return NULL;
	type = sip_arena_strndup(arena, v.s, v.len);
	for (i = 0; i < v.len && v.s[i] != ';'; i++) {
		if (v.s[i] != ' ')
			type[n++] = tolower((unsigned char)v.s[i]);
	}
	type[n] = '\0';
	m->content_type = type;
	return NULL;
}

/* RFC 3261 18.3: behind the body in a datagram there may be more bytes, to be ignored; a body cut short is an error. */
static const char *read_body(struct sip_msg *m, struct sip_arena *arena, struct sip_str rest, bool is_stream)
{
	const struct sip_line *line = sip_scan_find(m->scan, SIP_HDR_CONTENT_LENGTH);
	uint32_t len = is_stream ? 0 : rest.len;

	if (is_stream && !line)
		return "Missing Content-Length";
	if (line && !sip_parse_u32(sip_line_str(line), INT32_MAX, &len))
		return "Malformed Content-Length";
	if (len > rest.len)
		return "Body shorter than Content-Length";
	if (!len)
		return NULL;
	m->body = sip_arena_strndup(arena, rest.s, len);
	m->body_len = len;
	return NULL;
}

static const char *(*const readers[])(struct sip_msg *m, struct sip_arena *arena) = {
	read_via,  check_response,    read_from_to, read_call_id,      read_cseq,
	read_ruri, read_max_forwards, read_contact, read_content_type,
};

static const char *fill(struct sip_msg_block *b, const struct sip_scan *scan, struct sip_str rest, bool is_stream)
{
	const char *bad = NULL;
	struct sip_msg *m = &b->m;
	unsigned int i;

	m->scan = keep_scan(&b->arena, scan);
	m->is_request = scan->is_request;
	if (scan->is_request) {
		m->method = sip_method_by_name(scan->method.s, scan->method.len);
		m->method_name = sip_arena_strndup(&b->arena, scan->method.s, scan->method.len);
	} else {
		m->status = scan->status;
		m->reason_phrase = sip_arena_strndup(&b->arena, scan->phrase.s, scan->phrase.len);
	}
	m->osip = parse_by_osip(&b->arena, m->scan);
	if (!m->osip)
		return "Malformed message";
	for (i = 0; i < ARRAY_SIZE(readers) && !bad; i++)
		bad = readers[i](m, &b->arena);
	return bad ? bad : read_body(m, &b->arena, rest, is_stream);
}

static struct sip_msg_block *block_alloc(void *ctx, size_t len)
{
	/* measured: a usual message needs three times its length and 3 kB of structures */
	size_t size = sizeof(struct sip_msg_block) + 4 * len + 4096 + 256 * sip_arena_redzone;
	struct sip_msg_block *b = talloc_size(ctx, size);

	if (!b)
		return NULL;
	talloc_set_name_const(b, "struct sip_msg");
	memset(b, 0, sizeof(*b));
	sip_arena_init(&b->arena, b, b + 1, size - sizeof(*b));
	return b;
}

/* Where the answer goes. */
static void read_reject_via(struct sip_reject *reject, struct sip_scan *scan)
{
	struct sip_msg m = { .scan = scan };
	struct sip_arena arena = { .ctx = reject->response_head };

	reject->has_via = !read_via(&m, &arena);
	reject->via = m.via;
}

static enum sip_parse_result refuse(void *ctx, struct sip_reject *reject, struct sip_scan *scan, uint16_t status,
				    const char *why)
{
	char *head = sip_guard_response_head(ctx, scan);

	LOGP(DSIPTRX, LOGL_DEBUG, "refusing a malformed message: %s\n", why);
	if (!head)
		return SIP_PARSE_DROP;
	*reject = (struct sip_reject){ .status = status, .why = why, .response_head = head };
	read_reject_via(reject, scan);
	return SIP_PARSE_REJECT;
}

/*! Parse and check a message.
 * \param ctx talloc parent of what comes out.
 * \param msg set on SIP_PARSE_OK only.
 * \param reject set on SIP_PARSE_REJECT only.
 * \param is_stream buf is exactly one message, framed by its Content-Length; otherwise it is a datagram. */
enum sip_parse_result sip_msg_parse(void *ctx, struct sip_msg **msg, struct sip_reject *reject, const uint8_t *buf,
				    size_t len, bool is_stream)
{
	const char *text = (const char *)buf;
	const char *bad;
	struct sip_msg_block *b;
	enum sip_parse_result rc;
	struct sip_scan scan;

	rc = sip_guard(&scan, &text, &len);
	if (rc == SIP_PARSE_REJECT)
		return refuse(ctx, reject, &scan, scan.reject_status, scan.why);
	if (rc != SIP_PARSE_OK)
		return rc;
	b = block_alloc(ctx, len);
	if (!b)
		return SIP_PARSE_DROP;
	bad = fill(b, &scan, (struct sip_str){ text + scan.head_len, len - scan.head_len }, is_stream);
	if (!bad) {
		*msg = &b->m;
		return SIP_PARSE_OK;
	}
	talloc_free(b);
	return refuse(ctx, reject, &scan, 400, bad);
}

void sip_msg_free(struct sip_msg *msg)
{
	talloc_free(msg);
}

void sip_msg_set_source(struct sip_msg *msg, const struct osmo_sockaddr *source)
{
	msg->source = *source;
	msg->has_source = true;
}
