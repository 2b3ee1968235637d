/* Every timer of the daemon: number, default and a sentence. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/timers.h>

/* For anything shorter half a second is much. */
#define LAZY_MIN_MS 2000

#define DAY_MS 86400000 /* times are added and doubled in 32 bits */

#define MS_FROM(NUMBER, MIN, VALUE, DESC) \
	{ .T = NUMBER, .min_val = MIN, .max_val = DAY_MS, .default_val = VALUE, .unit = OSMO_TDEF_MS, .desc = DESC }
/* what happens once */
#define MS(NUMBER, VALUE, DESC) MS_FROM(NUMBER, 1, VALUE, DESC)
#define MS_OR_OFF(NUMBER, VALUE, DESC) MS_FROM(NUMBER, 0, VALUE, DESC)
/* The interval of something that is done again and again: below these it would be a flood. */
#define FIRST_INTERVAL(NUMBER, VALUE, DESC) MS_FROM(NUMBER, 10, VALUE, DESC)
#define INTERVAL(NUMBER, VALUE, DESC) MS_FROM(NUMBER, 100, VALUE, DESC)
#define RECONNECT_INTERVAL(NUMBER, VALUE, DESC) MS_FROM(NUMBER, 50, VALUE, DESC)
#define SECONDS(NUMBER, VALUE, DESC) { .T = NUMBER, .min_val = 1, .default_val = VALUE, .desc = DESC }

/* clang-format off */
struct osmo_tdef call_tdefs[] = {
	SECONDS(T_CALL_ROUTING, 10, "no route is found in time: cause 102"),
	SECONDS(T_CALL_CALLING, 90, "called side gives no sign of ringing or answer: cause 102"),
	/* below the 180 s after which osmo-msc clears a call by itself, so that the caller gets the proper cause */
	SECONDS(T_CALL_ALERTING, 170, "called side rings, nobody answers: cause 19"),
	SECONDS(T_CALL_CONNECTING, 45, "calling side does not confirm the answer: cause 102"),
	SECONDS(T_CALL_RELEASING, 90, "a leg does not end: the call is freed all the same"),
	/* above what the leg itself waits for: the radio assignment and the media gateway */
	SECONDS(T_CALL_IDLE, 60, "calling side does not complete its set-up: cause 102"),
	{}
};

struct osmo_tdef gsm_tdefs[] = {
	SECONDS(T_GSM_MEDIA, 30, "radio assignment: MNCC_RTP_CREATE with the MSC's address"),
	SECONDS(T_GSM_PAGING, 40, "paging: MNCC_CALL_CONF_IND after MNCC_SETUP_REQ"),
	SECONDS(T_GSM_CONNECT_ACK, 35, "MNCC_SETUP_COMPL_IND after MNCC_SETUP_RSP"),
	SECONDS(T_GSM_RELEASE, 65, "MNCC_REL_IND/_CNF after MNCC_DISC_REQ/_REL_REQ"),
	SECONDS(T_GSM_MSC_GUARD, 60, "pacify osmo-msc's guard timer in an active call this often"),
	SECONDS(T_GSM_DTMF, 5, "nobody says whether a key can be delivered: rejected"),
	{}
};

struct osmo_tdef mncc_tdefs[] = {
	RECONNECT_INTERVAL(T_MNCC_RECONNECT, 500, "first wait before connecting again"),
	RECONNECT_INTERVAL(T_MNCC_RECONNECT_MAX, 8000, "longest wait before connecting again"),
	MS(T_MNCC_HELLO, 5000, "wait for the MSC's HELLO"),
	{}
};

struct osmo_tdef mgcp_tdefs[] = {
	FIRST_INTERVAL(T_MGCP_RTO, 500, "first retransmission, nothing measured yet"),
	FIRST_INTERVAL(T_MGCP_RTO_MAX, 4000, "longest retransmission interval"),
	MS(T_MGCP_MAX, 12000, "a command is given up (T-MAX)"),
	INTERVAL(T_MGCP_LONGTRAN, 5000, "retransmission after a provisional response (LONGTRAN)"),
	MS(T_MGCP_HIST, 30000, "memory for repeated commands and late responses (T-HIST)"),
	INTERVAL(T_MGCP_KEEPALIVE, 10000, "AUEP interval, gateway up"),
	INTERVAL(T_MGCP_PROBE, 2000, "AUEP interval, gateway down"),
	MS_OR_OFF(T_MGCP_AUDIT, 60000, "each endpoint in use is checked this often, 0: never"),
	{}
};

struct osmo_tdef sip_tdefs[] = {
	FIRST_INTERVAL(T_SIP_T1, 500, "T1: round trip estimate, first retransmission"),
	INTERVAL(T_SIP_T2, 4000, "T2: longest retransmission interval"),
	INTERVAL(T_SIP_T4, 5000, "T4: longest life of a message (timers I, K)"),
	MS(T_SIP_B, 32000, "timer B: INVITE gets no response"),
	MS(T_SIP_C, 181000, "timer C: INVITE gets no final response"),
	MS(T_SIP_D, 32000, "timer D: absorb repeated final responses"),
	MS(T_SIP_F, 32000, "timer F: request gets no response"),
	MS(T_SIP_H, 32000, "timer H: final response gets no ACK"),
	MS(T_SIP_J, 32000, "timer J: absorb repeated requests"),
	MS(T_SIP_L, 32000, "timer L: absorb repeated INVITEs after a 2xx"),
	MS(T_SIP_M, 32000, "timer M: take further 2xx of a forked INVITE"),
	INTERVAL(T_SIP_DNS_MIN, 10000, "addresses from DNS are good for this long at least"),
	INTERVAL(T_SIP_DNS_MAX, 3600000, "addresses from DNS are good for this long at most"),
	INTERVAL(T_SIP_DNS_RETRY, 2000, "first wait after a DNS look-up that failed"),
	INTERVAL(T_SIP_DNS_RETRY_MAX, 60000, "longest wait after a DNS look-up that failed"),
	MS(T_SIP_NEXT, 4000, "INVITE gets no response: next address or peer, if any"),
	MS(T_SIP_OPTIONS, 4000, "OPTIONS gets no response: a failure"),
	INTERVAL(T_SIP_PROBE, 5000, "OPTIONS interval, address of a peer down or in doubt"),
	INTERVAL(T_SIP_DOWN, 30000, "address down: a call may try again (options-interval 0)"),
	MS(T_SIP_NAME, 4000, "request in a call waits for DNS: then to where the call came from"),
	MS(T_SIP_TP_OPEN, 4000, "connection not open, or TLS handshake not done: failed"),
	MS(T_SIP_TP_HALF, 20000, "half a message, or none on a new connection: closed"),
	MS(T_SIP_TP_IDLE, 900000, "connection not used: closed"),
	MS_OR_OFF(T_SIP_TP_PING, 30000, "keep-alive on connections of ours, 0: none"),
	MS(T_SIP_TP_PONG, 10000, "no answer to a keep-alive: closed"),
	MS(T_SIP_TP_STUCK, 10000, "nothing is taken of what we send: closed"),
	INTERVAL(T_SIP_NONCE, 60000, "life of a nonce that we challenge with"),
	INTERVAL(T_SIP_REG_RETRY, 5000, "first wait after a REGISTER that failed"),
	INTERVAL(T_SIP_REG_RETRY_MAX, 300000, "longest wait after a REGISTER that failed"),
	{}
};

/* clang-format on */

struct osmo_tdef_group sipgw_tdef_groups[] = { { .name = "call", .desc = "Calls", .tdefs = call_tdefs },
					       { .name = "gsm", .desc = "GSM legs", .tdefs = gsm_tdefs },
					       { .name = "mncc", .desc = "MNCC link to the MSC", .tdefs = mncc_tdefs },
					       { .name = "mgcp", .desc = "MGCP call agent", .tdefs = mgcp_tdefs },
					       { .name = "sip", .desc = "SIP transactions", .tdefs = sip_tdefs },
					       {} };

/*! Set every timer to its default. Once, before the configuration is read. */
void timers_init(void)
{
	struct osmo_tdef_group *g;

	for (g = sipgw_tdef_groups; g->tdefs; g++)
		osmo_tdefs_reset(g->tdefs);
}

/*! The present value of a timer in ms, whatever unit it is defined in; never below its minimum, so that whoever counts
 * on with it comes to an end. */
unsigned long timer_ms(struct osmo_tdef *tdefs, int T)
{
	const struct osmo_tdef *def = osmo_tdef_get_entry(tdefs, T);
	unsigned long val;

	OSMO_ASSERT(def);
	val = OSMO_MAX(def->val, def->min_val);
	return def->unit == OSMO_TDEF_MS ? val : val * 1000;
}

/*! Start, or start anew, a timer that fires after so many milliseconds (osmo_fsm rounds them with libosmocore 1.7.0).
 */
void timer_start_ms(struct osmo_timer_list *timer, unsigned long ms)
{
	osmo_timer_schedule(timer, ms / 1000, (ms % 1000) * 1000);
}

/*! Start, or start anew, a timer of which hundreds may run out each second and that nobody minds to be late: it fires
 * up to half a second later than \a ms, together with all others of that half second. The main loop wakes up a part of
 * a millisecond too early for each moment at which a timer is due, and spins until then; so there have to be few such
 * moments. */
void timer_start_lazy_ms(struct osmo_timer_list *timer, unsigned long ms)
{
	struct timeval *t = &timer->timeout;

	if (ms < LAZY_MIN_MS) {
		timer_start_ms(timer, ms);
		return;
	}
	osmo_timer_del(timer);
	osmo_gettimeofday(t, NULL);
	t->tv_usec += ms % 1000 * 1000;
	t->tv_sec += ms / 1000 + t->tv_usec / 1000000;
	t->tv_usec %= 1000000;
	/* up to the next half of a second, or the next whole one */
	*t = t->tv_usec > 500000 ? (struct timeval){ .tv_sec = t->tv_sec + 1 }
				 : (struct timeval){ .tv_sec = t->tv_sec, .tv_usec = t->tv_usec ? 500000 : 0 };
	osmo_timer_add(timer);
}

/*! Start, or start anew, a timer with the present value of \a T. */
void timer_start(struct osmo_timer_list *timer, struct osmo_tdef *tdefs, int T)
{
	timer_start_ms(timer, timer_ms(tdefs, T));
}
