// SPDX-License-Identifier: Apache-2.0
/* Selectors and what may stand behind them: ranges, subqueries, offset, @. */
#include "query/parser.h"

#include <math.h>
#include <stdlib.h>

static bool compile(struct ax_parser *p, size_t at, struct ax_matcher *m)
{
    struct ax_err err;
    if (ax_regex_new(m->value, &m->re, &err) < 0) {
        AX_PARSE_FAIL(p, at, "%s", err.text);
        return false;
    }
    struct ax_regex_ref *ref = AX_NEW(p->a, struct ax_regex_ref);
    *ref = (struct ax_regex_ref){m->re, p->expr->regexes};
    p->expr->regexes = ref;
    return true;
}

static bool add_matcher(struct ax_parser *p, struct ax_node *n, size_t at, struct ax_matcher m)
{
    if (n->selector.nmatchers == AX_EXPR_LIST_MAX) {
        AX_PARSE_FAIL(p, at, "more than %d matchers in a selector", AX_EXPR_LIST_MAX);
        return false;
    }
    if ((m.op == AX_MATCH_RE || m.op == AX_MATCH_NRE) && !compile(p, at, &m))
        return false;
    n->selector.matchers =
        ax_list_more(p->a, n->selector.matchers, n->selector.nmatchers, sizeof m);
    n->selector.matchers[n->selector.nmatchers++] = m;
    return true;
}

static bool set_name(struct ax_parser *p, struct ax_node *n, size_t at, struct ax_str name)
{
    if (n->selector.name.n) {
        AX_PARSE_FAIL(p, at, "metric name must not be set twice: \"%.*s\" or \"%.*s\"",
                      AX_STR_ARG(n->selector.name), AX_STR_ARG(name));
        return false;
    }
    n->selector.name = name;
    return add_matcher(p, n, at, (struct ax_matcher){AX_MATCH_EQ, AX_STR("__name__"), name, NULL});
}

static bool parse_matcher(struct ax_parser *p, struct ax_node *n)
{
    static const char context[] = "label matching";
    struct ax_token name = p->tok;
    if (name.kind != AX_TOK_WORD && name.kind != AX_TOK_STRING) {
        ax_parser_unexpected(p, context, "identifier or \"}\"");
        return false;
    }
    ax_parser_advance(p);
    bool quoted = name.kind == AX_TOK_STRING;
    if (quoted && (ax_parser_at(p, ',') || ax_parser_at(p, '}')))
        return set_name(p, n, name.at, name.value);
    struct ax_matcher m = {.name = quoted ? name.value : name.text};
    if (p->tok.kind == AX_TOK_ASSIGN) {
        m.op = AX_MATCH_EQ;
    } else if (ax_parser_at_op(p, AX_OP_NE)) {
        m.op = AX_MATCH_NE;
    } else if (p->tok.kind == AX_TOK_MATCH) {
        m.op = AX_MATCH_RE;
    } else if (p->tok.kind == AX_TOK_NOT_MATCH) {
        m.op = AX_MATCH_NRE;
    } else {
        ax_parser_unexpected(p, context, "label matching operator");
        return false;
    }
    ax_parser_advance(p);
    if (p->tok.kind != AX_TOK_STRING) {
        ax_parser_unexpected(p, context, "string");
        return false;
    }
    m.value = p->tok.value;
    ax_parser_advance(p);
    if (n->selector.name.n && m.op == AX_MATCH_EQ && ax_str_eq(m.name, AX_STR("__name__"))) {
        AX_PARSE_FAIL(p, n->start, "metric name must not be set twice: \"%.*s\" or \"%.*s\"",
                      AX_STR_ARG(n->selector.name), AX_STR_ARG(m.value));
        return false;
    }
    return add_matcher(p, n, name.at, m);
}

struct ax_node *ax_parse_selector(struct ax_parser *p, struct ax_token name)
{
    struct ax_node *n = ax_node_new(p, AX_NODE_SELECTOR, name.at);
    n->type = AX_VECTOR;
    if (name.kind == AX_TOK_WORD && !set_name(p, n, name.at, name.text))
        return NULL;
    if (ax_parser_take(p, '{')) {
        while (!p->failed && !ax_parser_at(p, '}')) {
            if (!parse_matcher(p, n))
                return NULL;
            if (!ax_parser_at(p, '}') && !ax_parser_take(p, ',')) {
                ax_parser_unexpected(p, "label matching", "\",\" or \"}\"");
                return NULL;
            }
        }
        if (!ax_parser_expect(p, '}', "label matching"))
            return NULL;
    }
    return ax_node_done(p, n, NULL);
}

/* A duration or a number of seconds, with a sign where that is allowed. */
static bool parse_duration(struct ax_parser *p, bool sign, const char *context, int64_t *out)
{
    int64_t factor = 1;
    if (sign && (ax_parser_at_op(p, AX_OP_SUB) || ax_parser_at_op(p, AX_OP_ADD))) {
        factor = ax_parser_at_op(p, AX_OP_SUB) ? -1 : 1;
        ax_parser_advance(p);
    }
    if (p->tok.kind == AX_TOK_DURATION) {
        *out = factor * p->tok.ms;
    } else if (p->tok.kind == AX_TOK_NUMBER && fabs(p->tok.number) < 9e12) {
        *out = factor * (int64_t)llround(p->tok.number * 1000);
    } else {
        ax_parser_unexpected(p, context, "duration");
        return false;
    }
    if (!sign && *out <= 0) {
        AX_PARSE_FAIL(p, p->tok.at, "duration must be greater than 0");
        return false;
    }
    if (llabs(*out) > 1000ll * 365 * 86400 * 1000) {
        AX_PARSE_FAIL(p, p->tok.at, "the duration is longer than 1000 years");
        return false;
    }
    ax_parser_advance(p);
    return !p->failed;
}

static bool is_range(const struct ax_node *n)
{
    return n->kind == AX_NODE_SELECTOR && n->selector.range;
}

static struct ax_node *parse_subquery(struct ax_parser *p, struct ax_node *arg, int64_t range)
{
    struct ax_node *n = ax_node_new(p, AX_NODE_SUBQUERY, arg->start);
    n->subquery.arg = arg;
    n->subquery.range = range;
    if (!ax_parser_at(p, ']') && !parse_duration(p, false, "subquery selector", &n->subquery.step))
        return NULL;
    if (!ax_parser_expect(p, ']', "subquery selector"))
        return NULL;
    return ax_node_done(p, n, arg);
}

/* [5m] or [5m:1m] behind an expression. */
struct ax_node *ax_parse_range(struct ax_parser *p, struct ax_node *n)
{
    int64_t range;
    ax_parser_advance(p);
    if (!parse_duration(p, false, "subquery selector", &range))
        return NULL;
    if (ax_parser_take(p, ':'))
        return parse_subquery(p, n, range);
    if (!ax_parser_expect(p, ']', "matrix selector"))
        return NULL;
    if (n->kind != AX_NODE_SELECTOR || is_range(n))
        AX_PARSE_FAIL(p, n->end, "ranges only allowed for vector selectors");
    else if (n->selector.when.has_offset)
        AX_PARSE_FAIL(p, n->end, "no offset modifiers allowed before range");
    else if (n->selector.when.at)
        AX_PARSE_FAIL(p, n->end, "no @ modifiers allowed before range");
    if (p->failed)
        return NULL;
    n->selector.range = range;
    n->type = AX_MATRIX;
    return ax_node_done(p, n, NULL);
}

static struct ax_when *modifiers_of(struct ax_parser *p, struct ax_node *n, const char *what)
{
    if (n->kind == AX_NODE_SELECTOR)
        return &n->selector.when;
    if (n->kind == AX_NODE_SUBQUERY)
        return &n->subquery.when;
    AX_PARSE_FAIL(
        p, n->start,
        "%s modifier must be preceded by an instant vector selector or range vector selector or a "
        "subquery",
        what);
    return NULL;
}

struct ax_node *ax_parse_offset(struct ax_parser *p, struct ax_node *n)
{
    ax_parser_advance(p);
    int64_t offset;
    if (!parse_duration(p, true, "offset", &offset))
        return NULL;
    struct ax_when *w = modifiers_of(p, n, "offset");
    if (!w)
        return NULL;
    if (w->has_offset)
        AX_PARSE_FAIL(p, n->start, "offset may not be set multiple times");
    w->has_offset = true;
    w->offset = offset;
    return ax_node_done(p, n, NULL);
}

/* What follows "@": a signed number of seconds, start() or end(). */
static bool parse_moment(struct ax_parser *p, size_t start, struct ax_when *out)
{
    if (ax_parser_at_word(p, "start") || ax_parser_at_word(p, "end")) {
        out->at = ax_parser_at_word(p, "start") ? AX_AT_START : AX_AT_END;
        ax_parser_advance(p);
        return ax_parser_expect(p, '(', "@") && ax_parser_expect(p, ')', "@");
    }
    double factor = 1;
    if (ax_parser_at_op(p, AX_OP_SUB) || ax_parser_at_op(p, AX_OP_ADD)) {
        factor = ax_parser_at_op(p, AX_OP_SUB) ? -1 : 1;
        ax_parser_advance(p);
    }
    bool inf = ax_parser_at_word(p, "inf") || ax_parser_at_word(p, "nan");
    if (p->tok.kind != AX_TOK_NUMBER && p->tok.kind != AX_TOK_DURATION && !inf) {
        ax_parser_unexpected(p, "@", "timestamp");
        return false;
    }
    double t = inf ? INFINITY : factor * p->tok.number;
    if (!(fabs(t) < 9e12)) {
        AX_PARSE_FAIL(p, start, "timestamp out of bounds for @ modifier: %f", t);
        return false;
    }
    out->at = AX_AT_TIME;
    out->at_ms = llround(t * 1000);
    ax_parser_advance(p);
    return !p->failed;
}

struct ax_node *ax_parse_at(struct ax_parser *p, struct ax_node *n)
{
    ax_parser_advance(p);
    struct ax_when moment = {0};
    if (!parse_moment(p, n->start, &moment))
        return NULL;
    struct ax_when *w = modifiers_of(p, n, "@");
    if (!w)
        return NULL;
    if (w->at)
        AX_PARSE_FAIL(p, n->start, "@ <timestamp> may not be set multiple times");
    w->at = moment.at;
    w->at_ms = moment.at_ms;
    return ax_node_done(p, n, NULL);
}
