/*! \file log_limit.h
 * Log lines that somebody else can cause as often as he likes, by a packet each: one per interval, with the number of those left out. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_INTERVAL_MS 10000

/*! One kind of line; all zero to begin with. */
struct log_limit {
	unsigned int left_out;	/*!< since the last line */
	bool begun;		/*!< a line was written */
	uint64_t last_ms;	/*!< when, CLOCK_MONOTONIC */
};

/*! Something happened that is worth a line. \returns NULL if none is to be written now; else what to write at its end: "", or how many were left out
 * since the last one, in static memory until the next call. */
const char *log_limit_pass(struct log_limit *limit);
