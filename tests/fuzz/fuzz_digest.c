/* Fuzz target: digest challenges and credentials. The text alone; and as header of a 401 that our client answers,
 * several times, until it gives up: what it writes has to be a header that can be read again and says the same. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <osmocom/core/application.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/ua/sip_credentials.h>

#include "ua/sip_auth.h"
#include <osmocom/sipgw/sip/sip_digest.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *ctx;
static struct sip_ua *ua;
static struct sip_peer *peer;

static void init(void)
{
	static const struct sip_ua_ops ops;

	ctx = talloc_named_const(NULL, 0, "fuzz_digest");
	osmo_init_logging2(ctx, &sipgw_log_info);
	log_set_all_filter(osmo_stderr_target, 0);
	log_set_log_level(osmo_stderr_target, LOGL_FATAL);
	timers_init();
	ua = sip_ua_alloc(ctx, &ops);
	peer = sip_peer_alloc(ua, "p");
}

static bool equal(struct sip_str a, struct sip_str b)
{
	return a.len == b.len && !a.s == !b.s && (!a.len || memcmp(a.s, b.s, a.len) == 0);
}

/* All pieces lie in the text. */
static void check_inside(struct sip_str piece, struct sip_str text)
{
	if (piece.s && (piece.s < text.s || piece.s + piece.len > text.s + text.len))
		abort();
}

static void check_written(struct sip_digest *d)
{
	static char buf[3 * 65536];
	char ha1[SIP_DIGEST_HEX_LEN], response[SIP_DIGEST_HEX_LEN];
	struct sip_digest again;
	struct sip_str rest;

	d->username = sip_str_of("u");
	d->cnonce = sip_str_of("c");
	d->nc = sip_str_of("00000001");
	d->uri = sip_str_of("sip:x");
	if (!sip_digest_usable(d) || sip_digest_ha1(ha1, d->alg, "u", d->realm, "p") < 0)
		return;
	if (sip_digest_response(response, d, ha1, "INVITE") < 0)
		abort();
	d->response = sip_str_of(response);
	if (sip_digest_write(buf, sizeof(buf), d) < 0)
		abort();
	rest = sip_str_of(buf);
	if (!sip_digest_next(&rest, &again) || !equal(again.realm, d->realm) || !equal(again.nonce, d->nonce) ||
	    again.alg != d->alg || !equal(again.response, d->response) || again.qop_auth != d->qop_auth)
		abort();
}

static void read_text(struct sip_str text)
{
	struct sip_str rest = text;
	struct sip_digest d;
	size_t before;

	for (before = rest.len; sip_digest_next(&rest, &d); before = rest.len) {
		if (rest.len >= before)
			abort();
		check_inside(d.realm, text);
		check_inside(d.nonce, text);
		check_inside(d.opaque, text);
		check_inside(d.uri, text);
		check_written(&d);
	}
	sip_digest_params(text, &d);
}

/* Each try has its end. */
static void answer(const struct sip_msg *resp)
{
	static const struct sip_auth_for what = { .method = "INVITE", .uri = "sip:1@x" };
	struct sip_auth_try t = {};
	static char lines[8192];
	struct sip_auth *auth;
	unsigned int n;

	sip_credentials_set(peer, "u", "p");
	sip_credentials_set_ha1(peer, "u", SIP_DIGEST_MD5, "r", "0123456789abcdef0123456789abcdef");
	auth = sip_auth_of_peer(peer);
	for (n = 0; sip_auth_challenged(auth, &t, resp) == 0; n++) {
		if (n > 3)
			abort();
		sip_auth_lines(auth, &t, &what, lines, sizeof(lines));
	}
	sip_auth_accepted(auth, &t, resp);
	sip_auth_lines(auth, &t, &what, lines, sizeof(lines));
	if (strlen(lines) >= 2 && strcmp(lines + strlen(lines) - 2, "\r\n") != 0)
		abort();
	sip_credentials_free_all(peer);
}

static void as_header(const uint8_t *data, size_t size)
{
	static const char head[] =
		"SIP/2.0 401 U\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
		"To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nWWW-Authenticate: ";
	static const char tail[] = "\r\nContent-Length: 0\r\n\r\n";
	static uint8_t buf[9000];
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;
	size_t len = 0;

	if (size > 8000)
		return;
	memcpy(buf, head, strlen(head));
	len = strlen(head);
	memcpy(buf + len, data, size);
	len += size;
	memcpy(buf + len, tail, strlen(tail));
	len += strlen(tail);
	if (sip_msg_parse(ctx, &msg, &reject, buf, len, false) == SIP_PARSE_OK) {
		if (!msg->is_request)
			answer(msg);
		sip_msg_free(msg);
	}
	talloc_free(reject.response_head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;

	if (!ctx)
		init();
	copy = malloc(size ?: 1);
	memcpy(copy, data, size);
	read_text((struct sip_str){ copy, size });
	free(copy);
	as_header(data, size);
	return 0;
}
