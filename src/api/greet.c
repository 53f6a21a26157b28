// SPDX-License-Identifier: Apache-2.0
#include "api/greet.h"

#include "api/listen.h"
#include "api/tls.h"
#include "base/clock.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>

struct ax_str ax_header(struct MHD_Connection *c, const char *name)
{
    return ax_str(MHD_lookup_connection_value(c, MHD_HEADER_KIND, name));
}

static struct ax_str kept_header(struct ax_request *q, struct MHD_Connection *c, const char *name)
{
    struct ax_str v = ax_header(c, name);
    return v.n ? ax_arena_str(&q->arena, v) : v;
}

/* The address's bytes; an IPv4 address that came over IPv6 as what it is. */
static struct ax_str peer_of(struct ax_request *q, struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr)
        return AX_STR_NULL;
    const struct sockaddr_in *v4 = (const void *)info->client_addr;
    const struct sockaddr_in6 *v6 = (const void *)info->client_addr;
    struct ax_str bytes = AX_STR_NULL;
    if (info->client_addr->sa_family == AF_INET)
        bytes = (struct ax_str){(const char *)&v4->sin_addr, 4};
    else if (info->client_addr->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        bytes = (struct ax_str){(const char *)&v6->sin6_addr + 12, 4};
    else if (info->client_addr->sa_family == AF_INET6)
        bytes = (struct ax_str){(const char *)&v6->sin6_addr, 16};
    return bytes.n ? ax_arena_str(&q->arena, bytes) : bytes;
}

/* A certificate counts where nothing is said in words. */
static void read_certificate(struct ax_request *q, struct MHD_Connection *c, struct ax_claim *claim)
{
    const struct ax_tls *tls = ax_api_rooms(q->api)->tls;
    if (claim->x_auth_token.n || claim->authorization.n || !q->tls || !ax_tls_client_ca(tls))
        return;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info && info->socket_context)
        ax_tls_peer_look(info->socket_context, c, ax_now_ms(), &claim->certificate,
                         &claim->certificate_fault);
}

/* A browser tells whose page makes it post. */
static bool is_others_page(struct MHD_Connection *c)
{
    struct ax_str host = ax_header(c, "Host"), origin = ax_header(c, "Origin");
    struct ax_str rest = origin, scheme;
    if (origin.n == 0)
        return false;
    if (!ax_str_cut(&rest, ':', &scheme) || !ax_str_starts(rest, AX_STR("//")))
        return true;
    return !ax_str_eq((struct ax_str){rest.p + 2, rest.n - 2}, host);
}

/* Pages of other sites, in a browser on this machine, must not speak to a server that asks for no
 * password: only names of this machine are served, and only pages of our own may post. A token is
 * nothing that a browser sends by itself; a certificate is. */
static bool from_elsewhere(struct MHD_Connection *c)
{
    struct ax_str host = ax_header(c, "Host");
    return (host.n && !ax_host_is_loopback(host)) || is_others_page(c);
}

/* Without authentication; and whoever can open the unix socket (mode 0600) owns the data
 * directory, and could make themselves any token. */
static const struct ax_who anybody = {
    .roles = AX_ROLE_PROVIDER, .tenant = "default", .name = "anybody"};

void ax_greeting_begin(struct ax_greeting *g, struct ax_request *q, struct MHD_Connection *c,
                       bool is_unix)
{
    struct ax_auth *auth = ax_api_rooms(q->api)->auth;
    *g = (struct ax_greeting){.asked = kept_header(q, c, "X-Scope-OrgID")};
    q->greeting = g;
    if (g->asked.n == 0)
        g->asked = kept_header(q, c, "X-Tenant-Id");
    if (is_unix || !auth) {
        q->who = anybody;
        if (!auth) /* who is everybody is also the owner of everything */
            q->who.roles |= AX_ROLE_MEMBER;
        g->from_elsewhere = !is_unix && from_elsewhere(c);
        return;
    }
    g->claim = (struct ax_claim){.x_auth_token = kept_header(q, c, "X-Auth-Token"),
                                 .authorization = kept_header(q, c, "Authorization"),
                                 .peer = peer_of(q, c)};
    read_certificate(q, c, &g->claim);
    g->judged = true;
    g->from_elsewhere = g->claim.certificate.n && is_others_page(c);
    g->rc = ax_auth_check_quick(auth, &g->claim, ax_now_ms(), &q->who, &g->err);
    g->slow = g->rc == -EINPROGRESS;
}

void ax_greeting_ask(struct ax_greeting *g, struct ax_request *q)
{
    g->rc = ax_auth_check(ax_api_rooms(q->api)->auth, &g->claim, ax_now_ms(), &q->who, &g->err);
}

void ax_greet_refuse(struct ax_request *q, struct ax_reply *r, const struct ax_err *err)
{
    r->allow = NULL;
    switch (err->code) {
    case -EPERM: ax_refuse(q, r, 403, "forbidden", err->text); break;
    case -EINVAL: ax_refuse(q, r, 400, "bad_request", err->text); break;
    case -EAGAIN:
        ax_refuse(q, r, 429, "too_many_requests", err->text);
        r->retry_after = 3;
        break;
    case -EBUSY:
    case -EHOSTUNREACH:
        ax_refuse(q, r, 503, "unavailable", err->text);
        r->retry_after = 2;
        break;
    default:
        ax_refuse(q, r, 401, "unauthorized", err->text);
        r->who_asks = true;
        break;
    }
}

bool ax_greet(const struct ax_greeting *g, struct ax_request *q, const struct ax_route *route,
              struct ax_reply *r)
{
    struct ax_err err = g->err;
    if (g->from_elsewhere) {
        ax_refuse(q, r, 403, "forbidden",
                  "this server answers only to names of this machine (localhost, 127.0.0.1) and to "
                  "its own pages");
        return false;
    }
    if (route && (route->methods & AX_OPEN))
        return true;
    int rc = g->rc;
    if (rc == 0 && route && (route->methods & AX_JSON) &&
        !ax_str_eq(q->content_type, AX_STR("application/json"))) {
        ax_refuse(q, r, 400, "bad_request", "the Content-Type must be application/json");
        return false;
    }
    if (rc == 0 && route)
        rc = ax_who_may(&q->who, route->may, &err);
    if (rc == 0)
        rc = ax_who_tenant(&q->who, g->asked, &q->tenant, &err);
    if (rc < 0)
        ax_greet_refuse(q, r, &err);
    return rc == 0;
}
