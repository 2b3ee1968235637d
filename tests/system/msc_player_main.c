/* msc-player: the socket, the loop, and the pace at which phones call. See msc_player.h, and --help. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* accept4() */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "msc_player.h"
#include "msc_wire.h"

static int ep = -1;
static struct watch listener = { .fd = -1 }, conn = { .fd = -1 };
static volatile sig_atomic_t stop, mark_wanted;

/* ---- watched file descriptors ---- */

static void watch_set(struct watch *w, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (epoll_ctl(ep, op, w->fd, &ev) < 0)
		perror("epoll_ctl");
}

void watch_add(struct watch *w)
{
	watch_set(w, EPOLL_CTL_ADD, EPOLLIN);
}

void watch_del(struct watch *w)
{
	watch_set(w, EPOLL_CTL_DEL, 0);
}

/* ---- the socket ---- */

struct pending {
	struct pending *next;
	size_t len;
	uint8_t buf[MSC_SIZE_NEW];
};

static struct pending *txq, **txq_tail = &txq;
static bool slow; /* not reading just now */
static struct ptimer t_close, t_slow, t_restart;

static void conn_events(void)
{
	watch_set(&conn, EPOLL_CTL_MOD, (slow ? 0 : EPOLLIN) | (txq ? EPOLLOUT : 0));
}

static void listen_again(void *arg);

static void conn_close(const char *why)
{
	struct pending *p;

	if (conn.fd < 0)
		return;
	tell("MNCC socket: connection closed: %s", why);
	watch_del(&conn);
	close(conn.fd);
	conn.fd = -1;
	slow = false;
	ptimer_stop(&t_close);
	ptimer_stop(&t_slow);
	while ((p = txq)) {
		txq = p->next;
		free(p);
	}
	txq_tail = &txq;
	calls_lost();
}

static void queue(const uint8_t *buf, size_t len)
{
	struct pending *p = malloc(sizeof(*p));

	if (!p)
		abort();
	p->next = NULL;
	p->len = len;
	memcpy(p->buf, buf, len);
	*txq_tail = p;
	txq_tail = &p->next;
	conn_events();
}

static void tx_raw(const uint8_t *buf, size_t len)
{
	if (conn.fd < 0)
		return;
	totals.tx_msgs++;
	if (!txq && send(conn.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len)
		return;
	queue(buf, len);
}

void msc_tx(const uint8_t *buf)
{
	tx_raw(buf, opts.new_msc ? MSC_SIZE_NEW : MSC_SIZE);
}

static void flush_queue(void)
{
	struct pending *p;

	while ((p = txq)) {
		if (send(conn.fd, p->buf, p->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		txq = p->next;
		if (!txq)
			txq_tail = &txq;
		free(p);
	}
	conn_events();
}

static void conn_rx(void)
{
	uint8_t buf[4096];
	ssize_t len;

	for (int budget = 256; budget > 0 && conn.fd >= 0 && !slow; budget--) {
		len = recv(conn.fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len <= 0) {
			conn_close(len == 0 ? "by the gateway" : strerror(errno));
			return;
		}
		/* a short packet ends in zeros, as in osmo-msc's cleared buffer; the check looks at len */
		if (len < MSC_SIZE_NEW)
			memset(buf + len, 0, MSC_SIZE_NEW - len);
		call_rx(buf, len);
	}
}

static void conn_cb(void *arg, uint32_t events)
{
	if (events & EPOLLOUT)
		flush_queue();
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		conn_rx();
}

static void read_again(void *arg)
{
	slow = false;
	tell("MNCC socket: reading again");
	conn_events();
}

static void read_no_more(void *arg)
{
	slow = true;
	tell("MNCC socket: not reading for %lld ms", (long long)opts.slow_for_ms);
	conn_events();
	ptimer_start(&t_slow, opts.slow_for_ms, read_again, NULL);
}

static void close_by_plan(void *arg)
{
	conn_close("by plan");
	opts.close_ms = -1; /* once */
	if (opts.restart_ms < 0)
		return;
	watch_del(&listener);
	close(listener.fd);
	listener.fd = -1;
	unlink(opts.socket);
	ptimer_start(&t_restart, opts.restart_ms, listen_again, NULL);
}

static void accept_cb(void *arg, uint32_t events)
{
	uint8_t hello[MSC_HELLO_SIZE];
	int fd = accept4(listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (conn.fd >= 0) { /* there is one client and no more */
		totals.second_clients++;
		close(fd);
		return;
	}
	conn = (struct watch){ .fd = fd, .cb = conn_cb };
	watch_add(&conn);
	totals.connects++;
	tell("MNCC socket: gateway connected, HELLO");
	tx_raw(hello, msc_hello(hello, opts.new_msc ? MSC_SIZE_NEW : MSC_SIZE));
	if (opts.close_ms >= 0)
		ptimer_start(&t_close, opts.close_ms, close_by_plan, NULL);
	if (opts.slow_at_ms >= 0)
		ptimer_start(&t_slow, opts.slow_at_ms, read_no_more, NULL);
}

static int start_listening(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(opts.socket) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	strcpy(un.sun_path, opts.socket);
	unlink(opts.socket);
	listener = (struct watch){ .fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
				   .cb = accept_cb };
	if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&un, sizeof(un)) < 0 || listen(listener.fd, 10) < 0)
		return -errno;
	watch_add(&listener);
	return 0;
}

static void listen_again(void *arg)
{
	tell("MNCC socket: listening again");
	if (start_listening() < 0)
		stop = 1;
}

/* ---- the pace ---- */

static enum {
	PH_WAIT,   /* for the gateway to connect */
	PH_OPEN,   /* place the calls that stay open */
	PH_SETTLE, /* let them settle */
	PH_LOAD,   /* place calls */
	PH_DRAIN,  /* all are placed, some not ended */
	PH_SERVE,  /* nothing to place: phones are called */
	PH_END,	   /* the calls that stayed open are hung up */
} phase;

static uint64_t phase_us;     /* when the phase began */
static unsigned int n_placed; /* in this phase */

static void enter(int next)
{
	phase = next;
	phase_us = now_us();
	n_placed = 0;
}

/* Place what is due; true when all n are placed. */
static bool place(unsigned int n, double rate, bool stays_open)
{
	double due = (now_us() - phase_us) * rate / 1e6 + 1;

	if (conn.fd < 0) { /* between two connections: do not place all that was missed at once */
		phase_us = now_us() - (uint64_t)(n_placed * 1e6 / rate);
		return false;
	}
	while (n_placed < n && n_placed < due) {
		n_placed++;
		call_place(stays_open);
	}
	return n_placed == n;
}

static void after_load(void)
{
	if (totals.mt_calls < opts.mt)
		enter(PH_SERVE);
	else
		enter(PH_DRAIN);
}

static void pace(void)
{
	unsigned int n_open = opts.open;

	switch (phase) {
	case PH_WAIT:
		if (conn.fd >= 0 && now_us() - phase_us >= opts.start_ms * 1000u)
			enter(PH_OPEN);
		else if (conn.fd < 0)
			phase_us = now_us();
		break;
	case PH_OPEN:
		if (place(n_open, opts.open_rate, true) && totals.active == calls_alive()) {
			if (n_open)
				report_mark("open");
			enter(PH_SETTLE);
		}
		break;
	case PH_SETTLE:
		if (n_open && now_us() - phase_us < opts.settle_ms * 1000u)
			break;
		report_mark("load_begin");
		enter(opts.mo ? PH_LOAD : PH_SERVE);
		break;
	case PH_LOAD:
		if (place(opts.mo, opts.rate, false)) {
			report_mark("load_placed");
			after_load();
		}
		break;
	case PH_SERVE:
		if (opts.mt && totals.mt_calls >= opts.mt)
			enter(PH_DRAIN);
		break;
	case PH_DRAIN:
		if (calls_alive() > n_open)
			break;
		report_mark("load_end");
		calls_hangup_open();
		enter(PH_END);
		break;
	case PH_END:
		if (!calls_alive() && now_us() - phase_us >= opts.linger_ms * 1000u)
			stop = 1;
		break;
	}
}

static int pace_wait_ms(void)
{
	int ms = ptimers_next_ms();

	if (phase == PH_OPEN || phase == PH_LOAD || phase == PH_SETTLE || phase == PH_END)
		return ms < 1 ? ms : 1;
	return ms < 5 ? ms : 5;
}

static void on_timeout(void *arg)
{
	tell("time is over");
	stop = 2;
}

static void run(void)
{
	struct epoll_event ev[256];
	struct ptimer t_end = {};

	if (opts.timeout_ms >= 0)
		ptimer_start(&t_end, opts.timeout_ms, on_timeout, NULL);
	enter(PH_WAIT);
	while (!stop) {
		int n = epoll_wait(ep, ev, 256, pace_wait_ms());

		now_update();
		for (int i = 0; i < n; i++) {
			struct watch *w = ev[i].data.ptr;

			if (w->fd >= 0)
				w->cb(w->arg, ev[i].events);
		}
		ptimers_run();
		pace();
		calls_reap();
		if (mark_wanted) {
			mark_wanted = 0;
			report_mark("signal");
		}
	}
}

/* ---- the program ---- */

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		mark_wanted = 1;
	else
		stop = 1;
}

static void raise_fd_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

int main(int argc, char **argv)
{
	bool good;
	int rc;

	if (opts_parse(argc, argv) < 0) {
		fprintf(stderr, "msc-player --socket PATH [...]; see --help\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	now_update();
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGUSR1, on_signal);
	raise_fd_limit();
	ep = epoll_create1(EPOLL_CLOEXEC);
	rc = start_listening();
	if (rc < 0 || report_open() < 0) {
		fprintf(stderr, "msc-player: %s: %s\n", rc < 0 ? opts.socket : opts.report,
			strerror(rc < 0 ? -rc : errno));
		return 2;
	}
	tell("MNCC socket: listening at %s", opts.socket);
	run();
	conn_close("the end");
	calls_reap();
	close(listener.fd);
	unlink(opts.socket);
	report_end();
	good = expect_check();
	if (stop == 2 && (phase < PH_SERVE || phase == PH_DRAIN)) {
		printf("NOT AS EXPECTED: calls were still to be placed or to end\n");
		good = false;
	}
	return good ? 0 : 1;
}
