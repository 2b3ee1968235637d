/* MNCC messages in each version of the protocol: where members lie, round trips, packets cut short, hostile strings. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>

#include <osmocom/core/logging.h>
#include <osmocom/gsm/mncc.h>

#include <osmocom/sipgw/mncc/mncc_msg.h>

#include "msc_wire.h"
#include "story.h"

#define MAX 2048

static struct mncc_hello hello(uint32_t version, uint32_t size)
{
	return (struct mncc_hello){
		.version = version,
		.mncc_size = size,
		.data_frame_size = 8,
		.called_offset = 104,
		.signal_offset = 796,
		.emergency_offset = 812,
		.lchan_type_offset = 832,
	};
}

static const struct mncc_layout *layout(uint32_t version, uint32_t size)
{
	struct mncc_hello h = hello(version, size);
	const struct mncc_layout *l = mncc_layout_for(&h, NULL);

	EXPECT(l);
	return l;
}

static const struct {
	uint32_t version, size;
} all[] = { { 5, 836 }, { 6, 1860 }, { 7, 1860 }, { 8, 1876 }, { 8, 1896 } };

/* A buffer of exactly this length, so that the address sanitizer sees each octet read beyond it. */
static int decode_exact(struct mncc_msg *msg, const struct mncc_layout *l, const uint8_t *buf, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int rc;

	memcpy(copy, buf, len);
	rc = mncc_msg_decode(msg, l, copy, len);
	if (rc == 0) {
		EXPECT(strlen(msg->sdp) < MNCC_SDP_LEN);
		EXPECT(strlen(msg->called.digits) <= MNCC_MAX_DIGITS && strlen(msg->imsi) <= 15);
		msg->sdp = *msg->sdp ? "(sdp)" : "";
	}
	free(copy);
	return rc;
}

static void test_hello(void)
{
	static const struct {
		uint32_t version, size, lchan;
	} hellos[] = {
		{ 4, 836, 832 },  { 5, 836, 832 },  { 6, 1860, 832 }, { 7, 1860, 832 },
		{ 8, 1876, 832 }, { 8, 1896, 832 }, { 8, 1950, 832 }, { 8, 1880, 832 },
		{ 8, 836, 0 },	  { 7, 1876, 832 }, { 8, 1876, 0 },   { 9, 1896, 832 },
	};
	uint8_t buf[MSC_HELLO_SIZE];
	struct mncc_hello h;
	unsigned int i;

	btw("HELLO as osmo-msc 1.9 says it");
	EXPECT(msc_hello(buf, MSC_SIZE) == 32);
	EXPECT(mncc_hello_decode(&h, buf, 32) == 0);
	printf("version=%u mncc_size=%u data_frame_size=%u called=%u signal=%u emergency=%u lchan_type=%u\n", h.version,
	       h.mncc_size, h.data_frame_size, h.called_offset, h.signal_offset, h.emergency_offset,
	       h.lchan_type_offset);
	for (i = 0; i < 32; i++)
		EXPECT(mncc_hello_decode(&h, buf, i) == -EINVAL);
	buf[0] = 1;
	EXPECT(mncc_hello_decode(&h, buf, 32) == -EINVAL);

	btw("which layout a HELLO stands for");
	for (i = 0; i < ARRAY_SIZE(hellos); i++) {
		const struct mncc_layout *l;
		const char *note = "(unset)";

		h = hello(hellos[i].version, hellos[i].size);
		h.lchan_type_offset = hellos[i].lchan;
		l = mncc_layout_for(&h, &note);
		printf("version %u, size %u, lchan_type at %u: ", hellos[i].version, hellos[i].size, hellos[i].lchan);
		if (l)
			printf("version %u, mncc %u, rtp %u, sdp %u, gcr %u, fields 0x%x", l->version, l->mncc_size,
			       l->rtp_size, l->sdp_off, l->gcr_off, l->fields_mask);
		else
			printf("none");
		printf("%s%s\n", note ? "; " : "", note ? note : "");
	}
}

/* struct gsm_mncc put together from libosmogsm's parts and facts about the rest: do members lie where the codec looks
 * for them? */
struct assembled {
	uint32_t msg_type, callref, fields;
	struct gsm_mncc_bearer_cap bearer_cap;
	struct gsm_mncc_number called, calling, redirecting, connected;
	struct gsm_mncc_cause cause;
	struct gsm_mncc_progress progress;
	struct gsm_mncc_useruser useruser;
	struct gsm_mncc_facility facility;
	struct gsm_mncc_cccap cccap;
	struct gsm_mncc_ssversion ssversion;
	int clir[2], signal, keypad, more, notify, emergency;
	char imsi[16];
	uint8_t lchan[2];
	uint8_t gcr[16];
	char sdp[1024];
};

static void fill_assembled(struct assembled *a)
{
	*a = (struct assembled){
		.msg_type = 0x102,
		.callref = 0x80000001,
		.fields = 0x18ff | 0x100,
		.bearer_cap = { .transfer = 1,
				.mode = 2,
				.coding = 3,
				.radio = 4,
				.speech_ctm = 5,
				.speech_ver = { 0, 2, 4, -1 } },
		.called = { .type = 1, .plan = 2, .present = 3, .screen = 4, .number = "5552222" },
		.calling = { .type = 5, .plan = 6, .present = 7, .screen = 8, .number = "1001" },
		.redirecting = { .number = "1002" },
		.connected = { .number = "*#1003" },
		.cause = { .location = 1, .coding = 3, .value = 17 },
		.progress = { .coding = 3, .location = 2, .descr = 8 },
		.cccap = { .dtmf = 1, .pcp = 0 },
		.clir = { 0, 1 },
		.keypad = '5',
		.notify = 2,
		.emergency = 1,
		.imsi = "001010000000001",
		.sdp = "v=0\r\n",
	};
}

static void test_system_header(void)
{
	const struct mncc_layout *l = layout(8, 1876);
	struct mncc_msg msg;
	struct assembled a;

	btw("libosmogsm's structs have the sizes that the offsets stand for");
	EXPECT(sizeof(struct gsm_mncc_bearer_cap) == 92);
	EXPECT(sizeof(struct gsm_mncc_number) == 52);
	EXPECT(sizeof(struct gsm_mncc_cause) == 56);
	EXPECT(sizeof(struct gsm_mncc_progress) == 12);
	EXPECT(sizeof(struct gsm_mncc_useruser) == 136);
	EXPECT(sizeof(struct gsm_mncc_facility) == 132);
	EXPECT(sizeof(struct gsm_mncc_cccap) == 8);
	EXPECT(sizeof(struct gsm_mncc_ssversion) == 132);
	EXPECT(offsetof(struct assembled, called) == 104);
	EXPECT(offsetof(struct assembled, clir) == 788);
	EXPECT(offsetof(struct assembled, emergency) == 812);
	EXPECT(offsetof(struct assembled, lchan) == 832);
	EXPECT(offsetof(struct assembled, gcr) == l->gcr_off);
	EXPECT(offsetof(struct assembled, sdp) == l->sdp_off);
	EXPECT(sizeof(a) == l->mncc_size);

	btw("each member is found there");
	fill_assembled(&a);
	EXPECT(mncc_msg_decode(&msg, l, (uint8_t *)&a, sizeof(a)) == 0);
	EXPECT(msg.type == MNCC_MT_SETUP_IND && msg.callref == 0x80000001 && msg.fields == a.fields);
	EXPECT(msg.bearer_cap.transfer == 1 && msg.bearer_cap.mode == 2 && msg.bearer_cap.coding == 3 &&
	       msg.bearer_cap.radio == 4);
	EXPECT(msg.bearer_cap.speech_ctm == 5 && msg.bearer_cap.speech_ver[2] == 4 &&
	       msg.bearer_cap.speech_ver[3] == -1);
	EXPECT(msg.called.type == 1 && msg.called.plan == 2 && msg.called.present == 3 && msg.called.screen == 4);
	EXPECT(!strcmp(msg.called.digits, "5552222") && !strcmp(msg.calling.digits, "1001") && msg.calling.screen == 8);
	EXPECT(!strcmp(msg.redirecting.digits, "1002") && !strcmp(msg.connected.digits, "*#1003"));
	EXPECT(msg.cause.location == 1 && msg.cause.coding == 3 && msg.cause.value == 17);
	EXPECT(msg.progress.coding == 3 && msg.progress.location == 2 && msg.progress.descr == 8);
	EXPECT(msg.cccap.dtmf && !msg.cccap.pcp && !msg.clir.sup && msg.clir.inv);
	EXPECT(msg.keypad == '5' && msg.notify == 2 && msg.emergency && !msg.has_gcr);
	EXPECT(!strcmp(msg.imsi, "001010000000001") && !strcmp(msg.sdp, "v=0\r\n"));

	btw("and written there: the same octets come out, but for what we do not carry");
	{
		uint8_t buf[MAX];
		struct assembled want;

		a.fields &= ~0x240; /* user-user, facility */
		msg.fields |= MNCC_FIELD_GCR | 0x10000;
		want = a;
		EXPECT(mncc_msg_encode(buf, sizeof(buf), l, &msg) == sizeof(want));
		want.fields = a.fields & ~0x40;
		EXPECT(memcmp(buf, &want, sizeof(want)) == 0);
	}
}

static void sample(struct mncc_msg *msg, uint32_t type)
{
	*msg = (struct mncc_msg){
		.type = type,
		.callref = 0x1392,
		.fields = MNCC_FIELD_BEARER_CAP | MNCC_FIELD_CALLED | MNCC_FIELD_CALLING | MNCC_FIELD_REDIRECTING |
			  MNCC_FIELD_CONNECTED | MNCC_FIELD_CAUSE | MNCC_FIELD_PROGRESS | MNCC_FIELD_EMERGENCY |
			  MNCC_FIELD_CCCAP | MNCC_FIELD_KEYPAD | MNCC_FIELD_GCR,
		.bearer_cap = { .radio = 3, .speech_ver = { 4, 2, 0, 5, 1, -1 } },
		.called = { .type = 1, .plan = 1, .digits = "49301234" },
		.calling = { .plan = 1, .present = 1, .screen = 3, .digits = "12345678901234567890123456789012" },
		.redirecting = { .digits = "1" },
		.connected = { .digits = "" },
		.cause = { .location = 2, .coding = 3, .value = 127 },
		.progress = { .coding = 3, .location = 1, .descr = 8 },
		.cccap = { .dtmf = true },
		.clir = { .sup = true },
		.keypad = '#',
		.emergency = true,
		.imsi = "262019876543210",
		.gcr = { 3, 1, 2, 3 },
		.has_gcr = true,
		.payload_type = 112,
		.payload_msg_type = MNCC_MT_FRAME_AMR,
		.sdp = "v=0\r\no=- 1 1 IN IP4 0\r\n",
	};
	msg->addr.u.sin = (struct sockaddr_in){ .sin_family = AF_INET,
						.sin_port = htons(4004),
						.sin_addr.s_addr = htonl(0x7f000004) };
}

static void print_msg(const struct mncc_msg *msg)
{
	char str[512];
	int len = mncc_msg_to_str_buf(str, sizeof(str), msg);

	EXPECT(len == strlen(str));
	printf("  %s\n", str);
}

/* Sent only; a phone hears by it that the other side holds */
static void test_facility(void)
{
	static const uint8_t octets[MNCC_MAX_FACILITY + 1] = { 0xa1, 0x0e, [126] = 0x55 };
	struct mncc_msg msg = { .type = MNCC_MT_FACILITY_REQ, .callref = 1, .fields = MNCC_FIELD_FACILITY };
	uint8_t buf[MAX], *info = buf + MSC_O_FACILITY + 4;
	unsigned int i;

	btw("a facility is where osmo-msc looks for it; one that is too long, or none at all, is not announced");
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		const struct mncc_layout *l = layout(all[i].version, all[i].size);

		msg.facility = octets;
		msg.facility_len = MNCC_MAX_FACILITY;
		EXPECT(mncc_msg_encode(buf, sizeof(buf), l, &msg) == l->mncc_size);
		EXPECT(msc_get(buf, MSC_O_FIELDS) == MSC_F_FACILITY);
		EXPECT(msc_get(buf, MSC_O_FACILITY) == MNCC_MAX_FACILITY);
		EXPECT(!memcmp(info, octets, MNCC_MAX_FACILITY) && !info[MNCC_MAX_FACILITY]);
		msg.facility_len = MNCC_MAX_FACILITY + 1;
		EXPECT(mncc_msg_encode(buf, sizeof(buf), l, &msg) == l->mncc_size);
		EXPECT(!msc_get(buf, MSC_O_FIELDS) && !msc_get(buf, MSC_O_FACILITY));
		msg.facility = NULL;
		EXPECT(mncc_msg_encode(buf, sizeof(buf), l, &msg) == l->mncc_size && !msc_get(buf, MSC_O_FIELDS));
	}
}

static void round_trip(const struct mncc_layout *l, uint32_t type)
{
	struct mncc_msg in, out;
	uint8_t buf[MAX], again[MAX];
	int len;

	sample(&in, type);
	memset(buf, 0xaa, sizeof(buf));
	len = mncc_msg_encode(buf, sizeof(buf), l, &in);
	EXPECT(len == (mncc_type_is_rtp(type) ? l->rtp_size : l->mncc_size));
	EXPECT(buf[len] == 0xaa);
	EXPECT(mncc_msg_encode(buf, len - 1, l, &in) == -ENOBUFS);
	EXPECT(mncc_msg_decode(&out, l, buf, len) == 0);
	print_msg(&out);
	EXPECT(out.has_gcr == (!mncc_type_is_rtp(type) && (l->fields_mask & MNCC_FIELD_GCR)));
	EXPECT(mncc_msg_encode(again, sizeof(again), l, &out) == len);
	EXPECT(memcmp(buf, again, len) == 0);
}

static void test_round_trips(void)
{
	unsigned int i;

	btw("round trips in each version; what a version has not is left out");
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		printf("version %u, %u octets\n", all[i].version, all[i].size);
		round_trip(layout(all[i].version, all[i].size), MNCC_MT_SETUP_REQ);
		round_trip(layout(all[i].version, all[i].size), MNCC_MT_RTP_CONNECT);
	}
}

static void test_ipv6(void)
{
	const struct mncc_layout *l = layout(8, 1876);
	struct mncc_msg in = { .type = MNCC_MT_RTP_CREATE, .callref = 1 }, out;
	uint8_t buf[MAX];

	btw("an IPv6 address; versions 5 and 6 cannot say it");
	in.addr.u.sin6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
						.sin6_port = htons(4004),
						.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	EXPECT(mncc_msg_encode(buf, sizeof(buf), l, &in) == 1168);
	EXPECT(mncc_msg_decode(&out, l, buf, 1168) == 0);
	print_msg(&out);
	l = layout(6, 1860);
	EXPECT(mncc_msg_encode(buf, sizeof(buf), l, &in) == 1048);
	EXPECT(mncc_msg_decode(&out, l, buf, 1048) == 0);
	print_msg(&out);
}

/* The player's encoder was written apart from ours. */
static void test_other_encoder(void)
{
	const struct mncc_layout *l = layout(8, 1876);
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(4004),
				   .sin_addr.s_addr = htonl(0x7f000004) };
	uint8_t buf[MSC_SIZE_NEW], ours[MAX];
	struct mncc_msg msg = { .type = MNCC_MT_REL_REQ,
				.callref = 7,
				.fields = MNCC_FIELD_CAUSE,
				.cause = { .location = 2, .coding = 3, .value = 16 } };
	struct sockaddr_storage addr;

	btw("what the MSC player writes is read");
	msc_begin(buf, MSC_SETUP_IND, 0x80000001);
	msc_put_bearer(buf);
	msc_put_number(buf, MSC_O_CALLED, MSC_F_CALLED, "5552222", 0, 1);
	msc_put_number(buf, MSC_O_CALLING, MSC_F_CALLING, "1001", 0, 0);
	EXPECT(mncc_msg_decode(&msg, l, buf, MSC_SIZE) == 0);
	print_msg(&msg);
	msc_begin(buf, MSC_REL_IND, 0x80000001);
	msc_put_cause(buf, 1, 81);
	EXPECT(mncc_msg_decode(&msg, l, buf, MSC_SIZE) == 0);
	print_msg(&msg);

	btw("RTP_CREATE comes in the size of a signalling message; one without an address is an error");
	msc_begin(buf, MSC_RTP_CREATE, 0x80000001);
	msc_put_rtp(buf, (struct sockaddr *)&sin, sizeof(sin), 3, MSC_FRAME_FR);
	EXPECT(mncc_msg_decode(&msg, l, buf, MSC_SIZE) == 0);
	print_msg(&msg);
	msc_begin(buf, MSC_RTP_CONNECT, 0x80000001);
	EXPECT(mncc_msg_decode(&msg, l, buf, MSC_SIZE) == 0);
	print_msg(&msg);

	btw("and what we write the player reads");
	msg = (struct mncc_msg){
		.type = MNCC_MT_SETUP_REQ,
		.callref = 9,
		.fields = MNCC_FIELD_CALLED | MNCC_FIELD_CAUSE | MNCC_FIELD_GCR | MNCC_FIELD_USERUSER,
		.called = { .plan = 1, .digits = "1001" },
		.cause = { .location = 2, .coding = 3, .value = 16 },
	};
	EXPECT(mncc_msg_encode(ours, sizeof(ours), l, &msg) == MSC_SIZE);
	EXPECT(msc_dislikes(ours, MSC_SIZE, MSC_SIZE) == NULL);
	EXPECT(msc_get(ours, MSC_O_TYPE) == MSC_SETUP_REQ && msc_get(ours, MSC_O_CALLREF) == 9);
	EXPECT(msc_get(ours, MSC_O_FIELDS) == (MSC_F_CALLED | MSC_F_CAUSE));
	EXPECT(!strcmp((char *)ours + MSC_O_CALLED + MSC_O_NUM_DIGITS, "1001"));
	EXPECT(msc_get(ours, MSC_O_CAUSE + MSC_O_CAUSE_VALUE) == 16);
	msg = (struct mncc_msg){ .type = MNCC_MT_RTP_CONNECT, .callref = 9, .addr.u.sin = sin, .payload_type = 3 };
	EXPECT(mncc_msg_encode(ours, sizeof(ours), l, &msg) == 1168);
	EXPECT(msc_dislikes(ours, 1168, MSC_SIZE) == NULL);
	EXPECT(msc_get_rtp(ours, &addr) && !memcmp(&addr, &sin, sizeof(sin)));
}

/* Where does the packet have to reach for this type, in this layout? */
static void truncate_each(const struct mncc_layout *l, uint32_t type)
{
	struct mncc_msg in, out;
	uint8_t buf[MAX];
	int len, i, first = -1, with_sdp = -1, holes = 0;

	sample(&in, type);
	len = mncc_msg_encode(buf, sizeof(buf), l, &in);
	for (i = 0; i <= len; i++) {
		if (decode_exact(&out, l, buf, i) < 0) {
			holes += first >= 0;
			continue;
		}
		if (first < 0)
			first = i;
		if (*out.sdp && with_sdp < 0)
			with_sdp = i;
	}
	printf("version %u (%u) %s: taken from %d octets on, %d lengths after that refused (an sdp "
	       "without its NUL), with sdp from %d on\n",
	       l->version, l->mncc_size, get_value_string(mncc_msg_type_names, type), first, holes, with_sdp);
}

static void test_truncation(void)
{
	unsigned int i;

	btw("packets cut short at each octet");
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		truncate_each(layout(all[i].version, all[i].size), MNCC_MT_SETUP_REQ);
		truncate_each(layout(all[i].version, all[i].size), MNCC_MT_RTP_CREATE);
	}
}

static void test_hostile(void)
{
	const struct mncc_layout *l = layout(8, 1876);
	static const char *const bad[] = { "12 34", "1\r\nVia: x", "1;phone-context=a", "<1>", "\xff", "1@2", "%31" };
	struct mncc_msg in, out;
	uint8_t good[MAX], buf[MAX];
	unsigned int i;

	btw("strings without an end, and numbers that are none, are refused");
	sample(&in, MNCC_MT_SETUP_REQ);
	EXPECT(mncc_msg_encode(good, sizeof(good), l, &in) == 1876);
	for (i = 0; i < 4; i++) {
		memcpy(buf, good, sizeof(buf));
		memset(buf + 104 + 52 * i + 16, '1', 33);
		EXPECT(decode_exact(&out, l, buf, 1876) == -EINVAL);
		buf[104 + 52 * i + 16 + 32] = 0;
		EXPECT(decode_exact(&out, l, buf, 1876) == 0);
	}
	memcpy(buf, good, sizeof(buf));
	memset(buf + 816, '1', 16);
	EXPECT(decode_exact(&out, l, buf, 1876) == -EINVAL);
	memcpy(buf, good, sizeof(buf));
	memset(buf + 850, 'v', 1024);
	EXPECT(decode_exact(&out, l, buf, 1876) == -EINVAL);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		memcpy(buf, good, sizeof(buf));
		strcpy((char *)buf + 104 + 16, bad[i]);
		EXPECT(decode_exact(&out, l, buf, 1876) == -EINVAL);
	}

	btw("but not where the fields say that nothing is there");
	memcpy(buf, good, sizeof(buf));
	memset(buf + 104 + 16, 0xff, 33);
	buf[8] &= ~MNCC_FIELD_CALLED;
	EXPECT(decode_exact(&out, l, buf, 1876) == 0);
	EXPECT(!out.called.digits[0]);

	btw("a list of speech versions always ends");
	memcpy(buf, good, sizeof(buf));
	memset(buf + 32, 0, 32);
	EXPECT(decode_exact(&out, l, buf, 1876) == 0);
	EXPECT(out.bearer_cap.speech_ver[7] == -1);
	memset(&in.bearer_cap.speech_ver, 1, sizeof(in.bearer_cap.speech_ver));
	EXPECT(mncc_msg_encode(buf, sizeof(buf), l, &in) == 1876);
	EXPECT(msc_dislikes(buf, 1876, MSC_SIZE) == NULL);

	btw("a key that is no key is 0");
	memcpy(buf, good, sizeof(buf));
	buf[800] = '\n';
	EXPECT(decode_exact(&out, l, buf, 1876) == 0);
	EXPECT(out.keypad == 0);

	btw("sdp of 1023 octets fits, one of 1024 does not");
	memset(buf, 'v', 1024);
	buf[1024] = 0;
	in.sdp = (char *)buf;
	EXPECT(mncc_msg_encode(good, sizeof(good), l, &in) == -EMSGSIZE);
	in.type = MNCC_MT_RTP_CONNECT;
	EXPECT(mncc_msg_encode(good, sizeof(good), l, &in) == -EMSGSIZE);
	buf[1023] = 0;
	EXPECT(mncc_msg_encode(good, sizeof(good), l, &in) == 1168);
	EXPECT(mncc_msg_decode(&out, l, good, 1168) == 0 && strlen(out.sdp) == 1023);
	EXPECT(mncc_msg_encode(good, sizeof(good), layout(5, 836), &in) == 24);
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "mncc_msg_test");

	story_init(ctx);
	test_hello();
	test_system_header();
	test_round_trips();
	test_facility();
	test_ipv6();
	test_other_encoder();
	test_truncation();
	test_hostile();
	btw("done");
	return 0;
}
