/*! \file link_stage.h
 * The stage for stories about the link to the MSC: a real SEQPACKET socket under virtual time, a user who tells what he hears. The MSC's octets are
 * written by tests/lib/msc_wire, not by our own encoder. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/mncc/mncc_link.h>

#include "fake_time.h"
#include "msc_wire.h"
#include "story.h"

void stage_open(const char *name);
void stage_close(void); /*!< ends the test if anything is left */

/* the MSC's end */
extern char path[96];
extern int conn; /*!< -1: none */

int sock(int type);
void msc_listen(int type, bool really); /*!< really: else the socket is only there */
void msc_gone(void);
bool msc_accepts(void);
void msc_closes(void);
void msc_sends(const void *buf, size_t len);
void msc_hello_as(uint32_t version, uint32_t size);
void msc_says(uint32_t type, uint32_t callref);
unsigned int msc_hears(bool print); /*!< until there is no more; how many */

/* our end */
extern struct mncc_link *link_;
extern const struct mncc_call_ops call_ops;
extern bool take_calls;
extern struct mncc_call *to_attach;  /*!< for the next call taken */
extern struct mncc_call *detach_too; /*!< when a call goes down */
extern bool stop_on_rx;

void begin(void);    /*!< a link that is not started */
void begin_up(void); /*!< one that is up */
void end(void);
int tx(uint32_t type, uint32_t callref);
struct mncc_link_info info(void);
uint64_t ctr(enum mncc_link_ctr c);
void tell_state(void);
