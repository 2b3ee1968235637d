/* What happens in a call: hold and retrieval from either side, new addresses, refreshes. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include "scenario.h"
#include "tell.h"

static void phone_holds(enum media_mode mode)
{
	in_call(mode == MEDIA_DIRECT ? "the phone holds and retrieves, media direct" : "the phone holds and retrieves",
		MO_TALKING, mode);
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	btw("the phone waits for the PBX");
	msc_expects_nothing();
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "3", "a=recvonly\r\n"));
	sip_peer_expects("ACK");
	msc_hears();
	mgw_heard();
	btw("a second request of the same kind");
	msc_sends(MSC_HOLD_IND);
	msc_expects(MSC_HOLD_CNF);
	sip_peer_expects_nothing();
	pass_ms(20000);
	btw("back");
	msc_sends(MSC_RETRIEVE_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	msc_hears();
	mgw_heard();
	btw("the guard timer counts from these as well");
	pass_ms(61000);
	msc_hears();
	phone_ends_call();
}

/* HOLD of the call that the phone has, as its PBX agrees */
static void swap_out(uint32_t callref)
{
	msc_sends(MSC_HOLD_IND, .callref = callref);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "3", "a=recvonly\r\n"));
	sip_peer_expects("ACK");
	msc_expects(MSC_HOLD_CNF);
}

static void swap_in(uint32_t callref)
{
	msc_sends(MSC_RETRIEVE_IND, .callref = callref);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	msc_hears();
	mgw_heard();
}

static void one_of_two_ends(uint32_t callref)
{
	msc_sends(MSC_DISC_IND, .callref = callref, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_expects("BYE");
	mgw_heard();
}

/* osmo-msc says its media for the first call only, and sends where the last MNCC_RTP_CONNECT of either says */
static void two_calls(void)
{
	uint32_t first, second;

	in_call("call waiting: the phone takes a second call, and goes from one to the other", MO_TALKING,
		MEDIA_ANCHORED);
	first = msc_callref();
	sip_peer_other_call();
	sip_peer_sends("INVITE", .to = "1001", .from = "5553000", .sdp = SDP_FR);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	second = msc_callref();
	msc_sends(MSC_CALL_CONF_IND, .imsi = "001010000000001");
	msc_sends(MSC_ALERT_IND);
	sip_peer_expects("180");
	btw("its user thinks about it, longer than any assignment takes");
	pass_ms(45000);
	msc_expects_nothing();
	sip_peer_other_call();
	swap_out(first);
	mgw_heard();
	btw("the first one is held; the second one is taken");
	sip_peer_other_call();
	msc_sends(MSC_SETUP_CNF, .callref = second, .connected = "1001", .imsi = "001010000000001");
	msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
	sip_peer_sends("ACK");
	mgw_heard();
	btw("back to the first");
	swap_out(second);
	sip_peer_other_call();
	swap_in(first);
	btw("and to the second, while the first one ends");
	swap_out(first);
	sip_peer_other_call();
	swap_in(second);
	sip_peer_other_call();
	one_of_two_ends(first);
	sip_peer_other_call();
	one_of_two_ends(second);
	scene_ends();

	in_call("the phone makes a second call while it holds the first one", MO_TALKING, MEDIA_DIRECT);
	first = msc_callref();
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "3", "a=recvonly\r\n"));
	sip_peer_expects("ACK");
	msc_hears();
	sip_peer_other_call();
	second = 0x80003000;
	msc_sends(MSC_SETUP_IND, .callref = second, .called = "5553000", .calling = "1001");
	msc_expects(MSC_RTP_CREATE);
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP("127.0.0.22", "30000", "3", "a=sendrecv\r\n"));
	sip_peer_expects("ACK");
	msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	one_of_two_ends(second);
	sip_peer_other_call();
	swap_in(first);
	one_of_two_ends(first);
	scene_ends();
}

static void phone_holds_in_vain(void)
{
	in_call("the PBX refuses hold", MT_TALKING, MEDIA_ANCHORED);
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("488");
	sip_peer_expects("ACK");
	msc_expects(MSC_HOLD_REJ);
	mgw_heard();
	btw("it takes it, with an answer that is none");
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP_G711);
	sip_peer_expects("ACK");
	msc_expects(MSC_HOLD_REJ);
	btw("retrieval of what is not held is granted, since that is how it is");
	msc_sends(MSC_RETRIEVE_IND);
	msc_expects(MSC_RETRIEVE_CNF);
	phone_ends_call();

	in_call("the PBX refuses to be retrieved: held it stays", MO_TALKING, MEDIA_ANCHORED);
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "3", "a=recvonly\r\n"));
	sip_peer_expects("ACK");
	msc_expects(MSC_HOLD_CNF);
	msc_sends(MSC_RETRIEVE_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("500");
	sip_peer_expects("ACK");
	msc_expects(MSC_RETRIEVE_REJ);
	EXPECT(strstr(shown_call(), "phone-holds"));
	btw("and hold survives the PBX's refresh");
	sip_peer_sends("INVITE", .sdp = SDP_FR);
	sip_peer_hears();
	EXPECT(strstr(sip_peer_heard_sdp(), "a=sendonly"));
	sip_peer_sends("ACK");
	EXPECT(strstr(shown_call(), "phone-holds"));
	mgw_heard();
	msc_sends(MSC_RETRIEVE_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	msc_expects(MSC_RETRIEVE_CNF);
	mgw_heard();
	phone_ends_call();

	in_call("hold before there is a call", MO_RINGING, MEDIA_ANCHORED);
	msc_sends(MSC_HOLD_IND);
	msc_expects(MSC_HOLD_REJ);
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_expects("CANCEL");
	sip_peer_sends("487");
	sip_peer_expects("ACK");
	scene_ends();
}

static void pbx_holds(enum media_mode mode, enum point point)
{
	in_call(mode == MEDIA_DIRECT ? "the PBX holds, media direct" : "the PBX holds", point, mode);
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.20", "27760", "3", "a=sendonly\r\n"));
	sip_peer_hears();
	sip_peer_sends("ACK");
	mgw_heard();
	msc_hears();
	btw("a refresh on hold changes nothing");
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.20", "27760", "3", "a=sendonly\r\n"));
	sip_peer_hears();
	sip_peer_sends("ACK");
	mgw_heard();
	msc_hears();
	btw("back, to another address");
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.22", "30000", "3", "a=sendrecv\r\n"));
	sip_peer_hears();
	sip_peer_sends("ACK");
	mgw_heard();
	msc_hears();
	btw("the old way to hold, c=0.0.0.0, and inactive");
	sip_peer_sends("INVITE", .sdp = SDP("0.0.0.0", "30000", "3", ""));
	sip_peer_hears();
	sip_peer_sends("ACK");
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.22", "30000", "3", "a=inactive\r\n"));
	sip_peer_hears();
	sip_peer_sends("ACK");
	mgw_heard();
	msc_hears();
	phone_ends_call();
}

/* How the phone hears that the PBX holds */
static void phone_is_told(void)
{
	in_call("the phone is told by a facility, if it is to be", MO_TALKING, MEDIA_ANCHORED);
	gsm_cfg()->hold_notify = GSM_HOLD_FACILITY;
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.20", "27760", "3", "a=inactive\r\n"));
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_expects(MSC_FACILITY_REQ);
	sip_peer_sends("INVITE", .sdp = SDP_FR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_expects(MSC_FACILITY_REQ);
	phone_ends_call();

	in_call("or not at all", MO_TALKING, MEDIA_ANCHORED);
	gsm_cfg()->hold_notify = GSM_HOLD_NOTHING;
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.20", "27760", "3", "a=inactive\r\n"));
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_expects_nothing();
	gsm_cfg()->hold_notify = GSM_HOLD_NOTIFY;
	phone_ends_call();

	in_call("both hold, and the PBX goes on holding when the phone retrieves", MT_TALKING, MEDIA_ANCHORED);
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "3", "a=inactive\r\n"));
	sip_peer_expects("ACK");
	btw("nobody can tell from that whether the PBX holds");
	msc_expects(MSC_HOLD_CNF);
	msc_expects_nothing();
	msc_sends(MSC_RETRIEVE_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "3", "a=sendonly\r\n"));
	sip_peer_expects("ACK");
	msc_expects(MSC_RETRIEVE_CNF);
	msc_expects(MSC_NOTIFY_REQ);
	mgw_heard();
	phone_ends_call();
}

static void pbx_changes(void)
{
	in_call("a refresh with the very same offer: the same answer, and nobody else is bothered", MT_TALKING,
		MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .sdp = SDP_FR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	mgw_heard();
	msc_expects_nothing();
	btw("another codec: refused, the call goes on as it is");
	sip_peer_sends("INVITE", .sdp = SDP_G711);
	sip_peer_hears();
	sip_peer_sends("ACK");
	btw("no offer at all: ours goes into the 200, the ACK answers it with a new address");
	sip_peer_sends("INVITE");
	sip_peer_hears();
	sip_peer_sends("ACK", .sdp = SDP("127.0.0.22", "30000", "3", ""));
	mgw_heard();
	btw("again, and the ACK forgets to answer: all stays as it was");
	sip_peer_sends("INVITE");
	sip_peer_hears();
	sip_peer_sends("ACK");
	mgw_heard();
	EXPECT(n_calls() == 1);
	phone_ends_call();

	in_call("the PBX re-INVITEs before the phone has confirmed", MO_CONNECTING, MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.22", "30000", "3", ""));
	mgw_heard();
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_sends(MSC_SETUP_COMPL_IND);
	phone_ends_call();

	in_call("the PBX re-INVITEs at once, while the gateway works on its answer", MO_RINGING, MEDIA_ANCHORED);
	mgw_is_silent(true);
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.22", "30000", "3", ""));
	sip_peer_expects("100");
	sip_peer_expects_nothing();
	mgw_is_silent(false);
	pass_ms(2000);
	mgw_heard();
	msc_expects(MSC_SETUP_RSP);
	sip_peer_expects("200");
	sip_peer_sends("ACK");
	msc_sends(MSC_SETUP_COMPL_IND);
	phone_ends_call();

	in_call("likewise without an offer: it gets ours at once", MO_RINGING, MEDIA_ANCHORED);
	mgw_is_silent(true);
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	sip_peer_sends("INVITE");
	sip_peer_hears();
	mgw_is_silent(false);
	pass_ms(2000);
	mgw_heard();
	msc_expects(MSC_SETUP_RSP);
	sip_peer_hears();
	sip_peer_sends("ACK", .sdp = SDP_FR);
	msc_sends(MSC_SETUP_COMPL_IND);
	phone_ends_call();

	in_call("both hold at once: the PBX's offer crosses ours", MO_TALKING, MEDIA_ANCHORED);
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.20", "27760", "3", "a=sendonly\r\n"));
	sip_peer_expects("491");
	sip_peer_sends("ACK");
	btw("and it refuses ours");
	sip_peer_sends("491");
	sip_peer_hears();
	pass_ms(5000);
	sip_peer_hears();
	msc_hears();
	phone_ends_call();
}

/* RFC 3261 14.1: what gets no 2xx has not happened */
static void pbx_takes_back(void)
{
	in_call("the PBX cancels a re-INVITE that waits for the gateway: the gateway goes back", MT_TALKING,
		MEDIA_ANCHORED);
	mgw_is_silent(true);
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.22", "30000", "3", "a=sendonly\r\n"));
	sip_peer_expects("100");
	sip_peer_sends("CANCEL");
	sip_peer_hears();
	sip_peer_sends("ACK");
	btw("the answer to that one is not taken for this one's");
	sip_peer_sends("INVITE", .sdp = SDP_FR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	mgw_is_silent(false);
	pass_ms(2000);
	mgw_heard();
	msc_hears();
	sip_peer_expects_nothing();
	EXPECT(!strstr(shown_call(), "holds"));
	btw("nothing has happened: a refresh with what counted before");
	sip_peer_sends("INVITE", .sdp = SDP_FR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	mgw_heard();
	phone_ends_call();

	in_call("it cancels in the same moment, media direct: the MSC goes back", MO_TALKING, MEDIA_DIRECT);
	sip_peer_is_hasty(true);
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.22", "30000", "3", "a=sendonly\r\n"));
	sip_peer_sends("CANCEL");
	sip_peer_is_hasty(false);
	sip_peer_hears();
	sip_peer_sends("ACK");
	msc_hears();
	EXPECT(!strstr(shown_call(), "holds"));
	phone_ends_call();

	in_call("it cancels a re-INVITE without an offer in the same moment", MO_TALKING, MEDIA_ANCHORED);
	sip_peer_is_hasty(true);
	sip_peer_sends("INVITE");
	sip_peer_sends("CANCEL");
	sip_peer_is_hasty(false);
	sip_peer_hears();
	sip_peer_sends("ACK");
	btw("both can offer after it");
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP("127.0.0.20", "27760", "3", "a=recvonly\r\n"));
	sip_peer_expects("ACK");
	msc_expects(MSC_HOLD_CNF);
	sip_peer_sends("INVITE", .sdp = SDP_FR);
	sip_peer_hears();
	sip_peer_sends("ACK");
	phone_ends_call();
}

static void msc_changes(void)
{
	in_call("the MSC's address changes in the call (handover), anchored: only the gateway has to know", MO_TALKING,
		MEDIA_ANCHORED);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.5:5000");
	mgw_heard();
	sip_peer_expects_nothing();
	phone_ends_call();

	in_call("the same with media direct: the PBX has to know", MO_TALKING, MEDIA_DIRECT);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.5:5000");
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	msc_hears();
	phone_ends_call();
}

static void gateway_moves(void)
{
	scene("the gateway takes another port when it learns where the PBX is: the PBX is told", MEDIA_ANCHORED);
	mgw_probes(true);
	call_up_to(MO_TALKING);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	mgw_heard();
	mgw_probes(false);
	phone_ends_call();
}

int main(void)
{
	stage_open("127.0.75");
	phone_holds(MEDIA_ANCHORED);
	phone_holds(MEDIA_DIRECT);
	two_calls();
	phone_holds_in_vain();
	pbx_holds(MEDIA_ANCHORED, MO_TALKING);
	pbx_holds(MEDIA_DIRECT, MT_TALKING);
	phone_is_told();
	pbx_changes();
	pbx_takes_back();
	msc_changes();
	gateway_moves();
	stage_close();
	return 0;
}
