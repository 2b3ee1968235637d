/* VTY of the SIP peers: what may be used inside of calls: reliable provisional responses, session timers, transfers. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <stdlib.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/ua/sip_peer.h>

#include "sip_peer_set.h"
#include "vty_internal.h"

#define DEFAULT_EXPIRES_S 1800
#define DEFAULT_MIN_SE_S  90

#define USE_STR                                                                                                        \
	"Never: not said, and refused with 420 where it is demanded\n"                                                 \
	"When the peer knows it (default)\n"                                                                           \
	"Demanded: a call with a peer that does not know it is refused\n"
#define TIMER_STR   "Find out whether the other side of a call is still there (RFC 4028)\n"
#define EXPIRES_STR "How long a call lives without a sign of life\nSeconds (default 1800)\n"
#define MIN_SE_STR  "What the peer may not ask below (422)\nSeconds (default 90, the least that RFC 4028 allows)\n"

PEER_CHOICE(rel100, rel100, sip_use_names, SIP_USE_SUPPORTED, "100rel",
	    "Provisional responses that are acknowledged by PRACK (RFC 3262)\n", "(off|supported|required)", USE_STR,
	    "off, supported or required");

static int set_timer(struct vty *vty, int argc, const char **argv)
{
	struct sip_peer_cfg *cfg = &((struct sip_peer *)vty->index)->cfg;
	uint32_t expires_s = argc > 1 ? atoi(argv[1]) : DEFAULT_EXPIRES_S;
	uint32_t min_se_s = argc > 2 ? atoi(argv[2]) : DEFAULT_MIN_SE_S;

	if (expires_s < min_se_s) {
		vty_out(vty, "%% expires %u is less than min-se %u%s", expires_s, min_se_s, VTY_NEWLINE);
		return CMD_WARNING;
	}
	cfg->session_timer = get_string_value(sip_use_names, argv[0]);
	cfg->session_expires_s = expires_s;
	cfg->min_se_s = min_se_s;
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_timer, cfg_peer_timer_cmd, "session-timer (off|supported|required)", TIMER_STR USE_STR)
{
	return set_timer(vty, argc, argv);
}

DEFUN(cfg_peer_timer_expires, cfg_peer_timer_expires_cmd, "session-timer (off|supported|required) expires <1-86400>",
      TIMER_STR USE_STR EXPIRES_STR)
{
	return set_timer(vty, argc, argv);
}

DEFUN(cfg_peer_timer_min_se, cfg_peer_timer_min_se_cmd,
      "session-timer (off|supported|required) expires <1-86400> min-se <1-86400>",
      TIMER_STR USE_STR EXPIRES_STR MIN_SE_STR)
{
	return set_timer(vty, argc, argv);
}

PEER_FLAG(refer, refer, false, "refer",
	  "Let this peer transfer calls (REFER) to numbers, and to other configured peers; counts at once\n",
	  "Refuse transfers with 603 (default)\n");

VTY_EXPECT(timer_expect, "session-timer VALUE", TIMER_STR "Use\n", "off, supported or required");

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;
	bool has_min_se = cfg->min_se_s != DEFAULT_MIN_SE_S;
	bool has_expires = has_min_se || cfg->session_expires_s != DEFAULT_EXPIRES_S;

	peer_choice_write(vty, &rel100, peer);
	if (has_expires || cfg->session_timer != SIP_USE_SUPPORTED) {
		vty_out(vty, " session-timer %s", get_value_string(sip_use_names, cfg->session_timer));
		if (has_expires)
			vty_out(vty, " expires %u", cfg->session_expires_s);
		if (has_min_se)
			vty_out(vty, " min-se %u", cfg->min_se_s);
		vty_out(vty, "%s", VTY_NEWLINE);
	}
	peer_flag_write(vty, &refer, peer);
}

static void show_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;

	vty_out(vty, "  PRACK: %s; session timer: %s", get_value_string(sip_use_names, cfg->rel100),
		get_value_string(sip_use_names, cfg->session_timer));
	if (cfg->session_timer != SIP_USE_OFF)
		vty_out(vty, ", %u s", cfg->session_expires_s);
	vty_out(vty, "; transfers: %s%s", cfg->refer ? "allowed" : "declined", VTY_NEWLINE);
}

static void init_part(void)
{
	peer_choice_init(&rel100);
	install_element(SIP_PEER_NODE, &cfg_peer_timer_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_timer_expires_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_timer_min_se_cmd);
	install_element(SIP_PEER_NODE, &timer_expect.cmd);
	peer_flag_init(&refer);
}

const struct sip_peer_vty_part sip_peer_vty_dialog = { .init = init_part, .write = write_part, .show = show_part };
