/* The link to the MSC: messages in and out, and the calls on it.
 *
 * What is received is given to the call with its callref, found by hash. What is sent goes to the socket at once, or
 * waits in a queue, in order, while the MSC does not read: a full socket delays, it never costs the link. While the
 * queue is long no new call is begun, since each would only add to it; messages of calls that are there always find
 * place. When the link is lost the MSC forgets every call, and so each is told. Connecting is in mncc_link_fsm.c. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* recvmmsg() */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "mncc_internal.h"

#define DEFAULT_PATH "/tmp/msc_mncc"

/* Callrefs of MT calls: osmo-msc uses the values above for SMS and USSD, and looks all of them up in one list. */
#define MT_CALLREF_MAX 0x1fffffff

/* Messages taken per turn of the main loop, so that timers and other sockets get their turn too. */
#define RX_BATCH   16
#define RX_BATCHES 4

#define CAUSE_TEMP_FAILURE    41
#define CAUSE_CONGESTION      42
#define CAUSE_UNAVAILABLE     47
#define CAUSE_INVALID_CALLREF 81
#define CAUSE_INVALID_INFO    96
#define LOCATION_GATEWAY      2 /* public network serving the local user */

static const struct rate_ctr_desc ctr_desc[] = {
	[MNCC_CTR_RX] = { "rx", "Messages received from the MSC" },
	[MNCC_CTR_TX] = { "tx", "Messages sent to the MSC" },
	[MNCC_CTR_RX_MALFORMED] = { "rx:malformed",
				    "Messages from the MSC that were too short or had a string without an end" },
	[MNCC_CTR_RX_UNKNOWN_CALLREF] = { "rx:unknown_callref", "Messages from the MSC for a call that is not known" },
	[MNCC_CTR_TX_DELAYED] = { "tx:delayed", "Messages that had to wait because the MSC did not read fast enough" },
	[MNCC_CTR_TX_REFUSED] = { "tx:refused", "Messages not sent because too many were waiting" },
	[MNCC_CTR_CONNECTS] = { "connects", "Times the link to the MSC came up" },
	[MNCC_CTR_DISCONNECTS] = { "disconnects", "Times the link to the MSC was lost while it was up" },
	[MNCC_CTR_RX_DUPLICATE] = { "rx:duplicate_setup", "Call set-ups with the callref of a call that is there" },
	[MNCC_CTR_CALLS_REFUSED] = { "calls:refused",
				     "Calls of phones refused while stopping, overloaded or for want of resources" },
};

static const struct rate_ctr_group_desc ctr_group_desc = {
	.group_name_prefix = "mncc",
	.group_description = "Link to the MSC",
	.class_id = OSMO_STATS_CLASS_GLOBAL,
	.num_ctr = ARRAY_SIZE(ctr_desc),
	.ctr_desc = ctr_desc,
};

/* ---- for log and trace ---- */

void mncc_link_trace(enum wire_dir dir, const void *data, size_t len)
{
	struct wire_msg msg;
	uint32_t type;

	if (!wire_trace_hook)
		return;
	msg = (struct wire_msg){ .proto = WIRE_MNCC, .dir = dir, .data = data, .len = len };
	if (len >= sizeof(type)) {
		memcpy(&type, data, sizeof(type));
		msg.name = get_value_string_or_null(mncc_msg_type_names, type);
	}
	wire_trace(&msg);
}

/* Only for log lines: evaluated when the level is on. */
const char *mncc_link_msg_str(const struct mncc_msg *msg)
{
	static char buf[512];

	mncc_msg_to_str_buf(buf, sizeof(buf), msg);
	return buf;
}

/* ---- calls ---- */

static struct mncc_call *find_call(const struct mncc_link *link, uint32_t callref)
{
	struct mncc_call *mc;

	hash_for_each_possible (link->by_callref, mc, node, callref) {
		if (mc->callref == callref)
			return mc;
	}
	return NULL;
}

static uint32_t pick_callref(struct mncc_link *link)
{
	do {
		link->last_callref = link->last_callref % MT_CALLREF_MAX + 1;
	} while (find_call(link, link->last_callref));
	return link->last_callref;
}

int mncc_call_attach(struct mncc_call *mc, struct mncc_link *link, uint32_t callref, const struct mncc_call_ops *ops)
{
	if (!callref)
		callref = pick_callref(link);
	else if (find_call(link, callref))
		return -EEXIST;
	mc->link = link;
	mc->callref = callref;
	mc->ops = ops;
	hash_add(link->by_callref, &mc->node, callref);
	llist_add_tail(&mc->entry, &link->calls);
	link->n_calls++;
	return 0;
}

/*! Hear no more. Nothing happens if it is not attached. */
void mncc_call_detach(struct mncc_call *mc)
{
	if (!mc->link)
		return;
	hash_del(&mc->node);
	llist_del(&mc->entry);
	mc->link->n_calls--;
	mc->link = NULL;
}

/* Tell each call that the MSC has forgotten it. A callback may detach or free other calls, and attach new ones. */
void mncc_link_calls_down(struct mncc_link *link)
{
	struct mncc_call *mc;
	LLIST_HEAD(gone);

	llist_splice_init(&link->calls, &gone);
	while ((mc = llist_first_entry_or_null(&gone, struct mncc_call, entry))) {
		mncc_call_detach(mc);
		mc->ops->link_down(mc);
	}
}

/* ---- receive ---- */

static void tx_cause(struct mncc_link *link, enum mncc_msg_type type, uint32_t callref, uint8_t cause)
{
	const struct mncc_msg msg = {
		.type = type,
		.callref = callref,
		.fields = MNCC_FIELD_CAUSE,
		.cause = { .location = LOCATION_GATEWAY, .coding = 3, .value = cause },
	};

	mncc_link_tx(link, &msg);
}

/* REJ_REQ makes it a RELEASE COMPLETE to the phone (3GPP TS 24.008 5.2.1.1), and nothing comes back. */
static void refuse_call(struct mncc_link *link, uint32_t callref, uint8_t cause)
{
	mncc_link_count(link, MNCC_CTR_CALLS_REFUSED);
	tx_cause(link, MNCC_MT_REJ_REQ, callref, cause);
}

static void rx_setup_ind(struct mncc_link *link, const struct mncc_msg *msg)
{
	if (link->refusing) {
		LOG_LINK(link, LOGL_INFO, "callref 0x%x: call refused, we are stopping\n", msg->callref);
		refuse_call(link, msg->callref, CAUSE_TEMP_FAILURE);
	} else if (!mncc_link_accepts_calls(link) && !msg->emergency) {
		LOG_LINK(link, LOGL_INFO, "callref 0x%x: call refused, %u messages wait for the MSC\n", msg->callref,
			 link->txq_len);
		refuse_call(link, msg->callref, CAUSE_CONGESTION);
	} else if (!link->ops.setup_ind(link, msg, link->ops.data)) {
		LOG_LINK(link, LOGL_INFO, "callref 0x%x: call not taken\n", msg->callref);
		refuse_call(link, msg->callref, CAUSE_UNAVAILABLE);
	}
}

/* Does this message show that the MSC has a call that we have not? What it says when it is told of an unknown callref,
 * or when a call has ended, must not be answered: that would never end. Answers to RTP messages may come late, when the
 * call has just ended. */
static bool shows_a_call(uint32_t type)
{
	switch (type) {
	case MNCC_MT_SETUP_CNF:
	case MNCC_MT_SETUP_COMPL_IND:
	case MNCC_MT_CALL_CONF_IND:
	case MNCC_MT_ALERT_IND:
	case MNCC_MT_DISC_IND:
	case MNCC_MT_START_DTMF_IND:
	case MNCC_MT_MODIFY_IND:
	case MNCC_MT_HOLD_IND:
	case MNCC_MT_RETRIEVE_IND:
		return true;
	default:
		return false;
	}
}

static void rx_unknown(struct mncc_link *link, const struct mncc_msg *msg)
{
	/* the ordinary end of a call whose leg did not wait for it */
	if (msg->type == MNCC_MT_REL_CNF || msg->type == MNCC_MT_RTP_CREATE || msg->type == MNCC_MT_RTP_CONNECT) {
		LOG_LINK(link, LOGL_DEBUG, "%s for an unknown call is ignored\n", mncc_link_msg_str(msg));
		return;
	}
	mncc_link_count(link, MNCC_CTR_RX_UNKNOWN_CALLREF);
	LOG_LINK(link, LOGL_INFO, "%s for an unknown call\n", mncc_link_msg_str(msg));
	if (shows_a_call(msg->type))
		tx_cause(link, MNCC_MT_REL_REQ, msg->callref, CAUSE_INVALID_CALLREF);
}

static void rx_malformed(struct mncc_link *link, const uint8_t *buf, size_t len)
{
	const char *more = log_limit_pass(&link->malformed_limit);
	uint32_t head[2] = {};

	memcpy(head, buf, OSMO_MIN(len, sizeof(head)));
	mncc_link_count(link, MNCC_CTR_RX_MALFORMED);
	if (more)
		LOG_LINK(link, LOGL_NOTICE, "%s (0x%x) of %zu octets is malformed and dropped%s\n",
			 get_value_string(mncc_msg_type_names, head[0]), head[0], len, more);
	/* the phone would wait long for nothing */
	if (head[0] == MNCC_MT_SETUP_IND && len >= sizeof(head) && !find_call(link, head[1]))
		refuse_call(link, head[1], CAUSE_INVALID_INFO);
}

static void rx_duplicate(struct mncc_link *link, const struct mncc_msg *msg)
{
	const char *more = log_limit_pass(&link->duplicate_limit);

	mncc_link_count(link, MNCC_CTR_RX_DUPLICATE);
	if (more)
		LOG_LINK(link, LOGL_NOTICE, "%s, but there is such a call already: ignored%s\n", mncc_link_msg_str(msg),
			 more);
}

static void rx_msg(struct mncc_link *link, const uint8_t *buf, size_t len)
{
	struct mncc_call *mc;
	struct mncc_msg msg;

	if (mncc_msg_decode(&msg, link->layout, buf, len) < 0) {
		rx_malformed(link, buf, len);
		return;
	}
	LOG_LINK(link, LOGL_DEBUG, "from MSC: %s\n", mncc_link_msg_str(&msg));
	mc = find_call(link, msg.callref);
	if (msg.type == MNCC_MT_SETUP_IND && mc) {
		rx_duplicate(link, &msg);
	} else if (msg.type == MNCC_MT_SETUP_IND) {
		rx_setup_ind(link, &msg);
	} else if (mc) {
		mc->ops->rx(mc, &msg);
	} else {
		rx_unknown(link, &msg);
	}
}

static void rx_hello(struct mncc_link *link, const uint8_t *buf, size_t len)
{
	struct mncc_hello hello;

	if (mncc_hello_decode(&hello, buf, len) < 0)
		mncc_link_lost(link, MNCC_LINK_ERR_NOT_MNCC,
			       "the first message is no HELLO; is this the MNCC socket of an MSC?");
	else
		osmo_fsm_inst_dispatch(link->fi, MNCC_LINK_EV_RX_HELLO, &hello);
}

static void rx(struct mncc_link *link, const uint8_t *buf, size_t len)
{
	mncc_link_trace(WIRE_RX, buf, len);
	mncc_link_count(link, MNCC_CTR_RX);
	if (mncc_link_is_up(link))
		rx_msg(link, buf, len);
	else
		rx_hello(link, buf, len);
}

/* The MSC serves one client: it accepts a second one and closes at once, before any HELLO. */
static void eof(struct mncc_link *link)
{
	if (link->fi->state == MNCC_LINK_ST_HELLO)
		mncc_link_lost(link, MNCC_LINK_ERR_BUSY,
			       "the MSC closed the connection before its HELLO: another client is connected already");
	else
		mncc_link_lost(link, MNCC_LINK_ERR_LOST, "the MSC closed the connection");
}

static const char *why_errno(int err)
{
	static char buf[80];

	snprintf(buf, sizeof(buf), "cannot receive: %s", strerror(err));
	return buf;
}

/* One system call takes several messages. False: nothing more to be had. */
static bool rx_batch(struct mncc_link *link)
{
	static uint8_t bufs[RX_BATCH][MNCC_RX_MAX];
	struct mmsghdr msgs[RX_BATCH] = {};
	struct iovec iov[RX_BATCH];
	unsigned int generation = link->generation;
	int i, n;

	for (i = 0; i < RX_BATCH; i++) {
		iov[i] = (struct iovec){ .iov_base = bufs[i], .iov_len = MNCC_RX_MAX };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(link->ofd.fd, msgs, RX_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			mncc_link_lost(link, MNCC_LINK_ERR_LOST, why_errno(errno));
		return false;
	}
	for (i = 0; i < n; i++) {
		if (!msgs[i].msg_len) {
			eof(link);
			return false;
		}
		rx(link, bufs[i], msgs[i].msg_len);
		if (link->generation != generation) /* closed by a callback: what is left belongs to no one */
			return false;
	}
	return n == RX_BATCH;
}

int mncc_link_fd_cb(struct osmo_fd *ofd, unsigned int what)
{
	struct mncc_link *link = ofd->data;
	unsigned int i;

	if (what & OSMO_FD_WRITE)
		mncc_link_tx_flush(link);
	if (what & OSMO_FD_READ) {
		for (i = 0; i < RX_BATCHES && rx_batch(link); i++)
			;
	}
	return 0;
}

/* ---- the object ---- */

static unsigned int n_links; /* one in the daemon; an index of the counters each */

uint64_t mncc_link_now_ms(void)
{
	struct timespec ts;

	osmo_clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static void timer_cb(void *data)
{
	struct mncc_link *link = data;

	if (link->broken)
		mncc_link_lost(link, MNCC_LINK_ERR_LOST, link->last_error);
	else
		osmo_fsm_inst_dispatch(link->fi, MNCC_LINK_EV_TIMEOUT, NULL);
}

/* Calls that are attached still are let go without a word: their owner is ending as well. */
static int link_destructor(struct mncc_link *link)
{
	struct mncc_call *mc;

	while ((mc = llist_first_entry_or_null(&link->calls, struct mncc_call, entry)))
		mncc_call_detach(mc);
	link->ops = (struct mncc_link_ops){};
	mncc_link_stop(link);
	osmo_timer_del(&link->timer);
	osmo_fsm_inst_free(link->fi);
	rate_ctr_group_free(link->ctrs);
	n_links--;
	return 0;
}

/*! A link that is not started, with osmo-msc's usual path. \a ops is copied. Free with talloc_free(). */
struct mncc_link *mncc_link_alloc(void *ctx, const struct mncc_link_ops *ops)
{
	static bool registered;
	struct mncc_link *link;

	if (!registered)
		OSMO_ASSERT(osmo_fsm_register(&mncc_link_fsm) == 0);
	registered = true;
	link = talloc_zero(ctx, struct mncc_link);
	if (!link)
		return NULL;
	link->ops = *ops;
	link->ofd.fd = -1;
	link->since_ms = mncc_link_now_ms();
	link->path = talloc_strdup(link, DEFAULT_PATH);
	mncc_link_tx_init(link);
	INIT_LLIST_HEAD(&link->calls);
	hash_init(link->by_callref);
	osmo_timer_setup(&link->timer, timer_cb, link);
	link->ctrs = rate_ctr_group_alloc(link, &ctr_group_desc, n_links++);
	link->fi = osmo_fsm_inst_alloc(&mncc_link_fsm, link, link, LOGL_DEBUG, NULL);
	OSMO_ASSERT(link->ctrs && link->fi);
	talloc_set_destructor(link, link_destructor);
	return link;
}

void mncc_link_start(struct mncc_link *link)
{
	osmo_fsm_inst_dispatch(link->fi, MNCC_LINK_EV_START, NULL);
}

void mncc_link_stop(struct mncc_link *link)
{
	osmo_fsm_inst_dispatch(link->fi, MNCC_LINK_EV_STOP, NULL);
}

void mncc_link_refuse_calls(struct mncc_link *link, bool refuse)
{
	link->refusing = refuse;
}

void mncc_link_set_path(struct mncc_link *link, const char *path)
{
	if (!strcmp(link->path, path))
		return;
	talloc_free(link->path);
	link->path = talloc_strdup(link, path);
	if (!link->started)
		return;
	/* the operator said so: at once, without the wait that earlier failures have earned */
	mncc_link_stop(link);
	mncc_link_start(link);
}

const char *mncc_link_path(const struct mncc_link *link)
{
	return link->path;
}

bool mncc_link_is_up(const struct mncc_link *link)
{
	return link->fi->state == MNCC_LINK_ST_UP && !link->broken;
}

bool mncc_link_accepts_calls(const struct mncc_link *link)
{
	return mncc_link_is_up(link) && !link->refusing && mncc_link_tx_has_room(link);
}

const struct mncc_layout *mncc_link_layout(const struct mncc_link *link)
{
	return mncc_link_is_up(link) ? link->layout : NULL;
}

void mncc_link_get_info(const struct mncc_link *link, struct mncc_link_info *info)
{
	*info = (struct mncc_link_info){
		.state = link->fi->state,
		.path = link->path,
		.layout = mncc_link_layout(link),
		.n_calls = link->n_calls,
		.queue_len = link->txq_len,
		.queue_max_seen = link->txq_max_seen,
		.since_ms = mncc_link_now_ms() - link->since_ms,
		.last_error = link->last_error,
		.error = link->error,
		.error_is_past = link->error_is_past,
	};
}

struct rate_ctr_group *mncc_link_ctrs(const struct mncc_link *link)
{
	return link->ctrs;
}
