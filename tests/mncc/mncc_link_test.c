/* The link to the MSC against a real SEQPACKET socket, under virtual time: how it connects again, what it does with a
 * full socket, who hears of what. The MSC's octets are written by tests/lib/msc_wire, not by our own encoder. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/logging.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/base/turn.h>
#include <osmocom/sipgw/mncc/mncc_link.h>

#include "fake_time.h"
#include "msc_wire.h"
#include "story.h"

static void *ctx;
static char dir[64] = "/tmp/mncc_link_test.XXXXXX", path[96];
static struct mncc_link *link_;

/* ---- the MSC's end ---- */

static int listener = -1, conn = -1;

static int sock(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	EXPECT(fd >= 0);
	return fd;
}

static void msc_listen(int type, bool really)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	strcpy(un.sun_path, path);
	unlink(path);
	listener = sock(type);
	EXPECT(bind(listener, (struct sockaddr *)&un, sizeof(un)) == 0);
	if (really)
		EXPECT(listen(listener, 3) == 0);
}

static void msc_gone(void)
{
	close(listener);
	listener = -1;
	unlink(path);
}

static bool msc_accepts(void)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return false;
	EXPECT(conn < 0);
	conn = fd;
	return true;
}

static void msc_closes(void)
{
	close(conn);
	conn = -1;
}

static void msc_sends(const void *buf, size_t len)
{
	EXPECT(send(conn, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len);
}

static void msc_hello_as(uint32_t version, uint32_t size)
{
	uint8_t buf[MSC_HELLO_SIZE];

	msc_hello(buf, size);
	msc_put(buf, 4, version);
	msc_sends(buf, sizeof(buf));
}

static void msc_says(uint32_t type, uint32_t callref)
{
	uint8_t buf[MSC_SIZE_NEW];

	msc_begin(buf, type, callref);
	msc_sends(buf, MSC_SIZE);
}

/* Print what the MSC hears until there is no more. */
static unsigned int msc_hears(bool print)
{
	uint8_t buf[MSC_SIZE_NEW];
	unsigned int n = 0;
	ssize_t len;

	while ((len = recv(conn, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		n++;
		EXPECT(!msc_dislikes(buf, len, MSC_SIZE));
		if (!print)
			continue;
		printf("MSC hears %s 0x%x", msc_type_name(msc_get(buf, MSC_O_TYPE)), msc_get(buf, MSC_O_CALLREF));
		if (msc_get(buf, MSC_O_FIELDS) & MSC_F_CAUSE)
			printf(" cause %u", msc_get(buf, MSC_O_CAUSE + MSC_O_CAUSE_VALUE));
		printf("\n");
	}
	return n;
}

/* ---- our end ---- */

static bool take_calls = true;
static struct mncc_call *to_attach; /* for the next call taken */
static const struct mncc_call_ops call_ops;

static bool setup_ind(struct mncc_link *link, const struct mncc_msg *msg, void *data)
{
	EXPECT(data == &take_calls);
	printf("set-up 0x%x: %s\n", msg->callref, take_calls ? "taken" : "not taken");
	if (take_calls && to_attach) {
		EXPECT(mncc_call_attach(to_attach, link, msg->callref, &call_ops) == 0);
		to_attach = NULL;
	}
	return take_calls;
}

static void state(struct mncc_link *link, bool up, void *data)
{
	printf("link %s\n", up ? "up" : "down");
	EXPECT(mncc_link_is_up(link) == up);
}

static struct mncc_call *detach_too; /* when a call goes down */
static bool stop_on_rx;

static void call_rx(struct mncc_call *mc, const struct mncc_msg *msg)
{
	printf("call 0x%x hears %s\n", mc->callref, get_value_string(mncc_msg_type_names, msg->type));
	if (stop_on_rx)
		mncc_link_stop(link_);
}

static void call_link_down(struct mncc_call *mc)
{
	printf("call 0x%x hears that the link is down\n", mc->callref);
	EXPECT(!mc->link);
	if (detach_too)
		mncc_call_detach(detach_too);
	detach_too = NULL;
}

static const struct mncc_call_ops call_ops = { .rx = call_rx, .link_down = call_link_down };

static int tx(uint32_t type, uint32_t callref)
{
	const struct mncc_msg msg = { .type = type, .callref = callref };
	return mncc_link_tx(link_, &msg);
}

static struct mncc_link_info info(void)
{
	struct mncc_link_info i;

	mncc_link_get_info(link_, &i);
	return i;
}

static uint64_t ctr(enum mncc_link_ctr c)
{
	return rate_ctr_group_get_ctr(mncc_link_ctrs(link_), c)->current;
}

static void tell_state(void)
{
	static const char *const kinds[] = { "none", "no socket", "permission", "not mncc", "busy", "version", "lost" };
	struct mncc_link_info i = info();

	printf("state: %s, last error: %s (%s%s)\n", get_value_string(mncc_link_state_names, i.state), i.last_error,
	       kinds[i.error], i.error_is_past ? ", past" : "");
}

static void begin(void)
{
	struct mncc_link_ops ops = { .setup_ind = setup_ind, .state = state, .data = &take_calls };

	link_ = mncc_link_alloc(ctx, &ops);
	memset(&ops, 0xff, sizeof(ops)); /* it has its own copy */
	mncc_link_set_path(link_, path);
	EXPECT(!strcmp(mncc_link_path(link_), path));
	EXPECT(!mncc_link_layout(link_) && !mncc_link_is_up(link_));
}

static void begin_up(void)
{
	begin();
	msc_listen(SOCK_SEQPACKET, true);
	mncc_link_start(link_);
	EXPECT(msc_accepts());
	msc_hello_as(8, MSC_SIZE);
	pump();
	EXPECT(mncc_link_is_up(link_));
}

static void end(void)
{
	talloc_free(link_);
	link_ = NULL;
	if (conn >= 0)
		msc_closes();
	if (listener >= 0)
		msc_gone();
}

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

/* ---- calls ---- */

static void test_calls(void)
{
	struct mncc_call a = {}, b = {};
	uint8_t buf[MSC_SIZE_NEW];
	unsigned int i;

	begin_up();
	btw("a phone calls, and the call hears what the MSC says");
	to_attach = &a;
	msc_says(MSC_SETUP_IND, 0x80000001);
	msc_says(MSC_RTP_CREATE, 0x80000001);
	msc_says(MSC_DISC_IND, 0x80000001);
	pump();
	EXPECT(info().n_calls == 1);

	btw("the same set-up again is ignored");
	msc_says(MSC_SETUP_IND, 0x80000001);
	pump();
	EXPECT(ctr(MNCC_CTR_RX_DUPLICATE) == 1);
	EXPECT(msc_hears(true) == 0);

	btw("a call that is not taken is refused");
	take_calls = false;
	msc_says(MSC_SETUP_IND, 0x80000002);
	pump();
	EXPECT(msc_hears(true) == 1);
	take_calls = true;

	btw("while stopping, calls are refused without asking");
	mncc_link_refuse_calls(link_, true);
	EXPECT(!mncc_link_accepts_calls(link_));
	msc_says(MSC_SETUP_IND, 0x80000003);
	pump();
	EXPECT(msc_hears(true) == 1);
	mncc_link_refuse_calls(link_, false);

	btw("a set-up that cannot be read is refused, anything else that cannot is dropped");
	msc_begin(buf, MSC_SETUP_IND, 0x80000004);
	msc_put_number(buf, MSC_O_CALLED, MSC_F_CALLED, "1\r\nx", 0, 1);
	msc_sends(buf, MSC_SIZE);
	msc_sends(buf, 100);
	msc_sends(buf, 7);
	msc_begin(buf, MSC_DISC_IND, 0x80000001);
	msc_sends(buf, 833);
	pump();
	EXPECT(msc_hears(true) == 2);
	EXPECT(ctr(MNCC_CTR_RX_MALFORMED) == 4);
	EXPECT(ctr(MNCC_CTR_CALLS_REFUSED) == 4);

	btw("a flood of such messages is no flood of log lines");
	pass_ms(10000);
	log_lines();
	for (i = 0; i < 100; i++) {
		msc_sends(buf, 7);
		msc_says(MSC_SETUP_IND, 0x80000001);
		msc_says(MSC_ALERT_IND, 0x5000 + i);
		pump();
		EXPECT(msc_hears(false) == 1);
	}
	EXPECT(log_lines() == 2);

	btw("callrefs of MT calls: one after the other, each once");
	EXPECT(mncc_call_attach(&b, link_, 0x80000001, &call_ops) == -EEXIST && !b.link);
	EXPECT(mncc_call_attach(&b, link_, 2, &call_ops) == 0);
	{
		struct mncc_call c = {}, d = {};

		EXPECT(mncc_call_attach(&c, link_, 0, &call_ops) == 0 && c.callref == 1);
		EXPECT(mncc_call_attach(&d, link_, 0, &call_ops) == 0 && d.callref == 3);
		EXPECT(info().n_calls == 4);
		mncc_call_detach(&c);
		mncc_call_detach(&d);
		mncc_call_detach(&d);
	}
	msc_says(MSC_ALERT_IND, 2);
	pump();

	btw("the MSC speaks of calls that we have not: what shows that it has one is answered, the end of one is not");
	msc_says(MSC_SETUP_CNF, 77);
	msc_says(MSC_DISC_IND, 77);
	msc_says(MSC_START_DTMF_IND, 77);
	msc_says(MSC_REL_IND, 77);
	msc_says(MSC_REL_CNF, 77);
	msc_says(MSC_REJ_IND, 77);
	msc_says(MSC_RTP_CREATE, 77);
	msc_says(MSC_RTP_CONNECT, 77);
	msc_says(MSC_STOP_DTMF_IND, 77);
	msc_says(0x12345, 77);
	msc_says(MSC_HELLO, 8);
	pump();
	EXPECT(msc_hears(true) == 3);
	EXPECT(mncc_link_is_up(link_));

	btw("the link is lost while two calls are on it, one of which takes the other with it");
	detach_too = &b;
	msc_closes();
	pump();
	tell_state();
	EXPECT(!a.link && !b.link && info().n_calls == 0);
	EXPECT(ctr(MNCC_CTR_DISCONNECTS) == 1);

	btw("and comes back");
	pass_ms(500);
	EXPECT(msc_accepts());
	msc_hello_as(8, MSC_SIZE);
	pump();

	btw("freed with a call on it: the call is let go");
	EXPECT(mncc_call_attach(&a, link_, 0, &call_ops) == 0);
	end();
	EXPECT(!a.link);
}

static void test_send_fails(void)
{
	struct mncc_call a = {};

	btw("the MSC is gone when we send: nothing more can be sent, the calls hear it from the main loop");
	begin_up();
	EXPECT(mncc_call_attach(&a, link_, 0, &call_ops) == 0);
	msc_closes();
	EXPECT(tx(MNCC_MT_DISC_REQ, a.callref) == 0);
	turn_end();
	EXPECT(a.link);
	EXPECT(!mncc_link_is_up(link_) && tx(MNCC_MT_DISC_REQ, a.callref) == -ENOTCONN);
	pump();
	EXPECT(!a.link);
	EXPECT(info().state == MNCC_LINK_ST_DOWN);
	end();
}

static void test_many_at_once(void)
{
	struct mncc_call a = {};
	unsigned int i;

	btw("40 messages wait: all are taken; a callback that stops the link ends it right there");
	begin_up();
	EXPECT(mncc_call_attach(&a, link_, 0, &call_ops) == 0);
	for (i = 0; i < 40; i++)
		msc_says(MSC_REL_CNF, 99);
	pump();
	EXPECT(ctr(MNCC_CTR_RX) == 41);
	stop_on_rx = true;
	for (i = 0; i < 10; i++)
		msc_says(MSC_ALERT_IND, a.callref);
	pump();
	stop_on_rx = false;
	tell_state();
	pass_ms(60000);
	EXPECT(!msc_accepts());
	end();
}

/* ---- a full socket ---- */

static unsigned int next_wanted;

static unsigned int hear_in_order(unsigned int max)
{
	uint8_t buf[MSC_SIZE_NEW];
	unsigned int n = 0;
	ssize_t len;

	while (n < max && (len = recv(conn, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		EXPECT(len == MSC_SIZE);
		EXPECT(msc_get(buf, MSC_O_TYPE) == MSC_ALERT_REQ && msc_get(buf, MSC_O_CALLREF) == next_wanted);
		EXPECT(!msc_dislikes(buf, len, MSC_SIZE));
		next_wanted++;
		n++;
	}
	return n;
}

static void test_full_socket(void)
{
	struct mncc_call a = {};
	unsigned int n, in_socket;

	btw("the MSC does not read: messages wait, the link stays");
	begin_up();
	EXPECT(mncc_call_attach(&a, link_, 0, &call_ops) == 0);
	next_wanted = 1;
	for (n = 1; !info().queue_len; n++) {
		EXPECT(tx(MNCC_MT_ALERT_REQ, n) == 0);
		turn_end();
	}
	in_socket = n - 2;
	EXPECT(in_socket >= 4);
	pump();
	for (; info().queue_len < 2047; n++)
		EXPECT(tx(MNCC_MT_ALERT_REQ, n) == 0);
	EXPECT(mncc_link_accepts_calls(link_));

	btw("with 2048 waiting no call is begun, in either direction; a call that is there goes on");
	EXPECT(tx(MNCC_MT_ALERT_REQ, n++) == 0);
	EXPECT(!mncc_link_accepts_calls(link_));
	EXPECT(tx(MNCC_MT_SETUP_REQ, a.callref) == -ENOBUFS);
	EXPECT(ctr(MNCC_CTR_TX_REFUSED) == 1);
	for (; info().queue_len < 3000; n++)
		EXPECT(tx(MNCC_MT_ALERT_REQ, n) == 0);
	pass_ms(60000);
	EXPECT(mncc_link_is_up(link_));
	EXPECT(info().queue_len == 3000 && info().queue_max_seen == 3000);

	/* Linux says that a unix socket can be written to when three quarters of it are free */
	btw("the MSC reads some: that much goes out, in order, and what is sent now comes after it");
	EXPECT(hear_in_order(in_socket - 2) == in_socket - 2);
	pump();
	EXPECT(info().queue_len < 3000 && info().queue_len > 3000 - in_socket);
	EXPECT(tx(MNCC_MT_ALERT_REQ, n++) == 0);

	btw("the MSC reads everything: nothing is lost, and calls are taken again");
	do {
		pump();
	} while (hear_in_order(1000000));
	EXPECT(next_wanted == n);
	EXPECT(info().queue_len == 0 && mncc_link_accepts_calls(link_));
	EXPECT(tx(MNCC_MT_ALERT_REQ, n) == 0);
	turn_end();
	EXPECT(info().queue_len == 0);
	EXPECT(hear_in_order(1) == 1);
	EXPECT(ctr(MNCC_CTR_TX) == n);

	btw("it never reads again: at last not even messages of calls are kept, since that would have no end");
	for (n = 0; tx(MNCC_MT_ALERT_REQ, 1) == 0; n++)
		EXPECT(n < 20000);
	EXPECT(info().queue_len == 8192 + 16);
	EXPECT(mncc_link_is_up(link_));

	btw("a set-up in this time is refused, as far as the queue has room");
	msc_says(MSC_SETUP_IND, 0x80000009);
	pump();
	EXPECT(ctr(MNCC_CTR_CALLS_REFUSED) == 1);

	btw("stopping gives the socket what it takes, and drops the rest");
	mncc_link_stop(link_);
	EXPECT(info().queue_len == 0 && info().state == MNCC_LINK_ST_DOWN);
	end();
}

/* ---- the trace ---- */

static unsigned int n_traced[2];

static void hook(const struct wire_msg *msg)
{
	EXPECT(msg->proto == WIRE_MNCC && msg->len > 0);
	n_traced[msg->dir]++;
}

static void test_trace(void)
{
	btw("each message passes the wire trace once");
	wire_trace_hook = hook;
	begin_up();
	EXPECT(tx(MNCC_MT_ALERT_REQ, 1) == 0);
	msc_says(MSC_REL_CNF, 1);
	pump();
	wire_trace_hook = NULL;
	EXPECT(n_traced[WIRE_TX] == 1 && n_traced[WIRE_RX] == 2);
	end();
}

int main(void)
{
	size_t blocks;

	ctx = talloc_named_const(NULL, 0, "mncc_link_test");
	story_init(ctx);
	osmo_fsm_log_addr(false);
	EXPECT(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/mncc", dir);
	fake_time_start();
	blocks = talloc_total_blocks(ctx);
	test_cannot_connect();
	test_backoff();
	test_listen_queue();
	test_hellos();
	test_calls();
	test_send_fails();
	test_many_at_once();
	test_full_socket();
	test_trace();
	EXPECT(talloc_total_blocks(ctx) == blocks);
	unlink(path);
	rmdir(dir);
	btw("done");
	return 0;
}
