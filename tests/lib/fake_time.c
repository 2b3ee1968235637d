/* Virtual time on top of libosmocore's overrides. The main loop never sleeps: each turn polls, and time is moved to the next timer. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <poll.h>
#include <sys/time.h>
#include <time.h>

#include <osmocom/core/select.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/turn.h>

#include "fake_time.h"

static void advance_us(long us)
{
	osmo_gettimeofday_override_add(us / 1000000, us % 1000000);
	osmo_clock_override_add(CLOCK_MONOTONIC, us / 1000000, us % 1000000 * 1000);
}

void fake_time_start(void)
{
	osmo_gettimeofday_override = true;
	osmo_gettimeofday_override_time = (struct timeval){ .tv_sec = 1000000 };
	osmo_clock_override_enable(CLOCK_MONOTONIC, true);
	*osmo_clock_override_gettimespec(CLOCK_MONOTONIC) = (struct timespec){ .tv_sec = 5000 };
}

/* us until the next timer, -1 if there is none */
static long next_timer_us(void)
{
	osmo_timers_prepare();
	struct timeval *next = osmo_timers_nearest();
	return next ? next->tv_sec * 1000000L + next->tv_usec : -1;
}

/* Loopback delivers at once, so a few empty turns in a row mean that nothing is left to do. */
void pump(void)
{
	unsigned int idle = 0;

	while (idle < 3) {
		bool more = turn_end();
		if (osmo_select_main_ctx(1) > 0 || more || next_timer_us() == 0)
			idle = 0;
		else
			idle++;
	}
}

void pass_ms(unsigned long ms)
{
	long left = ms * 1000L;

	pump();
	while (left > 0) {
		long step = next_timer_us();
		if (step < 0 || step > left)
			step = left;
		if (step == 0)
			step = 1;
		advance_us(step);
		left -= step;
		pump();
	}
}
