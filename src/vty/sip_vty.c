/* VTY of the SIP user agent: node "sip", "show sip". Peers are in sip_peer_vty.c. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/sip/sip_ua.h>

#include "vty_internal.h"

#define SIP_DEFAULT_PORT 5060

#define BIND_STR "Address to listen on and send from; several are possible (default: 0.0.0.0 port 5060)\n"

static struct cmd_node sip_node = { SIP_NODE, "%s(config-sip)# ", 1 };

DEFUN(cfg_sip, cfg_sip_cmd, "sip", "SIP user agent: our own addresses\n")
{
	vty->node = SIP_NODE;
	vty->index = vty_gw->ua;
	return CMD_SUCCESS;
}

static const struct sip_ua_bind *find_bind(const char *addr, uint16_t port)
{
	const struct sip_ua_bind *bind;

	llist_for_each_entry (bind, sip_ua_binds(vty_gw->ua), entry) {
		if (bind->port == port && !strcmp(bind->addr, addr))
			return bind;
	}
	return NULL;
}

static uint16_t port_arg(int argc, const char *argv[])
{
	return argc > 1 ? atoi(argv[1]) : SIP_DEFAULT_PORT;
}

DEFUN(cfg_sip_bind, cfg_sip_bind_cmd, "bind ADDR [<1-65535>]",
      BIND_STR "IPv4 or IPv6 address; 0.0.0.0 and :: are all of the machine\nUDP port (default: 5060)\n")
{
	uint16_t port = port_arg(argc, argv);

	if (!vty_arg_is_ip(vty, argv[0]))
		return CMD_WARNING;
	if (find_bind(argv[0], port))
		return CMD_SUCCESS;
	if (sip_ua_bind_add(vty_gw->ua, argv[0], port) < 0) {
		vty_out(vty, "%% Cannot listen on %s%s", vty_hostport(argv[0], port), VTY_NEWLINE);
		return CMD_WARNING;
	}
	vty_only_at_start(vty);
	return CMD_SUCCESS;
}

DEFUN(cfg_sip_no_bind, cfg_sip_no_bind_cmd, "no bind ADDR [<1-65535>]",
      NO_STR BIND_STR "IPv4 or IPv6 address\nUDP port (default: 5060)\n")
{
	uint16_t port = port_arg(argc, argv);

	if (sip_ua_bind_del(vty_gw->ua, argv[0], port) < 0) {
		vty_out(vty, "%% There is no 'bind %s %u'%s", argv[0], port, VTY_NEWLINE);
		return CMD_WARNING;
	}
	vty_only_at_start(vty);
	return CMD_SUCCESS;
}

VTY_EXPECT(bind_expect, "bind ADDR VALUE", BIND_STR "IPv4 or IPv6 address\nUDP port\n", "a port, 1 to 65535");

static int write_sip(struct vty *vty)
{
	const struct sip_ua_bind *bind;

	vty_out(vty, "sip%s", VTY_NEWLINE);
	llist_for_each_entry (bind, sip_ua_binds(vty_gw->ua), entry)
		vty_out(vty, " bind %s %u%s", bind->addr, bind->port, VTY_NEWLINE);
	return 1;
}

DEFUN(show_sip, show_sip_cmd, "show sip", SHOW_STR "SIP user agent: addresses, sessions, transactions, counters\n")
{
	const struct sip_ua_bind *bind;
	unsigned int n_sessions = 0, n_transactions = 0;

	sip_ua_get_counts(vty_gw->ua, &n_sessions, &n_transactions);
	if (llist_empty(sip_ua_binds(vty_gw->ua)))
		vty_out(vty, "Listening on %s (UDP), the default%s", vty_hostport("0.0.0.0", SIP_DEFAULT_PORT),
			VTY_NEWLINE);
	llist_for_each_entry (bind, sip_ua_binds(vty_gw->ua), entry)
		vty_out(vty, "%s %s (UDP)%s",
			bind->open ? "Listening on" : "Configured, not open:", vty_hostport(bind->addr, bind->port),
			VTY_NEWLINE);
	vty_out(vty, "Sessions: %u; transactions: %u%s", n_sessions, n_transactions, VTY_NEWLINE);
	vty_out_counters(vty, sip_ua_ctrs(vty_gw->ua));
	return CMD_SUCCESS;
}

void sip_vty_init(void)
{
	install_element_ve(&show_sip_cmd);

	install_element(CONFIG_NODE, &cfg_sip_cmd);
	install_node(&sip_node, write_sip);
	install_element(SIP_NODE, &cfg_sip_bind_cmd);
	install_element(SIP_NODE, &cfg_sip_no_bind_cmd);
	install_element(SIP_NODE, &bind_expect.cmd);
}
