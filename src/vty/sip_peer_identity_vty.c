/* VTY of the SIP peers: who is believed and told what, and what an emergency call looks like. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/ua/sip_peer.h>

#include "sip_peer_set.h"
#include "vty_internal.h"

#define TRUSTED_STR	  "Part of our network: its word about callers counts, private numbers are told to it (RFC 3325)\n"
#define IDENTITY_STR	  "How callers are named to the peer besides From\n"
#define CALLED_FROM_STR	  "Where an INVITE of the peer says who is called\n"
#define EMERGENCY_STR	  "What emergency calls to the peer are called\n"
#define MAX_NUMBER_DIGITS 15

PEER_FLAG(trusted, trusted, false, "trusted", TRUSTED_STR, TRUSTED_STR);

PEER_CHOICE(identity, identity, sip_identity_mode_names, SIP_IDENTITY_PAI, "identity", IDENTITY_STR,
	    "(pai|pai-tel|ppi|rpid|from)",
	    "P-Asserted-Identity, if the peer is trusted (default)\n"
	    "The same, of international numbers also as a tel: URI\n"
	    "P-Preferred-Identity: as a subscriber tells his provider; private numbers only if it is trusted\n"
	    "Remote-Party-ID, if the peer is trusted\n"
	    "Not at all\n",
	    "pai, pai-tel, ppi, rpid or from");

PEER_CHOICE(called_from, called_from, sip_called_from_names, SIP_CALLED_RURI, "called-from", CALLED_FROM_STR,
	    "(request-uri|to|p-called-party-id)",
	    "The Request-URI (default)\n"
	    "To, where the Request-URI is the identity that we have registered\n"
	    "P-Called-Party-ID, as in an IMS\n",
	    "request-uri, to or p-called-party-id");

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

VTY_EXPECT(emergency_expect, "emergency VALUE", EMERGENCY_STR "Kind\n", "number or urn");

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;

	peer_flag_write(vty, &trusted, peer);
	peer_choice_write(vty, &identity, peer);
	peer_choice_write(vty, &called_from, peer);
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
	peer_flag_init(&trusted);
	peer_choice_init(&identity);
	peer_choice_init(&called_from);
	install_element(SIP_PEER_NODE, &cfg_peer_emergency_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_emergency_urn_cmd);
	install_element(SIP_PEER_NODE, &emergency_expect.cmd);
}

const struct sip_peer_vty_part sip_peer_vty_identity = { .init = init_part, .write = write_part, .show = show_part };
