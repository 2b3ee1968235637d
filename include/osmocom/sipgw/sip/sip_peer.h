/*! \file sip_peer.h
 * A SIP peer: the PBX, proxy or provider that calls go to and come from. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/utils.h>
#include <osmocom/core/socket.h>

struct sip_ua;

enum sip_peer_ctr {
	SIP_PEER_CTR_OUT, SIP_PEER_CTR_OUT_ANSWERED, SIP_PEER_CTR_OUT_FAILED, SIP_PEER_CTR_OUT_TIMEOUT, SIP_PEER_CTR_IN, SIP_PEER_CTR_IN_ANSWERED,
	SIP_PEER_CTR_IN_FAILED,
};

enum sip_dtmf_mode {
	SIP_DTMF_INFO_RELAY,	/*!< INFO with application/dtmf-relay */
	SIP_DTMF_INFO,		/*!< INFO with application/dtmf */
	SIP_DTMF_NONE,
};

extern const struct value_string sip_dtmf_mode_names[];

/*! Set by the VTY, effective for the next call. */
struct sip_peer_cfg {
	char *remote_addr;	/*!< IP address; NULL: not configured yet */
	uint16_t remote_port;	/*!< default 5060 */
	int transport;		/*!< enum sip_transport_id */
	int media_mode;		/*!< enum media_mode of the calls; default anchored */
	int dtmf;		/*!< enum sip_dtmf_mode */
	char *domain;		/*!< host part of From, To and Request-URI; NULL: the addresses */
};

struct sip_peer {
	struct llist_head entry;
	struct sip_ua *ua;
	char *name;
	struct sip_peer_cfg cfg;
	struct osmo_sockaddr remote;	/*!< from cfg by sip_peer_apply() */
	bool usable;			/*!< has a valid remote address */
	unsigned int n_calls;
	uint16_t last_status;		/*!< last final response to an INVITE of ours, 0: none yet, 408 also for no response at all */
	struct rate_ctr_group *ctrs;
};

struct sip_peer *sip_peer_alloc(struct sip_ua *ua, const char *name);
void sip_peer_free(struct sip_peer *peer);	/*!< sessions that use it go on */
int sip_peer_apply(struct sip_peer *peer);	/*!< configuration changed. 0 or -EINVAL */
struct sip_peer *sip_peer_find(const struct sip_ua *ua, const char *name);
struct sip_peer *sip_peer_by_addr(const struct sip_ua *ua, const struct osmo_sockaddr *from); /*!< address and port, else address alone */
