/*! \file log.h
 * Logging categories of the daemon: one per thing an operator would want to turn up on its own. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/logging.h>

enum sipgw_log_category {
	DMAIN,	/*!< start, stop, configuration */
	DCALL,	/*!< calls: routing, the call FSM, the dispatch queue */
	DGSM,	/*!< GSM legs */
	DMNCC,	/*!< the MNCC link and its messages */
	DMGCP,	/*!< media gateways, endpoints, MGCP transactions */
	DSIP,	/*!< SIP user agent: peers, dialogs, sessions, SIP legs */
	DSIPTRX, /*!< SIP transactions and transports */
	DOBS,	/*!< records, ladders, exports of what happened */
};

extern const struct log_info sipgw_log_info;
