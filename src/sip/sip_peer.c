/* SIP peers: who calls go to, and the only ones whom calls are taken from.
 *
 * The configuration is what the VTY sets; sip_peer_apply() turns it into an address. Sessions hold on to their own
 * addresses, so that changing or removing a peer does not touch them. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>

#include <osmocom/core/stats.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>

#include "sip_internal.h"
#include "sip_request.h"

const struct value_string sip_dtmf_mode_names[] = {
	{ SIP_DTMF_INFO_RELAY, "info" }, { SIP_DTMF_INFO, "info-dtmf" }, { SIP_DTMF_NONE, "none" }, {}
};

static const struct rate_ctr_desc peer_ctr_desc[] = {
	[SIP_PEER_CTR_OUT] = { "out", "Calls to the peer" },
	[SIP_PEER_CTR_OUT_ANSWERED] = { "out:answered", "Calls to the peer that were answered" },
	[SIP_PEER_CTR_OUT_FAILED] = { "out:failed", "Calls to the peer that it refused or did not react to" },
	[SIP_PEER_CTR_OUT_TIMEOUT] = { "out:timeout", "Calls to the peer that got no response in time" },
	[SIP_PEER_CTR_IN] = { "in", "Calls from the peer" },
	[SIP_PEER_CTR_IN_ANSWERED] = { "in:answered", "Calls from the peer that were answered" },
	[SIP_PEER_CTR_IN_FAILED] = { "in:failed", "Calls from the peer that were refused" },
	[SIP_PEER_CTR_REFUSED_CALLS] = { "refused:calls", "Calls from and to the peer refused because max-calls were up" },
	[SIP_PEER_CTR_REFUSED_RATE] = { "refused:rate", "Calls from and to the peer refused by max-calls-per-second" },
	[SIP_PEER_CTR_DTMF] = { "dtmf", "Keys sent to the peer" },
	[SIP_PEER_CTR_DTMF_LOST] = { "dtmf:lost", "Keys that the peer did not take, or is not to get" },
};

static const struct rate_ctr_group_desc peer_ctrg_desc = {
	.group_name_prefix = "sip:peer",
	.group_description = "SIP peer",
	.class_id = OSMO_STATS_CLASS_SUBSCRIBER,
	.num_ctr = ARRAY_SIZE(peer_ctr_desc),
	.ctr_desc = peer_ctr_desc,
};

/*! A peer without address. NULL when out of memory. */
struct sip_peer *sip_peer_alloc(struct sip_ua *ua, const char *name)
{
	static unsigned int next_idx;
	struct sip_peer *peer = talloc_zero(ua, struct sip_peer);

	if (!peer)
		return NULL;
	*peer = (struct sip_peer){
		.ua = ua,
		.name = talloc_strdup(peer, name),
		.cfg = {
			.remote_port = 5060,
			.transport = SIP_TP_UDP,
			.dtmf = SIP_DTMF_INFO_RELAY,
			.rel100 = SIP_USE_SUPPORTED,
			.session_timer = SIP_USE_SUPPORTED,
			.session_expires_s = 1800,
			.min_se_s = 90,
		},
		.ctrs = rate_ctr_group_alloc(peer, &peer_ctrg_desc, next_idx++),
	};
	if (!peer->name || !peer->ctrs) {
		if (peer->ctrs)
			rate_ctr_group_free(peer->ctrs);
		talloc_free(peer);
		return NULL;
	}
	rate_ctr_group_set_name(peer->ctrs, name);
	llist_add_tail(&peer->entry, &ua->peers);
	return peer;
}

void sip_peer_free(struct sip_peer *peer)
{
	struct sip_session *s;

	llist_for_each_entry (s, &peer->ua->sessions, entry) {
		if (s->peer == peer)
			s->peer = NULL;
	}
	sip_request_forget_peer(peer->ua, peer);
	llist_del(&peer->entry);
	rate_ctr_group_free(peer->ctrs);
	talloc_free(peer);
}

int sip_peer_apply(struct sip_peer *peer)
{
	const struct sip_peer_cfg *cfg = &peer->cfg;

	peer->usable = false;
	peer->remote = (struct osmo_sockaddr){};
	if (!cfg->remote_host)
		return 0;
	if (inet_pton(AF_INET, cfg->remote_host, &peer->remote.u.sin.sin_addr) == 1)
		peer->remote.u.sin.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, cfg->remote_host, &peer->remote.u.sin6.sin6_addr) == 1)
		peer->remote.u.sin6.sin6_family = AF_INET6;
	else
		return -EINVAL;
	osmo_sockaddr_set_port(&peer->remote.u.sa, cfg->remote_port);
	peer->usable = cfg->remote_port != 0;
	return peer->usable ? 0 : -EINVAL;
}

/*! NULL if there is none of that name. */
struct sip_peer *sip_peer_find(const struct sip_ua *ua, const char *name)
{
	struct sip_peer *peer;

	llist_for_each_entry (peer, &ua->peers, entry) {
		if (strcmp(peer->name, name) == 0)
			return peer;
	}
	return NULL;
}

/*! Whose address it is. A PBX may send from another port than it listens on, so the port only decides between peers of
 * one address. NULL if it is nobody's. */
struct sip_peer *sip_peer_by_addr(const struct sip_ua *ua, const struct osmo_sockaddr *from)
{
	struct sip_peer *peer, *by_ip = NULL;

	llist_for_each_entry (peer, &ua->peers, entry) {
		if (!peer->usable || !sip_addr_equal(&peer->remote, from, false))
			continue;
		if (sip_addr_equal(&peer->remote, from, true))
			return peer;
		if (!by_ip)
			by_ip = peer;
	}
	return by_ip;
}
