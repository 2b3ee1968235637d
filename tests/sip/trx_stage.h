/*! \file trx_stage.h
 * The stage for stories about transactions: a wire that is only a list, virtual time, a user who tells what he hears, and one peer. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/sip/sip_ctr.h>
#include <osmocom/sipgw/sip/sip_trx.h>

#include "fake_time.h"
#include "story.h"

/* A transaction that has done its part goes with all others of that half second. */
#define LATE_MS 500

extern struct sip_trxs *trxs;
extern struct sip_trx *trx; /*!< the one under test; NULL when it is gone */

/* the wire */
extern struct sip_transport_ops fake_ops; /*!< to make it reliable for a while */
extern char last_sent[8192];
extern unsigned int n_sent;
extern int send_rc; /*!< what sending says */
extern bool quiet;  /*!< tell nothing of what comes and goes */

/*! What the user does inside his next callback of that kind, once; NULL: nothing. */
extern void (*in_response)(void);
extern void (*in_failed)(void);
extern void (*in_cancelled)(void);
extern void (*in_request)(void); /*!< instead of attaching */

extern char req_text[4096];    /*!< the last request of the peer */
extern char invite_text[4096]; /*!< its last INVITE */

void stage_open(const char *name);
void stage_close(void);		/*!< ends the test if anything is left */
void new_layer(void);		/*!< after sip_trxs_free_all() */
void begin(const char *what);	/*!< a chapter, from time 0 */
void end(void);			/*!< everything is over after so long, whatever it was */
void restart_clock(void);	/*!< of what is printed */
uint64_t ctr(enum sip_ctr i);

void send_request(const char *method);
void respond_as_peer(unsigned int status, const char *method, const char *to_tag);
/*! \a kind "old": as RFC 2543 has it, else "new"; \a extra: whole header lines. */
void request_as_peer(const char *method, const char *kind, const char *extra);
void invite_as_peer(const char *kind);
void receive(const char *text);
/*! Answer a request of the peer, whenever. What sip_trx_respond() said. */
int answer(const char *request, unsigned int status, const char *to_tag);
void show_sent(void); /*!< the last message sent, line by line; random tokens are masked */
