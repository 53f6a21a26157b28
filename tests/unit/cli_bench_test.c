// SPDX-License-Identifier: Apache-2.0
/* The load generator: the same site in each run, values of the promised kinds, all of it sent, and
 * what a server answers is taken into account. */
#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <snappy-c.h>

#include "cli/bench_model.h"
#include "cli/bench_proc.h"
#include "cli/bench_send.h"
#include "cli/cli.h"

#define SERIES AX_BENCH_SERIES_PER_NODE
#define NODES  120u /* three hosts and their machines */
#define DAY    5760u

/* ---- the model ---- */

static void a_node_is_the_same_whatever_else_is_sent(void **state)
{
    struct ax_bench_model *all = ax_bench_model_new(0, NODES), *one = ax_bench_model_new(57, 1);
    double a[SERIES], b[SERIES];
    for (unsigned s = 0; s < SERIES; s++)
        assert_true(ax_str_eq(ax_bench_model_labels(all, 57, s).bytes,
                              ax_bench_model_labels(one, 0, s).bytes));
    assert_int_equal(ax_bench_model_offset(all, 57, 15000), ax_bench_model_offset(one, 0, 15000));
    for (unsigned k = 0; k < 100; k++) {
        ax_bench_model_step(all, 3, 15, a);
        ax_bench_model_step(all, 57, 15, a);
        ax_bench_model_step(one, 0, 15, b);
        assert_memory_equal(a, b, sizeof a);
    }
    ax_bench_model_free(all);
    ax_bench_model_free(one);
}

static void labels_are_as_long_as_exporters_write_them_and_never_twice(void **state)
{
    struct ax_bench_model *m = ax_bench_model_new(0, NODES);
    size_t bytes = 0, n = (size_t)NODES * SERIES;
    for (unsigned i = 0; i < n; i++) {
        struct ax_labels l = ax_bench_model_labels(m, i / SERIES, i % SERIES);
        struct ax_label label;
        AX_LABELS_EACH (l, label)
            bytes += label.name.n + label.value.n + 6; /* protobuf: three tags and lengths */
        for (unsigned k = 0; k < i; k++)
            assert_false(
                ax_str_eq(ax_bench_model_labels(m, k / SERIES, k % SERIES).bytes, l.bytes));
    }
    assert_in_range(bytes / n, 130, 150);
    ax_bench_model_free(m);
}

/* Every value of a day at once, by kind of its metric's name. */
static void values_are_of_the_kinds_that_are_promised(void **state)
{
    struct ax_bench_model *m = ax_bench_model_new(1, 39);
    double last[SERIES] = {0}, v[SERIES];
    unsigned moved_pages = 0, rare = 0;
    for (unsigned k = 0; k < DAY; k++, memcpy(last, v, sizeof v)) {
        ax_bench_model_step(m, 5, 15, v);
        for (unsigned s = 0; s < SERIES; s++) {
            struct ax_str name = ax_labels_get(ax_bench_model_labels(m, 5, s), AX_STR("__name__"));
            bool total = ax_str_ends(name, AX_STR("_total"));
            assert_true(isfinite(v[s]) && v[s] >= 0);
            if (total)
                assert_true(v[s] >= last[s]);
            if (ax_str_eq(name, AX_STR("vm_memory_used_bytes"))) {
                assert_true(fmod(v[s], 4096) == 0);
                moved_pages += k && v[s] != last[s];
            } else if (ax_str_ends(name, AX_STR("_percent"))) {
                assert_true(v[s] == round(v[s] * 100) / 100);
            } else if (ax_str_ends(name, AX_STR("major_faults_total"))) {
                rare += k && v[s] != last[s];
            } else if (ax_str_ends(name, AX_STR("errors_total")) ||
                       ax_str_starts(name, AX_STR("vm_memory_swap"))) {
                assert_true(v[s] == 0);
            } else if (k && (ax_str_ends(name, AX_STR("capacity_bytes")) ||
                             ax_str_eq(name, AX_STR("vm_vcpus")))) {
                assert_true(v[s] == last[s]);
            }
        }
    }
    assert_true(moved_pages > DAY / 20);
    assert_in_range(rare, 1, DAY / 100);
    ax_bench_model_free(m);
}

static void two_machines_of_five_idle(void **state)
{
    struct ax_bench_model *m = ax_bench_model_new(0, 4000);
    unsigned idle = 0, machines = 0;
    double v[SERIES];
    for (unsigned node = 0; node < 4000; node++) {
        struct ax_str name = ax_labels_get(ax_bench_model_labels(m, node, 3), AX_STR("__name__"));
        ax_bench_model_step(m, node, 15, v);
        if (!ax_str_eq(name, AX_STR("vm_cpu_usage_percent")))
            continue;
        machines++;
        idle += v[3] < 1;
    }
    assert_int_equal(machines, 3900);
    assert_in_range(idle, 1450, 1670);
    ax_bench_model_free(m);
}

static void names_are_told_once_each(void **state)
{
    size_t n = 0;
    for (; ax_bench_model_name(n); n++)
        for (size_t k = 0; k < n; k++)
            assert_string_not_equal(ax_bench_model_name(k), ax_bench_model_name(n));
    assert_int_equal(n, 49);
}

/* ---- sending: a server that decodes what it gets ---- */

#define ANSWERS_MAX 8

struct receiver {
    int fd;
    char url[64];
    const char *first[ANSWERS_MAX]; /* what is answered to the first requests; NULL: hangs up */
    unsigned special, requests;
    uint64_t samples;
    int64_t oldest, newest;
    pthread_t thread;
};

static size_t read_request(int fd, char *p, size_t cap)
{
    size_t n = 0, want = 0;
    while (n < cap && (want == 0 || n < want)) {
        ssize_t k = read(fd, p + n, cap - n);
        if (k <= 0)
            return 0;
        n += (size_t)k;
        char *end = memmem(p, n, "\r\n\r\n", 4), *length = memmem(p, n, "Content-Length: ", 16);
        if (want == 0 && end && length)
            want = (size_t)(end + 4 - p) + strtoul(length + 16, NULL, 10);
    }
    return n;
}

static uint64_t take_varint(struct ax_str *p)
{
    uint64_t v = 0;
    for (unsigned shift = 0;; shift += 7, p->p++, p->n--) {
        assert_true(p->n > 0 && shift < 64);
        v |= (uint64_t)((uint8_t)*p->p & 0x7f) << shift;
        if (!((uint8_t)*p->p & 0x80))
            break;
    }
    p->p++;
    p->n--;
    return v;
}

/* The next field of a message; all that we take apart hold bytes. */
static uint64_t take_field(struct ax_str *rest, struct ax_str *out)
{
    uint64_t tag = take_varint(rest), n = take_varint(rest);
    assert_true((tag & 7) == 2 && n <= rest->n);
    *out = (struct ax_str){rest->p, n};
    *rest = (struct ax_str){rest->p + n, rest->n - n};
    return tag >> 3;
}

static void take_sample(struct receiver *r, struct ax_str sample)
{
    assert_int_equal(sample.p[0], 1 << 3 | 1); /* the value */
    assert_int_equal(sample.p[9], 2 << 3);     /* the time */
    struct ax_str time = {sample.p + 10, sample.n - 10};
    int64_t t = (int64_t)take_varint(&time);
    r->samples++;
    r->oldest = r->oldest && r->oldest < t ? r->oldest : t;
    r->newest = r->newest > t ? r->newest : t;
}

static void take_in(struct receiver *r, struct ax_str request)
{
    static char plain[1 << 20];
    size_t n = sizeof plain;
    const char *head = memmem(request.p, request.n, "\r\n\r\n", 4);
    size_t body = request.n - (size_t)(head + 4 - request.p);
    assert_int_equal(snappy_uncompress(head + 4, body, plain, &n), SNAPPY_OK);
    struct ax_str all = {plain, n}, series, field;
    while (all.n) {
        assert_int_equal(take_field(&all, &series), 1);
        while (series.n)
            if (take_field(&series, &field) == 2)
                take_sample(r, field);
    }
}

static void *receive(void *self)
{
    struct receiver *r = self;
    static char request[1 << 20];
    for (int fd; (fd = accept(r->fd, NULL, NULL)) >= 0; close(fd))
        for (size_t n; (n = read_request(fd, request, sizeof request)) > 0;) {
            const char *answer = "HTTP/1.1 204 No Content\r\n\r\n";
            if (r->requests < r->special)
                answer = r->first[r->requests];
            r->requests++;
            if (!answer) { /* as if killed: nobody listens, either */
                shutdown(r->fd, SHUT_RDWR);
                break;
            }
            if (strstr(answer, " 204 "))
                take_in(r, (struct ax_str){request, n});
            assert_int_equal(write(fd, answer, strlen(answer)), strlen(answer));
        }
    return NULL;
}

static void receiver_open(struct receiver *r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    r->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(r->fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(getsockname(r->fd, (struct sockaddr *)&at, &n), 0);
    assert_int_equal(listen(r->fd, 8), 0);
    snprintf(r->url, sizeof r->url, "http://127.0.0.1:%d/w", ntohs(at.sin_port));
    pthread_create(&r->thread, NULL, receive, r);
}

static void receiver_close(struct receiver *r)
{
    shutdown(r->fd, SHUT_RDWR);
    pthread_join(r->thread, NULL);
    close(r->fd);
}

static struct ax_bench_sent sent_to(struct receiver *r, struct ax_bench_load load)
{
    struct ax_bench_sent sent;
    struct ax_err err;
    receiver_open(r);
    load.url = r->url;
    if (ax_bench_send(&load, &sent, &err) < 0)
        fail_msg("%s", err.text);
    receiver_close(r);
    free(sent.latency_ns);
    return sent;
}

#define LOAD                                                                                       \
    (struct ax_bench_load)                                                                         \
    {                                                                                              \
        .series = 1000, .rounds = 7, .batch = 250, .per_request = 1, .connections = 1,             \
        .first_ms = 1000000, .interval_ms = 15000                                                  \
    }

static void every_sample_is_sent_once(void **state)
{
    for (unsigned prebuild = 0; prebuild < 2; prebuild++)
        for (unsigned each = 1; each < 6; each += 2) {
            struct receiver r = {0};
            struct ax_bench_load load = LOAD;
            load.prebuild = prebuild;
            load.per_request = each;
            load.warm_up = 2;
            struct ax_bench_sent sent = sent_to(&r, load);
            assert_int_equal(r.samples, 9000);
            assert_int_equal(sent.warm_up.acknowledged, 2000);
            assert_int_equal(sent.measured.acknowledged, 7000);
            assert_int_equal(sent.end_ms, 1000000 + 9 * 15000);
            assert_in_range(r.oldest, 1000000, 1014999);
            assert_in_range(r.newest, 1000000 + 8 * 15000, sent.end_ms - 1);
            /* groups end with the warm-up: 2 rounds and 7, in groups of `each` */
            assert_int_equal(r.requests, 4 * ((2 + each - 1) / each + (7 + each - 1) / each));
            assert_int_equal(sent.requests, 4 * ((7 + each - 1) / each));
            assert_true(isnan(sent.measured.cpu_s)); /* nobody's pid was given */
        }
}

static void what_is_busy_is_tried_again(void **state)
{
    struct receiver r = {
        .special = 3,
        .first = {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
                  "HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nslow",
                  "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"}};
    struct ax_bench_sent sent = sent_to(&r, LOAD);
    assert_int_equal(sent.retries, 3);
    assert_int_equal(sent.refused, 0);
    assert_int_equal(sent.measured.acknowledged, 7000);
    assert_int_equal(r.samples, 7000);
    assert_true(sent.measured.wall_s >= 1); /* as the server had asked */
}

static void what_is_refused_is_told_with_the_servers_words(void **state)
{
    struct receiver r = {.special = 1,
                         .first = {"HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\ntoo old.\n"}};
    struct ax_bench_sent sent = sent_to(&r, LOAD);
    assert_int_equal(sent.refused, 250);
    assert_int_equal(sent.measured.acknowledged, 6750);
    assert_string_equal(sent.reason, "HTTP status 400: too old.");
}

static void a_server_that_is_killed_ends_it(void **state)
{
    struct receiver r = {.special = 3,
                         .first = {"HTTP/1.1 204 Yes\r\n\r\n", "HTTP/1.1 204 Yes\r\n\r\n", NULL}};
    struct ax_bench_load load = LOAD;
    load.until_gone = true;
    struct ax_bench_sent sent = sent_to(&r, load);
    assert_int_equal(sent.measured.acknowledged, 500);
    assert_int_equal(sent.unanswered, 250); /* and not one request more */
    assert_int_equal(r.requests, 3);
}

static void a_rate_is_kept(void **state)
{
    struct receiver r = {0};
    struct ax_bench_load load = LOAD;
    load.per_second = 10000; /* 7000 samples, of which the last 250 need not wait */
    struct ax_bench_sent sent = sent_to(&r, load);
    assert_true(sent.measured.wall_s > 0.6 && sent.measured.acknowledged == 7000);
}

static void nobody_there_is_an_error(void **state)
{
    struct ax_bench_sent sent;
    struct ax_err err;
    struct ax_bench_load load = LOAD;
    load.url = "http://127.0.0.1:1/w";
    assert_true(ax_bench_send(&load, &sent, &err) < 0);
    assert_non_null(strstr(err.text, "127.0.0.1:1"));
}

/* ---- the kernel's account ---- */

static void a_process_is_measured_from_outside(void **state)
{
    struct ax_proc before, after;
    struct ax_err err;
    volatile double x = 1;
    assert_int_equal(ax_proc_read(getpid(), &before, &err), 0);
    while (ax_proc_read(getpid(), &after, &err) == 0 && after.cpu_s < before.cpu_s + 0.05)
        for (unsigned i = 0; i < 1000000; i++)
            x = x * 1.0000001;
    assert_true(after.resident > 1 << 20 && after.peak >= after.resident);
    assert_true(ax_proc_read(INT32_MAX, &after, &err) < 0);
    assert_non_null(strstr(err.text, "2147483647"));
}

/* ---- flags ---- */

static void what_cannot_be_meant_is_refused(void **state)
{
    static const char *const wrong[][5] = {
        {"bench"},
        {"bench", "everything"},
        {"bench", "ingest", "--series", "0"},
        {"bench", "ingest", "--rounds", "many"},
        {"bench", "ingest", "--pid", "1"}, /* whose URL? */
        {"bench", "ingest", "--url", "ftp://x"},
        {"bench", "ingest", "--rate", "-1"},
        {"bench", "ingest", "--interval", "0s"},
        {"bench", "query", "--start", "1"},
        {"bench", "query", "--runs", "0"},
        {"bench", "recover", "all"},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(wrong); i++) {
        char words[5][16];
        char *argv[6];
        int argc = 0;
        for (; argc < 5 && wrong[i][argc]; argc++) {
            snprintf(words[argc], sizeof words[0], "%s", wrong[i][argc]);
            argv[argc] = words[argc];
        }
        argv[argc] = NULL;
        assert_int_equal(ax_cmd_bench(argc, argv), AX_EXIT_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_is_the_same_whatever_else_is_sent),
        cmocka_unit_test(labels_are_as_long_as_exporters_write_them_and_never_twice),
        cmocka_unit_test(values_are_of_the_kinds_that_are_promised),
        cmocka_unit_test(two_machines_of_five_idle),
        cmocka_unit_test(names_are_told_once_each),
        cmocka_unit_test(every_sample_is_sent_once),
        cmocka_unit_test(what_is_busy_is_tried_again),
        cmocka_unit_test(what_is_refused_is_told_with_the_servers_words),
        cmocka_unit_test(a_server_that_is_killed_ends_it),
        cmocka_unit_test(a_rate_is_kept),
        cmocka_unit_test(nobody_there_is_an_error),
        cmocka_unit_test(a_process_is_measured_from_outside),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
