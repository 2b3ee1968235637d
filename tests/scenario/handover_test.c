/* The MSC's media changes in a call: another address (handover) or another codec, at every moment. Whatever the SIP
 * side has to know of it reaches it, once and in the end the newest. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "scenario.h"

#define SDP_EFR	     SDP("127.0.0.20", "27760", "110", "a=rtpmap:110 GSM-EFR/8000\r\na=sendrecv\r\n")
#define SDP_MOVED    SDP("127.0.0.21", "27760", "3", "a=sendrecv\r\n")
#define SDP_FR_EFR   SDP("127.0.0.22", "30000", "3 110", "a=rtpmap:110 GSM-EFR/8000\r\na=sendrecv\r\n")
#define SDP_RECVONLY SDP("127.0.0.20", "27760", "3", "a=recvonly\r\n")

static void address(const char *rtp)
{
	msc_sends(MSC_RTP_CREATE, .rtp = rtp);
}

static void efr(void)
{
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.5:5000", .pt = 110, .frame = MSC_FRAME_EFR);
}

static void pbx_agrees(const char *sdp)
{
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = sdp);
	sip_peer_expects("ACK");
}

/* No codec in common: both sides are told why */
static void ended_by_us(void)
{
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND);
	sip_peer_expects("BYE");
	scene_ends();
}

static void during_an_offer(void)
{
	in_call("twice in a row: the PBX hears of the second when it has answered the first", MO_TALKING, MEDIA_DIRECT);
	address("127.0.0.5:5000");
	sip_peer_expects("INVITE");
	address("127.0.0.5:5002");
	address("127.0.0.5:5004");
	sip_peer_expects_nothing();
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	pbx_agrees(SDP_FR);
	pass_ms(60000);
	sip_peer_expects_nothing();
	phone_ends_call();

	in_call("there and back again, before the PBX has answered: there is nothing more to tell", MO_TALKING,
		MEDIA_DIRECT);
	address("127.0.0.5:5000");
	sip_peer_expects("INVITE");
	address("127.0.0.5:5002");
	address("127.0.0.5:5000");
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	sip_peer_expects_nothing();
	phone_ends_call();

	in_call("while the PBX is asked for hold", MT_TALKING, MEDIA_DIRECT);
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	address("127.0.0.5:5000");
	sip_peer_sends("200", .sdp = SDP_RECVONLY);
	sip_peer_expects("ACK");
	msc_hears();
	pbx_agrees(SDP_RECVONLY);
	phone_ends_call();

	in_call("the PBX refuses the new address: the call goes on as it can", MT_TALKING, MEDIA_DIRECT);
	address("127.0.0.5:5000");
	sip_peer_expects("INVITE");
	sip_peer_sends("488");
	sip_peer_expects("ACK");
	pass_ms(60000);
	sip_peer_expects_nothing();
	phone_ends_call();
}

static void during_set_up(void)
{
	in_call("before the phone has confirmed", MO_CONNECTING, MEDIA_DIRECT);
	address("127.0.0.5:5000");
	sip_peer_expects_nothing();
	msc_sends(MSC_SETUP_COMPL_IND);
	pbx_agrees(SDP_FR);
	phone_ends_call();

	in_call("while it rings: the PBX has the old address in its INVITE", MO_RINGING, MEDIA_DIRECT);
	address("127.0.0.5:5000");
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	msc_hears();
	msc_sends(MSC_SETUP_COMPL_IND);
	pbx_agrees(SDP_FR);
	phone_ends_call();

	in_call("another codec while it rings, anchored", MO_RINGING, MEDIA_ANCHORED);
	efr();
	mgw_heard();
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	msc_hears();
	msc_sends(MSC_SETUP_COMPL_IND);
	pbx_agrees(SDP_EFR);
	phone_ends_call();

	in_call("a called phone rings: the PBX has heard nothing yet, and gets the new one only", MT_RINGING_MEDIA,
		MEDIA_DIRECT);
	address("127.0.0.5:5000");
	msc_sends(MSC_SETUP_CNF);
	msc_hears();
	sip_peer_expects("200");
	sip_peer_sends("ACK");
	pass_ms(5000);
	sip_peer_expects_nothing();
	phone_ends_call();

	in_call("the PBX has not ACKed the call: a little later", MT_CONNECTING, MEDIA_DIRECT);
	address("127.0.0.5:5000");
	pass_ms(100);
	sip_peer_sends("ACK");
	sip_peer_expects_nothing();
	pass_ms(2000);
	pbx_agrees(SDP_FR);
	phone_ends_call();
}

static void during_theirs(void)
{
	in_call("the PBX has not ACKed its own re-INVITE, that had the old address in its answer: later, the newest",
		MT_TALKING, MEDIA_DIRECT);
	sip_peer_sends("INVITE", .sdp = SDP_MOVED);
	sip_peer_hears();
	address("127.0.0.5:5000");
	address("127.0.0.5:5002");
	msc_hears();
	pass_ms(100);
	sip_peer_sends("ACK");
	sip_peer_expects_nothing();
	pass_ms(2000);
	pbx_agrees(SDP_MOVED);
	pass_ms(60000);
	sip_peer_expects_nothing();
	phone_ends_call();

	in_call("the PBX offers again before our turn has come: our answer tells it", MT_TALKING, MEDIA_DIRECT);
	sip_peer_sends("INVITE", .sdp = SDP_MOVED);
	sip_peer_hears();
	address("127.0.0.5:5000");
	pass_ms(100);
	sip_peer_sends("ACK");
	sip_peer_sends("INVITE", .sdp = SDP_FR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_hears();
	pass_ms(60000);
	sip_peer_expects_nothing();
	phone_ends_call();

	in_call("the phone hangs up before our turn has come", MT_TALKING, MEDIA_DIRECT);
	sip_peer_sends("INVITE", .sdp = SDP_MOVED);
	sip_peer_hears();
	address("127.0.0.5:5000");
	address("127.0.0.5:5002");
	sip_peer_sends("ACK");
	msc_hears();
	phone_ends_call();
}

static void codec(void)
{
	in_call("another codec: the gateway's other side follows the PBX's answer", MO_TALKING, MEDIA_ANCHORED);
	efr();
	mgw_heard();
	pbx_agrees(SDP_EFR);
	mgw_heard();
	phone_ends_call();

	in_call("the same with media direct", MO_TALKING, MEDIA_DIRECT);
	efr();
	pbx_agrees(SDP_EFR);
	msc_hears();
	phone_ends_call();

	in_call("the PBX refuses it: there is no codec in common any more", MT_TALKING, MEDIA_ANCHORED);
	efr();
	mgw_heard();
	sip_peer_expects("INVITE");
	sip_peer_sends("488");
	sip_peer_expects("ACK");
	ended_by_us();

	in_call("it refuses with media direct", MO_TALKING, MEDIA_DIRECT);
	efr();
	sip_peer_expects("INVITE");
	sip_peer_sends("488");
	sip_peer_expects("ACK");
	ended_by_us();

	in_call("it answers with what it had answered before", MO_TALKING, MEDIA_ANCHORED);
	efr();
	pbx_agrees(SDP_FR);
	ended_by_us();

	in_call("another codec while the PBX is asked for hold, that it refuses", MO_TALKING, MEDIA_ANCHORED);
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	efr();
	sip_peer_sends("488");
	sip_peer_expects("ACK");
	msc_hears();
	pbx_agrees(SDP_EFR);
	phone_ends_call();

	in_call("before our turn has come the PBX offers the new codec itself", MT_TALKING, MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .sdp = SDP_MOVED);
	sip_peer_hears();
	efr();
	mgw_heard();
	sip_peer_sends("ACK");
	sip_peer_sends("INVITE", .sdp = SDP_FR_EFR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	mgw_heard();
	pass_ms(10000);
	sip_peer_expects_nothing();
	phone_ends_call();

	in_call("before our turn has come the PBX offers the old one: refused, then it is asked", MT_TALKING,
		MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .sdp = SDP_MOVED);
	sip_peer_hears();
	efr();
	sip_peer_sends("ACK");
	sip_peer_sends("INVITE", .sdp = SDP_MOVED);
	sip_peer_hears();
	sip_peer_sends("ACK");
	pass_ms(2000);
	pbx_agrees(SDP_EFR);
	phone_ends_call();
}

/* From osmo-msc 1.11 on the MSC offers all that the phone can, and assigns anew what the answer chose */
static void codec_that_was_answered(void)
{
	scene("another codec, that the PBX had chosen: whatever it says to the new offer, there is a codec",
	      MEDIA_DIRECT);
	msc_sends(MSC_SETUP_IND, .callref = 0x80001000, .called = "5552222", .calling = "1001");
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_RTP_CREATE,
		  .sdp = SDP("127.0.0.4", "4004", "3 110", "a=rtpmap:3 GSM/8000\r\na=rtpmap:110 GSM-EFR/8000\r\n"));
	msc_expects(MSC_CALL_PROC_REQ);
	pbx_agrees(SDP_EFR);
	msc_hears();
	msc_sends(MSC_SETUP_COMPL_IND);
	msc_sends(MSC_RTP_CREATE, .sdp = SDP("127.0.0.4", "4004", "110", "a=rtpmap:110 GSM-EFR/8000\r\n"));
	sip_peer_expects("INVITE");
	sip_peer_sends("488");
	sip_peer_expects("ACK");
	pass_ms(60000);
	sip_peer_expects_nothing();
	phone_ends_call();
}

int main(void)
{
	stage_open("127.0.78");
	during_an_offer();
	during_set_up();
	during_theirs();
	codec();
	codec_that_was_answered();
	stage_close();
	return 0;
}
