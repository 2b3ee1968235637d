/* The one place where the wire-trace hook lives. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/base/wire.h>

void (*wire_trace_hook)(const struct wire_msg *msg);
