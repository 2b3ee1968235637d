/* What the MSC player tells: a story for people, JSON lines for programs, expectations for tests. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "msc_player.h"
#include "msc_wire.h"

struct totals totals;

static FILE *report;
static uint32_t *latencies; /* us from the set-up to the answer */
static size_t n_latencies, max_latencies;

/* ---- the story ---- */

static double seconds(void)
{
	static uint64_t first;

	if (!first)
		first = now_us();
	return (now_us() - first) / 1e6;
}

void tell(const char *fmt, ...)
{
	va_list ap;

	if (opts.quiet)
		return;
	printf("%8.3f ", seconds());
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static void story_rtp(const uint8_t *msg)
{
	struct sockaddr_storage addr;
	char ip[INET6_ADDRSTRLEN];

	if (!msc_get_rtp(msg, &addr))
		return;
	if (addr.ss_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&addr;
		printf(" addr=%s:%u", inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip)), ntohs(in->sin_port));
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
		printf(" addr=[%s]:%u", inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip)), ntohs(in6->sin6_port));
	}
	printf(" payload_type=%u", msc_get(msg, MSC_O_RTP_PT));
}

static const struct {
	const char *name;
	enum msc_field field;
	enum msc_offset off;
} numbers[] = {
	{ "called", MSC_F_CALLED, MSC_O_CALLED },
	{ "calling", MSC_F_CALLING, MSC_O_CALLING },
	{ "redirecting", MSC_F_REDIRECTING, MSC_O_REDIRECTING },
	{ "connected", MSC_F_CONNECTED, MSC_O_CONNECTED },
};

static void story_number(const uint8_t *number, const char *name)
{
	printf(" %s='%.32s'", name, number + MSC_O_NUM_DIGITS);
	if (msc_get(number, MSC_O_NUM_PRESENT) == 1)
		printf("(withheld)");
}

static void story_signal(const uint8_t *msg)
{
	uint32_t fields = msc_get(msg, MSC_O_FIELDS);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (fields & numbers[i].field)
			story_number(msg + numbers[i].off, numbers[i].name);
	}
	if (fields & MSC_F_CAUSE)
		printf(" cause=%u(location %u)", msc_get(msg, MSC_O_CAUSE + MSC_O_CAUSE_VALUE),
		       msc_get(msg, MSC_O_CAUSE));
	if (fields & MSC_F_PROGRESS)
		printf(" progress=%u", msc_get(msg, MSC_O_PROGRESS + 8));
	if (fields & MSC_F_KEYPAD)
		printf(" keypad='%c'", msc_get(msg, MSC_O_KEYPAD) & 0x7f);
}

void story(const struct call *call, const char *dir, const uint8_t *msg, const char *note)
{
	uint32_t type;

	if (!opts.story)
		return;
	type = msc_get(msg, MSC_O_TYPE);
	printf("%8.3f MSC %s gw MNCC_%s callref=0x%x", seconds(), dir, msc_type_name(type),
	       msc_get(msg, MSC_O_CALLREF));
	if (type == MSC_RTP_CREATE || type == MSC_RTP_CONNECT)
		story_rtp(msg);
	else
		story_signal(msg);
	printf("%s%s\n", note ? " -- " : "", note ? note : "");
}

/* ---- figures ---- */

static void add_latency(uint32_t us)
{
	if (n_latencies == max_latencies) {
		max_latencies = max_latencies ? 2 * max_latencies : 4096;
		latencies = realloc(latencies, max_latencies * sizeof(*latencies));
		if (!latencies)
			abort();
	}
	latencies[n_latencies++] = us;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double percentile(double p)
{
	if (!n_latencies)
		return 0;
	return latencies[(size_t)(p * (n_latencies - 1))] / 1000.0;
}

static const struct {
	const char *name;
	const uint64_t *val;
} figures[] = {
	{ "mo_placed", &totals.mo_placed },
	{ "mo_answered", &totals.mo_answered },
	{ "mt_calls", &totals.mt_calls },
	{ "mt_answered", &totals.mt_answered },
	{ "answered", &totals.answered },
	{ "failed", &totals.failed },
	{ "cancelled", &totals.cancelled },
	{ "lost", &totals.lost },
	{ "active", &totals.active },
	{ "rx_msgs", &totals.rx_msgs },
	{ "tx_msgs", &totals.tx_msgs },
	{ "unexpected", &totals.unexpected },
	{ "disliked", &totals.disliked },
	{ "unknown_callref", &totals.unknown_callref },
	{ "keepalives", &totals.keepalives },
	{ "guard_killed", &totals.guard_killed },
	{ "connects", &totals.connects },
	{ "second_clients", &totals.second_clients },
	{ "rx_sdp", &totals.rx_sdp },
	{ "dtmf_sent", &totals.dtmf_sent },
	{ "dtmf_ok", &totals.dtmf_ok },
	{ "dtmf_rej", &totals.dtmf_rej },
	{ "hold_ok", &totals.hold_ok },
	{ "hold_rej", &totals.hold_rej },
	{ "retrieve_ok", &totals.retrieve_ok },
	{ "retrieve_rej", &totals.retrieve_rej },
	{ "notify", &totals.notify },
	{ "progress", &totals.progress },
	{ "rtp_tx", &totals.rtp_tx },
	{ "rtp_rx", &totals.rtp_rx },
	{ "rtp_rx_early", &totals.rtp_rx_early },
	{ "rtp_intact", &totals.rtp_intact },
	{ "rtp_echo", &totals.rtp_echo },
	{ "rtp_bad", &totals.rtp_bad },
	{ "rtp_events", &totals.rtp_events },
	{ "rtp_lost", &totals.rtp_lost },
};

#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

static void add_media(const struct media_count *m)
{
	totals.rtp_tx += m->tx;
	totals.rtp_rx += m->rx;
	totals.rtp_rx_early += m->rx_early;
	totals.rtp_intact += m->rx_intact;
	totals.rtp_echo += m->rx_echo;
	totals.rtp_bad += m->rx_bad;
	totals.rtp_events += m->rx_events;
	totals.rtp_lost += m->rx_lost;
}

/* Which of the totals a call adds to: answered calls that were cut off with the socket count as lost as well. */
static const char *result_of(const struct call *call)
{
	if (strcmp(call->ended_by, "lost") == 0)
		return "lost";
	if (call->answered)
		return "answered";
	/* the caller gave up: a phone in MO, the SIP side in MT */
	if (strcmp(call->ended_by, call->mt ? "gw" : "phone") == 0)
		return "cancelled";
	return "failed";
}

void report_call(const struct call *call)
{
	const char *result = result_of(call);
	uint32_t setup_us = call->answered ? call->answer_us - call->start_us : 0;

	if (call->answered) {
		totals.answered++;
		*(call->mt ? &totals.mt_answered : &totals.mo_answered) += 1;
		add_latency(setup_us);
	}
	if (*result == 'f')
		totals.failed++;
	else if (*result == 'c')
		totals.cancelled++;
	else if (*result == 'l')
		totals.lost++;
	totals.cause[call->cause & 0x7f]++;
	add_media(&call->m);
	if (!report)
		return;
	fprintf(report,
		"{\"call\":\"0x%x\",\"dir\":\"%s\",\"number\":\"%s\",\"result\":\"%s\",\"ended_by\":\"%s\","
		"\"cause\":%u,\"location\":%u,"
		"\"setup_ms\":%.3f,\"rtp_tx\":%u,\"rtp_rx\":%u,\"rtp_rx_early\":%u,"
		"\"rtp_intact\":%u,\"rtp_echo\":%u,\"rtp_bad\":%u,"
		"\"rtp_lost\":%u}\n",
		call->callref, call->mt ? "mt" : "mo", call->mt ? call->rule.number : opts.called, result,
		call->ended_by, call->cause, call->location, setup_us / 1000.0, call->m.tx, call->m.rx,
		call->m.rx_early, call->m.rx_intact, call->m.rx_echo, call->m.rx_bad, call->m.rx_lost);
}

/* ---- the process under load ---- */

static uint64_t watch_cpu_us(void)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", opts.watch_pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	fclose(f);
	return ns / 1000;
}

static unsigned long watch_rss_kb(void)
{
	unsigned long kb = 0;
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/status", opts.watch_pid);
	f = fopen(line, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmRSS: %lu", &kb) == 1)
			break;
	}
	fclose(f);
	return kb;
}

void report_mark(const char *name)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "{\"mark\":\"%s\",\"t_us\":%llu,\"cpu_us\":%llu,\"rss_kb\":%lu,"
		 "\"mo_placed\":%llu,\"active\":%llu,\"alive\":%u,"
		 "\"answered\":%llu,\"failed\":%llu}\n",
		 name, (unsigned long long)now_us(), opts.watch_pid ? (unsigned long long)watch_cpu_us() : 0,
		 opts.watch_pid ? watch_rss_kb() : 0, (unsigned long long)totals.mo_placed,
		 (unsigned long long)totals.active, calls_alive(), (unsigned long long)totals.answered,
		 (unsigned long long)totals.failed);
	if (report) {
		fputs(line, report);
		fflush(report);
	}
	if (!opts.quiet && !opts.story) { /* a story is for people */
		fputs(line, stdout);
		fflush(stdout);
	}
}

int report_open(void)
{
	if (!opts.report)
		return 0;
	report = fopen(opts.report, "w");
	return report ? 0 : -1;
}

static void print_totals(FILE *f)
{
	fprintf(f, "{\"total\":true");
	for (size_t i = 0; i < N_FIGURES; i++)
		fprintf(f, ",\"%s\":%llu", figures[i].name, (unsigned long long)*figures[i].val);
	fprintf(f, ",\"setup_ms\":{\"min\":%.3f,\"median\":%.3f,\"p99\":%.3f,\"max\":%.3f},\"causes\":{", percentile(0),
		percentile(0.5), percentile(0.99), percentile(1));
	for (unsigned int i = 0, n = 0; i < 128; i++) {
		if (totals.cause[i])
			fprintf(f, "%s\"%u\":%llu", n++ ? "," : "", i, (unsigned long long)totals.cause[i]);
	}
	fprintf(f, "}}\n");
}

void report_end(void)
{
	if (n_latencies)
		qsort(latencies, n_latencies, sizeof(*latencies), by_value);
	print_totals(stdout);
	fflush(stdout);
	if (report) {
		print_totals(report);
		fclose(report);
		report = NULL;
	}
	free(latencies);
	latencies = NULL;
}

/* ---- expectations: answered=10, rtp_rx>=100, failed<=0, cause.17=1 ---- */

static struct expect {
	const uint64_t *val;
	char op;
	unsigned long long want;
	const char *expr;
} expects[64];
static unsigned int n_expects;

static const uint64_t *figure(const char *name, size_t len)
{
	for (size_t i = 0; i < N_FIGURES; i++) {
		if (strlen(figures[i].name) == len && strncmp(figures[i].name, name, len) == 0)
			return figures[i].val;
	}
	if (len > 6 && strncmp(name, "cause.", 6) == 0)
		return &totals.cause[atoi(name + 6) & 0x7f];
	return NULL;
}

int expect_add(const char *expr)
{
	size_t len = strcspn(expr, "=<>");
	struct expect *e = &expects[n_expects];
	const char *p = expr + len;

	if (n_expects == sizeof(expects) / sizeof(expects[0]) || !*p)
		return -1;
	*e = (struct expect){ .val = figure(expr, len), .op = *p, .expr = expr };
	p += p[1] == '=' ? 2 : 1;
	if (!e->val || !isdigit((unsigned char)*p))
		return -1;
	e->want = strtoull(p, NULL, 10);
	n_expects++;
	return 0;
}

bool expect_check(void)
{
	bool good = true;

	for (unsigned int i = 0; i < n_expects; i++) {
		struct expect *e = &expects[i];

		if (e->op == '=' ? *e->val == e->want : e->op == '>' ? *e->val >= e->want : *e->val <= e->want)
			continue;
		printf("NOT AS EXPECTED: %s, but it is %llu\n", e->expr, (unsigned long long)*e->val);
		good = false;
	}
	return good;
}
