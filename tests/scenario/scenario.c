/* The stage of the scenarios. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/leg/gsm_leg.h>
#include <osmocom/sipgw/leg/sip_leg.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>
#include <osmocom/sipgw/mncc/mncc_link.h>
#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "fake_leg.h"
#include "scenario.h"
#include "tell.h"

/* Longer than anything is remembered: SIP transactions (32 s), MGCP commands (30 s), clearing on the radio (2 * 65 s)
 */
#define EVERYTHING_OVER_MS 140000

static struct {
	void *ctx, *root;
	char msc_path[64];
	size_t n_blocks; /* memory without any call */
	uint32_t mo_callref;
	struct calls *calls;
	struct mncc_link *link;
	struct mgw_pool *pool;
	struct sip_ua *ua;
	struct sip_peer *pbx;
	const struct leg_kind *gsm, *sip;
} s;

static bool on_setup_ind(struct mncc_link *link, const struct mncc_msg *msg, void *data)
{
	return gsm_leg_setup_ind(s.gsm, msg);
}

static void on_incoming(struct sip_session *session, struct sip_peer *peer, const struct sip_invite *inv, void *data)
{
	sip_leg_incoming(s.sip, session, peer, inv);
}

static void make_parts(void)
{
	const struct mncc_link_ops link_ops = { .setup_ind = on_setup_ind };
	const struct sip_ua_ops ua_ops = { .incoming = on_incoming };

	s.calls = calls_alloc(s.root);
	s.link = mncc_link_alloc(s.root, &link_ops);
	s.pool = mgw_pool_alloc(s.root);
	s.ua = sip_ua_alloc(s.root, &ua_ops);
	s.gsm = s.calls->gsm =
		gsm_leg_kind_alloc(s.root, &(struct gsm_leg_env){ .calls = s.calls, .mncc = s.link, .mgws = s.pool });
	s.sip = s.calls->sip = sip_leg_kind_alloc(s.root, &(struct sip_leg_env){ .calls = s.calls, .ua = s.ua });
}

static void configure(const char *net, uint16_t mgw_port)
{
	char ua_addr[32], pbx_addr[32];
	struct mgw *mgw = mgw_pool_add(s.pool, "default");
	const char *why;

	snprintf(ua_addr, sizeof(ua_addr), "%s.1", net);
	snprintf(pbx_addr, sizeof(pbx_addr), "%s.2", net);
	mgw_cfg(mgw)->remote_port = mgw_port;
	sip_peer_start(s.ctx, pbx_addr, ua_addr);
	s.pbx = sip_peer_alloc(s.ua, "pbx");
	talloc_free(s.pbx->cfg.remote_host);
	s.pbx->cfg.remote_host = talloc_strdup(s.pbx, pbx_addr);
	EXPECT(sip_peer_apply(s.pbx) == 0);
	EXPECT(sip_ua_bind_add(s.ua, ua_addr, 5060) == 0);
	EXPECT(sip_ua_start(s.ua, &why) == 0);
	s.calls->routes.default_peer = talloc_strdup(s.calls, "pbx");
	mncc_link_set_path(s.link, s.msc_path);
	mgw_pool_start(s.pool);
	mncc_link_start(s.link);
}

/* Without the gateway's: it keeps commands for a while, keep-alives too */
static size_t n_blocks(void)
{
	return talloc_total_blocks(s.root) - talloc_total_blocks(s.pool);
}

static bool gateway_is_idle(void)
{
	struct mgw_info info;

	mgw_get_info(mgw_pool_find(s.pool, "default"), &info);
	return !info.n_endpoints;
}

void stage_open(const char *net)
{
	s.mo_callref = 0x80000000;
	s.ctx = talloc_named_const(NULL, 0, "scenario");
	story_init(s.ctx);
	osmo_fsm_set_dealloc_ctx(OTC_SELECT);
	fake_time_start();
	s.root = talloc_named_const(s.ctx, 0, "gateway");
	snprintf(s.msc_path, sizeof(s.msc_path), "/tmp/sipgw-scenario-%d", getpid());
	fake_msc_start(s.msc_path, MSC_SIZE);
	make_parts();
	configure(net, fake_mgw_start());
	pass_ms(1000);
	EXPECT(mncc_link_is_up(s.link));
	s.n_blocks = n_blocks();
}

void stage_close(void)
{
	talloc_free(s.calls);
	mncc_link_stop(s.link);
	mgw_pool_stop(s.pool);
	sip_ua_stop(s.ua);
	talloc_free(s.root);
	sip_peer_stop();
	fake_mgw_stop();
	fake_msc_stop();
	pump();
	printf("\n- the end\n");
}

void scene(const char *title, enum media_mode mode)
{
	printf("\n== %s ==\n", title);
	s.pbx->cfg.media_mode = mode;
	pass_ms(12000); /* links and gateways that were lost are back */
	EXPECT(mncc_link_is_up(s.link) && mgw_pool_pick(s.pool));
	mgw_heard();
}

unsigned int n_calls(void)
{
	return s.calls->n;
}

void identity_is_imsi(bool imsi)
{
	s.calls->routes.mt_identity = imsi ? MT_IDENTITY_IMSI : MT_IDENTITY_MSISDN;
}

void gateway_stops(void)
{
	struct cause cause = cause_make(CAUSE_TEMP_FAILURE, "gateway is shutting down");

	calls_stop(s.calls, &cause);
}

void gateway_goes_on(void)
{
	s.calls->stopping = false;
}

void peer_dtmf(enum sip_dtmf_mode mode)
{
	s.pbx->cfg.dtmf = mode;
}

struct sip_peer_cfg *peer_cfg(void)
{
	return &s.pbx->cfg;
}

struct gsm_leg_cfg *gsm_cfg(void)
{
	return gsm_leg_cfg(s.gsm);
}

void sip_side_is_fake(bool fake)
{
	static struct fake_kind kind;

	fake_kind_init(&kind, "sip");
	kind.mode = MEDIA_DIRECT;
	kind.quiet = true;
	s.calls->sip = fake ? &kind.kind : s.sip;
}

struct leg *side_b(void)
{
	EXPECT(s.calls->n == 1);
	return llist_first_entry(&s.calls->list, struct call, entry)->legs[LEG_B];
}

struct calls *the_calls(void)
{
	return s.calls;
}

void stage_is_set(void)
{
	s.n_blocks = n_blocks();
}

const char *shown_call(void)
{
	static char buf[1024];
	const struct call *call;
	int side;

	if (!s.calls->n)
		return "no call";
	call = llist_first_entry(&s.calls->list, struct call, entry);
	snprintf(buf, sizeof(buf), "%s", call_state_name(call));
	for (side = LEG_A; side <= LEG_B; side++) {
		char leg[200] = "no leg";

		if (call->legs[side])
			call->legs[side]->kind->to_str_buf(leg, sizeof(leg), call->legs[side]);
		snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), " | %s", leg);
	}
	return buf;
}

void scene_ends(void)
{
	struct mncc_link_info info;

	mgw_heard();
	sip_peer_expects_nothing();
	msc_expects_nothing();
	if (s.calls->n)
		printf("    a call is left: %s\n", shown_call());
	EXPECT(s.calls->n == 0);
	pass_ms(EVERYTHING_OVER_MS);
	mgw_heard();
	sip_peer_expects_nothing();
	msc_expects_nothing();
	mncc_link_get_info(s.link, &info);
	EXPECT(info.n_calls == 0);
	EXPECT(mgw_n_connections() == 0);
	EXPECT(gateway_is_idle());
	EXPECT(sip_ua_idle(s.ua));
	if (n_blocks() > s.n_blocks)
		talloc_report_full(s.root, stderr);
	EXPECT(n_blocks() <= s.n_blocks);
}

/* ---- calls up to some point ---- */

static void quiet_msc_media(void)
{
	msc_sends(MSC_RTP_CREATE, .rtp = "127.0.0.4:4004");
	if (s.pbx->cfg.media_mode == MEDIA_ANCHORED)
		msc_expects(MSC_RTP_CONNECT);
}

static void begin_quietly(void)
{
	tell_nothing = true;
}

static void tell_again(const char *where)
{
	mgw_heard();
	tell_nothing = false;
	printf("    (%s)\n", where);
}

static void mo_setup(void)
{
	msc_sends(MSC_SETUP_IND, .callref = ++s.mo_callref, .called = "5552222", .calling = "1001");
	msc_expects(MSC_RTP_CREATE);
}

static void mo_calling(void)
{
	mo_setup();
	quiet_msc_media();
	msc_expects(MSC_CALL_PROC_REQ);
	sip_peer_expects("INVITE");
}

static void mo_ringing(void)
{
	mo_calling();
	sip_peer_sends("180");
	msc_expects(MSC_ALERT_REQ);
}

static void mo_connecting(void)
{
	mo_ringing();
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	if (s.pbx->cfg.media_mode == MEDIA_DIRECT)
		msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_RSP);
}

static void mo_talking(void)
{
	mo_connecting();
	msc_sends(MSC_SETUP_COMPL_IND);
}

static void mt_paging(void)
{
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_FR);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
}

static void mt_confirmed(void)
{
	mt_paging();
	msc_sends(MSC_CALL_CONF_IND);
}

static void mt_ringing(void)
{
	mt_confirmed();
	msc_sends(MSC_ALERT_IND);
	sip_peer_expects("180");
}

static void mt_ringing_media(void)
{
	mt_ringing();
	quiet_msc_media();
}

static void mt_connecting(void)
{
	mt_ringing_media();
	msc_sends(MSC_SETUP_CNF);
	if (s.pbx->cfg.media_mode == MEDIA_DIRECT)
		msc_expects(MSC_RTP_CONNECT);
	msc_expects(MSC_SETUP_COMPL_REQ);
	sip_peer_expects("200");
}

static void mt_talking(void)
{
	mt_connecting();
	sip_peer_sends("ACK");
}

static const struct {
	const char *name;
	void (*play)(void);
} points[] = {
	[MO_SETUP] = { "a phone calls, its radio channel is being assigned", mo_setup },
	[MO_CALLING] = { "a phone calls, the PBX has its INVITE", mo_calling },
	[MO_RINGING] = { "a phone calls, it rings", mo_ringing },
	[MO_CONNECTING] = { "a phone calls, the PBX answered, the phone has not confirmed", mo_connecting },
	[MO_TALKING] = { "a phone called, both talk", mo_talking },
	[MT_PAGING] = { "a phone is called and paged", mt_paging },
	[MT_CONFIRMED] = { "a phone is called and was found", mt_confirmed },
	[MT_RINGING] = { "a phone is called and rings, its radio channel is being assigned", mt_ringing },
	[MT_RINGING_MEDIA] = { "a phone is called and rings, its radio channel is there", mt_ringing_media },
	[MT_CONNECTING] = { "a phone was called and answered, the PBX has not ACKed", mt_connecting },
	[MT_TALKING] = { "a phone was called, both talk", mt_talking },
};

void call_up_to(enum point point)
{
	begin_quietly();
	points[point].play();
	tell_again(points[point].name);
}

void sip_goes_along(enum point point)
{
	if (point == MO_CALLING) /* RFC 3261 9.1: no CANCEL before the first response */
		sip_peer_sends("180");
	sip_peer_hears();
	if (point == MO_CALLING || point == MO_RINGING)
		sip_peer_sends("487");
	else if (is_mt(point) && point < MT_TALKING)
		sip_peer_sends("ACK");
	sip_peer_hears();
}

void in_call(const char *title, enum point point, enum media_mode mode)
{
	scene(title, mode);
	call_up_to(point);
}

void phone_ends_call(void)
{
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_expects("BYE");
	scene_ends();
}
