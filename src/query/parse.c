// SPDX-License-Identifier: Apache-2.0
/* The parser: precedence climbing over the binary operators, recursive descent for the rest. Every
 * function returns NULL or false after the first error, whose text is then in the parser's err. */
#include "query/lex.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

struct parser {
    struct ax_lexer lex;
    struct ax_token tok; /* the one that is looked at */
    size_t last_end;     /* where the token before it ended */
    unsigned nesting;    /* of parse_expr calls */
    bool failed;
    struct ax_expr *expr;
    struct ax_arena *a;
    struct ax_err *err;
};

int ax_expr_fail(struct ax_str text, size_t at, struct ax_err *err, const char *fmt, ...)
{
    unsigned line = 1, col = 1;
    for (size_t i = 0; i < at && i < text.n; i++, col++)
        if (text.p[i] == '\n') {
            line++;
            col = 0;
        }
    char what[AX_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return ax_fail(err, -EINVAL, "%u:%u: parse error: %.450s", line, col, what);
}

#define FAIL(p, at, ...)                                                                           \
    ((p)->failed ? 0 : ax_expr_fail((p)->lex.text, (at), (p)->err, __VA_ARGS__), (p)->failed = true)

static void advance(struct parser *p)
{
    p->last_end = p->tok.at + p->tok.text.n;
    ax_lex_next(&p->lex, &p->tok);
    p->failed |= p->tok.kind == AX_TOK_BAD;
}

static void unexpected(struct parser *p, const char *context, const char *expected)
{
    struct ax_str what = ax_token_describe(&p->tok, p->a);
    if (p->tok.kind == AX_TOK_END && p->lex.in_brackets)
        FAIL(p, p->tok.at, "unclosed left bracket");
    if (p->tok.kind == AX_TOK_END && p->lex.in_braces)
        FAIL(p, p->tok.at, "unexpected end of input inside braces");
    FAIL(p, p->tok.at, "unexpected %.*s%s%s%s%s", AX_STR_ARG(what), *context ? " in " : "", context,
         *expected ? ", expected " : "", expected);
}

static bool at_sign(const struct parser *p, char c)
{
    return p->tok.kind == AX_TOK_SIGN && p->tok.text.p[0] == c;
}

static bool at_op(const struct parser *p, enum ax_op op)
{
    return p->tok.kind == AX_TOK_OP && p->tok.op == op;
}

static bool word_is(struct ax_str w, const char *keyword)
{
    return w.n == strlen(keyword) && !strncasecmp(w.p, keyword, w.n);
}

static bool at_word(const struct parser *p, const char *keyword)
{
    return p->tok.kind == AX_TOK_WORD && word_is(p->tok.text, keyword);
}

static bool take_sign(struct parser *p, char c)
{
    if (!at_sign(p, c))
        return false;
    advance(p);
    return true;
}

static bool expect_sign(struct parser *p, char c, const char *context)
{
    char expected[4] = {'"', c, '"', '\0'};
    if (take_sign(p, c))
        return !p->failed;
    unexpected(p, context, expected);
    return false;
}

static struct ax_node *new_node(struct parser *p, enum ax_node_kind kind, size_t start)
{
    struct ax_node *n = AX_NEW(p->a, struct ax_node);
    n->kind = kind;
    n->start = (uint32_t)start;
    n->depth = 1;
    return n;
}

/* The node is complete: notes where it ends and how deep it is. */
static struct ax_node *done(struct parser *p, struct ax_node *n, const struct ax_node *child)
{
    n->end = (uint32_t)p->last_end;
    if (child && child->depth >= n->depth)
        n->depth = child->depth + 1;
    if (n->depth > AX_EXPR_DEPTH_MAX)
        FAIL(p, n->start, "the expression is nested more than %d deep", AX_EXPR_DEPTH_MAX);
    return p->failed ? NULL : n;
}

static struct ax_node *parse_expr(struct parser *p, int level);

/* Room for one more in a list of n: lists double whenever n is a power of two. */
static void *more(struct ax_arena *a, void *list, size_t n, size_t size)
{
    return n & (n - 1) ? list : ax_arena_grow(a, list, n * size, (n ? 2 * n : 1) * size);
}

/* ( a, b, c ) ; empty lists and a comma at the end are fine. */
static bool parse_labels(struct parser *p, struct ax_names *out)
{
    static const char context[] = "grouping opts";
    if (!expect_sign(p, '(', context))
        return false;
    while (!p->failed && !at_sign(p, ')')) {
        bool word = p->tok.kind == AX_TOK_WORD && ax_label_name_ok(p->tok.text);
        if (!word && p->tok.kind != AX_TOK_STRING) {
            unexpected(p, context, "label");
            return false;
        }
        if (out->n == AX_EXPR_LIST_MAX) {
            FAIL(p, p->tok.at, "more than %d labels in a list", AX_EXPR_LIST_MAX);
            return false;
        }
        out->v = more(p->a, out->v, out->n, sizeof *out->v);
        out->v[out->n++] = word ? p->tok.text : p->tok.value;
        advance(p);
        if (!at_sign(p, ')') && !take_sign(p, ',')) {
            unexpected(p, context, "\",\" or \")\"");
            return false;
        }
    }
    return expect_sign(p, ')', context);
}

static bool compile(struct parser *p, size_t at, struct ax_matcher *m)
{
    struct ax_err err;
    if (ax_regex_new(m->value, &m->re, &err) < 0) {
        FAIL(p, at, "%s", err.text);
        return false;
    }
    struct ax_regex_ref *ref = AX_NEW(p->a, struct ax_regex_ref);
    *ref = (struct ax_regex_ref){m->re, p->expr->regexes};
    p->expr->regexes = ref;
    return true;
}

static bool add_matcher(struct parser *p, struct ax_node *n, size_t at, struct ax_matcher m)
{
    if (n->selector.nmatchers == AX_EXPR_LIST_MAX) {
        FAIL(p, at, "more than %d matchers in a selector", AX_EXPR_LIST_MAX);
        return false;
    }
    if ((m.op == AX_MATCH_RE || m.op == AX_MATCH_NRE) && !compile(p, at, &m))
        return false;
    n->selector.matchers = more(p->a, n->selector.matchers, n->selector.nmatchers, sizeof m);
    n->selector.matchers[n->selector.nmatchers++] = m;
    return true;
}

static bool set_name(struct parser *p, struct ax_node *n, size_t at, struct ax_str name)
{
    if (n->selector.name.n) {
        FAIL(p, at, "metric name must not be set twice: \"%.*s\" or \"%.*s\"",
             AX_STR_ARG(n->selector.name), AX_STR_ARG(name));
        return false;
    }
    n->selector.name = name;
    return add_matcher(p, n, at, (struct ax_matcher){AX_MATCH_EQ, AX_STR("__name__"), name, NULL});
}

static bool parse_matcher(struct parser *p, struct ax_node *n)
{
    static const char context[] = "label matching";
    struct ax_token name = p->tok;
    if (name.kind != AX_TOK_WORD && name.kind != AX_TOK_STRING) {
        unexpected(p, context, "identifier or \"}\"");
        return false;
    }
    advance(p);
    bool quoted = name.kind == AX_TOK_STRING;
    if (quoted && (at_sign(p, ',') || at_sign(p, '}')))
        return set_name(p, n, name.at, name.value);
    struct ax_matcher m = {.name = quoted ? name.value : name.text};
    if (p->tok.kind == AX_TOK_ASSIGN) {
        m.op = AX_MATCH_EQ;
    } else if (at_op(p, AX_OP_NE)) {
        m.op = AX_MATCH_NE;
    } else if (p->tok.kind == AX_TOK_MATCH) {
        m.op = AX_MATCH_RE;
    } else if (p->tok.kind == AX_TOK_NOT_MATCH) {
        m.op = AX_MATCH_NRE;
    } else {
        unexpected(p, context, "label matching operator");
        return false;
    }
    advance(p);
    if (p->tok.kind != AX_TOK_STRING) {
        unexpected(p, context, "string");
        return false;
    }
    m.value = p->tok.value;
    advance(p);
    if (n->selector.name.n && m.op == AX_MATCH_EQ && ax_str_eq(m.name, AX_STR("__name__"))) {
        FAIL(p, n->start, "metric name must not be set twice: \"%.*s\" or \"%.*s\"",
             AX_STR_ARG(n->selector.name), AX_STR_ARG(m.value));
        return false;
    }
    return add_matcher(p, n, name.at, m);
}

static struct ax_node *parse_selector(struct parser *p, struct ax_token name)
{
    struct ax_node *n = new_node(p, AX_NODE_SELECTOR, name.at);
    n->type = AX_VECTOR;
    if (name.kind == AX_TOK_WORD && !set_name(p, n, name.at, name.text))
        return NULL;
    if (take_sign(p, '{')) {
        while (!p->failed && !at_sign(p, '}')) {
            if (!parse_matcher(p, n))
                return NULL;
            if (!at_sign(p, '}') && !take_sign(p, ',')) {
                unexpected(p, "label matching", "\",\" or \"}\"");
                return NULL;
            }
        }
        if (!expect_sign(p, '}', "label matching"))
            return NULL;
    }
    return done(p, n, NULL);
}

/* The arguments of a call or an aggregation, with their parentheses. */
static bool parse_arguments(struct parser *p, struct ax_node ***out, size_t *n, uint32_t *depth)
{
    if (!expect_sign(p, '(', "function call"))
        return false;
    while (!p->failed && !at_sign(p, ')')) {
        struct ax_node *arg = parse_expr(p, 0);
        if (!arg)
            return false;
        *out = more(p->a, *out, *n, sizeof arg);
        (*out)[(*n)++] = arg;
        *depth = arg->depth >= *depth ? arg->depth + 1 : *depth;
        if (at_sign(p, ')'))
            break;
        size_t comma = p->tok.at;
        if (!take_sign(p, ',')) {
            unexpected(p, "", "");
            return false;
        }
        if (at_sign(p, ')')) {
            FAIL(p, comma, "trailing commas not allowed in function call args");
            return false;
        }
    }
    return expect_sign(p, ')', "function call");
}

static bool at_grouping(const struct parser *p)
{
    return at_word(p, "by") || at_word(p, "without");
}

static bool parse_grouping(struct parser *p, struct ax_node *n)
{
    n->agg.grouped = true;
    n->agg.without = at_word(p, "without");
    advance(p);
    return parse_labels(p, &n->agg.labels);
}

static struct ax_node *parse_aggregate(struct parser *p, enum ax_agg op, size_t start)
{
    struct ax_node *n = new_node(p, AX_NODE_AGGREGATE, start), **args = NULL;
    n->agg.op = op;
    if (at_grouping(p) && !parse_grouping(p, n))
        return NULL;
    if (!at_sign(p, '(')) {
        unexpected(p, "aggregation", "");
        return NULL;
    }
    if (!parse_arguments(p, &args, &n->agg.nargs, &n->depth))
        return NULL;
    if (!n->agg.grouped && at_grouping(p) && !parse_grouping(p, n))
        return NULL;
    size_t want = ax_agg_has_parameter(op) ? 2 : 1;
    if (!n->agg.nargs) {
        FAIL(p, start, "no arguments for aggregate expression provided");
    } else if (n->agg.nargs != want) {
        FAIL(p, start,
             "wrong number of arguments for aggregate expression provided, expected %zu, got %zu",
             want, n->agg.nargs);
    } else {
        n->agg.param = want == 2 ? args[0] : NULL;
        n->agg.arg = args[want - 1];
    }
    return done(p, n, NULL);
}

static struct ax_node *parse_call(struct parser *p, struct ax_token name)
{
    struct ax_node *n = new_node(p, AX_NODE_CALL, name.at);
    n->call.name = name.text;
    if (!parse_arguments(p, &n->call.args, &n->call.n, &n->depth))
        return NULL;
    return done(p, n, NULL);
}

static struct ax_node *number_node(struct parser *p, size_t at, double v)
{
    struct ax_node *n = new_node(p, AX_NODE_NUMBER, at);
    n->number = v;
    return done(p, n, NULL);
}

/* A word begins an aggregation, a call, a number or a selector: what follows it decides. */
static struct ax_node *parse_word(struct parser *p)
{
    static const char *const reserved[] = {"bool",       "on",          "ignoring",
                                           "group_left", "group_right", "atan2"};
    struct ax_token name = p->tok;
    for (size_t i = 0; i < AX_ARRAY_LEN(reserved); i++)
        if (word_is(name.text, reserved[i])) {
            unexpected(p, "", "");
            return NULL;
        }
    advance(p);
    if (word_is(name.text, "inf") || word_is(name.text, "nan"))
        return number_node(p, name.at, word_is(name.text, "inf") ? INFINITY : NAN);
    for (int i = 0; i < AX_AGG_COUNT_OF; i++)
        if (word_is(name.text, ax_agg_names[i]) && (at_sign(p, '(') || at_grouping(p)))
            return parse_aggregate(p, (enum ax_agg)i, name.at);
    if (at_sign(p, '('))
        return parse_call(p, name);
    return parse_selector(p, name);
}

static struct ax_node *parse_paren(struct parser *p)
{
    struct ax_node *n = new_node(p, AX_NODE_PAREN, p->tok.at);
    advance(p);
    n->paren = parse_expr(p, 0);
    if (!n->paren || p->failed)
        return NULL;
    if (p->tok.kind == AX_TOK_END) {
        FAIL(p, p->tok.at, "unclosed left parenthesis");
        return NULL;
    }
    if (!take_sign(p, ')')) {
        unexpected(p, "", "");
        return NULL;
    }
    return done(p, n, n->paren);
}

static struct ax_node *parse_primary(struct parser *p)
{
    struct ax_token t = p->tok;
    if (p->failed)
        return NULL;
    if (t.kind == AX_TOK_NUMBER || t.kind == AX_TOK_DURATION) {
        advance(p);
        return number_node(p, t.at, t.number);
    }
    if (t.kind == AX_TOK_STRING) {
        struct ax_node *n = new_node(p, AX_NODE_STRING, t.at);
        n->string = t.value;
        advance(p);
        return done(p, n, NULL);
    }
    if (t.kind == AX_TOK_WORD)
        return parse_word(p);
    if (at_sign(p, '('))
        return parse_paren(p);
    if (at_sign(p, '{'))
        return parse_selector(p, t);
    unexpected(p, "", "");
    return NULL;
}

/* A duration or a number of seconds, with a sign where that is allowed. */
static bool parse_duration(struct parser *p, bool sign, const char *context, int64_t *out)
{
    int64_t factor = 1;
    if (sign && (at_op(p, AX_OP_SUB) || at_op(p, AX_OP_ADD))) {
        factor = at_op(p, AX_OP_SUB) ? -1 : 1;
        advance(p);
    }
    if (p->tok.kind == AX_TOK_DURATION) {
        *out = factor * p->tok.ms;
    } else if (p->tok.kind == AX_TOK_NUMBER && fabs(p->tok.number) < 9e12) {
        *out = factor * (int64_t)llround(p->tok.number * 1000);
    } else {
        unexpected(p, context, "duration");
        return false;
    }
    if (!sign && *out <= 0) {
        FAIL(p, p->tok.at, "duration must be greater than 0");
        return false;
    }
    if (llabs(*out) > 1000ll * 365 * 86400 * 1000) {
        FAIL(p, p->tok.at, "the duration is longer than 1000 years");
        return false;
    }
    advance(p);
    return !p->failed;
}

static bool is_range(const struct ax_node *n)
{
    return n->kind == AX_NODE_SELECTOR && n->selector.range;
}

static struct ax_node *parse_subquery(struct parser *p, struct ax_node *arg, int64_t range)
{
    struct ax_node *n = new_node(p, AX_NODE_SUBQUERY, arg->start);
    n->subquery.arg = arg;
    n->subquery.range = range;
    if (!at_sign(p, ']') && !parse_duration(p, false, "subquery selector", &n->subquery.step))
        return NULL;
    if (!expect_sign(p, ']', "subquery selector"))
        return NULL;
    return done(p, n, arg);
}

/* [5m] or [5m:1m] behind an expression. */
static struct ax_node *parse_brackets(struct parser *p, struct ax_node *n)
{
    int64_t range;
    advance(p);
    if (!parse_duration(p, false, "subquery selector", &range))
        return NULL;
    if (take_sign(p, ':'))
        return parse_subquery(p, n, range);
    if (!expect_sign(p, ']', "matrix selector"))
        return NULL;
    if (n->kind != AX_NODE_SELECTOR || is_range(n))
        FAIL(p, n->end, "ranges only allowed for vector selectors");
    else if (n->selector.when.has_offset)
        FAIL(p, n->end, "no offset modifiers allowed before range");
    else if (n->selector.when.at)
        FAIL(p, n->end, "no @ modifiers allowed before range");
    if (p->failed)
        return NULL;
    n->selector.range = range;
    n->type = AX_MATRIX;
    return done(p, n, NULL);
}

static struct ax_when *modifiers_of(struct parser *p, struct ax_node *n, const char *what)
{
    if (n->kind == AX_NODE_SELECTOR)
        return &n->selector.when;
    if (n->kind == AX_NODE_SUBQUERY)
        return &n->subquery.when;
    FAIL(p, n->start,
         "%s modifier must be preceded by an instant vector selector or range vector selector or a "
         "subquery",
         what);
    return NULL;
}

static struct ax_node *parse_offset(struct parser *p, struct ax_node *n)
{
    advance(p);
    int64_t offset;
    if (!parse_duration(p, true, "offset", &offset))
        return NULL;
    struct ax_when *w = modifiers_of(p, n, "offset");
    if (!w)
        return NULL;
    if (w->has_offset)
        FAIL(p, n->start, "offset may not be set multiple times");
    w->has_offset = true;
    w->offset = offset;
    return done(p, n, NULL);
}

/* What follows "@": a signed number of seconds, start() or end(). */
static bool parse_moment(struct parser *p, size_t start, struct ax_when *out)
{
    if (at_word(p, "start") || at_word(p, "end")) {
        out->at = at_word(p, "start") ? AX_AT_START : AX_AT_END;
        advance(p);
        return expect_sign(p, '(', "@") && expect_sign(p, ')', "@");
    }
    double factor = 1;
    if (at_op(p, AX_OP_SUB) || at_op(p, AX_OP_ADD)) {
        factor = at_op(p, AX_OP_SUB) ? -1 : 1;
        advance(p);
    }
    bool inf = at_word(p, "inf") || at_word(p, "nan");
    if (p->tok.kind != AX_TOK_NUMBER && p->tok.kind != AX_TOK_DURATION && !inf) {
        unexpected(p, "@", "timestamp");
        return false;
    }
    double t = inf ? INFINITY : factor * p->tok.number;
    if (!(fabs(t) < 9e12)) {
        FAIL(p, start, "timestamp out of bounds for @ modifier: %f", t);
        return false;
    }
    out->at = AX_AT_TIME;
    out->at_ms = llround(t * 1000);
    advance(p);
    return !p->failed;
}

static struct ax_node *parse_at(struct parser *p, struct ax_node *n)
{
    advance(p);
    struct ax_when moment = {0};
    if (!parse_moment(p, n->start, &moment))
        return NULL;
    struct ax_when *w = modifiers_of(p, n, "@");
    if (!w)
        return NULL;
    if (w->at)
        FAIL(p, n->start, "@ <timestamp> may not be set multiple times");
    w->at = moment.at;
    w->at_ms = moment.at_ms;
    return done(p, n, NULL);
}

static struct ax_node *parse_postfix(struct parser *p)
{
    struct ax_node *n = parse_primary(p);
    while (n && !p->failed) {
        if (at_sign(p, '['))
            n = parse_brackets(p, n);
        else if (at_word(p, "offset"))
            n = parse_offset(p, n);
        else if (at_sign(p, '@'))
            n = parse_at(p, n);
        else
            return n;
    }
    return NULL;
}

/* A sign binds weaker than ^ and tighter than all else: -2 ^ 2 is -4. */
static struct ax_node *parse_unary(struct parser *p)
{
    bool minus = at_op(p, AX_OP_SUB);
    if (!minus && !at_op(p, AX_OP_ADD))
        return parse_postfix(p);
    struct ax_node *n = new_node(p, AX_NODE_UNARY, p->tok.at);
    advance(p);
    n->unary.minus = minus;
    n->unary.arg = parse_expr(p, LEVEL_POW);
    return n->unary.arg ? done(p, n, n->unary.arg) : NULL;
}

static bool at_binary(const struct parser *p, enum ax_op *op)
{
    if (p->tok.kind == AX_TOK_OP) {
        *op = p->tok.op;
        return true;
    }
    static const enum ax_op words[] = {AX_OP_OR, AX_OP_AND, AX_OP_UNLESS, AX_OP_ATAN2};
    for (size_t i = 0; i < AX_ARRAY_LEN(words); i++)
        if (at_word(p, ax_ops[words[i]].text)) {
            *op = words[i];
            return true;
        }
    return false;
}

/* bool, on/ignoring and group_left/group_right behind an operator. */
static bool parse_matching(struct parser *p, struct ax_node *n)
{
    struct ax_match *m = &n->binary.match;
    if (at_word(p, "bool")) {
        n->binary.returns_bool = true;
        advance(p);
    }
    m->given = at_word(p, "on") || at_word(p, "ignoring");
    if (!m->given)
        return !p->failed;
    m->on = at_word(p, "on");
    advance(p);
    if (!parse_labels(p, &m->labels))
        return false;
    if (!at_word(p, "group_left") && !at_word(p, "group_right"))
        return true;
    m->group = at_word(p, "group_left") ? AX_GROUP_LEFT : AX_GROUP_RIGHT;
    advance(p);
    return !at_sign(p, '(') || parse_labels(p, &m->include);
}

static struct ax_node *parse_expr(struct parser *p, int level)
{
    if (++p->nesting > AX_EXPR_DEPTH_MAX) {
        FAIL(p, p->tok.at, "the expression is nested more than %d deep", AX_EXPR_DEPTH_MAX);
        return NULL;
    }
    struct ax_node *lhs = parse_unary(p);
    enum ax_op op;
    while (lhs && !p->failed && at_binary(p, &op) && ax_ops[op].level >= level) {
        struct ax_node *n = new_node(p, AX_NODE_BINARY, lhs->start);
        n->binary.op = op;
        n->binary.at = (uint32_t)p->tok.at;
        n->binary.lhs = lhs;
        advance(p);
        if (!parse_matching(p, n))
            return NULL;
        n->binary.rhs = parse_expr(p, op == AX_OP_POW ? LEVEL_POW : ax_ops[op].level + 1);
        lhs = n->binary.rhs && done(p, n, lhs) ? done(p, n, n->binary.rhs) : NULL;
    }
    p->nesting--;
    return p->failed ? NULL : lhs;
}

int ax_expr_parse(struct ax_str text, struct ax_arena *a, struct ax_expr **out, struct ax_err *err)
{
    struct ax_err local = {0};
    struct ax_expr *e = AX_NEW(a, struct ax_expr);
    e->text = ax_arena_str(a, text.n > AX_EXPR_TEXT_MAX ? AX_STR_NULL : text);
    struct parser p = {
        .lex = {.text = e->text, .a = a, .err = &local}, .expr = e, .a = a, .err = &local};
    if (text.n > AX_EXPR_TEXT_MAX)
        FAIL(&p, 0, "the expression is longer than %u bytes", AX_EXPR_TEXT_MAX);
    else
        advance(&p);
    if (!p.failed && p.tok.kind == AX_TOK_END)
        FAIL(&p, 0, "no expression found in input");
    e->root = p.failed ? NULL : parse_expr(&p, 0);
    if (!p.failed && at_sign(&p, ')'))
        FAIL(&p, p.tok.at, "unexpected right parenthesis ')'");
    if (!p.failed && p.tok.kind != AX_TOK_END)
        unexpected(&p, "", "");
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
