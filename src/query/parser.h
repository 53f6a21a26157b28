// SPDX-License-Identifier: Apache-2.0
/* What the files of the parser share: the token that is looked at, and steps from it. After the
 * first error everything returns NULL or false, and that error's text is in `err`. */
#ifndef AX_QUERY_PARSER_H
#define AX_QUERY_PARSER_H

#include "query/lex.h"

struct ax_parser {
    struct ax_lexer lex;
    struct ax_token tok; /* the one that is looked at */
    size_t last_end;     /* where the token before it ended */
    unsigned nesting;    /* of parse_expr calls */
    bool failed;
    struct ax_expr *expr;
    struct ax_arena *a;
    struct ax_err *err;
};

#define AX_PARSE_FAIL(p, at, ...)                                                                  \
    ((p)->failed ? 0 : ax_expr_fail((p)->lex.text, (at), (p)->err, __VA_ARGS__), (p)->failed = true)

void ax_parser_advance(struct ax_parser *p);
void ax_parser_unexpected(struct ax_parser *p, const char *context, const char *expected);
bool ax_parser_at(const struct ax_parser *p, char sign);
bool ax_parser_at_op(const struct ax_parser *p, enum ax_op op);
bool ax_parser_at_word(const struct ax_parser *p, const char *keyword); /* in any case */
bool ax_word_is(struct ax_str w, const char *keyword);
bool ax_parser_take(struct ax_parser *p, char sign); /* false when it is not there */
bool ax_parser_expect(struct ax_parser *p, char sign, const char *context);

struct ax_node *ax_node_new(struct ax_parser *p, enum ax_node_kind kind, size_t start);
/* The node is complete: notes where it ends and how deep it is, and returns it. */
struct ax_node *ax_node_done(struct ax_parser *p, struct ax_node *n, const struct ax_node *child);
/* Room for one more in a list of n: lists double whenever n is a power of two. */
void *ax_list_more(struct ax_arena *a, void *list, size_t n, size_t size);

/* parse_selector.c. `name`: the word before the braces, or the opening brace itself. The others
 * take what stands behind an expression and return it changed, or a subquery on it. */
struct ax_node *ax_parse_selector(struct ax_parser *p, struct ax_token name);
struct ax_node *ax_parse_range(struct ax_parser *p, struct ax_node *n);
struct ax_node *ax_parse_offset(struct ax_parser *p, struct ax_node *n);
struct ax_node *ax_parse_at(struct ax_parser *p, struct ax_node *n);

#endif
