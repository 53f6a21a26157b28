// SPDX-License-Identifier: Apache-2.0
/* A leak is foretold in time and with a true interval; what only looks like one is not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "predict/predict.h"

#define MiB   (1024.0 * 1024)
#define START 1795314600000ll
#define MOST  8192

/* A series under construction. */
struct made {
    int64_t t[MOST];
    double left[MOST];
    size_t n;
    double capacity;
    uint64_t seed;
};

/* Roughly normal: the sum of twelve uniform numbers. */
static double noise(struct made *m)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        m->seed = m->seed * 6364136223846793005ull + 1442695040888963407ull;
        sum += (double)(m->seed >> 11) / 9007199254740992.0;
    }
    return sum;
}

static void add(struct made *m, double seconds, double left)
{
    assert_true(m->n < MOST);
    m->t[m->n] = START + (int64_t)(seconds * 1000);
    m->left[m->n++] = left;
}

static struct ax_prediction ask(const struct made *m, int64_t late_ms)
{
    static char reason[512];
    struct ax_arena a = AX_ARENA_INIT;
    int64_t now = m->n > 0 ? m->t[m->n - 1] + late_ms : START;
    struct ax_forecast_input in = {m->t, m->left, m->n, m->capacity, now};
    struct ax_prediction p = {0};
    ax_forecast(&in, &a, &p);
    assert_true(p.reason.n > 0 && p.reason.n < sizeof reason);
    memcpy(reason, p.reason.p, p.reason.n);
    p.reason.p = reason;
    ax_arena_free(&a);
    return p;
}

static bool says(const struct ax_prediction *p, const char *part)
{
    return memmem(p->reason.p, p->reason.n, part, strlen(part)) != NULL;
}

/* The guest of the demonstration: 118 MiB, of which 110 are free until it begins to leak 0.6 MB/s,
 * seen every three seconds. */
static void demo(struct made *m, double leaking_s)
{
    *m = (struct made){.capacity = 118 * MiB, .seed = 1};
    for (double s = 0; s <= 300 + leaking_s; s += 3)
        add(m, s, 110 * MiB - (s > 300 ? (s - 300) * 6e5 : 0) + noise(m) * 1e5);
}

static void a_fast_leak_is_foretold_a_minute_ahead(void **state)
{
    static struct made m;
    double left_s = 110 * MiB / 6e5;
    demo(&m, left_s - 80);
    struct ax_prediction p = ask(&m, 1000);
    assert_int_equal(p.verdict, AX_PREDICT_EXHAUST);
    assert_true(p.seconds[0] <= 79 && 79 <= p.seconds[2]);
    assert_true(p.seconds[0] <= p.seconds[1] && p.seconds[1] <= p.seconds[2]);
    assert_true(p.slope < -4e5 && p.slope > -8e5);
    assert_true(p.p_value < 1e-3);
    assert_true(says(&p, "falls by") && says(&p, "MiB of 118 MiB left"));
}

static void a_guest_without_a_leak_is_steady(void **state)
{
    static struct made m;
    demo(&m, 0);
    struct ax_prediction p = ask(&m, 1000);
    assert_int_equal(p.verdict, AX_PREDICT_STEADY);
    assert_true(isinf(p.seconds[1]));
    assert_true(says(&p, "no lasting fall"));
}

static void after_an_oom_kill_the_old_trend_is_forgotten(void **state)
{
    static struct made m;
    demo(&m, 110 * MiB / 6e5 - 5);
    assert_int_equal(ask(&m, 0).verdict, AX_PREDICT_EXHAUST);
    double s = (double)(m.t[m.n - 1] - START) / 1000;
    add(&m, s + 3, 105 * MiB);
    assert_int_not_equal(ask(&m, 0).verdict, AX_PREDICT_EXHAUST);
    for (int i = 2; i < 60; i++) {
        add(&m, s + 3 * i, 105 * MiB + noise(&m) * 1e5);
        assert_int_not_equal(ask(&m, 0).verdict, AX_PREDICT_EXHAUST);
    }
}

static void the_second_leak_is_foretold_like_the_first(void **state)
{
    static struct made m;
    demo(&m, 110 * MiB / 6e5 - 5);
    double s = (double)(m.t[m.n - 1] - START) / 1000;
    for (int i = 1; i <= 30; i++)
        add(&m, s + 3 * i, 105 * MiB + noise(&m) * 1e5);
    for (int i = 1; i <= 35; i++)
        add(&m, s + 90 + 3 * i, 105 * MiB - i * 3 * 6e5 + noise(&m) * 1e5);
    assert_int_equal(ask(&m, 0).verdict, AX_PREDICT_EXHAUST);
}

/* Three days by the minute: `used` percent at minute i. */
typedef double usage(struct made *m, int i);

static void days(struct made *m, usage *used, int minutes)
{
    *m = (struct made){.capacity = 100, .seed = 7};
    for (int i = 0; i < minutes; i++)
        add(m, 60.0 * i, 100 - used(m, i) - 0.4 * noise(m));
}

static double flat(struct made *m, int i)
{
    return 40;
}
static double noisy(struct made *m, int i)
{
    return 40 + 5 * noise(m);
}
static double sawtooth(struct made *m, int i)
{
    return 40 + 20 * (i % 180 / 180.0);
}
static double diurnal(struct made *m, int i)
{
    return 45 + 12 * sin(i / 1440.0 * 2 * M_PI);
}
static double step(struct made *m, int i)
{
    return i < 3300 ? 40 : 48;
}
static double batch(struct made *m, int i)
{
    return 40 + (i % 1440 < 300 ? 35 * (i % 1440 / 300.0) : 0);
}
static double cache(struct made *m, int i)
{
    return i < 2900 ? 35 : 35 + 57 * (1 - exp(-(i - 2900) / 400.0));
}

static void healthy_load_is_not_called_a_leak(void **state)
{
    usage *const all[] = {flat, noisy, sawtooth, diurnal, step, batch, cache};
    static struct made m;
    for (size_t k = 0; k < AX_ARRAY_LEN(all); k++)
        for (int minutes = 2400; minutes < 4320; minutes += 20) {
            days(&m, all[k], minutes);
            struct ax_prediction p = ask(&m, 0);
            if (p.verdict != AX_PREDICT_STEADY)
                fail_msg("load %zu at minute %d: %.*s", k, minutes, AX_STR_ARG(p.reason));
        }
}

static double leak(struct made *m, int i)
{
    return i < 2900 ? 40 : 40 + (i - 2900) * 0.05; /* full at minute 4100 */
}
static double leak_under_sawtooth(struct made *m, int i)
{
    return leak(m, i) + 8 * (i % 45 / 45.0);
}

static void slow_leaks_are_found_with_the_end_inside_the_interval(void **state)
{
    static struct made m;
    days(&m, leak, 3700);
    struct ax_prediction p = ask(&m, 0);
    assert_int_equal(p.verdict, AX_PREDICT_EXHAUST);
    assert_true(p.seconds[0] < 400 * 60 && 400 * 60 < p.seconds[2]);
    assert_true(fabs(p.seconds[1] / 60 - 400) < 80);
    assert_true((double)p.horizon_ms / 1000 >= p.seconds[1]);
    days(&m, leak_under_sawtooth, 3800);
    p = ask(&m, 0);
    assert_int_equal(p.verdict, AX_PREDICT_EXHAUST);
    assert_true(p.seconds[0] < 140 * 60 && 140 * 60 < p.seconds[2] + 8 / 0.05 * 60);
}

static void gaps_do_not_hide_a_leak(void **state)
{
    static struct made all, m;
    days(&all, leak, 3700);
    m = (struct made){.capacity = 100};
    for (size_t i = 0; i < all.n; i++)
        if (i % 240 >= 40)
            add(&m, 60.0 * (double)i, all.left[i]);
    assert_int_equal(ask(&m, 0).verdict, AX_PREDICT_EXHAUST);
}

static void old_news_is_no_forecast(void **state)
{
    static struct made m;
    demo(&m, 100);
    struct ax_prediction p = ask(&m, 3600 * 1000);
    assert_int_equal(p.verdict, AX_PREDICT_ABSTAIN);
    days(&m, leak, 3700);
    p = ask(&m, 48 * 3600 * 1000);
    assert_int_equal(p.verdict, AX_PREDICT_ABSTAIN);
    assert_true(says(&p, "old") || says(&p, "too little"));
}

static void too_little_is_an_abstention_with_a_reason(void **state)
{
    static struct made m;
    m = (struct made){.capacity = 100};
    struct ax_prediction p = ask(&m, 0);
    assert_int_equal(p.verdict, AX_PREDICT_ABSTAIN);
    assert_true(says(&p, "no samples"));
    for (int i = 0; i < 5; i++)
        add(&m, i * 5, 50 - i);
    p = ask(&m, 0);
    assert_int_equal(p.verdict, AX_PREDICT_ABSTAIN);
    assert_true(says(&p, "too little history"));
    m.capacity = 0;
    assert_true(says(&(struct ax_prediction){.reason = ask(&m, 0).reason}, "capacity"));
    m.capacity = NAN;
    assert_int_equal(ask(&m, 0).verdict, AX_PREDICT_ABSTAIN);
}

static void unusable_values_are_left_out(void **state)
{
    static struct made m;
    demo(&m, 110 * MiB / 6e5 - 80);
    for (size_t i = 5; i < m.n; i += 9)
        m.left[i] = i % 2 ? NAN : INFINITY;
    assert_int_equal(ask(&m, 1000).verdict, AX_PREDICT_EXHAUST);
    for (size_t i = 0; i < m.n; i++)
        m.left[i] = NAN;
    assert_int_equal(ask(&m, 1000).verdict, AX_PREDICT_ABSTAIN);
    for (size_t i = 0; i < m.n; i++)
        m.left[i] = i % 2 ? -5 : 1.7e308;
    assert_int_not_equal(ask(&m, 1000).verdict, AX_PREDICT_EXHAUST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fast_leak_is_foretold_a_minute_ahead),
        cmocka_unit_test(a_guest_without_a_leak_is_steady),
        cmocka_unit_test(after_an_oom_kill_the_old_trend_is_forgotten),
        cmocka_unit_test(the_second_leak_is_foretold_like_the_first),
        cmocka_unit_test(healthy_load_is_not_called_a_leak),
        cmocka_unit_test(slow_leaks_are_found_with_the_end_inside_the_interval),
        cmocka_unit_test(gaps_do_not_hide_a_leak),
        cmocka_unit_test(old_news_is_no_forecast),
        cmocka_unit_test(too_little_is_an_abstention_with_a_reason),
        cmocka_unit_test(unusable_values_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
