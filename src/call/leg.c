/* What every kind of leg has in common: the words of the contract, and posting events by its rules. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/leg.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/call/dispatch.h>

const struct value_string leg_event_names[] = { { LEG_EV_SETUP, "SETUP" },	 { LEG_EV_PROCEEDING, "PROCEEDING" },
						{ LEG_EV_ALERTING, "ALERTING" }, { LEG_EV_PROGRESS, "PROGRESS" },
						{ LEG_EV_ANSWERED, "ANSWERED" }, { LEG_EV_CONNECTED, "CONNECTED" },
						{ LEG_EV_MEDIA, "MEDIA" },	 { LEG_EV_HELD, "HELD" },
						{ LEG_EV_RESUMED, "RESUMED" },	 { LEG_EV_DTMF, "DTMF" },
						{ LEG_EV_DTMF_RESULT, "DTMF_RESULT" },
						{ LEG_EV_TRANSFER, "TRANSFER" },
						{ LEG_EV_RELEASED, "RELEASED" }, {} };

const struct value_string leg_cmd_names[] = { { LEG_CMD_SETUP, "SETUP" },
					      { LEG_CMD_PROCEED, "PROCEED" },
					      { LEG_CMD_ALERT, "ALERT" },
					      { LEG_CMD_PROGRESS, "PROGRESS" },
					      { LEG_CMD_ANSWER, "ANSWER" },
					      { LEG_CMD_MEDIA, "MEDIA" },
					      { LEG_CMD_HOLD, "HOLD" },
					      { LEG_CMD_RESUME, "RESUME" },
					      { LEG_CMD_DTMF, "DTMF" },
					      { LEG_CMD_DTMF_RESULT, "DTMF_RESULT" },
					      { LEG_CMD_TRANSFER_RESULT, "TRANSFER_RESULT" },
					      { LEG_CMD_RELEASE, "RELEASE" },
					      {} };

const struct value_string leg_media_kind_names[] = { { LEG_MEDIA_NONE, "none" },       { LEG_MEDIA_OFFER, "offer" },
						     { LEG_MEDIA_ANSWER, "answer" },   { LEG_MEDIA_ASK, "ask" },
						     { LEG_MEDIA_REFUSED, "refused" }, { LEG_MEDIA_RETRY, "retry" },
						     { LEG_MEDIA_VOID, "void" },       {} };

const struct value_string media_mode_names[] = { { MEDIA_ANCHORED, "anchored" }, { MEDIA_DIRECT, "direct" }, {} };

const struct leg_media *leg_event_media(const struct leg_event *ev)
{
	switch (ev->type) {
	case LEG_EV_SETUP:
		return &ev->setup.media;
	case LEG_EV_ANSWERED:
		return &ev->answered.media;
	case LEG_EV_ALERTING:
	case LEG_EV_PROGRESS:
	case LEG_EV_MEDIA:
	case LEG_EV_HELD:
	case LEG_EV_RESUMED:
		return &ev->media;
	default:
		return NULL;
	}
}

const struct leg_media *leg_cmd_media(const struct leg_cmd *cmd)
{
	switch (cmd->type) {
	case LEG_CMD_SETUP:
		return &cmd->setup.media;
	case LEG_CMD_ANSWER:
		return &cmd->answered.media;
	case LEG_CMD_ALERT:
	case LEG_CMD_PROGRESS:
	case LEG_CMD_MEDIA:
	case LEG_CMD_HOLD:
	case LEG_CMD_RESUME:
		return &cmd->media;
	default:
		return NULL;
	}
}

void leg_post(struct leg *leg, const struct leg_event *ev)
{
	if (leg->released) {
		LOGP(DCALL, LOGL_ERROR, "call %u: %s leg says %s after RELEASED, ignored\n", leg->call_id,
		     leg->kind->name, get_value_string(leg_event_names, ev->type));
		return;
	}
	leg->released = ev->type == LEG_EV_RELEASED;
	dispatch_post_event(leg->dispatch, leg->call_id, leg->side, leg->serial, ev);
}

void leg_post_type(struct leg *leg, enum leg_event_type type)
{
	leg_post(leg, &(struct leg_event){ .type = type });
}

void leg_post_media(struct leg *leg, enum leg_event_type type, enum leg_media_kind kind, const char *sdp)
{
	struct leg_media media = { .kind = kind, .sdp = sdp };
	struct leg_event ev = { .type = type };

	if (type == LEG_EV_ANSWERED)
		ev.answered.media = media;
	else
		ev.media = media;
	leg_post(leg, &ev);
}

void leg_post_ended(struct leg *leg, const struct leg_released *released)
{
	struct leg_event ev = { .type = LEG_EV_RELEASED, .released = *released };

	ev.released.cause.value = cause_valid(released->cause.value);
	leg_post(leg, &ev);
}

void leg_post_released(struct leg *leg, const struct cause *cause)
{
	leg_post_ended(leg, &(struct leg_released){ .cause = *cause });
}
