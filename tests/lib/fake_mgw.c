/* A media gateway with the manners of osmo-mgw 1.10: two connections per endpoint, no "sendrecv" without a remote side,
 * DLCX of all connections, MDCX of an endpoint that it does not know refused. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/select.h>
#include <osmocom/core/utils.h>

#include "fake_mgw.h"
#include "fake_time.h"
#include "story.h"
#include "tell.h"

#define MAX_ENDPS    8
#define MAX_LOG	     64
#define MAX_LOG_LINE 400

struct conn {
	bool used;
	uint16_t port;
	bool ipv6;
	char what[256]; /* what was asked for last */
};

static struct {
	struct osmo_fd fd;
	struct conn conns[MAX_ENDPS][2];
	uint16_t next_port;
	bool silent, probes, ipv6, no_ipv4;
	int refuse;
	unsigned int lose;
	unsigned int n_log;
	char log[MAX_LOG][MAX_LOG_LINE];
	char last_id[16], last_resp[1024];
} mgw = { .fd.fd = -1 };

struct cmd {
	char verb[8], id[16], endp[64];
	char mode[16], ci[16], codec[32];
	char remote[64], format[64];
	bool ipv6;	/* the remote side */
	char what[256]; /* all of it in words */
};

static void field(char *to, size_t len, const char *from)
{
	size_t n = strcspn(from, "\r\n");
	osmo_strlcpy(to, from, OSMO_MIN(len, n + 1));
}

static void parse_line(struct cmd *c, const char *line)
{
	char ip[64] = "", *p;
	int port;

	if (!strncasecmp(line, "M: ", 3)) {
		field(c->mode, sizeof(c->mode), line + 3);
	} else if (!strncasecmp(line, "I: ", 3)) {
		field(c->ci, sizeof(c->ci), line + 3);
	} else if (!strncasecmp(line, "L: ", 3) && (p = strstr(line, "a:"))) {
		field(c->codec, sizeof(c->codec), p + 2);
		c->codec[strcspn(c->codec, ", ")] = '\0';
	} else if (!strncmp(line, "c=IN IP4 ", 9) || !strncmp(line, "c=IN IP6 ", 9)) {
		field(c->remote, sizeof(c->remote), line + 9);
		c->ipv6 = line[7] == '6';
	} else if (sscanf(line, "m=audio %d", &port) == 1) {
		OSMO_STRLCPY_ARRAY(ip, c->remote);
		snprintf(c->remote, sizeof(c->remote), c->ipv6 ? "[%.40s]:%d" : "%.40s:%d", ip, port);
		field(c->format, sizeof(c->format), strstr(line, "RTP/AVP ") + 8);
	} else if (!strncmp(line, "a=rtpmap:", 9) && atoi(line + 9) == atoi(c->format)) {
		p = strchr(line, ' ');
		field(c->codec, sizeof(c->codec), p + 1);
	}
}

static bool parse_cmd(struct cmd *c, const char *buf)
{
	*c = (struct cmd){};
	if (sscanf(buf, "%7s %15s %63s", c->verb, c->id, c->endp) != 3)
		return false;
	for (buf = strchr(buf, '\n'); buf; buf = strchr(buf + 1, '\n'))
		parse_line(c, buf + 1);
	snprintf(c->what, sizeof(c->what), "%s%s%s%s%s%s%s%s", c->mode[0] ? " " : "", c->mode, c->codec[0] ? " " : "",
		 c->codec, c->format[0] ? " pt " : "", c->format, c->remote[0] ? " to " : "", c->remote);
	return true;
}

static void log_cmd(const struct cmd *c)
{
	EXPECT(mgw.n_log < MAX_LOG);
	snprintf(mgw.log[mgw.n_log++], MAX_LOG_LINE, "%s %s%s%s%s", c->verb, c->endp, c->ci[0] ? "/" : "", c->ci,
		 c->what);
}

static int endp_index(const struct cmd *c)
{
	unsigned int i, n;

	if (strchr(c->endp, '*')) {
		for (i = 0; i < MAX_ENDPS && (mgw.conns[i][0].used || mgw.conns[i][1].used); i++)
			;
		return i < MAX_ENDPS ? (int)i : -403;
	}
	if (sscanf(c->endp, "rtpbridge/%x@mgw", &n) != 1 || n < 1 || n > MAX_ENDPS)
		return -500;
	return n - 1;
}

static int pt_of(const struct cmd *c)
{
	if (c->format[0])
		return atoi(c->format);
	return !strncasecmp(c->codec, "GSM-EFR", 7)  ? 110
	       : !strncasecmp(c->codec, "GSM-HR", 6) ? 111
	       : !strncasecmp(c->codec, "AMR", 3)    ? 112
	       : !strncasecmp(c->codec, "GSM", 3)    ? 3
						     : 0;
}

static int ok_with_sdp(char *out, size_t len, const struct cmd *c, int endp, int conn, const char *head)
{
	const char *addr = mgw.conns[endp][conn].ipv6 ? "IP6 fd00::9" : "IP4 127.0.0.9";
	int pt = pt_of(c);
	char rtpmap[64] = "";

	if (pt >= 96)
		snprintf(rtpmap, sizeof(rtpmap), "a=rtpmap:%d %s%s\r\n", pt, c->codec,
			 strchr(c->codec, '/') ? "" : "/8000");
	return snprintf(out, len,
			"200 %s OK\r\n%s\r\nv=0\r\no=- %d 23 IN %s\r\ns=-\r\nc=IN %s\r\nt=0 0\r\n"
			"m=audio %u RTP/AVP %d\r\na=ptime:20\r\n%s",
			c->id, head, endp, addr, addr, mgw.conns[endp][conn].port, pt, rtpmap);
}

/* The remote side's IP version if it has that one; osmo-mgw says nothing if it has not */
static bool takes_ipv6(const struct cmd *c)
{
	return mgw.no_ipv4 || (mgw.ipv6 && (c->ipv6 || !c->remote[0]));
}

static void bind_port(struct conn *conn, bool ipv6)
{
	conn->ipv6 = ipv6;
	conn->port = mgw.next_port;
	mgw.next_port += 2;
}

static int crcx(char *out, size_t len, const struct cmd *c)
{
	int endp = endp_index(c), conn = 0;
	char head[96] = "";

	if (endp < 0)
		return snprintf(out, len, "%d %s FAIL\r\n", -endp, c->id);
	while (conn < 2 && mgw.conns[endp][conn].used)
		conn++;
	if (conn == 2)
		return snprintf(out, len, "540 %s FAIL\r\n", c->id);
	if (strcmp(c->mode, "recvonly") && !c->remote[0])
		return snprintf(out, len, "527 %s FAIL\r\n", c->id);
	mgw.conns[endp][conn] = (struct conn){ .used = true };
	bind_port(&mgw.conns[endp][conn], takes_ipv6(c));
	OSMO_STRLCPY_ARRAY(mgw.conns[endp][conn].what, c->what);
	log_cmd(c);
	if (strchr(c->endp, '*'))
		snprintf(head, sizeof(head), "Z: rtpbridge/%x@mgw\r\n", endp + 1);
	snprintf(head + strlen(head), sizeof(head) - strlen(head), "I: %X%X\r\n", 0xA0 + endp, 0xB0 + conn);
	return ok_with_sdp(out, len, c, endp, conn, head);
}

static int conn_of(const struct cmd *c, int endp)
{
	unsigned int e, n;

	if (sscanf(c->ci, "%2X%2X", &e, &n) != 2 || (int)e != 0xA0 + endp || n < 0xB0 || n > 0xB1 ||
	    !mgw.conns[endp][n - 0xB0].used)
		return -1;
	return n - 0xB0;
}

static int mdcx(char *out, size_t len, const struct cmd *c)
{
	int endp = endp_index(c), conn;

	if (endp < 0 || (!mgw.conns[endp][0].used && !mgw.conns[endp][1].used))
		return snprintf(out, len, "400 %s FAIL\r\n", c->id);
	conn = conn_of(c, endp);
	if (conn < 0)
		return snprintf(out, len, "516 %s FAIL\r\n", c->id);
	/* a live endpoint is asked now and then if it is still there, by an MDCX that says nothing new */
	if (strcmp(mgw.conns[endp][conn].what, c->what)) {
		log_cmd(c);
		if (mgw.probes || mgw.conns[endp][conn].ipv6 != takes_ipv6(c))
			bind_port(&mgw.conns[endp][conn], takes_ipv6(c));
	}
	OSMO_STRLCPY_ARRAY(mgw.conns[endp][conn].what, c->what);
	return ok_with_sdp(out, len, c, endp, conn, "");
}

static int dlcx(char *out, size_t len, const struct cmd *c)
{
	int endp = endp_index(c), conn;

	if (endp < 0 || (!mgw.conns[endp][0].used && !mgw.conns[endp][1].used))
		return snprintf(out, len, "515 %s FAIL\r\n", c->id);
	conn = c->ci[0] ? conn_of(c, endp) : 0;
	if (conn < 0)
		return snprintf(out, len, "516 %s FAIL\r\n", c->id);
	log_cmd(c);
	if (c->ci[0])
		mgw.conns[endp][conn].used = false;
	else
		memset(mgw.conns[endp], 0, sizeof(mgw.conns[endp]));
	return snprintf(out, len, "250 %s OK\r\n", c->id);
}

static int answer(char *out, size_t len, const struct cmd *c)
{
	int refuse = mgw.refuse;

	if (refuse && strcmp(c->verb, "AUEP")) {
		mgw.refuse = 0;
		log_cmd(c);
		return snprintf(out, len, "%d %s FAIL\r\n", refuse, c->id);
	}
	if (!strcmp(c->verb, "CRCX"))
		return crcx(out, len, c);
	if (!strcmp(c->verb, "MDCX"))
		return mdcx(out, len, c);
	if (!strcmp(c->verb, "DLCX"))
		return dlcx(out, len, c);
	return snprintf(out, len, "200 %s OK\r\n", c->id);
}

static int mgw_cb(struct osmo_fd *ofd, unsigned int what)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	char buf[4096], out[1024];
	struct cmd c;
	int len = recvfrom(ofd->fd, buf, sizeof(buf) - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

	if (len <= 0)
		return 0;
	buf[len] = '\0';
	if (!parse_cmd(&c, buf) || (buf[0] >= '0' && buf[0] <= '9'))
		return 0;
	if (mgw.lose && strcmp(c.verb, "AUEP")) {
		mgw.lose--;
		return 0;
	}
	if (mgw.silent)
		return 0;
	if (strcmp(c.id, mgw.last_id)) { /* a repeated command gets the answer from before */
		answer(mgw.last_resp, sizeof(mgw.last_resp), &c);
		OSMO_STRLCPY_ARRAY(mgw.last_id, c.id);
	}
	OSMO_STRLCPY_ARRAY(out, mgw.last_resp);
	sendto(ofd->fd, out, strlen(out), 0, (struct sockaddr *)&from, from_len);
	return 0;
}

uint16_t fake_mgw_start(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	EXPECT(fd >= 0 && !bind(fd, (struct sockaddr *)&sin, sizeof(sin)) &&
	       !getsockname(fd, (struct sockaddr *)&sin, &len));
	memset(&mgw, 0, sizeof(mgw));
	mgw.next_port = 16002;
	osmo_fd_setup(&mgw.fd, fd, OSMO_FD_READ, mgw_cb, NULL, 0);
	EXPECT(osmo_fd_register(&mgw.fd) == 0);
	return ntohs(sin.sin_port);
}

void fake_mgw_stop(void)
{
	if (mgw.fd.fd < 0)
		return;
	osmo_fd_unregister(&mgw.fd);
	close(mgw.fd.fd);
	mgw.fd.fd = -1;
}

void mgw_is_silent(bool silent)
{
	mgw.silent = silent;
}

void mgw_probes(bool probes)
{
	mgw.probes = probes;
}

void mgw_has(bool ipv4, bool ipv6)
{
	mgw.no_ipv4 = !ipv4;
	mgw.ipv6 = ipv6;
}

void mgw_refuses(int code)
{
	mgw.refuse = code;
}

void mgw_loses(unsigned int n)
{
	mgw.lose = n;
}

void mgw_restarts(void)
{
	memset(mgw.conns, 0, sizeof(mgw.conns));
	mgw.last_id[0] = '\0';
}

void mgw_heard(void)
{
	unsigned int i;

	pump();
	for (i = 0; i < mgw.n_log; i++)
		tell("    MGW < %s\n", mgw.log[i]);
	mgw.n_log = 0;
}

unsigned int mgw_n_connections(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < MAX_ENDPS; i++)
		n += mgw.conns[i][0].used + mgw.conns[i][1].used;
	return n;
}
