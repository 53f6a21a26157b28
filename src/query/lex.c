// SPDX-License-Identifier: Apache-2.0
#include "query/lex.h"

#include "base/num.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char peek(const struct ax_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static void skip_blanks(struct ax_lexer *l)
{
    for (; l->at < l->text.n; l->at++) {
        char c = l->text.p[l->at];
        if (c == '#')
            while (l->at + 1 < l->text.n && l->text.p[l->at + 1] != '\n')
                l->at++;
        else if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
    }
}

/* Takes n bytes as the token's text. */
static void take(struct ax_lexer *l, struct ax_token *t, enum ax_token_kind kind, size_t n)
{
    t->kind = kind;
    t->text = (struct ax_str){l->text.p + l->at, n};
    l->at += n;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> n) | c);
    return n;
}

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* \xhh, \ooo, \uhhhh, \Uhhhhhhhh: `digits` of `base` from s. False when they are not there. */
static bool read_code(struct ax_str s, size_t digits, int base, uint32_t *out)
{
    uint32_t c = 0;
    if (s.n < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        int d = digit_value(s.p[i]);
        if (d >= base)
            return false;
        c = c * (uint32_t)base + (uint32_t)d;
    }
    *out = c;
    return true;
}

/* One Go escape; s begins behind the backslash. Returns how many bytes of s it took, 0 = bad. */
static size_t unescape(struct ax_str s, char quote, char *out, size_t *n)
{
    static const char plain[] = "abfnrtv\\", codes[] = "\a\b\f\n\r\t\v\\";
    uint32_t c;
    char first = s.n ? s.p[0] : '\0';
    const char *p = first ? strchr(plain, first) : NULL;
    struct ax_str rest = {s.p + 1, s.n ? s.n - 1 : 0};
    if (p || (first && first == quote)) {
        out[(*n)++] = p ? codes[p - plain] : quote;
        return 1;
    }
    if (first == 'x' && read_code(rest, 2, 16, &c)) {
        out[(*n)++] = (char)c;
        return 3;
    }
    if (is_digit(first) && read_code(s, 3, 8, &c) && c < 256) {
        out[(*n)++] = (char)c;
        return 3;
    }
    size_t digits = first == 'u' ? 4 : first == 'U' ? 8 : 0;
    if (!digits || !read_code(rest, digits, 16, &c) || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *n += put_utf8(out + *n, c);
    return digits + 1;
}

static void bad(struct ax_lexer *l, struct ax_token *t)
{
    t->kind = AX_TOK_BAD;
    l->at = l->text.n;
}

/* The position of the closing quote; the end of the text when there is none. */
static size_t string_end(const struct ax_lexer *l, char quote)
{
    size_t i = l->at + 1;
    for (; i < l->text.n && l->text.p[i] != quote; i++) {
        if (l->text.p[i] == '\n' && quote != '`')
            return l->text.n;
        if (l->text.p[i] == '\\' && quote != '`')
            i++;
    }
    return i;
}

/* A string in ", ' or backquotes. No escape is shorter than what it stands for, so the value fits
 * in as many bytes as the text. */
static void lex_string(struct ax_lexer *l, struct ax_token *t)
{
    char quote = l->text.p[l->at];
    size_t end = string_end(l, quote), n = 0;
    if (end >= l->text.n) {
        ax_expr_fail(l->text, t->at, l->err, "unterminated %s",
                     quote == '`' ? "raw string" : "quoted string");
        bad(l, t);
        return;
    }
    char *value = ax_arena_alloc(l->a, end - l->at);
    for (size_t i = l->at + 1; i < end; i++) {
        char c = l->text.p[i];
        if (c != '\\' || quote == '`') {
            value[n++] = c;
            continue;
        }
        size_t used = unescape((struct ax_str){l->text.p + i + 1, end - i - 1}, quote, value, &n);
        if (!used) {
            ax_expr_fail(l->text, i, l->err, "unknown escape sequence in a string");
            bad(l, t);
            return;
        }
        i += used;
    }
    t->value = (struct ax_str){value, n};
    take(l, t, AX_TOK_STRING, end + 1 - l->at);
}

/* "010" is 8 as in Go; "_" may stand between digits. */
static bool read_number(struct ax_str s, double *out)
{
    char text[128];
    size_t n = 0;
    uint32_t octal;
    for (size_t i = 0; i < s.n && n < sizeof text; i++) {
        bool between =
            i && i + 1 < s.n && digit_value(s.p[i - 1]) < 16 && digit_value(s.p[i + 1]) < 16;
        if (s.p[i] != '_' || !between)
            text[n++] = s.p[i];
    }
    if (n == sizeof text)
        return false;
    if (n > 1 && n < 10 && text[0] == '0' && read_code((struct ax_str){text, n}, n, 8, &octal)) {
        *out = octal;
        return true;
    }
    return ax_str_double((struct ax_str){text, n}, out);
}

/* Numbers and durations begin alike: what it is shows when the run of letters and digits ends. */
static void lex_number(struct ax_lexer *l, struct ax_token *t)
{
    bool hex = peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X');
    size_t n = 0;
    for (char c; (c = peek(l, n)) != '\0'; n++) {
        char before = n ? peek(l, n - 1) : '\0';
        bool sign = (c == '+' || c == '-') && !hex && (before == 'e' || before == 'E') &&
                    is_digit(peek(l, n + 1));
        if (!is_digit(c) && !is_word_start(c) && c != '.' && !sign)
            break;
    }
    struct ax_str s = {l->text.p + l->at, n};
    if (read_number(s, &t->number)) {
        take(l, t, AX_TOK_NUMBER, n);
    } else if (s.n < 64 && ax_duration_parse(s, &t->ms, NULL) == 0) {
        t->number = (double)t->ms / 1000;
        take(l, t, AX_TOK_DURATION, n);
    } else {
        ax_expr_fail(l->text, t->at, l->err, "bad number or duration syntax: \"%.*s\"",
                     (int)(s.n < 40 ? s.n : 40), s.p);
        bad(l, t);
    }
}

static void lex_word(struct ax_lexer *l, struct ax_token *t)
{
    bool colons = !l->in_braces && !l->in_brackets;
    size_t n = 0;
    while (is_word_start(peek(l, n)) || is_digit(peek(l, n)) || (colons && peek(l, n) == ':'))
        n++;
    take(l, t, AX_TOK_WORD, n);
}

static void lex_sign(struct ax_lexer *l, struct ax_token *t)
{
    static const struct {
        const char *text;
        enum ax_token_kind kind;
    } others[] = {{"=~", AX_TOK_MATCH}, {"!~", AX_TOK_NOT_MATCH}};
    for (size_t i = 0; i < AX_ARRAY_LEN(others); i++)
        if (peek(l, 0) == others[i].text[0] && peek(l, 1) == others[i].text[1]) {
            take(l, t, others[i].kind, 2);
            return;
        }
    size_t longest = 0;
    for (size_t i = AX_OP_EQ; i < AX_OP_COUNT; i++) {
        struct ax_str op = ax_str(ax_ops[i].text);
        struct ax_str rest = {l->text.p + l->at, l->text.n - l->at};
        if (op.n > longest && i != AX_OP_ATAN2 && ax_str_starts(rest, op)) {
            longest = op.n;
            t->op = (enum ax_op)i;
        }
    }
    char c = peek(l, 0);
    if (longest) {
        take(l, t, AX_TOK_OP, longest);
    } else if (c == '=') {
        take(l, t, AX_TOK_ASSIGN, 1);
    } else if (c && strchr("(){}[],:@", c)) {
        l->in_braces = c == '{' || (l->in_braces && c != '}');
        l->in_brackets = c == '[' || (l->in_brackets && c != ']');
        take(l, t, AX_TOK_SIGN, 1);
    } else {
        bool lone = c == '!' && peek(l, 1); /* neither != nor !~ */
        char shown = lone ? peek(l, 1) : c;
        ax_expr_fail(l->text, t->at, l->err, "unexpected character%s: '%c'",
                     lone ? " after '!'" : "", shown >= ' ' && shown < 0x7f ? shown : '?');
        bad(l, t);
    }
}

void ax_lex_next(struct ax_lexer *l, struct ax_token *out)
{
    skip_blanks(l);
    *out = (struct ax_token){.kind = AX_TOK_END, .at = l->at};
    if (l->at >= l->text.n)
        return;
    char c = peek(l, 0);
    if (c == '"' || c == '\'' || c == '`')
        lex_string(l, out);
    else if (is_digit(c) || (c == '.' && is_digit(peek(l, 1))))
        lex_number(l, out);
    else if (is_word_start(c) || (c == ':' && !l->in_braces && !l->in_brackets))
        lex_word(l, out);
    else
        lex_sign(l, out);
}

static bool is_keyword(struct ax_str w, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (w.n == strlen(list[i]) && !strncasecmp(w.p, list[i], w.n))
            return true;
    return false;
}

/* How Prometheus's error texts class the words. */
static struct ax_str describe_word(struct ax_str w, struct ax_arena *a)
{
    static const char *const keywords[] = {"offset",   "by",   "without",    "on",
                                           "ignoring", "bool", "group_left", "group_right",
                                           "start",    "end"};
    static const char *const operators[] = {"and", "or", "unless", "atan2"};
    int n = (int)(w.n < 60 ? w.n : 60);
    if (is_keyword(w, keywords, AX_ARRAY_LEN(keywords)))
        return ax_arena_printf(a, "<%.*s>", n, w.p);
    if (is_keyword(w, operators, AX_ARRAY_LEN(operators)))
        return ax_arena_printf(a, "<op:%.*s>", n, w.p);
    if (is_keyword(w, ax_agg_names, AX_AGG_COUNT_OF))
        return ax_arena_printf(a, "<aggr:%.*s>", n, w.p);
    return ax_arena_printf(a, "%s \"%.*s\"",
                           memchr(w.p, ':', w.n) ? "metric identifier" : "identifier", n, w.p);
}

struct ax_str ax_token_describe(const struct ax_token *t, struct ax_arena *a)
{
    int n = (int)(t->text.n < 60 ? t->text.n : 60);
    const char *p = t->text.p;
    switch (t->kind) {
    case AX_TOK_END: return AX_STR("end of input");
    case AX_TOK_NUMBER: return ax_arena_printf(a, "number \"%.*s\"", n, p);
    case AX_TOK_DURATION: return ax_arena_printf(a, "duration \"%.*s\"", n, p);
    case AX_TOK_STRING: return ax_arena_printf(a, "string %.*s", n, p);
    case AX_TOK_WORD: return describe_word(t->text, a);
    case AX_TOK_OP:
    case AX_TOK_MATCH:
    case AX_TOK_NOT_MATCH: return ax_arena_printf(a, "<op:%.*s>", n, p);
    default: return ax_arena_printf(a, "\"%.*s\"", n, p);
    }
}
