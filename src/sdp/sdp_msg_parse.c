/* SDP text to struct (RFC 8866, and what RFC 3435 leaves out of it).
 *
 * Tolerant where nothing is at stake: order of lines, CR, LF or both, no final line end, unknown lines, upper or lower
 * case (MGCP), more blanks than needed, missing o=, s=, t=. Strict where somebody could be led astray: v=, m= lines,
 * and numbers. When a line that may stand once comes twice, the first one counts. No allocation; bounded by the sizes
 * in the struct. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <errno.h>
#include <arpa/inet.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/token.h>
#include <osmocom/sipgw/sdp/sdp_msg.h>

#include "sdp_internal.h"

/*! What can stand in the session part and again in each m= section. */
struct scope {
	struct osmo_sockaddr_str addr;
	enum sdp_dir dir;
	bool has_addr, has_dir, crypto;
	bool named; /*!< the address is a host name */
};

struct parse {
	struct sdp_msg *sdp;
	struct sdp_media *media; /*!< the section we are in, if it is one that we keep */
	bool in_media;		 /*!< we are in a section, kept or dropped; else in the session part */
	bool has_version;
	struct scope session, own;
	uint16_t unusable; /*!< bit per format of the section: its name or parameters do not fit */
	const char *why;
};

static int bad(struct parse *p, const char *why)
{
	p->why = why;
	return -EINVAL;
}

static int too_big(struct parse *p, const char *why)
{
	p->why = why;
	return -E2BIG;
}

static struct scope *scope_of(struct parse *p)
{
	return p->in_media ? &p->own : &p->session;
}

/*! Static payload types (RFC 3551 6). */
static const struct {
	const char *enc;
	uint32_t rate;
	uint8_t channels;
} static_types[] = {
	[0] = { "PCMU", 8000, 1 },   [3] = { "GSM", 8000, 1 },	  [4] = { "G723", 8000, 1 },
	[5] = { "DVI4", 8000, 1 },   [6] = { "DVI4", 16000, 1 },  [7] = { "LPC", 8000, 1 },
	[8] = { "PCMA", 8000, 1 },   [9] = { "G722", 8000, 1 },	  [10] = { "L16", 44100, 2 },
	[11] = { "L16", 44100, 1 },  [12] = { "QCELP", 8000, 1 }, [13] = { "CN", 8000, 1 },
	[14] = { "MPA", 90000, 1 },  [15] = { "G728", 8000, 1 },  [16] = { "DVI4", 11025, 1 },
	[17] = { "DVI4", 22050, 1 }, [18] = { "G729", 8000, 1 },  [25] = { "CelB", 90000, 1 },
	[26] = { "JPEG", 90000, 1 }, [28] = { "nv", 90000, 1 },	  [31] = { "H261", 90000, 1 },
	[32] = { "MPV", 90000, 1 },  [33] = { "MP2T", 90000, 1 }, [34] = { "H263", 90000, 1 },
};

static void fill_static_type(struct sdp_format *f)
{
	if (f->enc[0] || f->pt >= ARRAY_SIZE(static_types) || !static_types[f->pt].enc)
		return;
	OSMO_STRLCPY_ARRAY(f->enc, static_types[f->pt].enc);
	f->rate = static_types[f->pt].rate;
	f->channels = static_types[f->pt].channels;
}

/*! The section ends: what it did not say itself holds from the session part. */
static void end_media(struct parse *p)
{
	const struct scope *addr = p->own.has_addr ? &p->own : &p->session;
	const struct scope *dir = p->own.has_dir ? &p->own : &p->session;
	struct sdp_media *m = p->media;
	unsigned int i, n = 0;

	if (!m)
		return;
	m->addr.af = addr->addr.af;
	OSMO_STRLCPY_ARRAY(m->addr.ip, addr->addr.ip);
	m->named = addr->named;
	m->dir = dir->dir;
	m->crypto = p->own.crypto || p->session.crypto;
	for (i = 0; i < m->n_formats; i++) {
		if (p->unusable & (1 << i))
			continue;
		if (n != i)
			m->formats[n] = m->formats[i];
		fill_static_type(&m->formats[n++]);
	}
	m->n_formats = n;
	p->media = NULL;
}

/*! \a addr stays unset unless the text is an IP address of the type it claims to be. */
static void parse_addr(struct osmo_sockaddr_str *addr, struct sdp_str net, struct sdp_str type, struct sdp_str text)
{
	struct sdp_str ip = sdp_str_cut(&text, '/'); /* of multicast: /ttl/number */
	int af = sdp_str_is(type, "IP4") ? AF_INET : sdp_str_is(type, "IP6") ? AF_INET6 : AF_UNSPEC;
	uint8_t bin[sizeof(struct in6_addr)];

	*addr = (struct osmo_sockaddr_str){};
	if (!sdp_str_is(net, "IN") || af == AF_UNSPEC || !sdp_str_copy(addr->ip, sizeof(addr->ip), ip))
		return;
	if (inet_pton(af, addr->ip, bin) == 1)
		addr->af = af;
	else
		addr->ip[0] = '\0';
}

/*! v= */
static int parse_version(struct parse *p, struct sdp_str val)
{
	uint64_t version;

	if (p->in_media || p->has_version)
		return bad(p, "a second v= line");
	if (!sdp_str_num(val, UINT64_MAX, &version) || version != 0)
		return bad(p, "the version in v= is not 0");
	p->has_version = true;
	return 0;
}

/*! RFC 8866 wants a number here without a bound; there are peers with other ideas. */
static uint64_t parse_id(struct sdp_str s)
{
	uint64_t id;

	if (sdp_str_num(s, UINT64_MAX, &id))
		return id;
	return s.n ? token_hash(s.p, s.n) >> 2 : 0;
}

/*! o= says nothing that a call depends on, so nothing in it is an error. */
static int parse_origin(struct parse *p, struct sdp_str val)
{
	struct sdp_msg *sdp = p->sdp;
	struct sdp_str net, type;

	if (p->in_media || sdp->user[0])
		return 0;
	if (!sdp_str_copy(sdp->user, sizeof(sdp->user), sdp_str_token(&val)) || !sdp->user[0])
		OSMO_STRLCPY_ARRAY(sdp->user, "-");
	sdp->sess_id = parse_id(sdp_str_token(&val));
	sdp->sess_version = parse_id(sdp_str_token(&val));
	net = sdp_str_token(&val);
	type = sdp_str_token(&val);
	parse_addr(&sdp->origin, net, type, sdp_str_token(&val));
	return 0;
}

/*! Could that be a host name (RFC 8866 9, FQDN)? Neither numbers nor colons only. */
static bool is_name(struct sdp_str s)
{
	bool letter = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ':')
			return false;
		letter |= isalpha((unsigned char)s.p[i]);
	}
	return letter;
}

/*! c= */
static int parse_connection(struct parse *p, struct sdp_str val)
{
	struct scope *scope = scope_of(p);
	struct sdp_str net = sdp_str_token(&val);
	struct sdp_str type = sdp_str_token(&val);
	struct sdp_str addr = sdp_str_token(&val);

	if (!addr.n)
		return bad(p, "a c= line without an address");
	if (scope->has_addr)
		return 0;
	parse_addr(&scope->addr, net, type, addr);
	scope->named = scope->addr.af == AF_UNSPEC && sdp_str_is(net, "IN") && is_name(addr);
	scope->has_addr = true;
	return 0;
}

/*! The payload types of an m= line. Those beyond what we keep are checked, but left out: the list is in order of
 * preference. */
static int parse_formats(struct parse *p, struct sdp_media *m, struct sdp_str list)
{
	struct sdp_str tok;
	uint64_t pt;

	while ((tok = sdp_str_token(&list)).n) {
		struct sdp_format *f = &m->formats[m->n_formats];

		if (!sdp_str_num(tok, 127, &pt))
			return bad(p, "a payload type in an m= line is not a number from 0 to 127");
		if (m->n_formats == SDP_MAX_FORMATS || sdp_media_format(m, pt))
			continue;
		f->pt = pt;
		f->enc[0] = f->fmtp[0] = '\0';
		f->rate = 0;
		f->channels = 1;
		m->n_formats++;
	}
	if (!m->n_formats && m->addr.port)
		return bad(p, "an m= line without a payload type");
	return 0;
}

static int parse_port(struct parse *p, struct sdp_str tok, uint16_t *port)
{
	struct sdp_str first = sdp_str_cut(&tok, '/');
	uint64_t val, count;

	if (!sdp_str_num(first, 65535, &val))
		return bad(p, "the port in an m= line is not a number from 0 to 65535");
	if (tok.n && (!sdp_str_num(tok, 65535, &count) || !count))
		return bad(p, "the number of ports in an m= line is not a number");
	*port = val;
	return 0;
}

/*! Take the words before the formats. */
static int parse_m_line(struct parse *p, struct sdp_str val, struct sdp_m_line *line, uint16_t *port,
			struct sdp_str *formats)
{
	struct sdp_str media = sdp_str_token(&val);
	struct sdp_str port_tok = sdp_str_token(&val);
	struct sdp_str proto = sdp_str_token(&val);

	if (!proto.n)
		return bad(p, "an m= line without a transport");
	*formats = val;
	if (!sdp_str_copy(line->media, sizeof(line->media), media) ||
	    !sdp_str_copy(line->proto, sizeof(line->proto), proto) ||
	    !sdp_str_copy(line->fmt, sizeof(line->fmt), sdp_str_token(&val)))
		return bad(p, "a word in an m= line is too long or not plain ASCII");
	return parse_port(p, port_tok, port);
}

/*! m= */
static int parse_media(struct parse *p, struct sdp_str val)
{
	struct sdp_msg *sdp = p->sdp;
	struct sdp_m_line line;
	struct sdp_str formats;
	struct sdp_media *m;
	uint16_t port;
	int rc;

	end_media(p);
	p->in_media = true;
	p->own = (struct scope){};
	p->unusable = 0;

	rc = parse_m_line(p, val, &line, &port, &formats);
	if (rc < 0)
		return rc;
	if (sdp->n_media == SDP_MAX_MEDIA) {
		if (sdp->n_media_dropped == SDP_MAX_DROPPED)
			return too_big(p, "too many m= lines");
		sdp->dropped[sdp->n_media_dropped++] = line;
		return 0;
	}
	p->media = m = &sdp->media[sdp->n_media++];
	sdp_media_clear(m);
	OSMO_STRLCPY_ARRAY(m->media, line.media);
	OSMO_STRLCPY_ARRAY(m->proto, line.proto);
	OSMO_STRLCPY_ARRAY(m->fmt, line.fmt);
	m->addr.port = port;
	return sdp_media_is_rtp(m) ? parse_formats(p, m, formats) : 0;
}

/*! The payload type that an attribute is about. *f is NULL if it is none of the section's formats. */
static int parse_pt(struct parse *p, struct sdp_str *val, struct sdp_format **f)
{
	uint64_t pt;

	*f = NULL;
	if (!sdp_media_is_rtp(p->media))
		return 0;
	if (!sdp_str_num(sdp_str_token(val), 127, &pt))
		return bad(p, "the payload type in an attribute is not a number from 0 to 127");
	*f = sdp_media_format(p->media, pt);
	return 0;
}

static void mark_unusable(struct parse *p, const struct sdp_format *f)
{
	p->unusable |= 1 << (f - p->media->formats);
}

/*! a=rtpmap:PT NAME/RATE[/CHANNELS] */
static int parse_rtpmap(struct parse *p, struct sdp_str val)
{
	uint64_t rate = 8000, channels = 1;
	struct sdp_format *f;
	struct sdp_str enc, tok;
	int rc = parse_pt(p, &val, &f);

	if (rc < 0 || !f || f->enc[0])
		return rc;
	val = sdp_str_token(&val);
	enc = sdp_str_cut(&val, '/');
	tok = sdp_str_cut(&val, '/');
	if (tok.n && (!sdp_str_num(tok, UINT32_MAX, &rate) || !rate))
		return bad(p, "the clock rate in a=rtpmap is not a number above 0");
	if (val.n && (!sdp_str_num(val, UINT8_MAX, &channels) || !channels))
		return bad(p, "the number of channels in a=rtpmap is not a number from 1 to 255");
	if (!sdp_str_copy(f->enc, sizeof(f->enc), enc))
		mark_unusable(p, f);
	f->rate = rate;
	f->channels = channels;
	return 0;
}

/*! a=fmtp:PT PARAMETERS. Half of the parameters would be wrong ones, so a format is left out if they do not fit. */
static int parse_fmtp(struct parse *p, struct sdp_str val)
{
	struct sdp_format *f;
	int rc = parse_pt(p, &val, &f);

	if (rc < 0 || !f || f->fmtp[0])
		return rc;
	if (!sdp_str_copy(f->fmtp, sizeof(f->fmtp), sdp_str_trim(val)))
		mark_unusable(p, f);
	return 0;
}

/*! A packet time; may be a decimal fraction by RFC 8866 6.4, of which we take the milliseconds. */
static int parse_ms(struct parse *p, struct sdp_str val, uint64_t max, uint16_t *ms)
{
	struct sdp_str whole = sdp_str_cut(&val, '.');
	uint64_t num, fraction;

	if (!sdp_str_num(whole, max, &num) || !num || (val.n && !sdp_str_num(val, UINT64_MAX, &fraction)))
		return bad(p, "a=ptime or a=maxptime is not a sensible number of milliseconds");
	if (!*ms)
		*ms = num;
	return 0;
}

static int parse_ptime(struct parse *p, struct sdp_str val)
{
	return parse_ms(p, val, 1000, &p->media->ptime);
}

static int parse_maxptime(struct parse *p, struct sdp_str val)
{
	return parse_ms(p, val, UINT16_MAX, &p->media->maxptime);
}

/*! a=rtcp:PORT [address] (RFC 3605) */
static int parse_rtcp(struct parse *p, struct sdp_str val)
{
	uint64_t port;

	if (!sdp_str_num(sdp_str_token(&val), 65535, &port))
		return bad(p, "the port in a=rtcp is not a number from 0 to 65535");
	p->media->rtcp_port = port;
	return 0;
}

static int parse_rtcp_mux(struct parse *p, struct sdp_str val)
{
	p->media->rtcp_mux = true;
	return 0;
}

static int parse_crypto(struct parse *p, struct sdp_str val)
{
	scope_of(p)->crypto = true;
	return 0;
}

static const struct {
	const char *name;
	bool in_session; /*!< may stand in the session part, too */
	int (*parse)(struct parse *p, struct sdp_str val);
} attributes[] = {
	{ "rtpmap", false, parse_rtpmap }, { "fmtp", false, parse_fmtp },
	{ "ptime", false, parse_ptime },   { "maxptime", false, parse_maxptime },
	{ "rtcp", false, parse_rtcp },	   { "rtcp-mux", false, parse_rtcp_mux },
	{ "crypto", true, parse_crypto },  { "fingerprint", true, parse_crypto },
};

static bool parse_dir(struct parse *p, struct sdp_str name)
{
	struct scope *scope = scope_of(p);
	const struct value_string *v;

	for (v = sdp_dir_names; v->str; v++) {
		if (!sdp_str_is(name, v->str))
			continue;
		if (!scope->has_dir)
			scope->dir = v->value;
		scope->has_dir = true;
		return true;
	}
	return false;
}

/*! a= */
static int parse_attribute(struct parse *p, struct sdp_str val)
{
	struct sdp_str name = sdp_str_trim(sdp_str_cut(&val, ':'));
	int i;

	if (p->in_media && !p->media)
		return 0;
	if (parse_dir(p, name))
		return 0;
	for (i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (!sdp_str_is(name, attributes[i].name))
			continue;
		if (!p->media && !attributes[i].in_session)
			return 0;
		return attributes[i].parse(p, sdp_str_trim(val));
	}
	return 0;
}

static int parse_line(struct parse *p, struct sdp_str line)
{
	struct sdp_str val;

	if (line.n < 2 || line.p[1] != '=')
		return bad(p, "a line does not begin with a letter and '='");
	val = sdp_str_trim((struct sdp_str){ line.p + 2, line.n - 2 });
	switch (line.p[0]) {
	case 'v':
	case 'V':
		return parse_version(p, val);
	case 'o':
	case 'O':
		return parse_origin(p, val);
	case 'c':
	case 'C':
		return parse_connection(p, val);
	case 'm':
	case 'M':
		return parse_media(p, val);
	case 'a':
	case 'A':
		return parse_attribute(p, val);
	default:
		return 0; /* RFC 8866 5: what is not known is ignored */
	}
}

static int parse_text(struct parse *p, struct sdp_str text)
{
	struct sdp_str line;
	int rc;

	if (text.n > SDP_MAX_LEN)
		return too_big(p, "longer than 65535 bytes");
	if (text.n && memchr(text.p, '\0', text.n))
		return bad(p, "a NUL byte in it");
	while (sdp_str_line(&text, &line)) {
		rc = parse_line(p, line);
		if (rc < 0)
			return rc;
	}
	end_media(p);
	return p->has_version ? 0 : bad(p, "no v= line");
}

int sdp_msg_parse(struct sdp_msg *sdp, const char *text, size_t len, const char **why)
{
	struct parse p = { .sdp = sdp };
	int rc;

	sdp_msg_clear(sdp);
	rc = parse_text(&p, (struct sdp_str){ text, len });
	if (rc < 0) {
		sdp_msg_clear(sdp);
		if (why)
			*why = p.why;
	}
	return rc;
}
