/* Watching calls come and go. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/call_observer.h>

void calls_observe(struct calls *calls, struct call_observer *obs)
{
	llist_add_tail(&obs->entry, &calls->observers);
}

/*! \a call begins. */
void call_observe_begun(const struct call *call)
{
	struct call_observer *obs;

	llist_for_each_entry (obs, &call->calls->observers, entry) {
		if (obs->begun)
			obs->begun(obs->data, call);
	}
}

/*! \a leg of \a call is about to be freed. */
void call_observe_leg_gone(const struct call *call, const struct leg *leg)
{
	struct call_observer *obs;

	llist_for_each_entry (obs, &call->calls->observers, entry) {
		if (obs->leg_gone)
			obs->leg_gone(obs->data, call, leg);
	}
}

/*! \a call is over. */
void call_observe_ended(const struct call *call)
{
	struct call_observer *obs;

	llist_for_each_entry (obs, &call->calls->observers, entry) {
		if (obs->ended)
			obs->ended(obs->data, call);
	}
}
