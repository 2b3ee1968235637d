/* VTY of the SIP peers: nodes "sip-peer NAME", "show sip peer". A change counts from the next call on; calls under way
 * keep what they have. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "vty_internal.h"

#define PEER_STR "SIP peer: a PBX, proxy or provider that calls go to and come from\n"

/* What else there is to set about a peer, one file each */
static const struct sip_peer_vty_part *const parts[] = {
	&sip_peer_vty_auth,  &sip_peer_vty_health, &sip_peer_vty_network, &sip_peer_vty_identity,
	&sip_peer_vty_media, &sip_peer_vty_dialog, &sip_peer_vty_numbers, &sip_peer_vty_tls,
};

static struct cmd_node sip_peer_node = { SIP_PEER_NODE, "%s(config-sip-peer)# ", 1 };

DEFUN(cfg_sip_peer, cfg_sip_peer_cmd, "sip-peer NAME", PEER_STR "Name of it\n")
{
	struct sip_peer *peer = sip_peer_find(vty_gw->ua, argv[0]);

	if (!peer && !vty_arg_is_name(vty, argv[0]))
		return CMD_WARNING;
	vty->node = SIP_PEER_NODE;
	vty->index = peer ?: sip_peer_alloc(vty_gw->ua, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_no_sip_peer, cfg_no_sip_peer_cmd, "no sip-peer NAME", NO_STR PEER_STR "Name of it; calls under way go on\n")
{
	struct sip_peer *peer = sip_peer_find(vty_gw->ua, argv[0]);
	const char *is_default = vty_gw->calls->routes.default_peer;
	const struct route_rule *rule;

	if (!peer) {
		vty_out(vty, "%% There is no SIP peer '%s'%s", argv[0], VTY_NEWLINE);
		return CMD_WARNING;
	}
	if (is_default && !strcmp(is_default, peer->name)) {
		vty_out(vty, "%% '%s' is the default peer: first 'call' / 'no default-peer'%s", argv[0], VTY_NEWLINE);
		return CMD_WARNING;
	}
	rule = route_rule_with_peer(&vty_gw->calls->routes, peer->name);
	if (rule) {
		vty_out(vty, "%% Route '%s' refers to '%s': first 'no route %s', or change it%s", rule->name,
			peer->name, rule->name, VTY_NEWLINE);
		return CMD_WARNING;
	}
	numbering_set_peer(vty_gw->calls, peer->name, NULL);
	sip_peer_free(peer);
	return CMD_SUCCESS;
}

static int apply(struct vty *vty)
{
	if (sip_peer_apply(vty->index) == 0)
		return CMD_SUCCESS;
	vty_out(vty, "%% This peer cannot be used with these settings%s", VTY_NEWLINE);
	return CMD_WARNING;
}

DEFUN(cfg_peer_remote, cfg_peer_remote_cmd, "remote HOST [<1-65535>]",
      "Where the peer is\nIPv4 or IPv6 address, or name\n"
      "Port (default: what the SRV records of the name say, else 5060, with TLS 5061)\n")
{
	struct sip_peer *peer = vty->index;

	if (!sip_peer_is_host_name(argv[0]) && !vty_arg_is_ip(vty, argv[0]))
		return CMD_WARNING;
	osmo_talloc_replace_string(peer, &peer->cfg.remote_host, argv[0]);
	peer->cfg.remote_port = argc > 1 ? atoi(argv[1]) : 0;
	return apply(vty);
}

DEFUN(cfg_peer_transport, cfg_peer_transport_cmd, "transport (udp|tcp|tls)",
      "How SIP messages travel; 'bind' in node 'sip' has to have an address for that\nUDP (default)\nTCP\nTLS\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.transport = sip_transport_id_by_name(argv[0]);
	return apply(vty);
}

DEFUN(cfg_peer_domain, cfg_peer_domain_cmd, "domain NAME",
      "Host part of From, To and Request-URI\nDomain name or address (default: the addresses of both sides)\n")
{
	struct sip_peer *peer = vty->index;

	if (!vty_arg_is_name(vty, argv[0]))
		return CMD_WARNING;
	osmo_talloc_replace_string(peer, &peer->cfg.domain, argv[0]);
	return apply(vty);
}

DEFUN(cfg_peer_no_domain, cfg_peer_no_domain_cmd, "no domain", NO_STR "The addresses of both sides\n")
{
	struct sip_peer *peer = vty->index;

	TALLOC_FREE(peer->cfg.domain);
	return apply(vty);
}

VTY_EXPECT(remote_expect, "remote HOST VALUE", "Where the peer is\nIPv4 or IPv6 address, or name\nPort\n",
	   "a port, 1 to 65535");
VTY_EXPECT(transport_expect, "transport VALUE", "How SIP messages travel\nTransport\n", "udp, tcp or tls");

static void write_one(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;
	unsigned int i;

	vty_out(vty, "sip-peer %s%s", peer->name, VTY_NEWLINE);
	if (cfg->remote_host && cfg->remote_port)
		vty_out(vty, " remote %s %u%s", cfg->remote_host, cfg->remote_port, VTY_NEWLINE);
	else if (cfg->remote_host)
		vty_out(vty, " remote %s%s", cfg->remote_host, VTY_NEWLINE);
	if (cfg->transport != SIP_TP_UDP)
		vty_out(vty, " transport %s%s", sip_transport_kind(cfg->transport)->param, VTY_NEWLINE);
	if (cfg->domain)
		vty_out(vty, " domain %s%s", cfg->domain, VTY_NEWLINE);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i]->write(vty, peer);
}

static int write_peers(struct vty *vty)
{
	const struct sip_peer *peer;

	vty_keep_config_mode();
	llist_for_each_entry (peer, sip_ua_peers(vty_gw->ua), entry)
		write_one(vty, peer);
	return !llist_empty(sip_ua_peers(vty_gw->ua));
}

/* "200", "486", "none yet", "no response" */
static const char *last_answer(const struct sip_peer *peer)
{
	if (!peer->last_status)
		return "none yet";
	if (peer->last_status == 408)
		return "no response";
	return talloc_asprintf(OTC_SELECT, "%u", peer->last_status);
}

static const char *peer_addr(const struct sip_peer *peer)
{
	if (!peer->cfg.remote_host)
		return "no address yet";
	if (!peer->cfg.remote_port)
		return peer->cfg.remote_host;
	return vty_hostport(peer->cfg.remote_host, peer->cfg.remote_port);
}

static const char *state_of(const struct sip_peer *peer)
{
	bool known = false;
	struct sip_target_info info;
	unsigned int i;

	if (!peer->usable)
		return peer->cfg.remote_host ? "no DNS" : "-";
	if (peer->down)
		return "down";
	for (i = 0; i < peer->n_targets; i++) {
		sip_peer_get_target(peer, i, &info);
		known |= info.state == SIP_TARGET_UP;
	}
	if (!sip_peer_is_up(peer))
		return "busy";
	return known ? "up" : "unknown";
}

#define PEER_ROW "%-16s %-28s %-4s %-9s %5s  %s%s"

DEFUN(show_sip_peers, show_sip_peers_cmd, "show sip peer", SHOW_STR "SIP user agent\nSIP peers, one line each\n")
{
	const struct sip_peer *peer;

	if (llist_empty(sip_ua_peers(vty_gw->ua))) {
		vty_out(vty, "No SIP peer is configured. To do: 'sip-peer NAME' / 'remote HOST'.%s", VTY_NEWLINE);
		return CMD_SUCCESS;
	}
	vty_out(vty, PEER_ROW, "Name", "Address", "Via", "State", "Calls", "Last answer", VTY_NEWLINE);
	llist_for_each_entry (peer, sip_ua_peers(vty_gw->ua), entry)
		vty_out(vty, PEER_ROW, vty_fit(peer->name, 16), vty_fit(peer_addr(peer), 28),
			sip_transport_kind(peer->cfg.transport)->name, state_of(peer),
			talloc_asprintf(OTC_SELECT, "%u", peer->n_calls), last_answer(peer), VTY_NEWLINE);
	return CMD_SUCCESS;
}

static void show_advice(struct vty *vty, const struct sip_peer *peer)
{
	if (!peer->cfg.remote_host)
		vty_out(vty, "  To do: 'sip-peer %s' / 'remote HOST'; until then it cannot be called.%s", peer->name,
			VTY_NEWLINE);
	else if (!peer->usable)
		vty_out(vty, "  To do: is the name right, and does the name server ('sip' / 'nameserver') know it?%s",
			VTY_NEWLINE);
	else if (peer->down)
		vty_out(vty, "  To do: is the peer running at these addresses, and does its firewall let us in?%s",
			VTY_NEWLINE);
	else if (peer->last_status == 408)
		vty_out(vty, "  To do: is the peer up at %s, and does its firewall let us in?%s", peer_addr(peer),
			VTY_NEWLINE);
	else if (peer->last_status == 401 || peer->last_status == 407 || peer->last_status == 403)
		vty_out(vty, "  To do: the peer refuses us: check 'auth user', or let it trust our address.%s",
			VTY_NEWLINE);
}

DEFUN(show_sip_peer, show_sip_peer_cmd, "show sip peer NAME",
      SHOW_STR "SIP user agent\nSIP peers, one line each\nName of one: its settings and counters\n")
{
	const struct sip_peer *peer = sip_peer_find(vty_gw->ua, argv[0]);
	const char *is_default = vty_gw->calls->routes.default_peer;
	unsigned int i;

	if (!peer) {
		vty_out(vty, "%% There is no SIP peer '%s'%s", argv[0], VTY_NEWLINE);
		return CMD_WARNING;
	}
	vty_out(vty, "SIP peer %s%s %s (%s)%s%s", peer->name, peer->cfg.remote_host ? " at" : ":", peer_addr(peer),
		sip_transport_kind(peer->cfg.transport)->name,
		is_default && !strcmp(is_default, peer->name) ? ", the default peer" : "", VTY_NEWLINE);
	vty_out(vty, "  State: %s%s", state_of(peer), VTY_NEWLINE);
	vty_out(vty, "  Domain: %s%s", peer->cfg.domain ?: "the addresses", VTY_NEWLINE);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i]->show(vty, peer);
	vty_out(vty, "  Calls: %u; last answer to a call of ours: %s%s", peer->n_calls, last_answer(peer), VTY_NEWLINE);
	show_advice(vty, peer);
	vty_out_counters(vty, peer->ctrs);
	return CMD_SUCCESS;
}

void sip_peer_vty_init(void)
{
	unsigned int i;

	install_element_ve(&show_sip_peers_cmd);
	install_element_ve(&show_sip_peer_cmd);

	install_element(CONFIG_NODE, &cfg_sip_peer_cmd);
	install_element(CONFIG_NODE, &cfg_no_sip_peer_cmd);
	install_node(&sip_peer_node, write_peers);
	install_element(SIP_PEER_NODE, &cfg_peer_remote_cmd);
	install_element(SIP_PEER_NODE, &remote_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_transport_cmd);
	install_element(SIP_PEER_NODE, &transport_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_domain_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_domain_cmd);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i]->init();
}
