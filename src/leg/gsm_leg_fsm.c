/* What a GSM leg does, state by state.
 *
 *   a phone calls (MO)                               a phone is called (MT)
 *
 *   IDLE --SETUP_IND--> MO_MEDIA                     IDLE --SETUP--> MT_PAGING
 *     media is there: SETUP                            CALL_CONF_IND: PROCEEDING
 *   MO_CALLING                                       MT_CONFIRMED
 *     PROCEED, ALERT, PROGRESS                         ALERT_IND: ALERTING
 *     ANSWER                                         MT_RINGING
 *   MO_ANSWERING                                       SETUP_CNF
 *     media is there: SETUP_RSP                      MT_ANSWERED
 *   MO_CONNECTING                                      media is there: SETUP_COMPL_REQ, ANSWERED
 *     SETUP_COMPL_IND: CONNECTED
 *                            `----> TALKING <----'
 *
 * Every state leads to RELEASED. The MSC drops without a word what it dislikes, so whatever we wait for has a time
 * limit. The MSC's media may come at any time between CALL_CONF_IND and after SETUP_CNF. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/call/route.h>

#include "gsm_leg_internal.h"

#define S(x) (1 << (x))

/* The time limit of each state; 0: none, the call has its own */
static const int state_timers[] = {
	[GSM_ST_MO_MEDIA] = T_GSM_MEDIA,    [GSM_ST_MO_CONNECTING] = T_GSM_CONNECT_ACK,
	[GSM_ST_MT_PAGING] = T_GSM_PAGING,  [GSM_ST_MT_CONFIRMED] = T_GSM_MEDIA,
	[GSM_ST_MT_ANSWERED] = T_GSM_MEDIA, [GSM_ST_RELEASED] = 0,
};

static void state_chg(struct gsm_leg *gl, enum gsm_leg_state state)
{
	int T = state_timers[state];

	osmo_fsm_inst_state_chg(gl->fi, state, T ? osmo_tdef_get(gsm_tdefs, T, OSMO_TDEF_S, -1) : 0, T);
}

static void pacify_later(struct gsm_leg *gl)
{
	osmo_fsm_inst_state_chg(gl->fi, GSM_ST_TALKING, osmo_tdef_get(gsm_tdefs, T_GSM_MSC_GUARD, OSMO_TDEF_S, -1),
				T_GSM_MSC_GUARD);
}

/*! Something was sent for which osmo-msc 1.9 starts its guard timer even in an active call, to clear it after (by
 * default) 180 s. A message that does not fit the state restarts that timer and does nothing else; so one is sent
 * regularly for the rest of the call. */
void gsm_leg_pacify(struct gsm_leg *gl)
{
	if (gl->pacify)
		return;
	gl->pacify = true;
	if (gl->fi->state == GSM_ST_TALKING)
		pacify_later(gl);
}

static void talking(struct gsm_leg *gl)
{
	if (gl->pacify)
		pacify_later(gl);
	else
		state_chg(gl, GSM_ST_TALKING);
}

/* ---- MO ---- */

static void tx_call_proc(struct gsm_leg *gl, bool with_bearer_cap)
{
	struct mncc_msg msg = { .type = MNCC_MT_CALL_PROC_REQ };

	if (gl->proceeding)
		return;
	gl->proceeding = true;
	if (with_bearer_cap) {
		msg.fields = MNCC_FIELD_BEARER_CAP;
		msg.bearer_cap = (struct mncc_bearer_cap){ .radio = 1, .speech_ver = { 0, -1 } };
	}
	gsm_tx_msg(gl, &msg);
}

static void refused_setup(struct gsm_leg *gl)
{
	struct leg_event ev = { .type = LEG_EV_SETUP, .setup = { .parties = gl->parties, .refused = true } };

	leg_post(&gl->leg, &ev);
	TALLOC_FREE(gl->parties);
}

static void st_idle(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct gsm_leg *gl = fi->priv;
	const struct mncc_msg *setup = data;
	const struct leg_setup *cmd = data;
	int mode;
	struct cause why;
	char sdp[MNCC_SDP_LEN];

	switch (event) {
	case GSM_EV_SETUP_IND:
		gl->parties = talloc(gl, struct call_parties);
		gsm_setup_parties(gsm_kind_of(gl), gl->parties, setup);
		if (gl->parties->emergency)
			LOG_GSM(gl, LOGL_NOTICE, "EMERGENCY call, IMSI %s\n", setup->imsi[0] ? setup->imsi : "not known");
		mode = route_look_ahead(gsm_kind_of(gl)->env.calls, gl->leg.kind, "", gl->parties, NULL);
		gsm_media_init(gl, mode < 0 ? MEDIA_ANCHORED : mode);
		state_chg(gl, GSM_ST_MO_MEDIA);
		if (mode < 0) { /* the call finds the same, and says so with the numbers */
			refused_setup(gl);
			return;
		}
		/* Emergency calls may come without one: then the phone can do full rate version 1 (3GPP
		 * TS 24.008 9.3.8.1). osmo-msc 1.9 has nothing to make a channel of in this case, unless we say it;
		 * 1.16 does not wait, and assigns any codec of GSM. */
		if (!(setup->fields & MNCC_FIELD_BEARER_CAP) && gl->parties->emergency)
			tx_call_proc(gl, true);
		gsm_phone_is(gl, setup->imsi);
		gsm_tx(gl, MNCC_MT_RTP_CREATE);
		gsm_phone_share(gl);
		return;
	case GSM_EV_CMD_SETUP:
		gsm_media_init(gl, cmd->media_mode);
		if (gsm_media_take_setup_offer(gl, &cmd->media, sdp, sizeof(sdp), &why) ||
		    gsm_tx_setup_req(gl, cmd->parties, sdp, &why)) {
			gsm_leg_end(gl, &why);
			return;
		}
		state_chg(gl, GSM_ST_MT_PAGING);
		return;
	}
}

static void st_mo_media(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct gsm_leg *gl = fi->priv;

	state_chg(gl, GSM_ST_MO_CALLING);
	gsm_media_post_setup(gl, gl->parties);
	TALLOC_FREE(gl->parties);
}

/* 3GPP TS 24.008 10.5.4.21: 8, in-band information is available. Only with it does the phone listen instead of ringing
 * by itself. */
static void tx_progress(struct gsm_leg *gl, enum mncc_msg_type type)
{
	struct mncc_msg msg = { .type = type };

	if (gl->media.early) {
		msg.fields = MNCC_FIELD_PROGRESS;
		msg.progress.coding = 3;
		msg.progress.location = CAUSE_LOC_PRN_LOCAL;
		msg.progress.descr = 8;
	}
	gsm_tx_msg(gl, &msg);
}

static bool early_media(struct gsm_leg *gl, const struct leg_media *media)
{
	if (media->kind == LEG_MEDIA_VOID) /* another target rings, and what was heard of the one before is over */
		gl->media.early = false;
	if (media->kind == LEG_MEDIA_ANSWER && gsm_media_take_early(gl, media))
		gl->media.early = gl->media.peer_sends;
	return !gl->leg.released;
}

static void answer(struct gsm_leg *gl, const struct leg_answered *answered)
{
	const struct leg_media *media = &answered->media;
	struct cause no_sdp;

	if (media->kind == LEG_MEDIA_ANSWER ? !gsm_media_take_answer(gl, media) : !gl->media.remote_hash) {
		no_sdp = cause_make(CAUSE_INCOMPATIBLE_DEST, "the answer has no session description");
		gsm_leg_release(gl, &no_sdp);
		return;
	}
	if (number_given(&answered->connected) || answered->connected.presentation != NUMBER_ALLOWED)
		gl->connected = talloc_memdup(gl, &answered->connected, sizeof(answered->connected));
	state_chg(gl, GSM_ST_MO_ANSWERING);
	if (gsm_media_ready(gl))
		gsm_leg_dispatch(gl, GSM_EV_MEDIA_READY, NULL);
}

static void st_mo_calling(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct gsm_leg *gl = fi->priv;

	switch (event) {
	case GSM_EV_CMD_PROCEED:
		tx_call_proc(gl, false);
		return;
	case GSM_EV_CMD_ALERT:
		if (!early_media(gl, data) || gl->alerted)
			return;
		tx_call_proc(gl, false);
		gl->alerted = true;
		tx_progress(gl, MNCC_MT_ALERT_REQ);
		return;
	case GSM_EV_CMD_PROGRESS:
		/* osmo-msc takes PROGRESS_REQ only between CALL_PROC_REQ and ALERT_REQ */
		if (!early_media(gl, data) || !gl->media.early || gl->alerted || gl->progressed)
			return;
		tx_call_proc(gl, false);
		gl->progressed = true;
		tx_progress(gl, MNCC_MT_PROGRESS_REQ);
		return;
	case GSM_EV_CMD_ANSWER:
		answer(gl, data);
		return;
	}
}

static void in_call(struct gsm_leg *gl, uint32_t event, const struct leg_media *media)
{
	if (event == GSM_EV_MEDIA_READY)
		gsm_media_post_answer(gl);
	else if (media->kind == LEG_MEDIA_OFFER || media->kind == LEG_MEDIA_ASK)
		gsm_media_take_offer(gl, media);
	else if (media->kind == LEG_MEDIA_VOID)
		gsm_media_answer_void(gl);
	else
		gsm_media_take_answer(gl, media);
}

/* The SIP side may re-INVITE as soon as it has our ACK; what it offers waits for the gateway like its answer */
static void st_mo_answering(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct gsm_leg *gl = fi->priv;

	if (event == GSM_EV_CMD_MEDIA) {
		in_call(gl, event, data);
		return;
	}
	tx_call_proc(gl, false);
	gsm_tx_setup_rsp(gl, gl->connected);
	TALLOC_FREE(gl->connected);
	state_chg(gl, GSM_ST_MO_CONNECTING);
	gsm_media_post_answer(gl);
}

static void st_mo_connecting(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct gsm_leg *gl = fi->priv;

	if (event != GSM_EV_SETUP_COMPL_IND) {
		in_call(gl, event, data);
		return;
	}
	talking(gl);
	leg_post_type(&gl->leg, LEG_EV_CONNECTED);
	gsm_change_tell(gl);
}

/* ---- MT ---- */

static void answered(struct gsm_leg *gl)
{
	const struct number nobody = {};

	gsm_media_connect(gl);
	if (gl->leg.released)
		return;
	gsm_tx(gl, MNCC_MT_SETUP_COMPL_REQ);
	talking(gl);
	gsm_media_post_answered(gl, gl->connected ? gl->connected : &nobody);
	TALLOC_FREE(gl->connected);
}

static void confirmed(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	gsm_phone_is(gl, msg->imsi);
	state_chg(gl, GSM_ST_MT_CONFIRMED);
	/* the MSC's media came first, or the phone talks to somebody else and it is for its user to take this call or
	 * not */
	if (gsm_media_ready(gl) || gsm_phone_other(gl))
		osmo_timer_del(&gl->fi->timer);
	leg_post_type(&gl->leg, LEG_EV_PROCEEDING);
}

static void setup_cnf(struct gsm_leg *gl, const struct mncc_msg *cnf)
{
	if (cnf->fields & MNCC_FIELD_CONNECTED && (cnf->connected.digits[0] || cnf->connected.present)) {
		gl->connected = talloc_zero(gl, struct number);
		gsm_number_from_mncc(gl->connected, &cnf->connected);
	}
	if (osmo_timer_pending(&gl->fi->timer) || gsm_media_ready(gl))
		osmo_fsm_inst_state_chg_keep_timer(gl->fi, GSM_ST_MT_ANSWERED);
	else
		state_chg(gl, GSM_ST_MT_ANSWERED);
	if (gsm_media_ready(gl))
		answered(gl);
	else
		gsm_phone_share(gl);
}

/* 3GPP TS 24.008 10.5.4.21: 1, the call is not end-to-end ISDN and there may be something to hear; 8, there is */
static bool in_band(const struct mncc_msg *msg)
{
	return (msg->fields & MNCC_FIELD_PROGRESS) && (msg->progress.descr == 1 || msg->progress.descr == 8);
}

static void st_mt_waiting(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct gsm_leg *gl = fi->priv;

	/* whatever comes from the phone says that it was found */
	if (fi->state == GSM_ST_MT_PAGING && event != GSM_EV_MEDIA_READY)
		confirmed(gl, data);

	switch (event) {
	case GSM_EV_CALL_CONF_IND:
		gsm_media_phone_can(gl, data);
		return;
	case GSM_EV_ALERT_IND:
		osmo_fsm_inst_state_chg_keep_timer(fi, GSM_ST_MT_RINGING);
		gl->media.early = in_band(data);
		gsm_media_post_early(gl, LEG_EV_ALERTING);
		return;
	case GSM_EV_SETUP_CNF:
		setup_cnf(gl, data);
		return;
	case GSM_EV_MEDIA_READY:
		if (fi->state != GSM_ST_MT_PAGING)
			osmo_timer_del(&fi->timer);
		if (fi->state == GSM_ST_MT_RINGING && gl->media.early && !gl->media.local_hash)
			gsm_media_post_early(gl, LEG_EV_PROGRESS);
		return;
	}
}

static void st_mt_answered(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	answered(fi->priv);
}

/* ---- both ---- */

static void st_talking(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct gsm_leg *gl = fi->priv;

	in_call(gl, event, data);
	if (!gl->leg.released)
		gsm_change_tell(gl);
}

static int timer_cb(struct osmo_fsm_inst *fi)
{
	static const struct {
		int T;
		uint8_t cause;
		const char *text;
	} timeouts[] = {
		{ T_GSM_MEDIA, CAUSE_RESOURCES, "the MSC did not say where its media goes: no radio channel" },
		{ T_GSM_PAGING, CAUSE_TIMER_EXPIRED, "the MSC neither found the phone nor gave up" },
		{ T_GSM_CONNECT_ACK, CAUSE_TIMER_EXPIRED, "the phone did not confirm the connection" },
	};
	struct gsm_leg *gl = fi->priv;
	unsigned int i;

	if (fi->T == T_GSM_MSC_GUARD) {
		GSM_CTR(gl, GSM_CTR_PACIFIED);
		gsm_tx(gl, MNCC_MT_SETUP_COMPL_REQ);
		pacify_later(gl);
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		struct cause cause;

		if (timeouts[i].T != fi->T)
			continue;
		cause = cause_make(timeouts[i].cause, "%s", timeouts[i].text);
		GSM_CTR(gl, GSM_CTR_TIMEOUT);
		LOG_GSM(gl, LOGL_INFO, "timeout in %s: %s\n", osmo_fsm_inst_state_name(fi), cause.text);
		gsm_leg_release(gl, &cause);
	}
	return 0;
}

/*! Let the FSM see \a event. Returns false if it does not fit the state. */
bool gsm_leg_dispatch(struct gsm_leg *gl, enum gsm_leg_event event, const void *data)
{
	if (!(gsm_leg_fsm.states[gl->fi->state].in_event_mask & S(event)))
		return false;
	return osmo_fsm_inst_dispatch(gl->fi, event, (void *)data) == 0;
}

static const struct value_string event_names[] = { { GSM_EV_SETUP_IND, "SETUP_IND" },
						   { GSM_EV_CALL_CONF_IND, "CALL_CONF_IND" },
						   { GSM_EV_ALERT_IND, "ALERT_IND" },
						   { GSM_EV_SETUP_CNF, "SETUP_CNF" },
						   { GSM_EV_SETUP_COMPL_IND, "SETUP_COMPL_IND" },
						   { GSM_EV_MEDIA_READY, "MEDIA_READY" },
						   { GSM_EV_CMD_SETUP, "CMD_SETUP" },
						   { GSM_EV_CMD_PROCEED, "CMD_PROCEED" },
						   { GSM_EV_CMD_ALERT, "CMD_ALERT" },
						   { GSM_EV_CMD_PROGRESS, "CMD_PROGRESS" },
						   { GSM_EV_CMD_ANSWER, "CMD_ANSWER" },
						   { GSM_EV_CMD_MEDIA, "CMD_MEDIA" },
						   {} };

static const struct osmo_fsm_state states[] = {
	[GSM_ST_IDLE] = {
		.name = "IDLE",
		.in_event_mask = S(GSM_EV_SETUP_IND) | S(GSM_EV_CMD_SETUP),
		.out_state_mask = S(GSM_ST_MO_MEDIA) | S(GSM_ST_MT_PAGING) | S(GSM_ST_RELEASED),
		.action = st_idle,
	},
	[GSM_ST_MO_MEDIA] = {
		.name = "MO_MEDIA",
		.in_event_mask = S(GSM_EV_MEDIA_READY),
		.out_state_mask = S(GSM_ST_MO_CALLING) | S(GSM_ST_RELEASED),
		.action = st_mo_media,
	},
	[GSM_ST_MO_CALLING] = {
		.name = "MO_CALLING",
		.in_event_mask = S(GSM_EV_CMD_PROCEED) | S(GSM_EV_CMD_ALERT) | S(GSM_EV_CMD_PROGRESS) | S(GSM_EV_CMD_ANSWER) |
				 S(GSM_EV_MEDIA_READY),
		.out_state_mask = S(GSM_ST_MO_ANSWERING) | S(GSM_ST_RELEASED),
		.action = st_mo_calling,
	},
	[GSM_ST_MO_ANSWERING] = {
		.name = "MO_ANSWERING",
		.in_event_mask = S(GSM_EV_MEDIA_READY) | S(GSM_EV_CMD_MEDIA),
		.out_state_mask = S(GSM_ST_MO_CONNECTING) | S(GSM_ST_RELEASED),
		.action = st_mo_answering,
	},
	[GSM_ST_MO_CONNECTING] = {
		.name = "MO_CONNECTING",
		.in_event_mask = S(GSM_EV_SETUP_COMPL_IND) | S(GSM_EV_MEDIA_READY) | S(GSM_EV_CMD_MEDIA),
		.out_state_mask = S(GSM_ST_TALKING) | S(GSM_ST_RELEASED),
		.action = st_mo_connecting,
	},
	[GSM_ST_MT_PAGING] = {
		.name = "MT_PAGING",
		.in_event_mask = S(GSM_EV_CALL_CONF_IND) | S(GSM_EV_ALERT_IND) | S(GSM_EV_SETUP_CNF) | S(GSM_EV_MEDIA_READY),
		.out_state_mask = S(GSM_ST_MT_CONFIRMED) | S(GSM_ST_RELEASED),
		.action = st_mt_waiting,
	},
	[GSM_ST_MT_CONFIRMED] = {
		.name = "MT_CONFIRMED",
		.in_event_mask = S(GSM_EV_ALERT_IND) | S(GSM_EV_SETUP_CNF) | S(GSM_EV_MEDIA_READY),
		.out_state_mask = S(GSM_ST_MT_RINGING) | S(GSM_ST_MT_ANSWERED) | S(GSM_ST_RELEASED),
		.action = st_mt_waiting,
	},
	[GSM_ST_MT_RINGING] = {
		.name = "MT_RINGING",
		.in_event_mask = S(GSM_EV_SETUP_CNF) | S(GSM_EV_MEDIA_READY),
		.out_state_mask = S(GSM_ST_MT_ANSWERED) | S(GSM_ST_RELEASED),
		.action = st_mt_waiting,
	},
	[GSM_ST_MT_ANSWERED] = {
		.name = "MT_ANSWERED",
		.in_event_mask = S(GSM_EV_MEDIA_READY),
		.out_state_mask = S(GSM_ST_TALKING) | S(GSM_ST_RELEASED),
		.action = st_mt_answered,
	},
	[GSM_ST_TALKING] = {
		.name = "TALKING",
		.in_event_mask = S(GSM_EV_MEDIA_READY) | S(GSM_EV_CMD_MEDIA),
		.out_state_mask = S(GSM_ST_TALKING) | S(GSM_ST_RELEASED),
		.action = st_talking,
	},
	[GSM_ST_RELEASED] = {
		.name = "RELEASED",
	},
};

struct osmo_fsm gsm_leg_fsm = {
	.name = "gsm_leg",
	.states = states,
	.num_states = ARRAY_SIZE(states),
	.log_subsys = DGSM,
	.event_names = event_names,
	.timer_cb = timer_cb,
};

static __attribute__((constructor)) void gsm_leg_fsm_register(void)
{
	OSMO_ASSERT(osmo_fsm_register(&gsm_leg_fsm) == 0);
}
