// SPDX-License-Identifier: Apache-2.0
#include "statsd/statsd.h"

#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bursts wait here while a flush is under way; the kernel may give less. */
#define BURST_BYTES (8 << 20)

int ax_statsd_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return -1;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

static int bind_to(const struct addrinfo *ai, const char *where, struct ax_err *err)
{
    if (!is_loopback(ai->ai_addr))
        return ax_fail(err, -EINVAL,
                       "--statsd %s is refused: statsd's datagrams do not say who sends them, so "
                       "only this machine is heard: use 127.0.0.1, and auspex or an agent on "
                       "machines that are to send from elsewhere",
                       where);
    int fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int bytes = BURST_BYTES, on = 1;
    if (fd < 0)
        return ax_fail_errno(err, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0)
        return fd;
    int rc = ax_fail_errno(err, "cannot take statsd's datagrams on %s", where);
    close(fd);
    return rc;
}

int ax_statsd_listen(const char *where, struct ax_err *err)
{
    struct ax_str host, port;
    char h[256], p[8];
    uint64_t number;
    ax_address_split(ax_str(where), &host, &port);
    if (!ax_str_u64(port, &number) || number > 65535 || host.n == 0 || host.n >= sizeof h)
        return ax_fail(err, -EINVAL, "\"%s\" is not HOST:PORT (e.g. 127.0.0.1:8125)", where);
    snprintf(h, sizeof h, "%.*s", AX_STR_ARG(host));
    snprintf(p, sizeof p, "%u", (unsigned)number);
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE}, *ai;
    int rc = getaddrinfo(h, p, &hints, &ai);
    if (rc != 0)
        return ax_fail(err, -EINVAL, "cannot find the address %s: %s", h, gai_strerror(rc));
    int fd = bind_to(ai, where, err);
    freeaddrinfo(ai);
    return fd;
}
