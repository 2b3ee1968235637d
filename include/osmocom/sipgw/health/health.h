/*! \file health.h
 * How the daemon is: each part ok, warning or failed, with one sentence that says why and one that says what to do. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/utils.h>

struct call;
struct health;
struct sipgw;

enum health_word {
	HEALTH_OK,
	HEALTH_WARNING,	/*!< calls work, but perhaps not all of them, or not for long */
	HEALTH_FAILED,	/*!< calls that need this part fail */
};

extern const struct value_string health_word_names[];

#define HEALTH_MAX_PART 80

/*! What was found about one part. Strings live until the next turn of the main loop. */
struct health_finding {
	const char *part;	/*!< "mncc", "mgw default", "peer pbx", ... */
	enum health_word word;
	const char *state;	/*!< of what can be up or down: "up", "down", "unknown"; else NULL */
	const char *name;	/*!< of the finding, the same in every version: "mgw-domain"; NULL: nothing is wrong */
	const char *text;	/*!< a sentence */
	const char *to_do;	/*!< what the operator can do, NULL: nothing */
};

typedef void (*health_cb)(void *data, const struct health_finding *finding);

/*! Watches the calls of \a gw. Freed by talloc_free(), before its calls are. */
struct health *health_alloc(struct sipgw *gw);
void health_start(struct health *health);	/*!< begin to look every few seconds, for changes */
/*! Look at every part now. Returns the worst word. \a cb may be NULL. */
enum health_word health_look(struct health *health, health_cb cb, void *data);
/*! The CTRL interface is not there: why (kept), NULL: it is. */
void health_set_ctrl(struct health *health, const char *why);

/*! Somebody who wants to know of changes. Members may be NULL. */
struct health_observer {
	struct llist_head entry;
	/*! A part has become better or worse, and stayed so for some seconds. */
	void (*changed)(void *data, const struct health_finding *finding, enum health_word was);
	/*! Something went up or down: finding->state. */
	void (*state)(void *data, const struct health_finding *finding);
	/*! A call was not answered, and not because the caller gave up. */
	void (*call_failed)(void *data, const struct call *call);
	void *data;
};

void health_observe(struct health *health, struct health_observer *obs);
