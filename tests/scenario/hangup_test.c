/* Each side hangs up at each point of a call, and both at once. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/utils.h>

#include "scenario.h"

static void phone_hangs_up(enum point p)
{
	scene("the phone hangs up", MEDIA_ANCHORED);
	call_up_to(p);
	if (p == MT_PAGING) { /* it cannot, but the MSC can */
		msc_sends(MSC_REL_IND, .cause = 41, .location = 1);
	} else {
		msc_sends(MSC_DISC_IND, .cause = 16);
		msc_expects(MSC_REL_REQ);
		msc_sends(MSC_REL_CNF);
	}
	sip_goes_along(p);
	scene_ends();
}

/* The MSC tears the call down without a DISCONNECT, as it does when the radio is lost */
static void msc_releases(enum point p)
{
	scene("the MSC releases", MEDIA_ANCHORED);
	call_up_to(p);
	msc_sends(MSC_REL_IND, .cause = 47, .location = 1);
	sip_goes_along(p);
	scene_ends();
}

static void pbx_ends(enum point p)
{
	switch (p) {
	case MO_SETUP: /* knows of nothing */
		return;
	case MO_CALLING:
	case MO_RINGING:
		sip_peer_sends("486");
		sip_peer_expects("ACK");
		return;
	case MO_CONNECTING:
	case MO_TALKING:
	case MT_TALKING:
		sip_peer_sends("BYE");
		sip_peer_expects("200");
		return;
	case MT_CONNECTING: /* instead of an ACK (RFC 3261 15: a caller may send BYE in an early dialog) */
		sip_peer_sends("ACK");
		sip_peer_sends("BYE", .reason = "Q.850;cause=31");
		sip_peer_expects("200");
		return;
	default:
		sip_peer_sends("CANCEL");
		sip_peer_hears();
		sip_peer_sends("ACK");
	}
}

static void pbx_hangs_up(enum point p)
{
	if (p == MO_SETUP)
		return;
	scene("the PBX hangs up", MEDIA_ANCHORED);
	call_up_to(p);
	pbx_ends(p);
	msc_hears();
	msc_sends(p == MT_PAGING ? MSC_REL_CNF : MSC_REL_IND, .cause = 16);
	scene_ends();
}

static void both_hang_up(enum point p)
{
	if (p == MO_SETUP || p == MT_PAGING)
		return;
	scene("both hang up at once", MEDIA_ANCHORED);
	call_up_to(p);
	pbx_ends(p);
	btw("the MSC's message crosses ours");
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_DISC_REQ);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_hears();
	scene_ends();
}

static void we_stop(enum point p)
{
	scene("we are stopped", MEDIA_ANCHORED);
	call_up_to(p);
	gateway_stops();
	msc_hears();
	msc_sends(p == MO_SETUP || p == MT_PAGING ? MSC_REL_CNF : MSC_REL_IND, .cause = 16);
	sip_goes_along(p);
	if (p == MO_TALKING) {
		btw("meanwhile nobody gets in");
		msc_sends(MSC_SETUP_IND, .callref = 0x80001000, .called = "5552222", .calling = "1001");
		msc_expects(MSC_REL_REQ);
		msc_sends(MSC_REL_CNF);
		sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_FR);
		sip_peer_hears();
		sip_peer_sends("ACK");
	}
	gateway_goes_on();
	scene_ends();
}

static void msc_does_not_confirm(void)
{
	scene("the MSC does not confirm a release: asked once more, then forgotten", MEDIA_ANCHORED);
	call_up_to(MO_TALKING);
	sip_peer_sends("BYE");
	sip_peer_expects("200");
	msc_expects(MSC_DISC_REQ);
	EXPECT(n_calls() == 0);
	pass_ms(65000);
	msc_expects(MSC_REL_REQ);
	pass_ms(65000);
	scene_ends();
}

int main(void)
{
	static void (*const ways[])(enum point p) = { phone_hangs_up, msc_releases, pbx_hangs_up, both_hang_up,
						      we_stop };
	unsigned int way, point;

	stage_open("127.0.73");
	for (way = 0; way < ARRAY_SIZE(ways); way++) {
		for (point = 0; point < _NUM_POINTS; point++)
			ways[way](point);
	}
	msc_does_not_confirm();
	stage_close();
	return 0;
}
