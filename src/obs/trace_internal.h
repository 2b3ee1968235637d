/*! \file trace_internal.h
 * What the files of the trace share: whose message is it (trace.c), what is kept of it (ladder.c), how it is drawn (ladder_draw.c), and the words for it
 * (trace_text.c). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <assert.h>
#include <time.h>

#include <osmocom/core/hashtable.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/call/call_observer.h>
#include <osmocom/sipgw/call/dispatch.h>
#include <osmocom/sipgw/obs/trace.h>

#define TRACE_MAX_KEYS	6    /* of one call: callref, endpoint, the Call-IDs of its dialogs */
#define TRACE_USUAL_KEYS 3
#define TRACE_LINGER_MS 8000 /* what comes after the end of a call: DLCX, responses to BYE */
#define TRACE_TEXT_LEN	40
#define TRACE_MAX_WORDS 2048 /* different texts; further ones are "..." */
#define TRACE_RECENT	64   /* messages that nobody owned when they came */
#define TRACE_TRXS	256  /* MGCP transactions that a response may come for */

/* Between whom something was said. The lane of the queue's items depends on the side, that of wires on the protocol, and the side if both may have it. */
enum ladder_lane {
	LANE_MNCC_A,
	LANE_MNCC_B,
	LANE_MGCP_A,
	LANE_MGCP_B,
	LANE_SIP,
	LANE_QUEUE_A,
	LANE_QUEUE_B,
};
#define LADDER_LANE 0x07

enum ladder_flags {
	LADDER_TO_US = 0x08,	/* wires: received; queue: to the call */
	LADDER_AGAIN = 0x10,	/* the same message once more */
	LADDER_BAD = 0x20,	/* refused, failed, late */
};

#define LADDER_WORD_BITS   11
#define LADDER_DIGEST_BITS 15
static_assert(TRACE_MAX_WORDS <= 1 << LADDER_WORD_BITS, "a word has a number");

/* One message, as little as can be. */
struct ladder_entry {
	uint32_t ms;			     /* since the call began */
	uint32_t word : LADDER_WORD_BITS;    /* its text, by trace_word() */
	uint32_t what : 6;		     /* enum ladder_lane | enum ladder_flags */
	uint32_t digest : LADDER_DIGEST_BITS; /* of the message: the same again is a repetition; 0: never is */
};

/* An identifier on a wire. Bucket and tag together tell them apart: no two of a hundred thousand are taken for each other. */
struct trace_key {
	struct hlist_node node; /* trace->by_key */
	uint32_t tag : 31;
	uint32_t side_b : 1;
	uint32_t call_id;
};

/* What there is to say of a call that has ended. */
struct traced_end {
	struct llist_head entry; /* trace->ended or trace->failed */
	struct traced *call;
	uint64_t linger_until_ms;
	time_t when;
	char *sentence; /* if it ended badly */
};

/* What is kept of a call besides the call itself: one piece of memory, which open calls have all the time, so without talloc's hundred bytes. It moves when
 * it grows (traced_resize()): whoever wants to remember one remembers its call id. */
struct traced {
	struct hlist_node by_id;
	uint32_t call_id;
	uint8_t n_keys, max_keys;
	uint8_t n_entries, max_entries;
	uint16_t n_skipped;  /* in the middle */
	bool gsm_right : 1;  /* drawing: the GSM side is side B */
	bool gsm_gsm : 1;    /* both are */
	bool by_hand : 1;    /* side A is a leg without a phone */
	bool bad : 1;
	uint64_t start_ns;	 /* monotonic */
	struct traced_end *end;	 /* NULL: it is there */
	struct trace_key keys[]; /* max_keys, then max_entries of struct ladder_entry */
};

static inline struct ladder_entry *traced_entries(const struct traced *call)
{
	return (struct ladder_entry *)(call->keys + call->max_keys);
}

/* Came when its key belonged to nobody, as the first message of a call does. Its text becomes a word when a call claims it: what strangers send
 * must not use them up. */
struct trace_recent {
	uint64_t key;
	uint64_t when_ns;
	struct ladder_entry entry;
	char text[TRACE_TEXT_LEN];
	uint8_t proto;
	bool used;
};

struct trace {
	struct trace_cfg cfg;
	struct calls *calls;
	struct call_observer observer;
	struct dispatch_observer queue;
	struct llist_head taps;
	struct llist_head ended;  /* linger, oldest first */
	struct llist_head failed; /* oldest first */
	unsigned int n_failed;
	struct osmo_timer_list timer;
	DECLARE_HASHTABLE(by_id, 12);
	DECLARE_HASHTABLE(by_key, 13);
	struct trace_recent recent[TRACE_RECENT];
	unsigned int next_recent;
	struct {
		uint32_t id;
		uint32_t call_id;
		bool side_b;
	} trxs[TRACE_TRXS]; /* at the number of the transaction: they are counted up */
};

/* trace.c */
struct traced *trace_find(const struct trace *trace, uint32_t call_id);
struct traced *traced_resize(struct traced *call, unsigned int max_keys, unsigned int max_entries);

/* trace_text.c */
struct trace_text {
	char text[TRACE_TEXT_LEN];
	uint64_t key;	     /* whose message it is, as in wire_bind(); 0: cannot be said */
	uint32_t trx;	     /* MGCP: transaction */
	bool mgcp_response;  /* key has to be found by trx */
	bool bad;
};
void trace_text_of(struct trace_text *t, const struct wire_msg *msg);
bool trace_begins_call(const struct wire_msg *msg);
uint16_t trace_digest(const void *data, size_t len);
uint16_t trace_word(const char *text);
const char *trace_word_text(uint16_t word);

/* ladder.c */
#define LADDER_FIRST_ENTRIES 28 /* a usual call until it is answered */
bool ladder_has(const struct traced *call, const struct ladder_entry *entry);
void ladder_add(struct traced *call, const struct ladder_entry *entry);
void ladder_add_item(struct traced *call, const struct dispatch_item *item);
void ladder_item_dropped(struct traced *call);
uint64_t ladder_now_ns(void);
uint32_t ladder_ms_since(uint64_t start_ns, uint64_t now_ns);
