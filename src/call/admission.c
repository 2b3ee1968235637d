/* How many calls there may be at the same time.
 *
 * Subscribers are in a hash as long as they have calls, and only if there is a limit for them; a call that began before
 * the limit was set does not count for it. A GSM subscriber is known by his IMSI, else by his number. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/admission.h>

#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/token.h>

#include "call_internal.h"

const struct value_string admission_limit_names[] = { { ADMIT_TOTAL, "total" },
						      { ADMIT_MO, "mo" },
						      { ADMIT_MT, "mt" },
						      { ADMIT_SUBSCRIBER_MO, "subscriber-mo" },
						      { ADMIT_SUBSCRIBER_MT, "subscriber-mt" },
						      {} };

/* A subscriber with calls in one direction. */
struct admission_subscriber {
	struct hlist_node node;
	unsigned int n;
	bool mt;
	char id[NUMBER_MAX_DIGITS + 2];
};

void admission_init(struct admission *adm)
{
	hash_init(adm->subscribers);
}

/* The phone's identity; "" if it has none. */
static void identity(char *buf, size_t len, const struct call_parties *p, bool mt)
{
	if (p->imsi[0])
		osmo_strlcpy(buf, p->imsi, len);
	else if (number_to_dial_string(buf, len, mt ? &p->called : &p->calling) < 0)
		buf[0] = '\0';
}

static struct admission_subscriber *find_subscriber(const struct admission *adm, bool mt, const char *id)
{
	struct admission_subscriber *sub;

	hash_for_each_possible (adm->subscribers, sub, node, token_hash_str(id)) {
		if (sub->mt == mt && !strcmp(sub->id, id))
			return sub;
	}
	return NULL;
}

static struct admission_subscriber *get_subscriber(struct call *call)
{
	struct admission *adm = &call->calls->admission;
	struct admission_subscriber *sub;
	char id[sizeof(sub->id)];

	identity(id, sizeof(id), call->parties, call->mt);
	if (!id[0])
		return NULL;
	sub = find_subscriber(adm, call->mt, id);
	if (sub)
		return sub;
	sub = talloc_zero(call->calls, struct admission_subscriber);
	OSMO_ASSERT(sub);
	sub->mt = call->mt;
	OSMO_STRLCPY_ARRAY(sub->id, id);
	hash_add(adm->subscribers, &sub->node, token_hash_str(id));
	return sub;
}

static void put_subscriber(struct admission_subscriber *sub)
{
	if (!sub || sub->n)
		return;
	hash_del(&sub->node);
	talloc_free(sub);
}

static bool reached(const struct admission *adm, enum admission_limit limit, unsigned int n)
{
	return adm->limits[limit] && n >= adm->limits[limit];
}

/* The gateway's own limits are congestion, a subscriber's are a lack of circuits for him (Q.850: 42, 34; SIP: 503) */
static bool refused(const struct admission *adm, bool mt, const struct admission_subscriber *sub, struct cause *why)
{
	enum admission_limit dir = mt ? ADMIT_MT : ADMIT_MO;
	enum admission_limit subscriber = mt ? ADMIT_SUBSCRIBER_MT : ADMIT_SUBSCRIBER_MO;

	if (reached(adm, ADMIT_TOTAL, adm->n[0] + adm->n[1]))
		*why = cause_make(CAUSE_CONGESTION, "limit of %u calls reached", adm->limits[ADMIT_TOTAL]);
	else if (reached(adm, dir, adm->n[mt]))
		*why = cause_make(CAUSE_CONGESTION, "limit of %u calls %s reached", adm->limits[dir],
				  mt ? "from SIP" : "from phones");
	else if (sub && reached(adm, subscriber, sub->n))
		*why = cause_make(CAUSE_NO_CIRCUIT, "limit of %u calls %s subscriber %s reached",
				  adm->limits[subscriber], mt ? "to" : "from", sub->id);
	else
		return false;
	return true;
}

bool admission_enter(struct call *call, struct cause *why)
{
	struct admission *adm = &call->calls->admission;
	bool per_subscriber = adm->limits[call->mt ? ADMIT_SUBSCRIBER_MT : ADMIT_SUBSCRIBER_MO];
	struct admission_subscriber *sub = per_subscriber ? get_subscriber(call) : NULL;

	if (!call->parties->emergency && refused(adm, call->mt, sub, why)) {
		put_subscriber(sub);
		call_count(call, CALLS_CTR_REFUSED_LIMIT);
		return false;
	}
	if (sub)
		sub->n++;
	call->subscriber = sub;
	call->admitted = true;
	adm->n[call->mt]++;
	return true;
}

bool admission_look_ahead(const struct calls *calls, bool mt, const struct call_parties *parties)
{
	const struct admission *adm = &calls->admission;
	char id[NUMBER_MAX_DIGITS + 2];
	struct cause why;

	identity(id, sizeof(id), parties, mt);
	return parties->emergency || !refused(adm, mt, find_subscriber(adm, mt, id), &why);
}

void admission_leave(struct call *call)
{
	struct admission_subscriber *sub = call->subscriber;

	if (!call->admitted)
		return;
	call->admitted = false;
	call->subscriber = NULL;
	call->calls->admission.n[call->mt]--;
	if (!sub)
		return;
	sub->n--;
	put_subscriber(sub);
}
