/* Each peer dies at each point of a call: the MSC, the media gateway, the PBX. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "scenario.h"

static void msc_dies(enum point p)
{
	scene("the MSC's socket is lost", MEDIA_ANCHORED);
	call_up_to(p);
	fake_msc_lose_link();
	sip_goes_along(p);
	scene_ends();
}

static void msc_dies_while_released(void)
{
	scene("the MSC's socket is lost while a call is being released", MEDIA_ANCHORED);
	call_up_to(MO_TALKING);
	sip_peer_sends("BYE");
	sip_peer_expects("200");
	msc_expects(MSC_DISC_REQ);
	fake_msc_lose_link();
	scene_ends();

	scene("calls while the MSC is away", MEDIA_ANCHORED);
	fake_msc_lose_link();
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_FR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	scene_ends();
}

/* The MSC drops what it dislikes without a word, so each wait has an end */
static void msc_silent(void)
{
	scene("the MSC never names an address for the media of a calling phone", MEDIA_ANCHORED);
	call_up_to(MO_SETUP);
	pass_ms(31000);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	scene_ends();

	scene("the MSC does not find the called phone and does not give up", MEDIA_ANCHORED);
	call_up_to(MT_PAGING);
	pass_ms(41000);
	sip_peer_expects("504");
	sip_peer_sends("ACK");
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	scene_ends();

	scene("the MSC never names an address for the media of a phone that rings", MEDIA_ANCHORED);
	call_up_to(MT_RINGING);
	pass_ms(31000);
	sip_peer_expects("503");
	sip_peer_sends("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("nor of one that answered", MEDIA_ANCHORED);
	call_up_to(MT_CONFIRMED);
	msc_sends(MSC_SETUP_CNF);
	pass_ms(31000);
	sip_peer_expects("503");
	sip_peer_sends("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("the phone does not confirm that it is connected", MEDIA_ANCHORED);
	call_up_to(MO_CONNECTING);
	pass_ms(36000);
	sip_peer_expects("BYE");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();
}

static void mo_media_fails(const char *title)
{
	scene(title, MEDIA_ANCHORED);
	call_up_to(MO_SETUP);
}

static void gateway_fails_at_setup(void)
{
	mo_media_fails("the gateway says nothing when a phone calls");
	mgw_is_silent(true);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	pass_ms(13000);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	mgw_is_silent(false);
	scene_ends();

	mo_media_fails("the gateway is down");
	mgw_is_silent(true);
	pass_ms(29000);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	mgw_is_silent(false);
	scene_ends();

	mo_media_fails("the gateway has no endpoint left");
	mgw_refuses(403);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	pass_ms(13000);
	msc_hears();
	sip_peer_hears();
	if (n_calls()) {
		btw("it had one later");
		sip_peer_sends("486");
		sip_peer_hears();
		msc_hears();
	}
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	mo_media_fails("the gateway refuses for good: wrong domain");
	mgw_refuses(500);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_hears();
	msc_sends(MSC_REL_CNF, .cause = 16);
	scene_ends();

	mo_media_fails("two datagrams to the gateway are lost: only later");
	mgw_loses(2);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	pass_ms(3000);
	msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	sip_peer_sends("486");
	sip_peer_expects("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("the phone hangs up while the gateway is silent", MEDIA_ANCHORED);
	call_up_to(MO_SETUP);
	mgw_is_silent(true);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	mgw_is_silent(false);
	scene_ends();

	scene("a phone is called, the gateway says nothing", MEDIA_ANCHORED);
	call_up_to(MT_RINGING);
	mgw_is_silent(true);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	pass_ms(13000);
	sip_peer_expects("503");
	sip_peer_sends("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	mgw_is_silent(false);
	scene_ends();
}

static void gateway_fails_at_answer(void)
{
	scene("the gateway says nothing when the callee answers", MEDIA_ANCHORED);
	call_up_to(MO_RINGING);
	mgw_is_silent(true);
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	pass_ms(13000);
	sip_peer_expects("BYE");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	mgw_is_silent(false);
	scene_ends();

	scene("the gateway refuses the answer", MEDIA_ANCHORED);
	call_up_to(MO_RINGING);
	mgw_refuses(534);
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	sip_peer_expects("BYE");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();
}

static void gateway_restarts(enum point p)
{
	scene("the gateway restarts in a call", MEDIA_ANCHORED);
	call_up_to(p);
	mgw_restarts();
	pass_ms(40000);
	sip_peer_expects("BYE");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();
}

static void gateway_silent_in_call(void)
{
	scene("the gateway is silent for some seconds in a call: nobody notices", MEDIA_ANCHORED);
	call_up_to(MO_TALKING);
	mgw_is_silent(true);
	pass_ms(5000);
	mgw_is_silent(false);
	pass_ms(30000);
	EXPECT(n_calls() == 1);
	phone_ends_call();
}

static void pbx_dies(void)
{
	scene("the PBX does not respond to INVITE", MEDIA_ANCHORED);
	call_up_to(MO_CALLING);
	pass_ms(33000);
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("the PBX dies while it rings", MEDIA_ANCHORED);
	call_up_to(MO_RINGING);
	pass_ms(171000);
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	sip_peer_expects("CANCEL");
	scene_ends();

	scene("the PBX dies before it ACKs: the call is given up, the phone told", MEDIA_ANCHORED);
	call_up_to(MT_CONNECTING);
	pass_ms(33000);
	sip_peer_hears();
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("the PBX died in the call: the phone hangs up, nobody answers the BYE", MEDIA_ANCHORED);
	call_up_to(MT_TALKING);
	sip_peer_is_silent(true);
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_expects("BYE");
	sip_peer_is_silent(false);
	scene_ends();
}

int main(void)
{
	unsigned int point;

	stage_open("127.0.74");
	for (point = 0; point < _NUM_POINTS; point++)
		msc_dies(point);
	msc_dies_while_released();
	msc_silent();
	gateway_fails_at_setup();
	gateway_fails_at_answer();
	gateway_restarts(MO_TALKING);
	gateway_restarts(MT_TALKING);
	gateway_silent_in_call();
	pbx_dies();
	stage_close();
	return 0;
}
