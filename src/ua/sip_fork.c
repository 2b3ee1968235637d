/* The dialogs of an INVITE of ours but the one that wins (RFC 3261 13.2.2.4).
 *
 * Every 2xx that comes after the first one (repeated, of another fork, or after we gave up) reaches
 * sip_uac_rx_late_2xx(): it gets its ACK again, and a dialog that nobody wants gets a BYE. That works without the
 * session, too, since a 2xx brings all that its dialog needs, and our tag proves that the call was ours. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_request.h"
#include "ua_internal.h"

#define DISMISSED "SIP;cause=200;text=\"Call completed elsewhere\"" /* RFC 3326 3.1: why a fork is not wanted */

struct sip_fork *sip_fork_find(const struct sip_session *s, const char *remote_tag)
{
	struct sip_fork *fork;

	llist_for_each_entry (fork, &s->forks, entry) {
		if (strcmp(sip_dialog_str(&fork->dlg, DLG_REMOTE_TAG), remote_tag) == 0)
			return fork;
	}
	return NULL;
}

static int fork_destructor(struct sip_fork *fork)
{
	sip_dialog_clear(&fork->dlg);
	return 0;
}

/* A further dialog of our INVITE. NULL if there are too many, or the response is no good. */
static struct sip_fork *fork_add(struct sip_session *s, const struct sip_msg *resp)
{
	struct sip_fork *fork;
	struct sip_flow origin;

	if (llist_count(&s->forks) >= SIP_MAX_FORKS)
		return NULL;
	fork = talloc_zero(s, struct sip_fork);
	if (!fork)
		return NULL;
	talloc_set_destructor(fork, fork_destructor);
	sip_hop_flow(&s->dlg.origin, &origin);
	if (sip_dialog_from_response(&fork->dlg, resp, &origin) < 0) {
		talloc_free(fork);
		return NULL;
	}
	llist_add_tail(&fork->entry, &s->forks);
	sip_dialog_look_ahead(s->ua, &fork->dlg);
	return fork;
}

static void fork_free(struct sip_fork *fork)
{
	llist_del(&fork->entry);
	talloc_free(fork);
}

/*! A provisional response with a tag creates an early dialog (12.1). False: it is not to be told, being a reliable one
 * that came already or too early. */
bool sip_uac_early(struct sip_session *s, const struct sip_session_rx *rx)
{
	struct sip_fork *fork;

	if (rx->msg->status == 100 || !rx->msg->to.tag[0])
		return true;
	fork = sip_fork_find(s, rx->msg->to.tag) ?: fork_add(s, rx->msg);
	sip_session_note_allow(s, rx->msg);
	return sip_rel100_rx_response(s, fork, rx->msg);
}

/*! Were offer and answer exchanged reliably in this early dialog? */
bool sip_uac_early_agreed(const struct sip_session *s, const struct sip_dialog *dlg)
{
	return dlg != &s->dlg && container_of(dlg, struct sip_fork, dlg)->agreed;
}

/*! Forget all dialogs but the session's own. */
void sip_uac_drop_forks(struct sip_session *s)
{
	struct sip_fork *fork, *next;

	llist_for_each_entry_safe (fork, next, &s->forks, entry)
		fork_free(fork);
}

/* A dialog that nobody wants: it has to be ACKed before it can be ended (13.2.2.4). */
static void dismiss(struct sip_ua *ua, struct sip_peer *peer, struct sip_dialog *dlg, uint32_t cseq, const char *more)
{
	const struct sip_request_user user = { .peer = peer };
	struct sip_tx tx;

	sip_dialog_tx_ack(ua, dlg, cseq, more, NULL);
	sip_dialog_tx_begin(&tx, dlg, SIP_BYE, ++dlg->local_cseq);
	sip_write_header_str(&tx.w, "Reason", DISMISSED);
	sip_request_send(ua, &tx, sip_tx_end(&tx, NULL, NULL), &user);
}

/* The same without remembering it: should the 2xx be repeated, both are sent again. */
static void dismiss_at_once(struct sip_ua *ua, const struct sip_msg *resp, const struct sip_flow *from)
{
	struct sip_dialog dlg = {};

	if (sip_dialog_from_response(&dlg, resp, from) == 0)
		dismiss(ua, sip_peer_by_addr(ua, &from->remote), &dlg, resp->cseq, NULL);
	sip_dialog_clear(&dlg);
}

static void rx_late_2xx(struct sip_session *s, const struct sip_msg *resp, const struct sip_flow *from)
{
	struct sip_fork *fork;

	if (strcmp(sip_dialog_str(&s->dlg, DLG_REMOTE_TAG), resp->to.tag) == 0) {
		if (!s->late_cseq)
			sip_session_tx_ack(s, resp->cseq);
		return;
	}
	fork = sip_fork_find(s, resp->to.tag);
	if (fork && fork->dismissed) {
		sip_dialog_tx_ack(s->ua, &fork->dlg, resp->cseq, sip_ack_lines(s), NULL);
		return;
	}
	LOG_SESSION(s, LOGL_INFO, "another phone answered, too: BYE to <%s>\n", resp->to.uri.text);
	fork = fork ?: fork_add(s, resp);
	if (!fork) {
		dismiss_at_once(s->ua, resp, from);
		return;
	}
	fork->dismissed = true;
	dismiss(s->ua, s->peer, &fork->dlg, resp->cseq, sip_ack_lines(s));
}

/*! A 2xx to an INVITE of ours whose transaction has no user any more. */
void sip_uac_rx_late_2xx(struct sip_ua *ua, const struct sip_msg *resp, const struct sip_flow *from)
{
	struct sip_session *s;
	char tag[SIP_TAG_LEN];

	hash_for_each_possible (ua->by_call_id, s, by_call_id, token_hash_str(resp->call_id)) {
		if (strcmp(sip_dialog_str(&s->dlg, DLG_CALL_ID), resp->call_id) == 0 &&
		    strcmp(sip_dialog_str(&s->dlg, DLG_LOCAL_TAG), resp->from.tag) == 0) {
			rx_late_2xx(s, resp, from);
			return;
		}
	}
	sip_uac_tag(tag, resp->call_id);
	if (strcmp(tag, resp->from.tag) == 0 || sip_uas_tag_is_ours(resp->from.tag, resp->call_id))
		dismiss_at_once(ua, resp, from);
}
