// SPDX-License-Identifier: Apache-2.0
/* Recursive descent, one byte at a time: what ends a word depends on where it stands, since names
 * may have nearly every character. */
#include "alarm/stream/expression.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct parser {
    struct ax_str text;
    size_t at;
    struct ax_arena *arena;
    struct ax_expression *out;
    struct ax_sub subs[AX_SUBS_MAX];
    unsigned nesting;
    struct ax_err *err;
};

static void blank(struct parser *p)
{
    while (p->at < p->text.n && (p->text.p[p->at] == ' ' || p->text.p[p->at] == '\t' ||
                                 p->text.p[p->at] == '\n' || p->text.p[p->at] == '\r'))
        p->at++;
}

static int peek(const struct parser *p)
{
    return p->at < p->text.n ? (unsigned char)p->text.p[p->at] : -1;
}

static int fail_at(struct parser *p, size_t at, const char *expected)
{
    size_t n = p->text.n - at < 20 ? p->text.n - at : 20;
    while (n && n < p->text.n - at && (p->text.p[at + n] & 0xc0) == 0x80)
        n--; /* no half characters */
    if (!n)
        return ax_fail(p->err, -EINVAL, "at character %zu: the expression ends, expected %s",
                       at + 1, expected);
    return ax_fail(p->err, -EINVAL, "at character %zu: found \"%.*s\", expected %s", at + 1, (int)n,
                   p->text.p + at, expected);
}

static int fail(struct parser *p, const char *expected)
{
    blank(p);
    return fail_at(p, p->at, expected);
}

/* Takes a sign, after blanks. */
static bool take(struct parser *p, const char *sign)
{
    size_t n = strlen(sign);
    blank(p);
    if (p->text.n - p->at < n || memcmp(p->text.p + p->at, sign, n))
        return false;
    p->at += n;
    return true;
}

static bool is_name(int c)
{
    return c > ' ' && c != 0x7f && !strchr("<>={},\"()", c);
}

/* Takes a word in any case that no letter or digit follows. */
static bool take_word(struct parser *p, const char *word)
{
    size_t n = strlen(word);
    blank(p);
    if (p->text.n - p->at < n || strncasecmp(p->text.p + p->at, word, n))
        return false;
    if (p->at + n < p->text.n && isalnum((unsigned char)p->text.p[p->at + n]))
        return false;
    p->at += n;
    return true;
}

static struct ax_str take_name(struct parser *p)
{
    blank(p);
    size_t from = p->at;
    while (is_name(peek(p)))
        p->at++;
    return (struct ax_str){p->text.p + from, p->at - from};
}

/* A dimension's name or value: blanks inside belong to it. */
static struct ax_str take_dimension(struct parser *p)
{
    blank(p);
    size_t from = p->at;
    while (is_name(peek(p)) || peek(p) == ' ')
        p->at++;
    return ax_str_trim((struct ax_str){p->text.p + from, p->at - from});
}

static int by_name(const void *a, const void *b)
{
    const struct ax_label *x = a, *y = b;
    return ax_str_cmp(x->name, y->name);
}

static int long_name(struct parser *p, size_t at, struct ax_str s)
{
    return s.n > 255 ? fail_at(p, at, "a name or value of at most 255 characters") : 0;
}

static int parse_dimension(struct parser *p, struct ax_label *d)
{
    size_t at = p->at;
    d->name = take_dimension(p);
    if (!d->name.n)
        return fail(p, "the name of a dimension");
    if (!take(p, "="))
        return fail(p, "=");
    d->value = take_dimension(p);
    if (!d->value.n)
        return fail(p, "the value of a dimension");
    int rc = long_name(p, at, d->name);
    return rc < 0 ? rc : long_name(p, at, d->value);
}

static int parse_dimensions(struct parser *p, struct ax_sub *s)
{
    struct ax_label v[AX_LABELS_MAX];
    size_t n = 0, from = p->at;
    if (!take(p, "{"))
        return 0;
    while (!take(p, "}")) {
        if (n && !take(p, ","))
            return fail(p, ", or }");
        if (n == AX_LABELS_MAX)
            return fail(p, "no more dimensions");
        int rc = parse_dimension(p, &v[n++]);
        if (rc < 0)
            return rc;
    }
    qsort(v, n, sizeof *v, by_name);
    for (size_t i = 1; i < n; i++)
        if (ax_str_eq(v[i - 1].name, v[i].name))
            return fail_at(p, from, "each dimension once");
    s->dimensions = AX_NEWS(p->arena, struct ax_label, n);
    s->ndimensions = n;
    if (n)
        memcpy(s->dimensions, v, n * sizeof *v);
    return 0;
}

static int parse_whole(struct parser *p, uint32_t most, const char *expected, uint32_t *out)
{
    uint64_t v = 0;
    blank(p);
    size_t from = p->at;
    while (isdigit(peek(p)) && v <= most)
        v = v * 10 + (uint64_t)(p->text.p[p->at++] - '0');
    if (p->at == from || v == 0 || v > most || isdigit(peek(p)))
        return fail_at(p, from, expected);
    *out = (uint32_t)v;
    return 0;
}

/* What follows the metric up to the operator. */
static int parse_options(struct parser *p, struct ax_sub *s)
{
    static const char period[] = "a period: a multiple of 60 seconds, at most 7 days";
    s->period = 60;
    if (!take(p, ","))
        return 0;
    if (take_word(p, "deterministic")) {
        s->deterministic = true;
        if (!take(p, ","))
            return 0;
    }
    blank(p);
    size_t from = p->at;
    if (!isdigit(peek(p)))
        return fail(p, s->deterministic ? period : "deterministic or a period in seconds");
    int rc = parse_whole(p, AX_WINDOW_MAX_S, period, &s->period);
    return rc == 0 && s->period % 60 ? fail_at(p, from, period) : rc;
}

static int parse_operator(struct parser *p, enum ax_operator *out)
{
    static const struct {
        const char *sign, *word;
        enum ax_operator op;
    } all[] = {
        {"<=", "lte", AX_LTE}, {">=", "gte", AX_GTE}, {"<", "lt", AX_LT}, {">", "gt", AX_GT}};
    for (size_t i = 0; i < AX_ARRAY_LEN(all); i++)
        if (take(p, all[i].sign) || take_word(p, all[i].word)) {
            *out = all[i].op;
            return 0;
        }
    return fail(p, "one of < > <= >= lt gt lte gte");
}

static size_t digits(struct parser *p)
{
    size_t from = p->at;
    while (isdigit(peek(p)))
        p->at++;
    return p->at - from;
}

static int parse_threshold(struct parser *p, struct ax_sub *s)
{
    blank(p);
    size_t from = p->at;
    if (peek(p) == '-')
        p->at++;
    bool ok = digits(p) > 0;
    if (ok && peek(p) == '.') {
        p->at++;
        ok = digits(p) > 0;
    }
    s->number = (struct ax_str){p->text.p + from, p->at - from};
    if (!ok || s->number.n > 64 || (is_name(peek(p)) && !strchr("&|", peek(p))) ||
        !ax_str_double(s->number, &s->threshold))
        return fail_at(p, from, "a threshold: digits, at most 64, with an optional - and fraction");
    return 0;
}

static int parse_times(struct parser *p, struct ax_sub *s)
{
    s->times = 1;
    if (!take_word(p, "times"))
        return 0;
    size_t from = p->at;
    int rc = parse_whole(p, AX_TIMES_MAX, "how many times: 1 to 1440", &s->times);
    if (rc == 0 && (uint64_t)s->period * s->times > AX_WINDOW_MAX_S)
        rc = fail_at(p, from, "period x times of at most 7 days");
    return rc;
}

static bool function_of(struct ax_str word, enum ax_function *out)
{
    for (int f = AX_MAX; f <= AX_LAST; f++)
        if (word.n == strlen(ax_function_name(f)) &&
            strncasecmp(word.p, ax_function_name(f), word.n) == 0) {
            *out = (enum ax_function)f;
            return true;
        }
    return false;
}

static int parse_metric(struct parser *p, struct ax_sub *s, bool *called)
{
    blank(p);
    size_t from = p->at;
    s->metric = take_name(p);
    *called = s->metric.n && take(p, "(");
    if (*called) {
        if (!function_of(s->metric, &s->function))
            return fail_at(p, from, "a function: max, min, avg, count, sum or last");
        blank(p);
        from = p->at;
        s->metric = take_name(p);
    }
    if (!s->metric.n)
        return fail(p, *called ? "the name of a metric" : "a function, a metric or (");
    int rc = long_name(p, from, s->metric);
    return rc < 0 ? rc : parse_dimensions(p, s);
}

static int parse_sub(struct parser *p)
{
    struct ax_sub *s = &p->subs[p->out->nsubs];
    bool called;
    if (p->out->nsubs == AX_SUBS_MAX)
        return fail(p, "no more than 64 sub-expressions");
    *s = (struct ax_sub){0};
    int rc = parse_metric(p, s, &called);
    if (rc == 0)
        rc = parse_options(p, s);
    if (rc == 0 && called && !take(p, ")"))
        rc = fail(p, s->dimensions ? ", or )" : "{ or , or )");
    if (rc == 0)
        rc = parse_operator(p, &s->op);
    if (rc == 0)
        rc = parse_threshold(p, s);
    if (rc == 0)
        rc = parse_times(p, s);
    if (rc < 0)
        return rc;
    if (!called)
        s->function = s->op == AX_GT || s->op == AX_GTE ? AX_MAX : AX_MIN;
    p->out->steps[p->out->nsteps++] = (uint8_t)p->out->nsubs++;
    return 0;
}

static int parse_expr(struct parser *p);

static int parse_factor(struct parser *p)
{
    if (!take(p, "("))
        return parse_sub(p);
    if (++p->nesting > AX_NESTING_MAX)
        return fail(p, "no deeper nesting than 32");
    int rc = parse_expr(p);
    p->nesting--;
    return rc == 0 && !take(p, ")") ? fail(p, "and, or, times or )") : rc;
}

static int parse_term(struct parser *p)
{
    int rc = parse_factor(p);
    while (rc == 0 && (take(p, "&&") || take_word(p, "and"))) {
        rc = parse_factor(p);
        if (rc == 0)
            p->out->steps[p->out->nsteps++] = AX_STEP_AND;
    }
    return rc;
}

static int parse_expr(struct parser *p)
{
    int rc = parse_term(p);
    while (rc == 0 && (take(p, "||") || take_word(p, "or"))) {
        rc = parse_term(p);
        if (rc == 0)
            p->out->steps[p->out->nsteps++] = AX_STEP_OR;
    }
    return rc;
}

int ax_expression_parse(struct ax_str text, struct ax_arena *a, struct ax_expression *out,
                        struct ax_err *err)
{
    if (text.n > AX_EXPRESSION_BYTES)
        return ax_fail(err, -EINVAL, "an expression has at most %d bytes", AX_EXPRESSION_BYTES);
    if (!ax_str_utf8(text))
        return ax_fail(err, -EINVAL, "the expression is not UTF-8");
    struct ax_expression e = {0};
    struct parser *p = ax_calloc(1, sizeof *p);
    *p = (struct parser){.text = text, .arena = a, .out = &e, .err = err};
    int rc = parse_expr(p);
    blank(p);
    if (rc == 0 && p->at < text.n)
        rc = fail(p, "and, or, times or the end");
    if (rc == 0) {
        e.subs = AX_NEWS(a, struct ax_sub, e.nsubs);
        memcpy(e.subs, p->subs, e.nsubs * sizeof *e.subs);
        e.deterministic = true;
        for (size_t i = 0; i < e.nsubs; i++)
            e.deterministic &= e.subs[i].deterministic;
        *out = e;
    }
    free(p);
    return rc;
}
