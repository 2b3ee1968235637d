/* VTY of the SIP peers: their media and keys. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/leg.h>
#include <osmocom/sipgw/sip/sip_peer.h>

#include "vty_internal.h"

DEFUN(cfg_peer_media, cfg_peer_media_cmd, "media (anchored|direct)",
      "Where the RTP of calls with this peer goes\n"
      "Through our media gateway: the GSM core and the peer need no route to each other (default)\n"
      "Straight between the GSM core and the peer; no media gateway is used\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.media_mode = get_string_value(media_mode_names, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_dtmf, cfg_peer_dtmf_cmd, "dtmf (info|info-dtmf|none)",
      "How keys that are pressed on the phone are told to the peer\n"
      "INFO with application/dtmf-relay (default)\nINFO with application/dtmf\nNot at all\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.dtmf = get_string_value(sip_dtmf_mode_names, argv[0]);
	return CMD_SUCCESS;
}

VTY_EXPECT(media_expect, "media VALUE", "Where the RTP of calls with this peer goes\nMode\n", "anchored or direct");
VTY_EXPECT(dtmf_expect, "dtmf VALUE", "How keys that are pressed on the phone are told to the peer\nMode\n",
	   "info, info-dtmf or none");

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;

	if (cfg->media_mode != MEDIA_ANCHORED)
		vty_out(vty, " media %s%s", get_value_string(media_mode_names, cfg->media_mode), VTY_NEWLINE);
	if (cfg->dtmf != SIP_DTMF_INFO_RELAY)
		vty_out(vty, " dtmf %s%s", get_value_string(sip_dtmf_mode_names, cfg->dtmf), VTY_NEWLINE);
}

static void show_part(struct vty *vty, const struct sip_peer *peer)
{
	vty_out(vty, "  Media: %s; DTMF: %s%s", get_value_string(media_mode_names, peer->cfg.media_mode),
		get_value_string(sip_dtmf_mode_names, peer->cfg.dtmf), VTY_NEWLINE);
}

static void init_part(void)
{
	install_element(SIP_PEER_NODE, &cfg_peer_media_cmd);
	install_element(SIP_PEER_NODE, &media_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_dtmf_cmd);
	install_element(SIP_PEER_NODE, &dtmf_expect.cmd);
}

const struct sip_peer_vty_part sip_peer_vty_media = { .init = init_part, .write = write_part, .show = show_part };
