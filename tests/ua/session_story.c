/* The stage for stories about SIP sessions. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include "session_story.h"

struct stage stage;
struct fake_call call;
static size_t blocks_before;

static void hear(const char *what, const struct sip_session_info *info)
{
	printf("  user: %s", what);
	if (info->status)
		printf(" %u", info->status);
	if (info->q850)
		printf(" cause=%u", info->q850);
	if (info->text)
		printf(" \"%s\"", info->text);
	if (info->sdp)
		printf(" +SDP");
	if (info->content_type)
		printf(" %s: %.*s", info->content_type, (int)strcspn(info->body, "\r\n"), info->body);
	if (info->way_failed)
		printf(", the way failed");
	if (info->redirect_user)
		printf(", call %s at %s", info->redirect_user, info->redirect_peer ? info->redirect_peer->name : "us");
	printf("\n");
	if (stage.hang_up_inside) {
		stage.hang_up_inside = false;
		user_ends(0, 16, NULL);
	}
}

#define HEARS(name)                                                                                                    \
	static void name(struct sip_session *s, const struct sip_session_info *info, void *data)                       \
	{                                                                                                              \
		EXPECT(s == stage.s && data == &stage);                                                                \
		hear(#name, info);                                                                                     \
	}

HEARS(provisional)
HEARS(answered)
HEARS(acked)
HEARS(reanswered)
HEARS(reoffer_gone)
HEARS(info)
HEARS(info_done)
HEARS(refer)

static void reoffer(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	EXPECT(s == stage.s);
	hear("reoffer", info);
	if (stage.accept_reoffer)
		EXPECT(sip_session_reply(s, 200, PHONE_SDP) == 0);
}

static void ended(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	EXPECT(s == stage.s);
	hear("ended", info);
	stage.s = NULL;
}

const struct sip_session_ops story_ops = {
	.provisional = provisional,
	.answered = answered,
	.acked = acked,
	.reoffer = reoffer,
	.reanswered = reanswered,
	.reoffer_gone = reoffer_gone,
	.info = info,
	.info_done = info_done,
	.refer = refer,
	.ended = ended,
};

static void incoming(struct sip_session *s, struct sip_peer *peer, const struct sip_invite *inv, void *data)
{
	static const struct sip_end unknown = { .status = 404, .q850 = 1, .text = "nobody \"here\"" };

	if (!stage.silent)
		printf("  user: incoming for '%s' from '%s' \"%s\"%s%s\n", inv->called_user, inv->calling_user,
		       inv->calling_name, inv->calling_anonymous ? " anonymous" : "", inv->sdp ? " +SDP" : "");
	EXPECT(peer == stage.peer && sip_session_peer(s) == peer);
	if (stage.refuse_incoming) {
		sip_session_end(s, &unknown);
		return;
	}
	stage.s = s;
	sip_session_set_user(s, &story_ops, &stage);
}

void stage_set(const char *name, const char *net)
{
	static const struct sip_ua_ops ua_ops = { .incoming = incoming };
	char ua_addr[32], pbx_addr[32];
	const char *why = NULL;

	stage = (struct stage){ .ctx = talloc_named_const(NULL, 0, name) };
	story_init(stage.ctx);
	fake_time_start();
	osmo_fsm_set_dealloc_ctx(OTC_SELECT);
	blocks_before = talloc_total_blocks(stage.ctx);
	snprintf(ua_addr, sizeof(ua_addr), "%s.1", net);
	snprintf(pbx_addr, sizeof(pbx_addr), "%s.2", net);

	stage.ua = sip_ua_alloc(stage.ctx, &ua_ops);
	EXPECT(sip_ua_bind_add(stage.ua, ua_addr, 5060) == 0);
	stage.peer = sip_peer_alloc(stage.ua, "pbx");
	stage.peer->cfg.remote_host = talloc_strdup(stage.peer, pbx_addr);
	EXPECT(sip_peer_apply(stage.peer) == 0);
	if (sip_ua_start(stage.ua, &why) < 0)
		printf("%s\n", why);
	EXPECT(!why);
	stage.pbx = fake_sip_open(stage.ctx, "pbx", pbx_addr, 5060, ua_addr, 5060);
}

void stage_idle(void)
{
	unsigned int n_sessions, n_trx;

	pass_ms(200000);
	fake_sip_drain(stage.pbx);
	EXPECT(sip_ua_idle(stage.ua));
	sip_ua_get_counts(stage.ua, &n_sessions, &n_trx);
	EXPECT(n_sessions == 0 && n_trx == 0);
	EXPECT(!stage.s);
	EXPECT(!stage.peer || stage.peer->n_calls == 0);
}

void stage_clear(void)
{
	sip_ua_stop(stage.ua);
	talloc_free(stage.ua);
	fake_sip_close(stage.pbx);
	pump();
	if (talloc_total_blocks(stage.ctx) != blocks_before)
		talloc_report_full(stage.ctx, stderr);
	EXPECT(talloc_total_blocks(stage.ctx) == blocks_before);
	btw("nothing is left");
}

void user_calls(const char *called)
{
	struct sip_invite inv = {
		.called_user = called, .calling_user = "+4930123", .calling_name = "Al \"x\" Ice", .sdp = PHONE_SDP
	};

	stage.s = sip_session_invite(stage.ua, stage.peer, &inv, &story_ops, &stage);
	EXPECT(stage.s);
}

void user_ends(uint16_t status, uint8_t q850, const char *text)
{
	struct sip_end why = { .status = status, .q850 = q850, .text = text };
	struct sip_session *s = stage.s;

	printf("  user ends\n");
	stage.s = NULL;
	sip_session_end(s, &why);
}

void we_call(void)
{
	user_calls("1");
	fake_sip_expect(stage.pbx, "INVITE");
	fake_call_in(&call, stage.pbx, "pbx");
}

void they_call(const char *extra, const char *sdp)
{
	fake_call_init(&call, stage.pbx, "1");
	fake_call_invite(&call, extra, sdp);
	fake_sip_expect(stage.pbx, "100 INVITE");
}

void they_are_answered(void)
{
	EXPECT(sip_session_answer(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "200 INVITE");
	fake_call_take(&call);
	fake_call_ack(&call, NULL);
}

void end_of_story(void)
{
	fake_call_free(&call);
	stage_idle();
}

void we_hang_up(void)
{
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	end_of_story();
}

void they_hang_up(void)
{
	fake_call_request(&call, "BYE", NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "200 BYE");
	end_of_story();
}
