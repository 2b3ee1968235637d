/* VTY of the daemon as a whole: "show health", draining, peers out of service. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/health/health.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "vty_internal.h"

#define WIDTH_PART 15

static void show_finding(void *data, const struct health_finding *f)
{
	struct vty *vty = data;
	const char *title = talloc_asprintf(OTC_SELECT, "%-*s %-7s ", WIDTH_PART, vty_fit(f->part, WIDTH_PART),
					    get_value_string(health_word_names, f->word));
	const char *text = f->name ? talloc_asprintf(OTC_SELECT, "[%s] %s", f->name, f->text) : f->text;

	vty_out_wrapped(vty, title, text);
	if (f->to_do)
		vty_out_wrapped(vty, "    To do: ", f->to_do);
}

DEFUN(show_health, show_health_cmd, "show health",
      SHOW_STR "How it is: each part ok, warning or failed, and what to do\n")
{
	enum health_word worst = health_look(vty_gw->health, show_finding, vty);

	vty_out(vty, "Overall: %s%s", get_value_string(health_word_names, worst), VTY_NEWLINE);
	return CMD_SUCCESS;
}

#define DRAIN_STR "Take no new calls but emergency calls; present ones go on\n"

DEFUN(drain, drain_cmd, "drain", DRAIN_STR)
{
	sipgw_drain(vty_gw, true, false);
	return CMD_SUCCESS;
}

DEFUN(drain_exit, drain_exit_cmd, "drain exit", DRAIN_STR "When the last call has ended, end the program\n")
{
	sipgw_drain(vty_gw, true, true);
	return CMD_SUCCESS;
}

DEFUN(no_drain, no_drain_cmd, "no drain", NO_STR "Take new calls again\n")
{
	if (vty_gw->stopping) {
		vty_out(vty, "%% It is ending already%s", VTY_NEWLINE);
		return CMD_WARNING;
	}
	sipgw_drain(vty_gw, false, false);
	return CMD_SUCCESS;
}

DEFUN(sip_peer_service, sip_peer_service_cmd, "sip peer NAME (in-service|out-of-service)",
      "SIP user agent\nSIP peers\nName of one\nIt takes part in calls again\n"
      "No new calls to or from it but emergency calls, until the next start or 'in-service'\n")
{
	struct sip_peer *peer = sip_peer_find(vty_gw->ua, argv[0]);

	if (!peer) {
		vty_out(vty, "%% There is no SIP peer '%s'%s", argv[0], VTY_NEWLINE);
		return CMD_WARNING;
	}
	peer->blocked = argv[1][0] == 'o';
	return CMD_SUCCESS;
}

void health_vty_init(void)
{
	install_element_ve(&show_health_cmd);
	install_element(ENABLE_NODE, &drain_cmd);
	install_element(ENABLE_NODE, &drain_exit_cmd);
	install_element(ENABLE_NODE, &no_drain_cmd);
	install_element(ENABLE_NODE, &sip_peer_service_cmd);
}
