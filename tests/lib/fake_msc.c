/* osmo-msc in words. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <osmocom/core/select.h>
#include <osmocom/core/sockaddr_str.h>
#include <osmocom/core/socket.h>
#include <osmocom/core/utils.h>

#include "fake_msc.h"
#include "fake_time.h"
#include "story.h"
#include "tell.h"

#define MAX_WAITING 64

static struct {
	struct osmo_fd listen, client;
	uint32_t mncc_size, callref;
	char path[108];
	unsigned int n_waiting;
	uint8_t waiting[MAX_WAITING][MSC_SIZE_NEW];
	uint8_t heard[MSC_SIZE_NEW];
	bool hasty;
} msc = { .client.fd = -1, .listen.fd = -1 };

static const char *type_name(uint32_t type)
{
	static char number[16];
	const char *name = msc_type_name(type);

	if (name[0] != '(')
		return name;
	snprintf(number, sizeof(number), "0x%x", type);
	return number;
}

static void close_client(void)
{
	if (msc.client.fd < 0)
		return;
	osmo_fd_unregister(&msc.client);
	close(msc.client.fd);
	msc.client.fd = -1;
}

static int client_cb(struct osmo_fd *ofd, unsigned int what)
{
	uint8_t buf[4096];
	ssize_t len = recv(ofd->fd, buf, sizeof(buf), MSG_DONTWAIT);
	const char *why;

	if (len < 0)
		return 0;
	if (len == 0) {
		close_client();
		return 0;
	}
	why = msc_dislikes(buf, len, msc.mncc_size);
	if (why)
		printf("    MSC drops a message without a word: %s\n", why);
	EXPECT(!why);
	EXPECT(msc.n_waiting < MAX_WAITING);
	memset(msc.waiting[msc.n_waiting], 0, MSC_SIZE_NEW);
	memcpy(msc.waiting[msc.n_waiting++], buf, OSMO_MIN(len, MSC_SIZE_NEW));
	return 0;
}

static int listen_cb(struct osmo_fd *ofd, unsigned int what)
{
	uint8_t hello[MSC_HELLO_SIZE];
	int fd = accept(ofd->fd, NULL, NULL);

	if (fd < 0)
		return 0;
	if (msc.client.fd >= 0) { /* one at a time */
		close(fd);
		return 0;
	}
	osmo_fd_setup(&msc.client, fd, OSMO_FD_READ, client_cb, NULL, 0);
	EXPECT(osmo_fd_register(&msc.client) == 0);
	msc_hello(hello, msc.mncc_size);
	EXPECT(send(fd, hello, sizeof(hello), 0) == sizeof(hello));
	return 0;
}

void fake_msc_start(const char *path, uint32_t mncc_size)
{
	int fd;

	unlink(path);
	OSMO_STRLCPY_ARRAY(msc.path, path);
	msc.mncc_size = mncc_size;
	msc.n_waiting = 0;
	fd = osmo_sock_unix_init(SOCK_SEQPACKET, 0, path, OSMO_SOCK_F_BIND | OSMO_SOCK_F_NONBLOCK);
	EXPECT(fd >= 0);
	osmo_fd_setup(&msc.listen, fd, OSMO_FD_READ, listen_cb, NULL, 0);
	EXPECT(osmo_fd_register(&msc.listen) == 0);
}

void fake_msc_stop(void)
{
	close_client();
	if (msc.listen.fd < 0)
		return;
	osmo_fd_unregister(&msc.listen);
	close(msc.listen.fd);
	msc.listen.fd = -1;
	unlink(msc.path);
}

void fake_msc_is_hasty(bool hasty)
{
	msc.hasty = hasty;
}

void fake_msc_lose_link(void)
{
	close_client();
	pump();
}

static void put_rtp(uint8_t *buf, const struct msc_words *w)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	char ip[64];
	int port;

	if (!w->rtp)
		return;
	EXPECT(sscanf(w->rtp, "%63[^:]:%d", ip, &port) == 2);
	EXPECT(inet_pton(AF_INET, ip, &sin.sin_addr) == 1);
	sin.sin_port = htons(port);
	msc_put_rtp(buf, (struct sockaddr *)&sin, sizeof(sin), w->frame ? w->pt : 3,
		    w->frame ? w->frame : MSC_FRAME_FR);
}

static void put_number(uint8_t *buf, enum msc_offset off, uint32_t field, const char *digits)
{
	bool plus;

	if (!digits)
		return;
	plus = *digits == '+';
	msc_put_number(buf, off, field, digits + plus, plus, 1);
}

static void put_signal(uint8_t *buf, uint32_t type, const struct msc_words *w)
{
	put_number(buf, MSC_O_CALLED, MSC_F_CALLED, w->called);
	put_number(buf, MSC_O_CALLING, MSC_F_CALLING, w->calling);
	put_number(buf, MSC_O_CONNECTED, MSC_F_CONNECTED, w->connected);
	put_number(buf, MSC_O_REDIRECTING, MSC_F_REDIRECTING, w->redirecting);
	if (w->gcr) {
		msc_put(buf, MSC_O_FIELDS, msc_get(buf, MSC_O_FIELDS) | MSC_F_GCR);
		EXPECT(osmo_hexparse(w->gcr, buf + MSC_O_GCR, 16) >= 0);
	}
	if (w->speech || (type == MSC_SETUP_IND && !w->no_bearer))
		msc_put_bearer(buf);
	for (int i = 0; w->speech && (i == 0 || w->speech[i - 1] >= 0); i++)
		msc_put(buf, MSC_O_SPEECH_VER + 4 * i, (uint32_t)w->speech[i]);
	if (w->progress) {
		msc_put(buf, MSC_O_FIELDS, msc_get(buf, MSC_O_FIELDS) | MSC_F_PROGRESS);
		msc_put(buf, MSC_O_PROGRESS + 8, w->progress);
	}
	if (type == MSC_SETUP_IND)
		strcpy((char *)buf + MSC_O_IMSI, "001010000000001");
	if (w->imsi)
		strcpy((char *)buf + MSC_O_IMSI, w->imsi);
	if (w->emergency) {
		msc_put(buf, MSC_O_FIELDS, msc_get(buf, MSC_O_FIELDS) | MSC_F_EMERGENCY);
		msc_put(buf, MSC_O_EMERGENCY, 1);
	}
	msc_put(buf, MSC_O_CLIR_INV, w->clir);
	if (w->cause)
		msc_put_cause(buf, w->location, w->cause);
	if (w->key) {
		msc_put(buf, MSC_O_FIELDS, msc_get(buf, MSC_O_FIELDS) | MSC_F_KEYPAD);
		msc_put(buf, MSC_O_KEYPAD, (uint8_t)w->key);
	}
}

void fake_msc_send(uint32_t type, const struct msc_words *w)
{
	bool rtp = type == MSC_RTP_CREATE || type == MSC_RTP_CONNECT;
	uint8_t buf[MSC_SIZE_NEW];
	char *sdp = (char *)buf + (rtp ? MSC_O_RTP_SDP : MSC_O_SDP);

	if (!msc.hasty)
		pump();
	EXPECT(msc.client.fd >= 0);
	if (w->callref)
		msc.callref = w->callref;
	msc_begin(buf, type, msc.callref);
	if (rtp)
		put_rtp(buf, w);
	else
		put_signal(buf, type, w);
	if (w->sdp)
		osmo_strlcpy(sdp, w->sdp, 1024);
	tell("    MSC > %s%s%s%s%s%s%s\n", type_name(type), w->called ? " called " : "", w->called ? w->called : "",
	     w->calling ? " calling " : "", w->calling ? w->calling : "", w->rtp ? " " : "", w->rtp ? w->rtp : "");
	EXPECT(send(msc.client.fd, buf, msc.mncc_size, 0) == (ssize_t)msc.mncc_size);
	if (!msc.hasty)
		pump();
}

static void print_number(const char *name, const uint8_t *buf, enum msc_offset off, uint32_t field)
{
	if (!(msc_get(buf, MSC_O_FIELDS) & field))
		return;
	tell(" %s %s%s%s", name, msc_get(buf, off) == 1 ? "+" : "", (const char *)buf + off + MSC_O_NUM_DIGITS,
	     msc_get(buf, off + 8) == 1 ? " (withheld)" : "");
}

static void print_rtp(const uint8_t *buf)
{
	struct sockaddr_storage addr;
	struct osmo_sockaddr_str str;

	if (!msc_get_rtp(buf, &addr) || osmo_sockaddr_str_from_sockaddr(&str, &addr))
		return;
	tell(str.af == AF_INET6 ? " [%s]:%u pt %u" : " %s:%u pt %u", str.ip, str.port, msc_get(buf, MSC_O_RTP_PT));
}

static void print_signal(const uint8_t *buf)
{
	uint32_t fields = msc_get(buf, MSC_O_FIELDS);

	print_number("called", buf, MSC_O_CALLED, MSC_F_CALLED);
	print_number("calling", buf, MSC_O_CALLING, MSC_F_CALLING);
	print_number("redirecting", buf, MSC_O_REDIRECTING, MSC_F_REDIRECTING);
	print_number("connected", buf, MSC_O_CONNECTED, MSC_F_CONNECTED);
	if (buf[MSC_O_IMSI])
		tell(" imsi %s", (const char *)buf + MSC_O_IMSI);
	if (fields & MSC_F_BEARER)
		tell(" with bearer capability");
	if (fields & MSC_F_CAUSE)
		tell(" cause %u location %u", msc_get(buf, MSC_O_CAUSE + MSC_O_CAUSE_VALUE), msc_get(buf, MSC_O_CAUSE));
	if (fields & MSC_F_PROGRESS)
		tell(" progress indicator %u", msc_get(buf, MSC_O_PROGRESS + 8));
	if (fields & MSC_F_KEYPAD)
		tell(" key %c", buf[MSC_O_KEYPAD]);
	if (msc_get(buf, MSC_O_TYPE) == MSC_NOTIFY_REQ)
		tell(" %u", msc_get(buf, MSC_O_NOTIFY));
	if (fields & MSC_F_FACILITY)
		tell(" facility %s", osmo_hexdump_nospc(buf + MSC_O_FACILITY + 4, msc_get(buf, MSC_O_FACILITY)));
}

/* Take the first message that waits and print it. Returns its type, 0 if there is none. */
static uint32_t hear(void)
{
	const uint8_t *buf = msc.heard;
	uint32_t type;

	pump();
	if (!msc.n_waiting)
		return 0;
	memcpy(msc.heard, msc.waiting[0], MSC_SIZE_NEW);
	memmove(msc.waiting[0], msc.waiting[1], --msc.n_waiting * MSC_SIZE_NEW);
	type = msc_get(buf, MSC_O_TYPE);
	tell("    MSC < %s", type_name(type));
	if (type == MSC_RTP_CREATE || type == MSC_RTP_CONNECT)
		print_rtp(buf);
	else
		print_signal(buf);
	tell("%s\n", *msc_heard_sdp() ? " with SDP" : "");
	if (type == MSC_SETUP_REQ)
		msc.callref = msc_get(buf, MSC_O_CALLREF);
	EXPECT(msc_get(buf, MSC_O_CALLREF) == msc.callref);
	return type;
}

void msc_expects(uint32_t type)
{
	uint32_t got = hear();

	if (got != type)
		printf("    MSC heard %s, but %s was expected\n", got ? type_name(got) : "nothing", type_name(type));
	EXPECT(got == type);
}

void msc_hears(void)
{
	while (hear())
		;
}

const char *msc_heard_sdp(void)
{
	uint32_t type = msc_get(msc.heard, MSC_O_TYPE);
	return (char *)msc.heard + (type == MSC_RTP_CREATE || type == MSC_RTP_CONNECT ? MSC_O_RTP_SDP : MSC_O_SDP);
}

uint32_t msc_callref(void)
{
	return msc.callref;
}

void msc_turns_to(uint32_t callref)
{
	msc.callref = callref;
}

unsigned int msc_n_waiting(void)
{
	return msc.n_waiting;
}

void msc_expects_nothing(void)
{
	pump();
	if (msc.n_waiting)
		printf("    MSC < %s, unexpected\n", type_name(msc_get(msc.waiting[0], MSC_O_TYPE)));
	EXPECT(!msc.n_waiting);
}
