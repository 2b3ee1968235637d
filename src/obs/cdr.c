/* Call detail records: what is remembered of a call when it ends.
 *
 * A record begins when the first leg of a call goes, since each leg takes what it knows with it, and is complete when
 * the call has ended and the media gateway has told what it counted, or CDR_MEDIA_WAIT_MS later. An open call costs
 * nothing. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/obs/cdr.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/timer_compat.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "cdr_internal.h"

const struct value_string cdr_format_names[] = { { CDR_JSON, "json" }, { CDR_CSV, "csv" }, {} };

static const struct rate_ctr_desc ctr_desc[] = {
	[CDR_CTR_WRITTEN] = { "written", "Records written" },
	[CDR_CTR_LOST] = { "lost", "Records lost, since too many waited to be written" },
	[CDR_CTR_WRITE_FAILED] = { "write:failed", "Attempts to write that failed, tried again" },
	[CDR_CTR_ROTATED] = { "rotated", "Files rotated by size" },
};

static const struct rate_ctr_group_desc ctr_group_desc = {
	.group_name_prefix = "cdr",
	.group_description = "Call detail records",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_ctr = ARRAY_SIZE(ctr_desc),
	.ctr_desc = ctr_desc,
};

static struct cdr *the_cdr; /* for the hook of the gateway's statistics, which has no data pointer */

static uint64_t now_ms(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When something happened on the clock of the wall, told by the monotonic one. */
static struct timespec wall_of(const struct timespec *then)
{
	struct timespec mono, wall, ago;
	struct timeval tv;

	if (!then->tv_sec && !then->tv_nsec)
		return (struct timespec){};
	osmo_clock_gettime(CLOCK_MONOTONIC, &mono);
	osmo_gettimeofday(&tv, NULL);
	wall = (struct timespec){ .tv_sec = tv.tv_sec, .tv_nsec = tv.tv_usec * 1000 };
	timespecsub(&mono, then, &ago);
	timespecsub(&wall, &ago, &wall);
	return wall;
}

/* ---- the end of a record ---- */

static void forget_key(struct cdr_leg *leg)
{
	if (leg->there && leg->rec.media_key)
		hash_del(&leg->by_media_key);
}

static void unlink_record(struct cdr_record *rec)
{
	forget_key(&rec->leg[LEG_A]);
	forget_key(&rec->leg[LEG_B]);
	hash_del(&rec->by_id);
	llist_del(&rec->entry);
}

static void finish(struct cdr *cdr, struct cdr_record *rec)
{
	static char line[CDR_MAX_LEN];
	int len = cdr_write_line(line, sizeof(line), cdr, rec);

	OSMO_ASSERT(len > 0);
	cdr_out_put(cdr, line, len);
	unlink_record(rec);
	talloc_free(rec);
}

static void schedule(struct cdr *cdr)
{
	const struct cdr_record *first = llist_first_entry_or_null(&cdr->open, struct cdr_record, entry);
	uint64_t now = now_ms();

	if (!first)
		osmo_timer_del(&cdr->timer);
	else if (!osmo_timer_pending(&cdr->timer))
		timer_start_ms(&cdr->timer, first->until_ms > now ? first->until_ms - now : 1);
}

static void waited(void *data)
{
	struct cdr *cdr = data;
	struct cdr_record *rec, *next;
	uint64_t now = now_ms();

	llist_for_each_entry_safe (rec, next, &cdr->open, entry) {
		if (rec->until_ms > now)
			break;
		if (rec->ended)
			finish(cdr, rec);
		else /* a leg that takes long to end: it has all the time that the call gives it */
			rec->until_ms = now + CDR_MEDIA_WAIT_MS;
	}
	schedule(cdr);
}

/* ---- what the gateway has counted ---- */

static bool wants_media(const struct cdr_leg *leg)
{
	return leg->there && leg->rec.media_key && !(leg->has_media[0] && leg->has_media[1]);
}

static void take_stats(struct cdr_leg *leg, const struct wire_media_stats *stats)
{
	leg->has_media[stats->core] = true;
	leg->media[stats->core] = *stats;
}

static bool is_complete(const struct cdr_record *rec)
{
	return rec->ended && !wants_media(&rec->leg[LEG_A]) && !wants_media(&rec->leg[LEG_B]);
}

/* Told too early, or for a call that has no record: remembered for a while. */
static void keep_early(struct cdr *cdr, const struct wire_media_stats *stats)
{
	cdr->early[cdr->next_early++ % ARRAY_SIZE(cdr->early)] = *stats;
}

static void rx_stats(const struct wire_media_stats *stats)
{
	struct cdr *cdr = the_cdr;
	struct cdr_leg *leg;

	if (cdr->cfg.sink == CDR_OFF)
		return;
	hash_for_each_possible (cdr->by_media_key, leg, by_media_key, stats->key) {
		if (leg->rec.media_key != stats->key)
			continue;
		take_stats(leg, stats);
		if (is_complete(leg->record))
			finish(cdr, leg->record);
		return;
	}
	keep_early(cdr, stats);
}

static void take_early(struct cdr *cdr, struct cdr_leg *leg)
{
	unsigned int i;

	for (i = 0; leg->rec.media_key && i < ARRAY_SIZE(cdr->early); i++) {
		if (cdr->early[i].key == leg->rec.media_key)
			take_stats(leg, &cdr->early[i]);
	}
}

/* ---- what the call and its legs know ---- */

static struct cdr_record *find(struct cdr *cdr, uint32_t call_id)
{
	struct cdr_record *rec;

	hash_for_each_possible (cdr->by_id, rec, by_id, call_id) {
		if (rec->call_id == call_id)
			return rec;
	}
	return NULL;
}

static struct cdr_record *find_or_begin(struct cdr *cdr, const struct call *call)
{
	struct cdr_record *rec = find(cdr, call->id);

	if (rec)
		return rec;
	rec = talloc_zero(cdr, struct cdr_record);
	OSMO_ASSERT(rec);
	rec->call_id = call->id;
	rec->until_ms = now_ms() + CDR_MEDIA_WAIT_MS;
	llist_add_tail(&rec->entry, &cdr->open);
	hash_add(cdr->by_id, &rec->by_id, rec->call_id);
	schedule(cdr);
	return rec;
}

static void on_leg_gone(void *data, const struct call *call, const struct leg *leg)
{
	struct cdr *cdr = data;
	struct cdr_record *rec;
	struct cdr_leg *cl;

	if (cdr->cfg.sink == CDR_OFF)
		return;
	rec = find_or_begin(cdr, call);
	cl = &rec->leg[leg->side];
	forget_key(cl); /* of one that stood there before */
	*cl = (struct cdr_leg){ .record = rec, .there = true };
	OSMO_STRLCPY_ARRAY(cl->kind, leg->kind->name);
	if (leg->kind->record)
		leg->kind->record(leg, &cl->rec);
	OSMO_STRLCPY_ARRAY(cl->target, cl->rec.target[0] ? cl->rec.target : leg->kind->target(leg));
	if (cl->rec.media_key)
		hash_add(cdr->by_media_key, &cl->by_media_key, cl->rec.media_key);
	take_early(cdr, cl);
}

static const char *released_by(const struct call *call)
{
	if (call->by_us)
		return "us";
	return call->released_by == LEG_A ? "a" : "b";
}

/* Media are decided on the GSM side: what it has agreed upon with the other one is the other one's codec. */
static void take_far_codec(struct cdr_leg *leg, const struct cdr_leg *other)
{
	if (leg->there && !leg->rec.codec[0])
		OSMO_STRLCPY_ARRAY(leg->rec.codec, other->rec.far_codec);
}

/* "1001 -> 5552222", if a rule made it something else */
static void take_came_as(struct cdr_record *rec, const struct call *call)
{
	char parties[2 * NUMBER_MAX_DIGITS + 40];
	const char *arrow;

	if (call->came_as)
		OSMO_STRLCPY_ARRAY(parties, call->came_as);
	else
		call_parties_to_str_buf(parties, sizeof(parties), call);
	arrow = strstr(parties, " -> ");
	if (!arrow)
		return;
	snprintf(rec->calling_in, sizeof(rec->calling_in), "%.*s", (int)(arrow - parties), parties);
	snprintf(rec->called_in, sizeof(rec->called_in), "%.*s", (int)strcspn(arrow + 4, " "), arrow + 4);
}

static void take_call(struct cdr_record *rec, const struct call *call)
{
	const struct route_rule *rule = route_rule_by_id(&call->calls->routes, call->rule_id);
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	rec->start = wall_of(&call->t_start);
	rec->alerting = wall_of(&call->t_alerting);
	rec->answered = wall_of(&call->t_answered);
	rec->end = wall_of(&now);
	rec->parties = *call->parties;
	rec->mt = call->mt;
	rec->attempts = call->next_serial[LEG_B] - call->n_transfer_legs[LEG_B];
	rec->released_by = released_by(call);
	rec->media_mode = get_value_string(media_mode_names, call->media_mode);
	rec->cause = call->cause ? *call->cause : CAUSE(CAUSE_NORMAL_UNSPEC);
	take_came_as(rec, call);
	OSMO_STRLCPY_ARRAY(rec->route, rule ? rule->name : "");
	take_far_codec(&rec->leg[LEG_A], &rec->leg[LEG_B]);
	take_far_codec(&rec->leg[LEG_B], &rec->leg[LEG_A]);
}

static void on_ended(void *data, const struct call *call)
{
	struct cdr *cdr = data;
	struct cdr_record *rec;

	if (cdr->cfg.sink == CDR_OFF)
		return;
	rec = find_or_begin(cdr, call);
	take_call(rec, call);
	rec->ended = true;
	if (is_complete(rec))
		finish(cdr, rec);
}

/* ---- the object ---- */

static int cdr_destructor(struct cdr *cdr)
{
	struct cdr_record *rec, *next;

	llist_for_each_entry_safe (rec, next, &cdr->open, entry)
		unlink_record(rec);
	llist_del(&cdr->observer.entry);
	osmo_timer_del(&cdr->timer);
	cdr_out_end(cdr);
	rate_ctr_group_free(cdr->ctrs);
	wire_media_stats_hook = NULL;
	the_cdr = NULL;
	return 0;
}

struct cdr *cdr_alloc(void *ctx, struct calls *calls)
{
	struct cdr *cdr = talloc_zero(ctx, struct cdr);

	OSMO_ASSERT(cdr && !the_cdr);
	*cdr = (struct cdr){
		.cfg = { .max_files = CDR_MAX_FILES_DEFAULT },
		.calls = calls,
		.observer = { .leg_gone = on_leg_gone, .ended = on_ended, .data = cdr },
		.ctrs = rate_ctr_group_alloc(cdr, &ctr_group_desc, 0),
	};
	OSMO_ASSERT(cdr->ctrs);
	snprintf(cdr->instance, sizeof(cdr->instance), "%016" PRIx64, token_u64());
	INIT_LLIST_HEAD(&cdr->open);
	hash_init(cdr->by_id);
	hash_init(cdr->by_media_key);
	osmo_timer_setup(&cdr->timer, waited, cdr);
	cdr_out_init(cdr);
	calls_observe(calls, &cdr->observer);
	the_cdr = cdr;
	wire_media_stats_hook = rx_stats;
	talloc_set_destructor(cdr, cdr_destructor);
	return cdr;
}

struct cdr_cfg *cdr_cfg(struct cdr *cdr)
{
	return &cdr->cfg;
}

int cdr_apply(struct cdr *cdr)
{
	return cdr_out_reopen(cdr);
}

void cdr_reopen(struct cdr *cdr)
{
	cdr_out_flush(cdr);
	cdr_out_reopen(cdr);
}

void cdr_flush(struct cdr *cdr)
{
	struct cdr_record *rec, *next;

	llist_for_each_entry_safe (rec, next, &cdr->open, entry) {
		if (rec->ended)
			finish(cdr, rec);
	}
	schedule(cdr);
	cdr_out_flush(cdr);
}

void cdr_get_status(const struct cdr *cdr, struct cdr_status *status)
{
	*status = (struct cdr_status){
		.ok = !cdr->out.failed,
		.written = rate_ctr_group_get_ctr(cdr->ctrs, CDR_CTR_WRITTEN)->current,
		.lost = rate_ctr_group_get_ctr(cdr->ctrs, CDR_CTR_LOST)->current,
		.waiting = cdr->out.n_waiting,
	};
	OSMO_STRLCPY_ARRAY(status->why, cdr->out.why);
}

struct rate_ctr_group *cdr_ctrs(const struct cdr *cdr)
{
	return cdr->ctrs;
}
