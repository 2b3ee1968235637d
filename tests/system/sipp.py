"""sipp scenarios, written as a list of steps: [recv("INVITE"), reply(180), reply(200, sdp=SDP), recv("ACK"), ...].

[contact] in the messages is given on sipp's command line, so that a peer behind a relay can name the relay.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""

SDP = """v=0
o=pbx 53655765 {version} IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP {formats}
{rtpmap}a={direction}
"""

RTPMAP = {0: "PCMU/8000", 3: "GSM/8000", 8: "PCMA/8000", 101: "telephone-event/8000", 110: "GSM-EFR/8000", 112: "AMR/8000"}


def sdp(*formats, direction="sendrecv", version=1):
	formats = formats or (3,)
	return SDP.format(formats=" ".join(map(str, formats)), direction=direction, version=version,
			  rtpmap="".join("a=rtpmap:%d %s\n" % (f, RTPMAP[f]) for f in formats))


def _message(lines, body, extra=""):
	text = "\n".join(lines) + "\n" + extra
	if body:
		return text + "Content-Type: application/sdp\nContent-Length: [len]\n\n" + body
	return text + "Content-Length: 0\n\n"


def _send(text, retrans, extra=""):
	return "<send%s%s><![CDATA[\n%s\n]]></send>" % (' retrans="500"' if retrans else "", extra, text)


def recv(what, optional=False, check=None, **attributes):
	"""A request (by name) or a response (by number); the call fails if `check' is not found in its body."""
	kind = "response" if isinstance(what, int) else "request"
	if optional:
		attributes["optional"] = "true"
	if what == "INVITE" or what == 200:
		attributes["rrs"] = "true"
	head = "<recv %s=\"%s\"%s" % (kind, what, "".join(' %s="%s"' % a for a in attributes.items()))
	if not check:
		return head + "/>"
	return head + '><action><ereg regexp="%s" search_in="body" check_it="true" assign_to="9"/></action></recv>' % check


def reply(status, phrase="Whatever", body=None, extra="", tag="[pid]s[call_number]"):
	"""A response to the last request."""
	lines = ["SIP/2.0 %d %s" % (status, phrase), "[last_Via:]", "[last_From:]",
		 "[last_To:]" + (";tag=" + tag if tag else ""), "[last_Call-ID:]", "[last_CSeq:]", "[last_Record-Route:]",
		 "Contact: <sip:pbx@[contact]>"]
	return _send(_message(lines, body, extra), status >= 200 and tag is not None)


def reply_in_dialog(status=200, body=None):
	"""A response to a request whose To has a tag."""
	return reply(status, body=body, tag=None)


def invite(user="1001", body=None, extra="", called="[service]"):
	"""The INVITE of a call from the PBX."""
	lines = ["INVITE sip:%s@[remote_ip]:[remote_port] SIP/2.0" % called,
		 "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
		 "From: <sip:5551000@[contact]>;tag=[pid]c[call_number]", "To: <sip:%s@[remote_ip]:[remote_port]>" % called,
		 "Call-ID: [call_id]", "CSeq: 1 INVITE", "Contact: <sip:5551000@[contact]>", "Max-Forwards: 70"]
	return _send(_message(lines, body, extra), True)


def request(method, cseq, invite_at=None, retrans=True, body=None, extra=""):
	"""Another request of our side: in the dialog, by its route set; or of the INVITE's transaction (CANCEL, ACK to a failure) if
	`invite_at' says how many steps ago the INVITE was."""
	in_trx = invite_at is not None
	lines = ["%s %s SIP/2.0" % (method, "sip:[service]@[remote_ip]:[remote_port]" if in_trx else "[next_url]"),
		 "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch%s];rport" % ("-%d" % invite_at if in_trx else ""),
		 "From: <sip:5551000@[contact]>;tag=[pid]c[call_number]",
		 "To: <sip:[service]@[remote_ip]:[remote_port]>" + ("" if method == "CANCEL" else "[peer_tag_param]"),
		 "Call-ID: [call_id]", "CSeq: %d %s" % (cseq, method), "Contact: <sip:5551000@[contact]>", "Max-Forwards: 70"]
	if not in_trx:
		lines.append("[routes]")
	return _send(_message(lines, body, extra), retrans)


def recv_invite():
	"""The INVITE, with its From kept for a BYE of the called side."""
	return ('<recv request="INVITE" rrs="true"><action><ereg regexp=".*" search_in="hdr" header="From:" assign_to="1"/></action></recv>')


def bye_as_callee():
	"""BYE from the side that was called: From and To change places."""
	lines = ["BYE [next_url] SIP/2.0", "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport", "[routes]",
		 "From: <sip:pbx@[contact]>;tag=[pid]s[call_number]", "To:[$1]", "[last_Call-ID:]", "CSeq: 1 BYE", "Max-Forwards: 70"]
	return _send(_message(lines, None), True)


def pause(ms):
	return '<pause milliseconds="%d"/>' % ms


def linger(ms=4000):
	"""Stay for late repetitions."""
	return '<timewait milliseconds="%d"/>' % ms


def xml(steps):
	text = "\n".join(steps)
	seen = sorted(set(v for v in ("1", "9") if 'assign_to="%s"' % v in text))
	if seen:  # sipp refuses variables that nobody reads
		text += '\n<Reference variables="%s"/>' % ",".join(seen)
	return '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="steps">\n%s\n</scenario>\n' % text


ANSWERS = [recv("INVITE"), reply(180), reply(200, body=sdp()), recv("ACK", rtd="true"), recv("BYE"), reply_in_dialog(), linger()]
BUSY = [recv("INVITE"), reply(486, "Busy Here"), recv("ACK"), linger()]
NOT_FOUND = [recv("INVITE"), reply(404, "Not Found"), recv("ACK"), linger()]
# An INVITE that comes again means that all responses were lost: sipp alone would call that unexpected once it has sent its 200
ANSWERS_LOSSY = [recv("INVITE"), reply(180), '<label id="1"/>', reply(200, body=sdp()), recv("INVITE", optional=True, next="1"),
		 recv("ACK", rtd="true"), recv("BYE"), reply_in_dialog(), linger()]
ANSWERS_HANGS_UP = [recv_invite(), reply(180), reply(200, body=sdp()), recv("ACK", rtd="true"), pause(1000), bye_as_callee(),
		    recv(200)]
# [last_Via:] of the CANCEL is that of the INVITE, and sipp copies the CSeq of the last message: so the 487 names its own
RINGS_UNTIL_CANCEL = [recv("INVITE"), reply(180), recv("CANCEL"), reply(200, tag=None),
		      reply(487, "Request Terminated").replace("[last_CSeq:]", "CSeq: [cseq] INVITE"), recv("ACK"), linger(500)]
CALLS = [invite(body=sdp()), recv(100, optional=True), recv(180, optional=True), recv(183, optional=True), recv(200),
	 request("ACK", 1, retrans=False), pause(3000), request("BYE", 2), recv(200)]
REINVITED = [recv_invite(), reply(180), reply(200, body=sdp()), recv("ACK"),
	     recv("INVITE"), reply(200, body=sdp(direction="recvonly", version=2), tag=None), recv("ACK"),
	     recv("INVITE"), reply(200, body=sdp(version=3), tag=None), recv("ACK"), recv("BYE"), reply_in_dialog(), linger()]
CALLS_HOLDS = [invite(body=sdp()), recv(100, optional=True), recv(180, optional=True), recv(183, optional=True), recv(200),
	       request("ACK", 1, retrans=False), pause(1000),
	       request("INVITE", 2, body=sdp(direction="sendonly", version=2)), recv(100, optional=True), recv(200, check="a=recvonly"),
	       request("ACK", 2, retrans=False), pause(1000),
	       request("INVITE", 3, body=sdp(version=3)), recv(100, optional=True), recv(200, check="a=sendrecv"),
	       request("ACK", 3, retrans=False), pause(1000), request("BYE", 4), recv(200)]
CALLS_UNTIL_BYE = [invite(body=sdp()), recv(100, optional=True), recv(180, optional=True), recv(183, optional=True), recv(200),
		   request("ACK", 1, retrans=False), recv("BYE"), reply_in_dialog(), linger()]
CALLS_CANCELS = [invite(body=sdp()), recv(100), recv(180), pause(500),
		 request("CANCEL", 1, invite_at=4), recv(200), recv(487),
		 request("ACK", 1, invite_at=7, retrans=False), linger()]


def refused(status, formats=(3,)):
	"""A call from the PBX that has to be refused with this status."""
	return [invite(body=sdp(*formats)), recv(100, optional=True), recv(180, optional=True), recv(status),
		request("ACK", 1, invite_at=4, retrans=False), linger(1000)]
