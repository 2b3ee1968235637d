/* The call agent against the real osmo-mgw, in real time: the dialect that we rely on, and the life of endpoints with
 * it.
 *
 * usage: osmo_mgw_test CONFIG PORT. It starts and kills osmo-mgw itself, since being restarted is part of the story.
 * What only explains why we do things as we do is checked too, but a newer osmo-mgw may do better: that is said on
 * standard error and is no failure. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <osmocom/core/select.h>
#include <osmocom/core/socket.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/mgcp/mgcp_msg.h>
#include <osmocom/sipgw/mgcp/mgw_endp.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "story.h"

static void *ctx;
static const char *config;
static uint16_t port;
static pid_t pid = -1;

/* ---- the process */

static void start_osmo_mgw(void)
{
	pid_t parent = getpid();

	pid = fork();
	EXPECT(pid >= 0);
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever happens to this test, it does not stay */
	if (getppid() != parent)
		_exit(1);
	if (!getenv("VERBOSE")) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	execlp("osmo-mgw", "osmo-mgw", "-c", config, NULL);
	_exit(127);
}

static void kill_osmo_mgw(void)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = -1;
}

/* ---- speaking to it by hand */

static int fd;

static bool ask_raw(char *answer, size_t len, const char *text, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	send(fd, text, strlen(text), 0);
	if (poll(&p, 1, ms) != 1)
		return false;
	n = recv(fd, answer, len - 1, 0);
	if (n < 0)
		return false;
	answer[n] = '\0';
	return true;
}

static char answer[4096];
static struct mgcp_msg rsp;

/* Say something, expect an answer; "|" stands for a line end. */
static unsigned int ask(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static unsigned int ask(const char *fmt, ...)
{
	char text[2048], *p;
	size_t used;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (p = text; (p = strchr(p, '|'));)
		*p = '\n';
	if (!ask_raw(answer, sizeof(answer), text, 2000)) {
		printf("  no answer to %s\n", text);
		exit(1);
	}
	EXPECT(mgcp_msg_parse(&rsp, answer, strlen(answer), &used) == 0);
	return rsp.code;
}

static const char *param(enum mgcp_param p)
{
	static char buf[2][128];
	static int i;

	i = !i;
	buf[i][0] = '\0';
	mgcp_text_copy(buf[i], sizeof(buf[i]), rsp.params[p]);
	return buf[i];
}

static bool body_has(const char *text)
{
	return rsp.body.s && strstr(rsp.body.s, text);
}

/* What osmo-mgw 1.10 does and we can live with either way. */
static void habit(bool holds, const char *what)
{
	if (!holds)
		fprintf(stderr, "NOTE: this osmo-mgw is different: %s\n", what);
}

#define SDP_GSM "v=0|o=- 1 1 IN IP4 127.0.0.1|s=-|c=IN IP4 127.0.0.1|t=0 0|m=audio 4000 RTP/AVP 3|"

static void wait_until_it_answers(void)
{
	int i;

	for (i = 0; i < 50; i++) {
		if (ask_raw(answer, sizeof(answer), "AUEP 1 rtpbridge/*@mgw MGCP 1.0\r\n", 100))
			return;
		usleep(100000);
	}
	printf("osmo-mgw does not answer\n");
	exit(1);
}

static void test_dialect(void)
{
	char first[64], second[64], conn[64];

	btw("keep-alive: AUEP of a wildcard is answered");
	EXPECT(ask("AUEP 2 rtpbridge/*@mgw MGCP 1.0|") == 200);

	btw("another domain, or no such endpoint: 500");
	EXPECT(ask("CRCX 3 rtpbridge/*@elsewhere MGCP 1.0|C: 1|L: p:20, a:GSM|M: recvonly|") == 500);
	EXPECT(ask("CRCX 4 rtpbridge/ffff@mgw MGCP 1.0|C: 1|L: p:20, a:GSM|M: recvonly|") == 500);

	btw("wildcard CRCX: Z, I and a session description; numbers are given out from below, in hexadecimal");
	EXPECT(ask("CRCX 5 rtpbridge/*@mgw MGCP 1.0|C: 1|L: p:20, a:GSM|M: recvonly|") == 200);
	EXPECT(!strcmp(param(MGCP_PARAM_Z), "rtpbridge/1@mgw") && rsp.params[MGCP_PARAM_I].len == 8 &&
	       body_has("RTP/AVP 3"));
	OSMO_STRLCPY_ARRAY(first, param(MGCP_PARAM_Z));
	OSMO_STRLCPY_ARRAY(conn, param(MGCP_PARAM_I));

	btw("the same once more, as if the answer had been lost: another endpoint (so we look for such)");
	EXPECT(ask("CRCX 5 rtpbridge/*@mgw MGCP 1.0|C: 1|L: p:20, a:GSM|M: recvonly|") == 200);
	OSMO_STRLCPY_ARRAY(second, param(MGCP_PARAM_Z));
	habit(strcmp(first, second), "a repeated wildcard CRCX is carried out once");

	btw("the second connection with a repetition: the same one");
	EXPECT(ask("CRCX 6 %s MGCP 1.0|C: 1|L: p:20, a:GSM|M: sendrecv||" SDP_GSM, first) == 200);
	char twin[64];
	OSMO_STRLCPY_ARRAY(twin, param(MGCP_PARAM_I));
	EXPECT(ask("CRCX 6 %s MGCP 1.0|C: 1|L: p:20, a:GSM|M: sendrecv||" SDP_GSM, first) == 200);
	EXPECT(!strcmp(twin, param(MGCP_PARAM_I)));

	btw("a third one, and another call on the endpoint, are refused");
	habit(ask("CRCX 7 %s MGCP 1.0|C: 1|L: p:20, a:GSM|M: recvonly|", first) / 100 > 3, "an endpoint takes a third connection");
	if (rsp.code == 200)
		ask("DLCX 70 %s MGCP 1.0|C: 1|I: %s|", first, param(MGCP_PARAM_I));
	EXPECT(ask("CRCX 8 %s MGCP 1.0|C: 2|L: p:20, a:GSM|M: recvonly|", first) / 100 > 3);

	btw("MDCX says again where it receives");
	EXPECT(ask("MDCX 9 %s MGCP 1.0|C: 1|I: %s|L: p:20, a:GSM|M: sendrecv||" SDP_GSM, first, conn) == 200);
	EXPECT(body_has("m=audio") && body_has("RTP/AVP 3"));

	btw("wrong call or connection id: refused as such, so a DLCX can never hit somebody else's");
	EXPECT(ask("MDCX 10 %s MGCP 1.0|C: 2|I: %s|M: recvonly|", first, conn) == 516);
	EXPECT(ask("DLCX 11 %s MGCP 1.0|C: 2|", first) == 516);
	unsigned int code = ask("DLCX 12 %s MGCP 1.0|C: 1|I: 12345678|", first);
	EXPECT(code == 515 || code == 516);

	btw("what we leave out: modes, headers and options that it dislikes");
	habit(ask("MDCX 13 %s MGCP 1.0|C: 1|I: %s|M: inactive|", second, twin) / 100 > 3, "M: inactive is accepted");
	habit(ask("MDCX 14 %s MGCP 1.0|K: 1|C: 1|I: %s|M: recvonly|", first, conn) == 539, "K: is accepted");
	habit(ask("CRCX 15 rtpbridge/*@mgw MGCP 1.0|C: 3|L: p:20, a:GSM|M: sendrecv|") == 527,
	      "sendrecv without a remote address is accepted");
	if (rsp.code == 200)
		ask("DLCX 16 %s MGCP 1.0|C: 3|", param(MGCP_PARAM_Z));
	habit(ask("AUEP 17 rtpbridge/*@mgw MGCP 1.1|") == 528 && rsp.trans_id == 0,
	      "the id in a version error is ours");

	btw("an ack of a response is ignored");
	EXPECT(!ask_raw(answer, sizeof(answer), "000 9\r\n", 200));

	btw("DLCX of a connection gives its statistics, DLCX of the call does not; then there is nothing left");
	EXPECT(ask("DLCX 20 %s MGCP 1.0|C: 1|I: %s|", first, conn) == 250);
	struct mgcp_stats stats;
	EXPECT(mgcp_stats_parse(&stats, rsp.params[MGCP_PARAM_P]) == 0);
	EXPECT(ask("DLCX 21 %s MGCP 1.0|C: 1|", first) / 100 == 2);
	if (strcmp(first, second))
		EXPECT(ask("DLCX 22 %s MGCP 1.0|C: 1|", second) / 100 == 2);
	EXPECT(ask("MDCX 23 %s MGCP 1.0|C: 1|I: %s|M: recvonly|", first, conn) == 400);
	EXPECT(ask("DLCX 24 %s MGCP 1.0|C: 1|", first) == 515);

	btw("a short MDCX may change the codec to that of the other side (so we always send it in full)");
	EXPECT(ask("CRCX 30 rtpbridge/*@mgw MGCP 1.0|C: 4|L: p:20, a:GSM|M: recvonly|") == 200);
	OSMO_STRLCPY_ARRAY(first, param(MGCP_PARAM_Z));
	OSMO_STRLCPY_ARRAY(conn, param(MGCP_PARAM_I));
	EXPECT(ask("CRCX 31 %s MGCP 1.0|C: 4|L: p:20, a:PCMA|M: recvonly|", first) == 200);
	EXPECT(ask("MDCX 32 %s MGCP 1.0|C: 4|I: %s|M: recvonly|", first, conn) == 200);
	habit(body_has("RTP/AVP 8"), "a short MDCX leaves the codec alone");
	EXPECT(ask("MDCX 33 %s MGCP 1.0|C: 4|I: %s|L: p:20, a:GSM|M: recvonly|", first, conn) == 200);
	EXPECT(body_has("RTP/AVP 3"));
	EXPECT(ask("DLCX 34 %s MGCP 1.0|C: 4|", first) / 100 == 2);
}

/* ---- a relay that can lose what the gateway says */

static struct osmo_fd relay_ofd, relay_back;
static struct sockaddr_in relay_ca;
static unsigned int lose;	  /* so many answers that name a new endpoint */
static unsigned int lose_percent; /* of all datagrams in both directions */

static bool is_lost(void)
{
	return lose_percent && rand() % 100 < lose_percent;
}

static int relay_cb(struct osmo_fd *ofd, unsigned int what)
{
	socklen_t len = sizeof(relay_ca);
	char buf[4096] = "";
	ssize_t n;

	if (ofd == &relay_ofd) {
		n = recvfrom(ofd->fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&relay_ca, &len);
		if (n > 0 && !is_lost())
			send(relay_back.fd, buf, n, 0);
		return 0;
	}
	n = recv(ofd->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n <= 0 || is_lost())
		return 0;
	if (lose && strstr(buf, "Z: ")) {
		lose--;
		return 0;
	}
	sendto(relay_ofd.fd, buf, n, 0, (struct sockaddr *)&relay_ca, sizeof(relay_ca));
	return 0;
}

static uint16_t relay_start(void)
{
	struct sockaddr_in local;
	socklen_t len = sizeof(local);

	osmo_fd_setup(&relay_ofd, osmo_sock_init2(AF_INET, SOCK_DGRAM, 0, "127.0.0.1", 0, NULL, 0, OSMO_SOCK_F_BIND),
		      OSMO_FD_READ, relay_cb, NULL, 0);
	osmo_fd_register(&relay_ofd);
	osmo_fd_setup(&relay_back,
		      osmo_sock_init2(AF_INET, SOCK_DGRAM, 0, NULL, 0, "127.0.0.1", port, OSMO_SOCK_F_CONNECT),
		      OSMO_FD_READ, relay_cb, NULL, 0);
	osmo_fd_register(&relay_back);
	getsockname(relay_ofd.fd, (struct sockaddr *)&local, &len);
	return ntohs(local.sin_port);
}

/* ---- through the call agent */

static struct mgw *mgw;
static struct mgw_endp *endp;
static unsigned int n_ready, n_failed;
static struct mgw_endp_report last;

static void wake(void *data)
{
	*(bool *)data = true;
}

/* Until *counter is as large as that, or so many ms passed. */
static bool wait_for(const unsigned int *counter, unsigned int value, unsigned int ms)
{
	struct osmo_timer_list timer = {};
	bool over = false;

	osmo_timer_setup(&timer, wake, &over);
	timer_start_ms(&timer, ms);
	while (!over && (!counter || *counter < value))
		osmo_select_main_ctx(0);
	osmo_timer_del(&timer);
	return counter && *counter >= value;
}

static void endp_cb(struct mgw_endp *e, const struct mgw_endp_report *r, void *data)
{
	last = *r;
	if (r->event == MGW_ENDP_READY) {
		n_ready++;
		return;
	}
	printf("  failed: cause %u, %s\n", r->cause, r->why);
	n_failed++;
	endp = NULL;
}

static bool want(enum mgw_conn conn, enum sdp_codec_id codec, const char *fmtp, const char *ip, uint16_t remote_port,
		 bool dtmf)
{
	struct mgw_want w = { .mode = MGW_MODE_SENDRECV };

	sdp_codec_to_format(&w.codec, codec, fmtp);
	if (dtmf)
		sdp_codec_to_format(&w.event, SDP_CODEC_TELEPHONE_EVENT, "0-15");
	if (ip)
		osmo_sockaddr_str_from_str(&w.remote, ip, remote_port);
	n_ready = 0;
	mgw_endp_want(endp, conn, &w);
	return wait_for(&n_ready, 1, 3000);
}

static uint64_t ctr(enum mgw_ctr c)
{
	return rate_ctr_group_get_ctr(mgw_ctrs(mgw), c)->current;
}

static unsigned int n_endpoints(void)
{
	struct mgw_info info;

	mgw_get_info(mgw, &info);
	return info.n_endpoints + info.n_parked;
}

static void release(void)
{
	int i;

	mgw_endp_release(endp);
	endp = NULL;
	for (i = 0; i < 50 && n_endpoints(); i++)
		wait_for(NULL, 0, 20);
	EXPECT(!n_endpoints());
}

static void test_codecs(void)
{
	static const struct {
		enum sdp_codec_id codec;
		const char *fmtp;
		uint8_t pt;
	} cases[] = {
		{ SDP_CODEC_GSM_FR, "", 3 },
		{ SDP_CODEC_GSM_EFR, "", 110 },
		{ SDP_CODEC_GSM_HR, "", 111 },
		{ SDP_CODEC_AMR, "octet-align=1", 112 },
		{ SDP_CODEC_AMR, "mode-set=0,2,4,7;octet-align=1", 112 },
		{ SDP_CODEC_AMR, "", 112 },
		{ SDP_CODEC_PCMA, "", 8 },
		{ SDP_CODEC_PCMU, "", 0 },
	};
	unsigned int i;

	btw("each codec: before the remote address is known, with it, with telephone-event, over IPv6, and on hold");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		enum sdp_codec_id codec = cases[i].codec;
		const char *fmtp = cases[i].fmtp;
		uint16_t local;

		printf("  %s %s\n", sdp_codec_get(codec)->name, fmtp);
		endp = mgw_endp_alloc(mgw, endp_cb, NULL);
		EXPECT(want(MGW_CONN_CORE, codec, fmtp, NULL, 0, false) && last.pt == cases[i].pt &&
		       !strcmp(last.local.ip, "127.0.0.1"));
		local = last.local.port;
		EXPECT(want(MGW_CONN_CORE, codec, fmtp, "127.0.0.1", 4000, false) && last.pt == cases[i].pt &&
		       last.local.port == local);
		EXPECT(want(MGW_CONN_PEER, codec, fmtp, "127.0.0.1", 4002, true) && last.pt == cases[i].pt &&
		       last.local.port != local);
		EXPECT(want(MGW_CONN_PEER, codec, fmtp, "::1", 4002, true) && last.pt == cases[i].pt);
		struct mgw_want hold = { .mode = MGW_MODE_RECVONLY };
		sdp_codec_to_format(&hold.codec, codec, fmtp);
		osmo_sockaddr_str_from_str(&hold.remote, "127.0.0.1", 4002);
		n_ready = 0;
		mgw_endp_want(endp, MGW_CONN_PEER, &hold);
		EXPECT(wait_for(&n_ready, 1, 3000));
		release();
	}
	EXPECT(!n_failed);

	btw("a codec that it does not know is noticed (it takes another one without a word)");
	endp = mgw_endp_alloc(mgw, endp_cb, NULL);
	struct mgw_want opus = { .codec = { .pt = 96, .enc = "opus", .rate = 48000, .channels = 2 } };
	osmo_sockaddr_str_from_str(&opus.remote, "127.0.0.1", 4000);
	mgw_endp_want(endp, MGW_CONN_PEER, &opus);
	EXPECT(wait_for(&n_failed, 1, 3000) && last.cause == 88);
	n_failed = 0;
	release();
}

/* Every endpoint of the gateway can be taken: nothing was left behind. (There are N_MGW_ENDPOINTS in its
 * configuration.) */
#define N_MGW_ENDPOINTS 31
static void check_all_free(void)
{
	unsigned int i, n = 0;

	for (i = 0; i <= N_MGW_ENDPOINTS; i++)
		n += ask("CRCX %u rtpbridge/*@mgw MGCP 1.0|C: FFFF|L: p:20, a:GSM|M: recvonly|", 1000 + i) == 200;
	printf("  %u endpoints were free\n", n);
	for (i = 1; i <= N_MGW_ENDPOINTS; i++)
		ask("DLCX %u rtpbridge/%x@mgw MGCP 1.0|C: FFFF|", 2000 + i, i);
}

static void test_full(void)
{
	struct mgw_endp *many[N_MGW_ENDPOINTS];
	unsigned int i;

	btw("the gateway is full: refused at once, cause 34, and nothing is left behind");
	for (i = 0; i < N_MGW_ENDPOINTS; i++) {
		endp = many[i] = mgw_endp_alloc(mgw, endp_cb, NULL);
		EXPECT(want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, "", NULL, 0, false));
	}
	endp = mgw_endp_alloc(mgw, endp_cb, NULL);
	EXPECT(!want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, "", NULL, 0, false));
	EXPECT(n_failed == 1 && last.cause == 34 && last.other_gateway);
	n_failed = 0;
	for (i = 0; i < N_MGW_ENDPOINTS; i++)
		mgw_endp_release(many[i]);
	release();
	check_all_free();
}

static void test_lost_answers(void)
{
	btw("two answers to the wildcard CRCX get lost: the endpoints that were made in vain are found and deleted");
	lose = 2;
	endp = mgw_endp_alloc(mgw, endp_cb, NULL);
	EXPECT(want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, "", NULL, 0, false) && !lose);
	wait_for(NULL, 0, 2500);
	habit(ctr(MGW_CTR_SWEPT) == 2, "there was nothing to be found");
	release();
	check_all_free();
}

static unsigned int n_lives, n_lives_failed, n_lives_over;

static void life_cb(struct mgw_endp *e, const struct mgw_endp_report *r, void *data)
{
	if (r->event == MGW_ENDP_FAILED) {
		n_lives_failed++;
		n_lives_over++;
	} else if (r->conn == MGW_CONN_PEER) {
		mgw_endp_release(e);
		n_lives++;
		n_lives_over++;
	}
}

static void test_loss(void)
{
	struct mgw_want w = { .mode = MGW_MODE_RECVONLY };
	unsigned int i, round;

	btw("a tenth of all datagrams is lost: 80 lives of endpoints, 16 at a time; they succeed, nothing is left behind");
	sdp_codec_to_format(&w.codec, SDP_CODEC_GSM_FR, "");
	osmo_tdef_set(mgcp_tdefs, T_MGCP_RTO, 100, OSMO_TDEF_MS);
	lose_percent = 10;
	for (round = 1; round <= 5; round++) {
		for (i = 0; i < 16; i++) {
			struct mgw_endp *e = mgw_endp_alloc(mgw, life_cb, NULL);
			mgw_endp_want(e, MGW_CONN_CORE, &w);
			mgw_endp_want(e, MGW_CONN_PEER, &w);
		}
		wait_for(&n_lives_over, 16 * round, 10000);
	}
	fprintf(stderr, "%u succeeded, %u failed\n", n_lives, n_lives_failed);
	EXPECT(n_lives_over == 80 && n_lives >= 78);
	for (i = 0; i < 50 && n_endpoints(); i++)
		wait_for(NULL, 0, 100);
	wait_for(NULL, 0, 4000); /* the searches */
	lose_percent = 0;
	osmo_tdef_set(mgcp_tdefs, T_MGCP_RTO, 500, OSMO_TDEF_MS);
	fprintf(stderr, "repeated %u, orphans %u, searches %u, found %u\n", (unsigned int)ctr(MGW_CTR_RETRANS),
		(unsigned int)ctr(MGW_CTR_ZOMBIE_DLCX), (unsigned int)ctr(MGW_CTR_SWEEP),
		(unsigned int)ctr(MGW_CTR_SWEPT));
	check_all_free();
}

static void test_restart(void)
{
	btw("osmo-mgw is restarted in a call: found out with the next keep-alive");
	osmo_tdef_set(mgcp_tdefs, T_MGCP_KEEPALIVE, 1000, OSMO_TDEF_MS);
	endp = mgw_endp_alloc(mgw, endp_cb, NULL);
	EXPECT(want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, "", NULL, 0, false));
	EXPECT(want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "", "127.0.0.1", 4000, false));
	wait_for(NULL, 0, 2500);
	EXPECT(!n_failed);
	kill_osmo_mgw();
	start_osmo_mgw();
	EXPECT(wait_for(&n_failed, 1, 15000));
	n_failed = 0;
	release();

	btw("and it is of use again");
	wait_until_it_answers();
	wait_for(NULL, 0, 1500);
	EXPECT(mgw_get_state(mgw) == MGW_ST_UP);
	endp = mgw_endp_alloc(mgw, endp_cb, NULL);
	EXPECT(want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, "", NULL, 0, false));
	release();
	check_all_free();
}

int main(int argc, char **argv)
{
	EXPECT(argc == 3);
	config = argv[1];
	port = atoi(argv[2]);
	ctx = talloc_named_const(NULL, 0, "osmo_mgw_test");
	story_init(ctx);
	atexit(kill_osmo_mgw);
	start_osmo_mgw();

	fd = osmo_sock_init2(AF_INET, SOCK_DGRAM, 0, NULL, 0, "127.0.0.1", port, OSMO_SOCK_F_CONNECT);
	EXPECT(fd >= 0);
	wait_until_it_answers();
	test_dialect();

	mgw = mgw_alloc(ctx, "osmo");
	mgw_cfg(mgw)->remote_port = relay_start();
	EXPECT(mgw_start(mgw) == 0);
	wait_for(NULL, 0, 200);
	EXPECT(mgw_get_state(mgw) == MGW_ST_UP);
	test_codecs();
	test_full();
	test_lost_answers();
	test_loss();
	test_restart();

	mgw_stop(mgw);
	talloc_free(mgw);
	osmo_fd_close(&relay_ofd);
	osmo_fd_close(&relay_back);
	btw("done");
	return 0;
}
