/* An MSC that speaks SDP in MNCC (osmo-msc from 1.11 on): what counts is in there. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include "scenario.h"

#define SDP_MSC(PORT)                                                                                                  \
	"v=0\r\no=OsmoMSC 0 0 IN IP4 127.0.0.4\r\ns=GSM Call\r\nc=IN IP4 127.0.0.4\r\nt=0 0\r\nm=audio " PORT          \
	" RTP/AVP 112 3 110\r\n"                                                                                       \
	"a=rtpmap:112 AMR/8000\r\na=fmtp:112 octet-align=1\r\na=rtpmap:3 GSM/8000\r\na=rtpmap:110 GSM-EFR/8000\r\na=ptime:20\r\na=x-unheard:of\r\n"
#define SDP_PBX                                                                                                                         \
	"v=0\r\no=pbx 7 7 IN IP4 127.0.0.20\r\ns=a session\r\nc=IN IP4 127.0.0.20\r\nb=AS:64\r\nt=0 0\r\nm=audio 27760 RTP/AVP 112\r\n" \
	"a=rtpmap:112 AMR/8000\r\na=fmtp:112 octet-align=1\r\na=x-also:unheard of\r\n"

static void ends(void)
{
	msc_sends(MSC_REL_IND, .cause = 16);
	sip_peer_hears();
	scene_ends();
}

static void mo_direct(void)
{
	scene("a phone calls, media direct: both descriptions pass without losing a line", MEDIA_DIRECT);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004", .sdp = SDP_MSC("4004"));
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	EXPECT(!strcmp(sip_peer_heard_sdp(), SDP_MSC("4004")));
	sip_peer_sends("200", .sdp = SDP_PBX);
	sip_peer_expects("ACK");
	msc_expects(MSC_RTP_CONNECT);
	EXPECT(!strcmp(msc_heard_sdp(), SDP_PBX));
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);

	btw("hold: the same session goes on, its version counts up");
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	EXPECT(strstr(sip_peer_heard_sdp(), "o=OsmoMSC 0 1 IN IP4 127.0.0.4\r\n"));
	EXPECT(strstr(sip_peer_heard_sdp(), "a=sendonly\r\n"));
	sip_peer_sends("200", .sdp = SDP_PBX);
	sip_peer_expects("ACK");
	msc_expects(MSC_HOLD_CNF);
	ends();
}

static void mt_direct(void)
{
	scene("a phone is called, media direct: both descriptions pass without losing a line", MEDIA_DIRECT);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_PBX);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	EXPECT(!strcmp(msc_heard_sdp(), SDP_PBX));
	msc_sends(MSC_CALL_CONF_IND);
	msc_sends(MSC_ALERT_IND);
	sip_peer_expects("180");
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034", .sdp = SDP_MSC("4034"));
	msc_sends(MSC_SETUP_CNF);
	msc_expects(MSC_RTP_CONNECT);
	EXPECT(!strcmp(msc_heard_sdp(), SDP_PBX));
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	EXPECT(!strcmp(sip_peer_heard_sdp(), SDP_MSC("4034")));
	sip_peer_sends("ACK");
	ends();

	scene("an offer of audio and video: the answer has to have both", MEDIA_DIRECT);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_PBX "m=video 27762 RTP/AVP 31\r\n");
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_CALL_CONF_IND);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034", .sdp = SDP_MSC("4034"));
	msc_sends(MSC_SETUP_CNF);
	msc_hears();
	sip_peer_expects("200");
	EXPECT(strstr(sip_peer_heard_sdp(), "m=video 0 "));
	sip_peer_sends("ACK");
	ends();
}

static void too_long(void)
{
	static char sdp[4096] = SDP_PBX;

	while (strlen(sdp) < 1500)
		strcat(sdp, "a=x-padding:what a proxy on the way has to say about itself\r\n");
	scene("descriptions longer than MNCC has room for are reduced to what matters, not cut", MEDIA_DIRECT);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = sdp);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	EXPECT(strstr(msc_heard_sdp(), "m=audio 27760 RTP/AVP 112\r\n"));
	EXPECT(strstr(msc_heard_sdp(), "a=rtpmap:112 AMR/8000"));
	EXPECT(strstr(msc_heard_sdp(), "c=IN IP4 127.0.0.20\r\n"));
	EXPECT(strstr(msc_heard_sdp(), "\r\n") && msc_heard_sdp()[strlen(msc_heard_sdp()) - 1] == '\n');
	msc_sends(MSC_REL_IND, .cause = 17);
	sip_peer_expects("486");
	sip_peer_sends("ACK");
	scene_ends();

	scene("so are answers", MEDIA_DIRECT);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004", .sdp = SDP_MSC("4004"));
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = sdp);
	sip_peer_expects("ACK");
	msc_expects(MSC_RTP_CONNECT);
	EXPECT(strstr(msc_heard_sdp(), "m=audio 27760 RTP/AVP 112\r\n"));
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	ends();
}

static void anchored(void)
{
	scene("media anchored: the first codec is the one assigned, the others are possible: all are offered", MEDIA_ANCHORED);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004", .sdp = SDP_MSC("4004"));
	msc_expects(MSC_RTP_CONNECT);
	EXPECT(strstr(msc_heard_sdp(), "m=audio 16002 RTP/AVP 112\r\n"));
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	EXPECT(strstr(sip_peer_heard_sdp(), " RTP/AVP 112 3 110\r\n"));
	mgw_heard();
	sip_peer_sends("200", .sdp = SDP_PBX);
	sip_peer_expects("ACK");
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	ends();

	scene("SDP counts more than the old members", MEDIA_ANCHORED);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.99:9999", .sdp = SDP_MSC("4004"));
	msc_expects(MSC_RTP_CONNECT);
	mgw_heard();
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	sip_peer_sends("486");
	sip_peer_expects("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("SDP that is none: the old members count", MEDIA_ANCHORED);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004", .sdp = "hello");
	msc_expects(MSC_RTP_CONNECT);
	mgw_heard();
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	sip_peer_sends("486");
	sip_peer_expects("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();
}

int main(void)
{
	stage_open("127.0.77");
	mo_direct();
	mt_direct();
	too_long();
	anchored();
	stage_close();
	return 0;
}
