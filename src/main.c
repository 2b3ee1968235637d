/* The program: arguments, signals, the main loop, and who looks on; nothing else.
 *
 * Signals come through the main loop like everything else (signalfd), so that nothing runs in a signal handler. The
 * program ends by leaving the loop and freeing everything; what talloc then still knows of is printed and has to be
 * nothing. Exit codes: 0 ended as told, 1 could not start (one line says why), 2 wrong arguments. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <osmocom/core/application.h>
#include <osmocom/core/fsm.h>
#include <osmocom/core/msgb.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/select.h>
#include <osmocom/core/signal.h>
#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>
#include <osmocom/vty/command.h>
#include <osmocom/vty/cpu_sched_vty.h>
#include <osmocom/vty/telnet_interface.h>
#include <osmocom/vty/vty.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/turn.h>
#include <osmocom/sipgw/health/health.h>
#include <osmocom/sipgw/sipgw.h>
#include <osmocom/sipgw/vty/sipgw_vty.h>

#define EXIT_CANNOT_START 1
#define EXIT_USAGE	  2

static struct {
	const char *config_file;
	bool daemonize;
} options = {
	.config_file = "osmo-sipgw.cfg",
};

static void *tall_sipgw_ctx; /* ours, messages included */
static void *tall_lib_ctx;   /* what libosmocore keeps for good */
static struct sipgw *the_gw;

static void print_help(void)
{
	printf("Usage: osmo-sipgw [options]\n"
	       "Bridges calls between osmo-msc and SIP.\n\n"
	       "  -h --help                 This text.\n"
	       "  -c --config-file FILE     The configuration to read (default: osmo-sipgw.cfg).\n"
	       "  -d --debug CAT:CAT,...    Log these categories at debug level, e.g. DCALL:DSIP (DSIP,1:DMNCC,3 sets levels).\n"
	       "  -D --daemonize            Go to the background.\n"
	       "  -e --log-level NUMBER     Log level for all categories: 1 debug, 3 info, 5 notice, 7 error, 8 fatal.\n"
	       "  -s --disable-color        No colors in the log on stderr.\n"
	       "  -T --timestamp            Begin each log line on stderr with the time.\n"
	       "  -V --version              Version and licence.\n"
	       "     --check-config FILE    Read and check a configuration; open nothing. Exit code 0: good, 1: not.\n"
	       "\nReference of the VTY commands:\n"
	       "     --vty-ref-mode MODE    What it contains: default, expert, hidden. Before --vty-ref-xml.\n"
	       "     --vty-ref-xml          Print it as XML.\n"
	       "\nSignals: TERM, INT end all calls, then the program (twice: at once); HUP reopens log files\n"
	       "and reads certificates again;\n"
	       "USR1, USR2 print memory in use to stderr.\n");
}

enum long_only {
	OPT_VTY_REF_MODE = 1,
	OPT_VTY_REF_XML,
	OPT_CHECK_CONFIG,
};

/* Options that have no letter. */
static void handle_long_only(enum long_only option)
{
	static int mode = VTY_REF_GEN_MODE_DEFAULT;

	switch (option) {
	case OPT_VTY_REF_MODE:
		mode = get_string_value(vty_ref_gen_mode_names, optarg);
		if (mode >= 0)
			return;
		fprintf(stderr, "osmo-sipgw: unknown VTY reference mode '%s': expected default, expert or hidden\n",
			optarg);
		exit(EXIT_USAGE);
	case OPT_CHECK_CONFIG:
		exit(sipgw_vty_check_config(the_gw, optarg) ? 0 : EXIT_CANNOT_START);
	case OPT_VTY_REF_XML:
		vty_dump_xml_ref_mode(stdout, mode);
		exit(0);
	}
}

static void set_log_level(const char *arg)
{
	char *end;
	long level = strtol(arg, &end, 10);

	if (*end || end == arg || level < LOGL_DEBUG || level > LOGL_FATAL) {
		fprintf(stderr, "osmo-sipgw: wrong log level '%s': expected a number, 1 (debug) to 8 (fatal)\n", arg);
		exit(EXIT_USAGE);
	}
	log_set_log_level(osmo_stderr_target, level);
}

static void handle_option(int c)
{
	switch (c) {
	case 'h':
		print_help();
		exit(0);
	case 'c':
		options.config_file = optarg;
		break;
	case 'd':
		log_parse_category_mask(osmo_stderr_target, optarg);
		break;
	case 'D':
		options.daemonize = true;
		break;
	case 'e':
		set_log_level(optarg);
		break;
	case 's':
		log_set_use_color(osmo_stderr_target, 0);
		break;
	case 'T':
		log_set_print_timestamp(osmo_stderr_target, 1);
		break;
	case 'V':
		print_version(1);
		exit(0);
	default:
		/* getopt has said what it did not like */
		exit(EXIT_USAGE);
	}
}

static void handle_options(int argc, char **argv)
{
	static int long_only;
	static const struct option long_options[] = { { "help", no_argument, NULL, 'h' },
						      { "config-file", required_argument, NULL, 'c' },
						      { "debug", required_argument, NULL, 'd' },
						      { "daemonize", no_argument, NULL, 'D' },
						      { "log-level", required_argument, NULL, 'e' },
						      { "disable-color", no_argument, NULL, 's' },
						      { "timestamp", no_argument, NULL, 'T' },
						      { "version", no_argument, NULL, 'V' },
						      { "vty-ref-mode", required_argument, &long_only,
							OPT_VTY_REF_MODE },
						      { "vty-ref-xml", no_argument, &long_only, OPT_VTY_REF_XML },
						      { "check-config", required_argument, &long_only,
							OPT_CHECK_CONFIG },
						      {} };
	int c;

	while ((c = getopt_long(argc, argv, "hc:d:De:sTV", long_options, NULL)) != -1) {
		if (c)
			handle_option(c);
		else
			handle_long_only(long_only);
	}
	if (optind < argc) {
		fprintf(stderr, "osmo-sipgw: unexpected argument '%s'; see osmo-sipgw --help\n", argv[optind]);
		exit(EXIT_USAGE);
	}
}

static void report_memory(void)
{
	talloc_report(tall_vty_ctx, stderr);
	talloc_report(tall_lib_ctx, stderr);
	talloc_report_full(tall_sipgw_ctx, stderr);
}

static void on_signal(struct osmo_signalfd *osfd, const struct signalfd_siginfo *info)
{
	switch (info->ssi_signo) {
	case SIGTERM:
	case SIGINT:
		LOGP(DMAIN, LOGL_NOTICE, "Told to stop (%s)\n", strsignal(info->ssi_signo));
		sipgw_stop(the_gw);
		break;
	case SIGHUP:
		log_targets_reopen();
		sipgw_reopen(the_gw);
		LOGP(DMAIN, LOGL_NOTICE, "Log files opened anew\n");
		sipgw_reload(the_gw);
		break;
	case SIGUSR1:
		report_memory();
		break;
	case SIGUSR2:
		talloc_report_full(tall_vty_ctx, stderr);
		talloc_report_full(tall_lib_ctx, stderr);
		break;
	}
}

/* We are about to crash: leave a trace of what was in memory, then do crash. */
static void on_abort(int signum)
{
	report_memory();
	signal(SIGABRT, SIG_DFL);
	raise(SIGABRT);
}

static void setup_signals(void)
{
	static const int through_the_loop[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };
	sigset_t set;
	unsigned int i;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(through_the_loop); i++)
		sigaddset(&set, through_the_loop[i]);
	OSMO_ASSERT(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	OSMO_ASSERT(osmo_signalfd_setup(tall_lib_ctx, set, on_signal, NULL));
	osmo_init_ignore_signals();
	signal(SIGABRT, on_abort);
}

static void setup_libraries(void)
{
	sipgw_ctrl_init();
	talloc_enable_null_tracking();
	tall_sipgw_ctx = talloc_named_const(NULL, 0, "osmo-sipgw");
	tall_lib_ctx = talloc_named_const(NULL, 0, "libosmocore");
	msgb_talloc_ctx_init(tall_sipgw_ctx, 0);
	osmo_signal_talloc_ctx_init(tall_lib_ctx);
	osmo_init_logging2(tall_lib_ctx, &sipgw_log_info);
	log_set_print_category_hex(osmo_stderr_target, 0);
	log_set_print_category(osmo_stderr_target, 1);
	log_set_print_level(osmo_stderr_target, 1);
	log_set_print_filename2(osmo_stderr_target, LOG_FILENAME_NONE);
	osmo_fsm_log_addr(false);
	osmo_fsm_set_dealloc_ctx(OTC_SELECT);
	osmo_stats_init(tall_lib_ctx);
	rate_ctr_init(tall_lib_ctx);
	sipgw_vty_info.tall_ctx = tall_sipgw_ctx; /* for "show talloc-context application" */
	vty_init(&sipgw_vty_info);
}

static void __attribute__((noreturn)) cannot_start(const char *why)
{
	fprintf(stderr, "osmo-sipgw: %s\n", why);
	exit(EXIT_CANNOT_START);
}

static void start(void)
{
	const char *why = NULL;
	char line[512];
	char path[PATH_MAX];

	/* "write file" has to find it again after we went to the background */
	if (!realpath(options.config_file, path))
		osmo_strlcpy(path, options.config_file, sizeof(path));
	if (sipgw_vty_read_config(the_gw, path, line, sizeof(line)) < 0)
		cannot_start(line);
	if (osmo_cpu_sched_vty_apply_localthread() < 0)
		cannot_start("the cpu-sched part of the configuration cannot be applied");
	/* what may fail before anything is logged: libosmocore tells of its telnet port */
	if (sipgw_listen(the_gw, &why) < 0)
		cannot_start(why);
	if (sipgw_vty_listen(the_gw, tall_lib_ctx, line, sizeof(line)) < 0)
		cannot_start(line);
	sipgw_start(the_gw);
	health_start(the_gw->health);
	sipgw_ctrl_listen(the_gw);
}

static void go_to_background(void)
{
	if (osmo_daemonize() < 0)
		cannot_start("cannot go to the background");
	umask(022); /* osmo_daemonize() leaves none */
}

/* Free all there is, ours first; then nothing may be left. */
static void end(void)
{
	struct osmo_stats_reporter *statsd = osmo_stats_reporter_find(OSMO_STATS_REPORTER_STATSD, NULL);

	sipgw_ctrl_close();
	if (statsd) /* it has a message of ours */
		osmo_stats_reporter_free(statsd);
	sipgw_free(the_gw);
	the_gw = NULL;
	talloc_free_children(OTC_SELECT);
	if (talloc_total_size(tall_sipgw_ctx))
		talloc_report_full(tall_sipgw_ctx, stderr);
	talloc_free(tall_sipgw_ctx);
	telnet_exit();
	log_fini();
	talloc_free(tall_vty_ctx);
	talloc_free(tall_lib_ctx);
	talloc_free(OTC_GLOBAL);
	talloc_report_full(NULL, stderr);
	talloc_disable_null_tracking();
}

int main(int argc, char **argv)
{
	setup_libraries();
	the_gw = sipgw_alloc(tall_sipgw_ctx);
	the_gw->health = health_alloc(the_gw);
	sipgw_vty_init(the_gw, tall_lib_ctx);
	handle_options(argc, argv);
	setup_signals();
	start();
	if (options.daemonize)
		go_to_background();
	while (!the_gw->quit)
		osmo_select_main_ctx(turn_end());
	end();
	return 0;
}
