/*! \file sip_peer.h
 * The PBX as a scenario sees it: fake_sip.h with one call at a time and good manners.
 *
 * BYE, CANCEL and INFO are answered with 200 as soon as they are expected; repeated messages are not shown twice. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*! What a message says. Whatever is not named is not in it. */
struct sip_words {
	const char *to, *from;	/*!< user parts, INVITE that begins a call */
	const char *sdp;	/*!< whole; see SDP_FR and its like */
	const char *reason;	/*!< value of a Reason header */
	const char *headers;	/*!< more lines, each with its CRLF */
	const char *type, *body; /*!< INFO */
};

void sip_peer_start(void *ctx, const char *addr, const char *ua_addr); /*!< port 5060 on both */
void sip_peer_stop(void);
void sip_peer_is_silent(bool silent);	/*!< hears everything, answers nothing by itself */
void sip_peer_other_call(void);	/*!< there are two: go on with the other one */
void sip_peer_answers_info(unsigned int status);	/*!< 0: not at all; 200 as it begins */
void sip_peer_is_hasty(bool hasty);	/*!< what it says goes out, nobody has looked at it yet */

/*! "INVITE", "ACK", "BYE", ...: a request; "180", "200", ...: the response to the INVITE received last; "INFO 200": to the INFO received last */
void sip_peer_say(const char *what, const struct sip_words *words);
#define sip_peer_sends(WHAT, ...) sip_peer_say(WHAT, &(struct sip_words){ __VA_ARGS__ })

/*! The next message is this request or this status. */
void sip_peer_expects(const char *what);
void sip_peer_expects_nothing(void);
void sip_peer_hears(void);	/*!< print whatever came, and behave */
const char *sip_peer_heard_sdp(void);	/*!< of the message expected last, "" if none */
bool sip_peer_heard(const char *text);	/*!< does the message expected last contain this? */

#define SDP(ADDR, PORT, FORMATS, ATTRS) \
	"v=0\r\no=pbx 1 1 IN IP4 " ADDR "\r\ns=-\r\nc=IN IP4 " ADDR "\r\nt=0 0\r\nm=audio " PORT " RTP/AVP " FORMATS "\r\n" ATTRS
#define SDP_FR	 SDP("127.0.0.20", "27760", "3", "a=rtpmap:3 GSM/8000\r\na=sendrecv\r\n")
#define SDP_G711 SDP("127.0.0.20", "27760", "0 8", "a=sendrecv\r\n")
