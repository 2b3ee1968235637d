/* Dialogs (RFC 3261 12): who is at the other end, by which way requests get there, and in what order they come.
 *
 * All strings of a dialog are in one chunk, which is written anew when the peer changes its Contact. A route set is
 * kept as the Route header that it becomes, loose or strict (12.2.1.1). A next hop that is a name is looked up when the
 * first request goes there (sip_name.c); where the dialog came from stands in for it. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <osmocom/sipgw/base/log.h>
#include <osmocom/sipgw/base/token.h>

#include "sip_name.h"
#include "ua_internal.h"

#define MAX_ROUTES 32

/*! What a message says about the way to its sender. */
struct route_set {
	unsigned int n;
	bool strict;
	struct sip_uri first;
	char text[4096]; /* all, or, if strict, all but the first */
};

/* Copy all strings to a new place; they may lie in the old one. Each open call has them: without talloc, whose header
 * is as long as they are. */
static int set_strings(struct sip_dialog *dlg, const char *const strs[_NUM_DLG_STRS])
{
	size_t len[_NUM_DLG_STRS], total = 0;
	unsigned int i;
	char *text;

	for (i = 0; i < _NUM_DLG_STRS; i++)
		total += len[i] = strlen(strs[i]) + 1;
	if (total > UINT16_MAX)
		return -EMSGSIZE;
	text = malloc(total);
	if (!text)
		return -ENOMEM;
	for (i = 0, total = 0; i < _NUM_DLG_STRS; i++) {
		dlg->at[i] = total;
		memcpy(text + total, strs[i], len[i]);
		total += len[i];
	}
	free(dlg->text);
	dlg->text = text;
	return 0;
}

static int parse_ip(struct osmo_sockaddr *addr, const char *host, uint16_t port)
{
	*addr = (struct osmo_sockaddr){};
	if (inet_pton(AF_INET, host, &addr->u.sin.sin_addr) == 1) {
		addr->u.sin.sin_family = AF_INET;
		addr->u.sin.sin_port = htons(port);
		return addr->u.sin.sin_addr.s_addr == htonl(INADDR_ANY) ? -EINVAL : 0;
	}
	if (inet_pton(AF_INET6, host, &addr->u.sin6.sin6_addr) == 1) {
		addr->u.sin6.sin6_family = AF_INET6;
		addr->u.sin6.sin6_port = htons(port);
		return IN6_IS_ADDR_UNSPECIFIED(&addr->u.sin6.sin6_addr) ? -EINVAL : 0;
	}
	return -EINVAL;
}

/* Also one that nobody can be at: 0.0.0.0 */
static bool is_ip(const char *host)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, host, &addr) == 1 || inet_pton(AF_INET6, host, &addr) == 1;
}

static const struct sip_transport_ops *kind_by_param(const char *param)
{
	enum sip_transport_id id;

	for (id = SIP_TP_UDP; id <= SIP_TP_TLS; id++) {
		const struct sip_transport_ops *kind = sip_transport_kind(id);
		if (kind && strcasecmp(kind->param, param) == 0)
			return kind;
	}
	return NULL;
}

/* Where a URI leads, or the origin of the dialog if that cannot be said or reached. \a name, of SIP_NEXT_NAME_LEN: what
 * is to be looked up, "" if nothing. */
static void resolve(struct sip_dialog *dlg, const struct sip_uri *uri, char *name)
{
	struct sip_transport *origin = dlg->origin.tp;
	const char *param = strcasecmp(uri->scheme, "sips") == 0 ? "tls" : uri->transport;
	const struct sip_transport_ops *kind = param[0] ? kind_by_param(param) : origin->ops;
	struct sip_flow to = { .alias = dlg->origin.alias,
			       .home = dlg->origin.home,
			       .symmetric = dlg->origin.symmetric };
	const char *host = uri->maddr[0] ? uri->maddr : uri->host;

	name[0] = '\0';
	dlg->next = dlg->origin;
	if (dlg->origin.symmetric || !kind)
		return;
	if (parse_ip(&to.remote, host, uri->port ?: kind->default_port) < 0) {
		if (!is_ip(host) && sip_name_key(name, host, uri->port, kind->id) < 0)
			name[0] = '\0';
		return;
	}
	to.tp = sip_transport_sibling(origin, kind->id, &to.remote);
	if (to.tp)
		sip_hop_set(&dlg->next, &to);
}

/* The route set in the order we use it: a UAC turns the Record-Route around, a UAS does not (12.1.1, 12.1.2). */
static int collect_routes(struct route_set *set, const struct sip_msg *msg, bool reverse)
{
	size_t len = 0;
	unsigned int i;

	set->n = sip_msg_n_record_routes(msg);
	set->text[0] = '\0';
	if (set->n > MAX_ROUTES)
		return -EMSGSIZE;
	for (i = 0; i < set->n; i++) {
		unsigned int idx = reverse ? set->n - 1 - i : i;
		int rc;
		if (i == 0) {
			rc = sip_msg_record_route(msg, idx, &set->first, NULL, 0);
			if (rc < 0)
				return rc;
			set->strict = !set->first.lr;
			if (set->strict)
				continue;
		}
		if (len)
			len += snprintf(set->text + len, sizeof(set->text) - len, ", ");
		if (len >= sizeof(set->text))
			return -EMSGSIZE;
		rc = sip_msg_record_route(msg, idx, NULL, set->text + len, sizeof(set->text) - len);
		if (rc < 0)
			return rc;
		len += strlen(set->text + len);
	}
	return 0;
}

/* A dialog as \a msg forms it. strs[] has everything but target and routes. */
static int form(struct sip_dialog *dlg, const struct sip_msg *msg, const char *strs[_NUM_DLG_STRS], bool reverse,
		const char *default_target)
{
	struct route_set set = {};
	char name[SIP_NEXT_NAME_LEN] = "";
	int rc = collect_routes(&set, msg, reverse);

	if (rc < 0)
		return rc;
	if (set.n)
		resolve(dlg, &set.first, name);
	else if (msg->has_contact)
		resolve(dlg, &msg->contact.uri, name);
	else
		dlg->next = dlg->origin;
	strs[DLG_NAME] = name;
	strs[DLG_TARGET] = msg->has_contact ? msg->contact.uri.text : default_target;
	strs[DLG_STRICT] = set.strict ? set.first.text : "";
	strs[DLG_ROUTES] = set.text;
	return set_strings(dlg, strs);
}

/*! What a UAC knows before any response: \a strs has the local parts, the Call-ID, the remote URI and the first target.
 */
int sip_dialog_from_invite(struct sip_dialog *dlg, const char *const strs[_NUM_DLG_STRS], const struct sip_flow *to)
{
	*dlg = (struct sip_dialog){ .local_cseq = 1 };
	sip_hop_set(&dlg->origin, to);
	dlg->next = dlg->origin;
	return set_strings(dlg, strs);
}

/*! The dialog of a UAS (12.1.1). A peer of RFC 2543 may have given no tag and no Contact. 0, -EINVAL, -EMSGSIZE,
 * -ENOMEM. */
int sip_dialog_from_request(struct sip_dialog *dlg, const struct sip_msg *req, const struct sip_flow *from,
			    const char *local_tag)
{
	const char *strs[_NUM_DLG_STRS] = {
		[DLG_CALL_ID] = req->call_id,	   [DLG_LOCAL] = req->to.uri.text,   [DLG_LOCAL_TAG] = local_tag,
		[DLG_REMOTE] = req->from.uri.text, [DLG_REMOTE_TAG] = req->from.tag,
	};

	*dlg = (struct sip_dialog){ .remote_cseq = req->cseq, .has_remote_cseq = true };
	sip_hop_set(&dlg->origin, from);
	return form(dlg, req, strs, false, req->from.uri.text);
}

/*! The dialog of a UAC (12.1.2), wholly from the response: the From in it is ours. \a origin: where the request went.
 * \a dlg is cleared or has been a dialog before, whose CSeq numbers are kept. 0, -EINVAL, -EMSGSIZE, -ENOMEM. */
int sip_dialog_from_response(struct sip_dialog *dlg, const struct sip_msg *resp, const struct sip_flow *origin)
{
	const char *strs[_NUM_DLG_STRS] = {
		[DLG_CALL_ID] = resp->call_id,	  [DLG_LOCAL] = resp->from.uri.text, [DLG_LOCAL_TAG] = resp->from.tag,
		[DLG_REMOTE] = resp->to.uri.text, [DLG_REMOTE_TAG] = resp->to.tag,
	};

	sip_hop_set(&dlg->origin, origin);
	if (dlg->local_cseq < resp->cseq)
		dlg->local_cseq = resp->cseq;
	return form(dlg, resp, strs, true, resp->to.uri.text);
}

/*! Requests will go there before long: a name can be looked up meanwhile. */
void sip_dialog_look_ahead(struct sip_ua *ua, const struct sip_dialog *dlg)
{
	struct sip_flow to;

	if (!sip_dialog_str(dlg, DLG_NAME)[0])
		return;
	sip_hop_flow(&dlg->origin, &to);
	sip_name_find(ua, sip_dialog_str(dlg, DLG_NAME), &to);
}

void sip_dialog_clear(struct sip_dialog *dlg)
{
	free(dlg->text);
	dlg->text = NULL;
}

/*! Target refresh by the Contact of a re-INVITE or of a 2xx to one (12.2.1.2, 12.2.2). The route set stays. 0 or
 * negative errno. */
int sip_dialog_refresh(struct sip_dialog *dlg, const struct sip_msg *msg)
{
	const char *strs[_NUM_DLG_STRS];
	char name[SIP_NEXT_NAME_LEN];
	unsigned int i;

	if (!msg->has_contact || strcmp(msg->contact.uri.text, sip_dialog_str(dlg, DLG_TARGET)) == 0)
		return 0;
	for (i = 0; i < _NUM_DLG_STRS; i++)
		strs[i] = sip_dialog_str(dlg, i);
	strs[DLG_TARGET] = msg->contact.uri.text;
	if (!strs[DLG_ROUTES][0] && !strs[DLG_STRICT][0]) {
		resolve(dlg, &msg->contact.uri, name);
		strs[DLG_NAME] = name;
	}
	return set_strings(dlg, strs);
}

/* A tag that one of both sides left out is excused, the source then has to speak for the message. */
static bool tags_match(const char *ours, const char *theirs, bool *missing)
{
	if (!ours[0] && !theirs[0])
		return true;
	if (!ours[0] || !theirs[0]) {
		*missing = true;
		return true;
	}
	return strcmp(ours, theirs) == 0;
}

/*! Is \a req a request of this dialog? The source matters only for peers of RFC 2543, which leave tags out. */
bool sip_dialog_matches(const struct sip_dialog *dlg, const struct sip_msg *req, const struct osmo_sockaddr *from)
{
	bool missing = false;
	struct sip_flow origin;

	if (strcmp(sip_dialog_str(dlg, DLG_CALL_ID), req->call_id) != 0 ||
	    !tags_match(sip_dialog_str(dlg, DLG_LOCAL_TAG), req->to.tag, &missing) ||
	    !tags_match(sip_dialog_str(dlg, DLG_REMOTE_TAG), req->from.tag, &missing))
		return false;
	if (!missing)
		return true;
	sip_hop_flow(&dlg->origin, &origin);
	return sip_addr_equal(&origin.remote, from, false);
}

/*! Takes note of the CSeq of a request that came. False: out of order, answer 500 (12.2.2). Gaps are fine. Other
 * requests than INVITE may have the number of the one before: some peers do not count. */
bool sip_dialog_cseq_ok(struct sip_dialog *dlg, const struct sip_msg *req)
{
	if (dlg->has_remote_cseq &&
	    (req->cseq < dlg->remote_cseq || (req->cseq == dlg->remote_cseq && req->method == SIP_INVITE)))
		return false;
	dlg->remote_cseq = req->cseq;
	dlg->has_remote_cseq = true;
	return true;
}

static void write_tagged(struct sip_writer *w, const char *name, const char *uri, const char *tag)
{
	sip_write_header(w, name, tag[0] ? "<%s>;tag=%s" : "<%s>", uri, tag);
}

static void write_request(struct sip_tx *tx, const struct sip_dialog *dlg, enum sip_method method, uint32_t cseq)
{
	const char *name = get_value_string(sip_method_names, method);
	const char *strict = sip_dialog_str(dlg, DLG_STRICT), *routes = sip_dialog_str(dlg, DLG_ROUTES);
	const char *target = sip_dialog_str(dlg, DLG_TARGET);

	sip_write_request_line(&tx->w, name, strict[0] ? strict : target);
	sip_tx_via(tx);
	if (strict[0])
		sip_write_header(&tx->w, "Route", "%s%s<%s>", routes, routes[0] ? ", " : "", target);
	else if (routes[0])
		sip_write_header_str(&tx->w, "Route", routes);
	sip_write_header_str(&tx->w, "Max-Forwards", "70");
	write_tagged(&tx->w, "From", sip_dialog_str(dlg, DLG_LOCAL), sip_dialog_str(dlg, DLG_LOCAL_TAG));
	write_tagged(&tx->w, "To", sip_dialog_str(dlg, DLG_REMOTE), sip_dialog_str(dlg, DLG_REMOTE_TAG));
	sip_write_header_str(&tx->w, "Call-ID", sip_dialog_str(dlg, DLG_CALL_ID));
	sip_write_header(&tx->w, "CSeq", "%u %s", cseq, name);
}

/*! Begin a request in the dialog, up to and with CSeq. */
void sip_dialog_tx_begin(struct sip_tx *tx, const struct sip_dialog *dlg, enum sip_method method, uint32_t cseq)
{
	struct sip_flow to;

	sip_hop_flow(&dlg->next, &to);
	sip_tx_begin(tx, &to);
	tx->name = sip_dialog_str(dlg, DLG_NAME);
	sip_branch_make(tx->branch);
	write_request(tx, dlg, method, cseq);
}

/*! ACK a 2xx (13.2.2.4). The branch is made from the dialog, so that each repetition of the 2xx gets the same ACK
 * without keeping it. It waits for nothing: if its next hop has still to be looked up, the one to the 2xx's repetition
 * gets there. \a more: further lines, \a sdp: our answer to an offer in the 2xx, or NULL. */
void sip_dialog_tx_ack(struct sip_ua *ua, const struct sip_dialog *dlg, uint32_t cseq, const char *more,
		       const char *sdp)
{
	struct sip_flow to;
	struct sip_tx tx;
	uint64_t hash;
	int len;

	hash = token_hash_add(token_hash_str(sip_dialog_str(dlg, DLG_LOCAL_TAG)), sip_dialog_str(dlg, DLG_REMOTE_TAG),
			      strlen(sip_dialog_str(dlg, DLG_REMOTE_TAG)));
	hash = token_hash_add(hash, &cseq, sizeof(cseq));
	sip_hop_flow(&dlg->next, &to);
	if (sip_dialog_str(dlg, DLG_NAME)[0])
		sip_name_find(ua, sip_dialog_str(dlg, DLG_NAME), &to);
	sip_tx_begin(&tx, &to);
	snprintf(tx.branch, sizeof(tx.branch), "z9hG4bK%016llx", (unsigned long long)hash);
	write_request(&tx, dlg, SIP_ACK, cseq);
	if (more)
		sip_write_bytes(&tx.w, more, strlen(more));
	len = sip_tx_end(&tx, SIP_TYPE_SDP, sdp);
	if (len > 0)
		sip_transport_send(&to, tx.w.buf, len);
}

/*! For the operator and for tests. Returns like snprintf. */
int sip_dialog_to_str_buf(char *buf, size_t len, const struct sip_dialog *dlg)
{
	struct sip_flow next;
	char hostport[SIP_HOSTPORT_LEN] = "-";

	if (dlg->next.tp) {
		sip_hop_flow(&dlg->next, &next);
		sip_hostport_buf(hostport, sizeof(hostport), &next.remote);
	}
	return snprintf(buf, len, "%s <%s>;tag=%s -> <%s>;tag=%s target %s strict '%s' routes '%s' next %s",
			sip_dialog_str(dlg, DLG_CALL_ID), sip_dialog_str(dlg, DLG_LOCAL),
			sip_dialog_str(dlg, DLG_LOCAL_TAG), sip_dialog_str(dlg, DLG_REMOTE),
			sip_dialog_str(dlg, DLG_REMOTE_TAG), sip_dialog_str(dlg, DLG_TARGET),
			sip_dialog_str(dlg, DLG_STRICT), sip_dialog_str(dlg, DLG_ROUTES), hostport);
}
