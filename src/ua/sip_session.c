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

#include <osmocom/sipgw/base/fsm_name.h>
#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_identity.h"
#include "ua_internal.h"
#include "sip_request.h"
#include "sip_target.h"

const struct sip_session_ops sip_no_ops;

static int session_destructor(struct sip_session *s)
{
	sip_dialog_clear(&s->dlg);
	return 0;
}

/*! A session without user and dialog, not yet to be found by Call-ID. NULL when out of memory. */
struct sip_session *sip_session_alloc(struct sip_ua *ua, struct sip_peer *peer, enum sip_session_state state)
{
	struct osmo_fsm_inst *fi = osmo_fsm_inst_alloc(&sip_session_fsm, ua, NULL, LOGL_DEBUG, NULL);
	struct sip_session *s;

	if (!fi)
		return NULL;
	fsm_share_name(fi);
	s = talloc(fi, struct sip_session);
	if (!s) {
		osmo_fsm_inst_free(fi);
		return NULL;
	}
	*s = (struct sip_session){ .ua = ua, .peer = peer, .fi = fi, .ops = &sip_no_ops };
	talloc_set_destructor(s, session_destructor);
	INIT_LLIST_HEAD(&s->forks);
	INIT_LLIST_HEAD(&s->infos);
	INIT_HLIST_NODE(&s->by_call_id);
	llist_add_tail(&s->entry, &ua->sessions);
	ua->n_sessions++;
	peer->n_calls++;
	sip_peer_gauge_calls(peer);
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

/*! ACK a 2xx to our INVITE, with our answer if the offer was theirs. */
int sip_session_tx_ack(struct sip_session *s, uint32_t cseq)
{
	s->late_cseq = 0;
	sip_dialog_tx_ack(s->ua, &s->dlg, cseq, sip_ack_lines(s), s->late_answer);
	return 0;
}

/*! What every INVITE and UPDATE of ours, and the responses to theirs, say about what we can. */
void sip_session_write_extensions(const struct sip_session *s, struct sip_tx *tx)
{
	const struct sip_peer_cfg *cfg = s->peer ? &s->peer->cfg : NULL;
	/* no early offer is asked for by an INVITE without one: the other side of the call could not answer it yet */
	bool early = s->offered || s->fi->state != SIP_SESSION_CALLING;
	bool rel100 = cfg && cfg->rel100 != SIP_USE_OFF && early, timer = cfg && cfg->session_timer != SIP_USE_OFF;

	sip_write_header_str(&tx->w, "Allow", cfg && cfg->refer ? SIP_ALLOW ", REFER" : SIP_ALLOW);
	if (rel100 || timer)
		sip_write_header(&tx->w, "Supported", "%s%s%s", rel100 ? "100rel" : "", rel100 && timer ? ", " : "",
				 timer ? "timer" : "");
}

/*! Does the peer know UPDATE? Each message of it may say. */
void sip_session_note_allow(struct sip_session *s, const struct sip_msg *msg)
{
	if (sip_msg_header(msg, "Allow", 0))
		s->allows_update = sip_msg_header_has_token(msg, "Allow", "UPDATE");
}

/*! The dialog in which we may send requests with an offer now. NULL: none, offer and answer are not exchanged yet. */
struct sip_dialog *sip_session_early_dialog(struct sip_session *s)
{
	struct sip_fork *fork;

	switch ((enum sip_session_state)s->fi->state) {
	case SIP_SESSION_CONFIRMED:
		return &s->dlg;
	case SIP_SESSION_INCOMING:
		return s->in && sip_rel100_agreed(s->in) ? &s->dlg : NULL;
	case SIP_SESSION_PROCEEDING:
		llist_for_each_entry_reverse(fork, &s->forks, entry)
		{
			if (fork->agreed)
				return &fork->dlg;
		}
		return NULL;
	default:
		return NULL;
	}
}

/*! 491: both of us asked at once. Whoever made the Call-ID waits 2.1 to 4 s, the other one up to 2 s (14.1). */
unsigned long sip_session_glare_ms(const struct sip_session *s)
{
	return s->outgoing ? 2100 + 10 * (token_u32() % 191) : 10 * (1 + token_u32() % 200);
}

/* ---- for the user ---- */

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
		[DLG_NAME] = "",
	};
	bool anonymous = inv->calling_anonymous || !calling[0];
	int rc;

	sip_uac_tag(tag, call_id);
	sip_hostport_buf(remote, sizeof(remote), &tx->to.remote);
	rc = inv->urn ? sip_identity_urn(target, sizeof(target), inv->urn)
		      : sip_identity_uri(target, sizeof(target), inv->called_user ?: "", domain ?: remote);
	if (rc < 0)
		return rc;
	if (anonymous) /* RFC 3323 4.1.1.3 */
		rc = sip_identity_uri(from, sizeof(from), "anonymous", "anonymous.invalid");
	else
		rc = sip_identity_uri(from, sizeof(from), calling, domain ?: tx->local);
	if (rc < 0)
		return rc;
	return sip_dialog_from_invite(&s->dlg, strs, &tx->to);
}

struct sip_session *sip_session_invite(struct sip_ua *ua, struct sip_peer *peer, const struct sip_invite *inv,
				       const struct sip_session_ops *ops, void *data)
{
	struct sip_session *s;
	struct sip_flow to;
	struct sip_tx tx;

	if (!sip_target_pick(peer, 0, &to)) {
		LOGP(DSIP, LOGL_ERROR, "peer %s cannot be reached: no address, or no socket for it\n", peer->name);
		return NULL;
	}
	s = sip_session_alloc(ua, peer, SIP_SESSION_CALLING);
	if (!s)
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
	return sip_rel100_provisional(s, status, sdp);
}

/*! 0, -EINVAL when it is too late for that. */
int sip_session_answer(struct sip_session *s, const char *sdp)
{
	if (s->fi->state != SIP_SESSION_INCOMING)
		return -EINVAL;
	if (sip_rel100_hold_answer(s, sdp))
		return 0;
	return osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_ANSWER, (void *)sdp);
}

/*! 0, or -ENOENT when nothing is pending (any more). */
static int reply(struct sip_session *s, uint16_t status, const char *sdp, const struct sip_end *end)
{
	if (status < 200)
		return -EINVAL;
	if (s->update_in)
		return sip_update_reply(s, status, sdp, end);
	if (s->out && s->out->early_offer) {
		sip_rel100_answer(s, status < 300 ? sdp : NULL);
		return 0;
	}
	if (s->late_cseq && s->fi->state == SIP_SESSION_CONFIRMED) {
		s->late_answer = status < 300 && sdp ? talloc_strdup(s, sdp) : NULL;
		return sip_session_tx_ack(s, s->late_cseq);
	}
	if (s->fi->state != SIP_SESSION_CONFIRMED || !s->in || s->in->answered)
		return -ENOENT;
	return sip_uas_respond(s, status, sdp, end);
}

int sip_session_reply(struct sip_session *s, uint16_t status, const char *sdp)
{
	return reply(s, status, sdp, NULL);
}

int sip_session_refuse(struct sip_session *s, const struct sip_end *why)
{
	return reply(s, why->status, NULL, why);
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

const char *sip_session_peer_name(const struct sip_session *s)
{
	return s->peer ? s->peer->name : s->peer_was ?: "";
}

const char *sip_session_call_id(const struct sip_session *s)
{
	return sip_dialog_str(&s->dlg, DLG_CALL_ID);
}

int sip_session_remote_buf(char *buf, size_t len, const struct sip_session *s)
{
	struct sip_flow to;

	sip_hop_flow(&s->dlg.next, &to);
	return sip_hostport_buf(buf, len, &to.remote);
}

const char *sip_session_state_name(const struct sip_session *s)
{
	return osmo_fsm_inst_state_name(s->fi);
}
