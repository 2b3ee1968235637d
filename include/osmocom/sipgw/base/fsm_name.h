/*! \file fsm_name.h
 * Instances of an FSM that are named by their FSM alone: libosmocore keeps a copy of the name in a chunk of its own, 112 bytes for each instance. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/fsm.h>
#include <osmocom/core/talloc.h>

/*! Let \a fi, which has no id and will get none, take the name of its FSM instead of a copy; libosmocore gives the name free with the instance, as a child. */
static inline void fsm_share_name(struct osmo_fsm_inst *fi)
{
	if (fi->id)
		return;
	talloc_free((char *)fi->name);
	fi->name = fi->fsm->name;
}
