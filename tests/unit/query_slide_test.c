// SPDX-License-Identifier: Apache-2.0
/* Windows that overlap give what each of them gives when it is worked out by itself, whatever is in
 * them: NaN, infinities, sums that overflow or cancel out, counters that reset, gaps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "query/eval.h"

#define SAMPLES 300
#define STEPS   200

static uint64_t seed = 88172645463325252ull;

static uint64_t chance(uint64_t n)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed % n;
}

/* Sequences of one kind each, and one of everything. */
static double value(int kind, double before)
{
    static const double odd[] = {NAN,  INFINITY, -INFINITY, 0.0,   -0.0,     1e308,
                                 1e16, -1e16,    -1e308,    1e-30, 4.9e-324, 1e100};
    switch (kind) {
    case 0: return (double)chance(10000) / 100;
    case 1: return chance(20) ? before + (double)chance(1000) : (double)chance(10); /* counter */
    case 2: return chance(4) ? before : (double)chance(3);
    case 3: return chance(30) ? (double)chance(100) : odd[chance(AX_ARRAY_LEN(odd))];
    case 4: return ldexp((double)chance(1000) - 500, (int)chance(120) - 60);
    default: return odd[chance(AX_ARRAY_LEN(odd))];
    }
}

struct scene {
    int64_t t[SAMPLES];
    double v[SAMPLES], result[STEPS];
    uint64_t has[STEPS / 64 + 1];
    struct ax_window w[STEPS];
    struct ax_series series;
    size_t steps;
};

static void make(struct scene *s)
{
    int kind = (int)chance(6);
    int64_t t = 0;
    s->series = (struct ax_series){.t = s->t, .v = s->v, .n = chance(SAMPLES + 1)};
    for (size_t i = 0; i < s->series.n; i++) {
        t += chance(10) ? 15 : 1 + (int64_t)chance(400);
        s->t[i] = t;
        s->v[i] = value(kind, i ? s->v[i - 1] : 0);
    }
    s->steps = 1 + chance(STEPS);
    int64_t step = (int64_t)chance(60), range = 1 + (int64_t)chance(1500);
    int64_t end = (int64_t)chance(500) - 200;
    for (size_t k = 0; k < s->steps; k++, end += step)
        s->w[k] = (struct ax_window){.start = end - range, .end = end, .at = end};
    ax_windows_fill(s->w, s->steps, &s->series);
    memset(s->has, 0, sizeof s->has);
}

static void windows_hold_what_lies_in_them(void **state)
{
    struct scene s;
    for (int i = 0; i < 500; i++) {
        make(&s);
        for (size_t k = 0; k < s.steps; k++) {
            size_t n = 0;
            for (size_t j = 0; j < s.series.n; j++)
                if (s.t[j] > s.w[k].start && s.t[j] <= s.w[k].end)
                    assert_ptr_equal(&s.w[k].t[n++], &s.t[j]);
            assert_int_equal(s.w[k].n, n);
        }
    }
}

/* Series that have the same array of times get the windows of the one before, moved to their own
 * values. */
static void series_may_share_their_times(void **state)
{
    static struct scene s;
    static struct ax_window want[STEPS];
    for (int i = 0; i < 200; i++) {
        make(&s);
        double others[SAMPLES];
        int64_t times[SAMPLES];
        size_t n = s.series.n;
        for (size_t k = 0; k < n; k++)
            times[k] = s.t[k] + 7;
        struct ax_series v[] = {s.series,
                                {.t = s.t, .v = others, .n = n},
                                {.t = s.t, .v = s.v, .n = n / 2},
                                {.t = times, .v = others, .n = n / 2},
                                s.series};
        struct ax_samples all = {.v = v, .n = AX_ARRAY_LEN(v)};
        for (size_t k = 0; k < all.n; k++) {
            memcpy(want, s.w, sizeof want);
            ax_windows_fill(want, s.steps, &v[k]);
            ax_samples_fill(NULL, &all, k, s.w, s.steps);
            size_t sum = 0;
            for (size_t j = 0; j < s.steps; j++) {
                assert_ptr_equal(s.w[j].t, want[j].t);
                assert_ptr_equal(s.w[j].v, want[j].v);
                assert_int_equal(s.w[j].n, want[j].n);
                sum += want[j].n;
            }
            assert_int_equal(all.in_windows, sum);
        }
    }
}

static bool same_bits(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* The order of additions differs; each way is right to about the square of a double's rounding. */
static bool near(double a, double b, const struct ax_window *w)
{
    double size = 0;
    for (size_t i = 0; i < w->n; i++)
        size += fabs(w->v[i]);
    return same_bits(a, b) || fabs(a - b) <= 1e-12 * fabs(b) || fabs(a - b) <= 1e-26 * size;
}

static void compare(const char *name, bool sum)
{
    const struct ax_function *f = ax_function_find(ax_str(name));
    double room[2 * SAMPLES], args[AX_ARGS_MAX] = {0}, want;
    struct ax_err err;
    struct ax_eval e = {.err = &err};
    struct scene s;
    assert_non_null(f->slide);
    for (int i = 0; i < 3000; i++) {
        make(&s);
        struct ax_column out = {.v = s.result, .has = s.has};
        assert_int_equal(f->slide(&e, &(struct ax_slide){&s.series, s.w, s.steps, room, &out}), 0);
        for (size_t k = 0; k < s.steps; k++) {
            bool has = s.w[k].n && f->range(&s.w[k], args, &want);
            assert_int_equal(ax_has(&out, k), has);
            if (has)
                assert_true(sum ? near(out.v[k], want, &s.w[k]) : same_bits(out.v[k], want));
        }
    }
}

static void extremes_are_the_same(void **state)
{
    compare("min_over_time", false);
    compare("max_over_time", false);
}

static void what_happens_between_samples_is_the_same(void **state)
{
    compare("changes", false);
    compare("resets", false);
    compare("rate", false);
    compare("increase", false);
}

static void sums_are_the_same(void **state)
{
    compare("sum_over_time", true);
    compare("avg_over_time", true);
}

static void a_sum_at_once_is_the_sum_one_by_one(void **state)
{
    struct scene s;
    for (int i = 0; i < 3000; i++) {
        make(&s);
        struct ax_sum sum = {0}, got = ax_sum_of(s.v, s.series.n);
        struct ax_mean mean = {0};
        for (size_t k = 0; k < s.series.n; k++) {
            ax_sum_add(&sum, s.v[k]);
            ax_mean_add(&mean, s.v[k]);
        }
        assert_true(same_bits(ax_sum_value(&got), ax_sum_value(&sum)));
        assert_true(same_bits(ax_mean_of(s.v, s.series.n), ax_mean_value(&mean)));
    }
}

static void sliding_ends_at_the_deadline(void **state)
{
    double v[4] = {1, NAN, 1, 1}, room[8], result[1];
    int64_t t[4] = {1, 2, 3, 4};
    uint64_t has[1] = {0};
    struct ax_series series = {.t = t, .v = v, .n = 4};
    struct ax_window w = {.t = t, .v = v, .n = 4, .end = 4};
    struct ax_column out = {.v = result, .has = has};
    struct ax_err err;
    struct ax_eval e = {.err = &err, .deadline_ns = 1};
    struct ax_slide s = {&series, &w, 1, room, &out};
    assert_true(ax_slide_sum(&e, &s) < 0);
    assert_true(ax_slide_rate(&e, &s) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_hold_what_lies_in_them),
        cmocka_unit_test(series_may_share_their_times),
        cmocka_unit_test(extremes_are_the_same),
        cmocka_unit_test(what_happens_between_samples_is_the_same),
        cmocka_unit_test(sums_are_the_same),
        cmocka_unit_test(a_sum_at_once_is_the_sum_one_by_one),
        cmocka_unit_test(sliding_ends_at_the_deadline),
    };
    return cmocka_run_group_tests_name("query: sliding windows", tests, NULL, NULL);
}
