/* SIP transactions of the peer's in each state, with virtual time (RFC 3261 17.2, RFC 6026, RFC 4320). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include "trx_stage.h"

/* ---- INVITE ---- */

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
	stage_open("sip_trx_server_test");

	test_ist_refused();
	test_ist_accepted();
	test_ist_cancel();
	test_unanswered();
	test_unattached();
	test_nist();
	test_old();
	test_merged();
	test_limit();
	test_loss();

	stage_close();
	return 0;
}
