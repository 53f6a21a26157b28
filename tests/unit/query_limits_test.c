// SPDX-License-Identifier: Apache-2.0
/* What bounds a query: samples, time, nesting, length; and that refused input leaves no memory
 * behind (the sanitizers tell). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "query/query.h"

#define SAMPLES 1000

/* One series with a sample every second; `asked` notes what was asked for last. */
struct fake {
    struct ax_store_select asked;
    unsigned selects, lasts;
    int fails;
};

static int give(struct fake *f, const struct ax_store_select *sel, size_t skip, struct ax_arena *a,
                struct ax_series_set *out, struct ax_err *err)
{
    f->asked = *sel;
    if (f->fails)
        return ax_fail(err, f->fails, "the disk is gone");
    int64_t *t = AX_NEWS(a, int64_t, SAMPLES);
    double *v = AX_NEWS(a, double, SAMPLES);
    for (int i = 0; i < SAMPLES; i++)
        t[i] = i * 1000;
    *out = (struct ax_series_set){.v = AX_NEW(a, struct ax_series), .n = 1};
    out->v[0] = (struct ax_series){.t = t + skip, .v = v + skip, .n = SAMPLES - skip};
    return 0;
}

static int fake_select(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                       struct ax_series_set *out, struct ax_err *err)
{
    ((struct fake *)self)->selects++;
    return give(self, sel, 0, a, out, err);
}

static int fake_last(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                     struct ax_series_set *out, struct ax_err *err)
{
    ((struct fake *)self)->lasts++;
    return give(self, sel, SAMPLES - 1, a, out, err);
}

static int eval(struct fake *f, const char *text, const struct ax_query_options *o,
                struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_source src = {f, AX_STR("t"), fake_select, fake_last};
    struct ax_query_result r;
    struct ax_expr *e;
    int rc = ax_expr_parse(ax_str(text), &a, &e, err);
    if (rc < 0)
        return rc;
    rc = ax_query_eval(e, &src, o, &a, &r, err);
    ax_expr_free(e);
    return rc;
}

static void an_instant_query_asks_for_the_last_sample_only(void **state)
{
    struct fake f = {.selects = 0};
    struct ax_err err;
    struct ax_query_options o = {.start = 999000, .end = 999000};
    assert_int_equal(eval(&f, "sum(x)", &o, &err), 0);
    assert_int_equal(f.lasts, 1);
    assert_int_equal(f.selects, 0);
    assert_int_equal(f.asked.mint, 999000 - 300000 + 1);
    assert_int_equal(f.asked.maxt, 999000);
    o.lookback = 60000;
    assert_int_equal(eval(&f, "sum(x offset 1m)", &o, &err), 0);
    assert_int_equal(f.asked.mint, 939000 - 60000 + 1);
    assert_int_equal(eval(&f, "rate(x[2m])", &o, &err), 0);
    assert_int_equal(f.selects, 1);
    assert_int_equal(f.asked.mint, 999000 - 120000 + 1);
}

static void what_does_not_change_is_asked_for_once(void **state)
{
    struct fake f = {.selects = 0};
    struct ax_err err;
    struct ax_query_options o = {.start = 0, .end = 900000, .step = 1000};
    assert_int_equal(eval(&f, "x @ 500 + on() rate(x[1m] @ end())", &o, &err), 0);
    assert_int_equal(f.lasts, 1);
    assert_int_equal(f.selects, 1);
}

/* How many labels the source was asked for, -1: all. */
static int labels_asked(const char *text)
{
    struct fake f = {.selects = 0};
    struct ax_err err;
    struct ax_query_options o = {.start = 999000, .end = 999000};
    assert_int_equal(eval(&f, text, &o, &err), 0);
    return f.asked.only ? (int)f.asked.nonly : -1;
}

static void only_what_groups_go_by_is_asked_for(void **state)
{
    assert_int_equal(labels_asked("sum(x)"), 0);
    assert_int_equal(labels_asked("avg by (a, b) ((x))"), 2);
    assert_int_equal(labels_asked("max by (a) (rate(x[5m]))"), 1);
    assert_int_equal(labels_asked("quantile by (a) (0.5, last_over_time({b=\"c\"}[5m]))"), 1);
    static const char *const all[] = {
        "x",
        "sum without (a) (x)",
        "topk by (a) (2, x)",
        "sum by (a) (x + 1)",
        "sum by (a) (abs(x))",
        "sum by (a) (rate({b=\"c\"}[5m]))", /* two metrics may become one: an error */
        "sum by (a) (rate({__name__=~\"x|y\"}[5m]))",
        "sum by (a) (max_over_time(x[5m:1m]))",
        "sum by (a) (quantile_over_time(scalar(x), y[5m]))",
        "sum by (a) (count without (b) (x))",
        "count(vector(1)) + x"};
    for (size_t i = 0; i < AX_ARRAY_LEN(all); i++)
        assert_int_equal(labels_asked(all[i]), -1);
}

static void too_many_samples_are_refused(void **state)
{
    struct fake f = {.selects = 0};
    struct ax_err err;
    struct ax_query_options o = {.start = 999000, .end = 999000, .max_samples = SAMPLES / 2};
    assert_int_equal(eval(&f, "rate(x[5m])", &o, &err), -E2BIG);
    assert_int_equal(f.asked.max_samples, SAMPLES / 2);
    o.max_samples = 0;
    assert_int_equal(eval(&f, "rate(x[5m])", &o, &err), 0);
    assert_int_equal(eval(&f, "sum_over_time(vector(1)[1000y:1ms])", &o, &err), -E2BIG);
    assert_int_equal(eval(&f, "sum_over_time(sum_over_time(x[1000y:1ms])[1000y:1s])", &o, &err),
                     -E2BIG);
    o = (struct ax_query_options){.start = 0, .end = 11001000, .step = 1000};
    assert_int_equal(eval(&f, "x", &o, &err), -E2BIG);
    o.end = 11000000;
    assert_int_equal(eval(&f, "x", &o, &err), 0);
}

static void a_deadline_that_has_passed_ends_it(void **state)
{
    struct fake f = {.selects = 0};
    struct ax_err err;
    struct ax_query_options o = {.start = 0, .end = 999000, .step = 1000, .deadline_ns = 1};
    assert_int_equal(eval(&f, "sum(x)", &o, &err), -ETIMEDOUT);
    assert_int_equal(f.selects, 0);
    o.deadline_ns = ax_mono_ns() + 600000000000;
    assert_int_equal(eval(&f, "sum(x)", &o, &err), 0);
}

static void errors_of_the_source_come_through(void **state)
{
    struct fake f = {.fails = -EIO};
    struct ax_err err;
    struct ax_query_options o = {.start = 0, .end = 0};
    assert_int_equal(eval(&f, "1 + sum(rate(x[5m]))", &o, &err), -EIO);
    assert_string_equal(err.text, "the disk is gone");
}

static void absurd_times_are_refused(void **state)
{
    struct fake f = {.selects = 0};
    struct ax_err err;
    struct ax_query_options o = {.start = INT64_MIN, .end = INT64_MAX, .step = 1};
    assert_int_equal(eval(&f, "x", &o, &err), -EINVAL);
    o = (struct ax_query_options){.start = INT64_MAX, .end = INT64_MAX};
    assert_int_equal(eval(&f, "x", &o, &err), -EINVAL);
}

/* `unit` written n times, with `tail` behind. */
static int parse_repeated(const char *unit, size_t n, const char *tail, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_expr *e;
    for (size_t i = 0; i < n; i++)
        ax_buf_cstr(&text, unit);
    ax_buf_cstr(&text, tail);
    int rc = ax_expr_parse(ax_buf_view(&text), &a, &e, err);
    if (rc == 0)
        ax_expr_free(e);
    return rc;
}

static void nesting_and_length_are_bounded(void **state)
{
    static const char *const units[] = {
        "(", "-", "1+",     "a^",      "abs(", "sum(", "x[1m:]+",   "a and ",
        "[", "{", "\"a\",", "f(\"\",", "2^-",  "@",    "a offset ", "sum by("};
    struct ax_err err;
    for (size_t i = 0; i < AX_ARRAY_LEN(units); i++)
        for (size_t n = 1000; n <= 100000; n *= 10) {
            assert_int_equal(parse_repeated(units[i], n, "x", &err), -EINVAL);
            assert_non_null(strstr(err.text, "parse error: "));
        }
    assert_int_equal(parse_repeated("1+", 150, "1", &err), 0);
    assert_int_equal(parse_repeated("1+", 250, "1", &err), -EINVAL);
    assert_non_null(strstr(err.text, "nested more than 200 deep"));
    assert_int_equal(parse_repeated(" ", 1 << 20, "1", &err), -EINVAL);
    assert_non_null(strstr(err.text, "longer than"));
}

static void lists_are_bounded(void **state)
{
    struct ax_err err;
    assert_int_equal(parse_repeated("x{a=\"b\"} + x{a=~\"b\",", 1, "c!=\"d\"}", &err), 0);
    AX_CLEANUP(ax_buf_free) struct ax_buf list = AX_BUF_INIT;
    for (int i = 0; i < 1001; i++)
        ax_buf_cstr(&list, "a=\"b\",");
    ax_buf_cstr(&list, "}");
    ax_buf_byte(&list, 0);
    assert_int_equal(parse_repeated("x{", 1, list.p, &err), -EINVAL);
    assert_non_null(strstr(err.text, "more than 1000 matchers in a selector"));
    ax_buf_clear(&list);
    for (int i = 0; i < 1001; i++)
        ax_buf_cstr(&list, "a,");
    ax_buf_cstr(&list, ") (x)");
    ax_buf_byte(&list, 0);
    assert_int_equal(parse_repeated("sum by (", 1, list.p, &err), -EINVAL);
    assert_non_null(strstr(err.text, "more than 1000 labels in a list"));
}

/* Expressions with bytes changed, cut and doubled: each is read or refused, nothing else. */
static void damaged_expressions_do_no_harm(void **state)
{
    static const char *const seeds[] = {
        "sum by (a, b) (rate(http{job=~\"a.*|b\",x!=\"\"}[5m] offset -1h30m @ end())) > bool 0x1F",
        "a * on (x) group_left (y) topk(3, b[5m:1m]) or label_replace(c, \"d\", '$1', `e`, \"f\")",
        "-1 ^ 2 % histogram_quantile(0.9, {__name__=\"x\"}) unless count_values(\"v\", x) # end"};
    static const char spice[] = "(){}[],:@=~!<>+-*/%^\"'`\\#$0159.eaxINFnan _\n\xff";
    uint64_t x = 88172645463325252ull;
    for (int round = 0; round < 30000; round++) {
        AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
        char text[256];
        const char *seed = seeds[round % 3];
        size_t n = strlen(seed);
        memcpy(text, seed, n);
        for (int hits = 0; hits < 1 + round % 4; hits++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            text[x % n] = spice[(x >> 32) % (sizeof spice - 1)];
        }
        n -= (x >> 48) % 3 ? 0 : (x >> 20) % n;
        struct ax_expr *e;
        struct ax_err err;
        if (ax_expr_parse((struct ax_str){text, n}, &a, &e, &err) < 0)
            continue;
        AX_CLEANUP(ax_buf_free) struct ax_buf out = AX_BUF_INIT;
        ax_expr_print(e, &out);
        ax_expr_free(e);
        assert_int_equal(ax_expr_parse(ax_buf_view(&out), &a, &e, &err), 0);
        ax_expr_free(e);
    }
}

static void match_selectors_stand_alone(void **state)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_expr *owner;
    const struct ax_matcher *m;
    size_t n;
    struct ax_err err;
    assert_int_equal(ax_selector_parse(AX_STR("up{job=~\"a|b\"}"), &a, &owner, &m, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_true(ax_matcher_value(&m[1], AX_STR("b")));
    assert_false(ax_matcher_value(&m[1], AX_STR("ab")));
    ax_expr_free(owner);
    static const char *const others[] = {"up[5m]", "sum(up)", "up offset 5m", "1", "{}", "(up)"};
    for (size_t i = 0; i < AX_ARRAY_LEN(others); i++)
        assert_int_equal(ax_selector_parse(ax_str(others[i]), &a, &owner, &m, &n, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instant_query_asks_for_the_last_sample_only),
        cmocka_unit_test(what_does_not_change_is_asked_for_once),
        cmocka_unit_test(only_what_groups_go_by_is_asked_for),
        cmocka_unit_test(too_many_samples_are_refused),
        cmocka_unit_test(a_deadline_that_has_passed_ends_it),
        cmocka_unit_test(errors_of_the_source_come_through),
        cmocka_unit_test(absurd_times_are_refused),
        cmocka_unit_test(nesting_and_length_are_bounded),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(damaged_expressions_do_no_harm),
        cmocka_unit_test(match_selectors_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
