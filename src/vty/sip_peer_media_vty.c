/* VTY of the SIP peers: their media and keys. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/leg.h>
#include <osmocom/sipgw/sdp/sdp_agree.h>
#include <osmocom/sipgw/ua/sip_peer.h>

#include "sip_peer_set.h"
#include "vty_internal.h"

PEER_CHOICE(media, media_mode, media_mode_names, MEDIA_ANCHORED, "media",
	    "Where the RTP of calls with this peer goes\n", "(anchored|direct)",
	    "Through our media gateway: the GSM core and the peer need no route to each other (default)\n"
	    "Straight between the GSM core and the peer; no media gateway is used\n",
	    "anchored or direct");

PEER_CHOICE(dtmf, dtmf, sip_dtmf_mode_names, SIP_DTMF_INFO_RELAY, "dtmf",
	    "How keys that are pressed on the phone are told to the peer\n", "(info|info-dtmf|none)",
	    "INFO with application/dtmf-relay (default)\nINFO with application/dtmf\nNot at all\n",
	    "info, info-dtmf or none");

/* Returns false if \a name is none that a call can be carried over, or is there already */
static bool add_codec(uint8_t *codecs, int n, const char *name)
{
	const struct sdp_codec *codec = sdp_codec_by_name(name);
	struct sdp_format f;

	if (!codec)
		return false;
	sdp_codec_to_format(&f, codec->id, NULL);
	for (int i = 0; i < n; i++) {
		if (codecs[i] == codec->id)
			return false;
	}
	codecs[n] = codec->id;
	return sdp_codec_carries_call(&f);
}

DEFUN(cfg_peer_codecs, cfg_peer_codecs_cmd, "codecs .NAMES",
      "Codecs that calls with this peer may have; offers in either direction are limited to them and put in this order\n"
      "FR EFR HR AMR AMR-WB PCMU PCMA G722 CLEARMODE: those wanted, the preferred one first\n")
{
	struct sip_peer *peer = vty->index;
	uint8_t codecs[SIP_PEER_MAX_CODECS] = {};

	for (int i = 0; i < argc; i++) {
		if (i < SIP_PEER_MAX_CODECS - 1 && add_codec(codecs, i, argv[i]))
			continue;
		vty_out(vty, "%% '%s' is no codec for this list, or is named twice.%s", argv[i], VTY_NEWLINE);
		vty_out(vty, "%% Known are FR EFR HR AMR AMR-WB PCMU PCMA G722 CLEARMODE.%s", VTY_NEWLINE);
		return CMD_WARNING;
	}
	memcpy(peer->cfg.codecs, codecs, sizeof(peer->cfg.codecs));
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_codecs, cfg_peer_no_codecs_cmd, "no codecs",
      NO_STR "Whatever both sides have, descriptions pass as they are (default)\n")
{
	struct sip_peer *peer = vty->index;

	memset(peer->cfg.codecs, 0, sizeof(peer->cfg.codecs));
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_early_media, cfg_peer_early_media_cmd, "early-media (on|off)",
      "What this peer is told when it calls a phone that rings, and the GSM side has something to hear\n"
      "183 with a session description (default)\nA bare 180: the peer plays its own ringing tone\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.no_early_media = !strcmp(argv[0], "off");
	return CMD_SUCCESS;
}

VTY_EXPECT(early_expect, "early-media VALUE",
	   "What this peer is told when there is something to hear before the answer\nUse\n", "on or off");

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;

	peer_choice_write(vty, &media, peer);
	peer_choice_write(vty, &dtmf, peer);
	if (cfg->no_early_media)
		vty_out(vty, " early-media off%s", VTY_NEWLINE);
	if (!cfg->codecs[0])
		return;
	vty_out(vty, " codecs");
	for (int i = 0; cfg->codecs[i]; i++)
		vty_out(vty, " %s", sdp_codec_get(cfg->codecs[i])->name);
	vty_out(vty, "%s", VTY_NEWLINE);
}

static void show_part(struct vty *vty, const struct sip_peer *peer)
{
	vty_out(vty, "  Media: %s; DTMF: %s%s", get_value_string(media_mode_names, peer->cfg.media_mode),
		get_value_string(sip_dtmf_mode_names, peer->cfg.dtmf), VTY_NEWLINE);
	if (peer->cfg.codecs[0]) {
		struct sdp_policy policy = { .codecs = peer->cfg.codecs };
		char list[80];

		sdp_agree_policy_buf(list, sizeof(list), &policy);
		vty_out(vty, "  Codecs: %s%s", list, VTY_NEWLINE);
	}
	if (peer->cfg.no_early_media)
		vty_out(vty, "  Early media from phones: off%s", VTY_NEWLINE);
}

static void init_part(void)
{
	peer_choice_init(&media);
	peer_choice_init(&dtmf);
	install_element(SIP_PEER_NODE, &cfg_peer_codecs_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_codecs_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_early_media_cmd);
	install_element(SIP_PEER_NODE, &early_expect.cmd);
}

const struct sip_peer_vty_part sip_peer_vty_media = { .init = init_part, .write = write_part, .show = show_part };
