/* Every cause has a name and a status, every status a cause; what users see survives the way there and back. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/cause.h>

#include "story.h"

static void test_to_sip(void)
{
	int value;

	btw("each cause has a name and the status of a failure response");
	for (value = 1; value <= 127; value++) {
		uint16_t status = cause_to_sip(value);
		EXPECT(cause_name(value) && *cause_name(value));
		EXPECT(status >= 400 && status <= 699);
		printf("%3d -> %u  %s\n", value, status, cause_name(value));
	}
}

static void test_from_sip(void)
{
	int status, from = 300;

	btw("each status has a cause");
	for (status = 300; status <= 699; status++) {
		uint8_t value = cause_from_sip(status);
		EXPECT(value >= 1 && value <= 127);
		if (status < 699 && cause_from_sip(status + 1) == value && (status + 1) % 100)
			continue;
		if (from == status)
			printf("%d      -> %3u  %s\n", status, value, cause_name(value));
		else
			printf("%d..%d -> %3u  %s\n", from, status, value, cause_name(value));
		from = status + 1;
	}
	EXPECT(cause_from_sip(0) == CAUSE_NORMAL);
	EXPECT(cause_from_sip(100) == CAUSE_NORMAL_UNSPEC);
	EXPECT(cause_from_sip(200) == CAUSE_NORMAL_UNSPEC);
	EXPECT(cause_from_sip(299) == CAUSE_NORMAL_UNSPEC);
	EXPECT(cause_from_sip(700) == CAUSE_NORMAL_UNSPEC);
	EXPECT(cause_from_sip(65535) == CAUSE_NORMAL_UNSPEC);
}

static void test_round_trips(void)
{
	static const uint8_t causes[] = { 1, 17, 21, 28, 41, 88, 102 };
	static const uint16_t statuses[] = { 404, 480, 484, 486, 488, 503, 504, 603 };
	int i;

	btw("what users see survives the way there and back");
	for (i = 0; i < ARRAY_SIZE(causes); i++) {
		printf("%u -> %u -> %u\n", causes[i], cause_to_sip(causes[i]), cause_from_sip(cause_to_sip(causes[i])));
		EXPECT(cause_from_sip(cause_to_sip(causes[i])) == causes[i]);
	}
	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		EXPECT(cause_to_sip(cause_from_sip(statuses[i])) == statuses[i]);

	btw("what the issue asks for by name");
	EXPECT(cause_to_sip(CAUSE_USER_BUSY) == 486);
	EXPECT(cause_to_sip(CAUSE_REJECTED) == 603);
	EXPECT(cause_to_sip(CAUSE_UNASSIGNED) == 404);
	EXPECT(cause_to_sip(CAUSE_NO_USER_RESPONDING) == 480);
	EXPECT(cause_to_sip(CAUSE_SUBSCRIBER_ABSENT) == 480);
	EXPECT(cause_to_sip(CAUSE_DEST_OUT_OF_ORDER) == 480);
	EXPECT(cause_from_sip(486) == CAUSE_USER_BUSY);
	EXPECT(cause_from_sip(404) == CAUSE_UNASSIGNED);
}

static void test_validity(void)
{
	static const int hostile[] = { 0, -1, 128, 255, 256, 0x7fffffff, -0x7fffffff };
	int i;

	btw("a cause is never 0, nor anything else that Q.850 has not");
	for (i = 0; i < ARRAY_SIZE(hostile); i++)
		EXPECT(cause_valid(hostile[i]) == CAUSE_NORMAL_UNSPEC);
	EXPECT(cause_valid(1) == 1);
	EXPECT(cause_valid(127) == 127);
	EXPECT(cause_to_sip(0) == 480);
	EXPECT(cause_to_sip(255) == 480);
	EXPECT(!strcmp(cause_name(0), cause_name(31)));
}

static void test_make(void)
{
	char longer[300];
	struct cause c;
	int cut;

	btw("a cause with a sentence");
	c = cause_make(CAUSE_NO_ROUTE, "no peer '%s'", "pbx");
	printf("%u at %u: %s\n", c.value, c.location, c.text);
	EXPECT(cause_make(0, "x").value == CAUSE_NORMAL_UNSPEC);

	btw("what comes from outside brings no line ends with it");
	c = cause_make(31, "a\r\nVia: b\tc\x7f");
	printf("[%s]\n", c.text);

	btw("a long sentence is cut between characters");
	for (cut = 0; cut < 4; cut++) {
		memset(longer, 'x', sizeof(longer) - 1);
		longer[sizeof(longer) - 1] = '\0';
		memcpy(longer + sizeof(c.text) - 1 - 4 + cut, "\xe2\x82\xac", 3);
		c = cause_make(31, "%s", longer);
		printf("%zu bytes, the last is %02x\n", strlen(c.text), (unsigned char)c.text[strlen(c.text) - 1]);
	}
	memset(longer, 0x80, sizeof(longer) - 1);
	c = cause_make(31, "%s", longer);
	EXPECT(strlen(c.text) < sizeof(c.text));
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "cause_test");

	story_init(ctx);
	test_to_sip();
	test_from_sip();
	test_round_trips();
	test_validity();
	test_make();
	btw("done");
	return 0;
}
