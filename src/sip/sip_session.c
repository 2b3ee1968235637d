/* The session object: what a SIP leg holds in its hand.
 *
 * It is owned by its FSM instance, found by Call-ID, and lives until the protocol is done, whether or not its user
 * still is interested. A user that has gone is replaced by sip_no_ops, so that nobody has to ask whether there is one.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_identity.h"
#include "sip_internal.h"
#include "sip_request.h"

const struct sip_session_ops sip_no_ops;

/*! A session without user and dialog, not yet to be found by Call-ID. NULL when out of memory. */
struct sip_session *sip_session_alloc(struct sip_ua *ua, struct sip_peer *peer, enum sip_session_state state)
{
	struct osmo_fsm_inst *fi = osmo_fsm_inst_alloc(&sip_session_fsm, ua, NULL, LOGL_DEBUG, NULL);
	struct sip_session *s;

	if (!fi)
		return NULL;
	s = talloc(fi, struct sip_session);
	if (!s) {
		osmo_fsm_inst_free(fi);
		return NULL;
	}
	*s = (struct sip_session){ .ua = ua, .peer = peer, .fi = fi, .ops = &sip_no_ops };
	INIT_LLIST_HEAD(&s->forks);
	INIT_LLIST_HEAD(&s->infos);
	INIT_HLIST_NODE(&s->by_call_id);
	llist_add_tail(&s->entry, &ua->sessions);
	ua->n_sessions++;
	peer->n_calls++;
	fi->priv = s;
	fi->state = state;
	return s;
}

/*! The dialog has its Call-ID: from now on the session is found by it. */
void sip_session_link(struct sip_session *s)
{
	hash_add(s->ua->by_call_id, &s->by_call_id, token_hash_str(sip_dialog_str(&s->dlg, DLG_CALL_ID)));
}

/* The text of the first Warning: 399 host "text". In static memory. */
static const char *warning_text(const struct sip_msg *msg)
{
	static char text[128];
	const char *warning = sip_msg_header(msg, "Warning", 0), *from, *to;

	from = warning ? strchr(warning, '"') : NULL;
	to = from ? strrchr(from + 1, '"') : NULL;
	if (!to)
		return NULL;
	snprintf(text, sizeof(text), "%.*s", (int)(to - from - 1), from + 1);
	return text;
}

/*! What a message says to the user. Strings are borrowed from it, the text until the next call. */
void sip_session_info_from(struct sip_session_info *info, const struct sip_msg *msg)
{
	*info = (struct sip_session_info){ .q850 = sip_msg_reason_q850(msg) };
	if (!msg->is_request) {
		info->status = msg->status;
		info->text = msg->status >= 300 ? warning_text(msg) : NULL;
		if (!info->text)
			info->text = msg->reason_phrase;
	}
	if (msg->body && strcmp(msg->content_type, SIP_TYPE_SDP) == 0)
		info->sdp = msg->body;
}

/*! Why a call ends, for the Reason of our own BYE or CANCEL: what the peer gave as cause, else a rough one. */
uint8_t sip_session_info_q850(const struct sip_session_info *info)
{
	if (info->q850)
		return info->q850;
	if (!info->status)
		return 16; /* normal call clearing: somebody hung up */
	return info->status == 408 ? 102 /* recovery on timer expiry */ : 41 /* temporary failure */;
}

/*! The last callback. The session then goes on without a user. */
void sip_session_tell_ended(struct sip_session *s, const struct sip_session_info *info)
{
	const struct sip_session_ops *ops = s->ops;

	s->ops = &sip_no_ops;
	s->released = true;
	LOG_SESSION(s, LOGL_INFO, "ended: status %u, cause %u%s%s\n", info->status, info->q850, info->text ? ", " : "",
		    info->text ?: "");
	if (ops->ended)
		ops->ended(s, info, s->data);
}

static void rx_bye_response(struct sip_request *req, const struct sip_msg *resp, const struct sip_flow *from,
			    void *data)
{
	struct sip_session *s = data;

	if (resp->status < 200)
		return;
	s->bye = NULL;
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_DONE, NULL);
}

static void bye_failed(struct sip_request *req, enum sip_trx_end why, void *data)
{
	struct sip_session *s = data;

	s->bye = NULL;
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_DONE, NULL);
}

static const struct sip_request_ops bye_ops = {
	.response = rx_bye_response,
	.failed = bye_failed,
};

/*! End the dialog (RFC 3261 15.1.1). SIP_SESSION_EV_DONE follows, later, if s->bye is set. */
void sip_session_tx_bye(struct sip_session *s, uint8_t q850)
{
	const struct sip_request_user user = {
		.peer = s->peer, .cseq = &s->dlg.local_cseq, .ops = &bye_ops, .data = s
	};
	struct sip_tx tx;

	sip_dialog_tx_begin(&tx, &s->dlg, SIP_BYE, ++s->dlg.local_cseq);
	sip_tx_reason(&tx, q850);
	s->bye = sip_request_send(s->ua, &tx, sip_tx_end(&tx, NULL, NULL), &user);
}

/* ---- for the user ---- */

static int flow_to_peer(struct sip_flow *to, const struct sip_ua *ua, const struct sip_peer *peer)
{
	if (!ua->started || !peer->usable)
		return -EHOSTUNREACH;
	to->tp = sip_transport_at(ua->tps, peer->cfg.transport, &peer->remote, peer->cfg.local_addr);
	to->remote = peer->remote;
	return to->tp ? 0 : -EHOSTUNREACH;
}

/* The dialog as far as the INVITE makes it. */
static int prepare_dialog(struct sip_session *s, const struct sip_invite *inv, const struct sip_tx *tx)
{
	const char *domain = s->peer->cfg.domain, *calling = inv->calling_user ?: "";
	char remote[SIP_HOSTPORT_LEN], target[512], from[512], call_id[SIP_CALL_ID_LEN], tag[SIP_TAG_LEN];
	const char *strs[_NUM_DLG_STRS] = {
		[DLG_CALL_ID] = token_hex(call_id, SIP_CALL_ID_LEN - 1),
		[DLG_LOCAL] = from,
		[DLG_LOCAL_TAG] = tag,
		[DLG_REMOTE] = target,
		[DLG_REMOTE_TAG] = "",
		[DLG_TARGET] = target,
		[DLG_STRICT] = "",
		[DLG_ROUTES] = "",
	};
	bool anonymous = inv->calling_anonymous || !calling[0];
	int rc;

	sip_uac_tag(tag, call_id);
	sip_hostport_buf(remote, sizeof(remote), &tx->to.remote);
	rc = inv->urn ? sip_identity_urn(target, sizeof(target), inv->urn) :
			sip_identity_uri(target, sizeof(target), inv->called_user ?: "", domain ?: remote);
	if (rc < 0)
		return rc;
	if (anonymous) /* RFC 3323 4.1.1.3 */
		rc = sip_identity_uri(from, sizeof(from), "anonymous", "anonymous.invalid");
	else
		rc = sip_identity_uri(from, sizeof(from), calling, domain ?: tx->local);
	if (rc < 0)
		return rc;
	return sip_dialog_from_invite(s, &s->dlg, strs, &tx->to);
}

struct sip_session *sip_session_invite(struct sip_ua *ua, struct sip_peer *peer, const struct sip_invite *inv,
				       const struct sip_session_ops *ops, void *data)
{
	struct sip_session *s;
	struct sip_flow to;
	struct sip_tx tx;

	if (flow_to_peer(&to, ua, peer) < 0) {
		LOGP(DSIP, LOGL_ERROR, "peer %s cannot be reached: no address, or no socket for it\n", peer->name);
		return NULL;
	}
	s = sip_session_alloc(ua, peer, SIP_SESSION_CALLING);
	if (!s)
	sip_door_stamp(to, peer);
		return NULL;
	s->outgoing = true;
	sip_tx_begin(&tx, &to);
	if (prepare_dialog(s, inv, &tx) < 0 || sip_uac_start(s, inv, &tx) < 0) {
		LOGP(DSIP, LOGL_ERROR, "peer %s: INVITE cannot be made of what there is\n", peer->name);
		osmo_fsm_inst_term(s->fi, OSMO_FSM_TERM_ERROR, NULL);
		return NULL;
	}
	sip_session_link(s);
	sip_session_set_user(s, ops, data);
	rate_ctr_inc2(peer->ctrs, SIP_PEER_CTR_OUT);
	LOG_SESSION(s, LOGL_INFO, "INVITE <%s> from <%s>\n", sip_dialog_str(&s->dlg, DLG_REMOTE),
		    sip_dialog_str(&s->dlg, DLG_LOCAL));
	return s;
}

void sip_session_set_user(struct sip_session *s, const struct sip_session_ops *ops, void *data)
{
	s->ops = ops;
	s->data = data;
}

/*! 0, -EINVAL when it is too late for that. */
int sip_session_provisional(struct sip_session *s, uint16_t status, const char *sdp)
{
	if (s->fi->state != SIP_SESSION_INCOMING || status <= 100 || status > 199)
		return -EINVAL;
	return sip_uas_respond(s, status, sdp, NULL);
}

/*! 0, -EINVAL when it is too late for that. */
int sip_session_answer(struct sip_session *s, const char *sdp)
{
	if (s->fi->state != SIP_SESSION_INCOMING)
		return -EINVAL;
	return osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_ANSWER, (void *)sdp);
}

/*! 0, or -ENOENT when nothing is pending (any more). */
int sip_session_reply(struct sip_session *s, uint16_t status, const char *sdp)
{
	if (s->fi->state != SIP_SESSION_CONFIRMED || !s->in || s->in->answered || status < 200)
		return -ENOENT;
	return sip_uas_respond(s, status, sdp, NULL);
}

void sip_session_end(struct sip_session *s, const struct sip_end *why)
{
	static const struct sip_end nothing;

	if (s->released)
		return;
	s->ops = &sip_no_ops;
	s->released = true;
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_END, (void *)(why ?: &nothing));
}

struct sip_peer *sip_session_peer(const struct sip_session *s)
{
	return s->peer;
}

const char *sip_session_call_id(const struct sip_session *s)
{
	return sip_dialog_str(&s->dlg, DLG_CALL_ID);
}

const char *sip_session_state_name(const struct sip_session *s)
{
	return osmo_fsm_inst_state_name(s->fi);
}
