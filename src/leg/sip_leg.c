/* The SIP leg: a thin translation between what a call says and what a SIP session does.
 *
 * The protocol, with its repetitions and races, is the session's; the media are the other leg's. Here is the edge:
 * numbers and identities become URIs and back, causes become statuses and Reason headers and back (RFC 3398, RFC 3326),
 * keys become INFO. The leg ends at once when told to: the session finishes what SIP has to say by itself. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/logging.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/leg/sip_leg.h>
#include <osmocom/sipgw/sdp/sdp_msg.h>
#include <osmocom/sipgw/sip/sip_peer.h>
#include <osmocom/sipgw/sip/sip_session.h>

#include "sip_dtmf.h"

/* An emergency call that comes without a number, in a network that gives it none */
#define EMERGENCY_NUMBER "112"

struct sip_leg {
	struct leg leg;
	struct sip_session *session; /*!< NULL: none yet, or ended */
	char *target;		     /*!< to a peer: its name, until SETUP */
	char *early_answer;	     /*!< from a peer: an answer that came before the 200 it goes into */
	uint64_t early_hash;	     /*!< to a peer: the early answer that was passed on last, 0: none */
	bool incoming;
	bool proceeding, alerting, progress; /*!< told already */
	bool connected;			     /*!< from a peer: it has acknowledged our 200 */
	bool late_offer;		     /*!< our offer goes, or went, into a 200: the ACK has the answer */
	bool reoffer_asks;		     /*!< the peer's pending re-INVITE has no offer, it wants one */
	bool reoffer_holds;		     /*!< the peer's pending re-INVITE wants hold */
	bool reoffer_open;		     /*!< the call was told of a re-INVITE, its answer is due */
	bool reoffer_gone;		     /*!< the peer has cancelled that one meanwhile */
	bool peer_holds;
};

struct sip_kind {
	struct leg_kind kind;
	struct sip_leg_env env;
	struct log_limit refused_limit;
};

#define LOG_SIPLEG(SL, LEVEL, FMT, ARGS...)                                                                            \
	LOGP(DSIP, LEVEL, "call %u %c (SIP %s): " FMT, (SL)->leg.call_id, (SL)->leg.side == LEG_A ? 'A' : 'B',         \
	     (SL)->incoming ? "in" : "out", ##ARGS)

static inline struct sip_leg *sip_leg_from(struct leg *leg)
{
	return (struct sip_leg *)leg;
}

/* The peer can cause it by each INVITE */
static void log_refused(const struct leg_kind *kind, const struct sip_peer *peer, const struct cause *why)
{
	const char *more = log_limit_pass(&((struct sip_kind *)kind)->refused_limit);

	if (more)
		LOGP(DSIP, LOGL_NOTICE, "call from %s refused: %s%s\n", peer->name, why->text, more);
}

static const struct sip_leg_env *env_of(const struct leg_kind *kind)
{
	return kind->priv;
}

/* ---- the end ---- */

static void leg_end(struct sip_leg *sl, const struct cause *cause)
{
	sl->session = NULL;
	LOG_SIPLEG(sl, LOGL_INFO, "released, cause %u (%s)%s%s\n", cause->value, cause_name(cause->value),
		   cause->text[0] ? ": " : "", cause->text);
	leg_post_released(&sl->leg, cause);
}

static void session_end(struct sip_session *s, const struct cause *cause)
{
	struct sip_end end = {
		.status = cause_to_sip(cause->value),
		.q850 = cause_valid(cause->value),
		.text = cause->text[0] ? cause->text : NULL,
	};
	sip_session_end(s, &end);
}

static void leg_release(struct sip_leg *sl, const struct cause *cause)
{
	if (sl->session)
		session_end(sl->session, cause);
	leg_end(sl, cause);
}

/* The Reason header says it exactly, the status roughly */
static struct cause cause_of(const struct sip_session_info *info)
{
	const char *text = info->text ? info->text : "";
	uint8_t value = info->q850 >= 1 && info->q850 <= 127 ? info->q850 : cause_from_sip(info->status);

	if (!info->status)
		return info->text ? cause_make(value, "%s", text) : CAUSE(value);
	return cause_make(value, "SIP %u %s", info->status, text);
}

static void on_ended(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct cause cause = cause_of(info);
	leg_end(data, &cause);
}

/* ---- a call to a peer ---- */

/* A description that comes before the answer is passed on once; several early dialogs may each have their own */
static struct leg_media early_media(struct sip_leg *sl, const char *sdp)
{
	uint64_t hash = sdp ? token_hash_str(sdp) : 0;

	if (!sdp || hash == sl->early_hash)
		return (struct leg_media){ .kind = LEG_MEDIA_NONE };
	sl->early_hash = hash;
	return (struct leg_media){ .kind = LEG_MEDIA_ANSWER, .sdp = sdp };
}

static void post_early(struct sip_leg *sl, enum leg_event_type type, bool *told, const char *sdp)
{
	struct leg_media media = early_media(sl, sdp);

	if (*told && media.kind == LEG_MEDIA_NONE)
		return;
	*told = true;
	leg_post_media(&sl->leg, type, media.kind, media.sdp);
}

static void on_provisional(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;

	if (info->status == 180) {
		post_early(sl, LEG_EV_ALERTING, &sl->alerting, info->sdp);
	} else if (info->status == 183 || info->sdp) {
		post_early(sl, LEG_EV_PROGRESS, &sl->progress, info->sdp);
	} else if (!sl->proceeding) {
		sl->proceeding = true;
		leg_post_type(&sl->leg, LEG_EV_PROCEEDING);
	}
}

static void on_answered(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;

	leg_post_media(&sl->leg, LEG_EV_ANSWERED, info->sdp ? LEG_MEDIA_ANSWER : LEG_MEDIA_NONE, info->sdp);
}

/* ---- in a call, either way ---- */

static void on_acked(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;
	bool first = sl->incoming && !sl->connected;
	struct cause no_answer;

	if (sl->late_offer && !info->sdp && first) {
		no_answer = cause_make(CAUSE_INCOMPATIBLE_DEST, "the ACK has no answer to our offer");
		leg_release(sl, &no_answer);
		return;
	}
	if (sl->late_offer)
		leg_post_media(&sl->leg, LEG_EV_MEDIA, info->sdp ? LEG_MEDIA_ANSWER : LEG_MEDIA_REFUSED, info->sdp);
	sl->late_offer = false;
	sl->connected = true;
	if (first)
		leg_post_type(&sl->leg, LEG_EV_CONNECTED);
}

/* Does this description put us on hold? Negative if it is none. */
static int holds(const char *text)
{
	const struct sdp_media *audio;
	struct sdp_msg sdp;

	if (sdp_msg_parse(&sdp, text, strlen(text), NULL))
		return -EINVAL;
	audio = sdp_msg_audio(&sdp);
	return audio ? sdp_media_on_hold(audio) : -ENOENT;
}

static void on_reoffer(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;
	int hold = info->sdp ? holds(info->sdp) : -ENOENT;
	enum leg_event_type type = LEG_EV_MEDIA;

	if (sl->reoffer_gone) { /* the answer to the one before is still due: not to be taken for this one's */
		sip_session_reply(s, 491, NULL);
		return;
	}
	sl->reoffer_asks = !info->sdp;
	if (sl->reoffer_asks) {
		sl->reoffer_open = true;
		leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_ASK, NULL);
		return;
	}
	if (hold < 0) {
		sip_session_reply(s, 488, NULL);
		return;
	}
	if (hold != sl->peer_holds)
		type = hold ? LEG_EV_HELD : LEG_EV_RESUMED;
	sl->reoffer_holds = hold;
	sl->reoffer_open = true;
	leg_post_media(&sl->leg, type, LEG_MEDIA_OFFER, info->sdp);
}

static void on_reoffer_gone(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;

	LOG_SIPLEG(sl, LOGL_INFO, "the peer's re-INVITE is void: %u %s\n", info->status, info->text);
	sl->reoffer_gone = sl->reoffer_open;
}

static void on_reanswered(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;
	bool accepted = info->status >= 200 && info->status < 300 && info->sdp;

	leg_post_media(&sl->leg, LEG_EV_MEDIA, accepted ? LEG_MEDIA_ANSWER : LEG_MEDIA_REFUSED,
		       accepted ? info->sdp : NULL);
}

static void on_info(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct leg_event ev = { .type = LEG_EV_DTMF };
	struct sip_leg *sl = data;

	if (!info->content_type || !info->body || !sip_dtmf_parse(&ev.dtmf, info->content_type, info->body))
		return;
	ev.dtmf.start = true;
	leg_post(&sl->leg, &ev);
	ev.dtmf.start = false;
	leg_post(&sl->leg, &ev);
}

static void on_info_done(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	if (info->status >= 300)
		LOG_SIPLEG((struct sip_leg *)data, LOGL_NOTICE, "the peer did not take a key: %u %s\n", info->status,
			   info->text ?: "");
}

static const struct sip_session_ops session_ops = {
	.provisional = on_provisional,
	.answered = on_answered,
	.acked = on_acked,
	.reoffer = on_reoffer,
	.reoffer_gone = on_reoffer_gone,
	.reanswered = on_reanswered,
	.info = on_info,
	.info_done = on_info_done,
	.ended = on_ended,
};

/* ---- from the call ---- */

static void dial_string(char *buf, size_t len, const struct number *n)
{
	if (number_to_dial_string(buf, len, n) < 0)
		buf[0] = '\0';
}

static void cmd_setup(struct sip_leg *sl, const struct leg_setup *setup)
{
	struct sip_peer *peer = sip_peer_find(env_of(sl->leg.kind)->ua, sl->target ?: "");
	const struct call_parties *p = setup->parties;
	char called[NUMBER_MAX_DIGITS + 2], calling[NUMBER_MAX_DIGITS + 2];
	struct sip_invite inv = {
		.called_user = called,
		.calling_user = calling,
		.calling_name = p->calling_name,
		.calling_anonymous = p->calling.presentation == NUMBER_RESTRICTED,
		.sdp = setup->media.kind == LEG_MEDIA_OFFER ? setup->media.sdp : NULL,
	};
	struct cause why;

	dial_string(called, sizeof(called), &p->called);
	dial_string(calling, sizeof(calling), &p->calling);
	if (!called[0] && p->emergency)
		OSMO_STRLCPY_ARRAY(called, EMERGENCY_NUMBER);
	if (peer)
		sl->session = sip_session_invite(env_of(sl->leg.kind)->ua, peer, &inv, &session_ops, sl);
	if (!sl->session) {
		why = cause_make(CAUSE_NET_OUT_OF_ORDER, "SIP peer '%s' cannot be reached", sl->target ?: "");
		leg_end(sl, &why);
	}
	TALLOC_FREE(sl->target);
}

static void keep_early_answer(struct sip_leg *sl, const struct leg_media *media)
{
	if (media->kind != LEG_MEDIA_ANSWER)
		return;
	talloc_free(sl->early_answer);
	sl->early_answer = talloc_strdup(sl, media->sdp);
}

static void cmd_ring(struct sip_leg *sl, uint16_t status, const struct leg_media *media)
{
	keep_early_answer(sl, media);
	sip_session_provisional(sl->session, status,
				status == 183 && media->kind == LEG_MEDIA_ANSWER ? media->sdp : NULL);
}

static void cmd_answer(struct sip_leg *sl, const struct leg_media *media)
{
	const char *sdp = media->sdp ? media->sdp : sl->early_answer;
	struct cause why;

	if (!sdp || sip_session_answer(sl->session, sdp) < 0) {
		why = cause_make(CAUSE_INTERWORKING, "%s",
				 sdp ? "the answer could not be sent" : "the answer has no session description");
		leg_release(sl, &why);
	}
	TALLOC_FREE(sl->early_answer);
}

/* What the call has to say to the peer's re-INVITE. Returns false if the peer does not want to hear it any more. */
static bool reoffer_is_met(struct sip_leg *sl)
{
	bool wanted = !sl->reoffer_gone;

	sl->reoffer_open = sl->reoffer_gone = sl->reoffer_asks = false;
	return wanted;
}

/* The peer asked for an offer by a re-INVITE without one, and here it is; the ACK brings the answer (RFC 3261 14.2) */
static void offer_in_200(struct sip_leg *sl, const char *sdp)
{
	reoffer_is_met(sl);
	sl->late_offer = sip_session_reply(sl->session, 200, sdp) == 0;
	if (!sl->late_offer)
		leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_RETRY, NULL);
}

static void answer_reoffer(struct sip_leg *sl, const char *sdp)
{
	if (reoffer_is_met(sl)) {
		sl->peer_holds = sl->reoffer_holds;
		sip_session_reply(sl->session, 200, sdp);
	} else { /* RFC 3261 14.1: a re-INVITE without 2xx has not happened */
		leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_VOID, NULL);
	}
}

/* An offer of the other side becomes a re-INVITE, its answer or refusal the response to the peer's */
static void cmd_media(struct sip_leg *sl, const struct leg_media *media)
{
	switch (media->kind) {
	case LEG_MEDIA_OFFER:
		if (sl->reoffer_asks)
			offer_in_200(sl, media->sdp);
		else if (sip_session_reinvite(sl->session, media->sdp) < 0)
			leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_RETRY, NULL);
		return;
	case LEG_MEDIA_ANSWER:
		answer_reoffer(sl, media->sdp);
		return;
	case LEG_MEDIA_REFUSED:
	case LEG_MEDIA_RETRY:
		if (reoffer_is_met(sl))
			sip_session_reply(sl->session, media->kind == LEG_MEDIA_RETRY ? 491 : 488, NULL);
		return;
	case LEG_MEDIA_ASK: /* a leg of another kind wants an offer: not before it is needed (RFC 3261 14.1) */
		leg_post_media(&sl->leg, LEG_EV_MEDIA, LEG_MEDIA_REFUSED, NULL);
		return;
	case LEG_MEDIA_VOID: /* would be a CANCEL too late: a leg of another kind takes its answer as it comes */
	case LEG_MEDIA_NONE:
		return;
	}
}

/* Sent when the key is released, since only then it is known how long it was pressed */
static void cmd_dtmf(struct sip_leg *sl, const struct leg_dtmf *dtmf)
{
	const struct sip_peer *peer = sip_session_peer(sl->session);
	int mode = peer ? peer->cfg.dtmf : SIP_DTMF_INFO_RELAY;
	const char *type = mode == SIP_DTMF_INFO ? "application/dtmf" : "application/dtmf-relay";
	char body[SIP_DTMF_BODY_LEN];

	if (dtmf->start || mode == SIP_DTMF_NONE)
		return;
	sip_dtmf_write(body, type, dtmf);
	if (sip_session_info_send(sl->session, type, body) < 0)
		LOG_SIPLEG(sl, LOGL_NOTICE, "key %c could not be sent\n", dtmf->key);
}

static void kind_handle(struct leg *leg, const struct leg_cmd *cmd)
{
	struct sip_leg *sl = sip_leg_from(leg);

	if (leg->released)
		return;
	if (!sl->session && cmd->type != LEG_CMD_SETUP && cmd->type != LEG_CMD_RELEASE)
		return;
	switch (cmd->type) {
	case LEG_CMD_SETUP:
		cmd_setup(sl, &cmd->setup);
		return;
	case LEG_CMD_PROCEED: /* 100 was sent by the user agent */
		return;
	case LEG_CMD_ALERT:
		cmd_ring(sl, 180, &cmd->media);
		return;
	case LEG_CMD_PROGRESS:
		cmd_ring(sl, 183, &cmd->media);
		return;
	case LEG_CMD_ANSWER:
		cmd_answer(sl, &cmd->answered.media);
		return;
	case LEG_CMD_MEDIA:
	case LEG_CMD_HOLD:
	case LEG_CMD_RESUME:
		cmd_media(sl, &cmd->media);
		return;
	case LEG_CMD_DTMF:
		cmd_dtmf(sl, &cmd->dtmf);
		return;
	case LEG_CMD_RELEASE:
		leg_release(sl, &cmd->cause);
		return;
	case _NUM_LEG_CMDS:
		return;
	}
}

/* ---- the object ---- */

static int leg_destructor(struct sip_leg *sl)
{
	struct cause cause = CAUSE(CAUSE_TEMP_FAILURE);

	if (sl->session)
		session_end(sl->session, &cause);
	return 0;
}

static struct sip_leg *leg_alloc(void *ctx, const struct leg_kind *kind)
{
	struct sip_leg *sl = talloc_zero(ctx, struct sip_leg);

	sl->leg.kind = kind;
	talloc_set_destructor(sl, leg_destructor);
	return sl;
}

static struct leg *kind_alloc(const struct leg_kind *kind, struct call *call, const char *target, struct cause *why)
{
	const struct sip_peer *peer = sip_peer_find(env_of(kind)->ua, target);
	struct sip_leg *sl;

	if (!peer || !peer->usable) {
		*why = cause_make(CAUSE_NO_ROUTE, "SIP peer '%s' %s", target,
				  peer ? "has no address" : "does not exist");
		return NULL;
	}
	sl = leg_alloc(call, kind);
	sl->target = talloc_strdup(sl, target);
	return &sl->leg;
}

static int kind_media_mode(const struct leg_kind *kind, const char *target)
{
	const struct sip_peer *peer = sip_peer_find(env_of(kind)->ua, target);
	return peer ? peer->cfg.media_mode : -ENOENT;
}

static int kind_to_str_buf(char *buf, size_t len, const struct leg *leg)
{
	const struct sip_leg *sl = sip_leg_from((struct leg *)leg);
	const struct sip_peer *peer = sl->session ? sip_session_peer(sl->session) : NULL;

	return snprintf(buf, len, "sip %s %s %s%s %s", sl->incoming ? "from" : "to", peer ? peer->name : "-",
			sl->session ? sip_session_state_name(sl->session) : "no session",
			sl->peer_holds ? " peer-holds" : "", sl->session ? sip_session_call_id(sl->session) : "-");
}

/* ---- a call from a peer ---- */

/* Who is called and who calls. Returns 0, or negative with \a why. */
static int parties_from_invite(struct call_parties *p, const struct sip_invite *inv, struct cause *why)
{
	int rc = number_from_dial_string(&p->called, inv->called_user);

	if (rc == -EMSGSIZE)
		*why = cause_make(CAUSE_INVALID_NUMBER, "the called number is longer than %d digits",
				  NUMBER_MAX_DIGITS);
	else if (rc < 0)
		*why = cause_make(CAUSE_UNASSIGNED, "'%s' is no number", inv->called_user);
	if (rc < 0)
		return rc;
	if (inv->calling_anonymous || !inv->calling_user[0]) {
		p->calling.presentation = NUMBER_RESTRICTED;
	} else if (number_from_dial_string(&p->calling, inv->calling_user) < 0) {
		/* a name, or more digits than a number has: half of it would be somebody else's */
		LOGP(DSIP, LOGL_INFO, "caller '%s' has no number that a phone could show\n", inv->calling_user);
		p->calling = (struct number){ .presentation = NUMBER_NOT_AVAILABLE };
	}
	OSMO_STRLCPY_ARRAY(p->calling_name, inv->calling_name);
	return 0;
}

static void post_setup(struct sip_leg *sl, const struct sip_peer *peer, const struct call_parties *parties,
		       const char *sdp)
{
	struct leg_event ev = { .type = LEG_EV_SETUP };

	ev.setup.parties = parties;
	ev.setup.media_mode = peer->cfg.media_mode;
	ev.setup.media = (struct leg_media){ .kind = sdp ? LEG_MEDIA_OFFER : LEG_MEDIA_NONE, .sdp = sdp };
	leg_post(&sl->leg, &ev);
}

/*! A call from a SIP peer. */
void sip_leg_incoming(const struct leg_kind *kind, struct sip_session *s, struct sip_peer *peer,
		      const struct sip_invite *inv)
{
	struct call_parties parties = {};
	struct cause why;
	struct sip_leg *sl;

	if (parties_from_invite(&parties, inv, &why) < 0) {
		log_refused(kind, peer, &why);
		session_end(s, &why);
		return;
	}
	sl = leg_alloc((void *)kind, kind);
	sl->incoming = true;
	if (!call_begin(env_of(kind)->calls, &sl->leg, &parties)) {
		talloc_free(sl);
		why = cause_make(CAUSE_TEMP_FAILURE, "shutting down");
		session_end(s, &why);
		return;
	}
	sl->session = s;
	sl->late_offer = !inv->sdp;
	sl->peer_holds = inv->sdp && holds(inv->sdp) > 0;
	sip_session_set_user(s, &session_ops, sl);
	post_setup(sl, peer, &parties, inv->sdp);
}

/*! The kind "sip"; owned by \a ctx, \a env is copied. */
const struct leg_kind *sip_leg_kind_alloc(void *ctx, const struct sip_leg_env *env)
{
	struct sip_kind *k = talloc_zero(ctx, struct sip_kind);

	*k = (struct sip_kind){
		.kind = {
			.name = "sip",
			.alloc = kind_alloc,
			.handle = kind_handle,
			.media_mode = kind_media_mode,
			.to_str_buf = kind_to_str_buf,
			.priv = &k->env,
		},
		.env = *env,
	};
	return &k->kind;
}
