// SPDX-License-Identifier: Apache-2.0
/* A recorded guest, replayed tick by tick: silence, then its end foretold in time, then silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "predict/predict.h"

#define CAPACITY (121.0 * 1024 * 1024)
#define ONSET    1795318461000ll
#define KILL     1795318656000ll
#define SEEN     3000 /* after the kill until a sample shows it */
#define TICK     10000
#define LEAD     75000 /* at least, whichever the phase of the ticks */
#define MOST     500

static int64_t t[MOST];
static double left[MOST];
static size_t n;

static int load(void **state)
{
    char path[512], line[128], *end;
    snprintf(path, sizeof path, "%s/predict/leaking_guest.txt", getenv("FIXTURES"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#')
            continue;
        assert_true(n < MOST);
        t[n] = strtoll(line, &end, 10);
        left[n++] = strtod(end, NULL);
    }
    fclose(f);
    assert_true(n > 100);
    return 0;
}

static struct ax_prediction ask(int64_t now)
{
    struct ax_arena a = AX_ARENA_INIT;
    size_t k = 0;
    while (k < n && t[k] <= now)
        k++;
    struct ax_forecast_input in = {t, left, k, CAPACITY, now};
    struct ax_prediction p = {0};
    ax_forecast(&in, &a, &p);
    ax_arena_free(&a);
    return p;
}

/* The time of the second positive in a row: then it is told. 0 when there is none before `until`.
 */
static int64_t told_at(int64_t from, int64_t until)
{
    int hits = 0;
    for (int64_t now = from; now < until; now += TICK) {
        hits = ask(now).verdict == AX_PREDICT_EXHAUST ? hits + 1 : 0;
        if (hits == 2)
            return now;
    }
    return 0;
}

static void nothing_is_told_before_the_leak_begins(void **state)
{
    for (int64_t now = t[0]; now < ONSET; now += 1000)
        assert_int_not_equal(ask(now).verdict, AX_PREDICT_EXHAUST);
}

static void the_kill_is_foretold_in_time_whatever_the_phase_of_the_ticks(void **state)
{
    for (int64_t phase = 0; phase < TICK; phase += 1000) {
        int64_t told = told_at(t[0] + phase, KILL);
        if (!told || KILL - told < LEAD)
            fail_msg("phase %lld ms: told %lld ms before the kill", (long long)phase,
                     told ? (long long)(KILL - told) : 0);
    }
}

static void once_told_it_is_not_doubted_and_the_interval_holds_the_end(void **state)
{
    for (int64_t now = KILL - LEAD; now < KILL; now += 1000) {
        struct ax_prediction p = ask(now);
        double truth = (double)(KILL - now) / 1000;
        if (p.verdict != AX_PREDICT_EXHAUST || truth > p.seconds[2])
            fail_msg("%g s before the kill", truth);
    }
}

static void after_the_kill_it_is_over(void **state)
{
    for (int64_t now = KILL + SEEN; now <= t[n - 1]; now += 1000)
        assert_int_not_equal(ask(now).verdict, AX_PREDICT_EXHAUST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_told_before_the_leak_begins),
        cmocka_unit_test(the_kill_is_foretold_in_time_whatever_the_phase_of_the_ticks),
        cmocka_unit_test(once_told_it_is_not_doubted_and_the_interval_holds_the_end),
        cmocka_unit_test(after_the_kill_it_is_over),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
