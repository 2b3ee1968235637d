/*! \file wire.h
 * The wire-trace hook: everything said on a wire passes here once, for whoever wants to record or export it. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
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
	bool stream;				/*!< over TCP or TLS, else UDP or a unix socket */
	const char *name;			/*!< what it is, if the protocol is no text; else NULL */
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

/*! Which call an identifier on a wire belongs to: told by the legs as soon as they know, for whoever records. \a key is for SIP token_hash_str() of the
 * Call-ID, for MNCC the callref, for MGCP the number that "C:" has in hex. \a side_b: it is the one's that was called. */
extern void (*wire_bind_hook)(enum wire_proto proto, uint64_t key, uint32_t call_id, bool side_b);

static inline void wire_bind(enum wire_proto proto, uint64_t key, uint32_t call_id, bool side_b)
{
	if (wire_bind_hook)
		wire_bind_hook(proto, key, call_id, side_b);
}

/*! What the media gateway has counted at one connection; it is told when the connection is deleted, which may be after the end of the call. */
struct wire_media_stats {
	uint64_t key;		/*!< as for wire_bind(), WIRE_MGCP */
	bool core;		/*!< the connection towards the GSM core, else the one towards the SIP side */
	uint32_t packets_tx, octets_tx, packets_rx, octets_rx, packets_lost;
	uint32_t jitter_ms, latency_ms;
};

extern void (*wire_media_stats_hook)(const struct wire_media_stats *stats);
