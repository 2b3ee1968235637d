/* SIP over TCP on real loopback sockets, with virtual time: connections come, are used, grow silent and go; and what
 * transactions make of it. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#define _GNU_SOURCE
#include <signal.h>

#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/sip/sip_ctr.h>
#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/sip/sip_trx.h>

#include "stream_peer.h"

static void *ctx;
static struct sip_transports *all;
static struct sip_trxs *trxs;
static struct sip_transport *tcp;
static struct sip_flow last_from;
static unsigned int n_rx, n_closed, n_failed;
static bool silent;

#define OPTIONS(branch)                                                                                                \
	"OPTIONS sip:a@b.example SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:5099;branch=z9hG4bK" branch "\r\n"              \
	"From: <sip:c@d.example>;tag=1\r\nTo: <sip:a@b.example>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"

static const char ok_response[] =
	"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0.0.2:%u;branch=z9hG4bKz\r\nContent-Length: 0\r\n\r\n";

/* Answer everything. */
static void rx_cb(void *data, const struct sip_flow *from, const uint8_t *buf, size_t len)
{
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;
	static char out[4096];
	struct sip_writer w;
	int n = 0;

	n_rx++;
	last_from = *from;
	switch (sip_msg_parse(ctx, &msg, &reject, buf, len, from->tp->ops->reliable)) {
	case SIP_PARSE_OK:
		if (!msg->is_request) {
			sip_trxs_rx(trxs, msg, from);
		} else if (!silent) {
			sip_msg_set_source(msg, &from->remote);
			sip_writer_init(&w, out, sizeof(out));
			sip_write_response_head(&w, msg, 200, NULL, "us", false);
			n = sip_write_end(&w, NULL, NULL, 0);
		}
		sip_msg_free(msg);
		break;
	case SIP_PARSE_REJECT:
		n = sip_reject_write(out, sizeof(out), &reject);
		talloc_free(reject.response_head);
		break;
	default:
		break;
	}
	if (n > 0)
		sip_transport_send(from, out, n);
}

static void lost_cb(void *data, const struct sip_flow *flow, enum sip_flow_loss why)
{
	if (why == SIP_FLOW_CLOSED)
		n_closed++;
	else
		n_failed++;
	sip_trxs_flow_lost(trxs, flow, why);
}

static void count_conn(const struct sip_conn_info *info, void *data)
{
	(*(unsigned int *)data)++;
}

static unsigned int n_conns(void)
{
	unsigned int n = 0;

	sip_transports_each_conn(all, count_conn, &n);
	return n;
}

static const char *first_line(const char *text)
{
	static char buf[128];

	snprintf(buf, sizeof(buf), "%.*s", (int)strcspn(text, "\r\n"), text);
	return buf;
}

#define SAYS(fd, text)                                                                                                 \
	do {                                                                                                           \
		peer_says(fd, text);                                                                                   \
		printf("  %s\n", first_line(peer_hears(fd)));                                                          \
	} while (0)

static int client(void)
{
	return peer_connect("127.0.0.2", &tcp->bound);
}

static void test_framing(void)
{
	static char big[20000];
	int fd = client();

	btw("a message, two at once, one in three pieces");
	SAYS(fd, OPTIONS("a") "Content-Length: 0\r\n\r\n");
	peer_says(fd, OPTIONS("b") "Content-Length: 3\r\n\r\nabc" OPTIONS("c") "l: 0\r\n\r\n");
	EXPECT(n_rx == 3);
	EXPECT(strcmp(peer_hears(fd), "") != 0);
	peer_says(fd, "OPTIONS sip:");
	EXPECT(n_rx == 3 && strcmp(peer_hears(fd), "") == 0);
	peer_says(fd, &OPTIONS("d")[12]);
	peer_says(fd, "Content-Length: 0\r\n\r\n");
	EXPECT(n_rx == 4);
	printf("  %s\n", first_line(peer_hears(fd)));

	btw("a ping gets its pong, half a ping nothing");
	peer_says(fd, "\r\n");
	EXPECT(strcmp(peer_hears(fd), "") == 0);
	peer_says(fd, "\r\n");
	EXPECT(strcmp(peer_hears(fd), "\r\n") == 0);

	btw("no Content-Length: refused, and closed");
	SAYS(fd, OPTIONS("e") "\r\n" OPTIONS("f") "l: 0\r\n\r\n");
	EXPECT(strcmp(peer_hears(fd), "closed") == 0 && n_rx == 5);
	close(fd);
	pump();
	EXPECT(n_conns() == 0);

	btw("a body that is too long, a head without an end: 513, and closed");
	fd = client();
	memset(big, 'x', sizeof(big));
	peer_says(fd, OPTIONS("g") "Content-Length: 100000\r\n\r\n");
	peer_send(fd, big, sizeof(big));
	printf("  %s\n", first_line(peer_hears(fd)));
	EXPECT(strcmp(peer_hears(fd), "closed") == 0);
	close(fd);
	fd = client();
	peer_says(fd, OPTIONS("h") "X: ");
	peer_send(fd, big, 10000);
	printf("  %s\n", first_line(peer_hears(fd)));
	EXPECT(strcmp(peer_hears(fd), "closed") == 0);
	btw("who does not close his side is closed on 2 s later");
	EXPECT(n_conns() == 1);
	pass_ms(2100);
	EXPECT(n_conns() == 0);
	close(fd);

	btw("binary is closed at once");
	fd = client();
	peer_send(fd, "\x16\x03\x01\x02\x00\x01", 6);
	EXPECT(strcmp(peer_hears(fd), "closed") == 0);
	close(fd);
	pump();
}

static void test_silence(void)
{
	int fd = client(), fd2 = client();

	btw("half a message and then silence: closed after 20 s; so is one that says nothing at all");
	SAYS(fd, OPTIONS("i") "l: 0\r\n\r\n");
	pass_ms(5000);
	peer_says(fd, OPTIONS("j"));
	pass_ms(14000);
	EXPECT(n_conns() == 2);
	pass_ms(2000);
	EXPECT(n_conns() == 1 && strcmp(peer_hears(fd2), "closed") == 0);
	peer_says(fd, "X: y\r\n");
	pass_ms(5000);
	EXPECT(strcmp(peer_hears(fd), "closed") == 0);
	close(fd);
	close(fd2);

	btw("not used for 15 minutes: closed; pings are use");
	fd = client();
	fd2 = client();
	SAYS(fd, OPTIONS("k") "l: 0\r\n\r\n");
	SAYS(fd2, OPTIONS("l") "l: 0\r\n\r\n");
	pass_ms(600000);
	SAYS(fd2, "\r\n\r\n");
	pass_ms(310000);
	EXPECT(strcmp(peer_hears(fd), "closed") == 0 && n_conns() == 1);
	close(fd);
	close(fd2);
	pump();
	EXPECT(n_conns() == 0);
}

static void test_slow(void)
{
	static char text[4000];
	unsigned int i, n = 0;
	int fd = client(), fd2;

	btw("one that does not read is closed when too much waits for it; another one is not delayed");
	memset(text, 'x', sizeof(text));
	peer_says(fd, OPTIONS("m") "l: 0\r\n\r\n");
	for (i = 0; i < 100000; i++) {
		if (sip_transport_send(&last_from, text, sizeof(text)) < 0)
			break;
		n++;
	}
	EXPECT(i < 100000 && n > 100);
	EXPECT(n_conns() == 0);
	fd2 = client();
	SAYS(fd2, OPTIONS("n") "l: 0\r\n\r\n");
	close(fd);
	btw("or when nothing moves for 10 s");
	fd = client();
	peer_says(fd, OPTIONS("o") "l: 0\r\n\r\n");
	struct sip_flow slow = last_from;
	for (i = 0; i < 100000; i++) {
		unsigned long queued = 0;
		EXPECT(sip_transport_send(&slow, text, sizeof(text)) == 0);
		void get_queue(const struct sip_conn_info *info, void *data);
		sip_transports_each_conn(all, get_queue, &queued);
		if (queued > 100000)
			break;
	}
	pass_ms(9000);
	EXPECT(n_conns() == 2);
	pass_ms(2000);
	EXPECT(n_conns() == 1);
	close(fd);
	close(fd2);
	pump();
}

void get_queue(const struct sip_conn_info *info, void *data);
void get_queue(const struct sip_conn_info *info, void *data)
{
	*(unsigned long *)data += info->queued;
}

static void test_limits(void)
{
	struct sip_transport_cfg cfg;
	int fd[8], i;

	btw("at most 3 from one address, 4 in total: others are closed");
	sip_transport_cfg_default(&cfg);
	cfg.max_conns = 4;
	cfg.max_conns_per_source = 3;
	sip_transports_set_cfg(all, &cfg, NULL, NULL);
	for (i = 0; i < 6; i++)
		fd[i] = peer_connect(i < 4 ? "127.0.0.2" : "127.0.0.3", &tcp->bound);
	for (i = 0; i < 6; i++)
		printf("  %s", strcmp(peer_hears(fd[i]), "") == 0 ? "open" : "closed");
	printf("\n");
	EXPECT(n_conns() == 4);
	btw("room again when one goes");
	close(fd[0]);
	pump();
	fd[0] = client();
	SAYS(fd[0], OPTIONS("p") "l: 0\r\n\r\n");
	for (i = 0; i < 6; i++)
		close(fd[i]);
	pump();
	EXPECT(n_conns() == 0);
	sip_transport_cfg_default(&cfg);
	static struct sip_transport_cfg keep;
	keep = cfg;
	sip_transports_set_cfg(all, &keep, NULL, NULL);
}

static void test_response_path(void)
{
	struct osmo_sockaddr via = {};
	int server = peer_listen("127.0.0.2", &via), fd = client(), back;
	char text[512], response[256];

	btw("a response goes by the connection that the request came by");
	silent = true;
	snprintf(text, sizeof(text), "%s", OPTIONS("q") "l: 0\r\n\r\n");
	peer_says(fd, text);
	snprintf(response, sizeof(response), ok_response, port_of(&via));
	EXPECT(sip_transport_send(&last_from, response, strlen(response)) == 0);
	printf("  %s\n", first_line(peer_hears(fd)));
	btw("if that is gone, by a new one to the port of the Via");
	close(fd);
	pump();
	EXPECT(sip_transport_send(&last_from, response, strlen(response)) == 0);
	back = peer_accept(server);
	EXPECT(back >= 0);
	printf("  %s\n", first_line(peer_hears(back)));
	EXPECT(sip_transport_send(&last_from, response, strlen(response)) == 0);
	EXPECT(strncmp(peer_hears(back), "SIP/2.0 200", 11) == 0 && n_conns() == 1);
	close(back);
	close(server);
	silent = false;
	pump();
	EXPECT(n_conns() == 0);
}

/* ---- transactions ---- */

static const char *ended;

static void on_response(struct sip_trx *trx, const struct sip_msg *resp, const struct sip_flow *from, void *data)
{
	static char text[32];

	snprintf(text, sizeof(text), "%u", resp->status);
	ended = text;
}

static void on_failed(struct sip_trx *trx, enum sip_trx_end why, void *data)
{
	ended = why == SIP_TRX_TRANSPORT ? "transport" : "timeout";
}

static const struct sip_trx_ops trx_ops = { .response = on_response, .failed = on_failed };

static void request(const char *method, const struct sip_flow *to, size_t pad)
{
	static char text[8192];
	char branch[SIP_BRANCH_LEN];
	int n;

	sip_branch_make(branch);
	n = snprintf(
		text, sizeof(text),
		"%s sip:a@b.example SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:5060;branch=%s\r\nFrom: <sip:c@d.example>;tag=1\r\n"
		"To: <sip:a@b.example>\r\nCall-ID: y\r\nCSeq: 1 %s\r\nContent-Length: %zu\r\n\r\n%*s",
		method, to->tp->ops->name, branch, method, pad, (int)pad, "");
	ended = NULL;
	EXPECT(sip_trx_request(trxs, to, sip_method_by_name(method, strlen(method)), branch, text, n, &trx_ops, NULL));
}

static void peer_answers(int fd, const char *req, unsigned int status)
{
	char text[1024], via[256], cseq[64];
	const char *p = strstr(req, "Via: ");

	EXPECT(p);
	snprintf(via, sizeof(via), "%.*s", (int)strcspn(p, "\r"), p);
	p = strstr(req, "CSeq: ");
	snprintf(cseq, sizeof(cseq), "%.*s", (int)strcspn(p, "\r"), p);
	snprintf(
		text, sizeof(text),
		"SIP/2.0 %u X\r\n%s\r\nFrom: <sip:c@d.example>;tag=1\r\nTo: <sip:a@b.example>;tag=2\r\nCall-ID: y\r\n%s\r\n"
		"Content-Length: 0\r\n\r\n",
		status, via, cseq);
	peer_says(fd, text);
}

static void test_trx(void)
{
	struct osmo_sockaddr addr = {};
	int server = peer_listen("127.0.0.2", &addr), fd;
	struct sip_flow to = { .tp = tcp, .remote = addr };
	const char *heard;

	btw("a request opens a connection, is answered, and nothing lingers");
	request("OPTIONS", &to, 0);
	fd = peer_accept(server);
	heard = peer_hears(fd);
	printf("  %s\n", first_line(heard));
	peer_answers(fd, heard, 200);
	printf("  %s, %u transactions\n", ended, sip_trxs_count(trxs));

	btw("the next one uses the same; nothing is sent again; F ends it");
	request("OPTIONS", &to, 0);
	EXPECT(peer_accept(server) < 0);
	EXPECT(strncmp(peer_hears(fd), "OPTIONS", 7) == 0);
	pass_ms(20000);
	EXPECT(strcmp(peer_hears(fd), "") == 0 && !ended);
	pass_ms(13000);
	/* our keep-alive */
	printf("  %s\n", ended);
	EXPECT(strcmp(peer_hears(fd), "\r\n\r\n") == 0);

	btw("our pings are answered; one that is not closes the connection");
	peer_says(fd, "\r\n");
	pass_ms(28000);
	EXPECT(strcmp(peer_hears(fd), "\r\n\r\n") == 0);
	pass_ms(8000);
	EXPECT(strcmp(peer_hears(fd), "") == 0);
	pass_ms(2000);
	EXPECT(strcmp(peer_hears(fd), "closed") == 0);
	close(fd);

	btw("closed while a request waits: it is sent once more by a new connection");
	request("OPTIONS", &to, 0);
	fd = peer_accept(server);
	EXPECT(strncmp(peer_hears(fd), "OPTIONS", 7) == 0);
	close(fd);
	fd = peer_accept(server);
	EXPECT(fd >= 0 && !ended);
	heard = peer_hears(fd);
	EXPECT(strncmp(heard, "OPTIONS", 7) == 0);
	btw("and when that is closed, too, it has failed");
	close(fd);
	pump();
	printf("  %s\n", ended);

	btw("an INVITE that rings stays, if the peer can be reached");
	request("INVITE", &to, 0);
	fd = peer_accept(server);
	peer_answers(fd, peer_hears(fd), 180);
	printf("  %s\n", ended);
	close(fd);
	fd = peer_accept(server);
	EXPECT(fd >= 0 && strcmp(peer_hears(fd), "") == 0);
	EXPECT(strcmp(ended, "180") == 0);
	btw("and fails when nobody is there any more");
	close(server);
	close(fd);
	pump();
	printf("  %s\n", ended);

	btw("nobody listens: failed at once, not after 32 s");
	request("INVITE", &to, 0);
	pump();
	printf("  %s\n", ended);
	request("OPTIONS", &to, 0);
	pump();
	printf("  %s\n", ended);
	pass_ms(40000);
	EXPECT(sip_trxs_count(trxs) == 0 && n_conns() == 0);
}

static void test_long_requests(void)
{
	struct osmo_sockaddr addr = {}, udp_addr = addr4("127.0.0.1", 0);
	int server = peer_listen("127.0.0.2", &addr), fd, udp;
	struct sip_flow to = { .remote = addr };
	char buf[4096];
	ssize_t n;

	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &udp_addr) == 0);
	to.tp = sip_transport_for(all, SIP_TP_UDP, &addr);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	EXPECT(bind(udp, &addr.u.sa, sizeof(addr.u.sin)) == 0);

	btw("1300 bytes go over UDP, more over TCP, and the Via says so");
	request("OPTIONS", &to, 1000);
	EXPECT(recv(udp, buf, sizeof(buf), MSG_DONTWAIT) > 1000);
	request("INVITE", &to, 1200);
	EXPECT(recv(udp, buf, sizeof(buf), MSG_DONTWAIT) < 0);
	fd = peer_accept(server);
	EXPECT(fd >= 0);
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	EXPECT(n > 1300);
	buf[n] = '\0';
	EXPECT(strstr(buf, "SIP/2.0/TCP 127.0.0.1:5060"));
	peer_answers(fd, buf, 486);
	printf("  %s\n", ended);
	EXPECT(strncmp(peer_hears(fd), "ACK", 3) == 0);
	close(fd);
	close(server);
	pump();

	btw("no TCP there: UDP all the same, with its retransmissions");
	request("INVITE", &to, 1200);
	pump();
	n = recv(udp, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	EXPECT(n > 1300 && !ended);
	buf[n] = '\0';
	EXPECT(strstr(buf, "SIP/2.0/UDP 127.0.0.1:5060"));
	pass_ms(600);
	EXPECT(recv(udp, buf, sizeof(buf) - 1, MSG_DONTWAIT) == n);
	pass_ms(70000);
	printf("  %s\n", ended);
	close(udp);
}

int main(void)
{
	struct sip_trxs_ops owner = {};
	struct osmo_sockaddr a;
	void *root = talloc_named_const(NULL, 0, "sip_tcp_test");

	story_init(root);
	signal(SIGPIPE, SIG_IGN);
	sip_msg_init();
	fake_time_start();
	ctx = talloc_named_const(root, 0, "test");
	all = sip_transports_alloc(ctx, rx_cb, NULL);
	trxs = sip_trxs_alloc(ctx, &owner);
	sip_transports_set_lost(all, lost_cb, NULL);
	a = addr4("127.0.0.1", 0);
	EXPECT(sip_transport_listen(all, SIP_TP_TCP, &a) == 0);
	tcp = sip_transport_for(all, SIP_TP_TCP, &a);
	EXPECT(sip_transport_listen(all, SIP_TP_TCP, &tcp->bound) == -EADDRINUSE);

	test_framing();
	test_silence();
	test_limits();
	test_response_path();
	test_trx();
	test_long_requests();
	test_slow();

	btw("closing all in the middle of things");
	peer_says(client(), OPTIONS("r"));
	sip_trxs_free_all(trxs);
	sip_transports_free(all);
	EXPECT(talloc_total_blocks(ctx) == 1);
	EXPECT(log_lines() < 30);
	btw("done");
	return 0;
}
