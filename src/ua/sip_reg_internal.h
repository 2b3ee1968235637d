/*! \file sip_reg_internal.h
 * A registration from inside: sip_reg.c (object, and who finds it), sip_reg_msg.c (REGISTER and what the 200 says), sip_reg_fsm.c (what it does). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/ua/sip_reg.h>

#include "sip_auth.h"
#include "sip_request.h"

struct sip_reg {
	struct llist_head entry; /*!< peer->regs */
	struct sip_ua *ua;
	struct sip_peer *peer;
	struct osmo_fsm_inst *fi;
	char *identity;
	char *auth_user; /*!< NULL: not said */
	uint32_t cfg_expires_s;
	uint32_t expires_s; /*!< asked for: as configured, or as much as a 423 wanted */
	char call_id[SIP_CALL_ID_LEN], tag[SIP_TAG_LEN];
	char line[17]; /*!< parameter of the Contact */
	uint32_t cseq;
	struct sip_request *req; /*!< under way */
	struct osmo_timer_list timer; /*!< to the next REGISTER */
	uint64_t timer_ms;	      /*!< when that is */
	uint64_t valid_until_ms;      /*!< 0: the registrar does not have us */
	unsigned int n_failed;	      /*!< in a row */
	uint16_t tried;		      /*!< addresses of the peer that failed, one after another */
	uint16_t last_status;
	char why[80];
	char *service_route;
	bool removing; /*!< to be freed when it is off */
	bool restart;  /*!< to be begun again when it is off */
};

enum sip_reg_event {
	SIP_REG_EV_GO,	   /*!< register now: time has come, or the peer is back */
	SIP_REG_EV_OK,	   /*!< 200; data: struct sip_msg */
	SIP_REG_EV_FAILED, /*!< data: struct sip_reg_failure */
	SIP_REG_EV_END,	   /*!< deregister */
	SIP_REG_EV_DROP,   /*!< the UA stops: nothing is sent any more */
};

struct sip_reg_failure {
	uint16_t status;
	const char *text;
	unsigned int retry_after_s; /*!< 0: not said */
};

extern struct osmo_fsm sip_reg_fsm;

uint64_t sip_reg_now_ms(void);
bool sip_reg_is_valid(const struct sip_reg *reg);
void sip_reg_free(struct sip_reg *reg);

/* sip_reg_msg.c */
/*! 0 or negative errno. Outcome: SIP_REG_EV_OK, SIP_REG_EV_FAILED, later. With ops NULL nobody waits for it. */
int sip_reg_tx(struct sip_reg *reg, uint32_t expires_s, bool wait);
/*! How long the registrar keeps our contact, by its 200; 0: it does not. */
uint32_t sip_reg_granted_s(const struct sip_reg *reg, const struct sip_msg *resp);
void sip_reg_take_route(struct sip_reg *reg, const struct sip_msg *resp);
