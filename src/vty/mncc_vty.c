/* VTY of the MNCC link: node "mncc", "show mncc". */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <osmocom/core/utils.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/leg/gsm_leg.h>
#include <osmocom/sipgw/mncc/mncc_link.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "vty_internal.h"

static struct cmd_node mncc_node = { MNCC_NODE, "%s(config-mncc)# ", 1 };

DEFUN(cfg_mncc, cfg_mncc_cmd, "mncc", "Link to the MSC (osmo-msc's MNCC socket)\n")
{
	vty->node = MNCC_NODE;
	vty->index = vty_gw->mncc;
	return CMD_SUCCESS;
}

DEFUN(cfg_mncc_socket_path, cfg_mncc_socket_path_cmd, "socket-path PATH",
      "Where osmo-msc listens (its own 'msc' / 'mncc external PATH'); a change connects anew\n"
      "Absolute path of the socket\n")
{
	const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (argv[0][0] != '/' || strlen(argv[0]) > max) {
		vty_out(vty, "%% Not a path: '%s'; expected an absolute one, at most %zu characters%s", argv[0], max,
			VTY_NEWLINE);
		return CMD_WARNING;
	}
	mncc_link_set_path(vty_gw->mncc, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_mncc_hold_notify, cfg_mncc_hold_notify_cmd, "hold-notify (notify|facility|none)",
      "How a phone is told that the other side holds the call\n"
      "NOTIFY, user suspended and resumed (default)\nFACILITY, the supplementary service's own way\nNot at all\n")
{
	gsm_leg_cfg(vty_gw->gsm_kind)->hold_notify = get_string_value(gsm_hold_notify_names, argv[0]);
	return CMD_SUCCESS;
}

VTY_EXPECT(hold_notify_expect, "hold-notify VALUE", "How a phone is told that the other side holds the call\nWay\n",
	   "notify, facility or none");

/* RFC 7315 5.4: MCC, MNC, location area and cell in hex */
static bool is_cgi(const char *str)
{
	size_t len = strlen(str);

	return (len == 13 || len == 14) && strspn(str, "0123456789abcdefABCDEF") == len &&
	       strspn(str, "0123456789") >= len - 8;
}

DEFUN(cfg_mncc_cell_id, cfg_mncc_cell_id_cmd, "cell-id CGI",
      "Where the phones are, for P-Access-Network-Info: the MSC does not say it\n"
      "Cell global identity: MCC, MNC, 4 hex digits of location area, 4 of cell\n")
{
	if (!is_cgi(argv[0])) {
		vty_out(vty, "%% Not a cell: '%s'; expected cgi-3gpp, e.g. 0010100010a2b%s", argv[0], VTY_NEWLINE);
		return CMD_WARNING;
	}
	OSMO_STRLCPY_ARRAY(gsm_leg_cfg(vty_gw->gsm_kind)->cell, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_mncc_no_cell_id, cfg_mncc_no_cell_id_cmd, "no cell-id", NO_STR "Say nothing about where the phones are\n")
{
	gsm_leg_cfg(vty_gw->gsm_kind)->cell[0] = '\0';
	return CMD_SUCCESS;
}

/* Is it one that GSM does not have, and not there yet? */
static bool add_codec(uint8_t *codecs, int n, const char *name)
{
	static const enum sdp_codec_id more[] = { SDP_CODEC_AMR_WB, SDP_CODEC_G722, SDP_CODEC_PCMU, SDP_CODEC_PCMA,
						  SDP_CODEC_CLEARMODE };
	const struct sdp_codec *codec = sdp_codec_by_name(name);

	for (int i = 0; codec && i < n; i++) {
		if (codecs[i] == codec->id)
			return false;
	}
	for (unsigned int i = 0; codec && i < ARRAY_SIZE(more); i++) {
		if (codec->id != more[i])
			continue;
		codecs[n] = codec->id;
		return true;
	}
	return false;
}

DEFUN(cfg_mncc_more_codecs, cfg_mncc_more_codecs_cmd, "more-codecs .NAMES",
      "Codecs that phones and MSC can have besides those of GSM (3G); calls to phones may be offered with them\n"
      "AMR-WB G722 PCMU PCMA CLEARMODE: those there are\n")
{
	struct gsm_leg_cfg *cfg = gsm_leg_cfg(vty_gw->gsm_kind);
	uint8_t codecs[ARRAY_SIZE(cfg->more_codecs)] = {};

	for (int i = 0; i < argc; i++) {
		if (add_codec(codecs, i, argv[i]))
			continue;
		vty_out(vty, "%% '%s' is no codec for this list, or is named twice.%s", argv[i], VTY_NEWLINE);
		vty_out(vty, "%% Known are AMR-WB G722 PCMU PCMA CLEARMODE.%s", VTY_NEWLINE);
		return CMD_WARNING;
	}
	memcpy(cfg->more_codecs, codecs, sizeof(codecs));
	return CMD_SUCCESS;
}

DEFUN(cfg_mncc_no_more_codecs, cfg_mncc_no_more_codecs_cmd, "no more-codecs",
      NO_STR "Phones have the codecs of GSM, unless the MSC says more\n")
{
	struct gsm_leg_cfg *cfg = gsm_leg_cfg(vty_gw->gsm_kind);

	memset(cfg->more_codecs, 0, sizeof(cfg->more_codecs));
	return CMD_SUCCESS;
}

static void write_more_codecs(struct vty *vty, const struct gsm_leg_cfg *cfg)
{
	if (!cfg->more_codecs[0])
		return;
	vty_out(vty, " more-codecs");
	for (const uint8_t *id = cfg->more_codecs; *id; id++)
		vty_out(vty, " %s", sdp_codec_get(*id)->name);
	vty_out(vty, "%s", VTY_NEWLINE);
}

static void write_gsm(struct vty *vty)
{
	const struct gsm_leg_cfg *cfg = gsm_leg_cfg(vty_gw->gsm_kind);

	if (cfg->hold_notify != GSM_HOLD_NOTIFY)
		vty_out(vty, " hold-notify %s%s", get_value_string(gsm_hold_notify_names, cfg->hold_notify),
			VTY_NEWLINE);
	if (*cfg->cell)
		vty_out(vty, " cell-id %s%s", cfg->cell, VTY_NEWLINE);
	write_more_codecs(vty, cfg);
}

static int write_mncc(struct vty *vty)
{
	vty_out(vty, "mncc%s", VTY_NEWLINE);
	vty_out(vty, " socket-path %s%s", mncc_link_path(vty_gw->mncc), VTY_NEWLINE);
	write_gsm(vty);
	return 1;
}

/* What an operator can do about a link that is not up. */
static const char *advice(const struct mncc_link_info *info)
{
	switch (info->error) {
	case MNCC_LINK_ERR_NO_SOCKET:
		return "osmo-msc has to run, with our socket in its node 'msc':";
	case MNCC_LINK_ERR_PERMISSION:
		return "let our user write to that socket and search its directory, or run osmo-msc with such a group.";
	case MNCC_LINK_ERR_NOT_MNCC:
		return "compare our 'socket-path' with 'mncc external' of osmo-msc's node 'msc'.";
	case MNCC_LINK_ERR_BUSY:
		return "osmo-msc serves one client at a time: stop the other one (osmo-sip-connector?). If there is none, "
		       "see whether osmo-msc's own VTY still answers.";
	case MNCC_LINK_ERR_VERSION:
		return "osmo-msc runs, but its version and ours do not fit together: update the older one.";
	case MNCC_LINK_ERR_LOST:
	case MNCC_LINK_ERR_NONE:
		break;
	}
	return NULL;
}

static void show_error(struct vty *vty, const struct mncc_link_info *info)
{
	const char *to_do = info->error_is_past ? NULL : advice(info);

	if (!*info->last_error)
		return;
	vty_out_wrapped(vty, info->error_is_past ? "  Before that: " : "  Last error: ", info->last_error);
	if (to_do)
		vty_out_wrapped(vty, "  To do: ", to_do);
	if (to_do && info->error == MNCC_LINK_ERR_NO_SOCKET)
		vty_out(vty, "           mncc external %s%s", info->path, VTY_NEWLINE);
}

DEFUN(show_mncc, show_mncc_cmd, "show mncc", SHOW_STR "Link to the MSC: its state, since when, calls on it, counters\n")
{
	struct mncc_link_info info;

	mncc_link_get_info(vty_gw->mncc, &info);
	vty_out(vty, "MNCC link to the MSC: %s for %s%s", get_value_string(mncc_link_state_names, info.state),
		vty_ago_ms(info.since_ms), VTY_NEWLINE);
	vty_out(vty, "  Socket: %s%s", info.path, VTY_NEWLINE);
	if (info.layout)
		vty_out(vty, "  MNCC version %u, messages of %u bytes%s", info.layout->version, info.layout->mncc_size,
			VTY_NEWLINE);
	vty_out(vty, "  Calls: %u; messages waiting to be sent: %u, at most so far: %u%s", info.n_calls, info.queue_len,
		info.queue_max_seen, VTY_NEWLINE);
	show_error(vty, &info);
	vty_out_counters(vty, mncc_link_ctrs(vty_gw->mncc));
	return CMD_SUCCESS;
}

void mncc_vty_init(void)
{
	install_element_ve(&show_mncc_cmd);

	install_element(CONFIG_NODE, &cfg_mncc_cmd);
	install_node(&mncc_node, write_mncc);
	install_element(MNCC_NODE, &cfg_mncc_socket_path_cmd);
	install_element(MNCC_NODE, &cfg_mncc_hold_notify_cmd);
	install_element(MNCC_NODE, &hold_notify_expect.cmd);
	install_element(MNCC_NODE, &cfg_mncc_cell_id_cmd);
	install_element(MNCC_NODE, &cfg_mncc_no_cell_id_cmd);
	install_element(MNCC_NODE, &cfg_mncc_more_codecs_cmd);
	install_element(MNCC_NODE, &cfg_mncc_no_more_codecs_cmd);
}
