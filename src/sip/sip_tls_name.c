/* Names in certificates, as RFC 5922 7.1 wants them for SIP: subjectAltName of the kinds URI ("sip:example.com", no
 * user) and DNS, and of ours the addresses in it, for peers that are configured by address. Without any of them, and
 * only then, the common name. A name is compared as a whole: wildcards are not for SIP (7.2). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "sip_tls_name.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include <openssl/x509v3.h>

#include <osmocom/core/talloc.h>

#define MAX_NAMES 32

struct names {
	char **list;
	unsigned int n;
};

static void add(struct names *names, const char *name, size_t len)
{
	size_t i;

	/* a NUL in it: somebody wants to be taken for somebody else; other such characters: he wants to write on the
	 * operator's terminal */
	for (i = 0; i < len && (unsigned char)name[i] > ' ' && name[i] != 0x7f; i++)
		;
	if (!len || len > 253 || i < len || names->n >= MAX_NAMES)
		return;
	names->list[names->n] = talloc_strndup(names->list, name, len);
	if (names->list[names->n])
		names->n++;
}

/* The domain of a SIP URI; one with a user is nobody's domain (7.1). */
static void add_uri(struct names *names, const char *uri, size_t len)
{
	size_t host_len;

	if (len < 4 || strncasecmp(uri, "sip:", 4) != 0 || memchr(uri, '@', len))
		return;
	for (host_len = 0; host_len < len - 4 && !strchr(":;?", uri[4 + host_len]); host_len++)
		;
	add(names, uri + 4, host_len);
}

static void add_ip(struct names *names, const unsigned char *ip, int len)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (len == 4)
		inet_ntop(AF_INET, ip, text, sizeof(text));
	else if (len == 16)
		inet_ntop(AF_INET6, ip, text, sizeof(text));
	add(names, text, strlen(text));
}

static void add_alt_names(struct names *names, X509 *cert)
{
	GENERAL_NAMES *alts = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const ASN1_STRING *str;
	GENERAL_NAME *alt;
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(alts); i++) {
		alt = sk_GENERAL_NAME_value(alts, i);
		if (alt->type != GEN_DNS && alt->type != GEN_URI && alt->type != GEN_IPADD)
			continue;
		str = alt->d.ia5;
		if (alt->type == GEN_DNS)
			add(names, (const char *)ASN1_STRING_get0_data(str), ASN1_STRING_length(str));
		else if (alt->type == GEN_URI)
			add_uri(names, (const char *)ASN1_STRING_get0_data(str), ASN1_STRING_length(str));
		else
			add_ip(names, ASN1_STRING_get0_data(str), ASN1_STRING_length(str));
	}
	GENERAL_NAMES_free(alts);
}

static bool has_alt_names(X509 *cert)
{
	return X509_get_ext_by_NID(cert, NID_subject_alt_name, -1) >= 0;
}

static void add_common_name(struct names *names, X509 *cert)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	unsigned char *text = NULL;
	int i, len;

	i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (i < 0)
		return;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
	if (len > 0)
		add(names, (const char *)text, len);
	OPENSSL_free(text);
}

char **sip_tls_names(void *ctx, X509 *cert)
{
	struct names names = { .list = talloc_zero_array(ctx, char *, MAX_NAMES + 1) };

	if (!names.list)
		return NULL;
	add_alt_names(&names, cert);
	if (!has_alt_names(cert))
		add_common_name(&names, cert);
	if (!names.n) {
		talloc_free(names.list);
		return NULL;
	}
	return talloc_realloc(ctx, names.list, char *, names.n + 1);
}

bool sip_tls_names_have(char *const *names, const char *name)
{
	for (; names && *names; names++) {
		if (strcasecmp(*names, name) == 0)
			return true;
	}
	return false;
}
