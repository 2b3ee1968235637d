/* Fuzz target: whatever a gateway may send, through the codec and through a gateway object with a call on it.
 *
 * The first byte says how: even, the rest is parsed and written again; odd, it is received by the transactions of a gateway, with "%%"
 * standing for the id of the command under way, so that answers are found at all. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/application.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "mgcp/mgcp_internal.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *ctx;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	ctx = talloc_named_const(NULL, 0, "fuzz");
	osmo_init_logging2(ctx, &sipgw_log_info);
	log_parse_category_mask(osmo_stderr_target, "DMGCP,8");
	timers_init();
	return 0;
}

static void fuzz_codec(const char *data, size_t len)
{
	size_t used;

	while (len) {
		struct mgcp_msg msg, again;
		struct mgcp_stats stats;
		char buf[8192];
		int rc = mgcp_msg_parse(&msg, data, len, &used), n;

		if (!used || used > len)
			abort();
		data += used;
		len -= used;
		mgcp_stats_parse(&stats, msg.params[MGCP_PARAM_P]);
		if (rc < 0 || (msg.is_command && !msg.verb))
			continue;
		n = mgcp_msg_encode(buf, sizeof(buf), &msg);
		if (n < 0 && n != -ENOSPC)
			abort(); /* what was read can be written */
		if (n >= 0 && (mgcp_msg_parse(&again, buf, n, &used) < 0 || again.trans_id != msg.trans_id))
			abort();
	}
}

static uint32_t last_id;

static void note_id(const struct wire_msg *wire)
{
	struct mgcp_msg msg;
	size_t used;

	if (wire->dir == WIRE_TX && !mgcp_msg_parse(&msg, wire->data, wire->len, &used) && msg.is_command)
		last_id = msg.trans_id;
}

static void endp_cb(struct mgw_endp *endp, const struct mgw_endp_report *report, void *data)
{
	if (report->event == MGW_ENDP_FAILED)
		*(struct mgw_endp **)data = NULL;
}

/* Datagrams are separated by a NUL. */
static void fuzz_gateway(const char *data, size_t len)
{
	struct mgw *mgw = mgw_alloc(ctx, "fuzz");
	struct mgw_want want = { .mode = MGW_MODE_RECVONLY };
	struct mgw_endp *endp;
	const char *end = data + len, *nul;

	wire_trace_hook = note_id;
	mgw_cfg(mgw)->remote_port = 9; /* nobody there */
	if (mgw_start(mgw) < 0)
		abort();
	sdp_codec_to_format(&want.codec, SDP_CODEC_GSM_FR, "");
	endp = mgw_endp_alloc(mgw, endp_cb, &endp);
	mgw_endp_want(endp, MGW_CONN_CORE, &want);
	mgw_endp_want(endp, MGW_CONN_PEER, &want);
	for (; data < end; data = nul + 1) {
		char buf[MGCP_MAX_DATAGRAM], id[16];
		size_t n = 0;

		nul = memchr(data, '\0', end - data);
		if (!nul)
			nul = end;
		snprintf(id, sizeof(id), "%u", last_id);
		for (; data < nul && n < sizeof(buf) - sizeof(id); data++) {
			if (data[0] == '%' && data + 1 < nul && data[1] == '%') {
				memcpy(buf + n, id, strlen(id));
				n += strlen(id);
				data++;
			} else {
				buf[n++] = *data;
			}
		}
		mgcp_trxs_rx(mgw->path->trxs, buf, n);
		osmo_select_main_ctx(1);
	}
	mgw_endp_release(endp);
	mgw_stop(mgw);
	osmo_select_main_ctx(1);
	talloc_free(mgw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 8192)
		return 0;
	if (data[0] & 1)
		fuzz_gateway((const char *)data + 1, size - 1);
	else
		fuzz_codec((const char *)data + 1, size - 1);
	return 0;
}
