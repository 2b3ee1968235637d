/* A transfer: one party of a call is replaced by somebody else, without the other one hanging up (blind transfer).
 *
 * The one who asks for it is on side X, the one who stays on side Y. A new leg is made and stands beside that of side X
 * until it is answered; then it takes its place, and the old one ends. Y is asked for an offer, which goes into the new
 * leg's SETUP, and hears the answer when the new party has answered: until then it keeps the media that it had, and a
 * transfer that fails leaves the call as it was. Who asked may also hang up before (many do so at once): then Y waits
 * for the new party, hears what that has to say before it answers, and the call ends if that fails, too. Events of the
 * three legs come here first. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/call.h>

#include <stdio.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/timers.h>

#include "call_internal.h"

enum phase {
	ASKING,	 /* Y is to make an offer */
	CALLING, /* the new leg was told to call */
	ENDING,	 /* it is decided; a leg that is not needed any more was told to end */
};

/* Exists from the request until all legs but two are gone. */
struct call_transfer {
	struct call *call;
	enum leg_side side; /* X */
	enum phase phase;
	struct leg *leg; /* beside legs[side]: the new one, in ENDING the one that ends. NULL: for a moment */
	bool rang;
	char *answer; /* of the new leg, before it was answered; NULL: none */
	struct osmo_timer_list timer;
	struct call_parties parties;
};

/*! The leg that stands beside one of the two, NULL if there is none. */
struct leg *call_transfer_leg(const struct call *call)
{
	return call->transfer ? call->transfer->leg : NULL;
}

/*! Forget it, with its leg. */
void call_transfer_forget(struct call *call)
{
	if (!call->transfer)
		return;
	call_free_leg(call, call->transfer->leg);
	TALLOC_FREE(call->transfer);
}

static int transfer_destructor(struct call_transfer *t)
{
	osmo_timer_del(&t->timer);
	return 0;
}

static enum leg_side staying(const struct call_transfer *t)
{
	return leg_other_side(t->side);
}

/* ---- how it ends ---- */

static void post_result(struct call *call, const struct leg *leg, const struct leg_transfer_result *result)
{
	call_post_to(call, leg, &(struct leg_cmd){ .type = LEG_CMD_TRANSFER_RESULT, .transfer_result = *result });
}

static void post_release(struct call *call, const struct leg *leg, const struct cause *cause)
{
	call_post_to(call, leg, &(struct leg_cmd){ .type = LEG_CMD_RELEASE, .cause = *cause });
}

/*! It does not fit now, or is not possible: the call goes on. */
void call_transfer_refuse(struct call *call, enum leg_side side, const struct cause *why)
{
	const char *more = log_limit_pass(&call->calls->transfer_limit);

	call_count(call, CALLS_CTR_TRANSFER_ASKED);
	call_count(call, CALLS_CTR_TRANSFER_REFUSED);
	LOG_CALL(call, more ? LOGL_NOTICE : LOGL_INFO, "transfer refused, cause %u (%s)%s%s%s\n", why->value,
		 cause_name(why->value), why->text[0] ? ": " : "", why->text, more ?: "");
	post_result(call, call->legs[side], &(struct leg_transfer_result){ .cause = *why });
}

/* Decided: the leg beside ends, if there is one. */
static void wind_up(struct call_transfer *t, const struct cause *cause)
{
	struct call *call = t->call;

	call_target_forget(call);
	call->offer_pending[LEG_A] = call->offer_pending[LEG_B] = false;
	call->ask_pending[t->side] = false;
	if (!t->leg) {
		call_transfer_forget(call);
		return;
	}
	post_release(call, t->leg, cause);
	t->phase = ENDING;
	timer_start(&t->timer, call_tdefs, T_CALL_RELEASING);
}

static void log_failed(const struct call *call, const struct cause *why)
{
	const char *more = log_limit_pass(&call->calls->transfer_limit);

	call_count(call, CALLS_CTR_TRANSFER_FAILED);
	LOG_CALL(call, more ? LOGL_NOTICE : LOGL_INFO, "transfer to %s failed, cause %u (%s)%s%s%s\n",
		 call_target_tried(call), why->value, cause_name(why->value), why->text[0] ? ": " : "", why->text,
		 more ?: "");
}

/* The call goes on as it was; if one side of it has gone meanwhile, it ends. */
static void fail(struct call_transfer *t, const struct cause *why)
{
	struct call *call = t->call;
	enum leg_side side = t->side;

	log_failed(call, why);
	if (call->offer_pending[staying(t)])
		call_post_media(call, staying(t), LEG_CMD_MEDIA, (struct leg_media){ .kind = LEG_MEDIA_REFUSED });
	post_result(call, call->legs[side], &(struct leg_transfer_result){ .cause = *why });
	wind_up(t, why);
	if (!call->legs[side])
		call_fsm_end_by_side(call, side, why);
}

/*! The call ends. */
void call_transfer_end(struct call *call, const struct leg_cmd *release)
{
	struct call_transfer *t = call->transfer;

	if (!t || t->phase == ENDING)
		return;
	log_failed(call, &release->cause);
	post_result(call, call->legs[t->side], &(struct leg_transfer_result){ .cause = release->cause });
	wind_up(t, &release->cause);
}

static void timeout(void *data)
{
	static const struct cause no_answer = { CAUSE_NO_ANSWER, CAUSE_LOC_PRN_LOCAL, "nobody answered" };
	static const struct cause no_sign = { CAUSE_TIMER_EXPIRED, CAUSE_LOC_PRN_LOCAL,
					      "the new party gave no sign of ringing" };
	struct call_transfer *t = data;
	struct call *call = t->call;

	if (t->phase != ENDING) {
		fail(t, t->rang ? &no_answer : &no_sign);
		return;
	}
	LOG_CALL(call, LOGL_ERROR, "%s leg does not end after a transfer, removed by force\n", t->leg->kind->name);
	call_count(call, CALLS_CTR_FORCED);
	call_transfer_forget(call);
	call_fsm_leg_gone(call);
}

/* The new party answered: it is one of the two from now on. */
static void succeed(struct call_transfer *t, const char *answer)
{
	static const struct cause normal = { CAUSE_NORMAL, CAUSE_LOC_PRN_LOCAL, "transferred" };
	struct call *call = t->call;
	struct leg *old = call->legs[t->side];

	call_count(call, CALLS_CTR_TRANSFER_DONE);
	LOG_CALL(call, LOGL_INFO, "transferred to %s\n", call_target_tried(call));
	call_post_media(call, staying(t), LEG_CMD_MEDIA, (struct leg_media){ LEG_MEDIA_ANSWER, answer });
	call->legs[t->side] = t->leg;
	t->leg = old;
	if (t->side == LEG_B)
		call_set_target(call, call_target_tried(call));
	post_result(call, old, &(struct leg_transfer_result){ .cause = normal, .done = true });
	wind_up(t, &normal);
}

/* ---- how it begins ---- */

/* Who calls whom now: the one who stays calls the new party. */
static int set_parties(struct call_transfer *t, const struct leg_transfer *to, struct cause *why)
{
	const struct leg *x = t->call->legs[t->side];
	struct call_parties *p = &t->parties;

	*p = *t->call->parties;
	if (staying(t) == LEG_B) { /* the one who was called */
		p->calling = p->called;
		p->calling_name[0] = '\0';
	}
	p->redirecting = (struct number){};
	p->called = to->number;
	*why = cause_make(CAUSE_INVALID_NUMBER, "no number for the new party");
	return numbering_one(t->call->calls, x->kind, x->kind->target(x), NUMBER_IN, NUMBER_CALLED, &p->called);
}

/* Make the leg for the next one to be tried. */
static bool take_leg(struct call_transfer *t, struct cause *why)
{
	t->leg = call_target_leg(t->call, why);
	if (!t->leg)
		return false;
	call_number_leg(t->call, t->side, t->leg);
	t->call->n_transfer_legs[t->side]++;
	return true;
}

/* Is there somebody to call, and can Y be asked for an offer? */
static bool prepare(struct call_transfer *t, const struct leg_transfer *to, struct cause *why)
{
	static const struct leg_media ask = { .kind = LEG_MEDIA_ASK };
	struct call *call = t->call;
	const struct leg *x = call->legs[t->side];

	if (set_parties(t, to, why) < 0)
		return false;
	if (!call_media_passes(call, t->side, &ask)) {
		*why = cause_make(CAUSE_TEMP_FAILURE, "an offer is under way");
		return false;
	}
	if (call_target_find_transfer(call, staying(t), &t->parties, x->kind, to->target, why) == 0 && take_leg(t, why))
		return true;
	call->ask_pending[t->side] = false;
	return false;
}

/*! Side \a side wants the other one to talk to somebody else. */
void call_transfer_begin(struct call *call, enum leg_side side, const struct leg_transfer *to)
{
	struct cause why = cause_make(CAUSE_TEMP_FAILURE, "a transfer is under way");
	struct call_transfer *t;

	if (call->transfer) {
		call_transfer_refuse(call, side, &why);
		return;
	}
	t = call->transfer = talloc_zero(call, struct call_transfer);
	OSMO_ASSERT(t);
	*t = (struct call_transfer){ .call = call, .side = side };
	osmo_timer_setup(&t->timer, timeout, t);
	talloc_set_destructor(t, transfer_destructor);
	if (!prepare(t, to, &why)) {
		call_target_forget(call);
		call_transfer_forget(call);
		call_transfer_refuse(call, side, &why);
		return;
	}
	call_count(call, CALLS_CTR_TRANSFER_ASKED);
	LOG_CALL(call, LOGL_INFO, "side %c asks for a transfer to %s: %s\n", call_side_letter(side),
		 call_target_tried(call), call_parties_to_str(&t->parties, call->mt));
	timer_start(&t->timer, call_tdefs, T_CALL_CALLING);
	call_post_media(call, staying(t), LEG_CMD_MEDIA, (struct leg_media){ .kind = LEG_MEDIA_ASK });
}

/* ---- the leg beside ---- */

static bool waits(const struct leg_event *ev)
{
	const struct leg_media *media = leg_event_media(ev);

	return media && (media->kind == LEG_MEDIA_OFFER || media->kind == LEG_MEDIA_ASK);
}

static void note_answer(struct call_transfer *t, const struct leg_media *media)
{
	if (media->kind != LEG_MEDIA_ANSWER)
		return;
	talloc_free(t->answer);
	t->answer = talloc_strdup(t, media->sdp);
}

/* Nobody else is there to be heard. The offer stays open: the last word is the answer of who takes the call. */
static void let_hear(struct call_transfer *t)
{
	if (t->answer && !t->call->legs[t->side])
		call_post_media(t->call, staying(t), LEG_CMD_MEDIA, (struct leg_media){ LEG_MEDIA_ANSWER, t->answer });
}

static void new_rings(struct call_transfer *t, const struct leg_event *ev)
{
	note_answer(t, &ev->media);
	if (ev->media.kind == LEG_MEDIA_ANSWER)
		let_hear(t);
	if (t->rang)
		return;
	t->rang = true;
	timer_start(&t->timer, call_tdefs, T_CALL_ALERTING);
	LOG_CALL(t->call, LOGL_INFO, "the new party rings\n");
	post_result(t->call, t->call->legs[t->side], &(struct leg_transfer_result){ .provisional = true });
}

static void new_answered(struct call_transfer *t, const struct leg_event *ev)
{
	struct cause why =
		cause_make(CAUSE_INCOMPATIBLE_DEST, "the new party answered without saying where its media goes");

	note_answer(t, &ev->answered.media);
	if (t->answer)
		succeed(t, t->answer);
	else
		fail(t, &why);
}

/* Another one may be there to be tried. */
static void new_released(struct call_transfer *t, const struct leg_event *ev)
{
	struct call *call = t->call;
	struct cause why = ev->released.cause;

	call_free_leg(call, t->leg);
	t->leg = NULL;
	TALLOC_FREE(t->answer);
	if (!call_target_failed(call, &ev->released, &why) || !take_leg(t, &why))
		fail(t, &why);
	else if (t->phase == CALLING)
		call_target_setup(call, t->leg);
}

/* What it says in a call that it is not part of yet. */
static void new_other(struct call_transfer *t, const struct leg_event *ev)
{
	struct leg_cmd retry = { .type = LEG_CMD_MEDIA, .media.kind = LEG_MEDIA_RETRY };
	struct leg_cmd no_key = { .type = LEG_CMD_DTMF_RESULT, .dtmf = { .key = ev->dtmf.key } };

	if (waits(ev))
		call_post_to(t->call, t->leg, &retry);
	else if (ev->type == LEG_EV_DTMF && ev->dtmf.start)
		call_post_to(t->call, t->leg, &no_key);
	else if (ev->type == LEG_EV_TRANSFER)
		post_result(t->call, t->leg, &(struct leg_transfer_result){ .cause = CAUSE(CAUSE_TEMP_FAILURE) });
}

static void ending_rx(struct call_transfer *t, const struct leg_event *ev)
{
	struct call *call = t->call;

	if (ev->type != LEG_EV_RELEASED)
		return;
	call_transfer_forget(call);
	call_fsm_leg_gone(call);
}

static void beside_rx(struct call_transfer *t, const struct leg_event *ev)
{
	if (t->phase == ENDING) {
		ending_rx(t, ev);
		return;
	}
	switch (ev->type) {
	case LEG_EV_ALERTING:
	case LEG_EV_PROGRESS:
		new_rings(t, ev);
		return;
	case LEG_EV_ANSWERED:
		new_answered(t, ev);
		return;
	case LEG_EV_RELEASED:
		new_released(t, ev);
		return;
	default:
		new_other(t, ev);
	}
}

/* ---- the two others ---- */

static bool asking_rx(struct call_transfer *t, const struct leg_event *ev)
{
	struct cause why = cause_make(CAUSE_TEMP_FAILURE, "the other side cannot make an offer now");
	struct call *call = t->call;

	if (ev->type != LEG_EV_MEDIA || ev->media.kind == LEG_MEDIA_ASK) {
		if (waits(ev))
			call_media_refuse(call, staying(t));
		return waits(ev);
	}
	if (!call_media_passes(call, staying(t), &ev->media) || ev->media.kind != LEG_MEDIA_OFFER) {
		fail(t, &why);
		return true;
	}
	t->phase = CALLING;
	call_target_offer(call, ev->media.sdp);
	call_target_setup(call, t->leg);
	return true;
}

/* The side that stays: its offer comes; its keys have nobody to go to if the other one has gone. */
static bool staying_rx(struct call_transfer *t, const struct leg_event *ev)
{
	struct leg_cmd no_key = { .type = LEG_CMD_DTMF_RESULT, .dtmf = { .key = ev->dtmf.key } };

	if (t->phase == ASKING && leg_event_media(ev))
		return asking_rx(t, ev);
	if (ev->type != LEG_EV_DTMF || t->call->legs[t->side])
		return false;
	if (ev->dtmf.start)
		call_post_cmd(t->call, staying(t), &no_key);
	return true;
}

/* Who asked for it: may go; what it offers does not fit now. */
static bool asker_rx(struct call_transfer *t, const struct leg_event *ev)
{
	struct call *call = t->call;

	if (ev->type == LEG_EV_RELEASED) {
		LOG_CALL(call, LOGL_INFO, "who asked for the transfer has hung up, cause %u\n",
			 ev->released.cause.value);
		call_drop_leg(call, t->side);
		let_hear(t);
		return true;
	}
	if (t->phase != ASKING || !waits(ev))
		return false;
	call_media_refuse(call, t->side);
	return true;
}

/*! An event of \a leg. Returns false if the transfer has nothing to do with it; else the call may be gone. */
bool call_transfer_rx(struct call *call, struct leg *leg, const struct leg_event *ev)
{
	struct call_transfer *t = call->transfer;

	if (!t)
		return false;
	if (leg == t->leg) {
		beside_rx(t, ev);
		return true;
	}
	if (t->phase == ENDING)
		return false;
	return leg->side == t->side ? asker_rx(t, ev) : staying_rx(t, ev);
}

int call_transfer_to_str_buf(char *buf, size_t len, const struct call *call)
{
	static const char *const phases[] = { [ASKING] = "preparing", [CALLING] = "calling", [ENDING] = "a leg ends" };
	const struct call_transfer *t = call->transfer;

	if (!t)
		return snprintf(buf, len, "%s", "");
	return snprintf(buf, len, "transfer by side %c to %s: %s%s", call_side_letter(t->side), call_target_tried(call),
			t->phase == CALLING && t->rang ? "ringing" : phases[t->phase],
			call->legs[t->side] ? "" : ", who asked has hung up");
}
