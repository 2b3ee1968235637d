/* IPv4 here, IPv6 there: the answer has the offer's IP version, or there is no call. Never a silent one. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include "scenario.h"

#define SDP6(ADDR, PORT, FORMATS, ATTRS)                                                                               \
	"v=0\r\no=pbx 1 1 IN IP6 " ADDR "\r\ns=-\r\nc=IN IP6 " ADDR "\r\nt=0 0\r\nm=audio " PORT " RTP/AVP " FORMATS   \
	"\r\n" ATTRS
#define SDP_FR6 SDP6("fd00::2", "27760", "3", "a=sendrecv\r\n")
/* the session's address is of the other version: that of the stream counts */
#define SDP_FR6_IN_MEDIA                                                                                               \
	"v=0\r\no=pbx 1 1 IN IP4 127.0.0.20\r\ns=-\r\nc=IN IP4 127.0.0.20\r\nt=0 0\r\nm=audio 27760 RTP/AVP 3\r\n"     \
	"c=IN IP6 fd00::2\r\na=sendrecv\r\n"
#define SDP_FR4_IN_MEDIA                                                                                               \
	"v=0\r\no=pbx 1 1 IN IP6 fd00::2\r\ns=-\r\nc=IN IP6 fd00::2\r\nt=0 0\r\nm=audio 27760 RTP/AVP 3\r\n"           \
	"c=IN IP4 127.0.0.20\r\na=sendrecv\r\n"
#define SDP_NAMED                                                                                                      \
	"v=0\r\no=pbx 1 1 IN IP4 127.0.0.20\r\ns=-\r\nc=IN IP4 media.example.net\r\nt=0 0\r\nm=audio 27760 RTP/AVP 3\r\n"
#define SDP_BLACK_HOLE SDP("0.0.0.0", "27760", "3", "")
#define SDP_BOTH                                                                                                       \
	"v=0\r\no=pbx 1 1 IN IP4 127.0.0.20\r\ns=-\r\nt=0 0\r\nm=audio 27760 RTP/AVP 3\r\nc=IN IP6 fd00::2\r\n"        \
	"m=audio 27770 RTP/AVP 3\r\nc=IN IP4 127.0.0.20\r\n"
#define MSC_IPV6                                                                                                       \
	"v=0\r\no=OsmoMSC 0 0 IN IP6 fd00::4\r\ns=GSM Call\r\nc=IN IP6 fd00::4\r\nt=0 0\r\nm=audio 4004 RTP/AVP 3\r\n"
#define MSC_RTP "127.0.0.4:4004"

static void phone_hangs_up(void)
{
	msc_sends(MSC_DISC_IND, .cause = 16);
	msc_expects(MSC_REL_REQ);
	msc_sends(MSC_REL_CNF);
	sip_peer_hears();
	mgw_heard();
	scene_ends();
}

static void refused(const char *words, int code)
{
	char warning[32];

	snprintf(warning, sizeof(warning), "Warning: %d ", code);
	sip_peer_expects("488");
	EXPECT(sip_peer_heard(warning));
	EXPECT(sip_peer_heard(words));
	sip_peer_sends("ACK");
}

static void msc_clears(void)
{
	msc_hears();
	msc_sends(MSC_REL_IND, .cause = 88);
	mgw_heard();
	scene_ends();
}

static void offered(const char *sdp)
{
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = sdp);
	sip_peer_expects("100");
	msc_expects(MSC_SETUP_REQ);
	msc_sends(MSC_CALL_CONF_IND);
}

static void answered_with(const char *line)
{
	msc_hears();
	msc_sends(MSC_SETUP_CNF);
	msc_hears();
	sip_peer_expects("200");
	EXPECT(strstr(sip_peer_heard_sdp(), line));
	sip_peer_sends("ACK");
	mgw_heard();
}

static void offers(void)
{
	scene("an IPv6 offer, the gateway has IPv4 only: 488 in words", MEDIA_ANCHORED);
	offered(SDP_FR6);
	msc_sends(MSC_RTP_CREATE, .rtp = MSC_RTP);
	refused("peer offers audio at IPv6 fd00::2; media gateway has IPv4", 301);
	msc_clears();

	scene("only the stream says so", MEDIA_ANCHORED);
	offered(SDP_FR6_IN_MEDIA);
	msc_sends(MSC_RTP_CREATE, .rtp = MSC_RTP);
	refused("peer offers audio at IPv6 fd00::2; media gateway has IPv4", 301);
	msc_clears();

	scene("and the other way round: the stream is IPv4", MEDIA_ANCHORED);
	offered(SDP_FR4_IN_MEDIA);
	msc_sends(MSC_RTP_CREATE, .rtp = MSC_RTP);
	answered_with("c=IN IP4 127.0.0.9\r\n");
	phone_hangs_up();

	scene("an IPv6 offer, the gateway has both: it takes a port for it", MEDIA_ANCHORED);
	mgw_has(true, true);
	offered(SDP_FR6);
	msc_sends(MSC_RTP_CREATE, .rtp = MSC_RTP);
	answered_with("c=IN IP6 fd00::9\r\n");

	btw("in the call it offers IPv4: the gateway moves, and so does our answer");
	sip_peer_sends("INVITE", .sdp = SDP_FR);
	sip_peer_expects("100");
	sip_peer_expects("200");
	EXPECT(strstr(sip_peer_heard_sdp(), "c=IN IP4 127.0.0.9\r\n"));
	sip_peer_sends("ACK");
	phone_hangs_up();

	scene("an IPv4 offer, the gateway has IPv6 only", MEDIA_ANCHORED);
	mgw_has(false, true);
	offered(SDP_FR);
	msc_sends(MSC_RTP_CREATE, .sdp = MSC_IPV6);
	refused("peer offers audio at IPv4 127.0.0.20; media gateway has IPv6", 301);
	msc_clears();

	scene("everybody has IPv6 only", MEDIA_ANCHORED);
	offered(SDP_FR6);
	msc_sends(MSC_RTP_CREATE, .sdp = MSC_IPV6);
	answered_with("c=IN IP6 fd00::9\r\n");
	phone_hangs_up();
	mgw_has(true, false);

	scene("a host name: nobody here looks it up", MEDIA_ANCHORED);
	sip_peer_sends("INVITE", .to = "1001", .from = "5551000", .sdp = SDP_NAMED);
	sip_peer_expects("100");
	refused("the offer has a host name in c=, not an IP address", 301);
	scene_ends();

	scene("on hold from the beginning (RFC 3725 4.1): the version is that of its zeros", MEDIA_ANCHORED);
	mgw_has(true, true);
	offered(SDP_BLACK_HOLE);
	msc_sends(MSC_RTP_CREATE, .rtp = MSC_RTP);
	answered_with("c=IN IP4 127.0.0.9\r\n");
	phone_hangs_up();
	mgw_has(true, false);
}

static void talking(void)
{
	scene("an IPv6 offer in an IPv4 call: refused, and the call goes on as it was", MEDIA_ANCHORED);
	call_up_to(MT_TALKING);
	sip_peer_sends("INVITE", .sdp = SDP_FR6);
	sip_peer_expects("100");
	sip_peer_expects("488");
	EXPECT(sip_peer_heard("Warning: 301 "));
	sip_peer_sends("ACK");
	mgw_heard();

	btw("a host name");
	sip_peer_sends("INVITE", .sdp = SDP_NAMED);
	sip_peer_expects("100");
	sip_peer_expects("488");
	sip_peer_sends("ACK");
	mgw_heard();

	btw("what fits is taken after that");
	sip_peer_sends("INVITE", .sdp = SDP("127.0.0.21", "27762", "3", ""));
	sip_peer_expects("100");
	sip_peer_expects("200");
	sip_peer_sends("ACK");
	phone_hangs_up();

	scene("hold in the old way has no version", MEDIA_ANCHORED);
	mgw_has(true, true);
	offered(SDP_FR6);
	msc_sends(MSC_RTP_CREATE, .rtp = MSC_RTP);
	answered_with("c=IN IP6 fd00::9\r\n");
	msc_sends(MSC_HOLD_IND);
	sip_peer_expects("INVITE");
	sip_peer_sends("200", .sdp = SDP_BLACK_HOLE);
	sip_peer_expects("ACK");
	msc_hears();
	phone_hangs_up();
	mgw_has(true, false);
}

/* The gateway's IPv4 is what the peer hears of, and the call goes on with it. */
static void offers_ipv4_and_talks(void)
{
	msc_hears();
	sip_peer_expects("INVITE");
	EXPECT(strstr(sip_peer_heard_sdp(), "c=IN IP4 127.0.0.9\r\n"));
	mgw_heard();
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	msc_hears();
	msc_sends(MSC_SETUP_COMPL_IND);
	phone_hangs_up();
}

static void answers(void)
{
	scene("our offer is IPv4, the answer IPv6: ACK and BYE", MEDIA_ANCHORED);
	call_up_to(MO_CALLING);
	sip_peer_sends("200", .sdp = SDP_FR6);
	sip_peer_expects("ACK");
	sip_peer_expects("BYE");
	sip_peer_sends("200");
	msc_clears();

	scene("an early answer of that kind is passed over, the last one counts", MEDIA_ANCHORED);
	call_up_to(MO_CALLING);
	sip_peer_sends("183", .sdp = SDP_FR6);
	msc_hears();
	sip_peer_sends("200", .sdp = SDP_FR);
	sip_peer_expects("ACK");
	msc_hears();
	msc_sends(MSC_SETUP_COMPL_IND);
	phone_hangs_up();

	scene("the gateway has both and begins with IPv6, the peer has IPv4: it is offered that", MEDIA_ANCHORED);
	mgw_has(true, true);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .rtp = MSC_RTP);
	offers_ipv4_and_talks();
	mgw_has(true, false);
}

static void direct(void)
{
	scene("direct: the MSC has IPv4, the offer is IPv6", MEDIA_DIRECT);
	offered(SDP_FR6);
	msc_sends(MSC_RTP_CREATE, .rtp = MSC_RTP);
	refused("peer offers audio at IPv6 fd00::2; MSC has IPv4", 301);
	msc_clears();

	scene("direct: of two streams the one of the MSC's version", MEDIA_DIRECT);
	offered(SDP_BOTH);
	msc_sends(MSC_RTP_CREATE, .rtp = MSC_RTP);
	msc_hears();
	msc_sends(MSC_SETUP_CNF);
	msc_hears();
	sip_peer_expects("200");
	EXPECT(strstr(sip_peer_heard_sdp(), "m=audio 0 RTP/AVP 3\r\nm=audio 4004 RTP/AVP 3\r\n"));
	sip_peer_sends("ACK");

	btw("in the call");
	sip_peer_sends("INVITE", .sdp = SDP_FR6);
	sip_peer_expects("100");
	sip_peer_expects("488");
	EXPECT(sip_peer_heard("Warning: 301 "));
	sip_peer_sends("ACK");
	phone_hangs_up();

	scene("direct: the answer is IPv6", MEDIA_DIRECT);
	call_up_to(MO_CALLING);
	sip_peer_sends("200", .sdp = SDP_FR6);
	sip_peer_expects("ACK");
	sip_peer_expects("BYE");
	sip_peer_sends("200");
	msc_clears();
}

static void msc_side(void)
{
	scene("the MSC has IPv6, the gateway does not", MEDIA_ANCHORED);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .sdp = MSC_IPV6);
	sip_peer_expects_nothing();
	msc_clears();

	scene("the MSC has IPv6, the peer IPv4, the gateway both: it is what stands between them", MEDIA_ANCHORED);
	mgw_has(true, true);
	call_up_to(MO_SETUP);
	msc_sends(MSC_RTP_CREATE, .sdp = MSC_IPV6);
	offers_ipv4_and_talks();
	mgw_has(true, false);
}

int main(void)
{
	stage_open("127.0.87");
	offers();
	talking();
	answers();
	direct();
	msc_side();
	stage_close();
	return 0;
}
