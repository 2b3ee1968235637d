/* SIP transactions in each role and state, with virtual time and a wire that is only a list (RFC 3261 17, RFC 6026, RFC
 * 4320). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/sip/sip_ctr.h>
#include <osmocom/sipgw/sip/sip_trx.h>

#include "fake_time.h"
#include "story.h"

/* A transaction that has done its part goes with all others of that half second. */
#define LATE_MS 500

static void *test_ctx;
static struct sip_trxs *trxs;

/* ---- the wire ---- */

static struct timespec started;
static char last_sent[8192];
static unsigned int n_sent;
static int send_rc;
static bool quiet;

static unsigned long now_ms(void)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - started.tv_sec) * 1000 + (now.tv_nsec - started.tv_nsec) / 1000000;
}

static void restart_clock(void)
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

static struct sip_transport_ops fake_ops = { .id = SIP_TP_UDP, .name = "UDP", .default_port = 5060, .send = fake_send };
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

static void receive(const char *text)
{
	receive_from(text, "192.0.2.9", 5070);
}

/* The last message sent, line by line; random tokens are masked. */
static void show_sent(void)
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

static struct sip_trx *trx;	  /* the one under test; NULL when it is gone */
static void (*in_response)(void); /* what the user does inside a callback */
static void (*in_failed)(void);
static void (*in_cancelled)(void);
static void (*in_request)(void);

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
static char req_text[4096];

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

static uint64_t ctr(enum sip_ctr i)
{
	return ctrs->ctr[i].current;
}

static void begin(const char *what)
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

/* Everything is over after so long, whatever it was. */
static void end(void)
{
	pass_ms(400000);
	EXPECT(sip_trxs_count(trxs) == 0);
	EXPECT(talloc_total_blocks(trxs) == 1);
}

/* ---- requests of ours, and responses to them ---- */

static char branch[SIP_BRANCH_LEN];
static unsigned int our_cseq;

static void send_request(const char *method)
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

static void respond_as_peer(unsigned int status, const char *method, const char *to_tag)
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

static void request_as_peer(const char *method, const char *kind, const char *extra)
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

/* Answer the request in req_text, whenever. */
static int answer(const char *request, unsigned int status, const char *to_tag)
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

static char invite_text[4096];

static void invite_as_peer(const char *kind)
{
	request_as_peer("INVITE", kind, "");
	strcpy(invite_text, req_text);
}

/* ---- client, INVITE ---- */

static void test_ict_timeout(void)
{
	begin("INVITE: nobody answers; timer A doubles without bound, timer B ends it");
	send_request("INVITE");
	EXPECT(sip_trxs_n_pending(trxs) == 1);
	pass_ms(31999);
	EXPECT(n_sent == 7);
	pass_ms(1);
	EXPECT(!trx && sip_trxs_count(trxs) == 0);
	EXPECT(ctr(SIP_CTR_RETRANS_TX) == 6 && ctr(SIP_CTR_TRX_TIMEOUT) == 1);
}

static void test_ict_answered(void)
{
	begin("INVITE: 100, 180, 200; the 200 again, and one of another fork; timer M");
	send_request("INVITE");
	pass_ms(600);
	respond_as_peer(100, "INVITE", NULL);
	pass_ms(2000);
	respond_as_peer(180, "INVITE", "a");
	pass_ms(2000);
	EXPECT(sip_trxs_n_pending(trxs) == 1);
	EXPECT(talloc_total_blocks(trx) == 2);
	respond_as_peer(200, "INVITE", "a");
	EXPECT(n_sent == 2 && sip_trxs_n_pending(trxs) == 0);
	btw("nothing but a small struct is left");
	EXPECT(talloc_total_blocks(trx) == 1 && talloc_get_size(trx) < 400);
	respond_as_peer(200, "INVITE", "a");
	respond_as_peer(200, "INVITE", "b");
	btw("what cannot come after a 200 is not told");
	respond_as_peer(180, "INVITE", "c");
	respond_as_peer(486, "INVITE", "c");
	pass_ms(31999);
	EXPECT(trx);
	pass_ms(LATE_MS);
	EXPECT(!trx);
	respond_as_peer(200, "INVITE", "a");
	EXPECT(ctr(SIP_CTR_RX_STRAY) == 1);
}

static void test_ict_refused(void)
{
	begin("INVITE: 486; the ACK has the To of the response, the Route and the Via of the request");
	send_request("INVITE");
	respond_as_peer(486, "INVITE", "a");
	EXPECT(!trx);
	show_sent();
	pass_ms(1000);
	respond_as_peer(486, "INVITE", "a");
	EXPECT(n_sent == 3);
	pass_ms(30999);
	respond_as_peer(486, "INVITE", "a");
	EXPECT(n_sent == 4 && sip_trxs_count(trxs) == 1);
	pass_ms(LATE_MS);
	EXPECT(sip_trxs_count(trxs) == 0);
}

static void test_ict_reliable(void)
{
	begin("INVITE over a reliable transport: nothing is repeated, timer D is 0");
	fake_ops.reliable = true;
	send_request("INVITE");
	pass_ms(20000);
	EXPECT(n_sent == 1);
	respond_as_peer(486, "INVITE", "a");
	pass_ms(1);
	EXPECT(sip_trxs_count(trxs) == 0);
	btw("timer B is there all the same");
	send_request("INVITE");
	pass_ms(32000);
	EXPECT(!trx && sip_trxs_count(trxs) == 0);
	fake_ops.reliable = false;
}

static void test_ict_cancel_early(void)
{
	begin("CANCEL before any response waits for the first provisional one");
	send_request("INVITE");
	sip_trx_cancel(trx, "Q.850;cause=16");
	sip_trx_cancel(trx, "again");
	EXPECT(n_sent == 1);
	respond_as_peer(100, "INVITE", NULL);
	show_sent();
	EXPECT(n_sent == 2 && sip_trxs_count(trxs) == 2);
	respond_as_peer(200, "CANCEL", "a");
	respond_as_peer(487, "INVITE", "a");
	EXPECT(!trx);
	end();
}

static void test_ict_cancel_late(void)
{
	begin("CANCEL after 180 goes out at once, is repeated; a 200 crosses it");
	send_request("INVITE");
	respond_as_peer(180, "INVITE", "a");
	sip_trx_cancel(trx, NULL);
	EXPECT(!strstr(last_sent, "Reason"));
	pass_ms(600);
	EXPECT(n_sent == 3);
	respond_as_peer(200, "INVITE", "a");
	EXPECT(trx);
	respond_as_peer(481, "CANCEL", "a");
	end();
	EXPECT(!trx);

	begin("CANCEL is answered, but no final response comes: given up after 64*T1");
	send_request("INVITE");
	respond_as_peer(180, "INVITE", "a");
	sip_trx_cancel(trx, NULL);
	respond_as_peer(200, "CANCEL", "a");
	pass_ms(1000);
	respond_as_peer(180, "INVITE", "a");
	pass_ms(30999);
	EXPECT(trx);
	pass_ms(1);
	EXPECT(!trx);
	end();

	begin("CANCEL wanted, but nobody ever answers the INVITE");
	send_request("INVITE");
	sip_trx_cancel(trx, "Q.850;cause=16");
	pass_ms(32000);
	EXPECT(!trx && n_sent == 7 && sip_trxs_count(trxs) == 0);

	begin("CANCEL wanted, and the INVITE is answered without any provisional response");
	send_request("INVITE");
	sip_trx_cancel(trx, NULL);
	respond_as_peer(200, "INVITE", "a");
	EXPECT(n_sent == 1);
	end();
}

static void test_ict_timer_c(void)
{
	begin("timer C: restarted by each provisional response; then CANCEL, and the user hears of it at once");
	send_request("INVITE");
	respond_as_peer(180, "INVITE", "a");
	pass_ms(100000);
	respond_as_peer(180, "INVITE", "a");
	pass_ms(180999);
	EXPECT(trx);
	pass_ms(1);
	EXPECT(!trx && !strncmp(last_sent, "CANCEL ", 7));
	respond_as_peer(200, "CANCEL", "a");
	respond_as_peer(487, "INVITE", "a");
	EXPECT(!strncmp(last_sent, "ACK ", 4));
	end();

	begin("a 200 to an INVITE whose user has gone is told to the owner");
	send_request("INVITE");
	respond_as_peer(180, "INVITE", "a");
	sip_trx_detach(trx);
	respond_as_peer(200, "INVITE", "a");
	end();
}

/* ---- client, others ---- */

static void test_nict(void)
{
	begin("OPTIONS: timer E doubles up to T2, timer F ends it");
	send_request("OPTIONS");
	pass_ms(32000);
	EXPECT(!trx && n_sent == 11);

	begin("OPTIONS: after a provisional response T2 is the interval; 200; timer K absorbs");
	send_request("OPTIONS");
	pass_ms(700);
	respond_as_peer(100, "OPTIONS", NULL);
	pass_ms(9000);
	respond_as_peer(200, "OPTIONS", "a");
	EXPECT(!trx);
	respond_as_peer(200, "OPTIONS", "a");
	pass_ms(4999);
	EXPECT(sip_trxs_count(trxs) == 1);
	pass_ms(LATE_MS);
	EXPECT(sip_trxs_count(trxs) == 0);

	begin("a provisional response does not save it from timer F");
	send_request("BYE");
	respond_as_peer(100, "BYE", NULL);
	pass_ms(32000);
	EXPECT(!trx && sip_trxs_count(trxs) == 0);

	begin("a method that we do not know ourselves");
	send_request("FLY");
	respond_as_peer(501, "FLY", "a");
	end();

	begin("what cannot be sent fails, but not inside the call");
	send_rc = -ENETUNREACH;
	send_request("OPTIONS");
	EXPECT(trx);
	pump();
	EXPECT(!trx && sip_trxs_count(trxs) == 0 && ctr(SIP_CTR_TRX_TIMEOUT) == 0);

	begin("so it does when it cannot be repeated");
	send_request("INVITE");
	send_rc = -EHOSTUNREACH;
	pass_ms(500);
	EXPECT(!trx && sip_trxs_count(trxs) == 0);
	send_rc = 0;
}

/* No value of the timers may make a storm of it. */
static void test_no_storm(void)
{
	static const char *const methods[] = { "INVITE", "OPTIONS" };
	unsigned int i;

	osmo_tdef_get_entry(sip_tdefs, T_SIP_T1)->val = 0;
	osmo_tdef_get_entry(sip_tdefs, T_SIP_T2)->val = 0;
	for (i = 0; i < ARRAY_SIZE(methods); i++) {
		begin("T1 and T2 of 0");
		quiet = true;
		send_request(methods[i]);
		pass_ms(32000);
		quiet = false;
		printf("           %s sent %u times\n", methods[i], n_sent);
		EXPECT(!trx && n_sent < 350);
	}
	begin("T1 and T2 of 0, no ACK to a 486");
	invite_as_peer("new");
	EXPECT(answer(invite_text, 486, "us") == 0);
	quiet = true;
	pass_ms(32000);
	quiet = false;
	EXPECT(!trx && n_sent < 350);
	timers_init();
}

/* ---- server, INVITE ---- */

static void test_ist_refused(void)
{
	begin("INVITE for us: the last response is repeated for each repetition; 486 until the ACK; timer I");
	invite_as_peer("new");
	EXPECT(answer(invite_text, 100, NULL) == 0);
	show_sent();
	receive(invite_text);
	EXPECT(answer(invite_text, 180, "us") == 0);
	receive(invite_text);
	EXPECT(n_sent == 4 && ctr(SIP_CTR_RETRANS_RX) == 2);
	restart_clock();
	EXPECT(answer(invite_text, 486, "us") == 0);
	EXPECT(answer(invite_text, 486, "us") == -EALREADY);
	pass_ms(600);
	receive(invite_text);
	pass_ms(6400);
	EXPECT(n_sent == 9);
	request_as_peer("ACK", "new", "");
	EXPECT(!trx);
	btw("the ACK again, and a late INVITE: absorbed");
	request_as_peer("ACK", "new", "");
	receive(invite_text);
	EXPECT(n_sent == 9);
	pass_ms(4999);
	EXPECT(sip_trxs_count(trxs) == 1);
	pass_ms(LATE_MS);
	EXPECT(sip_trxs_count(trxs) == 0);

	begin("INVITE for us: 486, and the ACK never comes: timer G up to T2, timer H");
	invite_as_peer("new");
	answer(invite_text, 486, "us");
	pass_ms(32000);
	EXPECT(!trx && n_sent == 11 && sip_trxs_count(trxs) == 0);

	begin("over a reliable transport it is not repeated, but H runs, and I is 0");
	fake_ops.reliable = true;
	invite_as_peer("new");
	answer(invite_text, 486, "us");
	pass_ms(20000);
	EXPECT(n_sent == 1);
	request_as_peer("ACK", "new", "");
	pass_ms(1);
	EXPECT(sip_trxs_count(trxs) == 0);
	fake_ops.reliable = false;
}

static void test_ist_accepted(void)
{
	begin("INVITE for us: 200; repeated INVITEs are absorbed (RFC 6026), the 200 is the user's to repeat");
	invite_as_peer("new");
	answer(invite_text, 180, "us");
	answer(invite_text, 200, "us");
	receive(invite_text);
	pass_ms(1000);
	EXPECT(n_sent == 2);
	sip_trx_repeat(trx);
	EXPECT(n_sent == 3);
	btw("its ACK is told without a transaction, also with the branch of the INVITE");
	request_as_peer("ACK", "new", "");
	EXPECT(talloc_total_blocks(trx) == 2);
	sip_trx_acked(trx);
	sip_trx_repeat(trx);
	EXPECT(n_sent == 3 && talloc_total_blocks(trx) == 1 && talloc_get_size(trx) < 400);
	receive(invite_text);
	EXPECT(n_sent == 3);
	pass_ms(30999);
	EXPECT(trx);
	pass_ms(LATE_MS);
	EXPECT(!trx && sip_trxs_count(trxs) == 0);
}

static void say_487(void)
{
	answer(invite_text, 487, "us");
}

static void test_ist_cancel(void)
{
	begin("CANCEL for an INVITE: 200 with the same To tag, the user says 487");
	invite_as_peer("new");
	answer(invite_text, 180, "us");
	in_cancelled = say_487;
	quiet = true;
	n_sent = 0;
	request_as_peer("CANCEL", "new", "Reason: SIP;cause=200, Q.850;cause=26;text=\"elsewhere, really\"\r\n");
	quiet = false;
	EXPECT(n_sent == 2 && !strncmp(last_sent, "SIP/2.0 487", 11));
	btw("the CANCEL again gets its 200 again");
	receive(req_text);
	show_sent();
	request_as_peer("ACK", "new", "");
	end();

	begin("CANCEL for an INVITE that is answered: 200, and nothing happens");
	invite_as_peer("new");
	answer(invite_text, 200, "us");
	request_as_peer("CANCEL", "new", "");
	end();

	begin("CANCEL for nothing: 481");
	request_as_peer("CANCEL", "new", "");
	EXPECT(!strncmp(last_sent, "SIP/2.0 481", 11));
	end();
}

static void test_unanswered(void)
{
	begin("the user leaves without a final response: 500 from the provisional one, with a tag");
	invite_as_peer("new");
	answer(invite_text, 100, NULL);
	sip_trx_detach(trx);
	EXPECT(strstr(last_sent, "SIP/2.0 500") && strstr(last_sent, ";tag="));
	EXPECT(strstr(last_sent, "rport=5070"));
	request_as_peer("ACK", "new", "");
	end();

	begin("the user leaves without any response, later");
	request_as_peer("INFO", "new", "");
	sip_trx_detach(trx);
	EXPECT(strstr(last_sent, "SIP/2.0 500") && strstr(last_sent, ";tag="));
	end();
}

static void leave(void)
{
	sip_trx_detach(trx);
}

static void nothing(void)
{
}

static void free_all(void)
{
	sip_trxs_free_all(trxs);
}

static void test_unattached(void)
{
	begin("the user leaves inside request()");
	in_request = leave;
	request_as_peer("INFO", "new", "");
	EXPECT(n_sent == 1);
	end();

	begin("nobody attaches and nobody answers: 500, some time");
	in_request = nothing;
	request_as_peer("INFO", "new", "");
	pass_ms(31999);
	EXPECT(n_sent == 0);
	pass_ms(1);
	EXPECT(n_sent == 1 && strstr(last_sent, "SIP/2.0 500"));
	end();
	EXPECT(n_sent == 1);
	begin("so for an INVITE");
	in_request = nothing;
	invite_as_peer("new");
	end();
	EXPECT(strstr(last_sent, "SIP/2.0 500"));
}

static void test_nist(void)
{
	begin("BYE for us: absorbed until answered, then the answer is repeated; timer J");
	request_as_peer("BYE", "new", "");
	receive(req_text);
	EXPECT(n_sent == 0);
	answer(req_text, 200, "us");
	pass_ms(100);
	receive(req_text);
	EXPECT(n_sent == 2);
	pass_ms(31899);
	EXPECT(sip_trxs_count(trxs) == 1);
	pass_ms(LATE_MS);
	EXPECT(sip_trxs_count(trxs) == 0);

	begin("with a provisional response before");
	request_as_peer("BYE", "new", "");
	answer(req_text, 100, NULL);
	receive(req_text);
	answer(req_text, 200, "us");
	EXPECT(n_sent == 3);
	end();

	begin("over a reliable transport timer J is 0");
	fake_ops.reliable = true;
	request_as_peer("BYE", "new", "");
	answer(req_text, 200, "us");
	pass_ms(1);
	EXPECT(sip_trxs_count(trxs) == 0);
	fake_ops.reliable = false;
}

/* ---- RFC 2543 peers ---- */

static void test_old(void)
{
	begin("a peer of RFC 2543, no branch, no tag: its INVITE again, CANCEL, ACK find the transaction; responses to its Via port");
	invite_as_peer("old");
	answer(invite_text, 180, "us");
	show_sent();
	receive(invite_text);
	EXPECT(n_sent == 2);
	in_cancelled = say_487;
	request_as_peer("CANCEL", "old", "");
	request_as_peer("ACK", "old", "");
	EXPECT(!trx);
	end();

	begin("its ACK to a 200 is told without a transaction");
	invite_as_peer("old");
	answer(invite_text, 200, "us");
	request_as_peer("ACK", "old", "");
	sip_trx_acked(trx);
	end();

	begin("a BYE with the same Via is another transaction");
	invite_as_peer("old");
	answer(invite_text, 200, "us");
	sip_trx_detach(trx);
	request_as_peer("BYE", "old", "");
	answer(req_text, 200, "us");
	end();
}

/* ---- the layer ---- */

static void test_merged(void)
{
	char copy[4096], *p;

	begin("the same request by another way: another branch, all else equal");
	invite_as_peer("new");
	strcpy(copy, invite_text);
	p = strstr(copy, "z9hG4bKpeer1");
	p[11] = '2';
	struct sip_trx *first = trx;
	receive(copy);
	EXPECT(trx != first);
	answer(copy, 482, "us");
	sip_trx_detach(trx);
	trx = first;
	btw("but not within a dialog");
	strcpy(copy, invite_text);
	p = strstr(copy, "z9hG4bKpeer1");
	p[11] = '3';
	p = strstr(copy, "To: <sip:5678@192.0.2.1>");
	memcpy(p, "To:<sip:5678@1.2>;tag=xx", 24);
	receive(copy);
	EXPECT(!sip_trxs_is_merged(trxs, trx));
	sip_trx_detach(trx);
	sip_trx_detach(first);
	end();
}

static void test_limit(void)
{
	char copy[4096];
	unsigned int i;

	begin("a full layer answers 503 without a transaction; what belongs to a dialog has some more room");
	sip_trxs_set_max(trxs, 4);
	quiet = true;
	for (i = 0; i < 4; i++)
		send_request("OPTIONS");
	quiet = false;
	invite_as_peer("new");
	EXPECT(sip_trxs_count(trxs) == 4 && ctr(SIP_CTR_REFUSED_LIMIT) == 1);
	show_sent();
	request_as_peer("BYE", "new", "");
	EXPECT(sip_trxs_count(trxs) == 4 && ctr(SIP_CTR_REFUSED_LIMIT) == 2);
	strcpy(copy, req_text);
	char *p = strstr(copy, "To: <sip:5678@192.0.2.1>");
	memcpy(p, "To:<sip:5678@1.2>;tag=xx", 24);
	receive(copy);
	EXPECT(sip_trxs_count(trxs) == 5);
	answer(copy, 200, NULL);
	sip_trxs_set_max(trxs, 200000);
	end();
}

static void cancel_it(void)
{
	sip_trx_cancel(trx, NULL);
}

static void detach_it(void)
{
	sip_trx_detach(trx);
	trx = NULL;
}

static void another(void)
{
	send_request("OPTIONS");
}

static void test_reentrancy(void)
{
	begin("the user cancels inside response(), leaves inside response(), starts another one inside failed()");
	send_request("INVITE");
	in_response = cancel_it;
	respond_as_peer(180, "INVITE", "a");
	in_response = detach_it;
	respond_as_peer(183, "INVITE", "a");
	respond_as_peer(487, "INVITE", "a");
	send_request("OPTIONS");
	in_response = detach_it;
	respond_as_peer(200, "OPTIONS", "a");
	send_request("INVITE");
	in_response = detach_it;
	respond_as_peer(200, "INVITE", "a");
	send_request("INVITE");
	in_response = detach_it;
	respond_as_peer(404, "INVITE", "a");
	quiet = true;
	send_request("OPTIONS");
	in_failed = another;
	pass_ms(32000);
	quiet = false;
	EXPECT(trx);
	respond_as_peer(200, "OPTIONS", "a");
	end();

	begin("everything is freed inside a callback");
	send_request("INVITE");
	send_request("OPTIONS");
	in_response = free_all;
	respond_as_peer(200, "OPTIONS", "a");
	trxs = sip_trxs_alloc(test_ctx, &owner);
	sip_trxs_set_ctrs(trxs, ctrs);
	send_request("INVITE");
	in_failed = free_all;
	pass_ms(32000);
	trxs = sip_trxs_alloc(test_ctx, &owner);
	sip_trxs_set_ctrs(trxs, ctrs);
}

/* Both roles against each other, with every third message lost. */
static void test_loss(void)
{
	unsigned int i;

	begin("loss: of a peer that hears only some of it, each response is repeated until it is there");
	quiet = true;
	invite_as_peer("new");
	for (i = 0; i < 5; i++)
		receive(invite_text);
	EXPECT(n_sent == 0);
	answer(invite_text, 180, "us");
	for (i = 0; i < 5; i++)
		receive(invite_text);
	EXPECT(n_sent == 6);
	answer(invite_text, 603, "us");
	pass_ms(10000);
	request_as_peer("ACK", "new", "");
	EXPECT(!trx);
	quiet = false;
	end();
}

int main(void)
{
	void *root = talloc_named_const(NULL, 0, "sip_trx_test");

	story_init(root);
	sip_msg_init();
	fake_time_start();
	restart_clock();
	rate_ctr_init(root);
	ctrs = rate_ctr_group_alloc(root, &ctrg_desc, 0);
	test_ctx = talloc_named_const(root, 0, "test");
	trxs = sip_trxs_alloc(test_ctx, &owner);
	sip_trxs_set_ctrs(trxs, ctrs);

	test_ict_timeout();
	test_ict_answered();
	test_ict_refused();
	test_ict_reliable();
	test_ict_cancel_early();
	test_ict_cancel_late();
	test_ict_timer_c();
	test_nict();
	test_no_storm();
	test_ist_refused();
	test_ist_accepted();
	test_ist_cancel();
	test_unanswered();
	test_unattached();
	test_nist();
	test_old();
	test_merged();
	test_limit();
	test_reentrancy();
	test_loss();

	sip_trxs_free_all(trxs);
	EXPECT(talloc_total_blocks(test_ctx) == 1);
	btw("done");
	return 0;
}
