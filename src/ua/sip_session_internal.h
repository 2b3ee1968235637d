/*! \file sip_session_internal.h
 * A session from inside, shared by sip_session*.c and what happens in a session: sip_rel100.c, sip_update.c, sip_refer.c, sip_failover.c, sip_ack.c.
 *
 * A session owns its dialog. Everything that is only needed while an INVITE is under way (the server's or the client's side of it) is a
 * chunk of its own that goes when the INVITE is done, so that an open call is small. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <string.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/linuxlist.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_trx.h>
#include <osmocom/sipgw/sip/sip_tx.h>
#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_session.h>

#include "sip_dialog.h"

#define SIP_TYPE_SDP	 "application/sdp"
#define SIP_MAX_FORKS	 8  /* dialogs of one INVITE that are remembered */
#define SIP_MAX_INFOS	 16 /* INFOs of ours that wait for a response, in one session */

struct sip_request; /* sip_request.h */
struct sip_ua;

/*! The description in a message, NULL if none. */
static inline const char *sip_msg_sdp(const struct sip_msg *msg)
{
	return msg->body && strcmp(msg->content_type, SIP_TYPE_SDP) == 0 ? msg->body : NULL;
}

/*! A further dialog of our INVITE: early, or dismissed (its 2xx was ACKed and the dialog ended by BYE). */
struct sip_fork {
	struct llist_head entry;
	struct sip_dialog dlg;
	uint32_t rseq;	      /*!< of the last reliable response, 0: none yet (sip_rel100.c) */
	uint32_t invite_cseq; /*!< that it answered */
	bool agreed;	      /*!< offer and answer were exchanged reliably */
	bool dismissed;
};

/*! Our INVITE or re-INVITE, until its final response. */
struct sip_uac_invite {
	struct sip_session *s;
	struct sip_request *req;      /*!< NULL while waiting to try again after a 491 */
	struct osmo_timer_list timer; /*!< until then; or the longest wait for the final response after a CANCEL */
	unsigned int tries;
	struct sip_fork *early_offer; /*!< has an offer that the user is to answer: the PRACK waits */
	bool refresh;		      /*!< of the session timer: the user does not hear of it */
	bool others, heard, rang;     /*!< the user has other ways; a response came; somebody rings (sip_failover.c) */
	uint16_t tried;		      /*!< addresses of the peer, by slot */
	char sdp[];		      /*!< "": none */
};

/*! Their INVITE or re-INVITE, until the ACK to our 2xx, or our other final response. */
struct sip_uas_invite {
	struct sip_session *s;
	struct sip_trx *trx;
	uint32_t cseq;
	bool wants_offer;	      /*!< came without SDP: the ACK brings the answer */
	bool answered;		      /*!< a 2xx was sent, the ACK is awaited */
	unsigned long interval_ms;    /*!< to the next repetition */
	unsigned long left_ms;	      /*!< to giving up */
	char *connected_user, *connected_name; /*!< who answers, NULL if nobody has said */
	struct osmo_timer_list timer; /*!< next repetition of the 2xx, or of the provisional response */
	struct sip_rel100 *rel;	      /*!< NULL: no reliable provisional response so far */
	uint64_t heard;		      /*!< hash of their description, 0: none (sip_session_timer.c) */
	uint32_t timer_s;	      /*!< Session-Expires of the 2xx to come, 0: none */
	bool timer_by_us : 1, timer_supported : 1, is_dialog_refresh : 1;
	bool connected_private : 1;   /*!< he wants to stay unknown */
	uint8_t rel_when;	      /*!< enum sip_rel100_when */
	char head[];		      /*!< the headers that each response copies */
};

/*! Which provisional responses of ours are to be reliable (sip_rel100.c). */
enum sip_rel100_when {
	SIP_REL100_NEVER,
	SIP_REL100_WITH_SDP,
	SIP_REL100_ALWAYS,
};

/*! Reliable provisional responses of ours to one INVITE. */
struct sip_rel100 {
	uint32_t rseq;		   /*!< of the last one */
	bool pending, pending_sdp; /*!< it waits for its PRACK, it has the answer */
	bool agreed;		   /*!< the answer was PRACKed */
	uint16_t status;	   /*!< of the last one */
	uint16_t next_status;	   /*!< of the one that comes after it, 0: none */
	char *next_sdp;
	char *answer;		   /*!< the 200 comes after the PRACK, with this description; "": none */
	unsigned long interval_ms, left_ms;
};

/*! An UPDATE of ours (sip_update.c). */
struct sip_update {
	struct sip_session *s;
	struct sip_request *req;      /*!< NULL while waiting to try again after a 491 */
	struct osmo_timer_list timer;
	unsigned int tries;
	char sdp[];		      /*!< "": a refresh of the session timer */
};

/*! An INFO of ours. */
struct sip_info_req {
	struct llist_head entry;
	struct sip_session *s;
	struct sip_request *req;
};

struct sip_session {
	struct hlist_node by_call_id; /*!< ua->by_call_id */
	struct llist_head entry;      /*!< ua->sessions */
	struct sip_ua *ua;
	struct sip_peer *peer; /*!< NULL when it was removed */
	char *peer_was;	       /*!< its name then, else NULL */
	struct osmo_fsm_inst *fi;
	const struct sip_session_ops *ops; /*!< never NULL; sip_no_ops when there is no user */
	void *data;
	struct sip_uac_invite *out; /*!< NULL when none is pending */
	struct sip_uas_invite *in;  /*!< NULL when none is pending */
	struct sip_request *bye;
	struct llist_head forks;
	struct sip_update *update;	  /*!< ours, NULL when none is pending */
	struct sip_uas_invite *update_in; /*!< an offer of theirs in an UPDATE or PRACK, NULL when none is pending */
	struct sip_session_timer *timer;  /*!< NULL: none */
	struct sip_refer *refer;	  /*!< a transfer that the peer asked for, NULL: none under way */
	struct sip_ack *ack;		  /*!< credentials for ACKs, NULL: none (sip_ack.c) */
	char *late_answer;		  /*!< of ours, in the ACK to a 2xx with an offer: for repetitions */
	uint32_t late_cseq;		  /*!< of that ACK, while the user has not answered; else 0 */
	struct llist_head infos;
	struct sip_dialog dlg; /*!< of a UAC: only local parts and the first target until the 2xx */
	bool outgoing;	       /*!< we made the call (and the Call-ID) */
	bool released;	       /*!< the user has gone, or was told of the end */
	bool offered;	       /*!< our INVITE had an offer */
	bool allows_update;    /*!< the peer said so */
	bool referred;	       /*!< the peer has asked for a transfer before */
	uint8_t end_q850;      /*!< for a BYE that has to wait for the ACK */
};

#define LOG_SESSION(s, level, fmt, args...)                                                                                      \
	LOGP(DSIP, level, "%s(%s %s) " fmt, osmo_fsm_inst_state_name((s)->fi), (s)->peer ? (s)->peer->name : "-",              \
	     sip_dialog_str(&(s)->dlg, DLG_CALL_ID), ##args)

enum sip_session_state {
	SIP_SESSION_CALLING,	 /*!< INVITE sent, no response */
	SIP_SESSION_PROCEEDING,	 /*!< provisional responses came */
	SIP_SESSION_CANCELLING,	 /*!< given up by us: the final response is awaited */
	SIP_SESSION_INCOMING,	 /*!< their INVITE has no final response */
	SIP_SESSION_ANSWERED,	 /*!< we sent 200: the ACK is awaited */
	SIP_SESSION_HANGING_UP,	 /*!< given up by us meanwhile: BYE when the ACK comes or is given up */
	SIP_SESSION_CONFIRMED,	 /*!< the call is up */
	SIP_SESSION_CLOSING,	 /*!< BYE sent */
};

enum sip_session_event {
	SIP_SESSION_EV_PROVISIONAL, /*!< UAC; data: struct sip_session_rx */
	SIP_SESSION_EV_2XX,	    /*!< UAC, the first one; data: struct sip_session_rx */
	SIP_SESSION_EV_FAILURE,	    /*!< UAC: 3xx-6xx, or no response; data: struct sip_session_info */
	SIP_SESSION_EV_CANCEL,	    /*!< UAS; data: struct sip_session_info */
	SIP_SESSION_EV_ANSWER,	    /*!< UAS: the user answers; data: SDP text */
	SIP_SESSION_EV_ACK,	    /*!< UAS: ACK to our first 2xx; data: struct sip_session_info */
	SIP_SESSION_EV_NO_ACK,	    /*!< UAS: none came for this or a later 2xx */
	SIP_SESSION_EV_BYE,	    /*!< theirs, answered; data: struct sip_session_info */
	SIP_SESSION_EV_LOST,	    /*!< a re-INVITE says that the dialog is dead; data: struct sip_session_info */
	SIP_SESSION_EV_END,	    /*!< the user goes; data: struct sip_end */
	SIP_SESSION_EV_DONE,	    /*!< response to our BYE, or none */
};

/*! A response as the FSM gets it. */
struct sip_session_rx {
	const struct sip_msg *msg;
	const struct sip_flow *from;
};

extern struct osmo_fsm sip_session_fsm;
extern const struct sip_session_ops sip_no_ops;

/* sip_session.c */
struct sip_session *sip_session_alloc(struct sip_ua *ua, struct sip_peer *peer, enum sip_session_state state);
void sip_session_link(struct sip_session *s);
void sip_session_info_from(struct sip_session_info *info, const struct sip_msg *msg);
uint8_t sip_session_info_q850(const struct sip_session_info *info);
void sip_session_tell_ended(struct sip_session *s, const struct sip_session_info *info);
void sip_session_tx_bye(struct sip_session *s, uint8_t q850);
/*! Tell the user something. Whatever it does inside, nothing of \a s may be touched afterwards. */
#define sip_session_tell(s, what, info) do { \
		if ((s)->ops->what) \
			(s)->ops->what(s, info, (s)->data); \
	} while (0)

int sip_session_tx_ack(struct sip_session *s, uint32_t cseq);
void sip_session_write_extensions(const struct sip_session *s, struct sip_tx *tx);
void sip_session_note_allow(struct sip_session *s, const struct sip_msg *msg);
struct sip_dialog *sip_session_early_dialog(struct sip_session *s);
unsigned long sip_session_glare_ms(const struct sip_session *s);

/* sip_ack.c */
void sip_ack_keep(struct sip_session *s, const struct sip_request *invite);
void sip_ack_drop(struct sip_session *s);
const char *sip_ack_lines(const struct sip_session *s);

/* sip_rel100.c */
enum sip_rel100_when sip_rel100_wanted(const struct sip_msg *invite, enum sip_use use);
int sip_rel100_provisional(struct sip_session *s, uint16_t status, const char *sdp);
void sip_rel100_write(struct sip_tx *tx, const struct sip_uas_invite *in, uint16_t status);
bool sip_rel100_timer(struct sip_session *s);
bool sip_rel100_hold_answer(struct sip_session *s, const char *sdp);
bool sip_rel100_agreed(const struct sip_uas_invite *in);
void sip_rel100_rx_prack(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req);
bool sip_rel100_rx_response(struct sip_session *s, struct sip_fork *fork, const struct sip_msg *resp);
void sip_rel100_answer(struct sip_session *s, const char *sdp);

/* sip_update.c */
void sip_update_rx(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req);
void sip_update_rx_offer(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req);
bool sip_update_refuse_second(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req);
int sip_update_reply(struct sip_session *s, uint16_t status, const char *sdp, const struct sip_end *end);
int sip_update_send(struct sip_session *s, const char *sdp);
int sip_update_early_offer(struct sip_session *s, const char *sdp);
void sip_update_drop(struct sip_session *s);

/* sip_refer.c */
void sip_refer_bye(struct sip_session *s);
void sip_refer_drop(struct sip_session *s);
void sip_refer_rx(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req);

/* sip_session_timer.c */
void sip_timer_free(struct sip_session *s);
void sip_timer_write_request(const struct sip_session *s, struct sip_tx *tx);
void sip_timer_rx_2xx(struct sip_session *s, const struct sip_msg *resp, const char *said);
void sip_timer_rx_422(struct sip_session *s, const struct sip_msg *resp);
bool sip_timer_lines_after_422(char *buf, size_t len, const struct sip_msg *resp);
void sip_timer_refreshed(struct sip_session *s, uint16_t status);
bool sip_timer_too_small(const struct sip_peer_cfg *cfg, const struct sip_msg *req, char *more, size_t len);
bool sip_timer_refuse(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req);
void sip_timer_rx_request(const struct sip_session *s, struct sip_uas_invite *in, const struct sip_msg *req);
void sip_timer_write_2xx(const struct sip_uas_invite *in, struct sip_tx *tx);
void sip_timer_accepted(struct sip_session *s, const struct sip_uas_invite *in, const char *said);
const char *sip_timer_refresh_answer(const struct sip_session *s, const struct sip_uas_invite *in);
void sip_timer_heard(struct sip_session *s, const char *sdp);

/* sip_session_uac.c */
int sip_uac_start(struct sip_session *s, const struct sip_invite *inv, struct sip_tx *tx);
void sip_uac_free(struct sip_session *s);
void sip_uac_give_up(struct sip_session *s);
void sip_uac_cancel(struct sip_session *s, uint8_t q850);
int sip_uac_accept(struct sip_session *s, const struct sip_session_rx *rx);
int sip_session_refresh_by_invite(struct sip_session *s, const char *said);
void sip_uac_tag(char *buf, const char *call_id);

/* sip_fork.c */
struct sip_fork *sip_fork_find(const struct sip_session *s, const char *remote_tag);
bool sip_uac_early(struct sip_session *s, const struct sip_session_rx *rx);
bool sip_uac_early_agreed(const struct sip_session *s, const struct sip_dialog *dlg);
void sip_uac_drop_forks(struct sip_session *s);
void sip_uac_rx_late_2xx(struct sip_ua *ua, const struct sip_msg *resp, const struct sip_flow *from);

/* sip_failover.c */
void sip_failover_begin(struct sip_uac_invite *out, bool others);
void sip_failover_rx(struct sip_uac_invite *out, struct sip_request *req, const struct sip_msg *resp);
void sip_failover_failed(struct sip_uac_invite *out, const struct sip_request *req, enum sip_trx_end why);
bool sip_failover_status(uint16_t status);
bool sip_failover_next(struct sip_uac_invite *out, struct sip_request *req);

/* sip_session_uas.c */
const char *sip_uas_tag(char *buf, const char *call_id);
bool sip_uas_tag_is_ours(const char *tag, const char *call_id);
struct sip_uas_invite *sip_uas_alloc(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req);
void sip_uas_write_end(struct sip_tx *tx, const struct sip_end *end);
void sip_uas_tx_begin(const struct sip_session *s, const struct sip_uas_invite *in, struct sip_tx *tx, uint16_t status);
void sip_uas_provisional_again(struct sip_session *s);
int sip_uas_start(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req);
void sip_uas_free(struct sip_session *s);
int sip_uas_respond(struct sip_session *s, uint16_t status, const char *sdp, const struct sip_end *end);
void sip_uas_rx_ack(struct sip_session *s, const struct sip_msg *ack);
void sip_uas_rx_reinvite(struct sip_session *s, struct sip_dialog *dlg, struct sip_trx *trx, const struct sip_msg *req);

/* sip_session_request.c */
void sip_session_rx_request(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req, const struct sip_flow *from);
void sip_session_drop_infos(struct sip_session *s);
