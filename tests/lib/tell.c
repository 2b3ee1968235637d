/* printf() that can be silenced. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdarg.h>
#include <stdio.h>

#include "tell.h"

bool tell_nothing;

void tell(const char *fmt, ...)
{
	va_list ap;

	if (tell_nothing)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}
