/* A request of ours, over as many transactions as it takes.
 *
 * A further try is made from the bytes of the last one: they are our own writing (sip_rewrite.c).
 * What ends a chain of tries: the bound on them all (MAX_TRIES), for challenges sip_auth.c before that. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/sip/sip_rewrite.h>

#include "sip_auth.h"
#include "sip_name.h"
#include "sip_request.h"

#define MAX_TRIES 16

/*! While nothing is on its way. */
struct held {
	struct osmo_timer_list timer; /*!< tells of a CANCEL */
	struct sip_name_wait wait;    /*!< for the next hop's address */
	char *name;		      /*!< ... which is this one's; NULL: the user has it held */
	struct sip_request *req;
	struct sip_hop to;
	size_t len;
	char data[];
};

struct sip_request {
	struct llist_head entry; /*!< ua->requests */
	struct sip_ua *ua;	 /*!< NULL: the UA was stopped inside of a callback */
	struct sip_request_user user;
	struct sip_trx *trx; /*!< NULL: held, or over */
	struct held *held;
	struct sip_auth_try auth_try;
	uint8_t method;
	uint8_t tries;
	uint8_t in_callback; /*!< do not free */
	bool going_on : 1;   /*!< another try was made, or it is held */
	bool cancelled : 1;
};

static char scratch[UINT16_MAX + 1];

static void held_free(struct sip_request *req)
{
	if (!req->held)
		return;
	osmo_timer_del(&req->held->timer);
	llist_del(&req->held->wait.entry);
	TALLOC_FREE(req->held);
}

static void request_free(struct sip_request *req)
{
	if (req->trx)
		sip_trx_detach(req->trx);
	req->trx = NULL;
	held_free(req);
	if (req->ua)
		llist_del(&req->entry);
	req->ua = NULL;
	if (!req->in_callback)
		talloc_free(req);
}

static struct sip_auth *auth_of(const struct sip_request *req)
{
	if (req->user.auth)
		return req->user.auth;
	return req->user.peer ? sip_auth_of_peer(req->user.peer) : NULL;
}

/* ---- writing it anew ---- */

static uint32_t next_cseq(struct sip_request *req, const struct sip_scan *scan, bool keep)
{
	uint32_t old = sip_rewrite_cseq(scan);

	if (keep)
		return old;
	if (!req->user.cseq)
		return old + 1;
	return ++*req->user.cseq;
}

/* Credentials for what the message in \a scan will be, "" if there are none to be given. */
static void credentials_for(struct sip_request *req, const struct sip_scan *scan, const char *uri, char *buf,
			    size_t len)
{
	struct sip_auth *auth = auth_of(req);
	struct sip_auth_for what = {};
	char text[2048], method[32];

	buf[0] = '\0';
	if (!auth)
		return;
	snprintf(method, sizeof(method), "%.*s", (int)scan->method.len, scan->method.s);
	snprintf(text, sizeof(text), "%.*s", (int)scan->uri.len, scan->uri.s);
	what.method = method;
	what.uri = uri ?: text;
	sip_auth_lines(auth, &req->auth_try, &what, buf, len);
}

/* ---- transactions ---- */

static const struct sip_trx_ops trx_ops;

static int send_try(struct sip_request *req, struct sip_tx *tx, int len)
{
	struct sip_trx *trx =
		sip_trx_request(req->ua->trxs, &tx->to, req->method, tx->branch, tx->w.buf, len, &trx_ops, req);

	if (!trx)
		return -ENOMEM;
	if (req->trx)
		sip_trx_detach(req->trx);
	req->trx = trx;
	req->tries++;
	return 0;
}

static const char *bytes_of(const struct sip_request *req, size_t *len)
{
	if (req->held) {
		*len = req->held->len;
		return req->held->data;
	}
	return req->trx ? sip_trx_request_bytes(req->trx, len) : NULL;
}

static int again(struct sip_request *req, const struct sip_retry *how)
{
	struct sip_rewrite anew = { .uri = how->uri, .lines = how->lines, .readdress = how->to };
	static char credentials[8192];
	struct sip_flow to;
	struct sip_scan scan;
	struct sip_tx tx;
	int len;

	if (req->cancelled)
		return -ECANCELED;
	if (req->tries >= MAX_TRIES)
		return -ELOOP;
	anew.data = bytes_of(req, &anew.len);
	if (!anew.data || !req->ua || !req->ua->trxs)
		return -EINVAL;
	to = how->to ? *how->to : *sip_request_flow(req);
	sip_rewrite_scan(&scan, anew.data, anew.len);
	credentials_for(req, &scan, how->uri, credentials, sizeof(credentials));
	anew.credentials = credentials;
	anew.cseq = next_cseq(req, &scan, how->keep_cseq);
	sip_tx_begin(&tx, &to);
	len = sip_rewrite(&tx, &scan, &anew);
	if (len < 0)
		return len;
	len = send_try(req, &tx, len);
	if (len < 0)
		return len;
	held_free(req);
	req->going_on = true;
	if (req->user.ops && req->user.ops->again)
		req->user.ops->again(req, req->user.data);
	return 0;
}

/* After a callback that may have been the last one. */
static void after_callback(struct sip_request *req, bool last)
{
	req->in_callback--;
	if (!req->ua) {
		if (!req->in_callback)
			talloc_free(req);
		return;
	}
	if (last && !req->going_on)
		request_free(req);
}

static void tell_response(struct sip_request *req, const struct sip_msg *resp, const struct sip_flow *from)
{
	if (req->user.ops && req->user.ops->response)
		req->user.ops->response(req, resp, from, req->user.data);
}

static void trx_response(struct sip_trx *trx, const struct sip_msg *resp, const struct sip_flow *from, void *data)
{
	static const struct sip_retry with_credentials;
	struct sip_request *req = data;
	struct sip_auth *auth = auth_of(req);
	bool is_final = resp->status >= 200;
	bool is_challenge = resp->status == 401 || resp->status == 407;

	req->in_callback++;
	req->going_on = false;
	if (is_final && auth && !is_challenge)
		sip_auth_accepted(auth, &req->auth_try, resp);
	if (!is_challenge || !auth || req->cancelled || sip_auth_challenged(auth, &req->auth_try, resp) < 0 ||
	    again(req, &with_credentials) < 0)
		tell_response(req, resp, from);
	after_callback(req, is_final);
}

static void tell_failed(struct sip_request *req, enum sip_trx_end why)
{
	req->in_callback++;
	req->going_on = false;
	if (req->user.ops && req->user.ops->failed)
		req->user.ops->failed(req, why, req->user.data);
	after_callback(req, true);
}

static void trx_failed(struct sip_trx *trx, enum sip_trx_end why, void *data)
{
	tell_failed(data, why);
}

static const struct sip_trx_ops trx_ops = {
	.response = trx_response,
	.failed = trx_failed,
};

/* ---- holding it ---- */

static int hold(struct sip_request *req, const char *data, size_t len, const struct sip_flow *to)
{
	struct held *held = talloc_size(req, sizeof(*held) + len);

	if (!held)
		return -ENOMEM;
	talloc_set_name_const(held, "sip_request_held");
	*held = (struct held){ .req = req, .len = len };
	INIT_LLIST_HEAD(&held->wait.entry);
	memcpy(held->data, data, len);
	sip_hop_set(&held->to, to);
	req->held = held;
	return 0;
}

/* The next hop's address is known now, or will not be. */
static int go_by_name(struct sip_request *req)
{
	struct sip_retry how = { .keep_cseq = true };
	struct sip_flow to;

	sip_hop_flow(&req->held->to, &to);
	if (sip_name_find(req->ua, req->held->name, &to) == SIP_NAME_KNOWN)
		how.to = &to;
	return again(req, &how);
}

static void name_looked_up(struct sip_name_wait *wait)
{
	struct sip_request *req = container_of(wait, struct held, wait)->req;

	if (!req->cancelled && go_by_name(req) < 0)
		tell_failed(req, SIP_TRX_TRANSPORT);
}

/* A request whose next hop is a name is sent when that is known: at once, if another one went there before. */
static int send_by_name(struct sip_request *req, const struct sip_tx *tx, int len, const char *name)
{
	int rc = hold(req, tx->w.buf, len, &tx->to);

	if (rc < 0)
		return rc;
	req->held->name = talloc_strdup(req->held, name);
	req->held->wait.cb = name_looked_up;
	sip_name_find(req->ua, name, &(struct sip_flow){ .tp = tx->to.tp });
	return sip_name_wait(req->ua, name, &req->held->wait) ? 0 : go_by_name(req);
}

/* ---- for the user ---- */

/* Put credentials into the message just written, if there are any to be given before being asked. */
static int add_credentials(struct sip_request *req, struct sip_tx *tx, int len)
{
	struct sip_rewrite anew = { .data = scratch, .len = len };
	static char credentials[8192];
	struct sip_flow to = tx->to;
	struct sip_scan scan;

	if (!auth_of(req) || !sip_auth_is_known(auth_of(req)) || len > (int)sizeof(scratch))
		return len;
	memcpy(scratch, tx->w.buf, len);
	sip_rewrite_scan(&scan, scratch, len);
	credentials_for(req, &scan, NULL, credentials, sizeof(credentials));
	if (!credentials[0])
		return len;
	anew.credentials = credentials;
	anew.cseq = sip_rewrite_cseq(&scan);
	sip_tx_begin(tx, &to);
	return sip_rewrite(tx, &scan, &anew);
}

static enum sip_method method_of(const struct sip_tx *tx, int len)
{
	const char *sp = memchr(tx->w.buf, ' ', len);

	return sp ? sip_method_by_name(tx->w.buf, sp - tx->w.buf) : SIP_METHOD_UNKNOWN;
}

struct sip_request *sip_request_send(struct sip_ua *ua, struct sip_tx *tx, int len, const struct sip_request_user *user)
{
	struct sip_request *req = len > 0 && ua->trxs ? talloc(ua, struct sip_request) : NULL;
	const char *name;

	if (!req)
		return NULL;
	*req = (struct sip_request){ .ua = ua, .user = *user, .method = method_of(tx, len) };
	llist_add_tail(&req->entry, &ua->requests);
	name = tx->name;
	len = add_credentials(req, tx, len);
	if (len < 0 || (name && name[0] ? send_by_name(req, tx, len, name) : send_try(req, tx, len)) < 0) {
		request_free(req);
		return NULL;
	}
	return req;
}

int sip_request_again(struct sip_request *req, const struct sip_retry *how)
{
	return again(req, how);
}

int sip_request_hold(struct sip_request *req)
{
	const char *data;
	size_t len;

	data = bytes_of(req, &len);
	if (req->held)
		return 0;
	if (!data)
		return -EINVAL;
	if (hold(req, data, len, sip_trx_flow(req->trx)) < 0)
		return -ENOMEM;
	sip_trx_detach(req->trx);
	req->trx = NULL;
	req->going_on = true;
	return 0;
}

static void cancelled_while_held(void *data)
{
	tell_failed(data, SIP_TRX_CANCELLED);
}

void sip_request_cancel(struct sip_request *req, const char *reason)
{
	if (req->cancelled)
		return;
	req->cancelled = true;
	if (req->trx) {
		sip_trx_cancel(req->trx, reason);
	} else if (req->held) {
		osmo_timer_setup(&req->held->timer, cancelled_while_held, req);
		timer_start_ms(&req->held->timer, 0);
	}
}

void sip_request_detach(struct sip_request *req)
{
	req->user.ops = NULL;
	req->user.data = NULL;
	req->user.cseq = NULL;
	if (req->method == SIP_INVITE || req->method == SIP_REGISTER || req->held)
		request_free(req);
}

const struct sip_flow *sip_request_flow(const struct sip_request *req)
{
	static struct sip_flow flow;

	if (req->trx)
		return sip_trx_flow(req->trx);
	if (req->held)
		sip_hop_flow(&req->held->to, &flow);
	return &flow;
}

int sip_request_credentials(const struct sip_request *req, char *buf, size_t len)
{
	const char *data;
	size_t data_len;

	data = auth_of(req) ? bytes_of(req, &data_len) : NULL;
	return data ? sip_rewrite_credentials(buf, len, data, data_len) : 0;
}

unsigned int sip_request_tries(const struct sip_request *req)
{
	return req->tries;
}

struct sip_peer *sip_request_peer(const struct sip_request *req)
{
	return req->user.peer;
}

/* ---- for the UA ---- */

void sip_request_set_patience(struct sip_request *req, unsigned long ms)
{
	if (req->trx)
		sip_trx_set_patience(req->trx, ms);
}

void sip_request_forget_peer(struct sip_ua *ua, const struct sip_peer *peer)
{
	struct sip_request *req;

	llist_for_each_entry (req, &ua->requests, entry) {
		if (req->user.peer == peer)
			req->user.peer = NULL;
	}
}

void sip_request_forget_auth(struct sip_ua *ua, const struct sip_auth *auth)
{
	struct sip_request *req;

	llist_for_each_entry (req, &ua->requests, entry) {
		if (req->user.auth == auth)
			req->user.auth = NULL;
	}
}

void sip_request_drop_all(struct sip_ua *ua)
{
	while (!llist_empty(&ua->requests))
		request_free(llist_first_entry(&ua->requests, struct sip_request, entry));
}
