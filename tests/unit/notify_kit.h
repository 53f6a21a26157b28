// SPDX-License-Identifier: Apache-2.0
/* What the tests of notifications stand on: a database of their own, a receiver on loopback that
 * remembers what it got and behaves as told, notices. */
#ifndef NOTIFY_KIT_H
#define NOTIFY_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "notify/inner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define GOT_MAX 20000
#define TENANT  AX_STR("t1")

/* ---- a receiver ---- */

struct got {
    char *head, *body, key[64];
    int64_t at_ns;
};

struct receiver {
    int listener, port;
    pthread_t thread;
    atomic_bool quit;
    pthread_mutex_t lock;
    struct got got[GOT_MAX];
    int n;
    atomic_int asked, connections;
    /* what it does: these are set before it is asked */
    atomic_int status;    /* of its answers; 0: closes without one; -1: never answers */
    atomic_int bad_first; /* so many get 500 before that */
    const char *extra;    /* header lines */
    bool echo;            /* answers with what it was asked */
    atomic_int open;      /* connections that are open */
};

struct receiver_call {
    struct receiver *r;
    int fd;
};

static void receiver_keep(struct receiver *r, char *head, char *body)
{
    const char *key = strcasestr(head, "\nIdempotency-Key: ");
    struct got *g = &r->got[r->n];
    AX_ASSERT(r->n < GOT_MAX);
    *g = (struct got){.head = strdup(head), .body = strdup(body), .at_ns = ax_mono_ns()};
    if (key)
        snprintf(g->key, sizeof g->key, "%.*s", (int)strcspn(key + 18, "\r\n"), key + 18);
    r->n++;
}

/* True when the connection goes on. */
static bool receiver_answer(struct receiver *r, int fd, char *head, char *body)
{
    char text[512];
    pthread_mutex_lock(&r->lock);
    int status = r->asked++ < r->bad_first ? 500 : r->status;
    if (status >= 200 && status < 300)
        receiver_keep(r, head, body);
    pthread_mutex_unlock(&r->lock);
    while (status == -1 && !r->quit)
        ax_sleep_ms(10);
    if (status <= 0)
        return false;
    int echo = r->echo ? (int)strcspn(head, "\r") : 2;
    int n = snprintf(text, sizeof text, "HTTP/1.1 %d x\r\n%sContent-Length: %d\r\n\r\n%.*s", status,
                     r->extra ? r->extra : "", echo, echo, r->echo ? head : "no");
    return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *receiver_talk(void *arg)
{
    struct receiver_call call = *(struct receiver_call *)arg;
    size_t n = 0, cap = 1 << 20;
    char *buf = ax_malloc(cap);
    free(arg);
    while (!call.r->quit) {
        ssize_t got = recv(call.fd, buf + n, cap - 1 - n, 0);
        if (got <= 0 && !(got < 0 && errno == EAGAIN))
            break;
        n += got > 0 ? (size_t)got : 0;
        buf[n] = 0;
        char *end = strstr(buf, "\r\n\r\n"), *length = strcasestr(buf, "Content-Length: ");
        size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
        if (!end || n < (size_t)(end + 4 - buf) + body)
            continue;
        end[2] = 0;
        if (!receiver_answer(call.r, call.fd, buf, end + 4))
            break;
        n = 0;
    }
    close(call.fd);
    free(buf);
    call.r->open--;
    return NULL;
}

static void *receiver_run(void *arg)
{
    struct receiver *r = arg;
    while (!r->quit) {
        int fd = accept(r->listener, NULL, NULL);
        if (fd < 0)
            break;
        struct timeval brief = {0, 50000};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
        struct receiver_call *call = ax_malloc(sizeof *call);
        pthread_t thread;
        *call = (struct receiver_call){r, fd};
        r->open++;
        r->connections++;
        AX_ASSERT(pthread_create(&thread, NULL, receiver_talk, call) == 0);
        pthread_detach(thread);
    }
    return NULL;
}

static void receiver_listen(struct receiver *r)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)r->port)};
    socklen_t n = sizeof a;
    int one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    AX_ASSERT(bind(r->listener, (struct sockaddr *)&a, sizeof a) == 0);
    AX_ASSERT(listen(r->listener, 256) == 0);
    getsockname(r->listener, (struct sockaddr *)&a, &n);
    r->port = ntohs(a.sin_port);
    AX_ASSERT(pthread_create(&r->thread, NULL, receiver_run, r) == 0);
}

static __attribute__((unused)) struct receiver *receiver_new(int status)
{
    struct receiver *r = ax_calloc(1, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    r->status = status;
    receiver_listen(r);
    return r;
}

static __attribute__((unused)) void receiver_free(struct receiver *r)
{
    r->quit = true;
    shutdown(r->listener, SHUT_RDWR);
    close(r->listener);
    pthread_join(r->thread, NULL);
    while (r->open)
        ax_sleep_ms(5);
    for (int i = 0; i < r->n; i++) {
        free(r->got[i].head);
        free(r->got[i].body);
    }
    free(r);
}

static int receiver_count(struct receiver *r)
{
    pthread_mutex_lock(&r->lock);
    int n = r->n;
    pthread_mutex_unlock(&r->lock);
    return n;
}

/* Waits for so many; false when they don't come within that time. */
static __attribute__((unused)) bool receiver_waits(struct receiver *r, int n, int64_t ms)
{
    int64_t until = ax_mono_ns() + ms * 1000000;
    while (receiver_count(r) < n && ax_mono_ns() < until)
        ax_sleep_ms(2);
    return receiver_count(r) >= n;
}

static __attribute__((unused)) json_t *receiver_json(struct receiver *r, int i)
{
    assert_true(i < receiver_count(r));
    json_t *o = json_loads(r->got[i].body, 0, NULL);
    assert_non_null(o);
    return o;
}

/* ---- the room ---- */

static char kit_dir[64], kit_path[96];
static struct ax_sql *sql;
static struct ax_notify *notify;

static __attribute__((unused)) int kit_begin(void **state)
{
    snprintf(kit_dir, sizeof kit_dir, "/tmp/auspex-notify-XXXXXX");
    AX_ASSERT(mkdtemp(kit_dir));
    snprintf(kit_path, sizeof kit_path, "%s/registry.db", kit_dir);
    return ax_sql_open(&sql, kit_path, NULL);
}

static __attribute__((unused)) int kit_end(void **state)
{
    ax_notify_close(notify);
    ax_sql_close(sql);
    notify = NULL;
    return ax_remove_tree(kit_dir, NULL);
}

static void kit_open(const struct ax_notify_options *o)
{
    struct ax_err err = {0};
    if (ax_notify_open(&notify, sql, o, &err) < 0)
        fail_msg("%s", err.text);
}

/* A restart, as after a clean stop. */
static __attribute__((unused)) void kit_reopen(const struct ax_notify_options *o)
{
    ax_notify_close(notify);
    notify = NULL;
    kit_open(o);
}

/* The method's id; lives until the next 16 calls. */
static __attribute__((unused)) struct ax_str kit_method(const char *type, const char *address,
                                                        int64_t period)
{
    static char ids[16][AX_NOTIFY_ID], names[16][16];
    static unsigned turn;
    unsigned at = turn % 16;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notify_method m;
    struct ax_err err = {0};
    snprintf(names[at], sizeof names[at], "m%u", turn++);
    struct ax_notify_fields f = {ax_str(names[at]), ax_str(type), ax_str(address), period};
    if (ax_notify_create(notify, TENANT, &f, &a, &m, &err) < 0)
        fail_msg("%s", err.text);
    snprintf(ids[at], sizeof ids[at], "%s", m.id.p);
    ax_arena_free(&a);
    return ax_str(ids[at]);
}

static __attribute__((unused)) struct ax_str kit_webhook(struct receiver *r, int64_t period)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", r->port);
    return kit_method("WEBHOOK", url, period);
}

static struct ax_notice kit_notice(const char *alarm, const char *state, int64_t time)
{
    return (struct ax_notice){
        .tenant = TENANT,
        .alarm = ax_str(alarm),
        .definition = AX_STR("def-1"),
        .name = AX_STR("cpu high"),
        .description = AX_STR("The CPU is busy"),
        .severity = AX_STR("HIGH"),
        .state = ax_str(state),
        .old_state = ax_str(strcmp(state, "OK") == 0 ? "ALARM" : "OK"),
        .reason = AX_STR("Thresholds were exceeded"),
        .time = time,
        .metrics = AX_STR("[{\"name\":\"cpu.idle\",\"dimensions\":{\"hostname\":\"web1\","
                          "\"service.name\":\"shop\"}}]"),
        .link = AX_STR("http://runbook/1"),
        .lifecycle_state = AX_STR("OPEN"),
    };
}

static int kit_queue_rc(const struct ax_str *methods, size_t n, const struct ax_notice *x,
                        struct ax_err *err)
{
    int rc = ax_sql_begin(sql, err);
    if (rc == 0)
        rc = ax_sql_end(sql, ax_notify_queue(notify, methods, n, x, err), err);
    ax_notify_wake(notify);
    return rc;
}

static __attribute__((unused)) void kit_queue(struct ax_str method, const char *alarm,
                                              const char *state, int64_t time)
{
    struct ax_notice x = kit_notice(alarm, state, time);
    struct ax_err err = {0};
    if (kit_queue_rc(&method, 1, &x, &err) < 0)
        fail_msg("%s", err.text);
}

static __attribute__((unused)) int64_t kit_rows(void)
{
    struct ax_stmt q;
    ax_sql_lock(sql);
    ax_stmt_begin(&q, sql, "SELECT count(*) FROM outbox");
    int64_t n = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : -1;
    ax_stmt_end(&q, "counting in", NULL);
    ax_sql_unlock(sql);
    return n;
}

static __attribute__((unused)) bool kit_rows_become(int64_t n, int64_t ms)
{
    int64_t until = ax_mono_ns() + ms * 1000000;
    while (kit_rows() != n && ax_mono_ns() < until)
        ax_sleep_ms(5);
    return kit_rows() == n;
}

/* ---- a clock that the test moves ---- */

static _Atomic int64_t kit_time;

static int64_t kit_now(void *ctx)
{
    return kit_time;
}

static __attribute__((unused)) void kit_pass(int64_t ms)
{
    kit_time += ms;
    ax_notify_wake(notify);
}

static __attribute__((unused)) struct ax_notify_options kit_clock(void)
{
    kit_time = 1795314600000;
    return (struct ax_notify_options){.now = kit_now};
}

#endif
