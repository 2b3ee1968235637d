/*! \file numbering.h
 * What numbers mean where they come from and how they are to look where they go: normalisation to E.164 and rewrite rules per side. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/cause.h>
#include <osmocom/sipgw/call/number.h>
#include <osmocom/sipgw/call/number_match.h>

struct calls;
struct leg_kind;
struct call_parties;

/*! Seen from us. */
enum number_dir {
	NUMBER_IN,	/*!< from that side, before the route is looked up */
	NUMBER_OUT,	/*!< towards that side */
};

enum number_party {
	NUMBER_CALLED,
	NUMBER_CALLING,
	NUMBER_REDIRECTING,
	NUMBER_CONNECTED,
	_NUM_NUMBER_PARTIES
};

extern const struct value_string number_dir_names[];
extern const struct value_string number_party_names[];
extern const struct value_string number_type_names[];

/*! If \a match hits: take off so many characters ("+" is one), put others in front. */
struct number_rule {
	struct llist_head entry;
	enum number_dir dir;
	enum number_party party;
	struct number_match match;
	uint8_t strip;
	char *prepend;		/*!< NULL: nothing */
	int type;		/*!< enum number_type that it then has; negative: by its form */
};

/*! Rules under a name; for each number the first that matches counts, and no other. */
struct number_rules {
	struct llist_head entry;
	char *name;
	struct llist_head rules;
	bool defined;		/*!< not only referred to */
};

/*! Which peer has which rules. */
struct number_rules_use {
	struct llist_head entry;
	char *peer;
	struct number_rules *plan;
};

#define NUMBERING_SHORT_DEFAULT 6

/*! The configuration of numbers. Owned by struct calls. */
struct numbering {
	char country_code[4];		/*!< "": numbers stay as they come */
	char international_prefix[8], national_prefix[8]; /*!< what people dial before such numbers, "": nothing */
	bool unknown_is_national;	/*!< a number of unknown type and without prefix: national; else as it is */
	uint8_t short_digits;		/*!< up to so many digits such a number is a short one, and stays */
	struct llist_head plans, uses;
	struct number_rules *gsm;	/*!< towards and from the phones, NULL: none */
};

void numbering_init(struct numbering *num);
/*! To E.164 by what is configured; "*", "#", short numbers and what is E.164 already stay. 0, or -EMSGSIZE: it gets too long, and stays. */
int numbering_normalise(const struct numbering *num, struct number *n);

/*! The rules of that name, made if there is none (in a file it may stand further down). */
struct number_rules *number_rules_get(struct calls *calls, const char *name);
struct number_rules *number_rules_find(const struct numbering *num, const char *name);
bool number_rules_in_use(const struct numbering *num, const struct number_rules *plan);
void number_rules_free(struct number_rules *plan);
/*! An empty rule that matches everything, the last one. */
struct number_rule *number_rule_add(struct number_rules *plan, enum number_dir dir, enum number_party party);
void number_rule_free(struct number_rule *rule);
/*! Rewrite by the first rule that matches. 0, -EMSGSIZE (more digits than there may be) or -EINVAL (none left, or no digits); then \a n stays. */
int number_rules_apply(const struct number_rules *plan, enum number_dir dir, enum number_party party, struct number *n);

/*! Use \a plan (NULL: none) for a peer. */
void numbering_set_peer(struct calls *calls, const char *peer, struct number_rules *plan);
struct number_rules *numbering_of_peer(const struct numbering *num, const char *peer);

/*! All numbers of a call that comes from \a target of \a kind, as they are to be looked up. 0, or negative with \a why: it cannot be made (cause 28). A
 * calling or redirecting number that does not fit is left out. */
int numbering_in(const struct calls *calls, const struct leg_kind *kind, const char *target, struct call_parties *parties, struct cause *why);
/*! The same for a call that goes to \a target of \a kind. */
int numbering_out(const struct calls *calls, const struct leg_kind *kind, const char *target, struct call_parties *parties, struct cause *why);
/*! One number that comes from, or goes to, that side. 0 or as number_rules_apply(). */
int numbering_one(const struct calls *calls, const struct leg_kind *kind, const char *target, enum number_dir dir, enum number_party party,
		  struct number *n);
