/* Codecs by name, their parameters, and which of them understand each other. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sdp/sdp_codec.h>

#include "story.h"

static void test_table(void)
{
	struct sdp_format f;
	int id;

	btw("the codecs we know");
	for (id = 0; id < _NUM_SDP_CODECS; id++) {
		const struct sdp_codec *c = sdp_codec_get(id);

		sdp_codec_to_format(&f, id, "x=1");
		printf("%-16s %s/%u pt %u%s\n", c->name, f.enc, f.rate, f.pt, sdp_codec_is_voice(id) ? ", voice" : "");
		EXPECT(c->id == id && sdp_codec_of(&f) == id && f.channels == 1 && !strcmp(f.fmtp, "x=1"));
		EXPECT(id == SDP_CODEC_UNKNOWN || (sdp_codec_by_name(c->name) == c && sdp_codec_by_name(c->enc) == c));
	}
	EXPECT(sdp_codec_get(_NUM_SDP_CODECS)->id == SDP_CODEC_UNKNOWN);
	EXPECT(sdp_codec_get(-1)->id == SDP_CODEC_UNKNOWN);

	btw("names are found in any case, under their other names, and not otherwise");
	EXPECT(sdp_codec_by_name("efr")->id == SDP_CODEC_GSM_EFR);
	EXPECT(sdp_codec_by_name("gsm")->id == SDP_CODEC_GSM_FR);
	EXPECT(sdp_codec_by_name("Gsm-Hr")->id == SDP_CODEC_GSM_HR);
	EXPECT(sdp_codec_by_name("gsm-hr-08")->id == SDP_CODEC_GSM_HR);
	EXPECT(!sdp_codec_by_name("opus") && !sdp_codec_by_name("") && !sdp_codec_by_name("unknown"));
}

static struct sdp_format format(const char *enc, uint32_t rate, uint8_t channels, const char *fmtp)
{
	struct sdp_format f = { .pt = 100, .rate = rate, .channels = channels };

	OSMO_STRLCPY_ARRAY(f.enc, enc);
	OSMO_STRLCPY_ARRAY(f.fmtp, fmtp);
	return f;
}

static void test_of(void)
{
	static const struct {
		const char *enc;
		uint32_t rate;
		uint8_t channels;
	} names[] = {
		{ "gsm", 8000, 1 },	  { "GSM", 16000, 1 },	  { "GSM-HR", 8000, 1 },
		{ "GSM-HR-08", 8000, 1 }, { "amr", 8000, 1 },	  { "AMR", 8000, 2 },
		{ "AMR", 16000, 1 },	  { "AMR-WB", 16000, 1 }, { "G722", 8000, 1 },
		{ "G722", 16000, 1 },	  { "G722", 48000, 1 },	  { "CN", 16000, 1 },
		{ "opus", 48000, 2 },	  { "", 8000, 1 },	  { "Telephone-Event", 48000, 1 },
	};
	int i;

	btw("which codec is it?");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct sdp_format f = format(names[i].enc, names[i].rate, names[i].channels, "");

		printf("%s/%u/%u: %s\n", f.enc, f.rate, f.channels, sdp_codec_get(sdp_codec_of(&f))->name);
	}
}

static void test_amr(void)
{
	static const char *const fmtps[] = {
		"",
		"octet-align=1",
		"octet-align=0",
		"octet-align",
		"OCTET-ALIGN=1;MODE-SET=7",
		"octet-align=1; mode-set=0,2,4,7",
		"mode-set=0, 2 ,4;mode-change-period=2;mode-change-neighbor=1;max-red=0",
		" ; ;mode-set=8;",
		"mode-change-period=1",
		"crc=1",
		"robust-sorting=1;octet-align=0",
		"interleaving=30",
		"crc=0;robust-sorting=0",
		"future-parameter=x=y;octet-align=1",
		/* not these */
		"octet-align=2",
		"octet-align=x",
		"octet-align=11111111111111111111",
		"mode-set=",
		"mode-set=9",
		"mode-set=-1",
		"mode-set=0;mode-set=x",
		"mode-set=0,,2",
		"mode-set=4294967296",
		"mode-change-period=0",
		"mode-change-period=3",
		"crc=yes",
		"interleaving",
		"interleaving=x",
	};
	struct sdp_amr amr, again;
	char buf[128], small[128];
	int i, n, len;

	btw("AMR parameters, and what we make of them");
	for (i = 0; i < ARRAY_SIZE(fmtps); i++) {
		printf("'%s': ", fmtps[i]);
		memset(&amr, 0xee, sizeof(amr));
		again = amr;
		if (sdp_amr_parse(&amr, fmtps[i]) < 0) {
			printf("refused\n");
			EXPECT(!memcmp(&amr, &again, sizeof(amr)));
			continue;
		}
		len = sdp_amr_encode(buf, sizeof(buf), &amr);
		EXPECT(len == strlen(buf));
		printf("'%s'\n", buf);
		EXPECT(sdp_amr_parse(&again, buf) == 0 && !memcmp(&amr, &again, sizeof(amr)));
		for (n = 0; n <= len; n++)
			EXPECT(sdp_amr_encode(small, n, &amr) == -EMSGSIZE);
		EXPECT(sdp_amr_encode(small, n, &amr) == len && !strcmp(small, buf));
	}
}

static void test_set_modes(void)
{
	static const char *const fmtps[] = { "", "mode-set=7", "octet-align=1 ;mode-set=0,2; max-red=0",
					     ";;x;MODE-SET = 1" };
	char buf[64];
	int i;

	btw("another mode-set, all else as it was");
	for (i = 0; i < ARRAY_SIZE(fmtps); i++) {
		EXPECT(sdp_amr_set_modes(buf, sizeof(buf), fmtps[i], 0x14) == strlen(buf));
		printf("'%s': '%s'", fmtps[i], buf);
		EXPECT(sdp_amr_set_modes(buf, sizeof(buf), fmtps[i], 0) == strlen(buf));
		printf(" or '%s'\n", buf);
	}
	EXPECT(sdp_amr_set_modes(buf, 5, "mode-set=7", 1) == -EMSGSIZE);
}

static void test_compatible(void)
{
	static const struct {
		const char *a_enc;
		uint32_t a_rate;
		const char *a_fmtp;
		const char *b_enc;
		uint32_t b_rate;
		const char *b_fmtp;
	} pairs[] = {
		{ "GSM", 8000, "", "gsm", 8000, "" },
		{ "GSM", 8000, "", "GSM-EFR", 8000, "" },
		{ "GSM-HR", 8000, "", "GSM-HR-08", 8000, "" },
		{ "G722", 8000, "", "G722", 16000, "" },
		{ "AMR", 8000, "", "AMR", 8000, "octet-align=1" },
		{ "AMR", 8000, "mode-set=7", "AMR", 8000, "" },
		{ "AMR", 8000, "mode-set=0,2,4,7", "AMR", 8000, "octet-align=1;mode-set=7" },
		{ "AMR", 8000, "mode-set=0,2,4", "AMR", 8000, "mode-set=7" },
		{ "AMR", 8000, "crc=1", "AMR", 8000, "octet-align=1" },
		{ "AMR", 8000, "robust-sorting=1", "AMR", 8000, "octet-align=1" },
		{ "AMR", 8000, "interleaving=30", "AMR", 8000, "octet-align=1" },
		{ "AMR", 8000, "crc=1", "AMR", 8000, "crc=1" },
		{ "AMR", 8000, "mode-set=x", "AMR", 8000, "" },
		{ "AMR", 8000, "", "AMR-WB", 16000, "" },
		{ "AMR-WB", 16000, "mode-set=0,1,2", "AMR-WB", 16000, "mode-set=2,8" },
		{ "telephone-event", 8000, "0-15", "telephone-event", 8000, "0-16" },
		{ "telephone-event", 8000, "", "telephone-event", 16000, "" },
		{ "opus", 48000, "", "OPUS", 48000, "stereo=1" },
		{ "opus", 48000, "", "opus", 16000, "" },
		{ "opus", 48000, "", "speex", 48000, "" },
		{ "", 8000, "", "", 8000, "" },
	};
	int i;

	btw("who understands whom?");
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct sdp_format a = format(pairs[i].a_enc, pairs[i].a_rate, 1, pairs[i].a_fmtp);
		struct sdp_format b = format(pairs[i].b_enc, pairs[i].b_rate, 1, pairs[i].b_fmtp);
		bool yes = sdp_format_compatible(&a, &b);

		printf("%-3s %s/%u %s - %s/%u %s\n", yes ? "yes" : "no", a.enc, a.rate, a.fmtp, b.enc, b.rate, b.fmtp);
		b.pt = 99;
		EXPECT(sdp_format_compatible(&b, &a) == yes);
	}
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "sdp_codec_test");

	story_init(ctx);
	test_table();
	test_of();
	test_amr();
	test_set_modes();
	test_compatible();
	btw("done");
	return 0;
}
