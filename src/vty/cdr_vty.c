/* VTY of the call detail records: node "cdr", "show cdr". */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/obs/cdr.h>

#include "vty_internal.h"

static struct cmd_node cdr_node = { CDR_NODE, "%s(config-cdr)# ", 1 };

DEFUN(cfg_cdr, cfg_cdr_cmd, "cdr", "Call detail records: one per call attempt\n")
{
	vty->node = CDR_NODE;
	return CMD_SUCCESS;
}

static int apply(struct vty *vty)
{
	struct cdr_status status;

	if (vty_gw->check_only || cdr_apply(vty_gw->cdr) == 0)
		return CMD_SUCCESS;
	cdr_get_status(vty_gw->cdr, &status);
	vty_out(vty, "%% Records wait, it is tried again: %s%s", status.why, VTY_NEWLINE);
	return CMD_SUCCESS;
}

DEFUN(cfg_cdr_file, cfg_cdr_file_cmd, "file PATH", "Write them to a file\nAbsolute path; opened anew on SIGHUP\n")
{
	struct cdr_cfg *cfg = cdr_cfg(vty_gw->cdr);

	if (argv[0][0] != '/') {
		vty_out(vty, "%% Not a path: '%s'; expected an absolute one%s", argv[0], VTY_NEWLINE);
		return CMD_WARNING;
	}
	cfg->sink = CDR_FILE;
	osmo_talloc_replace_string(vty_gw->cdr, &cfg->path, argv[0]);
	return apply(vty);
}

DEFUN(cfg_cdr_syslog, cfg_cdr_syslog_cmd, "syslog [SOCKET]",
      "Write them to syslog (facility local0, level info)\nPath of syslogd's socket (default: " CDR_SYSLOG_PATH ")\n")
{
	struct cdr_cfg *cfg = cdr_cfg(vty_gw->cdr);
	const char *path = argc ? argv[0] : CDR_SYSLOG_PATH;

	if (path[0] != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		vty_out(vty, "%% Not a socket: '%s'; expected an absolute path of at most 107 characters%s", path,
			VTY_NEWLINE);
		return CMD_WARNING;
	}
	cfg->sink = CDR_SYSLOG;
	osmo_talloc_replace_string(vty_gw->cdr, &cfg->syslog_path, path);
	return apply(vty);
}

DEFUN(cfg_cdr_off, cfg_cdr_off_cmd, "off", "Write none (default)\n")
{
	cdr_cfg(vty_gw->cdr)->sink = CDR_OFF;
	return apply(vty);
}

DEFUN(cfg_cdr_format, cfg_cdr_format_cmd, "format (json|csv)",
      "What a record looks like\nOne JSON object a line (default)\nComma separated values, their names in the first line\n")
{
	cdr_cfg(vty_gw->cdr)->format = get_string_value(cdr_format_names, argv[0]);
	return apply(vty);
}

DEFUN(cfg_cdr_rotate, cfg_cdr_rotate_cmd, "rotate <1-1000000> [<1-1000>]",
      "Begin a new file when it is so large; the old one becomes PATH.1 and so on\nMegabytes\nHow many old ones are kept (default: 10)\n")
{
	struct cdr_cfg *cfg = cdr_cfg(vty_gw->cdr);

	cfg->max_mb = atoi(argv[0]);
	cfg->max_files = argc > 1 ? atoi(argv[1]) : CDR_MAX_FILES_DEFAULT;
	return CMD_SUCCESS;
}

DEFUN(cfg_cdr_no_rotate, cfg_cdr_no_rotate_cmd, "no rotate",
      NO_STR "The file grows until somebody moves it away and sends SIGHUP (default)\n")
{
	cdr_cfg(vty_gw->cdr)->max_mb = 0;
	return CMD_SUCCESS;
}

VTY_EXPECT(format_expect, "format VALUE", "What a record looks like\nFormat\n", "json or csv");
VTY_EXPECT(rotate_expect, "rotate VALUE", "Begin a new file when it is so large\nMegabytes\n",
	   "1 to 1000000 megabytes");

static bool is_dev_log(const struct cdr_cfg *cfg)
{
	return strcmp(cdr_sink_name(cfg), CDR_SYSLOG_PATH) == 0;
}

static int write_cdr(struct vty *vty)
{
	const struct cdr_cfg *cfg = cdr_cfg(vty_gw->cdr);

	if (cfg->sink == CDR_OFF && cfg->format == CDR_JSON && !cfg->max_mb)
		return 0;
	vty_out(vty, "cdr%s", VTY_NEWLINE);
	if (cfg->format != CDR_JSON)
		vty_out(vty, " format %s%s", get_value_string(cdr_format_names, cfg->format), VTY_NEWLINE);
	if (cfg->max_mb)
		vty_out(vty, " rotate %u %u%s", cfg->max_mb, cfg->max_files, VTY_NEWLINE);
	if (cfg->sink == CDR_FILE)
		vty_out(vty, " file %s%s", cfg->path, VTY_NEWLINE);
	else if (cfg->sink == CDR_SYSLOG)
		vty_out(vty, " syslog%s%s%s", is_dev_log(cfg) ? "" : " ", is_dev_log(cfg) ? "" : cdr_sink_name(cfg),
			VTY_NEWLINE);
	return 1;
}

DEFUN(show_cdr, show_cdr_cmd, "show cdr", SHOW_STR "Call detail records: where they go, and whether they get there\n")
{
	const struct cdr_cfg *cfg = cdr_cfg(vty_gw->cdr);
	struct cdr_status status;

	cdr_get_status(vty_gw->cdr, &status);
	if (cfg->sink == CDR_OFF) {
		vty_out(vty, "No call records are written (configure 'cdr' / 'file PATH')%s", VTY_NEWLINE);
		return CMD_SUCCESS;
	}
	vty_out(vty, "Call records go to %s%s%s", cfg->sink == CDR_FILE ? "" : "syslog at ", cdr_sink_name(cfg),
		VTY_NEWLINE);
	vty_out(vty, "  as %s: %s%s%s", get_value_string(cdr_format_names, cfg->format),
		status.ok ? "ok" : "failed: ", status.why, VTY_NEWLINE);
	vty_out(vty, "  %" PRIu64 " written, %u waiting, %" PRIu64 " lost%s", status.written, status.waiting,
		status.lost, VTY_NEWLINE);
	return CMD_SUCCESS;
}

void cdr_vty_init(void)
{
	install_element_ve(&show_cdr_cmd);
	install_element(CONFIG_NODE, &cfg_cdr_cmd);
	install_node(&cdr_node, write_cdr);
	install_element(CDR_NODE, &cfg_cdr_file_cmd);
	install_element(CDR_NODE, &cfg_cdr_syslog_cmd);
	install_element(CDR_NODE, &cfg_cdr_off_cmd);
	install_element(CDR_NODE, &cfg_cdr_format_cmd);
	install_element(CDR_NODE, &format_expect.cmd);
	install_element(CDR_NODE, &cfg_cdr_rotate_cmd);
	install_element(CDR_NODE, &rotate_expect.cmd);
	install_element(CDR_NODE, &cfg_cdr_no_rotate_cmd);
}
