/* SIP over TLS, 1.2 and later: what OpenSSL does between a connection (sip_conn.c) and its socket.
 *
 * Connections of ours check the certificate's chain and its name (RFC 5922); the name is that of the peer at the
 * address that we connect to. Whoever connects to us shows one if 'tls verify-client' is set. Settings are two
 * contexts, one for each role, made anew by a reload; a connection keeps that which it began with. Without a
 * certificate of our own, connections can be opened but none is accepted. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/base/log.h>

#include "sip_conn.h"
#include "sip_tls_name.h"

/* ---- settings ---- */

/* Why OpenSSL did not do it, in its words. */
static const char *ssl_trouble(void)
{
	unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
	const char *why = last ? ERR_reason_error_string(last) : NULL;

	/* what follows a failed system call only says that there was one */
	if (first && ERR_GET_LIB(first) == ERR_LIB_SYS)
		why = strerror(ERR_GET_REASON(first));
	ERR_clear_error();
	return why ?: "unknown error";
}

static char why_buf[512];

static const char *complain(const char *what, const char *file)
{
	snprintf(why_buf, sizeof(why_buf), "%s%s%s: %s", what, file ? " " : "", file ?: "", ssl_trouble());
	return why_buf;
}

/* Our certificate, if there is one. NULL or what is wrong. */
static const char *load_own(SSL_CTX *ctx, const struct sip_transport_cfg *cfg)
{
	const char *key = cfg->tls_key ?: cfg->tls_cert;

	if (!cfg->tls_cert)
		return NULL;
	if (SSL_CTX_use_certificate_chain_file(ctx, cfg->tls_cert) != 1)
		return complain("cannot use the certificate", cfg->tls_cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return complain("cannot use the key", key);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return complain("certificate and key do not belong together", NULL);
	return NULL;
}

static const char *load_ca(SSL_CTX *ctx, const struct sip_transport_cfg *cfg, bool is_server)
{
	if (!cfg->tls_ca)
		return SSL_CTX_set_default_verify_paths(ctx) == 1 ? NULL : complain("no system certificates", NULL);
	if (SSL_CTX_load_verify_locations(ctx, cfg->tls_ca, NULL) != 1)
		return complain("cannot use the authorities in", cfg->tls_ca);
	/* so that the other side knows which of its certificates to show */
	if (is_server)
		SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(cfg->tls_ca));
	return NULL;
}

static void set_options(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

static SSL_CTX *ctx_make(const struct sip_transport_cfg *cfg, bool is_server, const char **why)
{
	SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	const char *bad;

	if (!ctx) {
		*why = complain("OpenSSL", NULL);
		return NULL;
	}
	set_options(ctx);
	bad = load_own(ctx, cfg);
	if (!bad)
		bad = load_ca(ctx, cfg, is_server);
	if (is_server && cfg->tls_verify_client)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (!bad)
		return ctx;
	SSL_CTX_free(ctx);
	*why = bad;
	return NULL;
}

/* Both or nothing. */
static int load(struct sip_transports *all, const char **why)
{
	SSL_CTX *client = ctx_make(all->cfg, false, why), *server;

	if (!client)
		return -EINVAL;
	server = ctx_make(all->cfg, true, why);
	if (!server) {
		SSL_CTX_free(client);
		return -EINVAL;
	}
	sip_tls_free(all);
	all->tls_client = client;
	all->tls_server = server;
	return 0;
}

void sip_tls_free(struct sip_transports *all)
{
	SSL_CTX_free(all->tls_client);
	SSL_CTX_free(all->tls_server);
	all->tls_client = all->tls_server = NULL;
}

int sip_transports_tls_reload(struct sip_transports *all, const char **why)
{
	struct sip_transport *tp;
	int rc = load(all, why);

	if (rc < 0)
		return rc;
	llist_for_each_entry (tp, &all->list, entry) {
		if (tp->ops == &sip_tls_ops && all->cfg->tls_cert)
			sip_listen_accepting(tp);
	}
	return 0;
}

bool sip_transports_tls_left_s(const struct sip_transports *all, long *left_s)
{
	X509 *cert = all->tls_server ? SSL_CTX_get0_certificate(all->tls_server) : NULL;
	int days, seconds;

	if (!cert || ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) != 1)
		return false;
	*left_s = days * 86400L + seconds;
	return true;
}

/* ---- handshake ---- */

/* Whom we expect at that address, and whether it has to prove that. */
static const char *expected_name(const struct sip_conn *conn, bool *verify)
{
	static char ip[INET6_ADDRSTRLEN];
	struct sip_transports *all = conn->tp->all;
	const char *name = NULL;

	*verify = true;
	if (all->tls_name)
		name = all->tls_name(all->cfg_data, &conn->remote, verify);
	if (name)
		return name;
	osmo_sockaddr_ntop(&conn->remote.u.sa, ip);
	return ip;
}

static bool is_ip(const char *name)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, name, &addr) == 1 || inet_pton(AF_INET6, name, &addr) == 1;
}

static int start(struct sip_conn *conn)
{
	struct sip_transports *all = conn->tp->all;
	const char *name;
	bool verify;
	SSL *ssl;

	ssl = SSL_new(conn->source ? all->tls_server : all->tls_client);
	if (!ssl || SSL_set_fd(ssl, conn->ofd.fd) != 1) {
		SSL_free(ssl);
		return -ENOMEM;
	}
	conn->ssl = ssl;
	if (conn->source) {
		SSL_set_accept_state(ssl);
		return 0;
	}
	SSL_set_connect_state(ssl);
	name = expected_name(conn, &verify);
	SSL_set_verify(ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (!is_ip(name))
		SSL_set_tlsext_host_name(ssl, name);
	return 0;
}

/* One line for each failure that an operator can do something about; limited, since anybody can cause it. */
static void failed(struct sip_conn *conn, const char *why)
{
	struct log_limit *limit = conn->source ? &conn->tp->all->refused_limit : &conn->tp->all->failed_limit;
	const char *more = log_limit_pass(limit);

	sip_transports_count(conn->tp->all, SIP_CTR_TLS_FAILED);
	if (more)
		LOG_CONN(conn, LOGL_NOTICE, "TLS handshake failed: %s%s\n", why, more);
}

static const char *handshake_trouble(struct sip_conn *conn, int ssl_error)
{
	long verify = SSL_get_verify_result(conn->ssl);
	unsigned long err = ERR_peek_last_error();

	if (verify != X509_V_OK) {
		ERR_clear_error();
		return talloc_asprintf(OTC_SELECT, "the other side's certificate is not accepted: %s",
				       X509_verify_cert_error_string(verify));
	}
	if (err && ERR_GET_LIB(err) == ERR_LIB_SSL && ERR_GET_REASON(err) >= SSL_AD_REASON_OFFSET)
		return talloc_asprintf(OTC_SELECT, "the other side refuses us: %s", ssl_trouble());
	if (err)
		return ssl_trouble();
	if (ssl_error == SSL_ERROR_SYSCALL && errno)
		return strerror(errno);
	return "the other side has closed the connection";
}

static const char *list_names(char *const *names)
{
	char *list = NULL;

	for (; names && *names; names++)
		list = talloc_asprintf(OTC_SELECT, "%s%s%s", list ?: "", list ? ", " : "", *names);
	return list ?: "nobody";
}

/* The chain is good; is it who we wanted? (RFC 5922 7.3) */
static int check_name(struct sip_conn *conn)
{
	const char *want;
	bool verify;

	if (conn->source)
		return 0;
	want = expected_name(conn, &verify);
	if (!verify || sip_tls_names_have(conn->names, want))
		return 0;
	failed(conn,
	       talloc_asprintf(OTC_SELECT, "the certificate is for %s, not for %s", list_names(conn->names), want));
	return -EPERM;
}

/* Only what was verified is worth a name. */
static void take_names(struct sip_conn *conn)
{
	X509 *cert = SSL_get_peer_certificate(conn->ssl);

	if (cert && SSL_get_verify_mode(conn->ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(conn->ssl) == X509_V_OK)
		conn->names = sip_tls_names(conn, cert);
	X509_free(cert);
}

static int handshake(struct sip_conn *conn)
{
	int rc, err;

	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(conn->ssl);
	conn->wants_write = false;
	if (rc == 1) {
		take_names(conn);
		return check_name(conn);
	}
	err = SSL_get_error(conn->ssl, rc);
	if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE) {
		conn->wants_write = err == SSL_ERROR_WANT_WRITE;
		return -EAGAIN;
	}
	failed(conn, handshake_trouble(conn, err));
	return -EPROTO;
}

/* ---- bytes ---- */

/* What became of an SSL_read() or SSL_write() that returned 0 or less. */
static ssize_t result(struct sip_conn *conn, int rc, bool writing)
{
	int err = SSL_get_error(conn->ssl, rc), sys = errno;

	switch (err) {
	case SSL_ERROR_WANT_READ:
		conn->write_wants_read |= writing;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return writing ? -EPIPE : 0;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		if (!sys)
			return writing ? -EPIPE : 0;
		return -sys;
	default:
		LOG_CONN(conn, LOGL_INFO, "TLS: %s\n", ssl_trouble());
		return -EPROTO;
	}
}

static ssize_t tls_read(struct sip_conn *conn, void *buf, size_t len)
{
	int n;

	ERR_clear_error();
	errno = 0;
	n = SSL_read(conn->ssl, buf, len);
	return n > 0 ? n : result(conn, n, false);
}

static ssize_t tls_write(struct sip_conn *conn, const void *buf, size_t len)
{
	int n;

	ERR_clear_error();
	errno = 0;
	n = SSL_write(conn->ssl, buf, len);
	return n > 0 ? n : result(conn, n, true);
}

static bool pending(struct sip_conn *conn)
{
	return conn->ssl && SSL_pending(conn->ssl) > 0;
}

static void end(struct sip_conn *conn)
{
	/* one word of goodbye, not waited for; OpenSSL wants none after a failure */
	if (conn->ssl && conn->was_open && !(SSL_get_shutdown(conn->ssl) & SSL_SENT_SHUTDOWN)) {
		ERR_clear_error();
		SSL_shutdown(conn->ssl);
		ERR_clear_error();
	}
	SSL_free(conn->ssl);
	conn->ssl = NULL;
}

static const struct sip_conn_io io = {
	.start = start,
	.handshake = handshake,
	.read = tls_read,
	.write = tls_write,
	.pending = pending,
	.end = end,
};

static int tls_open(struct sip_transport *tp)
{
	struct sip_transports *all = tp->all;
	const char *why = "";

	if (!all->tls_client && load(all, &why) < 0) {
		LOGP(DSIPTRX, LOGL_ERROR, "TLS: %s\n", why);
		return -ENOKEY;
	}
	return sip_listen_open(tp, &io, all->cfg->tls_cert);
}

static int tls_send(const struct sip_flow *to, const void *data, size_t len)
{
	return sip_conn_send(to->tp, &to->remote, data, len, &io);
}

static int tls_connect(struct sip_transport *tp, const struct osmo_sockaddr *remote)
{
	struct sip_conn *conn;

	return sip_conn_find(tp, remote) ? 0 : sip_conn_connect(tp, remote, &io, &conn);
}

const struct sip_transport_ops sip_tls_ops = {
	.id = SIP_TP_TLS,
	.name = "TLS",
	.param = "tls",
	.reliable = true,
	.default_port = 5061,
	.open = tls_open,
	.close = sip_listen_close,
	.send = tls_send,
	.connect = tls_connect,
};
