/* A phone calls a phone, and no PBX is asked: two GSM legs, media between the addresses of the MSC or through the
 * gateway. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/call/call.h>

#include "scenario.h"

#define CALLER 0x80000042

static uint32_t callee;
static struct route_rule *rule;

static void caller(void)
{
	printf("    (caller)\n");
	msc_turns_to(CALLER);
}

static void called(void)
{
	printf("    (called)\n");
	msc_turns_to(callee);
}

static void dials(void)
{
	btw("one phone dials the other");
	msc_sends(MSC_SETUP_IND, .callref = CALLER, .called = "1002", .calling = "1001");
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	mgw_heard();
	if (rule->gsm_media == MEDIA_ANCHORED)
		msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_CALL_PROC_REQ);
	msc_expects(MSC_SETUP_REQ);
	callee = msc_callref();
}

static void rings(void)
{
	btw("it is found and rings");
	msc_sends(MSC_CALL_CONF_IND);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4008");
	mgw_heard();
	if (rule->gsm_media == MEDIA_ANCHORED)
		msc_expects(MSC_RTP_CONNECT);
	msc_sends(MSC_ALERT_IND);
	caller();
	msc_expects(MSC_ALERT_REQ);
}

static void answers(void)
{
	btw("it answers: each is told where the other one is");
	called();
	msc_sends(MSC_SETUP_CNF);
	mgw_heard();
	if (rule->gsm_media == MEDIA_DIRECT)
		msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_COMPL_REQ);
	caller();
	if (rule->gsm_media == MEDIA_DIRECT)
		msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_RSP);
	msc_sends(MSC_SETUP_COMPL_IND);
	printf("    operator: %.60s\n", shown_call());
}

static void talk(const char *title, enum media_mode mode)
{
	scene(title, MEDIA_ANCHORED);
	rule->gsm_media = mode;
	dials();
	rings();
	answers();
}

static void hangs_up(void (*one)(void), void (*other)(void))
{
	btw("one hangs up");
	one();
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	other();
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	mgw_heard();
	scene_ends();
}

static void whole_calls(void)
{
	talk("a phone calls a phone, media direct; the caller hangs up", MEDIA_DIRECT);
	hangs_up(caller, called);
	talk("a phone calls a phone, media direct; the called one hangs up", MEDIA_DIRECT);
	hangs_up(called, caller);
	talk("a phone calls a phone, media anchored", MEDIA_ANCHORED);
	hangs_up(caller, called);
}

/* The phone by NOTIFY; with media direct the MSC, too, in SDP */
static void other_is_told(enum media_mode mode)
{
	called();
	if (mode == MEDIA_DIRECT)
		msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_NOTIFY_REQ);
	caller();
}

static void services(enum media_mode mode)
{
	talk(mode == MEDIA_DIRECT ? "hold and keys, media direct" : "hold and keys, media anchored", mode);
	btw("the caller holds and takes back");
	caller();
	msc_sends(MSC_HOLD_IND);
	pass_ms(100);
	mgw_heard();
	other_is_told(mode);
	msc_expects(MSC_HOLD_CNF);
	pass_ms(2000);
	msc_sends(MSC_RETRIEVE_IND);
	pass_ms(100);
	mgw_heard();
	other_is_told(mode);
	msc_expects(MSC_RETRIEVE_CNF);
	btw("a key of the caller: MNCC cannot pass it on, and he hears so");
	msc_sends(MSC_START_DTMF_IND, .key = '5');
	msc_expects(MSC_START_DTMF_REJ);
	pass_ms(100);
	msc_sends(MSC_STOP_DTMF_IND);
	msc_expects(MSC_STOP_DTMF_RSP);
	hangs_up(called, caller);
}

static void failures(void)
{
	scene("the called phone is busy", MEDIA_ANCHORED);
	rule->gsm_media = MEDIA_DIRECT;
	dials();
	msc_sends(MSC_REL_IND, .cause = 17);
	caller();
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("the caller gives up while it rings", MEDIA_ANCHORED);
	dials();
	rings();
	caller();
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	called();
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	talk("the MSC dies in the call", MEDIA_DIRECT);
	fake_msc_lose_link();
	pump();
	EXPECT(n_calls() == 0);
	scene_ends();
}

/* A network without any PBX: the watch has a phone, too */
static void emergency(void)
{
	struct route_rule *sos = route_rule_add(the_calls(), "sos");

	sos->action = ROUTE_TO_GSM;
	sos->emergency = true;
	sos->gsm_media = MEDIA_DIRECT;
	stage_is_set();
	scene("help by a number", MEDIA_ANCHORED);
	msc_sends(MSC_SETUP_IND, .callref = CALLER, .called = "112", .calling = "1001", .emergency = true);
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_expects(MSC_CALL_PROC_REQ);
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_REL_IND, .cause = 17);
	caller();
	msc_expects(MSC_DISC_REQ);
	msc_sends(MSC_REL_IND, .cause = 16);
	scene_ends();

	scene("help by no number: nobody can be called, least of all the phone itself by its own IMSI", MEDIA_ANCHORED);
	msc_sends(MSC_SETUP_IND, .callref = CALLER, .calling = "1001", .imsi = "001010000000001", .emergency = true);
	msc_expects(MSC_RTP_CREATE);
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	msc_hears();
	msc_sends(MSC_REL_CNF);
	scene_ends();
	route_rule_free(sos);
}

int main(void)
{
	const char *why;

	stage_open("127.0.79");
	rule = route_rule_add(the_calls(), "phones");
	rule->from = ROUTE_FROM_GSM;
	rule->action = ROUTE_TO_GSM;
	EXPECT(number_match_set(rule, &rule->called, NUMBER_MATCH_REGEXP, "^1[0-9]{3}$", &why) == 0);
	stage_is_set();
	whole_calls();
	services(MEDIA_DIRECT);
	services(MEDIA_ANCHORED);
	failures();
	emergency();
	route_rule_free(rule);
	stage_close();
	return 0;
}
