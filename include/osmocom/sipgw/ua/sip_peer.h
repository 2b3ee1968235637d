/*! \file sip_peer.h
 * A SIP peer: the PBX, proxy or provider that calls go to and come from. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <osmocom/core/linuxlist.h>
#include <osmocom/core/rate_ctr.h>
#include <osmocom/core/stat_item.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>
#include <osmocom/core/socket.h>

#include <osmocom/sipgw/base/log_limit.h>

#include <osmocom/sipgw/base/log_limit.h>

struct sip_ua;
struct sip_lookup;
struct sip_target;

enum sip_peer_ctr {
	SIP_PEER_CTR_OUT, SIP_PEER_CTR_OUT_ANSWERED, SIP_PEER_CTR_OUT_FAILED, SIP_PEER_CTR_OUT_TIMEOUT, SIP_PEER_CTR_OUT_BUSY, SIP_PEER_CTR_OUT_REDIRECTED, SIP_PEER_CTR_OUT_4XX,
	SIP_PEER_CTR_OUT_5XX, SIP_PEER_CTR_OUT_6XX, SIP_PEER_CTR_REFUSED_BLOCKED, SIP_PEER_CTR_IN, SIP_PEER_CTR_IN_ANSWERED,
	SIP_PEER_CTR_IN_FAILED, SIP_PEER_CTR_REFUSED_CALLS, SIP_PEER_CTR_REFUSED_RATE,
	SIP_PEER_CTR_DTMF, SIP_PEER_CTR_DTMF_LOST,
	SIP_PEER_CTR_AUTH_REFUSED, SIP_PEER_CTR_AUTH_FAILED, SIP_PEER_CTR_AUTH_STALE, SIP_PEER_CTR_REG_OK, SIP_PEER_CTR_REG_FAILED,
	SIP_PEER_CTR_DOWN, SIP_PEER_CTR_TARGET_DOWN, SIP_PEER_CTR_OUT_NEXT, SIP_PEER_CTR_DNS_FAILED,
};

enum sip_peer_stat {
	SIP_PEER_STAT_CALLS,
};

enum sip_dtmf_mode {
	SIP_DTMF_INFO_RELAY,	/*!< INFO with application/dtmf-relay */
	SIP_DTMF_INFO,		/*!< INFO with application/dtmf */
	SIP_DTMF_NONE,
};

extern const struct value_string sip_dtmf_mode_names[];

/*! How the caller is named to the peer besides From. */
enum sip_identity_mode {
	SIP_IDENTITY_PAI,	/*!< P-Asserted-Identity (RFC 3325) */
	SIP_IDENTITY_PAI_TEL,	/*!< ... with a SIP URI and, of an international number, a tel URI (9.1) */
	SIP_IDENTITY_PPI,	/*!< P-Preferred-Identity */
	SIP_IDENTITY_RPID,	/*!< Remote-Party-ID */
	SIP_IDENTITY_FROM,	/*!< From alone */
};

/*! Where an INVITE says who is called: a provider may send all calls to the registered identity and say the number elsewhere. */
enum sip_called_from {
	SIP_CALLED_RURI,	/*!< Request-URI */
	SIP_CALLED_TO,		/*!< To */
	SIP_CALLED_PCPID,	/*!< P-Called-Party-ID (RFC 7315 4.2) */
};
extern const struct value_string sip_called_from_names[];

/*! Use of an extension with this peer. */
enum sip_use {
	SIP_USE_OFF,		/*!< never */
	SIP_USE_SUPPORTED,	/*!< if the other side wants it */
	SIP_USE_REQUIRED,	/*!< demanded */
};

extern const struct value_string sip_identity_mode_names[];
extern const struct value_string sip_use_names[];

#define SIP_PEER_MAX_CODECS 12
#define SIP_PEER_RING_WITHIN_S 20 /* ISUP waits for an address complete message as long (T7, ITU-T Q.764) */

/*! Set by the VTY, one file per part (src/vty/sip_peer_*_vty.c); effective for the next call. Strings are talloc children of the peer, NULL if not set. */
struct sip_peer_cfg {
	/* where it is (sip_peer.c, sip_resolve.c) */
	char *remote_host;	/*!< IP address or name; NULL: not configured yet */
	uint16_t remote_port;	/*!< 0: by SRV, or the transport's default (RFC 3263) */
	int transport;		/*!< enum sip_transport_id */
	char *domain;		/*!< host part of From, To and Request-URI; NULL: the addresses */
	/* health (sip_health.c) */
	uint16_t options_interval_s; /*!< OPTIONS keep-alive; 0: none */
	uint8_t ring_within_s;	/*!< INVITE gets 100 and nothing else for so long: next address or peer, if any; 0: wait for timer C */
	/* network (sip_tx.c) */
	char *local_addr;	/*!< which of our bound addresses to use; NULL: the first that fits */
	char *advertise_addr;	/*!< what to say in Via and Contact instead of our own address */
	uint16_t advertise_port; /*!< 0: as bound */
	bool nat;		/*!< requests in a dialog go where its messages really come from */
	/* TLS (sip_tls.c) */
	char *tls_name;		/*!< name that the certificate has to have; NULL: remote_host */
	bool tls_no_verify;
	/* who it is to us (sip_auth_server.c); who we are to it: sip_credentials.h, sip_reg.h */
	bool challenge;		/*!< demand digest authentication of its requests, by one of the same users and passwords */
	/* identity (sip_identity.c) */
	bool trusted;		/*!< RFC 3325: identities are believed, and told also when they are private */
	int identity;		/*!< enum sip_identity_mode */
	int called_from;	/*!< enum sip_called_from */
	bool emergency_urn;	/*!< emergency calls go to urn:service:sos (RFC 5031), not to a number */
	char *emergency_number;	/*!< ... to this one, NULL: as dialled */
	/* admission (sip_limit.c); 0: no limit */
	uint32_t max_calls;
	uint16_t max_calls_per_s;
	uint16_t max_calls_burst; /*!< that may come at once; 0: max_calls_per_s */
	/* dialog features (sip_session*.c) */
	int rel100;		/*!< enum sip_use: reliable provisional responses (RFC 3262) */
	int session_timer;	/*!< enum sip_use (RFC 4028) */
	uint32_t session_expires_s, min_se_s;
	bool refer;		/*!< accept blind transfers within the configured peers */
	/* calls (src/leg/) */
	int media_mode;		/*!< enum media_mode of the calls; default anchored */
	int dtmf;		/*!< enum sip_dtmf_mode */
	bool no_early_media;	/*!< ringing is told by a bare 180 */
	uint8_t codecs[SIP_PEER_MAX_CODECS]; /*!< enum sdp_codec_id in order of preference, 0 ends it; empty: all that the other side has */
};

struct sip_peer {
	struct llist_head entry;
	struct sip_ua *ua;
	char *name;
	struct sip_peer_cfg cfg;
	struct llist_head credentials;	/*!< sip_credentials.h */
	struct llist_head regs;		/*!< registrations: sip_reg.h */
	struct log_limit auth_limit;	/*!< lines about wrong passwords of the peer's */
	struct osmo_sockaddr remote;	/*!< the first of its addresses */
	bool usable;			/*!< has an address */
	struct osmo_sockaddr proven_at;	/*!< from where it last showed its certificate, perhaps another address than those configured */
	unsigned int serial;		/*!< order of configuration */
	unsigned int n_targets;
	struct sip_target *targets[16];	/*!< its addresses, in the order of preference (sip_target.h) */
	bool down;			/*!< none of them answers */
	bool blocked;			/*!< out of service by the operator: no new calls but emergency calls */
	/* the look-up of a name */
	char *looked_up;		/*!< what the addresses are of: "host port transport" */
	struct sip_lookup *lookup;	/*!< under way */
	struct osmo_timer_list resolve_timer; /*!< until the next one */
	unsigned long resolve_wait_ms;	/*!< that wait, after failures; 0: the last one was good */
	const char *resolve_why;	/*!< why the last one failed; static, NULL if it did not */
	unsigned int n_calls;
	uint16_t last_status;		/*!< last final response to an INVITE of ours, 0: none yet, 408 also for no response at all */
	struct rate_ctr_group *ctrs;
	struct osmo_stat_item_group *stats; /*!< by enum sip_peer_stat */
	/* sip_limit.c */
	uint64_t limit_ms;		/*!< when limit_tokens were counted, 0: never */
	uint32_t limit_tokens;		/*!< thousandths of calls */
	struct log_limit limit_log;
};

/*! Why there may be no further call. */
enum sip_limit {
	SIP_LIMIT_OK,
	SIP_LIMIT_TOTAL,	/*!< as many calls as there may be in all */
	SIP_LIMIT_CALLS,	/*!< max-calls of the peer are up */
	SIP_LIMIT_RATE,		/*!< too many in this second */
	SIP_LIMIT_BLOCKED,	/*!< the peer is out of service */
};
/*! May one more call with that peer begin? If so it counts (RFC 3261 says 503 if not). \a emergency: always. Counts and logs refusals. */
enum sip_limit sip_limit_take(struct sip_peer *peer, bool emergency);

enum sip_target_state {
	SIP_TARGET_UNKNOWN,	/*!< nothing was heard yet */
	SIP_TARGET_UP,
	SIP_TARGET_DOWN,
};

extern const struct value_string sip_target_state_names[];

/*! One address of a peer, for the operator. */
struct sip_target_info {
	const struct osmo_sockaddr *addr;
	uint16_t priority, weight;	/*!< of its SRV record */
	enum sip_target_state state;
	unsigned int busy_s;		/*!< it wants no calls for that long (503 with Retry-After), 0: it does */
	const char *why;		/*!< what was wrong last, NULL if nothing */
};

void sip_peer_get_target(const struct sip_peer *peer, unsigned int idx, struct sip_target_info *info); /*!< idx < n_targets */
bool sip_peer_is_host_name(const char *name);
/*! Has it an address that is worth a call: one that is not known to be dead, and did not ask for a pause? */
bool sip_peer_is_up(const struct sip_peer *peer);

void sip_peer_gauge_calls(struct sip_peer *peer); /*!< n_calls has changed */
struct sip_peer *sip_peer_alloc(struct sip_ua *ua, const char *name);
void sip_peer_free(struct sip_peer *peer);	/*!< sessions that use it go on */
int sip_peer_apply(struct sip_peer *peer);	/*!< configuration changed: finds the address (a name: later). 0, or -EINVAL: neither address nor name */
struct sip_peer *sip_peer_find(const struct sip_ua *ua, const char *name);
struct sip_peer *sip_peer_by_addr(const struct sip_ua *ua, const struct osmo_sockaddr *from); /*!< address and port, else address alone */
