// SPDX-License-Identifier: Apache-2.0
/* Words for people: amounts, spans of time, near misses, and where a query is wrong. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/inner.h"

static char text[AX_TEXT];

static void a_mistyped_word_finds_what_was_meant(void **state)
{
    const char *const names[] = {"resources", "status", "query", "predict", "top", "run"};
    const size_t n = AX_ARRAY_LEN(names);
    assert_string_equal(ax_suggest("qurey", names, n), "query");
    assert_string_equal(ax_suggest("resorces", names, n), "resources");
    assert_string_equal(ax_suggest("res", names, n), "resources");
    assert_string_equal(ax_suggest("tpo", names, n), "top");
    assert_string_equal(ax_suggest("statuss", names, n), "status");
    assert_null(ax_suggest("banana", names, n));
    assert_null(ax_suggest("x", names, n));
    assert_null(ax_suggest("averyveryveryverylongwordthatnobodymeant", names, n));
}

static void amounts_take_the_unit_that_fits(void **state)
{
    assert_string_equal(ax_text_bytes(0, text), "0 B");
    assert_string_equal(ax_text_bytes(1023, text), "1023 B");
    assert_string_equal(ax_text_bytes(1024, text), "1.0 KiB");
    assert_string_equal(ax_text_bytes(536870912, text), "512 MiB");
    assert_string_equal(ax_text_bytes(1610612736, text), "1.5 GiB");
    assert_string_equal(ax_text_bytes(NAN, text), "-");
}

static void spans_take_the_unit_that_fits(void **state)
{
    assert_string_equal(ax_text_seconds(0.25, text), "250 ms");
    assert_string_equal(ax_text_seconds(40, text), "40 s");
    assert_string_equal(ax_text_seconds(119, text), "119 s");
    assert_string_equal(ax_text_seconds(720, text), "12 min");
    assert_string_equal(ax_text_seconds(3 * 3600 + 59, text), "3 h");
    assert_string_equal(ax_text_seconds(5 * 86400, text), "5 d");
    assert_string_equal(ax_text_ago(10000000, 10000000 - 7200000, text), "2 h ago");
    assert_string_equal(ax_text_ago(10000000, 10000000, text), "now");
    assert_string_equal(ax_text_ago(10000000, 0, text), "-");
    assert_string_equal(ax_text_ago(10000000, 10030000, text), "in 30 s");
}

static void a_forecast_is_told_as_a_range(void **state)
{
    assert_string_equal(ax_text_within(480, 600, 830, text), "in 8-14 min, likely 10");
    assert_string_equal(ax_text_within(20, 31, 55, text), "in 20-55 s, likely 31");
    assert_string_equal(ax_text_within(3 * 86400, 4 * 86400, 9 * 86400, text),
                        "in 3-9 d, likely 4");
    assert_string_equal(ax_text_within(-10, 300, 600, text), "within 10 min, likely 5");
    assert_string_equal(ax_text_within(-60, -30, -5, text), "any moment");
    assert_string_equal(ax_text_within(480, NAN, NAN, text), "in over 8 min");
    assert_string_equal(ax_text_within(480, 600, NAN, text), "in over 8 min, likely 10");
    assert_string_equal(ax_text_within(NAN, NAN, NAN, text), "-");
}

static void a_spark_spans_from_least_to_most(void **state)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_text_spark((const double[]){0, 7, NAN, 3.5}, 4, &b);
    assert_string_equal(b.p, "\u2581\u2588 \u2584");
    ax_buf_clear(&b);
    ax_text_spark((const double[]){5, 5}, 2, &b);
    assert_string_equal(b.p, "\u2584\u2584");
}

static void caret_under(const char *query, const char *error, const char *want)
{
    char *got = NULL;
    size_t n;
    FILE *out = open_memstream(&got, &n);
    ax_show_caret(out, query, error);
    fclose(out);
    assert_string_equal(got, want);
    free(got);
}

static void a_caret_points_at_the_fault_of_a_query(void **state)
{
    caret_under("sum(up", "1:7: parse error: unclosed left parenthesis",
                "    sum(up\n          ^\n");
    caret_under("up +\n)", "invalid parameter \"query\": 2:1: parse error: unexpected \")\"",
                "    )\n    ^\n");
    caret_under("up{a=\"\u00e4\"} )", "1:11: parse error: unexpected",
                "    up{a=\"\u00e4\"} )\n"
                "             ^\n");
    caret_under("up", "query timed out", "");
    caret_under("up", "9:1: parse error: x", "");
    caret_under("up", "1:99999999999999999999: parse error: x", "");
    caret_under("up", ": parse error: x", "");
}

static void is_put(void (*put)(FILE *out, struct ax_str s), const char *s, const char *wanted)
{
    char *got = NULL;
    size_t n;
    FILE *out = open_memstream(&got, &n);
    put(out, ax_str(s));
    fclose(out);
    assert_string_equal(got, wanted);
    free(got);
}

static void control_characters_never_reach_the_terminal(void **state)
{
    is_put(ax_put_str, "a\033[2Jb\n\177", "a?[2Jb??");
    is_put(ax_put_str,
           "\xc2\x9b"
           "2J \xc2\x80 \xc2\x9f \xc2\xa0",
           "?2J ? ? \xc2\xa0");
    is_put(ax_put_str,
           "\x9b"
           "2J\xff\xc2",
           "?2J??");
    is_put(ax_put_str, "\xe2\x80\xaa\xe2\x80\xae \xe2\x81\xa6\xe2\x81\xa9 \xe2\x80\xa8\xe2\x80\xa9",
           "?? ?? ??");
    is_put(ax_put_str, "gr\xc3\xb6\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa6",
           "gr\xc3\xb6\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa6");
    is_put(ax_put_str, "\xc1\x9b \xed\xa0\x80 \xe0\x82\x9b", "?? ??? ???");
    is_put(ax_put_lines, "a\nb\033\n", "a\nb?\n");
}

static void of_json_the_text_stays_the_same(void **state)
{
    is_put(ax_put_json, "{\n\t\"a\": \"\xc3\xb6\xc2\x9b\xe2\x80\xae\177\"}",
           "{\n\t\"a\": \"\xc3\xb6\\u009b\\u202e\\u007f\"}");
    is_put(ax_put_json_line, "[]", "[]\n");
}

static void a_table_shows_none_either(void **state)
{
    const struct ax_column columns[] = {{"NAME", AX_LEFT}};
    char *got = NULL;
    size_t n;
    FILE *out = open_memstream(&got, &n);
    struct ax_table *t = ax_table_new(out, columns, 1);
    ax_table_cell(t, "a\033b\xc2\x9b"
                     "c\xe2\x80\xae"
                     "d");
    ax_table_free(t);
    fclose(out);
    assert_string_equal(got, "NAME\na?b?c?d\n");
    free(got);
}

static void paths_escape_what_a_person_typed(void **state)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    ax_buf_cstr(&path, "/q");
    ax_path_add(&path, "query", "a{b=\"c d\"}&x=1+2");
    ax_path_add(&path, "time", NULL);
    ax_path_add(&path, "handle", "vm:5c1e");
    assert_string_equal(ax_path_end(&path),
                        "/q?query=a%7Bb%3D%22c%20d%22%7D%26x%3D1%2B2&handle=vm:5c1e");
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistyped_word_finds_what_was_meant),
        cmocka_unit_test(amounts_take_the_unit_that_fits),
        cmocka_unit_test(spans_take_the_unit_that_fits),
        cmocka_unit_test(a_forecast_is_told_as_a_range),
        cmocka_unit_test(a_spark_spans_from_least_to_most),
        cmocka_unit_test(a_caret_points_at_the_fault_of_a_query),
        cmocka_unit_test(control_characters_never_reach_the_terminal),
        cmocka_unit_test(of_json_the_text_stays_the_same),
        cmocka_unit_test(a_table_shows_none_either),
        cmocka_unit_test(paths_escape_what_a_person_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
