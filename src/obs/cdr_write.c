/* A call detail record as a line: JSON or CSV.
 *
 * One table says which fields there are, in which order, and how each is taken from the record; both formats are made
 * from it. The manual documents them by name. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/timer_compat.h>
#include <osmocom/core/utils.h>

#include "cdr_internal.h"

#define CDR_VERSION 1

/* ---- values ---- */

struct out {
	char *buf;
	size_t size, len;
	enum cdr_format format;
	bool first;
};

static void put(struct out *o, const char *text, size_t len)
{
	if (o->len + len < o->size)
		memcpy(o->buf + o->len, text, len);
	o->len += len;
}

static void put_str(struct out *o, const char *text)
{
	put(o, text, strlen(text));
}

/* Length of the UTF-8 character at \a s, 0 if it is none (RFC 3629; overlong forms and surrogates are not told apart: a
 * reader that minds replaces them). */
static unsigned int utf8_len(const unsigned char *s)
{
	unsigned int n = s[0] < 0x80		 ? 1
			 : (s[0] & 0xe0) == 0xc0 ? 2
			 : (s[0] & 0xf0) == 0xe0 ? 3
			 : (s[0] & 0xf8) == 0xf0 ? 4
						 : 0;
	unsigned int i;

	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

/* RFC 8259 7; what is no UTF-8 becomes U+FFFD. */
static void put_json_string(struct out *o, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char esc[8];

	put_str(o, "\"");
	while (*s) {
		unsigned int n = utf8_len(s);
		if (!n) {
			put_str(o, "\\ufffd");
			s++;
			continue;
		}
		if (*s == '"' || *s == '\\' || *s < 0x20 || *s == 0x7f) {
			snprintf(esc, sizeof(esc), "\\u%04x", *s);
			put_str(o, esc);
		} else {
			put(o, (const char *)s, n);
		}
		s += n;
	}
	put_str(o, "\"");
}

/* Would a spreadsheet calculate it? A peer chooses its Call-IDs. Numbers like +49 are none of that. */
static bool is_formula(const char *text)
{
	if (text[0] == '=' || text[0] == '@')
		return true;
	return (text[0] == '+' || text[0] == '-') && text[1 + strspn(text + 1, "0123456789*#")];
}

/* RFC 4180 2.7 */
static void put_csv_string(struct out *o, const char *text)
{
	const char *s;

	put_str(o, is_formula(text) ? "\"'" : "\"");
	for (s = text; *s; s++) {
		if (*s == '"')
			put_str(o, "\"\"");
		else
			put(o, (unsigned char)*s < 0x20 ? " " : s, 1);
	}
	put_str(o, "\"");
}

static void put_name(struct out *o, const char *name)
{
	if (!o->first)
		put_str(o, ",");
	o->first = false;
	if (o->format == CDR_JSON) {
		put_json_string(o, name);
		put_str(o, ":");
	}
}

static void put_nothing(struct out *o)
{
	if (o->format == CDR_JSON)
		put_str(o, "null");
}

static void put_text(struct out *o, const char *text)
{
	if (!text[0])
		put_nothing(o);
	else if (o->format == CDR_JSON)
		put_json_string(o, text);
	else
		put_csv_string(o, text);
}

static void put_number(struct out *o, uint64_t n)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%" PRIu64, n);
	put_str(o, buf);
}

static void put_bool(struct out *o, bool b)
{
	put_str(o, b ? "true" : "false");
}

/* "2026-11-22T19:05:00.123Z" */
static void put_time(struct out *o, const struct timespec *t)
{
	struct tm tm;
	char buf[64];
	size_t len;

	if (!t->tv_sec) {
		put_nothing(o);
		return;
	}
	gmtime_r(&t->tv_sec, &tm);
	len = strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + len, sizeof(buf) - len, ".%03ldZ", t->tv_nsec / 1000000);
	put_text(o, buf);
}

/* ---- fields ---- */

typedef void (*put_field)(struct out *o, const struct cdr *cdr, const struct cdr_record *rec);

#define FIELD(NAME, STATEMENT)                                                                                         \
	static void put_##NAME(struct out *o, const struct cdr *cdr, const struct cdr_record *rec)                     \
	{                                                                                                              \
		STATEMENT;                                                                                             \
	}

static void put_party(struct out *o, const struct number *n)
{
	char buf[NUMBER_MAX_DIGITS + 2];

	put_text(o, number_to_dial_string(buf, sizeof(buf), n) < 0 ? "" : buf);
}

static void put_ms_between(struct out *o, const struct timespec *from, const struct timespec *to)
{
	struct timespec d;

	if (!from->tv_sec || !to->tv_sec) {
		put_nothing(o);
		return;
	}
	timespecsub(to, from, &d);
	put_number(o, d.tv_sec < 0 ? 0 : (uint64_t)d.tv_sec * 1000 + d.tv_nsec / 1000000);
}

static void put_sip_status_of(struct out *o, const struct cdr_record *rec)
{
	uint16_t refused = rec->leg[LEG_B].rec.sip_status ?: rec->leg[LEG_A].rec.sip_status;
	uint16_t status = rec->answered.tv_sec ? 200 : refused;

	if (status)
		put_number(o, status);
	else
		put_nothing(o);
}

FIELD(version, put_number(o, CDR_VERSION))
FIELD(instance, put_text(o, cdr->instance))
FIELD(call_id, put_number(o, rec->call_id))
FIELD(direction, put_text(o, rec->mt ? "mt" : "mo"))
FIELD(start, put_time(o, &rec->start))
FIELD(alerting, put_time(o, &rec->alerting))
FIELD(answered, put_time(o, &rec->answered))
FIELD(end, put_time(o, &rec->end))
FIELD(setup_ms, put_ms_between(o, &rec->start, rec->answered.tv_sec ? &rec->answered : &rec->end))
FIELD(duration_ms, put_ms_between(o, &rec->answered, &rec->end))
FIELD(calling, put_party(o, &rec->parties.calling))
FIELD(called, put_party(o, &rec->parties.called))
FIELD(calling_in, put_text(o, rec->calling_in))
FIELD(called_in, put_text(o, rec->called_in))
FIELD(redirecting, put_party(o, &rec->parties.redirecting))
FIELD(imsi, put_text(o, rec->parties.imsi))
FIELD(imei, put_text(o, rec->parties.imei))
FIELD(gcr, put_text(o, rec->parties.gcr))
FIELD(emergency, put_bool(o, rec->parties.emergency))
FIELD(route, put_text(o, rec->route))
FIELD(attempts, put_number(o, rec->attempts))
FIELD(media, put_text(o, rec->media_mode))
FIELD(released_by, put_text(o, rec->released_by))
FIELD(cause, put_number(o, rec->cause.value))
FIELD(cause_name, put_text(o, cause_name(rec->cause.value)))
FIELD(reason, put_text(o, rec->cause.text))
FIELD(sip_status, put_sip_status_of(o, rec))

#define ROW(NAME)                                                                                                      \
	{                                                                                                              \
#NAME, put_##NAME                                                                                      \
	}
static const struct {
	const char *name;
	put_field put;
} fields[] = {
	ROW(version),	 ROW(instance),	 ROW(call_id),	   ROW(direction),   ROW(start),       ROW(alerting),
	ROW(answered),	 ROW(end),	 ROW(setup_ms),	   ROW(duration_ms), ROW(calling),     ROW(called),
	ROW(calling_in), ROW(called_in), ROW(redirecting), ROW(imsi),	     ROW(imei),	       ROW(gcr),
	ROW(emergency),	 ROW(route),	 ROW(attempts),	   ROW(media),	     ROW(released_by), ROW(cause),
	ROW(cause_name), ROW(reason),	 ROW(sip_status),
};

/* Of each leg, "a_" and "b_" in front. */
static const struct {
	const char *name;
	size_t offset;
} leg_fields[] = {
	{ "kind", offsetof(struct cdr_leg, kind) },
	{ "peer", offsetof(struct cdr_leg, target) },
	{ "wire_id", offsetof(struct cdr_leg, rec.wire_id) },
	{ "codec", offsetof(struct cdr_leg, rec.codec) },
	{ "endpoint", offsetof(struct cdr_leg, rec.endpoint) },
	{ "remote", offsetof(struct cdr_leg, rec.remote) },
};

/* Of each of the gateway's connections; [1] is the one towards the GSM core. */
static const char *const conn_names[2] = { "peer", "core" };
static const struct {
	const char *name;
	size_t offset;
} media_fields[] = {
	{ "tx", offsetof(struct wire_media_stats, packets_tx) },
	{ "rx", offsetof(struct wire_media_stats, packets_rx) },
	{ "lost", offsetof(struct wire_media_stats, packets_lost) },
	{ "jitter_ms", offsetof(struct wire_media_stats, jitter_ms) },
};

static void put_leg(struct out *o, const struct cdr_leg *leg, char side)
{
	char name[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leg_fields); i++) {
		snprintf(name, sizeof(name), "%c_%s", side, leg_fields[i].name);
		put_name(o, name);
		put_text(o, (const char *)leg + leg_fields[i].offset);
	}
}

/* A call has one endpoint, of whichever leg is on the GSM side. */
static const struct cdr_leg *leg_with_media(const struct cdr_record *rec)
{
	return rec->leg[LEG_B].rec.media_key ? &rec->leg[LEG_B] : &rec->leg[LEG_A];
}

static void put_media_stats(struct out *o, const struct cdr_leg *leg)
{
	char name[32];
	unsigned int conn, i;

	for (conn = 0; conn < 2; conn++) {
		for (i = 0; i < ARRAY_SIZE(media_fields); i++) {
			snprintf(name, sizeof(name), "rtp_%s_%s", conn_names[conn], media_fields[i].name);
			put_name(o, name);
			if (leg->has_media[conn])
				put_number(o, *(const uint32_t *)((const char *)&leg->media[conn] +
								  media_fields[i].offset));
			else
				put_nothing(o);
		}
	}
}

/*! The line with its newline. Returns its length, or -EMSGSIZE. */
int cdr_write_line(char *buf, size_t len, const struct cdr *cdr, const struct cdr_record *rec)
{
	struct out o = { .buf = buf, .size = len, .format = cdr->cfg.format, .first = true };
	unsigned int i;

	if (o.format == CDR_JSON)
		put_str(&o, "{");
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		put_name(&o, fields[i].name);
		fields[i].put(&o, cdr, rec);
	}
	put_leg(&o, &rec->leg[LEG_A], 'a');
	put_leg(&o, &rec->leg[LEG_B], 'b');
	put_media_stats(&o, leg_with_media(rec));
	put_str(&o, o.format == CDR_JSON ? "}\n" : "\n");
	return o.len < len ? (int)o.len : -EMSGSIZE;
}

static void header_name(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void header_name(struct out *o, const char *fmt, ...)
{
	char name[32];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	put_str(o, o->first ? "" : ",");
	put_str(o, name);
	o->first = false;
}

/*! The first line of a CSV file: the names of the fields. Returns its length, or -EMSGSIZE. */
int cdr_write_header(char *buf, size_t len, enum cdr_format format)
{
	struct out o = { .buf = buf, .size = len, .format = format, .first = true };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		header_name(&o, "%s", fields[i].name);
	for (j = 0; j < 2; j++) {
		for (i = 0; i < ARRAY_SIZE(leg_fields); i++)
			header_name(&o, "%c_%s", "ab"[j], leg_fields[i].name);
	}
	for (j = 0; j < 2; j++) {
		for (i = 0; i < ARRAY_SIZE(media_fields); i++)
			header_name(&o, "rtp_%s_%s", conn_names[j], media_fields[i].name);
	}
	put_str(&o, "\n");
	return o.len < len ? (int)o.len : -EMSGSIZE;
}
