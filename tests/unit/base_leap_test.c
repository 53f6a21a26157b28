// SPDX-License-Identifier: Apache-2.0
/* A clock that leapt ahead is not believed for an hour; one that went back again was never. */
#include "base/leap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MINUTE 60000ll
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define T0     1790000000000

static void a_steady_clock_is_believed(void **state)
{
    struct ax_leap l = {0};
    for (int64_t t = T0; t < T0 + DAY; t += 59 * MINUTE)
        assert_true(ax_leap_is_over(&l, t));
}

static void after_a_leap_an_hour_must_pass(void **state)
{
    struct ax_leap l = {0};
    assert_true(ax_leap_is_over(&l, T0));
    for (int64_t t = T0 + 40 * DAY; t < T0 + 40 * DAY + HOUR; t += MINUTE)
        assert_false(ax_leap_is_over(&l, t));
    assert_true(ax_leap_is_over(&l, T0 + 40 * DAY + HOUR));
    assert_true(ax_leap_is_over(&l, T0 + 40 * DAY + HOUR + MINUTE));
}

static void what_is_known_counts_from_the_start(void **state)
{
    struct ax_leap l = {.seen = T0};
    assert_false(ax_leap_is_over(&l, T0 + 2 * HOUR));
    assert_false(ax_leap_is_over(&l, T0 + 2 * HOUR + 30 * MINUTE));
    assert_true(ax_leap_is_over(&l, T0 + 3 * HOUR));
}

static void back_again_is_as_if_nothing_was(void **state)
{
    struct ax_leap l = {0};
    assert_true(ax_leap_is_over(&l, T0));
    assert_false(ax_leap_is_over(&l, T0 + DAY));
    assert_true(ax_leap_is_over(&l, T0 + MINUTE));
    assert_false(ax_leap_is_over(&l, T0 + DAY)); /* a second leap is one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_clock_is_believed),
        cmocka_unit_test(after_a_leap_an_hour_must_pass),
        cmocka_unit_test(what_is_known_counts_from_the_start),
        cmocka_unit_test(back_again_is_as_if_nothing_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
