/* Late, repeated, unexpected and nonsensical messages: none of them may hurt, or be left without an answer that
 * somebody waits for. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/utils.h>

#include "scenario.h"

enum { /* rare ones */
       FACILITY_IND = 0x114,
       MODIFY_IND = 0x11b,
       MODIFY_CNF = 0x11d,
       MODIFY_REJ = 0x11e,
       USERINFO_IND = 0x126,
};

/* End it, whatever point it is at */
static void msc_ends(enum point p)
{
	msc_sends(MSC_REL_IND, .cause = 16);
	sip_goes_along(p);
	scene_ends();
}

/* Every indication of the MSC that does not belong there, at every point */
static void everything_everywhere(enum point p)
{
	static const uint32_t types[] = { MSC_SETUP_IND, MSC_SETUP_COMPL_IND, MSC_NOTIFY_IND,
					  FACILITY_IND,	 USERINFO_IND,	      MODIFY_CNF,
					  0x129,	 0x7fffffff,	      MSC_RTP_FREE };
	unsigned int i;

	if (p == MO_CONNECTING)
		return; /* SETUP_COMPL_IND does belong there */
	scene("indications that do not belong here", MEDIA_ANCHORED);
	call_up_to(p);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i] == MSC_SETUP_IND && is_mt(p))
			continue;
		msc_sends(types[i]);
	}
	msc_hears();
	EXPECT(n_calls() == 1);
	msc_ends(p);
}

static void late_and_repeated(void)
{
	scene("the MSC's address comes twice, the second time while the gateway works", MEDIA_ANCHORED);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	msc_expects_nothing();
	mgw_heard();
	msc_ends(MO_CALLING);

	scene("the MSC's address comes after the call was given up", MEDIA_ANCHORED);
	call_up_to(MT_RINGING);
	sip_peer_sends("CANCEL");
	sip_peer_expects("200");
	sip_peer_expects("487");
	sip_peer_sends("ACK");
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	msc_sends(MSC_SETUP_CNF);
	msc_expects_nothing();
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("the phone answers while the PBX gives up", MEDIA_ANCHORED);
	call_up_to(MT_RINGING_MEDIA);
	msc_sends(MSC_SETUP_CNF);
	sip_peer_sends("CANCEL");
	sip_peer_hears();
	sip_peer_sends("ACK");
	sip_peer_sends("BYE");
	sip_peer_hears();
	msc_expects(MSC_SETUP_COMPL_REQ);
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("the PBX answers while the phone gives up", MEDIA_ANCHORED);
	call_up_to(MO_RINGING);
	msc_sends(MSC_DISC_IND, .cause = 16);
	sip_peer_sends("200", .sdp = SDP_FR);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_hears();
	scene_ends();

	scene("ringing and answer come twice", MEDIA_ANCHORED);
	call_up_to(MO_RINGING);
	sip_peer_sends("180");
	sip_peer_sends("180");
	sip_peer_sends("183");
	msc_expects_nothing();
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_hears();
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	msc_sends(MSC_SETUP_COMPL_IND);
	msc_expects_nothing();
	msc_ends(MO_TALKING);

	scene("the phone's ringing comes twice, its answer before CALL_CONF_IND", MEDIA_ANCHORED);
	call_up_to(MT_PAGING);
	msc_sends(MSC_ALERT_IND);
	msc_sends(MSC_ALERT_IND);
	msc_sends(MSC_CALL_CONF_IND);
	sip_peer_hears();
	msc_sends(MSC_SETUP_CNF);
	msc_sends(MSC_SETUP_CNF);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	sip_peer_sends("ACK");
	msc_ends(MT_TALKING);

	scene("the MSC's media come before CALL_CONF_IND", MEDIA_ANCHORED);
	call_up_to(MT_PAGING);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4034");
	msc_expects(MSC_RTP_CONNECT);
	msc_sends(MSC_CALL_CONF_IND);
	pass_ms(60000);
	msc_sends(MSC_SETUP_CNF);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	sip_peer_sends("ACK");
	msc_ends(MT_TALKING);
}

static void refusals(void)
{
	scene("the MSC refuses our RTP_CREATE", MEDIA_ANCHORED);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	scene_ends();

	scene("the MSC refuses our RTP_CONNECT", MEDIA_ANCHORED);
	call_up_to(MO_CALLING);
	msc_sends(MSC_RTP_CONNECT);
	msc_expects(MSC_DISC_REQ);
	msc_ends(MO_CALLING);

	scene("an empty address in a call changes nothing", MEDIA_ANCHORED);
	call_up_to(MO_TALKING);
	msc_sends(MSC_RTP_CREATE);
	EXPECT(n_calls() == 1);
	msc_ends(MO_TALKING);

	scene("the phone wants another bearer: it keeps the one it has", MEDIA_ANCHORED);
	call_up_to(MO_TALKING);
	msc_sends(MODIFY_IND);
	msc_expects(MODIFY_REJ);
	msc_ends(MO_TALKING);
}

/* The peer's packets must not become as many lines in the log */
static void floods(void)
{
	unsigned int i;

	scene("the PBX calls something that is no number, again and again", MEDIA_ANCHORED);
	log_lines();
	for (i = 0; i < 5; i++) {
		sip_peer_sends("INVITE", .to = "alice", .from = "5551000", .sdp = SDP_FR);
		sip_peer_expects("100");
		sip_peer_expects("404");
		sip_peer_sends("ACK");
	}
	EXPECT(log_lines() == 1);
	scene_ends();

	scene("the PBX offers something of no use, again and again", MEDIA_ANCHORED);
	call_up_to(MT_TALKING);
	log_lines();
	for (i = 0; i < 5; i++) {
		sip_peer_sends("INVITE", .sdp = SDP("127.0.0.20", "27760", "99", "a=rtpmap:99 none/8000\r\n"));
		sip_peer_expects("100");
		sip_peer_expects("488");
		sip_peer_sends("ACK");
	}
	EXPECT(log_lines() <= 2);
	EXPECT(n_calls() == 1);
	msc_ends(MT_TALKING);
}

int main(void)
{
	unsigned int p;

	stage_open("127.0.76");
	for (p = 0; p < _NUM_POINTS; p++)
		everything_everywhere(p);
	late_and_repeated();
	refusals();
	floods();
	stage_close();
	return 0;
}
