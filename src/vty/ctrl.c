/* The CTRL interface: what programs ask for and set, and what they are told by traps (Osmocom's CTRL protocol over
 * TCP).
 *
 * libosmoctrl splits names at their dots; names of peers may have dots themselves, so everything behind the first word
 * is taken apart here: "peer.NAME.state". The table at the end has every variable; the manual's is tested against it.
 * A port that is taken does not keep calls from working: it is tried again, and "show health" says so. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>
#include <osmocom/ctrl/control_cmd.h>
#include <osmocom/ctrl/control_if.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/health/health.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>
#include <osmocom/sipgw/mncc/mncc_link.h>
#include <osmocom/sipgw/ua/sip_ua.h>
#include <osmocom/sipgw/vty/sipgw_vty.h>

#include "vty_internal.h"

#define CTRL_DEFAULT_ADDR "127.0.0.1"
#define CTRL_DEFAULT_PORT 4297 /* free in Osmocom's list of ports */
#define RETRY_MS	  5000
#define MAX_LISTED	  1000 /* calls in one answer: it has to fit into the 64 kB of an IPA message */
#define MAX_REPLY	  60000

static struct {
	char *addr; /* NULL: the default */
	uint16_t port;
	bool off;
	void *ctx;
	struct ctrl_handle *handle;
	struct osmo_timer_list retry;
	struct health_observer observer;
} ctrl;

/* ---- text ---- */

/* A string in JSON, quotes included. Control characters do not occur in what we have. */
static const char *json_str(const char *str)
{
	char *out = talloc_strdup(OTC_SELECT, "\"");

	for (; *str; str++) {
		if (*str == '"' || *str == '\\')
			out = talloc_asprintf_append_buffer(out, "\\%c", *str);
		else if ((unsigned char)*str >= ' ')
			out = talloc_asprintf_append_buffer(out, "%c", *str);
	}
	return talloc_strdup_append_buffer(out, "\"");
}

static int reply(struct ctrl_cmd *cmd, const char *text)
{
	cmd->reply = talloc_strdup(cmd, text);
	return CTRL_CMD_REPLY;
}

static int reply_uint(struct ctrl_cmd *cmd, unsigned int n)
{
	cmd->reply = talloc_asprintf(cmd, "%u", n);
	return CTRL_CMD_REPLY;
}

static int refuse(struct ctrl_cmd *cmd, const char *why)
{
	cmd->reply = talloc_strdup(cmd, why);
	return CTRL_CMD_ERROR;
}

/* What stands behind the first word of the variable and its dot; "" if nothing does. */
static const char *behind(const struct ctrl_cmd *cmd, const char *word)
{
	const char *rest = cmd->variable + strlen(word);

	return *rest == '.' ? rest + 1 : "";
}

/* "NAME.what" in two, at the last dot. False if there is none. */
static bool split_last(const char *rest, char **name, const char **what)
{
	const char *dot = strrchr(rest, '.');

	if (!dot || dot == rest)
		return false;
	*name = talloc_strndup(OTC_SELECT, rest, dot - rest);
	*what = dot + 1;
	return true;
}

/* ---- health ---- */

struct one_part {
	const char *name;
	const struct health_finding *found;
	struct health_finding copy;
	char *list;
};

static const char *finding_str(const struct health_finding *f)
{
	return talloc_asprintf(OTC_SELECT, "%s%s%s%s: %s%s%s", get_value_string(health_word_names, f->word),
			       f->name ? " [" : "", f->name ?: "", f->name ? "]" : "", f->text,
			       f->to_do ? "; to do: " : "", f->to_do ?: "");
}

/* "mgw default" is mgw.default here */
static const char *part_variable(const struct health_finding *f)
{
	char *name = talloc_strdup(OTC_SELECT, f->part), *blank = strchr(name, ' ');

	if (blank)
		*blank = '.';
	return name;
}

static void find_part(void *data, const struct health_finding *f)
{
	struct one_part *one = data;

	if (strcmp(part_variable(f), one->name))
		return;
	one->copy = *f;
	one->found = &one->copy;
}

static void list_part(void *data, const struct health_finding *f)
{
	struct one_part *one = data;

	one->list = talloc_asprintf_append_buffer(one->list, "%s%s %s", *one->list ? "\n" : "", part_variable(f),
						  finding_str(f));
}

static int get_health(struct ctrl_cmd *cmd, void *data)
{
	struct one_part one = { .name = behind(cmd, "health"), .list = talloc_strdup(OTC_SELECT, "") };

	if (!*one.name)
		return reply(cmd, get_value_string(health_word_names, health_look(vty_gw->health, NULL, NULL)));
	if (!strcmp(one.name, "all")) {
		health_look(vty_gw->health, list_part, &one);
		return reply(cmd, one.list);
	}
	health_look(vty_gw->health, find_part, &one);
	return one.found ? reply(cmd, finding_str(one.found)) : refuse(cmd, "There is no such part");
}

/* ---- calls ---- */

static const char *call_line(const struct call *call)
{
	char buf[512];

	call_to_str_buf(buf, sizeof(buf), call);
	return talloc_strdup(OTC_SELECT, buf);
}

static const char *call_json(const struct call *call)
{
	char parties[160];

	call_parties_to_str_buf(parties, sizeof(parties), call);
	return talloc_asprintf(
		OTC_SELECT,
		"{\"id\":%u,\"state\":\"%s\",\"direction\":\"%s\",\"parties\":%s,\"target\":%s,\"emergency\":%s,"
		"\"age_ms\":%" PRIu64 ",\"answered_ms\":%" PRIu64 "}",
		call->id, call_state_name(call), call->mt ? "mt" : "mo", json_str(parties),
		json_str(call->target ?: ""), call->parties->emergency ? "true" : "false", vty_ms_since(&call->t_start),
		call->answered ? vty_ms_since(&call->t_answered) : 0);
}

/* Not more than fit; the number of all of them is "calls". */
static int list_calls(struct ctrl_cmd *cmd, bool json)
{
	char *list = talloc_strdup(OTC_SELECT, json ? "[" : "");
	const struct call *call;
	unsigned int n = 0;

	llist_for_each_entry (call, &vty_gw->calls->list, entry) {
		if (n == MAX_LISTED || talloc_get_size(list) > MAX_REPLY - 1000)
			break;
		list = talloc_asprintf_append_buffer(list, "%s%s",
						     !n++   ? ""
						     : json ? ","
							    : "\n",
						     json ? call_json(call) : call_line(call));
	}
	return reply(cmd, json ? talloc_strdup_append_buffer(list, "]") : list);
}

static int get_calls(struct ctrl_cmd *cmd, void *data)
{
	const char *what = behind(cmd, "calls");

	if (!*what || !strcmp(what, "count"))
		return reply_uint(cmd, vty_gw->calls->n);
	if (!strcmp(what, "list"))
		return list_calls(cmd, false);
	if (!strcmp(what, "json"))
		return list_calls(cmd, true);
	return refuse(cmd, "No such variable: calls.count, calls.list or calls.json");
}

static struct call *call_of(struct ctrl_cmd *cmd, const char **what)
{
	unsigned long id;
	char *end, *name;

	if (!split_last(behind(cmd, "call"), &name, what)) {
		refuse(cmd, "No such variable: call.ID.info or call.ID.release");
		return NULL;
	}
	id = strtoul(name, &end, 10);
	if (!*end && id && id <= UINT32_MAX && call_find(vty_gw->calls, id))
		return call_find(vty_gw->calls, id);
	refuse(cmd, "There is no such call (any more)");
	return NULL;
}

static int get_call(struct ctrl_cmd *cmd, void *data)
{
	const char *what;
	const struct call *call = call_of(cmd, &what);

	if (!call)
		return CTRL_CMD_ERROR;
	if (!strcmp(what, "info"))
		return reply(cmd, call_line(call));
	if (!strcmp(what, "json"))
		return reply(cmd, call_json(call));
	return refuse(cmd, "No such variable: call.ID.info or call.ID.json");
}

static int set_call(struct ctrl_cmd *cmd, void *data)
{
	const char *what;
	struct call *call = call_of(cmd, &what);
	struct cause cause;
	unsigned long value;
	char *end;

	if (!call)
		return CTRL_CMD_ERROR;
	if (!strcmp(what, "cancel") || !strcmp(what, "hangup") || !strcmp(what, "terminate")) {
		const char *why = test_call_end(call, what);
		return why ? refuse(cmd, why) : reply(cmd, "OK");
	}
	value = strtoul(cmd->value, &end, 10);
	if (strcmp(what, "release"))
		return refuse(cmd, "Only call.ID.release, cancel, hangup and terminate can be set");
	if (*end || end == cmd->value || value < 1 || value > 127)
		return refuse(cmd, "Expected a Q.850 cause, 1 to 127");
	cause = cause_make(value, "released by CTRL");
	call_release(call, &cause);
	return reply(cmd, "OK");
}

/* "FROM,TO[,SECONDS]" */
static int set_originate(struct ctrl_cmd *cmd, void *data)
{
	char *save, *from = strtok_r(talloc_strdup(cmd, cmd->value), ",", &save);
	char *to = from ? strtok_r(NULL, ",", &save) : NULL;
	char *seconds = to ? strtok_r(NULL, ",", &save) : NULL;
	const char *why = "";
	uint32_t id;

	if (!to || (seconds && (atoi(seconds) < 1 || atoi(seconds) > 3600)))
		return refuse(cmd, "Expected FROM,TO or FROM,TO,SECONDS");
	id = test_call_make(from, to, NULL, seconds ? atoi(seconds) : 0, &why);
	return id ? reply_uint(cmd, id) : refuse(cmd, why);
}

static int write_only(struct ctrl_cmd *cmd, void *data)
{
	return refuse(cmd, "Write Only attribute");
}

/* ---- peers, gateways, the link ---- */

static const char *peer_state(const struct sip_peer *peer)
{
	struct one_part one = { .name = talloc_asprintf(OTC_SELECT, "peer.%s", peer->name) };

	health_look(vty_gw->health, find_part, &one);
	return one.found && one.found->state ? one.found->state : "unknown";
}

static int get_peers(struct ctrl_cmd *cmd, void *data)
{
	char *list = talloc_strdup(OTC_SELECT, "");
	const struct sip_peer *peer;

	if (strcmp(cmd->variable, "peers"))
		return refuse(cmd, "No such variable: peers");
	llist_for_each_entry (peer, sip_ua_peers(vty_gw->ua), entry)
		list = talloc_asprintf_append_buffer(list, "%s%s", *list ? " " : "", peer->name);
	return reply(cmd, list);
}

static struct sip_peer *peer_of(struct ctrl_cmd *cmd, const char **what)
{
	struct sip_peer *peer;
	char *name;

	if (!split_last(behind(cmd, "peer"), &name, what)) {
		refuse(cmd, "No such variable: peer.NAME.state, .calls or .admin");
		return NULL;
	}
	peer = sip_peer_find(vty_gw->ua, name);
	if (!peer)
		refuse(cmd, "There is no such SIP peer");
	return peer;
}

static int get_peer(struct ctrl_cmd *cmd, void *data)
{
	const char *what;
	const struct sip_peer *peer = peer_of(cmd, &what);

	if (!peer)
		return CTRL_CMD_ERROR;
	if (!strcmp(what, "state"))
		return reply(cmd, peer_state(peer));
	if (!strcmp(what, "calls"))
		return reply_uint(cmd, peer->n_calls);
	if (!strcmp(what, "admin"))
		return reply(cmd, peer->blocked ? "out-of-service" : "in-service");
	return refuse(cmd, "No such variable: peer.NAME.state, .calls or .admin");
}

static int set_peer(struct ctrl_cmd *cmd, void *data)
{
	const char *what;
	struct sip_peer *peer = peer_of(cmd, &what);
	bool in = !strcmp(cmd->value, "in-service"), out = !strcmp(cmd->value, "out-of-service");

	if (!peer)
		return CTRL_CMD_ERROR;
	if (strcmp(what, "admin"))
		return refuse(cmd, "Only peer.NAME.admin can be set");
	if (!in && !out)
		return refuse(cmd, "Expected in-service or out-of-service");
	peer->blocked = out;
	return reply(cmd, cmd->value);
}

static int get_mgws(struct ctrl_cmd *cmd, void *data)
{
	char *list = talloc_strdup(OTC_SELECT, "");
	struct mgw *mgw = NULL;

	if (strcmp(cmd->variable, "mgws"))
		return refuse(cmd, "No such variable: mgws");
	while ((mgw = mgw_pool_next(vty_gw->mgws, mgw)))
		list = talloc_asprintf_append_buffer(list, "%s%s", *list ? " " : "", mgw_name(mgw));
	return reply(cmd, list);
}

static int get_mgw(struct ctrl_cmd *cmd, void *data)
{
	const char *what = "";
	struct mgw_info info;
	struct mgw *mgw;
	char *name;

	if (!split_last(behind(cmd, "mgw"), &name, &what))
		return refuse(cmd, "No such variable: mgw.NAME.state or .endpoints");
	mgw = mgw_pool_find(vty_gw->mgws, name);
	if (!mgw)
		return refuse(cmd, "There is no such media gateway");
	mgw_get_info(mgw, &info);
	if (!strcmp(what, "state"))
		return reply(cmd, get_value_string(mgw_state_names, info.state));
	if (!strcmp(what, "endpoints"))
		return reply_uint(cmd, info.n_endpoints);
	return refuse(cmd, "No such variable: mgw.NAME.state or .endpoints");
}

static int get_mncc(struct ctrl_cmd *cmd, void *data)
{
	if (!strcmp(behind(cmd, "mncc"), "state"))
		return reply(cmd, mncc_link_is_up(vty_gw->mncc) ? "up" : "down");
	return refuse(cmd, "No such variable: mncc.state");
}

/* ---- draining ---- */

static int get_drain(struct ctrl_cmd *cmd, void *data)
{
	return reply_uint(cmd, vty_gw->calls->draining);
}

static int get_drain_exit(struct ctrl_cmd *cmd, void *data)
{
	return reply_uint(cmd, vty_gw->drain_exit);
}

static int set_drain(struct ctrl_cmd *cmd, void *data)
{
	bool on = !strcmp(cmd->value, "1");

	if (!on && strcmp(cmd->value, "0"))
		return refuse(cmd, "Expected 0 or 1");
	sipgw_drain(vty_gw, on, !strcmp(cmd->variable, "drain-and-exit"));
	return reply(cmd, cmd->value);
}

static int read_only(struct ctrl_cmd *cmd, void *data)
{
	return refuse(cmd, "Read Only attribute");
}

/* What the sets say themselves is more than yes or no. */
static int no_verify(struct ctrl_cmd *cmd, const char *value, void *data)
{
	return 0;
}

/* ---- the table ---- */

static struct ctrl_cmd_element variables[] = {
	{ .name = "health", .get = get_health, .set = read_only, .verify = no_verify },
	{ .name = "calls", .get = get_calls, .set = read_only, .verify = no_verify },
	{ .name = "call", .get = get_call, .set = set_call, .verify = no_verify },
	{ .name = "originate", .get = write_only, .set = set_originate, .verify = no_verify },
	{ .name = "peers", .get = get_peers, .set = read_only, .verify = no_verify },
	{ .name = "peer", .get = get_peer, .set = set_peer, .verify = no_verify },
	{ .name = "mgws", .get = get_mgws, .set = read_only, .verify = no_verify },
	{ .name = "mgw", .get = get_mgw, .set = read_only, .verify = no_verify },
	{ .name = "mncc", .get = get_mncc, .set = read_only, .verify = no_verify },
	{ .name = "drain", .get = get_drain, .set = set_drain, .verify = no_verify },
	{ .name = "drain-and-exit", .get = get_drain_exit, .set = set_drain, .verify = no_verify },
};

/* ---- traps ---- */

static void trap(const char *name, const char *value)
{
	if (ctrl.handle && !llist_empty(&ctrl.handle->ccon_list))
		ctrl_cmd_send_trap(ctrl.handle, name, talloc_strdup(OTC_SELECT, value));
}

static void on_health_changed(void *data, const struct health_finding *f, enum health_word was)
{
	trap(talloc_asprintf(OTC_SELECT, "health.%s", part_variable(f)), finding_str(f));
}

static void on_state(void *data, const struct health_finding *f)
{
	trap(talloc_asprintf(OTC_SELECT, "%s.state", part_variable(f)), f->state);
}

static void on_call_failed(void *data, const struct call *call)
{
	char parties[160];

	call_parties_to_str_buf(parties, sizeof(parties), call);
	trap(talloc_asprintf(OTC_SELECT, "call.%u.failed", call->id),
	     talloc_asprintf(OTC_SELECT, "cause %u (%s): %s%s%s", call->cause->value, cause_name(call->cause->value),
			     parties, *call->cause->text ? ": " : "", call->cause->text));
}

/* ---- the port ---- */

static const char *bind_addr(void)
{
	return ctrl.addr ?: CTRL_DEFAULT_ADDR;
}

/* libosmoctrl makes the lists with the handle. */
static void install_variables(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(variables); i++)
		ctrl_cmd_install(CTRL_NODE_ROOT, &variables[i]);
}

static void try_to_open(void *data)
{
	uint16_t port = ctrl.port ?: CTRL_DEFAULT_PORT;
	/* look first: libosmocore would say more in the log, each time, than is worth while */
	int rc = vty_try_to_bind(bind_addr(), port);

	if (rc == 0)
		ctrl.handle = ctrl_interface_setup_dynip(vty_gw, bind_addr(), port, NULL);
	if (ctrl.handle) {
		install_variables();
		health_set_ctrl(vty_gw->health, NULL);
		LOGP(DMAIN, LOGL_INFO, "CTRL interface at %s\n", vty_hostport(bind_addr(), port));
		return;
	}
	health_set_ctrl(vty_gw->health, talloc_asprintf(OTC_SELECT, "cannot open the CTRL port %s: %s",
							vty_hostport(bind_addr(), port), strerror(rc ? -rc : EIO)));
	timer_start_ms(&ctrl.retry, RETRY_MS);
}

/*! libosmoctrl keeps some memory for good that nobody can free: it is made here, first, so that the report of what was
 * left at the end stays empty. */
void sipgw_ctrl_init(void)
{
	talloc_free(ctrl_handle_alloc(NULL, NULL, NULL));
}

/*! Open the port. When that cannot be, calls work all the same; it is tried again. */
void sipgw_ctrl_listen(struct sipgw *gw)
{
	if (ctrl.off)
		return;
	ctrl.observer = (struct health_observer){
		.changed = on_health_changed,
		.state = on_state,
		.call_failed = on_call_failed,
	};
	health_observe(gw->health, &ctrl.observer);
	osmo_timer_setup(&ctrl.retry, try_to_open, NULL);
	try_to_open(NULL);
}

static void close_connections(void)
{
	struct ctrl_connection *conn, *next;

	llist_for_each_entry_safe (conn, next, &ctrl.handle->ccon_list, list_entry) {
		osmo_wqueue_clear(&conn->write_queue);
		osmo_fd_unregister(&conn->write_queue.bfd);
		close(conn->write_queue.bfd.fd);
		llist_del(&conn->list_entry);
		talloc_free(conn);
	}
}

/* libosmoctrl keeps this one for good, in no context at all. */
static void find_lookup_helper(const void *ptr, int depth, int max_depth, int is_ref, void *data)
{
	const void **found = data;

	if (depth == 1 && !strcmp(talloc_get_name(ptr), "struct lookup_helper"))
		*found = ptr;
}

static void free_lookup_helpers(void)
{
	const void *found;

	do {
		found = NULL;
		talloc_report_depth_cb(NULL, 0, 1, find_lookup_helper, &found);
		talloc_free((void *)found);
	} while (found);
}

/*! Before the calls go. */
void sipgw_ctrl_close(void)
{
	osmo_timer_del(&ctrl.retry);
	if (ctrl.handle) {
		close_connections();
		osmo_fd_unregister(&ctrl.handle->listen_fd);
		close(ctrl.handle->listen_fd.fd);
		talloc_free(ctrl.handle);
		free_lookup_helpers();
	}
	ctrl.handle = NULL;
}

/* ---- node ctrl ---- */

static struct cmd_node ctrl_node = { L_CTRL_NODE, "%s(config-ctrl)# ", 1 };

DEFUN(cfg_ctrl, cfg_ctrl_cmd, "ctrl", "Control interface, for programs\n")
{
	vty->node = L_CTRL_NODE;
	return CMD_SUCCESS;
}

#define BIND_STR "Address to listen on (default: 127.0.0.1 port 4297); whoever reaches it may do everything\n"

DEFUN(cfg_ctrl_bind, cfg_ctrl_bind_cmd, "bind ADDR [<1-65535>]",
      BIND_STR "IPv4 or IPv6 address\nPort (default: 4297)\n")
{
	if (!vty_arg_is_ip(vty, argv[0]))
		return CMD_WARNING;
	osmo_talloc_replace_string(ctrl.ctx, &ctrl.addr, argv[0]);
	ctrl.port = argc > 1 ? atoi(argv[1]) : CTRL_DEFAULT_PORT;
	ctrl.off = false;
	vty_only_at_start(vty);
	return CMD_SUCCESS;
}

DEFUN(cfg_ctrl_no_bind, cfg_ctrl_no_bind_cmd, "no bind", NO_STR "No control interface\n")
{
	ctrl.off = true;
	vty_only_at_start(vty);
	return CMD_SUCCESS;
}

VTY_EXPECT(ctrl_bind_expect, "bind ADDR VALUE", BIND_STR "IPv4 or IPv6 address\nPort\n", "a port, 1 to 65535");

static int write_ctrl(struct vty *vty)
{
	vty_out(vty, "ctrl%s", VTY_NEWLINE);
	if (ctrl.off)
		vty_out(vty, " no bind%s", VTY_NEWLINE);
	else if (ctrl.port && ctrl.port != CTRL_DEFAULT_PORT)
		vty_out(vty, " bind %s %u%s", bind_addr(), ctrl.port, VTY_NEWLINE);
	else
		vty_out(vty, " bind %s%s", bind_addr(), VTY_NEWLINE);
	return 1;
}

/*! \a ctx: owner of what is kept until the end. */
void ctrl_vty_node_init(void *ctx)
{
	ctrl.ctx = ctx;
	install_element(CONFIG_NODE, &cfg_ctrl_cmd);
	install_node(&ctrl_node, write_ctrl);
	install_element(L_CTRL_NODE, &cfg_ctrl_bind_cmd);
	install_element(L_CTRL_NODE, &ctrl_bind_expect.cmd);
	install_element(L_CTRL_NODE, &cfg_ctrl_no_bind_cmd);
}
