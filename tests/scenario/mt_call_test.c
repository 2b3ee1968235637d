/* A phone is called: the whole call, message by message, and how it may go otherwise. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include "scenario.h"

static void pbx_calls(void)
{
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_FR);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
}

static void pbx_hangs_up(void)
{
	btw("the PBX hangs up");
	sip_peer_sends("BYE");
	sip_peer_expects("200");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();
}

static void answered(enum media_mode mode)
{
	scene(mode == MEDIA_DIRECT ? "a phone is called, media direct" : "a phone is called, media anchored", mode);
	btw("it is paged");
	pbx_calls();
	pass_ms(1400);
	msc_sends(MSC_CALL_CONF_IND);
	btw("it rings before its radio channel is assigned");
	msc_sends(MSC_ALERT_IND);
	sip_peer_expects("180");
	pass_ms(300);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	mgw_heard();
	if (mode == MEDIA_ANCHORED)
		msc_expects(MSC_RTP_CONNECT);
	btw("it is answered");
	pass_ms(5000);
	msc_sends(MSC_SETUP_CNF);
	if (mode == MEDIA_DIRECT)
		msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	sip_peer_sends("ACK");
	printf("    operator: %.50s\n", shown_call());
	pass_ms(60000);
	pbx_hangs_up();
}

static void answered_before_media(enum media_mode mode)
{
	scene("the phone answers before the MSC has an address for the media", mode);
	pbx_calls();
	msc_sends(MSC_CALL_CONF_IND);
	msc_sends(MSC_SETUP_CNF);
	btw("the 200 waits, the phone is not told that all is well yet");
	pass_ms(500);
	msc_expects_nothing();
	sip_peer_expects_nothing();
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	sip_peer_sends("ACK");
	pbx_hangs_up();
}

/* The MSC ends the call before it is answered */
static void msc_refuses(const char *title, bool rings, uint32_t how, int cause, int location, const char *status)
{
	scene(title, MEDIA_ANCHORED);
	call_up_to(rings ? MT_RINGING : MT_PAGING);
	msc_sends(how, .cause = cause, .location = location);
	if (how == MSC_DISC_IND) {
		msc_expects(MSC_REL_REQ);
		msc_sends(MSC_REL_CNF);
	}
	sip_peer_expects(status);
	sip_peer_sends("ACK");
	scene_ends();
}

static void cancelled(const char *title, enum point point)
{
	scene(title, MEDIA_ANCHORED);
	call_up_to(point);
	sip_peer_sends("CANCEL", .reason = "Q.850;cause=19");
	sip_peer_expects("200");
	sip_peer_expects("487");
	sip_peer_sends("ACK");
	msc_hears();
	msc_sends(point == MT_PAGING ? MSC_REL_CNF : MSC_REL_IND, .cause = 16);
	scene_ends();
}

/* The PBX asks for something that cannot be: refused before the MSC hears of it */
static void refused(const char *title, const char *number, const char *sdp, const char *status)
{
	scene(title, MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = number, .from = "5551000", .sdp = sdp);
	sip_peer_expects("100");
	sip_peer_expects(status);
	sip_peer_sends("ACK");
	scene_ends();
}

static void codec_differs(void)
{
	scene("the PBX offers FR only, but AMR is assigned on the radio", MEDIA_ANCHORED);
	pbx_calls();
	msc_sends(MSC_CALL_CONF_IND);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034", .pt = 112, .frame = MSC_FRAME_AMR);
	sip_peer_expects("488");
	sip_peer_sends("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 88);
	scene_ends();

	scene("AMR: the PBX's numbers and parameters on its side, the MSC's on the other", MEDIA_ANCHORED);
	sip_peer_sends(
		"INVITE", .to = "1001", .from = "5551000",
		.sdp = SDP("127.0.0.20", "20252", "8 96 3", "a=rtpmap:96 AMR/8000\r\na=fmtp:96 mode-set=0,2,4,7\r\n"));
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	printf("%s", strstr(msc_heard_sdp(), "c="));
	msc_sends(MSC_CALL_CONF_IND);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034", .pt = 112, .frame = MSC_FRAME_AMR);
	msc_expects(MSC_RTP_CONNECT);
	mgw_heard();
	msc_sends(MSC_SETUP_CNF);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	EXPECT(strstr(sip_peer_heard_sdp(), "a=fmtp:96 mode-set=0,2,4,7\r\n"));
	sip_peer_sends("ACK");
	pbx_hangs_up();
}

static void identities(void)
{
	scene("an international number is called by somebody who does not say who", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "+491701234", .from = "anonymous", .sdp = SDP_FR);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_REL_IND, .cause = 18, .location = 1);
	sip_peer_expects("480");
	sip_peer_sends("ACK");
	scene_ends();

	scene("a caller whose number is too long for MNCC is not shown, and not cut", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "1001", .from = "012345678901234567890123456789012345", .sdp = SDP_FR);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_REL_IND, .cause = 17);
	sip_peer_expects("486");
	sip_peer_sends("ACK");
	scene_ends();

	scene("a caller who has a name only", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "1001", .from = "alice", .sdp = SDP_FR);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_REL_IND, .cause = 17);
	sip_peer_expects("486");
	sip_peer_sends("ACK");
	scene_ends();

	scene("IMSIs as identities", MEDIA_ANCHORED);
	identity_is_imsi(true);
	sip_peer_sends("INVITE", .to = "001010000000001", .from = "5551000", .sdp = SDP_FR);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_REL_IND, .cause = 17);
	sip_peer_expects("486");
	sip_peer_sends("ACK");
	scene_ends();

	scene("a number where IMSIs are the identities", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "+001010000000001", .from = "5551000", .sdp = SDP_FR);
	sip_peer_expects("100");
	sip_peer_expects("484");
	sip_peer_sends("ACK");
	msc_expects_nothing();
	identity_is_imsi(false);
	scene_ends();
}

static void late_offer(void)
{
	scene("the INVITE has no offer: ours goes into the 200, the answer comes with the ACK", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000");
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_CALL_CONF_IND);
	msc_sends(MSC_ALERT_IND);
	sip_peer_expects("180");
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	msc_expects(MSC_RTP_CONNECT);
	mgw_heard();
	msc_sends(MSC_SETUP_CNF);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	sip_peer_sends("ACK", .sdp = SDP_FR);
	mgw_heard();
	pbx_hangs_up();

	scene("the ACK has no answer", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000");
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_CALL_CONF_IND);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	msc_expects(MSC_RTP_CONNECT);
	msc_sends(MSC_SETUP_CNF);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	sip_peer_sends("ACK");
	sip_peer_expects("BYE");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();
}

static void nobody_answers(void)
{
	scene("nobody answers the phone", MEDIA_ANCHORED);
	call_up_to(MT_RINGING_MEDIA);
	pass_ms(172000);
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();
}

int main(void)
{
	stage_open("127.0.72");
	answered(MEDIA_ANCHORED);
	answered(MEDIA_DIRECT);
	answered_before_media(MEDIA_ANCHORED);
	answered_before_media(MEDIA_DIRECT);
	msc_refuses("the number is unknown to the MSC, or its phone is not there", false, MSC_REL_IND, 18, 1, "480");
	msc_refuses("paging is not answered", false, MSC_REL_IND, 27, 1, "480");
	msc_refuses("the MSC knows that the number does not exist", false, MSC_REL_IND, 1, 1, "404");
	msc_refuses("the phone is busy", false, MSC_REL_IND, 17, 0, "486");
	msc_refuses("the phone declines", true, MSC_DISC_IND, 16, 0, "603");
	msc_refuses("the phone rejects the set-up", false, MSC_REJ_IND, 21, 0, "603");
	msc_refuses("the MSC gives up while it rings", true, MSC_DISC_IND, 102, 1, "504");
	msc_refuses("a release without a cause", true, MSC_REL_IND, 0, 0, "480");
	cancelled("the PBX gives up while the phone is paged", MT_PAGING);
	cancelled("the PBX gives up when it was found", MT_CONFIRMED);
	cancelled("the PBX gives up while it rings", MT_RINGING);
	cancelled("the PBX gives up while it rings, media are there", MT_RINGING_MEDIA);
	refused("a number that is none", "alice", SDP_FR, "404");
	refused("no codec in common", "1001", SDP_G711, "488");
	refused("an offer of video only", "1001",
		"v=0\r\no=- 1 1 IN IP4 127.0.0.20\r\ns=-\r\nc=IN IP4 127.0.0.20\r\nt=0 0\r\nm=video 9 RTP/AVP 31\r\n",
		"488");
	refused("an offer that is no SDP", "1001", "hello", "488");
	refused("a number too long for MNCC", "012345678901234567890123456789012345", SDP_FR, "484");
	refused("a number too long for anything",
		"01234567890123456789012345678901234501234567890123456789012345678901234", SDP_FR, "484");
	codec_differs();
	identities();
	late_offer();
	nobody_answers();
	stage_close();
	return 0;
}
