/* An endpoint's whole life against a gateway on a real socket, in virtual time: wishes, changed wishes, every kind of
 * failure, release at each step. After each story the gateway has no connection left. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/mgcp/mgw_endp.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "stub_mgw.h"
#include "fake_time.h"
#include "story.h"

static void *ctx;
static struct stub_mgw f;
static struct mgw *mgw;
static struct mgw_endp *endp;
static bool release_when_told;
static bool want_more_when_told;

static struct mgw_want want_of(enum sdp_codec_id codec, const char *fmtp, const char *remote, uint16_t port)
{
	struct mgw_want want = { .mode = MGW_MODE_SENDRECV };

	sdp_codec_to_format(&want.codec, codec, fmtp);
	if (remote)
		osmo_sockaddr_str_from_str(&want.remote, remote, port);
	return want;
}

static void want(enum mgw_conn conn, enum sdp_codec_id codec, const char *remote, uint16_t port)
{
	struct mgw_want w = want_of(codec, codec == SDP_CODEC_AMR ? "octet-align=1" : "", remote, port);

	mgw_endp_want(endp, conn, &w);
}

static void endp_cb(struct mgw_endp *e, const struct mgw_endp_report *r, void *data)
{
	static const char *const conn[] = { "core", "peer" };

	EXPECT(e == endp && data == &f);
	if (r->event == MGW_ENDP_READY) {
		printf("  < %s ready: " OSMO_SOCKADDR_STR_FMT " payload type %u (%s)\n", conn[r->conn],
		       OSMO_SOCKADDR_STR_FMT_ARGS(&r->local), r->pt, mgw_endp_name(e));
	} else {
		printf("  < failed: cause %u, %s%s\n", r->cause, r->why,
		       r->other_gateway ? "; try another gateway" : "");
		endp = NULL;
	}
	if (want_more_when_told && r->event == MGW_ENDP_READY) {
		want_more_when_told = false;
		want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "192.0.2.2", 4002);
	}
	if (release_when_told) {
		release_when_told = false;
		mgw_endp_release(e);
		endp = NULL;
	}
}

static void begin(void)
{
	endp = mgw_endp_alloc(mgw, endp_cb, &f);
	EXPECT(endp && !mgw_endp_name(endp)[0]);
}

static void end(void)
{
	struct mgw_info info;

	if (endp)
		printf("  (released)\n");
	mgw_endp_release(endp);
	endp = NULL;
	pump();
	mgw_get_info(mgw, &info);
	EXPECT(info.n_endpoints == 0 && info.n_parked == 0);
	EXPECT(stub_mgw_conns(&f) == 0);
}

static void both(void)
{
	begin();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, "192.0.2.1", 4000);
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
}

static void test_life(void)
{
	struct mgw_want w;

	btw("the whole life: both sides, an answer from the peer, hold, retrieve, another codec, the end");
	both();
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "198.51.100.2", 5000);
	pump();
	w = want_of(SDP_CODEC_GSM_FR, "", "198.51.100.2", 5000);
	w.mode = MGW_MODE_RECVONLY;
	mgw_endp_want(endp, MGW_CONN_PEER, &w);
	pump();
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "198.51.100.2", 5000);
	pump();
	want(MGW_CONN_PEER, SDP_CODEC_AMR, "198.51.100.2", 5002);
	pump();
	end();

	btw("telephone-event stands behind the codec; parameters of AMR are spaced out for osmo-mgw");
	begin();
	w = want_of(SDP_CODEC_AMR, "mode-set=0,2,4,7;octet-align=1", "192.0.2.1", 4000);
	sdp_codec_to_format(&w.event, SDP_CODEC_TELEPHONE_EVENT, "0-15");
	w.ptime = 40;
	mgw_endp_want(endp, MGW_CONN_CORE, &w);
	pump();
	end();

	btw("an IPv6 peer");
	begin();
	want(MGW_CONN_PEER, SDP_CODEC_GSM_EFR, "2001:db8::2", 5000);
	pump();
	end();

	btw("released before anything was wanted");
	begin();
	end();

	btw("a wish from inside the callback, and a release from inside it");
	begin();
	want_more_when_told = true;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, "192.0.2.1", 4000);
	pump();
	release_when_told = true;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, "192.0.2.1", 4004);
	pump();
	end();

	btw("a wish that cannot be put into a command is refused, but not from inside the wish");
	begin();
	w = want_of(SDP_CODEC_AMR, "", NULL, 0);
	OSMO_STRLCPY_ARRAY(w.codec.enc, "AMR\r\nM: sendrecv");
	mgw_endp_want(endp, MGW_CONN_CORE, &w);
	EXPECT(endp);
	pump();
	end();
}

static void test_change_of_mind(void)
{
	btw("the wish changes twice while CRCX is under way: only the last one counts");
	begin();
	f.hold_back = true;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_EFR, "192.0.2.1", 4000);
	want(MGW_CONN_CORE, SDP_CODEC_AMR, "192.0.2.1", 4002);
	pump();
	stub_mgw_let_go(&f);
	pump();
	end();

	btw("the same while MDCX is under way, and for the other side too");
	both();
	f.hold_back = true;
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "198.51.100.2", 5000);
	pump();
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "198.51.100.2", 5002);
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, "192.0.2.1", 4002);
	stub_mgw_let_go(&f);
	pump();
	end();
}

static void test_release_at_each_step(void)
{
	btw("released while the first CRCX is under way");
	begin();
	f.hold_back = true;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	mgw_endp_release(endp);
	endp = NULL;
	pump();
	stub_mgw_let_go(&f);
	end();

	btw("released while the second CRCX is under way");
	begin();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	f.hold_back = true;
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	mgw_endp_release(endp);
	endp = NULL;
	stub_mgw_let_go(&f);
	end();

	btw("released while MDCX is under way");
	both();
	f.hold_back = true;
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "198.51.100.2", 5002);
	pump();
	mgw_endp_release(endp);
	endp = NULL;
	stub_mgw_let_go(&f);
	end();

	btw("released in the pause before another try");
	begin();
	f.refuse = 409;
	f.refuse_n = 1;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();
	pass_ms(5000);
}

static void test_refused(void)
{
	static const uint16_t codes[] = { 403, 500, 510, 534 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		btw("the first CRCX is refused: %u", codes[i]);
		f.refuse = codes[i];
		f.refuse_n = 1;
		begin();
		want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
		pump();
		end();
	}

	btw("the second CRCX is refused: the first is deleted");
	begin();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	f.refuse = 540;
	f.refuse_n = 1;
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();

	btw("MDCX is refused (and has spoiled the connection): both are deleted");
	both();
	f.refuse = 527;
	f.refuse_n = 1;
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "198.51.100.2", 5000);
	pump();
	end();

	btw("overloaded for a moment: tried again");
	begin();
	f.refuse = 409;
	f.refuse_n = 2;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pass_ms(499);
	printf("  (499 ms later)\n");
	pass_ms(1);
	printf("  (500 ms later)\n");
	pass_ms(1000);
	end();

	btw("overloaded for longer");
	begin();
	f.refuse_n = 3;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pass_ms(5000);
	end();

	btw("DLCX is refused for a moment, then for good, then altogether");
	both();
	f.refuse = 409;
	f.refuse_n = 1;
	mgw_endp_release(endp);
	endp = NULL;
	pass_ms(1000);
	end();
	both();
	f.refuse = 515;
	f.refuse_n = 1;
	end();
	both();
	f.refuse_n = 2;
	mgw_endp_release(endp);
	endp = NULL;
	pump();
	stub_mgw_stop(&f); /* forgets */
	stub_mgw_restart(&f);
	end();
}

static void test_bad_answers(void)
{
	btw("the gateway takes another codec, without a remote address and with one");
	f.format = "0";
	begin();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_EFR, NULL, 0);
	pump();
	end();
	begin();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_EFR, "192.0.2.1", 4000);
	pump();
	end();

	btw("the right codec with a payload type of its own: fine before it knows ours, wrong after");
	f.format = "97 GSM-EFR/8000";
	begin();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_EFR, NULL, 0);
	pump();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_EFR, "192.0.2.1", 4000);
	pump();
	end();

	btw("a dynamic payload type without its name has to be ours");
	f.format = "110";
	begin();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_EFR, NULL, 0);
	pump();
	f.format = "111";
	want(MGW_CONN_CORE, SDP_CODEC_GSM_EFR, NULL, 0);
	pump();
	end();
	f.format = NULL;

	btw("200 to CRCX without a connection id: whatever there is, is deleted by the call's id");
	begin();
	f.raw_answer = "200 %u OK\r\nZ: rtpbridge/7@mgw\r\n\r\nv=0\r\n";
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();

	btw("200 to CRCX without an endpoint, or with a wildcard as its name");
	begin();
	f.raw_answer = "200 %u OK\r\nI: 1\r\n\r\nv=0\r\n";
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();
	begin();
	f.raw_answer = "200 %u OK\r\nZ: *@mgw\r\nI: 1\r\n\r\nv=0\r\n";
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();

	btw("an endpoint name that is too long for us is deleted at once");
	begin();
	f.raw_answer =
		"200 %u OK\r\nZ: rtpbridge/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@mgw\r\nI: 1\r\n\r\nv=0\r\n";
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();

	btw("no, bad, or useless session descriptions");
	begin();
	f.raw_answer = "200 %u OK\r\nZ: rtpbridge/7@mgw\r\nI: 1\r\n";
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();
	begin();
	f.raw_answer = "200 %u OK\r\nZ: rtpbridge/7@mgw\r\nI: 1\r\n\r\nhello\r\n";
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();
	begin();
	f.raw_answer =
		"200 %u OK\r\nZ: rtpbridge/7@mgw\r\nI: 1\r\n\r\n"
		"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 3\r\n";
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();

	btw("200 to MDCX without one: the address stays");
	both();
	f.raw_answer = "200 %u OK\r\n";
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "198.51.100.2", 5000);
	pump();
	end();
}

static void test_loss(void)
{
	btw("two answers are lost: a wildcard CRCX is carried out three times, the two other endpoints are searched for and found");
	begin();
	f.mute = 2;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pass_ms(1500);
	printf("  connections: %u\n", stub_mgw_conns(&f));
	pass_ms(2000);
	printf("  connections: %u\n", stub_mgw_conns(&f));
	EXPECT(stub_mgw_conns(&f) == 1);
	end();
}

/* An answer that was under way for long. */
static void test_late_answer(void)
{
	char *late;

	btw("the answer to a repeated CRCX comes after the first one: its endpoint is deleted");
	begin();
	f.hold_back = true;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	late = talloc_strdup(ctx, f.held);
	pass_ms(600);
	EXPECT(stub_mgw_conns(&f) == 2);
	stub_mgw_let_go(&f);
	pump();
	stub_mgw_says(&f, late);
	pump();
	EXPECT(stub_mgw_conns(&f) == 1);
	talloc_free(late);
	end();
	f.quiet = true;
	pass_ms(3000);
	f.quiet = false;

	btw("the answer comes after the endpoint was given up");
	begin();
	f.hold_back = true;
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	f.deaf = 1000;
	pass_ms(12000);
	f.deaf = 0;
	EXPECT(!endp && stub_mgw_conns(&f) == 1);
	stub_mgw_let_go(&f);
	pump();
	end();
}

static void test_name_reused(void)
{
	btw("the answer to DLCX is lost, and the next call gets the endpoint: DLCX is not repeated into the new call");
	begin();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	f.mute = 1;
	mgw_endp_release(endp);
	pump();
	begin();
	want(MGW_CONN_CORE, SDP_CODEC_GSM_FR, NULL, 0);
	pass_ms(2000);
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, NULL, 0);
	pump();
	end();
}

static void test_silence(void)
{
	btw("the gateway falls silent before MDCX: the call fails, the endpoint is deleted when it is back");
	both();
	f.deaf = 1000;
	want(MGW_CONN_PEER, SDP_CODEC_GSM_FR, "198.51.100.2", 5000);
	f.quiet = true;
	pass_ms(30000);
	f.quiet = false;
	EXPECT(!endp);
	printf("  connections: %u, state %s\n", stub_mgw_conns(&f),
	       get_value_string(mgw_state_names, mgw_get_state(mgw)));
	f.deaf = 0;
	pass_ms(3000);
	printf("  connections: %u, state %s\n", stub_mgw_conns(&f),
	       get_value_string(mgw_state_names, mgw_get_state(mgw)));
	end();

	btw("it stays silent for more than an hour: forgotten");
	both();
	f.deaf = 1000000;
	mgw_endp_release(endp);
	endp = NULL;
	f.quiet = true;
	pass_ms(4000000);
	f.deaf = 0;
	stub_mgw_stop(&f);
	stub_mgw_restart(&f);
	pass_ms(3000);
	f.quiet = false;
	end();
}

static unsigned int n_told;

static void count_cb(struct mgw_endp *e, const struct mgw_endp_report *r, void *data)
{
	EXPECT(r->event == MGW_ENDP_READY);
	n_told++;
}

static void test_memory(void)
{
	struct mgw_want core = want_of(SDP_CODEC_AMR, "octet-align=1", "192.0.2.1", 4000);
	struct mgw_want peer = want_of(SDP_CODEC_AMR, "octet-align=1", "192.0.2.2", 4000);
	size_t bytes = talloc_total_size(mgw), blocks = talloc_total_blocks(mgw);
	struct mgw_endp *many[60];
	unsigned int i;

	btw("60 endpoints with both connections: what one costs, with 96 bytes for each block");
	f.quiet = true;
	for (i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = mgw_endp_alloc(mgw, count_cb, NULL);
		mgw_endp_want(many[i], MGW_CONN_CORE, &core);
		mgw_endp_want(many[i], MGW_CONN_PEER, &peer);
		pump();
	}
	EXPECT(n_told == 2 * ARRAY_SIZE(many));
	bytes = talloc_total_size(mgw) - bytes + 96 * (talloc_total_blocks(mgw) - blocks);
	fprintf(stderr, "%zu bytes for each endpoint\n", bytes / ARRAY_SIZE(many));
	EXPECT(bytes / ARRAY_SIZE(many) <= 600);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		mgw_endp_release(many[i]);
	endp = NULL;
	end();
	f.quiet = false;
}

int main(void)
{
	ctx = talloc_named_const(NULL, 0, "mgw_endp_test");
	story_init(ctx);
	fake_time_start();
	stub_mgw_start(&f, "127.0.0.1");
	mgw = mgw_alloc(ctx, "fake");
	mgw_cfg(mgw)->remote_port = f.port;
	osmo_tdef_set(mgcp_tdefs, T_MGCP_AUDIT, 0, OSMO_TDEF_MS);
	EXPECT(mgw_start(mgw) == 0);
	pump();
	EXPECT(mgw_get_state(mgw) == MGW_ST_UP);

	test_life();
	test_change_of_mind();
	test_release_at_each_step();
	test_refused();
	test_bad_answers();
	test_loss();
	test_late_answer();
	test_name_reused();
	test_silence();
	test_memory();

	mgw_stop(mgw);
	stub_mgw_stop(&f);
	talloc_free(mgw);
	btw("done");
	return 0;
}
