// SPDX-License-Identifier: Apache-2.0
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_MAX 5

static double from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

double ledger_value(uint32_t series, int64_t t)
{
    uint64_t x = ledger_mix(ledger_mix(series) ^ (uint64_t)t);
    switch (x % 12) {
    case 0: return from_bits(ledger_mix(x));                             /* anything */
    case 1: return from_bits(0x7ff8000000000000u | ledger_mix(x) >> 13); /* a NaN's payload */
    case 2: return from_bits(x >> 1 & 1 ? 0x8000000000000000u : AX_STALE_BITS); /* -0, staleness */
    case 3: return from_bits((x >> 1 & 1) << 63 | 0x7ff0000000000000u);         /* infinities */
    case 4: return from_bits(ledger_mix(x) & 0x800fffffffffffffu);              /* denormal */
    case 5:
    case 6:
    case 7: return (double)(t / 1000);        /* as a counter */
    case 8: return (double)(x % 10000) / 100; /* as a percentage */
    default: return (double)series;           /* constant for a while */
    }
}

struct ax_labels ledger_labels(uint32_t series, struct ax_str tenant, struct ax_arena *a)
{
    struct ax_labels_builder b;
    struct ax_labels out;
    b.n = 0;
    b.too_many = false;
    ax_labels_add(&b, AX_STR("__name__"), AX_STR(LEDGER_METRIC));
    ax_labels_add(&b, AX_STR("number"), ax_arena_printf(a, "%u", series));
    ax_labels_add(&b, AX_STR("parity"), series % 2 ? AX_STR("odd") : AX_STR("even"));
    int rc = tenant.n ? ax_intake_labels(&b, tenant, a, &out, NULL)
                      : ax_labels_finish(&b, a, &out, NULL);
    AX_ASSERT(rc == 0);
    return out;
}

size_t ledger_place(const struct ledger *l, uint32_t series)
{
    return l->lines[series].n;
}

void ledger_send(struct ledger *l, uint32_t series, int64_t t)
{
    struct ledger_line *line = &l->lines[series];
    if (line->n == line->cap) {
        line->cap = line->cap ? line->cap * 2 : 1024;
        line->v = ax_realloc(line->v, line->cap * sizeof *line->v);
    }
    line->v[line->n++] = t * 2;
}

void ledger_ack(struct ledger *l, uint32_t series, size_t from)
{
    struct ledger_line *line = &l->lines[series];
    for (size_t i = from; i < line->n; i++)
        line->v[i] |= 1;
}

void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < LEDGER_SERIES; i++)
        free(l->lines[i].v);
    *l = (struct ledger){0};
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Sorted, and each time once: acknowledged when it was so at least once. */
static void tidy(struct ledger_line *line)
{
    size_t kept = 0;
    if (line->n)
        qsort(line->v, line->n, sizeof *line->v, by_time);
    for (size_t i = 0; i < line->n; i++)
        if (i + 1 == line->n || line->v[i] >> 1 != line->v[i + 1] >> 1)
            line->v[kept++] = line->v[i];
    line->n = kept;
}

static void tell(const char *what, uint32_t series, int64_t t)
{
    static unsigned told;
    if (told++ < TOLD_MAX)
        fprintf(stderr, "%s: series %u, time %" PRId64 "\n", what, series, t);
}

static bool as_sent(uint32_t series, int64_t t, double v)
{
    double want = ledger_value(series, t);
    return memcmp(&want, &v, sizeof v) == 0;
}

static void check_line(const struct ledger_line *line, uint32_t number, const struct ax_series *s,
                       int64_t keep_from, struct ledger_verdict *out)
{
    size_t k = 0, n = s ? s->n : 0;
    for (size_t i = 0; i < line->n; i++) {
        int64_t t = line->v[i] >> 1;
        bool acknowledged = line->v[i] & 1, there;
        for (; k < n && s->t[k] < t; k++, out->invented++)
            tell("invented", number, s->t[k]);
        there = k < n && s->t[k] == t;
        bool right = there && as_sent(number, t, s->v[k]);
        out->sent++;
        out->acknowledged += acknowledged;
        if (there && !right) {
            out->invented++;
            tell("another value than was sent", number, t);
        }
        if (acknowledged && !there && t < keep_from) {
            out->retired++;
        } else if (acknowledged && !right) {
            out->lost++;
            tell("lost", number, t);
        }
        k += there;
    }
    for (; k < n; k++, out->invented++)
        tell("invented", number, s->t[k]);
    out->stored += n;
}

static bool read_all(struct ax_store *s, struct ax_str tenant, struct ax_arena *a,
                     struct ax_series_set *set)
{
    struct ax_matcher m = {
        .op = AX_MATCH_EQ, .name = AX_STR("__name__"), .value = AX_STR(LEDGER_METRIC)};
    struct ax_store_select sel = {
        .tenant = tenant, .matchers = &m, .nmatchers = 1, .mint = -(1ll << 60), .maxt = 1ll << 60};
    struct ax_err err = {0};
    int rc = ax_store_select(s, &sel, a, set, &err);
    if (rc < 0 || set->warning.n)
        fprintf(stderr, "reading: %s%.*s\n", rc < 0 ? err.text : "", (int)set->warning.n,
                set->warning.p);
    return rc == 0;
}

/* The series of one's own labels; one that nobody made counts as invented. */
static void place_series(const struct ax_series_set *set, const struct ax_series **of,
                         struct ledger_verdict *out)
{
    for (size_t i = 0; i < set->n; i++) {
        struct ax_arena a = AX_ARENA_INIT;
        uint64_t number;
        bool known = ax_str_u64(ax_labels_get(set->v[i].labels, AX_STR("number")), &number) &&
                     number < LEDGER_SERIES;
        known = known && ax_labels_cmp(ledger_labels((uint32_t)number, AX_STR_NULL, &a),
                                       set->v[i].labels) == 0;
        if (known)
            of[number] = &set->v[i];
        else
            out->invented += set->v[i].n;
        ax_arena_free(&a);
    }
}

struct ledger_verdict ledger_check(struct ledger *l, struct ax_store *s, struct ax_str tenant,
                                   int64_t keep_from)
{
    struct ledger_verdict out = {0};
    const struct ax_series *of[LEDGER_SERIES] = {0};
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_series_set set = {0};
    if (read_all(s, tenant, &a, &set))
        place_series(&set, of, &out);
    for (uint32_t i = 0; i < LEDGER_SERIES; i++) {
        tidy(&l->lines[i]);
        check_line(&l->lines[i], i, of[i], keep_from, &out);
    }
    ax_arena_free(&a);
    return out;
}
