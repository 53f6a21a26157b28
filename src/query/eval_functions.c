// SPDX-License-Identifier: Apache-2.0
/* Functions that are more than a formula: time, conversions, limits, order, absence. */
#include "query/eval.h"

#include <math.h>
#include <stdlib.h>

int ax_call_time(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                 struct ax_value *out)
{
    int rc = ax_scalar_init(e, g, out);
    for (size_t k = 0; rc == 0 && k < g->n; k++)
        out->scalar[k] = (double)ax_grid_time(g, k) / 1000;
    return rc;
}

int ax_call_pi(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
               struct ax_value *out)
{
    int rc = ax_scalar_init(e, g, out);
    for (size_t k = 0; rc == 0 && k < g->n; k++)
        out->scalar[k] = M_PI;
    return rc;
}

int ax_call_vector(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                   struct ax_value *out)
{
    struct ax_value s;
    int rc = ax_eval_node(e, n->call.args[0], g, &s);
    if (rc == 0)
        rc = ax_vector_init(e, g, 1, NULL, out);
    for (size_t k = 0; rc == 0 && k < g->n; k++)
        ax_set(&out->v[0], k, s.scalar[k]);
    return rc;
}

/* The value where there is exactly one, else NaN. */
int ax_call_scalar(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                   struct ax_value *out)
{
    struct ax_value v;
    int rc = ax_eval_node(e, n->call.args[0], g, &v);
    if (rc == 0)
        rc = ax_scalar_init(e, g, out);
    for (size_t k = 0; rc == 0 && k < g->n; k++) {
        size_t there = 0;
        for (size_t i = 0; i < v.n; i++)
            if (ax_has(&v.v[i], k) && ++there)
                out->scalar[k] = v.v[i].v[k];
        if (there != 1)
            out->scalar[k] = NAN;
    }
    return rc;
}

/* Of a selector: when its sample was taken; of anything else: the time of the step. */
int ax_call_timestamp(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                      struct ax_value *out)
{
    struct ax_node *arg = ax_node_bare(n->call.args[0]);
    bool selector = arg->kind == AX_NODE_SELECTOR;
    int rc = selector ? ax_eval_selector(e, arg, g, true, out) : ax_eval_node(e, arg, g, out);
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        struct ax_column *c = &out->v[i];
        c->labels = ax_labels_nameless(e->a, c->labels);
        for (size_t k = 0; !selector && k < g->n; k++)
            c->v[k] = (double)ax_grid_time(g, k) / 1000;
    }
    out->ordered = false;
    return rc < 0 ? rc : ax_vector_merge(e, g, out, AX_SAME_LABELS);
}

/* NaN last either way. */
static int rising(const void *a, const void *b)
{
    double x = ((const struct ax_column *)a)->v[0], y = ((const struct ax_column *)b)->v[0];
    if (isnan(x) || isnan(y))
        return !!isnan(x) - !!isnan(y);
    return (x > y) - (x < y);
}

static int falling(const void *a, const void *b)
{
    double x = ((const struct ax_column *)a)->v[0], y = ((const struct ax_column *)b)->v[0];
    return isnan(x) || isnan(y) ? rising(a, b) : rising(b, a);
}

static int sort_columns(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                        int (*cmp)(const void *, const void *), struct ax_value *out)
{
    int rc = ax_eval_node(e, n->call.args[0], g, out);
    if (rc < 0 || e->start != e->end || g->n != 1)
        return rc;
    size_t n_there = 0;
    for (size_t i = 0; i < out->n; i++)
        if (ax_has(&out->v[i], 0))
            out->v[n_there++] = out->v[i];
    out->n = n_there;
    if (n_there)
        qsort(out->v, out->n, sizeof *out->v, cmp);
    out->ordered = true;
    return 0;
}

int ax_call_sort(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                 struct ax_value *out)
{
    return sort_columns(e, n, g, rising, out);
}

int ax_call_sort_desc(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                      struct ax_value *out)
{
    return sort_columns(e, n, g, falling, out);
}

/* What an absent series would be called: what its selector demands with "=", unless a label is
 * demanded twice. */
int ax_absent_labels(struct ax_arena *a, const struct ax_node *arg, struct ax_labels *out,
                     struct ax_err *err)
{
    struct ax_labels_builder b = {.n = 0};
    size_t n = arg->kind == AX_NODE_SELECTOR ? arg->selector.nmatchers : 0;
    for (size_t i = 0; i < n; i++) {
        const struct ax_matcher *m = &arg->selector.matchers[i];
        bool twice = false;
        for (size_t j = 0; j < n; j++)
            twice |= j != i && ax_str_eq(arg->selector.matchers[j].name, m->name);
        if (m->op == AX_MATCH_EQ && !twice && !ax_str_eq(m->name, AX_STR("__name__")))
            ax_labels_add(&b, m->name, m->value);
    }
    return ax_labels_finish(&b, a, out, err);
}

static int absent_column(struct ax_eval *e, const struct ax_node *arg, const struct ax_grid *g,
                         struct ax_value *out)
{
    int rc = ax_vector_init(e, g, 1, NULL, out);
    if (rc == 0)
        rc = ax_absent_labels(e->a, arg, &out->v[0].labels, e->err);
    for (size_t k = 0; rc == 0 && k < g->n; k++)
        ax_set(&out->v[0], k, 1);
    return rc;
}

int ax_call_absent(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                   struct ax_value *out)
{
    struct ax_value v;
    int rc = ax_eval_node(e, n->call.args[0], g, &v);
    if (rc == 0)
        rc = absent_column(e, ax_node_bare(n->call.args[0]), g, out);
    for (size_t i = 0; rc == 0 && i < v.n; i++)
        for (size_t w = 0; w < (g->n + 63) / 64; w++)
            out->v[0].has[w] &= ~v.v[i].has[w];
    return rc;
}

int ax_call_absent_over_time(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                             struct ax_value *out)
{
    const struct ax_node *arg = ax_node_bare(n->call.args[0]);
    struct ax_samples s;
    int rc = ax_eval_samples(e, arg, g, &s);
    if (rc == 0)
        rc = absent_column(e, arg, g, out);
    if (rc < 0)
        return rc;
    struct ax_window *w = ax_samples_windows(e, &s, g);
    for (size_t i = 0; i < s.n; i++) {
        ax_samples_fill(e, &s, i, w, g->n);
        for (size_t k = 0; k < g->n; k++)
            if (w[k].n)
                ax_unset(&out->v[0], k);
    }
    return 0;
}

/* As fmin and fmax, but NaN wins. */
static double at_least(double v, double min)
{
    return isnan(v) || isnan(min) ? NAN : v < min ? min : v;
}

static double at_most(double v, double max)
{
    return isnan(v) || isnan(max) ? NAN : v > max ? max : v;
}

struct bounds {
    const double *min, *max; /* per step; NULL = open */
};

static int clamp(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                 struct bounds b, struct ax_value *out)
{
    int rc = ax_eval_node(e, n->call.args[0], g, out);
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        struct ax_column *c = &out->v[i];
        c->labels = ax_labels_nameless(e->a, c->labels);
        for (size_t k = 0; k < g->n; k++) {
            if (b.max)
                c->v[k] = at_most(c->v[k], b.max[k]);
            if (b.min)
                c->v[k] = at_least(c->v[k], b.min[k]);
            if (b.min && b.max && b.max[k] < b.min[k])
                ax_unset(c, k);
        }
    }
    out->ordered = false;
    return rc < 0 ? rc : ax_vector_merge(e, g, out, AX_SAME_LABELS);
}

int ax_call_clamp(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                  struct ax_value *out)
{
    struct ax_value min, max;
    int rc = ax_eval_node(e, n->call.args[1], g, &min);
    if (rc == 0)
        rc = ax_eval_node(e, n->call.args[2], g, &max);
    return rc < 0 ? rc : clamp(e, n, g, (struct bounds){min.scalar, max.scalar}, out);
}

int ax_call_clamp_min(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                      struct ax_value *out)
{
    struct ax_value min;
    int rc = ax_eval_node(e, n->call.args[1], g, &min);
    return rc < 0 ? rc : clamp(e, n, g, (struct bounds){min.scalar, NULL}, out);
}

int ax_call_clamp_max(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                      struct ax_value *out)
{
    struct ax_value max;
    int rc = ax_eval_node(e, n->call.args[1], g, &max);
    return rc < 0 ? rc : clamp(e, n, g, (struct bounds){NULL, max.scalar}, out);
}

/* To the nearest multiple; halves go up, for negative values too. */
int ax_call_round(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                  struct ax_value *out)
{
    struct ax_value to = {0};
    int rc = n->call.n > 1 ? ax_eval_node(e, n->call.args[1], g, &to) : 0;
    if (rc == 0)
        rc = ax_eval_node(e, n->call.args[0], g, out);
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        struct ax_column *c = &out->v[i];
        c->labels = ax_labels_nameless(e->a, c->labels);
        for (size_t k = 0; k < g->n; k++) {
            double inverse = to.scalar ? 1 / to.scalar[k] : 1;
            c->v[k] = floor(c->v[k] * inverse + 0.5) / inverse;
        }
    }
    out->ordered = false;
    return rc < 0 ? rc : ax_vector_merge(e, g, out, AX_SAME_LABELS);
}
