/*! \file trace_internal.h
 * What the files of the trace share: whose message is it (trace.c), what is kept of it (ladder.c), how it is drawn (ladder_draw.c), and the words for it
 * (trace_text.c). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <time.h>

#include <osmocom/core/hashtable.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/call/call_observer.h>
#include <osmocom/sipgw/call/dispatch.h>
#include <osmocom/sipgw/obs/trace.h>

#define TRACE_MAX_KEYS	6    /* of one call: callref, endpoint, the Call-IDs of its dialogs */
#define TRACE_LINGER_MS 8000 /* what comes after the end of a call: DLCX, responses to BYE */
#define TRACE_TEXT_LEN	40
#define TRACE_MAX_WORDS 2048 /* different texts; further ones are "..." */
#define TRACE_RECENT	64   /* messages that nobody owned when they came */
#define TRACE_TRXS	256  /* MGCP transactions that a response may come for */

/* Between whom something was said. The lane of the queue's items depends on the side, that of wires on the protocol. */
enum ladder_lane {
	LANE_MNCC,
	LANE_MGCP,
	LANE_SIP,
	LANE_QUEUE_A,
	LANE_QUEUE_B,
};

enum ladder_flags {
	LADDER_TO_US = 0x08,	/* wires: received; queue: to the call */
	LADDER_AGAIN = 0x10,	/* the same message once more */
	LADDER_BAD = 0x20,	/* refused, failed, late */
};

/* One message, as little as can be. */
struct ladder_entry {
	uint32_t ms;	 /* since the call began */
	uint16_t word;	 /* its text, by trace_word() */
	uint16_t digest; /* of the message: the same again is a repetition */
	uint8_t what;	 /* enum ladder_lane | enum ladder_flags */
};

struct trace_key {
	struct hlist_node node; /* trace->by_key */
	uint64_t key;
	struct traced *call;
	uint8_t proto;
};

/* What is kept of a call besides the call itself. */
struct traced {
	struct hlist_node by_id;
	struct llist_head entry; /* trace->ended or trace->failed */
	uint32_t call_id;
	uint8_t n_keys;
	uint8_t n_entries, max_entries;
	uint16_t n_skipped; /* in the middle */
	bool gsm_right;	    /* drawing: the GSM side is side B */
	bool gsm_gsm;
	bool bad;
	struct timespec start; /* monotonic */
	uint64_t linger_until_ms;
	time_t end;
	char *sentence; /* of a call that ended badly */
	struct ladder_entry *entries;
	struct trace_key keys[TRACE_MAX_KEYS];
};

/* Came when its key belonged to nobody, as the first message of a call does. */
struct trace_recent {
	uint64_t key;
	struct timespec when;
	struct ladder_entry entry;
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
		struct traced *call;
	} trxs[TRACE_TRXS];
	unsigned int next_trx;
};

/* trace.c */
struct traced *trace_find(const struct trace *trace, uint32_t call_id);

/* trace_text.c */
struct trace_text {
	char text[TRACE_TEXT_LEN];
	uint64_t key;	     /* whose message it is, as in wire_bind(); 0: cannot be said */
	uint32_t trx;	     /* MGCP: transaction */
	bool mgcp_response;  /* key has to be found by trx */
	bool bad;
};
void trace_text_of(struct trace_text *t, const struct wire_msg *msg);
uint16_t trace_word(const char *text);
const char *trace_word_text(uint16_t word);

/* ladder.c */
void ladder_add(struct traced *call, const struct ladder_entry *entry);
void ladder_add_item(struct traced *call, const struct dispatch_item *item);
void ladder_item_dropped(struct traced *call);
uint32_t ladder_ms_since(const struct timespec *start, const struct timespec *now);
