// SPDX-License-Identifier: Apache-2.0
/* Retention by size: the oldest go first, whole partitions, and the newest stay whatever happens.
 */
#include "store_kit.h"

static void open_with(struct kit *k, uint64_t bytes)
{
    struct ax_intake_options io = {.max_age_ms = 100 * 365 * DAY};
    struct ax_store_options o = {.dir = k->dir,
                                 .retention_ms = 100 * 365 * DAY,
                                 .retention_bytes = bytes,
                                 .commit_us = 200,
                                 .now_ms = kit_clock,
                                 .warn = kit_warn};
    struct ax_err err = {0};
    k->intake = ax_intake_new(&io);
    if (ax_store_open(&k->store, &o, k->intake, &err) < 0)
        fail_msg("%s", err.text);
    k->sub = ax_store_subscriber(k->store);
}

/* Days of noise, each some kilobytes. */
static void fill(struct kit *k, int days)
{
    unsigned seed = 7;
    for (int d = 0; d < days; d++) {
        struct ax_sample v[288];
        for (int i = 0; i < 288; i++)
            v[i] = (struct ax_sample){T0 + d * DAY + i * 300000, rand_r(&seed) / 7.0};
        kit_now = T0 + d * DAY + DAY + HOUR / 2;
        kit_write(k, TENANT, "m", "a", v, 288);
        kit_tick(k, 12);
    }
    kit_now += 2 * HOUR; /* the last day is over, too */
    kit_tick(k, 12);
}

static uint64_t bytes_of(struct kit *k)
{
    return kit_stats(k).block_bytes + kit_stats(k).wal_bytes;
}

static void the_oldest_go_first(void **state)
{
    struct kit *k = *state;
    fill(k, 10);
    uint64_t all = bytes_of(k);
    assert_int_equal(kit_read(k, "m", "a").n, 2880);
    kit_close(k);
    open_with(k, all / 2);
    kit_tick(k, 10);
    assert_true(bytes_of(k) <= all / 2 && bytes_of(k) > all / 4);
    struct ax_series x = kit_read(k, "m", "a");
    assert_true(x.n % 288 == 0 && x.n >= 3 * 288 && x.n <= 5 * 288);
    assert_true(x.t[x.n - 1] == T0 + 9 * DAY + 287 * 300000); /* the newest */
    for (size_t i = 1; i < x.n; i++)
        assert_true(x.t[i] - x.t[i - 1] == 300000); /* without a hole */
    kit_close(k);
    open_with(k, 0);
    assert_int_equal(kit_read(k, "m", "a").n, x.n);
}

static void the_newest_stay_however_little_is_allowed(void **state)
{
    struct kit *k = *state;
    fill(k, 5);
    kit_close(k);
    open_with(k, 10);
    kit_tick(k, 20);
    struct ax_series x = kit_read(k, "m", "a");
    assert_true(x.n > 0 && x.t[x.n - 1] == T0 + 4 * DAY + 287 * 300000);
    assert_true(x.t[0] >= T0 + 4 * DAY);
}

/* After compacting one block has all there is: that is no reason to delete all there is. */
static void one_block_of_everything_stays(void **state)
{
    struct kit *k = *state;
    fill(k, 5);
    assert_int_equal(ax_store_compact(k->store, NULL, NULL), 0);
    kit_close(k);
    open_with(k, 10);
    kit_tick(k, 5);
    assert_int_equal(kit_read(k, "m", "a").n, 5 * 288);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_go_first, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(the_newest_stay_however_little_is_allowed, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(one_block_of_everything_stays, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
