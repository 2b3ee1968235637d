/* Fuzz target: the user agent from its outside. The first byte says what its peer may do; then come messages, each with
 * a byte in front that says from whom (the peer, a stranger) and what our user makes of it, and 0xff between them,
 * which no SIP needs. Calls are taken, refused, or left alone; in the end everything has to come to its end. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <osmocom/core/application.h>
#include <osmocom/core/fsm.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/sip/sip_resolve.h>
#include <osmocom/sipgw/ua/sip_credentials.h>
#include <ua/sip_name.h>
#include <ua/ua_internal.h>

#include "fake_time.h"

#define PBX	     0x7f000002
#define STRANGER     0x7f000003
#define MAX_SESSIONS 4
#define MAX_MESSAGES 16
#define LONG_QUIET   700000 /* ms: more than all timers in a row */
#define SDP	     "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 3\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *ctx;
static struct sip_ua *ua;
static struct sip_peer *peer;
static struct sip_transport_ops tp_ops;
static struct sip_session *sessions[MAX_SESSIONS];
static uint8_t mood;
static bool in_stranger;

static void leave(struct sip_session *s)
{
	unsigned int i;

	for (i = 0; i < MAX_SESSIONS; i++) {
		if (sessions[i] == s)
			sessions[i] = NULL;
	}
}

static void hang_up(struct sip_session *s)
{
	static const struct sip_end why = { .status = 486, .q850 = 17, .text = "no" };

	leave(s);
	sip_session_end(s, &why);
}

static void reoffer(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	sip_session_reply(s, mood & 4 ? 200 : 488, SDP);
}

static void refer(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	if (!info->redirect_user || !info->redirect_user[0])
		abort();
	sip_session_refer_result(s, 200);
}

static void ended(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	leave(s);
}

static const struct sip_session_ops user = { .reoffer = reoffer, .refer = refer, .ended = ended };

/* What is told of a caller can be printed, and is no way out of a line. */
static void check_text(const char *text)
{
	for (; text && *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			abort();
	}
}

static void incoming(struct sip_session *s, struct sip_peer *p, const struct sip_invite *inv, void *data)
{
	unsigned int i;

	check_text(inv->called_user);
	check_text(inv->calling_user);
	check_text(inv->calling_name);
	check_text(inv->asserted_user);
	check_text(inv->asserted_name);
	check_text(inv->diverting_user);
	check_text(inv->gcr);
	check_text(inv->access_info);
	check_text(sip_session_call_id(s));
	for (i = 0; i < MAX_SESSIONS && sessions[i]; i++)
		;
	if (i == MAX_SESSIONS || mood & 8) {
		sip_session_end(s, NULL);
		return;
	}
	sessions[i] = s;
	sip_session_set_user(s, &user, NULL);
	if (mood & 4)
		sip_session_answer(s, SDP);
	else
		sip_session_provisional(s, 183, SDP);
}

static int fake_send(const struct sip_flow *to, const void *data, size_t len)
{
	/* a stranger gets no answer, whatever he says */
	if (in_stranger && to->remote.u.sin.sin_addr.s_addr == htonl(STRANGER))
		abort();
	return 0;
}

static void rx(uint32_t from, const uint8_t *text, size_t len)
{
	struct osmo_sockaddr remote = {
		.u.sin = { .sin_family = AF_INET, .sin_port = htons(5060), .sin_addr.s_addr = htonl(from) }
	};
	struct sip_flow flow = { .tp = sip_transport_for(ua->tps, SIP_TP_UDP, &remote), .remote = remote };
	uint8_t *copy = malloc(len ?: 1); /* so that reading beyond it is seen */

	memcpy(copy, text, len);
	in_stranger = from == STRANGER;
	sip_ua_rx(ua, &flow, copy, len);
	in_stranger = false;
	free(copy);
	pump();
}

static void configure(uint8_t how)
{
	peer->cfg.trusted = how & 1;
	peer->cfg.refer = how & 2;
	peer->cfg.challenge = how & 4;
	peer->cfg.rel100 = how & 8 ? SIP_USE_OFF : SIP_USE_SUPPORTED;
	peer->cfg.session_timer = how & 16 ? SIP_USE_OFF : SIP_USE_SUPPORTED;
	peer->cfg.nat = how & 32;
	peer->cfg.called_from = how & 64 ? SIP_CALLED_PCPID : how & 128 ? SIP_CALLED_TO : SIP_CALLED_RURI;
}

static void init(void)
{
	static const char first[] =
		"INVITE sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\nFrom: <sip:1@x>;tag=1\r\n"
		"To: <sip:1@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
	static const struct sip_ua_ops ops = { .incoming = incoming };
	const struct osmo_sockaddr any = { .u.sin.sin_family = AF_INET };
	struct sip_transport *tp;
	const char *why = NULL;

	ctx = talloc_named_const(NULL, 0, "fuzz_ua");
	osmo_init_logging2(ctx, &sipgw_log_info);
	log_set_all_filter(osmo_stderr_target, 0);
	log_set_log_level(osmo_stderr_target, LOGL_FATAL);
	timers_init();
	fake_time_start();
	osmo_fsm_set_dealloc_ctx(OTC_SELECT);
	ua = sip_ua_alloc(ctx, &ops);
	/* some port: nothing comes in by it, and several targets may run at a time */
	sip_ua_bind_add(ua, "127.0.0.1", 20000 + getpid() % 20000);
	peer = sip_peer_alloc(ua, "pbx");
	peer->cfg.remote_host = talloc_strdup(peer, "127.0.0.2");
	sip_credentials_set(peer, "u", "p");
	sip_peer_apply(peer);
	if (sip_ua_start(ua, &why) < 0) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	tp = sip_transport_for(ua->tps, SIP_TP_UDP, &any);
	tp_ops = *tp->ops;
	tp_ops.send = fake_send;
	tp->ops = &tp_ops;
	/* what is made when it is needed first */
	peer->cfg.challenge = true;
	rx(PBX, (const uint8_t *)first, strlen(first));
	pass_ms(LONG_QUIET);
}

static void play(const uint8_t *data, size_t size)
{
	unsigned int i, n;
	const uint8_t *end;
	size_t len;

	for (n = 0; n < MAX_MESSAGES && size > 1; n++) {
		end = memchr(data + 1, 0xff, size - 1);
		len = end ? (size_t)(end - data) : size;
		mood = data[0];
		rx(data[0] & 1 ? STRANGER : PBX, data + 1, len - 1);
		if (mood & 2)
			pass_ms(600);
		for (i = 0; mood & 16 && i < MAX_SESSIONS; i++) {
			if (sessions[i])
				hang_up(sessions[i]);
		}
		data += len;
		size -= len;
		if (end) {
			data++;
			size--;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int i, n_sessions, n_trx;
	static size_t blocks;

	if (!ctx) {
		init();
		blocks = talloc_total_blocks(ua);
	}
	if (size < 2)
		return 0;
	configure(data[0]);
	play(data + 1, size - 1);
	mood = 0;
	for (i = 0; i < MAX_SESSIONS; i++) {
		if (sessions[i])
			hang_up(sessions[i]);
	}
	pass_ms(LONG_QUIET);
	/* names in Contacts; c-ares does not know of our time */
	sip_names_drop(ua);
	sip_resolver_free(ua->resolver);
	ua->resolver = NULL;
	sip_ua_get_counts(ua, &n_sessions, &n_trx);
	if (n_sessions || n_trx || !sip_ua_idle(ua) || talloc_total_blocks(ua) != blocks) {
		fprintf(stderr, "%u sessions, %u transactions, %zu blocks of %zu\n", n_sessions, n_trx,
			talloc_total_blocks(ua), blocks);
		talloc_report_full(ua, stderr);
		abort();
	}
	return 0;
}
