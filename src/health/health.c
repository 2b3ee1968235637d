/* The health of the daemon over time: what was found is compared with what was found before, and changes are told.
 *
 * Nothing here is told by the parts: every few seconds all of them are looked at (health_parts.c), which costs some
 * microseconds each and cannot get out of step with them. A change counts when it was seen several times in a row, for
 * the better later than for the worse, so that nothing flaps. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/health/health.h>

#include <string.h>

#include <osmocom/core/stat_item.h>
#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/call/call_observer.h>
#include <osmocom/sipgw/mncc/mncc_link.h>
#include <osmocom/sipgw/sipgw.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "health_internal.h"

#define LOOK_MS	     2000
#define WORSE_AFTER  2 /* times in a row */
#define BETTER_AFTER 3

const struct value_string health_word_names[] = {
	{ HEALTH_OK, "ok" }, { HEALTH_WARNING, "warning" }, { HEALTH_FAILED, "failed" }, {}
};

enum health_stat {
	STAT_WORD,
	STAT_PARTS_WARNING,
	STAT_PARTS_FAILED,
	STAT_MNCC_UP,
	STAT_MNCC_QUEUE,
	STAT_MGWS_UP,
	STAT_PEERS_UP,
	STAT_SIP_SESSIONS,
	STAT_SIP_TRANSACTIONS,
};

static const struct osmo_stat_item_desc stat_desc[] = {
	[STAT_WORD] = { "word", "How the daemon is: 0 ok, 1 warning, 2 failed", OSMO_STAT_ITEM_NO_UNIT, 16, 0 },
	[STAT_PARTS_WARNING] = { "parts:warning", "Parts with a warning", "parts", 16, 0 },
	[STAT_PARTS_FAILED] = { "parts:failed", "Parts that have failed", "parts", 16, 0 },
	[STAT_MNCC_UP] = { "mncc:up", "The link to the MSC: 1 if it is up", OSMO_STAT_ITEM_NO_UNIT, 16, 0 },
	[STAT_MNCC_QUEUE] = { "mncc:queue", "Messages waiting to be sent to the MSC", "messages", 16, 0 },
	[STAT_MGWS_UP] = { "mgw:up", "Media gateways that are up", "gateways", 16, 0 },
	[STAT_PEERS_UP] = { "peer:up", "SIP peers that are not known to be down", "peers", 16, 0 },
	[STAT_SIP_SESSIONS] = { "sip:sessions", "SIP sessions", "sessions", 16, 0 },
	[STAT_SIP_TRANSACTIONS] = { "sip:transactions", "SIP transactions", "transactions", 16, 0 },
};

static const struct osmo_stat_item_group_desc statg_desc = {
	.group_name_prefix = "health",
	.group_description = "Health, looked at every two seconds",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_items = ARRAY_SIZE(stat_desc),
	.item_desc = stat_desc,
};

/* One part over time. */
struct part {
	struct llist_head entry;
	char name[HEALTH_MAX_PART];
	enum health_word told, seen;
	unsigned int n_seen; /* looks in a row with this word */
	char state[12];
	bool there; /* in the present look */
};

struct health {
	struct sipgw *gw;
	struct llist_head parts;
	struct llist_head observers;
	struct osmo_timer_list timer;
	struct call_observer calls;
	struct health_media_trouble codecs, addresses;
	char *ctrl_why;
	struct osmo_stat_item_group *stats;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* ---- a look ---- */

struct look {
	struct health *h;
	health_cb cb;
	void *data;
	enum health_word worst;
	unsigned int n[3]; /* parts by word */
	unsigned int mgws_up, peers_up;
	bool mncc_up;
};

static void count_state(struct look *look, const struct health_finding *f)
{
	bool up = f->state && strcmp(f->state, "down");

	if (!strncmp(f->part, "mgw ", 4))
		look->mgws_up += up;
	else if (!strncmp(f->part, "peer ", 5))
		look->peers_up += up;
	else if (!strcmp(f->part, "mncc"))
		look->mncc_up = up;
}

static void look_cb(void *data, const struct health_finding *f)
{
	struct look *look = data;

	look->worst = OSMO_MAX(look->worst, f->word);
	look->n[f->word]++;
	count_state(look, f);
	if (look->cb)
		look->cb(look->data, f);
}

static void look_at_all(struct look *look)
{
	const struct health *h = look->h;
	const struct health_facts facts = {
		.gw = h->gw,
		.ctrl_why = h->ctrl_why,
		.codecs = &h->codecs,
		.addresses = &h->addresses,
		.now_ms = now_ms(),
	};

	health_parts(&facts, look_cb, look);
}

enum health_word health_look(struct health *h, health_cb cb, void *data)
{
	struct look look = { .h = h, .cb = cb, .data = data };

	look_at_all(&look);
	return look.worst;
}

/* ---- changes ---- */

static struct part *part_get(struct health *h, const char *name)
{
	struct part *part;

	llist_for_each_entry (part, &h->parts, entry) {
		if (!strcmp(part->name, name))
			return part;
	}
	part = talloc_zero(h, struct part);
	OSMO_ASSERT(part);
	OSMO_STRLCPY_ARRAY(part->name, name);
	llist_add_tail(&part->entry, &h->parts);
	return part;
}

static void tell_change(struct health *h, const struct health_finding *f, enum health_word was)
{
	const struct health_observer *obs;

	LOGP(DMAIN, LOGL_NOTICE, "Health of %s: %s%s%s%s: %s\n", f->part, get_value_string(health_word_names, f->word),
	     f->name ? " [" : "", f->name ?: "", f->name ? "]" : "", f->text);
	llist_for_each_entry (obs, &h->observers, entry) {
		if (obs->changed)
			obs->changed(obs->data, f, was);
	}
}

static void tell_state(struct health *h, const struct health_finding *f)
{
	const struct health_observer *obs;

	llist_for_each_entry (obs, &h->observers, entry) {
		if (obs->state)
			obs->state(obs->data, f);
	}
}

static void compare_word(struct health *h, struct part *part, const struct health_finding *f)
{
	enum health_word was = part->told;

	part->n_seen = f->word == part->seen ? part->n_seen + 1 : 1;
	part->seen = f->word;
	if (f->word == was || part->n_seen < (f->word > was ? WORSE_AFTER : BETTER_AFTER))
		return;
	part->told = f->word;
	tell_change(h, f, was);
}

static void compare_state(struct health *h, struct part *part, const struct health_finding *f)
{
	if (!f->state || !strcmp(part->state, f->state))
		return;
	OSMO_STRLCPY_ARRAY(part->state, f->state);
	tell_state(h, f);
}

static void compare(void *data, const struct health_finding *f)
{
	struct health *h = data;
	struct part *part = part_get(h, f->part);

	part->there = true;
	compare_state(h, part, f);
	compare_word(h, part, f);
}

/* Whoever was told of the trouble hears its end, too. */
static void tell_over(struct health *h, const struct part *part)
{
	const struct health_finding f = { .part = part->name, .text = "over, or not configured any more" };

	if (part->told != HEALTH_OK)
		tell_change(h, &f, part->told);
}

/* Peers and gateways that are not configured any more; and parts that are there with trouble only, as "drain". */
static void forget_gone(struct health *h)
{
	struct part *part, *next;

	llist_for_each_entry_safe (part, next, &h->parts, entry) {
		if (!part->there) {
			tell_over(h, part);
			llist_del(&part->entry);
			talloc_free(part);
		} else {
			part->there = false;
		}
	}
}

static void set_stat(const struct health *h, enum health_stat stat, int32_t value)
{
	osmo_stat_item_set(osmo_stat_item_group_get_item(h->stats, stat), value);
}

static void set_stats(const struct health *h, const struct look *look)
{
	unsigned int n_sessions, n_transactions;
	struct mncc_link_info mncc;

	mncc_link_get_info(h->gw->mncc, &mncc);
	sip_ua_get_counts(h->gw->ua, &n_sessions, &n_transactions);
	set_stat(h, STAT_WORD, look->worst);
	set_stat(h, STAT_PARTS_WARNING, look->n[HEALTH_WARNING]);
	set_stat(h, STAT_PARTS_FAILED, look->n[HEALTH_FAILED]);
	set_stat(h, STAT_MNCC_UP, look->mncc_up);
	set_stat(h, STAT_MNCC_QUEUE, mncc.queue_len);
	set_stat(h, STAT_MGWS_UP, look->mgws_up);
	set_stat(h, STAT_PEERS_UP, look->peers_up);
	set_stat(h, STAT_SIP_SESSIONS, n_sessions);
	set_stat(h, STAT_SIP_TRANSACTIONS, n_transactions);
}

static void timer_cb(void *data)
{
	struct health *h = data;
	struct look look = { .h = h, .cb = compare, .data = h };

	timer_start_ms(&h->timer, LOOK_MS);
	if (h->gw->stopping)
		return;
	look_at_all(&look);
	forget_gone(h);
	set_stats(h, &look);
}

/* ---- calls ---- */

static bool is_media_cause(uint8_t cause)
{
	return cause == CAUSE_BEARER_NOT_AVAIL || cause == CAUSE_BEARER_NOT_IMPL || cause == CAUSE_INCOMPATIBLE_DEST ||
	       cause == 79;
}

/* Not answered; and not because the caller gave it up. */
static bool has_failed(const struct call *call)
{
	uint8_t value = call->cause ? call->cause->value : 0;

	if (!call->cause || call->answered)
		return false;
	return call->by_us || call->released_by != LEG_A || value < CAUSE_NORMAL || value > CAUSE_NORMAL_UNSPEC;
}

static void note_media(struct health_media_trouble *t, const struct call *call)
{
	uint64_t now = now_ms();

	if (now - t->last_ms > HEALTH_MEDIA_MEMORY_MS)
		t->n = 0;
	t->n++;
	t->last_ms = now;
	t->call_id = call->id;
	t->cause = call->cause->value;
	OSMO_STRLCPY_ARRAY(t->text, call->cause->text);
	OSMO_STRLCPY_ARRAY(t->peer, call->target && !call->mt ? call->target : "");
}

static void call_ended(void *data, const struct call *call)
{
	const struct health_observer *obs;
	struct health *h = data;
	bool no_address = call->cause && call->cause->warning == CAUSE_WARN_ADDRESS;

	if (no_address) /* also of an answer that was no good: then it has been answered */
		note_media(&h->addresses, call);
	if (!has_failed(call))
		return;
	if (is_media_cause(call->cause->value) && !no_address)
		note_media(&h->codecs, call);
	llist_for_each_entry (obs, &h->observers, entry) {
		if (obs->call_failed)
			obs->call_failed(obs->data, call);
	}
}

/* ---- for those above ---- */

static int destructor(struct health *h)
{
	struct health_observer *obs, *next;

	llist_for_each_entry_safe (obs, next, &h->observers, entry)
		llist_del_init(&obs->entry);
	osmo_timer_del(&h->timer);
	llist_del(&h->calls.entry);
	osmo_stat_item_group_free(h->stats);
	return 0;
}

struct health *health_alloc(struct sipgw *gw)
{
	struct health *h = talloc_zero(gw, struct health);

	OSMO_ASSERT(h);
	h->gw = gw;
	INIT_LLIST_HEAD(&h->parts);
	INIT_LLIST_HEAD(&h->observers);
	osmo_timer_setup(&h->timer, timer_cb, h);
	h->stats = osmo_stat_item_group_alloc(h, &statg_desc, 0);
	OSMO_ASSERT(h->stats);
	h->calls = (struct call_observer){ .ended = call_ended, .data = h };
	calls_observe(gw->calls, &h->calls);
	talloc_set_destructor(h, destructor);
	return h;
}

void health_start(struct health *h)
{
	timer_start_ms(&h->timer, LOOK_MS);
}

void health_set_ctrl(struct health *h, const char *why)
{
	talloc_free(h->ctrl_why);
	h->ctrl_why = why ? talloc_strdup(h, why) : NULL;
}

void health_observe(struct health *h, struct health_observer *obs)
{
	llist_add_tail(&obs->entry, &h->observers);
}
