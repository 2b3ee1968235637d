/* The codec for MGCP messages.
 *
 * Line by line, nothing is copied. RFC 3435 appendix A is the grammar; tolerated beyond it: any mix of CRLF and LF (3.1
 * asks for that), tabs for blanks, empty lines before a message, unknown and (in responses) broken parameter lines.
 * Names and verbs are case-insensitive (3.2.1). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include <osmocom/sipgw/mgcp/mgcp_msg.h>

const struct value_string mgcp_verb_names[] = {
	{ MGCP_VERB_EPCF, "EPCF" }, { MGCP_VERB_CRCX, "CRCX" },
	{ MGCP_VERB_MDCX, "MDCX" }, { MGCP_VERB_DLCX, "DLCX" },
	{ MGCP_VERB_RQNT, "RQNT" }, { MGCP_VERB_NTFY, "NTFY" },
	{ MGCP_VERB_AUEP, "AUEP" }, { MGCP_VERB_AUCX, "AUCX" },
	{ MGCP_VERB_RSIP, "RSIP" }, {},
};

static const char *const param_names[_NUM_MGCP_PARAMS] = {
	[MGCP_PARAM_K] = "K",	[MGCP_PARAM_C] = "C",	[MGCP_PARAM_I] = "I", [MGCP_PARAM_I2] = "I2",
	[MGCP_PARAM_Z] = "Z",	[MGCP_PARAM_Z2] = "Z2", [MGCP_PARAM_X] = "X", [MGCP_PARAM_L] = "L",
	[MGCP_PARAM_M] = "M",	[MGCP_PARAM_B] = "B",	[MGCP_PARAM_N] = "N", [MGCP_PARAM_R] = "R",
	[MGCP_PARAM_S] = "S",	[MGCP_PARAM_D] = "D",	[MGCP_PARAM_T] = "T", [MGCP_PARAM_Q] = "Q",
	[MGCP_PARAM_O] = "O",	[MGCP_PARAM_E] = "E",	[MGCP_PARAM_P] = "P", [MGCP_PARAM_RM] = "RM",
	[MGCP_PARAM_RD] = "RD", [MGCP_PARAM_F] = "F",	[MGCP_PARAM_A] = "A", [MGCP_PARAM_ES] = "ES",
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*! Is it this, but for the case of letters? */
bool mgcp_text_is(struct mgcp_text text, const char *str)
{
	return text.s && text.len == strlen(str) && !strncasecmp(text.s, str, text.len);
}

/*! Make a string of it; false, and \a buf as it was, if it is absent or too long. */
bool mgcp_text_copy(char *buf, size_t size, struct mgcp_text text)
{
	if (!text.s || text.len >= size)
		return false;
	memcpy(buf, text.s, text.len);
	buf[text.len] = '\0';
	return true;
}

static struct mgcp_text trim(struct mgcp_text t)
{
	while (t.len && is_blank(*t.s)) {
		t.s++;
		t.len--;
	}
	while (t.len && is_blank(t.s[t.len - 1]))
		t.len--;
	return t;
}

/* Take the next line, without its end, off the rest; false if nothing is left. */
static bool next_line(struct mgcp_text *rest, struct mgcp_text *line)
{
	const char *lf;

	if (!rest->len)
		return false;
	lf = memchr(rest->s, '\n', rest->len);
	*line = (struct mgcp_text){ .s = rest->s, .len = lf ? lf - rest->s : rest->len };
	rest->len -= line->len + (lf ? 1 : 0);
	rest->s += line->len + (lf ? 1 : 0);
	if (line->len && line->s[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* Take the next word off a line; empty if nothing is left. */
static struct mgcp_text next_word(struct mgcp_text *line)
{
	struct mgcp_text word;

	*line = trim(*line);
	word = (struct mgcp_text){ .s = line->s };
	while (word.len < line->len && !is_blank(line->s[word.len]))
		word.len++;
	line->s += word.len;
	line->len -= word.len;
	return word;
}

/* A decimal number of 1 to 9 digits, which always fits. */
static bool to_number(struct mgcp_text t, uint32_t *out)
{
	uint32_t v = 0;
	size_t i;

	if (t.len < 1 || t.len > 9)
		return false;
	for (i = 0; i < t.len; i++) {
		if (!isdigit((unsigned char)t.s[i]))
			return false;
		v = v * 10 + (t.s[i] - '0');
	}
	*out = v;
	return true;
}

/* RFC 3435 3.3: code, transaction id, perhaps "/" and a package, perhaps words for people. */
static int parse_response_line(struct mgcp_msg *msg, struct mgcp_text line)
{
	struct mgcp_text word = next_word(&line);
	uint32_t code;

	if (word.len != 3 || !to_number(word, &code))
		return -EINVAL;
	if (!to_number(next_word(&line), &msg->trans_id))
		return -EINVAL;
	msg->code = code;
	line = trim(line);
	if (line.len && line.s[0] == '/')
		next_word(&line);
	line = trim(line);
	if (line.len)
		msg->comment = line;
	return 0;
}

static bool is_verb(struct mgcp_text word)
{
	size_t i;

	for (i = 0; i < word.len; i++)
		if (!isalnum((unsigned char)word.s[i]))
			return false;
	return word.len == 4;
}

static enum mgcp_verb find_verb(struct mgcp_text word)
{
	const struct value_string *v;

	for (v = mgcp_verb_names; v->str; v++)
		if (mgcp_text_is(word, v->str))
			return v->value;
	return MGCP_VERB_UNKNOWN;
}

/* RFC 3435 3.2.1: verb, transaction id, endpoint, "MGCP" and version, perhaps a profile ("NCS 1.0"), which we do not
 * mind. */
static int parse_command_line(struct mgcp_msg *msg, struct mgcp_text line)
{
	struct mgcp_text word = next_word(&line);

	msg->is_command = true;
	if (!is_verb(word))
		return -EINVAL;
	msg->verb = find_verb(word);
	if (!to_number(next_word(&line), &msg->trans_id) || !msg->trans_id)
		return -EINVAL;
	msg->endpoint = next_word(&line);
	if (!msg->endpoint.len || msg->endpoint.len > MGCP_MAX_ENDPOINT)
		return -EINVAL;
	if (!mgcp_text_is(next_word(&line), "MGCP"))
		return -EINVAL;
	if (!mgcp_text_is(next_word(&line), "1.0"))
		return -EPROTONOSUPPORT;
	return 0;
}

static int find_param(struct mgcp_text name)
{
	int i;

	for (i = 0; i < _NUM_MGCP_PARAMS; i++)
		if (mgcp_text_is(name, param_names[i]))
			return i;
	return -1;
}

static void count(uint8_t *n)
{
	if (*n < UINT8_MAX)
		(*n)++;
}

static void parse_param_line(struct mgcp_msg *msg, struct mgcp_text line)
{
	const char *colon = memchr(line.s, ':', line.len);
	struct mgcp_text name, value;
	int param;

	if (!colon || colon == line.s || memchr(line.s, '\r', line.len)) {
		count(&msg->n_bad);
		return;
	}
	name = trim((struct mgcp_text){ .s = line.s, .len = colon - line.s });
	value = trim((struct mgcp_text){ .s = colon + 1, .len = line.s + line.len - colon - 1 });
	param = find_param(name);
	if (param < 0) {
		count(&msg->n_unknown);
		if (!msg->must_know.s && name.len > 2 && !strncasecmp(name.s, "X+", 2))
			msg->must_know = name;
	} else if (!msg->params[param].s) {
		msg->params[param] = value;
	}
}

/* The first message of a datagram: up to a line with nothing but a dot (RFC 3435 3.5.5). */
static struct mgcp_text cut_message(const char *data, size_t len, size_t *used)
{
	struct mgcp_text rest = { .s = data, .len = len }, line;
	struct mgcp_text all = { .s = data };

	while (next_line(&rest, &line)) {
		*used = rest.s - data;
		if (mgcp_text_is(line, "."))
			return all;
		all.len = *used;
	}
	return all;
}

static int parse_message(struct mgcp_msg *msg, struct mgcp_text rest)
{
	struct mgcp_text line;
	int rc;

	do {
		if (!next_line(&rest, &line))
			return -EINVAL;
		line = trim(line);
	} while (!line.len);
	if (memchr(line.s, '\r', line.len))
		return -EINVAL;

	rc = isdigit((unsigned char)line.s[0]) ? parse_response_line(msg, line) : parse_command_line(msg, line);
	if (rc < 0)
		return rc;
	while (next_line(&rest, &line)) {
		if (!line.len) {
			if (rest.len)
				msg->body = rest;
			break;
		}
		parse_param_line(msg, line);
	}
	return msg->is_command && msg->n_bad ? -EINVAL : 0;
}

/*! Parse the first message of a datagram.
 * \param[out] msg   the message. After an error too: a command whose transaction id could be read has is_command and
 *trans_id set, so that it can be refused. \param[in]  data  the rest of the datagram; \a msg points into it.
 * \param[out] used  how many bytes it took, with the separator; call again with what is left. Also set after an error.
 * \returns 0, -EPROTONOSUPPORT for another version than 1.0 (answer 528), -EINVAL for everything else that is wrong
 *(510). */
int mgcp_msg_parse(struct mgcp_msg *msg, const char *data, size_t len, size_t *used)
{
	struct mgcp_text all;

	*msg = (struct mgcp_msg){};
	*used = len;
	all = cut_message(data, len, used);
	if (memchr(data, '\0', all.len))
		return -EINVAL;
	return parse_message(msg, all);
}

static bool is_clean(struct mgcp_text t, bool one_word)
{
	size_t i;

	for (i = 0; i < t.len; i++)
		if (t.s[i] == '\r' || t.s[i] == '\n' || t.s[i] == '\0' || (one_word && is_blank(t.s[i])))
			return false;
	return true;
}

static bool may_encode(const struct mgcp_msg *msg)
{
	int i;

	if (msg->trans_id > MGCP_MAX_TRANS_ID || msg->code > 999 || !is_clean(msg->comment, false))
		return false;
	if (msg->is_command && (!msg->trans_id || !msg->verb || !msg->endpoint.len ||
				msg->endpoint.len > MGCP_MAX_ENDPOINT || !is_clean(msg->endpoint, true)))
		return false;
	for (i = 0; i < _NUM_MGCP_PARAMS; i++)
		if (!is_clean(msg->params[i], false))
			return false;
	return true;
}

/* Where a message is written to. */
struct out {
	char *buf;
	size_t size, len;
};

/* Append bytes if they fit; count them anyway. */
static void put(struct out *o, const char *s, size_t len)
{
	if (o->len + len <= o->size)
		memcpy(o->buf + o->len, s, len);
	o->len += len;
}

static void put_str(struct out *o, const char *s)
{
	put(o, s, strlen(s));
}

static void put_text(struct out *o, struct mgcp_text t)
{
	if (t.len)
		put(o, t.s, t.len);
}

static void put_first_line(struct out *o, const struct mgcp_msg *msg)
{
	char num[32];

	if (msg->is_command) {
		put_str(o, get_value_string(mgcp_verb_names, msg->verb));
		snprintf(num, sizeof(num), " %" PRIu32 " ", msg->trans_id);
		put_str(o, num);
		put_text(o, msg->endpoint);
		put_str(o, " MGCP 1.0");
	} else {
		snprintf(num, sizeof(num), "%03u %" PRIu32, msg->code, msg->trans_id);
		put_str(o, num);
		if (msg->comment.len) {
			put_str(o, " ");
			put_text(o, msg->comment);
		}
	}
	put_str(o, "\r\n");
}

/*! Write a message.
 * \returns its length (there is no NUL at the end), -EINVAL if it holds something that must not be sent, -ENOSPC. */
int mgcp_msg_encode(char *buf, size_t len, const struct mgcp_msg *msg)
{
	struct out o = { .buf = buf, .size = len };
	int i;

	if (!may_encode(msg))
		return -EINVAL;
	put_first_line(&o, msg);
	for (i = 0; i < _NUM_MGCP_PARAMS; i++) {
		if (!msg->params[i].s)
			continue;
		put_str(&o, param_names[i]);
		put_str(&o, msg->params[i].len ? ": " : ":");
		put_text(&o, msg->params[i]);
		put_str(&o, "\r\n");
	}
	if (msg->body.len) {
		put_str(&o, "\r\n");
		put_text(&o, msg->body);
	}
	return o.len <= len ? (int)o.len : -ENOSPC;
}

/* A count of any length: the standard allows nine digits, octets of a long call need more. Less than nothing is nothing:
 * osmo-mgw gives a negative loss when a stream begins anew, by a marker bit or another SSRC. */
static bool to_count(struct mgcp_text t, uint32_t *out)
{
	bool negative = t.len > 1 && t.s[0] == '-';
	uint64_t v = 0;
	size_t i;

	for (i = negative; i < t.len; i++) {
		if (!isdigit((unsigned char)t.s[i]))
			return false;
		v = OSMO_MIN(v * 10 + (t.s[i] - '0'), UINT32_MAX);
	}
	*out = negative ? 0 : v;
	return t.len > 0;
}

/*! Read connection parameters, "PS=6, OS=183, ..." (RFC 3435 3.2.2.7). Those that we do not know are passed over.
 * \returns 0, -ENOENT if there are none, -EINVAL if one of ours is no number. */
int mgcp_stats_parse(struct mgcp_stats *stats, struct mgcp_text text)
{
	struct mgcp_stats s = {};
	const struct {
		const char *name;
		uint32_t *value;
	} known[] = {
		{ "PS", &s.tx_packets }, { "OS", &s.tx_octets }, { "PR", &s.rx_packets }, { "OR", &s.rx_octets },
		{ "PL", &s.lost },	 { "JI", &s.jitter }, { "LA", &s.latency_ms },
	};
	unsigned int i;

	if (!text.s || !text.len)
		return -ENOENT;
	while (text.len) {
		const char *comma = memchr(text.s, ',', text.len);
		struct mgcp_text item = { .s = text.s, .len = comma ? comma - text.s : text.len };
		text.s += item.len + (comma ? 1 : 0);
		text.len -= item.len + (comma ? 1 : 0);
		item = trim(item);
		for (i = 0; i < ARRAY_SIZE(known); i++) {
			struct mgcp_text number = { .s = item.s + 3, .len = item.len - 3 };
			if (item.len < 3 || item.s[2] != '=' || strncasecmp(item.s, known[i].name, 2))
				continue;
			if (!to_count(trim(number), known[i].value))
				return -EINVAL;
		}
	}
	*stats = s;
	return 0;
}
