/* osmo-sipgw --check-config FILE: everything that is wrong with a configuration, found without opening anything.
 *
 * libosmovty stops at the first line that it does not like. So a line with a finding is taken out, with those that are
 * indented below it, and the rest is read again: commands may be given twice. Lines that would open something while
 * they are read are taken out beforehand. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/vty/sipgw_vty.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/health/config_check.h>

#include "vty_internal.h"

#define MAX_FINDINGS 100
#define MAX_SIZE     (16 << 20)

struct config {
	const char *path;
	char *text;
	unsigned int n_errors;
};

static void say(const struct config *cfg, unsigned int line, bool fatal, const char *text)
{
	if (line)
		printf("%s:%u: %s%s\n", cfg->path, line, fatal ? "" : "warning: ", text);
	else
		printf("%s: %s%s\n", cfg->path, fatal ? "" : "warning: ", text);
}

/* ---- lines of the text ---- */

static char *line_at(const struct config *cfg, unsigned int nr)
{
	char *line = cfg->text;

	while (line && --nr) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return line && *line ? line : NULL;
}

static char *next_line(char *line)
{
	line = strchr(line, '\n');
	return line && line[1] ? line + 1 : NULL;
}

static size_t indent_of(const char *line)
{
	return strspn(line, " \t");
}

/* Make it a comment of the same length: the numbers of all lines stay. */
static void take_out(char *line)
{
	size_t len = strcspn(line, "\r\n");

	if (len)
		memset(line, '!', len);
}

static bool is_blank(const char *line)
{
	line += indent_of(line);
	return !*line || strchr("!#\r\n", *line);
}

static void take_out_with_children(char *line)
{
	size_t indent = indent_of(line);
	char *child = line;

	while ((child = next_line(child)) && (is_blank(child) || indent_of(child) > indent))
		take_out(child);
	take_out(line);
}

static bool begins(const char *line, const char *word)
{
	return !strncmp(line, word, strlen(word));
}

/* Log files and reporters of statistics are opened by libosmocore as soon as they are read. Their settings are its own
 * business. */
static void take_out_what_opens(struct config *cfg)
{
	static const char *const words[] = { "log file ", "log syslog", "log gsmtap", "log systemd", "stats reporter" };
	char *line;
	unsigned int i;

	for (line = *cfg->text ? cfg->text : NULL; line; line = next_line(line)) {
		for (i = 0; i < ARRAY_SIZE(words); i++) {
			if (begins(line, words[i]))
				take_out_with_children(line);
		}
	}
}

static unsigned int find_line(const struct config *cfg, const char *words)
{
	unsigned int nr = 1;
	char *line;

	for (line = *cfg->text ? cfg->text : NULL; line; line = next_line(line), nr++) {
		if (begins(line + indent_of(line), words) && strchr(" \r\n", line[indent_of(line) + strlen(words)]))
			return nr;
	}
	return 0;
}

/* ---- reading ---- */

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = talloc_zero_size(OTC_SELECT, 1);
	char buf[4096];
	size_t n, len = 0;

	if (!file)
		return NULL;
	while ((n = fread(buf, 1, sizeof(buf), file)) > 0 && len < MAX_SIZE) {
		text = talloc_realloc(OTC_SELECT, text, char, len + n + 1);
		memcpy(text + len, buf, n);
		len += n;
		text[len] = '\0';
	}
	fclose(file);
	return text;
}

/* Read what is left of it; true if all of it was good. Else the line is told and taken out. */
static bool read_once(struct config *cfg)
{
	FILE *file = *cfg->text ? fmemopen(cfg->text, strlen(cfg->text), "r") : NULL;
	unsigned int nr = 0;
	char why[512], *line;
	int rc;

	if (!file)
		return true;
	rc = vty_read_config(file, &nr, why, sizeof(why));
	fclose(file);
	if (rc == 0)
		return true;
	cfg->n_errors++;
	say(cfg, nr, true, why);
	line = line_at(cfg, nr);
	if (!line || is_blank(line)) /* then it would be the same again */
		return true;
	take_out_with_children(line);
	return cfg->n_errors >= MAX_FINDINGS;
}

static void config_finding(void *data, bool fatal, const char *line, const char *text)
{
	struct config *cfg = data;

	cfg->n_errors += fatal;
	say(cfg, find_line(cfg, line), fatal, text);
}

bool sipgw_vty_check_config(struct sipgw *gw, const char *path)
{
	struct config cfg = { .path = path, .text = read_text(path) };

	if (!cfg.text) {
		printf("cannot read the configuration file %s: %s\n", path, strerror(errno));
		return false;
	}
	gw->check_only = true;
	take_out_what_opens(&cfg);
	while (!read_once(&cfg))
		;
	sipgw_config_findings(gw, config_finding, &cfg);
	if (!cfg.n_errors)
		printf("%s: ok\n", path);
	return !cfg.n_errors;
}
