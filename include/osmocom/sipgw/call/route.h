/*! \file route.h
 * Where a call goes: a table of rules over its parties and where it comes from; the first that matches counts. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>

#include <osmocom/core/linuxlist.h>

#include <osmocom/sipgw/call/leg.h>
#include <osmocom/sipgw/call/number_match.h>

/*! What the user part of a Request-URI means on the GSM side. */
enum mt_identity {
	MT_IDENTITY_MSISDN,
	MT_IDENTITY_IMSI,
};

extern const struct value_string mt_identity_names[];

#define ROUTE_MAX_TARGETS 8 /*!< of one rule */

/*! Which calls a rule is for, by where they come from. */
enum route_from {
	ROUTE_FROM_ANY,
	ROUTE_FROM_GSM,		/*!< from a phone */
	ROUTE_FROM_SIP,		/*!< from any SIP peer */
	ROUTE_FROM_PEER,	/*!< from this SIP peer */
};

enum route_action {
	ROUTE_TO_NOTHING,	/*!< not configured yet: the rule is passed over */
	ROUTE_TO_PEERS,
	ROUTE_TO_GSM,		/*!< to the phone with the called number */
	ROUTE_REJECT,
};

/*! Why a rule does not match. */
enum route_miss {
	ROUTE_MATCHES,
	ROUTE_MISS_NO_TARGET,
	ROUTE_MISS_NO_EMERGENCY,	/*!< it is for emergency calls */
	ROUTE_MISS_EMERGENCY,		/*!< a rule for all calls does not refuse an emergency call */
	ROUTE_MISS_FROM,
	ROUTE_MISS_RELAY,		/*!< it leads to SIP peers, and the call comes from one */
	ROUTE_MISS_IMSI,
	ROUTE_MISS_CALLED,
	ROUTE_MISS_CALLING,
};

extern const struct value_string route_miss_names[];

struct route_peer {
	char *name;
	uint16_t weight;	/*!< share of the calls, if the rule shares them */
};

/*! One row of the table. What is not set matches everything. */
struct route_rule {
	struct llist_head entry;
	uint32_t id;		/*!< never used again */
	char *name;
	struct number_match called, calling;
	char *imsi;		/*!< prefix of the GSM subscriber's IMSI */
	enum route_from from;
	char *from_peer;
	bool emergency;		/*!< for emergency calls, and for no others */

	enum route_action action;
	struct route_peer peers[ROUTE_MAX_TARGETS];
	uint8_t n_peers;
	bool shared;		/*!< calls are shared by weight, the rest is fallback; else in order */
	uint8_t reject;		/*!< the cause */
	enum media_mode gsm_media; /*!< from phone to phone */
};

/*! The configuration of routing. Owned by struct calls; may change while calls run, which keep the route they took. */
struct route_table {
	struct llist_head rules;
	uint32_t last_id;
	char *default_peer;	/*!< SIP peer that calls from the GSM side go to when no rule matches; NULL: refused with cause 3 */
	enum mt_identity mt_identity;
	uint8_t max_redirects;	/*!< how often one call may be redirected by those who are called; 0: never */
};

#define ROUTE_MAX_REDIRECTS_DEFAULT 5
#define ROUTE_MAX_REDIRECTS_LIMIT   20

/*! Where to. */
struct route {
	const struct leg_kind *kind;	/*!< NULL: refused, see cause */
	const char *target;		/*!< first name for the kind's alloc(); borrowed from the table */
	enum media_mode media_mode;	/*!< anchored if one of the targets wants it */
	const struct route_rule *rule;	/*!< the one that matched, NULL: none, the default counts */
	struct cause cause;		/*!< why not, if refused */
};

struct calls;

void route_table_init(struct route_table *table);
/*! A new rule, the last one. Owned by \a calls. NULL if the name is taken. */
struct route_rule *route_rule_add(struct calls *calls, const char *name);
void route_rule_free(struct route_rule *rule);
struct route_rule *route_rule_find(const struct route_table *table, const char *name);
const struct route_rule *route_rule_by_id(const struct route_table *table, uint32_t id); /*!< NULL: removed meanwhile */
/*! The first rule that a peer comes from or leads to; NULL: none. */
const struct route_rule *route_rule_with_peer(const struct route_table *table, const char *peer);
/*! Would \a rule lead a call from SIP to a SIP peer, whatever is called? That is never done; a configuration that says so is refused. */
bool route_rule_is_relay(const struct route_rule *rule);

/*! What is asked of the table, prepared once for all rules. */
struct route_query {
	const struct leg_kind *from;
	const char *from_target;	/*!< see route_find() */
	bool from_gsm, from_sip;
	const struct call_parties *parties;
	char called[NUMBER_MAX_DIGITS + 2], calling[NUMBER_MAX_DIGITS + 2]; /*!< dial strings, "": not given */
};

void route_query_init(struct route_query *q, const struct calls *calls, const struct leg_kind *from, const char *from_target,
		      const struct call_parties *parties);
/*! Does the rule match, and if not, by what? */
enum route_miss route_rule_try(const struct route_rule *rule, const struct route_query *q);

/*! Where a call from a leg of kind \a from goes. \a from_target is the peer it came from, if the kind has such (it decides the media mode), or NULL.
 * The numbers are those that number_edge_in() made. */
struct route route_find(const struct calls *calls, const struct leg_kind *from, const char *from_target,
			const struct call_parties *parties);
/*! The names of all targets of \a route in the order in which they are to be tried, for this one call: with weights it is another one each time
 * (as RFC 2782 does). Borrowed from the table. Returns how many, at least 1 unless refused. */
unsigned int route_order(const struct route *route, const char *names[ROUTE_MAX_TARGETS]);
/*! The media mode that a call will have, for a leg that has to know it before its SETUP is posted; negative: the call will be refused, for
 * want of a route or because a limit is reached: then its SETUP has to say so (leg_setup.refused). \a parties are as
 * they came. Weights play no role in it. \a near (may be NULL) is where the first target is, AF_UNSPEC if that is not known. */
int route_look_ahead(const struct calls *calls, const struct leg_kind *from, const char *from_target, const struct call_parties *parties,
		     struct osmo_sockaddr_str *near);
/*! Rewrite who calls whom by configuration, before the route is looked up: the meaning of an IMSI in a SIP URI. */
void route_rewrite(const struct calls *calls, const struct leg_kind *from, struct call_parties *parties);
