/* See sip_peer_set.h. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/linuxlist.h>

#include "sip_peer_set.h"

static bool *flag_of(const struct peer_flag *flag, struct sip_peer *peer)
{
	return (bool *)((char *)&peer->cfg + flag->at);
}

int peer_flag_on(struct cmd_element *self, struct vty *vty, int argc, const char *argv[])
{
	const struct peer_flag *flag = container_of(self, struct peer_flag, on);

	*flag_of(flag, vty->index) = !flag->inverted;
	return CMD_SUCCESS;
}

int peer_flag_off(struct cmd_element *self, struct vty *vty, int argc, const char *argv[])
{
	const struct peer_flag *flag = container_of(self, struct peer_flag, off);

	*flag_of(flag, vty->index) = flag->inverted;
	return CMD_SUCCESS;
}

void peer_flag_init(struct peer_flag *flag)
{
	install_element(SIP_PEER_NODE, &flag->on);
	install_element(SIP_PEER_NODE, &flag->off);
}

void peer_flag_write(struct vty *vty, const struct peer_flag *flag, const struct sip_peer *peer)
{
	if (*flag_of(flag, (struct sip_peer *)peer))
		vty_out(vty, " %s%s%s", flag->inverted ? "no " : "", flag->word, VTY_NEWLINE);
}

static int *choice_of(const struct peer_choice *choice, struct sip_peer *peer)
{
	return (int *)((char *)&peer->cfg + choice->at);
}

int peer_choice_func(struct cmd_element *self, struct vty *vty, int argc, const char *argv[])
{
	const struct peer_choice *choice = container_of(self, struct peer_choice, cmd);

	*choice_of(choice, vty->index) = get_string_value(choice->names, argv[0]);
	return CMD_SUCCESS;
}

void peer_choice_init(struct peer_choice *choice)
{
	install_element(SIP_PEER_NODE, &choice->cmd);
	install_element(SIP_PEER_NODE, &choice->wrong.cmd);
}

void peer_choice_write(struct vty *vty, const struct peer_choice *choice, const struct sip_peer *peer)
{
	int value = *choice_of(choice, (struct sip_peer *)peer);

	if (value != choice->usual)
		vty_out(vty, " %s %s%s", choice->word, get_value_string(choice->names, value), VTY_NEWLINE);
}
