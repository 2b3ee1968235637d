/* Codecs agreed on, or not, and what is heard before the answer. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "scenario.h"

#define SDP_MSC(FORMATS)                                                                                               \
	"v=0\r\no=OsmoMSC 0 0 IN IP4 127.0.0.4\r\ns=GSM Call\r\nc=IN IP4 127.0.0.4\r\nt=0 0\r\nm=audio 4004 RTP/AVP " FORMATS
#define MSC_AMR_FR_KEYS                                                                                                \
	SDP_MSC("112 3 101\r\na=rtpmap:112 AMR/8000\r\na=fmtp:112 octet-align=1;mode-set=0,2,4,7\r\n"                  \
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n")
#define SDP_FR_OF(ADDR) SDP(ADDR, "27760", "3", "a=sendrecv\r\n")

static void peer_codecs(enum sdp_codec_id a, enum sdp_codec_id b)
{
	memset(peer_cfg()->codecs, 0, sizeof(peer_cfg()->codecs));
	peer_cfg()->codecs[0] = a;
	peer_cfg()->codecs[1] = b;
}

static void phone_hangs_up(void)
{
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_hears();
	mgw_heard();
	scene_ends();
}

static void mo_ends_at_msc(void)
{
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 88);
	scene_ends();
}

/* ---- the peer's list ---- */

static void list_mo(void)
{
	scene("the phone's codec is not on the peer's list: nobody is called", MEDIA_ANCHORED);
	peer_codecs(SDP_CODEC_PCMA, SDP_CODEC_AMR);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_hears();
	sip_peer_expects_nothing();
	msc_sends(MSC_REL_IND, .cause = 88);
	mgw_heard();
	scene_ends();

	scene("of what the MSC could assign, the peer is offered what its list has, in its order", MEDIA_ANCHORED);
	peer_codecs(SDP_CODEC_GSM_FR, SDP_CODEC_AMR);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004", .sdp = MSC_AMR_FR_KEYS);
	msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	EXPECT(strstr(sip_peer_heard_sdp(), " RTP/AVP 3 112 101\r\n"));
	EXPECT(strstr(sip_peer_heard_sdp(), "a=fmtp:112 octet-align=1;mode-set=0,2,4,7\r\n"));
	mgw_heard();

	btw("it takes FR: the MSC is told, and assigns that");
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "3 97", "a=rtpmap:97 telephone-event/8000\r\n"));
	sip_peer_expects("ACK");
	mgw_heard();
	msc_expects(MSC_RTP_CONNECT);
	EXPECT(strstr(msc_heard_sdp(), " RTP/AVP 3 101\r\n"));
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004",
		  .sdp = SDP_MSC("3 112 101\r\na=rtpmap:112 AMR/8000\r\na=rtpmap:101 telephone-event/8000\r\n"));
	msc_sends(MSC_SETUP_COMPL_IND);
	msc_expects_nothing();
	phone_hangs_up();
	peer_codecs(0, 0);
}

static void list_mt(void)
{
	scene("the peer offers nothing that its list has", MEDIA_ANCHORED);
	peer_codecs(SDP_CODEC_AMR, SDP_CODEC_GSM_FR);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_G711);
	sip_peer_expects("100");
	sip_peer_expects("488");
	sip_peer_sends("ACK");
	scene_ends();

	scene("it offers more: the list's codecs in the list's order are what the call sees", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000",
		       .sdp = SDP("127.0.0.20", "27760", "0 3 98 96",
				  "a=rtpmap:98 AMR/8000\r\na=rtpmap:96 telephone-event/8000\r\n"));
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	EXPECT(strstr(msc_heard_sdp(), " RTP/AVP 112 3\r\n"));
	msc_sends(MSC_CALL_CONF_IND);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004", .sdp = MSC_AMR_FR_KEYS);
	msc_expects(MSC_RTP_CONNECT);
	msc_sends(MSC_SETUP_CNF);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	EXPECT(strstr(sip_peer_heard_sdp(), " RTP/AVP 98 96\r\n"));
	EXPECT(strstr(sip_peer_heard_sdp(), "a=fmtp:98 mode-set=0,2,4,7\r\n"));
	sip_peer_sends("ACK");
	mgw_heard();

	btw("in the call it offers what its list does not have: refused, all stays as it was");
	sip_peer_sends("INVITE", .sdp = SDP_G711);
	sip_peer_hears();
	sip_peer_sends("ACK");
	phone_hangs_up();
	peer_codecs(0, 0);
}

/* ---- what the phone can ---- */

static void phone_can_not(void)
{
	static const int8_t fr_hr[] = { 0, 1, -1 };

	scene("the phone says what it can, and that is nothing of the offer: no radio channel is waited for",
	      MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000",
		       .sdp = SDP("127.0.0.20", "27760", "98", "a=rtpmap:98 AMR/8000\r\n"));
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_CALL_CONF_IND, .speech = fr_hr);
	sip_peer_expects("488");
	sip_peer_sends("ACK");
	mo_ends_at_msc();

	scene("it can", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_FR);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_CALL_CONF_IND, .speech = fr_hr);
	msc_sends(MSC_ALERT_IND);
	sip_peer_expects("180");
	msc_sends(MSC_REL_IND, .cause = 17);
	sip_peer_expects("486");
	sip_peer_sends("ACK");
	scene_ends();
}

/* ---- before the answer, towards the phone ---- */

static void early_mo(void)
{
	scene("two forks ring, each with something to hear: the last one is heard", MEDIA_ANCHORED);
	call_up_to(MO_CALLING);
	sip_peer_sends("183", .sdp = SDP_FR_OF("127.0.0.21"));
	msc_expects(MSC_PROGRESS_REQ);
	mgw_heard();
	sip_peer_sends("183", .sdp = SDP_FR_OF("127.0.0.22"));
	msc_hears();
	mgw_heard();
	btw("an early answer of no use changes nothing");
	sip_peer_sends("183", .sdp = SDP_G711);
	msc_expects_nothing();
	mgw_heard();
	sip_peer_sends("180");
	msc_expects(MSC_ALERT_REQ);
	sip_peer_sends("200", .sdp = SDP_FR_OF("127.0.0.21"));
	sip_peer_expects("ACK");
	mgw_heard();
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	phone_hangs_up();

	scene("it says in its early answer that it sends nothing: the phone is to ring by itself", MEDIA_ANCHORED);
	call_up_to(MO_CALLING);
	sip_peer_sends("180", .sdp = SDP("127.0.0.20", "27760", "3", "a=inactive\r\n"));
	msc_expects(MSC_ALERT_REQ);
	mgw_heard();
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	mgw_heard();
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	phone_hangs_up();
}

/* ---- before the answer, from the phone's side ---- */

static void mt_offered(void)
{
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_FR);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_CALL_CONF_IND);
}

static void mt_is_answered(enum media_mode mode)
{
	msc_sends(MSC_SETUP_CNF);
	if (mode == MEDIA_DIRECT)
		msc_hears();
	else
		msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	EXPECT(strstr(sip_peer_heard_sdp(), "m=audio"));
	sip_peer_sends("ACK");
	phone_hangs_up();
}

static void early_mt(enum media_mode mode)
{
	scene("the phone rings and the MSC says that there is something to hear", mode);
	mt_offered();
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	msc_hears();
	msc_sends(MSC_ALERT_IND, .progress = 8);
	msc_hears();
	sip_peer_expects("183");
	EXPECT(strstr(sip_peer_heard_sdp(), " RTP/AVP 3\r\n"));
	mgw_heard();
	mt_is_answered(mode);

	scene("it says so before it has a port", mode);
	mt_offered();
	msc_sends(MSC_ALERT_IND, .progress = 1);
	sip_peer_expects("180");
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	msc_hears();
	sip_peer_expects("183");
	mgw_heard();
	mt_is_answered(mode);

	scene("early-media off: the same is a bare 180", mode);
	peer_cfg()->no_early_media = true;
	mt_offered();
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	msc_hears();
	msc_sends(MSC_ALERT_IND, .progress = 8);
	msc_hears();
	sip_peer_expects("180");
	EXPECT(!strcmp(sip_peer_heard_sdp(), ""));
	mt_is_answered(mode);
	peer_cfg()->no_early_media = false;
}

int main(void)
{
	stage_open("127.0.86");
	list_mo();
	list_mt();
	phone_can_not();
	early_mo();
	early_mt(MEDIA_ANCHORED);
	early_mt(MEDIA_DIRECT);
	stage_close();
	return 0;
}
