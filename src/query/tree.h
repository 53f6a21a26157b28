// SPDX-License-Identifier: Apache-2.0
/* The tree of an expression, and the two tables that the language is made of: operators and
 * functions. Nodes live in the arena that was given to the parser and are never changed after the
 * type check, so several threads may evaluate one tree. */
#ifndef AX_QUERY_TREE_H
#define AX_QUERY_TREE_H

#include "query/query.h"

#define AX_EXPR_TEXT_MAX  (1u << 20) /* bytes of an expression */
#define AX_EXPR_LIST_MAX  1000       /* labels or matchers in one list */
#define AX_EXPR_DEPTH_MAX 200        /* nested nodes: every pass over the tree recurses */

enum ax_op {
    AX_OP_OR,
    AX_OP_AND,
    AX_OP_UNLESS,
    AX_OP_EQ,
    AX_OP_NE,
    AX_OP_LE,
    AX_OP_LT,
    AX_OP_GE,
    AX_OP_GT,
    AX_OP_ADD,
    AX_OP_SUB,
    AX_OP_MUL,
    AX_OP_DIV,
    AX_OP_MOD,
    AX_OP_ATAN2,
    AX_OP_POW,
    AX_OP_COUNT
};
struct ax_op_info {
    const char *text;
    int level; /* of binding: the higher the tighter */
};
extern const struct ax_op_info ax_ops[AX_OP_COUNT];
static inline bool ax_op_is_set(enum ax_op op)
{
    return op <= AX_OP_UNLESS;
}
static inline bool ax_op_compares(enum ax_op op)
{
    return op >= AX_OP_EQ && op <= AX_OP_GT;
}

enum ax_agg {
    AX_AGG_SUM,
    AX_AGG_AVG,
    AX_AGG_COUNT,
    AX_AGG_MIN,
    AX_AGG_MAX,
    AX_AGG_GROUP,
    AX_AGG_STDDEV,
    AX_AGG_STDVAR,
    AX_AGG_TOPK,
    AX_AGG_BOTTOMK,
    AX_AGG_QUANTILE,
    AX_AGG_COUNT_VALUES,
    AX_AGG_COUNT_OF
};
extern const char *const ax_agg_names[AX_AGG_COUNT_OF];
static inline bool ax_agg_has_parameter(enum ax_agg a)
{
    return a >= AX_AGG_TOPK;
}

struct ax_names {
    struct ax_str *v;
    size_t n;
};

/* The time modifiers of a selector or subquery. */
struct ax_when {
    int64_t offset;
    bool has_offset;
    enum { AX_AT_NONE, AX_AT_TIME, AX_AT_START, AX_AT_END } at;
    int64_t at_ms;
};

struct ax_match {
    bool on; /* match on `labels` only; else on all but these */
    struct ax_names labels;
    enum { AX_ONE_TO_ONE, AX_GROUP_LEFT, AX_GROUP_RIGHT } group;
    struct ax_names include;
    bool given; /* on or ignoring was written */
};

struct ax_function;

enum ax_node_kind {
    AX_NODE_NUMBER,
    AX_NODE_STRING,
    AX_NODE_SELECTOR, /* of type AX_VECTOR, or AX_MATRIX when range is not 0 */
    AX_NODE_SUBQUERY,
    AX_NODE_CALL,
    AX_NODE_AGGREGATE,
    AX_NODE_BINARY,
    AX_NODE_UNARY,
    AX_NODE_PAREN
};

struct ax_node {
    enum ax_node_kind kind;
    enum ax_value_type type;
    uint32_t start, end; /* bytes of the text */
    uint32_t depth;
    bool constant; /* the same at every step: set by the check */
    union {
        double number;
        struct ax_str string;
        struct {
            struct ax_str name; /* as written before the braces; empty = none */
            struct ax_matcher *matchers;
            size_t nmatchers; /* with the one on __name__ */
            int64_t range;
            struct ax_when when;
        } selector;
        struct {
            struct ax_node *arg;
            int64_t range, step; /* step 0 = default */
            struct ax_when when;
        } subquery;
        struct {
            struct ax_str name;
            const struct ax_function *fn; /* set by the check */
            struct ax_node **args;
            size_t n;
        } call;
        struct {
            enum ax_agg op;
            bool without, grouped; /* grouped: by or without was written */
            struct ax_names labels;
            struct ax_node *param, *arg;
            size_t nargs; /* as written, for the check */
        } agg;
        struct {
            enum ax_op op;
            uint32_t at; /* where the operator stands */
            bool returns_bool;
            struct ax_match match;
            struct ax_node *lhs, *rhs;
        } binary;
        struct {
            bool minus;
            struct ax_node *arg;
        } unary;
        struct ax_node *paren;
    };
};

struct ax_regex_ref {
    struct ax_regex *re;
    struct ax_regex_ref *next;
};

struct ax_expr {
    struct ax_str text;
    struct ax_node *root;
    struct ax_regex_ref *regexes; /* all that the selectors use */
};

/* Fills *err with "LINE:COL: parse error: ..." for a byte position of the text; returns -EINVAL. */
int ax_expr_fail(struct ax_str text, size_t at, struct ax_err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Type check; resolves functions and finds what is constant. */
int ax_expr_check(struct ax_expr *e, struct ax_err *err);

struct ax_node *ax_node_bare(struct ax_node *n); /* without the parentheses around it */
void ax_quote(struct ax_str s, struct ax_buf *out);

#endif
