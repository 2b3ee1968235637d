/* Identities in SIP: who is believed to say what, and who is told what.
 *
 * An identity that somebody else has asserted counts if the peer is trusted (RFC 3325 5); from others only From is
 * read, which is what the caller says about himself. To others only From is written, and of a caller who does not want
 * to be shown nothing at all; a trusted peer gets the identity with Privacy: id (RFC 3323 4.2). P-Preferred-Identity is
 * the wish of a subscriber towards his provider and needs no trust of ours, unless it is to be kept private. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sip/sip_str.h>

#include "sip_identity.h"

#define MAX_VALUES 4  /* of one header that are looked at */
#define MAX_DIGITS 13 /* of a number without "+": longer ones are IMSIs, which nobody can dial */

const struct value_string sip_called_from_names[] = {
	{ SIP_CALLED_RURI, "request-uri" }, { SIP_CALLED_TO, "to" }, { SIP_CALLED_PCPID, "p-called-party-id" }, {}
};

const struct value_string sip_identity_mode_names[] = {
	{ SIP_IDENTITY_PAI, "pai" },   { SIP_IDENTITY_PAI_TEL, "pai-tel" }, { SIP_IDENTITY_PPI, "ppi" },
	{ SIP_IDENTITY_RPID, "rpid" }, { SIP_IDENTITY_FROM, "from" },	    {}
};

/* RFC 5806 4.1, in the order of enum divert_reason; behind them what others say for the same. */
static const struct {
	const char *name;
	uint8_t reason;
} divert_reasons[] = {
	{ "unknown", 0 },     { "user-busy", 1 },      { "no-answer", 2 }, { "unconditional", 3 },
	{ "unavailable", 4 }, { "deflection", 5 },     { "follow-me", 3 }, { "time-of-day", 3 },
	{ "away", 3 },	      { "do-not-disturb", 1 }, { "busy", 1 },	   { "out-of-service", 4 },
};

/* ---- URIs ---- */

/* The user part without its parameters (RFC 3966 5.1.1 puts them there), a tel number without visual separators. A
 * phone-context says where a local number counts; it is not to be put in front of it (RFC 3966 5.1.5). */
static const char *user_of(char *buf, const struct sip_uri *uri)
{
	bool is_tel = strcmp(uri->scheme, "tel") == 0;
	const char *from;
	char *to = buf;

	for (from = uri->user; *from && *from != ';' && to < buf + SIP_USER_LEN - 1; from++) {
		if (!is_tel || !strchr("-.()", *from))
			*to++ = *from;
	}
	if (*from && *from != ';')
		to = buf; /* too long: half a number would be somebody else's */
	*to = '\0';
	return buf;
}

static bool is_number(const char *user)
{
	bool global = user[0] == '+';
	size_t n = strspn(user + global, "0123456789*#");

	return n && !user[global + n] && (global || n <= MAX_DIGITS);
}

int sip_identity_uri(char *buf, size_t len, const char *user, const char *host)
{
	char escaped[SIP_USER_LEN] = "";
	int n;

	if (user[0] && sip_escape_user(escaped, sizeof(escaped), user) < 0)
		return -EMSGSIZE;
	n = snprintf(buf, len, "sip:%s%s%s%s", escaped, escaped[0] ? "@" : "", host,
		     is_number(user) ? ";user=phone" : "");
	return n < (int)len ? 0 : -EMSGSIZE;
}

int sip_identity_urn(char *buf, size_t len, const char *urn)
{
	return snprintf(buf, len, "%s", urn) < (int)len ? 0 : -EMSGSIZE;
}

static bool is_anonymous_uri(const struct sip_uri *uri)
{
	return strcasecmp(uri->host, "anonymous.invalid") == 0 || strcasecmp(uri->user, "anonymous") == 0;
}

/* ---- reading ---- */

/* Privacy has its values between semicolons (RFC 3323 4.2). */
static bool has_privacy(const struct sip_msg *msg, const char *value)
{
	const char *p = sip_msg_header(msg, "Privacy", 0);
	size_t len;

	for (; p && *p; p += len) {
		p += strspn(p, "; \t");
		len = strcspn(p, "; \t");
		if (len == strlen(value) && strncasecmp(p, value, len) == 0)
			return true;
	}
	return false;
}

static bool wants_privacy(const struct sip_msg *msg)
{
	return has_privacy(msg, "id") || has_privacy(msg, "user");
}

/* What stands behind the URI of a name-addr. */
static struct sip_str params_of(struct sip_str value)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < value.len; i++) {
		if (value.s[i] == '\\' && quoted)
			i++;
		else if (value.s[i] == '"')
			quoted = !quoted;
		else if (value.s[i] == '>' && !quoted)
			return (struct sip_str){ value.s + i + 1, value.len - i - 1 };
	}
	return (struct sip_str){ value.s + value.len, 0 };
}

/* Value number \a idx of that header, lines and lists counted together. False: there is no such, or it is no address.
 */
static bool address_at(const struct sip_msg *msg, const char *header, unsigned int idx, struct sip_name_addr *na,
		       struct sip_str *params)
{
	struct sip_str list, value;
	const char *line;
	unsigned int i;

	for (i = 0; (line = sip_msg_header(msg, header, i)); i++) {
		list = (struct sip_str){ line, strlen(line) };
		while (sip_list_next(&list, &value)) {
			if (idx--)
				continue;
			*params = params_of(value);
			return sip_msg_name_addr(msg, na, value) == 0;
		}
	}
	return false;
}

/* Value of that parameter, without quotes; s is NULL if it is not there. */
static struct sip_str param_of(struct sip_str params, const char *name)
{
	struct sip_str n, v;

	while (sip_param_next(&params, &n, &v) > 0) {
		if (!sip_str_is(n, name) || !v.s)
			continue;
		if (v.len >= 2 && v.s[0] == '"')
			v = (struct sip_str){ v.s + 1, v.len - 2 };
		return v;
	}
	return (struct sip_str){};
}

/* privacy=full, uri, name or off (draft-ietf-sip-privacy, RFC 5806) */
static bool is_private(struct sip_str params)
{
	struct sip_str privacy = param_of(params, "privacy");

	return sip_str_is(privacy, "full") || sip_str_is(privacy, "uri");
}

/* Somebody as one of the headers below names him. */
struct who {
	char user[SIP_USER_LEN];
	const char *name;
	bool private;
};

/* The user that P-Asserted-Identity names: of a SIP and a tel URI the one with a number (RFC 3325 9.1). */
static bool read_pai(struct who *who, const struct sip_msg *msg)
{
	struct sip_name_addr na;
	struct sip_str params;
	char user[SIP_USER_LEN];
	unsigned int i;

	*who = (struct who){ .name = "" };
	for (i = 0; i < MAX_VALUES && address_at(msg, "P-Asserted-Identity", i, &na, &params); i++) {
		user_of(user, &na.uri);
		if (!user[0] || is_anonymous_uri(&na.uri))
			continue;
		if (!who->name[0])
			who->name = na.display;
		if (!who->user[0] || (!is_number(who->user) && is_number(user)))
			OSMO_STRLCPY_ARRAY(who->user, user);
	}
	return who->user[0] != '\0';
}

/* Remote-Party-ID of that party, which is \a by_default where the header does not say. */
static bool read_rpid(struct who *who, const struct sip_msg *msg, const char *party, const char *by_default)
{
	struct sip_name_addr na;
	struct sip_str params, said;
	unsigned int i;

	for (i = 0; i < MAX_VALUES && address_at(msg, "Remote-Party-ID", i, &na, &params); i++) {
		said = param_of(params, "party");
		if (!sip_str_is(said.s ? said : (struct sip_str){ by_default, strlen(by_default) }, party))
			continue;
		*who = (struct who){ .name = na.display, .private = is_private(params) };
		user_of(who->user, &na.uri);
		return who->user[0] && !is_anonymous_uri(&na.uri);
	}
	return false;
}

static bool read_asserted(struct who *who, const struct sip_msg *msg, const char *party, const char *by_default)
{
	return read_pai(who, msg) || read_rpid(who, msg, party, by_default);
}

/* The first Diversion is the last who passed the call on (RFC 5806 4.2). */
static void read_diversion(struct sip_invite *inv, char *user, const struct sip_msg *msg)
{
	struct sip_name_addr na;
	struct sip_str params, reason;
	unsigned int i;

	if (!address_at(msg, "Diversion", 0, &na, &params))
		return;
	inv->diverting_user = user_of(user, &na.uri);
	inv->diverting_private = is_private(params) || is_anonymous_uri(&na.uri);
	reason = param_of(params, "reason");
	for (i = 0; i < ARRAY_SIZE(divert_reasons); i++) {
		if (sip_str_is(reason, divert_reasons[i].name))
			inv->divert_reason = divert_reasons[i].reason;
	}
}

/* The number that is called, where this peer says it; a message that does not say it there has it in the Request-URI.
 */
static const char *read_called(char *buf, const struct sip_peer *peer, const struct sip_msg *req)
{
	struct sip_name_addr na;
	struct sip_str params;

	if (peer->cfg.called_from == SIP_CALLED_TO && user_of(buf, &req->to.uri)[0])
		return buf;
	if (peer->cfg.called_from == SIP_CALLED_PCPID && address_at(req, "P-Called-Party-ID", 0, &na, &params) &&
	    user_of(buf, &na.uri)[0])
		return buf;
	return user_of(buf, &req->ruri);
}

/* As osmo-sip-connector says it: bytes in hex, spaces between them. */
static void read_gcr(struct sip_invite *inv, char *buf, size_t len, const struct sip_msg *msg)
{
	const char *p = sip_msg_header(msg, "X-Global-Call-Ref", 0);
	size_t n = 0;

	for (; p && *p; p++) {
		if (*p == ' ')
			continue;
		if (!isxdigit((unsigned char)*p) || n + 1 >= len)
			return;
		buf[n++] = tolower((unsigned char)*p);
	}
	buf[n] = '\0';
	if (n && n % 2 == 0)
		inv->gcr = buf;
}

/* What only a peer that we trust may say. */
static void read_trusted(struct sip_invite *inv, struct sip_identity_buf *buf, const struct sip_msg *req)
{
	struct who who;

	if (read_asserted(&who, req, "calling", "calling")) {
		OSMO_STRLCPY_ARRAY(buf->asserted, who.user);
		inv->asserted_user = buf->asserted;
		inv->asserted_name = who.name;
		inv->calling_anonymous |= who.private;
	}
	read_diversion(inv, buf->diverting, req);
	read_gcr(inv, buf->gcr, sizeof(buf->gcr), req);
	inv->access_info = sip_msg_header(req, "P-Access-Network-Info", 0);
}

/*! Who calls whom, as \a req from \a peer says. \a inv borrows from \a buf and \a req. */
void sip_identity_read_invite(struct sip_invite *inv, struct sip_identity_buf *buf, const struct sip_peer *peer,
			      const struct sip_msg *req)
{
	bool anonymous = is_anonymous_uri(&req->from.uri);

	*inv = (struct sip_invite){
		.called_user = read_called(buf->called, peer, req),
		.calling_user = anonymous ? "" : user_of(buf->calling, &req->from.uri),
		.calling_name = anonymous ? "" : req->from.display,
		.calling_anonymous = anonymous || wants_privacy(req),
		.sdp = req->body && strcmp(req->content_type, SIP_TYPE_SDP) == 0 ? req->body : NULL,
	};
	if (peer->cfg.trusted)
		read_trusted(inv, buf, req);
}

/*! Who is at the other end, as a response or request of a trusted peer says. Strings are good until the next call. */
void sip_identity_read_connected(struct sip_session_info *info, const struct sip_peer *peer, const struct sip_msg *msg)
{
	static struct who who;

	if (!peer || !peer->cfg.trusted || !read_asserted(&who, msg, "called", "called"))
		return;
	info->connected_private = who.private || wants_privacy(msg);
	if (info->connected_private)
		return;
	info->connected_user = who.user;
	info->connected_name = who.name;
}

/* ---- writing ---- */

/* "name" <uri>; empty if the URI cannot be made */
static const char *name_addr(char *buf, size_t len, const struct sip_tx *tx, const struct sip_peer *peer,
			     const char *user, const char *name)
{
	char uri[512], display[128];

	buf[0] = '\0';
	if (sip_identity_uri(uri, sizeof(uri), user, peer->cfg.domain ?: tx->local) < 0)
		return buf;
	sip_quote_display(display, sizeof(display), name ?: "");
	snprintf(buf, len, "%s%s<%s>", display, display[0] ? " " : "", uri);
	return buf;
}

/* Whether \a peer may hear of somebody who \a private ly wants to stay unknown, and where. NULL: nowhere. */
static const char *header_for(const struct sip_peer *peer, bool private)
{
	static const char *const headers[] = {
		[SIP_IDENTITY_PAI] = "P-Asserted-Identity",
		[SIP_IDENTITY_PAI_TEL] = "P-Asserted-Identity",
		[SIP_IDENTITY_PPI] = "P-Preferred-Identity",
		[SIP_IDENTITY_RPID] = "Remote-Party-ID",
		[SIP_IDENTITY_FROM] = NULL,
	};
	bool tells = peer->cfg.trusted || (peer->cfg.identity == SIP_IDENTITY_PPI && !private);

	return tells ? headers[peer->cfg.identity] : NULL;
}

/* P-Asserted-Identity or P-Preferred-Identity; numbers that are no international ones have no tel URI of their own (RFC
 * 3966 5.1.4). */
static void write_asserted(struct sip_tx *tx, const struct sip_peer *peer, const char *header, const char *value,
			   const char *user)
{
	if (peer->cfg.identity == SIP_IDENTITY_PAI_TEL && user[0] == '+' && is_number(user))
		sip_write_header(&tx->w, header, "%s, <tel:%s>", value, user);
	else
		sip_write_header_str(&tx->w, header, value);
}

static void write_identity(struct sip_tx *tx, const struct sip_peer *peer, const struct sip_invite *inv)
{
	const char *header = header_for(peer, inv->calling_anonymous);
	const char *user = inv->asserted_user ?: inv->calling_user ?: "";
	char value[700];

	if (!header || !user[0])
		return;
	name_addr(value, sizeof(value), tx, peer, user, inv->asserted_name ?: inv->calling_name);
	if (!value[0])
		return;
	if (peer->cfg.identity == SIP_IDENTITY_RPID)
		sip_write_header(&tx->w, header, "%s;party=calling;screen=%s;privacy=%s", value,
				 inv->asserted_user ? "yes" : "no", inv->calling_anonymous ? "full" : "off");
	else
		write_asserted(tx, peer, header, value, user);
}

static void write_diversion(struct sip_tx *tx, const struct sip_peer *peer, const struct sip_invite *inv)
{
	uint8_t reason = inv->divert_reason < ARRAY_SIZE(divert_reasons) ? inv->divert_reason : 0;
	char value[700];

	if (!inv->diverting_user || !inv->diverting_user[0] || (inv->diverting_private && !peer->cfg.trusted))
		return;
	if (name_addr(value, sizeof(value), tx, peer, inv->diverting_user, NULL)[0])
		sip_write_header(&tx->w, "Diversion", "%s;reason=%s;privacy=%s;counter=1", value,
				 divert_reasons[reason].name, inv->diverting_private ? "full" : "off");
}

static void write_gcr(struct sip_tx *tx, const char *hex)
{
	char value[64] = "";
	size_t n = 0;

	for (; hex[0] && hex[1] && n + 4 < sizeof(value); hex += 2)
		n += snprintf(value + n, sizeof(value) - n, "%s%c%c", n ? " " : "", hex[0], hex[1]);
	sip_write_header_str(&tx->w, "X-Global-Call-Ref", value);
}

/*! The headers of an INVITE that say more about its parties than From and To. */
void sip_identity_write_invite(struct sip_tx *tx, const struct sip_peer *peer, const struct sip_invite *inv)
{
	write_identity(tx, peer, inv);
	if (inv->calling_anonymous)
		sip_write_header_str(&tx->w, "Privacy", "id");
	write_diversion(tx, peer, inv);
	if (inv->gcr && inv->gcr[0])
		write_gcr(tx, inv->gcr);
	if (inv->access_info && peer->cfg.trusted)
		sip_write_header_str(&tx->w, "P-Access-Network-Info", inv->access_info);
	if (inv->emergency)
		sip_write_header_str(&tx->w, "Priority", "emergency");
}

static void write_answerer(struct sip_tx *tx, const struct sip_peer *peer, const char *header,
			   const struct sip_uas_invite *in)
{
	char value[700];

	if (!name_addr(value, sizeof(value), tx, peer, in->connected_user, in->connected_name)[0])
		return;
	if (peer->cfg.identity == SIP_IDENTITY_RPID)
		sip_write_header(&tx->w, header, "%s;party=called;screen=yes;privacy=%s", value,
				 in->connected_private ? "full" : "off");
	else
		write_asserted(tx, peer, header, value, in->connected_user);
	if (in->connected_private)
		sip_write_header_str(&tx->w, "Privacy", "id");
}

/*! Who answers, in a response that goes to the calling side. */
void sip_identity_write_connected(struct sip_tx *tx, const struct sip_session *s)
{
	const char *header = s->peer && s->in ? header_for(s->peer, s->in->connected_private) : NULL;

	if (header && s->in->connected_user)
		write_answerer(tx, s->peer, header, s->in);
}

/*! Kept until the INVITE has its final response; without effect when that was sent. Of one who wants to stay unknown,
 * \a private, only a peer that may hear it is told, with the wish (RFC 3325 7). */
void sip_session_set_connected(struct sip_session *s, const char *user, const char *name, bool private)
{
	if (!s->in || !s->peer || !header_for(s->peer, private))
		return;
	osmo_talloc_replace_string(s->in, &s->in->connected_user, user);
	osmo_talloc_replace_string(s->in, &s->in->connected_name, name);
	s->in->connected_private = private;
}
