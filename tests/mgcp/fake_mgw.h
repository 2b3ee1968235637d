/*! \file fake_mgw.h
 * A media gateway that does what osmo-mgw does as far as signalling goes, on a real socket, and tells what it is told. It can be deaf,
 * mute, stubborn, and be restarted. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/select.h>

#define FAKE_MGW_ENDPOINTS 64

struct fake_mgw {
	const char *ip;			/*!< also the address it receives RTP at */
	uint16_t port;
	struct osmo_fd ofd;
	struct sockaddr_storage ca;	/*!< who spoke to it last */
	socklen_t ca_len;

	/* how it behaves */
	bool quiet;			/*!< do not tell what comes in */
	bool tell_auep;
	unsigned int deaf;		/*!< do not hear so many commands */
	unsigned int mute;		/*!< do as told, but lose so many answers */
	unsigned int refuse;		/*!< answer the next refuse_n commands but AUEP with this code */
	unsigned int refuse_n;
	const char *format;		/*!< say this format instead of the one wanted: "0", "97 AMR/8000" */
	const char *raw_answer;		/*!< say this, with %u for the transaction id, to the next command but AUEP, and do nothing */
	bool hold_back;			/*!< do as told, but keep the answer until fake_mgw_let_go() */

	/* what it has */
	struct {
		char call_id[33];
		uint32_t conns[2];	/*!< 0: none */
	} endpoints[FAKE_MGW_ENDPOINTS];
	uint32_t next_conn;
	uint32_t next_port;
	char held[1024];
	unsigned int n_crcx, n_mdcx, n_dlcx, n_auep;
	uint32_t ids[256];		/*!< transaction ids seen, to say "again" */
};

void fake_mgw_start(struct fake_mgw *f, const char *ip);
void fake_mgw_stop(struct fake_mgw *f);		/*!< killed: nobody listens at its port, its endpoints are gone */
void fake_mgw_restart(struct fake_mgw *f);	/*!< started again, at the same port */
void fake_mgw_let_go(struct fake_mgw *f);
void fake_mgw_says(struct fake_mgw *f, const char *text);
unsigned int fake_mgw_conns(const struct fake_mgw *f);	/*!< number of connections that it has */
