/*! \file timers.h
 * Every timer of the daemon, in one place: the VTY shows and sets them by group and number.
 *
 * Numbers follow the standard where it gives one; ours are negative ("X timers" in Osmocom's VTY). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/tdef.h>
#include <osmocom/core/timer.h>

/*! Group "call" (seconds): how long a call may wait in each state. */
enum call_timer {
	T_CALL_ROUTING = -1,	/*!< ROUTING: leg A was told to proceed, no route was taken yet */
	T_CALL_CALLING = -2,	/*!< CALLING: leg B gave no sign of ringing or answer */
	T_CALL_ALERTING = -3,	/*!< ALERTING: nobody answers (3GPP T301) */
	T_CALL_CONNECTING = -4,	/*!< CONNECTING: leg A does not confirm the answer */
	T_CALL_RELEASING = -5,	/*!< RELEASING: a leg does not say that it is released */
	T_CALL_IDLE = -6,	/*!< IDLE: leg A does not come to its SETUP */
};

/*! Group "gsm" (seconds): what the GSM leg waits for. Each request to the MSC has one, since it drops what it dislikes. */
enum gsm_timer {
	T_GSM_MEDIA = -1,	/*!< MNCC_RTP_CREATE with an address: the radio assignment */
	T_GSM_PAGING = -2,	/*!< MNCC_CALL_CONF_IND after MNCC_SETUP_REQ */
	T_GSM_CONNECT_ACK = -3,	/*!< MNCC_SETUP_COMPL_IND after MNCC_SETUP_RSP (3GPP T313) */
	T_GSM_RELEASE = -4,	/*!< MNCC_REL_IND or _CNF after MNCC_DISC_REQ or _REL_REQ */
	T_GSM_MSC_GUARD = -5,	/*!< pacify the guard timer of osmo-msc <= 1.9 in an active call this often */
	T_GSM_DTMF = -6,	/*!< can a key be delivered? Below the 10 s for which the phone waits (T336) */
};

/*! Group "mncc": the link to the MSC. */
enum mncc_timer {
	T_MNCC_RECONNECT = -1,		/*!< ms: first wait before connecting again; doubles up to the next */
	T_MNCC_RECONNECT_MAX = -2,	/*!< ms */
	T_MNCC_HELLO = -3,		/*!< ms: wait for the MSC's HELLO after connect */
};

/*! Group "mgcp" (RFC 3435 4.3). */
enum mgcp_timer {
	T_MGCP_RTO = -1,	/*!< ms: retransmission time-out before anything was measured */
	T_MGCP_RTO_MAX = -2,	/*!< ms: bound of the exponential back-off */
	T_MGCP_MAX = -3,	/*!< ms: a command is given up this long after it was first sent (T-MAX) */
	T_MGCP_LONGTRAN = -4,	/*!< ms: retransmission interval after a provisional response (LONGTRAN-TIMER) */
	T_MGCP_HIST = -5,	/*!< ms: responses are kept for repetition, commands as zombies, this long (T-HIST) */
	T_MGCP_KEEPALIVE = -6,	/*!< ms: AUEP interval while the gateway is up */
	T_MGCP_PROBE = -7,	/*!< ms: AUEP interval while it is down */
	T_MGCP_AUDIT = -8,	/*!< ms: an endpoint in use is checked this long after it was last heard of; 0: never */
};

/*! Group "sip" (ms, RFC 3261 table 4, RFC 6026). */
enum sip_timer {
	T_SIP_T1 = -1,	/*!< round trip estimate, first retransmission */
	T_SIP_T2 = -2,	/*!< longest retransmission interval */
	T_SIP_T4 = -4,	/*!< longest life of a message in the network (timers I, K) */
	T_SIP_B = -11,	/*!< INVITE client transaction time-out */
	T_SIP_C = -12,	/*!< INVITE client: no final response after the last provisional one */
	T_SIP_D = -13,	/*!< INVITE client: absorb repeated 3xx-6xx */
	T_SIP_F = -14,	/*!< non-INVITE client transaction time-out */
	T_SIP_H = -15,	/*!< INVITE server: wait for the ACK (also of a 2xx) */
	T_SIP_J = -16,	/*!< non-INVITE server: absorb repeated requests */
	T_SIP_L = -17,	/*!< INVITE server: absorb repeated INVITEs after a 2xx (RFC 6026) */
	T_SIP_M = -18,	/*!< INVITE client: take further 2xx of a forked INVITE (RFC 6026) */
	T_SIP_DNS_MIN = -21,	/*!< an address from DNS is good for this long at least, whatever its TTL says */
	T_SIP_DNS_MAX = -22,	/*!< ... and at most */
	T_SIP_DNS_RETRY = -23,	/*!< first wait after a resolution that failed; doubles up to the next */
	T_SIP_DNS_RETRY_MAX = -24,
	T_SIP_NEXT = -25,	/*!< INVITE gets no response at all: try the next address or peer, if there is one */
	T_SIP_OPTIONS = -26,	/*!< OPTIONS gets no response: a failure */
	T_SIP_PROBE = -27,	/*!< OPTIONS interval while a peer's address is down or in doubt */
	T_SIP_DOWN = -28,	/*!< peers without options-interval: a call may try an address again this long after it went down */
	T_SIP_NAME = -29,	/*!< the next hop of a dialog is a name, and its look-up takes time (sip_name.c) */
	T_SIP_TP_OPEN = -31,	/*!< a connection is not open, or TLS not ready */
	T_SIP_TP_HALF = -32,	/*!< a message has begun and does not end; or none came on an accepted connection */
	T_SIP_TP_IDLE = -33,	/*!< nothing was said on a connection */
	T_SIP_TP_PING = -34,	/*!< CRLF keep-alive on connections of ours (RFC 5626 3.5.1); 0: none */
	T_SIP_TP_PONG = -35,	/*!< ... is not answered by who did before */
	T_SIP_TP_STUCK = -36,	/*!< the other side takes nothing of what waits */
	T_SIP_NONCE = -41,	/*!< life of a nonce of ours */
	T_SIP_REG_RETRY = -42,	/*!< first wait after a REGISTER that failed; doubles up to the next */
	T_SIP_REG_RETRY_MAX = -43,
};

extern struct osmo_tdef call_tdefs[];
extern struct osmo_tdef gsm_tdefs[];
extern struct osmo_tdef mncc_tdefs[];
extern struct osmo_tdef mgcp_tdefs[];
extern struct osmo_tdef sip_tdefs[];
extern struct osmo_tdef_group sipgw_tdef_groups[];

void timers_init(void);
void timer_start_ms(struct osmo_timer_list *timer, unsigned long ms);
void timer_start_lazy_ms(struct osmo_timer_list *timer, unsigned long ms);
unsigned long timer_ms(struct osmo_tdef *tdefs, int T);
void timer_start(struct osmo_timer_list *timer, struct osmo_tdef *tdefs, int T);
