/* The way out of call detail records, wherever they go: in order, whole, and not lost because the sink is away.
 *
 * A line is written at once or it waits in memory and is tried again: a full disk or a dead syslogd delays records and
 * says so, it does not lose them before CDR_MAX_WAITING are waiting. Nothing here blocks. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "cdr_internal.h"

#define BUSY_MS	  100
#define BUSY_LONG 10 /* times in a row: not only a moment any more */

static const struct {
	int (*open)(struct cdr *cdr);
	int (*write)(struct cdr *cdr, const char *line, size_t len);
} sinks[] = {
	[CDR_FILE] = { cdr_file_open, cdr_file_write },
	[CDR_SYSLOG] = { cdr_syslog_open, cdr_syslog_write },
};

const char *cdr_sink_name(const struct cdr_cfg *cfg)
{
	if (cfg->sink == CDR_FILE)
		return cfg->path;
	return cfg->sink == CDR_SYSLOG ? cfg->syslog_path ?: CDR_SYSLOG_PATH : "nowhere";
}

/* ---- how it goes ---- */

/* There, and takes nothing at the moment. */
static bool is_busy(int err)
{
	return err == EAGAIN || err == ENOBUFS;
}

static void failed(struct cdr *cdr, int err)
{
	struct cdr_out *out = &cdr->out;

	cdr_count(cdr, CDR_CTR_WRITE_FAILED);
	OSMO_STRLCPY_ARRAY(out->why, is_busy(err) ? "nobody reads there" : strerror(err));
	if (!out->failed)
		LOGP(DOBS, LOGL_ERROR, "call records cannot be written to %s, they wait: %s\n",
		     cdr_sink_name(&cdr->cfg), out->why);
	out->failed = true;
	timer_start_ms(&out->retry, CDR_RETRY_MS);
}

/* As a syslogd that has much to do. */
static void busy(struct cdr *cdr, int err)
{
	if (++cdr->out.n_busy >= BUSY_LONG)
		failed(cdr, err);
	else
		timer_start_ms(&cdr->out.retry, BUSY_MS);
}

static void trouble(struct cdr *cdr, int err)
{
	if (is_busy(err))
		busy(cdr, err);
	else
		failed(cdr, err);
}

static void recovered(struct cdr *cdr)
{
	struct cdr_out *out = &cdr->out;

	if (out->failed)
		LOGP(DOBS, LOGL_NOTICE, "call records are written to %s again\n", cdr_sink_name(&cdr->cfg));
	out->failed = false;
	out->n_busy = 0;
	out->why[0] = '\0';
	osmo_timer_del(&out->retry);
}

/* ---- writing ---- */

int cdr_out_open(struct cdr *cdr)
{
	int rc = sinks[cdr->cfg.sink].open(cdr);

	if (rc < 0)
		failed(cdr, -rc);
	return rc;
}

void cdr_out_close(struct cdr *cdr)
{
	if (cdr->out.fd >= 0)
		close(cdr->out.fd);
	cdr->out.fd = -1;
	osmo_timer_del(&cdr->out.retry);
}

/* 0 if it is written. */
static int put_now(struct cdr *cdr, const char *line, size_t len)
{
	int rc;

	if (cdr->out.fd < 0) {
		rc = cdr_out_open(cdr);
		if (rc < 0)
			return rc;
	}
	rc = sinks[cdr->cfg.sink].write(cdr, line, len);
	if (rc < 0) {
		trouble(cdr, -rc);
		return rc;
	}
	cdr_count(cdr, CDR_CTR_WRITTEN);
	cdr->out.n_busy = 0;
	return 0;
}

static void keep(struct cdr *cdr, const char *text, size_t len)
{
	struct cdr_out *out = &cdr->out;
	struct cdr_line *line;

	if (out->n_waiting >= CDR_MAX_WAITING) {
		cdr_count(cdr, CDR_CTR_LOST);
		return;
	}
	line = talloc_size(cdr, sizeof(*line) + len);
	OSMO_ASSERT(line);
	line->len = len;
	memcpy(line->text, text, len);
	llist_add_tail(&line->entry, &out->waiting);
	out->n_waiting++;
}

/* Each line in turn until one cannot be written. */
void cdr_out_flush(struct cdr *cdr)
{
	struct cdr_out *out = &cdr->out;
	struct cdr_line *line, *next;

	if (cdr->cfg.sink == CDR_OFF)
		return;
	llist_for_each_entry_safe (line, next, &out->waiting, entry) {
		if (put_now(cdr, line->text, line->len) < 0)
			return;
		llist_del(&line->entry);
		out->n_waiting--;
		talloc_free(line);
	}
	if (out->fd >= 0)
		recovered(cdr);
}

/*! Open anew what has the name now, and write what waits for it. 0 or negative errno. */
int cdr_out_reopen(struct cdr *cdr)
{
	int rc;

	cdr_out_close(cdr);
	if (cdr->cfg.sink == CDR_OFF)
		return 0;
	rc = cdr_out_open(cdr);
	if (rc == 0)
		cdr_out_flush(cdr);
	return rc;
}

static void try_again(void *data)
{
	struct cdr *cdr = data;

	if (cdr->out.failed) /* the name may lead somewhere else now */
		cdr_out_reopen(cdr);
	else
		cdr_out_flush(cdr);
}

/*! \a line with its newline. A record may be done when none is wanted any more. */
void cdr_out_put(struct cdr *cdr, const char *line, size_t len)
{
	if (cdr->cfg.sink == CDR_OFF)
		return;
	if (!llist_empty(&cdr->out.waiting) || put_now(cdr, line, len) < 0)
		keep(cdr, line, len);
}

/* ---- the object ---- */

void cdr_out_init(struct cdr *cdr)
{
	cdr->out.fd = -1;
	INIT_LLIST_HEAD(&cdr->out.waiting);
	osmo_timer_setup(&cdr->out.retry, try_again, cdr);
}

/*! What waits now is lost, and is said to be. */
void cdr_out_end(struct cdr *cdr)
{
	if (cdr->out.n_waiting)
		LOGP(DOBS, LOGL_ERROR, "%u call records are lost, they could not be written: %s\n", cdr->out.n_waiting,
		     cdr->out.why);
	cdr_out_close(cdr);
}
