// SPDX-License-Identifier: Apache-2.0
/* Numbers, durations and times are printed and read as Prometheus does. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digits.h"
#include "base/num.h"

static void shows(double v, const char *want)
{
    char out[AX_NUM_TEXT + 1];
    out[ax_num_print(v, out)] = '\0';
    assert_string_equal(out, want);
}

static void numbers_take_the_shortest_form(void **state)
{
    shows(0, "0");
    shows(-0.0, "-0");
    shows(1, "1");
    shows(-2.5, "-2.5");
    shows(0.1, "0.1");
    shows(0.1 + 0.2, "0.30000000000000004");
    shows(123456789.125, "123456789.125");
    shows(1e15, "1000000000000000");
    shows(1e20, "100000000000000000000");
    shows(1e21, "1e+21");
    shows(1.5e-7, "1.5e-07");
    shows(0.000001, "0.000001");
    shows(5e-324, "5e-324");
    shows(1.7976931348623157e308, "1.7976931348623157e+308");
    shows(NAN, "NaN");
    shows(INFINITY, "+Inf");
    shows(-INFINITY, "-Inf");
}

static void every_double_reads_back(void **state)
{
    uint64_t x = 88172645463325252ull;
    for (int i = 0; i < 200000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        double v, back;
        memcpy(&v, &x, sizeof v);
        if (isnan(v))
            continue;
        char out[AX_NUM_TEXT + 1];
        size_t n = ax_num_print(v, out);
        assert_true(n < AX_NUM_TEXT);
        assert_true(ax_str_double((struct ax_str){out, n}, &back));
        assert_memory_equal(&v, &back, sizeof v);
    }
}

/* The digits of printf's shortest text that reads back: it rounds to the closest. */
static int shortest_by_printf(double v, char digits[24])
{
    char text[40];
    for (int prec = 1; prec <= 17; prec++) {
        snprintf(text, sizeof text, "%.*e", prec - 1, v);
        if (strtod(text, NULL) == v)
            break;
    }
    size_t n = 0;
    for (const char *p = text; *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    digits[n] = '\0';
    return (int)strtol(strchr(text, 'e') + 1, NULL, 10) - (int)n + 1;
}

static void same_as_printf(double v)
{
    uint64_t number;
    int exponent, want_exponent;
    char want[24], got[AX_DIGITS_MAX + 1];
    if (!(v > 0) || isinf(v))
        return;
    want_exponent = shortest_by_printf(v, want);
    ax_digits_shortest(v, &number, &exponent);
    got[ax_digits_print(number, got)] = '\0';
    assert_string_equal(got, want);
    assert_int_equal(exponent, want_exponent);
}

static void digits_are_the_shortest_and_closest(void **state)
{
    uint64_t x = 88172645463325252ull;
    for (int i = 0; i < 60000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        double v;
        memcpy(&v, &x, sizeof v);
        same_as_printf(fabs(v));
        same_as_printf((double)(x >> 11) / 3e9);                        /* all digits */
        same_as_printf((double)(x % 100000) / 100);                     /* few */
        same_as_printf(ldexp((double)(x >> 11), (int)(x % 200) - 150)); /* the exact range */
    }
    /* The step below is half as wide: the closest text of a length may not read back, and a farther
     * one does. So these are only read back; their neighbours are plain again. */
    for (int e = -1074; e < 1024; e++) {
        double v = ldexp(1, e);
        uint64_t number;
        int exponent;
        ax_digits_shortest(v, &number, &exponent);
        char text[48];
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)number, exponent);
        assert_true(strtod(text, NULL) == v);
        same_as_printf(nextafter(v, 0));
        same_as_printf(nextafter(v, INFINITY));
    }
    same_as_printf(9007199254740991.0 * 1024);
    same_as_printf(1.7976931348623157e308);
}

/* Numbers that people or meters rounded come back as they were written. */
static void few_decimals_stay_as_written(void **state)
{
    uint64_t x = 88172645463325252ull;
    for (int i = 0; i < 100000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int decimals = 1 + (int)(x % 9);
        char want[48];
        double v = (double)(x % 10000000019) / pow(10, decimals);
        snprintf(want, sizeof want, "%.*f", decimals, v);
        size_t n = strlen(want);
        while (want[n - 1] == '0')
            n--;
        want[want[n - 1] == '.' ? n - 1 : n] = '\0';
        if (v >= 1e-6) /* below that it is written with an exponent */
            shows(v, want);
    }
    shows(999999999.999999, "999999999.999999");
    shows(0.000001, "0.000001");
    shows(0.0000015, "0.0000015");
    shows(-12.34, "-12.34");
}

static void whole_numbers_have_all_their_digits(void **state)
{
    uint64_t x = 88172645463325252ull;
    for (int i = 0; i < 60000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t v = x >> i % 64, edge = 1;
        for (int k = i % 20; k > 0; k--)
            edge *= 10;
        uint64_t of[] = {v, edge, edge - 1};
        for (size_t k = 0; k < AX_ARRAY_LEN(of); k++) {
            char want[24], got[AX_DIGITS_MAX + 1];
            snprintf(want, sizeof want, "%llu", (unsigned long long)of[k]);
            got[ax_digits_print(of[k], got)] = '\0';
            assert_string_equal(got, want);
        }
    }
}

static void times_have_the_decimals_they_need(void **state)
{
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {{0, "0"},
                 {1795314600000, "1795314600"},
                 {1795314600250, "1795314600.25"},
                 {1795314600007, "1795314600.007"},
                 {100, "0.1"},
                 {-1, "-0.001"},
                 {-61000, "-61"},
                 {INT64_MIN, "-9223372036854775.808"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        char out[AX_NUM_TEXT + 1];
        out[ax_seconds_print(cases[i].ms, out)] = '\0';
        assert_string_equal(out, cases[i].want);
    }
}

static int64_t duration(const char *s)
{
    int64_t ms = -1;
    struct ax_err err;
    return ax_duration_parse(ax_str(s), &ms, &err) < 0 ? -1 : ms;
}

static void durations_take_falling_units_once(void **state)
{
    assert_int_equal(duration("5m"), 300000);
    assert_int_equal(duration("1h30m"), 5400000);
    assert_int_equal(duration("100y"), 100 * 365 * 86400000ll);
    assert_int_equal(duration("15ms"), 15);
    assert_int_equal(duration("0"), 0);
    const char *bad[] = {"",     "5",   "m",   "5m5m", "5s1m",
                         "1.5h", "-5m", "5 m", "5M",   "9999999999999y"};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        assert_int_equal(duration(bad[i]), -1);
    char out[AX_NUM_TEXT];
    ax_duration_print(5400000, out);
    assert_string_equal(out, "1h30m");
    ax_duration_print(90000000, out);
    assert_string_equal(out, "1d1h");
}

static void times_are_seconds_or_rfc3339(void **state)
{
    int64_t ms = 0;
    assert_int_equal(ax_time_parse(AX_STR("1795314600.5"), &ms, NULL), 0);
    assert_int_equal(ms, 1795314600500);
    assert_int_equal(ax_time_parse(AX_STR("2026-11-22T02:10:00.25Z"), &ms, NULL), 0);
    assert_int_equal(ms, 1795313400250);
    assert_int_equal(ax_time_parse(AX_STR("2026-11-22T03:10:00+01:00"), &ms, NULL), 0);
    assert_int_equal(ms, 1795313400000);
    const char *bad[] = {"",    "now", "2026-11-22", "2026-13-22T02:10:00Z", "2026-11-22T02:10:00",
                         "NaN", "Inf", "1e30"};
    struct ax_err err;
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        assert_true(ax_time_parse(ax_str(bad[i]), &ms, &err) < 0);
    char out[AX_NUM_TEXT];
    ax_time_print(1795313400250, out);
    assert_string_equal(out, "2026-11-22T02:10:00.250Z");
    ax_time_print(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
    assert_int_equal(ax_time_parse(AX_STR("0226-11-22T02:10:00.123Z"), &ms, &err), 0);
    ax_time_print(ms, out);
    assert_string_equal(out, "0226-11-22T02:10:00.123Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_take_the_shortest_form),
        cmocka_unit_test(every_double_reads_back),
        cmocka_unit_test(digits_are_the_shortest_and_closest),
        cmocka_unit_test(few_decimals_stay_as_written),
        cmocka_unit_test(whole_numbers_have_all_their_digits),
        cmocka_unit_test(times_have_the_decimals_they_need),
        cmocka_unit_test(durations_take_falling_units_once),
        cmocka_unit_test(times_are_seconds_or_rfc3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
