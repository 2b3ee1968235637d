/* Preloaded into osmo-msc where the kernel has no SCTP (containers): gives it TCP sockets instead, so that it starts.
 * Nobody talks SS7 or SGs to it in this test. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol)
{
	static int (*real)(int domain, int type, int protocol);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "socket");
	return real(domain, type, protocol == IPPROTO_SCTP ? IPPROTO_TCP : protocol);
}

int setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	static int (*real)(int fd, int level, int name, const void *val, socklen_t len);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "setsockopt");
	return level == IPPROTO_SCTP ? 0 : real(fd, level, name, val, len);
}
