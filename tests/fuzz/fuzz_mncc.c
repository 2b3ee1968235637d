/* Fuzz target: what comes from the MNCC socket. HELLO, then a message in every layout; what was read is printed,
 * written and read again.
 *
 * Input: the octets of one packet. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/mncc/mncc_msg.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool cond)
{
	if (!cond)
		abort();
}

static void check_strings(const struct mncc_msg *msg)
{
	check(strlen(msg->sdp) < MNCC_SDP_LEN);
	check(strlen(msg->imsi) < sizeof(msg->imsi));
	check(strlen(msg->called.digits) <= MNCC_MAX_DIGITS && strlen(msg->calling.digits) <= MNCC_MAX_DIGITS);
	check(strlen(msg->redirecting.digits) <= MNCC_MAX_DIGITS && strlen(msg->connected.digits) <= MNCC_MAX_DIGITS);
}

static void one_layout(const struct mncc_layout *l, const uint8_t *data, size_t size)
{
	uint8_t buf[2048], again[2048];
	struct mncc_msg msg, msg2;
	char str[128];
	int len;

	if (mncc_msg_decode(&msg, l, data, size) < 0)
		return;
	check_strings(&msg);
	check(mncc_msg_to_str_buf(str, sizeof(str), &msg) > 0 && strlen(str) < sizeof(str));
	len = mncc_msg_encode(buf, sizeof(buf), l, &msg);
	check(len > 0 && len <= (int)sizeof(buf));
	check(mncc_msg_decode(&msg2, l, buf, len) == 0);
	check_strings(&msg2);
	check(!strcmp(msg.sdp, msg2.sdp));
	check(mncc_msg_encode(again, sizeof(again), l, &msg2) == len && !memcmp(buf, again, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mncc_hello hellos[] = {
		{ .version = 5, .mncc_size = 836 },  { .version = 6, .mncc_size = 1860 },
		{ .version = 7, .mncc_size = 1860 }, { .version = 8, .mncc_size = 1876 },
		{ .version = 8, .mncc_size = 1896 },
	};
	const struct mncc_layout *l;
	struct mncc_hello hello;
	unsigned int i;

	if (mncc_hello_decode(&hello, data, size) == 0) {
		l = mncc_layout_for(&hello, NULL);
		check(!l || l->version == hello.version);
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(hellos); i++)
		one_layout(mncc_layout_for(&hellos[i], NULL), data, size);
	return 0;
}
