/* Session timers (RFC 4028): a call whose other side has silently gone is found and ended.
 *
 * A 2xx to an INVITE or UPDATE says how long the session lives and who refreshes it. We do at half of that, by UPDATE
 * or by a re-INVITE with the description said last; and end the call if no refresh was seen some time before the end
 * (section 10). What is kept for that exists in sessions with a timer only. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sip/sip_str.h>

#include "ua_internal.h"

#define MAX_SECONDS   86400
#define DEFAULT_MIN_S 90 /* RFC 4028 5 */

struct sip_session_timer {
	struct sip_session *s;
	struct osmo_timer_list timer;
	uint32_t expires_s;
	uint32_t min_se_s; /*!< the largest that the peer has asked for */
	uint32_t left_ms;  /*!< to the end, from when the timer was started */
	uint32_t step_ms;  /*!< it was started for */
	bool we_refresh;
	uint64_t heard; /*!< hash of the description the peer said last, 0: none */
	char *said;	/*!< ours */
};

/* ---- headers ---- */

/*! What Session-Expires says (section 4), or Min-SE. */
struct interval {
	uint32_t s;
	enum { REFRESHER_NONE, REFRESHER_UAC, REFRESHER_UAS } refresher;
};

static bool parse_interval(struct interval *iv, const struct sip_msg *msg, const char *name)
{
	struct sip_str rest, param, value;
	const char *text = sip_msg_header(msg, name, 0);
	char *end;

	*iv = (struct interval){};
	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	iv->s = OSMO_MIN(strtoul(text, &end, 10), (unsigned long)MAX_SECONDS);
	rest = (struct sip_str){ end, strlen(end) };
	while (sip_param_next(&rest, &param, &value) > 0) {
		if (!sip_str_is(param, "refresher") || !value.s)
			continue;
		if (sip_str_is(value, "uac"))
			iv->refresher = REFRESHER_UAC;
		else if (sip_str_is(value, "uas"))
			iv->refresher = REFRESHER_UAS;
	}
	return iv->s > 0;
}

static bool get_expires(struct interval *iv, const struct sip_msg *msg)
{
	return parse_interval(iv, msg, "Session-Expires") || parse_interval(iv, msg, "x");
}

static enum sip_use use_of(const struct sip_session *s)
{
	return s->peer ? s->peer->cfg.session_timer : SIP_USE_OFF;
}

/* ---- the timer ---- */

/* The end is declared that long before it really is (section 10) */
static uint32_t end_ms(uint32_t expires_s)
{
	uint32_t ms = expires_s * 1000;

	return ms - OSMO_MIN(32000u, ms / 3);
}

static void start_step(struct sip_session_timer *t, uint32_t ms)
{
	t->step_ms = OSMO_MIN(OSMO_MAX(ms, 500u), t->left_ms);
	timer_start_lazy_ms(&t->timer, t->step_ms);
}

static void expire(struct sip_session *s)
{
	static const struct sip_session_info expired = { .status = 408, .text = "the session timer has run out" };

	LOG_SESSION(s, LOGL_NOTICE, "session timer: no refresh in time, the call ends\n");
	osmo_fsm_inst_dispatch(s->fi, SIP_SESSION_EV_LOST, (void *)&expired);
}

/* By UPDATE where the peer knows it: a re-INVITE would be another offer (section 7.4). Not while another request is
 * under way that refreshes as well. */
static void refresh(struct sip_session *s)
{
	const char *said = s->timer->said;

	if (s->allows_update)
		sip_update_send(s, NULL);
	else if (said && !s->update)
		sip_session_refresh_by_invite(s, said);
}

static void tick(void *data)
{
	struct sip_session_timer *t = data;
	struct sip_session *s = t->s;

	t->left_ms -= t->step_ms;
	if (s->fi->state != SIP_SESSION_CONFIRMED) { /* our 200 still waits for its ACK, which ends by itself */
		t->left_ms = OSMO_MAX(t->left_ms, 1000u);
		start_step(t, 1000);
	} else if (!t->left_ms) {
		expire(s);
	} else {
		start_step(t, end_ms(t->expires_s) / 8);
		refresh(s);
	}
}

/*! No session timer (any more). */
void sip_timer_free(struct sip_session *s)
{
	if (!s->timer)
		return;
	osmo_timer_del(&s->timer->timer);
	TALLOC_FREE(s->timer);
}

/* The interval begins, by the 2xx just sent or received. */
static void start(struct sip_session *s, uint32_t expires_s, bool we_refresh)
{
	struct sip_session_timer *t = s->timer;
	uint32_t half_ms = expires_s * 500;

	if (!t) {
		t = s->timer = talloc_zero(s, struct sip_session_timer);
		if (!t)
			return;
		t->s = s;
		osmo_timer_setup(&t->timer, tick, t);
	}
	if (t->expires_s != expires_s || t->we_refresh != we_refresh)
		LOG_SESSION(s, LOGL_INFO, "session timer: %u s, refreshed by %s\n", expires_s,
			    we_refresh ? "us" : "the peer");
	t->expires_s = expires_s;
	t->we_refresh = we_refresh;
	t->left_ms = end_ms(expires_s);
	start_step(t, we_refresh ? half_ms : t->left_ms);
}

static void note(struct sip_session *s, const char *said, uint64_t heard)
{
	if (!s->timer)
		return;
	if (said && (!s->timer->said || strcmp(s->timer->said, said) != 0)) {
		talloc_free(s->timer->said);
		s->timer->said = talloc_strdup(s->timer, said);
	}
	if (heard)
		s->timer->heard = heard;
}

/* ---- we ask ---- */

/*! The headers of an INVITE or UPDATE of ours. In a call the one who refreshes stays so (section 7.4). */
void sip_timer_write_request(const struct sip_session *s, struct sip_tx *tx)
{
	const struct sip_session_timer *t = s->timer;
	const struct sip_peer_cfg *cfg = s->peer ? &s->peer->cfg : NULL;

	if (t) {
		sip_write_header(&tx->w, "Session-Expires", "%u;refresher=%s", t->expires_s,
				 t->we_refresh ? "uac" : "uas");
		if (t->min_se_s)
			sip_write_header(&tx->w, "Min-SE", "%u", t->min_se_s);
	} else if (cfg && cfg->session_timer != SIP_USE_OFF && cfg->session_expires_s) {
		sip_write_header(&tx->w, "Session-Expires", "%u", OSMO_MAX(cfg->session_expires_s, cfg->min_se_s));
		if (cfg->min_se_s != DEFAULT_MIN_S)
			sip_write_header(&tx->w, "Min-SE", "%u", cfg->min_se_s);
	}
}

/*! A 2xx to an INVITE or UPDATE of ours, that had \a said as description (NULL: none, or our answer is still to come).
 */
void sip_timer_rx_2xx(struct sip_session *s, const struct sip_msg *resp, const char *said)
{
	struct interval iv;
	const char *sdp = sip_msg_sdp(resp);

	if (use_of(s) == SIP_USE_OFF || !get_expires(&iv, resp)) {
		sip_timer_free(s);
		return;
	}
	start(s, iv.s, iv.refresher != REFRESHER_UAS);
	note(s, said, sdp ? token_hash_str(sdp) : 0);
}

/*! Our refresh was refused as too frequent: the next one asks for more. */
void sip_timer_rx_422(struct sip_session *s, const struct sip_msg *resp)
{
	struct interval iv;

	if (!s->timer || !parse_interval(&iv, resp, "Min-SE"))
		return;
	s->timer->min_se_s = iv.s;
	if (s->timer->expires_s < iv.s)
		s->timer->expires_s = iv.s;
}

/*! The header lines of an INVITE to be sent again after a 422 (section 7.3), in \a buf. False: it says nothing usable.
 */
bool sip_timer_lines_after_422(char *buf, size_t len, const struct sip_msg *resp)
{
	struct interval iv;

	if (!parse_interval(&iv, resp, "Min-SE"))
		return false;
	snprintf(buf, len, "Session-Expires: %u\r\nMin-SE: %u\r\n", iv.s, iv.s);
	return true;
}

/*! Outcome of a refresh of ours. One that was refused for now is tried again before the end. */
void sip_timer_refreshed(struct sip_session *s, uint16_t status)
{
	if (status >= 300)
		LOG_SESSION(s, LOGL_INFO, "session timer: refresh refused with %u\n", status);
}

/* ---- they ask ---- */

static bool supports(const struct sip_msg *msg)
{
	return sip_msg_header_has_token(msg, "Supported", "timer") || sip_msg_header_has_token(msg, "Require", "timer");
}

/*! Does a request ask for less than \a cfg allows? Then \a more is what a 422 has to say. */
bool sip_timer_too_small(const struct sip_peer_cfg *cfg, const struct sip_msg *req, char *more, size_t len)
{
	struct interval iv;

	if (cfg->session_timer == SIP_USE_OFF || !supports(req) || !get_expires(&iv, req) || iv.s >= cfg->min_se_s)
		return false;
	snprintf(more, len, "Min-SE: %u\r\n", cfg->min_se_s);
	return true;
}

/*! The same in a dialog. True: it was answered. */
bool sip_timer_refuse(struct sip_session *s, struct sip_trx *trx, const struct sip_msg *req)
{
	char more[32];

	if (!s->peer || !sip_timer_too_small(&s->peer->cfg, req, more, sizeof(more)))
		return false;
	sip_tx_respond(trx, req, 422, NULL, more);
	return true;
}

/*! What the 2xx to their INVITE or UPDATE will say (section 9, table 2). */
void sip_timer_rx_request(const struct sip_session *s, struct sip_uas_invite *in, const struct sip_msg *req)
{
	enum sip_use use = use_of(s);
	struct interval iv, min;
	const char *sdp = sip_msg_sdp(req);

	in->heard = sdp ? token_hash_str(sdp) : 0;
	in->timer_s = 0;
	if (use == SIP_USE_OFF || (req->method != SIP_INVITE && req->method != SIP_UPDATE))
		return;
	in->timer_supported = supports(req);
	if (!get_expires(&iv, req)) {
		if (use != SIP_USE_REQUIRED && !s->timer)
			return;
		iv.s = s->timer ? s->timer->expires_s : s->peer->cfg.session_expires_s;
	} else if (s->peer->cfg.session_expires_s && iv.s > s->peer->cfg.session_expires_s) {
		iv.s = s->peer->cfg.session_expires_s; /* it may be made shorter, but for Min-SE */
	}
	if (parse_interval(&min, req, "Min-SE") && iv.s < min.s)
		iv.s = min.s;
	in->timer_s = OSMO_MAX(iv.s, s->peer->cfg.min_se_s);
	/* who supports the timer refreshes, unless he wants us to */
	in->timer_by_us = !in->timer_supported || iv.refresher == REFRESHER_UAS;
}

/*! The headers of that 2xx. */
void sip_timer_write_2xx(const struct sip_uas_invite *in, struct sip_tx *tx)
{
	if (!in->timer_s)
		return;
	if (in->timer_supported)
		sip_write_header_str(&tx->w, "Require", "timer");
	sip_write_header(&tx->w, "Session-Expires", "%u;refresher=%s", in->timer_s, in->timer_by_us ? "uas" : "uac");
}

/*! It is being sent, with \a said as description (NULL: none). */
void sip_timer_accepted(struct sip_session *s, const struct sip_uas_invite *in, const char *said)
{
	if (in->timer_s)
		start(s, in->timer_s, in->timer_by_us);
	else if (in->is_dialog_refresh)
		sip_timer_free(s);
	note(s, said, in->heard);
}

/*! Is this re-INVITE of theirs a refresh and nothing else? What we said last then is the answer, else NULL. */
const char *sip_timer_refresh_answer(const struct sip_session *s, const struct sip_uas_invite *in)
{
	return s->timer && in->heard && in->heard == s->timer->heard ? s->timer->said : NULL;
}

/*! An ACK brought the answer to our offer. */
void sip_timer_heard(struct sip_session *s, const char *sdp)
{
	note(s, NULL, token_hash_str(sdp));
}
