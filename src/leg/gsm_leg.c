/* The GSM leg: the object, its words with the MSC and with the call. What it does when is in gsm_leg_fsm.c.
 *
 * Messages of the MSC and commands of the call become events of the FSM; what does not fit the state is counted and
 * left alone, since the MSC, the phone and the SIP side cross each other all the time. The leg ends at once when the
 * MSC, the gateway or the call says so; the rest of the clearing on the radio is gsm_release.c's. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/fsm_name.h>
#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/mgcp/mgw_endp.h>

#include "gsm_leg_internal.h"

static const struct rate_ctr_desc gsm_ctr_desc[] = {
	[GSM_CTR_RX_UNEXPECTED] = { "mncc:unexpected", "MNCC messages that did not fit the state of their call" },
	[GSM_CTR_RX_LATE] = { "mncc:late", "MNCC messages for a call that was being released" },
	[GSM_CTR_TIMEOUT] = { "timeout", "Calls released because the MSC did not go on" },
	[GSM_CTR_PACIFIED] = { "msc_guard:pacified",
			       "Messages sent to keep osmo-msc's guard timer from clearing an active call" },
	[GSM_CTR_RELEASE_TIMEOUT] = { "release:timeout", "Releases that the MSC did not confirm in time" },
	[GSM_CTR_DTMF_FROM_PHONE] = { "dtmf:from_phone", "Keys pressed on phones" },
	[GSM_CTR_DTMF_REJECTED] = { "dtmf:rejected", "Keys of phones that could not be delivered" },
	[GSM_CTR_DTMF_TO_PHONE] = { "dtmf:to_phone", "Keys from the SIP side that MNCC has no message for" },
	[GSM_CTR_HOLD] = { "hold", "Hold and retrieval asked for by phones" },
	[GSM_CTR_HOLD_REJECTED] = { "hold:rejected",
				    "Hold and retrieval refused by the SIP side or because of an offer under way" },
	[GSM_CTR_NO_CODEC] = { "no_codec", "Session descriptions without a codec in common" },
	[GSM_CTR_NO_ADDRESS] = { "no_address",
				 "Session descriptions without an address that can be sent to: IPv4 against IPv6, host names" },
};

static const struct rate_ctr_group_desc gsm_ctrg_desc = {
	.group_name_prefix = "gsm",
	.group_description = "GSM legs",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_ctr = ARRAY_SIZE(gsm_ctr_desc),
	.ctr_desc = gsm_ctr_desc,
};

/* ---- to the MSC ---- */

/*! Send, with the callref filled in. 0 or negative errno, as mncc_link_tx(). */
int gsm_tx_msg(struct gsm_leg *gl, struct mncc_msg *msg)
{
	msg->callref = gl->mc.callref;
	LOG_GSM(gl, LOGL_DEBUG, "to MSC: %s\n", get_value_string(mncc_msg_type_names, msg->type));
	return mncc_link_tx(gsm_kind_of(gl)->env.mncc, msg);
}

/*! Send a message that has nothing in it. */
int gsm_tx(struct gsm_leg *gl, enum mncc_msg_type type)
{
	struct mncc_msg msg = { .type = type };
	return gsm_tx_msg(gl, &msg);
}

/* ---- the end ---- */

/*! The leg has ended, the MSC knows: let go of everything and post RELEASED. */
void gsm_leg_end(struct gsm_leg *gl, const struct cause *cause)
{
	if (gl->leg.released)
		return;
	gsm_dtmf_key_up(gl);
	gsm_record_end(gl);
	gsm_media_stop(gl);
	gsm_phone_forget(gl);
	if (gl->mc.link)
		mncc_call_detach(&gl->mc);
	LOG_GSM(gl, LOGL_INFO, "released, cause %u (%s)%s%s\n", cause->value, cause_name(cause->value),
		cause->text[0] ? ": " : "", cause->text);
	osmo_fsm_inst_state_chg(gl->fi, GSM_ST_RELEASED, 0, 0);
	leg_post_released(&gl->leg, cause);
}

/* 3GPP TS 24.008 5.4.4: DISCONNECT once the phone has been spoken to, so that it shows the cause; before, RELEASE */
static enum mncc_msg_type release_type(const struct gsm_leg *gl)
{
	switch (gl->fi->state) {
	case GSM_ST_MO_MEDIA:
	case GSM_ST_MO_CALLING:
		return gl->proceeding ? MNCC_MT_DISC_REQ : MNCC_MT_REL_REQ;
	case GSM_ST_IDLE:
	case GSM_ST_MT_PAGING:
		return MNCC_MT_REL_REQ;
	default:
		return MNCC_MT_DISC_REQ;
	}
}

static void end_and_clear(struct gsm_leg *gl, enum mncc_msg_type how, const struct cause *to_msc,
			  const struct cause *cause)
{
	const struct gsm_kind *kind = gsm_kind_of(gl);
	bool never_told = gl->mt && gl->fi->state == GSM_ST_IDLE, link_up = gl->mc.link != NULL;
	uint32_t callref = gl->mc.callref;

	if (gl->leg.released)
		return;
	gsm_leg_end(gl, cause);
	if (link_up && !never_told)
		gsm_release_start(kind, callref, how, to_msc);
}

/*! End the leg from our side. */
void gsm_leg_release(struct gsm_leg *gl, const struct cause *cause)
{
	end_and_clear(gl, release_type(gl), cause, cause);
}

/* ---- from the MSC ---- */

static struct cause cause_of(const struct mncc_msg *msg)
{
	struct cause cause = CAUSE(CAUSE_NORMAL_UNSPEC);

	if (!(msg->fields & MNCC_FIELD_CAUSE))
		return cause;
	cause.value = cause_valid(msg->cause.value);
	cause.location = msg->cause.location;
	return cause;
}

/* The phone hangs up. While it rings it says "normal clearing" when its user presses the red key: that is a rejection.
 */
static void rx_disc_ind(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	struct cause heard = cause_of(msg), cause = heard;

	if (gl->mt && gl->fi->state != GSM_ST_TALKING && gl->fi->state != GSM_ST_MT_ANSWERED &&
	    heard.value == CAUSE_NORMAL && heard.location == CAUSE_LOC_USER)
		cause.value = CAUSE_REJECTED;
	end_and_clear(gl, MNCC_MT_REL_REQ, &heard, &cause);
}

/* The MSC is done with the call. */
static void rx_rel(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	struct cause cause = cause_of(msg);

	gsm_leg_end(gl, &cause);
}

/* An empty address: the MSC did not take our MNCC_RTP_CONNECT */
static void rx_rtp_connect(struct gsm_leg *gl, const struct mncc_msg *msg)
{
	struct cause cause;

	if (msg->addr.u.sa.sa_family != AF_UNSPEC)
		return;
	cause = cause_make(CAUSE_RESOURCES, "the MSC refused the address for the media");
	gsm_leg_release(gl, &cause);
}

static const struct {
	enum mncc_msg_type type;
	int event; /*!< enum gsm_leg_event, or -1: call rx */
	void (*rx)(struct gsm_leg *gl, const struct mncc_msg *msg);
} rx_table[] = {
	{ MNCC_MT_RTP_CREATE, -1, gsm_change_rx_rtp_create },
	{ MNCC_MT_CALL_CONF_IND, GSM_EV_CALL_CONF_IND },
	{ MNCC_MT_ALERT_IND, GSM_EV_ALERT_IND },
	{ MNCC_MT_SETUP_CNF, GSM_EV_SETUP_CNF },
	{ MNCC_MT_SETUP_COMPL_IND, GSM_EV_SETUP_COMPL_IND },
	{ MNCC_MT_DISC_IND, -1, rx_disc_ind },
	{ MNCC_MT_REL_IND, -1, rx_rel },
	{ MNCC_MT_REL_CNF, -1, rx_rel },
	{ MNCC_MT_REJ_IND, -1, rx_rel },
	{ MNCC_MT_RTP_CONNECT, -1, rx_rtp_connect },
};

static void mncc_rx(struct mncc_call *mc, const struct mncc_msg *msg)
{
	struct gsm_leg *gl = container_of(mc, struct gsm_leg, mc);
	const char *name = get_value_string(mncc_msg_type_names, msg->type);
	bool taken = true;
	unsigned int i;

	LOG_GSM(gl, LOGL_DEBUG, "from MSC: %s\n", name);
	for (i = 0; i < ARRAY_SIZE(rx_table) && rx_table[i].type != msg->type; i++)
		;
	if (i == ARRAY_SIZE(rx_table))
		taken = gsm_services_rx(gl, msg);
	else if (rx_table[i].rx)
		rx_table[i].rx(gl, msg);
	else
		taken = gsm_leg_dispatch(gl, rx_table[i].event, msg);
	if (taken)
		return;
	GSM_CTR(gl, GSM_CTR_RX_UNEXPECTED);
	LOG_GSM(gl, LOGL_DEBUG, "%s does not fit in %s, ignored\n", name, osmo_fsm_inst_state_name(gl->fi));
}

static void mncc_link_down(struct mncc_call *mc)
{
	struct cause cause = cause_make(CAUSE_NET_OUT_OF_ORDER, "the link to the MSC was lost");
	gsm_leg_end(container_of(mc, struct gsm_leg, mc), &cause);
}

static const struct mncc_call_ops mncc_ops = { .rx = mncc_rx, .link_down = mncc_link_down };

/* ---- the object ---- */

static int leg_destructor(struct gsm_leg *gl)
{
	mgw_endp_release(gl->media.endp);
	gsm_phone_forget(gl);
	if (gl->mc.link)
		mncc_call_detach(&gl->mc);
	osmo_fsm_inst_free(gl->fi);
	return 0;
}

static struct gsm_leg *leg_alloc(void *ctx, const struct leg_kind *kind)
{
	struct gsm_leg *gl = talloc_zero(ctx, struct gsm_leg);

	gl->leg.kind = kind;
	gl->fi = osmo_fsm_inst_alloc(&gsm_leg_fsm, gl, gl, LOGL_DEBUG, NULL);
	if (!gl->fi) {
		talloc_free(gl);
		return NULL;
	}
	fsm_share_name(gl->fi);
	talloc_set_destructor(gl, leg_destructor);
	return gl;
}

static struct leg *kind_alloc(const struct leg_kind *kind, struct call *call, const char *target, struct cause *why)
{
	struct mncc_link *link = gsm_kind_from(kind)->env.mncc;
	struct gsm_leg *gl;

	if (!mncc_link_accepts_calls(link)) {
		*why = mncc_link_is_up(link) ? cause_make(CAUSE_CONGESTION, "the MSC is too busy for another call")
					     : cause_make(CAUSE_NET_OUT_OF_ORDER, "the MSC is not connected");
		return NULL;
	}
	gl = leg_alloc(call, kind);
	if (!gl || mncc_call_attach(&gl->mc, link, 0, &mncc_ops)) {
		talloc_free(gl);
		*why = CAUSE(CAUSE_RESOURCES);
		return NULL;
	}
	gl->mt = true;
	return &gl->leg;
}

/*! A call from a phone: MNCC_SETUP_IND. Returns false if it could not be taken and was not answered. */
bool gsm_leg_setup_ind(const struct leg_kind *kind, const struct mncc_msg *msg)
{
	const struct gsm_leg_env *env = &gsm_kind_from(kind)->env;
	struct gsm_leg *gl = leg_alloc((void *)kind, kind);
	struct cause stopping = CAUSE(CAUSE_TEMP_FAILURE);
	struct call_parties parties;

	if (!gl)
		return false;
	if (mncc_call_attach(&gl->mc, env->mncc, msg->callref, &mncc_ops)) {
		talloc_free(gl);
		return false;
	}
	gsm_setup_parties(gsm_kind_from(kind), &parties, msg);
	if (!call_begin(env->calls, &gl->leg, &parties)) {
		talloc_free(gl);
		gsm_release_start(gsm_kind_from(kind), msg->callref, MNCC_MT_REL_REQ, &stopping);
		return true;
	}
	gsm_record_bind(gl);
	gsm_leg_dispatch(gl, GSM_EV_SETUP_IND, msg);
	return true;
}

/* ---- from the call ---- */

static void cmd_media(struct gsm_leg *gl, const struct leg_cmd *cmd)
{
	const struct leg_media *media = &cmd->media;

	bool waits = media->kind == LEG_MEDIA_OFFER || media->kind == LEG_MEDIA_ASK;

	if (media->kind == LEG_MEDIA_NONE)
		return;
	if (!gsm_leg_dispatch(gl, GSM_EV_CMD_MEDIA, media) && waits)
		leg_post_media(&gl->leg, LEG_EV_MEDIA, LEG_MEDIA_RETRY, NULL);
}

static void kind_handle(struct leg *leg, const struct leg_cmd *cmd)
{
	struct gsm_leg *gl = gsm_leg_from(leg);

	if (leg->released)
		return;
	switch (cmd->type) {
	case LEG_CMD_SETUP:
		gsm_record_bind(gl);
		gsm_leg_dispatch(gl, GSM_EV_CMD_SETUP, &cmd->setup);
		return;
	case LEG_CMD_PROCEED:
		gsm_leg_dispatch(gl, GSM_EV_CMD_PROCEED, NULL);
		return;
	case LEG_CMD_ALERT:
		gsm_leg_dispatch(gl, GSM_EV_CMD_ALERT, &cmd->media);
		return;
	case LEG_CMD_PROGRESS:
		gsm_leg_dispatch(gl, GSM_EV_CMD_PROGRESS, &cmd->media);
		return;
	case LEG_CMD_ANSWER:
		gsm_leg_dispatch(gl, GSM_EV_CMD_ANSWER, &cmd->answered);
		return;
	case LEG_CMD_MEDIA:
	case LEG_CMD_HOLD:
	case LEG_CMD_RESUME:
		cmd_media(gl, cmd);
		return;
	case LEG_CMD_DTMF:
		gsm_dtmf_cmd(gl, &cmd->dtmf);
		return;
	case LEG_CMD_DTMF_RESULT:
		gsm_dtmf_result(gl, &cmd->dtmf);
		return;
	case LEG_CMD_TRANSFER_RESULT: /* phones do not ask for transfers: osmo-msc has none */
		return;
	case LEG_CMD_RELEASE:
		gsm_leg_release(gl, &cmd->cause);
		return;
	case _NUM_LEG_CMDS:
		return;
	}
}

/* The way of the media is the SIP peer's to say */
static int kind_media_mode(const struct leg_kind *kind, const char *target)
{
	return MEDIA_ANCHORED;
}

static const char *kind_target(const struct leg *leg)
{
	return "";
}

static int kind_to_str_buf(char *buf, size_t len, const struct leg *leg)
{
	const struct gsm_leg *gl = gsm_leg_from((struct leg *)leg);
	char media[96];

	gsm_media_to_str_buf(media, sizeof(media), gl);
	return snprintf(buf, len, "gsm %s 0x%x %s %s", gl->mt ? "MT" : "MO", gl->mc.callref,
			osmo_fsm_inst_state_name(gl->fi), media);
}

const struct value_string gsm_hold_notify_names[] = {
	{ GSM_HOLD_NOTIFY, "notify" }, { GSM_HOLD_FACILITY, "facility" }, { GSM_HOLD_NOTHING, "none" }, {}
};

struct gsm_leg_cfg *gsm_leg_cfg(const struct leg_kind *kind)
{
	return &((struct gsm_kind *)gsm_kind_from(kind))->cfg;
}

/*! The kind "gsm"; owned by \a ctx, \a env is copied. Its legs and releases are gone when it is freed. */
const struct leg_kind *gsm_leg_kind_alloc(void *ctx, const struct gsm_leg_env *env)
{
	struct gsm_kind *k = talloc_zero(ctx, struct gsm_kind);

	*k = (struct gsm_kind){
		.kind = {
			.name = "gsm",
			.alloc = kind_alloc,
			.handle = kind_handle,
			.media_mode = kind_media_mode,
			.target = kind_target,
			.record = gsm_record,
			.to_str_buf = kind_to_str_buf,
			.priv = &k->env,
		},
		.env = *env,
		.ctrs = rate_ctr_group_alloc(k, &gsm_ctrg_desc, 0),
	};
	return &k->kind;
}
