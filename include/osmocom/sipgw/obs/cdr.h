/*! \file cdr.h
 * Call detail records: one per call attempt, in JSON lines or CSV, to a file or to syslog.
 *
 * Nothing is kept for a call before it ends; then one record is made of what the call and its legs know, waits a moment for what the media gateway
 * has counted, and is written. What cannot be written waits in memory, bounded; beyond that it is counted as lost. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/core/utils.h>

struct calls;
struct cdr;
struct rate_ctr_group;

enum cdr_format {
	CDR_JSON,
	CDR_CSV,
};

enum cdr_sink {
	CDR_OFF,
	CDR_FILE,
	CDR_SYSLOG,
};

extern const struct value_string cdr_format_names[];

#define CDR_MAX_FILES_DEFAULT 10
#define CDR_SYSLOG_PATH	      "/dev/log"

/*! Set by the VTY, then cdr_apply(). */
struct cdr_cfg {
	int sink;		/*!< enum cdr_sink; default off */
	int format;		/*!< enum cdr_format */
	char *path;		/*!< of the file */
	char *syslog_path;	/*!< of syslogd's datagram socket, NULL: CDR_SYSLOG_PATH */
	uint32_t max_mb;	/*!< the file is rotated when it is larger; 0: never */
	uint16_t max_files;	/*!< how many rotated ones are kept: PATH.1 (the newest) to PATH.N */
};

/*! How it goes, for the operator. */
struct cdr_status {
	bool ok;
	uint64_t written, lost;
	unsigned int waiting;	/*!< made but not written yet */
	char why[128];		/*!< what went wrong, "" if nothing did */
};

enum cdr_ctr {
	CDR_CTR_WRITTEN,
	CDR_CTR_LOST,
	CDR_CTR_WRITE_FAILED,
	CDR_CTR_ROTATED,
};

/*! Watches \a calls, which has to outlive it. Freed by talloc_free(), after cdr_flush() if nothing is to be lost. One per process: it takes the hook of the
 * gateway's statistics. */
struct cdr *cdr_alloc(void *ctx, struct calls *calls);
struct cdr_cfg *cdr_cfg(struct cdr *cdr);
const char *cdr_sink_name(const struct cdr_cfg *cfg); /*!< path of the file or socket, for the operator */
int cdr_apply(struct cdr *cdr);		/*!< 0, or negative errno: it cannot be opened; tried again from time to time all the same */
void cdr_reopen(struct cdr *cdr);	/*!< SIGHUP: close the file or socket and open what has its name now */
void cdr_flush(struct cdr *cdr);	/*!< write all that waits, now, as far as it can be written */
void cdr_get_status(const struct cdr *cdr, struct cdr_status *status);
struct rate_ctr_group *cdr_ctrs(const struct cdr *cdr);
