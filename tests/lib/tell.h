/*! \file tell.h
 * printf() for fakes: a story can leave out the messages up to the point where it begins. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>

extern bool tell_nothing;

void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
