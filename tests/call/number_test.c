/* Numbers as they are dialled, and back. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/number.h>

#include "story.h"

static void show(const char *str)
{
	struct number n;
	char buf[NUMBER_MAX_DIGITS + 2];
	int rc;

	memset(&n, 0xee, sizeof(n));
	rc = number_from_dial_string(&n, str);
	if (rc < 0) {
		printf("'%s': %s\n", str, rc == -EMSGSIZE ? "too long" : "not a number");
		EXPECT(n.type == 0xee); /* untouched */
		return;
	}
	rc = number_to_dial_string(buf, sizeof(buf), &n);
	EXPECT(rc == strlen(buf));
	printf("'%s': type %u plan %u digits %s, back: %s\n", str, n.type, n.plan, n.digits, buf);
	EXPECT(n.presentation == NUMBER_ALLOWED && n.screening == 0);
}

static void test_dial_strings(void)
{
	static const char *const strs[] = {
		"1001",	     "+4930123456",
		"0",	     "+49 (30) 123-456",
		"123.456",   "*100#",
		"##002#",    "12a3bc",
		"12A3BC",    "5552222;phone-context=+49",
		"+1;isub=1", "",
		"+",	     ";",
		"+;x",	     "-",
		"++49",	     "49+30",
		"d",	     "D",
		"alice",     "12x",
		"1001\n",    "\xc2\xb2",
		"1e3",	     "p1",
		"12,34",     "1/2",
		"1%202",
	};
	int i;

	btw("strings that are a number and that are not");
	for (i = 0; i < ARRAY_SIZE(strs); i++)
		show(strs[i]);
}

static void test_length(void)
{
	char str[200];
	char buf[NUMBER_MAX_DIGITS + 2];
	struct number n = {};
	int i;

	btw("the longest number, and one digit more: nothing is cut");
	memset(str, '7', sizeof(str));
	str[NUMBER_MAX_DIGITS] = '\0';
	EXPECT(number_from_dial_string(&n, str) == 0);
	EXPECT(strlen(n.digits) == NUMBER_MAX_DIGITS);
	memset(str, '7', sizeof(str));
	str[NUMBER_MAX_DIGITS + 1] = '\0';
	EXPECT(number_from_dial_string(&n, str) == -EMSGSIZE);
	EXPECT(strlen(n.digits) == NUMBER_MAX_DIGITS);

	btw("separators take no room");
	memset(str, '-', sizeof(str));
	memset(str + 100, '1', NUMBER_MAX_DIGITS);
	str[100 + NUMBER_MAX_DIGITS] = '\0';
	EXPECT(number_from_dial_string(&n, str) == 0);

	btw("a buffer that is too small gets nothing rather than a part");
	EXPECT(number_from_dial_string(&n, "+12345") == 0);
	for (i = 0; i <= 6; i++) {
		memset(buf, 'z', sizeof(buf));
		EXPECT(number_to_dial_string(buf, i, &n) == -EMSGSIZE);
		EXPECT(buf[0] == 'z');
	}
	EXPECT(number_to_dial_string(buf, 7, &n) == 6);
	EXPECT(!strcmp(buf, "+12345"));

	btw("a number that is not given has no dial string");
	n = (struct number){ .type = NUMBER_INTERNATIONAL };
	EXPECT(!number_given(&n));
	EXPECT(number_to_dial_string(buf, sizeof(buf), &n) == -EINVAL);

	btw("only international numbers get a plus");
	for (i = NUMBER_UNKNOWN; i <= NUMBER_SHORT; i++) {
		n = (struct number){ .type = i, .digits = "123" };
		EXPECT(number_to_dial_string(buf, sizeof(buf), &n) > 0);
		printf("type %d: %s\n", i, buf);
	}
}

static void test_imsi(void)
{
	static const char *const strs[] = { "",
					    "1001",
					    "0010100000001",
					    "00101000000001",
					    "001010000000001",
					    "0010100000000011",
					    "00101000000000a",
					    "00101000000000*",
					    "+01010000000001" };
	int i;

	btw("what could be an IMSI");
	for (i = 0; i < ARRAY_SIZE(strs); i++)
		printf("'%s': %s\n", strs[i], number_is_imsi(strs[i]) ? "yes" : "no");
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "number_test");

	story_init(ctx);
	test_dial_strings();
	test_length();
	test_imsi();
	btw("done");
	return 0;
}
