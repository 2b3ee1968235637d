/* A long description made short enough for a small buffer (MNCC has 1024 bytes), line by line.
 *
 * The text is not rebuilt from the struct, since that would lose what we do not know as well when there is room for it.
 * Instead lines are left out in steps, the least important first, until the rest fits. What stays, stays as it was, but
 * for m= lines of which formats were taken. A line is never cut. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sdp/sdp_msg.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "sdp_internal.h"

struct reduction {
	struct sdp_media *audio; /*!< the stream that matters; NULL if there is none */
	int audio_section;	 /*!< counted from 0; -1 if there is none */
	bool bare_others;	 /*!< other streams become rejected m= lines */
	bool known_only;	 /*!< lines unknown to us are left out */
	bool some_formats;	 /*!< only payload types in keep[] stay in the audio */
	bool keep[128];
};

/*! Attributes that make a difference to a call. */
static const char *const attrs_that_matter[] = {
	"rtpmap",      "fmtp",	"ptime",    "maxptime", "rtcp",	    "rtcp-mux", "crypto",
	"fingerprint", "setup", "sendrecv", "sendonly", "recvonly", "inactive",
};

/*! What stands behind the letter and "=". */
static struct sdp_str value_of(struct sdp_str line)
{
	return (struct sdp_str){ line.p + 2, line.n - 2 };
}

static bool matters(struct sdp_str line)
{
	struct sdp_str val = value_of(line);
	struct sdp_str name = sdp_str_trim(sdp_str_cut(&val, ':'));
	int i;

	if (line.p[0] != 'a' && line.p[0] != 'A')
		return strchr("vostcmVOSTCM", line.p[0]);
	for (i = 0; i < ARRAY_SIZE(attrs_that_matter); i++) {
		if (sdp_str_is(name, attrs_that_matter[i]))
			return true;
	}
	return false;
}

/*! Is that an attribute of a format that was left out? */
static bool of_dropped_format(const struct reduction *r, struct sdp_str line)
{
	struct sdp_str val = value_of(line);
	struct sdp_str name = sdp_str_trim(sdp_str_cut(&val, ':'));
	uint64_t pt;

	if (!sdp_str_is(name, "rtpmap") && !sdp_str_is(name, "fmtp") && !sdp_str_is(name, "rtcp-fb"))
		return false;
	return sdp_str_num(sdp_str_token(&val), 127, &pt) && !r->keep[pt];
}

static void out_line(struct sdp_out *o, struct sdp_str line)
{
	sdp_out_add(o, line.p, line.n);
	sdp_out_str(o, "\r\n");
}

static void out_token(struct sdp_out *o, struct sdp_str tok)
{
	sdp_out_str(o, " ");
	sdp_out_add(o, tok.p, tok.n);
}

/*! Begin an m= line; \a val is moved on to the formats. */
static void out_m_line(struct sdp_out *o, struct sdp_str *val, bool rejected)
{
	struct sdp_str media = sdp_str_token(val), port = sdp_str_token(val);

	sdp_out_str(o, "m=");
	sdp_out_add(o, media.p, media.n);
	out_token(o, rejected ? (struct sdp_str){ "0", 1 } : port);
	out_token(o, sdp_str_token(val));
}

/*! The m= line of a stream that is given up. */
static void out_bare_m_line(struct sdp_out *o, struct sdp_str line)
{
	struct sdp_str val = value_of(line), fmt;

	out_m_line(o, &val, true);
	fmt = sdp_str_token(&val);
	out_token(o, fmt.n ? fmt : (struct sdp_str){ "19", 2 });
	sdp_out_str(o, "\r\n");
}

/*! The m= line of the audio with the formats that are left. */
static void out_audio_m_line(const struct reduction *r, struct sdp_out *o, struct sdp_str line)
{
	struct sdp_str val = value_of(line), tok;
	uint64_t pt;

	out_m_line(o, &val, false);
	while ((tok = sdp_str_token(&val)).n) {
		if (sdp_str_num(tok, 127, &pt) && r->keep[pt])
			out_token(o, tok);
	}
	sdp_out_str(o, "\r\n");
}

/*! Write one line, as far as it stays. \a section is that of the line, -1 for the session part. */
static void reduce_line(const struct reduction *r, struct sdp_out *o, struct sdp_str line, int section)
{
	bool is_m = line.p[0] == 'm' || line.p[0] == 'M';
	bool is_s = line.p[0] == 's' || line.p[0] == 'S';
	bool is_audio = section >= 0 && section == r->audio_section;

	if (section >= 0 && !is_audio && r->bare_others) {
		if (is_m)
			out_bare_m_line(o, line);
		return;
	}
	if (r->known_only && !matters(line))
		return;
	if (r->known_only && is_s)
		sdp_out_str(o, "s=-\r\n");
	else if (is_audio && is_m && r->some_formats)
		out_audio_m_line(r, o, line);
	else if (!is_audio || !r->some_formats || !of_dropped_format(r, line))
		out_line(o, line);
}

static int reduce(const struct reduction *r, char *buf, size_t len, struct sdp_str text)
{
	struct sdp_out o = { buf, len };
	struct sdp_str line;
	int section = -1;

	while (sdp_str_line(&text, &line)) {
		if (line.p[0] == 'm' || line.p[0] == 'M')
			section++;
		reduce_line(r, &o, line, section);
	}
	return sdp_out_end(&o);
}

static bool is_gsm_voice(enum sdp_codec_id id)
{
	return id == SDP_CODEC_GSM_FR || id == SDP_CODEC_GSM_EFR || id == SDP_CODEC_GSM_HR || id == SDP_CODEC_AMR ||
	       id == SDP_CODEC_AMR_WB;
}

/*! How sorry we would be to lose a format: unknown codecs least, then CN and the like, then voice that is not for a
 * radio, then telephone-event. The voice codec put first and those of GSM make the call. */
static int worth(enum sdp_codec_id id, bool first_voice)
{
	if (id == SDP_CODEC_UNKNOWN)
		return 0;
	if (is_gsm_voice(id) || first_voice)
		return 4;
	if (id == SDP_CODEC_TELEPHONE_EVENT)
		return 3;
	return sdp_codec_is_voice(id) ? 2 : 1;
}

/*! The format to leave out next: the last one of the least worth. NULL if only one is left. */
static struct sdp_format *least_format(const struct reduction *r)
{
	struct sdp_format *least = NULL;
	bool seen_voice = false;
	int i, n = 0, least_worth = 0;

	for (i = 0; i < r->audio->n_formats; i++) {
		struct sdp_format *f = &r->audio->formats[i];
		enum sdp_codec_id id = sdp_codec_of(f);
		bool voice = sdp_codec_is_voice(id);
		int w;

		if (!r->keep[f->pt])
			continue;
		w = worth(id, voice && !seen_voice);
		if (voice)
			seen_voice = true;
		if (!least || w <= least_worth) {
			least = f;
			least_worth = w;
		}
		n++;
	}
	return n > 1 ? least : NULL;
}

static int reduce_formats(struct reduction *r, char *buf, size_t len, struct sdp_str text)
{
	struct sdp_format *f;
	int i, rc;

	if (!r->audio || !r->audio->n_formats)
		return -EMSGSIZE;
	r->some_formats = true;
	for (i = 0; i < r->audio->n_formats; i++)
		r->keep[r->audio->formats[i].pt] = true;
	rc = reduce(r, buf, len, text);
	while (rc < 0 && (f = least_format(r))) {
		r->keep[f->pt] = false;
		rc = reduce(r, buf, len, text);
	}
	return rc;
}

int sdp_msg_reduce(char *buf, size_t len, const char *text)
{
	struct sdp_str str = { text, strlen(text) };
	struct reduction r = { .audio_section = -1 };
	struct sdp_msg sdp;
	int rc;

	if (str.n < len) {
		memcpy(buf, text, str.n + 1);
		return str.n;
	}
	rc = sdp_msg_parse(&sdp, text, str.n, NULL);
	if (rc < 0)
		return rc;
	r.audio = sdp_msg_audio(&sdp);
	if (r.audio)
		r.audio_section = r.audio - sdp.media;

	r.bare_others = true;
	rc = reduce(&r, buf, len, str);
	if (rc >= 0)
		return rc;
	r.known_only = true;
	rc = reduce(&r, buf, len, str);
	if (rc >= 0)
		return rc;
	return reduce_formats(&r, buf, len, str);
}
