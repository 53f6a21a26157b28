// SPDX-License-Identifier: Apache-2.0
/* The type check: what the grammar lets through and Prometheus still refuses. Children first, so
 * that the innermost fault is the one that is told. */
#include "query/eval.h"

#include <stdio.h>

struct check {
    struct ax_str text;
    struct ax_err *err;
};

static const char *type_name(enum ax_value_type t)
{
    static const char *const names[] = {"scalar", "instant vector", "range vector", "string"};
    return names[t];
}

#define FAIL_AT(c, at, ...) ax_expr_fail((c)->text, (at), (c)->err, __VA_ARGS__)
#define FAIL(c, node, ...)  FAIL_AT(c, (node)->start, __VA_ARGS__)

static int check_node(const struct check *c, struct ax_node *n);

struct ax_node *ax_node_bare(struct ax_node *n)
{
    while (n->kind == AX_NODE_PAREN)
        n = n->paren;
    return n;
}

static int expect(const struct check *c, const struct ax_node *n, enum ax_value_type want,
                  const char *context)
{
    if (n->type == want)
        return 0;
    return FAIL(c, n, "expected type %s in %s, got %s", type_name(want), context,
                type_name(n->type));
}

static int check_selector(const struct check *c, struct ax_node *n)
{
    n->constant = n->selector.when.at != AX_AT_NONE;
    for (size_t i = 0; i < n->selector.nmatchers; i++)
        if (!ax_matcher_matches_empty(&n->selector.matchers[i]))
            return 0;
    return FAIL(c, n, "vector selector must contain at least one non-empty matcher");
}

static int check_subquery(const struct check *c, struct ax_node *n)
{
    int rc = check_node(c, n->subquery.arg);
    if (rc < 0)
        return rc;
    n->type = AX_MATRIX;
    n->constant = n->subquery.when.at != AX_AT_NONE;
    if (n->subquery.arg->type == AX_VECTOR)
        return 0;
    return FAIL(c, n, "subquery is only allowed on instant vector, got %s instead",
                type_name(n->subquery.arg->type));
}

static int check_count(const struct check *c, const struct ax_node *n, const struct ax_function *f)
{
    size_t got = n->call.n;
    bool open = f->flags & AX_FN_VARIADIC;
    if (f->min == f->max && !open && got != f->min)
        return FAIL(c, n, "expected %d argument(s) in call to \"%s\", got %zu", f->min, f->name,
                    got);
    if (got < f->min)
        return FAIL(c, n, "expected at least %d argument(s) in call to \"%s\", got %zu", f->min,
                    f->name, got);
    if (got > f->max && !open)
        return FAIL(c, n, "expected at most %d argument(s) in call to \"%s\", got %zu", f->max,
                    f->name, got);
    return 0;
}

static int check_call(const struct check *c, struct ax_node *n)
{
    const struct ax_function *f = ax_function_find(n->call.name);
    if (!f)
        return FAIL(c, n, "unknown function with name \"%.*s\"",
                    (int)(n->call.name.n < 60 ? n->call.name.n : 60), n->call.name.p);
    n->call.fn = f;
    n->type = f->returns;
    int rc = check_count(c, n, f);
    char context[80];
    snprintf(context, sizeof context, "call to function \"%s\"", f->name);
    n->constant = !(f->flags & AX_FN_READS_TIME);
    for (size_t i = 0; i < n->call.n && rc == 0; i++) {
        struct ax_node *arg = n->call.args[i];
        rc = check_node(c, arg);
        size_t last = f->max ? (size_t)f->max - 1 : 0;
        if (rc == 0)
            rc = expect(c, arg, f->args[i < last ? i : last], context);
        n->constant &= arg->constant;
    }
    return rc;
}

static int check_aggregate(const struct check *c, struct ax_node *n)
{
    enum ax_agg op = n->agg.op;
    int rc = check_node(c, n->agg.arg);
    if (rc == 0)
        rc = expect(c, n->agg.arg, AX_VECTOR, "aggregation expression");
    if (rc == 0 && n->agg.param)
        rc = check_node(c, n->agg.param);
    if (rc == 0 && n->agg.param)
        rc = expect(c, n->agg.param, op == AX_AGG_COUNT_VALUES ? AX_STRING : AX_SCALAR,
                    "aggregation parameter");
    n->type = AX_VECTOR;
    n->constant = n->agg.arg->constant && (!n->agg.param || n->agg.param->constant);
    return rc;
}

static int check_matching(const struct check *c, const struct ax_node *n)
{
    const struct ax_match *m = &n->binary.match;
    enum ax_op op = n->binary.op;
    if (m->given && (n->binary.lhs->type != AX_VECTOR || n->binary.rhs->type != AX_VECTOR))
        return FAIL(c, n, "vector matching only allowed between instant vectors");
    if (m->group && ax_op_is_set(op))
        return FAIL(c, n, "no grouping allowed for \"%s\" operation", ax_ops[op].text);
    for (size_t i = 0; m->on && i < m->labels.n; i++)
        for (size_t j = 0; j < m->include.n; j++)
            if (ax_str_eq(m->labels.v[i], m->include.v[j]))
                return FAIL_AT(c, n->binary.at,
                               "label \"%.*s\" must not occur in ON and GROUP clause at once",
                               AX_STR_ARG(m->labels.v[i]));
    return 0;
}

static int check_binary(const struct check *c, struct ax_node *n)
{
    enum ax_op op = n->binary.op;
    int rc = check_node(c, n->binary.lhs);
    if (rc == 0)
        rc = check_node(c, n->binary.rhs);
    if (rc < 0)
        return rc;
    enum ax_value_type l = n->binary.lhs->type, r = n->binary.rhs->type;
    n->type = l == AX_SCALAR && r == AX_SCALAR ? AX_SCALAR : AX_VECTOR;
    n->constant = n->binary.lhs->constant && n->binary.rhs->constant;
    if (n->binary.returns_bool && !ax_op_compares(op))
        return FAIL_AT(c, n->binary.at, "bool modifier can only be used on comparison operators");
    if (ax_op_compares(op) && !n->binary.returns_bool && n->type == AX_SCALAR)
        return FAIL_AT(c, n->binary.at, "comparisons between scalars must use BOOL modifier");
    const struct ax_node *wrong = l != AX_SCALAR && l != AX_VECTOR   ? n->binary.lhs
                                  : r != AX_SCALAR && r != AX_VECTOR ? n->binary.rhs
                                                                     : NULL;
    if (wrong)
        return FAIL(c, wrong,
                    "binary expression must contain only scalar and instant vector types");
    if (ax_op_is_set(op) && (l == AX_SCALAR || r == AX_SCALAR))
        return FAIL(c, n, "set operator \"%s\" not allowed in binary scalar expression",
                    ax_ops[op].text);
    return check_matching(c, n);
}

static int check_unary(const struct check *c, struct ax_node *n)
{
    int rc = check_node(c, n->unary.arg);
    n->type = n->unary.arg->type;
    n->constant = n->unary.arg->constant;
    if (rc == 0 && n->type != AX_SCALAR && n->type != AX_VECTOR)
        return FAIL(c, n,
                    "unary expression only allowed on expressions of type scalar or instant "
                    "vector, got \"%s\"",
                    type_name(n->type));
    return rc;
}

static int check_paren(const struct check *c, struct ax_node *n)
{
    int rc = check_node(c, n->paren);
    n->type = n->paren->type;
    n->constant = n->paren->constant;
    return rc;
}

static int check_literal(struct ax_node *n, enum ax_value_type type)
{
    n->type = type;
    n->constant = true;
    return 0;
}

static int check_node(const struct check *c, struct ax_node *n)
{
    switch (n->kind) {
    case AX_NODE_NUMBER: return check_literal(n, AX_SCALAR);
    case AX_NODE_STRING: return check_literal(n, AX_STRING);
    case AX_NODE_SELECTOR: return check_selector(c, n);
    case AX_NODE_SUBQUERY: return check_subquery(c, n);
    case AX_NODE_CALL: return check_call(c, n);
    case AX_NODE_AGGREGATE: return check_aggregate(c, n);
    case AX_NODE_BINARY: return check_binary(c, n);
    case AX_NODE_UNARY: return check_unary(c, n);
    case AX_NODE_PAREN: return check_paren(c, n);
    }
    return 0;
}

int ax_expr_check(struct ax_expr *e, struct ax_err *err)
{
    return check_node(&(struct check){e->text, err}, e->root);
}
