/*! \file number.h
 * Telephone numbers and identities: type and plan of number (3GPP TS 24.008 10.5.4.7) and the form they have in a SIP URI. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*! What MNCC has room for (char number[33]): nothing longer can reach or leave the GSM side. */
#define NUMBER_MAX_DIGITS 32

/*! Type of number. */
enum number_type {
	NUMBER_UNKNOWN = 0,
	NUMBER_INTERNATIONAL = 1,
	NUMBER_NATIONAL = 2,
	NUMBER_NETWORK = 3,
	NUMBER_SHORT = 4,
};

enum number_plan {
	NUMBER_PLAN_UNKNOWN = 0,
	NUMBER_PLAN_ISDN = 1,
};

enum number_presentation {
	NUMBER_ALLOWED = 0,
	NUMBER_RESTRICTED = 1,
	NUMBER_NOT_AVAILABLE = 2,
};

/*! One number. Empty digits: not given. */
struct number {
	uint8_t type;		/*!< enum number_type */
	uint8_t plan;		/*!< enum number_plan */
	uint8_t presentation;	/*!< enum number_presentation */
	uint8_t screening;	/*!< 0 user provided, 1 verified and passed, 3 network provided */
	char digits[NUMBER_MAX_DIGITS + 1]; /*!< without "+": 0-9 * # a b c */
};

static inline bool number_given(const struct number *n)
{
	return n->digits[0] != '\0';
}

/*! Read a number as it is dialled or stands in a SIP URI (RFC 3966): "+" means international, visual separators are dropped, parameters from ";" on
 * are not part of it. 0, -EINVAL when there is no digit or something that is none, -EMSGSIZE when it is too long. \a n is written on success only. */
int number_from_dial_string(struct number *n, const char *str);
/*! The opposite. Returns the length, -EINVAL when the number is not given, -EMSGSIZE when it does not fit: never a part of it. */
int number_to_dial_string(char *buf, size_t len, const struct number *n);
/*! Could these digits be an IMSI (3GPP TS 23.003 2.2)? 14 or 15 of them. */
bool number_is_imsi(const char *str);
