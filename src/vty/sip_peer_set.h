/*! \file sip_peer_set.h
 * Settings of a peer that are no more than one member of struct sip_peer_cfg: on or off, or a word of a list. Their commands are data. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stddef.h>

#include <osmocom/core/utils.h>
#include <osmocom/sipgw/ua/sip_peer.h>

#include "vty_internal.h"

/*! "WORD" and "no WORD" for a bool. */
struct peer_flag {
	struct cmd_element on, off;
	const char *word;
	size_t at;
	bool inverted; /*!< the member is what "no WORD" says; in either case false is the default */
};

/*! "WORD (A|B)" for an int, by its names. */
struct peer_choice {
	struct cmd_element cmd;
	struct vty_expect wrong;
	const char *word;
	const struct value_string *names;
	size_t at;
	int usual; /*!< the default, which is not written */
};

int peer_flag_on(struct cmd_element *self, struct vty *vty, int argc, const char *argv[]);
int peer_flag_off(struct cmd_element *self, struct vty *vty, int argc, const char *argv[]);
int peer_choice_func(struct cmd_element *self, struct vty *vty, int argc, const char *argv[]);

/* Where a member is; does not compile if it is of another type. */
#define PEER_MEMBER(TYPE, MEMBER) \
	(offsetof(struct sip_peer_cfg, MEMBER) + 0 * sizeof(&((struct sip_peer_cfg *)0)->MEMBER == (TYPE *)0))

#define PEER_FLAG(NAME, MEMBER, INVERTED, WORD, ON_HELP, OFF_HELP) \
	static struct peer_flag NAME = { \
		.on = { .string = WORD, .func = peer_flag_on, .doc = ON_HELP }, \
		.off = { .string = "no " WORD, .func = peer_flag_off, .doc = NO_STR OFF_HELP }, \
		.word = WORD, .at = PEER_MEMBER(bool, MEMBER), .inverted = INVERTED, \
	}

/*! \a LIST: "(a|b)", with a line of help each in \a LIST_HELP; \a EXPECTED: "a or b". */
#define PEER_CHOICE(NAME, MEMBER, NAMES, USUAL, WORD, HELP, LIST, LIST_HELP, EXPECTED) \
	static struct peer_choice NAME = { \
		.cmd = { .string = WORD " " LIST, .func = peer_choice_func, .doc = HELP LIST_HELP }, \
		.wrong = { .cmd = { .string = WORD " VALUE", .func = vty_expect_func, .doc = HELP "Value\n", .attr = CMD_ATTR_HIDDEN }, \
			   .expected = EXPECTED }, \
		.word = WORD, .names = NAMES, .at = PEER_MEMBER(int, MEMBER), .usual = USUAL, \
	}

void peer_flag_init(struct peer_flag *flag);
void peer_choice_init(struct peer_choice *choice);
/*! Their configuration line, unless it is the default. */
void peer_flag_write(struct vty *vty, const struct peer_flag *flag, const struct sip_peer *peer);
void peer_choice_write(struct vty *vty, const struct peer_choice *choice, const struct sip_peer *peer);
