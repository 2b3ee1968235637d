/* The words of a text: lines, tokens, numbers.
 *
 * Nothing here reads beyond the piece it was given or changes it. A line ends with any run of CR and LF, so that no
 * value can carry a line end into what we write. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>

#include "sdp_internal.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_eol(char c)
{
	return c == '\r' || c == '\n';
}

struct sdp_str sdp_str_trim(struct sdp_str s)
{
	while (s.n && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/*! Take the next line that is not blank off \a text. False at the end. */
bool sdp_str_line(struct sdp_str *text, struct sdp_str *line)
{
	while (text->n) {
		size_t n = 0;

		while (n < text->n && !is_eol(text->p[n]))
			n++;
		*line = sdp_str_trim((struct sdp_str){ text->p, n });
		while (n < text->n && is_eol(text->p[n]))
			n++;
		text->p += n;
		text->n -= n;
		if (line->n)
			return true;
	}
	return false;
}

/*! Take the next word between blanks off \a rest; it is empty at the end. */
struct sdp_str sdp_str_token(struct sdp_str *rest)
{
	struct sdp_str s = sdp_str_trim(*rest);
	size_t n = 0;

	while (n < s.n && !is_blank(s.p[n]))
		n++;
	*rest = (struct sdp_str){ s.p + n, s.n - n };
	return (struct sdp_str){ s.p, n };
}

/*! Take what is before the next \a sep off \a rest, and \a sep; without one, all of it. */
struct sdp_str sdp_str_cut(struct sdp_str *rest, char sep)
{
	const char *found = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
	struct sdp_str head = *rest;

	if (found)
		head.n = found - head.p;
	rest->p += head.n + (found ? 1 : 0);
	rest->n -= head.n + (found ? 1 : 0);
	return head;
}

bool sdp_str_is(struct sdp_str s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/*! Read all of \a s as a decimal number from 0 to \a max. */
bool sdp_str_num(struct sdp_str s, uint64_t max, uint64_t *val)
{
	uint64_t num = 0;
	size_t i;

	if (!s.n)
		return false;
	for (i = 0; i < s.n; i++) {
		unsigned int digit = (unsigned char)s.p[i] - '0';

		if (digit > 9 || digit > max || num > (max - digit) / 10)
			return false;
		num = num * 10 + digit;
	}
	*val = num;
	return true;
}

/*! Copy all of \a s, or nothing if it does not fit or is not all printable ASCII. */
bool sdp_str_copy(char *buf, size_t len, struct sdp_str s)
{
	size_t i;

	if (s.n >= len)
		return false;
	for (i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];

		if (c < 0x20 || c > 0x7e)
			return false;
	}
	memcpy(buf, s.p, s.n);
	buf[s.n] = '\0';
	return true;
}

void sdp_out_add(struct sdp_out *o, const char *p, size_t n)
{
	if (o->n < o->len && n < o->len - o->n)
		memcpy(o->buf + o->n, p, n);
	o->n += n;
}

void sdp_out_num(struct sdp_out *o, uint64_t num)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = '0' + num % 10;
		num /= 10;
	} while (num);
	sdp_out_add(o, digits + i, sizeof(digits) - i);
}

/*! End the text. Returns its length, or -EMSGSIZE; then the buffer has an empty text. */
int sdp_out_end(struct sdp_out *o)
{
	bool fits = o->n < o->len;

	if (o->len)
		o->buf[fits ? o->n : 0] = '\0';
	return fits ? (int)o->n : -EMSGSIZE;
}
