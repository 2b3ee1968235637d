/*! \file sip_ctr.h
 * What is counted about SIP messages, transactions and connections, and by the user agent about what it refuses. One group for all, which
 * the user agent owns and describes (sip_ua.c). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

enum sip_ctr {
	SIP_CTR_RX, SIP_CTR_TX, SIP_CTR_TX_FAILED, SIP_CTR_RETRANS_TX, SIP_CTR_RETRANS_RX, SIP_CTR_RX_MALFORMED, SIP_CTR_RX_REJECTED, SIP_CTR_RX_STRAY,
	SIP_CTR_RX_UNKNOWN_SOURCE, SIP_CTR_TRX_TIMEOUT, SIP_CTR_REFUSED_LIMIT,
	SIP_CTR_CONN_OPENED, SIP_CTR_CONN_ACCEPTED, SIP_CTR_CONN_FAILED, SIP_CTR_CONN_REFUSED, SIP_CTR_CONN_SLOW, SIP_CTR_CONN_SILENT, SIP_CTR_TLS_FAILED,
	SIP_CTR_STREAM_BAD,
};
