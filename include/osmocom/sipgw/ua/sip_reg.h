/*! \file sip_reg.h
 * Registrations of ours with a peer (RFC 3261 10.2): one per identity, kept up until they are removed or we stop.
 *
 * The Contact carries a parameter that others cannot guess, so that a call to it is known to be for this registration whatever address it comes from. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/socket.h>
#include <osmocom/core/utils.h>

struct sip_peer;
struct sip_reg;
struct sip_ua;
struct sip_uri;

#define SIP_REG_DEFAULT_EXPIRES_S 3600
#define SIP_REG_MIN_EXPIRES_S	  10

enum sip_reg_state {
	SIP_REG_OFF,		/*!< not started, or ended */
	SIP_REG_TRYING,		/*!< the first REGISTER, or one after a failure, is under way */
	SIP_REG_REGISTERED,
	SIP_REG_REFRESHING,	/*!< registered, and the next REGISTER is under way */
	SIP_REG_WAITING,	/*!< it failed: waiting to try again */
	SIP_REG_ENDING,		/*!< REGISTER with Expires 0 under way */
};

extern const struct value_string sip_reg_state_names[];

/*! For the operator. Strings are borrowed. */
struct sip_reg_info {
	const char *identity, *auth_user; /*!< auth_user: NULL if that is the peer's first one */
	uint32_t cfg_expires_s;
	enum sip_reg_state state;
	bool valid;		/*!< the registrar has us: registered, and the time not over */
	uint32_t left_s;	/*!< ... for so long */
	uint32_t next_s;	/*!< until the next REGISTER */
	uint16_t last_status;	/*!< 0: none yet, 408 also for no response */
	const char *why;	/*!< of the last failure, NULL if there was none since it was registered */
	const char *service_route; /*!< "" if none */
};

/*! Register \a identity (a user name) and keep it so; \a auth_user: whose credentials, NULL: those of that user name, else the first ones. Sent at once if
 * the UA is running. Setting it again changes it. 0, -EINVAL. */
int sip_reg_add(struct sip_peer *peer, const char *identity, const char *auth_user, uint32_t expires_s);
int sip_reg_del(struct sip_peer *peer, const char *identity); /*!< deregisters; 0 or -ENOENT */
void sip_reg_free_all(struct sip_peer *peer);		      /*!< the peer goes: deregistered without waiting for the answer */

void sip_regs_start(struct sip_ua *ua); /*!< the UA has started */
void sip_regs_stop(struct sip_ua *ua);	/*!< deregister all; sip_ua_idle() is true when the answers have come */
void sip_regs_drop(struct sip_ua *ua);	/*!< the UA stops: forget what is under way */
void sip_reg_kick(struct sip_peer *peer); /*!< its address changed, or it is back: register now */

struct sip_reg *sip_reg_next(const struct sip_peer *peer, const struct sip_reg *prev); /*!< NULL: the first */
void sip_reg_get_info(const struct sip_reg *reg, struct sip_reg_info *info);

/*! Whose registered contact is this Request-URI? By the parameter of our Contact; else, if the registrar lost that, by the identity, when \a from is an
 * address of the peer. NULL: nobody's. */
struct sip_peer *sip_reg_peer_of(const struct sip_ua *ua, const struct sip_uri *ruri, const struct osmo_sockaddr *from);
/*! Value of the Route header for calls to the peer (RFC 3608), of the registration of \a user or else the first that has one; "" if there is none. */
const char *sip_reg_route(const struct sip_peer *peer, const char *user);
