/*! \file sip_rewrite.h
 * A request of ours once more, made from its bytes: another way, other lines, other credentials. No state, no sending. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/sipgw/sip/sip_head.h>
#include <osmocom/sipgw/sip/sip_tx.h>

/*! Cut a request of ours into lines, and its first line into method and URI: the guard does that for messages of others. */
void sip_rewrite_scan(struct sip_scan *scan, const char *data, size_t len);
uint32_t sip_rewrite_cseq(const struct sip_scan *scan); /*!< 0: none */

/*! The lines with credentials in a request of ours, whole, into \a buf as a string. Length, 0: none, or -EMSGSIZE. */
int sip_rewrite_credentials(char *buf, size_t len, const char *data, size_t data_len);

/*! What is different in it. All borrowed. */
struct sip_rewrite {
	const char *data;	 /*!< the bytes that were cut: the body is taken from them */
	size_t len;
	const char *uri;	 /*!< other Request-URI; NULL: the same */
	const char *lines;	 /*!< whole header lines that replace all those of the same name; one without a value only removes. NULL: none */
	const char *credentials; /*!< lines instead of those that are in it, "": without any */
	uint32_t cseq;
	bool readdress;		 /*!< it goes another way: the host and the transport of Contact follow */
};

/*! Write it to \a tx, which has been begun; its branch is made anew. Length or -EMSGSIZE. */
int sip_rewrite(struct sip_tx *tx, const struct sip_scan *scan, const struct sip_rewrite *how);
