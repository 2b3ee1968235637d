/*! \file fake_sip.h
 * A SIP phone or PBX as a test wants it: it speaks over a real UDP socket on loopback and does nothing but what it is told.
 *
 * Each message in and out is one line of the story: "pbx <- INVITE", "pbx -> 180 INVITE". A label is the method of a request, or status and
 * method of a response. Anything but the message expected ends the test. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fake_sip {
	char *name;		/*!< in the story */
	int fd;
	char addr[48];		/*!< its own */
	uint16_t port;
	char gw_addr[48];	/*!< the gateway's */
	uint16_t gw_port;
	char *msg;		/*!< the message received last, "" before the first */
	bool quiet;		/*!< tells no story */
	bool hasty;		/*!< what it says is not read before its next word */
};

/*! Its socket on \a addr:port, to talk to a gateway on gw_addr:gw_port. Ends the test if that does not work. */
struct fake_sip *fake_sip_open(void *ctx, const char *name, const char *addr, uint16_t port, const char *gw_addr, uint16_t gw_port);
void fake_sip_close(struct fake_sip *p);

bool fake_sip_receive(struct fake_sip *p);			/*!< pump(), then take the next message. False: there is none */
void fake_sip_expect(struct fake_sip *p, const char *label);	/*!< "BYE", "487 INVITE": it is the next message */
void fake_sip_expect_nothing(struct fake_sip *p);
void fake_sip_drain(struct fake_sip *p);			/*!< throw away what is there */

/* Of the message received last. */
const char *fake_sip_header(const struct fake_sip *p, const char *name); /*!< value of the first such header, NULL if none; good for some calls */
unsigned int fake_sip_n_headers(const struct fake_sip *p, const char *name);
const char *fake_sip_body(const struct fake_sip *p);		/*!< "" if none */
bool fake_sip_has(const struct fake_sip *p, const char *text);	/*!< anywhere */

void fake_sip_send(struct fake_sip *p, const char *text);	/*!< bytes as they are */
/*! Respond to \a request (NULL: the message received last). \a to_tag is added if To has none (NULL: it stays without), \a extra are
 * whole header lines or NULL, \a sdp is the body or NULL. */
void fake_sip_reply(struct fake_sip *p, const char *request, unsigned int status, const char *to_tag, const char *extra, const char *sdp);

/*! A call as one of its ends sees it. Members may be changed to misbehave. */
struct fake_call {
	struct fake_sip *p;
	char call_id[128], local[256], remote[256]; /*!< local, remote: values of From and To with tags, as we send them */
	char tag[32];
	char target[256];	/*!< Request-URI of what we send */
	char routes[512];	/*!< value of the Route header, "" for none */
	char extra_contact[128]; /*!< URI of our Contact, "": our address, "-": none */
	unsigned int cseq, invite_cseq;
	char branch[64];	/*!< of our last request; of the INVITE when one is open */
	char invite_branch[64];
	char *invite;		/*!< the INVITE that we got */
	bool rfc2543;		/*!< no tag, no branch, no Contact */
};

/* It is called: the message received last is the INVITE. */
void fake_call_in(struct fake_call *c, struct fake_sip *p, const char *tag);
void fake_call_reply(struct fake_call *c, unsigned int status, const char *extra, const char *sdp);

/* It calls. */
void fake_call_init(struct fake_call *c, struct fake_sip *p, const char *user);
void fake_call_invite(struct fake_call *c, const char *extra, const char *sdp); /*!< also a re-INVITE */
void fake_call_take(struct fake_call *c);	/*!< learn tag, target and route set from the response received last */
void fake_call_ack(struct fake_call *c, const char *sdp); /*!< ACK a 2xx to our INVITE */
void fake_call_ack_failure(struct fake_call *c); /*!< ACK a 3xx-6xx to our INVITE */
void fake_call_cancel(struct fake_call *c, const char *extra);

/* Both. */
void fake_call_request(struct fake_call *c, const char *method, const char *extra, const char *content_type, const char *body);
void fake_call_free(struct fake_call *c);
