/*! \file mgw.h
 * A media gateway as the call agent sees it: address, up/down by keep-alive, its transactions, its endpoints (RFC 3435). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/utils.h>

struct mgw;
struct mgw_endp;

/*! Configuration of one gateway; the VTY sets it, mgw_apply() takes it over. */
struct mgw_cfg {
	char *remote_addr;	/*!< IP address, default 127.0.0.1 */
	uint16_t remote_port;	/*!< default 2427 */
	char *local_addr;	/*!< NULL: any */
	uint16_t local_port;	/*!< 0: any; call agent's default port would be 2727 */
	char *domain;		/*!< of its endpoint names, default "mgw" */
	char *endpoint;		/*!< local name of the endpoints to ask for, default "rtpbridge"; CRCX goes to a wildcard of it */
	bool no_probe;		/*!< do not ask for an endpoint when it comes up */
	bool reset_endpoints;	/*!< DLCX everything when it comes up: only for a gateway that nobody shares; default no */
};

enum mgw_state {
	MGW_ST_OFF,	/*!< not started */
	MGW_ST_DOWN,	/*!< does not answer */
	MGW_ST_UP,
};

enum mgw_ctr {
	MGW_CTR_CRCX, MGW_CTR_MDCX, MGW_CTR_DLCX, MGW_CTR_AUEP, MGW_CTR_RETRANS, MGW_CTR_TIMEOUT, MGW_CTR_REFUSED, MGW_CTR_RX_MALFORMED,
	MGW_CTR_RX_COMMAND, MGW_CTR_RX_STRAY, MGW_CTR_ZOMBIE_DLCX, MGW_CTR_DOWN, MGW_CTR_RESTART,
	MGW_CTR_AUDIT, MGW_CTR_SWEEP, MGW_CTR_SWEPT, MGW_CTR_RTP_TX, MGW_CTR_RTP_RX, MGW_CTR_RTP_LOST,
};

enum mgw_stat {
	MGW_STAT_ENDPOINTS, MGW_STAT_RTT,
};

/*! Does it give us endpoints? Found out with a real one, by mgw_set_probing(). */
enum mgw_probe {
	MGW_PROBE_NONE,		/*!< not tried, or what was found out is not true any more */
	MGW_PROBE_TRYING,
	MGW_PROBE_ACCEPTED,
	MGW_PROBE_REFUSED,	/*!< it said no: see the code */
	MGW_PROBE_FAILED,	/*!< it did not work for another reason: it was silent, or its answer of no use */
};

extern const struct value_string mgw_state_names[];
extern const struct value_string mgw_probe_names[];

struct mgw *mgw_alloc(void *ctx, const char *name);
struct mgw_cfg *mgw_cfg(struct mgw *mgw);
int mgw_start(struct mgw *mgw);		/*!< open the socket, begin with keep-alives; negative errno: not yet, it goes on trying */
int mgw_apply(struct mgw *mgw);		/*!< configuration changed: reopen if the addresses did; endpoints in use go on where they are.
					 * -EBUSY: these keep the address, so it is done when the last has ended */
void mgw_stop(struct mgw *mgw);
const char *mgw_name(const struct mgw *mgw);
enum mgw_state mgw_get_state(const struct mgw *mgw);

/*! For the operator. */
struct mgw_info {
	enum mgw_state state;
	uint64_t since_ms;
	unsigned int n_endpoints;	/*!< in use or being deleted */
	unsigned int n_parked;		/*!< to be deleted when the gateway answers again */
	unsigned int n_transactions;	/*!< under way */
	unsigned int srtt_ms, rto_ms;	/*!< measured round trip and present retransmission time-out */
	int last_error_code;		/*!< last return code >= 400, 0 if none */
	char last_error[64];		/*!< the gateway's own words about it */
	uint64_t error_ms;		/*!< when, CLOCK_MONOTONIC */
	bool error_is_past;		/*!< it has created connections since, or the configuration was changed */
	enum mgw_probe probe;
	int probe_code;			/*!< REFUSED: its return code */
	char probe_why[96];		/*!< REFUSED, FAILED: a sentence */
};
void mgw_get_info(const struct mgw *mgw, struct mgw_info *info);
/*! Ask for an endpoint, and delete it, whenever the gateway comes up (unless its configuration says no_probe); again with each keep-alive while it is
 * refused. Off until then. */
void mgw_set_probing(struct mgw *mgw, bool on);
struct rate_ctr_group *mgw_ctrs(const struct mgw *mgw);
