/*! \file gsm_leg.h
 * The GSM leg: a call-agent leg whose call control is MNCC and whose media is an endpoint of a media gateway. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/call/leg.h>

struct calls;
struct mncc_link;
struct mncc_msg;
struct mgw_pool;

/*! What GSM legs need to work; leg_kind.priv of the kind "gsm". */
struct gsm_leg_env {
	struct calls *calls;
	struct mncc_link *mncc;
	struct mgw_pool *mgws;
};

/*! How a phone hears that the other side holds. */
enum gsm_hold_notify {
	GSM_HOLD_NOTIFY,	/*!< NOTIFY: user suspended, resumed (3GPP TS 24.008 10.5.4.20) */
	GSM_HOLD_FACILITY,	/*!< FACILITY: NotifySS with callOnHold-Indicator (3GPP TS 24.083 2) */
	GSM_HOLD_NOTHING,
};

extern const struct value_string gsm_hold_notify_names[];

/*! Set by the VTY, effective at once. */
struct gsm_leg_cfg {
	enum gsm_hold_notify hold_notify;
	uint8_t more_codecs[6];	/*!< enum sdp_codec_id, ended by 0: what phones and MSC can beyond GSM, for offers before the MSC has said so */
	char cell[24];		/*!< where phones are, cgi-3gpp of RFC 7315 5.4, since MNCC does not say it; "": not known */
};

struct gsm_leg_cfg *gsm_leg_cfg(const struct leg_kind *kind);

const struct leg_kind *gsm_leg_kind_alloc(void *ctx, const struct gsm_leg_env *env);
/*! For mncc_link_ops.setup_ind: a call from a phone. \a kind is the one made above. */
bool gsm_leg_setup_ind(const struct leg_kind *kind, const struct mncc_msg *msg);
