// SPDX-License-Identifier: Apache-2.0
/* Tokens of PromQL. Keywords are plain words here: whether `sum` or `by` is a keyword, a metric or
 * a label depends on where it stands, which the parser knows. */
#ifndef AX_QUERY_LEX_H
#define AX_QUERY_LEX_H

#include "query/tree.h"

enum ax_token_kind {
    AX_TOK_END,
    AX_TOK_BAD, /* what is wrong is in struct ax_lexer's error */
    AX_TOK_NUMBER,
    AX_TOK_DURATION,
    AX_TOK_STRING,
    AX_TOK_WORD,
    AX_TOK_OP, /* a binary operator written with signs; `op` says which */
    AX_TOK_ASSIGN,
    AX_TOK_MATCH,     /* =~ */
    AX_TOK_NOT_MATCH, /* !~ */
    AX_TOK_SIGN       /* one of ( ) { } [ ] , : @ : text has it */
};

struct ax_token {
    enum ax_token_kind kind;
    enum ax_op op;
    size_t at;           /* byte position */
    struct ax_str text;  /* as written */
    struct ax_str value; /* of a string: unescaped */
    double number;       /* of a duration: seconds */
    int64_t ms;          /* of a duration */
};

struct ax_lexer {
    struct ax_str text;
    size_t at;
    bool in_braces, in_brackets;
    struct ax_arena *a;
    struct ax_err *err;
};

void ax_lex_next(struct ax_lexer *l, struct ax_token *out);
/* The token as error texts name it: identifier "x", <op:+>, end of input. */
struct ax_str ax_token_describe(const struct ax_token *t, struct ax_arena *a);

#endif
