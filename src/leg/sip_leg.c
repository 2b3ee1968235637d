/* The SIP leg: a thin translation between what a call says and what a SIP session does.
 *
 * The protocol, with its repetitions and races, is the session's; the media are the other leg's. Here is the edge:
 * numbers and identities become URIs and back, causes become statuses and Reason headers and back (RFC 3398, RFC 3326),
 * keys become INFO (sip_leg_dtmf.c). The leg ends at once when told to: the session finishes what SIP has to say by
 * itself. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/logging.h>
#include <osmocom/core/sockaddr_str.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/call.h>

#include "sip_leg_internal.h"

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

static void leg_end_as(struct sip_leg *sl, const struct leg_released *how)
{
	const struct cause *cause = &how->cause;

	sl->session = NULL;
	LOG_SIPLEG(sl, LOGL_INFO, "released, cause %u (%s)%s%s\n", cause->value, cause_name(cause->value),
		   cause->text[0] ? ": " : "", cause->text);
	leg_post_ended(&sl->leg, how);
}

static void leg_end(struct sip_leg *sl, const struct cause *cause)
{
	leg_end_as(sl, &(struct leg_released){ .cause = *cause });
}

static void session_end(struct sip_session *s, const struct cause *cause)
{
	struct sip_end end = {
		.status = cause_to_sip(cause->value),
		.q850 = cause_valid(cause->value),
		.text = cause->text[0] ? cause->text : NULL,
		.warning = cause->warning,
	};
	sip_session_end(s, &end);
}

/*! End it towards both sides. */
void sip_leg_release(struct sip_leg *sl, const struct cause *cause)
{
	if (sl->session) {
		sip_leg_dtmf_flush(sl);
		sip_leg_record_end(sl, sl->connected || !sl->incoming ? 0 : cause_to_sip(cause->value));
		session_end(sl->session, cause);
	}
	leg_end(sl, cause);
}

/* The Reason header says it exactly, the status roughly */
static struct cause cause_of(const struct sip_session_info *info)
{
	const char *text = info->text ? info->text : "";
	uint8_t value = info->q850 >= 1 && info->q850 <= 127 ? info->q850 : cause_from_sip(info->status);
	struct cause cause;

	if (!info->status)
		return info->text ? cause_make(value, "%s", text) : CAUSE(value);
	cause = cause_make(value, "SIP %u %s", info->status, text);
	if (info->refused_offer)
		sip_leg_codecs_refused(&cause, info->refused_offer);
	return cause;
}

static void on_ended(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct leg_released how = { .cause = cause_of(info), .way_failed = info->way_failed };

	if (info->redirect_user && number_from_dial_string(&how.redirect, info->redirect_user) < 0)
		how.cause =
			cause_make(CAUSE_INVALID_NUMBER, "redirected to '%s', which is no number", info->redirect_user);
	else if (info->redirect_user && info->redirect_peer)
		OSMO_STRLCPY_ARRAY(how.redirect_target, info->redirect_peer->name);
	sip_leg_record_end(data, info->status);
	leg_end_as(data, &how);
}

/* ---- from the session ---- */

static void on_provisional(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;

	if (info->status == 180) {
		sip_leg_media_early(sl, LEG_EV_ALERTING, &sl->alerting, info->sdp);
	} else if (info->status == 183 || info->sdp) {
		sip_leg_media_early(sl, LEG_EV_PROGRESS, &sl->progress, info->sdp);
	} else if (!sl->proceeding) {
		sl->proceeding = true;
		leg_post_type(&sl->leg, LEG_EV_PROCEEDING);
	}
}

static void on_answered(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct sip_leg *sl = data;
	struct leg_event ev = { .type = LEG_EV_ANSWERED };

	ev.answered.media = (struct leg_media){
		.kind = info->is_offer ? LEG_MEDIA_OFFER
			: info->sdp    ? LEG_MEDIA_ANSWER
				       : LEG_MEDIA_NONE,
		.sdp = info->sdp,
	};
	sip_leg_connected_from_info(&ev.answered.connected, info);
	leg_post(&sl->leg, &ev);
}

static void on_refer(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	struct leg_event ev = { .type = LEG_EV_TRANSFER };
	struct sip_leg *sl = data;

	if (number_from_dial_string(&ev.transfer.number, info->redirect_user) < 0) {
		sip_session_refer_result(s, 484);
		return;
	}
	if (info->redirect_peer)
		OSMO_STRLCPY_ARRAY(ev.transfer.target, info->redirect_peer->name);
	leg_post(&sl->leg, &ev);
}

static const struct sip_session_ops session_ops = {
	.provisional = on_provisional,
	.answered = on_answered,
	.acked = sip_leg_media_acked,
	.reoffer = sip_leg_media_reoffer,
	.reoffer_gone = sip_leg_media_reoffer_gone,
	.reanswered = sip_leg_media_reanswered,
	.info = sip_leg_dtmf_info,
	.info_done = sip_leg_dtmf_done,
	.refer = on_refer,
	.ended = on_ended,
};

/* ---- from the call ---- */

/* Too many calls with this peer: another one may have room. True if the leg has ended. */
static bool refuse_by_limit(struct sip_leg *sl, struct sip_peer *peer, const struct leg_setup *setup)
{
	struct leg_released released = { .way_failed = true };

	if (sip_limit_take(peer, setup->parties->emergency) == SIP_LIMIT_OK)
		return false;
	released.cause = cause_make(CAUSE_CONGESTION, "SIP peer '%s' has as many calls as it may", peer->name);
	TALLOC_FREE(sl->target);
	leg_post_ended(&sl->leg, &released);
	return true;
}

/* Returns false if nothing would be left of it */
static bool limit_offer(const char **sdp, const struct sip_peer *peer, char *buf, size_t len, struct cause *why)
{
	bool offered = *sdp;

	*sdp = sip_leg_codecs_limit(peer, *sdp, true, buf, len, why);
	return *sdp || !offered;
}

static void cmd_setup(struct sip_leg *sl, const struct leg_setup *setup)
{
	struct sip_peer *peer = sip_peer_find(env_of(sl->leg.kind)->ua, sl->target ?: "");
	struct sip_leg_invite li;
	char sdp[SIP_LEG_SDP_LEN];
	struct cause why;

	if (peer && refuse_by_limit(sl, peer, setup))
		return;
	if (peer) {
		sip_leg_invite_from_setup(&li, setup, peer);
		if (!limit_offer(&li.inv.sdp, peer, sdp, sizeof(sdp), &why)) {
			leg_end(sl, &why);
			return;
		}
		sl->session = sip_session_invite(env_of(sl->leg.kind)->ua, peer, &li.inv, &session_ops, sl);
	}
	sip_leg_record_bind(sl);
	if (!sl->session) {
		why = cause_make(CAUSE_NET_OUT_OF_ORDER, "SIP peer '%s' cannot be reached", sl->target ?: "");
		leg_end_as(sl, &(struct leg_released){ .cause = why, .way_failed = true });
	}
	TALLOC_FREE(sl->target);
}

static void cmd_transfer_result(struct sip_leg *sl, const struct leg_transfer_result *result)
{
	uint16_t status = result->done ? 200 : result->provisional ? 180 : cause_to_sip(result->cause.value);

	sip_session_refer_result(sl->session, status);
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
		sip_leg_media_ring(sl, 180, &cmd->media);
		return;
	case LEG_CMD_PROGRESS:
		sip_leg_media_ring(sl, 183, &cmd->media);
		return;
	case LEG_CMD_ANSWER:
		sip_leg_tell_connected(sl->session, &cmd->answered.connected);
		sip_leg_media_answer(sl, &cmd->answered.media);
		return;
	case LEG_CMD_MEDIA:
	case LEG_CMD_HOLD:
	case LEG_CMD_RESUME:
		sip_leg_media_cmd(sl, &cmd->media);
		return;
	case LEG_CMD_DTMF:
		sip_leg_dtmf_cmd(sl, &cmd->dtmf);
		return;
	case LEG_CMD_DTMF_RESULT: /* INFO was answered when it came */
		return;
	case LEG_CMD_TRANSFER_RESULT:
		cmd_transfer_result(sl, &cmd->transfer_result);
		return;
	case LEG_CMD_RELEASE:
		sip_leg_release(sl, &cmd->cause);
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

/* Such a call is tried all the same. */
static bool is_emergency(const struct call *call)
{
	return call->parties && call->parties->emergency;
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
	if (peer->blocked && !is_emergency(call)) {
		*why = cause_make(CAUSE_DEST_OUT_OF_ORDER, "SIP peer '%s' is out of service", target);
		return NULL;
	}
	if (!sip_peer_is_up(peer) && !is_emergency(call)) {
		*why = cause_make(CAUSE_DEST_OUT_OF_ORDER, "SIP peer '%s' is %s", target,
				  peer->down ? "down" : "busy: it asked for a pause (503)");
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

static bool kind_near(const struct leg_kind *kind, const char *target, struct osmo_sockaddr_str *addr)
{
	const struct sip_peer *peer = sip_peer_find(env_of(kind)->ua, target);

	return peer && peer->usable && !osmo_sockaddr_str_from_sockaddr(addr, &peer->remote.u.sas);
}

static const char *kind_target(const struct leg *leg)
{
	const struct sip_leg *sl = sip_leg_from((struct leg *)leg);

	return sl->session ? sip_session_peer_name(sl->session) : sl->target ?: "";
}

static int kind_to_str_buf(char *buf, size_t len, const struct leg *leg)
{
	const struct sip_leg *sl = sip_leg_from((struct leg *)leg);
	bool removed = sl->session && !sip_session_peer(sl->session);

	return snprintf(buf, len, "sip %s %s%s %s%s %s", sl->incoming ? "from" : "to",
			*kind_target(leg) ? kind_target(leg) : "-", removed ? " (removed)" : "",
			sl->session ? sip_session_state_name(sl->session) : "no session",
			sl->peer_holds ? " peer-holds" : "", sl->session ? sip_session_call_id(sl->session) : "-");
}

/* ---- a call from a peer ---- */

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
	char buf[SIP_LEG_SDP_LEN];
	struct cause why;
	struct sip_leg *sl;
	const char *sdp;

	if (sip_leg_parties_from_invite(&parties, inv, &why) < 0) {
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
	sip_leg_record_bind(sl);
	sip_leg_media_incoming(sl, inv->sdp);
	sip_session_set_user(s, &session_ops, sl);
	sdp = sip_leg_codecs_limit(peer, inv->sdp, false, buf, sizeof(buf), &why);
	if (inv->sdp && !sdp)
		sip_leg_release(sl, &why);
	else
		post_setup(sl, peer, &parties, sdp);
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
			.near = kind_near,
			.target = kind_target,
			.record = sip_leg_record,
			.to_str_buf = kind_to_str_buf,
			.priv = &k->env,
		},
		.env = *env,
	};
	return &k->kind;
}
