/* The variables of the CTRL interface: the table, and all of them but those of calls.
 *
 * libosmoctrl splits names at their dots; names of peers may have dots themselves, so everything behind the first word
 * is taken apart here: "peer.NAME.state". The table at the end has every variable; the manual's is tested against it.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <inttypes.h>
#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/health/health.h>
#include <osmocom/sipgw/mgcp/mgw.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>
#include <osmocom/sipgw/mncc/mncc_link.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "ctrl_internal.h"
#include "vty_internal.h"

/* ---- questions and answers ---- */

int ctrl_reply(struct ctrl_cmd *cmd, const char *text)
{
	cmd->reply = talloc_strdup(cmd, text);
	return CTRL_CMD_REPLY;
}

int ctrl_reply_uint(struct ctrl_cmd *cmd, unsigned int n)
{
	cmd->reply = talloc_asprintf(cmd, "%u", n);
	return CTRL_CMD_REPLY;
}

int ctrl_refuse(struct ctrl_cmd *cmd, const char *why)
{
	cmd->reply = talloc_strdup(cmd, why);
	return CTRL_CMD_ERROR;
}

const char *ctrl_behind(const struct ctrl_cmd *cmd, const char *word)
{
	const char *rest = cmd->variable + strlen(word);

	return *rest == '.' ? rest + 1 : "";
}

bool ctrl_split_last(const char *rest, char **name, const char **what)
{
	const char *dot = strrchr(rest, '.');

	if (!dot || dot == rest)
		return false;
	*name = talloc_strndup(OTC_SELECT, rest, dot - rest);
	*what = dot + 1;
	return true;
}

/* ---- health ---- */

const char *ctrl_finding_str(const struct health_finding *f)
{
	return talloc_asprintf(OTC_SELECT, "%s%s%s%s: %s%s%s", get_value_string(health_word_names, f->word),
			       f->name ? " [" : "", f->name ?: "", f->name ? "]" : "", f->text,
			       f->to_do ? "; to do: " : "", f->to_do ?: "");
}

const char *ctrl_part_variable(const struct health_finding *f)
{
	char *name = talloc_strdup(OTC_SELECT, f->part), *blank = strchr(name, ' ');

	if (blank)
		*blank = '.';
	return name;
}

struct one_part {
	const char *name;
	const struct health_finding *found;
	struct health_finding copy;
	char *list;
};

static void find_part(void *data, const struct health_finding *f)
{
	struct one_part *one = data;

	if (strcmp(ctrl_part_variable(f), one->name))
		return;
	one->copy = *f;
	one->found = &one->copy;
}

static void list_part(void *data, const struct health_finding *f)
{
	struct one_part *one = data;

	one->list = talloc_asprintf_append_buffer(one->list, "%s%s %s", *one->list ? "\n" : "", ctrl_part_variable(f),
						  ctrl_finding_str(f));
}

static int get_health(struct ctrl_cmd *cmd, void *data)
{
	struct one_part one = { .name = ctrl_behind(cmd, "health"), .list = talloc_strdup(OTC_SELECT, "") };

	if (!*one.name)
		return ctrl_reply(cmd, get_value_string(health_word_names, health_look(vty_gw->health, NULL, NULL)));
	if (!strcmp(one.name, "all")) {
		health_look(vty_gw->health, list_part, &one);
		return ctrl_reply(cmd, one.list);
	}
	health_look(vty_gw->health, find_part, &one);
	return one.found ? ctrl_reply(cmd, ctrl_finding_str(one.found)) : ctrl_refuse(cmd, "There is no such part");
}

/* ---- peers, gateways, the link ---- */

#define NO_PEER_VARIABLE "No such variable: peer.NAME.state, .calls, .counters or .admin"
#define NO_MGW_VARIABLE	 "No such variable: mgw.NAME.state, .endpoints or .counters"

/* libosmocore has them by the number of the group, which nobody can know: it is the order of configuration. */
static int reply_counters(struct ctrl_cmd *cmd, const struct rate_ctr_group *ctrs)
{
	char *list = talloc_strdup(OTC_SELECT, "");
	unsigned int i;

	for (i = 0; i < ctrs->desc->num_ctr; i++)
		list = talloc_asprintf_append_buffer(list, "%s%s %" PRIu64, i ? "\n" : "", ctrs->desc->ctr_desc[i].name,
						     ctrs->ctr[i].current);
	return ctrl_reply(cmd, list);
}

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
		return ctrl_refuse(cmd, "No such variable: peers");
	llist_for_each_entry (peer, sip_ua_peers(vty_gw->ua), entry)
		list = talloc_asprintf_append_buffer(list, "%s%s", *list ? " " : "", peer->name);
	return ctrl_reply(cmd, list);
}

static struct sip_peer *peer_of(struct ctrl_cmd *cmd, const char **what)
{
	struct sip_peer *peer;
	char *name;

	if (!ctrl_split_last(ctrl_behind(cmd, "peer"), &name, what)) {
		ctrl_refuse(cmd, NO_PEER_VARIABLE);
		return NULL;
	}
	peer = sip_peer_find(vty_gw->ua, name);
	if (!peer)
		ctrl_refuse(cmd, "There is no such SIP peer");
	return peer;
}

static int get_peer(struct ctrl_cmd *cmd, void *data)
{
	const char *what;
	const struct sip_peer *peer = peer_of(cmd, &what);

	if (!peer)
		return CTRL_CMD_ERROR;
	if (!strcmp(what, "state"))
		return ctrl_reply(cmd, peer_state(peer));
	if (!strcmp(what, "calls"))
		return ctrl_reply_uint(cmd, peer->n_calls);
	if (!strcmp(what, "counters"))
		return reply_counters(cmd, peer->ctrs);
	if (!strcmp(what, "admin"))
		return ctrl_reply(cmd, peer->blocked ? "out-of-service" : "in-service");
	return ctrl_refuse(cmd, NO_PEER_VARIABLE);
}

static int set_peer(struct ctrl_cmd *cmd, void *data)
{
	const char *what;
	struct sip_peer *peer = peer_of(cmd, &what);
	bool in = !strcmp(cmd->value, "in-service"), out = !strcmp(cmd->value, "out-of-service");

	if (!peer)
		return CTRL_CMD_ERROR;
	if (strcmp(what, "admin"))
		return ctrl_refuse(cmd, "Only peer.NAME.admin can be set");
	if (!in && !out)
		return ctrl_refuse(cmd, "Expected in-service or out-of-service");
	peer->blocked = out;
	return ctrl_reply(cmd, cmd->value);
}

static int get_mgws(struct ctrl_cmd *cmd, void *data)
{
	char *list = talloc_strdup(OTC_SELECT, "");
	struct mgw *mgw = NULL;

	if (strcmp(cmd->variable, "mgws"))
		return ctrl_refuse(cmd, "No such variable: mgws");
	while ((mgw = mgw_pool_next(vty_gw->mgws, mgw)))
		list = talloc_asprintf_append_buffer(list, "%s%s", *list ? " " : "", mgw_name(mgw));
	return ctrl_reply(cmd, list);
}

static int get_mgw(struct ctrl_cmd *cmd, void *data)
{
	const char *what = "";
	struct mgw_info info;
	struct mgw *mgw;
	char *name;

	if (!ctrl_split_last(ctrl_behind(cmd, "mgw"), &name, &what))
		return ctrl_refuse(cmd, NO_MGW_VARIABLE);
	mgw = mgw_pool_find(vty_gw->mgws, name);
	if (!mgw)
		return ctrl_refuse(cmd, "There is no such media gateway");
	mgw_get_info(mgw, &info);
	if (!strcmp(what, "state"))
		return ctrl_reply(cmd, get_value_string(mgw_state_names, info.state));
	if (!strcmp(what, "endpoints"))
		return ctrl_reply_uint(cmd, info.n_endpoints);
	if (!strcmp(what, "counters"))
		return reply_counters(cmd, mgw_ctrs(mgw));
	return ctrl_refuse(cmd, NO_MGW_VARIABLE);
}

static int get_mncc(struct ctrl_cmd *cmd, void *data)
{
	if (!strcmp(ctrl_behind(cmd, "mncc"), "state"))
		return ctrl_reply(cmd, mncc_link_is_up(vty_gw->mncc) ? "up" : "down");
	return ctrl_refuse(cmd, "No such variable: mncc.state");
}

/* ---- draining ---- */

static int get_drain(struct ctrl_cmd *cmd, void *data)
{
	return ctrl_reply_uint(cmd, vty_gw->calls->draining);
}

static int get_drain_exit(struct ctrl_cmd *cmd, void *data)
{
	return ctrl_reply_uint(cmd, vty_gw->drain_exit);
}

static int set_drain(struct ctrl_cmd *cmd, void *data)
{
	bool on = !strcmp(cmd->value, "1");

	if (!on && strcmp(cmd->value, "0"))
		return ctrl_refuse(cmd, "Expected 0 or 1");
	sipgw_drain(vty_gw, on, !strcmp(cmd->variable, "drain-and-exit"));
	return ctrl_reply(cmd, cmd->value);
}

/* ---- the table ---- */

static int write_only(struct ctrl_cmd *cmd, void *data)
{
	return ctrl_refuse(cmd, "Write Only attribute");
}

static int read_only(struct ctrl_cmd *cmd, void *data)
{
	return ctrl_refuse(cmd, "Read Only attribute");
}

/* What the sets say themselves is more than yes or no. */
static int no_verify(struct ctrl_cmd *cmd, const char *value, void *data)
{
	return 0;
}

static struct ctrl_cmd_element variables[] = {
	{ .name = "health", .get = get_health, .set = read_only, .verify = no_verify },
	{ .name = "calls", .get = ctrl_get_calls, .set = read_only, .verify = no_verify },
	{ .name = "call", .get = ctrl_get_call, .set = ctrl_set_call, .verify = no_verify },
	{ .name = "originate", .get = write_only, .set = ctrl_set_originate, .verify = no_verify },
	{ .name = "peers", .get = get_peers, .set = read_only, .verify = no_verify },
	{ .name = "peer", .get = get_peer, .set = set_peer, .verify = no_verify },
	{ .name = "mgws", .get = get_mgws, .set = read_only, .verify = no_verify },
	{ .name = "mgw", .get = get_mgw, .set = read_only, .verify = no_verify },
	{ .name = "mncc", .get = get_mncc, .set = read_only, .verify = no_verify },
	{ .name = "drain", .get = get_drain, .set = set_drain, .verify = no_verify },
	{ .name = "drain-and-exit", .get = get_drain_exit, .set = set_drain, .verify = no_verify },
};

void ctrl_install_variables(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(variables); i++)
		ctrl_cmd_install(CTRL_NODE_ROOT, &variables[i]);
}
