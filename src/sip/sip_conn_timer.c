/* The clock of a connection: one timer for all that may take too long, and for our pings.
 *
 * What happens only notes the time; the timer looks which limit comes next. It is set anew only when something begins
 * that may end sooner, so that a message costs no work here. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>

#include "sip_conn.h"

#define PING	   "\r\n\r\n" /* RFC 5626 3.5.1 */
#define CLOSING_MS 2000

static uint64_t after(uint64_t begun, int T)
{
	return begun + timer_ms(sip_tdefs, T);
}

static void earliest(uint64_t *due, const char **why, uint64_t at, const char *what)
{
	if (*due && *due <= at)
		return;
	*due = at;
	*why = what;
}

/* When it has to end if nothing happens, and what is to be said then. */
static uint64_t end_due(const struct sip_conn *conn, const char **why)
{
	uint64_t due = 0;

	if (conn->state == SIP_CONN_CLOSING) {
		*why = "refused";
		return conn->since + CLOSING_MS;
	}
	if (conn->state == SIP_CONN_CONNECTING || conn->state == SIP_CONN_HANDSHAKE) {
		*why = conn->state == SIP_CONN_CONNECTING ? "no answer in time" : "TLS handshake not done in time";
		return after(conn->since, T_SIP_TP_OPEN);
	}
	earliest(&due, why, after(conn->used, T_SIP_TP_IDLE), "not used any more");
	if (conn->half)
		earliest(&due, why, after(conn->half, T_SIP_TP_HALF),
			 "half a message and then silence, or nothing at all");
	if (conn->stuck && conn->n_out)
		earliest(&due, why, after(conn->stuck, T_SIP_TP_STUCK), "the other side does not read what we send");
	if (conn->pinged && conn->has_ponged)
		earliest(&due, why, after(conn->pinged, T_SIP_TP_PONG), "no answer to a ping");
	return due;
}

/* Pings are for connections of ours; 0: not now. */
static uint64_t ping_due(const struct sip_conn *conn)
{
	uint64_t last = conn->used > conn->last_ping ? conn->used : conn->last_ping;

	if (conn->source || conn->state != SIP_CONN_OPEN || !timer_ms(sip_tdefs, T_SIP_TP_PING) ||
	    (conn->pinged && conn->has_ponged))
		return 0;
	return after(last, T_SIP_TP_PING);
}

static void ping(struct sip_conn *conn)
{
	conn->last_ping = conn->pinged = sip_conn_now();
	if (sip_conn_write(conn, PING, strlen(PING)) < 0)
		sip_conn_close(conn, "a ping cannot be sent");
}

/*! Set the timer to what comes next. */
void sip_conn_timer_update(struct sip_conn *conn)
{
	uint64_t now = sip_conn_now(), due, at;
	const char *why;

	if (conn->state == SIP_CONN_DEAD)
		return;
	due = end_due(conn, &why);
	at = ping_due(conn);
	if (at && at < due)
		due = at;
	timer_start_ms(&conn->timer, due > now ? due - now : 0);
}

static void count_end(const struct sip_conn *conn)
{
	if (conn->stuck && conn->n_out)
		sip_transports_count(conn->tp->all, SIP_CTR_CONN_SLOW);
	else if (conn->state == SIP_CONN_OPEN && conn->half)
		sip_transports_count(conn->tp->all, SIP_CTR_CONN_SILENT);
}

void sip_conn_timer_cb(void *data)
{
	struct sip_conn *conn = data;
	uint64_t now = sip_conn_now();
	const char *why = NULL;

	sip_conn_get(conn);
	if (end_due(conn, &why) <= now) {
		count_end(conn);
		sip_conn_close(conn, why);
	} else if (ping_due(conn) && ping_due(conn) <= now) {
		ping(conn);
	}
	sip_conn_timer_update(conn);
	sip_conn_put(conn);
}
