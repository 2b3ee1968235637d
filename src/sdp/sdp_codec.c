/* The codecs we know, and what makes two formats the same one.
 *
 * Names are those of the IANA registry of RTP payload formats; payload types those of 3GPP TS 48.103 table 5.4.2.2.1,
 * which the GSM core uses. Whether two formats fit together is asked without regard to payload types: whoever relays
 * RTP translates them. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "sdp_internal.h"

static const struct sdp_codec codecs[_NUM_SDP_CODECS] = {
	[SDP_CODEC_UNKNOWN] = { SDP_CODEC_UNKNOWN, "unknown", "", 0, 0 },
	[SDP_CODEC_GSM_FR] = { SDP_CODEC_GSM_FR, "FR", "GSM", 8000, 3 },
	[SDP_CODEC_GSM_EFR] = { SDP_CODEC_GSM_EFR, "EFR", "GSM-EFR", 8000, 110 },
	[SDP_CODEC_GSM_HR] = { SDP_CODEC_GSM_HR, "HR", "GSM-HR-08", 8000, 111 },
	[SDP_CODEC_AMR] = { SDP_CODEC_AMR, "AMR", "AMR", 8000, 112 },
	[SDP_CODEC_AMR_WB] = { SDP_CODEC_AMR_WB, "AMR-WB", "AMR-WB", 16000, 113 },
	[SDP_CODEC_PCMU] = { SDP_CODEC_PCMU, "PCMU", "PCMU", 8000, 0 },
	[SDP_CODEC_PCMA] = { SDP_CODEC_PCMA, "PCMA", "PCMA", 8000, 8 },
	[SDP_CODEC_G722] = { SDP_CODEC_G722, "G722", "G722", 8000, 9 },
	[SDP_CODEC_CLEARMODE] = { SDP_CODEC_CLEARMODE, "CLEARMODE", "CLEARMODE", 8000, 120 },
	[SDP_CODEC_CN] = { SDP_CODEC_CN, "CN", "CN", 8000, 13 },
	[SDP_CODEC_TELEPHONE_EVENT] = { SDP_CODEC_TELEPHONE_EVENT, "telephone-event", "telephone-event", 8000, 101 },
};

/*! Other encoding names and clock rates under which a codec is met. Rate 0: any. */
static const struct {
	const char *enc;
	uint32_t rate;
	enum sdp_codec_id id;
} aliases[] = {
	{ "GSM-HR", 8000, SDP_CODEC_GSM_HR }, /* without the version of RFC 5993 */
	{ "G722", 16000, SDP_CODEC_G722 },    /* the true rate; 8000 is an error made law by RFC 3551 4.5.2 */
	{ "CN", 0, SDP_CODEC_CN },	      /* has the clock of the codec it goes with */
	{ "telephone-event", 0, SDP_CODEC_TELEPHONE_EVENT }, /* likewise */
};

const struct sdp_codec *sdp_codec_get(enum sdp_codec_id id)
{
	if ((unsigned int)id >= _NUM_SDP_CODECS)
		id = SDP_CODEC_UNKNOWN;
	return &codecs[id];
}

const struct sdp_codec *sdp_codec_by_name(const char *name)
{
	int i;

	for (i = SDP_CODEC_UNKNOWN + 1; i < _NUM_SDP_CODECS; i++) {
		if (!strcasecmp(codecs[i].name, name) || !strcasecmp(codecs[i].enc, name))
			return &codecs[i];
	}
	for (i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (!strcasecmp(aliases[i].enc, name))
			return &codecs[aliases[i].id];
	}
	return NULL;
}

enum sdp_codec_id sdp_codec_of(const struct sdp_format *fmt)
{
	int i;

	if (!fmt->enc[0] || fmt->channels > 1)
		return SDP_CODEC_UNKNOWN;
	for (i = SDP_CODEC_UNKNOWN + 1; i < _NUM_SDP_CODECS; i++) {
		if (fmt->rate == codecs[i].rate && !strcasecmp(fmt->enc, codecs[i].enc))
			return i;
	}
	for (i = 0; i < ARRAY_SIZE(aliases); i++) {
		if ((!aliases[i].rate || fmt->rate == aliases[i].rate) && !strcasecmp(fmt->enc, aliases[i].enc))
			return aliases[i].id;
	}
	return SDP_CODEC_UNKNOWN;
}

bool sdp_codec_is_voice(enum sdp_codec_id id)
{
	switch (id) {
	case SDP_CODEC_GSM_FR:
	case SDP_CODEC_GSM_EFR:
	case SDP_CODEC_GSM_HR:
	case SDP_CODEC_AMR:
	case SDP_CODEC_AMR_WB:
	case SDP_CODEC_PCMU:
	case SDP_CODEC_PCMA:
	case SDP_CODEC_G722:
		return true;
	default:
		return false;
	}
}

bool sdp_codec_carries_call(const struct sdp_format *fmt)
{
	switch (sdp_codec_of(fmt)) {
	case SDP_CODEC_CN:
	case SDP_CODEC_TELEPHONE_EVENT:
		return false;
	case SDP_CODEC_UNKNOWN:
		return fmt->enc[0];
	default:
		return true;
	}
}

void sdp_codec_to_format(struct sdp_format *fmt, enum sdp_codec_id id, const char *fmtp)
{
	const struct sdp_codec *codec = sdp_codec_get(id);

	*fmt = (struct sdp_format){ .pt = codec->pt, .rate = codec->rate, .channels = 1 };
	OSMO_STRLCPY_ARRAY(fmt->enc, codec->enc);
	if (fmtp)
		OSMO_STRLCPY_ARRAY(fmt->fmtp, fmtp);
}

/*! A flag of RFC 4867: 0 or 1, or just the name. */
static bool parse_flag(struct sdp_str val, bool *flag)
{
	uint64_t num = 1;

	if (val.n && !sdp_str_num(val, 1, &num))
		return false;
	*flag = num;
	return true;
}

/*! "0,2,4,7": modes 0 to 7 of AMR, 0 to 8 of AMR-WB. */
static bool parse_mode_set(struct sdp_str val, uint16_t *mode_set)
{
	uint16_t set = 0;
	uint64_t mode;

	while (val.n) {
		if (!sdp_str_num(sdp_str_trim(sdp_str_cut(&val, ',')), 8, &mode))
			return false;
		set |= 1 << mode;
	}
	*mode_set = set;
	return set != 0;
}

/*! Returns false if the value makes no sense. Parameters that change nothing for us are passed over. */
static bool parse_amr_param(struct sdp_amr *amr, struct sdp_str name, struct sdp_str val)
{
	uint64_t num;

	if (sdp_str_is(name, "octet-align"))
		return parse_flag(val, &amr->octet_align);
	if (sdp_str_is(name, "mode-set"))
		return parse_mode_set(val, &amr->mode_set);
	if (sdp_str_is(name, "crc"))
		return parse_flag(val, &amr->crc);
	if (sdp_str_is(name, "robust-sorting"))
		return parse_flag(val, &amr->robust_sorting);
	if (sdp_str_is(name, "interleaving")) {
		amr->interleaving = true;
		return sdp_str_num(val, UINT32_MAX, &num);
	}
	if (sdp_str_is(name, "mode-change-period")) {
		if (!sdp_str_num(val, 2, &num) || !num)
			return false;
		amr->mode_change_period = num;
	}
	return true;
}

int sdp_amr_parse(struct sdp_amr *amr, const char *fmtp)
{
	struct sdp_amr out = { .mode_change_period = 1 };
	struct sdp_str rest = { fmtp, strlen(fmtp) };

	while (rest.n) {
		struct sdp_str val = sdp_str_cut(&rest, ';');
		struct sdp_str name = sdp_str_trim(sdp_str_cut(&val, '='));

		if (!parse_amr_param(&out, name, sdp_str_trim(val)))
			return -EINVAL;
	}
	/* RFC 4867 8.1: these imply octet-aligned operation */
	if (out.crc || out.robust_sorting || out.interleaving)
		out.octet_align = true;
	*amr = out;
	return 0;
}

static void out_param(struct sdp_out *o, const char *param)
{
	if (o->n)
		sdp_out_str(o, ";");
	sdp_out_str(o, param);
}

static void out_mode_set(struct sdp_out *o, uint16_t mode_set)
{
	const char *sep = "";
	int i;

	out_param(o, "mode-set=");
	for (i = 0; i <= 8; i++) {
		if (!(mode_set & (1 << i)))
			continue;
		sdp_out_str(o, sep);
		sdp_out_num(o, i);
		sep = ",";
	}
}

int sdp_amr_encode(char *buf, size_t len, const struct sdp_amr *amr)
{
	struct sdp_out o = { buf, len };

	if (amr->octet_align)
		out_param(&o, "octet-align=1");
	if (amr->mode_set)
		out_mode_set(&o, amr->mode_set);
	if (amr->mode_change_period == 2)
		out_param(&o, "mode-change-period=2");
	if (amr->crc)
		out_param(&o, "crc=1");
	if (amr->robust_sorting)
		out_param(&o, "robust-sorting=1");
	if (amr->interleaving)
		out_param(&o, "interleaving=1");
	return sdp_out_end(&o);
}

int sdp_amr_set_modes(char *buf, size_t len, const char *fmtp, uint16_t mode_set)
{
	struct sdp_str rest = { fmtp, strlen(fmtp) };
	struct sdp_out o = { buf, len };

	while (rest.n) {
		struct sdp_str param = sdp_str_trim(sdp_str_cut(&rest, ';'));
		struct sdp_str val = param;

		if (!param.n || sdp_str_is(sdp_str_trim(sdp_str_cut(&val, '=')), "mode-set"))
			continue;
		out_param(&o, "");
		sdp_out_add(&o, param.p, param.n);
	}
	if (mode_set)
		out_mode_set(&o, mode_set);
	return sdp_out_end(&o);
}

static bool amr_compatible(const char *a_fmtp, const char *b_fmtp)
{
	struct sdp_amr a, b;

	if (sdp_amr_parse(&a, a_fmtp) < 0 || sdp_amr_parse(&b, b_fmtp) < 0)
		return false;
	if (a.crc != b.crc || a.robust_sorting != b.robust_sorting || a.interleaving != b.interleaving)
		return false;
	return !a.mode_set || !b.mode_set || (a.mode_set & b.mode_set);
}

static bool amr_packed_alike(const char *a_fmtp, const char *b_fmtp)
{
	struct sdp_amr a, b;

	return sdp_amr_parse(&a, a_fmtp) == 0 && sdp_amr_parse(&b, b_fmtp) == 0 && a.octet_align == b.octet_align;
}

bool sdp_format_compatible(const struct sdp_format *a, const struct sdp_format *b)
{
	enum sdp_codec_id id = sdp_codec_of(a);

	if (id != sdp_codec_of(b))
		return false;
	switch (id) {
	case SDP_CODEC_UNKNOWN:
		return a->enc[0] && !strcasecmp(a->enc, b->enc) && a->rate == b->rate && a->channels == b->channels;
	case SDP_CODEC_CN:
	case SDP_CODEC_TELEPHONE_EVENT:
		return a->rate == b->rate;
	case SDP_CODEC_AMR:
		return amr_compatible(a->fmtp, b->fmtp);
	case SDP_CODEC_AMR_WB: /* osmo-mgw repacks AMR alone */
		return amr_compatible(a->fmtp, b->fmtp) && amr_packed_alike(a->fmtp, b->fmtp);
	default:
		return true;
	}
}
