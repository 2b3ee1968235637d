/* A phone calls: the whole call, message by message, and how it may go otherwise. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/sipgw/call/call.h>

#include "scenario.h"

static void hangs_up(void)
{
	btw("the phone hangs up");
	phone_ends_call();
}

static void answered(enum media_mode mode)
{
	scene(mode == MEDIA_DIRECT ? "a phone calls, media direct" : "a phone calls, media anchored", mode);
	btw("the phone dials, its radio channel is assigned");
	msc_sends(MSC_SETUP_IND, .callref = 0x80000001, .called = "5552222", .calling = "1001");
	msc_expects(MSC_RTP_CREATE);
	pass_ms(470);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	mgw_heard();
	if (mode == MEDIA_ANCHORED)
		msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	btw("it rings");
	sip_peer_sends("100");
	sip_peer_sends("180");
	msc_expects(MSC_ALERT_REQ);
	btw("the callee answers");
	pass_ms(3000);
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	mgw_heard();
	if (mode == MEDIA_DIRECT)
		msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	printf("    operator: %.60s\n", shown_call());
	pass_ms(60000);
	hangs_up();
}

/* Up to the INVITE, with what the phone says */
#define phone_dials(...)                                                                                               \
	do {                                                                                                           \
		msc_sends(MSC_SETUP_IND, __VA_ARGS__);                                                                 \
		msc_expects(MSC_RTP_CREATE);                                                                           \
		msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");                                                    \
		msc_expects(MSC_RTP_CONNECT);                                                                          \
		msc_expects(MSC_CALL_PROC_REQ);                                                                        \
		sip_peer_expects("INVITE");                                                                            \
	} while (0)

static void pbx_refuses(const char *status, const char *reason)
{
	sip_peer_sends(status, .reason = reason);
	sip_peer_expects("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();
}

static void refused(const char *title, const char *status, const char *reason)
{
	scene(title, MEDIA_ANCHORED);
	call_up_to(MO_CALLING);
	pbx_refuses(status, reason);
}

static void numbers(void)
{
	scene("an international number, and the caller does not want to be known", MEDIA_ANCHORED);
	phone_dials(.callref = 0x80000002, .called = "+49301234", .calling = "1001", .clir = true);
	EXPECT(sip_peer_heard("anonymous@anonymous.invalid"));
	EXPECT(!sip_peer_heard("1001"));
	pbx_refuses("404", NULL);

	scene("stars and hashes are part of a number", MEDIA_ANCHORED);
	phone_dials(.callref = 0x80000003, .called = "*100#", .calling = "1001");
	pbx_refuses("404", NULL);
}

static void emergency(void)
{
	scene("an emergency call without number and bearer capability", MEDIA_ANCHORED);
	msc_sends(MSC_SETUP_IND, .callref = 0x80000004, .calling = "1001", .emergency = true, .no_bearer = true,
		  .clir = true);
	msc_expects(MSC_CALL_PROC_REQ);
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_expects(MSC_RTP_CONNECT);
	sip_peer_expects("INVITE");
	btw("the phone's number is shown in spite of CLIR, CALL_PROC_REQ is not sent twice");
	msc_expects_nothing();
	pbx_refuses("486", NULL);

	scene("another call without a number", MEDIA_ANCHORED);
	msc_sends(MSC_SETUP_IND, .callref = 0x80000005, .calling = "1001");
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	scene_ends();
}

static void early_media(void)
{
	scene("early media by 183, then 180, then the same in the 200", MEDIA_ANCHORED);
	call_up_to(MO_CALLING);
	sip_peer_sends("183", .sdp = SDP_FR);
	msc_expects(MSC_PROGRESS_REQ);
	mgw_heard();
	sip_peer_sends("180");
	msc_expects(MSC_ALERT_REQ);
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	msc_expects(MSC_SETUP_RSP);
	mgw_heard();
	msc_sends(MSC_SETUP_COMPL_IND);
	hangs_up();

	scene("early media by 180, 200 without SDP, media direct", MEDIA_DIRECT);
	call_up_to(MO_CALLING);
	sip_peer_sends("180", .sdp = SDP_FR);
	msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_ALERT_REQ);
	sip_peer_sends("200");
	sip_peer_expects("ACK");
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	hangs_up();

	scene("183 without SDP says nothing to a phone; early media after ringing opens the path without a word",
	      MEDIA_ANCHORED);
	call_up_to(MO_CALLING);
	sip_peer_sends("183");
	msc_expects_nothing();
	sip_peer_sends("180");
	msc_expects(MSC_ALERT_REQ);
	sip_peer_sends("183", .sdp = SDP_FR);
	mgw_heard();
	msc_expects_nothing();
	btw("the announcement comes from elsewhere than the callee");
	sip_peer_sends("200", .sdp = SDP("127.0.0.21", "30000", "3", ""));
	sip_peer_expects("ACK");
	mgw_heard();
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	hangs_up();
}

static void bad_answer(const char *title, const char *sdp)
{
	scene(title, MEDIA_ANCHORED);
	call_up_to(MO_RINGING);
	sip_peer_sends("200", .sdp = sdp);
	sip_peer_expects("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	sip_peer_expects("BYE");
	scene_ends();
}

static void codecs(void)
{
	scene("the radio channel is AMR: the offer says so, the answer has its own number for it", MEDIA_ANCHORED);
	msc_sends(MSC_SETUP_IND, .callref = 0x80000006, .called = "5552222", .calling = "1001");
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004", .pt = 98, .frame = MSC_FRAME_AMR);
	msc_expects(MSC_RTP_CONNECT);
	mgw_heard();
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	EXPECT(strstr(sip_peer_heard_sdp(), "a=fmtp:112 octet-align=1"));
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "112",
					 "a=rtpmap:112 AMR/8000\r\na=fmtp:112 octet-align=1;mode-set=0,2,4,7\r\n"));
	sip_peer_expects("ACK");
	mgw_heard();
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	hangs_up();

	scene("a codec that nobody knows", MEDIA_ANCHORED);
	msc_sends(MSC_SETUP_IND, .callref = 0x80000007, .called = "5552222", .calling = "1001");
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004", .pt = 98, .frame = 0x3ff);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	scene_ends();

	bad_answer("the answer has another codec", SDP_G711);
	bad_answer("the answer rejects the audio", SDP("127.0.0.20", "0", "3", ""));
	bad_answer("the answer has two streams for the one offered",
		   SDP("127.0.0.20", "27760", "3", "m=audio 27770 RTP/AVP 3\r\n"));
	bad_answer("the answer is no SDP", "hello");
	bad_answer("the 200 has no SDP at all", NULL);
}

static void nowhere_to_go(void)
{
	scene("the PBX is called but nobody answers for ever", MEDIA_ANCHORED);
	call_up_to(MO_RINGING);
	pass_ms(169000);
	msc_expects_nothing();
	btw("170 s are over");
	pass_ms(2000);
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	sip_peer_expects("CANCEL");
	sip_peer_sends("487");
	sip_peer_expects("ACK");
	scene_ends();
}

static void no_room(void)
{
	struct admission *adm = &the_calls()->admission;

	scene("a limit is reached: refused before a radio channel is assigned", MEDIA_ANCHORED);
	adm->limits[ADMIT_TOTAL] = adm->n[0] = 1;
	msc_sends(MSC_SETUP_IND, .callref = 0x80000031, .called = "5552222", .calling = "1001");
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	adm->limits[ADMIT_TOTAL] = adm->n[0] = 0;
	scene_ends();

	scene("a call for help has no limits", MEDIA_ANCHORED);
	adm->limits[ADMIT_TOTAL] = adm->n[0] = 1;
	msc_sends(MSC_SETUP_IND, .callref = 0x80000033, .called = "112", .calling = "1001", .emergency = true);
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_REL_IND, .cause = 16);
	adm->limits[ADMIT_TOTAL] = 0;
	adm->n[0]--;
	scene_ends();
}

int main(void)
{
	stage_open("127.0.71");
	answered(MEDIA_ANCHORED);
	answered(MEDIA_DIRECT);
	refused("the callee is busy", "486", NULL);
	refused("the callee declines", "603", NULL);
	refused("the number does not exist", "404", NULL);
	refused("the callee is not there", "480", NULL);
	refused("the PBX says in a Reason what it is really about", "503", "Q.850;cause=34;text=\"no circuit\"");
	refused("a codec problem", "488", NULL);
	numbers();
	emergency();
	early_media();
	codecs();
	nowhere_to_go();
	no_room();
	stage_close();
	return 0;
}
