// SPDX-License-Identifier: Apache-2.0
/* What an interval's lines become, and that an interval takes no more than it may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "statsd/table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

static struct ax_statsd_table table;
static struct ax_arena arena;
static struct ax_batch batch;

static int begin(void **state)
{
    table = (struct ax_statsd_table){
        .tenant = AX_STR("t"), .hostname = AX_STR("here"), .random = 88172645463325252u};
    return 0;
}

static int end(void **state)
{
    ax_statsd_table_free(&table);
    ax_arena_free(&arena);
    return 0;
}

static int add(const char *line, struct ax_err *err)
{
    return ax_statsd_add(&table, ax_str(line), err);
}

static void takes(const char *line)
{
    struct ax_err err;
    if (add(line, &err) < 0)
        fail_msg("%s: %s", line, err.text);
}

static void refuses(const char *line, int code, const char *why)
{
    struct ax_err err;
    assert_int_equal(add(line, &err), code);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", line, err.text, why);
}

static void flush(void)
{
    ax_arena_reset(&arena);
    batch = (struct ax_batch){.arena = &arena};
    ax_statsd_flush(&table, 1795314600000, &batch);
}

/* The value flushed of this series; NaN: none. */
static double value(const char *series)
{
    double found = NAN;
    for (size_t i = 0; i < batch.n; i++) {
        struct ax_buf b = AX_BUF_INIT;
        ax_labels_print(batch.v[i].labels, &b);
        ax_buf_byte(&b, 0);
        assert_int_equal(batch.v[i].n, 1);
        assert_int_equal(batch.v[i].samples[0].t, 1795314600000);
        if (strcmp(b.p, series) == 0)
            found = batch.v[i].samples[0].v;
        ax_buf_free(&b);
    }
    return found;
}

#define SERIES(name) "{\"" name "\",hostname=\"here\"}"
#define PLAIN(name)  name "{hostname=\"here\"}"

static void same(const char *series, double wanted)
{
    double got = value(series);
    if (got != wanted)
        fail_msg("%s: wanted %g, got %g", series, wanted, got);
}

static void counters_are_sums_by_their_rates(void **state)
{
    takes("views:1|c");
    takes("views:4|c");
    takes("views:-2|c");
    takes("views:1|c|@0.1");
    takes("views:1|c|#{'env': 'x'}");
    flush();
    assert_int_equal(batch.n, 2);
    same(PLAIN("views"), 13);
    same("views{env=\"x\",hostname=\"here\"}", 1);
    flush();
    assert_int_equal(batch.n, 0);
}

static void gauges_are_their_last_value(void **state)
{
    takes("a.load:3|g");
    takes("a.load:-5|g");
    takes("b:2|g|#hostname:there");
    flush();
    same(SERIES("a.load"), -5);
    same("b{hostname=\"there\"}", 2);
}

static void gauges_may_be_changed_by_signed_values(void **state)
{
    table.deltas = true;
    takes("g:10|g");
    takes("g:-3|g");
    takes("g:+1|g");
    flush();
    same(PLAIN("g"), 8);
    flush();
    assert_int_equal(batch.n, 0); /* silent, not forgotten */
    takes("g:+1|g");
    flush();
    same(PLAIN("g"), 9);
    takes("new:-4|g");
    flush();
    same(PLAIN("new"), -4);
    for (int i = 0; i < 400; i++)
        flush();
    assert_int_equal(table.n, 0);
}

static void timers_become_five(void **state)
{
    for (int i = 100; i > 0; i--) {
        char line[32];
        snprintf(line, sizeof line, "t:%d|ms", i);
        takes(line);
    }
    takes("one:7|h|@0.25");
    flush();
    assert_int_equal(batch.n, 10);
    same(SERIES("t.avg"), 50.5);
    same(SERIES("t.max"), 100);
    same(SERIES("t.count"), 100);
    same(SERIES("t.median"), 50);
    same(SERIES("t.95percentile"), 95);
    same(SERIES("one.avg"), 7);
    same(SERIES("one.count"), 4);
    same(SERIES("one.95percentile"), 7);
}

static void many_times_are_judged_by_a_fair_choice(void **state)
{
    for (int i = 0; i < 100000; i++) {
        char line[32];
        snprintf(line, sizeof line, "t:%d|ms", i);
        takes(line);
    }
    flush();
    same(SERIES("t.count"), 100000);
    same(SERIES("t.max"), 99999);
    same(SERIES("t.avg"), 49999.5);
    assert_true(fabs(value(SERIES("t.median")) - 50000) < 8000); /* over 5 standard deviations */
    assert_true(fabs(value(SERIES("t.95percentile")) - 95000) < 4000);
}

static void sets_count_what_is_different(void **state)
{
    takes("who:ann|s");
    takes("who:bob|s");
    takes("who:ann|s");
    takes("other:ann|s");
    flush();
    same(PLAIN("who"), 2);
    same(PLAIN("other"), 1);
    takes("who:ann|s");
    flush();
    same(PLAIN("who"), 1);
}

static void names_are_monascas(void **state)
{
    refuses(":1|c", -EINVAL, "no metric name");
    refuses("a b:1|c", -EINVAL, "name");
    refuses("m:1|c|#a:b=c", -EINVAL, "value");
    refuses("m:1|c|#_a:b", -EINVAL, "_");
    refuses("m:1|c|#__tenant__:other", -EINVAL, "__tenant__");
    refuses("m:1|c|#{'a': '\\\\'}", -EINVAL, "value");
    refuses("m\xff:1|c", -EINVAL, "UTF-8");
    char name[300];
    memset(name, 'a', sizeof name);
    memcpy(name + 245, ":1|ms", 6);
    refuses(name, -EINVAL, "characters"); /* with .95percentile behind it */
    memcpy(name + 245, ":1|c", 5);
    takes(name);
    flush();
    assert_int_equal(batch.n, 1);
}

static void a_name_keeps_its_type_for_an_interval(void **state)
{
    takes("m:1|c");
    refuses("m:1|g", -EINVAL, "another type");
    flush();
    takes("m:2|g");
    flush();
    same(PLAIN("m"), 2);
}

static void no_sum_is_infinite(void **state)
{
    takes("m:1e308|c");
    refuses("m:1e308|c", -EINVAL, "too large");
    refuses("n:1|c|@1e-320", -EINVAL, "too large");
    takes("t:1e308|ms");
    refuses("t:1e308|ms", -EINVAL, "too large");
    refuses("t:1|ms|@1e-320", -EINVAL, "too large");
    flush();
    assert_int_equal(batch.n, 6);
    same(PLAIN("m"), 1e308);
    same(SERIES("t.count"), 1);
}

static void an_interval_takes_so_many_metrics(void **state)
{
    char line[64];
    for (unsigned i = 0; i < AX_STATSD_METRICS; i++) {
        snprintf(line, sizeof line, "m%u:1|c", i);
        takes(line);
    }
    refuses("more:1|c", -ENOSPC, "too many");
    takes("m0:1|c");
    flush();
    assert_int_equal(batch.n, AX_STATSD_METRICS);
    same(PLAIN("m0"), 2);
    takes("more:1|c");
}

static void an_interval_takes_so_much_memory(void **state)
{
    enum { LONG = 60000 };
    char *line = malloc(LONG + 32);
    struct ax_err err;
    int rc = 0, n = 0;
    for (; rc == 0 && n < 10000; n++) {
        int at = snprintf(line, 32, "s:%08d", n);
        memset(line + at, 'x', LONG);
        memcpy(line + at + LONG, "|s", 3);
        rc = add(line, &err);
    }
    free(line);
    assert_int_equal(rc, -ENOSPC);
    assert_true(table.arena.used < AX_STATSD_BYTES + 2 * LONG);
    refuses("another:1|g", -ENOSPC, "too many");
    flush();
    same(PLAIN("s"), n - 1);
    takes("another:1|g");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counters_are_sums_by_their_rates),
        TEST(gauges_are_their_last_value),
        TEST(gauges_may_be_changed_by_signed_values),
        TEST(timers_become_five),
        TEST(many_times_are_judged_by_a_fair_choice),
        TEST(sets_count_what_is_different),
        TEST(names_are_monascas),
        TEST(a_name_keeps_its_type_for_an_interval),
        TEST(no_sum_is_infinite),
        TEST(an_interval_takes_so_many_metrics),
        TEST(an_interval_takes_so_much_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
