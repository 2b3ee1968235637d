/* SIP over TLS: two of us talk to each other on loopback; names in certificates; what is refused and why; new
 * certificates without a restart. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#define _GNU_SOURCE
#include <signal.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <osmocom/core/talloc.h>

#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_transport.h>
#include <sip/sip_tls_name.h>

#include "stream_peer.h"

static void *ctx;

/* ---- certificates ---- */

struct cert {
	EVP_PKEY *key;
	X509 *x509;
};

static EVP_PKEY *make_key(void)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY *key = NULL;

	EXPECT(c && EVP_PKEY_keygen_init(c) == 1 &&
	       EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c, NID_X9_62_prime256v1) == 1);
	EXPECT(EVP_PKEY_keygen(c, &key) == 1);
	EVP_PKEY_CTX_free(c);
	return key;
}

static void add_ext(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	EXPECT(ext && X509_add_ext(x509, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

/* Signed by \a ca, or by itself if that is NULL. */
static struct cert make_cert(const char *cn, const char *san, const struct cert *ca)
{
	static int serial;
	struct cert c = { .key = make_key(), .x509 = X509_new() };
	X509_NAME *name = X509_get_subject_name(c.x509);

	X509_set_version(c.x509, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x509), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c.x509), -3600);
	X509_gmtime_adj(X509_getm_notAfter(c.x509), 3600);
	X509_set_pubkey(c.x509, c.key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(c.x509, ca ? X509_get_subject_name(ca->x509) : name);
	if (!ca)
		add_ext(c.x509, NID_basic_constraints, "critical,CA:TRUE");
	if (san)
		add_ext(c.x509, NID_subject_alt_name, san);
	EXPECT(X509_sign(c.x509, ca ? ca->key : c.key, EVP_sha256()) > 0);
	return c;
}

static void free_cert(struct cert *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->x509);
}

/* Certificate and key in one file. */
static void save(const char *path, const struct cert *c)
{
	FILE *f = fopen(path, "w");

	EXPECT(f && PEM_write_X509(f, c->x509) == 1 && PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
}

static void show_names(const char *cn, const char *san)
{
	struct cert c = make_cert(cn, san, NULL);
	char **names = sip_tls_names(ctx, c.x509), **n;

	printf("  CN %s, SAN %s:", cn, san ? san : "none");
	for (n = names; n && *n; n++)
		printf(" %s", *n);
	printf("%s\n", names ? "" : " nobody");
	talloc_free(names);
	free_cert(&c);
}

static void test_names(void)
{
	char **names;
	struct cert c;

	btw("whom a certificate is for (RFC 5922 7.1)");
	show_names("a.example", NULL);
	show_names("a.example", "DNS:b.example,DNS:c.example");
	show_names("a.example",
		   "URI:sip:d.example,URI:sip:user@e.example,URI:https://f.example,URI:sip:g.example:5061;lr");
	show_names("a.example", "IP:192.0.2.1,IP:2001:db8::1");
	show_names("a.example", "email:x@y.example");
	btw("compared without case and as a whole; wildcards do not count (7.2)");
	/* a name that would write on a terminal is none */
	c = make_cert("a.ex\033[2Jample", NULL, NULL);
	EXPECT(!sip_tls_names(ctx, c.x509));
	free_cert(&c);
	c = make_cert("x", "DNS:*.example.com,DNS:Pbx.Example.NET", NULL);
	names = sip_tls_names(ctx, c.x509);
	EXPECT(sip_tls_names_have(names, "pbx.example.net") && !sip_tls_names_have(names, "a.example.com"));
	EXPECT(!sip_tls_names_have(names, "example.net") && !sip_tls_names_have(NULL, "x"));
	talloc_free(names);
	free_cert(&c);
}

/* ---- two of us ---- */

struct side {
	const char *name;
	struct sip_transports *all;
	struct sip_transport *tp;
	struct sip_transport_cfg cfg;
	const char *expects;
	bool no_verify;
	struct sip_flow last;
	unsigned int n_rx, n_closed, n_failed;
};

static void rx_cb(void *data, const struct sip_flow *from, const uint8_t *buf, size_t len)
{
	static const char resp[] = "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 127.0.0.1:5061\r\nContent-Length: 0\r\n\r\n";
	struct side *s = data;

	s->n_rx++;
	s->last = *from;
	printf("  %s hears: %.*s\n", s->name, (int)strcspn((const char *)buf, "\r"), buf);
	if (strncmp((const char *)buf, "SIP", 3) != 0)
		EXPECT(sip_transport_send(from, resp, strlen(resp)) == 0);
}

static void lost_cb(void *data, const struct sip_flow *flow, enum sip_flow_loss why)
{
	struct side *s = data;

	if (why == SIP_FLOW_CLOSED)
		s->n_closed++;
	else
		s->n_failed++;
}

static const char *name_cb(void *data, const struct osmo_sockaddr *remote, bool *verify)
{
	struct side *s = data;

	*verify = !s->no_verify;
	return s->expects;
}

static void open_side(struct side *s, const char *ip)
{
	struct osmo_sockaddr a = addr4(ip, 0);

	s->all = sip_transports_alloc(ctx, rx_cb, s);
	sip_transports_set_cfg(s->all, &s->cfg, name_cb, s);
	sip_transports_set_lost(s->all, lost_cb, s);
	EXPECT(sip_transport_listen(s->all, SIP_TP_TLS, &a) == 0);
	s->tp = sip_transport_for(s->all, SIP_TP_TLS, &a);
}

static struct side a = { .name = "A" }, b = { .name = "B" };

static const char *call(void)
{
	static const char req[] = "OPTIONS sip:b SIP/2.0\r\nContent-Length: 0\r\n\r\n";
	struct sip_flow to = { .tp = a.tp, .remote = b.tp->bound };
	unsigned int failed = a.n_failed, closed = a.n_closed, rx = a.n_rx;

	sip_transport_send(&to, req, strlen(req));
	pump();
	if (a.n_rx > rx)
		return "answered";
	return a.n_failed > failed ? "failed" : a.n_closed > closed ? "closed" : "nothing";
}

static void hang_up(void)
{
	pass_ms(3600000);
}

static void use(struct side *s, char *cert, char *ca, bool verify)
{
	const char *why = "";

	s->cfg.tls_cert = cert;
	s->cfg.tls_ca = ca;
	s->cfg.tls_verify_client = verify;
	if (sip_transports_tls_reload(s->all, &why) < 0)
		printf("  %s: %s\n", s->name, why);
}

int main(void)
{
	void *root = talloc_named_const(NULL, 0, "sip_tls_test");
	struct cert ca, other, cert;
	struct sip_flow to;
	int fd;

	story_init(root);
	signal(SIGPIPE, SIG_IGN);
	sip_msg_init();
	fake_time_start();
	ctx = talloc_named_const(root, 0, "test");
	test_names();

	ca = make_cert("CA", NULL, NULL);
	other = make_cert("Other CA", NULL, NULL);
	save("tls-ca.pem", &ca);
	save("tls-other.pem", &other);
	cert = make_cert("a", "DNS:a.example", &ca);
	save("tls-a.pem", &cert);
	free_cert(&cert);
	cert = make_cert("b", "DNS:b.example,DNS:b2.example", &ca);
	save("tls-b.pem", &cert);
	free_cert(&cert);
	sip_transport_cfg_default(&a.cfg);
	sip_transport_cfg_default(&b.cfg);
	a.cfg.tls_ca = b.cfg.tls_ca = (char *)"tls-ca.pem";
	a.cfg.tls_cert = (char *)"tls-a.pem";
	b.cfg.tls_cert = (char *)"tls-b.pem";
	b.cfg.tls_verify_client = true;
	a.expects = "b2.example";
	open_side(&a, "127.0.0.1");
	open_side(&b, "127.0.0.2");
	to = (struct sip_flow){ .tp = a.tp, .remote = b.tp->bound };

	btw("A calls B, each knows the other by his certificate");
	printf("  %s\n", call());
	EXPECT(sip_transport_flow_has_name(&to, "b.example") && !sip_transport_flow_has_name(&to, "a.example"));
	EXPECT(sip_transport_flow_has_name(&b.last, "A.example") && !sip_transport_flow_has_name(&b.last, "b.example"));
	hang_up();
	EXPECT(!sip_transport_flow_has_name(&to, "b.example"));

	btw("another name is expected: refused by A");
	a.expects = "c.example";
	printf("  %s\n", call());
	btw("no name but the address, which is not in it");
	a.expects = NULL;
	printf("  %s\n", call());
	btw("unless it is not to be checked; then nothing is proved");
	a.no_verify = true;
	printf("  %s\n", call());
	EXPECT(!sip_transport_flow_has_name(&to, "b.example"));
	a.no_verify = false;
	a.expects = "b.example";
	hang_up();

	btw("B trusts somebody else, then A does");
	use(&b, (char *)"tls-b.pem", (char *)"tls-other.pem", true);
	EXPECT(strcmp(call(), "answered") != 0 && b.n_failed > 0);
	use(&b, (char *)"tls-b.pem", (char *)"tls-ca.pem", true);
	use(&a, (char *)"tls-a.pem", (char *)"tls-other.pem", false);
	printf("  %s\n", call());

	btw("files that cannot be used change nothing");
	use(&a, (char *)"tls-a.pem", (char *)"tls-ca.pem", false);
	use(&a, (char *)"tls-none.pem", (char *)"tls-ca.pem", false);
	use(&a, (char *)"tls-a.pem", (char *)"tls-none.pem", false);
	printf("  %s\n", call());
	btw("nobody's certificate is asked for: A's name is not known");
	hang_up();
	use(&b, (char *)"tls-b.pem", (char *)"tls-ca.pem", false);
	printf("  %s\n", call());
	EXPECT(!sip_transport_flow_has_name(&b.last, "a.example"));
	hang_up();

	btw("plain text to the TLS port, and nothing at all");
	fd = peer_connect("127.0.0.3", &b.tp->bound);
	peer_says(fd, "OPTIONS sip:b SIP/2.0\r\n\r\n");
	EXPECT(strcmp(peer_hears(fd), "") != 0);
	close(fd);
	fd = peer_connect("127.0.0.3", &b.tp->bound);
	pass_ms(5000);
	EXPECT(strcmp(peer_hears(fd), "closed") == 0);
	close(fd);

	sip_transports_free(a.all);
	sip_transports_free(b.all);
	free_cert(&ca);
	free_cert(&other);
	EXPECT(talloc_total_blocks(ctx) == 1);
	unlink("tls-ca.pem");
	unlink("tls-other.pem");
	unlink("tls-a.pem");
	unlink("tls-b.pem");
	btw("done");
	return 0;
}
