/* Whose message is it? The identifiers that legs announce, from the beginning of a call until some seconds after its
 * end.
 *
 * The first message of a call comes before anybody knows the call: messages without an owner are remembered for a
 * while, and go to the call that claims their identifier. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/obs/trace.h>

#include <stdio.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "trace_internal.h"

static struct trace *the_trace; /* for the hooks, which have no data pointer */

static uint64_t now_ms(const struct timespec *now)
{
	return (uint64_t)now->tv_sec * 1000 + now->tv_nsec / 1000000;
}

static struct timespec now_mono(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return now;
}

struct traced *trace_find(const struct trace *trace, uint32_t call_id)
{
	struct traced *call;

	hash_for_each_possible (trace->by_id, call, by_id, call_id) {
		if (call->call_id == call_id)
			return call;
	}
	return NULL;
}

static uint64_t slot_of(enum wire_proto proto, uint64_t key)
{
	return key * 4 + proto;
}

static struct traced *owner(const struct trace *trace, enum wire_proto proto, uint64_t key)
{
	struct trace_key *k;

	hash_for_each_possible (trace->by_key, k, node, slot_of(proto, key)) {
		if (k->key == key && k->proto == proto)
			return k->call;
	}
	return NULL;
}

static void forget_keys(struct trace *trace, struct traced *call)
{
	unsigned int i;

	for (i = 0; i < call->n_keys; i++)
		hash_del(&call->keys[i].node);
	call->n_keys = 0;
	for (i = 0; i < TRACE_TRXS; i++) {
		if (trace->trxs[i].call == call)
			trace->trxs[i].call = NULL;
	}
}

static void free_traced(struct trace *trace, struct traced *call)
{
	forget_keys(trace, call);
	hash_del(&call->by_id);
	talloc_free(call);
}

/* ---- messages on wires ---- */

/* A response says the transaction alone: which call its command was for. */
static struct traced *owner_by_trx(const struct trace *trace, uint32_t trx)
{
	unsigned int i;

	for (i = 0; i < TRACE_TRXS; i++) {
		if (trace->trxs[i].id == trx && trace->trxs[i].call)
			return trace->trxs[i].call;
	}
	return NULL;
}

static void remember_trx(struct trace *trace, uint32_t trx, struct traced *call)
{
	unsigned int i = trace->next_trx++ % TRACE_TRXS;

	trace->trxs[i].id = trx;
	trace->trxs[i].call = call;
}

static struct traced *owner_of(struct trace *trace, const struct wire_msg *msg, const struct trace_text *t)
{
	struct traced *call;

	if (t->mgcp_response)
		return owner_by_trx(trace, t->trx);
	call = t->key ? owner(trace, msg->proto, t->key) : NULL;
	if (call && msg->proto == WIRE_MGCP)
		remember_trx(trace, t->trx, call);
	return call;
}

static void remember_recent(struct trace *trace, const struct wire_msg *msg, const struct trace_text *t,
			    const struct ladder_entry *entry, const struct timespec *now)
{
	if (!t->key)
		return;
	trace->recent[trace->next_recent++ % TRACE_RECENT] = (struct trace_recent){
		.key = t->key, .when = *now, .entry = *entry, .proto = msg->proto, .used = true
	};
}

static void rx_wire(const struct wire_msg *msg)
{
	static const uint8_t lanes[] = { [WIRE_SIP] = LANE_SIP, [WIRE_MGCP] = LANE_MGCP, [WIRE_MNCC] = LANE_MNCC };
	struct trace *trace = the_trace;
	struct timespec now = now_mono();
	struct ladder_entry entry;
	struct trace_text t;
	struct traced *call;
	struct trace_tap *tap;

	trace_text_of(&t, msg);
	call = owner_of(trace, msg, &t);
	llist_for_each_entry (tap, &trace->taps, entry)
		tap->seen(tap->data, msg, call ? call->call_id : 0);
	if (!trace->cfg.ladder || !t.text[0])
		return;
	entry = (struct ladder_entry){
		.word = trace_word(t.text),
		.digest = msg->proto == WIRE_MNCC ? 0 : token_hash(msg->data, msg->len), /* never repeated */
		.what = lanes[msg->proto] | (msg->dir == WIRE_RX ? LADDER_TO_US : 0) | (t.bad ? LADDER_BAD : 0),
	};
	if (call) {
		entry.ms = ladder_ms_since(&call->start, &now);
		ladder_add(call, &entry);
	} else {
		remember_recent(trace, msg, &t, &entry, &now);
	}
}

/* Messages that came before their call was known. */
static void claim_recent(struct trace *trace, struct traced *call, enum wire_proto proto, uint64_t key)
{
	unsigned int i;

	for (i = 0; i < TRACE_RECENT; i++) {
		struct trace_recent *r = &trace->recent[(trace->next_recent + i) % TRACE_RECENT];
		if (!r->used || r->key != key || r->proto != proto)
			continue;
		r->used = false;
		r->entry.ms = ladder_ms_since(&call->start, &r->when);
		ladder_add(call, &r->entry);
	}
}

static void bind(enum wire_proto proto, uint64_t key, uint32_t call_id)
{
	struct traced *call = trace_find(the_trace, call_id);
	struct trace_key *k;

	if (!call || call->n_keys == TRACE_MAX_KEYS || owner(the_trace, proto, key) == call)
		return;
	k = &call->keys[call->n_keys++];
	*k = (struct trace_key){ .key = key, .proto = proto, .call = call };
	hash_add(the_trace->by_key, &k->node, slot_of(proto, key));
	claim_recent(the_trace, call, proto, key);
}

/* ---- calls ---- */

static void on_begun(void *data, const struct call *call)
{
	struct trace *trace = data;
	struct traced *traced = talloc_zero(trace, struct traced);

	if (!traced)
		return;
	traced->call_id = call->id;
	traced->start = call->t_start;
	traced->gsm_right = call->mt;
	hash_add(trace->by_id, &traced->by_id, call->id);
}

static struct traced *call_of_item(const struct trace *trace, const struct dispatch_item *item)
{
	return trace->cfg.ladder ? trace_find(trace, item->call_id) : NULL;
}

static void on_item(void *data, const struct dispatch_item *item)
{
	struct traced *call = call_of_item(data, item);

	if (call)
		ladder_add_item(call, item);
}

static void on_delivery(void *data, const struct dispatch_item *item, bool delivered)
{
	struct traced *call = delivered ? NULL : call_of_item(data, item);

	if (call)
		ladder_item_dropped(call);
}

static void on_leg_gone(void *data, const struct call *call, const struct leg *leg)
{
	struct traced *traced = trace_find(data, call->id);

	if (traced && leg->side == LEG_B)
		traced->gsm_gsm = leg->kind == call->calls->gsm && !call->mt;
}

/* Neither the caller's change of mind nor the normal end of a talk. */
static bool ended_badly(const struct call *call)
{
	uint8_t cause = call->cause ? call->cause->value : CAUSE_NORMAL_UNSPEC;

	if (call->answered)
		return cause > CAUSE_NORMAL_UNSPEC;
	return call->by_us || call->released_by != LEG_A || cause > CAUSE_NORMAL_UNSPEC;
}

static char *sentence_of(void *ctx, const struct call *call)
{
	const struct cause *cause = call->cause;
	const char *who = call->by_us		       ? "by us"
			  : call->released_by == LEG_A ? "on the calling side"
						       : "on the called side";
	char parties[160];

	call_parties_to_str_buf(parties, sizeof(parties), call);
	return talloc_asprintf(ctx, "%s: %s %s, cause %u (%s)%s%s", parties, call->answered ? "ended" : "failed", who,
			       cause->value, cause_name(cause->value), cause->text[0] ? ": " : "", cause->text);
}

static void keep_failed(struct trace *trace, struct traced *call)
{
	llist_add_tail(&call->entry, &trace->failed);
	trace->n_failed++;
	while (trace->n_failed > trace->cfg.failed) {
		struct traced *oldest = llist_first_entry(&trace->failed, struct traced, entry);
		llist_del(&oldest->entry);
		trace->n_failed--;
		free_traced(trace, oldest);
	}
}

static void lingered(void *data)
{
	struct trace *trace = data;
	struct timespec now = now_mono();
	struct traced *call, *next;

	llist_for_each_entry_safe (call, next, &trace->ended, entry) {
		if (call->linger_until_ms > now_ms(&now)) {
			timer_start_ms(&trace->timer, call->linger_until_ms - now_ms(&now));
			return;
		}
		llist_del(&call->entry);
		if (call->bad) {
			forget_keys(trace, call);
			keep_failed(trace, call);
		} else {
			free_traced(trace, call);
		}
	}
}

static void on_ended(void *data, const struct call *call)
{
	struct trace *trace = data;
	struct traced *traced = trace_find(trace, call->id);
	struct timespec now = now_mono();

	if (!traced)
		return;
	traced->bad = call->cause && ended_badly(call);
	traced->end = time(NULL);
	traced->sentence = traced->bad ? sentence_of(traced, call) : NULL;
	traced->linger_until_ms = now_ms(&now) + TRACE_LINGER_MS;
	llist_add_tail(&traced->entry, &trace->ended);
	if (!osmo_timer_pending(&trace->timer))
		timer_start_ms(&trace->timer, TRACE_LINGER_MS);
}

/* ---- for the operator ---- */

static void fill_failed(struct trace_failed *failed, const struct traced *call)
{
	struct tm tm;

	*failed = (struct trace_failed){ .call_id = call->call_id, .sentence = call->sentence };
	localtime_r(&call->end, &tm);
	strftime(failed->when, sizeof(failed->when), "%Y-%m-%d %H:%M:%S", &tm);
}

/* Those that have just ended are in the other list still. */
bool trace_failed_get(const struct trace *trace, unsigned int idx, struct trace_failed *failed)
{
	const struct llist_head *lists[] = { &trace->ended, &trace->failed };
	const struct traced *call;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		llist_for_each_entry_reverse(call, lists[i], entry)
		{
			if (!call->bad || idx--)
				continue;
			fill_failed(failed, call);
			return true;
		}
	}
	return false;
}

void trace_tap_add(struct trace *trace, struct trace_tap *tap)
{
	llist_add_tail(&tap->entry, &trace->taps);
	trace_apply(trace);
}

void trace_tap_del(struct trace *trace, struct trace_tap *tap)
{
	llist_del(&tap->entry);
	trace_apply(trace);
}

/* ---- the object ---- */

struct trace_cfg *trace_cfg(struct trace *trace)
{
	return &trace->cfg;
}

/*! The configuration or the taps changed. With nobody who wants to know, wires are not looked at. */
void trace_apply(struct trace *trace)
{
	bool wanted = trace->cfg.ladder || !llist_empty(&trace->taps);

	wire_trace_hook = wanted ? rx_wire : NULL;
	wire_bind_hook = wanted ? bind : NULL;
	trace->observer.begun = wanted ? on_begun : NULL;
}

static int trace_destructor(struct trace *trace)
{
	osmo_timer_del(&trace->timer);
	llist_del(&trace->observer.entry);
	llist_del(&trace->queue.entry);
	wire_trace_hook = NULL;
	wire_bind_hook = NULL;
	the_trace = NULL;
	return 0;
}

struct trace *trace_alloc(void *ctx, struct calls *calls)
{
	struct trace *trace = talloc_zero(ctx, struct trace);

	OSMO_ASSERT(trace && !the_trace);
	trace->cfg = (struct trace_cfg){ .ladder = true, .failed = TRACE_FAILED_DEFAULT };
	trace->calls = calls;
	trace->observer = (struct call_observer){ .leg_gone = on_leg_gone, .ended = on_ended, .data = trace };
	trace->queue = (struct dispatch_observer){ .coming = on_item, .seen = on_delivery, .data = trace };
	INIT_LLIST_HEAD(&trace->taps);
	INIT_LLIST_HEAD(&trace->ended);
	INIT_LLIST_HEAD(&trace->failed);
	hash_init(trace->by_id);
	hash_init(trace->by_key);
	osmo_timer_setup(&trace->timer, lingered, trace);
	calls_observe(calls, &trace->observer);
	dispatch_observe(calls->dispatch, &trace->queue);
	the_trace = trace;
	trace_apply(trace);
	talloc_set_destructor(trace, trace_destructor);
	return trace;
}
