/* Whose message is it? The identifiers that legs announce, from the beginning of a call until some seconds after its
 * end.
 *
 * The first message of a call comes before anybody knows the call: messages without an owner are remembered for a
 * while, and go to the call that claims their identifier. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/obs/trace.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "trace_internal.h"

static struct trace *the_trace; /* for the hooks, which have no data pointer */

static uint64_t now_ms(void)
{
	return ladder_now_ns() / 1000000;
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

/* All bits of it count, for the bucket and for the tag. */
static uint64_t slot_of(enum wire_proto proto, uint64_t key)
{
	uint64_t slot = (key * 4 + proto) * 0x9e3779b97f4a7c15ULL;

	return slot ^ slot >> 32;
}

static uint32_t tag_of(uint64_t slot)
{
	return slot & 0x7fffffff;
}

/* Of two calls with the same one, the later one's. */
static const struct trace_key *find_key(const struct trace *trace, enum wire_proto proto, uint64_t key)
{
	uint64_t slot = slot_of(proto, key);
	struct trace_key *k;

	hash_for_each_possible (trace->by_key, k, node, slot) {
		if (k->tag == tag_of(slot))
			return k;
	}
	return NULL;
}

static void forget_keys(struct traced *call)
{
	unsigned int i;

	for (i = 0; i < call->n_keys; i++)
		hash_del(&call->keys[i].node);
	call->n_keys = 0;
}

static void free_traced(struct traced *call)
{
	forget_keys(call);
	hash_del(&call->by_id);
	if (call->end)
		llist_del(&call->end->entry);
	talloc_free(call->end);
	free(call);
}

static struct traced *traced_alloc(unsigned int max_keys, unsigned int max_entries)
{
	size_t len =
		sizeof(struct traced) + max_keys * sizeof(struct trace_key) + max_entries * sizeof(struct ladder_entry);
	struct traced *call = malloc(len);

	if (!call)
		return NULL;
	*call = (struct traced){ .max_keys = max_keys, .max_entries = max_entries };
	return call;
}

/* Where the old one stands in hashes and lists the new one stands. The bucket of a key is not known any more: it stands
 * next to its old self. */
static void take_place(struct trace *trace, struct traced *call, struct traced *old)
{
	unsigned int i;

	hash_del(&old->by_id);
	hash_add(trace->by_id, &call->by_id, call->call_id);
	for (i = 0; i < call->n_keys; i++) {
		hlist_add_behind(&call->keys[i].node, &old->keys[i].node);
		hash_del(&old->keys[i].node);
	}
	if (call->end)
		call->end->call = call;
}

/*! Room for more, or less, but not for less than there is. The old pointer is void then. NULL: no memory, and
 * everything as it was. */
struct traced *traced_resize(struct traced *old, unsigned int max_keys, unsigned int max_entries)
{
	struct traced *call = traced_alloc(max_keys, max_entries);

	if (!call)
		return NULL;
	memcpy(call, old, sizeof(*call));
	call->max_keys = max_keys;
	call->max_entries = max_entries;
	memcpy(call->keys, old->keys, call->n_keys * sizeof(call->keys[0]));
	memcpy(traced_entries(call), traced_entries(old), call->n_entries * sizeof(struct ladder_entry));
	take_place(the_trace, call, old);
	free(old);
	return call;
}

/* ---- messages on wires ---- */

/* Whose message it is, and of which of its legs. */
struct owner {
	struct traced *call; /* NULL: nobody's that we know */
	bool side_b;
};

/* A response says the transaction alone: which call its command was for. */
static struct owner owner_by_trx(const struct trace *trace, uint32_t trx)
{
	unsigned int i = trx % TRACE_TRXS;

	if (trace->trxs[i].id != trx)
		return (struct owner){};
	return (struct owner){ trace_find(trace, trace->trxs[i].call_id), trace->trxs[i].side_b };
}

static void remember_trx(struct trace *trace, uint32_t trx, const struct owner *o)
{
	unsigned int i = trx % TRACE_TRXS;

	trace->trxs[i].id = trx;
	trace->trxs[i].call_id = o->call->call_id;
	trace->trxs[i].side_b = o->side_b;
}

static struct owner owner_of(struct trace *trace, const struct wire_msg *msg, const struct trace_text *t)
{
	const struct trace_key *k;
	struct owner o;

	if (t->mgcp_response)
		return owner_by_trx(trace, t->trx);
	k = t->key ? find_key(trace, msg->proto, t->key) : NULL;
	if (!k)
		return (struct owner){};
	o = (struct owner){ trace_find(trace, k->call_id), k->side_b };
	if (o.call && msg->proto == WIRE_MGCP)
		remember_trx(trace, t->trx, &o);
	return o;
}

/* An identifier that somebody uses again soon after its call has ended: not a message of that one. */
static bool is_of_next(const struct traced *call, const struct wire_msg *msg, const struct ladder_entry *entry)
{
	return call->end && trace_begins_call(msg) && !ladder_has(call, entry);
}

static void remember_recent(struct trace *trace, const struct wire_msg *msg, const struct trace_text *t,
			    const struct ladder_entry *entry)
{
	struct trace_recent *r = &trace->recent[trace->next_recent % TRACE_RECENT];

	if (!t->key)
		return;
	trace->next_recent++;
	*r = (struct trace_recent){
		.key = t->key, .when_ns = ladder_now_ns(), .entry = *entry, .proto = msg->proto, .used = true
	};
	OSMO_STRLCPY_ARRAY(r->text, t->text);
}

static uint8_t lane_of(enum wire_proto proto, bool side_b)
{
	static const uint8_t lanes[][2] = {
		[WIRE_SIP] = { LANE_SIP, LANE_SIP },
		[WIRE_MGCP] = { LANE_MGCP_A, LANE_MGCP_B },
		[WIRE_MNCC] = { LANE_MNCC_A, LANE_MNCC_B },
	};

	return lanes[proto][side_b];
}

/* Words are few: only what is of a call gets one. */
static struct ladder_entry entry_of(const struct wire_msg *msg, const struct trace_text *t, const struct owner *o)
{
	return (struct ladder_entry){
		.word = o->call ? trace_word(t->text) : 0,
		.digest = msg->proto == WIRE_MNCC ? 0 : trace_digest(msg->data, msg->len), /* never repeated */
		.what = lane_of(msg->proto, o->side_b) | (msg->dir == WIRE_RX ? LADDER_TO_US : 0) |
			(t->bad ? LADDER_BAD : 0),
	};
}

static void rx_wire(const struct wire_msg *msg)
{
	struct trace *trace = the_trace;
	struct ladder_entry entry = {};
	struct trace_text t;
	struct trace_tap *tap;
	struct owner o;

	trace_text_of(&t, msg);
	o = owner_of(trace, msg, &t);
	if (trace->cfg.ladder && t.text[0])
		entry = entry_of(msg, &t, &o);
	if (o.call && is_of_next(o.call, msg, &entry))
		o = (struct owner){};
	llist_for_each_entry (tap, &trace->taps, entry)
		tap->seen(tap->data, msg, t.key, o.call ? o.call->call_id : 0);
	if (!trace->cfg.ladder || !t.text[0])
		return;
	if (o.call) {
		entry.ms = ladder_ms_since(o.call->start_ns, ladder_now_ns());
		ladder_add(o.call, &entry);
	} else {
		remember_recent(trace, msg, &t, &entry);
	}
}

/* Messages that came before their call was known. */
static void claim_recent(struct trace *trace, uint32_t call_id, enum wire_proto proto, uint64_t key, bool side_b)
{
	struct traced *call;
	unsigned int i;

	for (i = 0; i < TRACE_RECENT; i++) {
		struct trace_recent *r = &trace->recent[(trace->next_recent + i) % TRACE_RECENT];
		if (!r->used || r->key != key || r->proto != proto)
			continue;
		r->used = false;
		r->entry.what = (r->entry.what & ~LADDER_LANE) | lane_of(proto, side_b);
		call = trace_find(trace, call_id);
		r->entry.word = trace_word(r->text);
		r->entry.ms = ladder_ms_since(call->start_ns, r->when_ns);
		ladder_add(call, &r->entry);
	}
}

static struct trace_key *new_key(struct traced *call)
{
	if (call->n_keys == call->max_keys && call->max_keys < TRACE_MAX_KEYS)
		call = traced_resize(call, TRACE_MAX_KEYS, call->max_entries);
	if (!call || call->n_keys == call->max_keys)
		return NULL;
	return &call->keys[call->n_keys++];
}

/* Who stands on side B, for the drawing: the one who was called last. */
static void note_sides(struct traced *call, enum wire_proto proto, bool side_b)
{
	if (side_b && !call->gsm_right)
		call->gsm_gsm = proto != WIRE_SIP;
}

static void bound(enum wire_proto proto, uint64_t key, uint32_t call_id, bool side_b)
{
	struct traced *call = trace_find(the_trace, call_id);
	uint64_t slot = slot_of(proto, key);
	const struct trace_key *known = find_key(the_trace, proto, key);
	struct trace_tap *tap;
	struct trace_key *k;

	if (!call || (known && known->call_id == call_id))
		return;
	note_sides(call, proto, side_b);
	k = new_key(call);
	if (!k)
		return;
	*k = (struct trace_key){ .tag = tag_of(slot), .side_b = side_b, .call_id = call_id };
	hash_add(the_trace->by_key, &k->node, slot);
	llist_for_each_entry (tap, &the_trace->taps, entry)
		tap->claimed(tap->data, proto, key, call_id);
	claim_recent(the_trace, call_id, proto, key, side_b);
}

/* ---- calls ---- */

static void on_begun(void *data, const struct call *call)
{
	struct trace *trace = data;
	struct traced *traced = traced_alloc(TRACE_USUAL_KEYS, trace->cfg.ladder ? LADDER_FIRST_ENTRIES : 0);

	if (!traced)
		return;
	traced->call_id = call->id;
	traced->start_ns = call->t_start.tv_sec * 1000000000ULL + call->t_start.tv_nsec;
	traced->gsm_right = call->mt;
	traced->by_hand = call->legs[LEG_A] && !call->mt && call->legs[LEG_A]->kind != call->calls->gsm;
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

static void keep_failed(struct trace *trace, struct traced_end *end)
{
	llist_move_tail(&end->entry, &trace->failed);
	trace->n_failed++;
	while (trace->n_failed > trace->cfg.failed) {
		trace->n_failed--;
		free_traced(llist_first_entry(&trace->failed, struct traced_end, entry)->call);
	}
}

static void lingered(void *data)
{
	struct trace *trace = data;
	struct traced_end *end, *next;
	uint64_t now = now_ms();

	llist_for_each_entry_safe (end, next, &trace->ended, entry) {
		if (end->linger_until_ms > now) {
			timer_start_ms(&trace->timer, end->linger_until_ms - now);
			return;
		}
		if (end->call->bad) {
			forget_keys(end->call);
			keep_failed(trace, end);
		} else {
			free_traced(end->call);
		}
	}
}

static void on_ended(void *data, const struct call *call)
{
	struct trace *trace = data;
	struct traced *traced = trace_find(trace, call->id);
	struct traced_end *end;

	if (!traced)
		return;
	end = traced->end = talloc(trace, struct traced_end);
	traced->bad = call->cause && ended_badly(call);
	*end = (struct traced_end){
		.call = traced,
		.when = time(NULL),
		.sentence = traced->bad ? sentence_of(end, call) : NULL,
		.linger_until_ms = now_ms() + TRACE_LINGER_MS,
	};
	llist_add_tail(&end->entry, &trace->ended);
	if (!osmo_timer_pending(&trace->timer))
		timer_start_ms(&trace->timer, TRACE_LINGER_MS);
}

/* ---- for the operator ---- */

static void fill_failed(struct trace_failed *failed, const struct traced *call)
{
	struct tm tm;

	*failed = (struct trace_failed){ .call_id = call->call_id, .sentence = call->end->sentence };
	localtime_r(&call->end->when, &tm);
	strftime(failed->when, sizeof(failed->when), "%Y-%m-%d %H:%M:%S", &tm);
}

/* Those that have just ended are in the other list still. */
bool trace_failed_get(const struct trace *trace, unsigned int idx, struct trace_failed *failed)
{
	const struct llist_head *lists[] = { &trace->ended, &trace->failed };
	const struct traced_end *end;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		llist_for_each_entry_reverse(end, lists[i], entry)
		{
			if (!end->call->bad || idx--)
				continue;
			fill_failed(failed, end->call);
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
	wire_bind_hook = wanted ? bound : NULL;
	trace->observer.begun = wanted ? on_begun : NULL;
}

static int trace_destructor(struct trace *trace)
{
	struct hlist_node *next;
	struct traced *call;
	int bucket;

	hash_for_each_safe (trace->by_id, bucket, next, call, by_id)
		free_traced(call);
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
	trace->observer = (struct call_observer){ .ended = on_ended, .data = trace };
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
