// SPDX-License-Identifier: Apache-2.0
/* Aggregations that look at all members of a group at one step: topk, bottomk, quantile,
 * count_values. */
#include "query/aggregate.h"

#include "base/map.h"
#include "base/num.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Members group by group: series numbers, and where each group begins. */
struct members {
    size_t *v, *start;
};

static struct members list_members(struct ax_eval *e, const struct ax_value *v,
                                   const struct ax_agg_groups *groups)
{
    struct members m = {AX_NEWS(e->a, size_t, v->n), AX_NEWS(e->a, size_t, groups->n + 2)};
    for (size_t i = 0; i < v->n; i++)
        m.start[groups->of[i] + 2]++;
    for (size_t j = 2; j < groups->n + 2; j++)
        m.start[j] += m.start[j - 1];
    for (size_t i = 0; i < v->n; i++)
        m.v[m.start[groups->of[i] + 1]++] = i;
    return m;
}

struct ranked {
    double v;
    size_t series;
};

/* The best first, NaN last, ties in the order of the series. */
static int best_high(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (isnan(x->v) || isnan(y->v)) {
        int c = !!isnan(x->v) - !!isnan(y->v);
        return c ? c : (x->series > y->series) - (x->series < y->series);
    }
    if (x->v != y->v)
        return x->v > y->v ? -1 : 1;
    return (x->series > y->series) - (x->series < y->series);
}

static int best_low(const void *a, const void *b)
{
    struct ranked x = *(const struct ranked *)a, y = *(const struct ranked *)b;
    x.v = -x.v;
    y.v = -y.v;
    return best_high(&x, &y);
}

typedef int rank_cmp(const void *, const void *);

/* v[0 .. n) is a heap with the worst on top, but for what lies at `at`. */
static void sift(struct ranked *v, size_t n, size_t at, rank_cmp *cmp)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && cmp(&v[child], &v[child + 1]) < 0;
        if (cmp(&v[at], &v[child]) >= 0)
            return;
        struct ranked swap = v[at];
        v[at] = v[child];
        v[child] = swap;
    }
}

/* Brings the best to the front, in order; the others behind them, in none. */
static void select_best(struct ranked *v, size_t n, size_t wanted, rank_cmp *cmp)
{
    if (wanted == 0 || n == 0)
        return;
    if (wanted < n) {
        for (size_t i = wanted / 2; i-- > 0;)
            sift(v, wanted, i, cmp);
        for (size_t i = wanted; i < n; i++) {
            if (cmp(&v[i], &v[0]) >= 0)
                continue;
            struct ranked swap = v[i];
            v[i] = v[0];
            v[0] = swap;
            sift(v, wanted, 0, cmp);
        }
    }
    qsort(v, wanted < n ? wanted : n, sizeof *v, cmp);
}

/* The members of one group that are there at step k, the wanted ones first. Returns how many. */
static size_t rank_step(const struct ax_value *v, const struct members *m, size_t group, size_t k,
                        bool top, size_t wanted, struct ranked *out)
{
    size_t n = 0;
    for (size_t i = m->start[group]; i < m->start[group + 1]; i++)
        if (ax_has(&v->v[m->v[i]], k))
            out[n++] = (struct ranked){v->v[m->v[i]].v[k], m->v[i]};
    select_best(out, n, wanted, top ? best_high : best_low);
    return n;
}

static int how_many(struct ax_eval *e, double k, size_t *out)
{
    if (isnan(k))
        return ax_fail(e->err, -EDOM, "Parameter value is NaN");
    *out = k < 1 ? 0 : k > 1e9 ? 1000000000 : (size_t)k;
    return 0;
}

int ax_agg_rank(struct ax_eval *e, bool top, const struct ax_grid *g, const double *k,
                struct ax_value *v, const struct ax_agg_groups *groups, struct ax_value *out)
{
    struct members m = list_members(e, v, groups);
    struct ranked *ranked = AX_NEWS(e->a, struct ranked, v->n);
    struct ax_column *ordered = AX_NEWS(e->a, struct ax_column, v->n);
    size_t kept = 0, wanted;
    for (size_t s = 0; s < g->n; s++) {
        int rc = ax_eval_alive(e);
        if (rc == 0)
            rc = how_many(e, k[s], &wanted);
        if (rc < 0)
            return rc;
        for (size_t j = 0; j < groups->n; j++) {
            size_t n = rank_step(v, &m, j, s, top, wanted, ranked);
            for (size_t i = wanted; i < n; i++)
                ax_unset(&v->v[ranked[i].series], s);
            for (size_t i = 0; g->n == 1 && i < n && i < wanted; i++)
                ordered[kept++] = v->v[ranked[i].series];
        }
    }
    *out = *v;
    if (g->n == 1)
        *out = (struct ax_value){
            .type = AX_VECTOR, .v = ordered, .n = kept, .ordered = e->start == e->end};
    return 0;
}

int ax_agg_quantile(struct ax_eval *e, const struct ax_grid *g, const double *q,
                    const struct ax_value *v, const struct ax_agg_groups *groups,
                    struct ax_value *out)
{
    struct members m = list_members(e, v, groups);
    double *values = AX_NEWS(e->a, double, v->n);
    int rc = ax_vector_init(e, g, groups->n, NULL, out);
    for (size_t j = 0; rc == 0 && j < groups->n; j++) {
        out->v[j].labels = groups->labels[j];
        for (size_t k = 0; k < g->n; k++) {
            size_t n = 0;
            for (size_t i = m.start[j]; i < m.start[j + 1]; i++)
                if (ax_has(&v->v[m.v[i]], k))
                    values[n++] = v->v[m.v[i]].v[k];
            if (n)
                ax_set(&out->v[j], k, ax_quantile_of(q[k], values, n));
        }
    }
    return rc;
}

/* A number without an exponent, however long. */
static struct ax_str plain_number(struct ax_arena *a, double v)
{
    char text[AX_NUM_TEXT], digits[AX_NUM_TEXT];
    size_t n = ax_num_print(v, text), nd = 0, i = text[0] == '-';
    char *e = memchr(text, 'e', n);
    if (!e)
        return ax_arena_str(a, (struct ax_str){text, n});
    for (; text + i < e; i++)
        if (text[i] != '.')
            digits[nd++] = text[i];
    text[n < sizeof text ? n : sizeof text - 1] = '\0';
    int exp10 = (int)strtol(e + 1, NULL, 10);
    const char *minus = text[0] == '-' ? "-" : "";
    if (exp10 < 0)
        return ax_arena_printf(a, "%s0.%0*d%.*s", minus, -exp10 - 1, 0, (int)nd, digits);
    return ax_arena_printf(a, "%s%.*s%0*d", minus, (int)nd, digits, exp10 + 1 - (int)nd, 0);
}

/* The column of one value in one group, made when the value turns up. */
static int value_column(struct ax_eval *e, const struct ax_grid *g, struct ax_labels group,
                        struct ax_str label, double value, struct ax_map *seen,
                        struct ax_value *out, size_t *cap, size_t *at)
{
    struct ax_labels labels;
    uint64_t found;
    int rc = ax_labels_with(e->a, group, label, plain_number(e->a, value), &labels, e->err);
    if (rc < 0)
        return rc;
    if (ax_map_get(seen, labels.bytes, &found)) {
        *at = (size_t)found;
        return 0;
    }
    if (out->n == *cap) {
        size_t grown = *cap ? *cap * 2 : 16;
        out->v = ax_arena_grow(e->a, out->v, *cap * sizeof *out->v, grown * sizeof *out->v);
        *cap = grown;
    }
    *at = out->n++;
    ax_map_put(seen, labels.bytes, *at);
    return ax_column_init(e, g, labels, &out->v[*at]);
}

int ax_agg_count_values(struct ax_eval *e, const struct ax_grid *g, struct ax_str label,
                        const struct ax_value *v, const struct ax_agg_groups *groups,
                        struct ax_value *out)
{
    if (!ax_label_name_ok(label))
        return ax_fail(e->err, -EDOM, "invalid label name \"%.*s\"",
                       (int)(label.n < 60 ? label.n : 60), label.p);
    AX_CLEANUP(ax_map_free) struct ax_map seen = AX_MAP_INIT;
    size_t cap = 0, at;
    *out = (struct ax_value){.type = AX_VECTOR};
    for (size_t i = 0; i < v->n; i++)
        for (size_t k = 0; k < g->n; k++) {
            if (!ax_has(&v->v[i], k))
                continue;
            int rc = value_column(e, g, groups->labels[groups->of[i]], label, v->v[i].v[k], &seen,
                                  out, &cap, &at);
            if (rc < 0)
                return rc;
            ax_set(&out->v[at], k, out->v[at].v[k] + 1);
        }
    return 0;
}
