/*! \file health_internal.h
 * Between health.c, which remembers, and health_parts.c, which looks. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdint.h>

#include <osmocom/sipgw/health/health.h>

/*! Calls that found no codec in common with a peer, the latest ones. */
struct health_codec_trouble {
	uint64_t last_ms;	/*!< CLOCK_MONOTONIC; 0: never */
	unsigned int n;		/*!< in a row, with less than ten minutes between them */
	uint32_t call_id;
	uint8_t cause;
	char peer[65], text[116];
};

struct health_facts {
	const struct sipgw *gw;
	const char *ctrl_why;
	const struct health_codec_trouble *codecs;
	uint64_t now_ms;
};

#define HEALTH_CODEC_MEMORY_MS 600000

/*! Look at everything, in the order of the screen. */
void health_parts(const struct health_facts *facts, health_cb cb, void *data);
