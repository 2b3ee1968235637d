/* Log lines that somebody else can cause as often as he likes.
 *
 * What happens once is told at once. What happens a thousand times is told once per interval, so that a flood of
 * packets is no flood of log lines; how often it was stays known to the counters. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>

#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/log_limit.h>

const char *log_limit_pass(struct log_limit *limit)
{
	static char more[64];
	struct timespec now;
	uint64_t now_ms;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = now.tv_sec * 1000ull + now.tv_nsec / 1000000;
	if (limit->begun && now_ms - limit->last_ms < LOG_LIMIT_INTERVAL_MS) {
		limit->left_out++;
		return NULL;
	}
	more[0] = '\0';
	if (limit->left_out)
		snprintf(more, sizeof(more), " (%u more since the last such line)", limit->left_out);
	*limit = (struct log_limit){ .begun = true, .last_ms = now_ms };
	return more;
}
