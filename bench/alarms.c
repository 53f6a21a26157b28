// SPDX-License-Identifier: Apache-2.0
/* What do streaming alarms cost? Through the code that the server runs:
 *
 *   bench-alarms [DIR [PART]]  DIR (default /tmp) gets a directory for databases and stores; PART
 * is one of these:
 *
 *   evaluations    samples into windows, the check of the outcome included, on one core
 *   conditions     the same of rules' expressions, which are looked at with each sample
 *   strangers      samples of series that concern no alarm
 *   memory         of 1,000,000 live alarms: what the process grew by
 *   joining        series that are seen for the first time
 *   intake         pushes through intake and store, without alarms and with up to 10,000
 * definitions over 100,000 series; each push is answered when it is durable
 *
 * Each figure is the best of several runs, with the load of the machine before and after. */
#include "alarm/alarm.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define T0    1790000040000ll
#define BATCH 1000

static int64_t now_ms;
static int64_t clock_now(void)
{
    return now_ms;
}

static void must(int rc, const struct ax_err *err)
{
    if (rc < 0) {
        fprintf(stderr, "bench-alarms: %s\n", err->text);
        exit(1);
    }
}

struct bench {
    char dir[256];
    struct ax_sql *sql;
    struct ax_intake *intake;
    struct ax_store *store;
    struct ax_stream *stream;
    struct ax_subscriber sub;
    int64_t own_ns; /* CPU of the alarms' part of pushes, and of judging */
};

static int64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The alarms as the intake's subscriber, timed. */
static int timed_append(void *self, const struct ax_batch *batch, uint64_t *ticket,
                        struct ax_err *err)
{
    struct bench *b = self;
    int64_t start = thread_ns();
    int rc = b->sub.append(b->sub.self, batch, ticket, err);
    b->own_ns += thread_ns() - start;
    return rc;
}

static int timed_commit(void *self, uint64_t ticket, struct ax_err *err)
{
    struct bench *b = self;
    return b->sub.commit(b->sub.self, ticket, err);
}

static void timed_follow(void *self, uint64_t ticket)
{
    struct bench *b = self;
    b->sub.follow(b->sub.self, ticket);
}

static void bench_open(struct bench *b, const char *root, bool store, bool alarms)
{
    struct ax_err err = {0};
    char path[300];
    *b = (struct bench){0};
    now_ms = T0;
    snprintf(b->dir, sizeof b->dir, "%s/bench-alarms-XXXXXX", root);
    if (!mkdtemp(b->dir)) {
        perror(b->dir);
        exit(1);
    }
    b->intake = ax_intake_new(&(struct ax_intake_options){.max_age_ms = 10ll * 365 * 86400000});
    if (store) {
        struct ax_store_options so = {
            .dir = b->dir, .retention_ms = 10ll * 365 * 86400000, .now_ms = clock_now};
        must(ax_store_open(&b->store, &so, b->intake, &err), &err);
        struct ax_subscriber s = ax_store_subscriber(b->store);
        ax_intake_subscribe(b->intake, &s);
    }
    if (!alarms)
        return;
    snprintf(path, sizeof path, "%s/registry.db", b->dir);
    must(ax_sql_open(&b->sql, path, &err), &err);
    /* Making definitions and alarms is not what is measured. */
    must(ax_sql_exec(b->sql, "PRAGMA synchronous=OFF", &err), &err);
    struct ax_stream_options o = {.sql = b->sql,
                                  .intake = b->intake,
                                  .max_alarms = 2000000,
                                  .now_ms = clock_now,
                                  .manual = !store};
    must(ax_stream_open(&b->stream, &o, &err), &err);
    b->sub = ax_stream_subscriber(b->stream);
    struct ax_subscriber timed = {.name = "alarms",
                                  .self = b,
                                  .append = timed_append,
                                  .commit = timed_commit,
                                  .follow = timed_follow};
    if (store)
        ax_intake_subscribe(b->intake, &timed);
    now_ms += 6000; /* beyond the hold after a start */
    ax_stream_tick(b->stream, now_ms);
}

static void bench_close(struct bench *b)
{
    char command[300];
    ax_stream_close(b->stream);
    ax_store_close(b->store);
    ax_sql_close(b->sql);
    ax_intake_free(b->intake);
    snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    if (system(command) != 0)
        fprintf(stderr, "bench-alarms: %s is left behind\n", b->dir);
}

static void define(struct bench *b, const char *name, const char *expression, const char *by)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_err err = {0};
    struct ax_str match = ax_str(by);
    struct ax_definition d;
    struct ax_definition_edit e = {.set = AX_SET_NAME | AX_SET_EXPRESSION | AX_SET_MATCH_BY,
                                   .name = ax_str(name),
                                   .expression = ax_str(expression),
                                   .match_by = {&match, match.n > 0}};
    must(ax_definition_create(b->stream, AX_STR("t"), &e, now_ms, &a, &d, &err), &err);
    ax_arena_free(&a);
}

/* Series METRIC{hostname="host-I",resource_id="..."}, one batch for each BATCH of them; the samples
 * are changed in place from round to round. */
struct load {
    struct ax_arena arena;
    struct ax_batch *batches;
    struct ax_sample *samples;
    uint32_t *ids;
    size_t n, series;
};

static void load_make(struct load *l, struct ax_intake *in, const char *metric, size_t metrics,
                      size_t series)
{
    *l = (struct load){.n = (series + BATCH - 1) / BATCH, .series = series};
    l->batches = calloc(l->n, sizeof *l->batches);
    l->samples = calloc(series, sizeof *l->samples);
    l->ids = calloc(series, sizeof *l->ids);
    for (size_t i = 0; i < series; i++) {
        struct ax_batch *b = &l->batches[i / BATCH];
        struct ax_labels_builder build = {0};
        struct ax_labels labels;
        char name[40], host[40], id[60], rack[40];
        snprintf(name, sizeof name, "%s_%zu", metric, i % metrics);
        snprintf(host, sizeof host, "host-%zu", i / metrics);
        snprintf(id, sizeof id, "5c1e0000-0000-4000-8000-%012zu", i / metrics);
        snprintf(rack, sizeof rack, "rack-%zu", i / metrics % 100);
        ax_labels_add(&build, AX_STR("__name__"), ax_str(name));
        ax_labels_add(&build, AX_STR("hostname"), ax_str(host));
        ax_labels_add(&build, AX_STR("resource_id"), ax_str(id));
        ax_labels_add(&build, AX_STR("rack"), ax_str(rack));
        b->arena = &l->arena;
        ax_intake_labels(&build, AX_STR("t"), &l->arena, &labels, NULL);
        l->ids[i] = ax_intake_define(in, labels);
        struct ax_batch_series s = {
            .labels = labels, .samples = &l->samples[i], .n = 1, .id = l->ids[i]};
        ax_batch_take(b, &s);
    }
}

static void load_free(struct load *l)
{
    ax_arena_free(&l->arena);
    free(l->batches);
    free(l->samples);
    free(l->ids);
}

/* A round: each series has a sample of now. Values stay below thresholds, but move. */
static void load_next(struct load *l, int64_t t, int round)
{
    for (size_t i = 0; i < l->series; i++)
        l->samples[i] = (struct ax_sample){t, (double)((i + (size_t)round * 7) % 50)};
}

static double feed(struct bench *b, struct load *l)
{
    struct ax_err err = {0};
    int64_t start = ax_cpu_ns();
    for (size_t i = 0; i < l->n; i++) {
        uint64_t ticket;
        must(b->sub.append(b->sub.self, &l->batches[i], &ticket, &err), &err);
        b->sub.commit(b->sub.self, ticket, &err);
    }
    return (double)(ax_cpu_ns() - start);
}

/* Bytes of memory that the process has. */
static size_t in_use(void)
{
    unsigned long long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%llu %llu", &pages, &resident) != 2)
        exit(1);
    fclose(f);
    return (size_t)resident * 4096;
}

static void loads(const char *when)
{
    double v[3] = {0};
    if (getloadavg(v, 3) == 3)
        printf("load %s: %.2f %.2f %.2f\n", when, v[0], v[1], v[2]);
}

/* Rounds of 15 s: each fourth opens a period, and each series' periods are judged. */
static void evaluations(const char *root, size_t series, const char *expression)
{
    struct bench b;
    struct load l;
    struct ax_stream_stats before, after;
    double best = 1e30, best_tick = 1e30;
    bench_open(&b, root, false, true);
    define(&b, "d", expression, "hostname");
    load_make(&l, b.intake, "m", 1, series);
    load_next(&l, now_ms, 0);
    feed(&b, &l);
    ax_stream_flush(b.stream, NULL);
    for (int set = 0; set < 5; set++) {
        double ns = 0, tick = 0;
        ax_stream_stats(b.stream, &before);
        for (int round = 0; round < 8; round++) {
            now_ms += 15000;
            load_next(&l, now_ms, set * 8 + round);
            int64_t start = ax_cpu_ns();
            ax_stream_tick(b.stream, now_ms);
            tick += (double)(ax_cpu_ns() - start);
            ns += feed(&b, &l);
        }
        ax_stream_stats(b.stream, &after);
        double n = (double)(after.evaluations - before.evaluations);
        best = (ns + tick) / n < best ? (ns + tick) / n : best;
        best_tick = tick / n < best_tick ? tick / n : best_tick;
        ax_stream_flush(b.stream, NULL);
    }
    printf("  %-24s %8zu alarms: %6.1f ns an evaluation (%4.1f of it at periods' ends), "
           "%5.2f million a second and core\n",
           expression, series, best, best_tick, 1e3 / best);
    load_free(&l);
    bench_close(&b);
}

static void nobody(void *ctx) {}

/* What a rule's expression costs: rounds of 15 s over so many label sets. */
static void conditions(const char *root, size_t series, const char *expression)
{
    struct bench b;
    struct load l;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_expr *e;
    struct ax_condition *c;
    struct ax_err err = {0};
    struct ax_condition_options o = {
        .tenant = AX_STR("t"), .interval_ms = 15000, .changed = nobody};
    struct ax_local *local;
    struct ax_stream_stats st;
    double best = 1e30;
    bench_open(&b, root, false, true);
    must(ax_expr_parse(ax_str(expression), &a, &e, &err), &err);
    must(ax_local_compile(e, &a, &local, &err), &err);
    o.local = local;
    must(ax_condition_begin(b.stream, &o, now_ms, &c, &err), &err);
    load_make(&l, b.intake, "m", 1, series);
    for (int round = 0; round < 60; round++) {
        now_ms += 15000;
        load_next(&l, now_ms, round);
        int64_t start = ax_cpu_ns();
        ax_stream_tick(b.stream, now_ms);
        double ns = (double)(ax_cpu_ns() - start) + feed(&b, &l);
        if (round >= 30) /* windows are full */
            best = ns / (double)series < best ? ns / (double)series : best;
    }
    ax_stream_stats(b.stream, &st);
    printf(
        "  %-28s %8zu label sets: %6.1f ns a sample, %5.2f million a second and core, %.0f bytes "
        "each\n",
        expression, series, best, 1e3 / best, (double)st.bytes / (double)series);
    ax_condition_end(c);
    ax_expr_free(e);
    ax_arena_free(&a);
    load_free(&l);
    bench_close(&b);
}

static void strangers(const char *root, size_t series)
{
    struct bench b;
    struct load l;
    double best = 1e30;
    bench_open(&b, root, false, true);
    define(&b, "d", "max(m_0) > 90", "hostname");
    load_make(&l, b.intake, "other", 10, series);
    load_next(&l, now_ms, 0);
    feed(&b, &l);
    for (int set = 0; set < 20; set++) {
        double ns = feed(&b, &l) / (double)series;
        best = ns < best ? ns : best;
    }
    printf("  %zu series: %.2f ns a sample\n", series, best);
    load_free(&l);
    bench_close(&b);
}

static void memory(const char *root, size_t series, const char *expression)
{
    struct bench b;
    struct load l;
    struct ax_stream_stats st;
    bench_open(&b, root, false, true);
    define(&b, "d", expression, "hostname");
    load_make(&l, b.intake, "m", 1, series);
    load_next(&l, now_ms, 0);
    size_t before = in_use();
    int64_t start = ax_mono_ns();
    for (size_t i = 0; i < l.n; i++) {
        uint64_t ticket;
        now_ms++;
        b.sub.append(b.sub.self, &l.batches[i], &ticket, NULL);
        b.sub.commit(b.sub.self, ticket, NULL);
        if (i % 10 == 9)
            ax_stream_flush(b.stream, NULL);
    }
    ax_stream_flush(b.stream, NULL);
    double seconds = (double)(ax_mono_ns() - start) / 1e9;

    ax_stream_stats(b.stream, &st);
    printf(
        "  %-24s %8llu alarms: %.0f bytes of resident memory each (made and written in %.1f s)\n",
        expression, (unsigned long long)st.alarms, (double)(in_use() - before) / (double)st.alarms,
        seconds);
    load_free(&l);
    bench_close(&b);
}

/* ---- on the way through the intake ---- */

/* 100,000 series: 100 metrics of 1,000 hosts in 100 racks. What is defined over them: */
static const struct scenario {
    const char *says;
    int definitions;
    const char *expression; /* with the metric's number and the rack's */
    const char *by;
} scenarios[] = {
    {"without alarms", 0, "", ""},
    {"10,000 definitions, a metric of a rack each: 10,000 alarms of 10 series", 10000,
     "avg(m_%d{rack=rack-%d}) > 90 times 3", ""},
    {"10,000 definitions, the same by host: 100,000 alarms of a series", 10000,
     "avg(m_%d{rack=rack-%d}) > 90 times 3", "hostname"},
    {"100 definitions, a metric by host each: 100,000 alarms of a series", 100,
     "avg(m_%d) > 90 times 3", "hostname"},
};
#define SCENARIOS (sizeof scenarios / sizeof *scenarios)
#define SERIES    100000
#define A_PERIOD  4 /* rounds */
#define PERIODS   20

static void define_all(struct bench *b, const struct scenario *sc)
{
    for (int i = 0; i < sc->definitions; i++) {
        char name[40], text[120];
        snprintf(name, sizeof name, "d%d", i);
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, sc->expression, i % 100, i / 100);
        define(b, name, text, sc->by);
    }
}

static void push_all(struct load *l, struct bench *b)
{
    struct ax_err err = {0};
    for (size_t i = 0; i < l->n; i++) {
        struct ax_intake_result r;
        struct ax_batch copy = l->batches[i];
        must(ax_intake_push(b->intake, &copy, now_ms, &r, &err), &err);
    }
}

/* CPU of a period, by sample. */
struct cost {
    double all, pushes, judging; /* the latter two of all, in the alarms' code */
};

/* A round: each series has a sample, and what is due is judged. */
static void run_round(struct bench *b, struct load *l, int round, struct cost *c)
{
    load_next(l, now_ms, round);
    if (b->stream)
        ax_stream_flush(b->stream, NULL); /* new alarms, and the first outcome of each */
    int64_t cpu = ax_cpu_ns(), start = thread_ns();
    if (b->stream)
        ax_stream_tick(b->stream, now_ms);
    int64_t judged = thread_ns();
    b->own_ns = 0;
    push_all(l, b);
    c->all += (double)(ax_cpu_ns() - cpu) / SERIES / A_PERIOD;
    c->pushes += (double)b->own_ns / SERIES / A_PERIOD;
    c->judging += (double)(judged - start) / SERIES / A_PERIOD;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n / 2];
}

static void report(const struct cost c[SCENARIOS][PERIODS], const struct bench *b)
{
    for (size_t i = 0; i < SCENARIOS; i++) {
        struct ax_stream_stats st = {0};
        struct cost best = {1e30, 1e30, 1e30};
        double ratios[PERIODS];
        for (int p = 0; p < PERIODS; p++) {
            ratios[p] = c[i][p].all / c[0][p].all;
            best.all = c[i][p].all < best.all ? c[i][p].all : best.all;
            best.pushes = c[i][p].pushes < best.pushes ? c[i][p].pushes : best.pushes;
            best.judging = c[i][p].judging < best.judging ? c[i][p].judging : best.judging;
        }
        if (b[i].stream)
            ax_stream_stats(b[i].stream, &st);
        printf("  %s:\n    %.1f ns of CPU a sample (of it %.1f in the alarms' part of pushes, %.1f "
               "in judging), %+.1f %%; %llu alarms, %llu series concern one\n",
               scenarios[i].says, best.all, best.pushes, best.judging,
               (median(ratios, PERIODS) - 1) * 100, (unsigned long long)st.alarms,
               (unsigned long long)st.watched);
    }
}

/* All in turn, round by round, so that what else the machine does hits them alike. A period is four
 * rounds, of which one judges all alarms and opens a slot in each. Costs are those of the best
 * period; how much slower it is, is the median of all. */
static void intake(const char *root)
{
    static struct bench b[SCENARIOS];
    static struct load l[SCENARIOS];
    static struct cost c[SCENARIOS][PERIODS];
    for (size_t i = 0; i < SCENARIOS; i++) {
        bench_open(&b[i], root, true, scenarios[i].definitions > 0);
        define_all(&b[i], &scenarios[i]);
        load_make(&l[i], b[i].intake, "m", 100, SERIES);
    }
    for (int round = -A_PERIOD; round < PERIODS * A_PERIOD; round++) {
        struct cost unused = {0};
        now_ms += 15000;
        for (size_t i = 0; i < SCENARIOS; i++)
            run_round(&b[i], &l[i], round + A_PERIOD,
                      round < 0 ? &unused : &c[i][round / A_PERIOD]);
    }
    report(c, b);
    for (size_t i = 0; i < SCENARIOS; i++) {
        load_free(&l[i]);
        bench_close(&b[i]);
    }
}

/* Series that are seen for the first time, when each of 10,000 definitions is about one host. */
static void joining(const char *root)
{
    struct bench b;
    struct load l;
    struct ax_stream_stats st;
    bench_open(&b, root, false, true);
    for (int i = 0; i < 10000; i++) {
        char name[40], text[120];
        snprintf(name, sizeof name, "d%d", i);
        snprintf(text, sizeof text, "avg(m_0{hostname=host-%d}) > 90", i);
        define(&b, name, text, "");
    }
    load_make(&l, b.intake, "m", 1, 20000);
    load_next(&l, now_ms, 0);
    double ns = feed(&b, &l) / 20000;
    ax_stream_stats(b.stream, &st);
    printf("  10,000 definitions of one metric, a host each: %.2f us a new series (%llu of 20,000 "
           "concern an alarm)\n",
           ns / 1e3, (unsigned long long)st.watched);
    load_free(&l);
    bench_close(&b);
}

static bool wanted(int argc, char **argv, const char *part)
{
    if (argc > 2 && strcmp(argv[2], part) != 0)
        return false;
    printf("%s\n", part);
    return true;
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "/tmp";
    setvbuf(stdout, NULL, _IOLBF, 0);
    loads("before");
    if (wanted(argc, argv, "evaluations")) {
        evaluations(root, 1000, "max(m_0) > 90");
        evaluations(root, 100000, "max(m_0) > 90");
        evaluations(root, 100000, "avg(m_0) > 90 times 3");
    }
    if (wanted(argc, argv, "conditions")) {
        conditions(root, 1000, "m_0 > 90");
        conditions(root, 100000, "m_0 > 90");
        conditions(root, 100000, "avg_over_time(m_0[5m]) > 90");
        conditions(root, 100000, "rate(m_0[5m]) > 90");
    }
    if (wanted(argc, argv, "strangers")) {
        strangers(root, 1000);
        strangers(root, 1000000);
    }
    if (wanted(argc, argv, "memory"))
        memory(root, 1000000, "avg(m_0) > 90 times 3");
    if (wanted(argc, argv, "joining"))
        joining(root);
    if (wanted(argc, argv, "intake"))
        intake(root);
    loads("after");
    return 0;
}
