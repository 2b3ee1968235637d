/*! \file stub_mgw.h
 * A media gateway for tests of the call agent: the dialect of osmo-mgw on a real socket, telling each command as it comes. It can be deaf,
 * mute, stubborn, and be restarted. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/select.h>

#define STUB_MGW_ENDPOINTS 64

struct stub_mgw {
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
	bool hold_back;			/*!< do as told, but keep the answer until stub_mgw_let_go() */

	/* what it has */
	struct {
		char call_id[33];
		uint32_t conns[2];	/*!< 0: none */
	} endpoints[STUB_MGW_ENDPOINTS];
	uint32_t next_conn;
	uint32_t next_port;
	char held[1024];
	unsigned int n_crcx, n_mdcx, n_dlcx, n_auep;
	uint32_t ids[256];		/*!< transaction ids seen, to say "again" */
};

void stub_mgw_start(struct stub_mgw *f, const char *ip);
void stub_mgw_stop(struct stub_mgw *f);		/*!< killed: nobody listens at its port, its endpoints are gone */
void stub_mgw_restart(struct stub_mgw *f);	/*!< started again, at the same port */
void stub_mgw_let_go(struct stub_mgw *f);
void stub_mgw_says(struct stub_mgw *f, const char *text);
unsigned int stub_mgw_conns(const struct stub_mgw *f);	/*!< number of connections that it has */
