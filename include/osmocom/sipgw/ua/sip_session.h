/*! \file sip_session.h
 * An INVITE session (RFC 3261 13, 14, 15) in either role: what a SIP leg talks to.
 *
 * Everything protocol stays inside: forks, ACK, repeated 2xx, CANCEL against 200, BYE against BYE, glare, authentication later. A session outlives its
 * user until the protocol is done. Bodies are SDP text; nothing here looks into them. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sip_ua;
struct sip_peer;
struct sip_session;

/*! Who calls whom, as SIP has it. Strings are borrowed. */
struct sip_invite {
	const char *called_user;	/*!< user part of Request-URI and To, unescaped, no parameters; "" if none */
	const char *calling_user;	/*!< user part of From, unescaped; "": anonymous */
	const char *calling_name;	/*!< display name, "" if none */
	bool calling_anonymous;		/*!< From is (to be) anonymous@anonymous.invalid, or Privacy asks for it (RFC 3323): then users may be given */
	const char *sdp;		/*!< NULL: no offer in the INVITE */

	/* Identity (RFC 3325, 3323, 5806). Incoming: only if the peer is trusted, else NULL. Outgoing: what the caller knows; what of it is said and in
	 * which headers depends on the peer's settings. NULL or 0: not there. */
	const char *asserted_user, *asserted_name; /*!< P-Asserted-Identity, or Remote-Party-ID */
	const char *diverting_user;	/*!< Diversion: who passed the call on */
	bool diverting_private;		/*!< he does not want to be shown */
	uint8_t divert_reason;		/*!< index into sip_divert_reasons[] (sip_identity.c), same order as enum divert_reason */
	const char *gcr;		/*!< X-Global-Call-Ref */
	const char *access_info;	/*!< P-Access-Network-Info */
	const char *urn;		/*!< "urn:service:sos": becomes, or came as, the Request-URI */
	bool emergency;			/*!< exempt from every limit */
	bool others;			/*!< outgoing: other targets are left to try, a dead way is to be given up soon */
};

/*! What a callback is told. Strings are borrowed, NULL if not there. */
struct sip_session_info {
	uint16_t status;	/*!< of the response; ended(): the failure response or, without one, 0 for BYE and CANCEL, 408 time-out, 503 transport */
	uint8_t q850;		/*!< cause from a Reason header, 0 if none */
	const char *sdp;	/*!< body if it is application/sdp */
	bool is_offer;		/*!< provisional(), answered(): sdp is an offer, since our INVITE had none: answer it by sip_session_reply() */
	const char *text;	/*!< Warning text or reason phrase */
	const char *content_type, *body; /*!< info() */
	const char *connected_user, *connected_name; /*!< who is at the other end, as a trusted peer asserts it in a response or request */
	bool connected_private;	/*!< he wants to stay unknown: then without the two above */
	const char *refused_offer; /*!< ended() after a 488 or 606 to an INVITE of ours: the description in it */
	bool way_failed;	/*!< ended(): the way failed, not the called party; another target may be tried (RFC 3263 4.3) */
	const char *redirect_user; /*!< ended() after a 3xx: user part of the Contact to be called instead */
	struct sip_peer *redirect_peer; /*!< the configured peer that this Contact is at; NULL: none, then redirect_user is to be routed anew */
};

/*! Callbacks. They come from received messages and timers; sip_session_end() inside is allowed. */
struct sip_session_ops {
	void (*provisional)(struct sip_session *s, const struct sip_session_info *info, void *data); /*!< UAC: 1xx */
	void (*answered)(struct sip_session *s, const struct sip_session_info *info, void *data); /*!< UAC: first 2xx; the session sends the ACK */
	/*! UAS: our 2xx to the INVITE was ACKed; sdp: answer to a late offer. Either role: also told of a re-INVITE that came without SDP. */
	void (*acked)(struct sip_session *s, const struct sip_session_info *info, void *data);
	/*! The peer's re-INVITE; sdp NULL: it wants an offer. Reply by sip_session_reply(). A pure refresh (same SDP) is told too. */
	void (*reoffer)(struct sip_session *s, const struct sip_session_info *info, void *data);
	/*! The peer's re-INVITE is over without a reply from the user: status 487 it was cancelled, 500 it waited too long, 503 not to be reached.
	 * The session stays as before (RFC 3261 14.1). */
	void (*reoffer_gone)(struct sip_session *s, const struct sip_session_info *info, void *data);
	void (*reanswered)(struct sip_session *s, const struct sip_session_info *info, void *data); /*!< outcome of our re-INVITE: any final status */
	void (*info)(struct sip_session *s, const struct sip_session_info *info, void *data); /*!< INFO, answered with 200 already */
	void (*info_done)(struct sip_session *s, const struct sip_session_info *info, void *data); /*!< outcome of our INFO */
	/*! REFER, accepted already: the other party is to talk to redirect_user, at redirect_peer or wherever the routes lead. Met by sip_session_refer_result(). */
	void (*refer)(struct sip_session *s, const struct sip_session_info *info, void *data);
	void (*ended)(struct sip_session *s, const struct sip_session_info *info, void *data);	/*!< last callback; forget the session */
};

/*! Why we end it. */
struct sip_end {
	uint16_t status;	/*!< final response if that is what is due */
	uint8_t q850;		/*!< for the Reason header, 0: none */
	const char *text;	/*!< Warning text in a response, NULL: none */
	uint16_t warning;	/*!< and its code (RFC 3261 20.43), 0: 399 */
};

/*! UAC: call somebody at \a peer. NULL if no transport can reach it; otherwise failures are told by ended(), later. */
struct sip_session *sip_session_invite(struct sip_ua *ua, struct sip_peer *peer, const struct sip_invite *inv, const struct sip_session_ops *ops,
				       void *data);
/*! UAS: take over the session given by sip_ua_ops.incoming. */
void sip_session_set_user(struct sip_session *s, const struct sip_session_ops *ops, void *data);

int sip_session_provisional(struct sip_session *s, uint16_t status, const char *sdp);	/*!< UAS: 180, 183 */
int sip_session_answer(struct sip_session *s, const char *sdp);				/*!< UAS: 200 */
/*! UAS: who answers, told in 180, 183 and 200 as the peer's settings say (RFC 3325). Copied. */
void sip_session_set_connected(struct sip_session *s, const char *user, const char *name, bool private);
int sip_session_reply(struct sip_session *s, uint16_t status, const char *sdp);		/*!< to the pending reoffer(), or to an offer in a response */
int sip_session_refuse(struct sip_session *s, const struct sip_end *why);		/*!< the same with words */
/*! The outcome is told by reanswered(). -EAGAIN: a re-INVITE is pending either way, nothing is sent and told; -EINVAL: not confirmed, or no SDP. */
int sip_session_reinvite(struct sip_session *s, const char *sdp);
/*! Inside reoffer(): take back a re-INVITE of ours that is not on its way, but waits after a glare to be made again (RFC 3261 14.1). There will be no
 * reanswered(). False: there is none. */
bool sip_session_withdraw(struct sip_session *s);
int sip_session_info_send(struct sip_session *s, const char *content_type, const char *body);
/*! How the transfer goes on that refer() told of: 180, then a final status; told by NOTIFY. Nothing happens if there is none (any more). */
void sip_session_refer_result(struct sip_session *s, uint16_t status);
/*! End it from our side by what its state asks for (final response, CANCEL, BYE). No callback comes any more; \a s is gone for the user. */
void sip_session_end(struct sip_session *s, const struct sip_end *why);

struct sip_peer *sip_session_peer(const struct sip_session *s);	/*!< NULL when the peer was removed from the configuration */
const char *sip_session_peer_name(const struct sip_session *s);	/*!< its name, or that which it had; "" if it has none */
const char *sip_session_call_id(const struct sip_session *s);
int sip_session_remote_buf(char *buf, size_t len, const struct sip_session *s); /*!< "192.0.2.1:5060": where requests in it go. Like snprintf */
const char *sip_session_state_name(const struct sip_session *s);
