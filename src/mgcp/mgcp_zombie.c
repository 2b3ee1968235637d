/* Wildcard CRCX that are over.
 *
 * A gateway that does not remember what it did carries out each repetition of "any endpoint, please" anew, and an
 * answer may come after we gave up (both measured with osmo-mgw). What such an answer names exists and nobody owns it.
 * So the id and the call id of each wildcard CRCX are kept for T-HIST. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>

#include "mgcp_internal.h"

#define MIN_SLOTS 64
#define MAX_SLOTS 65536

/*! Which endpoint and connection an answer is about, in 32 bits; never 0. */
uint32_t mgcp_zombie_answer(const struct mgcp_msg *rsp)
{
	const struct mgcp_text *z = &rsp->params[MGCP_PARAM_Z], *i = &rsp->params[MGCP_PARAM_I];
	uint32_t hash = token_hash_add(token_hash(z->s, z->len), i->s, i->len);

	return hash ? hash : 1;
}

static struct mgcp_zombie *slot_of(const struct mgcp_zombies *zombies, uint32_t trans_id)
{
	return &zombies->slots[trans_id & (zombies->n_slots - 1)];
}

static bool is_live(const struct mgcp_zombie *slot, uint64_t now)
{
	return slot->trans_id && slot->until_ms > now;
}

/* Make the table twice as large (or make it at all). */
static void grow(struct mgcp_zombies *zombies, uint64_t now)
{
	struct mgcp_zombies bigger = *zombies;
	uint32_t i;

	bigger.n_slots = zombies->n_slots ? zombies->n_slots * 2 : MIN_SLOTS;
	bigger.slots = talloc_zero_array(zombies->ctx, struct mgcp_zombie, bigger.n_slots);
	for (i = 0; i < zombies->n_slots; i++)
		if (is_live(&zombies->slots[i], now))
			*slot_of(&bigger, zombies->slots[i].trans_id) = zombies->slots[i];
	talloc_free(zombies->slots);
	*zombies = bigger;
}

/*! Remember one. With MAX_SLOTS of them a new one takes the place of an old one. */
void mgcp_zombie_add(struct mgcp_zombies *zombies, const struct mgcp_zombie *zombie)
{
	uint64_t now = mgcp_now_ms();

	if (zombies->slots && zombies->last_ms <= now) {
		/* all forgotten: a quiet time gives the memory of the busy one back */
		TALLOC_FREE(zombies->slots);
		zombies->n_slots = 0;
	}
	if (!zombies->slots)
		grow(zombies, now);
	while (is_live(slot_of(zombies, zombie->trans_id), now) && zombies->n_slots < MAX_SLOTS)
		grow(zombies, now);
	*slot_of(zombies, zombie->trans_id) = *zombie;
	zombies->last_ms = OSMO_MAX(zombies->last_ms, zombie->until_ms);
}

/*! The one with this transaction id, NULL if there is none or it is too old. */
const struct mgcp_zombie *mgcp_zombie_find(struct mgcp_zombies *zombies, uint32_t trans_id)
{
	struct mgcp_zombie *slot;

	if (!zombies->slots || !trans_id)
		return NULL;
	slot = slot_of(zombies, trans_id);
	return slot->trans_id == trans_id && is_live(slot, mgcp_now_ms()) ? slot : NULL;
}
