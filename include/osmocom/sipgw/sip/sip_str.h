/*! \file sip_str.h
 * Pieces of somebody else's text, and how headers are taken apart: lists, parameters, numbers. No memory is taken, nothing is copied. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*! A piece of somebody else's text, not NUL-terminated. */
struct sip_str {
	const char *s;
	size_t len;
};

/*! The whole of a string; NULL gives a piece whose s is NULL. */
static inline struct sip_str sip_str_of(const char *s)
{
	return (struct sip_str){ s, s ? __builtin_strlen(s) : 0 };
}

bool sip_str_is(struct sip_str str, const char *lower); /*!< compared without case */
struct sip_str sip_str_trim(struct sip_str str); /*!< without the white space around it */
/*! "host", "host:port", "[2001:db8::1]:port"; \a host without brackets, \a port 0: none given. 0 or -EINVAL. */
int sip_hostport_parse(struct sip_str str, struct sip_str *host, uint16_t *port);
bool sip_parse_u32(struct sip_str str, uint32_t max, uint32_t *out); /*!< only digits, at most \a max; else false */
/*! Next ";name[=value]" of \a rest. 1: there was one; 0: end; -EINVAL: not a list of parameters. value.s is NULL without "=". */
int sip_param_next(struct sip_str *rest, struct sip_str *name, struct sip_str *value);
/*! Cut the first value off a comma-separated list. False at the end. */
bool sip_list_next(struct sip_str *rest, struct sip_str *value);
