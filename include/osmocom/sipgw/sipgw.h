/*! \file sipgw.h
 * The root object: everything the daemon consists of, tied together. Only src/sipgw.c, src/vty/ and main.c know all of it. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <osmocom/core/timer.h>

struct calls;
struct cdr;
struct hep;
struct health;
struct metrics;
struct trace;
struct mgw_pool;
struct mncc_link;
struct sip_ua;

/*! How long a stop may take: calls are told to end, both sides get their answers, then it is over (milliseconds). */
#define SIPGW_STOP_MS 5000

struct sipgw {
	struct calls *calls;
	struct mncc_link *mncc;
	struct mgw_pool *mgws;
	struct sip_ua *ua;
	struct cdr *cdr;
	struct trace *trace;
	struct hep *hep;
	struct health *health;	/*!< looks on, hung on by main.c */
	struct metrics *metrics;
	const struct leg_kind *gsm_kind, *sip_kind, *test_kind;
	bool running;		/*!< started, sockets are open */
	bool stopping;		/*!< sipgw_stop() was called */
	bool quit;		/*!< the main loop ends */
	bool drain_exit;	/*!< calls->draining: stop when no call is left */
	bool check_only;	/*!< the configuration is checked: open nothing */
	struct osmo_timer_list drain_timer;
	struct osmo_timer_list stop_timer;
	struct timespec stop_by; /*!< CLOCK_MONOTONIC: then it ends whatever is still there */
};

struct sipgw *sipgw_alloc(void *ctx);
int sipgw_listen(struct sipgw *gw, const char **why);
void sipgw_start(struct sipgw *gw);
void sipgw_stop(struct sipgw *gw);	/*!< end all calls, then set quit; at a second call, or after a bounded time, at once */
/*! Take no new calls but emergency calls (\a on), or take them again; \a exit: and stop when none is left. */
void sipgw_drain(struct sipgw *gw, bool on, bool exit);
void sipgw_reopen(struct sipgw *gw);	/*!< SIGHUP: what is kept in files is opened anew */
void sipgw_reload(struct sipgw *gw);	/*!< files that may have changed are read again: certificates */
void sipgw_free(struct sipgw *gw);
