/* Telephone numbers between the form they have in 3GPP TS 24.008 (type, plan, digits) and the string a user dials or a
 * SIP URI carries.
 *
 * Nothing is ever cut: half a number is somebody else's number. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/number.h>

#include <errno.h>
#include <string.h>

/* The digit that \a c stands for (TS 24.008 table 10.5.118), 0 if it is none. */
static char digit_of(char c)
{
	if ((c >= '0' && c <= '9') || c == '*' || c == '#' || (c >= 'a' && c <= 'c'))
		return c;
	if (c >= 'A' && c <= 'C')
		return c - 'A' + 'a';
	return 0;
}

/* RFC 3966 3: visual-separator; people also type spaces. */
static bool is_separator(char c)
{
	return c == '-' || c == '.' || c == '(' || c == ')' || c == ' ';
}

int number_from_dial_string(struct number *n, const char *str)
{
	struct number res = { .plan = NUMBER_PLAN_ISDN };
	size_t len = 0;

	if (*str == '+') {
		res.type = NUMBER_INTERNATIONAL;
		str++;
	}
	for (; *str && *str != ';'; str++) {
		char digit = digit_of(*str);
		if (!digit && is_separator(*str))
			continue;
		if (!digit)
			return -EINVAL;
		if (len == NUMBER_MAX_DIGITS)
			return -EMSGSIZE;
		res.digits[len++] = digit;
	}
	if (!len)
		return -EINVAL;
	*n = res;
	return 0;
}

int number_to_dial_string(char *buf, size_t len, const struct number *n)
{
	bool plus = n->type == NUMBER_INTERNATIONAL;
	size_t n_digits = strlen(n->digits);

	if (!n_digits)
		return -EINVAL;
	if (plus + n_digits + 1 > len)
		return -EMSGSIZE;
	if (plus)
		*buf++ = '+';
	memcpy(buf, n->digits, n_digits + 1);
	return plus + n_digits;
}

bool number_is_imsi(const char *str)
{
	size_t len = strspn(str, "0123456789");

	return str[len] == '\0' && (len == 14 || len == 15);
}
