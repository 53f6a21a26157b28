// SPDX-License-Identifier: Apache-2.0
#include "query/parser.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

void ax_parser_advance(struct ax_parser *p)
{
    p->last_end = p->tok.at + p->tok.text.n;
    ax_lex_next(&p->lex, &p->tok);
    p->failed |= p->tok.kind == AX_TOK_BAD;
}

void ax_parser_unexpected(struct ax_parser *p, const char *context, const char *expected)
{
    struct ax_str what = ax_token_describe(&p->tok, p->a);
    if (p->tok.kind == AX_TOK_END && p->lex.in_brackets)
        AX_PARSE_FAIL(p, p->tok.at, "unclosed left bracket");
    if (p->tok.kind == AX_TOK_END && p->lex.in_braces)
        AX_PARSE_FAIL(p, p->tok.at, "unexpected end of input inside braces");
    AX_PARSE_FAIL(p, p->tok.at, "unexpected %.*s%s%s%s%s", AX_STR_ARG(what), *context ? " in " : "",
                  context, *expected ? ", expected " : "", expected);
}

bool ax_parser_at(const struct ax_parser *p, char c)
{
    return p->tok.kind == AX_TOK_SIGN && p->tok.text.p[0] == c;
}

bool ax_parser_at_op(const struct ax_parser *p, enum ax_op op)
{
    return p->tok.kind == AX_TOK_OP && p->tok.op == op;
}

bool ax_word_is(struct ax_str w, const char *keyword)
{
    return w.n == strlen(keyword) && !strncasecmp(w.p, keyword, w.n);
}

bool ax_parser_at_word(const struct ax_parser *p, const char *keyword)
{
    return p->tok.kind == AX_TOK_WORD && ax_word_is(p->tok.text, keyword);
}

bool ax_parser_take(struct ax_parser *p, char c)
{
    if (!ax_parser_at(p, c))
        return false;
    ax_parser_advance(p);
    return true;
}

bool ax_parser_expect(struct ax_parser *p, char c, const char *context)
{
    char expected[4] = {'"', c, '"', '\0'};
    if (ax_parser_take(p, c))
        return !p->failed;
    ax_parser_unexpected(p, context, expected);
    return false;
}

struct ax_node *ax_node_new(struct ax_parser *p, enum ax_node_kind kind, size_t start)
{
    struct ax_node *n = AX_NEW(p->a, struct ax_node);
    n->kind = kind;
    n->start = (uint32_t)start;
    n->depth = 1;
    return n;
}

struct ax_node *ax_node_done(struct ax_parser *p, struct ax_node *n, const struct ax_node *child)
{
    n->end = (uint32_t)p->last_end;
    if (child && child->depth >= n->depth)
        n->depth = child->depth + 1;
    if (n->depth > AX_EXPR_DEPTH_MAX)
        AX_PARSE_FAIL(p, n->start, "the expression is nested more than %d deep", AX_EXPR_DEPTH_MAX);
    return p->failed ? NULL : n;
}

void *ax_list_more(struct ax_arena *a, void *list, size_t n, size_t size)
{
    return n & (n - 1) ? list : ax_arena_grow(a, list, n * size, (n ? 2 * n : 1) * size);
}
