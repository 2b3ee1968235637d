/* What a session does, state by state (RFC 3261 13, 15; races of RFC 5407).
 *
 *   we call:                                               they call:
 *   CALLING --1xx--> PROCEEDING                            INCOMING --CANCEL, BYE, refused--> (gone)
 *      |  \            /  |   \                                | answer
 *      |   `--2xx-----+   |    `--3xx-6xx, time-out--> (gone) ANSWERED --end--> HANGING_UP
 *      `--end-------. |   |                                    | ACK                | ACK, or none
 *                   v |   |                                    v                    v
 *   CANCELLING <------|---'         CONFIRMED <----------------'                 CLOSING
 *      | 2xx (crossed)`--------------->  | end, lost, no ACK                        | response to BYE, time-out
 *      `-----------> CLOSING <-----------'                                          `--> (gone)
 *
 * BYE from the peer ends every state; in CLOSING both BYEs crossed and ours still gets its response. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>

#include "sip_identity.h"
#include "ua_internal.h"
#include "sip_request.h"

#define S(x) (1 << (x))

/* None of the states has an osmo_fsm timer: T1 is below one second, which libosmocore 1.7.0 does not do. Time is kept
 * by transactions and by sip_uac_invite, sip_uas_invite. */
static void state_chg(struct sip_session *s, enum sip_session_state state)
{
	osmo_fsm_inst_state_chg(s->fi, state, 0, 0);
}

static void done(struct sip_session *s)
{
	osmo_fsm_inst_term(s->fi, OSMO_FSM_TERM_REGULAR, NULL);
}

static void count(struct sip_session *s, enum sip_peer_ctr ctr)
{
	if (s->peer)
		rate_ctr_inc2(s->peer->ctrs, ctr);
}

/* Told, and that was it. */
static void end_told(struct sip_session *s, const struct sip_session_info *info)
{
	sip_session_tell_ended(s, info);
	done(s);
}

static void close_by_bye(struct sip_session *s, uint8_t q850)
{
	sip_uac_give_up(s);
	sip_uas_free(s);
	sip_update_drop(s);
	sip_timer_free(s);
	sip_session_drop_infos(s);
	if (s->late_cseq) /* an answer is due in the ACK, but there is none */
		sip_session_tx_ack(s, s->late_cseq);
	state_chg(s, SIP_SESSION_CLOSING);
	sip_session_tx_bye(s, q850);
	if (!s->bye)
		done(s);
}

/* Tell the user first: after close_by_bye() the session may be gone. */
static void close_told(struct sip_session *s, const struct sip_session_info *info)
{
	uint8_t q850 = sip_session_info_q850(info);

	sip_session_tell_ended(s, info);
	close_by_bye(s, q850);
}

static void calling_provisional(struct sip_session *s, const struct sip_session_rx *rx)
{
	struct sip_session_info info;

	if (!sip_uac_early(s, rx))
		return;
	if (s->fi->state == SIP_SESSION_CALLING)
		state_chg(s, SIP_SESSION_PROCEEDING);
	sip_session_info_from(&info, rx->msg);
	sip_identity_read_connected(&info, s->peer, rx->msg);
	info.is_offer = s->out && s->out->early_offer;
	sip_session_tell(s, provisional, &info);
}

static void calling_2xx(struct sip_session *s, const struct sip_session_rx *rx)
{
	static const struct sip_session_info bad = { .status = 500,
						     .text = "2xx with an unusable Contact or Record-Route" };
	struct sip_session_info info;

	if (sip_uac_accept(s, rx) < 0) {
		end_told(s, &bad);
		return;
	}
	count(s, SIP_PEER_CTR_OUT_ANSWERED);
	state_chg(s, SIP_SESSION_CONFIRMED);
	sip_session_info_from(&info, rx->msg);
	info.is_offer = s->late_cseq != 0;
	sip_identity_read_connected(&info, s->peer, rx->msg);
	sip_session_tell(s, answered, &info);
}

/* By class; no response at all has a counter of its own. */
static void count_status(struct sip_session *s, uint16_t status)
{
	static const enum sip_peer_ctr by_class[] = { SIP_PEER_CTR_OUT_REDIRECTED, SIP_PEER_CTR_OUT_4XX,
						      SIP_PEER_CTR_OUT_5XX, SIP_PEER_CTR_OUT_6XX };

	if (status == 486 || status == 600)
		count(s, SIP_PEER_CTR_OUT_BUSY);
	else if (status >= 300 && status <= 699)
		count(s, by_class[status / 100 - 3]);
}

static void calling_failure(struct sip_session *s, const struct sip_session_info *info)
{
	count(s, SIP_PEER_CTR_OUT_FAILED);
	count_status(s, info->status);
	end_told(s, info);
}

static void st_calling(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct sip_session *s = fi->priv;

	switch (event) {
	case SIP_SESSION_EV_PROVISIONAL:
		calling_provisional(s, data);
		break;
	case SIP_SESSION_EV_2XX:
		calling_2xx(s, data);
		break;
	case SIP_SESSION_EV_FAILURE:
		calling_failure(s, data);
		break;
	case SIP_SESSION_EV_END:
		s->end_q850 = ((const struct sip_end *)data)->q850;
		state_chg(s, SIP_SESSION_CANCELLING);
		sip_uac_cancel(s, s->end_q850);
		break;
	case SIP_SESSION_EV_BYE: /* nobody should do that in an early dialog (15): taken for a refusal */
		s->end_q850 = sip_session_info_q850(data);
		sip_session_tell_ended(s, data);
		state_chg(s, SIP_SESSION_CANCELLING);
		sip_uac_cancel(s, s->end_q850);
		break;
	}
}

static void st_cancelling(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct sip_session *s = fi->priv;

	switch (event) {
	case SIP_SESSION_EV_2XX: /* it crossed our CANCEL (9.1): a call that has to be ended as one */
		if (sip_uac_accept(s, data) < 0)
			done(s);
		else
			close_by_bye(s, s->end_q850);
		break;
	case SIP_SESSION_EV_FAILURE:
		done(s);
		break;
	}
}

static void incoming_end(struct sip_session *s, const struct sip_end *end)
{
	uint16_t status = end->status >= 300 && end->status <= 699 ? end->status : 480;

	count(s, SIP_PEER_CTR_IN_FAILED);
	sip_uas_respond(s, status, NULL, end);
	done(s);
}

static void st_incoming(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct sip_session *s = fi->priv;

	switch (event) {
	case SIP_SESSION_EV_ANSWER:
		count(s, SIP_PEER_CTR_IN_ANSWERED);
		state_chg(s, SIP_SESSION_ANSWERED);
		sip_uas_respond(s, 200, data, NULL);
		break;
	case SIP_SESSION_EV_CANCEL:
	case SIP_SESSION_EV_BYE:
		end_told(s, data);
		break;
	case SIP_SESSION_EV_END:
		incoming_end(s, data);
		break;
	}
}

static const struct sip_session_info no_ack = { .status = 408, .text = "no ACK" };

static void st_answered(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct sip_session *s = fi->priv;

	switch (event) {
	case SIP_SESSION_EV_ACK:
		state_chg(s, SIP_SESSION_CONFIRMED);
		sip_session_tell(s, acked, data);
		break;
	case SIP_SESSION_EV_NO_ACK:
		close_told(s, &no_ack);
		break;
	case SIP_SESSION_EV_BYE:
		end_told(s, data);
		break;
	case SIP_SESSION_EV_END: /* no BYE before the ACK (15) */
		s->end_q850 = ((const struct sip_end *)data)->q850;
		state_chg(s, SIP_SESSION_HANGING_UP);
		break;
	}
}

static void st_hanging_up(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct sip_session *s = fi->priv;

	switch (event) {
	case SIP_SESSION_EV_ACK:
	case SIP_SESSION_EV_NO_ACK:
		close_by_bye(s, s->end_q850);
		break;
	case SIP_SESSION_EV_BYE:
		done(s);
		break;
	}
}

static void st_confirmed(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct sip_session *s = fi->priv;

	switch (event) {
	case SIP_SESSION_EV_BYE:
		sip_uac_give_up(s);
		sip_update_drop(s);
		sip_refer_bye(s);
		end_told(s, data);
		break;
	case SIP_SESSION_EV_LOST:
		close_told(s, data);
		break;
	case SIP_SESSION_EV_NO_ACK:
		close_told(s, &no_ack);
		break;
	case SIP_SESSION_EV_END:
		if (s->in && !s->in->answered)
			sip_uas_respond(s, 487, NULL, NULL);
		close_by_bye(s, ((const struct sip_end *)data)->q850);
		break;
	}
}

static void st_closing(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct sip_session *s = fi->priv;

	if (event == SIP_SESSION_EV_DONE)
		done(s);
}

static void cleanup(struct osmo_fsm_inst *fi, enum osmo_fsm_term_cause cause)
{
	struct sip_session *s = fi->priv;

	if (s->bye)
		sip_request_detach(s->bye);
	s->bye = NULL;
	sip_uac_free(s);
	sip_uas_free(s);
	sip_update_drop(s);
	sip_timer_free(s);
	sip_uac_drop_forks(s);
	sip_session_drop_infos(s);
	sip_refer_drop(s);
	sip_ack_drop(s);
	if (!hlist_unhashed(&s->by_call_id))
		hash_del(&s->by_call_id);
	llist_del(&s->entry);
	s->ua->n_sessions--;
	if (s->peer) {
		s->peer->n_calls--;
		sip_peer_gauge_calls(s->peer);
	}
	s->peer = NULL;
}

static const struct value_string event_names[] = {
	{ SIP_SESSION_EV_PROVISIONAL, "1xx" }, { SIP_SESSION_EV_2XX, "2xx" },
	{ SIP_SESSION_EV_FAILURE, "3xx-6xx" }, { SIP_SESSION_EV_CANCEL, "CANCEL" },
	{ SIP_SESSION_EV_ANSWER, "answer" },   { SIP_SESSION_EV_ACK, "ACK" },
	{ SIP_SESSION_EV_NO_ACK, "no ACK" },   { SIP_SESSION_EV_BYE, "BYE" },
	{ SIP_SESSION_EV_LOST, "lost" },       { SIP_SESSION_EV_END, "end" },
	{ SIP_SESSION_EV_DONE, "done" },       {}
};

static const struct osmo_fsm_state states[] = {
	[SIP_SESSION_CALLING] = {
		.name = "CALLING",
		.in_event_mask = S(SIP_SESSION_EV_PROVISIONAL) | S(SIP_SESSION_EV_2XX) | S(SIP_SESSION_EV_FAILURE) |
				 S(SIP_SESSION_EV_END) | S(SIP_SESSION_EV_BYE),
		.out_state_mask = S(SIP_SESSION_PROCEEDING) | S(SIP_SESSION_CANCELLING) | S(SIP_SESSION_CONFIRMED),
		.action = st_calling,
	},
	[SIP_SESSION_PROCEEDING] = {
		.name = "PROCEEDING",
		.in_event_mask = S(SIP_SESSION_EV_PROVISIONAL) | S(SIP_SESSION_EV_2XX) | S(SIP_SESSION_EV_FAILURE) |
				 S(SIP_SESSION_EV_END) | S(SIP_SESSION_EV_BYE),
		.out_state_mask = S(SIP_SESSION_CANCELLING) | S(SIP_SESSION_CONFIRMED),
		.action = st_calling,
	},
	[SIP_SESSION_CANCELLING] = {
		.name = "CANCELLING",
		.in_event_mask = S(SIP_SESSION_EV_PROVISIONAL) | S(SIP_SESSION_EV_2XX) | S(SIP_SESSION_EV_FAILURE) |
				 S(SIP_SESSION_EV_BYE),
		.out_state_mask = S(SIP_SESSION_CLOSING),
		.action = st_cancelling,
	},
	[SIP_SESSION_INCOMING] = {
		.name = "INCOMING",
		.in_event_mask = S(SIP_SESSION_EV_CANCEL) | S(SIP_SESSION_EV_ANSWER) | S(SIP_SESSION_EV_END) |
				 S(SIP_SESSION_EV_BYE),
		.out_state_mask = S(SIP_SESSION_ANSWERED),
		.action = st_incoming,
	},
	[SIP_SESSION_ANSWERED] = {
		.name = "ANSWERED",
		.in_event_mask = S(SIP_SESSION_EV_ACK) | S(SIP_SESSION_EV_NO_ACK) | S(SIP_SESSION_EV_END) |
				 S(SIP_SESSION_EV_BYE),
		.out_state_mask = S(SIP_SESSION_CONFIRMED) | S(SIP_SESSION_HANGING_UP) | S(SIP_SESSION_CLOSING),
		.action = st_answered,
	},
	[SIP_SESSION_HANGING_UP] = {
		.name = "HANGING_UP",
		.in_event_mask = S(SIP_SESSION_EV_ACK) | S(SIP_SESSION_EV_NO_ACK) | S(SIP_SESSION_EV_BYE),
		.out_state_mask = S(SIP_SESSION_CLOSING),
		.action = st_hanging_up,
	},
	[SIP_SESSION_CONFIRMED] = {
		.name = "CONFIRMED",
		.in_event_mask = S(SIP_SESSION_EV_BYE) | S(SIP_SESSION_EV_LOST) | S(SIP_SESSION_EV_NO_ACK) |
				 S(SIP_SESSION_EV_END),
		.out_state_mask = S(SIP_SESSION_CLOSING),
		.action = st_confirmed,
	},
	[SIP_SESSION_CLOSING] = {
		.name = "CLOSING",
		.in_event_mask = S(SIP_SESSION_EV_BYE) | S(SIP_SESSION_EV_DONE),
		.action = st_closing,
	},
};

struct osmo_fsm sip_session_fsm = {
	.name = "sip_session",
	.states = states,
	.num_states = ARRAY_SIZE(states),
	.event_names = event_names,
	.log_subsys = DSIP,
	.cleanup = cleanup,
};

static __attribute__((constructor)) void register_fsm(void)
{
	OSMO_ASSERT(osmo_fsm_register(&sip_session_fsm) == 0);
}
