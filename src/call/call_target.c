/* Who is called: the targets of the route, tried one after the other until one of them takes the call.
 *
 * A target that fails before the answer, by the way to it and not by the decision of whom it leads to, is followed by
 * the next; leg A hears nothing of it. A party may ask to call another number instead (a 3xx): that is followed within
 * bounds. All that is needed for a further attempt lives in one piece of memory, from the SETUP to the answer.
 *
 * The same is done for a transfer (transfer.c): then the one who calls is the side that stays, the numbers are the
 * transfer's own, and the leg that is made stands beside that of the side that asked for it. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/call.h>

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/token.h>

#include "call_internal.h"

/* One who may be called. */
struct target {
	const struct leg_kind *kind;
	char *name;
};

/* What a call keeps to try again. */
struct call_attempt {
	struct target targets[ROUTE_MAX_TARGETS]; /* first is the next to be tried */
	struct target tried;			  /* the one that was tried last */
	const struct leg *from;			  /* who calls */
	struct call_parties *parties;		  /* the call's own, or those of the transfer */
	bool transfer;
	uint8_t n_targets;
	uint8_t n_redirects;
	bool rang;	  /* leg A has heard of a called side: the time limit goes on */
	char *offer;	  /* of the SETUP */
	uint64_t *called; /* hashes of those who redirected, for loops; NULL: none did */
};

static struct call_attempt *attempt_alloc(struct call *call, enum leg_side from, struct call_parties *parties)
{
	struct call_attempt *at = talloc_zero(call, struct call_attempt);

	OSMO_ASSERT(at);
	at->from = call->legs[from];
	at->parties = parties;
	call->attempt = at;
	return at;
}

static const char *name_of(const struct target *t)
{
	return *t->name ? t->name : t->kind->name;
}

/*! Answered, or ended: nobody else will be called. */
void call_target_forget(struct call *call)
{
	TALLOC_FREE(call->attempt);
}

/* The targets of a route, in the order of this call, instead of those that are left. */
static int set_targets(struct call *call, const struct route *route, struct cause *why)
{
	const char *names[ROUTE_MAX_TARGETS];
	struct call_attempt *at = call->attempt;
	unsigned int i;

	if (!route->kind) {
		*why = route->cause;
		return -1;
	}
	at->n_targets = route_order(route, names);
	for (i = 0; i < at->n_targets; i++)
		at->targets[i] = (struct target){ route->kind, talloc_strdup(at, names[i]) };
	return 0;
}

static int find_route(struct call *call, struct cause *why)
{
	const struct call_attempt *at = call->attempt;
	const struct leg *from = at->from;
	struct route route = { .media_mode = call->media_mode };

	if (from->kind->destination && from->kind->destination(from, &route.kind, &route.target))
		return set_targets(call, &route, why);
	route = route_find(call->calls, from->kind, from->kind->target(from), at->parties);

	if (!at->transfer)
		call->rule_id = route.rule ? route.rule->id : 0;
	return set_targets(call, &route, why);
}

/* The numbers as they are looked up; what they were before is kept if it differs. */
static int read_numbers(struct call *call, struct cause *why)
{
	const struct leg *a = call->legs[LEG_A];
	struct call_parties before = *call->parties;
	const char *came_as;
	int rc;

	rc = numbering_in(call->calls, a->kind, a->kind->target(a), call->parties, why);
	if (!strcmp(before.called.digits, call->parties->called.digits) &&
	    !strcmp(before.calling.digits, call->parties->calling.digits))
		return rc;
	came_as = call_parties_to_str(&before, call->mt);
	LOG_CALL(call, LOGL_INFO, "rewritten: %s\n", call_parties_str(call));
	call->came_as = talloc_strdup(call, came_as);
	return rc;
}

/*! Look up whom \a setup calls. 0, or negative with \a why. */
int call_target_find(struct call *call, const struct leg_setup *setup, struct cause *why)
{
	struct call_attempt *at = attempt_alloc(call, LEG_A, call->parties);

	if (setup->media.kind == LEG_MEDIA_OFFER)
		at->offer = talloc_strdup(at, setup->media.sdp);
	if (read_numbers(call, why) < 0)
		return -1;
	if (!admission_enter(call, why)) {
		call->over_limit = true;
		return -1;
	}
	if (find_route(call, why) < 0)
		return -1;
	if (!setup->refused)
		return 0;
	*why = cause_make(CAUSE_CONGESTION, "there was no room for it when it came");
	return -1;
}

/*! Look up whom side \a stays is to talk to instead: \a parties, which have to live as long as this goes on, name the
 * number, \a kind and \a target the place, unless the routes say it (""). 0, or negative with \a why. */
int call_target_find_transfer(struct call *call, enum leg_side stays, struct call_parties *parties,
			      const struct leg_kind *kind, const char *target, struct cause *why)
{
	struct call_attempt *at = attempt_alloc(call, stays, parties);

	at->transfer = true;
	if (!*target)
		return find_route(call, why);
	at->targets[at->n_targets++] = (struct target){ kind, talloc_strdup(at, target) };
	return 0;
}

/*! The offer for whoever is called. */
void call_target_offer(struct call *call, const char *sdp)
{
	call->attempt->offer = talloc_strdup(call->attempt, sdp);
}

/*! Name of the one that was tried last. */
const char *call_target_tried(const struct call *call)
{
	return call->attempt && call->attempt->tried.kind ? name_of(&call->attempt->tried) : "-";
}

/* Whatever a table says: nobody gets from SIP to SIP through us (toll fraud). */
static bool is_relay(const struct call *call, const struct target *t)
{
	return call->attempt->from->kind == call->calls->sip && t->kind == call->calls->sip;
}

/* Who calls whom as \a kind is to be told. The IMSI that a phone called with is its own: given to the MSC without a
 * number the phone would call itself. */
static int parties_for(const struct call *call, const struct leg_kind *kind, const char *name,
		       struct call_parties *parties, struct cause *why)
{
	bool to_gsm = kind == call->calls->gsm;

	*parties = *call->attempt->parties;
	if (to_gsm && call->attempt->from->kind == kind)
		parties->imsi[0] = '\0';
	if (numbering_out(call->calls, kind, name, parties, why) < 0)
		return -1;
	if (!to_gsm || number_given(&parties->called) || parties->imsi[0])
		return 0;
	*why = cause_make(CAUSE_INVALID_NUMBER, "no number was dialled, without which no phone can be called");
	return -1;
}

static struct leg *alloc_leg(struct call *call, const struct target *t, struct cause *why)
{
	struct call_parties parties;

	if (is_relay(call, t)) {
		*why = cause_make(CAUSE_REJECTED, "from SIP to SIP is never done");
		return NULL;
	}
	if (parties_for(call, t->kind, t->name, &parties, why) < 0)
		return NULL;
	*why = cause_make(CAUSE_TEMP_FAILURE, "%s cannot take a call now", t->kind->name);
	return t->kind->alloc(t->kind, call, t->name, why);
}

/* Say which one is tried instead, not for each call of many. */
static void log_next(const struct call *call, const struct cause *why)
{
	const char *more = log_limit_pass(&call->calls->failover_limit);

	call_count(call, CALLS_CTR_FAILOVER);
	LOG_CALL(call, more ? LOGL_NOTICE : LOGL_INFO, "%s failed, cause %u (%s)%s%s; next is %s%s\n",
		 call_target_tried(call), why->value, cause_name(why->value), why->text[0] ? ": " : "", why->text,
		 name_of(&call->attempt->targets[0]), more ?: "");
}

static void drop_first(struct call_attempt *at)
{
	talloc_free(at->tried.name);
	at->tried = at->targets[0];
	at->n_targets--;
	memmove(&at->targets[0], &at->targets[1], at->n_targets * sizeof(at->targets[0]));
}

/*! Make a leg for the first target that takes a call; it is nobody's yet. NULL with \a why: nobody is left. */
struct leg *call_target_leg(struct call *call, struct cause *why)
{
	struct call_attempt *at = call->attempt;
	const struct target *t = &at->targets[0];
	struct leg *leg;

	while (at->n_targets) {
		if (!at->transfer)
			call_set_target(call, name_of(t));
		leg = alloc_leg(call, t, why);
		LOG_CALL(call, LOGL_INFO, "%s to %s%s%s, media %s\n", at->transfer ? "transferred" : "routed",
			 t->kind->name, *t->name ? " " : "", t->name,
			 get_value_string(media_mode_names, call->media_mode));
		drop_first(at);
		if (leg)
			return leg;
		if (at->n_targets)
			log_next(call, why);
	}
	return NULL;
}

/*! Make leg B. 0, or negative with \a why: nobody is left. */
int call_target_take(struct call *call, struct cause *why)
{
	struct leg *leg = call_target_leg(call, why);

	if (!leg)
		return -1;
	call_add_leg(call, LEG_B, leg);
	return 0;
}

/*! Tell \a leg, made for the last target, to call. Returns true if it was given an offer. */
bool call_target_setup(struct call *call, const struct leg *leg)
{
	const struct call_attempt *at = call->attempt;
	struct leg_cmd cmd = { .type = LEG_CMD_SETUP };
	struct call_parties parties;
	struct cause why;

	/* was tried before the leg was made */
	parties_for(call, leg->kind, leg->kind->target(leg), &parties, &why);
	cmd.setup = (struct leg_setup){
		.parties = &parties,
		.media = { at->offer ? LEG_MEDIA_OFFER : LEG_MEDIA_NONE, at->offer },
		.media_mode = call->media_mode,
		.others = at->n_targets > 0,
	};
	call_post_to(call, leg, &cmd);
	return at->offer;
}

/*! The called side gave a sign. Returns true if it is the first of this call, so that the time limit changes. */
bool call_target_first_sign(struct call *call)
{
	struct call_attempt *at = call->attempt;
	bool first = !at->rang;

	at->rang = true;
	return first;
}

/*
 * Redirection
 */

static uint64_t identity(const struct number *n, const char *target)
{
	char dial[NUMBER_MAX_DIGITS + 2] = "";
	uint64_t hash;

	number_to_dial_string(dial, sizeof(dial), n);
	hash = token_hash_str(dial);
	return token_hash_add(hash, target, strlen(target) + 1);
}

static bool was_called(const struct call_attempt *at, uint64_t who)
{
	unsigned int i;

	for (i = 0; i < at->n_redirects + 1; i++) {
		if (at->called[i] == who)
			return true;
	}
	return false;
}

/* Remember who was called and redirects now. */
static void note_called(struct call *call, const struct number *n, const char *target)
{
	struct call_attempt *at = call->attempt;

	at->called = at->called ?: talloc_zero_array(at, uint64_t, ROUTE_MAX_REDIRECTS_LIMIT + 1);
	at->called[at->n_redirects] = identity(n, target);
}

/* Who passed the call on is the one who was called first (RFC 5806: the topmost diversion would be the last one; a
 * phone and a PBX show but one). */
static void note_redirecting(struct call *call)
{
	struct call_parties *p = call->attempt->parties;

	if (number_given(&p->redirecting))
		return;
	p->redirecting = p->called;
	p->divert_reason = DIVERT_DEFLECTION;
}

/* May the call go on to the number that \a end names? If so the parties are rewritten and the targets set. */
static bool follow(struct call *call, const struct leg_released *end, struct cause *why)
{
	struct call_attempt *at = call->attempt;
	struct target to = { .kind = at->tried.kind };
	struct number called = end->redirect;
	uint64_t who;

	if (numbering_one(call->calls, to.kind, at->tried.name, NUMBER_IN, NUMBER_CALLED, &called) < 0)
		return false;
	who = identity(&called, end->redirect_target);
	if (at->n_redirects >= call->calls->routes.max_redirects) {
		LOG_CALL(call, LOGL_INFO, "redirected %u times already, not followed\n", at->n_redirects);
		return false;
	}
	note_called(call, &at->parties->called, end->redirect_target[0] ? at->tried.name : "");
	if (was_called(at, who)) {
		*why = cause_make(CAUSE_EXCHANGE_ROUTING_ERROR, "redirected in a circle");
		return false;
	}
	at->n_redirects++;
	call_count(call, CALLS_CTR_REDIRECTED);
	note_redirecting(call);
	at->parties->called = called;
	LOG_CALL(call, LOGL_INFO, "redirected by %s: %s\n", name_of(&at->tried),
		 call_parties_to_str(at->parties, call->mt));
	while (at->n_targets)
		talloc_free(at->targets[--at->n_targets].name);
	if (!end->redirect_target[0])
		return find_route(call, why) == 0;
	to.name = talloc_strdup(at, end->redirect_target);
	at->targets[at->n_targets++] = to;
	return true;
}

/*! The leg that was made last ended so, before its answer, and is gone. Returns true if somebody else is to be tried:
 * call_target_take() says whom. \a why is why it ended, and may be changed. */
bool call_target_failed(struct call *call, const struct leg_released *end, struct cause *why)
{
	struct call_attempt *at = call->attempt;
	bool emergency = at->parties->emergency;

	/* who calls for help is not sent elsewhere by a machine as long as there is another to ask */
	if (number_given(&end->redirect) && !(emergency && at->n_targets))
		return follow(call, end, why);
	if (!at->n_targets || (!end->way_failed && !emergency))
		return false;
	log_next(call, why);
	return true;
}
