/* A leg without a phone, on side A: it calls, takes the answer, sends silence, counts, and hangs up after a while.
 *
 * It says itself whom the call goes to, past the routes: it is there to test a phone or a peer. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/leg/test_leg.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/sdp/sdp_nego.h>

#include "test_leg_internal.h"

struct test_kind {
	struct leg_kind kind;
	struct calls *calls;
	struct test_result results[TEST_CALLS_KEPT];
	unsigned int n_results; /* ever */
};

struct test_leg {
	struct leg leg;
	struct test_kind *tk;
	unsigned int result; /* number of its result, while that is kept */
	const struct leg_kind *to_kind;
	char *to_target;
	char *sdp; /* the operator's offer, NULL: ours */
	uint32_t sess_version;
	uint16_t talk_s;
	struct timespec start, answered;
	struct osmo_timer_list timer;
	struct test_rtp rtp;
};

static struct test_leg *test_leg_from(const struct leg *leg)
{
	return (struct test_leg *)leg;
}

/* A result that has made room for newer ones is written to nobody. */
static struct test_result *result_of(struct test_leg *tl)
{
	static struct test_result nobody;
	bool kept = tl->tk->n_results - tl->result <= TEST_CALLS_KEPT;

	return kept ? &tl->tk->results[tl->result % TEST_CALLS_KEPT] : &nobody;
}

static uint32_t ms_since(const struct timespec *then)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

/* ---- the end ---- */

static void end(struct test_leg *tl, const struct cause *cause)
{
	struct test_result *r = result_of(tl);

	if (tl->leg.released)
		return;
	osmo_timer_del(&tl->timer);
	test_rtp_close(&tl->rtp);
	r->running = false;
	r->cause = *cause;
	r->packets_tx = tl->rtp.n_tx;
	r->packets_rx = tl->rtp.n_rx;
	r->talked_ms = r->answered ? ms_since(&tl->answered) : 0;
	LOGP(DCALL, LOGL_NOTICE,
	     "call %u: test call to %s %s: %s after %u ms, %u packets sent, %u received (%u before the answer), cause %u (%s)%s%s\n",
	     tl->leg.call_id, r->target, r->to, r->answered ? "answered" : "not answered",
	     r->answered ? r->answered_ms : ms_since(&tl->start), r->packets_tx, r->packets_rx, r->packets_early,
	     cause->value, cause_name(cause->value), cause->text[0] ? ": " : "", cause->text);
	leg_post_released(&tl->leg, cause);
}

static void talked(void *data)
{
	struct cause cause = CAUSE(CAUSE_NORMAL);

	end(data, &cause);
}

/* ---- media ---- */

static void connect_media(struct test_leg *tl, const struct leg_media *media)
{
	struct test_result *r = result_of(tl);
	struct sdp_msg sdp;

	if (tl->sdp || media->kind != LEG_MEDIA_ANSWER || sdp_msg_parse(&sdp, media->sdp, strlen(media->sdp), NULL) < 0)
		return;
	if (test_rtp_connect(&tl->rtp, &sdp))
		OSMO_STRLCPY_ARRAY(r->codec, sdp_codec_get(tl->rtp.codec)->name);
}

/* The other side changes its media in the call. */
static void answer_offer(struct test_leg *tl, const char *text)
{
	struct sdp_msg offer, ours, answer;
	struct sdp_caps caps;
	char buf[1024];

	if (tl->sdp || sdp_msg_parse(&offer, text, strlen(text), NULL) < 0)
		goto refuse;
	test_rtp_describe(&tl->rtp, &ours);
	sdp_caps_from_media(&caps, &ours.media[0]);
	if (sdp_nego_make_answer(&answer, &offer, &caps, &tl->rtp.local, SDP_SENDRECV) < 0)
		goto refuse;
	answer.sess_version = ++tl->sess_version;
	if (sdp_msg_encode(buf, sizeof(buf), &answer) < 0)
		goto refuse;
	test_rtp_connect(&tl->rtp, &offer);
	leg_post_media(&tl->leg, LEG_EV_MEDIA, LEG_MEDIA_ANSWER, buf);
	return;
refuse:
	leg_post_media(&tl->leg, LEG_EV_MEDIA, LEG_MEDIA_REFUSED, NULL);
}

static void cmd_media(struct test_leg *tl, const struct leg_media *media)
{
	if (media->kind == LEG_MEDIA_OFFER)
		answer_offer(tl, media->sdp);
	else if (media->kind == LEG_MEDIA_ASK)
		leg_post_media(&tl->leg, LEG_EV_MEDIA, LEG_MEDIA_REFUSED, NULL);
}

/* ---- from the call ---- */

static void cmd_ring(struct test_leg *tl, const struct leg_media *media)
{
	struct test_result *r = result_of(tl);

	if (!r->rang)
		r->alerting_ms = ms_since(&tl->start);
	r->rang = true;
	connect_media(tl, media);
}

static void cmd_answer(struct test_leg *tl, const struct leg_media *media)
{
	struct test_result *r = result_of(tl);

	r->answered = true;
	r->answered_ms = ms_since(&tl->start);
	r->packets_early = tl->rtp.n_rx;
	osmo_clock_gettime(CLOCK_MONOTONIC, &tl->answered);
	connect_media(tl, media);
	leg_post_type(&tl->leg, LEG_EV_CONNECTED);
	if (tl->talk_s)
		timer_start_ms(&tl->timer, tl->talk_s * 1000UL);
}

static void kind_handle(struct leg *leg, const struct leg_cmd *cmd)
{
	struct test_leg *tl = test_leg_from(leg);

	if (leg->released)
		return;
	switch (cmd->type) {
	case LEG_CMD_ALERT:
	case LEG_CMD_PROGRESS:
		cmd_ring(tl, &cmd->media);
		return;
	case LEG_CMD_ANSWER:
		cmd_answer(tl, &cmd->answered.media);
		return;
	case LEG_CMD_MEDIA:
	case LEG_CMD_HOLD:
	case LEG_CMD_RESUME:
		cmd_media(tl, &cmd->media);
		return;
	case LEG_CMD_DTMF:
		if (cmd->dtmf.start)
			leg_post(leg,
				 &(struct leg_event){ .type = LEG_EV_DTMF_RESULT, .dtmf = { .key = cmd->dtmf.key } });
		return;
	case LEG_CMD_RELEASE:
		end(tl, &cmd->cause);
		return;
	default:
		return;
	}
}

/* ---- the object ---- */

static struct leg *kind_alloc(const struct leg_kind *kind, struct call *call, const char *target, struct cause *why)
{
	*why = cause_make(CAUSE_NO_ROUTE, "nobody can be called here");
	return NULL;
}

static int kind_media_mode(const struct leg_kind *kind, const char *target)
{
	return -ENOENT;
}

static const char *kind_target(const struct leg *leg)
{
	return "";
}

static bool kind_destination(const struct leg *leg, const struct leg_kind **kind, const char **target)
{
	const struct test_leg *tl = test_leg_from(leg);

	*kind = tl->to_kind;
	*target = tl->to_target;
	return true;
}

static int kind_to_str_buf(char *buf, size_t len, const struct leg *leg)
{
	const struct test_leg *tl = test_leg_from(leg);

	return snprintf(buf, len, "test %u packets sent, %u received", tl->rtp.n_tx, tl->rtp.n_rx);
}

static int leg_destructor(struct test_leg *tl)
{
	osmo_timer_del(&tl->timer);
	test_rtp_close(&tl->rtp);
	return 0;
}

static int make_offer(struct test_leg *tl, char *buf, size_t len, const struct test_call *tc)
{
	struct sdp_msg sdp;
	int rc;

	if (tc->sdp)
		return osmo_strlcpy(buf, tc->sdp, len) < len ? 0 : -EMSGSIZE;
	rc = test_rtp_open(&tl->rtp, tc->local_ip);
	if (rc < 0)
		return rc;
	test_rtp_describe(&tl->rtp, &sdp);
	tl->sess_version = sdp.sess_version;
	rc = sdp_msg_encode(buf, len, &sdp);
	return rc < 0 ? rc : 0;
}

static struct test_leg *leg_alloc(struct test_kind *tk, const struct test_call *tc)
{
	struct test_leg *tl = talloc_zero(tk, struct test_leg);

	if (!tl)
		return NULL;
	tl->leg.kind = &tk->kind;
	tl->tk = tk;
	tl->to_kind = tc->kind;
	tl->to_target = talloc_strdup(tl, tc->target);
	tl->sdp = tc->sdp ? talloc_strdup(tl, tc->sdp) : NULL;
	tl->talk_s = tc->talk_s;
	osmo_clock_gettime(CLOCK_MONOTONIC, &tl->start);
	osmo_timer_setup(&tl->timer, talked, tl);
	talloc_set_destructor(tl, leg_destructor);
	return tl;
}

static void begin_result(struct test_leg *tl, const struct test_call *tc, uint32_t call_id)
{
	struct test_kind *tk = tl->tk;
	struct test_result *r;

	tl->result = tk->n_results++;
	r = &tk->results[tl->result % TEST_CALLS_KEPT];
	*r = (struct test_result){ .call_id = call_id, .running = true };
	OSMO_STRLCPY_ARRAY(r->from, tc->from);
	OSMO_STRLCPY_ARRAY(r->to, tc->to);
	OSMO_STRLCPY_ARRAY(r->target, tc->target[0] ? tc->target : tc->kind->name);
}

uint32_t test_leg_originate(const struct leg_kind *kind, const struct test_call *tc, struct cause *why)
{
	struct test_kind *tk = (struct test_kind *)kind;
	struct call_parties parties = {};
	struct leg_event ev = { .type = LEG_EV_SETUP };
	struct test_leg *tl;
	struct call *call;
	char offer[2048];

	if (number_from_dial_string(&parties.called, tc->to) < 0) {
		*why = cause_make(CAUSE_INVALID_NUMBER, "not a number to call: '%s'", tc->to);
		return 0;
	}
	if (number_from_dial_string(&parties.calling, tc->from) < 0) {
		*why = cause_make(CAUSE_INVALID_NUMBER, "not a number to call from: '%s'", tc->from);
		return 0;
	}
	tl = leg_alloc(tk, tc);
	if (!tl || make_offer(tl, offer, sizeof(offer), tc) < 0) {
		*why = cause_make(CAUSE_RESOURCES, "no socket for audio at %s", tc->local_ip ?: "-");
		talloc_free(tl);
		return 0;
	}
	call = call_begin(tk->calls, &tl->leg, &parties);
	if (!call) {
		*why = cause_make(CAUSE_TEMP_FAILURE, "no new calls now");
		talloc_free(tl);
		return 0;
	}
	begin_result(tl, tc, call->id);
	ev.setup.parties = &parties;
	ev.setup.media = (struct leg_media){ .kind = LEG_MEDIA_OFFER, .sdp = offer };
	ev.setup.media_mode = tc->media_mode;
	leg_post(&tl->leg, &ev);
	return call->id;
}

const struct test_result *test_leg_result(const struct leg_kind *kind, unsigned int idx)
{
	const struct test_kind *tk = (const struct test_kind *)kind;

	if (idx >= TEST_CALLS_KEPT || idx >= tk->n_results)
		return NULL;
	return &tk->results[(tk->n_results - 1 - idx) % TEST_CALLS_KEPT];
}

/*! The kind "test"; owned by \a ctx. */
const struct leg_kind *test_leg_kind_alloc(void *ctx, struct calls *calls)
{
	struct test_kind *tk = talloc_zero(ctx, struct test_kind);

	OSMO_ASSERT(tk);
	*tk = (struct test_kind){
		.kind = {
			.name = "test",
			.alloc = kind_alloc,
			.handle = kind_handle,
			.media_mode = kind_media_mode,
			.target = kind_target,
			.destination = kind_destination,
			.to_str_buf = kind_to_str_buf,
		},
		.calls = calls,
	};
	return &tk->kind;
}
