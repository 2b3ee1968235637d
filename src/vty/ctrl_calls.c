/* Variables of the CTRL interface about calls: how many there are, each of them, ending one, making one by hand. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/call/call.h>

#include "ctrl_internal.h"
#include "vty_internal.h"

#define MAX_LISTED 1000 /* calls in one answer: it has to fit into the 64 kB of an IPA message */
#define MAX_REPLY  60000

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
	return ctrl_reply(cmd, json ? talloc_strdup_append_buffer(list, "]") : list);
}

int ctrl_get_calls(struct ctrl_cmd *cmd, void *data)
{
	const char *what = ctrl_behind(cmd, "calls");

	if (!*what || !strcmp(what, "count"))
		return ctrl_reply_uint(cmd, vty_gw->calls->n);
	if (!strcmp(what, "list"))
		return list_calls(cmd, false);
	if (!strcmp(what, "json"))
		return list_calls(cmd, true);
	return ctrl_refuse(cmd, "No such variable: calls.count, calls.list or calls.json");
}

static struct call *call_of(struct ctrl_cmd *cmd, const char **what)
{
	unsigned long id;
	char *end, *name;

	if (!ctrl_split_last(ctrl_behind(cmd, "call"), &name, what)) {
		ctrl_refuse(cmd, "No such variable: call.ID.info or call.ID.release");
		return NULL;
	}
	id = strtoul(name, &end, 10);
	if (!*end && id && id <= UINT32_MAX && call_find(vty_gw->calls, id))
		return call_find(vty_gw->calls, id);
	ctrl_refuse(cmd, "There is no such call (any more)");
	return NULL;
}

int ctrl_get_call(struct ctrl_cmd *cmd, void *data)
{
	const char *what;
	const struct call *call = call_of(cmd, &what);

	if (!call)
		return CTRL_CMD_ERROR;
	if (!strcmp(what, "info"))
		return ctrl_reply(cmd, call_line(call));
	if (!strcmp(what, "json"))
		return ctrl_reply(cmd, call_json(call));
	return ctrl_refuse(cmd, "No such variable: call.ID.info or call.ID.json");
}

int ctrl_set_call(struct ctrl_cmd *cmd, void *data)
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
		return why ? ctrl_refuse(cmd, why) : ctrl_reply(cmd, "OK");
	}
	value = strtoul(cmd->value, &end, 10);
	if (strcmp(what, "release"))
		return ctrl_refuse(cmd, "Only call.ID.release, cancel, hangup and terminate can be set");
	if (*end || end == cmd->value || value < 1 || value > 127)
		return ctrl_refuse(cmd, "Expected a Q.850 cause, 1 to 127");
	cause = cause_make(value, "released by CTRL");
	call_release(call, &cause);
	return ctrl_reply(cmd, "OK");
}

/* "FROM,TO[,SECONDS]" */
int ctrl_set_originate(struct ctrl_cmd *cmd, void *data)
{
	char *save, *from = strtok_r(talloc_strdup(cmd, cmd->value), ",", &save);
	char *to = from ? strtok_r(NULL, ",", &save) : NULL;
	char *seconds = to ? strtok_r(NULL, ",", &save) : NULL;
	const char *why = "";
	uint32_t id;

	if (!to || (seconds && (atoi(seconds) < 1 || atoi(seconds) > 3600)))
		return ctrl_refuse(cmd, "Expected FROM,TO or FROM,TO,SECONDS");
	id = test_call_make(from, to, NULL, seconds ? atoi(seconds) : 0, &why);
	return id ? ctrl_reply_uint(cmd, id) : ctrl_refuse(cmd, why);
}
