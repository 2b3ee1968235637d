/* What a call does: the only place where call policy lives.
 *
 * The call is a bridge: what one leg says happened becomes an order to the other. MO and MT are the same machine, and
 * nothing here asks what kind a leg is. Side A brought the call, side B is where the route leads. A side's RELEASED is
 * its last word, so a call ends in two steps: tell everybody, then wait until all have said it.
 *
 * Whom a call tries in turn is call_target.c's, how a party is replaced transfer.c's, the books of offers and answers are call_media.c's. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/call.h>

#include <osmocom/sipgw/base/timers.h>

#include "call_internal.h"

/* Events of the FSM: those of leg A, those of leg B in the same order, and our own. */
#define EV(SIDE, TYPE)	((SIDE)*_NUM_LEG_EVENTS + (TYPE))
#define CALL_EV_RELEASE (2 * _NUM_LEG_EVENTS)

static const struct osmo_tdef_state_timeout state_timeouts[32] = {
	[CALL_ST_IDLE] = { .T = T_CALL_IDLE },
	[CALL_ST_ROUTING] = { .T = T_CALL_ROUTING },
	[CALL_ST_CALLING] = { .T = T_CALL_CALLING },
	[CALL_ST_ALERTING] = { .T = T_CALL_ALERTING },
	[CALL_ST_CONNECTING] = { .T = T_CALL_CONNECTING },
	[CALL_ST_RELEASING] = { .T = T_CALL_RELEASING },
};

#define call_state_chg(CALL, STATE) osmo_tdef_fsm_inst_state_chg((CALL)->fi, STATE, state_timeouts, call_tdefs, -1)

static bool in_state(const struct call *call, enum call_state state)
{
	return call->fi->state == state;
}

/*
 * The end of a call
 */

/* Nobody is left: free the call. The last thing anybody does with it. */
static void finish(struct call *call)
{
	LOG_CALL(call, LOGL_INFO, "ended\n");
	osmo_fsm_inst_term(call->fi, OSMO_FSM_TERM_REGULAR, NULL);
}

static bool has_legs(const struct call *call)
{
	return call->legs[LEG_A] || call->legs[LEG_B] || call_transfer_leg(call);
}

/* Begin to end: all legs that are left are told why. released_by and by_us are set. */
static void end(struct call *call, const struct cause *cause)
{
	struct leg_cmd cmd = { .type = LEG_CMD_RELEASE, .cause = *cause };
	int side;

	cmd.cause.value = cause_valid(cause->value);
	call->cause = talloc_memdup(call, &cmd.cause, sizeof(cmd.cause));
	call_account_end(call);
	call_transfer_end(call, &cmd);
	call_target_forget(call);
	for (side = LEG_A; side <= LEG_B; side++) {
		if (call->legs[side])
			call_post_cmd(call, side, &cmd);
	}
	if (has_legs(call))
		call_state_chg(call, CALL_ST_RELEASING);
	else
		finish(call);
}

static void end_by_us(struct call *call, const struct cause *cause)
{
	call->by_us = true;
	end(call, cause);
}

static void end_by_side(struct call *call, enum leg_side side, const struct cause *cause)
{
	call->released_by = side;
	end(call, cause);
}

/* The called side is gone before it answered. If there is another to call, leg A hears nothing. Commands to the old leg
 * B that are still in the queue are stale by its serial number. The time limit goes on. */
static void target_failed(struct call *call, const struct leg_released *released)
{
	struct cause why = released->cause;

	if (!call_target_failed(call, released, &why)) {
		end_by_side(call, LEG_B, &why);
		return;
	}
	osmo_fsm_inst_state_chg_keep_timer(call->fi, CALL_ST_ROUTING);
	if (call_target_take(call, &why) < 0) {
		end_by_side(call, LEG_B, &why);
		return;
	}
	call_media_forget(call, call_target_setup(call, call->legs[LEG_B]));
	osmo_fsm_inst_state_chg_keep_timer(call->fi, CALL_ST_CALLING);
}

static void on_released(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	call_drop_leg(call, side);
	if (side == LEG_B && !call->answered)
		target_failed(call, &ev->released);
	else
		end_by_side(call, side, &ev->released.cause);
}

/*
 * Set-up
 */

/* The media mode is what leg A has acted on already; a change of configuration meanwhile is for the next call. */
static void on_setup(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	struct cause why;

	call_set_parties(call, ev->setup.parties);
	call->media_mode = ev->setup.media_mode;
	call->offer_pending[LEG_A] = ev->setup.media.kind == LEG_MEDIA_OFFER;
	LOG_CALL(call, call->parties->emergency ? LOGL_NOTICE : LOGL_INFO, "%s from %s\n", call_parties_str(call),
		 call->legs[LEG_A]->kind->name);
	if (call->parties->emergency)
		call_count(call, CALLS_CTR_EMERGENCY);

	call_state_chg(call, CALL_ST_ROUTING);
	if (call_target_find(call, &ev->setup, &why) < 0 || call_target_take(call, &why) < 0) {
		end_by_us(call, &why);
		return;
	}
	call_post_cmd(call, LEG_A, &(struct leg_cmd){ .type = LEG_CMD_PROCEED });
	call_target_setup(call, call->legs[LEG_B]);
	call_state_chg(call, CALL_ST_CALLING);
}

static void on_proceeding(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	LOG_CALL(call, LOGL_INFO, "the called side works on it\n");
}

/* The timer of ALERTING runs from the first sign on: neither 180s that come for ever nor one target after the other
 * hold a call for ever. */
static void come_alive(struct call *call)
{
	if (!in_state(call, CALL_ST_CALLING))
		return;
	if (call_target_first_sign(call))
		call_state_chg(call, CALL_ST_ALERTING);
	else
		osmo_fsm_inst_state_chg_keep_timer(call->fi, CALL_ST_ALERTING);
}

static void on_alerting(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	if (!call->t_alerting.tv_sec) {
		osmo_clock_gettime(CLOCK_MONOTONIC, &call->t_alerting);
		LOG_CALL(call, LOGL_INFO, "the called side rings\n");
	}
	come_alive(call);
	call_post_media(call, LEG_A, LEG_CMD_ALERT, call_media_set_up(call, &ev->media));
}

static void on_progress(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	LOG_CALL(call, LOGL_INFO, "the called side is heard before the answer\n");
	come_alive(call);
	call_post_media(call, LEG_A, LEG_CMD_PROGRESS, call_media_set_up(call, &ev->media));
}

/* Who answered, as leg B has it, becomes what leg A is to be told. What cannot be told is left out. */
static void rewrite_connected(const struct call *call, struct number *n)
{
	const struct leg *a = call->legs[LEG_A], *b = call->legs[LEG_B];

	if (numbering_one(call->calls, b->kind, b->kind->target(b), NUMBER_IN, NUMBER_CONNECTED, n) < 0 ||
	    numbering_one(call->calls, a->kind, a->kind->target(a), NUMBER_OUT, NUMBER_CONNECTED, n) < 0)
		*n = (struct number){ .presentation = NUMBER_NOT_AVAILABLE };
}

static void on_answered(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	struct leg_cmd cmd = { .type = LEG_CMD_ANSWER, .answered = ev->answered };

	cmd.answered.media = call_media_set_up(call, &ev->answered.media);
	if (call->offer_pending[LEG_A]) {
		/* RFC 3261 13.2.1: the 2xx at the latest carries the answer. A call without audio helps nobody. */
		struct cause cause = cause_make(CAUSE_INCOMPATIBLE_DEST,
						"the called side answered without saying where its media goes");
		end_by_us(call, &cause);
		return;
	}
	rewrite_connected(call, &cmd.answered.connected);
	call->answered = true;
	call_target_forget(call);
	osmo_clock_gettime(CLOCK_MONOTONIC, &call->t_answered);
	call_count(call, CALLS_CTR_ANSWERED);
	LOG_CALL(call, LOGL_INFO, "answered\n");
	call_state_chg(call, CALL_ST_CONNECTING);
	call_post_cmd(call, LEG_A, &cmd);
}

/* Leg A confirms that it got the answer. Some kinds of legs say it on side B too, where it means nothing. */
static void on_connected(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	if (side == LEG_B)
		return;
	LOG_CALL(call, LOGL_INFO, "connected\n");
	call_state_chg(call, CALL_ST_TALKING);
}

/*
 * In the call
 */

static void unexpected(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	const struct leg_media *media = leg_event_media(ev);
	bool waits = media && (media->kind == LEG_MEDIA_OFFER || media->kind == LEG_MEDIA_ASK);

	call_count(call, CALLS_CTR_DISPATCH_UNEXPECTED);
	LOG_CALL(call, LOGL_INFO, "%s of side %c does not fit in state %s, ignored\n",
		 get_value_string(leg_event_names, ev->type), call_side_letter(side), call_state_name(call));
	/* a SETUP's offer is answered by what leg B says, or by the end */
	if (waits && ev->type != LEG_EV_SETUP)
		call_media_refuse(call, side);
	if (ev->type == LEG_EV_TRANSFER)
		call_transfer_refuse(call, side, &CAUSE(CAUSE_TEMP_FAILURE));
}

static void on_media(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	static const enum leg_cmd_type cmd_of[] = {
		[LEG_EV_MEDIA] = LEG_CMD_MEDIA,
		[LEG_EV_HELD] = LEG_CMD_HOLD,
		[LEG_EV_RESUMED] = LEG_CMD_RESUME,
	};
	bool says_nothing = ev->type == LEG_EV_MEDIA && ev->media.kind == LEG_MEDIA_NONE;

	if (says_nothing || !call_media_passes(call, side, &ev->media)) {
		unexpected(call, side, ev);
		return;
	}
	if (ev->type != LEG_EV_MEDIA)
		LOG_CALL(call, LOGL_INFO, "%s by side %c\n", ev->type == LEG_EV_HELD ? "held" : "resumed",
			 call_side_letter(side));
	call_post_media(call, leg_other_side(side), cmd_of[ev->type], ev->media);
}

static void on_dtmf(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	call_post_cmd(call, leg_other_side(side), &(struct leg_cmd){ .type = LEG_CMD_DTMF, .dtmf = ev->dtmf });
}

static void on_dtmf_result(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	call_post_cmd(call, leg_other_side(side), &(struct leg_cmd){ .type = LEG_CMD_DTMF_RESULT, .dtmf = ev->dtmf });
}

static void on_transfer(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	call_transfer_begin(call, side, &ev->transfer);
}

/* What is done about an event. In which state and from which side it may come is said by the state table below. */
/* clang-format off */
static void (*const handlers[_NUM_LEG_EVENTS])(struct call *call, enum leg_side side, const struct leg_event *ev) = {
	[LEG_EV_SETUP] = on_setup,
	[LEG_EV_PROCEEDING] = on_proceeding,
	[LEG_EV_ALERTING] = on_alerting,
	[LEG_EV_PROGRESS] = on_progress,
	[LEG_EV_ANSWERED] = on_answered,
	[LEG_EV_CONNECTED] = on_connected,
	[LEG_EV_MEDIA] = on_media,
	[LEG_EV_HELD] = on_media,
	[LEG_EV_RESUMED] = on_media,
	[LEG_EV_DTMF] = on_dtmf,
	[LEG_EV_DTMF_RESULT] = on_dtmf_result,
	[LEG_EV_TRANSFER] = on_transfer,
	[LEG_EV_RELEASED] = on_released,
};
/* clang-format on */

/* Action of all states but RELEASING. */
static void st_live(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct call *call = fi->priv;
	enum leg_side side = event / _NUM_LEG_EVENTS;

	if (event == CALL_EV_RELEASE)
		end_by_us(call, data);
	else
		handlers[event % _NUM_LEG_EVENTS](call, side, data);
}

/*! A leg was freed: if the call is ending and it was the last one, that was it. */
void call_fsm_leg_gone(struct call *call)
{
	if (in_state(call, CALL_ST_RELEASING) && !has_legs(call))
		finish(call);
}

/*! That side is gone for good. */
void call_fsm_end_by_side(struct call *call, enum leg_side side, const struct cause *cause)
{
	end_by_side(call, side, cause);
}

/* Whatever else crosses our RELEASE on its way comes too late and means nothing. */
static void st_releasing(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct call *call = fi->priv;

	if (event != EV(LEG_A, LEG_EV_RELEASED) && event != EV(LEG_B, LEG_EV_RELEASED))
		return;
	call_drop_leg(call, event / _NUM_LEG_EVENTS);
	call_fsm_leg_gone(call);
}

/*
 * Time-outs
 */

static void force_legs(struct call *call)
{
	char buf[160];
	int side;

	for (side = LEG_A; side <= LEG_B; side++) {
		const struct leg *leg = call->legs[side];
		if (!leg)
			continue;
		leg->kind->to_str_buf(buf, sizeof(buf), leg);
		LOG_CALL(call, LOGL_ERROR, "%s leg does not end, removed by force: %s\n", leg->kind->name, buf);
		call_count(call, CALLS_CTR_FORCED);
	}
	finish(call);
}

static int on_timeout(struct osmo_fsm_inst *fi)
{
	static const struct cause causes[] = {
		[CALL_ST_IDLE] = { CAUSE_TIMER_EXPIRED, CAUSE_LOC_PRN_LOCAL,
				   "the calling side did not complete its set-up" },
		[CALL_ST_ROUTING] = { CAUSE_TIMER_EXPIRED, CAUSE_LOC_PRN_LOCAL, "no route was found in time" },
		[CALL_ST_CALLING] = { CAUSE_TIMER_EXPIRED, CAUSE_LOC_PRN_LOCAL,
				      "the called side gave no sign of ringing" },
		[CALL_ST_ALERTING] = { CAUSE_NO_ANSWER, CAUSE_LOC_PRN_LOCAL, "nobody answered" },
		[CALL_ST_CONNECTING] = { CAUSE_TIMER_EXPIRED, CAUSE_LOC_PRN_LOCAL,
					 "the calling side did not confirm the answer" },
	};
	struct call *call = fi->priv;

	if (in_state(call, CALL_ST_RELEASING))
		force_legs(call);
	else
		end_by_us(call, &causes[fi->state]);
	return 0;
}

static void cleanup(struct osmo_fsm_inst *fi, enum osmo_fsm_term_cause cause)
{
	call_detach(fi->priv);
}

/*            SETUP of A          route, leg B              ALERTING, PROGRESS of B
 *   IDLE -----------------> ROUTING -----> CALLING ---------------------------> ALERTING
 *     |                        |             | ANSWERED of B                       | ANSWERED of B
 *     |                        |             v                                     |
 *     |                        |         CONNECTING <------------------------------+
 *     |                        |             | CONNECTED of A
 *     |                        |             v
 *     |                        |          TALKING
 *     |                        |             |
 *     +------------------------+-------------+---- from each state: RELEASED of a side, time-out, no route,
 * call_release()
 *                                            v
 *                                        RELEASING ---- all legs have said RELEASED, or time-out ----> gone
 */

/* Not drawn: RELEASED of B in CALLING and ALERTING leads back to ROUTING if there is another target (call_target.c). */

#define S(EVENT) (1u << (EVENT))
#define A(TYPE)	 S(EV(LEG_A, LEG_EV_##TYPE))
#define B(TYPE)	 S(EV(LEG_B, LEG_EV_##TYPE))

/* from anybody, in every state in which it exists */
#define EVENTS_END (A(RELEASED) | B(RELEASED) | S(CALL_EV_RELEASE))
/* while leg B comes up: what it tells about itself, and offers and answers of both */
#define EVENTS_SETUP (B(PROCEEDING) | B(ALERTING) | B(PROGRESS) | B(ANSWERED) | B(CONNECTED) | A(MEDIA) | B(MEDIA))
/* once it has answered: the path is there, and one of both may use it before the other has confirmed */
#define EVENTS_TALK                                                                                                    \
	(B(CONNECTED) | A(MEDIA) | B(MEDIA) | A(HELD) | B(HELD) | A(RESUMED) | B(RESUMED) | A(DTMF) | B(DTMF) |        \
	 A(DTMF_RESULT) | B(DTMF_RESULT))

static const struct osmo_fsm_state states[] = {
	[CALL_ST_IDLE] = {
		.name = "IDLE",
		.in_event_mask = A(SETUP) | EVENTS_END,
		.out_state_mask = S(CALL_ST_IDLE) | S(CALL_ST_ROUTING) | S(CALL_ST_RELEASING),
		.action = st_live,
	},
	[CALL_ST_ROUTING] = {
		.name = "ROUTING",
		.in_event_mask = EVENTS_END,
		.out_state_mask = S(CALL_ST_CALLING) | S(CALL_ST_RELEASING),
		.action = st_live,
	},
	[CALL_ST_CALLING] = {
		.name = "CALLING",
		.in_event_mask = EVENTS_SETUP | EVENTS_END,
		.out_state_mask = S(CALL_ST_ROUTING) | S(CALL_ST_ALERTING) | S(CALL_ST_CONNECTING) | S(CALL_ST_RELEASING),
		.action = st_live,
	},
	[CALL_ST_ALERTING] = {
		.name = "ALERTING",
		.in_event_mask = EVENTS_SETUP | EVENTS_END,
		.out_state_mask = S(CALL_ST_ROUTING) | S(CALL_ST_CONNECTING) | S(CALL_ST_RELEASING),
		.action = st_live,
	},
	[CALL_ST_CONNECTING] = {
		.name = "CONNECTING",
		.in_event_mask = A(CONNECTED) | EVENTS_TALK | EVENTS_END,
		.out_state_mask = S(CALL_ST_TALKING) | S(CALL_ST_RELEASING),
		.action = st_live,
	},
	[CALL_ST_TALKING] = {
		.name = "TALKING",
		.in_event_mask = EVENTS_TALK | A(TRANSFER) | B(TRANSFER) | EVENTS_END,
		.out_state_mask = S(CALL_ST_RELEASING),
		.action = st_live,
	},
	[CALL_ST_RELEASING] = {
		.name = "RELEASING",
		.in_event_mask = S(CALL_EV_RELEASE + 1) - 1,
		.action = st_releasing,
	},
};

static const struct value_string event_names[] = {
#define NAME(TYPE)                                                                                                     \
	{ EV(LEG_A, LEG_EV_##TYPE), "A." #TYPE },                                                                      \
	{                                                                                                              \
		EV(LEG_B, LEG_EV_##TYPE), "B." #TYPE                                                                   \
	}
	NAME(SETUP),
	NAME(PROCEEDING),
	NAME(ALERTING),
	NAME(PROGRESS),
	NAME(ANSWERED),
	NAME(CONNECTED),
	NAME(MEDIA),
	NAME(HELD),
	NAME(RESUMED),
	NAME(DTMF),
	NAME(DTMF_RESULT),
	NAME(TRANSFER),
	NAME(RELEASED),
#undef NAME
	{ CALL_EV_RELEASE, "RELEASE" },
	{}
};

struct osmo_fsm call_fsm = {
	.name = "call",
	.states = states,
	.num_states = ARRAY_SIZE(states),
	.log_subsys = DCALL,
	.event_names = event_names,
	.timer_cb = on_timeout,
	.cleanup = cleanup,
};

static __attribute__((constructor)) void call_fsm_init(void)
{
	OSMO_ASSERT(osmo_fsm_register(&call_fsm) == 0);
}

/* Start the timer of the first state. */
int call_fsm_start(struct call *call)
{
	return call_state_chg(call, CALL_ST_IDLE);
}

void call_fsm_rx(struct call *call, enum leg_side side, const struct leg_event *ev)
{
	uint32_t event = EV(side, ev->type);

	if (states[call->fi->state].in_event_mask & S(event))
		osmo_fsm_inst_dispatch(call->fi, event, (void *)ev);
	else
		unexpected(call, side, ev);
}

void call_release(struct call *call, const struct cause *cause)
{
	osmo_fsm_inst_dispatch(call->fi, CALL_EV_RELEASE, (void *)cause);
}

void call_terminate(struct call *call, const struct cause *cause)
{
	struct calls *calls = call->calls;
	uint32_t id = call->id;

	if (!in_state(call, CALL_ST_RELEASING))
		call_release(call, cause);
	call = call_find(calls, id); /* gone if it had no leg */
	if (call)
		osmo_fsm_inst_term(call->fi, OSMO_FSM_TERM_REQUEST, NULL);
}
