/* VTY of the SIP peers: is it there? Its addresses, OPTIONS, up and down. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/ua/sip_peer.h>

#include "vty_internal.h"

#define OPTIONS_STR "Ask the peer by OPTIONS whether it is there\n"

DEFUN(cfg_peer_options, cfg_peer_options_cmd, "options-interval <0-3600>",
      OPTIONS_STR "Seconds; 0: do not ask (default): calls alone tell\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.options_interval_s = atoi(argv[0]);
	sip_peer_apply(peer);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_options, cfg_peer_no_options_cmd, "no options-interval", NO_STR OPTIONS_STR)
{
	struct sip_peer *peer = vty->index;

	peer->cfg.options_interval_s = 0;
	sip_peer_apply(peer);
	return CMD_SUCCESS;
}

VTY_EXPECT(options_expect, "options-interval VALUE", OPTIONS_STR "Seconds\n", "seconds, 0 to 3600");

#define RING_STR "How long an INVITE may get 100 and nothing else, if there is another address or target\n"

DEFUN(cfg_peer_ring, cfg_peer_ring_cmd, "ring-within <0-180>",
      RING_STR "Seconds, then it is cancelled and the next one is tried (default: 20); 0: wait as for a last target\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.ring_within_s = atoi(argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_ring, cfg_peer_no_ring_cmd, "no ring-within", NO_STR RING_STR)
{
	struct sip_peer *peer = vty->index;

	peer->cfg.ring_within_s = 0;
	return CMD_SUCCESS;
}

VTY_EXPECT(ring_expect, "ring-within VALUE", RING_STR "Seconds\n", "seconds, 0 to 180");

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	if (peer->cfg.options_interval_s)
		vty_out(vty, " options-interval %u%s", peer->cfg.options_interval_s, VTY_NEWLINE);
	if (peer->cfg.ring_within_s != SIP_PEER_RING_WITHIN_S)
		vty_out(vty, " ring-within %u%s", peer->cfg.ring_within_s, VTY_NEWLINE);
}

/* "prio 10 weight 60, ", "" without SRV */
static const char *rank(const struct sip_target_info *info)
{
	if (!info->priority && !info->weight)
		return "";
	return talloc_asprintf(OTC_SELECT, "priority %u, weight %u: ", info->priority, info->weight);
}

static void show_target(struct vty *vty, const struct sip_target_info *info)
{
	char ip[INET6_ADDRSTRLEN] = "";
	const char *addr;

	osmo_sockaddr_ntop(&info->addr->u.sa, ip);
	addr = vty_hostport(ip, osmo_sockaddr_port(&info->addr->u.sa));
	if (info->busy_s)
		vty_out(vty, "    %s %swants no calls for %u s%s", addr, rank(info), info->busy_s, VTY_NEWLINE);
	else
		vty_out(vty, "    %s %s%s%s%s%s", addr, rank(info),
			get_value_string(sip_target_state_names, info->state), info->why ? ", it " : "",
			info->why ?: "", VTY_NEWLINE);
}

static void show_part(struct vty *vty, const struct sip_peer *peer)
{
	struct sip_target_info info;
	unsigned int i;

	if (peer->cfg.options_interval_s)
		vty_out(vty, "  OPTIONS: every %u s%s", peer->cfg.options_interval_s, VTY_NEWLINE);
	if (peer->resolve_why)
		vty_out_wrapped(vty, "  DNS: ", peer->resolve_why);
	if (peer->n_targets)
		vty_out(vty, "  Addresses:%s", VTY_NEWLINE);
	for (i = 0; i < peer->n_targets; i++) {
		sip_peer_get_target(peer, i, &info);
		show_target(vty, &info);
	}
}

static void init_part(void)
{
	install_element(SIP_PEER_NODE, &cfg_peer_options_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_options_cmd);
	install_element(SIP_PEER_NODE, &options_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_ring_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_ring_cmd);
	install_element(SIP_PEER_NODE, &ring_expect.cmd);
}

const struct sip_peer_vty_part sip_peer_vty_health = { .init = init_part, .write = write_part, .show = show_part };
