/* Fuzz target: SIP messages. Guard, parser and checks; all accessors; the response we would write has to be something
 * we accept; and the transaction layer with whatever came. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/application.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_trx.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *ctx;
static struct sip_trxs *trxs;
static char out[3 * 65536];

static int fake_send(const struct sip_flow *to, const void *data, size_t len)
{
	return 0;
}

static const struct sip_transport_ops fake_ops = { .name = "UDP", .default_port = 5060, .send = fake_send };
static struct sip_transport fake_tp = { .ops = &fake_ops };

/* Answer by what the request is like, so that all states are reached. */
static void request_cb(void *data, struct sip_trx *trx, const struct sip_msg *req, const struct sip_flow *from)
{
	uint16_t status = req->cseq % 7 * 100;
	struct sip_writer w;
	int len;

	if (!trx || (status && status < 100))
		return;
	if (!status) {
		sip_trx_detach(trx);
		return;
	}
	sip_writer_init(&w, out, sizeof(out));
	sip_write_response_head(&w, req, status, NULL, "us", true);
	len = sip_write_end(&w, NULL, NULL, 0);
	if (len > 0)
		sip_trx_respond(trx, status, out, len);
	if (req->cseq & 8)
		sip_trx_repeat(trx);
}

static const struct sip_trxs_ops owner = { .request = request_cb };

static void init(void)
{
	ctx = talloc_named_const(NULL, 0, "fuzz_sip");
	osmo_init_logging2(ctx, &sipgw_log_info);
	log_set_all_filter(osmo_stderr_target, 0);
	log_set_log_level(osmo_stderr_target, LOGL_FATAL);
	timers_init();
	sip_msg_init();
	sip_limits.max_datagram = 65535;
}

static void check_uri(const struct sip_uri *uri)
{
	struct sip_uri again;
	void *sub = talloc_named_const(ctx, 0, "uri");

	/* what a URI was taken from can be taken apart again */
	if (!uri->text || sip_uri_parse(sub, &again, uri->text) || strcmp(uri->user, again.user) ||
	    strcmp(uri->host, again.host))
		abort();
	if (sip_escape_user(out, sizeof(out), uri->user) < 0)
		abort();
	talloc_free(sub);
}

static void access_all(const struct sip_msg *m)
{
	static const char *const names[] = { "Via", "Supported", "Reason", "k", "Contact", "Allow", "Content-Type" };
	char text[256];
	struct sip_uri uri;
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		for (n = 0; sip_msg_header(m, names[i], n); n++)
			;
		sip_msg_header_has_token(m, names[i], "timer");
	}
	n = sip_msg_n_record_routes(m);
	for (i = 0; i < n; i++)
		sip_msg_record_route(m, i, &uri, text, sizeof(text));
	sip_msg_reason_q850(m);
	sip_msg_to_str_buf(text, sizeof(text), m);
	sip_quote_display(text, sizeof(text), m->from.display);
	check_uri(&m->from.uri);
	check_uri(&m->to.uri);
	if (m->has_contact)
		check_uri(&m->contact.uri);
	if (m->is_request)
		check_uri(&m->ruri);
	if (m->body && (strlen(m->body) > m->body_len || m->body[m->body_len]))
		abort();
}

static void check_response(struct sip_msg *req, const struct sip_flow *from)
{
	struct sip_reject reject = {};
	struct sip_msg *resp = NULL;
	enum sip_parse_result rc;
	struct sip_writer w;
	int len;

	sip_msg_set_source(req, &from->remote);
	sip_writer_init(&w, out, sizeof(out));
	sip_write_response_head(&w, req, 200, NULL, "us", true);
	len = sip_write_end(&w, NULL, NULL, 0);
	if (len < 0 || len > sip_limits.max_datagram)
		return;
	rc = sip_msg_parse(ctx, &resp, &reject, (uint8_t *)out, len, true);
	/* libosip2 refuses a URI of less than seven characters without brackets as soon as a parameter, our tag, follows */
	if (rc == SIP_PARSE_DROP && strlen(req->to.uri.text) < 7)
		return;
	/* received and rport may be one parameter more than the limit */
	if (rc == SIP_PARSE_DROP && (req->n_via != 1 || strchr(sip_msg_header(req, "Via", 0), ';')))
		return;
	if (rc != SIP_PARSE_OK || resp->cseq != req->cseq || strcmp(resp->call_id, req->call_id) ||
	    strcmp(resp->from.tag, req->from.tag) || strcmp(resp->via.branch, req->via.branch))
		abort();
	sip_msg_free(resp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_flow from = { .tp = &fake_tp };
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;
	static unsigned int n;

	if (!ctx)
		init();
	if (n++ % 1024 == 0) {
		sip_trxs_free_all(trxs);
		trxs = sip_trxs_alloc(ctx, &owner);
	}
	from.remote.u.sin = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(5061) };
	switch (sip_msg_parse(ctx, &msg, &reject, data, size, size & 1)) {
	case SIP_PARSE_OK:
		access_all(msg);
		if (msg->is_request)
			check_response(msg, &from);
		sip_trxs_rx(trxs, msg, &from);
		sip_trxs_rx(trxs, msg, &from);
		sip_msg_free(msg);
		break;
	case SIP_PARSE_REJECT:
		if (sip_reject_write(out, sizeof(out), &reject) < 0)
			abort();
		talloc_free(reject.response_head);
		break;
	default:
		break;
	}
	return 0;
}
