/*! \file fake_mgw.h
 * A media gateway as a scenario sees it: it answers as osmo-mgw 1.10 does, remembers what it was told, and can be told to misbehave. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

uint16_t fake_mgw_start(void);	/*!< returns its port on 127.0.0.1 */
void fake_mgw_stop(void);

void mgw_is_silent(bool silent);	/*!< hears everything, answers nothing */
void mgw_refuses(int code);		/*!< answer the next command with this code; 0: no more */
void mgw_loses(unsigned int n);		/*!< the next n commands do not arrive */
void mgw_restarts(void);		/*!< forgets all endpoints */
void mgw_probes(bool probes);		/*!< takes another port when it learns the remote side ("rtp ip-probing") */
void mgw_has(bool ipv4, bool ipv6);	/*!< its addresses; both: IPv6 as long as it does not know to whom (as it begins: IPv4) */
void mgw_heard(void);			/*!< print the commands since the last time, without keep-alives */
unsigned int mgw_n_connections(void);
