/* MNCC messages: bytes of a given layout to struct and back.
 *
 * Integers are read and written by memcpy at offsets that are the same in all versions (struct gsm_mncc up to
 * lchan_mode), or that the layout names (gcr, sdp, everything in struct gsm_mncc_rtp). What is read is checked here,
 * once: past the codec each string is terminated and has only characters that a number can have. Unused members are
 * zero on the wire, as in osmo-msc. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/logging.h>
#include <osmocom/core/sockaddr_str.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/mncc/mncc_msg.h>

#include "mncc_internal.h"

/* struct gsm_mncc, all versions */
#define OFF_TYPE	0
#define OFF_CALLREF	4
#define OFF_FIELDS	8
#define OFF_BEARER	12
#define OFF_CALLED	104
#define OFF_CALLING	156
#define OFF_REDIRECTING 208
#define OFF_CONNECTED	260
#define OFF_CAUSE	312
#define OFF_PROGRESS	368
#define OFF_FACILITY	516
#define OFF_CCCAP	648
#define OFF_CLIR	788
#define OFF_KEYPAD	800
#define OFF_NOTIFY	808
#define OFF_EMERGENCY	812
#define OFF_IMSI	816
#define FIXED_SIZE	834 /* up to and with lchan_mode: what each signalling message has */

/* its parts */
#define BEARER_SPEECH_VER 20
#define N_SPEECH_VER	  8
#define NUMBER_DIGITS	  16
#define CAUSE_CODING	  4
#define CAUSE_VALUE	  16

/* The fields that we carry; a bit whose member we do not write would announce an empty element. */
#define FIELDS_CARRIED                                                                                                 \
	(MNCC_FIELD_BEARER_CAP | MNCC_FIELD_CALLED | MNCC_FIELD_CALLING | MNCC_FIELD_REDIRECTING |                     \
	 MNCC_FIELD_CONNECTED | MNCC_FIELD_CAUSE | MNCC_FIELD_PROGRESS | MNCC_FIELD_EMERGENCY | MNCC_FIELD_CCCAP |     \
	 MNCC_FIELD_KEYPAD | MNCC_FIELD_GCR | MNCC_FIELD_FACILITY)

static inline uint32_t get32(const uint8_t *buf, size_t off)
{
	uint32_t val;

	memcpy(&val, buf + off, sizeof(val));
	return val;
}

static inline void put32(uint8_t *buf, size_t off, uint32_t val)
{
	memcpy(buf + off, &val, sizeof(val));
}

/*! Does a message of this type have the form of struct gsm_mncc_rtp? */
bool mncc_type_is_rtp(uint32_t type)
{
	return type == MNCC_MT_RTP_CREATE || type == MNCC_MT_RTP_CONNECT || type == MNCC_MT_RTP_FREE;
}

/*! Read the MSC's first message. Returns 0 or -EINVAL if it is too short or no HELLO. */
int mncc_hello_decode(struct mncc_hello *hello, const uint8_t *buf, size_t len)
{
	if (len < 32 || get32(buf, OFF_TYPE) != MNCC_MT_HELLO)
		return -EINVAL;
	*hello = (struct mncc_hello){
		.version = get32(buf, 4),
		.mncc_size = get32(buf, 8),
		.data_frame_size = get32(buf, 12),
		.called_offset = get32(buf, 16),
		.signal_offset = get32(buf, 20),
		.emergency_offset = get32(buf, 24),
		.lchan_type_offset = get32(buf, 28),
	};
	return 0;
}

/* ---- bytes to struct ---- */

/* Digits of a number or an IMSI go into URIs, logs and CDRs: nothing else may be in there, and a NUL within max octets.
 */
static int get_digits(char *to, const uint8_t *from, size_t max)
{
	size_t i;

	for (i = 0; i < max; i++) {
		char c = from[i];

		to[i] = c;
		if (!c)
			return 0;
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '*' &&
		    c != '#' && c != '+')
			return -EINVAL;
	}
	return -EINVAL;
}

static int get_number(struct mncc_number *n, const uint8_t *p)
{
	n->type = get32(p, 0);
	n->plan = get32(p, 4);
	n->present = get32(p, 8);
	n->screen = get32(p, 12);
	return get_digits(n->digits, p + NUMBER_DIGITS, sizeof(n->digits));
}

/* A list without its end mark ends with the last version that fits. */
static void get_bearer(struct mncc_bearer_cap *b, const uint8_t *p)
{
	unsigned int i;

	b->transfer = get32(p, 0);
	b->mode = get32(p, 4);
	b->coding = get32(p, 8);
	b->radio = get32(p, 12);
	b->speech_ctm = get32(p, 16);
	for (i = 0; i < N_SPEECH_VER - 1; i++) {
		int32_t ver = get32(p, BEARER_SPEECH_VER + 4 * i);

		if (ver < 0 || ver > 15)
			break;
		b->speech_ver[i] = ver;
	}
	b->speech_ver[i] = -1;
}

/* SDP up to its NUL; a packet may end right after that, or before sdp. */
static int get_sdp(const char **sdp, const uint8_t *buf, size_t len, size_t off)
{
	*sdp = "";
	if (!off || len <= off)
		return 0;
	if (!memchr(buf + off, '\0', OSMO_MIN(len - off, (size_t)MNCC_SDP_LEN)))
		return -EINVAL;
	*sdp = (const char *)buf + off;
	return 0;
}

static const struct number_field {
	uint32_t field;
	size_t off, member;
} number_fields[] = {
	{ MNCC_FIELD_CALLED, OFF_CALLED, offsetof(struct mncc_msg, called) },
	{ MNCC_FIELD_CALLING, OFF_CALLING, offsetof(struct mncc_msg, calling) },
	{ MNCC_FIELD_REDIRECTING, OFF_REDIRECTING, offsetof(struct mncc_msg, redirecting) },
	{ MNCC_FIELD_CONNECTED, OFF_CONNECTED, offsetof(struct mncc_msg, connected) },
};

static int get_numbers(struct mncc_msg *msg, const uint8_t *buf)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(number_fields); i++) {
		const struct number_field *f = &number_fields[i];
		int rc;

		if (!(msg->fields & f->field))
			continue;
		rc = get_number((void *)((uint8_t *)msg + f->member), buf + f->off);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void get_elements(struct mncc_msg *msg, const uint8_t *buf)
{
	uint32_t val;

	if (msg->fields & MNCC_FIELD_BEARER_CAP)
		get_bearer(&msg->bearer_cap, buf + OFF_BEARER);
	if (msg->fields & MNCC_FIELD_CAUSE) {
		msg->cause.location = get32(buf, OFF_CAUSE) & 0xf;
		msg->cause.coding = get32(buf, OFF_CAUSE + CAUSE_CODING) & 3;
		msg->cause.value = get32(buf, OFF_CAUSE + CAUSE_VALUE) & 0x7f;
	}
	if (msg->fields & MNCC_FIELD_PROGRESS) {
		msg->progress.coding = get32(buf, OFF_PROGRESS) & 3;
		msg->progress.location = get32(buf, OFF_PROGRESS + 4) & 0xf;
		msg->progress.descr = get32(buf, OFF_PROGRESS + 8) & 0x7f;
	}
	if (msg->fields & MNCC_FIELD_CCCAP) {
		msg->cccap.dtmf = get32(buf, OFF_CCCAP);
		msg->cccap.pcp = get32(buf, OFF_CCCAP + 4);
	}
	if (msg->fields & MNCC_FIELD_KEYPAD) {
		val = get32(buf, OFF_KEYPAD);
		/* whatever the phone sent; 0 is none that could be a key */
		msg->keypad = val > ' ' && val < 0x7f ? val : 0;
	}
	/* these have no bit of their own */
	msg->clir.sup = get32(buf, OFF_CLIR);
	msg->clir.inv = get32(buf, OFF_CLIR + 4);
	msg->notify = get32(buf, OFF_NOTIFY) & 0x7f;
	msg->emergency = (msg->fields & MNCC_FIELD_EMERGENCY) && get32(buf, OFF_EMERGENCY);
}

static int decode_signal(struct mncc_msg *msg, const struct mncc_layout *layout, const uint8_t *buf, size_t len)
{
	if (len < FIXED_SIZE)
		return -EINVAL;
	msg->fields = get32(buf, OFF_FIELDS);
	get_elements(msg, buf);
	if (layout->gcr_off && msg->fields & MNCC_FIELD_GCR && len >= layout->gcr_off + sizeof(msg->gcr)) {
		memcpy(msg->gcr, buf + layout->gcr_off, sizeof(msg->gcr));
		msg->has_gcr = true;
	}
	if (get_numbers(msg, buf) < 0 || get_digits(msg->imsi, buf + OFF_IMSI, sizeof(msg->imsi)) < 0)
		return -EINVAL;
	return get_sdp(&msg->sdp, buf, len, layout->sdp_off);
}

/* IPv4 and port as integers in host byte order, versions 5 and 6 */
static void get_addr_ints(struct mncc_msg *msg, const struct mncc_layout *layout, const uint8_t *buf)
{
	uint32_t ip = get32(buf, layout->rtp_addr_off);
	uint16_t port;

	memcpy(&port, buf + layout->rtp_port_off, sizeof(port));
	if (!ip || !port)
		return;
	msg->addr.u.sin = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(ip),
		.sin_port = htons(port),
	};
}

static void get_addr(struct mncc_msg *msg, const uint8_t *p)
{
	sa_family_t family;

	memcpy(&family, p, sizeof(family));
	if (family == AF_INET) {
		memcpy(&msg->addr.u.sin, p, sizeof(msg->addr.u.sin));
		if (!msg->addr.u.sin.sin_port || !msg->addr.u.sin.sin_addr.s_addr)
			msg->addr.u.sa.sa_family = AF_UNSPEC;
	} else if (family == AF_INET6) {
		memcpy(&msg->addr.u.sin6, p, sizeof(msg->addr.u.sin6));
		if (!msg->addr.u.sin6.sin6_port || IN6_IS_ADDR_UNSPECIFIED(&msg->addr.u.sin6.sin6_addr))
			msg->addr.u.sa.sa_family = AF_UNSPEC;
	}
}

static int decode_rtp(struct mncc_msg *msg, const struct mncc_layout *layout, const uint8_t *buf, size_t len)
{
	if (len < layout->rtp_pmt_off + sizeof(uint32_t))
		return -EINVAL;
	if (layout->rtp_sockaddr)
		get_addr(msg, buf + layout->rtp_addr_off);
	else
		get_addr_ints(msg, layout, buf);
	msg->payload_type = get32(buf, layout->rtp_pt_off);
	msg->payload_msg_type = get32(buf, layout->rtp_pmt_off);
	return get_sdp(&msg->sdp, buf, len, layout->rtp_sdp_off);
}

/*! Read a message from the MSC.
 *
 * It may be shorter or longer than the layout says: osmo-msc sends RTP messages in the size of signalling messages, and
 * a packet may end after the NUL of sdp. \param[out] msg  sdp points into \a buf. An address without IP or port is
 * AF_UNSPEC: the MSC says "error" with it. \returns 0, or -EINVAL: too short, a string without its NUL, a number with
 * characters that no number has. */
int mncc_msg_decode(struct mncc_msg *msg, const struct mncc_layout *layout, const uint8_t *buf, size_t len)
{
	if (len < OFF_FIELDS)
		return -EINVAL;
	*msg = (struct mncc_msg){
		.type = get32(buf, OFF_TYPE),
		.callref = get32(buf, OFF_CALLREF),
		.bearer_cap.speech_ver = { -1 },
		.sdp = "",
	};
	if (mncc_type_is_rtp(msg->type))
		return decode_rtp(msg, layout, buf, len);
	return decode_signal(msg, layout, buf, len);
}

/* ---- struct to bytes ---- */

static void put_number(uint8_t *p, const struct mncc_number *n)
{
	put32(p, 0, n->type);
	put32(p, 4, n->plan);
	put32(p, 8, n->present);
	put32(p, 12, n->screen);
	osmo_strlcpy((char *)p + NUMBER_DIGITS, n->digits, sizeof(n->digits));
}

static void put_numbers(uint8_t *buf, const struct mncc_msg *msg)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(number_fields); i++) {
		const struct number_field *f = &number_fields[i];

		if (msg->fields & f->field)
			put_number(buf + f->off, (const void *)((const uint8_t *)msg + f->member));
	}
}

/* osmo-msc drops a bearer capability without the -1 that ends its list, without a word. */
static void put_bearer(uint8_t *p, const struct mncc_bearer_cap *b)
{
	unsigned int i;

	put32(p, 0, b->transfer);
	put32(p, 4, b->mode);
	put32(p, 8, b->coding);
	put32(p, 12, b->radio);
	put32(p, 16, b->speech_ctm);
	for (i = 0; i < N_SPEECH_VER - 1 && b->speech_ver[i] >= 0; i++)
		put32(p, BEARER_SPEECH_VER + 4 * i, b->speech_ver[i]);
	put32(p, BEARER_SPEECH_VER + 4 * i, (uint32_t)-1);
}

static void put_elements(uint8_t *buf, const struct mncc_msg *msg)
{
	if (msg->fields & MNCC_FIELD_BEARER_CAP)
		put_bearer(buf + OFF_BEARER, &msg->bearer_cap);
	else
		put32(buf, OFF_BEARER + BEARER_SPEECH_VER, (uint32_t)-1);
	if (msg->fields & MNCC_FIELD_CAUSE) {
		put32(buf, OFF_CAUSE, msg->cause.location);
		put32(buf, OFF_CAUSE + CAUSE_CODING, msg->cause.coding);
		put32(buf, OFF_CAUSE + CAUSE_VALUE, msg->cause.value);
	}
	if (msg->fields & MNCC_FIELD_PROGRESS) {
		put32(buf, OFF_PROGRESS, msg->progress.coding);
		put32(buf, OFF_PROGRESS + 4, msg->progress.location);
		put32(buf, OFF_PROGRESS + 8, msg->progress.descr);
	}
	if (msg->fields & MNCC_FIELD_FACILITY && msg->facility && msg->facility_len <= MNCC_MAX_FACILITY) {
		put32(buf, OFF_FACILITY, msg->facility_len);
		memcpy(buf + OFF_FACILITY + 4, msg->facility, msg->facility_len);
	}
	if (msg->fields & MNCC_FIELD_CCCAP) {
		put32(buf, OFF_CCCAP, msg->cccap.dtmf);
		put32(buf, OFF_CCCAP + 4, msg->cccap.pcp);
	}
	if (msg->fields & MNCC_FIELD_KEYPAD)
		put32(buf, OFF_KEYPAD, (uint8_t)msg->keypad);
	put32(buf, OFF_CLIR, msg->clir.sup);
	put32(buf, OFF_CLIR + 4, msg->clir.inv);
	put32(buf, OFF_NOTIFY, msg->notify);
	put32(buf, OFF_EMERGENCY, msg->emergency);
}

/* Bits that the MSC does not know would make it drop the message. */
static uint32_t fields_to_send(const struct mncc_layout *layout, const struct mncc_msg *msg)
{
	uint32_t fields = msg->fields & FIELDS_CARRIED & layout->fields_mask;

	if (!msg->has_gcr)
		fields &= ~MNCC_FIELD_GCR;
	if (!msg->facility || msg->facility_len > MNCC_MAX_FACILITY)
		fields &= ~MNCC_FIELD_FACILITY;
	if (fields != msg->fields)
		LOGP(DMNCC, LOGL_DEBUG, "%s callref=0x%x: fields 0x%x are left out, the MSC does not take them\n",
		     get_value_string(mncc_msg_type_names, msg->type), msg->callref, msg->fields & ~fields);
	return fields;
}

static void encode_signal(uint8_t *buf, const struct mncc_layout *layout, const struct mncc_msg *msg)
{
	uint32_t fields = fields_to_send(layout, msg);

	put32(buf, OFF_FIELDS, fields);
	put_elements(buf, msg);
	put_numbers(buf, msg);
	osmo_strlcpy((char *)buf + OFF_IMSI, msg->imsi, sizeof(msg->imsi));
	if (fields & MNCC_FIELD_GCR)
		memcpy(buf + layout->gcr_off, msg->gcr, sizeof(msg->gcr));
}

static void put_addr_ints(uint8_t *buf, const struct mncc_layout *layout, const struct osmo_sockaddr *addr)
{
	uint16_t port = ntohs(addr->u.sin.sin_port);

	if (addr->u.sa.sa_family != AF_INET)
		return;
	put32(buf, layout->rtp_addr_off, ntohl(addr->u.sin.sin_addr.s_addr));
	memcpy(buf + layout->rtp_port_off, &port, sizeof(port));
}

static void put_addr(uint8_t *p, const struct osmo_sockaddr *addr)
{
	if (addr->u.sa.sa_family == AF_INET)
		memcpy(p, &addr->u.sin, sizeof(addr->u.sin));
	else if (addr->u.sa.sa_family == AF_INET6)
		memcpy(p, &addr->u.sin6, sizeof(addr->u.sin6));
}

static void encode_rtp(uint8_t *buf, const struct mncc_layout *layout, const struct mncc_msg *msg)
{
	if (layout->rtp_sockaddr)
		put_addr(buf + layout->rtp_addr_off, &msg->addr);
	else
		put_addr_ints(buf, layout, &msg->addr);
	put32(buf, layout->rtp_pt_off, msg->payload_type);
	put32(buf, layout->rtp_pmt_off, msg->payload_msg_type);
}

/*! Write a message to the MSC, in the full size of the layout; where the layout has no sdp it is left out.
 * \returns the number of octets, -EMSGSIZE if sdp does not fit, -ENOBUFS if the buffer is too small. */
int mncc_msg_encode(uint8_t *buf, size_t len, const struct mncc_layout *layout, const struct mncc_msg *msg)
{
	bool rtp = mncc_type_is_rtp(msg->type);
	size_t size = rtp ? layout->rtp_size : layout->mncc_size;
	size_t sdp_off = rtp ? layout->rtp_sdp_off : layout->sdp_off;
	size_t sdp_len = msg->sdp && sdp_off ? strlen(msg->sdp) : 0;

	if (len < size)
		return -ENOBUFS;
	if (sdp_len >= MNCC_SDP_LEN)
		return -EMSGSIZE;
	memset(buf, 0, size);
	put32(buf, OFF_TYPE, msg->type);
	put32(buf, OFF_CALLREF, msg->callref);
	if (rtp)
		encode_rtp(buf, layout, msg);
	else
		encode_signal(buf, layout, msg);
	if (sdp_len)
		memcpy(buf + sdp_off, msg->sdp, sdp_len);
	return size;
}

/* ---- to text ---- */

static int bearer_to_str_buf(char *buf, size_t len, const struct mncc_bearer_cap *b)
{
	struct osmo_strbuf sb = { .buf = buf, .len = len };
	unsigned int i;

	OSMO_STRBUF_PRINTF(sb, " bearer_cap(transfer=%u mode=%u radio=%u speech_ver=", b->transfer, b->mode, b->radio);
	for (i = 0; i < N_SPEECH_VER && b->speech_ver[i] >= 0; i++)
		OSMO_STRBUF_PRINTF(sb, "%s%d", i ? "," : "", b->speech_ver[i]);
	OSMO_STRBUF_PRINTF(sb, ")");
	return sb.chars_needed;
}

static int numbers_to_str_buf(char *buf, size_t len, const struct mncc_msg *msg)
{
	static const char *const names[] = { "called", "calling", "redirecting", "connected" };
	struct osmo_strbuf sb = { .buf = buf, .len = len };
	unsigned int i;

	OSMO_STRBUF_PRINTF(sb, "%s", "");
	for (i = 0; i < ARRAY_SIZE(number_fields); i++) {
		const struct mncc_number *n = (const void *)((const uint8_t *)msg + number_fields[i].member);

		if (msg->fields & number_fields[i].field)
			OSMO_STRBUF_PRINTF(sb, " %s='%s'(type=%u plan=%u)", names[i], n->digits, n->type, n->plan);
	}
	return sb.chars_needed;
}

static int signal_to_str_buf(char *buf, size_t len, const struct mncc_msg *msg)
{
	struct osmo_strbuf sb = { .buf = buf, .len = len };

	OSMO_STRBUF_APPEND(sb, numbers_to_str_buf, msg);
	if (msg->fields & MNCC_FIELD_BEARER_CAP)
		OSMO_STRBUF_APPEND(sb, bearer_to_str_buf, &msg->bearer_cap);
	if (msg->fields & MNCC_FIELD_CAUSE)
		OSMO_STRBUF_PRINTF(sb, " cause(location=%u value=%u)", msg->cause.location, msg->cause.value);
	if (msg->fields & MNCC_FIELD_PROGRESS)
		OSMO_STRBUF_PRINTF(sb, " progress(location=%u descr=%u)", msg->progress.location, msg->progress.descr);
	if (msg->fields & MNCC_FIELD_KEYPAD)
		OSMO_STRBUF_PRINTF(sb, " keypad='%c'", msg->keypad ? msg->keypad : '?');
	if (msg->type == MNCC_MT_NOTIFY_REQ)
		OSMO_STRBUF_PRINTF(sb, " notify=%u", msg->notify);
	if (msg->emergency)
		OSMO_STRBUF_PRINTF(sb, " emergency");
	if (msg->clir.inv)
		OSMO_STRBUF_PRINTF(sb, " clir");
	if (msg->imsi[0])
		OSMO_STRBUF_PRINTF(sb, " imsi=%s", msg->imsi);
	return sb.chars_needed;
}

static int rtp_to_str_buf(char *buf, size_t len, const struct mncc_msg *msg)
{
	struct osmo_strbuf sb = { .buf = buf, .len = len };
	char addr[INET6_ADDRSTRLEN + 8] = "none";

	if (msg->addr.u.sa.sa_family != AF_UNSPEC)
		osmo_sockaddr_to_str_buf(addr, sizeof(addr), &msg->addr);
	OSMO_STRBUF_PRINTF(sb, " addr=%s payload_type=%u payload_msg_type=0x%x", addr, msg->payload_type,
			   msg->payload_msg_type);
	return sb.chars_needed;
}

/*! One line about a message. As snprintf(): the length that it takes. */
int mncc_msg_to_str_buf(char *buf, size_t len, const struct mncc_msg *msg)
{
	struct osmo_strbuf sb = { .buf = buf, .len = len };

	OSMO_STRBUF_PRINTF(sb, "%s callref=0x%x", get_value_string(mncc_msg_type_names, msg->type), msg->callref);
	if (mncc_type_is_rtp(msg->type))
		OSMO_STRBUF_APPEND(sb, rtp_to_str_buf, msg);
	else
		OSMO_STRBUF_APPEND(sb, signal_to_str_buf, msg);
	if (msg->sdp && *msg->sdp)
		OSMO_STRBUF_PRINTF(sb, " sdp(%zu)", strlen(msg->sdp));
	return sb.chars_needed;
}
