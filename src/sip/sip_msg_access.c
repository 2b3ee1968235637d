/* What can be read in a message that was parsed, beyond what is in its struct. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <osmocom/sipgw/sip/sip_msg.h>

#include "sip_text.h"

static bool line_is(const struct sip_line *line, const char *name)
{
	const char *full = line->name_len == 1 ? sip_hdr_long_name(line->name[0]) : NULL;

	if (full)
		return !strcasecmp(full, name);
	return strlen(name) == line->name_len && !strncasecmp(line->name, name, line->name_len);
}

const char *sip_msg_header(const struct sip_msg *msg, const char *name, unsigned int idx)
{
	unsigned int i;

	for (i = 0; i < msg->scan->n_lines; i++) {
		if (line_is(&msg->scan->line[i], name) && !idx--)
			return msg->scan->line[i].value;
	}
	return NULL;
}

/*! How many there are, lines and lists together. */
unsigned int sip_msg_count_values(const struct sip_msg *m, enum sip_hdr hdr)
{
	struct sip_str list, value;
	unsigned int i, n = 0;

	for (i = 0; m->scan->count[hdr] && i < m->scan->n_lines; i++) {
		if (m->scan->line[i].hdr != hdr)
			continue;
		list = sip_line_str(&m->scan->line[i]);
		while (sip_list_next(&list, &value))
			n++;
	}
	return n;
}

unsigned int sip_msg_n_record_routes(const struct sip_msg *msg)
{
	return sip_msg_count_values(msg, SIP_HDR_RECORD_ROUTE);
}

static bool find_record_route(const struct sip_msg *msg, unsigned int idx, struct sip_str *value)
{
	struct sip_str list;
	unsigned int i;

	for (i = 0; i < msg->scan->n_lines; i++) {
		if (msg->scan->line[i].hdr != SIP_HDR_RECORD_ROUTE)
			continue;
		list = sip_line_str(&msg->scan->line[i]);
		while (sip_list_next(&list, value)) {
			if (!idx--)
				return true;
		}
	}
	return false;
}

int sip_msg_name_addr(const struct sip_msg *msg, struct sip_name_addr *na, struct sip_str value)
{
	struct sip_msg_block *b = (struct sip_msg_block *)msg; /* only its memory for strings grows */

	*na = (struct sip_name_addr){};
	return sip_name_addr_parse(&b->arena, na, value);
}

int sip_msg_record_route(const struct sip_msg *msg, unsigned int idx, struct sip_uri *uri, char *text, size_t text_len)
{
	struct sip_name_addr na;
	struct sip_str value;

	if (!find_record_route(msg, idx, &value))
		return -ENOENT;
	if (sip_msg_name_addr(msg, &na, value))
		return -EINVAL;
	if (uri)
		*uri = na.uri;
	if (text && snprintf(text, text_len, "%.*s", (int)value.len, value.s) >= (int)text_len)
		return -EMSGSIZE;
	return 0;
}

bool sip_msg_header_has_token(const struct sip_msg *msg, const char *name, const char *token)
{
	struct sip_str list, value;
	unsigned int i;

	for (i = 0; i < msg->scan->n_lines; i++) {
		if (!line_is(&msg->scan->line[i], name))
			continue;
		list = sip_line_str(&msg->scan->line[i]);
		while (sip_list_next(&list, &value)) {
			const char *semi = memchr(value.s, ';', value.len);
			if (semi)
				value.len = semi - value.s;
			value = sip_str_trim(value);
			if (value.len == strlen(token) && !strncasecmp(value.s, token, value.len))
				return true;
		}
	}
	return false;
}

/* "Q.850;cause=16;text=..." */
static uint8_t reason_value_q850(struct sip_str value)
{
	const char *semi = memchr(value.s, ';', value.len);
	struct sip_str protocol, params, name, val;
	uint32_t cause;

	if (!semi)
		return 0;
	protocol = sip_str_trim((struct sip_str){ value.s, semi - value.s });
	params = (struct sip_str){ semi, value.s + value.len - semi };
	if (!sip_str_is(protocol, "q.850"))
		return 0;
	while (sip_param_next(&params, &name, &val) > 0) {
		if (sip_str_is(name, "cause") && val.s && sip_parse_u32(val, 127, &cause))
			return cause;
	}
	return 0;
}

uint8_t sip_msg_reason_q850(const struct sip_msg *msg)
{
	const char *reason;
	struct sip_str list, value;
	unsigned int i;
	uint8_t cause;

	for (i = 0; (reason = sip_msg_header(msg, "Reason", i)); i++) {
		list = (struct sip_str){ reason, strlen(reason) };
		while (sip_list_next(&list, &value)) {
			cause = reason_value_q850(value);
			if (cause)
				return cause;
		}
	}
	return 0;
}

/*! "INVITE sip:1@example.com", "180 Ringing (INVITE)", with the Call-ID behind it. Returns what snprintf() does. */
int sip_msg_to_str_buf(char *buf, size_t len, const struct sip_msg *msg)
{
	if (msg->is_request)
		return snprintf(buf, len, "%s %s [%s]", msg->method_name, msg->ruri.text, msg->call_id);
	return snprintf(buf, len, "%u %s (%s) [%s]", msg->status, msg->reason_phrase, msg->method_name, msg->call_id);
}
