/*! \file config_check.h
 * Does a configuration make sense as a whole? Used when it is read, by --check-config and by the health screen. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct sipgw;

/*! Is the configuration one that can be worked with? 0, or -EINVAL with a sentence in \a why. */
int sipgw_config_check(const struct sipgw *gw, char *why, size_t len);
/*! Something that does not fit together. \a fatal: it cannot be worked with; \a line: how the line begins that says it. */
typedef void (*sipgw_config_cb)(void *data, bool fatal, const char *line, const char *text);
void sipgw_config_findings(const struct sipgw *gw, sipgw_config_cb cb, void *data); /*!< all of them */
