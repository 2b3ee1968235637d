/*! \file metrics.h
 * How long things take in calls, for whoever reads statistics: until the phone rings, until the answer, how long is spoken. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

struct calls;
struct metrics;

/*! Watches \a calls, which has to outlive it but for its being freed with it. Freed by talloc_free(). */
struct metrics *metrics_alloc(void *ctx, struct calls *calls);
