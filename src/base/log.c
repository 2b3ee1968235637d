/* The logging categories and their defaults. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>

static const struct log_info_cat categories[] = {
	[DMAIN] = {
		.name = "DMAIN", .description = "Start, stop and configuration",
		.enabled = 1, .loglevel = LOGL_NOTICE,
	},
	[DCALL] = {
		.name = "DCALL", .description = "Calls: routing, states, the dispatch queue",
		.color = OSMO_LOGCOLOR_GREEN, .enabled = 1, .loglevel = LOGL_NOTICE,
	},
	[DGSM] = {
		.name = "DGSM", .description = "GSM legs",
		.color = OSMO_LOGCOLOR_YELLOW, .enabled = 1, .loglevel = LOGL_NOTICE,
	},
	[DMNCC] = {
		.name = "DMNCC", .description = "MNCC link to the MSC",
		.color = OSMO_LOGCOLOR_PURPLE, .enabled = 1, .loglevel = LOGL_NOTICE,
	},
	[DMGCP] = {
		.name = "DMGCP", .description = "Media gateways and their endpoints (MGCP)",
		.color = OSMO_LOGCOLOR_CYAN, .enabled = 1, .loglevel = LOGL_NOTICE,
	},
	[DSIP] = {
		.name = "DSIP", .description = "SIP user agent: peers, dialogs, sessions",
		.color = OSMO_LOGCOLOR_BLUE, .enabled = 1, .loglevel = LOGL_NOTICE,
	},
	[DSIPTRX] = {
		.name = "DSIPTRX", .description = "SIP transactions and transports",
		.color = OSMO_LOGCOLOR_DARKBLUE, .enabled = 1, .loglevel = LOGL_NOTICE,
	},
	[DOBS] = {
		.name = "DOBS", .description = "Call records, ladders, exports",
		.enabled = 1, .loglevel = LOGL_NOTICE,
	},
};

const struct log_info sipgw_log_info = {
	.cat = categories,
	.num_cat = ARRAY_SIZE(categories),
};
