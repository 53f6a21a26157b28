// SPDX-License-Identifier: Apache-2.0
/* Expressions whose value for a label set follows from the series of that label set alone: each
 * node has one value or none, where the evaluator proper has a column per series. What a function
 * or an operator gives is asked of the same code. */
#include "query/match.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum kind { NUMBER, NEWEST, WINDOW, MATH_OF, MINUS, OPERATION };

struct node {
    enum kind kind;
    uint32_t selector;
    int64_t range;
    const struct ax_node *of;
    const struct node *l, *r;
    double number, args[AX_ARGS_MAX];
};

struct ax_local {
    struct ax_local_selector selectors[AX_LOCAL_MAX];
    size_t n;
    const struct node *root;
    const struct ax_node *absent; /* the selector of absent(); NULL: it is none */
    bool moves;
};

/* ---- from the tree ---- */

struct compiler {
    struct ax_local *out;
    struct ax_arena *a;
    struct ax_err *err;
};

static const struct node *compile(struct compiler *c, const struct ax_node *n);

#define REFUSE(c, ...) (ax_fail((c)->err, -EDOM, __VA_ARGS__), NULL)

static struct node *new_node(struct compiler *c, enum kind kind, const struct ax_node *of)
{
    struct node *n = AX_NEW(c->a, struct node);
    *n = (struct node){.kind = kind, .of = of};
    return n;
}

/* A number that is the same at all times. */
static bool fold(const struct ax_node *n, double *out)
{
    double l, r;
    bool keep;
    switch (n->kind) {
    case AX_NODE_NUMBER: *out = n->number; return true;
    case AX_NODE_PAREN: return fold(n->paren, out);
    case AX_NODE_UNARY:
        if (!fold(n->unary.arg, &l))
            return false;
        *out = n->unary.minus ? -l : l;
        return true;
    case AX_NODE_BINARY:
        if (n->type != AX_SCALAR || !fold(n->binary.lhs, &l) || !fold(n->binary.rhs, &r))
            return false;
        *out = ax_op_apply(n->binary.op, n->binary.returns_bool, l, r, &keep);
        return true;
    default: return false;
    }
}

static struct ax_str metric_of(const struct ax_node *n)
{
    for (size_t i = 0; i < n->selector.nmatchers; i++) {
        const struct ax_matcher *m = &n->selector.matchers[i];
        if (m->op == AX_MATCH_EQ && ax_str_eq(m->name, AX_STR("__name__")))
            return m->value;
    }
    return AX_STR_NULL;
}

static bool is_same(const struct ax_local_selector *s, const struct ax_node *n)
{
    bool same = s->n == n->selector.nmatchers;
    for (size_t i = 0; same && i < s->n; i++) {
        const struct ax_matcher *a = &s->matchers[i], *b = &n->selector.matchers[i];
        same = a->op == b->op && ax_str_eq(a->name, b->name) && ax_str_eq(a->value, b->value);
    }
    return same;
}

/* The place of the selector among those of the expression, which keep one window each. */
static bool place(struct compiler *c, const struct ax_node *n, uint32_t *out)
{
    struct ax_local *l = c->out;
    struct ax_str metric = metric_of(n);
    if (n->selector.when.has_offset || n->selector.when.at != AX_AT_NONE)
        return REFUSE(c, "a selector with offset or @");
    if (!metric.n)
        return REFUSE(c, "a selector that does not name one metric");
    for (*out = 0; *out < l->n && !is_same(&l->selectors[*out], n);)
        ++*out;
    if (*out == AX_LOCAL_MAX)
        return REFUSE(c, "more than %d selectors", AX_LOCAL_MAX);
    struct ax_local_selector *s = &l->selectors[*out];
    if (*out == l->n) {
        l->n++;
        *s = (struct ax_local_selector){metric, n->selector.matchers, n->selector.nmatchers, 0};
    }
    s->range = n->selector.range > s->range ? n->selector.range : s->range;
    return true;
}

static const struct node *compile_selector(struct compiler *c, const struct ax_node *n,
                                           enum kind kind)
{
    struct node *x = new_node(c, kind, n);
    x->range = n->selector.range;
    return place(c, n, &x->selector) ? x : NULL;
}

static bool follows_time(const struct ax_function *f)
{
    return f->range == ax_fn_rate || f->range == ax_fn_increase || f->range == ax_fn_delta ||
           f->range == ax_fn_predict_linear;
}

static const struct node *compile_range(struct compiler *c, const struct ax_node *n)
{
    const struct ax_function *f = n->call.fn;
    double args[AX_ARGS_MAX] = {0};
    size_t nargs = 0;
    struct node *x = NULL;
    if (f->range == ax_fn_smooth)
        return REFUSE(c, "%s()", f->name);
    for (size_t i = 0; i < n->call.n; i++) {
        const struct ax_node *arg = ax_node_bare(n->call.args[i]);
        if (arg->kind == AX_NODE_SUBQUERY)
            return REFUSE(c, "a subquery");
        if (arg->type == AX_MATRIX)
            x = (struct node *)(uintptr_t)compile_selector(c, arg, WINDOW);
        else if (!fold(arg, &args[nargs++]))
            return REFUSE(c, "a number that is worked out");
        if (arg->type == AX_MATRIX && !x)
            return NULL;
    }
    memcpy(x->args, args, sizeof args);
    x->of = n;
    c->out->moves |= follows_time(f);
    return x;
}

static const struct node *compile_call(struct compiler *c, const struct ax_node *n)
{
    if (n->call.fn->range)
        return compile_range(c, n);
    if (!n->call.fn->math)
        return REFUSE(c, "%s()", n->call.fn->name);
    struct node *x = new_node(c, MATH_OF, n);
    x->l = compile(c, n->call.args[0]);
    return x->l ? x : NULL;
}

static const struct node *compile_binary(struct compiler *c, const struct ax_node *n)
{
    const struct ax_match *m = &n->binary.match;
    if (m->given || m->group != AX_ONE_TO_ONE)
        return REFUSE(c, "a join: on, ignoring, group_left or group_right");
    struct node *x = new_node(c, OPERATION, n);
    x->l = compile(c, n->binary.lhs);
    x->r = x->l ? compile(c, n->binary.rhs) : NULL;
    return x->r ? x : NULL;
}

static const struct node *compile(struct compiler *c, const struct ax_node *n)
{
    double number;
    if (n->type == AX_SCALAR) {
        if (!fold(n, &number))
            return REFUSE(c, "a number that is worked out");
        struct node *x = new_node(c, NUMBER, n);
        x->number = number;
        return x;
    }
    switch (n->kind) {
    case AX_NODE_SELECTOR: return compile_selector(c, n, NEWEST);
    case AX_NODE_CALL: return compile_call(c, n);
    case AX_NODE_BINARY: return compile_binary(c, n);
    case AX_NODE_PAREN: return compile(c, n->paren);
    case AX_NODE_AGGREGATE: return REFUSE(c, "%s over several series", ax_agg_names[n->agg.op]);
    case AX_NODE_UNARY: break;
    default: return REFUSE(c, "an expression without a selector");
    }
    if (!n->unary.minus)
        return compile(c, n->unary.arg);
    struct node *x = new_node(c, MINUS, n);
    x->l = compile(c, n->unary.arg);
    return x->l ? x : NULL;
}

/* absent() of a selector says something of all label sets together: that there is none. */
static const struct node *compile_root(struct compiler *c, const struct ax_node *n)
{
    bool call = n->kind == AX_NODE_CALL;
    bool instant = call && n->call.fn->call == ax_call_absent;
    if (!instant && !(call && n->call.fn->call == ax_call_absent_over_time))
        return compile(c, n);
    const struct ax_node *arg = ax_node_bare(n->call.args[0]);
    if (arg->kind != AX_NODE_SELECTOR)
        return REFUSE(c, "%s() of more than a selector", n->call.fn->name);
    c->out->absent = arg;
    struct node *x = (struct node *)(uintptr_t)compile_selector(c, arg, instant ? NEWEST : WINDOW);
    return x;
}

int ax_local_compile(const struct ax_expr *e, struct ax_arena *a, struct ax_local **out,
                     struct ax_err *err)
{
    struct ax_local *l = AX_NEW(a, struct ax_local);
    *l = (struct ax_local){.n = 0};
    struct compiler c = {l, a, err};
    l->root = compile_root(&c, ax_node_bare(e->root));
    if (!l->root)
        return -EDOM;
    if (!l->n)
        return ax_fail(err, -EDOM, "an expression without a selector");
    *out = l;
    return 0;
}

size_t ax_local_selectors(const struct ax_local *l, const struct ax_local_selector **out)
{
    *out = l->selectors;
    return l->n;
}

bool ax_local_moves(const struct ax_local *l)
{
    return l->moves;
}

bool ax_local_is_absent(const struct ax_local *l)
{
    return l->absent != NULL;
}

int ax_local_absent(const struct ax_local *l, struct ax_arena *a, struct ax_labels *out,
                    struct ax_err *err)
{
    return ax_absent_labels(a, l->absent, out, err);
}

/* ---- its value ---- */

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

static struct item newest(const struct node *x, struct look *k)
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

static struct item window(const struct node *x, struct look *k)
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

static struct item value(const struct node *x, struct look *k);

static struct item set_operation(enum ax_op op, struct item l, struct item r)
{
    switch (op) {
    case AX_OP_AND: return r.there ? l : nothing;
    case AX_OP_UNLESS: return r.there ? nothing : l;
    default: return l.there ? l : r;
    }
}

/* A filter keeps the vector's value, and of two vectors the left one's. */
static struct item operation(const struct node *x, struct look *k)
{
    const struct ax_node *n = x->of;
    enum ax_op op = n->binary.op;
    struct item l = value(x->l, k), r = value(x->r, k), out = nothing;
    if (ax_op_is_set(op))
        return set_operation(op, l, r);
    if (!l.there || !r.there)
        return nothing;
    bool filters = ax_op_compares(op) && !n->binary.returns_bool;
    bool right = x->l->kind == NUMBER;
    out.v = ax_op_apply(op, n->binary.returns_bool, l.v, r.v, &out.there);
    if (filters)
        out = (struct item){out.there, right ? r.name : l.name, right ? r.v : l.v};
    return out;
}

static struct item value(const struct node *x, struct look *k)
{
    struct item v;
    switch (x->kind) {
    case NUMBER: return (struct item){true, -1, x->number};
    case NEWEST: return newest(x, k);
    case WINDOW: return window(x, k);
    case OPERATION: return operation(x, k);
    case MINUS:
    case MATH_OF: break;
    }
    v = value(x->l, k);
    v.v = x->kind == MINUS ? -v.v : x->of->call.fn->math(v.v);
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
