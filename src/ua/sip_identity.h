/*! \file sip_identity.h
 * Who calls, who is called, who passed a call on, as SIP says it: From, P-Asserted-Identity and its kin, Privacy, Diversion. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include "ua_internal.h"

#define SIP_USER_LEN 256 /*!< buffer size for the user part of a URI */

/*! The strings that a struct sip_invite of an incoming call borrows, besides those of the message. */
struct sip_identity_buf {
	char called[SIP_USER_LEN], calling[SIP_USER_LEN], asserted[SIP_USER_LEN], diverting[SIP_USER_LEN];
	char gcr[33];
};

void sip_identity_read_invite(struct sip_invite *inv, struct sip_identity_buf *buf, const struct sip_peer *peer, const struct sip_msg *req);
void sip_identity_write_invite(struct sip_tx *tx, const struct sip_peer *peer, const struct sip_invite *inv);
void sip_identity_read_connected(struct sip_session_info *info, const struct sip_peer *peer, const struct sip_msg *msg);
void sip_identity_write_connected(struct sip_tx *tx, const struct sip_session *s);
int sip_identity_urn(char *buf, size_t len, const char *urn); /*!< the same for a URN, as it is */
/*! "sip:USER@HOST", with user=phone if \a user is a number; \a user "": "sip:HOST". 0, or -EMSGSIZE. */
int sip_identity_uri(char *buf, size_t len, const char *user, const char *host);
