/*! \file sip_redirect.h
 * 3xx: whom to call instead. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

struct sip_flow;
struct sip_msg;
struct sip_session;
struct sip_session_info;

int sip_redirect_to(struct sip_session_info *info, const struct sip_session *s, const char *value, const struct sip_flow *from);
void sip_redirect_from(struct sip_session_info *info, const struct sip_session *s, const struct sip_msg *resp, const struct sip_flow *from);
