/*! \file sipgw_vty.h
 * The VTY: configuration, and what the operator sees. Sets and shows what the modules have; decides nothing itself. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct sipgw;
struct vty_app_info;

extern struct vty_app_info sipgw_vty_info;

/*! Install all commands. After vty_init(), once. */
void sipgw_vty_init(struct sipgw *gw, void *ctx);
/*! Read the configuration and see whether it makes sense. 0, or negative errno with one line in \a why: file, line number, what is wrong. */
int sipgw_vty_read_config(struct sipgw *gw, const char *path, char *why, size_t len);
/*! Open the telnet port. 0, or negative errno with one line in \a why. */
int sipgw_vty_listen(struct sipgw *gw, void *ctx, char *why, size_t len);
/*! Open the CTRL port; when that cannot be, it is tried again. After sipgw_alloc(). */
void sipgw_ctrl_init(void); /*!< before anybody counts memory */
void sipgw_ctrl_listen(struct sipgw *gw);
void sipgw_ctrl_close(void); /*!< before sipgw_free() */
/*! Read and check a configuration and open nothing: each finding is a line on stdout, at the end "PATH: ok" if there is no error. Returns whether so. */
bool sipgw_vty_check_config(struct sipgw *gw, const char *path);
