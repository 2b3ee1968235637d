/* VTY of the media gateways: nodes "mgw NAME", "show mgw". */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/mgcp/mgcp_code.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>

#include "vty_internal.h"

#define MGW_DEFAULT_PORT   2427
#define MGW_DEFAULT_DOMAIN "mgw"
#define MGW_DEFAULT_ENDP   "rtpbridge"

static struct cmd_node mgw_node = { MGW_NODE, "%s(config-mgw)# ", 1 };

DEFUN(cfg_mgw, cfg_mgw_cmd, "mgw NAME",
      "Media gateway (osmo-mgw) that carries the RTP of anchored calls\n"
      "Name of it; with none configured there is one called 'default' at 127.0.0.1 port 2427\n")
{
	if (!vty_arg_is_name(vty, argv[0]))
		return CMD_WARNING;
	vty->node = MGW_NODE;
	vty->index = mgw_pool_add(vty_gw->mgws, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_no_mgw, cfg_no_mgw_cmd, "no mgw NAME",
      NO_STR "Media gateway (osmo-mgw) that carries the RTP of anchored calls\n"
	     "Name of it; calls whose media is there are ended\n")
{
	if (!mgw_pool_find(vty_gw->mgws, argv[0])) {
		vty_out(vty, "%% There is no media gateway '%s'%s", argv[0], VTY_NEWLINE);
		return CMD_WARNING;
	}
	mgw_pool_remove(vty_gw->mgws, argv[0]);
	return CMD_SUCCESS;
}

/* A setting was changed: use it, if we are running already. */
static int apply(struct vty *vty)
{
	struct mgw *mgw = vty->index;
	int rc;

	if (!vty_gw->running || mgw_get_state(mgw) == MGW_ST_OFF)
		return CMD_SUCCESS;
	rc = mgw_apply(mgw);
	if (rc == -EBUSY)
		vty_out(vty, "%% Calls use the old address with the same local port: takes effect when none is left%s",
			VTY_NEWLINE);
	else if (rc < 0)
		vty_out(vty, "%% Cannot open a socket with these addresses: %s%s", strerror(-rc), VTY_NEWLINE);
	return rc < 0 && rc != -EBUSY ? CMD_WARNING : CMD_SUCCESS;
}

static int set_addr(struct vty *vty, char **setting, const char *arg)
{
	if (!vty_arg_is_ip(vty, arg))
		return CMD_WARNING;
	osmo_talloc_replace_string(vty->index, setting, arg);
	return apply(vty);
}

DEFUN(cfg_mgw_remote_ip, cfg_mgw_remote_ip_cmd, "remote-ip ADDR",
      "Where the gateway listens for MGCP\nIPv4 or IPv6 address (default: 127.0.0.1)\n")
{
	return set_addr(vty, &mgw_cfg(vty->index)->remote_addr, argv[0]);
}

DEFUN(cfg_mgw_remote_port, cfg_mgw_remote_port_cmd, "remote-port <1-65535>",
      "Where the gateway listens for MGCP\nUDP port (default: 2427)\n")
{
	mgw_cfg(vty->index)->remote_port = atoi(argv[0]);
	return apply(vty);
}

DEFUN(cfg_mgw_local_ip, cfg_mgw_local_ip_cmd, "local-ip ADDR",
      "Our own side of the MGCP association\nIPv4 or IPv6 address (default: chosen by the kernel)\n")
{
	return set_addr(vty, &mgw_cfg(vty->index)->local_addr, argv[0]);
}

DEFUN(cfg_mgw_no_local_ip, cfg_mgw_no_local_ip_cmd, "no local-ip", NO_STR "Let the kernel choose our own address\n")
{
	TALLOC_FREE(mgw_cfg(vty->index)->local_addr);
	return apply(vty);
}

DEFUN(cfg_mgw_local_port, cfg_mgw_local_port_cmd, "local-port <0-65535>",
      "Our own side of the MGCP association\nUDP port (default: 0, any free one)\n")
{
	mgw_cfg(vty->index)->local_port = atoi(argv[0]);
	return apply(vty);
}

DEFUN(cfg_mgw_domain, cfg_mgw_domain_cmd, "endpoint-domain NAME",
      "What stands behind the '@' in names of endpoints; has to be what the gateway itself has (osmo-mgw: 'mgcp' / 'domain')\n"
      "Domain (default: mgw)\n")
{
	if (!vty_arg_is_name(vty, argv[0]))
		return CMD_WARNING;
	osmo_talloc_replace_string(vty->index, &mgw_cfg(vty->index)->domain, argv[0]);
	return apply(vty);
}

DEFUN(cfg_mgw_endpoint, cfg_mgw_endpoint_cmd, "endpoint NAME",
      "What stands before the '@': endpoints are asked for as NAME/*\n"
      "Local name (default: rtpbridge, osmo-mgw's trunk of virtual endpoints)\n")
{
	osmo_talloc_replace_string(vty->index, &mgw_cfg(vty->index)->endpoint, argv[0]);
	return apply(vty);
}

DEFUN(cfg_mgw_reset, cfg_mgw_reset_cmd, "reset-endpoints",
      "Delete every connection of the gateway when it comes up: only for a gateway that nobody shares with us (default: no)\n")
{
	mgw_cfg(vty->index)->reset_endpoints = true;
	return apply(vty);
}

DEFUN(cfg_mgw_no_reset, cfg_mgw_no_reset_cmd, "no reset-endpoints",
      NO_STR "Leave connections on the gateway that are not ours alone\n")
{
	mgw_cfg(vty->index)->reset_endpoints = false;
	return apply(vty);
}

#define PROBE_STR "Ask for an endpoint when the gateway comes up, and delete it: a wrong domain shows before the first call (default)\n"

DEFUN(cfg_mgw_probe, cfg_mgw_probe_cmd, "probe", PROBE_STR)
{
	mgw_cfg(vty->index)->no_probe = false;
	return apply(vty);
}

DEFUN(cfg_mgw_no_probe, cfg_mgw_no_probe_cmd, "no probe", NO_STR PROBE_STR)
{
	mgw_cfg(vty->index)->no_probe = true;
	return apply(vty);
}

VTY_EXPECT(remote_port_expect, "remote-port VALUE", "Where the gateway listens for MGCP\nUDP port\n",
	   "a port, 1 to 65535");
VTY_EXPECT(local_port_expect, "local-port VALUE", "Our own side of the MGCP association\nUDP port\n",
	   "a port, 1 to 65535, or 0 for any");

static bool differs(const char *value, const char *standard)
{
	return value && strcmp(value, standard);
}

static void write_one(struct vty *vty, struct mgw *mgw)
{
	const struct mgw_cfg *cfg = mgw_cfg(mgw);

	vty_out(vty, "mgw %s%s", mgw_name(mgw), VTY_NEWLINE);
	vty_out(vty, " remote-ip %s%s", cfg->remote_addr, VTY_NEWLINE);
	if (cfg->remote_port != MGW_DEFAULT_PORT)
		vty_out(vty, " remote-port %u%s", cfg->remote_port, VTY_NEWLINE);
	if (cfg->local_addr)
		vty_out(vty, " local-ip %s%s", cfg->local_addr, VTY_NEWLINE);
	if (cfg->local_port)
		vty_out(vty, " local-port %u%s", cfg->local_port, VTY_NEWLINE);
	if (differs(cfg->domain, MGW_DEFAULT_DOMAIN))
		vty_out(vty, " endpoint-domain %s%s", cfg->domain, VTY_NEWLINE);
	if (differs(cfg->endpoint, MGW_DEFAULT_ENDP))
		vty_out(vty, " endpoint %s%s", cfg->endpoint, VTY_NEWLINE);
	if (cfg->no_probe)
		vty_out(vty, " no probe%s", VTY_NEWLINE);
	if (cfg->reset_endpoints)
		vty_out(vty, " reset-endpoints%s", VTY_NEWLINE);
}

static int write_mgws(struct vty *vty)
{
	struct mgw *mgw = NULL;

	while ((mgw = mgw_pool_next(vty_gw->mgws, mgw)))
		write_one(vty, mgw);
	return 1;
}

static struct timespec timespec_of_ms(uint64_t ms)
{
	return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

/* The gateway's own words are shown if they say something: osmo-mgw's are always "FAIL". */
static void show_refusal(struct vty *vty, struct mgw *mgw, const struct mgw_info *info)
{
	const struct timespec then = timespec_of_ms(info->error_ms);
	const char *title = talloc_asprintf(OTC_SELECT, "  Last refusal (%s ago): ", vty_ago_ms(vty_ms_since(&then)));
	const char *text =
		talloc_asprintf(OTC_SELECT, "%d %s", info->last_error_code, mgcp_code_get(info->last_error_code)->text);

	if (*info->last_error && strcmp(info->last_error, "FAIL"))
		text = talloc_asprintf(OTC_SELECT, "%s; it says %s", text,
				       osmo_quote_str_c(OTC_SELECT, info->last_error, -1));
	vty_out_wrapped(vty, title, text);
	if (info->error_is_past)
		return;
	if (info->last_error_code == 500)
		vty_out(vty, "  To do: compare 'endpoint-domain %s' with 'mgcp' / 'domain' of the gateway.%s",
			mgw_cfg(mgw)->domain, VTY_NEWLINE);
	if (info->last_error_code == 403)
		vty_out(vty, "  To do: raise 'number endpoints' in node 'mgcp' of the gateway.%s", VTY_NEWLINE);
}

static void show_one(struct vty *vty, struct mgw *mgw)
{
	const struct mgw_cfg *cfg = mgw_cfg(mgw);
	struct timespec since;
	struct mgw_info info;

	mgw_get_info(mgw, &info);
	since = timespec_of_ms(info.since_ms);
	vty_out(vty, "Media gateway %s at %s: %s for %s%s", mgw_name(mgw),
		vty_hostport(cfg->remote_addr, cfg->remote_port), get_value_string(mgw_state_names, info.state),
		vty_ago_ms(vty_ms_since(&since)), VTY_NEWLINE);
	vty_out(vty, "  Endpoints in use: %u; commands under way: %u%s", info.n_endpoints, info.n_transactions,
		VTY_NEWLINE);
	if (info.n_parked)
		vty_out(vty, "  Endpoints to be deleted when it answers again: %u%s", info.n_parked, VTY_NEWLINE);
	if (info.srtt_ms || info.state == MGW_ST_UP)
		vty_out(vty, "  Round trip: %u ms; commands are repeated after %u ms%s", info.srtt_ms, info.rto_ms,
			VTY_NEWLINE);
	if (info.probe != MGW_PROBE_NONE)
		vty_out(vty, "  Endpoint %s/*@%s: %s%s", cfg->endpoint, cfg->domain,
			get_value_string(mgw_probe_names, info.probe), VTY_NEWLINE);
	if (info.last_error_code)
		show_refusal(vty, mgw, &info);
	if (info.state == MGW_ST_DOWN)
		vty_out(vty,
			"  To do: osmo-mgw has to run there, with these lines in its node 'mgcp':%s"
			"           bind ip %s%s           bind port %u%s",
			VTY_NEWLINE, cfg->remote_addr, VTY_NEWLINE, cfg->remote_port, VTY_NEWLINE);
}

DEFUN(show_mgw, show_mgw_cmd, "show mgw", SHOW_STR "Media gateways: their state, since when, endpoints in use\n")
{
	struct mgw *mgw = NULL;

	while ((mgw = mgw_pool_next(vty_gw->mgws, mgw)))
		show_one(vty, mgw);
	return CMD_SUCCESS;
}

DEFUN(show_mgw_name, show_mgw_name_cmd, "show mgw NAME",
      SHOW_STR "Media gateways: their state, since when, endpoints in use\nName of one: its counters too\n")
{
	struct mgw *mgw = mgw_pool_find(vty_gw->mgws, argv[0]);

	if (!mgw) {
		vty_out(vty, "%% There is no media gateway '%s'%s", argv[0], VTY_NEWLINE);
		return CMD_WARNING;
	}
	show_one(vty, mgw);
	vty_out_counters(vty, mgw_ctrs(mgw));
	return CMD_SUCCESS;
}

void mgw_vty_init(void)
{
	install_element_ve(&show_mgw_cmd);
	install_element_ve(&show_mgw_name_cmd);

	install_element(CONFIG_NODE, &cfg_mgw_cmd);
	install_element(CONFIG_NODE, &cfg_no_mgw_cmd);
	install_node(&mgw_node, write_mgws);
	install_element(MGW_NODE, &cfg_mgw_remote_ip_cmd);
	install_element(MGW_NODE, &cfg_mgw_remote_port_cmd);
	install_element(MGW_NODE, &remote_port_expect.cmd);
	install_element(MGW_NODE, &cfg_mgw_local_ip_cmd);
	install_element(MGW_NODE, &cfg_mgw_no_local_ip_cmd);
	install_element(MGW_NODE, &cfg_mgw_local_port_cmd);
	install_element(MGW_NODE, &local_port_expect.cmd);
	install_element(MGW_NODE, &cfg_mgw_domain_cmd);
	install_element(MGW_NODE, &cfg_mgw_endpoint_cmd);
	install_element(MGW_NODE, &cfg_mgw_probe_cmd);
	install_element(MGW_NODE, &cfg_mgw_no_probe_cmd);
	install_element(MGW_NODE, &cfg_mgw_reset_cmd);
	install_element(MGW_NODE, &cfg_mgw_no_reset_cmd);
}
