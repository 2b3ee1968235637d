/*! \file sip_dialog.h
 * A dialog (RFC 3261 12): who talks to whom, with which numbers, by which way. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/sip/sip_tx.h>

#define SIP_TAG_LEN	 17 /* buffer size: 16 hex digits and NUL */
#define SIP_CALL_ID_LEN	 33

/*! The strings of a dialog, all in one chunk. "" if there is none. */
enum sip_dialog_str {
	DLG_CALL_ID,
	DLG_LOCAL,	/*!< our URI in angle brackets: From of our requests */
	DLG_LOCAL_TAG,
	DLG_REMOTE,	/*!< To of our requests */
	DLG_REMOTE_TAG, /*!< "": RFC 2543, or no response yet */
	DLG_TARGET,	/*!< remote target, without brackets */
	DLG_STRICT,	/*!< first route if it is a strict router's: becomes the Request-URI (12.2.1.1) */
	DLG_ROUTES,	/*!< value of the Route header but for the target that strict routing appends */
	DLG_NAME,	/*!< sip_name_key() of the next hop if it is a name, "" if it is an address */
	_NUM_DLG_STRS
};

struct sip_dialog {
	char *text;
	uint16_t at[_NUM_DLG_STRS];
	uint32_t local_cseq;  /*!< of our last request */
	uint32_t remote_cseq; /*!< of their last request */
	bool has_remote_cseq;
	struct sip_hop next;   /*!< where requests go */
	struct sip_hop origin; /*!< where the dialog came from, or its first request went: used while the next hop is a name that is not known */
};

static inline const char *sip_dialog_str(const struct sip_dialog *dlg, enum sip_dialog_str which)
{
	return dlg->text + dlg->at[which];
}

int sip_dialog_from_invite(struct sip_dialog *dlg, const char *const strs[_NUM_DLG_STRS], const struct sip_flow *to);
int sip_dialog_from_request(struct sip_dialog *dlg, const struct sip_msg *req, const struct sip_flow *from, const char *local_tag);
int sip_dialog_from_response(struct sip_dialog *dlg, const struct sip_msg *resp, const struct sip_flow *origin);
void sip_dialog_look_ahead(struct sip_ua *ua, const struct sip_dialog *dlg);
void sip_dialog_clear(struct sip_dialog *dlg); /*!< has to be: what a dialog keeps is its own memory */
int sip_dialog_refresh(struct sip_dialog *dlg, const struct sip_msg *msg);
bool sip_dialog_matches(const struct sip_dialog *dlg, const struct sip_msg *msg, const struct osmo_sockaddr *from);
bool sip_dialog_cseq_ok(struct sip_dialog *dlg, const struct sip_msg *req);
void sip_dialog_tx_begin(struct sip_tx *tx, const struct sip_dialog *dlg, enum sip_method method, uint32_t cseq);
void sip_dialog_tx_ack(struct sip_ua *ua, const struct sip_dialog *dlg, uint32_t cseq, const char *more, const char *sdp);
int sip_dialog_to_str_buf(char *buf, size_t len, const struct sip_dialog *dlg);
