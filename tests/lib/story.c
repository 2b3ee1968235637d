/* Words that scenarios are told in. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdarg.h>

#include <osmocom/core/application.h>
#include <osmocom/core/msgb.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "story.h"

static unsigned int n_log_lines;

static void count_line(struct log_target *target, unsigned int level, const char *line)
{
	n_log_lines++;
}

/* What an operator who changed nothing would have in his log. */
static void count_lines(void)
{
	struct log_target *target = log_target_create();

	target->output = count_line;
	log_set_all_filter(target, 1);
	log_add_target(target);
}

unsigned int log_lines(void)
{
	unsigned int n = n_log_lines;

	n_log_lines = 0;
	return n;
}

void story_init(void *ctx)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	msgb_talloc_ctx_init(ctx, 0);
	osmo_init_logging2(ctx, &sipgw_log_info);
	log_set_use_color(osmo_stderr_target, 0);
	log_set_print_filename2(osmo_stderr_target, LOG_FILENAME_BASENAME);
	log_set_print_category_hex(osmo_stderr_target, 0);
	log_set_all_filter(osmo_stderr_target, 1);
	count_lines();
	if (getenv("VERBOSE"))
		log_parse_category_mask(osmo_stderr_target, "DMAIN,1:DCALL,1:DGSM,1:DMNCC,1:DMGCP,1:DSIP,1:DSIPTRX,1");
	timers_init();
}

void btw(const char *fmt, ...)
{
	va_list ap;

	printf("\n- ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}
