/* A gateway goes away, comes back, is restarted, speaks by itself, moves, and is one of several. Real sockets, virtual
 * time. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/mgcp/mgw_endp.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "stub_mgw.h"
#include "fake_time.h"
#include "story.h"

#define N_CALLS 30

static void *ctx;
static struct stub_mgw f, g;
static struct mgw *mgw;
static struct mgw_endp *calls[N_CALLS];
static unsigned long at_ms;

static void endp_cb(struct mgw_endp *e, const struct mgw_endp_report *r, void *data)
{
	struct mgw_endp **call = data;
	int nr = call - calls;

	EXPECT(*call == e);
	if (r->event == MGW_ENDP_FAILED) {
		printf("  < call %d failed: cause %u, %s\n", nr, r->cause, r->why);
		*call = NULL;
	} else {
		printf("  < call %d ready: port %u at %s\n", nr, r->local.port, mgw_endp_name(e));
	}
}

static void call(struct mgw *at, int nr)
{
	struct mgw_want want = {};

	sdp_codec_to_format(&want.codec, SDP_CODEC_GSM_FR, "");
	calls[nr] = mgw_endp_alloc(at, endp_cb, &calls[nr]);
	EXPECT(calls[nr]);
	mgw_endp_want(calls[nr], MGW_CONN_CORE, &want);
	pump();
}

/* End all calls, and let the next story begin with nothing in the air. */
static void hang_up(void)
{
	int i;

	for (i = 0; i < N_CALLS; i++) {
		mgw_endp_release(calls[i]);
		calls[i] = NULL;
	}
	pass_ms(6000);
	EXPECT(stub_mgw_conns(&f) == 0 && stub_mgw_conns(&g) == 0);
}

static void state(void)
{
	struct mgw_info info;

	mgw_get_info(mgw, &info);
	printf("  (%s, %u endpoints)\n", get_value_string(mgw_state_names, info.state), info.n_endpoints);
}

/* Let time pass until the state is this one, and say how long it took. */
static void wait_state(enum mgw_state wanted, unsigned long most_ms)
{
	at_ms = 0;
	while (mgw_get_state(mgw) != wanted && at_ms < most_ms) {
		pass_ms(100);
		at_ms += 100;
	}
	printf("  (%s after %lu ms)\n", get_value_string(mgw_state_names, mgw_get_state(mgw)), at_ms);
	EXPECT(mgw_get_state(mgw) == wanted);
}

static void test_up_and_down(void)
{
	btw("nobody listens there at first; then somebody does");
	stub_mgw_stop(&f);
	EXPECT(mgw_start(mgw) == 0);
	pass_ms(5000);
	state();
	stub_mgw_restart(&f);
	f.tell_auep = true;
	wait_state(MGW_ST_UP, 2000);

	btw("up: a keep-alive now and then");
	pass_ms(20000);
	f.tell_auep = false;

	btw("it falls silent with a call on it: down, but the call lives; it comes back: the call is checked and lives");
	call(mgw, 1);
	f.deaf = 1000;
	f.quiet = true;
	wait_state(MGW_ST_DOWN, 30000);
	state();
	f.quiet = false;
	f.deaf = 0;
	wait_state(MGW_ST_UP, 2000);
	pass_ms(100);
	EXPECT(calls[1]);

	btw("silent again, and it has lost the call meanwhile");
	f.deaf = 1000;
	f.quiet = true;
	wait_state(MGW_ST_DOWN, 30000);
	memset(f.endpoints, 0, sizeof(f.endpoints));
	f.quiet = false;
	f.deaf = 0;
	wait_state(MGW_ST_UP, 2000);
	pass_ms(100);
	hang_up();
	state();
}

static void test_restart(void)
{
	btw("killed during a call: its port is closed, which is noticed with the next keep-alive; started again: the call is reported");
	call(mgw, 1);
	stub_mgw_stop(&f);
	wait_state(MGW_ST_DOWN, 12000);
	EXPECT(calls[1]);
	stub_mgw_restart(&f);
	wait_state(MGW_ST_UP, 2000);
	pass_ms(100);
	hang_up();

	btw("restarted in a moment: the keep-alive does not show it, but it takes a look at one call, and then at all");
	call(mgw, 1);
	call(mgw, 2);
	call(mgw, 3);
	pass_ms(20000); /* three looks: which of the calls had its turn does not matter */
	memset(f.endpoints, 0, sizeof(f.endpoints));
	pass_ms(10000);
	EXPECT(!calls[1] && !calls[2] && !calls[3]);
	hang_up();

	btw("the same, and before the next keep-alive a new call gets the endpoint of an old one");
	call(mgw, 1);
	call(mgw, 2);
	memset(f.endpoints, 0, sizeof(f.endpoints));
	call(mgw, 3);
	pass_ms(100);
	EXPECT(!calls[1] && !calls[2] && calls[3]);
	hang_up();

	btw("its port was closed for a moment while a command was sent");
	call(mgw, 1);
	call(mgw, 2);
	stub_mgw_stop(&f);
	call(mgw, 3);
	stub_mgw_restart(&f);
	pass_ms(1000);
	state();
	EXPECT(!calls[1] && !calls[2] && calls[3]);
	hang_up();

	btw("one of many endpoints is lost: found within the audit interval");
	int i;
	f.quiet = true;
	for (i = 0; i < N_CALLS; i++)
		call(mgw, i);
	memset(&f.endpoints[20], 0, sizeof(f.endpoints[20]));
	pass_ms(61000);
	EXPECT(!calls[19]);
	hang_up();

	btw("all of many are lost: found within half a keep-alive interval after the first");
	for (i = 0; i < N_CALLS; i++)
		call(mgw, i);
	memset(f.endpoints, 0, sizeof(f.endpoints));
	pass_ms(15000);
	for (i = 0; i < N_CALLS; i++)
		EXPECT(!calls[i]);
	hang_up();
	f.quiet = false;
}

static void test_gateway_speaks(void)
{
	struct rate_ctr_group *ctrs = mgw_ctrs(mgw);

	btw("commands from the gateway that change nothing");
	call(mgw, 1);
	call(mgw, 2);
	stub_mgw_says(&f, "NTFY 1 rtpbridge/1@mgw MGCP 1.0\r\nO: L/hu\r\n");
	pump();
	stub_mgw_says(&f, "RSIP 2 *@mgw MGCP 1.0\r\nRM: graceful\r\nRD: 300\r\n");
	pump();
	stub_mgw_says(&f, "RSIP 3 *@mgw MGCP 1.0\r\nRM: strange\r\n");
	pump();
	stub_mgw_says(&f, "RSIP 4 *@mgw MGCP 1.0\r\n");
	pump();
	stub_mgw_says(&f, "CRCX 5 rtpbridge/1@mgw MGCP 1.0\r\n");
	pump();
	stub_mgw_says(&f, "AUEP 6 rtpbridge/1@mgw MGCP 1.0\r\n");
	pump();
	stub_mgw_says(&f, "RSIP 7 ds/*@mgw MGCP 1.0\r\nRM: restart\r\n");
	pump();
	stub_mgw_says(&f, "DLCX 8 rtpbridge/1@mgw MGCP 1.0\r\nC: 1234\r\n");
	pump();
	stub_mgw_says(&f, "DLCX 9 rtpbridge/9@mgw MGCP 1.0\r\nC: 1234\r\n");
	pump();
	stub_mgw_says(&f, "what?\r\n");
	pump();

	btw("disconnected: it has lost us, so we look after our calls");
	stub_mgw_says(&f, "RSIP 10 *@mgw MGCP 1.0\r\nRM: disconnected\r\n");
	pass_ms(1000);
	EXPECT(calls[1] && calls[2]);

	btw("one endpoint is out of order, then all are restarted");
	stub_mgw_says(&f, "RSIP 11 RTPBRIDGE/1@mgw MGCP 1.0\r\nRM: forced\r\n");
	pump();
	EXPECT(!calls[1] && calls[2]);
	memset(f.endpoints, 0, sizeof(f.endpoints));
	stub_mgw_says(&f, "RSIP 12 rtpbridge/*@mgw MGCP 1.0\r\nRM: restart\r\n");
	pump();
	EXPECT(!calls[2]);
	hang_up();

	btw("it deletes a connection by itself");
	call(mgw, 1);
	char dlcx[128];
	snprintf(dlcx, sizeof(dlcx), "DLCX 13 rtpbridge/1@mgw MGCP 1.0\r\nC: %s\r\nI: 1\r\nE: 900 - broken\r\n",
		 f.endpoints[1].call_id);
	stub_mgw_says(&f, dlcx);
	pump();
	EXPECT(!calls[1]);
	hang_up();
	printf("  commands carried out: %llu, malformed: %llu\n",
	       (unsigned long long)rate_ctr_group_get_ctr(ctrs, MGW_CTR_RX_COMMAND)->current,
	       (unsigned long long)rate_ctr_group_get_ctr(ctrs, MGW_CTR_RX_MALFORMED)->current);
}

static void test_move(void)
{
	struct mgw_cfg *cfg = mgw_cfg(mgw);

	btw("the gateway's address is changed: the old call goes on at the old one, a new one is made at the new one");
	call(mgw, 1);
	cfg->remote_port = g.port;
	EXPECT(mgw_apply(mgw) == 0);
	wait_state(MGW_ST_UP, 1000);
	printf("  (connections: %u and %u)\n", stub_mgw_conns(&f), stub_mgw_conns(&g));
	call(mgw, 2);
	printf("  (connections: %u and %u)\n", stub_mgw_conns(&f), stub_mgw_conns(&g));
	EXPECT(calls[1] && calls[2]);
	hang_up();

	btw("changed to nonsense: it stays where it is");
	osmo_talloc_replace_string(mgw, &cfg->local_addr, "192.0.2.99");
	EXPECT(mgw_apply(mgw) < 0);
	call(mgw, 1);
	hang_up();
	TALLOC_FREE(cfg->local_addr);

	btw("with a fixed port of ours the old socket is in the way: nobody uses it, so it is closed first");
	cfg->local_port = 27277;
	EXPECT(mgw_apply(mgw) == 0);
	osmo_talloc_replace_string(mgw, &cfg->local_addr, "127.0.0.1");
	EXPECT(mgw_apply(mgw) == 0);
	wait_state(MGW_ST_UP, 1000);

	btw("a call uses it, so that comes when the call has ended; another address is free at once");
	call(mgw, 1);
	TALLOC_FREE(cfg->local_addr);
	EXPECT(mgw_apply(mgw) == -EBUSY);
	pass_ms(31000);
	EXPECT(calls[1] && mgw_get_state(mgw) == MGW_ST_UP);
	hang_up();
	wait_state(MGW_ST_UP, 1000);
	osmo_talloc_replace_string(mgw, &cfg->local_addr, "127.0.0.2");
	call(mgw, 1);
	EXPECT(mgw_apply(mgw) == 0);
	hang_up();
	TALLOC_FREE(cfg->local_addr);
	cfg->local_port = 0;

	btw("and back again");
	cfg->remote_port = f.port;
	EXPECT(mgw_apply(mgw) == 0);
	wait_state(MGW_ST_UP, 1000);
	pass_ms(31000);

	btw("stopped with a call on it");
	call(mgw, 1);
	mgw_stop(mgw);
	EXPECT(!calls[1] && mgw_get_state(mgw) == MGW_ST_OFF);
	EXPECT(!mgw_endp_alloc(mgw, endp_cb, NULL));
	pump();
	hang_up();

	btw("started with a local address that is not there: it goes on trying");
	osmo_talloc_replace_string(mgw, &cfg->local_addr, "192.0.2.99");
	EXPECT(mgw_start(mgw) < 0);
	pass_ms(5000);
	state();
	TALLOC_FREE(cfg->local_addr);
	wait_state(MGW_ST_UP, 10000);
	mgw_stop(mgw);

	btw("a gateway of our own is emptied when we start");
	cfg->reset_endpoints = true;
	EXPECT(mgw_start(mgw) == 0);
	wait_state(MGW_ST_UP, 1000);
	mgw_stop(mgw);
}

static unsigned int n_traced;

static void trace(const struct wire_msg *msg)
{
	EXPECT(msg->proto == WIRE_MGCP && msg->local && msg->remote && msg->len);
	EXPECT(((const struct sockaddr *)msg->remote)->sa_family == AF_INET6);
	n_traced++;
}

static void test_ipv6(void)
{
	struct stub_mgw six;
	struct mgw *m = mgw_alloc(ctx, "six");

	btw("a gateway at an IPv6 address, with the wire trace on");
	stub_mgw_start(&six, "::1");
	osmo_talloc_replace_string(m, &mgw_cfg(m)->remote_addr, "::1");
	mgw_cfg(m)->remote_port = six.port;
	wire_trace_hook = trace;
	EXPECT(mgw_start(m) == 0);
	pump();
	EXPECT(mgw_get_state(m) == MGW_ST_UP);
	call(m, 1);
	mgw_endp_release(calls[1]);
	calls[1] = NULL;
	pump();
	wire_trace_hook = NULL;
	EXPECT(n_traced == 6 && stub_mgw_conns(&six) == 0);
	mgw_stop(m);
	talloc_free(m);
	stub_mgw_stop(&six);
}

static void test_pool(void)
{
	struct mgw_pool *pool = mgw_pool_alloc(ctx);
	struct mgw *a = mgw_pool_add(pool, "a"), *b = mgw_pool_add(pool, "b");

	btw("a pool of two: whoever is up and has less to do is taken");
	mgw_cfg(a)->remote_port = f.port;
	mgw_cfg(b)->remote_port = g.port;
	EXPECT(mgw_pool_add(pool, "a") == a && mgw_pool_find(pool, "b") == b && !mgw_pool_find(pool, "c"));
	EXPECT(mgw_pool_next(pool, NULL) == a && mgw_pool_next(pool, a) == b && !mgw_pool_next(pool, b));
	EXPECT(!mgw_pool_pick(pool));
	mgw_pool_start(pool);
	pump();
	EXPECT(mgw_pool_pick(pool) == a);
	call(a, 1);
	EXPECT(mgw_pool_pick(pool) == b);
	call(b, 2);
	call(b, 3);
	EXPECT(mgw_pool_pick(pool) == a);
	btw("one of them is taken out of the configuration");
	mgw_pool_remove(pool, "a");
	EXPECT(!calls[1] && calls[2] && mgw_pool_pick(pool) == b);
	btw("the other one is stopped");
	mgw_pool_stop(pool);
	EXPECT(!calls[2] && !mgw_pool_pick(pool));
	pump();
	hang_up();
	talloc_free(pool);
}

static void probe_state(struct mgw *m)
{
	struct mgw_info info;

	mgw_get_info(m, &info);
	printf("  (endpoints: %s%s%s; %u there)\n", get_value_string(mgw_probe_names, info.probe), *info.probe_why ? ", " : "",
	       info.probe_why, info.n_endpoints);
}

static void test_probe(void)
{
	struct mgw *m = mgw_alloc(ctx, "probed");

	btw("a gateway is asked for an endpoint when it comes up; it has other names than we think");
	mgw_cfg(m)->remote_port = f.port;
	mgw_set_probing(m, true);
	f.refuse = 500;
	f.refuse_n = 2;
	EXPECT(mgw_start(m) == 0);
	pass_ms(1000);
	probe_state(m);
	btw("still so with the next keep-alive; with the one after that it is right, and nothing is left there");
	pass_ms(10000);
	probe_state(m);
	pass_ms(10000);
	probe_state(m);
	EXPECT(!stub_mgw_conns(&f));
	btw("its configuration is changed: asked again; the answer is lost, and so may be endpoints, which are found");
	f.mute = 1;
	mgw_apply(m);
	pass_ms(15000);
	probe_state(m);
	EXPECT(!stub_mgw_conns(&f));
	btw("restarted: asked again when it is back");
	stub_mgw_stop(&f);
	pass_ms(30000);
	EXPECT(mgw_get_state(m) == MGW_ST_DOWN);
	stub_mgw_restart(&f);
	pass_ms(3000);
	probe_state(m);
	btw("stopped while it is asked");
	mgw_apply(m);
	mgw_stop(m);
	pass_ms(6000);
	probe_state(m);
	stub_mgw_stop(&f); /* nobody could know the name of what it may have created */
	stub_mgw_restart(&f);
	btw("not asked if the configuration says so");
	mgw_cfg(m)->no_probe = true;
	EXPECT(mgw_start(m) == 0);
	pass_ms(5000);
	probe_state(m);
	mgw_stop(m);
	pump();
	talloc_free(m);
}

int main(void)
{
	ctx = talloc_named_const(NULL, 0, "mgw_test");
	story_init(ctx);
	fake_time_start();
	stub_mgw_start(&f, "127.0.0.1");
	stub_mgw_start(&g, "127.0.0.1");
	mgw = mgw_alloc(ctx, "fake");
	mgw_cfg(mgw)->remote_port = f.port;

	test_up_and_down();
	test_restart();
	test_gateway_speaks();
	test_move();
	test_ipv6();
	test_pool();
	test_probe();

	talloc_free(mgw);
	stub_mgw_stop(&f);
	stub_mgw_stop(&g);
	btw("done");
	return 0;
}
