// SPDX-License-Identifier: Apache-2.0
/* The parser: precedence climbing over the binary operators, recursive descent for the rest. */
#include "query/parser.h"

#include <math.h>

const struct ax_op_info ax_ops[AX_OP_COUNT] = {
    [AX_OP_OR] = {"or", 1}, [AX_OP_AND] = {"and", 2}, [AX_OP_UNLESS] = {"unless", 2},
    [AX_OP_EQ] = {"==", 3}, [AX_OP_NE] = {"!=", 3},   [AX_OP_LE] = {"<=", 3},
    [AX_OP_LT] = {"<", 3},  [AX_OP_GE] = {">=", 3},   [AX_OP_GT] = {">", 3},
    [AX_OP_ADD] = {"+", 4}, [AX_OP_SUB] = {"-", 4},   [AX_OP_MUL] = {"*", 5},
    [AX_OP_DIV] = {"/", 5}, [AX_OP_MOD] = {"%", 5},   [AX_OP_ATAN2] = {"atan2", 5},
    [AX_OP_POW] = {"^", 6},
};
#define LEVEL_POW 6

const char *const ax_agg_names[AX_AGG_COUNT_OF] = {
    [AX_AGG_SUM] = "sum",           [AX_AGG_AVG] = "avg",
    [AX_AGG_COUNT] = "count",       [AX_AGG_MIN] = "min",
    [AX_AGG_MAX] = "max",           [AX_AGG_GROUP] = "group",
    [AX_AGG_STDDEV] = "stddev",     [AX_AGG_STDVAR] = "stdvar",
    [AX_AGG_TOPK] = "topk",         [AX_AGG_BOTTOMK] = "bottomk",
    [AX_AGG_QUANTILE] = "quantile", [AX_AGG_COUNT_VALUES] = "count_values"};

static struct ax_node *parse_expr(struct ax_parser *p, int level);

/* ( a, b, c ) ; empty lists and a comma at the end are fine. */
static bool parse_labels(struct ax_parser *p, struct ax_names *out)
{
    static const char context[] = "grouping opts";
    if (!ax_parser_expect(p, '(', context))
        return false;
    while (!p->failed && !ax_parser_at(p, ')')) {
        bool word = p->tok.kind == AX_TOK_WORD && ax_label_name_ok(p->tok.text);
        if (!word && p->tok.kind != AX_TOK_STRING) {
            ax_parser_unexpected(p, context, "label");
            return false;
        }
        if (out->n == AX_EXPR_LIST_MAX) {
            AX_PARSE_FAIL(p, p->tok.at, "more than %d labels in a list", AX_EXPR_LIST_MAX);
            return false;
        }
        out->v = ax_list_more(p->a, out->v, out->n, sizeof *out->v);
        out->v[out->n++] = word ? p->tok.text : p->tok.value;
        ax_parser_advance(p);
        if (!ax_parser_at(p, ')') && !ax_parser_take(p, ',')) {
            ax_parser_unexpected(p, context, "\",\" or \")\"");
            return false;
        }
    }
    return ax_parser_expect(p, ')', context);
}

/* The arguments of a call or an aggregation, with their parentheses. */
static bool parse_arguments(struct ax_parser *p, struct ax_node ***out, size_t *n, uint32_t *depth)
{
    if (!ax_parser_expect(p, '(', "function call"))
        return false;
    while (!p->failed && !ax_parser_at(p, ')')) {
        struct ax_node *arg = parse_expr(p, 0);
        if (!arg)
            return false;
        *out = ax_list_more(p->a, *out, *n, sizeof arg);
        (*out)[(*n)++] = arg;
        *depth = arg->depth >= *depth ? arg->depth + 1 : *depth;
        if (ax_parser_at(p, ')'))
            break;
        size_t comma = p->tok.at;
        if (!ax_parser_take(p, ',')) {
            ax_parser_unexpected(p, "", "");
            return false;
        }
        if (ax_parser_at(p, ')')) {
            AX_PARSE_FAIL(p, comma, "trailing commas not allowed in function call args");
            return false;
        }
    }
    return ax_parser_expect(p, ')', "function call");
}

static bool at_grouping(const struct ax_parser *p)
{
    return ax_parser_at_word(p, "by") || ax_parser_at_word(p, "without");
}

static bool parse_grouping(struct ax_parser *p, struct ax_node *n)
{
    n->agg.grouped = true;
    n->agg.without = ax_parser_at_word(p, "without");
    ax_parser_advance(p);
    return parse_labels(p, &n->agg.labels);
}

static struct ax_node *parse_aggregate(struct ax_parser *p, enum ax_agg op, size_t start)
{
    struct ax_node *n = ax_node_new(p, AX_NODE_AGGREGATE, start), **args = NULL;
    n->agg.op = op;
    if (at_grouping(p) && !parse_grouping(p, n))
        return NULL;
    if (!ax_parser_at(p, '(')) {
        ax_parser_unexpected(p, "aggregation", "");
        return NULL;
    }
    if (!parse_arguments(p, &args, &n->agg.nargs, &n->depth))
        return NULL;
    if (!n->agg.grouped && at_grouping(p) && !parse_grouping(p, n))
        return NULL;
    size_t want = ax_agg_has_parameter(op) ? 2 : 1;
    if (!n->agg.nargs) {
        AX_PARSE_FAIL(p, start, "no arguments for aggregate expression provided");
    } else if (n->agg.nargs != want) {
        AX_PARSE_FAIL(
            p, start,
            "wrong number of arguments for aggregate expression provided, expected %zu, got %zu",
            want, n->agg.nargs);
    } else {
        n->agg.param = want == 2 ? args[0] : NULL;
        n->agg.arg = args[want - 1];
    }
    return ax_node_done(p, n, NULL);
}

static struct ax_node *parse_call(struct ax_parser *p, struct ax_token name)
{
    struct ax_node *n = ax_node_new(p, AX_NODE_CALL, name.at);
    n->call.name = name.text;
    if (!parse_arguments(p, &n->call.args, &n->call.n, &n->depth))
        return NULL;
    return ax_node_done(p, n, NULL);
}

static struct ax_node *number_node(struct ax_parser *p, size_t at, double v)
{
    struct ax_node *n = ax_node_new(p, AX_NODE_NUMBER, at);
    n->number = v;
    return ax_node_done(p, n, NULL);
}

/* A word begins an aggregation, a call, a number or a selector: what follows it decides. */
static struct ax_node *parse_word(struct ax_parser *p)
{
    static const char *const reserved[] = {"bool",       "on",          "ignoring",
                                           "group_left", "group_right", "atan2"};
    struct ax_token name = p->tok;
    for (size_t i = 0; i < AX_ARRAY_LEN(reserved); i++)
        if (ax_word_is(name.text, reserved[i])) {
            ax_parser_unexpected(p, "", "");
            return NULL;
        }
    ax_parser_advance(p);
    if (ax_word_is(name.text, "inf") || ax_word_is(name.text, "nan"))
        return number_node(p, name.at, ax_word_is(name.text, "inf") ? INFINITY : NAN);
    for (int i = 0; i < AX_AGG_COUNT_OF; i++)
        if (ax_word_is(name.text, ax_agg_names[i]) && (ax_parser_at(p, '(') || at_grouping(p)))
            return parse_aggregate(p, (enum ax_agg)i, name.at);
    if (ax_parser_at(p, '('))
        return parse_call(p, name);
    return ax_parse_selector(p, name);
}

static struct ax_node *parse_paren(struct ax_parser *p)
{
    struct ax_node *n = ax_node_new(p, AX_NODE_PAREN, p->tok.at);
    ax_parser_advance(p);
    n->paren = parse_expr(p, 0);
    if (!n->paren || p->failed)
        return NULL;
    if (p->tok.kind == AX_TOK_END) {
        AX_PARSE_FAIL(p, p->tok.at, "unclosed left parenthesis");
        return NULL;
    }
    if (!ax_parser_take(p, ')')) {
        ax_parser_unexpected(p, "", "");
        return NULL;
    }
    return ax_node_done(p, n, n->paren);
}

static struct ax_node *parse_primary(struct ax_parser *p)
{
    struct ax_token t = p->tok;
    if (p->failed)
        return NULL;
    if (t.kind == AX_TOK_NUMBER || t.kind == AX_TOK_DURATION) {
        ax_parser_advance(p);
        return number_node(p, t.at, t.number);
    }
    if (t.kind == AX_TOK_STRING) {
        struct ax_node *n = ax_node_new(p, AX_NODE_STRING, t.at);
        n->string = t.value;
        ax_parser_advance(p);
        return ax_node_done(p, n, NULL);
    }
    if (t.kind == AX_TOK_WORD)
        return parse_word(p);
    if (ax_parser_at(p, '('))
        return parse_paren(p);
    if (ax_parser_at(p, '{'))
        return ax_parse_selector(p, t);
    ax_parser_unexpected(p, "", "");
    return NULL;
}

static struct ax_node *parse_postfix(struct ax_parser *p)
{
    struct ax_node *n = parse_primary(p);
    while (n && !p->failed) {
        if (ax_parser_at(p, '['))
            n = ax_parse_range(p, n);
        else if (ax_parser_at_word(p, "offset"))
            n = ax_parse_offset(p, n);
        else if (ax_parser_at(p, '@'))
            n = ax_parse_at(p, n);
        else
            return n;
    }
    return NULL;
}

/* A sign binds weaker than ^ and tighter than all else: -2 ^ 2 is -4. */
static struct ax_node *parse_unary(struct ax_parser *p)
{
    bool minus = ax_parser_at_op(p, AX_OP_SUB);
    if (!minus && !ax_parser_at_op(p, AX_OP_ADD))
        return parse_postfix(p);
    struct ax_node *n = ax_node_new(p, AX_NODE_UNARY, p->tok.at);
    ax_parser_advance(p);
    n->unary.minus = minus;
    n->unary.arg = parse_expr(p, LEVEL_POW);
    return n->unary.arg ? ax_node_done(p, n, n->unary.arg) : NULL;
}

static bool at_binary(const struct ax_parser *p, enum ax_op *op)
{
    if (p->tok.kind == AX_TOK_OP) {
        *op = p->tok.op;
        return true;
    }
    static const enum ax_op words[] = {AX_OP_OR, AX_OP_AND, AX_OP_UNLESS, AX_OP_ATAN2};
    for (size_t i = 0; i < AX_ARRAY_LEN(words); i++)
        if (ax_parser_at_word(p, ax_ops[words[i]].text)) {
            *op = words[i];
            return true;
        }
    return false;
}

/* bool, on/ignoring and group_left/group_right behind an operator. */
static bool parse_matching(struct ax_parser *p, struct ax_node *n)
{
    struct ax_match *m = &n->binary.match;
    if (ax_parser_at_word(p, "bool")) {
        n->binary.returns_bool = true;
        ax_parser_advance(p);
    }
    m->given = ax_parser_at_word(p, "on") || ax_parser_at_word(p, "ignoring");
    if (!m->given)
        return !p->failed;
    m->on = ax_parser_at_word(p, "on");
    ax_parser_advance(p);
    if (!parse_labels(p, &m->labels))
        return false;
    if (!ax_parser_at_word(p, "group_left") && !ax_parser_at_word(p, "group_right"))
        return true;
    m->group = ax_parser_at_word(p, "group_left") ? AX_GROUP_LEFT : AX_GROUP_RIGHT;
    ax_parser_advance(p);
    return !ax_parser_at(p, '(') || parse_labels(p, &m->include);
}

static struct ax_node *parse_expr(struct ax_parser *p, int level)
{
    if (++p->nesting > AX_EXPR_DEPTH_MAX) {
        AX_PARSE_FAIL(p, p->tok.at, "the expression is nested more than %d deep",
                      AX_EXPR_DEPTH_MAX);
        return NULL;
    }
    struct ax_node *lhs = parse_unary(p);
    enum ax_op op;
    while (lhs && !p->failed && at_binary(p, &op) && ax_ops[op].level >= level) {
        struct ax_node *n = ax_node_new(p, AX_NODE_BINARY, lhs->start);
        n->binary.op = op;
        n->binary.at = (uint32_t)p->tok.at;
        n->binary.lhs = lhs;
        ax_parser_advance(p);
        if (!parse_matching(p, n))
            return NULL;
        n->binary.rhs = parse_expr(p, op == AX_OP_POW ? LEVEL_POW : ax_ops[op].level + 1);
        lhs = n->binary.rhs && ax_node_done(p, n, lhs) ? ax_node_done(p, n, n->binary.rhs) : NULL;
    }
    p->nesting--;
    return p->failed ? NULL : lhs;
}

int ax_expr_parse(struct ax_str text, struct ax_arena *a, struct ax_expr **out, struct ax_err *err)
{
    struct ax_err local = {0};
    struct ax_expr *e = AX_NEW(a, struct ax_expr);
    e->text = ax_arena_str(a, text.n > AX_EXPR_TEXT_MAX ? AX_STR_NULL : text);
    struct ax_parser p = {
        .lex = {.text = e->text, .a = a, .err = &local}, .expr = e, .a = a, .err = &local};
    if (text.n > AX_EXPR_TEXT_MAX)
        AX_PARSE_FAIL(&p, 0, "the expression is longer than %u bytes", AX_EXPR_TEXT_MAX);
    else
        ax_parser_advance(&p);
    if (!p.failed && p.tok.kind == AX_TOK_END)
        AX_PARSE_FAIL(&p, 0, "no expression found in input");
    e->root = p.failed ? NULL : parse_expr(&p, 0);
    if (!p.failed && ax_parser_at(&p, ')'))
        AX_PARSE_FAIL(&p, p.tok.at, "unexpected right parenthesis ')'");
    if (!p.failed && p.tok.kind != AX_TOK_END)
        ax_parser_unexpected(&p, "", "");
    if (!p.failed && ax_expr_check(e, &local) == 0) {
        *out = e;
        return 0;
    }
    ax_expr_free(e);
    return ax_fail(err, local.code, "%s", local.text);
}

void ax_expr_free(struct ax_expr *e)
{
    if (!e)
        return;
    for (struct ax_regex_ref *r = e->regexes; r; r = r->next)
        ax_regex_free(r->re);
    e->regexes = NULL;
}

enum ax_value_type ax_expr_type(const struct ax_expr *e)
{
    return e->root->type;
}

int ax_selector_parse(struct ax_str text, struct ax_arena *a, struct ax_expr **owner,
                      const struct ax_matcher **out, size_t *n, struct ax_err *err)
{
    struct ax_expr *e;
    int rc = ax_expr_parse(text, a, &e, err);
    if (rc < 0)
        return rc;
    struct ax_node *s = e->root;
    if (s->kind != AX_NODE_SELECTOR || s->selector.range || s->selector.when.at ||
        s->selector.when.has_offset) {
        rc = ax_expr_fail(e->text, 0, err, "expected a series selector, e.g. up{job=\"x\"}");
        ax_expr_free(e);
        return rc;
    }
    *owner = e;
    *out = s->selector.matchers;
    *n = s->selector.nmatchers;
    return 0;
}
