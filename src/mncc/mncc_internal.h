/*! \file mncc_internal.h
 * What only src/mncc needs. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/fsm.h>
#include <osmocom/core/select.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/mncc/mncc_link.h>
