// SPDX-License-Identifier: Apache-2.0
/* The server: its sockets, its threads, and what it counts. */
#include "api/exchange.h"
#include "api/extracts.h"
#include "api/inner.h"
#include "api/listen.h"
#include "base/clock.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TCP_THREADS  4 /* they only read, decode and send */
#define UNIX_THREADS 1
#define BODY_BYTES   (256u << 20)

struct ax_api {
    struct ax_api_options rooms;
    struct MHD_Daemon *tcp, *unix_socket;
    int port;
    int64_t started;
    _Atomic uint64_t by_class[6];
    struct ax_budget budget;
    struct ax_quotas *quotas;
    struct ax_extracts *extracts;
    struct ax_exchanges exchanges;
};

const struct ax_api_options *ax_api_rooms(const struct ax_api *api)
{
    return &api->rooms;
}

struct ax_budget *ax_api_budget(struct ax_api *api)
{
    return &api->budget;
}

struct ax_quotas *ax_api_quotas(const struct ax_api *api)
{
    return api->quotas;
}

struct ax_extracts *ax_api_extracts(const struct ax_api *api)
{
    return api->extracts;
}

int64_t ax_api_started(const struct ax_api *api)
{
    return api->started;
}

void ax_api_count(struct ax_api *api, int status)
{
    api->by_class[status / 100 % 6]++;
}

void ax_api_counts(const struct ax_api *api, uint64_t by_class[6])
{
    for (int i = 0; i < 6; i++)
        by_class[i] = api->by_class[i];
}

int ax_api_start(struct ax_api **out, const struct ax_api_options *o, struct ax_err *err)
{
    struct ax_api *api = ax_calloc(1, sizeof *api);
    api->rooms = *o;
    api->budget.max = o->max_body_bytes ? o->max_body_bytes : BODY_BYTES;
    api->quotas = ax_quotas_new(o->max_tenant_rate, o->max_tenant_queries);
    api->extracts = ax_extracts_new(o->warrants, o->relay);
    api->started = ax_now_ms();
    api->port = ax_listen_port(o->tcp_fd);
    ax_exchanges_start(&api->exchanges, api);
    api->tcp = o->tls ? ax_exchanges_serve_tls(&api->exchanges, o->tcp_fd, TCP_THREADS)
                      : ax_exchanges_serve(&api->exchanges, o->tcp_fd, TCP_THREADS, false);
    if (api->tcp && o->unix_fd >= 0)
        api->unix_socket = ax_exchanges_serve(&api->exchanges, o->unix_fd, UNIX_THREADS, true);
    if (!api->tcp || (o->unix_fd >= 0 && !api->unix_socket)) {
        ax_api_stop(api);
        return ax_fail(err, -EIO, "the HTTP server could not be started");
    }
    *out = api;
    return 0;
}

void ax_api_tick(struct ax_api *api, int64_t now_ns)
{
    ax_extracts_tick(api->extracts, now_ns);
}

void ax_api_stop(struct ax_api *api)
{
    if (!api)
        return;
    ax_faults_end(api->rooms.faults);
    ax_relay_end(api->rooms.relay);
    ax_exchanges_end(&api->exchanges); /* the daemons can't stop while a connection is suspended */
    ax_logs_flush(api->rooms.logs);    /* the same */
    if (api->unix_socket)
        MHD_stop_daemon(api->unix_socket);
    if (api->tcp)
        MHD_stop_daemon(api->tcp);
    ax_exchanges_free(&api->exchanges);
    ax_extracts_free(api->extracts);
    ax_quotas_free(api->quotas);
    free(api);
}

int ax_api_port(const struct ax_api *api)
{
    return api->port;
}
