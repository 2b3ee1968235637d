/* The link to the MSC when it is up: who hears of what, what it does with a full socket. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <sys/socket.h>

#include <osmocom/core/rate_ctr.h>

#include <osmocom/sipgw/base/turn.h>
#include <osmocom/sipgw/base/wire.h>

#include "link_stage.h"

/* ---- calls ---- */

static void test_calls(void)
{
	struct mncc_call a = {}, b = {};
	uint8_t buf[MSC_SIZE_NEW];
	unsigned int i;

	begin_up();
	btw("a phone calls, and the call hears what the MSC says");
	to_attach = &a;
	msc_says(MSC_SETUP_IND, 0x80000001);
	msc_says(MSC_RTP_CREATE, 0x80000001);
	msc_says(MSC_DISC_IND, 0x80000001);
	pump();
	EXPECT(info().n_calls == 1);

	btw("the same set-up again is ignored");
	msc_says(MSC_SETUP_IND, 0x80000001);
	pump();
	EXPECT(ctr(MNCC_CTR_RX_DUPLICATE) == 1);
	EXPECT(msc_hears(true) == 0);

	btw("a call that is not taken is refused");
	take_calls = false;
	msc_says(MSC_SETUP_IND, 0x80000002);
	pump();
	EXPECT(msc_hears(true) == 1);
	take_calls = true;

	btw("while stopping, calls are refused without asking");
	mncc_link_refuse_calls(link_, true);
	EXPECT(!mncc_link_accepts_calls(link_));
	msc_says(MSC_SETUP_IND, 0x80000003);
	pump();
	EXPECT(msc_hears(true) == 1);
	mncc_link_refuse_calls(link_, false);

	btw("a set-up that cannot be read is refused, anything else that cannot is dropped");
	msc_begin(buf, MSC_SETUP_IND, 0x80000004);
	msc_put_number(buf, MSC_O_CALLED, MSC_F_CALLED, "1\r\nx", 0, 1);
	msc_sends(buf, MSC_SIZE);
	msc_sends(buf, 100);
	msc_sends(buf, 7);
	msc_begin(buf, MSC_DISC_IND, 0x80000001);
	msc_sends(buf, 833);
	pump();
	EXPECT(msc_hears(true) == 2);
	EXPECT(ctr(MNCC_CTR_RX_MALFORMED) == 4);
	EXPECT(ctr(MNCC_CTR_CALLS_REFUSED) == 4);

	btw("a flood of such messages is no flood of log lines");
	pass_ms(10000);
	log_lines();
	for (i = 0; i < 100; i++) {
		msc_sends(buf, 7);
		msc_says(MSC_SETUP_IND, 0x80000001);
		msc_says(MSC_ALERT_IND, 0x5000 + i);
		pump();
		EXPECT(msc_hears(false) == 1);
	}
	EXPECT(log_lines() == 2);

	btw("callrefs of MT calls: one after the other, each once");
	EXPECT(mncc_call_attach(&b, link_, 0x80000001, &call_ops) == -EEXIST && !b.link);
	EXPECT(mncc_call_attach(&b, link_, 2, &call_ops) == 0);
	{
		struct mncc_call c = {}, d = {};

		EXPECT(mncc_call_attach(&c, link_, 0, &call_ops) == 0 && c.callref == 1);
		EXPECT(mncc_call_attach(&d, link_, 0, &call_ops) == 0 && d.callref == 3);
		EXPECT(info().n_calls == 4);
		mncc_call_detach(&c);
		mncc_call_detach(&d);
		mncc_call_detach(&d);
	}
	msc_says(MSC_ALERT_IND, 2);
	pump();

	btw("the MSC speaks of calls that we have not: what shows that it has one is answered, the end of one is not");
	msc_says(MSC_SETUP_CNF, 77);
	msc_says(MSC_DISC_IND, 77);
	msc_says(MSC_START_DTMF_IND, 77);
	msc_says(MSC_REL_IND, 77);
	msc_says(MSC_REL_CNF, 77);
	msc_says(MSC_REJ_IND, 77);
	msc_says(MSC_RTP_CREATE, 77);
	msc_says(MSC_RTP_CONNECT, 77);
	msc_says(MSC_STOP_DTMF_IND, 77);
	msc_says(0x12345, 77);
	msc_says(MSC_HELLO, 8);
	pump();
	EXPECT(msc_hears(true) == 3);
	EXPECT(mncc_link_is_up(link_));

	btw("the link is lost while two calls are on it, one of which takes the other with it");
	detach_too = &b;
	msc_closes();
	pump();
	tell_state();
	EXPECT(!a.link && !b.link && info().n_calls == 0);
	EXPECT(ctr(MNCC_CTR_DISCONNECTS) == 1);

	btw("and comes back");
	pass_ms(500);
	EXPECT(msc_accepts());
	msc_hello_as(8, MSC_SIZE);
	pump();

	btw("freed with a call on it: the call is let go");
	EXPECT(mncc_call_attach(&a, link_, 0, &call_ops) == 0);
	end();
	EXPECT(!a.link);
}

static void test_send_fails(void)
{
	struct mncc_call a = {};

	btw("the MSC is gone when we send: nothing more can be sent, the calls hear it from the main loop");
	begin_up();
	EXPECT(mncc_call_attach(&a, link_, 0, &call_ops) == 0);
	msc_closes();
	EXPECT(tx(MNCC_MT_DISC_REQ, a.callref) == 0);
	turn_end();
	EXPECT(a.link);
	EXPECT(!mncc_link_is_up(link_) && tx(MNCC_MT_DISC_REQ, a.callref) == -ENOTCONN);
	pump();
	EXPECT(!a.link);
	EXPECT(info().state == MNCC_LINK_ST_DOWN);
	end();
}

static void test_many_at_once(void)
{
	struct mncc_call a = {};
	unsigned int i;

	btw("40 messages wait: all are taken; a callback that stops the link ends it right there");
	begin_up();
	EXPECT(mncc_call_attach(&a, link_, 0, &call_ops) == 0);
	for (i = 0; i < 40; i++)
		msc_says(MSC_REL_CNF, 99);
	pump();
	EXPECT(ctr(MNCC_CTR_RX) == 41);
	stop_on_rx = true;
	for (i = 0; i < 10; i++)
		msc_says(MSC_ALERT_IND, a.callref);
	pump();
	stop_on_rx = false;
	tell_state();
	pass_ms(60000);
	EXPECT(!msc_accepts());
	end();
}

/* ---- a full socket ---- */

static unsigned int next_wanted;

static unsigned int hear_in_order(unsigned int max)
{
	uint8_t buf[MSC_SIZE_NEW];
	unsigned int n = 0;
	ssize_t len;

	while (n < max && (len = recv(conn, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		EXPECT(len == MSC_SIZE);
		EXPECT(msc_get(buf, MSC_O_TYPE) == MSC_ALERT_REQ && msc_get(buf, MSC_O_CALLREF) == next_wanted);
		EXPECT(!msc_dislikes(buf, len, MSC_SIZE));
		next_wanted++;
		n++;
	}
	return n;
}

static void test_full_socket(void)
{
	struct mncc_call a = {};
	unsigned int n, in_socket;

	btw("the MSC does not read: messages wait, the link stays");
	begin_up();
	EXPECT(mncc_call_attach(&a, link_, 0, &call_ops) == 0);
	next_wanted = 1;
	for (n = 1; !info().queue_len; n++) {
		EXPECT(tx(MNCC_MT_ALERT_REQ, n) == 0);
		turn_end();
	}
	in_socket = n - 2;
	EXPECT(in_socket >= 4);
	pump();
	for (; info().queue_len < 2047; n++)
		EXPECT(tx(MNCC_MT_ALERT_REQ, n) == 0);
	EXPECT(mncc_link_accepts_calls(link_));

	btw("with 2048 waiting no call is begun, in either direction; a call that is there goes on");
	EXPECT(tx(MNCC_MT_ALERT_REQ, n++) == 0);
	EXPECT(!mncc_link_accepts_calls(link_));
	EXPECT(tx(MNCC_MT_SETUP_REQ, a.callref) == -ENOBUFS);
	EXPECT(ctr(MNCC_CTR_TX_REFUSED) == 1);
	for (; info().queue_len < 3000; n++)
		EXPECT(tx(MNCC_MT_ALERT_REQ, n) == 0);
	pass_ms(60000);
	EXPECT(mncc_link_is_up(link_));
	EXPECT(info().queue_len == 3000 && info().queue_max_seen == 3000);

	/* Linux says that a unix socket can be written to when three quarters of it are free */
	btw("the MSC reads some: that much goes out, in order, and what is sent now comes after it");
	EXPECT(hear_in_order(in_socket - 2) == in_socket - 2);
	pump();
	EXPECT(info().queue_len < 3000 && info().queue_len > 3000 - in_socket);
	EXPECT(tx(MNCC_MT_ALERT_REQ, n++) == 0);

	btw("the MSC reads everything: nothing is lost, and calls are taken again");
	do {
		pump();
	} while (hear_in_order(1000000));
	EXPECT(next_wanted == n);
	EXPECT(info().queue_len == 0 && mncc_link_accepts_calls(link_));
	EXPECT(tx(MNCC_MT_ALERT_REQ, n) == 0);
	turn_end();
	EXPECT(info().queue_len == 0);
	EXPECT(hear_in_order(1) == 1);
	EXPECT(ctr(MNCC_CTR_TX) == n);

	btw("it never reads again: at last not even messages of calls are kept, since that would have no end");
	for (n = 0; tx(MNCC_MT_ALERT_REQ, 1) == 0; n++)
		EXPECT(n < 20000);
	EXPECT(info().queue_len == 8192 + 16);
	EXPECT(mncc_link_is_up(link_));

	btw("a set-up in this time is refused, as far as the queue has room");
	msc_says(MSC_SETUP_IND, 0x80000009);
	pump();
	EXPECT(ctr(MNCC_CTR_CALLS_REFUSED) == 1);

	btw("stopping gives the socket what it takes, and drops the rest");
	mncc_link_stop(link_);
	EXPECT(info().queue_len == 0 && info().state == MNCC_LINK_ST_DOWN);
	end();
}

/* ---- the trace ---- */

static unsigned int n_traced[2];

static void hook(const struct wire_msg *msg)
{
	EXPECT(msg->proto == WIRE_MNCC && msg->len > 0);
	n_traced[msg->dir]++;
}

static void test_trace(void)
{
	btw("each message passes the wire trace once");
	wire_trace_hook = hook;
	begin_up();
	EXPECT(tx(MNCC_MT_ALERT_REQ, 1) == 0);
	msc_says(MSC_REL_CNF, 1);
	pump();
	wire_trace_hook = NULL;
	EXPECT(n_traced[WIRE_TX] == 1 && n_traced[WIRE_RX] == 2);
	end();
}

int main(void)
{
	stage_open("mncc_calls_test");
	test_calls();
	test_send_fails();
	test_many_at_once();
	test_full_socket();
	test_trace();
	stage_close();
	return 0;
}
