/* SIP over real loopback sockets: IPv4 and IPv6, many datagrams at once, too large ones, addresses, the wire trace; and
 * received and rport (RFC 3581) with what really came from there. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <osmocom/core/select.h>
#include <osmocom/core/talloc.h>
#include <osmocom/core/utils.h>

#include <osmocom/sipgw/base/wire.h>
#include <osmocom/sipgw/sip/sip_msg.h>
#include <osmocom/sipgw/sip/sip_transport.h>

#include "fake_time.h"
#include "story.h"

static void *ctx;
static struct sip_transports *all;
static unsigned int n_rx, n_wire_rx, n_wire_tx, n_rejected;
static size_t last_len;
static struct sip_flow last_from;
static char last_response[2048];
static int no_way; /* errno of what is sent; 0: it goes out */

/* Instead of libc's: no route is the same everywhere. */
ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!no_way)
		return syscall(SYS_sendmsg, fd, msg, flags);
	errno = no_way;
	return -1;
}

static struct osmo_sockaddr addr(const char *ip, uint16_t port)
{
	struct osmo_sockaddr a = {};

	if (inet_pton(AF_INET, ip, &a.u.sin.sin_addr) == 1) {
		a.u.sin.sin_family = AF_INET;
		a.u.sin.sin_port = htons(port);
	} else {
		EXPECT(inet_pton(AF_INET6, ip, &a.u.sin6.sin6_addr) == 1);
		a.u.sin6.sin6_family = AF_INET6;
		a.u.sin6.sin6_port = htons(port);
	}
	return a;
}

static void wire_cb(const struct wire_msg *msg)
{
	EXPECT(msg->proto == WIRE_SIP && msg->local && msg->remote && msg->data);
	if (msg->dir == WIRE_RX)
		n_wire_rx++;
	else
		n_wire_tx++;
}

/* Answer everything, so that the response can be looked at. */
static void rx_cb(void *data, const struct sip_flow *from, const uint8_t *buf, size_t len)
{
	struct sip_reject reject = {};
	struct sip_msg *msg = NULL;
	char out[2048];
	struct sip_writer w;
	int out_len = 0;

	n_rx++;
	last_len = len;
	last_from = *from;
	switch (sip_msg_parse(ctx, &msg, &reject, buf, len, from->tp->ops->reliable)) {
	case SIP_PARSE_OK:
		sip_msg_set_source(msg, &from->remote);
		sip_writer_init(&w, out, sizeof(out));
		sip_write_response_head(&w, msg, 200, NULL, "us", false);
		out_len = sip_write_end(&w, NULL, NULL, 0);
		sip_msg_free(msg);
		break;
	case SIP_PARSE_REJECT:
		n_rejected++;
		out_len = sip_reject_write(out, sizeof(out), &reject);
		talloc_free(reject.response_head);
		break;
	default:
		break;
	}
	if (out_len > 0)
		EXPECT(sip_transport_send(from, out, out_len) == 0);
}

static int client_socket(const char *ip, const struct osmo_sockaddr *server)
{
	struct osmo_sockaddr local = addr(ip, 0);
	int fd = socket(local.u.sa.sa_family, SOCK_DGRAM, 0);

	EXPECT(fd >= 0);
	EXPECT(bind(fd, &local.u.sa, sizeof(local.u)) == 0);
	EXPECT(connect(fd, &server->u.sa, sizeof(server->u)) == 0);
	return fd;
}

static void expect_response(int fd)
{
	ssize_t len;

	pump();
	len = recv(fd, last_response, sizeof(last_response) - 1, MSG_DONTWAIT);
	EXPECT(len > 0);
	last_response[len] = '\0';
}

static void send_options(int fd, const char *via)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "OPTIONS sip:a@b.example SIP/2.0\r\n"
		 "Via: %s\r\n"
		 "From: <sip:c@d.example>;tag=1\r\n"
		 "To: <sip:a@b.example>\r\n"
		 "Call-ID: x\r\n"
		 "CSeq: 1 OPTIONS\r\n"
		 "Content-Length: 0\r\n"
		 "\r\n",
		 via);
	EXPECT(send(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
}

/* The Via of the response, with the client's port as PORT. */
static void show_via(int fd)
{
	struct osmo_sockaddr local;
	socklen_t len = sizeof(local.u);
	char *via, *port, want[32];

	EXPECT(getsockname(fd, &local.u.sa, &len) == 0);
	via = strstr(last_response, "Via: ");
	EXPECT(via);
	via[strcspn(via, "\r")] = '\0';
	snprintf(want, sizeof(want), "rport=%u", osmo_sockaddr_port(&local.u.sa));
	port = strstr(via, want);
	if (port) {
		printf("  %.*srport=PORT%s\n", (int)(port - via), via, port + strlen(want));
		return;
	}
	printf("  %s\n", via);
}

static void test_via(const char *server_ip, const char *client_ip)
{
	struct osmo_sockaddr server = addr(server_ip, 0);
	struct sip_transport *tp;
	char text[64];
	int fd;

	btw("%s asks %s", client_ip, server_ip);
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &server) == 0);
	tp = sip_transport_for(all, SIP_TP_UDP, &server);
	EXPECT(tp && osmo_sockaddr_port(&tp->bound.u.sa) != 0);
	fd = client_socket(client_ip, &tp->bound);

	btw("no rport, sent-by is where it comes from: the Via stays");
	snprintf(text, sizeof(text),
		 strchr(client_ip, ':') ? "SIP/2.0/UDP [%s]:5;branch=z9hG4bKa" : "SIP/2.0/UDP %s:5;branch=z9hG4bKa",
		 client_ip);
	send_options(fd, text);
	expect_response(fd);
	show_via(fd);
	EXPECT(sip_addr_equal(&last_from.remote, &(struct osmo_sockaddr){ .u = last_from.remote.u }, true));
	btw("another sent-by: received is added");
	send_options(fd, "SIP/2.0/UDP phone.example:5;branch=z9hG4bKb");
	expect_response(fd);
	show_via(fd);
	btw("rport: received and rport are added");
	send_options(fd, "SIP/2.0/UDP phone.example;rport;branch=z9hG4bKc");
	expect_response(fd);
	show_via(fd);
	btw("what the client claims there is overwritten");
	send_options(
		fd,
		"SIP/2.0/UDP phone.example;rport=77;received=203.0.113.1;branch=z9hG4bKd;x=\"a;b\" , SIP/2.0/UDP z.example;received=1.2.3.4");
	expect_response(fd);
	show_via(fd);
	close(fd);
	sip_transport_close_all(all);
}

/* A connected socket hears nobody but the address it has asked. */
static void test_home(const char *wildcard, const char *asked, const char *client_ip)
{
	struct osmo_sockaddr server = addr(wildcard, 0), local;
	char text[80];
	int fd;

	btw("bound to %s, asked at %s: the answer comes from there, and so does what we say next", wildcard, asked);
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &server) == 0);
	server = addr(asked, osmo_sockaddr_port(&sip_transport_for(all, SIP_TP_UDP, &server)->bound.u.sa));
	fd = client_socket(client_ip, &server);
	snprintf(text, sizeof(text), "SIP/2.0/UDP phone.example;rport;branch=z9hG4bKf");
	send_options(fd, text);
	expect_response(fd);
	show_via(fd);
	EXPECT(sip_transport_local(&last_from, &local) == 0 && sip_addr_equal(&local, &server, true));
	EXPECT(sip_transport_send(&last_from, "\r\n", 2) == 0);
	EXPECT(recv(fd, text, sizeof(text), MSG_DONTWAIT) == 2);
	close(fd);
	sip_transport_close_all(all);
}

static void test_burst(void)
{
	struct osmo_sockaddr server = addr("127.0.0.1", 0);
	static char big[65000];
	unsigned int i;
	int fd;

	btw("100 datagrams at once all arrive");
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &server) == 0);
	fd = client_socket("127.0.0.1", &sip_transport_for(all, SIP_TP_UDP, &server)->bound);
	n_rx = 0;
	for (i = 0; i < 100; i++)
		EXPECT(send(fd, "\r\n\r\n", 4, 0) == 4);
	pump();
	EXPECT(n_rx == 100);

	btw("an empty one, and one too large: 513");
	EXPECT(send(fd, "", 0, 0) == 0);
	pump();
	EXPECT(n_rx == 101 && last_len == 0);
	memset(big, 'x', sizeof(big));
	i = snprintf(
		big, sizeof(big),
		"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bKe\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n"
		"Call-ID: y\r\nCSeq: 1 OPTIONS\r\nX: ");
	big[i] = 'x';
	n_rejected = 0;
	EXPECT(send(fd, big, sizeof(big), 0) == sizeof(big));
	expect_response(fd);
	EXPECT(n_rejected == 1 && !strncmp(last_response, "SIP/2.0 513 ", 12));
	EXPECT(last_len == sip_limits.max_datagram + 1);
	close(fd);
	sip_transport_close_all(all);
}

static void test_listen(void)
{
	struct osmo_sockaddr a = addr("127.0.0.1", 0), b;
	struct sip_transport *tp;

	btw("what cannot be bound says why");
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &a) == 0);
	tp = sip_transport_for(all, SIP_TP_UDP, &a);
	b = tp->bound;
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &b) == -EADDRINUSE);
	b = addr("203.0.113.77", 5060);
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &b) == -EADDRNOTAVAIL);
	EXPECT(sip_transport_listen(all, SIP_TP_TCP, &b) == -EADDRNOTAVAIL);
	EXPECT(sip_transport_listen(all, SIP_TP_TLS + 1, &b) == -EPROTONOSUPPORT);
	b = (struct osmo_sockaddr){ .u.sa.sa_family = AF_UNIX };
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &b) == -EAFNOSUPPORT);

	btw("a transport is found by kind and family; IPv4 and IPv6 wildcards share a port");
	b = addr("::", 0);
	EXPECT(!sip_transport_for(all, SIP_TP_UDP, &b));
	EXPECT(!sip_transport_for(all, SIP_TP_TCP, &a));
	sip_transport_close_all(all);
	EXPECT(!sip_transport_for(all, SIP_TP_UDP, &a));
	a = addr("0.0.0.0", 0);
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &a) == 0);
	b = addr("::", osmo_sockaddr_port(&sip_transport_for(all, SIP_TP_UDP, &a)->bound.u.sa));
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &b) == 0);
	EXPECT(sip_transport_for(all, SIP_TP_UDP, &a) != sip_transport_for(all, SIP_TP_UDP, &b));
	sip_transport_close_all(all);
}

static void show_local(const char *bound, const char *remote)
{
	struct osmo_sockaddr b = addr(bound, 0), local, again;
	struct sip_flow to = { .remote = addr(remote, 5060) };
	char text[64];

	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &b) == 0);
	to.tp = sip_transport_for(all, SIP_TP_UDP, &to.remote);
	EXPECT(to.tp);
	EXPECT(sip_transport_local(&to, &local) == 0);
	EXPECT(sip_transport_local(&to, &again) == 0 && sip_addr_equal(&local, &again, true));
	EXPECT(osmo_sockaddr_port(&local.u.sa) == osmo_sockaddr_port(&to.tp->bound.u.sa));
	osmo_sockaddr_set_port(&local.u.sa, 5060);
	sip_hostport_buf(text, sizeof(text), &local);
	printf("  bound to %s, towards %s: %s\n", bound, remote, text);
	sip_transport_close_all(all);
}

static void test_errors(void)
{
	struct osmo_sockaddr a = addr("127.0.0.1", 0);
	struct sip_flow to;
	char small[1] = "x";

	btw("a port number 0 cannot be sent to; nor a message longer than a datagram");
	EXPECT(sip_transport_listen(all, SIP_TP_UDP, &a) == 0);
	to = (struct sip_flow){ .tp = sip_transport_for(all, SIP_TP_UDP, &a), .remote = addr("127.0.0.1", 0) };
	EXPECT(sip_transport_send(&to, small, 1) == -EINVAL);
	to.remote = addr("127.0.0.1", 9);
	static char huge[70000];
	EXPECT(sip_transport_send(&to, huge, sizeof(huge)) == -EMSGSIZE);
	btw("nobody listening there is no error: UDP does not tell");
	EXPECT(sip_transport_send(&to, small, 1) == 0);
	EXPECT(sip_transport_send(&to, small, 1) == 0);
	btw("no way there is one, at once: the next address is tried");
	no_way = ENETUNREACH;
	EXPECT(sip_transport_send(&to, small, 1) == -ENETUNREACH);
	btw("a full socket is none: it will be sent again");
	no_way = EAGAIN;
	EXPECT(sip_transport_send(&to, small, 1) == 0);
	no_way = 0;
	sip_transport_close_all(all);
}

static void test_equal(void)
{
	struct osmo_sockaddr a = addr("192.0.2.1", 1), b = addr("192.0.2.1", 2), c = addr("192.0.2.2", 1);
	struct osmo_sockaddr d = addr("2001:db8::1", 1), e = addr("2001:db8::1", 2);

	btw("addresses, with and without port");
	EXPECT(sip_addr_equal(&a, &b, false) && !sip_addr_equal(&a, &b, true) && !sip_addr_equal(&a, &c, false));
	EXPECT(sip_addr_equal(&d, &e, false) && !sip_addr_equal(&d, &e, true) && !sip_addr_equal(&a, &d, false));
}

static bool have_ipv6(void)
{
	struct osmo_sockaddr a = addr("::1", 0);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool ok = fd >= 0 && bind(fd, &a.u.sa, sizeof(a.u.sin6)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

int main(void)
{
	void *root = talloc_named_const(NULL, 0, "sip_transport_test");

	story_init(root);
	sip_msg_init();
	fake_time_start();
	ctx = talloc_named_const(root, 0, "test");
	all = sip_transports_alloc(ctx, rx_cb, NULL);
	wire_trace_hook = wire_cb;

	test_via("127.0.0.1", "127.0.0.1");
	test_via("127.0.0.1", "127.0.0.2");
	EXPECT(n_wire_rx == 8 && n_wire_tx == 8);
	test_home("0.0.0.0", "127.0.0.7", "127.0.0.1");
	test_home("0.0.0.0", "127.0.0.8", "127.0.0.9");
	test_home("::", "::1", "::1");
	test_burst();
	btw("our address as others see it");
	show_local("127.0.0.1", "127.0.0.9");
	show_local("0.0.0.0", "127.0.0.9");
	test_errors();
	test_equal();

	if (!have_ipv6())
		return 77; /* skipped, as far as autotest is concerned */
	test_via("::1", "::1");
	test_listen();
	btw("our address as others see it");
	show_local("::", "::1");

	sip_transports_free(all);
	EXPECT(talloc_total_blocks(ctx) == 1);
	btw("done");
	return 0;
}
