/*! \file mncc_internal.h
 * What only src/mncc needs: the inside of a link. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/fsm.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/select.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/base/turn.h>
#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/mncc/mncc_link.h>

#define LOG_LINK(link, level, fmt, args...) LOGP(DMNCC, level, "MNCC %s: " fmt, (link)->path, ##args)

/*! Largest message that we send; what comes in may be a little larger (a newer MSC). */
#define MNCC_TX_MAX 1896
#define MNCC_RX_MAX 2048

struct mncc_link {
	struct osmo_fsm_inst *fi;	/*!< its states are enum mncc_link_state */
	struct mncc_link_ops ops;
	char *path;
	bool started;			/*!< wants to be connected */
	bool refusing;			/*!< no new calls: we are stopping */
	bool broken;			/*!< send() failed: the loss is taken up from the main loop */
	struct osmo_fd ofd;		/*!< fd -1: no socket */
	unsigned int generation;	/*!< of the socket: a callback may have closed it */
	struct osmo_timer_list timer;	/*!< next try, or HELLO */
	unsigned long backoff_ms;	/*!< wait before the try after the next; 0: begin anew */
	const struct mncc_layout *layout; /*!< while up */

	struct llist_head txq;		/*!< struct tx_item, oldest first */
	unsigned int txq_len, txq_max_seen;
	struct turn_task tx_task;

	DECLARE_HASHTABLE(by_callref, 12);
	struct llist_head calls;
	unsigned int n_calls;
	uint32_t last_callref;		/*!< that we picked */

	uint64_t since_ms;		/*!< in this state */
	char last_error[160];
	enum mncc_link_error error;
	bool error_is_past;		/*!< the link has come further since */
	uint64_t error_logged_ms;
	unsigned int errors_muted;
	struct log_limit malformed_limit, duplicate_limit;
	struct rate_ctr_group *ctrs;
};

struct mncc_failure {
	enum mncc_link_error error;
	const char *why;		/*!< a sentence */
};

enum mncc_link_event {
	MNCC_LINK_EV_START,	/*!< the operator wants it connected */
	MNCC_LINK_EV_STOP,
	MNCC_LINK_EV_TIMEOUT,	/*!< try again; or no HELLO came */
	MNCC_LINK_EV_RX_HELLO,	/*!< data: struct mncc_hello */
	MNCC_LINK_EV_LOST,	/*!< data: struct mncc_failure */
};

extern struct osmo_fsm mncc_link_fsm;

static inline void mncc_link_count(struct mncc_link *link, enum mncc_link_ctr ctr)
{
	rate_ctr_inc(rate_ctr_group_get_ctr(link->ctrs, ctr));
}

uint64_t mncc_link_now_ms(void);

/* mncc_link.c */
void mncc_link_trace(enum wire_dir dir, const void *data, size_t len);
const char *mncc_link_msg_str(const struct mncc_msg *msg);
int mncc_link_fd_cb(struct osmo_fd *ofd, unsigned int what);
void mncc_link_calls_down(struct mncc_link *link);

/* mncc_link_tx.c */
bool mncc_link_tx_has_room(const struct mncc_link *link);
void mncc_link_tx_init(struct mncc_link *link);
void mncc_link_tx_flush(struct mncc_link *link);
void mncc_link_tx_drop(struct mncc_link *link);

/* mncc_link_fsm.c */
void mncc_link_lost(struct mncc_link *link, enum mncc_link_error error, const char *why);
