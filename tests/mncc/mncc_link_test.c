/* The link to the MSC: how it connects, and connects again; HELLO. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <osmocom/core/logging.h>

#include "link_stage.h"

/* ---- log lines are counted, not compared ---- */

static unsigned int n_log_lines;

static void count_line(struct log_target *target, unsigned int level, const char *str)
{
	n_log_lines++;
}

static struct log_target *log_counter(void)
{
	struct log_target *t = log_target_create();

	t->output = count_line;
	log_add_target(t);
	log_set_all_filter(t, 1);
	log_set_print_category(t, 0);
	log_parse_category_mask(t, "DMNCC,5");
	return t;
}

/* ---- connecting ---- */

static void test_cannot_connect(void)
{
	struct log_target *counter = log_counter();

	btw("no socket there");
	begin();
	mncc_link_start(link_);
	mncc_link_start(link_);
	tell_state();
	EXPECT(n_log_lines == 1);
	EXPECT(tx(MNCC_MT_SETUP_REQ, 1) == -ENOTCONN);

	btw("five minutes later it has tried many times and said so once a minute");
	pass_ms(300000);
	EXPECT(n_log_lines == 5 || n_log_lines == 6);

	btw("the socket is there, but nobody listens");
	msc_listen(SOCK_SEQPACKET, false);
	pass_ms(8000);
	tell_state();
	msc_gone();

	btw("the socket is there, but of another kind");
	msc_listen(SOCK_STREAM, true);
	pass_ms(8000);
	tell_state();
	msc_gone();

	btw("a path too long for a socket");
	{
		char long_path[200];

		memset(long_path, 'x', sizeof(long_path));
		long_path[sizeof(long_path) - 1] = 0;
		mncc_link_set_path(link_, long_path);
		tell_state();
	}

	btw("the operator gives the right path: it connects at once");
	msc_listen(SOCK_SEQPACKET, true);
	mncc_link_set_path(link_, path);
	EXPECT(msc_accepts());
	EXPECT(info().state == MNCC_LINK_ST_HELLO);
	EXPECT(!mncc_link_accepts_calls(link_));
	pass_ms(1000);
	msc_hello_as(8, MSC_SIZE);
	pump();
	tell_state();
	EXPECT(mncc_link_layout(link_)->mncc_size == MSC_SIZE);
	EXPECT(mncc_link_accepts_calls(link_));
	pass_ms(1234);
	EXPECT(info().since_ms == 1234);
	EXPECT(ctr(MNCC_CTR_CONNECTS) == 1 && ctr(MNCC_CTR_DISCONNECTS) == 0);
	log_target_destroy(counter);
	end();
}

static void test_backoff(void)
{
	unsigned int ms = 0, last = 0, n;

	btw("the MSC has another client: it accepts and closes; the waits grow, up to a bound");
	begin();
	msc_listen(SOCK_SEQPACKET, true);
	mncc_link_start(link_);
	for (n = 0; n < 8; ms += 10) {
		if (msc_accepts()) {
			printf("try after %u ms\n", ms - last);
			last = ms;
			msc_closes();
			n++;
		}
		pass_ms(10);
	}
	tell_state();

	btw("once it was up, the first wait is short again");
	pass_ms(8000);
	EXPECT(msc_accepts());
	msc_hello_as(8, MSC_SIZE);
	pump();
	msc_closes();
	pump();
	tell_state();
	pass_ms(499);
	EXPECT(!msc_accepts());
	pass_ms(1);
	EXPECT(msc_accepts());

	btw("no HELLO comes");
	pass_ms(4999);
	EXPECT(info().state == MNCC_LINK_ST_HELLO);
	pass_ms(1);
	tell_state();
	msc_closes();
	end();
}

static void test_listen_queue(void)
{
	int fds[16], n;

	btw("the MSC does not accept at all: its listen queue is full");
	begin();
	msc_listen(SOCK_SEQPACKET, true);
	for (n = 0; n < 16; n++) {
		struct sockaddr_un un = { .sun_family = AF_UNIX };

		strcpy(un.sun_path, path);
		fds[n] = sock(SOCK_SEQPACKET);
		if (connect(fds[n], (struct sockaddr *)&un, sizeof(un)) < 0)
			break;
	}
	EXPECT(n < 16 && errno == EAGAIN);
	mncc_link_start(link_);
	tell_state();
	btw("it wakes up");
	for (; n >= 0; n--)
		close(fds[n]);
	while (msc_accepts())
		msc_closes();
	pass_ms(500);
	EXPECT(msc_accepts());
	EXPECT(info().state == MNCC_LINK_ST_HELLO);
	end();
}

static void hello_gives(uint32_t version, uint32_t size)
{
	const struct mncc_layout *l;

	printf("HELLO %u, %u:\n", version, size);
	begin();
	msc_listen(SOCK_SEQPACKET, true);
	mncc_link_start(link_);
	EXPECT(msc_accepts());
	msc_hello_as(version, size);
	pump();
	l = mncc_link_layout(link_);
	if (l)
		printf("version %u, %u octets\n", l->version, l->mncc_size);
	else
		tell_state();
	end();
}

static void test_hellos(void)
{
	btw("HELLO of each version, odd ones and unknown ones");
	hello_gives(5, 836);
	hello_gives(7, 1860);
	hello_gives(8, 1876);
	hello_gives(8, 1896);
	hello_gives(8, 836);
	hello_gives(8, 2000);
	hello_gives(4, 836);
	hello_gives(9, 1896);

	btw("the first message is no HELLO");
	begin();
	msc_listen(SOCK_SEQPACKET, true);
	mncc_link_start(link_);
	EXPECT(msc_accepts());
	msc_says(MSC_SETUP_IND, 1);
	pump();
	tell_state();
	end();
}

int main(void)
{
	stage_open("mncc_link_test");
	test_cannot_connect();
	test_backoff();
	test_listen_queue();
	test_hellos();
	stage_close();
	return 0;
}
