/*! \file sip_dtmf.h
 * Keys as bodies of INFO. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>

#include <osmocom/sipgw/call/leg.h>

#define SIP_DTMF_BODY_LEN 48

bool sip_dtmf_parse(struct leg_dtmf *dtmf, const char *type, const char *body);
void sip_dtmf_write(char buf[SIP_DTMF_BODY_LEN], const char *type, const struct leg_dtmf *dtmf);
