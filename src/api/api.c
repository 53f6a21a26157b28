// SPDX-License-Identifier: Apache-2.0
/* The server: sockets, and requests as libmicrohttpd brings them. */
#include "api/inner.h"

#include "api/listen.h"
#include "api/send.h"
#include "base/clock.h"
#include "ingest/ingest.h"
#include "intake/intake.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define POOL_THREADS     8
#define UNIX_THREADS     2
#define MAX_CONNECTIONS  1024
#define IDLE_SECONDS     120
#define CONNECTION_BYTES (64u * 1024)
#define EXPECTED_BYTES   (1u << 20)
#define BODY_BYTES       (256u << 20)
#define FORM_BYTES       (1u << 20) /* what is longer is no form: curl calls every body one */

struct ax_api {
    struct ax_api_options rooms;
    struct MHD_Daemon *tcp, *unix_socket;
    int port;
    int64_t started;
    _Atomic uint64_t by_class[6];
    struct ax_budget budget;
};

const struct ax_api_options *ax_api_rooms(const struct ax_api *api)
{
    return &api->rooms;
}

struct ax_budget *ax_api_budget(struct ax_api *api)
{
    return &api->budget;
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

/* One of these per request, from its first line to the end of the answer. */
struct exchange {
    struct ax_request q;
    const char *uri; /* in the arena */
    bool begun, too_large, busy;
    struct ax_sending sending;
};

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
    struct exchange *x = ax_calloc(1, sizeof *x);
    x->q.api = cls;
    x->q.body.max = AX_INGEST_MAX_BODY;
    x->uri = ax_arena_cstr(&x->q.arena, ax_str(uri));
    return x;
}

static void on_done(void *cls, struct MHD_Connection *c, void **con,
                    enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *con;
    if (!x)
        return;
    ax_sending_end(&x->sending);
    ax_budget_give(&x->q.api->budget, x->q.held);
    ax_buf_free(&x->q.body);
    ax_arena_free(&x->q.arena);
    free(x);
    *con = NULL;
}

static struct ax_str header(struct MHD_Connection *c, const char *name)
{
    return ax_str(MHD_lookup_connection_value(c, MHD_HEADER_KIND, name));
}

static int set_tenant(struct ax_request *q, struct MHD_Connection *c, struct ax_err *err)
{
    struct ax_str t = header(c, "X-Scope-OrgID");
    if (t.n == 0)
        t = header(c, "X-Tenant-Id");
    q->tenant = t.n ? ax_arena_str(&q->arena, t) : AX_STR("default");
    if (!ax_tenant_ok(q->tenant))
        return ax_fail(err, -EINVAL,
                       "the tenant in X-Scope-OrgID is invalid (expected 1 to 150 of letters, "
                       "digits and . _ @ -)");
    return 0;
}

/* Pages of other sites, in a browser on this machine, must not speak to a server that asks for no
 * password: only names of this machine are served, and only pages of our own may post. */
static bool from_elsewhere(struct MHD_Connection *c, bool is_unix)
{
    struct ax_str host = header(c, "Host"), origin = header(c, "Origin");
    if (is_unix)
        return false;
    if (host.n && !ax_host_is_loopback(host))
        return true;
    struct ax_str rest = origin, scheme;
    if (origin.n == 0)
        return false;
    if (!ax_str_cut(&rest, ':', &scheme) || !ax_str_starts(rest, AX_STR("//")))
        return true;
    return !ax_str_eq((struct ax_str){rest.p + 2, rest.n - 2}, host);
}

static void read_uri(struct exchange *x, struct MHD_Connection *c)
{
    struct ax_request *q = &x->q;
    struct ax_str rest = ax_str(x->uri), path;
    ax_str_cut(&rest, '?', &path);
    q->path = ax_url_decode(&q->arena, path, false);
    if (rest.p)
        ax_params_parse(q, rest);
    struct ax_str type = header(c, "Content-Type");
    if (q->method != AX_GET && q->body.n <= FORM_BYTES &&
        ax_str_starts(type, AX_STR("application/x-www-form-urlencoded")))
        ax_params_parse(q, ax_arena_str(&q->arena, ax_buf_view(&q->body)));
    q->content_type = type;
    q->content_encoding = header(c, "Content-Encoding");
    q->if_none_match = header(c, "If-None-Match");
    struct ax_str coding = header(c, "Accept-Encoding");
    q->accepts_gzip = coding.n && memmem(coding.p, coding.n, "gzip", 4);
}

static void answer(struct exchange *x, struct MHD_Connection *c, bool is_unix, struct ax_reply *r)
{
    struct ax_err err;
    if (from_elsewhere(c, is_unix))
        ax_reply_auspex_error(r, 403, "forbidden",
                              "this server answers only to names of this machine (localhost, "
                              "127.0.0.1) and to its own pages");
    else if (set_tenant(&x->q, c, &err) < 0)
        ax_reply_auspex_error(r, 400, "bad_request", err.text);
    else if (x->busy)
        ax_reply_busy(r);
    else if (x->too_large)
        ax_reply_auspex_error(r, 413, "too_large", "the body has more than 16 MiB");
    else {
        read_uri(x, c);
        ax_route(&x->q, r);
    }
}

static bool known_method(const char *m, enum ax_method *out)
{
    *out = strcmp(m, "POST") == 0 ? AX_POST : strcmp(m, "PUT") == 0 ? AX_PUT : AX_GET;
    return *out != AX_GET || strcmp(m, "GET") == 0 || strcmp(m, "HEAD") == 0;
}

/* Makes room at once for what is announced, within reason: it may never come. */
static void expect_body(struct ax_buf *body, struct ax_str length)
{
    uint64_t n;
    if (ax_str_u64(length, &n) && n > 0 && n <= EXPECTED_BYTES)
        ax_buf_reserve(body, (size_t)n);
}

/* A body that is too much is read to its end all the same: who is in the middle of sending does not
 * see an answer. */
static void take_body(struct exchange *x, const char *data, size_t n)
{
    if (x->busy || x->too_large)
        return;
    x->busy = !ax_request_hold(&x->q, n);
    if (!x->busy)
        ax_buf_add(&x->q.body, data, n);
    x->too_large = x->q.body.overflow;
    if (!x->busy && !x->too_large)
        return;
    ax_buf_free(&x->q.body);
    ax_budget_give(&x->q.api->budget, x->q.held);
    x->q.held = 0;
}

static enum MHD_Result serve(struct ax_api *api, bool is_unix, struct MHD_Connection *c,
                             const char *method, const char *data, size_t *size, void **con)
{
    struct exchange *x = *con;
    if (!x->begun) {
        x->begun = true;
        expect_body(&x->q.body, header(c, "Content-Length"));
        return MHD_YES;
    }
    if (*size) {
        take_body(x, data, *size);
        *size = 0;
        return MHD_YES;
    }
    struct ax_reply r = {.status = 200, .type = "application/json"};
    if (known_method(method, &x->q.method)) {
        answer(x, c, is_unix, &r);
    } else {
        ax_reply_auspex_error(&r, 405, "method_not_allowed", "use GET, HEAD, POST or PUT");
        r.allow = "GET, HEAD, POST, PUT";
    }
    ax_api_count(api, r.status);
    return ax_send(c, &x->sending, &r) ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_tcp(void *cls, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **con)
{
    return serve(cls, false, c, method, data, size, con);
}

static enum MHD_Result on_unix(void *cls, struct MHD_Connection *c, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **con)
{
    return serve(cls, true, c, method, data, size, con);
}

static struct MHD_Daemon *start(struct ax_api *api, int fd, unsigned threads,
                                MHD_AccessHandlerCallback handler)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handler, api, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_URI_LOG_CALLBACK, on_uri, api,
        MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_END);
}

int ax_api_start(struct ax_api **out, const struct ax_api_options *o, struct ax_err *err)
{
    struct ax_api *api = ax_calloc(1, sizeof *api);
    api->rooms = *o;
    api->budget.max = o->max_body_bytes ? o->max_body_bytes : BODY_BYTES;
    api->started = ax_now_ms();
    api->port = ax_listen_port(o->tcp_fd);
    api->tcp = start(api, o->tcp_fd, POOL_THREADS, on_tcp);
    if (api->tcp && o->unix_fd >= 0)
        api->unix_socket = start(api, o->unix_fd, UNIX_THREADS, on_unix);
    if (!api->tcp || (o->unix_fd >= 0 && !api->unix_socket)) {
        ax_api_stop(api);
        return ax_fail(err, -EIO, "the HTTP server could not be started");
    }
    *out = api;
    return 0;
}

void ax_api_stop(struct ax_api *api)
{
    if (!api)
        return;
    if (api->unix_socket)
        MHD_stop_daemon(api->unix_socket);
    if (api->tcp)
        MHD_stop_daemon(api->tcp);
    free(api);
}

int ax_api_port(const struct ax_api *api)
{
    return api->port;
}
