/*! \file mgcp_code.h
 * Return codes of a gateway (RFC 3435 2.4) and what we make of them. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdint.h>

/*! What to do after a command was refused. */
enum mgcp_advice {
	MGCP_ADVICE_FAIL,	/*!< it will be refused again, here and elsewhere */
	MGCP_ADVICE_AGAIN,	/*!< a moment later it may work */
	MGCP_ADVICE_OTHER,	/*!< not here, but another gateway may be able to */
	MGCP_ADVICE_LOST,	/*!< the connection that we had is gone */
};

/*! One return code. */
struct mgcp_code {
	uint16_t code;			/*!< 0 in a default */
	enum mgcp_advice on_new;	/*!< when a first connection was to be created */
	enum mgcp_advice on_live;	/*!< when something was to be done to an endpoint that we hold */
	uint8_t cause;			/*!< Q.850 cause value of the failure */
	const char *text;		/*!< for log and answers */
};

const struct mgcp_code *mgcp_code_get(uint16_t code);
