/* Where call detail records go: a file that is rotated, or syslog.
 *
 * A line is written at once and whole, or it waits in memory, in order, and is tried again: a full disk delays records
 * and says so, it does not lose them before CDR_MAX_WAITING are waiting. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "cdr_internal.h"

static void failed(struct cdr *cdr, const char *what, int err)
{
	struct cdr_file *f = &cdr->file;

	cdr_count(cdr, CDR_CTR_WRITE_FAILED);
	snprintf(f->why, sizeof(f->why), "%s: %s", what, strerror(err));
	if (!f->failed)
		LOGP(DOBS, LOGL_ERROR, "call records cannot be written to %s, they wait: %s\n", cdr->cfg.path, f->why);
	f->failed = true;
	timer_start_ms(&f->retry, CDR_RETRY_MS);
}

static void recovered(struct cdr *cdr)
{
	struct cdr_file *f = &cdr->file;

	if (f->failed)
		LOGP(DOBS, LOGL_NOTICE, "call records are written to %s again\n", cdr->cfg.path);
	f->failed = false;
	f->why[0] = '\0';
	osmo_timer_del(&f->retry);
}

/* A line is there whole or not at all: what was written of it is taken back. */
static int write_whole(struct cdr_file *f, const char *text, size_t len)
{
	ssize_t n = write(f->fd, text, len);
	int err = n < 0 ? errno : ENOSPC;

	if (n == (ssize_t)len) {
		f->size += len;
		return 0;
	}
	if (n > 0 && ftruncate(f->fd, f->size) < 0)
		return -errno;
	return -err;
}

static int write_csv_header(struct cdr *cdr)
{
	char buf[CDR_MAX_LEN];
	int len;

	if (cdr->cfg.format != CDR_CSV || cdr->file.size)
		return 0;
	len = cdr_write_header(buf, sizeof(buf), cdr->cfg.format);
	return len > 0 ? write_whole(&cdr->file, buf, len) : len;
}

int cdr_file_open(struct cdr *cdr)
{
	struct cdr_file *f = &cdr->file;
	struct stat st;
	int rc;

	f->fd = open(cdr->cfg.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
	if (f->fd < 0) {
		rc = -errno;
		failed(cdr, "open", errno);
		return rc;
	}
	f->size = fstat(f->fd, &st) < 0 ? 0 : st.st_size;
	rc = write_csv_header(cdr);
	if (rc < 0) {
		failed(cdr, "write", -rc);
		return rc;
	}
	return 0;
}

void cdr_file_close(struct cdr *cdr)
{
	if (cdr->file.fd >= 0)
		close(cdr->file.fd);
	cdr->file.fd = -1;
	osmo_timer_del(&cdr->file.retry);
}

static void rotated_name(char *buf, size_t len, const struct cdr *cdr, unsigned int n)
{
	snprintf(buf, len, n ? "%s.%u" : "%s", cdr->cfg.path, n);
}

/* PATH becomes PATH.1, PATH.1 becomes PATH.2 and so on; the oldest goes. */
static void rotate(struct cdr *cdr)
{
	char from[4096], to[4096];
	unsigned int i;

	cdr_file_close(cdr);
	for (i = cdr->cfg.max_files; i > 0; i--) {
		rotated_name(from, sizeof(from), cdr, i - 1);
		rotated_name(to, sizeof(to), cdr, i);
		if (rename(from, to) < 0 && errno != ENOENT)
			LOGP(DOBS, LOGL_ERROR, "cannot rename %s: %s\n", from, strerror(errno));
	}
	cdr_count(cdr, CDR_CTR_ROTATED);
	cdr_file_open(cdr);
}

static bool is_full(const struct cdr *cdr)
{
	return cdr->cfg.max_mb && cdr->cfg.max_files && cdr->file.size >= (off_t)cdr->cfg.max_mb << 20;
}

/* 0 if it is written. */
static int put_now(struct cdr *cdr, const char *text, size_t len)
{
	struct cdr_file *f = &cdr->file;
	int rc;

	if (f->fd < 0 && cdr_file_open(cdr) < 0)
		return -EIO;
	if (is_full(cdr))
		rotate(cdr);
	rc = f->fd < 0 ? -EIO : write_whole(f, text, len);
	if (rc < 0) {
		if (f->fd >= 0)
			failed(cdr, "write", -rc);
		return rc;
	}
	cdr_count(cdr, CDR_CTR_WRITTEN);
	return 0;
}

static void keep(struct cdr *cdr, const char *text, size_t len)
{
	struct cdr_file *f = &cdr->file;
	struct cdr_line *line;

	if (f->n_waiting >= CDR_MAX_WAITING) {
		cdr_count(cdr, CDR_CTR_LOST);
		return;
	}
	line = talloc_size(cdr, sizeof(*line) + len);
	OSMO_ASSERT(line);
	line->len = len;
	memcpy(line->text, text, len);
	llist_add_tail(&line->entry, &f->waiting);
	f->n_waiting++;
}

/* Each line in turn until one cannot be written. */
void cdr_file_flush(struct cdr *cdr)
{
	struct cdr_file *f = &cdr->file;
	struct cdr_line *line, *next;

	llist_for_each_entry_safe (line, next, &f->waiting, entry) {
		if (put_now(cdr, line->text, line->len) < 0)
			return;
		llist_del(&line->entry);
		f->n_waiting--;
		talloc_free(line);
	}
	if (f->fd >= 0)
		recovered(cdr);
}

static void try_again(void *data)
{
	struct cdr *cdr = data;

	if (cdr->cfg.sink != CDR_FILE)
		return;
	cdr_file_close(cdr); /* the name may lead somewhere else now */
	if (cdr_file_open(cdr) == 0)
		cdr_file_flush(cdr);
}

void cdr_file_init(struct cdr *cdr)
{
	cdr->file.fd = -1;
	INIT_LLIST_HEAD(&cdr->file.waiting);
	osmo_timer_setup(&cdr->file.retry, try_again, cdr);
}

/* \a line with its newline. */
void cdr_file_put(struct cdr *cdr, const char *line, size_t len)
{
	if (cdr->cfg.sink == CDR_SYSLOG) {
		syslog(LOG_LOCAL0 | LOG_INFO, "%.*s", (int)len - 1, line);
		cdr_count(cdr, CDR_CTR_WRITTEN);
		return;
	}
	if (!llist_empty(&cdr->file.waiting) || put_now(cdr, line, len) < 0)
		keep(cdr, line, len);
}
