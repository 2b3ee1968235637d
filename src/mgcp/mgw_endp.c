/* An endpoint: the object, and the commands that it is made and unmade by.
 *
 * The commands keep to what every osmo-mgw from 1.10 understands (each point was measured): no parameters but C, I, L,
 * M; one codec in L:; no mode that sends while there is no remote address; the codec first and telephone-event last in
 * the session description. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/timers.h>
#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "mgcp_internal.h"

#define DEFAULT_PTIME_MS 20
#define USUAL_RATE	 8000 /* that of a codec without one */
#define DISCARD_PORT	 9

static const char *const mode_names[] = {
	[MGW_MODE_RECVONLY] = "recvonly",
	[MGW_MODE_SENDONLY] = "sendonly",
	[MGW_MODE_SENDRECV] = "sendrecv",
};

/* ---- addresses */

/*! Empty if \a str is no address, or has no port. */
void mgw_addr_from_str(struct mgw_addr *addr, const struct osmo_sockaddr_str *str)
{
	*addr = (struct mgw_addr){};
	if (!str->port || (str->af != AF_INET && str->af != AF_INET6) || inet_pton(str->af, str->ip, addr->ip) != 1)
		return;
	addr->af = str->af == AF_INET6 ? 6 : 4;
	addr->port = str->port;
}

void mgw_addr_to_str(struct osmo_sockaddr_str *str, const struct mgw_addr *addr)
{
	*str = (struct osmo_sockaddr_str){ .af = AF_UNSPEC };
	if (!addr->af)
		return;
	str->af = addr->af == 6 ? AF_INET6 : AF_INET;
	str->port = addr->port;
	inet_ntop(str->af, addr->ip, str->ip, sizeof(str->ip));
}

/* ---- texts: in place as long as they are as short as osmo-mgw's */

static const char *texts_of(const struct mgw_endp *endp)
{
	return endp->long_texts ?: endp->usual_texts;
}

const char *mgw_endp_text(const struct mgw_endp *endp, enum mgw_endp_text which)
{
	const char *text = texts_of(endp);

	while (which--)
		text += strlen(text) + 1;
	return text;
}

/*! \returns false if there is a NUL in it. */
bool mgw_endp_set_text(struct mgw_endp *endp, enum mgw_endp_text which, struct mgcp_text text)
{
	char all[ENDP_MAX_NAME + 1 + _NUM_MGW_CONNS * (ENDP_MAX_CONN_ID + 1)], *to = all;
	char *before = endp->long_texts;

	if (text.len && memchr(text.s, '\0', text.len))
		return false;
	for (int i = 0; i < _NUM_ENDP_TEXTS; i++) {
		struct mgcp_text t = i == (int)which ? text : mgcp_text(mgw_endp_text(endp, i));

		OSMO_ASSERT(to + t.len < all + sizeof(all));
		memcpy(to, t.s, t.len);
		to += t.len;
		*to++ = '\0';
	}
	if (to - all > (ptrdiff_t)sizeof(endp->usual_texts)) {
		endp->long_texts = talloc_memdup(endp->mgw, all, to - all);
		OSMO_ASSERT(endp->long_texts);
	} else {
		endp->long_texts = NULL;
		memcpy(endp->usual_texts, all, to - all);
	}
	talloc_free(before);
	return true;
}

/* ---- waiting: few do, and not for long */

static void wait_cb(void *data)
{
	struct mgw_endp *endp = data;

	mgw_endp_wait_no_more(endp);
	mgw_endp_timer_cb(endp);
}

/*! mgw_endp_timer_cb() after that time; not earlier if it waits already. */
void mgw_endp_wait(struct mgw_endp *endp, unsigned int ms)
{
	if (!endp->timer) {
		endp->timer = talloc_zero(endp->mgw, struct osmo_timer_list);
		osmo_timer_setup(endp->timer, wait_cb, endp);
	}
	timer_start_ms(endp->timer, ms);
}

void mgw_endp_wait_no_more(struct mgw_endp *endp)
{
	if (endp->timer)
		osmo_timer_del(endp->timer);
	TALLOC_FREE(endp->timer);
}

/* ---- the object */

struct mgw_endp *mgw_endp_alloc(struct mgw *mgw, mgw_endp_cb cb, void *data)
{
	struct mgw_endp *endp;

	if (!mgw->path)
		return NULL;
	/* as many as there are calls, all in the gateway's list: talloc's header would be a third of each */
	endp = malloc(sizeof(*endp));
	if (!endp)
		return NULL;
	*endp = (struct mgw_endp){
		.mgw = mgw,
		.path = mgw->path,
		.cb = cb,
		.data = data,
		.call_id = token_u64() |
			   1ULL << 63, /* high bits random: gateways are shared, and some compare these only */
		.state = ENDP_ST_IDLE,
	};
	INIT_LLIST_HEAD(&endp->live);
	mgw_path_get(endp->path);
	llist_add_tail(&endp->entry, &mgw->endpoints);
	mgw->n_endpoints++;
	mgw_gauge_endpoints(mgw);
	return endp;
}

/*! Not to be called while the user's callback runs. */
void mgw_endp_free(struct mgw_endp *endp)
{
	int i;

	mgcp_trx_cancel(endp->trx);
	mgw_endp_wait_no_more(endp);
	if (mgw_endp_name(endp)[0])
		hash_del(&endp->by_name);
	for (i = 0; i < _NUM_MGW_CONNS; i++) {
		mgw_fmt_put(endp->conns[i].codec);
		mgw_fmt_put(endp->conns[i].event);
	}
	llist_del(&endp->live);
	llist_del(&endp->entry);
	if (endp->state == ENDP_ST_PARKED)
		endp->mgw->n_parked--;
	endp->mgw->n_endpoints--;
	mgw_gauge_endpoints(endp->mgw);
	mgw_path_put(endp->path);
	talloc_free(endp->long_texts);
	free(endp);
}

const char *mgw_endp_name(const struct mgw_endp *endp)
{
	return mgw_endp_text(endp, ENDP_NAME);
}

static uint32_t name_hash(struct mgcp_text name)
{
	char lower[ENDP_MAX_NAME + 1];
	size_t i;

	/* names are case-insensitive (RFC 3435 3.2.1.3) */
	for (i = 0; i < name.len && i < sizeof(lower); i++)
		lower[i] = name.s[i] >= 'A' && name.s[i] <= 'Z' ? name.s[i] + 32 : name.s[i];
	return token_hash(lower, i);
}

/*! The endpoint of this name, made over this path. While one is being deleted, the gateway may have given the name to
 * the next: that one is preferred. */
struct mgw_endp *mgw_endp_find(struct mgw_path *path, struct mgcp_text name)
{
	struct mgw_endp *endp, *found = NULL;

	hash_for_each_possible (path->mgw->by_name, endp, by_name, name_hash(name))
		if (endp->path == path && mgcp_text_is(name, mgw_endp_name(endp)) && (!found || found->ending))
			found = endp;
	return found;
}

/* For the search of others like it. */
static void note_nr(struct mgw_endp *endp)
{
	struct mgw_path *path = endp->path;

	path->last_nr = mgw_sweep_nr(endp->mgw, mgw_endp_name(endp));
	path->highest_nr = OSMO_MAX(path->highest_nr, path->last_nr);
	mgw_sweep_spare(path, path->last_nr);
}

/*! The gateway says which endpoint it is. \returns false if it says it in a way that cannot be used. */
bool mgw_endp_set_name(struct mgw_endp *endp, struct mgcp_text name)
{
	size_t i;

	for (i = 0; i < name.len; i++)
		if (name.s[i] <= ' ' || name.s[i] == '*' || name.s[i] == '$')
			return false;
	if (!name.len || name.len > ENDP_MAX_NAME || !mgw_endp_set_text(endp, ENDP_NAME, name))
		return false;
	hash_add(endp->mgw->by_name, &endp->by_name, name_hash(name));
	note_nr(endp);
	return true;
}

/* ---- commands */

static void put_format(struct sdp_media *media, const struct mgw_fmt *fmt)
{
	struct sdp_format *f = &media->formats[media->n_formats++];
	const char *in = fmt->fmt.fmtp;
	size_t out = 0;

	*f = fmt->fmt;
	/* osmo-mgw finds octet-align only at the start or behind a blank */
	for (; *in && out < sizeof(f->fmtp) - 1; in++) {
		f->fmtp[out++] = *in;
		if (*in == ';' && in[1] && in[1] != ' ' && out < sizeof(f->fmtp) - 1)
			f->fmtp[out++] = ' ';
	}
	f->fmtp[out] = '\0';
}

/* What the other side of the connection is. */
static int put_remote(char *buf, size_t len, const struct mgw_conn_state *c)
{
	struct osmo_sockaddr_str remote;
	struct sdp_msg sdp;

	mgw_addr_to_str(&remote, &c->remote);
	sdp_msg_init_audio(&sdp, &remote);
	sdp.media[0].ptime = c->ptime;
	put_format(&sdp.media[0], c->codec);
	if (c->event)
		put_format(&sdp.media[0], c->event);
	return sdp_msg_encode(buf, len, &sdp);
}

/* Where commands go: the endpoint, or any one that is free. */
static const char *target(const struct mgw_endp *endp, char *buf, size_t len)
{
	if (mgw_endp_name(endp)[0])
		return mgw_endp_name(endp);
	snprintf(buf, len, "%s/*@%s", endp->mgw->cfg.endpoint, endp->mgw->cfg.domain);
	return buf;
}

static void put_call_id(char *buf, size_t len, struct mgcp_msg *cmd, const struct mgw_endp *endp)
{
	snprintf(buf, len, "%016" PRIX64, endp->call_id);
	cmd->params[MGCP_PARAM_C] = mgcp_text(buf);
}

/*! Is the gateway told of a remote side? */
bool mgw_conn_tells_remote(const struct mgw_conn_state *c)
{
	return c->remote.af && (!c->guess || c->guess_told);
}

/*! CRCX, or MDCX if it exists: make a connection what is wanted. \returns NULL if the command cannot be written. */
struct mgcp_trx *mgw_endp_tx_conn(struct mgw_endp *endp, enum mgw_conn conn, mgcp_trx_cb cb)
{
	const struct mgw_conn_state *c = &endp->conns[conn];
	bool exists = mgw_conn_id(endp, conn)[0];
	char name[MGCP_MAX_ENDPOINT + 1], call_id[17], options[64], rate[16] = "", body[1024];
	struct mgcp_msg cmd = { .verb = exists ? MGCP_VERB_MDCX : MGCP_VERB_CRCX };
	int rc;

	cmd.endpoint = mgcp_text(target(endp, name, sizeof(name)));
	put_call_id(call_id, sizeof(call_id), &cmd, endp);
	if (exists)
		cmd.params[MGCP_PARAM_I] = mgcp_text(mgw_conn_id(endp, conn));
	if (c->codec->fmt.rate != USUAL_RATE)
		snprintf(rate, sizeof(rate), "/%u", c->codec->fmt.rate);
	snprintf(options, sizeof(options), "p:%u, a:%s%s", c->ptime, c->codec->fmt.enc, rate);
	cmd.params[MGCP_PARAM_L] = mgcp_text(options);
	/* osmo-mgw before 1.13 answers 527 to a mode that sends while it does not know where to */
	cmd.params[MGCP_PARAM_M] = mgcp_text(mode_names[c->remote.af && !c->guess ? c->mode : MGW_MODE_RECVONLY]);
	if (mgw_conn_tells_remote(c)) {
		rc = put_remote(body, sizeof(body), c);
		if (rc < 0 || rc >= sizeof(body))
			return NULL;
		cmd.body = (struct mgcp_text){ .s = body, .len = rc };
	}
	MGW_COUNT(endp->mgw, exists ? MGW_CTR_MDCX : MGW_CTR_CRCX);
	return mgcp_trx_send(endp->path->trxs, &cmd, cb, endp);
}

static void make_delete(struct mgcp_msg *cmd, char *call_id, size_t len, const struct mgw_endp *endp)
{
	*cmd = (struct mgcp_msg){ .verb = MGCP_VERB_DLCX, .endpoint = mgcp_text(mgw_endp_name(endp)) };
	put_call_id(call_id, len, cmd, endp);
	MGW_COUNT(endp->mgw, MGW_CTR_DLCX);
}

/*! DLCX of one connection; \a conn _NUM_MGW_CONNS: of whatever our call has on the endpoint (RFC 3435 2.3.8). */
struct mgcp_trx *mgw_endp_tx_delete(struct mgw_endp *endp, enum mgw_conn conn, mgcp_trx_cb cb)
{
	struct mgcp_msg cmd;
	char call_id[17];

	make_delete(&cmd, call_id, sizeof(call_id), endp);
	if (conn < _NUM_MGW_CONNS)
		cmd.params[MGCP_PARAM_I] = mgcp_text(mgw_conn_id(endp, conn));
	return mgcp_trx_send(endp->path->trxs, &cmd, cb, endp);
}

/*! DLCX of what an answer names and we cannot keep: its name is too long for us. */
void mgw_endp_tx_delete_other(struct mgw_endp *endp, const struct mgcp_msg *rsp)
{
	char call_id[17];

	snprintf(call_id, sizeof(call_id), "%016" PRIX64, endp->call_id);
	mgw_path_delete(endp->path, call_id, rsp);
}

/*! DLCX without waiting for the answer. */
void mgw_endp_tx_goodbye(struct mgw_endp *endp)
{
	struct mgcp_msg cmd;
	char call_id[17];

	if (!mgw_endp_name(endp)[0])
		return;
	make_delete(&cmd, call_id, sizeof(call_id), endp);
	mgcp_trx_send_once(endp->path->trxs, &cmd);
}

/* ---- for the user */

static void set_fmt(struct mgw *mgw, struct mgw_fmt **p, const struct sdp_format *fmt)
{
	struct mgw_fmt *old = *p;

	*p = mgw_fmt_get(mgw, fmt);
	mgw_fmt_put(old);
}

/* The discard port: osmo-mgw wants some. */
static void guess_remote(struct mgw_conn_state *c, const struct osmo_sockaddr_str *near)
{
	struct osmo_sockaddr_str there = *near;

	there.port = DISCARD_PORT;
	mgw_addr_from_str(&c->remote, &there);
}

void mgw_endp_want(struct mgw_endp *endp, enum mgw_conn conn, const struct mgw_want *want)
{
	struct mgw_conn_state *c = &endp->conns[conn];

	OSMO_ASSERT(want->codec.enc[0]);
	set_fmt(endp->mgw, &c->codec, &want->codec);
	set_fmt(endp->mgw, &c->event, &want->event);
	mgw_addr_from_str(&c->remote, &want->remote);
	c->guess = !c->remote.af;
	if (c->guess)
		guess_remote(c, &want->near);
	c->mode = want->mode;
	c->ptime = want->ptime ? want->ptime : DEFAULT_PTIME_MS;
	c->changed = true;
	mgw_endp_wanted(endp);
}

void mgw_endp_release(struct mgw_endp *endp)
{
	if (endp)
		mgw_endp_released(endp);
}

uint64_t mgw_endp_call_id(const struct mgw_endp *endp)
{
	return endp->call_id;
}
