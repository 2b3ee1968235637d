/* See link_stage.h. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <osmocom/core/fsm.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/talloc.h>

#include "link_stage.h"

static void *ctx;
static size_t blocks;
static char dir[64] = "/tmp/mncc_link_test.XXXXXX";
char path[96];
struct mncc_link *link_;

/* ---- the MSC's end ---- */

static int listener = -1;
int conn = -1;

int sock(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	EXPECT(fd >= 0);
	return fd;
}

void msc_listen(int type, bool really)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	strcpy(un.sun_path, path);
	unlink(path);
	listener = sock(type);
	EXPECT(bind(listener, (struct sockaddr *)&un, sizeof(un)) == 0);
	if (really)
		EXPECT(listen(listener, 3) == 0);
}

void msc_gone(void)
{
	close(listener);
	listener = -1;
	unlink(path);
}

bool msc_accepts(void)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return false;
	EXPECT(conn < 0);
	conn = fd;
	return true;
}

void msc_closes(void)
{
	close(conn);
	conn = -1;
}

void msc_sends(const void *buf, size_t len)
{
	EXPECT(send(conn, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len);
}

void msc_hello_as(uint32_t version, uint32_t size)
{
	uint8_t buf[MSC_HELLO_SIZE];

	msc_hello(buf, size);
	msc_put(buf, 4, version);
	msc_sends(buf, sizeof(buf));
}

void msc_says(uint32_t type, uint32_t callref)
{
	uint8_t buf[MSC_SIZE_NEW];

	msc_begin(buf, type, callref);
	msc_sends(buf, MSC_SIZE);
}

unsigned int msc_hears(bool print)
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

bool take_calls = true;
struct mncc_call *to_attach;

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

struct mncc_call *detach_too;
bool stop_on_rx;

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

const struct mncc_call_ops call_ops = { .rx = call_rx, .link_down = call_link_down };

int tx(uint32_t type, uint32_t callref)
{
	const struct mncc_msg msg = { .type = type, .callref = callref };
	return mncc_link_tx(link_, &msg);
}

struct mncc_link_info info(void)
{
	struct mncc_link_info i;

	mncc_link_get_info(link_, &i);
	return i;
}

uint64_t ctr(enum mncc_link_ctr c)
{
	return rate_ctr_group_get_ctr(mncc_link_ctrs(link_), c)->current;
}

void tell_state(void)
{
	static const char *const kinds[] = { "none", "no socket", "permission", "not mncc", "busy", "version", "lost" };
	struct mncc_link_info i = info();

	printf("state: %s, last error: %s (%s%s)\n", get_value_string(mncc_link_state_names, i.state), i.last_error,
	       kinds[i.error], i.error_is_past ? ", past" : "");
}

void begin(void)
{
	struct mncc_link_ops ops = { .setup_ind = setup_ind, .state = state, .data = &take_calls };

	link_ = mncc_link_alloc(ctx, &ops);
	memset(&ops, 0xff, sizeof(ops)); /* it has its own copy */
	mncc_link_set_path(link_, path);
	EXPECT(!strcmp(mncc_link_path(link_), path));
	EXPECT(!mncc_link_layout(link_) && !mncc_link_is_up(link_));
}

void begin_up(void)
{
	begin();
	msc_listen(SOCK_SEQPACKET, true);
	mncc_link_start(link_);
	EXPECT(msc_accepts());
	msc_hello_as(8, MSC_SIZE);
	pump();
	EXPECT(mncc_link_is_up(link_));
}

void end(void)
{
	talloc_free(link_);
	link_ = NULL;
	if (conn >= 0)
		msc_closes();
	if (listener >= 0)
		msc_gone();
}

void stage_open(const char *name)
{
	ctx = talloc_named_const(NULL, 0, name);
	story_init(ctx);
	osmo_fsm_log_addr(false);
	EXPECT(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/mncc", dir);
	fake_time_start();
	blocks = talloc_total_blocks(ctx);
}

void stage_close(void)
{
	EXPECT(talloc_total_blocks(ctx) == blocks);
	unlink(path);
	rmdir(dir);
	btw("done");
}
