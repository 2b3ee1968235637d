/*! \file sip_name.h
 * Names that requests in a dialog go to: the host of a Contact, of a Record-Route (RFC 3261 12.2.1.1 and RFC 3263 4).
 *
 * A name is looked up once for all dialogs, and remembered as long as its records say. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/core/linuxlist.h>

#include <osmocom/sipgw/sip/sip_transport.h>

#define SIP_NEXT_NAME_LEN 280 /*!< buffer for sip_name_key(), with NUL */

struct sip_ua;

enum sip_name_state {
	SIP_NAME_LOOKING, /*!< not known yet: wait, or go without */
	SIP_NAME_KNOWN,
	SIP_NAME_UNKNOWN, /*!< it cannot be found: go without */
};

/*! Somebody who waits for a look-up. Unlinked when it is told, or by llist_del(). */
struct sip_name_wait {
	struct llist_head entry;
	void (*cb)(struct sip_name_wait *wait); /*!< ask again what became of it */
};

/*! How a name is kept in a dialog: "HOST PORT TRANSPORT", port 0: by SRV. 0 or -EMSGSIZE. */
int sip_name_key(char *buf, const char *host, uint16_t port, enum sip_transport_id transport);
/*! Where \a key leads: \a flow, which has to be where the dialog came from, is changed if that is known. An unknown name is looked up now. */
enum sip_name_state sip_name_find(struct sip_ua *ua, const char *key, struct sip_flow *flow);
/*! Be told when the look-up has ended, or has taken longer than anybody wants to wait. False: it is not under way. */
bool sip_name_wait(struct sip_ua *ua, const char *key, struct sip_name_wait *wait);
/*! Does anybody wait? */
bool sip_names_waited_for(const struct sip_ua *ua);
/*! The host name that led to this IP address; NULL: none did. Static memory. */
const char *sip_name_at(const struct sip_ua *ua, const struct osmo_sockaddr *addr);
/*! Forget all; who waits is told. */
void sip_names_drop(struct sip_ua *ua);
