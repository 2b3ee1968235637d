/*! \file leg.h
 * The contract between a call and its legs.
 *
 * A leg tells the call what happened (an event), the call tells a leg what to do (a command). Both travel through the dispatch
 * queue, addressed by call id and side. A leg never knows the other leg, and the call knows no protocol.
 *
 * Rules that every leg kind keeps:
 *  - An event is complete when posted; nobody asks back.
 *  - RELEASED is posted exactly once and is the last event of a leg.
 *  - LEG_CMD_RELEASE may come twice and at any time, also before SETUP was answered, and also after RELEASED was posted.
 *  - After RELEASED the call frees the leg; what a protocol still has to finish then lives on in its own layer.
 *
 * Offer/answer: each media of kind OFFER that a leg posts is met by exactly one ANSWER or REFUSED command, and the other way round,
 * unless the call ends first. A leg has at most one offer of its own under way. When both sides offer at once, the call refuses the
 * later one, and it refuses an offer that does not fit its state: so a REFUSED may come from the call itself. The SETUP's sdp is an
 * offer; its answer comes with ALERTING, PROGRESS or ANSWERED (the first that carries one counts, later ones repeat it). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/call/cause.h>
#include <osmocom/sipgw/call/number.h>

struct osmo_sockaddr_str;
struct call;
struct leg;
struct dispatch;

/*! A is the leg that brought the call, B the one that the call was routed to. */
enum leg_side {
	LEG_A,
	LEG_B,
};

static inline enum leg_side leg_other_side(enum leg_side side)
{
	return side == LEG_A ? LEG_B : LEG_A;
}

/*! Where the RTP of a call goes. */
enum media_mode {
	MEDIA_ANCHORED,	/*!< through our media gateway */
	MEDIA_DIRECT,	/*!< addresses are passed through, no media gateway is used */
};

enum leg_media_kind {
	LEG_MEDIA_NONE,		/*!< nothing said about media */
	LEG_MEDIA_OFFER,	/*!< sdp is an offer that wants an answer */
	LEG_MEDIA_ANSWER,	/*!< sdp is the answer to the pending offer */
	LEG_MEDIA_ASK,		/*!< wants an offer from the other side (a re-INVITE without SDP) */
	LEG_MEDIA_REFUSED,	/*!< the pending offer or ask is refused: everything stays as it was */
	LEG_MEDIA_RETRY,	/*!< refused just now, since something else is under way: may be tried again soon */
	LEG_MEDIA_VOID,		/*!< the answer given last came too late, its offer had been taken back: everything stays as it was before */
};

/*! Media as legs talk about it: plain SDP. In a posted message sdp is copied; in a delivered one it is borrowed. */
struct leg_media {
	enum leg_media_kind kind;
	const char *sdp;	/*!< NULL unless OFFER or ANSWER */
	const struct cause *why; /*!< REFUSED: what was wrong with the offer; NULL: nothing to say. Copied like sdp */
};

/*! Why a call was passed on (RFC 5806 diversion-reason; 3GPP TS 24.008 10.5.4.21b). */
enum divert_reason {
	DIVERT_UNKNOWN,
	DIVERT_BUSY,
	DIVERT_NO_ANSWER,
	DIVERT_UNCONDITIONAL,
	DIVERT_NOT_REACHABLE,
	DIVERT_DEFLECTION,
};

/*! Who calls whom. */
struct call_parties {
	struct number called;
	struct number calling;
	struct number redirecting;
	char calling_name[64];	/*!< display name, UTF-8, "" if none */
	char imsi[16];		/*!< of the GSM subscriber, "" if not known */
	char imei[17];		/*!< of the GSM phone, "" if not known */
	char gcr[33];		/*!< Global Call Reference (3GPP TS 29.205) as hex digits, "" if none */
	char cell[24];		/*!< where the GSM phone is: cgi-3gpp of RFC 7315 5.4, "" if not known */
	uint8_t divert_reason;	/*!< enum divert_reason, why \a redirecting passed the call on */
	bool emergency;
};

enum leg_event_type {
	LEG_EV_SETUP,		/*!< a new call: first event of a leg on side A */
	LEG_EV_PROCEEDING,	/*!< the far side works on it (100 Trying, MNCC_CALL_CONF_IND) */
	LEG_EV_ALERTING,	/*!< the far phone rings; media: an answer if there is early media */
	LEG_EV_PROGRESS,	/*!< in-band audio before the answer; media: an answer */
	LEG_EV_ANSWERED,	/*!< the far side answered; media: the answer, unless it came before */
	LEG_EV_CONNECTED,	/*!< the side that was answered confirms (ACK, MNCC_SETUP_COMPL_IND) */
	LEG_EV_MEDIA,		/*!< media changed, or answer to a LEG_CMD_MEDIA, _HOLD, _RESUME */
	LEG_EV_HELD,		/*!< the party put the call on hold; media: OFFER or NONE */
	LEG_EV_RESUMED,		/*!< the party took it back; media: OFFER or NONE */
	LEG_EV_DTMF,		/*!< the party pressed or released a key; with start: met by one DTMF_RESULT, and released only if that accepts it */
	LEG_EV_DTMF_RESULT,	/*!< can the key of a LEG_CMD_DTMF with start be delivered? */
	LEG_EV_TRANSFER,	/*!< the party wants the other one to talk to somebody else; met by TRANSFER_RESULTs, the last of them final, unless the call ends */
	LEG_EV_RELEASED,	/*!< the leg has ended */
	_NUM_LEG_EVENTS
};

enum leg_cmd_type {
	LEG_CMD_SETUP,		/*!< first command to a leg on side B: call the party */
	LEG_CMD_PROCEED,	/*!< the call is being worked on */
	LEG_CMD_ALERT,		/*!< the far phone rings */
	LEG_CMD_PROGRESS,	/*!< in-band audio is there */
	LEG_CMD_ANSWER,		/*!< the far side answered */
	LEG_CMD_MEDIA,		/*!< media of the far side changed, or answer to a LEG_EV_MEDIA, _HELD, _RESUMED */
	LEG_CMD_HOLD,		/*!< the far side put the call on hold */
	LEG_CMD_RESUME,		/*!< the far side took it back */
	LEG_CMD_DTMF,		/*!< the far side pressed or released a key */
	LEG_CMD_DTMF_RESULT,	/*!< what became of the key of a LEG_EV_DTMF with start */
	LEG_CMD_TRANSFER_RESULT, /*!< what became of a LEG_EV_TRANSFER; when it was done RELEASE follows */
	LEG_CMD_RELEASE,	/*!< end */
	_NUM_LEG_CMDS
};

extern const struct value_string leg_event_names[];
extern const struct value_string leg_cmd_names[];
extern const struct value_string leg_media_kind_names[];
extern const struct value_string media_mode_names[];

struct leg_setup {
	const struct call_parties *parties; /*!< copied when posted */
	struct leg_media media;		/*!< the offer, or NONE (late offer) */
	enum media_mode media_mode;	/*!< how media of this call goes */
	bool refused;			/*!< event: route_look_ahead() said no, so the leg has prepared nothing and the call cannot go on */
	bool others;			/*!< command: other targets are left to try, so a way that is dead is to be given up soon */
};

struct leg_answered {
	struct leg_media media;
	struct number connected;	/*!< who answered, if known */
};

struct leg_dtmf {
	char key;		/*!< 0-9 * # A-D */
	bool start;		/*!< pressed; else released */
	uint16_t duration_ms;	/*!< with start: length if known beforehand; with release: how long it was; 0: not known */
	bool accepted;		/*!< DTMF_RESULT: it is, or will be, delivered */
};

/*! Who the other party is to talk to. */
struct leg_transfer {
	struct number number;	/*!< as the asking party dials it */
	char target[65];	/*!< at this target of the same kind; "": wherever the route leads */
};

struct leg_transfer_result {
	struct cause cause;	/*!< why not; 16 if it was done */
	bool done;
	bool provisional;	/*!< the new party rings: a further result follows */
};

/*! How a leg ended. */
struct leg_released {
	struct cause cause;
	bool way_failed;	/*!< the way to the party failed, not the party: another target may be tried (RFC 3263 4.3) */
	struct number redirect;	/*!< the party asks to call this number instead (a 3xx), given if so */
	char redirect_target[65]; /*!< at this target of the same kind; "": wherever the route leads */
};

/*! An event or a command: which one is said by where it stands. */
struct leg_event {
	enum leg_event_type type;
	union {
		struct leg_setup setup;		/*!< SETUP */
		struct leg_media media;		/*!< ALERTING, PROGRESS, MEDIA, HELD, RESUMED */
		struct leg_answered answered;	/*!< ANSWERED */
		struct leg_dtmf dtmf;		/*!< DTMF, DTMF_RESULT */
		struct leg_transfer transfer;	/*!< TRANSFER */
		struct leg_released released;	/*!< RELEASED */
	};
};

struct leg_cmd {
	enum leg_cmd_type type;
	union {
		struct leg_setup setup;		/*!< SETUP */
		struct leg_media media;		/*!< ALERT, PROGRESS, MEDIA, HOLD, RESUME */
		struct leg_answered answered;	/*!< ANSWER */
		struct leg_dtmf dtmf;		/*!< DTMF, DTMF_RESULT */
		struct leg_transfer_result transfer_result; /*!< TRANSFER_RESULT */
		struct cause cause;		/*!< RELEASE */
	};
};

/*! What a leg leaves for the record of its call. */
struct leg_record {
	char wire_id[96];	/*!< SIP: Call-ID; GSM: callref; as on the wire */
	char target[32];	/*!< the peer, "" if there are none of this kind */
	char codec[16];		/*!< name of the codec agreed upon on this leg, "" if none, or not known to it */
	char far_codec[16];	/*!< the one towards the other leg, if this leg decides about it */
	char endpoint[64];	/*!< at the media gateway, "" if none */
	char remote[64];	/*!< SIP: signalling address of the peer; "" if it has none */
	uint16_t sip_status;	/*!< SIP: final status of the INVITE, 0: none, or no SIP */
	uint64_t media_key;	/*!< key of its wire_media_stats, 0: none */
};

/*! A kind of leg. One object per kind and process, made by leg_kinds.c. */
struct leg_kind {
	const char *name;	/*!< "gsm", "sip" */

	/*! Make a leg on side B that is to call \a target (a peer's name; "" for kinds that have only one).
	 * The new leg's talloc parent is \a call. NULL when the target does not exist or cannot take calls now: then \a why is set. */
	struct leg *(*alloc)(const struct leg_kind *kind, struct call *call, const char *target, struct cause *why);
	/*! Do what \a cmd orders. Called by the dispatch queue from the bottom of the stack; \a cmd is borrowed. */
	void (*handle)(struct leg *leg, const struct leg_cmd *cmd);
	/*! Media mode that calls to and from \a target have; -ENOENT when there is no such target. */
	int (*media_mode)(const struct leg_kind *kind, const char *target);
	/*! Where \a target is, as far as is known: its media are likely to be near. False if not known; may be NULL. */
	bool (*near)(const struct leg_kind *kind, const char *target, struct osmo_sockaddr_str *addr);
	/*! Name of the target that a leg came from or goes to, for routes, rules and records; "" for kinds that have only one. Valid until the leg is freed. */
	const char *(*target)(const struct leg *leg);
	/*! Whom this leg itself calls, past the routes; false if the routes decide. May be NULL. */
	bool (*destination)(const struct leg *leg, const struct leg_kind **kind, const char **target);
	/*! What is to be remembered of a leg; may be NULL. \a rec comes zeroed. */
	void (*record)(const struct leg *leg, struct leg_record *rec);
	/*! One line for the operator: state, identifiers on the wire, media. Returns like snprintf. */
	int (*to_str_buf)(char *buf, size_t len, const struct leg *leg);

	void *priv;		/*!< what the kind needs to work, e.g. the MNCC link; set by leg_kinds.c */
};

/*! What each leg begins with. Concrete legs embed it as their first member; their talloc destructor detaches them from their
 * protocol without a further event. */
struct leg {
	const struct leg_kind *kind;
	struct dispatch *dispatch;
	uint32_t call_id;
	enum leg_side side;
	uint8_t serial;		/*!< of all legs that stood on this side of the call; given by the call */
	bool released;		/*!< RELEASED was posted */
};

/*! Tell the call what happened. Everything \a ev points to is copied. After RELEASED nothing is posted any more (an ERROR line says so). */
void leg_post(struct leg *leg, const struct leg_event *ev);
void leg_post_type(struct leg *leg, enum leg_event_type type);	/*!< an event that says nothing more (media: NONE) */
void leg_post_media(struct leg *leg, enum leg_event_type type, enum leg_media_kind kind, const char *sdp);
void leg_post_released(struct leg *leg, const struct cause *cause); /*!< the last one; \a cause is made valid if it is not */
void leg_post_ended(struct leg *leg, const struct leg_released *released); /*!< the same with all there is to say */

/*! What a message says about media; NULL for types that say nothing. */
const struct leg_media *leg_event_media(const struct leg_event *ev);
const struct leg_media *leg_cmd_media(const struct leg_cmd *cmd);
