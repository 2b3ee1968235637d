/* The link to the MSC: what is sent, and waits while the MSC does not read.
 *
 * A message goes to the socket at once, or behind those that wait, in order: a full socket delays, it never costs the
 * link. While many wait no new call is begun, since each would only add to them; messages of calls that are there
 * always find room. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

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
/* Beyond this the MSC does not read at all: not even what belongs to a call may pile up without an end. */
#define TXQ_PER_CALL 16
#define TXQ_BASE     8192

/* A message that waits. The zeros at its end are left out: most of a message is zero. */
struct tx_item {
	struct llist_head entry;
	uint16_t size;	 /* on the wire */
	uint16_t stored; /* octets in data */
	uint8_t data[];
};

/* The socket gave an error other than "full". Whoever is sending now may be in the middle of anything, so the calls
 * hear of it later. */
static void broken(struct mncc_link *link)
{
	link->broken = true;
	snprintf(link->last_error, sizeof(link->last_error), "cannot send: %s", strerror(errno));
	osmo_timer_schedule(&link->timer, 0, 0);
}

/* 1: sent, 0: the socket is full, negative: lost */
static int send_now(struct mncc_link *link, const uint8_t *buf, size_t len)
{
	ssize_t rc = send(link->ofd.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (rc >= 0)
		return 1;
	switch (errno) {
	case EAGAIN:
	case EINTR:
	case ENOBUFS:
	case ENOMEM:
		return 0;
	case EMSGSIZE:
		LOG_LINK(link, LOGL_ERROR, "a message of %zu octets does not fit the socket and is lost\n", len);
		return 1;
	default:
		broken(link);
		return -ENOTCONN;
	}
}

static void enqueue(struct mncc_link *link, const uint8_t *buf, size_t size)
{
	size_t stored = size;
	struct tx_item *item;

	while (stored > 0 && !buf[stored - 1])
		stored--;
	item = talloc_size(link, sizeof(*item) + stored);
	OSMO_ASSERT(item);
	item->size = size;
	item->stored = stored;
	memcpy(item->data, buf, stored);
	llist_add_tail(&item->entry, &link->txq);
	link->txq_len++;
	link->txq_max_seen = OSMO_MAX(link->txq_max_seen, link->txq_len);
	mncc_link_count(link, MNCC_CTR_TX_DELAYED);
	osmo_fd_write_enable(&link->ofd);
}

static struct tx_item *first_item(struct mncc_link *link)
{
	return llist_first_entry_or_null(&link->txq, struct tx_item, entry);
}

static void dequeue(struct mncc_link *link, struct tx_item *item)
{
	llist_del(&item->entry);
	talloc_free(item);
	link->txq_len--;
}

/* Send what waits, as far as the socket takes it. */
void mncc_link_tx_flush(struct mncc_link *link)
{
	uint8_t buf[MNCC_TX_MAX];
	struct tx_item *item;

	while ((item = first_item(link))) {
		memcpy(buf, item->data, item->stored);
		memset(buf + item->stored, 0, item->size - item->stored);
		if (send_now(link, buf, item->size) <= 0)
			return;
		dequeue(link, item);
	}
	osmo_fd_write_disable(&link->ofd);
}

void mncc_link_tx_drop(struct mncc_link *link)
{
	struct tx_item *item;

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
	int size, rc;

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
	rc = llist_empty(&link->txq) ? send_now(link, buf, size) : 0;
	if (rc < 0)
		return rc;
	if (rc == 0)
		enqueue(link, buf, size);
	mncc_link_count(link, MNCC_CTR_TX);
	mncc_link_trace(WIRE_TX, buf, size);
	return 0;
}

/* Is there room for the messages of one call more? */
bool mncc_link_tx_has_room(const struct mncc_link *link)
{
	return link->txq_len < TXQ_LONG;
}
