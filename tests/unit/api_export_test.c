// SPDX-License-Identifier: Apache-2.0
/* What export writes, sample by sample; and the memory that bodies may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/export.h"
#include "api/inner.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>

static struct ax_arena arena;
static struct ax_buf out;

static int reset(void **state)
{
    ax_arena_free(&arena);
    ax_buf_free(&out);
    return 0;
}

static double of_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* temp{host="a,\"b\"\n"} with the values that are hard to write. */
static struct ax_series series(void)
{
    static const int64_t t[] = {-1500,        0, 1795314600123, 1795314601000, 1795314602000,
                                1795314603000};
    static double v[6];
    struct ax_labels_builder b = {0};
    struct ax_series s = {.t = t, .v = v, .n = 6};
    v[0] = -0.0;
    v[1] = 0.1;
    v[2] = of_bits(AX_STALE_BITS);
    v[3] = of_bits(AX_NAN_BITS);
    v[4] = of_bits(0x7ff8000000000000);
    v[5] = -INFINITY;
    ax_labels_add(&b, AX_STR("__name__"), AX_STR("temp"));
    ax_labels_add(&b, AX_STR("host"), AX_STR("a,\"b\"\n"));
    assert_int_equal(ax_labels_finish(&b, &arena, &s.labels, NULL), 0);
    return s;
}

static void check(const char *wanted)
{
    if (!ax_str_eq(ax_buf_view(&out), ax_str(wanted)))
        fail_msg("wrote %.*s instead of %s", AX_STR_ARG(out), wanted);
}

static void json_lines_lose_nothing(void **state)
{
    struct ax_series s = series();
    ax_export_write(AX_EXPORT_JSONL, NULL, &s, 0, 6, &out);
    check("{\"metric\":{\"__name__\":\"temp\",\"host\":\"a,\\\"b\\\"\\n\"},\"values\":[-0,0.1,null,"
          "\"NaN\",\"NaN:7ff8000000000000\",\"-Infinity\"],\"timestamps\":[-1500,0,1795314600123,"
          "1795314601000,1795314602000,1795314603000]}\n");
    ax_buf_clear(&out);
    ax_export_write(AX_EXPORT_JSONL, NULL, &s, 1, 2, &out);
    check("{\"metric\":{\"__name__\":\"temp\",\"host\":\"a,\\\"b\\\"\\n\"},\"values\":[0.1],"
          "\"timestamps\":[0]}\n");
}

static void openmetrics_leaves_out_staleness_markers(void **state)
{
    struct ax_series s = series();
    ax_export_write(AX_EXPORT_OPENMETRICS, NULL, &s, 0, 4, &out);
    check("temp{host=\"a,\\\"b\\\"\\n\"} -0 -1.5\n"
          "temp{host=\"a,\\\"b\\\"\\n\"} 0.1 0\n"
          "temp{host=\"a,\\\"b\\\"\\n\"} NaN 1795314601\n");
}

static void csv_has_the_columns_that_were_asked_for(void **state)
{
    struct ax_series s = series();
    struct ax_export_csv csv;
    assert_int_equal(
        ax_export_csv_parse(AX_STR("__timestamp__:unix_s,host,__value__,no,__timestamp__:unix_ns"),
                            &csv, NULL),
        0);
    ax_export_write(AX_EXPORT_CSV, &csv, &s, 0, 3, &out);
    check("-1.5,\"a,\"\"b\"\" \",-0,,-1500000000\n"
          "0,\"a,\"\"b\"\" \",0.1,,0\n"
          "1795314600.123,\"a,\"\"b\"\" \",NaN:7ff0000000000002,,1795314600123000000\n");
    ax_buf_clear(&out);
    assert_int_equal(
        ax_export_csv_parse(AX_STR("__timestamp__:rfc3339,__timestamp__:unix_ms"), &csv, NULL), 0);
    ax_export_write(AX_EXPORT_CSV, &csv, &s, 2, 3, &out);
    check("2026-11-22T02:30:00.123Z,1795314600123\n");
}

static void bad_columns_are_named(void **state)
{
    static const char *const bad[] = {"", "__timestamp__:unix", "a b", "a,,b", "a:b"};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++) {
        struct ax_export_csv csv;
        struct ax_err err = {0};
        assert_int_equal(ax_export_csv_parse(ax_str(bad[i]), &csv, &err), -EINVAL);
        assert_non_null(strstr(err.text, "__value__"));
    }
}

static void a_budget_is_never_exceeded(void **state)
{
    struct ax_budget b = {.max = 100};
    assert_true(ax_budget_take(&b, 60));
    assert_false(ax_budget_take(&b, 41));
    assert_true(ax_budget_take(&b, 40));
    assert_false(ax_budget_take(&b, 1));
    assert_false(ax_budget_take(&b, UINT64_MAX));
    ax_budget_give(&b, 60);
    assert_true(ax_budget_take(&b, 60));
    ax_budget_give(&b, 100);
    assert_false(ax_budget_take(&b, 101));
}

static void *take_and_give(void *arg)
{
    struct ax_budget *b = arg;
    for (int i = 0; i < 20000; i++)
        if (ax_budget_take(b, 40)) {
            AX_ASSERT(__atomic_load_n(&b->held, __ATOMIC_RELAXED) <= b->max);
            ax_budget_give(b, 40);
        }
    return NULL;
}

static void a_budget_is_shared_by_threads(void **state)
{
    struct ax_budget b = {.max = 100};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &b), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(b.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(json_lines_lose_nothing, reset),
        cmocka_unit_test_teardown(openmetrics_leaves_out_staleness_markers, reset),
        cmocka_unit_test_teardown(csv_has_the_columns_that_were_asked_for, reset),
        cmocka_unit_test_teardown(bad_columns_are_named, reset),
        cmocka_unit_test(a_budget_is_never_exceeded),
        cmocka_unit_test(a_budget_is_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
