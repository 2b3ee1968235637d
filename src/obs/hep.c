/* Export by HEPv3: each message as a datagram of chunks {vendor, type, length, value}.
 *
 * Sent as it happens, without repetition; what does not get through is counted. Messages of a call have its number as
 * correlation id, so that a collector can show its SIP and MGCP together. An INVITE whose call is not known yet, and
 * what else there is with its Call-ID, are held back until the call claims them, or until the end of the turn. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/obs/hep.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/bits.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/socket.h>
#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/log_limit.h>
#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/base/turn.h>
#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/obs/trace.h>

#define HEP_MAX_LEN  65000 /* of a datagram; longer messages are cut */
#define HEP_ID_SPACE 64	   /* of that, for the correlation id behind the message */

/* Types of chunks (vendor 0). */
enum {
	HEP_FAMILY = 1,
	HEP_IP_PROTO = 2,
	HEP_SRC4 = 3,
	HEP_DST4 = 4,
	HEP_SRC6 = 5,
	HEP_DST6 = 6,
	HEP_SRC_PORT = 7,
	HEP_DST_PORT = 8,
	HEP_SECONDS = 9,
	HEP_MICROSECONDS = 10,
	HEP_PROTOCOL = 11,
	HEP_AGENT = 12,
	HEP_AUTH_KEY = 14,
	HEP_PAYLOAD = 15,
	HEP_CORRELATION = 17,
};

struct held {
	struct llist_head entry;
	uint64_t key; /* of its Call-ID */
	size_t len;
	uint8_t packet[];
};

struct hep {
	struct hep_cfg cfg;
	struct trace *trace;
	struct trace_tap tap;
	int fd; /* -1: off */
	char instance[17];
	struct log_limit limit;
	struct llist_head held; /* of struct held: what waits for its call */
	struct turn_task turn;	/* the end of that */
	struct rate_ctr_group *ctrs;
};

static const struct rate_ctr_desc ctr_desc[] = {
	[HEP_CTR_SENT] = { "sent", "Messages exported to the collector" },
	[HEP_CTR_FAILED] = { "failed", "Messages that could not be sent to the collector" },
};

static const struct rate_ctr_group_desc ctr_group_desc = {
	.group_name_prefix = "hep",
	.group_description = "Export of messages (HEP)",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_ctr = ARRAY_SIZE(ctr_desc),
	.ctr_desc = ctr_desc,
};

static uint8_t packet[HEP_MAX_LEN + HEP_ID_SPACE];
static size_t packet_len;

static void put_chunk(uint16_t type, const void *value, size_t len)
{
	uint8_t *chunk = packet + packet_len;

	osmo_store16be(0, chunk);
	osmo_store16be(type, chunk + 2);
	osmo_store16be(6 + len, chunk + 4);
	memcpy(chunk + 6, value, len);
	packet_len += 6 + len;
}

static void put(uint16_t type, const void *value, size_t len)
{
	put_chunk(type, value, OSMO_MIN(len, HEP_MAX_LEN - packet_len - 6));
}

static void put8(uint16_t type, uint8_t value)
{
	put(type, &value, 1);
}

static void put16(uint16_t type, uint16_t value)
{
	value = htons(value);
	put(type, &value, sizeof(value));
}

static void put32(uint16_t type, uint32_t value)
{
	value = htonl(value);
	put(type, &value, sizeof(value));
}

static void put_addrs(const struct osmo_sockaddr *src, const struct osmo_sockaddr *dst, bool stream)
{
	bool v6 = src->u.sa.sa_family == AF_INET6;

	put8(HEP_FAMILY, src->u.sa.sa_family);
	put8(HEP_IP_PROTO, stream ? IPPROTO_TCP : IPPROTO_UDP);
	if (v6) {
		put(HEP_SRC6, &src->u.sin6.sin6_addr, sizeof(src->u.sin6.sin6_addr));
		put(HEP_DST6, &dst->u.sin6.sin6_addr, sizeof(dst->u.sin6.sin6_addr));
	} else {
		put(HEP_SRC4, &src->u.sin.sin_addr, sizeof(src->u.sin.sin_addr));
		put(HEP_DST4, &dst->u.sin.sin_addr, sizeof(dst->u.sin.sin_addr));
	}
	put16(HEP_SRC_PORT, osmo_sockaddr_port(&src->u.sa));
	put16(HEP_DST_PORT, osmo_sockaddr_port(&dst->u.sa));
}

static void send_packet(struct hep *hep)
{
	memcpy(packet, "HEP3", 4);
	osmo_store16be(packet_len, packet + 4);
	if (send(hep->fd, packet, packet_len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		const char *more = log_limit_pass(&hep->limit);
		rate_ctr_inc(rate_ctr_group_get_ctr(hep->ctrs, HEP_CTR_FAILED));
		if (more)
			LOGP(DOBS, LOGL_NOTICE, "cannot export to %s port %u: %s%s\n", hep->cfg.addr, hep->cfg.port,
			     strerror(errno), more);
		return;
	}
	rate_ctr_inc(rate_ctr_group_get_ctr(hep->ctrs, HEP_CTR_SENT));
}

static void put_correlation(const struct hep *hep, uint32_t call_id)
{
	char id[40];

	put_chunk(HEP_CORRELATION, id, snprintf(id, sizeof(id), "%s-%" PRIu32, hep->instance, call_id));
}

static void let_go(struct hep *hep, struct held *held, uint32_t call_id)
{
	memcpy(packet, held->packet, held->len);
	packet_len = held->len;
	if (call_id)
		put_correlation(hep, call_id);
	send_packet(hep);
	llist_del(&held->entry);
	talloc_free(held);
}

static void let_all_go(void *data)
{
	struct hep *hep = data;
	struct held *held, *next;

	llist_for_each_entry_safe (held, next, &hep->held, entry)
		let_go(hep, held, 0);
}

static void claimed(void *data, enum wire_proto proto, uint64_t key, uint32_t call_id)
{
	struct hep *hep = data;
	struct held *held, *next;

	llist_for_each_entry_safe (held, next, &hep->held, entry) {
		if (proto == WIRE_SIP && held->key == key)
			let_go(hep, held, call_id);
	}
}

static bool is_held(const struct hep *hep, uint64_t key)
{
	const struct held *held;

	llist_for_each_entry (held, &hep->held, entry) {
		if (held->key == key)
			return true;
	}
	return false;
}

static void hold_packet(struct hep *hep, uint64_t key)
{
	struct held *held = talloc_size(hep, sizeof(*held) + packet_len);

	OSMO_ASSERT(held);
	held->key = key;
	held->len = packet_len;
	memcpy(held->packet, packet, packet_len);
	llist_add_tail(&held->entry, &hep->held);
	turn_later(&hep->turn);
}

static void put_message(const struct hep *hep, const struct wire_msg *msg)
{
	static const uint8_t protocols[] = { [WIRE_SIP] = 1, [WIRE_MGCP] = 6 };
	bool rx = msg->dir == WIRE_RX;
	struct timeval now;

	osmo_gettimeofday(&now, NULL);
	packet_len = 6;
	put_addrs(rx ? msg->remote : msg->local, rx ? msg->local : msg->remote, msg->stream);
	put32(HEP_SECONDS, now.tv_sec);
	put32(HEP_MICROSECONDS, now.tv_usec);
	put8(HEP_PROTOCOL, protocols[msg->proto]);
	put32(HEP_AGENT, hep->cfg.agent_id);
	if (hep->cfg.auth_key)
		put(HEP_AUTH_KEY, hep->cfg.auth_key, strlen(hep->cfg.auth_key));
	put(HEP_PAYLOAD, msg->data, msg->len);
}

static bool is_invite(const struct wire_msg *msg)
{
	return msg->len > 7 && memcmp(msg->data, "INVITE ", 7) == 0;
}

static void seen(void *data, const struct wire_msg *msg, uint64_t key, uint32_t call_id)
{
	struct hep *hep = data;

	if (msg->proto == WIRE_MNCC || !msg->local || !msg->remote)
		return;
	put_message(hep, msg);
	if (call_id)
		put_correlation(hep, call_id);
	if (!call_id && key && msg->proto == WIRE_SIP && (is_invite(msg) || is_held(hep, key)))
		hold_packet(hep, key);
	else
		send_packet(hep);
}

static void stop(struct hep *hep)
{
	if (hep->fd < 0)
		return;
	turn_cancel(&hep->turn);
	let_all_go(hep);
	trace_tap_del(hep->trace, &hep->tap);
	close(hep->fd);
	hep->fd = -1;
}

int hep_apply(struct hep *hep)
{
	int fd;

	stop(hep);
	if (!hep->cfg.addr)
		return 0;
	fd = osmo_sock_init2(AF_UNSPEC, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, hep->cfg.addr, hep->cfg.port,
			     OSMO_SOCK_F_CONNECT | OSMO_SOCK_F_NONBLOCK);
	if (fd < 0)
		return fd;
	hep->fd = fd;
	trace_tap_add(hep->trace, &hep->tap);
	return 0;
}

static int hep_destructor(struct hep *hep)
{
	stop(hep);
	rate_ctr_group_free(hep->ctrs);
	return 0;
}

struct hep *hep_alloc(void *ctx, struct trace *trace)
{
	struct hep *hep = talloc_zero(ctx, struct hep);

	OSMO_ASSERT(hep);
	*hep = (struct hep){
		.cfg = { .port = HEP_DEFAULT_PORT, .agent_id = 1 },
		.trace = trace,
		.tap = { .seen = seen, .claimed = claimed, .data = hep },
		.turn = { .phase = TURN_SEND, .run = let_all_go, .data = hep },
		.fd = -1,
		.ctrs = rate_ctr_group_alloc(hep, &ctr_group_desc, 0),
	};
	OSMO_ASSERT(hep->ctrs);
	INIT_LLIST_HEAD(&hep->held);
	snprintf(hep->instance, sizeof(hep->instance), "%016" PRIx64, token_u64());
	talloc_set_destructor(hep, hep_destructor);
	return hep;
}

struct hep_cfg *hep_cfg(struct hep *hep)
{
	return &hep->cfg;
}

struct rate_ctr_group *hep_ctrs(const struct hep *hep)
{
	return hep->ctrs;
}
