// SPDX-License-Identifier: Apache-2.0
/* From the first line of a request to the end of its answer. */
#include "api/exchange_inner.h"

#include "api/tls.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS          8
#define MAX_CONNECTIONS  1024
#define IDLE_SECONDS     120
#define CONNECTION_BYTES (64u * 1024)
#define EXPECTED_BYTES   (1u << 20)
#define FORM_BYTES       (1u << 20) /* what is longer is no form: curl calls every body one */

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
    struct ax_exchange *x = ax_calloc(1, sizeof *x);
    x->all = cls;
    x->q.api = x->all->api;
    x->connection = c;
    x->r = (struct ax_reply){.status = 200, .type = "application/json"};
    x->q.body.max = AX_INGEST_MAX_BODY;
    x->uri = ax_arena_cstr(&x->q.arena, ax_str(uri));
    return x;
}

static void on_done(void *cls, struct MHD_Connection *c, void **con,
                    enum MHD_RequestTerminationCode why)
{
    struct ax_exchange *x = *con;
    if (!x)
        return;
    ax_sending_end(&x->sending);
    ax_buf_free(&x->r.body);
    ax_budget_give(ax_api_budget(x->q.api), x->q.held);
    ax_buf_free(&x->q.body);
    ax_arena_free(&x->q.arena);
    free(x);
    *con = NULL;
}

/* ---- the head: who it is and what they want, before the body is taken ---- */

static bool mentions(struct ax_str s, const char *word)
{
    return s.p && memmem(s.p, s.n, word, strlen(word));
}

static void read_head(struct ax_exchange *x)
{
    struct ax_request *q = &x->q;
    struct ax_str rest = ax_str(x->uri), path;
    q->uri = rest;
    ax_str_cut(&rest, '?', &path);
    q->path = ax_url_decode(&q->arena, path, false);
    if (rest.p)
        ax_params_parse(q, rest);
    q->content_type = ax_header(x->connection, "Content-Type");
    q->content_encoding = ax_header(x->connection, "Content-Encoding");
    q->commit_now = ax_str_eq(ax_header(x->connection, "X-Auspex-Commit"), AX_STR("now"));
    q->if_none_match = ax_header(x->connection, "If-None-Match");
    q->last_event_id = ax_header(x->connection, "Last-Event-ID");
    q->host = ax_header(x->connection, "Host");
    struct ax_str accept = ax_header(x->connection, "Accept");
    q->accepts_json = mentions(accept, "application/json") && !mentions(accept, "text/html");
    q->accepts_gzip = mentions(ax_header(x->connection, "Accept-Encoding"), "gzip");
}

/* Makes room at once for what is announced, within reason: it may never come. */
static void expect_body(struct ax_buf *body, struct ax_str length)
{
    uint64_t n;
    if (ax_str_u64(length, &n) && n > 0 && n <= EXPECTED_BYTES)
        ax_buf_reserve(body, (size_t)n);
}

static void be_greeted(struct ax_exchange *x)
{
    bool welcome = ax_greet(&x->greeting, &x->q, x->route, &x->r) && x->route;
    x->stage = welcome ? WELCOME : TURNED_AWAY;
    if (welcome && x->route->methods & AX_OPEN)
        x->q.body.max = AX_OPEN_BODY;
    else if (welcome)
        expect_body(&x->q.body, ax_header(x->connection, "Content-Length"));
}

static void ask_who(void *arg)
{
    struct ax_exchange *x = arg;
    ax_greeting_ask(&x->greeting, &x->q);
    MHD_resume_connection(x->connection);
}

static bool known_method(const char *m, enum ax_method *out)
{
    *out = strcmp(m, "POST") == 0     ? AX_POST
           : strcmp(m, "PUT") == 0    ? AX_PUT
           : strcmp(m, "PATCH") == 0  ? AX_PATCH
           : strcmp(m, "DELETE") == 0 ? AX_DELETE
                                      : AX_GET;
    return *out != AX_GET || strcmp(m, "GET") == 0 || strcmp(m, "HEAD") == 0;
}

/* Without a route the reply says why; who may not know gets another. */
static void find_route(struct ax_exchange *x, const char *method)
{
    x->q.head = strcmp(method, "HEAD") == 0;
    if (known_method(method, &x->q.method)) {
        x->route = ax_route(&x->q, &x->r);
        return;
    }
    ax_refuse(&x->q, &x->r, 405, "method_not_allowed", "use GET, HEAD, POST, PUT, PATCH or DELETE");
    x->r.allow = "GET, HEAD, POST, PUT, PATCH, DELETE";
}

/* A body that is too much, or not wanted, is read to its end all the same, and forgotten: who is in
 * the middle of sending does not see an answer. */
static void take_body(struct ax_exchange *x, const char *data, size_t n)
{
    if (x->stage != WELCOME || x->busy || x->too_large)
        return;
    x->busy = !ax_request_hold(&x->q, n);
    if (!x->busy)
        ax_buf_add(&x->q.body, data, n);
    x->too_large = x->q.body.overflow;
    if (!x->busy && !x->too_large)
        return;
    ax_buf_free(&x->q.body);
    ax_budget_give(ax_api_budget(x->q.api), x->q.held);
    x->q.held = 0;
}

static enum MHD_Result answer(struct ax_exchange *x)
{
    ax_api_count(x->q.api, x->r.status);
    return ax_send(x->connection, &x->sending, &x->r) ? MHD_YES : MHD_NO;
}

/* Asking who it is may take its time, and then the connection is suspended; libmicrohttpd comes
 * with the same head again when it is resumed. */
static enum MHD_Result take_head(struct ax_exchange *x, bool is_unix, const char *method)
{
    if (x->stage == ARRIVED) {
        read_head(x);
        find_route(x, method);
        ax_greeting_begin(&x->greeting, &x->q, x->connection, is_unix);
        if (x->greeting.slow) {
            x->stage = ASKING;
            if (!ax_exchange_send_away(x, x->all->workers, ask_who))
                ax_greeting_ask(&x->greeting, &x->q);
            return MHD_YES;
        }
    }
    be_greeted(x);
    bool waits_for_us = ax_header(x->connection, "Expect").n > 0;
    return x->stage == TURNED_AWAY && waits_for_us ? answer(x) : MHD_YES;
}

/* The body is there. False: it has its answer. */
static bool read_form(struct ax_exchange *x)
{
    struct ax_request *q = &x->q;
    if (x->busy) {
        ax_refuse(q, &x->r, 429, "unavailable",
                  "too many large requests at once: try again in a second");
        x->r.retry_after = 1;
    } else if (x->too_large)
        ax_refuse(q, &x->r, 413, "too_large",
                  x->route->methods & AX_OPEN ? "the body has more than 4 KiB"
                                              : "the body has more than 16 MiB");
    else if (q->method != AX_GET && q->body.n <= FORM_BYTES &&
             ax_str_starts(q->content_type, AX_STR("application/x-www-form-urlencoded")))
        ax_params_parse(q, ax_arena_str(&q->arena, ax_buf_view(&q->body)));
    return !x->busy && !x->too_large;
}

/* libmicrohttpd calls it when the head is there, for each piece of the body, at its end, and again
 * when a suspended connection is resumed. */
static enum MHD_Result serve(struct ax_exchange *x, bool is_unix, const char *method,
                             const char *data, size_t *size)
{
    if (x->stage < WELCOME)
        return take_head(x, is_unix, method);
    if (*size) {
        take_body(x, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (x->answered || x->stage == TURNED_AWAY)
        return answer(x);
    return read_form(x) && ax_exchange_begin_answer(x) ? MHD_YES : answer(x);
}

static enum MHD_Result on_tcp(void *cls, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **con)
{
    return serve(*con, false, method, data, size);
}

static enum MHD_Result on_unix(void *cls, struct MHD_Connection *c, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **con)
{
    return serve(*con, true, method, data, size);
}

static enum MHD_Result on_tls(void *cls, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **con)
{
    struct ax_exchange *x = *con;
    x->q.tls = true;
    return serve(x, false, method, data, size);
}

/* What is known of a connection's client lives as long as it. */
static void on_connection(void *cls, struct MHD_Connection *c, void **peer,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *peer = ax_tls_peer_new();
    } else {
        ax_tls_peer_free(*peer);
        *peer = NULL;
    }
}

static struct MHD_Daemon *start(struct ax_exchanges *x, int fd, unsigned threads, unsigned flags,
                                MHD_AccessHandlerCallback handler, struct MHD_OptionItem *more)
{
    flags |= MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    return MHD_start_daemon(flags, 0, NULL, NULL, handler, x, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT,
                            MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
                            MHD_OPTION_URI_LOG_CALLBACK, on_uri, x, MHD_OPTION_NOTIFY_COMPLETED,
                            on_done, NULL, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

struct MHD_Daemon *ax_exchanges_serve(struct ax_exchanges *x, int fd, unsigned threads,
                                      bool is_unix)
{
    struct MHD_OptionItem none = {MHD_OPTION_END, 0, NULL};
    return start(x, fd, threads, 0, is_unix ? on_unix : on_tcp, &none);
}

struct MHD_Daemon *ax_exchanges_serve_tls(struct ax_exchanges *x, int fd, unsigned threads)
{
    const char *ca = ax_tls_client_ca(ax_api_rooms(x->api)->tls);
    struct MHD_OptionItem more[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)ax_tls_priorities},
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, ax_tls_chooser()},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, NULL},
        {ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, (void *)(uintptr_t)ca},
        {MHD_OPTION_END, 0, NULL}};
    return start(x, fd, threads, MHD_USE_TLS, on_tls, more);
}

void ax_exchanges_start(struct ax_exchanges *x, struct ax_api *api)
{
    *x = (struct ax_exchanges){api, ax_jobs_start(WORKERS), ax_jobs_start(1), ax_jobs_start(1)};
}

/* Each before those to whom it hands on. */
void ax_exchanges_end(struct ax_exchanges *x)
{
    ax_jobs_end(x->settler);
    ax_jobs_end(x->workers);
    ax_jobs_end(x->teller);
}

void ax_exchanges_free(struct ax_exchanges *x)
{
    ax_jobs_free(x->workers);
    ax_jobs_free(x->settler);
    ax_jobs_free(x->teller);
}
