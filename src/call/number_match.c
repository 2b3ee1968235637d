/* Patterns for numbers. Most tables are made of prefixes, which cost a few nanoseconds each; a regular expression is
 * compiled when it is configured. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/number_match.h>

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

const struct value_string number_match_names[] = { { NUMBER_MATCH_ANY, "any" },
						   { NUMBER_MATCH_PREFIX, "prefix" },
						   { NUMBER_MATCH_WHOLE, "number" },
						   { NUMBER_MATCH_REGEXP, "regexp" },
						   {} };

static int regex_destructor(regex_t *re)
{
	regfree(re);
	return 0;
}

#define MAX_REPEATS 2000 /* of all {m,n} multiplied: enough for numbers of 32 digits */

/* How often "{m,n}" at \a p repeats at most; moves on to its end. */
static unsigned long repeats(const char **p)
{
	unsigned long n = 1;

	while (**p && **p != '}') {
		if (**p >= '0' && **p <= '9')
			n = strtoul(*p, (char **)p, 10);
		else
			(*p)++;
	}
	return n ?: 1;
}

/* The end of the bracket expression at \a p; a "]" at its beginning is one of its members. */
static const char *skip_bracket(const char *p)
{
	p += p[1] == '^' ? 2 : 1;
	if (*p == ']')
		p++;
	while (*p && *p != ']')
		p++;
	return *p ? p : p - 1;
}

/* A caller chooses the number that a pattern meets, and must not be able to choose one that takes a second. */
static const char *too_costly(const char *p)
{
	unsigned long product = 1, n;

	for (; *p; p++) {
		if (*p == '\\' && p[1] >= '1' && p[1] <= '9')
			return "references to earlier parts take too long";
		if (*p == '\\' && p[1]) {
			p++;
		} else if (*p == '[') {
			p = skip_bracket(p);
		} else if (*p == '{') {
			n = repeats(&p);
			if (n > MAX_REPEATS || (product *= n) > MAX_REPEATS)
				return "it repeats too much";
			if (!*p)
				break;
		}
	}
	return NULL;
}

static regex_t *compile(void *ctx, const char *pattern, const char **why)
{
	regex_t *re;
	char buf[80];
	int rc;

	*why = too_costly(pattern);
	if (*why)
		return NULL;
	re = talloc_zero(ctx, regex_t);
	OSMO_ASSERT(re);
	rc = regcomp(re, pattern, REG_EXTENDED | REG_NOSUB);
	if (rc) {
		regerror(rc, re, buf, sizeof(buf));
		*why = talloc_strdup(OTC_SELECT, buf);
		talloc_free(re);
		return NULL;
	}
	talloc_set_destructor(re, regex_destructor);
	return re;
}

/* The beginning of a number: what a number is made of, and no more */
static bool is_dial_string(const char *str)
{
	if (*str == '+')
		str++;
	return *str && strspn(str, "0123456789*#abcABC") == strlen(str);
}

int number_match_set(void *ctx, struct number_match *match, enum number_match_how how, const char *pattern,
		     const char **why)
{
	struct number_match made = { .how = how };

	if (how != NUMBER_MATCH_ANY && how != NUMBER_MATCH_REGEXP && strcmp(pattern, "+") && !is_dial_string(pattern)) {
		*why = "a number has an optional '+', then digits, '*' or '#'";
		return -EINVAL;
	}
	if (how == NUMBER_MATCH_REGEXP) {
		made.regex = compile(ctx, pattern, why);
		if (!made.regex)
			return -EINVAL;
	}
	if (how != NUMBER_MATCH_ANY)
		made.pattern = talloc_strdup(ctx, pattern);
	number_match_clear(match);
	*match = made;
	return 0;
}

void number_match_clear(struct number_match *match)
{
	talloc_free(match->pattern);
	talloc_free(match->regex);
	*match = (struct number_match){};
}

bool number_match_hits(const struct number_match *match, const char *dial)
{
	switch (match->how) {
	case NUMBER_MATCH_ANY:
		return true;
	case NUMBER_MATCH_PREFIX:
		return !strncmp(dial, match->pattern, strlen(match->pattern));
	case NUMBER_MATCH_WHOLE:
		return !strcmp(dial, match->pattern);
	case NUMBER_MATCH_REGEXP:
		return !regexec(match->regex, dial, 0, NULL, 0);
	}
	return false;
}
