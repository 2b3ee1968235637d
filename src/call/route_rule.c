/* The rules of the routing table: made, found, tried one by one.
 *
 * What costs least is asked first; a regular expression is run only if all else of its rule fits and no rule before
 * it did. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/route.h>

#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/call.h>

/* clang-format off */
const struct value_string route_miss_names[] = {
	{ ROUTE_MATCHES, "matches" },
	{ ROUTE_MISS_NO_TARGET, "has no target yet" },
	{ ROUTE_MISS_NO_EMERGENCY, "is for emergency calls" },
	{ ROUTE_MISS_EMERGENCY, "does not refuse an emergency call" },
	{ ROUTE_MISS_FROM, "is for calls from elsewhere" },
	{ ROUTE_MISS_RELAY, "leads to SIP peers, never from SIP" },
	{ ROUTE_MISS_IMSI, "is for another IMSI" },
	{ ROUTE_MISS_CALLED, "is for another called number" },
	{ ROUTE_MISS_CALLING, "is for another calling number" },
	{}
};
/* clang-format on */

void route_table_init(struct route_table *table)
{
	INIT_LLIST_HEAD(&table->rules);
	table->max_redirects = ROUTE_MAX_REDIRECTS_DEFAULT;
}

struct route_rule *route_rule_add(struct calls *calls, const char *name)
{
	struct route_table *table = &calls->routes;
	struct route_rule *rule;

	if (route_rule_find(table, name))
		return NULL;
	rule = talloc_zero(calls, struct route_rule);
	OSMO_ASSERT(rule);
	*rule = (struct route_rule){
		.id = ++table->last_id,
		.name = talloc_strdup(rule, name),
		.gsm_media = MEDIA_DIRECT,
	};
	llist_add_tail(&rule->entry, &table->rules);
	return rule;
}

void route_rule_free(struct route_rule *rule)
{
	llist_del(&rule->entry);
	talloc_free(rule);
}

struct route_rule *route_rule_find(const struct route_table *table, const char *name)
{
	struct route_rule *rule;

	llist_for_each_entry (rule, &table->rules, entry) {
		if (!strcmp(rule->name, name))
			return rule;
	}
	return NULL;
}

const struct route_rule *route_rule_by_id(const struct route_table *table, uint32_t id)
{
	const struct route_rule *rule;

	llist_for_each_entry (rule, &table->rules, entry) {
		if (rule->id == id)
			return rule;
	}
	return NULL;
}

static bool has_peer(const struct route_rule *rule, const char *peer)
{
	unsigned int i;

	for (i = 0; i < rule->n_peers; i++) {
		if (!strcmp(rule->peers[i].name, peer))
			return true;
	}
	return rule->from_peer && !strcmp(rule->from_peer, peer);
}

const struct route_rule *route_rule_with_peer(const struct route_table *table, const char *peer)
{
	const struct route_rule *rule;

	llist_for_each_entry (rule, &table->rules, entry) {
		if (has_peer(rule, peer))
			return rule;
	}
	return NULL;
}

bool route_rule_is_relay(const struct route_rule *rule)
{
	return rule->action == ROUTE_TO_PEERS && (rule->from == ROUTE_FROM_SIP || rule->from == ROUTE_FROM_PEER);
}

static void dial_string(char *buf, size_t len, const struct number *n)
{
	if (number_to_dial_string(buf, len, n) < 0)
		buf[0] = '\0';
}

void route_query_init(struct route_query *q, const struct calls *calls, const struct leg_kind *from,
		      const char *from_target, const struct call_parties *parties)
{
	q->from = from;
	q->from_target = from_target;
	q->from_gsm = from == calls->gsm;
	q->from_sip = from == calls->sip;
	q->parties = parties;
	dial_string(q->called, sizeof(q->called), &parties->called);
	dial_string(q->calling, sizeof(q->calling), &parties->calling);
}

static bool from_fits(const struct route_rule *rule, const struct route_query *q)
{
	switch (rule->from) {
	case ROUTE_FROM_ANY:
		return true;
	case ROUTE_FROM_GSM:
		return q->from_gsm;
	case ROUTE_FROM_SIP:
		return q->from_sip;
	case ROUTE_FROM_PEER:
		return q->from_sip && q->from_target && !strcmp(q->from_target, rule->from_peer);
	}
	return false;
}

enum route_miss route_rule_try(const struct route_rule *rule, const struct route_query *q)
{
	const struct call_parties *parties = q->parties;

	if (rule->action == ROUTE_TO_NOTHING)
		return ROUTE_MISS_NO_TARGET;
	if (rule->emergency && !parties->emergency)
		return ROUTE_MISS_NO_EMERGENCY;
	if (parties->emergency && !rule->emergency && rule->action == ROUTE_REJECT)
		return ROUTE_MISS_EMERGENCY;
	if (!from_fits(rule, q))
		return ROUTE_MISS_FROM;
	if (rule->action == ROUTE_TO_PEERS && q->from_sip)
		return ROUTE_MISS_RELAY;
	if (rule->imsi && strncmp(parties->imsi, rule->imsi, strlen(rule->imsi)))
		return ROUTE_MISS_IMSI;
	if (!number_match_hits(&rule->called, q->called))
		return ROUTE_MISS_CALLED;
	if (!number_match_hits(&rule->calling, q->calling))
		return ROUTE_MISS_CALLING;
	return ROUTE_MATCHES;
}
