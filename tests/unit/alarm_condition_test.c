// SPDX-License-Identifier: Apache-2.0
/* Conditions: what windows in memory say is what PromQL says of the store. */
#include "alarm_stream_kit.h"

#include <math.h>

static const char *const expressions[] = {
    "a > 5",
    "7 > a",
    "a{host=\"h1\"} >= 3",
    "a{host!=\"h1\",host=~\"h[0-3]\"} != 2",
    "a * 2 - 1 > bool 5",
    "-a < -4",
    "abs(a) == 3",
    "avg_over_time(a[90s]) > 4",
    "min_over_time(a[30s]) < 2",
    "max_over_time(a[90s]) >= 8",
    "sum_over_time(a[90s]) > 20",
    "count_over_time(a[60s]) > 2",
    "last_over_time(a[10m]) > 5",
    "quantile_over_time(0.5, a[90s]) > 4",
    "stddev_over_time(a[90s]) > 1",
    "changes(a[2m]) > 1",
    "rate(c[90s]) > 0.05",
    "increase(c[2m]) >= 3",
    "delta(a[90s]) < 0",
    "a / b > 2",
    "a > b",
    "a > 5 and b < 5",
    "a > 5 or b > 5",
    "a > 3 unless b > 3",
    "avg_over_time(a[90s]) > 2 and a < 3",
    "absent(a{host=\"h1\"})",
    "absent(nobody{x=\"y\",z!=\"1\"})",
    "absent_over_time(b{host=\"h2\"}[1m])",
};
#define EXPRESSIONS AX_ARRAY_LEN(expressions)

struct one {
    struct ax_expr *expr;
    struct ax_local *local;
    struct ax_condition *condition;
};

static unsigned changed;
static void on_change(void *ctx)
{
    changed++;
}

static void parse(struct one *x, const char *text, struct ax_arena *a)
{
    struct ax_err err = {0};
    if (ax_expr_parse(ax_str(text), a, &x->expr, &err) < 0 ||
        ax_local_compile(x->expr, a, &x->local, &err) < 0)
        fail_msg("%s: %s", text, err.text);
}

static void begin(struct kit *k, struct one *x)
{
    struct ax_err err = {0};
    struct ax_condition_options o = {
        .tenant = AX_STR("t"), .local = x->local, .interval_ms = 1, .changed = on_change};
    if (ax_condition_begin(k->stream, &o, kit_now, &x->condition, &err) < 0)
        fail_msg("%s", err.text);
}

static void push(struct kit *k, const char *metric, int host, int64_t t, double v)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_labels_builder lb = {0};
    struct ax_labels labels;
    char name[8];
    struct ax_intake_result result;
    struct ax_err err = {0};
    snprintf(name, sizeof name, "h%d", host);
    ax_labels_add(&lb, AX_STR("__name__"), ax_str(metric));
    ax_labels_add(&lb, AX_STR("host"), ax_str(name));
    assert_int_equal(ax_intake_labels(&lb, AX_STR("t"), &a, &labels, &err), 0);
    struct ax_sample s = {t, v};
    ax_batch_add(&b, labels, &s, 1);
    if (ax_intake_push(k->intake, &b, kit_now, &result, &err) < 0)
        fail_msg("%s", err.text);
    ax_arena_free(&a);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put(struct ax_arena *a, struct ax_labels labels, double v, const char **out)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_labels_print(labels, &b);
    *out = isnan(v) ? ax_arena_printf(a, "%.*s NaN", (int)b.n, b.p).p
                    : ax_arena_printf(a, "%.*s %a", (int)b.n, b.p, v).p;
}

static const char *joined(struct ax_arena *a, const char **v, size_t n)
{
    struct ax_str all = AX_STR("");
    qsort(v, n, sizeof *v, by_text);
    for (size_t i = 0; i < n; i++)
        all = ax_arena_printf(a, "%.*s%s\n", (int)all.n, all.n ? all.p : "", v[i]);
    return all.n ? all.p : "";
}

static const char *by_store(struct kit *k, struct one *x, struct ax_arena *a)
{
    struct ax_source source = ax_source_of_store(k->store, AX_STR("t"));
    struct ax_query_options o = {.start = kit_now, .end = kit_now};
    struct ax_query_result r;
    struct ax_err err = {0};
    if (ax_query_eval(x->expr, &source, &o, a, &r, &err) < 0)
        fail_msg("%s", err.text);
    const char **v = AX_NEWS(a, const char *, r.n + 1);
    for (size_t i = 0; i < r.n; i++)
        put(a, r.series[i].labels, r.series[i].v[0].v, &v[i]);
    return joined(a, v, r.n);
}

static const char *by_windows(struct one *x, struct ax_arena *a)
{
    struct ax_holding *h;
    size_t n;
    while (ax_condition_take(x->condition, kit_now, a, &h, &n))
        ;
    const char **v = AX_NEWS(a, const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        put(a, h[i].labels, h[i].value, &v[i]);
    return joined(a, v, n);
}

static size_t compare(struct kit *k, struct one *v, unsigned step)
{
    struct ax_arena a = AX_ARENA_INIT;
    size_t held = 0;
    for (size_t i = 0; i < EXPRESSIONS; i++) {
        const char *want = by_store(k, &v[i], &a), *got = by_windows(&v[i], &a);
        if (strcmp(want, got) != 0)
            fail_msg("step %u, %s at %lld:\nthe store says\n%sthe windows\n%s", step,
                     expressions[i], (long long)(kit_now - T0), want, got);
        held += *want != 0;
    }
    ax_arena_free(&a);
    return held;
}

static uint32_t seed;
static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Mostly now; sometimes late, of the future, or at a time that was there before. */
static int64_t some_time(void)
{
    switch (chance(12)) {
    case 0: return kit_now - chance(600) * SEC;
    case 1: return kit_now + chance(60) * SEC;
    case 2: return kit_now / 10000 * 10000;
    default: return kit_now;
    }
}

static double some_value(const char *metric)
{
    static double counter;
    if (chance(15) == 0)
        return ax_stale();
    if (chance(25) == 0)
        return NAN;
    if (*metric == 'c')
        return counter = chance(20) ? counter + chance(4) : 0;
    return chance(10);
}

static void push_some(struct kit *k)
{
    static const char *const metrics[] = {"a", "b", "c"};
    for (unsigned n = chance(6); n--;) {
        const char *metric = metrics[chance(3)];
        push(k, metric, (int)chance(4), some_time(), some_value(metric));
    }
}

static void begin_all(struct kit *k, struct one *v)
{
    for (size_t i = 0; i < EXPRESSIONS; i++)
        begin(k, &v[i]);
}

static void end_all(struct one *v)
{
    for (size_t i = 0; i < EXPRESSIONS; i++) {
        ax_condition_end(v[i].condition);
        v[i].condition = NULL;
    }
}

/* Gaps, staleness, NaN, late and early samples, conditions that begin anew, a restart. */
static void windows_say_what_the_store_says(void **state)
{
    struct kit *k = *state;
    struct ax_arena a = AX_ARENA_INIT;
    struct one v[EXPRESSIONS] = {0};
    size_t held = 0;
    seed = 7;
    for (size_t i = 0; i < EXPRESSIONS; i++)
        parse(&v[i], expressions[i], &a);
    begin_all(k, v);
    for (unsigned step = 0; step < 1500; step++) {
        push_some(k);
        kit_now += chance(60) ? 200 + chance(15000) : 400 * SEC;
        ax_stream_tick(k->stream, kit_now);
        if (chance(40) == 0) {
            size_t i = chance(EXPRESSIONS);
            ax_condition_end(v[i].condition);
            begin(k, &v[i]);
        }
        if (chance(300) == 0) {
            end_all(v);
            kit_close(k);
            kit_open(k);
            begin_all(k, v);
        }
        held += compare(k, v, step);
    }
    assert_in_range(held, 10000, 1500 * EXPRESSIONS - 5000); /* both outcomes were there */
    end_all(v);
    for (size_t i = 0; i < EXPRESSIONS; i++)
        ax_expr_free(v[i].expr);
    ax_arena_free(&a);
}

/* ---- what comes when ---- */

static size_t taken(struct one *x, bool *again, double *value)
{
    static struct ax_arena a;
    struct ax_holding *h;
    size_t n;
    ax_arena_reset(&a);
    *again = ax_condition_take(x->condition, kit_now, &a, &h, &n) != 0;
    if (n && value)
        *value = h[0].value;
    return n;
}

static void a_sample_tells_at_once_and_only_of_changes(void **state)
{
    struct kit *k = *state;
    struct ax_arena a = AX_ARENA_INIT;
    struct one x;
    bool again;
    parse(&x, "a > 5", &a);
    begin(k, &x);
    changed = 0;
    push(k, "a", 1, kit_now, 3);
    assert_int_equal(changed, 0);
    push(k, "a", 1, kit_now + 1, 9); /* is in the future */
    assert_int_equal(changed, 0);
    kit_now += 1;
    push(k, "a", 2, kit_now, 9);
    assert_int_equal(changed, 1);
    ax_stream_tick(k->stream, kit_now);
    assert_int_equal(changed, 2);
    assert_int_equal(taken(&x, &again, NULL), 2);
    assert_false(again);
    kit_now += 10 * SEC;
    push(k, "a", 1, kit_now, 8); /* other values are no news */
    assert_int_equal(changed, 2);
    push(k, "a", 1, kit_now + 1, ax_stale());
    kit_now += 1;
    ax_stream_tick(k->stream, kit_now);
    assert_int_equal(changed, 3);
    kit_now += 300 * SEC; /* the look-back is over for the other */
    ax_stream_tick(k->stream, kit_now);
    assert_int_equal(changed, 4);
    assert_int_equal(taken(&x, &again, NULL), 0);
    ax_condition_end(x.condition);
    ax_expr_free(x.expr);
    ax_arena_free(&a);
}

static void what_held_for_a_moment_is_told(void **state)
{
    struct kit *k = *state;
    struct ax_arena a = AX_ARENA_INIT;
    struct one x;
    bool again;
    double value = 0;
    parse(&x, "a > 5", &a);
    begin(k, &x);
    push(k, "a", 1, kit_now, 9);
    kit_now += 1;
    push(k, "a", 1, kit_now, 1);
    assert_int_equal(taken(&x, &again, &value), 1);
    assert_true(again && value == 9);
    assert_int_equal(taken(&x, &again, NULL), 0);
    assert_false(again);
    kit_now += 1;
    push(k, "a", 1, kit_now, 7);
    assert_int_equal(taken(&x, &again, NULL), 1);
    kit_now += 1;
    push(k, "a", 1, kit_now, 0);
    kit_now += 1;
    push(k, "a", 1, kit_now, 8);
    assert_int_equal(taken(&x, &again, NULL), 0);
    assert_true(again);
    assert_int_equal(taken(&x, &again, &value), 1);
    assert_true(!again && value == 8);
    ax_condition_end(x.condition);
    ax_expr_free(x.expr);
    ax_arena_free(&a);
}

static void a_forgotten_series_holds_no_more(void **state)
{
    struct kit *k = *state;
    struct ax_arena a = AX_ARENA_INIT;
    struct one x, none;
    bool again;
    parse(&x, "a > 5", &a);
    parse(&none, "absent(a)", &a);
    begin(k, &x);
    begin(k, &none);
    push(k, "a", 1, kit_now, 9);
    push(k, "a", 2, kit_now, 9);
    assert_int_equal(taken(&x, &again, NULL), 2);
    assert_int_equal(taken(&none, &again, NULL), 0);
    changed = 0;
    ax_intake_hold(k->intake);
    for (uint32_t id = 0; id < ax_intake_count(k->intake); id++) {
        ax_intake_retire(k->intake, id);
        ax_intake_forget(k->intake, id);
    }
    ax_intake_release(k->intake);
    assert_int_equal(changed, 4);
    assert_int_equal(taken(&x, &again, NULL), 0);
    assert_int_equal(taken(&none, &again, NULL), 1);
    ax_condition_end(x.condition);
    ax_condition_end(none.condition);
    ax_expr_free(x.expr);
    ax_expr_free(none.expr);
    ax_arena_free(&a);
}

/* What was measured together comes one after the other: that is no moment at which it was so. */
static void several_series_are_looked_at_together(void **state)
{
    struct kit *k = *state;
    struct ax_arena a = AX_ARENA_INIT;
    struct one x;
    bool again;
    parse(&x, "a / b > 2", &a);
    begin(k, &x);
    push(k, "a", 1, kit_now, 3);
    push(k, "b", 1, kit_now, 3);
    kit_now += SEC;
    ax_stream_tick(k->stream, kit_now);
    changed = 0;
    push(k, "a", 1, kit_now, 30);
    kit_now += 50;
    ax_stream_tick(k->stream, kit_now);
    push(k, "b", 1, kit_now, 30);
    kit_now += 200;
    ax_stream_tick(k->stream, kit_now);
    assert_int_equal(changed, 0);
    assert_int_equal(taken(&x, &again, NULL), 0);
    push(k, "a", 1, kit_now, 90);
    kit_now += 200;
    ax_stream_tick(k->stream, kit_now);
    assert_int_equal(changed, 1);
    assert_int_equal(taken(&x, &again, NULL), 1);
    ax_condition_end(x.condition);
    ax_expr_free(x.expr);
    ax_arena_free(&a);
}

static void others_are_refused_with_the_reason(void **state)
{
    static const char *const refused[][2] = {
        {"sum(a) > 1", "sum over several series"},
        {"a offset 5m > 1", "a selector with offset or @"},
        {"a @ 10 > 1", "a selector with offset or @"},
        {"a / on (host) b > 1", "a join: on, ignoring, group_left or group_right"},
        {"max_over_time(a[1h:1m]) > 1", "a subquery"},
        {"{host=\"x\"} > 1", "a selector that does not name one metric"},
        {"time() - a > 1", "a number that is worked out"},
        {"vector(1)", "vector()"},
        {"1 > bool 0", "an expression without a selector"},
        {"label_replace(a, \"x\", \"y\", \"\", \"\") > 1", "label_replace()"},
        {"absent(sum(a))", "absent() of more than a selector"},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(refused); i++) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_expr *e;
        struct ax_local *l;
        struct ax_err err = {0};
        assert_int_equal(ax_expr_parse(ax_str(refused[i][0]), &a, &e, &err), 0);
        assert_int_equal(ax_local_compile(e, &a, &l, &err), -EDOM);
        assert_string_equal(err.text, refused[i][1]);
        ax_expr_free(e);
        ax_arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(windows_say_what_the_store_says, kit_new_stored, kit_end),
        cmocka_unit_test_setup_teardown(a_sample_tells_at_once_and_only_of_changes, kit_new_stored,
                                        kit_end),
        cmocka_unit_test_setup_teardown(what_held_for_a_moment_is_told, kit_new_stored, kit_end),
        cmocka_unit_test_setup_teardown(a_forgotten_series_holds_no_more, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(several_series_are_looked_at_together, kit_new_stored,
                                        kit_end),
        cmocka_unit_test(others_are_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
