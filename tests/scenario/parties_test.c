/* Who calls whom, who answered, who passed the call on; what is not to be shown; calls for help. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/utils.h>

#include "scenario.h"

static void phone_hangs_up(void)
{
	phone_ends_call();
}

/* from its MNCC_RTP_CREATE on */
static void media_and_invite(void)
{
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_expects(MSC_RTP_CONNECT);
}

static void answered_by(const char *headers)
{
	sip_peer_sends("200", .sdp = SDP_FR, .headers = headers);
	sip_peer_expects("ACK");
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
}

static void who_answered(void)
{
	scene("a phone calls, and is shown who answered", MEDIA_ANCHORED);
	call_up_to(MO_RINGING);
	answered_by("P-Asserted-Identity: <sip:+4930555@pbx>\r\n");
	phone_hangs_up();

	scene("the PBX is not trusted to say so", MEDIA_ANCHORED);
	peer_cfg()->trusted = false;
	call_up_to(MO_RINGING);
	answered_by("P-Asserted-Identity: <sip:+4930555@pbx>\r\n");
	peer_cfg()->trusted = true;
	phone_hangs_up();

	scene("a phone is called, and the PBX is told who answered", MEDIA_ANCHORED);
	call_up_to(MT_RINGING_MEDIA);
	msc_sends(MSC_SETUP_CNF, .connected = "1002");
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	EXPECT(sip_peer_heard("P-Asserted-Identity: <sip:1002@"));
	sip_peer_sends("ACK");
	phone_hangs_up();
}

static void mt_call(const char *title, const char *from, const char *headers)
{
	scene(title, MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "1001", .from = from, .sdp = SDP_FR, .headers = headers);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_REL_IND, .cause = 17);
	sip_peer_expects("486");
	sip_peer_sends("ACK");
	scene_ends();
}

static void withheld(void)
{
	scene("a phone that does not want to be shown", MEDIA_ANCHORED);
	msc_sends(MSC_SETUP_IND, .callref = 0x80002000, .called = "5552222", .calling = "1001", .clir = true);
	msc_expects(MSC_RTP_CREATE);
	media_and_invite();
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	EXPECT(sip_peer_heard("Privacy: id") || !sip_peer_heard("1001"));
	sip_peer_sends("486");
	sip_peer_expects("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND);
	scene_ends();

	mt_call("a caller without a name", "anonymous", NULL);
	mt_call("a caller that the PBX knows, and who is not to be shown: no digit reaches the phone", "anonymous",
		"P-Asserted-Identity: <sip:+4930555@pbx>\r\nPrivacy: id\r\n");
	mt_call("a call that somebody passed on, who is not to be shown either", "5551000",
		"Diversion: <sip:5553000@pbx>;reason=user-busy;privacy=full\r\n");
	mt_call("a call that somebody passed on", "5551000", "Diversion: <sip:5553000@pbx>;reason=user-busy\r\n");
	mt_call("a caller with more digits than anybody has", "123456789012345678901234567890123", NULL);
}

static void too_long(void)
{
	scene("a called number that is longer than MNCC's: said to the caller", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "123456789012345678901234567890123", .from = "5551000", .sdp = SDP_FR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_expects_nothing();
	scene_ends();
}

static void emergency(void)
{
	scene("help: no called and no calling number, and no bearer capability", MEDIA_ANCHORED);
	OSMO_STRLCPY_ARRAY(gsm_cfg()->cell, "0010100010a2b");
	msc_sends(MSC_SETUP_IND, .callref = 0x80002001, .emergency = true, .no_bearer = true, .clir = true);
	btw("osmo-msc 1.9 makes a channel only of a bearer capability");
	msc_expects(MSC_CALL_PROC_REQ);
	msc_expects(MSC_RTP_CREATE);
	media_and_invite();
	sip_peer_expects("INVITE");
	EXPECT(!sip_peer_heard("anonymous"));
	EXPECT(sip_peer_heard("001010000000001"));
	EXPECT(sip_peer_heard("cgi-3gpp=0010100010a2b"));
	gsm_cfg()->cell[0] = '\0';
	sip_peer_sends("180");
	msc_expects(MSC_ALERT_REQ);
	answered_by(NULL);
	phone_hangs_up();

	scene("help with what an ordinary phone says", MEDIA_DIRECT);
	msc_sends(MSC_SETUP_IND, .callref = 0x80002002, .emergency = true, .called = "112", .calling = "1001");
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	EXPECT(!sip_peer_heard("cgi-3gpp"));
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	pump();
	sip_peer_sends("100");
	sip_peer_expects("CANCEL");
	sip_peer_sends("487");
	sip_peer_expects("ACK");
	scene_ends();
}

int main(void)
{
	stage_open("127.0.95");
	peer_cfg()->trusted = true;
	who_answered();
	withheld();
	too_long();
	emergency();
	stage_close();
	return 0;
}
