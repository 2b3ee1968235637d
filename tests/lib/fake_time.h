/*! \file fake_time.h
 * Time as a test wants it: it stands still, and passes only by pass_ms(). Timers fire in order, each at its own moment. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

void fake_time_start(void);	/*!< from now on: wall clock (osmo_timer) and CLOCK_MONOTONIC */
void pump(void);		/*!< let the main loop do all it can do now: sockets, queues, due timers */
void pass_ms(unsigned long ms);	/*!< let time pass, with everything that falls due meanwhile */
