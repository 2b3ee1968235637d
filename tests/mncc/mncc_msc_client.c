/* Our link against a real osmo-msc, with nobody in its network: HELLO, refusals, and what it drops without a word. Pins
 * what src/mncc relies on.
 *
 * Run by mncc_msc_test.sh, which starts the daemons: mncc_msc_client PATH. Wall clock. First with a bare socket for
 * what our codec cannot say, then with the link. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <osmocom/core/logging.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/turn.h>
#include <osmocom/sipgw/mncc/mncc_link.h>

#include "msc_wire.h"
#include "story.h"

static const char *path;

/* ---- a bare socket ---- */

static int bare;

static void bare_connect(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	uint8_t buf[MSC_SIZE_NEW];

	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	bare = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	EXPECT(bare >= 0 && connect(bare, (struct sockaddr *)&un, sizeof(un)) == 0);
	EXPECT(recv(bare, buf, sizeof(buf), 0) == MSC_HELLO_SIZE);
	for (unsigned int i = 0; i < 8; i++)
		printf("%s%u", i ? " " : "HELLO ", msc_get(buf, 4 * i));
	printf("\n");
}

/* Send it and say what comes within half a second. */
static void bare_try(const char *what, const uint8_t *buf, size_t len)
{
	struct pollfd pfd = { .fd = bare, .events = POLLIN };
	uint8_t in[4096];
	ssize_t n;

	EXPECT(send(bare, buf, len, MSG_NOSIGNAL) == (ssize_t)len);
	printf("%s: ", what);
	if (poll(&pfd, 1, 500) == 0) {
		printf("no answer\n");
		return;
	}
	n = recv(bare, in, sizeof(in), 0);
	EXPECT(n >= 8);
	printf("%zd octets, %s", n, msc_type_name(msc_get(in, MSC_O_TYPE)));
	if (msc_get(in, MSC_O_TYPE) == MSC_REL_IND)
		printf(" location %u cause %u", msc_get(in, MSC_O_CAUSE), msc_get(in, MSC_O_CAUSE + MSC_O_CAUSE_VALUE));
	printf("\n");
}

static void setup_req(uint8_t *buf)
{
	msc_begin(buf, MSC_SETUP_REQ, 5);
	msc_put_number(buf, MSC_O_CALLED, MSC_F_CALLED, "1001", 0, 1);
}

static void test_bare(void)
{
	uint8_t buf[MSC_SIZE_NEW];

	btw("what osmo-msc answers, and what it drops");
	bare_connect();
	setup_req(buf);
	bare_try("SETUP_REQ for an unknown number", buf, MSC_SIZE);
	bare_try("the same, cut right after one NUL of sdp", buf, MSC_O_SDP + 1);
	bare_try("the same, cut before", buf, MSC_O_SDP);
	msc_put(buf, MSC_O_FIELDS, MSC_F_CALLED | MSC_F_GCR);
	bare_try("with the GCR bit", buf, MSC_SIZE);
	setup_req(buf);
	msc_put(buf, MSC_O_FIELDS, MSC_F_CALLED | MSC_F_BEARER);
	bare_try("with a bearer capability without its end", buf, MSC_SIZE);
	msc_begin(buf, MSC_SETUP_REQ, 5);
	bare_try("SETUP_REQ without any number", buf, MSC_SIZE);
	msc_hello(buf, MSC_SIZE);
	bare_try("a HELLO back", buf, MSC_HELLO_SIZE);
	close(bare);
}

/* ---- the link ---- */

static struct mncc_link *link_;
static unsigned int n_heard;

static void tick_cb(void *data)
{
}

/* Let the main loop run for at most 20 ms; false when ten seconds have passed since \a begin. */
static bool turn(time_t begin)
{
	struct osmo_timer_list tick = { .cb = tick_cb };

	timer_start_ms(&tick, 20);
	osmo_select_main_ctx(turn_end());
	osmo_timer_del(&tick);
	return time(NULL) < begin + 10;
}

static void wait_for(const bool *cond)
{
	time_t begin = time(NULL);

	while (!*cond && turn(begin))
		;
	EXPECT(*cond);
}

static bool link_up, heard;

static bool setup_ind(struct mncc_link *link, const struct mncc_msg *msg, void *data)
{
	return false;
}

static void state(struct mncc_link *link, bool up, void *data)
{
	link_up = up;
}

static void call_rx(struct mncc_call *mc, const struct mncc_msg *msg)
{
	char str[512];

	mncc_msg_to_str_buf(str, sizeof(str), msg);
	printf("MSC: %s\n", str);
	heard = true;
}

static void count_rx(struct mncc_call *mc, const struct mncc_msg *msg)
{
	EXPECT(msg->type == MNCC_MT_REL_IND && msg->cause.value == 81);
	n_heard++;
}

static void call_down(struct mncc_call *mc)
{
	printf("the call hears that the link is down\n");
}

static const struct mncc_call_ops call_ops = { .rx = call_rx, .link_down = call_down };
static const struct mncc_call_ops count_ops = { .rx = count_rx, .link_down = call_down };

static void try(struct mncc_call *mc, struct mncc_msg *msg)
{
	msg->callref = mc->callref;
	printf("we: %s\n", get_value_string(mncc_msg_type_names, msg->type));
	heard = false;
	EXPECT(mncc_link_tx(link_, msg) == 0);
	wait_for(&heard);
}

static void test_second_client(void *ctx)
{
	const struct mncc_link_ops ops = { .setup_ind = setup_ind };
	struct mncc_link *second = mncc_link_alloc(ctx, &ops);
	struct mncc_link_info info = { .last_error = "" };
	time_t begin = time(NULL);

	mncc_link_set_path(second, path);
	mncc_link_start(second);
	while (!*info.last_error && turn(begin))
		mncc_link_get_info(second, &info);
	printf("%s\n", info.last_error);
	talloc_free(second);
}

static void test_link(void *ctx)
{
	const struct mncc_link_ops ops = { .setup_ind = setup_ind, .state = state };
	struct mncc_call mc = {};
	struct mncc_link_info info;
	time_t begin;

	btw("our link: HELLO is taken");
	link_ = mncc_link_alloc(ctx, &ops);
	mncc_link_set_path(link_, path);
	mncc_link_start(link_);
	wait_for(&link_up);
	printf("version %u, %u octets\n", mncc_link_layout(link_)->version, mncc_link_layout(link_)->mncc_size);
	EXPECT(mncc_call_attach(&mc, link_, 0, &call_ops) == 0);

	btw("refusals");
	try(&mc, &(struct mncc_msg){ .type = MNCC_MT_SETUP_REQ,
				     .fields = MNCC_FIELD_CALLED,
				     .called = { .plan = 1, .digits = "1001" } });
	try(&mc, &(struct mncc_msg){ .type = MNCC_MT_SETUP_REQ, .imsi = "001010000000001" });
	try(&mc, &(struct mncc_msg){ .type = MNCC_MT_SETUP_REQ });
	try(&mc, &(struct mncc_msg){ .type = MNCC_MT_RTP_CREATE });
	try(&mc, &(struct mncc_msg){ .type = MNCC_MT_RTP_CONNECT });
	try(&mc, &(struct mncc_msg){ .type = MNCC_MT_DISC_REQ });
	try(&mc, &(struct mncc_msg){ .type = MNCC_MT_REJ_REQ });

	btw("field bits that this osmo-msc does not know are not sent: it answers");
	try(&mc, &(struct mncc_msg){ .type = MNCC_MT_SETUP_REQ,
				     .fields = MNCC_FIELD_CALLED | MNCC_FIELD_GCR | MNCC_FIELD_BEARER_CAP | 0x10000,
				     .has_gcr = true,
				     .bearer_cap = { .radio = 1, .speech_ver = { 0, 2, 4, 1, 5, 0, 0, 0 } },
				     .called = { .plan = 1, .digits = "1001" } });

	btw("a second client is turned away, and says why");
	test_second_client(ctx);

	btw("a thousand messages at once: each is answered, none is lost");
	n_heard = 0;
	for (unsigned int i = 0; i < 1000; i++) {
		struct mncc_msg msg = { .type = MNCC_MT_DISC_REQ, .callref = mc.callref };

		EXPECT(mncc_link_tx(link_, &msg) == 0);
	}
	mncc_link_get_info(link_, &info);
	EXPECT(info.queue_len > 0);
	mc.ops = &count_ops;
	begin = time(NULL);
	while (n_heard < 1000 && turn(begin))
		;
	EXPECT(n_heard == 1000);
	EXPECT(rate_ctr_group_get_ctr(mncc_link_ctrs(link_), MNCC_CTR_RX_MALFORMED)->current == 0);
	printf("MNCC messages: all taken\n");
	talloc_free(link_);
}

int main(int argc, char **argv)
{
	void *ctx = talloc_named_const(NULL, 0, "mncc_msc_client");

	EXPECT(argc == 2);
	path = argv[1];
	story_init(ctx);
	test_bare();
	test_link(ctx);
	btw("done");
	return 0;
}
