// SPDX-License-Identifier: Apache-2.0
/* The template language, read: recursive descent, straight over the text. */
#include "alarm/template_parse.h"

#include <ctype.h>

#define DEPTH_MAX 50

enum end { END_OF_TEXT, END, ELSE, ELSE_IF };

static int parse_nodes(struct ax_tparser *p, struct ax_tnode **out, enum end *end);
static int parse_pipe(struct ax_tparser *p, struct ax_tpipe **out);

/* ---- operands ---- */

static bool is_known(const struct ax_tparser *p, struct ax_str name)
{
    for (size_t i = 0; i < p->nknown; i++)
        if (ax_str_eq(p->known[i], name))
            return true;
    return false;
}

static int declare(struct ax_tparser *p, struct ax_str name)
{
    if (p->nknown == AX_TP_KNOWN)
        return ax_tp_fault(p, "too many variables", AX_STR_NULL);
    p->known[p->nknown++] = name;
    return 0;
}

static int parse_variable(struct ax_tparser *p, struct ax_str *out)
{
    size_t from = p->at++;
    ax_tp_word(p);
    *out = (struct ax_str){p->text.p + from, p->at - from};
    return 0;
}

static int parse_name(struct ax_tparser *p, struct ax_toperand *out)
{
    struct ax_str name = ax_tp_word(p);
    if (ax_str_eq(name, AX_STR("true")) || ax_str_eq(name, AX_STR("false"))) {
        out->literal = (struct ax_tv){.kind = AX_TV_BOOL, .b = name.n == 4};
        return 0;
    }
    if (ax_str_eq(name, AX_STR("nil")))
        return 0;
    out->kind = AX_TO_FUNCTION;
    out->function = ax_tfunction_find(name);
    return out->function ? 0 : ax_tp_fault(p, "there is no function", name);
}

static int parse_fields(struct ax_tparser *p, struct ax_toperand *out)
{
    while (ax_tp_peek(p) == '.') {
        p->at++;
        struct ax_str name = ax_tp_word(p);
        if (name.n == 0)
            return ax_tp_fault(p, "a dot without a name", AX_STR_NULL);
        out->fields = ax_arena_grow(p->a, out->fields, out->nfields * sizeof name,
                                    (out->nfields + 1) * sizeof name);
        out->fields[out->nfields++] = name;
    }
    return 0;
}

static int parse_operand(struct ax_tparser *p, struct ax_toperand *out)
{
    char c = ax_tp_peek(p);
    int rc = 0;
    *out = (struct ax_toperand){.kind = AX_TO_LITERAL};
    if (c == '"' || c == '`')
        return ax_tp_string(p, out);
    if (isdigit((unsigned char)c) || c == '-' || c == '+')
        return ax_tp_number(p, out);
    if (c == '.') {
        out->kind = AX_TO_DOT;
        if (!ax_tp_letter(p->at + 1 < p->text.n ? p->text.p[p->at + 1] : '\0')) {
            p->at++;
            return 0;
        }
    } else if (c == '$') {
        out->kind = AX_TO_VARIABLE;
        rc = parse_variable(p, &out->name);
        if (rc == 0 && !is_known(p, out->name))
            rc = ax_tp_fault(p, "there is no variable", out->name);
    } else if (c == '(') {
        p->at++;
        out->kind = AX_TO_PIPE;
        rc = parse_pipe(p, &out->pipe);
        if (rc == 0 && ax_tp_peek(p) != ')')
            rc = ax_tp_fault(p, "( without )", AX_STR_NULL);
        p->at++;
    } else if (ax_tp_letter(c)) {
        rc = parse_name(p, out);
    } else {
        rc = ax_tp_fault(p, "unexpected", (struct ax_str){p->text.p + p->at, p->at < p->text.n});
    }
    return rc < 0 ? rc : parse_fields(p, out);
}

static bool at_end(const struct ax_tparser *p)
{
    return p->at >= p->text.n || ax_tp_looks_at(p, "}}") || ax_tp_looks_at(p, "-}}");
}

static int parse_command(struct ax_tparser *p, struct ax_tcommand *out)
{
    *out = (struct ax_tcommand){0};
    for (ax_tp_skip(p); !at_end(p) && ax_tp_peek(p) != '|' && ax_tp_peek(p) != ')'; ax_tp_skip(p)) {
        struct ax_toperand o;
        int rc = parse_operand(p, &o);
        if (rc < 0)
            return rc;
        out->v = ax_arena_grow(p->a, out->v, out->n * sizeof o, (out->n + 1) * sizeof o);
        out->v[out->n++] = o;
    }
    return out->n ? 0 : ax_tp_fault(p, "nothing where a value is expected", AX_STR_NULL);
}

/* "$x :=", "$x =" or "$i, $x :=" in front; back to where it was when there is none. */
static int parse_declaration(struct ax_tparser *p, struct ax_tpipe *out)
{
    size_t from = p->at;
    while (ax_tp_peek(p) == '$' && out->nvars < 2) {
        parse_variable(p, &out->vars[out->nvars++]);
        ax_tp_skip(p);
        if (ax_tp_peek(p) != ',')
            break;
        p->at++;
        ax_tp_skip(p);
    }
    bool declares = ax_tp_looks_at(p, ":=");
    out->assigns = out->nvars == 1 && !declares && ax_tp_peek(p) == '=';
    if (!out->nvars || (!declares && !out->assigns)) {
        p->at = from;
        out->nvars = 0;
        return 0;
    }
    p->at += declares ? 2 : 1;
    if (out->assigns && !is_known(p, out->vars[0]))
        return ax_tp_fault(p, "there is no variable", out->vars[0]);
    return 0;
}

/* Up to the }} or ), which stay. */
static int parse_pipe(struct ax_tparser *p, struct ax_tpipe **out)
{
    struct ax_tpipe *pipe = *out = AX_NEW(p->a, struct ax_tpipe);
    if (++p->depth > DEPTH_MAX)
        return ax_tp_fault(p, "nested too deeply", AX_STR_NULL);
    ax_tp_skip(p);
    int rc = parse_declaration(p, pipe);
    for (bool more = true; more && rc == 0;) {
        struct ax_tcommand c;
        rc = parse_command(p, &c);
        if (rc == 0) {
            pipe->v = ax_arena_grow(p->a, pipe->v, pipe->n * sizeof c, (pipe->n + 1) * sizeof c);
            pipe->v[pipe->n++] = c;
        }
        more = ax_tp_peek(p) == '|';
        p->at += more;
        ax_tp_skip(p);
        more = more && !at_end(p); /* a last | means nothing */
    }
    for (size_t i = 0; rc == 0 && i < pipe->nvars && !pipe->assigns; i++)
        rc = declare(p, pipe->vars[i]);
    p->depth--;
    return rc;
}

/* ---- nodes ---- */

static int close_action(struct ax_tparser *p)
{
    ax_tp_skip(p);
    p->trims = ax_tp_looks_at(p, "-}}");
    p->at += p->trims;
    if (!ax_tp_looks_at(p, "}}"))
        return ax_tp_fault(p, "unexpected", (struct ax_str){p->text.p + p->at, p->at < p->text.n});
    p->at += 2;
    return 0;
}

/* if, range and with: what stands behind the word, up to its end. */
static int parse_block(struct ax_tparser *p, struct ax_tnode *n)
{
    enum end end;
    size_t known = p->nknown;
    if (++p->depth > DEPTH_MAX)
        return ax_tp_fault(p, "nested too deeply", AX_STR_NULL);
    int rc = parse_pipe(p, &n->pipe);
    if (rc == 0 && n->kind != AX_TN_RANGE && n->pipe->nvars == 2)
        rc = ax_tp_fault(p, "two variables outside of range", AX_STR_NULL);
    if (rc == 0)
        rc = close_action(p);
    size_t begin = p->begin;
    if (rc == 0)
        rc = parse_nodes(p, &n->body, &end);
    if (rc == 0 && end == ELSE_IF) {
        n->otherwise = AX_NEW(p->a, struct ax_tnode);
        n->otherwise->kind = n->kind;
        rc = n->kind == AX_TN_RANGE ? ax_tp_fault(p, "else if in a range", AX_STR_NULL)
                                    : parse_block(p, n->otherwise);
        end = END;
    } else if (rc == 0 && end == ELSE) {
        rc = parse_nodes(p, &n->otherwise, &end);
    }
    if (rc == 0 && end != END) {
        p->begin = begin;
        rc = ax_tp_fault(p, "no {{ end }} to it", AX_STR_NULL);
    }
    p->nknown = known;
    p->depth--;
    return rc;
}

static bool takes_word(struct ax_tparser *p, const char *name)
{
    size_t from = p->at;
    if (ax_str_eq(ax_tp_word(p), ax_str(name)))
        return true;
    p->at = from;
    return false;
}

static int parse_else(struct ax_tparser *p, enum end *end)
{
    ax_tp_skip(p);
    *end = takes_word(p, "if") || takes_word(p, "with") ? ELSE_IF : ELSE;
    return *end == ELSE ? close_action(p) : 0;
}

/* What stands behind {{. *end is other than END_OF_TEXT when it ends the nodes before it. */
static int parse_action(struct ax_tparser *p, struct ax_tnode *n, enum end *end)
{
    static const char *const missing[] = {"define", "template", "block", "break", "continue"};
    ax_tp_skip(p);
    *end = END_OF_TEXT;
    if (takes_word(p, "end")) {
        *end = END;
        return close_action(p);
    }
    if (takes_word(p, "else"))
        return parse_else(p, end);
    n->kind = takes_word(p, "if")      ? AX_TN_IF
              : takes_word(p, "range") ? AX_TN_RANGE
              : takes_word(p, "with")  ? AX_TN_WITH
                                       : AX_TN_ACTION;
    if (n->kind != AX_TN_ACTION)
        return parse_block(p, n);
    for (size_t i = 0; i < AX_ARRAY_LEN(missing); i++)
        if (takes_word(p, missing[i]))
            return ax_tp_fault(p, "not offered here:", ax_str(missing[i]));
    int rc = parse_pipe(p, &n->pipe);
    if (rc == 0 && n->pipe->nvars == 2)
        rc = ax_tp_fault(p, "two variables outside of range", AX_STR_NULL);
    return rc < 0 ? rc : close_action(p);
}

static int skip_comment(struct ax_tparser *p)
{
    const char *close = ax_tp_find(ax_tp_left(p), "*/");
    if (!close)
        return ax_tp_fault(p, "a comment that does not end", AX_STR_NULL);
    p->at = (size_t)(close - p->text.p) + 2;
    return close_action(p);
}

static struct ax_str trimmed(struct ax_str s, bool front, bool back)
{
    while (front && s.n && ax_tp_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (back && s.n && ax_tp_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The text up to the next {{, which is taken; false at the end. */
static bool parse_text(struct ax_tparser *p, struct ax_str *out)
{
    struct ax_str rest = ax_tp_left(p);
    const char *open = ax_tp_find(rest, "{{");
    size_t n = open ? (size_t)(open - rest.p) : rest.n;
    p->begin = p->at + n;
    p->at += n + (open ? 2 : 0);
    bool trims = open && ax_tp_looks_at(p, "-") && p->at + 1 < p->text.n &&
                 ax_tp_blank(p->text.p[p->at + 1]);
    *out = trimmed((struct ax_str){rest.p, n}, p->trims, trims);
    p->trims = false;
    p->at += trims;
    return open != NULL;
}

static struct ax_tnode **append(struct ax_tparser *p, struct ax_tnode **tail,
                                const struct ax_tnode *node)
{
    *tail = AX_NEW(p->a, struct ax_tnode);
    **tail = *node;
    return &(*tail)->next;
}

static int parse_nodes(struct ax_tparser *p, struct ax_tnode **out, enum end *end)
{
    struct ax_tnode **tail = out;
    *end = END_OF_TEXT;
    size_t known = p->nknown;
    while (*end == END_OF_TEXT) {
        struct ax_tnode text = {.kind = AX_TN_TEXT}, node = {0};
        bool more = parse_text(p, &text.text);
        if (text.text.n)
            tail = append(p, tail, &text);
        if (!more)
            break;
        size_t blanks = p->at;
        ax_tp_skip(p);
        bool comment = ax_tp_looks_at(p, "/*");
        p->at = comment ? p->at : blanks;
        int rc = comment ? skip_comment(p) : parse_action(p, &node, end);
        if (rc < 0)
            return rc;
        if (!comment && *end == END_OF_TEXT)
            tail = append(p, tail, &node);
    }
    if (*end != END_OF_TEXT)
        p->nknown = known;
    return 0;
}

int ax_template_parse(struct ax_str text, struct ax_arena *a, struct ax_template **out, size_t *at,
                      struct ax_err *err)
{
    static const char *const own[] = {"$", "$labels", "$value", "$externalLabels", "$externalURL"};
    struct ax_template *t = AX_NEW(a, struct ax_template);
    struct ax_arena scratch = AX_ARENA_INIT;
    struct ax_tparser *p = AX_NEW(&scratch, struct ax_tparser);
    enum end end;
    t->text = ax_arena_str(a, text);
    p->text = t->text;
    p->a = a;
    p->err = err;
    for (size_t i = 0; i < AX_ARRAY_LEN(own); i++)
        declare(p, ax_str(own[i]));
    int rc = parse_nodes(p, &t->nodes, &end);
    if (rc == 0 && end != END_OF_TEXT)
        rc = ax_tp_fault(p, "nothing that it could belong to", AX_STR_NULL);
    *at = p->begin;
    ax_arena_free(&scratch);
    if (rc == 0)
        *out = t;
    return rc;
}
