/* The CTRL interface (Osmocom's CTRL protocol over TCP): its port, and the traps by which programs are told. What they
 * can ask for and set is in ctrl_vars.c.
 *
 * A port that is taken does not keep calls from working: it is tried again, and "show health" says so. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
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
#include <osmocom/sipgw/vty/sipgw_vty.h>

#include "ctrl_internal.h"
#include "vty_internal.h"

#define CTRL_DEFAULT_ADDR "127.0.0.1"
#define CTRL_DEFAULT_PORT 4297 /* free in Osmocom's list of ports */
#define RETRY_MS	  5000

static struct {
	char *addr; /* NULL: the default */
	uint16_t port;
	bool off;
	void *ctx;
	struct ctrl_handle *handle;
	struct osmo_timer_list retry;
	struct health_observer observer;
} ctrl;

/* ---- traps ---- */

static void trap(const char *name, const char *value)
{
	if (ctrl.handle && !llist_empty(&ctrl.handle->ccon_list))
		ctrl_cmd_send_trap(ctrl.handle, name, talloc_strdup(OTC_SELECT, value));
}

static void on_health_changed(void *data, const struct health_finding *f, enum health_word was)
{
	trap(talloc_asprintf(OTC_SELECT, "health.%s", ctrl_part_variable(f)), ctrl_finding_str(f));
}

static void on_state(void *data, const struct health_finding *f)
{
	trap(talloc_asprintf(OTC_SELECT, "%s.state", ctrl_part_variable(f)), f->state);
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

/* libosmocore 1.8 and later want the one that listens where their own "bind A.B.C.D" says: no IPv6, and one try. */
static struct ctrl_handle *listen_at(const char *addr, uint16_t port)
{
	_Pragma("GCC diagnostic push");
	_Pragma("GCC diagnostic ignored \"-Wdeprecated-declarations\"");
	return ctrl_interface_setup_dynip(vty_gw, addr, port, NULL);
	_Pragma("GCC diagnostic pop");
}

static void try_to_open(void *data)
{
	uint16_t port = ctrl.port ?: CTRL_DEFAULT_PORT;
	/* look first: libosmocore would say more in the log, each time, than is worth while */
	int rc = vty_try_to_bind(bind_addr(), port);

	if (rc == 0)
		ctrl.handle = listen_at(bind_addr(), port);
	if (ctrl.handle) {
		ctrl_install_variables();
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
