/* Digest arithmetic against the examples of the RFCs, bit by bit; challenges as they come. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/sip/sip_digest.h>
#include "story.h"

static const char *str(struct sip_str s)
{
	static char bufs[8][300];
	static unsigned int next;
	char *buf = bufs[next++ % 8];

	snprintf(buf, sizeof(bufs[0]), "%.*s", s.s ? (int)s.len : 1, s.s ?: "-");
	return buf;
}

/* Read the credentials as a server does, and compute what the response should have been. */
static void check(const char *what, const char *credentials, const char *password, const char *method)
{
	char ha1[SIP_DIGEST_HEX_LEN], response[SIP_DIGEST_HEX_LEN], user[64], again[1000];
	struct sip_str rest = sip_str_of(credentials);
	struct sip_digest d, d2;

	btw("%s", what);
	EXPECT(sip_digest_next(&rest, &d));
	snprintf(user, sizeof(user), "%s", str(d.username));
	EXPECT(sip_digest_ha1(ha1, d.alg, user, d.realm, password) == 0);
	EXPECT(sip_digest_response(response, &d, ha1, method) == 0);
	printf("  %s %s %s\n", get_value_string(sip_digest_alg_names, d.alg), response,
	       strcmp(response, str(d.response)) == 0 ? "as in the example" : "NOT as in the example");
	EXPECT(strcmp(response, str(d.response)) == 0);

	/* written by us it says the same */
	EXPECT(sip_digest_write(again, sizeof(again), &d) > 0);
	rest = sip_str_of(again);
	EXPECT(sip_digest_next(&rest, &d2));
	EXPECT(strcmp(str(d.nonce), str(d2.nonce)) == 0 && strcmp(str(d.uri), str(d2.uri)) == 0 &&
	       strcmp(str(d.response), str(d2.response)) == 0 && strcmp(str(d.nc), str(d2.nc)) == 0 &&
	       d.alg == d2.alg && d.qop_auth == d2.qop_auth);
	EXPECT(sip_digest_write(again, 40, &d) < 0);
}

static void test_examples(void)
{
	check("RFC 2617 3.5",
	      "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
	      "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, nc=00000001, "
	      "cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", "
	      "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
	      "Circle Of Life", "GET");
	check("RFC 7616 3.9.1, MD5",
	      "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=MD5, "
	      "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
	      "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, "
	      "response=\"8ca523f5e9506fed4657c9700eebdbec\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
	      "Circle of Life", "GET");
	check("RFC 7616 3.9.1, SHA-256",
	      "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "
	      "algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
	      "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, "
	      "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", "
	      "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
	      "Circle of Life", "GET");
}

/* Without example in an RFC: what the definition says, computed by its parts. */
static void test_other_forms(void)
{
	char ha1[SIP_DIGEST_HEX_LEN], sess[SIP_DIGEST_HEX_LEN], ha2[SIP_DIGEST_HEX_LEN], want[SIP_DIGEST_HEX_LEN];
	char got[SIP_DIGEST_HEX_LEN];
	struct sip_digest d = { .alg = SIP_DIGEST_MD5,
				.nonce = sip_str_of("n"),
				.uri = sip_str_of("sip:x"),
				.cnonce = sip_str_of("c"),
				.nc = sip_str_of("00000001") };
	const struct sip_str a2[] = { sip_str_of("REGISTER"), sip_str_of("sip:x") };

	btw("without qop (RFC 2069), and with -sess");
	EXPECT(sip_digest_ha1(ha1, SIP_DIGEST_MD5, "u", sip_str_of("r"), "p") == 0);
	EXPECT(sip_digest_hash(ha2, SIP_DIGEST_MD5, a2, 2) == 0);
	const struct sip_str plain[] = { sip_str_of(ha1), sip_str_of("n"), sip_str_of(ha2) };
	EXPECT(sip_digest_hash(want, SIP_DIGEST_MD5, plain, 3) == 0);
	EXPECT(sip_digest_response(got, &d, ha1, "REGISTER") == 0 && strcmp(got, want) == 0);
	const struct sip_str of_sess[] = { sip_str_of(ha1), sip_str_of("n"), sip_str_of("c") };
	EXPECT(sip_digest_hash(sess, SIP_DIGEST_MD5, of_sess, 3) == 0);
	const struct sip_str with_sess[] = { sip_str_of(sess), sip_str_of("n"), sip_str_of(ha2) };
	EXPECT(sip_digest_hash(want, SIP_DIGEST_MD5, with_sess, 3) == 0);
	d.sess = true;
	EXPECT(sip_digest_response(got, &d, ha1, "REGISTER") == 0 && strcmp(got, want) == 0);
	d.alg = SIP_DIGEST_UNKNOWN;
	EXPECT(sip_digest_response(got, &d, ha1, "REGISTER") < 0);
}

static const char *const challenges[] = {
	"Digest realm=\"a\", nonce=\"b\"",
	"Digest realm=\"a\",nonce=\"b\",algorithm=MD5,qop=\"auth,auth-int\",stale=TRUE",
	"  digest  REALM = \"a\" , Nonce = \"b\" , ALGORITHM = sha-256 , qop = auth",
	"Digest realm=\"a\", nonce=\"b\", algorithm=\"SHA-512-256\", opaque=\"\"",
	"Digest realm=\"a\", nonce=\"b\", algorithm=MD5-sess, qop=\"auth\"",
	"Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"",
	"Digest realm=\"a\", nonce=\"b\", algorithm=AKAv1-MD5",
	"Digest realm=\"q\\\"uo,ted\", nonce=\"b=,c\"",
	"Digest realm=a, nonce=b, realm=c",
	"Digest realm=\"a\"",
	"Digest nonce=\"b\"",
	"Digest realm=\"a\", nonce=\"\"",
	"Digest",
	"Basic realm=\"x\", Digest realm=\"a\", nonce=\"b\", Digest realm=\"c\", nonce=\"d\", algorithm=SHA-256",
	"Negotiate YII+/w==, Digest realm=\"a\", nonce=\"b\"",
	"NTLM, Digest realm=\"a\", nonce=\"b\",",
	"Digest realm=\"a\", nonce=\"b\", Bearer",
	",,Digest realm=\"a\",, nonce=\"b\",,,",
	"Digest realm=\"unterminated, nonce=\"b\"",
	"Digest realm=\"ends in a backslash\\",
	"Digest realm=\"a\", =\"b\"",
	"Digest realm=\"a\", nonce=\"b\" ; x",
	"Digest realm=",
	"Digest realm=\"a\", nonce=b\\",
	"Digest realm=\"a\", nonce=\"b\r\n c\"",
	"Digest realm=\"a\", nonce=\"b\\\nc\"",
	"\"Digest\" realm=\"a\"",
	"",
};

/* With a dot for what would break the line. */
static void tell(const char *text)
{
	printf("  ");
	for (; *text; text++)
		putchar(*text < ' ' ? '.' : *text);
	printf("\n");
}

static void test_challenges(void)
{
	unsigned int i;

	btw("challenges as they come");
	for (i = 0; i < ARRAY_SIZE(challenges); i++) {
		struct sip_str rest = sip_str_of(challenges[i]);
		struct sip_digest d;
		tell(challenges[i]);
		while (sip_digest_next(&rest, &d))
			printf("    %s realm=%s nonce=%s%s%s%s%s%s\n", sip_digest_usable(&d) ? "ok" : "no use",
			       str(d.realm), str(d.nonce), d.opaque.s ? " opaque" : "",
			       d.alg ? " " : " unknown algorithm ",
			       d.alg ? get_value_string(sip_digest_alg_names, d.alg) : str(d.algorithm),
			       d.sess ? "-sess" : "", d.qop_auth ? " auth" : "");
	}
}

static void test_truncated(void)
{
	const char *text =
		"Basic realm=\"x\", Digest realm=\"a\\\"\", nonce=\"b\", algorithm=SHA-256, qop=\"auth,x\", stale=true";
	struct sip_digest d;
	struct sip_str rest;
	size_t len;
	char *copy;

	btw("cut at each byte it is still read within its bounds");
	for (len = 0; len <= strlen(text); len++) {
		copy = malloc(len ?: 1);
		memcpy(copy, text, len);
		rest = (struct sip_str){ copy, len };
		while (sip_digest_next(&rest, &d))
			;
		rest = (struct sip_str){ copy, len };
		sip_digest_params(rest, &d);
		free(copy);
	}
}

static void test_info(void)
{
	struct sip_digest d;

	btw("Authentication-Info");
	EXPECT(sip_digest_params(sip_str_of("nextnonce=\"n2\", qop=auth, rspauth=\"abc\", cnonce=\"c\", nc=00000001"),
				 &d));
	printf("  nextnonce %s\n", str(d.nextnonce));
	EXPECT(!sip_digest_params(sip_str_of("nextnonce=\"n2"), &d));
	EXPECT(!sip_digest_params(sip_str_of("Digest nextnonce=\"n2\""), &d));
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "sip_digest_test");

	story_init(ctx);
	test_examples();
	test_other_forms();
	test_challenges();
	test_truncated();
	test_info();
	return 0;
}
