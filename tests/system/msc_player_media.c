/* Media of the MSC player: speech frames every 20 ms as the GSM core would send them, and a count of what comes back.
 *
 * The payload is a pattern: after the codec's own head follow "MSCP", the callref, a counter and octets made from the
 * counter. So whoever gets it can tell whether it came through bit exact, and an echo of our own frames is told from
 * another phone's. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "msc_player.h"
#include "msc_wire.h"

#define RTP_HDR	    12
#define FRAME_MS    20
#define FRAME_TS    160 /* at 8 kHz */
#define MAX_PAYLOAD 160
#define EVENT_PT    101

const struct codec codecs[] = {
	/* RFC 3551 4.5.8: 33 octets, signature 0xD; 4.5.9: 31 octets, 0xC; RFC 4867 octet aligned: CMR, one ToC entry
	   with mode 7 */
	{ "fr", 3, MSC_FRAME_FR, 33, { 0xd0 }, { 0xf0 }, 1, "GSM/8000", "" },
	{ "efr", 110, MSC_FRAME_EFR, 31, { 0xc0 }, { 0xf0 }, 1, "GSM-EFR/8000", "", 0, 2 },
	/* 3GPP TS 101 318: 14 octets; RFC 5993 has a ToC before them */
	{ "hr", 111, MSC_FRAME_HR, 14, {}, {}, 0, "GSM-HR-08/8000", "", 0, 1 },
	{ "hr5993", 111, MSC_FRAME_HR, 15, { 0x00 }, { 0xff }, 1, "GSM-HR-08/8000", "", 0, 1 },
	{ "amr",
	  112,
	  MSC_FRAME_AMR,
	  33,
	  { 0xf0, 0x3c },
	  { 0xf0, 0xff },
	  2,
	  "AMR/8000",
	  "a=fmtp:112 octet-align=1\r\n",
	  0xf0, /* 244 bits in 31 octets */
	  4 },
	/* MNCC has no number for what follows: with SDP only. AMR-WB in mode 8 */
	{ "amr-wb",
	  113,
	  0,
	  62,
	  { 0xf0, 0x44 },
	  { 0xf0, 0xff },
	  2,
	  "AMR-WB/16000",
	  "a=fmtp:113 octet-align=1\r\n",
	  0xf8, /* 477 bits in 60 octets */
	  8 },
	{ "g722", 9, 0, 160, {}, {}, 0, "G722/8000", "", 0, 8 },
	{ "clearmode", 120, 0, 160, {}, {}, 0, "CLEARMODE/8000", "", 0, 0 },
	{}
};

static uint16_t *free_ports;
static unsigned int n_free, n_ports;

static uint16_t port_get(void)
{
	if (n_free)
		return free_ports[--n_free];
	return opts.rtp_port + 2 * (n_ports++ % ((65534 - opts.rtp_port) / 2));
}

static void port_put(uint16_t port)
{
	static unsigned int size;

	if (n_free == size) {
		size = size ? 2 * size : 256;
		free_ports = realloc(free_ports, size * sizeof(*free_ports));
		if (!free_ports)
			abort();
	}
	free_ports[n_free++] = port;
}

/* The frame behind the codec's own head */
static void fill(uint8_t *p, uint32_t callref, uint32_t frame)
{
	size_t len = opts.codec->len - opts.codec->head_len;
	uint8_t head[12] = "MSCP";

	msc_put(head, 4, htonl(callref));
	msc_put(head, 8, htonl(frame));
	for (size_t i = 0; i < len; i++)
		p[i] = i < sizeof(head) ? head[i] : (uint8_t)(frame * 7 + i);
	if (opts.codec->tail)
		p[len - 1] &= opts.codec->tail;
}

static void send_packet(struct call *call, const uint8_t *pkt, size_t len)
{
	sendto(call->w.fd, pkt, len, MSG_DONTWAIT, (struct sockaddr *)&call->remote,
	       call->remote.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
}

/* RFC 4733: a key of the GSM side, in every tenth frame's place */
static void send_event(struct call *call)
{
	uint8_t pkt[RTP_HDR + 4] = { 0x80, EVENT_PT };

	pkt[2] = call->seq >> 8;
	pkt[3] = call->seq & 0xff;
	msc_put(pkt, 4, htonl(call->ts));
	msc_put(pkt, 8, htonl(call->ssrc));
	memcpy(pkt + RTP_HDR, "\x05\x0a\x00\xa0", 4);
	call->seq++;
	send_packet(call, pkt, sizeof(pkt));
}

static void send_frame(void *arg)
{
	const struct codec *c = opts.codec;
	struct call *call = arg;
	uint8_t pkt[RTP_HDR + MAX_PAYLOAD] = { 0x80, c->pt };
	uint64_t late = now_us() / 1000 - call->t_media.due_ms;

	ptimer_start(&call->t_media, late < FRAME_MS ? FRAME_MS - late : 1, send_frame, call);
	if (opts.events && call->frame % 10 == 9)
		send_event(call);
	pkt[2] = call->seq >> 8;
	pkt[3] = call->seq & 0xff;
	msc_put(pkt, 4, htonl(call->ts));
	msc_put(pkt, 8, htonl(call->ssrc));
	memcpy(pkt + RTP_HDR, c->head, c->head_len);
	fill(pkt + RTP_HDR + c->head_len, call->callref, call->frame);
	call->seq++;
	call->ts += strstr(c->rtpmap, "/16000") ? 2 * FRAME_TS : FRAME_TS;
	call->frame++;
	if (sendto(call->w.fd, pkt, RTP_HDR + c->len, MSG_DONTWAIT, (struct sockaddr *)&call->remote,
		   call->remote.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) > 0)
		call->m.tx++;
}

/* Is it our kind of frame, and whose? Frames of other speakers count as received, with their codec's form checked. */
static void check_frame(struct call *call, const uint8_t *pkt, size_t len)
{
	const struct codec *c = opts.codec;
	const uint8_t *p = pkt + RTP_HDR;
	uint8_t want[MAX_PAYLOAD];
	uint32_t callref, frame;

	if (opts.events && len == RTP_HDR + 4 && (pkt[1] & 0x7f) == EVENT_PT) {
		call->m.rx_events++;
		return;
	}
	if (len < RTP_HDR || pkt[0] != 0x80 || (pkt[1] & 0x7f) != c->pt || len != RTP_HDR + c->len) {
		call->m.rx_bad++;
		return;
	}
	for (unsigned int i = 0; i < c->head_len; i++) {
		if ((p[i] & c->mask[i]) != c->head[i]) {
			call->m.rx_bad++;
			return;
		}
	}
	p += c->head_len;
	if (memcmp(p, "MSCP", 4) != 0)
		return;
	callref = ntohl(msc_get(p, 4));
	frame = ntohl(msc_get(p, 8));
	fill(want, callref, frame);
	if (memcmp(p, want, c->len - c->head_len) != 0) {
		call->m.rx_bad++;
		return;
	}
	call->m.rx_intact++;
	if (callref == call->callref)
		call->m.rx_echo++;
	if (call->rx_any && frame > call->rx_next)
		call->m.rx_lost += frame - call->rx_next;
	call->rx_any = true;
	call->rx_next = frame + 1;
}

static void rx_frames(void *arg, uint32_t events)
{
	struct call *call = arg;
	uint8_t pkt[2048];
	ssize_t len;

	while ((len = recv(call->w.fd, pkt, sizeof(pkt), MSG_DONTWAIT)) >= 0) {
		call->m.rx++;
		if (!call->answered)
			call->m.rx_early++;
		check_frame(call, pkt, len);
	}
}

static void local_addr(uint16_t port, struct sockaddr_storage *local, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)local;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)local;

	memset(local, 0, sizeof(*local));
	if (inet_pton(AF_INET6, opts.rtp_ip, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		*len = sizeof(*in6);
		return;
	}
	memset(local, 0, sizeof(*local));
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	inet_pton(AF_INET, opts.rtp_ip, &in->sin_addr);
	*len = sizeof(*in);
}

static int open_socket(struct call *call, uint16_t port)
{
	local_addr(port, &call->local, &call->local_len);
	call->w = (struct watch){ .cb = rx_frames, .arg = call };
	call->w.fd = socket(call->local.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (call->w.fd < 0)
		return -errno;
	if (bind(call->w.fd, (struct sockaddr *)&call->local, call->local_len) == 0) {
		call->port = port;
		call->ssrc = call->callref * 2654435761u;
		watch_add(&call->w);
		return 0;
	}
	close(call->w.fd);
	call->w.fd = -1;
	return -EADDRINUSE;
}

/* Without --rtp an address is given and nothing listens there. */
int media_open(struct call *call)
{
	if (call->local_len)
		return 0;
	if (!opts.rtp) {
		local_addr(opts.rtp_port + 2 * (call->callref % 10000), &call->local, &call->local_len);
		return 0;
	}
	for (int i = 0; i < 100; i++) {
		if (open_socket(call, port_get()) == 0)
			return 0;
	}
	return -EADDRINUSE;
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET ? ((const struct sockaddr_in *)a)->sin_port
					     : ((const struct sockaddr_in6 *)a)->sin6_port);
}

/* A list of formats being written. */
struct formats {
	char pts[64], maps[512];
	size_t n_pts, n_maps;
};

static void add_format(struct formats *f, const struct codec *c)
{
	f->n_pts += snprintf(f->pts + f->n_pts, sizeof(f->pts) - f->n_pts, " %u", c->pt);
	f->n_maps += snprintf(f->maps + f->n_maps, sizeof(f->maps) - f->n_maps, "a=rtpmap:%u %s\r\n%s", c->pt,
			      c->rtpmap, c->fmtp);
}

/* The port of another call of the phone is not told twice: then there is none. */
void media_sdp(const struct call *call, char *buf, size_t len, bool all)
{
	char ipv = call->local.ss_family == AF_INET6 ? '6' : '4';
	const char *ip = call->local_len ? opts.rtp_ip : "0.0.0.0";
	struct formats f = {};

	if (call->assigned || !all)
		add_format(&f, opts.codec);
	for (const struct codec *c = codecs; all && c->name; c++) {
		if ((c == opts.codec && !call->assigned) || (c->pt != opts.codec->pt && strcmp(c->name, "hr5993")))
			add_format(&f, c);
	}
	if (opts.events) {
		f.n_pts += snprintf(f.pts + f.n_pts, sizeof(f.pts) - f.n_pts, " %u", EVENT_PT);
		f.n_maps += snprintf(f.maps + f.n_maps, sizeof(f.maps) - f.n_maps,
				     "a=rtpmap:%u telephone-event/8000\r\na=fmtp:%u 0-15\r\n", EVENT_PT, EVENT_PT);
	}
	snprintf(buf, len,
		 "v=0\r\no=OsmoMSC 0 0 IN IP%c %s\r\ns=GSM Call\r\nc=IN IP%c %s\r\nt=0 0\r\n"
		 "m=audio %u RTP/AVP%s\r\n%sa=ptime:20\r\n",
		 ipv, ip, ipv, ip, call->local_len ? port_of(&call->local) : 0, f.pts, f.maps);
}

/* osmo-msc from 1.11 on reads SDP first, and the address beside it only where SDP has none. */
static bool remote_from_sdp(struct sockaddr_storage *remote, const char *sdp)
{
	struct sockaddr_in *in = (struct sockaddr_in *)remote;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)remote;
	const char *c = strstr(sdp, "c=IN IP"), *m = strstr(sdp, "m=audio ");
	char ip[64] = "";
	unsigned int port;

	if (!c || !m || sscanf(c, "c=IN IP%*c %63[0-9a-fA-F.:]", ip) != 1 || sscanf(m, "m=audio %u", &port) != 1)
		return false;
	memset(remote, 0, sizeof(*remote));
	if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return true;
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1;
}

/* The address to send to. A MNCC_RTP_CONNECT may come again with another one. */
void media_connect(struct call *call, const uint8_t *msg)
{
	call->remote_set = (opts.new_msc && remote_from_sdp(&call->remote, (const char *)msg + MSC_O_RTP_SDP)) ||
			   msc_get_rtp(msg, &call->remote);
	if (!call->remote_set) {
		ptimer_stop(&call->t_media);
		return;
	}
	if (opts.rtp && call->w.fd >= 0 && !call->t_media.pprev)
		ptimer_start(&call->t_media, FRAME_MS, send_frame, call);
}

int media_move(struct call *call)
{
	if (call->w.fd >= 0) {
		uint16_t old = call->port;

		watch_del(&call->w);
		close(call->w.fd);
		call->w.fd = -1;
		call->local_len = 0;
		if (media_open(call) < 0)
			return -1;
		port_put(old);
		return 0;
	}
	local_addr(opts.rtp_port + 1000, &call->local, &call->local_len);
	return 0;
}

void media_close(struct call *call)
{
	ptimer_stop(&call->t_media);
	if (call->w.fd < 0)
		return;
	watch_del(&call->w);
	close(call->w.fd);
	call->w.fd = -1;
	port_put(call->port);
}
