/* Challenges that we answer: calls, requests in calls, several realms, the end of a row of them. Challenges that we
 * make: what is let in, and that nothing is let in twice. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdarg.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/sipgw/ua/sip_credentials.h>

#include "session_story.h"
#include <osmocom/sipgw/sip/sip_digest.h>

#define USER	 "trunk"
#define PASSWORD "s3cret"
#define MD5_R1	 "Digest realm=\"r1\", nonce=\"n1\", algorithm=MD5, qop=\"auth\", opaque=\"o1\""

static const char *str(struct sip_str s)
{
	static char bufs[8][300];
	static unsigned int next;
	char *buf = bufs[next++ % 8];

	snprintf(buf, sizeof(bufs[0]), "%.*s", s.s ? (int)s.len : 1, s.s ?: "-");
	return buf;
}

static __attribute__((format(printf, 1, 2))) void say(const char *fmt, ...)
{
	char text[4000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fake_sip_send(stage.pbx, text);
}

/* Check credentials in what the PBX got last, and tell them. */
static void pbx_checks(const char *header, const char *password)
{
	const char *value = fake_sip_header(stage.pbx, header);
	char ha1[SIP_DIGEST_HEX_LEN], response[SIP_DIGEST_HEX_LEN], method[32];
	struct sip_digest d;
	struct sip_str rest;

	if (!value) {
		printf("    no %s\n", header);
		return;
	}
	rest = sip_str_of(value);
	EXPECT(sip_digest_next(&rest, &d));
	snprintf(method, sizeof(method), "%.*s", (int)strcspn(stage.pbx->msg, " "), stage.pbx->msg);
	EXPECT(sip_digest_ha1(ha1, d.alg, USER, d.realm, password) == 0);
	EXPECT(sip_digest_response(response, &d, ha1, method) == 0);
	printf("    %s: user %s realm %s nonce %s %s nc %s%s%s: %s; CSeq %s\n", header, str(d.username), str(d.realm),
	       str(d.nonce), get_value_string(sip_digest_alg_names, d.alg), str(d.nc), d.opaque.s ? " opaque " : "",
	       d.opaque.s ? str(d.opaque) : "", strcmp(response, str(d.response)) == 0 ? "right" : "wrong",
	       fake_sip_header(stage.pbx, "CSeq"));
}

static void pbx_challenges(uint16_t status, const char *challenge)
{
	char lines[1000];

	snprintf(lines, sizeof(lines), "%s: %s\r\n", status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate",
		 challenge);
	fake_sip_reply(stage.pbx, NULL, status, "chal", lines, NULL);
}

static void forget_credentials(void)
{
	sip_credentials_free_all(stage.peer);
	EXPECT(sip_credentials_set(stage.peer, USER, PASSWORD) == 0);
}

static void end_and_forget(void)
{
	end_of_story();
	forget_credentials();
}

static void user_hangs_up(const char *header)
{
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "BYE");
	pbx_checks(header, PASSWORD);
}

static void test_call(void)
{
	char body[2000], call_id[200], branch[200], credentials[2000];

	btw("a call is challenged by a proxy, the second INVITE has the answer: same body and Call-ID, new branch, CSeq 2");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_checks("Proxy-Authorization", PASSWORD);
	snprintf(body, sizeof(body), "%s", fake_sip_body(stage.pbx));
	snprintf(call_id, sizeof(call_id), "%s", fake_sip_header(stage.pbx, "Call-ID"));
	snprintf(branch, sizeof(branch), "%s", fake_sip_header(stage.pbx, "Via"));
	pbx_challenges(407, MD5_R1);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "1 ACK") == 0);
	EXPECT(strcmp(branch, fake_sip_header(stage.pbx, "Via")) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_checks("Proxy-Authorization", PASSWORD);
	EXPECT(strcmp(body, fake_sip_body(stage.pbx)) == 0);
	EXPECT(strcmp(call_id, fake_sip_header(stage.pbx, "Call-ID")) == 0);
	EXPECT(strcmp(branch, fake_sip_header(stage.pbx, "Via")) != 0);
	EXPECT(fake_sip_n_headers(stage.pbx, "Proxy-Authorization") == 1);
	snprintf(credentials, sizeof(credentials), "%s", fake_sip_header(stage.pbx, "Proxy-Authorization"));
	fake_call_in(&call, stage.pbx, "pbxtag");
	fake_call_reply(&call, 180, NULL, NULL);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "2 ACK") == 0);
	btw("the ACK has the credentials of the INVITE, since nobody can challenge it; so has its repetition, as long as there are any");
	snprintf(body, sizeof(body), "%s", fake_sip_header(stage.pbx, "Proxy-Authorization") ?: "none");
	EXPECT(strcmp(credentials, body) == 0);
	fake_call_reply(&call, 200, NULL, PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(strcmp(body, fake_sip_header(stage.pbx, "Proxy-Authorization")) == 0);
	btw("a BYE is challenged with a new nonce, because the old one is stale");
	user_hangs_up("Proxy-Authorization");
	pbx_challenges(407, "Digest realm=\"r1\", nonce=\"n2\", algorithm=MD5, qop=\"auth\", stale=true");
	fake_sip_expect(stage.pbx, "BYE");
	pbx_checks("Proxy-Authorization", PASSWORD);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_sip_expect_nothing(stage.pbx);
	end_of_story();

	btw("the next call has its credentials from the beginning, with the count going on");
	user_calls("4712");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_checks("Proxy-Authorization", PASSWORD);
	fake_call_in(&call, stage.pbx, "pbxtag");
	fake_call_reply(&call, 200, "Proxy-Authentication-Info: nextnonce=\"n3\"\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	btw("the next nonce is used from the next request on; a re-INVITE and an INFO have credentials, too");
	EXPECT(sip_session_reinvite(stage.s, PHONE_SDP) == 0);
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_checks("Proxy-Authorization", PASSWORD);
	pbx_challenges(407, "Digest realm=\"r1\", nonce=\"n4\", algorithm=MD5, qop=\"auth\", stale=true");
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_checks("Proxy-Authorization", PASSWORD);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, "Contact: <sip:127.0.52.2>\r\n", PBX_SDP);
	fake_sip_expect(stage.pbx, "ACK");
	EXPECT(sip_session_info_send(stage.s, "application/dtmf-relay", "Signal=1\r\n") == 0);
	fake_sip_expect(stage.pbx, "INFO");
	pbx_checks("Proxy-Authorization", PASSWORD);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	user_hangs_up("Proxy-Authorization");
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	pump();
	end_and_forget();
}

static void test_choice(void)
{
	btw("several challenges in one line: the strongest that is known is answered, the first of equals");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_challenges(401, "Basic realm=\"r\", Digest realm=\"r\", nonce=\"md5\", Digest realm=\"r\", nonce=\"sha\", "
			    "algorithm=SHA-256, qop=\"auth,auth-int\", Digest realm=\"r\", nonce=\"sha2\", "
			    "algorithm=SHA-256, Digest realm=\"r\", nonce=\"x\", algorithm=SHA-999");
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_checks("Authorization", PASSWORD);
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_and_forget();

	btw("in several lines; without qop");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	fake_sip_reply(stage.pbx, NULL, 401, "t",
		       "WWW-Authenticate: Digest realm=\"r\", nonce=\"a\", algorithm=AKAv1-MD5\r\n"
		       "WWW-Authenticate: Digest realm=\"r\", nonce=\"b\"\r\n",
		       NULL);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_checks("Authorization", PASSWORD);
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_and_forget();

	btw("only HA1 is known, for MD5: the SHA-256 challenge is left alone");
	sip_credentials_free_all(stage.peer);
	EXPECT(sip_credentials_set_ha1(stage.peer, USER, SIP_DIGEST_MD5, "r", "2a39aeefc715390c687baa9664cfdcae") == 0);
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_challenges(401, "Digest realm=\"r\", nonce=\"sha\", algorithm=SHA-256, Digest realm=\"r\", nonce=\"md5\"");
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_checks("Authorization", PASSWORD);
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_and_forget();
}

static void test_two_realms(void)
{
	btw("a proxy asks, then the callee behind it: the last INVITE has an answer for both");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_challenges(407, MD5_R1);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_challenges(401, "Digest realm=\"r2\", nonce=\"m\", qop=\"auth\"");
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_checks("Proxy-Authorization", PASSWORD);
	pbx_checks("Authorization", PASSWORD);
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_and_forget();
}

static void test_refused(void)
{
	unsigned int n;

	btw("the password is wrong: the same realm asks again, and it ends at once with one line");
	log_lines();
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_challenges(401, MD5_R1);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_challenges(401, "Digest realm=\"r1\", nonce=\"n2\", algorithm=MD5, qop=\"auth\"");
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect_nothing(stage.pbx);
	EXPECT(log_lines() == 1);
	EXPECT(stage.peer->ctrs->ctr[SIP_PEER_CTR_AUTH_REFUSED].current == 1);
	end_and_forget();

	btw("challenged again and again, always stale: that has an end, too");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	for (n = 0; stage.s; n++) {
		char challenge[100];
		snprintf(challenge, sizeof(challenge), "Digest realm=\"r1\", nonce=\"n%u\", stale=true", n);
		pbx_challenges(401, challenge);
		fake_sip_expect(stage.pbx, "ACK");
		if (stage.s)
			fake_sip_expect(stage.pbx, "INVITE");
	}
	printf("  after %u challenges\n", n);
	end_and_forget();

	btw("10,000 challenges in a row, each of another realm");
	stage.pbx->quiet = true;
	user_calls("4711");
	EXPECT(fake_sip_receive(stage.pbx));
	for (n = 0; n < 10000; n++) {
		char challenge[100];
		snprintf(challenge, sizeof(challenge), "Digest realm=\"r%u\", nonce=\"n%u\"", n, n);
		pbx_challenges(401, challenge);
		while (fake_sip_receive(stage.pbx))
			;
	}
	stage.pbx->quiet = false;
	EXPECT(!stage.s);
	end_and_forget();

	btw("challenges of more realms than are remembered, in one response");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	{
		static char many[480];
		size_t len = snprintf(many, sizeof(many), "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"");
		while (len < sizeof(many) - 60)
			len += snprintf(many + len, sizeof(many) - len, ",Digest realm=\"%zu\",nonce=\"n\"", len);
		snprintf(many + len, sizeof(many) - len, "\r\n");
		fake_sip_reply(stage.pbx, NULL, 401, "t", many, NULL);
	}
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	EXPECT(fake_sip_n_headers(stage.pbx, "Authorization") == 8);
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_and_forget();

	btw("nothing in the challenge that we know; and none at all");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_challenges(401, "Basic realm=\"x\"");
	fake_sip_expect(stage.pbx, "ACK");
	end_and_forget();
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	fake_sip_reply(stage.pbx, NULL, 407, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	end_and_forget();

	btw("no credentials for this peer: the status reaches the user");
	sip_credentials_free_all(stage.peer);
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_challenges(401, MD5_R1);
	fake_sip_expect(stage.pbx, "ACK");
	end_and_forget();
}

static void test_gone(void)
{
	btw("cancelled before the challenge comes: no further try");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	user_ends(0, 16, NULL);
	pbx_challenges(407, MD5_R1);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect_nothing(stage.pbx);
	end_and_forget();

	btw("cancelled while the second INVITE is under way");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	pbx_challenges(407, MD5_R1);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect(stage.pbx, "INVITE");
	fake_call_in(&call, stage.pbx, "pbxtag");
	fake_call_reply(&call, 180, NULL, NULL);
	user_ends(0, 16, NULL);
	fake_sip_expect(stage.pbx, "CANCEL");
	EXPECT(strcmp(fake_sip_header(stage.pbx, "CSeq"), "2 CANCEL") == 0);
	fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
	fake_call_reply(&call, 487, NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect_nothing(stage.pbx);
	end_and_forget();

	btw("the credentials are removed while a challenge is on its way");
	user_calls("4711");
	fake_sip_expect(stage.pbx, "INVITE");
	sip_credentials_free_all(stage.peer);
	pbx_challenges(407, MD5_R1);
	fake_sip_expect(stage.pbx, "ACK");
	fake_sip_expect_nothing(stage.pbx);
	end_and_forget();
}

/* ---- we challenge ---- */

/*! An INVITE of the PBX with credentials by \a challenge (NULL: without). */
static void pbx_calls(const char *id, const char *challenge, const char *password, const char *nc, const char *extra)
{
	char line[1500] = "", ha1[SIP_DIGEST_HEX_LEN], response[SIP_DIGEST_HEX_LEN], value[1200];
	struct sip_digest d;
	struct sip_str rest;

	if (challenge) {
		rest = sip_str_of(challenge);
		EXPECT(sip_digest_next(&rest, &d));
		EXPECT(sip_digest_ha1(ha1, d.alg, USER, d.realm, password) == 0);
		d.username = sip_str_of(USER);
		d.uri = sip_str_of("sip:1@127.0.52.1");
		d.cnonce = sip_str_of("cc");
		d.nc = sip_str_of(nc);
		EXPECT(sip_digest_response(response, &d, ha1, "INVITE") == 0);
		d.response = sip_str_of(response);
		EXPECT(sip_digest_write(value, sizeof(value), &d) > 0);
		snprintf(line, sizeof(line), "Authorization: %s\r\n%s", value, extra ?: "");
	}
	say("INVITE sip:1@127.0.52.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.52.2:5060;branch=z9hG4bK%s\r\n"
	    "From: <sip:2@127.0.52.2>;tag=f%s\r\nTo: <sip:1@127.0.52.1>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n"
	    "Contact: <sip:127.0.52.2>\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
	    id, id, id, line);
}

static void pbx_acks(const char *id)
{
	say("ACK sip:1@127.0.52.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.52.2:5060;branch=z9hG4bK%s\r\n"
	    "From: <sip:2@127.0.52.2>;tag=f%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 ACK\r\n"
	    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
	    id, id, fake_sip_header(stage.pbx, "To"), id);
	pump();
}

static void let_in(const char *id)
{
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_sip_expect(stage.pbx, "404 INVITE");
	pbx_acks(id);
}

static void test_we_challenge(void)
{
	char sha[500], md5[500], id[20], nc[9];
	unsigned int i;

	btw("their call is challenged, with SHA-256 first and MD5 for those who know no other");
	stage.refuse_incoming = true;
	stage.peer->cfg.challenge = true;
	pbx_calls("a1", NULL, NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "401 INVITE");
	EXPECT(fake_sip_n_headers(stage.pbx, "WWW-Authenticate") == 2);
	snprintf(sha, sizeof(sha), "%s", fake_sip_header(stage.pbx, "WWW-Authenticate"));
	snprintf(md5, sizeof(md5), "%s",
		 strstr(strstr(stage.pbx->msg, "WWW-Authenticate") + 1, "WWW-Authenticate: ") + 18);
	md5[strcspn(md5, "\r")] = '\0';
	EXPECT(strstr(sha, "SHA-256") && strstr(md5, "MD5"));
	pbx_acks("a1");

	btw("either answer lets it in");
	pbx_calls("a2", sha, PASSWORD, "00000001", NULL);
	let_in("a2");
	pbx_calls("a3", md5, PASSWORD, "00000001", NULL);
	let_in("a3");
	btw("the same again does not: stale, with a new nonce; nor does a count of before");
	pbx_calls("a4", sha, PASSWORD, "00000001", NULL);
	fake_sip_expect(stage.pbx, "401 INVITE");
	EXPECT(strstr(fake_sip_header(stage.pbx, "WWW-Authenticate"), "stale=true"));
	pbx_acks("a4");
	EXPECT(stage.peer->ctrs->ctr[SIP_PEER_CTR_AUTH_STALE].current == 1);
	pbx_calls("a5", sha, PASSWORD, "00000005", NULL);
	let_in("a5");
	pbx_calls("a6", sha, PASSWORD, "00000003", NULL); /* overtaken */
	let_in("a6");
	pbx_calls("a7", sha, PASSWORD, "00000003", NULL);
	fake_sip_expect(stage.pbx, "401 INVITE");
	pbx_acks("a7");

	btw("a wrong password is refused, logged once and counted");
	log_lines();
	for (i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "w%u", i);
		pbx_calls(id, sha, "wrong", "00000008", NULL);
		fake_sip_expect(stage.pbx, "403 INVITE");
		pbx_acks(id);
	}
	EXPECT(log_lines() == 1);
	EXPECT(stage.peer->ctrs->ctr[SIP_PEER_CTR_AUTH_FAILED].current == 3);

	btw("a nonce that we have not made is as good as an old one");
	pbx_calls(
		"b1",
		"Digest realm=\"osmo-sipgw\", nonce=\"000000000000000000000000000000000000000000000000000000000000\", "
		"algorithm=MD5, qop=\"auth\"",
		PASSWORD, "00000001", NULL);
	fake_sip_expect(stage.pbx, "401 INVITE");
	EXPECT(strstr(fake_sip_header(stage.pbx, "WWW-Authenticate"), "stale=true"));
	pbx_acks("b1");
	btw("a nonce has its time");
	pass_ms(61000);
	fake_sip_drain(stage.pbx);
	pbx_calls("b2", md5, PASSWORD, "00000002", NULL);
	fake_sip_expect(stage.pbx, "401 INVITE");
	pbx_acks("b2");

	btw("5000 nonces are used: the first one stays used up");
	pbx_calls("c0", NULL, NULL, NULL, NULL);
	fake_sip_expect(stage.pbx, "401 INVITE");
	snprintf(sha, sizeof(sha), "%s", fake_sip_header(stage.pbx, "WWW-Authenticate"));
	pbx_acks("c0");
	pbx_calls("c1", sha, PASSWORD, "00000001", NULL);
	let_in("c1");
	stage.pbx->quiet = stage.silent = true;
	for (i = 0; i < 5000; i++) {
		snprintf(id, sizeof(id), "d%u", i);
		pbx_calls(id, NULL, NULL, NULL, NULL);
		fake_sip_expect(stage.pbx, "401 INVITE");
		snprintf(md5, sizeof(md5), "%s", fake_sip_header(stage.pbx, "WWW-Authenticate"));
		pbx_acks(id);
		pass_ms(1);
		snprintf(id, sizeof(id), "e%u", i);
		pbx_calls(id, md5, PASSWORD, "00000001", NULL);
		let_in(id);
	}
	stage.pbx->quiet = stage.silent = false;
	pbx_calls("c2", sha, PASSWORD, "00000001", NULL);
	fake_sip_expect(stage.pbx, "401 INVITE");
	pbx_acks("c2");

	btw("a count may run ahead, and one that is far behind is not taken");
	for (i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		snprintf(nc, sizeof(nc), "%08x", i == 0 ? 0x100 : i == 1 ? 0x100 - 63 : 0x100 - 64);
		pbx_calls(id, md5, PASSWORD, nc, NULL);
		if (i < 2)
			let_in(id);
		else
			fake_sip_expect(stage.pbx, "401 INVITE");
	}
	pbx_acks("f2");
	btw("OPTIONS is answered as ever");
	fake_sip_send(stage.pbx,
		      "OPTIONS sip:127.0.52.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.52.2:5060;branch=z9hG4bKopt\r\n"
		      "From: <sip:2@127.0.52.2>;tag=o\r\nTo: <sip:127.0.52.1>\r\nCall-ID: opt\r\nCSeq: 1 OPTIONS\r\n"
		      "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n");
	fake_sip_expect(stage.pbx, "200 OPTIONS");
	stage.peer->cfg.challenge = false;
	stage_idle();
}

int main(void)
{
	stage_set("sip_auth_test", "127.0.52");
	forget_credentials();
	test_call();
	test_choice();
	test_two_realms();
	test_refused();
	forget_credentials();
	test_gone();
	test_we_challenge();
	stage_clear();
	return 0;
}
