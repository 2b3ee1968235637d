/* VTY of what is recorded about calls while they go: node "trace" (ladders, export), "show call ID ladder", "show calls
 * failed". */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/obs/hep.h>
#include <osmocom/sipgw/obs/trace.h>

#include "vty_internal.h"

static struct cmd_node trace_node = { TRACE_NODE, "%s(config-trace)# ", 1 };

DEFUN(cfg_trace, cfg_trace_cmd, "trace", "What is recorded of calls, and exported\n")
{
	vty->node = TRACE_NODE;
	return CMD_SUCCESS;
}

#define LADDER_STR "Record what is said in each call ('show call ID ladder')\n"

DEFUN(cfg_trace_ladder, cfg_trace_ladder_cmd, "ladder", LADDER_STR)
{
	trace_cfg(vty_gw->trace)->ladder = true;
	trace_apply(vty_gw->trace);
	return CMD_SUCCESS;
}

DEFUN(cfg_trace_no_ladder, cfg_trace_no_ladder_cmd, "no ladder", NO_STR LADDER_STR)
{
	trace_cfg(vty_gw->trace)->ladder = false;
	trace_apply(vty_gw->trace);
	return CMD_SUCCESS;
}

DEFUN(cfg_trace_failed, cfg_trace_failed_cmd, "keep-failed <0-10000>",
      "Keep the calls that ended badly ('show calls failed')\nHow many (default: 20)\n")
{
	trace_cfg(vty_gw->trace)->failed = atoi(argv[0]);
	return CMD_SUCCESS;
}

static int apply_hep(struct vty *vty)
{
	int rc = vty_gw->check_only ? 0 : hep_apply(vty_gw->hep);

	if (rc < 0)
		vty_out(vty, "%% Cannot send to %s%s", hep_cfg(vty_gw->hep)->addr, VTY_NEWLINE);
	return rc < 0 ? CMD_WARNING : CMD_SUCCESS;
}

#define HEP_STR "Export SIP and MGCP messages by HEP version 3 (Homer)\n"

DEFUN(cfg_trace_hep, cfg_trace_hep_cmd, "hep ADDR [<1-65535>]",
      HEP_STR "IP address of the collector\nIts port (default: 9060)\n")
{
	struct hep_cfg *cfg = hep_cfg(vty_gw->hep);

	if (!vty_arg_is_ip(vty, argv[0]))
		return CMD_WARNING;
	osmo_talloc_replace_string(vty_gw->hep, &cfg->addr, argv[0]);
	cfg->port = argc > 1 ? atoi(argv[1]) : HEP_DEFAULT_PORT;
	return apply_hep(vty);
}

DEFUN(cfg_trace_no_hep, cfg_trace_no_hep_cmd, "no hep", NO_STR HEP_STR)
{
	TALLOC_FREE(hep_cfg(vty_gw->hep)->addr);
	return apply_hep(vty);
}

DEFUN(cfg_trace_hep_id, cfg_trace_hep_id_cmd, "hep-agent-id <1-4294967295>",
      "Who we are to the collector\nNumber (default: 1)\n")
{
	hep_cfg(vty_gw->hep)->agent_id = strtoul(argv[0], NULL, 10);
	return CMD_SUCCESS;
}

DEFUN(cfg_trace_hep_key, cfg_trace_hep_key_cmd, "hep-auth-key KEY", "What the collector knows us by\nThe key\n")
{
	osmo_talloc_replace_string(vty_gw->hep, &hep_cfg(vty_gw->hep)->auth_key, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_trace_no_hep_key, cfg_trace_no_hep_key_cmd, "no hep-auth-key", NO_STR "What the collector knows us by\n")
{
	TALLOC_FREE(hep_cfg(vty_gw->hep)->auth_key);
	return CMD_SUCCESS;
}

VTY_EXPECT(failed_expect, "keep-failed VALUE", "Keep the calls that ended badly\nHow many\n", "0 to 10000 calls");

static int write_trace(struct vty *vty)
{
	const struct trace_cfg *cfg = trace_cfg(vty_gw->trace);
	const struct hep_cfg *hep = hep_cfg(vty_gw->hep);

	vty_out(vty, "trace%s", VTY_NEWLINE);
	vty_out(vty, " %sladder%s", cfg->ladder ? "" : "no ", VTY_NEWLINE);
	if (cfg->failed != TRACE_FAILED_DEFAULT)
		vty_out(vty, " keep-failed %u%s", cfg->failed, VTY_NEWLINE);
	if (hep->agent_id != 1)
		vty_out(vty, " hep-agent-id %" PRIu32 "%s", hep->agent_id, VTY_NEWLINE);
	if (hep->auth_key)
		vty_out(vty, " hep-auth-key %s%s", hep->auth_key, VTY_NEWLINE);
	if (hep->addr)
		vty_out(vty, " hep %s %u%s", hep->addr, hep->port, VTY_NEWLINE);
	return 1;
}

static void out_line(void *data, const char *line)
{
	struct vty *vty = data;

	vty_out(vty, "%s%s", line, VTY_NEWLINE);
}

DEFUN(show_ladder, show_ladder_cmd, "show call <1-4294967295> ladder",
      SHOW_STR "One call\nIts number\nWhat was said on its wires and in its queue, drawn\n")
{
	int rc = trace_draw(vty_gw->trace, strtoul(argv[0], NULL, 10), out_line, vty);

	if (rc == -ENOENT)
		vty_out(vty,
			"%% Nothing is known of call %s: see 'show calls' and 'show calls failed'%s",
			argv[0], VTY_NEWLINE);
	else if (rc == -ENODATA)
		vty_out(vty, "%% Nothing was recorded of call %s (configure 'trace' / 'ladder')%s", argv[0],
			VTY_NEWLINE);
	return rc ? CMD_WARNING : CMD_SUCCESS;
}

DEFUN(show_failed, show_failed_cmd, "show calls failed",
      SHOW_STR "Calls\nThe last ones that ended badly, the latest first\n")
{
	struct trace_failed failed;
	unsigned int i;

	for (i = 0; trace_failed_get(vty_gw->trace, i, &failed); i++) {
		char *title = talloc_asprintf(OTC_SELECT, "%s  call %u", failed.when, failed.call_id);
		vty_out(vty, "%s%s", title, VTY_NEWLINE);
		vty_out_wrapped(vty, "  ", failed.sentence);
	}
	if (i)
		vty_out(vty, "'show call ID ladder' draws what was said in one of them%s", VTY_NEWLINE);
	else
		vty_out(vty, "No call has ended badly so far%s", VTY_NEWLINE);
	return CMD_SUCCESS;
}

void trace_vty_init(void)
{
	install_element_ve(&show_ladder_cmd);
	install_element_ve(&show_failed_cmd);
	install_element(CONFIG_NODE, &cfg_trace_cmd);
	install_node(&trace_node, write_trace);
	install_element(TRACE_NODE, &cfg_trace_ladder_cmd);
	install_element(TRACE_NODE, &cfg_trace_no_ladder_cmd);
	install_element(TRACE_NODE, &cfg_trace_failed_cmd);
	install_element(TRACE_NODE, &failed_expect.cmd);
	install_element(TRACE_NODE, &cfg_trace_hep_cmd);
	install_element(TRACE_NODE, &cfg_trace_no_hep_cmd);
	install_element(TRACE_NODE, &cfg_trace_hep_id_cmd);
	install_element(TRACE_NODE, &cfg_trace_hep_key_cmd);
	install_element(TRACE_NODE, &cfg_trace_no_hep_key_cmd);
}
