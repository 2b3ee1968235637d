/* Calls as objects: made, found by id, told of what the queue delivers, counted, freed. What a call does is in
 * call_fsm.c.
 *
 * Ownership: calls -> FSM instance -> call -> legs. A leg is freed when its RELEASED is delivered, a call when it has
 * no leg any more; both happen at the bottom of the stack, since only the queue and timers bring them about. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/base/fsm_name.h>
#include <osmocom/sipgw/call/call_observer.h>

#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>

#include "call_internal.h"

/* clang-format off */
static const struct rate_ctr_desc ctr_desc[] = {
	[CALLS_CTR_ATTEMPTS_MO] = { "attempts:mo", "Calls that came from the GSM side" },
	[CALLS_CTR_ATTEMPTS_MT] = { "attempts:mt", "Calls that came from a SIP peer" },
	[CALLS_CTR_ANSWERED] = { "answered", "Calls that the called side answered" },
	[CALLS_CTR_ENDED] = { "ended", "Answered calls that have ended, whatever the cause" },
	[CALLS_CTR_FAILED_BUSY] = { "failed:busy", "Calls not answered: the called party was busy (cause 17)" },
	[CALLS_CTR_FAILED_NO_ANSWER] = { "failed:no-answer", "Calls not answered: nobody answered or could be reached (causes 18, 19, 20)" },
	[CALLS_CTR_FAILED_REJECTED] = { "failed:rejected", "Calls not answered: the called party declined (cause 21)" },
	[CALLS_CTR_FAILED_NUMBER] = { "failed:number", "Calls not answered: the number or the route is wrong (causes 1, 2, 3, 22, 28)" },
	[CALLS_CTR_FAILED_MEDIA] = { "failed:media", "Calls not answered: no codec in common (causes 58, 65, 79, 88)" },
	[CALLS_CTR_FAILED_NETWORK] = { "failed:network", "Calls not answered: a network or gateway had no means (causes 27, 34 to 47)" },
	[CALLS_CTR_FAILED_TIMEOUT] = { "failed:timeout", "Calls not answered: somebody did not respond in time (cause 102)" },
	[CALLS_CTR_FAILED_OTHER] = { "failed:other", "Calls not answered for any other cause" },
	[CALLS_CTR_ABANDONED] = { "abandoned", "Calls that the calling party gave up before the answer" },
	[CALLS_CTR_EMERGENCY] = { "emergency", "Emergency calls, from either side" },
	[CALLS_CTR_FAILOVER] = { "failover", "Times that a target failed before the answer and the next one was tried" },
	[CALLS_CTR_REDIRECTED] = { "redirected", "Times that a called party sent a call to another number and it was followed" },
	[CALLS_CTR_TRANSFER_ASKED] = { "transfer:asked", "Transfers that a party of a call asked for" },
	[CALLS_CTR_TRANSFER_DONE] = { "transfer:done", "Transfers whose new party answered" },
	[CALLS_CTR_TRANSFER_FAILED] = { "transfer:failed", "Transfers whose new party did not answer, or that were given up" },
	[CALLS_CTR_TRANSFER_REFUSED] = { "transfer:refused", "Transfers that were not even tried: they did not fit the call, or nobody to call" },
	[CALLS_CTR_REFUSED_LIMIT] = { "refused:limit", "New calls refused because a limit was reached" },
	[CALLS_CTR_REFUSED_STOPPING] = { "refused:stopping", "New calls refused because the daemon is shutting down or draining" },
	[CALLS_CTR_DISPATCH_STALE] = { "dispatch:stale", "Messages in the dispatch queue whose call or leg was gone when they were delivered" },
	[CALLS_CTR_DISPATCH_UNEXPECTED] = { "dispatch:unexpected", "Events of a leg that did not fit the state of its call" },
	[CALLS_CTR_FORCED] = { "forced", "Legs that did not end in time and were removed by force" },
};

static const struct rate_ctr_group_desc ctr_group_desc = {
	.group_name_prefix = "calls",
	.group_description = "Calls",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_ctr = ARRAY_SIZE(ctr_desc),
	.ctr_desc = ctr_desc,
};

static const struct osmo_stat_item_desc stat_desc[] = {
	[CALLS_STAT_UP] = { "up", "Calls that exist at present", "calls", 16, 0 },
	[CALLS_STAT_QUEUE] = { "queue", "Messages waiting in the dispatch queue", "messages", 16, 0 },
};

static const struct osmo_stat_item_group_desc stat_group_desc = {
	.group_name_prefix = "calls",
	.group_description = "Calls",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_items = ARRAY_SIZE(stat_desc),
	.item_desc = stat_desc,
};
/* clang-format on */

static struct osmo_stat_item *stat_item(const struct calls *calls, enum calls_stat stat)
{
	return osmo_stat_item_group_get_item(calls->stats, stat);
}

/* The leg that an item is from or for; NULL if it is gone. */
static struct leg *leg_of(const struct call *call, const struct dispatch_item *item)
{
	struct leg *leg = call->legs[item->side], *beside = call_transfer_leg(call);

	if (leg && leg->serial == item->serial)
		return leg;
	return beside && beside->side == item->side && beside->serial == item->serial ? beside : NULL;
}

/* The queue's door to us. */
static bool deliver(void *data, const struct dispatch_item *item)
{
	struct calls *calls = data;
	struct call *call = call_find(calls, item->call_id);
	struct leg *leg = call ? leg_of(call, item) : NULL;

	osmo_stat_item_set(stat_item(calls, CALLS_STAT_QUEUE), dispatch_depth(calls->dispatch));
	if (!leg) {
		rate_ctr_inc(rate_ctr_group_get_ctr(calls->ctrs, CALLS_CTR_DISPATCH_STALE));
		return false;
	}
	if (item->dir == DISPATCH_CMD)
		leg->kind->handle(leg, &item->cmd);
	else if (!call_transfer_rx(call, leg, &item->ev))
		call_fsm_rx(call, item->side, &item->ev);
	return true;
}

static int calls_destructor(struct calls *calls)
{
	struct call *call, *next;

	struct call_observer *obs, *next_obs;

	calls->empty_cb = NULL;
	llist_for_each_entry_safe (call, next, &calls->list, entry)
		osmo_fsm_inst_term(call->fi, OSMO_FSM_TERM_REQUEST, NULL);
	llist_for_each_entry_safe (obs, next_obs, &calls->observers, entry)
		llist_del_init(&obs->entry);
	rate_ctr_group_free(calls->ctrs);
	osmo_stat_item_group_free(calls->stats);
	return 0;
}

struct calls *calls_alloc(void *ctx)
{
	struct calls *calls = talloc_zero(ctx, struct calls);
	struct dispatch_sink sink = { .deliver = deliver, .data = calls };

	OSMO_ASSERT(calls);
	hash_init(calls->by_id);
	route_table_init(&calls->routes);
	numbering_init(&calls->numbering);
	admission_init(&calls->admission);
	INIT_LLIST_HEAD(&calls->list);
	INIT_LLIST_HEAD(&calls->observers);
	calls->dispatch = dispatch_alloc(calls, &sink);
	calls->ctrs = rate_ctr_group_alloc(calls, &ctr_group_desc, 0);
	calls->stats = osmo_stat_item_group_alloc(calls, &stat_group_desc, 0);
	OSMO_ASSERT(calls->ctrs && calls->stats);
	talloc_set_destructor(calls, calls_destructor);
	return calls;
}

void calls_stop(struct calls *calls, const struct cause *cause)
{
	struct call *call, *next;

	calls->stopping = true;
	llist_for_each_entry_safe (call, next, &calls->list, entry)
		call_release(call, cause);
	if (!calls->n && calls->empty_cb)
		calls->empty_cb(calls->empty_data);
}

struct call *call_find(const struct calls *calls, uint32_t id)
{
	struct call *call;

	hash_for_each_possible (calls->by_id, call, by_id, id) {
		if (call->id == id)
			return call;
	}
	return NULL;
}

/* After 2^32 calls the numbers begin again; a call that lasted all that time keeps its own. 0 is nobody's. */
static uint32_t next_id(struct calls *calls)
{
	do
		calls->last_id++;
	while (!calls->last_id || call_find(calls, calls->last_id));
	return calls->last_id;
}

/* The FSM instance has no id of its own (110 bytes per call): our log lines and "show calls" name the call. */
static struct call *call_alloc(struct calls *calls)
{
	struct osmo_fsm_inst *fi = osmo_fsm_inst_alloc(&call_fsm, calls, NULL, LOGL_DEBUG, NULL);
	struct call_mem *mem;
	struct call *call;

	if (!fi)
		return NULL;
	fsm_share_name(fi);
	mem = talloc_zero(fi, struct call_mem);
	OSMO_ASSERT(mem);
	talloc_set_name_const(mem, "struct call");
	call = &mem->call;
	fi->priv = call;
	call->fi = fi;
	call->calls = calls;
	call->id = next_id(calls);
	osmo_clock_gettime(CLOCK_MONOTONIC, &call->t_start);
	return call;
}

static void call_attach(struct call *call)
{
	struct calls *calls = call->calls;

	hash_add(calls->by_id, &call->by_id, call->id);
	llist_add_tail(&call->entry, &calls->list);
	calls->n++;
	osmo_stat_item_inc(stat_item(calls, CALLS_STAT_UP), 1);
}

/* The end of a call, from the FSM's cleanup. The memory goes later; the legs must not, since they hang in their
 * protocols. */
void call_detach(struct call *call)
{
	struct calls *calls = call->calls;

	call_transfer_forget(call);
	call_drop_leg(call, LEG_A);
	call_drop_leg(call, LEG_B);
	call_observe_ended(call);
	admission_leave(call);
	hash_del(&call->by_id);
	llist_del(&call->entry);
	calls->n--;
	osmo_stat_item_dec(stat_item(calls, CALLS_STAT_UP), 1);
	if (!calls->n && calls->stopping && calls->empty_cb)
		calls->empty_cb(calls->empty_data);
}

/* It belongs to that side of the call; events and commands reach it by its number. */
void call_number_leg(struct call *call, enum leg_side side, struct leg *leg)
{
	leg->dispatch = call->calls->dispatch;
	leg->call_id = call->id;
	leg->side = side;
	leg->serial = call->next_serial[side]++;
	leg->released = false;
}

void call_add_leg(struct call *call, enum leg_side side, struct leg *leg)
{
	call_number_leg(call, side, leg);
	call->legs[side] = leg;
}

void call_free_leg(struct call *call, struct leg *leg)
{
	if (leg)
		call_observe_leg_gone(call, leg);
	talloc_free(leg);
}

void call_drop_leg(struct call *call, enum leg_side side)
{
	struct leg *leg = call->legs[side];

	call->legs[side] = NULL;
	call_free_leg(call, leg);
}

void call_post_to(struct call *call, const struct leg *leg, const struct leg_cmd *cmd)
{
	if (leg)
		dispatch_post_cmd(call->calls->dispatch, call->id, leg->side, leg->serial, cmd);
}

void call_post_cmd(struct call *call, enum leg_side side, const struct leg_cmd *cmd)
{
	call_post_to(call, call->legs[side], cmd);
}

struct call *call_begin(struct calls *calls, struct leg *leg, const struct call_parties *parties)
{
	struct call *call;

	if (calls->stopping || (calls->draining && !parties->emergency)) {
		rate_ctr_inc(rate_ctr_group_get_ctr(calls->ctrs, CALLS_CTR_REFUSED_STOPPING));
		return NULL;
	}
	call = call_alloc(calls);
	if (!call)
		return NULL;
	talloc_steal(call, leg);
	call_add_leg(call, LEG_A, leg);
	call_set_parties(call, parties);
	call_attach(call);
	call->mt = leg->kind == calls->sip;
	call_count(call, call->mt ? CALLS_CTR_ATTEMPTS_MT : CALLS_CTR_ATTEMPTS_MO);
	call_observe_begun(call);
	call_fsm_start(call);
	return call;
}

void call_set_parties(struct call *call, const struct call_parties *parties)
{
	struct call_mem *mem = (struct call_mem *)call;

	mem->parties = *parties;
	call->parties = &mem->parties;
}

void call_set_target(struct call *call, const char *target)
{
	struct call_mem *mem = (struct call_mem *)call;

	if (strlen(target) < sizeof(mem->target))
		call->target = strcpy(mem->target, target);
	else
		call->target = talloc_strdup(call, target);
}

const char *call_state_name(const struct call *call)
{
	return osmo_fsm_inst_state_name(call->fi);
}

/* "+4930123", "imsi 001010000000001", "-" */
static const char *party_str(char *buf, size_t len, const struct number *n, const char *imsi)
{
	if (number_to_dial_string(buf, len, n) < 0)
		snprintf(buf, len, "%s%s", imsi[0] ? "imsi " : "-", imsi);
	return buf;
}

static int parties_to_str_buf(char *buf, size_t len, const struct call_parties *p, bool mt)
{
	char from[NUMBER_MAX_DIGITS + 8], to[NUMBER_MAX_DIGITS + 8];

	/* the IMSI is the GSM subscriber's, whichever side that is */
	return snprintf(buf, len, "%s -> %s%s", party_str(from, sizeof(from), &p->calling, mt ? "" : p->imsi),
			party_str(to, sizeof(to), &p->called, mt ? p->imsi : ""), p->emergency ? " (emergency)" : "");
}

/* "1001 -> 5552222": gone at the end of the main loop's turn. */
const char *call_parties_to_str(const struct call_parties *parties, bool mt)
{
	char *str = talloc_size(OTC_SELECT, 2 * NUMBER_MAX_DIGITS + 40);

	parties_to_str_buf(str, talloc_get_size(str), parties, mt);
	return str;
}

const char *call_parties_str(const struct call *call)
{
	return call_parties_to_str(call->parties, call->mt);
}

/* Which counter a call goes to that was not answered. */
static enum calls_ctr failed_ctr(uint8_t cause)
{
	/* 0, which is no failure, stands for causes that have no counter of their own */
	/* clang-format off */
	static const uint8_t ctr_of[128] = {
		[1] = CALLS_CTR_FAILED_NUMBER, [2] = CALLS_CTR_FAILED_NUMBER, [3] = CALLS_CTR_FAILED_NUMBER,
		[17] = CALLS_CTR_FAILED_BUSY,
		[18] = CALLS_CTR_FAILED_NO_ANSWER, [19] = CALLS_CTR_FAILED_NO_ANSWER, [20] = CALLS_CTR_FAILED_NO_ANSWER,
		[21] = CALLS_CTR_FAILED_REJECTED,
		[22] = CALLS_CTR_FAILED_NUMBER,
		[27] = CALLS_CTR_FAILED_NETWORK,
		[28] = CALLS_CTR_FAILED_NUMBER,
		[34 ... 47] = CALLS_CTR_FAILED_NETWORK,
		[58] = CALLS_CTR_FAILED_MEDIA, [65] = CALLS_CTR_FAILED_MEDIA, [79] = CALLS_CTR_FAILED_MEDIA, [88] = CALLS_CTR_FAILED_MEDIA,
		[102] = CALLS_CTR_FAILED_TIMEOUT,
	};
	/* clang-format on */

	return ctr_of[cause] ?: CALLS_CTR_FAILED_OTHER;
}

/* The caller changed his mind: nothing failed. */
static bool abandoned(const struct call *call)
{
	return !call->answered && !call->by_us && call->released_by == LEG_A && call->cause->value >= CAUSE_NORMAL &&
	       call->cause->value <= CAUSE_NORMAL_UNSPEC;
}

static void count_end(const struct call *call)
{
	if (call->answered)
		call_count(call, CALLS_CTR_ENDED);
	else if (abandoned(call))
		call_count(call, CALLS_CTR_ABANDONED);
	else
		call_count(call, failed_ctr(call->cause->value));
}

/* The one notice of a call that did not go well; an answered call that ends in the normal way is no news. */
static void log_end(const struct call *call)
{
	bool normal = call->answered ? call->cause->value <= CAUSE_NORMAL_UNSPEC : abandoned(call);
	bool failed = !normal && !call->answered;
	const char *what = call->answered ? "ended" : failed ? "failed" : "given up";
	const char *more = call->over_limit ? log_limit_pass(&call->calls->admission.log) : "";
	const char *who = call->by_us ? "us" : call->released_by == LEG_A ? "the calling side" : "the called side";

	/* calls over a limit come in floods: not each of them is news */
	LOG_CALL(call, normal || !more ? LOGL_INFO : LOGL_NOTICE, "%s: %s in state %s %s %s, cause %u (%s)%s%s%s\n",
		 call_parties_str(call), what, call_state_name(call), failed && !call->by_us ? "on" : "by", who,
		 call->cause->value, cause_name(call->cause->value), call->cause->text[0] ? ": " : "",
		 call->cause->text, more ?: "");
}

/* The end of a call has begun: cause, released_by and by_us are set, the state is still the one it ends in. */
void call_account_end(const struct call *call)
{
	count_end(call);
	log_end(call);
}

static const char *leg_name(const struct leg *leg)
{
	return leg ? leg->kind->name : "-";
}

int call_parties_to_str_buf(char *buf, size_t len, const struct call *call)
{
	return parties_to_str_buf(buf, len, call->parties, call->mt);
}

int call_to_str_buf(char *buf, size_t len, const struct call *call)
{
	const char *to = leg_name(call->legs[LEG_B]), *target = call->target ?: "";
	char parties[2 * NUMBER_MAX_DIGITS + 40];

	if (!strcmp(target, to)) /* a kind that has only one */
		target = "";
	parties_to_str_buf(parties, sizeof(parties), call->parties, call->mt);
	return snprintf(buf, len, "call %u %s %s, %s to %s%s%s, media %s", call->id, call_state_name(call), parties,
			leg_name(call->legs[LEG_A]), to, *target ? " " : "", target,
			get_value_string(media_mode_names, call->media_mode));
}
