/* VTY of TLS: our certificate, whom we trust, whether clients have to show a certificate (node "sip"); "sip tls
 * reload"; and what the certificate of a SIP peer has to be (node "sip-peer"). What a file holds is never shown. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <osmocom/core/talloc.h>
#include <osmocom/vty/misc.h>

#include <osmocom/sipgw/sip/sip_transport.h>
#include <osmocom/sipgw/ua/sip_peer.h>
#include <osmocom/sipgw/ua/sip_ua.h>

#include "sip_peer_set.h"
#include "vty_internal.h"

#define TLS_STR	    "TLS: certificates\n"
#define RELOAD_HINT "%% Counts from the next start on, or from 'sip tls reload' (or SIGHUP).%s"

static struct sip_transport_cfg *cfg(void)
{
	return sip_ua_transport_cfg(vty_gw->ua);
}

static void say_when(struct vty *vty)
{
	if (vty_gw->running)
		vty_out(vty, RELOAD_HINT, VTY_NEWLINE);
}

static int set_file(struct vty *vty, char **where, const char *path)
{
	if (access(path, R_OK) < 0)
		vty_out(vty, "%% Note: %s: %s%s", path, strerror(errno), VTY_NEWLINE);
	osmo_talloc_replace_string(vty_gw->ua, where, path);
	say_when(vty);
	return CMD_SUCCESS;
}

static int unset(struct vty *vty, char **where)
{
	TALLOC_FREE(*where);
	say_when(vty);
	return CMD_SUCCESS;
}

#define CERT_STR                                                                                                       \
	TLS_STR "Our certificate, followed by those between it and the authority (PEM); without: no connection is accepted\n"
#define KEY_STR TLS_STR "The private key of our certificate (PEM, default: in the certificate's file)\n"
#define CA_STR	TLS_STR "The authorities that we trust (PEM, default: those of the system)\n"

DEFUN(cfg_tls_cert, cfg_tls_cert_cmd, "tls certificate FILE", CERT_STR "Path\n")
{
	return set_file(vty, &cfg()->tls_cert, argv[0]);
}

DEFUN(cfg_no_tls_cert, cfg_no_tls_cert_cmd, "no tls certificate", NO_STR CERT_STR)
{
	return unset(vty, &cfg()->tls_cert);
}

DEFUN(cfg_tls_key, cfg_tls_key_cmd, "tls key FILE", KEY_STR "Path\n")
{
	return set_file(vty, &cfg()->tls_key, argv[0]);
}

DEFUN(cfg_no_tls_key, cfg_no_tls_key_cmd, "no tls key", NO_STR KEY_STR)
{
	return unset(vty, &cfg()->tls_key);
}

DEFUN(cfg_tls_ca, cfg_tls_ca_cmd, "tls ca FILE", CA_STR "Path\n")
{
	return set_file(vty, &cfg()->tls_ca, argv[0]);
}

DEFUN(cfg_no_tls_ca, cfg_no_tls_ca_cmd, "no tls ca", NO_STR CA_STR)
{
	return unset(vty, &cfg()->tls_ca);
}

#define VERIFY_STR TLS_STR "Who connects to us has to have a certificate that we trust\n"

DEFUN(cfg_tls_verify_client, cfg_tls_verify_client_cmd, "tls verify-client", VERIFY_STR)
{
	cfg()->tls_verify_client = true;
	say_when(vty);
	return CMD_SUCCESS;
}

DEFUN(cfg_no_tls_verify_client, cfg_no_tls_verify_client_cmd, "no tls verify-client", NO_STR VERIFY_STR)
{
	cfg()->tls_verify_client = false;
	say_when(vty);
	return CMD_SUCCESS;
}

void sip_tls_vty_write(struct vty *vty)
{
	if (cfg()->tls_cert)
		vty_out(vty, " tls certificate %s%s", cfg()->tls_cert, VTY_NEWLINE);
	if (cfg()->tls_key)
		vty_out(vty, " tls key %s%s", cfg()->tls_key, VTY_NEWLINE);
	if (cfg()->tls_ca)
		vty_out(vty, " tls ca %s%s", cfg()->tls_ca, VTY_NEWLINE);
	if (cfg()->tls_verify_client)
		vty_out(vty, " tls verify-client%s", VTY_NEWLINE);
}

DEFUN(sip_tls_reload, sip_tls_reload_cmd, "sip tls reload",
      "SIP user agent\n" TLS_STR "Read certificates and key again; connections go on as they are\n")
{
	const char *why = "";

	if (sip_ua_tls_reload(vty_gw->ua, &why) < 0) {
		vty_out(vty, "%% Nothing is changed:%s%% %s%s", VTY_NEWLINE, why, VTY_NEWLINE);
		return CMD_WARNING;
	}
	vty_out(vty, "Certificates are read%s", VTY_NEWLINE);
	return CMD_SUCCESS;
}

void sip_tls_vty_init(void)
{
	install_element(ENABLE_NODE, &sip_tls_reload_cmd);
	install_element(SIP_NODE, &cfg_tls_cert_cmd);
	install_element(SIP_NODE, &cfg_no_tls_cert_cmd);
	install_element(SIP_NODE, &cfg_tls_key_cmd);
	install_element(SIP_NODE, &cfg_no_tls_key_cmd);
	install_element(SIP_NODE, &cfg_tls_ca_cmd);
	install_element(SIP_NODE, &cfg_no_tls_ca_cmd);
	install_element(SIP_NODE, &cfg_tls_verify_client_cmd);
	install_element(SIP_NODE, &cfg_no_tls_verify_client_cmd);
}

/* ---- the part of a peer ---- */

#define TLS_NAME_STR "Name that the peer's certificate has to have\n"

DEFUN(cfg_peer_tls_name, cfg_peer_tls_name_cmd, "tls-name NAME", TLS_NAME_STR "Name (default: that of 'remote')\n")
{
	struct sip_peer *peer = vty->index;

	if (!vty_arg_is_name(vty, argv[0]))
		return CMD_WARNING;
	osmo_talloc_replace_string(peer, &peer->cfg.tls_name, argv[0]);
	return CMD_SUCCESS;
}

DEFUN(cfg_peer_no_tls_name, cfg_peer_no_tls_name_cmd, "no tls-name", NO_STR TLS_NAME_STR)
{
	struct sip_peer *peer = vty->index;

	TALLOC_FREE(peer->cfg.tls_name);
	return CMD_SUCCESS;
}

#define TLS_VERIFY_STR "Check the peer's certificate and its name (default)\n"

PEER_FLAG(tls_verify, tls_no_verify, true, "tls-verify", TLS_VERIFY_STR, TLS_VERIFY_STR);

static void write_part(struct vty *vty, const struct sip_peer *peer)
{
	if (peer->cfg.tls_name)
		vty_out(vty, " tls-name %s%s", peer->cfg.tls_name, VTY_NEWLINE);
	peer_flag_write(vty, &tls_verify, peer);
}

static void show_part(struct vty *vty, const struct sip_peer *peer)
{
	if (peer->cfg.transport != SIP_TP_TLS)
		return;
	if (peer->cfg.tls_no_verify)
		vty_out(vty, "  TLS: the certificate is not checked%s", VTY_NEWLINE);
	else
		vty_out(vty, "  TLS: the certificate has to be of %s%s",
			vty_fit(peer->cfg.tls_name ?: peer->cfg.remote_host ?: "-", 44), VTY_NEWLINE);
}

static void init_part(void)
{
	install_element(SIP_PEER_NODE, &cfg_peer_tls_name_cmd);
	install_element(SIP_PEER_NODE, &cfg_peer_no_tls_name_cmd);
	peer_flag_init(&tls_verify);
}

const struct sip_peer_vty_part sip_peer_vty_tls = { .init = init_part, .write = write_part, .show = show_part };
