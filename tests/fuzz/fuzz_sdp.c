/* Fuzz target: anything as a session description.
 *
 * Beyond not crashing: what was read can be written and read again and is then the same, an answer that we make passes
 * our own check, and a reduced text is a description. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include <osmocom/sipgw/sdp/sdp_msg.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>
#include <osmocom/sipgw/sdp/sdp_nego.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                                     \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #cond);                     \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

static const struct osmo_sockaddr_str our_addr = { .af = AF_INET, .ip = "192.0.2.5", .port = 4002 };

/*! What we write says what was read. The first writing may name formats of rejected streams that had no name; not the
 * second. */
static void write_and_read(const struct sdp_msg *sdp)
{
	static char first[32768], second[32768], third[32768];
	struct sdp_msg again;
	int len = sdp_msg_encode(first, sizeof(first), sdp);

	MUST(len > 0);
	MUST(sdp_msg_parse(&again, first, len, NULL) == 0);
	MUST(again.n_media == sdp->n_media && again.n_media_dropped == sdp->n_media_dropped);
	len = sdp_msg_encode(second, sizeof(second), &again);
	MUST(len > 0);
	MUST(sdp_msg_parse(&again, second, len, NULL) == 0);
	MUST(sdp_msg_encode(third, sizeof(third), &again) == len);
	MUST(!strcmp(second, third));
	MUST(sdp_msg_encode(third, len / 2, sdp) < 0);
}

static void look(struct sdp_msg *sdp)
{
	struct sdp_caps caps, common;
	char buf[64];
	int i, k;

	for (i = 0; i < sdp->n_media; i++) {
		struct sdp_media *m = &sdp->media[i];
		struct sdp_amr amr;

		sdp_media_to_str_buf(buf, sizeof(buf), m);
		sdp_media_on_hold(m);
		sdp_caps_from_media(&caps, m);
		sdp_caps_to_str_buf(buf, sizeof(buf), &caps);
		sdp_nego_common(&common, &caps, m, true);
		for (k = 0; k < m->n_formats; k++) {
			if (sdp_amr_parse(&amr, m->formats[k].fmtp) == 0)
				sdp_amr_encode(buf, sizeof(buf), &amr);
			MUST(sdp_media_format(m, m->formats[k].pt) == &m->formats[k]);
		}
	}
	sdp_nego_check_answer(sdp, sdp, NULL);
}

static void answer(const struct sdp_msg *offer)
{
	struct sdp_caps caps = {};
	static char text[32768];
	struct sdp_msg ans, read;
	const char *why = "";
	int len;

	sdp_caps_add(&caps, SDP_CODEC_AMR, "octet-align=1;mode-set=0,2,4,7");
	sdp_caps_add(&caps, SDP_CODEC_GSM_EFR, NULL);
	sdp_caps_add(&caps, SDP_CODEC_GSM_FR, NULL);
	sdp_caps_add(&caps, SDP_CODEC_TELEPHONE_EVENT, "0-15");
	if (sdp_nego_make_answer(&ans, offer, &caps, &our_addr, SDP_SENDRECV) < 0)
		return;
	if (sdp_nego_check_answer(offer, &ans, &why) < 0) {
		fprintf(stderr, "our own answer is refused: %s\n", why);
		abort();
	}
	len = sdp_msg_encode(text, sizeof(text), &ans);
	MUST(len > 0 && sdp_msg_parse(&read, text, len, NULL) == 0);
	MUST(sdp_nego_check_answer(offer, &read, NULL) == 0);
	write_and_read(&ans);
}

static void reduce(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	char buf[1024];
	size_t room = size ? data[size - 1] * 4 : 0;
	struct sdp_msg sdp;
	int len;

	memcpy(text, data, size);
	text[size] = '\0';
	len = sdp_msg_reduce(buf, room, text);
	if (len >= 0) {
		MUST(len < room && len == strlen(buf));
		MUST(len == strlen(text) || sdp_msg_parse(&sdp, buf, len, NULL) == 0);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdp_msg sdp;
	const char *why = NULL;

	reduce(data, size);
	if (sdp_msg_parse(&sdp, (const char *)data, size, &why) < 0) {
		MUST(why && !sdp.n_media);
		return 0;
	}
	write_and_read(&sdp);
	look(&sdp);
	answer(&sdp);
	return 0;
}
