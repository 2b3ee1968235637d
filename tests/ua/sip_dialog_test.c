/* Dialogs: route sets in both roles, loose and strict, target refresh, matching, order of requests. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>

#include <osmocom/core/talloc.h>

#include "ua/ua_internal.h"

#include "fake_time.h"
#include "story.h"

static void *ctx;
static struct sip_flow from;

static struct sip_msg *parse(const char *first, const char *more)
{
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;
	char *text = talloc_asprintf(ctx,
				     "%s\r\nVia: SIP/2.0/UDP 127.0.45.1:5060;branch=z9hG4bKx\r\nCall-ID: id-1\r\n%s"
				     "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
				     first, more);

	if (sip_msg_parse(ctx, &msg, &reject, (const uint8_t *)text, strlen(text), false) != SIP_PARSE_OK)
		printf("%u %s\n", reject.status, reject.why ?: "");
	EXPECT(msg);
	talloc_free(text);
	return msg;
}

static void show(const struct sip_dialog *dlg)
{
	char buf[2000];

	sip_dialog_to_str_buf(buf, sizeof(buf), dlg);
	printf("  %s\n", buf);
}

static void no_rx(void *data, const struct sip_flow *flow, const uint8_t *buf, size_t len)
{
}

/* Request-URI and Route of the BYE that we would send */
static void show_bye(struct sip_dialog *dlg)
{
	struct sip_tx tx;
	char *line, *save;

	sip_dialog_tx_begin(&tx, dlg, SIP_BYE, ++dlg->local_cseq);
	tx.w.buf[tx.w.len] = '\0';
	for (line = strtok_r(tx.w.buf, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
		if (strncmp(line, "Via", 3) != 0)
			printf("    %s\n", line);
	}
}

static void test_uas(void)
{
	static const char *const routes[] = {
		"",
		"Record-Route: <sip:127.0.45.3;lr>\r\n",
		"Record-Route: <sip:127.0.45.3:5070;lr>, <sip:p2.example;lr;x=y>\r\nRecord-Route: <sip:p3.example;lr>\r\n",
		"Record-Route: <sip:127.0.45.4;transport=udp>, <sip:127.0.45.5;lr>\r\n",
		"Record-Route: <sip:[::1]:7777>\r\n",
		"Record-Route: <sip:proxy.example;lr>\r\n",
		"Record-Route: <sip:proxy.example;maddr=127.0.45.9;lr>\r\n",
		"Record-Route: <sip:0.0.0.0;lr>\r\n",
		"Record-Route: <sip:127.0.45.3;transport=sctp;lr>\r\n",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(routes); i++) {
		struct sip_dialog dlg = {};
		struct sip_msg *req;
		char more[500];

		btw("they call, %s", routes[i][0] ? routes[i] : "no routes");
		snprintf(more, sizeof(more),
			 "%sFrom: \"B\" <sip:b@example>;tag=b1\r\nTo: <sip:a@gw>\r\nCSeq: 7 INVITE\r\n"
			 "Contact: <sip:b@127.0.45.7:5062>\r\n",
			 routes[i]);
		req = parse("INVITE sip:a@gw SIP/2.0", more);
		EXPECT(sip_dialog_from_request(&dlg, req, &from, "a1") == 0);
		sip_msg_free(req);
		show(&dlg);
		show_bye(&dlg);
		sip_dialog_clear(&dlg);
	}
}

static void test_uac(void)
{
	struct sip_dialog dlg = {};
	struct sip_msg *resp;

	btw("we call: the route set is turned around");
	resp = parse("SIP/2.0 200 OK",
		     "Record-Route: <sip:p2.example;lr>, <sip:127.0.45.3;lr>\r\nFrom: <sip:a@gw>;tag=a1\r\n"
		     "To: <sip:b@example>;tag=b1\r\nCSeq: 1 INVITE\r\nContact: <sip:b@phone.example>\r\n");
	EXPECT(sip_dialog_from_response(&dlg, resp, &from) == 0);
	sip_msg_free(resp);
	show(&dlg);
	show_bye(&dlg);

	btw("a new Contact does not change the way there");
	resp = parse("SIP/2.0 200 OK",
		     "Record-Route: <sip:other;lr>\r\nFrom: <sip:a@gw>;tag=a1\r\n"
		     "To: <sip:b@example>;tag=b1\r\nCSeq: 2 INVITE\r\nContact: <sip:b@127.0.45.8>\r\n");
	EXPECT(sip_dialog_refresh(&dlg, resp) == 0);
	sip_msg_free(resp);
	show(&dlg);

	btw("without routes it does; the next 2xx of another fork has a strict router in front");
	resp = parse("SIP/2.0 200 OK", "From: <sip:a@gw>;tag=a1\r\nTo: <sip:b@example>;tag=b2\r\nCSeq: 2 INVITE\r\n"
				       "Contact: <sip:b@phone.example>\r\n");
	EXPECT(sip_dialog_from_response(&dlg, resp, &from) == 0);
	show(&dlg);
	sip_msg_free(resp);
	resp = parse("SIP/2.0 200 OK", "From: <sip:a@gw>;tag=a1\r\nTo: <sip:b@example>;tag=b2\r\nCSeq: 3 INVITE\r\n"
				       "Contact: <sip:b@127.0.45.8:6060>\r\n");
	EXPECT(sip_dialog_refresh(&dlg, resp) == 0);
	show(&dlg);
	sip_msg_free(resp);
	resp = parse("SIP/2.0 200 OK", "From: <sip:a@gw>;tag=a1\r\nTo: <sip:b@example>;tag=b3\r\nCSeq: 3 INVITE\r\n"
				       "Record-Route: <sip:p1.example>,<sip:strict@127.0.45.6:5064;x>\r\n");
	EXPECT(sip_dialog_from_response(&dlg, resp, &from) == 0);
	sip_msg_free(resp);
	show(&dlg);
	show_bye(&dlg);
	sip_dialog_clear(&dlg);
}

static bool matches(const struct sip_dialog *dlg, const char *from_tag, const char *to_tag, const char *source)
{
	struct osmo_sockaddr addr = {};
	char more[300];
	struct sip_msg *req;
	bool yes;

	addr.u.sin.sin_family = AF_INET;
	inet_pton(AF_INET, source, &addr.u.sin.sin_addr);
	snprintf(more, sizeof(more), "From: <sip:b@example>%s\r\nTo: <sip:a@gw>%s\r\nCSeq: 8 BYE\r\n", from_tag,
		 to_tag);
	req = parse("BYE sip:a@gw SIP/2.0", more);
	yes = sip_dialog_matches(dlg, req, &addr);
	sip_msg_free(req);
	return yes;
}

static void test_match(void)
{
	struct sip_dialog dlg = {};
	struct sip_msg *req =
		parse("INVITE sip:a@gw SIP/2.0", "From: <sip:b@example>;tag=b1\r\nTo: <sip:a@gw>\r\nCSeq: 7 INVITE\r\n"
						 "Contact: <sip:b@127.0.45.7:5062>\r\n");

	EXPECT(sip_dialog_from_request(&dlg, req, &from, "a1") == 0);
	btw("both tags decide, from wherever it comes");
	EXPECT(matches(&dlg, ";tag=b1", ";tag=a1", "127.0.45.2"));
	EXPECT(matches(&dlg, ";tag=b1", ";tag=a1", "10.0.0.1"));
	EXPECT(!matches(&dlg, ";tag=b2", ";tag=a1", "127.0.45.2"));
	EXPECT(!matches(&dlg, ";tag=b1", ";tag=a2", "127.0.45.2"));
	btw("what has no tags has to come from where the dialog came from");
	EXPECT(matches(&dlg, "", "", "127.0.45.2"));
	EXPECT(matches(&dlg, ";tag=b1", "", "127.0.45.2"));
	EXPECT(!matches(&dlg, "", "", "10.0.0.1"));
	EXPECT(!matches(&dlg, ";tag=b2", "", "127.0.45.2"));

	btw("CSeq: gaps are fine, going back is not, an INVITE does not come twice");
	EXPECT(!sip_dialog_cseq_ok(&dlg, req));
	req->cseq = 100;
	EXPECT(sip_dialog_cseq_ok(&dlg, req));
	req->method = SIP_BYE;
	EXPECT(sip_dialog_cseq_ok(&dlg, req));
	req->cseq = 99;
	EXPECT(!sip_dialog_cseq_ok(&dlg, req));
	sip_msg_free(req);
	sip_dialog_clear(&dlg);

	btw("a peer without tag and Contact (RFC 2543)");
	req = parse("INVITE sip:a@gw SIP/2.0", "From: <sip:b@example>\r\nTo: <sip:a@gw>\r\nCSeq: 7 INVITE\r\n");
	EXPECT(sip_dialog_from_request(&dlg, req, &from, "a1") == 0);
	sip_msg_free(req);
	show(&dlg);
	show_bye(&dlg);
	EXPECT(matches(&dlg, "", "", "127.0.45.2"));
	EXPECT(matches(&dlg, "", ";tag=a1", "10.0.0.1"));
	EXPECT(!matches(&dlg, "", "", "10.0.0.1"));
	sip_dialog_clear(&dlg);
}

static void test_limits(void)
{
	struct sip_dialog dlg = {};
	struct sip_msg *req;
	char *more = talloc_strdup(ctx, "From: <sip:b@example>;tag=b1\r\nTo: <sip:a@gw>\r\nCSeq: 7 INVITE\r\n");
	unsigned int i;

	btw("a route set of 33 is too long");
	for (i = 0; i < 33; i++)
		more = talloc_asprintf_append(more, "Record-Route: <sip:p%u.example;lr>\r\n", i);
	req = parse("INVITE sip:a@gw SIP/2.0", more);
	EXPECT(sip_dialog_from_request(&dlg, req, &from, "a1") == -EMSGSIZE);
	EXPECT(!dlg.text);
	sip_msg_free(req);
	talloc_free(more);
}

int main(void)
{
	struct sip_transports *tps;
	struct osmo_sockaddr local = { .u.sin = { .sin_family = AF_INET, .sin_port = htons(5060) } };

	ctx = talloc_named_const(NULL, 0, "sip_dialog_test");
	story_init(ctx);
	sip_msg_init();
	inet_pton(AF_INET, "127.0.45.1", &local.u.sin.sin_addr);
	tps = sip_transports_alloc(ctx, no_rx, NULL);
	EXPECT(sip_transport_listen(tps, SIP_TP_UDP, &local) == 0);
	from.remote = local;
	inet_pton(AF_INET, "127.0.45.2", &from.remote.u.sin.sin_addr);
	from.tp = sip_transport_for(tps, SIP_TP_UDP, &from.remote);
	EXPECT(from.tp);

	test_uas();
	test_uac();
	test_match();
	test_limits();
	sip_transports_free(tps);
	btw("done");
	return 0;
}
