/* Every timer of the daemon: number, default and a sentence. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/sipgw/base/timers.h>

/* For anything shorter half a second is much. */
#define LAZY_MIN_MS 2000

struct osmo_tdef call_tdefs[] = {
	{ .T = T_CALL_ROUTING, .default_val = 10, .desc = "no route is found in time: cause 102" },
	{ .T = T_CALL_CALLING, .default_val = 90, .desc = "called side gives no sign of ringing or answer: cause 102" },
	/* below the 180 s after which osmo-msc clears a call by itself, so that the caller gets the proper cause */
	{ .T = T_CALL_ALERTING, .default_val = 170, .desc = "called side rings, nobody answers: cause 19" },
	{ .T = T_CALL_CONNECTING, .default_val = 45, .desc = "calling side does not confirm the answer: cause 102" },
	{ .T = T_CALL_RELEASING, .default_val = 90, .desc = "a leg does not end: the call is freed all the same" },
	/* above what the leg itself waits for: the radio assignment and the media gateway */
	{ .T = T_CALL_IDLE, .default_val = 60, .desc = "calling side does not complete its set-up: cause 102" },
	{}
};

struct osmo_tdef gsm_tdefs[] = {
	{ .T = T_GSM_MEDIA, .default_val = 30, .desc = "radio assignment: MNCC_RTP_CREATE with the MSC's address" },
	{ .T = T_GSM_PAGING, .default_val = 40, .desc = "paging: MNCC_CALL_CONF_IND after MNCC_SETUP_REQ" },
	{ .T = T_GSM_CONNECT_ACK, .default_val = 35, .desc = "MNCC_SETUP_COMPL_IND after MNCC_SETUP_RSP" },
	{ .T = T_GSM_RELEASE, .default_val = 65, .desc = "MNCC_REL_IND/_CNF after MNCC_DISC_REQ/_REL_REQ" },
	{ .T = T_GSM_MSC_GUARD,
	  .default_val = 60,
	  .desc = "pacify osmo-msc's guard timer in an active call this often" },
	{}
};

struct osmo_tdef mncc_tdefs[] = {
	{ .T = T_MNCC_RECONNECT,
	  .default_val = 500,
	  .unit = OSMO_TDEF_MS,
	  .desc = "first wait before connecting again" },
	{ .T = T_MNCC_RECONNECT_MAX,
	  .default_val = 8000,
	  .unit = OSMO_TDEF_MS,
	  .desc = "longest wait before connecting again" },
	{ .T = T_MNCC_HELLO, .default_val = 5000, .unit = OSMO_TDEF_MS, .desc = "wait for the MSC's HELLO" },
	{}
};

struct osmo_tdef mgcp_tdefs[] = {
	{ .T = T_MGCP_RTO,
	  .default_val = 500,
	  .unit = OSMO_TDEF_MS,
	  .desc = "first retransmission, nothing measured yet" },
	{ .T = T_MGCP_RTO_MAX, .default_val = 4000, .unit = OSMO_TDEF_MS, .desc = "longest retransmission interval" },
	{ .T = T_MGCP_MAX, .default_val = 12000, .unit = OSMO_TDEF_MS, .desc = "a command is given up (T-MAX)" },
	{ .T = T_MGCP_LONGTRAN,
	  .default_val = 5000,
	  .unit = OSMO_TDEF_MS,
	  .desc = "retransmission after a provisional response (LONGTRAN)" },
	{ .T = T_MGCP_HIST,
	  .default_val = 30000,
	  .unit = OSMO_TDEF_MS,
	  .desc = "memory for repeated commands and late responses (T-HIST)" },
	{ .T = T_MGCP_KEEPALIVE, .default_val = 10000, .unit = OSMO_TDEF_MS, .desc = "AUEP interval, gateway up" },
	{ .T = T_MGCP_PROBE, .default_val = 2000, .unit = OSMO_TDEF_MS, .desc = "AUEP interval, gateway down" },
	{ .T = T_MGCP_AUDIT,
	  .default_val = 60000,
	  .unit = OSMO_TDEF_MS,
	  .desc = "each endpoint in use is checked this often, 0: never" },
	{}
};

struct osmo_tdef sip_tdefs[] = {
	{ .T = T_SIP_T1,
	  .default_val = 500,
	  .unit = OSMO_TDEF_MS,
	  .desc = "T1: round trip estimate, first retransmission" },
	{ .T = T_SIP_T2, .default_val = 4000, .unit = OSMO_TDEF_MS, .desc = "T2: longest retransmission interval" },
	{ .T = T_SIP_T4,
	  .default_val = 5000,
	  .unit = OSMO_TDEF_MS,
	  .desc = "T4: longest life of a message (timers I, K)" },
	{ .T = T_SIP_B, .default_val = 32000, .unit = OSMO_TDEF_MS, .desc = "timer B: INVITE gets no response" },
	{ .T = T_SIP_C, .default_val = 181000, .unit = OSMO_TDEF_MS, .desc = "timer C: INVITE gets no final response" },
	{ .T = T_SIP_D,
	  .default_val = 32000,
	  .unit = OSMO_TDEF_MS,
	  .desc = "timer D: absorb repeated final responses" },
	{ .T = T_SIP_F, .default_val = 32000, .unit = OSMO_TDEF_MS, .desc = "timer F: request gets no response" },
	{ .T = T_SIP_H, .default_val = 32000, .unit = OSMO_TDEF_MS, .desc = "timer H: final response gets no ACK" },
	{ .T = T_SIP_J, .default_val = 32000, .unit = OSMO_TDEF_MS, .desc = "timer J: absorb repeated requests" },
	{ .T = T_SIP_L,
	  .default_val = 32000,
	  .unit = OSMO_TDEF_MS,
	  .desc = "timer L: absorb repeated INVITEs after a 2xx" },
	{ .T = T_SIP_M,
	  .default_val = 32000,
	  .unit = OSMO_TDEF_MS,
	  .desc = "timer M: take further 2xx of a forked INVITE" },
	{}
};

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

/*! The present value of a timer in ms, rounded up from whatever unit it is defined in. */
unsigned long timer_ms(struct osmo_tdef *tdefs, int T)
{
	return osmo_tdef_get(tdefs, T, OSMO_TDEF_MS, -1);
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
