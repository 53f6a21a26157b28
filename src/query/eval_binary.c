// SPDX-License-Identifier: Apache-2.0
/* Binary operators: between numbers, between a vector and a number, and the set operators. Two
 * vectors are matched in eval_match.c. */
#include "query/match.h"

#include <math.h>

/* The value of an operation; *keep: false where a filtering comparison drops the sample. */
double ax_op_apply(enum ax_op op, bool returns_bool, double l, double r, bool *keep)
{
    bool is = false;
    *keep = true;
    switch (op) {
    case AX_OP_ADD: return l + r;
    case AX_OP_SUB: return l - r;
    case AX_OP_MUL: return l * r;
    case AX_OP_DIV: return l / r;
    case AX_OP_MOD: return fmod(l, r);
    case AX_OP_POW: return pow(l, r);
    case AX_OP_ATAN2: return atan2(l, r);
    case AX_OP_EQ: is = l == r; break;
    case AX_OP_NE: is = l != r; break;
    case AX_OP_LE: is = l <= r; break;
    case AX_OP_LT: is = l < r; break;
    case AX_OP_GE: is = l >= r; break;
    case AX_OP_GT: is = l > r; break;
    default: AX_ASSERT(!ax_op_is_set(op));
    }
    *keep = is || returns_bool;
    return returns_bool ? is : l;
}

bool ax_op_drops_name(const struct ax_node *n)
{
    return !ax_op_compares(n->binary.op) || n->binary.returns_bool;
}

static int numbers(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                   const double *l, const double *r, struct ax_value *out)
{
    bool keep;
    int rc = ax_scalar_init(e, g, out);
    for (size_t k = 0; rc == 0 && k < g->n; k++)
        out->scalar[k] = ax_op_apply(n->binary.op, n->binary.returns_bool, l[k], r[k], &keep);
    return rc;
}

/* A vector and a number per step. A filter keeps the vector's value, on whichever side it is. */
static int with_number(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                       struct ax_value *v, const double *s, bool vector_left)
{
    bool filters = ax_op_compares(n->binary.op) && !n->binary.returns_bool, keep;
    v->ordered = false;
    for (size_t i = 0; i < v->n; i++) {
        struct ax_column *c = &v->v[i];
        if (ax_op_drops_name(n))
            c->labels = ax_labels_nameless(e->a, c->labels);
        for (size_t k = 0; k < g->n; k++) {
            if (!ax_has(c, k))
                continue;
            double l = vector_left ? c->v[k] : s[k], r = vector_left ? s[k] : c->v[k];
            double result = ax_op_apply(n->binary.op, n->binary.returns_bool, l, r, &keep);
            if (!keep)
                ax_unset(c, k);
            else if (!filters)
                c->v[k] = result;
        }
    }
    return ax_vector_merge(e, g, v, AX_SAME_LABELS);
}

int ax_eval_binary(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                   struct ax_value *out)
{
    struct ax_value l, r;
    int rc = ax_eval_node(e, n->binary.lhs, g, &l);
    if (rc == 0)
        rc = ax_eval_node(e, n->binary.rhs, g, &r);
    if (rc < 0)
        return rc;
    if (l.type == AX_SCALAR && r.type == AX_SCALAR)
        return numbers(e, n, g, l.scalar, r.scalar, out);
    if (l.type == AX_VECTOR && r.type == AX_VECTOR)
        return ax_op_is_set(n->binary.op) ? ax_match_set(e, n, g, &l, &r, out)
                                          : ax_match_vectors(e, n, g, &l, &r, out);
    *out = l.type == AX_VECTOR ? l : r;
    return with_number(e, n, g, out, l.type == AX_VECTOR ? r.scalar : l.scalar,
                       l.type == AX_VECTOR);
}
