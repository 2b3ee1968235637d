/* Who is called: the targets of the route, tried one after the other until one of them takes the call.
 *
 * A target that fails before the answer, by the way to it and not by the decision of whom it leads to, is followed by
 * the next; leg A hears nothing of it. A party may ask to call another number instead (a 3xx): that is followed within
 * bounds. All that is needed for a further attempt lives in one piece of memory, from the SETUP to the answer. */
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
	const struct leg_kind *kind;		  /* of the one that was tried last */
	uint8_t n_targets;
	uint8_t n_redirects;
	bool rang;	  /* leg A has heard of a called side: the time limit goes on */
	char *offer;	  /* of the SETUP */
	uint64_t *called; /* hashes of those who redirected, for loops; NULL: none did */
};

static struct call_attempt *attempt_alloc(struct call *call, const struct leg_setup *setup)
{
	struct call_attempt *at = talloc_zero(call, struct call_attempt);

	OSMO_ASSERT(at);
	if (setup->media.kind == LEG_MEDIA_OFFER)
		at->offer = talloc_strdup(at, setup->media.sdp);
	call->attempt = at;
	return at;
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
	const struct leg *a = call->legs[LEG_A];
	struct route route = { .media_mode = call->media_mode };

	if (a->kind->destination && a->kind->destination(a, &route.kind, &route.target))
		return set_targets(call, &route, why);
	route = route_find(call->calls, a->kind, a->kind->target(a), call->parties);

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
	attempt_alloc(call, setup);
	if (read_numbers(call, why) < 0)
		return -1;
	if (!admission_enter(call, why)) {
		call->over_limit = true;
		return -1;
	}
	return find_route(call, why);
}

/* Whatever a table says: nobody gets from SIP to SIP through us (toll fraud). */
static bool is_relay(const struct call *call, const struct target *t)
{
	return call->mt && t->kind == call->calls->sip;
}

static struct leg *alloc_leg(struct call *call, const struct target *t, struct cause *why)
{
	struct call_parties parties = *call->parties;

	if (is_relay(call, t)) {
		*why = cause_make(CAUSE_REJECTED, "from SIP to SIP is never done");
		return NULL;
	}
	if (numbering_out(call->calls, t->kind, t->name, &parties, why) < 0)
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
		 call->target ?: "target", why->value, cause_name(why->value), why->text[0] ? ": " : "", why->text,
		 call->attempt->targets[0].name, more ?: "");
}

static void drop_first(struct call_attempt *at)
{
	talloc_free(at->targets[0].name);
	at->n_targets--;
	memmove(&at->targets[0], &at->targets[1], at->n_targets * sizeof(at->targets[0]));
}

/*! Make leg B for the first target that takes a call. 0, or negative with \a why: nobody is left. */
int call_target_take(struct call *call, struct cause *why)
{
	struct call_attempt *at = call->attempt;
	struct leg *leg;

	while (at->n_targets) {
		const struct target *t = &at->targets[0];
		const struct leg_kind *kind = t->kind;

		call_set_target(call, *t->name ? t->name : kind->name);
		leg = alloc_leg(call, t, why);
		LOG_CALL(call, LOGL_INFO, "routed to %s%s%s, media %s\n", kind->name, *t->name ? " " : "", t->name,
			 get_value_string(media_mode_names, call->media_mode));
		drop_first(at);
		at->kind = kind;
		if (leg) {
			call_add_leg(call, LEG_B, leg);
			return 0;
		}
		if (at->n_targets)
			log_next(call, why);
	}
	return -1;
}

/*! Tell leg B to call. Returns true if it was given an offer. */
bool call_target_setup(struct call *call)
{
	const struct call_attempt *at = call->attempt;
	struct leg_cmd cmd = { .type = LEG_CMD_SETUP };
	struct call_parties parties = *call->parties;
	const struct leg *b = call->legs[LEG_B];
	struct cause why;

	numbering_out(call->calls, b->kind, b->kind->target(b), &parties, &why); /* was tried before the leg was made */
	cmd.setup = (struct leg_setup){
		.parties = &parties,
		.media = { at->offer ? LEG_MEDIA_OFFER : LEG_MEDIA_NONE, at->offer },
		.media_mode = call->media_mode,
		.others = at->n_targets > 0,
	};
	call_post_cmd(call, LEG_B, &cmd);
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
	struct call_parties *p = call->parties;

	if (number_given(&p->redirecting))
		return;
	p->redirecting = p->called;
	p->divert_reason = DIVERT_DEFLECTION;
}

/* May the call go on to the number that \a end names? If so the parties are rewritten and the targets set. */
static bool follow(struct call *call, const struct leg_released *end, struct cause *why)
{
	struct call_attempt *at = call->attempt;
	struct target to = { .kind = at->kind };
	struct number called = end->redirect;
	uint64_t who;

	if (numbering_one(call->calls, at->kind, call->target, NUMBER_IN, NUMBER_CALLED, &called) < 0)
		return false;
	who = identity(&called, end->redirect_target);
	if (at->n_redirects >= call->calls->routes.max_redirects) {
		LOG_CALL(call, LOGL_INFO, "redirected %u times already, not followed\n", at->n_redirects);
		return false;
	}
	note_called(call, &call->parties->called, end->redirect_target[0] ? call->target : "");
	if (was_called(at, who)) {
		*why = cause_make(CAUSE_EXCHANGE_ROUTING_ERROR, "redirected in a circle");
		return false;
	}
	at->n_redirects++;
	call_count(call, CALLS_CTR_REDIRECTED);
	note_redirecting(call);
	call->parties->called = called;
	LOG_CALL(call, LOGL_INFO, "redirected by %s: %s\n", call->target, call_parties_str(call));
	while (at->n_targets)
		drop_first(at);
	if (!end->redirect_target[0])
		return find_route(call, why) == 0;
	to.name = talloc_strdup(at, end->redirect_target);
	at->targets[at->n_targets++] = to;
	return true;
}

/*! Leg B ended so, before its answer, and is gone. Returns true if somebody else is to be tried: call_target_take()
 * says whom. \a why is why it ended, and may be changed. */
bool call_target_failed(struct call *call, const struct leg_released *end, struct cause *why)
{
	struct call_attempt *at = call->attempt;
	bool emergency = call->parties->emergency;

	/* who calls for help is not sent elsewhere by a machine as long as there is another to ask */
	if (number_given(&end->redirect) && !(emergency && at->n_targets))
		return follow(call, end, why);
	if (!at->n_targets || (!end->way_failed && !emergency))
		return false;
	log_next(call, why);
	return true;
}
