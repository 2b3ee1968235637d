/* The root object: makes the parts, ties them together, starts and ends them.
 *
 * The parts know each other by what is passed here and by nothing else: the MNCC link and the SIP user agent bring new
 * calls to the leg kinds, the calls make legs of these kinds for side B. What starts is ordered so that nothing is
 * offered before it can be served; what ends is ordered the other way round, and legs go before the protocols that they
 * hang on. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/sipgw.h>

#include <errno.h>
#include <stdio.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/leg/gsm_leg.h>
#include <osmocom/sipgw/leg/sip_leg.h>
#include <osmocom/sipgw/leg/test_leg.h>
#include <osmocom/sipgw/mgcp/mgw_pool.h>
#include <osmocom/sipgw/mncc/mncc_link.h>
#include <osmocom/sipgw/obs/cdr.h>
#include <osmocom/sipgw/obs/hep.h>
#include <osmocom/sipgw/obs/metrics.h>
#include <osmocom/sipgw/obs/trace.h>
#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/ua/sip_reg.h>
#include <osmocom/sipgw/ua/sip_ua.h>

/* How often a stop looks whether everything has come to its end. */
#define STOP_POLL_MS  20
#define DRAIN_POLL_MS 200

static bool on_setup_ind(struct mncc_link *link, const struct mncc_msg *msg, void *data)
{
	struct sipgw *gw = data;

	return gsm_leg_setup_ind(gw->gsm_kind, msg);
}

static void on_incoming(struct sip_session *s, struct sip_peer *peer, const struct sip_invite *inv, void *data)
{
	struct sipgw *gw = data;

	sip_leg_incoming(gw->sip_kind, s, peer, inv);
}

static void alloc_parts(struct sipgw *gw)
{
	const struct mncc_link_ops mncc_ops = { .setup_ind = on_setup_ind, .data = gw };
	const struct sip_ua_ops ua_ops = { .incoming = on_incoming, .data = gw };

	gw->calls = calls_alloc(gw);
	gw->mncc = mncc_link_alloc(gw, &mncc_ops);
	gw->mgws = mgw_pool_alloc(gw);
	gw->ua = sip_ua_alloc(gw, &ua_ops);
	gw->cdr = cdr_alloc(gw, gw->calls);
	gw->trace = trace_alloc(gw, gw->calls);
	gw->hep = hep_alloc(gw, gw->trace);
	gw->metrics = metrics_alloc(gw, gw->calls);
}

static void alloc_leg_kinds(struct sipgw *gw)
{
	const struct gsm_leg_env gsm = { .calls = gw->calls, .mncc = gw->mncc, .mgws = gw->mgws };
	const struct sip_leg_env sip = { .calls = gw->calls, .ua = gw->ua };

	gw->gsm_kind = gw->calls->gsm = gsm_leg_kind_alloc(gw, &gsm);
	gw->sip_kind = gw->calls->sip = sip_leg_kind_alloc(gw, &sip);
	gw->test_kind = test_leg_kind_alloc(gw, gw->calls);
}

static void stop_step(void *data);
static void drain_step(void *data);

/*! Make everything, with defaults and no socket open. Once per process: FSMs, timers and the SIP parser are set up as
 * well. */
struct sipgw *sipgw_alloc(void *ctx)
{
	struct sipgw *gw = talloc_zero(ctx, struct sipgw);

	OSMO_ASSERT(gw);
	timers_init();
	sip_msg_init();
	osmo_timer_setup(&gw->stop_timer, stop_step, gw);
	osmo_timer_setup(&gw->drain_timer, drain_step, gw);
	alloc_parts(gw);
	alloc_leg_kinds(gw);
	return gw;
}

/* What is no mistake but leaves something not working: say it once, at start. */
static void say_what_is_missing(const struct sipgw *gw)
{
	const struct sip_peer *peer;

	if (!gw->calls->routes.default_peer)
		LOGP(DMAIN, LOGL_NOTICE,
		     "No default peer: calls from phones will be refused (configure 'call' / 'default-peer NAME')\n");
	llist_for_each_entry (peer, sip_ua_peers(gw->ua), entry) {
		if (!peer->cfg.remote_host)
			LOGP(DMAIN, LOGL_NOTICE,
			     "SIP peer '%s' has no address yet and cannot be called (configure 'remote HOST')\n",
			     peer->name);
	}
}

/*! Take our own SIP addresses: the part of starting that can fail. Nothing is said in the log, so that a failure is one
 * line. \param[out] why  on failure one sentence, owned by \a gw. \returns 0 or negative errno. */
int sipgw_listen(struct sipgw *gw, const char **why)
{
	const char *ua_why = NULL;
	int rc = sip_ua_start(gw->ua, &ua_why);

	if (rc < 0)
		*why = ua_why ? ua_why : "cannot open the SIP sockets";
	return rc;
}

/*! Begin to work, after sipgw_listen(). Who is on the other side of the sockets need not be there yet. */
void sipgw_start(struct sipgw *gw)
{
	if (!mgw_pool_next(gw->mgws, NULL))
		mgw_pool_add(gw->mgws, "default");
	mgw_pool_set_probing(gw->mgws, true);
	mgw_pool_start(gw->mgws);
	mncc_link_start(gw->mncc);
	gw->running = true;
	say_what_is_missing(gw);
}

/* Nothing is under way at the media gateways: every endpoint is deleted there, every command answered. */
static bool mgws_idle(const struct sipgw *gw)
{
	struct mgw_info info;
	const struct mgw *mgw;

	for (mgw = mgw_pool_next(gw->mgws, NULL); mgw; mgw = mgw_pool_next(gw->mgws, mgw)) {
		mgw_get_info(mgw, &info);
		/* a gateway that is not there will not confirm anything */
		if (info.state == MGW_ST_UP && info.n_endpoints)
			return false;
	}
	return true;
}

static bool mncc_idle(const struct sipgw *gw)
{
	struct mncc_link_info info;

	mncc_link_get_info(gw->mncc, &info);
	return info.state != MNCC_LINK_ST_UP || (!info.n_calls && !info.queue_len);
}

static bool stop_time_is_up(const struct sipgw *gw)
{
	struct timespec now;

	osmo_clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > gw->stop_by.tv_sec ||
	       (now.tv_sec == gw->stop_by.tv_sec && now.tv_nsec >= gw->stop_by.tv_nsec);
}

static void stop_step(void *data)
{
	struct sipgw *gw = data;

	if (!gw->calls->n && sip_ua_idle(gw->ua) && mncc_idle(gw) && mgws_idle(gw)) {
		LOGP(DMAIN, LOGL_NOTICE, "Everything has ended\n");
		gw->quit = true;
	} else if (stop_time_is_up(gw)) {
		LOGP(DMAIN, LOGL_NOTICE, "Not everything has ended in time (%u calls left): stopping all the same\n",
		     gw->calls->n);
		gw->quit = true;
	} else {
		timer_start_ms(&gw->stop_timer, STOP_POLL_MS);
	}
}

void sipgw_stop(struct sipgw *gw)
{
	struct cause cause = cause_make(CAUSE_TEMP_FAILURE, "gateway is shutting down");

	if (gw->stopping) {
		LOGP(DMAIN, LOGL_NOTICE, "Stopping at once\n");
		gw->quit = true;
		return;
	}
	LOGP(DMAIN, LOGL_NOTICE, "Stopping: no new calls, %u present ones are ended\n", gw->calls->n);
	gw->stopping = true;
	osmo_clock_gettime(CLOCK_MONOTONIC, &gw->stop_by);
	gw->stop_by.tv_sec += SIPGW_STOP_MS / 1000;
	mncc_link_refuse_calls(gw->mncc, true);
	calls_stop(gw->calls, &cause);
	sip_regs_stop(gw->ua);
	timer_start_ms(&gw->stop_timer, 0);
}

static void drain_step(void *data)
{
	struct sipgw *gw = data;

	if (!gw->drain_exit || gw->stopping)
		return;
	if (!gw->calls->n)
		sipgw_stop(gw);
	else
		timer_start_ms(&gw->drain_timer, DRAIN_POLL_MS);
}

void sipgw_drain(struct sipgw *gw, bool on, bool exit)
{
	if (on != gw->calls->draining)
		LOGP(DMAIN, LOGL_NOTICE, "%s\n",
		     on ? "Draining: no new calls but emergency calls" : "Draining no more: new calls are taken again");
	gw->calls->draining = on;
	gw->drain_exit = on && exit;
	timer_start_ms(&gw->drain_timer, 0);
}

void sipgw_reopen(struct sipgw *gw)
{
	cdr_reopen(gw->cdr);
}

void sipgw_reload(struct sipgw *gw)
{
	const char *why = "";

	if (sip_ua_tls_reload(gw->ua, &why) < 0)
		LOGP(DMAIN, LOGL_ERROR, "TLS goes on with the certificates of before: %s\n", why);
}

/*! Close every socket and free everything. Legs go first, since they hang on the protocols. */
void sipgw_free(struct sipgw *gw)
{
	osmo_timer_del(&gw->stop_timer);
	osmo_timer_del(&gw->drain_timer);
	talloc_free(gw->health);
	talloc_free(gw->calls);
	mncc_link_stop(gw->mncc);
	mgw_pool_stop(gw->mgws);
	sip_ua_stop(gw->ua);
	cdr_flush(gw->cdr);
	talloc_free(gw->hep); /* hangs on the trace */
	talloc_free(gw);
}
