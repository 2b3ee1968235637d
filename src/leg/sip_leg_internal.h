/*! \file sip_leg_internal.h
 * What the files of the SIP leg share: the object (sip_leg.c), its media (sip_leg_media.c), its keys (sip_leg_dtmf.c), who calls whom
 * (sip_leg_parties.c). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/logging.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/call/leg.h>
#include <osmocom/sipgw/leg/sip_leg.h>
#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_session.h>

struct sip_leg {
	struct leg leg;
	struct sip_session *session; /*!< NULL: none yet, or ended */
	char *target;		     /*!< to a peer: its name, until SETUP */
	char *early_answer;	     /*!< from a peer: an answer that came before the 200 it goes into */
	uint64_t early_hash;	     /*!< to a peer: the early answer that was passed on last, 0: none */
	struct leg_record *record;   /*!< of a session that has ended */
	struct sip_leg_keys *keys;   /*!< keys that the peer has not yet got, NULL: none */
	bool incoming;
	bool proceeding, alerting, progress; /*!< told already */
	bool connected;			     /*!< from a peer: it has acknowledged our 200 */
	bool late_offer;		     /*!< our offer goes, or went, into a 200: the ACK has the answer */
	bool reoffer_asks;		     /*!< the peer's pending re-INVITE has no offer, it wants one */
	bool reoffer_holds;		     /*!< the peer's pending re-INVITE wants hold */
	bool reoffer_open;		     /*!< the call was told of a re-INVITE, its answer is due */
	bool reoffer_gone;		     /*!< the peer has cancelled that one meanwhile */
	bool peer_holds;
	bool no_keys;			     /*!< the peer takes none in this call */
};

struct sip_kind {
	struct leg_kind kind;
	struct sip_leg_env env;
	struct log_limit refused_limit, dtmf_limit;
};

#define LOG_SIPLEG(SL, LEVEL, FMT, ARGS...)                                                                            \
	LOGP(DSIP, LEVEL, "call %u %c (SIP %s): " FMT, (SL)->leg.call_id, (SL)->leg.side == LEG_A ? 'A' : 'B',         \
	     (SL)->incoming ? "in" : "out", ##ARGS)

static inline struct sip_leg *sip_leg_from(struct leg *leg)
{
	return (struct sip_leg *)leg;
}

/* sip_leg.c */
void sip_leg_release(struct sip_leg *sl, const struct cause *cause);

/* sip_record.c */
void sip_leg_record_bind(const struct sip_leg *sl);
void sip_leg_record_end(struct sip_leg *sl, uint16_t status);
void sip_leg_record(const struct leg *leg, struct leg_record *rec);

/* sip_leg_dtmf.c */
void sip_leg_dtmf_cmd(struct sip_leg *sl, const struct leg_dtmf *dtmf);
void sip_leg_dtmf_info(struct sip_session *s, const struct sip_session_info *info, void *data);
void sip_leg_dtmf_done(struct sip_session *s, const struct sip_session_info *info, void *data);
void sip_leg_dtmf_flush(struct sip_leg *sl);

/* sip_leg_codecs.c */
#define SIP_LEG_SDP_LEN 4096 /*!< of an offer that was limited to the peer's list of codecs */
const char *sip_leg_codecs_limit(const struct sip_peer *peer, const char *text, bool to_peer, char *buf, size_t len,
				 struct cause *why);
void sip_leg_codecs_refused(struct cause *why, const char *offer);

/* sip_leg_media.c */
void sip_leg_media_early(struct sip_leg *sl, enum leg_event_type type, bool *told, const char *sdp);
void sip_leg_media_ring(struct sip_leg *sl, uint16_t status, const struct leg_media *media);
void sip_leg_media_answer(struct sip_leg *sl, const struct leg_media *media);
void sip_leg_media_cmd(struct sip_leg *sl, const struct leg_media *media);
void sip_leg_media_incoming(struct sip_leg *sl, const char *sdp);
void sip_leg_media_acked(struct sip_session *s, const struct sip_session_info *info, void *data);
void sip_leg_media_reoffer(struct sip_session *s, const struct sip_session_info *info, void *data);
void sip_leg_media_reoffer_gone(struct sip_session *s, const struct sip_session_info *info, void *data);
void sip_leg_media_reanswered(struct sip_session *s, const struct sip_session_info *info, void *data);

/* sip_leg_parties.c */

/*! The strings that a struct sip_invite borrows. */
struct sip_leg_invite {
	struct sip_invite inv;
	char called[NUMBER_MAX_DIGITS + 2], calling[NUMBER_MAX_DIGITS + 2], diverting[NUMBER_MAX_DIGITS + 2];
	char access[64];
};

void sip_leg_invite_from_setup(struct sip_leg_invite *li, const struct leg_setup *setup, const struct sip_peer *peer);
void sip_leg_connected_from_info(struct number *connected, const struct sip_session_info *info);
void sip_leg_tell_connected(struct sip_session *s, const struct number *connected);
int sip_leg_parties_from_invite(struct call_parties *p, const struct sip_invite *inv, struct cause *why);
