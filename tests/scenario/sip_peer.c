/* The PBX in words. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "fake_sip.h"
#include "fake_time.h"
#include "sip_peer.h"
#include "story.h"
#include "tell.h"

static struct {
	struct fake_sip *sip;
	struct fake_call call, other;
	char seen[1024][96]; /* what was heard already, to leave out repetitions */
	unsigned int n_seen;
	bool silent;
	unsigned int info_status;
} peer;

void sip_peer_start(void *ctx, const char *addr, const char *ua_addr)
{
	memset(&peer, 0, sizeof(peer));
	peer.info_status = 200;
	peer.sip = fake_sip_open(ctx, "pbx", addr, 5060, ua_addr, 5060);
	peer.sip->quiet = true;
}

void sip_peer_stop(void)
{
	fake_call_free(&peer.call);
	fake_call_free(&peer.other);
	fake_sip_close(peer.sip);
}

void sip_peer_is_hasty(bool hasty)
{
	peer.sip->hasty = hasty;
}

void sip_peer_other_call(void)
{
	struct fake_call call = peer.call;

	peer.call = peer.other;
	peer.other = call;
	tell("    (the other call)\n");
}

void sip_peer_answers_info(unsigned int status)
{
	peer.info_status = status;
}

void sip_peer_is_silent(bool silent)
{
	peer.silent = silent;
}

/* "INVITE" or "180" */
static const char *what_is(const char *msg)
{
	static char what[16];

	sscanf(strncmp(msg, "SIP/2.0 ", 8) ? msg : msg + 8, "%15s", what);
	return what;
}

static const char *header(const char *name)
{
	const char *value = fake_sip_header(peer.sip, name);
	return value ? value : "";
}

static bool seen_before(void)
{
	char key[96];
	unsigned int i;

	snprintf(key, sizeof(key), "%.10s|%.20s|%.60s", what_is(peer.sip->msg), header("CSeq"), header("Call-ID"));
	for (i = 0; i < peer.n_seen; i++) {
		if (!strcmp(peer.seen[i], key))
			return true;
	}
	EXPECT(peer.n_seen < ARRAY_SIZE(peer.seen));
	OSMO_STRLCPY_ARRAY(peer.seen[peer.n_seen++], key);
	return false;
}

/* the next message that was not there before */
static bool receive(void)
{
	while (fake_sip_receive(peer.sip)) {
		if (!seen_before())
			return true;
	}
	return false;
}

/* ---- what it says ---- */

static void print_sdp(const char *sdp)
{
	static const char *const dirs[] = { "sendrecv", "sendonly", "recvonly", "inactive" };
	char addr[64] = "", formats[64] = "", key[16];
	unsigned int i, port = 0, version = 0;
	const char *p;

	if (strncmp(sdp, "v=0", 3))
		return;
	sscanf(sdp, "v=0\r\no=%*s %*s %u", &version);
	if ((p = strstr(sdp, "\r\nc=IN IP")))
		sscanf(p, "\r\nc=IN IP%*c %63s", addr);
	if ((p = strstr(sdp, "\r\nm=audio ")))
		sscanf(p, "\r\nm=audio %u RTP/AVP %63[^\r]", &port, formats);
	tell(strchr(addr, ':') ? " SDP v%u [%s]:%u pt %s" : " SDP v%u %s:%u pt %s", version, addr, port, formats);
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(key, sizeof(key), "\r\na=%s", dirs[i]);
		if (strstr(sdp, key))
			tell(" %s", dirs[i]);
	}
}

static void begin_call(const struct sip_words *w)
{
	struct fake_call *c = &peer.call;

	fake_call_free(c);
	fake_call_init(c, peer.sip, w->to);
	if (!strcmp(w->from, "anonymous"))
		snprintf(c->local, sizeof(c->local), "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=%s", c->tag);
	else
		snprintf(c->local, sizeof(c->local), "<sip:%s@%s>;tag=%s", w->from, peer.sip->addr, c->tag);
}

static void say_request(const char *method, const struct sip_words *w, const char *extra)
{
	struct fake_call *c = &peer.call;

	if (!strcmp(method, "INVITE"))
		fake_call_invite(c, extra, w->sdp);
	else if (!strcmp(method, "ACK") && atoi(what_is(peer.sip->msg)) >= 300)
		fake_call_ack_failure(c);
	else if (!strcmp(method, "ACK"))
		fake_call_ack(c, w->sdp);
	else if (!strcmp(method, "CANCEL"))
		fake_call_cancel(c, extra);
	else
		fake_call_request(c, method, extra, w->type, w->body);
}

void sip_peer_say(const char *what, const struct sip_words *w)
{
	char extra[512] = "";

	if (!peer.sip->hasty)
		pump();
	if (w->to)
		begin_call(w);
	if (w->reason)
		snprintf(extra, sizeof(extra), "Reason: %s\r\n", w->reason);
	if (w->headers)
		osmo_strlcpy(extra + strlen(extra), w->headers, sizeof(extra) - strlen(extra));
	tell("    SIP > %s", what);
	if (w->to)
		tell(" to %s from %s", w->to, w->from);
	if (w->sdp)
		print_sdp(w->sdp);
	tell("%s%s\n", w->reason ? " " : "", w->reason ? w->reason : "");
	if (!strncmp(what, "INFO ", 5)) /* the response to one that was left waiting, or to what came last */
		fake_sip_reply(peer.sip, NULL, atoi(what + 5), "pbx", NULL, NULL);
	else if (isdigit((unsigned char)*what))
		fake_call_reply(&peer.call, atoi(what), extra, w->sdp);
	else
		say_request(what, w, extra);
	if (!peer.sip->hasty)
		pump();
}

/* ---- what it hears ---- */

/* <sip:1001@127.0.0.1:5060>: what stands before the "@" */
static void print_user(const char *name, const char *value)
{
	const char *p = strstr(value, "sip:");

	if (p)
		tell(" %s %.*s", name, (int)strcspn(p + 4, "@>;"), p + 4);
}

static void print_body(const char *type, const char *body)
{
	tell(" %s: ", type);
	for (; *body; body++) {
		if (*body != '\r')
			tell("%c", *body == '\n' ? ' ' : *body);
	}
}

static void print_heard(const char *what)
{
	const char *reason = header("Reason"), *warning = strchr(header("Warning"), '"');

	tell("    SIP < %s", what);
	if (!strcmp(what, "INVITE")) {
		print_user("to", header("To"));
		print_user("from", header("From"));
	}
	print_sdp(fake_sip_body(peer.sip));
	if (!strcmp(what, "INFO"))
		print_body(header("Content-Type"), fake_sip_body(peer.sip));
	tell("%s%s%s%s\n", *reason ? " Reason " : "", reason, warning ? " Warning " : "", warning ? warning : "");
}

static void behave(const char *what)
{
	struct fake_call *c = &peer.call;

	if (peer.silent)
		return;
	if (!strcmp(what, "INFO")) {
		if (peer.info_status)
			fake_sip_reply(peer.sip, NULL, peer.info_status, "pbx", NULL, NULL);
	} else if (!strcmp(what, "BYE") || !strcmp(what, "CANCEL")) {
		fake_sip_reply(peer.sip, NULL, 200, "pbx", NULL, NULL);
	} else if (!strcmp(what, "INVITE") && !strstr(header("To"), ";tag=")) {
		fake_call_free(c);
		fake_call_in(c, peer.sip, "pbx");
	} else if (!strcmp(what, "INVITE")) { /* in the dialog */
		talloc_free(c->invite);
		c->invite = talloc_strdup(peer.sip, peer.sip->msg);
	} else if (isdigit((unsigned char)*what) && strstr(header("CSeq"), "INVITE") && strstr(header("To"), ";tag=") &&
		   atoi(what) < 300) {
		fake_call_take(c);
	}
}

void sip_peer_expects(const char *what)
{
	const char *got = receive() ? what_is(peer.sip->msg) : "nothing";

	if (strcmp(got, "nothing"))
		print_heard(got);
	if (strcmp(got, what))
		printf("    SIP < %s, but %s was expected\n", got, what);
	EXPECT(!strcmp(got, what));
	behave(what);
	pump();
}

void sip_peer_hears(void)
{
	while (receive()) {
		char what[16];

		OSMO_STRLCPY_ARRAY(what, what_is(peer.sip->msg));
		print_heard(what);
		behave(what);
		pump();
	}
}

void sip_peer_expects_nothing(void)
{
	bool something = receive();

	if (something)
		printf("    SIP < %s, unexpected\n", what_is(peer.sip->msg));
	EXPECT(!something);
}

const char *sip_peer_heard_sdp(void)
{
	return fake_sip_body(peer.sip);
}

bool sip_peer_heard(const char *text)
{
	return fake_sip_has(peer.sip, text);
}
