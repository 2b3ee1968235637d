/*! \file test_leg_internal.h
 * What the test leg (test_leg.c) and its audio (test_rtp.c) share. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/select.h>
#include <osmocom/core/timer.h>

#include <osmocom/sipgw/leg/test_leg.h>
#include <osmocom/sipgw/sdp/sdp_codec.h>
#include <osmocom/sipgw/sdp/sdp_msg.h>

/*! An RTP socket (RFC 3550) that sends silence every 20 ms and counts what comes. */
struct test_rtp {
	struct osmo_fd ofd;
	struct osmo_timer_list timer;
	struct osmo_sockaddr_str local, remote;
	enum sdp_codec_id codec; /*!< UNKNOWN: nothing is sent */
	uint8_t pt;
	uint16_t seq;
	uint32_t ts, ssrc;
	uint32_t n_tx, n_rx;
};

/*! Bind at \a ip, any port. 0 or negative errno. */
int test_rtp_open(struct test_rtp *rtp, const char *ip);
void test_rtp_close(struct test_rtp *rtp);
/*! Offer or answer: everything that we can make silence of, at our address. */
void test_rtp_describe(const struct test_rtp *rtp, struct sdp_msg *sdp);
/*! Begin or change sending as the other side's \a sdp says. False if it has nothing that we can. */
bool test_rtp_connect(struct test_rtp *rtp, const struct sdp_msg *sdp);
