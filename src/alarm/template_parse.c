// SPDX-License-Identifier: Apache-2.0
/* The template language, read: recursive descent, straight over the text. */
#include "alarm/template_inner.h"

#include <ctype.h>
#include <errno.h>

#define DEPTH_MAX 50
#define KNOWN_MAX 200

struct parser {
    struct ax_str text;
    size_t at;    /* where we are */
    size_t begin; /* of the {{ we are in */
    struct ax_arena *a;
    struct ax_err *err;
    struct ax_str known[KNOWN_MAX]; /* variables in scope */
    size_t nknown;
    int depth;
    bool trims; /* the text that follows loses its white space in front */
};

enum end { END_OF_TEXT, END, ELSE, ELSE_IF };

static int parse_nodes(struct parser *p, struct ax_tnode **out, enum end *end);
static int parse_pipe(struct parser *p, struct ax_tpipe **out);

static int clip(size_t n)
{
    return n < 60 ? (int)n : 60;
}

static struct ax_str left(const struct parser *p)
{
    return (struct ax_str){p->text.p + p->at, p->text.n - p->at};
}

static bool looks_at(const struct parser *p, const char *what)
{
    return ax_str_starts(left(p), ax_str(what));
}

static const char *find(struct ax_str s, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, what, n) == 0)
            return s.p + i;
    return NULL;
}

/* "found {{ ACTION }}: WHY" */
static int fault(struct parser *p, const char *why, struct ax_str what)
{
    struct ax_str action = {p->text.p + p->begin, p->text.n - p->begin};
    const char *close = find(action, "}}");
    if (!close)
        return ax_fail(p->err, -EINVAL, "found {{ without }}, expected both");
    action.n = (size_t)(close - action.p) + 2;
    return ax_fail(p->err, -EINVAL, "found %.*s%s: %s%s%.*s%s", clip(action.n), action.p,
                   action.n > 60 ? "..." : "", why, what.p ? " \"" : "", what.p ? clip(what.n) : 0,
                   what.p ? what.p : "", what.p ? "\"" : "");
}

static char peek(const struct parser *p)
{
    return p->at < p->text.n ? p->text.p[p->at] : '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->text.n && is_blank(p->text.p[p->at]))
        p->at++;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static struct ax_str word(struct parser *p)
{
    size_t from = p->at;
    while (is_word(peek(p)))
        p->at++;
    return (struct ax_str){p->text.p + from, p->at - from};
}

/* ---- literals ---- */

static bool escape(struct parser *p, struct ax_buf *out)
{
    static const char letters[] = "abfnrtv\\'\"", bytes[] = "\a\b\f\n\r\t\v\\'\"";
    char c = peek(p);
    const char *simple = c ? strchr(letters, c) : NULL;
    p->at++;
    if (simple) {
        ax_buf_byte(out, (uint8_t)bytes[simple - letters]);
        return true;
    }
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 0;
    uint32_t v = 0;
    if (!digits || p->text.n - p->at < digits)
        return false;
    for (size_t i = 0; i < digits; i++, p->at++) {
        unsigned char h = (unsigned char)peek(p);
        if (!isxdigit(h))
            return false;
        v = v * 16 + (uint32_t)(isdigit(h) ? h - '0' : (h | 32) - 'a' + 10);
    }
    if (c == 'x' || v < 0x80) {
        ax_buf_byte(out, (uint8_t)v);
    } else if (v < 0x800) {
        ax_buf_byte(out, (uint8_t)(0xc0 | v >> 6));
        ax_buf_byte(out, (uint8_t)(0x80 | (v & 0x3f)));
    } else {
        ax_buf_byte(out, (uint8_t)(0xe0 | v >> 12));
        ax_buf_byte(out, (uint8_t)(0x80 | (v >> 6 & 0x3f)));
        ax_buf_byte(out, (uint8_t)(0x80 | (v & 0x3f)));
    }
    return true;
}

static int parse_string(struct parser *p, struct ax_toperand *out)
{
    char quote = peek(p);
    struct ax_buf b = AX_BUF_INIT;
    bool ok = true;
    p->at++;
    while (ok && p->at < p->text.n && peek(p) != quote) {
        char c = p->text.p[p->at++];
        if (c == '\\' && quote == '"')
            ok = escape(p, &b);
        else if (c == '\n' && quote == '"')
            ok = false;
        else
            ax_buf_byte(&b, (uint8_t)c);
    }
    ok = ok && peek(p) == quote;
    p->at++;
    if (ok)
        out->literal = ax_tv_string(ax_arena_str(p->a, ax_buf_view(&b)));
    ax_buf_free(&b);
    return ok ? 0 : fault(p, "a text that does not end", AX_STR_NULL);
}

static int parse_number(struct parser *p, struct ax_toperand *out)
{
    size_t from = p->at;
    bool exponent = false;
    for (char c; (c = peek(p)) && (is_word(c) || c == '.' || c == '+' || c == '-'); p->at++) {
        if ((c == '+' || c == '-') && p->at > from && !exponent)
            break;
        exponent = c == 'e' || c == 'E';
    }
    struct ax_str s = {p->text.p + from, p->at - from};
    struct ax_str digits = s.n && s.p[0] == '+' ? (struct ax_str){s.p + 1, s.n - 1} : s;
    if (ax_str_i64(digits, &out->literal.i)) {
        out->literal.kind = AX_TV_INT;
        return 0;
    }
    out->literal.kind = AX_TV_FLOAT;
    return ax_str_double(digits, &out->literal.f) ? 0 : fault(p, "no number:", s);
}

/* ---- operands ---- */

static bool is_known(const struct parser *p, struct ax_str name)
{
    for (size_t i = 0; i < p->nknown; i++)
        if (ax_str_eq(p->known[i], name))
            return true;
    return false;
}

static int declare(struct parser *p, struct ax_str name)
{
    if (p->nknown == KNOWN_MAX)
        return fault(p, "too many variables", AX_STR_NULL);
    p->known[p->nknown++] = name;
    return 0;
}

static int parse_variable(struct parser *p, struct ax_str *out)
{
    size_t from = p->at++;
    word(p);
    *out = (struct ax_str){p->text.p + from, p->at - from};
    return 0;
}

static int parse_name(struct parser *p, struct ax_toperand *out)
{
    struct ax_str name = word(p);
    if (ax_str_eq(name, AX_STR("true")) || ax_str_eq(name, AX_STR("false"))) {
        out->literal = (struct ax_tv){.kind = AX_TV_BOOL, .b = name.n == 4};
        return 0;
    }
    if (ax_str_eq(name, AX_STR("nil")))
        return 0;
    out->kind = AX_TO_FUNCTION;
    out->function = ax_tfunction_find(name);
    return out->function ? 0 : fault(p, "there is no function", name);
}

static int parse_fields(struct parser *p, struct ax_toperand *out)
{
    while (peek(p) == '.') {
        p->at++;
        struct ax_str name = word(p);
        if (name.n == 0)
            return fault(p, "a dot without a name", AX_STR_NULL);
        out->fields = ax_arena_grow(p->a, out->fields, out->nfields * sizeof name,
                                    (out->nfields + 1) * sizeof name);
        out->fields[out->nfields++] = name;
    }
    return 0;
}

static int parse_operand(struct parser *p, struct ax_toperand *out)
{
    char c = peek(p);
    int rc = 0;
    *out = (struct ax_toperand){.kind = AX_TO_LITERAL};
    if (c == '"' || c == '`')
        return parse_string(p, out);
    if (isdigit((unsigned char)c) || c == '-' || c == '+')
        return parse_number(p, out);
    if (c == '.') {
        out->kind = AX_TO_DOT;
        if (!is_word(p->at + 1 < p->text.n ? p->text.p[p->at + 1] : '\0')) {
            p->at++;
            return 0;
        }
    } else if (c == '$') {
        out->kind = AX_TO_VARIABLE;
        rc = parse_variable(p, &out->name);
        if (rc == 0 && !is_known(p, out->name))
            rc = fault(p, "there is no variable", out->name);
    } else if (c == '(') {
        p->at++;
        out->kind = AX_TO_PIPE;
        rc = parse_pipe(p, &out->pipe);
        if (rc == 0 && peek(p) != ')')
            rc = fault(p, "( without )", AX_STR_NULL);
        p->at++;
    } else if (is_word(c)) {
        rc = parse_name(p, out);
    } else {
        rc = fault(p, "unexpected", (struct ax_str){p->text.p + p->at, p->at < p->text.n});
    }
    return rc < 0 ? rc : parse_fields(p, out);
}

static bool at_end(const struct parser *p)
{
    return p->at >= p->text.n || looks_at(p, "}}") || looks_at(p, "-}}");
}

static int parse_command(struct parser *p, struct ax_tcommand *out)
{
    *out = (struct ax_tcommand){0};
    for (skip_blanks(p); !at_end(p) && peek(p) != '|' && peek(p) != ')'; skip_blanks(p)) {
        struct ax_toperand o;
        int rc = parse_operand(p, &o);
        if (rc < 0)
            return rc;
        out->v = ax_arena_grow(p->a, out->v, out->n * sizeof o, (out->n + 1) * sizeof o);
        out->v[out->n++] = o;
    }
    return out->n ? 0 : fault(p, "nothing where a value is expected", AX_STR_NULL);
}

/* "$x :=", "$x =" or "$i, $x :=" in front; back to where it was when there is none. */
static int parse_declaration(struct parser *p, struct ax_tpipe *out)
{
    size_t from = p->at;
    while (peek(p) == '$' && out->nvars < 2) {
        parse_variable(p, &out->vars[out->nvars++]);
        skip_blanks(p);
        if (peek(p) != ',')
            break;
        p->at++;
        skip_blanks(p);
    }
    bool declares = looks_at(p, ":=");
    out->assigns = out->nvars == 1 && !declares && peek(p) == '=';
    if (!out->nvars || (!declares && !out->assigns)) {
        p->at = from;
        out->nvars = 0;
        return 0;
    }
    p->at += declares ? 2 : 1;
    if (out->assigns && !is_known(p, out->vars[0]))
        return fault(p, "there is no variable", out->vars[0]);
    return 0;
}

/* Up to the }} or ), which stay. */
static int parse_pipe(struct parser *p, struct ax_tpipe **out)
{
    struct ax_tpipe *pipe = *out = AX_NEW(p->a, struct ax_tpipe);
    if (++p->depth > DEPTH_MAX)
        return fault(p, "nested too deeply", AX_STR_NULL);
    skip_blanks(p);
    int rc = parse_declaration(p, pipe);
    for (bool more = true; more && rc == 0;) {
        struct ax_tcommand c;
        rc = parse_command(p, &c);
        if (rc == 0) {
            pipe->v = ax_arena_grow(p->a, pipe->v, pipe->n * sizeof c, (pipe->n + 1) * sizeof c);
            pipe->v[pipe->n++] = c;
        }
        more = peek(p) == '|';
        p->at += more;
        skip_blanks(p);
        more = more && !at_end(p); /* a last | means nothing */
    }
    for (size_t i = 0; rc == 0 && i < pipe->nvars && !pipe->assigns; i++)
        rc = declare(p, pipe->vars[i]);
    p->depth--;
    return rc;
}

/* ---- nodes ---- */

static int close_action(struct parser *p)
{
    skip_blanks(p);
    p->trims = looks_at(p, "-}}");
    p->at += p->trims;
    if (!looks_at(p, "}}"))
        return fault(p, "unexpected", (struct ax_str){p->text.p + p->at, p->at < p->text.n});
    p->at += 2;
    return 0;
}

/* if, range and with: what stands behind the word, up to its end. */
static int parse_block(struct parser *p, struct ax_tnode *n)
{
    enum end end;
    size_t known = p->nknown;
    if (++p->depth > DEPTH_MAX)
        return fault(p, "nested too deeply", AX_STR_NULL);
    int rc = parse_pipe(p, &n->pipe);
    if (rc == 0 && n->kind != AX_TN_RANGE && n->pipe->nvars == 2)
        rc = fault(p, "two variables outside of range", AX_STR_NULL);
    if (rc == 0)
        rc = close_action(p);
    size_t begin = p->begin;
    if (rc == 0)
        rc = parse_nodes(p, &n->body, &end);
    if (rc == 0 && end == ELSE_IF) {
        n->otherwise = AX_NEW(p->a, struct ax_tnode);
        n->otherwise->kind = n->kind;
        rc = n->kind == AX_TN_RANGE ? fault(p, "else if in a range", AX_STR_NULL)
                                    : parse_block(p, n->otherwise);
        end = END;
    } else if (rc == 0 && end == ELSE) {
        rc = parse_nodes(p, &n->otherwise, &end);
    }
    if (rc == 0 && end != END) {
        p->begin = begin;
        rc = fault(p, "no {{ end }} to it", AX_STR_NULL);
    }
    p->nknown = known;
    p->depth--;
    return rc;
}

static bool takes_word(struct parser *p, const char *name)
{
    size_t from = p->at;
    if (ax_str_eq(word(p), ax_str(name)))
        return true;
    p->at = from;
    return false;
}

static int parse_else(struct parser *p, enum end *end)
{
    skip_blanks(p);
    *end = takes_word(p, "if") || takes_word(p, "with") ? ELSE_IF : ELSE;
    return *end == ELSE ? close_action(p) : 0;
}

/* What stands behind {{. *end is other than END_OF_TEXT when it ends the nodes before it. */
static int parse_action(struct parser *p, struct ax_tnode *n, enum end *end)
{
    static const char *const missing[] = {"define", "template", "block", "break", "continue"};
    skip_blanks(p);
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
            return fault(p, "not offered here:", ax_str(missing[i]));
    int rc = parse_pipe(p, &n->pipe);
    if (rc == 0 && n->pipe->nvars == 2)
        rc = fault(p, "two variables outside of range", AX_STR_NULL);
    return rc < 0 ? rc : close_action(p);
}

static int skip_comment(struct parser *p)
{
    const char *close = find(left(p), "*/");
    if (!close)
        return fault(p, "a comment that does not end", AX_STR_NULL);
    p->at = (size_t)(close - p->text.p) + 2;
    return close_action(p);
}

static struct ax_str trimmed(struct ax_str s, bool front, bool back)
{
    while (front && s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (back && s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The text up to the next {{, which is taken; false at the end. */
static bool parse_text(struct parser *p, struct ax_str *out)
{
    struct ax_str rest = left(p);
    const char *open = find(rest, "{{");
    size_t n = open ? (size_t)(open - rest.p) : rest.n;
    p->begin = p->at + n;
    p->at += n + (open ? 2 : 0);
    bool trims =
        open && looks_at(p, "-") && p->at + 1 < p->text.n && is_blank(p->text.p[p->at + 1]);
    *out = trimmed((struct ax_str){rest.p, n}, p->trims, trims);
    p->trims = false;
    p->at += trims;
    return open != NULL;
}

static struct ax_tnode **append(struct parser *p, struct ax_tnode **tail,
                                const struct ax_tnode *node)
{
    *tail = AX_NEW(p->a, struct ax_tnode);
    **tail = *node;
    return &(*tail)->next;
}

static int parse_nodes(struct parser *p, struct ax_tnode **out, enum end *end)
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
        skip_blanks(p);
        bool comment = looks_at(p, "/*");
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
    struct parser *p = AX_NEW(&scratch, struct parser);
    enum end end;
    t->text = ax_arena_str(a, text);
    p->text = t->text;
    p->a = a;
    p->err = err;
    for (size_t i = 0; i < AX_ARRAY_LEN(own); i++)
        declare(p, ax_str(own[i]));
    int rc = parse_nodes(p, &t->nodes, &end);
    if (rc == 0 && end != END_OF_TEXT)
        rc = fault(p, "nothing that it could belong to", AX_STR_NULL);
    *at = p->begin;
    ax_arena_free(&scratch);
    if (rc == 0)
        *out = t;
    return rc;
}
