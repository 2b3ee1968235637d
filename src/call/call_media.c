/* Offers and answers between the legs of a call (RFC 3264): at most one offer is under way.
 *
 * One that cannot be passed on is refused here, so nobody waits for ever. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/call/call.h>

#include <string.h>

#include "call_internal.h"

void call_post_media(struct call *call, enum leg_side side, enum leg_cmd_type type, struct leg_media media)
{
	call_post_cmd(call, side, &(struct leg_cmd){ .type = type, .media = media });
}

/*! Refuse the offer of \a side, or its wish for one: it may be tried again soon. */
void call_media_refuse(struct call *call, enum leg_side side)
{
	LOG_CALL(call, LOGL_INFO, "offer of side %c refused: it does not fit now\n", call_side_letter(side));
	call_post_media(call, side, LEG_CMD_MEDIA, (struct leg_media){ .kind = LEG_MEDIA_RETRY });
}

/*! What leg B says about media while it comes up: mostly the answer to the SETUP's offer, perhaps repeated; its own
 * offer if the SETUP had none. Returns what leg A is to hear. */
struct leg_media call_media_set_up(struct call *call, const struct leg_media *media)
{
	static const struct leg_media none = { .kind = LEG_MEDIA_NONE };

	switch (media->kind) {
	case LEG_MEDIA_ANSWER:
		call->offer_pending[LEG_A] = false;
		call->early_answer = true;
		return *media;
	case LEG_MEDIA_OFFER:
		if (call->offer_pending[LEG_A]) {
			call_media_refuse(call, LEG_B);
			return none;
		}
		call->offer_pending[LEG_B] = true;
		return *media;
	default:
		return none;
	}
}

/*! A further attempt: leg A keeps its SETUP's offer, whatever it was told of an answer meanwhile. What it has asked for
 * since then is not passed on. */
void call_media_forget(struct call *call, bool offered)
{
	bool a_waits = call->ask_pending[LEG_A] || (call->offer_pending[LEG_A] && call->early_answer);

	if (a_waits)
		call_post_media(call, LEG_A, LEG_CMD_MEDIA, (struct leg_media){ .kind = LEG_MEDIA_RETRY });
	memset(call->ask_pending, 0, sizeof(call->ask_pending));
	memset(call->offer_pending, 0, sizeof(call->offer_pending));
	call->offer_pending[LEG_A] = offered;
	call->early_answer = false;
}

/*! May this offer or answer pass from \a side to the other one? Keeps the books: one offer, or one ask for an offer, at
 * a time (glare: RFC 3261 14.2, the second one is refused). */
bool call_media_passes(struct call *call, enum leg_side side, const struct leg_media *media)
{
	bool *mine = &call->offer_pending[side];
	bool *theirs = &call->offer_pending[leg_other_side(side)];
	bool *asked = &call->ask_pending[leg_other_side(side)];
	bool ok;

	switch (media->kind) {
	case LEG_MEDIA_OFFER:
		ok = !*mine && !*theirs;
		*mine |= ok;
		*asked &= !ok;
		return ok;
	case LEG_MEDIA_ASK:
		ok = !*mine && !*theirs && !*asked;
		call->ask_pending[side] |= ok;
		return ok;
	case LEG_MEDIA_ANSWER:
		ok = *theirs;
		*theirs = false;
		return ok;
	case LEG_MEDIA_REFUSED:
	case LEG_MEDIA_RETRY:
		ok = *theirs || *asked;
		*theirs = *asked = false;
		return ok;
	default: /* VOID comes after the answer, when the books are closed */
		return true;
	}
}
