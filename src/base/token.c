/* Random tokens and a seeded hash for keys that come from a wire.
 *
 * Randomness comes from getrandom(2), a page at a time. The hash is FNV-1a from a random start with a final mix: whoever
 * sends us Call-IDs cannot choose their bucket. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>

static void random_bytes(void *out, size_t len)
{
	static uint8_t pool[1024];
	static size_t left;

	OSMO_ASSERT(len <= sizeof(pool));
	if (left < len) {
		size_t have = 0;
		while (have < sizeof(pool)) {
			ssize_t rc = getrandom(pool + have, sizeof(pool) - have, 0);
			if (rc < 0 && errno != EINTR)
				abort(); /* without randomness every tag could be guessed */
			have += OSMO_MAX(rc, 0);
		}
		left = sizeof(pool);
	}
	left -= len;
	memcpy(out, pool + left, len);
	memset(pool + left, 0, len);
}

/*! A random number. */
uint32_t token_u32(void)
{
	uint32_t v;
	random_bytes(&v, sizeof(v));
	return v;
}

/*! A random number. */
uint64_t token_u64(void)
{
	uint64_t v;
	random_bytes(&v, sizeof(v));
	return v;
}

/*! Write \a n_digits random hex digits and a NUL to \a buf (of at least n_digits + 1 bytes); returns \a buf. */
const char *token_hex(char *buf, size_t n_digits)
{
	static const char digit[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n_digits; i += 16) {
		uint64_t v = token_u64();
		size_t j;
		for (j = i; j < n_digits && j < i + 16; j++, v >>= 4)
			buf[j] = digit[v & 15];
	}
	buf[n_digits] = '\0';
	return buf;
}

/*! Continue a hash over more bytes: token_hash_add(token_hash(a), b). */
uint64_t token_hash_add(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--) {
		hash ^= *p++;
		hash *= 0x100000001b3ULL;
	}
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93ULL;
	return hash ^ (hash >> 32);
}

/*! Hash of some bytes, differently seeded in each process. */
uint64_t token_hash(const void *data, size_t len)
{
	static uint64_t seed;

	if (!seed)
		seed = token_u64() | 1;
	return token_hash_add(seed, data, len);
}

/*! Hash of a string. */
uint64_t token_hash_str(const char *str)
{
	return token_hash(str, strlen(str));
}
