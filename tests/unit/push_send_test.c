// SPDX-License-Identifier: Apache-2.0
/* Sending to a server that comes, goes and refuses: nothing is lost, the order is kept. The server
 * is a small one on loopback; observations carry the number of the entry as their time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "push/push.h"
#include "push/spool.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEEN_MAX 4096

struct server {
    int listener, port;
    pthread_t thread;
    _Atomic int quit, status; /* status: of every answer */
    _Atomic int refuse;       /* the entry with this number gets 400 */
    _Atomic int n;
    int seen[SEEN_MAX]; /* numbers of entries taken (answered with 2xx) */
    char last_head[2048];
};

static size_t body_length(const char *head)
{
    const char *at = strstr(head, "Content-Length: ");
    return at ? strtoul(at + 16, NULL, 10) : 0;
}

static void answer(struct server *s, int fd, const char *head, const char *body)
{
    const char *at = strstr(body, "\"time\":");
    int number = at ? (int)strtol(at + 7, NULL, 10) : -1;
    int status = s->refuse && number == s->refuse ? 400 : s->status;
    if (status < 300 && s->n < SEEN_MAX)
        s->seen[s->n++] = number;
    snprintf(s->last_head, sizeof s->last_head, "%s", head);
    char text[128];
    int n = snprintf(text, sizeof text, "HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nno", status);
    (void)!write(fd, text, (size_t)n);
}

static void serve(struct server *s, int fd)
{
    static char buf[65536];
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, buf + n, sizeof buf - 1 - n, 0);
        if (got <= 0)
            return;
        n += (size_t)got;
        buf[n] = '\0';
        char *end = strstr(buf, "\r\n\r\n");
        if (!end || n < (size_t)(end + 4 - buf) + body_length(buf))
            continue;
        end[2] = '\0';
        answer(s, fd, buf, end + 4);
        n = 0;
    }
}

static void *run(void *arg)
{
    struct server *s = arg;
    while (!s->quit) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            break;
        struct timeval brief = {0, 200000};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
        serve(s, fd);
        close(fd);
    }
    return NULL;
}

/* port 0: any. The port can be listened on again after a stop. */
static void server_start(struct server *s, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t n = sizeof a;
    int one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->listener, 16), 0);
    getsockname(s->listener, (struct sockaddr *)&a, &n);
    s->port = ntohs(a.sin_port);
    s->quit = 0;
    if (!s->status)
        s->status = 204;
    pthread_create(&s->thread, NULL, run, s);
}

static void server_stop(struct server *s)
{
    s->quit = 1;
    shutdown(s->listener, SHUT_RDWR);
    close(s->listener);
    pthread_join(s->thread, NULL);
}

static struct ax_push *pusher(int port, const char *spool, uint64_t max)
{
    char url[64];
    struct ax_err err = {0};
    struct ax_push *p;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    struct ax_push_options o = {
        .url = url, .tenant = "t1", .token = "axt_1", .spool_dir = spool, .spool_max = max};
    if (ax_push_new(&p, &o, &err) < 0)
        fail_msg("%s", err.text);
    return p;
}

static void push_number(struct ax_push *p, int number)
{
    struct ax_observation o = {.time = number, .host = AX_STR("host:h")};
    ax_push_observation(p, &o);
}

static void wait_for(const struct server *s, int n)
{
    for (int i = 0; i < 1000 && s->n < n; i++)
        ax_sleep_ms(10);
    assert_int_equal(s->n, n);
}

static void expect_numbers(const struct server *s, int first, int last)
{
    assert_int_equal(s->n, last - first + 1);
    for (int i = first; i <= last; i++)
        assert_int_equal(s->seen[i - first], i);
}

static char *temp_dir(void)
{
    char pattern[] = "/tmp/push-test-XXXXXX";
    return strdup(mkdtemp(pattern));
}

static void remove_dir(char *dir)
{
    struct ax_spool s;
    assert_int_equal(ax_spool_open(&s, dir, 1 << 20, NULL), 0);
    while (ax_spool_oldest(&s))
        ax_spool_remove(&s, ax_spool_oldest(&s)->number);
    ax_spool_close(&s);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left in it */
    free(dir);
}

static int free_port(void)
{
    struct server s = {0};
    server_start(&s, 0);
    server_stop(&s);
    return s.port;
}

static void what_a_server_away_missed_comes_in_order_when_it_is_back(void **state)
{
    struct server s = {0};
    char *dir = temp_dir();
    int port = free_port();
    struct ax_push *p = pusher(port, dir, 0);
    for (int i = 1; i <= 60; i++)
        push_number(p, i);
    struct ax_push_stats stats = {0};
    while (!stats.retries) /* until it noticed that nobody answers */
        ax_push_stats(p, &stats);
    assert_true(stats.spool_entries > 0); /* more than the queue holds */
    server_start(&s, port);
    wait_for(&s, 60);
    for (int i = 61; i <= 65; i++)
        push_number(p, i);
    wait_for(&s, 65);
    expect_numbers(&s, 1, 65);
    do /* the answer to the last one may be on its way */
        ax_push_stats(p, &stats);
    while (stats.sent < 65);
    assert_int_equal(stats.sent, 65);
    assert_int_equal(stats.dropped, 0);
    assert_int_equal(stats.spool_entries, 0);
    ax_push_free(p);
    server_stop(&s);
    remove_dir(dir);
}

static void the_spool_outlives_the_process(void **state)
{
    struct server s = {0};
    char *dir = temp_dir();
    int port = free_port();
    struct ax_push *p = pusher(port, dir, 0);
    for (int i = 1; i <= 5; i++)
        push_number(p, i);
    ax_push_free(p);
    p = pusher(port, dir, 0);
    for (int i = 6; i <= 30; i++)
        push_number(p, i);
    server_start(&s, port);
    wait_for(&s, 30);
    expect_numbers(&s, 1, 30);
    ax_push_free(p);
    server_stop(&s);
    remove_dir(dir);
}

static void a_refused_entry_goes_alone(void **state)
{
    struct server s = {.refuse = 3};
    server_start(&s, 0);
    char *dir = temp_dir();
    struct ax_push *p = pusher(s.port, dir, 0);
    for (int i = 1; i <= 5; i++)
        push_number(p, i);
    wait_for(&s, 4);
    assert_int_equal(s.seen[2], 4);
    struct ax_push_stats stats;
    ax_push_free(p);
    server_stop(&s);
    p = pusher(s.port, dir, 0);
    ax_push_stats(p, &stats);
    assert_int_equal(stats.spool_entries, 0); /* the refused one is not kept for later */
    ax_push_free(p);
    remove_dir(dir);
}

static void a_busy_server_is_asked_again(void **state)
{
    static const int busy[] = {500, 503, 507, 429, 401};
    for (size_t i = 0; i < AX_ARRAY_LEN(busy); i++) {
        struct server s = {.status = busy[i]};
        server_start(&s, 0);
        struct ax_push *p = pusher(s.port, NULL, 0);
        push_number(p, 1);
        ax_sleep_ms(100);
        s.status = 204;
        wait_for(&s, 1);
        ax_push_free(p);
        server_stop(&s);
    }
}

static void samples_carry_the_headers_of_remote_write(void **state)
{
    struct server s = {0};
    server_start(&s, 0);
    struct ax_push *p = pusher(s.port, NULL, 0);
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    ax_batch_add(&b, (struct ax_labels){AX_STR("\x08__name__\x02up")}, &(struct ax_sample){1, 1},
                 1);
    ax_push_batch(p, &b);
    wait_for(&s, 1);
    ax_push_free(p);
    server_stop(&s);
    ax_arena_free(&a);
    assert_non_null(strstr(s.last_head, "POST /api/v1/write HTTP/1.1\r\n"));
    assert_non_null(strstr(s.last_head, "Content-Encoding: snappy\r\n"));
    assert_non_null(strstr(s.last_head, "Content-Type: application/x-protobuf\r\n"));
    assert_non_null(strstr(s.last_head, "X-Prometheus-Remote-Write-Version: 0.1.0\r\n"));
    assert_non_null(strstr(s.last_head, "X-Scope-OrgID: t1\r\n"));
    assert_non_null(strstr(s.last_head, "Authorization: Bearer axt_1\r\n"));
}

static void put(struct ax_spool *s, uint64_t number, const char *text)
{
    assert_int_equal(ax_spool_put(s, number, AX_SPOOL_OBSERVATION, ax_str(text), NULL), 0);
}

static void a_full_spool_loses_the_oldest_and_says_how_many(void **state)
{
    char *dir = temp_dir();
    struct ax_spool s;
    assert_int_equal(ax_spool_open(&s, dir, 25, NULL), 0);
    put(&s, 2, "0123456789");
    put(&s, 3, "0123456789");
    put(&s, 1, "abc"); /* older, though put later */
    assert_int_equal(ax_spool_oldest(&s)->number, 1);
    put(&s, 4, "0123456789");
    assert_int_equal(s.dropped, 2); /* 1 and 2 made room */
    assert_int_equal(ax_spool_oldest(&s)->number, 3);
    assert_int_equal(s.bytes, 20);
    struct ax_err err = {0};
    assert_true(ax_spool_put(&s, 5, AX_SPOOL_SAMPLES, AX_STR("longer than the whole spool"), &err) <
                0);
    assert_int_equal(s.bytes, 20); /* and nothing was thrown away for it */
    ax_spool_close(&s);
    assert_int_equal(ax_spool_open(&s, dir, 25, NULL), 0); /* as the next process finds it */
    assert_int_equal(s.bytes, 20);
    assert_int_equal(ax_spool_oldest(&s)->number, 3);
    assert_int_equal(ax_spool_next_number(&s), 5);
    ax_spool_close(&s);
    remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_server_away_missed_comes_in_order_when_it_is_back),
        cmocka_unit_test(the_spool_outlives_the_process),
        cmocka_unit_test(a_refused_entry_goes_alone),
        cmocka_unit_test(a_busy_server_is_asked_again),
        cmocka_unit_test(samples_carry_the_headers_of_remote_write),
        cmocka_unit_test(a_full_spool_loses_the_oldest_and_says_how_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
