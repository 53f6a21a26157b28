// SPDX-License-Identifier: Apache-2.0
/* histogram_quantile over classic histograms: series that differ in `le` alone. */
#include "query/eval.h"

#include "base/map.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

struct bucket {
    double bound, count;
};

/* One histogram: the buckets' series by rising bound. */
struct histogram {
    struct ax_labels labels;
    struct member {
        double bound;
        const struct ax_column *column;
    } * v;
    size_t n, cap;
};

static int by_bound(const void *a, const void *b)
{
    double x = ((const struct member *)a)->bound, y = ((const struct member *)b)->bound;
    return (x > y) - (x < y);
}

/* Series without a readable `le` belong to no histogram. */
static size_t make_histograms(struct ax_eval *e, const struct ax_value *v, struct histogram *out)
{
    static struct ax_str le = {"le", 2};
    AX_CLEANUP(ax_map_free) struct ax_map seen = AX_MAP_INIT;
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++) {
        double bound;
        uint64_t at;
        if (!ax_str_double(ax_labels_get(v->v[i].labels, le), &bound) || isnan(bound))
            continue;
        struct ax_labels key =
            ax_labels_drop(e->a, v->v[i].labels, &(struct ax_names){&le, 1}, true);
        if (!ax_map_get(&seen, key.bytes, &at)) {
            at = n++;
            out[at].labels = key;
            ax_map_put(&seen, key.bytes, at);
        }
        struct histogram *h = &out[at];
        if (h->n == h->cap) {
            size_t grown = h->cap ? h->cap * 2 : 16;
            h->v = ax_arena_grow(e->a, h->v, h->cap * sizeof *h->v, grown * sizeof *h->v);
            h->cap = grown;
        }
        h->v[h->n++] = (struct member){bound, &v->v[i]};
    }
    for (size_t j = 0; j < n; j++)
        qsort(out[j].v, out[j].n, sizeof *out[j].v, by_bound);
    return n;
}

/* The buckets that are there at step k; equal bounds ("1" and "1.0") are added up. */
static size_t gather(const struct histogram *h, size_t k, struct bucket *out)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (!ax_has(h->v[i].column, k))
            continue;
        double count = h->v[i].column->v[k];
        if (n && out[n - 1].bound == h->v[i].bound)
            out[n - 1].count += count;
        else
            out[n++] = (struct bucket){h->v[i].bound, count};
    }
    return n;
}

static bool nearly_equal(double a, double b)
{
    double sum = fabs(a) + fabs(b), diff = fabs(a - b);
    if (a == b)
        return true;
    if (a == 0 || b == 0 || sum < DBL_MIN)
        return diff < 1e-12 * DBL_MIN;
    return diff / fmin(sum, DBL_MAX) < 1e-12;
}

/* Counts must rise with the bound: scrapes that were torn are mended upwards, and differences that
 * are but rounding are taken for none. */
static void make_monotonic(struct bucket *b, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (b[i].count < b[i - 1].count || nearly_equal(b[i].count, b[i - 1].count))
            b[i].count = b[i - 1].count;
}

static double quantile(double q, struct bucket *b, size_t n)
{
    if (isnan(q))
        return NAN;
    if (q < 0 || q > 1)
        return q < 0 ? -INFINITY : INFINITY;
    if (n < 2 || b[n - 1].bound != INFINITY)
        return NAN;
    make_monotonic(b, n);
    if (b[n - 1].count == 0 || isnan(b[n - 1].count))
        return NAN;
    double rank = q * b[n - 1].count;
    size_t i = 0;
    while (i < n - 1 && !(b[i].count >= rank))
        i++;
    if (i == n - 1)
        return b[n - 2].bound;
    if (i == 0 && b[0].bound <= 0)
        return b[0].bound;
    double start = i ? b[i - 1].bound : 0, below = i ? b[i - 1].count : 0;
    return start + (b[i].bound - start) * ((rank - below) / (b[i].count - below));
}

int ax_call_histogram_quantile(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                               struct ax_value *out)
{
    struct ax_value q, v;
    int rc = ax_eval_node(e, n->call.args[0], g, &q);
    if (rc == 0)
        rc = ax_eval_node(e, n->call.args[1], g, &v);
    if (rc < 0)
        return rc;
    struct histogram *h = AX_NEWS(e->a, struct histogram, v.n);
    struct bucket *buckets = AX_NEWS(e->a, struct bucket, v.n);
    size_t count = make_histograms(e, &v, h);
    rc = ax_vector_init(e, g, count, NULL, out);
    for (size_t j = 0; rc == 0 && j < count; j++) {
        out->v[j].labels = h[j].labels;
        for (size_t k = 0; k < g->n; k++) {
            size_t there = gather(&h[j], k, buckets);
            if (there)
                ax_set(&out->v[j], k, quantile(q.scalar[k], buckets, there));
        }
    }
    return rc;
}
