/* VTY of the SIP user agent: node "sip", "show sip". Peers are in sip_peer_vty.c. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/talloc.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "vty_internal.h"

#define SIP_DEFAULT_PORT 5060

#define BIND_STR      "Address to listen on and send from; several are possible (default: 0.0.0.0 port 5060)\n"
#define BIND_IP_STR   "IPv4 or IPv6 address; 0.0.0.0 and :: are all of the machine\n"
#define BIND_PORT_STR "Port (default: 5060, with TLS 5061)\n"
#define BIND_KIND_STR "UDP (default)\nTCP\nTLS: see 'tls certificate'\n"

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

static const struct sip_ua_bind *find_bind(const char *addr, uint16_t port, int transport)
{
	const struct sip_ua_bind *bind;

	llist_for_each_entry (bind, sip_ua_binds(vty_gw->ua), entry) {
		if (bind->port == port && bind->transport == transport && !strcmp(bind->addr, addr))
			return bind;
	}
	return NULL;
}

/* [PORT] [udp|tcp|tls]: either may be left out */
static void bind_args(int argc, const char *argv[], uint16_t *port, int *transport)
{
	*transport = SIP_TP_UDP;
	*port = 0;
	for (argc--, argv++; argc; argc--, argv++) {
		if (sip_transport_id_by_name(*argv) >= 0)
			*transport = sip_transport_id_by_name(*argv);
		else
			*port = atoi(*argv);
	}
	if (!*port)
		*port = sip_transport_kind(*transport)->default_port;
}

static int bind_one(struct vty *vty, int argc, const char *argv[])
{
	uint16_t port;
	int transport;

	if (!vty_arg_is_ip(vty, argv[0]))
		return CMD_WARNING;
	bind_args(argc, argv, &port, &transport);
	if (find_bind(argv[0], port, transport))
		return CMD_SUCCESS;
	if (sip_ua_bind_add_kind(vty_gw->ua, argv[0], port, transport) < 0) {
		vty_out(vty, "%% Cannot listen on %s%s", vty_hostport(argv[0], port), VTY_NEWLINE);
		return CMD_WARNING;
	}
	vty_only_at_start(vty);
	return CMD_SUCCESS;
}

static int no_bind_one(struct vty *vty, int argc, const char *argv[])
{
	uint16_t port;
	int transport;

	bind_args(argc, argv, &port, &transport);
	if (sip_ua_bind_del_kind(vty_gw->ua, argv[0], port, transport) < 0) {
		vty_out(vty, "%% There is no 'bind %s %u%s%s'%s", argv[0], port, transport == SIP_TP_UDP ? "" : " ",
			transport == SIP_TP_UDP ? "" : sip_transport_kind(transport)->param, VTY_NEWLINE);
		return CMD_WARNING;
	}
	vty_only_at_start(vty);
	return CMD_SUCCESS;
}

DEFUN(cfg_sip_bind, cfg_sip_bind_cmd, "bind ADDR [<1-65535>]", BIND_STR BIND_IP_STR BIND_PORT_STR)
{
	return bind_one(vty, argc, argv);
}

DEFUN(cfg_sip_bind_kind, cfg_sip_bind_kind_cmd, "bind ADDR (udp|tcp|tls)", BIND_STR BIND_IP_STR BIND_KIND_STR)
{
	return bind_one(vty, argc, argv);
}

DEFUN(cfg_sip_bind_port_kind, cfg_sip_bind_port_kind_cmd, "bind ADDR <1-65535> (udp|tcp|tls)",
      BIND_STR BIND_IP_STR BIND_PORT_STR BIND_KIND_STR)
{
	return bind_one(vty, argc, argv);
}

DEFUN(cfg_sip_no_bind, cfg_sip_no_bind_cmd, "no bind ADDR [<1-65535>]", NO_STR BIND_STR BIND_IP_STR BIND_PORT_STR)
{
	return no_bind_one(vty, argc, argv);
}

DEFUN(cfg_sip_no_bind_kind, cfg_sip_no_bind_kind_cmd, "no bind ADDR (udp|tcp|tls)",
      NO_STR BIND_STR BIND_IP_STR BIND_KIND_STR)
{
	return no_bind_one(vty, argc, argv);
}

DEFUN(cfg_sip_no_bind_port_kind, cfg_sip_no_bind_port_kind_cmd, "no bind ADDR <1-65535> (udp|tcp|tls)",
      NO_STR BIND_STR BIND_IP_STR BIND_PORT_STR BIND_KIND_STR)
{
	return no_bind_one(vty, argc, argv);
}

VTY_EXPECT(bind_expect, "bind ADDR VALUE", BIND_STR BIND_IP_STR "Port\n", "a port, 1 to 65535, or udp, tcp, tls");
VTY_EXPECT(bind_kind_expect, "bind ADDR <1-65535> VALUE", BIND_STR BIND_IP_STR BIND_PORT_STR "Transport\n",
	   "udp, tcp or tls");

DEFUN(cfg_sip_conn_limit, cfg_sip_conn_limit_cmd, "connection-limit <1-100000> [<1-100000>]",
      "How many TCP and TLS connections are accepted\nIn total (default: 1000)\nFrom one address (default: 200)\n")
{
	struct sip_transport_cfg *cfg = sip_ua_transport_cfg(vty_gw->ua);

	cfg->max_conns = atoi(argv[0]);
	if (argc > 1)
		cfg->max_conns_per_source = atoi(argv[1]);
	return CMD_SUCCESS;
}

VTY_EXPECT(conn_limit_expect, "connection-limit VALUE", "How many TCP and TLS connections are accepted\nNumber\n",
	   "a number, 1 to 100000");

DEFUN(cfg_sip_udp_limit, cfg_sip_udp_limit_cmd, "udp-limit <0-65535>",
      "Longer requests to peers with UDP go over TCP, if we listen there (RFC 3261 18.1.1)\n"
      "Bytes (default: 1300); 0: never\n")
{
	sip_ua_transport_cfg(vty_gw->ua)->udp_limit = atoi(argv[0]);
	return CMD_SUCCESS;
}

VTY_EXPECT(udp_limit_expect, "udp-limit VALUE", "Longer requests to peers with UDP go over TCP\nBytes\n",
	   "a number, 0 to 65535");

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

DEFUN(cfg_sip_max_calls, cfg_sip_max_calls_cmd, "max-calls <1-1000000>", MAX_CALLS_STR "Calls (default: 20000)\n")
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
	const struct sip_transport_cfg *cfg = sip_ua_transport_cfg(vty_gw->ua);
	struct sip_transport_cfg defaults;
	const struct sip_ua_bind *bind;

	sip_transport_cfg_default(&defaults);
	vty_out(vty, "sip%s", VTY_NEWLINE);
	llist_for_each_entry (bind, sip_ua_binds(vty_gw->ua), entry)
		vty_out(vty, " bind %s %u%s%s%s", bind->addr, bind->port, bind->transport == SIP_TP_UDP ? "" : " ",
			bind->transport == SIP_TP_UDP ? "" : sip_transport_kind(bind->transport)->param, VTY_NEWLINE);
	if (cfg->max_conns != defaults.max_conns || cfg->max_conns_per_source != defaults.max_conns_per_source)
		vty_out(vty, " connection-limit %u %u%s", cfg->max_conns, cfg->max_conns_per_source, VTY_NEWLINE);
	if (cfg->udp_limit != defaults.udp_limit)
		vty_out(vty, " udp-limit %u%s", cfg->udp_limit, VTY_NEWLINE);
	sip_tls_vty_write(vty);
	write_door(vty);
	write_nameserver(vty);
	return 1;
}

/* TLS without a certificate of ours accepts nobody. */
static const char *bound_word(const struct sip_ua_bind *bind)
{
	if (bind->transport == SIP_TP_TLS && !sip_ua_transport_cfg(vty_gw->ua)->tls_cert)
		return "Only sending from";
	return "Listening on";
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
		vty_out(vty, "%s %s (%s)%s",
			bind->open ? bound_word(bind) : "Configured, not open:", vty_hostport(bind->addr, bind->port),
			sip_transport_kind(bind->transport)->name, VTY_NEWLINE);
	vty_out(vty, "Sessions: %u; transactions: %u%s", n_sessions, n_transactions, VTY_NEWLINE);
	vty_out_counters(vty, sip_ua_ctrs(vty_gw->ua));
	return CMD_SUCCESS;
}

#define CONN_ROW "%-4s %-5s %-40s %-8s %7s %7s%s"

static void show_conn(const struct sip_conn_info *info, void *data)
{
	struct vty *vty = data;
	char remote[64];

	sip_hostport_buf(remote, sizeof(remote), info->remote);
	vty_out(vty, CONN_ROW, info->accepted ? "from" : "to", info->ops->name, vty_fit(remote, 40),
		vty_fit(info->state, 8), vty_ago_ms(info->age_ms), vty_ago_ms(info->idle_ms), VTY_NEWLINE);
	vty_out(vty, "     messages: %lu received, %lu sent%s", info->rx, info->tx, VTY_NEWLINE);
	if (info->queued)
		vty_out(vty, "     the other side does not read: %zu bytes wait%s", info->queued, VTY_NEWLINE);
	if (info->name[0])
		vty_out(vty, "     certificate of %s%s", vty_fit(info->name, 58), VTY_NEWLINE);
}

static void count_conn(const struct sip_conn_info *info, void *data)
{
	unsigned int *n = data;

	(*n)++;
}

DEFUN(show_sip_connections, show_sip_connections_cmd, "show sip connections",
      SHOW_STR "SIP user agent\nTCP and TLS connections\n")
{
	unsigned int n = 0;

	sip_ua_each_conn(vty_gw->ua, count_conn, &n);
	if (!n) {
		vty_out(vty, "No connections.%s", VTY_NEWLINE);
		return CMD_SUCCESS;
	}
	vty_out(vty, CONN_ROW, "", "Via", "Other side", "State", "Age", "Idle", VTY_NEWLINE);
	sip_ua_each_conn(vty_gw->ua, show_conn, vty);
	vty_out(vty, "%u connection%s%s", n, n == 1 ? "" : "s", VTY_NEWLINE);
	return CMD_SUCCESS;
}

void sip_vty_init(void)
{
	install_element_ve(&show_sip_cmd);
	install_element_ve(&show_sip_connections_cmd);

	install_element(CONFIG_NODE, &cfg_sip_cmd);
	install_node(&sip_node, write_sip);
	install_element(SIP_NODE, &cfg_sip_bind_cmd);
	install_element(SIP_NODE, &cfg_sip_bind_kind_cmd);
	install_element(SIP_NODE, &cfg_sip_bind_port_kind_cmd);
	install_element(SIP_NODE, &bind_expect.cmd);
	install_element(SIP_NODE, &bind_kind_expect.cmd);
	install_element(SIP_NODE, &cfg_sip_no_bind_cmd);
	install_element(SIP_NODE, &cfg_sip_no_bind_kind_cmd);
	install_element(SIP_NODE, &cfg_sip_no_bind_port_kind_cmd);
	install_element(SIP_NODE, &cfg_sip_conn_limit_cmd);
	install_element(SIP_NODE, &conn_limit_expect.cmd);
	install_element(SIP_NODE, &cfg_sip_udp_limit_cmd);
	install_element(SIP_NODE, &udp_limit_expect.cmd);
	sip_tls_vty_init();
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
