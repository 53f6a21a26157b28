// SPDX-License-Identifier: Apache-2.0
#include "query/local.h"

#include <errno.h>

struct compiler {
    struct ax_local *out;
    struct ax_arena *a;
    struct ax_err *err;
};

static const struct ax_local_node *compile(struct compiler *c, const struct ax_node *n);

#define REFUSE(c, ...) (ax_fail((c)->err, -EDOM, __VA_ARGS__), NULL)

static struct ax_local_node *new_node(struct compiler *c, enum ax_local_kind kind,
                                      const struct ax_node *of)
{
    struct ax_local_node *n = AX_NEW(c->a, struct ax_local_node);
    *n = (struct ax_local_node){.kind = kind, .of = of};
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

static struct ax_local_node *compile_selector(struct compiler *c, const struct ax_node *n,
                                              enum ax_local_kind kind)
{
    struct ax_local_node *x = new_node(c, kind, n);
    x->range = n->selector.range;
    return place(c, n, &x->selector) ? x : NULL;
}

static bool follows_time(const struct ax_function *f)
{
    return f->range == ax_fn_rate || f->range == ax_fn_increase || f->range == ax_fn_delta ||
           f->range == ax_fn_predict_linear;
}

static const struct ax_local_node *compile_range(struct compiler *c, const struct ax_node *n)
{
    const struct ax_function *f = n->call.fn;
    double args[AX_ARGS_MAX] = {0};
    size_t nargs = 0;
    struct ax_local_node *x = NULL;
    if (f->range == ax_fn_smooth)
        return REFUSE(c, "%s()", f->name);
    for (size_t i = 0; i < n->call.n; i++) {
        const struct ax_node *arg = ax_node_bare(n->call.args[i]);
        if (arg->kind == AX_NODE_SUBQUERY)
            return REFUSE(c, "a subquery");
        if (arg->type == AX_MATRIX)
            x = compile_selector(c, arg, AX_LOCAL_WINDOW);
        else if (!fold(arg, &args[nargs++]))
            return REFUSE(c, "a number that is worked out");
        if (arg->type == AX_MATRIX && !x)
            return NULL;
    }
    if (!x)
        return REFUSE(c, "%s() of no range", f->name);
    memcpy(x->args, args, sizeof args);
    x->of = n;
    c->out->moves |= follows_time(f);
    return x;
}

static const struct ax_local_node *compile_call(struct compiler *c, const struct ax_node *n)
{
    if (n->call.fn->range)
        return compile_range(c, n);
    if (!n->call.fn->math)
        return REFUSE(c, "%s()", n->call.fn->name);
    struct ax_local_node *x = new_node(c, AX_LOCAL_MATH_OF, n);
    x->l = compile(c, n->call.args[0]);
    return x->l ? x : NULL;
}

static const struct ax_local_node *compile_binary(struct compiler *c, const struct ax_node *n)
{
    const struct ax_match *m = &n->binary.match;
    if (m->given || m->group != AX_ONE_TO_ONE)
        return REFUSE(c, "a join: on, ignoring, group_left or group_right");
    struct ax_local_node *x = new_node(c, AX_LOCAL_OPERATION, n);
    x->l = compile(c, n->binary.lhs);
    x->r = x->l ? compile(c, n->binary.rhs) : NULL;
    return x->r ? x : NULL;
}

static const struct ax_local_node *compile(struct compiler *c, const struct ax_node *n)
{
    double number;
    if (n->type == AX_SCALAR) {
        if (!fold(n, &number))
            return REFUSE(c, "a number that is worked out");
        struct ax_local_node *x = new_node(c, AX_LOCAL_NUMBER, n);
        x->number = number;
        return x;
    }
    switch (n->kind) {
    case AX_NODE_SELECTOR: return compile_selector(c, n, AX_LOCAL_NEWEST);
    case AX_NODE_CALL: return compile_call(c, n);
    case AX_NODE_BINARY: return compile_binary(c, n);
    case AX_NODE_PAREN: return compile(c, n->paren);
    case AX_NODE_AGGREGATE: return REFUSE(c, "%s over several series", ax_agg_names[n->agg.op]);
    case AX_NODE_UNARY: break;
    default: return REFUSE(c, "an expression without a selector");
    }
    if (!n->unary.minus)
        return compile(c, n->unary.arg);
    struct ax_local_node *x = new_node(c, AX_LOCAL_MINUS, n);
    x->l = compile(c, n->unary.arg);
    return x->l ? x : NULL;
}

/* absent() of a selector says something of all label sets together: that there is none. */
static const struct ax_local_node *compile_root(struct compiler *c, const struct ax_node *n)
{
    bool call = n->kind == AX_NODE_CALL;
    bool instant = call && n->call.fn->call == ax_call_absent;
    if (!instant && !(call && n->call.fn->call == ax_call_absent_over_time))
        return compile(c, n);
    const struct ax_node *arg = ax_node_bare(n->call.args[0]);
    if (arg->kind != AX_NODE_SELECTOR)
        return REFUSE(c, "%s() of more than a selector", n->call.fn->name);
    c->out->absent = arg;
    struct ax_local_node *x = compile_selector(c, arg, instant ? AX_LOCAL_NEWEST : AX_LOCAL_WINDOW);
    return x;
}

int ax_local_compile(const struct ax_expr *e, struct ax_arena *a, struct ax_local **out,
                     struct ax_err *err)
{
    if (ax_expr_type(e) == AX_MATRIX || ax_expr_type(e) == AX_STRING)
        return ax_fail(err, -EDOM, "an expression without a value at one time");
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
