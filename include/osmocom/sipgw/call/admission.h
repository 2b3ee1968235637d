/*! \file admission.h
 * How many calls there may be: in total, per direction, and per subscriber and direction. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/hashtable.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/call/cause.h>
#include <osmocom/sipgw/call/leg.h>

struct call;
struct calls;

enum admission_limit {
	ADMIT_TOTAL,
	ADMIT_MO,		/*!< from phones */
	ADMIT_MT,		/*!< from SIP peers */
	ADMIT_SUBSCRIBER_MO,	/*!< of one calling phone */
	ADMIT_SUBSCRIBER_MT,	/*!< to one called phone */
	_NUM_ADMISSION_LIMITS
};

extern const struct value_string admission_limit_names[];

struct admission {
	uint32_t limits[_NUM_ADMISSION_LIMITS];	/*!< 0: none */
	unsigned int n[2];			/*!< calls admitted and not ended; by struct call.mt */
	DECLARE_HASHTABLE(subscribers, 10);	/*!< those with calls, while a limit for them is set */
	struct log_limit log;
};

void admission_init(struct admission *adm);
/*! A new call, its parties as they are looked up: may it be? True also when it takes the place that it has already; if so it is counted until
 * admission_leave(). Emergency calls always may. False with \a why. */
bool admission_enter(struct call *call, struct cause *why);
/*! Would a call with these parties be admitted now? Nothing is counted. */
bool admission_look_ahead(const struct calls *calls, bool mt, const struct call_parties *parties);
void admission_leave(struct call *call); /*!< it has ended; nothing happens if it was not counted */
