// SPDX-License-Identifier: Apache-2.0
/* Alarm expressions: what is understood, and how what is not is answered. */
#include "alarm/stream/expression.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void understands(const char *text, const char *canonical)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_expression e;
    struct ax_err err = {0};
    struct ax_buf out = AX_BUF_INIT;
    if (ax_expression_parse(ax_str(text), &a, &e, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    ax_expression_print(&e, &out);
    ax_buf_byte(&out, 0);
    assert_string_equal(out.p, canonical);
    ax_buf_free(&out);
    ax_arena_free(&a);
}

static void refuses(const char *text, const char *why)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_expression e;
    struct ax_err err = {0};
    if (ax_expression_parse(ax_str(text), &a, &e, &err) == 0)
        fail_msg("%s: was taken", text);
    assert_string_equal(err.text, why);
    ax_arena_free(&a);
}

static void defaults_are_said(void **state)
{
    understands("max(cpu)>5", "max(cpu,60) > 5");
    understands("cpu.idle_perc < 10", "min(cpu.idle_perc,60) < 10");
    understands("cpu>=1", "max(cpu,60) >= 1");
    understands("cpu <= 1", "min(cpu,60) <= 1");
    understands("cpu > 1", "max(cpu,60) > 1");
    understands("cpu{} lt 1", "min(cpu,60) < 1");
    understands("LAST(x) gte -1.50", "last(x,60) >= -1.50");
    understands("x,120 > 1 times 2", "max(x,120) > 1 times 2");
}

static void functions_options_and_operators(void **state)
{
    understands("avg(cpu.user_perc{hostname=devstack}, 300) > 90 times 3",
                "avg(cpu.user_perc{hostname=devstack},300) > 90 times 3");
    understands("count(log.error{path=/var/log/x},deterministic) GT 1",
                "count(log.error{path=/var/log/x},deterministic,60) > 1");
    understands("Sum(a{c=d,a=b}, deterministic, 120) lte 3 TIMES 1",
                "sum(a{a=b,c=d},deterministic,120) <= 3");
    understands("min( a { k = v w , k2=v2 } , 60 ) lt 0", "min(a{k=v w,k2=v2},60) < 0");
}

static void names_have_nearly_all_characters(void **state)
{
    understands("max(-_.#!$%&'*+/:;?@[\\]^`|~{a|b=c&d}) > 1",
                "max(-_.#!$%&'*+/:;?@[\\]^`|~{a|b=c&d},60) > 1");
    understands("max(cpu.\xc3\xa4{\xe5\x90\x8d=\xe5\x80\xa4}) > 1",
                "max(cpu.\xc3\xa4{\xe5\x90\x8d=\xe5\x80\xa4},60) > 1");
    understands("max > 1", "max(max,60) > 1");
    understands("max(max) > 1", "max(max,60) > 1");
}

static void and_binds_more_than_or(void **state)
{
    understands("a>1 or b>2 and c>3", "max(a,60) > 1 or max(b,60) > 2 and max(c,60) > 3");
    understands("(a>1 || b>2) && c>3", "(max(a,60) > 1 or max(b,60) > 2) and max(c,60) > 3");
    understands("a>1 AND (b>2 And c>3)", "max(a,60) > 1 and (max(b,60) > 2 and max(c,60) > 3)");
    understands("((a>1))", "max(a,60) > 1");
    understands("a>1&&b>2||c>3", "max(a,60) > 1 and max(b,60) > 2 or max(c,60) > 3");
    understands("a > 1 and(b > 2)", "max(a,60) > 1 and max(b,60) > 2");
}

static void outcomes_combine(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_expression e;
    assert_int_equal(ax_expression_parse(AX_STR("a>1 or b>2 and c>3"), &a, &e, NULL), 0);
    for (unsigned bits = 0; bits < 8; bits++)
        assert_int_equal(ax_expression_holds(&e, bits), (bits & 1) || ((bits & 2) && (bits & 4)));
    assert_int_equal(ax_expression_parse(AX_STR("(a>1 or b>2) and c>3"), &a, &e, NULL), 0);
    for (unsigned bits = 0; bits < 8; bits++)
        assert_int_equal(ax_expression_holds(&e, bits), (bits & 3) && (bits & 4));
    ax_arena_free(&a);
}

static void deterministic_only_when_all_are(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_expression e;
    assert_int_equal(ax_expression_parse(AX_STR("max(a,deterministic)>1 and b>2"), &a, &e, NULL),
                     0);
    assert_true(e.subs[0].deterministic && !e.subs[1].deterministic && !e.deterministic);
    assert_int_equal(ax_expression_parse(AX_STR("max(a,deterministic)>1"), &a, &e, NULL), 0);
    assert_true(e.deterministic);
    ax_arena_free(&a);
}

static void faults_have_their_place(void **state)
{
    static const char period[] = "a period: a multiple of 60 seconds, at most 7 days";
    static const char threshold[] =
        "a threshold: digits, at most 64, with an optional - and fraction";
    char why[300];
    refuses("", "at character 1: the expression ends, expected a function, a metric or (");
    refuses("max(cpu", "at character 8: the expression ends, expected { or , or )");
    refuses("max(cpu) > ", "at character 12: the expression ends, expected a threshold: digits, at "
                           "most 64, with an optional - and fraction");
    refuses("avg(cpu{a}) > 1", "at character 10: found \"}) > 1\", expected =");
    refuses("avg(cpu{a=}) > 1", "at character 11: found \"}) > 1\", expected the value of a "
                                "dimension");
    refuses("avg(cpu{a=b,a=c}) > 1", "at character 8: found \"{a=b,a=c}) > 1\", expected each "
                                     "dimension once");
    refuses("mean(cpu) > 1", "at character 1: found \"mean(cpu) > 1\", expected a function: max, "
                             "min, avg, count, sum or last");
    refuses("max(cpu) = 1", "at character 10: found \"= 1\", expected one of < > <= >= lt gt lte "
                            "gte");
    snprintf(why, sizeof why, "at character 9: found \"61) > 1\", expected %s", period);
    refuses("max(cpu,61) > 1", why);
    snprintf(why, sizeof why, "at character 9: found \"0) > 1\", expected %s", period);
    refuses("max(cpu,0) > 1", why);
    refuses("max(cpu,60,deterministic) > 1",
            "at character 11: found \",deterministic) > 1\", expected { or , or )");
    for (size_t i = 0; i < 5; i++) {
        static const char *const bad[] = {"1e5", "+1", ".5", "5.", "x"};
        char text[40];
        snprintf(text, sizeof text, "max(cpu) > %s", bad[i]);
        snprintf(why, sizeof why, "at character 12: found \"%s\", expected %s", bad[i], threshold);
        refuses(text, why);
    }
    refuses("a > 1 times 0", "at character 13: found \"0\", expected how many times: 1 to 1440");
    refuses("a > 1 b > 2", "at character 7: found \"b > 2\", expected and, or, times or the end");
    refuses("(a > 1", "at character 7: the expression ends, expected and, or, times or )");
    refuses("a > 1 and",
            "at character 10: the expression ends, expected a function, a metric or (");
    refuses("a\x01 > 1", "at character 2: found \"\x01 > 1\", expected one of < > <= >= lt gt lte "
                         "gte");
    refuses("max(\xff) > 1", "the expression is not UTF-8");
}

static void sizes_are_bounded(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_expression e;
    struct ax_err err = {0};
    struct ax_buf text = AX_BUF_INIT;
    for (int i = 0; i < 65; i++)
        ax_buf_printf(&text, "%sa>%d", i ? " and " : "", i);
    assert_int_not_equal(ax_expression_parse(ax_buf_view(&text), &a, &e, &err), 0);
    assert_non_null(strstr(err.text, "no more than 64 sub-expressions"));
    ax_buf_clear(&text);
    for (int i = 0; i < 1000; i++)
        ax_buf_byte(&text, '(');
    assert_int_not_equal(ax_expression_parse(ax_buf_view(&text), &a, &e, &err), 0);
    assert_non_null(strstr(err.text, "no deeper nesting than 32"));
    ax_buf_clear(&text);
    for (int i = 0; i < 256; i++)
        ax_buf_byte(&text, 'a');
    ax_buf_cstr(&text, " > 1");
    assert_int_not_equal(ax_expression_parse(ax_buf_view(&text), &a, &e, &err), 0);
    assert_non_null(strstr(err.text, "at most 255 characters"));
    assert_int_not_equal(ax_expression_parse(AX_STR("max(a,86400) > 1 times 8"), &a, &e, &err), 0);
    assert_non_null(strstr(err.text, "period x times of at most 7 days"));
    ax_buf_free(&text);
    ax_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_said),
        cmocka_unit_test(functions_options_and_operators),
        cmocka_unit_test(names_have_nearly_all_characters),
        cmocka_unit_test(and_binds_more_than_or),
        cmocka_unit_test(outcomes_combine),
        cmocka_unit_test(deterministic_only_when_all_are),
        cmocka_unit_test(faults_have_their_place),
        cmocka_unit_test(sizes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
