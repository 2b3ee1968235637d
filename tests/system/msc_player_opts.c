/* The options of the MSC player. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "msc_player.h"

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
	.handover_ms = -1,
	.close_ms = -1,
	.restart_ms = -1,
	.slow_at_ms = -1,
	.timeout_ms = -1,
	.linger_ms = 0,
};

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

static const struct codec *codec_by_name(const char *name)
{
	for (const struct codec *c = codecs; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static int parse_codec(const char *arg)
{
	opts.codec = codec_by_name(arg);
	return opts.codec ? 0 : -1;
}

static int parse_handover_codec(const char *arg)
{
	opts.handover_codec = codec_by_name(arg);
	return opts.handover_codec ? 0 : -1;
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
	{ "codec", K_FUNC, NULL, "fr|efr|hr|hr5993|amr; with --new-msc amr-wb|g722|clearmode (fr)", parse_codec },
	{ "events", K_FLAG, &opts.events, "with --new-msc: keys in the RTP (RFC 4733), payload type 101" },
	{ "in-band", K_FLAG, &opts.in_band,
	  "there is something to hear while a called phone rings: progress indicator 8" },
	{ "mo", K_UINT, &opts.mo, "place N calls" },
	{ "rate", K_RATE, &opts.rate, "of them per second (1)" },
	{ "hold", K_SEC, &opts.hold_ms, "the caller hangs up S seconds after the answer (never)" },
	{ "abandon-after", K_SEC, &opts.abandon_ms,
	  "the caller hangs up S seconds after the set-up if there is no answer" },
	{ "open", K_UINT, &opts.open, "before that, place N calls that stay open until all others have ended" },
	{ "open-rate", K_RATE, &opts.open_rate, "of them per second (as --rate)" },
	{ "settle", K_SEC, &opts.settle_ms, "S seconds between the two (0)" },
	{ "start-after", K_SEC, &opts.start_ms, "S seconds after the gateway has connected (0)" },
	{ "called", K_STR, &opts.called, "NUMBER dialled (5552222; empty: none)" },
	{ "called-type", K_UINT, &opts.called_type, "type of number, 1 is international (0)" },
	{ "calling", K_STR, &opts.calling, "NUMBER of the caller (1001)" },
	{ "redirecting", K_STR, &opts.redirecting,
	  "NUMBER of a phone that passed the call on to who is called (none)" },
	{ "connected", K_STR, &opts.connected, "NUMBER of the phone that answers (the one that was called)" },
	{ "colr", K_FLAG, &opts.colr, "who answers does not want the number shown" },
	{ "imsi", K_STR, &opts.imsi, "of the phone (001010000000001)" },
	{ "clir", K_FLAG, &opts.clir, "the caller does not want the number shown" },
	{ "emergency", K_FLAG, &opts.emergency, "emergency calls: no bearer capability" },
	{ "dtmf", K_STR, &opts.dtmf, "DIGITS pressed when the call is active, by who calls; without --mo by who is called" },
	{ "hold-retrieve", K_FLAG, &opts.hold_retrieve, "then put the call on hold and retrieve it" },
	{ "handover-after", K_SEC, &opts.handover_ms, "another port for the media S seconds after the answer (never)" },
	{ "handover-codec", K_FUNC, NULL, "and another codec: as --codec (the same)", parse_handover_codec },
	{ "one-phone", K_FLAG, &opts.one_phone,
	  "the phone that talks is called: it holds the first call, takes the second, goes back to the first" },
	{ "mt", K_UINT, &opts.mt, "end after N calls to phones" },
	{ "mt-behaviour", K_FUNC, NULL,
	  "[NUMBER=]answer|answer-first|busy|reject|decline|noanswer|ring-forever|unknown|absent|silent|confirm-only"
	  "[:CAUSE]",
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
	printf("It ends when all calls wanted by --mo and --mt have ended, at --timeout, or by SIGTERM.\n"
	       "SIGUSR1 prints a mark.\n");
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

int opts_parse(int argc, char **argv)
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
	if (opts.open_rate <= 0)
		opts.open_rate = opts.rate;
	return opts.socket && optind == argc ? 0 : -1;
}
