// SPDX-License-Identifier: Apache-2.0
/* Each connection is a thread with nodes of its own, which sends round after round of them; several
 * rounds to a request (per_request) are a group. With --prebuild a window of groups is made first,
 * by all connections at once, then sent with the clock running, then the next window:
 *
 *     make | send | make | send ...        the clock runs in "send" alone
 *
 * Connections do not drift apart by more than half an hour of the samples' time: Prometheus refuses
 * what is an hour older than its newest. */
#include "cli/bench_send.h"

#include "base/clock.h"
#include "cli/bench_model.h"
#include "cli/bench_post.h"
#include "push/push.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES     ((size_t)1 << 30)
#define BYTES_PER_SAMPLE 24 /* at most, about */
#define DRIFT_MS         1800000
#define SERIES           AX_BENCH_SERIES_PER_NODE

struct body {
    char *p;
    size_t n;
    unsigned samples, group;
};

struct run;
struct connection {
    struct run *run;
    pthread_t thread;
    struct ax_bench_model *model;
    unsigned nodes;
    struct ax_bench_poster poster;
    /* what is made and waits */
    struct body *made;
    size_t n, cap;
    struct ax_arena arena;
    double *values; /* of one node: per_request times SERIES */
};

struct run {
    const struct ax_bench_load *load;
    struct connection *v;
    unsigned from, to; /* the rounds of this window */
    atomic_bool gone;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned *at; /* the group at which each connection is */
};

/* ---- sending ---- */

/* Waits until the slowest connection is near enough. */
static void keep_together(struct connection *c, unsigned group)
{
    struct run *r = c->run;
    int64_t group_ms = (int64_t)r->load->per_request * r->load->interval_ms;
    unsigned drift = (unsigned)(DRIFT_MS / group_ms) + 1;
    pthread_mutex_lock(&r->lock);
    r->at[c - r->v] = group;
    pthread_cond_broadcast(&r->moved);
    for (unsigned i = 0; i < r->load->connections; i++)
        while (group != UINT32_MAX && r->at[i] != UINT32_MAX && r->at[i] + drift < group)
            pthread_cond_wait(&r->moved, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static void post(struct connection *c, const struct body *b)
{
    ax_bench_post(&c->poster, b->p, b->n, b->samples);
}

static void *send_made(void *arg)
{
    struct connection *c = arg;
    for (size_t i = 0; i < c->n; i++) {
        if (!atomic_load(&c->run->gone)) {
            if (i == 0 || c->made[i].group != c->made[i - 1].group)
                keep_together(c, c->made[i].group);
            post(c, &c->made[i]);
        }
        free(c->made[i].p);
    }
    c->n = 0;
    keep_together(c, UINT32_MAX);
    return NULL;
}

/* ---- making ---- */

static void make_body(struct connection *c, struct ax_batch *batch, unsigned group,
                      void (*take)(struct connection *, struct body *))
{
    struct ax_buf out = AX_BUF_INIT;
    if (batch->n == 0)
        return;
    int rc = ax_remote_write_encode(batch, &out, NULL);
    AX_ASSERT(rc == 0); /* a request is bounded where flags are read */
    struct body b = {out.p, out.n, (unsigned)batch->samples, group};
    take(c, &b);
    ax_arena_reset(&c->arena);
    *batch = (struct ax_batch){.arena = &c->arena};
}

static void take_later(struct connection *c, struct body *b)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 256;
        c->made = ax_realloc(c->made, c->cap * sizeof *c->made);
    }
    b->p = ax_realloc(b->p, b->n); /* compression asks for more than it needs */
    c->made[c->n++] = *b;
}

static void take_now(struct connection *c, struct body *b)
{
    post(c, b);
    free(b->p);
}

static void add_node(struct connection *c, struct ax_batch *batch, unsigned node, unsigned round,
                     unsigned rounds)
{
    const struct ax_bench_load *load = c->run->load;
    int64_t begin = load->first_ms + (int64_t)round * load->interval_ms +
                    ax_bench_model_offset(c->model, node, load->interval_ms);
    for (unsigned k = 0; k < rounds; k++)
        ax_bench_model_step(c->model, node, (double)load->interval_ms / 1000,
                            c->values + (size_t)k * SERIES);
    for (unsigned s = 0; s < SERIES; s++) {
        struct ax_sample *samples = AX_NEWS(batch->arena, struct ax_sample, rounds);
        for (unsigned k = 0; k < rounds; k++)
            samples[k] = (struct ax_sample){begin + (int64_t)k * load->interval_ms,
                                            c->values[(size_t)k * SERIES + s]};
        struct ax_batch_series series = {.labels = ax_bench_model_labels(c->model, node, s),
                                         .samples = samples,
                                         .n = rounds,
                                         .id = AX_SERIES_NONE};
        ax_batch_take(batch, &series);
    }
}

static void make_group(struct connection *c, unsigned round, unsigned rounds,
                       void (*take)(struct connection *, struct body *))
{
    const struct ax_bench_load *load = c->run->load;
    struct ax_batch batch = {.arena = &c->arena};
    unsigned group = round / load->per_request;
    for (unsigned node = 0; node < c->nodes && !atomic_load(&c->run->gone); node++) {
        add_node(c, &batch, node, round, rounds);
        if (batch.n + SERIES > load->batch)
            make_body(c, &batch, group, take);
    }
    make_body(c, &batch, group, take);
}

static void make_window(struct connection *c, void (*take)(struct connection *, struct body *))
{
    const struct run *r = c->run;
    unsigned step = r->load->per_request;
    for (unsigned round = r->from; round < r->to; round += step) {
        if (take == take_now)
            keep_together(c, round / step);
        make_group(c, round, r->to - round < step ? r->to - round : step, take);
    }
}

static void *make_all(void *arg)
{
    make_window(arg, take_later);
    return NULL;
}

static void *make_and_send(void *arg)
{
    make_window(arg, take_now);
    keep_together(arg, UINT32_MAX);
    return NULL;
}

/* ---- the whole ---- */

static void all_at_once(struct run *r, void *(*what)(void *))
{
    memset(r->at, 0, r->load->connections * sizeof *r->at);
    for (unsigned i = 0; i < r->load->connections; i++)
        r->at[i] = r->from / r->load->per_request;
    for (unsigned i = 0; i < r->load->connections; i++) {
        int rc = pthread_create(&r->v[i].thread, NULL, what, &r->v[i]);
        AX_ASSERT(rc == 0);
    }
    for (unsigned i = 0; i < r->load->connections; i++)
        pthread_join(r->v[i].thread, NULL);
}

static uint64_t acknowledged(const struct run *r)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < r->load->connections; i++)
        n += r->v[i].poster.acknowledged;
    return n;
}

static void timed(struct run *r, void *(*what)(void *), struct ax_bench_part *part)
{
    double cpu0 = ax_proc_cpu(r->load->pid);
    uint64_t before = acknowledged(r);
    int64_t t0 = ax_mono_ns();
    all_at_once(r, what);
    part->wall_s += (double)(ax_mono_ns() - t0) / 1e9;
    part->cpu_s += ax_proc_cpu(r->load->pid) - cpu0;
    part->acknowledged += acknowledged(r) - before;
}

/* Whole groups of rounds that fit into a window. */
static unsigned window_rounds(const struct ax_bench_load *load)
{
    size_t group = (size_t)load->series * load->per_request * BYTES_PER_SAMPLE;
    size_t groups = WINDOW_BYTES / group;
    return (unsigned)(groups < 1 ? 1 : groups > 10000 ? 10000 : groups) * load->per_request;
}

static void send_rounds(struct run *r, unsigned from, unsigned to, struct ax_bench_part *part)
{
    unsigned step = r->load->prebuild ? window_rounds(r->load) : to - from;
    for (r->from = from; r->from < to && !atomic_load(&r->gone); r->from = r->to) {
        r->to = to - r->from < step ? to : r->from + step;
        if (r->load->prebuild)
            all_at_once(r, make_all);
        timed(r, r->load->prebuild ? send_made : make_and_send, part);
    }
}

static void open_one(struct run *r, struct connection *c, unsigned first, unsigned nodes)
{
    const struct ax_bench_load *load = r->load;
    *c = (struct connection){.run = r, .nodes = nodes, .model = ax_bench_model_new(first, nodes)};
    c->values = ax_calloc(load->per_request, SERIES * sizeof(double));
    c->poster.per_second = load->per_second / load->connections;
    c->poster.until_gone = load->until_gone;
    c->poster.gone = &r->gone;
    ax_bench_poster_open(&c->poster, load->url, load->cli);
}

static void open_all(struct run *r)
{
    const struct ax_bench_load *load = r->load;
    unsigned nodes = (load->series + SERIES - 1) / SERIES, first = 0;
    r->v = ax_calloc(load->connections, sizeof *r->v);
    r->at = ax_calloc(load->connections, sizeof *r->at);
    for (unsigned i = 0; i < load->connections; i++) {
        unsigned end = (unsigned)((uint64_t)nodes * (i + 1) / load->connections);
        open_one(r, &r->v[i], first, end - first);
        first = end;
    }
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void ax_bench_sort(int64_t *v, size_t n)
{
    if (n)
        qsort(v, n, sizeof *v, ascending);
}

int64_t ax_bench_quantile(const int64_t *v, size_t n, double q)
{
    return n ? v[(size_t)((double)(n - 1) * q)] : 0;
}

static void collect(struct run *r, struct ax_bench_sent *out)
{
    for (unsigned i = 0; i < r->load->connections; i++) {
        const struct ax_bench_poster *c = &r->v[i].poster;
        out->refused += c->refused;
        out->unanswered += c->unanswered;
        out->retries += c->retries;
        out->bytes += c->bytes;
        if (c->reason[0] && !out->reason[0])
            memcpy(out->reason, c->reason, sizeof out->reason);
        out->latency_ns =
            ax_realloc(out->latency_ns, (out->requests + c->requests + 1) * sizeof(int64_t));
        if (c->requests)
            memcpy(out->latency_ns + out->requests, c->latency_ns, c->requests * sizeof(int64_t));
        out->requests += c->requests;
    }
    ax_bench_sort(out->latency_ns, out->requests);
}

static void close_all(struct run *r)
{
    for (unsigned i = 0; i < r->load->connections; i++) {
        ax_bench_model_free(r->v[i].model);
        ax_bench_poster_close(&r->v[i].poster);
        ax_arena_free(&r->v[i].arena);
        free(r->v[i].values);
        free(r->v[i].made);
    }
    free(r->v);
    free(r->at);
}

int ax_bench_send(const struct ax_bench_load *load, struct ax_bench_sent *out, struct ax_err *err)
{
    struct ax_proc p;
    struct run r = {
        .load = load, .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    struct ax_bench_sent sent = {0};
    int rc = load->pid ? ax_proc_read(load->pid, &p, err) : 0;
    if (rc < 0)
        return rc;
    open_all(&r);
    send_rounds(&r, 0, load->warm_up, &sent.warm_up);
    for (unsigned i = 0; i < load->connections; i++)
        r.v[i].poster.requests = 0; /* latencies are those of what is measured */
    send_rounds(&r, load->warm_up, load->warm_up + load->rounds, &sent.measured);
    collect(&r, &sent);
    close_all(&r);
    sent.end_ms = load->first_ms + (int64_t)(load->warm_up + load->rounds) * load->interval_ms;
    if (sent.requests == 0 && sent.warm_up.acknowledged == 0) {
        free(sent.latency_ns);
        return ax_fail(err, -ECONNREFUSED, "nothing could be sent to %s: %s", load->url,
                       sent.reason);
    }
    *out = sent;
    return 0;
}
