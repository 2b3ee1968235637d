/*! \file health_internal.h
 * Between health.c, which remembers, and health_parts.c and health_sip.c, which look. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdint.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/health/health.h>

/*! Calls that had no codec in common with a peer, or no IP version: the latest ones. */
struct health_media_trouble {
	uint64_t last_ms;	/*!< CLOCK_MONOTONIC; 0: never */
	unsigned int n;		/*!< in a row, with less than ten minutes between them */
	uint32_t call_id;
	uint8_t cause;
	char peer[65], text[116];
};

struct health_facts {
	const struct sipgw *gw;
	const char *ctrl_why;
	const struct health_media_trouble *codecs, *addresses;
	uint64_t now_ms;
};

#define HEALTH_MEDIA_MEMORY_MS 600000

/*! Look at everything, in the order of the screen. */
void health_parts(const struct health_facts *facts, health_cb cb, void *data);

/*! One look. */
struct health_screen {
	const struct health_facts *facts;
	const struct sipgw *gw;
	health_cb cb;
	void *data;
};

#define SAY(fmt, args...) talloc_asprintf(OTC_SELECT, fmt, ##args)

/*! The worst that is found counts, of equals the first. */
void health_found(struct health_finding *f, enum health_word word, const char *name, const char *text, const char *to_do);
void health_tell(const struct health_screen *s, const struct health_finding *f);
const char *health_ago(uint64_t ms); /*!< "5 min", in OTC_SELECT */

/* health_sip.c */
void health_look_sip(const struct health_screen *s);
void health_look_tls(const struct health_screen *s);
void health_look_peers(const struct health_screen *s);
