/*! \file call.h
 * A call: two legs, the bridge between them and the only place where call policy lives (call_fsm.c). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/hashtable.h>
#include <osmocom/core/linuxlist.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/stat_item.h>

#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/call/admission.h>
#include <osmocom/sipgw/call/dispatch.h>
#include <osmocom/sipgw/call/leg.h>
#include <osmocom/sipgw/call/numbering.h>
#include <osmocom/sipgw/call/route.h>

/*! States of a call; call_fsm.c has the diagram. */
enum call_state {
	CALL_ST_IDLE,		/*!< leg A exists, its SETUP did not arrive yet */
	CALL_ST_ROUTING,	/*!< number and route are looked up */
	CALL_ST_CALLING,	/*!< leg B was told to call */
	CALL_ST_ALERTING,	/*!< leg B rings, or is heard before the answer */
	CALL_ST_CONNECTING,	/*!< leg B answered, leg A was told */
	CALL_ST_TALKING,	/*!< both sides are connected */
	CALL_ST_RELEASING,	/*!< legs were told to end, at least one has not done so */
};

/*! Counters of the daemon's calls; documented one by one in the manual. */
enum calls_ctr {
	CALLS_CTR_ATTEMPTS_MO,	/*!< calls that came from a GSM leg */
	CALLS_CTR_ATTEMPTS_MT,	/*!< calls that came from a SIP leg */
	CALLS_CTR_ANSWERED,
	CALLS_CTR_ENDED,	/*!< after an answer */
	CALLS_CTR_FAILED_BUSY,	/*!< ended without an answer: cause 17 */
	CALLS_CTR_FAILED_NO_ANSWER, /*!< causes 18, 19, 20 */
	CALLS_CTR_FAILED_REJECTED, /*!< cause 21 */
	CALLS_CTR_FAILED_NUMBER, /*!< causes 1, 2, 3, 22, 28 */
	CALLS_CTR_FAILED_MEDIA,	/*!< causes 58, 65, 79, 88 */
	CALLS_CTR_FAILED_NETWORK, /*!< causes 27, 34-47 */
	CALLS_CTR_FAILED_TIMEOUT, /*!< cause 102 */
	CALLS_CTR_FAILED_OTHER,
	CALLS_CTR_ABANDONED,	/*!< leg A hung up before the answer (causes 16 to 31) */
	CALLS_CTR_EMERGENCY,	/*!< calls for help */
	CALLS_CTR_FAILOVER,	/*!< a target failed, the next one was tried */
	CALLS_CTR_REDIRECTED,	/*!< a called party sent the call elsewhere, and it was followed */
	CALLS_CTR_TRANSFER_ASKED, /*!< a party wanted one; the sum of the following three, and those under way */
	CALLS_CTR_TRANSFER_DONE,
	CALLS_CTR_TRANSFER_FAILED,
	CALLS_CTR_TRANSFER_REFUSED,
	CALLS_CTR_REFUSED_LIMIT, /*!< new calls over a limit */
	CALLS_CTR_REFUSED_STOPPING, /*!< new calls while shutting down or draining */
	CALLS_CTR_DISPATCH_STALE, /*!< messages for a call or leg that was gone */
	CALLS_CTR_DISPATCH_UNEXPECTED, /*!< events that did not fit the call's state */
	CALLS_CTR_FORCED,	/*!< legs that did not end in time */
};

enum calls_stat {
	CALLS_STAT_UP,		/*!< calls that exist */
	CALLS_STAT_QUEUE,	/*!< depth of the dispatch queue */
};

struct call {
	uint32_t id;			/*!< never used again */
	struct calls *calls;
	struct hlist_node by_id;
	struct llist_head entry;	/*!< in calls->list, oldest first */
	struct osmo_fsm_inst *fi;
	struct leg *legs[2];		/*!< by enum leg_side; NULL: not yet, or ended */
	uint8_t next_serial[2];		/*!< by enum leg_side: serial number of the next leg there */
	uint8_t n_transfer_legs[2];	/*!< by enum leg_side: how many of those were made by transfers */
	struct call_parties *parties;	/*!< as they came; rewritten when the route is looked up */
	char *target;			/*!< name of the route's target, or of its kind if that has only one */
	enum media_mode media_mode;
	bool mt;			/*!< it came from a SIP leg */
	struct call_attempt *attempt;	/*!< whom else to call, until the answer (call_target.c) */
	struct call_transfer *transfer;	/*!< one under way (transfer.c) */
	struct admission_subscriber *subscriber; /*!< whose call it counts as (admission.c), NULL: nobody's */
	char *came_as;			/*!< "1001 -> 030123", the numbers before they were rewritten; NULL: they were not */
	uint32_t rule_id;		/*!< of the route that it took, 0: none matched, the default */
	struct cause *cause;		/*!< why it ends; NULL while it does not: that is most of its life */
	enum leg_side released_by;	/*!< which side ended it, once cause is set; see by_us */
	bool by_us;			/*!< ended by neither side: time-out, no route, operator, shutdown */
	struct timespec t_start, t_alerting, t_answered; /*!< CLOCK_MONOTONIC; 0: not yet */
	bool answered;
	bool admitted;			/*!< it counts for the limits */
	bool over_limit;		/*!< refused by a limit */
	bool ask_pending[2];		/*!< by enum leg_side: it asked for an offer that did not come yet */
	bool early_answer;		/*!< the SETUP's offer was answered before the call was */
	bool offer_pending[2];		/*!< by enum leg_side: it made an offer that nobody answered yet (RFC 3264) */
};

/*! All calls of the process, and what they share. */
struct calls {
	DECLARE_HASHTABLE(by_id, 14);
	struct llist_head list;
	unsigned int n;
	uint32_t last_id;
	struct dispatch *dispatch;
	struct llist_head observers;	/*!< call_observer.h */
	struct route_table routes;
	struct numbering numbering;
	struct admission admission;
	struct log_limit failover_limit, transfer_limit;
	const struct leg_kind *gsm, *sip; /*!< the kinds that routes lead to, set by leg_kinds.c */
	bool stopping;			/*!< no new calls */
	bool draining;			/*!< no new calls but emergency calls; present ones go on */
	void (*empty_cb)(void *data);	/*!< called when the last call ended after calls_stop() */
	void *empty_data;
	struct rate_ctr_group *ctrs;
	struct osmo_stat_item_group *stats;
};

/*! No calls yet, no kinds, no default peer: the caller sets them. Freed by talloc_free(), which ends every call without a word to its peers. */
struct calls *calls_alloc(void *ctx);
/*! Release every call with \a cause and take no new one. empty_cb is called when none is left, from here if there was none; it must not free \a calls. */
void calls_stop(struct calls *calls, const struct cause *cause);
/*! NULL if it has ended. */
struct call *call_find(const struct calls *calls, uint32_t id);

/*! Begin a call that \a leg (side A, just made by its protocol) brings. The call becomes the leg's talloc parent and fills in its dispatch, call_id and
 * side. \a parties (copied) are for the operator, as far as they are known; those of the SETUP, which the leg posts when it knows everything, count.
 * NULL when the daemon is stopping, or draining and it is no emergency call: the leg is then untouched and the protocol refuses the call
 * (cause 41). */
struct call *call_begin(struct calls *calls, struct leg *leg, const struct call_parties *parties);

const char *call_state_name(const struct call *call);
/*! One line for the operator: id, state, who calls whom, by which kinds of legs. Returns like snprintf. */
int call_to_str_buf(char *buf, size_t len, const struct call *call);
/*! Who calls whom, "1001 -> +4930123 (emergency)". Returns like snprintf. */
int call_parties_to_str_buf(char *buf, size_t len, const struct call *call);
/*! "transfer to pbx2: ringing", "" if none is under way. Returns like snprintf. */
int call_transfer_to_str_buf(char *buf, size_t len, const struct call *call);
/*! End a call on the operator's behalf. Both legs are told \a cause; nothing happens if it is ending already. */
void call_release(struct call *call, const struct cause *cause);
/*! End it now, without waiting for what its peers say to that; \a call is gone then. */
void call_terminate(struct call *call, const struct cause *cause);

/*! Private to src/call/: the FSM. */
extern struct osmo_fsm call_fsm;
