// SPDX-License-Identifier: Apache-2.0
/* Notifications to receivers on loopback: how long from the transaction to the receiver, alone and
 * while others are committed, and how many a second per type.
 *
 *     bench-notify [COUNT [DIRECTORY]]     2000 notifications per type; the database in DIRECTORY
 *
 * The receivers answer at once and know just enough of HTTP and SMTP. Rate limits are off. */
#include "notify/notify.h"
#include "base/clock.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BUF_SIZE (1 << 20)
#define PACED    500
#define STEADY   2000
#define STEADY_S 200 /* a second */

static struct ax_sql *sql;
static struct ax_notify *notify;
static _Atomic int64_t arrived_ns;
static atomic_int arrivals;
static int64_t seen_ns[STEADY]; /* by the number at the end of the alarm's id */

static void arrive(const char *body)
{
    const char *number = strstr(body, "-4000-8000-");
    long n = number ? strtol(number + 11, NULL, 10) : STEADY;
    arrived_ns = ax_mono_ns();
    if (n < STEADY)
        seen_ns[n] = arrived_ns;
    arrivals++;
}

static bool say(int fd, const char *text)
{
    size_t n = strlen(text);
    return send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* ---- receivers: a thread per connection ---- */

static void *talk_http(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char *buf = ax_malloc(BUF_SIZE);
    size_t n = 0;
    ssize_t got;
    while ((got = recv(fd, buf + n, BUF_SIZE - 1 - n, 0)) > 0) {
        n += (size_t)got;
        buf[n] = 0;
        char *end = strstr(buf, "\r\n\r\n"), *length = strcasestr(buf, "Content-Length: ");
        if (!end || !length || n < (size_t)(end + 4 - buf) + strtoul(length + 16, NULL, 10))
            continue;
        arrive(end);
        n = 0;
        if (!say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
            break;
    }
    close(fd);
    free(buf);
    return NULL;
}

static void *talk_smtp(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char *buf = ax_malloc(BUF_SIZE);
    size_t n = 0;
    ssize_t got;
    bool data = false, ok = say(fd, "220 here\r\n");
    while (ok && (got = recv(fd, buf + n, BUF_SIZE - 1 - n, 0)) > 0) {
        n += (size_t)got;
        buf[n] = 0;
        if (data ? !strstr(buf, "\r\n.\r\n") : buf[n - 1] != '\n')
            continue;
        if (data)
            arrive("");
        bool begins = !data && strncmp(buf, "DATA", 4) == 0;
        ok = say(fd, begins ? "354 go\r\n" : "250 OK\r\n");
        data = begins;
        n = 0;
    }
    close(fd);
    free(buf);
    return NULL;
}

struct listener {
    int fd, port;
    void *(*talk)(void *arg);
};

static void *accept_all(void *arg)
{
    struct listener *l = arg;
    for (int fd; (fd = accept(l->fd, NULL, NULL)) >= 0;) {
        pthread_t t;
        if (pthread_create(&t, NULL, l->talk, (void *)(intptr_t)fd) == 0)
            pthread_detach(t);
    }
    return NULL;
}

static void listen_on(struct listener *l, void *(*talk)(void *arg))
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    pthread_t t;
    l->talk = talk;
    l->fd = socket(AF_INET, SOCK_STREAM, 0);
    AX_ASSERT(bind(l->fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(l->fd, 128) == 0);
    getsockname(l->fd, (struct sockaddr *)&a, &n);
    l->port = ntohs(a.sin_port);
    AX_ASSERT(pthread_create(&t, NULL, accept_all, l) == 0);
    pthread_detach(t);
}

static void *read_log(void *arg)
{
    char line[9000];
    while (recv((int)(intptr_t)arg, line, sizeof line, 0) > 0)
        arrive("");
    return NULL;
}

static void listen_log(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    pthread_t t;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    AX_ASSERT(bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
    AX_ASSERT(pthread_create(&t, NULL, read_log, (void *)(intptr_t)fd) == 0);
    pthread_detach(t);
}

/* ---- measuring ---- */

static struct ax_str method(const char *type, const char *address, struct ax_arena *a)
{
    struct ax_notify_method m;
    struct ax_err err = {0};
    struct ax_notify_fields f = {ax_str(type), ax_str(type), ax_str(address), 0};
    if (ax_notify_create(notify, AX_STR("t1"), &f, a, &m, &err) < 0) {
        fprintf(stderr, "bench-notify: %s\n", err.text);
        exit(1);
    }
    return m.id;
}

static void queue(struct ax_str id, int n)
{
    char alarm[40];
    snprintf(alarm, sizeof alarm, "5c1e8f0a-0000-4000-8000-%012d", n);
    struct ax_notice x = {
        .tenant = AX_STR("t1"),
        .alarm = ax_str(alarm),
        .definition = AX_STR("0d7a3f6e-1111-4222-8333-444455556666"),
        .name = AX_STR("cpu high"),
        .description = AX_STR("The CPU is busy"),
        .severity = AX_STR("HIGH"),
        .state = AX_STR("OK"), /* which no Alertmanager is told again */
        .old_state = AX_STR("ALARM"),
        .reason = AX_STR("Thresholds were exceeded for the sub-alarms: avg(cpu) > 90"),
        .time = 1795314600000 + n,
        .metrics = AX_STR("[{\"name\":\"cpu.percent\",\"dimensions\":{\"hostname\":\"web1\","
                          "\"service\":\"compute\",\"zone\":\"nova\"}}]"),
    };
    AX_ASSERT(ax_notify_queue(notify, &id, 1, &x, NULL) == 0);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void wait_for(int count)
{
    int64_t until = ax_mono_ns() + 120000000000ll;
    while (arrivals < count && ax_mono_ns() < until)
        usleep(100);
    AX_ASSERT(arrivals >= count);
}

static void tell(const char *what, int64_t *begun, int64_t *committed, size_t n)
{
    qsort(begun, n, sizeof begun[0], by_value);
    qsort(committed, n, sizeof committed[0], by_value);
    printf("latency to the receiver, %zu webhooks %s, ms: p50 %.2f p99 %.2f from the transaction's "
           "begin; p50 %.2f p99 %.2f from its commit\n",
           n, what, (double)begun[n / 2] / 1e6, (double)begun[n * 99 / 100] / 1e6,
           (double)committed[n / 2] / 1e6, (double)committed[n * 99 / 100] / 1e6);
}

/* A transaction with one notification; the times of its begin and its commit. */
static void commit_one(struct ax_str id, int n, int64_t *begin, int64_t *end)
{
    *begin = ax_mono_ns();
    AX_ASSERT(ax_sql_begin(sql, NULL) == 0);
    queue(id, n);
    AX_ASSERT(ax_sql_end(sql, 0, NULL) == 0);
    *end = ax_mono_ns();
    ax_notify_wake(notify);
}

static void pace(struct ax_str id)
{
    static int64_t begun[PACED], committed[PACED];
    for (int i = 0; i < PACED; i++) {
        int before = arrivals;
        int64_t begin, end;
        commit_one(id, 1000000 + i, &begin, &end);
        wait_for(before + 1);
        begun[i] = arrived_ns - begin;
        committed[i] = arrived_ns - end;
        ax_sleep_ms(5);
    }
    tell("one after another", begun, committed, PACED);
}

/* So many a second, whether or not the one before has arrived. */
static void steady(struct ax_str id)
{
    static int64_t begun[STEADY], committed[STEADY];
    int before = arrivals;
    int64_t start = ax_mono_ns();
    for (int i = 0; i < STEADY; i++) {
        int64_t wait = start + (int64_t)i * (1000000000 / STEADY_S) - ax_mono_ns();
        if (wait > 0)
            usleep((useconds_t)(wait / 1000));
        commit_one(id, i, &begun[i], &committed[i]);
    }
    double rate = STEADY / ((double)(ax_mono_ns() - start) / 1e9);
    wait_for(before + STEADY);
    for (int i = 0; i < STEADY; i++) {
        begun[i] = seen_ns[i] - begun[i];
        committed[i] = seen_ns[i] - committed[i];
    }
    char what[60];
    snprintf(what, sizeof what, "at %.0f transactions a second", rate);
    tell(what, begun, committed, STEADY);
}

static uint64_t sent_of(enum ax_notify_type type)
{
    struct ax_notify_stats s;
    ax_notify_stats(notify, &s);
    return s.by_type[type].sent;
}

static void rush(enum ax_notify_type type, struct ax_str id, int count)
{
    uint64_t sent = sent_of(type);
    AX_ASSERT(ax_sql_begin(sql, NULL) == 0);
    int64_t queueing = ax_cpu_ns();
    for (int i = 0; i < count; i++)
        queue(id, STEADY + i);
    queueing = ax_cpu_ns() - queueing;
    AX_ASSERT(ax_sql_end(sql, 0, NULL) == 0);
    int64_t start = ax_mono_ns(), cpu = ax_cpu_ns();
    ax_notify_wake(notify);
    while (sent_of(type) < sent + (uint64_t)count)
        ax_sleep_ms(1);
    double s = (double)(ax_mono_ns() - start) / 1e9;
    printf("%-21s %6d in %6.2f s: %7.0f a second, %.2f CPU-seconds with the receiver; queueing one "
           "took %.0f us of CPU\n",
           ax_notify_type_name(type), count, s, count / s, (double)(ax_cpu_ns() - cpu) / 1e9,
           (double)queueing / 1e3 / count);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2000;
    char dir[200], path[256], url[80], smtp[80], log[230], script[230];
    struct listener http, mail;
    struct ax_err err = {0};
    struct ax_arena a = AX_ARENA_INIT;
    snprintf(dir, sizeof dir, "%s/bench-notify-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    AX_ASSERT(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/registry.db", dir);
    snprintf(log, sizeof log, "%s/log", dir);
    snprintf(script, sizeof script, "%s/true", dir);
    FILE *f = fopen(script, "w");
    AX_ASSERT(f && fputs("#!/bin/sh\nexit 0\n", f) > 0 && fclose(f) == 0);
    AX_ASSERT(chmod(script, 0755) == 0);
    listen_on(&http, talk_http);
    listen_on(&mail, talk_smtp);
    listen_log(log);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", http.port);
    snprintf(smtp, sizeof smtp, "smtp://127.0.0.1:%d", mail.port);
    struct ax_notify_options o = {.rate = 1e9,
                                  .burst = 1000000000,
                                  .smtp_url = smtp,
                                  .pagerduty_url = url,
                                  .syslog_path = log,
                                  .script_dir = dir};
    if (ax_sql_open(&sql, path, &err) < 0 || ax_notify_open(&notify, sql, &o, &err) < 0) {
        fprintf(stderr, "bench-notify: %s\n", err.text);
        return 1;
    }
    static const char *const types[] = {
        "WEBHOOK", "SLACK", "PAGERDUTY", "ALERTMANAGER", "ALERTMANAGER_WEBHOOK",
        "SYSLOG",  "EMAIL", "SCRIPT"};
    static const enum ax_notify_type ids[] = {AX_NOTIFY_WEBHOOK,
                                              AX_NOTIFY_SLACK,
                                              AX_NOTIFY_PAGERDUTY,
                                              AX_NOTIFY_ALERTMANAGER,
                                              AX_NOTIFY_ALERTMANAGER_WEBHOOK,
                                              AX_NOTIFY_SYSLOG,
                                              AX_NOTIFY_EMAIL,
                                              AX_NOTIFY_SCRIPT};
    for (size_t i = 0; i < AX_ARRAY_LEN(ids); i++) {
        const char *to = ids[i] == AX_NOTIFY_SYSLOG   ? "local0"
                         : ids[i] == AX_NOTIFY_EMAIL  ? "ops@example.org"
                         : ids[i] == AX_NOTIFY_SCRIPT ? "true"
                                                      : url;
        struct ax_str id = method(types[i], to, &a);
        if (i == 0) {
            pace(id);
            steady(id);
        }
        rush(ids[i], id, count);
    }
    ax_notify_close(notify);
    ax_sql_close(sql);
    ax_arena_free(&a);
    return ax_remove_tree(dir, &err) < 0;
}
