/* Keys of a phone in a call, and the guard timer of the MSC that they start. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include "scenario.h"
#include "tell.h"

static void press(char key, unsigned long ms)
{
	msc_sends(MSC_START_DTMF_IND, .key = key);
	msc_expects(MSC_START_DTMF_RSP);
	pass_ms(ms);
	msc_sends(MSC_STOP_DTMF_IND);
	msc_expects(MSC_STOP_DTMF_RSP);
}

static void keys(void)
{
	in_call("keys of the phone, each as long as it was pressed", MO_TALKING, MEDIA_ANCHORED);
	press('1', 120);
	sip_peer_expects("INFO");
	press('#', 2500);
	sip_peer_expects("INFO");
	btw("a second key before the first one was released; and a release of none");
	msc_sends(MSC_START_DTMF_IND, .key = '2');
	msc_expects(MSC_START_DTMF_RSP);
	pass_ms(200);
	press('3', 100);
	sip_peer_expects("INFO");
	sip_peer_expects("INFO");
	msc_sends(MSC_STOP_DTMF_IND);
	msc_expects(MSC_STOP_DTMF_RSP);
	btw("something that is no key");
	msc_sends(MSC_START_DTMF_IND, .key = 'x');
	msc_expects(MSC_START_DTMF_REJ);
	msc_sends(MSC_START_DTMF_IND);
	msc_expects(MSC_START_DTMF_REJ);
	sip_peer_expects_nothing();
	btw("the phone hangs up with the finger on a key");
	msc_sends(MSC_START_DTMF_IND, .key = '9');
	msc_expects(MSC_START_DTMF_RSP);
	pass_ms(300);
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_expects("INFO");
	sip_peer_expects("BYE");
	scene_ends();

	in_call("keys as application/dtmf", MT_TALKING, MEDIA_ANCHORED);
	peer_dtmf(SIP_DTMF_INFO);
	press('5', 80);
	sip_peer_expects("INFO");
	btw("a peer that is to get none: the phone hears so");
	peer_dtmf(SIP_DTMF_NONE);
	msc_sends(MSC_START_DTMF_IND, .key = '6');
	msc_expects(MSC_START_DTMF_REJ);
	sip_peer_expects_nothing();
	peer_dtmf(SIP_DTMF_INFO_RELAY);
	phone_ends_call();

	in_call("keys from the PBX: answered, but MNCC has no message for them", MO_TALKING, MEDIA_ANCHORED);
	sip_peer_sends("INFO", .type = "application/dtmf-relay", .body = "Signal=5\r\nDuration=100\r\n");
	sip_peer_expects("200");
	sip_peer_sends("INFO", .type = "application/dtmf", .body = "7");
	sip_peer_expects("200");
	sip_peer_sends("INFO", .type = "application/dtmf-relay", .body = "Signal\r\n=\r\n");
	sip_peer_expects("200");
	msc_expects_nothing();
	phone_ends_call();
}

static void keys_in_a_row(void)
{
	in_call("keys faster than the PBX answers: it gets them one by one, in order", MO_TALKING, MEDIA_ANCHORED);
	sip_peer_answers_info(0);
	press('1', 70);
	sip_peer_expects("INFO");
	press('2', 80);
	press('3', 90);
	pass_ms(300);
	sip_peer_expects_nothing();
	btw("the PBX has it now");
	sip_peer_answers_info(200);
	sip_peer_sends("INFO 200");
	sip_peer_expects("INFO");
	sip_peer_expects("INFO");
	phone_ends_call();

	in_call("more than anybody presses: what finds no room is rejected", MO_TALKING, MEDIA_ANCHORED);
	sip_peer_answers_info(0);
	tell_nothing = true;
	for (unsigned int i = 0; i < 16; i++)
		press('0' + i % 10, 1);
	tell_nothing = false;
	msc_sends(MSC_START_DTMF_IND, .key = '#');
	msc_expects(MSC_START_DTMF_REJ);
	btw("whoever hangs up has pressed them all the same");
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_hears();
	sip_peer_answers_info(200);
	scene_ends();

	in_call("the PBX hangs up with the finger on a key", MT_TALKING, MEDIA_ANCHORED);
	msc_sends(MSC_START_DTMF_IND, .key = '5');
	msc_expects(MSC_START_DTMF_RSP);
	sip_peer_sends("BYE");
	sip_peer_expects("200");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_STOP_DTMF_IND);
	msc_sends(MSC_REL_IND);
	scene_ends();
}

static void keys_in_vain(void)
{
	in_call("the PBX knows no INFO: the phone hears so from the next key on", MO_TALKING, MEDIA_ANCHORED);
	sip_peer_answers_info(405);
	press('1', 100);
	sip_peer_expects("INFO");
	msc_sends(MSC_START_DTMF_IND, .key = '2');
	msc_expects(MSC_START_DTMF_REJ);
	msc_sends(MSC_STOP_DTMF_IND);
	msc_expects(MSC_STOP_DTMF_RSP);
	sip_peer_expects_nothing();
	phone_ends_call();

	in_call("it does not like this one: the next one may be better", MT_TALKING, MEDIA_ANCHORED);
	sip_peer_answers_info(500);
	press('1', 100);
	sip_peer_expects("INFO");
	sip_peer_answers_info(200);
	press('2', 100);
	sip_peer_expects("INFO");
	phone_ends_call();

	in_call("a key before the call is answered", MO_RINGING, MEDIA_ANCHORED);
	msc_sends(MSC_START_DTMF_IND, .key = '1');
	msc_expects(MSC_START_DTMF_REJ);
	msc_sends(MSC_STOP_DTMF_IND);
	msc_expects(MSC_STOP_DTMF_RSP);
	sip_peer_sends("486");
	sip_peer_expects("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND);
	scene_ends();

	in_call("the phone does not wait for the answer to START", MO_TALKING, MEDIA_ANCHORED);
	fake_msc_is_hasty(true);
	msc_sends(MSC_START_DTMF_IND, .key = '7');
	msc_sends(MSC_STOP_DTMF_IND);
	msc_sends(MSC_START_DTMF_IND, .key = '8');
	fake_msc_is_hasty(false);
	msc_hears();
	sip_peer_expects("INFO");
	phone_ends_call();
}

/* A side that does not say whether it can deliver a key: osmo-msc and the phone have to hear something all the same */
static void keys_without_an_answer(void)
{
	struct leg_event answered = { .type = LEG_EV_ANSWERED,
				      .answered.media = { .kind = LEG_MEDIA_ANSWER, .sdp = SDP_FR } };
	struct leg_event late = { .type = LEG_EV_DTMF_RESULT, .dtmf = { .key = '4', .accepted = true } };

	scene("nobody says whether a key can be delivered", MEDIA_DIRECT);
	sip_side_is_fake(true);
	msc_sends(MSC_SETUP_IND, .callref = 0x80004000, .called = "5552222", .calling = "1001");
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_expects(MSC_CALL_PROC_REQ);
	leg_post(side_b(), &answered);
	pump();
	msc_hears();
	msc_sends(MSC_SETUP_COMPL_IND);
	msc_sends(MSC_START_DTMF_IND, .key = '4');
	msc_sends(MSC_STOP_DTMF_IND);
	pass_ms(4900);
	msc_expects_nothing();
	pass_ms(200);
	msc_expects(MSC_START_DTMF_REJ);
	msc_expects(MSC_STOP_DTMF_RSP);
	btw("and then it says it");
	leg_post(side_b(), &late);
	pump();
	msc_expects_nothing();
	btw("hanging up with a key that waits");
	msc_sends(MSC_START_DTMF_IND, .key = '5');
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_side_is_fake(false);
	scene_ends();
}

static void keys_on_hold(void)
{
	in_call("a key on hold, by either side", MO_TALKING, MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.20", "27760", "3", "a=sendonly\r\n"));
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_expects(MSC_NOTIFY_REQ);
	press('1', 100);
	sip_peer_expects("INFO");
	sip_peer_sends("INVITE", .sdp = SDP_FR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_expects(MSC_NOTIFY_REQ);
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	btw("while the PBX thinks about it");
	press('2', 100);
	sip_peer_expects("INFO");
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "3", "a=recvonly\r\n"));
	sip_peer_expects("ACK");
	msc_expects(MSC_HOLD_CNF);
	press('3', 100);
	sip_peer_expects("INFO");
	phone_ends_call();
}

/* osmo-msc 1.9 clears an active call 180 s after a message like these (facts: its guard timer) */
static void guard_timer(void)
{
	unsigned int minutes;

	in_call("a call without keys is left alone", MO_TALKING, MEDIA_ANCHORED);
	pass_ms(600000);
	msc_expects_nothing();
	phone_ends_call();

	in_call("after a key the MSC's guard timer is pacified for the rest of the call", MO_TALKING, MEDIA_ANCHORED);
	pass_ms(30000);
	press('1', 100);
	sip_peer_expects("INFO");
	for (minutes = 0; minutes < 5; minutes++) {
		pass_ms(60000);
		msc_expects(MSC_SETUP_COMPL_REQ);
	}
	msc_expects_nothing();
	phone_ends_call();

	scene("so it is after a key that was pressed before the call was answered", MEDIA_ANCHORED);
	call_up_to(MO_CONNECTING);
	press('1', 100);
	msc_sends(MSC_SETUP_COMPL_IND);
	sip_peer_expects("INFO");
	pass_ms(61000);
	msc_expects(MSC_SETUP_COMPL_REQ);
	phone_ends_call();
}

int main(void)
{
	stage_open("127.0.89");
	keys();
	keys_in_a_row();
	keys_in_vain();
	keys_without_an_answer();
	keys_on_hold();
	guard_timer();
	stage_close();
	return 0;
}
