// SPDX-License-Identifier: Apache-2.0
/* What single tenants may keep: by age and by size, while the others keep what they have. */
#include "store_kit.h"

#include "store/disk.h"

#define YEARS (100 * 365 * DAY)

static void open_with(struct kit *k, const struct ax_tenant_limit *limits, size_t n, uint64_t bytes)
{
    struct ax_intake_options io = {.max_age_ms = YEARS};
    struct ax_store_options o = {.dir = k->dir,
                                 .retention_ms = YEARS,
                                 .limits = limits,
                                 .nlimits = n,
                                 .tenant_bytes = bytes,
                                 .commit_us = 200,
                                 .now_ms = kit_clock,
                                 .warn = kit_warn};
    struct ax_err err = {0};
    k->intake = ax_intake_new(&io);
    if (ax_store_open(&k->store, &o, k->intake, &err) < 0)
        fail_msg("%s", err.text);
    k->sub = ax_store_subscriber(k->store);
}

/* A day of noise of each tenant; what is before it goes into blocks. */
static void write_day(struct kit *k, int day, const char *const *tenants, size_t n)
{
    static unsigned seed = 7;
    for (size_t i = 0; i < n; i++) {
        struct ax_sample v[288];
        for (int s = 0; s < 288; s++)
            v[s] = (struct ax_sample){T0 + day * DAY + s * 300000, rand_r(&seed) / 7.0};
        kit_write(k, tenants[i], "m", "a", v, 288);
    }
    for (int i = 0; i < 8; i++) { /* no leap */
        kit_now = T0 + day * DAY + DAY + HOUR + i * HOUR / 2;
        kit_tick(k, 4);
    }
}

static const char *const ALL[] = {"a", "b", "c"};

static void fill(struct kit *k, int days)
{
    for (int d = 0; d < days; d++)
        write_day(k, d, ALL, 3);
}

static struct ax_series read_of(struct kit *k, const char *tenant)
{
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_series_set set;
    sel.tenant = ax_str(tenant);
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(set.warning.n, 0);
    assert_true(set.n <= 1);
    return set.n ? set.v[0] : (struct ax_series){0};
}

static uint64_t bytes_of(struct kit *k, const char *tenant)
{
    struct ax_tenant_bytes *v;
    size_t n;
    ax_store_tenants(k->store, &k->arena, &v, &n);
    for (size_t i = 0; i < n; i++)
        if (ax_str_eq(v[i].tenant, ax_str(tenant)))
            return v[i].bytes;
    return 0;
}

/* The last n days, without a hole. */
static void check_days(struct kit *k, const char *tenant, int days, int n)
{
    struct ax_series x = read_of(k, tenant);
    assert_int_equal(x.n, n * 288);
    for (size_t i = 0; i < x.n; i++)
        assert_true(x.t[i] == T0 + (days - n) * DAY + (int64_t)i * 300000);
}

static void what_a_tenant_takes_is_told(void **state)
{
    struct kit *k = *state;
    const char *const big[] = {"a", "a2", "a3"};
    struct ax_sample one = {T0 + DAY, 1};
    kit_write(k, "small", "m", "a", &one, 1);
    write_day(k, 0, big, 3);
    kit_tick(k, 20);
    struct ax_store_stats st = kit_stats(k);
    uint64_t sum = bytes_of(k, "small");
    for (size_t i = 0; i < 3; i++) {
        uint64_t bytes = bytes_of(k, big[i]);
        assert_true(bytes > st.block_bytes / 5 && bytes < st.block_bytes / 2);
        sum += bytes;
    }
    assert_true(bytes_of(k, "small") > 0 && bytes_of(k, "small") < st.block_bytes / 10);
    assert_true(sum <= st.block_bytes && sum + 10 >= st.block_bytes);
    assert_int_equal(bytes_of(k, "nobody"), 0);
}

static void a_tenant_keeps_less_than_the_others(void **state)
{
    struct kit *k = *state;
    const struct ax_tenant_limit limits[] = {{AX_STR("a"), 3 * DAY, 0}, {AX_STR("b"), 6 * DAY, 0}};
    kit_close(k);
    open_with(k, limits, 2, 0);
    fill(k, 10);
    check_days(k, "a", 10, 3);
    check_days(k, "b", 10, 6);
    check_days(k, "c", 10, 10);
    kit_close(k);
    kit_open(k);
    check_days(k, "a", 10, 3);
    check_days(k, "b", 10, 6);
    check_days(k, "c", 10, 10);
}

static void a_tenants_last_block_goes_too(void **state)
{
    struct kit *k = *state;
    const struct ax_tenant_limit limits[] = {{AX_STR("a"), 2 * DAY, 0}, {AX_STR("b"), 2 * DAY, 0}};
    const char *const both[] = {"a", "b"}, *const other[] = {"c"};
    kit_close(k);
    open_with(k, limits, 2, 0);
    write_day(k, 0, both, 2);
    for (int d = 1; d < 4; d++)
        write_day(k, d, other, 1);
    assert_int_equal(read_of(k, "a").n + read_of(k, "b").n, 0);
    assert_int_equal(bytes_of(k, "a"), 0);
    assert_int_equal(read_of(k, "c").n, 3 * 288);
}

static void a_clock_that_leapt_deletes_nothing(void **state)
{
    struct kit *k = *state;
    const struct ax_tenant_limit limits[] = {{AX_STR("a"), 3 * DAY, 0}};
    kit_close(k);
    open_with(k, limits, 1, 0);
    fill(k, 3);
    kit_now += 20 * DAY;
    kit_tick(k, 5);
    assert_int_equal(read_of(k, "a").n, 3 * 288);
    kit_now += HOUR - 60000;
    kit_tick(k, 5);
    assert_int_equal(read_of(k, "a").n, 3 * 288);
    kit_now += 120000;
    kit_tick(k, 5);
    assert_int_equal(read_of(k, "a").n, 0);
    check_days(k, "c", 3, 3);
}

static void a_tenant_that_takes_too_much_loses_the_oldest(void **state)
{
    struct kit *k = *state;
    fill(k, 10);
    kit_tick(k, 20);
    uint64_t all = bytes_of(k, "a");
    struct ax_tenant_limit limits[] = {{AX_STR("a"), 0, all / 2}};
    kit_close(k);
    open_with(k, limits, 1, 0);
    kit_tick(k, 60);
    assert_true(bytes_of(k, "a") <= all / 2 && bytes_of(k, "a") > all / 4);
    struct ax_series x = read_of(k, "a");
    assert_true(x.n % 288 == 0);
    check_days(k, "a", 10, (int)x.n / 288);
    check_days(k, "b", 10, 10);
    check_days(k, "c", 10, 10);
}

static void one_limit_is_for_each_and_own_ones_go_before_it(void **state)
{
    struct kit *k = *state;
    fill(k, 10);
    kit_tick(k, 20);
    uint64_t all = bytes_of(k, "a");
    struct ax_tenant_limit limits[] = {{AX_STR("b"), 0, UINT64_MAX}, {AX_STR("c"), 0, 1}};
    kit_close(k);
    open_with(k, limits, 2, all / 2);
    kit_tick(k, 100);
    size_t n = read_of(k, "a").n;
    assert_true(n >= 3 * 288 && n <= 5 * 288);
    check_days(k, "b", 10, 10);
    check_days(k, "c", 10, 1); /* the newest stay */
}

/* After a start the clock is believed when it has gone on for an hour. */
static void open_and_wait(struct kit *k, const struct ax_tenant_limit *limits, int64_t now)
{
    kit_now = now;
    open_with(k, limits, 1, 0);
    kit_tick(k, 10);
    kit_now += HOUR - 60000;
    kit_tick(k, 1);
    kit_now += 120000;
}

/* Whatever fails on the way: all of a block's samples of the tenant are there, or none. */
static void a_failing_disk_costs_nobody_anything(void **state)
{
    struct kit *k = *state;
    const struct ax_tenant_limit limits[] = {{AX_STR("a"), 3 * DAY, 0}};
    fill(k, 5);
    kit_tick(k, 20);
    struct ax_series before = read_of(k, "a");
    assert_int_equal(before.n, 5 * 288);
    bool failed = false, worked = false;
    int64_t now = kit_now;
    for (int n = 0; n < 40; n += 2) {
        kit_close(k);
        open_and_wait(k, limits, now);
        kit_operations_left = n;
        ax_disk = kit_stopping_disk();
        for (int i = 0; i < 8; i++)
            failed |= ax_store_tick(k->store, NULL) < 0;
        kit_close(k);
        ax_disk = &ax_disk_real;
        kit_open(k);
        size_t days = read_of(k, "a").n / 288;
        assert_true(days >= 3 && days <= 5);
        check_days(k, "a", 5, (int)days);
        check_days(k, "b", 5, 5);
        check_days(k, "c", 5, 5);
        worked |= days == 3;
    }
    assert_true(failed && worked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_tenant_takes_is_told, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_tenant_keeps_less_than_the_others, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_tenants_last_block_goes_too, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_clock_that_leapt_deletes_nothing, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_tenant_that_takes_too_much_loses_the_oldest, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(one_limit_is_for_each_and_own_ones_go_before_it, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_failing_disk_costs_nobody_anything, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
