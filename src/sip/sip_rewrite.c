/* A request of ours once more: the same bytes but for a new branch and what else has to be different. Nothing is known
 * of why. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* memmem() is a GNU extension: first */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <osmocom/sipgw/sip/sip_rewrite.h>
#include <osmocom/sipgw/sip/sip_transport.h>

void sip_rewrite_scan(struct sip_scan *scan, const char *data, size_t len)
{
	const char *sp, *end;

	sip_scan_head(scan, data, len);
	end = scan->first.s + scan->first.len;
	sp = memchr(scan->first.s, ' ', scan->first.len);
	if (!sp)
		return;
	scan->method = (struct sip_str){ scan->first.s, sp - scan->first.s };
	scan->uri = (struct sip_str){ sp + 1, 0 };
	sp = memchr(sp + 1, ' ', end - sp - 1);
	if (sp)
		scan->uri.len = sp - scan->uri.s;
}

static bool name_is(const struct sip_line *line, const char *name)
{
	return line->name_len == strlen(name) && strncasecmp(line->name, name, line->name_len) == 0;
}

static bool is_credentials(const struct sip_line *line)
{
	return name_is(line, "Authorization") || name_is(line, "Proxy-Authorization");
}

/* Is there a line of that name among \a lines? */
static bool is_replaced(const char *lines, const struct sip_line *line)
{
	const char *p;

	for (p = lines; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		if (strncasecmp(p, line->name, line->name_len) == 0 && p[line->name_len] == ':')
			return true;
	}
	return false;
}

static void write_line(struct sip_writer *w, const struct sip_line *line)
{
	sip_write_bytes(w, line->name, line->name_len);
	sip_write_bytes(w, ": ", 2);
	sip_write_bytes(w, line->value, line->value_len);
	sip_write_bytes(w, "\r\n", 2);
}

/* Lines with a value; the others have done their work by removing. */
static void write_lines(struct sip_writer *w, const char *lines)
{
	const char *end, *value;

	for (; lines && (end = strstr(lines, "\r\n")); lines = end + 2) {
		value = memchr(lines, ':', end - lines);
		while (value && ++value < end && *value == ' ')
			;
		if (value && value < end)
			sip_write_bytes(w, lines, end + 2 - lines);
	}
}

/* host:port of the Via that we wrote */
static struct sip_str sent_by(const struct sip_scan *scan)
{
	struct sip_str via = sip_line_str(sip_scan_find(scan, SIP_HDR_VIA)), host = {};
	const char *sp = via.s ? memchr(via.s, ' ', via.len) : NULL;
	const char *semi = sp ? memchr(sp, ';', via.s + via.len - sp) : NULL;

	if (semi)
		host = (struct sip_str){ sp + 1, semi - sp - 1 };
	return host;
}

/* Contact names our address, which another way may have changed, and the transport. */
static void write_contact(struct sip_tx *tx, const struct sip_line *line, struct sip_str old)
{
	static const char param[] = ";transport=";
	const char *end = line->value + line->value_len;
	const char *at = old.len ? memmem(line->value, line->value_len, old.s, old.len) : NULL;
	const char *rest, *tp;

	if (!at) {
		write_line(&tx->w, line);
		return;
	}
	rest = at + old.len;
	sip_write_bytes(&tx->w, "Contact: ", 9);
	sip_write_bytes(&tx->w, line->value, at - line->value);
	sip_write_bytes(&tx->w, tx->local, strlen(tx->local));
	if (tx->to.tp->ops->id != SIP_TP_UDP) {
		sip_write_bytes(&tx->w, param, strlen(param));
		sip_write_bytes(&tx->w, tx->to.tp->ops->param, strlen(tx->to.tp->ops->param));
	}
	tp = memmem(rest, end - rest, param, strlen(param));
	if (tp) {
		sip_write_bytes(&tx->w, rest, tp - rest);
		for (rest = tp + 1; rest < end && *rest != ';' && *rest != '>'; rest++)
			;
	}
	sip_write_bytes(&tx->w, rest, end - rest);
	sip_write_bytes(&tx->w, "\r\n", 2);
}

static void write_head_line(struct sip_tx *tx, const struct sip_line *line, const struct sip_rewrite *how,
			    struct sip_str old_sent_by, const char *method)
{
	if (is_credentials(line))
		return;
	if (is_replaced(how->lines, line))
		return;
	switch (line->hdr) {
	case SIP_HDR_VIA:
		sip_tx_via(tx);
		break;
	case SIP_HDR_CSEQ:
		sip_write_header(&tx->w, "CSeq", "%u %s", how->cseq, method);
		break;
	case SIP_HDR_CONTACT:
		if (how->readdress) {
			write_contact(tx, line, old_sent_by);
			break;
		}
		/* fall through */
	default:
		write_line(&tx->w, line);
		break;
	}
}

int sip_rewrite(struct sip_tx *tx, const struct sip_scan *scan, const struct sip_rewrite *how)
{
	struct sip_str old_sent_by = sent_by(scan);
	char method[32], uri[2048];
	unsigned int i;

	snprintf(method, sizeof(method), "%.*s", (int)scan->method.len, scan->method.s);
	if (how->uri)
		snprintf(uri, sizeof(uri), "%s", how->uri);
	else if (snprintf(uri, sizeof(uri), "%.*s", (int)scan->uri.len, scan->uri.s) >= (int)sizeof(uri))
		return -EMSGSIZE;
	sip_branch_make(tx->branch);
	sip_write_request_line(&tx->w, method, uri);
	for (i = 0; i < scan->n_lines; i++)
		write_head_line(tx, &scan->line[i], how, old_sent_by, method);
	write_lines(&tx->w, how->lines);
	sip_write_bytes(&tx->w, how->credentials, strlen(how->credentials));
	sip_write_bytes(&tx->w, "\r\n", 2);
	sip_write_bytes(&tx->w, how->data + scan->head_len, how->len - scan->head_len);
	return tx->w.overflow ? -EMSGSIZE : (int)tx->w.len;
}

uint32_t sip_rewrite_cseq(const struct sip_scan *scan)
{
	const struct sip_line *line = sip_scan_find(scan, SIP_HDR_CSEQ);

	return line ? strtoul(line->value, NULL, 10) : 0;
}

int sip_rewrite_credentials(char *buf, size_t len, const char *data, size_t data_len)
{
	struct sip_writer w;
	struct sip_scan scan;
	unsigned int i;

	sip_scan_head(&scan, data, data_len);
	sip_writer_init(&w, buf, len);
	for (i = 0; i < scan.n_lines; i++) {
		if (is_credentials(&scan.line[i]))
			write_line(&w, &scan.line[i]);
	}
	sip_write_bytes(&w, "", 1);
	return w.overflow ? -EMSGSIZE : (int)w.len - 1;
}
