/* Audio of a test call: silence in whatever codec was agreed upon, 50 packets a second, and a count of what comes back.
 */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/bits.h>
#include <osmocom/core/socket.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>

#include "test_leg_internal.h"

#define PTIME_MS    20
#define RTP_HEADER  12
#define MAX_PAYLOAD 160

/* What silence looks like: the first bytes, and what the rest is filled with. */
static const struct silence {
	enum sdp_codec_id codec;
	uint16_t len;
	uint16_t clock; /* per packet */
	uint8_t head[2];
	uint8_t fill;
	const char *fmtp;
} silences[] = {
	{ SDP_CODEC_AMR, 2, 160, { 0xf0, 0x7c }, 0, "octet-align=1" }, /* no CMR, NO_DATA (RFC 4867 4.4) */
	{ SDP_CODEC_GSM_EFR, 31, 160, { 0xc0, 0 }, 0 },
	{ SDP_CODEC_GSM_FR, 33, 160, { 0xd0, 0 }, 0 },
	{ SDP_CODEC_PCMA, 160, 160, { 0xd5, 0xd5 }, 0xd5 },
	{ SDP_CODEC_PCMU, 160, 160, { 0xff, 0xff }, 0xff },
};

static const struct silence *silence_of(enum sdp_codec_id codec)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(silences); i++) {
		if (silences[i].codec == codec)
			return &silences[i];
	}
	return NULL;
}

static void send_one(struct test_rtp *rtp)
{
	const struct silence *s = silence_of(rtp->codec);
	uint8_t packet[RTP_HEADER + MAX_PAYLOAD] = { 0x80, rtp->pt };
	struct sockaddr_storage to;

	if (!s || osmo_sockaddr_str_to_sockaddr(&rtp->remote, &to) < 0)
		return;
	osmo_store16be(rtp->seq++, packet + 2);
	osmo_store32be(rtp->ts, packet + 4);
	osmo_store32be(rtp->ssrc, packet + 8);
	rtp->ts += s->clock;
	memset(packet + RTP_HEADER, s->fill, s->len);
	memcpy(packet + RTP_HEADER, s->head, sizeof(s->head));
	if (sendto(rtp->ofd.fd, packet, RTP_HEADER + s->len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
		   to.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) > 0)
		rtp->n_tx++;
}

static void tick(void *data)
{
	struct test_rtp *rtp = data;

	send_one(rtp);
	timer_start_ms(&rtp->timer, PTIME_MS);
}

static int rx(struct osmo_fd *ofd, unsigned int what)
{
	struct test_rtp *rtp = ofd->data;
	uint8_t packet[2048];
	ssize_t len;
	unsigned int i;

	for (i = 0; i < 64 && (len = recv(ofd->fd, packet, sizeof(packet), MSG_DONTWAIT)) >= 0; i++) {
		if (len > RTP_HEADER && (packet[0] >> 6) == 2 && (packet[1] & 0x7f) == rtp->pt)
			rtp->n_rx++;
	}
	return 0;
}

int test_rtp_open(struct test_rtp *rtp, const char *ip)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	int fd = osmo_sock_init2(AF_UNSPEC, SOCK_DGRAM, IPPROTO_UDP, ip, 0, NULL, 0,
				 OSMO_SOCK_F_BIND | OSMO_SOCK_F_NONBLOCK);

	if (fd < 0)
		return fd;
	if (getsockname(fd, (struct sockaddr *)&bound, &len) < 0 ||
	    osmo_sockaddr_str_from_sockaddr(&rtp->local, &bound) < 0) {
		close(fd);
		return -EINVAL;
	}
	osmo_fd_setup(&rtp->ofd, fd, OSMO_FD_READ, rx, rtp, 0);
	if (osmo_fd_register(&rtp->ofd) < 0) {
		close(fd);
		rtp->ofd.fd = 0;
		return -EIO;
	}
	osmo_timer_setup(&rtp->timer, tick, rtp);
	rtp->ssrc = token_u64();
	return 0;
}

void test_rtp_close(struct test_rtp *rtp)
{
	if (rtp->ofd.fd <= 0)
		return;
	osmo_timer_del(&rtp->timer);
	osmo_fd_unregister(&rtp->ofd);
	close(rtp->ofd.fd);
	rtp->ofd.fd = 0;
}

void test_rtp_describe(const struct test_rtp *rtp, struct sdp_msg *sdp)
{
	struct sdp_media *audio;
	unsigned int i;

	sdp_msg_init_audio(sdp, &rtp->local);
	audio = &sdp->media[0];
	for (i = 0; i < ARRAY_SIZE(silences); i++)
		sdp_codec_to_format(&audio->formats[i], silences[i].codec, silences[i].fmtp);
	audio->n_formats = ARRAY_SIZE(silences);
	audio->ptime = PTIME_MS;
}

bool test_rtp_connect(struct test_rtp *rtp, const struct sdp_msg *sdp)
{
	const struct sdp_media *audio = sdp_msg_audio((struct sdp_msg *)sdp);
	unsigned int i;

	for (i = 0; audio && i < audio->n_formats; i++) {
		enum sdp_codec_id codec = sdp_codec_of(&audio->formats[i]);
		if (!silence_of(codec))
			continue;
		rtp->codec = codec;
		rtp->pt = audio->formats[i].pt;
		rtp->remote = audio->addr;
		if (!osmo_timer_pending(&rtp->timer))
			timer_start_ms(&rtp->timer, PTIME_MS);
		return true;
	}
	return false;
}
