/* The VTY as a whole: nodes and commands installed, the configuration read in, the telnet port opened.
 *
 * Each node has its own file. The modules own their configuration and its defaults; a command sets a value and tells
 * the module, a writer shows what differs from the default (addresses always), so that a file written and read again
 * gives the same. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/vty/sipgw_vty.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/sockaddr_str.h>
#include <osmocom/core/socket.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/vty/buffer.h>
#include <osmocom/vty/cpu_sched_vty.h>
#include <osmocom/vty/logging.h>
#include <osmocom/vty/misc.h>
#include <osmocom/vty/ports.h>
#include <osmocom/vty/stats.h>
#include <osmocom/vty/tdef_vty.h>
#include <osmocom/vty/telnet_interface.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/health/config_check.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>

#include "config.h"
#include "vty_internal.h"

struct sipgw *vty_gw;

/* What was set in a node of a media gateway takes effect as it is set; a gateway added while we run begins when its
 * node is left. */
static int go_parent(struct vty *vty)
{
	struct mgw *mgw = vty->index;

	if (vty->node == MGW_NODE && vty_gw->running && mgw_get_state(mgw) == MGW_ST_OFF && mgw_start(mgw) < 0)
		vty_out(vty, "%% Media gateway %s cannot be started: no socket%s", mgw_name(mgw), VTY_NEWLINE);
	return 0;
}

/* Before a configuration is written: 0 stops it. */
static int config_is_consistent(struct vty *vty)
{
	char why[256];

	if (sipgw_config_check(vty_gw, why, sizeof(why)) == 0)
		return 1;
	vty_out(vty, "%% %s%s", why, VTY_NEWLINE);
	return 0;
}

struct vty_app_info sipgw_vty_info = {
	.name = "OsmoSIPgw",
	.version = PACKAGE_VERSION,
	.copyright = "Copyright (C) 2026 the osmo-sipgw authors\r\n"
		     "License AGPLv3+: GNU AGPL version 3 or later <http://gnu.org/licenses/agpl-3.0.html>\r\n"
		     "This is free software: you are free to change and redistribute it.\r\n"
		     "There is NO WARRANTY, to the extent permitted by law.\r\n",
	.go_parent_cb = go_parent,
	.config_is_consistent = config_is_consistent,
};

/* Which argument is the one called VALUE, else the last one: words in capitals are arguments. */
static int value_index(const char *cmd)
{
	const char *value = strstr(cmd, "VALUE"), *c;
	int i = 0;

	if (!value)
		return INT_MAX;
	for (c = cmd; c < value; c++)
		i += (c == cmd || c[-1] == ' ') && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ<([.", *c);
	return i;
}

/*! Tell what would have been right in place of the argument that is called VALUE. */
int vty_expect_func(struct cmd_element *self, struct vty *vty, int argc, const char *argv[])
{
	const struct vty_expect *x = container_of(self, struct vty_expect, cmd);
	int i = OSMO_MIN(value_index(self->string), argc - 1);

	vty_out(vty, "%% Wrong value '%s': expected %s%s", argv[i], x->expected, VTY_NEWLINE);
	return CMD_WARNING;
}

/*! Is \a arg an IPv4 or IPv6 address? If not, that is said. */
bool vty_arg_is_ip(struct vty *vty, const char *arg)
{
	struct in6_addr buf;

	if (inet_pton(AF_INET, arg, &buf) == 1 || inet_pton(AF_INET6, arg, &buf) == 1)
		return true;
	vty_out(vty, "%% Not an IP address: '%s'; expected e.g. 192.0.2.1 or 2001:db8::1%s", arg, VTY_NEWLINE);
	return false;
}

/*! Can \a arg be the name of something, also in counters and on the wire? If not, that is said. */
bool vty_arg_is_name(struct vty *vty, const char *arg)
{
	const char *c;

	for (c = arg; *c && (isalnum((unsigned char)*c) || strchr("-_.", *c)); c++)
		;
	if (!*c && c - arg <= 64)
		return true;
	vty_out(vty, "%% Not a name: '%s'; expected letters, digits, '-', '_', '.', at most 64%s", arg, VTY_NEWLINE);
	return false;
}

/*! Said when a change was taken, but does not change anything before the next start. */
void vty_only_at_start(struct vty *vty)
{
	if (vty_gw->running)
		vty_out(vty, "%% Takes effect at the next start%s", VTY_NEWLINE);
}

#define VTY_COLUMNS 80

/* How much of \a text goes into a line of \a width: whole words, if it is made of such. */
static size_t line_len(const char *text, size_t width)
{
	size_t len = width;

	if (strlen(text) <= width)
		return strlen(text);
	while (len && text[len] != ' ')
		len--;
	return len ? len : width;
}

/*! A sentence of any length behind a title, in as many lines as it takes. */
void vty_out_wrapped(struct vty *vty, const char *title, const char *text)
{
	int indent = strlen(title);
	size_t len;

	do {
		len = line_len(text, VTY_COLUMNS - indent);
		vty_out(vty, "%*s%.*s%s", indent, title, (int)len, text, VTY_NEWLINE);
		text += len + strspn(text + len, " ");
		title = "";
	} while (*text);
}

/*! The counters that are not zero, one line each. */
void vty_out_counters(struct vty *vty, struct rate_ctr_group *ctrs)
{
	unsigned int i;

	for (i = 0; i < ctrs->desc->num_ctr; i++) {
		if (ctrs->ctr[i].current)
			vty_out(vty, "%12" PRIu64 "  %s%s", ctrs->ctr[i].current, ctrs->desc->ctr_desc[i].description,
				VTY_NEWLINE);
	}
}

/*! What of \a str fits into a column; what was cut ends in "..". */
const char *vty_fit(const char *str, size_t width)
{
	return strlen(str) <= width ? str : talloc_asprintf(OTC_SELECT, "%.*s..", (int)width - 2, str);
}

/*! "192.0.2.1:5060", "[2001:db8::1]:5060"; lives until the next turn of the main loop. */
const char *vty_hostport(const char *addr, uint16_t port)
{
	return talloc_asprintf(OTC_SELECT, strchr(addr, ':') ? "[%s]:%u" : "%s:%u", addr, port);
}

/*! A length of time for humans: "12 s", "5 min 3 s", "2 h 10 min", "3 d 4 h"; lives until the next turn of the main
 * loop. */
const char *vty_ago_ms(uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 60)
		return talloc_asprintf(OTC_SELECT, "%" PRIu64 " s", s);
	if (s < 3600)
		return talloc_asprintf(OTC_SELECT, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	if (s < 86400)
		return talloc_asprintf(OTC_SELECT, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
	return talloc_asprintf(OTC_SELECT, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s % 86400 / 3600);
}

/*! Milliseconds since a time of CLOCK_MONOTONIC; 0 if \a then was never. */
uint64_t vty_ms_since(const struct timespec *then)
{
	struct timespec now;

	if (!then->tv_sec && !then->tv_nsec)
		return 0;
	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

VTY_EXPECT(timer_expect, "timer (call|gsm|mncc|mgcp|sip) TNNNN VALUE",
	   "Configure or show timers\nCalls\nGSM legs\nMNCC link to the MSC\nMGCP call agent\nSIP transactions\n"
	   "Number of the timer, as in 'show timer'\nNew value\n",
	   "a number (its unit as in 'show timer') or 'default'");

static void install_libosmocore_commands(void *ctx)
{
	logging_vty_add_cmds();
	osmo_stats_vty_add_cmds();
	osmo_talloc_vty_add_cmds();
	osmo_fsm_vty_add_cmds();
	osmo_cpu_sched_vty_init(ctx);
	/* sets all timers to their defaults */
	osmo_tdef_vty_groups_init(CONFIG_NODE, sipgw_tdef_groups);
	install_element(CONFIG_NODE, &timer_expect.cmd);
}

void sipgw_vty_init(struct sipgw *gw, void *ctx)
{
	vty_gw = gw;
	mncc_vty_init();
	mgw_vty_init();
	sip_vty_init();
	sip_peer_vty_init();
	call_vty_init();
	number_vty_init();
	route_vty_init();
	route_show_vty_init();
	cdr_vty_init();
	trace_vty_init();
	health_vty_init();
	ctrl_vty_node_init(ctx);
	test_call_vty_init();
	install_libosmocore_commands(ctx);
}

static unsigned int count_lines(FILE *file, long end)
{
	unsigned int n = 0;
	int c;

	rewind(file);
	while (ftell(file) < end && (c = fgetc(file)) != EOF)
		n += c == '\n';
	return n;
}

/* What libosmovty or one of our commands had to say about a line. */
static const char *reason_for(struct vty *vty, int rc)
{
	const char *start;
	char *said;

	switch (rc) {
	case CMD_ERR_NO_MATCH:
		return "there is no such command here";
	case CMD_ERR_AMBIGUOUS:
		return "ambiguous command";
	case CMD_ERR_INCOMPLETE:
		return "something is missing at the end";
	case CMD_ERR_INVALID_INDENT:
		return "indentation does not match the lines around it";
	}
	start = said = buffer_getstr(vty->obuf);
	if (!start || !*start)
		return "not accepted";
	start += strspn(start, "% ");
	said[strcspn(said, "\r\n")] = '\0';
	return start;
}

static char *trim(char *line)
{
	line += strspn(line, " \t");
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

/* The number of a line that stands further left than the first one, 0: none. libosmovty looks for its parent without
 * end. */
static unsigned int find_outdented(FILE *file, char *text, size_t len)
{
	unsigned int nr = 0;
	size_t first = SIZE_MAX, indent;

	while (fgets(text, len, file)) {
		nr++;
		indent = strspn(text, " \t");
		if (strchr("!#\r\n", text[indent])) /* or its end */
			continue;
		if (first == SIZE_MAX)
			first = indent;
		if (indent < first)
			break;
	}
	nr = feof(file) ? 0 : nr;
	rewind(file);
	return nr;
}

/*! Read a configuration from the beginning of \a file. 0, or -EINVAL with the number of the line and what is wrong with
 * it. */
int vty_read_config(FILE *file, unsigned int *line, char *why, size_t len)
{
	char text[VTY_BUFSIZ];
	struct vty *vty;
	int rc;

	*line = find_outdented(file, text, sizeof(text));
	if (*line) {
		snprintf(why, len, "'%s': %s", trim(text), reason_for(NULL, CMD_ERR_INVALID_INDENT));
		return -EINVAL;
	}
	vty = vty_new();
	/* as vty_read_config_filep() does, which would print what is wrong over several lines and without the line's
	 * number */
	vty->type = VTY_FILE;
	vty->node = CONFIG_NODE;
	vty->fd = STDERR_FILENO;
	rc = config_from_file(vty, file);
	if (rc != CMD_SUCCESS) {
		*line = count_lines(file, ftell(file));
		snprintf(why, len, "'%s': %s", trim(vty->buf), reason_for(vty, rc));
		buffer_reset(vty->obuf);
	}
	vty_close(vty);
	return rc == CMD_SUCCESS ? 0 : -EINVAL;
}

static int read_file(const char *path, FILE *file, char *why, size_t len)
{
	unsigned int line;
	char what[512];
	int rc = vty_read_config(file, &line, what, sizeof(what));

	if (rc < 0)
		snprintf(why, len, "%s:%u: %s", path, line, what);
	return rc;
}

int sipgw_vty_read_config(struct sipgw *gw, const char *path, char *why, size_t len)
{
	FILE *file = fopen(path, "r");
	char inconsistent[256];
	int rc;

	if (!file) {
		rc = -errno;
		snprintf(why, len, "cannot read the configuration file %s: %s", path, strerror(-rc));
		return rc;
	}
	rc = read_file(path, file, why, len);
	fclose(file);
	if (rc < 0)
		return rc;
	host_config_set(path);
	rc = sipgw_config_check(gw, inconsistent, sizeof(inconsistent));
	if (rc < 0)
		snprintf(why, len, "%s: %s", path, inconsistent);
	return rc;
}

/*! Can that TCP port be opened? 0, or negative errno. libosmocore would tell over several lines and without a reason
 * that a program can use: look for ourselves first. */
int vty_try_to_bind(const char *addr, uint16_t port)
{
	struct osmo_sockaddr_str str;
	struct osmo_sockaddr osa;
	int one = 1, rc = 0, fd;

	if (osmo_sockaddr_str_from_str(&str, addr, port) < 0 || osmo_sockaddr_str_to_sockaddr(&str, &osa.u.sas) < 0)
		return -EINVAL;
	fd = socket(osa.u.sa.sa_family, SOCK_STREAM, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &osa.u.sa, sizeof(osa.u.sas)) < 0 || listen(fd, 1) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int sipgw_vty_listen(struct sipgw *gw, void *ctx, char *why, size_t len)
{
	const char *addr = vty_get_bind_addr();
	int port = vty_get_bind_port(OSMO_VTY_PORT_MNCC_SIP);
	int rc = vty_try_to_bind(addr, port);

	if (rc == 0 && telnet_init_default(ctx, gw, OSMO_VTY_PORT_MNCC_SIP) < 0)
		rc = -EIO;
	if (rc < 0)
		snprintf(why, len,
			 "cannot open the VTY (telnet) port %s: %s ('line vty' / 'bind ADDR PORT' sets another)",
			 vty_hostport(addr, port), strerror(-rc));
	return rc;
}
