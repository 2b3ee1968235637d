/* A long random walk: both sides do anything at any time, also nonsense. Nothing may crash, hang or be left over.
 *
 * The seed is fixed; another one and the number of steps can be given as arguments. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/fsm.h>
#include <osmocom/core/talloc.h>

#include "session_story.h"

#define N_CALLS 4

static uint32_t seed = 2543;

static uint32_t dice(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

/* ---- the user ---- */

static struct sip_session *held[N_CALLS];
static unsigned int n_ended, n_taken;

static void forget(struct sip_session *s)
{
	unsigned int i;

	for (i = 0; i < N_CALLS; i++) {
		if (held[i] == s)
			held[i] = NULL;
	}
}

static void end(struct sip_session *s)
{
	static const uint16_t statuses[] = { 0, 200, 302, 404, 486, 603, 999 };
	struct sip_end why = { .status = statuses[dice(ARRAY_SIZE(statuses))],
			       .q850 = dice(40),
			       .text = dice(2) ? "why \"not\"" : NULL };

	forget(s);
	n_ended++;
	sip_session_end(s, &why);
}

/* Whatever is heard may make the user hang up, or do something out of place. */
static void heard(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	switch (dice(12)) {
	case 0:
		end(s);
		break;
	case 1:
		sip_session_reply(s, 200, PHONE_SDP);
		break;
	case 2:
		sip_session_reinvite(s, PHONE_SDP);
		break;
	case 3:
		sip_session_info_send(s, "application/dtmf", "1");
		break;
	}
}

static void ended(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	n_ended++;
	forget(s);
}

static const struct sip_session_ops ops = {
	.provisional = heard,
	.answered = heard,
	.acked = heard,
	.reoffer = heard,
	.reanswered = heard,
	.reoffer_gone = heard,
	.info = heard,
	.info_done = heard,
	.ended = ended,
};

static void take(struct sip_session *s)
{
	unsigned int i;

	n_taken++;
	sip_session_set_user(s, &ops, NULL);
	for (i = 0; i < N_CALLS; i++) {
		if (!held[i]) {
			held[i] = s;
			return;
		}
	}
	end(s);
}

static void incoming(struct sip_session *s, struct sip_peer *peer, const struct sip_invite *inv, void *data)
{
	if (dice(8) == 0) {
		n_taken++;
		end(s);
		return;
	}
	take(s);
}

static void user_step(void)
{
	struct sip_invite inv = { .called_user = "1", .calling_user = "2", .sdp = PHONE_SDP };
	struct sip_session *s = held[dice(N_CALLS)];

	if (!s) {
		s = dice(3) ? NULL : sip_session_invite(stage.ua, stage.peer, &inv, &ops, NULL);
		if (s)
			take(s);
		return;
	}
	switch (dice(7)) {
	case 0:
		sip_session_provisional(s, 180 + dice(4), dice(2) ? PHONE_SDP : NULL);
		break;
	case 1:
	case 2:
		sip_session_answer(s, PHONE_SDP);
		break;
	case 3:
		sip_session_reply(s, dice(2) ? 200 : 488, PHONE_SDP);
		break;
	case 4:
		sip_session_reinvite(s, PHONE_SDP);
		break;
	case 5:
		sip_session_info_send(s, "application/dtmf-relay", "Signal=1\r\nDuration=100\r\n");
		break;
	case 6:
		end(s);
		break;
	}
}

/* ---- the peer ---- */

static struct fake_call calls[N_CALLS];
static char *requests[8]; /* of the gateway, to respond to at any time */

static void peer_hears(void)
{
	while (fake_sip_receive(stage.pbx)) {
		unsigned int i = dice(ARRAY_SIZE(requests));
		struct fake_call *c = &calls[dice(N_CALLS)];

		if (strncmp(stage.pbx->msg, "SIP/2.0", 7) != 0) {
			talloc_free(requests[i]);
			requests[i] = talloc_strdup(stage.ctx, stage.pbx->msg);
			if (strncmp(stage.pbx->msg, "INVITE", 6) == 0 && dice(2)) {
				fake_call_free(c);
				fake_call_in(c, stage.pbx, dice(4) ? "tag" : "other");
			}
		} else if (strstr(stage.pbx->msg, " INVITE\r\n") &&
			   strstr(stage.pbx->msg, "Contact: <sip:127.0.55.1:5060>")) {
			for (i = 0; i < N_CALLS; i++) {
				if (strcmp(calls[i].call_id, fake_sip_header(stage.pbx, "Call-ID")) == 0)
					fake_call_take(&calls[i]);
			}
		}
	}
}

static void peer_responds(void)
{
	static const unsigned int statuses[] = { 100, 180, 183, 200, 200, 200, 202, 301, 404,
						 408, 481, 486, 487, 491, 491, 500, 503, 603 };
	static const char *const tags[] = { "tag", "tag", "other", "third", NULL };
	static const char *const extras[] = {
		"",
		"Contact: <sip:x@127.0.55.2>\r\n",
		"Contact: <sip:x@127.0.55.2:5060>\r\nRecord-Route: <sip:127.0.55.2;lr>\r\n",
		"Contact: <sip:x@nowhere.example>\r\nRecord-Route: <sip:127.0.55.2>\r\n",
		"Reason: Q.850;cause=999\r\nWarning: \"\r\n",
	};
	const char *request = requests[dice(ARRAY_SIZE(requests))];

	if (request)
		fake_sip_reply(stage.pbx, request, statuses[dice(ARRAY_SIZE(statuses))], tags[dice(ARRAY_SIZE(tags))],
			       extras[dice(ARRAY_SIZE(extras))], dice(2) ? PBX_SDP : NULL);
}

static void peer_step(void)
{
	static const char *const methods[] = { "BYE", "INFO", "OPTIONS", "UPDATE", "INVITE", "ACK", "REFER", "PRACK" };
	struct fake_call *c = &calls[dice(N_CALLS)];

	if (dice(2)) {
		peer_responds();
		return;
	}
	if (!c->p || !dice(20)) {
		fake_call_free(c);
		fake_call_init(c, stage.pbx, "1");
		c->rfc2543 = !dice(6);
		if (c->rfc2543)
			snprintf(c->local, sizeof(c->local), "<sip:b@127.0.55.2>");
	}
	switch (dice(6)) {
	case 0:
	case 1:
		fake_call_invite(c, dice(8) ? NULL : "Require: 199\r\n", dice(4) ? PBX_SDP : NULL);
		break;
	case 2:
		fake_call_ack(c, dice(2) ? PBX_SDP : NULL);
		break;
	case 3:
		if (c->invite_branch[0])
			fake_call_cancel(c, NULL);
		break;
	case 4:
		fake_call_request(c, methods[dice(ARRAY_SIZE(methods))], NULL, "application/dtmf", "1");
		break;
	case 5:
		c->cseq -= OSMO_MIN(c->cseq, dice(3));
		fake_call_request(c, methods[dice(ARRAY_SIZE(methods))], NULL, NULL, NULL);
		break;
	}
}

int main(int argc, char **argv)
{
	struct sip_ua_ops ua_ops = { .incoming = incoming };
	struct sip_peer *peer;
	unsigned int i, n_steps = argc > 2 ? atoi(argv[2]) : 4000;
	const char *why;

	if (argc > 1)
		seed = atoi(argv[1]) * 2 + 1;
	stage_set("sip_session_walk_test", "127.0.56");
	/* another UA with our own user */
	sip_ua_stop(stage.ua);
	talloc_free(stage.ua);
	fake_sip_close(stage.pbx);
	stage.ua = sip_ua_alloc(stage.ctx, &ua_ops);
	EXPECT(sip_ua_bind_add(stage.ua, "127.0.55.1", 5060) == 0);
	EXPECT(sip_ua_start(stage.ua, &why) == 0);
	peer = stage.peer = sip_peer_alloc(stage.ua, "pbx");
	peer->cfg.remote_host = talloc_strdup(peer, "127.0.55.2");
	EXPECT(sip_peer_apply(peer) == 0);
	stage.pbx = fake_sip_open(stage.ctx, "pbx", "127.0.55.2", 5060, "127.0.55.1", 5060);
	stage.pbx->quiet = true;

	btw("a long random walk");
	for (i = 0; i < n_steps; i++) {
		if (dice(3) == 0)
			user_step();
		else
			peer_step();
		peer_hears();
		if (dice(8) == 0)
			pass_ms(1 << dice(16));
	}
	EXPECT(n_taken > n_steps / 100);

	btw("the user hangs up, the peer is silent: everything comes to its end");
	for (i = 0; i < N_CALLS; i++) {
		if (held[i])
			end(held[i]);
	}
	EXPECT(n_ended == n_taken);
	stage_idle();
	for (i = 0; i < N_CALLS; i++)
		fake_call_free(&calls[i]);
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		TALLOC_FREE(requests[i]);
	stage_clear();
	return 0;
}
