/* Codec agreement as a table: every GSM side with every offer of a peer, each with the answer it gets or the words that
 * say why there is none. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sdp/sdp_agree.h>

#include "story.h"

#define END -1

static const struct {
	const char *name;
	int8_t speech_ver[9]; /* { END }: not known */
	const char *sdp;      /* formats of the MSC's description */
	enum sdp_codec_id assigned;
	bool open;
} gsm_sides[] = {
	{ "osmo-msc 1.9, FR assigned", { 0, END }, NULL, SDP_CODEC_GSM_FR },
	{ "osmo-msc 1.9, EFR assigned", { 4, 2, 0, END }, NULL, SDP_CODEC_GSM_EFR },
	{ "osmo-msc 1.9, HR assigned", { END }, NULL, SDP_CODEC_GSM_HR },
	{ "osmo-msc 1.9, AMR assigned", { 4, 2, 0, 5, 1, END }, NULL, SDP_CODEC_AMR },
	{ "a phone that can FR, nothing assigned", { 0, END } },
	{ "a phone that can AMR, EFR, FR, HR, nothing assigned", { 4, 2, 0, 5, 1, END } },
	{ "nothing known at all", { END } },
	{ "osmo-msc 1.12: EFR assigned, AMR and FR possible, keys as RFC 4733",
	  { END },
	  "110 112 3 101\r\na=rtpmap:110 GSM-EFR/8000\r\na=rtpmap:112 AMR/8000\r\na=fmtp:112 octet-align=1;mode-set=0,2,4,7\r\n"
	  "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n",
	  SDP_CODEC_GSM_EFR,
	  true },
	{ "3G: AMR-WB assigned; AMR, G.722, A-law possible",
	  { END },
	  "113 112 9 8\r\na=rtpmap:113 AMR-WB/16000\r\na=fmtp:113 octet-align=1\r\na=rtpmap:112 AMR/8000\r\na=fmtp:112 octet-align=1\r\n",
	  SDP_CODEC_AMR_WB,
	  true },
	{ "a data call: CLEARMODE", { END }, "120\r\na=rtpmap:120 CLEARMODE/8000\r\n", SDP_CODEC_CLEARMODE },
};

static const struct {
	const char *name, *m; /* from behind "m=audio 9000 RTP/AVP " on */
} offers[] = {
	{ "G.711", "0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n" },
	{ "G.711, GSM", "8 0 3\r\n" },
	{ "AMR octet-aligned, 12.2 only", "98\r\na=rtpmap:98 AMR/8000\r\na=fmtp:98 octet-align=1;mode-set=7\r\n" },
	{ "AMR bandwidth-efficient, keys",
	  "97 96\r\na=rtpmap:97 AMR/8000/1\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n" },
	{ "AMR both ways", "97 98\r\na=rtpmap:97 AMR/8000\r\na=rtpmap:98 AMR/8000\r\na=fmtp:98 octet-align=1\r\n" },
	{ "AMR of 5.9 and 6.7", "97\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 mode-set=2,3\r\n" },
	{ "AMR with CRC", "97\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 crc=1\r\n" },
	{ "GSM, EFR with another payload type", "3 100\r\na=rtpmap:100 GSM-EFR/8000\r\n" },
	{ "opus, HR", "96 99\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:99 GSM-HR-08/8000\r\n" },
	{ "wide band", "9 104 8\r\na=rtpmap:104 AMR-WB/16000\r\na=fmtp:104 octet-align=1\r\n" },
	{ "CLEARMODE", "97\r\na=rtpmap:97 CLEARMODE/8000\r\n" },
	{ "keys only", "101\r\na=rtpmap:101 telephone-event/8000\r\n" },
	{ "GSM, 40 ms, on hold", "3\r\na=ptime:40\r\na=sendonly\r\n" },
};

static const uint8_t g711_then_gsm[] = { SDP_CODEC_PCMA, SDP_CODEC_GSM_FR, 0 };
static const uint8_t amr_first[] = { SDP_CODEC_AMR, SDP_CODEC_GSM_EFR, SDP_CODEC_GSM_FR, 0 };

static const struct {
	const char *name;
	const uint8_t *codecs;
} policies[] = {
	{ "no list", NULL },
	{ "codecs PCMA FR", g711_then_gsm },
	{ "codecs AMR EFR FR", amr_first },
};

static const struct osmo_sockaddr_str local = { .af = AF_INET, .ip = "192.0.2.1", .port = 4000 };

static void parse_m(struct sdp_msg *sdp, const char *m)
{
	char text[1024];

	snprintf(text, sizeof(text), "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n%s", m);
	OSMO_ASSERT(sdp_msg_parse(sdp, text, strlen(text), NULL) == 0);
}

static void parse_audio(struct sdp_msg *sdp, const char *formats)
{
	char m[768];

	snprintf(m, sizeof(m), "m=audio 9000 RTP/AVP %s", formats);
	parse_m(sdp, m);
}

static void print_media(const struct sdp_media *m)
{
	if (!m->addr.port) {
		printf(" %s rejected", m->media);
		return;
	}
	for (int i = 0; i < m->n_formats; i++) {
		const struct sdp_format *f = &m->formats[i];

		printf("%s %u=%s/%u", i ? "," : "", f->pt, f->enc, f->rate);
		if (f->fmtp[0])
			printf("(%s)", f->fmtp);
	}
	if (m->dir != SDP_SENDRECV)
		printf(" %s", get_value_string(sdp_dir_names, m->dir));
}

static void print_answer(const struct sdp_msg *answer)
{
	for (int i = 0; i < answer->n_media; i++)
		print_media(&answer->media[i]);
	printf("\n");
}

/* an answer has to be one in the eyes of who offered */
static void agree(unsigned int side, const struct sdp_msg *offer, const struct sdp_policy *policy)
{
	struct sdp_gsm_side gsm = { .assigned = gsm_sides[side].assigned, .open = gsm_sides[side].open };
	struct sdp_msg answer, msc;
	char why[SDP_WHY_LEN] = "";
	struct sdp_caps sdp_caps;
	const char *what = "";

	if (gsm_sides[side].speech_ver[0] != END)
		gsm.speech_ver = gsm_sides[side].speech_ver;
	if (gsm_sides[side].sdp) {
		parse_audio(&msc, gsm_sides[side].sdp);
		sdp_caps_from_media(&sdp_caps, &msc.media[0]);
		gsm.sdp = &sdp_caps;
	}
	if (sdp_agree_answer(&answer, offer, &gsm, policy, "pbx1", &local, SDP_SENDRECV, why) < 0) {
		printf(" %s\n", why);
		EXPECT(why[0] && strlen(why) < SDP_WHY_LEN - 1);
		return;
	}
	print_answer(&answer);
	EXPECT(sdp_nego_check_answer(offer, &answer, &what) == 0);
}

static void test_table(void)
{
	for (unsigned int p = 0; p < ARRAY_SIZE(policies); p++) {
		struct sdp_policy policy = { .codecs = policies[p].codecs };

		for (unsigned int g = 0; g < ARRAY_SIZE(gsm_sides); g++) {
			printf("\n%s; %s\n", gsm_sides[g].name, policies[p].name);
			for (unsigned int o = 0; o < ARRAY_SIZE(offers); o++) {
				struct sdp_msg offer;

				parse_audio(&offer, offers[o].m);
				printf("%-36s->", offers[o].name);
				agree(g, &offer, &policy);
			}
		}
	}
}

static void test_streams(void)
{
	static const char *const streams[] = {
		"m=video 9002 RTP/AVP 31\r\nm=audio 9000 RTP/AVP 0 3\r\n",
		"m=audio 0 RTP/AVP 3\r\nm=audio 9000 RTP/AVP 3\r\n",
		"m=audio 9000 RTP/AVP 0\r\nm=audio 9004 RTP/AVP 0 3\r\n",
		"m=audio 9000 RTP/SAVP 3\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n",
		"m=audio 0 RTP/AVP 3\r\n",
		"m=audio 9000 RTP/AVP 3\r\nc=IN IP4 224.1.1.1/1\r\n",
		"m=image 9000 udptl t38\r\n",
		"",
	};
	static const uint8_t fr[] = { SDP_CODEC_GSM_FR, 0 };
	struct sdp_policy policy = { .codecs = fr };
	struct sdp_msg offer;

	btw("offers of other streams, to a phone with FR, from a peer that may use FR");
	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++) {
		parse_m(&offer, streams[i]);
		for (const char *c = streams[i]; *c; c++)
			printf("%s", *c == '\r' ? "" : (char[]){ *c == '\n' ? '|' : *c, 0 });
		printf(" ->");
		agree(0, &offer, &policy);
	}
}

static void test_limit(void)
{
	static const char text[] =
		"m=audio 9000 RTP/AVP 0 97 3 101 13\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 octet-align=1\r\n"
		"a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\nm=video 9002 RTP/AVP 31\r\na=sendonly\r\n";
	static const uint8_t none[] = { SDP_CODEC_CLEARMODE, 0 };
	struct sdp_policy policy = { .codecs = amr_first };
	struct sdp_msg sdp, before;
	char buf[2048];

	btw("an offer on its way: the list's codecs in the list's order, all else as it was");
	parse_m(&sdp, text);
	before = sdp;
	EXPECT(sdp_agree_limit(&sdp, &policy) == 1);
	EXPECT(sdp_agree_limit(&sdp, &policy) == 0);
	EXPECT(sdp_msg_encode(buf, sizeof(buf), &sdp) > 0);
	for (char *c = buf; *c; c++) {
		if (*c != '\r')
			putchar(*c);
	}
	btw("nothing left: nothing changed");
	sdp = before;
	policy.codecs = none;
	EXPECT(sdp_agree_limit(&sdp, &policy) == -ENOTSUP);
	EXPECT(sdp.media[0].n_formats == before.media[0].n_formats && sdp.media[0].formats[0].pt == 0);
	btw("no list: nothing changed");
	EXPECT(sdp_agree_limit(&sdp, NULL) == 0);
	policy.codecs = NULL;
	EXPECT(sdp_agree_limit(&sdp, &policy) == 0);
	EXPECT(sdp.media[0].n_formats == before.media[0].n_formats && sdp.media[0].formats[0].pt == 0);
}

static void test_speech_versions(void)
{
	btw("speech versions of 3GPP TS 24.008");
	for (int v = -2; v < 17; v++)
		printf("%d:%s ", v, sdp_codec_get(sdp_agree_speech_version(v))->name);
	printf("\n");
}

int main(void)
{
	test_table();
	test_streams();
	test_limit();
	test_speech_versions();
	return 0;
}
