// SPDX-License-Identifier: Apache-2.0
#include "query/eval.h"

#include "base/clock.h"
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAX_SAMPLES 50000000u
#define STEPS_MAX           11000
#define TIME_LIMIT          (1ll << 60) /* sums of a few times do not overflow */

int ax_eval_charge(struct ax_eval *e, uint64_t cells)
{
    if (cells > e->left)
        return ax_fail(e->err, -E2BIG, "query processing would load too many samples into memory");
    e->left -= cells;
    return 0;
}

int ax_eval_alive(struct ax_eval *e)
{
    if (e->deadline_ns && ax_mono_ns() > e->deadline_ns)
        return ax_fail(e->err, -ETIMEDOUT, "query timed out in expression evaluation");
    return 0;
}

int ax_column_init(struct ax_eval *e, const struct ax_grid *g, struct ax_labels labels,
                   struct ax_column *out)
{
    int rc = ax_eval_charge(e, g->n);
    if (rc < 0)
        return rc;
    *out = (struct ax_column){labels, AX_NEWS(e->a, double, g->n),
                              AX_NEWS(e->a, uint64_t, (g->n + 63) / 64)};
    return 0;
}

int ax_vector_init(struct ax_eval *e, const struct ax_grid *g, size_t n,
                   const struct ax_value *like, struct ax_value *out)
{
    size_t words = (g->n + 63) / 64;
    *out = (struct ax_value){.type = AX_VECTOR};
    if (n > UINT32_MAX / g->n) /* also bounds the products below */
        return ax_eval_charge(e, UINT64_MAX);
    int rc = ax_eval_charge(e, n * g->n);
    if (rc < 0)
        return rc;
    double *v = AX_NEWS(e->a, double, n * g->n);
    uint64_t *has = AX_NEWS(e->a, uint64_t, n * words);
    out->n = n;
    out->v = ax_arena_room(e->a, n * sizeof *out->v);
    for (size_t i = 0; i < n; i++)
        out->v[i] = (struct ax_column){like ? like->v[i].labels : (struct ax_labels){AX_STR_NULL},
                                       v + i * g->n, has + i * words};
    return 0;
}

int ax_scalar_init(struct ax_eval *e, const struct ax_grid *g, struct ax_value *out)
{
    *out = (struct ax_value){.type = AX_SCALAR};
    int rc = ax_eval_charge(e, g->n);
    if (rc == 0)
        out->scalar = AX_NEWS(e->a, double, g->n);
    return rc;
}

static bool overlap(const struct ax_column *a, const struct ax_column *b, size_t n)
{
    for (size_t w = 0; w < (n + 63) / 64; w++)
        if (a->has[w] & b->has[w])
            return true;
    return false;
}

static void absorb(struct ax_column *into, const struct ax_column *from, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (ax_has(from, k))
            ax_set(into, k, from->v[k]);
}

int ax_vector_merge(struct ax_eval *e, const struct ax_grid *g, struct ax_value *v,
                    const char *text)
{
    struct ax_map seen = AX_MAP_INIT;
    size_t n = 0;
    int rc = 0;
    for (size_t i = 0; i < v->n && rc == 0; i++) {
        uint64_t first;
        if (!ax_map_get(&seen, v->v[i].labels.bytes, &first)) {
            ax_map_put(&seen, v->v[i].labels.bytes, n);
            v->v[n++] = v->v[i];
        } else if (overlap(&v->v[first], &v->v[i], g->n)) {
            rc = ax_fail(e->err, -EDOM, "%s", text);
        } else {
            absorb(&v->v[first], &v->v[i], g->n);
        }
    }
    ax_map_free(&seen);
    v->n = n;
    return rc;
}

/* What was evaluated for one step holds for all. */
static int broadcast(struct ax_eval *e, const struct ax_grid *g, struct ax_value *v)
{
    struct ax_value one = *v;
    int rc = 0;
    if (one.type == AX_SCALAR) {
        rc = ax_scalar_init(e, g, v);
        for (size_t k = 0; rc == 0 && k < g->n; k++)
            v->scalar[k] = one.scalar[0];
    } else if (one.type == AX_VECTOR) {
        rc = ax_vector_init(e, g, one.n, &one, v);
        for (size_t i = 0; rc == 0 && i < one.n; i++)
            for (size_t k = 0; k < g->n && ax_has(&one.v[i], 0); k++)
                ax_set(&v->v[i], k, one.v[i].v[0]);
    }
    return rc;
}

static int eval_unary(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                      struct ax_value *out)
{
    int rc = ax_eval_node(e, n->unary.arg, g, out);
    if (rc < 0 || !n->unary.minus)
        return rc;
    out->ordered = false;
    for (size_t k = 0; out->type == AX_SCALAR && k < g->n; k++)
        out->scalar[k] = -out->scalar[k];
    for (size_t i = 0; i < out->n; i++) {
        out->v[i].labels = ax_labels_nameless(e->a, out->v[i].labels);
        for (size_t k = 0; k < g->n; k++)
            out->v[i].v[k] = -out->v[i].v[k];
    }
    return ax_vector_merge(e, g, out, AX_SAME_LABELS);
}

static int eval_number(struct ax_eval *e, double v, const struct ax_grid *g, struct ax_value *out)
{
    int rc = ax_scalar_init(e, g, out);
    for (size_t k = 0; rc == 0 && k < g->n; k++)
        out->scalar[k] = v;
    return rc;
}

static int dispatch(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                    struct ax_value *out)
{
    switch (n->kind) {
    case AX_NODE_NUMBER: return eval_number(e, n->number, g, out);
    case AX_NODE_STRING: *out = (struct ax_value){.type = AX_STRING, .string = n->string}; return 0;
    case AX_NODE_SELECTOR: return ax_eval_selector(e, n, g, false, out);
    case AX_NODE_CALL: return ax_eval_call(e, n, g, out);
    case AX_NODE_AGGREGATE: return ax_eval_aggregate(e, n, g, out);
    case AX_NODE_BINARY: return ax_eval_binary(e, n, g, out);
    case AX_NODE_UNARY: return eval_unary(e, n, g, out);
    case AX_NODE_PAREN: return ax_eval_node(e, n->paren, g, out);
    case AX_NODE_SUBQUERY: break; /* a matrix: its consumers ask ax_eval_samples */
    }
    AX_ASSERT(n->kind != AX_NODE_SUBQUERY);
    return -EINVAL;
}

int ax_eval_node(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                 struct ax_value *out)
{
    int rc = ax_eval_alive(e);
    if (rc < 0)
        return rc;
    if (!n->constant || g->n == 1)
        return dispatch(e, n, g, out);
    rc = dispatch(e, n, &(struct ax_grid){g->start, g->step, 1}, out);
    return rc < 0 ? rc : broadcast(e, g, out);
}

static int by_labels(const void *a, const void *b)
{
    return ax_labels_cmp(((const struct ax_result_series *)a)->labels,
                         ((const struct ax_result_series *)b)->labels);
}

static struct ax_result_series *add_series(struct ax_query_result *r, struct ax_arena *a,
                                           struct ax_labels labels, size_t points)
{
    struct ax_result_series *s = &r->series[r->n++];
    s->labels = (struct ax_labels){ax_arena_str(a, labels.bytes)};
    s->v = ax_arena_room(a, points * sizeof *s->v);
    s->n = points;
    return s;
}

static size_t count_points(const struct ax_column *c, const struct ax_grid *g)
{
    size_t n = 0;
    for (size_t w = 0; w < (g->n + 63) / 64; w++)
        n += (size_t)__builtin_popcountll(c->has[w]);
    return n;
}

/* The points of up to 64 steps from `from` on. */
static struct ax_point *give_word(const struct ax_column *c, const struct ax_grid *g, size_t from,
                                  struct ax_point *to)
{
    uint64_t has = c->has[from / 64];
    int64_t t = ax_grid_time(g, from), step = g->step;
    const double *v = c->v + from;
    if (~has == 0) { /* all of them */
        for (size_t k = 0; k < 64; k++)
            to[k] = (struct ax_point){t + (int64_t)k * step, v[k]};
        return to + 64;
    }
    for (; has; has &= has - 1) {
        int k = __builtin_ctzll(has);
        *to++ = (struct ax_point){t + k * step, v[k]};
    }
    return to;
}

/* Copies the columns that have samples out of the scratch arena. */
static void give_vector(const struct ax_value *v, const struct ax_grid *g, struct ax_arena *a,
                        struct ax_query_result *r)
{
    r->series = AX_NEWS(a, struct ax_result_series, v->n);
    for (size_t i = 0; i < v->n; i++) {
        const struct ax_column *c = &v->v[i];
        size_t points = count_points(c, g);
        if (!points)
            continue;
        struct ax_point *to = add_series(r, a, c->labels, points)->v;
        for (size_t k = 0; k < g->n; k += 64)
            to = give_word(c, g, k, to);
    }
    if (r->n && !v->ordered)
        qsort(r->series, r->n, sizeof *r->series, by_labels);
}

static void give_scalar(const struct ax_value *v, const struct ax_grid *g, struct ax_arena *a,
                        struct ax_query_result *r)
{
    r->scalar = (struct ax_point){g->start, v->scalar[0]};
    if (r->type == AX_SCALAR)
        return;
    r->series = AX_NEWS(a, struct ax_result_series, 1);
    struct ax_result_series *s = add_series(r, a, (struct ax_labels){AX_STR_NULL}, g->n);
    for (size_t k = 0; k < g->n; k++)
        s->v[k] = (struct ax_point){ax_grid_time(g, k), v->scalar[k]};
}

/* An instant query for a range: the samples themselves. */
static int give_matrix(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                       struct ax_arena *a, struct ax_query_result *r)
{
    struct ax_samples s;
    int rc = ax_eval_samples(e, n, g, &s);
    if (rc < 0)
        return rc;
    struct ax_window *w = ax_samples_windows(e, &s, g);
    r->series = AX_NEWS(a, struct ax_result_series, s.n);
    for (size_t i = 0; i < s.n; i++) {
        ax_samples_fill(e, &s, i, w, 1);
        if (!w->n)
            continue;
        struct ax_result_series *out = add_series(r, a, s.v[i].labels, w->n);
        for (size_t k = 0; k < w->n; k++)
            out->v[k] = (struct ax_point){w->t[k], w->v[k]};
    }
    if (r->n)
        qsort(r->series, r->n, sizeof *r->series, by_labels);
    return 0;
}

static int evaluate(struct ax_eval *e, struct ax_node *root, const struct ax_grid *g, bool instant,
                    struct ax_arena *a, struct ax_query_result *r)
{
    r->type = instant ? root->type : AX_MATRIX;
    if (root->type == AX_MATRIX)
        return give_matrix(e, ax_node_bare(root), g, a, r);
    struct ax_value v;
    int rc = ax_eval_node(e, root, g, &v);
    if (rc < 0)
        return rc;
    if (v.type == AX_SCALAR)
        give_scalar(&v, g, a, r);
    else if (v.type == AX_STRING)
        r->string = ax_arena_str(a, v.string);
    else
        give_vector(&v, g, a, r);
    return 0;
}

static bool in_range(int64_t t)
{
    return t <= TIME_LIMIT && t >= -TIME_LIMIT;
}

static int check_options(const struct ax_expr *x, const struct ax_query_options *o,
                         struct ax_grid *g, struct ax_err *err)
{
    static const char *const names[] = {"scalar", "instant vector", "range vector", "string"};
    *g = (struct ax_grid){o->start, o->step, 1};
    if (!in_range(o->start) || !in_range(o->end) || !in_range(o->step) || !in_range(o->lookback) ||
        o->lookback < 0)
        return ax_fail(err, -EINVAL, "a time or duration is out of range");
    if (o->start == o->end && o->step == 0)
        return 0;
    if (o->end < o->start)
        return ax_fail(err, -EINVAL, "end timestamp must not be before start time");
    if (o->step <= 0)
        return ax_fail(err, -EINVAL,
                       "zero or negative query resolution step widths are not "
                       "accepted. Try a positive integer");
    uint64_t steps = ((uint64_t)o->end - (uint64_t)o->start) / (uint64_t)o->step;
    if (steps > STEPS_MAX)
        return ax_fail(err, -E2BIG,
                       "exceeded maximum resolution of 11,000 points per timeseries. Try "
                       "decreasing the query resolution (?step=XX)");
    if (x->root->type != AX_SCALAR && x->root->type != AX_VECTOR)
        return ax_fail(err, -EINVAL,
                       "invalid expression type \"%s\" for range query, must be Scalar or instant "
                       "Vector",
                       names[x->root->type]);
    g->n = (size_t)steps + 1;
    return 0;
}

int ax_query_eval(const struct ax_expr *x, const struct ax_source *src,
                  const struct ax_query_options *o, struct ax_arena *a, struct ax_query_result *out,
                  struct ax_err *err)
{
    struct ax_grid g;
    int rc = check_options(x, o, &g, err);
    if (rc < 0)
        return rc;
    AX_CLEANUP(ax_arena_free) struct ax_arena scratch = AX_ARENA_INIT;
    struct ax_eval e = {.source = src,
                        .a = &scratch,
                        .start = o->start,
                        .end = o->end,
                        .lookback = o->lookback ? o->lookback : AX_LOOKBACK_MS,
                        .left = o->max_samples ? o->max_samples : DEFAULT_MAX_SAMPLES,
                        .deadline_ns = o->deadline_ns,
                        .err = err};
    struct ax_query_result r = {0};
    rc = evaluate(&e, x->root, &g, o->step == 0, a, &r);
    if (rc < 0)
        return rc;
    r.warning = e.warning.n ? ax_arena_str(a, e.warning) : AX_STR_NULL;
    *out = r;
    return 0;
}
