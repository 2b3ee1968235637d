/*! \file msc_player.h
 * A player of osmo-msc's end of the MNCC socket: phones that call and are called, as many and as fast as wanted.
 *
 * It behaves as osmo-msc 1.9 was seen to behave: message order, states in which a request is taken, what is dropped
 * without a word. Plain epoll, a timer wheel and a hash, so that it costs little beside the daemon under load. One
 * player, one socket, one client. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

/* ---- timers: a wheel of 1 ms slots ---- */

struct ptimer {
	struct ptimer *next, **pprev;
	uint64_t due_ms;
	void (*cb)(void *arg);
	void *arg;
};

void ptimer_start(struct ptimer *t, uint64_t in_ms, void (*cb)(void *arg), void *arg);
void ptimer_stop(struct ptimer *t);
void ptimers_run(void);	   /*!< fire what is due */
int ptimers_next_ms(void); /*!< for epoll_wait(): ms until something may be due, at most 100 */
uint64_t now_us(void);	   /*!< monotonic, as of the last now_update() */
uint64_t now_update(void);

/* ---- what is wanted ---- */

enum mt_behaviour {
	MT_ANSWER,
	MT_ANSWER_FIRST,
	MT_BUSY,
	MT_REJECT,
	MT_DECLINE,
	MT_NOANSWER,
	MT_RING_FOREVER,
	MT_UNKNOWN,
	MT_ABSENT,
	MT_SILENT,
	MT_CONFIRM_ONLY,
};

struct mt_rule {
	char number[33]; /* "" matches all */
	enum mt_behaviour behaviour;
	uint32_t cause; /* 0: the usual one */
};

struct codec {
	const char *name;
	uint32_t pt, pmt;
	size_t len;		   /* of the RTP payload */
	uint8_t head[2];	   /* how it begins ... */
	uint8_t mask[2];	   /* ... where this is set */
	unsigned int head_len;	   /* octets that are not ours to fill */
	const char *rtpmap, *fmtp; /* fmtp: whole lines */
	uint8_t tail;		   /* of the last octet, the bits that are of the frame; 0: all */
	int speech_ver;		   /* 3GPP TS 24.008 10.5.4.5 */
};

struct opts {
	const char *socket, *rtp_ip, *called, *calling, *redirecting, *connected, *imsi, *dtmf, *report;
	uint16_t rtp_port;
	bool one_phone; /* a second call finds the phone of the first one */
	int64_t handover_ms;
	bool rtp, events, in_band, story, hold_retrieve, emergency, clir, colr, new_msc, quiet;
	const struct codec *codec, *handover_codec; /*!< of all calls; the latter NULL: stays */
	uint32_t called_type;
	unsigned int mo, mt, open;
	double rate;
	int64_t hold_ms, hangup_ms, abandon_ms, assign_ms, ack_ms, page_ms, ring_ms, rel_ms, guard_ms; /* -1: never */
	int64_t close_ms, restart_ms, slow_at_ms, slow_for_ms, timeout_ms, linger_ms;
	int64_t start_ms, settle_ms;
	double open_rate;
	int watch_pid;
	struct mt_rule rules[64];
	unsigned int n_rules;
};

extern struct opts opts;
int opts_parse(int argc, char **argv);
extern const struct codec codecs[];

/* ---- calls ---- */

enum call_state {
	ST_NULL,
	ST_INITIATED,
	ST_MO_PROC,
	ST_DELIVERED,
	ST_CONNECT_IND,
	ST_CALL_PRESENT,
	ST_MT_CONFIRMED,
	ST_CALL_RECEIVED,
	ST_CONNECT_REQUEST,
	ST_ACTIVE,
	ST_DISC_BY_PHONE, /* DISC_IND sent, the gateway has to send REL_REQ */
	ST_DISC_BY_GW,	  /* DISC_REQ taken, the phone will release */
	ST_REL_BY_GW,	  /* REL_REQ taken, REL_CNF is on its way */
};

struct watch {
	int fd;
	void (*cb)(void *arg, uint32_t events);
	void *arg;
};

struct media_count {
	uint32_t tx, rx, rx_early, rx_intact, rx_echo, rx_bad, rx_lost, rx_events;
};

struct call {
	struct call *next;
	uint32_t callref;
	enum call_state state;
	bool mt, stays_open, assigning, assigned, answered, phone_first, has_bearer;
	struct mt_rule rule;
	uint32_t cause, location; /* of the end; 0: none seen */
	const char *ended_by;
	uint64_t start_us, answer_us;
	struct ptimer t_step, t_assign, t_hangup, t_guard, t_media, t_script;
	const char *digit; /* DTMF still to be sent */
	int script;	   /* 0 before, 1 digits, 2 hold, 3 done */
	/* media */
	struct watch w;
	uint16_t port;
	struct sockaddr_storage local;
	socklen_t local_len; /* 0: none yet */
	bool remote_set;
	struct sockaddr_storage remote;
	uint32_t ssrc, ts;
	uint16_t seq;
	uint32_t frame; /* our counter in the payload */
	bool rx_any;
	uint32_t rx_next; /* expected counter of the other side's pattern */
	struct media_count m;
};

void call_place(bool stays_open);
void call_rx(const uint8_t *buf, size_t len);
void calls_lost(void);	      /*!< the socket is gone: osmo-msc forgets every call */
void calls_hangup_open(void); /*!< phones of the calls placed with --open hang up */
void calls_reap(void);	      /*!< free what ended; call when no pointer is in use */
unsigned int calls_alive(void);

/* ---- inside the call control: what MO and MT share ---- */

#define CAUSE_NORMAL 16
#define LOC_USER     0
#define LOC_NETWORK  1

extern uint8_t call_tx_buf[]; /* the message being made */

struct call *call_new(uint32_t callref, enum call_state state);
void call_end(struct call *call, const char *by);
void call_set_state(struct call *call, enum call_state state);
void call_note_cause(struct call *call, uint32_t location, uint32_t cause, const char *by);
void call_guard_start(struct call *call);
void call_assign(struct call *call); /*!< the radio channel, if that is not done yet */
void call_answered(struct call *call);
void call_active(struct call *call);
void call_put_sdp(struct call *call, size_t off, bool all);
void call_tx(struct call *call); /*!< send call_tx_buf */
void call_tx_plain(struct call *call, uint32_t type);
void call_tx_cause(struct call *call, uint32_t type, uint32_t location, uint32_t cause);
void call_msc_releases(struct call *call, uint32_t location, uint32_t cause);
void call_disconnect(struct call *call, uint32_t location, uint32_t cause, const char *by);
void call_phone_hangs_up(void *call);
void call_refuse(uint32_t callref, uint32_t cause);
/* MT, in msc_player_mt.c */
void mt_rx_setup_req(const uint8_t *msg);
void mt_phone_answers(void *call);
/* two calls of one phone, there too */
extern struct call *first_call, *second_call;
bool two_calls_hold_cnf(struct call *call);
bool two_calls_retrieve_cnf(struct call *call);

/* ---- media ---- */

int media_open(struct call *call); /*!< nothing happens if it is open */
/*! What osmo-msc from 1.11 on says in SDP: our address, and the codec of the call; \a all: the others too, it is not
 * assigned yet. */
void media_sdp(const struct call *call, char *buf, size_t len, bool all);
void media_connect(struct call *call, const uint8_t *msg);
int media_move(struct call *call); /*!< to another port */
void media_close(struct call *call);

/* ---- the socket, in msc_player_main.c ---- */

void msc_tx(const uint8_t *buf);
void watch_add(struct watch *w);
void watch_del(struct watch *w);

/* ---- the report ---- */

struct totals {
	uint64_t mo_placed, mo_answered, mt_calls, mt_answered, answered, failed, cancelled, lost, active, open;
	uint64_t rx_msgs, tx_msgs, unexpected, disliked, unknown_callref, keepalives, guard_killed, connects;
	uint64_t rx_sdp, dtmf_sent, dtmf_ok, dtmf_rej, hold_ok, hold_rej, retrieve_ok, retrieve_rej, notify, progress,
		second_clients;
	uint64_t rtp_tx, rtp_rx, rtp_rx_early, rtp_intact, rtp_echo, rtp_bad, rtp_lost, rtp_events;
	uint64_t cause[128];
};

extern struct totals totals;

void story(const struct call *call, const char *dir, const uint8_t *msg, const char *note);
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int report_open(void);
void report_call(const struct call *call);
void report_mark(const char *name); /*!< CPU and memory of --watch-pid now */
void report_end(void);
int expect_add(const char *expr);
bool expect_check(void);
