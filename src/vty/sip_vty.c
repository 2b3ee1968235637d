/* VTY of the SIP user agent: node "sip", "show sip". Peers are in sip_peer_vty.c. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/talloc.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/sip/sip_ua.h>

#include "vty_internal.h"

#define SIP_DEFAULT_PORT 5060

#define BIND_STR "Address to listen on and send from; several are possible (default: 0.0.0.0 port 5060)\n"

#define UNKNOWN_STR   "What requests get that come from nobody we know: no address of a peer, no call of ours\n"
#define MAX_CALLS_STR "Limit of all SIP calls at a time; emergency calls are not limited\n"
#define AGENT_STR     "Text of the User-Agent and Server headers (default: our name and version)\n"
#define MAX_AGENT_LEN 100

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

#define NAMESERVER_STR "Where names of SIP peers are looked up (default: the name servers of the system)\n"

DEFUN(cfg_sip_nameserver, cfg_sip_nameserver_cmd, "nameserver ADDR [<1-65535>]",
      NAMESERVER_STR "IPv4 or IPv6 address of a name server\nPort (default: 53)\n")
{
	if (!vty_arg_is_ip(vty, argv[0]))
		return CMD_WARNING;
	sip_ua_set_nameserver(vty_gw->ua, argv[0], argc > 1 ? atoi(argv[1]) : 0);
	return CMD_SUCCESS;
}

DEFUN(cfg_sip_no_nameserver, cfg_sip_no_nameserver_cmd, "no nameserver", NO_STR "The name servers of the system\n")
{
	sip_ua_set_nameserver(vty_gw->ua, NULL, 0);
	return CMD_SUCCESS;
}

VTY_EXPECT(nameserver_expect, "nameserver ADDR VALUE", NAMESERVER_STR "IPv4 or IPv6 address\nPort\n",
	   "a port, 1 to 65535");

static void write_nameserver(struct vty *vty)
{
	uint16_t port;
	const char *addr = sip_ua_nameserver(vty_gw->ua, &port);

	if (addr && port)
		vty_out(vty, " nameserver %s %u%s", addr, port, VTY_NEWLINE);
	else if (addr)
		vty_out(vty, " nameserver %s%s", addr, VTY_NEWLINE);
}

DEFUN(cfg_sip_unknown, cfg_sip_unknown_cmd, "unknown-sources (ignore|refuse)",
      UNKNOWN_STR "No answer at all: they do not learn that somebody is here (default)\n403 Forbidden\n")
{
	sip_ua_set_refuse_unknown(vty_gw->ua, argv[0][0] == 'r');
	return CMD_SUCCESS;
}

DEFUN(cfg_sip_max_calls, cfg_sip_max_calls_cmd, "max-calls <1-1000000>",
      MAX_CALLS_STR "Calls (default: 20000)\n")
{
	sip_ua_set_max_sessions(vty_gw->ua, atoi(argv[0]));
	return CMD_SUCCESS;
}

DEFUN(cfg_sip_user_agent, cfg_sip_user_agent_cmd, "user-agent .TEXT", AGENT_STR "Name and version, up to 100 bytes\n")
{
	char *text = argv_concat(argv, argc, 0);

	if (!text || strlen(text) > MAX_AGENT_LEN) {
		vty_out(vty, "%% That is longer than %d bytes%s", MAX_AGENT_LEN, VTY_NEWLINE);
		talloc_free(text);
		return CMD_WARNING;
	}
	sip_ua_set_user_agent(vty_gw->ua, text);
	talloc_free(text);
	return CMD_SUCCESS;
}

DEFUN(cfg_sip_no_user_agent, cfg_sip_no_user_agent_cmd, "no user-agent", NO_STR AGENT_STR)
{
	sip_ua_set_user_agent(vty_gw->ua, NULL);
	return CMD_SUCCESS;
}

VTY_EXPECT(unknown_expect, "unknown-sources VALUE", UNKNOWN_STR "Way\n", "ignore or refuse");
VTY_EXPECT(max_calls_expect, "max-calls VALUE", MAX_CALLS_STR "Calls\n", "a number of calls, 1 to 1000000");

static void write_door(struct vty *vty)
{
	const struct sip_ua *ua = vty_gw->ua;

	if (sip_ua_refuses_unknown(ua))
		vty_out(vty, " unknown-sources refuse%s", VTY_NEWLINE);
	if (sip_ua_max_sessions(ua) != SIP_UA_MAX_SESSIONS)
		vty_out(vty, " max-calls %u%s", sip_ua_max_sessions(ua), VTY_NEWLINE);
	if (sip_ua_user_agent(ua))
		vty_out(vty, " user-agent %s%s", sip_ua_user_agent(ua), VTY_NEWLINE);
}

static int write_sip(struct vty *vty)
{
	const struct sip_ua_bind *bind;

	vty_out(vty, "sip%s", VTY_NEWLINE);
	llist_for_each_entry (bind, sip_ua_binds(vty_gw->ua), entry)
		vty_out(vty, " bind %s %u%s", bind->addr, bind->port, VTY_NEWLINE);
	write_door(vty);
	write_nameserver(vty);
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
	install_element(SIP_NODE, &cfg_sip_unknown_cmd);
	install_element(SIP_NODE, &unknown_expect.cmd);
	install_element(SIP_NODE, &cfg_sip_max_calls_cmd);
	install_element(SIP_NODE, &max_calls_expect.cmd);
	install_element(SIP_NODE, &cfg_sip_user_agent_cmd);
	install_element(SIP_NODE, &cfg_sip_no_user_agent_cmd);
	install_element(SIP_NODE, &cfg_sip_nameserver_cmd);
	install_element(SIP_NODE, &cfg_sip_no_nameserver_cmd);
	install_element(SIP_NODE, &nameserver_expect.cmd);
}
