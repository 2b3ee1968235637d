/* Call detail records: one line per attempt, complete, in both formats; nothing is lost by rotation, a full disk or the
 * end. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <signal.h>
#include <unistd.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/call/call.h>
#include <osmocom/sipgw/obs/cdr.h>

#include "fake_leg.h"
#include "fake_time.h"
#include "story.h"

static void *ctx;
static struct fake_kind gsm, sip;
static struct calls *calls;
static struct cdr *cdr;
static char dir[] = "/tmp/cdr_test_XXXXXX";
static char path[64];

static bool monster; /* each string as long as it can be, and of letters that take the most room */

#define FILL(STR)                                                                                                      \
	do {                                                                                                           \
		memset(STR, '\xff', sizeof(STR) - 1);                                                                  \
		(STR)[sizeof(STR) - 1] = '\0';                                                                         \
	} while (0)

static void record_monster(struct leg_record *rec)
{
	FILL(rec->wire_id);
	FILL(rec->target);
	FILL(rec->codec);
	FILL(rec->far_codec);
	FILL(rec->endpoint);
	FILL(rec->remote);
}

static void record_gsm(const struct leg *leg, struct leg_record *rec)
{
	if (monster) {
		record_monster(rec);
		return;
	}
	OSMO_STRLCPY_ARRAY(rec->wire_id, "0x80000001");
	OSMO_STRLCPY_ARRAY(rec->codec, "AMR");
	OSMO_STRLCPY_ARRAY(rec->endpoint, "rtpbridge/1@mgw");
	rec->media_key = 0x4711;
}

static const char *sip_call_id = "a\"b\\c\xff@host";

static void record_sip(const struct leg *leg, struct leg_record *rec)
{
	if (monster) {
		record_monster(rec);
		return;
	}
	OSMO_STRLCPY_ARRAY(rec->wire_id, sip_call_id);
	OSMO_STRLCPY_ARRAY(rec->remote, "192.0.2.10:5060");
	rec->sip_status = 486;
}

static const char *target(const struct leg *leg)
{
	return leg->kind == &sip.kind ? "pbx" : "";
}

static struct call *call_made(void)
{
	struct call_parties parties = { .called.digits = "1", .calling.digits = "2" };
	struct call *call = call_begin(calls, fake_leg_alloc(&gsm, ctx), &parties);

	EXPECT(call);
	fake_leg_setup(call->legs[LEG_A], "1001", "5552222", "offer");
	pump();
	pass_ms(1500);
	return call;
}

static void busy(struct call *call)
{
	struct cause cause = CAUSE(CAUSE_USER_BUSY);

	if (monster)
		FILL(cause.text);
	leg_post_released(call->legs[LEG_B], &cause);
	pump();
}

static void counted(bool core, uint32_t n)
{
	wire_media_stats_hook(&(struct wire_media_stats){
		.key = 0x4711, .core = core, .packets_tx = n, .packets_rx = n + 1, .packets_lost = 2, .jitter_ms = 3 });
}

/* The file, with what is another in each run masked */
static unsigned int show(const char *name, bool print)
{
	char line[4096], *p;
	unsigned int n = 0;
	FILE *f = fopen(name, "r");

	while (f && fgets(line, sizeof(line), f)) {
		for (p = line; (p = strstr(p, "\"instance\":\"")); p += 12)
			memcpy(p + 12, "................", 16);
		if (print)
			printf("%s", line);
		n++;
	}
	if (f)
		fclose(f);
	return n;
}

static struct cdr_status status(void)
{
	struct cdr_status st;

	cdr_get_status(cdr, &st);
	return st;
}

static void json(void)
{
	struct call *call;

	btw("no record is wanted: none is made");
	busy(call_made());
	EXPECT(access(path, F_OK) != 0);

	btw("a busy call; the gateway tells what it counted afterwards");
	cdr_cfg(cdr)->sink = CDR_FILE;
	EXPECT(cdr_apply(cdr) == 0);
	busy(call_made());
	EXPECT(show(path, false) == 0);
	counted(true, 100);
	EXPECT(show(path, false) == 0);
	counted(false, 200);
	EXPECT(show(path, true) == 1);

	btw("an answered call; the gateway tells before and after");
	call = call_made();
	leg_post_type(call->legs[LEG_B], LEG_EV_ALERTING);
	pass_ms(2000);
	leg_post_media(call->legs[LEG_B], LEG_EV_ANSWERED, LEG_MEDIA_ANSWER, "answer");
	pump();
	leg_post_type(call->legs[LEG_A], LEG_EV_CONNECTED);
	pass_ms(60250);
	counted(true, 3000);
	fake_leg_released(call->legs[LEG_A], 16);
	pump();
	counted(false, 3001);
	EXPECT(show(path, true) == 2);

	btw("a gateway that tells nothing is waited for in vain, for three seconds");
	busy(call_made());
	pass_ms(2900);
	EXPECT(show(path, false) == 2);
	pass_ms(200);
	EXPECT(show(path, false) == 3);
}

static void turned_off(void)
{
	btw("no record is wanted any more while one waits for the gateway: it is not written");
	busy(call_made());
	cdr_cfg(cdr)->sink = CDR_OFF;
	EXPECT(cdr_apply(cdr) == 0);
	pass_ms(3100);
	EXPECT(status().ok && status().waiting == 0 && status().lost == 0);
	cdr_cfg(cdr)->sink = CDR_FILE;
	EXPECT(cdr_apply(cdr) == 0);
	EXPECT(show(path, false) == 3);
}

static void rotation(void)
{
	char moved[96];

	btw("the file is moved away and HUP comes: the next record is in a new one");
	snprintf(moved, sizeof(moved), "%s.moved", path);
	EXPECT(rename(path, moved) == 0);
	cdr_reopen(cdr);
	busy(call_made());
	pass_ms(3100);
	EXPECT(show(path, false) == 1);
	EXPECT(show(moved, false) == 3);
	unlink(moved);

	btw("by size: two old ones are kept");
	cdr_cfg(cdr)->max_mb = 1;
	cdr_cfg(cdr)->max_files = 2;
	for (int i = 0; i < 4; i++) {
		EXPECT(truncate(path, 1 << 20) == 0);
		cdr_reopen(cdr);
		busy(call_made());
		pass_ms(3100);
		EXPECT(show(path, false) == 1);
	}
	snprintf(moved, sizeof(moved), "%s.3", path);
	EXPECT(access(moved, F_OK) != 0);
	for (int i = 1; i <= 2; i++) {
		snprintf(moved, sizeof(moved), "%s.%d", path, i);
		EXPECT(unlink(moved) == 0);
	}
	cdr_cfg(cdr)->max_mb = 0;
}

static void csv(void)
{
	btw("CSV: the names first");
	unlink(path);
	cdr_cfg(cdr)->format = CDR_CSV;
	EXPECT(cdr_apply(cdr) == 0);
	busy(call_made());
	cdr_flush(cdr);
	EXPECT(show(path, false) == 2);
	FILE *f = fopen(path, "r");
	char line[4096];
	EXPECT(fgets(line, sizeof(line), f));
	printf("%s", line);
	fclose(f);
	cdr_cfg(cdr)->format = CDR_JSON;
}

/* The Call-ID as it is in the file */
static void show_call_id(const char *call_id)
{
	char line[4096] = "", *p;
	FILE *f;

	sip_call_id = call_id;
	unlink(path);
	EXPECT(cdr_apply(cdr) == 0);
	busy(call_made());
	cdr_flush(cdr);
	f = fopen(path, "r");
	while (fgets(line, sizeof(line), f))
		;
	fclose(f);
	p = strstr(line, "\"pbx\",");
	EXPECT(p);
	p += strlen("\"pbx\",");
	printf("%.*s\n", (int)(strstr(p, ",\"192") ? strcspn(p, ",") : 0), p);
}

static void spreadsheet(void)
{
	btw("what a spreadsheet would take for a formula is text");
	cdr_cfg(cdr)->format = CDR_CSV;
	show_call_id("=HYPERLINK(\"http://evil\")@host");
	show_call_id("@SUM(1)");
	show_call_id("+1+1");
	show_call_id("-abc@host");
	show_call_id("+49301234");
	show_call_id("a=1");
	sip_call_id = "a@host";
	cdr_cfg(cdr)->format = CDR_JSON;
}

static void full_disk(void)
{
	struct rlimit old, none;

	btw("nothing can be written any more: records wait, the status says so; then all are there");
	unlink(path);
	EXPECT(cdr_apply(cdr) == 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	none = old;
	none.rlim_cur = 500; /* less than a record: it is cut, and what was written of it is taken back */
	setrlimit(RLIMIT_FSIZE, &none);
	busy(call_made());
	busy(call_made());
	pass_ms(3100);
	EXPECT(!status().ok && status().waiting == 2 && status().why[0]);
	EXPECT(show(path, false) == 0);
	setrlimit(RLIMIT_FSIZE, &old);
	pass_ms(1100);
	EXPECT(status().ok && status().waiting == 0 && !status().why[0]);
	EXPECT(show(path, false) == 2);

	btw("the directory does not exist (yet)");
	osmo_talloc_replace_string(cdr, &cdr_cfg(cdr)->path, "/nonexistent/dir/cdr");
	EXPECT(cdr_apply(cdr) == -ENOENT);
	busy(call_made());
	pass_ms(3100);
	EXPECT(!status().ok && status().waiting == 1);
	osmo_talloc_replace_string(cdr, &cdr_cfg(cdr)->path, path);
	pass_ms(1100);
	EXPECT(status().ok && status().lost == 0);
	EXPECT(show(path, false) == 3);
}

/* What syslogd has got: how many, the last one's head and length. */
static unsigned int syslog_takes(int fd, bool print)
{
	static char msg[16384];
	unsigned int n = 0;
	ssize_t len;
	char *json;

	while ((len = recv(fd, msg, sizeof(msg) - 1, MSG_DONTWAIT)) >= 0) {
		msg[len] = '\0';
		json = strchr(msg, '{');
		EXPECT(json && msg[len - 1] == '}' && strncmp(msg, "<134>", 5) == 0);
		EXPECT(strstr(msg, "osmo-sipgw[") && strstr(msg, "]: {\"version\":1,"));
		if (print)
			printf("%zd bytes of JSON\n", strlen(json));
		n++;
	}
	return n;
}

static int syslogd(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	OSMO_STRLCPY_ARRAY(addr.sun_path, name);
	unlink(name);
	EXPECT(fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	return fd;
}

static void to_syslog(void)
{
	uint64_t written = status().written;
	unsigned int i, taken, waiting;
	char name[80];
	int fd;

	btw("syslog: nobody is there; records wait, the status says so");
	snprintf(name, sizeof(name), "%s/log", dir);
	cdr_cfg(cdr)->sink = CDR_SYSLOG;
	osmo_talloc_replace_string(cdr, &cdr_cfg(cdr)->syslog_path, name);
	EXPECT(cdr_apply(cdr) == -ENOENT);
	busy(call_made());
	pass_ms(3100);
	EXPECT(!status().ok && status().waiting == 1);
	printf("%s\n", status().why);

	btw("syslogd comes: it gets what waited, then each record at once");
	fd = syslogd(name);
	pass_ms(1100);
	EXPECT(status().ok && status().waiting == 0 && syslog_takes(fd, false) == 1);
	busy(call_made());
	pass_ms(3100);
	EXPECT(syslog_takes(fd, false) == 1);

	btw("syslogd is restarted: the next record goes to the new one");
	close(fd);
	fd = syslogd(name);
	busy(call_made());
	pass_ms(3100);
	EXPECT(status().ok && syslog_takes(fd, false) == 1);

	btw("it goes away: said so, nothing lost");
	close(fd);
	busy(call_made());
	pass_ms(3100);
	EXPECT(!status().ok && status().waiting == 1);
	printf("%s\n", status().why);
	fd = syslogd(name);
	pass_ms(1100);
	EXPECT(status().ok && syslog_takes(fd, false) == 1);

	btw("it is there and reads nothing: we do not stand still, and say so; all is there in the end");
	for (i = 0; i < 1000 && !status().waiting; i++) {
		busy(call_made());
		cdr_flush(cdr);
	}
	EXPECT(status().waiting && status().ok);
	pass_ms(2000);
	EXPECT(!status().ok);
	printf("%s\n", status().why);
	waiting = status().waiting;
	for (taken = 0; status().waiting; pass_ms(200))
		taken += syslog_takes(fd, false);
	taken += syslog_takes(fd, false);
	EXPECT(status().ok && status().lost == 0 && taken >= i && waiting);
	EXPECT(status().written == written + 4 + taken);

	btw("the longest record that can be fits");
	monster = true;
	busy(call_made());
	cdr_flush(cdr);
	EXPECT(syslog_takes(fd, true) == 1);
	monster = false;
	close(fd);
	unlink(name);
	cdr_cfg(cdr)->sink = CDR_FILE;
	EXPECT(cdr_apply(cdr) == 0);
}

static void stop(void)
{
	struct cause cause = CAUSE(CAUSE_TEMP_FAILURE);

	btw("the end: the record of a call that is up is written, without waiting for the gateway");
	call_made();
	calls_stop(calls, &cause);
	pump();
	cdr_flush(cdr);
	EXPECT(show(path, false) == 4);
}

int main(void)
{
	size_t at_rest;

	ctx = talloc_named_const(NULL, 0, "cdr_test");
	story_init(ctx);
	at_rest = talloc_total_blocks(ctx);
	EXPECT(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/cdr.json", dir);

	calls = fake_core(ctx, &gsm, &sip, "pbx");
	gsm.quiet = sip.quiet = true;
	gsm.kind.record = record_gsm;
	sip.kind.record = record_sip;
	gsm.kind.target = sip.kind.target = target;
	cdr = cdr_alloc(ctx, calls);
	cdr_cfg(cdr)->path = talloc_strdup(cdr, path);

	json();
	turned_off();
	rotation();
	csv();
	spreadsheet();
	full_disk();
	to_syslog();
	stop();

	unlink(path);
	rmdir(dir);
	talloc_free(cdr);
	talloc_free(calls);
	pump();
	EXPECT(talloc_total_blocks(ctx) == at_rest);
	talloc_free(ctx);
	return 0;
}
