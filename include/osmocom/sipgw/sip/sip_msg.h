/*! \file sip_msg.h
 * SIP messages: guard, parse, check, access, write.
 *
 * libosip2 parses and nothing else; a guard stands in front of it and a check behind it (RFC 4475). Whatever passed sip_msg_parse() has all mandatory
 * headers, well-formed, within bounds. We write messages ourselves, as text into a buffer. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <osmocom/core/socket.h>
#include <osmocom/core/utils.h>

struct osip_message;
struct sip_scan;
struct sip_str;

enum sip_method {
	SIP_METHOD_UNKNOWN,
	SIP_INVITE, SIP_ACK, SIP_CANCEL, SIP_BYE, SIP_OPTIONS, SIP_INFO, SIP_PRACK, SIP_UPDATE, SIP_REGISTER, SIP_REFER, SIP_NOTIFY,
	SIP_SUBSCRIBE, SIP_MESSAGE, SIP_PUBLISH,
};

extern const struct value_string sip_method_names[];
enum sip_method sip_method_by_name(const char *name, size_t len); /*!< SIP_METHOD_UNKNOWN if we do not know it; methods are case-sensitive */

/*! The top Via of a message. */
struct sip_via {
	const char *transport;	/*!< "UDP" */
	const char *host;	/*!< sent-by, IPv6 without brackets */
	uint16_t port;		/*!< 0: not given */
	const char *branch;	/*!< "" if none (RFC 2543) */
	bool has_cookie;	/*!< branch begins with z9hG4bK and has more */
	bool rport;		/*!< rport asked for */
	const char *received;	/*!< as the sender wrote it: to be overwritten, "" if none */
};

/*! A SIP or tel URI, taken apart. Strings are "" if not there. */
struct sip_uri {
	const char *scheme;	/*!< lower case */
	const char *user;	/*!< unescaped, but for %00; of a tel URI: the number */
	const char *host;	/*!< IPv6 without brackets; "" in URIs that have none (tel, urn) */
	uint16_t port;		/*!< 0: not given */
	const char *transport, *maddr;
	bool lr;
	const char *text;	/*!< whole, as to be written again */
};

/*! A name-addr header: From, To, Contact. */
struct sip_name_addr {
	const char *display;	/*!< unquoted, "" if none */
	struct sip_uri uri;
	const char *tag;	/*!< "" if none */
};

/*! A message that passed all checks. Strings belong to the message and live as long as it does. */
struct sip_msg {
	bool is_request;
	enum sip_method method;		/*!< of a response: of its CSeq */
	const char *method_name;	/*!< also for unknown ones */
	uint16_t status;		/*!< responses: 100..699 */
	const char *reason_phrase;
	struct sip_uri ruri;		/*!< requests */
	struct sip_name_addr from, to;
	bool has_contact;
	struct sip_name_addr contact;	/*!< the first one */
	const char *call_id;
	uint32_t cseq;
	struct sip_via via;
	unsigned int n_via;
	int max_forwards;		/*!< -1: not given */
	const char *content_type;	/*!< "application/sdp", lower case, without parameters; "" if none */
	const char *body;		/*!< NUL-terminated, NULL if none */
	size_t body_len;
	bool has_source;
	struct osmo_sockaddr source;	/*!< who sent it, by sip_msg_set_source(): goes into received and rport of the response head */
	struct osip_message *osip;
	struct sip_scan *scan;		/*!< the header lines as they came (sip_guard.c) */
};

/*! What became of the bytes. */
enum sip_parse_result {
	SIP_PARSE_OK,
	SIP_PARSE_KEEPALIVE,	/*!< only CR and LF */
	SIP_PARSE_DROP,		/*!< no SIP, or a bad response: nobody to answer */
	SIP_PARSE_REJECT,	/*!< a bad request that can be answered: see struct sip_reject */
};

/*! How a request that cannot be processed is answered: what the scanner could save of it. */
struct sip_reject {
	uint16_t status;	/*!< 400, 413, 416, 505, ... */
	const char *why;	/*!< a static sentence, becomes the reason phrase */
	char *response_head;	/*!< Via, From, To, Call-ID, CSeq as they came, To with a tag: copy into the response. talloc child of ctx */
	bool has_via;		/*!< the top Via can be read */
	struct sip_via via;	/*!< strings live as long as response_head */
};

struct sip_limits {
	size_t max_datagram;	/*!< default 8192; longer messages are answered 513. At most 65535 */
};
extern struct sip_limits sip_limits; /*!< in force for everything parsed from now on */

void sip_msg_init(void); /*!< once per process, before anything else here */
enum sip_parse_result sip_msg_parse(void *ctx, struct sip_msg **msg, struct sip_reject *reject, const uint8_t *buf, size_t len,
				    bool is_stream);
void sip_msg_free(struct sip_msg *msg);	/*!< talloc_free() does the same */
/*! Whom the message came from. sip_trxs_rx() does it, too; needed only when answering without a transaction. */
void sip_msg_set_source(struct sip_msg *msg, const struct osmo_sockaddr *source);
/*! The whole response to what was rejected. Its length, or -EMSGSIZE. */
int sip_reject_write(char *buf, size_t len, const struct sip_reject *reject);

/* Access to what is not in the struct. Names are compared without case, compact forms are known. */
const char *sip_msg_header(const struct sip_msg *msg, const char *name, unsigned int idx); /*!< value of that header line (lists not split) or NULL */
unsigned int sip_msg_n_record_routes(const struct sip_msg *msg);	/*!< values, not lines */
/*! The Record-Route value of that index: taken apart into \a uri (may be NULL; strings belong to \a msg), and as to be written into a Route header, with
 * the angle brackets, into \a text (may be NULL). 0, -ENOENT, -EINVAL (no URI), -EMSGSIZE. */
int sip_msg_record_route(const struct sip_msg *msg, unsigned int idx, struct sip_uri *uri, char *text, size_t text_len);
bool sip_msg_header_has_token(const struct sip_msg *msg, const char *name, const char *token); /*!< e.g. Supported: timer */
uint8_t sip_msg_reason_q850(const struct sip_msg *msg); /*!< Reason: Q.850;cause=N (RFC 3326), 0 if none */
/*! Take apart an address that stands in a header of \a msg; the strings of \a na live as long as the message. 0 or -EINVAL. */
int sip_msg_name_addr(const struct sip_msg *msg, struct sip_name_addr *na, struct sip_str value);
int sip_uri_parse(void *ctx, struct sip_uri *uri, const char *text); /*!< strings are in one chunk, child of ctx. 0 or -EINVAL */
int sip_msg_to_str_buf(char *buf, size_t len, const struct sip_msg *msg);

/*! Writes one message. Overflow is remembered and told by sip_writer_end(). */
struct sip_writer {
	char *buf;
	size_t size, len;
	bool overflow;
};

void sip_writer_init(struct sip_writer *w, char *buf, size_t size);
void sip_write_request_line(struct sip_writer *w, const char *method, const char *uri);
void sip_write_status_line(struct sip_writer *w, uint16_t status, const char *phrase); /*!< phrase NULL: the usual one */
void sip_write_header(struct sip_writer *w, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sip_write_header_str(struct sip_writer *w, const char *name, const char *value); /*!< the same without a format, faster */
void sip_write_bytes(struct sip_writer *w, const void *data, size_t len);	/*!< as they are; whole lines with CRLF, please */
/*! Content-Type and Content-Length, the blank line, the body (NULL: none). Returns the length of the message or -EMSGSIZE. */
int sip_write_end(struct sip_writer *w, const char *content_type, const void *body, size_t body_len);
/*! Status line and the headers that each response copies: Via (with received and rport filled in), From, To (with \a to_tag added
 * if it has none and to_tag is not NULL), Call-ID, CSeq; Record-Route if \a with_rr (dialog-forming responses). */
void sip_write_response_head(struct sip_writer *w, const struct sip_msg *req, uint16_t status, const char *phrase, const char *to_tag,
			     bool with_rr);
const char *sip_status_phrase(uint16_t status);
char *sip_quote_display(char *buf, size_t len, const char *name); /*!< display name as quoted-string, "" for none; returns buf; cut if too long */
int sip_escape_user(char *buf, size_t len, const char *user); /*!< user part as to be written into a URI. Length or -EMSGSIZE */
