/* Descriptions read and written: what peers send, what nobody should send, and every cut of both. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/sdp/sdp_msg.h>

#include "story.h"

static void print_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\r')
			continue;
		putchar(*text);
	}
}

/*! Parse a copy of exactly its size, so that a sanitizer sees each byte read beyond it. */
static int parse_exact(struct sdp_msg *sdp, const char *text, size_t len, const char **why)
{
	char *copy = malloc(len ? len : 1);
	int rc;

	memcpy(copy, text, len);
	rc = sdp_msg_parse(sdp, copy, len, why);
	free(copy);
	return rc;
}

/*! What was parsed can be written, read and written again, and is then the same. */
static void expect_round_trip(const struct sdp_msg *sdp)
{
	char first[16384], second[16384];
	struct sdp_msg again;
	const char *why = "";
	int len = sdp_msg_encode(first, sizeof(first), sdp);

	EXPECT(len > 0 && len == strlen(first));
	if (parse_exact(&again, first, len, &why) != 0) {
		printf("not accepted: %s\n%s", why, first);
		EXPECT(false);
	}
	EXPECT(sdp_msg_encode(second, sizeof(second), &again) > 0);
	if (strcmp(first, second))
		printf("first:\n%ssecond:\n%s", first, second);
	EXPECT(!strcmp(first, second));
	EXPECT(again.n_media == sdp->n_media && again.n_media_dropped <= sdp->n_media_dropped);
}

struct good {
	const char *what;
	const char *text;
};

static const struct good goods[] = {
	{ "a plain offer of a PBX",
	  "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=Asterisk\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	  "m=audio 10000 RTP/AVP 3 8 0 101\r\na=rtpmap:3 GSM/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
	  "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:150\r\na=sendrecv\r\n" },
	{ "static payload types without a=rtpmap",
	  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4002 RTP/AVP 0 3 8 9 13 10\r\n" },
	{ "no final line end",
	  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4002 RTP/AVP 3" },
	{ "LF only, as some gateways write",
	  "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4002 RTP/AVP 3\na=ptime:20\n" },
	{ "the first blank line of a MGCP body, and some more",
	  "\r\nv=0\r\n\r\nc=IN IP4 192.0.2.1\r\nm=audio 4002 RTP/AVP 3\r\n\r\n" },
	{ "upper case, as RFC 3435 allows",
	  "V=0\r\nO=- 1 1 IN IP4 192.0.2.1\r\nC=in ip4 192.0.2.1\r\nM=AUDIO 4002 rtp/avp 98\r\nA=RTPMAP:98 gsm/8000\r\nA=SENDONLY\r\n" },
	{ "nothing but what is needed (MGCP)", "v=0\nc=IN IP4 192.0.2.1\nm=audio 4002 RTP/AVP 3\n" },
	{ "empty s=, unknown lines, lines in a strange order",
	  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=\r\nt=0 0\r\nx=what is this\r\na=inactive\r\nb=AS:64\r\nc=IN IP4 192.0.2.1\r\n"
	  "m=audio 4002 RTP/AVP 3\r\na=silenceSupp:off - - - -\r\na=ptime:20\r\nb=AS:64\r\nc=IN IP4 192.0.2.7\r\nk=clear:x\r\n" },
	{ "more blanks than needed",
	  "v=0 \r\no=-  1   1 IN IP4 192.0.2.1\r\ns= \r\nc=IN  IP4\t192.0.2.1 \r\nm=audio  4002   RTP/AVP  98  3 \r\n"
	  "a=rtpmap: 98  AMR/8000 \r\na=fmtp:98   octet-align=1; mode-set=0,2,4,7 \r\na=ptime: 20\r\n" },
	{ "addresses per stream, IPv6 and IPv4",
	  "v=0\r\no=- 1 1 IN IP6 2001:db8::1\r\ns=-\r\nt=0 0\r\nm=audio 4002 RTP/AVP 3\r\nc=IN IP6 2001:db8::2\r\n"
	  "m=video 4004 RTP/AVP 34\r\nc=IN IP4 192.0.2.3\r\n" },
	{ "an address for one stream only: the other one has none",
	  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4002 RTP/AVP 3\r\nm=video 4004 RTP/AVP 34\r\nc=IN IP4 192.0.2.3\r\n" },
	{ "a host name is legal, but nobody can send there without asking",
	  "v=0\r\no=- 1 1 IN IP4 pbx.example\r\ns=-\r\nc=IN IP4 media.pbx.example\r\nt=0 0\r\nm=audio 4002 RTP/AVP 3\r\n" },
	{ "an address of another type than it says, of another net, a group",
	  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 2 RTP/AVP 3\r\nc=IN IP6 192.0.2.1\r\n"
	  "m=audio 4 RTP/AVP 3\r\nc=ATM NSAP 47.0091\r\nm=audio 6/2 RTP/AVP 3\r\nc=IN IP4 224.2.36.42/127/3\r\n" },
	{ "directions: that of the session holds unless the stream has its own, and the first one counts",
	  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=recvonly\r\nm=audio 2 RTP/AVP 3\r\n"
	  "m=audio 4 RTP/AVP 3\r\na=sendonly\r\nm=audio 6 RTP/AVP 3\r\na=inactive\r\na=sendrecv\r\n" },
	{ "what comes twice: the first counts",
	  "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\no=b 2 2 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\n"
	  "t=0 0\r\nm=audio 2 RTP/AVP 3 96 3 96\r\na=rtpmap:96 AMR/8000\r\na=rtpmap:96 EVS/16000\r\na=fmtp:96 octet-align=1\r\n"
	  "a=fmtp:96 octet-align=0\r\na=ptime:20\r\na=ptime:40\r\n" },
	{ "a dynamic type without a name, a name without a rate, parameters of types that are not there",
	  "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 2 RTP/AVP 112 97\r\na=rtpmap:97 telephone-event\r\na=rtpmap:98 opus/48000/2\r\n"
	  "a=fmtp:99 x=1\r\n" },
	{ "rtcp, rtcp-mux, channels, a fraction of a millisecond",
	  "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 2 RTP/AVP 98\r\na=rtpmap:98 opus/48000/2\r\na=rtcp:9 IN IP4 192.0.2.1\r\na=rtcp-mux\r\n"
	  "a=ptime:22.5\r\n" },
	{ "a WebRTC peer: audio, video, data",
	  "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\na=fingerprint:sha-256 AA:BB\r\n"
	  "m=audio 54321 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 198.51.100.7\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"
	  "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 transport-cc\r\na=rtcp-mux\r\n"
	  "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:* nack\r\n"
	  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=fmtp:webrtc-datachannel max=1\r\n" },
	{ "a fax stream beside the audio, and more streams than we look at",
	  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n"
	  "m=audio 4002 RTP/AVP 3\r\nm=video 4 RTP/AVP 96\r\nm=video 6 RTP/AVP 96\r\nm=text 8 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n"
	  "c=IN IP4 192.0.2.9\r\nm=message 10 TCP/MSRP *\r\na=path:msrp://x\r\n" },
	{ "codecs but no port yet, as osmo-msc asks for a call",
	  "v=0\r\no=OsmoMSC 0 0 IN IP4 0.0.0.0\r\ns=GSM Call\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 0 RTP/AVP 112 3\r\n"
	  "a=rtpmap:112 AMR/8000\r\na=fmtp:112 octet-align=1\r\na=rtpmap:3 GSM/8000\r\na=ptime:20\r\n" },
	{ "an m= line without formats, rejected", "v=0\r\nm=audio 0 RTP/AVP\nm=audio 4 RTP/AVP 3\r\n" },
	{ "no stream at all", "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" },
	{ "the largest numbers that are still numbers",
	  "v=0\r\no=- 18446744073709551615 18446744073709551615 IN IP4 255.255.255.255\r\nc=IN IP4 192.0.2.1\r\n"
	  "m=audio 65535 RTP/AVP 127\r\na=rtpmap:127 x/4294967295/255\r\na=ptime:1000\r\na=maxptime:65535\r\na=rtcp:65535\r\n" },
};

static void test_good(void)
{
	struct sdp_msg sdp;
	const char *why;
	char buf[4096];
	int i;

	for (i = 0; i < ARRAY_SIZE(goods); i++) {
		btw("%s", goods[i].what);
		why = "?";
		if (parse_exact(&sdp, goods[i].text, strlen(goods[i].text), &why) != 0) {
			printf("refused: %s\n", why);
			continue;
		}
		EXPECT(sdp_msg_encode(buf, sizeof(buf), &sdp) > 0);
		print_text(buf);
		expect_round_trip(&sdp);
	}
}

static const struct good bads[] = {
	{ "nothing", "" },
	{ "only line ends", "\r\n\r\n" },
	{ "another version", "v=1\r\nm=audio 2 RTP/AVP 3\r\n" },
	{ "a version that is 0 modulo 2^32", "v=4294967296\r\n" },
	{ "a version that is 0 modulo 2^64", "v=18446744073709551616\r\n" },
	{ "an empty version", "v=\r\n" },
	{ "no version", "o=- 1 1 IN IP4 192.0.2.1\r\nm=audio 2 RTP/AVP 3\r\n" },
	{ "two descriptions", "v=0\r\nm=audio 2 RTP/AVP 3\r\nv=0\r\nm=audio 2 RTP/AVP 3\r\n" },
	{ "no description", "Signal=5\r\nDuration=160\r\n" },
	{ "a line that is no line", "v=0\r\nm=audio 2 RTP/AVP 3\r\na" },
	{ "port too high", "v=0\r\nm=audio 65536 RTP/AVP 3\r\n" },
	{ "port 99999", "v=0\r\nm=audio 99999 RTP/AVP 3\r\n" },
	{ "port below zero", "v=0\r\nm=audio -1 RTP/AVP 3\r\n" },
	{ "port that overflows", "v=0\r\nm=audio 18446744073709551617 RTP/AVP 3\r\n" },
	{ "port that is none", "v=0\r\nm=audio x RTP/AVP 3\r\n" },
	{ "port in hex", "v=0\r\nm=audio 0x10 RTP/AVP 3\r\n" },
	{ "no ports", "v=0\r\nm=audio 2/0 RTP/AVP 3\r\n" },
	{ "number of ports overflows", "v=0\r\nm=audio 2/99999999999 RTP/AVP 3\r\n" },
	{ "m= without a transport", "v=0\r\nm=audio 2\r\n" },
	{ "m= without anything", "v=0\r\nm=\r\n" },
	{ "m= without formats, LF at the end", "v=0\nm=audio 2 RTP/AVP\n" },
	{ "payload type too high", "v=0\r\nm=audio 2 RTP/AVP 3 128\r\n" },
	{ "payload type below zero", "v=0\r\nm=audio 2 RTP/AVP -3\r\n" },
	{ "payload type that overflows", "v=0\r\nm=audio 2 RTP/AVP 4294967299\r\n" },
	{ "payload type that is none", "v=0\r\nm=audio 2 RTP/AVP GSM\r\n" },
	{ "payload type too high behind those that we keep",
	  "v=0\r\nm=audio 2 RTP/AVP 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 300\r\n" },
	{ "rtpmap of a payload type too high", "v=0\r\nm=audio 2 RTP/AVP 3\r\na=rtpmap:256 GSM/8000\r\n" },
	{ "rtpmap without anything", "v=0\r\nm=audio 2 RTP/AVP 3\r\na=rtpmap:\r\n" },
	{ "clock rate 0", "v=0\r\nm=audio 2 RTP/AVP 98\r\na=rtpmap:98 AMR/0\r\n" },
	{ "clock rate that overflows", "v=0\r\nm=audio 2 RTP/AVP 98\r\na=rtpmap:98 AMR/4294975296\r\n" },
	{ "clock rate that is none", "v=0\r\nm=audio 2 RTP/AVP 98\r\na=rtpmap:98 AMR/fast\r\n" },
	{ "no channels", "v=0\r\nm=audio 2 RTP/AVP 98\r\na=rtpmap:98 AMR/8000/0\r\n" },
	{ "channels that overflow", "v=0\r\nm=audio 2 RTP/AVP 98\r\na=rtpmap:98 AMR/8000/257\r\n" },
	{ "fmtp of a payload type that is none", "v=0\r\nm=audio 2 RTP/AVP 98\r\na=fmtp:x y\r\n" },
	{ "ptime 0", "v=0\r\nm=audio 2 RTP/AVP 3\r\na=ptime:0\r\n" },
	{ "ptime absurd", "v=0\r\nm=audio 2 RTP/AVP 3\r\na=ptime:60000\r\n" },
	{ "ptime that overflows", "v=0\r\nm=audio 2 RTP/AVP 3\r\na=ptime:4294967316\r\n" },
	{ "ptime below zero", "v=0\r\nm=audio 2 RTP/AVP 3\r\na=ptime:-20\r\n" },
	{ "ptime without a number", "v=0\r\nm=audio 2 RTP/AVP 3\r\na=ptime\r\n" },
	{ "maxptime 0", "v=0\r\nm=audio 2 RTP/AVP 3\r\na=maxptime:0\r\n" },
	{ "rtcp port too high", "v=0\r\nm=audio 2 RTP/AVP 3\r\na=rtcp:65536\r\n" },
	{ "c= without an address", "v=0\r\nc=IN IP4\r\n" },
	{ "words of an m= line too long", "v=0\r\nm=audioaudioaudioaudio 2 RTP/AVP 3\r\n" },
	{ "control characters in an m= line", "v=0\r\nm=au\033[2Jdio 2 RTP/AVP 3\r\n" },
};

static void test_bad(void)
{
	struct sdp_msg sdp;
	int i;

	for (i = 0; i < ARRAY_SIZE(bads); i++) {
		const char *why = "?";
		int rc = parse_exact(&sdp, bads[i].text, strlen(bads[i].text), &why);

		printf("%-50s %s: %s\n", bads[i].what,
		       rc == 0	       ? "ACCEPTED"
		       : rc == -EINVAL ? "EINVAL"
		       : rc == -E2BIG  ? "E2BIG"
				       : "other error",
		       why);
		EXPECT(rc < 0 && !sdp.n_media && !sdp.n_media_dropped);
	}
	btw("a NUL byte is no part of a description, and nobody has to ask why");
	EXPECT(sdp_msg_parse(&sdp, "v=0\0m=audio 2 RTP/AVP 3", 23, NULL) == -EINVAL);
}

static void test_truncated(void)
{
	unsigned int accepted = 0, refused = 0;
	struct sdp_msg sdp;
	size_t len;
	int i;

	btw("each description cut at each byte");
	for (i = 0; i < ARRAY_SIZE(goods); i++) {
		for (len = 0; len <= strlen(goods[i].text); len++) {
			if (parse_exact(&sdp, goods[i].text, len, NULL) == 0) {
				accepted++;
				expect_round_trip(&sdp);
			} else {
				refused++;
			}
		}
	}
	printf("%u cuts are descriptions, %u are not\n", accepted, refused);
}

static void test_mutated(void)
{
	static const char bytes[] = { 0,   '\r', '\n', ' ', '=', ':',  '/',  '0',	'9',
				      '-', ';',	 ',',  'm', 'a', 0x1b, 0x7f, (char)0xff };
	struct sdp_msg sdp;
	char text[2048];
	size_t n, b;
	int i;

	btw("each byte of each description replaced by each of %zu others", sizeof(bytes));
	for (i = 0; i < ARRAY_SIZE(goods); i++) {
		size_t len = strlen(goods[i].text);

		memcpy(text, goods[i].text, len);
		for (n = 0; n < len; n++) {
			for (b = 0; b < sizeof(bytes); b++) {
				text[n] = bytes[b];
				if (parse_exact(&sdp, text, len, NULL) == 0)
					expect_round_trip(&sdp);
			}
			text[n] = goods[i].text[n];
		}
	}
}

/*! Append \a what \a n times. */
static void repeat(char *text, size_t size, const char *what, int n)
{
	size_t len = strlen(text), step = strlen(what);

	while (n-- && len + step < size) {
		memcpy(text + len, what, step + 1);
		len += step;
	}
}

static void start(char *text, size_t size)
{
	osmo_strlcpy(text, "v=0\r\nc=IN IP4 192.0.2.1\r\n", size);
}

static void test_too_much(void)
{
	static char text[70000];
	struct sdp_msg sdp;
	const char *why = "?";
	int i;

	btw("16 m= lines are kept, 4 of them to look at");
	start(text, sizeof(text));
	repeat(text, sizeof(text), "m=audio 2 RTP/AVP 3\r\n", 16);
	EXPECT(sdp_msg_parse(&sdp, text, strlen(text), &why) == 0);
	EXPECT(sdp.n_media == 4 && sdp.n_media_dropped == 12);
	expect_round_trip(&sdp);

	btw("a 17th one is refused");
	repeat(text, sizeof(text), "m=audio 2 RTP/AVP 3\r\n", 1);
	EXPECT(sdp_msg_parse(&sdp, text, strlen(text), &why) == -E2BIG);
	printf("%s\n", why);

	btw("so is a text longer than a datagram, but not one as long");
	start(text, sizeof(text));
	repeat(text, sizeof(text), "a=x\r\n", 13102);
	EXPECT(strlen(text) == 65535);
	EXPECT(sdp_msg_parse(&sdp, text, strlen(text), &why) == 0);
	EXPECT(sdp_msg_parse(&sdp, text, strlen(text) + 1, &why) == -E2BIG);
	printf("%s\n", why);

	btw("128 formats: the first 16 are kept");
	start(text, sizeof(text));
	repeat(text, sizeof(text), "m=audio 2 RTP/AVP", 1);
	for (i = 0; i < 128; i++) {
		char pt[5];

		snprintf(pt, sizeof(pt), " %d", i);
		repeat(text, sizeof(text), pt, 1);
	}
	EXPECT(sdp_msg_parse(&sdp, text, strlen(text), &why) == 0);
	EXPECT(sdp.media[0].n_formats == SDP_MAX_FORMATS && sdp.media[0].formats[15].pt == 15);
	expect_round_trip(&sdp);

	btw("the same format 10000 times is one format");
	start(text, sizeof(text));
	repeat(text, sizeof(text), "m=audio 2 RTP/AVP", 1);
	repeat(text, sizeof(text), " 8", 10000);
	EXPECT(sdp_msg_parse(&sdp, text, strlen(text), &why) == 0);
	EXPECT(sdp.media[0].n_formats == 1);
}

static void parse_fmtp(struct sdp_msg *sdp, const char *param, int len)
{
	static char text[4096];

	start(text, sizeof(text));
	repeat(text, sizeof(text), "m=audio 2 RTP/AVP 98 3\r\na=rtpmap:98 AMR/8000\r\na=fmtp:98 ", 1);
	repeat(text, sizeof(text), param, len);
	repeat(text, sizeof(text), "\r\n", 1);
	EXPECT(sdp_msg_parse(sdp, text, strlen(text), NULL) == 0);
}

static void test_long_parameters(void)
{
	struct sdp_msg sdp;
	char buf[256];

	btw("parameters of 159 bytes are kept whole");
	parse_fmtp(&sdp, "x", 159);
	EXPECT(sdp.media[0].n_formats == 2 && strlen(sdp.media[0].formats[0].fmtp) == 159);

	btw("with longer ones, or ones that are not plain text, the format is left out, not cut");
	parse_fmtp(&sdp, "x", 160);
	EXPECT(sdp.media[0].n_formats == 1 && sdp.media[0].formats[0].pt == 3);
	parse_fmtp(&sdp, "\001", 1);
	EXPECT(sdp.media[0].n_formats == 1 && sdp.media[0].formats[0].pt == 3);
	expect_round_trip(&sdp);

	btw("it does not come back when it was the only one");
	sdp.media[0].n_formats = 0;
	EXPECT(sdp_msg_encode(buf, sizeof(buf), &sdp) > 0);
	print_text(strstr(buf, "m="));
}

static void test_origin(void)
{
	static const char *const same = "v=0\r\no=bob one two IN IP4 192.0.2.1\r\n";
	static const char *const other = "v=0\r\no=bob 99999999999999999999 two IN IP4 192.0.2.1\r\n";
	struct sdp_msg a, b, c;

	btw("ids of a session that are no numbers are told apart none the less");
	EXPECT(sdp_msg_parse(&a, same, strlen(same), NULL) == 0);
	EXPECT(sdp_msg_parse(&b, same, strlen(same), NULL) == 0);
	EXPECT(sdp_msg_parse(&c, other, strlen(other), NULL) == 0);
	EXPECT(a.sess_id == b.sess_id && a.sess_version == b.sess_version && a.sess_id != a.sess_version);
	EXPECT(a.sess_id != c.sess_id && a.sess_version == c.sess_version);
	EXPECT(a.sess_id < (1ULL << 62));
	expect_round_trip(&a);
}

static void test_encode(void)
{
	struct osmo_sockaddr_str addr = {};
	struct sdp_msg sdp, other;
	char buf[512], small[512];
	int len, i;
	char *str;

	btw("a description of our own");
	EXPECT(osmo_sockaddr_str_from_str(&addr, "192.0.2.5", 4002) == 0);
	sdp_msg_init_audio(&sdp, &addr);
	sdp_msg_init_audio(&other, &addr);
	EXPECT(sdp.sess_id != other.sess_id && sdp.sess_version == 1);
	sdp.sess_id = 1;
	sdp.media[0].n_formats = 1;
	sdp.media[0].formats[0] =
		(struct sdp_format){ .pt = 112, .enc = "AMR", .rate = 8000, .channels = 1, .fmtp = "octet-align=1" };
	len = sdp_msg_encode(buf, sizeof(buf), &sdp);
	print_text(buf);
	expect_round_trip(&sdp);

	btw("written whole or not at all");
	for (i = 0; i <= len + 1; i++) {
		memset(small, 'x', sizeof(small));
		EXPECT(sdp_msg_encode(small, i, &sdp) == (i > len ? len : -EMSGSIZE));
		EXPECT(small[i] == 'x');
		EXPECT(i == 0 || !strcmp(small, i > len ? buf : ""));
	}

	btw("as a talloc string, also a long one");
	str = sdp_msg_encode_c(NULL, &sdp);
	EXPECT(!strcmp(str, buf));
	talloc_free(str);
	sdp.n_media = SDP_MAX_MEDIA;
	for (i = 0; i < SDP_MAX_MEDIA; i++) {
		int f;

		sdp.media[i] = sdp.media[0];
		sdp.media[i].n_formats = SDP_MAX_FORMATS;
		for (f = 0; f < SDP_MAX_FORMATS; f++) {
			sdp.media[i].formats[f] =
				(struct sdp_format){ .pt = 112 + f, .rate = UINT32_MAX, .channels = 255 };
			memset(sdp.media[i].formats[f].enc, 'e', sizeof(sdp.media[i].formats[f].enc) - 1);
			memset(sdp.media[i].formats[f].fmtp, 'f', SDP_MAX_FMTP - 1);
		}
	}
	str = sdp_msg_encode_c(NULL, &sdp);
	EXPECT(strlen(str) > 12000);
	talloc_free(str);
}

static void test_look(void)
{
	static const char *const holds[] = {
		"c=IN IP4 192.0.2.1\r\nm=audio 2 RTP/AVP 3\r\n",
		"c=IN IP4 192.0.2.1\r\nm=audio 2 RTP/AVP 3\r\na=recvonly\r\n",
		"c=IN IP4 192.0.2.1\r\nm=audio 2 RTP/AVP 3\r\na=sendonly\r\n",
		"c=IN IP4 192.0.2.1\r\na=inactive\r\nm=audio 2 RTP/AVP 3\r\n",
		"c=IN IP4 0.0.0.0\r\nm=audio 2 RTP/AVP 3 112 97\r\na=rtpmap:112 AMR/8000\r\n",
		"c=IN IP6 0::0\r\nm=audio 2 RTP/AVP 3\r\n",
		"c=IN IP4 pbx.example\r\nm=audio 2 RTP/AVP 3\r\n",
		"c=IN IP6 2001:db8::1\r\nm=audio 0 RTP/AVP 3\r\n",
	};
	struct sdp_msg sdp;
	char text[256], buf[256];
	int i;

	btw("who is on hold?");
	for (i = 0; i < ARRAY_SIZE(holds); i++) {
		snprintf(text, sizeof(text), "v=0\r\n%s", holds[i]);
		EXPECT(sdp_msg_parse(&sdp, text, strlen(text), NULL) == 0);
		EXPECT(sdp_media_to_str_buf(buf, sizeof(buf), &sdp.media[0]) == strlen(buf));
		printf("%-60s %s\n", buf, sdp_media_on_hold(&sdp.media[0]) ? "on hold" : "-");
	}

	btw("directions seen from the other end");
	for (i = SDP_SENDRECV; i <= SDP_INACTIVE; i++)
		printf("%s %s\n", get_value_string(sdp_dir_names, i),
		       get_value_string(sdp_dir_names, sdp_dir_mirror(i)));

	btw("the audio is the first that is not rejected, else the first, else none");
	osmo_strlcpy(text,
		     "v=0\nm=video 2 RTP/AVP 34\nm=audio 0 RTP/AVP 3\nm=audio 4 udptl t38\nm=AUDIO 6 RTP/SAVP 8\n",
		     sizeof(text));
	EXPECT(sdp_msg_parse(&sdp, text, strlen(text), NULL) == 0);
	EXPECT(sdp_msg_audio(&sdp) == &sdp.media[3]);
	EXPECT(sdp_media_format(sdp_msg_audio(&sdp), 8) && !sdp_media_format(sdp_msg_audio(&sdp), 3));
	sdp.n_media = 3;
	EXPECT(sdp_msg_audio(&sdp) == &sdp.media[1]);
	sdp.n_media = 1;
	EXPECT(!sdp_msg_audio(&sdp));
}

static const char long_text[] =
	"v=0\r\no=- 20518 0 IN IP4 203.0.113.1\r\ns=a session with a name that says a lot to nobody\r\n"
	"i=Information\r\nu=http://example.com/\r\ne=somebody@example.com\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n"
	"a=group:LS audio video\r\na=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\r\n"
	"m=audio 54400 RTP/AVP 96 97 0 8 3 101 13\r\na=ice-options:trickle\r\na=candidate:1 1 UDP 2130706431 203.0.113.1 54400 typ host\r\n"
	"a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.1 rport 54400\r\n"
	"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1; stereo=0; sprop-stereo=0; maxaveragebitrate=24000\r\n"
	"a=rtcp-fb:96 nack\r\na=rtpmap:97 AMR/8000/1\r\na=fmtp:97 octet-align=1; mode-set=0,2,4,7; mode-change-period=2\r\n"
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:3 GSM/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
	"a=fmtp:101 0-16\r\na=rtpmap:13 CN/8000\r\na=ptime:20\r\na=sendrecv\r\n"
	"m=video 55400 RTP/AVP 98 99\r\na=rtpmap:98 H264/90000\r\na=fmtp:98 profile-level-id=42A01E; packetization-mode=1\r\n"
	"a=rtpmap:99 VP8/90000\r\na=rtcp-fb:99 nack pli\r\n"
	"m=application 0 UDP/BFCP *\r\na=floorctrl:c-s\r\na=confid:4321\r\n";

static void test_reduce(void)
{
	static const int sizes[] = { 1024, 650, 500, 400, 350, 260, 200 };
	char buf[2048];
	int i, rc;

	btw("what fits is copied byte by byte, whatever it is");
	EXPECT(sdp_msg_reduce(buf, sizeof(buf), long_text) == strlen(long_text));
	EXPECT(!strcmp(buf, long_text));
	EXPECT(sdp_msg_reduce(buf, 9, "not sdp\n") == 8);
	EXPECT(!strcmp(buf, "not sdp\n"));
	EXPECT(sdp_msg_reduce(buf, 8, "not sdp\n") == -EINVAL);

	btw("%zu bytes made less", strlen(long_text));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		rc = sdp_msg_reduce(buf, sizes[i], long_text);
		printf("room for %d: %s %d\n", sizes[i], rc < 0 ? strerror(-rc) : "length", rc < 0 ? 0 : rc);
		if (rc > 0)
			print_text(buf);
	}
}

static void test_reduce_any_size(void)
{
	char buf[2048];
	struct sdp_msg sdp;
	size_t size;
	int rc;

	btw("for any size there is a whole description with all its m= lines, or none");
	for (size = 0; size <= strlen(long_text); size++) {
		memset(buf, 'x', sizeof(buf));
		rc = sdp_msg_reduce(buf, size, long_text);
		EXPECT(buf[size] == 'x');
		if (rc == -EMSGSIZE)
			continue;
		EXPECT(rc > 0 && rc < size && rc == strlen(buf));
		EXPECT(buf[rc - 2] == '\r' && buf[rc - 1] == '\n');
		EXPECT(sdp_msg_parse(&sdp, buf, rc, NULL) == 0);
		EXPECT(sdp.n_media == 3 && sdp.media[0].addr.port == 54400 && sdp.media[0].n_formats > 0);
		EXPECT(!strcmp(sdp.media[0].addr.ip, "203.0.113.1"));
		expect_round_trip(&sdp);
	}
}

static void test_reduce_hostile(void)
{
	static char text[20000];
	char buf[1024];
	struct sdp_msg sdp;
	int i;

	btw("128 formats with parameters");
	start(text, sizeof(text));
	repeat(text, sizeof(text), "m=audio 2 RTP/AVP", 1);
	for (i = 0; i < 128; i++) {
		char pt[5];

		snprintf(pt, sizeof(pt), " %d", 127 - i);
		repeat(text, sizeof(text), pt, 1);
	}
	for (i = 0; i < 128; i++) {
		char attr[64];

		snprintf(attr, sizeof(attr), "\na=rtpmap:%d X-%d/8000\na=fmtp:%d we=%d", i, i, i, i);
		repeat(text, sizeof(text), attr, 1);
	}
	EXPECT(sdp_msg_reduce(buf, sizeof(buf), text) > 0);
	EXPECT(sdp_msg_parse(&sdp, buf, strlen(buf), NULL) == 0);
	EXPECT(sdp.media[0].n_formats == 16 && sdp.media[0].formats[0].pt == 127);

	btw("m= lines with blanks where none should be");
	start(text, sizeof(text));
	repeat(text, sizeof(text), "m= video  2   RTP/AVP\t34\nm= audio 4  RTP/AVP 8  3 98\na=rtpmap: 98 X/8000\n", 1);
	EXPECT(sdp_msg_reduce(buf, 90, text) > 0);
	print_text(buf);

	btw("an o= line that does not fit cannot be helped");
	osmo_strlcpy(text, "v=0\r\no=", sizeof(text));
	repeat(text, sizeof(text), "x", 1100);
	repeat(text, sizeof(text), " 1 1 IN IP4 192.0.2.1\r\nm=audio 2 RTP/AVP 3\r\n", 1);
	EXPECT(sdp_msg_reduce(buf, sizeof(buf), text) == -EMSGSIZE);
	EXPECT(!strcmp(buf, ""));
}

int main(void)
{
	void *ctx = talloc_named_const(NULL, 0, "sdp_msg_test");

	story_init(ctx);
	test_good();
	btw("refused, and why");
	test_bad();
	test_truncated();
	test_mutated();
	test_too_much();
	test_long_parameters();
	test_origin();
	test_encode();
	test_look();
	test_reduce();
	test_reduce_any_size();
	test_reduce_hostile();
	btw("done");
	return 0;
}
