/* What the GSM side can against what peers offer and answer. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sdp/sdp_nego.h>

#include "story.h"

static const struct osmo_sockaddr_str our_addr = { .af = AF_INET, .ip = "192.0.2.5", .port = 4002 };

static void print_text(const char *text)
{
	for (; *text; text++) {
		if (*text != '\r')
			putchar(*text);
	}
}

static const char *rc_name(int rc)
{
	switch (rc) {
	case 0:
		return "good";
	case -EPROTO:
		return "EPROTO";
	case -ECONNREFUSED:
		return "ECONNREFUSED";
	case -ENOTSUP:
		return "ENOTSUP";
	case -EADDRNOTAVAIL:
		return "EADDRNOTAVAIL";
	case -ENOENT:
		return "ENOENT";
	case -EAFNOSUPPORT:
		return "EAFNOSUPPORT";
	default:
		return "?";
	}
}

static void parse(struct sdp_msg *sdp, const char *body)
{
	const char *why = "";
	char text[2048];

	snprintf(text, sizeof(text),
		 "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n%s", body);
	if (sdp_msg_parse(sdp, text, strlen(text), &why) != 0) {
		printf("%s\n%s", why, text);
		EXPECT(false);
	}
}

struct side {
	const char *what;
	struct {
		enum sdp_codec_id id;
		const char *fmtp;
	} codecs[4];
};

static const struct side gsm_sides[] = {
	{ "FR", { { SDP_CODEC_GSM_FR } } },
	{ "FR and telephone-event", { { SDP_CODEC_GSM_FR }, { SDP_CODEC_TELEPHONE_EVENT, "0-15" } } },
	{ "EFR, then FR", { { SDP_CODEC_GSM_EFR }, { SDP_CODEC_GSM_FR } } },
	{ "HR", { { SDP_CODEC_GSM_HR } } },
	{ "AMR 12.2 octet-aligned", { { SDP_CODEC_AMR, "octet-align=1;mode-set=7" } } },
	{ "AMR 0,2,4,7, FR, telephone-event",
	  { { SDP_CODEC_AMR, "mode-set=0,2,4,7" }, { SDP_CODEC_GSM_FR }, { SDP_CODEC_TELEPHONE_EVENT, "0-15" } } },
	{ "AMR-WB", { { SDP_CODEC_AMR_WB }, { SDP_CODEC_TELEPHONE_EVENT, "0-15" } } },
};

static void caps_of(struct sdp_caps *caps, const struct side *side)
{
	int i;

	caps->n = 0;
	for (i = 0; i < ARRAY_SIZE(side->codecs) && side->codecs[i].id; i++)
		sdp_caps_add(caps, side->codecs[i].id, side->codecs[i].fmtp);
}

static const struct {
	const char *what;
	const char *body;
} offers[] = {
	{ "a PBX with GSM",
	  "m=audio 9000 RTP/AVP 8 0 3 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n" },
	{ "a PBX with G.711 only", "m=audio 9000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n" },
	{ "all of GSM under other numbers",
	  "m=audio 9000 RTP/AVP 96 97 98 99\r\na=rtpmap:96 gsm/8000\r\na=rtpmap:97 GSM-HR/8000\r\na=rtpmap:98 amr/8000/1\r\n"
	  "a=rtpmap:99 GSM-EFR/8000\r\n" },
	{ "a phone of an IMS",
	  "m=audio 9000 RTP/AVPF 104 102 105 100\r\na=rtpmap:104 AMR-WB/16000/1\r\na=fmtp:104 mode-change-capability=2;max-red=0\r\n"
	  "a=rtpmap:102 AMR/8000/1\r\na=fmtp:102 mode-change-capability=2;max-red=0\r\na=rtpmap:105 telephone-event/16000\r\n"
	  "a=fmtp:105 0-15\r\na=rtpmap:100 telephone-event/8000\r\na=fmtp:100 0-15\r\n" },
	{ "AMR both ways of packing",
	  "m=audio 9000 RTP/AVP 96 97\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 mode-set=0,2,4,7;mode-change-period=2\r\n"
	  "a=rtpmap:97 AMR/8000\r\na=fmtp:97 octet-align=1;mode-set=0,2,4,7;mode-change-period=2\r\n" },
	{ "AMR of the low rates only",
	  "m=audio 9000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 mode-set=0,1,2\r\n" },
	{ "AMR with crc", "m=audio 9000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 crc=1\r\n" },
	{ "WebRTC",
	  "m=audio 9000 UDP/TLS/RTP/SAVPF 111 0\r\na=rtpmap:111 opus/48000/2\r\na=fingerprint:sha-256 AA\r\n" },
};

static void test_matrix(void)
{
	struct sdp_msg offer, answer;
	struct sdp_caps ours, theirs;
	char names[256], text[1024];
	int g, o, rc;

	for (g = 0; g < ARRAY_SIZE(gsm_sides); g++) {
		caps_of(&ours, &gsm_sides[g]);
		for (o = 0; o < ARRAY_SIZE(offers); o++) {
			btw("phone: %s; peer: %s", gsm_sides[g].what, offers[o].what);
			parse(&offer, offers[o].body);
			rc = sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV);
			if (rc < 0) {
				sdp_caps_from_media(&theirs, &offer.media[0]);
				sdp_caps_to_str_buf(names, sizeof(names), &theirs);
				printf("%s; peer offers %s\n", rc_name(rc), names);
				continue;
			}
			EXPECT(sdp_msg_encode(text, sizeof(text), &answer) > 0);
			print_text(strstr(text, "m="));
			EXPECT(sdp_nego_check_answer(&offer, &answer, NULL) == 0);
			EXPECT(sdp_nego_chosen(&offer.media[0], &answer.media[0]) == &answer.media[0].formats[0]);
		}
	}
}

static void test_streams(void)
{
	struct sdp_caps ours;
	struct sdp_msg offer, answer;
	char text[2048];

	btw("an offer with many streams: one is taken, each has its line");
	caps_of(&ours, &gsm_sides[0]);
	parse(&offer,
	      "m=image 4000 udptl t38\r\nm=audio 4002 RTP/SAVP 3\r\na=crypto:1 x y\r\nm=audio 4004 RTP/AVP 8\r\n"
	      "m=audio 4006 RTP/AVP 8 3\r\nm=audio 4008 RTP/AVP 3\r\nm=video 4010 RTP/AVP 96 97\r\nm=message 9 TCP/MSRP *\r\n");
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == 0);
	EXPECT(answer.sess_version == 1 && !strcmp(answer.origin.ip, our_addr.ip));
	EXPECT(sdp_msg_encode(text, sizeof(text), &answer) > 0);
	print_text(strstr(text, "s="));
	EXPECT(sdp_nego_check_answer(&offer, &answer, NULL) == 0);

	btw("no stream is good enough: the answer stays as it was");
	answer.n_media = 77;
	parse(&offer, "m=video 4000 RTP/AVP 3\r\n");
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == -ENOENT);
	parse(&offer, "m=audio 0 RTP/AVP 3\r\nm=audio 4000 RTP/SAVP 3\r\n");
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == -ENOENT);
	parse(&offer, "m=audio 4000 RTP/AVP 3\r\nc=IN IP4 media.example\r\n");
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == -EADDRNOTAVAIL);
	parse(&offer, "m=audio 4000 RTP/AVP 3\r\nc=IN IP4 224.0.0.1/9\r\n");
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == -EADDRNOTAVAIL);
	parse(&offer, "m=audio 4000 RTP/AVP 3\r\nc=IN IP4 255.255.255.255\r\n");
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == -EADDRNOTAVAIL);
	parse(&offer, "m=audio 4000 RTP/AVP 3\r\nc=IN IP6 ff02::1\r\n");
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == -EADDRNOTAVAIL);
	parse(&offer, "m=audio 4000 RTP/AVP 3\r\nc=IN IP6 2001:db8::1\r\n");
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == -EAFNOSUPPORT);
	parse(&offer, "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n");
	caps_of(&ours, &gsm_sides[1]);
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == -ENOTSUP);
	parse(&offer, "");
	EXPECT(sdp_nego_make_answer(&answer, &offer, &ours, &our_addr, SDP_SENDRECV) == -ENOENT);
	EXPECT(answer.n_media == 77);
}

static void test_dir(void)
{
	struct sdp_media offered = { .addr = { .af = AF_INET, .ip = "198.51.100.1", .port = 9000 } };
	int wanted, zero;

	for (zero = 0; zero <= 1; zero++) {
		btw("directions%s", zero ? " with c=0.0.0.0" : "");
		if (zero)
			OSMO_STRLCPY_ARRAY(offered.addr.ip, "0.0.0.0");
		for (offered.dir = SDP_SENDRECV; offered.dir <= SDP_INACTIVE; offered.dir++) {
			printf("%s offered; we want, we answer:", get_value_string(sdp_dir_names, offered.dir));
			for (wanted = SDP_SENDRECV; wanted <= SDP_INACTIVE; wanted++)
				printf(" %s %s%s", get_value_string(sdp_dir_names, wanted),
				       get_value_string(sdp_dir_names, sdp_nego_answer_dir(&offered, wanted)),
				       wanted == SDP_INACTIVE ? "\n" : ",");
		}
	}
}

static void test_check_answer(void)
{
	static const char *const offered =
		"m=audio 4002 RTP/AVP 112 3 101\r\na=rtpmap:112 AMR/8000\r\na=fmtp:112 octet-align=1\r\na=rtpmap:101 telephone-event/8000\r\n"
		"m=video 0 RTP/AVP 96\r\n";
	static const char *const answers[] = {
		"m=audio 9000 RTP/AVP 3\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 8 101 98 3\r\na=rtpmap:98 AMR/8000\r\na=rtpmap:101 telephone-event/8000\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 rtp/avp 112\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 3\r\nc=IN IP4 0.0.0.0\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 3\r\na=inactive\r\nc=IN IP6 2001:db8::1\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 3\r\nc=IN IP6 ::\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 0 RTP/AVP 3\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 8 0\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 101\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 96\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 112\r\na=rtpmap:112 AMR/8000\r\na=fmtp:112 interleaving=1\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/SAVP 3\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 3\r\nc=IN IP4 media.example\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 3\r\nc=IN IP4 239.1.2.3/3\r\nm=video 0 RTP/AVP 96\r\n",
		"m=audio 9000 RTP/AVP 3\r\n",
		"m=audio 9000 RTP/AVP 3\r\nm=video 0 RTP/AVP 96\r\nm=video 0 RTP/AVP 96\r\n",
		"m=video 0 RTP/AVP 96\r\nm=audio 9000 RTP/AVP 3\r\n",
		"m=audio 9000 RTP/AVP 3\r\nm=video 9002 RTP/AVP 96\r\n",
		"",
	};
	struct sdp_msg offer, answer;
	int i;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		const char *why = "";
		int rc;

		parse(&offer, offered);
		parse(&answer, answers[i]);
		btw("the answer:");
		print_text(answers[i]);
		rc = sdp_nego_check_answer(&offer, &answer, &why);
		printf("%s %s", rc_name(rc), why);
		if (rc == 0)
			printf("with payload type %u", sdp_nego_chosen(&offer.media[0], &answer.media[0])->pt);
		printf("\n");
		EXPECT(sdp_nego_check_answer(&offer, &answer, NULL) == rc);
	}

	btw("nothing offered, nothing taken");
	parse(&offer, "m=video 2 RTP/AVP 96\r\n");
	parse(&answer, "m=video 2 RTP/AVP 96\r\n");
	EXPECT(sdp_nego_check_answer(&offer, &answer, NULL) == -ECONNREFUSED);
	btw("of two streams one may be rejected");
	parse(&offer, "m=audio 2 RTP/AVP 3\r\nm=audio 4 RTP/AVP 3\r\n");
	parse(&answer, "m=audio 0 RTP/AVP 3\r\nm=audio 4 RTP/AVP 3\r\n");
	EXPECT(sdp_nego_check_answer(&offer, &answer, NULL) == 0);
}

static void print_caps(const struct sdp_caps *caps)
{
	int i;

	for (i = 0; i < caps->n; i++)
		printf("%u %s %s; ", caps->f[i].pt, caps->f[i].enc, caps->f[i].fmtp);
	printf("\n");
}

static void test_caps(void)
{
	struct sdp_caps caps = {}, common;
	struct sdp_msg offer;
	char buf[128];
	int i;

	btw("nothing is no voice codec");
	EXPECT(sdp_caps_to_str_buf(buf, sizeof(buf), &caps) == strlen(buf));
	printf("%s\n", buf);

	btw("a codec is added once, in each packing, under a number of its own");
	sdp_caps_add(&caps, SDP_CODEC_AMR, "octet-align=1");
	sdp_caps_add(&caps, SDP_CODEC_AMR, "octet-align=1");
	sdp_caps_add(&caps, SDP_CODEC_AMR, NULL);
	sdp_caps_add(&caps, SDP_CODEC_GSM_FR, NULL);
	sdp_caps_add(&caps, SDP_CODEC_GSM_FR, "");
	sdp_caps_add(&caps, SDP_CODEC_UNKNOWN, NULL);
	sdp_caps_add(&caps, SDP_CODEC_TELEPHONE_EVENT, "0-15");
	print_caps(&caps);
	EXPECT(sdp_caps_has(&caps, SDP_CODEC_AMR) && !sdp_caps_has(&caps, SDP_CODEC_PCMA));

	btw("for the operator each is named once");
	EXPECT(sdp_caps_to_str_buf(buf, sizeof(buf), &caps) == strlen(buf));
	printf("%s\n", buf);
	EXPECT(sdp_caps_to_str_buf(buf, 3, &caps) == 7 && !strcmp(buf, "AM"));

	btw("what is in common, in their order and in ours");
	parse(&offer,
	      "m=audio 2 RTP/AVP 101 3 99 98\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtpmap:99 AMR/8000\r\n"
	      "a=rtpmap:98 AMR/8000\r\na=fmtp:98 octet-align=1\r\n");
	EXPECT(sdp_nego_common(&common, &caps, &offer.media[0], false) == 3);
	print_caps(&common);
	EXPECT(sdp_nego_common(&common, &caps, &offer.media[0], true) == 3);
	print_caps(&common);

	btw("more than there is room for is not added");
	for (i = 0; i < 40; i++) {
		snprintf(buf, sizeof(buf), "x=%d", i);
		sdp_caps_add(&caps, SDP_CODEC_PCMU, buf);
	}
	EXPECT(caps.n == SDP_MAX_FORMATS);
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "sdp_nego_test");

	story_init(ctx);
	test_caps();
	test_matrix();
	test_streams();
	test_dir();
	test_check_answer();
	btw("done");
	return 0;
}
