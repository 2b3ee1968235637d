/* Who may read the configuration file stays as it was.
 *
 * "write file" of libosmovty makes a new file and everybody may read it, whatever it was before (0644, also against the
 * umask); there are passwords in it. So its mode is noted while the new one is being written, and set again at the end
 * of the turn, when the command is done. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <osmocom/core/timer.h>
#include <osmocom/vty/command.h>

#include <osmocom/sipgw/base/log.h>

#include "vty_internal.h"

static mode_t mode_before;

static void set_mode(void *data)
{
	const char *path = host_config_file();
	struct stat st;

	if (!path || stat(path, &st) < 0 || (st.st_mode & 0777 & ~mode_before) == 0)
		return;
	if (chmod(path, mode_before) < 0)
		LOGP(DMAIN, LOGL_ERROR, "everybody can read %s, passwords included: %s\n", path, strerror(errno));
}

/*! The configuration is being written, to the file or to a screen; perhaps again in the same turn, when the mode of
 * what is there now says nothing. */
void vty_keep_config_mode(void)
{
	static struct osmo_timer_list timer;
	const char *path = host_config_file();
	struct stat st;

	if (osmo_timer_pending(&timer) || !path || stat(path, &st) < 0)
		return;
	mode_before = st.st_mode & 0777;
	osmo_timer_setup(&timer, set_mode, NULL);
	osmo_timer_schedule(&timer, 0, 0);
}
