/*! \file story.h
 * Words that scenarios are told in. What they print goes to standard output and so into the .ok file; the debug log goes to standard error. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdio.h>
#include <stdlib.h>

void story_init(void *ctx);	/*!< logging to stderr, talloc contexts; call first */
unsigned int log_lines(void);	/*!< how many lines of level notice and above were logged since it was asked last */
void btw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/*!< tell what happens next */

/*! End the test if \a cond does not hold. */
#define EXPECT(cond) do { \
		if (!(cond)) { \
			printf("%s:%d: not as expected: %s\n", __FILE__, __LINE__, #cond); \
			fflush(stdout); \
			exit(1); \
		} \
	} while (0)
