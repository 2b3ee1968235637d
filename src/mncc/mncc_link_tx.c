/* The link to the MSC: what is sent, and waits while the MSC does not read.
 *
 * A message goes behind those that wait, and all of them to the socket at the end of the turn of the main loop: each
 * message by itself would wake up the MSC, which costs more than to write ten. A full socket delays, it never costs the
 * link. While many wait no new call is begun, since each would only add to them; messages of calls that are there
 * always find room. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include "config.h" /* sendmmsg() */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include "mncc_internal.h"

/* The kernel takes some 50 messages before a socket is full. So many more come together within a tenth of a second at
 * the highest rate of calls, which an MSC may well stand still without anything being wrong; at an ordinary rate they
 * stand for many seconds. */
#define TXQ_LONG 2048
#define TX_BATCH 16 /* messages per system call */
/* Beyond this the MSC does not read at all: not even what belongs to a call may pile up without an end. */
#define TXQ_PER_CALL 16
#define TXQ_BASE     8192

/* A message that waits. The zeros at its end are left out: most of a message is zero. */
struct tx_item {
	struct llist_head entry;
	uint16_t size;	 /* on the wire */
	uint16_t stored; /* octets in data */
	bool delayed;	 /* counted: the socket was full */
	uint8_t data[];
};

/* The socket gave an error other than "full". Whoever is sending now may be in the middle of anything, so the calls
 * hear of it later. */
static void broken(struct mncc_link *link, int err)
{
	link->broken = true;
	snprintf(link->last_error, sizeof(link->last_error), "cannot send: %s", strerror(err));
	osmo_timer_schedule(&link->timer, 0, 0);
}

static struct tx_item *first_item(struct mncc_link *link)
{
	return llist_first_entry_or_null(&link->txq, struct tx_item, entry);
}

/* How many octets there are without the zeros at the end, rounded up: there are some 1500 of them. */
static size_t without_zeros(const uint8_t *buf, size_t size)
{
	static const uint8_t zeros[64];

	while (size >= sizeof(zeros) && !memcmp(buf + size - sizeof(zeros), zeros, sizeof(zeros)))
		size -= sizeof(zeros);
	return size;
}

static void enqueue(struct mncc_link *link, const uint8_t *buf, size_t size)
{
	size_t stored = without_zeros(buf, size);
	struct tx_item *item;

	item = talloc_size(link, sizeof(*item) + stored);
	OSMO_ASSERT(item);
	item->size = size;
	item->stored = stored;
	item->delayed = false;
	memcpy(item->data, buf, stored);
	llist_add_tail(&item->entry, &link->txq);
	link->txq_len++;
}

static void dequeue(struct mncc_link *link, struct tx_item *item)
{
	llist_del(&item->entry);
	talloc_free(item);
	link->txq_len--;
}

/* One system call takes several messages. How many were sent, or negative errno. */
static int send_batch(struct mncc_link *link)
{
	static const uint8_t zeros[MNCC_TX_MAX];
	struct mmsghdr msgs[TX_BATCH] = {};
	struct iovec iov[TX_BATCH][2];
	struct tx_item *item;
	unsigned int n = 0;
	int rc;

	llist_for_each_entry (item, &link->txq, entry) {
		iov[n][0] = (struct iovec){ .iov_base = item->data, .iov_len = item->stored };
		iov[n][1] = (struct iovec){ .iov_base = (void *)zeros, .iov_len = item->size - item->stored };
		msgs[n].msg_hdr.msg_iov = iov[n];
		msgs[n].msg_hdr.msg_iovlen = 2;
		if (++n == TX_BATCH)
			break;
	}
	rc = sendmmsg(link->ofd.fd, msgs, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return rc < 0 ? -errno : rc;
}

/* The socket is full: go on when it is not. From the end of the queue back to those that are counted already. */
static void delay(struct mncc_link *link)
{
	struct tx_item *item;

	llist_for_each_entry_reverse(item, &link->txq, entry)
	{
		if (item->delayed)
			break;
		item->delayed = true;
		mncc_link_count(link, MNCC_CTR_TX_DELAYED);
	}
	link->txq_max_seen = OSMO_MAX(link->txq_max_seen, link->txq_len);
	osmo_fd_write_enable(&link->ofd);
}

/* True: go on with what is left in the queue. */
static bool not_sent(struct mncc_link *link, int err)
{
	struct tx_item *item = first_item(link);

	switch (err) {
	case EAGAIN:
	case EINTR:
	case ENOBUFS:
	case ENOMEM:
		delay(link);
		return false;
	case EMSGSIZE:
		LOG_LINK(link, LOGL_ERROR, "a message of %u octets does not fit the socket and is lost\n", item->size);
		dequeue(link, item);
		return true;
	default:
		broken(link, err);
		return false;
	}
}

/* Send what waits, as far as the socket takes it. */
void mncc_link_tx_flush(struct mncc_link *link)
{
	while (link->txq_len && !link->broken) {
		int i, n = send_batch(link);

		if (n < 0 && !not_sent(link, -n))
			return;
		for (i = 0; i < n; i++)
			dequeue(link, first_item(link));
	}
	osmo_fd_write_disable(&link->ofd);
}

/* The end of a turn of the main loop. */
static void tx_turn(void *data)
{
	struct mncc_link *link = data;

	if (link->ofd.fd >= 0)
		mncc_link_tx_flush(link);
}

void mncc_link_tx_init(struct mncc_link *link)
{
	INIT_LLIST_HEAD(&link->txq);
	link->tx_task = (struct turn_task){ .phase = TURN_SEND, .run = tx_turn, .data = link };
}

void mncc_link_tx_drop(struct mncc_link *link)
{
	struct tx_item *item;

	turn_cancel(&link->tx_task);
	while ((item = first_item(link)))
		dequeue(link, item);
}

static bool queue_has_room(const struct mncc_link *link, uint32_t type)
{
	if (link->txq_len < TXQ_LONG)
		return true;
	if (type == MNCC_MT_SETUP_REQ)
		return false;
	return link->txq_len < TXQ_BASE + TXQ_PER_CALL * link->n_calls;
}

int mncc_link_tx(struct mncc_link *link, const struct mncc_msg *msg)
{
	uint8_t buf[MNCC_TX_MAX];
	int size;

	if (!mncc_link_is_up(link))
		return -ENOTCONN;
	if (!queue_has_room(link, msg->type)) {
		mncc_link_count(link, MNCC_CTR_TX_REFUSED);
		return -ENOBUFS;
	}
	size = mncc_msg_encode(buf, sizeof(buf), link->layout, msg);
	if (size < 0)
		return size;
	LOG_LINK(link, LOGL_DEBUG, "to MSC: %s\n", mncc_link_msg_str(msg));
	enqueue(link, buf, size);
	if (link->ofd.when & OSMO_FD_WRITE)
		delay(link);
	else
		turn_later(&link->tx_task);
	mncc_link_count(link, MNCC_CTR_TX);
	mncc_link_trace(WIRE_TX, buf, size);
	return 0;
}

/* Is there room for the messages of one call more? */
bool mncc_link_tx_has_room(const struct mncc_link *link)
{
	return link->txq_len < TXQ_LONG;
}
