/*! \file sip_tls_name.h
 * Names in certificates (RFC 5922 7). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>

#include <openssl/x509.h>

/*! All names that a certificate is for: an array of strings that NULL ends, talloc child of \a ctx. NULL: none at all, or out of memory. */
char **sip_tls_names(void *ctx, X509 *cert);
bool sip_tls_names_have(char *const *names, const char *name);
