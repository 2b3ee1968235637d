/* What call.c (the object) and call_fsm.c (what it does) share. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/call/call.h>

#define LOG_CALL(CALL, LEVEL, FMT, ARGS...) LOGP(DCALL, LEVEL, "call %u: " FMT, (CALL)->id, ##ARGS)

/* A call with what belongs to it in the same piece of memory: every chunk more costs 100 bytes per open call. */
struct call_mem {
	struct call call; /* first: that is what everybody sees */
	struct call_parties parties;
	char target[32];
};

static inline void call_count(const struct call *call, enum calls_ctr ctr)
{
	rate_ctr_inc(rate_ctr_group_get_ctr(call->calls->ctrs, ctr));
}

static inline char call_side_letter(enum leg_side side)
{
	return side == LEG_A ? 'A' : 'B';
}

/* call.c */
void call_set_parties(struct call *call, const struct call_parties *parties);
void call_set_target(struct call *call, const char *target);
void call_add_leg(struct call *call, enum leg_side side, struct leg *leg);
void call_number_leg(struct call *call, enum leg_side side, struct leg *leg);
void call_free_leg(struct call *call, struct leg *leg);
void call_drop_leg(struct call *call, enum leg_side side);
void call_detach(struct call *call);
void call_account_end(const struct call *call);
const char *call_parties_to_str(const struct call_parties *parties, bool mt);
const char *call_parties_str(const struct call *call);

void call_post_to(struct call *call, const struct leg *leg, const struct leg_cmd *cmd);
void call_post_cmd(struct call *call, enum leg_side side, const struct leg_cmd *cmd);

/* call_media.c */
void call_post_media(struct call *call, enum leg_side side, enum leg_cmd_type type, struct leg_media media);
void call_media_refuse(struct call *call, enum leg_side side);
struct leg_media call_media_set_up(struct call *call, const struct leg_media *media);
bool call_media_passes(struct call *call, enum leg_side side, const struct leg_media *media);
void call_media_forget(struct call *call, bool offered);

/* transfer.c */
void call_transfer_begin(struct call *call, enum leg_side side, const struct leg_transfer *to);
void call_transfer_refuse(struct call *call, enum leg_side side, const struct cause *why);
struct leg *call_transfer_leg(const struct call *call);
bool call_transfer_rx(struct call *call, struct leg *leg, const struct leg_event *ev);
void call_transfer_end(struct call *call, const struct leg_cmd *release);
void call_transfer_forget(struct call *call);

/* call_target.c */
int call_target_find(struct call *call, const struct leg_setup *setup, struct cause *why);
int call_target_take(struct call *call, struct cause *why);
struct leg *call_target_leg(struct call *call, struct cause *why);
int call_target_find_transfer(struct call *call, enum leg_side stays, struct call_parties *parties,
			      const struct leg_kind *kind, const char *target, struct cause *why);
void call_target_offer(struct call *call, const char *sdp);
const char *call_target_tried(const struct call *call);
bool call_target_setup(struct call *call, const struct leg *leg);
bool call_target_first_sign(struct call *call);
bool call_target_failed(struct call *call, const struct leg_released *end, struct cause *why);
void call_target_forget(struct call *call);

/* call_fsm.c */
int call_fsm_start(struct call *call);
void call_fsm_leg_gone(struct call *call);
void call_fsm_end_by_side(struct call *call, enum leg_side side, const struct cause *cause);
void call_fsm_rx(struct call *call, enum leg_side side, const struct leg_event *ev);
