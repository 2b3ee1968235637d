/* msc-player: options, the socket, the loop, and the pace at which phones call. See msc_player.h, and --help. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* accept4() */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "msc_player.h"
#include "msc_wire.h"

struct opts opts = {
	.rtp_ip = "127.0.0.1",
	.called = "5552222",
	.calling = "1001",
	.imsi = "001010000000001",
	.rtp_port = 17000,
	.codec = codecs,
	.rate = 1,
	.hold_ms = -1,
	.hangup_ms = -1,
	.abandon_ms = -1,
	.close_ms = -1,
	.restart_ms = -1,
	.slow_at_ms = -1,
	.timeout_ms = -1,
	.linger_ms = 0,
};

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

static int64_t start_ms, settle_ms;
static double open_rate;
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
		if (conn.fd >= 0 && now_us() - phase_us >= start_ms * 1000u)
			enter(PH_OPEN);
		else if (conn.fd < 0)
			phase_us = now_us();
		break;
	case PH_OPEN:
		if (place(n_open, open_rate, true) && totals.active == calls_alive()) {
			if (n_open)
				report_mark("open");
			enter(PH_SETTLE);
		}
		break;
	case PH_SETTLE:
		if (n_open && now_us() - phase_us < settle_ms * 1000u)
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

/* ---- options ---- */

static const struct {
	const char *name;
	enum mt_behaviour val;
} behaviours[] = {
	{ "answer", MT_ANSWER },
	{ "answer-first", MT_ANSWER_FIRST },
	{ "busy", MT_BUSY },
	{ "reject", MT_REJECT },
	{ "decline", MT_DECLINE },
	{ "noanswer", MT_NOANSWER },
	{ "ring-forever", MT_RING_FOREVER },
	{ "unknown", MT_UNKNOWN },
	{ "absent", MT_ABSENT },
	{ "silent", MT_SILENT },
	{ "confirm-only", MT_CONFIRM_ONLY },
};

/* [NUMBER=]BEHAVIOUR[:CAUSE] */
static int parse_rule(const char *arg)
{
	struct mt_rule *rule = &opts.rules[opts.n_rules];
	const char *eq = strchr(arg, '='), *word = eq ? eq + 1 : arg, *colon = strchr(word, ':');
	size_t len = colon ? (size_t)(colon - word) : strlen(word);

	if (opts.n_rules == sizeof(opts.rules) / sizeof(opts.rules[0]))
		return -1;
	*rule = (struct mt_rule){ .cause = colon ? atoi(colon + 1) & 0x7f : 0 };
	if (eq)
		memcpy(rule->number, arg, (size_t)(eq - arg) < 32 ? (size_t)(eq - arg) : 32);
	for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++) {
		if (strlen(behaviours[i].name) != len || strncmp(behaviours[i].name, word, len) != 0)
			continue;
		rule->behaviour = behaviours[i].val;
		if (rule->behaviour == MT_DECLINE && !rule->cause)
			rule->cause = 21;
		opts.n_rules++;
		return 0;
	}
	return -1;
}

static int parse_codec(const char *arg)
{
	for (const struct codec *c = codecs; c->name; c++) {
		if (strcmp(c->name, arg) == 0) {
			opts.codec = c;
			return 0;
		}
	}
	return -1;
}

/* As on a real radio network, see the captures of an MO and an MT call with osmo-msc 1.9. */
static void realistic(void)
{
	opts.page_ms = 1449;
	opts.assign_ms = 470;
	opts.ring_ms = 500;
	opts.ack_ms = 131;
	opts.rel_ms = 73;
}

enum opt_kind { K_STR, K_UINT, K_INT, K_SEC, K_MS, K_FLAG, K_RATE, K_PORT, K_FUNC };

static void opt_realistic(void)
{
	realistic();
}

static const struct opt {
	const char *name;
	enum opt_kind kind;
	void *to;
	const char *help;
	int (*parse)(const char *arg);
	void (*set)(void);
} options[] = {
	{ "socket", K_STR, &opts.socket, "PATH of the MNCC socket (needed)" },
	{ "rtp", K_FLAG, &opts.rtp, "send and receive real RTP" },
	{ "rtp-ip", K_STR, &opts.rtp_ip, "IP given to the gateway (127.0.0.1)" },
	{ "rtp-port", K_PORT, &opts.rtp_port, "first PORT, every second one is used (17000)" },
	{ "codec", K_FUNC, NULL, "fr|efr|hr|amr (fr)", parse_codec },
	{ "mo", K_UINT, &opts.mo, "place N calls" },
	{ "rate", K_RATE, &opts.rate, "of them per second (1)" },
	{ "hold", K_SEC, &opts.hold_ms, "the caller hangs up S seconds after the answer (never)" },
	{ "abandon-after", K_SEC, &opts.abandon_ms,
	  "the caller hangs up S seconds after the set-up if there is no answer" },
	{ "open", K_UINT, &opts.open, "before that, place N calls that stay open until all others have ended" },
	{ "open-rate", K_RATE, &open_rate, "of them per second (as --rate)" },
	{ "settle", K_SEC, &settle_ms, "S seconds between the two (0)" },
	{ "start-after", K_SEC, &start_ms, "S seconds after the gateway has connected (0)" },
	{ "called", K_STR, &opts.called, "NUMBER dialled (5552222; empty: none)" },
	{ "called-type", K_UINT, &opts.called_type, "type of number, 1 is international (0)" },
	{ "calling", K_STR, &opts.calling, "NUMBER of the caller (1001)" },
	{ "imsi", K_STR, &opts.imsi, "of the phone (001010000000001)" },
	{ "clir", K_FLAG, &opts.clir, "the caller does not want the number shown" },
	{ "emergency", K_FLAG, &opts.emergency, "emergency calls: no bearer capability" },
	{ "dtmf", K_STR, &opts.dtmf, "DIGITS pressed when the call is active" },
	{ "hold-retrieve", K_FLAG, &opts.hold_retrieve, "then put the call on hold and retrieve it" },
	{ "mt", K_UINT, &opts.mt, "end after N calls to phones" },
	{ "mt-behaviour", K_FUNC, NULL,
	  "[NUMBER=]answer|answer-first|busy|reject|decline|noanswer|ring-forever|unknown|absent|silent|confirm-only[:CAUSE]",
	  parse_rule },
	{ "hangup-after", K_SEC, &opts.hangup_ms, "the phone called hangs up S seconds after its answer (never)" },
	{ "realistic", K_FUNC, NULL, "the delays of a real radio network", NULL, opt_realistic },
	{ "page-ms", K_MS, &opts.page_ms, "paging (0)" },
	{ "assign-ms", K_MS, &opts.assign_ms, "radio assignment (0)" },
	{ "ring-ms", K_MS, &opts.ring_ms, "the phone rings before it answers, declines ... (0)" },
	{ "ack-ms", K_MS, &opts.ack_ms, "the phone confirms the connect (0)" },
	{ "rel-ms", K_MS, &opts.rel_ms, "the phone confirms the release (0)" },
	{ "guard-timeout", K_SEC, &opts.guard_ms, "osmo-msc's guard timer (none)" },
	{ "new-msc", K_FLAG, &opts.new_msc, "osmo-msc 1.12: messages of 1896 octets, SDP in them, GCR allowed" },
	{ "close-after", K_SEC, &opts.close_ms, "close the connection S seconds after the first one" },
	{ "restart", K_SEC, &opts.restart_ms, "then remove the socket, and listen again S seconds later" },
	{ "slow-reader-at", K_SEC, &opts.slow_at_ms, "stop reading S seconds after the connection ..." },
	{ "slow-reader-for", K_SEC, &opts.slow_for_ms, "... for S seconds" },
	{ "timeout", K_SEC, &opts.timeout_ms, "end after S seconds whatever happens (never)" },
	{ "linger", K_SEC, &opts.linger_ms, "stay S seconds longer after the last call (0)" },
	{ "story", K_FLAG, &opts.story, "a line per message" },
	{ "quiet", K_FLAG, &opts.quiet, "nothing but the totals" },
	{ "report", K_STR, &opts.report, "FILE of JSON lines: calls, marks, totals" },
	{ "watch-pid", K_INT, &opts.watch_pid, "PID of the daemon: its CPU time and memory in the marks" },
	{ "expect", K_FUNC, NULL, "FIGURE=N, FIGURE>=N, FIGURE<=N, of the totals or cause.N; else exit code 1",
	  expect_add },
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static bool has_arg(const struct opt *o)
{
	return o->kind != K_FLAG && !o->set;
}

static void help(void)
{
	printf("msc-player: plays osmo-msc's end of the MNCC socket, and its phones.\n");
	for (size_t i = 0; i < N_OPTIONS; i++)
		printf("  --%-16s %s\n", options[i].name, options[i].help);
	printf("It ends when all calls wanted by --mo and --mt have ended, at --timeout, or by SIGTERM. SIGUSR1 prints a mark.\n");
}

static int opt_apply(const struct opt *o, const char *arg)
{
	switch (o->kind) {
	case K_STR:
		*(const char **)o->to = arg;
		return 0;
	case K_UINT:
	case K_INT:
		*(unsigned int *)o->to = atoi(arg);
		return 0;
	case K_SEC:
		*(int64_t *)o->to = atof(arg) * 1000;
		return 0;
	case K_MS:
		*(int64_t *)o->to = atoi(arg);
		return 0;
	case K_PORT:
		*(uint16_t *)o->to = atoi(arg);
		return 0;
	case K_RATE:
		*(double *)o->to = atof(arg);
		return *(double *)o->to > 0 ? 0 : -1;
	case K_FLAG:
		*(bool *)o->to = true;
		return 0;
	case K_FUNC:
		break;
	}
	if (o->set) {
		o->set();
		return 0;
	}
	return o->parse(arg);
}

static int parse_options(int argc, char **argv)
{
	struct option longs[N_OPTIONS + 2] = {};
	int c, idx;

	for (size_t i = 0; i < N_OPTIONS; i++)
		longs[i] = (struct option){ options[i].name, has_arg(&options[i]) ? required_argument : no_argument,
					    NULL, 1 };
	longs[N_OPTIONS] = (struct option){ "help", no_argument, NULL, 'h' };
	while ((c = getopt_long(argc, argv, "h", longs, &idx)) != -1) {
		if (c == 'h') {
			help();
			exit(0);
		}
		if (c != 1)
			return -1;
		if (opt_apply(&options[idx], optarg) < 0) {
			fprintf(stderr, "--%s %s: not understood: %s\n", options[idx].name, optarg ? optarg : "",
				options[idx].help);
			return -1;
		}
	}
	if (open_rate <= 0)
		open_rate = opts.rate;
	return opts.socket && optind == argc ? 0 : -1;
}

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

	if (parse_options(argc, argv) < 0) {
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
