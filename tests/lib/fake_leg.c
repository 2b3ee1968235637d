/* A leg kind without a protocol. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <string.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include "fake_leg.h"
#include "fake_time.h"
#include "story.h"

static struct fake_kind *kind_of(const struct leg *leg)
{
	return (struct fake_kind *)leg->kind;
}

static int leg_destructor(struct fake_leg *fl)
{
	kind_of(&fl->leg)->n_legs--;
	return 0;
}

struct leg *fake_leg_alloc(struct fake_kind *kind, void *ctx)
{
	struct fake_leg *fl = talloc_zero(ctx, struct fake_leg);

	fl->leg.kind = &kind->kind;
	kind->n_legs++;
	kind->n_made++;
	talloc_set_destructor(fl, leg_destructor);
	return &fl->leg;
}

static struct leg *alloc_b(const struct leg_kind *lk, struct call *call, const char *target, struct cause *why)
{
	struct fake_kind *kind = (struct fake_kind *)lk;
	struct leg *leg;

	if (kind->refuse || (kind->dead && !strcmp(kind->dead, target))) {
		*why = cause_make(kind->refuse ?: CAUSE_NET_OUT_OF_ORDER, "%s '%s' takes no calls", lk->name, target);
		return NULL;
	}
	if (!kind->quiet)
		printf("  new %s leg to '%s'\n", lk->name, target);
	leg = fake_leg_alloc(kind, call);
	OSMO_STRLCPY_ARRAY(((struct fake_leg *)leg)->target, target);
	return leg;
}

static const char *number_str(const struct number *n)
{
	static char bufs[2][NUMBER_MAX_DIGITS + 2];
	static unsigned int i;
	char *buf = bufs[i++ % 2];

	if (number_to_dial_string(buf, sizeof(bufs[0]), n) < 0)
		return "-";
	return buf;
}

static void print_setup(const struct leg_setup *s)
{
	printf(" %s -> %s", number_str(&s->parties->calling), number_str(&s->parties->called));
	if (s->parties->imsi[0])
		printf(" imsi %s", s->parties->imsi);
	if (number_given(&s->parties->redirecting))
		printf(" redirected by %s", number_str(&s->parties->redirecting));
	if (s->parties->emergency)
		printf(" emergency");
	if (s->others)
		printf(" others");
	printf(" media %s", get_value_string(media_mode_names, s->media_mode));
}

static void print_cmd(const struct leg *leg, const struct leg_cmd *cmd)
{
	const struct leg_media *media = leg_cmd_media(cmd);

	printf("  %s %c is told %s", leg->kind->name, leg->side == LEG_A ? 'A' : 'B',
	       get_value_string(leg_cmd_names, cmd->type));
	if (cmd->type == LEG_CMD_SETUP)
		print_setup(&cmd->setup);
	if (cmd->type == LEG_CMD_ANSWER && number_given(&cmd->answered.connected))
		printf(" connected to %s", number_str(&cmd->answered.connected));
	if (media && media->kind != LEG_MEDIA_NONE)
		printf(" %s", get_value_string(leg_media_kind_names, media->kind));
	if (media && media->sdp)
		printf(" \"%s\"", media->sdp);
	if (cmd->type == LEG_CMD_DTMF)
		printf(" %c %s %u", cmd->dtmf.key, cmd->dtmf.start ? "start" : "stop", cmd->dtmf.duration_ms);
	if (cmd->type == LEG_CMD_TRANSFER_RESULT)
		printf(" %s cause %u \"%s\"", cmd->transfer_result.done ? "done" : cmd->transfer_result.provisional ? "rings" : "failed",
		       cmd->transfer_result.cause.value, cmd->transfer_result.cause.text);
	if (cmd->type == LEG_CMD_RELEASE)
		printf(" cause %u \"%s\"", cmd->cause.value, cmd->cause.text);
	printf("\n");
}

static void handle(struct leg *leg, const struct leg_cmd *cmd)
{
	struct fake_kind *kind = kind_of(leg);

	kind->n_cmds[cmd->type]++;
	if (!kind->quiet)
		print_cmd(leg, cmd);
	if (cmd->type == LEG_CMD_RELEASE && !kind->stubborn && !leg->released)
		fake_leg_released(leg, cmd->cause.value);
}

static int media_mode(const struct leg_kind *kind, const char *target)
{
	return ((const struct fake_kind *)kind)->mode;
}

static int to_str_buf(char *buf, size_t len, const struct leg *leg)
{
	return snprintf(buf, len, "fake %s leg", leg->kind->name);
}

static const char *target_of(const struct leg *leg)
{
	return ((const struct fake_leg *)leg)->target;
}

void fake_kind_init(struct fake_kind *kind, const char *name)
{
	*kind = (struct fake_kind){
		.kind = {
			.name = name,
			.alloc = alloc_b,
			.handle = handle,
			.media_mode = media_mode,
			.target = target_of,
			.to_str_buf = to_str_buf,
		},
		.mode = MEDIA_ANCHORED,
	};
}

void fake_leg_setup(struct leg *leg, const char *calling, const char *called, const char *sdp)
{
	struct call_parties parties = {};
	struct leg_event ev = {
		.type = LEG_EV_SETUP,
		.setup = {
			.parties = &parties,
			.media = { .kind = sdp ? LEG_MEDIA_OFFER : LEG_MEDIA_NONE, .sdp = sdp },
			.media_mode = kind_of(leg)->mode,
		},
	};

	if (calling)
		EXPECT(number_from_dial_string(&parties.calling, calling) == 0);
	if (called)
		EXPECT(number_from_dial_string(&parties.called, called) == 0);
	leg_post(leg, &ev);
}

void fake_leg_released(struct leg *leg, uint8_t cause)
{
	leg_post_released(leg, &CAUSE(cause));
}

void fake_leg_way_failed(struct leg *leg, uint8_t cause)
{
	leg_post_ended(leg, &(struct leg_released){ .cause = CAUSE(cause), .way_failed = true });
}

void fake_leg_transfers(struct leg *leg, const char *number, const char *target)
{
	struct leg_event ev = { .type = LEG_EV_TRANSFER };

	EXPECT(number_from_dial_string(&ev.transfer.number, number) == 0);
	OSMO_STRLCPY_ARRAY(ev.transfer.target, target);
	leg_post(leg, &ev);
}

void fake_leg_redirects(struct leg *leg, const char *number, const char *target)
{
	struct leg_released end = { .cause = CAUSE(23) };

	EXPECT(number_from_dial_string(&end.redirect, number) == 0);
	OSMO_STRLCPY_ARRAY(end.redirect_target, target);
	leg_post_ended(leg, &end);
}

struct calls *fake_core(void *ctx, struct fake_kind *gsm, struct fake_kind *sip, const char *peer)
{
	struct calls *calls;

	fake_time_start();
	osmo_fsm_set_dealloc_ctx(OTC_SELECT);
	fake_kind_init(gsm, "gsm");
	fake_kind_init(sip, "sip");
	calls = calls_alloc(ctx);
	calls->gsm = &gsm->kind;
	calls->sip = &sip->kind;
	calls->routes.default_peer = talloc_strdup(calls, peer);
	return calls;
}
