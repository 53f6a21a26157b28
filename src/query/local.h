// SPDX-License-Identifier: Apache-2.0
/* Expressions whose value for a label set follows from the series of that label set alone: each
 * node has one value or none, where the evaluator proper has a column per series. local.c makes
 * them of a tree, local_value.c works them out; what a function or an operator gives is asked of
 * the same code that the evaluator has. */
#ifndef AX_QUERY_LOCAL_H
#define AX_QUERY_LOCAL_H

#include "query/match.h"

enum ax_local_kind {
    AX_LOCAL_NUMBER,
    AX_LOCAL_NEWEST,
    AX_LOCAL_WINDOW,
    AX_LOCAL_MATH_OF,
    AX_LOCAL_MINUS,
    AX_LOCAL_OPERATION
};

struct ax_local_node {
    enum ax_local_kind kind;
    uint32_t selector;
    int64_t range;
    const struct ax_node *of;
    const struct ax_local_node *l, *r;
    double number, args[AX_ARGS_MAX];
};

struct ax_local {
    struct ax_local_selector selectors[AX_LOCAL_MAX];
    size_t n;
    const struct ax_local_node *root;
    const struct ax_node *absent; /* the selector of absent(); NULL: it is none */
    bool moves;
};

#endif
