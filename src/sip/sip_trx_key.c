/* What makes a transaction, as 128 bits: RFC 3261 17.1.3 and 17.2.3, and 8.2.2.2 for merged requests.
 *
 * The hash begins with a seed that nobody outside knows, so that equal bits are taken for equal keys, and none of the
 * strings has to be kept. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <string.h>

#include <osmocom/sipgw/base/token.h>

#include "sip_text.h"
#include "sip_trx_internal.h"

static void key_start(struct trx_key *key, const char *role)
{
	key->h[0] = token_hash(role, 1);
	key->h[1] = token_hash(role, 2); /* with the NUL: another start */
}

/* With the NUL, so that "ab","c" and "a","bc" differ. */
static void key_add(struct trx_key *key, const char *str)
{
	size_t len = strlen(str) + 1;

	key->h[0] = token_hash_add(key->h[0], str, len);
	key->h[1] = token_hash_add(key->h[1], str, len);
}

static void key_add_u32(struct trx_key *key, uint32_t v)
{
	key->h[0] = token_hash_add(key->h[0], &v, sizeof(v));
	key->h[1] = token_hash_add(key->h[1], &v, sizeof(v));
}

static void key_add_lower(struct trx_key *key, const char *str)
{
	char buf[256];
	size_t i;

	for (i = 0; str[i] && i < sizeof(buf) - 1; i++)
		buf[i] = tolower((unsigned char)str[i]);
	buf[i] = '\0';
	key_add(key, buf);
}

struct trx_key trx_client_key(const char *method, const char *branch)
{
	struct trx_key key;

	key_start(&key, "c");
	key_add(&key, method);
	key_add(&key, branch);
	return key;
}

/* A branch that is unique: with sent-by and method (RFC 3261 17.2.3). A client of RFC 2543: by all that a repetition
 * has in common with the first one. An ACK or CANCEL for an INVITE is looked up with method_name "INVITE". */
struct trx_key trx_server_key(const struct sip_msg *req, const char *method)
{
	struct trx_key key;

	if (req->via.has_cookie) {
		key_start(&key, "s");
		key_add(&key, req->via.branch);
		key_add_lower(&key, req->via.host);
		key_add_u32(&key, req->via.port);
		key_add(&key, method);
		return key;
	}
	key_start(&key, "o");
	key_add(&key, method);
	key_add(&key, req->call_id);
	key_add_u32(&key, req->cseq);
	key_add(&key, req->from.tag);
	key_add(&key, req->ruri.text);
	key_add(&key, sip_scan_find(req->scan, SIP_HDR_VIA)->value);
	return key;
}

/* What merged requests have in common; only a request outside a dialog can be one (RFC 3261 8.2.2.2). */
uint64_t trx_merge_key(const struct sip_msg *req)
{
	struct trx_key key;

	if (req->to.tag[0] || req->method == SIP_CANCEL)
		return 0;
	key_start(&key, "m");
	key_add(&key, req->call_id);
	key_add_u32(&key, req->cseq);
	key_add(&key, req->method_name);
	key_add(&key, req->from.tag);
	return key.h[0] ? key.h[0] : 1;
}
