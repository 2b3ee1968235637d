/*! \file gsm_leg_internal.h
 * What the files of the GSM leg share: the object (gsm_leg.c), numbers (gsm_parties.c), what it does (gsm_leg_fsm.c), its media
 * (gsm_media.c) and what the MSC changes of
 * them (gsm_change.c), services in a call (gsm_services.c, gsm_dtmf.c) and a callref that outlives its leg (gsm_release.c). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/hashtable.h>
#include <osmocom/core/logging.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/sockaddr_str.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/call/leg.h>
#include <osmocom/sipgw/leg/gsm_leg.h>
#include <osmocom/sipgw/mncc/mncc_link.h>
#include <osmocom/sipgw/mncc/mncc_msg.h>
#include <osmocom/sipgw/sdp/sdp_agree.h>
#include <osmocom/sipgw/sdp/sdp_nego.h>

struct mgw_endp;
struct gsm_key;
struct gsm_later;
struct gsm_again;
struct gsm_wish;
struct gsm_remote_state;

/*! States of a GSM leg; gsm_leg_fsm.c has the diagram. */
enum gsm_leg_state {
	GSM_ST_IDLE,		/*!< nothing said yet */
	GSM_ST_MO_MEDIA,	/*!< a phone calls: waiting for the radio channel and the gateway */
	GSM_ST_MO_CALLING,	/*!< the call is being worked on */
	GSM_ST_MO_ANSWERING,	/*!< answered; media first, then the phone is told */
	GSM_ST_MO_CONNECTING,	/*!< the phone was told and has to confirm */
	GSM_ST_MT_PAGING,	/*!< the phone is being looked for */
	GSM_ST_MT_CONFIRMED,	/*!< the phone was found */
	GSM_ST_MT_RINGING,
	GSM_ST_MT_ANSWERED,	/*!< the phone answered, its media is not there yet */
	GSM_ST_TALKING,
	GSM_ST_RELEASED,	/*!< RELEASED was posted */
};

/*! What moves the FSM. */
enum gsm_leg_event {
	GSM_EV_SETUP_IND,	/*!< MSC: a call from a phone (struct mncc_msg) */
	GSM_EV_CALL_CONF_IND,	/*!< MSC: the called phone was found */
	GSM_EV_ALERT_IND,	/*!< MSC: the called phone rings */
	GSM_EV_SETUP_CNF,	/*!< MSC: the called phone answered (struct mncc_msg) */
	GSM_EV_SETUP_COMPL_IND,	/*!< MSC: the calling phone confirmed the answer */
	GSM_EV_MEDIA_READY,	/*!< gsm_media: all connections are as wanted */
	GSM_EV_CMD_SETUP,	/*!< call: call a phone (struct leg_setup) */
	GSM_EV_CMD_PROCEED,
	GSM_EV_CMD_ALERT,	/*!< (struct leg_media) */
	GSM_EV_CMD_PROGRESS,	/*!< (struct leg_media) */
	GSM_EV_CMD_ANSWER,	/*!< (struct leg_answered) */
	GSM_EV_CMD_MEDIA,	/*!< MEDIA, HOLD and RESUME (struct leg_media) */
};

enum gsm_ctr {
	GSM_CTR_RX_UNEXPECTED,
	GSM_CTR_RX_LATE,
	GSM_CTR_TIMEOUT,
	GSM_CTR_PACIFIED,
	GSM_CTR_RELEASE_TIMEOUT,
	GSM_CTR_DTMF_FROM_PHONE,
	GSM_CTR_DTMF_REJECTED,
	GSM_CTR_DTMF_TO_PHONE,
	GSM_CTR_HOLD,
	GSM_CTR_HOLD_REJECTED,
	GSM_CTR_NO_CODEC,
	GSM_CTR_NO_ADDRESS,
};

/*! An address as long as it has to be: three of them are kept per call. */
struct rtp_addr {
	uint8_t af;	/*!< AF_UNSPEC: none */
	uint16_t port;
	uint8_t ip[16];	/*!< network order, 4 bytes of it for AF_INET */
};

/*! What an offer of ours waits for an answer for. */
enum gsm_offer {
	GSM_OFFER_NONE,
	GSM_OFFER_SETUP,	/*!< the offer that came with SETUP, or a late one with ANSWERED */
	GSM_OFFER_HOLD,		/*!< the phone wants to hold */
	GSM_OFFER_RETRIEVE,	/*!< the phone wants to retrieve */
	GSM_OFFER_CHANGE,	/*!< the MSC's address or codec changed */
};

#define GSM_MAX_OTHERS 4

/*! A codec that the MSC could assign, too. */
struct gsm_other_codec {
	uint8_t codec;	/*!< enum sdp_codec_id */
	uint8_t pt;	/*!< its payload type on the MSC's side */
};

/*! Media of a GSM leg: between the MSC and the SIP side, through an endpoint of the gateway or directly. Descriptions are made anew from
 * this when they are needed. */
struct gsm_media {
	struct mgw_endp *endp;		/*!< anchored only */
	uint64_t remote_hash;		/*!< of the SIP side's last description: the same one again changes nothing */
	uint64_t local_hash;		/*!< of our last description: decides if the version counts up (RFC 3264 8) */
	struct gsm_later *later;	/*!< what the MSC said last, as long as the SIP side cannot be told (gsm_change.c) */
	struct gsm_again *again;	/*!< an offer that is to be made again */
	struct gsm_wish *wish;		/*!< hold or retrieval that is (gsm_services.c) */
	struct gsm_remote_state *before; /*!< as it was before the SIP side's last offer, NULL: no different */
	char *offer;			/*!< the SIP side's offer that we have to answer, NULL: none */
	char *msc_sdp;			/*!< direct only: what the MSC said, to be passed as it is; NULL if it speaks no SDP */
	char *fmtp;			/*!< the SIP side's codec parameters, NULL: those of the codec by default */
	struct rtp_addr msc;		/*!< where the MSC receives */
	struct rtp_addr core;		/*!< anchored: where the gateway receives from the MSC */
	struct rtp_addr local;		/*!< where the SIP side is to send: the gateway, direct: the MSC */
	struct rtp_addr peer;		/*!< where the SIP side receives */
	uint32_t sess_id;
	uint16_t version;
	uint8_t mode;			/*!< enum media_mode */
	uint8_t codec;			/*!< enum sdp_codec_id */
	uint8_t core_pt, peer_pt;	/*!< its payload type on either side */
	uint8_t core_event_pt, peer_event_pt; /*!< those of telephone-event, 0: that side has none */
	struct gsm_other_codec others[GSM_MAX_OTHERS]; /*!< anchored: what the MSC may still be led to assign (gsm_codecs.c) */
	uint16_t modes;			/*!< of AMR as the MSC has it, bit per mode; 0: not known */
	uint8_t offered;		/*!< enum gsm_offer: ours that waits for an answer */
	bool core_be : 1;		/*!< the MSC packs AMR bandwidth-efficient (RFC 4867 4.3) */
	bool core_busy : 1, peer_busy : 1; /*!< wanted from the gateway, not there yet */
	bool peer_receives : 1;		/*!< the SIP side wants audio now */
	bool peer_sends : 1;		/*!< it sends some */
	bool phone_holds : 1;
	bool moved : 1;			/*!< the SIP side has yet to be told that local or the codec is another one now */
	bool telling : 1;		/*!< our offer under way tells it */
	bool recoded : 1;		/*!< the SIP side has not agreed to codec yet */
	bool connected : 1;		/*!< the MSC was told where to send */
	bool shared : 1;		/*!< with another call of the phone (gsm_phone.c) */
	bool early : 1;			/*!< there is in-band audio before the answer */
	bool counted : 1;		/*!< our last description has a version that none before it had */
	bool unsaid : 1;		/*!< and it was not sent: that version is still free */
};

struct gsm_leg {
	struct leg leg;
	struct osmo_fsm_inst *fi;
	struct mncc_call mc;
	struct gsm_media media;
	struct call_parties *parties;	/*!< MO, until SETUP is posted */
	struct leg_record *record;	/*!< of a leg that has ended */
	struct number *connected;	/*!< who answered, until the other side is told; NULL: not known */
	struct hlist_node by_phone;
	uint64_t phone;			/*!< hash of its IMSI, 0: not known */
	struct gsm_key *key;		/*!< pressed, NULL if none (gsm_dtmf.c) */
	bool mt;			/*!< to a phone */
	bool proceeding, progressed, alerted; /*!< MO: CALL_PROC_REQ, PROGRESS_REQ, ALERT_REQ were sent */
	bool told_held;			/*!< the phone was told that the other side holds */
	bool pacify;			/*!< something was sent that sets off the guard timer of osmo-msc 1.9 */
};

/*! The kind and what its legs share. */
struct gsm_kind {
	struct leg_kind kind;
	struct gsm_leg_env env;
	struct gsm_leg_cfg cfg;
	struct rate_ctr_group *ctrs;
	DECLARE_HASHTABLE(by_phone, 12); /*!< struct gsm_leg */
	struct log_limit media_limit;
};

static inline struct gsm_leg *gsm_leg_from(struct leg *leg)
{
	return (struct gsm_leg *)leg;
}

static inline const struct gsm_kind *gsm_kind_from(const struct leg_kind *kind)
{
	return (const struct gsm_kind *)kind;
}

static inline const struct gsm_kind *gsm_kind_of(const struct gsm_leg *gl)
{
	return gsm_kind_from(gl->leg.kind);
}

#define GSM_CTR(GL, CTR) rate_ctr_inc(rate_ctr_group_get_ctr(gsm_kind_of(GL)->ctrs, CTR))

#define LOG_GSM(GL, LEVEL, FMT, ARGS...) \
	LOGP(DGSM, LEVEL, "call %u %c (%s 0x%x): " FMT, (GL)->leg.call_id, (GL)->leg.side == LEG_A ? 'A' : 'B', \
	     (GL)->mt ? "MT" : "MO", (GL)->mc.callref, ##ARGS)

/*! What either side can cause by each description that it sends: at level notice, but not each time. */
#define LOG_GSM_MEDIA(GL, FMT, ARGS...) do { \
		const char *_more = log_limit_pass(&((struct gsm_kind *)gsm_kind_of(GL))->media_limit); \
		if (_more) \
			LOG_GSM(GL, LOGL_NOTICE, FMT "%s\n", ##ARGS, _more); \
	} while (0)

/* gsm_leg.c */
int gsm_tx(struct gsm_leg *gl, enum mncc_msg_type type);
int gsm_tx_msg(struct gsm_leg *gl, struct mncc_msg *msg);
void gsm_leg_end(struct gsm_leg *gl, const struct cause *cause);
void gsm_leg_release(struct gsm_leg *gl, const struct cause *cause);

/* gsm_parties.c */
void gsm_setup_parties(const struct gsm_kind *kind, struct call_parties *parties, const struct mncc_msg *setup);
void gsm_number_from_mncc(struct number *n, const struct mncc_number *m);
int gsm_tx_setup_req(struct gsm_leg *gl, const struct call_parties *parties, const char *sdp, struct cause *why);
void gsm_tx_setup_rsp(struct gsm_leg *gl, const struct number *connected);

/* gsm_record.c */
void gsm_record_bind(const struct gsm_leg *gl);
void gsm_record_bind_media(const struct gsm_leg *gl);
void gsm_record_end(struct gsm_leg *gl);
void gsm_record(const struct leg *leg, struct leg_record *rec);

/* gsm_leg_fsm.c */
extern struct osmo_fsm gsm_leg_fsm;
bool gsm_leg_dispatch(struct gsm_leg *gl, enum gsm_leg_event event, const void *data);
void gsm_leg_pacify(struct gsm_leg *gl);

/* gsm_media.c */
void gsm_media_init(struct gsm_leg *gl, enum media_mode mode);
void gsm_media_stop(struct gsm_leg *gl);
void gsm_media_start(struct gsm_leg *gl);
void gsm_media_msc_changed(struct gsm_leg *gl, bool codec_changed);
bool gsm_media_ready(const struct gsm_leg *gl);
int gsm_media_take_setup_offer(struct gsm_leg *gl, const struct leg_media *media, char *buf, size_t len, struct cause *why);
bool gsm_media_take_answer(struct gsm_leg *gl, const struct leg_media *media);
bool gsm_media_take_early(struct gsm_leg *gl, const struct leg_media *media);
void gsm_media_take_offer(struct gsm_leg *gl, const struct leg_media *media);
void gsm_media_connect(struct gsm_leg *gl);
void gsm_media_phone_can(struct gsm_leg *gl, const struct mncc_msg *msg);
void gsm_media_answer_void(struct gsm_leg *gl);
void gsm_media_apply_hold(struct gsm_leg *gl);
int gsm_media_to_str_buf(char *buf, size_t len, const struct gsm_leg *gl);

/* gsm_media_post.c: to the SIP side */
void gsm_media_post_setup(struct gsm_leg *gl, const struct call_parties *parties);
void gsm_media_post_early(struct gsm_leg *gl, enum leg_event_type type);
void gsm_media_post_answered(struct gsm_leg *gl, const struct number *connected);
void gsm_media_post_answer(struct gsm_leg *gl);
bool gsm_media_post_offer(struct gsm_leg *gl, enum leg_event_type type, enum gsm_offer what);

/* gsm_change.c */
void gsm_change_rx_rtp_create(struct gsm_leg *gl, const struct mncc_msg *msg);
void gsm_change_tell(struct gsm_leg *gl);
void gsm_change_offer_done(struct gsm_leg *gl, enum gsm_offer what, enum leg_media_kind outcome);
void gsm_change_forget(struct gsm_leg *gl);
void gsm_change_same_media(struct gsm_leg *gl, const struct gsm_leg *other);

/* gsm_phone.c */
void gsm_phone_is(struct gsm_leg *gl, const char *imsi);
void gsm_phone_forget(struct gsm_leg *gl);
struct gsm_leg *gsm_phone_other(const struct gsm_leg *gl);
void gsm_phone_share(struct gsm_leg *gl);

/* gsm_remote.c */
struct gsm_remote {
	struct sdp_msg sdp;
	const struct sdp_media *audio;	/*!< the stream in it that counts */
	struct sdp_format fmt;		/*!< the codec that both can, as the SIP side has it */
};
bool gsm_remote_offer(struct gsm_leg *gl, struct gsm_remote *u, const char *text, struct cause *why);
bool gsm_remote_answer(struct gsm_leg *gl, struct gsm_remote *u, const char *text, struct cause *why);
bool gsm_remote_remember(struct gsm_leg *gl, const struct gsm_remote *u, const char *text);
bool gsm_remote_fits_gateway(struct gsm_leg *gl, struct cause *why);
bool gsm_remote_msc_fits_gateway(struct gsm_leg *gl, struct cause *why);
void gsm_remote_guess(const struct gsm_leg *gl, struct osmo_sockaddr_str *near);
void gsm_remote_keep(struct gsm_leg *gl);
bool gsm_remote_restore(struct gsm_leg *gl);

/* gsm_msc_media.c */
struct gsm_msc_media {
	struct rtp_addr addr;
	uint8_t codec;	/*!< enum sdp_codec_id */
	uint8_t pt, event_pt;
	uint16_t modes;
	struct gsm_other_codec others[GSM_MAX_OTHERS];
	bool be;
	bool sdp;	/*!< it was said in SDP */
};
int gsm_msc_media_decode(struct gsm_msc_media *mm, const struct mncc_msg *msg);

/* gsm_sdp.c */
void gsm_sdp_offered(const struct gsm_leg *gl, struct sdp_msg *sdp);
const char *gsm_sdp_offer(struct gsm_leg *gl, char *buf, size_t len);
const char *gsm_sdp_answer(struct gsm_leg *gl, const char *offer, char *buf, size_t len);
int gsm_sdp_for_setup(char *buf, size_t len, const struct sdp_caps *caps);
int gsm_sdp_for_msc(struct gsm_leg *gl, char *buf, size_t len, const char *remote);
void rtp_addr_from_str(struct rtp_addr *addr, const struct osmo_sockaddr_str *str);
void rtp_addr_to_str(struct osmo_sockaddr_str *str, const struct rtp_addr *addr);
bool rtp_addr_equal(const struct rtp_addr *a, const struct rtp_addr *b);

/* gsm_codecs.c */
void gsm_codecs_ours(struct sdp_caps *caps, const struct gsm_leg *gl);
int gsm_codecs_answer(struct sdp_msg *answer, const struct sdp_msg *offer, const struct gsm_leg *gl,
		      const struct osmo_sockaddr_str *addr, enum sdp_dir dir, char *why);
void gsm_codecs_core(struct sdp_format *f, struct sdp_format *event, const struct gsm_leg *gl);
void gsm_codecs_peer(struct sdp_format *f, struct sdp_format *event, const struct gsm_leg *gl);
bool gsm_codecs_settle(struct gsm_leg *gl, enum sdp_codec_id codec);
bool gsm_codecs_set_peer_event(struct gsm_leg *gl, const struct sdp_media *audio);
void gsm_codecs_take(struct gsm_leg *gl, const struct gsm_msc_media *mm);
bool gsm_codecs_set_fmtp(struct gsm_leg *gl, const char *fmtp);

/* gsm_services.c */
bool gsm_services_rx(struct gsm_leg *gl, const struct mncc_msg *msg);
void gsm_services_answered(struct gsm_leg *gl);
void gsm_services_offer_done(struct gsm_leg *gl, enum gsm_offer what, enum leg_media_kind outcome);
void gsm_services_tell_hold(struct gsm_leg *gl);
void gsm_services_tx(struct gsm_leg *gl, struct mncc_msg *msg);
void gsm_services_reject(struct gsm_leg *gl, enum mncc_msg_type type, uint8_t cause);

/* gsm_dtmf.c */
void gsm_dtmf_rx_start(struct gsm_leg *gl, const struct mncc_msg *msg);
void gsm_dtmf_rx_stop(struct gsm_leg *gl, const struct mncc_msg *msg);
void gsm_dtmf_key_up(struct gsm_leg *gl);
void gsm_dtmf_result(struct gsm_leg *gl, const struct leg_dtmf *dtmf);
void gsm_dtmf_cmd(struct gsm_leg *gl, const struct leg_dtmf *dtmf);

/* gsm_release.c */
void gsm_release_start(const struct gsm_kind *kind, uint32_t callref, enum mncc_msg_type how, const struct cause *cause);
