// SPDX-License-Identifier: Apache-2.0
/* The language, by scripts: fixtures/query/NAME.test. A script is lines of
 *
 *   load 1m                              samples from time 0 on, one per minute
 *     up{job="a"} 1x3 _ 2+2x3 stale      1 1 1 1, none, 2 4 6 8, a staleness marker
 *   clear                                forget them
 *   eval instant at 5m EXPR              what comes out, in any order
 *     {job="a"} 3
 *   eval ordered at 5m EXPR              ... in this order
 *   eval range 0 10m 1m EXPR             start, end, step; "_" where there is no sample
 *     {job="a"} 1 _ 2
 *   fails instant at 5m EXPR             ... with an error that contains the next line
 *   refuses EXPR                         a parse error that is exactly the next line
 *   prints EXPR                          canonical form; itself when no line follows
 *
 * Blank lines and lines that begin with # are skipped. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/num.h"
#include "query/query.h"

#include <errno.h>
#include <fcntl.h>

#define SERIES_MAX 200
#define VALUES_MAX 2000

struct script {
    const char *name;
    unsigned line;
    struct ax_str rest;
    struct ax_arena a;
    struct ax_series series[SERIES_MAX];
    size_t n;
    unsigned checks;
};

static void stop(const struct script *s, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fail_msg("%s.test:%u: %s", s->name, s->line, text);
}

/* The script's samples as a source. */
static int fake_select(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                       struct ax_series_set *out, struct ax_err *err)
{
    struct script *s = self;
    uint64_t samples = 0;
    assert_true(ax_str_eq(sel->tenant, AX_STR("t1")));
    *out = (struct ax_series_set){.v = AX_NEWS(a, struct ax_series, s->n)};
    for (size_t i = 0; i < s->n; i++) {
        struct ax_series got = s->series[i];
        if (!ax_matcher_labels(sel->matchers, sel->nmatchers, got.labels))
            continue;
        for (; got.n && got.t[0] < sel->mint; got.n--, got.t++, got.v++)
            ;
        while (got.n && got.t[got.n - 1] > sel->maxt)
            got.n--;
        samples += got.n;
        if (got.n)
            out->v[out->n++] = got;
    }
    if (sel->max_samples && samples > sel->max_samples)
        return ax_fail(err, -E2BIG, "too many samples");
    return 0;
}

static int fake_last(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                     struct ax_series_set *out, struct ax_err *err)
{
    int rc = fake_select(self, sel, a, out, err);
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        out->v[i].t += out->v[i].n - 1;
        out->v[i].v += out->v[i].n - 1;
        out->v[i].n = 1;
    }
    return rc;
}

static bool next_line(struct script *s, struct ax_str *out)
{
    s->line++;
    return ax_str_cut(&s->rest, '\n', out);
}

/* The next line when it is indented: it belongs to the command before it. */
static bool next_indented(struct script *s, struct ax_str *out)
{
    if (!s->rest.n || s->rest.p[0] != ' ')
        return false;
    next_line(s, out);
    *out = ax_str_trim(*out);
    return true;
}

static struct ax_str word(struct script *s, struct ax_str *rest)
{
    struct ax_str w;
    if (!ax_str_word(rest, &w))
        stop(s, "a word is missing");
    return w;
}

static int64_t duration(struct script *s, struct ax_str *rest)
{
    struct ax_str w = word(s, rest);
    struct ax_err err;
    int64_t ms, sign = 1;
    if (w.n && w.p[0] == '-') {
        sign = -1;
        w = (struct ax_str){w.p + 1, w.n - 1};
    }
    if (ax_duration_parse(w, &ms, &err) < 0)
        stop(s, "%s", err.text);
    return sign * ms;
}

/* Labels are written as a selector, up to the first blank outside its braces. */
static struct ax_labels labels(struct script *s, struct ax_str *rest)
{
    size_t n = 0;
    bool in_braces = false;
    *rest = ax_str_trim(*rest);
    while (n < rest->n && (in_braces || rest->p[n] != ' ')) {
        in_braces = rest->p[n] == '{' || (in_braces && rest->p[n] != '}');
        n++;
    }
    struct ax_str text = {rest->p, n};
    *rest = (struct ax_str){rest->p + n, rest->n - n};
    struct ax_labels out = {AX_STR_NULL};
    if (ax_str_eq(text, AX_STR("{}")))
        return out;
    struct ax_expr *owner;
    const struct ax_matcher *m;
    size_t matchers;
    struct ax_err err;
    if (ax_selector_parse(text, &s->a, &owner, &m, &matchers, &err) < 0)
        stop(s, "%s", err.text);
    struct ax_labels_builder b = {.n = 0};
    for (size_t i = 0; i < matchers; i++)
        ax_labels_add(&b, m[i].name, m[i].value);
    if (ax_labels_finish(&b, &s->a, &out, &err) < 0)
        stop(s, "%s", err.text);
    ax_expr_free(owner);
    return out;
}

struct values {
    size_t n;
    double v[VALUES_MAX];
    bool none[VALUES_MAX];
};

static void add_value(struct script *s, struct values *out, double v, bool none)
{
    if (out->n == VALUES_MAX)
        stop(s, "too many values");
    out->v[out->n] = v;
    out->none[out->n++] = none;
}

/* 5, 5x3, 5+2x3, 5-2x3, _, _x3, stale; "x3": and three more. */
static void add_values(struct script *s, struct ax_str w, struct values *out)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", AX_STR_ARG(w));
    if (!strcmp(text, "stale")) {
        add_value(s, out, ax_stale(), false);
        return;
    }
    char *x = strchr(text, 'x'), *end = text + 1;
    long more = x ? strtol(x + 1, NULL, 10) : 0;
    if (x)
        *x = '\0'; /* "0x5" is six zeros here, not a hexadecimal number */
    double v = text[0] == '_' ? 0 : strtod(text, &end), step = *end ? strtod(end, &end) : 0;
    if (*end)
        stop(s, "cannot read the values \"%.*s\"", AX_STR_ARG(w));
    for (long i = 0; i <= more; i++)
        add_value(s, out, v + step * (double)i, text[0] == '_');
}

static void read_values(struct script *s, struct ax_str rest, struct values *out)
{
    struct ax_str w;
    out->n = 0;
    while (ax_str_word(&rest, &w))
        add_values(s, w, out);
}

static void load(struct script *s, struct ax_str rest)
{
    static struct values v;
    int64_t step = duration(s, &rest);
    struct ax_str line;
    while (next_indented(s, &line)) {
        assert_true(s->n < SERIES_MAX);
        struct ax_series *new = &s->series[s->n++];
        new->labels = labels(s, &line);
        read_values(s, line, &v);
        int64_t *t = AX_NEWS(&s->a, int64_t, v.n);
        double *values = AX_NEWS(&s->a, double, v.n);
        new->n = 0;
        for (size_t i = 0; i < v.n; i++)
            if (!v.none[i]) {
                t[new->n] = (int64_t)i * step;
                values[new->n++] = v.v[i];
            }
        new->t = t;
        new->v = values;
    }
}

static bool same(double want, double got)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    return want == got || fabs(want - got) <= 1e-11 * fmax(fabs(want), fabs(got));
}

static const struct ax_result_series *find(const struct ax_query_result *r, struct ax_labels l,
                                           const size_t *index)
{
    for (size_t i = 0; i < r->n; i++)
        if ((!index || *index == i) && ax_str_eq(r->series[i].labels.bytes, l.bytes))
            return &r->series[i];
    return NULL;
}

static void expect_points(struct script *s, const struct ax_query_options *o,
                          const struct values *want, const struct ax_result_series *got)
{
    size_t at = 0;
    for (size_t k = 0; k < want->n; k++) {
        if (want->none[k])
            continue;
        int64_t t = o->start + (int64_t)k * o->step;
        if (at == got->n || got->v[at].t != t)
            stop(s, "no sample at step %zu", k);
        if (!same(want->v[k], got->v[at].v))
            stop(s, "at step %zu: wanted %.17g, got %.17g", k, want->v[k], got->v[at].v);
        at++;
    }
    if (at != got->n)
        stop(s, "got %zu samples too many", got->n - at);
}

static void expect_result(struct script *s, const struct ax_query_options *o, bool ordered,
                          const struct ax_query_result *r)
{
    static struct values want;
    struct ax_str line;
    size_t n = 0;
    if (r->type == AX_SCALAR || r->type == AX_STRING) {
        if (!next_indented(s, &line))
            stop(s, "an expected value is missing");
        read_values(s, r->type == AX_SCALAR ? line : AX_STR_NULL, &want);
        if (r->type == AX_SCALAR ? !same(want.v[0], r->scalar.v) : !ax_str_eq(line, r->string))
            stop(s, "got %.17g \"%.*s\"", r->scalar.v, AX_STR_ARG(r->string));
        return;
    }
    for (; next_indented(s, &line); n++) {
        struct ax_labels l = labels(s, &line);
        const struct ax_result_series *got = find(r, l, ordered ? &n : NULL);
        if (!got)
            stop(s, "no such series%s in the result (of %zu)", ordered ? " here" : "", r->n);
        read_values(s, line, &want);
        expect_points(s, o, &want, got);
    }
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    for (size_t i = 0; i < r->n; i++) {
        ax_buf_byte(&text, ' ');
        ax_labels_print(r->series[i].labels, &text);
    }
    if (n != r->n)
        stop(s, "wanted %zu series, got %zu:%.*s", n, r->n, AX_STR_ARG(ax_buf_view(&text)));
}

static int run(struct script *s, struct ax_str text, const struct ax_query_options *o,
               struct ax_query_result *r, struct ax_err *err)
{
    struct ax_source src = {s, AX_STR("t1"), fake_select, fake_last};
    struct ax_expr *e;
    int rc = ax_expr_parse(text, &s->a, &e, err);
    if (rc < 0)
        return rc;
    rc = ax_query_eval(e, &src, o, &s->a, r, err);
    ax_expr_free(e);
    return rc;
}

static void eval(struct script *s, struct ax_str rest, bool should_fail)
{
    struct ax_str how = word(s, &rest), line;
    struct ax_query_options o = {.step = 0};
    if (ax_str_eq(how, AX_STR("range"))) {
        o.start = duration(s, &rest);
        o.end = duration(s, &rest);
        o.step = duration(s, &rest);
    } else {
        word(s, &rest);
        o.start = o.end = duration(s, &rest);
    }
    struct ax_query_result r = {0};
    struct ax_err err = {0};
    int rc = run(s, ax_str_trim(rest), &o, &r, &err);
    if (!should_fail) {
        if (rc < 0)
            stop(s, "%s", err.text);
        expect_result(s, &o, ax_str_eq(how, AX_STR("ordered")), &r);
        return;
    }
    if (rc == 0)
        stop(s, "it should have failed");
    if (!next_indented(s, &line) || !memmem(err.text, strlen(err.text), line.p, line.n))
        stop(s, "the error is: %s", err.text);
}

static void refuses(struct script *s, struct ax_str text)
{
    struct ax_expr *e;
    struct ax_err err;
    struct ax_str line;
    if (ax_expr_parse(text, &s->a, &e, &err) == 0)
        stop(s, "it should have been refused");
    assert_int_equal(err.code, -EINVAL);
    if (!next_indented(s, &line) || !ax_str_eq(line, ax_str(err.text)))
        stop(s, "the error is: %s", err.text);
}

static void prints_once(struct script *s, struct ax_str text, struct ax_str want)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf out = AX_BUF_INIT;
    struct ax_expr *e;
    struct ax_err err;
    if (ax_expr_parse(text, &s->a, &e, &err) < 0)
        stop(s, "%s", err.text);
    ax_expr_print(e, &out);
    ax_expr_free(e);
    if (!ax_str_eq(ax_buf_view(&out), want))
        stop(s, "it prints: %.*s", AX_STR_ARG(ax_buf_view(&out)));
}

/* What was printed reads back and prints the same again. */
static void prints(struct script *s, struct ax_str text)
{
    struct ax_str want;
    if (!next_indented(s, &want))
        want = text;
    prints_once(s, text, want);
    prints_once(s, want, want);
}

static void command(struct script *s, struct ax_str line)
{
    struct ax_str rest = line, verb = word(s, &rest);
    rest = ax_str_trim(rest);
    s->checks++;
    if (ax_str_eq(verb, AX_STR("load")))
        load(s, rest);
    else if (ax_str_eq(verb, AX_STR("clear")))
        s->n = 0;
    else if (ax_str_eq(verb, AX_STR("eval")) || ax_str_eq(verb, AX_STR("fails")))
        eval(s, rest, ax_str_eq(verb, AX_STR("fails")));
    else if (ax_str_eq(verb, AX_STR("refuses")))
        refuses(s, rest);
    else if (ax_str_eq(verb, AX_STR("prints")))
        prints(s, rest);
    else
        stop(s, "unknown command");
}

static void runs(void **state)
{
    struct script s = {.name = *state, .a = AX_ARENA_INIT};
    AX_CLEANUP(ax_buf_free) struct ax_buf file = AX_BUF_INIT;
    char path[512];
    struct ax_err err;
    struct ax_str line;
    snprintf(path, sizeof path, "%s/query/%s.test", getenv("FIXTURES"), s.name);
    if (ax_file_read(AT_FDCWD, path, 1 << 20, &file, &err) < 0)
        fail_msg("%s", err.text);
    s.rest = ax_buf_view(&file);
    while (next_line(&s, &line)) {
        line = ax_str_trim(line);
        if (line.n && line.p[0] != '#')
            command(&s, line);
    }
    assert_true(s.checks > 5);
    ax_arena_free(&s.a);
}

int main(void)
{
    static char names[][16] = {"parse_errors", "printing",   "selectors", "staleness", "ranges",
                               "rates",        "subqueries", "operators", "matching",  "aggregate",
                               "histograms",   "functions",  "labels"};
    struct CMUnitTest tests[AX_ARRAY_LEN(names)];
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++)
        tests[i] = (struct CMUnitTest){names[i], runs, NULL, NULL, names[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
