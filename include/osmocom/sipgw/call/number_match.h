/*! \file number_match.h
 * A pattern for numbers: beginning, whole number, or regular expression, over the number as it is dialled ("+" for international). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>

#include <osmocom/core/utils.h>

struct number;

enum number_match_how {
	NUMBER_MATCH_ANY,	/*!< everything, also when there is no number */
	NUMBER_MATCH_PREFIX,
	NUMBER_MATCH_WHOLE,
	NUMBER_MATCH_REGEXP,	/*!< POSIX extended, found anywhere in the number unless anchored */
};

extern const struct value_string number_match_names[];

struct number_match {
	enum number_match_how how;
	char *pattern;		/*!< NULL with ANY */
	void *regex;		/*!< compiled once */
};

/*! Set, in place of what it was. \a ctx owns what is kept. 0, or -EINVAL with \a why (static or of OTC_SELECT); then nothing is changed. */
int number_match_set(void *ctx, struct number_match *match, enum number_match_how how, const char *pattern, const char **why);
void number_match_clear(struct number_match *match);
/*! Does it match this dial string? "" is a number that is not given: only ANY, and an expression that says so, match it. */
bool number_match_hits(const struct number_match *match, const char *dial);
