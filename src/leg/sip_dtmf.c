/* Keys as bodies of INFO: application/dtmf-relay ("Signal=5", "Duration=160", each on a line) and application/dtmf
 * ("5"). Neither has a specification; this is what gateways and phones are seen to send and take. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sip_dtmf.h"

/* When nobody says how long a key was pressed: what others send */
#define USUAL_MS 160
#define MAX_MS	 60000

/* The value behind "NAME=" at the begin of a line, NULL if there is none */
static const char *param(const char *body, const char *name)
{
	size_t len = strlen(name);

	while (body) {
		body += strspn(body, " \t\r\n");
		if (!strncasecmp(body, name, len)) {
			const char *eq = body + len + strspn(body + len, " \t");
			if (*eq == '=')
				return eq + 1 + strspn(eq + 1, " \t");
		}
		body = strchr(body, '\n');
	}
	return NULL;
}

/*! Returns false if the body is of another type or has no key. */
bool sip_dtmf_parse(struct leg_dtmf *dtmf, const char *type, const char *body)
{
	bool relay = !strcmp(type, "application/dtmf-relay");
	const char *signal, *duration;
	long ms;

	if (!relay && strcmp(type, "application/dtmf"))
		return false;
	signal = param(body, "Signal");
	if (!signal && !relay)
		signal = body + strspn(body, " \t\r\n");
	if (!signal || !*signal || !strchr("0123456789*#ABCD", toupper((unsigned char)*signal)))
		return false;
	duration = param(body, "Duration");
	ms = duration ? strtol(duration, NULL, 10) : 0;
	*dtmf = (struct leg_dtmf){
		.key = toupper((unsigned char)*signal),
		.duration_ms = ms > 0 && ms < MAX_MS ? ms : USUAL_MS,
	};
	return true;
}

/*! The body of that type for a key that was released. */
void sip_dtmf_write(char buf[SIP_DTMF_BODY_LEN], const char *type, const struct leg_dtmf *dtmf)
{
	unsigned int ms = dtmf->duration_ms ? dtmf->duration_ms : USUAL_MS;

	if (!strcmp(type, "application/dtmf"))
		snprintf(buf, SIP_DTMF_BODY_LEN, "%c\r\n", dtmf->key);
	else
		snprintf(buf, SIP_DTMF_BODY_LEN, "Signal=%c\r\nDuration=%u\r\n", dtmf->key, ms);
}
