/* The 49 messages of RFC 4475, byte by byte from the archive in its appendix, and what we do with each of them.
 *
 * "accept" means that the message is well-formed: whether its method, body or extensions please us is decided further
 * up (the RFC's sections 3.1.1.2, 3.2 to 3.4: 405, 415, 420 and so on). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_msg.h>

#include "story.h"

enum action { ACCEPT, DROP, REJECT };

struct torture {
	const char *file;
	enum action action;
	uint16_t status; /* of REJECT */
	const char *section, *why;
};

static const struct torture messages[] = {
	/* 3.1.1 valid */
	{ "wsinv", ACCEPT, 0, "3.1.1.1", "short and tortuous, folds and white space everywhere" },
	{ "intmeth", ACCEPT, 0, "3.1.1.2", "all characters that a token can have" },
	{ "esc01", ACCEPT, 0, "3.1.1.3", "valid use of % escapes" },
	{ "escnull", ACCEPT, 0, "3.1.1.4", "escaped NULs in URIs" },
	{ "esc02", ACCEPT, 0, "3.1.1.5", "% that is no escape" },
	{ "lwsdisp", ACCEPT, 0, "3.1.1.6", "no white space between display name and <" },
	{ "longreq", ACCEPT, 0, "3.1.1.7", "long values in header fields" },
	{ "dblreq", ACCEPT, 0, "3.1.1.8", "another request behind the first one" },
	{ "semiuri", ACCEPT, 0, "3.1.1.9", "semicolon in the user part" },
	{ "transports", ACCEPT, 0, "3.1.1.10", "many and unknown transports" },
	{ "mpart01", ACCEPT, 0, "3.1.1.11", "multipart body" },
	{ "unreason", ACCEPT, 0, "3.1.1.12", "unusual reason phrase" },
	{ "noreason", ACCEPT, 0, "3.1.1.13", "empty reason phrase" },
	/* 3.1.2 invalid */
	{ "badinv01", REJECT, 400, "3.1.2.1", "extraneous separators in Via and Contact" },
	{ "clerr", REJECT, 400, "3.1.2.2", "Content-Length larger than the message" },
	{ "ncl", REJECT, 400, "3.1.2.3", "negative Content-Length" },
	{ "scalar02", REJECT, 400, "3.1.2.4", "request scalars out of range" },
	{ "scalarlg", DROP, 0, "3.1.2.5", "response scalars out of range" },
	{ "quotbal", REJECT, 400, "3.1.2.6", "unterminated quoted string" },
	{ "ltgtruri", REJECT, 400, "3.1.2.7", "<> around the Request-URI" },
	{ "lwsruri", REJECT, 400, "3.1.2.8", "white space in the Request-URI" },
	{ "lwsstart", REJECT, 400, "3.1.2.9", "several spaces in the start line" },
	{ "trws", REJECT, 400, "3.1.2.10", "spaces at the end of the start line" },
	{ "escruri", REJECT, 400, "3.1.2.11", "escaped headers in the Request-URI" },
	{ "baddate", ACCEPT, 0, "3.1.2.12", "a Date that is no date: we have no use for it" },
	{ "regbadct", REJECT, 400, "3.1.2.13", "Contact with ? but without <>" },
	{ "badaspec", REJECT, 400, "3.1.2.14", "spaces within <>" },
	{ "baddn", REJECT, 400, "3.1.2.15", "comma in an unquoted display name" },
	{ "badvers", REJECT, 505, "3.1.2.16", "unknown protocol version" },
	{ "mismatch01", REJECT, 400, "3.1.2.17", "CSeq of another method" },
	{ "mismatch02", REJECT, 400, "3.1.2.18", "unknown method, CSeq of another one" },
	{ "bigcode", DROP, 0, "3.1.2.19", "response code out of range" },
	/* 3.2 transaction layer */
	{ "badbranch", ACCEPT, 0, "3.2.1", "branch without a transaction identifier: matched as RFC 2543" },
	/* 3.3 application layer */
	{ "insuf", REJECT, 400, "3.3.1", "missing header fields" },
	{ "unkscm", REJECT, 416, "3.3.2", "unknown scheme in the Request-URI" },
	{ "novelsc", REJECT, 416, "3.3.3", "known but unusual scheme in the Request-URI" },
	{ "unksm2", ACCEPT, 0, "3.3.4", "unknown schemes in To, From and Contact" },
	{ "bext01", ACCEPT, 0, "3.3.5", "Proxy-Require and Require: 420 further up" },
	{ "invut", ACCEPT, 0, "3.3.6", "unknown Content-Type: 415 further up" },
	{ "regaut01", ACCEPT, 0, "3.3.7", "unknown authorization scheme" },
	{ "multi01", REJECT, 400, "3.3.8", "several values in single-value fields" },
	{ "mcl01", REJECT, 400, "3.3.9", "several Content-Lengths" },
	{ "bcast", DROP, 0, "3.3.10", "200 with two Vias and a broadcast address" },
	{ "zeromf", ACCEPT, 0, "3.3.11", "Max-Forwards 0" },
	{ "cparam01", ACCEPT, 0, "3.3.12", "Contact parameters" },
	{ "cparam02", ACCEPT, 0, "3.3.13", "Contact URI parameters" },
	{ "regescrt", ACCEPT, 0, "3.3.14", "escaped headers in a Contact URI" },
	{ "sdp01", ACCEPT, 0, "3.3.15", "unacceptable Accept" },
	/* 3.4 backward compatibility */
	{ "inv2543", ACCEPT, 0, "3.4.1", "INVITE of RFC 2543: no branch, no tag, no Max-Forwards" },
};

static size_t read_file(uint8_t *buf, size_t size, const char *name)
{
	char path[4096];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.dat", TORTURE_DIR, name);
	f = fopen(path, "rb");
	if (!f) {
		printf("%s: missing\n", path);
		exit(1);
	}
	len = fread(buf, 1, size, f);
	fclose(f);
	return len;
}

static const char *quoted(const char *text)
{
	static char buf[8][512];
	static unsigned int i;

	i = (i + 1) % ARRAY_SIZE(buf);
	osmo_quote_str_buf2(buf[i], sizeof(buf[i]), text, -1);
	return buf[i];
}

static void show(const struct sip_msg *m)
{
	if (m->is_request)
		printf("  %s, %s\n", m->method_name, get_value_string(sip_method_names, m->method));
	else
		printf("  %u %s to %s\n", m->status, quoted(m->reason_phrase), m->method_name);
	if (m->is_request)
		printf("  R-URI %s user %s host %s port %u\n", m->ruri.scheme, quoted(m->ruri.user), m->ruri.host,
		       m->ruri.port);
	printf("  From %s %s tag %s\n", quoted(m->from.display), quoted(m->from.uri.text), quoted(m->from.tag));
	printf("  To %s %s tag %s\n", quoted(m->to.display), quoted(m->to.uri.text), quoted(m->to.tag));
	if (m->has_contact)
		printf("  Contact %s\n", quoted(m->contact.uri.text));
	printf("  CSeq %u, Max-Forwards %d, %u Via, the top one %s %s:%u branch %s%s\n", m->cseq, m->max_forwards,
	       m->n_via, m->via.transport, m->via.host, m->via.port, quoted(m->via.branch),
	       m->via.has_cookie ? "" : " (RFC 2543)");
	if (m->body)
		printf("  body: %zu bytes of %s\n", m->body_len, quoted(m->content_type));
}

/* A response to what we accept has to be something that we accept, too (but for the many Vias, which are not ours). */
static void check_response(void *ctx, struct sip_msg *m)
{
	char buf[8192];
	struct sip_reject reject = {};
	struct sip_msg *resp = NULL;
	struct sip_writer w;
	enum sip_parse_result rc;
	int len;

	if (!m->is_request)
		return;
	sip_writer_init(&w, buf, sizeof(buf));
	sip_write_response_head(&w, m, 200, NULL, "ourtag", true);
	len = sip_write_end(&w, NULL, NULL, 0);
	EXPECT(len > 0);
	rc = sip_msg_parse(ctx, &resp, &reject, (uint8_t *)buf, len, false);
	EXPECT(rc == (m->n_via == 1 ? SIP_PARSE_OK : SIP_PARSE_DROP));
	if (!resp)
		return;
	EXPECT(resp->cseq == m->cseq && !strcmp(resp->method_name, m->method_name));
	EXPECT(!strcmp(resp->from.tag, m->from.tag));
	EXPECT(!strcmp(resp->to.tag, m->to.tag[0] ? m->to.tag : "ourtag"));
	EXPECT(!strcmp(resp->call_id, m->call_id));
	sip_msg_free(resp);
}

static void check_reject(void *ctx, struct sip_reject *reject)
{
	char buf[8192];
	int len;

	len = sip_reject_write(buf, sizeof(buf), reject);
	EXPECT(len > 0);
	EXPECT(strstr(buf, "\r\nVia: ") || strstr(buf, "Via: "));
	talloc_free(reject->response_head);
}

static void run(void *ctx, const struct torture *t)
{
	static const char *const action_names[] = { "accept", "drop", "reject" };
	uint8_t buf[8192];
	size_t len = read_file(buf, sizeof(buf), t->file), i;
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;
	enum sip_parse_result rc;

	rc = sip_msg_parse(ctx, &msg, &reject, buf, len, false);
	printf("%s (%s): %s", t->file, t->section, t->why);
	if (rc == SIP_PARSE_REJECT)
		printf(" -> %u %s\n", reject.status, reject.why);
	else
		printf(" -> %s\n", action_names[rc == SIP_PARSE_OK ? ACCEPT : DROP]);
	switch (rc) {
	case SIP_PARSE_OK:
		show(msg);
		check_response(ctx, msg);
		sip_msg_free(msg);
		break;
	case SIP_PARSE_REJECT:
		check_reject(ctx, &reject);
		break;
	default:
		break;
	}
	EXPECT((rc == SIP_PARSE_OK) == (t->action == ACCEPT));
	EXPECT((rc == SIP_PARSE_DROP) == (t->action == DROP));
	EXPECT(t->action != REJECT || reject.status == t->status);

	/* cut short anywhere: nothing bad happens, and nothing that lacks part of its head is accepted */
	for (i = 0; i < len; i++) {
		uint8_t *part = malloc(i + 1);
		memcpy(part, buf, i);
		msg = NULL;
		reject = (struct sip_reject){};
		rc = sip_msg_parse(ctx, &msg, &reject, part, i, i % 2);
		EXPECT((rc == SIP_PARSE_OK) == (msg != NULL));
		talloc_free(msg);
		talloc_free(reject.response_head);
		free(part);
	}
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "sip_torture_test");
	void *parse_ctx;
	unsigned int i;

	story_init(ctx);
	sip_msg_init();
	parse_ctx = talloc_named_const(ctx, 0, "messages");
	btw("the %zu messages of RFC 4475", ARRAY_SIZE(messages));
	EXPECT(ARRAY_SIZE(messages) == 49);
	for (i = 0; i < ARRAY_SIZE(messages); i++)
		run(parse_ctx, &messages[i]);
	EXPECT(talloc_total_blocks(parse_ctx) == 1);
	btw("done");
	return 0;
}
