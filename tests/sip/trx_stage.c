/* See trx_stage.h. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include "trx_stage.h"

static void *test_ctx;
struct sip_trxs *trxs;

/* ---- the wire ---- */

static struct timespec started;
char last_sent[8192];
unsigned int n_sent;
int send_rc;
bool quiet;

static unsigned long now_ms(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - started.tv_sec) * 1000 + (now.tv_nsec - started.tv_nsec) / 1000000;
}

void restart_clock(void)
{
	osmo_clock_gettime(CLOCK_MONOTONIC, &started);
}

static int fake_send(const struct sip_flow *to, const void *data, size_t len)
{
	if (send_rc)
		return send_rc;
	EXPECT(len < sizeof(last_sent));
	memcpy(last_sent, data, len);
	last_sent[len] = '\0';
	n_sent++;
	if (!quiet)
		printf("%6lu ms  sent to %s: %.*s\n", now_ms(), osmo_sockaddr_to_str(&to->remote),
		       (int)strcspn(last_sent, "\r"), last_sent);
	return 0;
}

struct sip_transport_ops fake_ops = { .id = SIP_TP_UDP, .name = "UDP", .default_port = 5060, .send = fake_send };
static struct sip_transport fake_tp = { .ops = &fake_ops };

static struct sip_flow peer_flow(const char *ip, uint16_t port)
{
	struct sip_flow flow = { .tp = &fake_tp };

	flow.remote.u.sin = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	EXPECT(inet_pton(AF_INET, ip, &flow.remote.u.sin.sin_addr) == 1);
	return flow;
}

static void receive_from(const char *text, const char *ip, uint16_t port)
{
	struct sip_flow from = peer_flow(ip, port);
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;

	if (!quiet)
		printf("%6lu ms  received: %.*s\n", now_ms(), (int)strcspn(text, "\r"), text);
	EXPECT(sip_msg_parse(test_ctx, &msg, &reject, (const uint8_t *)text, strlen(text), false) == SIP_PARSE_OK);
	sip_trxs_rx(trxs, msg, &from);
	sip_msg_free(msg);
}

void receive(const char *text)
{
	receive_from(text, "192.0.2.9", 5070);
}

void show_sent(void)
{
	const char *p;

	printf("           | ");
	for (p = last_sent; *p; p++) {
		size_t hex = strspn(p, "0123456789abcdef");
		if (hex >= 16) {
			printf("RANDOM");
			p += hex - 1;
		} else if (*p == '\n' && p[1] && p[1] != '\r') {
			printf("\n           | ");
		} else if (*p != '\r' && *p != '\n') {
			putchar(*p);
		}
	}
	printf("\n");
}

/* ---- the user ---- */

struct sip_trx *trx;
void (*in_response)(void);
void (*in_failed)(void);
void (*in_cancelled)(void);
void (*in_request)(void);

static void act(void (**what)(void))
{
	void (*f)(void) = *what;

	*what = NULL;
	if (f)
		f();
}

static void response_cb(struct sip_trx *t, const struct sip_msg *resp, const struct sip_flow *from, void *data)
{
	if (!quiet)
		printf("%6lu ms    user: response %u to %s%s%s\n", now_ms(), resp->status, resp->method_name,
		       resp->to.tag[0] ? " from " : "", resp->to.tag);
	act(&in_response);
}

static void failed_cb(struct sip_trx *t, enum sip_trx_end why, void *data)
{
	printf("%6lu ms    user: failed, %s\n", now_ms(), why == SIP_TRX_TIMEOUT ? "timeout" : "transport");
	trx = NULL;
	act(&in_failed);
}

static void cancelled_cb(struct sip_trx *t, const struct sip_msg *cancel, void *data)
{
	printf("%6lu ms    user: cancelled, Reason %u\n", now_ms(), sip_msg_reason_q850(cancel));
	act(&in_cancelled);
}

static void gone_cb(struct sip_trx *t, void *data)
{
	if (!quiet)
		printf("%6lu ms    user: gone\n", now_ms());
	if (t == trx)
		trx = NULL;
}

static const struct sip_trx_ops user = {
	.response = response_cb,
	.failed = failed_cb,
	.cancelled = cancelled_cb,
	.gone = gone_cb,
};

static struct sip_msg *kept_req; /* the last request told, parsed again, to answer later */
char req_text[4096];

static void request_cb(void *data, struct sip_trx *t, const struct sip_msg *req, const struct sip_flow *from)
{
	if (!quiet)
		printf("%6lu ms    owner: %s%s%s\n", now_ms(), req->method_name, t ? "" : " without a transaction",
		       t && sip_trxs_is_merged(trxs, t) ? ", merged" : "");
	if (!t)
		return;
	trx = t;
	if (in_request) {
		act(&in_request);
		return;
	}
	sip_trx_attach(t, &user, NULL);
}

static void stray_cb(void *data, const struct sip_msg *resp, const struct sip_flow *from)
{
	printf("%6lu ms    owner: stray %u to %s\n", now_ms(), resp->status, resp->method_name);
}

static const struct sip_trxs_ops owner = { .request = request_cb, .stray_response = stray_cb };

static struct rate_ctr_group *ctrs;
static const struct rate_ctr_desc ctr_desc[] = {
	[SIP_CTR_RX] = { "rx", "rx" },
	[SIP_CTR_TX] = { "tx", "tx" },
	[SIP_CTR_TX_FAILED] = { "tx:failed", "tx failed" },
	[SIP_CTR_RETRANS_TX] = { "retrans:tx", "repeated" },
	[SIP_CTR_RETRANS_RX] = { "retrans:rx", "repetitions received" },
	[SIP_CTR_RX_MALFORMED] = { "rx:malformed", "malformed" },
	[SIP_CTR_RX_REJECTED] = { "rx:rejected", "rejected" },
	[SIP_CTR_RX_STRAY] = { "rx:stray", "stray" },
	[SIP_CTR_RX_UNKNOWN_SOURCE] = { "rx:unknown", "unknown" },
	[SIP_CTR_TRX_TIMEOUT] = { "trx:timeout", "timeout" },
	[SIP_CTR_REFUSED_LIMIT] = { "refused:limit", "limit" },
};
static const struct rate_ctr_group_desc ctrg_desc = {
	"sip", "sip", OSMO_STATS_CLASS_GLOBAL, ARRAY_SIZE(ctr_desc), ctr_desc,
};

uint64_t ctr(enum sip_ctr i)
{
	return ctrs->ctr[i].current;
}

void begin(const char *what)
{
	btw("%s", what);
	EXPECT(sip_trxs_count(trxs) == 0);
	EXPECT(sip_trxs_n_pending(trxs) == 0);
	trx = NULL;
	n_sent = 0;
	send_rc = 0;
	rate_ctr_group_reset(ctrs);
	restart_clock();
}

void end(void)
{
	pass_ms(400000);
	EXPECT(sip_trxs_count(trxs) == 0);
	EXPECT(talloc_total_blocks(trxs) == 1);
}

/* ---- requests of ours, and responses to them ---- */

static char branch[SIP_BRANCH_LEN];
static unsigned int our_cseq;

void send_request(const char *method)
{
	struct sip_flow to = peer_flow("192.0.2.9", 5060);
	enum sip_method m = sip_method_by_name(method, strlen(method));
	char buf[2048];
	struct sip_writer w;
	int len;

	sip_branch_make(branch);
	our_cseq++;
	sip_writer_init(&w, buf, sizeof(buf));
	sip_write_request_line(&w, method, "sip:1234@192.0.2.9;user=phone");
	sip_write_header(&w, "Via", "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=%s", branch);
	sip_write_header_str(&w, "Route", "<sip:192.0.2.9;lr>");
	sip_write_header_str(&w, "Route", "<sip:192.0.2.10;lr>");
	sip_write_header_str(&w, "Max-Forwards", "70");
	sip_write_header_str(&w, "From", "\"A > B; tag\" <sip:5678@192.0.2.1>;tag=ours");
	sip_write_header_str(&w, "To", "<sip:1234@192.0.2.9>");
	sip_write_header_str(&w, "Call-ID", "call1");
	sip_write_header(&w, "CSeq", "%u %s", our_cseq, method);
	sip_write_header_str(&w, "Contact", "<sip:192.0.2.1>");
	len = sip_write_end(&w, "application/sdp", "v=0\r\n", 5);
	EXPECT(len > 0);
	trx = sip_trx_request(trxs, &to, m, branch, buf, len, &user, NULL);
	EXPECT(trx);
}

void respond_as_peer(unsigned int status, const char *method, const char *to_tag)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "SIP/2.0 %u Whatever\r\n"
		 "Via: SIP/2.0/UDP 192.0.2.1:5060;received=192.0.2.1;rport=5060;branch=%s\r\n"
		 "From: <sip:5678@192.0.2.1>;tag=ours\r\n"
		 "To: <sip:1234@192.0.2.9>%s%s\r\n"
		 "Call-ID: call1\r\n"
		 "CSeq: %u %s\r\n"
		 "Content-Length: 0\r\n"
		 "\r\n",
		 status, branch, to_tag ? ";tag=" : "", to_tag ? to_tag : "", our_cseq, method);
	receive(text);
}

/* ---- requests of the peer, and responses of ours ---- */

static const char *via_of(const char *kind)
{
	if (!strcmp(kind, "old"))
		return "Via: SIP/2.0/UDP phone.example.com:5071\r\n";
	return "Via: SIP/2.0/UDP 192.0.2.9:5071;branch=z9hG4bKpeer1;rport=1;received=203.0.113.5\r\n";
}

void request_as_peer(const char *method, const char *kind, const char *extra)
{
	bool old = !strcmp(kind, "old");

	snprintf(req_text, sizeof(req_text),
		 "%s sip:5678@192.0.2.1 SIP/2.0\r\n"
		 "%s"
		 "From: <sip:1234@192.0.2.9>%s\r\n"
		 "To: <sip:5678@192.0.2.1>\r\n"
		 "Call-ID: call2\r\n"
		 "CSeq: 7 %s\r\n"
		 "%s"
		 "Content-Length: 0\r\n"
		 "\r\n",
		 method, via_of(kind), old ? "" : ";tag=theirs", method, extra);
	receive(req_text);
}

int answer(const char *request, unsigned int status, const char *to_tag)
{
	struct sip_flow from = peer_flow("192.0.2.9", 5070);
	struct sip_reject reject;
	char buf[2048];
	struct sip_writer w;
	int len;

	EXPECT(sip_msg_parse(test_ctx, &kept_req, &reject, (const uint8_t *)request, strlen(request), false) ==
	       SIP_PARSE_OK);
	sip_msg_set_source(kept_req, &from.remote);
	sip_writer_init(&w, buf, sizeof(buf));
	sip_write_response_head(&w, kept_req, status, NULL, to_tag, false);
	len = sip_write_end(&w, NULL, NULL, 0);
	sip_msg_free(kept_req);
	EXPECT(len > 0);
	return sip_trx_respond(trx, status, buf, len);
}

char invite_text[4096];

void invite_as_peer(const char *kind)
{
	request_as_peer("INVITE", kind, "");
	strcpy(invite_text, req_text);
}

void new_layer(void)
{
	trxs = sip_trxs_alloc(test_ctx, &owner);
	sip_trxs_set_ctrs(trxs, ctrs);
}

void stage_open(const char *name)
{
	void *root = talloc_named_const(NULL, 0, name);

	story_init(root);
	sip_msg_init();
	fake_time_start();
	restart_clock();
	rate_ctr_init(root);
	ctrs = rate_ctr_group_alloc(root, &ctrg_desc, 0);
	test_ctx = talloc_named_const(root, 0, "test");
	new_layer();
}

void stage_close(void)
{
	sip_trxs_free_all(trxs);
	EXPECT(talloc_total_blocks(test_ctx) == 1);
	btw("done");
}
