/* The messages a transaction sends by itself, made from the bytes it keeps: ACK to 3xx-6xx, CANCEL, 500.
 *
 * RFC 3261 17.1.1.3 and 9.1 say which header fields are copied. The kept bytes are our own writing, so that cutting
 * them into lines is enough. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>

#include "sip_text.h"
#include "sip_trx_internal.h"

static char scratch[UINT16_MAX];

static int finish(const char **out, struct sip_writer *w)
{
	*out = w->buf;
	return sip_write_end(w, NULL, NULL, 0);
}

static void write_line(struct sip_writer *w, const char *name, const struct sip_line *line)
{
	if (!line)
		return;
	sip_write_bytes(w, name, strlen(name));
	sip_write_bytes(w, ": ", 2);
	sip_write_bytes(w, line->value, line->value_len);
	sip_write_bytes(w, "\r\n", 2);
}

/* "INVITE uri SIP/2.0" with another method */
static void write_request_line(struct sip_writer *w, const char *method, struct sip_str invite)
{
	const char *sp = memchr(invite.s, ' ', invite.len);

	sip_write_bytes(w, method, strlen(method));
	if (sp)
		sip_write_bytes(w, sp, invite.s + invite.len - sp);
	sip_write_bytes(w, "\r\n", 2);
}

static void write_cseq(struct sip_writer *w, const struct sip_line *cseq, const char *method)
{
	const char *sp = cseq ? memchr(cseq->value, ' ', cseq->value_len) : NULL;

	if (sp)
		sip_write_header(w, "CSeq", "%.*s %s", (int)(sp - cseq->value), cseq->value, method);
}

/* A request of the same transaction: Request-URI, top Via, Route, From, Call-ID and CSeq number are those of the
 * INVITE. */
static void derive(struct sip_writer *w, const struct sip_scan *invite, const char *method, const struct sip_line *to)
{
	unsigned int i;

	sip_writer_init(w, scratch, sizeof(scratch));
	write_request_line(w, method, invite->first);
	write_line(w, "Via", sip_scan_find(invite, SIP_HDR_VIA));
	for (i = 0; i < invite->n_lines; i++) {
		if (invite->line[i].hdr == SIP_HDR_ROUTE)
			write_line(w, "Route", &invite->line[i]);
	}
	sip_write_header_str(w, "Max-Forwards", "70");
	write_line(w, "From", sip_scan_find(invite, SIP_HDR_FROM));
	write_line(w, "To", to);
	write_line(w, "Call-ID", sip_scan_find(invite, SIP_HDR_CALL_ID));
	write_cseq(w, sip_scan_find(invite, SIP_HDR_CSEQ), method);
}

/*! The ACK to a 3xx-6xx: To is that of the response (RFC 3261 17.1.1.3). */
int trx_msg_ack(const char **out, const struct sip_trx *invite, const struct sip_msg *resp)
{
	struct sip_scan scan;
	struct sip_writer w;

	sip_scan_head(&scan, invite->data, invite->data_len);
	derive(&w, &scan, "ACK", sip_scan_find(resp->scan, SIP_HDR_TO));
	return finish(out, &w);
}

int trx_msg_cancel(const char **out, const struct sip_trx *invite)
{
	struct sip_scan scan;
	struct sip_writer w;

	sip_scan_head(&scan, invite->data, invite->data_len);
	derive(&w, &scan, "CANCEL", sip_scan_find(&scan, SIP_HDR_TO));
	if (invite->cancel_reason)
		sip_write_header_str(&w, "Reason", invite->cancel_reason);
	return finish(out, &w);
}

/*! A response to \a req without a body; \a extra: one more header line or NULL. To gets \a to_tag, or a fresh tag if
 * that is NULL. */
int trx_msg_response(const char **out, const struct sip_msg *req, uint16_t status, const char *to_tag,
		     const char *extra)
{
	struct sip_writer w;
	char tag[17];

	sip_writer_init(&w, scratch, sizeof(scratch));
	sip_write_response_head(&w, req, status, NULL, to_tag ? to_tag : token_hex(tag, 16), false);
	if (extra)
		sip_write_bytes(&w, extra, strlen(extra));
	return finish(out, &w);
}

static void tag_of(char *buf, size_t len, const struct sip_line *to)
{
	struct sip_str rest, name, value;
	const char *gt;

	buf[0] = '\0';
	if (!to)
		return;
	rest = (struct sip_str){ to->value, to->value_len };
	/* a ">" in a quoted display name only makes us miss or mistake a tag of the peer's own making */
	for (gt = rest.s + rest.len; gt > rest.s && gt[-1] != '>'; gt--)
		;
	if (gt == rest.s)
		gt = memchr(rest.s, ';', rest.len);
	if (!gt)
		return;
	rest = (struct sip_str){ gt, rest.s + rest.len - gt };
	while (sip_param_next(&rest, &name, &value) > 0) {
		if (sip_str_is(name, "tag") && value.s)
			snprintf(buf, len, "%.*s", (int)value.len, value.s);
	}
}

/*! The To tag of the last response sent, "" if there is none. */
void trx_msg_to_tag(char *buf, size_t len, const struct sip_trx *trx)
{
	struct sip_scan scan;

	buf[0] = '\0';
	if (!trx->data || !trx->status)
		return;
	sip_scan_head(&scan, trx->data, trx->data_len);
	tag_of(buf, len, sip_scan_find(&scan, SIP_HDR_TO));
}

/* A final 500 from the provisional response sent before. */
static int from_provisional(const char **out, const struct sip_trx *trx)
{
	static const struct {
		enum sip_hdr hdr;
		const char *name;
	} copied[] = {
		{ SIP_HDR_VIA, "Via" },		{ SIP_HDR_FROM, "From" }, { SIP_HDR_TO, "To" },
		{ SIP_HDR_CALL_ID, "Call-ID" }, { SIP_HDR_CSEQ, "CSeq" },
	};
	char tag[2 * SIP_BRANCH_LEN];
	const struct sip_line *line;
	struct sip_scan scan;
	struct sip_writer w;
	unsigned int i, j;

	sip_scan_head(&scan, trx->data, trx->data_len);
	sip_writer_init(&w, scratch, sizeof(scratch));
	sip_write_status_line(&w, 500, NULL);
	for (i = 0; i < scan.n_lines; i++) {
		line = &scan.line[i];
		for (j = 0; j < ARRAY_SIZE(copied); j++) {
			if (copied[j].hdr == line->hdr)
				break;
		}
		if (j == ARRAY_SIZE(copied))
			continue;
		tag_of(tag, sizeof(tag), line);
		if (line->hdr == SIP_HDR_TO && !tag[0])
			sip_write_header(&w, "To", "%.*s;tag=%s", line->value_len, line->value, token_hex(tag, 16));
		else
			write_line(&w, copied[j].name, line);
	}
	return finish(out, &w);
}

/*! The 500 for a request that nobody answers, from what is there: the request itself, a prepared 500, or the last
 * provisional response. */
int trx_msg_500(const char **out, const struct sip_trx *trx)
{
	if (trx->all->rx_trx == trx)
		return trx_msg_response(out, trx->all->rx_msg, 500, NULL, NULL);
	if (!trx->data)
		return -ENODATA;
	if (trx->status)
		return from_provisional(out, trx);
	*out = trx->data;
	return trx->data_len;
}

/*! The branch of the kept request. */
bool trx_msg_branch(char *buf, size_t len, const struct sip_trx *trx)
{
	struct sip_str rest, name, value;
	const struct sip_line *via;
	struct sip_scan scan;
	const char *semi;

	sip_scan_head(&scan, trx->data, trx->data_len);
	via = sip_scan_find(&scan, SIP_HDR_VIA);
	semi = via ? memchr(via->value, ';', via->value_len) : NULL;
	if (!semi)
		return false;
	rest = (struct sip_str){ semi, via->value + via->value_len - semi };
	while (sip_param_next(&rest, &name, &value) > 0) {
		if (sip_str_is(name, "branch") && value.s)
			return snprintf(buf, len, "%.*s", (int)value.len, value.s) < (int)len;
	}
	return false;
}
