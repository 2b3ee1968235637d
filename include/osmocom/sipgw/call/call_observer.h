/*! \file call_observer.h
 * Watching calls come and go: for records, metrics and ladders, which no call code calls by name. What is said between call and legs is seen by
 * dispatch_observe(). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/call/call.h>

/*! Members may be NULL. Nothing may be changed or sent inside. */
struct call_observer {
	struct llist_head entry;
	void (*begun)(void *data, const struct call *call);	/*!< it exists, its SETUP has yet to come */
	void (*leg_gone)(void *data, const struct call *call, const struct leg *leg); /*!< is about to be freed: leg->kind->record() still works */
	void (*ended)(void *data, const struct call *call);	/*!< the last thing: its legs are gone, its memory goes next */
	void *data;
};

/*! \a obs sees every call from now on. The caller keeps and frees it, after llist_del() of its entry. */
void calls_observe(struct calls *calls, struct call_observer *obs);

/* For src/call/ */
void call_observe_begun(const struct call *call);
void call_observe_leg_gone(const struct call *call, const struct leg *leg);
void call_observe_ended(const struct call *call);
