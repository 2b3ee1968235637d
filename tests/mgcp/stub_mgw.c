/* A media gateway in a few lines: the dialect of osmo-mgw 1.10 as measured (endpoint names, codes, one answer per
 * endpoint remembered). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/socket.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/mgcp/mgcp_msg.h>

#include "stub_mgw.h"
#include "story.h"

static void tx(struct stub_mgw *f, const char *text)
{
	if (f->mute) {
		f->mute--;
		return;
	}
	if (f->hold_back) {
		OSMO_STRLCPY_ARRAY(f->held, text);
		return;
	}
	sendto(f->ofd.fd, text, strlen(text), 0, (struct sockaddr *)&f->ca, f->ca_len);
}

void stub_mgw_let_go(struct stub_mgw *f)
{
	f->hold_back = false;
	tx(f, f->held);
}

void stub_mgw_says(struct stub_mgw *f, const char *text)
{
	printf("  mgw says: %.4s...\n", text); /* behind that: a transaction id, which is random */
	sendto(f->ofd.fd, text, strlen(text), 0, (struct sockaddr *)&f->ca, f->ca_len);
}

static bool seen_before(struct stub_mgw *f, uint32_t id)
{
	uint32_t *slot = &f->ids[id % ARRAY_SIZE(f->ids)];
	bool seen = *slot == id;

	*slot = id;
	return seen;
}

/* The parts of a session description that matter, in a line. */
static void print_body(struct mgcp_text body)
{
	char buf[2048], *line, *save;

	if (!mgcp_text_copy(buf, sizeof(buf), body))
		return;
	printf(" |");
	for (line = strtok_r(buf, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save))
		if (strchr("cma", line[0]) && strcmp(line, "a=sendrecv"))
			printf(" %s", line);
}

static void tell(struct stub_mgw *f, const struct mgcp_msg *cmd)
{
	static const enum mgcp_param shown[] = { MGCP_PARAM_I, MGCP_PARAM_L, MGCP_PARAM_M };
	bool again = seen_before(f, cmd->trans_id);
	unsigned int i;

	if (f->quiet || (cmd->verb == MGCP_VERB_AUEP && !f->tell_auep))
		return;
	printf("  > %s%s %.*s", get_value_string(mgcp_verb_names, cmd->verb), again ? " again" : "",
	       (int)cmd->endpoint.len, cmd->endpoint.s);
	for (i = 0; i < ARRAY_SIZE(shown); i++)
		if (cmd->params[shown[i]].s)
			printf(" | %.*s", (int)cmd->params[shown[i]].len, cmd->params[shown[i]].s);
	print_body(cmd->body);
	printf("\n");
}

static void answer(struct stub_mgw *f, unsigned int code, uint32_t id, const char *more)
{
	char buf[2048];

	snprintf(buf, sizeof(buf), "%03u %u %s\r\n%s", code, id, code < 300 ? "OK" : "FAIL", more);
	tx(f, buf);
}

static int find_endpoint(struct stub_mgw *f, struct mgcp_text name)
{
	char buf[64], *end;
	long nr;
	int i;

	if (!mgcp_text_copy(buf, sizeof(buf), name) || strncmp(buf, "rtpbridge/", 10))
		return -1;
	if (buf[10] == '*') {
		for (i = 1; i < STUB_MGW_ENDPOINTS; i++)
			if (!f->endpoints[i].conns[0] && !f->endpoints[i].conns[1])
				return i;
		return 0;
	}
	nr = strtol(buf + 10, &end, 16);
	return !strcmp(end, "@mgw") && nr > 0 && nr < STUB_MGW_ENDPOINTS ? nr : -1;
}

static int find_conn(struct stub_mgw *f, int e, struct mgcp_text id)
{
	char buf[33];
	int i;

	if (!mgcp_text_copy(buf, sizeof(buf), id))
		return -1;
	for (i = 0; i < 2; i++)
		if (f->endpoints[e].conns[i] && f->endpoints[e].conns[i] == strtoul(buf, NULL, 16))
			return i;
	return -1;
}

static bool call_fits(struct stub_mgw *f, int e, const struct mgcp_msg *cmd)
{
	return mgcp_text_is(cmd->params[MGCP_PARAM_C], f->endpoints[e].call_id);
}

/* "3", "112 AMR/8000": of the session description if there is one, else of the local connection options */
static void chosen_format(const struct stub_mgw *f, char *out, size_t len, const struct mgcp_msg *cmd)
{
	static const char *const known[] = { "3 GSM", "110 GSM-EFR", "111 GSM-HR-08", "112 AMR", "8 PCMA" };
	char buf[2048], *p;
	int i, n;

	if (f->format) {
		snprintf(out, len, "%s", f->format);
	} else if (mgcp_text_copy(buf, sizeof(buf), cmd->body)) {
		p = strstr(buf, "RTP/AVP ");
		n = p ? atoi(p + 8) : 0;
		p = strstr(buf, "a=rtpmap:");
		if (p)
			snprintf(out, len, "%.*s", (int)strcspn(p + 9, "\r\n"), p + 9);
		else
			snprintf(out, len, "%d", n);
	} else {
		snprintf(out, len, "0");
		mgcp_text_copy(buf, sizeof(buf), cmd->params[MGCP_PARAM_L]);
		for (i = 0; i < ARRAY_SIZE(known); i++)
			if (!strcmp(strchr(buf, 'a') + 2, strchr(known[i], ' ') + 1))
				snprintf(out, len, "%s/8000", known[i]);
	}
}

static void put_sdp(struct stub_mgw *f, char *out, size_t len, uint32_t conn, const struct mgcp_msg *cmd)
{
	const char *in = strchr(f->ip, ':') ? "IP6" : "IP4";
	char format[64];

	chosen_format(f, format, sizeof(format), cmd);
	snprintf(out, len,
		 "\r\nv=0\r\no=- %X 23 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %u RTP/AVP %d\r\n%s%s%s", conn,
		 in, f->ip, in, f->ip, 16000 + conn * 2 % 40000, atoi(format), strchr(format, '/') ? "a=rtpmap:" : "",
		 strchr(format, '/') ? format : "", strchr(format, '/') ? "\r\n" : "");
}

static void do_crcx(struct stub_mgw *f, const struct mgcp_msg *cmd)
{
	bool wildcard = memchr(cmd->endpoint.s, '*', cmd->endpoint.len);
	int e = find_endpoint(f, cmd->endpoint), i;
	char out[1024], sdp[512], z[64] = "";

	f->n_crcx++;
	if (e <= 0) {
		answer(f, e < 0 ? 500 : 403, cmd->trans_id, "");
		return;
	}
	i = f->endpoints[e].conns[0] ? 1 : 0;
	if (f->endpoints[e].conns[i] || (i && !call_fits(f, e, cmd))) {
		answer(f, 540, cmd->trans_id, "");
		return;
	}
	mgcp_text_copy(f->endpoints[e].call_id, sizeof(f->endpoints[e].call_id), cmd->params[MGCP_PARAM_C]);
	f->endpoints[e].conns[i] = ++f->next_conn;
	if (wildcard)
		snprintf(z, sizeof(z), "Z: rtpbridge/%x@mgw\r\n", e);
	put_sdp(f, sdp, sizeof(sdp), f->next_conn, cmd);
	snprintf(out, sizeof(out), "%sI: %08X\r\n%s", z, f->next_conn, sdp);
	answer(f, 200, cmd->trans_id, out);
}

static void do_mdcx(struct stub_mgw *f, const struct mgcp_msg *cmd)
{
	int e = find_endpoint(f, cmd->endpoint), i;
	char sdp[512];

	f->n_mdcx++;
	if (e <= 0 || (!f->endpoints[e].conns[0] && !f->endpoints[e].conns[1])) {
		answer(f, e <= 0 ? 500 : 400, cmd->trans_id, "");
		return;
	}
	i = find_conn(f, e, cmd->params[MGCP_PARAM_I]);
	if (i < 0 || !call_fits(f, e, cmd)) {
		answer(f, 516, cmd->trans_id, "");
		return;
	}
	put_sdp(f, sdp, sizeof(sdp), f->endpoints[e].conns[i], cmd);
	answer(f, 200, cmd->trans_id, sdp);
}

static void do_dlcx(struct stub_mgw *f, const struct mgcp_msg *cmd)
{
	bool wildcard = memchr(cmd->endpoint.s, '*', cmd->endpoint.len);
	int e = find_endpoint(f, cmd->endpoint), i;

	f->n_dlcx++;
	if (wildcard) {
		memset(f->endpoints, 0, sizeof(f->endpoints));
		answer(f, 200, cmd->trans_id, "");
		return;
	}
	if (e <= 0 || (!f->endpoints[e].conns[0] && !f->endpoints[e].conns[1])) {
		answer(f, e <= 0 ? 500 : 515, cmd->trans_id, "");
		return;
	}
	i = find_conn(f, e, cmd->params[MGCP_PARAM_I]);
	if (!call_fits(f, e, cmd) || (cmd->params[MGCP_PARAM_I].s && i < 0)) {
		answer(f, 516, cmd->trans_id, "");
	} else if (i >= 0) {
		f->endpoints[e].conns[i] = 0;
		answer(f, 250, cmd->trans_id, "P: PS=50, OS=8000, PR=48, OR=7680, PL=2, JI=3\r\n");
	} else {
		memset(f->endpoints[e].conns, 0, sizeof(f->endpoints[e].conns));
		answer(f, 200, cmd->trans_id, "");
	}
}

static bool misbehave(struct stub_mgw *f, const struct mgcp_msg *cmd)
{
	char buf[1024];

	if (cmd->verb == MGCP_VERB_AUEP)
		return false;
	if (f->raw_answer) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(buf, sizeof(buf), f->raw_answer, cmd->trans_id);
#pragma GCC diagnostic pop
		f->raw_answer = NULL;
		tx(f, buf);
		return true;
	}
	if (f->refuse_n) {
		f->refuse_n--;
		answer(f, f->refuse, cmd->trans_id, "");
		return true;
	}
	return false;
}

static void rx_command(struct stub_mgw *f, const struct mgcp_msg *cmd)
{
	if (misbehave(f, cmd))
		return;
	switch (cmd->verb) {
	case MGCP_VERB_CRCX:
		do_crcx(f, cmd);
		break;
	case MGCP_VERB_MDCX:
		do_mdcx(f, cmd);
		break;
	case MGCP_VERB_DLCX:
		do_dlcx(f, cmd);
		break;
	default:
		f->n_auep++;
		answer(f, 200, cmd->trans_id, "");
		break;
	}
}

static int fd_cb(struct osmo_fd *ofd, unsigned int what)
{
	struct stub_mgw *f = ofd->data;
	struct mgcp_msg msg;
	char buf[MGCP_MAX_DATAGRAM];
	size_t used;
	ssize_t len;

	f->ca_len = sizeof(f->ca);
	len = recvfrom(ofd->fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&f->ca, &f->ca_len);
	if (len <= 0)
		return 0;
	EXPECT(mgcp_msg_parse(&msg, buf, len, &used) == 0);
	if (!msg.is_command) {
		printf("  > %03u\n", msg.code);
		return 0;
	}
	tell(f, &msg);
	if (f->deaf)
		f->deaf--;
	else
		rx_command(f, &msg);
	return 0;
}

static void open_socket(struct stub_mgw *f)
{
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	int fd = osmo_sock_init2(strchr(f->ip, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, IPPROTO_UDP, f->ip, f->port, NULL,
				 0, OSMO_SOCK_F_BIND);

	EXPECT(fd >= 0);
	osmo_fd_setup(&f->ofd, fd, OSMO_FD_READ, fd_cb, f, 0);
	osmo_fd_register(&f->ofd);
	getsockname(fd, (struct sockaddr *)&local, &len);
	f->port = ntohs(local.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&local)->sin6_port
						    : ((struct sockaddr_in *)&local)->sin_port);
}

void stub_mgw_start(struct stub_mgw *f, const char *ip)
{
	*f = (struct stub_mgw){ .ip = ip };
	open_socket(f);
}

void stub_mgw_stop(struct stub_mgw *f)
{
	osmo_fd_close(&f->ofd);
	memset(f->endpoints, 0, sizeof(f->endpoints));
}

void stub_mgw_restart(struct stub_mgw *f)
{
	open_socket(f);
}

unsigned int stub_mgw_conns(const struct stub_mgw *f)
{
	unsigned int n = 0, e;

	for (e = 0; e < STUB_MGW_ENDPOINTS; e++)
		n += !!f->endpoints[e].conns[0] + !!f->endpoints[e].conns[1];
	return n;
}
