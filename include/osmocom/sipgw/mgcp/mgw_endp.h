/*! \file mgw_endp.h
 * One endpoint of a media gateway with up to two connections, driven by what its user wants.
 *
 * The user says what each connection should be (mgw_endp_want()); the endpoint gets there by CRCX and MDCX, one command at a time, and reports.
 * Whatever goes wrong, and when it is released, everything it ever created on the gateway is deleted: the object outlives its user until
 * the gateway has confirmed that or is gone.
 *
 * After the callback has returned from FAILED, and after mgw_endp_release(), the pointer is not the user's any more. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>

#include <osmocom/sipgw/mgcp/mgw.h>
#include <osmocom/sipgw/sdp/sdp_msg.h>

struct mgw_endp;

/*! The two connections of an endpoint. */
enum mgw_conn {
	MGW_CONN_CORE,	/*!< towards the GSM core */
	MGW_CONN_PEER,	/*!< towards the SIP side */
	_NUM_MGW_CONNS
};

enum mgw_mode {
	MGW_MODE_RECVONLY, /*!< also stands for hold: osmo-mgw has no "inactive" */
	MGW_MODE_SENDONLY,
	MGW_MODE_SENDRECV,
};

/*! What a connection should be. */
struct mgw_want {
	enum mgw_mode mode;		/*!< SENDRECV and SENDONLY need remote */
	struct sdp_format codec;	/*!< the one codec, with the payload type for this connection */
	struct sdp_format event;	/*!< telephone-event, or enc "" for none */
	uint16_t ptime;			/*!< ms, 0: 20 */
	struct osmo_sockaddr_str remote; /*!< where to send; af AF_UNSPEC or port 0: not known yet */
	/*! As long as remote is not known: an address (port unused) near to where it will be, so that the gateway receives at one of the
	 * same IP version, and not at its loopback for somebody outside. Nothing is sent there but perhaps a dummy to the discard port. */
	struct osmo_sockaddr_str near;
};

enum mgw_endp_event {
	MGW_ENDP_READY,		/*!< a connection is what was wanted last; local is its address */
	MGW_ENDP_FAILED,	/*!< the endpoint is of no use any more (it deletes itself on the gateway); cause says why. Last event. */
};

struct mgw_endp_report {
	enum mgw_endp_event event;
	enum mgw_conn conn;
	struct osmo_sockaddr_str local;	/*!< READY: where the gateway receives */
	uint8_t pt;			/*!< READY: payload type of the codec that the gateway answered with: the one wanted if remote was given,
					 * else perhaps one of its own choice */
	uint8_t cause;			/*!< FAILED: Q.850 cause value */
	const char *why;		/*!< FAILED: a sentence */
	bool other_gateway;		/*!< FAILED: another gateway may be able to do it */
};

/*! Called from the gateway's socket or a timer, never from inside mgw_endp_want(). mgw_endp_release() inside is allowed. */
typedef void (*mgw_endp_cb)(struct mgw_endp *endp, const struct mgw_endp_report *report, void *data);

/*! Take an endpoint of \a mgw (nothing is sent before the first want). Owned by the gateway; the user lets go by mgw_endp_release().
 * NULL if the gateway is not started. */
struct mgw_endp *mgw_endp_alloc(struct mgw *mgw, mgw_endp_cb cb, void *data);
void mgw_endp_want(struct mgw_endp *endp, enum mgw_conn conn, const struct mgw_want *want);
/*! The user is done: no callback from now on, DLCX if anything was or may have been created. NULL is allowed. */
void mgw_endp_release(struct mgw_endp *endp);
const char *mgw_endp_name(const struct mgw_endp *endp);	/*!< "rtpbridge/1@mgw", or "" before it is known */
uint64_t mgw_endp_call_id(const struct mgw_endp *endp); /*!< what "C:" says in its commands: key of wire_bind() and of its wire_media_stats */
