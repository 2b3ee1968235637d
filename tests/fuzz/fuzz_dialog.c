/* Fuzz target: a dialog. The bytes are a play: what a peer says, with the ids of the calls that there are, what the
 * user does, and how much time passes in between. In the end the user leaves and the peer is silent: then everything
 * has to come to its end, and nothing may be left. */
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
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/ua/sip_credentials.h>
#include <ua/ua_internal.h>

#include "fake_time.h"

#define N_CALLS	   3
#define N_SENT	   8
#define MAX_STEPS  48
#define PBX	   "127.0.0.2"
#define SDP	   "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 3\r\n"
#define OTHER_SDP  SDP "a=sendonly\r\n"
#define LONG_QUIET 700000 /* ms: more than all timers in a row */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *ctx;
static struct sip_ua *ua;
static struct sip_peer *peer;
static struct sip_flow flow;
static struct sip_transport_ops tp_ops;

/* What we sent last, for the peer to answer. */
static char sent[N_SENT][4096];
static unsigned int n_sent;

/* A call of the peer's. */
static struct {
	char their_tag[8], our_tag[40], call_id[64], rseq[16];
	unsigned int cseq, invite_cseq, branch, invite_branch;
} calls[N_CALLS];
static unsigned int n_branches, n_calls;

static struct sip_session *sessions[N_CALLS];
static uint8_t mood;

/* ---- the user ---- */

static void leave(struct sip_session *s)
{
	unsigned int i;

	for (i = 0; i < N_CALLS; i++) {
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

static void heard(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	if (mood & 1)
		hang_up(s);
}

static void reoffer(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	if (mood & 2)
		sip_session_reply(s, mood & 4 ? 200 : 488, SDP);
	heard(s, info, data);
}

static void ended(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	leave(s);
}

static void refer(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	if (mood & 8)
		sip_session_refer_result(s, 180);
	if (mood & 16)
		sip_session_refer_result(s, mood & 4 ? 200 : 486);
	heard(s, info, data);
}

static const struct sip_session_ops user = {
	.refer = refer,
	.provisional = heard,
	.answered = heard,
	.acked = heard,
	.reoffer = reoffer,
	.reoffer_gone = heard,
	.reanswered = heard,
	.info = heard,
	.info_done = heard,
	.ended = ended,
};

static void take(struct sip_session *s)
{
	unsigned int i;

	for (i = 0; i < N_CALLS; i++) {
		if (sessions[i])
			continue;
		sessions[i] = s;
		sip_session_set_user(s, &user, NULL);
		return;
	}
	sip_session_end(s, NULL);
}

static void incoming(struct sip_session *s, struct sip_peer *p, const struct sip_invite *inv, void *data)
{
	take(s);
}

static void user_calls(bool offers)
{
	struct sip_invite inv = { .called_user = "1", .calling_user = "2", .sdp = offers ? SDP : NULL };
	struct sip_session *s;

	if (sessions[0] && sessions[1] && sessions[2])
		return;
	s = sip_session_invite(ua, peer, &inv, &user, NULL);
	if (s)
		take(s);
}

/* ---- the wire ---- */

static void learn(const char *header, const char *end, char *buf, size_t len)
{
	const char *p = header ? header + strspn(header, " ") : NULL;

	if (p)
		snprintf(buf, len, "%.*s", (int)strcspn(p, end), p);
}

static const char *after(const char *msg, const char *what)
{
	const char *p = strstr(msg, what);

	return p ? p + strlen(what) : NULL;
}

/* A response to a call of the peer: its tag and RSeq are what further requests need. */
static void learn_from(const char *msg)
{
	const char *id = after(msg, "\r\nCall-ID: call"), *to = after(msg, "\r\nTo:"), *tag;
	unsigned int i;

	if (!id || !to || strncmp(msg, "SIP/2.0 ", 8) != 0)
		return;
	for (i = 0; i < N_CALLS; i++) {
		if (strncmp(id - 4, calls[i].call_id, strlen(calls[i].call_id)) != 0)
			continue;
		tag = after(to, ";tag=");
		if (tag && tag < strstr(to, "\r\n"))
			learn(tag, ";\r\n", calls[i].our_tag, sizeof(calls[i].our_tag));
		learn(after(msg, "\r\nRSeq:"), "\r\n", calls[i].rseq, sizeof(calls[i].rseq));
	}
}

static int fake_send(const struct sip_flow *to, const void *data, size_t len)
{
	char *msg = sent[n_sent++ % N_SENT];

	snprintf(msg, sizeof(sent[0]), "%.*s", (int)len, (const char *)data);
	learn_from(msg);
	return 0;
}

static void rx(const char *msg)
{
	sip_ua_rx(ua, &flow, (const uint8_t *)msg, strlen(msg));
	pump();
}

static const char *const extras[] = {
	"",
	"Supported: 100rel, timer\r\nAllow: INVITE, UPDATE, PRACK\r\n",
	"Require: 100rel\r\nRSeq: 1\r\n",
	"Require: 100rel\r\nRSeq: 2\r\nAllow: UPDATE\r\n",
	"Supported: timer\r\nRequire: timer\r\nSession-Expires: 100;refresher=uac\r\nAllow: UPDATE\r\n",
	"Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n",
	"Session-Expires: 10\r\nSupported: timer\r\nMin-SE: 400\r\n",
	"Require: frob\r\n",
	"Refer-To: <sip:3@127.0.0.1>\r\n",
	"Record-Route: <sip:127.0.0.2;lr>\r\n",
};

static const char *const more_extras[] = {
	"Refer-To: <sip:3@127.0.0.1>\r\nRefer-Sub: false\r\n",
	"Refer-To: <sip:3@192.0.2.1?Replaces=1>\r\n",
	"Contact: <sip:4@127.0.0.2>;q=0.1, \"x\" <tel:+495>\r\n",
	"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n",
	"Proxy-Authenticate: Digest realm=\"p\", nonce=\"m\", stale=true\r\n",
	"P-Asserted-Identity: <tel:+4930>\r\nPrivacy: id\r\n",
	"Record-Route: <sip:127.0.0.2>, <sip:127.0.0.3;lr>\r\nReason: Q.850;cause=17\r\n",
};

static const char *extra(uint8_t b)
{
	return b & 0x20 ? more_extras[b % ARRAY_SIZE(more_extras)] : extras[b % ARRAY_SIZE(extras)];
}

static const char *body(uint8_t b)
{
	return b & 0x80 ? (b & 0x40 ? OTHER_SDP : SDP) : "";
}

static void add_body(char *msg, size_t len, const char *text)
{
	size_t n = strlen(msg);

	snprintf(msg + n, len - n, "%sContent-Length: %zu\r\n\r\n%s", *text ? "Content-Type: application/sdp\r\n" : "",
		 strlen(text), text);
}

static void peer_asks(unsigned int i, const char *method, unsigned int cseq, unsigned int branch, uint8_t b)
{
	char msg[4096], rack[80] = "";

	if (strcmp(method, "PRACK") == 0)
		snprintf(rack, sizeof(rack), "RAck: %s %u INVITE\r\n", calls[i].rseq, calls[i].invite_cseq);
	snprintf(msg, sizeof(msg),
		 "%s sip:1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP " PBX ":5060;branch=z9hG4bKp%u\r\n"
		 "From: <sip:2@" PBX ">;tag=%s\r\nTo: <sip:1@127.0.0.1>%s%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
		 "Contact: <sip:2@" PBX ">\r\nMax-Forwards: 70\r\n%s%s",
		 method, branch, calls[i].their_tag, calls[i].our_tag[0] ? ";tag=" : "", calls[i].our_tag,
		 calls[i].call_id, cseq, method, rack, extra(b));
	add_body(msg, sizeof(msg), body(b));
	rx(msg);
}

static void peer_calls(unsigned int i, uint8_t b)
{
	memset(&calls[i], 0, sizeof(calls[i]));
	snprintf(calls[i].call_id, sizeof(calls[i].call_id), "call%u", ++n_calls);
	snprintf(calls[i].their_tag, sizeof(calls[i].their_tag), "t%u", n_calls % 10000);
	calls[i].cseq = calls[i].invite_cseq = 1;
	calls[i].invite_branch = ++n_branches;
	peer_asks(i, "INVITE", 1, n_branches, b);
}

static void peer_requests(unsigned int i, uint8_t what, uint8_t b)
{
	static const char *const methods[] = { "INVITE", "BYE",	   "UPDATE", "PRACK",  "INFO",	 "OPTIONS",
					       "REFER",	 "NOTIFY", "ACK",    "CANCEL", "UPDATE", "INVITE" };
	const char *method = methods[what % ARRAY_SIZE(methods)];
	bool is_invite = strcmp(method, "INVITE") == 0, is_cancel = strcmp(method, "CANCEL") == 0;

	if (!calls[i].cseq)
		return;
	if (is_cancel || strcmp(method, "ACK") == 0) {
		peer_asks(i, method, calls[i].invite_cseq, is_cancel ? calls[i].invite_branch : ++n_branches, b);
		return;
	}
	calls[i].cseq++;
	if (is_invite) {
		calls[i].invite_cseq = calls[i].cseq;
		calls[i].invite_branch = n_branches + 1;
	}
	peer_asks(i, method, calls[i].cseq, ++n_branches, b);
}

/* Copy a header line of what we sent. */
static void copy_line(char *msg, size_t len, const char *from, const char *name, const char *more)
{
	const char *p = strstr(from, name);
	size_t n = strlen(msg);

	if (p)
		snprintf(msg + n, len - n, "%.*s%s\r\n", (int)strcspn(p, "\r\n"), p, more);
}

static void peer_answers(unsigned int which, uint8_t what, uint8_t b)
{
	static const unsigned int statuses[] = { 100, 180, 183, 200, 200, 302, 401, 408,
						 422, 481, 486, 491, 500, 503, 183, 202 };
	static const char *const tags[] = { ";tag=a", ";tag=a", ";tag=b", "" };
	const char *req = sent[which % N_SENT];
	char msg[4096];

	if (!req[0] || strncmp(req, "SIP/2.0", 7) == 0 || strncmp(req, "ACK", 3) == 0)
		return;
	snprintf(msg, sizeof(msg), "SIP/2.0 %u X\r\n", statuses[what % ARRAY_SIZE(statuses)]);
	copy_line(msg, sizeof(msg), req, "Via:", "");
	copy_line(msg, sizeof(msg), req, "From:", "");
	copy_line(msg, sizeof(msg), req,
		  "To:", strstr(req, "\r\nTo: <sip:1@" PBX ":5060>\r\n") ? tags[what / 16 % ARRAY_SIZE(tags)] : "");
	copy_line(msg, sizeof(msg), req, "Call-ID:", "");
	copy_line(msg, sizeof(msg), req, "CSeq:", "");
	snprintf(msg + strlen(msg), sizeof(msg) - strlen(msg), "Contact: <sip:2@" PBX ">\r\n%s", extra(b));
	add_body(msg, sizeof(msg), body(b));
	rx(msg);
}

/* ---- the play ---- */

static void user_acts(struct sip_session *s, uint8_t what)
{
	if (!s)
		return;
	switch (what % 10) {
	case 0:
		sip_session_provisional(s, 180, NULL);
		break;
	case 1:
		sip_session_provisional(s, 183, SDP);
		break;
	case 2:
		sip_session_answer(s, SDP);
		break;
	case 3:
		sip_session_reinvite(s, OTHER_SDP);
		break;
	case 4:
		sip_session_reply(s, 200, SDP);
		break;
	case 5:
		sip_session_reply(s, 488, NULL);
		break;
	case 6:
		sip_session_info_send(s, "application/dtmf", "1");
		break;
	case 7:
		sip_session_reply(s, 491, NULL);
		break;
	case 8:
		hang_up(s);
		break;
	case 9:
		sip_session_refer_result(s, what & 16 ? 200 : 100);
		break;
	}
	pump();
}

static void step(const uint8_t *b)
{
	static const unsigned int times[] = { 10, 500, 1000, 4000, 10000, 32000, 61000, 200000 };

	switch (b[0] % 8) {
	case 0:
		peer_calls(b[0] / 8 % N_CALLS, b[1]);
		break;
	case 1:
	case 2:
		peer_requests(b[0] / 8 % N_CALLS, b[1], b[2]);
		break;
	case 3:
	case 4:
		peer_answers(n_sent - 1 - b[0] / 8 % N_SENT, b[1], b[2]);
		break;
	case 5:
		user_acts(sessions[b[0] / 8 % N_CALLS], b[1]);
		break;
	case 6:
		user_calls(b[1] & 3);
		break;
	case 7:
		mood = b[2];
		pass_ms(times[b[1] % ARRAY_SIZE(times)]);
		break;
	}
}

static void init(void)
{
	static const struct sip_ua_ops ops = { .incoming = incoming };
	const char *why = NULL;
	struct osmo_sockaddr remote = {};

	ctx = talloc_named_const(NULL, 0, "fuzz_dialog");
	osmo_init_logging2(ctx, &sipgw_log_info);
	log_set_all_filter(osmo_stderr_target, 0);
	log_set_log_level(osmo_stderr_target, LOGL_FATAL);
	timers_init();
	fake_time_start();
	osmo_fsm_set_dealloc_ctx(OTC_SELECT);
	ua = sip_ua_alloc(ctx, &ops);
	sip_ua_set_nameserver(ua, "127.0.0.1", 9); /* names in Contacts are not for others to hear */
	/* some port: nothing comes in by it, and several targets may run at a time */
	sip_ua_bind_add(ua, "127.0.0.1", 20000 + getpid() % 20000);
	peer = sip_peer_alloc(ua, "pbx");
	peer->cfg.remote_host = talloc_strdup(peer, PBX);
	peer->cfg.refer = peer->cfg.trusted = true;
	sip_credentials_set(peer, "u", "p");
	sip_peer_apply(peer);
	if (sip_ua_start(ua, &why) < 0) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	remote.u.sin = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_port = htons(5060),
					     .sin_addr.s_addr = htonl(0x7f000002) };
	flow = (struct sip_flow){ .tp = sip_transport_for(ua->tps, SIP_TP_UDP, &remote), .remote = remote };
	tp_ops = *flow.tp->ops;
	tp_ops.send = fake_send;
	flow.tp->ops = &tp_ops;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int i, n_sessions, n_trx;
	static size_t blocks;

	if (!ctx) {
		init();
		pass_ms(LONG_QUIET);
		blocks = talloc_total_blocks(ua);
	}
	memset(sent, 0, sizeof(sent));
	memset(calls, 0, sizeof(calls));
	mood = 0;
	for (i = 0; i < MAX_STEPS && size >= 3; i++, data += 3, size -= 3)
		step(data);
	mood = 0;
	for (i = 0; i < N_CALLS; i++) {
		if (sessions[i])
			hang_up(sessions[i]);
	}
	pass_ms(LONG_QUIET);
	/* what challenges said is remembered */
	sip_credentials_free_all(peer);
	sip_credentials_set(peer, "u", "p");
	sip_ua_get_counts(ua, &n_sessions, &n_trx);
	if (n_sessions || n_trx || !sip_ua_idle(ua) || talloc_total_blocks(ua) != blocks) {
		fprintf(stderr, "%u sessions, %u transactions, %zu blocks of %zu\n", n_sessions, n_trx,
			talloc_total_blocks(ua), blocks);
		talloc_report_full(ua, stderr);
		abort();
	}
	return 0;
}
