// SPDX-License-Identifier: Apache-2.0
#include "api/listen.h"

#include "api/api.h"
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

bool ax_host_is_loopback(struct ax_str host_and_port)
{
    struct ax_str host, port;
    ax_address_split(host_and_port, &host, &port);
    return ax_str_eq(host, AX_STR("localhost")) || ax_str_eq(host, AX_STR("::1")) ||
           (ax_str_starts(host, AX_STR("127.")) && host.n <= 15) ||
           ax_str_ends(host, AX_STR(".localhost"));
}

int ax_listen_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return -1;
    if (a.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&a)->sin6_port);
    return ntohs(((struct sockaddr_in *)&a)->sin_port);
}

bool ax_listen_is_loopback(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return false;
    if (a.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&a)->sin6_addr);
    return ntohl(((struct sockaddr_in *)&a)->sin_addr.s_addr) >> 24 == 127;
}

static int bind_to(const struct addrinfo *ai, const char *where, struct ax_err *err)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd < 0)
        return ax_fail_errno(err, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, 512) == 0)
        return fd;
    int code = errno;
    close(fd);
    if (code == EADDRINUSE)
        return ax_fail(err, -code,
                       "%s is in use by another program: stop it, or choose another address with "
                       "--listen HOST:PORT",
                       where);
    errno = code;
    return ax_fail_errno(err, "cannot listen on %s", where);
}

int ax_listen_tcp(const char *where, bool anywhere, struct ax_err *err)
{
    struct ax_str host, port;
    char h[256], p[8];
    uint64_t number;
    ax_address_split(ax_str(where), &host, &port);
    if (!ax_str_u64(port, &number) || number > 65535 || host.n == 0 || host.n >= sizeof h)
        return ax_fail(err, -EINVAL, "\"%s\" is not HOST:PORT (e.g. 127.0.0.1:8070)", where);
    if (!anywhere && !ax_host_is_loopback(ax_str(where)))
        return ax_fail(err, -EINVAL,
                       "listening on %s would let anyone on the network in: ask for tokens with "
                       "--auth token (and make one with `auspex admin token add`), or listen on "
                       "127.0.0.1",
                       where);
    snprintf(h, sizeof h, "%.*s", AX_STR_ARG(host));
    snprintf(p, sizeof p, "%u", (unsigned)number);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *ai;
    int rc = getaddrinfo(h, p, &hints, &ai);
    if (rc != 0)
        return ax_fail(err, -EINVAL, "cannot find the address %s: %s", h, gai_strerror(rc));
    int fd = bind_to(ai, where, err);
    freeaddrinfo(ai);
    return fd;
}

int ax_listen_unix(const char *path, struct ax_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return ax_fail(err, -ENAMETOOLONG, "the socket path %s is too long", path);
    memcpy(a.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ax_fail_errno(err, "cannot make a socket");
    unlink(
        path); /* of a server that was killed; the data directory's lock keeps a living one safe */
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(path, 0600) < 0 ||
        listen(fd, 128) < 0) {
        int code = ax_fail_errno(err, "cannot listen on %s", path);
        close(fd);
        return code;
    }
    return fd;
}
