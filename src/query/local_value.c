// SPDX-License-Identifier: Apache-2.0
/* The value for one label set, from the windows of its series. */
#include "query/local.h"

#include <stdlib.h>

struct look {
    const struct ax_local_samples *w;
    int64_t at, next;
};
struct item {
    bool there;
    int name; /* the selector whose metric it still has the name of; -1: none */
    double v;
};
static const struct item nothing = {false, -1, 0};

/* A sample, or its end, will make a difference then. */
static void note(struct look *k, int64_t t)
{
    k->next = t > k->at && t < k->next ? t : k->next;
}

/* How many samples are not in the future; the first of those that are is noted. */
static size_t count_present(struct look *k, const struct ax_local_samples *s)
{
    size_t n = s->n;
    while (n && s->t[n - 1] > k->at)
        n--;
    if (n < s->n)
        note(k, s->t[n]);
    return n;
}

static struct item newest(const struct ax_local_node *x, struct look *k)
{
    const struct ax_local_samples *s = &k->w[x->selector];
    size_t n = count_present(k, s);
    if (!n || s->t[n - 1] <= k->at - AX_LOOKBACK_MS || ax_is_stale(s->v[n - 1]))
        return nothing;
    note(k, s->t[n - 1] + AX_LOOKBACK_MS);
    return (struct item){true, (int)x->selector, s->v[n - 1]};
}

/* Without staleness markers; false: there are none, and nothing was copied. */
static bool without_stale(struct ax_window *w, void **room)
{
    size_t stale = 0, n = 0;
    for (size_t i = 0; i < w->n; i++)
        stale += ax_is_stale(w->v[i]);
    if (!stale)
        return false;
    int64_t *t = *room = ax_malloc((w->n + 1) * (sizeof *t + sizeof(double)));
    double *v = (double *)(void *)(t + w->n + 1);
    for (size_t i = 0; i < w->n; i++)
        if (!ax_is_stale(w->v[i])) {
            t[n] = w->t[i];
            v[n++] = w->v[i];
        }
    w->t = t;
    w->v = v;
    w->n = n;
    return true;
}

static struct item window(const struct ax_local_node *x, struct look *k)
{
    const struct ax_local_samples *s = &k->w[x->selector];
    AX_CLEANUP(ax_free_ptr) void *room = NULL;
    size_t hi = count_present(k, s), lo = hi;
    while (lo && s->t[lo - 1] > k->at - x->range)
        lo--;
    struct ax_window w = {.t = s->t + lo,
                          .v = s->v + lo,
                          .n = hi - lo,
                          .start = k->at - x->range,
                          .end = k->at,
                          .at = k->at};
    if (w.n)
        note(k, w.t[0] + x->range);
    without_stale(&w, &room);
    if (!w.n)
        return nothing;
    if (x->of->kind == AX_NODE_SELECTOR) /* absent_over_time */
        return (struct item){true, -1, 1};
    const struct ax_function *f = x->of->call.fn;
    struct item out = {.name = f->flags & AX_FN_KEEPS_NAME ? (int)x->selector : -1};
    out.there = f->range(&w, x->args, &out.v);
    return out;
}

static struct item value(const struct ax_local_node *x, struct look *k);

static struct item set_operation(enum ax_op op, struct item l, struct item r)
{
    switch (op) {
    case AX_OP_AND: return r.there ? l : nothing;
    case AX_OP_UNLESS: return r.there ? nothing : l;
    default: return l.there ? l : r;
    }
}

/* A filter keeps the vector's value, and of two vectors the left one's. */
static struct item operation(const struct ax_local_node *x, struct look *k)
{
    const struct ax_node *n = x->of;
    enum ax_op op = n->binary.op;
    struct item l = value(x->l, k), r = value(x->r, k), out = nothing;
    if (ax_op_is_set(op))
        return set_operation(op, l, r);
    if (!l.there || !r.there)
        return nothing;
    bool filters = ax_op_compares(op) && !n->binary.returns_bool;
    bool right = x->l->kind == AX_LOCAL_NUMBER;
    out.v = ax_op_apply(op, n->binary.returns_bool, l.v, r.v, &out.there);
    if (filters)
        out = (struct item){out.there, right ? r.name : l.name, right ? r.v : l.v};
    return out;
}

static struct item value(const struct ax_local_node *x, struct look *k)
{
    struct item v;
    switch (x->kind) {
    case AX_LOCAL_NUMBER: return (struct item){true, -1, x->number};
    case AX_LOCAL_NEWEST: return newest(x, k);
    case AX_LOCAL_WINDOW: return window(x, k);
    case AX_LOCAL_OPERATION: return operation(x, k);
    case AX_LOCAL_MINUS:
    case AX_LOCAL_MATH_OF: break;
    }
    v = value(x->l, k);
    v.v = x->kind == AX_LOCAL_MINUS ? -v.v : x->of->call.fn->math(v.v);
    v.name = -1;
    return v;
}

bool ax_local_eval(const struct ax_local *l, const struct ax_local_samples *w, int64_t at,
                   struct ax_local_value *out)
{
    struct look k = {w, at, INT64_MAX};
    struct item v = value(l->root, &k);
    *out = (struct ax_local_value){.v = v.v, .name = v.name, .next = k.next};
    return v.there;
}
