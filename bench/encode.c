// SPDX-License-Identifier: Apache-2.0
/* How small are samples on disk, and how fast do they come back? The series of made-up hosts and
 * virtual machines, through the code that writes and reads blocks:
 *
 *   bench-encode [ENTITIES [SAMPLES [JITTER_MS [SEED]]]]
 *
 * A machine has 21 series, sampled together each 15 seconds: counters with noise in their growth,
 * memory that moves by pages, percentages with two places, what stays as it is, what is zero but
 * for rare events. 40 % of the machines idle. The clock may jitter, as a collector's does.
 * Everything that is read back is compared bit by bit. */
#include "model/labels.h"
#include "store/block.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define T0   1790000000000
#define STEP 15000

static uint64_t seed = 1;

static double uniform(double lo, double hi)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    uint64_t x = seed ^ seed >> 33;
    return lo + (hi - lo) * (double)(x >> 11) / 9007199254740992.0;
}

static bool chance(double p)
{
    return uniform(0, 1) < p;
}

enum kind {
    CONSTANT, /* capacities, limits */
    ZERO,     /* errors that do not happen */
    UPTIME,
    RARE, /* what happens once in an hour */
    NANOSECONDS,
    BYTES,
    SECTORS, /* bytes in 4096 */
    PACKETS,
    PAGES, /* of memory: a walk, with rests when idle */
    PERCENT,
    PEAKS,  /* a percentage that is mostly 0 */
    LOAD,   /* smooth, two places */
    TENTHS, /* temperature, power */
    KINDS
};
static const char *const kind_name[] = {"constant", "zero",    "uptime",  "events", "nanoseconds",
                                        "bytes",    "sectors", "packets", "pages",  "percent",
                                        "peaks",    "load",    "tenths"};

static const struct {
    enum kind kind;
    double scale; /* per second of full activity, or of what size */
} metrics[] = {{CONSTANT, 8589934592},
               {CONSTANT, 4},
               {CONSTANT, 42949672960},
               {ZERO, 0},
               {ZERO, 0},
               {ZERO, 0},
               {UPTIME, 1},
               {RARE, 1},
               {RARE, 1},
               {NANOSECONDS, 2e9},
               {BYTES, 9e5},
               {BYTES, 1.4e6},
               {SECTORS, 3e6},
               {SECTORS, 5e6},
               {PACKETS, 1200},
               {PACKETS, 150},
               {PAGES, 4e9},
               {PERCENT, 100},
               {PEAKS, 4},
               {LOAD, 8},
               {TENTHS, 500}};
#define METRICS AX_ARRAY_LEN(metrics)

struct entity {
    double rest, activity;
    int64_t v[METRICS];
};

static double step_activity(struct entity *e)
{
    e->activity += 0.1 * (e->rest - e->activity) + uniform(-0.1, 0.1) * e->rest;
    if (chance(0.001))
        e->activity = uniform(0.3, 1);
    e->activity = fmin(1, fmax(0, e->activity));
    return e->activity;
}

/* The next value: v is what the series remembers, in the metric's smallest unit. */
static double step(enum kind kind, double scale, double activity, int64_t *v)
{
    double grown = scale * activity * STEP / 1000;
    switch (kind) {
    case ZERO: return 0;
    case UPTIME: *v += STEP / 1000; break;
    case RARE: *v += chance(1.0 / 240); break;
    case NANOSECONDS:
    case BYTES:
    case PACKETS: *v += (int64_t)(grown * uniform(0.6, 1.4)); break;
    case SECTORS: *v += (int64_t)(grown * uniform(0.4, 1.6) / 4096) * 4096; break;
    case PAGES:
        if (chance(0.1 + activity))
            *v += (int64_t)uniform(-512, 512) * 4096;
        break;
    case PERCENT: return round(scale * 100 * activity * uniform(0.85, 1.15)) / 100;
    case PEAKS: return chance(1.0 / 16) ? round(scale * 100 * uniform(0, 1)) / 100 : 0;
    case LOAD:
        *v += (int64_t)((scale * 100 * activity * uniform(0.8, 1.2) - (double)*v) * 0.2);
        return (double)*v / 100;
    case TENTHS: *v += (int64_t)uniform(-3, 4); return (double)*v / 10;
    default: break;
    }
    return (double)*v;
}

static void begin(struct entity *e)
{
    double what = uniform(0, 1);
    e->rest = e->activity = what < 0.4    ? 0.004
                            : what < 0.85 ? uniform(0.05, 0.35)
                                          : uniform(0.55, 0.85);
    for (size_t m = 0; m < METRICS; m++)
        e->v[m] = metrics[m].kind == RARE || metrics[m].kind == LOAD ? 0
                  : metrics[m].kind == CONSTANT
                      ? (int64_t)metrics[m].scale
                      : (int64_t)(metrics[m].scale * uniform(0.3, 1.3)) / 4096 * 4096;
}

struct data {
    size_t entities, samples;
    int64_t *t; /* by entity: what is polled together has its times in common */
    double *v;  /* by entity and metric */
};

static const int64_t *times_of(const struct data *d, size_t series)
{
    return d->t + series / METRICS * d->samples;
}

static const double *values_of(const struct data *d, size_t series)
{
    return d->v + series * d->samples;
}

static struct data make(size_t entities, size_t samples, double jitter)
{
    struct data d = {.entities = entities, .samples = samples};
    d.t = ax_malloc(entities * samples * sizeof *d.t);
    d.v = ax_malloc(entities * METRICS * samples * sizeof *d.v);
    for (size_t e = 0; e < entities; e++) {
        struct entity now = {0};
        int64_t offset = (int64_t)uniform(0, STEP / 2);
        begin(&now);
        for (size_t i = 0; i < samples; i++) {
            d.t[e * samples + i] = T0 + offset + (int64_t)i * STEP + (int64_t)uniform(0, jitter);
            double activity = step_activity(&now);
            for (size_t m = 0; m < METRICS; m++)
                d.v[(e * METRICS + m) * samples + i] =
                    step(metrics[m].kind, metrics[m].scale, activity, &now.v[m]);
        }
    }
    return d;
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const struct ax_err *err)
{
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static struct ax_labels labels_of(struct ax_arena *a, size_t series)
{
    struct ax_labels_builder b = {0};
    struct ax_labels labels;
    struct ax_err err;
    size_t vm = series / METRICS, m = series % METRICS;
    ax_labels_add(&b, AX_STR("__name__"),
                  ax_arena_printf(a, "vm_%s_%zu", kind_name[metrics[m].kind], m));
    ax_labels_add(&b, AX_STR("host"), ax_arena_printf(a, "host%03zu.example.org", vm / 40));
    ax_labels_add(&b, AX_STR("vm"), ax_arena_printf(a, "instance-%08zx", vm));
    ax_labels_add(&b, AX_STR("project"), ax_arena_printf(a, "project-%zu", vm % 17));
    if (ax_labels_finish(&b, a, &labels, &err) < 0)
        fail(&err);
    return labels;
}

static uint32_t number(void *ctx, struct ax_labels labels)
{
    return (*(uint32_t *)ctx)++;
}

static bool wanted(int kind, size_t series)
{
    return kind == KINDS || (int)metrics[series % METRICS].kind == kind;
}

static void write_block(int dir, const struct data *d, int kind)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_block_writer *w;
    struct ax_err err;
    if (ax_block_create(dir, 1, 1, &w, &err) < 0)
        fail(&err);
    for (size_t s = 0; s < d->entities * METRICS; s++)
        if (wanted(kind, s))
            ax_block_add(w, labels_of(&a, s), times_of(d, s), values_of(d, s), d->samples);
    if (ax_block_finish(w, &err) < 0)
        fail(&err);
    ax_arena_free(&a);
}

/* Ends the program when anything is not as it was written. */
static void check(const struct ax_block_chunk *c, const int64_t *t, const double *v,
                  const struct data *d, size_t series, size_t at)
{
    if (at + c->n > d->samples || memcmp(t, times_of(d, series) + at, c->n * sizeof *t) != 0 ||
        memcmp(v, values_of(d, series) + at, c->n * sizeof *v) != 0) {
        fprintf(stderr, "series %zu, sample %zu: what came back is not what was written\n", series,
                at);
        exit(1);
    }
}

static size_t read_block(struct ax_block *b, const struct data *d, int kind, bool checked)
{
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader r = {.block = b};
    int64_t t[AX_VALUES_MAX];
    double v[AX_VALUES_MAX];
    size_t total = 0, series = 0;
    for (uint32_t i = 0; i < b->nseries; i++, series++) {
        struct ax_block_cursor cursor = ax_block_chunks(&r, i);
        struct ax_block_chunk c;
        size_t at = 0;
        while (!wanted(kind, series))
            series++;
        while (ax_block_next(&cursor, &c) && ax_block_decode(&r, &c, t, v)) {
            if (checked)
                check(&c, t, v, d, series, at);
            at += c.n;
        }
        total += at;
    }
    return total;
}

static void measure(int dir, const struct data *d, int kind)
{
    struct ax_block *b;
    struct ax_err err;
    uint32_t ids = 0;
    double start = cpu();
    write_block(dir, d, kind);
    double wrote = cpu() - start, took = 1e9;
    if (ax_block_open(dir, 1, number, &ids, &b, &err) < 0)
        fail(&err);
    size_t n = read_block(b, d, kind, true);
    if (n != b->nseries * d->samples)
        fail(&(struct ax_err){.text = "samples are missing"});
    for (int i = 0; i < 5; i++) {
        start = cpu();
        read_block(b, d, kind, false);
        took = fmin(took, cpu() - start);
    }
    printf("%-12s %7u %9.4f %9.1f %9.1f\n", kind == KINDS ? "all" : kind_name[kind], b->nseries,
           (double)b->size / (double)n, wrote / (double)n * 1e9, took / (double)n * 1e9);
    ax_block_unref(b);
}

static double argument(int argc, char **argv, int i, double otherwise)
{
    double v = otherwise;
    if (argc > i && (!ax_str_double(ax_str(argv[i]), &v) || v < 0)) {
        fprintf(stderr, "usage: bench-encode [ENTITIES [SAMPLES [JITTER_MS [SEED]]]]\n");
        exit(2);
    }
    return v;
}

int main(int argc, char **argv)
{
    size_t entities = (size_t)argument(argc, argv, 1, 100);
    size_t samples = (size_t)argument(argc, argv, 2, 5760);
    double jitter = argument(argc, argv, 3, 0);
    seed = (uint64_t)argument(argc, argv, 4, 1);
    char path[] = "/tmp/bench-encode-XXXXXX";
    if (!entities || !samples || !mkdtemp(path))
        return 2;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || mkdirat(dir, "blocks", 0700) < 0)
        return 1;
    struct data d = make(entities, samples, jitter);
    printf(
        "%zu machines, %zu samples each %d s, times jitter by %g ms; CPU time, reading best of 5\n"
        "%-12s %7s %9s %9s %9s\n",
        entities, samples, STEP / 1000, jitter, "kind", "series", "B/sample", "write ns",
        "read ns");
    for (int kind = 0; kind <= KINDS; kind++)
        measure(dir, &d, kind);
    unlinkat(dir, "blocks/0000000001.axb", 0);
    unlinkat(dir, "blocks", AT_REMOVEDIR);
    close(dir);
    rmdir(path);
    free(d.t);
    free(d.v);
    return 0;
}
