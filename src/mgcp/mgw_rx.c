/* What a media gateway says by itself: that it was restarted, that a connection is gone (RFC 3435 2.3). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <osmocom/sipgw/base/log.h>

#include "mgcp_internal.h"

/* Does a name, perhaps with a wildcard ("*@mgw", RFC 3435 2.1.2), cover this one? */
static bool name_covers(struct mgcp_text pattern, const char *name)
{
	const char *star = memchr(pattern.s, '*', pattern.len);
	size_t head, tail, len = strlen(name);

	if (!star)
		return mgcp_text_is(pattern, name);
	head = star - pattern.s;
	tail = pattern.len - head - 1;
	return len >= head + tail && !strncasecmp(pattern.s, name, head) &&
	       !strncasecmp(star + 1, name + len - tail, tail);
}

static uint16_t lose_endpoints(struct mgw_path *path, struct mgcp_text pattern, const char *why)
{
	struct mgw_endp *endp, *tmp;

	llist_for_each_entry_safe (endp, tmp, &path->mgw->endpoints, entry) {
		if (endp->path != path || !name_covers(pattern, mgw_endp_name(endp)) || !mgw_endp_name(endp)[0])
			continue;
		if (!endp->ending)
			MGW_COUNT(path->mgw, MGW_CTR_RESTART);
		mgw_endp_lost(endp, 41, why);
	}
	return 200;
}

/* RFC 3435 2.3.12 */
static uint16_t rx_rsip(struct mgw_path *path, const struct mgcp_msg *cmd)
{
	struct mgcp_text method = cmd->params[MGCP_PARAM_RM];

	LOG_MGW(path->mgw, LOGL_NOTICE, "says restart %.*s for %.*s\n", (int)method.len, method.s ? method.s : "",
		(int)cmd->endpoint.len, cmd->endpoint.s);
	if (mgcp_text_is(method, "restart") || mgcp_text_is(method, "forced"))
		return lose_endpoints(path, cmd->endpoint, "the gateway was restarted");
	if (mgcp_text_is(method, "disconnected")) {
		/* it lost us, not its connections */
		mgw_audit_all(path->mgw, "it was disconnected");
		return 200;
	}
	if (mgcp_text_is(method, "graceful") || mgcp_text_is(method, "cancel-graceful"))
		return 200;
	return method.s ? 536 : 510;
}

/* RFC 3435 2.3.9: the gateway deletes a connection by itself. The other one alone is of no use to a call. */
static uint16_t rx_dlcx(struct mgw_path *path, const struct mgcp_msg *cmd)
{
	struct mgw_endp *endp = mgw_endp_find(path, cmd->endpoint);
	char call_id[17];

	if (!endp || endp->ending)
		return 500;
	snprintf(call_id, sizeof(call_id), "%016" PRIX64, endp->call_id);
	if (!mgcp_text_is(cmd->params[MGCP_PARAM_C], call_id))
		return 516;
	mgw_endp_lost(endp, 41, "the gateway deleted the connection");
	return 250;
}

/*! A command; returns the code to answer with. We have asked for no events (RQNT), so NTFY is only acknowledged. */
uint16_t mgw_rx_command(struct mgw_path *path, const struct mgcp_msg *cmd)
{
	switch (cmd->verb) {
	case MGCP_VERB_NTFY:
		return 200;
	case MGCP_VERB_RSIP:
		return rx_rsip(path, cmd);
	case MGCP_VERB_DLCX:
		return rx_dlcx(path, cmd);
	default:
		return 504;
	}
}
