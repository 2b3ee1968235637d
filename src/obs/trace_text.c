/* A message on a wire in a few words, and the identifier that says whose it is.
 *
 * Looked at without a parser: only the first line and one or two headers, in bounds, since this sees each message. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>

#include "trace_internal.h"

/* A piece of the message, without blanks around. */
struct piece {
	const char *s;
	size_t len;
};

static struct piece trimmed(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	return (struct piece){ s, end - s };
}

/* The next line from \a *pos on; false at the end of the head. */
static bool next_line(const char **pos, const char *end, struct piece *line)
{
	const char *nl = memchr(*pos, '\n', end - *pos);

	if (!nl)
		return false;
	*line = trimmed(*pos, nl);
	*pos = nl + 1;
	return line->len > 0;
}

static bool begins(struct piece line, const char *name)
{
	size_t len = strlen(name);

	return line.len > len && strncasecmp(line.s, name, len) == 0;
}

static struct piece value_of(struct piece line)
{
	const char *colon = memchr(line.s, ':', line.len);

	return colon ? trimmed(colon + 1, line.s + line.len) : (struct piece){ "", 0 };
}

/* Add to a text, as much as there is room for, and nothing that does more to a terminal than fill a place. */
static void put(struct trace_text *t, const char *s, size_t len)
{
	size_t have = strlen(t->text), i;

	len = OSMO_MIN(len, sizeof(t->text) - 1 - have);
	if (!len)
		return; /* what a message does not have is NULL */
	for (i = 0; i < len; i++)
		t->text[have + i] = s[i] >= ' ' && s[i] < 0x7f ? s[i] : '?';
	t->text[have + len] = '\0';
}

/* Up to the next blank. */
static struct piece word_at(struct piece line, size_t from)
{
	size_t n = from;

	while (n < line.len && line.s[n] != ' ')
		n++;
	return (struct piece){ line.s + from, n - from };
}

/* ---- SIP ---- */

struct sip_head {
	struct piece call_id, cseq_method;
	bool sdp;
};

/* Most headers are none of these by their first letter. */
static void look_at_header(struct sip_head *head, struct piece line)
{
	struct piece value;

	switch (line.s[0] | 0x20) {
	case 'i':
	case 'c':
		break;
	default:
		return;
	}
	if (!head->call_id.len && (begins(line, "Call-ID:") || begins(line, "i:"))) {
		head->call_id = value_of(line);
	} else if (begins(line, "CSeq:")) {
		value = value_of(line);
		head->cseq_method = word_at(value, OSMO_MIN(word_at(value, 0).len + 1, value.len));
	} else if (begins(line, "Content-Type:") || begins(line, "c:")) {
		value = value_of(line);
		head->sdp = value.len >= 15 && strncasecmp(value.s, "application/sdp", 15) == 0;
	}
}

static void text_of_sip(struct trace_text *t, const char *data, size_t len)
{
	const char *pos = data, *end = data + len;
	struct piece first, line, what;
	struct sip_head head = {};

	if (!next_line(&pos, end, &first))
		return;
	while (next_line(&pos, end, &line))
		look_at_header(&head, line);
	if (begins(first, "SIP/2.0 ")) {
		what = word_at(first, 8);
		t->bad = what.len == 3 && what.s[0] >= '4';
		put(t, what.s, OSMO_MIN(what.len, 3));
		put(t, " ", 1);
		put(t, head.cseq_method.s, OSMO_MIN(head.cseq_method.len, 12));
	} else {
		what = word_at(first, 0);
		put(t, what.s, OSMO_MIN(what.len, 16));
	}
	if (head.sdp)
		put(t, "+SDP", 4);
	t->key = head.call_id.len ? token_hash(head.call_id.s, OSMO_MIN(head.call_id.len, 255)) : 0;
}

/* ---- MGCP ---- */

static void text_of_mgcp(struct trace_text *t, const char *data, size_t len)
{
	const char *pos = data, *end = data + len;
	struct piece first, line, verb, trx;
	char hex[20], number[16];

	if (!next_line(&pos, end, &first))
		return;
	verb = word_at(first, 0);
	trx = word_at(first, OSMO_MIN(verb.len + 1, first.len));
	snprintf(number, sizeof(number), "%.*s", (int)OSMO_MIN(trx.len, sizeof(number) - 1), trx.s);
	t->trx = strtoul(number, NULL, 10);
	t->mgcp_response = isdigit((unsigned char)first.s[0]);
	t->bad = t->mgcp_response && first.s[0] >= '4';
	put(t, "MGW ", 4);
	put(t, verb.s, OSMO_MIN(verb.len, 4));
	while (!t->mgcp_response && next_line(&pos, end, &line)) {
		if (!begins(line, "C:"))
			continue;
		line = value_of(line);
		snprintf(hex, sizeof(hex), "%.*s", (int)OSMO_MIN(line.len, 16), line.s);
		t->key = strtoull(hex, NULL, 16);
		break;
	}
}

/* ---- MNCC ---- */

/* All messages begin with type and callref, in host byte order. */
static void text_of_mncc(struct trace_text *t, const struct wire_msg *msg)
{
	uint32_t callref;

	if (msg->len < 8)
		return;
	memcpy(&callref, (const char *)msg->data + 4, sizeof(callref));
	t->key = callref;
	/* "MNCC_SETUP_IND": the lane says that it is MNCC */
	osmo_strlcpy(t->text, msg->name ? msg->name + (strncmp(msg->name, "MNCC_", 5) ? 0 : 5) : "?", sizeof(t->text));
	t->bad = strstr(t->text, "_REJ") != NULL;
}

/*! text is "" if it is no message at all. */
void trace_text_of(struct trace_text *t, const struct wire_msg *msg)
{
	*t = (struct trace_text){};
	switch (msg->proto) {
	case WIRE_SIP:
		text_of_sip(t, msg->data, msg->len);
		break;
	case WIRE_MGCP:
		text_of_mgcp(t, msg->data, msg->len);
		break;
	case WIRE_MNCC:
		text_of_mncc(t, msg);
		break;
	}
}

static bool contains(struct piece line, const char *word)
{
	size_t len = strlen(word), i;

	for (i = 0; i + len <= line.len; i++) {
		if (strncasecmp(line.s + i, word, len) == 0)
			return true;
	}
	return false;
}

/* RFC 3261 19.3: has the To of a request a tag? Then it is of a dialog. */
static bool has_to_tag(const struct wire_msg *msg)
{
	const char *pos = msg->data, *end = pos + msg->len;
	struct piece line;

	while (next_line(&pos, end, &line)) {
		if (begins(line, "To:") || begins(line, "t:"))
			return contains(line, ";tag=");
	}
	return false;
}

/*! Does a call begin with this message of a peer? */
bool trace_begins_call(const struct wire_msg *msg)
{
	if (msg->dir != WIRE_RX)
		return false;
	if (msg->proto == WIRE_MNCC)
		return msg->name && strcmp(msg->name, "MNCC_SETUP_IND") == 0;
	return msg->proto == WIRE_SIP && msg->len > 7 && memcmp(msg->data, "INVITE ", 7) == 0 && !has_to_tag(msg);
}

/*! A few bits of a message, never 0: for telling whether one is the same as another. Not for keys: who sends it can
 * choose them. */
uint16_t trace_digest(const void *data, size_t len)
{
	const char *p = data;
	uint64_t hash = len, word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		hash = ((hash ^ word) * 0x9e3779b97f4a7c15ULL) ^ (hash >> 29);
	}
	word = 0;
	memcpy(&word, p, len);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	hash >>= 64 - LADDER_DIGEST_BITS;
	return hash ? hash : 1;
}

/* ---- words ---- */

/* There are few different texts: each is kept once, and known by its number. What a peer makes up cannot grow it
 * beyond TRACE_MAX_WORDS. */
static char words[TRACE_MAX_WORDS][TRACE_TEXT_LEN];
static unsigned int n_words;
static uint16_t word_slots[2 * TRACE_MAX_WORDS]; /* number + 1, 0: empty */

/*! The number of a text, the same one each time. 0 stands for all that came when the list was full. */
uint16_t trace_word(const char *text)
{
	unsigned int slot = token_hash_str(text) % ARRAY_SIZE(word_slots);

	if (!n_words)
		strcpy(words[n_words++], "...");
	for (; word_slots[slot]; slot = (slot + 1) % ARRAY_SIZE(word_slots)) {
		if (strcmp(words[word_slots[slot] - 1], text) == 0)
			return word_slots[slot] - 1;
	}
	if (n_words == TRACE_MAX_WORDS)
		return 0;
	osmo_strlcpy(words[n_words], text, TRACE_TEXT_LEN);
	word_slots[slot] = ++n_words;
	return n_words - 1;
}

const char *trace_word_text(uint16_t word)
{
	return words[word];
}
