/* What a gateway's return codes mean to us.
 *
 * The meanings are those of RFC 3435 2.4 and RFC 3661; where osmo-mgw uses a code in a way of its own, the line says
 * so. A code that is not listed is taken by its hundred (RFC 3435 2.4). */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <osmocom/core/utils.h>

#include <osmocom/sipgw/mgcp/mgcp_code.h>

/* short names, so that a line of the table is a line */
#define FAIL  MGCP_ADVICE_FAIL
#define AGAIN MGCP_ADVICE_AGAIN
#define OTHER MGCP_ADVICE_OTHER
#define LOST  MGCP_ADVICE_LOST

/* clang-format off */
/* Sorted by code. Causes: 34 no circuit, 38 network out of order, 41 temporary failure, 42 congestion, 47 resource unavailable,
 * 65 bearer capability not implemented, 88 incompatible destination, 111 protocol error. */
static const struct mgcp_code codes[] = {
	{ 200, FAIL,  FAIL,  41, "OK" },
	{ 250, FAIL,  FAIL,  41, "connection deleted" },
	/* osmo-mgw: MDCX to an endpoint without connections, as after its restart */
	{ 400, AGAIN, LOST,  41, "transient error" },
	{ 401, OTHER, FAIL,  41, "already off hook" },
	{ 402, OTHER, FAIL,  41, "already on hook" },
	/* osmo-mgw: no free endpoint */
	{ 403, OTHER, AGAIN, 34, "not enough resources at this time" },
	{ 404, OTHER, AGAIN, 47, "not enough bandwidth at this time" },
	{ 405, OTHER, LOST,  41, "endpoint is restarting" },
	{ 406, AGAIN, AGAIN, 41, "transaction timed out" },
	{ 407, AGAIN, AGAIN, 41, "transaction aborted" },
	{ 409, AGAIN, AGAIN, 42, "overloaded" },
	{ 410, OTHER, FAIL,  34, "no endpoint available" },
	/* osmo-mgw: also an endpoint domain that is not its own */
	{ 500, OTHER, LOST,  41, "endpoint unknown (does the domain fit the gateway's?)" },
	{ 501, OTHER, LOST,  41, "endpoint not ready or out of service" },
	{ 502, OTHER, FAIL,  47, "not enough resources" },
	{ 503, FAIL,  FAIL, 111, "wildcard too complicated" },
	{ 504, OTHER, FAIL, 111, "unknown or unsupported command" },
	{ 505, FAIL,  FAIL,  88, "unsupported remote connection descriptor" },
	{ 506, FAIL,  FAIL,  88, "local options and remote descriptor do not fit together" },
	{ 507, OTHER, FAIL,  41, "unsupported functionality" },
	{ 509, FAIL,  FAIL, 111, "error in remote connection descriptor" },
	{ 510, FAIL,  FAIL, 111, "protocol error" },
	{ 511, OTHER, FAIL, 111, "unrecognized extension" },
	/* osmo-mgw: DLCX to an endpoint without connections */
	{ 515, AGAIN, LOST,  41, "incorrect connection id" },
	{ 516, AGAIN, LOST,  41, "unknown or incorrect call id" },
	{ 517, OTHER, FAIL,  65, "unsupported mode" },
	{ 518, OTHER, FAIL,  41, "unsupported package" },
	{ 520, OTHER, LOST,  41, "endpoint is restarting" },
	{ 521, OTHER, LOST,  41, "endpoint belongs to another call agent" },
	{ 524, FAIL,  FAIL, 111, "inconsistent local connection options" },
	{ 525, OTHER, FAIL,  65, "unknown extension in local connection options" },
	{ 526, OTHER, FAIL,  47, "not enough bandwidth" },
	{ 527, FAIL,  FAIL,  88, "missing remote connection descriptor" },
	{ 528, OTHER, FAIL, 111, "incompatible protocol version" },
	{ 529, OTHER, LOST,  38, "internal hardware failure" },
	{ 532, OTHER, FAIL,  65, "unsupported value in local connection options" },
	{ 533, FAIL,  FAIL, 111, "response too large" },
	{ 534, OTHER, FAIL,  88, "codec negotiation failed" },
	{ 535, OTHER, FAIL,  88, "unsupported packetization period" },
	{ 536, FAIL,  FAIL, 111, "unsupported restart method" },
	{ 539, OTHER, FAIL, 111, "invalid or unsupported command parameter" },
	/* osmo-mgw: two connections are its limit; a third one means that somebody else has the endpoint */
	{ 540, OTHER, OTHER, 34, "too many connections on the endpoint" },
	{ 541, OTHER, FAIL,  65, "invalid or unsupported local connection option" },
};

static const struct mgcp_code default_4xx = { 0, AGAIN, AGAIN, 41, "transient error" };
static const struct mgcp_code default_5xx = { 0, OTHER, FAIL,  41, "permanent error" };
static const struct mgcp_code default_8xx = { 0, FAIL,  FAIL,  41, "error of a package" };
static const struct mgcp_code default_any = { 0, FAIL,  FAIL, 111, "unknown return code" };
/* clang-format on */

/*! What a return code means; never NULL. */
const struct mgcp_code *mgcp_code_get(uint16_t code)
{
	unsigned int lo = 0, hi = ARRAY_SIZE(codes);

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		if (codes[mid].code == code)
			return &codes[mid];
		if (codes[mid].code < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	switch (code / 100) {
	case 4:
		return &default_4xx;
	case 5:
		return &default_5xx;
	case 8:
		return &default_8xx;
	default:
		return &default_any;
	}
}
