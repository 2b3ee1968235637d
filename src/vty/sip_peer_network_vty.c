/* VTY of the SIP peers: addresses of ours, NAT, and how many calls. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/ua/sip_peer.h>

#include "sip_peer_set.h"
#include "vty_internal.h"

#define LOCAL_STR "Which address of ours to use for this peer; it has to be one of 'sip' / 'bind'\n"
#define ADVERTISE_STR                                                                                                  \
	"What we call ourselves towards this peer (Via, Contact), when our own address means nothing to it\n"
#define NAT_STR	  "The peer is behind a NAT: requests in a call go where its messages come from, not to its Contact\n"
#define CALLS_STR "Limit of calls from and to the peer at a time; emergency calls are not limited\n"
#define RATE_STR  "Limit of new calls from and to the peer; emergency calls are not limited\n"

DEFUN(cfg_peer_local, cfg_peer_local_cmd, "local-address ADDR", LOCAL_STR "IPv4 or IPv6 address\n")
{
	struct sip_peer *peer = vty->index;

	if (!vty_arg_is_ip(vty, argv[0]))
		return CMD_WARNING;
	osmo_talloc_replace_string(peer, &peer->cfg.local_addr, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_local, cfg_peer_no_local_cmd, "no local-address", NO_STR LOCAL_STR)
{
	struct sip_peer *peer = vty->index;

	TALLOC_FREE(peer->cfg.local_addr);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_advertise, cfg_peer_advertise_cmd, "advertise ADDR [<1-65535>]",
      ADVERTISE_STR "Address or domain name\nPort (default: the one we listen on)\n")
{
	struct sip_peer *peer = vty->index;

	if (!vty_arg_is_name(vty, argv[0]))
		return CMD_WARNING;
	osmo_talloc_replace_string(peer, &peer->cfg.advertise_addr, argv[0]);
	peer->cfg.advertise_port = argc > 1 ? atoi(argv[1]) : 0;
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_advertise, cfg_peer_no_advertise_cmd, "no advertise", NO_STR ADVERTISE_STR)
{
	struct sip_peer *peer = vty->index;

	TALLOC_FREE(peer->cfg.advertise_addr);
	peer->cfg.advertise_port = 0;
	return CMD_SUCCESS;
}

PEER_FLAG(nat, nat, false, "nat", NAT_STR, NAT_STR);

DEFUN(cfg_peer_max_calls, cfg_peer_max_calls_cmd, "max-calls <1-1000000>", CALLS_STR "Calls\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.max_calls = atoi(argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_max_calls, cfg_peer_no_max_calls_cmd, "no max-calls", NO_STR CALLS_STR)
{
	struct sip_peer *peer = vty->index;

	peer->cfg.max_calls = 0;
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_rate, cfg_peer_rate_cmd, "max-calls-per-second <1-10000> [<1-10000>]",
      RATE_STR "Calls per second\nThat may come at once after a pause (default: those of one second)\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.max_calls_per_s = atoi(argv[0]);
	peer->cfg.max_calls_burst = argc > 1 ? atoi(argv[1]) : 0;
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_rate, cfg_peer_no_rate_cmd, "no max-calls-per-second", NO_STR RATE_STR)
{
	struct sip_peer *peer = vty->index;

	peer->cfg.max_calls_per_s = peer->cfg.max_calls_burst = 0;
	return CMD_SUCCESS;
}

VTY_EXPECT(advertise_expect, "advertise ADDR VALUE", ADVERTISE_STR "Address or domain name\nPort\n",
	   "a port, 1 to 65535");
VTY_EXPECT(max_calls_expect, "max-calls VALUE", CALLS_STR "Calls\n", "a number of calls, 1 to 1000000");
VTY_EXPECT(rate_expect, "max-calls-per-second VALUE", RATE_STR "Calls per second\n", "calls per second, 1 to 10000");

static void write_limits(struct vty *vty, const struct sip_peer_cfg *cfg)
{
	if (cfg->max_calls)
		vty_out(vty, " max-calls %u%s", cfg->max_calls, VTY_NEWLINE);
	if (cfg->max_calls_burst)
		vty_out(vty, " max-calls-per-second %u %u%s", cfg->max_calls_per_s, cfg->max_calls_burst, VTY_NEWLINE);
	else if (cfg->max_calls_per_s)
		vty_out(vty, " max-calls-per-second %u%s", cfg->max_calls_per_s, VTY_NEWLINE);
}

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;

	if (cfg->local_addr)
		vty_out(vty, " local-address %s%s", cfg->local_addr, VTY_NEWLINE);
	if (cfg->advertise_addr && cfg->advertise_port)
		vty_out(vty, " advertise %s %u%s", cfg->advertise_addr, cfg->advertise_port, VTY_NEWLINE);
	else if (cfg->advertise_addr)
		vty_out(vty, " advertise %s%s", cfg->advertise_addr, VTY_NEWLINE);
	peer_flag_write(vty, &nat, peer);
	write_limits(vty, cfg);
}

static const char *limit(uint32_t value)
{
	return value ? talloc_asprintf(OTC_SELECT, "%u", value) : "no limit";
}

static void show_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;

	if (cfg->local_addr || cfg->advertise_addr || cfg->nat)
		vty_out(vty, "  Network: from %s, as %s%s%s", cfg->local_addr ?: "any address",
			cfg->advertise_addr ?: "our address", cfg->nat ? ", behind NAT" : "", VTY_NEWLINE);
	if (cfg->max_calls || cfg->max_calls_per_s)
		vty_out(vty, "  Limits: calls %s, per second %s%s", limit(cfg->max_calls), limit(cfg->max_calls_per_s),
			VTY_NEWLINE);
}

static void init_part(void)
{
	install_element(SIP_PEER_NODE, &cfg_peer_local_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_local_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_advertise_cmd);
	install_element(SIP_PEER_NODE, &advertise_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_advertise_cmd);
	peer_flag_init(&nat);
	install_element(SIP_PEER_NODE, &cfg_peer_max_calls_cmd);
	install_element(SIP_PEER_NODE, &max_calls_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_max_calls_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_rate_cmd);
	install_element(SIP_PEER_NODE, &rate_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_rate_cmd);
}

const struct sip_peer_vty_part sip_peer_vty_network = { .init = init_part, .write = write_part, .show = show_part };
