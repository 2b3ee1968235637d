/* The messages of RFC 5118, torture by IPv6: references with and without brackets, ports, received, SDP.
 *
 * SDP is looked at by who deals in it (tests/sdp); here it has to come out as it went in. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_msg.h>

#include "story.h"

#define BODY_6                                                                                                         \
	"v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed\r\n"                         \
	"c=IN IP6 2001:db8::20\r\nt=3338481189 3370017201\r\nm=audio 6000 RTP/AVP 2\r\na=rtpmap:2 G726-32/8000\r\n"
#define BODY_MAPPED                                                                                                    \
	"v=0\r\no=bob 280744730 28977631 IN IP6 ::ffff:192.0.2.10\r\ns=-\r\nc=IN IP6 ::ffff:192.0.2.10\r\n"            \
	"t=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"
#define USUAL                                                                                                          \
	"From: sip:user@example.com;tag=81x2\r\nTo: sip:user@example.com\r\nMax-Forwards: 70\r\n"                      \
	"Call-ID: SSG9559905523997077@hlau_4100\r\nContact: \"Caller\" <sip:caller@[2001:db8::1]>\r\n"
#define VIA "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n"
#define REG "CSeq: 98176 REGISTER\r\n"

static const struct {
	const char *section, *what;
	const char *head, *body;
	uint16_t reject; /* 0: accepted */
} messages[] = {
	{ "4.1", "a reference in the Request-URI", "REGISTER sip:[2001:db8::10] SIP/2.0\r\n" VIA USUAL REG },
	{ "4.2", "its brackets are missing", "REGISTER sip:2001:db8::10 SIP/2.0\r\n" VIA USUAL REG, NULL, 400 },
	{ "4.3", "what looks like a port is part of the address",
	  "REGISTER sip:[2001:db8::10:5070] SIP/2.0\r\n" VIA USUAL REG },
	{ "4.4", "a port behind the brackets", "REGISTER sip:[2001:db8::10]:5070 SIP/2.0\r\n" VIA USUAL REG },
	{ "4.5", "received with brackets",
	  "BYE sip:[2001:db8::10] SIP/2.0\r\n"
	  "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111\r\n" USUAL
	  "CSeq: 98176 BYE\r\n" },
	{ "4.5", "received without brackets",
	  "OPTIONS sip:[2001:db8::10] SIP/2.0\r\n"
	  "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3\r\n" USUAL
	  "CSeq: 98176 OPTIONS\r\n" },
	{ "4.6", "in the SDP, without brackets",
	  "INVITE sip:user@[2001:db8::10] SIP/2.0\r\n" VIA USUAL "CSeq: 8612 INVITE\r\n", BODY_6 },
	{ "4.7", "addresses of both kinds in the headers",
	  "BYE sip:user@host.example.net SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\n"
	  "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n"
	  "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\r\n" USUAL
	  "CSeq: 89187 BYE\r\n" },
	{ "4.9", "an IPv4-mapped address",
	  "INVITE sip:user@[2001:db8::10] SIP/2.0\r\nVia: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\r\n"
	  "Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111\r\n" USUAL "CSeq: 89187 INVITE\r\n",
	  BODY_MAPPED },
	{ "4.10", "the mistake in the grammar of RFC 3261: three colons",
	  "OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0\r\n" VIA USUAL "CSeq: 98176 OPTIONS\r\n" },
	{ "-", "brackets that do not end", "OPTIONS sip:user@[2001:db8::1 SIP/2.0\r\n" VIA USUAL "CSeq: 1 OPTIONS\r\n",
	  NULL, 400 },
	{ "-", "more behind the brackets",
	  "OPTIONS sip:user@[2001:db8::1]x SIP/2.0\r\n" VIA USUAL "CSeq: 1 OPTIONS\r\n", NULL, 400 },
	{ "-", "no address in the brackets", "OPTIONS sip:user@[] SIP/2.0\r\n" VIA USUAL "CSeq: 1 OPTIONS\r\n", NULL,
	  400 },
	{ "-", "a zone", "OPTIONS sip:user@[fe80::1%25eth0] SIP/2.0\r\n" VIA USUAL "CSeq: 1 OPTIONS\r\n", NULL, 400 },
	{ "-", "a Via without brackets",
	  "OPTIONS sip:user@[2001:db8::1] SIP/2.0\r\nVia: SIP/2.0/UDP 2001:db8::9:1;branch=z9hG4bKa\r\n" USUAL
	  "CSeq: 1 OPTIONS\r\n",
	  NULL, 400 },
};

static void show(const struct sip_msg *m)
{
	printf("  %s for %s, port %u; Contact %s; %u Via, the top one %s port %u received %s\n", m->method_name,
	       m->ruri.host, m->ruri.port, m->contact.uri.host, m->n_via, m->via.host, m->via.port,
	       m->via.received[0] ? m->via.received : "-");
}

/* What goes back, to an address that is that of the Via or another one. */
static void show_response(struct sip_msg *m, const char *source)
{
	struct osmo_sockaddr from = { .u.sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(6060) } };
	char buf[4096], *via;
	struct sip_writer w;

	inet_pton(AF_INET6, source, &from.u.sin6.sin6_addr);
	sip_msg_set_source(m, &from);
	sip_writer_init(&w, buf, sizeof(buf));
	sip_write_response_head(&w, m, 200, NULL, "ours", true);
	EXPECT(sip_write_end(&w, NULL, NULL, 0) > 0);
	buf[w.len] = '\0';
	via = strstr(buf, "Via: ");
	printf("    from %s: %.*s\n", source, (int)strcspn(via, "\r"), via);
}

static void run(void *ctx, unsigned int i)
{
	const char *body = messages[i].body ?: "";
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;
	enum sip_parse_result rc;
	char text[4096];
	size_t len;

	len = snprintf(text, sizeof(text), "%sContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		       messages[i].head, strlen(body), body);
	EXPECT(len < sizeof(text));
	btw("%s: %s", messages[i].section, messages[i].what);
	rc = sip_msg_parse(ctx, &msg, &reject, (const uint8_t *)text, len, true);
	EXPECT(rc == (messages[i].reject ? SIP_PARSE_REJECT : SIP_PARSE_OK));
	if (rc == SIP_PARSE_REJECT) {
		printf("  %u %s\n", reject.status, reject.why);
		EXPECT(reject.status == messages[i].reject);
		talloc_free(reject.response_head);
		return;
	}
	EXPECT(strcmp(msg->body ?: "", body) == 0);
	show(msg);
	show_response(msg, "2001:db8::9:1");
	show_response(msg, "2001:db8:0:0::9:255");
	sip_msg_free(msg);
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "sip_ipv6_test");
	void *parse_ctx;
	unsigned int i;

	story_init(ctx);
	sip_msg_init();
	parse_ctx = talloc_named_const(ctx, 0, "messages");
	for (i = 0; i < ARRAY_SIZE(messages); i++)
		run(parse_ctx, i);
	EXPECT(talloc_total_blocks(parse_ctx) == 1);
	return 0;
}
