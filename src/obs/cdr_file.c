/* The file that call detail records go to, and its rotation by size. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <osmocom/sipgw/base/log.h>

#include "cdr_internal.h"

/* A line is there whole or not at all: what was written of it is taken back. */
static int write_whole(struct cdr_out *out, const char *text, size_t len)
{
	ssize_t n = write(out->fd, text, len);
	int err = n < 0 ? errno : ENOSPC;

	if (n == (ssize_t)len) {
		out->size += len;
		return 0;
	}
	if (n > 0 && ftruncate(out->fd, out->size) < 0)
		return -errno;
	return -err;
}

static int write_csv_header(struct cdr *cdr)
{
	char buf[CDR_MAX_LEN];
	int len;

	if (cdr->cfg.format != CDR_CSV || cdr->out.size)
		return 0;
	len = cdr_write_header(buf, sizeof(buf), cdr->cfg.format);
	return len > 0 ? write_whole(&cdr->out, buf, len) : len;
}

/*! 0 or negative errno. */
int cdr_file_open(struct cdr *cdr)
{
	struct cdr_out *out = &cdr->out;
	struct stat st;

	out->fd = open(cdr->cfg.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
	if (out->fd < 0)
		return -errno;
	out->size = fstat(out->fd, &st) < 0 ? 0 : st.st_size;
	return write_csv_header(cdr);
}

static void rotated_name(char *buf, size_t len, const struct cdr *cdr, unsigned int n)
{
	snprintf(buf, len, n ? "%s.%u" : "%s", cdr->cfg.path, n);
}

/* PATH becomes PATH.1, PATH.1 becomes PATH.2 and so on; the oldest goes. */
static int rotate(struct cdr *cdr)
{
	char from[4096], to[4096];
	unsigned int i;

	cdr_out_close(cdr);
	for (i = cdr->cfg.max_files; i > 0; i--) {
		rotated_name(from, sizeof(from), cdr, i - 1);
		rotated_name(to, sizeof(to), cdr, i);
		if (rename(from, to) < 0 && errno != ENOENT)
			LOGP(DOBS, LOGL_ERROR, "cannot rename %s: %s\n", from, strerror(errno));
	}
	cdr_count(cdr, CDR_CTR_ROTATED);
	return cdr_file_open(cdr);
}

static bool is_full(const struct cdr *cdr)
{
	return cdr->cfg.max_mb && cdr->cfg.max_files && cdr->out.size >= (off_t)cdr->cfg.max_mb << 20;
}

/*! 0 or negative errno. */
int cdr_file_write(struct cdr *cdr, const char *line, size_t len)
{
	int rc = is_full(cdr) ? rotate(cdr) : 0;

	return rc < 0 ? rc : write_whole(&cdr->out, line, len);
}
