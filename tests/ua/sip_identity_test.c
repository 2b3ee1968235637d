/* Identities: what is believed of whom, what is told to whom, in which headers. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <string.h>

#include <osmocom/core/talloc.h>

#include "ua/ua_internal.h"
#include "session_story.h"

/* ---- from a peer ---- */

static void say(const char *what, const char *value)
{
	if (value)
		printf("    %s '%s'\n", what, value);
}

static void incoming(struct sip_session *s, struct sip_peer *peer, const struct sip_invite *inv, void *data)
{
	printf("  call for '%s' from '%s' \"%s\"%s\n", inv->called_user, inv->calling_user, inv->calling_name,
	       inv->calling_anonymous ? " anonymous" : "");
	say("asserted", inv->asserted_user);
	say("name", inv->asserted_name);
	say("passed on by", inv->diverting_user);
	if (inv->diverting_user)
		printf("    reason %u%s\n", inv->divert_reason, inv->diverting_private ? ", private" : "");
	say("call reference", inv->gcr);
	say("access", inv->access_info);
	sip_session_end(s, &(struct sip_end){ .status = 486, .q850 = 17 });
}

static void invited(const char *headers)
{
	const char *p;

	for (p = headers; *p; p = strchr(p, '\n') + 1)
		printf("  %.*s\n", (int)strcspn(p, "\r\n"), p);
	fake_call_init(&call, stage.pbx, "+4930999");
	if (stage.peer->cfg.called_from == SIP_CALLED_TO)
		snprintf(call.remote, sizeof(call.remote), "<sip:+4930777@pbx.example>");
	fake_call_invite(&call, headers, PBX_SDP);
	fake_sip_expect(stage.pbx, "100 INVITE");
	fake_sip_expect(stage.pbx, "486 INVITE");
	fake_call_ack_failure(&call);
	fake_call_free(&call);
}

static void called_by(const char *headers, int called_from)
{
	stage.peer->cfg.called_from = called_from;
	invited(headers);
}

static void test_read(void)
{
	static const char pai[] = "P-Asserted-Identity: \"Bob\" <sip:+491701234@pbx.example;user=phone>\r\n";
	static const char two[] = "P-Asserted-Identity: \"Bob\" <sip:bob@pbx.example>, <tel:+49-170-1234>\r\n";
	static const char lines[] = "P-Asserted-Identity: <tel:7042;phone-context=example.com>\r\n"
				    "P-Asserted-Identity: \"Bob, of course\" <sip:bob@pbx.example>\r\n";

	char too_long[400];

	stage.peer->cfg.trusted = false;
	btw("nobody whom we do not trust asserts anything");
	invited(pai);
	invited("Diversion: <sip:+49301@x>;reason=no-answer\r\nX-Global-Call-Ref: 03 aa\r\n");
	invited("Remote-Party-ID: <sip:+49301@x>;party=calling;privacy=off\r\n");
	btw("but he may ask for privacy");
	invited("Privacy: id;critical\r\n");

	btw("who is called: in the Request-URI, in To, in P-Called-Party-ID, in the Request-URI if it is not there");
	called_by("P-Called-Party-ID: \"x\" <tel:+49-30-55>\r\n", SIP_CALLED_RURI);
	called_by("P-Called-Party-ID: <sip:+493055@x>\r\n", SIP_CALLED_TO);
	called_by("P-Called-Party-ID: \"x\" <tel:+49-30-55>\r\n", SIP_CALLED_PCPID);
	called_by("P-Called-Party-ID: <sip:x>\r\n", SIP_CALLED_PCPID);
	called_by("P-Called-Party-ID: <<<\r\n", SIP_CALLED_PCPID);
	called_by("X: y\r\n", SIP_CALLED_PCPID);
	stage.peer->cfg.called_from = SIP_CALLED_RURI;

	stage.peer->cfg.trusted = true;
	btw("a trusted peer: a SIP URI, a SIP and a tel URI in one header and in two");
	invited(pai);
	invited(two);
	invited(lines);
	btw("with privacy");
	invited("P-Asserted-Identity: <sip:+491701234@x>\r\nPrivacy: user; id\r\n");
	btw("Remote-Party-ID: of the calling party, private or not; a P-Asserted-Identity comes first");
	invited("Remote-Party-ID: \"Eve\" <sip:1@x>;party=called\r\n"
		"Remote-Party-ID: \"Bob\" <sip:+4917055@x>;party=calling;screen=yes;privacy=off\r\n");
	invited("Remote-Party-ID: \"Bob\" <sip:+4917055@x>;privacy=\"full\"\r\n");
	invited("Remote-Party-ID: <sip:+4917055@x>\r\nP-Asserted-Identity: <sip:+4917066@x>\r\n");
	btw("passed on: the first Diversion is the last one who did it");
	invited("Diversion: \"D\" <sip:+49301@x;user=phone>;reason=no-answer;counter=2;privacy=off, "
		"<tel:+49302>;reason=user-busy\r\n");
	invited("Diversion: <tel:+49-30-2>;privacy=full;reason=\"user-busy\"\r\n");
	invited("Diversion: <sip:+49301@x>;reason=out-of-service\r\n");
	invited("Diversion: <sip:+49301@x>;reason=whatever\r\n");
	btw("references and access");
	invited("X-Global-Call-Ref: 03 AA bb 01 \r\nP-Access-Network-Info: 3GPP-GERAN; cgi-3gpp=0010100011\r\n");
	btw("too long to be kept: nobody, and not whose number its beginning is");
	snprintf(too_long, sizeof(too_long), "P-Asserted-Identity: <sip:+4930%0260d1@x>\r\n", 0);
	invited(too_long);
	btw("nonsense says nothing");
	invited("P-Asserted-Identity: \"Bob <sip:1@x>\r\n");
	invited("P-Asserted-Identity: <sip:anonymous@anonymous.invalid>\r\n");
	invited("P-Asserted-Identity: ,,,\r\n");
	invited("Diversion: what?\r\nX-Global-Call-Ref: 03 xx\r\n");
	invited("X-Global-Call-Ref: 00112233445566778899aabbccddeeff00\r\n");
	invited("X-Global-Call-Ref: 123\r\n");
	stage_idle();
}

/* ---- to a peer ---- */

static void answered(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	printf("  user: answered by '%s' \"%s\"%s\n", info->connected_user ?: "?", info->connected_name ?: "",
	       info->connected_private ? ", who wants to stay unknown" : "");
}

static void provisional(struct sip_session *s, const struct sip_session_info *info, void *data)
{
	printf("  user: %u by '%s' \"%s\"%s\n", info->status, info->connected_user ?: "?", info->connected_name ?: "",
	       info->connected_private ? ", who wants to stay unknown" : "");
}

static const struct sip_session_ops ops = { .provisional = provisional, .answered = answered };

static void show(const char *name)
{
	const char *value = fake_sip_header(stage.pbx, name);

	if (value)
		printf("    %s: %.*s\n", name, (int)strcspn(value, "\r\n"), value);
}

static void invites(const struct sip_invite *inv)
{
	struct sip_session *s = sip_session_invite(stage.ua, stage.peer, inv, &ops, NULL);
	const char *from;

	EXPECT(s);
	fake_sip_expect(stage.pbx, "INVITE");
	printf("    %.*s\n", (int)strcspn(stage.pbx->msg, "\r\n"), stage.pbx->msg);
	from = fake_sip_header(stage.pbx, "From");
	printf("    From: %.*s\n", (int)(strstr(from, ";tag=") - from), from);
	show("To");
	show("P-Asserted-Identity");
	show("P-Preferred-Identity");
	show("Remote-Party-ID");
	show("Privacy");
	show("Diversion");
	show("X-Global-Call-Ref");
	show("P-Access-Network-Info");
	show("Priority");
	fake_sip_reply(stage.pbx, NULL, 486, "t", NULL, NULL);
	fake_sip_expect(stage.pbx, "ACK");
}

static void test_write(void)
{
	struct sip_invite inv = { .called_user = "+4930999",
				  .calling_user = "+491701",
				  .calling_name = "Al \"x\" Ice",
				  .asserted_user = "+491701",
				  .diverting_user = "+49302",
				  .divert_reason = 2,
				  .gcr = "03aabb01",
				  .access_info = "3GPP-GERAN; cgi-3gpp=0010100011",
				  .sdp = PHONE_SDP };
	int mode;

	for (mode = 0; mode <= 1; mode++) {
		int m;
		stage.peer->cfg.trusted = mode;
		for (m = SIP_IDENTITY_PAI; m <= SIP_IDENTITY_FROM; m++) {
			stage.peer->cfg.identity = m;
			btw("to a peer that is%s trusted, as %s", mode ? "" : " not",
			    get_value_string(sip_identity_mode_names, m));
			inv.calling_anonymous = inv.diverting_private = false;
			invites(&inv);
			btw("the same from one who wants to stay unknown");
			inv.calling_anonymous = inv.diverting_private = true;
			invites(&inv);
		}
	}
	stage.peer->cfg.identity = SIP_IDENTITY_PAI;
	btw("nothing is known");
	invites(&(struct sip_invite){ .called_user = "100", .sdp = PHONE_SDP });
	btw("users that are no number, an IMSI, a short number");
	invites(&(struct sip_invite){ .called_user = "al;ice", .calling_user = "001010000000001", .sdp = PHONE_SDP });
	invites(&(struct sip_invite){ .called_user = "*100#", .calling_user = "2001", .sdp = PHONE_SDP });
	btw("an emergency");
	invites(&(struct sip_invite){ .called_user = "112", .calling_user = "2001", .emergency = true });
	invites(&(struct sip_invite){
		.called_user = "112", .calling_user = "2001", .emergency = true, .urn = "urn:service:sos" });
	btw("a name that would end a header");
	invites(&(struct sip_invite){
		.called_user = "1", .calling_user = "2", .calling_name = "x\r\nPrivacy: none", .gcr = "01" });
	stage_idle();
}

/* ---- who answers ---- */

static void test_connected_to_us(void)
{
	static const char pai[] = "P-Asserted-Identity: \"Desk\" <sip:+4930777@x>\r\n";
	struct sip_invite inv = { .called_user = "1", .calling_user = "2", .sdp = PHONE_SDP };
	struct sip_session *s;
	int trusted;

	for (trusted = 0; trusted <= 1; trusted++) {
		btw("a peer that is%s trusted says who answers", trusted ? "" : " not");
		stage.peer->cfg.trusted = trusted;
		s = sip_session_invite(stage.ua, stage.peer, &inv, &ops, NULL);
		fake_sip_expect(stage.pbx, "INVITE");
		fake_call_in(&call, stage.pbx, "tag");
		fake_call_reply(&call, 180, pai, NULL);
		fake_call_reply(&call, 183, "Remote-Party-ID: <sip:+4930778@x>;party=called\r\n", NULL);
		fake_call_reply(&call, 200, "P-Asserted-Identity: <sip:+4930779@x>\r\nPrivacy: id\r\n", PBX_SDP);
		fake_sip_expect(stage.pbx, "ACK");
		sip_session_end(s, NULL);
		fake_sip_expect(stage.pbx, "BYE");
		fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
		fake_call_free(&call);
	}
	stage_idle();
}

static bool private; /* who answers wants to stay unknown */

static void answer(struct sip_session *s, struct sip_peer *peer, const struct sip_invite *inv, void *data)
{
	static const struct sip_session_ops no_ops;

	sip_session_set_user(s, &no_ops, NULL);
	EXPECT(sip_session_provisional(s, 180, NULL) == 0);
	sip_session_set_connected(s, "+4917099", "Al", private);
	EXPECT(sip_session_provisional(s, 183, PHONE_SDP) == 0);
	EXPECT(sip_session_answer(s, PHONE_SDP) == 0);
	sip_session_set_connected(s, "too late", NULL, false);
	stage.s = s;
}

static void test_connected_to_them(void)
{
	static const int modes[] = { SIP_IDENTITY_PAI, SIP_IDENTITY_PAI_TEL, SIP_IDENTITY_RPID, SIP_IDENTITY_PPI,
				     SIP_IDENTITY_FROM };
	unsigned int i;

	stage.ua->ops.incoming = answer;
	for (i = 0; i < 4 * ARRAY_SIZE(modes); i++) {
		private = i / 2 % 2;
		stage.peer->cfg.trusted = i % 2;
		stage.peer->cfg.identity = modes[i / 4];
		btw("we say who answers%s: %s, %s", private ? " and wants to stay unknown" : "",
		    get_value_string(sip_identity_mode_names, modes[i / 4]), i % 2 ? "trusted" : "not trusted");
		they_call(NULL, PBX_SDP);
		fake_sip_expect(stage.pbx, "180 INVITE");
		EXPECT(!fake_sip_header(stage.pbx, "P-Asserted-Identity"));
		fake_sip_expect(stage.pbx, "183 INVITE");
		show("P-Asserted-Identity");
		fake_sip_expect(stage.pbx, "200 INVITE");
		show("P-Asserted-Identity");
		show("P-Preferred-Identity");
		show("Remote-Party-ID");
		show("Privacy");
		fake_call_take(&call);
		fake_call_ack(&call, NULL);
		sip_session_end(stage.s, NULL);
		stage.s = NULL;
		fake_sip_expect(stage.pbx, "BYE");
		fake_sip_reply(stage.pbx, NULL, 200, NULL, NULL, NULL);
		fake_call_free(&call);
	}
	stage_idle();
}

static void test_agent(void)
{
	btw("who we are is what the operator says");
	sip_ua_set_user_agent(stage.ua, "Example GW");
	stage.ua->ops.incoming = incoming;
	invited("");
	show("Server");
	sip_ua_set_user_agent(stage.ua, NULL);
}

int main(int argc, char **argv)
{
	stage_set("sip_identity_test", "127.0.58");
	stage.ua->ops.incoming = incoming;
	test_read();
	test_write();
	test_connected_to_us();
	test_connected_to_them();
	test_agent();
	stage_clear();
	return 0;
}
