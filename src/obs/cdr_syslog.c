/* Call detail records as messages to the syslogd of this machine (RFC 3164 as /dev/log has it).
 *
 * Not by libc's syslog(): that blocks while syslogd reads nothing, and says nothing when it is not there. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "cdr_internal.h"

/*! 0 or negative errno. */
int cdr_syslog_open(struct cdr *cdr)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct cdr_out *out = &cdr->out;
	int err;

	if (osmo_strlcpy(addr.sun_path, cdr_sink_name(&cdr->cfg), sizeof(addr.sun_path)) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	out->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (out->fd < 0)
		return -errno;
	if (connect(out->fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return 0;
	err = errno;
	cdr_out_close(cdr);
	return -err;
}

/* "<134>Nov  2 19:05:00 osmo-sipgw[123]: " */
static int put_head(char *buf, size_t len)
{
	time_t now = time(NULL);
	char when[32];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	return snprintf(buf, len, "<%d>%s osmo-sipgw[%d]: ", LOG_LOCAL0 | LOG_INFO, when, getpid());
}

/* The socket of a syslogd that was restarted has the old name, and is another. */
static bool is_another(int err)
{
	return err == ECONNREFUSED || err == ECONNRESET || err == ENOTCONN || err == EPIPE || err == EDESTADDRREQ;
}

/*! 0 or negative errno. */
int cdr_syslog_write(struct cdr *cdr, const char *line, size_t len)
{
	char msg[64 + CDR_MAX_LEN];
	size_t head = put_head(msg, sizeof(msg));
	int rc;

	len -= 1; /* without the newline */
	memcpy(msg + head, line, len);
	if (send(cdr->out.fd, msg, head + len, MSG_NOSIGNAL) >= 0)
		return 0;
	if (!is_another(errno))
		return -errno;
	cdr_out_close(cdr);
	rc = cdr_syslog_open(cdr);
	if (rc < 0)
		return rc;
	return send(cdr->out.fd, msg, head + len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
