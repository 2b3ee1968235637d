/* SIP transactions of ours in each state, with virtual time (RFC 3261 17.1, RFC 6026, RFC 4320). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/sipgw/base/timers.h>

#include "trx_stage.h"

/* ---- INVITE ---- */

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

/* ---- others ---- */

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

/* ---- inside of callbacks ---- */

static void free_all(void)
{
	sip_trxs_free_all(trxs);
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
	new_layer();
	send_request("INVITE");
	in_failed = free_all;
	pass_ms(32000);
	new_layer();
}

int main(void)
{
	stage_open("sip_trx_client_test");

	test_ict_timeout();
	test_ict_answered();
	test_ict_refused();
	test_ict_reliable();
	test_ict_cancel_early();
	test_ict_cancel_late();
	test_ict_timer_c();
	test_nict();
	test_no_storm();
	test_reentrancy();

	stage_close();
	return 0;
}
