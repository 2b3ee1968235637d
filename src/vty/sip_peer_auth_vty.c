/* VTY of the SIP peers: users and passwords, registrations. Secrets go into the configuration file and nowhere else. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <stdlib.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/ua/sip_credentials.h>
#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_reg.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "sip_peer_set.h"
#include "vty_internal.h"

#define AUTH_STR                                                                                                       \
	"Who we are when the peer demands digest authentication, and who it has to be with 'challenge'\n"              \
	"User name; the first one is for calls\nUser name\n"

DEFUN(cfg_peer_auth_password, cfg_peer_auth_password_cmd, "auth user NAME password PASSWORD",
      AUTH_STR "Its password\nPassword, without spaces\n")
{
	if (sip_credentials_set(vty->index, argv[0], argv[1]) == 0)
		return CMD_SUCCESS;
	vty_out(vty, "%% User name or password is too long, or has a character that cannot be sent%s", VTY_NEWLINE);
	return CMD_WARNING;
}

DEFUN(cfg_peer_auth_ha1, cfg_peer_auth_ha1_cmd, "auth user NAME ha1 (md5|sha256) HEX .REALM",
      AUTH_STR "The hash of user, realm and password instead of the password\n"
	       "MD5, 32 digits\nSHA-256, 64 digits\nHash, hexadecimal\nRealm that it is good for\n")
{
	int alg = get_string_value(sip_ha1_alg_names, argv[1]);
	char *realm = argv_concat(argv, argc, 3);
	int rc = sip_credentials_set_ha1(vty->index, argv[0], alg, realm, argv[2]);

	talloc_free(realm);
	if (rc == 0)
		return CMD_SUCCESS;
	vty_out(vty, "%% HEX has to be %u hexadecimal digits; no line ends in user name and realm%s",
		alg == get_string_value(sip_ha1_alg_names, "md5") ? 32 : 64, VTY_NEWLINE);
	return CMD_WARNING;
}

DEFUN(cfg_peer_no_auth, cfg_peer_no_auth_cmd, "no auth user NAME", NO_STR AUTH_STR)
{
	if (sip_credentials_del(vty->index, argv[0]) == 0)
		return CMD_SUCCESS;
	vty_out(vty, "%% There is no user '%s'%s", argv[0], VTY_NEWLINE);
	return CMD_WARNING;
}

#define CHALLENGE_STR "Demand digest authentication of the peer's requests outside of calls\n"

PEER_FLAG(challenge, challenge, false, "challenge", CHALLENGE_STR, CHALLENGE_STR);

#define REGISTER_STR "Register with the peer, so that it sends us the calls for this user\nUser name of the address\n"
#define EXPIRES_STR  "For how long at a time (default: 3600)\nSeconds\n"
#define REG_AS_STR                                                                                                     \
	"With the credentials of another user (default: the same one, else the first)\nUser name of 'auth user'\n"

static int reg_add(struct vty *vty, const char *identity, const char *auth_user, const char *expires)
{
	if (sip_reg_add(vty->index, identity, auth_user, expires ? atoi(expires) : SIP_REG_DEFAULT_EXPIRES_S) == 0)
		return CMD_SUCCESS;
	vty_out(vty, "%% '%s' cannot be the user part of an address%s", identity, VTY_NEWLINE);
	return CMD_WARNING;
}

DEFUN(cfg_peer_register, cfg_peer_register_cmd, "register IDENTITY", REGISTER_STR)
{
	return reg_add(vty, argv[0], NULL, NULL);
}

DEFUN(cfg_peer_register_s, cfg_peer_register_s_cmd, "register IDENTITY expires <10-604800>", REGISTER_STR EXPIRES_STR)
{
	return reg_add(vty, argv[0], NULL, argv[1]);
}

DEFUN(cfg_peer_register_as, cfg_peer_register_as_cmd, "register IDENTITY as USER", REGISTER_STR REG_AS_STR)
{
	return reg_add(vty, argv[0], argv[1], NULL);
}

DEFUN(cfg_peer_register_as_s, cfg_peer_register_as_s_cmd, "register IDENTITY as USER expires <10-604800>",
      REGISTER_STR REG_AS_STR EXPIRES_STR)
{
	return reg_add(vty, argv[0], argv[1], argv[2]);
}

DEFUN(cfg_peer_no_register, cfg_peer_no_register_cmd, "no register IDENTITY", NO_STR REGISTER_STR)
{
	if (sip_reg_del(vty->index, argv[0]) == 0)
		return CMD_SUCCESS;
	vty_out(vty, "%% There is no registration of '%s'%s", argv[0], VTY_NEWLINE);
	return CMD_WARNING;
}

VTY_EXPECT(register_expect, "register IDENTITY expires VALUE", REGISTER_STR EXPIRES_STR, "10 to 604800 seconds");
VTY_EXPECT(ha1_expect, "auth user NAME ha1 VALUE HEX .REALM",
	   AUTH_STR "The hash of user, realm and password instead of the password\nAlgorithm\nHash\nRealm\n",
	   "md5 or sha256 before the hash");

/* ---- write ---- */

static void write_user(struct vty *vty, const struct sip_auth *auth)
{
	const char *user = sip_credentials_user(auth), *password = sip_credentials_password(auth);
	const struct sip_ha1 *ha1;

	if (password)
		vty_out(vty, " auth user %s password %s%s", user, password, VTY_NEWLINE);
	llist_for_each_entry (ha1, sip_credentials_ha1s(auth), entry)
		vty_out(vty, " auth user %s ha1 %s %s %s%s", user, get_value_string(sip_ha1_alg_names, ha1->alg),
			ha1->hex, ha1->realm, VTY_NEWLINE);
}

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_auth *auth = NULL;
	const struct sip_reg *reg = NULL;
	struct sip_reg_info info;

	while ((auth = sip_credentials_next(peer, auth)))
		write_user(vty, auth);
	peer_flag_write(vty, &challenge, peer);
	while ((reg = sip_reg_next(peer, reg))) {
		sip_reg_get_info(reg, &info);
		vty_out(vty, " register %s", info.identity);
		if (info.auth_user)
			vty_out(vty, " as %s", info.auth_user);
		if (info.cfg_expires_s != SIP_REG_DEFAULT_EXPIRES_S)
			vty_out(vty, " expires %u", info.cfg_expires_s);
		vty_out(vty, "%s", VTY_NEWLINE);
	}
}

/* ---- show ---- */

/* "registered, 3571 s left; next in 3211 s", "failed, waiting: 403 Forbidden; next in 12 s" */
static const char *reg_words(const struct sip_reg_info *info)
{
	char *text = talloc_strdup(OTC_SELECT, get_value_string(sip_reg_state_names, info->state));

	if (info->why && info->last_status)
		text = talloc_asprintf_append(text, ": %u %s", info->last_status, info->why);
	else if (info->why)
		text = talloc_asprintf_append(text, ": %s", info->why);
	if (info->valid)
		text = talloc_asprintf_append(text, ", %u s left", info->left_s);
	if (info->next_s)
		text = talloc_asprintf_append(text, "; next in %u s", info->next_s);
	return text;
}

static void show_part(struct vty *vty, const struct sip_peer *peer)
{
	const struct sip_auth *auth = NULL;
	const struct sip_reg *reg = NULL;
	struct sip_reg_info info;

	while ((auth = sip_credentials_next(peer, auth)))
		vty_out(vty, "  User %s: %s%s", sip_credentials_user(auth), sip_credentials_state(auth), VTY_NEWLINE);
	if (peer->cfg.challenge)
		vty_out(vty, "  Its requests are challenged%s%s",
			sip_credentials_next(peer, NULL) ? "" : ": all are refused, there is no 'auth user'",
			VTY_NEWLINE);
	while ((reg = sip_reg_next(peer, reg))) {
		sip_reg_get_info(reg, &info);
		vty_out_wrapped(vty, talloc_asprintf(OTC_SELECT, "  Registration of %s: ", vty_fit(info.identity, 40)),
				reg_words(&info));
		if (info.service_route[0])
			vty_out(vty, "    Calls take the route %s%s", info.service_route, VTY_NEWLINE);
	}
}

#define REG_ROW "%-16s %-16s "

DEFUN(show_sip_registrations, show_sip_registrations_cmd, "show sip registrations",
      SHOW_STR "SIP user agent\nRegistrations with peers, one line each\n")
{
	const struct sip_peer *peer;
	bool any = false;

	llist_for_each_entry (peer, sip_ua_peers(vty_gw->ua), entry) {
		const struct sip_reg *reg = NULL;
		struct sip_reg_info info;
		while ((reg = sip_reg_next(peer, reg))) {
			if (!any)
				vty_out(vty, REG_ROW "State%s", "Peer", "Identity", VTY_NEWLINE);
			any = true;
			sip_reg_get_info(reg, &info);
			vty_out_wrapped(vty,
					talloc_asprintf(OTC_SELECT, REG_ROW, vty_fit(peer->name, 16),
							vty_fit(info.identity, 16)),
					reg_words(&info));
		}
	}
	if (!any)
		vty_out(vty, "No registration is configured ('sip-peer NAME' / 'register IDENTITY').%s", VTY_NEWLINE);
	return CMD_SUCCESS;
}

static void init_part(void)
{
	install_element_ve(&show_sip_registrations_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_auth_password_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_auth_ha1_cmd);
	install_element(SIP_PEER_NODE, &ha1_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_auth_cmd);
	peer_flag_init(&challenge);
	install_element(SIP_PEER_NODE, &cfg_peer_register_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_register_s_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_register_as_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_register_as_s_cmd);
	install_element(SIP_PEER_NODE, &register_expect.cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_register_cmd);
}

const struct sip_peer_vty_part sip_peer_vty_auth = { .init = init_part, .write = write_part, .show = show_part };
