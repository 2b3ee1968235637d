/* The link to the MSC: how it is made, and made again.
 *
 *     DOWN ------- connect(2) ------> HELLO ---- HELLO ----> UP
 *      ^ \                              |                     |
 *      |  `--- listen queue full ---> CONNECTING              |
 *      |             (waits as DOWN does) |                   |
 *      `---- error, EOF, no HELLO --------+-------------------'
 *
 * It tries for ever, at first soon, then less often (T_MNCC_RECONNECT, doubled up to T_MNCC_RECONNECT_MAX); a HELLO
 * makes it begin anew. The reason of a failure is logged when it changes, and else once a minute. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>

#include "mncc_internal.h"

#define X(s) (1 << (s))

#define LOG_AGAIN_MS 60000

const struct value_string mncc_link_state_names[] = { { MNCC_LINK_ST_DOWN, "down" },
						      { MNCC_LINK_ST_CONNECTING, "connecting" },
						      { MNCC_LINK_ST_HELLO, "waiting for HELLO" },
						      { MNCC_LINK_ST_UP, "up" },
						      {} };

static void enter(struct mncc_link *link, enum mncc_link_state state)
{
	link->since_ms = mncc_link_now_ms();
	osmo_fsm_inst_state_chg(link->fi, state, 0, 0);
}

/* ---- why it failed, for the operator ---- */

/* Say it when it is new, or when a minute has passed; remember it in any case. */
static void note_failure(struct mncc_link *link, const struct mncc_failure *failure)
{
	const char *why = failure->why;
	bool same = !strcmp(link->last_error, why);
	uint64_t now = mncc_link_now_ms();

	link->error = failure->error;
	link->error_is_past = false;
	if (same && link->error_logged_ms && now - link->error_logged_ms < LOG_AGAIN_MS) {
		link->errors_muted++;
		return;
	}
	if (same && link->errors_muted)
		LOG_LINK(link, LOGL_ERROR, "%s (%u times more since the last such line)\n", why, link->errors_muted);
	else
		LOG_LINK(link, LOGL_ERROR, "%s\n", why);
	link->errors_muted = 0;
	link->error_logged_ms = now;
	if (!same)
		osmo_strlcpy(link->last_error, why, sizeof(link->last_error));
}

#define F(ERROR, WHY) ((struct mncc_failure){ MNCC_LINK_ERR_##ERROR, WHY })

static struct mncc_failure connect_failure(int err)
{
	static char buf[80];

	switch (err) {
	case ENOENT:
		return F(NO_SOCKET,
			 "there is no such socket: is osmo-msc running, with 'mncc external' and this path?");
	case ECONNREFUSED:
		return F(NO_SOCKET, "nobody listens on this socket: osmo-msc is not running any more");
	case EACCES:
	case EPERM:
		return F(PERMISSION,
			 "no permission to connect: our user needs to write to the socket and to search its directory");
	case EPROTOTYPE:
		return F(NOT_MNCC, "the socket is of another kind: this is not the MNCC socket of an MSC");
	case EAGAIN:
		return F(BUSY,
			 "the MSC does not accept connections: another client is connected already, or it is stuck");
	default:
		snprintf(buf, sizeof(buf), "cannot connect: %s", strerror(err));
		return F(NO_SOCKET, buf);
	}
}
#undef F

/* ---- the socket ---- */

static void close_socket(struct mncc_link *link)
{
	osmo_timer_del(&link->timer);
	link->broken = false;
	link->layout = NULL;
	link->generation++;
	if (link->ofd.fd < 0)
		return;
	osmo_fd_unregister(&link->ofd);
	close(link->ofd.fd);
	link->ofd.fd = -1;
	mncc_link_tx_drop(link);
}

/* Wait before the next try, each time twice as long. */
static void wait_and_retry(struct mncc_link *link, enum mncc_link_state state)
{
	unsigned long max = timer_ms(mncc_tdefs, T_MNCC_RECONNECT_MAX);

	if (!link->backoff_ms)
		link->backoff_ms = timer_ms(mncc_tdefs, T_MNCC_RECONNECT);
	link->backoff_ms = OSMO_MIN(link->backoff_ms, max);
	timer_start_ms(&link->timer, link->backoff_ms);
	link->backoff_ms *= 2;
	if (link->fi->state != state)
		enter(link, state);
}

static int open_socket(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, err;

	if (osmo_strlcpy(un.sun_path, path, sizeof(un.sun_path)) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	err = errno;
	close(fd);
	return -err;
}

/* A unix socket connects at once or not at all: with EAGAIN, unlike EINPROGRESS, there is nothing under way. */
static void try_connect(struct mncc_link *link)
{
	struct mncc_failure failure;
	int fd = open_socket(link->path);

	if (fd < 0) {
		failure = connect_failure(-fd);
		note_failure(link, &failure);
		wait_and_retry(link, fd == -EAGAIN ? MNCC_LINK_ST_CONNECTING : MNCC_LINK_ST_DOWN);
		return;
	}
	osmo_fd_setup(&link->ofd, fd, OSMO_FD_READ, mncc_link_fd_cb, link, 0);
	OSMO_ASSERT(osmo_fd_register(&link->ofd) == 0);
	timer_start(&link->timer, mncc_tdefs, T_MNCC_HELLO);
	if (link->error == MNCC_LINK_ERR_NO_SOCKET || link->error == MNCC_LINK_ERR_PERMISSION)
		link->error_is_past = true;
	enter(link, MNCC_LINK_ST_HELLO);
}

/* ---- events ---- */

/*! The socket is of no use any more, for this reason. */
void mncc_link_lost(struct mncc_link *link, enum mncc_link_error error, const char *why)
{
	/* why may be last_error itself */
	char copy[sizeof(link->last_error)];
	struct mncc_failure failure = { error, copy };

	osmo_strlcpy(copy, why, sizeof(copy));
	osmo_fsm_inst_dispatch(link->fi, MNCC_LINK_EV_LOST, &failure);
}

static void calls_and_user_down(struct mncc_link *link)
{
	if (link->n_calls)
		LOG_LINK(link, LOGL_NOTICE, "%u calls are lost with the link\n", link->n_calls);
	mncc_link_count(link, MNCC_CTR_DISCONNECTS);
	mncc_link_calls_down(link);
	if (link->ops.state)
		link->ops.state(link, false, link->ops.data);
}

static void stop(struct mncc_link *link)
{
	bool was_up = link->fi->state == MNCC_LINK_ST_UP;

	link->started = false;
	link->backoff_ms = 0;
	if (mncc_link_is_up(link))
		mncc_link_tx_flush(link);
	close_socket(link);
	if (link->fi->state != MNCC_LINK_ST_DOWN)
		enter(link, MNCC_LINK_ST_DOWN);
	if (was_up)
		calls_and_user_down(link);
}

static void start(struct mncc_link *link)
{
	if (link->started)
		return;
	link->started = true;
	try_connect(link);
}

static void on_waiting(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct mncc_link *link = fi->priv;

	if (event == MNCC_LINK_EV_START)
		start(link);
	else if (event == MNCC_LINK_EV_TIMEOUT)
		try_connect(link);
}

static void not_up(struct mncc_link *link, const struct mncc_failure *failure)
{
	close_socket(link);
	note_failure(link, failure);
	wait_and_retry(link, MNCC_LINK_ST_DOWN);
}

static void on_hello_msg(struct mncc_link *link, const struct mncc_hello *hello)
{
	const struct mncc_layout *layout;
	const char *note;
	struct mncc_failure failure = { .error = MNCC_LINK_ERR_VERSION };
	char why[80];

	layout = mncc_layout_for(hello, &note);
	if (!layout) {
		snprintf(why, sizeof(why), "the MSC speaks MNCC version %u, we speak 5 to 8", hello->version);
		failure.why = why;
		not_up(link, &failure);
		return;
	}
	if (note)
		LOG_LINK(link, LOGL_NOTICE, "odd HELLO, version %u, messages of %u octets: %s\n", hello->version,
			 hello->mncc_size, note);
	osmo_timer_del(&link->timer);
	link->layout = layout;
	link->backoff_ms = 0;
	link->error_logged_ms = 0;
	link->error_is_past = true;
	mncc_link_count(link, MNCC_CTR_CONNECTS);
	LOG_LINK(link, LOGL_NOTICE, "connected to the MSC, MNCC version %u, messages of %u octets\n", layout->version,
		 layout->mncc_size);
	enter(link, MNCC_LINK_ST_UP);
	if (link->ops.state)
		link->ops.state(link, true, link->ops.data);
}

static void on_hello(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	static const struct mncc_failure no_hello = {
		MNCC_LINK_ERR_BUSY,
		"connected, but the MSC says no HELLO: another client is connected already, or it is stuck"
	};
	struct mncc_link *link = fi->priv;

	switch (event) {
	case MNCC_LINK_EV_RX_HELLO:
		on_hello_msg(link, data);
		break;
	case MNCC_LINK_EV_TIMEOUT:
		not_up(link, &no_hello);
		break;
	case MNCC_LINK_EV_LOST:
		not_up(link, data);
		break;
	}
}

static void on_up(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	struct mncc_link *link = fi->priv;

	if (event != MNCC_LINK_EV_LOST)
		return;
	not_up(link, data);
	calls_and_user_down(link);
}

static void on_any(struct osmo_fsm_inst *fi, uint32_t event, void *data)
{
	if (event == MNCC_LINK_EV_STOP)
		stop(fi->priv);
}

static const struct value_string event_names[] = {
	{ MNCC_LINK_EV_START, "START" },       { MNCC_LINK_EV_STOP, "STOP" }, { MNCC_LINK_EV_TIMEOUT, "TIMEOUT" },
	{ MNCC_LINK_EV_RX_HELLO, "RX_HELLO" }, { MNCC_LINK_EV_LOST, "LOST" }, {}
};

#define EV_ALWAYS (X(MNCC_LINK_EV_START) | X(MNCC_LINK_EV_TIMEOUT))

static const struct osmo_fsm_state states[] = {
	[MNCC_LINK_ST_DOWN] = {
		.name = "DOWN",
		.in_event_mask = EV_ALWAYS,
		.out_state_mask = X(MNCC_LINK_ST_CONNECTING) | X(MNCC_LINK_ST_HELLO),
		.action = on_waiting,
	},
	[MNCC_LINK_ST_CONNECTING] = {
		.name = "CONNECTING",
		.in_event_mask = EV_ALWAYS,
		.out_state_mask = X(MNCC_LINK_ST_DOWN) | X(MNCC_LINK_ST_HELLO),
		.action = on_waiting,
	},
	[MNCC_LINK_ST_HELLO] = {
		.name = "HELLO",
		.in_event_mask = EV_ALWAYS | X(MNCC_LINK_EV_RX_HELLO) | X(MNCC_LINK_EV_LOST),
		.out_state_mask = X(MNCC_LINK_ST_DOWN) | X(MNCC_LINK_ST_UP),
		.action = on_hello,
	},
	[MNCC_LINK_ST_UP] = {
		.name = "UP",
		.in_event_mask = EV_ALWAYS | X(MNCC_LINK_EV_LOST),
		.out_state_mask = X(MNCC_LINK_ST_DOWN),
		.action = on_up,
	},
};

struct osmo_fsm mncc_link_fsm = {
	.name = "mncc_link",
	.states = states,
	.num_states = ARRAY_SIZE(states),
	.event_names = event_names,
	.allstate_event_mask = X(MNCC_LINK_EV_STOP),
	.allstate_action = on_any,
	.log_subsys = DMNCC,
};
