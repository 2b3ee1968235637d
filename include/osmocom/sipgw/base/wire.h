/*! \file wire.h
 * The wire-trace hook: everything said on a wire passes here once, for whoever wants to record or export it. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct osmo_sockaddr;

enum wire_proto {
	WIRE_SIP,
	WIRE_MGCP,
	WIRE_MNCC,
};

enum wire_dir {
	WIRE_RX, /*!< we received it */
	WIRE_TX, /*!< we sent it */
};

/*! One message as it was on the wire. Everything is borrowed for the duration of the hook. */
struct wire_msg {
	enum wire_proto proto;
	enum wire_dir dir;
	const struct osmo_sockaddr *local;	/*!< may be NULL */
	const struct osmo_sockaddr *remote;	/*!< may be NULL */
	const void *data;
	size_t len;
};

/*! Called for each message when set. Must not send anything itself. */
extern void (*wire_trace_hook)(const struct wire_msg *msg);

static inline void wire_trace(const struct wire_msg *msg)
{
	if (wire_trace_hook)
		wire_trace_hook(msg);
}
