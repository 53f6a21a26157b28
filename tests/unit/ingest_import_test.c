// SPDX-License-Identifier: Apache-2.0
/* Text in lines: values exact, bad lines told by number, their neighbours kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/ingest.h"

#include <errno.h>
#include <stdio.h>

#define NOW 1795314600000

static struct ax_arena arena;
static struct ax_intake *in;
static struct ax_decoding d;
static struct ax_batch batch;
static struct ax_err err;

static int begin(void **state)
{
    in = ax_intake_new(&(struct ax_intake_options){0});
    return 0;
}

static int end(void **state)
{
    ax_intake_free(in);
    ax_arena_free(&arena);
    return 0;
}

static void read_as(enum ax_import_format format, const struct ax_csv *csv, const char *text)
{
    struct ax_import im = {format, csv, NOW, 1, ax_str(text)};
    struct ax_walk walk;
    batch = (struct ax_batch){.arena = &arena};
    d = (struct ax_decoding){.tenant = AX_STR("t"), .walk = &walk, .out = &batch};
    err.text[0] = 0;
    ax_walk_begin(&walk, in, AX_STR("t"));
    ax_import_next(&im, &d, &err);
    ax_walk_end(&walk);
    assert_int_equal(im.rest.n, 0);
}

static void check_series(size_t i, const char *text)
{
    struct ax_buf out = AX_BUF_INIT;
    assert_true(i < batch.n);
    ax_labels_print(batch.v[i].labels, &out);
    if (!ax_str_eq(ax_buf_view(&out), ax_str(text)))
        fail_msg("series %zu is %.*s instead of %s", i, AX_STR_ARG(out), text);
    ax_buf_free(&out);
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void check_sample(size_t i, size_t k, int64_t t, uint64_t bits)
{
    assert_true(i < batch.n && k < batch.v[i].n);
    assert_int_equal(batch.v[i].samples[k].t, t);
    assert_int_equal(bits_of(batch.v[i].samples[k].v), bits);
}

static void prometheus_text_is_read_with_all_its_freedom(void **state)
{
    read_as(AX_IMPORT_PROMETHEUS, NULL,
            "# HELP up x\n# TYPE up gauge\n\nup 1\r\n"
            "  up{ a = \"q\\\"b\\\\n\\n\" , } -0 1000\n"
            "up{a=\"x\"}\t0x10\t-5\n"
            "up {a=\"y\"} NaN 1.5 # {trace=\"1\"} 3 4\n"
            "z:y 1e300");
    assert_int_equal(d.bad, 0);
    assert_int_equal(d.exemplars, 1);
    assert_int_equal(batch.n, 5);
    check_series(0, "up");
    check_series(1, "up{a=\"q\\\"b\\\\n\\n\"}");
    check_sample(0, 0, NOW, bits_of(1));
    check_sample(1, 0, 1000, 0x8000000000000000u);
    check_sample(2, 0, -5, bits_of(16));
    check_sample(3, 0, 1500, AX_NAN_BITS);
    check_sample(4, 0, NOW, bits_of(1e300));
}

static void openmetrics_counts_in_seconds(void **state)
{
    read_as(AX_IMPORT_OPENMETRICS, NULL,
            "a_total 1 1795314600.123\na_total 2 1795314601\na_total{} 3 1e3\n# EOF\n");
    assert_int_equal(d.bad, 0);
    check_sample(0, 0, 1795314600123, bits_of(1));
    check_sample(0, 1, 1795314601000, bits_of(2));
    check_sample(1, 0, 1000000, bits_of(3));
}

/* Lines of one series become one run, also of a series that is not known yet. */
static void lines_of_one_series_are_one_run(void **state)
{
    struct ax_buf text = AX_BUF_INIT;
    for (int i = 0; i < 5000; i++)
        ax_buf_printf(&text, "run{n=\"%d\"} %d %d\n", i / 2500, i, i);
    ax_buf_cstr(&text, "run 1 7\nrun {n=\"0\"} 2 7\nrunner 3 7\n");
    ax_buf_byte(&text, 0);
    read_as(AX_IMPORT_PROMETHEUS, NULL, text.p);
    assert_int_equal(d.bad, 0);
    assert_int_equal(batch.samples, 5003);
    assert_true(batch.n < 20); /* a few more where a piece of memory ended */
    size_t seen = 0;
    for (size_t i = 0; i < batch.n; i++)
        for (size_t k = 0; k < batch.v[i].n && seen < 5000; k++, seen++)
            assert_int_equal(batch.v[i].samples[k].t, seen);
    check_series(batch.n - 3, "run");
    check_series(batch.n - 2, "run{n=\"0\"}");
    check_series(batch.n - 1, "runner");
    ax_buf_free(&text);
}

static void json_lines_carry_every_value(void **state)
{
    static const uint64_t wanted[] = {0x3ff0000000000000, AX_STALE_BITS,      0x7ff0000000000000,
                                      0xfff0000000000000, AX_NAN_BITS,        0x7ff8000000000000,
                                      0x8000000000000000, 0x0000000000000001, 0x7fefffffffffffff,
                                      0x3fb999999999999a, 0x7ff0000000000000, 0x4024000000000000};
    read_as(AX_IMPORT_JSONL, NULL,
            "{\"other\":[{\"a\":[]},\"x\",null],\"timestamps\":[1,2,3,4,5,6,7,8,9,10,11,12e0] ,\n");
    assert_int_equal(d.bad, 1);
    read_as(AX_IMPORT_JSONL, NULL,
            "{\"other\":[{\"a\":[]},\"x\",null],\"timestamps\":[1,2,3,4,5,6,7,8,9,10,11,12e0],"
            "\"values\":[1,null,\"Infinity\",\"-Infinity\",\"NaN\",\"NaN:7ff8000000000000\",-0,"
            "5e-324,1.7976931348623157e308,0.1,+Inf,\"10\"], \"metric\" : "
            "{\"__name__\":\"j\",\"h\":\"\\u00e9\\ud83d\\ude00\\n\\\"\"}}\n");
    assert_int_equal(d.bad, 0);
    assert_int_equal(batch.n, 1);
    check_series(0, "j{h=\"\u00e9\U0001F600\\n\\\"\"}");
    assert_int_equal(batch.v[0].n, AX_ARRAY_LEN(wanted));
    for (size_t i = 0; i < AX_ARRAY_LEN(wanted); i++)
        check_sample(0, i, (int64_t)i + 1, wanted[i]);
}

static void csv_has_labels_metrics_and_a_time(void **state)
{
    struct ax_csv csv;
    assert_int_equal(
        ax_csv_parse(AX_STR("1:label:vm,3:metric:cpu,4:metric:mem,5:time:unix_ns"), &csv, NULL), 0);
    read_as(AX_IMPORT_CSV, &csv,
            "web1,ignored,0.5,7,1795314600123999999\n"
            "\"a,\"\"b\"\"\",,,8,-1\n"
            ",x,1,,0,more\n");
    assert_int_equal(d.bad, 0);
    assert_int_equal(batch.n, 4);
    check_series(0, "cpu{vm=\"web1\"}");
    check_series(1, "mem{vm=\"web1\"}");
    check_series(2, "mem{vm=\"a,\\\"b\\\"\"}");
    check_series(3, "cpu");
    check_sample(0, 0, 1795314600123, bits_of(0.5));
    check_sample(2, 0, -1, bits_of(8));
}

static void bad_columns_are_named(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {{"", "no metric column"},
                 {"1:label:a", "no metric column"},
                 {"1:metric:a,1:label:b", "named twice: \"1:label:b\""},
                 {"0:metric:a", "from 1 to"},
                 {"999:metric:a", "from 1 to"},
                 {"1:metric:a,2:time:unix", "found \"unix\""},
                 {"1:metric:a,2:time:unix_s,3:time:unix_s", "more than one time"},
                 {"1:metric:a b", "no valid name"},
                 {"1:column:a", "found \"column\""},
                 {"metric:a", "expected COLUMN"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        struct ax_csv csv;
        assert_int_equal(ax_csv_parse(ax_str(cases[i].text), &csv, &err), -EINVAL);
        if (!strstr(err.text, cases[i].why))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, err.text, cases[i].why);
    }
}

static void bad_lines_are_told_and_their_neighbours_kept(void **state)
{
    static const struct {
        enum ax_import_format format;
        const char *line, *why;
    } cases[] = {
        {AX_IMPORT_PROMETHEUS, "up", "expected a value, found \"\""},
        {AX_IMPORT_PROMETHEUS, "up x", "found \"x\""},
        {AX_IMPORT_PROMETHEUS, "up 1 x", "expected a time in ms"},
        {AX_IMPORT_PROMETHEUS, "up 1 2 3", "expected the end of the line"},
        {AX_IMPORT_PROMETHEUS, "1up 1", "the name of a metric"},
        {AX_IMPORT_PROMETHEUS, "up{a=b} 1", "in quotes for label \"a\""},
        {AX_IMPORT_PROMETHEUS, "up{a=\"b} 1", "in quotes for label"},
        {AX_IMPORT_PROMETHEUS, "up{a=\"b\"", "expected , or }"},
        {AX_IMPORT_PROMETHEUS, "up{a=\"b\",a=\"c\"} 1", "label a is given twice"},
        {AX_IMPORT_PROMETHEUS, "up{__tenant__=\"b\"} 1", "reserved"},
        {AX_IMPORT_PROMETHEUS, "up{a=\"\xff\"} 1", "UTF-8"},
        {AX_IMPORT_OPENMETRICS, "up 1 now", "expected a time in seconds"},
        {AX_IMPORT_JSONL, "[]", "expected an object"},
        {AX_IMPORT_JSONL, "{\"metric\":{}}", "expected the members"},
        {AX_IMPORT_JSONL, "{\"metric\":{\"__name__\":\"a\"},\"values\":[1],\"timestamps\":[]}",
         "not of one length"},
        {AX_IMPORT_JSONL, "{\"metric\":{\"__name__\":\"a\"},\"values\":[],\"timestamps\":[1]}",
         "not of one length"},
        {AX_IMPORT_JSONL, "{\"metric\":{\"__name__\":\"a\"},\"values\":[x],\"timestamps\":[1]}",
         "expected a value, found \"x\""},
        {AX_IMPORT_JSONL, "{\"metric\":{\"__name__\":\"a\"},\"values\":[1],\"timestamps\":[1.5]}",
         "whole ms"},
        {AX_IMPORT_JSONL, "{\"metric\":{\"__name__\":1}}", "expected a string"},
        {AX_IMPORT_JSONL, "{\"metric\":{\"__name__\":\"\\ud800\"}}", "broken escape"},
        {AX_IMPORT_JSONL, "{\"values\":[1],\"values\":[1]}", "two of member \"values\""},
        {AX_IMPORT_JSONL, "{} x", "the end of the line"},
        {AX_IMPORT_JSONL, "{\"a\":[[[", "the end of the line"},
        {AX_IMPORT_CSV, "a,b,1", "expected a value, found \"b\""},
        {AX_IMPORT_CSV, "a,1,b", "expected a time, found \"b\""},
        {AX_IMPORT_CSV, "a,1", "3 columns at least, found 2"},
        {AX_IMPORT_CSV, "\"a\"b,1,1", "a quote where none belongs"},
        {AX_IMPORT_CSV, "\"a,1,1", "a quote where none belongs"},
    };
    static const char *const good[] = {"up 1 1", "up 1 1",
                                       "{\"metric\":{\"__name__\":\"up\"},\"values\":[1],"
                                       "\"timestamps\":[1]}",
                                       "a,1,1"};
    struct ax_csv csv;
    assert_int_equal(ax_csv_parse(AX_STR("1:label:l,2:metric:up,3:time:unix_s"), &csv, NULL), 0);
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        char text[600];
        const char *neighbour = good[cases[i].format];
        snprintf(text, sizeof text, "%s\n%s\n%s\n", neighbour, cases[i].line, neighbour);
        read_as(cases[i].format, &csv, text);
        assert_int_equal(d.bad, 1);
        assert_int_equal(batch.samples, 2);
        if (!strstr(err.text, cases[i].why) || strncmp(err.text, "line 2: ", 8) != 0)
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].line, err.text, cases[i].why);
    }
}

static void long_texts_come_in_batches(void **state)
{
    struct ax_buf text = AX_BUF_INIT;
    for (int i = 0; i < 200000; i++)
        ax_buf_printf(&text, "a %d %d\n", i, i);
    struct ax_import im = {AX_IMPORT_PROMETHEUS, NULL, NOW, 1, ax_buf_view(&text)};
    struct ax_arena a = AX_ARENA_INIT;
    size_t samples = 0, batches = 0;
    while (im.rest.n) {
        struct ax_walk walk;
        struct ax_batch b = {.arena = &a};
        struct ax_decoding x = {.tenant = AX_STR("t"), .walk = &walk, .out = &b};
        ax_walk_begin(&walk, in, AX_STR("t"));
        ax_import_next(&im, &x, &err);
        ax_walk_end(&walk);
        assert_true(b.samples > 0 && a.used < 32 << 20);
        samples += b.samples;
        batches++;
        ax_arena_reset(&a);
    }
    assert_int_equal(samples, 200000);
    assert_true(batches >= 3);
    assert_int_equal(im.line, 200001);
    ax_arena_free(&a);
    ax_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prometheus_text_is_read_with_all_its_freedom),
        cmocka_unit_test(openmetrics_counts_in_seconds),
        cmocka_unit_test(lines_of_one_series_are_one_run),
        cmocka_unit_test(json_lines_carry_every_value),
        cmocka_unit_test(csv_has_labels_metrics_and_a_time),
        cmocka_unit_test(bad_columns_are_named),
        cmocka_unit_test(bad_lines_are_told_and_their_neighbours_kept),
        cmocka_unit_test(long_texts_come_in_batches),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
