/* The one queue through which everything between calls and legs goes.
 *
 * An item is one talloc chunk with all it points to behind it, so it outlives whoever posted it and costs one
 * allocation. The queue is drained at the end of each turn of the main loop, that is from the bottom of the stack:
 * nobody is ever in the middle of something when a message reaches him. What is posted while draining is delivered in
 * the same turn as long as the budget lasts; then the sockets have their turn. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/dispatch.h>

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/turn.h>

/* Items per turn of the main loop: about a fifth of a millisecond. */
#define DISPATCH_BUDGET 256

struct dispatch {
	struct llist_head queue;
	unsigned int depth;
	struct dispatch_sink sink;
	struct llist_head observers;
	struct turn_task task;
};

static void drain(void *data)
{
	struct dispatch *d = data;

	dispatch_drain(d, DISPATCH_BUDGET);
	if (d->depth)
		turn_later(&d->task);
}

static int dispatch_destructor(struct dispatch *d)
{
	struct dispatch_observer *obs, *next;

	llist_for_each_entry_safe (obs, next, &d->observers, entry)
		llist_del_init(&obs->entry);
	turn_cancel(&d->task);
	return 0;
}

struct dispatch *dispatch_alloc(void *ctx, const struct dispatch_sink *sink)
{
	struct dispatch *d = talloc(ctx, struct dispatch);

	OSMO_ASSERT(d);
	*d = (struct dispatch){ .sink = *sink, .task = { .phase = TURN_DELIVER, .run = drain, .data = d } };
	INIT_LLIST_HEAD(&d->queue);
	INIT_LLIST_HEAD(&d->observers);
	talloc_set_destructor(d, dispatch_destructor);
	return d;
}

void dispatch_observe(struct dispatch *d, struct dispatch_observer *obs)
{
	llist_add_tail(&obs->entry, &d->observers);
}

/* Whatever an item points to. Not const: the item is ours. */
static struct leg_media *item_media(struct dispatch_item *item)
{
	return (struct leg_media *)(item->dir == DISPATCH_EVENT ? leg_event_media(&item->ev)
								: leg_cmd_media(&item->cmd));
}

static struct leg_setup *item_setup(struct dispatch_item *item)
{
	if (item->dir == DISPATCH_EVENT)
		return item->ev.type == LEG_EV_SETUP ? &item->ev.setup : NULL;
	return item->cmd.type == LEG_CMD_SETUP ? &item->cmd.setup : NULL;
}

/* SDP stands with an offer or an answer, and only there. */
static void check_media(const struct dispatch_item *item, struct leg_media *media)
{
	bool wants_sdp = media->kind == LEG_MEDIA_OFFER || media->kind == LEG_MEDIA_ANSWER;

	if (media->kind != LEG_MEDIA_REFUSED)
		media->why = NULL;
	if (!wants_sdp) {
		media->sdp = NULL;
	} else if (!media->sdp) {
		LOGP(DCALL, LOGL_ERROR, "call %u: %s without SDP from a leg\n", item->call_id,
		     get_value_string(leg_media_kind_names, media->kind));
		media->kind = LEG_MEDIA_NONE;
	}
}

/* Queue a copy of \a draft and of what it points to. */
static void post(struct dispatch *d, struct dispatch_item *draft)
{
	struct leg_media *media = item_media(draft);
	struct leg_setup *setup = item_setup(draft);
	size_t parties_len = setup ? sizeof(*setup->parties) : 0;
	struct dispatch_item *item;
	size_t sdp_len = 0, why_len = 0;
	char *tail;

	if (media) {
		check_media(draft, media);
		sdp_len = media->sdp ? strlen(media->sdp) + 1 : 0;
		why_len = media->why ? sizeof(*media->why) : 0;
	}
	item = talloc_size(d, sizeof(*item) + parties_len + why_len + sdp_len);
	OSMO_ASSERT(item);
	*item = *draft;
	tail = (char *)(item + 1);
	if (setup) {
		item_setup(item)->parties = memcpy(tail, setup->parties, parties_len);
		tail += parties_len;
	}
	if (why_len)
		item_media(item)->why =
			memcpy(tail, media->why, why_len); /* never with parties, which need no alignment */
	tail += why_len;
	if (sdp_len)
		item_media(item)->sdp = memcpy(tail, media->sdp, sdp_len);

	llist_add_tail(&item->entry, &d->queue);
	d->depth++;
	turn_later(&d->task);
}

void dispatch_post_event(struct dispatch *d, uint32_t call_id, enum leg_side side, uint8_t serial,
			 const struct leg_event *ev)
{
	struct dispatch_item draft = {
		.call_id = call_id, .side = side, .serial = serial, .dir = DISPATCH_EVENT, .ev = *ev
	};

	post(d, &draft);
}

void dispatch_post_cmd(struct dispatch *d, uint32_t call_id, enum leg_side side, uint8_t serial,
		       const struct leg_cmd *cmd)
{
	struct dispatch_item draft = {
		.call_id = call_id, .side = side, .serial = serial, .dir = DISPATCH_CMD, .cmd = *cmd
	};

	post(d, &draft);
}

unsigned int dispatch_depth(const struct dispatch *d)
{
	return d->depth;
}

static void log_item(const struct dispatch_item *item)
{
	char buf[128];

	if (!log_check_level(DCALL, LOGL_DEBUG))
		return;
	dispatch_item_to_str_buf(buf, sizeof(buf), item);
	LOGP(DCALL, LOGL_DEBUG, "call %u: %s\n", item->call_id, buf);
}

static void deliver(struct dispatch *d, const struct dispatch_item *item)
{
	struct dispatch_observer *obs, *next;
	bool delivered;

	log_item(item);
	llist_for_each_entry (obs, &d->observers, entry) {
		if (obs->coming)
			obs->coming(obs->data, item);
	}
	delivered = d->sink.deliver(d->sink.data, item);
	llist_for_each_entry_safe (obs, next, &d->observers, entry) {
		if (obs->seen)
			obs->seen(obs->data, item, delivered);
	}
}

unsigned int dispatch_drain(struct dispatch *d, unsigned int budget)
{
	unsigned int n;

	for (n = 0; n < budget && d->depth; n++) {
		struct dispatch_item *item = llist_first_entry(&d->queue, struct dispatch_item, entry);
		llist_del(&item->entry);
		d->depth--;
		deliver(d, item);
		talloc_free(item);
	}
	return n;
}

static int transfer_result_to_str_buf(char *buf, size_t len, const struct leg_transfer_result *result)
{
	if (result->done || result->provisional)
		return snprintf(buf, len, "{%s}", result->done ? "done" : "rings");
	return snprintf(buf, len, "{%u}", result->cause.value);
}

static int payload_to_str_buf(char *buf, size_t len, const struct dispatch_item *item)
{
	const struct leg_media *media = item_media((struct dispatch_item *)item);
	bool event = item->dir == DISPATCH_EVENT;

	if (media)
		return media->kind == LEG_MEDIA_NONE
			       ? snprintf(buf, len, "%s", "")
			       : snprintf(buf, len, "{%s}", get_value_string(leg_media_kind_names, media->kind));
	if (event ? item->ev.type == LEG_EV_RELEASED : item->cmd.type == LEG_CMD_RELEASE)
		return snprintf(buf, len, "{%u}", event ? item->ev.released.cause.value : item->cmd.cause.value);
	if (event ? item->ev.type == LEG_EV_DTMF : item->cmd.type == LEG_CMD_DTMF) {
		const struct leg_dtmf *dtmf = event ? &item->ev.dtmf : &item->cmd.dtmf;
		return snprintf(buf, len, "{%c %s}", dtmf->key, dtmf->start ? "start" : "stop");
	}
	if (event ? item->ev.type == LEG_EV_DTMF_RESULT : item->cmd.type == LEG_CMD_DTMF_RESULT) {
		const struct leg_dtmf *dtmf = event ? &item->ev.dtmf : &item->cmd.dtmf;
		return snprintf(buf, len, "{%c %s}", dtmf->key, dtmf->accepted ? "accepted" : "refused");
	}
	if (!event && item->cmd.type == LEG_CMD_TRANSFER_RESULT)
		return transfer_result_to_str_buf(buf, len, &item->cmd.transfer_result);
	return snprintf(buf, len, "%s", "");
}

int dispatch_item_to_str_buf(char *buf, size_t len, const struct dispatch_item *item)
{
	char payload[32];

	payload_to_str_buf(payload, sizeof(payload), item);
	return snprintf(buf, len, "%c%c %s%s", item->side == LEG_A ? 'A' : 'B', item->dir == DISPATCH_EVENT ? '>' : '<',
			item->dir == DISPATCH_EVENT ? get_value_string(leg_event_names, item->ev.type)
						    : get_value_string(leg_cmd_names, item->cmd.type),
			payload);
}
