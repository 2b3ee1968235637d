/*! \file token.h
 * Random tokens: tags, branches, Call-IDs, MGCP call identifiers, hash seeds. Unguessable from outside. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t token_u32(void);
uint64_t token_u64(void);
const char *token_hex(char *buf, size_t n_digits);
uint64_t token_hash(const void *data, size_t len);
uint64_t token_hash_add(uint64_t hash, const void *data, size_t len);
uint64_t token_hash_str(const char *str);
