/* Rewrite rules for numbers: a list of them has a name and is, used on one or more sides.
 *
 * Rules work on what is dialled: "+" and digits. Of a number that gets too long, or has nothing left, nothing is used.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/numbering.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/call/call.h>

struct number_rules *number_rules_find(const struct numbering *num, const char *name)
{
	struct number_rules *plan;

	llist_for_each_entry (plan, &num->plans, entry) {
		if (!strcmp(plan->name, name))
			return plan;
	}
	return NULL;
}

struct number_rules *number_rules_get(struct calls *calls, const char *name)
{
	struct number_rules *plan = number_rules_find(&calls->numbering, name);

	if (plan)
		return plan;
	plan = talloc_zero(calls, struct number_rules);
	OSMO_ASSERT(plan);
	plan->name = talloc_strdup(plan, name);
	INIT_LLIST_HEAD(&plan->rules);
	llist_add_tail(&plan->entry, &calls->numbering.plans);
	return plan;
}

bool number_rules_in_use(const struct numbering *num, const struct number_rules *plan)
{
	const struct number_rules_use *use;

	llist_for_each_entry (use, &num->uses, entry) {
		if (use->plan == plan)
			return true;
	}
	return num->gsm == plan;
}

void number_rules_free(struct number_rules *plan)
{
	llist_del(&plan->entry);
	talloc_free(plan);
}

struct number_rule *number_rule_add(struct number_rules *plan, enum number_dir dir, enum number_party party)
{
	struct number_rule *rule = talloc(plan, struct number_rule);

	OSMO_ASSERT(rule);
	*rule = (struct number_rule){ .dir = dir, .party = party, .type = -1 };
	llist_add_tail(&rule->entry, &plan->rules);
	return rule;
}

void number_rule_free(struct number_rule *rule)
{
	llist_del(&rule->entry);
	talloc_free(rule);
}

/* The type that a number has after \a rule: as the rule says, as its form says, or as before if nothing was changed. */
static uint8_t type_after(const struct number_rule *rule, const struct number *before, const struct number *after)
{
	if (rule->type >= 0)
		return rule->type;
	return strcmp(before->digits, after->digits) ? after->type : before->type;
}

static int rewrite(const struct number_rule *rule, struct number *n, const char *dial)
{
	char buf[2 * NUMBER_MAX_DIGITS + 4];
	size_t len = strlen(dial);
	struct number res;
	int rc;

	snprintf(buf, sizeof(buf), "%s%s", rule->prepend ?: "", dial + OSMO_MIN(len, rule->strip));
	rc = number_from_dial_string(&res, buf);
	if (rc < 0)
		return rc;
	res.type = type_after(rule, n, &res);
	res.plan = n->plan ?: NUMBER_PLAN_ISDN;
	res.presentation = n->presentation;
	res.screening = n->screening;
	*n = res;
	return 0;
}

int number_rules_apply(const struct number_rules *plan, enum number_dir dir, enum number_party party, struct number *n)
{
	const struct number_rule *rule;
	char dial[NUMBER_MAX_DIGITS + 2];

	if (number_to_dial_string(dial, sizeof(dial), n) < 0)
		return 0;
	llist_for_each_entry (rule, &plan->rules, entry) {
		if (rule->dir == dir && rule->party == party && number_match_hits(&rule->match, dial))
			return rewrite(rule, n, dial);
	}
	return 0;
}

/* ---- who uses which ---- */

static struct number_rules_use *find_use(const struct numbering *num, const char *peer)
{
	struct number_rules_use *use;

	llist_for_each_entry (use, &num->uses, entry) {
		if (!strcmp(use->peer, peer))
			return use;
	}
	return NULL;
}

void numbering_set_peer(struct calls *calls, const char *peer, struct number_rules *plan)
{
	struct number_rules_use *use = find_use(&calls->numbering, peer);

	if (!plan && use) {
		llist_del(&use->entry);
		talloc_free(use);
	}
	if (!plan)
		return;
	if (!use) {
		use = talloc_zero(calls, struct number_rules_use);
		OSMO_ASSERT(use);
		use->peer = talloc_strdup(use, peer);
		llist_add_tail(&use->entry, &calls->numbering.uses);
	}
	use->plan = plan;
}

struct number_rules *numbering_of_peer(const struct numbering *num, const char *peer)
{
	const struct number_rules_use *use = find_use(num, peer);

	return use ? use->plan : NULL;
}
