/* Registrations as objects: set and removed by the operator, found by the calls that come to their contacts. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_reg_internal.h"

const struct value_string sip_reg_state_names[] = { { SIP_REG_OFF, "off" },
						    { SIP_REG_TRYING, "trying" },
						    { SIP_REG_REGISTERED, "registered" },
						    { SIP_REG_REFRESHING, "refreshing" },
						    { SIP_REG_WAITING, "failed, waiting" },
						    { SIP_REG_ENDING, "ending" },
						    {} };

uint64_t sip_reg_now_ms(void)
{
	struct timespec ts;

	osmo_clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

bool sip_reg_is_valid(const struct sip_reg *reg)
{
	return reg->valid_until_ms > sip_reg_now_ms();
}

static struct sip_reg *find(const struct sip_peer *peer, const char *identity)
{
	struct sip_reg *reg;

	llist_for_each_entry (reg, &peer->regs, entry) {
		if (strcmp(reg->identity, identity) == 0)
			return reg;
	}
	return NULL;
}

static void time_has_come(void *data)
{
	struct sip_reg *reg = data;

	reg->timer_ms = 0;
	osmo_fsm_inst_dispatch(reg->fi, SIP_REG_EV_GO, NULL);
}

static struct sip_reg *reg_alloc(struct sip_peer *peer, const char *identity)
{
	struct osmo_fsm_inst *fi = osmo_fsm_inst_alloc(&sip_reg_fsm, peer, NULL, LOGL_DEBUG, NULL);
	struct sip_reg *reg;

	if (!fi)
		return NULL;
	reg = talloc_zero(fi, struct sip_reg);
	if (!reg) {
		osmo_fsm_inst_free(fi);
		return NULL;
	}
	fi->priv = reg;
	reg->fi = fi;
	reg->peer = peer;
	reg->ua = peer->ua;
	reg->identity = talloc_strdup(reg, identity);
	token_hex(reg->call_id, SIP_CALL_ID_LEN - 1);
	token_hex(reg->tag, SIP_TAG_LEN - 1);
	osmo_timer_setup(&reg->timer, time_has_come, reg);
	llist_add_tail(&reg->entry, &peer->regs);
	return reg;
}

void sip_reg_free(struct sip_reg *reg)
{
	osmo_timer_del(&reg->timer);
	if (reg->req)
		sip_request_detach(reg->req);
	reg->req = NULL;
	llist_del(&reg->entry);
	osmo_fsm_inst_free(reg->fi);
}

/* ---- for the operator ---- */

static bool is_identity(const char *identity)
{
	const char *p;

	for (p = identity; *p; p++) {
		if (iscntrl((unsigned char)*p) || strchr(" \"<>", *p))
			return false;
	}
	return p != identity && p - identity <= 64;
}

static void begin(struct sip_reg *reg, unsigned long ms)
{
	if (reg->fi->state == SIP_REG_ENDING) {
		reg->restart = true;
		return;
	}
	reg->timer_ms = sip_reg_now_ms() + ms;
	timer_start_ms(&reg->timer, ms);
}

int sip_reg_add(struct sip_peer *peer, const char *identity, const char *auth_user, uint32_t expires_s)
{
	struct sip_reg *reg = find(peer, identity);

	if (!is_identity(identity) || expires_s < SIP_REG_MIN_EXPIRES_S)
		return -EINVAL;
	if (!reg)
		reg = reg_alloc(peer, identity);
	if (!reg)
		return -ENOMEM;
	reg->removing = false;
	osmo_talloc_replace_string(reg, &reg->auth_user, auth_user);
	reg->cfg_expires_s = reg->expires_s = expires_s;
	if (peer->ua->started)
		begin(reg, 0);
	return 0;
}

int sip_reg_del(struct sip_peer *peer, const char *identity)
{
	struct sip_reg *reg = find(peer, identity);

	if (!reg || reg->removing)
		return -ENOENT;
	reg->removing = true;
	reg->restart = false;
	osmo_fsm_inst_dispatch(reg->fi, SIP_REG_EV_END, NULL);
	return 0;
}

void sip_reg_free_all(struct sip_peer *peer)
{
	struct sip_reg *reg, *next;

	llist_for_each_entry_safe (reg, next, &peer->regs, entry) {
		if ((sip_reg_is_valid(reg) || reg->req) && reg->fi->state != SIP_REG_ENDING)
			sip_reg_tx(reg, 0, false);
		sip_reg_free(reg);
	}
}

struct sip_reg *sip_reg_next(const struct sip_peer *peer, const struct sip_reg *prev)
{
	const struct llist_head *at = prev ? prev->entry.next : peer->regs.next;

	for (; at != &peer->regs; at = at->next) {
		struct sip_reg *reg = llist_entry(at, struct sip_reg, entry);
		if (!reg->removing)
			return reg;
	}
	return NULL;
}

static uint32_t s_left(uint64_t until_ms)
{
	uint64_t now = sip_reg_now_ms();

	return until_ms > now ? (until_ms - now + 999) / 1000 : 0;
}

void sip_reg_get_info(const struct sip_reg *reg, struct sip_reg_info *info)
{
	*info = (struct sip_reg_info){
		.identity = reg->identity,
		.auth_user = reg->auth_user,
		.cfg_expires_s = reg->cfg_expires_s,
		.state = reg->fi->state,
		.valid = sip_reg_is_valid(reg),
		.left_s = s_left(reg->valid_until_ms),
		.next_s = s_left(reg->timer_ms),
		.last_status = reg->last_status,
		.why = reg->why[0] ? reg->why : NULL,
		.service_route = reg->service_route ?: "",
	};
}

/* ---- for the UA ---- */

#define FOR_ALL(ua, peer, reg, next)                                                                                   \
	llist_for_each_entry (peer, &(ua)->peers, entry)                                                               \
		llist_for_each_entry_safe (reg, next, &(peer)->regs, entry)

void sip_regs_start(struct sip_ua *ua)
{
	struct sip_reg *reg, *next;
	struct sip_peer *peer;
	unsigned int n = 0;

	FOR_ALL(ua, peer, reg, next)
	begin(reg, 5 * n++); /* so many do not come in one burst */
}

void sip_regs_stop(struct sip_ua *ua)
{
	struct sip_reg *reg, *next;
	struct sip_peer *peer;

	FOR_ALL(ua, peer, reg, next)
	{
		reg->restart = false;
		osmo_fsm_inst_dispatch(reg->fi, SIP_REG_EV_END, NULL);
	}
}

void sip_regs_drop(struct sip_ua *ua)
{
	struct sip_reg *reg, *next;
	struct sip_peer *peer;

	FOR_ALL(ua, peer, reg, next)
	{
		reg->restart = false;
		osmo_fsm_inst_dispatch(reg->fi, SIP_REG_EV_DROP, NULL);
	}
}

void sip_reg_kick(struct sip_peer *peer)
{
	struct sip_reg *reg, *next;

	llist_for_each_entry_safe (reg, next, &peer->regs, entry) {
		if (peer->ua->started && !reg->req && !reg->removing)
			begin(reg, token_u32() % 1000);
	}
}

/* ---- for calls ---- */

/* Value of ";line=" in a URI, 16 digits, or NULL. */
static const char *line_of(const struct sip_uri *uri)
{
	static const char param[] = ";line=";
	const char *p = strstr(uri->text, param);

	if (!p || strspn(p + strlen(param), "0123456789abcdef") != 16)
		return NULL;
	return p + strlen(param);
}

struct sip_peer *sip_reg_peer_of(const struct sip_ua *ua, const struct sip_uri *ruri, const struct osmo_sockaddr *from)
{
	const char *line = line_of(ruri);
	struct sip_reg *reg, *next;
	struct sip_peer *peer;

	if (line) {
		FOR_ALL(ua, peer, reg, next)
		{
			if (reg->line[0] && reg->fi->state != SIP_REG_OFF && strncmp(reg->line, line, 16) == 0)
				return peer;
		}
	}
	FOR_ALL(ua, peer, reg, next)
	{
		if (strcmp(reg->identity, ruri->user) == 0 && peer->usable &&
		    sip_addr_equal(&peer->remote, from, false))
			return peer;
	}
	return NULL;
}

const char *sip_reg_route(const struct sip_peer *peer, const char *user)
{
	const struct sip_reg *reg, *found = NULL;

	llist_for_each_entry (reg, &peer->regs, entry) {
		if (!reg->service_route || !sip_reg_is_valid(reg))
			continue;
		if (!found || strcmp(reg->identity, user) == 0)
			found = reg;
	}
	return found ? found->service_route : "";
}
