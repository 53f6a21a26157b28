// SPDX-License-Identifier: Apache-2.0
/* Aggregations. The simple ones run over the steps of one member after the other with one state
 * per step; those that need all members of a step together are in aggregate_rank.c. */
#include "query/aggregate.h"

#include "base/map.h"

#include <math.h>

/* The group of every series: its labels, and who is in it. Neighbours are mostly of one group. */
static void make_groups(struct ax_eval *e, const struct ax_node *n, const struct ax_value *v,
                        struct ax_agg_groups *out)
{
    struct ax_map seen = AX_MAP_INIT;
    size_t longest = 0;
    uint64_t j = 0;
    *out = (struct ax_agg_groups){.of = AX_NEWS(e->a, size_t, v->n)};
    for (size_t i = 0; i < v->n; i++)
        longest = v->v[i].labels.bytes.n > longest ? v->v[i].labels.bytes.n : longest;
    char *room = ax_arena_room(e->a, longest);
    for (size_t i = 0, cap = 0; i < v->n; i++) {
        struct ax_str of = v->v[i].labels.bytes;
        if (i && of.p == v->v[i - 1].labels.bytes.p && of.n == v->v[i - 1].labels.bytes.n) {
            out->of[i] = j; /* as the store gives them when only the wanted labels are asked for */
            continue;
        }
        struct ax_labels key =
            ax_labels_part(v->v[i].labels, &n->agg.labels, !n->agg.without, n->agg.without, room);
        bool known = out->n && ax_str_eq(key.bytes, out->labels[j].bytes);
        if (!known && !ax_map_get(&seen, key.bytes, &j)) {
            if (out->n == cap) {
                size_t more = cap ? cap * 2 : 16;
                out->labels = ax_arena_grow(e->a, out->labels, cap * sizeof *out->labels,
                                            more * sizeof *out->labels);
                cap = more;
            }
            j = out->n++;
            out->labels[j] = (struct ax_labels){ax_arena_str(e->a, key.bytes)};
            ax_map_put(&seen, out->labels[j].bytes, j);
        }
        out->of[i] = j;
    }
    ax_map_free(&seen);
}

/* What one group knows at one step; each operation uses its part. */
struct state {
    union {
        struct ax_sum sum;
        struct ax_mean mean;
        struct ax_variance variance;
        double value;
    };
};

static void feed(enum ax_agg op, struct state *s, double v, bool first)
{
    switch (op) {
    case AX_AGG_SUM: ax_sum_add(&s->sum, v); break;
    case AX_AGG_AVG: ax_mean_add(&s->mean, v); break;
    case AX_AGG_COUNT: s->value += 1; break;
    case AX_AGG_GROUP: s->value = 1; break;
    case AX_AGG_MIN: s->value = first || v < s->value || isnan(s->value) ? v : s->value; break;
    case AX_AGG_MAX: s->value = first || v > s->value || isnan(s->value) ? v : s->value; break;
    default: ax_variance_add(&s->variance, v); break;
    }
}

static double finish(enum ax_agg op, const struct state *s)
{
    switch (op) {
    case AX_AGG_SUM: return ax_sum_value(&s->sum);
    case AX_AGG_AVG: return ax_mean_value(&s->mean);
    case AX_AGG_STDVAR: return ax_variance_value(&s->variance);
    case AX_AGG_STDDEV: return sqrt(ax_variance_value(&s->variance));
    default: return s->value;
    }
}

static int fold(struct ax_eval *e, enum ax_agg op, const struct ax_grid *g,
                const struct ax_value *v, const struct ax_agg_groups *groups, struct ax_value *out)
{
    int rc = ax_vector_init(e, g, groups->n, NULL, out);
    if (rc == 0)
        rc = ax_eval_charge(e, groups->n * g->n);
    if (rc < 0)
        return rc;
    struct state *states = AX_NEWS(e->a, struct state, groups->n * g->n);
    for (size_t i = 0; i < v->n; i++) {
        struct ax_column *to = &out->v[groups->of[i]];
        for (size_t k = 0; k < g->n; k++) {
            if (!ax_has(&v->v[i], k))
                continue;
            feed(op, &states[groups->of[i] * g->n + k], v->v[i].v[k], !ax_has(to, k));
            ax_set(to, k, 0);
        }
    }
    for (size_t j = 0; j < groups->n; j++) {
        out->v[j].labels = groups->labels[j];
        for (size_t k = 0; k < g->n; k++)
            if (ax_has(&out->v[j], k))
                out->v[j].v[k] = finish(op, &states[j * g->n + k]);
    }
    return 0;
}

/* Are the labels of what is aggregated looked at by the grouping alone? So it is with a selector
 * and with a range function of one, unless series may become equal with the loss of their name,
 * which must be noticed. */
static bool groups_alone_see_labels(const struct ax_node *n)
{
    struct ax_node *arg = ax_node_bare(n->agg.arg);
    if (n->agg.without || n->agg.op == AX_AGG_TOPK || n->agg.op == AX_AGG_BOTTOMK)
        return false;
    if (arg->kind == AX_NODE_SELECTOR)
        return true;
    if (arg->kind != AX_NODE_CALL || !arg->call.fn->range || arg->call.n != 1)
        return false;
    const struct ax_node *of = ax_node_bare(arg->call.args[0]);
    return of->kind == AX_NODE_SELECTOR && ax_stays_distinct(arg->call.fn, of);
}

static int eval_members(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                        struct ax_value *out)
{
    static struct ax_str none;
    struct ax_names only = {n->agg.labels.n ? n->agg.labels.v : &none, n->agg.labels.n};
    e->only = groups_alone_see_labels(n) ? &only : NULL;
    int rc = ax_eval_node(e, n->agg.arg, g, out);
    e->only = NULL;
    return rc;
}

int ax_eval_aggregate(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                      struct ax_value *out)
{
    struct ax_value v, param = {0};
    struct ax_agg_groups groups;
    int rc = n->agg.param ? ax_eval_node(e, n->agg.param, g, &param) : 0;
    if (rc == 0)
        rc = eval_members(e, n, g, &v);
    if (rc < 0)
        return rc;
    make_groups(e, n, &v, &groups);
    switch (n->agg.op) {
    case AX_AGG_TOPK:
    case AX_AGG_BOTTOMK:
        return ax_agg_rank(e, n->agg.op == AX_AGG_TOPK, g, param.scalar, &v, &groups, out);
    case AX_AGG_QUANTILE: return ax_agg_quantile(e, g, param.scalar, &v, &groups, out);
    case AX_AGG_COUNT_VALUES: return ax_agg_count_values(e, g, param.string, &v, &groups, out);
    default: return fold(e, n->agg.op, g, &v, &groups, out);
    }
}
