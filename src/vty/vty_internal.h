/* What the files of src/vty/ share: the nodes, the root object, words for addresses and times, and how a wrong value is told. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <osmocom/vty/command.h>
#include <osmocom/vty/vty.h>

#include <osmocom/sipgw/sipgw.h>

/* Written to the configuration in this order: peers stand before who refers to them. */
enum sipgw_vty_node {
	MNCC_NODE = _LAST_OSMOVTY_NODE + 1,
	MGW_NODE,
	SIP_NODE,
	NUMBER_RULES_NODE,
	SIP_PEER_NODE,
	ROUTE_NODE,
	CALL_NODE,
	CDR_NODE,
	TRACE_NODE,
};

struct rate_ctr_group;

/* The one root object of the process. */
extern struct sipgw *vty_gw;

void mncc_vty_init(void);
void mgw_vty_init(void);
void sip_vty_init(void);
void sip_tls_vty_init(void);
void sip_peer_vty_init(void);
void call_vty_init(void);
void number_vty_init(void);
void number_vty_write_call(struct vty *vty);
void route_vty_init(void);
void route_show_vty_init(void);
void cdr_vty_init(void);
void trace_vty_init(void);
void health_vty_init(void);
void ctrl_vty_node_init(void *ctx);
int vty_read_config(FILE *file, unsigned int *line, char *why, size_t len);
int vty_try_to_bind(const char *addr, uint16_t port);
void test_call_vty_init(void);

struct call;
uint32_t test_call_make(const char *from, const char *to, const char *sdp_path, unsigned int talk_s, const char **why);
const char *test_call_end(struct call *call, const char *how);

struct sip_peer;

/* A part of what there is to set about a SIP peer, in node sip-peer: each in a file of its own, listed in sip_peer_vty.c. */
struct sip_peer_vty_part {
	void (*init)(void);	/* install its commands */
	void (*write)(struct vty *vty, const struct sip_peer *peer); /* configuration lines, indented by one, that differ from the defaults */
	void (*show)(struct vty *vty, const struct sip_peer *peer); /* lines of "show sip peer NAME", indented by two */
};

extern const struct sip_peer_vty_part sip_peer_vty_auth;
extern const struct sip_peer_vty_part sip_peer_vty_health;
extern const struct sip_peer_vty_part sip_peer_vty_identity;
extern const struct sip_peer_vty_part sip_peer_vty_media;
extern const struct sip_peer_vty_part sip_peer_vty_dialog;
extern const struct sip_peer_vty_part sip_peer_vty_numbers; /* number_vty.c */
extern const struct sip_peer_vty_part sip_peer_vty_tls;
extern const struct sip_peer_vty_part sip_peer_vty_network;

/* libosmovty answers a value that fits no command with "Unknown command". A command of this kind stands beside the real one, hidden, with a
 * plain VALUE in place of the last argument: it is taken only when the real one does not match, and says what would have been right. */
struct vty_expect {
	struct cmd_element cmd;
	const char *expected;
};

int vty_expect_func(struct cmd_element *self, struct vty *vty, int argc, const char *argv[]);

#define VTY_EXPECT(NAME, CMDSTR, DOC, EXPECTED) \
	static struct vty_expect NAME = { \
		.cmd = { .string = CMDSTR, .func = vty_expect_func, .doc = DOC, .attr = CMD_ATTR_HIDDEN }, \
		.expected = EXPECTED, \
	}

void sip_tls_vty_write(struct vty *vty);
void vty_keep_config_mode(void);
bool vty_arg_is_ip(struct vty *vty, const char *arg);
bool vty_arg_is_name(struct vty *vty, const char *arg);
void vty_only_at_start(struct vty *vty);
void vty_out_wrapped(struct vty *vty, const char *title, const char *text);
void vty_out_counters(struct vty *vty, struct rate_ctr_group *ctrs);

const char *vty_fit(const char *str, size_t width);
const char *vty_hostport(const char *addr, uint16_t port);
const char *vty_ago_ms(uint64_t ms);
uint64_t vty_ms_since(const struct timespec *then);
