/*! \file sip_target.h
 * The addresses of a peer: what its name was resolved to, which of them a call takes, and how each of them is (RFC 3263 4, RFC 2782). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/hashtable.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/ua/sip_peer.h>

#include <osmocom/sipgw/sip/sip_resolve.h>

struct sip_msg;
struct sip_trx;
struct sip_ua;

struct sip_target {
	struct hlist_node node; /*!< ua->by_addr */
	struct sip_peer *peer;
	struct sip_addr where;
	uint8_t slot; /*!< its bit in the masks of what was tried; kept for life */
	/* health (sip_health.c) */
	enum sip_target_state state;
	uint8_t n_bad, n_good;	  /*!< in a row */
	uint64_t busy_until_ms;	  /*!< its 503 said so */
	uint64_t down_ms;	  /*!< since when it is down */
	const char *why;	  /*!< what was wrong last; static */
	struct osmo_timer_list timer; /*!< next OPTIONS, or next chance */
	struct sip_trx *options;
};

/* sip_target.c */
bool sip_targets_set(struct sip_peer *peer, const struct sip_addr *addrs, unsigned int n);
void sip_targets_clear(struct sip_peer *peer);
struct sip_target *sip_target_by_addr(const struct sip_peer *peer, const struct osmo_sockaddr *addr);
/*! Which address to try now: \a tried has a bit per slot of those that were. NULL: none that is worth it. */
struct sip_target *sip_target_pick(const struct sip_peer *peer, uint16_t tried, struct sip_flow *to);
bool sip_target_flow(const struct sip_target *t, struct sip_flow *to);
bool sip_target_is_well(const struct sip_target *t);
int sip_target_str_buf(char *buf, size_t len, const struct sip_target *t);

/* sip_health.c */
void sip_health_begin(struct sip_target *t); /*!< it is new, or settings have changed */
void sip_health_end(struct sip_target *t);
void sip_health_good(struct sip_target *t);
void sip_health_bad(struct sip_target *t, const char *why); /*!< \a why: static half-sentence */
void sip_health_busy(struct sip_target *t, unsigned int retry_after_s);
void sip_health_update_peer(struct sip_peer *peer);
bool sip_health_status_is_good(uint16_t status);
unsigned int sip_retry_after(const struct sip_msg *resp); /*!< seconds, 0 if not said */
uint64_t sip_now_ms(void);
