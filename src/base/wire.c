/* The one place where the wire-trace hook lives. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/base/wire.h>

void (*wire_trace_hook)(const struct wire_msg *msg);
void (*wire_bind_hook)(enum wire_proto proto, uint64_t key, uint32_t call_id, bool side_b);
void (*wire_media_stats_hook)(const struct wire_media_stats *stats);
