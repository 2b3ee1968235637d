/* The MGCP codec: what is understood, what is refused, and that writing is the inverse of reading. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/mgcp/mgcp_code.h>
#include <osmocom/sipgw/mgcp/mgcp_msg.h>

#include "story.h"

static const char *const param_letters[_NUM_MGCP_PARAMS] = {
	"K", "C", "I", "I2", "Z", "Z2", "X", "L",  "M",	 "B", "N", "R",
	"S", "D", "T", "Q",  "O", "E",	"P", "RM", "RD", "F", "A", "ES",
};

static void print_text(const char *name, struct mgcp_text t)
{
	if (t.s)
		printf(" %s='%s'", name, osmo_escape_str(t.s, t.len));
}

static void print_msg(const struct mgcp_msg *msg)
{
	int i;

	if (msg->is_command)
		printf("  command %s %u", get_value_string(mgcp_verb_names, msg->verb), msg->trans_id);
	else
		printf("  response %03u %u", msg->code, msg->trans_id);
	print_text("endpoint", msg->endpoint);
	print_text("comment", msg->comment);
	for (i = 0; i < _NUM_MGCP_PARAMS; i++)
		print_text(param_letters[i], msg->params[i]);
	print_text("must_know", msg->must_know);
	if (msg->n_unknown || msg->n_bad)
		printf(" unknown=%u bad=%u", msg->n_unknown, msg->n_bad);
	print_text("body", msg->body);
	printf("\n");
}

#define SDP "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 3\r\n"

static const struct {
	const char *what, *text;
} datagrams[] = {
	{ "an answer of osmo-mgw to a wildcard CRCX", "200 101 OK\r\nZ: rtpbridge/1@mgw\r\nI: 5DC325A7\r\n\r\n" SDP },
	{ "an answer to MDCX: only a session description", "200 103 OK\r\n\r\n" SDP },
	{ "an answer to DLCX", "250 106 OK\r\nP: PS=6, OS=183, PR=5, OR=225, PL=6, JI=291\r\n" },
	{ "osmo-mgw cannot read the transaction id", "528 000000 FAIL\r\n" },
	{ "bare line feeds, and none at the end", "200 7\nI: A" },
	{ "no comment, no line end", "200 7" },
	{ "a package behind the id", "800 7 /L no such thing\r\n" },
	{ "lower case names", "200 7 OK\r\nz: ep@gw\r\ni: 1\r\n" },
	{ "a provisional answer, and a final one that wants an ack", "100 7 PENDING\r\n.\r\n200 7 OK\r\nK:\r\n" },
	{ "an ack", "000 1234\r\n" },
	{ "a broken parameter line in an answer is passed over", "200 7 OK\r\nnonsense\r\n: x\r\nI: 1\r\n" },
	{ "the first of two counts", "200 7 OK\r\nI: 1\r\nI: 2\r\n" },
	{ "blanks and tabs", "200 \t7   OK  \r\nI:\t  1 \t\r\n" },
	{ "empty lines before a message", "\r\n\n200 7 OK\r\n" },
	{ "off-hook",
	  "NTFY 2002 aaln/1@rgw-2567.example.net MGCP 1.0\r\nN: ca@ca1.example.net:5678\r\nX: 0123456789AC\r\nO: L/hd\r\n" },
	{ "a restart", "RSIP 1 *@gw.example.net MGCP 1.0\r\nRM: restart\r\nRD: 0\r\n" },
	{ "the gateway deletes", "DLCX 1 ep@gw MGCP 1.0\r\nC: 1\r\nI: 2\r\nE: 900 - Hardware error\r\nP: PS=1\r\n" },
	{ "an audit", "AUEP 1 ep@gw MGCP 1.0\r\nF: A, I,ES\r\n" },
	{ "a verb in lower case and a profile", "ntfy 5 ep@gw mgcp 1.0 NCS 1.0\r\n" },
	{ "a verb of an extension", "XFOO 5 ep@gw MGCP 1.0\r\n" },
	{ "extensions to be ignored and not to be ignored",
	  "NTFY 5 ep@gw MGCP 1.0\r\nX-Flower: Daisy\r\nfoo/bar: 1\r\nX+Must: 1\r\n" },
	{ "piggybacked: response, command, command with body",
	  "200 1 OK\r\n.\r\nNTFY 2 a@b MGCP 1.0\r\nO: 1\r\n.\nCRCX 3 a@b MGCP 1.0\r\n\r\nv=0\r\n" },
	{ "every parameter",
	  "RQNT 9 a@b MGCP 1.0\r\nK: 1-3\r\nC: c\r\nI: i\r\nI2: j\r\nZ: z\r\nZ2: y\r\nX: x\r\nL: p:20\r\nM: sendrecv\r\nB: e:A\r\n"
	  "N: n\r\nR: r(N)\r\nS: s(a, b)\r\nD: (x.T)\r\nT: t\r\nQ: loop\r\nO: o\r\nE: 0\r\nP: PS=0\r\nRM: graceful\r\n"
	  "RD: 3\r\nF: f\r\nA: a\r\nES: L/hu\r\n" },
	{ "wrong: nothing", "\r\n\r\n" },
	{ "wrong: no transaction id", "200\r\n" },
	{ "wrong: four digits", "2000 7 OK\r\n" },
	{ "wrong: ten digits", "200 1234567890 OK\r\n" },
	{ "wrong: id of a command is 0", "NTFY 0 a@b MGCP 1.0\r\n" },
	{ "wrong: no endpoint", "NTFY 7\r\n" },
	{ "wrong: no version", "NTFY 7 a@b\r\n" },
	{ "wrong: another version", "NTFY 7 a@b MGCP 2.0\r\n" },
	{ "wrong: SIP", "OPTIONS sip:a@b SIP/2.0\r\n\r\n" },
	{ "wrong: a broken line in a command", "NTFY 7 a@b MGCP 1.0\r\nnonsense\r\n" },
	{ "wrong: a carriage return alone", "NTFY 7 a@b MGCP 1.0\r\nO: 1\rX: 2\r\n" },
	{ "wrong, but the second one is good", "garbage\r\n.\r\n200 7 OK\r\n" },
	{ "only dots", ".\r\n.\r\n" },
};

static void test_parse(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(datagrams); i++) {
		const char *p = datagrams[i].text;
		size_t left = strlen(p), used;

		btw("%s", datagrams[i].what);
		while (left) {
			struct mgcp_msg msg;
			int rc = mgcp_msg_parse(&msg, p, left, &used);
			EXPECT(used > 0 && used <= left);
			if (rc == 0)
				print_msg(&msg);
			else
				printf("  %s; to be refused: %u\n", rc == -EINVAL ? "malformed" : "version",
				       msg.is_command ? msg.trans_id : 0);
			p += used;
			left -= used;
		}
	}
}

static bool text_eq(struct mgcp_text a, struct mgcp_text b)
{
	return !a.s == !b.s && a.len == b.len && (!a.len || !memcmp(a.s, b.s, a.len));
}

static void check_round_trip(const struct mgcp_msg *msg)
{
	char buf[MGCP_MAX_DATAGRAM];
	struct mgcp_msg again;
	size_t used;
	int i, len = mgcp_msg_encode(buf, sizeof(buf), msg);

	EXPECT(len > 0);
	EXPECT(mgcp_msg_parse(&again, buf, len, &used) == 0 && used == len);
	EXPECT(again.is_command == msg->is_command && again.verb == msg->verb && again.code == msg->code);
	EXPECT(again.trans_id == msg->trans_id);
	EXPECT(text_eq(again.endpoint, msg->endpoint) && text_eq(again.comment, msg->comment));
	for (i = 0; i < _NUM_MGCP_PARAMS; i++)
		EXPECT(text_eq(again.params[i], msg->params[i]));
	EXPECT(text_eq(again.body, msg->body));
	for (i = 0; i < len; i++)
		EXPECT(mgcp_msg_encode(buf, i, msg) == -ENOSPC);
}

static void test_round_trip(void)
{
	unsigned int i, n = 0;

	btw("what was read and is written again reads the same; a short buffer is noticed");
	for (i = 0; i < ARRAY_SIZE(datagrams); i++) {
		const char *p = datagrams[i].text;
		size_t left = strlen(p), used;
		for (; left; p += used, left -= used) {
			struct mgcp_msg msg;
			if (mgcp_msg_parse(&msg, p, left, &used) < 0 || (msg.is_command && !msg.verb))
				continue;
			check_round_trip(&msg);
			n++;
		}
	}
	printf("  %u messages\n", n);
}

/* Each datagram is given in a block of its own, so that the sanitizer sees a step beyond its end. */
static void test_truncated(void)
{
	unsigned int i;
	size_t n;

	btw("cut off after each byte, nothing is read beyond the end");
	for (i = 0; i < ARRAY_SIZE(datagrams); i++) {
		for (n = 0; n <= strlen(datagrams[i].text); n++) {
			char *block = malloc(n ? n : 1);
			size_t pos = 0, used;
			memcpy(block, datagrams[i].text, n);
			while (pos < n) {
				struct mgcp_msg msg;
				mgcp_msg_parse(&msg, block + pos, n - pos, &used);
				EXPECT(used > 0 && used <= n - pos);
				pos += used;
			}
			free(block);
		}
	}
}

static void test_hostile(void)
{
	static char big[MGCP_MAX_DATAGRAM];
	struct mgcp_msg msg;
	size_t used;
	int i;

	btw("a NUL anywhere is refused");
	EXPECT(mgcp_msg_parse(&msg, "200 1 OK\r\nI: 1\0002\r\n", 18, &used) == -EINVAL);

	btw("an endpoint name that is too long is refused");
	memset(big, 'a', sizeof(big));
	memcpy(big, "NTFY 1 ", 7);
	EXPECT(mgcp_msg_parse(&msg, big, sizeof(big), &used) == -EINVAL && msg.trans_id == 1);

	btw("thousands of unknown and of empty lines are only counted");
	memset(big, '\n', sizeof(big));
	for (i = 0; i + 3 < sizeof(big); i += 3)
		memcpy(big + i, "J:\n", 3);
	memcpy(big, "200 1 OK\n", 9);
	EXPECT(mgcp_msg_parse(&msg, big, sizeof(big), &used) == 0 && msg.n_unknown == UINT8_MAX);

	btw("what would break out of its line is not written");
	msg = (struct mgcp_msg){
		.is_command = true, .verb = MGCP_VERB_DLCX, .trans_id = 1, .endpoint = mgcp_text("a@b")
	};
	msg.params[MGCP_PARAM_C] = mgcp_text("1\r\nM: sendrecv");
	EXPECT(mgcp_msg_encode(big, sizeof(big), &msg) == -EINVAL);
	msg.params[MGCP_PARAM_C] = mgcp_text("1");
	EXPECT(mgcp_msg_encode(big, sizeof(big), &msg) > 0);
	msg.endpoint = mgcp_text("a@b MGCP 1.0");
	EXPECT(mgcp_msg_encode(big, sizeof(big), &msg) == -EINVAL);
	msg.endpoint = mgcp_text("");
	EXPECT(mgcp_msg_encode(big, sizeof(big), &msg) == -EINVAL);
	msg.endpoint = mgcp_text("a@b");
	msg.trans_id = 1000000000;
	EXPECT(mgcp_msg_encode(big, sizeof(big), &msg) == -EINVAL);
}

static void test_stats(void)
{
	static const char *const texts[] = {
		"PS=6, OS=183, PR=5, OR=225, PL=6, JI=291",
		"PS=6, OS=183, PR=5, OR=225, PL=-2147483648, JI=291",
		"PS=6, PL=-",
		"ps=1,os=2 , LA=3",
		"OS=99999999999",
		"X-foo=1, PR=7, PR",
		"PS=",
		"PS=-1",
		"",
		"P",
	};
	struct mgcp_stats s;
	unsigned int i;

	btw("connection parameters");
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		int rc = mgcp_stats_parse(&s, mgcp_text(texts[i]));
		printf("  '%s': ", texts[i]);
		if (rc < 0)
			printf("%s\n", rc == -ENOENT ? "none" : "wrong");
		else
			printf("sent %u/%u received %u/%u lost %u jitter %u latency %u\n", s.tx_packets, s.tx_octets,
			       s.rx_packets, s.rx_octets, s.lost, s.jitter, s.latency_ms);
	}
	EXPECT(mgcp_stats_parse(&s, (struct mgcp_text){}) == -ENOENT);
}

static void test_codes(void)
{
	static const char *const advice[] = { "fail", "again", "other", "lost" };
	static const uint16_t codes[] = { 400, 403, 409, 500, 501, 515, 527, 534, 540, 499, 599, 800, 999, 300 };
	unsigned int i, code;

	btw("return codes: what to do when new, when in use, cause");
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		const struct mgcp_code *c = mgcp_code_get(codes[i]);
		printf("  %u: %s, %s, %u, %s\n", codes[i], advice[c->on_new], advice[c->on_live], c->cause, c->text);
	}
	for (code = 0; code < 1100; code++) {
		const struct mgcp_code *c = mgcp_code_get(code);
		EXPECT(c && c->text && c->cause && (!c->code || c->code == code));
	}
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "mgcp_msg_test");

	story_init(ctx);
	test_parse();
	test_round_trip();
	test_truncated();
	test_hostile();
	test_stats();
	test_codes();
	btw("done");
	return 0;
}
