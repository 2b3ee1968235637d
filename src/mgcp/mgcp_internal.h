/* What only the MGCP call agent itself needs to know. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <osmocom/core/hashtable.h>
#include <osmocom/core/linuxlist.h>
#include <osmocom/core/select.h>
#include <osmocom/core/socket.h>
#include <osmocom/core/stat_item.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/mgcp/mgcp_code.h>
#include <osmocom/sipgw/mgcp/mgcp_msg.h>
#include <osmocom/sipgw/mgcp/mgcp_trx.h>
#include <osmocom/sipgw/mgcp/mgw.h>
#include <osmocom/sipgw/mgcp/mgw_endp.h>

/*! Monotonic milliseconds. */
static inline uint64_t mgcp_now_ms(void)
{
	struct timespec ts;

	osmo_clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* ---- mgcp_zombie.c: wildcard CRCX that are over, so that what they may still create is found */

struct mgcp_zombie {
	uint64_t call_id;
	uint64_t until_ms;
	uint32_t trans_id;	/*!< 0: free slot */
	uint32_t accepted;	/*!< mgcp_zombie_answer() of the answer that we took, 0 if none */
};

/*! Slots are found by transaction id; these are given out in order, so a table as large as the number of commands in T-HIST has no
 * collisions. It grows when it meets one. */
struct mgcp_zombies {
	void *ctx;
	struct mgcp_zombie *slots;
	uint32_t n_slots;	/*!< power of two */
	uint64_t last_ms;	/*!< when the newest one ends: after that the table is not needed */
};

uint32_t mgcp_zombie_answer(const struct mgcp_msg *rsp);
void mgcp_zombie_add(struct mgcp_zombies *zombies, const struct mgcp_zombie *zombie);
const struct mgcp_zombie *mgcp_zombie_find(struct mgcp_zombies *zombies, uint32_t trans_id);

/* ---- mgw.c, mgw_path.c: the gateway and the sockets to it */

/*! A socket to a gateway, with the transactions on it. When the addresses are changed the gateway gets a new one; the old one stays until
 * the last endpoint that was made over it is gone. */
struct mgw_path {
	struct llist_head entry;	/*!< in mgw.paths */
	struct mgw *mgw;
	struct osmo_fd ofd;
	struct osmo_sockaddr local, remote;
	struct mgcp_trxs *trxs;
	unsigned int n_endpoints;
	struct llist_head sweeps;
	unsigned int n_sweeps;
	uint32_t last_nr;	/*!< number in the name of the endpoint that it gave out last, 0: its names have none */
	uint32_t highest_nr;	/*!< the highest one that it gave us */
	bool closed;
};

struct mgw {
	char *name;
	struct mgw_cfg cfg;
	enum mgw_state state;
	uint64_t since_ms;
	struct rate_ctr_group *ctrs;
	struct llist_head paths;
	struct mgw_path *path;		/*!< the present one; NULL: OFF, or the socket cannot be opened yet */
	char *opened_as;		/*!< the addresses that it was opened with */

	struct osmo_timer_list keepalive;
	struct mgcp_trx *auep;		/*!< keep-alive under way */
	uint64_t last_rx_ms;
	uint64_t refused_since_ms;	/*!< nobody listens at its port since (ICMP); 0: no sign of that */
	bool told_silent;		/*!< that it does not answer was logged */

	struct llist_head endpoints;	/*!< all of them, oldest first */
	struct llist_head live;		/*!< those with a connection and nothing under way, longest unchecked first */
	unsigned int n_endpoints, n_parked;
	DECLARE_HASHTABLE(by_name, 10);
	DECLARE_HASHTABLE(fmts, 6);
	struct osmo_timer_list audit;
	uint64_t audit_since_ms;	/*!< whatever was last checked before that is to be checked soon */
	unsigned int audit_batch;

	int last_error_code;
	char last_error[64];
	uint64_t error_ms;
	bool error_is_past;
	bool probing;			/*!< ask for an endpoint when it comes up */
	enum mgw_probe probe;
	struct mgw_endp *probe_endp;	/*!< under way */
	uint64_t probe_ms;		/*!< when it began */
	int probe_code;
	char probe_why[96];
	struct osmo_stat_item_group *stats;
	bool apply_later;		/*!< the configuration has other addresses, but the old socket is in their way */
};

#define LOG_MGW(mgw, level, fmt, args...) LOGP(DMGCP, level, "mgw(%s) " fmt, (mgw)->name, ##args)
#define MGW_COUNT(mgw, ctr) rate_ctr_inc2((mgw)->ctrs, ctr)

int mgw_path_open(struct mgw *mgw, struct mgw_path **out);
void mgw_path_close(struct mgw_path *path);
bool mgw_path_in_the_way(const struct mgw_path *path);
void mgw_path_get(struct mgw_path *path);
void mgw_path_put(struct mgw_path *path);
void mgw_path_delete(struct mgw_path *path, const char *call_id, const struct mgcp_msg *rsp);

/* what a path tells its gateway */
void mgw_alive(struct mgw_path *path);
void mgw_given_up(struct mgw_path *path, uint64_t first_sent_ms);
void mgw_refused(struct mgw_path *path);
uint16_t mgw_rx_command(struct mgw_path *path, const struct mgcp_msg *cmd); /* mgw_rx.c */

void mgw_note_error(struct mgw *mgw, uint16_t code, struct mgcp_text comment);
void mgw_gauge_endpoints(const struct mgw *mgw);

/* ---- mgw_probe.c: does it give us endpoints? */

void mgw_probe(struct mgw *mgw);
void mgw_probe_again(struct mgw *mgw);
void mgw_probe_reset(struct mgw *mgw);

/* ---- mgw_audit.c: are the endpoints still there? */

void mgw_audit_init(struct mgw *mgw);
void mgw_audit_all(struct mgw *mgw, const char *why);
void mgw_audit_one(struct mgw *mgw);
void mgw_audit_schedule(struct mgw *mgw);

/* ---- mgw_sweep.c: endpoints that were created, but whose name got lost */

void mgw_sweep_add(struct mgw_path *path, uint64_t call_id, const struct mgcp_msg *rsp);
void mgw_sweep_spare(struct mgw_path *path, uint32_t nr);
void mgw_sweep_stop(struct mgw_path *path);
uint32_t mgw_sweep_nr(const struct mgw *mgw, const char *name);

/* ---- mgw_fmt.c: payload formats, each kept once however many connections use it */

struct mgw_fmt {
	struct hlist_node node;
	unsigned int refs;
	struct sdp_format fmt;
};

struct mgw_fmt *mgw_fmt_get(struct mgw *mgw, const struct sdp_format *fmt);
void mgw_fmt_put(struct mgw_fmt *fmt);

/* ---- mgw_endp.c, mgw_endp_fsm.c */

/*! An address without the width of struct osmo_sockaddr_str. */
struct mgw_addr {
	uint8_t ip[16];
	uint16_t port;
	uint8_t af;	/*!< 0, 4 or 6 */
};

enum mgw_endp_state {
	ENDP_ST_IDLE,		/*!< nothing was asked for yet */
	ENDP_ST_BUSY,		/*!< CRCX or MDCX under way */
	ENDP_ST_PAUSE,		/*!< the gateway asked to try again in a moment */
	ENDP_ST_LIVE,		/*!< everything is as wanted */
	ENDP_ST_CHECK,		/*!< as LIVE, but an MDCX is under way that finds out whether it is still there */
	ENDP_ST_REPORTING,	/*!< inside the user's callback */
	ENDP_ST_DELETE,		/*!< DLCX under way, or about to be sent again */
	ENDP_ST_PARKED,		/*!< the gateway did not answer the DLCX; tried again later */
};

/*! One connection: what it should be, and what of it exists. */
struct mgw_conn_state {
	struct mgw_fmt *codec;	/*!< NULL: nothing wanted yet */
	struct mgw_fmt *event;	/*!< NULL: no telephone-event */
	struct mgw_addr remote, local;
	bool guess;		/*!< remote is only where it is likely to be */
	bool guess_told;	/*!< and the gateway has to know, since what it chose by itself will not do */
	uint16_t ptime;
	uint8_t mode;
	uint8_t pt;		/*!< that the gateway answered with */
	bool changed;		/*!< wanted something that was not sent yet */
};

/*! What the gateway calls things. */
enum mgw_endp_text {
	ENDP_NAME,		/*!< "": not known */
	ENDP_CONN_ID,		/*!< and the next one, by enum mgw_conn (RFC 3435 2.1.3.2); "": does not exist */
	_NUM_ENDP_TEXTS = ENDP_CONN_ID + _NUM_MGW_CONNS,
};
#define ENDP_MAX_NAME	 63
#define ENDP_MAX_CONN_ID 32

struct mgw_endp {
	struct llist_head entry;	/*!< in mgw.endpoints */
	struct llist_head live;		/*!< in mgw.live, else empty */
	struct hlist_node by_name;
	struct mgw *mgw;
	struct mgw_path *path;
	mgw_endp_cb cb;			/*!< NULL: the user is gone */
	void *data;
	struct mgcp_trx *trx;
	struct osmo_timer_list *timer;	/*!< while it waits: mgw_endp_wait() */
	uint64_t call_id;
	uint64_t checked_ms;		/*!< when the gateway last showed that it is there */
	struct mgw_conn_state conns[_NUM_MGW_CONNS];
	uint8_t state;			/*!< enum mgw_endp_state */
	uint8_t conn;			/*!< that the command under way is about */
	uint8_t tries;			/*!< of the present command */
	bool ending;			/*!< released or failed: delete and go */
	bool unsure;			/*!< a reply was lost or refused: what exists is not known, delete without naming connections */
	uint16_t n_parked;		/*!< how often it was parked */
	char *long_texts;		/*!< of enum mgw_endp_text, NULL: they stand in usual_texts */
	char usual_texts[56];		/*!< "rtpbridge/1@mgw", "1F3A2B4C", "5D6E7F80": each with its NUL */
};

const char *mgw_endp_text(const struct mgw_endp *endp, enum mgw_endp_text which);

static inline const char *mgw_conn_id(const struct mgw_endp *endp, enum mgw_conn conn)
{
	return mgw_endp_text(endp, ENDP_CONN_ID + conn);
}

extern const struct value_string mgw_endp_state_names[];

#define LOG_ENDP(endp, level, fmt, args...) \
	LOGP(DMGCP, level, "mgw(%s) %s call %" PRIX64 ": " fmt, (endp)->mgw->name, mgw_endp_name(endp)[0] ? mgw_endp_name(endp) : "new endpoint", \
	     (endp)->call_id, ##args)

/* mgw_endp.c: the object, and the commands it sends */
bool mgw_endp_set_text(struct mgw_endp *endp, enum mgw_endp_text which, struct mgcp_text text);
void mgw_endp_wait(struct mgw_endp *endp, unsigned int ms);
void mgw_endp_wait_no_more(struct mgw_endp *endp);
void mgw_endp_free(struct mgw_endp *endp);
bool mgw_endp_set_name(struct mgw_endp *endp, struct mgcp_text name);
struct mgw_endp *mgw_endp_find(struct mgw_path *path, struct mgcp_text name);
void mgw_addr_from_str(struct mgw_addr *addr, const struct osmo_sockaddr_str *str);
void mgw_addr_to_str(struct osmo_sockaddr_str *str, const struct mgw_addr *addr);
bool mgw_conn_tells_remote(const struct mgw_conn_state *c);
struct mgcp_trx *mgw_endp_tx_conn(struct mgw_endp *endp, enum mgw_conn conn, mgcp_trx_cb cb);
struct mgcp_trx *mgw_endp_tx_delete(struct mgw_endp *endp, enum mgw_conn conn, mgcp_trx_cb cb);
void mgw_endp_tx_delete_other(struct mgw_endp *endp, const struct mgcp_msg *rsp);
void mgw_endp_tx_goodbye(struct mgw_endp *endp);

/* mgw_endp_fsm.c: what it does */
void mgw_endp_check(struct mgw_endp *endp);
void mgw_endp_lost(struct mgw_endp *endp, uint8_t cause, const char *why);
void mgw_endp_abandon(struct mgw_endp *endp, const char *why);
void mgw_endp_timer_cb(struct mgw_endp *endp);
void mgw_endp_unpark(struct mgw_endp *endp, unsigned int delay_ms);
void mgw_endp_wanted(struct mgw_endp *endp);
void mgw_endp_released(struct mgw_endp *endp);
