/* VTY of the SIP peers: who is believed and told what, and what an emergency call looks like. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/ua/sip_peer.h>

#include "vty_internal.h"

#define TRUSTED_STR	  "Part of our network: its word about callers counts, private numbers are told to it (RFC 3325)\n"
#define IDENTITY_STR	  "How callers are named to the peer besides From\n"
#define CALLED_FROM_STR	  "Where an INVITE of the peer says who is called\n"
#define EMERGENCY_STR	  "What emergency calls to the peer are called\n"
#define MAX_NUMBER_DIGITS 15

DEFUN(cfg_peer_trusted, cfg_peer_trusted_cmd, "trusted", TRUSTED_STR)
{
	struct sip_peer *peer = vty->index;

	peer->cfg.trusted = true;
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_trusted, cfg_peer_no_trusted_cmd, "no trusted", NO_STR TRUSTED_STR)
{
	struct sip_peer *peer = vty->index;

	peer->cfg.trusted = false;
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_identity, cfg_peer_identity_cmd, "identity (pai|ppi|rpid|from)",
      IDENTITY_STR "P-Asserted-Identity, if the peer is trusted (default)\n"
		   "P-Preferred-Identity: as a subscriber tells his provider; private numbers only if it is trusted\n"
		   "Remote-Party-ID, if the peer is trusted\n"
		   "Not at all\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.identity = get_string_value(sip_identity_mode_names, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_called_from, cfg_peer_called_from_cmd, "called-from (request-uri|to|p-called-party-id)",
      CALLED_FROM_STR "The Request-URI (default)\n"
		      "To, where the Request-URI is the identity that we have registered\n"
		      "P-Called-Party-ID, as in an IMS\n")
{
	struct sip_peer *peer = vty->index;

	peer->cfg.called_from = get_string_value(sip_called_from_names, argv[0]);
	return CMD_SUCCESS;
}

static int set_emergency(struct sip_peer *peer, bool urn, const char *number)
{
	peer->cfg.emergency_urn = urn;
	osmo_talloc_replace_string(peer, &peer->cfg.emergency_number, number);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_emergency, cfg_peer_emergency_cmd, "emergency number [DIGITS]",
      EMERGENCY_STR "A number (default)\nThis one; without: as dialled, else 112\n")
{
	if (argc && (strlen(argv[0]) > MAX_NUMBER_DIGITS || argv[0][strspn(argv[0], "0123456789*#+")])) {
		vty_out(vty, "%% '%s' is no number: up to %d digits%s", argv[0], MAX_NUMBER_DIGITS, VTY_NEWLINE);
		return CMD_WARNING;
	}
	return set_emergency(vty->index, false, argc ? argv[0] : NULL);
}

DEFUN(cfg_peer_emergency_urn, cfg_peer_emergency_urn_cmd, "emergency urn", EMERGENCY_STR "urn:service:sos (RFC 5031)\n")
{
	return set_emergency(vty->index, true, NULL);
}

VTY_EXPECT(identity_expect, "identity VALUE", IDENTITY_STR "Header\n", "pai, ppi, rpid or from");
VTY_EXPECT(called_from_expect, "called-from VALUE", CALLED_FROM_STR "Header\n", "request-uri, to or p-called-party-id");
VTY_EXPECT(emergency_expect, "emergency VALUE", EMERGENCY_STR "Kind\n", "number or urn");

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;

	if (cfg->trusted)
		vty_out(vty, " trusted%s", VTY_NEWLINE);
	if (cfg->identity != SIP_IDENTITY_PAI)
		vty_out(vty, " identity %s%s", get_value_string(sip_identity_mode_names, cfg->identity), VTY_NEWLINE);
	if (cfg->called_from != SIP_CALLED_RURI)
		vty_out(vty, " called-from %s%s", get_value_string(sip_called_from_names, cfg->called_from),
			VTY_NEWLINE);
	if (cfg->emergency_urn)
		vty_out(vty, " emergency urn%s", VTY_NEWLINE);
	else if (cfg->emergency_number)
		vty_out(vty, " emergency number %s%s", cfg->emergency_number, VTY_NEWLINE);
}

static void show_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;

	vty_out(vty, "  Identity: %s, %s; emergency calls: %s%s", cfg->trusted ? "trusted" : "not trusted",
		get_value_string(sip_identity_mode_names, cfg->identity),
		cfg->emergency_urn ? "urn:service:sos" : cfg->emergency_number ?: "as dialled", VTY_NEWLINE);
}

static void init_part(void)
{
	install_element(SIP_PEER_NODE, &cfg_peer_trusted_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_trusted_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_identity_cmd);
	install_element(SIP_PEER_NODE, &identity_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_called_from_cmd);
	install_element(SIP_PEER_NODE, &called_from_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_emergency_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_emergency_urn_cmd);
	install_element(SIP_PEER_NODE, &emergency_expect.cmd);
}

const struct sip_peer_vty_part sip_peer_vty_identity = { .init = init_part, .write = write_part, .show = show_part };
