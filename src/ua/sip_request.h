/*! \file sip_request.h
 * A request of ours that may have to be sent more than once: with credentials after a 401 or 407, with other header lines (422, 423), or to another
 * address (RFC 3263 4.3).
 *
 * Its user holds one handle for all the tries. Each try is a transaction of its own, made anew from the bytes of the one before (new branch, CSeq by
 * the user's counter, body unchanged); the transaction of an INVITE that was refused stays behind by itself to ACK repetitions. The bytes are those that
 * the transaction keeps anyway, so that nothing is stored twice and nothing is left after the final response.
 *
 * How long a handle is good: until sip_request_detach(), or until response() with a final status or failed() returns, unless sip_request_again() or
 * sip_request_hold() was called inside. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include "ua_internal.h"

struct sip_auth;
struct sip_request;

/*! What the user hears. Members may be NULL. Anything of this API may be called inside, also sip_ua_stop(). */
struct sip_request_ops {
	/*! Provisional responses, then one final one. A challenge that is being answered is not told, one that cannot be is. */
	void (*response)(struct sip_request *req, const struct sip_msg *resp, const struct sip_flow *from, void *data);
	/*! No final response. SIP_TRX_CANCELLED: cancelled while nothing was on its way: as if 487 had come. */
	void (*failed)(struct sip_request *req, enum sip_trx_end why, void *data);
	/*! It was sent again, whoever wanted it: early dialogs of the try before are over; sip_request_flow() may be another one. */
	void (*again)(struct sip_request *req, void *data);
};

/*! Who sends it. All borrowed. */
struct sip_request_user {
	struct sip_peer *peer;	   /*!< whose credentials are used; NULL: none. Removing the peer is taken care of */
	struct sip_auth *auth;	   /*!< other credentials than the peer's; to outlive the request. NULL: the peer's */
	uint32_t *cseq;		   /*!< counter of the dialog: last number used, counted up for a further try. NULL: count for yourself */
	const struct sip_request_ops *ops; /*!< NULL: nobody cares */
	void *data;
};

/*! What is different in the next try. */
struct sip_retry {
	const struct sip_flow *to; /*!< other way: Via and the host of Contact follow it; NULL: the same */
	const char *lines;	   /*!< whole header lines with CRLF, that replace all those of the same name; one without a value only removes. NULL: none */
	const char *uri;	   /*!< other Request-URI; NULL: the same */
	bool keep_cseq;		   /*!< the same request by another way (RFC 3263 4.3): CSeq stays */
};

/*! Send what is written in \a tx, \a len as sip_tx_end() returned it. Known credentials are put in. NULL: nothing was sent (out of memory, \a len < 0);
 * a failure to send is told by failed(), later. */
struct sip_request *sip_request_send(struct sip_ua *ua, struct sip_tx *tx, int len, const struct sip_request_user *user);

/*! Inside response() with a final status, inside failed(), or any time after sip_request_hold(): send it again. 0; -ECANCELED: it was cancelled; -ELOOP: too
 * many tries; -EMSGSIZE, -ENOMEM. After an error the request ends as if this had not been called (held: failed() is to be expected no more, detach it). */
int sip_request_again(struct sip_request *req, const struct sip_retry *how);
/*! Inside response() with a final status, or failed(): it goes on later, by sip_request_again(). The bytes are kept. 0 or -ENOMEM. */
int sip_request_hold(struct sip_request *req);

/*! INVITE: CANCEL (RFC 3261 9.1), and no further try. The final response is still told; if nothing is on its way, failed(SIP_TRX_CANCELLED) instead, later.
 * \a reason: value of a Reason header, or NULL. */
void sip_request_cancel(struct sip_request *req, const char *reason);
/*! See sip_trx_set_patience(). */
void sip_request_set_patience(struct sip_request *req, unsigned long ms);
/*! The user goes, and must not be called any more. INVITE and REGISTER are not tried again; other requests still answer challenges. */
void sip_request_detach(struct sip_request *req);
/*! Where the last try went. Static memory, until the next call. */
const struct sip_flow *sip_request_flow(const struct sip_request *req);
/*! The credentials of the last try, as whole lines; inside response() with a final status. Length, 0: none, -EMSGSIZE. */
int sip_request_credentials(const struct sip_request *req, char *buf, size_t len);
unsigned int sip_request_tries(const struct sip_request *req); /*!< so far, 1 for the first */
struct sip_peer *sip_request_peer(const struct sip_request *req);

/* for the UA */
void sip_request_forget_auth(struct sip_ua *ua, const struct sip_auth *auth); /*!< it is being removed */
void sip_request_forget_peer(struct sip_ua *ua, const struct sip_peer *peer); /*!< it is being removed */
void sip_request_drop_all(struct sip_ua *ua);				      /*!< without a word to anybody */
