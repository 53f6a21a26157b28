// SPDX-License-Identifier: Apache-2.0
/* Functions over ranges: the loop over series and steps. What they compute is in range_*.c. */
#include "query/eval.h"

#include <errno.h>
#include <stdio.h>

#define OVERLAPS 3 /* from so many windows per sample on it pays to slide over them */

/* The scalar arguments, as columns, and the matrix among them. */
struct arguments {
    const double *scalar[AX_ARGS_MAX];
    size_t nscalar;
    const struct ax_node *matrix;
};

static int eval_arguments(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                          struct arguments *out)
{
    int rc = 0;
    for (size_t i = 0; i < n->call.n && rc == 0; i++) {
        struct ax_node *arg = n->call.args[i];
        struct ax_value v;
        if (arg->type == AX_MATRIX) {
            out->matrix = ax_node_bare(arg);
            continue;
        }
        rc = ax_eval_node(e, arg, g, &v);
        if (rc == 0)
            out->scalar[out->nscalar++] = v.scalar;
    }
    return rc;
}

static bool smoothing_ok(double f)
{
    return f > 0 && f < 1;
}

/* The one range function that refuses arguments. */
static int check_smoothing(struct ax_eval *e, const double *args)
{
    static const char *const names[] = {"smoothing", "trend"};
    for (int i = 0; i < 2; i++)
        if (!smoothing_ok(args[i]))
            return ax_fail(e->err, -EDOM, "invalid %s factor. Expected: 0 < %s < 1, got: %f",
                           names[i], i ? "tf" : "sf", args[i]);
    return 0;
}

/* Of the windows of up to 64 steps from `from` on, each by itself. */
static int eval_some(struct ax_eval *e, const struct ax_function *f, const struct arguments *a,
                     const struct ax_window *w, size_t from, size_t to, struct ax_column *out)
{
    double args[AX_ARGS_MAX] = {0}, v;
    uint64_t has = 0;
    int rc = 0;
    for (size_t k = from; k < to && rc == 0; k++) {
        rc = ax_eval_spend(e, w[k].n + 1); /* windows may be long */
        if (!w[k].n || rc < 0)
            continue;
        for (size_t j = 0; j < a->nscalar; j++)
            args[j] = a->scalar[j][k];
        rc = f->range == ax_fn_smooth ? check_smoothing(e, args) : 0;
        if (rc == 0 && f->range(&w[k], args, &v)) {
            out->v[k] = v;
            has |= 1ull << (k - from);
        }
    }
    out->has[from / 64] = has;
    return rc;
}

static int eval_windows(struct ax_eval *e, const struct ax_function *f, const struct arguments *a,
                        const struct ax_window *w, size_t n, struct ax_column *out)
{
    int rc = 0;
    for (size_t k = 0; k < n && rc == 0; k += 64)
        rc = eval_some(e, f, a, w, k, n - k < 64 ? n : k + 64, out);
    return rc;
}

static int eval_series(struct ax_eval *e, const struct ax_function *f, const struct arguments *a,
                       struct ax_samples *s, size_t i, struct ax_window *w, size_t n, void *room,
                       struct ax_column *out)
{
    ax_samples_fill(e, s, i, w, n);
    if (f->slide && s->in_windows > OVERLAPS * s->v[i].n)
        return f->slide(e, &(struct ax_slide){&s->v[i], w, n, room, out});
    return eval_windows(e, f, a, w, n, out);
}

static void *room_to_slide(struct ax_eval *e, const struct ax_samples *s)
{
    size_t longest = 0;
    for (size_t i = 0; i < s->n; i++)
        longest = s->v[i].n > longest ? s->v[i].n : longest;
    return ax_arena_room(e->a, longest * 2 * sizeof(double));
}

bool ax_stays_distinct(const struct ax_function *f, const struct ax_node *of)
{
    if (f->flags & AX_FN_KEEPS_NAME)
        return of->kind == AX_NODE_SELECTOR;
    for (size_t i = 0; of->kind == AX_NODE_SELECTOR && i < of->selector.nmatchers; i++) {
        const struct ax_matcher *m = &of->selector.matchers[i];
        if (m->op == AX_MATCH_EQ && m->value.n && ax_str_eq(m->name, AX_STR("__name__")))
            return true;
    }
    return false;
}

/* Unlike instant functions, these refuse equal label sets even where they do not overlap. */
static int refuse_duplicates(struct ax_eval *e, const struct ax_grid *g, struct ax_value *v)
{
    size_t before = v->n;
    int rc = ax_vector_merge(e, g, v, AX_SAME_LABELS);
    return rc < 0 || v->n == before ? rc : ax_fail(e->err, -EDOM, "%s", AX_SAME_LABELS);
}

int ax_eval_range_call(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                       struct ax_value *out)
{
    const struct ax_function *f = n->call.fn;
    struct arguments a = {.nscalar = 0};
    struct ax_samples s;
    int rc = eval_arguments(e, n, g, &a);
    if (rc == 0)
        rc = ax_eval_samples(e, a.matrix, g, &s);
    if (rc == 0)
        rc = ax_vector_init(e, g, s.n, NULL, out);
    if (rc < 0)
        return rc;
    struct ax_window *w = ax_samples_windows(e, &s, g);
    void *room = f->slide && g->n > 1 ? room_to_slide(e, &s) : NULL;
    for (size_t i = 0; rc == 0 && i < s.n; i++) {
        out->v[i].labels =
            f->flags & AX_FN_KEEPS_NAME ? s.v[i].labels : ax_labels_nameless(e->a, s.v[i].labels);
        rc = eval_series(e, f, &a, &s, i, w, g->n, room, &out->v[i]);
    }
    return rc < 0 || ax_stays_distinct(f, a.matrix) ? rc : refuse_duplicates(e, g, out);
}
