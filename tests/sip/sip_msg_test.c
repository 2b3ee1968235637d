/* The SIP codec: what is refused and how, what is read out of a message, what we write. (RFC 4475's messages:
 * sip_torture_test.) */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_msg.h>

#include "story.h"

static void *ctx;

static const char *const result_names[] = {
	[SIP_PARSE_OK] = "ok",
	[SIP_PARSE_KEEPALIVE] = "keepalive",
	[SIP_PARSE_DROP] = "drop",
	[SIP_PARSE_REJECT] = "reject",
};

static enum sip_parse_result parse_bytes(struct sip_msg **msg, struct sip_reject *reject, const char *text, size_t len,
					 bool stream)
{
	uint8_t *exact = malloc(len + 1); /* so that a read beyond the end is seen */
	enum sip_parse_result rc;

	*msg = NULL;
	*reject = (struct sip_reject){};
	memcpy(exact, text, len);
	exact = realloc(exact, len ? len : 1);
	rc = sip_msg_parse(ctx, msg, reject, exact, len, stream);
	free(exact);
	return rc;
}

static struct sip_msg *parse(const char *text)
{
	struct sip_reject reject;
	struct sip_msg *msg;

	EXPECT(parse_bytes(&msg, &reject, text, strlen(text), false) == SIP_PARSE_OK);
	return msg;
}

#define VIA  "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKabc\r\n"
#define FROM "From: <sip:1234@example.com>;tag=f1\r\n"
#define TO   "To: <sip:5678@example.com>\r\n"
#define CID  "Call-ID: abc@example.com\r\n"
#define CSEQ "CSeq: 1 OPTIONS\r\n"
#define LEN0 "Content-Length: 0\r\n"
#define REQ  "OPTIONS sip:5678@example.com SIP/2.0\r\n"
#define RESP "SIP/2.0 200 OK\r\n"
#define END  "\r\n"

/* ---- what is refused ---- */

static const struct {
	const char *what, *text;
} refusals[] = {
	{ "a good one", REQ VIA FROM TO CID CSEQ LEN0 END },
	{ "no Content-Length", REQ VIA FROM TO CID CSEQ END },
	{ "LF without CR",
	  "OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/UDP c;branch=z9hG4bKa\nFrom: <sip:c@d>;tag=1\nTo: <sip:a@b>\n"
	  "Call-ID: x\nCSeq: 1 OPTIONS\n\n" },
	{ "empty lines in front", "\r\n\r\n" REQ VIA FROM TO CID CSEQ LEN0 END },
	{ "compact forms", REQ "v: SIP/2.0/UDP c;branch=z9hG4bKa\r\nf: <sip:c@d>;tag=1\r\nt: <sip:a@b>\r\ni: x\r\n" CSEQ
			       "l: 0\r\n" END },
	{ "nothing", "" },
	{ "empty lines only", "\r\n\r\n" },
	{ "one NUL", NULL },
	{ "no SIP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n" },
	{ "one word", "hello\r\n\r\n" },
	{ "junk that begins like a response", "SIP/2.0\r\n\r\n" },
	{ "no line end", "OPTIONS sip:a@b SIP/2.0" },
	{ "no blank line", REQ VIA FROM TO CID CSEQ LEN0 },
	{ "header without colon", REQ VIA FROM TO CID CSEQ "Nonsense\r\n" LEN0 END },
	{ "header without name", REQ VIA FROM TO CID CSEQ ": x\r\n" LEN0 END },
	{ "header name with a space", REQ VIA FROM TO CID CSEQ "A b: x\r\n" LEN0 END },
	{ "CR within a header", REQ VIA FROM TO CID CSEQ "Subject: a\rVia: b\r\n" LEN0 END },
	{ "no Via", REQ FROM TO CID CSEQ LEN0 END },
	{ "no From", REQ VIA TO CID CSEQ LEN0 END },
	{ "no To", REQ VIA FROM CID CSEQ LEN0 END },
	{ "no Call-ID", REQ VIA FROM TO CSEQ LEN0 END },
	{ "no CSeq", REQ VIA FROM TO CID LEN0 END },
	{ "two From", REQ VIA FROM FROM TO CID CSEQ LEN0 END },
	{ "two CSeq, one compact From", REQ VIA FROM "f: <sip:c@d>\r\n" TO CID CSEQ CSEQ LEN0 END },
	{ "two Content-Length", REQ VIA FROM TO CID CSEQ LEN0 LEN0 END },
	{ "two Max-Forwards", REQ VIA FROM TO CID CSEQ "Max-Forwards: 1\r\nMax-Forwards: 2\r\n" LEN0 END },
	{ "From with a tag without value", REQ VIA "From: <sip:a@b>;tag\r\n" TO CID CSEQ LEN0 END },
	{ "From with an empty tag", REQ VIA "From: <sip:a@b>;tag=\r\n" TO CID CSEQ LEN0 END },
	{ "From with two tags", REQ VIA "From: <sip:a@b>;tag=1;tag=2\r\n" TO CID CSEQ LEN0 END },
	{ "To with a tag without value", REQ VIA FROM "To: <sip:a@b>;tag\r\n" CID CSEQ LEN0 END },
	{ "To with a parameter without value", REQ VIA FROM "To: <sip:a@b>;x=;y\r\n" CID CSEQ LEN0 END },
	{ "From without a tag (RFC 2543)", REQ VIA "From: <sip:a@b>\r\n" TO CID CSEQ LEN0 END },
	{ "From without anything", REQ VIA "From: \r\n" TO CID CSEQ LEN0 END },
	{ "From with an open quote", REQ VIA "From: \"a <sip:a@b>;tag=1\r\n" TO CID CSEQ LEN0 END },
	{ "From with an open bracket", REQ VIA "From: <sip:a@b;tag=1\r\n" TO CID CSEQ LEN0 END },
	{ "From, two of them in one line", REQ VIA "From: <sip:a@b>;tag=1, <sip:c@d>\r\n" TO CID CSEQ LEN0 END },
	{ "Call-ID with a space", REQ VIA FROM TO "Call-ID: a b\r\n" CSEQ LEN0 END },
	{ "Call-ID empty", REQ VIA FROM TO "Call-ID: \r\n" CSEQ LEN0 END },
	{ "CSeq of another method", REQ VIA FROM TO CID "CSeq: 1 INVITE\r\n" LEN0 END },
	{ "CSeq of the method in other case", REQ VIA FROM TO CID "CSeq: 1 options\r\n" LEN0 END },
	{ "CSeq 2^31 - 1", REQ VIA FROM TO CID "CSeq: 2147483647 OPTIONS\r\n" LEN0 END },
	{ "CSeq 2^31", REQ VIA FROM TO CID "CSeq: 2147483648 OPTIONS\r\n" LEN0 END },
	{ "CSeq 2^64 + 1", REQ VIA FROM TO CID "CSeq: 18446744073709551617 OPTIONS\r\n" LEN0 END },
	{ "CSeq negative", REQ VIA FROM TO CID "CSeq: -1 OPTIONS\r\n" LEN0 END },
	{ "CSeq without a number", REQ VIA FROM TO CID "CSeq: OPTIONS\r\n" LEN0 END },
	{ "CSeq without a space", REQ VIA FROM TO CID "CSeq: 1OPTIONS\r\n" LEN0 END },
	{ "Max-Forwards 255", REQ VIA FROM TO CID CSEQ "Max-Forwards: 255\r\n" LEN0 END },
	{ "Max-Forwards 256", REQ VIA FROM TO CID CSEQ "Max-Forwards: 256\r\n" LEN0 END },
	{ "Max-Forwards -1", REQ VIA FROM TO CID CSEQ "Max-Forwards: -1\r\n" LEN0 END },
	{ "Content-Length -1", REQ VIA FROM TO CID CSEQ "Content-Length: -1\r\n" END },
	{ "Content-Length 2^32", REQ VIA FROM TO CID CSEQ "Content-Length: 4294967296\r\n" END },
	{ "Content-Length beyond the datagram", REQ VIA FROM TO CID CSEQ "Content-Length: 5\r\n" END "abcd" },
	{ "Content-Length empty", REQ VIA FROM TO CID CSEQ "Content-Length:\r\n" END },
	{ "Via of another version", REQ "Via: SIP/3.0/UDP a;branch=z9hG4bKa\r\n" FROM TO CID CSEQ LEN0 END },
	{ "Via port 65536", REQ "Via: SIP/2.0/UDP a:65536;branch=z9hG4bKa\r\n" FROM TO CID CSEQ LEN0 END },
	{ "Via without host", REQ "Via: SIP/2.0/UDP\r\n" FROM TO CID CSEQ LEN0 END },
	{ "Via host with a space", REQ "Via: SIP/2.0/UDP a b;branch=z9hG4bKa\r\n" FROM TO CID CSEQ LEN0 END },
	{ "Via without branch (RFC 2543)", REQ "Via: SIP/2.0/UDP a\r\n" FROM TO CID CSEQ LEN0 END },
	{ "version 3.0", "OPTIONS sip:a@b SIP/3.0\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "version in lower case", "OPTIONS sip:a@b sip/2.0\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "scheme http", "OPTIONS http://a/ SIP/2.0\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "scheme tel", "OPTIONS tel:+1234;phone-context=x SIP/2.0\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "scheme SIPS", "OPTIONS SIPS:a@b SIP/2.0\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "no scheme", "OPTIONS a SIP/2.0\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "no host", "OPTIONS sip:a@ SIP/2.0\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "port of six digits", "OPTIONS sip:a@b:123456 SIP/2.0\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "Contact *", REQ VIA FROM TO CID CSEQ "Contact: *\r\n" LEN0 END },
	{ "Contact broken", REQ VIA FROM TO CID CSEQ "Contact: <sip:a@b\r\n" LEN0 END },
	{ "an ACK that is bad is never answered",
	  "ACK sip:a@b SIP/2.0\r\n" VIA FROM TO CID "CSeq: 1 INVITE\r\n" LEN0 END },
	/* responses: all or nothing */
	{ "a good response", RESP VIA FROM TO CID CSEQ LEN0 END },
	{ "no phrase", "SIP/2.0 200 \r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "not even the space", "SIP/2.0 200\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "status 99", "SIP/2.0 099 x\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "status 700", "SIP/2.0 700 x\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "status -20", "SIP/2.0 -20 x\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "status 1e2", "SIP/2.0 1e2 x\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "status 20000", "SIP/2.0 20000 x\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "version 1.0", "SIP/1.0 200 x\r\n" VIA FROM TO CID CSEQ LEN0 END },
	{ "two Vias", RESP VIA VIA FROM TO CID CSEQ LEN0 END },
	{ "two Vias in a line", RESP "Via: SIP/2.0/UDP a, SIP/2.0/UDP b\r\n" FROM TO CID CSEQ LEN0 END },
	{ "no Via", RESP FROM TO CID CSEQ LEN0 END },
	{ "Content-Length too large", RESP VIA FROM TO CID CSEQ "Content-Length: 1\r\n" END },
};

static void show_result(const char *what, enum sip_parse_result rc, struct sip_msg *msg, struct sip_reject *reject)
{
	if (rc == SIP_PARSE_REJECT)
		printf("  %-40s %u %s\n", what, reject->status, reject->why);
	else
		printf("  %-40s %s\n", what, result_names[rc]);
	talloc_free(msg);
	talloc_free(reject->response_head);
}

static void test_refusals(void)
{
	struct sip_reject reject;
	enum sip_parse_result rc;
	struct sip_msg *msg;
	unsigned int i;

	btw("what is refused, and how");
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		const char *text = refusals[i].text;
		rc = parse_bytes(&msg, &reject, text ? text : "\0", text ? strlen(text) : 1, false);
		show_result(refusals[i].what, rc, msg, &reject);
	}
	EXPECT(talloc_total_blocks(ctx) == 1);
}

/* A request with n times some text within one header, or n headers. */
static void limit(const char *what, const char *before, const char *unit, unsigned int n, const char *after)
{
	static char text[200000];
	struct sip_reject reject;
	enum sip_parse_result rc;
	struct sip_msg *msg;
	char *p = text;

	p = stpcpy(p, REQ VIA FROM TO CID CSEQ);
	p = stpcpy(p, before);
	while (n--)
		p = stpcpy(p, unit);
	p = stpcpy(p, after);
	p = stpcpy(p, LEN0 END);
	rc = parse_bytes(&msg, &reject, text, p - text, false);
	show_result(what, rc, msg, &reject);
}

static void test_limits(void)
{
	struct sip_reject reject;
	struct sip_msg *msg;
	char text[] = REQ VIA FROM TO CID CSEQ "Subject: a_b\r\n" LEN0 END;
	static const char escapes[] = REQ VIA FROM "To: \"a\\\033[2J \\\007 \\\177\" <sip:a@b>\r\n" CID CSEQ LEN0 END;
	static const char phrase[] = "SIP/2.0 200 O\033K\r\n" VIA FROM TO CID CSEQ LEN0 END;

	btw("limits");
	limit("64 parameters", "X: a", ";a", 64, "\r\n");
	limit("65 parameters", "X: a", ";a", 65, "\r\n");
	limit("32 commas", "Allow: a", ",a", 32, "\r\n");
	limit("33 commas", "Allow: a", ",a", 33, "\r\n");
	limit("33 commas over folded lines", "Allow: a", ",a\r\n ", 33, "\r\n");
	limit("128 headers", "", "X: a\r\n", 122, "");
	limit("129 headers", "", "X: a\r\n", 123, "");
	limit("20000 headers", "", "X: a\r\n", 20000, "");
	limit("8 kB in one header", "X: ", "a", 7900, "\r\n");
	limit("more than 8 kB", "X: ", "a", 8000, "\r\n");
	limit("64 kB of Contact parameters", "Contact: <sip:a@b>", ";a", 32000, "\r\n");

	btw("NUL: never, but behind a backslash in a quoted string");
	*strchr(strstr(text, "a_b"), '_') = '\0';
	EXPECT(parse_bytes(&msg, &reject, text, sizeof(text) - 1, false) == SIP_PARSE_REJECT);
	printf("  %u %s\n", reject.status, reject.why);
	talloc_free(reject.response_head);
	char quoted[] = REQ VIA FROM "To: \"a\\_b\" <sip:a@b>\r\n" CID CSEQ LEN0 END;
	*strchr(strstr(quoted, "\"a\\"), '_') = '\0';
	EXPECT(parse_bytes(&msg, &reject, quoted, sizeof(quoted) - 1, false) == SIP_PARSE_OK);
	printf("  display name: %s\n", osmo_quote_str(msg->to.display, -1));
	sip_msg_free(msg);

	btw("no other control character either: it would write on somebody's terminal");
	limit("ESC in a header", "Subject: a\033[2Jb", "", 0, "\r\n");
	limit("DEL", "Subject: a\177", "", 0, "\r\n");
	limit("BEL in a header name", "Sub\007ject: a", "", 0, "\r\n");
	limit("a tab", "Subject: a\tb", "", 0, "\r\n");
	limit("ESC in a quoted string, but no backslash", "P: \"a\033b\" <sip:a@b>", "", 0, "\r\n");
	limit("a backslash, but no quoted string", "P: a\\\033b", "", 0, "\r\n");
	EXPECT(parse_bytes(&msg, &reject, escapes, strlen(escapes), false) == SIP_PARSE_OK);
	printf("  display name: %s\n", osmo_quote_str(msg->to.display, -1));
	EXPECT(!strpbrk(sip_msg_header(msg, "To", 0), "\033\007\177"));
	sip_msg_free(msg);
	EXPECT(parse_bytes(&msg, &reject, phrase, strlen(phrase), false) == SIP_PARSE_DROP);
	EXPECT(talloc_total_blocks(ctx) == 1);
}

/* ---- what is read ---- */

static const char invite[] =
	"INVITE sip:%2B49123@gw.example.com:5062;transport=udp;user=phone SIP/2.0\r\n"
	"Via: SIP/2.0/UDP [2001:db8::9]:5064;rport;branch=z9hG4bKnashds8 , SIP/2.0/TCP p2.example.com\r\n"
	"via: SIP/2.0/UDP p3.example.com;branch=z9hG4bK77ef4c2312983.1\r\n"
	"Record-Route: <sip:p2.example.com;lr>, \"a, b\" <sip:p3.example.com;lr>\r\n"
	"Record-Route: <sip:p4.example.com>;x=y\r\n"
	"Max-Forwards: 70\r\n"
	"From: \"Smith, \\\"J.\\\"\" <sip:alice@atlanta.example.com>;x=\"tag=no;\";TAG=19283\r\n"
	"To: Bob the Great<sip:bob@biloxi.example.com;tag=uri>\r\n"
	"Call-ID: a84b4c76e66710\r\n"
	"CSeq: 314159 INVITE\r\n"
	"m: <sip:alice@[2001:db8::1]:5064;transport=TCP;maddr=192.0.2.3>;expires=3, <sip:x@y>\r\n"
	"k: 100rel,  timer\r\n"
	"Supported: norefersub;x=1\r\n"
	"Reason: SIP;cause=480, Q.850 ;cause=17;text=\"a, b\"\r\n"
	"Subject: folded\r\n"
	"  over\r\n"
	"\tlines\r\n"
	"Content-Type: Application / SDP;charset=utf-8\r\n"
	"Content-Length: 5\r\n"
	"\r\n"
	"v=0\r\nthis is beyond the body";

static void show_uri(const char *what, const struct sip_uri *u)
{
	printf("  %s: scheme=%s user=%s host=%s port=%u transport=%s maddr=%s%s | %s\n", what, u->scheme, u->user,
	       u->host, u->port, u->transport, u->maddr, u->lr ? " lr" : "", u->text);
}

static void test_access(void)
{
	struct sip_msg *m = parse(invite);
	char text[256];
	struct sip_uri uri;
	unsigned int i;

	btw("all there is to read in a message");
	EXPECT(m->is_request && m->method == SIP_INVITE && !strcmp(m->method_name, "INVITE"));
	show_uri("Request-URI", &m->ruri);
	printf("  From: %s tag=%s\n", m->from.display, m->from.tag);
	show_uri("From", &m->from.uri);
	printf("  To: %s tag=%s\n", m->to.display, m->to.tag);
	show_uri("To", &m->to.uri);
	EXPECT(m->has_contact);
	show_uri("Contact", &m->contact.uri);
	printf("  Via: %s %s %u branch=%s cookie=%d rport=%d n=%u\n", m->via.transport, m->via.host, m->via.port,
	       m->via.branch, m->via.has_cookie, m->via.rport, m->n_via);
	EXPECT(m->cseq == 314159 && m->max_forwards == 70 && !strcmp(m->call_id, "a84b4c76e66710"));
	EXPECT(!strcmp(m->content_type, "application/sdp") && m->body_len == 5 && !strcmp(m->body, "v=0\r\n"));

	btw("other headers, by long name or compact");
	printf("  Subject: %s\n", sip_msg_header(m, "subject", 0));
	printf("  Supported: %s | %s\n", sip_msg_header(m, "Supported", 0), sip_msg_header(m, "Supported", 1));
	EXPECT(!sip_msg_header(m, "Supported", 2) && !sip_msg_header(m, "Require", 0));
	EXPECT(sip_msg_header_has_token(m, "Supported", "TIMER") && sip_msg_header_has_token(m, "supported", "100rel"));
	EXPECT(sip_msg_header_has_token(m, "Supported", "norefersub") &&
	       !sip_msg_header_has_token(m, "Supported", "100"));
	EXPECT(sip_msg_reason_q850(m) == 17);

	btw("Record-Route, taken apart and as to be written into Route");
	EXPECT(sip_msg_n_record_routes(m) == 3);
	for (i = 0; i < 3; i++) {
		EXPECT(sip_msg_record_route(m, i, &uri, text, sizeof(text)) == 0);
		show_uri(text, &uri);
	}
	EXPECT(sip_msg_record_route(m, 3, &uri, text, sizeof(text)) == -ENOENT);
	EXPECT(sip_msg_record_route(m, 0, NULL, text, 5) == -EMSGSIZE);
	EXPECT(sip_msg_record_route(m, 0, NULL, NULL, 0) == 0);
	sip_msg_to_str_buf(text, sizeof(text), m);
	printf("  %s\n", text);
	sip_msg_free(m);

	m = parse("SIP/2.0 180 Ri ng\r\n" VIA FROM TO CID "CSeq: 2 FLY\r\n" END);
	EXPECT(!m->is_request && m->status == 180 && m->method == SIP_METHOD_UNKNOWN && m->max_forwards == -1 &&
	       !m->has_contact);
	EXPECT(sip_msg_n_record_routes(m) == 0 && sip_msg_reason_q850(m) == 0 && !m->body);
	sip_msg_to_str_buf(text, sizeof(text), m);
	printf("  %s\n", text);
	sip_msg_free(m);
	EXPECT(talloc_total_blocks(ctx) == 1);
}

static void test_stream(void)
{
	static const char text[] = REQ VIA FROM TO CID CSEQ END "abc";
	struct sip_reject reject;
	struct sip_msg *m;

	btw("without Content-Length a datagram's rest is the body, and in a stream it is wrong");
	EXPECT(parse_bytes(&m, &reject, text, strlen(text), false) == SIP_PARSE_OK && m->body_len == 3);
	sip_msg_free(m);
	EXPECT(parse_bytes(&m, &reject, text, strlen(text), true) == SIP_PARSE_REJECT && reject.status == 400);
	talloc_free(reject.response_head);
}

static void test_uris(void)
{
	static const char *const uris[] = {
		"sip:a@b",
		"sip:b",
		"SIPS:A%20b@B.example:1",
		"sip:a:secret@b;lr",
		"sip:a;x=1?y@b;lr;TRANSPORT=tls",
		"sip:[::1]",
		"sip:a@[::1]:5060;maddr=1.2.3.4",
		"tel:+1-201-555-0123;ext=7",
		"urn:service:sos",
		"mailto:a@b",
		"sip:%00%0d%41@b",
		"sip:a@b?Route=x",
		"sip:a@b;lr=on;transport=udp;transport=tcp",
		"sip:%4@b",
		"sip:%zz@b",
		"",
		"sip:",
		"sip:@b",
		"sip:a@",
		":b",
		"1x:b",
		"sip:a@b:",
		"sip:a@b:x",
		"sip:a@b:70000",
		"sip:a b@c",
		"sip:a@b>",
		"nothing",
		"sip:a@b c",
		"sip:a@[::1",
		"sip:a@b/c",
	};
	struct sip_uri uri;
	unsigned int i;

	btw("URIs");
	for (i = 0; i < ARRAY_SIZE(uris); i++) {
		void *sub = talloc_named_const(ctx, 0, "uri");
		if (sip_uri_parse(sub, &uri, uris[i])) {
			printf("  bad: %s\n", uris[i]);
			EXPECT(talloc_total_blocks(sub) == 1);
		} else {
			show_uri("good", &uri);
			EXPECT(talloc_total_blocks(sub) == 2);
		}
		talloc_free(sub);
	}
}

/* ---- what is written ---- */

static void show_text(const char *text)
{
	const char *p;

	for (p = text; *p; p += strcspn(p, "\n") + 1)
		printf("  | %.*s\n", (int)strcspn(p, "\r\n"), p);
}

static void test_response_head(void)
{
	struct osmo_sockaddr source = {};
	struct sip_msg *req = parse(invite), *resp;
	struct sip_writer w;
	char buf[4096];
	int len;

	btw("the head of a response: all Vias, the top one with received and rport, Record-Route, our To tag");
	source.u.sin6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(9999) };
	inet_pton(AF_INET6, "2001:db8::99", &source.u.sin6.sin6_addr);
	sip_msg_set_source(req, &source);
	sip_writer_init(&w, buf, sizeof(buf));
	sip_write_response_head(&w, req, 200, NULL, "ours", true);
	sip_write_header_str(&w, "Contact", "<sip:gw.example.com>");
	len = sip_write_end(&w, "application/sdp", "v=0\r\n", 5);
	EXPECT(len > 0);
	buf[len] = '\0';
	show_text(buf);

	btw("without Record-Route, without a tag; no room; and a To that has a tag already");
	sip_writer_init(&w, buf, sizeof(buf));
	sip_write_response_head(&w, req, 100, NULL, NULL, false);
	len = sip_write_end(&w, NULL, NULL, 0);
	EXPECT(len > 0);
	buf[len] = '\0';
	EXPECT(!strstr(buf, "Record-Route") && !strstr(buf, ";tag=ours"));
	sip_writer_init(&w, buf, 100);
	sip_write_response_head(&w, req, 100, NULL, NULL, false);
	EXPECT(sip_write_end(&w, NULL, NULL, 0) == -EMSGSIZE);
	sip_msg_free(req);
	btw("empty parameters at the end");
	req = parse(REQ "Via: SIP/2.0/UDP a;branch=z9hG4bKa;\r\n" FROM "To: <sip:a@b> ;\r\n" CID CSEQ END);
	sip_msg_set_source(req, &source);
	sip_writer_init(&w, buf, sizeof(buf));
	sip_write_response_head(&w, req, 200, NULL, "ours", false);
	len = sip_write_end(&w, NULL, NULL, 0);
	buf[len] = '\0';
	show_text(buf);
	sip_msg_free(req);
	req = parse(REQ VIA FROM "To: <sip:a@b>;tag=old\r\n" CID CSEQ END);
	sip_writer_init(&w, buf, sizeof(buf));
	sip_write_response_head(&w, req, 200, "Fine", "ours", false);
	len = sip_write_end(&w, NULL, NULL, 0);
	buf[len] = '\0';
	resp = parse(buf);
	EXPECT(!strcmp(resp->to.tag, "old") && !strcmp(resp->reason_phrase, "Fine"));
	sip_msg_free(resp);
	sip_msg_free(req);
}

static void test_write(void)
{
	char buf[2048], small[16], user[64];
	struct sip_writer w;
	struct sip_msg *m;
	int len;

	btw("a request; what is in a value cannot leave its line");
	sip_writer_init(&w, buf, sizeof(buf));
	sip_write_request_line(&w, "INFO", "sip:a@b");
	sip_write_header(&w, "Via", "SIP/2.0/UDP %s:%u;branch=%s", "192.0.2.1", 5060, "z9hG4bKx");
	sip_write_header(&w, "From", "%s <sip:c@d>;tag=%s",
			 sip_quote_display(user, sizeof(user), "a \"b\" \\\r\nX: y\x7f"), "1");
	sip_write_header_str(&w, "To", "<sip:a@b>");
	sip_write_header_str(&w, "Call-ID", "x");
	sip_write_header_str(&w, "CSeq", "1 INFO");
	sip_write_header_str(&w, "Subject", "a\r\nInjected: yes\r\n\r\nbody");
	sip_write_header(&w, "X", "%s", "a\nInjected: yes");
	len = sip_write_end(&w, "application/dtmf-relay", "Signal=1\r\n", 10);
	EXPECT(len > 0);
	buf[len] = '\0';
	show_text(buf);
	m = parse(buf);
	EXPECT(m->method == SIP_INFO && !strcmp(m->from.display, "a \"b\" \\X: y"));
	EXPECT(!sip_msg_header(m, "Injected", 0));
	EXPECT(!strcmp(m->content_type, "application/dtmf-relay") && m->body_len == 10);
	sip_msg_free(m);

	btw("too small a buffer is told at the end");
	sip_writer_init(&w, small, sizeof(small));
	sip_write_request_line(&w, "INFO", "sip:a@b");
	sip_write_header(&w, "X", "%s", "a long one, longer than there is room");
	sip_write_header_str(&w, "X", "a long one, longer than there is room");
	EXPECT(sip_write_end(&w, "x/y", "abc", 3) == -EMSGSIZE);

	btw("display names and user parts");
	EXPECT(!strcmp(sip_quote_display(user, sizeof(user), ""), ""));
	printf("  %s\n", sip_quote_display(user, sizeof(user), "O'Neil \"The\" \\"));
	printf("  %s\n", sip_quote_display(user, 12, "much too long for this"));
	printf("  %s\n", sip_quote_display(user, 12, "\"\"\"\"\"\"\"\"\"\"\"\"\"\""));
	EXPECT(!strcmp(sip_quote_display(user, 3, "x"), ""));
	EXPECT(sip_escape_user(user, sizeof(user), "+49*#1 ä:@;%") > 0);
	printf("  %s\n", user);
	EXPECT(sip_escape_user(user, 5, "abcd") == 4 && sip_escape_user(user, 4, "abcd") == -EMSGSIZE);
	EXPECT(sip_escape_user(user, 3, "#") == -EMSGSIZE && sip_escape_user(user, 4, "#") == 3);

	btw("phrases");
	printf("  %s, %s, %s, %s, %s\n", sip_status_phrase(486), sip_status_phrase(199), sip_status_phrase(299),
	       sip_status_phrase(666), sip_status_phrase(7));
}

static void test_reject(void)
{
	static const char text[] =
		"INVITE sip:a@b SIP/7.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n ;x=y\r\nVia: SIP/2.0/UDP b\r\nFrom: <sip:c@d\r\n"
		"To: \"un\tbalanced <sip:a@b>\r\nCall-ID: z\r\nCSeq: x\r\nSubject: secret\r\n\r\n";
	struct sip_reject reject;
	struct sip_msg *msg;
	char buf[1024], *tag;
	int len;

	btw("the answer to something that nobody can parse");
	EXPECT(parse_bytes(&msg, &reject, text, strlen(text), false) == SIP_PARSE_REJECT);
	len = sip_reject_write(buf, sizeof(buf), &reject);
	EXPECT(len > 0 && sip_reject_write(buf + 512, 100, &reject) == -EMSGSIZE);
	buf[len] = '\0';
	tag = strstr(buf, ";tag=");
	EXPECT(tag && strspn(tag + 5, "0123456789abcdef") == 8);
	memset(tag + 5, 'T', 8);
	show_text(buf);
	talloc_free(reject.response_head);
}

/* Cut anywhere and with any byte replaced: it is decided about, and nothing is read beyond. */
static void test_damage(void)
{
	static const char bytes[] = { '\0', '\r', '\n', ';', ',', '"', '<',	  '>',
				      ':',  ' ',  '\\', '%', 'a', '9', (char)0x80 };
	char copy[sizeof(invite)];
	struct sip_reject reject;
	enum sip_parse_result rc;
	struct sip_msg *msg;
	unsigned int n_ok = 0;
	size_t i, j;

	btw("a message cut anywhere, and with any byte replaced");
	for (i = 0; i < sizeof(invite); i++) {
		rc = parse_bytes(&msg, &reject, invite, i, false);
		/* complete from where the body is */
		EXPECT((rc == SIP_PARSE_OK) == (i >= sizeof(invite) - 1 - strlen("this is beyond the body")));
		talloc_free(msg);
		talloc_free(reject.response_head);
	}
	for (i = 0; i < sizeof(invite) - 1; i++) {
		for (j = 0; j < sizeof(bytes); j++) {
			memcpy(copy, invite, sizeof(copy));
			copy[i] = bytes[j];
			rc = parse_bytes(&msg, &reject, copy, sizeof(copy) - 1, false);
			n_ok += rc == SIP_PARSE_OK;
			EXPECT((rc == SIP_PARSE_OK) == (msg != NULL));
			EXPECT((rc == SIP_PARSE_REJECT) == (reject.response_head != NULL));
			talloc_free(msg);
			talloc_free(reject.response_head);
		}
	}
	EXPECT(n_ok > 1000);
	EXPECT(talloc_total_blocks(ctx) == 1);
}

int main(void)
{
	void *root = talloc_named_const(NULL, 0, "sip_msg_test");

	story_init(root);
	ctx = talloc_named_const(root, 0, "messages");
	sip_msg_init();
	sip_msg_init();

	test_refusals();
	test_limits();
	test_access();
	test_stream();
	test_uris();
	test_response_head();
	test_write();
	test_reject();
	test_damage();
	btw("done");
	return 0;
}
