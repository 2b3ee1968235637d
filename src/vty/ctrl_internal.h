/*! \file ctrl_internal.h
 * The CTRL interface from inside: the port and the traps (ctrl.c), the variables (ctrl_vars.c), those of calls (ctrl_calls.c). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>

#include <osmocom/ctrl/control_cmd.h>

struct health_finding;

/* ctrl_vars.c */
void ctrl_install_variables(void); /*!< with each handle: it has the lists */
/*! Answers to a command, for get and set to return. */
int ctrl_reply(struct ctrl_cmd *cmd, const char *text);
int ctrl_reply_uint(struct ctrl_cmd *cmd, unsigned int n);
int ctrl_refuse(struct ctrl_cmd *cmd, const char *why);
/*! What stands behind the first word of the variable and its dot; "" if nothing does. */
const char *ctrl_behind(const struct ctrl_cmd *cmd, const char *word);
/*! "NAME.what" in two, at the last dot. False if there is none. */
bool ctrl_split_last(const char *rest, char **name, const char **what);
/*! A finding as one line, and the name of its part as a variable: "mgw default" is mgw.default here. In OTC_SELECT. */
const char *ctrl_finding_str(const struct health_finding *f);
const char *ctrl_part_variable(const struct health_finding *f);

/* ctrl_calls.c */
int ctrl_get_calls(struct ctrl_cmd *cmd, void *data);
int ctrl_get_call(struct ctrl_cmd *cmd, void *data);
int ctrl_set_call(struct ctrl_cmd *cmd, void *data);
int ctrl_set_originate(struct ctrl_cmd *cmd, void *data);
