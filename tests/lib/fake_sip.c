/* A SIP phone or PBX under the test's command, over a real UDP socket. Messages are text, taken apart by looking for
 * header lines. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/socket.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "fake_sip.h"
#include "fake_time.h"
#include "story.h"

struct fake_sip *fake_sip_open(void *ctx, const char *name, const char *addr, uint16_t port, const char *gw_addr,
			       uint16_t gw_port)
{
	struct fake_sip *p = talloc_zero(ctx, struct fake_sip);

	p->name = talloc_strdup(p, name);
	p->msg = talloc_strdup(p, "");
	OSMO_STRLCPY_ARRAY(p->addr, addr);
	OSMO_STRLCPY_ARRAY(p->gw_addr, gw_addr);
	p->port = port;
	p->gw_port = gw_port;
	p->fd = osmo_sock_init2(AF_UNSPEC, SOCK_DGRAM, IPPROTO_UDP, addr, port, gw_addr, gw_port,
				OSMO_SOCK_F_BIND | OSMO_SOCK_F_CONNECT | OSMO_SOCK_F_NONBLOCK);
	EXPECT(p->fd >= 0);
	return p;
}

void fake_sip_close(struct fake_sip *p)
{
	close(p->fd);
	talloc_free(p);
}

/* Value of the idx'th header of that name, in one of a few static buffers; NULL if there is none. */
static const char *find_header(const char *msg, const char *name, unsigned int idx)
{
	static char bufs[8][1024];
	static unsigned int next;
	size_t len = strlen(name);
	const char *line;

	for (line = strstr(msg, "\r\n"); line && strncmp(line, "\r\n\r\n", 4) != 0; line = strstr(line + 2, "\r\n")) {
		const char *value = line + 2;
		char *buf = bufs[next % 8];
		if (strncasecmp(value, name, len) != 0 || value[len] != ':' || idx--)
			continue;
		value += len + 1;
		value += strspn(value, " ");
		next++;
		snprintf(buf, sizeof(bufs[0]), "%.*s", (int)strcspn(value, "\r"), value);
		return buf;
	}
	return NULL;
}

/* "INVITE", "200 BYE" */
static void label_of(char *buf, size_t len, const char *msg)
{
	const char *cseq = find_header(msg, "CSeq", 0);
	const char *method = cseq ? strchr(cseq, ' ') : NULL;

	if (strncmp(msg, "SIP/2.0 ", 8) == 0)
		snprintf(buf, len, "%.3s %s", msg + 8, method ? method + 1 : "?");
	else
		snprintf(buf, len, "%.*s", (int)strcspn(msg, " \r\n"), msg);
}

static void tell(const struct fake_sip *p, const char *arrow, const char *msg)
{
	char label[64];

	if (p->quiet)
		return;
	label_of(label, sizeof(label), msg);
	printf("  %s %s %s\n", p->name, arrow, label);
}

bool fake_sip_receive(struct fake_sip *p)
{
	static char buf[65536];
	ssize_t len;

	pump();
	len = recv(p->fd, buf, sizeof(buf) - 1, 0);
	if (len < 0)
		return false;
	buf[len] = '\0';
	talloc_free(p->msg);
	p->msg = talloc_strdup(p, buf);
	tell(p, "<-", p->msg);
	return true;
}

void fake_sip_expect(struct fake_sip *p, const char *label)
{
	char got[64] = "nothing";

	if (fake_sip_receive(p))
		label_of(got, sizeof(got), p->msg);
	if (strcmp(got, label) == 0)
		return;
	printf("%s expected %s, got %s\n%s\n", p->name, label, got, p->msg);
	fflush(stdout);
	exit(1);
}

void fake_sip_expect_nothing(struct fake_sip *p)
{
	if (!fake_sip_receive(p))
		return;
	printf("%s expected nothing, got:\n%s\n", p->name, p->msg);
	fflush(stdout);
	exit(1);
}

void fake_sip_drain(struct fake_sip *p)
{
	bool quiet = p->quiet;

	p->quiet = true;
	while (fake_sip_receive(p))
		;
	p->quiet = quiet;
}

const char *fake_sip_header(const struct fake_sip *p, const char *name)
{
	return find_header(p->msg, name, 0);
}

unsigned int fake_sip_n_headers(const struct fake_sip *p, const char *name)
{
	unsigned int n = 0;

	while (find_header(p->msg, name, n))
		n++;
	return n;
}

const char *fake_sip_body(const struct fake_sip *p)
{
	const char *end = strstr(p->msg, "\r\n\r\n");

	return end ? end + 4 : "";
}

bool fake_sip_has(const struct fake_sip *p, const char *text)
{
	return strstr(p->msg, text) != NULL;
}

void fake_sip_send(struct fake_sip *p, const char *text)
{
	tell(p, "->", text);
	EXPECT(send(p->fd, text, strlen(text), 0) == (ssize_t)strlen(text));
	if (!p->hasty)
		pump();
}

/* Content headers and body are appended, the message is sent and freed. */
static void finish(struct fake_sip *p, char *msg, const char *extra, const char *content_type, const char *body)
{
	if (extra)
		msg = talloc_strdup_append(msg, extra);
	if (body)
		msg = talloc_asprintf_append(msg, "Content-Type: %s\r\n", content_type);
	msg = talloc_asprintf_append(msg, "Content-Length: %zu\r\n\r\n%s", body ? strlen(body) : 0, body ?: "");
	fake_sip_send(p, msg);
	talloc_free(msg);
}

void fake_sip_reply(struct fake_sip *p, const char *request, unsigned int status, const char *to_tag, const char *extra,
		    const char *sdp)
{
	static const char *const copied[] = { "Via", "Record-Route", "From", "Call-ID", "CSeq" };
	char *msg = talloc_asprintf(p, "SIP/2.0 %u Whatever\r\n", status);
	const char *value;
	unsigned int i, n;

	request = request ?: p->msg;
	for (i = 0; i < ARRAY_SIZE(copied); i++) {
		for (n = 0; (value = find_header(request, copied[i], n)); n++)
			msg = talloc_asprintf_append(msg, "%s: %s\r\n", copied[i], value);
	}
	value = find_header(request, "To", 0) ?: "";
	msg = talloc_asprintf_append(msg, "To: %s", value);
	if (to_tag && !strstr(value, ";tag="))
		msg = talloc_asprintf_append(msg, ";tag=%s", to_tag);
	msg = talloc_strdup_append(msg, "\r\n");
	finish(p, msg, extra, "application/sdp", sdp);
}

/* ---- calls ---- */

static char *contact_line(const struct fake_call *c, char *buf, size_t len)
{
	buf[0] = '\0';
	if (c->rfc2543 || strcmp(c->extra_contact, "-") == 0)
		return buf;
	if (c->extra_contact[0])
		snprintf(buf, len, "Contact: <%s>\r\n", c->extra_contact);
	else
		snprintf(buf, len, "Contact: <sip:%s@%s:%u>\r\n", c->p->name, c->p->addr, c->p->port);
	return buf;
}

/* The URI in angle brackets of a header value. */
static void copy_uri(char *buf, size_t len, const char *value)
{
	const char *uri = value ? strchr(value, '<') : NULL;

	if (uri)
		snprintf(buf, len, "%.*s", (int)strcspn(uri + 1, ">"), uri + 1);
}

static void collect_routes(struct fake_call *c, const char *msg, bool reverse)
{
	char joined[512] = "";
	const char *rr;
	unsigned int n;

	for (n = 0; (rr = find_header(msg, "Record-Route", n)); n++) {
		char tmp[1200];
		if (reverse)
			snprintf(tmp, sizeof(tmp), "%s%s%s", rr, joined[0] ? ", " : "", joined);
		else
			snprintf(tmp, sizeof(tmp), "%s%s%s", joined, joined[0] ? ", " : "", rr);
		OSMO_STRLCPY_ARRAY(joined, tmp);
	}
	OSMO_STRLCPY_ARRAY(c->routes, joined);
}

void fake_call_in(struct fake_call *c, struct fake_sip *p, const char *tag)
{
	*c = (struct fake_call){ .p = p, .invite = talloc_strdup(p, p->msg), .cseq = 1000 };
	OSMO_STRLCPY_ARRAY(c->call_id, fake_sip_header(p, "Call-ID"));
	OSMO_STRLCPY_ARRAY(c->remote, fake_sip_header(p, "From"));
	OSMO_STRLCPY_ARRAY(c->tag, tag);
	snprintf(c->local, sizeof(c->local), "%s%s%s", fake_sip_header(p, "To"), tag[0] ? ";tag=" : "", tag);
	copy_uri(c->target, sizeof(c->target), fake_sip_header(p, "Contact"));
	collect_routes(c, p->msg, false);
}

void fake_call_reply(struct fake_call *c, unsigned int status, const char *extra, const char *sdp)
{
	char contact[200], headers[800];

	snprintf(headers, sizeof(headers), "%s%s",
		 status > 100 && status < 300 ? contact_line(c, contact, sizeof(contact)) : "", extra ?: "");
	fake_sip_reply(c->p, c->invite, status, status > 100 && c->tag[0] && !c->rfc2543 ? c->tag : NULL, headers, sdp);
}

void fake_call_init(struct fake_call *c, struct fake_sip *p, const char *user)
{
	static unsigned int n;

	n++;
	*c = (struct fake_call){ .p = p };
	snprintf(c->call_id, sizeof(c->call_id), "call-%u", n);
	snprintf(c->tag, sizeof(c->tag), "tag%u", n);
	snprintf(c->local, sizeof(c->local), "\"Bob\" <sip:4711@%s>;tag=%s", p->addr, c->tag);
	snprintf(c->remote, sizeof(c->remote), "<sip:%s@%s>", user, p->gw_addr);
	snprintf(c->target, sizeof(c->target), "sip:%s@%s:%u", user, p->gw_addr, p->gw_port);
}

static void request(struct fake_call *c, const char *method, unsigned int cseq, const char *branch, const char *extra,
		    const char *content_type, const char *body)
{
	char contact[200], via_branch[100];
	char *msg;

	snprintf(via_branch, sizeof(via_branch), ";branch=%s", branch);
	msg = talloc_asprintf(
		c->p,
		"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:%u%s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n",
		method, c->target, c->p->addr, c->p->port, c->rfc2543 ? "" : via_branch, c->local, c->remote,
		c->call_id, cseq, method);
	if (!extra || !strstr(extra, "Max-Forwards"))
		msg = talloc_strdup_append(msg, "Max-Forwards: 70\r\n");
	if (c->routes[0])
		msg = talloc_asprintf_append(msg, "Route: %s\r\n", c->routes);
	if (strcmp(method, "INVITE") == 0)
		msg = talloc_strdup_append(msg, contact_line(c, contact, sizeof(contact)));
	finish(c->p, msg, extra, content_type, body);
}

static void new_branch(struct fake_call *c)
{
	static unsigned int n;

	snprintf(c->branch, sizeof(c->branch), "z9hG4bKfake%u", ++n);
}

void fake_call_invite(struct fake_call *c, const char *extra, const char *sdp)
{
	new_branch(c);
	OSMO_STRLCPY_ARRAY(c->invite_branch, c->branch);
	c->invite_cseq = ++c->cseq;
	request(c, "INVITE", c->cseq, c->branch, extra, "application/sdp", sdp);
}

void fake_call_take(struct fake_call *c)
{
	copy_uri(c->target, sizeof(c->target), fake_sip_header(c->p, "Contact"));
	if (c->rfc2543)
		return;
	OSMO_STRLCPY_ARRAY(c->remote, fake_sip_header(c->p, "To"));
	collect_routes(c, c->p->msg, true);
}

void fake_call_ack(struct fake_call *c, const char *sdp)
{
	new_branch(c);
	request(c, "ACK", c->invite_cseq, c->branch, NULL, "application/sdp", sdp);
}

void fake_call_ack_failure(struct fake_call *c)
{
	char remote[256];

	OSMO_STRLCPY_ARRAY(remote, c->remote);
	OSMO_STRLCPY_ARRAY(c->remote, fake_sip_header(c->p, "To"));
	request(c, "ACK", c->invite_cseq, c->invite_branch, NULL, NULL, NULL);
	OSMO_STRLCPY_ARRAY(c->remote, remote);
}

void fake_call_cancel(struct fake_call *c, const char *extra)
{
	request(c, "CANCEL", c->invite_cseq, c->invite_branch, extra, NULL, NULL);
}

void fake_call_request(struct fake_call *c, const char *method, const char *extra, const char *content_type,
		       const char *body)
{
	new_branch(c);
	request(c, method, ++c->cseq, c->branch, extra, content_type, body);
}

void fake_call_free(struct fake_call *c)
{
	TALLOC_FREE(c->invite);
}
