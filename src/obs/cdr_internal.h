/*! \file cdr_internal.h
 * What the files of the call detail records share: what is collected (cdr.c), how it is written down (cdr_write.c), and how it gets out (cdr_out.c)
 * to a file (cdr_file.c) or syslog (cdr_syslog.c). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <time.h>

#include <osmocom/core/hashtable.h>
#include <osmocom/core/linuxlist.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/call/call_observer.h>
#include <osmocom/sipgw/obs/cdr.h>

#define CDR_MAX_LEN	  8192 /* of a line: the longest that can be is less. What syslogds take, too */
#define CDR_MAX_WAITING	  20000 /* records that cannot be written now */
#define CDR_MEDIA_WAIT_MS 3000	/* a gateway that has not told by then will not */
#define CDR_RETRY_MS	  1000

/*! One leg in a record. The last one that stood on its side. */
struct cdr_leg {
	struct hlist_node by_media_key; /*!< cdr->by_media_key, if it has such a key */
	struct cdr_record *record;
	bool there;
	char kind[8];
	char target[32];
	struct leg_record rec;
	bool has_media[2]; /*!< [1]: towards the GSM core */
	struct wire_media_stats media[2];
};

/*! One record while it waits for the gateway. */
struct cdr_record {
	struct llist_head entry; /*!< cdr->open, oldest first */
	struct hlist_node by_id; /*!< cdr->by_id */
	uint64_t until_ms;	 /*!< monotonic */
	uint32_t call_id;
	bool ended;
	struct timespec start, alerting, answered, end; /*!< wall clock; 0: did not happen */
	struct call_parties parties;
	char called_in[NUMBER_MAX_DIGITS + 2], calling_in[NUMBER_MAX_DIGITS + 2]; /*!< as they came, before any rule */
	char route[32];
	const char *media_mode, *released_by;
	bool mt;
	unsigned int attempts; /*!< targets tried */
	struct cause cause;
	struct cdr_leg leg[2];
};

/*! Something written down that waits to be written. */
struct cdr_line {
	struct llist_head entry;
	size_t len;
	char text[];
};

struct cdr_out {
	int fd;	    /*!< -1: not open */
	off_t size; /*!< of the file */
	struct llist_head waiting; /*!< of struct cdr_line */
	unsigned int n_waiting;
	struct osmo_timer_list retry; /*!< while something waits to be written */
	unsigned int n_busy;	      /*!< times in a row that it took nothing for the moment */
	bool failed;
	char why[128];
};

struct cdr {
	struct cdr_cfg cfg;
	struct calls *calls;
	struct call_observer observer;
	struct llist_head open;
	DECLARE_HASHTABLE(by_id, 8);
	DECLARE_HASHTABLE(by_media_key, 8);
	struct osmo_timer_list timer;
	struct cdr_out out;
	struct rate_ctr_group *ctrs;
	char instance[17]; /*!< of this run of the daemon: call ids begin anew */
	struct wire_media_stats early[64]; /*!< told before their leg was gone */
	unsigned int next_early;
};

static inline void cdr_count(const struct cdr *cdr, enum cdr_ctr ctr)
{
	rate_ctr_inc(rate_ctr_group_get_ctr(cdr->ctrs, ctr));
}

/* cdr_write.c */
int cdr_write_line(char *buf, size_t len, const struct cdr *cdr, const struct cdr_record *rec);
int cdr_write_header(char *buf, size_t len, enum cdr_format format);

/* cdr_out.c */
void cdr_out_init(struct cdr *cdr);
void cdr_out_end(struct cdr *cdr);
int cdr_out_open(struct cdr *cdr);
void cdr_out_close(struct cdr *cdr);
int cdr_out_reopen(struct cdr *cdr);
void cdr_out_put(struct cdr *cdr, const char *line, size_t len);
void cdr_out_flush(struct cdr *cdr);

/* The sinks. Opening leaves out.fd, -1 if it failed; writing takes a line with its newline. */
int cdr_file_open(struct cdr *cdr);
int cdr_file_write(struct cdr *cdr, const char *line, size_t len);
int cdr_syslog_open(struct cdr *cdr);
int cdr_syslog_write(struct cdr *cdr, const char *line, size_t len);
