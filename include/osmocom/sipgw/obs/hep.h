/*! \file hep.h
 * Export of SIP and MGCP messages to a collector by HEP version 3 (Homer's encapsulation protocol), off by default. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdint.h>

struct hep;
struct trace;

#define HEP_DEFAULT_PORT 9060

/*! Set by the VTY, then hep_apply(). */
struct hep_cfg {
	char *addr;		/*!< of the collector, an IP address; NULL: off */
	uint16_t port;
	uint32_t agent_id;	/*!< who we are to the collector */
	char *auth_key;		/*!< NULL: none */
};

enum hep_ctr {
	HEP_CTR_SENT,
	HEP_CTR_FAILED,
};

/*! Freed by talloc_free(), before \a trace is. */
struct hep *hep_alloc(void *ctx, struct trace *trace);
struct hep_cfg *hep_cfg(struct hep *hep);
int hep_apply(struct hep *hep); /*!< 0 or negative errno */
struct rate_ctr_group *hep_ctrs(const struct hep *hep);
